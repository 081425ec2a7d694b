"""Atoms in their own basis, in leaves and branches around centres."""

import functools
import itertools
from dataclasses import dataclass

import numpy as np

from ._checks import check_distinct, row_norms
from ._numba_search import (
    Atoms,
    Groups,
    Matches,
    SearchWork,
    Signals,
    Tree,
    search,
)

# Atoms of a leaf, and leaves of a branch: a signal looks into some ten leaves, and
# larger ones cost more products, smaller ones more centres.
_LEAF, _BRANCH = 48, 32
# Columns of a leaf are filled up to a multiple of this, for vector registers.
_LANES = 16
# Norm that unit atoms must have at the points that are there, in units of rounding.
_FEW_DIGITS = 1000.0
# Rows of a dictionary that are converted to float64 at a time.
_BLOCK = 8192


@dataclass(frozen=True)
class AtomTree:
    """Hold unit atoms as the search wants them."""

    basis: np.ndarray | None
    """Orthonormal basis of signals (n_points, rank), or None where they stay."""
    tree: Tree
    """Atoms in that basis."""
    n_coordinates: int
    """Number of coordinates of an atom, real or complex."""

    is_complex: bool
    """Whether atoms are."""

    @property
    def dtype(self):
        """The dtype of the search."""
        return self.tree.atoms.rows.dtype

    @functools.cached_property
    def squared_tree(self):
        """The same tree with squares of all vectors at the points of signals."""
        branches, leaves, atoms = self.tree
        width, K = self.n_coordinates, atoms.rows.shape[1]

        def squares(rows):
            C = rows[:, :width]
            if self.is_complex:
                C = C + 1j * rows[:, width : 2 * width]
            return np.abs(C if self.basis is None else C @ self.basis.T) ** 2

        def all_of(blocks, edges):
            parts = itertools.pairwise(edges)
            blocks = [blocks[K * a : K * b].reshape(K, b - a).T for a, b in parts]
            return np.concatenate([squares(rows).T.ravel() for rows in blocks])

        squared_rows = squares(atoms.rows)
        n_branches = np.array([0, branches.cosines.size])
        return Tree(
            branches._replace(squares=all_of(branches.centres, n_branches)),
            leaves._replace(squares=all_of(leaves.centres, branches.edges)),
            atoms._replace(
                squares=_blocks(squared_rows[atoms.places], leaves.edges),
                squared_rows=squared_rows,
            ),
        )


