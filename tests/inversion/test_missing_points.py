"""Points that are missing in a signal: distributions of the others alone."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista, SmoothLasso
from skrelax.inversion import KernelParameterSearch
from skrelax.model_selection import StrengthSearch
from skrelax.nonlinear import FitStatus
from skrelax.signals import EPGEchoTrain

TE = 0.01 * np.arange(1, 33)[:, None]
GRID = np.geomspace(0.01, 2.0, 20)
INVERSIONS = {
    "none": lambda: LassoFista(alpha=0.0),
    "fixed": lambda: SmoothLasso(0.0, 1e-3, order=0),
    "baseline": lambda: SmoothLasso(0.0, 1e-3, order=0, fit_intercept=True),
    "chi2": lambda: search("chi2"),
    "gcv": lambda: search("gcv"),
}


def search(rule):
    return StrengthSearch(
        SmoothLasso(alpha=0.0, order=0), rule=rule, degrees_of_freedom="linear",
        per_signal=True,
    )  # fmt: skip


def signals():
    rng = np.random.default_rng(0)
    angles = rng.uniform(130.0, 175.0, 6)
    clean = [
        EPGEchoTrain(angle, echo_spacing=0.01).evaluate(TE, np.array([[0.02], [0.09]]))
        @ [0.2, 0.8]
        for angle in angles
    ]
    y = np.array(clean).T
    return np.abs(y + 0.005 * rng.standard_normal(y.shape)), angles


def angle_search(name):
    train = EPGEchoTrain(echo_spacing=0.01, excitation="half")
    builder = KernelBuilder(train, grid=GRID)
    return KernelParameterSearch(make_pipeline(builder, INVERSIONS[name]()))


@pytest.mark.parametrize("name", INVERSIONS)
def test_distributions_of_the_other_points(name):
    y, angles = signals()
    weight = np.linspace(0.5, 1.5, len(y))
    complete = angle_search(name).fit(TE, y, sample_weight=weight, known=angles)
    holed = y.copy()
    holed[0, [1, 4]] = np.nan
    holed[[3, 11, 30], 2] = np.nan
    found = angle_search(name).fit(TE, holed, sample_weight=weight, known=angles)
    assert found.n_points_.tolist() == [32, 31, 29, 32, 31, 32]
    assert_array_equal(found.coef_[[0, 3, 5]], complete.coef_[[0, 3, 5]])
    for k in (1, 2, 4):
        rows = np.isfinite(holed[:, k])
        alone = angle_search(name)
        alone.fit(TE[rows], holed[rows, k], sample_weight=weight[rows], known=angles[k])
        # Strengths are found to 1e-4 of their logarithm.
        assert_allclose(found.coef_[k], alone.coef_, atol=2e-4 * alone.coef_.max())
        assert_allclose(found.residual_[k], alone.residual_, rtol=1e-4)
        assert_allclose(found.noise_std_[k], alone.noise_std_, rtol=1e-6)


def test_angles_are_those_of_the_other_points():
    y, _ = signals()
    y[2, :3] = np.nan
    y[:, 5] = np.nan
    y[1:, 4] = np.nan
    with pytest.warns(match="1 not identifiable, 1 failed"):
        found = angle_search("none").fit(TE, y)
    assert found.status_[4:].tolist() == [FitStatus.NOT_IDENTIFIABLE, FitStatus.FAILED]
    assert found.n_points_[3:].tolist() == [32, 0, 0]
    for k in range(3):
        rows = np.isfinite(y[:, k])
        alone = angle_search("none").fit(TE[rows], y[rows, k])
        # To 1e-6 of the range of angles.
        assert_allclose(found.value_[k], alone.value_, atol=1e-3)


def test_without_tables_and_with_names():
    y, angles = signals()
    y[4, 1] = np.nan
    frame = pd.DataFrame({"TE": TE[:, 0]})
    # No table serves a search by cross-validation.
    inversion = StrengthSearch(
        SmoothLasso(alpha=0.0, order=0), strengths=3, rule="cv", cv=2, per_signal=True
    )
    train = EPGEchoTrain(echo_spacing=0.01)
    slow = KernelParameterSearch(
        make_pipeline(KernelBuilder(train, grid=GRID), inversion)
    )
    found = slow.fit(frame, y[:, :2], known=angles[:2]).coef_[1]
    rows = np.isfinite(y[:, 1])
    alone = slow.fit(frame[rows], y[rows, 1], known=angles[1])
    assert_allclose(found, alone.coef_, rtol=1e-9, atol=1e-12)
