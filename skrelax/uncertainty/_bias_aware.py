r"""Intervals of sums of signed distributions, with the worst bias of smooth ones.

An estimate of a.f that is linear in the signal, h.y, has the noise sigma ||h|| and, for
all distributions with ||J f|| <= c, a bias of at most c ||J^-T (a - K^T h)||. The best
ones are h = K (K^T K + lambda J^T J)^-1 a, so that lambda is all there is to choose.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg
from scipy.special import chndtrix, ndtri, stdtrit

from ..utils._parallel import calm_blas
from ._bounds import _ROUNDING, find_end, scaled_rows

# Strengths that are looked at, in units of the largest that matters.
_STRENGTHS = np.geomspace(1e-13, 1e6, 153)
# Level at which intervals are shortest; with strengths of their own they do not nest.
_SHORTEST = 0.9
# Roughness of the truth in units of that of the fit, which is smoothed itself.
_ROUGHER = 2.0
# Twice the logarithm of a likelihood ratio that refutes a flat distribution, and
# strengths: the quantiles 0.99 and 0.95 of one degree of freedom.
_FLAT, _REFUTED = 6.63, 3.84
# Directions that the kernel or the penalty does not have.
_CUT = 1e-12
# From here on the other side of the distribution is empty.
_FAR = 6.0
# Bins from which decomposing takes minutes.
MOST_BINS = 4000


class Smoothness(NamedTuple):
    """A signal and its kernel along directions that share neither noise nor roughness.

    A distribution is V u; ||K V u||^2 = seen.u^2 and ||J V u||^2 = rough.u^2.
    """

    V: np.ndarray
    """The directions, (n_columns, n_columns)."""
    seen: np.ndarray
    """Squares of the signals of the directions, (n_columns,)."""
    rough: np.ndarray
    """Squares of their roughness, (n_columns,)."""
    along: np.ndarray
    """V^T K^T y, (n_columns,)."""
    n_bins: int
    """Columns that are bins."""
    unit: float
    """Amplitudes of a distribution of amplitude one."""
    noise_std: float
    """Noise of a point of weight one, in units of the signal's size."""
    left: float
    """Points that tell the noise, infinite where it is known."""
    limit: float
    """Largest roughness that is held possible."""
    size: float
    """Largest point of the signal."""

    def estimate(self, strength):
        """Return the columns (n_columns,) that a penalty of this strength gives."""
        return self.V @ (self.along / (self.seen + strength * self.rough))


def make_smoothness(K, y, weight, noise_std, has_baseline, grid_shape):
    """Return the Smoothness of a signal (n_points,) and its kernel (n_points, n_bins).

    The strength of the penalty and the noise are those of the largest restricted
    likelihood, as if distributions were drawn with differences of one variance.
    """
    A, target, root, largest, size = scaled_rows(K, y, weight, "bias-aware")
    n_bins = K.shape[1]
    if n_bins > MOST_BINS:
        raise ValueError(
            f"method='bias-aware' decomposes kernels of at most {MOST_BINS} bins, got "
            f"{n_bins}: take fewer."
        )
    J = _differences(grid_shape)
    if has_baseline:
        A, J = np.column_stack([A, root]), np.column_stack([J, np.zeros(len(J))])
    gram, roughness = A.T @ A, J.T @ J
    balance = np.trace(gram) / max(np.trace(roughness), 1.0)
    total = gram + balance * roughness
    total[np.diag_indices(len(total))] += _CUT * balance
    with calm_blas(len(total)):
        share, V = linalg.eigh(balance * roughness, total)
    share = share.clip(0.0, 1.0)
    share[share < _CUT] = 0.0
    along = V.T @ (A.T @ target)
    seen = np.maximum(np.einsum("ij,ij->j", A @ V, A @ V), _CUT**2)
    found = Smoothness(
        V, seen, share / balance, along, n_bins, size / largest, 0.0, np.inf, 0.0, size,
    )  # fmt: skip
    known = None if noise_std is None else noise_std / size
    noise, used, weakest = _most_likely(found, target, balance, known)
    noise = max(noise, _ROUNDING * float(np.sqrt((target @ target) / target.size)))
    left = np.inf
    if known is None:
        left = target.size - used
        if left < 1.0:
            raise ValueError(
                f"y has {target.size} points with a weight, too few for residuals: the "
                f"fit uses {used:.1f} of them. Give noise_std."
            )
    u = along / (seen + weakest * found.rough)
    limit = _ROUGHER * float(np.sqrt(found.rough @ u**2))
    return found._replace(noise_std=noise, left=left, limit=limit)


def _differences(grid_shape):
    """Return differences of neighbours along all axes, (n_differences, n_bins)."""
    n = int(np.prod(grid_shape))
    whole = np.eye(n).reshape(n, *grid_shape)
    along = [
        np.diff(whole, axis=axis + 1).reshape(n, -1) for axis in range(len(grid_shape))
    ]
    return np.concatenate(along, axis=1).T


