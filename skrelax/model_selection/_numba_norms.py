"""Effective parameters of many distributions, each with a strength of its own."""

import numpy as np

from ..utils._compiled import compiled


@compiled(allocates=True)
def influence_traces(G, L, strengths, F, is_linear, traces):
    """Write tr((G + strength L)^-1 G) over the bins of each f that are not zero.

    G and L are symmetric (n, n), F (q, n), strengths and traces (q,). `is_linear` takes
    all bins. Where the sum is not positive definite the trace is nan.
    """
    n = G.shape[0]
    index = np.empty(n, np.int64)
    W = np.empty((n, n))
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
        # With the inverse W of the factor the trace is that of W G W^T, row by row.
        total = 0.0
        for a in range(k):
            scale = 1.0 / factor[a, a]
            for b in range(a):
                v = 0.0
                for c in range(b, a):
                    v -= factor[a, c] * W[c, b]
                W[a, b] = v * scale
            W[a, a] = scale
            for b in range(a + 1):
                v = 0.0
                for c in range(b):
                    v += G[index[b], index[c]] * W[a, c]
                total += W[a, b] * (2.0 * v + G[index[b], index[b]] * W[a, b])
        traces[q] = total
