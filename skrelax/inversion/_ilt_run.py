"""Run inversions of one estimator: all channels together, or each on its own."""

import math
import threading
from dataclasses import dataclass

import numpy as np
from joblib import effective_n_jobs

from ..kernels._builder import per_axis
from ..utils._parallel import run_tasks, split_slices
from ..utils._progress import Progress
from ..utils._validation import check_numbers, errors_name
from ._ilt_checks import check_penalty, check_windows
from ._ilt_iteration import Inversion
from ._ilt_penalty import PenaltySettings, last_steps
from ._ilt_problem import DataOperator
from ._ilt_setup import estimate_noise, kept_rank, least_noise


@dataclass
class Task:
    """What a fit hands to the iteration."""

    estimator: object
    layout: object
    places: object
    data: np.ndarray
    """(n_rows, n_positions * n_channels), in units of the signal."""
    weights: np.ndarray
    """The same shape, or None."""
    max_iter: int
    tol: float
    noise_std: float
    n_jobs: int = None
    verbose: int = 0
    callback: object = None


@dataclass
class Outcome:
    """What comes back; arrays over channels if each was inverted on its own."""

    full: np.ndarray
    """Distribution with baselines: inverted, discrete and channel axes."""
    noise_std: object
    steps: object
    n_iter: object
    converged: object
    interrupted: bool


def run(task, channel_grids, n_channels, coupled):
    """Invert the channels together or each on its own; return the Outcome."""
    if coupled:
        return _run_coupled(task, channel_grids)
    return _run_channels(task, n_channels)


def _run_coupled(task, channel_grids):
    """Invert all channels as one problem."""
    axes = task.layout.axes(channel_grids)
    factors, data = task.places.factors, task.data
    weights, common = _common_weight(task.weights)
    noise = task.noise_std
    if noise is None:
        sums, free = estimate_noise(factors, data, task.weights)
        noise = max(np.sqrt(sums.sum() / free.sum()), least_noise(data))
    inversion = _make_inversion(task, axes, data.shape[1], weights, common)
    inversion.load(data * (np.sqrt(common) / noise))
    monitor = Monitor(task)
    steps = inversion.run(
        task.max_iter, task.tol, scheme=task.estimator.scheme,
        start=_start(task, axes, noise), after=monitor.after,
    )  # fmt: skip
    return Outcome(
        inversion.distribution * noise,
        float(noise),
        steps,
        steps.size,
        bool(steps.size and steps[-1] < task.tol),
        inversion.interrupted,
    )


def _run_channels(task, n_channels):
    """Invert each channel on its own, in threads."""
    estimator, layout = task.estimator, task.layout
    axes = layout.axes([])
    n_rows = task.data.shape[0]
    data = task.data.reshape(n_rows, -1, n_channels)
    all_weights = task.weights
    if all_weights is not None:
        all_weights = all_weights.reshape(data.shape)
    full = np.full((*axes.full_shape, n_channels), np.nan)
    noise = np.full(n_channels, np.nan)
    steps = [np.empty(0)] * n_channels
    report = Progress(n_channels, "channels") if task.verbose else None
    lock = threading.Lock()

    def invert(channels):
        inversion, used, shared = None, None, None
        for channel in channels:
            values = data[..., channel]
            w = None if all_weights is None else all_weights[..., channel]
            if np.ptp(values) > 0.0:
                level = task.noise_std
                if np.ndim(level):
                    level = level[channel]
                if level is None:
                    sums, free = estimate_noise(task.places.factors, values, w)
                    level = max(np.sqrt(sums.sum() / free.sum()), least_noise(values))
                own, common = _common_weight(w)
                if inversion is None or common != shared or not _same(own, used):
                    inversion = _make_inversion(
                        task, axes, values.shape[1], own, common, 1
                    )
                    used, shared = own, common
                inversion.load(values * (np.sqrt(common) / level))
                steps[channel] = inversion.run(
                    task.max_iter, task.tol, scheme=estimator.scheme, keep=True,
                    start=_start(task, axes, level, channel),
                    after=task.callback,
                )  # fmt: skip
                full[..., channel] = inversion.distribution * level
                noise[channel] = level
            if report:
                with lock:
                    report()
        if inversion is not None:
            inversion.solver.close()

    n_threads = effective_n_jobs(task.n_jobs)
    parts = split_slices(n_channels, 4 * n_threads if n_threads > 1 else 1)
    tasks = [(range(part.start, part.stop),) for part in parts]
    run_tasks(invert, tasks, task.n_jobs)
    return Outcome(
        full,
        noise,
        steps,
        np.array([part.size for part in steps]),
        np.array([bool(part.size and part[-1] < task.tol) for part in steps]),
        False,
    )


