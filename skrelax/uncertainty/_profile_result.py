"""The one object that says how sure the parameters of nonlinear fits are."""

import numbers
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..nonlinear._profile_curves import draw_curve
from ..nonlinear._profile_ends import OPEN
from ..nonlinear._profiles import Profiles
from ..utils._validation import check_number
from ._profile_functions import check_scale, image, own_number
from ._result import COLUMNS, check_level
from ._status import MOST_FACTOR, MOST_SHARE

_STATUSES = np.array(["ok", "at bound", "not identifiable", "no value"], dtype=object)

# Levels that pictures show beside the one that is asked for, and points of a curve.
_SHOWN, _N_VALUES = (0.5, 0.8, 0.95), 80


@dataclass(frozen=True, repr=False)
class ProfileResult:
    """Hold fitted signals, and tell how sure their parameters are.

    Intervals are computed when they are asked for. Of one signal, 1-D, all is a number;
    of several, it is an array of shape (n_signals,).

    Parameters
    ----------
    names : list of str
        What has an interval: the parameters of the fit that are not known.
    estimates : ndarray of shape (n_signals, n_names)
        Their values.
    stderr : ndarray of shape (n_signals, n_names)
        Their standard errors, of the linearised model.
    level : float
        Level of intervals where none is given.
    profiles : object
        What profiles are made of.
    labels : Index or None
        Labels of the signals, None for one signal.
    n_jobs : int or None
        Number of threads over parts of the signals.
    known : dict of str to ndarray of shape (n_signals,)
        Parameters that were known in the fit, which functions may take.

    See Also
    --------
    profile_parameters : Makes it.
    """

    names: list
    estimates: np.ndarray
    stderr: np.ndarray
    level: float
    profiles: Profiles
    labels: pd.Index | None = None
    n_jobs: int | None = None
    known: dict = field(default_factory=dict)
    _found: dict = field(default_factory=dict, init=False, compare=False)
    _functions: list = field(default_factory=list, init=False, compare=False)

    def __getstate__(self):
        """Leave out what is remembered of functions: they may be lambdas."""
        named = {key: v for key, v in self._found.items() if isinstance(key[0], str)}
        return self.__dict__ | {"_found": named, "_functions": []}

    def __repr__(self):
        """Return what it holds in one line: arrays of a map tell nothing."""
        return (
            f"{type(self).__name__}({', '.join(self.names)} of "
            f"{len(self.estimates)} signals, level={self.level:g})"
        )

    def interval(self, name, level=None, *, scale=None):
        """Return the interval of a parameter, or of a function of them.

        Parameters
        ----------
        name : str or callable
            One of `names`, or a function that takes some of these, or of what was
            known, as arguments of their names: arrays (n,) of n values each, of which
            it returns one number for each: ``lambda T1, T2: T1 / T2``. It is called
            with values around those of the fits.
        level : float or None, default=None
            Level in (0, 1). None is that of the result.
        scale : {"number", "share", "time"} or None, default=None
            Kind of what a function returns: ``"share"`` is from 0 to 1, ``"time"`` is
            positive, and ``"number"``, as None, any other.

        Returns
        -------
        lower, upper : float or ndarray of shape (n_signals,)
            The interval. Where the profile has not risen enough on the way to a bound
            (`bounds` of the fit, the limits of a share or of an angle), the end is the
            bound. Where it has not on the way to the end of the search, the end is
            infinite, or 0 of a relaxation time. It is nan where the fit has no
            parameters or no noise, or a function has no value at them.

        Raises
        ------
        ValueError
            If there is no such name, a function takes something else, raises or does
            not return one number for each value, or `level` is not between 0 and 1.

        Notes
        -----
        The interval of a function are all its values at parameters with which the model
        fits nearly as well as at its best. Of one parameter these are its values within
        the interval of that, which are exactly those at its ends where it rises or
        falls. Of several, ends are searched as those of parameters are, with
        derivatives by differences: a function should be smooth.
        """
        found = self._of(name, scale, level)[1]
        return self._shaped(found.low), self._shaped(found.high)

    def estimate(self, name, *, scale=None):
        """Return a parameter of the fit, or a function of its parameters.

        Parameters
        ----------
        name : str or callable
            As for `interval`.
        scale : {"number", "share", "time"} or None, default=None
            Taken as `interval` takes it; it does not change the result.

        Returns
        -------
        float or ndarray of shape (n_signals,)
            The number.

        Raises
        ------
        ValueError
            As for `interval`.
        """
        asked = self._check(name, scale)
        if isinstance(asked, str):
            return self._shaped(self.estimates[:, self.names.index(asked)])
        return self._shaped(asked.estimates(self._values()))

    def status(self, name, level=None, *, scale=None):
        """Return whether an interval of a parameter means anything.

        Parameters
        ----------
        name : str or callable
            As for `interval`.
        level : float or None, default=None
            Level in (0, 1). None is that of the result.
        scale : {"number", "share", "time"} or None, default=None
            Kind of what a function returns, as for `interval`.

        Returns
        -------
        str or ndarray of shape (n_signals,)
            ``"ok"``; ``"at bound"`` where a bound decides an end, be it that of another
            parameter; ``"not identifiable"`` where the profile does not rise before the
            search ends, or the interval of a relaxation time, or of what else cannot
            be negative (a function with ``scale="time"``), is wider than a factor of
            ten, or that of a share than a half; ``"no value"`` where there is none.

        Raises
        ------
        ValueError
            As for `interval`.
        """
        return self._shaped(self._judge(*self._of(name, scale, level)))

    def std(self, name, *, scale=None):
        """Return the standard error of a parameter, of the linearised model.

        Parameters
        ----------
        name : str or callable
            As for `interval`.
        scale : {"number", "share", "time"} or None, default=None
            Taken as `interval` takes it; it does not change the result.

        Returns
        -------
        float or ndarray of shape (n_signals,)
            Standard error, nan at a bound.

        Raises
        ------
        ValueError
            As for `interval`.
        """
        asked = self._check(name, scale)
        if isinstance(asked, str):
            return self._shaped(self.stderr[:, self.names.index(asked)])
        key = asked, "std"
        if key not in self._found:
            outputs = asked.asked(self._outputs())
            self._found[key] = self.profiles.errors(outputs, self.n_jobs)
        return self._shaped(self._found[key])

    def to_frame(self, level=None):
        """Return all parameters with their intervals.

        Parameters
        ----------
        level : float or None, default=None
            Level in (0, 1). None is that of the result.

        Returns
        -------
        DataFrame
            A row for each parameter, of several signals for each signal and parameter.
            Columns are ``estimate``, ``lower``, ``upper``, ``std`` and ``status``.

        Raises
        ------
        ValueError
            If `level` is not between 0 and 1.
        """
        found = self._intervals(self.names, level)
        columns = [
            self.estimates,
            np.stack([found[name].low for name in self.names], axis=1),
            np.stack([found[name].high for name in self.names], axis=1),
            self.stderr,
            np.stack([self._judge(name, found[name]) for name in self.names], axis=1),
        ]
        index = pd.Index(self.names, name="number")
        if self.labels is not None:
            levels = [self.labels, self.names]
            index = pd.MultiIndex.from_product(levels, names=["signal", "number"])
        values = [column.ravel() for column in columns]
        return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)), index=index)

    def plot(self, name, level=None, *, signal=None, unit=None, truth=None, ax=None):
        """Draw the profile of a parameter, with the parabola of its standard error.

        Parameters
        ----------
        name : str
            One of `names`.
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
        """
        # Pictures lie above results; who draws none does not load them.
        from ..plotting import ProfileDisplay

        return ProfileDisplay.from_result(
            self, name, level, signal=signal, unit=unit, truth=truth, ax=ax
        )

    def _curve(self, name, level, signal):
        """Return what is drawn: the Curve, {level: rise}, and what is at its minimum.

        The level that is asked for is the last one.
        """
        name, level = self._check_name(name), check_level(level, self.level)
        n_signals = len(self.estimates)
        if signal is None:
            if n_signals > 1:
                raise ValueError(
                    f"signal must be the number of one of {n_signals} signals, got "
                    "None."
                )
            signal = 0
        signal = check_number(signal, "signal", 0, n_signals - 1, numbers.Integral)
        levels = [*(one for one in _SHOWN if one != level), level]
        curve = draw_curve(self.profiles, name, signal, levels, _N_VALUES)
        if curve is None:
            raise ValueError(
                f"signal {signal} has no profile: its fit has no parameters, or leaves "
                "no points that tell the noise."
            )
        place, found = self.names.index(name), self._intervals([name], level)[name]
        here = self.estimates[signal, place], self.stderr[signal, place]
        ends = found.low[signal], found.high[signal]
        return curve, dict(zip(levels, curve.allowed, strict=True)), (*here, ends)

    def _intervals(self, names, level):
        """Return the Intervals of names at a level; each is computed once."""
        level = check_level(level, self.level)
        new = [name for name in names if (name, level) not in self._found]
        if new:
            found = self.profiles.intervals(new, level, self.n_jobs)
            self._found.update({(name, level): found[name] for name in new})
        return {name: self._found[name, level] for name in names}

    def _of(self, name, scale, level):
        """Return a name or an OwnNumber, and its Intervals at a level."""
        asked, level = self._check(name, scale), check_level(level, self.level)
        if isinstance(asked, str):
            return asked, self._intervals([asked], level)[asked]
        key = asked, level
        if key not in self._found:
            fitted = [one for one in asked.names if one in self.names]
            if len(fitted) == 1:
                here = self._intervals(fitted, level)[fitted[0]]
                is_log = self._is_positive(fitted[0])
                found = image(asked, fitted[0], self._values(), here, is_log)
            else:
                asked.estimates(self._values())
                outputs = asked.asked(self._outputs())
                found = self.profiles.intervals([outputs], level, self.n_jobs)[outputs]
            self._found[key] = found
        return asked, self._found[key]

    def _outputs(self):
        """Return the names of all outputs of the model."""
        return [one.name for one in self.profiles.model.outputs]

    def _values(self):
        """Return estimates and what was known, (n_signals,), by name."""
        return dict(zip(self.names, self.estimates.T, strict=True)) | self.known

    def _check(self, name, scale=None):
        """Return a name, or the OwnNumber of a function, or raise."""
        check_scale(scale)
        if callable(name):
            for function, kind, found in self._functions:
                if function is name and kind == scale:
                    return found
            found = own_number(name, self.names, self.known, scale)
            self._functions.append((name, scale, found))
            return found
        if not isinstance(name, str) or name not in self.names:
            raise ValueError(
                f"name must be one of {self.names}, or a function of some of them, got "
                f"{name!r}."
            )
        return name

    def _check_name(self, name):
        """Return a name, or raise: of functions there is no picture."""
        if callable(name):
            raise ValueError(f"name must be one of {self.names}, got {name!r}.")
        return self._check(name)

    def _is_positive(self, name):
        """Return whether a parameter cannot be negative, but large."""
        one = self.profiles.parameter(name)
        return name in self.profiles.times or (one.lower, one.upper) == (0.0, np.inf)

    def _shaped(self, values):
        """Return values (n_signals,), or the one of a single signal."""
        return values.copy() if self.labels is not None else values[0]

    def _judge(self, name, found):
        """Return the statuses (n_signals,) of intervals of a name or OwnNumber."""
        kinds = np.maximum(found.low_kind, found.high_kind)
        scale = getattr(name, "scale", None)
        if scale is None:
            one = self.profiles.parameter(name)
            is_share = (one.lower, one.upper) == (0.0, 1.0)
            scale = "time" if self._is_positive(name) else "number"
            scale = "share" if is_share else scale
        with np.errstate(invalid="ignore"):
            wide = np.zeros(kinds.size, dtype=bool)
            if scale == "share":
                wide = found.high - found.low > MOST_SHARE
            elif scale == "time":
                wide = found.high > MOST_FACTOR * found.low
        kinds = np.where(wide & (kinds < OPEN), OPEN, kinds)
        return _STATUSES[kinds]
