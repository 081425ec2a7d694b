"""Fits of one inversion along the strengths of its penalty, remembered."""

import numpy as np
from scipy import linalg

from ..utils._validation import stable_std
from ._criteria import Fit
from ._split import fold_weights

# BRD counts the noise of the directions with singular values above this fraction of
# the largest, the usual cut of two-dimensional inversion (Song et al. 2002).
_BRD_CUT = 1e-3


class Curve:
    """Fits of an inversion to a target at any strength.

    `penalty` is its norm, None where it has none that is fixed; `is_linear` says
    whether all bins are parameters, and `directions` (n_points, n_directions) are those
    in which residuals are seen, or None.
    """

    def __init__(self, inversion, target, penalty, is_linear, directions=None):
        self.inversion, self.target = inversion, target
        self.penalty, self.is_linear = penalty, is_linear
        self.directions = directions
        self.fits = {}

    def __call__(self, x):
        """Return the `Fit` at log(strength)."""
        x = float(x)
        if x not in self.fits:
            self.fits[x] = self.evaluate(np.exp(x))
        return self.fits[x]

    def evaluate(self, strength):
        """Return the `Fit` at a strength."""
        target, penalty = self.target, self.penalty
        model = self.inversion.fit(
            strength, target.inputs, target.signals, target.sample_weight
        )
        residuals = target.signals - model._synthesise(target.matrix, target.inputs)
        square = float((target.weight @ residuals**2).mean() / target.n_points)
        norm = dof = np.nan
        if penalty is not None:
            F = np.atleast_2d(model.coef_)
            norm = penalty.norm(F)
            counts = [
                penalty.count_parameters(
                    target.matrix, target.weight, strength, f, self.is_linear
                )
                for f in F
            ]
            dof = float(np.mean(counts) + penalty.n_constants)
        return Fit(strength, square, norm, dof, self._seen(residuals))

    def _seen(self, residuals):
        """Return the mean square of residuals along the directions, nan without any."""
        if self.directions is None:
            return np.nan
        if self.directions.shape[1] == 0:
            # A kernel of zeros sees nothing.
            return 0.0
        root = np.sqrt(self.target.weight)
        projected = self.directions.T @ (residuals * root[:, None])
        return float((projected**2).mean())


def seen_directions(target):
    """Return the singular vectors of a kernel that it resolves, (n_points, k)."""
    root = np.sqrt(target.weight)
    U, s, _ = linalg.svd(target.matrix * root[:, None], full_matrices=False)
    return U[:, s > _BRD_CUT * s[0]]


def cross_validate(inversion, target, strengths, folds):
    """Return mean squared errors over folds and their standard errors."""
    counts = fold_weights(folds, target.weight)
    errors = np.empty((len(folds), strengths.size))
    for fold, (train, test) in enumerate(folds):
        weight = target.sample_weight
        weight = None if weight is None else weight[train]
        for index, strength in enumerate(strengths):
            model = inversion.fit(
                strength, target.rows(train), target.signals[train], weight
            )
            square = (target.signals[test] - model.predict(target.rows(test))) ** 2
            errors[fold, index] = np.average(
                square.mean(axis=1), weights=target.weight[test]
            )
    mean = np.average(errors, axis=0, weights=counts)
    if len(folds) == 1:
        return mean, np.zeros_like(mean)
    return mean, stable_std(errors, axis=0) / np.sqrt(len(folds))
