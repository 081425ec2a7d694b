"""The setting of each signal, where the best fit without penalty is closest.

At the best fit the sum of squares follows the setting as if the amplitudes were fixed
(envelope theorem), so each fit gives a slope, too: -2 r^T (dK/dv) x.
"""

import numpy as np

from ...utils._compiled import compiled
from .._numba_fit import REORDER
from ._numba_kernel import columns_at, kernel_at
from ._numba_nnls import append, back_substitute, misfit, nnls, products, project

# The scan ends where sums of squares have risen to this multiple of the smallest.
_HOPELESS = 4.0
# Ratio of the largest and the smallest of them below which noise makes many minima, and
# all kernels are scanned.
_FLAT = 2.0
# Distance of two settings, as a fraction of the range, that makes no difference.
_CLOSE = 1e-6
_MAX_ROUNDS = 40
# Minima between kernels of the scan are looked at where a cubic promises at most this
# multiple of the best.
_MARGIN = 1.02


@compiled(fastmath=REORDER)
def slope_of(D, p, P, x, r):
    """Return the slope of the sum of squares, for derivatives D of all columns."""
    total = 0.0
    for a in range(p):
        j = P[a]
        v = 0.0
        for i in range(r.size):
            v += r[i] * D[j, i]
        total += v * x[j]
    return -2.0 * total


@compiled
def scan(table, step, y, work):
    """Fit at each kernel after `step` of the scan, downwards; return their number.

    Also whether sums of squares hardly change. Setting, sum of squares, slope and bins
    of each go into work.
    """
    passive, x, c, w, r = work.passive, work.x, work.c, work.w, work.r
    nodes = table.nodes
    p, n_fits, k = 0, 0, nodes.size - 1
    best, worst, rising = np.inf, 0.0, 0
    while True:
        project(table.kernels[k], y, c)
        p = nnls(table.grams[k], c, max(p, 0), passive, x, w)
        square = np.inf if p < 0 else misfit(table.kernels[k], y, p, passive, x, r)
        work.scan[n_fits, 0] = nodes[k]
        work.scan[n_fits, 1] = square
        work.scan[n_fits, 2] = slope_of(table.slopes[k], max(p, 0), passive.P, x, r)
        for j in range(x.size):
            work.found[n_fits, j] = x[j] > 0.0
        rising = rising + 1 if n_fits and square > work.scan[n_fits - 1, 1] else 0
        best, worst = min(best, square), max(worst, square)
        n_fits += 1
        hopeless = step > 1 and rising > 1 and square > _HOPELESS * best
        if k == 0 or hopeless:
            return n_fits, worst < _FLAT * best
        k = max(k - step, 0)


@compiled
def cubic_minimum(a, f_a, g_a, b, f_b, g_b):
    """Return place and value of the minimum of a cubic within [a, b]."""
    h = b - a
    d = (f_b - f_a) / h
    # f = f_a + g_a t + q t^2 + e t^3 with t from a.
    q = (3.0 * d - 2.0 * g_a - g_b) / h
    e = (g_a + g_b - 2.0 * d) / (h * h)
    t, value = (0.0, f_a) if f_a <= f_b else (h, f_b)
    root = q * q - 3.0 * e * g_a
    if root >= 0.0:
        below = q + np.sqrt(root)
        u = -g_a / below if below > 0.0 else t
        if 0.0 < u < h:
            f = f_a + u * (g_a + u * (q + u * e))
            if f < value:
                t, value = u, f
    return a + t, value


@compiled(fastmath=REORDER)
def fit_columns(table, setting, y, p, work):
    """Fit with the first p bins alone; return their number and the slope.

    Bins whose amplitude would not be positive leave.
    """
    passive, r, K, D, H, c = (
        work.passive, work.r, work.columns, work.changes, work.H, work.t[0]
    )  # fmt: skip
    P, s, m = passive.P, passive.s, y.size
    while p > 0:
        columns_at(table, setting, p, P, K, D)
        q = 0
        for a in range(p):
            v = 0.0
            for i in range(m):
                v += K[a, i] * y[i]
            c[P[a]] = v
            for b in range(a + 1):
                v = 0.0
                for i in range(m):
                    v += K[a, i] * K[b, i]
                H[P[a], P[b]] = v
                H[P[b], P[a]] = v
        for a in range(p):
            if append(H, c, P[a], q, passive):
                for i in range(m):
                    K[q, i] = K[a, i]
                    D[q, i] = D[a, i]
                q += 1
        p = q
        back_substitute(p, passive, passive.z, s)
        q = 0
        for a in range(p):
            if s[a] > 0.0:
                P[q] = P[a]
                q += 1
        if q == p:
            break
        p = q
    slope = 0.0
    for i in range(m):
        r[i] = y[i]
    for a in range(p):
        for i in range(m):
            r[i] -= s[a] * K[a, i]
    for a in range(p):
        v = 0.0
        for i in range(m):
            v += r[i] * D[a, i]
        slope -= 2.0 * v * s[a]
    return p, slope


