"""Displays of measured and fitted signals."""

import numpy as np

from ..utils._answers import answering, fitted_distributions
from ..utils._frames import frame_columns
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
    tell_apart,
    with_unit,
)
from ._draw_plane import bare_symbol


def _axis(X, unit, symbols=()):
    """Return the first acquisition column and the label of its axis.

    symbols are the columns that the model of an estimator reads, if it is known.
    """
    points = _columns(X)
    name, one = _name_column(X, points, unit, symbols, 0)
    # A time of its own needs no other name.
    if frame_columns(X) is None and known_unit(name) == "s":
        name = "time"
    return points[0], with_unit(name, one)


def acquisition_axes(X, unit, symbols=()):
    """Return the acquisition columns (n_columns, n_points) and labels of their axes."""
    points = _columns(X)
    columns = range(len(points))
    found = [_name_column(X, points, unit, symbols, column) for column in columns]
    names, units = zip(*found, strict=True)
    names = tell_apart(list(names))
    return points, [
        with_unit(name, one) for name, one in zip(names, units, strict=True)
    ]


def _columns(X):
    """Return the columns of an acquisition, (n_columns, n_points)."""
    points = check_drawn(X, "X", (1, 2))
    return points.reshape(len(points), -1).T


def _name_column(X, points, unit, symbols, column):
    """Return name and unit of an acquisition column."""
    names = frame_columns(X)
    known = symbols[column : column + 1]
    named = names is not None
    name = str(names[column]) if named else next(iter(known), "time")
    if bare_symbol(name) in symbols:
        # Two axes of one model are TE_1 and TE_2 in a frame, the first and second TE.
        name = bare_symbol(name)
    # Such as "TE (ms)", which has its unit.
    if named and unit is None and name.endswith((")", "]")):
        return name, ""
    # The model knows what a column of another name is.
    symbol = name if name in symbols or not known else known[0]
    return name, choose_unit(unit, column, symbol, len(points))


def read_symbols(estimator):
    """Return the acquisition columns that the models of an estimator read."""
    models = fitted_distributions(estimator).models
    models = models or answering(estimator)._read_models()
    return [name for model in models for name in model.acquisition_columns]


def predict_signals(estimator, X):
    """Return predictions of an estimator, or raise an error that names it."""
    if not hasattr(estimator, "predict"):
        raise TypeError(f"estimator must have predict, got {estimator!r}.")
    with errors_name("X"):
        return estimator.predict(X)


def check_lengths(points, **arrays):
    """Return arrays as numbers with one row per point and one shape."""
    found = [check_drawn(values, name, (1, 2)) for name, values in arrays.items()]
    for name, values in zip(arrays, found, strict=True):
        if len(values) != len(points) or values.shape != found[0].shape:
            raise ValueError(
                f"{name} must have one row for each of {len(points)} points and the "
                f"shape of the other signals, got {values.shape}."
            )
    return found


def use_log(times):
    """Say whether times are spaced rather evenly on a log axis."""
    positive = np.unique(times[times > 0])
    if positive.size < 3:
        return False
    steps = np.diff(positive)
    return bool(steps.max() > 10 * steps.min())


def is_line(times):
    """Say whether a line may join the points: not where a time stands often.

    Such are the points of a plane, which other columns of the acquisition tell apart.
    """
    return 2 * np.unique(times).size > times.size


# More points than this are drawn small and pale.
_MANY = 100


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
        self.signals, self.fit = check_lengths(self.times, signals=signals, fit=fit)
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
        times, label = _axis(X, unit, read_symbols(estimator))
        return cls(times, y, predict_signals(estimator, X), label=label).plot(ax)

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
        style = {"lw": 1.4} if is_line(self.times) else {"ls": "", "marker": "_"}
        # Of many points the fit would be seen between the markers only.
        many = self.times.size > _MANY
        points = {"ms": 3, "mew": 0.6, "alpha": 0.6} if many else {"ms": 4, "mew": 0.9}
        for index, color in zip(drawn, row_colors(len(drawn)), strict=True):
            single = len(signals) == 1
            self.ax_.plot(
                self.times, signals[index], "o", mfc="none", **points,
                color=DATA if single else color, label="data" if single else None,
            )  # fmt: skip
            self.ax_.plot(
                self.times[order], fits[index][order], **style,
                color=MODEL if single else color, label="fit" if single else None,
            )  # fmt: skip
        note_sample(self.ax_, len(drawn), len(signals))
        if use_log(self.times):
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
    ResidualsMapDisplay : Two acquisition axes.
    """

    def __init__(self, times, residuals, *, noise_std=None, label="time (s)"):
        self.times = check_drawn(times, "times", 1)
        (self.residuals,) = check_lengths(self.times, residuals=residuals)
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
        times, label = _axis(X, unit, read_symbols(estimator))
        y, fit = check_lengths(times, y=y, fit=predict_signals(estimator, X))
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
        y, y_pred = check_lengths(times, y=y, y_pred=y_pred)
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
        style = "o-" if is_line(self.times) else "o"
        for index, color in zip(drawn, row_colors(len(drawn)), strict=True):
            self.ax_.plot(
                self.times[order], rows[index][order], style, ms=3, lw=0.6, color=color
            )
        note_sample(self.ax_, len(drawn), len(rows))
        if use_log(self.times):
            self.ax_.set_xscale("log")
        self.ax_.set(xlabel=self.label, ylabel="data \N{MINUS SIGN} fit")
        if self.noise_std is not None:
            self.ax_.legend(frameon=False)
        return self
