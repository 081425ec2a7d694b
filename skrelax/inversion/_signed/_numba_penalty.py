"""Compiled loops of the penalties: weights that follow a distribution, and Gamma."""

import math

import numpy as np

from ...utils._compiled import compiled
from ._numba_types import BLOCK, CONTRACT


@compiled(fastmath=CONTRACT)
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


@compiled(fastmath=CONTRACT, allocates=True)
def uniform_weights(g, first, last, stencils, constants, weights):
    """Write gamma_i^(-1/2) of cells first..last into the rows of the directions."""
    offsets, insides = stencils.offsets, stencils.insides
    scales, halves, rows = constants.scales, constants.halves, weights.rows
    if offsets.size == 0:
        return
    widest = max(halves[0], halves[1])
    reach = widest * offsets.max()
    curvature = np.empty(BLOCK + 2 * reach)
    slope = np.empty(BLOCK + 2 * reach)
    spare = np.empty(BLOCK + 2 * reach)
    for start in range(first, last, BLOCK):
        count = min(BLOCK, last - start)
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


@compiled(fastmath=CONTRACT, allocates=True)
def crossing_weights(g, first, last, stencils, constants, rate, weights):
    """Update the crossing weights C_i of the axes, and write C_i^(1/2) into rows."""
    offsets, insides = stencils.offsets, stencils.insides
    half, largest = constants.halves[2], constants.limit
    crossings, rows = weights.crossings, weights.rows
    n_axes = crossings.shape[0]
    reach = half * offsets[:n_axes].max() if n_axes else 0
    found = np.empty(BLOCK + 2 * reach)
    spare = np.empty(BLOCK + 2 * reach)
    for start in range(first, last, BLOCK):
        count = min(BLOCK, last - start)
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
            scale = constants.crossing[i]
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


@compiled(fastmath=CONTRACT)
def fold_baseline(g, stencils, constants, weights):
    """Add the diagonal penalties of baseline cells to those of the axis they follow.

    A baseline has no neighbour on its own axis, so a diagonal step becomes a step
    along the other one.
    """
    offsets, folds = stencils.offsets, stencils.folds
    scales, rows = constants.scales, weights.rows
    for f in range(folds.shape[0]):
        q, i, j = folds[f, 0], folds[f, 1], folds[f, 2]
        up, down = g[q + offsets[i]], g[q - offsets[i]]
        bend, tilt = up - 2.0 * g[q] + down, 0.5 * (up - down)
        gamma = scales[j, 0] + scales[j, 1] * tilt * tilt + scales[j, 2] * bend * bend
        rows[i, q] += folds[f, 3] / math.sqrt(gamma)


@compiled(fastmath=CONTRACT)
def centre_weights(first, last, n_directions, rows):
    """Write the centre of the stencil, -2 times the sum of the other weights."""
    centre = rows[n_directions, first:last]
    centre[:] = 0.0
    for i in range(n_directions):
        row = rows[i, first:last]
        for q in range(row.size):
            centre[q] -= 2.0 * row[q]


@compiled(fastmath=CONTRACT, allocates=True)
def assemble(g, first, last, couplings, constants, u, weights):
    """Set Gamma = u Gamma_new + (1 - u) Gamma for cells first..last."""
    pairs, factors, starts = couplings.pairs, couplings.factors, couplings.starts
    cell, offsets = couplings.cell, couplings.offsets
    fixed, negative, scale = constants.fixed, constants.negative, constants.strength
    rows, gamma = weights.rows, weights.gamma
    total = np.empty(BLOCK)
    for start in range(first, last, BLOCK):
        count = min(BLOCK, last - start)
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


@compiled
def follow(g, stencils, couplings, constants, weights, rates):
    """Let Gamma follow a distribution by one iteration of the reference scheme.

    rates: whether crossings count, their rate, and that of Gamma.
    """
    cells = couplings.cells
    first, last = cells[0], cells[cells.size - 1] + 1
    uniform_weights(g, first, last, stencils, constants, weights)
    if rates[0] > 0.0:
        crossing_weights(g, first, last, stencils, constants, rates[1], weights)
    fold_baseline(g, stencils, constants, weights)
    centre_weights(first, last, stencils.offsets.size, weights.rows)
    assemble(g, first, last, couplings, constants, rates[2], weights)


@compiled(fastmath=CONTRACT, allocates=True)
def multiply(gamma, couplings, x, first, last, out):
    """Write Gamma x of cells first..last into out; x must be 0 on ghost cells."""
    offsets, cell = couplings.offsets, couplings.cell
    for start in range(first, last, BLOCK):
        count = min(BLOCK, last - start)
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
