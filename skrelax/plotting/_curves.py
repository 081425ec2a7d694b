"""Displays of the choice of a strength."""

import numpy as np

from ..utils._inspect import final_step
from ..utils._validation import check_number, check_numbers
from ._base import (
    ACCENT,
    DATA,
    MODEL,
    check_drawn,
    get_axes,
    legend_on_top,
    row_colors,
    show_decade,
)

# What the criterion of a rule is.
_CRITERIA = {
    "cv": "held-out mean squared error",
    "cv-1se": "held-out mean squared error",
    "gcv": "generalised cross-validation",
    "discrepancy": "mean square residual",
    "chi2": "mean square residual",
    "brd": "mean square of resolved residuals",
}


class CrossValidationCurveDisplay:
    """Draw the cross-validated error against the strength of a penalty.

    Parameters
    ----------
    strengths : ndarray of shape (n_strengths,) or (n_curves, n_strengths)
        Strengths, of all curves or of each.
    mean : ndarray of shape (n_strengths,) or (n_curves, n_strengths)
        Mean squared errors; one curve per value of a second strength.
    error : ndarray of the same shape or None, default=None
        Standard errors.
    chosen : float or None, default=None
        The chosen strength.
    curves : sequence of float or None, default=None
        Values of the second strength.
    names : tuple of str, default=("alpha", "smoothness")
        Names of the strength and the second strength.
    chosen_curve : float or None, default=None
        The chosen value of the second strength, one of `curves`.

    See Also
    --------
    StrengthCurveDisplay : Other rules.
    """

    def __init__(
        self,
        strengths,
        mean,
        error=None,
        chosen=None,
        curves=None,
        names=("alpha", "smoothness"),
        chosen_curve=None,
    ):
        self.strengths = check_drawn(strengths, "strengths", (1, 2))
        self.mean = self._check_curves(mean, "mean")
        self.error = None if error is None else self._check_curves(error, "error")
        if self.error is not None and self.error.shape != self.mean.shape:
            raise ValueError(
                f"error must have the shape of mean, {self.mean.shape}, got "
                f"{self.error.shape}."
            )
        if chosen is not None:
            chosen = check_number(chosen, "chosen", 0.0, 1e100)
        self.chosen = chosen
        self.curves = None if curves is None else check_drawn(curves, "curves", 1)
        if self.curves is not None and self.curves.size != len(self.mean):
            raise ValueError(
                f"curves must be one value for each of {len(self.mean)} curves, got "
                f"{self.curves.size}."
            )
        self.names = names
        if not isinstance(names, tuple | list) or len(names) != 2:
            raise ValueError(f"names must be two strings, got {names!r}.")
        self.chosen_curve = chosen_curve
        if chosen_curve is not None:
            self.chosen_curve = check_number(chosen_curve, "chosen_curve")
            if self.curves is None or self.chosen_curve not in self.curves:
                raise ValueError(
                    f"chosen_curve must be one of curves, got {chosen_curve}."
                )

    def _check_curves(self, values, name):
        """Return curves (n_curves, n_strengths)."""
        array = np.atleast_2d(check_drawn(values, name, (1, 2)))
        shape = self.strengths.shape
        if array.shape[-len(shape) :] != shape:
            raise ValueError(
                f"{name} must have {shape[-1]} values per curve, one per strength of "
                f"shape {shape}, got shape {array.shape}."
            )
        return array

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the curve of a fitted estimator.

        Parameters
        ----------
        estimator : LassoFistaCV, SmoothLassoCV, Pipeline or GridSearchCV
            An estimator with built-in cross-validation, a Pipeline that ends in
            one, or a GridSearchCV over one numeric parameter.
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        CrossValidationCurveDisplay
            With ``ax_`` and ``figure_``.

        Raises
        ------
        ValueError
            If the estimator has no curve of one or two strengths.
        """
        results = getattr(estimator, "cv_results_", None)
        if results is not None and "params" in results:
            return cls._from_grid_search(estimator).plot(ax)
        final = estimator if results is not None else final_step(estimator)
        results = getattr(final, "cv_results_", None)
        if results is None:
            raise ValueError(f"{type(final).__name__} has no cross-validation curve.")
        mean, error = results["mean_test_mse"], results["se_test_mse"]
        if mean.ndim > 2:
            raise ValueError(
                f"{type(final).__name__} has curves of two strengths for each of "
                f"{mean.shape[2]} signals: draw that of a fit to one signal."
            )
        if "smoothness" in results:
            chosen = final.smoothness_, final.alpha_
            if final.alpha_ not in final.alphas_:
                # Strengths that follow the noise lie on no curve, but somewhere along.
                chosen = final.smoothness_, None
            display = cls(
                final.smoothnesses_, mean.T, error.T, chosen[0],
                final.alphas_, ("smoothness", "alpha"), chosen[1],
            )  # fmt: skip
        elif mean.ndim == 2:
            display = cls(
                results["alpha"].T, mean.T, error.T, names=("alpha", "signal")
            )
        else:
            display = cls(results["alpha"], mean, error, final.alpha_)
        return display.plot(ax)

    @classmethod
    def _from_grid_search(cls, search):
        """Return the display of a GridSearchCV over one numeric parameter."""
        results = search.cv_results_
        names = [key for key in results if key.startswith("param_")]
        if len(names) != 1:
            raise ValueError(
                f"the estimator must be a search over one parameter, got {names}."
            )
        strengths = check_numbers(np.asarray(results[names[0]]), names[0])
        order = np.argsort(strengths)
        n_splits = search.n_splits_
        error = results["std_test_score"] / np.sqrt(max(n_splits - 1, 1))
        name = names[0].removeprefix("param_")
        display = cls(
            strengths[order], -results["mean_test_score"][order], error[order],
            strengths[search.best_index_], names=(name.rpartition("__")[2], ""),
        )  # fmt: skip
        scoring = search.scoring if isinstance(search.scoring, str) else ""
        display.ylabel = (
            f"held-out {scoring.removeprefix('neg_').replace('_', ' ')}"
            if scoring.startswith("neg_")
            else "minus the score"
        )
        return display

    ylabel = _CRITERIA["cv"]

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        CrossValidationCurveDisplay
            Itself.
        """
        self.figure_, self.ax_ = get_axes(ax)
        strengths = np.broadcast_to(self.strengths, self.mean.shape)
        colors = row_colors(len(self.mean))
        for index, (mean, color) in enumerate(zip(self.mean, colors, strict=True)):
            use = strengths[index] > 0
            x = strengths[index][use]
            label = None
            if self.curves is not None and len(self.mean) <= 8:
                label = f"{self.names[1]} {self.curves[index]:.2g}"
            self.ax_.plot(x, mean[use], ".-", ms=4, lw=1.1, color=color, label=label)
            if self.error is not None and len(self.mean) == 1:
                error = self.error[index][use]
                self.ax_.fill_between(
                    x, mean[use] - error, mean[use] + error, color=color, alpha=0.2,
                    lw=0, label="one standard error",
                )  # fmt: skip
        if self.chosen is not None:
            self._mark_chosen()
        drawn = self.mean[strengths > 0]
        positive = (drawn > 0).all() and drawn.size
        self.ax_.set(xscale="log", xlabel=self.names[0], ylabel=self.ylabel)
        if positive:
            low = drawn.min()
            self.ax_.set_yscale("log")
            if self.error is not None:
                # Error bands that reach 0 would take the whole axis.
                self.ax_.set_ylim(bottom=0.5 * low)
            show_decade(self.ax_)
        legend_on_top(self.ax_)
        return self

    def _mark_chosen(self):
        """Draw the chosen strength, and the chosen curve if there are several."""
        label = f"chosen {self.chosen:.2g}"
        if self.curves is not None:
            label = f"chosen {self.names[0]} {self.chosen:.2g}"
        line = {"color": ACCENT, "ls": "--", "lw": 1.1}
        if self.chosen_curve is not None:
            label += f",\n{self.names[1]} {self.chosen_curve:.2g}"
            mean = self.mean[int(np.argmax(self.curves == self.chosen_curve))]
            use = self.strengths > 0
            self.ax_.plot(self.strengths[use], mean[use], color=ACCENT, lw=1.8)
        if self.chosen > 0:
            self.ax_.axvline(self.chosen, label=label, **line)
        else:
            # Zero has no place on a logarithmic axis.
            self.ax_.plot([], [], label=f"{label} (left of the axis)", **line)
        if self.chosen_curve is not None and self.chosen > 0:
            at = self.strengths == self.chosen
            self.ax_.plot(self.strengths[at], mean[at], "o", ms=7, color=ACCENT)


