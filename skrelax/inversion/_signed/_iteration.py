"""The iteration of one distribution: penalties that follow it, and solves."""

import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np

from ...utils._parallel import split_slices
from ._gamma import make_gamma
from ._numba_iteration import iterate_small, take_over
from ._solvers import (
    WIDEST_BAND,
    BandSolver,
    BlockSolver,
    ModeSolver,
    SolverError,
)

# Systems of less than this many multiplications run as one compiled loop.
_SMALL_WORK = 1e7
# Cells above which the update of the penalties is shared among threads.
_THREAD_CELLS = 30_000
# Multiplications per second of the two factorisations; only their ratio matters.
_BAND_RATE, _BLOCK_RATE = 16e9, 40e9
# Seconds of calls in one solve with blocks.
_BLOCK_CALLS = 3e-3


class Inversion:
    """One inversion, ready to iterate.

    Parameters
    ----------
    axes : Axes
        Axes of the distribution.
    operator : DataOperator
        Data term; its channels are the axes that are not inverted.
    penalty : AdaptivePenalty
        Constants of the penalties, one per axis.
    scheme : ReferenceScheme or ConvergentScheme
        How the penalties follow the distribution.
    n_threads : int
        Threads of one solve.
    solver : {"auto", "direct", "iterative"}, default="auto"
        How a system is solved; by cost if ``"auto"``.
    """

    def __init__(self, axes, operator, penalty, scheme, n_threads, solver="auto"):
        self.axes, self.operator, self.scheme = axes, operator, scheme
        self.n_threads = n_threads
        direct = solver == "direct"
        if solver == "auto":
            direct = _prefers_direct(axes, operator)
        self.direct = direct
        self.gamma = make_gamma(
            axes, axes.lattice_order(direct), penalty, scheme.crossing_scale
        )
        lattice = self.gamma.lattice
        if direct:
            W = operator.normal_blocks()
            b = max(lattice.bandwidth, W.shape[1] - 1)
            if b <= WIDEST_BAND or lattice.cells.size <= 2 * WIDEST_BAND:
                self.solver = BandSolver(lattice, W, n_threads)
            else:
                self.solver = BlockSolver(lattice, W)
        else:
            self.solver = ModeSolver(lattice, operator)
        self.g = np.zeros(lattice.size)
        self.interrupted = False

    def load(self, data):
        """Take data (n_points, n_channels) in units of their noise; forget the rest."""
        self.gamma.reset()
        right = self.operator.right_side(data)
        self.solver.load(
            np.ascontiguousarray(right.T if self.direct else right).ravel()
        )

    @property
    def distribution(self):
        """The current distribution with baselines."""
        cells = self.g[self.gamma.lattice.cells]
        return self.axes.from_lattice(cells, self.direct).copy()

    def run(self, *, start=None, after=None, keep=False):
        """Iterate, and return ||g - g_old|| / ||g|| of each iteration.

        Parameters
        ----------
        start : ndarray or None
            Distribution with baselines to start from; None for the solution with a
            multiple of the identity as penalty.
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
            if start is None:
                self._set(self.solver.solve(self.gamma.matrix))
            else:
                self._set(self.axes.to_lattice(start, self.direct))
            schedule = self.scheme._schedule()
            if schedule is not None and after is None and self._is_small():
                return self._run_compiled(schedule)
            return self._run(after, self._sharer(stack), start is not None)

    def _set(self, x):
        self.g[self.gamma.lattice.cells] = x

    def _is_small(self):
        solver = self.solver
        if not isinstance(solver, BandSolver) or solver.pool is not None:
            return False
        return self.gamma.lattice.cells.size * solver.b**2 < _SMALL_WORK

    def _run_compiled(self, schedule):
        gamma, solver = self.gamma, self.solver
        stencils, couplings = gamma.lattice.stencils, gamma.lattice.couplings
        constants, weights, band = gamma.constants, gamma.weights, solver.front
        steps = np.zeros(self.scheme.max_iter)
        done, failed = iterate_small(
            self.g, stencils, couplings, constants, weights, band, schedule, steps
        )
        solver.check(failed)
        return steps[:done]

    def _run(self, after, share, started):
        follow, steps = self.scheme._follower(self.gamma, started), []
        tol, cells = self.scheme.tol, self.gamma.lattice.cells
        try:
            for it in range(self.scheme.max_iter):
                stretch = follow(it, self.g, share)
                x = self.solver.solve(self.gamma.matrix)
                step = stretch * take_over(x, cells, self.g)
                steps.append(step)
                if step < tol or (after is not None and after(it + 1, step)):
                    break
        except KeyboardInterrupt:
            self.interrupted = True
        except SolverError:
            # Peaks that cancel each other may grow until nothing penalises them. Before
            # that there is an iterate, which has not settled.
            if not (self.scheme._settles and steps):
                raise
        return np.array(steps)

    def _sharer(self, stack):
        """Return share(function), which runs it over parts of the cells, or None."""
        first, last = self.gamma.lattice.first, self.gamma.lattice.last
        if self.n_threads < 2 or last - first < _THREAD_CELLS:
            return None
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


def _prefers_direct(axes, operator):
    """Return whether W belongs in the factorisation rather than beside it."""
    p = len(axes.inverted)
    if p < 2:
        return True
    full = [axes.full_shape[axis] for axis in axes.solver_order]
    n = math.prod(full)
    b = n - 1
    if operator.n_channels > 1:
        b = min(b, 2 * (n // full[p] + operator.n_cells))
    rate = _BAND_RATE if b <= WIDEST_BAND else _BLOCK_RATE / 2
    direct = n * float(b) ** 2 / (3.0 if b == n - 1 else 1.0) / rate
    rows = n // full[0]
    blocked = n * (3.0 * rows) ** 2 / _BLOCK_RATE + _BLOCK_CALLS
    return direct < blocked
