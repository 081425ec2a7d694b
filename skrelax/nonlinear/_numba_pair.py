"""Newton on the projected sum of squares of two signals of one model.

Each has a nonlinear parameter and an amplitude of its own.
"""

import numpy as np

from ..utils._compiled import compiled
from ._numba_line_two import invert_gram, look_up
from ._numba_missing import blank_signal, take_row
from ._numba_types import FAST, PairState

# Relaxation times of a pair that differ by less than a factor of three are alike.
_ALIKE = 1.1


@compiled(fastmath=FAST)
def _project(Y, v, signals, coef, slopes):
    """Fit amplitudes of two signals; return the sum of squares, fill its derivatives.

    slopes (3, 2) takes the gradient and, below it, the Hessian. Amplitudes of real
    data are not negative: where one is zero, its parameter has no derivative.
    """
    n_channels, n_points = Y.shape[1:]
    g00, g01, g11 = 0.0, 0.0, 0.0
    for i in range(n_points):
        g00 += signals[0, 0, i] * signals[0, 0, i]
        g01 += signals[0, 0, i] * signals[0, 1, i]
        g11 += signals[0, 1, i] * signals[0, 1, i]
    determinant = g00 * g11 - g01 * g01
    rss, e0, e1, h00, h01, h11 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for c in range(n_channels):
        p, q = 0.0, 0.0
        for i in range(n_points):
            p += signals[0, 0, i] * Y[v, c, i]
            q += signals[0, 1, i] * Y[v, c, i]
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
            r = Y[v, c, i] - a * signals[0, 0, i] - b * signals[0, 1, i]
            f, g = a * signals[1, 0, i], b * signals[1, 1, i]
            rr += r * r
            rf += r * f
            rg += r * g
            ff += f * f
            fg += f * g
            gg += g * g
            rd += r * signals[2, 0, i]
            re += r * signals[2, 1, i]
            s00 += signals[0, 0, i] * f - signals[1, 0, i] * r
            s01 += signals[0, 1, i] * f
            s10 += signals[0, 0, i] * g
            s11 += signals[0, 1, i] * g - signals[1, 1, i] * r
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
    slopes[0, 0], slopes[0, 1] = e0, e1
    slopes[1, 0], slopes[1, 1], slopes[2, 1] = h00, h01, h11
    slopes[2, 0] = h01
    return rss


@compiled
def _damped_step(slopes, damping, u, box, step):
    """Write a step downhill that stays in the box; return its largest entry."""
    fixed0 = (u[0] <= box[0, 0] and slopes[0, 0] > 0.0) or (
        u[0] >= box[0, 1] and slopes[0, 0] < 0.0
    )
    fixed1 = (u[1] <= box[1, 0] and slopes[0, 1] > 0.0) or (
        u[1] >= box[1, 1] and slopes[0, 1] < 0.0
    )
    scale = max(abs(slopes[1, 0]), abs(slopes[2, 1]), 1e-300)
    a, c = slopes[1, 0], slopes[2, 1]
    b = 0.0 if fixed0 or fixed1 else slopes[1, 1]
    # The smallest eigenvalue must be positive for the step to go downhill.
    mean, spread = 0.5 * (a + c), np.hypot(0.5 * (a - c), b)
    shift = damping * scale + max(0.0, spread - mean + 1e-9 * scale)
    a += shift
    c += shift
    determinant = a * c - b * b
    step[0] = -(c * slopes[0, 0] - b * slopes[0, 1]) / determinant
    step[1] = -(a * slopes[0, 1] - b * slopes[0, 0]) / determinant
    if fixed0:
        step[0], step[1] = 0.0, -slopes[0, 1] / c
    if fixed1:
        step[1] = 0.0
        step[0] = 0.0 if fixed0 else -slopes[0, 0] / a
    largest = 0.0
    for k in range(2):
        # A factor of e at a time keeps the quadratic model honest.
        step[k] = min(max(step[k], -1.0), 1.0)
        step[k] = min(max(u[k] + step[k], box[k, 0]), box[k, 1]) - u[k]
        largest = max(largest, abs(step[k]))
    return largest


