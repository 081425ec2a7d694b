"""Display of the resolution along an axis."""

import numpy as np

from ..uncertainty import distribution_resolution
from ..utils._answers import Distributions
from ._base import ACCENT, MODEL, axis_labels, check_bins, check_drawn, get_axes


class ResolutionDisplay:
    """Draw how wide a narrow peak becomes, and which relaxation times are not seen.

    Parameters
    ----------
    relaxation_times : ndarray of shape (n_bins,)
        Bins.
    length : ndarray of shape (n_bins,)
        Width of a peak at each of them [decades], nan where there is none.
    seen : ndarray of shape (n_bins,)
        Whether a peak there is above the noise.
    label : str, default="relaxation time"
        Label of the axis.

    See Also
    --------
    skrelax.uncertainty.distribution_resolution : What is drawn.
    """

    def __init__(self, relaxation_times, length, seen, *, label="relaxation time"):
        self.relaxation_times = check_bins(relaxation_times)
        shape = self.relaxation_times.shape
        self.length = check_drawn(length, "length", 1)
        self.seen = check_drawn(seen, "seen", 1) != 0
        for name in ("length", "seen"):
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"{name} must have {shape[0]} bins to match relaxation_times, got "
                    f"shape {getattr(self, name).shape}."
                )
        self.label = str(label)

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, noise_std=None, sample_weight=None, unit=None, ax=None
    ):
        """Fit an inversion, and draw its resolution.

        Parameters
        ----------
        estimator : Pipeline of a KernelBuilder and a linear inversion
            The inversion, of one axis. It is cloned and fitted.
        X : array-like of shape (n_points, n_columns)
            Acquisition points.
        y : array-like of shape (n_points,)
            One signal.
        noise_std : float or None, default=None
            Noise of a point of weight one. None takes it from the residuals.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each point.
        unit : str or None, default=None
            Unit of the axis. None takes s for times and m²/s for diffusion.
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ResolutionDisplay
            With ``ax_``, ``figure_`` and ``line_``.

        Raises
        ------
        ValueError
            As for :func:`~skrelax.uncertainty.distribution_resolution`.
        TypeError
            If `estimator` does not end in a linear inversion.
        """
        table = distribution_resolution(
            estimator, X, y, noise_std=noise_std, sample_weight=sample_weight
        )
        times = table.index.to_numpy()
        found = Distributions(None, (times,), (table.index.name,))
        label = axis_labels(found, unit)[0]
        seen = table["seen"].to_numpy()
        return cls(times, table["length"].to_numpy(), seen, label=label).plot(ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ResolutionDisplay
            Itself.
        """
        self.figure_, self.ax_ = get_axes(ax)
        times = self.relaxation_times
        shown = np.where(self.seen, self.length, np.nan)
        (self.line_,) = self.ax_.plot(times, shown, color=MODEL, marker=".", ms=3)
        if not self.seen.all():
            self.ax_.fill_between(
                times, 0, 1, where=~self.seen, color=ACCENT, alpha=0.2, lw=0,
                transform=self.ax_.get_xaxis_transform(), label="not seen",
            )  # fmt: skip
            self.ax_.legend(frameon=False)
        self.ax_.set(
            xscale="log", xlabel=self.label, ylabel="width of a narrow peak (decades)",
            xlim=(times[0], times[-1]) if times.size > 1 else None,
        )  # fmt: skip
        self.ax_.set_ylim(bottom=0.0)
        return self
