"""Newton on the projected sum of squares of two amplitudes.

They share one nonlinear parameter, or have one each: a pair. Layouts are those of
`_numba_scan`. The basis is a quintic spline in the coordinate u of the parameter (see
``_table.py``): M (n_cells, L, 6, N) are the coefficients of its powers of x in [0, 1]
between nodes.
"""

import numpy as np

from ..utils._compiled import compiled
from ._numba_scan import _summit

_FAST = {"contract", "reassoc", "nsz"}
# Relaxation times of a pair that differ by less than a factor of three are alike.
_ALIKE = 1.1


@compiled(fastmath=_FAST)
def _look_up(M, k, u, u0, h, phi, d1, d2, row):
    """Write the signal of amplitude k at u and its derivatives with respect to u."""
    cell = min(max(int((u - u0) / h), 0), M.shape[0] - 1)
    x = (u - u0) / h - cell
    f1, f2 = 1.0 / h, 1.0 / (h * h)
    for i in range(M.shape[3]):
        a, b, c = M[cell, k, 5, i], M[cell, k, 4, i], M[cell, k, 3, i]
        d, e = M[cell, k, 2, i], M[cell, k, 1, i]
        phi[row, i] = ((((a * x + b) * x + c) * x + d) * x + e) * x + M[cell, k, 0, i]
        d1[row, i] = f1 * (
            (((5.0 * a * x + 4.0 * b) * x + 3.0 * c) * x + 2.0 * d) * x + e
        )
        d2[row, i] = f2 * (((20.0 * a * x + 12.0 * b) * x + 6.0 * c) * x + 2.0 * d)


@compiled(fastmath=_FAST)
def _project(y, phi, d1, d2, coef):
    """Fit amplitudes coef (C, 2); return the sum of squares and two derivatives."""
    n_channels, n_points = y.shape
    g00, g01, g11 = 0.0, 0.0, 0.0
    for i in range(n_points):
        g00 += phi[0, i] * phi[0, i]
        g01 += phi[0, i] * phi[1, i]
        g11 += phi[1, i] * phi[1, i]
    determinant = g00 * g11 - g01 * g01
    # Columns that cannot be told apart share what there is.
    alone = determinant <= 1e-13 * g00 * g11
    rss, slope, curve = 0.0, 0.0, 0.0
    for c in range(n_channels):
        p, q = 0.0, 0.0
        for i in range(n_points):
            p += phi[0, i] * y[c, i]
            q += phi[1, i] * y[c, i]
        if alone:
            a = p / g00 if g00 > 0.0 else 0.0
            b = 0.0
        else:
            a = (g11 * p - g01 * q) / determinant
            b = (g00 * q - g01 * p) / determinant
        coef[c, 0], coef[c, 1] = a, b
        rr, rv, vv, rw, s0, s1 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(n_points):
            r = y[c, i] - a * phi[0, i] - b * phi[1, i]
            v = a * d1[0, i] + b * d1[1, i]
            rr += r * r
            rv += r * v
            vv += v * v
            rw += r * (a * d2[0, i] + b * d2[1, i])
            s0 += phi[0, i] * v - d1[0, i] * r
            s1 += phi[1, i] * v - d1[1, i] * r
        rss += rr
        slope -= 2.0 * rv
        if alone:
            saved = s0 * s0 / g00 if g00 > 0.0 else 0.0
        else:
            saved = (g11 * s0 * s0 - 2.0 * g01 * s0 * s1 + g00 * s1 * s1) / determinant
        curve += 2.0 * (vv - rw - saved)
    return rss, slope, curve


@compiled
def _newton(y, M, u, lo, hi, u0, h, tol, max_iter, phi, d1, d2, coef):
    """Minimise the sum of squares on [lo, hi]; return u and the iterations."""
    left, right = lo, hi
    # Newton's step is as accurate as its square.
    last_step = np.sqrt(tol)
    for iteration in range(max_iter):
        for k in range(M.shape[1]):
            _look_up(M, k, u, u0, h, phi, d1, d2, k)
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


