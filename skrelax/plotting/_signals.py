"""Displays of measured and fitted signals."""

import numpy as np

from ._base import (
    DATA,
    MODEL,
    as_rows,
    get_axes,
    note_sample,
    row_colors,
    sample_rows,
)


def _times(X):
    """Return the first acquisition column and its name."""
    if hasattr(X, "columns"):
        return np.asarray(X.iloc[:, 0], dtype=np.float64), str(X.columns[0])
    X = np.asarray(X, dtype=np.float64)
    return (X if X.ndim == 1 else X[:, 0]), "time"


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
        self.times = np.asarray(times)
        self.signals = np.asarray(signals)
        self.fit = np.asarray(fit)
        self.label = label

    @classmethod
    def from_estimator(cls, estimator, X, y, *, unit="s", ax=None):
        """Draw the signals and the fit of an estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted; takes acquisition points.
        X : array-like of shape (n_points, n_axes)
            Acquisition points; the first column is drawn.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Measured signals.
        unit : str, default="s"
            Unit of the acquisition points.
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        DecayDisplay
            With ``ax_`` and ``figure_``.
        """
        times, name = _times(X)
        label = f"{name} ({unit})" if unit else name
        return cls(times, y, estimator.predict(X), label=label).plot(ax)

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
        self.times = np.asarray(times)
        self.residuals = np.asarray(residuals)
        self.noise_std = noise_std
        self.label = label

    @classmethod
    def from_estimator(cls, estimator, X, y, *, noise_std=None, unit="s", ax=None):
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
        unit : str, default="s"
            Unit of the acquisition points.
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ResidualsDisplay
            With ``ax_`` and ``figure_``.
        """
        return cls.from_predictions(
            X, y, estimator.predict(X), noise_std=noise_std, unit=unit, ax=ax
        )

    @classmethod
    def from_predictions(cls, X, y, y_pred, *, noise_std=None, unit="s", ax=None):
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
        unit : str, default="s"
            Unit of the acquisition points.
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ResidualsDisplay
            With ``ax_`` and ``figure_``.
        """
        times, name = _times(X)
        residuals = np.asarray(y, dtype=np.float64) - np.asarray(y_pred)
        label = f"{name} ({unit})" if unit else name
        return cls(times, residuals, noise_std=noise_std, label=label).plot(ax)

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
