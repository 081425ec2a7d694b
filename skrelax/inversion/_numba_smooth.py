"""Smooth LASSO by pivoting, for batches and paths.

With the numbers of `CertifiedKernel`, `Signals` and `Roughness` the solvers minimise

    P(f) = 1/2 ||A f - s||^2 + 1/2 extra + alpha ||f||_1 + smoothness / 2 f^T L f
"""

from typing import NamedTuple

import numpy as np

from ..utils._compiled import compiled
from ._numba_certificate import certificate, floor_of
from ._numba_fit import CertifiedKernel, gradient, residual
from ._numba_pivoting import Pivoting, cholesky, cholesky_solve, lawson_hanson, pivot


class Roughness(NamedTuple):
    """Quadratic penalty smoothness * L, L as a sparse matrix by rows."""

    smoothness: float
    """Weight of the penalty."""
    indptr: np.ndarray
    """Where the rows of L begin, (n_bins + 1,)."""
    indices: np.ndarray
    """Columns of its values."""
    data: np.ndarray
    """Its values."""


class Smooth(NamedTuple):
    """The smooth LASSO of a fit, as its signals share it."""

    kernel: CertifiedKernel
    """Kernel of the fit."""
    roughness: Roughness
    """Penalty of the fit."""
    H: np.ndarray
    """A^T A + smoothness * L, (n_bins, n_bins)."""
    max_iter: int
    """Largest number of pivoting steps."""


class SmoothWork(NamedTuple):
    """Workspace of the solver."""

    pivoting: Pivoting
    """That of the pivoting."""
    c: np.ndarray
    """A^T s, (n_bins,)."""
    r: np.ndarray
    """Residual, (n_rows,)."""
    g: np.ndarray
    """Negative gradient without the L1 term, (n_bins,)."""


@compiled
def smooth_gradient(AT, s, f, roughness, r, g):
    """Write r = s - A f and g = A^T r - smoothness L f; return f' smoothness L f."""
    smoothness, indptr, indices, data = roughness
    residual(AT, s, f, r)
    gradient(AT, r, g)
    total = 0.0
    for j in range(f.size):
        v = 0.0
        for p in range(indptr[j], indptr[j + 1]):
            v += data[p] * f[indices[p]]
        g[j] -= smoothness * v
        total += f[j] * v
    return smoothness * total


@compiled(allocates=True)
def smooth_solve(smooth, s, extra, alpha, f, work, out):
    """Solve one smooth LASSO, refine it with the kernel itself, certify it.

    work.c holds A^T s, and the bins that are active in work.pivoting come in warm.
    """
    kernel, roughness, H, max_iter = smooth
    pivoting, c, r, g = work
    it, factor, k = pivot(H, c, alpha, f, pivoting, max_iter)
    if it < 0:
        it, factor, k = lawson_hanson(H, c, alpha, f, pivoting, 3 * c.size)
    # H is a product: one correction with the residual of A restores its digits.
    if k > 0:
        smooth_gradient(kernel.AT, s, f, roughness, r, g)
        for a in range(k):
            pivoting.x[a] = g[pivoting.index[a]] - alpha
        cholesky_solve(factor, pivoting.x)
        for a in range(k):
            f[pivoting.index[a]] += pivoting.x[a]
    for j in range(f.size):
        if f[j] < 0.0:
            f[j] = 0.0
    rough = smooth_gradient(kernel.AT, s, f, roughness, r, g)
    floor = floor_of(s, extra)
    certificate(kernel, f, r, g, extra + rough, floor, alpha, out)
    out[2] = abs(it)


@compiled
def start(whole, factor, alpha, f, work):
    """Make the bins active that are positive without the bound.

    `factor` is that of the Hessian if it is `whole`, and work.c holds A^T s.
    """
    c, active = work.c, work.pivoting.active
    n = c.size
    for j in range(n):
        active[j] = False
    if whole:
        for j in range(n):
            f[j] = c[j] - alpha
        cholesky_solve(factor, f)
        for j in range(n):
            active[j] = f[j] > 0.0


