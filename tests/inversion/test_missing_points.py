"""Points that are missing in a signal: distributions of the others alone."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg
from scipy.optimize import nnls
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista, SmoothLasso
from skrelax.inversion import KernelParameterSearch
from skrelax.inversion._voxels import invert_signals, make_table
from skrelax.inversion._voxels._invert import make_work
from skrelax.inversion._voxels._numba_active import own_ratios
from skrelax.inversion._voxels._numba_kernel import gram_there
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
    "lcurve": lambda: search("lcurve"),
    "discrepancy": lambda: search("discrepancy"),
    "gcv": lambda: search("gcv"),
    "active": lambda: search("gcv", "active"),
}


def search(rule, degrees_of_freedom="linear"):
    return StrengthSearch(
        SmoothLasso(alpha=0.0, order=0), rule=rule,
        degrees_of_freedom=degrees_of_freedom, per_signal=True,
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


def make_voxel_table(bins, fit_intercept):
    """Return a table over the angle."""

    def kernel(angle):
        train = EPGEchoTrain(angle, echo_spacing=0.01, excitation="half")
        return train.evaluate(TE, bins[:, None]) / np.sqrt(len(TE))

    return make_table(kernel, 50.0, 180.0, magnitude=True, fit_intercept=fit_intercept)


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
        # Kernels of a table are off by 1e-10; that of a fit alone has effective
        # parameters between which it interpolates.
        close = 2e-4 if name == "gcv" else 1e-6
        assert_allclose(found.coef_[k], alone.coef_, atol=close * alone.coef_.max())
        assert_allclose(found.residual_[k], alone.residual_, rtol=min(close, 1e-4))
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


@pytest.mark.parametrize("rule", ["none", "gcv"])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_random_dropouts_do_not_depend_on_each_other(rule, fit_intercept):
    # Of bins far below the spacing hardly anything is left without the first echo.
    table = make_voxel_table(np.geomspace(1e-3, 2.0, 20), fit_intercept)
    y = signals()[0].T
    there = np.random.default_rng(1).random(y.shape) > 0.2
    there[:3, 0] = False
    filled = np.where(there, y, y[np.arange(6), there.argmax(axis=1)][:, None])
    found = invert_signals(table, filled, rule, there=there)
    again = invert_signals(table, filled[::-1], rule, there=there[::-1], n_jobs=2)
    for one, other in zip(found, again, strict=True):
        assert_array_equal(one, other[::-1])
    for k in range(6):
        alone = invert_signals(
            table, filled[k : k + 1], rule, there=there[k : k + 1],
            settings=found.settings[k : k + 1],
        )  # fmt: skip
        # A search stops within 1e-6 of the range of angles, where it has just fitted.
        F = found.distributions[k]
        assert_allclose(alone.distributions[0], F, atol=1e-7 * F.max())
        # No angle of the scan is better.
        K = table.kernels * (there[k] / np.sqrt(there[k].mean()))
        y_k = np.where(there[k], y[k], 0.0) / np.sqrt(there[k].sum())
        if fit_intercept:
            root = there[k] / np.sqrt(there[k].sum())
            K = K - (K @ root)[..., None] * root
            y_k = y_k - (y_k @ root) * root
        best = min(nnls(A.T, y_k)[1] for A in K)
        assert found.free_residuals[k] <= best * (1.0 + 1e-6)


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_products_and_eigenvalues_of_the_points_there(fit_intercept):
    table = make_voxel_table(GRID, fit_intercept)
    there = np.ones(len(TE))
    there[[0, 4, 9, 30]] = 0.0
    factor = there / np.sqrt(there.mean())
    root = factor / np.sqrt(len(TE))
    own = np.array([factor, root if fit_intercept else 0.0 * root])
    K = table.kernels[40] * factor
    if fit_intercept:
        K = K - (K @ root)[:, None] * root
    G, work = K @ K.T, make_work(len(GRID), len(TE), table.nodes.size)
    _, fine = gram_there(
        table.grams[40], table.kernels[40], own, fit_intercept, work.t[2:], work.G
    )
    assert fine
    # Of the first echo, which is gone, all digits but three are left.
    assert_allclose(work.G, G, atol=1e-12 * G.max())
    D = np.diff(np.eye(len(GRID)), axis=0)
    L = D.T @ D
    own_ratios(L, work)
    unit = np.trace(G) / len(G)
    share = linalg.eigh(G, G + unit * L, eigvals_only=True)
    # Others are rounding; a constant is not penalised.
    kept = (share > 1e-9) & (share < 1.0 - 1e-9)
    q = work.q[:-1]
    assert_allclose(q[kept] / (unit + q[kept]), share[kept], rtol=1e-5)
    assert (q[share >= 1.0 - 1e-9] > 1e6 * unit).all()


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