class Monitor:
    """Report progress, and ask the user's callback."""

    def __init__(self, task):
        self.callback = task.callback
        self.report = None
        if task.verbose:
            self.report = Progress(task.max_iter, "iterations")

    @property
    def after(self):
        """The function to call after an iteration, or None."""
        return None if self.callback is None and self.report is None else self._after

    def _after(self, iteration, step):
        if self.report is not None:
            self.report(f"(change {step:.1e})")
        return self.callback is not None and self.callback(iteration, step)


def _make_inversion(task, axes, n_channels, weights, common, n_threads=None):
    """Return the Inversion; a weight that all points share scales a kernel."""
    if n_threads is None:
        n_threads = effective_n_jobs(task.n_jobs)
    factors = list(task.places.factors)
    factors[0] = np.sqrt(common) * factors[0]
    operator = DataOperator(factors, weights, n_channels)
    settings = _settings(task, axes, n_channels)
    return Inversion(axes, operator, settings, n_threads, task.estimator.solver)


def _settings(task, axes, n_channels):
    """Return the constants of the penalties in the order of `axes`."""
    estimator, layout = task.estimator, task.layout
    n_user = len(layout.grids)
    n_axes = len(axes.grids)
    order = [*layout.inverted, *layout.discrete, *range(n_user, n_axes)]

    def spread(name):
        value = getattr(estimator, name)
        # One value per axis of X may leave out the channels, which take the first.
        if np.ndim(value) and len(value) == n_user:
            value = [*value, *[value[0]] * (n_axes - n_user)]
        values = per_axis(name, value, n_axes, check_penalty)
        return tuple(values[i] for i in order)

    windows = check_windows(estimator.windows)
    steps = last_steps(axes.grids, axes.is_log)
    rule = 2.0 * steps / _count_data(task, n_channels) * math.prod(axes.shape)
    curvature = tuple(rule)
    if estimator.curvature_relief is not None:
        curvature = spread("curvature_relief")
    slope = tuple(5.0 * value for value in curvature)
    if estimator.slope_relief is not None:
        slope = spread("slope_relief")
    boundary = spread("boundary_penalty")
    return PenaltySettings(
        strength=float(estimator.penalty_strength),
        floor=spread("uniform_floor"),
        curvature=curvature,
        slope=slope,
        crossing=spread("crossing_scale"),
        crossing_limit=float(estimator.crossing_limit),
        boundary=tuple(
            value if log and size > 1 else 0.0
            for value, log, size in zip(boundary, axes.is_log, axes.shape, strict=True)
        ),
        negative=float(estimator.negative_penalty) if estimator.positive else 0.0,
        windows=windows,
        crossing_start=int(estimator.crossing_start),
        damping=_damping("damping", estimator.damping),
        crossing_damping=_damping("crossing_damping", estimator.crossing_damping),
    )


def _damping(name, value):
    """Return start, decay and floor of a rate, or raise ValueError."""
    with errors_name(name):
        value = tuple(check_numbers(value, name, ndim=1).tolist())
    if len(value) != 3 or value[0] < 0 or not (0 <= value[1] < 1 and 0 < value[2] <= 1):
        raise ValueError(
            f"{name} must be (first iteration, decay below 1, smallest rate), got "
            f"{value}."
        )
    return value


def _count_data(task, n_channels):
    """Return the number of data that the default penalties count."""
    if task.estimator.compression_rule == "singular-values":
        sizes = []
        for axis, K in zip(task.layout.inverted, task.places.factors, strict=False):
            rank = task.layout.ranks[axis]
            s = np.linalg.svd(K, compute_uv=False)
            sizes.append(K.shape[0] if rank is None else kept_rank(s, rank))
        return math.prod(sizes) * n_channels
    if task.weights is None:
        return task.data.shape[0] * n_channels
    n_used = np.count_nonzero(task.weights) / task.weights.shape[1]
    return max(1.0, n_used * n_channels)


def _common_weight(weights):
    """Return (None, weight) if all points have one weight, else (weights, 1)."""
    if weights is None:
        return None, 1.0
    if weights.min() == weights.max() > 0.0:
        return None, float(weights.flat[0])
    return weights, 1.0


def _same(a, b):
    return (a is None and b is None) or (
        a is not None and b is not None and np.array_equal(a, b)
    )


def _start(task, axes, noise, channel=None):
    """Return the initial distribution in units of the noise, or None."""
    initial = task.estimator.initial
    if initial is None:
        return None
    layout = task.layout
    values = check_numbers(initial, "initial")
    if channel is not None and values.ndim > len(axes.shape):
        values = values[..., channel]
    n_user = len(layout.grids)
    order = [*layout.inverted, *layout.discrete, *range(n_user, len(axes.shape))]
    shape = tuple(axes.shape[order.index(axis)] for axis in range(len(axes.shape)))
    if values.shape != shape:
        raise ValueError(
            f"initial must have the shape of the distribution, {shape}, got "
            f"{values.shape}."
        )
    full = np.zeros(axes.full_shape)
    full[tuple(slice(n) for n in axes.shape)] = values.transpose(order)
    return full / noise