@compiled(fastmath=_FAST)
def _invert_gram(J, A, L, inverse, v):
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


@compiled
def refine_two(
    Y, M, lo, hi, start, node, sign, u0, h, tol, max_iter, u_out, coef, rss, cov, n_iter
):
    """Minimise from every bracket and keep the best, with two amplitudes.

    u_out, rss, n_iter (n,), coef (n, C, L). cov (n, L + 1, L + 1) is the inverse of
    J'J for amplitudes and u, nan where it has none. sign (n, K, N) holds polarities of
    magnitudes, or has K = 0; with magnitudes n_iter counts the sign patterns too.
    """
    n, n_channels, n_points = Y.shape
    n_amplitudes = M.shape[1]
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
                    y, M, u, lo[v, k], hi[v, k], u0, h, tol, max_iter, phi, d1, d2,
                    trial,
                )  # fmt: skip
                for m in range(n_amplitudes):
                    _look_up(M, m, u, u0, h, phi, d1, d2, m)
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
            for m in range(n_amplitudes):
                _look_up(M, m, u_out[v], u0, h, phi, d1, d2, m)
        if use_signs and coef[v, 0, 0] < 0.0:
            for m in range(n_amplitudes):
                coef[v, 0, m] = -coef[v, 0, m]
        _real_jacobian(coef, v, phi, d1, J)
        _invert_gram(J, A, L, cov, v)


@compiled
def _real_jacobian(coef, v, phi, d1, J):
    """Write the Jacobian (L + 1, N) on the real axis of the signal.

    A common phase of complex amplitudes decouples from the other parameters, so
    their moduli stand for them.
    """
    n_amplitudes, n_points = phi.shape
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
            J[m, i] = phi[m, i]
            J[n_amplitudes, i] += amplitude * d1[m, i]


@compiled(fastmath=_FAST)
def scan_pair(
    Y, products, gram, inverse, allowed, margins, energies, rows, partner, start, node
):
    """Write the best pairs of nodes of the sum of two signals, best first.

    products (n, C, G) are those of Y with the unit signals of the nodes, gram (G, G)
    the products r of these, inverse (G, G) is 1 / (1 - r^2). start (n, K, 2) takes
    both places in nodes; allowed (2, 2) are the first node and the stop of both.
    Amplitudes of real data are not negative. Each row of pairs has one best partner,
    and rows are compared. energies, rows and partner (G,) are workspaces.
    """
    n, n_channels, n_points = Y.shape
    n_nodes = gram.shape[0]
    for v in range(n):
        energy = 0.0
        for c in range(n_channels):
            for i in range(n_points):
                energy += Y[v, c, i] * Y[v, c, i]
        top = 0.0
        for g in range(n_nodes):
            after = max(g + 1, allowed[1, 0])
            count = max(allowed[1, 1] - after, 0)
            if g < allowed[0, 0] or g >= allowed[0, 1]:
                count = 0
            if n_channels == 1:
                first = products[v, 0, g]
                alone = max(first, 0.0) ** 2
                for k in range(count):
                    second = products[v, 0, after + k]
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
                        first, second = products[v, c, g], products[v, c, after + k]
                        value += first * (first - r * second)
                        value += second * (second - r * first)
                    energies[k] = value * inverse[g, after + k]
            best = 0.0
            for k in range(count):
                best = max(best, energies[k])
            rows[g], partner[g] = best, allowed[1, 0]
            for k in range(count):
                if energies[k] == best:
                    shift, gain = 0.0, 0.0
                    if 0 < k < count - 1:
                        shift, gain = _summit(energies[k - 1], best, energies[k + 1])
                    # A ridge between the nodes would look like several maxima.
                    rows[g], partner[g] = best + gain, after + k + shift
                    break
            top = max(top, rows[g])
        depth = margins[1] * energy
        _take_rows(rows, partner, top - margins[0] * energy, depth, start, node, v)


