"""Points that are missing in a signal: the same as fits without them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skrelax.nonlinear import FitStatus, NonlinearRelaxationFit
from skrelax.nonlinear._energies import coarse_energies, orthonormal
from skrelax.signals import EPGEchoTrain

TE = 0.008 * np.arange(1, 33)[:, None]
TI = np.geomspace(0.03, 4.0, 12)[:, None]
N = 24
T1_RANGE, T2_RANGE = {"T1": (0.01, 40.0)}, {"T2": (1e-3, 5.0)}
PAIR_RANGE = {"T2_short": (2e-3, 2.0), "T2_long": (2e-3, 2.0)}
# Where iterations end: at a step of 1e-8, or where the sum of squares is flat to 1e-11.
STEP, FLAT = 1e-7, 1e-5


def signals(kind):
    rng = np.random.default_rng(3)
    T2, T1 = rng.uniform(0.02, 0.3, N), rng.uniform(0.2, 3.0, N)
    if kind == "pair":
        clean = 0.4 * np.exp(-TE / 0.02) + 0.6 * np.exp(-TE / (0.08 + T2))
        return TE, clean + 1e-3 * rng.standard_normal(clean.shape)
    times, clean = TE, np.exp(-TE / T2)
    if kind.startswith("recovery"):
        times, clean = TI, 1.0 - 1.9 * np.exp(-TI / T1)
    noisy = clean + 0.02 * rng.standard_normal(clean.shape)
    if kind.endswith("magnitudes"):
        noisy = np.abs(noisy)
    return times, noisy * np.exp(0.7j) if kind == "complex" else noisy


CASES = {
    "one amplitude": ("T2", "decay", T2_RANGE, {}, STEP),
    "complex": ("T2", "complex", T2_RANGE, {}, STEP),
    "noise known": ("T2", "decay", T2_RANGE, {"noise_std": 0.02}, STEP),
    "magnitudes": ("T1-IR", "recovery magnitudes", T1_RANGE, {"magnitude": True}, STEP),
    "two amplitudes": ("T2-offset", "decay", T2_RANGE, {}, STEP),
    "their magnitudes": (
        "T1-IR-efficiency", "recovery magnitudes", T1_RANGE, {"magnitude": True}, STEP,
    ),
    "from a start": (
        "T1-IR-efficiency", "recovery magnitudes", T1_RANGE,
        {"magnitude": True, "init": {"T1": 1.0}}, STEP,
    ),
    "pair": ("T2-biexponential", "pair", PAIR_RANGE, {}, FLAT),
    "plane": (EPGEchoTrain(echo_spacing=0.008), "decay", T2_RANGE, {}, FLAT),
    "Rician": ("T2", "decay magnitudes", T2_RANGE, {"noise": "rician"}, STEP),
    "general": (
        "T1-general", "recovery magnitudes", T1_RANGE, {"magnitude": True}, FLAT,
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", CASES)
def test_the_other_points_are_fitted(name):
    model, kind, bounds, options, rtol = CASES[name]
    X, y = signals(kind)
    if name == "general":
        y = y[:, :8]
    rng = np.random.default_rng(0)
    there = rng.random(y.shape) > 0.2
    # The first point holds most of the shortest decays.
    there[0, ::3], there[:, 1] = False, True
    weight = rng.uniform(0.5, 2.0, len(X))
    y = np.where(there, y, np.nan)
    fit = NonlinearRelaxationFit(model, bounds=bounds, **options)
    fit.fit(X, y, sample_weight=weight)
    assert_array_equal(fit.n_points_, there.sum(axis=0))
    for v in range(y.shape[1]):
        rows = there[:, v]
        alone = NonlinearRelaxationFit(model, bounds=bounds, **options)
        alone.fit(X[rows], y[rows, v], sample_weight=weight[rows])
        assert fit.status_[v] == alone.status_
        assert_allclose(fit.params_[v], alone.params_, rtol=rtol)
        assert_allclose(fit.stderr_[v], alone.stderr_, rtol=10.0 * rtol)
        assert_allclose(fit.r2_[v], alone.r2_, rtol=1e-9)
        assert_allclose(fit.relative_error_[v], alone.relative_error_, rtol=1e-9)


@pytest.mark.parametrize("model", ["T2", "T2-offset", "T2-biexponential"])
def test_complete_signals_keep_their_bits_and_others_their_numbers(model):
    X, y = signals("pair")
    fit = NonlinearRelaxationFit(model).fit(X, y)
    complete = fit.params_, fit.stderr_, fit.status_
    holed = y.copy()
    holed[3, ::2] = np.nan
    mixed = NonlinearRelaxationFit(model).fit(X, holed)
    for ours, before in zip(
        (mixed.params_, mixed.stderr_, mixed.status_), complete, strict=True
    ):
        assert_array_equal(ours[1::2], before[1::2])
    # Neither the order nor the company of signals matters.
    turned = NonlinearRelaxationFit(model, n_jobs=2).fit(X, holed[:, ::-1])
    assert_allclose(turned.params_[::-1], mixed.params_, rtol=1e-12)


def test_known_values_go_with_missing_points():
    X, y = signals("decay")
    y[2::7, ::2] = np.nan
    known = {"beta": np.linspace(0.8, 1.0, N)}
    fit = NonlinearRelaxationFit("T2-stretched", bounds=T2_RANGE).fit(X, y, known=known)
    for v in range(0, N, 5):
        rows = np.isfinite(y[:, v])
        alone = NonlinearRelaxationFit("T2-stretched", bounds=T2_RANGE)
        alone.fit(X[rows], y[rows, v], known={"beta": known["beta"][v]})
        assert_allclose(fit.params_[v], alone.params_, rtol=FLAT)


def test_statuses_and_scores():
    X, y = signals("decay")
    y[2:, 0] = np.nan
    y[1:, 1] = np.nan
    y[:, 2] = np.nan
    y[4, 3] = np.nan
    y[4, 4] = np.inf
    with pytest.warns(ConvergenceWarning, match="1 not identifiable, 2 failed"):
        fit = NonlinearRelaxationFit("T2", bounds=T2_RANGE).fit(X, y)
    # Two points determine two parameters, without an error of them.
    assert fit.status_[:5].tolist() == [
        FitStatus.CONVERGED, FitStatus.NOT_IDENTIFIABLE, FitStatus.FAILED,
        FitStatus.CONVERGED, FitStatus.FAILED,
    ]  # fmt: skip
    assert fit.n_points_[:5].tolist() == [2, 0, 0, len(X) - 1, 0]
    assert np.isfinite(fit.params_[0]).all()
    assert np.isnan(fit.stderr_[0]).all()
    assert np.isnan(fit.params_[[1, 2, 4]]).all()
    part = y[:, [3, 5]]
    fit.fit(X, part)
    assert fit.score(X, part) == pytest.approx(fit.r2_.mean(), rel=1e-9)


@pytest.mark.parametrize("n_amplitudes", [1, 2])
def test_energies_are_those_of_the_points_there(n_amplitudes):
    rng = np.random.default_rng(0)
    basis = orthonormal(rng.standard_normal((n_amplitudes, 12, 30)))
    # Parallel where the second half is missing.
    basis[-1, :6, 3] = basis[0, :6, 3]
    there = np.ones((9, 12))
    there[:8] = rng.random((8, 12)) > 0.3
    there[8, 6:] = 0.0
    Y = rng.standard_normal((9, 2, 12)) * there[:, None]
    found = [(p, e.copy()) for p, e in coarse_energies(Y, np.float32(basis), there)]
    ((part, energies),) = found
    assert part == slice(0, 9)
    for v, g in np.ndindex(9, 30):
        A = basis[:, :, g].T * there[v][:, None]
        rest = Y[v].T - A @ np.linalg.lstsq(A, Y[v].T, rcond=1e-6)[0]
        expected = 1.0 - (rest**2).sum() / (Y[v] ** 2).sum()
        assert energies[v, g] == pytest.approx(expected, abs=2e-5)
