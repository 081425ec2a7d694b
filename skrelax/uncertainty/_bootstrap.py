"""Bands and intervals of distributions from refits with resampled noise."""

import numbers
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from ..metrics import distribution_statistics, peak_statistics
from ..metrics._intervals import statistic_interval
from ..utils._answers import answering, fitted_distributions
from ..utils._inspect import best, choosing_for_each, final_step, fit_weighted
from ..utils._sklearn import HasMethods, validate_params
from ..utils._validation import (
    N_JOBS,
    RealInterval,
    check_number,
    check_numbers,
    check_size,
    refuse_complex,
)
from ..utils._warnings import held_reports
from ._bands import DistributionBands
from ._noise import resolved_directions

_MOST_REFITS = 1_000_000
# Beyond it signals with noise could not be squared.
_LARGEST_NOISE = 1e98
_NOISE = RealInterval(0, _LARGEST_NOISE, closed="both")


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


@validate_params(
    {
        "estimator": [HasMethods(["fit", "predict"])],
        "level": [RealInterval(0, 1, closed="neither")],
        "n_jobs": N_JOBS,
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
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
        standard deviation of Gaussian noise. A RicianInversion draws Rician noise, of
        the level that it used or of this one.
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
    TypeError
        If `estimator` does not end in an inversion with `coef_`.

    Notes
    -----
    Bands show what noise does to the estimate. They do not hold the bias of the
    penalty: a feature narrower than the resolution is broadened in all refits
    alike. Intervals of derived numbers are centred on the estimate of the
    measured signal after the bias that the refits show is taken off: the basic
    bootstrap interval of [1]_, on a scale on which the number can have any value:
    the logarithm for times and their ratio, the angle whose squared sine is a share
    for shares. Intervals are cut to what the grid can show: means lie between the
    first and the last bin, shares between 0 and 1, amplitudes and widths are not
    negative.

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
    {'estimate': 0.1, 'lower': 0.1, 'upper': 0.11, 'std': 0.0}
    """
    refuse_complex(X, "X")
    check_numbers(X, "X", ndim=2)
    refuse_complex(y)
    signal = check_numbers(y, "y")
    if signal.ndim != 1 or not signal.size:
        raise ValueError(f"y must be one signal, 1-D, got shape {signal.shape}.")
    check_size(signal, "y")
    _check_draws(n_bootstrap, noise)
    rng = check_random_state(random_state)
    weight = np.ones(signal.size)
    if sample_weight is not None:
        refuse_complex(sample_weight, "sample_weight")
        weight = check_numbers(sample_weight, "sample_weight")
        if weight.shape != signal.shape or (weight < 0).any() or not weight.any():
            raise ValueError(
                f"sample_weight must be {signal.size} non-negative numbers, not all 0."
            )
        check_size(weight, "sample_weight")
    fitted = fit_weighted(estimator, X, signal, sample_weight)
    if not hasattr(final_step(fitted), "coef_"):
        raise TypeError(
            "estimator must be a linear inversion or a Pipeline that ends in one, got "
            f"{type(final_step(fitted)).__name__}."
        )
    expected = fitted.predict(X)
    last = answering(fitted)
    if last._is_rician:
        noise_std = last.noise_std_ if isinstance(noise, str) else float(noise)
        resampled = _draw_magnitudes(noise_std, expected, weight, n_bootstrap, rng)
    else:
        draws, noise_std = _draw_noise(
            noise,
            signal - expected,
            weight,
            _used_parameters(fitted, X, weight),
            n_bootstrap,
            rng,
        )
        resampled = expected[:, None] + draws
    searches = hasattr(fitted, "best_estimator_") or hasattr(last, "cv_results_")
    # Magnitudes may have a search inside.
    searches |= last._is_rician
    # Each refit chooses anew, as the fit did.
    shared = choosing_for_each(estimator) if searches else estimator
    if shared is None:
        samples = Parallel(n_jobs=n_jobs)(
            delayed(_refit)(estimator, X, column, sample_weight)
            for column in resampled.T
        )
        samples = np.asarray(samples)
    else:
        samples = _refit(shared, X, resampled, sample_weight)
    return _summarise(fitted, samples, noise_std, level)


def bootstrap_bands(inversion, grids, X, y, n_refits, options):
    """Return the DistributionBands of an inversion on grids, for one signal.

    `options` are those of :func:`bootstrap_distribution`.
    """
    check_number(n_refits, "n_refits", 2, _MOST_REFITS, numbers.Integral)
    if X is None or y is None:
        raise ValueError(
            f"bands of {type(inversion).__name__} need X and y, the measurement: it "
            "keeps none."
        )
    n_columns = getattr(inversion, "n_features_in_", None)
    given = getattr(X, "shape", ())
    if n_columns is not None and len(given) == 2 and given[1] != n_columns:
        raise ValueError(
            f"X must be what was inverted, of {n_columns} columns, got shape "
            f"{given}: of acquisition points the steps of a Pipeline before the "
            "inversion make it, pipeline[:-1].transform(X)."
        )
    found = bootstrap_distribution(inversion, X, y, n_bootstrap=n_refits, **options)
    shape = tuple(grid.size for grid in grids)
    return DistributionBands.from_samples(
        found.distribution.reshape(shape),
        found.samples.reshape(-1, *shape),
        found.level,
    )


def _coefficients(estimator):
    """Return distributions, (n_bins,) or (n_signals, n_bins), of an inversion."""
    return final_step(estimator).coef_


def _refit(estimator, X, y, sample_weight):
    # Of refits it says nothing what the fit itself does not tell.
    with held_reports():
        return _coefficients(fit_weighted(estimator, X, y, sample_weight))


def _check_draws(n_bootstrap, noise):
    """Raise if the number of refits or the noise has no meaning."""
    is_count = isinstance(n_bootstrap, numbers.Integral) and n_bootstrap is not True
    if not is_count or not 2 <= n_bootstrap <= _MOST_REFITS:
        raise ValueError(
            f"n_bootstrap must be at least 2 and at most {_MOST_REFITS}, got "
            f"{n_bootstrap}."
        )
    if isinstance(noise, str):
        if noise != "residual":
            raise ValueError(f"noise must be 'residual' or a number, got {noise!r}.")
    elif not isinstance(noise, numbers.Real):
        raise TypeError(f"noise must be 'residual' or a number, got {noise!r}.")
    elif noise not in _NOISE:
        raise ValueError(
            f"noise must not be negative nor above {_LARGEST_NOISE:.0e}, got {noise}."
        )


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
    if isinstance(noise, str):
        standard = (residuals * np.sqrt(weight))[weight > 0]
        left = max(standard.size - used, 1)
        standard = standard * np.sqrt(standard.size / left)
        drawn = rng.choice(standard, size=(m, n_bootstrap))
        noise_std = float(np.sqrt((standard**2).mean()))
    else:
        noise_std = float(noise)
        drawn = noise_std * rng.standard_normal((m, n_bootstrap))
    return _spread(drawn, weight, noise_std), noise_std


def _draw_magnitudes(noise_std, expected, weight, n_bootstrap, rng):
    """Return magnitudes (n_points, n_bootstrap) of signals with complex noise."""
    drawn = rng.standard_normal((2 * len(expected), n_bootstrap)) * noise_std
    along, across = _spread(drawn, np.tile(weight, 2), noise_std).reshape(
        2, -1, n_bootstrap
    )
    return np.hypot(expected[:, None] + along, across)


def _spread(drawn, weight, noise_std):
    """Return noise (n_points, n_bootstrap) of points of weight one, as weights say."""
    root = np.sqrt(weight)
    drawn *= np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)[:, None]
    if not np.abs(drawn).max(initial=0.0) <= _LARGEST_NOISE:
        raise ValueError(
            "sample_weight must not differ so much that the noise of a point, "
            f"{noise_std:.3g} / sqrt(weight), passes {_LARGEST_NOISE:.0e}; the "
            f"smallest is {weight[weight > 0].min():.3g}."
        )
    return drawn


def _summarise(fitted, samples, noise_std, level):
    """Return the BootstrapResult of refits (n_bootstrap, n_bins)."""
    distribution = _coefficients(fitted)
    tails = np.array([0.5 * (1.0 - level), 0.5 * (1.0 + level)])
    lower, upper = np.quantile(samples, tails, axis=0)
    found = fitted_distributions(fitted)
    statistics = pd.DataFrame(columns=["estimate", "lower", "upper", "std"])
    # Bins of an axis that is not inverted are no relaxation times.
    axes = found.grids
    if axes is not None and all((axis > 0).all() for axis in axes):
        together = np.vstack([distribution, samples])
        table = distribution_statistics(together, axes, found.axis_names)
        if len(axes) == 1:
            table = table.join(peak_statistics(together, axes[0]))
        head = "log_mean_" if len(axes) > 1 else "log_mean"
        labels = [name.removeprefix(head) for name in table if name.startswith(head)]
        named = dict(zip(labels, axes, strict=False))
        statistics = pd.DataFrame(
            {
                name: statistic_interval(name, table[name].to_numpy(), tails, named)
                for name in table
            },
            index=["estimate", "lower", "upper", "std"],
        ).T
    return BootstrapResult(
        distribution, samples, lower, upper, statistics, noise_std, level
    )