@compiled
def _take_rows(rows, partner, least, depth, start, node, v):
    """Write the pairs of the rows that are local maxima, best first.

    Of two maxima without a valley of this depth between them the higher one counts.
    """
    n_kept = node.shape[1]
    for k in range(n_kept):
        node[v, k] = -1
    found = 0
    n_rows = rows.size - 1
    peak, valley = 0, 0
    for g in range(n_rows):
        if rows[g] > rows[peak]:
            peak, valley = g, g
        if rows[g] < rows[valley]:
            valley = g
        # The peak is over where a valley follows, or the end.
        falls = rows[valley] < rows[peak] - depth
        rises = rows[g] > rows[valley] + depth
        if g < n_rows - 1 and not (falls and rises):
            continue
        if rows[peak] >= least:
            k = min(found, n_kept - 1)
            if found < n_kept or rows[node[v, k]] < rows[peak]:
                while k > 0 and rows[node[v, k - 1]] < rows[peak]:
                    node[v, k] = node[v, k - 1]
                    k -= 1
                node[v, k] = peak
                found = min(found + 1, n_kept)
        peak, valley = g, g
    for k in range(found):
        g = node[v, k]
        start[v, k, 0], start[v, k, 1] = g, partner[g]
        if 0 < g < n_rows - 1:
            shift, _ = _summit(rows[g - 1], rows[g], rows[g + 1])
            step = partner[g + 1] - partner[g] if shift > 0.0 else partner[g]
            if shift <= 0.0:
                step -= partner[g - 1]
            if abs(step) <= 2.0:
                start[v, k, 0] += shift
                start[v, k, 1] += shift * step


@compiled(fastmath=_FAST)
def _pair_project(Y, v, phi, d1, d2, coef, gradient, H):
    """Fit amplitudes of two signals; return the sum of squares, fill its derivatives.

    phi, d1, d2 (2, N) belong to one parameter each. Amplitudes of real data are not
    negative: where one is zero, its parameter has no derivative.
    """
    n_channels, n_points = Y.shape[1:]
    g00, g01, g11 = 0.0, 0.0, 0.0
    for i in range(n_points):
        g00 += phi[0, i] * phi[0, i]
        g01 += phi[0, i] * phi[1, i]
        g11 += phi[1, i] * phi[1, i]
    determinant = g00 * g11 - g01 * g01
    rss, e0, e1, h00, h01, h11 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for c in range(n_channels):
        p, q = 0.0, 0.0
        for i in range(n_points):
            p += phi[0, i] * Y[v, c, i]
            q += phi[1, i] * Y[v, c, i]
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
        # Sums in variables, since LLVM uses no SIMD for sums in arrays.
        rr, rf, rg, ff, fg, gg, rd, re = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        s00, s01, s10, s11 = 0.0, 0.0, 0.0, 0.0
        for i in range(n_points):
            r = Y[v, c, i] - a * phi[0, i] - b * phi[1, i]
            f, g = a * d1[0, i], b * d1[1, i]
            rr += r * r
            rf += r * f
            rg += r * g
            ff += f * f
            fg += f * g
            gg += g * g
            rd += r * d2[0, i]
            re += r * d2[1, i]
            s00 += phi[0, i] * f - d1[0, i] * r
            s01 += phi[1, i] * f
            s10 += phi[0, i] * g
            s11 += phi[1, i] * g - d1[1, i] * r
        rss += rr
        e0 -= 2.0 * rf
        e1 -= 2.0 * rg
        h00 += 2.0 * (ff - a * rd)
        h01 += 2.0 * fg
        h11 += 2.0 * (gg - b * re)
        if free:
            scale = 2.0 / determinant
            h00 -= scale * (g11 * s00 * s00 - 2.0 * g01 * s00 * s01 + g00 * s01 * s01)
            h11 -= scale * (g11 * s10 * s10 - 2.0 * g01 * s10 * s11 + g00 * s11 * s11)
            h01 -= scale * (
                g11 * s00 * s10 - g01 * (s00 * s11 + s01 * s10) + g00 * s01 * s11
            )
        elif a != 0.0:
            h00 -= 2.0 * s00 * s00 / g00
            h01 = 0.0
        elif b != 0.0:
            h11 -= 2.0 * s11 * s11 / g11
            h01 = 0.0
    gradient[0], gradient[1] = e0, e1
    H[0, 0], H[0, 1], H[1, 1] = h00, h01, h11
    H[1, 0] = H[0, 1]
    return rss


