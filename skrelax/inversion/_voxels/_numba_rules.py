"""The strength of the penalty of each signal, by a rule.

All work on log(strength), with the equations of the passive bins at hand:
d|r|^2 / ds = 2 (s L x + alpha)^T (G_PP + s L_PP)^-1 L x.
"""

import numpy as np

from ...utils._compiled import compiled
from ._numba_corner import (
    EDGE,
    ROUNDING,
    largest_bend,
    next_place,
    remember,
    second_place,
    update,
)
from ._numba_nnls import misfit, nnls, penalise, solve
from ._numba_setting import cubic_minimum

NONE, FIXED, CHI2, GCV, DISCREPANCY, LCURVE, GCV_ACTIVE = range(7)

# Strengths are searched over this distance of logarithms, ten decades.
_DECADES = 10.0 * np.log(10.0)
# Residuals below this fraction of a signal's square are rounding.
FLOOR = 1e-24
# A step of log(strength) after which the next one would make no difference.
_CLOSE = 1e-4
_MAX_STEPS = 60
# GCV: distance of the strengths that are looked at first, how far above the best is
# looked at in between, how far above it a minimum may seem to be, the bracket that is
# close enough, the fraction of points that must be left, and where the first strength
# lies in the workspace.
_STRIDE = 1.0
_VALLEY = 3e-3
_MARGIN = 5e-3
_SETTLED = 5e-4
SATURATED = 1e-6
# Share of a direction that is rounding.
LEAST_SHARE = 1e-16
_MIDDLE = 75
# Places over the range of strengths at which an L-curve is sought.
_N_GRID = 40


@compiled
def limits(rule, G):
    """Return logarithms of the weakest and the strongest strength."""
    low, high = rule.low, rule.high
    if np.isnan(high):
        total = 0.0
        for j in range(G.shape[0]):
            total += G[j, j]
        high = np.log(10.0 * total / G.shape[0])
    if np.isnan(low):
        low = high - _DECADES
    return low, high


@compiled
def fit_strength(strength, y, penalty, p, work):
    """Fit with a strength; return the number of bins and the mean square residual.

    Where no end was found these are -1 and infinite.
    """
    penalise(work.G, penalty, strength, work.H)
    c, target = work.c, work.t[1]
    for j in range(c.size):
        target[j] = c[j] - penalty.alpha
    p = nnls(work.H, target[: c.size], p, work.passive, work.x, work.w)
    if p < 0:
        return p, np.inf
    return p, misfit(work.K, y, p, work.passive, work.x, work.r)


@compiled
def rise(strength, penalty, p, work):
    """Return the derivative of the squared residual by log(strength), and x^T L x."""
    P, x = work.passive.P, work.x
    L, alpha = penalty.matrix, penalty.alpha
    Lx, s = work.t[2], work.t[3]
    norm = 0.0
    for a in range(p):
        v = 0.0
        for b in range(p):
            v += L[P[a], P[b]] * x[P[b]]
        Lx[a] = v
        norm += v * x[P[a]]
    solve(p, work.passive, Lx, s)
    total = 0.0
    for a in range(p):
        total += (strength * Lx[a] + alpha) * s[a]
    return 2.0 * strength * total, norm


@compiled
def reach(target, free, y, penalty, ends, p, work):
    """Return log(strength) of the largest strength with a residual up to a target.

    Steps are Newton's on log(square - free), which is nearly straight; free is the
    square without a penalty. Returns bins, log(strength) and the number of fits; at
    an end of the range that end.
    """
    low, high = ends
    gain = target - free
    if not gain > 0.0:
        p, _ = fit_strength(np.exp(low), y, penalty, p, work)
        return p, low, 1
    norm = rise(0.0, penalty, p, work)[1]
    z = 0.5 * (low + high)
    if norm > 0.0:
        z = min(max(np.log(10.0 * gain / norm), low), high)
    below, above = low - 1.0, high + 1.0
    for n_fits in range(1, _MAX_STEPS):
        strength = np.exp(z)
        p, square = fit_strength(strength, y, penalty, p, work)
        if square <= target:
            if z >= high:
                return p, high, n_fits
            below = z
        else:
            if z <= low:
                return p, low, n_fits
            above = z
        slope, _ = rise(strength, penalty, p, work)
        excess = square - free
        step = 0.0
        if excess > 0.0 and slope > 0.0:
            step = -np.log(excess / gain) * excess / slope
        new = z + step
        if step == 0.0 or not below < new < above:
            new = 0.5 * (max(below, low) + min(above, high))
            if below < low:
                new = low
            elif above > high:
                new = high
        new = min(max(new, low), high)
        if abs(new - z) <= _CLOSE and low < new < high:
            p, _ = fit_strength(np.exp(new), y, penalty, p, work)
            return p, new, n_fits + 1
        z = new
    return p, z, _MAX_STEPS


