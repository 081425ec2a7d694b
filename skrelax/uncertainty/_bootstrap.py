"""Bands and intervals of distributions from refits with resampled noise."""

import copy
import numbers

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from ..utils._answers import answering
from ..utils._inspect import final_step, fit_weighted
from ..utils._sklearn import HasMethods, StrOptions, validate_params
from ..utils._validation import (
    N_JOBS,
    RealInterval,
    check_number,
    check_numbers,
    check_size,
    refuse_complex,
)
from ._bands import DistributionBands
from ._draw import LARGEST_NOISE
from ._methods import METHODS
from ._resampling import Draws, Resampling
from ._signed import resample_signed

_MOST_REFITS = 1_000_000
_NOISE = RealInterval(0, LARGEST_NOISE, closed="both")


@validate_params(
    {
        "estimator": [HasMethods(["fit", "predict"])],
        "method": [StrOptions(set(METHODS)), None],
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
    method=None,
    noise_std=None,
    level=0.9,
    sample_weight=None,
    random_state=None,
    n_jobs=None,
):
    r"""Say how sure the numbers of a distribution are.

    Signals with fresh noise are refitted, which gives samples, standard deviations and
    bands. Intervals of numbers are made of these refits, or are those of all
    distributions that fit the signal. Noise carries the weights: a point of weight w
    has the standard deviation :math:`\sigma / \sqrt{w}`.

    Parameters
    ----------
    estimator : Pipeline of a KernelBuilder and a linear inversion, or signed inversion
        The inversion. It is cloned and fitted. Numbers need the relaxation times of a
        KernelBuilder. A MultiDimRegularizedILT of one signal has the methods
        ``"bias-aware"`` and ``"parametric"``, and its own level of noise.
    X : array-like of shape (n_points, n_axes)
        Acquisition points.
    y : array-like of shape (n_points,)
        One signal.
    n_bootstrap : int, default=200
        Number of refits.
    method : str or None, default=None
        Where refits start from, and what intervals hold.

        - ``"bounds"``: all values of a number that non-negative distributions give
          whose misfit is near enough to the best one. Needs no penalty and holds its
          bias. Refits are of signals around the fit without penalty that has as few
          bins as the noise allows, and scatter as repeated measurements do.
        - ``"simultaneous"``: the same with a misfit that the true distribution has with
          the probability of the level, so that intervals of any number of numbers hold
          all their truths together. Wide.
        - ``"unpenalised"``: refits with the penalty of signals drawn around the fit
          without it. Their distance from the estimate is noise and most of the bias.
        - ``"bias-aware"``: for distributions of any sign, which have no bounds: all
          values that are not refuted by the signal if neighbours differ, in all, twice
          as much as in a fit. Numbers are of bins with their sign. Refits are those of
          ``"parametric"``.
        - ``"parametric"``: Gaussian noise on the fitted signal, basic bootstrap
          intervals. Holds noise alone.
        - ``"residual"``: the same with the weighted residuals of the fit, drawn with
          replacement and scaled up for the degrees of freedom that the fit used.

        None is ``"bounds"`` for a kernel that is fixed, distributions without sign and
        noise that is not Rician, and ``"bias-aware"`` for those of any sign. It is
        ``"parametric"`` for a RicianInversion, which draws Rician noise, and where
        `noise_std` is given, and ``"residual"`` otherwise.
    noise_std : float or None, default=None
        Noise of a point of weight one, not for ``"residual"``. None takes it from the
        residuals, of a RicianInversion the level that it used.
    level : float, default=0.9
        Level of bands and intervals where none is asked for, in (0, 1).
    sample_weight : array-like of shape (n_points,) or None, default=None
        Weight of each acquisition point, with mean one.
    random_state : int, RandomState instance or None, default=None
        Seed of the refits. The result does not depend on `n_jobs`.
    n_jobs : int or None, default=None
        Number of workers, for estimators that choose their penalty anew in every
        refit and not for many signals at once, and for an :class:`OfEstimator`. Others
        refit all signals in one call.

    Returns
    -------
    UncertaintyResult
        Refits, bands and intervals.

    Raises
    ------
    ValueError
        If y has several signals or too few points for residuals, a setting is outside
        its range, or the estimator does not go with the method.
    TypeError
        If `estimator` does not end in an inversion with `coef_`.

    See Also
    --------
    statistic_intervals : Intervals of many signals, of the method ``"unpenalised"``.

    Notes
    -----
    **Bounds** of a number :math:`\theta(f) = a^T f / b^T f`, the logarithm of a log
    mean, a share or a ratio of times, are the ends of

    .. math:: \{\theta(f) : f \geq 0,\ \|K f - y\|^2 \leq
        \min_{g \geq 0} \|K g - y\|^2 + t^2 \sigma^2\}

    with the quantile t of Student's distribution, for the points that the best fit
    leaves over, where :math:`\sigma` is estimated: the interval of the profile
    likelihood [1]_, one number at a time. With the sign as the only knowledge no
    theorem gives its coverage [2]_; the guide has measured ones. They are bounds of
    distributions on the grid, which has to be fine for the noise: a good measurement
    takes 20 bins a decade. Simultaneous bounds [3]_ have in place of the right side the
    quantile of the chi-squared distribution of the directions of the kernel, or of the
    F distribution where the directions that it does not have tell the noise.

    **Bias-aware** intervals [5]_ are those of a sum :math:`a^T f` whose estimate is
    linear in the signal, :math:`h^T y`, with :math:`h = K (K^T K + \lambda J^T J)^{-1}
    a` and J the differences of neighbours along all axes. Its noise is :math:`\sigma
    \|h\|`, and its bias at most :math:`c \lambda \|J (K^T K + \lambda J^T J)^{-1} a\|`
    for all distributions with :math:`\|J f\| \leq c`. The interval takes the quantile
    of a normal variable that is off by this bias, and the :math:`\lambda` that makes it
    shortest, so it has the level for all these distributions. It is that of a ratio
    :math:`a^T f / b^T f` which holds all s for which :math:`(a - s b)^T f` may be 0. No
    data tell the true roughness; c is twice that of the fit with the largest restricted
    likelihood, which the guide has measured. Where noise hides whether the distribution
    is flat, it is twice that of the roughest fit that this likelihood does not refute.

    Intervals of **refits** are on a scale on which the number can have any value: the
    logarithm for times and their ratio, an angle for shares. They are cut to what the
    grid can show. Basic bootstrap intervals [4]_ take the shift of the refits off the
    estimate; those of ``"unpenalised"`` are the estimate plus and minus t root mean
    squared distances of the refits, see :func:`statistic_intervals`.

    An estimator that chooses its strength chooses it anew in every refit.

    References
    ----------
    .. [1] S. A. Murphy and A. W. van der Vaart, "On profile likelihood", J. Am. Stat.
       Assoc. 95 (2000) 449. https://doi.org/10.1080/01621459.2000.10474219
    .. [2] P. Patil, M. Kuusela and J. Hobbs, "Objective frequentist uncertainty
       quantification for atmospheric CO2 retrievals", SIAM/ASA J. Uncertain. Quantif.
       10 (2022) 827. https://doi.org/10.1137/20M1356403
    .. [3] P. B. Stark, "Inference in infinite-dimensional inverse problems:
       Discretization and duality", J. Geophys. Res. 97 (1992) 14055.
       https://doi.org/10.1029/92JB00739
    .. [4] A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their
       Application", Cambridge University Press (1997).
       https://doi.org/10.1017/CBO9780511802843
    .. [5] T. B. Armstrong and M. Kolesar, "Optimal inference in a class of regression
       models", Econometrica 86 (2018) 655. https://doi.org/10.3982/ECTA14434

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, SmoothLasso
    >>> from skrelax.uncertainty import Share, bootstrap_distribution
    >>> times = np.geomspace(0.001, 1.0, 40)[:, None]
    >>> noise = 0.01 * np.random.default_rng(0).standard_normal(40)
    >>> signal = np.exp(-times[:, 0] / 0.1) + noise
    >>> inversion = make_pipeline(KernelBuilder("T2"), SmoothLasso(smoothness=1e-2))
    >>> result = bootstrap_distribution(inversion, times, signal, random_state=0)
    >>> [round(end, 2) for end in result.interval("log_mean", 0.95)]
    [0.08, 0.1]
    >>> lower, upper = result.interval(Share((0, 0.03)))
    >>> 0.0 <= lower < upper < 0.1
    True
    """
    _check_draws(n_bootstrap, method, noise_std)
    draws = Draws(n_bootstrap, method, noise_std, float(level))
    # What is fitted again later is this, whatever becomes of what the caller has.
    given = clone(estimator), copy.deepcopy(X), y, draws, copy.deepcopy(sample_weight)
    return resample(*given, random_state, n_jobs)


def resample(estimator, X, y, draws, sample_weight, random_state, n_jobs=None):
    """Return the UncertaintyResult of one signal, see `bootstrap_distribution`.

    It keeps the estimator, X and the weights.
    """
    signal, weight = check_one_signal(X, y, sample_weight)
    rng = check_random_state(random_state)
    fitted = fit_weighted(estimator, X, signal, sample_weight)
    if answering(fitted)._has_refits:
        given = estimator, fitted, X, signal, weight, draws
        return resample_signed(*given, rng, n_jobs)
    check_linear(fitted)
    given = signal[:, None], sample_weight, weight
    fits = Resampling(fitted, X, estimator, X, *given)
    drawn = fits.draw(0, draws, rng)
    (samples,) = fits.refit([drawn], n_jobs)
    return fits.result(drawn, samples, draws.level, fits.refits_of(drawn, n_jobs))


def check_one_signal(X, y, sample_weight):
    """Return one signal and weights of its points, both (n_points,), or raise."""
    refuse_complex(X, "X")
    check_numbers(X, "X", ndim=2)
    refuse_complex(y)
    signal = check_numbers(y, "y")
    if signal.ndim != 1 or not signal.size:
        raise ValueError(f"y must be one signal, 1-D, got shape {signal.shape}.")
    check_size(signal, "y")
    weight = np.ones(signal.size)
    if sample_weight is not None:
        refuse_complex(sample_weight, "sample_weight")
        weight = check_numbers(sample_weight, "sample_weight")
        if weight.shape != signal.shape or (weight < 0).any() or not weight.any():
            raise ValueError(
                f"sample_weight must be {signal.size} non-negative numbers, not all 0."
            )
        check_size(weight, "sample_weight")
    return signal, weight


def fit_inversion(estimator, X, signal, sample_weight):
    """Return a fitted clone of a linear inversion, or raise."""
    return check_linear(fit_weighted(estimator, X, signal, sample_weight))


def check_linear(fitted):
    """Return a fitted estimator, or raise unless it is a linear inversion."""
    if not hasattr(final_step(fitted), "coef_"):
        raise TypeError(
            "estimator must be a linear inversion or a Pipeline that ends in one, got "
            f"{type(final_step(fitted)).__name__}."
        )
    return fitted


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
    method = None if answering(inversion)._is_rician else "residual"
    found = bootstrap_distribution(
        inversion, X, y, n_bootstrap=n_refits, method=method, **options
    )
    shape = tuple(grid.size for grid in grids)
    return DistributionBands.from_samples(
        found.distribution.reshape(shape),
        found.samples.reshape(-1, *shape),
        found.level,
    )


def _check_draws(n_bootstrap, method, noise_std):
    """Raise if the number of refits or the noise has no meaning."""
    is_count = isinstance(n_bootstrap, numbers.Integral) and n_bootstrap is not True
    if not is_count or not 2 <= n_bootstrap <= _MOST_REFITS:
        raise ValueError(
            f"n_bootstrap must be at least 2 and at most {_MOST_REFITS}, got "
            f"{n_bootstrap}."
        )
    if noise_std is None:
        return
    if not isinstance(noise_std, numbers.Real) or isinstance(noise_std, bool):
        raise TypeError(f"noise_std must be a number or None, got {noise_std!r}.")
    if noise_std not in _NOISE:
        raise ValueError(
            f"noise_std must not be negative nor above {LARGEST_NOISE:.0e}, got "
            f"{noise_std}."
        )
    if method == "residual":
        raise ValueError(
            "noise_std must be None for method='residual', which draws residuals; "
            "method='parametric' draws Gaussian noise."
        )
