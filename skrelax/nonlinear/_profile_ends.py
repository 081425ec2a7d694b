"""Ends of intervals: where the profile of a number passes a limit.

The root of the excess over the least sum of squares is nearly a straight line on both
sides of the estimate. Newton's method finds where it passes a limit, within brackets,
with the slope that the multiplier of the condition tells. The other numbers follow: at
each value they start where the tangent of the last one leads.
"""

from typing import NamedTuple

import numpy as np

from ._profile import Held, move, standard_error
from ._sums import State, Sums

# Roots of the excess this near to their goal, as a fraction, are there.
_CLOSE = 1e-5
# From this near on a step of Newton's ends there, without another look.
_NEARLY = 2e-3
# How close to its value a number is held, as a fraction of the first step.
_CLOSE_NUMBER = 1e-9
_MOST_VALUES = 40
# Shorter ways that are tried where none is found, before a value has none.
_MOST_FAILED = 6
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
        values = number.values(sums, start.p)
        self.center = number.to_x(values)
        m = self.center.size
        self.x, self.kind = np.full(m, np.nan), np.full(m, NONE, dtype=np.int8)
        self.limit = number.limits(self.center)[side > 0]
        error = standard_error(sums, number, start)
        stretch = number.from_x(self.center)[1]
        step = _first_step(number, self.center, self.goal * error / stretch)
        # The value to try next, the last one inside, the last one outside, how far the
        # last step was, and how often in turn a way got longer or no fit was found.
        self.trial, self.step = self.center + side * step, step
        self.inside, self.outside = self.center.copy(), np.full(m, np.nan)
        self.moved = np.full(m, np.inf)
        self.n_longer, self.n_failed = np.zeros((2, m), dtype=int)
        # The fits at the last value, and at the last one inside.
        self.near = State(*(part.copy() for part in start))
        self.safe = State(*(part.copy() for part in start))

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
            active = self._advance(active, tried, self._judge(active, tried))
        if self.number.ends_with_fits:
            # Beyond, no fits are found however near: none has such a number.
            moved = self.inside[active] != self.center[active]
            lost = active[moved & (self.n_failed[active] > 0)]
            self._end(lost, self.inside[lost], AT_BOUND)
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
        if not good.all():
            # What was tried last may have led astray.
            lost = np.flatnonzero(~good)
            again = self._move(active[lost], x[lost], self.safe, pairs)
            found.put(lost, again[0])
            slope[lost], good[lost] = again[1:]
        self.near.put(active[good], found.take(good))
        excess = np.maximum(found.value - self.start.value[active], 0.0)
        root = np.where(good, np.sqrt(excess), np.inf)
        is_in = root < self.goal[active]
        self.safe.put(active[is_in], found.take(is_in))
        return _Tried(x, root, slope, is_last, touches(self.sums, found.p))

    def _move(self, places, x, states, pairs):
        """Return what `move` finds at values, from states of all fits."""
        values, stretch = self.number.from_x(x)
        step = self.step[places]
        if self.number.ends_with_fits:
            # First steps along functions of a fit that is hardly told may be endless.
            step = np.minimum(step, np.abs(x - self.center[places]))
        close = _CLOSE_NUMBER * step * stretch
        held = Held(self.number, values, close, pairs)
        here = self.sums.take(places), states.take(places), held
        found, slope, good = move(*here, self.allowed[places])
        return found, slope * stretch, good

    def _judge(self, active, tried):
        """Write the ends that are found; return which fits (m,) have one."""
        goal, x = self.goal[active], tried.x
        is_in = tried.root < goal
        failed = np.isinf(tried.root)
        self.n_failed[active] = np.where(failed, self.n_failed[active] + 1, 0)
        # Where no fit is found, the way may only have been too long.
        is_out = ~is_in & ~(failed & (self.n_failed[active] <= _MOST_FAILED))
        self.inside[active[is_in]] = x[is_in]
        self.outside[active[is_out]] = x[is_out]
        closed = np.abs(tried.root - goal) <= _CLOSE * goal
        kind = np.where(tried.touches, AT_BOUND, FOUND)
        self._end(active[closed], x[closed], kind[closed])
        # The root is nearly a straight line, so that this is as good.
        newton = x + (goal - tried.root) / tried.slope * tried.root
        near = ~closed & (np.abs(tried.root - goal) <= _NEARLY * goal)
        near &= np.abs(newton - x) <= 2.0 * _NEARLY * np.abs(x - self.center[active])
        near &= (self.limit[active] - newton) * self.side > 0.0
        self._end(active[near], newton[near], kind[near])
        ended = closed | near
        last = is_in & tried.is_last & ~ended
        self._end(active[last], x[last], self._kind_of_limit())
        ended |= last
        inside, outside = self.inside[active], self.outside[active]
        bracket = np.abs(outside - inside)
        narrow = bracket <= _NARROW * np.abs(inside - self.center[active])
        narrow |= bracket <= 4.0 * np.spacing(np.abs(x))
        narrow &= ~ended
        # Beyond, there are no such fits at all, or the profile jumps.
        kind = np.where(tried.touches | failed, AT_BOUND, FOUND)
        self._end(active[narrow], inside[narrow], kind[narrow])
        ended |= narrow
        free = np.isnan(outside) & is_in & ~ended
        self.n_longer[active] += free
        lost = free & (self.n_longer[active] > _MOST_LONGER)
        self._end(active[lost], self.side * np.inf, OPEN)
        return ended | lost

    def _advance(self, active, tried, ended):
        """Choose the next values; return the fits that have no end yet."""
        left = self.goal[active] - tried.root
        newton = tried.x + left / tried.slope * tried.root
        bracket = self.inside[active], self.outside[active]
        far, moved = np.abs(tried.x - self.center[active]), self.moved[active]
        x = _next_values(newton, tried.x, bracket, far, moved, self.side)
        failed = np.isinf(tried.root)
        x = np.where(failed, 0.5 * (bracket[0] + tried.x), x)
        self.moved[active] = np.where(failed, np.inf, np.abs(x - tried.x))
        self.trial[active] = x
        if failed.any():
            again = active[failed]
            self.near.put(again, self.safe.take(again))
        return active[~ended]


def find_ends(sums: Sums, number, start: State, allowed, side, pairs):
    """Return the Ends of intervals of a number on one side, -1 or 1.

    `start` is the minimum, `allowed` (m,) how far sums of squares may exceed it, and
    `pairs` are coordinates of which the first must not be above the second.
    """
    return _Search(sums, number, start, allowed, side).run(pairs)


def _first_step(number, center, step):
    """Return a first step (m,) that is positive and no longer than can be."""
    size = 0.1 * np.maximum(np.abs(center), 1e-300)
    if number.longest is not None:
        size = np.full_like(center, 0.1 * number.longest)
        step = np.minimum(step, number.longest)
    good = np.isfinite(step) & (step > 0.0)
    return np.where(good, step, size)


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


def touches(sums, p):
    """Return which fits (m,) have a coordinate at its limit."""
    u, weighted = p[sums.n_linear :], sums.weighted
    margin = _AT_LIMIT * (weighted.high - weighted.low)
    touching = (u <= weighted.low + margin) | (u >= weighted.high - margin)
    return touching.any(axis=0)