@compiled(fastmath=FAST)
def evaluate(Y, v, spline, u, state):
    """Fit amplitudes at u (2,); return the sum of squares, fill its derivatives."""
    M, nodes = spline
    signals, coef, slopes, w = state
    for m in range(2):
        look_up(M, nodes, 0, u[m], signals, m)
        blank_signal(w, signals, m)
    return _project(Y, v, signals, coef, slopes)


@compiled
def _descend(Y, v, pair, u, stop, state, step, new):
    """Minimise over both parameters u, in place; return the value and iterations.

    The state is then that at u; step and new (2,) are workspaces.
    """
    spline, box = pair.spline, pair.box
    slopes = state.slopes
    tol, max_iter = stop
    last_step = np.sqrt(tol)
    for m in range(2):
        u[m] = min(max(u[m], box[m, 0]), box[m, 1])
    value = evaluate(Y, v, spline, u, state)
    damping = 0.0
    for iteration in range(max_iter):
        largest = _damped_step(slopes, damping, u, box, step)
        if largest < tol:
            return value, iteration + 1
        new[0], new[1] = u[0] + step[0], u[1] + step[1]
        other = evaluate(Y, v, spline, new, state)
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
        value = evaluate(Y, v, spline, u, state)
    return value, max_iter + 1


@compiled(fastmath=FAST)
def _alternatives(Y, v, pair, u, state, other):
    """Write starts (2, 2) beside the main signal of a poor pair; return their number.

    The state is that at u, of which the first derivatives are overwritten. A pair is
    poor if one of its signals is lost, both are alike or one is at the end of its
    range: then the grid may have hidden a better second signal. It must agree with
    the residual, or no second one helps.
    """
    Q, coarse, box = pair.basis, pair.coarse, pair.box
    signals, trial = state.signals, state.coef
    a, b = trial[0, 0], trial[0, 1]
    poor = a <= 0.0 or b <= 0.0 or abs(u[1] - u[0]) < _ALIKE
    for m in range(2):
        poor = poor or u[m] <= box[m, 0] or u[m] >= box[m, 1]
    if not poor:
        return 0
    n_points = signals.shape[2]
    first, second = 0.0, 0.0
    for i in range(n_points):
        first += a * signals[0, 0, i] * Y[v, 0, i]
        second += b * signals[0, 1, i] * Y[v, 0, i]
        signals[1, 0, i] = Y[v, 0, i] - a * signals[0, 0, i] - b * signals[0, 1, i]
    main = u[0] if first >= second else u[1]
    best_below, best_above = 0.0, 0.0
    found_below, found_above = np.nan, np.nan
    for g in range(coarse.size):
        product = 0.0
        for i in range(n_points):
            product += signals[1, 0, i] * Q[i, g]
        if state.w.size > 0:
            size = 0.0
            for i in range(n_points):
                size += state.w[i] * Q[i, g] * Q[i, g]
            product = product / np.sqrt(size) if size > 0.0 else 0.0
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


@compiled(allocates=True)
def refine_pair(Y, pair, starts, stop, out, there):
    """Minimise over both parameters from every start and keep the best.

    They are sorted where their limits allow it.
    """
    start, node = starts
    u_out, coef, rss, cov, n_iter = out
    box = pair.box
    n, n_channels, n_points = Y.shape
    u, new = np.empty(2), np.empty(2)
    step, other = np.empty(2), np.empty((2, 2))
    trial, signals = np.empty((n_channels, 2)), np.empty((3, 2, n_points))
    w = np.empty(n_points if there.shape[0] else 0)
    state = PairState(signals, trial, np.empty((3, 2)), w)
    J = np.empty((4, n_points))
    A, L = np.empty((4, 4)), np.empty((4, 4))
    n_starts = node.shape[1]
    for v in range(n):
        take_row(there, v, w)
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
                        evaluate(Y, v, pair.spline, u, state)
                    extra = _alternatives(Y, v, pair, u, state, other)
                if k - n_starts >= extra:
                    break
                u[0], u[1] = other[k - n_starts, 0], other[k - n_starts, 1]
            value, used = _descend(Y, v, pair, u, stop, state, step, new)
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
            evaluate(Y, v, pair.spline, u, state)
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
                J[m, i] = signals[0, m, i]
                J[2 + m, i] = amplitude * signals[1, m, i]
        invert_gram(J, A, L, cov, v)
