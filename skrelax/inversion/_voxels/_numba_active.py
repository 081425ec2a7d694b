"""Generalised cross-validation that counts the parameters of bins in use alone.

The criterion jumps where a bin enters or leaves, and is smooth in between. So all of
these places are found between which a minimum may be.
"""

import numpy as np

from ...utils._compiled import compiled
from .._numba_fit import REORDER
from ._numba_rules import LEAST_SHARE, SATURATED, fit_strength, rise
from ._numba_setting import cubic_minimum

# Distance of the strengths that are looked at first, and to which minima and the
# places of jumps are found.
_STRIDE = 0.5
_CLOSE = 1e-4
_BEYOND = 0.4 * _CLOSE
# What the count of parameters may be smaller between two strengths than at both.
_SLACK = 0.5
_MAX_STEPS = 3000
# Columns of the workspace: log(strength), criterion, slope, log of the residual,
# parameters, and where the next bin leaves above and below.
_Z, _F, _G, _R, _T, _UP, _DOWN = range(7)


@compiled(fastmath=REORDER)
def forward(R, inverse, p, B):
    """Replace B by R^-1 B, and transpose it."""
    for a in range(p):
        for b in range(a):
            v = R[a, b]
            for k in range(p):
                B[a, k] -= v * B[b, k]
        for k in range(p):
            B[a, k] *= inverse[a]
    for a in range(p):
        for b in range(a):
            B[a, b], B[b, a] = B[b, a], B[a, b]


@compiled(fastmath=REORDER, allocates=True)
def own_ratios(L, work):
    """Write eigenvalues of products of columns in units of the penalty into work.q.

    They are what `ratios_at` gives of the logarithms in a table.
    """
    G, H, B, q = work.G, work.H, work.room, work.q
    R, inverse = work.passive.R, work.passive.inverse
    n = G.shape[0]
    unit = 0.0
    for j in range(n):
        unit += G[j, j] / n
    for j in range(n):
        for k in range(n):
            B[j, k] = G[j, k]
            H[j, k] = G[j, k] + unit * L[j, k]
    for j in range(n):
        for k in range(j + 1):
            v = H[j, k]
            for a in range(k):
                v -= R[j, a] * R[k, a]
            if k < j:
                R[j, k] = v * inverse[k]
            else:
                inverse[j] = 1.0 / np.sqrt(max(v, LEAST_SHARE * H[j, j]))
    forward(R, inverse, n, B)
    forward(R, inverse, n, B)
    shares = np.linalg.eigvalsh(B)
    for j in range(n):
        share = min(max(shares[j], LEAST_SHARE), 1.0 - LEAST_SHARE)
        q[j] = unit * share / (1.0 - share)


@compiled(fastmath=REORDER)
def count_active(strength, L, p, work):
    """Return tr((G + s L)^-1 G) of the bins in use, and its slope by log(strength)."""
    P, B = work.passive.P, work.room
    for a in range(p):
        for b in range(p):
            B[a, b] = strength * L[P[a], P[b]]
    forward(work.passive.R, work.passive.inverse, p, B)
    forward(work.passive.R, work.passive.inverse, p, B)
    trace, square = 0.0, 0.0
    for a in range(p):
        trace += B[a, a]
        for b in range(p):
            square += B[a, b] * B[a, b]
    return p - trace, square - trace


@compiled
def visit(z, k, values, y, penalty, p, work):
    """Fit at a strength and write what is found to place k; return number of bins.

    `values` are the smallest square of a residual, parameters that are not penalised,
    and the number of points.
    """
    floor, constants, n_points = values
    strength = np.exp(z)
    p, square = fit_strength(strength, y, penalty, p, work)
    row, x, P = work.curve[k], work.x, work.passive.P
    slope, _ = rise(strength, penalty, p, work)
    count, change = count_active(strength, penalty.matrix, max(p, 0), work)
    change_of = work.t[3]
    left = 1.0 - (constants + count) / n_points
    square = max(square, floor)
    row[_Z], row[_F], row[_G] = z, np.inf, -1.0
    row[_R], row[_T] = np.log(square), count
    if left > SATURATED:
        row[_F] = row[_R] - 2.0 * np.log(left)
        row[_G] = slope / square + 2.0 * change / (n_points * left)
    up, down = np.inf, np.inf
    for a in range(p):
        # Amplitudes change by -s (G + s L)^-1 L x per unit of log(strength).
        v = strength * change_of[a]
        if v > 0.0:
            up = min(up, x[P[a]] / v)
        elif v < 0.0:
            down = min(down, -x[P[a]] / v)
    row[_UP], row[_DOWN] = z + up, z - down
    for j in range(x.size):
        work.sets[k, j] = x[j] > 0.0
    return p


@compiled
def move(source, target, work):
    """Copy a place to another."""
    for column in range(work.curve.shape[1]):
        work.curve[target, column] = work.curve[source, column]
    for j in range(work.sets.shape[1]):
        work.sets[target, j] = work.sets[source, j]


