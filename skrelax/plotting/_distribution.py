"""Displays of distributions over one axis."""

import numpy as np

from ..uncertainty import UncertaintyResult
from ..utils._answers import Distributions
from ._base import (
    MODEL,
    TRUTH,
    as_rows,
    axis_labels,
    check_bins,
    check_drawn,
    check_pair,
    fitted_axes,
    get_axes,
    note_sample,
    row_colors,
    sample_rows,
)


def _density(distribution, times):
    """Return amplitude per decade, comparable between grids."""
    x = np.log10(times)
    if x.size == 1:
        return distribution
    return distribution / np.abs(np.gradient(x))


class DistributionDisplay:
    """Draw distributions of relaxation times on a logarithmic axis.

    Amplitudes are drawn per decade, so that estimates and a truth on another grid
    have the same scale.

    Parameters
    ----------
    relaxation_times : ndarray of shape (n_bins,)
        Bins.
    distribution : ndarray of shape (n_bins,) or (n_signals, n_bins)
        Distributions.
    label : str, default="relaxation time"
        Label of the axis.
    truth : tuple of ndarray or None, default=None
        Grid and distribution of the truth, if it is known.
    band : tuple of ndarray or None, default=None
        Lower and upper limit of the distribution on its bins.

    See Also
    --------
    DistributionMapDisplay : Two axes.
    """

    def __init__(
        self,
        relaxation_times,
        distribution,
        *,
        label="relaxation time",
        truth=None,
        band=None,
    ):
        times = check_bins(relaxation_times)
        self.relaxation_times = times
        self.distribution = check_drawn(distribution, "distribution", (1, 2))
        if self.distribution.shape[-1] != times.size:
            raise ValueError(
                f"distribution must have {times.size} bins to match relaxation_times, "
                f"got shape {self.distribution.shape}."
            )
        self.label = str(label)
        self.truth = None
        if truth is not None:
            grid, values = check_pair(truth, "truth")
            grid = check_bins(grid, "truth")
            values = check_drawn(values, "truth", (1, 2))
            if values.shape[-1] != grid.size:
                raise ValueError(
                    f"truth must have as many bins as its grid, {grid.size}, got "
                    f"shape {values.shape}."
                )
            self.truth = grid, values
        self.band = None
        if band is not None:
            sides = tuple(
                check_drawn(side, "band", 1) for side in check_pair(band, "band")
            )
            if any(side.size != times.size for side in sides):
                raise ValueError(
                    f"band must have {times.size} bins to match relaxation_times, got "
                    f"{sides[0].size} and {sides[1].size}."
                )
            self.band = sides

    @classmethod
    def from_estimator(cls, estimator, *, unit=None, truth=None, band=None, ax=None):
        """Draw the distributions of a fitted inversion.

        Parameters
        ----------
        estimator : Pipeline, MultiDimRegularizedILT, or a search over one
            Fitted, with one axis: a KernelBuilder and a linear inversion, or a signed
            one. Negative bins are drawn as such.
        unit : str or None, default=None
            Unit of the axis. None takes s for times and m²/s for diffusion.
        truth : tuple of ndarray or None, default=None
            Grid and distribution of the truth.
        band : tuple of ndarray or None, default=None
            Lower and upper limit, as of a bootstrap.
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        DistributionDisplay
            With ``ax_``, ``figure_`` and ``lines_``.

        Raises
        ------
        ValueError
            If the estimator has no distribution, or has several axes.
        """
        found = fitted_axes(estimator, 1)
        f = found.rows
        display = cls(
            found.grids[0],
            f[0] if len(f) == 1 else f,
            label=axis_labels(found, unit)[0],
            truth=truth,
            band=band,
        )
        return display.plot(ax)

    @classmethod
    def from_uncertainty(cls, result, *, level=None, unit=None, truth=None, ax=None):
        """Draw a distribution with its band.

        Parameters
        ----------
        result : UncertaintyResult
            Of one axis, as :func:`~skrelax.uncertainty.bootstrap_distribution` makes
            it.
        level : float or None, default=None
            Level of the band, in (0, 1). None is that of the result.
        unit : str or None, default=None
            Unit of the axis. None takes s for times and m²/s for diffusion.
        truth : tuple of ndarray or None, default=None
            Grid and distribution of the truth.
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        DistributionDisplay
            With ``ax_``, ``figure_`` and ``lines_``.

        Raises
        ------
        ValueError
            If the result has not one axis of relaxation times, or `level` is not
            between 0 and 1.
        TypeError
            If `result` is no UncertaintyResult.
        """
        if not isinstance(result, UncertaintyResult):
            raise TypeError(
                f"result must be an UncertaintyResult, got {type(result).__name__}."
            )
        if result.axes is None or len(result.axes) != 1:
            n_axes = 0 if result.axes is None else len(result.axes)
            raise ValueError(
                f"result must have one axis of relaxation times, but has {n_axes}."
            )
        ((name, times),) = result.axes.items()
        found = Distributions(result.distribution[None], (times,), (name,))
        display = cls(
            times,
            result.distribution,
            label=axis_labels(found, unit)[0],
            truth=truth,
            band=result.band(level),
        )
        shown = result.level if level is None else level
        display._band_label = f"{100.0 * shown:g} % band"
        return display.plot(ax)

    _band_label = "band"

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        DistributionDisplay
            Itself.
        """
        self.figure_, self.ax_ = get_axes(ax)
        times, rows = self.relaxation_times, as_rows(self.distribution)
        drawn = sample_rows(len(rows))
        self.lines_ = []
        if self.truth is not None:
            grid, truth = self.truth
            for row in as_rows(truth)[: 1 if len(rows) == 1 else 0]:
                density = _density(row, np.asarray(grid))
                self.ax_.fill_between(grid, density, color=TRUTH, alpha=0.35, lw=0)
                self.lines_ += self.ax_.plot(grid, density, color=TRUTH, label="truth")
        if self.band is not None:
            lower, upper = (_density(np.asarray(side), times) for side in self.band)
            self.ax_.fill_between(
                times, lower, upper, color=MODEL, alpha=0.25, lw=0,
                label=self._band_label,
            )  # fmt: skip
        for index, color in zip(drawn, row_colors(len(drawn)), strict=True):
            self.lines_ += self.ax_.plot(
                times, _density(rows[index], times), color=color, marker=".", ms=3,
                lw=1.3, label="estimate" if len(rows) == 1 else None,
            )  # fmt: skip
        note_sample(self.ax_, len(drawn), len(rows))
        self.ax_.axhline(0.0, color="0.8", lw=0.8, zorder=0)
        self.ax_.set(
            xscale="log", xlabel=self.label, ylabel="amplitude per decade",
            xlim=(times[0], times[-1]) if times.size > 1 else None,
        )  # fmt: skip
        if len(rows) == 1 and not (self.truth is None and self.band is None):
            self.ax_.legend(frameon=False)
        return self
