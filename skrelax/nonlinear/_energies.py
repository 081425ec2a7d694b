"""Energies of signals at the nodes of a grid."""

import itertools

import numpy as np

# Signals whose coarse energies fit into a cache.
_COARSE_ROWS = 512
# Squares of signals of single precision that have no digits left, and the determinant
# of two signals that are parallel.
_TINY, _PARALLEL = 1e-30, 1e-13


def orthonormal(signals):
    """Return an orthonormal basis per node of signals (L, N, ...), zero if none."""
    first = _unit(signals[0])
    if len(signals) == 1:
        return first[None]
    second = signals[1]
    # Twice is enough against rounding.
    for _ in range(2):
        second = second - (first * second).sum(axis=0) * first
    size = np.linalg.norm(second, axis=0)
    parallel = size <= 1e-7 * np.linalg.norm(signals[1], axis=0)
    return np.stack([first, np.where(parallel, 0.0, _unit(second))])


def _unit(signals):
    size = np.linalg.norm(signals, axis=0)
    return signals / np.where(size > 0.0, size, 1.0)


def rows_there(there, Y):
    """Return `there` (n, N) as loops take it, (0, N) where it is None: all are there."""
    if there is None:
        return np.empty((0, Y.shape[2]))
    return np.require(there, np.float64, ["C", "W"])


def coarse_energies(Y, coarse, there=None):
    """Yield slices of the signals with the energies of y / |y| at coarse nodes.

    `coarse` (L, N, G) is an orthonormal basis, in single precision like the energies
    (n, G), which live until the next slice. `there` (n, N) says which points are there,
    None or (0, N) that all are.
    """
    if there is not None and len(there):
        yield from _energies_there(Y, coarse, there)
        return
    size = np.sqrt(np.einsum("nci,nci->n", Y, Y))
    unit = (Y / size[:, None, None]).astype(np.float32)
    energies, extra = np.empty(
        (2, min(len(Y), _COARSE_ROWS), coarse.shape[2]), np.float32
    )
    for start in range(0, len(Y), _COARSE_ROWS):
        part = slice(start, min(start + _COARSE_ROWS, len(Y)))
        total, work = energies[: part.stop - start], extra[: part.stop - start]
        for k, (c, basis) in enumerate(itertools.product(range(Y.shape[1]), coarse)):
            out = work if k else total
            np.matmul(unit[part, c], basis, out=out)
            np.multiply(out, out, out=out)
            if k:
                total += out
        yield part, total


def _energies_there(Y, coarse, there):
    """Yield the same of signals with missing points, at which a basis does not count.

    `coarse` has one or two signals per node. Two are projected in double precision:
    they may be almost parallel where points are missing.
    """
    basis = coarse if len(coarse) == 1 else coarse.astype(np.float64)
    products = [a * b for a, b in itertools.combinations_with_replacement(basis, 2)]
    size = np.sqrt(np.einsum("nci,nci->n", Y, Y))
    unit = (Y / size[:, None, None]).astype(basis.dtype)
    for start in range(0, len(Y), _COARSE_ROWS):
        part = slice(start, min(start + _COARSE_ROWS, len(Y)))
        w = there[part].astype(basis.dtype)
        gram = [w @ product for product in products]
        total = np.zeros_like(gram[0])
        for c in range(Y.shape[1]):
            first, *second = (unit[part, c] @ one for one in basis)
            total += first**2 if not second else _energy_of_two(first, *second, gram)
        if len(basis) == 1:
            # Signals that have next to nothing there are lost to rounding.
            total = np.divide(total, gram[0], out=total, where=gram[0] > _TINY)
            total[gram[0] <= _TINY] = 0.0
        yield part, np.maximum(total, 0.0).astype(np.float32)


def _energy_of_two(first, second, gram):
    """Return projected energies, of products with two signals and of these."""
    a, b, c = gram
    determinant = a * c - b * b
    alone = ~(determinant > _PARALLEL * a * c)
    larger, own = np.where(a >= c, first, second), np.maximum(a, c)
    energy = c * first * first - 2.0 * b * first * second + a * second * second
    energy = np.where(alone, larger * larger, energy)
    divisor = np.where(alone, own, determinant)
    return np.divide(energy, divisor, out=np.zeros_like(energy), where=divisor > 0.0)
