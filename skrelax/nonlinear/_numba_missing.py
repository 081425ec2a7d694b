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
# Share of the square of a signal that must be left where others are taken off it.
_LEAST_LEFT = 1e-6
# Largest product of unit signals, so that those alike up to rounding make no huge
# energy.
_ALIKE = 1.0 - 1e-9


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
def energies_there(Y, v, grid, w, g, sums, acc):
    """Write the energies of a signal at WIDTH nodes from g, of the points there.

    The basis of the LineGrid has one or two signals; sums (5, WIDTH) is a workspace.
    """
    Q, squares = grid.basis, grid.squares
    n_channels, n_points = Y.shape[1:]
    second = Q.shape[0] - 1
    n_products = squares.shape[0]
    # What is missing is taken off products of an orthonormal basis, where enough of
    # them is left: few points are missing as a rule.
    for j in range(WIDTH):
        sums[2, j], sums[3, j], sums[4, j] = 1.0, 0.0, 1.0
    for i in range(n_points):
        if w[i] == 0.0:
            for k in range(n_products):
                for j in range(WIDTH):
                    sums[2 + k, j] -= squares[k, i, g + j]
    least = 1.0
    for j in range(WIDTH):
        least = min(least, sums[2, j] * sums[4, j] - sums[3, j] * sums[3, j])
    if not least > _LEAST_LEFT:
        for k in range(n_products):
            for j in range(WIDTH):
                sums[2 + k, j] = 0.0
            for i in range(n_points):
                if w[i] > 0.0:
                    for j in range(WIDTH):
                        sums[2 + k, j] += squares[k, i, g + j]
    if second == 0:
        for j in range(WIDTH):
            sums[2, j] = 1.0 / sums[2, j] if sums[2, j] > 0.0 else 0.0
    else:
        for j in range(WIDTH):
            sums[2, j], sums[3, j], sums[4, j] = invert_pair(
                sums[2, j], sums[3, j], sums[4, j]
            )
    for j in range(WIDTH):
        acc[g + j] = 0.0
    for c in range(n_channels):
        for k in range(second + 1):
            for j in range(WIDTH):
                sums[k, j] = 0.0
            for i in range(n_points):
                y = Y[v, c, i]
                for j in range(WIDTH):
                    sums[k, j] += y * Q[k, i, g + j]
        if second == 0:
            for j in range(WIDTH):
                acc[g + j] += sums[2, j] * sums[0, j] * sums[0, j]
        else:
            for j in range(WIDTH):
                p, q = sums[0, j], sums[1, j]
                energy = (sums[2, j] * p + 2.0 * sums[3, j] * q) * p
                acc[g + j] += max(energy + sums[4, j] * q * q, 0.0)


@compiled
def list_points(there, v, missing, rest):
    """Write the points that a voxel lacks, and the others, (N + 8,) each.

    What follows them is N, for the row of zeros below unit signals. Returns how many
    are missing.
    """
    n_points, n_missing = there.shape[1], 0
    for i in range(n_points):
        # Without branches, which dropouts would make a guess of.
        missing[n_missing] = i
        rest[i - n_missing] = i
        n_missing += there[v, i] == 0.0
    for k in range(8):
        missing[n_missing + k] = n_points
        rest[n_points - n_missing + k] = n_points
    return n_missing


@compiled(fastmath=FAST)
def norms_there(units, missing, rest, n_missing, size):
    """Write one over the norms of unit signals (N + 1, G) at the points there to size.

    Returns whether what is missing was taken off what there is, which must be few
    points and leave enough.
    """
    n_points = units.shape[0] - 1
    stop = np.uint64(size.size)
    takes_off = 2 * n_missing <= n_points
    if takes_off:
        for g in range(stop):
            size[g] = 1.0
        for k in range(n_missing):
            i = missing[k]
            for g in range(stop):
                size[g] -= units[i, g] * units[i, g]
        few = 0
        for g in range(stop):
            few += size[g] < _LEAST_LEFT
        takes_off = few == 0
    if not takes_off:
        for g in range(stop):
            size[g] = 0.0
        for k in range(n_points - n_missing):
            i = rest[k]
            for g in range(stop):
                size[g] += units[i, g] * units[i, g]
    for g in range(stop):
        size[g] = 1.0 / np.sqrt(size[g]) if size[g] > 0.0 else 0.0
    return takes_off


@compiled(fastmath=FAST)
def row_there(units, gram, points, count, size, g, row, inverse):
    """Write the products r of unit signals g with later ones, of the points there.

    row (1, G) takes them, and inverse (1, G) 1 / (1 - r^2). The `count` points listed
    are taken off gram (G, G), the products of units (N + 1, G) at all points; a
    negative number says to sum theirs. size (G,) is one over the norms there.
    """
    low, stop = np.uint64(g + 1), np.uint64(size.size)
    base, sign, own = 1.0, -1.0, size[g]
    if count < 0:
        base, sign, count = 0.0, 1.0, -count
    # Eight points at a time and the last four, so that a row is seldom written; those
    # listed are followed by zeros.
    last = 8 * ((max(count, 4) + 3) // 8)
    for j in range(0, last, 8):
        i0, i1, i2, i3 = points[j], points[j + 1], points[j + 2], points[j + 3]
        i4, i5, i6, i7 = points[j + 4], points[j + 5], points[j + 6], points[j + 7]
        a0, a1, a2, a3 = units[i0, g], units[i1, g], units[i2, g], units[i3, g]
        a4, a5, a6, a7 = units[i4, g], units[i5, g], units[i6, g], units[i7, g]
        if j == 0:
            for k in range(low, stop):
                row[0, k] = base * gram[g, k]
        for k in range(low, stop):
            row[0, k] += sign * (
                ((a0 * units[i0, k] + a1 * units[i1, k]) + a2 * units[i2, k])
                + ((a3 * units[i3, k] + a4 * units[i4, k]) + a5 * units[i5, k])
                + (a6 * units[i6, k] + a7 * units[i7, k])
            )
    i0, i1, i2, i3 = points[last], points[last + 1], points[last + 2], points[last + 3]
    a0, a1 = sign * units[i0, g], sign * units[i1, g]
    a2, a3 = sign * units[i2, g], sign * units[i3, g]
    if last == 0:
        for k in range(low, stop):
            row[0, k] = (base * gram[g, k] + a0 * units[i0, k] + a1 * units[i1, k]) + (
                a2 * units[i2, k] + a3 * units[i3, k]
            )
    elif last < count:
        for k in range(low, stop):
            row[0, k] += (a0 * units[i0, k] + a1 * units[i1, k]) + (
                a2 * units[i2, k] + a3 * units[i3, k]
            )
    # A loop of its own: LLVM checks up to some eight pairs of arrays for overlaps.
    for k in range(low, stop):
        r = row[0, k] * own * size[k]
        r = r if r < _ALIKE else _ALIKE
        r = r if r > -_ALIKE else -_ALIKE
        row[0, k] = r
        inverse[0, k] = 1.0 / (1.0 - r * r)