@compiled
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


@compiled(fastmath=_FAST)
def _evaluate_pair(Y, v, M, u, u0, h, phi, d1, d2, coef, gradient, H):
    """Fit amplitudes at u (2,); return the sum of squares, fill its derivatives."""
    for m in range(2):
        _look_up(M, 0, u[m], u0, h, phi, d1, d2, m)
    return _pair_project(Y, v, phi, d1, d2, coef, gradient, H)


@compiled
def _descend_pair(
    Y, v, M, u, box, u0, h, tol, max_iter, phi, d1, d2, trial, gradient, H, step, new
):
    """Minimise over both parameters u, in place; return the value and iterations.

    phi, d1, d2 and trial are then those at u.
    """
    last_step = np.sqrt(tol)
    for m in range(2):
        u[m] = min(max(u[m], box[m, 0]), box[m, 1])
    value = _evaluate_pair(Y, v, M, u, u0, h, phi, d1, d2, trial, gradient, H)
    damping = 0.0
    for iteration in range(max_iter):
        largest = _damped_step(gradient, H, damping, u, box, step)
        if largest < tol:
            return value, iteration + 1
        new[0], new[1] = u[0] + step[0], u[1] + step[1]
        other = _evaluate_pair(Y, v, M, new, u0, h, phi, d1, d2, trial, gradient, H)
        if other <= value * (1.0 + 1e-14):
            u[0], u[1] = new[0], new[1]
            gained = value - other
            value = other
            # The last digits of a flat sum of squares mean nothing.
            if damping == 0.0 and (gained < 1e-11 * value or largest < last_step):
                return value, iteration + 1
            damping = 0.0 if damping < 1e-4 else 0.1 * damping
            continue
        damping = max(1e-4, 8.0 * damping)
        value = _evaluate_pair(Y, v, M, u, u0, h, phi, d1, d2, trial, gradient, H)
    return value, max_iter + 1


@compiled(fastmath=_FAST)
def _alternatives(Y, v, Q, coarse, u, box, phi, d1, trial, other):
    """Write starts (2, 2) beside the main signal of a poor pair; return their number.

    phi and trial are the signals and amplitudes at u, d1 is overwritten. A pair is
    poor if one of its signals is lost, both are alike or one is at the end of its
    range: then the grid may have hidden a better second signal. It must agree with
    the residual, or no second one helps.
    """
    a, b = trial[0, 0], trial[0, 1]
    poor = a <= 0.0 or b <= 0.0 or abs(u[1] - u[0]) < _ALIKE
    for m in range(2):
        poor = poor or u[m] <= box[m, 0] or u[m] >= box[m, 1]
    if not poor:
        return 0
    n_points = phi.shape[1]
    first, second = 0.0, 0.0
    for i in range(n_points):
        first += a * phi[0, i] * Y[v, 0, i]
        second += b * phi[1, i] * Y[v, 0, i]
        d1[0, i] = Y[v, 0, i] - a * phi[0, i] - b * phi[1, i]
    main = u[0] if first >= second else u[1]
    best_below, best_above = 0.0, 0.0
    found_below, found_above = np.nan, np.nan
    for g in range(coarse.size):
        product = 0.0
        for i in range(n_points):
            product += d1[0, i] * Q[i, g]
        if coarse[g] < main:
            if product > best_below:
                best_below, found_below = product, coarse[g]
        elif product > best_above:
            best_above, found_above = product, coarse[g]
    count = 0
    if best_below > 0.0:
        other[count, 0], other[count, 1] = found_below, main
        count += 1
    if best_above > 0.0:
        other[count, 0], other[count, 1] = main, found_above
        count += 1
    return count


