"""Compiled solvers of the LASSO; NumPy twins stand in the tests.

All kernels minimise, for each signal s (a row of S),

    P(f) = 1/2 ||A f - s||^2 + 1/2 extra + lam ||f||_1,   f >= 0 unless signed,

where rows of A and s carry the weights and 1/n, and `extra` is the part of
||s||^2 outside the span that a QR compression removed.
"""

import numpy as np

from ..utils._compiled import compiled

# Sums may be reordered, so that dot products run on vector registers (the batch fit
# takes 30 % less time). NaN and infinity keep their meaning.
_REORDER = {"contract", "reassoc", "nsz"}

# A column whose part outside the span of the active ones is smaller than this
# fraction of its norm is a copy of them in float64; it must wait.
_INDEPENDENT = 1e-12
# Changes of the objective below this fraction are rounding, and this many
# iterations without a larger one end the search.
_EPSILON = 2.0**-52
_ROUNDING = 1e-14
_PATIENCE = 20
# Bins that may enter a pivoting step beyond doubling the active ones.
_ENTRANTS = 8


@compiled(fastmath=_REORDER)
def _append(AT, j, sign, k, Q, R, s, e, d):
    """Add sign * column j as the k-th column of A_P = Q^T R; False if dependent."""
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
def _remove(p, k, P, sign, Q, R, e, d):
    """Remove the p-th of k active columns by Givens rotations."""
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


@compiled
def _certificate(AT, r, f, g, extra, floor, lam, signed, vv, Atv, out):
    """Write objective (at least floor) and duality gap of f into out.

    r = s - A f and g = A^T r. Two dual points are tried: the scaled residual
    t r, and for f >= 0 the shifted one r - a v with A^T v > 0 and vv = v^T v
    (none if Atv is empty). The gap is summed from non-negative terms,
    1/2 ||r - theta||^2 + sum_j (lam |f_j| - f_j (A^T theta)_j), so it keeps its
    digits where primal minus dual would cancel.
    """
    n, m = AT.shape
    top = 0.0
    l1 = 0.0
    fg = 0.0
    for j in range(n):
        size = abs(g[j]) if signed else g[j]
        if size > top:
            top = size
        l1 += abs(f[j])
        fg += f[j] * g[j]
    rr = extra
    for i in range(m):
        rr += r[i] * r[i]
    primal = 0.5 * rr + lam * l1
    t = 1.0
    if rr > 0.0:
        t = max(0.0, (rr + fg) / rr)
    if top > 0.0 and t > lam / top:
        t = lam / top
    gap = 0.5 * (1.0 - t) ** 2 * rr + lam * l1 - t * fg
    if Atv.size > 0 and not signed:
        a = 0.0
        fv = 0.0
        for j in range(n):
            a = max(a, (g[j] - lam) / Atv[j])
            fv += f[j] * Atv[j]
        shifted = 0.5 * a * a * vv + lam * l1 - fg + a * fv
        gap = min(gap, shifted)
    out[0] = max(primal, floor)
    out[1] = max(gap, 0.0)


@compiled
def _exchange(AT, j, k, f, P, state, sign, Q, R, s, e, d, z):
    """Let column j, which depends on the k active ones, replace one of them.

    With sign_j A_j = A_P x the fit does not change while the amplitude of j grows
    and the others give way, but the L1 norm falls if sum(x) > 1: up to the first
    amplitude that reaches zero. Returns the number of active columns, or 0 if
    nothing is gained. R[:k, k] and sign[k] come from the attempt to append j.
    """
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
    _remove(leaving, k, P, sign, Q, R, e, d)
    if _append(AT, j, new_sign, k - 1, Q, R, s, e, d):
        P[k - 1] = j
        sign[k - 1] = new_sign
        f[j] = new_sign * step
        state[j] = 1
        state[old] = 0
        return k
    for a in range(k):
        f[before[a]] = z[a]
    _append(AT, old, old_sign, k - 1, Q, R, s, e, d)
    P[k - 1] = old
    sign[k - 1] = old_sign
    return 0


