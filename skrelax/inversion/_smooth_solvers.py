"""Smooth LASSO on arrays: threads and fallbacks around the compiled pivoting.

Grids of many bins go another way, see `Plane`.
"""

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from ..utils._parallel import run_chunks, single_blas_thread
from ..utils._remember import recall
from ..utils._row_products import row_products
from . import _plane_system
from ._lasso_solvers import dual_shift, held_out_errors, relative_gap, solve_lasso
from ._numba_fit import CertifiedKernel, Signals
from ._numba_pivoting import Pivoting
from ._numba_smooth import (
    Roughness,
    Smooth,
    SmoothWork,
    certify_batch,
    smooth_batch,
    smooth_batch_each,
    smooth_path_errors,
)
from ._plane_solvers import solve_planes
from ._plane_system import Plane, plane_of
from ._weighted_rows import WeightedRows, weigh_rows

# Pivoting that needs more steps than this mostly cycles: few bins are positive
# then, and the active set finds them at once.
_MAX_PIVOTS = 40
# Rows of more signals than this take more memory than they save time.
_FEW = 8
# Ratio of the smallest to the largest response of bins below which row sums of the
# kernel give no useful certificate.
_BLIND = 1e-6


def smooth_rows(X, y, weight, fit_intercept, grid_shape):
    """Return the WeightedRows of a kernel and signals, or a Plane of many bins."""
    if X.shape[1] > _plane_system.MANY_BINS:
        return plane_of(X, y, weight, fit_intercept, grid_shape)
    known = [y, weight, fit_intercept]
    if y.shape[1] > _FEW:
        return weigh_rows(X, *known)
    return recall(lambda: weigh_rows(X, *known), "weigh_rows", X, known)


def smooth_work(n, m):
    """Return the workspace of the pivoting loops for n bins and m rows."""
    x, w, c, g = np.empty((4, n))
    pivoting = Pivoting(np.empty(n, np.bool_), np.empty(n, np.int64), x, w)
    return SmoothWork(pivoting, c, np.empty(m), g)


def smooth_of(kernel, H, smoothness, penalty):
    """Return what the loops need to know of a smooth LASSO, whatever its signals."""
    return Smooth(
        kernel,
        Roughness(
            float(smoothness),
            penalty.indptr.astype(np.int64),
            penalty.indices.astype(np.int64),
            penalty.data.astype(np.float64),
        ),
        H,
        _MAX_PIVOTS,
    )


def hessian(rows, penalty, smoothness):
    """Return A^T A + smoothness * penalty, dense (n, n)."""
    H = rows.gram.copy()
    bins = np.repeat(np.arange(H.shape[0]), np.diff(penalty.indptr))
    H[bins, penalty.indices] += smoothness * penalty.data
    return H


def rows_of_hessian(rows, H):
    """Return the rows of a LASSO whose least-squares part has the Hessian H.

    The rows of the Cholesky factor (or of the eigenvectors, where H is singular to
    rounding) stand for the stacked rows of kernel and differences.
    """
    c = rows.gradients()
    try:
        R = linalg.cholesky(H)
        # One by one, since BLAS would round each by how many others there are.
        S = np.array([lapack.dtrtrs(R, one, trans=1)[0] for one in c])
    except linalg.LinAlgError:
        values, vectors = linalg.eigh(H)
        kept = values > values[-1] * H.shape[0] * np.finfo(float).eps
        root = np.sqrt(values[kept])
        R = root[:, None] * vectors[:, kept].T
        S = row_products(c, vectors[:, kept].T) / root
    total = np.einsum("ij,ij->i", rows.S, rows.S) + rows.extra
    extra = np.maximum(total - np.einsum("ij,ij->i", S, S), 0.0)
    return WeightedRows(
        np.ascontiguousarray(R.T),
        np.ascontiguousarray(S),
        extra,
        rows.kernel_mean,
        rows.signal_mean,
    )


