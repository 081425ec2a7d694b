"""Compiled loop of the whole iteration on small systems."""

import math

from ...utils._compiled import compiled
from ._numba_band import solve_whole
from ._numba_penalty import follow
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
    for it in range(steps.size):
        follow(g, stencils, couplings, constants, weights, schedule.rates[it])
        failed = solve_whole(weights.gamma, couplings, band)
        if failed:
            return it, failed
        steps[it] = take_over(band.x, couplings.cells, g)
        if steps[it] < schedule.tol:
            return it + 1, 0
    return steps.size, 0
