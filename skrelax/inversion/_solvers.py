"""LASSO solvers on arrays: workspaces, chunks and threads around the kernels."""

import numbers
import warnings

import numpy as np
from scipy import linalg
from sklearn.exceptions import ConvergenceWarning

from ..utils._linear_inputs import (
    COUNT,
    ITERATIONS,
    STRENGTH,
    validate_kernel,
    validate_relative_weight,
    validate_signals_of,
)
from ..utils._parallel import run_chunks
from ..utils._sklearn import validate_params
from ..utils._validation import RealInterval, check_numbers, refuse_complex
from . import _numba
from ._problem import make_problem


def workspace(n, m):
    """Return the arrays that the active-set kernel works in."""
    k = min(n, m) + 1
    return (
        np.empty(k, np.int64),
        np.zeros(n, np.int8),
        np.empty(k),
        np.empty((k, m)),
        np.empty((k, k)),
        np.empty(k),
        np.empty(k),
        np.empty(k),
        np.empty(m),
        np.empty(n),
    )


def dual_shift(AT):
    """Return (v^T v, A^T v) with A^T v > 0; A^T v is empty where none is known.

    Row sums do for kernels whose columns correlate positively, as decays do; they
    certify solutions where lam is too small for a scaled residual.
    """
    v = AT.sum(axis=0)
    Atv = AT @ v
    return float(v @ v), (Atv if (Atv > 0.0).all() else np.empty(0))


def solve_batch(problem, lams, positive, solver, tol, max_iter, n_jobs=None):
    """Solve all signals; return F (q, n), relative gaps (q,), iterations (q,)."""
    AT, S, extra = problem.AT, problem.S, problem.extra
    n, m = AT.shape
    q = S.shape[0]
    F = np.zeros((q, n))
    info = np.zeros((q, 3))
    shift = dual_shift(AT)
    unpenalised = lams == 0.0
    if not positive and unpenalised.any():
        _solve_least_squares(problem, unpenalised, F, info)
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
            if solver == "fista":
                work = np.empty((3, n))
                _numba.fista_batch(
                    AT, G, S[part], extra[part], lams[part], not positive, *shift,
                    lipschitz, tol, max_iter, 10, work[0], work[1], np.empty(m),
                    work[2], out_F[part], out_info[part],
                )  # fmt: skip
            else:
                _numba.lasso_batch(
                    AT, S[part], extra[part], lams[part], not positive, *shift, tol,
                    max_iter, workspace(n, m), out_F[part], out_info[part],
                )  # fmt: skip

        run_chunks(chunk, out_F.shape[0], 20.0 * n * m, n_jobs)
        if not every:
            F[rest], info[rest] = out_F, out_info
    return F, relative_gap(info), info[:, 2].astype(int)


def relative_gap(info):
    """Return gap / objective; 0 where both vanish."""
    objective, gap = info[..., 0], info[..., 1]
    return np.divide(gap, objective, out=np.zeros_like(gap), where=objective > 0)


def _solve_least_squares(problem, rows, F, info):
    """Fill in minimum-norm least squares, the signed problem without penalty."""
    A = problem.AT.T
    for c in np.flatnonzero(rows):
        f, *_ = linalg.lstsq(A, problem.S[c])
        r = problem.S[c] - A @ f
        # The part of r that A still reaches is what is left to gain.
        step, *_ = linalg.lstsq(A, r)
        reach = A @ step
        F[c] = f
        objective = 0.5 * (r @ r + problem.extra[c])
        floor = 0.5 * np.finfo(float).eps * (problem.S[c] @ problem.S[c])
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


def alpha_max(problem, positive):
    """Return the smallest alpha at which every distribution is zero."""
    gradient = problem.S @ problem.AT.T
    top = gradient.max() if positive else np.abs(gradient).max()
    return max(float(top), 0.0)


