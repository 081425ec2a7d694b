"""Newton on the projected sum of squares of two nonlinear parameters, one amplitude."""

import numpy as np

from ..utils._compiled import compiled
from ._numba_missing import blank, take_row
from ._numba_types import FAST

# Length of a step off a saddle, as a fraction of the range of a parameter.
_ESCAPE = 0.01


@compiled(fastmath=FAST)
def _weights(x, h, w, k):
    """Write the six quintic B-splines of a cell at x in [0, 1], and derivatives.

    They go to the rows k, k + 1 and k + 2 of w.
    """
    x2, x3 = x * x, x * x * x
    x4 = x2 * x2
    z = 1.0 - x
    z2 = z * z
    a, b, c = 1.0 / 120.0, 1.0 / (120.0 * h), 1.0 / (120.0 * h * h)
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
    w[k + 2, 0] = 20 * c * z2 * z
    w[k + 2, 1] = c * (40 + 120 * x - 240 * x2 + 100 * x3)
    w[k + 2, 2] = c * (-120 + 360 * x2 - 200 * x3)
    w[k + 2, 3] = c * (40 - 120 * x - 240 * x2 + 200 * x3)
    w[k + 2, 4] = c * (20 + 60 * x + 60 * x2 - 100 * x3)
    w[k + 2, 5] = 20 * c * x3