@compiled
def _floor(s, extra):
    """Return the objective below which a fit is exact to rounding."""
    total = extra
    for i in range(s.size):
        total += s[i] * s[i]
    return 0.5 * _EPSILON * total


@compiled
def _residual(AT, s, f, r):
    """Write s - A f into r."""
    n, m = AT.shape
    for i in range(m):
        r[i] = s[i]
    for j in range(n):
        fj = f[j]
        if fj != 0.0:
            for i in range(m):
                r[i] -= fj * AT[j, i]


@compiled(fastmath=_REORDER)
def _gradient(AT, r, g):
    """Write A^T r into g."""
    n, m = AT.shape
    for j in range(n):
        v = 0.0
        for i in range(m):
            v += AT[j, i] * r[i]
        g[j] = v


@compiled
def _active_set(AT, s, extra, lam, signed, vv, Atv, tol, max_iter, k, f, work, out):
    """Lawson-Hanson active set for the LASSO; f and work come in warm.

    Returns the number of active columns and writes objective, gap and the
    number of iterations into out. state[j] is 0 (inactive), 1 (active) or 2
    (waiting: it was dependent, or would have left at once).
    """
    P, state, sign, Q, R, e, d, z, r, g = work
    n = AT.shape[0]
    entered = -1
    it = 0
    stalled = 0
    last = np.inf
    floor = _floor(s, extra)
    for j in range(n):
        if state[j] == 2:
            state[j] = 0
    while it < max_iter:
        it += 1
        while k > 0:
            for a in range(k - 1, -1, -1):
                w = d[a] - lam * e[a]
                for b in range(a + 1, k):
                    w -= R[a, b] * z[b]
                z[a] = w / R[a, a]
            if entered >= 0 and not z[k - 1] > 0.0:
                # Rounding decides here: the gradient promised the other sign.
                state[entered] = 2
                k -= 1
                entered = -1
                break
            step, leaving = 1.0, -1
            for a in range(k):
                if not z[a] > 0.0:
                    u = abs(f[P[a]])
                    t = u / (u - z[a]) if u > z[a] else 0.0
                    if leaving < 0 or t < step:
                        step, leaving = t, a
            if leaving < 0:
                for a in range(k):
                    f[P[a]] = sign[a] * z[a]
                if entered >= 0:
                    for j in range(n):
                        if state[j] == 2:
                            state[j] = 0
                    entered = -1
                break
            for a in range(k):
                j = P[a]
                u = abs(f[j])
                f[j] = sign[a] * max(0.0, u + step * (z[a] - u))
            f[P[leaving]] = 0.0
            for a in range(k - 1, -1, -1):
                if f[P[a]] == 0.0 and (a == leaving or not z[a] > 0.0):
                    state[P[a]] = 0
                    _remove(a, k, P, sign, Q, R, e, d)
                    k -= 1
            entered = -1
        _residual(AT, s, f, r)
        _gradient(AT, r, g)
        _certificate(AT, r, f, g, extra, floor, lam, signed, vv, Atv, out)
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
            sign[k] = 1.0 if g[j_best] >= 0.0 else -1.0
            if _append(AT, j_best, sign[k], k, Q, R, s, e, d):
                P[k] = j_best
                state[j_best] = 1
                entered = j_best
                k += 1
                added = True
                break
            k_after = _exchange(AT, j_best, k, f, P, state, sign, Q, R, s, e, d, z)
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
def lasso_batch(AT, S, extra, lams, signed, vv, Atv, tol, max_iter, work, F, info):
    """Solve each row of S (q, m) with its own lams[q]; F (q, n), info (q, 3)."""
    state = work[1]
    for c in range(S.shape[0]):
        f = F[c]
        for j in range(f.size):
            f[j] = 0.0
            state[j] = 0
        _active_set(
            AT, S[c], extra[c], lams[c], signed, vv, Atv, tol, max_iter, 0, f, work,
            info[c],
        )  # fmt: skip


