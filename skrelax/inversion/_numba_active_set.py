"""Active-set solver of the LASSO (Lawson & Hanson), for batches and paths.

The active columns of the kernel, each with the sign of its amplitude, are held as
A_P = Q^T R; columns enter and leave one by one.
"""

from typing import NamedTuple

import numpy as np

from ..utils._compiled import compiled
from ._numba_certificate import certificate, floor_of
from ._numba_fit import REORDER, CertifiedKernel, gradient, residual

# A column whose part outside the span of the active ones is smaller than this
# fraction of its norm is a copy of them in float64; it must wait.
_INDEPENDENT = 1e-12
# Changes of the objective below this fraction are rounding, and this many
# iterations without a larger one end the search.
_ROUNDING = 1e-14
_PATIENCE = 20


class Lasso(NamedTuple):
    """The LASSO of a fit, as its signals share it."""

    kernel: CertifiedKernel
    """Kernel of the fit."""
    tol: float
    """Relative duality gap at which to stop."""
    max_iter: int
    """Largest number of iterations."""


class ActiveColumns(NamedTuple):
    """Factored columns, in k_max = min(n_bins, n_rows) + 1 places."""

    P: np.ndarray
    """Bins of the columns, (k_max,)."""
    sign: np.ndarray
    """Signs of their amplitudes, (k_max,)."""
    Q: np.ndarray
    """Orthonormal rows, (k_max, n_rows)."""
    R: np.ndarray
    """Upper triangle, (k_max, k_max)."""
    e: np.ndarray
    """Solution of R^T e = 1, (k_max,): R^-1 e is the shift per unit of lam."""
    d: np.ndarray
    """Q s, (k_max,)."""


class ActiveSet(NamedTuple):
    """Workspace of the solver."""

    columns: ActiveColumns
    """The active columns."""
    state: np.ndarray
    """Of each bin, (n_bins,): 0 inactive, 1 active, or 2 waiting (its column was
    dependent, or would have left at once)."""
    z: np.ndarray
    """Amplitudes of the active columns without the bound, (k_max,)."""
    r: np.ndarray
    """Residual, (n_rows,)."""
    g: np.ndarray
    """Gradient A^T r, (n_bins,)."""


@compiled(fastmath=REORDER)
def append(AT, s, j, sign, k, columns):
    """Add sign * column j as the k-th column of A_P = Q^T R; False if dependent."""
    _, _, Q, R, e, d = columns
    m = AT.shape[1]
    q = Q[k]
    full = 0.0
    for i in range(m):
        q[i] = sign * AT[j, i]
        full += q[i] * q[i]
    for a in range(k):
        R[a, k] = 0.0
    # Gram-Schmidt twice gives an orthogonal Q to rounding (Giraud et al. 2005).
    for _ in range(2):
        for a in range(k):
            v = 0.0
            for i in range(m):
                v += Q[a, i] * q[i]
            R[a, k] += v
            for i in range(m):
                q[i] -= v * Q[a, i]
    left = 0.0
    for i in range(m):
        left += q[i] * q[i]
    if not left > _INDEPENDENT * _INDEPENDENT * full:
        return False
    left = np.sqrt(left)
    R[k, k] = left
    v = 0.0
    for i in range(m):
        q[i] /= left
        v += q[i] * s[i]
    d[k] = v
    # e solves R^T e = 1, so that the L1 term shifts the solution by lam R^-1 e.
    v = 1.0
    for a in range(k):
        v -= R[a, k] * e[a]
    e[k] = v / left
    return True


