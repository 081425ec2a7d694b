"""From acquisition points to the axes and the data of an inversion."""

import math
import numbers
from dataclasses import dataclass

import numpy as np

from ..kernels._builder import (
    check_grid,
    check_spacing,
    most_bins,
    per_axis,
    resolve_axes,
)
from ..kernels._grid import warn_uncovered
from ..utils._columns import assign_columns
from ..utils._validation import (
    check_acquisition,
    check_number,
    check_numbers,
    check_range,
    errors_name,
)
from ._ilt_checks import check_flag, check_rank
from ._ilt_iteration import Axes

# Bins of an inverted axis when no grid is given, by the number of such axes. The work
# grows with the bins of all axes but one squared: for three axes there are at most
# this many bins per point, for more axes this many in all.
_DEFAULT_BINS = {1: 100, 2: 40, 3: 20}
_BINS_PER_POINT, _DEFAULT_MANY = 40, 1000
_MOST_BINS = 100_000_000
# The default grid goes this factor beyond what the acquisition can see, since the
# boundary penalty keeps the outermost bins at zero.
_BEYOND = 3.0
# A product grid of points may have this many times the points that are there (and
# some more): missing points then cost less than giving the structure up.
_SPARSEST, _FEW_POINTS = 2, 64
# Singular values below this fraction of the largest carry no signal above noise.
_SEEN = 1e-4
# Noise below this fraction of the data is rounding of data without noise.
_LEAST_NOISE = 1e-6


@dataclass
class Layout:
    """Axes of X: which are inverted, and where their bins are."""

    models: tuple
    columns: list
    grids: tuple
    is_log: tuple
    baseline: tuple
    ranks: tuple
    inverted: list
    discrete: list

    def axes(self, channel_grids):
        """Return the Axes of a distribution with the given coupled channels."""
        order = [*self.inverted, *self.discrete]
        grids = tuple(self.grids[a] for a in order) + tuple(channel_grids)
        return Axes(
            grids,
            tuple(self.is_log[a] for a in order) + (False,) * len(channel_grids),
            tuple(self.baseline[a] for a in order) + (False,) * len(channel_grids),
            len(self.inverted),
        )

    def factors(self, points):
        """Return the kernels of the inverted axes at points of each, with baselines."""
        out = []
        for axis, values in zip(self.inverted, points, strict=True):
            K = self.models[axis].evaluate(values, self.grids[axis][:, None])
            if self.baseline[axis]:
                K = np.column_stack([K, np.ones(K.shape[0])])
            out.append(_truncated(K, self.ranks[axis]))
        return out or [np.ones((1, 1))]


@dataclass
class Places:
    """Where acquisition points are: a row of the kernels and a discrete position."""

    factors: list
    row: np.ndarray
    position: np.ndarray
    sizes: tuple
    """Points of each inverted axis, or the number of points that are no grid."""


def make_layout(X, kernels, grids, spacing, baseline, compression, max_bins):
    """Choose bins for all axes of X.

    Raises
    ------
    ValueError
        If the arguments do not match the columns of X or each other.
    """
    models = resolve_axes(kernels, (), X.shape[1], "kernels")
    n_axes = len(models)
    grids = _grids_per_axis(grids, n_axes)
    spacing = [
        "linear" if model.is_discrete else given
        for model, given in zip(
            models, per_axis("spacing", spacing, n_axes, check_spacing), strict=True
        )
    ]
    inverted = [a for a, model in enumerate(models) if not model.is_discrete]
    discrete = [a for a, model in enumerate(models) if model.is_discrete]
    columns = assign_columns(models, (), X.shape[1], "kernels read")
    bins = []
    for axis, model in enumerate(models):
        points = X[:, columns[axis]]
        check_acquisition(points, model)
        check_range(points, "X")
        log = spacing[axis] == "log"
        bins.append(_bins(grids[axis], model, points, axis, len(inverted), log))
    # The guard is on inverted axes: others cost in proportion to their length.
    total = math.prod(float(bins[axis].size) for axis in inverted)
    if total > max_bins:
        raise ValueError(
            f"grids: the product of {len(inverted)} inverted axes has {total:.6g} "
            f"bins, above max_bins={max_bins}."
        )
    flags = per_axis("baseline", baseline, n_axes, check_flag)
    flags = [flag and axis in inverted for axis, flag in enumerate(flags)]
    return Layout(
        models,
        columns,
        tuple(bins),
        tuple(given == "log" for given in spacing),
        tuple(flags),
        tuple(per_axis("compression", compression, n_axes, check_rank)),
        inverted,
        discrete,
    )


