"""Fits of the sum of two signals of one model."""

from functools import cached_property

import numpy as np

from ._energies import orthonormal, rows_there
from ._numba_pair import refine_pair
from ._numba_pair_scan import scan_pair
from ._numba_types import (
    Nodes,
    PairGrid,
    PairLine,
    PairMargins,
    PairWork,
    Solution,
    Spline,
    Starts,
)
from ._table import build_table, cell_powers

# Steps of the table and of pairs of nodes, in the logarithm of a parameter.
_STEP, _STEP_COARSE = 0.05, 0.15
# Pairs of nodes that may hide the global minimum, and valleys between them.
_MARGINS = PairMargins(row=2e-2, depth=1e-9)
_N_KEPT = 4
# Signals whose products of pairs at the points there fit into a cache.
_ROWS = 64


class PairProblem:
    """The sum of two signals of one model."""

    n_amplitudes = 2
    magnitude = False

    def __init__(self, component, acquisition, axes, whole, root_weight):
        self.axes = axes
        table = build_table(
            lambda sets: component.basis(acquisition, sets) * root_weight[:, None],
            [whole],
            [_STEP],
        )
        u = table.nodes[0]
        nodes = Nodes(u[0], u[1] - u[0], u.size)
        spline = Spline(cell_powers(table.coefficients), nodes)
        stride = max(1, round(_STEP_COARSE / nodes.step))
        coarse = u[::stride]
        unit = orthonormal(table.signals)[0][:, ::stride]
        # Signals alike up to rounding must not give a pair a huge energy.
        gram = np.minimum(unit.T @ unit, 1.0 - 1e-9)
        box = np.array([np.log([axis.low, axis.high]) for axis in axes])
        # One node more on each side: the search then moves into the box.
        allowed = np.stack(
            [
                np.maximum(np.searchsorted(coarse, box[:, 0]) - 1, 0),
                np.searchsorted(coarse, box[:, 1], side="right") + 1,
            ],
            axis=1,
        ).clip(max=coarse.size)
        unit = np.ascontiguousarray(unit)
        self.line = PairLine(spline, unit, coarse, box)
        self.grid = PairGrid(gram, 1.0 / (1.0 - gram**2), allowed)

    @cached_property
    def _squares(self):
        """Products (N, G (G + 1) / 2) of unit signals with themselves and others."""
        unit = self.line.basis
        first, second = np.triu_indices(unit.shape[1])
        return unit[:, first] * unit[:, second]

    @property
    def cost(self):
        """Multiplications per voxel, about."""
        return self.line.basis.size + 4 * self.grid.gram.size

    def solve(self, Y, starts, stop, there=None):
        """Fit Y (n, C, N), globally or from starts (n, 2) in u.

        `there` (n, N) holds zeros where points are missing; None says that none is.
        """
        there = rows_there(there, Y)
        n, n_channels, _ = Y.shape
        if starts is None:
            starts = self._scan(Y, there)
        else:
            node = np.zeros((n, 1), dtype=np.int64)
            starts = Starts(starts[:, None, :].copy(), node)
        out = Solution.empty(n, n_channels, 2, 2)
        refine_pair(Y, self.line, starts, stop, out, there)
        return out

    def _scan(self, Y, there):
        """Return Starts of the best pairs of nodes."""
        coarse = self.line.coarse
        node = np.empty((len(Y), _N_KEPT), dtype=np.int64)
        starts = Starts(np.zeros((len(Y), _N_KEPT, 2)), node)
        work = PairWork(*np.empty((4, coarse.size)))
        products = Y @ self.line.basis
        rest = self.grid, _MARGINS, work
        if len(there):
            # One array for all slices: memory that is new each time costs more.
            squares = np.empty((min(len(there), _ROWS), self._squares.shape[1]))
            for start in range(0, len(there), _ROWS):
                part = slice(start, min(start + _ROWS, len(there)))
                own = squares[: part.stop - start]
                np.matmul(there[part], self._squares, out=own)
                here = Starts(starts.place[part], node[part])
                scan_pair(Y[part], products[part], *rest, here, own)
        else:
            scan_pair(Y, products, *rest, starts, there)
        return Starts(coarse[0] + (coarse[1] - coarse[0]) * starts.place, node)
