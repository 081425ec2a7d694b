"""Signals with missing points, which are compared with all atoms at the others."""

import numpy as np

from ..utils._missing import fill_missing
from ._numba_parabola import refine_parabola
from ._tree import real_rows, signal_rows, unit_atoms

# Signals and atoms that are compared at once, so that they stay in a cache.
_SIGNALS, _ATOMS = 128, 2048


def split_missing(chunk):
    """Return signals with numbers for missing points, and which points are there.

    The latter (n, n_points) is None where no point is missing. Signals with fewer
    than two points keep their nan.
    """
    missing = np.isnan(chunk) & ~np.isinf(chunk)
    lacks = missing.any(axis=1) & (np.count_nonzero(~missing, axis=1) > 1)
    if not lacks.any():
        return chunk, None
    there = np.ones(chunk.shape, dtype=bool)
    there[lacks] = ~missing[lacks]
    return fill_missing(chunk, ~there), there


class MissingSearch:
    """Find the atoms of an AtomTree of largest correlation at the points there."""

    def __init__(self, atoms, signed, atoms_are_complex):
        self.unit = unit_atoms(atoms, atoms_are_complex)
        self.squares = np.abs(self.unit) ** 2
        self.signed, self.is_complex = signed, atoms_are_complex

    def search(self, signals, there, n_best):
        """Return atoms (n, n_best), best first, products and squares of atoms there.

        Products are those of signals, which are zero where points are missing, with
        unit atoms, whose squares are summed over the points there.
        """
        n = len(signals)
        found = np.zeros((n, n_best), dtype=np.int64)
        score = np.full((n, n_best), -np.inf)
        for start in range(0, n, _SIGNALS):
            part = slice(start, start + _SIGNALS)
            w = there[part].astype(self.squares.dtype)
            for first in range(0, len(self.unit), _ATOMS):
                block = slice(first, first + _ATOMS)
                new = self._scores(signals[part], w, block)
                # Of equal atoms the first one counts, in whatever blocks they come.
                if n_best == 1:
                    best = new.argmax(axis=1)[:, None]
                else:
                    best = np.argsort(-new, axis=1, kind="stable")[:, :n_best]
                new = np.take_along_axis(new, best, axis=1)
                scores = np.concatenate([score[part], new], axis=1)
                atoms = np.concatenate([found[part], best + first], axis=1)
                best = np.argsort(-scores, axis=1, kind="stable")[:, :n_best]
                found[part] = np.take_along_axis(atoms, best, axis=1)
                score[part] = np.take_along_axis(scores, best, axis=1)
        products = np.einsum("nkp,np->nk", self.unit[found].conj(), signals)
        squares = np.einsum("nkp,np->nk", self.squares[found], there * 1.0)
        return found, products, squares

    def _scores(self, signals, w, block):
        """Return squared correlations with a block of atoms; signed keep a sign."""
        products = signals @ self.unit[block].conj().T
        squares = w @ self.squares[block].T
        size = products
        if self.signed or np.iscomplexobj(products):
            size = np.abs(products)
        top = size * (products if self.signed else size)
        # An atom without anything there is like none.
        nothing = squares <= np.finfo(w.dtype).tiny
        if nothing.any():
            top[nothing], squares[nothing] = 0.0, 1.0
        return np.divide(top, squares, out=top)

    def refine(self, signals, there, grid, found, work, out):
        """Move matches (n,) to the top of a paraboloid, as `refine_parabola` does."""
        for k, (signal, points) in enumerate(zip(signals, there, strict=True)):
            size = np.sqrt(self.squares @ points.astype(self.squares.dtype))
            atoms = self.unit * points / np.where(size > 0.0, size, np.inf)[:, None]
            rows = real_rows(atoms)
            planes, _ = signal_rows(signal[None], rows, self.is_complex)
            own = grid._replace(atoms=rows)
            refine_parabola(planes, own, found[k : k + 1], work, out[k : k + 1])
