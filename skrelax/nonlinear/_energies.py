"""Energies of signals at the nodes of a grid."""

import itertools

import numpy as np

# Signals whose coarse energies fit into a cache.
_COARSE_ROWS = 512
# Squares of signals of single precision that have no digits left. The determinant of
# the products of two signals, as a fraction, where they are parallel, and where single
# precision does not tell.
_TINY, _PARALLEL, _CLOSE = 1e-30, 1e-13, 3e-3


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
    """Return `there` (n, N) as loops take it: (0, N) for None, where all are there."""
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

    `coarse` has one or two signals per node.
    """
    size = np.sqrt(np.einsum("nci,nci->n", Y, Y))
    unit = Y / size[:, None, None]
    products = pairwise_products(coarse)
    for start in range(0, len(Y), _COARSE_ROWS):
        part = slice(start, min(start + _COARSE_ROWS, len(Y)))
        own = unit[part].astype(np.float32), there[part].astype(np.float32)
        gram = [own[1] @ product for product in products]
        if len(coarse) == 1:
            (gram,) = gram
            total = np.zeros_like(gram)
            for c in range(Y.shape[1]):
                one = own[0][:, c] @ coarse[0]
                one *= one
                total += one
            # Signals that have next to nothing there are lost to rounding.
            lost = gram <= _TINY
            if lost.any():
                gram[lost], total[lost] = 1.0, 0.0
            total /= gram
        else:
            total = _energy_of_two(own[0], coarse, gram)
            # Of two signals that are almost parallel there it takes more digits.
            a, b, c = gram
            near = np.flatnonzero((a * c - b * b <= _CLOSE * a * c).any(axis=0))
            if near.size:
                basis = coarse[:, :, near].astype(np.float64)
                gram = [there[part] @ product for product in pairwise_products(basis)]
                total[:, near] = _energy_of_two(unit[part], basis, gram)
        yield part, np.maximum(total, np.float32(0.0))


def pairwise_products(basis):
    """Return the products of signals (L, N, G) with each other, each (N, G)."""
    pairs = itertools.combinations_with_replacement(basis, 2)
    return [one * other for one, other in pairs]


def _energy_of_two(unit, basis, gram):
    """Return projected energies (n, G) on two signals per node with these products."""
    a, b, c = gram
    determinant = a * c - b * b
    alone = ~(determinant > _PARALLEL * a * c)
    divisor = np.where(alone, np.maximum(a, c), determinant)
    total = np.zeros_like(a)
    for one in np.moveaxis(unit, 1, 0):
        first, second = one @ basis[0], one @ basis[1]
        energy = first * (c * first - 2.0 * b * second) + a * second * second
        single = np.where(a >= c, first, second) ** 2
        total += np.where(alone, single, energy)
    return np.divide(total, divisor, out=np.zeros_like(total), where=divisor > 0.0)