@compiled
def left_over(z, q, n_points):
    """Return what is left of one after the share of effective parameters, its slope."""
    strength = np.exp(z)
    left, slope = 1.0, 0.0
    for j in range(q.size):
        share = 1.0 / (1.0 + strength / q[j])
        left -= share / n_points
        slope += share * (1.0 - share) / n_points
    return left, slope


@compiled
def criterion(z, y, penalty, q, p, work, limit):
    """Return bins, log of the criterion of GCV, its slope by log(strength), residual.

    The residual is its logarithm, too, and the criterion infinite where all points are
    used up. `limit` are the smallest square of a residual, and the number of points.
    """
    floor, n_points = limit
    strength = np.exp(z)
    p, square = fit_strength(strength, y, penalty, p, work)
    slope, _ = rise(strength, penalty, p, work)
    left, change = left_over(z, q, n_points)
    square = max(square, floor)
    if not left > SATURATED:
        return p, np.inf, -1.0, np.log(square)
    value = np.log(square) - 2.0 * np.log(left)
    return p, value, slope / square - 2.0 * change / left, np.log(square)


@compiled
def walk(path, y, penalty, q, ends, p, work, bounds):
    """Follow GCV from a start to one side, `path`, until nothing better can come.

    Strength, criterion and slope go into work, from _MIDDLE to that side. To the strong
    side residuals only grow, to the weak one the effective parameters. `bounds` are the
    logarithm of the residual without a penalty, the limit of `criterion`, and the best
    so far. Returns bins, number of fits, and the best.
    """
    start, sign = path
    free, limit, best = bounds
    z, k, n_points = start, 0, limit[1]
    most = max(left_over(ends[1], q, n_points)[0], SATURATED)
    while True:
        if k > 0 or sign > 0:
            p, f, g, square = criterion(z, y, penalty, q, p, work, limit)
            place = _MIDDLE + sign * k
            work.curve[place, 0] = z
            work.curve[place, 1] = f
            work.curve[place, 2] = g
            best = min(best, f)
            least = square - 2.0 * np.log(most)
            if sign < 0:
                left = max(left_over(z, q, n_points)[0], SATURATED)
                least = free - 2.0 * np.log(left)
            end = ends[1] if sign > 0 else ends[0]
            if least >= best or z == end:
                return p, k, best
        k += 1
        z = min(max(start + sign * k * _STRIDE, ends[0]), ends[1])


@compiled
def close_in(k, y, penalty, q, p, work, limit):
    """Return bins, log(strength) and criterion at the minimum after place k, and fits.

    Cubics go through values and slopes at the ends of a bracket.
    """
    curve = work.curve
    a, f_a, g_a = curve[k, 0], curve[k, 1], curve[k, 2]
    b, f_b, g_b = curve[k + 1, 0], curve[k + 1, 1], curve[k + 1, 2]
    best, f_best = (a, f_a) if f_a <= f_b else (b, f_b)
    n_fits = 0
    new, _ = cubic_minimum(a, f_a, g_a, b, f_b, g_b)
    while n_fits < _MAX_STEPS and b - a > _SETTLED:
        # Slopes jump where bins enter: both ends have to move.
        edge = 0.02 * (b - a)
        z = min(max(new, a + edge), b - edge)
        p, f, g, _ = criterion(z, y, penalty, q, p, work, limit)
        n_fits += 1
        if f < f_best:
            best, f_best = z, f
        if g > 0.0:
            b, f_b, g_b = z, f, g
        else:
            a, f_a, g_a = z, f, g
        new, _ = cubic_minimum(a, f_a, g_a, b, f_b, g_b)
        if abs(new - z) <= _CLOSE:
            break
    return p, best, f_best, n_fits


