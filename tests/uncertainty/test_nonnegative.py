"""Least squares without negative amplitudes: against those of SciPy on all columns."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import nnls

from skrelax import KernelBuilder
from skrelax.kernels import acquisition_grid
from skrelax.uncertainty._bounds import _Excess, make_problem
from skrelax.uncertainty._nonnegative import PULL, fit_nonnegative


def plane(n_bins=24):
    """Return kernel (n_points, n_bins**2) and the signal of two peaks."""
    X = acquisition_grid(np.geomspace(0.01, 5, 12), np.geomspace(1e-3, 2, 30))
    builder = KernelBuilder(["T1-SR", "T2"], n_bins=[n_bins, n_bins])
    K = builder.fit_transform(X)
    y = (1.0 - np.exp(-X[:, 0] / 0.8)) * np.exp(-X[:, 1] / 0.1)
    y += 0.3 * (1.0 - np.exp(-X[:, 0] / 0.1)) * np.exp(-X[:, 1] / 0.01)
    return K, y + 0.005 * np.random.default_rng(0).standard_normal(y.size)


@pytest.mark.parametrize("kind", ["kernel", "random"])
def test_many_columns_have_the_misfit_of_all_at_once(kind):
    if kind == "kernel":
        A, y = plane()
    else:
        rng = np.random.default_rng(0)
        # Columns without sign leave some of a signal with both.
        A, y = rng.random((60, 900)), 0.2 + rng.standard_normal(60)
    expected = nnls(A, y)[1] ** 2
    assert expected > 1e-3
    for start in (None, np.arange(A.shape[1]) % 7 == 0):
        before = None if start is None else start.copy()
        x, misfit = fit_nonnegative(A, y, start)
        assert (x >= 0.0).all()
        assert_allclose(((A @ x - y) ** 2).sum(), misfit, rtol=1e-9)
        assert_allclose(misfit, expected, rtol=1e-9)
        # No column lowers it: the condition that is enough for the best.
        assert ((y - A @ x) @ A).max() < 10 * PULL * np.abs(A).sum(axis=0).max()
        if start is not None:
            assert (start == before).all()


def test_what_nothing_fits_has_no_amplitudes():
    A = np.abs(np.random.default_rng(0).standard_normal((20, 500)))
    x, misfit = fit_nonnegative(A, -np.ones(20))
    assert not x.any()
    assert misfit == 20.0


def test_signals_without_noise_end():
    K, _ = plane()
    y = K[:, [77, 300]] @ [1.0, 0.5]
    x, misfit = fit_nonnegative(K, y)
    assert misfit < 1e-18
    assert_allclose(x[[77, 300]], [1.0, 0.5], rtol=0.1)


def test_excess_is_that_of_an_exact_condition():
    K, y = plane(20)
    problem = make_problem(K, y, np.ones(y.size), None, False)
    A, target = problem.matrix, problem.target
    fastest = np.arange(A.shape[1]) % 20
    for share in (0.1, 0.3, 0.6):
        row = (fastest < 10) - share
        # A heavy row, with what it still gives way.
        limits = []
        for weight in 1e2, 1e3:
            heavy = np.append(A, weight * row[None], axis=0)
            x, _ = nnls(heavy, np.append(target, 0.0))
            rest = A @ x - target
            limits.append(rest @ rest + 2.0 * (weight * row @ x) ** 2 - problem.least)
        assert_allclose(limits[0], limits[1], rtol=1e-5)
        assert_allclose(_Excess(problem, None).at(row, 0.0), limits[1], rtol=1e-5)
