"""Bands and intervals of distributions from refits with resampled noise."""

import numbers
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from ..kernels import KernelBuilder
from ..utils._answers import (
    answering,
    fitted_distributions,
    strengths_near,
    without_penalty,
)
from ..utils._inspect import (
    choosing_for_each,
    final_step,
    find_kernel,
    fit_weighted,
    has_search,
    looking_at,
)
from ..utils._sklearn import HasMethods, StrOptions, validate_params
from ..utils._validation import (
    N_JOBS,
    RealInterval,
    check_number,
    check_numbers,
    check_size,
    refuse_complex,
)
from ..utils._warnings import collect_warnings, held_reports
from ._bands import DistributionBands
from ._bias_aware import make_smoothness
from ._bounds import check_bounds, fewest_bins, make_problem, noise_of, signal_of
from ._draw import LARGEST_NOISE, draw_magnitudes, draw_noise
from ._methods import METHODS, choose_method
from ._noise import resolved_directions
from ._result import BIAS_AWARE, BOUNDS, UncertaintyResult

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
        refit and not for many signals at once. Others refit all signals in one call.

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
    return resample(estimator, X, y, draws, sample_weight, random_state, n_jobs)


class Draws(NamedTuple):
    """What is drawn, as arguments of :func:`bootstrap_distribution`."""

    n_bootstrap: int
    """Number of refits; none are made of 0, which bounds do not need."""
    method: str | None
    """Where refits start from, and what intervals hold."""
    noise_std: float | None
    """Noise of a point of weight one."""
    level: float
    """Level of intervals where none is asked for."""


def resample(estimator, X, y, draws, sample_weight, random_state, n_jobs=None):
    """Return the UncertaintyResult of one signal, see `bootstrap_distribution`."""
    n_bootstrap, method, noise_std, level = draws
    signal, weight = check_one_signal(X, y, sample_weight)
    rng = check_random_state(random_state)
    fitted = fit_weighted(estimator, X, signal, sample_weight)
    if answering(fitted)._has_refits:
        return _resample_signed(fitted, X, signal, weight, draws, random_state, n_jobs)
    check_linear(fitted)
    method, is_free = choose_method(fitted, method, signal, noise_std)
    source, problem = fitted, None
    from_bounds = method in ("unpenalised", *BOUNDS) and is_free
    if method == BIAS_AWARE or from_bounds:
        K = _kernel(fitted, X)
        problem = _make_problem(fitted, K, signal, weight, noise_std, method)
    if from_bounds:
        columns = fewest_bins(problem) if method in BOUNDS else problem.best
        expected = signal_of(problem, K, columns)
        noise_std = noise_of(problem) * problem.size
    else:
        if method == "unpenalised":
            with collect_warnings():
                free = without_penalty(estimator)
                source = fit_weighted(free, X, signal, sample_weight)
        expected = source.predict(X)
    last = answering(fitted)
    if last._is_rician:
        if noise_std is None:
            noise_std = answering(source).noise_std_
        resampled = draw_magnitudes(
            float(noise_std), expected, weight, n_bootstrap, rng
        )
    else:
        used = 0
        if noise_std is None:
            used = used_parameters(source, X, weight)
        draws, noise_std = draw_noise(
            method, noise_std, signal - expected, weight, used, n_bootstrap, rng
        )
        resampled = expected[:, None] + draws
    searches = has_search(fitted) or hasattr(last, "cv_results_")
    # Magnitudes may have a search inside.
    searches |= last._is_rician
    # Each refit chooses anew, as the fit did.
    shared = choosing_for_each(estimator) if searches else estimator
    if n_bootstrap == 0:
        samples = np.empty((0, _coefficients(fitted).size))
    elif shared is None:
        samples = Parallel(n_jobs=n_jobs)(
            delayed(_refit)(estimator, X, column, sample_weight)
            for column in resampled.T
        )
        samples = np.asarray(samples)
    else:
        near = looking_at(shared, strengths_near(fitted))
        samples = _refit(near, X, resampled, sample_weight)
    found = fitted_distributions(fitted)
    axes = None
    if found.has_times:
        axes = dict(zip(found.axis_names, found.grids, strict=True))
    return UncertaintyResult(
        _coefficients(fitted), samples, axes, method, float(noise_std), level,
        problem if method in (BIAS_AWARE, *BOUNDS) else None,
    )  # fmt: skip


