"""Compiled loops of the multi-dimensional inversion: penalties and banded solves.

Distributions live on a flat array with a layer of ghost cells after every line
of an axis, which hold 0: a step of the stencil is then one offset, whatever the
number of axes. `Gamma` is stored by offsets: entry (k, q) couples cell q with
cell q + offsets[k]. What it holds for ghost cells is never read as a value that
counts, since vectors are 0 there.
"""

import math

import numpy as np
from numba import njit

# Cells per block: the arrays of a block stay in the second level cache.
_BLOCK = 2048
# Columns of a band that are filled at a time; a multiple of the panel of four.
_COLUMNS = 128
# Contraction lets the compiler use fused multiply-adds; it removes no NaN.
_CONTRACT = {"contract"}
# Sums in any order, so that dot products are vectorised (a third of the solve).
_REORDER = {"contract", "reassoc", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def _window_max(values, spare, inside, offset, times):
    """Widen the moving maximum of values by one cell on both sides, `times` times."""
    n = values.size
    for _ in range(times):
        for x in range(offset, n - offset):
            low, high = values[x - offset], values[x + offset]
            best = low if low > high else high
            spare[x] = best if best > values[x] else values[x]
        for x in range(offset, n - offset):
            values[x] = spare[x] * inside[x]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def uniform_weights(g, first, last, offsets, insides, scales, halves, rows):
    """Write gamma_i^(-1/2) of cells first..last into rows (n_directions, n_flat).

    scales (n_directions, 5): alpha_0 DQ^5, alpha_p DQ, alpha_c / DQ, DQ and
    alpha_d DQ^3; halves: half windows of curvature, slope and crossings.
    """
    if offsets.size == 0:
        return
    widest = max(halves[0], halves[1])
    reach = widest * offsets.max()
    curvature = np.empty(_BLOCK + 2 * reach)
    slope = np.empty(_BLOCK + 2 * reach)
    spare = np.empty(_BLOCK + 2 * reach)
    for start in range(first, last, _BLOCK):
        count = min(_BLOCK, last - start)
        for i in range(offsets.size):
            o = offsets[i]
            halo = widest * o
            size = count + 2 * halo
            low = start - halo
            inside = insides[i % insides.shape[0], low : low + size]
            here = g[low : low + size]
            up = g[low + o : low + o + size]
            down = g[low - o : low - o + size]
            c, p = curvature[:size], slope[:size]
            for x in range(size):
                bend = up[x] - 2.0 * here[x] + down[x]
                tilt = 0.5 * (up[x] - down[x])
                c[x] = bend * bend * inside[x]
                p[x] = tilt * tilt * inside[x]
            _window_max(c, spare[:size], inside, o, halves[0])
            _window_max(p, spare[:size], inside, o, halves[1])
            floor, of_slope, of_curvature = scales[i, 0], scales[i, 1], scales[i, 2]
            out = rows[i, start : start + count]
            for x in range(count):
                y = x + halo
                gamma = floor + of_slope * p[y] + of_curvature * c[y]
                out[x] = inside[y] / math.sqrt(gamma)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def crossing_weights(
    g, first, last, offsets, insides, scales, half, largest, rate, crossings, rows
):
    """Update the crossing weights C_i of the axes, and write C_i^(1/2) into rows.

    crossings (n_axes, n_flat) is the recursion C_i; rows has the uniform weights
    first, then one row for the centre of the stencil, then those of this function.
    """
    n_axes = crossings.shape[0]
    reach = half * offsets[:n_axes].max() if n_axes else 0
    found = np.empty(_BLOCK + 2 * reach)
    spare = np.empty(_BLOCK + 2 * reach)
    for start in range(first, last, _BLOCK):
        count = min(_BLOCK, last - start)
        for i in range(n_axes):
            o = offsets[i]
            halo = half * o
            size = count + 2 * halo
            low = start - halo
            inside = insides[i % insides.shape[0], low : low + size]
            here = g[low : low + size]
            up = g[low + o : low + o + size]
            down = g[low - o : low - o + size]
            weight = rows[i, low : low + size]
            scale = scales[i, 3] / scales[i, 4]
            m = found[:size]
            for x in range(size):
                sign = (here[x] > 0.0) * 1.0 - (here[x] < 0.0) * 1.0
                around = (up[x] > 0.0) * 1.0 - (up[x] < 0.0) * 1.0
                around += (down[x] > 0.0) * 1.0 - (down[x] < 0.0) * 1.0
                crossed = scale * (1.0 - 0.5 * sign * around) * inside[x]
                bound = largest * weight[x] * weight[x]
                m[x] = crossed if crossed < bound else bound
            _window_max(m, spare[:size], inside, o, half)
            state = crossings[i, start : start + count]
            out = rows[offsets.size + 1 + i, start : start + count]
            for x in range(count):
                state[x] = (1.0 - rate) * state[x] + rate * m[x + halo]
                out[x] = math.sqrt(state[x])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def _window_norm(values, spare, inside, offset, times):
    """Replace values by the 8-norm of their window: a maximum that is smooth."""
    n = values.size
    for x in range(n):
        square = values[x] * values[x]
        values[x] = square * square * square * square
    for _ in range(times):
        for x in range(offset, n - offset):
            spare[x] = values[x - offset] + values[x] + values[x + offset]
        for x in range(offset, n - offset):
            values[x] = spare[x] * inside[x]
    for x in range(n):
        values[x] = math.sqrt(math.sqrt(math.sqrt(values[x])))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def smooth_weights(
    g, first, last, offsets, insides, scales, halves, rate, logarithms, rows
):
    """Write smooth, damped uniform weights into rows, for the convergent scheme.

    The logarithm of gamma_i follows its new value at the given rate; logarithms
    (n_directions, n_flat) keeps it.
    """
    if offsets.size == 0:
        return
    widest = max(halves[0], halves[1])
    reach = widest * offsets.max()
    curvature = np.empty(_BLOCK + 2 * reach)
    slope = np.empty(_BLOCK + 2 * reach)
    spare = np.empty(_BLOCK + 2 * reach)
    for start in range(first, last, _BLOCK):
        count = min(_BLOCK, last - start)
        for i in range(offsets.size):
            o = offsets[i]
            halo = widest * o
            size = count + 2 * halo
            low = start - halo
            inside = insides[i % insides.shape[0], low : low + size]
            c, p = curvature[:size], slope[:size]
            for x in range(size):
                q = low + x
                bend = g[q + o] - 2.0 * g[q] + g[q - o]
                tilt = 0.5 * (g[q + o] - g[q - o])
                c[x] = bend * bend * inside[x]
                p[x] = tilt * tilt * inside[x]
            _window_norm(c, spare[:size], inside, o, halves[0])
            _window_norm(p, spare[:size], inside, o, halves[1])
            for x in range(count):
                y, q = x + halo, start + x
                gamma = scales[i, 0] + scales[i, 1] * p[y] + scales[i, 2] * c[y]
                state = (1.0 - rate) * logarithms[i, q] + rate * math.log(gamma)
                logarithms[i, q] = state
                rows[i, q] = inside[y] * math.exp(-0.5 * state)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def smooth_crossings(
    g, first, last, offsets, insides, half, largest, softness, rate, crossings, rows
):
    """Update smooth crossing weights, for the convergent scheme.

    The sign of a bin is g / sqrt(g^2 + softness^2), so that bins at the level of
    the noise switch nothing.
    """
    n_axes = crossings.shape[0]
    reach = half * offsets[:n_axes].max() if n_axes else 0
    found = np.empty(_BLOCK + 2 * reach)
    spare = np.empty(_BLOCK + 2 * reach)
    for start in range(first, last, _BLOCK):
        count = min(_BLOCK, last - start)
        for i in range(n_axes):
            o = offsets[i]
            halo = half * o
            size = count + 2 * halo
            low = start - halo
            inside = insides[i % insides.shape[0], low : low + size]
            m = found[:size]
            for x in range(size):
                q = low + x
                here, up, down = g[q], g[q + o], g[q - o]
                sign = here / math.sqrt(here * here + softness * softness)
                around = up / math.sqrt(up * up + softness * softness)
                around += down / math.sqrt(down * down + softness * softness)
                weight = rows[i, q]
                crossed = (1.0 - 0.5 * sign * around) * inside[x]
                m[x] = largest * crossed * crossed * weight * weight
            _window_norm(m, spare[:size], inside, o, half)
            for x in range(count):
                q = start + x
                state = (1.0 - rate) * crossings[i, q] + rate * m[x + halo]
                crossings[i, q] = state
                rows[offsets.size + 1 + i, q] = math.sqrt(state)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def fold_baseline(g, offsets, scales, folds, rows):
    """Add the diagonal penalties of baseline cells to those of the axis they follow.

    folds (n, 4): cell, direction of the axis, diagonal direction, multiplicity. A
    baseline has no neighbour on its own axis, so a diagonal step becomes a step
    along the other one.
    """
    for f in range(folds.shape[0]):
        q, i, j = folds[f, 0], folds[f, 1], folds[f, 2]
        up, down = g[q + offsets[i]], g[q - offsets[i]]
        bend, tilt = up - 2.0 * g[q] + down, 0.5 * (up - down)
        gamma = scales[j, 0] + scales[j, 1] * tilt * tilt + scales[j, 2] * bend * bend
        rows[i, q] += folds[f, 3] / math.sqrt(gamma)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def centre_weights(first, last, n_directions, rows):
    """Write the centre of the stencil, -2 times the sum of the other weights."""
    centre = rows[n_directions]
    for q in range(first, last):
        centre[q] = 0.0
    for i in range(n_directions):
        row = rows[i]
        for q in range(first, last):
            centre[q] -= 2.0 * row[q]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def assemble(
    g, first, last, rows, pairs, factors, starts, fixed, cell, negative, scale, u, gamma
):
    """Set Gamma = u Gamma_new + (1 - u) Gamma for cells first..last.

    pairs (n, 3): two rows and a shift whose product, times factors, is summed into
    offset k for n from starts[k] to starts[k + 1]; fixed is the boundary penalty.
    """
    total = np.empty(_BLOCK)
    for start in range(first, last, _BLOCK):
        count = min(_BLOCK, last - start)
        acc = total[:count]
        for k in range(gamma.shape[0]):
            if k == 0:
                acc[:] = fixed[start : start + count]
                if negative > 0.0:
                    value = g[start : start + count]
                    own = cell[start : start + count]
                    for x in range(count):
                        sign = (value[x] > 0.0) * 1.0 - (value[x] < 0.0) * 1.0
                        acc[x] += 0.5 * negative * (1.0 - sign) * own[x]
            else:
                acc[:] = 0.0
            for n in range(starts[k], starts[k + 1]):
                low = start + pairs[n, 2]
                a = rows[pairs[n, 0], low : low + count]
                b = rows[pairs[n, 1], low : low + count]
                factor = factors[n]
                for x in range(count):
                    acc[x] += factor * (a[x] * b[x])
            out = gamma[k, start : start + count]
            for x in range(count):
                out[x] = (1.0 - u) * out[x] + u * scale * acc[x]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def multiply(gamma, offsets, cell, x, first, last, out):
    """Write Gamma x of cells first..last into out; x must be 0 on ghost cells."""
    for start in range(first, last, _BLOCK):
        count = min(_BLOCK, last - start)
        y = out[start : start + count]
        y[:] = gamma[0, start : start + count] * x[start : start + count]
        for k in range(1, offsets.size):
            o = offsets[k]
            right = gamma[k, start : start + count]
            left = gamma[k, start - o : start - o + count]
            up = x[start + o : start + o + count]
            down = x[start - o : start - o + count]
            for i in range(count):
                y[i] += right[i] * up[i] + left[i] * down[i]
        y *= cell[start : start + count]


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_columns(
    gamma, offsets, cells, index, W, block, backwards, first, last, n_kept, ld, A, free
):
    """Write columns first..last of Gamma + W into banded storage.

    Entry A[j * ld + i] couples unknowns j and j + i in the order of the cells, or in
    that from the last one if backwards. W has one (block, block) matrix for all blocks
    of unknowns, or one for each; columns from n_kept on are left 0, since the other
    half of the system brings them. A cell that neither data nor penalty know gets the
    diagonal `free`.
    """
    n = cells.size
    n_rows = A.size // ld
    A[first * ld : last * ld] = 0.0
    for j in range(first, min(last, n_kept)):
        c = n - 1 - j if backwards else j
        q, base = cells[c], j * ld
        of_block = W[(c // block) % W.shape[0]]
        a = c % block
        size = min(a + 1 if backwards else block - a, n_rows - j)
        column = A[base : base + size]
        if backwards:
            for i in range(size):
                column[i] = of_block[a, a - i]
        else:
            column[:] = of_block[a, a : a + size]
        for k in range(offsets.size):
            neighbour = q - offsets[k] if backwards else q + offsets[k]
            other = index[neighbour]
            if other >= 0:
                step = c - other if backwards else other - c
                if j + step < n_rows:
                    A[base + step] += gamma[k, neighbour if backwards else q]
        if A[base] == 0.0:
            A[base] = free


@njit(cache=True, nogil=True, error_model="numpy")
def fill_band(gamma, offsets, cells, index, ld, A, free):
    """Write Gamma into banded storage, see `_fill_columns`."""
    n = cells.size
    none = np.zeros((1, 1, 1))
    _fill_columns(gamma, offsets, cells, index, none, 1, False, 0, n, n, ld, A, free)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def _factor_panel(A, b, ld, j, done, n_factored, n_rows, panel):
    """Update columns j to j + 3 by the columns before them, and factor them."""
    width = b + 8
    t0, t1 = panel[:width], panel[width : 2 * width]
    t2, t3 = panel[2 * width : 3 * width], panel[3 * width :]
    n_columns = min(4, n_rows - j)
    # Rows of the panel: no further than the band, and than the matrix.
    height = min(b + 4, n_rows - j)
    panel[:] = 0.0
    for c in range(n_columns):
        base, start, size = (j + c) * ld, c * width + c, min(b + 1, n_rows - j - c)
        panel[start : start + size] = A[base : base + size]
    last = min(j, n_factored)
    k = max(done, j - b)
    while k + 4 <= last:
        base = k * ld + (j - k)
        size = min(b - (j - k) + 4, height)
        p0 = A[base : base + size]
        p1 = A[base + ld - 1 : base + ld - 1 + size]
        p2 = A[base + 2 * ld - 2 : base + 2 * ld - 2 + size]
        p3 = A[base + 3 * ld - 3 : base + 3 * ld - 3 + size]
        a00, a01, a02, a03 = p0[0], p0[1], p0[2], p0[3]
        a10, a11, a12, a13 = p1[0], p1[1], p1[2], p1[3]
        a20, a21, a22, a23 = p2[0], p2[1], p2[2], p2[3]
        a30, a31, a32, a33 = p3[0], p3[1], p3[2], p3[3]
        for row in range(size):
            # Unsigned, or each index is tested for counting from the end.
            r = np.uint64(row)
            v0, v1, v2, v3 = p0[r], p1[r], p2[r], p3[r]
            t0[r] -= a00 * v0 + a10 * v1 + a20 * v2 + a30 * v3
            t1[r] -= a01 * v0 + a11 * v1 + a21 * v2 + a31 * v3
            t2[r] -= a02 * v0 + a12 * v1 + a22 * v2 + a32 * v3
            t3[r] -= a03 * v0 + a13 * v1 + a23 * v2 + a33 * v3
        k += 4
    while k < last:
        base = k * ld + (j - k)
        size = min(b - (j - k) + 1, height)
        column = A[base : base + size]
        for c in range(min(n_columns, size)):
            target = panel[c * width : c * width + size]
            value = column[c]
            for r in range(size):
                target[r] -= value * column[r]
        k += 1
    if j < n_factored:
        for c in range(n_columns):
            # Slices that begin at the diagonal, so that loops count from 0.
            target = panel[c * width + c : c * width + height]
            for p in range(c):
                column = panel[p * width + c : p * width + height]
                value = column[0]
                for r in range(target.size):
                    target[r] -= value * column[r]
            if not target[0] > 0.0:
                return j + c + 1
            target *= 1.0 / math.sqrt(target[0])
    for c in range(n_columns):
        base, start, size = (j + c) * ld, c * width + c, min(b + 1, n_rows - j - c)
        A[base : base + size] = panel[start : start + size]
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def band_cholesky(A, b, ld, first, done, n_factored, n_rows):
    """Factor columns first..n_factored in place; return 0, or the failed column + 1.

    Left-looking, four columns at a time, updated by four earlier ones: half the
    memory traffic of LAPACK's order for bands of this width. Columns before `done`
    are taken as applied already. Those from n_factored on get their updates only,
    which is the Schur complement. ld must be at least b + 8, and zero beyond b.
    """
    panel = np.zeros(4 * (b + 8))
    for j in range(first, n_rows, 4):
        failed = _factor_panel(A, b, ld, j, done, n_factored, n_rows, panel)
        if failed:
            return failed
    return 0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def solve_forward(A, b, ld, first, last, x):
    """Solve L x = x for unknowns first..last, and take them out of the later ones."""
    for j in range(first, last):
        value = x[j] / A[j * ld]
        x[j] = value
        size = min(b, x.size - 1 - j)
        column = A[j * ld + 1 : j * ld + 1 + size]
        target = x[j + 1 : j + 1 + size]
        for i in range(size):
            target[i] -= value * column[i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def solve_forward_many(A, b, ld, X):
    """Solve L X = X for all columns of X (n, k), four earlier rows at a time."""
    for j in range(X.shape[0]):
        target = X[j]
        i = max(0, j - b)
        while i + 4 <= j:
            a0, a1 = A[i * ld + j - i], A[(i + 1) * ld + j - i - 1]
            a2, a3 = A[(i + 2) * ld + j - i - 2], A[(i + 3) * ld + j - i - 3]
            x0, x1, x2, x3 = X[i], X[i + 1], X[i + 2], X[i + 3]
            for c in range(target.size):
                target[c] -= a0 * x0[c] + a1 * x1[c] + a2 * x2[c] + a3 * x3[c]
            i += 4
        while i < j:
            a0, x0 = A[i * ld + j - i], X[i]
            for c in range(target.size):
                target[c] -= a0 * x0[c]
            i += 1
        target *= 1.0 / A[j * ld]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def solve_backward(A, b, ld, last, x):
    """Solve L^T x = x for unknowns last-1..0; the later ones are solved already."""
    for j in range(last - 1, -1, -1):
        size = min(b, x.size - 1 - j)
        column = A[j * ld + 1 : j * ld + 1 + size]
        source = x[j + 1 : j + 1 + size]
        total = 0.0
        for i in range(size):
            total += column[i] * source[i]
        x[j] = (x[j] - total) / A[j * ld]


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate_half(
    gamma, offsets, cells, index, W, block, y, backwards, n_own, b, ld, A, x
):
    """Fill and factor one half of a banded system, and eliminate its unknowns from x.

    The half owns n_own unknowns, from the first or the last one; those of A beyond
    are shared with the other half. They are brought by the half from the front.
    """
    n_rows = A.size // ld
    n_kept = n_own if backwards else n_rows
    panel = np.zeros(4 * (b + 8))
    for j in range(n_rows):
        x[j] = 0.0
        if j < n_kept:
            x[j] = y[cells.size - 1 - j] if backwards else y[j]
    # Columns are filled, factored and eliminated while they are in the cache.
    for first in range(0, n_rows, _COLUMNS):
        last = min(first + _COLUMNS, n_rows)
        _fill_columns(
            gamma, offsets, cells, index, W, block, backwards, first, last, n_kept, ld,
            A, 1.0,
        )  # fmt: skip
        for j in range(first, last, 4):
            failed = _factor_panel(A, b, ld, j, 0, n_own, n_rows, panel)
            if failed:
                return failed
        if first < n_own:
            solve_forward(A, b, ld, first, min(last, n_own), x)
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def join_halves(A, B, b, ld, n_own, n_back, x, z):
    """Add the Schur complement of the back half B to A, and solve what is shared."""
    n_rows = A.size // ld
    n_shared = n_rows - n_own
    for j in range(n_shared):
        x[n_own + j] += z[n_back + n_shared - 1 - j]
        for i in range(min(b + 1, n_shared - j)):
            mirrored = (n_back + n_shared - 1 - j - i) * ld + i
            A[(n_own + j) * ld + i] += B[mirrored]
    failed = band_cholesky(A, b, ld, n_own, n_own, n_rows, n_rows)
    solve_forward(A, b, ld, n_own, n_rows, x)
    return failed


@njit(cache=True, nogil=True, error_model="numpy")
def iterate_small(
    g, offsets, insides, scales, halves, largest, crossings, rows, folds,
    pairs, factors, starts, fixed, cell, negative, scale, schedule, gamma,
    gamma_offsets, cells, index, W, block, y, b, ld, A, x, tol, steps,
):  # fmt: skip
    """Run the whole iteration on a system of one band; return (n_iter, failed).

    schedule (n_iter, 3): whether crossings count, their rate, and that of Gamma.
    steps receives ||g - g_old|| / ||g|| of each iteration.
    """
    n = cells.size
    first, last = cells[0], cells[n - 1] + 1
    old = np.empty(n)
    for it in range(steps.size):
        uniform_weights(g, first, last, offsets, insides, scales, halves, rows)
        if schedule[it, 0] > 0.0:
            crossing_weights(
                g, first, last, offsets, insides, scales, halves[2], largest,
                schedule[it, 1], crossings, rows,
            )  # fmt: skip
        fold_baseline(g, offsets, scales, folds, rows)
        centre_weights(first, last, offsets.size, rows)
        assemble(
            g, first, last, rows, pairs, factors, starts, fixed, cell, negative,
            scale, schedule[it, 2], gamma,
        )  # fmt: skip
        for c in range(n):
            old[c] = g[cells[c]]
        failed = eliminate_half(
            gamma, gamma_offsets, cells, index, W, block, y, False, n, b, ld, A, x
        )
        if failed:
            return it, failed
        solve_backward(A, b, ld, n, x)
        change, size = 0.0, 0.0
        for c in range(n):
            g[cells[c]] = x[c]
            change += (x[c] - old[c]) ** 2
            size += x[c] ** 2
        steps[it] = math.sqrt(change / size) if size > 0.0 else 0.0
        if steps[it] < tol:
            return it + 1, 0
    return steps.size, 0


@njit(cache=True, nogil=True, error_model="numpy")
def fill_panel(gamma, offsets, cells, index, W, start, panel):
    """Write columns of Gamma + W into a panel (rows from `start` on, columns).

    W (1 or n_blocks, block, block) is added to the diagonal blocks; a single zero
    stands for none.
    """
    block = W.shape[1]
    for j in range(panel.shape[1]):
        c = start + j
        q = cells[c]
        for k in range(offsets.size):
            other = index[q + offsets[k]]
            if other >= 0 and other - start < panel.shape[0]:
                panel[other - start, j] += gamma[k, q]
        if block > 1 or W[0, 0, 0] != 0.0:
            of_block = W[(c // block) % W.shape[0]]
            a = c % block
            for i in range(block - a):
                if j + i < panel.shape[0]:
                    panel[j + i, j] += of_block[a, a + i]
