"""Profile likelihood: how sure the parameters of nonlinear fits are."""

import numbers
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ..nonlinear._profile_curves import draw_curve
from ..nonlinear._profile_ends import OPEN
from ..nonlinear._profiles import Profiles
from ..utils._answers import answers
from ..utils._sklearn import validate_params
from ..utils._validation import N_JOBS, RealInterval, check_number
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
    _found: dict = field(default_factory=dict, init=False, compare=False)

    def __repr__(self):
        """Return what it holds in one line: arrays of a map tell nothing."""
        return (
            f"{type(self).__name__}({', '.join(self.names)} of "
            f"{len(self.estimates)} signals, level={self.level:g})"
        )

    def interval(self, name, level=None):
        """Return the interval of a parameter.

        Parameters
        ----------
        name : str
            One of `names`.
        level : float or None, default=None
            Level in (0, 1). None is that of the result.

        Returns
        -------
        lower, upper : float or ndarray of shape (n_signals,)
            The interval. Where the profile has not risen enough on the way to a bound
            (`bounds` of the fit, the limits of a share or of an angle), the end is the
            bound. Where it has not on the way to the end of the search, the end is
            infinite, or 0 of a relaxation time. It is nan where the fit has no
            parameters or no noise.

        Raises
        ------
        ValueError
            If there is no such name, or `level` is not between 0 and 1.
        """
        found = self._intervals([name], level)[name]
        return self._shaped(found.low), self._shaped(found.high)

    def status(self, name, level=None):
        """Return whether an interval of a parameter means anything.

        Parameters
        ----------
        name : str
            One of `names`.
        level : float or None, default=None
            Level in (0, 1). None is that of the result.

        Returns
        -------
        str or ndarray of shape (n_signals,)
            ``"ok"``; ``"at bound"`` where a bound decides an end, be it that of another
            parameter; ``"not identifiable"`` where the profile does not rise before the
            search ends, or the interval of a relaxation time, or of what else cannot
            be negative, is wider than a factor of ten, or that of a share than a half;
            ``"no value"`` where there is none.

        Raises
        ------
        ValueError
            If there is no such name, or `level` is not between 0 and 1.
        """
        found = self._intervals([name], level)[name]
        return self._shaped(self._judge(name, found))

    def std(self, name):
        """Return the standard error of a parameter, of the linearised model.

        Parameters
        ----------
        name : str
            One of `names`.

        Returns
        -------
        float or ndarray of shape (n_signals,)
            Standard error, nan at a bound.

        Raises
        ------
        ValueError
            If there is no such name.
        """
        return self._shaped(self.stderr[:, self.names.index(self._check(name))])

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
        name, level = self._check(name), check_level(level, self.level)
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
        names = [self._check(name) for name in names]
        new = [name for name in names if (name, level) not in self._found]
        if new:
            found = self.profiles.intervals(new, level, self.n_jobs)
            self._found.update({(name, level): found[name] for name in new})
        return {name: self._found[name, level] for name in names}

    def _check(self, name):
        """Return a name, or raise an error that lists those there are."""
        if not isinstance(name, str) or name not in self.names:
            raise ValueError(f"name must be one of {self.names}, got {name!r}.")
        return name

    def _shaped(self, values):
        """Return values (n_signals,), or the one of a single signal."""
        return values.copy() if self.labels is not None else values[0]

    def _judge(self, name, found):
        """Return the statuses (n_signals,) of intervals."""
        kinds = np.maximum(found.low_kind, found.high_kind)
        one = self.profiles.parameter(name)
        with np.errstate(invalid="ignore"):
            wide = np.zeros(kinds.size, dtype=bool)
            if (one.lower, one.upper) == (0.0, 1.0):
                wide = found.high - found.low > MOST_SHARE
            elif name in self.profiles.times or (one.lower, one.upper) == (0.0, np.inf):
                wide = found.high > MOST_FACTOR * found.low
        kinds = np.where(wide & (kinds < OPEN), OPEN, kinds)
        return _STATUSES[kinds]


