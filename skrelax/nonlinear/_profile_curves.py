"""Profiles along a number of one fit, as they are drawn."""

from typing import NamedTuple

import numpy as np

from ._profile import Held, move
from ._profile_ends import find_ends
from ._profiles import find_minima

# Curves go on beyond the ends of an interval, as a multiple of their distance, and on a
# side without an end as far as this multiple of the other one.
_BEYOND, _FAR = 1.15, 2.0
# Where neither side has an end: in the coordinates of the search, logarithms mostly.
_ANYWHERE = 2.0
_FINE = 1001
# How close to its value a number is held, as a fraction of the step.
_CLOSE_NUMBER = 1e-9


class Curve(NamedTuple):
    """A profile along a number of one fit."""

    values: np.ndarray
    """Values of the number, increasing, (n_values,)."""
    rise: np.ndarray
    """The sum of squares above the least one, over the variance of the noise; nan where
    no fit is found, (n_values,)."""
    allowed: np.ndarray
    """The rise within the intervals of levels, (n_levels,)."""


def draw_curve(profiles, name, place, levels, n_values):
    """Return the Curve of a signal, given its number, beyond intervals of levels.

    None where the signal has no profile.
    """
    # What gets beyond doubles on the way is no fit, and ends as such.
    with np.errstate(all="ignore"):
        minima = find_minima(profiles, slice(place, place + 1))
        if minima is None:
            return None
        number = minima.number(profiles, name)
        rises = np.array([np.ravel(minima.quantile(v))[0] ** 2 for v in levels])
        allowed = rises.max() * minima.variance
        center = number.to_x(number.values(minima.sums, minima.start.p))
        limits = [float(limit[0]) for limit in number.limits(center)]
        ends = [_end(minima, number, allowed, side) for side in (-1, 1)]
        ways = np.abs(np.array(ends) - center)
        known = ways[np.isfinite(ways)]
        far = _FAR * known.max() if known.any() else _ANYWHERE
        ways = np.where(np.isfinite(ways), _BEYOND * ways, far)
        sides = []
        for side, way, limit in zip((-1, 1), ways, limits, strict=True):
            last = center[0] + side * min(way, abs(limit - center[0]))
            x = _spread(number, center[0], last, n_values // 2)
            rise = _follow(minima, number, x, allowed)
            sides.append((number.shown(x)[::side], rise[::side]))
        (low, left), (high, right) = sides
        values = np.concatenate([low, number.shown(center), high])
        rise = np.concatenate([left, [0.0], right]) / minima.variance
        return Curve(values, rise, rises)


def _end(minima, number, allowed, side):
    """Return the end of the interval on a side, in coordinates of the search."""
    given = minima.sums, number, minima.start, allowed, side, minima.pairs
    return float(find_ends(*given).x[0])


def _spread(number, center, last, n_values):
    """Return values of the search from the center to the last one.

    Every other one is such that what is shown is as far from the next, which is where
    pictures with either scale need them.
    """
    x = np.linspace(center, last, 1 + n_values // 2)[1:]
    fine = np.linspace(center, last, _FINE)
    shown = number.shown(fine)
    order = slice(None, None, 1 if shown[-1] >= shown[0] else -1)
    wanted = np.linspace(shown[0], shown[-1], 1 + n_values // 2)[1:]
    other = np.interp(wanted, shown[order], fine[order])
    found = np.unique(np.concatenate([x, other]))
    return found if last >= center else found[::-1]


def _follow(minima, number, x, allowed):
    """Return the rise at values x (k,) that go away from the estimate, nan if lost."""
    state, rise = minima.start, np.full(x.size, np.nan)
    values, stretch = number.from_x(x)
    close = _CLOSE_NUMBER * np.ptp(x) * stretch
    for k in range(x.size):
        here = slice(k, k + 1)
        held = Held(number, values[here], close[here], minima.pairs)
        found, _, good = move(minima.sums, state, held, allowed)
        if good[0]:
            state, rise[k] = found, (found.value - minima.start.value)[0]
    return np.maximum(rise, 0.0)