def _most_likely(found, target, balance, known):
    """Return noise and points used at the largest restricted likelihood.

    Besides, the strength of the fit that tells the roughness. Where a flat distribution
    is not refuted, the likelihood has hardly a maximum, and the weakest strength that
    is not refuted either shows how rough distributions may be.
    """
    rough, seen = found.rough, found.seen
    # Flat directions are fitted, whatever the strength.
    there = (rough > 0.0) & (seen > _CUT * seen.max())
    flat = (rough == 0.0) & (seen > _CUT * seen.max())
    squares = found.along**2 / seen
    rest = max(float(target @ target - squares[there | flat].sum()), 0.0)
    n = target.size - np.count_nonzero(flat)
    trials = []
    for strength in _STRENGTHS * balance:
        factor = 1.0 + seen[there] / (strength * rough[there])
        total = float((squares[there] / factor).sum()) + rest
        variance = total / max(n, 1) if known is None else known**2
        variance = max(variance, np.finfo(float).tiny)
        loss = n * np.log(variance) + np.log(factor).sum() + total / variance
        used = float((1.0 - 1.0 / factor).sum()) + np.count_nonzero(flat)
        trials.append((loss, float(strength), float(np.sqrt(variance)), used))
    least = min(trials)
    weakest = least
    if trials[-1][0] - least[0] < _FLAT:
        weakest = next(one for one in trials if one[0] - least[0] < _REFUTED)
    return *least[2:], weakest[1]


def smooth_values(problem, weights, level):
    """Return the least and the largest value of a number, infinite where it has none.

    Of a ratio those are values s for which (a - s b).f = 0 is not refuted.
    """
    a = _columns(problem, weights.numerator)
    if weights.denominator is None:
        estimate, half = _interval(problem, a, level)
        ends = (estimate - half) * problem.unit, (estimate + half) * problem.unit
        return tuple(float(v) for v in ends)
    b = _columns(problem, weights.denominator)
    ratio = weights.numerator[weights.denominator != 0.0]
    ratio = ratio / weights.denominator[weights.denominator != 0.0]
    if not ratio.size:
        return np.nan, np.nan
    below, spread = _interval(problem, b, level)
    if not below > spread:
        # What is there may be nothing, so what it is like may be anything.
        ends = -np.inf, np.inf
        return (0.0, np.inf) if weights.is_log else ends
    middle = _interval(problem, a, level)[0] / below

    def excess(s):
        estimate, half = _interval(problem, a - s * b, level)
        return (estimate / half) ** 2

    width = max(float(np.ptp(ratio)), np.finfo(float).eps)
    if excess(middle) > 1.0:
        middle = _closest(excess, middle, width)
    ends = [find_end(excess, middle, limit, width, 1.0) for limit in (-np.inf, np.inf)]
    with np.errstate(over="ignore"):
        return tuple(float(v) for v in (np.exp(ends) if weights.is_log else ends))


def _closest(excess, middle, width):
    """Return the value near another one that is refuted least."""
    trials = middle + width * np.linspace(-0.5, 0.5, 201)
    return float(min(trials, key=excess))


def _columns(problem, weights):
    """Return weights of bins along the directions, (n_columns,)."""
    return problem.V[: problem.n_bins].T @ weights


def _interval(problem, a, level):
    """Return the estimate of a sum, and half the length of its interval.

    `a` are its weights along the directions.
    """
    scale = (problem.seen.max() / problem.rough.max()) if problem.rough.any() else 1.0
    below = problem.seen + (_STRENGTHS * scale)[:, None] * problem.rough
    over = a / below
    noise = problem.noise_std * np.sqrt(over**2 @ problem.seen)
    bias = problem.limit * _STRENGTHS * scale * np.sqrt(over**2 @ problem.rough)
    best = np.argmin(noise * _quantile(bias, noise, _SHORTEST, problem.left))
    best = slice(best, best + 1)
    half = noise[best] * _quantile(bias[best], noise[best], level, problem.left)
    return float((over[best] @ problem.along)[0]), max(float(half[0]), 1e-300)


def _quantile(bias, noise, level, left):
    """Return the quantile of |N(bias / noise, 1)|, wider where noise is estimated."""
    ratio = np.divide(bias, noise, out=np.full(bias.shape, 1e12), where=noise > 0.0)
    tail = ndtri(level)
    near = np.sqrt(chndtrix(level, 1.0, np.minimum(ratio, _FAR) ** 2))
    found = np.where(ratio < _FAR, near, ratio + tail)
    if np.isinf(left):
        return found
    upper = 0.5 * (1.0 + level)
    # Only the part of the noise grows.
    return ratio + (found - ratio) * stdtrit(left, upper) / ndtri(upper)
