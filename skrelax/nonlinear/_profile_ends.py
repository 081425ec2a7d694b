"""Ends of intervals: where the profile of a number passes a limit.

The root of the excess over the least sum of squares is nearly a straight line on both
sides of the estimate. Newton's method finds where it passes a limit, within brackets,
with the slope that the multiplier of the condition tells. The other numbers follow: at
each value they start where the tangent of the last one leads.
"""

from typing import NamedTuple

import numpy as np

from ._profile import LONGEST, Held, move, standard_error
from ._sums import State, Sums

# Roots of the excess this near to their goal, as a fraction, are there.
_CLOSE = 1e-5
# How close to its value a number is held, as a fraction of the first step.
_CLOSE_NUMBER = 1e-9
_MOST_VALUES = 40
# Steps away from the estimate get longer by this factor at most, and there are so many.
_LONGER, _MOST_LONGER = 4.0, 8
# A coordinate this close to its limit, as a fraction of the range, is there.
_AT_LIMIT = 1e-7
# Brackets this narrow, as a fraction of their distance to the estimate, hold an end.
_NARROW = 1e-5

# What ends are: found, decided by a limit, by nothing, or not there.
FOUND, AT_BOUND, OPEN, NONE = range(4)


class Ends(NamedTuple):
    """Ends of intervals on one side."""

    x: np.ndarray
    """The number that is held there, (m,); infinite where it has none, nan if lost."""
    kind: np.ndarray
    """FOUND, AT_BOUND (a limit decides), OPEN (nothing does) or NONE, (m,)."""


class _Tried(NamedTuple):
    """Values of the number that were tried of some fits, (m,) each."""

    x: np.ndarray
    """The values."""
    root: np.ndarray
    """Roots of the excess, infinite where no fit is possible."""
    slope: np.ndarray
    """Slopes of half of the excess."""
    is_last: np.ndarray
    """Whether a value is the limit."""
    touches: np.ndarray
    """Whether another number is at its limit."""


class _Search:
    """The search for ends on one side, -1 or 1, of fits whose minimum is `start`."""

    def __init__(self, sums, number, start, allowed, side):
        self.sums, self.number, self.start, self.side = sums, number, start, side
        self.allowed, self.goal = allowed, np.sqrt(allowed)
        self.center = number.values(sums, start.p)
        m = self.center.size
        self.x, self.kind = np.full(m, np.nan), np.full(m, NONE, dtype=np.int8)
        self.limit = number.limits(self.center)[side > 0]
        step = self.goal * standard_error(sums, number, start)
        step = _first_step(number, self.center, step)
        self.close = _CLOSE_NUMBER * step
        # The value to try next, the last one inside, the last one outside, and how far
        # the last step was; and the expansion that the next value starts from.
        self.trial = self.center + side * step
        self.inside, self.outside = self.center.copy(), np.full(m, np.nan)
        self.moved, self.n_longer = np.full(m, np.inf), np.zeros(m, dtype=int)
        self.near = State(*(part.copy() for part in start))

    def run(self, pairs):
        """Return the Ends."""
        there = np.isfinite(self.center) & np.isfinite(self.start.value)
        ends = there & ((self.limit - self.center) * self.side <= 0.0)
        # An estimate at its limit is the end.
        self._end(np.flatnonzero(ends), self.limit[ends], self._kind_of_limit())
        active = np.flatnonzero(there & ~ends)
        for _ in range(_MOST_VALUES):
            if not active.size:
                break
            tried = self._try(active, pairs)
            active = self._advance(active, tried, self._judge(active, tried), pairs)
        return Ends(self.x, self.kind)

    def _kind_of_limit(self):
        return AT_BOUND if self.number.has_limits else OPEN

    def _end(self, places, x, kind):
        self.x[places], self.kind[places] = x, kind

    def _try(self, active, pairs):
        """Return what is found at the next values."""
        x, limit = self.trial[active], self.limit[active]
        is_last = (x - limit) * self.side >= 0.0
        x = np.where(is_last, limit, x)
        found, slope, good = self._move(active, x, self.near, pairs)
        self.near.put(active[good], found.take(good))
        excess = np.maximum(found.value - self.start.value[active], 0.0)
        root = np.where(good, np.sqrt(excess), np.inf)
        touches = _touches(self.sums, found.p)
        return _Tried(x, root, slope, is_last, touches)

    def _move(self, places, x, states, pairs):
        """Return what `move` finds at values, from states of all fits."""
        held = Held(self.number, x, self.close[places], pairs)
        here = self.sums.take(places), states.take(places), held
        return move(*here, self.allowed[places])

    def _judge(self, active, tried):
        """Write the ends that are found; return which fits (m,) have one."""
        goal, x = self.goal[active], tried.x
        is_in = tried.root < goal
        self.inside[active[is_in]] = x[is_in]
        self.outside[active[~is_in]] = x[~is_in]
        closed = np.abs(tried.root - goal) <= _CLOSE * goal
        kind = np.where(tried.touches, AT_BOUND, FOUND)
        self._end(active[closed], x[closed], kind[closed])
        ended = closed.copy()
        last = is_in & tried.is_last & ~ended
        self._end(active[last], x[last], self._kind_of_limit())
        ended |= last
        inside, outside = self.inside[active], self.outside[active]
        bracket = np.abs(outside - inside)
        narrow = bracket <= _NARROW * np.abs(inside - self.center[active])
        narrow |= bracket <= 4.0 * np.spacing(np.abs(x))
        narrow &= ~ended
        # Beyond, there are no such fits at all, or the profile jumps.
        kind = np.where(tried.touches | np.isinf(tried.root), AT_BOUND, FOUND)
        self._end(active[narrow], inside[narrow], kind[narrow])
        ended |= narrow
        free = np.isnan(outside) & ~ended
        self.n_longer[active] += free
        lost = free & (self.n_longer[active] > _MOST_LONGER)
        self._end(active[lost], self.side * np.inf, OPEN)
        return ended | lost

    def _advance(self, active, tried, ended, pairs):
        """Choose the next values; return the fits that have no end yet."""
        left = self.goal[active] - tried.root
        newton = tried.x + left / tried.slope * tried.root
        bracket = self.inside[active], self.outside[active]
        far, moved = np.abs(tried.x - self.center[active]), self.moved[active]
        x = _next_values(newton, tried.x, bracket, far, moved, self.side)
        self.moved[active], self.trial[active] = np.abs(x - tried.x), x
        wrong = active[np.isinf(tried.root) & ~ended]
        if wrong.size:
            # What was tried last may have led astray: anew, from the minimum.
            again = self._move(wrong, self.inside[wrong], self.start, pairs)[0]
            self.near.put(wrong, again)
        return active[~ended]