@compiled(fastmath=FAST)
def look_up(spline, u, F, w, T):
    """Write the signal at u (2,) and its derivatives into the rows of F (6, N).

    They are phi, phi_1, phi_2, phi_11, phi_12 and phi_22; w (6, 6) and T (3, 6 N) are
    workspaces. Six rows of B are summed over 6 N values that lie side by side, before
    six runs of N are: loops over N alone are too short for SIMD. Rows are indexed,
    since a slice counts references, which costs more than the work here.
    """
    B, origin, h = spline
    n_points = F.shape[1]
    x, y = (u[0] - origin[0]) / h[0], (u[1] - origin[1]) / h[1]
    i0 = min(max(int(x), 0), B.shape[0] - 6)
    j0 = min(max(int(y), 0), B.shape[1] // n_points - 6)
    _weights(x - i0, h[0], w, 0)
    _weights(y - j0, h[1], w, 3)
    a0, a1, a2, a3, a4, a5 = w[0, 0], w[0, 1], w[0, 2], w[0, 3], w[0, 4], w[0, 5]
    b0, b1, b2, b3, b4, b5 = w[1, 0], w[1, 1], w[1, 2], w[1, 3], w[1, 4], w[1, 5]
    c0, c1, c2, c3, c4, c5 = w[2, 0], w[2, 1], w[2, 2], w[2, 3], w[2, 4], w[2, 5]
    for j in range(6 * n_points):
        # Unsigned, or each index is tested for counting from the end.
        i = np.uint64(j0 * n_points + j)
        q0, q1, q2 = B[i0, i], B[i0 + 1, i], B[i0 + 2, i]
        q3, q4, q5 = B[i0 + 3, i], B[i0 + 4, i], B[i0 + 5, i]
        T[0, j] = a0 * q0 + a1 * q1 + a2 * q2 + a3 * q3 + a4 * q4 + a5 * q5
        T[1, j] = b0 * q0 + b1 * q1 + b2 * q2 + b3 * q3 + b4 * q4 + b5 * q5
        T[2, j] = c0 * q0 + c1 * q1 + c2 * q2 + c3 * q3 + c4 * q4 + c5 * q5
    v0, v1, v2, v3, v4, v5 = w[3, 0], w[3, 1], w[3, 2], w[3, 3], w[3, 4], w[3, 5]
    s0, s1, s2, s3, s4, s5 = w[4, 0], w[4, 1], w[4, 2], w[4, 3], w[4, 4], w[4, 5]
    d0, d1, d2, d3, d4, d5 = w[5, 0], w[5, 1], w[5, 2], w[5, 3], w[5, 4], w[5, 5]
    m = n_points
    for i in range(m):
        q0, q1, q2 = T[0, i], T[0, i + m], T[0, i + 2 * m]
        q3, q4, q5 = T[0, i + 3 * m], T[0, i + 4 * m], T[0, i + 5 * m]
        F[0, i] = v0 * q0 + v1 * q1 + v2 * q2 + v3 * q3 + v4 * q4 + v5 * q5
        F[2, i] = s0 * q0 + s1 * q1 + s2 * q2 + s3 * q3 + s4 * q4 + s5 * q5
        F[5, i] = d0 * q0 + d1 * q1 + d2 * q2 + d3 * q3 + d4 * q4 + d5 * q5
    for i in range(m):
        q0, q1, q2 = T[1, i], T[1, i + m], T[1, i + 2 * m]
        q3, q4, q5 = T[1, i + 3 * m], T[1, i + 4 * m], T[1, i + 5 * m]
        F[1, i] = v0 * q0 + v1 * q1 + v2 * q2 + v3 * q3 + v4 * q4 + v5 * q5
        F[4, i] = s0 * q0 + s1 * q1 + s2 * q2 + s3 * q3 + s4 * q4 + s5 * q5
    for i in range(m):
        q0, q1, q2 = T[2, i], T[2, i + m], T[2, i + 2 * m]
        q3, q4, q5 = T[2, i + 3 * m], T[2, i + 4 * m], T[2, i + 5 * m]
        F[3, i] = v0 * q0 + v1 * q1 + v2 * q2 + v3 * q3 + v4 * q4 + v5 * q5


@compiled(fastmath=FAST)
def project(Y, v, F, magnitude, coef, gradient, H, G):
    """Fit the amplitudes coef (C,); return the sum of squares.

    gradient (2,) and H (2, 2) are its derivatives with the amplitudes at their best,
    G (2, 2) is the Gauss-Newton approximation of H. Magnitudes take the signs of phi.
    """
    n_points = F.shape[1]
    if magnitude:
        for i in range(n_points):
            if F[0, i] < 0.0:
                for m in range(6):
                    F[m, i] = -F[m, i]
    size, a1, a2, b11, b12, b22 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n_points):
        size += F[0, i] * F[0, i]
        a1 += F[0, i] * F[1, i]
        a2 += F[0, i] * F[2, i]
        b11 += F[1, i] * F[1, i]
        b12 += F[1, i] * F[2, i]
        b22 += F[2, i] * F[2, i]
    inverse = 1.0 / size if size > 0.0 else 0.0
    rss, power, e1, e2, h11, h12, h22 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for c in range(Y.shape[1]):
        p = 0.0
        for i in range(n_points):
            p += F[0, i] * Y[v, c, i]
        a = p * inverse
        coef[c] = a
        power += a * a
        # Sums in variables, since LLVM uses no SIMD for sums in arrays.
        r1, r2, r11, r12, r22 = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(n_points):
            r = Y[v, c, i] - a * F[0, i]
            rss += r * r
            r1 += r * F[1, i]
            r2 += r * F[2, i]
            r11 += r * F[3, i]
            r12 += r * F[4, i]
            r22 += r * F[5, i]
        e1 -= 2.0 * a * r1
        e2 -= 2.0 * a * r2
        # What the amplitude saves when it follows the parameters.
        s1, s2 = a * a1 - r1, a * a2 - r2
        h11 += 2.0 * (a * a * b11 - a * r11 - s1 * s1 * inverse)
        h12 += 2.0 * (a * a * b12 - a * r12 - s1 * s2 * inverse)
        h22 += 2.0 * (a * a * b22 - a * r22 - s2 * s2 * inverse)
    gradient[0], gradient[1] = e1, e2
    H[0, 0], H[0, 1], H[1, 1] = h11, h12, h22
    G[0, 0] = 2.0 * power * (b11 - a1 * a1 * inverse)
    G[0, 1] = 2.0 * power * (b12 - a1 * a2 * inverse)
    G[1, 1] = 2.0 * power * (b22 - a2 * a2 * inverse)
    return rss


