"""Compiled loops of banded systems: fill, factor and solve, eight columns a time."""

import math

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from ...utils._compiled import compiled
from ...utils._compiler import vector_features
from ._numba_types import CONTRACT, PANEL

# Sums in any order, so that dot products are vectorised (a third of the solve).
_REORDER = {"contract", "reassoc", "nsz"}


@compiled(fastmath=CONTRACT)
def _fill_panel(gamma, couplings, band, number):
    """Write eight columns of Gamma + W into a panel.

    Unknowns are in the order of the cells, or in that from the last one if backwards;
    couplings to those from n_rows on are left out. Columns that are not kept are 0 if
    backwards, since the other half of the system brings them; else they are padding,
    with 1 on the diagonal.
    """
    offsets, steps, cells = couplings.offsets, couplings.steps, couplings.cells
    W, panel, n_rows, backwards = band.W, band.A[number], band.n_rows, band.backwards
    j, n_kept = PANEL * number, band.n_own if backwards else n_rows
    block = W.shape[1]
    n_columns = max(0, min(PANEL, n_kept - j))
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
    for p in range(PANEL):
        if p >= n_columns:
            panel[p, p] = 0.0 if backwards else 1.0
        elif panel[p, p] == 0.0:
            panel[p, p] = band.free


@compiled(fastmath=CONTRACT)
def _subtract_products_plain(A, target, left, right, height, count):
    """Subtract the products of `count` pairs of tiles from a tile of 8 x 8 values.

    All are in panels of A, from flat positions on; the next pair is one panel on, in
    the same row.
    """
    values, step = A.reshape(-1), PANEL * height - PANEL
    for column in range(PANEL):
        tile = values[target + column * height :][:PANEL]
        s0, s1, s2, s3 = tile[0], tile[1], tile[2], tile[3]
        s4, s5, s6, s7 = tile[4], tile[5], tile[6], tile[7]
        for pair in range(count):
            here, there = left + pair * step, right + pair * step + column
            for k in range(PANEL):
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
        vector = ir.VectorType(ir.DoubleType(), PANEL)
        empty = ir.Constant(vector, ir.Undefined)
        spread = ir.Constant(ir.VectorType(lane, PANEL), [0] * PANEL)
        fused = ("contract",)

        def at(position, row, shift=0):
            shifted = builder.add(builder.mul(height, whole(row)), whole(shift))
            return builder.gep(data, [builder.add(position, shifted)])

        def vector_at(position, row):
            return builder.bitcast(at(position, row), vector.as_pointer())

        # Half the registers hold sums: 8 of AVX-512, or 4 of two halves.
        wide = "avx512f" in vector_features()
        width = PANEL if wide else PANEL // 2
        for first in range(0, PANEL, width):
            columns = range(first, first + width)
            sums = []
            for column in columns:
                sums.append(cgutils.alloca_once(builder, vector))
                value = builder.load(vector_at(target, column), align=8)
                builder.store(value, sums[-1])
            step = builder.sub(builder.mul(height, whole(PANEL)), whole(PANEL))
            with cgutils.for_range(builder, count) as loop:
                shift = builder.mul(loop.index, step)
                here, there = builder.add(left, shift), builder.add(right, shift)
                for k in range(PANEL):
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


@compiled(fastmath=CONTRACT)
def _factor_panel(panel, rows):
    """Factor a panel that is up to date; return 0, or the failed column + 1.

    The diagonal receives the inverse of that of the factor.
    """
    for c in range(PANEL):
        pivot = panel[c, c]
        if not pivot > 0.0:
            return c + 1
        inverse = 1.0 / math.sqrt(pivot)
        panel[c, c] = inverse
        for r in range(c + 1, PANEL):
            panel[c, r] *= inverse
        for p in range(c + 1, PANEL):
            for r in range(p, PANEL):
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
    x0, x1 = panel[0, PANEL:rows], panel[1, PANEL:rows]
    x2, x3 = panel[2, PANEL:rows], panel[3, PANEL:rows]
    x4, x5 = panel[4, PANEL:rows], panel[5, PANEL:rows]
    x6, x7 = panel[6, PANEL:rows], panel[7, PANEL:rows]
    for row in range(rows - PANEL):
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
    reach, size = height // PANEL, PANEL * height
    n = min(reach, A.shape[0] - j)
    stop = min(j, last)
    for i in range(n):
        # The first panel that reaches down to these rows.
        first = max(done, j + i + 1 - reach)
        if first < stop:
            below = first * size + PANEL * (j - first)
            target, left = j * size + PANEL * i, below + PANEL * i
            _subtract_products(A, target, left, below, height, stop - first)
    return PANEL * n


