"""Compiled search for the atoms of largest correlation; twins stand in the tests.

Atoms are real unit vectors, signals have one plane (real) or two (the real and the
imaginary part of their product with an atom). The square of a correlation is the sum
of the squares over planes; with one plane and `signed` it keeps its sign.

Atoms lie in leaves around centres, leaves in branches. The angle between directions is
a metric (for complex ones that of Fubini and Study), so that an atom within the angle
rho of a centre has at most the correlation cos(max(0, theta - rho)) with a signal at
the angle theta from that centre. What cannot beat the best atoms so far is skipped,
and nothing else: the result is exact to rounding.
"""

import numpy as np

from ..utils._compiled import compiled

# Sums may be reordered and fused; NaN keeps its meaning, though none gets here.
_REORDER = {"contract", "reassoc", "nsz"}


@compiled(fastmath=_REORDER)
def _products(s, p, A, low, count, out):
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
def _squares(s, signed, A, low, count, work, out):
    """Write squared correlations of s (n_planes, K) into out; signed keep a sign."""
    n = np.uint64(count)
    _products(s, 0, A, low, count, out)
    if s.shape[0] == 2:
        _products(s, 1, A, low, count, work)
        for i in range(n):
            out[i] = out[i] * out[i] + work[i] * work[i]
    elif signed:
        for i in range(n):
            out[i] = out[i] * abs(out[i])
    else:
        for i in range(n):
            out[i] = out[i] * out[i]


@compiled
def _largest(values, count):
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
def _bounds(squares, cosines, sines, low, count, one, out):
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
def search(
    S, signed, one, copies,
    branches, branch_cos, branch_sin, branch_edges,
    leaves, leaf_cos, leaf_sin, leaf_edges,
    rows, atoms, places, work, s, best, columns, found, products, visited,
):  # fmt: skip
    """Find the atoms of largest correlation with each signal.

    S (n_planes, n, K) are signals, of which those that are 0 or not finite get index
    -1. one is 1 in the dtype of all; copies tells how often the planes hold the norm
    of a signal. Centres of branches, of leaves and atoms are columns in flat blocks,
    see _products: one block of all branches, one per branch, one per leaf. *_cos and
    *_sin are those of the radii. Branch b holds the leaves from branch_edges[b] to
    branch_edges[b + 1], leaf c the columns from leaf_edges[c] to leaf_edges[c + 1];
    places (n_padded,) tells the atom of a column, rows (n_atoms, K) are the atoms.

    work (4, n_most), with room for the largest branch, leaf and number of branches, s
    (n_planes, K), best (n_best,) and columns (n_best,) are workspaces. found
    (n, n_best) gets atoms, best first, products (n, n_best, n_planes) their products
    with the signals, visited (n,) the number of leaves looked into.
    """
    n_planes, n, K = S.shape
    n_best = found.shape[1]
    n_branches = branch_edges.size - 1
    squares, second = work[0], work[1]
    branch_bounds, leaf_bounds = work[2], work[3]
    for i in range(n):
        visited[i] = 0
        total = one - one
        for p in range(n_planes):
            for k in range(K):
                total += abs(S[p, i, k])
        if not (total > 0 and total < np.inf):
            found[i] = -1
            products[i] = np.nan
            continue
        # Squares of float32 would overflow where signals do not.
        norm = one - one
        for p in range(n_planes):
            for k in range(K):
                s[p, k] = S[p, i, k] / total
                norm += s[p, k] * s[p, k]
        factor = one / np.sqrt(norm / copies)
        for p in range(n_planes):
            for k in range(K):
                s[p, k] *= factor
        best[:] = -2
        columns[:] = 0
        first = 0
        branch_bounds[0] = one
        if n_branches > 1:
            _squares(s, signed, branches, 0, n_branches, second, squares)
            first = _largest(squares, n_branches)
            _bounds(squares, branch_cos, branch_sin, 0, n_branches, one, branch_bounds)
        for turn in range(-1, n_branches):
            b = first if turn < 0 else turn
            if turn == first or branch_bounds[b] <= best[n_best - 1]:
                continue
            low = branch_edges[b]
            count = branch_edges[b + 1] - low
            _squares(s, signed, leaves, low, count, second, squares)
            inner = _largest(squares, count)
            _bounds(squares, leaf_cos, leaf_sin, low, count, one, leaf_bounds)
            for step in range(-1, count):
                c = inner if step < 0 else step
                if step == inner or leaf_bounds[c] <= best[n_best - 1]:
                    continue
                begin = leaf_edges[low + c]
                size = leaf_edges[low + c + 1] - begin
                visited[i] += 1
                _squares(s, signed, atoms, begin, size, second, squares)
                top = _largest(squares, size)
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


