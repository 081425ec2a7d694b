"""What a row of the result says of a fitted estimator."""

import numpy as np
from sklearn.pipeline import Pipeline

from ..metrics import distribution_statistics
from ..nonlinear import FitStatus
from ..uncertainty import bootstrap_distribution
from ..utils._answers import (
    Rest,
    answering,
    chosen_settings,
    fitted_distributions,
    make_table,
)
from ..utils._inspect import best, find_builder
from ..utils._scaling import centre_rows


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

    def to_frame(self, lead):
        """Return the result, with the columns of `lead` first."""
        for name in ("noise", "score"):
            self._column(name, np.dtype(np.float64))
        return make_table(self.found, lead)


def describe(fitted, estimator, X, Y, weight, settings):
    """Return columns (n_signals,) that describe a fit to signals (n_points, n_signals).

    Keys are names, or (number of the peak, name).
    """
    last, found = answering(fitted), fitted_distributions(fitted)
    rest = _leave(fitted, X, Y, weight)
    columns = chosen_settings(fitted, Y.shape[1])
    columns |= last._describe_signals(found, Y.shape[1], settings.min_share)
    columns["noise"] = last._noise(rest)
    if settings.n_bootstrap and last._tells_distributions:
        columns |= _errors(fitted, estimator, X, Y, weight, settings, columns)
    if "score" not in columns:
        columns["score"] = _score(rest)
    zero = ~Y.any(axis=0)
    columns["status"][zero] = "no signal"
    columns["message"][zero] = FitStatus.NO_SIGNAL.message
    return columns


def _leave(fitted, X, Y, weight):
    """Return the Rest that a fit leaves of signals (n_points, n_signals)."""
    w = np.ones(len(Y)) if weight is None else weight
    inner, K = best(fitted), X
    if isinstance(inner, Pipeline) and len(inner) > 1:
        # The kernel serves the signal and the noise level.
        K, inner = inner[:-1].transform(X), inner[-1]
    residuals = Y - np.asarray(inner.predict(K)).reshape(Y.shape)
    residuals, exponents = centre_rows(residuals.T, np.float64)
    return Rest(K, Y, w, np.abs(residuals) ** 2 @ w, exponents)


def _score(rest):
    """Return the coefficient of determination of each signal."""
    centred, shift = centre_rows(rest.signals.T, np.float64)
    w = rest.weight
    means = centred @ w / w.sum()
    total = np.abs(centred - means[:, None]) ** 2 @ w
    with np.errstate(divide="ignore", invalid="ignore"):
        # A constant signal has nothing to explain.
        unexplained = np.ldexp(rest.squares / total, 2 * (rest.exponents - shift))
        return np.where(total > 0, 1.0 - unexplained, np.nan)


def _errors(fitted, estimator, X, Y, weight, settings, columns):
    """Return standard errors of statistics and peaks from refits with new noise."""
    last = answering(fitted)
    if last._has_refits:
        return _errors_of_refits(last, fitted_distributions(fitted), settings)
    if find_builder(fitted) is None:
        return {}
    errors = {}
    for k, y in enumerate(Y.T):
        noise = columns["noise"][k]
        is_told = np.isfinite(noise)
        known = {"method": "parametric", "noise_std": noise}
        try:
            result = bootstrap_distribution(
                estimator, X, y, n_bootstrap=settings.n_bootstrap, sample_weight=weight,
                random_state=settings.random_state,
                **(known if is_told else {"method": "residual"}),
            )  # fmt: skip
        except ValueError:
            if is_told:
                raise
            # Too few points for residuals: the fit is sound, its errors are not known.
            continue
        for name, value in result.to_frame()["std"].items():
            head, _, tail = name.rpartition("_")
            key, owner = f"{name} stderr", name
            # Numbers at the end may also be those of axes: "log_mean_T2_0".
            if tail.isdigit() and name not in columns:
                key, owner = (int(tail), f"{head} stderr"), (int(tail), head)
            if owner in columns:
                errors.setdefault(key, np.full(Y.shape[1], np.nan))[k] = value
    return errors


def _errors_of_refits(last, found, settings):
    """Return standard errors of statistics from an estimator's own refits."""
    if not found.has_times:
        return {}
    # Signals with refits are fitted alone, so there is one.
    bands = last.bands(settings.n_bootstrap, random_state=settings.random_state)
    samples = bands.samples.reshape(settings.n_bootstrap, found.rows.shape[1])
    table = distribution_statistics(samples, found.grids, found.axis_names)
    return {f"{name} stderr": np.array([table[name].std(ddof=1)]) for name in table}
