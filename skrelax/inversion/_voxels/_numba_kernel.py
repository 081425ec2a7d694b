"""Kernels at any setting, from the polynomials of a table."""

from ...utils._compiled import compiled
from .._numba_fit import REORDER

# Powers of the polynomials of a table: with fewer, pieces are many; with more, a kernel
# takes long. The loops over them are unrolled.
N_POWERS = 10
# Products of columns are made anew where missing points leave less than this fraction.
_LEAST_LEFT = 1e-4


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
def centre(root, n, K):
    """Take what a baseline explains off the first n columns, in rows of K."""
    for j in range(n):
        v = 0.0
        for i in range(root.size):
            v += root[i] * K[j, i]
        for i in range(root.size):
            K[j, i] -= v * root[i]


@compiled(fastmath=REORDER)
def leave_out(own, n, has_baseline, K):
    """Leave missing points out of the first n columns, in rows of K.

    A baseline that was taken off all points before changes nothing of taking off that
    of the points there.
    """
    m = own.shape[1]
    for j in range(n):
        for i in range(m):
            K[j, i] *= own[0, i]
    if has_baseline:
        for j in range(n):
            v = 0.0
            for i in range(m):
                v += own[1, i] * K[j, i]
            for i in range(m):
                K[j, i] -= v * own[1, i]


@compiled
def own_kernel_at(table, setting, own, K):
    """Write the kernel at a setting into K (n_bins, n_points), of the points there."""
    kernel_at(table, setting, K)
    if own.shape[1] > 0:
        leave_out(own, K.shape[0], table.root.size > 0, K)


@compiled(fastmath=REORDER)
def gram_there(G, K, own, has_baseline, room, out):
    """Write products of columns of K (n_bins, n_points) at the points there into out.

    G are those of all points. The columns are those of `leave_out`, which with a
    baseline takes what comes into the first row of room off them. Returns the factor of
    points, and whether rounding left digits enough.
    """
    n, m = K.shape
    means, column = room[0], room[1]
    factor = 0.0
    for i in range(m):
        factor = max(factor, own[0, i])
    for j in range(n):
        means[j] = 0.0
        for k in range(j + 1):
            out[j, k] = G[j, k]
    for i in range(m):
        if own[0, i] == 0.0:
            for j in range(n):
                column[j] = K[j, i]
            for j in range(n):
                v = column[j]
                for k in range(j + 1):
                    out[j, k] -= v * column[k]
    if has_baseline:
        for j in range(n):
            v = 0.0
            for i in range(m):
                v += own[1, i] * K[j, i]
            means[j] = factor * v
    square, fine = factor * factor, True
    for j in range(n):
        v = means[j]
        for k in range(j + 1):
            out[j, k] = square * out[j, k] - v * means[k]
        fine = fine and out[j, j] > _LEAST_LEFT * G[j, j]
    for j in range(n):
        for k in range(j):
            out[k, j] = out[j, k]
    return factor, fine


@compiled(fastmath=REORDER)
def mean_at(table, setting, x, own):
    """Return the weighted mean of the fit at a setting, with a baseline not in it."""
    C, root = table.coefficients, table.root
    piece, t = locate(table.edges, setting)
    total = 0.0
    for j in range(x.size):
        if x[j] == 0.0:
            continue
        for i in range(root.size):
            v = C[piece, j, N_POWERS - 1, i]
            for k in range(N_POWERS - 2, -1, -1):
                v = v * t + C[piece, j, k, i]
            w = 1.0 if own.shape[1] == 0 else own[0, i] * own[0, i]
            total += w * x[j] * root[i] * (abs(v) if table.magnitude else v)
    return total


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
    if table.root.size > 0:
        centre(table.root, n, K)


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
    if table.root.size > 0:
        centre(table.root, p, K)
        centre(table.root, p, D)


@compiled
def ratios_at(table, setting, q):
    """Write logarithms of eigenvalues at a setting, by cubics, into q (n_bins,)."""
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
