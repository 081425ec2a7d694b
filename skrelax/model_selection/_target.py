"""The inversion and the signals of a search of strengths, prepared once."""

import numbers
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ..utils._answers import answers
from ..utils._frames import take_rows
from ..utils._grid_shape import carry_grid
from ..utils._linear_inputs import validate_relative_weight, validate_signals_of
from ..utils._progress import SILENT
from ..utils._row_products import row_products
from ..utils._validation import check_numbers
from ..utils._warnings import held_reports

# Strengths and noise levels beyond this are not squared.
LARGEST = 1e100


class Inversion(NamedTuple):
    """The estimator of a search, taken apart."""

    front: Pipeline | None
    """The steps before the last one, or None where there are none."""
    last: object
    """The last step, which has the strength."""
    prefix: str
    """What precedes the parameters of the last step in those of the whole."""
    name: str
    """The parameter of the last step that is the strength."""

    def setting(self, strength):
        """Return the parameter for a strength, a float or one per signal (q,)."""
        if np.ndim(strength):
            strength = self.last._strength_of_each(self.name, strength)
        return {self.name: strength}

    def fit(self, strength, inputs, signals, sample_weight, work=SILENT):
        """Return the last step, fitted with a strength; it is a part of the work."""
        final = clone(self.last).set_params(**self.setting(strength))
        # Of fits along a curve it says nothing that they explain nothing.
        with held_reports(), work.part("strength").lent(final):
            return final.fit(inputs, signals, sample_weight=sample_weight)


class Target(NamedTuple):
    """The signals that fits of all strengths are to meet."""

    inputs: object
    """What the last step is given: a kernel that knows its bins, or a frame."""
    matrix: np.ndarray
    """The same as numbers, (n_rows, n_columns)."""
    signals: np.ndarray
    """Signals, (n_rows, n_signals)."""
    sample_weight: np.ndarray | None
    """Weights as they were given, (n_rows,)."""
    weight: np.ndarray
    """Weights with mean one over the points that have any, (n_rows,)."""
    n_points: int
    """Number of points with a weight."""
    square: float
    """Weighted mean square of the signals."""
    squares: np.ndarray
    """That of each, (n_signals,)."""
    memory: dict
    """What fits of these signals share, see `remembering`."""

    @property
    def scale(self):
        """Mean of the weights as they were given, over points that have any."""
        if self.sample_weight is None:
            return 1.0
        return float(self.sample_weight.sum() / self.n_points)

    def rows(self, index):
        """Return the inputs at some of the points."""
        return take_rows(self.inputs, index)


def take_apart(estimator, parameter):
    """Return the Inversion of an estimator, or raise if it has no strength."""
    pipeline = clone(estimator)
    front, last, prefix = None, pipeline, ""
    if isinstance(pipeline, Pipeline):
        front, last = pipeline[:-1], pipeline[-1]
        front = front if len(front) else None
        prefix = f"{pipeline.steps[-1][0]}__"
    names = answers(last)._strengths
    if not names:
        raise TypeError(
            "estimator must be a LassoFista, a SmoothLasso, a MultiDimRegularizedILT "
            f"or a Pipeline that ends in one, got {type(last).__name__}."
        )
    name = names[0] if parameter is None else parameter.removeprefix(prefix)
    if name not in names:
        raise ValueError(
            f"parameter must be the {' or '.join(sorted(names))} of "
            f"{type(last).__name__}, got {parameter!r}."
        )
    return Inversion(front, last, prefix, name)


def make_target(inputs, y, sample_weight, reads_names, memory):
    """Return the Target of signals that a fit has accepted.

    A frame stays one where its names say which column is which.
    """
    matrix = np.asarray(inputs, dtype=np.float64)
    signals = validate_signals_of(matrix, y).reshape(len(matrix), -1)
    if not (reads_names and hasattr(inputs, "iloc")):
        inputs = carry_grid(matrix, inputs)
    n_points, weight = len(matrix), np.ones(len(matrix))
    sample_weight = validate_relative_weight(sample_weight, matrix)
    if sample_weight is not None:
        n_points = np.count_nonzero(sample_weight)
        weight = sample_weight * (n_points / sample_weight.sum())
    sums = row_products(signals.T**2, weight)
    return Target(
        inputs,
        matrix,
        signals,
        sample_weight,
        weight,
        n_points,
        float(sums.mean() / n_points),
        sums / n_points,
        memory,
    )


def strength_grid(given, model, name, target, per_signal):
    """Return decreasing strengths (n_strengths, n_choices), given or as many as that.

    There is one choice for all signals, or one for each.
    """
    n_choices = target.signals.shape[1] if per_signal else 1
    if not isinstance(given, numbers.Integral):
        values = check_numbers(given, "strengths", finite=False)
        is_column = values.ndim == 2 and per_signal and values.shape[1] == n_choices
        if values.ndim != 1 and not is_column:
            raise ValueError(
                "strengths must be numbers, 1-D, or with per_signal=True a column for "
                f"each of {target.signals.shape[1]} signals, got shape {values.shape}."
            )
        if not values.size or not ((values > 0) & (values <= LARGEST)).all():
            raise ValueError(
                "strengths must be positive numbers, none above "
                f"{LARGEST:.0e}, at least one, got {values}."
            )
        values = np.sort(values, axis=0)[::-1]
        return values if is_column else np.tile(values[:, None], n_choices)
    share = target.weight / target.weight.sum()
    tops, decades = model._strength_range(name, target.matrix, target.signals, share)
    tops = np.full(n_choices, tops if per_signal else np.max(tops))
    tops[tops == 0.0] = 1.0
    return np.geomspace(tops, tops * 10.0**-decades, given)
