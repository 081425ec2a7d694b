"""Displays of measured and fitted signals."""

import numpy as np

from ..utils._answers import answering, fitted_distributions
from ..utils._validation import check_number, errors_name
from ._base import (
    DATA,
    MODEL,
    as_rows,
    check_drawn,
    choose_unit,
    get_axes,
    known_unit,
    note_sample,
    row_colors,
    sample_rows,
    with_unit,
)


def _axis(X, unit, symbols=()):
    """Return the first acquisition column and the label of its axis.

    symbols are the columns that the model of an estimator reads, if it is known.
    """
    named = hasattr(X, "columns")
    points = check_drawn(X, "X", (1, 2))
    n_columns = 1 if points.ndim == 1 else points.shape[1]
    name = str(X.columns[0]) if named else next(iter(symbols), "time")
    # The model knows what a column of another name is.
    symbol = name if name in symbols or not symbols else symbols[0]
    if not isinstance(unit, str | None):
        unit = choose_unit(unit, 0, symbol, n_columns)
    if not named and known_unit(symbol) == "s":
        name = "time"
    if named and unit is None and name.endswith((")", "]")):
        # Such as "TE (ms)", which has its unit.
        label = name
    else:
        label = with_unit(name, choose_unit(unit, 0, symbol))
    return points.reshape(len(points), -1)[:, 0], label


def _symbols(estimator):
    """Return the acquisition columns that the models of an estimator read."""
    models = fitted_distributions(estimator).models
    models = models or answering(estimator)._read_models()
    return [name for model in models for name in model.acquisition_columns]


def _predict(estimator, X):
    """Return predictions of an estimator, or raise an error that names it."""
    if not hasattr(estimator, "predict"):
        raise TypeError(f"estimator must have predict, got {estimator!r}.")
    with errors_name("X"):
        return estimator.predict(X)


def _check_lengths(points, **arrays):
    """Return arrays as numbers with one row per point and one shape."""
    found = [check_drawn(values, name, (1, 2)) for name, values in arrays.items()]
    for name, values in zip(arrays, found, strict=True):
        if len(values) != len(points) or values.shape != found[0].shape:
            raise ValueError(
                f"{name} must have one row for each of {len(points)} points and the "
                f"shape of the other signals, got {values.shape}."
            )
    return found


def _use_log(times):
    """Say whether times are spaced rather evenly on a log axis."""
    positive = np.unique(times[times > 0])
    if positive.size < 3:
        return False
    steps = np.diff(positive)
    return bool(steps.max() > 10 * steps.min())


