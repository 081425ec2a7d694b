"""Newton on the projected sum of squares of one nonlinear parameter, two amplitudes."""

import numpy as np

from ..utils._compiled import compiled
from ._numba_missing import blank_signal, take_row
from ._numba_types import FAST


@compiled(fastmath=FAST)
def look_up(M, nodes, k, u, signals, row):
    """Write the signal of amplitude k at u and two derivatives to signals[:, row].

    M (G - 1, L, 6, N) are the powers of a Spline. Arrays are handed on one by one: a
    tuple of them would be counted each time.
    """
    u0, h = nodes.origin, nodes.step
    cell = min(max(int((u - u0) / h), 0), M.shape[0] - 1)
    x = (u - u0) / h - cell
    f1, f2 = 1.0 / h, 1.0 / (h * h)
    for i in range(M.shape[3]):
        a, b, c = M[cell, k, 5, i], M[cell, k, 4, i], M[cell, k, 3, i]
        d, e = M[cell, k, 2, i], M[cell, k, 1, i]
        signals[0, row, i] = ((((a * x + b) * x + c) * x + d) * x + e) * x + M[
            cell, k, 0, i
        ]
        signals[1, row, i] = f1 * (
            (((5.0 * a * x + 4.0 * b) * x + 3.0 * c) * x + 2.0 * d) * x + e
        )
        signals[2, row, i] = f2 * (
            ((20.0 * a * x + 12.0 * b) * x + 6.0 * c) * x + 2.0 * d
        )


@compiled(fastmath=FAST)
def _project(y, signals, coef):
    """Fit amplitudes coef (C, 2); return the sum of squares and two derivatives."""
    n_channels, n_points = y.shape
    g00, g01, g11 = 0.0, 0.0, 0.0
    for i in range(n_points):
        g00 += signals[0, 0, i] * signals[0, 0, i]
        g01 += signals[0, 0, i] * signals[0, 1, i]
        g11 += signals[0, 1, i] * signals[0, 1, i]
    determinant = g00 * g11 - g01 * g01
    # Columns that cannot be told apart share what there is.
    alone = determinant <= 1e-13 * g00 * g11
    rss, slope, curve = 0.0, 0.0, 0.0
    for c in range(n_channels):
        p, q = 0.0, 0.0
        for i in range(n_points):
            p += signals[0, 0, i] * y[c, i]
            q += signals[0, 1, i] * y[c, i]
        if alone:
            a = p / g00 if g00 > 0.0 else 0.0
            b = 0.0
        else:
            a = (g11 * p - g01 * q) / determinant
            b = (g00 * q - g01 * p) / determinant
        coef[c, 0], coef[c, 1] = a, b
        rr, rv, vv, rw, s0, s1 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(n_points):
            r = y[c, i] - a * signals[0, 0, i] - b * signals[0, 1, i]
            v = a * signals[1, 0, i] + b * signals[1, 1, i]
            rr += r * r
            rv += r * v
            vv += v * v
            rw += r * (a * signals[2, 0, i] + b * signals[2, 1, i])
            s0 += signals[0, 0, i] * v - signals[1, 0, i] * r
            s1 += signals[0, 1, i] * v - signals[1, 1, i] * r
        rss += rr
        slope -= 2.0 * rv
        if alone:
            saved = s0 * s0 / g00 if g00 > 0.0 else 0.0
        else:
            saved = (g11 * s0 * s0 - 2.0 * g01 * s0 * s1 + g00 * s1 * s1) / determinant
        curve += 2.0 * (vv - rw - saved)
    return rss, slope, curve


@compiled
def _newton(y, spline, u, ends, stop, signals, coef, w):
    """Minimise the sum of squares between two ends; return u and the iterations."""
    lo, hi = ends
    tol, max_iter = stop
    M, nodes = spline
    left, right = lo, hi
    # Newton's step is as accurate as its square.
    last_step = np.sqrt(tol)
    for iteration in range(max_iter):
        for k in range(coef.shape[1]):
            look_up(M, nodes, k, u, signals, k)
            blank_signal(w, signals, k)
        _, slope, curve = _project(y, signals, coef)
        if (slope >= 0.0 and u <= lo) or (slope <= 0.0 and u >= hi):
            return u, iteration + 1
        if slope > 0.0:
            right = u
        else:
            left = u
        new = u - slope / curve if curve > 0.0 else left - 1.0
        if left < new < right:
            if abs(new - u) < last_step:
                return new, iteration + 1
        elif curve > 0.0 and new <= lo == left:
            # An end that has not been looked at may be the minimum.
            new = lo
        elif curve > 0.0 and new >= hi == right:
            new = hi
        else:
            new = 0.5 * (left + right)
            if abs(new - u) < tol:
                return new, iteration + 1
        u = new
    return u, max_iter + 1