def locate(X, layout):
    """Return the Places of acquisition points.

    Raises
    ------
    ValueError
        If a point of an axis that is not inverted is none of its bins.
    """
    columns = layout.columns
    for model, places in zip(layout.models, columns, strict=True):
        check_acquisition(X[:, places], model)
        check_range(X[:, places], "X")
    position, sizes = np.zeros(X.shape[0], dtype=np.int64), []
    for axis in layout.discrete:
        values, grid = X[:, columns[axis][0]], layout.grids[axis]
        index = np.clip(np.searchsorted(grid, values), 0, grid.size - 1)
        if (grid[index] != values).any():
            missing = values[grid[index] != values][0]
            raise ValueError(
                f"X: {missing} is no bin of axis {axis}, which is not inverted; its "
                f"{grid.size} bins are {grid[0]} to {grid[-1]}."
            )
        position = position * grid.size + index
    if not layout.inverted:
        return Places(
            layout.factors([]), np.zeros(X.shape[0], np.int64), position, (1,)
        )
    parts = [_distinct(X[:, columns[axis]]) for axis in layout.inverted]
    sizes = tuple(values.shape[0] for values, _ in parts)
    factors = layout.factors([values for values, _ in parts])
    if len(parts) == 1:
        return Places(factors, parts[0][1], position, sizes)
    inverses = np.stack([inverse for _, inverse in parts], axis=1)
    found, row = np.unique(inverses, axis=0, return_inverse=True)
    size = math.prod([float(n) for n in sizes])
    if size <= _SPARSEST * found.shape[0] + _FEW_POINTS:
        row = np.ravel_multi_index(inverses.T, sizes)
        return Places(factors, row, position, sizes)
    K = np.ones((found.shape[0], 1))
    for factor, index in zip(factors, found.T, strict=True):
        K = (K[:, :, None] * factor[index][:, None]).reshape(found.shape[0], -1)
    return Places([K], row.ravel(), position, (found.shape[0],))


def _distinct(points):
    """Return the different rows of points, and which of them each row is."""
    if points.shape[1] == 1:
        if (points[1:] > points[:-1]).all():
            return points, np.arange(points.shape[0])
        # Rows are compared as bytes, which takes three times as long as numbers.
        values, inverse = np.unique(points[:, 0], return_inverse=True)
        return values[:, None], inverse
    values, inverse = np.unique(points, axis=0, return_inverse=True)
    return values, inverse.ravel()


def gather(y, weight, places, n_positions):
    """Return data and weights (n_rows, n_positions * n_channels) on the grid.

    Points measured several times become their weighted mean, with the sum of their
    weights; those never measured have weight 0. Weights that are all one come back
    as None.

    Parameters
    ----------
    y : ndarray of shape (n_points, n_channels)
        Signals.
    weight : ndarray of shape (n_points,), (n_points, n_channels) or None
        Weights.
    places : Places
        Where the points are.
    n_positions : int
        Product of the axes of X that are not inverted.
    """
    n_rows, n_channels = math.prod(places.sizes), y.shape[1]
    index = places.row * n_positions + places.position
    total = n_rows * n_positions
    if weight is None and index.size == total and np.bincount(index).all():
        data = np.empty((total, n_channels))
        data[index] = y
        return data.reshape(n_rows, -1), None
    w = np.ones_like(y) if weight is None else weight
    w = np.broadcast_to(w.reshape(y.shape[0], -1), y.shape)
    sums, data = np.zeros((total, n_channels)), np.zeros((total, n_channels))
    np.add.at(sums, index, w)
    np.add.at(data, index, w * y)
    np.divide(data, sums, out=data, where=sums > 0)
    sums = sums.reshape(n_rows, -1)
    return data.reshape(n_rows, -1), None if (sums == 1.0).all() else sums