@compiled
def remove(p, k, columns):
    """Remove the p-th of k active columns by Givens rotations."""
    P, sign, Q, R, e, d = columns
    m = Q.shape[1]
    for c in range(p, k - 1):
        P[c] = P[c + 1]
        sign[c] = sign[c + 1]
        for a in range(c + 2):
            R[a, c] = R[a, c + 1]
    for c in range(p, k - 1):
        x, y = R[c, c], R[c + 1, c]
        h = np.hypot(x, y)
        co, si = x / h, y / h
        R[c, c] = h
        for b in range(c + 1, k - 1):
            u, v = R[c, b], R[c + 1, b]
            R[c, b] = co * u + si * v
            R[c + 1, b] = co * v - si * u
        for i in range(m):
            u, v = Q[c, i], Q[c + 1, i]
            Q[c, i] = co * u + si * v
            Q[c + 1, i] = co * v - si * u
        u, v = e[c], e[c + 1]
        e[c], e[c + 1] = co * u + si * v, co * v - si * u
        u, v = d[c], d[c + 1]
        d[c], d[c + 1] = co * u + si * v, co * v - si * u


@compiled(allocates=True)
def exchange(AT, s, j, k, f, columns, state, z):
    """Let column j, which depends on the k active ones, replace one of them.

    With sign_j A_j = A_P x the fit does not change while the amplitude of j grows
    and the others give way, but the L1 norm falls if sum(x) > 1: up to the first
    amplitude that reaches zero. Returns the number of active columns, or 0 if
    nothing is gained. R[:k, k] and sign[k] come from the attempt to append j.
    """
    P, sign, R = columns.P, columns.sign, columns.R
    total = 0.0
    for a in range(k - 1, -1, -1):
        w = R[a, k]
        for b in range(a + 1, k):
            w -= R[a, b] * z[b]
        z[a] = w / R[a, a]
        total += z[a]
    if not total > 1.0:
        return 0
    step, leaving = np.inf, -1
    for a in range(k):
        if z[a] > 0.0 and abs(f[P[a]]) / z[a] < step:
            step, leaving = abs(f[P[a]]) / z[a], a
    if leaving < 0:
        return 0
    old, old_sign, new_sign = P[leaving], sign[leaving], sign[k]
    for a in range(k):
        u = max(0.0, abs(f[P[a]]) - step * z[a])
        z[a] = sign[a] * u
    z[leaving] = 0.0
    # z takes the old amplitudes, in case the exchange has to be undone.
    for a in range(k):
        f[P[a]], z[a] = z[a], f[P[a]]
    before = np.empty(k, np.int64)
    for a in range(k):
        before[a] = P[a]
    remove(leaving, k, columns)
    if append(AT, s, j, new_sign, k - 1, columns):
        P[k - 1] = j
        sign[k - 1] = new_sign
        f[j] = new_sign * step
        state[j] = 1
        state[old] = 0
        return k
    for a in range(k):
        f[before[a]] = z[a]
    append(AT, s, old, old_sign, k - 1, columns)
    P[k - 1] = old
    sign[k - 1] = old_sign
    return 0