def own_shift(rows):
    """Return (v^T v, A^T v) of the rows, see `dual_shift`, or none if it is poor.

    It is where the kernel hardly sees some bin.
    """
    vv, Atv = dual_shift(rows.AT)
    return (vv, Atv) if sees(Atv) else (0.0, np.empty(0))


def smooth_shift(rows, H):
    """Return (v^T v, A^T v) of the rows, or of the stacked ones where that is poor.

    v = A H^-1 1 of the stacked A serves then: A^T v = 1 for any kernel.
    """
    vv, Atv = dual_shift(rows.AT)
    if sees(Atv):
        return vv, Atv
    try:
        ones = np.ones(H.shape[0])
        x = linalg.cho_solve(linalg.cho_factor(H), ones)
    except linalg.LinAlgError:
        return vv, Atv
    return float(x.sum()), ones


def sees(Atv):
    """Return whether row sums of the kernel, A^T v, see all bins."""
    return Atv.size > 0 and Atv.min() > _BLIND * Atv.max()


def solve_smooth(
    rows, alphas, smoothness, penalty, positive, tol, max_iter, n_jobs=None
):
    """Solve all signals; return F (q, n), relative gaps (q,), iterations (q,).

    `rows` may be a Plane; `smoothness` is a number or one for each signal, (q,).
    """
    if isinstance(rows, Plane):
        settings = tol, max_iter, n_jobs
        return solve_planes(rows, alphas, smoothness, penalty, positive, settings)
    if np.ndim(smoothness):
        if (smoothness == smoothness[0]).all():
            smoothness = float(smoothness[0])
        else:
            settings = penalty, positive, tol, max_iter, n_jobs
            return _solve_each(rows, alphas, smoothness, *settings)
    if smoothness == 0.0:
        return solve_lasso(rows, alphas, positive, "auto", tol, max_iter, n_jobs)
    H = hessian(rows, penalty, smoothness)
    shift = own_shift(rows) if positive else (0.0, np.empty(0))
    kernel = CertifiedKernel(rows.AT, not positive, *shift)
    smooth = smooth_of(kernel, H, smoothness, penalty)
    if not positive:
        return _solve_signed(rows, smooth, alphas, penalty, tol, max_iter, n_jobs)
    n, m = rows.AT.shape
    q = rows.S.shape[0]
    F, info = np.zeros((q, n)), np.zeros((q, 3))

    def chunk(part):
        signals = Signals(rows.S[part], rows.extra[part])
        smooth_batch(
            smooth, signals, alphas[part], smooth_work(n, m), F[part], info[part]
        )

    with single_blas_thread():
        run_chunks(chunk, q, 2.0 * n**2 * (m + n / 4), n_jobs)
    missed = ~(relative_gap(info) <= tol)
    if missed.any():
        _retry(rows, smooth, alphas, tol, max_iter, missed, F, info)
    return F, relative_gap(info), info[:, 2].astype(int)


def _solve_each(rows, alphas, smoothness, penalty, positive, tol, max_iter, n_jobs):
    """Solve signals of different smoothness (q,); return the same as solve_smooth."""
    n, m = rows.AT.shape
    q = rows.S.shape[0]
    F, gaps, n_iter = np.zeros((q, n)), np.full(q, np.inf), np.zeros(q, dtype=int)
    # Signals of one smoothness stand together, and share its Hessian.
    order = np.argsort(smoothness, kind="stable")
    order = order[smoothness[order] > 0.0]
    if positive:
        kernel = CertifiedKernel(rows.AT, False, *own_shift(rows))

        def chunk(part):
            own = order[part]
            smooth = smooth_of(kernel, np.empty((n, n)), 0.0, penalty)
            found, info = np.zeros((own.size, n)), np.zeros((own.size, 3))
            signals = Signals(rows.S[own], rows.extra[own])
            given = smoothness[own], signals, alphas[own]
            smooth_batch_each(smooth, rows.gram, *given, smooth_work(n, m), found, info)
            F[own], gaps[own], n_iter[own] = found, relative_gap(info), info[:, 2]

        with single_blas_thread():
            # The Gram matrix is made once, before threads ask for it.
            _ = rows.gram
            run_chunks(chunk, order.size, 2.0 * n**2 * (m + n / 4), n_jobs)
    missed = ~(gaps <= tol)
    for value in np.unique(smoothness[missed]):
        own = np.flatnonzero(missed & (smoothness == value))
        again, fresh, count = solve_smooth(
            rows.part(own), alphas[own], value, penalty, positive, tol, max_iter, n_jobs
        )
        better = ~(fresh >= gaps[own])
        own = own[better]
        F[own], gaps[own], n_iter[own] = again[better], fresh[better], count[better]
    return F, gaps, n_iter


