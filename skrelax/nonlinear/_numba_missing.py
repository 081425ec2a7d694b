"""Points that are missing in a voxel: what loops leave out.

Signals are zero there. `there` (n, N) holds ones, and zeros where points are missing;
it has no rows where all points of all voxels are there. Loops copy the row of a voxel
to w (N,), which then has no entries.
"""

import numpy as np

from ..utils._compiled import compiled
from ._numba_types import FAST, WIDTH

# Two signals are parallel where the determinant of their products is this fraction.
_PARALLEL = 1e-13


@compiled
def take_row(there, v, w):
    """Write which points of a voxel are there to w (N,)."""
    for i in range(w.size):
        w[i] = there[v, i]


@compiled(fastmath=FAST)
def blank(w, rows):
    """Set rows (R, N) to zero where points are missing."""
    for r in range(rows.shape[0]):
        for i in range(w.size):
            rows[r, i] *= w[i]


@compiled(fastmath=FAST)
def blank_signal(w, signals, row):
    """Set signals[:, row] (D, R, N) to zero where points are missing."""
    for d in range(signals.shape[0]):
        for i in range(w.size):
            signals[d, row, i] *= w[i]


@compiled(fastmath=FAST)
def squares_there(M, cell, w, out):
    """Write the powers of x (1, 11) of the sum of squares in a cell of M (., 6, N)."""
    s0, s1, s2, s3, s4, s5 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    s6, s7, s8, s9, s10 = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(w.size):
        a, b, c = w[i] * M[cell, 0, i], w[i] * M[cell, 1, i], w[i] * M[cell, 2, i]
        d, e, f = w[i] * M[cell, 3, i], w[i] * M[cell, 4, i], w[i] * M[cell, 5, i]
        s0 += a * a
        s1 += 2.0 * a * b
        s2 += 2.0 * a * c + b * b
        s3 += 2.0 * (a * d + b * c)
        s4 += 2.0 * (a * e + b * d) + c * c
        s5 += 2.0 * (a * f + b * e + c * d)
        s6 += 2.0 * (b * f + c * e) + d * d
        s7 += 2.0 * (c * f + d * e)
        s8 += 2.0 * d * f + e * e
        s9 += 2.0 * e * f
        s10 += f * f
    out[0, 0], out[0, 1], out[0, 2], out[0, 3] = s0, s1, s2, s3
    out[0, 4], out[0, 5], out[0, 6], out[0, 7] = s4, s5, s6, s7
    out[0, 8], out[0, 9], out[0, 10] = s8, s9, s10


@compiled
def invert_pair(a, b, c):
    """Return the entries of the inverse of [[a, b], [b, c]].

    Of two signals that are parallel the larger one counts.
    """
    determinant = a * c - b * b
    if determinant > _PARALLEL * a * c:
        return c / determinant, -b / determinant, a / determinant
    if a >= c:
        return (1.0 / a if a > 0.0 else 0.0), 0.0, 0.0
    return 0.0, 0.0, 1.0 / c


@compiled(fastmath=FAST)
def energies_there(Y, v, Q, w, g, sums, acc):
    """Write the energies of a signal at WIDTH nodes from g, of the points there.

    Q (L, N, G) are signals of one or two amplitudes; sums (5, WIDTH) is a workspace.
    """
    n_channels, n_points = Y.shape[1:]
    for r in range(2, 5):
        for j in range(WIDTH):
            sums[r, j] = 0.0
    second = Q.shape[0] - 1
    for i in range(n_points):
        for j in range(WIDTH):
            sums[2, j] += w[i] * Q[0, i, g + j] * Q[0, i, g + j]
    if second > 0:
        for i in range(n_points):
            for j in range(WIDTH):
                sums[3, j] += w[i] * Q[0, i, g + j] * Q[1, i, g + j]
                sums[4, j] += w[i] * Q[1, i, g + j] * Q[1, i, g + j]
    for j in range(WIDTH):
        acc[g + j] = 0.0
        sums[2, j], sums[3, j], sums[4, j] = invert_pair(
            sums[2, j], sums[3, j], sums[4, j]
        )
    for c in range(n_channels):
        for k in range(second + 1):
            for j in range(WIDTH):
                sums[k, j] = 0.0
            for i in range(n_points):
                y = Y[v, c, i]
                for j in range(WIDTH):
                    sums[k, j] += y * Q[k, i, g + j]
        for j in range(WIDTH):
            p, q = sums[0, j], sums[second, j]
            energy = sums[2, j] * p * p
            if second > 0:
                energy += 2.0 * sums[3, j] * p * q + sums[4, j] * q * q
            acc[g + j] += max(energy, 0.0)


@compiled(fastmath=FAST)
def gram_there(units, w, gram, inverse, size):
    """Write products of unit signals (N, G) at the points there, and 1 / (1 - r^2).

    size (G,) takes the norms of the signals there, by which the products r are divided;
    those above the diagonal are written.
    """
    n_points, n_nodes = units.shape
    for g in range(n_nodes):
        size[g] = 0.0
        for k in range(g, n_nodes):
            gram[g, k] = 0.0
    for i in range(n_points):
        if w[i] > 0.0:
            for g in range(n_nodes):
                u = units[i, g]
                size[g] += u * u
                for k in range(g + 1, n_nodes):
                    gram[g, k] += u * units[i, k]
    for g in range(n_nodes):
        size[g] = 1.0 / np.sqrt(size[g]) if size[g] > 0.0 else 0.0
    for g in range(n_nodes):
        for k in range(g + 1, n_nodes):
            # Signals alike up to rounding must not give a pair a huge energy.
            r = min(max(gram[g, k] * size[g] * size[k], 1e-9 - 1.0), 1.0 - 1e-9)
            gram[g, k] = r
            inverse[g, k] = 1.0 / (1.0 - r * r)
