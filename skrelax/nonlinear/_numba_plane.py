"""Fits of two nonlinear parameters and one amplitude.

The signal is a product spline of the two coordinates (see ``_table.py``) with
coefficients B (G_1 + 4, G_2 + 4, N). Layout of Y as in ``_numba_scan.py``.
"""

import numpy as np
from numba import njit

_FAST = {"contract", "reassoc", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def scan_plane(Y, Q, energies, n_second, margin, peak, value, node):
    """Write the best nodes (n, K, 2) of a grid, best first; -1 where there are fewer.

    Q (G_1, G_2, N) are unit signals of the nodes, their moduli for magnitudes. energies
    (n, C_1 * n_second) are those of y / |y| at every other node. Around their local
    maxima within margin of the largest, all nodes are looked at. peak (C_1 * n_second,)
    padded to a multiple of 8, and value (K,) are workspaces.
    """
    n_coarse = energies.shape[1]
    n_first = n_coarse // n_second
    peak[:] = False
    eight = peak.view(np.uint64)
    # Positive floats are ordered like their bits, whose maximum LLVM finds by SIMD.
    bits = energies.view(np.int32)
    highest = np.empty(1, dtype=np.int32)
    best = highest.view(np.float32)
    for v in range(Y.shape[0]):
        most = bits[v, 0]
        for m in range(n_coarse):
            most = max(most, bits[v, m])
        highest[0] = most
        least = best[0] - np.float32(margin)
        for m in range(n_coarse):
            peak[m] = energies[v, m] >= least
        for k in range(node.shape[1]):
            node[v, k, 0], node[v, k, 1] = -1, -1
        found = 0
        for word in range(eight.size):
            if eight[word] == 0:
                continue
            for m in range(8 * word, min(8 * word + 8, n_coarse)):
                if not peak[m]:
                    continue
                i, j = m // n_second, m % n_second
                top = energies[v, m]
                highest_near = True
                for p in range(max(i - 1, 0), min(i + 2, n_first)):
                    for q in range(max(j - 1, 0), min(j + 2, n_second)):
                        other = energies[v, p * n_second + q]
                        # Of equal neighbours the first one counts.
                        before = p < i or (p == i and q < j)
                        if other > top or (other == top and before):
                            highest_near = False
                if highest_near:
                    found = _take_best(Y, v, Q, i, j, value, node, found)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _take_best(Y, v, Q, i, j, value, node, found):
    """Insert the best node around the coarse node (i, j); return their number."""
    n_channels, n_points = Y.shape[1:]
    n_kept = node.shape[1]
    top, first, second = -1.0, 0, 0
    for p in range(max(2 * i - 2, 0), min(2 * i + 3, Q.shape[0])):
        for q in range(max(2 * j - 2, 0), min(2 * j + 3, Q.shape[1])):
            total = 0.0
            for c in range(n_channels):
                s = 0.0
                for m in range(n_points):
                    s += Y[v, c, m] * Q[p, q, m]
                total += s * s
            if total > top:
                top, first, second = total, p, q
    k = min(found, n_kept - 1)
    if found == n_kept and value[k] >= top:
        return found
    while k > 0 and value[k - 1] < top:
        value[k] = value[k - 1]
        node[v, k, 0], node[v, k, 1] = node[v, k - 1, 0], node[v, k - 1, 1]
        k -= 1
    value[k] = top
    node[v, k, 0], node[v, k, 1] = first, second
    return min(found + 1, n_kept)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _weights(x, h, w, k):
    """Write the six quintic B-splines of a cell at x in [0, 1], and derivatives.

    They go to the rows k and k + 1 of w.
    """
    x2, x3 = x * x, x * x * x
    x4 = x2 * x2
    z = 1.0 - x
    z2 = z * z
    a, b = 1.0 / 120.0, 1.0 / (120.0 * h)
    w[k, 0] = a * z2 * z2 * z
    w[k, 1] = a * (26 - 50 * x + 20 * x2 + 20 * x3 - 20 * x4 + 5 * x4 * x)
    w[k, 2] = a * (66 - 60 * x2 + 30 * x4 - 10 * x4 * x)
    w[k, 3] = a * (26 + 50 * x + 20 * x2 - 20 * x3 - 20 * x4 + 10 * x4 * x)
    w[k, 4] = a * (1 + 5 * x + 10 * x2 + 10 * x3 + 5 * x4 - 5 * x4 * x)
    w[k, 5] = a * x4 * x
    w[k + 1, 0] = -5 * b * z2 * z2
    w[k + 1, 1] = b * (-50 + 40 * x + 60 * x2 - 80 * x3 + 25 * x4)
    w[k + 1, 2] = b * (-120 * x + 120 * x3 - 50 * x4)
    w[k + 1, 3] = b * (50 + 40 * x - 60 * x2 - 80 * x3 + 50 * x4)
    w[k + 1, 4] = b * (5 + 20 * x + 30 * x2 + 20 * x3 - 25 * x4)
    w[k + 1, 5] = 5 * b * x4


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _look_up(B, u, origin, h, phi, d1, d2, w):
    """Write the signal (N,) at u (2,) and its two derivatives; w (4, 6) is work."""
    x, y = (u[0] - origin[0]) / h[0], (u[1] - origin[1]) / h[1]
    i0 = min(max(int(x), 0), B.shape[0] - 6)
    j0 = min(max(int(y), 0), B.shape[1] - 6)
    _weights(x - i0, h[0], w, 0)
    _weights(y - j0, h[1], w, 2)
    v0, v1, v2, v3, v4, v5 = w[2, 0], w[2, 1], w[2, 2], w[2, 3], w[2, 4], w[2, 5]
    s0, s1, s2, s3, s4, s5 = w[3, 0], w[3, 1], w[3, 2], w[3, 3], w[3, 4], w[3, 5]
    for i in range(phi.size):
        phi[i], d1[i], d2[i] = 0.0, 0.0, 0.0
    for p in range(6):
        value, slope = w[0, p], w[1, p]
        k = i0 + p
        # Written out, so that the sums over q stay in registers; rows are indexed,
        # since a slice counts references, which costs more than the work here.
        for i in range(phi.size):
            q0, q1, q2 = B[k, j0, i], B[k, j0 + 1, i], B[k, j0 + 2, i]
            q3, q4, q5 = B[k, j0 + 3, i], B[k, j0 + 4, i], B[k, j0 + 5, i]
            along = v0 * q0 + v1 * q1 + v2 * q2 + v3 * q3 + v4 * q4 + v5 * q5
            across = s0 * q0 + s1 * q1 + s2 * q2 + s3 * q3 + s4 * q4 + s5 * q5
            phi[i] += value * along
            d1[i] += slope * along
            d2[i] += value * across


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _project(Y, v, phi, d1, d2, magnitude, coef, gradient, H):
    """Fit the amplitudes coef (C,); return the sum of squares.

    gradient (2,) is its derivative, H (2, 2) the Gauss-Newton approximation of its
    second one, both with the amplitudes at their best. Magnitudes take the signs of
    phi.
    """
    n_points = phi.size
    if magnitude:
        for i in range(n_points):
            if phi[i] < 0.0:
                phi[i], d1[i], d2[i] = -phi[i], -d1[i], -d2[i]
    size, a1, a2, b11, b12, b22 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n_points):
        size += phi[i] * phi[i]
        a1 += phi[i] * d1[i]
        a2 += phi[i] * d2[i]
        b11 += d1[i] * d1[i]
        b12 += d1[i] * d2[i]
        b22 += d2[i] * d2[i]
    inverse = 1.0 / size if size > 0.0 else 0.0
    rss, power, e0, e1 = 0.0, 0.0, 0.0, 0.0
    for c in range(Y.shape[1]):
        p = 0.0
        for i in range(n_points):
            p += phi[i] * Y[v, c, i]
        a = p * inverse
        coef[c] = a
        power += a * a
        # Sums in variables, since LLVM uses no SIMD for sums in arrays.
        r1, r2 = 0.0, 0.0
        for i in range(n_points):
            r = Y[v, c, i] - a * phi[i]
            rss += r * r
            r1 += r * d1[i]
            r2 += r * d2[i]
        e0 -= 2.0 * a * r1
        e1 -= 2.0 * a * r2
    gradient[0], gradient[1] = e0, e1
    H[0, 0] = 2.0 * power * (b11 - a1 * a1 * inverse)
    H[0, 1] = 2.0 * power * (b12 - a1 * a2 * inverse)
    H[1, 1] = 2.0 * power * (b22 - a2 * a2 * inverse)
    H[1, 0] = H[0, 1]
    return rss


