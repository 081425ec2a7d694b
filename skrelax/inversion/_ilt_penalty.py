"""The penalties of the multi-dimensional inversion, and how they follow a fit."""

import math
from dataclasses import dataclass

import numpy as np

from . import _ilt_numba as kernels
from . import _ilt_smooth_numba as smooth
from ._ilt_lattice import make_lattice

# The convergent scheme: factor by which the floor of gamma is raised at first and the
# iterations to lower it; the level, relative to the root mean square of g, below which
# a sign is soft; and the rate at which the weights follow the distribution, with the
# iterations after which it falls as their inverse, so that what alternates settles.
_RAISED_FLOOR, _RAISED_ITER = 1e6, 50
_SOFTNESS = 0.06
_RATE, _RATE_ITER = 0.3, 300


def follow_rate(it):
    """Return the rate of the weights of the convergent scheme in an iteration."""
    return _RATE * min(1.0, _RATE_ITER / max(it, 1))


@dataclass(frozen=True)
class PenaltySettings:
    """Constants of the penalties; per axis where a tuple.

    The names of Granwehr & Roberts are in parentheses.
    """

    strength: float
    """Common factor (alpha_00)."""
    floor: tuple
    """Penalty scale that is independent of the distribution (alpha_0)."""
    curvature: tuple
    """Relief of the uniform penalty by curvature (alpha_c)."""
    slope: tuple
    """Relief of the uniform penalty by slope (alpha_p)."""
    crossing: tuple
    """Scale of the zero crossing penalty (alpha_d)."""
    crossing_limit: float
    """Largest crossing penalty, in units of the uniform one."""
    boundary: tuple
    """Penalty of the two outermost bins of each end; 0 on linear axes (alpha_bc)."""
    negative: float
    """Penalty of negative bins, or 0 (alpha_nn)."""
    windows: tuple
    """Windows of the moving maxima: curvature, slope, crossings."""
    crossing_start: int
    """First iteration with the crossing penalty."""
    damping: tuple
    """Start, decay per iteration and floor of the update rate of Gamma."""
    crossing_damping: tuple
    """The same for the crossing weights."""

    def schedule(self, n_iter):
        """Return (n_iter, 3): crossings on or off, their rate, the rate of Gamma."""
        it = np.arange(n_iter, dtype=np.float64)
        return np.stack(
            [
                (it >= self.crossing_start).astype(np.float64),
                _rate(it, *self.crossing_damping),
                _rate(it, *self.damping),
            ],
            axis=1,
        )


def _rate(it, start, decay, floor):
    """Return 1 before `start`, then a decay per iteration down to a floor."""
    late = np.maximum((1.0 - decay) ** (it - start + 1), floor)
    return np.where(it >= start, late, 1.0)


