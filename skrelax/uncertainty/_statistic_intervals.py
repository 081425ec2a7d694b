"""Standard errors and intervals of numbers of many distributions, signal by signal."""

import numbers
from functools import partial

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from ..metrics import fraction_between, log_mean
from ..utils._answers import answering, check_takes_known, without_penalty
from ..utils._frames import frame_columns
from ..utils._inspect import choosing_for_each, weight_options
from ..utils._linear_inputs import validate_relative_weight
from ..utils._parallel import split_slices
from ..utils._sklearn import HasMethods, Interval, StrOptions, validate_params
from ..utils._validation import (
    N_JOBS,
    RealInterval,
    check_numbers,
    refuse_complex,
)
from ._of_estimator import OfEstimator
from ._refits import LARGEST, Plan, measure
from ._scales import SCALES, split_scale

_MOST_REFITS = 100_000
# Signals of one call of the estimator.
_TOGETHER = 100_000
_SMALLEST = 1e-90
# Columns of each statistic, and that of the noise.
_PARTS, _NOISE = ("", " stderr", " lower", " upper"), "noise"


@validate_params(
    {
        "estimator": [HasMethods(["fit", "predict"])],
        "short": [RealInterval(0, None, closed="neither")],
        "level": [RealInterval(0, 1, closed="neither")],
        "n_refits": [Interval(numbers.Integral, 2, _MOST_REFITS, closed="both")],
        "noise": [StrOptions({"gaussian", "rician"}), None],
        "random_state": ["random_state"],
        "n_jobs": N_JOBS,
    },
    prefer_skip_nested_validation=True,
)
def statistic_intervals(
    estimator,
    X,
    y,
    *,
    statistics=("short_fraction", "log_mean"),
    short=0.04,
    level=0.9,
    n_refits=40,
    noise=None,
    noise_std=None,
    known=None,
    mask=None,
    sample_weight=None,
    signal_numbers=None,
    random_state=None,
    n_jobs=None,
):
    r"""Return standard errors and intervals of numbers of each distribution.

    Each signal is inverted, and inverted again without a penalty. The signal of this
    fit, with fresh noise, is inverted `n_refits` times as the signal was: with its own
    setting of the kernel and its own strength, where the estimator looks for them.

    Parameters
    ----------
    estimator : Pipeline, search or linear inversion
        An inversion of the suite. It is cloned and fitted. Searches of strengths choose
        one for each signal.
    X : array-like of shape (n_points, n_columns)
        Acquisition points.
    y : array-like of shape (n_points,) or (n_points, n_signals)
        Signals.
    statistics : sequence of str or dict, default=("short_fraction", "log_mean")
        What to take from distributions: ``"short_fraction"``, the share below `short`,
        and ``"log_mean"``, the geometric mean of relaxation times; or a dict of names
        and functions. A function takes distributions (n_signals, n_bins) and the bins,
        a tuple of arrays for several axes, and returns (n_signals,). In its place may
        stand a pair of the function and the scale of its interval: ``"share"`` for
        numbers from 0 to 1, ``"time"`` for positive ones, ``"number"``, the default,
        for all others.
    short : float, default=0.04
        First relaxation time that is not short [s].
    level : float, default=0.9
        Level of the intervals, in (0, 1).
    n_refits : int, default=40
        Number of refits of each signal.
    noise : {"gaussian", "rician"} or None, default=None
        ``"rician"`` is that of magnitudes of complex signals. The fitted signal is
        taken for the mean of magnitudes, floor included, as least squares has it; that
        of a RicianInversion for the signal below. None is ``"rician"`` for a
        RicianInversion and ``"gaussian"`` otherwise.
    noise_std : float, array-like of shape (n_signals,) or None, default=None
        Noise of a point of weight one, of each channel if it is Rician. None takes that
        of the residuals without penalty.
    known : float, array-like of shape (n_signals,) or None, default=None
        Values of the setting of a KernelParameterSearch that are known.
    mask : array-like of shape (n_signals,) or None, default=None
        Signals to invert.
    sample_weight : array-like of shape (n_points,) or None, default=None
        Weight of each acquisition point.
    signal_numbers : array-like of shape (n_signals,) or None, default=None
        A number for each signal, which decides its noise together with
        `random_state`: with numbers of the voxels of an image, a part of it has the
        same intervals as the whole. None counts from 0.
    random_state : int, RandomState instance or None, default=None
        Seed.
    n_jobs : int or None, default=None
        Number of workers over parts of the signals.

    Returns
    -------
    DataFrame
        One row per signal. For each statistic ``name``, of the signal itself, ``name
        stderr``, the standard deviation of the refits, and ``name lower`` and ``name
        upper``, the interval; and ``noise``, the level that was drawn. Signals that are
        masked, zero, or hold values which are not finite, have nan, and so have those
        whose fit fails.

    Raises
    ------
    ValueError
        If a setting is outside its range, shapes do not match, signals cannot be
        treated one by one, or the estimator does not know its relaxation times.
    TypeError
        If `estimator` does not end in a linear inversion or takes no known values, or a
        statistic is no function, or returns no numbers.

    See Also
    --------
    bootstrap_distribution : Bands of the distribution of one signal.

    Notes
    -----
    Noise is that of the residuals :math:`r` without penalty, :math:`\sigma^2 = \sum_i
    w_i r_i^2 / (n - p)`, where p counts bins that are not 0, a baseline and a setting
    that was searched. For Rician noise the smaller scatter at the floor is allowed for
    [1]_.

    Refits start from the fit without penalty since one with it has features as smooth
    as the penalty likes them, and would show too little scatter. With t the quantile of
    Student's distribution, the interval of a number is the estimate plus and minus t
    root mean squared distances of the refits to the estimate, so the shift of refits
    widens it; that of a time is the same on a logarithmic scale. Shares have the score
    interval [2]_ with a variance :math:`c s (1 - s)`, where c is told by the refits,
    and reach 0 or 1 where the estimate is within t standard errors of it. Intervals
    that take the shift of the refits off the estimate cover far too little: it is that
    of a distribution which the penalty has already smoothed, or of one without width.

    **What intervals hold** is noise, and the bias of the penalty as far as it shows in
    the refits. What they do not hold is the bias for features that are narrower than
    the penalty allows: the guide has measured coverages.

    The fit's own warnings are not repeated.

    References
    ----------
    .. [1] C. G. Koay and P. J. Basser, "Analytically exact correction scheme for signal
       extraction from noisy magnitude MR signals", J. Magn. Reson. 179 (2006) 317.
       https://doi.org/10.1016/j.jmr.2006.01.016
    .. [2] E. B. Wilson, "Probable inference, the law of succession, and statistical
       inference", J. Am. Stat. Assoc. 22 (1927) 209.
       https://doi.org/10.1080/01621459.1927.10502953

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, SmoothLasso
    >>> from skrelax.uncertainty import statistic_intervals
    >>> times = 0.01 * np.arange(1, 33)[:, None]
    >>> signal = 0.2 * np.exp(-times / 0.02) + 0.8 * np.exp(-times / 0.08)
    >>> signal += 0.01 * np.random.default_rng(1).standard_normal(signal.shape)
    >>> builder = KernelBuilder("T2", n_bins=40, minimum=0.01, maximum=2.0)
    >>> inversion = make_pipeline(builder, SmoothLasso(0.0, 1e-5))
    >>> table = statistic_intervals(inversion, times, signal, random_state=0)
    >>> table[["short_fraction lower", "short_fraction upper"]].round(1).to_numpy()
    array([[0.1, 0.3]])
    """
    labels = frame_columns(y)
    points, Y = _check_signals(X, y)
    n_signals = Y.shape[1]
    per_signal = {"known": known, "noise_std": noise_std}
    for name, values in per_signal.items():
        per_signal[name] = _one_each(values, name, n_signals)
    if known is not None:
        check_takes_known(estimator)
    if noise_std is not None:
        levels = per_signal["noise_std"]
        outside = (levels < 0.0) | (levels > LARGEST)
        if outside.any():
            raise ValueError(
                f"noise_std must not be negative nor above {LARGEST:g}, got "
                f"{levels[outside][0]}."
            )
    seeds = _check_signal_numbers(signal_numbers, n_signals)
    last = answering(estimator)
    is_rician = noise == "rician"
    if noise is None:
        is_rician = getattr(last, "_is_rician", False)
    each = choosing_for_each(estimator)
    if each is None:
        raise ValueError(
            "estimator must invert each signal as if it were alone, which this "
            f"{type(last).__name__} does not: give one signal at a time to "
            "bootstrap_distribution."
        )
    if sample_weight is not None:
        refuse_complex(sample_weight, "sample_weight")
        sample_weight = check_numbers(sample_weight, "sample_weight")
    weight = validate_relative_weight(sample_weight, points)
    plan = Plan(
        each,
        without_penalty(each),
        X,
        np.ones(len(Y)) if weight is None else weight / weight.mean(),
        weight_options(each, weight),
        check_statistics(statistics, short),
        n_refits,
        level,
        is_rician,
        int(check_random_state(random_state).randint(2**31 - 1)),
    )
    wanted = _usable(Y, mask, last._takes_constant)
    for values in per_signal.values():
        wanted &= values is None or np.isfinite(values)
    places = np.flatnonzero(wanted)
    lowest = Y.min(axis=0)[places].min(initial=0.0)
    if is_rician and lowest < 0.0:
        raise ValueError(
            "y must not be negative for noise='rician', that of magnitudes, got "
            f"{lowest}."
        )
    blocks = split_slices(places.size, -(-places.size * n_refits // _TOGETHER))
    # Workers cost more to start than one part would gain.
    results = Parallel(n_jobs=n_jobs if len(blocks) > 1 else None)(
        delayed(measure)(
            plan,
            Y[:, places[block]],
            seeds[places[block]],
            *(None if v is None else v[places[block]] for v in per_signal.values()),
        )
        for block in blocks
    )
    columns = [f"{name}{part}" for name in plan.statistics for part in _PARTS]
    out = np.full((n_signals, len(columns) + 1), np.nan)
    for block, rows in zip(blocks, results, strict=True):
        out[places[block]] = rows
    out[~np.isfinite(out)] = np.nan
    return pd.DataFrame(out, index=labels, columns=[*columns, _NOISE])


def _check_signals(X, y):
    """Return points and signals (n_points, n_signals), which may hold nan."""
    refuse_complex(X, "X")
    points = check_numbers(X, "X", ndim=2)
    refuse_complex(y)
    Y = check_numbers(y, "y", finite=False)
    if Y.ndim not in (1, 2) or not Y.size or len(Y) != len(points):
        raise ValueError(
            f"y must have shape ({len(points)},) or ({len(points)}, n_signals) to "
            f"match X, got {Y.shape}."
        )
    return points, Y.reshape(len(Y), -1)


def _one_each(values, name, n_signals):
    """Return a number for each signal, or None."""
    if values is None:
        return None
    refuse_complex(values, name)
    values = check_numbers(values, name, finite=False)
    if values.shape not in ((), (n_signals,)):
        raise ValueError(
            f"{name} must be a number or one per signal ({n_signals}), got shape "
            f"{values.shape}."
        )
    return np.full(n_signals, values)


def _check_signal_numbers(values, n_signals):
    """Return a number for each signal, an array of integers."""
    if values is None:
        return np.arange(n_signals)
    found = check_numbers(values, "signal_numbers")
    if found.shape != (n_signals,):
        raise ValueError(
            f"signal_numbers must have shape ({n_signals},) to match y, got "
            f"{found.shape}."
        )
    if (found < 0).any() or (found >= 2**53).any() or (found % 1 != 0).any():
        raise ValueError("signal_numbers must be integers from 0 to 2**53 - 1.")
    return found.astype(np.int64)


def check_statistics(statistics, short):
    """Return {name: (function, scale)}."""
    named = {
        "short_fraction": (partial(fraction_between, upper=short), "share"),
        "log_mean": (log_mean, "time"),
    }
    if isinstance(statistics, dict):
        pairs = statistics
    elif isinstance(statistics, str) or not hasattr(statistics, "__iter__"):
        raise TypeError(
            f"statistics must be a sequence of names or a dict, got {statistics!r}."
        )
    else:
        pairs = {}
        for name in statistics:
            if not isinstance(name, str) or name not in named:
                raise ValueError(
                    f"statistics must be among {list(named)}, or a dict of names and "
                    f"functions, got {name!r}."
                )
            pairs[name] = named[name]
    if not pairs:
        raise ValueError("statistics must name at least one number, got none.")
    found = {}
    for name, value in pairs.items():
        function, scale = split_scale(value)
        scale = "number" if scale is None else scale
        if not isinstance(name, str) or not callable(function):
            raise TypeError(
                "statistics must have names and functions, or pairs of a function and "
                f"a scale, got {name!r}: {value!r}."
            )
        if isinstance(function, OfEstimator):
            raise TypeError(
                "statistics must be of distributions, which are refitted together, got "
                f"{name!r}: {function!r}; bootstrap_distribution takes it."
            )
        if not isinstance(scale, str) or scale not in SCALES:
            raise ValueError(
                f"statistics must have scales among {list(SCALES)}, got {scale!r} for "
                f"{name!r}."
            )
        found[name] = function, scale
    columns = [_NOISE, *(f"{name}{part}" for name in found for part in _PARTS)]
    twice = [column for column in columns if columns.count(column) > 1]
    if twice:
        raise ValueError(
            "statistics must have names that give each column another one, but "
            f"{twice[0]!r} would be there twice."
        )
    return found


def _usable(Y, mask, takes_constant):
    """Return which signals can be inverted, (n_signals,)."""
    with np.errstate(invalid="ignore"):
        largest = np.abs(Y).max(axis=0)
        usable = (largest >= _SMALLEST) & (largest <= LARGEST)
    if not takes_constant:
        usable &= (Y[:1] != Y).any(axis=0)
    if mask is None:
        return usable
    refuse_complex(mask, "mask")
    mask = check_numbers(mask, "mask")
    if mask.shape != usable.shape:
        raise ValueError(
            f"mask must have shape {usable.shape} to match y, got {mask.shape}."
        )
    return usable & (mask != 0)
