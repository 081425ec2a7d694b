"""From data to a distribution: layout, solver and the iteration itself."""

import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np

from ..utils._parallel import split_slices
from . import _ilt_numba as kernels
from ._ilt_penalty import follow_rate, make_penalty
from ._ilt_solvers import (
    WIDEST_BAND,
    BandSolver,
    BlockSolver,
    ModeSolver,
)

# Systems of less than this many multiplications run as one compiled loop.
_SMALL_WORK = 1e7
# Cells above which the update of the penalties is shared among threads.
_THREAD_CELLS = 30_000
# Multiplications per second of the two factorisations; only their ratio matters.
_BAND_RATE, _BLOCK_RATE = 16e9, 40e9
# Seconds of calls in one solve with blocks.
_BLOCK_CALLS = 3e-3


@dataclass(frozen=True)
class Axes:
    """The axes of a distribution: inverted ones first, then those that are not."""

    grids: tuple
    """Bins per axis."""
    is_log: tuple
    """Whether the bins of an axis are spaced logarithmically."""
    baseline: tuple
    """Whether an axis has a static baseline; inverted axes only."""
    n_inverted: int
    """Number of inverted axes."""

    @property
    def shape(self):
        """Bins per axis."""
        return tuple(len(grid) for grid in self.grids)

    @property
    def full_shape(self):
        """Cells per axis, with the baseline last."""
        return tuple(n + b for n, b in zip(self.shape, self.baseline, strict=True))


