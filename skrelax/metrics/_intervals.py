"""Intervals of numbers taken from distributions, within what is possible."""

import numpy as np

from ..utils._validation import stable_std

# The largest standard deviation of numbers between two limits is half their distance.
_WIDEST = 0.5


def statistic_interval(name, values, tails, axes):
    """Return estimate, basic interval and standard deviation of one number.

    The first of `values` is the estimate, the others are those of refits. `axes` are
    the bins of each axis, by the name in which numbers of that axis end.
    """
    estimate, refits = values[0], values[1:]
    scale = "number"
    if name.startswith(("log_mean", "mean", "ratio")):
        scale = "time"
    elif name.startswith("share"):
        scale = "share"
    limits = _possible_range(name, axes)
    lower, upper = basic_interval(estimate, refits, tails, scale, limits)
    refits = refits[np.isfinite(refits)]
    # One refit alone has no standard deviation.
    known = refits.size > 1 and np.isfinite(estimate)
    return [estimate, lower, upper, stable_std(refits) if known else np.nan]


def basic_interval(estimate, refits, tails, scale, limits):
    """Return the basic bootstrap interval within limits, nan if nothing is known."""
    refits = refits[np.isfinite(refits)]
    if refits.size == 0 or not np.isfinite(estimate):
        return np.nan, np.nan
    low, high = np.quantile(refits, tails)
    if scale == "time":
        lower, upper = estimate * (estimate / high), estimate * (estimate / low)
    elif scale == "share":
        here, first, last = np.arcsin(np.sqrt(np.clip([estimate, low, high], 0.0, 1.0)))
        angles = np.clip([2.0 * here - last, 2.0 * here - first], 0.0, 0.5 * np.pi)
        lower, upper = np.sin(angles) ** 2
    else:
        lower, upper = 2.0 * estimate - high, 2.0 * estimate - low
    lower, upper = np.clip([lower, upper], *limits)
    return float(lower), float(upper)


def _possible_range(name, axes):
    """Return the limits of a number of distributions on a grid."""
    if name.startswith("share"):
        return 0.0, 1.0
    if name.startswith("ratio"):
        first, second = axes.values()
        return first[0] / second[-1], first[-1] / second[0]
    if not name.startswith(("log_mean", "mean", "width")):
        return 0.0, np.inf
    axis = next(iter(axes.values()))
    if len(axes) > 1:
        axis = next(grid for label, grid in axes.items() if name.endswith(f"_{label}"))
    if name.startswith("width"):
        return 0.0, _WIDEST * np.log10(axis[-1] / axis[0])
    return axis[0], axis[-1]
