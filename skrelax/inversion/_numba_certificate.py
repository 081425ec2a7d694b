"""Duality gap of a solution: how far its objective can be above the minimum.

With the numbers of `CertifiedKernel` and `Signals` the solvers minimise

    P(f) = 1/2 ||A f - s||^2 + 1/2 extra + lam ||f||_1,   f >= 0 unless signed.
"""

from ..utils._compiled import compiled

# Changes of the objective below this fraction of ||s||^2 / 2 are rounding.
_EPSILON = 2.0**-52


@compiled
def floor_of(s, extra):
    """Return the objective below which a fit is exact to rounding."""
    total = extra
    for i in range(s.size):
        total += s[i] * s[i]
    return 0.5 * _EPSILON * total


@compiled
def certificate(kernel, f, r, g, extra, floor, lam, out):
    """Write objective (at least floor) and duality gap of f into out.

    r = s - A f and g = A^T r. Two dual points are tried: the scaled residual
    t r, and for f >= 0 the shifted one r - a v with A^T v > 0 and vv = v^T v
    (none if Atv is empty). The gap is summed from non-negative terms,
    1/2 ||r - theta||^2 + sum_j (lam |f_j| - f_j (A^T theta)_j), so it keeps its
    digits where primal minus dual would cancel.
    """
    AT, signed, vv, Atv = kernel
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
        t = (rr + fg) / rr
        if not t > 0.0:
            t = 0.0
    if top > 0.0 and t > lam / top:
        t = lam / top
    gap = 0.5 * ((1.0 - t) * (1.0 - t)) * rr + lam * l1 - t * fg
    if Atv.size > 0 and not signed:
        a = 0.0
        fv = 0.0
        for j in range(n):
            least = (g[j] - lam) / Atv[j]
            if least > a:
                a = least
            fv += f[j] * Atv[j]
        shifted = 0.5 * a * a * vv + lam * l1 - fg + a * fv
        if shifted < gap:
            gap = shifted
    # What is nan stays so.
    out[0] = floor if primal < floor else primal
    out[1] = 0.0 if gap < 0.0 else gap