class DecayDisplay:
    """Draw measured signals with their fit.

    Parameters
    ----------
    times : ndarray of shape (n_points,)
        Acquisition points.
    signals : ndarray of shape (n_points,) or (n_points, n_signals)
        Measured signals.
    fit : ndarray of the same shape
        Fitted signals.
    label : str, default="time (s)"
        Label of the axis of times.

    See Also
    --------
    ResidualsDisplay : What the fit leaves.
    """

    def __init__(self, times, signals, fit, *, label="time (s)"):
        self.times = check_drawn(times, "times", 1)
        self.signals, self.fit = _check_lengths(self.times, signals=signals, fit=fit)
        self.label = str(label)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, unit=None, ax=None):
        """Draw the signals and the fit of an estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted; takes acquisition points.
        X : array-like of shape (n_points, n_axes)
            Acquisition points; the first column is drawn.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Measured signals.
        unit : str, tuple of str or None, default=None
            Unit of the acquisition points, or one per column of X. None takes s for
            times and s/m² for b.
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        DecayDisplay
            With ``ax_`` and ``figure_``.
        """
        times, label = _axis(X, unit, _symbols(estimator))
        return cls(times, y, _predict(estimator, X), label=label).plot(ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        DecayDisplay
            Itself.
        """
        self.figure_, self.ax_ = get_axes(ax)
        signals, fits = as_rows(self.signals.T), as_rows(self.fit.T)
        drawn = sample_rows(len(signals))
        order = np.argsort(self.times, kind="stable")
        for index, color in zip(drawn, row_colors(len(drawn)), strict=True):
            single = len(signals) == 1
            self.ax_.plot(
                self.times, signals[index], "o", ms=4, mfc="none", mew=0.9,
                color=DATA if single else color, label="data" if single else None,
            )  # fmt: skip
            self.ax_.plot(
                self.times[order], fits[index][order], lw=1.4,
                color=MODEL if single else color, label="fit" if single else None,
            )  # fmt: skip
        note_sample(self.ax_, len(drawn), len(signals))
        if _use_log(self.times):
            self.ax_.set_xscale("log")
        self.ax_.set(xlabel=self.label, ylabel="signal")
        if len(signals) == 1:
            self.ax_.legend(frameon=False)
        return self


class ResidualsDisplay:
    """Draw what a fit leaves of the signals.

    Parameters
    ----------
    times : ndarray of shape (n_points,)
        Acquisition points.
    residuals : ndarray of shape (n_points,) or (n_points, n_signals)
        Signal minus fit.
    noise_std : float or None, default=None
        Noise level; drawn as a band.
    label : str, default="time (s)"
        Label of the axis of times.

    See Also
    --------
    DecayDisplay : Signals and fit.
    """

    def __init__(self, times, residuals, *, noise_std=None, label="time (s)"):
        self.times = check_drawn(times, "times", 1)
        (self.residuals,) = _check_lengths(self.times, residuals=residuals)
        if noise_std is not None:
            noise_std = check_number(noise_std, "noise_std", 0.0, 1e100)
        self.noise_std = noise_std
        self.label = str(label)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, noise_std=None, unit=None, ax=None):
        """Draw the residuals of an estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted; takes acquisition points.
        X : array-like of shape (n_points, n_axes)
            Acquisition points; the first column is drawn.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Measured signals.
        noise_std : float or None, default=None
            Noise level; drawn as a band.
        unit : str, tuple of str or None, default=None
            Unit of the acquisition points, or one per column of X. None takes s for
            times and s/m² for b.
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ResidualsDisplay
            With ``ax_`` and ``figure_``.
        """
        times, label = _axis(X, unit, _symbols(estimator))
        y, fit = _check_lengths(times, y=y, fit=_predict(estimator, X))
        return cls(times, y - fit, noise_std=noise_std, label=label).plot(ax)

    @classmethod
    def from_predictions(cls, X, y, y_pred, *, noise_std=None, unit=None, ax=None):
        """Draw the difference of signals and predictions.

        Parameters
        ----------
        X : array-like of shape (n_points, n_axes)
            Acquisition points; the first column is drawn.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Measured signals.
        y_pred : array-like of the same shape
            Predicted signals.
        noise_std : float or None, default=None
            Noise level; drawn as a band.
        unit : str, tuple of str or None, default=None
            Unit of the acquisition points, or one per column of X. None takes s for
            times and s/m² for b.
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ResidualsDisplay
            With ``ax_`` and ``figure_``.
        """
        times, label = _axis(X, unit)
        y, y_pred = _check_lengths(times, y=y, y_pred=y_pred)
        return cls(times, y - y_pred, noise_std=noise_std, label=label).plot(ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ResidualsDisplay
            Itself.
        """
        self.figure_, self.ax_ = get_axes(ax)
        rows = as_rows(self.residuals.T)
        drawn = sample_rows(len(rows))
        if self.noise_std is not None:
            self.ax_.axhspan(
                -self.noise_std, self.noise_std, color="0.88", lw=0, label="noise level"
            )
        self.ax_.axhline(0.0, color="0.6", lw=0.8)
        order = np.argsort(self.times, kind="stable")
        for index, color in zip(drawn, row_colors(len(drawn)), strict=True):
            self.ax_.plot(
                self.times[order], rows[index][order], "o-", ms=3, lw=0.6, color=color
            )
        note_sample(self.ax_, len(drawn), len(rows))
        if _use_log(self.times):
            self.ax_.set_xscale("log")
        self.ax_.set(xlabel=self.label, ylabel="data - fit")
        if self.noise_std is not None:
            self.ax_.legend(frameon=False)
        return self
