"""Fits of one inversion along the strengths of its penalty, remembered."""

import numpy as np

from ..uncertainty._noise import left_directions
from ..utils._parallel import calm_blas
from ..utils._progress import SILENT
from ..utils._remember import remembering
from ..utils._row_products import row_products
from ..utils._validation import stable_std
from ._criteria import Fit, rounding_floor
from ._folds import fold_weights

# BRD counts the noise of the directions with singular values above this fraction of
# the largest, the usual cut of two-dimensional inversion (Song et al. 2002).
_BRD_CUT = 1e-3


class Curve:
    """Fits of an inversion to a target at any strength, remembered.

    All signals share one choice of a strength, or with `per_signal` each has its own.
    `penalty` is the norm of the inversion, None where it has none that is fixed;
    `is_linear` says whether all bins are parameters, `counts` whether these are counted
    off the grid, too, and `directions` (n_points, n_directions) are those in which
    residuals are seen, or None.
    """

    def __init__(
        self, inversion, target, penalty, per_signal,
        *, is_linear=False, counts=True, directions=None,
    ):  # fmt: skip
        self.inversion, self.target, self.penalty = inversion, target, penalty
        self.per_signal, self.is_linear, self.counts = per_signal, is_linear, counts
        self.directions = directions
        self.squares = target.squares if per_signal else np.array([target.square])
        self.floors = rounding_floor(self.squares)
        self.fits = [{} for _ in self.squares]
        # What each fit is a part of.
        self.work = SILENT

    def __call__(self, x, choice):
        """Return the `Fit` at a log(strength) that was evaluated."""
        return self.fits[choice][x]

    def evaluate_grid(self, strengths):
        """Evaluate the fits at strengths (n_strengths, n_choices)."""
        choices = range(len(self.fits))
        for row in np.log(strengths):
            asked = dict(zip(choices, row.tolist(), strict=True))
            self.evaluate_all(asked, counts=True)

    def on_grid(self, strengths, value):
        """Return value(fit, choice) at evaluated strengths (n_strengths, n_choices)."""
        return np.array(
            [
                [value(self.fits[c][x], c) for c, x in enumerate(row)]
                for row in np.log(strengths).tolist()
            ]
        )

    def evaluate_all(self, asked, counts=None):
        """Evaluate the fits of choices {choice: log(strength)} in one call."""
        new = {c: x for c, x in asked.items() if x not in self.fits[c]}
        if not new:
            return
        strengths = np.array([np.exp(x) for x in new.values()])
        counts = self.counts if counts is None else counts
        fits = self.evaluate(strengths, list(new), counts)
        for (choice, x), fit in zip(new.items(), fits, strict=True):
            self.fits[choice][x] = fit

    def evaluate(self, strengths, choices, counts=False):
        """Return the fits of some choices at strengths (n_choices,)."""
        target, penalty = self.target, self.penalty
        signals, strength = target.signals, float(strengths[0])
        if self.per_signal:
            signals, strength = signals[:, choices], strengths
        with remembering(target.memory):
            model = self.inversion.fit(
                strength, target.inputs, signals, target.sample_weight, self.work
            )
        residuals = signals - model._synthesise(target.matrix, target.inputs)
        squares = row_products(residuals.T**2, target.weight)
        squares = self._share(squares) / target.n_points
        norms = dofs = np.full(len(choices), np.nan)
        if hasattr(penalty, "at"):
            penalty = penalty.at(model)
        if penalty is not None:
            F = np.atleast_2d(model.coef_)
            norms = np.atleast_1d(penalty.norms(F, self.per_signal))
            if counts:
                dofs = self._count(penalty, strengths, F) + penalty.n_constants
        seen = self._seen(residuals)
        columns = (values.tolist() for values in (squares, norms, dofs, seen))
        return [Fit(*values) for values in zip(*columns, strict=True)]

    def _count(self, penalty, strengths, F):
        """Return the effective parameters of distributions F (q, n) by choice."""
        given, is_linear = (self.target.matrix, self.target.weight), self.is_linear
        with calm_blas(min(given[0].shape)), remembering(self.target.memory):
            if self.per_signal:
                return penalty.count_each(*given, strengths, F, is_linear)
            strength = float(strengths[0])
            if hasattr(penalty, "count_all"):
                used = penalty.count_all(*given, strength, F, is_linear)
            else:
                used = [
                    penalty.count_parameters(*given, strength, f, is_linear) for f in F
                ]
        return np.mean(used, keepdims=True)

    def _share(self, values):
        """Return values of signals (n_signals,), or their mean, for each choice."""
        return values if self.per_signal else values.mean(keepdims=True)

    def _seen(self, residuals):
        """Return the mean square of residuals along the directions, nan without any."""
        n_choices = residuals.shape[1] if self.per_signal else 1
        if self.directions is None:
            return np.full(n_choices, np.nan)
        if self.directions.shape[1] == 0:
            # A kernel of zeros sees nothing.
            return np.zeros(n_choices)
        root = np.sqrt(self.target.weight)
        squares = row_products(residuals.T * root, self.directions.T) ** 2
        return squares.mean(axis=1) if self.per_signal else np.array([squares.mean()])


def seen_directions(target):
    """Return the singular vectors of a kernel that it resolves, (n_points, k)."""
    root = np.sqrt(target.weight)
    return left_directions(target.matrix, root, _BRD_CUT)


def cross_validate(inversion, target, strengths, folds, per_signal, work):
    """Return mean squared errors over folds and their standard errors.

    `strengths` and both are (n_strengths, n_choices). Each fold is a part of the work.
    """
    counts = fold_weights(folds, target.weight)
    errors = np.empty((len(folds), *strengths.shape))
    along = getattr(inversion.last, "_errors_along", None)
    known = along and along(inversion.name, strengths, target, folds)
    for fold, (train, test) in enumerate(folds):
        if known is not None:
            own = known[fold]
            errors[fold] = own if per_signal else own.mean(axis=1, keepdims=True)
            work.step("fold")
            continue
        weight = target.sample_weight
        weight = None if weight is None else weight[train]
        told = work.part("fold", len(strengths))
        for index, row in enumerate(strengths):
            model = inversion.fit(
                row if per_signal else float(row[0]),
                target.rows(train),
                target.signals[train],
                weight,
                told,
            )
            square = (target.signals[test] - model.predict(target.rows(test))) ** 2
            square = square if per_signal else square.mean(axis=1)
            errors[fold, index] = np.average(
                square, axis=0, weights=target.weight[test]
            )
    mean = np.average(errors, axis=0, weights=counts)
    if len(folds) == 1:
        return mean, np.zeros_like(mean)
    return mean, stable_std(errors, axis=0) / np.sqrt(len(folds))
