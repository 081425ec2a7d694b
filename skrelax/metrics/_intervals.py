"""Intervals of numbers taken from distributions, within what is possible."""

import numpy as np


def basic_interval(estimate, refits, tails, scale, limits):
    """Return the basic bootstrap interval within limits, nan if nothing is known."""
    refits = refits[np.isfinite(refits)]
    if refits.size == 0 or not np.isfinite(estimate):
        return np.nan, np.nan
    low, high = np.quantile(refits, tails)
    if scale == "time":
        if not (estimate > 0.0 and high > 0.0):
            return np.nan, np.nan
        lower = estimate * (estimate / high)
        upper = estimate * (estimate / low) if low > 0.0 else np.inf
    elif scale == "share":
        here, first, last = np.arcsin(np.sqrt(np.clip([estimate, low, high], 0.0, 1.0)))
        angles = np.clip([2.0 * here - last, 2.0 * here - first], 0.0, 0.5 * np.pi)
        lower, upper = np.sin(angles) ** 2
    else:
        lower, upper = 2.0 * estimate - high, 2.0 * estimate - low
    lower, upper = np.clip([lower, upper], *limits)
    return float(lower), float(upper)