def build_tree(unit, signed, parameters_shape):
    """Return the tree of unit atoms (n_atoms, n_points), real or complex.

    Raises ValueError if two of them are the same.
    """
    basis, C = _own_basis(unit)
    dtype = unit.real.dtype
    aligned = C if signed else _turn(C, C[np.abs(C[:, 0]).argmax()])
    tolerance = 4.0 * np.finfo(dtype).eps
    check_distinct(aligned, tolerance, unit.shape[1], parameters_shape)
    order, leaf_sizes = _bisect(_as_real(aligned), _LEAF)
    counts = np.full(-(-leaf_sizes.size // _BRANCH), _BRANCH)
    counts[-1] = leaf_sizes.size - _BRANCH * (counts.size - 1)
    branch_edges = np.concatenate([[0], counts.cumsum()])
    leaf_starts = np.concatenate([[0], leaf_sizes.cumsum()])

    leaves, leaf_radii = _centres(C[order], leaf_starts, signed)
    branches, branch_radii = _centres(C[order], leaf_starts[branch_edges], signed)
    padded = leaf_sizes + (-leaf_sizes) % _LANES
    leaf_edges = np.concatenate([[0], padded.cumsum()])
    places = np.empty(leaf_edges[-1], np.int64)
    for leaf, edge in enumerate(leaf_edges[:-1]):
        own = order[leaf_starts[leaf] : leaf_starts[leaf + 1]]
        places[edge : edge + own.size] = own
        places[edge + own.size : leaf_edges[leaf + 1]] = own[0]
    rows = _fill(_as_real(C)).astype(dtype)
    edges = np.array([0, counts.size])
    blocks = (
        _blocks(_fill(_as_real(branches)).astype(dtype), edges),
        _blocks(_fill(_as_real(leaves)).astype(dtype), branch_edges),
    )
    branch_radii, leaf_radii = (
        [part.astype(dtype) for part in radii] for radii in (branch_radii, leaf_radii)
    )
    none = np.empty(0, dtype)
    least = dtype.type((_FEW_DIGITS * np.finfo(dtype).eps) ** 2)
    columns = _blocks(rows[places], leaf_edges)
    return AtomTree(
        basis=None if basis is None else basis.astype(unit.dtype),
        tree=Tree(
            Groups(blocks[0], *branch_radii, branch_edges, none),
            Groups(blocks[1], *leaf_radii, leaf_edges, none),
            Atoms(rows, columns, places, none, none.reshape(0, unit.shape[1]), least),
        ),
        n_coordinates=C.shape[1],
        is_complex=np.iscomplexobj(unit),
    )


def search_tree(atoms, signals, signed, there, n_best):
    """Return Signals, and n_best Matches of each.

    `there` (n, n_points) tells the points of signals that are not missing, or is None;
    signals are zero at the others.
    """
    planes, copies = signal_planes(signals, atoms)
    n_planes, n, _ = planes.shape
    dtype = atoms.dtype
    if there is None:
        tree, there = atoms.tree, np.empty((0, signals.shape[1]), dtype=bool)
        norms = np.empty(0, dtype)
    else:
        tree, norms = atoms.squared_tree, row_norms(signals).astype(dtype)
    most = max(
        np.diff(tree.leaves.edges).max(),
        np.diff(tree.branches.edges).max(),
        tree.branches.edges.size,
    )
    work = SearchWork(
        np.empty((7, most), dtype),
        np.empty((n_planes, planes.shape[2]), dtype),
        np.empty(n_best, dtype),
        np.empty(n_best, np.int64),
        np.zeros((2, signals.shape[1] + 3), np.int64),
    )
    matches = Matches(
        np.empty((n, n_best), np.int64),
        np.empty((n, n_best, n_planes), dtype),
        np.ones((n, n_best), dtype),
    )
    signals = Signals(planes, norms, there)
    one, copies = dtype.type(1), dtype.type(copies)
    search(signals, signed, one, copies, tree, work, matches)
    return signals, matches


def signal_planes(signals, atoms):
    """Return signals as the search wants them, (n_planes, n, K), and their copies."""
    if atoms.basis is not None:
        signals = signals @ atoms.basis.conj()
    dtype, n_filled = atoms.dtype, atoms.tree.atoms.rows.shape[1]
    if not (atoms.is_complex or np.iscomplexobj(signals)):
        # Numba would compile anew for a read-only array, or one in another order.
        filled = _fill(signals, n_filled)
        return np.require(filled, dtype, ["C", "W"])[None], 1.0
    planes = np.zeros((2, signals.shape[0], n_filled), dtype)
    width = signals.shape[1]
    planes[0, :, :width] = signals.real
    planes[1, :, :width] = signals.imag
    if not atoms.is_complex:
        return planes, 1.0
    # conj(d) s = (d_r s_r + d_i s_i) + i (d_r s_i - d_i s_r): each plane is the signal.
    planes[0, :, width : 2 * width] = signals.imag
    planes[1, :, width : 2 * width] = -signals.real
    return planes, 2.0


def _own_basis(unit):
    """Return an orthonormal basis of the atoms (or None) and their coordinates.

    Coordinates in float64 or complex128. The basis leaves out of every atom less than
    the rounding of its dtype, so that products with signals are the same to rounding.
    """
    n_atoms, n_points = unit.shape
    wide = np.result_type(unit.dtype, np.float64)
    if n_points > 1:
        gram = np.zeros((n_points, n_points), wide)
        for start in range(0, n_atoms, _BLOCK):
            block = unit[start : start + _BLOCK].astype(wide)
            gram += block.T @ block.conj()
        # Rows are coordinates after a product with the conjugate of the vectors.
        vectors = np.linalg.eigh(gram)[1][:, ::-1]
        worst = np.zeros(n_points)
        for start in range(0, n_atoms, _BLOCK):
            block = unit[start : start + _BLOCK].astype(wide) @ vectors.conj()
            left = (np.abs(block[:, ::-1]) ** 2).cumsum(axis=1)[:, ::-1]
            worst = np.maximum(worst, left.max(axis=0))
        rounding = 2.0 * np.finfo(unit.dtype).eps
        rank = max(1, int((np.sqrt(worst) > rounding).sum()))
        if rank < n_points:
            basis = np.ascontiguousarray(vectors[:, :rank])
            C = np.empty((n_atoms, rank), wide)
            for start in range(0, n_atoms, _BLOCK):
                rows = slice(start, start + _BLOCK)
                C[rows] = unit[rows].astype(wide) @ basis.conj()
            return basis, C / np.linalg.norm(C, axis=1)[:, None]
    return None, unit.astype(wide)


def _turn(C, reference):
    """Return rows of C with the sign or phase that brings them next to reference."""
    product = C @ reference.conj()
    size = np.abs(product)
    factor = np.where(size > 0, product.conj() / np.where(size > 0, size, 1.0), 1.0)
    return C * factor[:, None]


def _as_real(C):
    """Return rows (n, K) with real parts beside imaginary ones, if complex."""
    return np.concatenate([C.real, C.imag], axis=1) if np.iscomplexobj(C) else C


def _fill(rows, width=None):
    """Return rows with columns of zeros up to `width`, or the next multiple of 4."""
    missing = (-rows.shape[1]) % 4 if width is None else width - rows.shape[1]
    if missing == 0:
        return rows
    return np.concatenate([rows, np.zeros((rows.shape[0], missing), rows.dtype)], 1)


def _blocks(rows, edges):
    """Return rows (n, K) as flat blocks of columns between edges."""
    blocks = [rows[a:b].T.ravel() for a, b in itertools.pairwise(edges)]
    return np.concatenate(blocks)


def _bisect(X, size):
    """Return an order of the rows of X (n, K) and sizes of its parts, at most `size`.

    Parts are halved along the direction in which they are longest.
    """
    parts, waiting = [], [np.arange(X.shape[0])]
    while waiting:
        part = waiting.pop()
        if part.size <= size:
            parts.append(part)
            continue
        Y = X[part] - X[part].mean(axis=0)
        direction = Y[(Y**2).sum(axis=1).argmax()]
        # Some steps of the power method: any long direction will do.
        for _ in range(4):
            direction = (Y @ direction) @ Y
            direction /= max(np.linalg.norm(direction), np.finfo(float).tiny)
        half = part.size // 2
        along = np.argpartition(Y @ direction, half)
        waiting += [part[along[half:]], part[along[:half]]]
    return np.concatenate(parts), np.array([part.size for part in parts])


def _centres(C, starts, signed):
    """Return centres (n, K) of parts of the rows of C and (cosines, sines) of radii."""
    centres = np.empty((starts.size - 1, C.shape[1]), C.dtype)
    cosines = np.empty(starts.size - 1)
    for index, (begin, end) in enumerate(itertools.pairwise(starts)):
        part = C[begin:end]
        near = part if signed else _turn(part, part[0])
        centre = near.mean(axis=0)
        norm = np.linalg.norm(centre)
        # The mean of signed atoms may vanish; then any centre is as good.
        centre = centre / norm if norm > 1e-8 else part[0]
        centres[index] = centre
        product = part @ centre.conj()
        cosines[index] = (product.real if signed else np.abs(product)).min()
    cosines = cosines.clip(-1.0, 1.0)
    return centres, (cosines, np.sqrt(1.0 - cosines**2))
