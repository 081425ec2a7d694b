"""Profile likelihood: how sure the parameters of nonlinear fits are."""

from dataclasses import replace

import numpy as np

from ..utils._answers import answers
from ..utils._sklearn import validate_params
from ..utils._validation import N_JOBS, RealInterval
from ._profile_result import ProfileResult


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
    params = np.atleast_2d(estimator.params_)
    known = {
        name: params[:, place]
        for place, name in enumerate(estimator.param_names_)
        if name not in names
    }
    return ProfileResult(
        names,
        params[:, places],
        np.atleast_2d(estimator.stderr_)[:, places],
        float(level),
        profiles,
        labels,
        n_jobs,
        known,
    )
