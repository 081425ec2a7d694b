"""Fits of one nonlinear parameter, with one or two amplitudes."""

import numpy as np

from ._energies import (
    coarse_energies,
    orthonormal,
    pairwise_products,
    rows_there,
)
from ._numba_line_one import refine_one
from ._numba_line_scan import scan_line, scan_signs, spread_signs
from ._numba_line_two import refine_two
from ._numba_types import (
    WIDTH,
    Brackets,
    LineGrid,
    LineMargins,
    LineWork,
    Nodes,
    Patterns,
    Polarities,
    SignMargins,
    SignWork,
    SingleSpline,
    Solution,
    Spline,
)
from ._table import build_table, cell_powers, squared_powers

# Steps of grids, in the logarithm of a parameter. Magnitudes have local minima between
# the zero crossings of neighbouring points, so they need a finer one.
_STEP, _STEP_MAGNITUDE = 0.05, 0.018
# Energies of nodes that may hide the global minimum, as a fraction of |y|^2; of every
# _STRIDE-th node, which are looked at first, for local maxima and at least for all
# nodes; and of parabolas between nodes, which err by less, of one polarity.
_MARGINS, _NEAR, _STRIDE = LineMargins(coarse=0.05, fine=2e-2), 6e-4, 4
_MARGINS_SIGNS = SignMargins(node=2e-2, between=1e-3)
_N_KEPT = 4


