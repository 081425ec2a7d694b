"""Display of the profile of a parameter."""

import numpy as np

from ..uncertainty import ProfileResult
from ..utils._validation import check_number, check_numbers
from ._base import (
    ACCENT,
    DATA,
    LARGEST_DRAWN,
    MODEL,
    TRUTH,
    check_drawn,
    choose_unit,
    get_axes,
    in_mathtext,
    with_unit,
)

# The picture ends above the highest line by this factor.
_TOP = 1.5
# From this ratio of values on their axis is logarithmic.
_WIDE = 20.0


class ProfileDisplay:
    """Draw the profile of a parameter, and what its standard error makes of it.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Values of the parameter, increasing.
    rise : ndarray of shape (n_values,)
        The least sum of squares at each of them above that of the fit, over the
        variance of the noise; nan where there is no fit.
    levels : dict of float to float
        The rise that intervals of these levels allow.
    estimate : float
        Value of the fit.
    stderr : float or None, default=None
        Standard error, whose parabola is drawn as well.
    interval : tuple of float or None, default=None
        Ends of the interval of the last level, which are marked.
    label : str, default="parameter"
        Label of the axis.
    truth : float or None, default=None
        True value.

    See Also
    --------
    skrelax.uncertainty.profile_parameters : What is drawn.
    """

    def __init__(
        self, values, rise, levels, estimate, stderr=None,
        *, interval=None, label="parameter", truth=None,
    ):  # fmt: skip
        self.values = check_drawn(values, "values", 1)
        self.rise = check_drawn(rise, "rise", 1)
        if self.rise.shape != self.values.shape:
            raise ValueError(
                f"rise must have {self.values.size} values to match values, got shape "
                f"{self.rise.shape}."
            )
        if not isinstance(levels, dict) or not levels:
            raise ValueError(
                f"levels must be a dict of levels and what they allow, got {levels!r}."
            )
        self.levels = {
            float(_drawn(level, "levels")): float(_drawn(allowed, "levels"))
            for level, allowed in levels.items()
        }
        self.estimate = _drawn(estimate, "estimate")
        self.stderr = None if stderr is None else _drawn(stderr, "stderr")
        self.interval = None
        if interval is not None:
            ends = check_numbers(interval, "interval", finite=False)
            if ends.shape != (2,):
                raise ValueError(
                    f"interval must be two numbers, got shape {ends.shape}."
                )
            self.interval = tuple(ends.tolist())
        self.label = str(label)
        self.truth = None if truth is None else _drawn(truth, "truth")

    @classmethod
    def from_result(
        cls, result, name, level=None, *, signal=None, unit=None, truth=None, ax=None
    ):
        """Draw the profile of a parameter of a result.

        Parameters
        ----------
        result : ProfileResult
            What :func:`~skrelax.uncertainty.profile_parameters` returns.
        name : str
            One of its names.
        level : float or None, default=None
            Level whose interval is marked, in (0, 1). None is that of the result.
        signal : int or None, default=None
            Number of the signal. None is the only one.
        unit : str or None, default=None
            Unit of the axis. None takes that of the model, or s for times.
        truth : float or None, default=None
            True value.
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ProfileDisplay
            With ``ax_``, ``figure_``, ``line_`` and ``parabola_``.

        Raises
        ------
        ValueError
            If there is no such name or signal, the signal has no profile, or `level` is
            not between 0 and 1.
        TypeError
            If `result` is no ProfileResult.
        """
        if not isinstance(result, ProfileResult):
            raise TypeError(f"result must be a ProfileResult, got {result!r}.")
        curve, levels, found = result._curve(name, level, signal)
        (estimate, stderr, interval) = found
        drawn = np.abs(curve.values) <= LARGEST_DRAWN
        demanded = result.profiles.parameter(name).unit
        shown = demanded or choose_unit(unit, 0, name)
        return cls(
            curve.values[drawn], curve.rise[drawn], levels, estimate,
            stderr if np.isfinite(stderr) else None, interval=interval,
            label=with_unit(in_mathtext(name), shown), truth=truth,
        ).plot(ax)  # fmt: skip

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ProfileDisplay
            Itself.
        """
        self.figure_, self.ax_ = get_axes(ax)
        ax, highest = self.ax_, _TOP * max(self.levels.values())
        for level, allowed in self.levels.items():
            ax.axhline(allowed, color="0.8", lw=0.8, zorder=0)
            ax.annotate(
                f"{100.0 * level:g} %", (1.0, allowed),
                xycoords=("axes fraction", "data"), xytext=(3, 0),
                textcoords="offset points", va="center", fontsize="small", color=DATA,
            )  # fmt: skip
        (self.line_,) = ax.plot(self.values, self.rise, color=MODEL, label="profile")
        self.parabola_ = None
        if self.stderr is not None and self.stderr > 0.0:
            with np.errstate(over="ignore"):
                parabola = ((self.values - self.estimate) / self.stderr) ** 2
            parabola = np.minimum(parabola, 2.0 * highest)
            (self.parabola_,) = ax.plot(
                self.values, parabola, color=ACCENT, ls="--", label="standard error"
            )
        if self.interval is not None:
            allowed = list(self.levels.values())[-1]
            ends = [v for v in self.interval if np.abs(v) <= LARGEST_DRAWN]
            ax.vlines(ends, 0.0, allowed, color=MODEL, lw=0.8, ls=":")
        if self.truth is not None:
            ax.axvline(self.truth, color=TRUTH, label="truth", zorder=0)
        ratio = 0.0
        if self.values.min() > 0.0:
            ratio = self.values.max() / self.values.min()
        ax.set(
            xlabel=self.label, ylabel=r"rise of the misfit ($\sigma^2$)",
            ylim=(0.0, highest), xscale="log" if ratio > _WIDE else "linear",
        )  # fmt: skip
        if ax.get_xscale() == "linear":
            ax.locator_params(axis="x", nbins=5)
        # Curves fill the axes, so the legend has a row of its own above them.
        ax.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize="small",
            frameon=False, columnspacing=1.2,
        )  # fmt: skip
        return self


def _drawn(value, name):
    """Return a number that matplotlib can draw."""
    return float(check_drawn([check_number(value, name)], name, 1)[0])