@compiled
def _correlation(S, i, atoms, a):
    """Return the size of the product of signal i with atom a, summed in float64."""
    total = 0.0
    for p in range(S.shape[0]):
        value = 0.0
        for k in range(S.shape[2]):
            value += float(S[p, i, k]) * float(atoms[a, k])
        total += value * value
    return np.sqrt(total)


@compiled
def _descend(H, g, axes, count, u):
    """Write the solution of -H u = g over axes[:count] into u; False if not a top.

    H is overwritten by the Cholesky factor of -H.
    """
    for a in range(count):
        for b in range(a + 1):
            total = -H[axes[a], axes[b]]
            for c in range(b):
                total -= H[axes[a], axes[c]] * H[axes[b], axes[c]]
            if a > b:
                H[axes[a], axes[b]] = total / H[axes[b], axes[b]]
            elif total > 0.0:
                H[axes[a], axes[a]] = np.sqrt(total)
            else:
                return False
    for a in range(count):
        total = g[axes[a]]
        for c in range(a):
            total -= H[axes[a], axes[c]] * u[axes[c]]
        u[axes[a]] = total / H[axes[a], axes[a]]
    for a in range(count - 1, -1, -1):
        total = u[axes[a]]
        for c in range(a + 1, count):
            total -= H[axes[c], axes[a]] * u[axes[c]]
        u[axes[a]] = total / H[axes[a], axes[a]]
    return True


@compiled
def refine_parabola(S, atoms, neighbours, parameters, found, H, work, axes, out):
    """Move each match to the top of a paraboloid through its neighbours on the grid.

    S (n_planes, n, K) signals, atoms (n_atoms, K) rows, neighbours
    (n_atoms, n_parameters, 2) the atoms one step down and up or -1, parameters
    (n_atoms, n_parameters). found (n,) is corrected where a neighbour is better by less
    than the rounding of the search; out (n, n_parameters) gets the parameters. H
    (n_parameters, n_parameters), work (3, n_parameters) and axes (n_parameters,) are
    workspaces.
    """
    n_parameters = parameters.shape[1]
    g, curve, u = work[0], work[1], work[2]
    for i in range(found.size):
        a = found[i]
        if a < 0:
            out[i] = np.nan
            continue
        centre = _correlation(S, i, atoms, a)
        # A few steps: the search is wrong by rounding only.
        for _ in range(8):
            moved = False
            for j in range(n_parameters):
                for side in range(2):
                    other = neighbours[a, j, side]
                    if other >= 0:
                        value = _correlation(S, i, atoms, other)
                        if value > centre:
                            a, centre, moved = other, value, True
                            break
            if not moved:
                break
        found[i] = a
        # Axes with both neighbours, in steps of the grid whatever its spacing.
        count = 0
        for j in range(n_parameters):
            u[j] = 0.0
            low, high = neighbours[a, j, 0], neighbours[a, j, 1]
            if low < 0 or high < 0:
                continue
            below = _correlation(S, i, atoms, low)
            above = _correlation(S, i, atoms, high)
            curve[j] = below - 2.0 * centre + above
            if curve[j] < 0.0:
                g[j] = 0.5 * (above - below)
                axes[count] = j
                count += 1
        for p in range(count):
            j = axes[p]
            H[j, j] = curve[j]
            for q in range(p):
                k = axes[q]
                H[j, k] = 0.0
                total, corners = 0.0, 0
                for side in range(2):
                    for end in range(2):
                        corner = neighbours[neighbours[a, j, side], k, end]
                        if corner >= 0:
                            value = _correlation(S, i, atoms, corner)
                            total += value if side == end else -value
                            corners += 1
                if corners == 4:
                    H[j, k] = 0.25 * total
        if not _descend(H, g, axes, count, u):
            # No top: each axis on its own.
            for p in range(count):
                u[axes[p]] = -g[axes[p]] / curve[axes[p]]
        longest = 1.0
        for p in range(count):
            longest = max(longest, abs(u[axes[p]]))
        for j in range(n_parameters):
            here = parameters[a, j]
            out[i, j] = here
            if u[j] != 0.0:
                # Beyond the neighbours the paraboloid says nothing.
                step = u[j] / longest
                down = parameters[neighbours[a, j, 0], j]
                up = parameters[neighbours[a, j, 1], j]
                bend = 0.5 * step * step * (up - 2.0 * here + down)
                out[i, j] += 0.5 * step * (up - down) + bend