class StrengthCurveDisplay:
    """Draw the curve of a StrengthSearch and its choice.

    Parameters
    ----------
    search : StrengthSearch
        Fitted.

    See Also
    --------
    CrossValidationCurveDisplay : Estimators with built-in cross-validation.
    """

    def __init__(self, search):
        if not hasattr(search, "curve_") or not hasattr(search, "strength_"):
            raise ValueError(f"search must be a fitted StrengthSearch, got {search!r}.")
        if np.ndim(search.strength_):
            raise ValueError(
                f"search has a curve for each of {len(search.strength_)} signals: draw "
                "that of a search for one signal."
            )
        self.search = search

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the curve of a fitted StrengthSearch.

        Parameters
        ----------
        estimator : StrengthSearch
            Fitted.
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        StrengthCurveDisplay
            With ``ax_`` and ``figure_``.

        Raises
        ------
        ValueError
            If the estimator is no fitted StrengthSearch.
        """
        return cls(estimator).plot(ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        StrengthCurveDisplay
            Itself.
        """
        self.figure_, self.ax_ = get_axes(ax)
        search, curve = self.search, self.search.curve_
        chosen = f"chosen {search.strength_:.2g}"
        if search.rule == "lcurve":
            x, y = np.log10(curve["residual"]), np.log10(curve["norm"])
            order = np.argsort(curve["strength"])
            at = np.log(curve["strength"][order]), np.log(search.strength_)
            self.ax_.plot(x, y, ".-", color=MODEL, ms=4, lw=1.1)
            self.ax_.plot(
                np.interp(at[1], at[0], x[order]), np.interp(at[1], at[0], y[order]),
                "o", color=ACCENT, label=chosen,
            )  # fmt: skip
            self.ax_.set(
                xlabel=r"$\log_{10}$ mean square residual",
                ylabel=r"$\log_{10}$ penalty norm",
            )
        else:
            self.ax_.plot(
                curve["strength"], curve["criterion"], ".-", color=MODEL, ms=4, lw=1.1
            )
            if search.target_ is not None:
                self.ax_.axhline(search.target_, color=DATA, lw=0.9, label="target")
            self.ax_.axvline(search.strength_, color=ACCENT, ls="--", label=chosen)
            self.ax_.set(
                xscale="log", yscale="log", xlabel=self._strength_name(),
                ylabel=_CRITERIA[search.rule],
            )  # fmt: skip
            show_decade(self.ax_)
        self.ax_.set_title(search.rule)
        legend_on_top(self.ax_)
        return self

    def _strength_name(self):
        """Return the name of the strength, without the step of a Pipeline."""
        if self.search.parameter is not None:
            return self.search.parameter.rpartition("__")[2]
        return final_step(self.search.best_estimator_)._strengths[0]