class LineProblem:
    """One nonlinear parameter, one or two amplitudes."""

    def __init__(self, function, axes, magnitude):
        self.axes, self.magnitude = axes, magnitude
        step = _STEP
        if magnitude:
            n_amplitudes = function(np.array([[axes[0].low]])).shape[0]
            step = _STEP_MAGNITUDE if n_amplitudes == 1 else _STEP
        table = build_table(function, axes, [step])
        self.u = table.nodes[0]
        nodes = Nodes(self.u[0], self.u[1] - self.u[0], self.u.size)
        powers = cell_powers(table.coefficients)
        self.n_amplitudes = table.signals.shape[0]
        if self.n_amplitudes == 1:
            powers = powers[:, 0]
            self.spline = SingleSpline(powers, squared_powers(powers), nodes)
        else:
            self.spline = Spline(powers, nodes)
        signals = np.abs(table.signals) if self._has_own_signs else table.signals
        basis = orthonormal(signals)
        padded = np.pad(basis, [(0, 0), (0, 0), (0, WIDTH)])
        self.coarse = np.ascontiguousarray(basis[:, :, ::_STRIDE], dtype=np.float32)
        near = np.full(self.coarse.shape[2], _NEAR, dtype=np.float32)
        if self._has_own_signs:
            units = np.where(table.signals[0] < 0.0, -basis[0], basis[0])
            units = np.ascontiguousarray(units.T)
            # A maximum turns away by half of the angle to the next node at most, which
            # costs a quarter of the squared sine of all of it.
            gaps = 1.0 - (units[1:] * units[:-1]).sum(axis=1) ** 2
            self.polarities = Polarities(units, gaps)
            coarse = basis[0, :, ::_STRIDE]
            far = 0.5 - 0.5 * (coarse[:, 1:] * coarse[:, :-1]).sum(axis=0) ** 2
            near = _with_gaps(near, far)
        elif magnitude:
            self.patterns = sign_patterns(table.signals, basis)
        squares = np.stack(pairwise_products(padded))
        self.grid = LineGrid(padded, squares, _STRIDE, near[None], nodes)

    @property
    def _has_own_signs(self):
        """Whether signs follow from the nonlinear parameter alone."""
        return self.magnitude and self.n_amplitudes == 1

    @property
    def cost(self):
        """Multiplications per voxel, about."""
        return self.coarse.size

    def solve(self, Y, starts, stop, there=None):
        """Fit Y (n, C, N), globally or from starts (n, 1) in u.

        `there` (n, N) holds zeros where points are missing; None says that none is.
        """
        there = rows_there(there, Y)
        brackets = self.find_brackets(Y, starts, there)
        n, n_channels, _ = Y.shape
        out = Solution.empty(n, n_channels, self.n_amplitudes, 1)
        refine = refine_one if self.n_amplitudes == 1 else refine_two
        refine(Y, self.spline, brackets, stop, out, there)
        return out

    def find_brackets(self, Y, starts=None, there=None):
        """Return the Brackets of minima in u, of what `solve` is given."""
        there = rows_there(there, Y)
        n, _, n_points = Y.shape
        # Room for brackets of other polarities, of which several may be nearly equal.
        n_kept = 3 * _N_KEPT if self.magnitude else _N_KEPT
        brackets = Brackets.empty(n, n_kept, n_points, self.magnitude)
        if starts is not None:
            self._start(Y, starts[:, 0], brackets, there)
        elif self.magnitude and self.n_amplitudes == 2:
            self._scan_signs(Y, brackets, there)
        else:
            self._scan(Y, brackets, there)
        return brackets

    def _scan(self, Y, brackets, there):
        """Write brackets, without polarities or with those of the nodes."""
        # LLVM tests eight nodes at once.
        peak = np.empty(-(-self.coarse.shape[2] // 8) * 8, dtype=bool)
        work = LineWork(np.empty(self.u.size + WIDTH), peak)
        for part, energies in coarse_energies(Y, self.coarse, there):
            # spread_signs needs room for more brackets.
            first, here = brackets.take(part, _N_KEPT), there[part]
            grid = self.grid
            if self.magnitude and len(there):
                grid = grid._replace(near=self._near_there(here))
            scan_line(Y[part], energies, grid, _MARGINS, work, first, here)
        if self.magnitude:
            spread_signs(Y, self.polarities, self.grid.nodes, brackets, there)

    def _near_there(self, there):
        """Return what LineGrid has as `near`, of the points there, (n, G)."""
        coarse, there = self.coarse[0], there.astype(np.float32)
        size = there @ coarse**2
        both = size[:, 1:] * size[:, :-1]
        cosines = (there @ (coarse[:, 1:] * coarse[:, :-1])) ** 2
        cosines = np.divide(cosines, both, out=np.zeros_like(both), where=both > 0.0)
        near = np.full(size.shape, _NEAR, dtype=np.float32)
        return _with_gaps(near, np.float32(0.5) - np.float32(0.5) * cosines)

    def _scan_signs(self, Y, brackets, there):
        """Write brackets of all polarities that two amplitudes can have."""
        n_nodes = self.u.size
        peak = np.empty(-(-n_nodes // 8) * 8, dtype=bool)
        work = SignWork(np.empty((Y.shape[2], n_nodes)), peak)
        margins = _MARGINS_SIGNS
        scan_signs(Y, self.patterns, self.grid.nodes, margins, work, brackets, there)

    def _start(self, Y, u, brackets, there):
        """Write one bracket per voxel: all the range, around a start."""
        low, high, start, node, sign = brackets
        nearest = np.abs(self.u - u[:, None]).argmin(axis=1)
        low[:, 0], high[:, 0], start[:, 0] = self.u[0], self.u[-1], u
        node[:, 0] = nearest
        if not self.magnitude:
            return
        if self.n_amplitudes == 1:
            sign[:, 0] = np.where(self.polarities.units[nearest] < 0.0, -1, 1)
            return
        runs, order, base, basis = self.patterns
        for v, g in enumerate(nearest):
            r = np.searchsorted(runs, g, side="right") - 1
            signed = Y[v, 0, order[r]] * base[r]
            steps = -2.0 * np.cumsum(basis[:, :, g] * signed, axis=1)
            sums = (basis[:, :, g] @ signed)[:, None] + np.insert(steps, 0, 0.0, axis=1)
            energies = (sums**2).sum(axis=0)
            if len(there):
                # What was orthonormal is not where points are missing.
                rows = basis[:, :, g] * there[v, order[r]]
                energies = (sums * (np.linalg.pinv(rows @ rows.T) @ sums)).sum(axis=0)
            pattern = base[r].copy()
            pattern[: energies[:-1].argmax()] *= -1.0
            sign[v, 0, order[r]] = pattern


def _with_gaps(near, far):
    """Return near (..., G), at least `far` (..., G - 1) at both ends of a gap."""
    near[..., 1:] = np.fmax(near[..., 1:], far)
    near[..., :-1] = np.fmax(near[..., :-1], far)
    return near


def sign_patterns(signals, basis):
    """Return the Patterns of signals (2, N, G) with an orthonormal basis (2, N, G).

    For amplitudes (a, b) the sign of a phi_1 + b phi_2 changes point after point in
    the order of phi_2 / phi_1.
    """
    # Adding 0 leaves no -0, whose ratio would have the other sign.
    first, second = np.moveaxis(signals, -1, 1) + 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = second / first
    order = np.argsort(-ratio, axis=1, kind="stable")
    base = np.where(np.take_along_axis(first, order, axis=1) < 0, -1.0, 1.0)
    sorted_basis = np.take_along_axis(basis, order.T[None], axis=1)
    changed = (np.diff(order, axis=0) != 0) | (np.diff(base, axis=0) != 0)
    runs = np.concatenate([[0], np.flatnonzero(changed.any(axis=1)) + 1, [len(order)]])
    begins = runs[:-1]
    basis = np.ascontiguousarray(sorted_basis)
    return Patterns(runs, order[begins], base[begins], basis)
