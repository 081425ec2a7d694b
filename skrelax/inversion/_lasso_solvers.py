"""LASSO solvers on arrays: workspaces, chunks and threads around the loops."""

import numpy as np
from scipy import linalg
from sklearn.exceptions import ConvergenceWarning

from ..utils._parallel import run_chunks
from ..utils._row_products import row_products
from ..utils._warnings import give_warning
from ._numba_active_set import (
    ActiveColumns,
    ActiveSet,
    Lasso,
    lasso_batch,
    lasso_path_errors,
    lasso_paths,
)
from ._numba_fista import Momentum, fista_batch
from ._numba_fit import CertifiedKernel, Signals


def active_set(n, m):
    """Return the workspace of the active-set loops for n bins and m rows."""
    k = min(n, m) + 1
    P, state = np.empty(k, np.int64), np.zeros(n, np.int8)
    Q, R, (sign, e, d, z) = np.empty((k, m)), np.empty((k, k)), np.empty((4, k))
    columns = ActiveColumns(P, sign, Q, R, e, d)
    return ActiveSet(columns, state, z, np.empty(m), np.empty(n))


def dual_shift(AT):
    """Return (v^T v, A^T v) with A^T v > 0; A^T v is empty where none is known.

    Row sums do for kernels whose columns correlate positively, as decays do; they
    certify solutions where lam is too small for a scaled residual.
    """
    v = AT.sum(axis=0)
    Atv = AT @ v
    return float(v @ v), (Atv if (Atv > 0.0).all() else np.empty(0))


def lasso_of(rows, positive, tol, max_iter):
    """Return what the loops need to know of a LASSO, whatever its signals."""
    kernel = CertifiedKernel(rows.AT, not positive, *dual_shift(rows.AT))
    return Lasso(kernel, float(tol), int(max_iter))


def solve_lasso(rows, lams, positive, solver, tol, max_iter, n_jobs=None):
    """Solve all signals; return F (q, n), relative gaps (q,), iterations (q,)."""
    if not positive and not lams.all():
        F, info = _solve_least_squares(rows, lams == 0.0)
        rest = np.flatnonzero(lams)
        if rest.size:
            F[rest], info[rest] = _solve_penalised(
                rows.part(rest), lams[rest], positive, solver, tol, max_iter, n_jobs
            )
    else:
        F, info = _solve_penalised(rows, lams, positive, solver, tol, max_iter, n_jobs)
    return F, relative_gap(info), info[:, 2].astype(int)


def _solve_penalised(rows, lams, positive, solver, tol, max_iter, n_jobs):
    """Return F (q, n) and info (q, 3) of signals that the loops can solve."""
    n, m = rows.AT.shape
    q = rows.S.shape[0]
    F, info = np.zeros((q, n)), np.zeros((q, 3))
    lasso = lasso_of(rows, positive, tol, max_iter)
    if solver == "fista":
        G = rows.AT @ rows.AT.T
        # A zero kernel has no step length; any will do.
        lipschitz = linalg.eigvalsh(G, subset_by_index=[n - 1, n - 1])[0] or 1.0

    def chunk(part):
        given = Signals(rows.S[part], rows.extra[part]), lams[part]
        if solver == "fista":
            work = Momentum(np.empty(n), np.empty(n), np.empty(m), np.empty(n))
            fista_batch(lasso, G, lipschitz, *given, work, F[part], info[part])
        else:
            lasso_batch(lasso, *given, active_set(n, m), F[part], info[part])

    run_chunks(chunk, q, 20.0 * n * m, n_jobs)
    return F, info


def solve_lasso_paths(rows, lams, positive, tol, max_iter):
    """Solve all signals for decreasing lams; return F (q, n_lams, n), info (.., 3)."""
    n, m = rows.AT.shape
    F = np.empty((rows.S.shape[0], lams.size, n))
    info = np.empty((rows.S.shape[0], lams.size, 3))
    lasso = lasso_of(rows, positive, tol, max_iter)
    lasso_paths(lasso, Signals(rows.S, rows.extra), lams, active_set(n, m), F, info)
    return F, info


def held_out_errors(rows, held_out, lams, positive, tol, max_iter):
    """Return sums of squares on held-out points and gaps for decreasing lams.

    All are (q, n_lams).
    """
    errors, gaps = np.empty((2, *lams.shape))
    lasso_path_errors(
        lasso_of(rows, positive, tol, max_iter),
        Signals(rows.S, rows.extra),
        lams,
        active_set(*rows.AT.shape),
        held_out,
        errors,
        gaps,
    )
    return errors, gaps


def relative_gap(info):
    """Return gap / objective; 0 where both vanish."""
    objective, gap = info[..., 0], info[..., 1]
    return np.divide(gap, objective, out=np.zeros_like(gap), where=objective > 0)


def _solve_least_squares(rows, unpenalised):
    """Return F (q, n) and info (q, 3) of minimum-norm least squares, else zeros.

    This is the signed problem without penalty.
    """
    S, A = rows.S[unpenalised], rows.AT.T
    F, info = np.zeros((rows.S.shape[0], A.shape[1])), np.zeros((rows.S.shape[0], 3))
    U, s, Vt = linalg.svd(A, full_matrices=False)
    kept = s > np.finfo(float).eps * s[0]
    U, s, Vt = U[:, kept], s[kept], Vt[kept]
    found = row_products(row_products(S, U.T) / s, Vt.T)
    rest = S - row_products(found, A)
    # The part of the rest that A still reaches is what is left to gain.
    reach = row_products(rest, U.T)
    objective = np.einsum("ij,ij->i", rest, rest) + rows.extra[unpenalised]
    floor = np.finfo(float).eps * np.einsum("ij,ij->i", S, S)
    F[unpenalised] = found
    info[unpenalised, 0] = 0.5 * np.maximum(objective, floor)
    info[unpenalised, 1] = 0.5 * np.einsum("ij,ij->i", reach, reach)
    info[unpenalised, 2] = 1
    return F, info


def warn_gaps(gaps, tol, max_iter, what="signals"):
    """Warn about solutions whose certificate misses tol."""
    missed = ~(gaps <= tol)
    if missed.any():
        give_warning(
            f"{np.count_nonzero(missed)} of {gaps.size} {what} did not reach the "
            f"relative duality gap tol={tol:.3g} (largest gap "
            f"{np.max(gaps):.3g}, max_iter={max_iter}). A larger alpha, more "
            "iterations or a larger tol helps.",
            ConvergenceWarning,
        )
