"""Smooth LASSO on arrays: threads and fallbacks around the compiled pivoting."""

import numpy as np
from scipy import linalg

from ..utils._parallel import run_chunks, single_blas_thread
from . import _numba
from ._problem import LinearProblem
from ._solvers import dual_shift, relative_gap, solve_batch

# Pivoting that needs more steps than this mostly cycles: few bins are positive
# then, and the active set finds them at once.
MAX_PIVOTS = 40
# Ratio of the smallest to the largest response of bins below which row sums of the
# kernel give no useful certificate.
_BLIND = 1e-6


def smooth_workspace(n, m):
    """Return the arrays that the pivoting kernels work in."""
    return np.empty(n, np.int64), np.empty(m), np.empty(n), np.empty(n), np.empty(n)


def csr_arrays(penalty):
    """Return (indptr, indices, data) with the types that the kernels expect."""
    return (
        penalty.indptr.astype(np.int64),
        penalty.indices.astype(np.int64),
        penalty.data.astype(np.float64),
    )


def hessian(problem, penalty, smoothness):
    """Return A^T A + smoothness * penalty, dense (n, n)."""
    H = problem.gram.copy()
    scaled = (smoothness * penalty).tocoo()
    H[scaled.row, scaled.col] += scaled.data
    return H


def reduced_problem(problem, H):
    """Return a LASSO problem whose least-squares part has the Hessian H.

    The rows of the Cholesky factor (or of the eigenvectors, where H is singular to
    rounding) stand for the stacked rows of kernel and differences.
    """
    c = problem.S @ problem.AT.T
    try:
        R = linalg.cholesky(H)
        S = linalg.solve_triangular(R, c.T, trans="T").T
    except linalg.LinAlgError:
        values, vectors = linalg.eigh(H)
        kept = values > values[-1] * H.shape[0] * np.finfo(float).eps
        root = np.sqrt(values[kept])
        R = root[:, None] * vectors[:, kept].T
        S = c @ vectors[:, kept] / root
    total = np.einsum("ij,ij->i", problem.S, problem.S) + problem.extra
    extra = np.maximum(total - np.einsum("ij,ij->i", S, S), 0.0)
    return LinearProblem(
        np.ascontiguousarray(R.T),
        np.ascontiguousarray(S),
        extra,
        problem.kernel_mean,
        problem.signal_mean,
    )


def smooth_shift(problem, H):
    """Return (v^T v, A^T v) of the stacked problem, see `dual_shift`.

    Where the kernel hardly sees some bin, its row sums make a poor v. Then
    v = A H^-1 1 of the stacked A serves: A^T v = 1 for any kernel.
    """
    vv, Atv = dual_shift(problem.AT)
    if Atv.size and Atv.min() > _BLIND * Atv.max():
        return vv, Atv
    try:
        ones = np.ones(H.shape[0])
        x = linalg.cho_solve(linalg.cho_factor(H), ones)
    except linalg.LinAlgError:
        return vv, Atv
    return float(x.sum()), ones


def certify(problem, F, alphas, smoothness, penalty, shift, positive):
    """Return objective and duality gap of distributions F, (q, 3)."""
    n, m = problem.AT.shape
    r, g, info = np.empty(m), np.empty(n), np.zeros((F.shape[0], 3))
    arrays = csr_arrays(penalty)
    for q, (f, s, extra) in enumerate(zip(F, problem.S, problem.extra, strict=True)):
        rough = _numba._smooth_gradient(
            problem.AT, s, f, float(smoothness), *arrays, r, g
        )
        floor = _numba._floor(s, extra)
        _numba._certificate(
            problem.AT, r, f, g, extra + rough, floor, float(alphas[q]), not positive,
            *shift, info[q],
        )  # fmt: skip
    return info


def solve_smooth_batch(
    problem, alphas, smoothness, penalty, positive, tol, max_iter, n_jobs=None
):
    """Solve all signals; return F (q, n), relative gaps (q,), iterations (q,)."""
    if smoothness == 0.0:
        return solve_batch(problem, alphas, positive, "auto", tol, max_iter, n_jobs)
    H = hessian(problem, penalty, smoothness)
    if not positive:
        return _solve_signed(
            problem, H, alphas, smoothness, penalty, tol, max_iter, n_jobs
        )
    n, m = problem.AT.shape
    q = problem.S.shape[0]
    F, info = np.zeros((q, n)), np.zeros((q, 3))
    arrays, shift = csr_arrays(penalty), smooth_shift(problem, H)

    def chunk(part):
        _numba.smooth_batch(
            H, problem.AT, problem.S[part], problem.extra[part], alphas[part],
            float(smoothness), *arrays, *shift, MAX_PIVOTS, np.empty(n, np.bool_),
            smooth_workspace(n, m), F[part], info[part],
        )  # fmt: skip

    with single_blas_thread():
        run_chunks(chunk, q, 2.0 * n**2 * (m + n / 4), n_jobs)
    missed = ~(relative_gap(info) <= tol)
    if missed.any():
        _retry(
            problem,
            H,
            alphas,
            smoothness,
            penalty,
            shift,
            tol,
            max_iter,
            missed,
            F,
            info,
        )
    return F, relative_gap(info), info[:, 2].astype(int)


def _retry(
    problem, H, alphas, smoothness, penalty, shift, tol, max_iter, missed, F, info
):
    """Solve again by the active set what pivoting left open; keep the better."""
    part = LinearProblem(
        problem.AT,
        problem.S[missed],
        problem.extra[missed],
        problem.kernel_mean,
        problem.signal_mean[missed],
    )
    again, _, n_iter = solve_batch(
        reduced_problem(part, H), alphas[missed], True, "auto", tol, max_iter
    )
    fresh = certify(part, again, alphas[missed], smoothness, penalty, shift, True)
    fresh[:, 2] = n_iter
    better = fresh[:, 1] < info[missed, 1]
    rows = np.flatnonzero(missed)[better]
    F[rows], info[rows] = again[better], fresh[better]


def _solve_signed(problem, H, alphas, smoothness, penalty, tol, max_iter, n_jobs):
    """Solve without the bound f >= 0: ridge where alpha is 0, else active set."""
    F, _, n_iter = solve_batch(
        reduced_problem(problem, H), alphas, False, "auto", tol, max_iter, n_jobs
    )
    shift = 0.0, np.empty(0)
    info = certify(problem, F, alphas, smoothness, penalty, shift, False)
    ridge = alphas == 0.0
    if ridge.any():
        # Without L1 term the gradient itself measures the distance to the minimum.
        gradient = (problem.S - F @ problem.AT) @ problem.AT.T
        gradient -= smoothness * (penalty @ F.T).T
        step = linalg.lstsq(H, gradient[ridge].T)[0].T
        info[ridge, 1] = 0.5 * np.abs(np.einsum("ij,ij->i", gradient[ridge], step))
    return F, relative_gap(info), n_iter
