"""What all linear inversions share: validation, prediction, tables."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ..utils._grid_shape import find_axes
from ..utils._linear_inputs import (
    validate_kernel,
    validate_relative_weight,
    validate_signals_of,
)
from ..utils._validation import refuse_complex
from ._tables import bins_index, to_data_array


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
    return X, y.reshape(X.shape[0], -1), validate_relative_weight(sample_weight, X)


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
