"""All signals, one after another and each on its own."""

import numpy as np

from ...utils._compiled import compiled
from .._numba_active_set import Lasso, active_set
from .._numba_active_set import append as add_column
from .._numba_fit import REORDER, CertifiedKernel
from ._numba_active import cross_validated_active, own_ratios
from ._numba_kernel import mean_at, own_kernel_at, ratios_at
from ._numba_nnls import misfit, products, project, solve
from ._numba_rules import (
    CHI2,
    DISCREPANCY,
    FIXED,
    FLOOR,
    GCV,
    GCV_ACTIVE,
    NONE,
    bent,
    cross_validated,
    fit_strength,
    limits,
    reach,
)
from ._numba_setting import find_setting
from ._numba_types import Penalty

# Descent of a bin, as a fraction of the largest product with the signal, for which
# a fit is made again from columns; and the gap at which that ends.
_OPEN = 1e-14
_EXACT = 1e-15
# Squares of residuals, as a fraction of those of the signal, below which rounding hides
# descents, and which are as good as none.
_CLEAN = 1e-14
_NOTHING = 1e-22
# Where no strength reaches a target, this factor on what the weakest one reaches does,
# as in a StrengthSearch, and squares that differ by less than this fraction are equal.
_WITHIN, _EQUAL = 1.05, 1e-9
# A floor of magnitudes is 1.9 standard deviations of noise high; residuals of fits to
# noise alone are smaller than these.
_FLOOR = 2.8

# As FitStatus has them.
CONVERGED, AT_BOUND, _, NO_SIGNAL, FAILED, MASKED = range(6)


@compiled(fastmath=REORDER)
def is_open(penalty, p, work):
    """Return whether the residual itself, not products, still asks for another bin."""
    K, r, c, inside = work.K, work.r, work.c, work.passive.inside
    size, most = 0.0, 0.0
    for j in range(c.size):
        size = max(size, abs(c[j]))
        if not inside[j]:
            v = -penalty.alpha
            for i in range(r.size):
                v += K[j, i] * r[i]
            most = max(most, v)
    return most > _OPEN * size


@compiled
def fit_exactly(y, penalty, p, work, exact):
    """Fit without the quadratic penalty from columns instead of their products.

    That tells columns apart which differ by less than the roots of what rounding does
    to products. It goes on from the bins in use; returns their number and the square.
    """
    P, K, x = work.passive.P, work.K, work.x
    columns, state = exact.columns.columns, exact.columns.state
    for j in range(x.size):
        state[j] = 0
    k = 0
    for a in range(p):
        j = P[a]
        if add_column(K, y, j, 1.0, k, columns):
            columns.P[k], columns.sign[k], state[j] = j, 1.0, 1
            k += 1
        else:
            x[j] = 0.0
    certified = CertifiedKernel(K, False, 0.0, exact.nothing)
    lasso = Lasso(certified, _EXACT, 20 * x.size)
    k = active_set(lasso, y, 0.0, penalty.alpha, k, x, exact.columns, work.t[0])
    for a in range(k):
        P[a] = columns.P[a]
    return k, misfit(K, y, k, work.passive, x, work.r)


@compiled(fastmath=REORDER)
def gain(K, y, j, k, columns):
    """Return by how much another column lowers the square of the residual."""
    if not add_column(K, y, j, 1.0, k, columns):
        return 0.0
    return max(columns.d[k], 0.0) ** 2


@compiled
def go_on(y, penalty, k, free, least, work, exact):
    """Go on from a fit from columns where rounding hides descents; return as that.

    Columns are tried by what they add, since the residual of a signal without noise is
    orthogonal to all of them, but for rounding.
    """
    K, x = work.K, work.x
    columns, state = exact.columns.columns, exact.columns.state
    certified = CertifiedKernel(K, False, 0.0, exact.nothing)
    lasso = Lasso(certified, _EXACT, 20 * x.size)
    while free > least and k < columns.P.size - 1:
        best, found = 0.0, -1
        for j in range(x.size):
            if state[j] == 0:
                v = gain(K, y, j, k, columns)
                if v > best:
                    best, found = v, j
        if found < 0:
            break
        add_column(K, y, found, 1.0, k, columns)
        columns.P[k], columns.sign[k], state[found] = found, 1.0, 1
        k = active_set(lasso, y, 0.0, penalty.alpha, k + 1, x, exact.columns, work.t[0])
        for a in range(k):
            work.passive.P[a] = columns.P[a]
        new = misfit(K, y, k, work.passive, x, work.r)
        settled = not new < 0.5 * free
        free = new
        if settled:
            break
    return k, free


@compiled(fastmath=REORDER)
def polish(strength, y, penalty, p, work):
    """Correct the amplitudes once by what the residual says; return its square.

    Products of columns lose half of the digits of the kernel.
    """
    P, K, x, r = work.passive.P, work.K, work.x, work.r
    L, left, s = penalty.matrix, work.t[2], work.t[3]
    square = misfit(K, y, p, work.passive, x, r)
    for a in range(p):
        j = P[a]
        v = -penalty.alpha
        for i in range(r.size):
            v += K[j, i] * r[i]
        for b in range(p):
            v -= strength * L[j, P[b]] * x[P[b]]
        left[a] = v
    solve(p, work.passive, left, s)
    for a in range(p):
        if not x[P[a]] + s[a] > 0.0:
            return square
    for a in range(p):
        x[P[a]] += s[a]
    return misfit(K, y, p, work.passive, x, r)


