"""What all linear inversions share: validation, prediction, tables."""

import numbers

import numpy as np
import pandas as pd
from sklearn.utils.validation import (
    assert_all_finite,
    check_array,
    check_is_fitted,
    validate_data,
)

from ..utils._sklearn import Interval, _check_sample_weight
from ..utils._validation import (
    RealInterval,
    check_numbers,
    check_size,
    errors_name,
    refuse_complex,
)
from ._tables import bins_index, find_axes, to_data_array

# Constraints of parameters: numbers that can be squared and counts that compiled loops
# can count to.
STRENGTH = RealInterval(0, 1e100, closed="both")
ITERATIONS = Interval(numbers.Integral, 1, 2**31 - 1, closed="both")
COUNT = Interval(numbers.Integral, 1, 100_000, closed="both")
# Sizes of a kernel between which amplitudes of any signal that is taken, too, can be
# squared, with digits to spare for kernels that are nearly singular.
KERNEL_SIZES = 1e-30, 1e30


def validate_linear(estimator, X, y, sample_weight):
    """Return X (m, n), y (m, q) and weights or None; remember the form of y."""
    refuse_complex(y)
    axes = find_axes(X)
    columns = y.columns if isinstance(y, pd.DataFrame) else None
    X = validate_kernel(estimator, X, None if y is None else "no_validation")
    y = validate_signals_of(X, y)
    estimator._single_signal = y.ndim == 1
    if columns is None:
        columns = pd.RangeIndex(1 if y.ndim == 1 else y.shape[1])
    estimator._signal_labels = columns
    estimator._axes = axes
    return X, y.reshape(X.shape[0], -1), validate_weight(sample_weight, X)


def validate_kernel(estimator, X, y="no_validation", *, reset=True, name="X"):
    """Return a kernel as an array of float64 that can be squared."""
    refuse_complex(X, name)
    with errors_name(name):
        if np.ma.isMaskedArray(X):
            X = np.ma.filled(X.astype(np.float64), np.nan)
        if estimator is None:
            X = check_array(X, dtype=np.float64, input_name=name)
        else:
            X = validate_data(estimator, X, y, reset=reset, dtype=np.float64)
    largest = np.maximum(X.max(keepdims=True), -X.min(keepdims=True))
    check_size(largest.ravel(), name, *KERNEL_SIZES)
    return X


def validate_signals_of(X, y):
    """Return real, finite signals, one number or row of them for each row of X."""
    y = check_numbers(y, "y", finite=False)
    if y.ndim not in (1, 2) or 0 in y.shape:
        raise ValueError(
            "y must hold numbers of shape (n_points,) or (n_points, n_signals), got "
            f"shape {y.shape}."
        )
    if y.shape[0] != X.shape[0]:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: X has "
            f"{X.shape[0]}, y has {y.shape[0]}."
        )
    assert_all_finite(y, input_name="y")
    check_size(y, "y")
    return y


def validate_weight(sample_weight, X):
    """Return weights of the rows of X (n_points,), or None where none are given."""
    if sample_weight is None:
        return None
    refuse_complex(sample_weight, "sample_weight")
    with errors_name("sample_weight"):
        if np.ma.isMaskedArray(sample_weight):
            sample_weight = np.ma.filled(sample_weight.astype(np.float64), np.nan)
        weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    top = weight.max()
    if not top > 0.0:
        raise ValueError("sample_weight must have a positive entry, got none.")
    # Only ratios of weights count: where sums of them leave the range of doubles,
    # the largest becomes one.
    return weight if 1e-100 < top < 1e100 else weight / top


class DistributionMixin:
    """Prediction and tables of estimators whose `coef_` is a distribution."""

    def _store(self, problem, F, gaps, n_iter):
        """Store solutions F (q, n_bins) in scikit-learn's shapes."""
        intercepts = problem.intercepts(F)
        if self._single_signal:
            self.coef_ = F[0]
            self.intercept_ = float(intercepts[0])
            self.dual_gap_ = float(gaps[0])
            self.n_iter_ = int(n_iter[0])
        else:
            self.coef_ = F
            self.intercept_ = intercepts
            self.dual_gap_ = gaps
            self.n_iter_ = n_iter

    def predict(self, X):
        """Return the signals of the distributions at other acquisition points.

        Parameters
        ----------
        X : array-like of shape (n_points, n_bins)
            Kernel at these points.

        Returns
        -------
        ndarray of shape (n_points,) or (n_points, n_signals)
            ``X @ coef_.T + intercept_``.
        """
        check_is_fitted(self)
        X = validate_kernel(self, X, reset=False)
        return X @ self.coef_.T + self.intercept_

    def to_frame(self):
        """Return the distributions as a table.

        Returns
        -------
        DataFrame of shape (n_bins, n_signals)
            Rows are bins, columns are signals with the labels of y. The index has the
            relaxation times where the kernel comes from a
            :class:`~skrelax.kernels.KernelBuilder` (one level per axis, the last
            varies fastest), the names of the features where X had names, and numbers
            of bins elsewhere.
        """
        check_is_fitted(self)
        return pd.DataFrame(
            np.atleast_2d(self.coef_).T,
            index=bins_index(self._named_axes(), self.n_features_in_),
            columns=self._signal_labels,
        )

    def to_xarray(self):
        """Return the distributions as an array with named axes.

        Returns
        -------
        xarray.DataArray
            One dimension per axis of the grid, with the bins as coordinates, and
            ``signal`` as the last one where y had several.

        Raises
        ------
        ImportError
            If xarray is not installed.
        """
        check_is_fitted(self)
        axes = self._named_axes() or {"bin": np.arange(self.n_features_in_)}
        values = np.moveaxis(np.atleast_2d(self.coef_), 0, -1)
        values = values.reshape(*(len(grid) for grid in axes.values()), -1)
        if self._single_signal:
            return to_data_array(values[..., 0], axes)
        return to_data_array(values, axes | {"signal": list(self._signal_labels)})

    def _named_axes(self):
        """Return names of axes with their bins; names of features stand for bins."""
        names = getattr(self, "feature_names_in_", None)
        return self._axes if names is None else {"bin": names}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Non-negative fits of arbitrary data without a constant may be poor.
        tags.regressor_tags.poor_score = True
        return tags
