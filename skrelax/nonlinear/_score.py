"""How much of signals a fit explains, of the points that they have."""

import numpy as np

from ..utils._missing import split_by_points
from ..utils._sklearn import r2_score
from ._parts import exponents


def mean_score(y, predicted, sample_weight):
    """Return the mean R^2 of signals, (n_points,) or (n_points, n_signals), or nan.

    Signals without a prediction, with infinite values or without any point are left
    out, and so are points that are nan. `sample_weight` is (n_points,) or None.
    """
    predicted, y = (part.reshape(len(predicted), -1) for part in (predicted, y))
    missing = np.isnan(y)
    there = np.isfinite(predicted).all(axis=0) & (np.isfinite(y) | missing).all(0)
    there &= ~missing.all(axis=0)
    if not there.any():
        return float("nan")
    predicted, y, missing = predicted[:, there], y[:, there], missing[:, there]
    if np.iscomplexobj(predicted):
        # Real and imaginary parts count as further signals of one table.
        y = np.concatenate([y.real, y.imag])
        predicted = np.concatenate([predicted.real, predicted.imag])
        missing = np.concatenate([missing, missing])
        sample_weight = None if sample_weight is None else np.tile(sample_weight, 2)
    y = np.where(missing, 0.0, y)
    # The score of a signal does not depend on its unit.
    exponent = exponents(y.T, predicted.T)
    if exponent.any():
        y, predicted = np.ldexp(y, -exponent), np.ldexp(predicted, -exponent)
    with np.errstate(over="ignore"):
        if not missing.any():
            return r2_score(y, predicted, sample_weight=sample_weight)
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        # Signals that lack the same points share a call.
        total = 0.0
        for points, chosen in split_by_points(missing.T):
            rows = points & (weight > 0)
            score = r2_score(
                y[rows][:, chosen],
                predicted[rows][:, chosen],
                sample_weight=weight[rows],
            )
            total += score * chosen.size
        return total / y.shape[1]
