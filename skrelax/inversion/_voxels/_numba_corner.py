"""The corner of the L-curve, as `model_selection._criteria.lcurve_corner` finds it."""

import numpy as np

from ...utils._compiled import compiled

_GOLDEN = 0.5 * (1.0 + np.sqrt(5.0))
# As in `model_selection`: curvatures that are equal, those that rounding makes, the
# distance to which an L-curve is searched, and to which its ends are found.
_EQUAL = 1e-9
_RESOLVED = 0.1
_TOLERANCE = 1e-4
EDGE = 1e-2
ROUNDING = 10.0 * np.finfo(np.float64).eps
# The golden section closes any bracket in far fewer steps.
_MAX_STEPS = 150
N_PLACES = _MAX_STEPS + 5


@compiled
def _menger(points, i, j, k):
    """Return the signed Menger curvature of three points, and its rounding."""
    ax, ay = points[j, 1] - points[i, 1], points[j, 2] - points[i, 2]
    bx, by = points[k, 1] - points[j, 1], points[k, 2] - points[j, 2]
    cx, cy = points[i, 1] - points[k, 1], points[i, 2] - points[k, 2]
    a, b, c = np.hypot(ax, ay), np.hypot(bx, by), np.hypot(cx, cy)
    scale = a * b * c
    if scale == 0.0:
        return -np.inf, 0.0
    value = 2.0 * (ax * by - ay * bx) / scale
    error = points[i, 3] * b + points[j, 3] * c + points[k, 3] * a
    error *= 2.0 / scale
    if error < _RESOLVED * abs(value):
        return value, error
    return -np.inf, 0.0


@compiled
def largest_bend(points, n_points, among):
    """Return which of the places `among`, or of all, bends most, or -1.

    Of bends that rounding does not tell apart it is that of the largest x.
    """
    best = -np.inf
    for i in range(n_points):
        if among[0] < 0 or i == among[0] or i == among[1]:
            best = max(best, points[i, 4] - points[i, 5])
    found = -1
    if not np.isfinite(best):
        return found
    limit = best - _EQUAL * abs(best)
    for i in range(n_points):
        if among[0] < 0 or i == among[0] or i == among[1]:
            enough = points[i, 4] + points[i, 5] >= limit
            if enough and (found < 0 or points[i, 0] > points[found, 0]):
                found = i
    return found


@compiled
def update(points, n_points, state):
    """Write curvatures and their rounding at the four places of a bracket."""
    for place in range(4):
        i = state[place]
        before, after = -1, -1
        for j in range(n_points):
            x = points[j, 0]
            if x < points[i, 0] and (before < 0 or x > points[before, 0]):
                before = j
            if x > points[i, 0] and (after < 0 or x < points[after, 0]):
                after = j
        points[i, 4], points[i, 5] = -np.inf, 0.0
        # The first and the last place are the ends of the curve.
        near = min(_distance(points, i, 0), _distance(points, i, 1))
        if near > _TOLERANCE and before >= 0 and after >= 0:
            points[i, 4], points[i, 5] = _menger(points, before, i, after)


@compiled
def _distance(points, i, j):
    """Return the distance of two points of the curve."""
    return np.hypot(points[i, 1] - points[j, 1], points[i, 2] - points[j, 2])


@compiled
def next_place(points, n_points, state, step):
    """Shrink the bracket `state` after `step` steps; return where to look next, or nan.

    The place becomes point `n_points`. Earlier brackets are kept beside the points.
    """
    a, d = state[0], state[3]
    width = points[d, 0] - points[a, 0]
    if width < _TOLERANCE or _distance(points, a, d) < _TOLERANCE or step >= _MAX_STEPS:
        return np.nan
    best = largest_bend(points, n_points, (-1, -1))
    for k in range(step):
        first, b, c, last = points[k, 6], points[k, 7], points[k, 8], points[k, 9]
        if best >= 0 and (b == best or c == best):
            wide = points[int(last), 0] - points[int(first), 0]
            if wide <= points[state[3], 0] - points[state[0], 0]:
                state[0], state[1], state[2], state[3] = (
                    int(first), int(b), int(c), int(last)
                )  # fmt: skip
    a, b, c, d = state[0], state[1], state[2], state[3]
    if largest_bend(points, n_points, (b, c)) == b:
        x = (_GOLDEN * points[a, 0] + points[c, 0]) / (_GOLDEN + 1.0)
        state[1], state[2], state[3] = n_points, b, c
    else:
        x = points[b, 0] + (points[d, 0] - points[c, 0])
        state[0], state[1], state[2] = b, c, n_points
    return x


@compiled
def remember(points, state, step):
    """Keep a bracket."""
    for place in range(4):
        points[step, 6 + place] = state[place]


@compiled
def second_place(low, high):
    """Return the first place inside a curve."""
    return (_GOLDEN * low + high) / (_GOLDEN + 1.0)