def without_refits(fitted, K, signal, place, weight, method, level):
    """Return the UncertaintyResult of one signal of a fit, by its place among all.

    K (n_points, n_bins) is the kernel of the fit, and the method one that makes its
    intervals of the signal alone.
    """
    found = fitted_distributions(fitted)
    problem = _make_problem(fitted, K, signal, weight, None, method)
    noise_std = problem.noise_std if method == BIAS_AWARE else noise_of(problem)
    axes = dict(zip(found.axis_names, found.grids, strict=True))
    row = found.rows[place]
    return UncertaintyResult(
        row, np.empty((0, row.size)), axes, method, float(noise_std * problem.size),
        level, problem,
    )  # fmt: skip


def bounds_of_fit(fitted, X, signal, weight, level):
    """Return the UncertaintyResult of the signal of a fit by the method without refits.

    None if its intervals are made of refits, or its bins are no relaxation times.
    """
    if answering(fitted)._has_refits or not fitted_distributions(fitted).has_times:
        return None
    method, _ = choose_method(fitted, None, signal, None)
    if method not in (BIAS_AWARE, *BOUNDS):
        return None
    K = _kernel(fitted, X)
    return without_refits(fitted, K, signal, 0, weight, method, level)


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


def _coefficients(estimator):
    """Return distributions, (n_bins,) or (n_signals, n_bins), of an inversion."""
    return final_step(estimator).coef_


def _refit(estimator, X, y, sample_weight):
    # Of refits it says nothing what the fit itself does not tell.
    with held_reports():
        return _coefficients(fit_weighted(estimator, X, y, sample_weight))


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


def _make_problem(fitted, K, signal, weight, noise_std, method):
    """Return what intervals of a linear inversion are made of without refits.

    K (n_points, n_bins) is the kernel of the fit.
    """
    has_baseline = bool(getattr(final_step(fitted), "fit_intercept", False))
    grids = fitted_distributions(fitted).grids
    shape = (K.shape[1],) if grids is None else tuple(one.size for one in grids)
    if method == BIAS_AWARE:
        return make_smoothness(K, signal, weight, noise_std, has_baseline, shape)
    problem = make_problem(K, signal, weight, noise_std, has_baseline, shape)
    check_bounds(problem, method)
    return problem


def _resample_signed(fitted, X, signal, weight, draws, random_state, n_jobs):
    """Return the UncertaintyResult of an inversion that refits its own signal."""
    method, _ = choose_method(fitted, draws.method, signal, draws.noise_std)
    last, found = answering(fitted), fitted_distributions(fitted)
    if not found.has_times or len(found.rows) != 1:
        raise ValueError(
            "estimator must have found one distribution of relaxation times, got "
            f"{len(found.rows)} over {len(found.grids)} axes, not all inverted."
        )
    if draws.noise_std is not None:
        raise ValueError(
            f"noise_std must be None: a {type(last).__name__} has its own."
        )
    problem, shape = None, tuple(grid.size for grid in found.grids)
    noise_std = float(np.mean(last.noise_std_))
    if method == BIAS_AWARE:
        builder = KernelBuilder(list(found.models), grid=list(found.grids))
        K = np.asarray(builder.fit_transform(X), dtype=np.float64)
        has_baseline = last.baseline_ is not None
        problem = make_smoothness(K, signal, weight, None, has_baseline, shape)
    samples = np.empty((0, found.rows.shape[1]))
    if draws.n_bootstrap:
        refits = last.bands(
            draws.n_bootstrap, random_state=random_state, n_jobs=n_jobs
        ).samples
        samples = refits.reshape(len(refits), -1)
    axes = dict(zip(found.axis_names, found.grids, strict=True))
    return UncertaintyResult(
        found.rows[0], samples, axes, method, noise_std, draws.level, problem
    )


def _kernel(fitted, X):
    """Return the kernel (n_points, n_bins) of a fitted inversion."""
    return np.asarray(find_kernel(fitted, X), dtype=np.float64)


def used_parameters(fitted, X, weight):
    """Return how many parameters a fit used at most.

    These are its bins that are not zero, or the directions that the kernel
    resolves: a smooth distribution has many bins, but not so many parameters.
    """
    weighted = _kernel(fitted, X) * np.sqrt(weight)[:, None]
    rank = resolved_directions(weighted).shape[1]
    return min(rank, int(np.count_nonzero(_coefficients(fitted))))
