"""The one object that says how sure the numbers of a distribution are."""

import numbers
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ..metrics._intervals import basic_interval
from ..metrics._peaks import peak_parts
from ..utils._validation import stable_std
from ._bias_aware import smooth_values
from ._bounds import bound_values, is_met
from ._functionals import Custom, Functional, named_functionals, of_peaks
from ._of_estimator import OfEstimator
from ._scales import SCALES
from ._status import MOST_SHARE, OUTSIDE, is_outside, is_wide

COLUMNS = ("estimate", "lower", "upper", "std", "status")
BOUNDS = ("bounds", "simultaneous")
BIAS_AWARE = "bias-aware"


@dataclass(frozen=True, repr=False)
class UncertaintyResult:
    """Hold the refits of a distribution, and tell how sure its numbers are.

    Parameters
    ----------
    distribution : ndarray of shape (n_bins,)
        The distribution of the measured signal; bins of several axes in C order.
    samples : ndarray of shape (n_bootstrap, n_bins)
        The distributions of the refits.
    axes : dict of str to ndarray of shape (n_bins_of_axis,), or None
        The bins of each axis by name [s, or as the model has them]; None where they are
        no relaxation times, so that no number has a meaning.
    method : str
        How refits were drawn and intervals are made, see
        :func:`bootstrap_distribution`.
    noise_std : float
        Noise that was drawn (of a point of weight one).
    level : float
        Level of bands and intervals where none is given.
    problem : object or None, default=None
        The signal and its kernel, of which bounds are made.
    refits : object or None, default=None
        What is fitted again for numbers of fitted estimators.

    See Also
    --------
    bootstrap_distribution : Makes it.
    skrelax.plotting.DistributionDisplay.from_uncertainty : Draws it.
    """

    distribution: np.ndarray
    samples: np.ndarray
    axes: dict | None
    method: str
    noise_std: float
    level: float
    problem: object = field(default=None, repr=False)
    refits: object = field(default=None, repr=False, compare=False)
    _found: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def __repr__(self):
        """Return what it holds in one line: arrays of thousands tell nothing."""
        grids = "no axes" if self.axes is None else " x ".join(self.axes)
        return (
            f"{type(self).__name__}({grids} in {self.distribution.size} bins, "
            f"{len(self.samples)} refits, method={self.method!r}, "
            f"noise_std={self.noise_std:.3g}, level={self.level:g})"
        )

    def interval(self, function, level=None, *, scale=None):
        """Return the interval of a number.

        Parameters
        ----------
        function : str, Share, LogMean, TimeRatio, Amplitude, OfEstimator or callable
            The number: a name of `to_frame`; :class:`Share`, :class:`LogMean`,
            :class:`TimeRatio` or :class:`Amplitude` of a region; an
            :class:`OfEstimator`; or a function that takes a distribution (n_bins,) or
            (n_1, n_2) and its bins, an array or a tuple of arrays, and returns a
            number.
        level : float or None, default=None
            Level in (0, 1). None is that of the result.
        scale : {"number", "share", "time"} or None, default=None
            Kind of what a function returns: ``"share"`` is from 0 to 1, ``"time"`` is
            positive, and ``"number"``, as None, any other.

        Returns
        -------
        lower, upper : float
            The interval, nan where the distribution has no such number, a region has
            no bins or, for ``method="simultaneous"``, no distribution fits the signal.

        Raises
        ------
        ValueError
            If there is no such name, a function raises or returns an array, or, for
            bounds, is no ratio of sums, or `level` is not between 0 and 1.
        TypeError
            If `function` is neither a name nor callable.
        """
        functional = self._find(function, scale)
        return self._interval(functional, self._values(functional), level)

    def estimate(self, function, *, scale=None):
        """Return a number of the distribution of the measured signal.

        Parameters
        ----------
        function : str, Share, LogMean, TimeRatio, Amplitude, OfEstimator or callable
            The number, as for `interval`.
        scale : {"number", "share", "time"} or None, default=None
            Taken as `interval` takes it; it does not change the result.

        Returns
        -------
        float
            The number, nan where the distribution has none. Intervals may leave it
            out, see `status`.

        Raises
        ------
        ValueError
            If there is no such name, or a function raises or returns an array.
        TypeError
            If `function` is neither a name nor callable.
        """
        return float(self._values(self._find(function, scale))[0])

    def status(self, function, level=None, *, scale=None):
        """Return whether an interval of a number means anything.

        Parameters
        ----------
        function : str, Share, LogMean, TimeRatio, Amplitude, OfEstimator or callable
            The number, as for `interval`.
        level : float or None, default=None
            Level in (0, 1). None is that of the result.
        scale : {"number", "share", "time"} or None, default=None
            Kind of what a function returns.

        Returns
        -------
        str
            ``"ok"``; ``"estimate outside"`` where the interval means what it says, and
            does not hold the estimate, which the penalty has shifted by more than the
            noise explains (or has taken away, nan): take the interval; ``"not
            identifiable"`` where a share is known to no better than half of all shares,
            or a time, ratio or amplitude to a factor of ten or to four fifths of the
            decades of the grid, or, of bias-aware intervals, a sum to half of all
            amplitudes, whatever their sign; ``"does not fit"`` where no distribution of
            these bins fits the signal as well as its noise asks (all but one in a
            hundred true ones do), so that intervals miss what they should hold: bins
            are too few for the noise, or the model is wrong; ``"no value"`` where there
            is no interval.

            Of refits ``"not identifiable"`` and ``"does not fit"`` are also what bounds
            say, where the method could be ``"bounds"`` and the number has them: refits
            do not see what the penalty alone decides. That costs some fits for each
            number.

        Raises
        ------
        ValueError
            As for `interval`.
        TypeError
            If `function` is neither a name nor callable.
        """
        functional, level = self._find(function, scale), self._level(level)
        values = self._values(functional)
        ends = self._interval(functional, values, level)
        return self._judge(functional, values[0], ends, level)

    def std(self, function, *, scale=None):
        """Return the standard deviation of a number over the refits.

        Parameters
        ----------
        function : str, Share, LogMean, TimeRatio, Amplitude, OfEstimator or callable
            The number, as for `interval`.
        scale : {"number", "share", "time"} or None, default=None
            Taken as `interval` takes it; it does not change the result.

        Returns
        -------
        float
            Standard deviation, nan if fewer than two refits have the number.

        Raises
        ------
        ValueError
            If there is no such name, or a function raises or returns an array.
        TypeError
            If `function` is neither a name nor callable.
        """
        return std_of(self._values(self._find(function, scale))[1:])

    def band(self, level=None):
        """Return pointwise limits of the distribution.

        For ``"parametric"``, ``"residual"`` and ``"bias-aware"`` these are quantiles
        of the refits, and otherwise as many root mean squared distances of the refits
        from the distribution as Student's distribution says, cut to the sign of the
        refits, so that what the penalty does to the refits widens the band.

        Parameters
        ----------
        level : float or None, default=None
            Level in (0, 1). None is that of the result.

        Returns
        -------
        lower, upper : ndarray of shape (n_bins,)
            The band.

        Raises
        ------
        ValueError
            If `level` is not between 0 and 1.
        """
        level = self._level(level)
        if self.method in ("parametric", "residual", BIAS_AWARE):
            tail = 0.5 * (1.0 - level)
            lower, upper = np.quantile(self.samples, [tail, 1.0 - tail], axis=0)
            return lower, upper
        squares = ((self.samples - self.distribution) ** 2).mean(axis=0)
        quantile = stdtrit(len(self.samples) - 1.0, 0.5 + 0.5 * level)
        # Levels next to 1 have infinite quantiles, where all refits agree as well.
        half = np.zeros(squares.shape)
        np.multiply(quantile, np.sqrt(squares), out=half, where=squares > 0.0)
        lower, upper = self.distribution - half, self.distribution + half
        if not (self.samples < 0.0).any() and not (self.distribution < 0.0).any():
            lower = np.maximum(lower, 0.0)
        return lower, upper

    def to_frame(self, level=None):
        """Return all numbers that have names, with intervals.

        Parameters
        ----------
        level : float or None, default=None
            Level in (0, 1). None is that of the result.

        Returns
        -------
        DataFrame
            Rows are ``amplitude``, ``log_mean``, ``mean`` and ``width`` (of each axis,
            ``log_mean_T1``, ...), the ``ratio`` of two axes, and of each peak of the
            distribution ``share_0``, ``log_mean_0``, ...; the limits of peaks are those
            of the distribution in all refits. Columns are ``estimate``, ``lower``,
            ``upper``, ``std`` over the refits, and ``status``, see `status`. Bounds
            have no interval of widths. Bias-aware ones are of ``amplitude_0``,
            ``log_mean_0``, ... of peaks alone. Without relaxation times there are no
            rows.

        Raises
        ------
        ValueError
            If `level` is not between 0 and 1.
        """
        level = self._level(level)
        rows = {
            name: self._row(functional, level)
            for name, functional in self._named().items()
        }
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
        return frame.rename_axis("number")

    def plot(self, level=None, *, unit=None, truth=None, ax=None):
        """Draw the distribution with its band.

        Parameters
        ----------
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
        """
        # Pictures lie above results; who draws none does not load them.
        from ..plotting import DistributionDisplay

        return DistributionDisplay.from_uncertainty(
            self, level=level, unit=unit, truth=truth, ax=ax
        )

    def _row(self, functional, level, by_bounds=True):
        """Return the columns of `to_frame` of a number."""
        values = self._values(functional)
        ends = np.nan, np.nan
        has_any = self.method not in (BIAS_AWARE, *BOUNDS)
        if has_any or functional._weights(self.axes) is not None:
            ends = self._interval(functional, values, level)
        status = self._judge(functional, values[0], ends, level, by_bounds)
        return [values[0], *ends, std_of(values[1:]), status]

    def _level(self, level):
        """Return a level, or raise an error that names it."""
        return check_level(level, self.level)

    def _named(self, peaks=None):
        """Return the numbers that have names; peaks are masks (n_bins,), or its own."""
        if self.axes is None:
            return {}
        if peaks is None:
            peaks = peak_parts(self.distribution, self.axes.values())
        if self.method == BIAS_AWARE:
            # Of what has both signs, those of the whole mean nothing.
            return of_peaks(self.axes, peaks)
        return named_functionals(self.axes, peaks)

    def _find(self, function, scale):
        """Return the Functional of a name or function."""
        if scale is not None and (not isinstance(scale, str) or scale not in SCALES):
            raise ValueError(f"scale must be one of {list(SCALES)}, got {scale!r}.")
        if isinstance(function, OfEstimator):
            return function if scale is None else replace(function, scale=scale)
        if self.axes is None:
            raise ValueError(
                "function needs relaxation times, and the bins have none: give a "
                "Pipeline with a KernelBuilder whose axes are all inverted."
            )
        if isinstance(function, Functional):
            return function
        if isinstance(function, str):
            named = self._named()
            if function not in named:
                raise ValueError(
                    f"function must be one of {list(named)}, or callable, got "
                    f"{function!r}."
                )
            return named[function]
        if isinstance(function, type) and issubclass(function, Functional):
            raise TypeError(
                f"function must be a number, got the class {function.__name__}; write "
                f"{function.__name__}(...)."
            )
        if not callable(function):
            raise TypeError(f"function must be a name or callable, got {function!r}.")
        return Custom(function, "number" if scale is None else scale)

    def _values(self, functional):
        """Return a number of the fit and of all refits, (1 + n_refits,)."""
        if isinstance(functional, OfEstimator):
            if self.refits is None:
                raise ValueError(
                    "function must be one of a distribution: this result was not made "
                    "by bootstrap_distribution, and has no estimators."
                )
            return self.refits.values(functional)
        rows = np.vstack([self.distribution, self.samples])
        if not isinstance(functional, Custom) and self.method != BIAS_AWARE:
            # As everywhere, negative bins count as none.
            rows = rows.clip(min=0.0)
        return functional._values(rows, self.axes)

    def _interval(self, functional, values, level):
        """Return the interval of a number and its values."""
        level, limits = self._level(level), functional._limits(self.axes)
        weights = functional._weights(self.axes)
        is_part = weights is not None and functional.scale != "time"
        if is_part and not weights.numerator.any():
            # Of what has no bins the grid says 0, and the signal nothing.
            return np.nan, np.nan
        if self.method in (BIAS_AWARE, *BOUNDS):
            if weights is None:
                raise ValueError(
                    f"function must be a ratio of sums for method={self.method!r}: a "
                    "name, Share, LogMean, TimeRatio or Amplitude, got "
                    f"{getattr(functional, 'function', functional)!r}. For other "
                    "numbers make the result anew, with method='unpenalised'."
                )
            if self.method == BIAS_AWARE:
                found = smooth_values(self.problem, weights, level)
                # Sums and shares have any sign, but times are those of the grid.
                ends = np.clip(found, *limits) if weights.is_log else found
                if weights.is_log and (found[0] > limits[1] or found[1] < limits[0]):
                    # Beyond it none of them is held possible.
                    return np.nan, np.nan
                return tuple(float(v) for v in ends)
            found = self._bounds(weights, level)
            return tuple(float(v) for v in np.clip(found, *limits))
        estimate, refits = values[0], values[1:]
        if self.method != "unpenalised":
            tails = np.array([0.5 * (1.0 - level), 0.5 * (1.0 + level)])
            return basic_interval(estimate, refits, tails, functional.scale, limits)
        finite = refits[np.isfinite(refits)]
        if finite.size < 2 or not np.isfinite(estimate):
            return np.nan, np.nan
        if functional.scale == "time" and not estimate > 0.0:
            return np.nan, np.nan
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            ends = SCALES[functional.scale](
                np.array([estimate]),
                finite[None],
                stdtrit(np.array([finite.size - 1.0]), 0.5 + 0.5 * level),
            )
        return tuple(float(np.clip(end[0], *limits)) for end in ends)

    def _bounds(self, weights, level):
        """Return the ends of a number, each of which is computed once."""
        method = self.method if self.method in BOUNDS else "bounds"
        a, b, is_log = weights
        parts = [level, is_log, None if b is None else b.tobytes()]
        key = (*parts, a.tobytes())
        if key not in self._found:
            found = bound_values(self._problem(), weights, level, method)
            self._found[key] = found
            if not is_log and b is not None:
                # One share is what the other leaves.
                rest = (*parts, (b - a).tobytes())
                self._found.setdefault(rest, (1.0 - found[1], 1.0 - found[0]))
        return self._found[key]

    def _problem(self):
        """Return what bounds of this signal are made of, None where it has none."""
        if self.method in (BIAS_AWARE, *BOUNDS):
            return self.problem if self.method in BOUNDS else None
        if "problem" not in self._found:
            made = None if self.refits is None else self.refits.make_problem()
            self._found["problem"] = made
        return self._found["problem"]

    def _is_met(self, problem):
        """Return whether a distribution of these bins fits the signal."""
        if "met" not in self._found:
            self._found["met"] = is_met(problem)
        return self._found["met"]

    def _judge(self, functional, estimate, ends, level, by_bounds=True):
        """Return the status of an interval; `by_bounds` is whether bounds are asked."""
        if np.isnan(ends).any():
            return "no value"
        problem = self._problem() if by_bounds or self.method in BOUNDS else None
        if problem is not None and not self._is_met(problem):
            return "does not fit"
        weights, limits = functional._weights(self.axes), functional._limits(self.axes)
        most = {"share": MOST_SHARE, "time": None}.get(functional.scale, np.inf)
        if functional.scale == "number" and weights is not None:
            most = None
            if self.method == BIAS_AWARE:
                most = MOST_SHARE * np.abs(self.distribution).sum()
        wide = is_wide(ends, limits, most)
        has_both = problem is not None and weights is not None
        if not wide and has_both and self.method not in BOUNDS:
            # Refits do not see what the penalty alone has decided.
            found = np.clip(self._bounds(weights, level), *limits)
            wide = is_wide(found, limits, most)
        if wide:
            return "not identifiable"
        return OUTSIDE if is_outside(estimate, ends, functional.scale) else "ok"


def std_of(refits):
    """Return the standard deviation of refits, nan for fewer than two."""
    refits = refits[np.isfinite(refits)]
    return stable_std(refits) if refits.size > 1 else np.nan


def check_level(level, otherwise):
    """Return a level, another one for None, or raise an error that names it."""
    if level is None:
        return otherwise
    is_number = isinstance(level, numbers.Real) and not isinstance(level, bool)
    if not is_number or not 0.0 < level < 1.0:
        raise ValueError(f"level must be between 0 and 1, got {level!r}.")
    return float(level)
