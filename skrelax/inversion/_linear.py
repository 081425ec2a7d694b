"""What all linear inversions share: validation, prediction, results from coef_."""

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ..model_selection._penalty_norms import AbsoluteNorm, SquaredNorm
from ..uncertainty import estimate_noise_std
from ..utils._answers import Distributions
from ..utils._frames import frame_columns
from ..utils._grid_shape import find_known_grid
from ..utils._linear_inputs import (
    validate_kernel,
    validate_relative_weight,
    validate_signals_of,
)
from ..utils._row_products import row_products
from ..utils._scaling import centre_rows
from ..utils._validation import refuse_complex
from ..utils._warnings import give_warning
from ._adaptive_norm import AdaptiveNorm
from ._distribution import DistributionMixin
from ._penalty import kronecker_penalty
from ._plane_norm import PlaneNorm
from ._plane_system import MANY_BINS

# Decades of a grid of strengths.
_DECADES = 10.0


def validate_linear(estimator, X, y, sample_weight):
    """Return X (m, n), y (m, q) and weights or None; remember the form of y."""
    refuse_complex(y)
    grid, labels = find_known_grid(X), label_signals(y)
    X = validate_kernel(estimator, X, None if y is None else "no_validation")
    y = validate_signals_of(X, y)
    _doubt_kernel(X, grid)
    estimator._single_signal, estimator._signal_labels = y.ndim == 1, labels(y)
    estimator._grid = grid
    return X, y.reshape(X.shape[0], -1), validate_relative_weight(sample_weight, X)


def _doubt_kernel(X, grid):
    """Warn where X looks like the times of a signal rather than like its kernel."""
    rises = X.shape[1] == 1 and X.shape[0] > 2 and (np.diff(X[:, 0]) > 0.0).all()
    if rises and grid is None and X[-1, 0] > 0.0:
        give_warning(
            "X has one column that increases, as acquisition times do, and is taken "
            "for a kernel of one bin; if these are times, put a KernelBuilder before: "
            "make_pipeline(KernelBuilder('T2'), ...)."
        )


def label_signals(y):
    """Return a function that labels the signals of y once they are validated.

    Labels are those of a frame, which validation drops, or numbers.
    """
    columns = frame_columns(y)

    def labels(signals):
        if columns is not None:
            return columns
        return pd.RangeIndex(1 if signals.ndim == 1 else signals.shape[1])

    return labels


class CoefficientsMixin(DistributionMixin):
    """Results of inversions whose `coef_`, scikit-learn's view, is a distribution."""

    @property
    def distribution_(self):
        """The distributions, (n_1, ..., n_d[, n_signals]): `coef_`, signals last."""
        values = self.coef_.T
        shape = [grid.size for grid in self.grids_]
        return values.reshape(*shape, *values.shape[1:])

    @property
    def baseline_(self):
        """The baseline, a float or ndarray of shape (n_signals,): `intercept_`."""
        return self.intercept_

    @property
    def grids_(self):
        """The bins of each axis, or their numbers where X does not know them."""
        if self._grid is not None:
            return self._grid.grids
        shape = getattr(self, "grid_shape_", self.coef_.shape[-1:])
        return tuple(np.arange(size) for size in shape)

    def _named_axes(self):
        names = ["bin"]
        if self._grid is not None:
            names = self._grid.axis_names
        elif len(self.grids_) > 1:
            names = [f"bin_{axis}" for axis in range(len(self.grids_))]
        return dict(zip(names, self.grids_, strict=True))

    def _distributions(self):
        found = super(DistributionMixin, self)._distributions()
        if found.rows is None or self._grid is None:
            return found
        grid = self._grid
        return Distributions(found.rows, grid.grids, grid.axis_names, (), grid.discrete)