@compiled
def active_set(lasso, s, extra, lam, k, f, work, out):
    """Lawson-Hanson active set for the LASSO; f and work come in warm.

    Returns the number of active columns and writes objective, gap and the
    number of iterations into out.
    """
    kernel, tol, max_iter = lasso
    columns, state, z, r, g = work
    signed = kernel.signed
    n = state.size
    entered = -1
    it = 0
    stalled = 0
    last = np.inf
    floor = floor_of(s, extra)
    for j in range(n):
        if state[j] == 2:
            state[j] = 0
    while it < max_iter:
        it += 1
        while k > 0:
            for a in range(k - 1, -1, -1):
                w = columns.d[a] - lam * columns.e[a]
                for b in range(a + 1, k):
                    w -= columns.R[a, b] * z[b]
                z[a] = w / columns.R[a, a]
            if entered >= 0 and not z[k - 1] > 0.0:
                # Rounding decides here: the gradient promised the other sign.
                state[entered] = 2
                k -= 1
                entered = -1
                break
            step, leaving = 1.0, -1
            for a in range(k):
                if not z[a] > 0.0:
                    u = abs(f[columns.P[a]])
                    t = u / (u - z[a]) if u > z[a] else 0.0
                    if leaving < 0 or t < step:
                        step, leaving = t, a
            if leaving < 0:
                for a in range(k):
                    f[columns.P[a]] = columns.sign[a] * z[a]
                if entered >= 0:
                    for j in range(n):
                        if state[j] == 2:
                            state[j] = 0
                    entered = -1
                break
            for a in range(k):
                j = columns.P[a]
                u = abs(f[j])
                f[j] = columns.sign[a] * max(0.0, u + step * (z[a] - u))
            f[columns.P[leaving]] = 0.0
            for a in range(k - 1, -1, -1):
                if f[columns.P[a]] == 0.0 and (a == leaving or not z[a] > 0.0):
                    state[columns.P[a]] = 0
                    remove(a, k, columns)
                    k -= 1
            entered = -1
        residual(kernel.AT, s, f, r)
        gradient(kernel.AT, r, g)
        certificate(kernel, f, r, g, extra, floor, lam, out)
        if out[1] <= tol * out[0]:
            break
        # Rounding can trade near-copies of a column for each other for ever.
        if out[0] > last - _ROUNDING * last:
            stalled += 1
            if stalled > _PATIENCE:
                break
        else:
            stalled = 0
        last = min(last, out[0])
        added = False
        while True:
            best, j_best = 0.0, -1
            for j in range(n):
                if state[j] == 0:
                    size = (abs(g[j]) if signed else g[j]) - lam
                    if size > best:
                        best, j_best = size, j
            if j_best < 0:
                break
            columns.sign[k] = 1.0 if g[j_best] >= 0.0 else -1.0
            if append(kernel.AT, s, j_best, columns.sign[k], k, columns):
                columns.P[k] = j_best
                state[j_best] = 1
                entered = j_best
                k += 1
                added = True
                break
            k_after = exchange(kernel.AT, s, j_best, k, f, columns, state, z)
            if k_after > 0:
                k = k_after
                added = True
                break
            state[j_best] = 2
        if not added:
            break
    out[2] = it
    return k


@compiled
def lasso_batch(lasso, signals, lams, work, F, info):
    """Solve each row of S (q, m) with its own lams[q]; F (q, n), info (q, 3)."""
    S, extra = signals
    state = work.state
    for c in range(S.shape[0]):
        f = F[c]
        for j in range(f.size):
            f[j] = 0.0
            state[j] = 0
        active_set(lasso, S[c], extra[c], lams[c], 0, f, work, info[c])


@compiled
def lasso_paths(lasso, signals, lams, work, F, info):
    """Solve each signal for decreasing lams; F (q, n_lams, n), info (q, n_lams, 3)."""
    S, extra = signals
    state = work.state
    n = state.size
    for c in range(S.shape[0]):
        k = 0
        for j in range(n):
            F[c, 0, j] = 0.0
            state[j] = 0
        for index in range(lams.size):
            f = F[c, index]
            if index > 0:
                for j in range(n):
                    f[j] = F[c, index - 1, j]
            k = active_set(
                lasso, S[c], extra[c], lams[index], k, f, work, info[c, index]
            )


@compiled(allocates=True)
def lasso_path_errors(lasso, signals, lams, work, held_out, errors, gaps):
    """Sum weighted squared errors on held-out points for decreasing lams.

    lams, errors and gaps (relative) are (q, n_lams).
    """
    S, extra = signals
    test_A, test_S, weight = held_out
    P, state = work.columns.P, work.state
    f, out = np.empty(state.size), np.empty(3)
    for c in range(S.shape[0]):
        k = 0
        for j in range(f.size):
            f[j] = 0.0
            state[j] = 0
        for index in range(lams.shape[1]):
            k = active_set(lasso, S[c], extra[c], lams[c, index], k, f, work, out)
            gaps[c, index] = out[1] / out[0] if out[0] > 0.0 else 0.0
            total = 0.0
            for i in range(test_A.shape[0]):
                w = test_S[c, i]
                for a in range(k):
                    w -= test_A[i, P[a]] * f[P[a]]
                total += weight[i] * w * w
            errors[c, index] = total
