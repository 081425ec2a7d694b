"""Checks of what a search of a setting of the kernel is given."""

import numpy as np

from ..nonlinear._status import FitStatus
from ..utils._linear_inputs import STRENGTH
from ..utils._validation import check_numbers

# Sizes of the largest number of a signal that can be squared.
_SIZES = 1e-100, 1e100


def check_values(values):
    """Return the values to try, strictly increasing."""
    if values is None:
        return np.linspace(50.0, 180.0, 32)
    values = check_numbers(values, "values", finite=False)
    if (
        values.ndim != 1
        or values.size < 4
        or not (np.abs(values) <= STRENGTH.right).all()
        or not (np.diff(values) > 0).all()
    ):
        raise ValueError(
            "values must be at least 4 strictly increasing numbers, got shape "
            f"{values.shape}: {values}."
        )
    return values.copy()


def check_known(known, n_signals):
    """Return known values (n_signals,), or None where none are given."""
    if known is None:
        return None
    values = check_numbers(known, "known", finite=False)
    if values.shape not in ((), (n_signals,)):
        raise ValueError(
            f"known must be a number or one per signal ({n_signals}), got shape "
            f"{values.shape}."
        )
    if values.ndim == 0 and not np.isfinite(values):
        raise ValueError(f"known must be finite, got {values}.")
    return np.full(n_signals, values)


def first_status(Y, known, mask, n_needed):
    """Return the status of signals Y (n_points, n_signals) before they are fitted.

    Points that are nan are missing; a fit needs a number of the others.
    """
    status = np.zeros(Y.shape[1], dtype=np.int64)
    largest = np.maximum(np.fmax.reduce(Y, axis=0), -np.fmin.reduce(Y, axis=0))
    few = np.count_nonzero(~np.isnan(Y), axis=0) < n_needed
    status[few] = FitStatus.NOT_IDENTIFIABLE
    with np.errstate(invalid="ignore"):
        fits = (largest >= _SIZES[0]) & (largest <= _SIZES[1])
    status[~fits] = FitStatus.FAILED
    status[largest == 0.0] = FitStatus.NO_SIGNAL
    if known is not None:
        status[~np.isfinite(known)] = FitStatus.FAILED
    if mask is not None:
        status[~mask] = FitStatus.MASKED
    return status
