"""Scans of pairs of nodes: where the sum of two signals may have its minimum."""

import numpy as np

from ..utils._compiled import compiled
from ._numba_line_scan import summit
from ._numba_types import FAST

# Largest product of unit signals, so that those alike up to rounding make no huge
# energy.
_ALIKE = 1.0 - 1e-9


@compiled(fastmath=FAST, allocates=True)
def scan_pair(Y, products, grid, margins, work, starts, there):
    """Write the best pairs of nodes of the sum of two signals, best first.

    products (n, C, G) are those of Y with the unit signals of the nodes. Starts take
    both places in nodes. Amplitudes of real data are not negative. Each row of pairs
    has one best partner, and rows are compared. `there` (n, G (G + 1) / 2) are the
    products of the unit signals with themselves and later ones at the points of each
    voxel; it has no rows where all points are there.
    """
    gram, inverse, allowed = grid
    energies, rows, partner, size = work
    n, n_channels, n_points = Y.shape
    n_nodes = size.size
    is_holed = there.shape[0] > 0
    if is_holed:
        gram, inverse = np.empty((1, n_nodes)), np.empty((1, n_nodes))
    for v in range(n):
        if is_holed:
            norms_there(there, v, size)
            for c in range(n_channels):
                for g in range(n_nodes):
                    products[v, c, g] *= size[g]
        energy = 0.0
        for c in range(n_channels):
            for i in range(n_points):
                energy += Y[v, c, i] * Y[v, c, i]
        top = 0.0
        for g in range(n_nodes):
            h = g
            if is_holed:
                h = 0
                row_there(there, v, g, size, gram, inverse)
            after = max(g + 1, allowed[1, 0])
            count = max(allowed[1, 1] - after, 0)
            if g < allowed[0, 0] or g >= allowed[0, 1]:
                count = 0
            if n_channels == 1:
                first = products[v, 0, g]
                alone = max(first, 0.0) ** 2
                for k in range(count):
                    second = products[v, 0, after + k]
                    r = gram[h, after + k]
                    p, q = first - r * second, second - r * first
                    value = (first * p + second * q) * inverse[h, after + k]
                    single = max(second, 0.0) ** 2
                    single = max(single, alone)
                    energies[k] = value if p > 0.0 and q > 0.0 else single
            else:
                for k in range(count):
                    r = gram[h, after + k]
                    value = 0.0
                    for c in range(2):
                        first, second = products[v, c, g], products[v, c, after + k]
                        value += first * (first - r * second)
                        value += second * (second - r * first)
                    energies[k] = value * inverse[h, after + k]
            best = 0.0
            for k in range(count):
                best = max(best, energies[k])
            rows[g], partner[g] = best, allowed[1, 0]
            for k in range(count):
                if energies[k] == best:
                    shift, gain = 0.0, 0.0
                    if 0 < k < count - 1:
                        shift, gain = summit(energies[k - 1], best, energies[k + 1])
                    # A ridge between the nodes would look like several maxima.
                    rows[g], partner[g] = best + gain, after + k + shift
                    break
            top = max(top, rows[g])
        depth = margins.depth * energy
        _take_rows(rows, partner, top - margins.row * energy, depth, starts, v)


@compiled
def _take_rows(rows, partner, least, depth, starts, v):
    """Write the pairs of the rows that are local maxima, best first.

    Of two maxima without a valley of this depth between them the higher one counts.
    """
    start, node = starts
    n_kept = node.shape[1]
    for k in range(n_kept):
        node[v, k] = -1
    found = 0
    n_rows = rows.size - 1
    peak, valley = 0, 0
    for g in range(n_rows):
        if rows[g] > rows[peak]:
            peak, valley = g, g
        if rows[g] < rows[valley]:
            valley = g
        # The peak is over where a valley follows, or the end.
        falls = rows[valley] < rows[peak] - depth
        rises = rows[g] > rows[valley] + depth
        if g < n_rows - 1 and not (falls and rises):
            continue
        if rows[peak] >= least:
            k = min(found, n_kept - 1)
            if found < n_kept or rows[node[v, k]] < rows[peak]:
                while k > 0 and rows[node[v, k - 1]] < rows[peak]:
                    node[v, k] = node[v, k - 1]
                    k -= 1
                node[v, k] = peak
                found = min(found + 1, n_kept)
        peak, valley = g, g
    for k in range(found):
        g = node[v, k]
        start[v, k, 0], start[v, k, 1] = g, partner[g]
        if 0 < g < n_rows - 1:
            shift, _ = summit(rows[g - 1], rows[g], rows[g + 1])
            step = partner[g + 1] - partner[g] if shift > 0.0 else partner[g]
            if shift <= 0.0:
                step -= partner[g - 1]
            if abs(step) <= 2.0:
                start[v, k, 0] += shift
                start[v, k, 1] += shift * step


@compiled
def norms_there(there, v, size):
    """Write one over the norms of unit signals (G,), from their products (n, .)."""
    place = 0
    for g in range(size.size):
        square = there[v, place]
        size[g] = 1.0 / np.sqrt(square) if square > 0.0 else 0.0
        place += size.size - g


@compiled(fastmath=FAST)
def row_there(there, v, g, size, row, inverse):
    """Write the products r of unit signal g with later ones, from those (n, .) given.

    row (1, G) takes them, and inverse (1, G) 1 / (1 - r^2). size (G,) is one over the
    norms.
    """
    low, stop = np.uint64(g + 1), np.uint64(size.size)
    # Rows of pairs have one entry less each.
    begin, own = np.uint64(g * size.size - (g * (g + 1)) // 2), size[g]
    for k in range(low, stop):
        r = there[v, begin + k] * own * size[k]
        r = r if r < _ALIKE else _ALIKE
        r = r if r > -_ALIKE else -_ALIKE
        row[0, k] = r
        inverse[0, k] = 1.0 / (1.0 - r * r)
