"""One problem, or one of each channel, from its data to its distribution."""

from dataclasses import dataclass

import numpy as np
from joblib import effective_n_jobs

from ...utils._parallel import run_tasks, split_slices
from ...utils._progress import SILENT
from ._axes import Axes
from ._data import common_weight, noise_level
from ._operator import DataOperator
from ._penalty import AdaptivePenalty


@dataclass(frozen=True)
class Problem:
    """What is inverted. Nothing of it changes afterwards."""

    axes: Axes
    """Axes of the distribution; those of the channels that share it are among them."""
    factors: list
    """Kernels of the inverted axes at the points of the data."""
    data: np.ndarray
    """(n_rows, n_positions * n_channels), in units of the signal."""
    weights: np.ndarray
    """The same shape, or None."""
    noise_std: object
    """Noise level, one per channel, or None to estimate it."""
    penalty: AdaptivePenalty
    """Constants of the penalties, one per axis."""
    scheme: object
    """How penalties follow the distribution."""
    solver: str
    """How systems are solved."""
    start: np.ndarray
    """Distribution with baselines to start from, or None."""
    n_alone: int
    """Number of channels that are inverted on their own, or 0."""


@dataclass(frozen=True)
class Answer:
    """What comes back; with a last axis if channels were inverted on their own."""

    full: np.ndarray
    """Distribution with baselines."""
    noise_std: object
    """Noise level by which data were divided."""
    steps: object
    """Relative change of the distribution in each iteration."""
    n_iter: object
    """Number of iterations."""
    converged: object
    """Whether the change fell below the tolerance."""
    interrupted: bool = False
    """Whether the last iterate was kept after an interruption."""


def solve_soundly(problem, n_jobs, work, callback):
    """Return the Answer to a problem, or raise ValueError if it is not finite.

    Parts of the work are iterations, or channels on their own.
    """
    # The compiler of loops comes with it, and who only makes estimators needs none.
    from ._solvers import SolverError

    try:
        with np.errstate(all="ignore"):
            answer = solve(problem, n_jobs, work, callback)
        full = answer.full
        if problem.n_alone:
            # Constant channels have no noise level, and are nan.
            full = full[..., np.isfinite(answer.noise_std)]
        if np.isfinite(full).all():
            return answer
    except SolverError:
        pass
    raise ValueError(
        "the equations have no solution in floating point: y, noise_std, "
        "sample_weight, grids or penalties are too large or too small beside each "
        "other."
    )


def solve(problem, n_jobs=1, work=SILENT, callback=None):
    """Return the Answer to a problem."""
    if problem.n_alone:
        return _solve_channels(problem, n_jobs, work, callback)
    data, tol = problem.data, problem.scheme.tol
    weights, common = common_weight(problem.weights)
    noise = problem.noise_std
    if noise is None:
        noise = noise_level(problem.factors, data, problem.weights)
    n_threads = effective_n_jobs(n_jobs)
    inversion = _make_inversion(problem, weights, common, data.shape[1], n_threads)
    inversion.load(data * (np.sqrt(common) / noise))
    start = None if problem.start is None else problem.start / noise
    after = callback
    if not work.is_silent:
        work.report(problem.scheme.max_iter, "iterations", tells_time=False)
        after = _telling(work, callback)
    steps = inversion.run(start=start, after=after)
    return Answer(
        inversion.distribution * noise,
        float(noise),
        steps,
        steps.size,
        bool(steps.size and steps[-1] < tol),
        inversion.interrupted,
    )


def _solve_channels(problem, n_jobs, work, callback):
    """Invert each channel on its own, in threads."""
    n_channels, tol = problem.n_alone, problem.scheme.tol
    data = problem.data.reshape(problem.data.shape[0], -1, n_channels)
    all_weights = problem.weights
    if all_weights is not None:
        all_weights = all_weights.reshape(data.shape)
    full = np.full((*problem.axes.full_shape, n_channels), np.nan)
    noise = np.full(n_channels, np.nan)
    steps = [np.empty(0)] * n_channels
    work.report(n_channels, "channels", tells_time=False)

    def invert(channels):
        inversion, used, shared = None, None, None
        for channel in channels:
            values = data[..., channel]
            w = None if all_weights is None else all_weights[..., channel]
            if np.ptp(values) > 0.0:
                level = _of_channel(problem.noise_std, channel)
                if level is None:
                    level = noise_level(problem.factors, values, w)
                own, common = common_weight(w)
                if inversion is None or common != shared or not _same(own, used):
                    inversion = _make_inversion(problem, own, common, values.shape[1])
                    used, shared = own, common
                inversion.load(values * (np.sqrt(common) / level))
                start = problem.start
                if start is not None:
                    own_start = start.ndim > len(problem.axes.grids)
                    start = (start[..., channel] if own_start else start) / level
                steps[channel] = inversion.run(start=start, after=callback, keep=True)
                full[..., channel] = inversion.distribution * level
                noise[channel] = level
            work.step("channel")
        if inversion is not None:
            inversion.solver.close()

    n_threads = effective_n_jobs(n_jobs)
    parts = split_slices(n_channels, 4 * n_threads if n_threads > 1 else 1)
    run_tasks(invert, [(range(part.start, part.stop),) for part in parts], n_jobs)
    return Answer(
        full,
        noise,
        steps,
        np.array([part.size for part in steps]),
        np.array([bool(part.size and part[-1] < tol) for part in steps]),
    )


def _make_inversion(problem, weights, common, n_channels, n_threads=1):
    """Return the Inversion; a weight that all points share scales a kernel."""
    from ._iteration import Inversion

    factors = list(problem.factors)
    factors[0] = np.sqrt(common) * factors[0]
    operator = DataOperator(factors, weights, n_channels)
    penalty, scheme = problem.penalty, problem.scheme
    return Inversion(problem.axes, operator, penalty, scheme, n_threads, problem.solver)


def _telling(work, callback):
    """Return a function for after an iteration that tells of it, and asks callbacks."""

    def after(iteration, step):
        stop = work.step("iteration", f"(change {step:.1e})")
        return (callback is not None and callback(iteration, step)) or stop

    return after


def _of_channel(values, channel):
    """Return the entry of a channel, or what all have in common."""
    return values[channel] if np.ndim(values) else values


def _same(a, b):
    return (a is None and b is None) or (
        a is not None and b is not None and np.array_equal(a, b)
    )
