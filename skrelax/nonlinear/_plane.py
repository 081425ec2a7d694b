"""Fits of two nonlinear parameters and one amplitude."""

import numpy as np

from ._energies import coarse_energies, orthonormal, rows_there
from ._numba_plane import refine_plane
from ._numba_plane_scan import scan_plane
from ._numba_types import PlaneGrid, PlaneSpline, PlaneWork, Solution, Starts
from ._table import build_table

# Steps of grids: logarithmic, and as a fraction of a linear range.
_STEP_LOG, _STEP_LINEAR = 0.12, 0.06
# Energies of nodes that may hide the global minimum, as a fraction of the largest:
# ridges of two parameters have many maxima by chance.
_MARGIN = 1e-3
_N_KEPT = 3


class PlaneProblem:
    """Two nonlinear parameters, one amplitude."""

    n_amplitudes = 1

    def __init__(self, function, axes, magnitude):
        self.axes, self.magnitude = axes, magnitude
        steps = [_STEP_LOG if axis.log else _STEP_LINEAR for axis in axes]
        table = build_table(function, axes, steps)
        # One row per node of the first axis.
        coefficients = table.coefficients.reshape(len(table.coefficients), -1)
        origin = np.array([u[0] for u in table.nodes])
        h = np.array([u[1] - u[0] for u in table.nodes])
        self.spline = PlaneSpline(coefficients, origin, h)
        strides = [
            max(1, (u.size - 1) // (axis.nodes(step).size - 1))
            for axis, u, step in zip(axes, table.nodes, steps, strict=True)
        ]
        self.coarse = [u[::k] for u, k in zip(table.nodes, strides, strict=True)]
        signals = table.signals[0][:, :: strides[0], :: strides[1]]
        signals = np.abs(signals) if magnitude else signals
        unit = orthonormal(signals[None])[0]
        coarse = unit[:, ::2, ::2]
        basis = np.ascontiguousarray(np.moveaxis(unit, 0, -1))
        self.grid = PlaneGrid(basis, coarse.shape[2])
        self.coarse_basis = coarse.reshape(1, len(coarse), -1).astype(np.float32)

    @property
    def cost(self):
        """Multiplications per voxel, about."""
        return self.coarse_basis.size

    def solve(self, Y, starts, stop, there=None):
        """Fit Y (n, C, N), globally or from starts (n, 2) in u.

        `there` (n, N) holds zeros where points are missing; None says that none is.
        """
        there = rows_there(there, Y)
        n, n_channels, _ = Y.shape
        if starts is None:
            starts = self._scan(Y, there)
        else:
            node = np.zeros((n, 1, 2), dtype=np.int64)
            starts = Starts(starts[:, None, :].copy(), node)
        out = Solution.empty(n, n_channels, 1, 2)
        refine_plane(Y, self.spline, self.magnitude, starts, stop, out, there)
        return out

    def _scan(self, Y, there):
        """Return Starts of the best nodes."""
        node = np.empty((len(Y), _N_KEPT, 2), dtype=np.int64)
        # LLVM tests eight nodes at once.
        peak = np.empty(-(-self.coarse_basis.shape[2] // 8) * 8, dtype=bool)
        w = np.empty(Y.shape[2] if len(there) else 0)
        work = PlaneWork(peak, np.empty(_N_KEPT), w)
        for part, energies in coarse_energies(Y, self.coarse_basis, there):
            here = Y[part], energies, self.grid, _MARGIN, work, node[part]
            scan_plane(*here, there[part])
        place = np.maximum(node, 0)
        start = [self.coarse[k][place[:, :, k]] for k in range(2)]
        return Starts(np.stack(start, axis=-1), node)
