"""Refits of many signals with fresh noise, and what they say of numbers of each."""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit
from sklearn.base import clone

from ..metrics import log_mean
from ..utils._answers import answering, fitted_distributions
from ..utils._validation import check_numbers, errors_name
from ..utils._warnings import collect_warnings
from ._magnitudes import level_of_magnitudes, signals_below
from ._scales import SCALES, on_scale

# Signals and noise beyond could not be squared.
LARGEST = 1e90
# Share of the refits that must give a number.
_ENOUGH = 0.5


class Plan(NamedTuple):
    """How the signals of every part are treated."""

    estimator: object
    """Inverts each signal as if it were alone."""
    free: object
    """The same without a penalty."""
    X: object
    """Acquisition points."""
    weight: np.ndarray
    """Weights of the points, with mean one, (n_points,)."""
    options: dict
    """What fit takes besides."""
    statistics: dict
    """By name a function of distributions and bins, and the scale of its interval."""
    n_refits: int
    """Refits of each signal."""
    level: float
    """Level of the intervals."""
    is_rician: bool
    """Whether signals are magnitudes."""
    seed: int
    """Seed of the noise, together with the number of a signal."""


def measure(plan, Y, numbers, known, noise_std):
    """Return statistics with errors and intervals, and the noise that was drawn.

    Signals Y are (n_points, n_signals). `numbers`, settings that are `known` and
    `noise_std` are (n_signals,), or None for the last two.
    """
    with collect_warnings():
        fitted = _invert(plan, plan.estimator, Y, known)
        estimates = take_statistics(plan.statistics, fitted)
        free = _invert(plan, plan.free, Y, known)
        means = np.reshape(free.predict(plan.X), Y.shape).T
        if noise_std is None:
            noise_std = _noise(plan, free, Y.T - means, means, known)
        seen = plan.weight > 0
        levels = np.zeros(means.shape)
        levels[:, seen] = noise_std[:, None] / np.sqrt(plan.weight[seen])
        # Not where one of them is nan either.
        sound = (np.maximum(np.abs(means), levels) <= LARGEST).all(axis=1)
        below = means[sound]
        if plan.is_rician and not _is_below(free):
            below = signals_below(below, levels[sound])
        refits = np.full((len(plan.statistics), len(means), plan.n_refits), np.nan)
        if sound.any():
            drawn = _draw(plan, below, levels[sound], numbers[sound])
            if known is not None:
                known = np.repeat(known[sound], plan.n_refits)
            found = take_statistics(
                plan.statistics, _invert(plan, plan.estimator, drawn, known)
            )
            refits[:, sound] = found.reshape(len(found), -1, plan.n_refits)
    columns = []
    for (function, scale), values, samples in zip(
        plan.statistics.values(), estimates, refits, strict=True
    ):
        told = _summarise(scale, values, samples, plan.level)
        if function is log_mean:
            # No mean is beyond the bins.
            bins = fitted_distributions(fitted).grids[0]
            np.clip(told[1:], bins[0], bins[-1], out=told[1:])
        columns += [values, *told]
    return np.column_stack([*columns, noise_std])


def _invert(plan, estimator, Y, known):
    """Return an inversion that is fitted to signals."""
    options = plan.options if known is None else {**plan.options, "known": known}
    return clone(estimator).fit(plan.X, Y, **options)


def _is_below(fitted):
    """Return whether predictions are signals below magnitudes, not their means."""
    return getattr(answering(fitted), "_is_rician", False)


def take_statistics(statistics, fitted):
    """Return numbers of fitted distributions, (n_statistics, n_signals).

    `statistics` are {name: (function, scale)}.
    """
    found = fitted_distributions(fitted)
    if found.grids is None:
        raise ValueError(
            "estimator must know its relaxation times: give it a Pipeline with a "
            "KernelBuilder, or name them in the columns of X."
        )
    out = np.full((len(statistics), len(found.rows)), np.nan)
    whole = np.isfinite(found.rows).all(axis=1)
    for row, (name, (function, scale)) in zip(out, statistics.items(), strict=True):
        # A function that changes its input must not change that of the next one.
        grids = tuple(grid.copy() for grid in found.grids)
        rows, bins = found.rows[whole], grids[0] if len(grids) == 1 else grids
        try:
            values = function(rows.copy(), bins)
        except Exception as error:
            raise ValueError(
                f"statistics[{name!r}] must return one number per distribution, but "
                f"raised {type(error).__name__}: {error}"
            ) from error
        values = check_numbers(values, f"statistics[{name!r}]", finite=False)
        if values.shape != (np.count_nonzero(whole),):
            raise ValueError(
                f"statistics[{name!r}] must return one number per distribution, got "
                f"shape {values.shape} for {np.count_nonzero(whole)}."
            )
        with errors_name(f"statistics[{name!r}]"):
            row[whole] = on_scale(values, rows, scale)
    return out


def _noise(plan, free, residuals, means, known):
    """Return the noise (n_signals,) of fits without penalty, nan if nothing is left."""
    last = answering(free)
    if _is_below(free):
        return np.atleast_1d(last.noise_std_)
    used = np.count_nonzero(np.atleast_2d(fitted_distributions(free).rows), axis=1)
    used += np.any(getattr(last, "intercept_", 0.0))
    # Without searches of strengths only settings of the kernel are left to choose.
    used += len(last._chosen()) if known is None else 0
    left = np.count_nonzero(plan.weight) - used
    squares = residuals**2 @ plan.weight
    variances = np.full(len(squares), np.nan)
    np.divide(squares, left, out=variances, where=left > 0)
    if not plan.is_rician:
        return np.sqrt(variances)
    seen = plan.weight > 0
    # Magnitudes of points of weight one that have the same ratio to their noise.
    standard = means[:, seen] * np.sqrt(plan.weight[seen])
    return level_of_magnitudes(standard, variances)


def _draw(plan, signals, levels, numbers):
    """Return signals (n_points, n_signals * n_refits) with noise, refits together."""
    n_signals, n_points = signals.shape
    out = np.empty((n_signals, plan.n_refits, n_points))
    for drawn, signal, level, number in zip(out, signals, levels, numbers, strict=True):
        rng = np.random.default_rng([plan.seed, int(number)])
        np.add(signal, level * rng.standard_normal(drawn.shape), out=drawn)
        if plan.is_rician:
            np.hypot(drawn, level * rng.standard_normal(drawn.shape), out=drawn)
    return out.reshape(-1, n_points).T


def _summarise(scale, estimates, refits, level):
    """Return standard deviation of refits (n_signals, n_refits), and the interval."""
    out = np.full((3, len(estimates)), np.nan)
    count = np.isfinite(refits).sum(axis=1)
    enough = (count >= max(2.0, _ENOUGH * refits.shape[1])) & np.isfinite(estimates)
    if scale == "time":
        enough &= estimates > 0.0
    if enough.any():
        refits = np.where(np.isfinite(refits), refits, np.nan)[enough]
        quantiles = stdtrit(count[enough] - 1.0, 0.5 + 0.5 * level)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            out[0, enough] = np.nanstd(refits, axis=1, ddof=1)
            out[1:, enough] = SCALES[scale](estimates[enough], refits, quantiles)
    return out
