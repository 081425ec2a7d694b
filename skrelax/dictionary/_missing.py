"""Signals with missing points."""

import numpy as np

from ..utils._missing import fill_missing


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
