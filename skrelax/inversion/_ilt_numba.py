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
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from ..utils._compiled import compiled, vector_features

# Cells per block: the arrays of a block stay in the second level cache.
_BLOCK = 2048
# Columns of a panel of a banded matrix: a vector of the widest registers.
_PANEL = 8
# Contraction lets the compiler use fused multiply-adds; it removes no NaN.
_CONTRACT = {"contract"}
# Sums in any order, so that dot products are vectorised (a third of the solve).
_REORDER = {"contract", "reassoc", "nsz"}


@compiled(fastmath=_CONTRACT)
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


@compiled(fastmath=_CONTRACT)
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
            _window_max(c, spare[:size], inside, o, halves[0] - 1)
            _window_max(p, spare[:size], inside, o, halves[1] - 1)
            floor, of_slope, of_curvature = scales[i, 0], scales[i, 1], scales[i, 2]
            # The last step of the windows is part of the loop that reads them.
            wide_c, wide_p = o * min(1, halves[0]), o * min(1, halves[1])
            c0, c1 = c[halo - wide_c :], c[halo + wide_c :]
            p0, p1 = p[halo - wide_p :], p[halo + wide_p :]
            c, p, inside = c[halo:], p[halo:], inside[halo:]
            out = rows[i, start : start + count]
            for n in range(count):
                x = np.uint64(n)
                bend = c0[x] if c0[x] > c1[x] else c1[x]
                bend = bend if bend > c[x] else c[x]
                tilt = p0[x] if p0[x] > p1[x] else p1[x]
                tilt = tilt if tilt > p[x] else p[x]
                gamma = floor + of_slope * tilt + of_curvature * bend
                out[x] = inside[x] / math.sqrt(gamma)


@compiled(fastmath=_CONTRACT)
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
            _window_max(m, spare[:size], inside, o, half - 1)
            wide = o * min(1, half)
            m0, m1 = m[halo - wide :], m[halo + wide :]
            m, inside = m[halo:], inside[halo:]
            state = crossings[i, start : start + count]
            out = rows[offsets.size + 1 + i, start : start + count]
            for n in range(count):
                x = np.uint64(n)
                best = m0[x] if m0[x] > m1[x] else m1[x]
                best = best if best > m[x] else m[x]
                state[x] = (1.0 - rate) * state[x] + rate * inside[x] * best
                out[x] = math.sqrt(state[x])


@compiled(fastmath=_CONTRACT)
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


@compiled(fastmath=_CONTRACT)
def centre_weights(first, last, n_directions, rows):
    """Write the centre of the stencil, -2 times the sum of the other weights."""
    centre = rows[n_directions, first:last]
    centre[:] = 0.0
    for i in range(n_directions):
        row = rows[i, first:last]
        for q in range(row.size):
            centre[q] -= 2.0 * row[q]


@compiled(fastmath=_CONTRACT)
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


@compiled(fastmath=_CONTRACT)
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
    block = W.shape[1]
    n_columns = max(0, min(_PANEL, n_kept - j))
    first = cells.size - 1 - j if backwards else j
    which, a = first // block, first % block
    panel[:] = 0.0
    for p in range(n_columns):
        of_block = W[which if W.shape[0] > 1 else 0, a]
        if backwards:
            column = panel[p, p : p + min(a + 1, n_rows - j - p)]
            values = of_block[a + 1 - column.size : a + 1]
            last = np.uint64(column.size - 1)
            for n in range(column.size):
                # Unsigned, or each index is tested for counting from the end.
                i = np.uint64(n)
                column[i] = values[last - i]
            a -= 1
            if a < 0:
                which, a = which - 1, block - 1
        else:
            column = panel[p, p : p + min(block - a, n_rows - j - p)]
            values = of_block[a : a + column.size]
            for i in range(column.size):
                column[i] = values[i]
            a += 1
            if a == block:
                which, a = which + 1, 0
    for k in range(offsets.size):
        step, coupling = steps[k], gamma[k]
        for p in range(min(n_columns, n_rows - j - step)):
            q = cells[first - p] - offsets[k] if backwards else cells[first + p]
            panel[p, p + step] += coupling[q]
    for p in range(_PANEL):
        if p >= n_columns:
            panel[p, p] = 0.0 if backwards else 1.0
        elif panel[p, p] == 0.0:
            panel[p, p] = free


