"""Least squares without negative amplitudes, of a few columns or of many."""

import contextlib

import numpy as np
from scipy import linalg
from scipy.optimize import lsq_linear, nnls

from ..utils._warnings import silenced

# Columns out of use pull less than this part of the signal.
PULL = 1e-12
# Columns from which some of them are looked at, at first the best of so many each.
_WIDE, _TOGETHER = 400, 32
# A squared misfit that falls by less than this part of it does so by rounding.
_STILL = 1e-14
# Older versions of NNLS, in Python, warn of singular steps that they take back. Only
# for them: settings of warnings are those of all threads.
_WARNS = "LinAlgWarning" in getattr(nnls, "__wrapped__", nnls).__globals__


def fit_nonnegative(A, y, start=None):
    """Return x >= 0 (n_columns,) with the least misfit |A x - y|^2, and this.

    Of many columns few are needed. Those which pull at the residuals join those in use
    until none does, at first those of `start`, a mask (n_columns,) or None.
    """
    if A.shape[1] < _WIDE:
        return _fit_all(A, y)
    found, misfit, rest = np.zeros(A.shape[1]), np.inf, -y
    tried = np.zeros(A.shape[1], dtype=bool) if start is None else start.copy()
    while True:
        columns = np.flatnonzero(tried)
        if columns.size:
            x, square = _fit_all(A[:, columns], y)
            if not square < misfit * (1.0 - _STILL):
                return found, misfit
            found[:], misfit = 0.0, square
            found[columns] = x
            rest = A[:, columns] @ x - y
        used = found > 0.0
        pull = np.where(used, 0.0, -(rest @ A))
        # Neighbours pull alike, so the best among them stands for all.
        parts = np.arange(0, pull.size, _TOGETHER)
        parts = parts[np.maximum.reduceat(pull, parts) > PULL]
        if not parts.size:
            return found, float(rest @ rest)
        tried = used
        tried[[at + pull[at : at + _TOGETHER].argmax() for at in parts]] = True


def _fit_all(A, y):
    """Return what `fit_nonnegative` returns, of all columns at once."""
    try:
        with silenced() if _WARNS else contextlib.nullcontext():
            x, _ = nnls(A, y, maxiter=max(1000, 10 * A.shape[1]))
    except (RuntimeError, linalg.LinAlgError):
        # It may go in circles where nothing but rounding is left.
        x = lsq_linear(A, y, (0.0, np.inf), method="bvls").x.clip(min=0.0)
    rest = A @ x - y
    return x, float(rest @ rest)
