"""Energies of signals at the nodes of a grid."""

import itertools

import numpy as np

# Signals whose coarse energies fit into a cache.
_COARSE_ROWS = 512


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


def coarse_energies(Y, coarse):
    """Yield slices of the signals with the energies of y / |y| at coarse nodes.

    `coarse` (L, N, G) is an orthonormal basis, in single precision like the energies
    (n, G), which live until the next slice.
    """
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