@njit(cache=True, nogil=True, error_model="numpy")
def _step(gradient, H, damping, u, low, high, step):
    """Write a damped Gauss-Newton step in the box; return it relative to the box."""
    fixed0 = (u[0] <= low[0] and gradient[0] > 0.0) or (
        u[0] >= high[0] and gradient[0] < 0.0
    )
    fixed1 = (u[1] <= low[1] and gradient[1] > 0.0) or (
        u[1] >= high[1] and gradient[1] < 0.0
    )
    a = H[0, 0] * (1.0 + damping) + 1e-300
    c = H[1, 1] * (1.0 + damping) + 1e-300
    b = 0.0 if fixed0 or fixed1 else H[0, 1]
    # Parameters that cannot be told apart leave H singular; a floor keeps steps finite.
    determinant = max(a * c - b * b, 1e-12 * a * c)
    step[0] = 0.0 if fixed0 else -(c * gradient[0] - b * gradient[1]) / determinant
    step[1] = 0.0 if fixed1 else -(a * gradient[1] - b * gradient[0]) / determinant
    largest = 0.0
    for k in range(2):
        step[k] = min(max(u[k] + step[k], low[k]), high[k]) - u[k]
        largest = max(largest, abs(step[k]))
    return largest


@njit(cache=True, nogil=True, error_model="numpy")
def refine_plane(
    Y,
    B,
    start,
    node,
    origin,
    h,
    magnitude,
    tol,
    max_iter,
    u_out,
    coef,
    rss,
    cov,
    n_iter,
):
    """Minimise from every start (n, K, 2) by Levenberg-Marquardt and keep the best.

    u_out (n, 2), coef (n, C, 1), cov (n, 3, 3), rss and n_iter (n,).
    """
    n, n_channels, n_points = Y.shape
    low = origin
    high = np.empty(2)
    for k in range(2):
        high[k] = origin[k] + h[k] * (B.shape[k] - 5)
    phi, d1, d2 = np.empty(n_points), np.empty(n_points), np.empty(n_points)
    w = np.empty((4, 6))
    u, new, step = np.empty(2), np.empty(2), np.empty(2)
    gradient, H = np.empty(2), np.empty((2, 2))
    other_gradient, other_H = np.empty(2), np.empty((2, 2))
    trial = np.empty(n_channels)
    for v in range(n):
        rss[v] = np.inf
        u_out[v, 0], u_out[v, 1] = np.nan, np.nan
        n_iter[v] = 0
        for k in range(node.shape[1]):
            if node[v, k, 0] < 0:
                break
            u[0], u[1] = start[v, k, 0], start[v, k, 1]
            _look_up(B, u, origin, h, phi, d1, d2, w)
            value = _project(Y, v, phi, d1, d2, magnitude, trial, gradient, H)
            damping = 1e-3
            used = max_iter + 1
            for iteration in range(max_iter):
                if _step(gradient, H, damping, u, low, high, step) < tol:
                    used = iteration + 1
                    break
                new[0], new[1] = u[0] + step[0], u[1] + step[1]
                _look_up(B, new, origin, h, phi, d1, d2, w)
                other = _project(
                    Y, v, phi, d1, d2, magnitude, trial, other_gradient, other_H
                )
                if other <= value:
                    u[0], u[1] = new[0], new[1]
                    gained = value - other
                    value = other
                    # Loops, since Numba's array expressions cost more than the work.
                    for a in range(2):
                        gradient[a] = other_gradient[a]
                        for b in range(2):
                            H[a, b] = other_H[a, b]
                    # The last digits of a flat sum of squares mean nothing.
                    if damping < 1e-3 and gained < 1e-11 * value:
                        used = iteration + 1
                        break
                    damping = max(0.1 * damping, 1e-12)
                else:
                    damping = max(4.0 * damping, 1e-6)
            if value < rss[v]:
                rss[v] = value
                u_out[v, 0], u_out[v, 1] = u[0], u[1]
                n_iter[v] = used
        if np.isnan(u_out[v, 0]):
            coef[v] = np.nan
            cov[v] = np.nan
            continue
        u[0], u[1] = u_out[v, 0], u_out[v, 1]
        _look_up(B, u, origin, h, phi, d1, d2, w)
        _project(Y, v, phi, d1, d2, magnitude, trial, gradient, H)
        for c in range(n_channels):
            coef[v, c, 0] = trial[c]
        _covariance(trial, phi, d1, d2, cov, v)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _covariance(coef, phi, d1, d2, cov, v):
    """Write the inverse of J'J on the real axis of the signal, nan if singular."""
    power = 0.0
    for c in range(coef.size):
        power += coef[c] * coef[c]
    amplitude = np.sqrt(power)
    if coef.size == 1 and coef[0] < 0.0:
        amplitude = -amplitude
    n0, n1, n2, r01, r02, r12 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(phi.size):
        n0 += phi[i] * phi[i]
        n1 += d1[i] * d1[i]
        n2 += d2[i] * d2[i]
        r01 += phi[i] * d1[i]
        r02 += phi[i] * d2[i]
        r12 += d1[i] * d2[i]
    n0, n1, n2 = np.sqrt(n0), amplitude * np.sqrt(n1), amplitude * np.sqrt(n2)
    determinant = 0.0
    c00, c11, c22, c01, c02, c12 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    if n0 > 0.0 and n1 != 0.0 and n2 != 0.0:
        r01 *= amplitude / (n0 * n1)
        r02 *= amplitude / (n0 * n2)
        r12 *= power / (n1 * n2)
        c00, c11, c22 = 1.0 - r12 * r12, 1.0 - r02 * r02, 1.0 - r01 * r01
        c01, c02, c12 = r02 * r12 - r01, r01 * r12 - r02, r01 * r02 - r12
        determinant = c00 + r01 * c01 + r02 * c02
    if not determinant > 1e-13:
        for a in range(3):
            for b in range(3):
                cov[v, a, b] = np.nan
        return
    cov[v, 0, 0] = c00 / (determinant * n0 * n0)
    cov[v, 1, 1] = c11 / (determinant * n1 * n1)
    cov[v, 2, 2] = c22 / (determinant * n2 * n2)
    cov[v, 0, 1] = c01 / (determinant * n0 * n1)
    cov[v, 0, 2] = c02 / (determinant * n0 * n2)
    cov[v, 1, 2] = c12 / (determinant * n1 * n2)
    cov[v, 1, 0], cov[v, 2, 0], cov[v, 2, 1] = cov[v, 0, 1], cov[v, 0, 2], cov[v, 1, 2]