@compiled
def cross_validated(values, y, penalty, q, ends, p, work):
    """Return bins, log(strength) and number of fits at the minimum of GCV.

    `values` are the square of the residual without a penalty, its floor, where to
    start, and the number of points.
    """
    free, floor, start, n_points = values
    limit = (floor, n_points)
    start = min(max(start, ends[0]), ends[1])
    bounds = (np.log(max(free, floor)), limit, np.inf)
    p, up, best = walk((start, 1), y, penalty, q, ends, p, work, bounds)
    bounds = (bounds[0], limit, best)
    p, down, best = walk((start, -1), y, penalty, q, ends, p, work, bounds)
    n_fits = up + down + 1
    curve = work.curve
    first, stop = _MIDDLE - down, _MIDDLE + up
    k = stop - 1
    while k >= first:
        if min(curve[k, 1], curve[k + 1, 1]) < best + _VALLEY:
            for row in range(stop, k, -1):
                for column in range(3):
                    curve[row + 1, column] = curve[row, column]
            z = 0.5 * (curve[k, 0] + curve[k + 1, 0])
            p, f, g, _ = criterion(z, y, penalty, q, p, work, limit)
            curve[k + 1, 0], curve[k + 1, 1], curve[k + 1, 2] = z, f, g
            best = min(best, f)
            stop += 1
            n_fits += 1
        k -= 1
    z, last = start, np.nan
    for k in range(first, stop + 1):
        curve[k, 3] = 0.0
        if curve[k, 1] <= best:
            z = curve[k, 0]
    while True:
        promise, place = best + _MARGIN, -1
        for k in range(first, stop):
            a, f_a, g_a = curve[k, 0], curve[k, 1], curve[k, 2]
            b, f_b, g_b = curve[k + 1, 0], curve[k + 1, 1], curve[k + 1, 2]
            falls = g_a < 0.0 and (g_b >= 0.0 or f_b >= f_a)
            rises = g_b > 0.0 and f_a >= f_b
            if curve[k, 3] > 0.0 or not (falls or rises):
                continue
            _, value = cubic_minimum(a, f_a, g_a, b, f_b, g_b)
            if value < promise:
                promise, place = value, k
        if place < 0:
            break
        curve[place, 3] = 1.0
        p, last, f, more = close_in(place, y, penalty, q, p, work, limit)
        n_fits += more
        if f < best:
            z, best = last, f
    p, _ = fit_strength(np.exp(z), y, penalty, p, work)
    return p, z, n_fits + 1


@compiled
def curve_point(z, y, penalty, floors, p, work):
    """Return bins, log residual, log norm, rounding, and whether the curve is defined.

    `floors` are the smallest residual and norm that have a logarithm, and the square of
    the signal.
    """
    strength = np.exp(z)
    p, square = fit_strength(strength, y, penalty, p, work)
    norm = rise(strength, penalty, p, work)[1]
    defined = square > floors[0] and norm > floors[1]
    square, norm = max(square, floors[0]), max(norm, floors[1])
    rounding = ROUNDING * np.sqrt(floors[2] / square)
    return p, np.log(square), np.log(norm), rounding, defined


@compiled
def defined_end(end, other, y, penalty, floors, p, work):
    """Return the last place towards an end where the curve is defined, and fits."""
    n_fits = 1
    defined = curve_point(end, y, penalty, floors, p, work)[4]
    if defined:
        return end, n_fits
    outside = end
    for k in range(1, _N_GRID):
        inside = end + (other - end) * k / (_N_GRID - 1)
        n_fits += 1
        if curve_point(inside, y, penalty, floors, 0, work)[4]:
            while abs(outside - inside) > EDGE:
                middle = 0.5 * (inside + outside)
                n_fits += 1
                if curve_point(middle, y, penalty, floors, 0, work)[4]:
                    inside = middle
                else:
                    outside = middle
            return inside, n_fits
        outside = inside
    return np.nan, n_fits


@compiled
def bent(y, penalty, ends, square, p, work):
    """Return bins, log(strength) and fits at the corner of the L-curve.

    Without a corner it is the strongest of the range.
    """
    points, state = work.curve, work.state
    low, high = ends
    p, _ = fit_strength(np.exp(low), y, penalty, p, work)
    norm = rise(np.exp(low), penalty, p, work)[1]
    floors = (FLOOR * square, FLOOR * norm, square)
    low, n_low = defined_end(low, high, y, penalty, floors, p, work)
    n_fits = n_low + 1
    if np.isnan(low):
        return p, ends[1], n_fits
    high, n_high = defined_end(high, low, y, penalty, floors, 0, work)
    n_fits += n_high
    if not high > low:
        return p, ends[1], n_fits
    second = second_place(low, high)
    points[0, 0], points[1, 0] = low, high
    points[2, 0], points[3, 0] = second, low + (high - second)
    state[0], state[1], state[2], state[3] = 0, 2, 3, 1
    n_points, step, p = 0, 0, 0
    while True:
        first = 4 if n_points == 0 else n_points + 1
        for i in range(n_points, first):
            p, log_square, log_norm, rounding, _ = curve_point(
                points[i, 0], y, penalty, floors, p, work
            )
            points[i, 1], points[i, 2], points[i, 3] = log_square, log_norm, rounding
            points[i, 4], points[i, 5] = -np.inf, 0.0
            n_fits += 1
        n_points = first
        update(points, n_points, state)
        if n_points > 4:
            remember(points, state, step)
            step += 1
        x = next_place(points, n_points, state, step)
        if np.isnan(x):
            break
        points[n_points, 0] = x
    best = largest_bend(points, n_points, (-1, -1))
    z = points[best, 0] if best >= 0 else ends[1]
    p, _ = fit_strength(np.exp(z), y, penalty, p, work)
    return p, z, n_fits + 1