@compiled
def _step(gradient, H, damping, u, low, high, step):
    """Write a step downhill that stays in the box; return its largest entry."""
    fixed0 = (u[0] <= low[0] and gradient[0] > 0.0) or (
        u[0] >= high[0] and gradient[0] < 0.0
    )
    fixed1 = (u[1] <= low[1] and gradient[1] > 0.0) or (
        u[1] >= high[1] and gradient[1] < 0.0
    )
    # The two coordinates have units of their own.
    unit0 = np.sqrt(abs(H[0, 0])) + 1e-150
    unit1 = np.sqrt(abs(H[1, 1])) + 1e-150
    a, c = H[0, 0] / (unit0 * unit0), H[1, 1] / (unit1 * unit1)
    b = 0.0 if fixed0 or fixed1 else H[0, 1] / (unit0 * unit1)
    # The smallest eigenvalue must be positive for the step to go downhill.
    mean, spread = 0.5 * (a + c), np.hypot(0.5 * (a - c), b)
    shift = damping + max(0.0, spread - mean + 1e-9)
    if spread > mean:
        shift += 0.1 * (spread - mean)
    a += shift
    c += shift
    determinant = a * c - b * b
    e0, e1 = gradient[0] / unit0, gradient[1] / unit1
    step[0] = 0.0 if fixed0 else -(c * e0 - b * e1) / (determinant * unit0)
    step[1] = 0.0 if fixed1 else -(a * e1 - b * e0) / (determinant * unit1)
    largest = 0.0
    for k in range(2):
        # The quadratic model is not to be trusted further.
        most = min(1.0, 0.25 * (high[k] - low[k]))
        step[k] = min(max(step[k], -most), most)
        step[k] = min(max(u[k] + step[k], low[k]), high[k]) - u[k]
        largest = max(largest, abs(step[k]))
    return largest


@compiled
def _escape(H, u, low, high, step):
    """Write a step off a saddle or a ridge; return whether u is on one.

    Signals that are symmetric in a parameter, as those of flip angles around 180
    degrees, have one in the middle, which is also where its range ends.
    """
    unit0, unit1 = np.sqrt(abs(H[0, 0])) + 1e-150, np.sqrt(abs(H[1, 1])) + 1e-150
    a, c = H[0, 0] / (unit0 * unit0), H[1, 1] / (unit1 * unit1)
    b = H[0, 1] / (unit0 * unit1)
    smallest = 0.5 * (a + c) - np.hypot(0.5 * (a - c), b)
    if smallest > -1e-6:
        return False
    # The two ways to write the eigenvector; one of them may vanish.
    x, y = b, smallest - a
    if abs(smallest - c) > abs(y):
        x, y = smallest - c, b
    step[0], step[1] = x / unit0, y / unit1
    scale = 0.0
    for k in range(2):
        scale = max(scale, abs(step[k]) / (high[k] - low[k]))
    for k in range(2):
        step[k] *= _ESCAPE / scale
        step[k] = min(max(u[k] + step[k], low[k]), high[k]) - u[k]
    return True


