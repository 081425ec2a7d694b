"""The axes of a distribution: their bins, their orders, and points on them."""

import math
import numbers
from dataclasses import dataclass, replace

import numpy as np

from ...kernels._builder import (
    check_grid,
    check_spacing,
    most_bins,
    per_axis,
    resolve_axes,
)
from ...kernels._grid import warn_uncovered
from ...utils._columns import assign_columns
from ...utils._parallel import calm_blas
from ...utils._validation import (
    check_acquisition,
    check_number,
    check_numbers,
    check_range,
    errors_name,
)
from ._checks import check_coordinates, check_flag, check_rank

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


@dataclass(frozen=True)
class Axes:
    """The axes of a distribution, in the order of X with those of the channels last.

    There are two other orders: that of the solver has the inverted axes first, that of
    the lattice is this one, or has the inverted axes last where the system is solved
    directly. All values per axis are in the order of X, and all conversions are here.
    """

    grids: tuple
    """Bins per axis."""
    is_log: tuple
    """Whether the bins of an axis are spaced logarithmically."""
    baseline: tuple
    """Whether an axis has a static baseline; inverted axes only."""
    inverted: tuple
    """Places of the inverted axes."""
    models: tuple = ()
    """Signal model of each axis of X."""
    columns: tuple = ()
    """Columns of X that each model reads."""
    ranks: tuple = ()
    """What compression keeps of each axis of X."""

    @property
    def shape(self):
        """Bins per axis."""
        return tuple(len(grid) for grid in self.grids)

    @property
    def full_shape(self):
        """Cells per axis, with the baseline last."""
        return tuple(n + b for n, b in zip(self.shape, self.baseline, strict=True))

    @property
    def discrete(self):
        """Places of the axes of X that are not inverted."""
        return tuple(a for a in range(len(self.models)) if a not in self.inverted)

    @property
    def n_positions(self):
        """Product of the axes of X that are not inverted."""
        return math.prod(self.grids[axis].size for axis in self.discrete)

    @property
    def channel_grids(self):
        """Coordinates of the channels that are axes."""
        return self.grids[len(self.models) :]

    @property
    def solver_order(self):
        """Places of the axes in the order of the solver."""
        others = [a for a in range(len(self.grids)) if a not in self.inverted]
        return (*self.inverted, *others)

    def lattice_order(self, direct):
        """Return the places of the axes in the order of the lattice."""
        order, p = self.solver_order, len(self.inverted)
        return (*order[p:], *order[:p]) if direct else order

    def per_axis(self, name, value, check):
        """Return one checked value per axis; channels may be left out."""
        n_user, n_axes = len(self.models), len(self.grids)
        # What is given per axis of X gives the channels that of the first one.
        if np.ndim(value) and len(value) == n_user:
            value = [*value, *[value[0]] * (n_axes - n_user)]
        return tuple(per_axis(name, value, n_axes, check))

    @property
    def last_steps(self):
        """Last step of each axis, of ln(bins) on logarithmic ones; 1 if none."""
        steps = []
        for grid, log in zip(self.grids, self.is_log, strict=True):
            values = np.log(grid) if log else np.asarray(grid, dtype=np.float64)
            steps.append(values[-1] - values[-2] if values.size > 1 else 1.0)
        return np.array(steps)

    def from_lattice(self, cells, direct):
        """Return cells of the lattice as an array (full_shape)."""
        order = self.lattice_order(direct)
        shape = [self.full_shape[axis] for axis in order]
        return cells.reshape(shape).transpose(np.argsort(order))

    def to_lattice(self, full, direct):
        """Return an array (full_shape) as cells of the lattice."""
        return full.transpose(self.lattice_order(direct)).ravel()

    def to_solver(self, full):
        """Return an array (full_shape[, n_channels]) as (inverted cells, channels)."""
        order = self.solver_order
        cells = full.transpose([*order, *range(len(order), full.ndim)])
        n_cells = math.prod(self.full_shape[axis] for axis in self.inverted)
        # Products of matrices round by the order of their memory.
        return np.ascontiguousarray(cells).reshape(n_cells, -1)

    def bins(self, full):
        """Return the bins of an array (full_shape[, n_channels]), without baselines."""
        return full[tuple(slice(n) for n in self.shape)]

    def baselines(self, full):
        """Return the baseline along each axis that has one, as parts of an array."""
        found = []
        for axis in np.flatnonzero(self.baseline):
            slab = [slice(n) for n in self.shape]
            slab[axis] = self.shape[axis]
            found.append(full[(*slab, ...)])
        return found

    def with_bins(self, distribution):
        """Return an array (full_shape[, n_channels]) with baselines of 0."""
        full = np.zeros((*self.full_shape, *distribution.shape[len(self.grids) :]))
        self.bins(full)[...] = distribution
        return full

    def with_channels(self, channels, shape, n_channels):
        """Return the Axes with those of the channels.

        Parameters
        ----------
        channels : "coupled", array-like or list of array-like
            Coordinates of each axis, or whether to count channels.
        shape : tuple of int
            Shape of the channels, where data have one.
        n_channels : int
            Their number.
        """
        if isinstance(channels, str):
            coordinates = [np.arange(1.0, n + 1.0) for n in shape or (n_channels,)]
        else:
            coordinates = check_coordinates(channels, shape, n_channels)
        none = (False,) * len(coordinates)
        return replace(
            self,
            grids=(*self.grids, *coordinates),
            is_log=self.is_log + none,
            baseline=self.baseline + none,
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

    def knows(self, X):
        """Return which points have a bin on all axes of X that are not inverted."""
        known = np.ones(X.shape[0], dtype=bool)
        for axis in self.discrete:
            known &= np.isin(X[:, self.columns[axis][0]], self.grids[axis])
        return known

    def locate(self, X):
        """Return the Places of acquisition points.

        Raises
        ------
        ValueError
            If a point of an axis that is not inverted is none of its bins.
        """
        columns = self.columns
        for model, places in zip(self.models, columns, strict=True):
            check_acquisition(X[:, places], model)
            check_range(X[:, places], "X")
        position = np.zeros(X.shape[0], dtype=np.int64)
        for axis in self.discrete:
            values, grid = X[:, columns[axis][0]], self.grids[axis]
            index = np.clip(np.searchsorted(grid, values), 0, grid.size - 1)
            if (grid[index] != values).any():
                missing = values[grid[index] != values][0]
                raise ValueError(
                    f"X: {missing} is no bin of axis {axis}, which is not inverted; "
                    f"its {grid.size} bins are {grid[0]} to {grid[-1]}."
                )
            position = position * grid.size + index
        if not self.inverted:
            return Places(
                self.factors([]), np.zeros(X.shape[0], np.int64), position, (1,)
            )
        parts = [_distinct(X[:, columns[axis]]) for axis in self.inverted]
        sizes = tuple(values.shape[0] for values, _ in parts)
        factors = self.factors([values for values, _ in parts])
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


@dataclass
class Places:
    """Where acquisition points are: a row of the kernels and a discrete position."""

    factors: list
    row: np.ndarray
    position: np.ndarray
    sizes: tuple
    """Points of each inverted axis, or the number of points that are no grid."""


def make_axes(X, names, kernels, grids, spacing, baseline, compression, max_bins):
    """Choose bins for all axes of X, whose columns may have names.

    Raises
    ------
    ValueError
        If the arguments do not match the columns of X or each other.
    """
    models = resolve_axes(kernels, names, X.shape[1], "kernels")
    n_axes = len(models)
    grids = _grids_per_axis(grids, n_axes)
    spacing = [
        "linear" if model.is_discrete else given
        for model, given in zip(
            models, per_axis("spacing", spacing, n_axes, check_spacing), strict=True
        )
    ]
    inverted = [a for a, model in enumerate(models) if not model.is_discrete]
    columns = assign_columns(models, names, X.shape[1], "kernels read")
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
    return Axes(
        tuple(bins),
        tuple(given == "log" for given in spacing),
        tuple(flags),
        tuple(inverted),
        models,
        tuple(columns),
        tuple(per_axis("compression", compression, n_axes, check_rank)),
    )


def check_discrete_sizes(kernels, grids, sizes):
    """Raise ValueError if a grid is given for an identity axis of another size."""
    if not isinstance(kernels, list | tuple) or not isinstance(grids, list | tuple):
        return
    for axis, (kernel, grid) in enumerate(zip(kernels, grids, strict=False)):
        discrete = kernel == "identity" or getattr(kernel, "is_discrete", False)
        if discrete and np.ndim(grid) == 1 and len(grid) != sizes[axis]:
            raise ValueError(
                f"grids: axis {axis} is not inverted, so its {len(grid)} bins "
                f"must be its {sizes[axis]} points."
            )


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
        warn_uncovered(model, points, values, axis)
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
    with calm_blas(min(K.shape)):
        U, s, Vt = np.linalg.svd(K, full_matrices=False)
    kept = kept_rank(s, rank)
    return (U[:, :kept] * s[:kept]) @ Vt[:kept]


def kept_rank(s, rank):
    """Return the number of singular values s that a compression keeps."""
    if rank < 1.0:
        return max(1, int((s > rank * s[0]).sum()))
    return min(rank, s.size)
