"""Scans of a grid of two nonlinear parameters: where the minimum may be."""

import numpy as np

from ..utils._compiled import compiled
from ._numba_missing import take_row
from ._numba_types import FAST


@compiled(fastmath=FAST, allocates=True)
def scan_plane(Y, energies, grid, margin, work, node, there):
    """Write the best nodes (n, K, 2) of a grid, best first; -1 where there are fewer.

    energies (n, C_1 * n_second) are those of y / |y| at every other node. Around their
    local maxima within margin of the largest, all nodes are looked at.
    """
    Q, n_second = grid
    peak = work.peak
    n_coarse = energies.shape[1]
    n_first = n_coarse // n_second
    peak[:] = False
    eight = peak.view(np.uint64)
    # Positive floats are ordered like their bits, whose maximum LLVM finds by SIMD.
    bits = energies.view(np.int32)
    highest = np.empty(1, dtype=np.int32)
    best = highest.view(np.float32)
    for v in range(Y.shape[0]):
        take_row(there, v, work.w)
        most = bits[v, 0]
        for m in range(n_coarse):
            most = max(most, bits[v, m])
        highest[0] = most
        least = best[0] - np.float32(margin)
        for m in range(n_coarse):
            peak[m] = energies[v, m] >= least
        for k in range(node.shape[1]):
            node[v, k, 0], node[v, k, 1] = -1, -1
        found = 0
        for word in range(eight.size):
            if eight[word] == 0:
                continue
            for m in range(8 * word, min(8 * word + 8, n_coarse)):
                if not peak[m]:
                    continue
                i, j = m // n_second, m % n_second
                top = energies[v, m]
                highest_near = True
                for p in range(max(i - 1, 0), min(i + 2, n_first)):
                    for q in range(max(j - 1, 0), min(j + 2, n_second)):
                        other = energies[v, p * n_second + q]
                        # Of equal neighbours the first one counts.
                        before = p < i or (p == i and q < j)
                        if other > top or (other == top and before):
                            highest_near = False
                if highest_near:
                    found = _take_best(Y, v, Q, i, j, work, node, found)


@compiled(fastmath=FAST)
def _take_best(Y, v, Q, i, j, work, node, found):
    """Insert the best node around the coarse node (i, j); return their number."""
    value, w = work.value, work.w
    n_channels, n_points = Y.shape[1:]
    n_kept = node.shape[1]
    top, first, second = -1.0, 0, 0
    for p in range(max(2 * i - 2, 0), min(2 * i + 3, Q.shape[0])):
        for q in range(max(2 * j - 2, 0), min(2 * j + 3, Q.shape[1])):
            total = 0.0
            for c in range(n_channels):
                s = 0.0
                for m in range(n_points):
                    s += Y[v, c, m] * Q[p, q, m]
                total += s * s
            if w.size > 0:
                size = 0.0
                for m in range(n_points):
                    size += w[m] * Q[p, q, m] * Q[p, q, m]
                total = total / size if size > 0.0 else 0.0
            if total > top:
                top, first, second = total, p, q
    for k in range(found):
        # Two coarse nodes of one ridge may lead to the same place.
        if abs(node[v, k, 0] - first) <= 1 and abs(node[v, k, 1] - second) <= 1:
            if top > value[k]:
                value[k], node[v, k, 0], node[v, k, 1] = top, first, second
            return found
    k = min(found, n_kept - 1)
    if found == n_kept and value[k] >= top:
        return found
    while k > 0 and value[k - 1] < top:
        value[k] = value[k - 1]
        node[v, k, 0], node[v, k, 1] = node[v, k - 1, 0], node[v, k - 1, 1]
        k -= 1
    value[k] = top
    node[v, k, 0], node[v, k, 1] = first, second
    return min(found + 1, n_kept)
