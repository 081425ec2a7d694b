"""Display of the residuals of a signal over two acquisition axes."""

import numbers

import numpy as np

from ..metrics import residual_autocorrelation
from ..utils._validation import check_number, check_numbers
from ._base import ACCENT, DATA, check_drawn, check_pair, get_figure
from ._signals import (
    acquisition_axes,
    check_lengths,
    predict_signals,
    read_symbols,
    use_log,
)

# The scale of colours ends at so many times the noise.
_WIDEST = 3.0
# A grid may lack points, but not most of them.
_LEAST_FILLED = 0.25


class ResidualsMapDisplay:
    """Draw what a fit leaves of a signal as an image over both acquisition axes.

    Beside it stands the autocorrelation along each axis, with the limits that white
    noise keeps to in 95 % of the lags. Structure in the image, or lags beyond the
    limits, are signal that the fit does not hold: a wrong efficiency or baseline, a
    penalty too strong, an artefact of the measurement.

    Parameters
    ----------
    times : tuple of ndarray
        Acquisition points along the two axes, increasing.
    residuals : ndarray of shape (n_1, n_2)
        Signal minus fit, weighted so that all points have the same noise; nan for
        points that were not measured.
    noise_std : float or None, default=None
        Noise level, the unit of the image. None takes the root mean square.
    labels : tuple of str, default=("first axis", "second axis")
        Labels of the axes.

    See Also
    --------
    ResidualsDisplay : One axis.
    skrelax.metrics.residual_autocorrelation : The numbers.
    """

    def __init__(
        self, times, residuals, *, noise_std=None, labels=("first axis", "second axis")
    ):
        self.times = tuple(
            check_drawn(check_numbers(axis, "times"), "times", 1)
            for axis in check_pair(times, "times")
        )
        self.residuals = check_drawn(residuals, "residuals", 2)
        shape = tuple(axis.size for axis in self.times)
        if self.residuals.shape != shape or min(shape) < 2:
            raise ValueError(
                "residuals must have the shape of the grid, at least 2 points along "
                f"both axes, got {self.residuals.shape} and times of {shape}."
            )
        for axis in self.times:
            if not (np.diff(axis) > 0).all():
                raise ValueError("times must increase along both axes.")
        if noise_std is not None:
            noise_std = check_number(noise_std, "noise_std", 1e-100, 1e100)
        self.noise_std = noise_std
        self.labels = tuple(str(label) for label in check_pair(labels, "labels"))

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        sample_weight=None,
        noise_std=None,
        signal=0,
        unit=None,
        figure=None,
    ):
        """Draw the residuals of an estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted; takes acquisition points.
        X : array-like of shape (n_points, 2)
            Acquisition points of a grid, in any order; some may lack.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Measured signals.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each point: residuals are multiplied by its root.
        noise_std : float or None, default=None
            Noise level of a point of weight one, the unit of the image. None takes the
            root mean square.
        signal : int, default=0
            Which signal, if there are several.
        unit : str, tuple of str or None, default=None
            Unit of the times of X, or one unit per column. None takes s for times and
            s/m² for b.
        figure : Figure or None, default=None
            Where to draw; None makes one.

        Returns
        -------
        ResidualsMapDisplay
            With ``figure_``, ``axes_`` (image, autocorrelation along the first and the
            second axis), ``whiteness_`` (their numbers) and ``colorbar_``.

        Raises
        ------
        ValueError
            If X has not two columns, or is no grid, or there is no such signal.
        """
        points, labels = acquisition_axes(X, unit, read_symbols(estimator))
        times, image = _rest_on_grid(
            points, y, predict_signals(estimator, X), sample_weight, signal
        )
        return cls(times, image, noise_std=noise_std, labels=labels).plot(figure)

    @classmethod
    def from_predictions(
        cls,
        X,
        y,
        y_pred,
        *,
        sample_weight=None,
        noise_std=None,
        signal=0,
        unit=None,
        figure=None,
    ):
        """Draw the difference of signals and predictions.

        Parameters
        ----------
        X : array-like of shape (n_points, 2)
            Acquisition points of a grid, in any order; some may lack.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Measured signals.
        y_pred : array-like of the same shape
            Predicted signals.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each point: residuals are multiplied by its root.
        noise_std : float or None, default=None
            Noise level of a point of weight one, the unit of the image. None takes the
            root mean square.
        signal : int, default=0
            Which signal, if there are several.
        unit : str, tuple of str or None, default=None
            Unit of the times of X, or one unit per column. None takes s for times and
            s/m² for b.
        figure : Figure or None, default=None
            Where to draw; None makes one.

        Returns
        -------
        ResidualsMapDisplay
            With ``figure_``, ``axes_`` (image, autocorrelation along the first and the
            second axis), ``whiteness_`` (their numbers) and ``colorbar_``.

        Raises
        ------
        ValueError
            If X has not two columns, or is no grid, or there is no such signal.
        """
        points, labels = acquisition_axes(X, unit)
        times, image = _rest_on_grid(points, y, y_pred, sample_weight, signal)
        return cls(times, image, noise_std=noise_std, labels=labels).plot(figure)

    def plot(self, figure=None):
        """Draw.

        Parameters
        ----------
        figure : Figure or None, default=None
            Where to draw; None makes one.

        Returns
        -------
        ResidualsMapDisplay
            Itself.
        """
        figure = get_figure(figure, (8.6, 4.2))
        axes = figure.subplot_mosaic(
            [["image", "first"], ["image", "second"]], width_ratios=(1.7, 1)
        )
        known = self.residuals[~np.isnan(self.residuals)]
        largest = np.abs(known).max(initial=0.0) or 1.0
        rms = largest * np.sqrt(((known / largest) ** 2).sum() / max(known.size, 1))
        size = self.noise_std or rms or 1.0
        image = axes["image"]
        logs = [use_log(axis) and axis[0] > 0 for axis in self.times]
        edges = [_edges(axis, log) for axis, log in zip(self.times, logs, strict=True)]
        image.set_facecolor("0.85")
        drawn = image.pcolormesh(
            edges[1], edges[0], self.residuals / size, cmap="RdBu_r", vmin=-_WIDEST,
            vmax=_WIDEST, rasterized=True,
        )  # fmt: skip
        image.set(
            xscale="log" if logs[1] else "linear", xlabel=self.labels[1],
            yscale="log" if logs[0] else "linear", ylabel=self.labels[0],
            xlim=(edges[1][0], edges[1][-1]), ylim=(edges[0][0], edges[0][-1]),
        )  # fmt: skip
        if self.noise_std is None:
            unit, text = "root mean square", f"root mean square {rms:.3g}"
        else:
            unit, text = "noise", f"root mean square {rms / size:.3g} times the noise"
        image.set_title(text, fontsize="medium")
        self.colorbar_ = figure.colorbar(
            drawn, ax=image, label=f"(data \N{MINUS SIGN} fit) / {unit}", extend="both"
        )
        self.whiteness_ = residual_autocorrelation(self.residuals)
        for axis, name in enumerate(("first", "second")):
            _draw_lags(
                axes[name],
                self.whiteness_[self.whiteness_["axis"] == axis],
                self.labels[axis].partition(" (")[0],
            )
        axes["second"].set_xlabel("lag (points)")
        self.figure_ = figure
        self.axes_ = np.array([image, axes["first"], axes["second"]])
        return self


