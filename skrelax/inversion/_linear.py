"""What all linear inversions share: validation, prediction, tables."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted, validate_data

from ..utils._sklearn import _check_sample_weight


def validate_linear(estimator, X, y, sample_weight):
    """Return X (m, n), y (m, q) and weights or None; remember the form of y."""
    columns = y.columns if isinstance(y, pd.DataFrame) else None
    X, y = validate_data(
        estimator, X, y, dtype=np.float64, multi_output=True, y_numeric=True
    )
    y = np.asarray(y, dtype=np.float64)
    estimator._single_signal = y.ndim == 1
    if columns is None:
        columns = pd.RangeIndex(1 if y.ndim == 1 else y.shape[1])
    estimator._signal_labels = columns
    weight = None
    if sample_weight is not None:
        weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    return X, y.reshape(X.shape[0], -1), weight


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
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return X @ self.coef_.T + self.intercept_

    def to_frame(self):
        """Return the distributions as a table.

        Returns
        -------
        DataFrame of shape (n_bins, n_signals)
            Rows are bins (with the names of the features, where X had names),
            columns are signals with the labels of y.
        """
        check_is_fitted(self)
        return pd.DataFrame(
            np.atleast_2d(self.coef_).T,
            index=pd.Index(
                getattr(self, "feature_names_in_", range(self.n_features_in_)),
                name="bin",
            ),
            columns=self._signal_labels,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Non-negative fits of arbitrary data without a constant may be poor.
        tags.regressor_tags.poor_score = True
        return tags
