"""Fits of one inversion along the strengths of its penalty, remembered."""

import numbers

import numpy as np
from scipy import linalg
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ..uncertainty import estimate_noise_std
from ..utils._grid_shape import carry_grid
from ..utils._linear_inputs import validate_relative_weight, validate_signals_of
from ..utils._validation import check_numbers, refuse_complex
from ..utils._warnings import held_reports
from ._criteria import (
    Fit,
    effective_parameters,
    largest_bend,
    menger_curvature,
    rounding_floor,
)
from ._split import fold_weights, make_folds

# Decades of the default grid of strengths below the largest one.
_DECADES = 10.0
# BRD counts the noise of the directions with singular values above this fraction of
# the largest, the usual cut of two-dimensional inversion (Song et al. 2002).
_BRD_CUT = 1e-3
# Strengths and noise levels beyond this are not squared.
LARGEST = 1e100
# Distance in log(strength) to which ends of the L-curve are found.
_EDGE = 1e-2
# Rounding of the logarithms of residuals as large as the signals: ten times what one
# unit in the last place of the data changes.
_ROUNDING = 10.0 * np.finfo(float).eps


class Curve:
    """Fits of one inversion at any strength.

    `fit_params` are those of the fit of the whole estimator, `sample_weight` is what
    its last step gets.
    """

    def __init__(self, search, X, y, sample_weight, fit_params):
        self.search = search
        self.pipeline = clone(search.estimator)
        if isinstance(self.pipeline, Pipeline):
            front, self.prefix = self.pipeline[:-1], f"{self.pipeline.steps[-1][0]}__"
        else:
            front, self.prefix = None, ""
        self.name = self._parameter_name()
        if y is None:
            raise ValueError(
                "StrengthSearch requires y to be passed, but the target y is None."
            )
        refuse_complex(y)
        refuse_complex(X, "X")
        K = X if front is None or len(front) == 0 else front.fit_transform(X, y)
        self.X, self.y, self.fit_params = X, y, fit_params
        # One fit checks the input and tells shapes, before anything is computed.
        first = self._fit_final(1.0, K, y, sample_weight)
        entry = first if front is None or len(front) == 0 else front[0]
        self.n_columns = entry.n_features_in_
        self.feature_names = getattr(entry, "feature_names_in_", None)
        self.matrix = np.asarray(K, dtype=np.float64)
        self.K = carry_grid(self.matrix, K)
        self.n_points = self.matrix.shape[0]
        self.signals = validate_signals_of(self.matrix, y).reshape(self.n_points, -1)
        self.sample_weight = validate_relative_weight(sample_weight, self.matrix)
        self.weight = np.ones(self.n_points)
        if sample_weight is not None:
            self.n_points = np.count_nonzero(self.sample_weight)
            self.weight = self.sample_weight * (
                self.n_points / self.sample_weight.sum()
            )
        # Mean square of the signals, and that of residuals which are rounding.
        self.square = float((self.weight @ self.signals**2).mean() / self.n_points)
        self.floor = rounding_floor(self.square)
        self.penalty = None if self.name == "alpha" else first.penalty_
        self.strengths = self._grid()
        self.fits = {}
        self._basis = None

    def _parameter_name(self):
        final = self.pipeline[-1] if self.prefix else self.pipeline
        names = getattr(final, "_strengths", ())
        if not names:
            raise TypeError(
                "estimator must be a LassoFista, a SmoothLasso or a Pipeline that ends "
                f"in one, got {type(final).__name__}."
            )
        if self.search.parameter is None:
            return names[0]
        name = self.search.parameter.removeprefix(self.prefix)
        if name not in names:
            raise ValueError(
                f"parameter must be the {' or '.join(sorted(names))} of "
                f"{type(final).__name__}, "
                f"got {self.search.parameter!r}."
            )
        return name

    def _grid(self):
        given = self.search.strengths
        if not isinstance(given, numbers.Integral):
            values = check_numbers(given, "strengths", ndim=1, finite=False)
            if not values.size or not ((values > 0) & (values <= LARGEST)).all():
                raise ValueError(
                    "strengths must be positive numbers, none above "
                    f"{LARGEST:.0e}, at least one, got {values}."
                )
            return np.sort(values)[::-1].copy()
        share = self.weight / self.weight.sum()
        if self.name == "alpha":
            top = np.abs((self.signals.T * share) @ self.matrix).max()
        else:
            top = 10.0 * float(share @ (self.matrix**2).mean(axis=1))
        top = top or 1.0
        return np.geomspace(top, top * 10.0**-_DECADES, given)

    def _fit_final(self, strength, K, y, sample_weight):
        """Return the last step, fitted with a strength."""
        final = self.pipeline[-1] if self.prefix else self.pipeline
        final = clone(final).set_params(**{self.name: strength})
        # Of fits along a curve it says nothing that they explain nothing.
        with held_reports():
            return final.fit(K, y, sample_weight=sample_weight)

    def fitted(self, strength):
        """Return the whole estimator, fitted with a strength."""
        estimator = clone(self.pipeline).set_params(
            **{f"{self.prefix}{self.name}": strength}
        )
        return estimator.fit(self.X, self.y, **self.fit_params)

    def __call__(self, x):
        """Return the `Fit` at log(strength)."""
        x = float(x)
        if x not in self.fits:
            self.fits[x] = self._evaluate(np.exp(x))
        return self.fits[x]

    def _evaluate(self, strength):
        model = self._fit_final(strength, self.K, self.y, self.sample_weight)
        F = np.atleast_2d(model.coef_)
        residuals = self.signals - (self.matrix @ F.T + model.intercept_)
        square = float((self.weight @ residuals**2).mean() / self.n_points)
        if self.penalty is None:
            norm = float(np.abs(F).sum())
        else:
            norm = float(np.einsum("ij,ij->", F, (self.penalty @ F.T).T))
        linear = self.search.degrees_of_freedom == "linear" and self.penalty is not None
        dof = np.mean(
            [
                effective_parameters(
                    self.matrix, self.weight, self.penalty, strength,
                    np.ones(f.size, dtype=bool) if linear else f != 0.0,
                )
                for f in F
            ]
        )  # fmt: skip
        dof += bool(model.fit_intercept)
        return Fit(strength, square, norm, float(dof), self._seen(residuals))

    def _seen(self, residuals):
        """Return the mean square of residuals along resolved singular vectors."""
        root = np.sqrt(self.weight)
        if self._basis is None:
            U, s, _ = linalg.svd(self.matrix * root[:, None], full_matrices=False)
            self._basis = U[:, s > _BRD_CUT * s[0]]
        if self._basis.shape[1] == 0:
            # A kernel of zeros sees nothing.
            return 0.0
        projected = self._basis.T @ (residuals * root[:, None])
        return float((projected**2).mean())

    def unpenalised_residual(self):
        """Return the mean square residual without the penalty."""
        return self._evaluate(0.0).residual

    def noise_std(self):
        """Return the noise level of all signals together, from residuals."""
        each = estimate_noise_std(
            self.signals, self.matrix, method="residual", sample_weight=self.weight
        )
        return float(np.sqrt(np.mean(each**2)))

    def lcurve(self):
        """Return (point, strengths, ends): the L-curve where it is defined.

        `point` takes log(strength), of which `ends` are the smallest and the largest
        (None where nothing is defined), and returns coordinates and their rounding.
        The curve is cut off where the penalty norm or the residual is zero to rounding:
        they have no logarithm.
        """
        # The L1 norm is of first power, where a mean square is of second.
        power = 0.5 if self.penalty is None else 1.0
        norm_floor = (
            rounding_floor(1.0) ** power * self(np.log(self.strengths[-1])).norm
        )

        def defined(x):
            return self(x).norm > norm_floor and self(x).residual > self.floor

        def point(x):
            fit = self(x)
            residual = max(fit.residual, self.floor)
            # Residuals are differences of numbers of the size of the signals.
            rounding = _ROUNDING * np.sqrt(self.square / residual)
            return np.log([residual, max(fit.norm, norm_floor)]), rounding

        def edge(inside, outside):
            """Return the last place that is defined on the way out of the curve."""
            while abs(outside - inside) > _EDGE:
                middle = 0.5 * (inside + outside)
                if defined(middle):
                    inside = middle
                else:
                    outside = middle
            return inside

        grid = np.log(self.strengths)
        kept = np.flatnonzero([defined(x) for x in grid])
        if kept.size == 0:
            return point, self.strengths[:0], None
        first, last = kept[0], kept[-1]
        high, low = grid[first], grid[last]
        if self.search.refine and first > 0:
            high = edge(high, grid[first - 1])
        if self.search.refine and last < grid.size - 1:
            low = edge(low, grid[last + 1])
        return point, self.strengths[first : last + 1], (low, high)

    def bend(self, point, strengths):
        """Return log(strength) of the grid point that bends most, or None."""
        x = np.log(strengths)[::-1]
        points = [point(value) for value in x]
        return largest_bend(
            {
                x[i]: menger_curvature(points[i - 1], points[i], points[i + 1])
                for i in range(1, len(x) - 1)
            }
        )

    def cross_validate(self, groups):
        """Return mean squared errors over folds and their standard errors."""
        folds = make_folds(self.search.cv, self.matrix, self.signals, groups)
        counts = fold_weights(folds, self.weight)
        errors = np.empty((len(folds), self.strengths.size))
        for fold, (train, test) in enumerate(folds):
            weight = None if self.sample_weight is None else self.sample_weight[train]
            for index, strength in enumerate(self.strengths):
                model = self._fit_final(
                    strength, self.K[train], self.signals[train], weight
                )
                square = (self.signals[test] - model.predict(self.matrix[test])) ** 2
                errors[fold, index] = np.average(
                    square.mean(axis=1), weights=self.weight[test]
                )
        mean = np.average(errors, axis=0, weights=counts)
        if len(folds) == 1:
            return mean, np.zeros_like(mean)
        return mean, errors.std(axis=0, ddof=1) / np.sqrt(len(folds))
