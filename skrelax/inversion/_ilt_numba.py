"""Compiled loops of the multi-dimensional inversion: penalties and banded solves.

Distributions live on a flat array with a layer of ghost cells after every line
of an axis, which hold 0: a step of the stencil is then one offset, whatever the
number of axes. `Gamma` is stored by offsets: entry (k, q) couples cell q with
cell q + offsets[k], and is 0 where one of them is none: cells that are coupled are
then steps[k] apart in their own order, too. The diagonal of ghost cells is never
read as a value that counts, since vectors are 0 there.
"""

import math

import numpy as np
from numba import njit

# Cells per block: the arrays of a block stay in the second level cache.
_BLOCK = 2048
# Columns of a panel of a banded matrix: a vector of the widest registers.
_PANEL = 8
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
    g, first, last, rows, pairs, factors, starts, fixed, cell, negative, scale, u,
    offsets, gamma,
):  # fmt: skip
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
            if k == 0:
                for x in range(count):
                    out[x] = (1.0 - u) * out[x] + u * scale * acc[x]
                continue
            own = cell[start : start + count]
            other = cell[start + offsets[k] : start + offsets[k] + count]
            for x in range(count):
                coupled = own[x] * other[x]
                out[x] = (1.0 - u) * out[x] + u * scale * coupled * acc[x]


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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def _fill_panel(
    gamma, offsets, steps, cells, W, backwards, j, n_rows, n_kept, free, panel
):
    """Write eight columns of Gamma + W, from unknown j on, into a panel (8, height).

    Unknowns are in the order of the cells, or in that from the last one if backwards;
    couplings to those from n_rows on are left out. W has one (block, block) matrix for
    all blocks of unknowns, or one for each. Columns from n_kept on are 0 if backwards,
    since the other half of the system brings them; else they are padding, with 1 on
    the diagonal. A cell that neither data nor penalty know gets the diagonal `free`.
    """
    n, block = cells.size, W.shape[1]
    n_columns = max(0, min(_PANEL, n_kept - j))
    first = n - 1 - j if backwards else j
    which, a = first // block, first % block
    panel[:] = 0.0
    for p in range(n_columns):
        of_block = W[which if W.shape[0] > 1 else 0, a]
        if backwards:
            column = panel[p, p : p + min(a + 1, n_rows - j - p)]
            for i in range(column.size):
                column[i] = of_block[a - i]
            a -= 1
            if a < 0:
                which, a = which - 1, block - 1
        else:
            column = panel[p, p : p + min(block - a, n_rows - j - p)]
            for i in range(column.size):
                column[i] = of_block[a + i]
            a += 1
            if a == block:
                which, a = which + 1, 0
    for k in range(offsets.size):
        step, values = steps[k], gamma[k]
        for p in range(min(n_columns, n_rows - j - step)):
            q = cells[first - p] - offsets[k] if backwards else cells[first + p]
            panel[p, p + step] += values[q]
    for p in range(_PANEL):
        if p >= n_columns:
            panel[p, p] = 0.0 if backwards else 1.0
        elif panel[p, p] == 0.0:
            panel[p, p] = free


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def _update_panel(source, target, start, rows):
    """Take the eight columns of an earlier panel out of the rows of a later one.

    Row `start` of the source is row 0 of the target. Two columns at a time: 16
    factors and the values they meet are what registers hold. Rows are a multiple of
    eight, which leaves no rest of a vector.
    """
    v0, v1 = source[0, start : start + rows], source[1, start : start + rows]
    v2, v3 = source[2, start : start + rows], source[3, start : start + rows]
    v4, v5 = source[4, start : start + rows], source[5, start : start + rows]
    v6, v7 = source[6, start : start + rows], source[7, start : start + rows]
    for c in range(0, _PANEL, 2):
        s, t = target[c, :rows], target[c + 1, :rows]
        a0, a1, a2, a3 = v0[c], v1[c], v2[c], v3[c]
        a4, a5, a6, a7 = v4[c], v5[c], v6[c], v7[c]
        b0, b1, b2, b3 = v0[c + 1], v1[c + 1], v2[c + 1], v3[c + 1]
        b4, b5, b6, b7 = v4[c + 1], v5[c + 1], v6[c + 1], v7[c + 1]
        for row in range(rows):
            # Unsigned, or each index is tested for counting from the end.
            r = np.uint64(row)
            x0, x1, x2, x3 = v0[r], v1[r], v2[r], v3[r]
            x4, x5, x6, x7 = v4[r], v5[r], v6[r], v7[r]
            s[r] -= (
                a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
                + a4 * x4 + a5 * x5 + a6 * x6 + a7 * x7
            )  # fmt: skip
            t[r] -= (
                b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
                + b4 * x4 + b5 * x5 + b6 * x6 + b7 * x7
            )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def _factor_panel(panel, rows):
    """Factor a panel that is up to date; return 0, or the failed column + 1.

    The diagonal receives the inverse of that of the factor.
    """
    for c in range(_PANEL):
        pivot = panel[c, c]
        if not pivot > 0.0:
            return c + 1
        inverse = 1.0 / math.sqrt(pivot)
        panel[c, c] = inverse
        for r in range(c + 1, _PANEL):
            panel[c, r] *= inverse
        for p in range(c + 1, _PANEL):
            for r in range(p, _PANEL):
                panel[p, r] -= panel[c, p] * panel[c, r]
    for c in range(_PANEL):
        target = panel[c, _PANEL:rows]
        for p in range(c):
            column, value = panel[p, _PANEL:rows], panel[p, c]
            for r in range(target.size):
                target[r] -= value * column[r]
        target *= panel[c, c]
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def _reduce_panel(A, j, done, last):
    """Update panel j by panels done..last-1; return its rows inside the matrix."""
    n_panels, reach = A.shape[0], A.shape[2] // _PANEL
    for k in range(max(done, j + 1 - reach), min(j, last)):
        n = min(reach - (j - k), n_panels - j)
        _update_panel(A[k], A[j], _PANEL * (j - k), _PANEL * n)
    return _PANEL * min(reach, n_panels - j)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def solve_forward(A, first, last, x):
    """Solve L x = x for panels first..last, and take them out of the later unknowns."""
    for j in range(first, last):
        panel, base = A[j], _PANEL * j
        for c in range(_PANEL):
            value = x[base + c] * panel[c, c]
            x[base + c] = value
            for r in range(c + 1, _PANEL):
                x[base + r] -= value * panel[c, r]
        target = x[base + _PANEL : base + panel.shape[1]]
        n = target.size
        x0, x1, x2, x3 = x[base], x[base + 1], x[base + 2], x[base + 3]
        x4, x5, x6, x7 = x[base + 4], x[base + 5], x[base + 6], x[base + 7]
        p0, p1 = panel[0, _PANEL:], panel[1, _PANEL:]
        p2, p3 = panel[2, _PANEL:], panel[3, _PANEL:]
        p4, p5 = panel[4, _PANEL:], panel[5, _PANEL:]
        p6, p7 = panel[6, _PANEL:], panel[7, _PANEL:]
        for row in range(n):
            r = np.uint64(row)
            target[r] -= (
                x0 * p0[r] + x1 * p1[r] + x2 * p2[r] + x3 * p3[r]
                + x4 * p4[r] + x5 * p5[r] + x6 * p6[r] + x7 * p7[r]
            )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_CONTRACT)
