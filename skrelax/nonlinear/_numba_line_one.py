"""Newton on the projected energy of one nonlinear parameter and one amplitude.

The energy is a ratio of polynomials in each cell of the spline. M are the coefficients
of the powers of x in [0, 1] there, (n_cells, 6, N).
"""

import numpy as np

from ..utils._compiled import compiled
from ._numba_missing import squares_there, take_row
from ._numba_types import FAST


@compiled(fastmath=FAST)
def _products(y, M, cell, P):
    """Write the powers of x (C, 6) of the product of signals y with the basis."""
    for c in range(y.shape[0]):
        p0, p1, p2, p3, p4, p5 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(y.shape[1]):
            p0 += y[c, i] * M[cell, 0, i]
            p1 += y[c, i] * M[cell, 1, i]
            p2 += y[c, i] * M[cell, 2, i]
            p3 += y[c, i] * M[cell, 3, i]
            p4 += y[c, i] * M[cell, 4, i]
            p5 += y[c, i] * M[cell, 5, i]
        P[c, 0], P[c, 1], P[c, 2], P[c, 3], P[c, 4], P[c, 5] = p0, p1, p2, p3, p4, p5


@compiled(fastmath=FAST)
def _climb(y, spline, u, ends, stop, work, w):
    """Maximise the projected energy between two ends; return u and the iterations.

    It is the ratio of sum_c P_c(x)^2 and S(x), the energy of the basis: polynomials in
    each cell, so that only a new cell looks at the points. Where points are missing, it
    is that of the others, (1, 11) in the workspace.
    """
    lo, hi = ends
    P, own = work
    M, S = spline.powers, spline.squares if w.size == 0 else own
    u0, h = spline.nodes.origin, spline.nodes.step
    tol, max_iter = stop
    left, right = lo, hi
    # Newton's step is as accurate as its square.
    last_step = np.sqrt(tol)
    current = -1
    for iteration in range(max_iter):
        cell = min(max(int((u - u0) / h), 0), M.shape[0] - 1)
        if cell != current:
            _products(y, M, cell, P)
            if w.size > 0:
                squares_there(M, cell, w, own)
            current = cell
        row = cell if w.size == 0 else 0
        x = (u - u0) / h - cell
        a0, a1, a2 = 0.0, 0.0, 0.0
        for c in range(y.shape[0]):
            p2, p3, p4, p5 = P[c, 2], P[c, 3], P[c, 4], P[c, 5]
            p = ((((p5 * x + p4) * x + p3) * x + p2) * x + P[c, 1]) * x + P[c, 0]
            d = (((5.0 * p5 * x + 4.0 * p4) * x + 3.0 * p3) * x + 2.0 * p2) * x
            d += P[c, 1]
            e = ((20.0 * p5 * x + 12.0 * p4) * x + 6.0 * p3) * x + 2.0 * p2
            a0 += p * p
            a1 += 2.0 * p * d
            a2 += 2.0 * (d * d + p * e)
        s0, s1, s2 = S[row, 10], 0.0, 0.0
        for k in range(9, -1, -1):
            s2 = s2 * x + 2.0 * s1
            s1 = s1 * x + s0
            s0 = s0 * x + S[row, k]
        slope, curve = a1 * s0 - a0 * s1, a2 * s0 - a0 * s2
        if (slope <= 0.0 and u <= lo) or (slope >= 0.0 and u >= hi):
            return u, iteration + 1
        if slope < 0.0:
            right = u
        else:
            left = u
        new = u - h * slope / curve if curve < 0.0 else left - 1.0
        if left < new < right:
            if abs(new - u) < last_step:
                return new, iteration + 1
        elif curve < 0.0 and new <= lo == left:
            # An end that has not been looked at may be the maximum.
            new = lo
        elif curve < 0.0 and new >= hi == right:
            new = hi
        else:
            new = 0.5 * (left + right)
            if abs(new - u) < tol:
                return new, iteration + 1
        u = new
    return u, max_iter + 1


