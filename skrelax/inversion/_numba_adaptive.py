"""Smoothness that follows the solution: weights of the bins, and fits to batches.

With differences d of neighbouring bins and windows W_j of bins around each bin j, the
solvers minimise the objective of `_numba_smooth` with the penalty

    smoothness / 2 * floor * sum_j log(1 + mean(d_i^2, i in W_j) / floor)

It lies below a quadratic one that touches it at any f: there the squared differences
have the weights ``mean(1 / (1 + mean(d_i^2, i in W_j) / floor), W_j around i)``. Fits
with these weights, one after another, never raise the objective.
"""

from typing import NamedTuple

import numpy as np

from ..utils._compiled import compiled
from ._numba_certificate import certificate, floor_of
from ._numba_fit import gradient
from ._numba_pivoting import cholesky, cholesky_solve
from ._numba_smooth import (
    Smooth,
    SmoothWork,
    seeing,
    smooth_gradient,
    smooth_solve,
    start,
)

# Increase of the objective, relative to its mean with the signal, that is rounding:
# residuals have the rounding of the signal.
_ROUNDING = 1e-14
# Ridge of the extrapolation, relative to its matrix.
_RIDGE = 1e-12
# Earlier fits that it looks at.
MEMORY = 3


class Stencil(NamedTuple):
    """Differences of neighbouring bins along all axes, and where their squares go."""

    bins: np.ndarray
    """Bins of each difference, (n_differences, order + 1)."""
    coefficients: np.ndarray
    """Their factors, (order + 1,)."""
    scales: np.ndarray
    """Factor on the square of each difference, (n_differences,)."""
    centres: np.ndarray
    """The bin that each difference belongs to, (n_differences,)."""
    places: np.ndarray
    """Its places in the values of the matrix, (n_differences, (order + 1)^2)."""
    shape: np.ndarray
    """Number of bins per axis, in the margin of the windows as well."""
    inside: np.ndarray
    """Place of each bin on the grid with this margin, (n_bins,)."""
    reach: int
    """Bins that a window reaches to each side."""


class Adaptive(NamedTuple):
    """What the signals of a fit share."""

    smooth: Smooth
    """The smooth LASSO; values of its penalty and its Hessian are overwritten."""
    gram: np.ndarray
    """A^T A, (n_bins, n_bins)."""
    stencil: Stencil
    """The differences."""
    settled: float
    """Largest change of an amplitude, of the largest one, at which a fit may end."""
    max_rounds: int
    """Largest number of weighted fits."""


class Task(NamedTuple):
    """One signal of a fit."""

    s: np.ndarray
    """The signal, (n_rows,)."""
    extra: float
    """Part of ||s||^2 outside the rows."""
    alpha: float
    """Strength of its L1 penalty."""
    floor: float
    """Squared difference above which smoothness gives way."""
    fresh: bool
    """Whether it starts from the fit with constant smoothness, or from the last one."""


class AdaptiveWork(NamedTuple):
    """Workspace of the solver."""

    smooth: SmoothWork
    """That of the weighted fits."""
    weight: np.ndarray
    """Weight of each bin, (n_bins,)."""
    variation: np.ndarray
    """Squared differences at each bin, (n_bins,)."""
    padded: np.ndarray
    """Two grids with margins, (2, n_padded)."""
    logs: np.ndarray
    """Logarithms of the weights: used, found, and those to use next, (3, n_bins)."""
    history: np.ndarray
    """Logarithms that were used, and how they changed, (2, MEMORY + 1, n_bins)."""
    kept: np.ndarray
    """The best distribution so far, (n_bins,)."""


@compiled
def variation(stencil, f, v):
    """Write the sum of the squared differences of f that belong to each bin into v."""
    bins, coefficients, scales, centres, _, _, _, _ = stencil
    v[:] = 0.0
    for k in range(bins.shape[0]):
        d = 0.0
        for a in range(coefficients.size):
            d += coefficients[a] * f[bins[k, a]]
        v[centres[k]] += scales[k] * d * d


