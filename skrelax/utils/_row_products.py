"""Products of signals that are the same bits whichever signals share a call."""

import numpy as np


def row_products(rows, others):
    """Return rows (q, n) times others (m, n) or (n,), transposed: (q, m) or (q,).

    Each product is a sum over two runs of memory. BLAS shares a matrix out in blocks,
    so that the last bits of a row hang on how many others stand beside it.
    """
    rows = np.ascontiguousarray(rows)
    sums = "qj,j->q" if np.ndim(others) == 1 else "qj,mj->qm"
    return np.einsum(sums, rows, np.ascontiguousarray(others))
