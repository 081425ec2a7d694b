"""Fits of one nonlinear parameter: scan a grid, then Newton on the projected energy.

Signals Y are (n, C, N): n voxels, C channels (2 for complex data) that share the
nonlinear parameter, N points. The basis is a quintic spline in the coordinate u of the
parameter (see ``_table.py``): B are its coefficients (n_nodes + 4, L, N) with L = 1 or
2 amplitudes, nodes are at u0 + h g. Reassociation lets sums over points use SIMD; NaN
voxels are gone before these kernels.
"""

import numpy as np
from numba import njit

_FAST = {"contract", "reassoc", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def scan_line(Y, Q, coarse, stride, h, u0, margins, acc, lo, hi, start, node):
    """Write brackets of the best nodes, best first; node is -1 where there is none.

    Q (G, L, N) is an orthonormal basis per node, coarse (L, N, -(-G // stride)) that
    of every stride-th node. All nodes are looked at around coarse nodes whose energy
    is a local maximum within margins[0] * |y|^2 of the largest, or within margins[2];
    their local maxima within margins[1] count. acc (G,) is a workspace, the others are
    (n, K).
    """
    n, n_channels, n_points = Y.shape
    n_nodes, n_amplitudes, _ = Q.shape
    n_coarse = coarse.shape[2]
    total, part = np.empty(n_coarse), np.empty(n_coarse)
    for v in range(n):
        energy = 0.0
        for g in range(n_coarse):
            total[g] = 0.0
        for c in range(n_channels):
            for i in range(n_points):
                energy += Y[v, c, i] * Y[v, c, i]
            for k in range(n_amplitudes):
                for g in range(n_coarse):
                    part[g] = 0.0
                # Two points at a time halve the traffic of part.
                for i in range(0, n_points - 1, 2):
                    y, z = Y[v, c, i], Y[v, c, i + 1]
                    for g in range(n_coarse):
                        part[g] += y * coarse[k, i, g] + z * coarse[k, i + 1, g]
                if n_points % 2:
                    y = Y[v, c, n_points - 1]
                    for g in range(n_coarse):
                        part[g] += y * coarse[k, n_points - 1, g]
                for g in range(n_coarse):
                    total[g] += part[g] * part[g]
        best = 0.0
        for g in range(n_coarse):
            best = max(best, total[g])
        least = best - margins[0] * energy
        for k in range(node.shape[1]):
            node[v, k] = -1
        found = 0
        near = best - margins[2] * energy
        m = 0
        while m < n_coarse:
            peak = (m == 0 or total[m - 1] <= total[m]) and (
                m == n_coarse - 1 or total[m + 1] < total[m]
            )
            if total[m] < near and not (peak and total[m] >= least):
                m += 1
                continue
            first = max(m - 1, 0) * stride
            while m < n_coarse - 1 and total[m + 1] >= near:
                m += 1
            last = min((m + 1) * stride, n_nodes - 1)
            m += 1
            for g in range(first, last + 1):
                value = 0.0
                for c in range(n_channels):
                    for k in range(n_amplitudes):
                        p = 0.0
                        for i in range(n_points):
                            p += Y[v, c, i] * Q[g, k, i]
                        value += p * p
                acc[g] = value
            found = _take_peaks(acc, first, last, node[v], start[v], found)
        best = start[v, 0]
        for k in range(found):
            if start[v, k] < best - margins[1] * energy:
                node[v, k:] = -1
                break
            _bracket(node[v, k], acc, h, u0, lo[v], hi[v], start[v], k)


@njit(cache=True, nogil=True, error_model="numpy")
def _take_peaks(acc, first, last, node, value, found):
    """Insert local maxima of acc between two nodes, best first; return their number.

    The ends count where they are the ends of the grid. value (K,) takes acc.
    """
    n_nodes, n_kept = acc.size, node.size
    for g in range(first, last + 1):
        if (g == first and g > 0) or (g == last and g < n_nodes - 1):
            continue
        if g > first and acc[g - 1] > acc[g]:
            continue
        if g < last and acc[g + 1] >= acc[g]:
            continue
        k = min(found, n_kept - 1)
        if found >= n_kept and value[k] >= acc[g]:
            continue
        while k > 0 and value[k - 1] < acc[g]:
            node[k] = node[k - 1]
            value[k] = value[k - 1]
            k -= 1
        node[k] = g
        value[k] = acc[g]
        found = min(found + 1, n_kept)
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _bracket(g, acc, h, u0, lo, hi, start, k):
    """Write the k-th bracket: the cells on both sides of node g."""
    shift = 0.0
    if 0 < g < acc.size - 1:
        # The parabola through three energies is a better start than the node.
        curve = acc[g - 1] - 2.0 * acc[g] + acc[g + 1]
        if curve < 0.0:
            shift = 0.5 * (acc[g - 1] - acc[g + 1]) / curve
    start[k] = u0 + h * (g + shift)
    lo[k] = u0 + h * max(g - 1, 0)
    hi[k] = u0 + h * min(g + 1, acc.size - 1)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def scan_signs(Y, Q, order, base, acc, flips, h, u0, margin, lo, hi, start, node, sign):
    """Scan magnitudes of a model with two amplitudes, over all polarities.

    Whatever the amplitudes, points change their sign one after the other in the order
    (G, N) of a node, from the pattern base (G, N). Q (G, 2, N) is orthonormal per
    node, with points in that order; flips (G,) takes the number of changed points.
    """
    n, _, n_points = Y.shape
    n_nodes = Q.shape[0]
    for v in range(n):
        y = Y[v, 0]
        energy = 0.0
        for i in range(n_points):
            energy += y[i] * y[i]
        for g in range(n_nodes):
            p, q = 0.0, 0.0
            for i in range(n_points):
                signed = y[order[g, i]] * base[g, i]
                p += signed * Q[g, 0, i]
                q += signed * Q[g, 1, i]
            top = p * p + q * q
            turned = 0
            for i in range(n_points - 1):
                signed = -2.0 * y[order[g, i]] * base[g, i]
                p += signed * Q[g, 0, i]
                q += signed * Q[g, 1, i]
                value = p * p + q * q
                if value > top:
                    top = value
                    turned = i + 1
            acc[g] = top
            flips[g] = turned
        node[v] = -1
        found = _take_peaks(acc, 0, n_nodes - 1, node[v], start[v], 0)
        best = start[v, 0]
        for k in range(found):
            g = node[v, k]
            if start[v, k] < best - margin * energy:
                node[v, k:] = -1
                break
            _bracket(g, acc, h, u0, lo[v], hi[v], start[v], k)
            for i in range(n_points):
                s = -base[g, i] if i < flips[g] else base[g, i]
                sign[v, k, order[g, i]] = s


@njit(cache=True, nogil=True, error_model="numpy")
def spread_signs(signs, lo, hi, start, node, sign):
    """Give each bracket the polarities of its nodes, as brackets of their own.

    signs (G, N) are the signs of a model with one amplitude. Between nodes the
    polarity changes; the smallest sum of squares over the polarities of a bracket is
    that of the magnitude. Brackets (n, K) must leave room: the last slots are used.
    """
    n, n_kept = node.shape
    n_nodes, n_points = signs.shape
    for v in range(n):
        count = 0
        while count < n_kept and node[v, count] >= 0:
            sign[v, count] = signs[node[v, count]]
            count += 1
        first = count
        for k in range(first):
            g = node[v, k]
            for other in (g - 1, g + 1):
                if other < 0 or other >= n_nodes or count == n_kept:
                    continue
                same = True
                for i in range(n_points):
                    same = same and signs[g, i] == signs[other, i]
                if not same:
                    node[v, count] = g
                    lo[v, count] = lo[v, k]
                    hi[v, count] = hi[v, k]
                    start[v, count] = start[v, k]
                    sign[v, count] = signs[other]
                    count += 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _look_up(B, u, u0, h, phi, d1, d2):
    """Write the basis (L, N) at u and its derivatives with respect to u."""
    n_cells = B.shape[0] - 5
    cell = min(max(int((u - u0) / h), 0), n_cells - 1)
    x = (u - u0) / h - cell
    x2, x3 = x * x, x * x * x
    x4 = x2 * x2
    z = 1.0 - x
    z2, z3 = z * z, z * z * z
    a, b, c = 1.0 / 120.0, 1.0 / (120.0 * h), 1.0 / (120.0 * h * h)
    # The six quintic B-splines of a uniform grid that are not zero in a cell.
    w = (
        a * z2 * z3,
        a * (26 - 50 * x + 20 * x2 + 20 * x3 - 20 * x4 + 5 * x4 * x),
        a * (66 - 60 * x2 + 30 * x4 - 10 * x4 * x),
        a * (26 + 50 * x + 20 * x2 - 20 * x3 - 20 * x4 + 10 * x4 * x),
        a * (1 + 5 * x + 10 * x2 + 10 * x3 + 5 * x4 - 5 * x4 * x),
        a * x4 * x,
    )
    w1 = (
        -5 * b * z2 * z2,
        b * (-50 + 40 * x + 60 * x2 - 80 * x3 + 25 * x4),
        b * (-120 * x + 120 * x3 - 50 * x4),
        b * (50 + 40 * x - 60 * x2 - 80 * x3 + 50 * x4),
        b * (5 + 20 * x + 30 * x2 + 20 * x3 - 25 * x4),
        5 * b * x4,
    )
    w2 = (
        20 * c * z3,
        c * (40 + 120 * x - 240 * x2 + 100 * x3),
        c * (-120 + 360 * x2 - 200 * x3),
        c * (40 - 120 * x - 240 * x2 + 200 * x3),
        c * (20 + 60 * x + 60 * x2 - 100 * x3),
        20 * c * x3,
    )
    for k in range(B.shape[1]):
        b0, b1, b2 = B[cell, k], B[cell + 1, k], B[cell + 2, k]
        b3, b4, b5 = B[cell + 3, k], B[cell + 4, k], B[cell + 5, k]
        # Written out, since LLVM uses SIMD over points only then.
        for i in range(b0.size):
            p0, p1, p2, p3, p4, p5 = b0[i], b1[i], b2[i], b3[i], b4[i], b5[i]
            phi[k, i] = (
                w[0] * p0 + w[1] * p1 + w[2] * p2 + w[3] * p3 + w[4] * p4 + w[5] * p5
            )
            d1[k, i] = (
                w1[0] * p0 + w1[1] * p1 + w1[2] * p2 + w1[3] * p3 + w1[4] * p4
                + w1[5] * p5
            )  # fmt: skip
            d2[k, i] = (
                w2[0] * p0 + w2[1] * p1 + w2[2] * p2 + w2[3] * p3 + w2[4] * p4
                + w2[5] * p5
            )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _project(y, phi, d1, d2, coef):
    """Fit amplitudes coef (C, L); return the sum of squares and two derivatives."""
    n_channels, n_points = y.shape
    two = phi.shape[0] == 2
    g00, g01, g11 = 0.0, 0.0, 1.0
    for i in range(n_points):
        g00 += phi[0, i] * phi[0, i]
    if two:
        g11 = 0.0
        for i in range(n_points):
            g01 += phi[0, i] * phi[1, i]
            g11 += phi[1, i] * phi[1, i]
    determinant = g00 * g11 - g01 * g01
    # Columns that cannot be told apart share what there is.
    alone = not two or determinant <= 1e-13 * g00 * g11
    rss, slope, curve = 0.0, 0.0, 0.0
    for c in range(n_channels):
        p, q = 0.0, 0.0
        for i in range(n_points):
            p += phi[0, i] * y[c, i]
        if two:
            for i in range(n_points):
                q += phi[1, i] * y[c, i]
        if alone:
            a = p / g00 if g00 > 0.0 else 0.0
            b = 0.0
        else:
            a = (g11 * p - g01 * q) / determinant
            b = (g00 * q - g01 * p) / determinant
        coef[c, 0] = a
        if two:
            coef[c, 1] = b
        rr, rv, vv, rw, s0, s1 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        if two:
            for i in range(n_points):
                r = y[c, i] - a * phi[0, i] - b * phi[1, i]
                v = a * d1[0, i] + b * d1[1, i]
                rr += r * r
                rv += r * v
                vv += v * v
                rw += r * (a * d2[0, i] + b * d2[1, i])
                s0 += phi[0, i] * v - d1[0, i] * r
                s1 += phi[1, i] * v - d1[1, i] * r
        else:
            for i in range(n_points):
                r = y[c, i] - a * phi[0, i]
                v = a * d1[0, i]
                rr += r * r
                rv += r * v
                vv += v * v
                rw += r * a * d2[0, i]
                s0 += phi[0, i] * v - d1[0, i] * r
        rss += rr
        slope -= 2.0 * rv
        if alone:
            saved = s0 * s0 / g00 if g00 > 0.0 else 0.0
        else:
            saved = (g11 * s0 * s0 - 2.0 * g01 * s0 * s1 + g00 * s1 * s1) / determinant
        curve += 2.0 * (vv - rw - saved)
    return rss, slope, curve


@njit(cache=True, nogil=True, error_model="numpy")
def _newton(y, B, u, lo, hi, u0, h, tol, max_iter, phi, d1, d2, coef):
    """Minimise the sum of squares on [lo, hi]; return u and the iterations."""
    left, right = lo, hi
    # Newton's step is as accurate as its square.
    last_step = np.sqrt(tol)
    for iteration in range(max_iter):
        _look_up(B, u, u0, h, phi, d1, d2)
        _, slope, curve = _project(y, phi, d1, d2, coef)
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _invert_gram(J, A, L, inverse):
    """Write the inverse of J J' for J (n, N), or nan if it is singular.

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
                    inverse[:] = np.nan
                    return
                L[i, i] = np.sqrt(s)
            else:
                L[i, j] = s / L[j, j]
    for m in range(n):
        for i in range(n):
            s = 1.0 if i == m else 0.0
            for k in range(i):
                s -= L[i, k] * inverse[k, m]
            inverse[i, m] = s / L[i, i]
        for i in range(n - 1, -1, -1):
            s = inverse[i, m]
            for k in range(i + 1, n):
                s -= L[k, i] * inverse[k, m]
            inverse[i, m] = s / L[i, i]


@njit(cache=True, nogil=True, error_model="numpy")
def refine_line(
    Y, B, lo, hi, start, node, sign, u0, h, tol, max_iter, u_out, coef, rss, cov, n_iter
):
    """Minimise from every bracket and keep the best.

    u_out, rss, n_iter (n,), coef (n, C, L). cov (n, L + 1, L + 1) is the inverse of
    J'J for amplitudes and u, nan where it has none. sign (n, K, N) holds polarities of
    magnitudes, or has K = 0; with magnitudes n_iter counts the sign patterns too.
    """
    n, n_channels, n_points = Y.shape
    n_amplitudes = B.shape[1]
    use_signs = sign.shape[1] > 0
    phi = np.empty((n_amplitudes, n_points))
    d1, d2 = np.empty_like(phi), np.empty_like(phi)
    y = np.empty((n_channels, n_points))
    trial = np.empty((n_channels, n_amplitudes))
    J = np.empty((n_amplitudes + 1, n_points))
    A = np.empty((n_amplitudes + 1, n_amplitudes + 1))
    L = np.empty_like(A)
    for v in range(n):
        rss[v] = np.inf
        n_iter[v] = 0
        u_out[v] = np.nan
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
                u, used = _newton(
                    y, B, u, lo[v, k], hi[v, k], u0, h, tol, max_iter, phi, d1, d2,
                    trial,
                )  # fmt: skip
                _look_up(B, u, u0, h, phi, d1, d2)
                value, _, _ = _project(y, phi, d1, d2, trial)
                total = max(total, used)
                changed = False
                if use_signs:
                    for i in range(n_points):
                        s = 0.0
                        for m in range(n_amplitudes):
                            s += trial[0, m] * phi[m, i]
                        if s * y[0, i] < 0.0:
                            y[0, i] = -y[0, i]
                            changed = True
                if not changed:
                    break
            if value < rss[v]:
                rss[v] = value
                u_out[v] = u
                n_iter[v] = total
                for c in range(n_channels):
                    for m in range(n_amplitudes):
                        coef[v, c, m] = trial[c, m]
        if np.isnan(u_out[v]):
            coef[v] = np.nan
            cov[v] = np.nan
            continue
        if tried > 1:
            _look_up(B, u_out[v], u0, h, phi, d1, d2)
        if use_signs and coef[v, 0, 0] < 0.0:
            for m in range(n_amplitudes):
                coef[v, 0, m] = -coef[v, 0, m]
        _real_jacobian(coef[v], phi, d1, J)
        _invert_gram(J, A, L, cov[v])


@njit(cache=True, nogil=True, error_model="numpy")
def _real_jacobian(coef, phi, d1, J):
    """Write the Jacobian (L + 1, N) on the real axis of the signal.

    A common phase of complex amplitudes decouples from the other parameters, so
    their moduli stand for them.
    """
    n_amplitudes, n_points = phi.shape
    for i in range(n_points):
        J[n_amplitudes, i] = 0.0
    for m in range(n_amplitudes):
        if coef.shape[0] == 1:
            amplitude = coef[0, m]
        else:
            amplitude = np.hypot(coef[0, m], coef[1, m])
            if coef[0, 0] * coef[0, m] + coef[1, 0] * coef[1, m] < 0.0:
                amplitude = -amplitude
        for i in range(n_points):
            J[m, i] = phi[m, i]
            J[n_amplitudes, i] += amplitude * d1[m, i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def scan_pair(Y, Q, gram, inverse, allowed, margin, energies, best_of_row, start, node):
    """Write the best pairs of nodes of the sum of two signals, best first.

    Q (N, G) are unit signals, gram (G, G) their products r, inverse (G, G) is
    1 / (1 - r^2), start (n, K, 2) takes the two node numbers; allowed (2, 2) are the
    first node and the stop of both. Pairs are compared row by row; amplitudes of real
    data are not negative.
    """
    n, n_channels, n_points = Y.shape
    n_nodes = Q.shape[1]
    b = np.empty((n_channels, n_nodes))
    partner = np.empty(n_nodes, dtype=np.int64)
    for v in range(n):
        b[:] = 0.0
        energy = 0.0
        for c in range(n_channels):
            for i in range(n_points):
                y = Y[v, c, i]
                energy += y * y
                for g in range(n_nodes):
                    b[c, g] += y * Q[i, g]
        top = 0.0
        for g in range(n_nodes):
            first = b[0, g]
            after = max(g + 1, allowed[1, 0])
            count = max(allowed[1, 1] - after, 0)
            if g < allowed[0, 0] or g >= allowed[0, 1]:
                count = 0
            if n_channels == 1:
                alone = max(first, 0.0) ** 2
                for k in range(count):
                    second = b[0, after + k]
                    r = gram[g, after + k]
                    p, q = first - r * second, second - r * first
                    value = (first * p + second * q) * inverse[g, after + k]
                    single = max(second, 0.0) ** 2
                    single = max(single, alone)
                    energies[k] = value if p > 0.0 and q > 0.0 else single
            else:
                for k in range(count):
                    r = gram[g, after + k]
                    value = 0.0
                    for c in range(2):
                        first, second = b[c, g], b[c, after + k]
                        value += first * (first - r * second)
                        value += second * (second - r * first)
                    energies[k] = value * inverse[g, after + k]
            row = 0.0
            for k in range(count):
                row = max(row, energies[k])
            partner[g] = allowed[1, 0]
            for k in range(count):
                if energies[k] == row:
                    partner[g] = after + k
                    break
            best_of_row[g] = row
            top = max(top, row)
        _take_rows(best_of_row, partner, top - margin * energy, start[v], node[v])


@njit(cache=True, nogil=True, error_model="numpy")
def _take_rows(best_of_row, partner, least, start, node):
    """Write the pairs of the rows that are local maxima, best first."""
    n_kept = node.size
    node[:] = -1
    found = 0
    n_rows = best_of_row.size - 1
    for g in range(n_rows):
        value = best_of_row[g]
        if value < least:
            continue
        if (g > 0 and best_of_row[g - 1] > value) or (
            g < n_rows - 1 and best_of_row[g + 1] >= value
        ):
            continue
        k = min(found, n_kept - 1)
        if found >= n_kept and best_of_row[node[k]] >= value:
            continue
        while k > 0 and best_of_row[node[k - 1]] < value:
            node[k] = node[k - 1]
            k -= 1
        node[k] = g
        found = min(found + 1, n_kept)
    for k in range(found):
        start[k, 0] = node[k]
        start[k, 1] = partner[node[k]]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _pair_project(y, phi, d1, d2, coef, gradient, H):
    """Fit amplitudes of two signals; return the sum of squares, fill its derivatives.

    phi, d1, d2 (2, N) belong to one parameter each. Amplitudes of real data are not
    negative: where one is zero, its parameter has no derivative.
    """
    n_channels, n_points = y.shape
    g00, g01, g11 = 0.0, 0.0, 0.0
    for i in range(n_points):
        g00 += phi[0, i] * phi[0, i]
        g01 += phi[0, i] * phi[1, i]
        g11 += phi[1, i] * phi[1, i]
    determinant = g00 * g11 - g01 * g01
    rss = 0.0
    gradient[0], gradient[1] = 0.0, 0.0
    H[0, 0], H[0, 1], H[1, 1] = 0.0, 0.0, 0.0
    for c in range(n_channels):
        p, q = 0.0, 0.0
        for i in range(n_points):
            p += phi[0, i] * y[c, i]
            q += phi[1, i] * y[c, i]
        a, b = 0.0, 0.0
        free = determinant > 1e-12 * g00 * g11
        if free:
            a = (g11 * p - g01 * q) / determinant
            b = (g00 * q - g01 * p) / determinant
        if not free or (n_channels == 1 and (a < 0.0 or b < 0.0)):
            free = False
            a = p / g00 if g00 > 0.0 else 0.0
            b = q / g11 if g11 > 0.0 else 0.0
            if n_channels == 1:
                a, b = max(a, 0.0), max(b, 0.0)
            if a * p >= b * q:
                b = 0.0
            else:
                a = 0.0
        coef[c, 0], coef[c, 1] = a, b
        s00, s01, s10, s11 = 0.0, 0.0, 0.0, 0.0
        for i in range(n_points):
            r = y[c, i] - a * phi[0, i] - b * phi[1, i]
            v, w = a * d1[0, i], b * d1[1, i]
            rss += r * r
            gradient[0] -= 2.0 * r * v
            gradient[1] -= 2.0 * r * w
            H[0, 0] += 2.0 * (v * v - r * a * d2[0, i])
            H[0, 1] += 2.0 * v * w
            H[1, 1] += 2.0 * (w * w - r * b * d2[1, i])
            s00 += phi[0, i] * v - d1[0, i] * r
            s01 += phi[1, i] * v
            s10 += phi[0, i] * w
            s11 += phi[1, i] * w - d1[1, i] * r
        if free:
            f = 2.0 / determinant
            H[0, 0] -= f * (g11 * s00 * s00 - 2.0 * g01 * s00 * s01 + g00 * s01 * s01)
            H[1, 1] -= f * (g11 * s10 * s10 - 2.0 * g01 * s10 * s11 + g00 * s11 * s11)
            H[0, 1] -= f * (
                g11 * s00 * s10 - g01 * (s00 * s11 + s01 * s10) + g00 * s01 * s11
            )
        elif a != 0.0:
            H[0, 0] -= 2.0 * s00 * s00 / g00
            H[0, 1] = 0.0
        elif b != 0.0:
            H[1, 1] -= 2.0 * s11 * s11 / g11
            H[0, 1] = 0.0
    H[1, 0] = H[0, 1]
    return rss


@njit(cache=True, nogil=True, error_model="numpy")
def _damped_step(gradient, H, damping, u, box, step):
    """Write a step downhill that stays in the box; return its largest entry."""
    fixed0 = (u[0] <= box[0, 0] and gradient[0] > 0.0) or (
        u[0] >= box[0, 1] and gradient[0] < 0.0
    )
    fixed1 = (u[1] <= box[1, 0] and gradient[1] > 0.0) or (
        u[1] >= box[1, 1] and gradient[1] < 0.0
    )
    scale = max(abs(H[0, 0]), abs(H[1, 1]), 1e-300)
    a, c = H[0, 0], H[1, 1]
    b = 0.0 if fixed0 or fixed1 else H[0, 1]
    # The smallest eigenvalue must be positive for the step to go downhill.
    mean, spread = 0.5 * (a + c), np.hypot(0.5 * (a - c), b)
    shift = damping * scale + max(0.0, spread - mean + 1e-9 * scale)
    a += shift
    c += shift
    determinant = a * c - b * b
    step[0] = -(c * gradient[0] - b * gradient[1]) / determinant
    step[1] = -(a * gradient[1] - b * gradient[0]) / determinant
    if fixed0:
        step[0], step[1] = 0.0, -gradient[1] / c
    if fixed1:
        step[1] = 0.0
        step[0] = 0.0 if fixed0 else -gradient[0] / a
    largest = 0.0
    for k in range(2):
        # A factor of e at a time keeps the quadratic model honest.
        step[k] = min(max(step[k], -1.0), 1.0)
        step[k] = min(max(u[k] + step[k], box[k, 0]), box[k, 1]) - u[k]
        largest = max(largest, abs(step[k]))
    return largest


@njit(cache=True, nogil=True, error_model="numpy")
def refine_pair(
    Y, B, start, node, box, u0, h, tol, max_iter, u_out, coef, rss, cov, n_iter
):
    """Minimise over both parameters from every start (n, K, 2) and keep the best.

    box (2, 2) are the limits of both. u_out (n, 2) is sorted where the box allows it,
    coef (n, C, 2), cov (n, 4, 4), rss and n_iter (n,).
    """
    n, n_channels, n_points = Y.shape
    phi = np.empty((2, n_points))
    d1, d2 = np.empty_like(phi), np.empty_like(phi)
    u, new, step, gradient = np.empty(2), np.empty(2), np.empty(2), np.empty(2)
    H = np.empty((2, 2))
    last_step = np.sqrt(tol)
    trial = np.empty((n_channels, 2))
    J = np.empty((4, n_points))
    A, L = np.empty((4, 4)), np.empty((4, 4))
    for v in range(n):
        rss[v] = np.inf
        u_out[v] = np.nan
        n_iter[v] = 0
        for k in range(node.shape[1]):
            if node[v, k] < 0:
                break
            for m in range(2):
                u[m] = min(max(start[v, k, m], box[m, 0]), box[m, 1])
                _look_up(B, u[m], u0, h, phi[m : m + 1], d1[m : m + 1], d2[m : m + 1])
            value = _pair_project(Y[v], phi, d1, d2, trial, gradient, H)
            damping = 0.0
            used = max_iter + 1
            for iteration in range(max_iter):
                largest = _damped_step(gradient, H, damping, u, box, step)
                if largest < tol:
                    used = iteration + 1
                    break
                new[0], new[1] = u[0] + step[0], u[1] + step[1]
                for m in range(2):
                    _look_up(
                        B, new[m], u0, h, phi[m : m + 1], d1[m : m + 1], d2[m : m + 1]
                    )
                other = _pair_project(Y[v], phi, d1, d2, trial, gradient, H)
                if other <= value * (1.0 + 1e-14):
                    u[0], u[1] = new[0], new[1]
                    gained = value - other
                    value = other
                    # The last digits of a flat sum of squares mean nothing.
                    if damping == 0.0 and (
                        gained < 1e-11 * value or largest < last_step
                    ):
                        used = iteration + 1
                        break
                    damping = 0.0 if damping < 1e-4 else 0.1 * damping
                    continue
                damping = max(1e-4, 8.0 * damping)
                for m in range(2):
                    _look_up(
                        B, u[m], u0, h, phi[m : m + 1], d1[m : m + 1], d2[m : m + 1]
                    )
                value = _pair_project(Y[v], phi, d1, d2, trial, gradient, H)
            if value < rss[v]:
                rss[v] = value
                u_out[v, 0], u_out[v, 1] = u[0], u[1]
                n_iter[v] = used
        if np.isnan(rss[v]) or np.isnan(u_out[v, 0]):
            coef[v] = np.nan
            cov[v] = np.nan
            continue
        a, b = u_out[v, 0], u_out[v, 1]
        if b < a and b >= box[0, 0] and a <= box[1, 1]:
            u_out[v, 0], u_out[v, 1] = b, a
        for m in range(2):
            _look_up(
                B, u_out[v, m], u0, h, phi[m : m + 1], d1[m : m + 1], d2[m : m + 1]
            )
        _pair_project(Y[v], phi, d1, d2, coef[v], gradient, H)
        for m in range(2):
            amplitude = coef[v, 0, m]
            if n_channels == 2:
                amplitude = np.hypot(coef[v, 0, m], coef[v, 1, m])
                turn = coef[v, 0, 0] * coef[v, 0, m] + coef[v, 1, 0] * coef[v, 1, m]
                amplitude = -amplitude if turn < 0.0 else amplitude
            for i in range(n_points):
                J[m, i] = phi[m, i]
                J[2 + m, i] = amplitude * d1[m, i]
        _invert_gram(J, A, L, cov[v])