def estimate_noise(factors, data, weights):
    """Return the noise of channels: what is outside the resolved part of the kernel.

    Returns
    -------
    sums : ndarray of shape (n_channels,)
        Weighted sums of squares of the residuals.
    n_free : ndarray of shape (n_channels,)
        Their degrees of freedom, at least 1.
    """
    bases = [_resolved(K) for K in factors]
    ranks = [U.shape[1] for U in bases]
    n_rows = data.shape[0]
    if math.prod(ranks) > n_rows - _least_free(n_rows):
        # Too few points for what the kernel resolves: the longest axis gives way.
        axis = int(np.argmax([U.shape[0] for U in bases]))
        others = math.prod(ranks) // ranks[axis]
        kept = max(1, int((n_rows - _least_free(n_rows)) // others))
        bases[axis] = bases[axis][:, :kept]
    U = bases[0]
    if weights is None:
        shape = [B.shape[0] for B in bases] + [-1]
        fitted = data.reshape(shape)
        for axis, B in enumerate(bases):
            along = np.tensordot(B @ B.T, fitted, axes=(1, axis))
            fitted = np.moveaxis(along, 0, axis)
        rest = data - fitted.reshape(data.shape)
        rank = math.prod([B.shape[1] for B in bases])
        free = np.full(data.shape[1], max(n_rows - rank, 1))
        return (rest**2).sum(axis=0), free
    for B in bases[1:]:
        U = np.kron(U, B)
    sums, free = np.empty(data.shape[1]), np.empty(data.shape[1])
    for channel, w in enumerate(weights.T):
        used = w > 0
        root = np.sqrt(w[used])[:, None]
        n_used = int(used.sum())
        n_kept = max(1, min(U.shape[1], n_used - _least_free(n_used)))
        Q, _ = np.linalg.qr(root * U[used][:, :n_kept])
        values = root[:, 0] * data[used, channel]
        rest = values - Q @ (Q.T @ values)
        sums[channel] = rest @ rest
        free[channel] = max(used.sum() - n_kept, 1)
    return sums, free


def _least_free(n_rows):
    """Return the points that an estimate of the noise keeps free of signal."""
    return max(1, n_rows // 8)


def least_noise(data):
    """Return the smallest noise that data of this size can be said to have."""
    return _LEAST_NOISE * np.sqrt(np.mean(data**2))


def _grids_per_axis(grids, n_axes):
    """Return None, a number of bins or an array for each axis."""
    if grids is None or np.isscalar(grids):
        return [grids] * n_axes
    if not isinstance(grids, list | tuple | np.ndarray):
        grids = check_numbers(grids, "grids")
    if isinstance(grids, np.ndarray) and grids.dtype != object:
        nested = grids.ndim > 1
    else:
        nested = any(part is None or np.ndim(part) > 0 for part in grids)
    if not nested and n_axes == 1:
        return [grids]
    if len(grids) != n_axes:
        raise ValueError(
            f"grids must hold one entry for each of {n_axes} axes, got {len(grids)}."
        )
    return list(grids)


def _bins(grid, model, points, axis, n_inverted, log):
    """Return the bins of one axis."""
    if model.is_discrete:
        positions = np.unique(points[:, 0])
        if grid is None or np.isscalar(grid):
            return positions
        values = check_grid(grid, axis, "linear", "grids")
        if not np.isin(positions, values).all():
            raise ValueError(
                f"grids: axis {axis} is not inverted, so its {values.size} bins must "
                f"be the {positions.size} positions in X."
            )
        return values
    if grid is not None and not np.isscalar(grid):
        values = check_grid(grid, axis, "log" if log else "linear", "grids")
        # Past make_layout, _fit, fit, and the check of its parameters.
        warn_uncovered(model, points, values, axis, stacklevel=6)
        return values
    n_bins = _default_bins(n_inverted, points.shape[0]) if grid is None else grid
    n_bins = check_number(n_bins, "grids", 1, _MOST_BINS, numbers.Real)
    if n_bins != int(n_bins):
        raise ValueError(f"grids must be positive numbers of bins, got {n_bins}.")
    with errors_name("X"):
        low, high = model.grid_limits(points)
    if log:
        return np.geomspace(low / _BEYOND, high * _BEYOND, int(n_bins))
    return np.linspace(low / _BEYOND, high * _BEYOND, int(n_bins))


def _default_bins(n_inverted, n_points):
    """Return the number of bins of each inverted axis when none is given."""
    if n_inverted < 3:
        return _DEFAULT_BINS[n_inverted]
    if n_inverted > 3:
        return most_bins(_DEFAULT_MANY, n_inverted)
    return min(_DEFAULT_BINS[3], most_bins(_BINS_PER_POINT * n_points, 3))


def _truncated(K, rank):
    """Return the kernel cut to its strongest singular values.

    rank is None, a number of singular values, or a level relative to the largest.
    With points of equal weight the cut equals the projection of data and kernel on
    the left singular vectors; with weights or missing points it stays exact.
    """
    if rank is None:
        return K
    U, s, Vt = np.linalg.svd(K, full_matrices=False)
    kept = kept_rank(s, rank)
    return (U[:, :kept] * s[:kept]) @ Vt[:kept]


def kept_rank(s, rank):
    """Return the number of singular values s that a compression keeps."""
    if rank < 1.0:
        return max(1, int((s > rank * s[0]).sum()))
    return min(rank, s.size)


def _resolved(K):
    """Return the left singular vectors of K that a measurement can resolve."""
    U, s, _ = np.linalg.svd(K, full_matrices=False)
    return U[:, s > _SEEN * s[0]]
