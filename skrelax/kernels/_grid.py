"""Grids of relaxation times: bins, and the cells around them."""

import numpy as np


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
    arrays = [np.asarray(axis, dtype=np.float64) for axis in axes]
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
