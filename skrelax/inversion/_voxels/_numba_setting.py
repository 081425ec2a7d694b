"""The setting of each signal, where the best fit without penalty is closest.

At the best fit the sum of squares follows the setting as if the amplitudes were fixed
(envelope theorem), so each fit gives a slope, too: -2 r^T (dK/dv) x.
"""

import numpy as np

from ...utils._compiled import compiled
from .._numba_fit import REORDER
from ._numba_kernel import columns_at, gram_there, leave_out, own_kernel_at
from ._numba_nnls import DEPENDENT, misfit, nnls, products, project

# The scan ends where sums of squares have risen to this multiple of the smallest.
_HOPELESS = 4.0
# A gap is looked into where a kernel at one of its ends is at most this multiple of
# the best.
_NEAR = 1.03
# Sums of squares at the ends of a gap differ by more than this where it has no minimum
# if both slopes say so.
_STEEP = 1.5
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


@compiled(fastmath=REORDER)
def misfit_there(K, y, p, means, work):
    """Do what `misfit` does, for columns of K as `leave_out` leaves them."""
    P, own, x, r = work.passive.P, work.own, work.x, work.r
    for i in range(y.size):
        r[i] = 0.0
    mean, total = 0.0, 0.0
    for a in range(p):
        j = P[a]
        v = x[j]
        mean += v * means[j]
        for i in range(y.size):
            r[i] += v * K[j, i]
    for i in range(y.size):
        v = y[i] - own[0, i] * r[i] + mean * own[1, i]
        r[i] = v
        total += v * v
    return total


@compiled
def fit_node_there(table, k, y, p, work):
    """Do what `fit_node` does for a signal with missing points."""
    passive, c, x, r, known = work.passive, work.c, work.x, work.r, work.scan
    own, nodes, room = work.own, table.kernels[k], work.t[2:]
    has_baseline = table.root.size > 0
    # Few points are missing: their products are taken off those of all.
    factor, fine = gram_there(table.grams[k], nodes, own, has_baseline, room, work.G)
    if not fine:
        K = work.K
        for j in range(x.size):
            for i in range(y.size):
                K[j, i] = nodes[j, i]
        leave_out(own, x.size, has_baseline, K)
        products(K, work.G)
    # The signal is zero where points are missing, and has no baseline; so is what is
    # left of it.
    project(nodes, y, c)
    for j in range(x.size):
        c[j] *= factor
    p = nnls(work.G, c, p, passive, x, work.w)
    known[k, 0] = np.inf
    if p >= 0:
        known[k, 0] = misfit_there(nodes, y, p, room[0], work)
    p = max(p, 0)
    known[k, 1] = factor * slope_of(table.slopes[k], p, passive.P, x, r)
    known[k, 2] = 1.0
    for j in range(x.size):
        work.found[k, j] = x[j] > 0.0
    return p


@compiled
def fit_node(table, k, y, p, work):
    """Fit at a kernel of the scan; return the number of bins.

    Sum of squares, slope and bins go into work.
    """
    if work.own.shape[1] > 0:
        return fit_node_there(table, k, y, p, work)
    passive, x, r, known = work.passive, work.x, work.r, work.scan
    project(table.kernels[k], y, work.c)
    p = nnls(table.grams[k], work.c, p, passive, x, work.w)
    known[k, 0] = np.inf
    if p >= 0:
        known[k, 0] = misfit(table.kernels[k], y, p, passive, x, r)
    p = max(p, 0)
    known[k, 1] = slope_of(table.slopes[k], p, passive.P, x, r)
    known[k, 2] = 1.0
    for j in range(x.size):
        work.found[k, j] = x[j] > 0.0
    return p


