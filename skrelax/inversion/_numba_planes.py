"""Blocks of the Hessian of a smooth LASSO on few bins of a grid, and their factors.

The factor of the penalty alone is a skyline: each row holds what lies between its
first entry and the diagonal, and fills nowhere else.
"""

from typing import NamedTuple

import numpy as np

from ..utils._compiled import compiled
from ._numba_fit import REORDER


class Skyline(NamedTuple):
    """Lower triangle of a symmetric matrix, row by row up to the diagonal."""

    first: np.ndarray
    """Column of the first entry of each row, (n,)."""
    start: np.ndarray
    """Where the rows begin in the values, (n + 1,)."""
    values: np.ndarray
    """The values."""


@compiled
def gather_block(gram, places, bins, place_of, roughness, H):
    """Write gram[places, places] + smoothness L[bins, bins] into H (p, p).

    place_of[j] is the number of bin j among the bins, or negative.
    """
    smoothness, indptr, indices, data = roughness
    for a in range(places.size):
        row = gram[places[a]]
        for b in range(places.size):
            H[a, b] = row[places[b]]
        for p in range(indptr[bins[a]], indptr[bins[a] + 1]):
            b = place_of[indices[p]]
            if b >= 0:
                H[a, b] += smoothness * data[p]


@compiled(fastmath=REORDER)
def rough_product(roughness, f, out):
    """Write smoothness L f into out, and return f' smoothness L f."""
    smoothness, indptr, indices, data = roughness
    total = 0.0
    for a in range(f.size):
        v = 0.0
        for p in range(indptr[a], indptr[a + 1]):
            v += data[p] * f[indices[p]]
        out[a] = smoothness * v
        total += f[a] * out[a]
    return total


@compiled
def outline(bins, place_of, roughness, first):
    """Write the column of the first entry of each row of L[bins, bins]."""
    indptr, indices = roughness.indptr, roughness.indices
    for a in range(bins.size):
        first[a] = a
        for p in range(indptr[bins[a]], indptr[bins[a] + 1]):
            b = place_of[indices[p]]
            if 0 <= b < first[a]:
                first[a] = b


@compiled
def fill(bins, place_of, roughness, ridge, skyline):
    """Write smoothness L[bins, bins] + ridge into the values of a Skyline."""
    first, start, values = skyline
    smoothness, indptr, indices, data = roughness
    values[:] = 0.0
    for a in range(bins.size):
        for p in range(indptr[bins[a]], indptr[bins[a] + 1]):
            b = place_of[indices[p]]
            if 0 <= b <= a:
                values[start[a] + b - first[a]] += smoothness * data[p]
        values[start[a + 1] - 1] += ridge


@compiled(fastmath=REORDER)
def factorise(skyline):
    """Replace a Skyline by its Cholesky factor; False if not positive definite."""
    first, start, values = skyline
    for i in range(first.size):
        row = values[start[i] : start[i + 1]]
        for j in range(first[i], i + 1):
            other = values[start[j] : start[j + 1]]
            low = max(first[i], first[j])
            v = row[j - first[i]]
            x, y = row[low - first[i] :], other[low - first[j] :]
            w = 0.0
            for t in range(j - low):
                w += x[t] * y[t]
            v -= w
            if j < i:
                row[j - first[i]] = v / other[-1]
            elif v > 0.0:
                row[j - first[i]] = np.sqrt(v)
            else:
                return False
    return True


@compiled(fastmath=REORDER)
def forward(skyline, B):
    """Replace the rows of B (n, k) by factor^-1 B."""
    first, start, values = skyline
    n, k = B.shape
    for i in range(n):
        j = first[i]
        row = start[i] - j
        # Four rows at a time: storing the sums is what costs.
        while j + 4 <= i:
            v, w = values[row + j], values[row + j + 1]
            x, y = values[row + j + 2], values[row + j + 3]
            for c in range(k):
                B[i, c] -= (
                    v * B[j, c] + w * B[j + 1, c] + x * B[j + 2, c] + y * B[j + 3, c]
                )
            j += 4
        while j < i:
            v = values[row + j]
            for c in range(k):
                B[i, c] -= v * B[j, c]
            j += 1
        v = 1.0 / values[start[i + 1] - 1]
        for c in range(k):
            B[i, c] *= v


@compiled(fastmath=REORDER)
def forward_one(skyline, x):
    """Replace x (n,) by factor^-1 x."""
    first, start, values = skyline
    for i in range(first.size):
        row = values[start[i] : start[i + 1]]
        known = x[first[i] : i]
        v = 0.0
        for t in range(known.size):
            v += row[t] * known[t]
        x[i] = (x[i] - v) / row[-1]


@compiled
def backward(skyline, x):
    """Replace x (n,) by factor^-T x."""
    first, start, values = skyline
    for i in range(first.size - 1, -1, -1):
        x[i] /= values[start[i + 1] - 1]
        v = x[i]
        for j in range(first[i], i):
            x[j] -= values[start[i] + j - first[i]] * v


@compiled
def peaks(w, threshold, near, out):
    """Mark bins where w is above the threshold and not below w of any neighbour.

    `near` holds the neighbours of each bin, (n_bins, n_near), those that are missing
    as the bin itself. Of equal neighbours the first counts.
    """
    for j in range(w.size):
        out[j] = w[j] > threshold
        if out[j]:
            for p in range(near.shape[1]):
                i = near[j, p]
                if w[i] > w[j] or (w[i] == w[j] and i < j):
                    out[j] = False
                    break
