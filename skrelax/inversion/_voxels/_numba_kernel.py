"""Kernels at any setting, from the polynomials of a table."""

from ...utils._compiled import compiled
from .._numba_fit import REORDER

# Powers of the polynomials of a table: with fewer, pieces are many; with more, a kernel
# takes long. The loops over them are unrolled.
N_POWERS = 10


@compiled
def locate(edges, setting):
    """Return the piece of a setting, and the place in it from -1 to 1."""
    low, high = 0, edges.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if setting < edges[middle]:
            high = middle
        else:
            low = middle
    width = edges[low + 1] - edges[low]
    return low, 2.0 * (setting - edges[low]) / width - 1.0


@compiled(fastmath=REORDER)
def kernel_at(table, setting, K):
    """Write the kernel at a setting into K (n_bins, n_points)."""
    C = table.coefficients
    _, n, _, m = C.shape
    piece, t = locate(table.edges, setting)
    for j in range(n):
        for i in range(m):
            v = C[piece, j, N_POWERS - 1, i]
            for k in range(N_POWERS - 2, -1, -1):
                v = v * t + C[piece, j, k, i]
            K[j, i] = v
    if table.magnitude:
        for j in range(n):
            for i in range(m):
                K[j, i] = abs(K[j, i])


@compiled(fastmath=REORDER)
def columns_at(table, setting, p, P, K, D):
    """Write columns P[:p] at a setting into rows of K, their derivatives into D."""
    C, edges = table.coefficients, table.edges
    m = C.shape[3]
    piece, t = locate(edges, setting)
    unit = 2.0 / (edges[piece + 1] - edges[piece])
    for a in range(p):
        j = P[a]
        for i in range(m):
            v, d = C[piece, j, N_POWERS - 1, i], 0.0
            for k in range(N_POWERS - 2, -1, -1):
                d = d * t + v
                v = v * t + C[piece, j, k, i]
            K[a, i] = v
            D[a, i] = d * unit
        if table.magnitude:
            for i in range(m):
                if K[a, i] < 0.0:
                    K[a, i] = -K[a, i]
                    D[a, i] = -D[a, i]


@compiled
def ratios_at(table, setting, q):
    """Write logarithms of eigenvalues at a setting, by cubics, into q."""
    nodes, logs = table.nodes, table.ratios
    last = logs.shape[0] - 1
    u = (setting - nodes[0]) / (nodes[-1] - nodes[0]) * last
    start = min(max(int(u) - 1, 0), last - 3)
    u -= start
    for j in range(q.size):
        q[j] = 0.0
    for a in range(4):
        weight = 1.0
        for b in range(4):
            if a != b:
                weight *= (u - b) / (a - b)
        for j in range(q.size):
            q[j] += weight * logs[start + a, j]
