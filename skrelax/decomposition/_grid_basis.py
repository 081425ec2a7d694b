"""Kernels on grids of bins in bases of their axes: a few numbers instead of bins."""

import math

import numpy as np
from scipy import linalg

# Singular values of an axis, and directions of the grid, below these fractions of the
# largest are rounding of the kernel.
_AXIS_ROUNDING = 1e-15
_ROUNDING = 1e-14
# Part of a column of the kernel outside the basis, as a fraction of the largest
# column, from which the basis is not complete.
_COMPLETE = 1e-12
# Random combinations of the other axes that show an axis, first and where it fails.
_PROBES = 3, 12
# Rows are taken in blocks of about this many values.
_BLOCK_VALUES = 500_000


class GridBasis:
    """A basis of the rows of a kernel on a grid, products of vectors of each axis.

    The kernel is core (n_rows, n_directions) times the directions, which are
    orthonormal.

    Parameters
    ----------
    factors : tuple of ndarray
        Orthonormal vectors of each axis, (n_bins of the axis, rank of the axis).
    kept : ndarray of shape (n_directions,) or None, default=None
        Products of them that are directions, as flat indices; None for all.
    """

    def __init__(self, factors, kept=None):
        self.factors = tuple(factors)
        self.shape = tuple(len(V) for V in factors)
        self.ranks = tuple(V.shape[1] for V in factors)
        self.n_bins, self._size = math.prod(self.shape), math.prod(self.ranks)
        self.kept = np.arange(self._size) if kept is None else kept

    def expand(self, z):
        """Return combinations z (..., n_directions) of directions, (..., n_bins)."""
        full = np.zeros((*z.shape[:-1], self._size))
        full[..., self.kept] = z
        if len(self.factors) == 2:
            V, W = self.factors
            full = V @ (full.reshape(*z.shape[:-1], *self.ranks) @ W.T)
            return full.reshape(*z.shape[:-1], self.n_bins)
        full = full.reshape(-1, *self.ranks)
        for axis, V in enumerate(self.factors):
            full = _along(full, V.T, axis + 1)
        return full.reshape(*z.shape[:-1], self.n_bins)

    def contract(self, F):
        """Return the products of directions with F (..., n_bins)."""
        if len(self.factors) == 2:
            V, W = self.factors
            full = V.T @ (F.reshape(*F.shape[:-1], *self.shape) @ W)
        else:
            full = F.reshape(-1, *self.shape)
            # The last axis lies in one piece.
            for axis in range(len(self.factors) - 1, -1, -1):
                full = _along(full, self.factors[axis], axis + 1)
        return full.reshape(*F.shape[:-1], self._size)[..., self.kept]

    def rows(self, bins):
        """Return what directions are at some bins, (n_chosen, n_directions)."""
        places = np.unravel_index(bins, self.shape)
        vectors = np.unravel_index(self.kept, self.ranks)
        out = None
        for V, place, vector in zip(self.factors, places, vectors, strict=True):
            part = V[place][:, vector]
            out = part if out is None else np.multiply(out, part, out=out)
        return out


def _along(full, V, axis):
    """Return full with its axis, counted from 0, multiplied by V (n, r)."""
    if axis == full.ndim - 1:
        return full @ V
    before, n, after = full.shape[:axis], full.shape[axis], full.shape[axis + 1 :]
    block = full.reshape(int(np.prod(before)), n, int(np.prod(after)))
    return (V.T @ block).reshape(*before, V.shape[1], *after)


def compress_bins(K, grid_shape, weight=None):
    """Return a GridBasis of the rows of a kernel, and its core.

    No column of the weighted kernel differs from that of the compressed one by more
    than 1e-12 of the largest column, all rows taken together: this is checked. Kernels
    of a few vectors per axis, as separable ones are, need few directions; of others
    all bins are taken.

    Parameters
    ----------
    K : ndarray of shape (n_points, n_bins)
        Kernel.
    grid_shape : tuple of int
        Number of bins per axis, in C order.
    weight : ndarray of shape (n_points,) or None, default=None
        Weight of each point.

    Returns
    -------
    basis : GridBasis
        The basis.
    core : ndarray of shape (n_points, n_directions)
        Products of the kernel, without weights, and the directions.
    """
    K = np.asarray(K)
    root = np.ones(len(K)) if weight is None else np.sqrt(weight / weight.max())
    for n_probes in _PROBES:
        factors = _axis_factors(K, grid_shape, root, n_probes)
        basis = GridBasis(factors)
        core = _core_of(K, basis)
        squares = np.einsum("ij,ij->j", core, core) if weight is None else (
            np.einsum("i,ij,ij->j", root**2, core, core)
        )  # fmt: skip
        kept = np.flatnonzero(squares > _ROUNDING**2 * squares.max(initial=0.0))
        if not kept.size:
            kept = np.arange(1)
        if kept.size < squares.size:
            basis = GridBasis(factors, kept)
            core = np.ascontiguousarray(core[:, kept])
        if _misses(K, basis, core, root) <= _COMPLETE:
            return basis, core
    basis = GridBasis([np.eye(n) for n in grid_shape])
    return basis, K


def _axis_factors(K, grid_shape, root, n_probes):
    """Return orthonormal vectors of each axis that span what probes show of it."""
    rng = np.random.default_rng(0)
    n_axes = len(grid_shape)
    factors = []
    for axis in range(n_axes):
        probes = [
            rng.standard_normal((n, n_probes)) if other != axis else None
            for other, n in enumerate(grid_shape)
        ]
        R = np.empty((0, grid_shape[axis]))
        for part in _blocks(K):
            block = (K[part] * root[part, None]).reshape(-1, *grid_shape)
            # Each probe is a product of one vector per axis.
            seen = [
                _contract_others(
                    block, [None if p is None else p[:, k] for p in probes]
                )
                for k in range(n_probes if n_axes > 1 else 1)
            ]
            R = linalg.qr(np.vstack([R, *seen]), mode="r", check_finite=False)[0]
            R = R[: grid_shape[axis]]
        _, s, Vt = linalg.svd(R, full_matrices=False, check_finite=False)
        rank = max(1, np.count_nonzero(s > _AXIS_ROUNDING * s[0]))
        factors.append(np.ascontiguousarray(Vt[:rank].T))
    return tuple(factors)


def _contract_others(block, vectors):
    """Return block (m, n_1, ..., n_d) times a vector on each axis that has one."""
    for axis in range(len(vectors) - 1, -1, -1):
        if vectors[axis] is not None:
            block = _along(block, vectors[axis][:, None], axis + 1)
    return block.reshape(len(block), -1)


def _blocks(K):
    step = max(1, _BLOCK_VALUES // K.shape[1])
    return [slice(start, start + step) for start in range(0, len(K), step)]


def _core_of(K, basis):
    """Return the products of rows of a kernel and the directions."""
    core = np.empty((len(K), basis.kept.size))
    for part in _blocks(K):
        core[part] = basis.contract(K[part])
    return core


def _misses(K, basis, core, root):
    """Return the largest column of what a basis misses, relative to the kernel's."""
    missed, total = np.zeros((2, K.shape[1]))
    for part in _blocks(K):
        block = K[part] * root[part, None]
        total += np.einsum("ij,ij->j", block, block)
        block -= basis.expand(core[part] * root[part, None])
        missed += np.einsum("ij,ij->j", block, block)
    largest = total.max(initial=0.0)
    return np.sqrt(missed.max() / largest) if largest > 0.0 else 0.0