@compiled
def average(shape, reach, source, out):
    """Write means over windows of a grid in C order into out; source is overwritten."""
    after = source.size
    total = 1.0
    for axis in range(shape.size):
        n = shape[axis]
        before = source.size // after
        after //= n
        for b in range(before):
            for c in range(after):
                first = b * n * after + c
                for k in range(n):
                    total = 0.0
                    low = k - reach if k > reach else 0
                    high = k + reach + 1 if k + reach + 1 < n else n
                    for i in range(low, high):
                        total += source[first + i * after]
                    out[first + k * after] = total / (2 * reach + 1)
        for p in range(source.size):
            source[p] = out[p]


@compiled
def relax(stencil, v, floor, padded, weight):
    """Write the weights that squared differences v give; return their penalty."""
    source, out = padded[0], padded[1]
    shape, inside, reach = stencil.shape, stencil.inside, stencil.reach
    source[:] = 0.0
    for j in range(v.size):
        source[inside[j]] = v[j]
    average(shape, reach, source, out)
    total = 0.0
    for p in range(out.size):
        share = out[p] / floor
        total += np.log1p(share)
        source[p] = 1.0 / (1.0 + share)
    average(shape, reach, source, out)
    for j in range(v.size):
        weight[j] = out[inside[j]]
    return floor * total


@compiled
def weigh(stencil, weight, data):
    """Write the values of the penalty with these weights of the bins into data."""
    _, coefficients, scales, centres, places, _, _, _ = stencil
    size = coefficients.size
    data[:] = 0.0
    for k in range(centres.size):
        w = weight[centres[k]] * scales[k]
        for a in range(size):
            for b in range(size):
                data[places[k, a * size + b]] += w * coefficients[a] * coefficients[b]


@compiled(allocates=True)
def extrapolate(logs, history, count):
    """Write the logarithms to use next from those used, found, and earlier ones.

    Anderson's mixing (Walker & Ni 2011, doi 10.1137/10078356X) of the last `count`
    steps; weights do not exceed 1.
    """
    used, found, fresh = logs[0], logs[1], logs[2]
    n = used.size
    length = history.shape[1]
    slot = count % length
    for j in range(n):
        history[0, slot, j] = used[j]
        history[1, slot, j] = found[j] - used[j]
        fresh[j] = found[j]
    k = count if count < length - 1 else length - 1
    if k == 0:
        return
    matrix, right = np.empty((k, k)), np.empty(k)
    for a in range(k):
        right[a] = 0.0
        p = (count - 1 - a) % length
        for b in range(a + 1):
            q = (count - 1 - b) % length
            total = 0.0
            for j in range(n):
                step = history[1, slot, j]
                total += (step - history[1, p, j]) * (step - history[1, q, j])
            matrix[a, b] = total
            matrix[b, a] = total
        for j in range(n):
            step = history[1, slot, j]
            right[a] += (step - history[1, p, j]) * step
    trace = 0.0
    for a in range(k):
        trace += matrix[a, a]
    for a in range(k):
        matrix[a, a] += _RIDGE * trace
    whole, factor = cholesky(matrix)
    if not (whole and trace > 0.0):
        return
    cholesky_solve(factor, right)
    for a in range(k):
        p = (count - 1 - a) % length
        for j in range(n):
            before = history[0, p, j] + history[1, p, j]
            fresh[j] -= right[a] * (found[j] - before)
    for j in range(n):
        if fresh[j] > 0.0:
            fresh[j] = 0.0


