"""Fits of two nonlinear parameters and one amplitude.

The signal is a product spline of the two coordinates (see ``_table.py``) with
coefficients B (G_1 + 4, G_2 + 4, N). Layout of Y as in ``_numba.py``.
"""

import numpy as np
from numba import njit

_FAST = {"contract", "reassoc", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def scan_plane(Y, Q, coarse, margin, acc, part, value, node):
    """Write the best nodes (n, K, 2) of a grid, best first; -1 where there are fewer.

    Q (G_1, G_2, N) are unit signals of the nodes, their moduli for magnitudes; coarse
    (N, C_1, C_2) those of every other node. Around the local maxima of the coarse
    energy within margin * |y|^2 of the largest, all nodes are looked at. acc and part
    (C_1, C_2) and value (K,) are workspaces.
    """
    n, n_channels, n_points = Y.shape
    n_first, n_second = acc.shape
    for v in range(n):
        acc[:] = 0.0
        energy = 0.0
        for c in range(n_channels):
            part[:] = 0.0
            flat = part.ravel()
            for i in range(n_points):
                y = Y[v, c, i]
                energy += y * y
                signal = coarse[i].ravel()
                for g in range(flat.size):
                    flat[g] += y * signal[g]
            total = acc.ravel()
            for g in range(flat.size):
                total[g] += flat[g] * flat[g]
        best = 0.0
        for g in range(total.size):
            best = max(best, total[g])
        least = best - margin * energy
        node[v] = -1
        found = 0
        for i in range(n_first):
            for j in range(n_second):
                top = acc[i, j]
                if top < least:
                    continue
                highest = True
                for p in range(max(i - 1, 0), min(i + 2, n_first)):
                    for q in range(max(j - 1, 0), min(j + 2, n_second)):
                        # Of equal neighbours the first one counts.
                        before = p < i or (p == i and q < j)
                        if acc[p, q] > top or (acc[p, q] == top and before):
                            highest = False
                if highest:
                    found = _take_best(Y[v], Q, i, j, value, node[v], found)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _take_best(y, Q, i, j, value, node, found):
    """Insert the best node around the coarse node (i, j); return their number."""
    n_channels, n_points = y.shape
    n_kept = node.shape[0]
    top, first, second = -1.0, 0, 0
    for p in range(max(2 * i - 2, 0), min(2 * i + 3, Q.shape[0])):
        for q in range(max(2 * j - 2, 0), min(2 * j + 3, Q.shape[1])):
            total = 0.0
            for c in range(n_channels):
                s = 0.0
                for m in range(n_points):
                    s += y[c, m] * Q[p, q, m]
                total += s * s
            if total > top:
                top, first, second = total, p, q
    k = min(found, n_kept - 1)
    if found == n_kept and value[k] >= top:
        return found
    while k > 0 and value[k - 1] < top:
        value[k] = value[k - 1]
        node[k, 0], node[k, 1] = node[k - 1, 0], node[k - 1, 1]
        k -= 1
    value[k] = top
    node[k, 0], node[k, 1] = first, second
    return min(found + 1, n_kept)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _weights(x, h, w, d):
    """Write the six quintic B-splines of a cell at x in [0, 1], and derivatives."""
    x2, x3 = x * x, x * x * x
    x4 = x2 * x2
    z = 1.0 - x
    z2 = z * z
    a, b = 1.0 / 120.0, 1.0 / (120.0 * h)
    w[0] = a * z2 * z2 * z
    w[1] = a * (26 - 50 * x + 20 * x2 + 20 * x3 - 20 * x4 + 5 * x4 * x)
    w[2] = a * (66 - 60 * x2 + 30 * x4 - 10 * x4 * x)
    w[3] = a * (26 + 50 * x + 20 * x2 - 20 * x3 - 20 * x4 + 10 * x4 * x)
    w[4] = a * (1 + 5 * x + 10 * x2 + 10 * x3 + 5 * x4 - 5 * x4 * x)
    w[5] = a * x4 * x
    d[0] = -5 * b * z2 * z2
    d[1] = b * (-50 + 40 * x + 60 * x2 - 80 * x3 + 25 * x4)
    d[2] = b * (-120 * x + 120 * x3 - 50 * x4)
    d[3] = b * (50 + 40 * x - 60 * x2 - 80 * x3 + 50 * x4)
    d[4] = b * (5 + 20 * x + 30 * x2 + 20 * x3 - 25 * x4)
    d[5] = 5 * b * x4


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _look_up(B, u, origin, h, phi, d1, d2, w):
    """Write the signal (N,) at u (2,) and its two derivatives; w (4, 6) is work."""
    x, y = (u[0] - origin[0]) / h[0], (u[1] - origin[1]) / h[1]
    i0 = min(max(int(x), 0), B.shape[0] - 6)
    j0 = min(max(int(y), 0), B.shape[1] - 6)
    _weights(x - i0, h[0], w[0], w[1])
    _weights(y - j0, h[1], w[2], w[3])
    for i in range(phi.size):
        phi[i], d1[i], d2[i] = 0.0, 0.0, 0.0
    for p in range(6):
        b0, b1, b2 = B[i0 + p, j0], B[i0 + p, j0 + 1], B[i0 + p, j0 + 2]
        b3, b4, b5 = B[i0 + p, j0 + 3], B[i0 + p, j0 + 4], B[i0 + p, j0 + 5]
        value, slope = w[0, p], w[1, p]
        v0, v1, v2, v3, v4, v5 = w[2, 0], w[2, 1], w[2, 2], w[2, 3], w[2, 4], w[2, 5]
        s0, s1, s2, s3, s4, s5 = w[3, 0], w[3, 1], w[3, 2], w[3, 3], w[3, 4], w[3, 5]
        # Written out, so that the sums over q stay in registers.
        for i in range(phi.size):
            q0, q1, q2, q3, q4, q5 = b0[i], b1[i], b2[i], b3[i], b4[i], b5[i]
            along = v0 * q0 + v1 * q1 + v2 * q2 + v3 * q3 + v4 * q4 + v5 * q5
            across = s0 * q0 + s1 * q1 + s2 * q2 + s3 * q3 + s4 * q4 + s5 * q5
            phi[i] += value * along
            d1[i] += slope * along
            d2[i] += value * across


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _project(y, phi, d1, d2, magnitude, coef, gradient, H):
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
    rss, power = 0.0, 0.0
    gradient[0], gradient[1] = 0.0, 0.0
    for c in range(y.shape[0]):
        p = 0.0
        for i in range(n_points):
            p += phi[i] * y[c, i]
        a = p * inverse
        coef[c] = a
        power += a * a
        for i in range(n_points):
            r = y[c, i] - a * phi[i]
            rss += r * r
            gradient[0] -= 2.0 * a * r * d1[i]
            gradient[1] -= 2.0 * a * r * d2[i]
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
        u_out[v] = np.nan
        n_iter[v] = 0
        for k in range(node.shape[1]):
            if node[v, k, 0] < 0:
                break
            u[0], u[1] = start[v, k, 0], start[v, k, 1]
            _look_up(B, u, origin, h, phi, d1, d2, w)
            value = _project(Y[v], phi, d1, d2, magnitude, trial, gradient, H)
            damping = 1e-3
            used = max_iter + 1
            for iteration in range(max_iter):
                if _step(gradient, H, damping, u, low, high, step) < tol:
                    used = iteration + 1
                    break
                new[0], new[1] = u[0] + step[0], u[1] + step[1]
                _look_up(B, new, origin, h, phi, d1, d2, w)
                other = _project(
                    Y[v], phi, d1, d2, magnitude, trial, other_gradient, other_H
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
                u_out[v] = u
                n_iter[v] = used
        if np.isnan(u_out[v, 0]):
            coef[v] = np.nan
            cov[v] = np.nan
            continue
        _look_up(B, u_out[v], origin, h, phi, d1, d2, w)
        _project(Y[v], phi, d1, d2, magnitude, trial, gradient, H)
        coef[v, :, 0] = trial
        _covariance(trial, phi, d1, d2, cov[v])


@njit(cache=True, nogil=True, error_model="numpy")
def _covariance(coef, phi, d1, d2, cov):
    """Write the inverse of J'J on the real axis of the signal, nan if singular."""
    power = 0.0
    for c in range(coef.size):
        power += coef[c] * coef[c]
    amplitude = np.sqrt(power)
    if coef.size == 1 and coef[0] < 0.0:
        amplitude = -amplitude
    n_points = phi.size
    J = np.empty((3, n_points))
    J[0] = phi
    J[1] = amplitude * d1
    J[2] = amplitude * d2
    size = np.empty(3)
    for a in range(3):
        size[a] = np.sqrt((J[a] * J[a]).sum())
        if not size[a] > 0.0:
            cov[:] = np.nan
            return
        J[a] /= size[a]
    r01, r02, r12 = (J[0] * J[1]).sum(), (J[0] * J[2]).sum(), (J[1] * J[2]).sum()
    c00, c11, c22 = 1.0 - r12 * r12, 1.0 - r02 * r02, 1.0 - r01 * r01
    c01, c02, c12 = r02 * r12 - r01, r01 * r12 - r02, r01 * r02 - r12
    determinant = c00 + r01 * c01 + r02 * c02
    if not determinant > 1e-13:
        cov[:] = np.nan
        return
    cov[0, 0], cov[1, 1], cov[2, 2] = c00, c11, c22
    cov[0, 1], cov[0, 2], cov[1, 2] = c01, c02, c12
    for a in range(3):
        for b in range(a, 3):
            cov[a, b] /= determinant * size[a] * size[b]
            cov[b, a] = cov[a, b]
