"""The numerical problems behind a fit, by numbers of parameters and amplitudes."""

import itertools

import numpy as np

from ..signals import SignalModel
from ._general import GeneralProblem
from ._numba_one import refine_one
from ._numba_plane import refine_plane, scan_plane
from ._numba_scan import WIDTH, scan_line, scan_signs, spread_signs
from ._numba_two import refine_pair, refine_two, scan_pair
from ._solution import Solution
from ._table import (
    Axis,
    build_table,
    cell_powers,
    orthonormal,
    sign_patterns,
    squared_powers,
)

# Steps of grids, in the logarithm of a parameter. Magnitudes have local minima between
# the zero crossings of neighbouring points, so they need a finer one.
_STEP, _STEP_MAGNITUDE, _STEP_PAIR = 0.05, 0.018, 0.15
# Pairs of nodes that may hide the global minimum, and valleys between them.
_MARGINS_PAIR = 2e-2, 1e-9
# Steps of a grid over two parameters: logarithmic, and as a fraction of a linear range.
_STEP_PLANE, _STEP_LINEAR = 0.12, 0.06
# Energies of nodes that may hide the global minimum, as a fraction of |y|^2.
_MARGIN = 2e-2
# Ridges of two parameters have many maxima by chance.
_MARGIN_PLANE = 1e-3
# The same for every _STRIDE-th node, which are looked at first.
_MARGIN_COARSE, _MARGIN_NEAR, _STRIDE = 0.05, 6e-4, 4
_MARGINS = _MARGIN_COARSE, _MARGIN, _MARGIN_NEAR
# The same for nodes and for parabolas between them, which err by less, of the energies
# of one polarity.
_MARGINS_SIGNS = _MARGIN, 1e-3
_N_KEPT = 4
# Signals whose coarse energies fit into a cache.
_COARSE_ROWS = 512


def make_problem(
    model: SignalModel, acquisition, limits, root_weight, magnitude, known=None
):
    """Return the problem of a model on an acquisition, with its tables.

    `limits` (P, 2) bound the parameters, `root_weight` (N,) multiplies all signals.
    `known` maps names of parameters to values (n,), in the order of the model.
    """
    axes = [
        Axis(parameter.name, low, high, log=not np.isfinite(parameter.upper))
        for parameter, (low, high) in zip(model.parameters, limits, strict=True)
    ]
    for axis in axes:
        if axis.log and not axis.low > 0:
            raise ValueError(f"bounds of {axis.name} must be positive, got {axis.low}.")
    if np.iscomplexobj(model.basis(acquisition, limits.mean(axis=1)[None])):
        raise ValueError(
            f"signals of {type(model).__name__} are complex as it is set; fits take "
            "models with real signals, and complex amplitudes for complex data."
        )
    if known:
        axes = [axis for axis in axes if axis.name not in known]
        values = np.stack(list(known.values()), axis=1)
        return GeneralProblem(model, acquisition, axes, root_weight, magnitude, values)
    if model.component is not None:
        # Both components share one table, on the range of both.
        whole = Axis("", limits[:, 0].min(), limits[:, 1].max(), log=True)
        return PairProblem(model.component, acquisition, axes, whole, root_weight)

    def function(sets):
        return model.basis(acquisition, sets) * root_weight[:, None]

    n_amplitudes = len(model.amplitudes)
    if len(axes) == 1 and n_amplitudes <= 2:
        return LineProblem(function, axes, magnitude)
    if len(axes) == 2 and n_amplitudes == 1:
        return PlaneProblem(function, axes, magnitude)
    return GeneralProblem(model, acquisition, axes, root_weight, magnitude)


def coarse_energies(Y, coarse):
    """Yield slices of the signals with the energies of y / |y| at coarse nodes.

    `coarse` (L, N, G) is an orthonormal basis, in single precision like the energies
    (n, G), which live until the next slice.
    """
    size = np.sqrt(np.einsum("nci,nci->n", Y, Y))
    unit = (Y / size[:, None, None]).astype(np.float32)
    energies, extra = np.empty(
        (2, min(len(Y), _COARSE_ROWS), coarse.shape[2]), np.float32
    )
    for start in range(0, len(Y), _COARSE_ROWS):
        part = slice(start, min(start + _COARSE_ROWS, len(Y)))
        total, work = energies[: part.stop - start], extra[: part.stop - start]
        for k, (c, basis) in enumerate(itertools.product(range(Y.shape[1]), coarse)):
            out = work if k else total
            np.matmul(unit[part, c], basis, out=out)
            np.multiply(out, out, out=out)
            if k:
                total += out
        yield part, total


