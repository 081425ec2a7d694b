"""Compiled search for the atoms of largest correlation.

Atoms are real unit vectors, signals have one plane (real) or two (the real and the
imaginary part of their product with an atom). The square of a correlation is the sum
of the squares over planes; with one plane and `signed` it keeps its sign.

Atoms lie in leaves around centres, leaves in branches. The angle between directions is
a metric (for complex ones that of Fubini and Study), so that an atom within the angle
rho of a centre has at most the correlation cos(max(0, theta - rho)) with a signal at
the angle theta from that centre. What cannot beat the best atoms so far is skipped,
and nothing else: the result is exact to rounding.

Where points of a signal are missing, all vectors are compared at the others. What an
atom has beside its centre c does not grow there, but c shrinks to |c'|, so that the
sine of rho becomes sin(rho) / |c'| at most.
"""

from typing import NamedTuple

import numpy as np

from ..utils._compiled import compiled

# Sums may be reordered and fused; NaN keeps its meaning, though none gets here.
_REORDER = {"contract", "reassoc", "nsz"}
# Squares of unit atoms that may be left of 1 where those of missing points are taken
# off: less costs more than two bits.
_LEAST_LEFT = 0.25


class Groups(NamedTuple):
    """Groups of atoms around centres: the branches of a tree, or its leaves."""

    centres: np.ndarray
    """Centres as columns in flat blocks, see `products_of`: one block of all branches,
    or one of the leaves of each branch."""
    cosines: np.ndarray
    """Cosines of the radii, (n_groups,)."""
    sines: np.ndarray
    """Sines of the radii, (n_groups,)."""
    edges: np.ndarray
    """Where the members of each group begin, (n_groups + 1,): leaves of a branch,
    columns of atoms of a leaf."""
    squares: np.ndarray
    """Squares of the centres at all points, in blocks as these; may be empty where no
    point is missing."""


class Atoms(NamedTuple):
    """Unit atoms, by number and in the order of the leaves."""

    rows: np.ndarray
    """Atoms, (n_atoms, K)."""
    columns: np.ndarray
    """Atoms as columns in flat blocks, one per leaf, padded."""
    places: np.ndarray
    """Number of the atom in each column, (n_padded,)."""
    squares: np.ndarray
    """Squares of the columns at all points, as those of Groups."""
    squared_rows: np.ndarray
    """Squares of the rows at all points, (n_atoms, n_points), or none."""
    least: np.floating
    """Sum of these of which no digits are left."""


class Tree(NamedTuple):
    """Atoms in leaves, leaves in branches."""

    branches: Groups
    """Groups of leaves."""
    leaves: Groups
    """Groups of atoms."""
    atoms: Atoms
    """The atoms."""


class Signals(NamedTuple):
    """Signals, which are zero where points are missing."""

    planes: np.ndarray
    """Signals as the search wants them, (n_planes, n, K)."""
    norms: np.ndarray
    """Norms of signals with missing points, (n,); none where all points are there."""
    there: np.ndarray
    """Which points are there, (n, n_points), or no rows where all are."""


class Matches(NamedTuple):
    """What the search finds."""

    atoms: np.ndarray
    """Atoms, best first, (n, n_best); -1 for signals that are 0 or not finite."""
    products: np.ndarray
    """Their products with the signals, (n, n_best, n_planes)."""
    squares: np.ndarray
    """Their squares summed over the points there, (n, n_best)."""


class SearchWork(NamedTuple):
    """Workspace of the search."""

    values: np.ndarray
    """Squares and bounds, (5, n_most) for the largest branch, leaf and all branches."""
    s: np.ndarray
    """A signal of norm one, (n_planes, K)."""
    best: np.ndarray
    """Largest squares so far, (n_best,)."""
    columns: np.ndarray
    """Columns of these, (n_best,)."""
    points: np.ndarray
    """Points of a signal that are missing, and those that are there, (2, n_points + 3);
    the rest are places of blocks, too, that are never used."""