class LinearInversionMixin(CoefficientsMixin):
    """Prediction of inversions of a kernel, and how far their solution is."""

    _tells_convergence = True
    _reads_names = False
    _takes_strengths = True
    # Penalty whose weights follow the solution, and its floors, if there is one.
    _follows = None
    # Strength of no penalty at all.
    _weakest = 0.0

    def _store(self, rows, F, gaps, n_iter):
        """Store solutions F (q, n_bins) in scikit-learn's shapes."""
        intercepts = rows.intercepts(F)
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
        signals = row_products(np.atleast_2d(self.coef_), X).T
        return signals.reshape(-1, *self.coef_.shape[:-1]) + self.intercept_

    def _named_axes(self):
        names = getattr(self, "feature_names_in_", None)
        if names is None or self._grid is not None or len(self.grids_) > 1:
            return super()._named_axes()
        return {"bin": names}

    def _frame_axes(self):
        names = getattr(self, "feature_names_in_", None)
        if names is not None:
            return {"bin": names}
        return {} if self._grid is None else self._named_axes()

    def _baselines(self):
        return self.intercept_ if self.fit_intercept else None

    def _without_penalty(self):
        if self._strengths:
            return super()._without_penalty()
        # Classes with cross-validation have no strength to set. The import cannot
        # stand above: that file imports this one.
        from ._lasso import LassoFista

        return LassoFista(0.0, positive=self.positive, fit_intercept=self.fit_intercept)

    def _noise(self, rest):
        # Residuals of a strong penalty would hold its bias as well.
        K = np.asarray(rest.kernel)
        if self.fit_intercept:
            K = np.column_stack([K, np.ones(len(K))])
        Y, shift = centre_rows(rest.signals.T, np.float64)
        w = rest.weight
        try:
            std = estimate_noise_std(Y.T, K, method="residual", sample_weight=w)
        except ValueError:
            # There are not more points than the kernel can make.
            return np.full(rest.squares.shape, np.nan)
        return np.ldexp(std * np.sqrt(w[w > 0].mean()), shift)

    def _count_free(self, rest):
        F, n_constants = np.atleast_2d(self.coef_), int(self.fit_intercept)
        names = getattr(self, "_fixed", self)._strengths
        strengths, norm = np.zeros(len(F)), AbsoluteNorm(n_constants)
        if "smoothness" in names:
            chosen = getattr(self, "smoothness_", self.get_params().get("smoothness"))
            # One number for all axes serves where they differ.
            strengths = np.asarray(chosen, dtype=np.float64)
            columns = hasattr(self, "smoothness_") or strengths.ndim == 2
            strengths = np.ravel(strengths) if columns else strengths.max()
            norm = self._following_norm()
            if norm is None:
                penalty = kronecker_penalty(self.grid_shape_, self._order)
                norm = SquaredNorm(penalty, n_constants)
        K = np.asarray(rest.kernel, dtype=np.float64)
        strengths = np.full(len(F), strengths)
        used = norm.count_each(K, rest.weight, strengths, F, is_linear=False)
        return np.count_nonzero(rest.weight) - used - n_constants

    def _keep_choice(self, part):
        fixed, own = getattr(self, "_fixed", type(self)), self.get_params(deep=False)
        settings = {n: own[n] for n in fixed._get_param_names() if n in own}
        for name in fixed._strengths:
            chosen = hasattr(self, f"{name}_")
            value = np.asarray(getattr(self, f"{name}_") if chosen else own[name])
            if chosen and value.ndim:
                value = self._strength_of_each(name, value)
            # Strengths per axis have one axis as well.
            if value.ndim == (1 if name == "alpha" else 2):
                value = value[part]
            settings[name] = value if value.ndim else float(value)
        return clone(fixed(**settings))

    def _noise_levels(self, target):
        """Return the noise of each signal of a search's Target, (n_signals,)."""
        return estimate_noise_std(
            target.signals,
            target.matrix,
            method="residual",
            sample_weight=target.weight,
        )

    def _synthesise(self, matrix, inputs):
        """Return the signals (n_points, n_signals) of a kernel, unchecked."""
        return row_products(np.atleast_2d(self.coef_), matrix).T + self.intercept_

    def _penalty_norm(self, name):
        """Return the norm that the strength of this name multiplies."""
        n_constants = int(self.fit_intercept)
        if name == "alpha":
            return AbsoluteNorm(n_constants)
        following = self._following_norm()
        if following is not None:
            return following
        if self.coef_.shape[-1] > MANY_BINS:
            return PlaneNorm(self.penalty_, self.grid_shape_, self._order, n_constants)
        return SquaredNorm(self.penalty_, n_constants)

    def _following_norm(self):
        """Return the norm of a smoothness that follows the solution, else None."""
        if self._follows is None:
            return None
        settings = self.grid_shape_, self._order
        return AdaptiveNorm(*self._follows, settings, int(self.fit_intercept))

    def _strength_range(self, name, matrix, signals, share):
        """Return the largest strength of a grid, or that of each signal, and decades.

        Weights `share` (n_points,) have sum one.
        """
        if name == "alpha":
            slopes = row_products(signals.T * share, matrix.T)
            return np.abs(slopes).max(axis=1), _DECADES
        # Row by row, as no second kernel is made.
        squares = np.array([(row**2).mean() for row in matrix])
        return 10.0 * float(share @ squares), _DECADES

    def _strength_of_each(self, name, values):
        """Return the setting of this name with a strength for each signal (q,)."""
        return values if name == "alpha" else values[:, None]

    def _convergence(self, n_signals):
        status, message = super()._convergence(n_signals)
        gaps = np.atleast_1d(self.dual_gap_)
        missed = ~(gaps <= self.tol)
        status[missed] = "not converged"
        for k in np.flatnonzero(missed):
            message[k] = f"relative duality gap {gaps[k]:.1g}, tol={self.tol:.1g}"
        folds = np.full(n_signals, getattr(self, "cv_dual_gap_", 0.0))
        status[np.isnan(folds)] = "not converged"
        for k in np.flatnonzero(~(folds <= self.tol) & ~missed):
            message[k] = f"relative duality gap {folds[k]:.1g} in a fold"
        return status, message

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Non-negative fits of arbitrary data without a constant may be poor.
        tags.regressor_tags.poor_score = True
        return tags
