"""Data, kernels and weights of a multi-dimensional inversion."""

import functools
import math

import numpy as np
from scipy import linalg

# Singular values of a kernel below this fraction of the largest are rounding.
_RANK_LEVEL = 1e-15


class DataOperator:
    r"""The data term of the inverted axes, for all channels at once.

    With weights w the normal matrix of channel c is :math:`K^T diag(w_c) K`.

    Parameters
    ----------
    factors : list of ndarray of shape (n_points_k, n_cells_k)
        One kernel per inverted axis, whose Kronecker product (the first axis
        slowest) is K; a single one for points that are no grid.
    weights : ndarray of shape (n_points, n_channels) or None
        Weights of the data points; 0 where a point is missing.
    n_channels : int
        Number of channels.
    """

    def __init__(self, factors, weights, n_channels):
        self.factors, self.weights, self.n_channels = factors, weights, n_channels
        self.n_cells = math.prod(K.shape[1] for K in factors)
        self.n_points = math.prod(K.shape[0] for K in factors)

    def forward(self, x):
        """Return K x for x (n_cells, k)."""
        return _kronecker_apply(self.factors, x)

    def adjoint(self, y):
        """Return K^T y for y (n_points, k)."""
        return _kronecker_apply([K.T for K in self.factors], y)

    def normal(self, v):
        """Return K^T w K v for v in the order (inverted axes, channels)."""
        x = v.reshape(self.n_cells, self.n_channels)
        if self.weights is None:
            return _kronecker_apply(self.grams, x).ravel()
        return self.adjoint(self.weights * self.forward(x)).ravel()

    @functools.cached_property
    def grams(self):
        """K_k^T K_k of each axis."""
        return [K.T @ K for K in self.factors]

    def right_side(self, data):
        """Return K^T w D, (n_cells, n_channels)."""
        return self.adjoint(data if self.weights is None else self.weights * data)

    def normal_blocks(self):
        """Return K^T w_c K, (1 or n_channels, n_cells, n_cells)."""
        if self.weights is None:
            return functools.reduce(np.kron, self.grams)[None]
        K = functools.reduce(np.kron, self.factors)
        out = np.empty((self.n_channels, self.n_cells, self.n_cells))
        # Channels with the same weights, all of them as a rule, share their matrix.
        patterns, which = np.unique(self.weights.T, axis=0, return_inverse=True)
        matrices = [K.T @ (w[:, None] * K) for w in patterns]
        if len(matrices) == 1:
            return matrices[0][None]
        for channel, pattern in enumerate(which.ravel()):
            out[channel] = matrices[pattern]
        return out

    def modes(self, level):
        """Return V S of the singular values above level times the largest.

        Returns
        -------
        list of ndarray of shape (n_cells, n_modes_c)
            One array per channel; its columns' outer products sum to the strongest
            part of the normal matrix of the channel.
        """
        parts = [linalg.svd(K, full_matrices=False) for K in self.factors]
        s = functools.reduce(np.multiply.outer, [p[1] for p in parts]).ravel()
        order = np.argsort(-s)
        floor = level if self.weights is None else _RANK_LEVEL
        chosen = order[s[order] > floor * s[order[0]]]
        index = np.unravel_index(chosen, [p[1].size for p in parts])
        V = _columns([p[2].T for p in parts], index)
        if self.weights is None:
            return [V * s[chosen]] * self.n_channels
        U = _columns([p[0] for p in parts], index) * s[chosen]
        found = []
        for weights in self.weights.T:
            root = np.sqrt(weights)[:, None]
            _, t, rotation = linalg.svd(root * U, full_matrices=False)
            found.append((t, V @ rotation.T))
        largest = max(t[0] for t, _ in found)
        strong = [t > level * largest for t, _ in found]
        return [
            right[:, keep] * t[keep]
            for keep, (t, right) in zip(strong, found, strict=True)
        ]

    def spread(self, modes):
        """Return modes as columns over cells in the order (inverted axes, channels)."""
        total = sum(part.shape[1] for part in modes)
        out = np.zeros((self.n_cells, self.n_channels, total))
        start = 0
        for channel, part in enumerate(modes):
            out[:, channel, start : start + part.shape[1]] = part
            start += part.shape[1]
        return out.reshape(-1, total)


def _columns(sides, index):
    """Return the Kronecker products of chosen columns, one per index."""
    return functools.reduce(
        lambda a, b: (a[:, None] * b[None]).reshape(-1, a.shape[1]),
        [side[:, i] for side, i in zip(sides, index, strict=True)],
    )


def _kronecker_apply(factors, x):
    """Return (F_1 x ... x F_p) x for x (n, k), one axis at a time."""
    if len(factors) == 1:
        return factors[0] @ x
    k = x.shape[1]
    x = x.reshape([F.shape[1] for F in factors] + [k])
    for axis, F in enumerate(factors):
        x = np.moveaxis(np.tensordot(F, x, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(x).reshape(-1, k)
