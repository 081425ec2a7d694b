"""Searches between the strengths of a grid, for many curves side by side.

A search is a generator: it yields a log(strength), is sent the `Fit` there, and returns
what it has found. So one call fits whatever the searches of all signals ask for.
"""

import math

import numpy as np

from ._criteria import EQUAL, first_minimum, largest_bend, menger_curvature

# Tolerance of the searches in log(strength): the strength is exact to 1e-6.
_LOG_TOLERANCE = 1e-6
_GOLDEN = 0.5 * (1.0 + np.sqrt(5.0))
# More steps than any of these searches takes.
_MOST_STEPS = 500


def side_by_side(searches, curve):
    """Return what searches {choice: generator} have found on a Curve, {choice: it}."""
    found, waiting = {}, dict.fromkeys(searches)
    while waiting:
        asked = {}
        for choice, fit in waiting.items():
            try:
                asked[choice] = float(searches[choice].send(fit))
            except StopIteration as end:
                found[choice] = end.value
        curve.evaluate_all(asked)
        waiting = {choice: curve(x, choice) for choice, x in asked.items()}
    return found


def bounded_minimum(value, low, high):
    """Return x in [low, high] where value(fit) is the smallest, and that value.

    Brent's golden sections and parabolas (Algorithms for minimization without
    derivatives, 1973, chapter 5), to the same bits as SciPy's bounded method.
    """
    root = math.sqrt(2.2e-16)
    golden = 0.5 * (3.0 - math.sqrt(5.0))
    second = third = x = low + golden * (high - low)
    step = before = 0.0
    fx = value((yield x))
    f_second = f_third = fx
    middle = 0.5 * (low + high)
    tol = root * abs(x) + _LOG_TOLERANCE / 3.0
    for _ in range(_MOST_STEPS):
        if abs(x - middle) <= 2.0 * tol - 0.5 * (high - low):
            break
        is_golden = True
        if abs(before) > tol:
            r = (x - second) * (fx - f_third)
            q = (x - third) * (fx - f_second)
            p = (x - third) * q - (x - second) * r
            q = 2.0 * (q - r)
            if q > 0.0:
                p = -p
            q = abs(q)
            r, before = before, step
            if abs(p) < abs(0.5 * q * r) and q * (low - x) < p < q * (high - x):
                is_golden = False
                step = p / q
                near = x + step
                if near - low < 2.0 * tol or high - near < 2.0 * tol:
                    step = tol if middle >= x else -tol
        if is_golden:
            before = (low if x >= middle else high) - x
            step = golden * before
        size = max(abs(step), tol)
        u = x + (size if step >= 0.0 else -size)
        fu = value((yield u))
        if fu <= fx:
            if u >= x:
                low = x
            else:
                high = x
            third, f_third = second, f_second
            second, f_second = x, fx
            x, fx = u, fu
        else:
            if u < x:
                low = u
            else:
                high = u
            if fu <= f_second or second == x:
                third, f_third = second, f_second
                second, f_second = u, fu
            elif fu <= f_third or third in (x, second):
                third, f_third = u, fu
        middle = 0.5 * (low + high)
        tol = root * abs(x) + _LOG_TOLERANCE / 3.0
    return x, fx


def bracketed_root(value, low, high):
    """Return x in [low, high] where value(fit) is zero; it has other signs at the ends.

    Brent's bisections, secants and inverse parabolas (as above, chapter 4), to the same
    bits as SciPy's brentq.
    """
    rtol = 4.0 * np.finfo(float).eps
    before, x, other = low, high, 0.0
    f_before = value((yield before))
    f_x = value((yield x))
    f_other = last = step = 0.0
    if f_before == 0.0:
        return before
    for _ in range(_MOST_STEPS):
        if f_before != 0.0 and f_x != 0.0 and (f_before < 0.0) != (f_x < 0.0):
            other, f_other = before, f_before
            last = step = x - before
        if abs(f_other) < abs(f_x):
            before, x, other = x, other, x
            f_before, f_x, f_other = f_x, f_other, f_x
        delta = (_LOG_TOLERANCE + rtol * abs(x)) / 2.0
        half = (other - x) / 2.0
        if f_x == 0.0 or abs(half) < delta:
            break
        trial = math.inf
        if abs(last) > delta and abs(f_x) < abs(f_before):
            if before == other:
                trial = -f_x * (x - before) / (f_x - f_before)
            else:
                here = (f_before - f_x) / (before - x)
                there = (f_other - f_x) / (other - x)
                slope = there * here * (f_other - f_before)
                # Zero for equal values, and for ones too small to be multiplied.
                if slope != 0.0:
                    trial = -f_x * (f_other * there - f_before * here) / slope
        if 2.0 * abs(trial) < min(abs(last), 3.0 * abs(half) - delta):
            last, step = step, trial
        else:
            last = step = half
        before, f_before = x, f_x
        if abs(step) > delta:
            x += step
        else:
            x += delta if half > 0.0 else -delta
        f_x = value((yield x))
    return x