@compiled(fastmath=_REORDER)
def products_of(s, p, A, low, count, out):
    """Write the products of s[p] (K,) with the block of A that begins at column low.

    A block holds K rows of count columns, one after the other in the flat A. Unsigned
    indices cannot count from the end, which would keep the loops off vector registers,
    and a view would count references, which threads share.
    """
    K = s.shape[1]
    n = np.uint64(count)
    start = np.uint64(low) * np.uint64(K)
    whole = K - K % 8
    for k in range(0, whole, 8):
        s0, s1, s2, s3 = s[p, k], s[p, k + 1], s[p, k + 2], s[p, k + 3]
        s4, s5, s6, s7 = s[p, k + 4], s[p, k + 5], s[p, k + 6], s[p, k + 7]
        a0 = start + np.uint64(k) * n
        a1 = a0 + n
        a2 = a1 + n
        a3 = a2 + n
        a4 = a3 + n
        a5 = a4 + n
        a6 = a5 + n
        a7 = a6 + n
        if k == 0:
            for i in range(n):
                out[i] = (
                    s0 * A[a0 + i] + s1 * A[a1 + i] + s2 * A[a2 + i] + s3 * A[a3 + i]
                    + s4 * A[a4 + i] + s5 * A[a5 + i] + s6 * A[a6 + i] + s7 * A[a7 + i]
                )  # fmt: skip
        else:
            for i in range(n):
                out[i] += (
                    s0 * A[a0 + i] + s1 * A[a1 + i] + s2 * A[a2 + i] + s3 * A[a3 + i]
                    + s4 * A[a4 + i] + s5 * A[a5 + i] + s6 * A[a6 + i] + s7 * A[a7 + i]
                )  # fmt: skip
    if whole < K:
        # K is a multiple of 4.
        k = whole
        s0, s1, s2, s3 = s[p, k], s[p, k + 1], s[p, k + 2], s[p, k + 3]
        a0 = start + np.uint64(k) * n
        a1 = a0 + n
        a2 = a1 + n
        a3 = a2 + n
        if k == 0:
            for i in range(n):
                out[i] = (
                    s0 * A[a0 + i] + s1 * A[a1 + i] + s2 * A[a2 + i] + s3 * A[a3 + i]
                )
        else:
            for i in range(n):
                out[i] += (
                    s0 * A[a0 + i] + s1 * A[a1 + i] + s2 * A[a2 + i] + s3 * A[a3 + i]
                )


@compiled(fastmath=_REORDER)
def squares_of(s, signed, A, low, count, work, out):
    """Write squared correlations of s (n_planes, K) into out; signed keep a sign."""
    n = np.uint64(count)
    products_of(s, 0, A, low, count, out)
    if s.shape[0] == 2:
        products_of(s, 1, A, low, count, work)
        for i in range(n):
            out[i] = out[i] * out[i] + work[i] * work[i]
    elif signed:
        for i in range(n):
            out[i] = out[i] * abs(out[i])
    else:
        for i in range(n):
            out[i] = out[i] * out[i]


@compiled
def largest(values, count):
    """Return the position of the largest of values[:count].

    Four running maxima: one would wait for itself at every step.
    """
    a = b = c = d = values[0]
    whole = count - count % 4
    for i in range(0, whole, 4):
        w, x, y, z = values[i], values[i + 1], values[i + 2], values[i + 3]
        a = w if w > a else a
        b = x if x > b else b
        c = y if y > c else c
        d = z if z > d else d
    for i in range(whole, count):
        a = values[i] if values[i] > a else a
    a = b if b > a else a
    c = d if d > c else c
    a = c if c > a else a
    for i in range(count):
        if values[i] == a:
            return i
    return 0


@compiled(fastmath=_REORDER)
def bounds_of(squares, cosines, sines, low, count, one, out):
    """Write the largest squares possible around centres with these squares."""
    zero = one - one
    for i in range(count):
        square = squares[i]
        size = min(abs(square), one)
        c = np.sqrt(size)
        c = c if square >= zero else -c
        bound = c * cosines[low + i] + np.sqrt(one - size) * sines[low + i]
        bound = bound * abs(bound)
        out[i] = one if c >= cosines[low + i] else bound


