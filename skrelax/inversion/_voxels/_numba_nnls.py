"""Non-negative least squares on products of columns (Lawson & Hanson), warm."""

import numpy as np

from ...utils._compiled import compiled
from .._numba_fit import REORDER

# A pivot below this fraction of its diagonal is rounding: the column is a copy.
_DEPENDENT = 1e-14
# Descent, as a fraction of the largest product with the signal, that is rounding.
_ROUNDING = 1e-14


@compiled(fastmath=REORDER)
def project(K, y, c):
    """Write K y into c, for a kernel with bins in its rows."""
    for j in range(K.shape[0]):
        v = 0.0
        for i in range(K.shape[1]):
            v += K[j, i] * y[i]
        c[j] = v


@compiled(fastmath=REORDER)
def products(K, G):
    """Write K K^T into G."""
    n, m = K.shape
    for j in range(n):
        # Four at a time: the row of bin j is read once for them.
        for k in range(0, j - 2, 4):
            u, v, w, x = 0.0, 0.0, 0.0, 0.0
            for i in range(m):
                u += K[j, i] * K[k, i]
                v += K[j, i] * K[k + 1, i]
                w += K[j, i] * K[k + 2, i]
                x += K[j, i] * K[k + 3, i]
            G[j, k], G[j, k + 1], G[j, k + 2], G[j, k + 3] = u, v, w, x
        for k in range((j + 1) // 4 * 4, j + 1):
            u = 0.0
            for i in range(m):
                u += K[j, i] * K[k, i]
            G[j, k] = u
    for j in range(n):
        for k in range(j):
            G[k, j] = G[j, k]


@compiled(fastmath=REORDER)
def misfit(K, y, p, passive, x, r):
    """Write the residual y - K^T x into r and return its square."""
    P, m = passive.P, y.size
    for i in range(m):
        r[i] = y[i]
    for a in range(p):
        j = P[a]
        v = x[j]
        for i in range(m):
            r[i] -= v * K[j, i]
    total = 0.0
    for i in range(m):
        total += r[i] * r[i]
    return total


@compiled(fastmath=REORDER)
def append(H, c, j, p, passive):
    """Add bin j as the p-th; return False if its column depends on the others."""
    P, _, _, R, inverse, z, _ = passive
    left, target = H[j, j], c[j]
    for a in range(p):
        v = H[P[a], j]
        for b in range(a):
            v -= R[a, b] * R[p, b]
        v *= inverse[a]
        R[p, a] = v
        left -= v * v
        target -= v * z[a]
    if not left > _DEPENDENT * H[j, j]:
        return False
    inverse[p] = 1.0 / np.sqrt(left)
    R[p, p] = left * inverse[p]
    z[p] = target * inverse[p]
    P[p] = j
    return True


@compiled
def refactor(H, c, start, p, passive):
    """Factor anew from a place on, without columns that depend; return their number."""
    P, inside = passive.P, passive.inside
    q = start
    for a in range(start, p):
        j = P[a]
        inside[j] = append(H, c, j, q, passive)
        if inside[j]:
            q += 1
    return q


@compiled(fastmath=REORDER)
def back_substitute(p, passive, target, s):
    """Solve R^T s = target."""
    R, inverse = passive.R, passive.inverse
    for a in range(p):
        s[a] = target[a]
    for a in range(p - 1, -1, -1):
        v = s[a] * inverse[a]
        s[a] = v
        for b in range(a):
            s[b] -= R[a, b] * v


@compiled(fastmath=REORDER)
def solve(p, passive, target, s):
    """Solve R R^T s = target, for a vector over the bins with an amplitude."""
    R, inverse = passive.R, passive.inverse
    for a in range(p):
        v = target[a]
        for b in range(a):
            v -= R[a, b] * s[b]
        s[a] = v * inverse[a]
    back_substitute(p, passive, s, s)


@compiled
def _drop(H, c, p, passive, x):
    """Take out the bins without a positive amplitude of s; return what is left."""
    P, inside, s = passive.P, passive.inside, passive.s
    q, first = 0, -1
    for a in range(p):
        j = P[a]
        if s[a] > 0.0:
            P[q] = j
            q += 1
        else:
            inside[j] = False
            x[j] = 0.0
            if first < 0:
                first = a
    return refactor(H, c, first, q, passive)


@compiled
def _step(p, passive, x):
    """Move x towards s until a bin is empty, and mark the empty ones in s."""
    P, s = passive.P, passive.s
    step, leaving = 1.0, -1
    for a in range(p):
        if not s[a] > 0.0:
            u = x[P[a]]
            t = u / (u - s[a]) if u > s[a] else 0.0
            if leaving < 0 or t < step:
                step, leaving = t, a
    for a in range(p):
        j = P[a]
        v = x[j] + step * (s[a] - x[j])
        empty = a == leaving or (not s[a] > 0.0 and not v > 0.0)
        x[j] = 0.0 if empty else max(v, 0.0)
        s[a] = -1.0 if empty else 1.0


@compiled(fastmath=REORDER)
def _descents(H, c, p, passive, x, w):
    """Write the descent c - H x into w and return where it is largest, or -1."""
    P, inside, waiting = passive.P, passive.inside, passive.waiting
    n = c.size
    size = 0.0
    for j in range(n):
        w[j] = c[j]
        size = max(size, abs(c[j]))
    for a in range(p):
        k = P[a]
        v = x[k]
        for j in range(n):
            w[j] -= v * H[k, j]
    best, found = _ROUNDING * size, -1
    for j in range(n):
        if w[j] > best and not inside[j] and not waiting[j]:
            best, found = w[j], j
    return found


@compiled
def nnls(H, c, p, passive, x, w):
    """Minimise x^T H x / 2 - c^T x over x >= 0, from the first p bins of passive.

    Returns the number of bins with an amplitude, or -1 where no end was found.
    """
    P, inside, waiting, _, _, z, s = passive
    n = c.size
    for j in range(n):
        inside[j] = False
        waiting[j] = False
        x[j] = 0.0
    p = refactor(H, c, 0, p, passive)
    while p > 0:
        back_substitute(p, passive, z, s)
        lowest = s[0]
        for a in range(1, p):
            lowest = min(lowest, s[a])
        if lowest > 0.0:
            break
        p = _drop(H, c, p, passive, x)
    for a in range(p):
        x[P[a]] = s[a]
    for _ in range(10 * n):
        j = _descents(H, c, p, passive, x, w)
        if j < 0:
            return p
        if not append(H, c, j, p, passive):
            waiting[j] = True
            continue
        back_substitute(p + 1, passive, z, s)
        if not s[p] > 0.0:
            # Rounding decides here: the descent promised an amplitude.
            waiting[j] = True
            continue
        inside[j] = True
        p += 1
        while p > 0:
            lowest = s[0]
            for a in range(1, p):
                lowest = min(lowest, s[a])
            if lowest > 0.0:
                break
            _step(p, passive, x)
            p = _drop(H, c, p, passive, x)
            back_substitute(p, passive, z, s)
        for a in range(p):
            x[P[a]] = s[a]
        for k in range(n):
            waiting[k] = False
    return -1


@compiled(fastmath=REORDER)
def penalise(G, penalty, strength, H):
    """Write G + strength L into H."""
    L, width, _ = penalty
    n = G.shape[0]
    for j in range(n):
        for k in range(n):
            H[j, k] = G[j, k]
        for k in range(max(0, j - width), min(n, j + width + 1)):
            H[j, k] += strength * L[j, k]