@compiled
def lasso_path_signal(
    AT, s, extra, lams, signed, vv, Atv, tol, max_iter, work, F, info
):
    """Solve one signal for decreasing lams; F (n_lams, n), info (n_lams, 3)."""
    state = work[1]
    k = 0
    n = AT.shape[0]
    for j in range(n):
        F[0, j] = 0.0
        state[j] = 0
    for index in range(lams.size):
        if index > 0:
            for j in range(n):
                F[index, j] = F[index - 1, j]
        k = _active_set(
            AT, s, extra, lams[index], signed, vv, Atv, tol, max_iter, k, F[index],
            work, info[index],
        )  # fmt: skip


@compiled
def lasso_path_errors(
    AT, S, extra, lams, signed, vv, Atv, tol, max_iter, work, f, out,
    test_A, test_S, test_weight, errors, gaps, iterations,
):  # fmt: skip
    """Sum weighted squared errors on held-out points along the path.

    test_A (m_test, n), test_S (q, m_test); errors and gaps (relative) are
    (q, n_lams), iterations (q,).
    """
    P, state = work[0], work[1]
    n = AT.shape[0]
    for c in range(S.shape[0]):
        k = 0
        iterations[c] = 0
        for j in range(n):
            f[j] = 0.0
            state[j] = 0
        for index in range(lams.size):
            k = _active_set(
                AT, S[c], extra[c], lams[index], signed, vv, Atv, tol, max_iter, k,
                f, work, out,
            )  # fmt: skip
            gaps[c, index] = out[1] / out[0] if out[0] > 0.0 else 0.0
            iterations[c] = max(iterations[c], int(out[2]))
            total = 0.0
            for i in range(test_A.shape[0]):
                w = test_S[c, i]
                for a in range(k):
                    w -= test_A[i, P[a]] * f[P[a]]
                total += test_weight[i] * w * w
            errors[c, index] = total


@compiled
def fista_batch(
    AT, G, S, extra, lams, signed, vv, Atv, lipschitz, tol, max_iter, check_every,
    y, grad, r, g, F, info,
):  # fmt: skip
    """Minimise by FISTA with the Gram matrix G (Beck & Teboulle 2009).

    y, grad and g are workspaces of length n, r of length m; g holds A^T s.
    """
    n = AT.shape[0]
    for c in range(S.shape[0]):
        s, f, lam = S[c], F[c], lams[c]
        floor = _floor(s, extra[c])
        momentum = 1.0
        _gradient(AT, s, g)
        for j in range(n):
            f[j] = 0.0
            y[j] = 0.0
        it = 0
        while it < max_iter:
            it += 1
            for j in range(n):
                w = g[j]
                for i in range(n):
                    w -= G[j, i] * y[i]
                grad[j] = w
            after = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum * momentum))
            push = (momentum - 1.0) / after
            momentum = after
            for j in range(n):
                u = y[j] + grad[j] / lipschitz
                size = abs(u) if signed else u
                size -= lam / lipschitz
                u = (np.sign(u) * size) if size > 0.0 else 0.0
                y[j] = u + push * (u - f[j])
                f[j] = u
            if it % check_every == 0 or it == max_iter:
                _residual(AT, s, f, r)
                _gradient(AT, r, grad)
                _certificate(
                    AT, r, f, grad, extra[c], floor, lam, signed, vv, Atv, info[c]
                )
                if info[c, 1] <= tol * info[c, 0]:
                    break
        info[c, 2] = it


@compiled
def _cholesky(A):
    """Return (True, lower factor), or (False, A) if A is not positive definite."""
    done = True
    factor = A
    try:
        factor = np.linalg.cholesky(A)
    except Exception:  # the only clause that Numba compiles
        done = False
    return done, factor


@compiled
def _cholesky_solve(factor, x):
    """Solve factor factor^T x = x in place, for the leading block of x."""
    k = factor.shape[0]
    for a in range(k):
        v = x[a]
        for b in range(a):
            v -= factor[a, b] * x[b]
        x[a] = v / factor[a, a]
    for a in range(k - 1, -1, -1):
        x[a] /= factor[a, a]
        v = x[a]
        for b in range(a):
            x[b] -= v * factor[a, b]


