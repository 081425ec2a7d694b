"""Compiled loops of the linear inversions against plain NumPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls

from skrelax.inversion import _lasso_solvers, _smooth_solvers
from skrelax.inversion import _numba_active_set as active_set
from skrelax.inversion import _numba_pivoting as pivoting
from skrelax.inversion._numba_certificate import certificate
from skrelax.inversion._numba_fista import Momentum, fista_batch
from skrelax.inversion._numba_fit import CertifiedKernel, Signals, gradient, residual
from skrelax.inversion._numba_smooth import Roughness, smooth_gradient
from skrelax.inversion._penalty import kronecker_penalty


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def append_all(AT, s, bins, signs):
    """Return a workspace with these active columns."""
    work = _lasso_solvers.active_set(*AT.shape)
    for k, (j, sign) in enumerate(zip(bins, signs, strict=True)):
        assert active_set.append(AT, s, j, sign, k, work.columns)
        work.columns.P[k], work.columns.sign[k], work.state[j] = j, sign, 1
    return work


def check_factor(AT, s, columns, bins, signs):
    """Check that the factor is that of the signed columns."""
    k = len(bins)
    P, sign, Q, R, e, d = columns
    assert_array_equal(P[:k], bins)
    assert_array_equal(sign[:k], signs)
    Q, R = Q[:k], np.triu(R[:k, :k])
    # Well-conditioned columns of length three: some hundred roundings.
    assert_allclose(Q @ Q.T, np.eye(k), atol=1e-13)
    assert_allclose(R.T @ Q, AT[bins] * np.array(signs)[:, None], atol=1e-13)
    assert_allclose(R.T @ e[:k], np.ones(k), atol=1e-12)
    assert_allclose(d[:k], Q @ s, atol=1e-12)


@pytest.mark.parametrize("leaving", [0, 2, 3])
def test_active_columns_are_a_qr_factorisation(rng, leaving):
    AT, s = rng.standard_normal((6, 9)), rng.standard_normal(9)
    bins, signs = [4, 0, 5, 2], [1.0, -1.0, -1.0, 1.0]
    work = append_all(AT, s, bins, signs)
    check_factor(AT, s, work.columns, bins, signs)
    active_set.remove(leaving, 4, work.columns)
    del bins[leaving], signs[leaving]
    check_factor(AT, s, work.columns, bins, signs)


def test_dependent_columns_are_not_appended_but_exchanged(rng):
    AT, s = rng.standard_normal((3, 9)), rng.standard_normal(9)
    AT[2] = 0.7 * AT[0] + 0.8 * AT[1]
    work = append_all(AT, s, [0, 1], [1.0, 1.0])
    assert not active_set.append(AT, s, 2, 1.0, 2, work.columns)
    work.columns.sign[2] = 1.0
    f = np.array([1.4, 2.4, 0.0])
    fit = f @ AT
    args = work.columns, work.state, work.z
    assert active_set.exchange(AT, s, 2, 2, f, *args) == 2
    # Bin 0 reaches zero first, at 1.4 / 0.7; the fit stays, the L1 norm falls.
    assert_allclose(f, [0.0, 0.8, 2.0], atol=1e-12)
    assert_allclose(f @ AT, fit, atol=1e-12)
    assert_array_equal(work.state, [0, 1, 1])
    check_factor(AT, s, work.columns, [1, 2], [1.0, 1.0])


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("lam", [0.01, 0.5])
def test_certificate_is_primal_minus_dual(rng, signed, shifted, lam):
    AT = rng.random((7, 5)).astype(np.longdouble)
    s, f = rng.standard_normal(5), rng.random(7) * np.array([1, 0, 1, 0, 0, 1, 0])
    extra = 0.3
    r = s - f @ AT
    g = AT @ r
    v = AT.sum(axis=0)
    Atv = AT @ v
    # The part of the signal outside the rows is a coordinate more of the residual.
    square = r @ r + extra
    top = np.abs(g).max() if signed else max(0, g.max())
    scale = min(max((s @ r + extra) / square, 0), lam / top if top else np.inf)
    points = [(scale * r, scale)]
    if shifted and not signed:
        points.append((r - max(0, ((g - lam) / Atv).max()) * v, 1))
    primal = square / 2 + lam * np.abs(f).sum()
    dual = [
        s @ theta - theta @ theta / 2 + extra * (outside - outside**2 / 2)
        for theta, outside in points
    ]
    AT, r, g, Atv = (np.asarray(a, dtype=float) for a in (AT, r, g, Atv))
    kernel = CertifiedKernel(AT, signed, float(v @ v), Atv if shifted else np.empty(0))
    out = np.empty(3)
    certificate(kernel, f, r, g, extra, 0.0, lam, out)
    # Sums of some ten numbers of size one.
    assert_allclose(out[0], float(primal), rtol=1e-13)
    assert_allclose(out[1], float(primal - max(dual)), atol=1e-13)


@pytest.mark.parametrize("signed", [False, True])
def test_fista_takes_the_steps_of_beck_and_teboulle(rng, signed):
    AT, S = rng.standard_normal((8, 12)), rng.standard_normal((2, 12))
    lams = np.array([0.3, 0.05])
    G = AT @ AT.T
    lipschitz = np.linalg.eigvalsh(G)[-1]
    expected = np.zeros((2, 8))
    for c, lam in enumerate(lams):
        f = y = np.zeros(8)
        t = 1.0
        for _ in range(25):
            u = y + (AT @ S[c] - G @ y) / lipschitz
            size = np.maximum((np.abs(u) if signed else u) - lam / lipschitz, 0)
            u = np.sign(u) * size
            after = (1 + np.sqrt(1 + 4 * t * t)) / 2
            f, y, t = u, u + (t - 1) / after * (u - f), after
        expected[c] = f
    kernel = CertifiedKernel(AT, signed, 0.0, np.empty(0))
    F, info = np.empty((2, 8)), np.empty((2, 3))
    work = Momentum(np.empty(8), np.empty(8), np.empty(12), np.empty(8))
    lasso = active_set.Lasso(kernel, 0.0, 25)
    given = Signals(S, np.zeros(2)), lams
    fista_batch(lasso, G, lipschitz, *given, work, F, info)
    # Twenty-five contractions, each rounded.
    assert_allclose(F, expected, atol=1e-13)
    assert_array_equal(info[:, 2], 25)


@pytest.mark.parametrize("solve", [pivoting.pivot, pivoting.lawson_hanson])
@pytest.mark.parametrize("alpha", [0.0, 0.4])
def test_quadratic_solvers_equal_nnls(rng, solve, alpha):
    for n in (1, 5, 30):
        A, s = rng.standard_normal((n + 5, n)), rng.standard_normal(n + 5)
        H, c = A.T @ A, A.T @ s
        R = np.linalg.cholesky(H)
        expected = nnls(R.T, np.linalg.solve(R, c - alpha))[0]
        work = _smooth_solvers.smooth_work(n, n + 5).pivoting
        work.active[:] = rng.random(n) < 0.5
        f = np.empty(n)
        steps, factor, k = solve(H, c, alpha, f, work, 3 * n)
        assert steps > 0
        # Condition numbers below a thousand.
        assert_allclose(f, expected, atol=1e-11)
        active = np.flatnonzero(expected)
        assert_array_equal(np.flatnonzero(work.active), active)
        assert_allclose(
            np.tril(factor[:k, :k]), np.linalg.cholesky(H[np.ix_(active, active)])
        )


def test_pivoting_tells_that_it_failed():
    # A zero block has no Cholesky factor, and one step is not enough.
    work = _smooth_solvers.smooth_work(2, 2).pivoting
    for H, c in ((np.zeros((2, 2)), np.ones(2)), (np.eye(2), -np.ones(2))):
        work.active[:] = True
        assert pivoting.pivot(H, c, 0.0, np.empty(2), work, 1)[0] < 0


def test_gradients_equal_numpy(rng):
    AT, s, f = rng.random((12, 7)), rng.random(7), rng.random(12)
    f[::3] = 0.0
    r, g = np.empty(7), np.empty(12)
    residual(AT, s, f, r)
    gradient(AT, r, g)
    assert_allclose(r, s - f @ AT, atol=1e-14)
    assert_allclose(g, AT @ (s - f @ AT), atol=1e-13)
    L = kronecker_penalty((3, 4), 1)
    indices = L.indptr.astype(np.int64), L.indices.astype(np.int64)
    rough = smooth_gradient(AT, s, f, Roughness(0.3, *indices, L.data), r, g)
    assert_allclose(rough, 0.3 * f @ (L @ f), rtol=1e-13)
    assert_allclose(g, AT @ (s - f @ AT) - 0.3 * (L @ f), atol=1e-13)
