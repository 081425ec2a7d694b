"""Compiled loop of the whole iteration on small systems."""

import math

from ...utils._compiled import compiled
from ._numba_band import eliminate_half, solve_backward
from ._numba_penalty import (
    assemble,
    centre_weights,
    crossing_weights,
    fold_baseline,
    uniform_weights,
)
from ._numba_types import CONTRACT


@compiled(fastmath=CONTRACT)
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
def iterate_small(g, stencils, couplings, constants, weights, band, schedule, steps):
    """Run the whole iteration on a system of one band; return (n_iter, failed).

    steps receives ||g - g_old|| / ||g|| of each iteration.
    """
    cells, rates = couplings.cells, schedule.rates
    first, last = cells[0], cells[cells.size - 1] + 1
    for it in range(steps.size):
        uniform_weights(g, first, last, stencils, constants, weights)
        if rates[it, 0] > 0.0:
            crossing_weights(g, first, last, stencils, constants, rates[it, 1], weights)
        fold_baseline(g, stencils, constants, weights)
        centre_weights(first, last, stencils.offsets.size, weights.rows)
        assemble(g, first, last, couplings, constants, rates[it, 2], weights)
        failed = eliminate_half(weights.gamma, couplings, band)
        if failed:
            return it, failed
        solve_backward(band.A, 0, band.A.shape[0], band.x)
        steps[it] = take_over(band.x, cells, g)
        if steps[it] < schedule.tol:
            return it + 1, 0
    return steps.size, 0