@validate_params(
    {"level": [RealInterval(0, 1, closed="neither")], "n_jobs": N_JOBS},
    prefer_skip_nested_validation=True,
)
def profile_parameters(
    estimator, X, y, *, level=0.9, sample_weight=None, known=None, n_jobs=None
):
    r"""Say how sure the parameters of nonlinear fits are, by profile likelihood.

    The interval of a parameter holds all its values with which the model fits a signal
    nearly as well as at its best, whatever the other parameters are. It need not be
    symmetric, holds no negative times, and does not get too small where the model is
    curved over the size of the error, as standard errors do.

    Parameters
    ----------
    estimator : NonlinearRelaxationFit
        The fit, fitted to these signals. Its `bounds`, `noise`, `noise_std` and
        polarities are those of the intervals.
    X : array-like of shape (n_points, n_columns)
        Acquisition points.
    y : array-like of shape (n_points,) or (n_points, n_signals)
        The signals that were fitted; points that are nan are missing.
    level : float, default=0.9
        Level of intervals where none is asked for, in (0, 1).
    sample_weight : array-like of shape (n_points,) or None, default=None
        The weights that they were fitted with.
    known : dict or None, default=None
        The values that were known in the fit.
    n_jobs : int or None, default=None
        Number of threads over parts of the signals.

    Returns
    -------
    ProfileResult
        Intervals of the parameters, amplitudes and derived parameters of the fit, which
        are computed when they are asked for.

    Raises
    ------
    ValueError
        If the estimator is not fitted, or not to these signals, or all of them have too
        few points for residuals and there is no `noise_std`, or `level` is not between
        0 and 1.
    TypeError
        If `estimator` is no NonlinearRelaxationFit.

    See Also
    --------
    bootstrap_distribution : The same of distributions.

    Notes
    -----
    The profile of a parameter p is the least sum of squares S(p) over all other
    parameters within their bounds. The interval are the values with

    .. math:: S(p) - S_{\min} \leq t^2 \sigma^2, \quad
        \sigma^2 = \frac{S_{\min}}{m - n}

    where t is the quantile (1 + level) / 2 of Student's distribution with m - n degrees
    of freedom, for m points (twice as many of complex signals) and n parameters [1]_.
    With `noise_std` that is :math:`\sigma`, and t the quantile of the normal
    distribution, as the likelihood ratio of one parameter has it [2]_. For Rician noise
    S is minus twice the logarithm of the likelihood times :math:`\sigma^2`, at the
    level of noise of the fit. Exact for models that are linear in some coordinates of
    their own, whatever these are; the guide has measured coverages.

    Both ends are looked for from the estimate outwards, by Newton's method for the root
    of the excess [3]_ within a bracket that is widened at most fourfold a step. At each
    value the other parameters start from where the tangent of the profile leads, and
    amplitudes are eliminated. The result is the piece of the interval that is connected
    with the estimate, to some 1e-5 of its width. Parameters that may be swapped, as the
    times of equal decays with the same bounds, stay in ascending order.

    It costs some ten to two hundred times the fit, more the more parameters there are.

    References
    ----------
    .. [1] D. M. Bates and D. G. Watts, "Nonlinear Regression Analysis and Its
       Applications", Wiley (1988), section 6.1.
       https://doi.org/10.1002/9780470316757
    .. [2] S. S. Wilks, "The large-sample distribution of the likelihood ratio for
       testing composite hypotheses", Ann. Math. Stat. 9 (1938) 60.
       https://doi.org/10.1214/aoms/1177732360
    .. [3] D. J. Venzon and S. H. Moolgavkar, "A method for computing
       profile-likelihood-based confidence intervals", J. R. Stat. Soc. C 37 (1988) 87.
       https://doi.org/10.2307/2347496

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.nonlinear import NonlinearRelaxationFit
    >>> from skrelax.uncertainty import profile_parameters
    >>> times = np.linspace(0.01, 0.2, 20)[:, None]
    >>> noise = 0.05 * np.random.default_rng(0).standard_normal(20)
    >>> signal = np.exp(-times[:, 0] / 0.08) + noise
    >>> fit = NonlinearRelaxationFit("T2").fit(times, signal)
    >>> result = profile_parameters(fit, times, signal)
    >>> [round(float(end), 3) for end in result.interval("T2", 0.95)]
    [0.067, 0.082]
    >>> result.to_frame()["status"].to_list()
    ['ok', 'ok']
    """
    result = make_result(estimator, X, y, sample_weight, known, level, n_jobs)
    result.profiles.check_free()
    return result


def make_result(estimator, X, y, sample_weight, known, level, n_jobs=None):
    """Return the ProfileResult of a fit, see `profile_parameters`.

    Signals that do not tell their own noise have no intervals.
    """
    known_to = answers(estimator)
    profiles = known_to._profiles(X, y, sample_weight, known)
    if profiles is None:
        raise TypeError(
            "estimator must be a fitted NonlinearRelaxationFit, got "
            f"{type(estimator).__name__}."
        )
    # Intervals are computed later, whatever has become of the caller's arrays.
    profiles = replace(profiles, points=profiles.points.copy(), y=profiles.y.copy())
    names = profiles.names
    places = [estimator.param_names_.index(name) for name in names]
    labels = None if np.ndim(estimator.params_) == 1 else estimator._signal_labels
    return ProfileResult(
        names,
        np.atleast_2d(estimator.params_)[:, places],
        np.atleast_2d(estimator.stderr_)[:, places],
        float(level),
        profiles,
        labels,
        n_jobs,
    )
