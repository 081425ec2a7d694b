"""What a row of the result says of a fitted estimator."""

import numpy as np
from sklearn.pipeline import Pipeline

from ..nonlinear import FitStatus
from ..utils._answers import (
    Rest,
    answering,
    chosen_settings,
    fitted_distributions,
    make_table,
)
from ..utils._inspect import best
from ..utils._row_products import row_products
from ..utils._scaling import centre_rows
from ._intervals import PROFILE, describe_intervals
from ._profiles import describe_profiles


class Columns:
    """Columns of the result that are filled group by group."""

    def __init__(self, n_groups):
        self.n_groups = n_groups
        self.found = {}
        self.status = self._column("status", np.dtype(object))
        self._column("message", np.dtype(object))

    def _column(self, name, dtype):
        """Return a column; what no fit fills in is nan, 0 (counts) or None."""
        if name not in self.found:
            empty = {"f": np.nan, "i": 0}.get(dtype.kind)
            kind = dtype if dtype.kind in "fi" else object
            self.found[name] = np.full(self.n_groups, empty, dtype=kind)
        return self.found[name]

    def store(self, members, columns):
        """Store values (n_members,) of several columns."""
        for name, values in columns.items():
            self._column(name, values.dtype)[members] = values

    def tell_missing(self, n_missing, n_points):
        """Add to messages how many points (n_groups,) are missing, where any are."""
        message = self.found["message"]
        for k in np.flatnonzero(n_missing):
            text = f"{n_missing[k]} of {n_points[k]} points have no signal"
            message[k] = join_texts(message[k], [text])

    def to_frame(self, lead):
        """Return the result, with the columns of `lead` first."""
        for name in ("noise", "score"):
            self._column(name, np.dtype(np.float64))
        return make_table(self.found, lead)


def join_texts(message, texts):
    """Return a message with the texts of warnings after it."""
    first = [] if message == "ok" else [message]
    return "; ".join(dict.fromkeys(first + [" ".join(text.split()) for text in texts]))


def describe(fitted, estimator, X, Y, weight, asked, seeds):
    """Return columns (n_signals,) that describe a fit to signals (n_points, n_signals).

    `asked` are Intervals. Keys are names, or (number of the peak, name).
    """
    last, found = answering(fitted), fitted_distributions(fitted)
    rest = _leave(fitted, X, Y, weight)
    columns = chosen_settings(fitted, Y.shape[1])
    columns |= last._describe_signals(found, Y.shape[1], asked.min_share)
    columns["noise"] = last._noise(rest)
    if asked.method in ("auto", PROFILE) and "intervals" in last._map_columns:
        columns |= describe_profiles(fitted, X, Y, weight, asked, columns)
    elif asked.parts:
        columns |= describe_intervals(
            fitted, estimator, X, Y, weight, asked, seeds, columns
        )
    if "score" not in columns:
        columns["score"] = _score(rest)
    zero = ~np.nan_to_num(Y).any(axis=0)
    columns["status"][zero] = "no signal"
    columns["message"][zero] = FitStatus.NO_SIGNAL.message
    return columns


def _leave(fitted, X, Y, weight):
    """Return the Rest that a fit leaves of signals (n_points, n_signals)."""
    w = np.ones(len(Y)) if weight is None else weight
    missing = np.isnan(Y)
    if missing.any():
        w = np.where(missing, 0.0, w[:, None])
        Y = np.where(missing, 0.0, Y)
    inner, K = best(fitted), X
    if isinstance(inner, Pipeline) and len(inner) > 1:
        # The kernel serves the signal and the noise level.
        K, inner = inner[:-1].transform(X), inner[-1]
    residuals = Y - np.asarray(inner.predict(K)).reshape(Y.shape)
    residuals, exponents = centre_rows(residuals.T, np.float64)
    return Rest(K, Y, w, _weighted_sums(np.abs(residuals) ** 2, w), exponents)


def _score(rest):
    """Return the coefficient of determination of each signal."""
    centred, shift = centre_rows(rest.signals.T, np.float64)
    w = rest.weight
    means = _weighted_sums(centred, w) / w.sum(axis=0)
    total = _weighted_sums(np.abs(centred - means[:, None]) ** 2, w)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A constant signal has nothing to explain.
        unexplained = np.ldexp(rest.squares / total, 2 * (rest.exponents - shift))
        return np.where(total > 0, 1.0 - unexplained, np.nan)


def _weighted_sums(rows, weight):
    """Return sums over rows (n_signals, n_points), weights of points as of a Rest."""
    if weight.ndim == 1:
        return row_products(rows, weight)
    return np.einsum("qm,mq->q", np.ascontiguousarray(rows), weight)