@compiled(allocates=True)
def adaptive_solve(adaptive, task, f, work, out):
    """Solve one signal, and certify it.

    One that is not fresh starts from the weights of work.logs[0] and from the active
    bins, with A^T s in work.smooth.c. Writes objective and duality gap of the last
    weighted fit, the number of such fits, and the last change of the distribution into
    out.
    """
    smooth, gram, stencil, settled, max_rounds = adaptive
    fit, weight, v, padded, logs, history, kept = work
    s, extra, alpha, floor, fresh = task
    smoothness, indptr, indices, data = smooth.roughness
    H = smooth.H
    n = f.size
    if fresh:
        gradient(smooth.kernel.AT, s, fit.c)
        for j in range(n):
            logs[0, j] = 0.0
    best, count = np.inf, 0
    out[3] = np.inf
    square = extra
    for i in range(s.size):
        square += s[i] * s[i]
    for it in range(1, max_rounds + 1):
        for j in range(n):
            weight[j] = np.exp(logs[0, j])
        weigh(stencil, weight, data)
        for j in range(n):
            for i in range(n):
                H[j, i] = gram[j, i]
            for p in range(indptr[j], indptr[j + 1]):
                H[j, indices[p]] += smoothness * data[p]
        if fresh and it == 1:
            whole, factor = cholesky(H)
            start(whole, factor, alpha, f, fit)
        smooth_solve(smooth, s, extra, alpha, f, fit, out)
        out[2] = it
        variation(stencil, f, v)
        rough = 0.0
        for j in range(n):
            rough += weight[j] * v[j]
        penalty = relax(stencil, v, floor, padded, weight)
        objective = out[0] + 0.5 * smoothness * (penalty - rough)
        if count > 0 and objective > best + _ROUNDING * np.sqrt(best * square):
            # The extrapolation has missed: go on from the best one without it.
            count = 0
            for j in range(n):
                f[j] = kept[j]
            variation(stencil, f, v)
            relax(stencil, v, floor, padded, weight)
            for j in range(n):
                logs[0, j] = np.log(weight[j])
            continue
        if objective < best:
            best = objective
        change, largest = 0.0, 0.0
        for j in range(n):
            if abs(f[j] - kept[j]) > change:
                change = abs(f[j] - kept[j])
            if abs(f[j]) > largest:
                largest = abs(f[j])
        for j in range(n):
            kept[j] = f[j]
        if it > 1:
            out[3] = change / largest if largest > 0.0 else 0.0
        if out[3] <= settled:
            break
        for j in range(n):
            logs[1, j] = np.log(weight[j])
        if it > 1:
            extrapolate(logs, history, count)
            count += 1
        new = 1 if it == 1 else 2
        for j in range(n):
            logs[0, j] = logs[new, j]
    if smooth.kernel.Atv.size == 0:
        _certify(smooth, s, extra, alpha, f, fit, out)


@compiled(allocates=True)
def _certify(smooth, s, extra, alpha, f, work, out):
    """Write objective and gap of f where rows of the kernel give no certificate."""
    whole, factor = cholesky(smooth.H)
    if not whole:
        return
    kernel = seeing(smooth.kernel, whole, factor)
    r, g = work.r, work.g
    rough = smooth_gradient(kernel.AT, s, f, smooth.roughness, r, g)
    floor = floor_of(s, extra)
    certificate(kernel, f, r, g, extra + rough, floor, alpha, out)


@compiled(allocates=True)
def adaptive_path_errors(
    adaptive, signals, alphas, floors, work, held_out, errors, gaps
):
    """Sum weighted squared errors on held-out points for decreasing alphas.

    alphas, errors and gaps (relative) are (q, n_alphas).
    """
    S, extra = signals
    test_A, test_S, weight = held_out
    AT = adaptive.smooth.kernel.AT
    fit = work.smooth
    active = fit.pivoting.active
    n = active.size
    found = np.empty(n + 4)
    f, out = found[:n], found[n:]
    for q in range(S.shape[0]):
        gradient(AT, S[q], fit.c)
        for j in range(n):
            active[j] = False
        work.logs[0] = 0.0
        for index in range(alphas.shape[1]):
            task = Task(S[q], extra[q], alphas[q, index], floors[q], False)
            adaptive_solve(adaptive, task, f, work, out)
            gaps[q, index] = out[1] / out[0] if out[0] > 0.0 else 0.0
            total = 0.0
            for i in range(test_A.shape[0]):
                u = test_S[q, i]
                for j in range(n):
                    u -= test_A[i, j] * f[j]
                total += weight[i] * u * u
            errors[q, index] = total