@compiled
def jump(a, b, work):
    """Return where to look for the place at which bins change between a and b."""
    low, high = work.curve[a], work.curve[b]
    leaves, enters = False, False
    for j in range(work.sets.shape[1]):
        leaves |= work.sets[a, j] and not work.sets[b, j]
        enters |= work.sets[b, j] and not work.sets[a, j]
    near = 0.1 * _BEYOND
    for side in range(2):
        if side == 0 and leaves:
            place, beyond = low[_UP], _BEYOND
        elif side == 1 and enters:
            place, beyond = high[_DOWN], -_BEYOND
        else:
            continue
        # First beyond it, then before it.
        for z in (place + beyond, place - beyond):
            if low[_Z] + near < z < high[_Z] - near:
                return z
    return 0.5 * (low[_Z] + high[_Z])


@compiled
def between(a, b, best, constants, n_points, work):
    """Return where to look next between two places, or nan where nothing better is."""
    low, high = work.curve[a], work.curve[b]
    width = high[_Z] - low[_Z]
    if not width > _CLOSE:
        return np.nan
    same = True
    for j in range(work.sets.shape[1]):
        same &= work.sets[a, j] == work.sets[b, j]
    if not same:
        count = max(min(low[_T], high[_T]) - _SLACK * min(width, 1.0), 0.0)
        left = max(1.0 - (constants + count) / n_points, SATURATED)
        if low[_R] - 2.0 * np.log(left) >= best:
            return np.nan
        return jump(a, b, work)
    if not (low[_G] < 0.0 < high[_G]):
        return np.nan
    z, value = cubic_minimum(
        low[_Z], low[_F], low[_G], high[_Z], high[_F], high[_G]
    )  # fmt: skip
    if value >= best + 0.1 * width * width:
        return np.nan
    nearest = min(z - low[_Z], high[_Z] - z)
    if nearest <= _CLOSE:
        if width <= 0.1:
            return np.nan
        z = min(max(z, low[_Z] + 0.05 * width), high[_Z] - 0.05 * width)
    return z


@compiled
def line_up(values, y, penalty, ends, p, work):
    """Fit at strengths equally far apart, where a minimum may be.

    `values` are those of `visit`, the square without a penalty, and where to start.
    Strengths lie in the workspace from place 1, decreasing. Returns the number of bins,
    of strengths, and the smallest criterion.
    """
    floor, constants, n_points, free, start = values
    curve = work.curve
    free = np.log(max(free, floor))
    best, k, z = np.inf, 0, min(max(start, ends[0]), ends[1])
    # Upwards until residuals alone are too large.
    while True:
        k += 1
        p = visit(z, k, values[:3], y, penalty, p, work)
        best = min(best, curve[k, _F])
        if z >= ends[1] or curve[k, _R] >= best:
            break
        z = min(z + _STRIDE, ends[1])
    # In the order of the stack: the weakest is visited first.
    for a in range(1, (k + 1) // 2 + 1):
        move(a, 0, work)
        move(k + 1 - a, a, work)
        move(0, k + 1 - a, work)
    p, z = 0, curve[k, _Z]
    for j in range(work.x.size):
        if work.sets[k, j]:
            work.passive.P[p] = j
            p += 1
    while z > ends[0]:
        count = max(curve[k, _T] - 1.0, 0.0)
        left = max(1.0 - (constants + count) / n_points, SATURATED)
        if free - 2.0 * np.log(left) >= best:
            break
        z = max(z - _STRIDE, ends[0])
        k += 1
        p = visit(z, k, values[:3], y, penalty, p, work)
        best = min(best, curve[k, _F])
    return p, k, best


@compiled
def cross_validated_active(values, y, penalty, ends, p, work):
    """Return bins, log(strength) and number of fits at the minimum of the criterion.

    `values` are those of `line_up`.
    """
    _, constants, n_points, _, start = values
    curve = work.curve
    p, k, best = line_up(values, y, penalty, ends, p, work)
    n_fits, z = k, min(max(start, ends[0]), ends[1])
    for place in range(1, k + 1):
        if curve[place, _F] == best:
            z = curve[place, _Z]
    # The place on the left of the current gap is 0, those on its right are a stack.
    move(k, 0, work)
    k -= 1
    while k > 0:
        new = np.nan
        if n_fits < _MAX_STEPS and k < curve.shape[0] - 1:
            new = between(0, k, best, constants, n_points, work)
        if np.isnan(new):
            move(k, 0, work)
            k -= 1
            continue
        k += 1
        p = visit(new, k, values[:3], y, penalty, p, work)
        n_fits += 1
        if curve[k, _F] < best:
            best, z = curve[k, _F], new
    p, _ = fit_strength(np.exp(z), y, penalty, p, work)
    return p, z, n_fits + 1