@compiled(fastmath=_CONTRACT)
def _subtract_products_plain(A, target, left, right, height, count):
    """Subtract the products of `count` pairs of tiles from a tile of 8 x 8 values.

    All are in panels of A, from flat positions on; the next pair is one panel on, in
    the same row.
    """
    values, step = A.reshape(-1), _PANEL * height - _PANEL
    for column in range(_PANEL):
        tile = values[target + column * height :][:_PANEL]
        s0, s1, s2, s3 = tile[0], tile[1], tile[2], tile[3]
        s4, s5, s6, s7 = tile[4], tile[5], tile[6], tile[7]
        for pair in range(count):
            here, there = left + pair * step, right + pair * step + column
            for k in range(_PANEL):
                x = np.uint64(here + k * height)
                factor = values[np.uint64(there + k * height)]
                s0 -= values[x] * factor
                s1 -= values[x + np.uint64(1)] * factor
                s2 -= values[x + np.uint64(2)] * factor
                s3 -= values[x + np.uint64(3)] * factor
                s4 -= values[x + np.uint64(4)] * factor
                s5 -= values[x + np.uint64(5)] * factor
                s6 -= values[x + np.uint64(6)] * factor
                s7 -= values[x + np.uint64(7)] * factor
        tile[0], tile[1], tile[2], tile[3] = s0, s1, s2, s3
        tile[4], tile[5], tile[6], tile[7] = s4, s5, s6, s7


@intrinsic
def _subtract_products_vector(typing, A, target, left, right, height, count):
    """Do the same with vectors: the tile stays in registers, twice as fast.

    No loop that the compiler vectorises itself reaches that.
    """

    def generate(context, builder, signature, args):
        data = context.make_array(A)(context, builder, args[0]).data
        target, left, right, height, count = args[1:]
        whole, lane = target.type, ir.IntType(32)
        vector = ir.VectorType(ir.DoubleType(), _PANEL)
        empty = ir.Constant(vector, ir.Undefined)
        spread = ir.Constant(ir.VectorType(lane, _PANEL), [0] * _PANEL)
        fused = ("contract",)

        def at(position, row, shift=0):
            shifted = builder.add(builder.mul(height, whole(row)), whole(shift))
            return builder.gep(data, [builder.add(position, shifted)])

        def vector_at(position, row):
            return builder.bitcast(at(position, row), vector.as_pointer())

        # Half the registers hold sums: 8 of AVX-512, or 4 of two halves.
        wide = "avx512f" in vector_features()
        width = _PANEL if wide else _PANEL // 2
        for first in range(0, _PANEL, width):
            columns = range(first, first + width)
            sums = []
            for column in columns:
                sums.append(cgutils.alloca_once(builder, vector))
                value = builder.load(vector_at(target, column), align=8)
                builder.store(value, sums[-1])
            step = builder.sub(builder.mul(height, whole(_PANEL)), whole(_PANEL))
            with cgutils.for_range(builder, count) as loop:
                shift = builder.mul(loop.index, step)
                here, there = builder.add(left, shift), builder.add(right, shift)
                for k in range(_PANEL):
                    values = builder.load(vector_at(here, k), align=8)
                    for column, total in zip(columns, sums, strict=True):
                        factor = builder.load(at(there, k, column))
                        factor = builder.insert_element(empty, factor, lane(0))
                        factor = builder.shuffle_vector(factor, empty, spread)
                        product = builder.fmul(values, factor, flags=fused)
                        rest = builder.fsub(builder.load(total), product, flags=fused)
                        builder.store(rest, total)
            for column, total in zip(columns, sums, strict=True):
                builder.store(builder.load(total), vector_at(target, column), align=8)
        return context.get_dummy_value()

    return types.void(A, *[types.intp] * 5), generate


# Chosen once, by what loops are compiled for; vectors of four doubles at least.
_VECTORS = bool(vector_features() & {"avx", "neon"}) and not config.DISABLE_JIT
_subtract_products = _subtract_products_vector if _VECTORS else _subtract_products_plain


