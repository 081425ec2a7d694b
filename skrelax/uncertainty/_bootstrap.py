"""Bands and intervals of distributions from refits with resampled noise."""

import numbers
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from ..metrics import distribution_statistics, peak_statistics
from ..utils._inspect import best, final_step, find_builder, number_repeats
from ._noise import resolved_directions


@dataclass(frozen=True)
class BootstrapResult:
    """Hold the refits of a bootstrap and what they say.

    Parameters
    ----------
    distribution : ndarray of shape (n_bins,)
        The distribution of the measured signal.
    samples : ndarray of shape (n_bootstrap, n_bins)
        The distributions of the resampled signals.
    lower, upper : ndarray of shape (n_bins,)
        Pointwise band of the level.
    statistics : DataFrame
        One row per derived number (index): ``estimate``, ``lower``, ``upper``,
        ``std``.
    noise_std : float
        Noise level that was resampled (of a point of weight one).
    level : float
        Level of the band and the intervals.
    """

    distribution: np.ndarray
    samples: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    statistics: pd.DataFrame
    noise_std: float
    level: float


def bootstrap_distribution(
    estimator,
    X,
    y,
    *,
    n_bootstrap=200,
    noise="residual",
    level=0.9,
    sample_weight=None,
    random_state=None,
    n_jobs=None,
):
    r"""Refit resampled signals and report bands and intervals.

    The noise of each refit is drawn anew on top of the fitted signal and carries
    the weights: a point of weight w gets noise of standard deviation
    :math:`\sigma / \sqrt{w}`.

    Parameters
    ----------
    estimator : Pipeline of a KernelBuilder and a linear inversion
        The inversion. It is cloned and fitted. Intervals of derived numbers need
        the relaxation times of a KernelBuilder.
    X : array-like of shape (n_points, n_axes)
        Acquisition points.
    y : array-like of shape (n_points,)
        One signal.
    n_bootstrap : int, default=200
        Number of refits.
    noise : "residual" or float, default="residual"
        ``"residual"`` draws the weighted residuals of the fit, with replacement,
        scaled up for the degrees of freedom that the fit used. A number is the
        standard deviation of Gaussian noise.
    level : float, default=0.9
        Level of the band and the intervals, in (0, 1).
    sample_weight : array-like of shape (n_points,) or None, default=None
        Weight of each acquisition point, with mean one.
    random_state : int, RandomState instance or None, default=None
        Seed.
    n_jobs : int or None, default=None
        Number of workers, for estimators that choose their penalty anew in every
        refit. Others refit all signals in one call.

    Returns
    -------
    BootstrapResult
        Refits, bands and intervals.

    Raises
    ------
    ValueError
        If y has several signals, or a setting is outside its range.

    Notes
    -----
    Bands show what noise does to the estimate. They do not hold the bias of the
    penalty: a feature narrower than the resolution is broadened in all refits
    alike. Intervals of derived numbers are centred on the estimate of the
    measured signal after the bias that the refits show is taken off: the basic
    bootstrap interval of [1]_, cut to the possible range of shares.

    References
    ----------
    .. [1] A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their
       Application", Cambridge University Press (1997).
       https://doi.org/10.1017/CBO9780511802843

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, SmoothLasso
    >>> from skrelax.uncertainty import bootstrap_distribution
    >>> times = np.geomspace(0.001, 1.0, 40)[:, None]
    >>> noise = 0.01 * np.random.default_rng(0).standard_normal(40)
    >>> signal = np.exp(-times[:, 0] / 0.1) + noise
    >>> inversion = make_pipeline(KernelBuilder("T2"), SmoothLasso(smoothness=1e-2))
    >>> result = bootstrap_distribution(inversion, times, signal, random_state=0)
    >>> result.statistics.loc["log_mean"].round(2).to_dict()
    {'estimate': 0.1, 'lower': 0.1, 'upper': 0.13, 'std': 0.01}
    """
    signal = np.asarray(y, dtype=np.float64)
    if signal.ndim != 1:
        raise ValueError(f"y must be one signal, 1-D, got shape {signal.shape}.")
    if not isinstance(n_bootstrap, numbers.Integral) or n_bootstrap < 2:
        raise ValueError(f"n_bootstrap must be at least 2, got {n_bootstrap}.")
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}.")
    rng = check_random_state(random_state)
    weight = np.ones(signal.size)
    if sample_weight is not None:
        weight = np.asarray(sample_weight, dtype=np.float64)
    fitted = _fit(estimator, X, signal, sample_weight)
    expected = fitted.predict(X)
    draws, noise_std = _draw_noise(
        noise,
        signal - expected,
        weight,
        _used_parameters(fitted, X, weight),
        n_bootstrap,
        rng,
    )
    resampled = expected[:, None] + draws
    searches = hasattr(fitted, "best_estimator_") or hasattr(
        final_step(fitted), "cv_results_"
    )
    if searches:
        samples = Parallel(n_jobs=n_jobs)(
            delayed(_refit)(estimator, X, column, sample_weight)
            for column in resampled.T
        )
        samples = np.asarray(samples)
    else:
        samples = _refit(estimator, X, resampled, sample_weight)
    return _summarise(fitted, samples, noise_std, level)