class LineProblem:
    """One nonlinear parameter, one or two amplitudes."""

    def __init__(self, function, axes, magnitude):
        self.axes, self.magnitude = axes, magnitude
        step = _STEP
        if magnitude:
            n_amplitudes = function(np.array([[axes[0].low]])).shape[0]
            step = _STEP_MAGNITUDE if n_amplitudes == 1 else _STEP
        table = build_table(function, axes, [step])
        self.nodes = table.nodes[0]
        self.powers = cell_powers(table.coefficients)
        self.n_amplitudes = table.signals.shape[0]
        if self.n_amplitudes == 1:
            self.powers = self.powers[:, 0]
            self.energy_powers = squared_powers(self.powers)
        self.signs = np.where(table.signals[0].T < 0, -1, 1).astype(np.int8)
        signals = np.abs(table.signals) if self._has_own_signs else table.signals
        basis = orthonormal(signals)
        self.basis = np.pad(basis, [(0, 0), (0, 0), (0, WIDTH)])
        self.coarse = np.ascontiguousarray(basis[:, :, ::_STRIDE], dtype=np.float32)
        if magnitude and self.n_amplitudes == 2:
            self.patterns = sign_patterns(table.signals, basis)

    @property
    def _has_own_signs(self):
        """Whether signs follow from the nonlinear parameter alone."""
        return self.magnitude and self.n_amplitudes == 1

    @property
    def cost(self):
        """Multiplications per voxel, about."""
        return self.coarse.size

    def solve(self, Y, starts, tol, max_iter):
        """Fit Y (n, C, N), globally or from starts (n, 1) in u."""
        n, n_channels, n_points = Y.shape
        u0, h = self.nodes[0], self.nodes[1] - self.nodes[0]
        # Room for brackets of other polarities, of which several may be nearly equal.
        n_kept = 3 * _N_KEPT if self.magnitude else _N_KEPT
        lo, hi, start = (np.empty((n, n_kept)) for _ in range(3))
        node = np.full((n, n_kept), -1, dtype=np.int64)
        sign = np.empty((n, n_kept if self.magnitude else 0, n_points), np.int8)
        acc = np.empty(self.nodes.size + WIDTH)
        brackets = lo, hi, start, node
        if starts is not None:
            self._start(Y, starts[:, 0], brackets, sign)
        elif self.magnitude and self.n_amplitudes == 2:
            runs, order, base, basis = self.patterns
            n_nodes = self.nodes.size
            scan_signs(
                Y, basis, order, base, runs, np.empty((n_points, n_nodes)),
                np.empty(-(-n_nodes // 8) * 8, dtype=bool), h, u0, _MARGINS_SIGNS,
                *brackets, sign,
            )  # fmt: skip
        else:
            # spread_signs needs room for two more brackets each.
            first = [array[:, :_N_KEPT] for array in brackets]
            peak = np.empty(-(-self.coarse.shape[2] // 8) * 8, dtype=bool)
            for part, energies in coarse_energies(Y, self.coarse):
                scan_line(
                    Y[part], self.basis, energies, _STRIDE, h, u0, _MARGINS, acc, peak,
                    *(array[part] for array in first),
                )  # fmt: skip
            if self.magnitude:
                spread_signs(self.signs, *brackets, sign)
        out = Solution.empty(n, n_channels, self.n_amplitudes, 1)
        outputs = out.u[:, 0], out.coef, out.rss, out.cov, out.n_iter
        if self.n_amplitudes == 1:
            refine_one(
                Y, self.powers, self.energy_powers, *brackets, sign, u0, h, tol,
                max_iter, *outputs,
            )  # fmt: skip
        else:
            refine_two(Y, self.powers, *brackets, sign, u0, h, tol, max_iter, *outputs)
        return out

    def _start(self, Y, u, brackets, sign):
        """Write one bracket per voxel: all the range, around a start."""
        lo, hi, start, node = brackets
        nearest = np.abs(self.nodes - u[:, None]).argmin(axis=1)
        lo[:, 0], hi[:, 0], start[:, 0] = self.nodes[0], self.nodes[-1], u
        node[:, 0] = nearest
        if not self.magnitude:
            return
        if self.n_amplitudes == 1:
            sign[:, 0] = self.signs[nearest]
            return
        runs, order, base, basis = self.patterns
        for v, g in enumerate(nearest):
            r = np.searchsorted(runs, g, side="right") - 1
            signed = Y[v, 0, order[r]] * base[r]
            steps = -2.0 * np.cumsum(basis[:, :, g] * signed, axis=1)
            sums = (basis[:, :, g] @ signed)[:, None] + np.insert(steps, 0, 0.0, axis=1)
            pattern = base[r].copy()
            pattern[: (sums**2).sum(axis=0)[:-1].argmax()] *= -1.0
            sign[v, 0, order[r]] = pattern


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
        self.nodes = table.nodes[0]
        self.powers = cell_powers(table.coefficients)
        stride = max(1, round(_STEP_PAIR / (self.nodes[1] - self.nodes[0])))
        self.coarse = self.nodes[::stride]
        unit = orthonormal(table.signals)[0][:, ::stride]
        self.basis = np.ascontiguousarray(unit)
        # Signals alike up to rounding must not give a pair a huge energy.
        self.gram = np.minimum(unit.T @ unit, 1.0 - 1e-9)
        self.inverse = 1.0 / (1.0 - self.gram**2)
        self.box = np.array([np.log([axis.low, axis.high]) for axis in axes])
        # One node more on each side: the search then moves into the box.
        self.allowed = np.stack(
            [
                np.maximum(np.searchsorted(self.coarse, self.box[:, 0]) - 1, 0),
                np.searchsorted(self.coarse, self.box[:, 1], side="right") + 1,
            ],
            axis=1,
        ).clip(max=self.coarse.size)

    @property
    def cost(self):
        """Multiplications per voxel, about."""
        return self.basis.size + 4 * self.gram.size

    def solve(self, Y, starts, tol, max_iter):
        """Fit Y (n, C, N), globally or from starts (n, 2) in u."""
        n, n_channels, _ = Y.shape
        u0, h = self.nodes[0], self.nodes[1] - self.nodes[0]
        if starts is None:
            node = np.empty((n, _N_KEPT), dtype=np.int64)
            start = np.zeros((n, _N_KEPT, 2))
            work = np.empty((3, self.coarse.size))
            scan_pair(
                Y, Y @ self.basis, self.gram, self.inverse, self.allowed,
                _MARGINS_PAIR, *work, start, node,
            )  # fmt: skip
            start = self.coarse[0] + (self.coarse[1] - self.coarse[0]) * start
        else:
            node = np.zeros((n, 1), dtype=np.int64)
            start = starts[:, None, :].copy()
        out = Solution.empty(n, n_channels, 2, 2)
        refine_pair(
            Y, self.powers, self.basis, self.coarse, start, node, self.box, u0, h, tol,
            max_iter, out.u, out.coef, out.rss, out.cov, out.n_iter,
        )  # fmt: skip
        return out


class PlaneProblem:
    """Two nonlinear parameters, one amplitude."""

    n_amplitudes = 1

    def __init__(self, function, axes, magnitude):
        self.axes, self.magnitude = axes, magnitude
        steps = [_STEP_PLANE if axis.log else _STEP_LINEAR for axis in axes]
        table = build_table(function, axes, steps)
        self.nodes = table.nodes
        # One row per node of the first axis.
        self.coefficients = table.coefficients.reshape(len(table.coefficients), -1)
        strides = [
            max(1, (u.size - 1) // (axis.nodes(step).size - 1))
            for axis, u, step in zip(axes, table.nodes, steps, strict=True)
        ]
        self.coarse = [u[::k] for u, k in zip(table.nodes, strides, strict=True)]
        signals = table.signals[0][:, :: strides[0], :: strides[1]]
        signals = np.abs(signals) if magnitude else signals
        unit = orthonormal(signals[None])[0]
        self.basis = np.ascontiguousarray(np.moveaxis(unit, 0, -1))
        coarse = unit[:, ::2, ::2]
        self.n_second = coarse.shape[2]
        self.coarse_basis = coarse.reshape(1, len(coarse), -1).astype(np.float32)

    @property
    def cost(self):
        """Multiplications per voxel, about."""
        return self.coarse_basis.size

    def solve(self, Y, starts, tol, max_iter):
        """Fit Y (n, C, N), globally or from starts (n, 2) in u."""
        n, n_channels, _ = Y.shape
        if starts is None:
            node = np.empty((n, 3, 2), dtype=np.int64)
            peak = np.empty(-(-self.coarse_basis.shape[2] // 8) * 8, dtype=bool)
            for part, energies in coarse_energies(Y, self.coarse_basis):
                scan_plane(
                    Y[part], self.basis, energies, self.n_second, _MARGIN_PLANE, peak,
                    np.empty(3), node[part],
                )  # fmt: skip
            place = np.maximum(node, 0)
            start = np.stack(
                [self.coarse[k][place[:, :, k]] for k in range(2)], axis=-1
            )
        else:
            node = np.zeros((n, 1, 2), dtype=np.int64)
            start = starts[:, None, :].copy()
        origin = np.array([u[0] for u in self.nodes])
        h = np.array([u[1] - u[0] for u in self.nodes])
        out = Solution.empty(n, n_channels, 1, 2)
        refine_plane(
            Y, self.coefficients, start, node, origin, h, self.magnitude, tol, max_iter,
            out.u, out.coef, out.rss, out.cov, out.n_iter,
        )  # fmt: skip
        return out
