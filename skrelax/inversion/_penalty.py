"""Difference penalties on grids of any number of axes, never as dense matrices."""

import functools

import numpy as np
from scipy import sparse


def difference_matrix(n_bins, order):
    """Return the differences of one axis, sparse, (n_bins - order, n_bins).

    Order 0 is the identity, 1 the first and 2 the second difference; an axis
    too short for a difference has none.
    """
    if order == 0:
        return sparse.identity(n_bins, format="csr")
    if n_bins <= order:
        return sparse.csr_matrix((0, n_bins))
    stencil = [-1.0, 1.0] if order == 1 else [1.0, -2.0, 1.0]
    return sparse.diags(
        stencil, range(order + 1), shape=(n_bins - order, n_bins), format="csr"
    )


def kronecker_penalty(grid_shape, order, scales=None):
    """Return sum_i scale_i J_i^T J_i over the axes of a grid in C order, sparse."""
    scales = np.ones(len(grid_shape)) if scales is None else scales
    sizes = tuple(int(n) for n in grid_shape)
    return _penalty(sizes, int(order), tuple(float(one) for one in scales)).copy()


# A search makes the same one at each fit.
@functools.lru_cache(maxsize=2)
def _penalty(grid_shape, order, scales):
    n = int(np.prod(grid_shape))
    total = sparse.csr_array((n, n))
    for axis, n_bins in enumerate(grid_shape):
        J = difference_matrix(n_bins, order)
        before = sparse.identity(int(np.prod(grid_shape[:axis])))
        after = sparse.identity(int(np.prod(grid_shape[axis + 1 :])))
        term = sparse.kron(sparse.kron(before, J.T @ J), after)
        total = total + scales[axis] * term
        if order == 0:
            # The identity penalty has no direction: one axis stands for all.
            break
    total = sparse.csr_array(total)
    total.sort_indices()
    return total
