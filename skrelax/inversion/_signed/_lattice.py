"""Cells, directions and stencils of a distribution of any number of axes."""

import functools
import itertools
import math

import numpy as np

from ._numba_types import Couplings, Stencils

# Cells of lattices that are kept for the next fit: 8 of them take a few MB.
_MOST_KEPT = 10_000


class Lattice:
    """The cells of a distribution on a flat array with ghost cells.

    Parameters
    ----------
    shape : tuple of int
        Bins per axis, the slowest axis first.
    baseline : tuple of bool
        Axes that have one more cell, the baseline, which is no neighbour of a bin.
    halves : tuple of int
        Half windows of the moving maxima; they set the margin of the array.

    Attributes
    ----------
    full_shape : tuple of int
        Cells per axis, with the baseline last.
    cells : ndarray of shape (n_cells,)
        Position of each cell on the flat array, in C order.
    steps : ndarray of shape (n_directions, n_axes)
        Directions: axes first, then both diagonals of each pair of axes.
    stencils : Stencils
        The same steps on the flat array.
    couplings : Couplings
        Which cells the penalty couples, and how.
    """

    def __init__(self, shape, baseline, halves):
        self.shape, self.baseline = tuple(shape), tuple(baseline)
        self.full_shape = tuple(
            n + flag for n, flag in zip(shape, baseline, strict=True)
        )
        # A single bin has no neighbours to be kept apart from. Fewer than five cells
        # would give two couplings of the penalty, up to two steps away, one offset.
        padded = [
            max(n + 1 + 2 * flag, 5) if n > 1 or flag else 1
            for n, flag in zip(shape, baseline, strict=True)
        ]
        strides = _strides(padded)
        self.axes = [axis for axis, n in enumerate(shape) if n > 1]
        self.steps = _directions(len(shape), self.axes)
        flat = self.steps @ strides
        offsets = np.abs(flat)
        reach = int(offsets.max(initial=0))
        margin = (max(*halves, 1) + 1) * reach
        self.size = math.prod(padded) + 2 * margin
        cells = np.full(1, margin, dtype=np.int64)
        for stride, n, flag in zip(strides, shape, baseline, strict=True):
            position = np.arange(n + flag)
            # A ghost cell is between the bins and the baseline.
            position[n:] += 1
            cells = (cells[:, None] + stride * position).ravel()
        self.cells = cells
        cell = np.zeros(self.size)
        cell[cells] = 1.0
        insides = cell[None]
        if any(baseline):
            insides = np.stack([self._inside(step) for step in self.steps])
        self.stencils = Stencils(offsets, insides, self._baseline_folds())
        self.couplings = self._find_couplings(cell, strides)

    @property
    def first(self):
        """The first cell."""
        return int(self.cells[0])

    @property
    def last(self):
        """One past the last cell."""
        return int(self.cells[-1]) + 1

    def spread(self, values):
        """Return values of all cells (full_shape) on the flat array."""
        flat = np.zeros(self.size)
        flat[self.cells] = np.ravel(values)
        return flat

    def at_baseline(self, axis):
        """Return where the cells are the baseline of an axis, shape full_shape."""
        out = np.zeros(self.full_shape, dtype=bool)
        np.moveaxis(out, axis, 0)[self.shape[axis] :] = True
        return out

    def _inside(self, step):
        """Return 1 for cells that are bins on all axes of a direction."""
        out = np.ones(self.full_shape)
        for axis in np.flatnonzero(step):
            out[self.at_baseline(axis)] = 0.0
        return self.spread(out)

    def _baseline_folds(self):
        """Return (cell, axis direction, diagonal direction, count) of baseline cells.

        Both diagonals of a pair of axes have the same weights there, hence count 2.
        """
        folds = []
        direction = {axis: i for i, axis in enumerate(self.axes)}
        for axis in np.flatnonzero(self.baseline):
            for other in self.axes:
                pair = {axis, other}
                diagonals = [
                    j
                    for j, step in enumerate(self.steps)
                    if set(np.flatnonzero(step)) == pair and len(pair) == 2
                ]
                if not diagonals:
                    continue
                flags = self.at_baseline(axis) & ~self.at_baseline(other)
                for cell in self.cells[flags.ravel()]:
                    folds.append((cell, direction[other], diagonals[0], 2))
        return np.array(folds, dtype=np.int64).reshape(-1, 4)

    def _find_couplings(self, cell, strides):
        """Return which products of stencil weights meet in each offset of Gamma.

        Row r of the second differences has its centre at r and weights at r +- o_i;
        row r of the slopes has +-1/2 at r +- o_i. Entry (q + o, q) of the squared
        operators sums the products of all rows that hold both cells.
        """
        offsets = self.stencils.offsets
        n, n_axes = offsets.size, len(self.axes)
        bends, tilts = [(0, n, 1.0)], []
        for i, offset in enumerate(offsets):
            bends += [(offset, i, 1.0), (-offset, i, 1.0)]
            if i < n_axes:
                tilts += [(offset, n + 1 + i, 0.5), (-offset, n + 1 + i, -0.5)]
        products = {}
        for points in (bends, tilts):
            for (at_a, a, left), (at_b, b, right) in itertools.product(points, points):
                if at_a >= at_b:
                    key = (int(at_a - at_b), min(a, b), max(a, b), int(-at_b))
                    products[key] = products.get(key, 0.0) + left * right
        keys = sorted(products)
        apart = np.unique([0] + [key[0] for key in keys])
        starts = np.searchsorted([key[0] for key in keys], apart)
        # The same couplings in the order of the cells. Those beyond the ends of small
        # axes are 0, and stay inside the matrix.
        own = _strides(self.full_shape)
        rest, steps = apart.copy(), np.zeros_like(apart)
        for axis in self.axes:
            count = (rest + strides[axis] // 2) // strides[axis]
            rest -= count * strides[axis]
            steps += count * int(own[axis])
        return Couplings(
            cells=self.cells,
            cell=cell,
            offsets=apart,
            steps=steps.clip(0, self.cells.size - 1),
            pairs=np.array([key[1:] for key in keys], dtype=np.int64).reshape(-1, 3),
            factors=np.array([products[key] for key in keys]),
            starts=np.array([*starts, len(keys)], dtype=np.int64),
        )

    @functools.cached_property
    def bandwidth(self):
        """The half bandwidth of the penalty in the order of the cells."""
        strides = _strides(self.full_shape)
        points = np.vstack([self.steps * 0, self.steps, -self.steps])[:, None]
        apart = (points - points.transpose(1, 0, 2)) @ strides
        return int(min(np.abs(apart).max(initial=0), self.cells.size - 1))


def make_lattice(shape, baseline, halves):
    """Return the Lattice of tuples; small ones, of many fits in a row, are kept."""
    if math.prod(shape) > _MOST_KEPT:
        return Lattice(shape, baseline, halves)
    return _kept_lattice(shape, baseline, halves)


@functools.lru_cache(maxsize=8)
def _kept_lattice(shape, baseline, halves):
    return Lattice(shape, baseline, halves)


def _strides(shape):
    """Return the distances of neighbours along axes in C order."""
    strides = [1]
    for n in shape[:0:-1]:
        strides.append(strides[-1] * n)
    return np.array(strides[::-1], dtype=np.int64)


def _directions(n_axes, axes):
    """Return the steps along axes and along the diagonals of their pairs."""
    steps = []
    for axis in axes:
        step = np.zeros(n_axes, dtype=np.int64)
        step[axis] = 1
        steps.append(step)
    for first, second in itertools.combinations(axes, 2):
        for sign in (1, -1):
            step = np.zeros(n_axes, dtype=np.int64)
            step[first], step[second] = 1, sign
            steps.append(step)
    return np.array(steps, dtype=np.int64).reshape(-1, n_axes)
