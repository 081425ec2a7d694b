"""Distributions of many signals: active parameters, sums of amplitudes, baselines."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import nnls
from voxels import (
    HIGH,
    LOW,
    N_BINS,
    N_ECHOES,
    kernel,
    signed_train,
    simulate,
    table_of,
)

from skrelax import LassoFista, SmoothLasso
from skrelax.inversion._penalty import kronecker_penalty
from skrelax.inversion._voxels import RULES, invert_signals, make_table
from skrelax.nonlinear import FitStatus


@pytest.fixture(scope="module")
def table():
    return table_of()


# Weights of points, as kernels and signals have them.
ROOT = np.sqrt(np.linspace(2.0, 1.0, N_ECHOES) / np.linspace(2.0, 1.0, N_ECHOES).sum())


@pytest.fixture(scope="module")
def centred():
    return make_table(
        lambda v: signed_train(v) * ROOT[:, None],
        LOW, HIGH, None, True, fit_intercept=True, root_weight=ROOT,
    )  # fmt: skip


def single_fits(K, L, y, strengths):
    """Return the logarithm of the criterion of GCV, counting bins in use."""
    values = []
    root = np.linalg.cholesky(L + 1e-14 * np.eye(N_BINS)).T
    G = K.T @ K / N_ECHOES
    for s in strengths:
        stacked = np.vstack([K, np.sqrt(N_ECHOES * s) * root])
        f = nnls(stacked, np.append(y, np.zeros(N_BINS)), maxiter=1000)[0]
        P = np.ix_(f > 0, f > 0)
        left = 1.0 - np.trace(np.linalg.solve(G[P] + s * L[P], G[P])) / N_ECHOES
        values.append(np.log(np.mean((K @ f - y) ** 2)) - 2.0 * np.log(left))
    return np.array(values)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_active_parameters_against_a_dense_scan(order):
    L = kronecker_penalty((N_BINS,), order).toarray()
    signals, angles = simulate(5, 150.0, seed=2)
    found = invert_signals(
        table_of(L), signals, "gcv-active", settings=angles, penalty=L
    )
    for strength, angle, y in zip(found.strengths, angles, signals, strict=True):
        K = kernel(angle)
        grid = np.geomspace(1e-8, 1.0, 400)
        scan = single_fits(K, L, y, grid)
        best = grid[scan.argmin()]
        near = best * np.exp(np.linspace(-0.05, 0.05, 101))
        scan = single_fits(K, L, y, near)
        ours = single_fits(K, L, y, [strength])[0]
        # Next to a jump the scan is off by its step, at a minimum by its square.
        close = abs(np.log(near[scan.argmin()] / strength)) <= 2e-3
        assert ours <= scan.min() + (1e-6 if close else 1e-9)


@pytest.mark.parametrize("alpha", [1e-4, 1e-2, 3e-2])
def test_sums_of_amplitudes_are_single_fits(table, alpha):
    signals, angles = simulate(5, 100.0)
    found = invert_signals(table, signals, settings=angles, alpha=alpha, least_snr=None)
    for f, residual, angle, y in zip(
        found.distributions, found.residuals, angles, signals, strict=True
    ):
        K = kernel(angle)
        single = LassoFista(alpha, tol=1e-12).fit(K, y)

        def objective(f, K=K, y=y):
            return 0.5 * np.mean((K @ f - y) ** 2) + alpha * f.sum()

        least = objective(single.coef_)
        # A gap of 1e-12 of the objective is left to the single fit.
        assert objective(f) == pytest.approx(least, rel=1e-10)
        assert residual == pytest.approx(np.sqrt(np.mean((K @ f - y) ** 2)), rel=1e-9)


def with_baselines(n_signals, snr):
    signals, angles = simulate(n_signals, snr)
    return signals + np.linspace(-0.2, 0.5, n_signals)[:, None], angles


@pytest.mark.parametrize("alpha", [0.0, 1e-3])
def test_baselines_are_those_of_single_fits(centred, alpha):
    signals, angles = with_baselines(6, 150.0)
    found = invert_signals(
        centred, signals, "fixed", root_weight=ROOT, settings=angles, strengths=1e-4,
        alpha=alpha,
    )  # fmt: skip
    for index, (angle, y) in enumerate(zip(angles, signals, strict=True)):
        single = SmoothLasso(alpha, 1e-4, order=0, fit_intercept=True, tol=1e-12)
        single.fit(kernel(angle), y, sample_weight=ROOT**2)
        # Kernels differ by 1e-10, weak penalties multiply that.
        assert_allclose(found.distributions[index], single.coef_, atol=1e-6)
        assert found.intercepts[index] == pytest.approx(single.intercept_, abs=1e-6)
        r = (y - kernel(angle) @ single.coef_ - single.intercept_) * ROOT
        assert found.residuals[index] == pytest.approx(np.linalg.norm(r), abs=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_a_constant_changes_the_baseline_alone(centred, rule):
    signals, _ = with_baselines(8, 100.0)
    options = {"root_weight": ROOT, "strengths": 1e-3, "noise_std": 0.015}
    found = invert_signals(centred, signals, rule, **options)
    again = invert_signals(centred, signals + 3.0, rule, **options)
    assert (found.status <= FitStatus.AT_BOUND).all()
    # Rounding of a constant is 1e-15; corners of an L-curve are found to 1e-4.
    tolerance = 1e-3 if rule == "lcurve" else 1e-6
    assert_allclose(again.settings, found.settings, rtol=1e-6)
    assert_allclose(again.residuals, found.residuals, rtol=tolerance)
    assert_allclose(again.intercepts, found.intercepts + 3.0, atol=10.0 * tolerance)
    constant = invert_signals(centred, np.full((1, N_ECHOES), 0.1), rule, **options)
    assert constant.status[0] == FitStatus.NO_SIGNAL
    assert np.isnan(constant.intercepts[0])


def test_angles_with_a_baseline_against_a_dense_scan(centred):
    signals, _ = with_baselines(30, 100.0)
    found = invert_signals(centred, signals, root_weight=ROOT)
    scan = [
        invert_signals(
            centred, signals, root_weight=ROOT, settings=np.full(30, v), least_snr=None
        ).residuals
        for v in np.linspace(LOW, HIGH, 66)
    ]
    assert (found.residuals <= np.min(scan, axis=0) * (1 + 1e-9)).all()


def test_generalised_cross_validation_counts_the_baseline(centred):
    signals, angles = with_baselines(10, 100.0)
    options = {"root_weight": ROOT, "settings": angles}
    grid = np.geomspace(1e-8, 1.0, 161)
    squares = [
        invert_signals(centred, signals, "fixed", strengths=s, **options).residuals ** 2
        for s in grid
    ]
    found = invert_signals(centred, signals, "gcv", **options)
    for index, angle in enumerate(angles):
        K = kernel(angle) * ROOT[:, None]
        K -= np.outer(ROOT, ROOT @ K)
        s2 = np.linalg.svd(K, compute_uv=False) ** 2

        def criterion(square, strength, s2=s2):
            left = 1.0 - (1.0 + np.sum(s2 / (s2 + strength))) / N_ECHOES
            return np.log(square) - 2.0 * np.log(left)

        scan = [criterion(q[index], s) for q, s in zip(squares, grid, strict=True)]
        ours = criterion(found.residuals[index] ** 2, found.strengths[index])
        # Effective parameters are tabulated to 1e-3.
        assert ours <= min(scan) + 1e-3
