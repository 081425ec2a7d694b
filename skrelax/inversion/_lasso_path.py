"""Distributions along a path of penalties."""

import numbers

import numpy as np

from ..utils._linear_inputs import (
    COUNT,
    ITERATIONS,
    STRENGTH,
    validate_kernel,
    validate_relative_weight,
    validate_signals_of,
)
from ..utils._sklearn import validate_params
from ..utils._validation import RealInterval, check_numbers, refuse_complex
from ._lasso_solvers import relative_gap, solve_lasso_paths, warn_gaps
from ._strengths import alpha_grid
from ._weighted_rows import weigh_rows


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
    rows = weigh_rows(K, Y, weight)
    if isinstance(alphas, numbers.Integral):
        alphas = alpha_grid(rows, positive, int(alphas), eps)
    else:
        alphas = check_numbers(alphas, "alphas", ndim=1, finite=False)
        if not alphas.size or not ((alphas > 0) & (alphas <= STRENGTH.right)).all():
            raise ValueError(
                "alphas must be positive and at least one, none above "
                f"{STRENGTH.right:.0e}, got {alphas}."
            )
        alphas = np.sort(alphas)[::-1].copy()
    F, info = solve_lasso_paths(rows, alphas, positive, tol, max_iter)
    gaps = relative_gap(info)
    warn_gaps(gaps, tol, max_iter, "solutions of the path")
    coefs = F.transpose(0, 2, 1)
    return (alphas, coefs, gaps) if y.ndim == 2 else (alphas, coefs[0], gaps[0])
