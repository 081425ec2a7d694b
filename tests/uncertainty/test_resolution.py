"""Resolution along the axis: the linear averaging kernel, noise, units and errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso
from skrelax.kernels import acquisition_grid
from skrelax.model_selection import StrengthSearch
from skrelax.plotting import ResolutionDisplay
from skrelax.uncertainty import distribution_resolution

TIMES = np.geomspace(1e-3, 3.0, 40)[:, None]
BINS = np.geomspace(1e-5, 1e2, 36)
CLEAN = np.exp(-TIMES / [0.02, 0.3]) @ [0.4, 0.6]
SIGNAL = CLEAN + 0.005 * np.random.default_rng(0).standard_normal(40)


def model(smoothness=1e-3, **settings):
    return make_pipeline(
        KernelBuilder("T2", grid=BINS), SmoothLasso(0.0, smoothness, **settings)
    )


def test_without_bounds_it_is_the_averaging_kernel():
    smoothness, n = 1e-2, len(TIMES)
    table = distribution_resolution(
        model(smoothness, order=0, positive=False), TIMES, SIGNAL
    )
    K = np.exp(-TIMES / BINS)
    # The objective has 1/(2 n) before the misfit and 1/2 before the squares.
    kernel = np.linalg.solve(K.T @ K + n * smoothness * np.eye(36), K.T @ K)
    seen = kernel.clip(min=0.0)
    seen = seen / seen.sum(axis=0)
    x = np.log10(BINS)
    centre = x @ seen
    spread = x**2 @ seen - centre**2
    inner = slice(10, 25)
    length = 2.354820 * np.sqrt(spread)
    assert_allclose(table["length"].iloc[inner], length[inner], rtol=1e-4)
    assert_allclose(table["shift"].iloc[inner], (centre - x)[inner], atol=1e-5)


def test_stronger_penalties_resolve_less():
    weak, strong = (
        distribution_resolution(model(s), TIMES, SIGNAL)["length"].iloc[12:24]
        for s in (1e-4, 1e-2)
    )
    assert (strong > 1.3 * weak).all()


def test_what_decays_before_the_first_point_is_not_seen():
    table = distribution_resolution(model(), TIMES, SIGNAL, noise_std=0.01)
    assert not table["seen"].iloc[0]
    assert table["seen"].iloc[12:30].all()
    column = np.exp(-TIMES[:, 0] / BINS[20])
    amplitude = model().fit(TIMES, SIGNAL)[-1].coef_.sum()
    least = 3 * 0.01 / (amplitude * np.linalg.norm(column))
    assert_allclose(table["least_share"].iloc[20], least, rtol=1e-10)
    # Twice the noise, and twice the signal: the same.
    twice = distribution_resolution(model(), TIMES, 2.0 * SIGNAL, noise_std=0.02)
    assert_allclose(twice["least_share"], table["least_share"], rtol=1e-5)
    assert_allclose(twice["length"].iloc[12:30], table["length"].iloc[12:30], rtol=1e-3)


def test_searches_keep_the_strength_that_they_chose():
    search = StrengthSearch(model(), "chi2", strengths=6).fit(TIMES, SIGNAL)
    chosen = distribution_resolution(search, TIMES, SIGNAL)
    fixed = distribution_resolution(model(search.strength_), TIMES, SIGNAL)
    assert_allclose(chosen["length"], fixed["length"], rtol=1e-6)


def test_weights_are_those_of_the_points():
    weight = np.where(np.arange(40) < 20, 1.9, 0.1)
    table = distribution_resolution(
        model(), TIMES, SIGNAL, noise_std=0.01, sample_weight=weight
    )
    plain = distribution_resolution(model(), TIMES, SIGNAL, noise_std=0.01)
    # Late points hardly count, so that what they alone show is seen less.
    fast, slow = 12, 30
    ratio = table["least_share"] / plain["least_share"]
    assert ratio.iloc[fast] < 0.9
    assert ratio.iloc[slow] > ratio.iloc[fast]


def test_the_picture_leaves_out_what_is_not_seen():
    pytest.importorskip("matplotlib").use("Agg")
    display = ResolutionDisplay.from_estimator(model(), TIMES, SIGNAL, noise_std=0.01)
    assert display.ax_.get_xlabel() == "$T_{2}$ (s)"
    shown = display.line_.get_ydata()
    assert np.isnan(shown[0])
    table = distribution_resolution(model(), TIMES, SIGNAL, noise_std=0.01)
    assert_allclose(shown[20], table["length"].iloc[20])


def test_bad_input():
    with pytest.raises(ValueError, match="one signal"):
        distribution_resolution(model(), TIMES, np.ones((40, 2)))
    with pytest.raises(ValueError, match="noise_std"):
        distribution_resolution(model(), TIMES, SIGNAL, noise_std=-1.0)
    X = acquisition_grid(np.geomspace(1e-2, 5, 5), np.geomspace(1e-3, 1, 6))
    two = make_pipeline(KernelBuilder(["T1-IR", "T2"], n_bins=4), SmoothLasso())
    with pytest.raises(ValueError, match="one axis"):
        distribution_resolution(two, X, np.exp(-X[:, 1]))