def find_ends(sums: Sums, number, start: State, allowed, side, pairs):
    """Return the Ends of intervals of a number on one side, -1 or 1.

    `start` is the minimum, `allowed` (m,) how far sums of squares may exceed it, and
    `pairs` are coordinates of which the first must not be above the second.
    """
    return _Search(sums, number, start, allowed, side).run(pairs)


def _first_step(number, center, step):
    """Return a first step (m,) that is positive and no longer than can be."""
    size = np.maximum(np.abs(center), 1e-300)
    if hasattr(number, "axis"):
        axis = number.axis
        low, high = axis.ends
        longest = LONGEST[0] if axis.log else LONGEST[1] * (high - low)
        size = np.full_like(center, longest)
        step = np.minimum(step, longest)
    good = np.isfinite(step) & (step > 0.0)
    return np.where(good, step, 0.1 * size)


def _next_values(newton, at, bracket, far, moved, side):
    """Return the values to try next, (m,).

    `at` was tried last, `far` from the estimate and `moved` from the one before.
    """
    inside, outside = bracket
    bracketed = ~np.isnan(outside)
    middle = 0.5 * (inside + outside)
    forward = (newton - at) * side
    within = newton > np.minimum(inside, outside)
    within &= newton < np.maximum(inside, outside)
    # Where steps hardly get shorter, brackets are halved.
    slow = np.abs(newton - at) > 0.5 * moved
    ahead = np.where((forward > 0.0) & (forward < np.inf), forward, np.inf)
    ahead = np.minimum(ahead, (_LONGER - 1.0) * far)
    # A step towards a goal that is near must pass it some time.
    ahead = np.maximum(1.001 * ahead, 4.0 * np.spacing(np.abs(at)))
    inner = np.where(within & ~slow, newton, middle)
    return np.where(bracketed, inner, at + side * ahead)


def _touches(sums, p):
    """Return which fits (m,) have a coordinate at its limit."""
    u, weighted = p[sums.n_linear :], sums.weighted
    margin = _AT_LIMIT * (weighted.high - weighted.low)
    touching = (u <= weighted.low + margin) | (u >= weighted.high - margin)
    return touching.any(axis=0)
