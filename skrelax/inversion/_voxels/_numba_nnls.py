"""Non-negative least squares on products of columns (Lawson & Hanson), warm."""

import numpy as np

from ...utils._compiled import compiled
from .._numba_fit import REORDER

# A pivot below this fraction of its diagonal is rounding: the column is a copy.
DEPENDENT = 1e-14
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
def solve(p, passive, target, s):
    """Solve R R^T s = target, for a vector over the bins with an amplitude."""
    R, inverse = passive.R, passive.inverse
    for a in range(p):
        v = target[a]
        for b in range(a):
            v -= R[a, b] * s[b]
        s[a] = v * inverse[a]
    for a in range(p - 1, -1, -1):
        v = s[a] * inverse[a]
        s[a] = v
        for b in range(a):
            s[b] -= R[a, b] * v


@compiled(fastmath=REORDER)
def nnls(H, c, p, passive, x, w):
    """Minimise x^T H x / 2 - c^T x over x >= 0, from the first p bins of passive.

    Returns the number of bins with an amplitude, or -1 where no end was found. All is
    in one loop: calls would count references of arrays, which takes as long as this.
    """
    P, inside, waiting, R, inverse, z, s = passive
    n = c.size
    size = 0.0
    for j in range(n):
        inside[j] = waiting[j] = False
        x[j] = 0.0
        size = max(size, abs(c[j]))
    # Columns P[first:stop] are to be factored; the last one may be a bin that enters.
    first, stop, enters, starts = 0, p, False, True
    for _ in range(20 * n):
        q = first
        for column in range(first, stop):
            j = P[column]
            left, target = H[j, j], c[j]
            for a in range(q):
                v = H[P[a], j]
                for b in range(a):
                    v -= R[a, b] * R[q, b]
                v *= inverse[a]
                R[q, a] = v
                left -= v * v
                target -= v * z[a]
            inside[j] = left > DEPENDENT * H[j, j]
            if inside[j]:
                inverse[q] = 1.0 / np.sqrt(left)
                R[q, q] = left * inverse[q]
                z[q] = target * inverse[q]
                P[q] = j
                q += 1
            else:
                x[j] = 0.0
                waiting[j] = enters
        refused = enters and q < stop
        p = q
        for a in range(p):
            s[a] = z[a]
        lowest = np.inf
        for a in range(p - 1, -1, -1):
            v = s[a] * inverse[a]
            s[a] = v
            lowest = min(lowest, v)
            for b in range(a):
                s[b] -= R[a, b] * v
        if enters and not refused and not s[p - 1] > 0.0:
            # Rounding decides here: the descent promised an amplitude.
            refused = True
            p -= 1
            inside[P[p]], waiting[P[p]] = False, True
        if not refused:
            if not lowest > 0.0:
                # Towards s until a bin is empty; at the start those without leave.
                step, leaving = 1.0, -1
                if not starts:
                    for a in range(p):
                        if not s[a] > 0.0:
                            u = x[P[a]]
                            t = u / (u - s[a]) if u > s[a] else 0.0
                            if leaving < 0 or t < step:
                                step, leaving = t, a
                q, first = 0, -1
                for a in range(p):
                    j = P[a]
                    v = x[j] + step * (s[a] - x[j])
                    if a == leaving or not (s[a] > 0.0 or v > 0.0):
                        inside[j] = False
                        x[j] = 0.0
                        if first < 0:
                            first = a
                    else:
                        x[j] = 0.0 if starts else max(v, 0.0)
                        P[q] = j
                        q += 1
                stop, enters = q, False
                continue
            for a in range(p):
                x[P[a]] = s[a]
            if enters:
                for j in range(n):
                    waiting[j] = False
        starts = False
        for j in range(n):
            w[j] = c[j]
        for a in range(p):
            k = P[a]
            v = x[k]
            for j in range(n):
                w[j] -= v * H[k, j]
        best, j_best = _ROUNDING * size, -1
        for j in range(n):
            if w[j] > best and not inside[j] and not waiting[j]:
                best, j_best = w[j], j
        if j_best < 0:
            return p
        P[p] = j_best
        first, stop, enters = p, p + 1, True
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
