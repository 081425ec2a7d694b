"""Checks of what linear inversions and searches of their strength are given."""

import numbers

import numpy as np
from sklearn.utils.validation import assert_all_finite, check_array, validate_data

from ._sklearn import Interval
from ._validation import (
    RealInterval,
    check_numbers,
    check_size,
    errors_name,
    refuse_complex,
    unmasked,
    validate_weight,
)

# Constraints of parameters: numbers that can be squared and counts that compiled loops
# can count to.
STRENGTH = RealInterval(0, 1e100, closed="both")
ITERATIONS = Interval(numbers.Integral, 1, 2**31 - 1, closed="both")
COUNT = Interval(numbers.Integral, 1, 100_000, closed="both")
# Sizes of a kernel between which amplitudes of any signal that is taken, too, can be
# squared, with digits to spare for kernels that are nearly singular.
KERNEL_SIZES = 1e-30, 1e30


def validate_kernel(estimator, X, y="no_validation", *, reset=True, name="X"):
    """Return a kernel as an array of float64 that can be squared."""
    refuse_complex(X, name)
    if y is None:
        # The first words are those that scikit-learn has for it.
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but "
            "the target y is None: rows of X are acquisition points, and y has a "
            "column for each signal."
        )
    with errors_name(name):
        X = unmasked(X)
        if estimator is None:
            X = check_array(X, dtype=np.float64, input_name=name)
        else:
            X = validate_data(estimator, X, y, reset=reset, dtype=np.float64)
    largest = np.maximum(X.max(keepdims=True), -X.min(keepdims=True))
    check_size(largest.ravel(), name, *KERNEL_SIZES)
    return X


def validate_signals_of(X, y, *, in_table=False):
    """Return real, finite signals, one number or row of them for each row of X.

    `in_table` lets signals of a table, (n_points, n_signals), be what they are.
    """
    y = check_numbers(y, "y", finite=False)
    if y.ndim not in (1, 2) or 0 in y.shape:
        raise ValueError(
            "y must hold numbers of shape (n_points,) or (n_points, n_signals), got "
            f"shape {y.shape}."
        )
    if y.shape[0] != X.shape[0]:
        way_out = ""
        if y.ndim == 2 and y.shape[1] == X.shape[0]:
            way_out = (
                " Rows of y are the acquisition points of X, and its columns the "
                "signals: pass y.T."
            )
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: X has "
            f"{X.shape[0]}, y has {y.shape[0]}.{way_out}"
        )
    if y.ndim == 1 or not in_table:
        assert_all_finite(y, input_name="y")
        check_size(y, "y")
    return y


def validate_relative_weight(sample_weight, X):
    """Return weights of the rows of X (n_points,), or None where none are given.

    Only ratios of weights count in a linear inversion: where sums of them leave the
    range of doubles, the largest becomes one.
    """
    weight = validate_weight(sample_weight, X)
    if weight is None or 1e-100 < weight.max() < 1e100:
        return weight
    return weight / weight.max()
