"""Data on the grid of their points: means, weights, numbers and noise."""

import math

import numpy as np

from ...utils._parallel import calm_blas
from ._axes import kept_rank

# Singular values below this fraction of the largest carry no signal above noise.
_SEEN = 1e-4
# Noise below this fraction of the data is rounding of data without noise.
_LEAST_NOISE = 1e-6


def gather(y, weight, places, n_positions):
    """Return data and weights (n_rows, n_positions * n_channels) on the grid.

    Points measured several times become their weighted mean, with the sum of their
    weights; those never measured have weight 0. Weights that are all one come back
    as None.

    Parameters
    ----------
    y : ndarray of shape (n_points, n_channels)
        Signals.
    weight : ndarray of shape (n_points,), (n_points, n_channels) or None
        Weights.
    places : Places
        Where the points are.
    n_positions : int
        Product of the axes of X that are not inverted.
    """
    n_rows, n_channels = math.prod(places.sizes), y.shape[1]
    index = places.row * n_positions + places.position
    total = n_rows * n_positions
    if weight is None and index.size == total and np.bincount(index).all():
        data = np.empty((total, n_channels))
        data[index] = y
        return data.reshape(n_rows, -1), None
    w = np.ones_like(y) if weight is None else weight
    w = np.broadcast_to(w.reshape(y.shape[0], -1), y.shape)
    sums, data = np.zeros((total, n_channels)), np.zeros((total, n_channels))
    np.add.at(sums, index, w)
    np.add.at(data, index, w * y)
    np.divide(data, sums, out=data, where=sums > 0)
    sums = sums.reshape(n_rows, -1)
    return data.reshape(n_rows, -1), None if (sums == 1.0).all() else sums


def common_weight(weights):
    """Return (None, weight) if all points have one weight, else (weights, 1)."""
    if weights is None:
        return None, 1.0
    if weights.min() == weights.max() > 0.0:
        return None, float(weights.flat[0])
    return weights, 1.0


def count_data(count, axes, factors, n_rows, weights):
    """Return the number of data that default penalties count, of one inversion.

    Parameters
    ----------
    count : {"points", "singular-values"}
        What is counted.
    axes : Axes
        Axes of the distribution.
    factors : list of ndarray
        Kernels of the inverted axes.
    n_rows : int
        Points of the inverted axes.
    weights : ndarray of shape (n_rows, n_channels) or None
        Weights of all inversions.
    """
    n_channels = math.prod(axes.shape[axis] for axis in axes.solver_order)
    n_channels //= math.prod(axes.shape[axis] for axis in axes.inverted)
    if count == "singular-values":
        sizes = []
        for axis, K in zip(axes.inverted, factors, strict=False):
            rank = axes.ranks[axis]
            with calm_blas(min(K.shape)):
                s = np.linalg.svd(K, compute_uv=False)
            sizes.append(K.shape[0] if rank is None else kept_rank(s, rank))
        return math.prod(sizes) * n_channels
    if weights is None:
        return n_rows * n_channels
    n_used = np.count_nonzero(weights) / weights.shape[1]
    return max(1.0, n_used * n_channels)


def noise_level(factors, data, weights):
    """Return the noise of data (n_rows, n_channels) that share one level."""
    sums, free = _unresolved(factors, data, weights)
    least = _LEAST_NOISE * np.sqrt(np.mean(data**2))
    return max(np.sqrt(sums.sum() / free.sum()), least)


def _unresolved(factors, data, weights):
    """Return what is outside the resolved part of the kernel.

    Returns
    -------
    sums : ndarray of shape (n_channels,)
        Weighted sums of squares of the residuals.
    n_free : ndarray of shape (n_channels,)
        Their degrees of freedom, at least 1.
    """
    bases = [_resolved(K) for K in factors]
    ranks = [U.shape[1] for U in bases]
    n_rows = data.shape[0]
    if math.prod(ranks) > n_rows - _least_free(n_rows):
        # Too few points for what the kernel resolves: the longest axis gives way.
        axis = int(np.argmax([U.shape[0] for U in bases]))
        others = math.prod(ranks) // ranks[axis]
        kept = max(1, int((n_rows - _least_free(n_rows)) // others))
        bases[axis] = bases[axis][:, :kept]
    U = bases[0]
    if weights is None:
        shape = [B.shape[0] for B in bases] + [-1]
        fitted = data.reshape(shape)
        for axis, B in enumerate(bases):
            along = np.tensordot(B @ B.T, fitted, axes=(1, axis))
            fitted = np.moveaxis(along, 0, axis)
        rest = data - fitted.reshape(data.shape)
        rank = math.prod([B.shape[1] for B in bases])
        free = np.full(data.shape[1], max(n_rows - rank, 1))
        return (rest**2).sum(axis=0), free
    for B in bases[1:]:
        U = np.kron(U, B)
    sums, free = np.empty(data.shape[1]), np.empty(data.shape[1])
    for channel, w in enumerate(weights.T):
        used = w > 0
        root = np.sqrt(w[used])[:, None]
        n_used = int(used.sum())
        n_kept = max(1, min(U.shape[1], n_used - _least_free(n_used)))
        Q, _ = np.linalg.qr(root * U[used][:, :n_kept])
        values = root[:, 0] * data[used, channel]
        rest = values - Q @ (Q.T @ values)
        sums[channel] = rest @ rest
        free[channel] = max(used.sum() - n_kept, 1)
    return sums, free


def _least_free(n_rows):
    """Return the points that an estimate of the noise keeps free of signal."""
    return max(1, n_rows // 8)


def _resolved(K):
    """Return the left singular vectors of K that a measurement can resolve."""
    with calm_blas(min(K.shape)):
        U, s, _ = np.linalg.svd(K, full_matrices=False)
    return U[:, s > _SEEN * s[0]]