@compiled(allocates=True)
def refine_plane(Y, spline, magnitude, starts, stop, out, there):
    """Minimise from every start by Newton's method and keep the best."""
    B, origin, h = spline
    start, node = starts
    tol, max_iter = stop
    u_out, coef, rss, cov, n_iter = out
    n, n_channels, n_points = Y.shape
    low = origin
    high = np.empty(2)
    for k in range(2):
        n_nodes = B.shape[0] if k == 0 else B.shape[1] // n_points
        high[k] = origin[k] + h[k] * (n_nodes - 5)
    F, weights = np.empty((6, n_points)), np.empty((6, 6))
    T = np.empty((3, 6 * n_points))
    u, new, step = np.empty(2), np.empty(2), np.empty(2)
    gradient, H, G = np.empty(2), np.empty((2, 2)), np.empty((2, 2))
    other_gradient, other_H = np.empty(2), np.empty((2, 2))
    trial = np.empty(n_channels)
    w = np.empty(n_points if there.shape[0] else 0)
    # Newton's step is as accurate as its square.
    last_step = np.sqrt(tol)
    for v in range(n):
        take_row(there, v, w)
        rss[v] = np.inf
        u_out[v, 0], u_out[v, 1] = np.nan, np.nan
        n_iter[v] = 0
        for k in range(node.shape[1]):
            if node[v, k, 0] < 0:
                break
            u[0], u[1] = start[v, k, 0], start[v, k, 1]
            look_up(spline, u, F, weights, T)
            blank(w, F)
            value = project(Y, v, F, magnitude, trial, gradient, H, G)
            damping, done, side = 0.0, False, 1.0
            used = max_iter + 1
            for iteration in range(max_iter):
                # Gauss-Newton looks further, Newton closer.
                model = G if iteration == 0 else H
                largest = _step(gradient, model, damping, u, low, high, step)
                if done or largest < tol:
                    done = True
                    if not _escape(H, u, low, high, step):
                        used = iteration + 1
                        break
                    step[0], step[1] = side * step[0], side * step[1]
                    largest = np.inf
                new[0], new[1] = u[0] + step[0], u[1] + step[1]
                look_up(spline, new, F, weights, T)
                blank(w, F)
                other = project(Y, v, F, magnitude, trial, other_gradient, other_H, G)
                if done and not other < value:
                    if side < 0.0:
                        used = iteration + 1
                        break
                    side = -1.0
                    continue
                if other <= value * (1.0 + 1e-14):
                    u[0], u[1] = new[0], new[1]
                    done, side = False, 1.0
                    gained = value - other
                    value = other
                    # Loops, since Numba's array expressions cost more than the work.
                    for a in range(2):
                        gradient[a] = other_gradient[a]
                        for b in range(2):
                            H[a, b] = other_H[a, b]
                    # The last digits of a flat sum of squares mean nothing.
                    if damping == 0.0 and (
                        gained < 1e-11 * value or largest < last_step
                    ):
                        done = True
                        if H[0, 0] * H[1, 1] >= H[0, 1] * H[0, 1] and H[0, 0] > 0.0:
                            used = iteration + 1
                            break
                    damping = 0.0 if damping < 1e-3 else 0.1 * damping
                else:
                    damping = max(4.0 * damping, 1e-3)
            if value < rss[v]:
                rss[v] = value
                u_out[v, 0], u_out[v, 1] = u[0], u[1]
                n_iter[v] = used
        if np.isnan(u_out[v, 0]):
            coef[v] = np.nan
            cov[v] = np.nan
            continue
        u[0], u[1] = u_out[v, 0], u_out[v, 1]
        look_up(spline, u, F, weights, T)
        blank(w, F)
        project(Y, v, F, magnitude, trial, gradient, H, G)
        for c in range(n_channels):
            coef[v, c, 0] = trial[c]
        _covariance(trial, F, cov, v)


@compiled(fastmath=FAST)
def _covariance(coef, F, cov, v):
    """Write the inverse of J'J on the real axis of the signal, nan if singular."""
    power = 0.0
    for c in range(coef.size):
        power += coef[c] * coef[c]
    amplitude = np.sqrt(power)
    if coef.size == 1 and coef[0] < 0.0:
        amplitude = -amplitude
    n0, n1, n2, r01, r02, r12 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(F.shape[1]):
        n0 += F[0, i] * F[0, i]
        n1 += F[1, i] * F[1, i]
        n2 += F[2, i] * F[2, i]
        r01 += F[0, i] * F[1, i]
        r02 += F[0, i] * F[2, i]
        r12 += F[1, i] * F[2, i]
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