class Inversion:
    """One inversion, ready to iterate.

    Parameters
    ----------
    axes : Axes
        Axes of the distribution.
    operator : DataOperator
        Data term; its channels are the axes that are not inverted.
    settings : PenaltySettings
        Constants of the penalties, per axis in the order of `axes`.
    n_threads : int
        Threads of one solve.
    solver : {"auto", "direct", "iterative"}, default="auto"
        How a system is solved; by cost if ``"auto"``.
    """

    def __init__(self, axes, operator, settings, n_threads, solver="auto"):
        self.axes, self.operator, self.n_threads = axes, operator, n_threads
        direct = solver == "direct"
        if solver == "auto":
            direct = _prefers_direct(axes, self.operator)
        self.direct = direct
        p, d = axes.n_inverted, len(axes.grids)
        # Position in `axes` of each axis of the lattice, the slowest first.
        self.order = [*range(p, d), *range(p)] if direct else list(range(d))
        self.penalty = make_penalty(
            [axes.shape[i] for i in self.order],
            [axes.baseline[i] for i in self.order],
            [axes.grids[i] for i in self.order],
            [axes.is_log[i] for i in self.order],
            _reorder(settings, self.order),
        )
        lattice = self.penalty.lattice
        if direct:
            W = self.operator.normal_blocks()
            b = max(lattice.bandwidth, W.shape[1] - 1)
            if b <= WIDEST_BAND or lattice.cells.size <= 2 * WIDEST_BAND:
                self.solver = BandSolver(lattice, W, n_threads)
            else:
                self.solver = BlockSolver(lattice, W)
        else:
            self.solver = ModeSolver(lattice, self.operator)
        self.g = np.zeros(lattice.size)
        self.interrupted = False

    def load(self, data):
        """Take data (n_points, n_channels) in units of their noise; forget the rest."""
        self.penalty.reset()
        right = self.operator.right_side(data)
        self.solver.Y = np.ascontiguousarray(right.T if self.direct else right).ravel()

    def to_axes(self, x):
        """Return cells of the lattice as an array in the order of `axes`."""
        shape = [self.axes.full_shape[i] for i in self.order]
        return x.reshape(shape).transpose(np.argsort(self.order))

    @property
    def distribution(self):
        """The current distribution with baselines, in the order of `axes`."""
        return self.to_axes(self.g[self.penalty.lattice.cells]).copy()

    def run(
        self, n_iter, tol, *, scheme="reference", start=None, after=None, keep=False
    ):
        """Iterate, and return ||g - g_old|| / ||g|| of each iteration.

        Parameters
        ----------
        n_iter : int
            Largest number of iterations.
        tol : float
            Step below which they stop.
        scheme : {"reference", "convergent"}, default="reference"
            How the penalties follow the distribution.
        start : ndarray or None
            Distribution to start the reference scheme from, in the order of `axes`;
            None for the solution with a multiple of the identity as penalty.
        after : callable or None
            after(iteration, step) is called between iterations; a true value stops.
        keep : bool, default=False
            Whether the solver stays ready for other data.

        Returns
        -------
        ndarray of shape (n_done,)
            The steps.
        """
        with ExitStack() as stack:
            if not keep:
                stack.callback(self.solver.close)
            if start is None or scheme == "convergent":
                self._set(self.solver.solve(self.penalty.gamma))
            else:
                self._set(start.transpose(self.order).ravel())
            if scheme == "reference" and after is None and self._is_small():
                return self._run_compiled(n_iter, tol)
            return self._run(n_iter, tol, scheme, after, self._sharer(stack))

    def _set(self, x):
        self.g[self.penalty.lattice.cells] = x

    def _is_small(self):
        solver = self.solver
        if not isinstance(solver, BandSolver) or solver.pool is not None:
            return False
        return self.penalty.lattice.cells.size * solver.b**2 < _SMALL_WORK

    def _run_compiled(self, n_iter, tol):
        penalty, solver = self.penalty, self.solver
        lattice, settings = penalty.lattice, penalty.settings
        steps = np.zeros(n_iter)
        done, failed = kernels.iterate_small(
            self.g, lattice.offsets, lattice.insides, penalty.scales[:, :5].copy(),
            penalty.halves, settings.crossing_limit, penalty.crossings, penalty.rows,
            penalty.folds, lattice.pairs, lattice.factors, lattice.starts,
            penalty.fixed, lattice.cell, settings.negative, settings.strength,
            settings.schedule(n_iter), penalty.gamma, lattice.gamma_offsets,
            lattice.gamma_steps, lattice.cells, solver.W, solver.Y, solver.A, solver.x,
            tol, steps,
        )  # fmt: skip
        solver.check(failed)
        return steps[:done]

    def _run(self, n_iter, tol, scheme, after, share):
        penalty = self.penalty
        schedule = penalty.settings.schedule(n_iter)
        steps = []
        try:
            for it in range(n_iter):
                x, stretch = self._step(it, schedule[it], scheme, share)
                step = stretch * kernels.take_over(x, penalty.lattice.cells, self.g)
                steps.append(step)
                if step < tol or (after is not None and after(it + 1, step)):
                    break
        except KeyboardInterrupt:
            self.interrupted = True
        return np.array(steps)

    def _step(self, it, schedule, scheme, share):
        """Return the next iterate, and by how much damping shortened the step."""
        if scheme == "convergent":
            rate = follow_rate(it)
            self.penalty.update_smooth(self.g, it, rate, share)
            return self.solver.solve(self.penalty.gamma), 1.0 / rate
        crossing, crossing_rate, rate = schedule
        self.penalty.update(self.g, crossing > 0, crossing_rate, rate, share)
        return self.solver.solve(self.penalty.gamma), 1.0

    def _sharer(self, stack):
        """Return share(function), which runs it over parts of the cells."""
        first, last = self.penalty.lattice.first, self.penalty.lattice.last
        if self.n_threads < 2 or last - first < _THREAD_CELLS:
            return lambda function: function(first, last)
        pool = stack.enter_context(ThreadPoolExecutor(self.n_threads - 1))
        parts = split_slices(last - first, self.n_threads)
        own, *others = [(first + part.start, first + part.stop) for part in parts]

        def share(function):
            # This thread takes a part as well: waking others is what costs.
            waiting = [pool.submit(function, *bound) for bound in others]
            function(*own)
            for done in waiting:
                done.result()

        return share


def _reorder(settings, order):
    """Return settings whose values per axis follow the order of the lattice."""
    per_axis = {
        name: tuple(np.asarray(getattr(settings, name), dtype=np.float64)[order])
        for name in ("floor", "curvature", "slope", "crossing", "boundary")
    }
    return replace(settings, **per_axis)


def _prefers_direct(axes, operator):
    """Return whether W belongs in the factorisation rather than beside it."""
    if axes.n_inverted < 2:
        return True
    full = axes.full_shape
    n = math.prod(full)
    b = n - 1
    if operator.n_channels > 1:
        b = min(b, 2 * (n // full[axes.n_inverted] + operator.n_cells))
    rate = _BAND_RATE if b <= WIDEST_BAND else _BLOCK_RATE / 2
    direct = n * float(b) ** 2 / (3.0 if b == n - 1 else 1.0) / rate
    rows = n // full[0]
    blocked = n * (3.0 * rows) ** 2 / _BLOCK_RATE + _BLOCK_CALLS
    return direct < blocked