def _retry(rows, smooth, alphas, tol, max_iter, missed, F, info):
    """Solve again by the active set what pivoting left open; keep the better."""
    part = rows.part(missed)
    if smooth.kernel.Atv.size == 0:
        shift = smooth_shift(part, smooth.H)
        smooth = smooth._replace(kernel=CertifiedKernel(part.AT, False, *shift))
    again, _, n_iter = solve_lasso(
        rows_of_hessian(part, smooth.H), alphas[missed], True, "auto", tol, max_iter
    )
    fresh = _certify(part, smooth, alphas[missed], again)
    fresh[:, 2] = n_iter
    better = fresh[:, 1] < info[missed, 1]
    kept = np.flatnonzero(missed)[better]
    F[kept], info[kept] = again[better], fresh[better]


def _solve_signed(rows, smooth, alphas, penalty, tol, max_iter, n_jobs):
    """Solve without the bound f >= 0: ridge where alpha is 0, else active set."""
    F, _, n_iter = solve_lasso(
        rows_of_hessian(rows, smooth.H), alphas, False, "auto", tol, max_iter, n_jobs
    )
    info = _certify(rows, smooth, alphas, F)
    ridge = alphas == 0.0
    if ridge.any():
        # Without L1 term the gradient itself measures the distance to the minimum.
        rest = rows.S - row_products(F, rows.AT.T)
        gradient = row_products(rest, rows.AT)
        gradient -= smooth.roughness.smoothness * (penalty @ F.T).T
        step = linalg.lstsq(smooth.H, gradient[ridge].T)[0].T
        info[ridge, 1] = 0.5 * np.abs(np.einsum("ij,ij->i", gradient[ridge], step))
    return F, relative_gap(info), n_iter


def _certify(rows, smooth, alphas, F):
    """Return objective and duality gap of distributions F, (q, 3)."""
    info = np.zeros((F.shape[0], 3))
    signals, work = Signals(rows.S, rows.extra), smooth_work(*rows.AT.shape)
    certify_batch(smooth, signals, alphas, work, F, info)
    return info


def smooth_held_out_errors(
    rows, held_out, alphas, smoothness, penalty, positive, tol, max_iter
):
    """Return sums of squares on held-out points and gaps for decreasing alphas.

    All are (q, n_alphas). Solutions go warm from one alpha to the next; those that
    miss `tol` are found again on their own.
    """
    if positive and smoothness == 0.0:
        errors, gaps = held_out_errors(rows, held_out, alphas, True, tol, max_iter)
    else:
        errors, gaps = np.empty((2, *alphas.shape))
        gaps[...] = np.inf
    if positive and smoothness > 0.0:
        H = hessian(rows, penalty, smoothness)
        kernel = CertifiedKernel(rows.AT, False, *smooth_shift(rows, H))
        smooth_path_errors(
            smooth_of(kernel, H, smoothness, penalty),
            Signals(rows.S, rows.extra),
            alphas,
            smooth_work(*rows.AT.shape),
            held_out,
            errors,
            gaps,
        )
    for column in np.flatnonzero(~(gaps <= tol).all(axis=0)):
        F, again, _ = solve_smooth(
            rows, alphas[:, column], smoothness, penalty, positive, tol, max_iter
        )
        better = again < gaps[:, column]
        rest = row_products(F, held_out.A) - held_out.S
        squares = row_products(rest**2, held_out.weight)
        errors[better, column] = squares[better]
        gaps[better, column] = again[better]
    return errors, gaps
