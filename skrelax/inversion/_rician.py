"""Distributions from magnitudes: the likelihood of Rician noise."""

import numpy as np
import pandas as pd
from sklearn.base import MetaEstimatorMixin, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from ..nonlinear._status import FitStatus
from ..utils._answers import answering, check_takes_known, chosen_settings
from ..utils._frames import frame_columns
from ..utils._inspect import final_step, treats_signals_alone, weight_options
from ..utils._linear_inputs import ITERATIONS, STRENGTH, validate_relative_weight
from ..utils._progress import tell_fit
from ..utils._rice import expected_magnitude
from ..utils._sklearn import (
    BaseEstimator,
    HasMethods,
    _fit_context,
    process_routing,
    r2_score,
    routing_enabled,
)
from ..utils._validation import (
    RealInterval,
    check_numbers,
    check_size,
    errors_name,
    refuse_complex,
)
from ..utils._warnings import collect_warnings, give_warning, held_reports
from ._completion import Magnitudes, complete_signals
from ._distribution import DistributionMixin

_NOISE = RealInterval(0, STRENGTH.right, closed="right")


class RicianInversion(
    DistributionMixin, MetaEstimatorMixin, RegressorMixin, BaseEstimator
):
    r"""Invert magnitudes with any inversion, by the likelihood of their noise.

    The magnitude of a signal with complex Gaussian noise has the Rice distribution.
    Where a decay reaches the noise its magnitudes stay at a floor, which least squares
    takes for a slow component. With the objective

    .. math:: \frac{1}{2 \sum_i w_i} \sum_i w_i (s_i - y_i)^2 + P(f)

    of `estimator`, where s = K f + c, this one minimises for each signal

    .. math:: -\frac{\sigma^2}{\sum_i w_i} \sum_i \ln p(y_i | s_i, \sigma^2 / w_i)
              + P(f), \quad
              p(y | s, v) = \frac{y}{v} e^{-(y^2 + s^2) / 2 v} I_0(y s / v),

    with weights of mean one. It is found by expectation maximisation [1]_: magnitudes
    are replaced by the part of them that is expected along the signal,
    :math:`y I_1(y s / v) / I_0(y s / v)`, and inverted, until nothing moves.

    Parameters
    ----------
    estimator : Pipeline of a KernelBuilder and an inversion, or a search
        Any inversion of the suite whose signals do not change sign. It is cloned.
    noise_std : float, array-like of shape (n_signals,) or None, default=None
        Standard deviation of each channel of the complex noise, for points of weight
        one (weights with mean one). None estimates that of each signal together with
        its distribution; a level that is known, from the background or from all voxels
        together, serves better.
    max_iter : int, default=200
        Largest number of inversions of a signal between two choices of strengths.
    tol : float, default=1e-3
        Largest step of the signal and its noise, as a fraction of the noise, at which
        the iteration ends.

    Attributes
    ----------
    estimator_ : estimator
        `estimator`, fitted to the completed signals.
    completed_ : ndarray of shape (n_points,) or (n_points, n_signals)
        The signals that the magnitudes stand for.
    noise_std_ : float or ndarray of shape (n_signals,)
        Noise of each signal, given or estimated.
    converged_ : bool or ndarray of shape (n_signals,)
        Whether the signal came to rest.
    n_iter_ : int or ndarray of shape (n_signals,)
        Number of inversions of each signal.
    distribution_ : ndarray of shape (n_1, ..., n_d[, n_signals])
        The distributions, axes of the grid first.
    coef_ : ndarray of shape (n_bins,) or (n_signals, n_bins)
        The same as scikit-learn has coefficients, where the inversion has them.
    baseline_, intercept_ : float or ndarray of shape (n_signals,)
        The baselines.
    grids_ : tuple of ndarray
        Bins of each axis.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X was a frame with string names.

    See Also
    --------
    skrelax.NonlinearRelaxationFit : ``noise="rician"`` for maps of parameters.
    skrelax.uncertainty.estimate_noise_std : The noise level.

    Notes
    -----
    An inversion that chooses its strength does so from completed signals. The choice is
    kept while they settle, and repeated until it moves them no more, at most five
    times: rules that count parameters may take turns between two strengths. In the
    first one the floor still counts as signal. A KernelParameterSearch repeats its
    search in each inversion. Completed points at the floor follow the fit, so the
    discrepancy principle and BRD, which want residuals as large as the noise, choose
    too strong penalties; chi2 and GCV do not mind.

    An unknown variance is updated between inversions to the likeliest one [2]_ with 2 n
    degrees of freedom less the effective parameters of the inversion: n are those of
    the channel that holds no signal.

    Every signal is inverted as if it were alone, if `estimator` does that.

    References
    ----------
    .. [1] A. P. Dempster, N. M. Laird and D. B. Rubin, "Maximum likelihood from
       incomplete data via the EM algorithm", J. R. Stat. Soc. B 39 (1977) 1.
       https://doi.org/10.1111/j.2517-6161.1977.tb01600.x
    .. [2] C. Liu and D. B. Rubin, "The ECME algorithm: a simple extension of EM and
       ECM with faster monotone convergence", Biometrika 81 (1994) 633.
       https://doi.org/10.1093/biomet/81.4.633

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, LassoFista
    >>> from skrelax.inversion import RicianInversion
    >>> times = 0.01 * np.arange(1.0, 57.0)[:, None]
    >>> noise = 0.05 * np.random.default_rng(0).standard_normal((2, 56))
    >>> magnitude = np.hypot(np.exp(-times[:, 0] / 0.08) + noise[0], noise[1])
    >>> inversion = make_pipeline(
    ...     KernelBuilder("T2", grid=[0.08, 2.0]), LassoFista(alpha=0.0)
    ... )
    >>> inversion.fit(times, magnitude)[-1].coef_.round(2)
    array([0.91, 0.05])
    >>> RicianInversion(inversion, noise_std=0.05).fit(times, magnitude).coef_.round(2)
    array([1., 0.])
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "noise_std": [
            RealInterval(0, STRENGTH.right, closed="right"),
            "array-like",
            None,
        ],
        "max_iter": [ITERATIONS],
        "tol": [STRENGTH],
    }

    _is_rician = True
    _tells_convergence = True
    # Weights and known settings are for the inversion, which has to request them.
    __metadata_request__fit = {"sample_weight": UNUSED, "known": UNUSED}

    def __init__(self, estimator, noise_std=None, max_iter=200, tol=1e-3):
        self.estimator = estimator
        self.noise_std = noise_std
        self.max_iter = max_iter
        self.tol = tol

    # The estimator's own settings are its own to check.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, known=None):
        """Find the distribution of each signal.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            What `estimator` takes: acquisition points or a kernel.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Magnitudes.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each acquisition point. With scikit-learn's metadata routing the
            inversion must request it, ``set_fit_request(sample_weight=True)``.
        known : float or array-like of shape (n_signals,) or None, default=None
            What a KernelParameterSearch as `estimator` takes.

        Returns
        -------
        RicianInversion
            The fitted inversion.

        Raises
        ------
        ValueError
            If a magnitude is negative, `noise_std` is not positive or not one per
            signal, or the inversion refuses its input.
        TypeError
            If `estimator` is a RicianInversion, or takes no known values.

        Warns
        -----
        ConvergenceWarning
            If signals are not at rest after `max_iter` inversions, or the fifth choice
            of a strength moves them by more than a quarter of the noise.
        """
        if answering(self.estimator)._is_rician:
            raise TypeError(
                "estimator must be an inversion of signals, not of magnitudes as a "
                "RicianInversion is."
            )
        if known is not None:
            check_takes_known(self.estimator)
        options = self._route(sample_weight, known)
        Y = check_magnitudes(y)
        single = Y.ndim < 2
        noise_std = check_noise(self.noise_std, 1 if single else Y.shape[1])
        with held_reports(), collect_warnings():
            # One fit checks the input before anything is computed.
            first = clone(self.estimator).fit(X, y, **options)
        Y, weight = Y.reshape(len(Y), -1), np.ones(len(Y))
        inner = {} if known is None else {"known": known}
        if sample_weight is not None:
            inner["sample_weight"] = weight = validate_relative_weight(sample_weight, Y)
            weight = weight * (np.count_nonzero(weight) / weight.sum())
        target, state, n_iter, rest = complete_signals(
            self.estimator,
            first,
            X,
            Magnitudes(Y, weight, noise_std),
            (options, inner),
            self.tol,
            self.max_iter,
        )
        signals = target[:, 0] if single else target
        labels = frame_columns(y)
        if labels is not None:
            # Labels of signals are those of a frame.
            signals = pd.DataFrame(target, columns=labels)
        self.estimator_ = clone(self.estimator).fit(X, signals, **options)
        self.n_features_in_ = first.n_features_in_
        vars(self).pop("feature_names_in_", None)
        if hasattr(first, "feature_names_in_"):
            self.feature_names_in_ = first.feature_names_in_
        std = np.sqrt(state.variance) if noise_std is None else noise_std
        each = {"noise_std_": std, "converged_": rest, "n_iter_": n_iter}
        for name, values in each.items():
            setattr(self, name, values[0].item() if single else values)
        self.completed_ = target[:, 0] if single else target
        if not rest.all():
            give_warning(
                f"{np.count_nonzero(~rest)} of {rest.size} signals did not come to "
                f"rest at tol={self.tol:.3g}; increase tol or "
                f"max_iter={self.max_iter}, or fix the strength. See converged_.",
                ConvergenceWarning,
            )
        tell_fit(self, X, y)
        return self

    def predict(self, X):
        """Return the signals of the distributions, without noise and its floor.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_points,) or (n_points, n_signals)
            The signals.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    def predict_magnitude(self, X):
        """Return the magnitudes that are expected of the signals with their noise.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_points,) or (n_points, n_signals)
            Means of the Rice distribution, for points of weight one.
        """
        return expected_magnitude(self.predict(X), self.noise_std_)

    def score(self, X, y, sample_weight=None):
        """Return the coefficient of determination of expected magnitudes.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            As in `fit`.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Magnitudes.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each point.

        Returns
        -------
        float
            R^2 of `predict_magnitude`, the mean over signals.
        """
        expected = self.predict_magnitude(X)
        y = check_magnitudes(y)
        check_size(y, "y")
        with errors_name("y"):
            return r2_score(y, expected, sample_weight=sample_weight)

    @property
    def distribution_(self):
        """The distributions, (n_1, ..., n_d[, n_signals])."""
        return self._inner.distribution_

    @property
    def baseline_(self):
        """The baselines of the inversion."""
        return self._inner.baseline_

    @property
    def grids_(self):
        """The bins of each axis, a tuple of arrays."""
        return self._inner.grids_

    @property
    def coef_(self):
        """The distributions as scikit-learn has coefficients."""
        return self._inner.coef_

    @property
    def intercept_(self):
        """The baselines as scikit-learn has them."""
        return self._inner.intercept_

    @property
    def _inner(self):
        """The fitted inversion inside."""
        return final_step(self.estimator_)

    @property
    def _takes_constant(self):
        return answering(self.estimator)._takes_constant

    @property
    def _takes_known(self):
        return answering(self.estimator)._takes_known

    def _treats_alone(self):
        return np.ndim(self.noise_std) == 0 and treats_signals_alone(self.estimator)

    def _coupling(self):
        return answering(self.estimator)._coupling()

    def _distributions(self):
        return answering(getattr(self, "estimator_", self.estimator))._distributions()

    def _read_models(self):
        return answering(getattr(self, "estimator_", self.estimator))._read_models()

    def _chosen(self):
        return chosen_settings(self.estimator_, len(self._signal_index()))

    def _convergence(self, n_signals):
        return self._still_moving(*self._inner._convergence(n_signals))

    def _still_moving(self, status, message):
        """Return status and message with signals that did not come to rest."""
        moving = (status == "converged") & ~np.atleast_1d(self.converged_)
        status[moving] = "not converged"
        message[moving] = "the Rician iteration did not come to rest"
        return status, message

    def _describe_signals(self, found, n_signals, min_share):
        columns = self._inner._describe_signals(found, n_signals, min_share)
        told = self._still_moving(columns["status"], columns["message"])
        return columns | dict(zip(("status", "message"), told, strict=True))

    def _codes(self):
        return self._as_failed(self._inner._codes())

    def _codes_to_tell(self):
        return self._as_failed(self._inner._codes_to_tell())

    def _as_failed(self, codes):
        """Return codes of which those of signals that did not come to rest say so."""
        if codes is None:
            return None
        moving = ~np.atleast_1d(self.converged_) & (codes <= FitStatus.AT_BOUND)
        return np.where(moving, FitStatus.FAILED, codes)

    def _noise(self, rest):
        return np.broadcast_to(self.noise_std_, rest.squares.shape)

    def _noise_found(self):
        return np.atleast_1d(self.noise_std_)

    def _bin_names(self):
        return self._inner._bin_names()

    def _named_axes(self):
        return self._inner._named_axes()

    def _frame_axes(self):
        return self._inner._frame_axes()

    def _signal_axes(self):
        return self._inner._signal_axes()

    def _signal_index(self):
        return self._inner._signal_index()

    def _attributes(self):
        return self._inner._attributes()

    def get_metadata_routing(self):
        """Return who takes which metadata.

        Returns
        -------
        MetadataRouter
            Weights and known settings are for the inversion.
        """
        return MetadataRouter(owner=self).add(
            estimator=self.estimator,
            method_mapping=MethodMapping().add(caller="fit", callee="fit"),
        )

    def _route(self, sample_weight, known):
        """Return the parameters of the fit of the estimator."""
        given = {} if known is None else {"known": known}
        if not routing_enabled():
            return given | weight_options(self.estimator, sample_weight)
        if sample_weight is not None:
            given["sample_weight"] = sample_weight
        return process_routing(self, "fit", **given).estimator.fit

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = True
        tags.input_tags.positive_only = get_tags(
            self.estimator
        ).input_tags.positive_only
        return tags


def check_magnitudes(y):
    """Return magnitudes as numbers, which the inversion checks but for their sign."""
    refuse_complex(y)
    values = check_numbers(y, "y", finite=False)
    if (values < 0.0).any():
        at = np.unravel_index((values < 0.0).argmax(), values.shape)
        raise ValueError(
            "y must hold magnitudes, which are not negative, got "
            f"{values[at]} at index {', '.join(map(str, at))}. Signed signals have "
            "Gaussian noise: fit the estimator itself to them."
        )
    return values


def check_noise(noise_std, n_signals):
    """Return the noise level of each signal (n_signals,), or None."""
    if noise_std is None:
        return None
    values = check_numbers(noise_std, "noise_std", finite=False)
    if values.shape not in ((), (n_signals,)):
        raise ValueError(
            f"noise_std must be a number or one per signal ({n_signals}), got shape "
            f"{values.shape}."
        )
    if not ((values > 0.0) & (values <= STRENGTH.right)).all():
        odd = values[~((values > 0.0) & (values <= STRENGTH.right))][0]
        raise ValueError(
            f"noise_std must be positive and at most {STRENGTH.right:.0e}, got {odd}; "
            "None estimates it."
        )
    return np.full(n_signals, values)