@compiled(fastmath=CONTRACT)
def solve_forward(A, first, last, x):
    """Solve L x = x for panels first..last, and take them out of the later unknowns."""
    for j in range(first, last):
        panel, base = A[j], PANEL * j
        for c in range(PANEL):
            value = x[base + c] * panel[c, c]
            x[base + c] = value
            for r in range(c + 1, PANEL):
                x[base + r] -= value * panel[c, r]
        target = x[base + PANEL : base + panel.shape[1]]
        n = target.size
        x0, x1, x2, x3 = x[base], x[base + 1], x[base + 2], x[base + 3]
        x4, x5, x6, x7 = x[base + 4], x[base + 5], x[base + 6], x[base + 7]
        p0, p1 = panel[0, PANEL:], panel[1, PANEL:]
        p2, p3 = panel[2, PANEL:], panel[3, PANEL:]
        p4, p5 = panel[4, PANEL:], panel[5, PANEL:]
        p6, p7 = panel[6, PANEL:], panel[7, PANEL:]
        for row in range(n):
            r = np.uint64(row)
            target[r] -= (
                x0 * p0[r] + x1 * p1[r] + x2 * p2[r] + x3 * p3[r]
                + x4 * p4[r] + x5 * p5[r] + x6 * p6[r] + x7 * p7[r]
            )  # fmt: skip


@compiled(fastmath=CONTRACT)
def solve_forward_many(A, X):
    """Solve L X = X for all columns of X (n, k), eight earlier rows at a time."""
    n, reach = X.shape[0], A.shape[2] // PANEL
    for i in range(n):
        j, c = i // PANEL, i % PANEL
        target = X[i]
        for k in range(max(0, j + 1 - reach), j):
            base, a = PANEL * k, A[k, :, PANEL * (j - k) + c]
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


@compiled(fastmath=_REORDER)
def solve_backward(A, first, last, x):
    """Solve L^T x = x for panels last-1..first; the later ones are solved already."""
    for j in range(last - 1, first - 1, -1):
        panel, base = A[j], PANEL * j
        source = x[base + PANEL : base + panel.shape[1]]
        p0, p1 = panel[0, PANEL:], panel[1, PANEL:]
        p2, p3 = panel[2, PANEL:], panel[3, PANEL:]
        p4, p5 = panel[4, PANEL:], panel[5, PANEL:]
        p6, p7 = panel[6, PANEL:], panel[7, PANEL:]
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
        own = x[base : base + PANEL]
        own[0] -= s0
        own[1] -= s1
        own[2] -= s2
        own[3] -= s3
        own[4] -= s4
        own[5] -= s5
        own[6] -= s6
        own[7] -= s7
        for c in range(PANEL - 1, -1, -1):
            total = own[c]
            for r in range(c + 1, PANEL):
                total -= panel[c, r] * own[r]
            own[c] = total * panel[c, c]


@compiled
def eliminate_half(gamma, couplings, band):
    """Fill and factor one half of a banded system, and eliminate its unknowns from x.

    The panels hold the factor L in the end, with inverses on the diagonal. Unknowns
    beyond those of the half, up to n_rows, are shared with the other half, and receive
    their Schur complement. They are brought by the half from the front. Returns 0, or
    the column that failed + 1.
    """
    A, x, y, n_own, backwards = band.A, band.x, band.Y, band.n_own, band.backwards
    n_kept = n_own if backwards else band.n_rows
    for j in range(x.size):
        x[j] = 0.0
        if j < n_kept:
            x[j] = y[y.size - 1 - j] if backwards else y[j]
    own = (n_own + PANEL - 1) // PANEL
    # Panels are filled, factored and eliminated while they are in the cache.
    for j in range(A.shape[0]):
        _fill_panel(gamma, couplings, band, j)
        rows = _reduce_panel(A, j, 0, own)
        if j < own:
            failed = _factor_panel(A[j], rows)
            if failed:
                return PANEL * j + failed
            solve_forward(A, j, j + 1, x)
    return 0


@compiled
def solve_whole(gamma, couplings, band):
    """Solve a system that is not shared; return 0, or the column that failed + 1."""
    failed = eliminate_half(gamma, couplings, band)
    if not failed:
        solve_backward(band.A, 0, band.A.shape[0], band.x)
    return failed


@compiled
def join_halves(front, back):
    """Add the Schur complement of the back half to the front, and solve the shared."""
    A, B, x, z = front.A, back.A, front.x, back.x
    n_own, n_back, n_rows = front.n_own, back.n_own, front.n_rows
    n_shared, reach = n_rows - n_own, A.shape[2]
    for j in range(n_shared):
        x[n_own + j] += z[n_back + n_shared - 1 - j]
        column = A[(n_own + j) // PANEL, j % PANEL, j % PANEL :]
        for i in range(min(column.size, n_shared - j)):
            mirrored = n_shared - 1 - j - i
            if mirrored % PANEL + i < reach:
                column[i] += B[
                    (n_back + mirrored) // PANEL,
                    mirrored % PANEL,
                    mirrored % PANEL + i,
                ]
    own = n_own // PANEL
    for j in range(own, A.shape[0]):
        failed = _factor_panel(A[j], _reduce_panel(A, j, own, j))
        if failed:
            return PANEL * j + failed
        solve_forward(A, j, j + 1, x)
    return 0