@compiled
def _pivot(H, c, alpha, active, f, w, index, x, max_iter):
    """Block principal pivoting for min 1/2 f'Hf - (c - alpha)'f, f >= 0.

    `active` comes in warm. Returns (iterations, negative if it failed; the
    Cholesky factor of the active block; its size). Full exchanges are tried as
    long as they help, then single ones (Kim & Park 2011, doi 10.1137/110821172).
    """
    n = c.size
    threshold = 0.0
    for j in range(n):
        threshold = max(threshold, abs(c[j]))
    threshold *= _ROUNDING
    fewest, tries = n + 1, 3
    factor = np.empty((0, 0))
    it = 0
    k = 0
    while it < max_iter:
        it += 1
        k = 0
        for j in range(n):
            f[j] = 0.0
            w[j] = c[j] - alpha
            if active[j]:
                index[k] = j
                k += 1
        if k > 0:
            block = np.empty((k, k))
            for a in range(k):
                row = H[index[a]]
                for b in range(k):
                    block[a, b] = row[index[b]]
                x[a] = c[index[a]] - alpha
            done, factor = _cholesky(block)
            if not done:
                return -it, factor, 0
            _cholesky_solve(factor, x)
            for a in range(k):
                v = x[a]
                row = H[index[a]]
                f[index[a]] = v
                for j in range(n):
                    w[j] -= v * row[j]
        wrong, last = 0, -1
        for j in range(n):
            if f[j] < 0.0 if active[j] else w[j] > threshold:
                wrong += 1
                last = j
        if wrong == 0:
            return it, factor, k
        whole = True
        if wrong < fewest:
            fewest, tries = wrong, 3
        elif tries > 0:
            tries -= 1
        else:
            whole = False
        if whole:
            # Bins enter by the size of their gradient, not all at once: a crowd of
            # them is nearly dependent where the penalties are weak.
            least = threshold
            entering = 0
            for j in range(n):
                if not active[j] and w[j] > threshold:
                    x[entering] = w[j]
                    entering += 1
            if entering > k + _ENTRANTS:
                least = np.sort(x[:entering])[entering - k - _ENTRANTS]
            for j in range(n):
                if active[j]:
                    active[j] = not f[j] < 0.0
                else:
                    active[j] = w[j] > threshold and w[j] >= least
        else:
            active[last] = not active[last]
    return -it, factor, 0


@compiled
def _lawson_hanson(H, c, alpha, active, f, w, index, x, max_iter):
    """Solve the problem of `_pivot` from f = 0, one entering bin at a time.

    Slower than pivoting where many bins are positive, but it cannot cycle.
    """
    n = c.size
    threshold = 0.0
    for j in range(n):
        threshold = max(threshold, abs(c[j]))
        active[j] = False
        f[j] = 0.0
        w[j] = c[j] - alpha
    threshold *= _ROUNDING
    factor = np.empty((0, 0))
    k = 0
    for it in range(1, max_iter + 1):
        entering, largest = -1, threshold
        for j in range(n):
            if not active[j] and w[j] > largest:
                entering, largest = j, w[j]
        if entering < 0:
            return it, factor, k
        active[entering] = True
        while True:
            k = 0
            for j in range(n):
                if active[j]:
                    index[k] = j
                    x[k] = c[j] - alpha
                    k += 1
            block = np.empty((k, k))
            for a in range(k):
                for b in range(k):
                    block[a, b] = H[index[a], index[b]]
            done, factor = _cholesky(block)
            if not done:
                return -it, factor, 0
            _cholesky_solve(factor, x[:k])
            step, leaving = 1.0, -1
            for a in range(k):
                if not x[a] > 0.0:
                    u = f[index[a]]
                    t = u / (u - x[a]) if u > x[a] else 0.0
                    if leaving < 0 or t < step:
                        step, leaving = t, a
            for a in range(k):
                j = index[a]
                f[j] = x[a] if leaving < 0 else f[j] + step * (x[a] - f[j])
            if leaving < 0:
                break
            f[index[leaving]] = 0.0
            for a in range(k):
                if not f[index[a]] > 0.0:
                    f[index[a]] = 0.0
                    active[index[a]] = False
            if index[leaving] == entering:
                # Rounding alone wanted it in.
                return it, factor, 0
        for j in range(n):
            w[j] = c[j] - alpha
        for a in range(k):
            v = f[index[a]]
            row = H[index[a]]
            for j in range(n):
                w[j] -= v * row[j]
    return -max_iter, factor, 0


