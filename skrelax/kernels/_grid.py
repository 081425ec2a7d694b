"""Grids of relaxation times: bins, and the cells around them."""

import math

import numpy as np

from ..signals import UserSignal
from ..utils._validation import check_numbers
from ..utils._warnings import give_warning

# Points of a grid: more do not fit into memory.
_MOST_POINTS = 1e9

# Grids of fewer bins than this are a choice of components, not of a range.
_RANGE = 8
# Share of what an acquisition can see, on a log axis, that a range has to cover: half
# of it where the range goes beyond, less where it was narrowed.
_COVERED, _NARROWED = 0.5, 0.25


def acquisition_grid(*axes):
    """Return the acquisition of a full grid, one row per point.

    Parameters
    ----------
    *axes : array-like of shape (n_k,)
        Acquisition points along each axis, the slowest axis first.

    Returns
    -------
    ndarray of shape (n_1 * ... * n_d, d)
        All combinations; the last axis varies fastest, as in ``data.ravel()``.

    Raises
    ------
    ValueError
        If an axis is empty, has more than one dimension, or is not finite.

    Examples
    --------
    >>> from skrelax.kernels import acquisition_grid
    >>> acquisition_grid([1, 2], [5, 6, 7])
    array([[1., 5.],
           [1., 6.],
           [1., 7.],
           [2., 5.],
           [2., 6.],
           [2., 7.]])
    """
    if not axes:
        raise ValueError("acquisition_grid needs the points of one axis or more: axes.")
    arrays = [
        check_numbers(axis, f"axes[{number}]", ndim=1)
        for number, axis in enumerate(axes)
    ]
    total = math.prod(axis.size for axis in arrays)
    if not 0 < total <= _MOST_POINTS:
        raise ValueError(
            f"axes must have from 1 to {_MOST_POINTS:.0e} points in all, got {total}."
        )
    return np.stack(
        [part.ravel() for part in np.meshgrid(*arrays, indexing="ij")], axis=1
    )


def spaced_grid(minimum, maximum, n_bins, spacing):
    """Return n_bins values from minimum to maximum; a single bin is the middle."""
    if n_bins == 1:
        middle = np.sqrt(minimum * maximum) if spacing == "log" else None
        return np.array([0.5 * (minimum + maximum) if middle is None else middle])
    if spacing == "log":
        return np.geomspace(minimum, maximum, n_bins)
    return np.linspace(minimum, maximum, n_bins)


def warn_uncovered(model, points, grid, axis):
    """Warn where an explicit grid misses most of what an acquisition can see."""
    if model.is_discrete or isinstance(model, UserSignal):
        return
    first, last = (grid[0], grid[-1]) if grid[0] > 0 else (0.0, grid[-1])
    try:
        low, high = model.grid_limits(points)
    except ValueError:
        return
    # Nothing can be said of points and grids that no logarithm has.
    if not 0.0 < low < high < np.inf or not last > 0.0:
        return
    shared = np.log(min(last, high) / max(first, low))
    share = _NARROWED if low <= first and last <= high else _COVERED
    if shared >= (share * np.log(high / low) if grid.size >= _RANGE else 0.0):
        return
    symbol = model.parameters[0].name
    where = "" if axis is None else f" of axis {axis}"
    give_warning(
        f"the grid{where} ({symbol} from {grid[0]:.3g} to {grid[-1]:.3g}) covers "
        f"{max(shared, 0.0) / np.log(high / low):.0%} of what the acquisition can see "
        f"({low:.3g} to {high:.3g}): are both in one unit?",
    )


def supersampled_grid(grid, spacing, supersampling):
    """Return the sample points of all cells, shape (n_bins * supersampling,).

    Cells meet half way between bins, measured on the axis of `spacing`, so that
    they tile it without gaps; the first and the last one are symmetric. Samples
    are the midpoints of `supersampling` equal parts of a cell.
    """
    if supersampling == 1 or grid.size == 1:
        return np.repeat(grid, supersampling)
    x = np.log(grid) if spacing == "log" else grid
    inner = 0.5 * (x[1:] + x[:-1])
    edges = np.concatenate([[2 * x[0] - inner[0]], inner, [2 * x[-1] - inner[-1]]])
    fraction = (np.arange(supersampling) + 0.5) / supersampling
    points = edges[:-1, None] + np.diff(edges)[:, None] * fraction
    return np.exp(points.ravel()) if spacing == "log" else points.ravel()