@compiled
def follow(table, start, curvature, bracket, y, p, work):
    """Follow the bins in use to where their slope is zero.

    It stays within the bracket. Returns their number, the place, and whether the slope
    is zero there.
    """
    low, high = bracket
    close = 30.0 * _CLOSE * (table.nodes[-1] - table.nodes[0])
    before, slope_before, v = start, 0.0, start
    for k in range(12):
        p, slope = fit_columns(table, v, y, p, work)
        if k > 0 and v != before:
            curvature = (slope - slope_before) / (v - before)
        before, slope_before = v, slope
        if not curvature > 0.0:
            v = high if slope < 0.0 else low
        else:
            v -= slope / curvature
        # Half way to an end at most: there a slope may be zero by symmetry, at a
        # maximum, too.
        v = min(max(v, 0.5 * (before + low)), 0.5 * (before + high))
        if abs(v - before) <= close:
            return p, v, True
    return p, v, False


@compiled
def fit_at(table, setting, y, p, work):
    """Fit at a setting; return the number of bins and the sum of squares."""
    passive, K = work.passive, work.K
    kernel_at(table, setting, K)
    products(K, work.G)
    project(K, y, work.c)
    p = nnls(work.G, work.c, p, passive, work.x, work.w)
    if p < 0:
        return 0, np.inf
    return p, misfit(K, y, p, passive, work.x, work.r)


@compiled
def refine(table, q, y, work):
    """Find the minimum between kernels q + 1 and q of the scan.

    Returns setting and sum of squares, the number of bins and the setting of the fit in
    the workspace, and the number of fits.
    """
    P, known = work.passive.P, work.scan
    low, f_low, g_low = known[q + 1, 0], known[q + 1, 1], known[q + 1, 2]
    high, f_high, g_high = known[q, 0], known[q, 1], known[q, 2]
    nearer = q if f_high < f_low else q + 1
    p = 0
    for j in range(work.x.size):
        if work.found[nearer, j]:
            P[p] = j
            p += 1
    nodes = table.nodes
    close = _CLOSE * (nodes[-1] - nodes[0])
    v, _ = cubic_minimum(low, f_low, g_low, high, f_high, g_high)
    edge = 0.05 * (high - low)
    best_v, best = (low, f_low) if f_low < f_high else (high, f_high)
    n_fits, held = 0, np.nan
    while n_fits < _MAX_ROUNDS and high - low > close:
        start = min(max(v, low + edge), high - edge)
        curvature = (g_high - g_low) / (high - low)
        p, v, there = follow(table, start, curvature, (low, high), y, p, work)
        near = min(v - low, high - v) < 1e-3 * (high - low)
        if near and nodes[0] < low and high < nodes[-1]:
            # Other bins will be in use there: their minimum is within.
            v, there = start, False
        n_before = p
        for a in range(p):
            work.t[1, a] = P[a]
        p, square = fit_at(table, v, y, p, work)
        n_fits += 1
        held = v
        if square < best:
            best_v, best = v, square
        same = there and p == n_before
        for a in range(p):
            same = same and work.t[1, a] == P[a]
        if same:
            # The bins whose slope is zero here are those of the best fit.
            break
        p, slope = fit_columns(table, v, y, p, work)
        if abs(slope) <= 10.0 * close * abs(curvature):
            break
        if slope > 0.0:
            high, f_high, g_high = v, square, slope
        else:
            low, f_low, g_low = v, square, slope
        if high > low:
            v, _ = cubic_minimum(low, f_low, g_low, high, f_high, g_high)
            edge = 0.01 * (high - low)
    return best_v, best, p, held, n_fits


@compiled
def find_setting(table, y, work):
    """Return the setting of a signal, after the best of all minima.

    Also the number of bins and the setting of the fit in the workspace, and the number
    of fits.
    """
    known = work.scan
    n_scan, is_flat = scan(table, table.step, y, work)
    total = n_scan
    if is_flat:
        n_scan, _ = scan(table, 1, y, work)
        total += n_scan
    v, best = known[0, 0], known[0, 1]
    for q in range(n_scan):
        known[q, 3] = 0.0
        if known[q, 1] < best:
            v, best = known[q, 0], known[q, 1]
    p, held = 0, np.nan
    while True:
        promise, place = _MARGIN * best, -1
        for q in range(n_scan - 1):
            low, f_low, g_low = known[q + 1, 0], known[q + 1, 1], known[q + 1, 2]
            high, f_high, g_high = known[q, 0], known[q, 1], known[q, 2]
            # At the ends of the range slopes may be zero by symmetry.
            falls = g_low < 0.0 or low <= table.nodes[0]
            rises = g_high > 0.0 or high >= table.nodes[-1]
            if known[q, 3] > 0.0 or not (falls and rises):
                continue
            _, value = cubic_minimum(low, f_low, g_low, high, f_high, g_high)
            if value < promise:
                promise, place = value, q
        if place < 0:
            return v, p, held, total
        known[place, 3] = 1.0
        found, square, p, held, n_fits = refine(table, place, y, work)
        total += n_fits
        if square < best:
            v, best = found, square
