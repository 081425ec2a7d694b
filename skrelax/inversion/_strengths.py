"""Strengths of penalties: checks of those given, grids where none are."""

import numpy as np

from ..utils._linear_inputs import STRENGTH
from ..utils._validation import check_numbers

# Default grids of the smooth LASSO, as decades below the largest useful strength:
# between them lie all choices of the examples and benchmarks.
_ALPHA_DECADES = (2.0, 6.0)
SMOOTHNESS_DECADES = (0.0, 8.0)
# Less of it tells the noise no better, and ends where folds cannot be certified.
NOISE_DECADES = (0.0, 6.0)
# One that follows the solution gives way where it must, so it may be stronger.
ADAPTIVE_DECADES = (-1.5, 6.5)
# Of a penalty that follows the solution: what a bin pays, in squared noise over the
# variance, for e times more bending, and the standard errors of the correlation with a
# bin below which it stays empty. Both were chosen on the families of
# benchmarks/bench_recovery.py, with other seeds.
_BEND, _EMPTY = 0.12, 0.25


def check_alpha(alpha, n_signals):
    """Return the alpha of each signal, (n_signals,)."""
    alpha = check_strengths(alpha, "alpha")
    if alpha.ndim > 1 or (alpha.ndim == 1 and alpha.size != n_signals):
        raise ValueError(
            f"alpha must be a number or one per signal ({n_signals}), got shape "
            f"{alpha.shape}."
        )
    return np.full(n_signals, alpha)


def check_strengths(values, name):
    """Return strengths of penalties as an array of numbers that can be squared."""
    values = check_numbers(values, name, finite=False)
    if values.size == 0:
        raise ValueError(f"{name} must hold at least one number, got none.")
    if not ((values >= STRENGTH.left) & (values <= STRENGTH.right)).all():
        odd = values[~((values >= STRENGTH.left) & (values <= STRENGTH.right))][0]
        raise ValueError(
            f"{name} must not be negative, nor above {STRENGTH.right:.0e}, got {odd}."
        )
    return values


def check_smoothness(smoothness, order, grid_shape, n_signals):
    """Return the smoothness, a float or (n_signals,), and the scale of each axis."""
    values = check_strengths(smoothness, "smoothness")
    n_axes = len(grid_shape)
    if values.shape == (n_signals, 1):
        return values[:, 0], np.ones(n_axes)
    if values.ndim > 1 or (values.ndim == 1 and values.size != n_axes):
        raise ValueError(
            f"smoothness must be a number, one per axis ({n_axes}) or a column with "
            f"one per signal ({n_signals}, 1), got shape {values.shape}."
        )
    if order == 0 and values.ndim == 1 and np.unique(values).size > 1:
        raise ValueError("smoothness must be one number for order=0.")
    values = np.broadcast_to(values, (n_axes,))
    largest = float(values.max())
    return largest, values / largest if largest > 0 else values


def check_path(name, values):
    """Return values as a decreasing array, or raise if one is negative."""
    values = check_numbers(values, name, ndim=1, finite=False)
    if not values.size or not ((values >= 0) & (values <= STRENGTH.right)).all():
        raise ValueError(
            f"{name} must be numbers of at least 0, none above "
            f"{STRENGTH.right:.0e}, at least one, got {values}."
        )
    return np.sort(values)[::-1].copy()


def alpha_max(rows, positive, per_signal=False):
    """Return the smallest alpha at which distributions are zero: all, or each (q,).

    It is 1 where they are zero at any alpha.
    """
    gradient = rows.gradients()
    size = gradient if positive else np.abs(gradient)
    top = size.max(axis=1) if per_signal else np.asarray(size.max())
    top = np.where(top > 0.0, top, 1.0)
    return top if per_signal else float(top)


def alpha_grid(rows, positive, n_alphas, eps=1e-6, per_signal=False):
    """Return decreasing alphas from alpha_max to eps * alpha_max, (n_alphas[, q])."""
    top = alpha_max(rows, positive, per_signal)
    return np.geomspace(top, eps * top, n_alphas) if n_alphas > 1 else np.array([top])


def smooth_alpha_grid(rows, positive, n_alphas, per_signal=False):
    """Return decreasing alphas (n_alphas[, q]) beside a smoothness, the last 0."""
    top = alpha_max(rows, positive, per_signal)
    decades = np.linspace(*_ALPHA_DECADES, n_alphas - 1)
    alphas = np.multiply.outer(10.0**-decades, top)
    return np.append(alphas, np.zeros((1, *alphas.shape[1:])), axis=0)


def smoothness_grid(rows, n_smoothnesses, decades=SMOOTHNESS_DECADES):
    """Return decreasing smoothnesses in units of the mean square of the kernel."""
    top = rows.mean_square() or 1.0
    return top * 10.0 ** -np.linspace(*decades, n_smoothnesses)


def noise_strengths(variance, floors, rows, n_points):
    """Return alphas and smoothnesses of an adaptive penalty for noise of a variance.

    `floors` are its squared differences above which it gives way; all broadcast.
    """
    square = rows.mean_square() or 1.0
    limits = square * 10.0 ** -np.array(ADAPTIVE_DECADES)
    # Nearly exact signals must not leave the penalty without weight.
    smoothness = np.clip(_BEND * variance / (n_points * floors), *limits[::-1])
    return _EMPTY * np.sqrt(variance * square / n_points), smoothness