@compiled
def is_noise(least, square, mean, free):
    """Return whether what the best fit explains beyond a floor of noise is noise, too.

    Squares are means over points, of the signal and of the residual.
    """
    floor = min(max(mean, 0.0), _FLOOR * np.sqrt(free))
    explained = square - 2.0 * floor * mean + floor * floor - free
    return least > 0.0 and explained < least * free


@compiled
def sum_of_squares(x):
    """Return the sum of the squares of x."""
    total = 0.0
    for j in range(x.size):
        total += x[j] * x[j]
    return total


@compiled
def choose(rule, y, penalty, setting, table, values, p, work):
    """Return bins, strength, fits, and whether the strength is at an end.

    So it counts, too, where no strength reaches a target, as for StrengthSearch.

    `values` are the square of the signal and that without a penalty, its fixed
    strength, its noise variance, and how many points it has.
    """
    square, free, fixed, variance, n_points = values
    floor = FLOOR * square
    if rule.code == FIXED:
        p, _ = fit_strength(fixed, y, penalty, p, work)
        return p, fixed, 1, False
    ends = limits(rule, work.G)
    missed = False
    if rule.code == CHI2 or rule.code == DISCREPANCY:
        target = max(variance, floor)
        if rule.code == CHI2:
            target = rule.factor * max(free, floor)
        p, z, n_fits = reach(target, free, y, penalty, ends, p, work)
        if z <= ends[0]:
            p, least = fit_strength(np.exp(z), y, penalty, p, work)
            missed = least > target * (1.0 + _EQUAL)
            if missed:
                target = _WITHIN * least
                p, z, more = reach(target, free, y, penalty, ends, p, work)
                n_fits += more
    elif rule.code == GCV_ACTIVE:
        start = np.log(max(free, floor) / sum_of_squares(work.x))
        constants = 1.0 if table.root.size > 0 else 0.0
        known = floor, constants, n_points, free, start
        p, z, n_fits = cross_validated_active(known, y, penalty, ends, p, work)
    elif rule.code == GCV:
        q = work.q
        if work.own.shape[1] > 0:
            own_ratios(penalty.matrix, work)
        else:
            ratios_at(table, setting, q[:-1])
            for j in range(q.size - 1):
                q[j] = np.exp(q[j])
        # No strength takes anything of a baseline.
        q[-1] = np.inf if table.root.size > 0 else 0.0
        start = np.log(max(free, floor) / sum_of_squares(work.x))
        p, z, n_fits = cross_validated(
            (free, floor, start, n_points), y, penalty, q, ends, p, work
        )
    else:
        p, z, n_fits = bent(y, penalty, ends, square, p, work)
    return p, np.exp(z), n_fits, missed or z <= ends[0] or z >= ends[1]


@compiled
def take_factors(table, factors, k, own):
    """Write the factors of a signal, and for a baseline roots of weights with them."""
    for i in range(own.shape[1]):
        own[0, i] = factors[k, i]
        own[1, i] = table.root[i] * factors[k, i] if table.root.size > 0 else 0.0


@compiled
def invert(table, given, rule, shared, work, exact, found):
    """Find setting, strength and distribution of each signal that is not masked."""
    nodes = table.nodes
    for k in range(given.signals.shape[0]):
        if found.status[k] != CONVERGED:
            continue
        y, setting = given.signals[k], given.settings[k]
        penalty = Penalty(shared.matrix, shared.width, given.alphas[k])
        square, n_points = sum_of_squares(y), given.n_points[k]
        if work.own.shape[1] > 0:
            take_factors(table, given.factors, k, work.own)
        p, held, at_end = 0, np.nan, False
        if np.isnan(setting):
            setting, p, held, found.solves[k, 0] = find_setting(table, y, work)
            at_end = setting <= nodes[0] or setting >= nodes[-1]
        if held != setting:
            own_kernel_at(table, setting, work.own, work.K)
            products(work.K, work.G)
            project(work.K, y, work.c)
        found.settings[k] = setting
        p, free = fit_strength(0.0, y, penalty, p, work)
        strength, n_fits, is_exact = 0.0, 1, False
        if p > 0 and (free < _CLEAN * square or is_open(penalty, p, work)):
            p, free = fit_exactly(y, penalty, p, work, exact)
            p, free = go_on(y, penalty, p, free, _NOTHING * square, work, exact)
            is_exact, n_fits = True, 2
        found.used[k] = p
        least = rule.least / n_points
        if p > 0 and is_noise(least, square, given.means[k], free):
            p = 0
        is_free = rule.code == NONE
        is_free |= rule.code == FIXED and given.strengths[k] == 0.0
        if p > 0 and not is_free:
            values = (square, free, given.strengths[k], given.variances[k], n_points)
            p, strength, more, at_limit = choose(
                rule, y, penalty, setting, table, values, p, work
            )
            n_fits += more
            at_end |= at_limit
        found.solves[k, 1] = n_fits
        found.squares[k, 0] = free
        found.strengths[k] = strength
        if p <= 0:
            is_number = p == 0 and np.isfinite(np.sum(work.c))
            found.status[k] = NO_SIGNAL if is_number else FAILED
            continue
        if is_exact and is_free:
            found.squares[k, 1] = free
        else:
            found.squares[k, 1] = polish(strength, y, penalty, p, work)
        for j in range(work.x.size):
            found.distributions[k, j] = work.x[j]
        if table.root.size > 0:
            found.intercepts[k] = mean_at(table, setting, work.x, work.own)
        if at_end:
            found.status[k] = AT_BOUND