@compiled
def scan(table, y, work):
    """Fit at kernels of the scan; return the number of fits.

    First every few of them, downwards, until sums of squares have risen too far; then
    more between two of which one is nearly the best, for there may be several minima.
    """
    known, step = work.scan, table.step
    last = table.nodes.size - 1
    for k in range(last + 1):
        known[k, 2] = known[k, 3] = 0.0
    p, n_fits, k = 0, 0, last
    best, before, rising = np.inf, np.inf, 0
    while True:
        p = fit_node(table, k, y, p, work)
        square = known[k, 0]
        rising = rising + 1 if n_fits and square > before else 0
        before = square
        best = min(best, square)
        n_fits += 1
        if k == 0 or (rising > 1 and square > _HOPELESS * best):
            break
        k = max(k - step, 0)
    lowest, high = k, last
    while high > lowest:
        low = max(high - step, 0)
        near = min(known[high, 0], known[low, 0]) <= _NEAR * best
        # Noise makes several minima where squares hardly change, not on a slope.
        ratio = known[low, 0] / known[high, 0]
        if ratio > _STEEP and max(known[low, 1], known[high, 1]) < 0.0:
            near = False
        if ratio < 1.0 / _STEEP and min(known[low, 1], known[high, 1]) > 0.0:
            near = False
        if near:
            for k in range(high - table.fine, low, -table.fine):
                p = fit_node(table, k, y, p, work)
                n_fits += 1
        high = low
    return n_fits


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
        root = np.sqrt(root)
        u = 0.0
        if q > 0.0:
            u = -g_a / (q + root)
        elif e != 0.0:
            u = (root - q) / (3.0 * e)
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
    r, K, D, H, Q = work.r, work.columns, work.changes, work.H, work.places
    c = work.t[0]
    P, _, _, R, inverse, z, s = work.passive
    m = y.size
    columns_at(table, setting, p, P, K, D)
    if work.own.shape[1] > 0:
        leave_out(work.own, p, table.root.size > 0, K)
        leave_out(work.own, p, table.root.size > 0, D)
    for a in range(p):
        v = 0.0
        for i in range(m):
            v += K[a, i] * y[i]
        c[a] = v
        for b in range(a + 1):
            v = 0.0
            for i in range(m):
                v += K[a, i] * K[b, i]
            H[a, b] = v
    for a in range(p):
        Q[a] = a
    while p > 0:
        q = 0
        for row in range(p):
            k = Q[row]
            left, target = H[k, k], c[k]
            for a in range(q):
                v = H[k, Q[a]]
                for b in range(a):
                    v -= R[a, b] * R[q, b]
                v *= inverse[a]
                R[q, a] = v
                left -= v * v
                target -= v * z[a]
            if left > DEPENDENT * H[k, k]:
                inverse[q] = 1.0 / np.sqrt(left)
                z[q] = target * inverse[q]
                Q[q] = k
                q += 1
        p = q
        for a in range(p):
            s[a] = z[a]
        q = 0
        for a in range(p - 1, -1, -1):
            v = s[a] * inverse[a]
            s[a] = v
            for b in range(a):
                s[b] -= R[a, b] * v
        for a in range(p):
            if s[a] > 0.0:
                Q[q] = Q[a]
                q += 1
        if q == p:
            break
        p = q
    for i in range(m):
        r[i] = y[i]
    for a in range(p):
        k = Q[a]
        for i in range(m):
            r[i] -= s[a] * K[k, i]
    slope = 0.0
    for a in range(p):
        k = Q[a]
        v = 0.0
        for i in range(m):
            v += r[i] * D[k, i]
        slope -= 2.0 * v * s[a]
        P[a] = P[k]
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
    own_kernel_at(table, setting, work.own, K)
    products(K, work.G)
    project(K, y, work.c)
    p = nnls(work.G, work.c, p, passive, work.x, work.w)
    if p < 0:
        return 0, np.inf
    return p, misfit(K, y, p, passive, work.x, work.r)


@compiled
def refine(table, below, above, y, work):
    """Find the minimum between two kernels of the scan.

    Returns setting and sum of squares, the number of bins and the setting of the fit in
    the workspace, and the number of fits.
    """
    P, known = work.passive.P, work.scan
    low, f_low, g_low = table.nodes[below], known[below, 0], known[below, 1]
    high, f_high, g_high = table.nodes[above], known[above, 0], known[above, 1]
    nearer = above if f_high < f_low else below
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
    known, nodes = work.scan, table.nodes
    last = nodes.size - 1
    total = scan(table, y, work)
    v, best = nodes[last], known[last, 0]
    for k in range(last - 1, -1, -1):
        if known[k, 2] > 0.0 and known[k, 0] < best:
            v, best = nodes[k], known[k, 0]
    p, held = 0, np.nan
    while True:
        promise, below, above = _MARGIN * best, -1, -1
        high = last
        for low in range(last - 1, -1, -1):
            if known[low, 2] == 0.0:
                continue
            # At the ends of the range slopes may be zero by symmetry, and they are
            # where nothing is explained.
            falls = known[low, 1] < 0.0 or low == 0
            falls |= known[low, 1] == 0.0 and known[high, 1] > 0.0
            rises = known[high, 1] > 0.0 or high == last
            rises |= known[high, 1] == 0.0 and known[low, 1] < 0.0
            if falls and rises and known[high, 3] == 0.0:
                _, value = cubic_minimum(
                    nodes[low], known[low, 0], known[low, 1],
                    nodes[high], known[high, 0], known[high, 1],
                )  # fmt: skip
                if value < promise:
                    promise, below, above = value, low, high
            high = low
        if above < 0:
            return v, p, held, total
        known[above, 3] = 1.0
        found, square, p, held, n_fits = refine(table, below, above, y, work)
        total += n_fits
        if square < best:
            v, best = found, square