def solve_forward_many(A, X):
    """Solve L X = X for all columns of X (n, k), eight earlier rows at a time."""
    n, reach = X.shape[0], A.shape[2] // _PANEL
    for i in range(n):
        j, c = i // _PANEL, i % _PANEL
        target = X[i]
        for k in range(max(0, j + 1 - reach), j):
            base, a = _PANEL * k, A[k, :, _PANEL * (j - k) + c]
            a0, a1, a2, a3 = a[0], a[1], a[2], a[3]
            a4, a5, a6, a7 = a[4], a[5], a[6], a[7]
            x0, x1, x2, x3 = X[base], X[base + 1], X[base + 2], X[base + 3]
            x4, x5, x6, x7 = X[base + 4], X[base + 5], X[base + 6], X[base + 7]
            for col in range(target.size):
                r = np.uint64(col)
                target[r] -= (
                    a0 * x0[r] + a1 * x1[r] + a2 * x2[r] + a3 * x3[r]
                    + a4 * x4[r] + a5 * x5[r] + a6 * x6[r] + a7 * x7[r]
                )  # fmt: skip
        for p in range(c):
            value, source = A[j, p, c], X[i - c + p]
            for r in range(target.size):
                target[r] -= value * source[r]
        target *= A[j, c, c]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def solve_backward(A, first, last, x):
    """Solve L^T x = x for panels last-1..first; the later ones are solved already."""
    for j in range(last - 1, first - 1, -1):
        panel, base = A[j], _PANEL * j
        source = x[base + _PANEL : base + panel.shape[1]]
        p0, p1 = panel[0, _PANEL:], panel[1, _PANEL:]
        p2, p3 = panel[2, _PANEL:], panel[3, _PANEL:]
        p4, p5 = panel[4, _PANEL:], panel[5, _PANEL:]
        p6, p7 = panel[6, _PANEL:], panel[7, _PANEL:]
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
        for row in range(source.size):
            r = np.uint64(row)
            v = source[r]
            s0 += p0[r] * v
            s1 += p1[r] * v
            s2 += p2[r] * v
            s3 += p3[r] * v
            s4 += p4[r] * v
            s5 += p5[r] * v
            s6 += p6[r] * v
            s7 += p7[r] * v
        own = x[base : base + _PANEL]
        own[0] -= s0
        own[1] -= s1
        own[2] -= s2
        own[3] -= s3
        own[4] -= s4
        own[5] -= s5
        own[6] -= s6
        own[7] -= s7
        for c in range(_PANEL - 1, -1, -1):
            total = own[c]
            for r in range(c + 1, _PANEL):
                total -= panel[c, r] * own[r]
            own[c] = total * panel[c, c]


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate_half(
    gamma, offsets, steps, cells, W, y, backwards, n_own, n_rows, free, A, x
):
    """Fill and factor one half of a banded system, and eliminate its unknowns from x.

    A (n_panels, 8, height) holds panels of eight columns from their first row on,
    the factor L in the end, with inverses on the diagonal. The half owns n_own
    unknowns, from the first or the last one; those beyond, up to n_rows, are shared
    with the other half, and receive their Schur complement. They are brought by the
    half from the front. Returns 0, or the column that failed + 1.
    """
    n_kept = n_own if backwards else n_rows
    for j in range(x.size):
        x[j] = 0.0
        if j < n_kept:
            x[j] = y[cells.size - 1 - j] if backwards else y[j]
    own = (n_own + _PANEL - 1) // _PANEL
    # Panels are filled, factored and eliminated while they are in the cache.
    for j in range(A.shape[0]):
        _fill_panel(
            gamma, offsets, steps, cells, W, backwards, _PANEL * j, n_rows, n_kept,
            free, A[j],
        )  # fmt: skip
        rows = _reduce_panel(A, j, 0, own)
        if j < own:
            failed = _factor_panel(A[j], rows)
            if failed:
                return _PANEL * j + failed
            solve_forward(A, j, j + 1, x)
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def join_halves(A, B, n_own, n_back, n_rows, x, z):
    """Add the Schur complement of the back half B to A, and solve what is shared."""
    n_shared, reach = n_rows - n_own, A.shape[2]
    for j in range(n_shared):
        x[n_own + j] += z[n_back + n_shared - 1 - j]
        column = A[(n_own + j) // _PANEL, j % _PANEL, j % _PANEL :]
        for i in range(min(column.size, n_shared - j)):
            mirrored = n_shared - 1 - j - i
            if mirrored % _PANEL + i < reach:
                column[i] += B[
                    (n_back + mirrored) // _PANEL,
                    mirrored % _PANEL,
                    mirrored % _PANEL + i,
                ]
    own = n_own // _PANEL
    for j in range(own, A.shape[0]):
        failed = _factor_panel(A[j], _reduce_panel(A, j, own, j))
        if failed:
            return _PANEL * j + failed
        solve_forward(A, j, j + 1, x)
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def iterate_small(
    g, offsets, insides, scales, halves, largest, crossings, rows, folds,
    pairs, factors, starts, fixed, cell, negative, scale, schedule, gamma,
    gamma_offsets, gamma_steps, cells, W, y, A, x, tol, steps,
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
            scale, schedule[it, 2], gamma_offsets, gamma,
        )  # fmt: skip
        for c in range(n):
            old[c] = g[cells[c]]
        failed = eliminate_half(
            gamma, gamma_offsets, gamma_steps, cells, W, y, False, n, n, 1.0, A, x
        )
        if failed:
            return it, failed
        solve_backward(A, 0, A.shape[0], x)
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
def fill_panel(gamma, steps, cells, W, start, panel):
    """Write columns of Gamma + W into a panel (rows from `start` on, columns).

    W (1 or n_blocks, block, block) is added to the diagonal blocks; a single zero
    stands for none.
    """
    block = W.shape[1]
    for j in range(panel.shape[1]):
        c = start + j
        q = cells[c]
        for k in range(steps.size):
            if j + steps[k] < panel.shape[0]:
                panel[j + steps[k], j] += gamma[k, q]
        if block > 1 or W[0, 0, 0] != 0.0:
            of_block = W[(c // block) % W.shape[0]]
            a = c % block
            for i in range(block - a):
                if j + i < panel.shape[0]:
                    panel[j + i, j] += of_block[a, a + i]
