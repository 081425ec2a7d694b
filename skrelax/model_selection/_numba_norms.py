"""Effective parameters of many distributions, each with a strength of its own."""

import numpy as np

from ..utils._compiled import compiled


@compiled(allocates=True)
def influence_traces(A, G, L, strengths, F, is_linear, traces):
    """Write tr((G + strength L)^-1 G) over the bins of each f that are not zero.

    A is (m, n) with the products G; G and L are symmetric (n, n), F (q, n), strengths
    and traces (q,). `is_linear` takes all bins. Where the sum is not positive definite
    the trace is nan.
    """
    m, n = A.shape
    index = np.empty(n, np.int64)
    h = np.empty(n)
    for q in range(F.shape[0]):
        k = 0
        for j in range(n):
            if is_linear or F[q, j] != 0.0:
                index[k] = j
                k += 1
        traces[q] = 0.0
        if k == 0:
            continue
        factor = np.empty((k, k))
        for a in range(k):
            for b in range(k):
                i, j = index[a], index[b]
                factor[a, b] = G[i, j] + strengths[q] * L[i, j]
        done = True
        try:
            factor = np.linalg.cholesky(factor)
        except Exception:  # the only clause that Numba compiles
            done = False
        if not done:
            traces[q] = np.nan
            continue
        # With the factor C the trace is the sum of squares of C^-1 A^T, row by row.
        total = 0.0
        for i in range(m):
            start = 0
            while start < k and A[i, index[start]] == 0.0:
                start += 1
            for a in range(start, k):
                v = A[i, index[a]]
                for b in range(start, a):
                    v -= factor[a, b] * h[b]
                h[a] = v / factor[a, a]
                total += h[a] * h[a]
        traces[q] = total