def _coefficients(estimator):
    """Return the distribution of a fitted inversion, also of a search."""
    return final_step(estimator).coef_


def _fit(estimator, X, y, sample_weight):
    """Return a fitted clone; weights go to the last step of a Pipeline."""
    estimator = clone(estimator)
    if sample_weight is None:
        return estimator.fit(X, y)
    prefix = ""
    if isinstance(estimator, Pipeline):
        prefix = f"{estimator.steps[-1][0]}__"
    return estimator.fit(X, y, **{f"{prefix}sample_weight": sample_weight})


def _refit(estimator, X, y, sample_weight):
    return _coefficients(_fit(estimator, X, y, sample_weight))


def _used_parameters(fitted, X, weight):
    """Return how many parameters a fit used at most.

    These are its bins that are not zero, or the directions that the kernel
    resolves: a smooth distribution has many bins, but not so many parameters.
    """
    inner = best(fitted)
    K = inner[:-1].transform(X) if isinstance(inner, Pipeline) else X
    weighted = np.asarray(K, dtype=np.float64) * np.sqrt(weight)[:, None]
    rank = resolved_directions(weighted).shape[1]
    return min(rank, int(np.count_nonzero(_coefficients(fitted))))


def _draw_noise(noise, residuals, weight, used, n_bootstrap, rng):
    """Return noise (n_points, n_bootstrap) and its standard deviation."""
    m = residuals.size
    root = np.sqrt(weight)
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    if isinstance(noise, str):
        if noise != "residual":
            raise ValueError(f"noise must be 'residual' or a number, got {noise!r}.")
        standard = (residuals * root)[weight > 0]
        left = max(standard.size - used, 1)
        standard = standard * np.sqrt(standard.size / left)
        drawn = rng.choice(standard, size=(m, n_bootstrap))
        noise_std = float(np.sqrt((standard**2).mean()))
    else:
        if not noise >= 0:
            raise ValueError(f"noise must not be negative, got {noise}.")
        noise_std = float(noise)
        drawn = noise_std * rng.standard_normal((m, n_bootstrap))
    return drawn * inverse[:, None], noise_std


def _summarise(fitted, samples, noise_std, level):
    """Return the BootstrapResult of refits (n_bootstrap, n_bins)."""
    distribution = _coefficients(fitted)
    tails = np.array([0.5 * (1.0 - level), 0.5 * (1.0 + level)])
    lower, upper = np.quantile(samples, tails, axis=0)
    builder = find_builder(fitted)
    times = None if builder is None else builder.relaxation_times_
    statistics = pd.DataFrame(columns=["estimate", "lower", "upper", "std"])
    if times is not None:
        together = np.vstack([distribution, samples])
        names = number_repeats([m.parameters[0].name for m in builder.models_])
        table = distribution_statistics(together, times, names)
        if not isinstance(times, tuple):
            table = table.join(peak_statistics(together, times))
        statistics = pd.DataFrame(
            {name: _interval(table[name].to_numpy(), tails) for name in table},
            index=["estimate", "lower", "upper", "std"],
        ).T
    return BootstrapResult(
        distribution, samples, lower, upper, statistics, noise_std, level
    )


def _interval(values, tails):
    """Return estimate, basic interval and standard deviation of one number."""
    estimate, refits = values[0], values[1:]
    refits = refits[np.isfinite(refits)]
    if refits.size == 0:
        return [estimate, np.nan, np.nan, np.nan]
    low, high = np.quantile(refits, tails)
    return [estimate, 2 * estimate - high, 2 * estimate - low, refits.std(ddof=1)]
