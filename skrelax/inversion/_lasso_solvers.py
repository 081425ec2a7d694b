"""LASSO solvers on arrays: workspaces, chunks and threads around the loops."""

import warnings

import numpy as np
from scipy import linalg
from sklearn.exceptions import ConvergenceWarning

from ..utils._parallel import run_chunks
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
    return ActiveSet(
        ActiveColumns(
            P=np.empty(k, np.int64),
            sign=np.empty(k),
            Q=np.empty((k, m)),
            R=np.empty((k, k)),
            e=np.empty(k),
            d=np.empty(k),
        ),
        state=np.zeros(n, np.int8),
        z=np.empty(k),
        r=np.empty(m),
        g=np.empty(n),
        f=np.empty(n),
        out=np.empty(3),
    )


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
    AT, S, extra = rows.AT, rows.S, rows.extra
    n, m = AT.shape
    q = S.shape[0]
    F = np.zeros((q, n))
    info = np.zeros((q, 3))
    lasso = lasso_of(rows, positive, tol, max_iter)
    unpenalised = lams == 0.0
    if not positive and unpenalised.any():
        _solve_least_squares(rows, unpenalised, F, info)
    rest = ~unpenalised if not positive else np.ones(q, dtype=bool)
    if rest.any():
        every = rest.all()
        S, extra, lams = (
            (S, extra, lams) if every else (S[rest], extra[rest], lams[rest])
        )
        out_F, out_info = (F, info) if every else (F[rest], info[rest])
        if solver == "fista":
            G = AT @ AT.T
            # A zero kernel has no step length; any will do.
            lipschitz = linalg.eigvalsh(G, subset_by_index=[n - 1, n - 1])[0] or 1.0

        def chunk(part):
            signals = Signals(S[part], extra[part])
            if solver == "fista":
                work = Momentum(np.empty(n), np.empty(n), np.empty(m), np.empty(n))
                fista_batch(
                    lasso, G, lipschitz, signals, lams[part], work, out_F[part],
                    out_info[part],
                )  # fmt: skip
            else:
                work = active_set(n, m)
                lasso_batch(
                    lasso, signals, lams[part], work, out_F[part], out_info[part]
                )

        run_chunks(chunk, out_F.shape[0], 20.0 * n * m, n_jobs)
        if not every:
            F[rest], info[rest] = out_F, out_info
    return F, relative_gap(info), info[:, 2].astype(int)


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

    Both are (q, n_lams).
    """
    errors = np.empty((rows.S.shape[0], lams.size))
    gaps = np.empty_like(errors)
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


def _solve_least_squares(rows, unpenalised, F, info):
    """Fill in minimum-norm least squares, the signed problem without penalty."""
    A = rows.AT.T
    for c in np.flatnonzero(unpenalised):
        f, *_ = linalg.lstsq(A, rows.S[c])
        r = rows.S[c] - A @ f
        # The part of r that A still reaches is what is left to gain.
        step, *_ = linalg.lstsq(A, r)
        reach = A @ step
        F[c] = f
        objective = 0.5 * (r @ r + rows.extra[c])
        floor = 0.5 * np.finfo(float).eps * (rows.S[c] @ rows.S[c])
        info[c] = max(objective, floor), 0.5 * (reach @ reach), 1


def warn_gaps(gaps, tol, max_iter, what="signals"):
    """Warn about solutions whose certificate misses tol."""
    missed = ~(gaps <= tol)
    if missed.any():
        warnings.warn(
            f"{np.count_nonzero(missed)} of {gaps.size} {what} did not reach the "
            f"relative duality gap tol={tol:.3g} (largest gap "
            f"{np.max(gaps):.3g}, max_iter={max_iter}). A larger alpha, more "
            "iterations or a larger tol helps.",
            ConvergenceWarning,
            stacklevel=4,
        )
