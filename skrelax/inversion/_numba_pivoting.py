"""Non-negative quadratic problems by block principal pivoting, or one bin at a time."""

from typing import NamedTuple

import numpy as np

from ..utils._compiled import compiled

# Gradients below this fraction of the largest are rounding.
_ROUNDING = 1e-14
# Bins that may enter a pivoting step beyond doubling the active ones.
_ENTRANTS = 8


class Pivoting(NamedTuple):
    """Workspace of both solvers, all of length n_bins."""

    active: np.ndarray
    """Whether a bin is positive."""
    index: np.ndarray
    """Active bins."""
    x: np.ndarray
    """Values of the active bins."""
    w: np.ndarray
    """Negative gradient."""


@compiled(allocates=True)
def cholesky(A):
    """Return (True, lower factor), or (False, A) if A is not positive definite."""
    done = True
    factor = A
    try:
        factor = np.linalg.cholesky(A)
    except Exception:  # the only clause that Numba compiles
        done = False
    return done, factor


@compiled
def cholesky_solve(factor, x):
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
def select(x, n, rank):
    """Return the number of this rank of the first n of x, from 0, which are reordered.

    As sorting does; but sorting takes a second to compile.
    """
    low, high = 0, n - 1
    while low < high:
        middle, i, j = x[rank], low, high
        while i <= j:
            while x[i] < middle:
                i += 1
            while middle < x[j]:
                j -= 1
            if i <= j:
                x[i], x[j] = x[j], x[i]
                i += 1
                j -= 1
        if j < rank:
            low = i
        if i > rank:
            high = j
    return x[rank]


@compiled(allocates=True)
def solve_active(H, c, alpha, work):
    """Write the active bins into work.index, and their values alone into work.x.

    Returns whether their block of H is positive definite, its Cholesky factor, and
    its size.
    """
    active, index, x, _ = work
    k = 0
    for j in range(c.size):
        if active[j]:
            index[k] = j
            x[k] = c[j] - alpha
            k += 1
    block = np.empty((k, k))
    for a in range(k):
        row = H[index[a]]
        for b in range(k):
            block[a, b] = row[index[b]]
    done, factor = cholesky(block)
    if done:
        cholesky_solve(factor, x)
    return done, factor, k


@compiled(allocates=True)
def pivot(H, c, alpha, f, work, max_iter):
    """Block principal pivoting for min 1/2 f'Hf - (c - alpha)'f, f >= 0.

    `active` comes in warm. Returns (iterations, negative if it failed; the
    Cholesky factor of the active block; its size). Full exchanges are tried as
    long as they help, then single ones (Kim & Park 2011, doi 10.1137/110821172).
    """
    active, index, x, w = work
    n = c.size
    threshold = 0.0
    for j in range(n):
        if abs(c[j]) > threshold:
            threshold = abs(c[j])
    threshold *= _ROUNDING
    fewest, tries = n + 1, 3
    factor = H
    it = 0
    k = 0
    while it < max_iter:
        it += 1
        for j in range(n):
            f[j] = 0.0
            w[j] = c[j] - alpha
        done, factor, k = solve_active(H, c, alpha, work)
        if not done:
            return -it, factor, 0
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
                least = select(x, entering, entering - k - _ENTRANTS)
            for j in range(n):
                if active[j]:
                    active[j] = not f[j] < 0.0
                else:
                    active[j] = w[j] > threshold and w[j] >= least
        else:
            active[last] = not active[last]
    return -it, factor, 0


@compiled(allocates=True)
def lawson_hanson(H, c, alpha, f, work, max_iter):
    """Solve the problem of `pivot` from f = 0, one entering bin at a time.

    Slower than pivoting where many bins are positive, but it cannot cycle.
    """
    active, index, x, w = work
    n = c.size
    threshold = 0.0
    for j in range(n):
        if abs(c[j]) > threshold:
            threshold = abs(c[j])
        active[j] = False
        f[j] = 0.0
        w[j] = c[j] - alpha
    threshold *= _ROUNDING
    factor = H
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
            done, factor, k = solve_active(H, c, alpha, work)
            if not done:
                return -it, factor, 0
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
