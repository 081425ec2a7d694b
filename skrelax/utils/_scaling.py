"""Exact scaling of numbers that are too large or small to square."""

import numpy as np


def real_parts(X):
    """Return rows with real and imaginary parts side by side, a view if possible."""
    X = np.ascontiguousarray(X)
    width = X.shape[1] * (2 if np.iscomplexobj(X) else 1)
    return X.view(X.real.dtype).reshape(X.shape[0], width)


def centre_rows(X, dtype):
    """Return rows of which `dtype` can square the squares, and exponents (n,).

    Rows of very large or small numbers are multiplied by 2**-exponent, which is exact;
    the others, whose exponent is 0, are as they were.
    """
    parts = real_parts(X)
    peaks = np.abs(parts).max(axis=1, initial=0.0)
    exponents = np.where(np.isfinite(peaks), np.frexp(peaks)[1], 0)
    far = np.abs(exponents) > np.finfo(dtype).maxexp // 4
    exponents[~far] = 0
    if far.any():
        parts = parts.copy()
        parts[far] = np.ldexp(parts[far], -exponents[far, None])
        X = parts.view(X.dtype)
    return X, exponents