def _rest_on_grid(points, y, y_pred, sample_weight, signal):
    """Return times of both axes and weighted residuals (n_1, n_2) of one signal."""
    if len(points) != 2:
        raise ValueError(f"X must have two columns, got {len(points)}.")
    y, y_pred = check_lengths(points[0], y=y, y_pred=y_pred)
    rest = (y - y_pred).reshape(len(y), -1)
    count = rest.shape[1]
    signal = check_number(signal, "signal", -count, count - 1, numbers.Integral)
    rest = rest[:, signal]
    if sample_weight is not None:
        weight = check_numbers(sample_weight, "sample_weight")
        if weight.shape != rest.shape or (weight < 0).any():
            raise ValueError(
                f"sample_weight must be {rest.size} non-negative numbers, got "
                f"shape {weight.shape}."
            )
        # A point without weight says nothing.
        rest = np.where(weight > 0, rest * np.sqrt(weight), np.nan)
    return _as_grid(points, rest)


def _as_grid(points, values):
    """Return times of both axes and values (n_1, n_2) of a grid, nan where none is."""
    (first, i), (second, j) = (
        np.unique(column, return_inverse=True) for column in points
    )
    shape = first.size, second.size
    if values.size < _LEAST_FILLED * first.size * second.size:
        raise ValueError(
            f"X must be the points of a grid, but its {values.size} rows have "
            f"{first.size} and {second.size} different values on the two axes."
        )
    places = i * second.size + j
    if np.unique(places).size < places.size:
        raise ValueError(
            "X must have one row for each point of a grid, but some stand twice: "
            "average them."
        )
    image = np.full(shape, np.nan)
    image[i, j] = values
    return (first, second), image


def _edges(axis, is_log):
    """Return the borders of cells around points of an axis."""
    x = np.log10(axis) if is_log else axis
    inner = 0.5 * (x[1:] + x[:-1])
    edges = np.concatenate([[2 * x[0] - inner[0]], inner, [2 * x[-1] - inner[-1]]])
    return 10.0**edges if is_log else edges


def _draw_lags(ax, table, name):
    """Draw the autocorrelation along one axis with its limits."""
    lag, found, limit = (table[key] for key in ("lag", "correlation", "limit"))
    # Constant beyond the first and the last lag.
    x = np.concatenate([[0.4], lag, [lag.iloc[-1] + 0.6]])
    y = np.concatenate([limit[:1], limit, limit[-1:]])
    ax.fill_between(x, -y, y, color="0.88", lw=0)
    ax.axhline(0.0, color="0.6", lw=0.8)
    beyond = (np.abs(found) > limit).to_numpy()
    for part, color in ((~beyond, DATA), (beyond, ACCENT)):
        ax.vlines(lag[part], 0.0, found[part], color=color, lw=1.5)
        ax.plot(lag[part], found[part], "o", ms=3.5, color=color)
    ax.set(xlim=(x[0], x[-1]), ylabel="autocorrelation")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_title(
        f"along {name}: {beyond.sum()} of {len(lag)} beyond 95 %", fontsize="small"
    )