class Penalty:
    """The penalty matrix Gamma of one distribution, by offsets.

    Parameters
    ----------
    lattice : Lattice
        Cells of the distribution.
    grids : list of ndarray
        Bins per axis.
    is_log : list of bool
        Whether the bins of an axis are spaced logarithmically.
    settings : PenaltySettings
        Constants, per axis in the order of the lattice.
    """

    def __init__(self, lattice, grids, is_log, settings):
        self.lattice, self.settings = lattice, settings
        self.scales = _direction_scales(lattice, grids, is_log, settings)
        self.halves = np.array([window // 2 for window in settings.windows])
        self.fixed = lattice.spread(_boundary(lattice, settings.boundary))
        self.folds = lattice.baseline_folds()
        n, n_axes = lattice.offsets.size, len(lattice.axes)
        self.rows = np.zeros((n + 1 + n_axes, lattice.size))
        self.crossings = np.zeros((n_axes, lattice.size))
        self.logarithms = None
        self.gamma = np.zeros((lattice.gamma_offsets.size, lattice.size))
        self.reset()

    def reset(self):
        """Go back to the start: a multiple of the identity."""
        self.rows[:], self.crossings[:], self.gamma[:] = 0.0, 0.0, 0.0
        start = self.settings.strength / np.mean(self.scales[:, 5])
        self.gamma[0] = start * self.lattice.cell

    def update_smooth(self, g, it, rate, share):
        """Follow g by one iteration of the convergent scheme."""
        lattice, settings = self.lattice, self.settings
        if it == 0:
            self.logarithms = np.zeros((lattice.offsets.size, lattice.size))
        raised = _RAISED_FLOOR ** max(0.0, 1.0 - it / _RAISED_ITER)
        scales = self.scales[:, :5] * [raised, 1.0, 1.0, 1.0, 1.0]
        softness = _SOFTNESS * np.linalg.norm(g) / np.sqrt(lattice.cells.size)
        # The first weights have no predecessor to be averaged with.
        own = 1.0 if it == 0 else rate
        share(
            lambda first, last: smooth.smooth_weights(
                g, first, last, lattice.offsets, lattice.insides, scales,
                self.halves, own, self.logarithms, self.rows,
            )
        )  # fmt: skip
        share(
            lambda first, last: smooth.smooth_crossings(
                g, first, last, lattice.offsets, lattice.insides, self.halves[2],
                settings.crossing_limit, max(softness, np.finfo(float).tiny), own,
                self.crossings, self.rows,
            )
        )  # fmt: skip
        self._assemble(g, scales, 1.0, share)

    def update(self, g, crossing, crossing_rate, rate, share):
        """Follow a distribution g on the flat array by one iteration.

        share(function) calls function(first, last) on parts of the cells, in threads.
        """
        lattice, settings = self.lattice, self.settings
        scales = self.scales[:, :5]
        share(
            lambda first, last: kernels.uniform_weights(
                g, first, last, lattice.offsets, lattice.insides, scales,
                self.halves, self.rows,
            )
        )  # fmt: skip
        if crossing:
            share(
                lambda first, last: kernels.crossing_weights(
                    g, first, last, lattice.offsets, lattice.insides, scales,
                    self.halves[2], settings.crossing_limit, crossing_rate,
                    self.crossings, self.rows,
                )
            )  # fmt: skip
        self._assemble(g, scales, rate, share)

    def _assemble(self, g, scales, rate, share):
        """Set Gamma from the weights."""
        lattice, settings = self.lattice, self.settings
        kernels.fold_baseline(g, lattice.offsets, scales, self.folds, self.rows)
        share(
            lambda first, last: kernels.centre_weights(
                first, last, lattice.offsets.size, self.rows
            )
        )
        share(
            lambda first, last: kernels.assemble(
                g, first, last, self.rows, lattice.pairs, lattice.factors,
                lattice.starts, self.fixed, lattice.cell, settings.negative,
                settings.strength, rate, lattice.gamma_offsets, self.gamma,
            )
        )  # fmt: skip


def make_penalty(shape, baseline, grids, is_log, settings):
    """Return the Penalty of a distribution on the given axes."""
    halves = tuple(window // 2 for window in settings.windows)
    lattice = make_lattice(tuple(shape), tuple(baseline), halves)
    return Penalty(lattice, grids, is_log, settings)


def last_steps(grids, is_log):
    """Return the last step of each axis, of ln(bins) on logarithmic ones; 1 if none."""
    steps = []
    for grid, log in zip(grids, is_log, strict=True):
        values = np.log(grid) if log else np.asarray(grid, dtype=np.float64)
        steps.append(values[-1] - values[-2] if values.size > 1 else 1.0)
    return np.array(steps)


def _direction_scales(lattice, grids, is_log, settings):
    """Return the constants of each direction, (n_directions, 6).

    Diagonals take the root mean square of the constants of their axes, and the
    length of their step. The last column is alpha_0, whose mean sets the start.
    """
    steps = last_steps(grids, is_log)
    lengths = np.where(is_log, steps, np.log(10.0) * steps)
    out = np.empty((lattice.steps.shape[0], 6))
    for i, step in enumerate(lattice.steps):
        axes = np.flatnonzero(step)
        dq = math.sqrt(sum(lengths[axis] ** 2 for axis in axes))
        a0, ac, ap, ad = (
            math.sqrt(sum(value[axis] ** 2 for axis in axes) / axes.size)
            for value in (
                settings.floor, settings.curvature, settings.slope, settings.crossing,
            )
        )  # fmt: skip
        out[i] = a0 * dq**5, ap * dq, ac / dq, dq, ad * dq**3, a0
    if not out.size:
        # A single bin has no direction, but the start needs a scale.
        return np.array([[1.0, 1.0, 1.0, 1.0, 1.0, settings.floor[0]]])
    return out


def _boundary(lattice, boundary):
    """Return the boundary penalty of each cell; ends of several axes add up."""
    out = np.zeros(lattice.full_shape)
    for axis, penalty in enumerate(boundary):
        bins = np.moveaxis(out, axis, 0)[: lattice.shape[axis]]
        bins[:2] += penalty
        bins[-2:] += penalty
    return out