@compiled(fastmath=FAST, allocates=True)
def refine_one(Y, spline, brackets, stop, out, there):
    """Minimise from every bracket and keep the best, with one amplitude.

    With magnitudes the number of iterations counts the sign patterns too.
    """
    lo, hi, start, node, sign = brackets
    u_out, coef, rss, cov, n_iter = out
    n, n_channels, n_points = Y.shape
    use_signs = sign.shape[1] > 0
    phi, d1 = np.empty(n_points), np.empty(n_points)
    y, P = np.empty((n_channels, n_points)), np.empty((n_channels, 6))
    w, own = np.empty(n_points if there.shape[0] else 0), np.empty((1, 11))
    for v in range(n):
        take_row(there, v, w)
        best_u, most, total = np.nan, -1.0, 0
        for c in range(n_channels):
            for i in range(n_points):
                y[c, i] = Y[v, c, i]
        here = np.nan
        for k in range(node.shape[1]):
            if node[v, k] < 0:
                break
            u = start[v, k]
            if use_signs:
                for i in range(n_points):
                    y[0, i] = Y[v, 0, i] * sign[v, k, i]
            used = 0
            # Each pass raises the energy of magnitudes.
            for _ in range(n_points):
                ends = lo[v, k], hi[v, k]
                u, iterations = _climb(y, spline, u, ends, stop, (P, own), w)
                used = max(used, iterations)
                if not use_signs:
                    break
                _look_up(spline, u, phi, d1, w)
                here = u
                p = 0.0
                for i in range(n_points):
                    p += y[0, i] * phi[i]
                changed = False
                for i in range(n_points):
                    if p * phi[i] * y[0, i] < 0.0:
                        y[0, i] = -y[0, i]
                        changed = True
                if not changed:
                    break
            if k == 0 and (node.shape[1] == 1 or node[v, 1] < 0):
                # The only bracket needs no comparison.
                best_u, total = u, used
                break
            if not use_signs:
                _look_up(spline, u, phi, d1, w)
                here = u
            energy = _energy(Y, v, phi, use_signs)
            if energy > most:
                best_u, most, total = u, energy, used
        u_out[v, 0] = best_u
        n_iter[v] = total
        if np.isnan(best_u):
            rss[v] = np.inf
            for c in range(n_channels):
                coef[v, c, 0] = np.nan
            for a in range(2):
                for b in range(2):
                    cov[v, a, b] = np.nan
            continue
        if here != best_u:
            _look_up(spline, best_u, phi, d1, w)
        _finish(Y, v, phi, d1, use_signs, out)


@compiled(fastmath=FAST)
def _look_up(spline, u, phi, d1, w):
    """Write the signal of the only amplitude at u and its derivative.

    Both are zero where points are missing.
    """
    M, u0, h = spline.powers, spline.nodes.origin, spline.nodes.step
    cell = min(max(int((u - u0) / h), 0), M.shape[0] - 1)
    x = (u - u0) / h - cell
    f1 = 1.0 / h
    for i in range(M.shape[2]):
        a, b, c = M[cell, 5, i], M[cell, 4, i], M[cell, 3, i]
        d, e = M[cell, 2, i], M[cell, 1, i]
        phi[i] = ((((a * x + b) * x + c) * x + d) * x + e) * x + M[cell, 0, i]
        slope = (((5.0 * a * x + 4.0 * b) * x + 3.0 * c) * x + 2.0 * d) * x + e
        d1[i] = f1 * slope
    for i in range(w.size):
        phi[i] *= w[i]
        d1[i] *= w[i]


@compiled(fastmath=FAST)
def _energy(Y, v, phi, magnitude):
    """Return the projected energy of a signal, of magnitudes with signs of phi."""
    size, total = 0.0, 0.0
    for i in range(phi.size):
        size += phi[i] * phi[i]
    for c in range(Y.shape[1]):
        p = 0.0
        for i in range(phi.size):
            p += Y[v, c, i] * (abs(phi[i]) if magnitude else phi[i])
        total += p * p
    return total / size if size > 0.0 else 0.0


@compiled(fastmath=FAST)
def _finish(Y, v, phi, d1, magnitude, out):
    """Write the amplitudes, the sum of squares and the inverse of J'J."""
    coef, rss, cov = out.coef, out.rss, out.cov
    n_channels, n_points = Y.shape[1:]
    if magnitude:
        # Then all signs are those of the data.
        for i in range(n_points):
            if phi[i] < 0.0:
                phi[i], d1[i] = -phi[i], -d1[i]
    s0, s1, s2 = 0.0, 0.0, 0.0
    for i in range(n_points):
        s0 += phi[i] * phi[i]
        s1 += phi[i] * d1[i]
        s2 += d1[i] * d1[i]
    total, power, a = 0.0, 0.0, 0.0
    for c in range(n_channels):
        p = 0.0
        for i in range(n_points):
            p += Y[v, c, i] * phi[i]
        a = p / s0 if s0 > 0.0 else 0.0
        coef[v, c, 0] = a
        power += a * a
        for i in range(n_points):
            r = Y[v, c, i] - a * phi[i]
            total += r * r
    rss[v] = total
    free = s2 - s1 * s1 / s0 if s0 > 0.0 else 0.0
    if not (free > 1e-13 * s2 and power > 0.0):
        for k in range(2):
            for m in range(2):
                cov[v, k, m] = np.nan
        return
    # A common phase of complex amplitudes decouples from the other parameters.
    amplitude = np.sqrt(power) if n_channels > 1 else a
    cov[v, 0, 0] = s2 / (s0 * free)
    cov[v, 0, 1] = -s1 / (amplitude * s0 * free)
    cov[v, 1, 0] = cov[v, 0, 1]
    cov[v, 1, 1] = 1.0 / (power * free)