def alpha_grid(problem, positive, n_alphas, eps=1e-6):
    """Return decreasing alphas from alpha_max to eps * alpha_max."""
    top = alpha_max(problem, positive) or 1.0
    return np.geomspace(top, eps * top, n_alphas) if n_alphas > 1 else np.array([top])


@validate_params(
    {
        "alphas": [COUNT, "array-like"],
        "eps": [RealInterval(1e-100, 1, closed="left")],
        "positive": ["boolean"],
        "tol": [STRENGTH],
        "max_iter": [ITERATIONS],
    },
    prefer_skip_nested_validation=True,
)
def lasso_path(
    K,
    y,
    *,
    alphas=64,
    eps=1e-6,
    positive=True,
    sample_weight=None,
    tol=1e-8,
    max_iter=10_000,
):
    r"""Compute distributions along a path of penalties.

    The objective of each signal s, with weights w, is

    .. math:: \frac{1}{2 \sum w} \sum_i w_i (K f - s)_i^2 + \alpha \|f\|_1.

    Parameters
    ----------
    K : array-like of shape (n_points, n_bins)
        Kernel.
    y : array-like of shape (n_points,) or (n_points, n_signals)
        Signals.
    alphas : int or array-like of shape (n_alphas,), default=64
        Number of alphas, from the smallest that gives zero to `eps` times it, or
        the alphas themselves, positive.
    eps : float, default=1e-6
        Ratio of the last alpha to the first.
    positive : bool, default=True
        Whether distributions must not be negative.
    sample_weight : array-like of shape (n_points,) or None, default=None
        Weight of each acquisition point.
    tol : float, default=1e-8
        Relative duality gap to reach.
    max_iter : int, default=10000
        Largest number of active-set iterations per alpha.

    Returns
    -------
    alphas : ndarray of shape (n_alphas,)
        Penalties, decreasing.
    coefs : ndarray of shape (n_bins, n_alphas) or (n_signals, n_bins, n_alphas)
        Distributions.
    dual_gaps : ndarray of shape (n_alphas,) or (n_signals, n_alphas)
        Duality gap relative to the objective.

    Raises
    ------
    ValueError
        If shapes do not match, or an alpha is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.inversion import lasso_path
    >>> alphas, coefs, gaps = lasso_path(np.eye(2), [2.0, 1.0], alphas=[0.5, 0.1])
    >>> coefs
    array([[1. , 1.8],
           [0. , 0.8]])
    """
    K = validate_kernel(None, K, name="K")
    refuse_complex(y)
    y = validate_signals_of(K, y)
    weight = validate_relative_weight(sample_weight, K)
    Y = y.reshape(K.shape[0], -1)
    problem = make_problem(K, Y, weight)
    if isinstance(alphas, numbers.Integral):
        alphas = alpha_grid(problem, positive, int(alphas), eps)
    else:
        alphas = check_numbers(alphas, "alphas", ndim=1, finite=False)
        if not alphas.size or not ((alphas > 0) & (alphas <= STRENGTH.right)).all():
            raise ValueError(
                "alphas must be positive and at least one, none above "
                f"{STRENGTH.right:.0e}, got {alphas}."
            )
        alphas = np.sort(alphas)[::-1].copy()
    n, m = problem.AT.shape
    F = np.empty((Y.shape[1], alphas.size, n))
    info = np.empty((Y.shape[1], alphas.size, 3))
    work = workspace(n, m)
    shift = dual_shift(problem.AT)
    for c in range(Y.shape[1]):
        _numba.lasso_path_signal(
            problem.AT, problem.S[c], problem.extra[c], alphas, not positive, *shift,
            tol, max_iter, work, F[c], info[c],
        )  # fmt: skip
    gaps = relative_gap(info)
    warn_gaps(gaps, tol, max_iter, "solutions of the path")
    coefs = F.transpose(0, 2, 1)
    return (alphas, coefs, gaps) if y.ndim == 2 else (alphas, coefs[0], gaps[0])