@compiled(fastmath=_REORDER)
def sum_points(points, n_listed, B, place, base, sign, count, out):
    """Write base and sign times the listed rows of the block of B from place to out."""
    n = np.uint64(count)
    start = np.uint64(place)
    a0 = start + np.uint64(points[0]) * n
    a1 = start + np.uint64(points[1]) * n
    a2 = start + np.uint64(points[2]) * n
    first = n_listed % 4
    if first == 0:
        for i in range(n):
            out[i] = base
    elif first == 1:
        for i in range(n):
            out[i] = base + sign * B[a0 + i]
    elif first == 2:
        for i in range(n):
            out[i] = base + sign * (B[a0 + i] + B[a1 + i])
    else:
        for i in range(n):
            out[i] = base + sign * (B[a0 + i] + B[a1 + i] + B[a2 + i])
    for k in range(first, n_listed, 4):
        a0 = start + np.uint64(points[k]) * n
        a1 = start + np.uint64(points[k + 1]) * n
        a2 = start + np.uint64(points[k + 2]) * n
        a3 = start + np.uint64(points[k + 3]) * n
        for i in range(n):
            out[i] += sign * ((B[a0 + i] + B[a1 + i]) + (B[a2 + i] + B[a3 + i]))


@compiled(fastmath=_REORDER)
def squares_there(missing, rest, n_missing, B, low, count, one, out):
    """Write the squares, summed over points there, of a block of columns of norm one.

    missing and rest (n_points + 3,) list the points that are missing, and the others.
    """
    n_points = missing.size - 3
    place = low * n_points
    if 2 * n_missing <= n_points:
        # What is missing is taken off, where that leaves enough digits.
        sum_points(missing, n_missing, B, place, one, -one, count, out)
        few = 0
        for i in range(np.uint64(count)):
            few += out[i] < _LEAST_LEFT
        if few == 0:
            return
    sum_points(rest, n_points - n_missing, B, place, one - one, one, count, out)


@compiled(fastmath=_REORDER)
def divide(squares, there, count, least):
    """Divide squares by those there; what has less than `least` there is like none."""
    for i in range(count):
        size = max(there[i], least)
        squares[i] = squares[i] / size if there[i] > least else least - least


@compiled(fastmath=_REORDER)
def widen(groups, low, there, count, one, cosines, sines):
    """Write cosines and sines of the radii of groups whose centres have `there` left.

    groups are their cosines and sines; those without a bound get 180 degrees.
    """
    group_cos, group_sin = groups
    for i in range(count):
        size = there[i]
        square = group_sin[low + i] * group_sin[low + i]
        left = size - square
        is_bound = left > 0 and group_cos[low + i] > 0
        inverse = one / size
        cosines[i] = np.sqrt(left * inverse) if is_bound else -one
        sines[i] = np.sqrt(square * inverse) if is_bound else one - one