@compiled(fastmath=_CONTRACT)
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
    # The rows below in one pass, which reads and writes each value once.
    d0 = panel[0, 0]
    d1, l10 = panel[1, 1], panel[0, 1]
    d2, l20, l21 = panel[2, 2], panel[0, 2], panel[1, 2]
    d3, l30, l31, l32 = panel[3, 3], panel[0, 3], panel[1, 3], panel[2, 3]
    d4, l40, l41, l42 = panel[4, 4], panel[0, 4], panel[1, 4], panel[2, 4]
    l43 = panel[3, 4]
    d5, l50, l51, l52 = panel[5, 5], panel[0, 5], panel[1, 5], panel[2, 5]
    l53, l54 = panel[3, 5], panel[4, 5]
    d6, l60, l61, l62 = panel[6, 6], panel[0, 6], panel[1, 6], panel[2, 6]
    l63, l64, l65 = panel[3, 6], panel[4, 6], panel[5, 6]
    d7, l70, l71, l72 = panel[7, 7], panel[0, 7], panel[1, 7], panel[2, 7]
    l73, l74, l75, l76 = panel[3, 7], panel[4, 7], panel[5, 7], panel[6, 7]
    x0, x1 = panel[0, _PANEL:rows], panel[1, _PANEL:rows]
    x2, x3 = panel[2, _PANEL:rows], panel[3, _PANEL:rows]
    x4, x5 = panel[4, _PANEL:rows], panel[5, _PANEL:rows]
    x6, x7 = panel[6, _PANEL:rows], panel[7, _PANEL:rows]
    for row in range(rows - _PANEL):
        r = np.uint64(row)
        v0 = d0 * x0[r]
        v1 = d1 * (x1[r] - l10 * v0)
        v2 = d2 * (x2[r] - l20 * v0 - l21 * v1)
        v3 = d3 * (x3[r] - l30 * v0 - l31 * v1 - l32 * v2)
        v4 = d4 * (x4[r] - l40 * v0 - l41 * v1 - l42 * v2 - l43 * v3)
        v5 = d5 * (x5[r] - l50 * v0 - l51 * v1 - l52 * v2 - l53 * v3 - l54 * v4)
        v6 = d6 * (
            x6[r] - l60 * v0 - l61 * v1 - l62 * v2
            - l63 * v3 - l64 * v4 - l65 * v5
        )  # fmt: skip
        v7 = d7 * (
            x7[r] - l70 * v0 - l71 * v1 - l72 * v2 - l73 * v3
            - l74 * v4 - l75 * v5 - l76 * v6
        )  # fmt: skip
        x0[r], x1[r], x2[r], x3[r] = v0, v1, v2, v3
        x4[r], x5[r], x6[r], x7[r] = v4, v5, v6, v7
    return 0


@compiled
def _reduce_panel(A, j, done, last):
    """Update panel j by panels done..last-1; return its rows inside the matrix."""
    height = A.shape[2]
    reach, size = height // _PANEL, _PANEL * height
    n = min(reach, A.shape[0] - j)
    stop = min(j, last)
    for i in range(n):
        # The first panel that reaches down to these rows.
        first = max(done, j + i + 1 - reach)
        if first < stop:
            below = first * size + _PANEL * (j - first)
            _subtract_products(
                A, j * size + _PANEL * i, below + _PANEL * i, below, height,
                stop - first,
            )  # fmt: skip
    return _PANEL * n


@compiled(fastmath=_CONTRACT)
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


@compiled(fastmath=_REORDER)
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


@compiled
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


@compiled
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


@compiled(fastmath=_CONTRACT)
def take_over(x, cells, g):
    """Write cells x into g on the flat array; return ||x - g|| / ||x||, 0 for 0."""
    change, size = 0.0, 0.0
    for c in range(cells.size):
        apart = x[c] - g[cells[c]]
        g[cells[c]] = x[c]
        change += apart * apart
        size += x[c] * x[c]
    return math.sqrt(change / size) if size > 0.0 else 0.0


@compiled
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
        failed = eliminate_half(
            gamma, gamma_offsets, gamma_steps, cells, W, y, False, n, n, 1.0, A, x
        )
        if failed:
            return it, failed
        solve_backward(A, 0, A.shape[0], x)
        steps[it] = take_over(x, cells, g)
        if steps[it] < tol:
            return it + 1, 0
    return steps.size, 0
