"""Compiled loops of the convergent scheme: penalties without switches."""

import math

import numpy as np

from ...utils._compiled import compiled
from ._numba_penalty import assemble, centre_weights, fold_baseline
from ._numba_types import BLOCK, CONTRACT


@compiled(fastmath=CONTRACT)
def _window_norm(values, spare, inside, offset, times):
    """Replace values by the 4-norm of their window: a maximum that is smooth."""
    n = values.size
    for x in range(n):
        square = values[x] * values[x]
        values[x] = square * square
    for _ in range(times):
        for x in range(offset, n - offset):
            spare[x] = values[x - offset] + values[x] + values[x + offset]
        for x in range(offset, n - offset):
            values[x] = spare[x] * inside[x]
    for x in range(n):
        values[x] = math.sqrt(math.sqrt(values[x]))


@compiled(fastmath=CONTRACT, allocates=True)
def smooth_weights(g, first, last, stencils, constants, rate, weights):
    """Write smooth, damped uniform weights into rows.

    The logarithm of gamma_i follows its new value at the given rate.
    """
    offsets, insides = stencils.offsets, stencils.insides
    scales, halves = constants.scales, constants.halves
    logarithms, rows = weights.logarithms, weights.rows
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


@compiled(fastmath=CONTRACT, allocates=True)
def smooth_crossings(g, first, last, stencils, constants, softness, rate, weights):
    """Update smooth crossing weights.

    The sign of a bin is g / sqrt(g^2 + softness^2), so that bins at the level of
    the noise switch nothing.
    """
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


@compiled
def follow_smoothly(g, stencils, couplings, constants, weights, softness, rate):
    """Let Gamma follow a distribution by one iteration of the convergent scheme."""
    cells = couplings.cells
    first, last = cells[0], cells[cells.size - 1] + 1
    smooth_weights(g, first, last, stencils, constants, rate, weights)
    smooth_crossings(g, first, last, stencils, constants, softness, rate, weights)
    fold_baseline(g, stencils, constants, weights)
    centre_weights(first, last, stencils.offsets.size, weights.rows)
    assemble(g, first, last, couplings, constants, 1.0, weights)
