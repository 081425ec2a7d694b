"""Maximum likelihood for magnitudes of complex Gaussian noise.

A magnitude y of the signal s has the Rice distribution. Expectation maximisation [1]_
replaces y by its expected projection on the real axis, y I1(z) / I0(z) with
z = y s / sigma^2, and repeats the least-squares fit.

.. [1] A. P. Dempster, N. M. Laird, D. B. Rubin, J. R. Stat. Soc. B 39 (1977) 1.
   https://doi.org/10.1111/j.2517-6161.1977.tb01600.x
"""

import functools

import numpy as np
from scipy import stats
from scipy.special import i0e, i1e

from ..utils._rice import expected_signal

# The signal moves by less than this fraction of the noise in the last iteration.
_SETTLED = 1e-4
_MAX_EM = 500
# Above this ratio of signal to noise the Fisher information is that of a Gaussian.
_GAUSSIAN_ABOVE = 30.0
_STEP = 1e-4
# Smallest variance of the noise as a fraction of the power of a point.
_LEAST_VARIANCE = 1e-12
# Probability of residuals as small as they are, below which a level of noise is wrong.
_TOO_QUIET = 1e-6


@functools.cache
def _information_table():
    """Return ratios s / sigma and the Fisher information times sigma^2."""
    ratios = np.linspace(0.0, _GAUSSIAN_ABOVE, 301)
    x, weight = np.polynomial.legendre.leggauss(400)
    values = np.empty_like(ratios)
    for k, a in enumerate(ratios):
        # The density is negligible eight standard deviations away.
        low, high = max(0.0, a - 8.0), a + 9.0
        m = 0.5 * (high - low) * x + 0.5 * (high + low)
        density = m * np.exp(-0.5 * (m - a) ** 2) * i0e(m * a)
        score = m * i1e(m * a) / i0e(m * a) - a
        values[k] = 0.5 * (high - low) * (weight * density * score**2).sum()
    return ratios, values


def information(ratio):
    """Return the Fisher information of s in units of 1 / sigma^2."""
    return np.interp(np.abs(ratio), *_information_table())


def contradicts_noise(rss, variance, free):
    """Return whether sums of squared residuals (n,) are too small for Rician noise.

    Of magnitudes of pure noise the variance is 2 - pi / 2, of signals above it larger,
    so that least squares leave at least that with `free` degrees of freedom, of all or
    of each, (n,).
    """
    least = (2.0 - 0.5 * np.pi) * stats.chi2.ppf(_TOO_QUIET, np.maximum(1, free))
    with np.errstate(invalid="ignore"):
        return rss < least * variance


def fit_rician(problem, Y, solution, signals, noise_std, stop, own):
    """Replace a least-squares solution by that of maximum likelihood, in place.

    `problem` takes signed signals, `signals(u, coef, voxels)` returns (n, N); all
    signals are multiplied by the roots of the weights, and zero where points are
    missing. `own` tells what the problem wants to know of each voxel; `noise_std` is
    None or (n,). Returns variances (n,).
    """
    y = Y[:, 0]
    n_points = own.count_points(y.shape[1])
    variance = np.empty(len(y))
    # Signals without noise have none to estimate.
    least = _LEAST_VARIANCE * ((y**2).sum(axis=1) / n_points)
    if noise_std is None:
        # Least squares has used up the degrees of freedom of its parameters.
        free = np.maximum(1, n_points - solution.cov.shape[1])
        variance[:] = np.maximum(solution.rss / free, least)
    else:
        variance[:] = noise_std**2
    active = np.flatnonzero(np.isfinite(solution.u).all(axis=1))
    s = signals(solution.u, solution.coef)
    for _ in range(_MAX_EM):
        if active.size == 0:
            break
        target = expected_signal(y[active], s[active], variance[active, None])
        target_rows = np.ascontiguousarray(target[:, None, :])
        here = own.take(active).options()
        part = problem.solve(target_rows, solution.u[active], stop, **here)
        new = signals(part.u, part.coef, active)
        moved = np.abs(new - s[active]).max(axis=1)
        s[active] = new
        for name in ("u", "coef", "cov", "n_iter"):
            getattr(solution, name)[active] = getattr(part, name)
        if noise_std is None:
            old = variance[active]
            total = (y[active] ** 2 - 2.0 * target * new + new**2).sum(axis=1)
            # Half of the freedom is that of the channel which holds no signal.
            free = np.maximum(1.0, 2.0 * n_points - solution.cov.shape[1])
            free = free if free.ndim == 0 else free[active]
            variance[active] = np.maximum(total / free, least[active])
            moved = np.maximum(moved, np.abs(np.sqrt(variance[active]) - np.sqrt(old)))
        settled = moved < _SETTLED * np.sqrt(variance[active])
        active = active[~settled]
    # The likelihood of what is left creeps on; the estimate is not final there.
    solution.n_iter[active] = stop.max_iter + 1
    solution.rss[:] = ((y - np.abs(s)) ** 2).sum(axis=1)
    return variance


def rician_covariance(solution, signals, variance, axes):
    """Replace the Gaussian covariance by the inverse Fisher information, in place."""
    u, coef = solution.u, solution.coef
    n_parameters, n_amplitudes = u.shape[1], coef.shape[2]
    columns = []
    for k in range(n_amplitudes):
        unit = np.zeros_like(coef)
        unit[:, 0, k] = 1.0
        columns.append(signals(u, unit))
    for k in range(n_parameters):
        shift = np.zeros(n_parameters)
        shift[k] = _STEP
        # A model need not exist outside of its limits.
        low, high = axes[k].ends
        above, below = u + shift, u - shift
        outside = (above[:, k] > high) | (below[:, k] < low)
        above[:, k] = np.minimum(above[:, k], high)
        below[:, k] = np.maximum(below[:, k], low)
        width = np.where(outside, above[:, k] - below[:, k], 2.0 * _STEP)
        difference = signals(above, coef) - signals(below, coef)
        columns.append(difference / width[:, None])
    J = np.stack(columns, axis=2)
    weight = information(signals(u, coef) / np.sqrt(variance)[:, None])
    A = np.einsum("nik,nim,ni->nkm", J, J, weight)
    ok = np.isfinite(A).all(axis=(1, 2))
    solution.cov[:] = np.nan
    size = np.sqrt(np.maximum(np.einsum("nkk->nk", A[ok]), 1e-300))
    scaled = A[ok] / (size[:, :, None] * size[:, None, :])
    good = np.linalg.eigvalsh(scaled)[:, 0] > 1e-12
    inverse = np.full_like(scaled, np.nan)
    inverse[good] = np.linalg.inv(scaled[good])
    solution.cov[ok] = inverse / (size[:, :, None] * size[:, None, :])