@compiled(fastmath=_REORDER)
def search(signals, signed, one, copies, tree, work, matches):
    """Find the atoms of largest correlation with each of Signals.

    Signals that are 0 or not finite get index -1. one is 1 in the dtype of all; copies
    tells how often the planes hold the norm of a signal.
    """
    S, norms, there = signals
    found, products, sizes = matches
    branches, branch_cos, branch_sin, branch_edges, branch_squares = tree.branches
    leaves, leaf_cos, leaf_sin, leaf_edges, leaf_squares = tree.leaves
    rows, atoms, places, atom_squares, squared_rows, least = tree.atoms
    values, s, best, columns, points = work
    n_planes, n, K = S.shape
    n_best = found.shape[1]
    n_points = there.shape[1] if there.shape[0] > 0 else 0
    n_branches = branch_edges.size - 1
    squares, second = values[0], values[1]
    branch_bounds, leaf_bounds = values[2], values[3]
    inside, wide_cos, wide_sin = values[4], values[5], values[6]
    missing, rest = points[0], points[1]
    for i in range(n):
        total = one - one
        for p in range(n_planes):
            for k in range(K):
                total += abs(S[p, i, k])
        if not (total > 0 and total < np.inf):
            found[i] = -1
            products[i] = np.nan
            continue
        n_missing = 0
        for k in range(n_points):
            # No branches, which dropouts would make a guess of: one is overwritten.
            rest[k - n_missing] = k
            missing[n_missing] = k
            n_missing += not there[i, k]
        # Squares of float32 would overflow where signals do not.
        norm = one - one
        for p in range(n_planes):
            for k in range(K):
                s[p, k] = S[p, i, k] / total
                norm += s[p, k] * s[p, k]
        factor = one / np.sqrt(norm / copies)
        if n_missing > 0:
            # Atoms without their missing points leave the space of the others.
            factor = total / norms[i]
        for p in range(n_planes):
            for k in range(K):
                s[p, k] *= factor
        best[:] = -2
        columns[:] = 0
        first = 0
        branch_bounds[0] = one
        if n_branches > 1:
            squares_of(s, signed, branches, 0, n_branches, second, squares)
            if n_missing == 0:
                bounds_of(
                    squares, branch_cos, branch_sin, 0, n_branches, one, branch_bounds
                )
            else:
                squares_there(
                    missing, rest, n_missing, branch_squares, 0, n_branches, one, inside
                )
                divide(squares, inside, n_branches, least)
                radii = branch_cos, branch_sin
                widen(radii, 0, inside, n_branches, one, wide_cos, wide_sin)
                bounds_of(
                    squares, wide_cos, wide_sin, 0, n_branches, one, branch_bounds
                )
            first = largest(squares, n_branches)
        for turn in range(-1, n_branches):
            b = first if turn < 0 else turn
            if turn == first or branch_bounds[b] <= best[n_best - 1]:
                continue
            low = branch_edges[b]
            count = branch_edges[b + 1] - low
            squares_of(s, signed, leaves, low, count, second, squares)
            if n_missing == 0:
                bounds_of(squares, leaf_cos, leaf_sin, low, count, one, leaf_bounds)
            else:
                squares_there(
                    missing, rest, n_missing, leaf_squares, low, count, one, inside
                )
                divide(squares, inside, count, least)
                radii = leaf_cos, leaf_sin
                widen(radii, low, inside, count, one, wide_cos, wide_sin)
                bounds_of(squares, wide_cos, wide_sin, 0, count, one, leaf_bounds)
            inner = largest(squares, count)
            for step in range(-1, count):
                c = inner if step < 0 else step
                if step == inner or leaf_bounds[c] <= best[n_best - 1]:
                    continue
                begin = leaf_edges[low + c]
                size = leaf_edges[low + c + 1] - begin
                squares_of(s, signed, atoms, begin, size, second, squares)
                if n_missing > 0:
                    squares_there(
                        missing, rest, n_missing, atom_squares, begin, size, one, inside
                    )
                    divide(squares, inside, size, least)
                top = largest(squares, size)
                if not squares[top] > best[n_best - 1]:
                    continue
                if n_best == 1:
                    best[0] = squares[top]
                    columns[0] = begin + top
                    continue
                for a in range(size):
                    # Padding repeats the first atom of the leaf.
                    if squares[a] > best[n_best - 1] and (
                        a == 0 or places[begin + a] != places[begin]
                    ):
                        q = n_best - 1
                        while q > 0 and squares[a] > best[q - 1]:
                            best[q] = best[q - 1]
                            columns[q] = columns[q - 1]
                            q -= 1
                        best[q] = squares[a]
                        columns[q] = begin + a
        for q in range(n_best):
            found[i, q] = places[columns[q]]
            for p in range(n_planes):
                value = one - one
                for k in range(K):
                    value += S[p, i, k] * rows[found[i, q], k]
                products[i, q, p] = value
            if n_missing > 0:
                square = one - one
                for k in range(n_points - n_missing):
                    square += squared_rows[found[i, q], rest[k]]
                if square > least:
                    sizes[i, q] = square
                else:
                    products[i, q, :] = one - one