@compiled
def _smooth_gradient(AT, s, f, smoothness, indptr, indices, data, r, g):
    """Write r = s - A f and g = A^T r - smoothness L f; return f' smoothness L f."""
    _residual(AT, s, f, r)
    _gradient(AT, r, g)
    roughness = 0.0
    for j in range(f.size):
        v = 0.0
        for p in range(indptr[j], indptr[j + 1]):
            v += data[p] * f[indices[p]]
        g[j] -= smoothness * v
        roughness += f[j] * v
    return smoothness * roughness


@compiled
def _smooth_solve(
    H, AT, s, c, extra, alpha, smoothness, indptr, indices, data, vv, Atv, max_iter,
    active, f, work, out,
):  # fmt: skip
    """Solve one smooth LASSO, refine it with the kernel itself, certify it."""
    index, r, g, x, w = work
    it, factor, k = _pivot(H, c, alpha, active, f, w, index, x, max_iter)
    if it < 0:
        it, factor, k = _lawson_hanson(H, c, alpha, active, f, w, index, x, 3 * c.size)
    # H is a product: one correction with the residual of A restores its digits.
    if k > 0:
        _smooth_gradient(AT, s, f, smoothness, indptr, indices, data, r, g)
        for a in range(k):
            x[a] = g[index[a]] - alpha
        _cholesky_solve(factor, x)
        for a in range(k):
            f[index[a]] += x[a]
    for j in range(f.size):
        if f[j] < 0.0:
            f[j] = 0.0
    rough = _smooth_gradient(AT, s, f, smoothness, indptr, indices, data, r, g)
    floor = _floor(s, extra)
    _certificate(AT, r, f, g, extra + rough, floor, alpha, False, vv, Atv, out)
    out[2] = abs(it)


@compiled
def smooth_batch(
    H, AT, S, extra, alphas, smoothness, indptr, indices, data, vv, Atv, max_iter,
    active, work, F, info,
):  # fmt: skip
    """Solve each row of S (q, m) with its own alphas[q]; F (q, n), info (q, 3).

    Signals start from the bins that are positive without the bound, so that
    they depend on nothing but themselves.
    """
    n = AT.shape[0]
    c = np.empty(n)
    whole, factor = _cholesky(H)
    for q in range(S.shape[0]):
        _gradient(AT, S[q], c)
        for j in range(n):
            active[j] = False
        if whole:
            for j in range(n):
                F[q, j] = c[j] - alphas[q]
            _cholesky_solve(factor, F[q])
            for j in range(n):
                active[j] = F[q, j] > 0.0
        _smooth_solve(
            H, AT, S[q], c, extra[q], alphas[q], smoothness, indptr, indices, data, vv,
            Atv, max_iter, active, F[q], work, info[q],
        )  # fmt: skip


@compiled
def smooth_path_errors(
    H, AT, S, extra, alphas, smoothness, indptr, indices, data, vv, Atv, max_iter,
    active, work, f, out, test_A, test_S, test_weight, errors, gaps,
):  # fmt: skip
    """Sum weighted squared errors on held-out points for decreasing alphas.

    test_A (m_test, n), test_S (q, m_test); errors and gaps (relative) (q, n_alphas).
    """
    n = AT.shape[0]
    c = np.empty(n)
    for q in range(S.shape[0]):
        _gradient(AT, S[q], c)
        for j in range(n):
            active[j] = False
        for index in range(alphas.size):
            _smooth_solve(
                H, AT, S[q], c, extra[q], alphas[index], smoothness, indptr, indices,
                data, vv, Atv, max_iter, active, f, work, out,
            )  # fmt: skip
            gaps[q, index] = out[1] / out[0] if out[0] > 0.0 else 0.0
            total = 0.0
            for i in range(test_A.shape[0]):
                u = test_S[q, i]
                for j in range(n):
                    u -= test_A[i, j] * f[j]
                total += test_weight[i] * u * u
            errors[q, index] = total