@compiled
def refine_pair(
    Y,
    M,
    Q,
    coarse,
    start,
    node,
    box,
    u0,
    h,
    tol,
    max_iter,
    u_out,
    coef,
    rss,
    cov,
    n_iter,
):
    """Minimise over both parameters from every start (n, K, 2) and keep the best.

    Q (N, G) are unit signals of the nodes coarse (G,), box (2, 2) the limits of both
    parameters. u_out (n, 2) is sorted where the box allows it, coef (n, C, 2),
    cov (n, 4, 4), rss and n_iter (n,).
    """
    n, n_channels, n_points = Y.shape
    phi = np.empty((2, n_points))
    d1, d2 = np.empty_like(phi), np.empty_like(phi)
    u, new = np.empty(2), np.empty(2)
    step, gradient = np.empty(2), np.empty(2)
    H, other = np.empty((2, 2)), np.empty((2, 2))
    trial = np.empty((n_channels, 2))
    J = np.empty((4, n_points))
    A, L = np.empty((4, 4)), np.empty((4, 4))
    n_starts = node.shape[1]
    for v in range(n):
        rss[v] = np.inf
        u_out[v, 0], u_out[v, 1] = np.nan, np.nan
        n_iter[v] = 0
        extra, last = 0, False
        for k in range(n_starts + 2):
            if k < n_starts:
                if node[v, k] < 0:
                    continue
                u[0], u[1] = start[v, k, 0], start[v, k, 1]
            else:
                if k == n_starts and n_channels == 1 and n_starts > 1:
                    u[0], u[1] = u_out[v, 0], u_out[v, 1]
                    if not last:
                        _evaluate_pair(
                            Y, v, M, u, u0, h, phi, d1, d2, trial, gradient, H
                        )
                    extra = _alternatives(
                        Y, v, Q, coarse, u, box, phi, d1, trial, other
                    )
                if k - n_starts >= extra:
                    break
                u[0], u[1] = other[k - n_starts, 0], other[k - n_starts, 1]
            value, used = _descend_pair(
                Y, v, M, u, box, u0, h, tol, max_iter, phi, d1, d2, trial, gradient, H,
                step, new,
            )  # fmt: skip
            last = value < rss[v]
            if last:
                rss[v] = value
                u_out[v, 0], u_out[v, 1] = u[0], u[1]
                n_iter[v] = used
        if np.isnan(rss[v]) or np.isnan(u_out[v, 0]):
            coef[v] = np.nan
            cov[v] = np.nan
            continue
        u[0], u[1] = u_out[v, 0], u_out[v, 1]
        if u[1] < u[0] and u[1] >= box[0, 0] and u[0] <= box[1, 1]:
            u[0], u[1] = u[1], u[0]
            u_out[v, 0], u_out[v, 1] = u[0], u[1]
            last = False
        if extra > 0 or not last:
            _evaluate_pair(Y, v, M, u, u0, h, phi, d1, d2, trial, gradient, H)
        for c in range(n_channels):
            for m in range(2):
                coef[v, c, m] = trial[c, m]
        for m in range(2):
            amplitude = coef[v, 0, m]
            if n_channels == 2:
                amplitude = np.hypot(coef[v, 0, m], coef[v, 1, m])
                turn = coef[v, 0, 0] * coef[v, 0, m] + coef[v, 1, 0] * coef[v, 1, m]
                amplitude = -amplitude if turn < 0.0 else amplitude
            for i in range(n_points):
                J[m, i] = phi[m, i]
                J[2 + m, i] = amplitude * d1[m, i]
        _invert_gram(J, A, L, cov, v)