def minimise(criterion, strengths, values):
    """Return log(strength) of the minimum around the best of a decreasing grid.

    `criterion` is a function of a Fit, and has these values at the strengths.
    """
    best = int(first_minimum(values))
    if best in (0, len(values) - 1) or values[best] == 0.0:
        return np.log(strengths[best])
    low, high = np.log([strengths[best + 1], strengths[best - 1]]).tolist()
    # Parabolas through infinite values would have no minimum.
    top = 1e6 * values[best]
    x, value = yield from bounded_minimum(
        lambda fit: min(criterion(fit), top), low, high
    )
    return x if value <= values[best] else np.log(strengths[best])


def largest_below(criterion, target, strengths, values, refine=True):
    """Return log(strength) of the largest strength with criterion <= target.

    `criterion` is a function of a Fit. Its values belong to decreasing strengths,
    between which it is looked for with `refine`. None if all are above the target, and
    the largest strength of the grid if it is below.
    """
    below = np.asarray(values) <= target * (1.0 + EQUAL)
    if not below.any():
        return None
    first = int(np.argmax(below))
    if first == 0 or not refine or values[first] >= target:
        return np.log(strengths[first])
    low, high = np.log([strengths[first], strengths[first - 1]]).tolist()
    return (yield from bracketed_root(lambda fit: criterion(fit) - target, low, high))


def lcurve_corner(point, low, high, tolerance=1e-4):
    """Return x in [low, high] where a curve bends most.

    point(fit) gives its coordinates (2,) and their rounding. This is the golden-section
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
            points[x] = point((yield x))

    second = (_GOLDEN * low + high) / (_GOLDEN + 1.0)
    state = (low, second, low + (high - second), high)
    for x in state:
        yield from evaluate(x)
    ends = points[low][0], points[high][0]
    curvature, neighbours = {}, {}

    def update(bracket):
        known = sorted(points)
        for x in bracket:
            index = known.index(x)
            around = known[max(index - 1, 0) : index + 2]
            if neighbours.get(x) == around:
                continue
            neighbours[x] = around
            here = points[x][0]
            inside = min(np.linalg.norm(here - end) for end in ends) > tolerance
            if not inside or index in (0, len(known) - 1):
                curvature[x] = (-np.inf, 0.0)
                continue
            curvature[x] = menger_curvature(*(points[y] for y in around))

    def open_bracket(bracket):
        gap = np.linalg.norm(points[bracket[0]][0] - points[bracket[3]][0])
        return bracket[3] - bracket[0] >= tolerance and gap >= tolerance

    update(state)
    history = []
    # The golden section closes any bracket in far fewer steps.
    while open_bracket(state) and len(history) < _MOST_STEPS:
        best = largest_bend(curvature)
        for bracket in history:
            if best in bracket[1:3] and bracket[3] - bracket[0] <= state[3] - state[0]:
                state = bracket
        a, b, c, d = state
        if largest_bend({x: curvature[x] for x in (b, c)}) == b:
            state = (a, (_GOLDEN * a + c) / (_GOLDEN + 1.0), b, c)
            yield from evaluate(state[1])
        else:
            state = (b, c, b + (d - c), d)
            yield from evaluate(state[2])
        update(state)
        history.append(state)
    return largest_bend(curvature)
