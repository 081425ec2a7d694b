"""Curves of fits against the strength of a penalty, and the points to choose.

A curve is a function of log(strength) that fits once per call and returns a
`Fit`; the rules of this file search it.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

# Tolerance of the searches in log(strength): the strength is exact to 1e-6.
_LOG_TOLERANCE = 1e-6
_GOLDEN = 0.5 * (1.0 + np.sqrt(5.0))


# Criteria that differ by less than this fraction are equal: two processors, that round
# differently, must choose the same.
_EQUAL = 1e-9
# Mean square of residuals, as a fraction of that of the signals, below which a fit is
# exact: the solvers promise a thousandth of this.
_EXACT = 1e-24
# Fraction of the points that a fit must leave over to be judged by its residuals.
_SATURATED = 1e-6
# Rounding of a curvature, as a fraction of it, from which it says nothing.
_RESOLVED = 0.1


@dataclass(frozen=True)
class Fit:
    """What a rule needs to know of one fit, summed over signals.

    `residual` is the weighted mean square of the residuals, `norm` the penalty
    without its strength, `dof` the effective number of parameters of a signal and
    `seen` the mean square of the residuals in the directions that the kernel sees.
    """

    strength: float
    residual: float
    norm: float
    dof: float
    seen: float


def rounding_floor(squares):
    """Return the mean square of residuals below which they are rounding."""
    return _EXACT * squares


def first_minimum(values, sizes=None):
    """Return the first index, along axis 0, whose value is the smallest to rounding.

    `sizes` are the numbers whose rounding `values` hold, where values are differences.
    Of infinite values the first is taken.
    """
    values = np.asarray(values)
    sizes = values if sizes is None else sizes
    best = values.argmin(axis=0)
    least = np.take_along_axis(values, best[None], axis=0)
    size = np.take_along_axis(sizes, best[None], axis=0)
    return (values <= least + _EQUAL * size).argmax(axis=0)


def within_one_standard_error(values, errors, sizes, best):
    """Return the first index, along axis 0, within an error of that at `best`."""
    best = np.asarray(best)[None]
    limit = np.take_along_axis(values + errors + _EQUAL * sizes, best, axis=0)
    return (values <= limit).argmax(axis=0)


def generalised_error(residual, dof, n_points):
    """Return the criterion of generalised cross-validation.

    It is infinite where the fit leaves no degrees of freedom to judge it by.
    """
    left = 1.0 - dof / n_points
    return residual / left**2 if left > _SATURATED else np.inf


def minimise(criterion, strengths, values):
    """Return log(strength) of the minimum around the best of a decreasing grid."""
    best = int(first_minimum(values))
    if best in (0, len(values) - 1) or values[best] == 0.0:
        return np.log(strengths[best])
    bounds = np.log([strengths[best + 1], strengths[best - 1]])
    # Parabolas through infinite values would have no minimum.
    top = 1e6 * values[best]
    found = optimize.minimize_scalar(
        lambda x: min(criterion(x), top),
        bounds=bounds,
        method="bounded",
        options={"xatol": _LOG_TOLERANCE},
    )
    return found.x if found.fun <= values[best] else np.log(strengths[best])


def largest_below(criterion, target, strengths, values, refine=True):
    """Return log(strength) of the largest strength with criterion <= target.

    Values belong to decreasing strengths, between which it is looked for with `refine`.
    None if all are above the target, and the largest strength of the grid if it is
    below.
    """
    below = np.asarray(values) <= target * (1.0 + _EQUAL)
    if not below.any():
        return None
    first = int(np.argmax(below))
    if first == 0 or not refine or values[first] >= target:
        return np.log(strengths[first])
    low, high = np.log(strengths[first]), np.log(strengths[first - 1])
    return optimize.brentq(
        lambda x: criterion(x) - target, low, high, xtol=_LOG_TOLERANCE
    )


def menger_curvature(before, here, after):
    """Return the signed Menger curvature of three points of a plane, and its rounding.

    Each point is its coordinates (2,) and their rounding. A curvature that is little
    more than its rounding counts as none, -inf.
    """
    places, rounding = zip(before, here, after, strict=True)
    sides = np.diff(places, axis=0, append=places[:1])
    lengths = np.linalg.norm(sides, axis=1)
    scale = lengths.prod()
    if scale == 0.0:
        return -np.inf, 0.0
    first, second, _ = sides
    value = 2.0 * (first[0] * second[1] - first[1] * second[0]) / scale
    # A point that moves changes the area by the length of the side that it faces.
    error = 2.0 * float(np.dot(rounding, np.roll(lengths, -1))) / scale
    return (value, error) if error < _RESOLVED * abs(value) else (-np.inf, 0.0)


def lcurve_corner(point, low, high, tolerance=1e-4):
    """Return x in [low, high] where the curve point(x) bends most.

    point(x) gives the coordinates (2,) and their rounding. This is the golden-section
    search of Cultrera & Callegaro (2020, doi 10.1088/2633-1357/abad0d) over four
    points, with two additions of DECAES.jl: curvatures come from the nearest evaluated
    neighbours, and the search returns to the smallest bracket that held the best point
    so far. Points within `tolerance` of an end of the curve have no curvature; None
    where none has. Of curvatures that rounding does not tell apart, as those of the
    last steps, that of the largest x counts: the choice must not hang on noise.
    """
    points = {}

    def evaluate(x):
        if x not in points:
            points[x] = point(x)

    second = (_GOLDEN * low + high) / (_GOLDEN + 1.0)
    state = (low, second, low + (high - second), high)
    for x in state:
        evaluate(x)
    ends = points[low][0], points[high][0]
    curvature = {}

    def update(bracket):
        known = sorted(points)
        for x in bracket:
            here = points[x][0]
            index = known.index(x)
            inside = min(np.linalg.norm(here - end) for end in ends) > tolerance
            if not inside or index in (0, len(known) - 1):
                curvature[x] = (-np.inf, 0.0)
                continue
            curvature[x] = menger_curvature(
                *(points[y] for y in known[index - 1 : index + 2])
            )

    def open_bracket(bracket):
        gap = np.linalg.norm(points[bracket[0]][0] - points[bracket[3]][0])
        return bracket[3] - bracket[0] >= tolerance and gap >= tolerance

    update(state)
    history = []
    # The golden section closes any bracket in far fewer steps.
    while open_bracket(state) and len(history) < 500:
        best = largest_bend(curvature)
        for bracket in history:
            if best in bracket[1:3] and bracket[3] - bracket[0] <= state[3] - state[0]:
                state = bracket
        a, b, c, d = state
        if largest_bend({x: curvature[x] for x in (b, c)}) == b:
            state = (a, (_GOLDEN * a + c) / (_GOLDEN + 1.0), b, c)
            evaluate(state[1])
        else:
            state = (b, c, b + (d - c), d)
            evaluate(state[2])
        update(state)
        history.append(state)
    return largest_bend(curvature)


def largest_bend(curvature):
    """Return the largest x of {x: (curvature, rounding)} that bends most, or None."""
    best = max((c - error for c, error in curvature.values()), default=-np.inf)
    if not np.isfinite(best):
        return None
    return max(
        x
        for x, (c, error) in curvature.items()
        if c + error >= best - _EQUAL * abs(best)
    )