@compiled(allocates=True)
def seeing(kernel, whole, factor):
    """Return the kernel with a v that sees all bins, see `certificate`, or as it is.

    Where it has none, v = A H^-1 1 of the stacked A serves, of whose Hessian H `factor`
    is that if it is `whole`: A^T v = 1 for any kernel.
    """
    AT, signed, vv, Atv = kernel
    if Atv.size == 0 and whole and not signed:
        Atv = np.empty(AT.shape[0])
        Atv[:] = 1.0
        cholesky_solve(factor, Atv)
        for value in Atv:
            vv += value
        Atv[:] = 1.0
    return CertifiedKernel(AT, signed, vv, Atv)


@compiled(allocates=True)
def smooth_batch(smooth, signals, alphas, work, F, info):
    """Solve each row of S (q, m) with its own alphas[q]; F (q, n), info (q, 3).

    Signals start from the bins that are positive without the bound, so that
    they depend on nothing but themselves.
    """
    S, extra = signals
    kernel, roughness, H, max_iter = smooth
    AT = kernel.AT
    whole, factor = cholesky(H)
    smooth = Smooth(seeing(kernel, whole, factor), roughness, H, max_iter)
    for q in range(S.shape[0]):
        f = F[q]
        gradient(AT, S[q], work.c)
        start(whole, factor, alphas[q], f, work)
        smooth_solve(smooth, S[q], extra[q], alphas[q], f, work, info[q])


@compiled(allocates=True)
def smooth_batch_each(smooth, gram, smoothnesses, signals, alphas, work, F, info):
    """Solve as `smooth_batch`, each signal with its own smoothnesses[q] > 0.

    `gram` is A^T A. The Hessian in `smooth` is overwritten whenever the smoothness is
    not that of the signal before, and so is what certifies at this smoothness where
    `smooth` knows nothing that does at any.
    """
    S, extra = signals
    kernel, roughness, H, max_iter = smooth
    AT = kernel.AT
    indptr, indices, data = roughness.indptr, roughness.indices, roughness.data
    n = gram.shape[0]
    whole, factor = False, H
    for q in range(S.shape[0]):
        if q == 0 or smoothnesses[q] != smoothnesses[q - 1]:
            for j in range(n):
                for i in range(n):
                    H[j, i] = gram[j, i]
                for p in range(indptr[j], indptr[j + 1]):
                    H[j, indices[p]] += smoothnesses[q] * data[p]
            whole, factor = cholesky(H)
            smooth = Smooth(
                seeing(kernel, whole, factor),
                Roughness(smoothnesses[q], indptr, indices, data),
                H,
                max_iter,
            )
        f = F[q]
        gradient(AT, S[q], work.c)
        start(whole, factor, alphas[q], f, work)
        smooth_solve(smooth, S[q], extra[q], alphas[q], f, work, info[q])


@compiled
def certify_batch(smooth, signals, alphas, work, F, info):
    """Write objective and duality gap of distributions F (q, n) into info (q, 3)."""
    kernel, roughness = smooth.kernel, smooth.roughness
    S, extra = signals
    r, g = work.r, work.g
    for q in range(S.shape[0]):
        f, s = F[q], S[q]
        rough = smooth_gradient(kernel.AT, s, f, roughness, r, g)
        floor = floor_of(s, extra[q])
        certificate(kernel, f, r, g, extra[q] + rough, floor, alphas[q], info[q])


@compiled(allocates=True)
def smooth_path_errors(smooth, signals, alphas, work, held_out, errors, gaps):
    """Sum weighted squared errors on held-out points for decreasing alphas.

    alphas, errors and gaps (relative) are (q, n_alphas).
    """
    S, extra = signals
    test_A, test_S, weight = held_out
    AT = smooth.kernel.AT
    c, active = work.c, work.pivoting.active
    n = c.size
    found = np.empty(n + 3)
    f, out = found[:n], found[n:]
    for q in range(S.shape[0]):
        gradient(AT, S[q], c)
        for j in range(n):
            active[j] = False
        for index in range(alphas.shape[1]):
            smooth_solve(smooth, S[q], extra[q], alphas[q, index], f, work, out)
            gaps[q, index] = out[1] / out[0] if out[0] > 0.0 else 0.0
            total = 0.0
            for i in range(test_A.shape[0]):
                u = test_S[q, i]
                for j in range(n):
                    u -= test_A[i, j] * f[j]
                total += weight[i] * u * u
            errors[q, index] = total
