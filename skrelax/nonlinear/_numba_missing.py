"""Points that are missing in a voxel: what loops leave out.

Signals are zero there. `there` (n, N) holds ones, and zeros where points are missing;
it has no rows where all points of all voxels are there. Loops copy the row of a voxel
to w (N,), which then has no entries.
"""

from ..utils._compiled import compiled
from ._numba_types import FAST, WIDTH

# Two signals are parallel where the determinant of their products is this fraction.
_PARALLEL = 1e-13
# Share of the square of a signal that must be left where others are taken off it.
_LEAST_LEFT = 1e-6


@compiled
def take_row(there, v, w):
    """Write which points of a voxel are there to w (N,)."""
    for i in range(w.size):
        w[i] = there[v, i]


@compiled
def list_missing(w, missing):
    """Write the points that a voxel lacks to missing (N + 1,); return their number."""
    count = 0
    for i in range(w.size):
        # Without branches, which dropouts would make a guess of.
        missing[count] = i
        count += w[i] == 0.0
    return count


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
def energies_there(Y, v, grid, points, g, sums, acc):
    """Write the energies of a signal at WIDTH nodes from g, of the points there.

    The basis of the LineGrid has one or two signals; points are w, the points that are
    missing and their number; sums (5, WIDTH) is a workspace.
    """
    w, missing, n_missing = points
    Q, squares = grid.basis, grid.squares
    n_channels, n_points = Y.shape[1:]
    second = Q.shape[0] - 1
    n_products = squares.shape[0]
    # What is missing is taken off products of an orthonormal basis, where enough of
    # them is left: few points are missing as a rule.
    for j in range(WIDTH):
        sums[2, j], sums[3, j], sums[4, j] = 1.0, 0.0, 1.0
    for m in range(n_missing):
        i = missing[m]
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