@compiled(fastmath=FAST)
def invert_gram(J, A, L, inverse, v):
    """Write inverse[v] of J J' for J (n, N), or nan if it is singular.

    A, L (n, n) are workspaces, for the matrix and its Cholesky factor.
    """
    n, n_points = J.shape
    for a in range(n):
        for b in range(a + 1):
            s = 0.0
            for i in range(n_points):
                s += J[a, i] * J[b, i]
            A[a, b] = s
    for i in range(n):
        for j in range(i + 1):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            if i == j:
                if not s > 1e-13 * A[i, i]:
                    inverse[v] = np.nan
                    return
                L[i, i] = np.sqrt(s)
            else:
                L[i, j] = s / L[j, j]
    for m in range(n):
        for i in range(n):
            s = 1.0 if i == m else 0.0
            for k in range(i):
                s -= L[i, k] * inverse[v, k, m]
            inverse[v, i, m] = s / L[i, i]
        for i in range(n - 1, -1, -1):
            s = inverse[v, i, m]
            for k in range(i + 1, n):
                s -= L[k, i] * inverse[v, k, m]
            inverse[v, i, m] = s / L[i, i]


@compiled(allocates=True)
def refine_two(Y, spline, brackets, stop, out, there):
    """Minimise from every bracket and keep the best, with two amplitudes.

    With magnitudes the number of iterations counts the sign patterns too.
    """
    lo, hi, start, node, sign = brackets
    u_out, coef, rss, cov, n_iter = out
    n, n_channels, n_points = Y.shape
    n_amplitudes = coef.shape[2]
    use_signs = sign.shape[1] > 0
    M, nodes = spline
    # Signals of the amplitudes and their first and second derivatives.
    signals = np.empty((3, n_amplitudes, n_points))
    y = np.empty((n_channels, n_points))
    trial = np.empty((n_channels, n_amplitudes))
    J = np.empty((n_amplitudes + 1, n_points))
    A = np.empty((n_amplitudes + 1, n_amplitudes + 1))
    L = np.empty_like(A)
    w = np.empty(n_points if there.shape[0] else 0)
    for v in range(n):
        take_row(there, v, w)
        rss[v] = np.inf
        n_iter[v] = 0
        u_out[v, 0] = np.nan
        tried = 0
        for k in range(node.shape[1]):
            if node[v, k] < 0:
                break
            tried += 1
            u = start[v, k]
            # Loops, since Numba's array expressions cost more than the work here.
            for c in range(n_channels):
                for i in range(n_points):
                    y[c, i] = Y[v, c, i]
            if use_signs:
                for i in range(n_points):
                    y[0, i] *= sign[v, k, i]
            value, total = 0.0, 0
            # Each pass lowers the sum of squares of magnitudes.
            for _ in range(n_points):
                ends = lo[v, k], hi[v, k]
                u, used = _newton(y, spline, u, ends, stop, signals, trial, w)
                for m in range(n_amplitudes):
                    look_up(M, nodes, m, u, signals, m)
                    blank_signal(w, signals, m)
                value, _, _ = _project(y, signals, trial)
                total = max(total, used)
                changed = False
                if use_signs:
                    for i in range(n_points):
                        s = 0.0
                        for m in range(n_amplitudes):
                            s += trial[0, m] * signals[0, m, i]
                        if s * y[0, i] < 0.0:
                            y[0, i] = -y[0, i]
                            changed = True
                if not changed:
                    break
            if value < rss[v]:
                rss[v] = value
                u_out[v, 0] = u
                n_iter[v] = total
                for c in range(n_channels):
                    for m in range(n_amplitudes):
                        coef[v, c, m] = trial[c, m]
        if np.isnan(u_out[v, 0]):
            coef[v] = np.nan
            cov[v] = np.nan
            continue
        if tried > 1:
            for m in range(n_amplitudes):
                look_up(M, nodes, m, u_out[v, 0], signals, m)
                blank_signal(w, signals, m)
        if use_signs and coef[v, 0, 0] < 0.0:
            for m in range(n_amplitudes):
                coef[v, 0, m] = -coef[v, 0, m]
        _real_jacobian(coef, v, signals, J)
        invert_gram(J, A, L, cov, v)


@compiled
def _real_jacobian(coef, v, signals, J):
    """Write the Jacobian (L + 1, N) on the real axis of the signal.

    A common phase of complex amplitudes decouples from the other parameters, so
    their moduli stand for them.
    """
    _, n_amplitudes, n_points = signals.shape
    for i in range(n_points):
        J[n_amplitudes, i] = 0.0
    for m in range(n_amplitudes):
        if coef.shape[1] == 1:
            amplitude = coef[v, 0, m]
        else:
            amplitude = np.hypot(coef[v, 0, m], coef[v, 1, m])
            if coef[v, 0, 0] * coef[v, 0, m] + coef[v, 1, 0] * coef[v, 1, m] < 0.0:
                amplitude = -amplitude
        for i in range(n_points):
            J[m, i] = signals[0, m, i]
            J[n_amplitudes, i] += amplitude * signals[1, m, i]
