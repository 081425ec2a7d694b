"""A setting of the kernel that differs from signal to signal."""

import copy
import warnings

import numpy as np
from scipy.interpolate import CubicSpline
from sklearn.base import MetaEstimatorMixin, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted, validate_data

from ..model_selection._criteria import rounding_floor
from ..utils._inspect import final_step, treats_signals_alone
from ..utils._linear_inputs import (
    STRENGTH,
    validate_relative_weight,
    validate_signals_of,
)
from ..utils._parallel import run_tasks
from ..utils._sklearn import (
    BaseEstimator,
    HasMethods,
    _fit_context,
    process_routing,
    routing_enabled,
)
from ..utils._validation import N_JOBS, check_numbers, errors_name, refuse_complex
from ..utils._warnings import held_reports
from ._explained import Unexplained
from ._lasso import LassoFista
from ._linear import CoefficientsMixin, label_signals
from ._weighted_rows import mean_squares

# Relative differences of sums of squares below which they are equal.
_FLAT = 1e-9


class KernelParameterSearch(
    CoefficientsMixin, MetaEstimatorMixin, RegressorMixin, BaseEstimator
):
    r"""Invert each signal with its own value of a setting of the kernel.

    For every signal the value is chosen that minimises the sum of squares of the best
    fit without penalty, over :math:`f \ge 0`; then the signal is inverted with it. So
    the refocusing angle of an echo train is estimated voxel by voxel before its
    distribution of T2, as [1]_ does, or the efficiency of an inversion.

    Parameters
    ----------
    estimator : Pipeline of a KernelBuilder and a linear inversion
        The inversion. It is cloned. Its kernel is a signal model with the setting.
    parameter : str, default="flip_angle"
        Name of the setting in the signal model.
    values : array-like of shape (n_values,), default=None
        Values to try, strictly increasing, at least 4. Between them the minimum of a
        cubic spline through the sums of squares is taken, and the first value where
        all sums are equal to rounding, as for a signal of zeros. None takes 32 angles
        from 50 to 180 degrees.
    n_jobs : int or None, default=None
        Number of threads over values.

    Attributes
    ----------
    value_ : float or ndarray of shape (n_signals,)
        The chosen values.
    coef_ : ndarray of shape (n_bins,) or (n_signals, n_bins)
        Distributions as scikit-learn has coefficients.
    distribution_ : ndarray of shape (n_1, ..., n_d[, n_signals])
        The same with an axis for each axis of the grid, and signals last.
    intercept_ : float or ndarray of shape (n_signals,)
        Baselines, 0 if `estimator` has none.
    baseline_ : float or ndarray of shape (n_signals,)
        The same as `intercept_`.
    grids_ : tuple of ndarray
        Bins of each axis.
    relaxation_times_ : ndarray of shape (n_bins,) or tuple of ndarray
        Bins of the KernelBuilder.
    values_ : ndarray of shape (n_values,)
        The values tried.
    residual_ : ndarray of shape (n_values,) or (n_values, n_signals)
        Sums of squares, over the tried values. None where values were known.
    n_features_in_ : int
        Number of acquisition columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X was a frame with string names.

    See Also
    --------
    skrelax.model_selection.StrengthSearch : Choose the strength of a penalty.
    skrelax.signals.EPGEchoTrain : The echo train with a flip angle.

    Notes
    -----
    Every signal is inverted as if it were alone: a search of strengths chooses one for
    each. Angles below and above 180 degrees give the same echoes, so search on one
    side.

    References
    ----------
    .. [1] T. Prasloski et al., "Applications of stimulated echo correction to
       multicomponent T2 analysis", Magn. Reson. Med. 67 (2012) 1803.
       https://doi.org/10.1002/mrm.23157

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, LassoFista
    >>> from skrelax.inversion import KernelParameterSearch
    >>> from skrelax.signals import EPGEchoTrain
    >>> train = EPGEchoTrain(140.0, echo_spacing=0.01)
    >>> times = 0.01 * np.arange(1, 33)[:, None]
    >>> signal = train.evaluate(times, np.array([[0.08]]))[:, 0]
    >>> builder = KernelBuilder(EPGEchoTrain(echo_spacing=0.01), grid=[0.02, 0.08, 0.3])
    >>> search = KernelParameterSearch(make_pipeline(builder, LassoFista(1e-6)))
    >>> search.fit(times, signal).value_.round()
    np.float64(140.0)
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "parameter": [str],
        "values": ["array-like", None],
        "n_jobs": N_JOBS,
    }

    # Weights are for the inversion, which has to request them.
    __metadata_request__fit = {"sample_weight": UNUSED}

    def __init__(self, estimator, parameter="flip_angle", values=None, n_jobs=None):
        self.estimator = estimator
        self.parameter = parameter
        self.values = values
        self.n_jobs = n_jobs

    # The search runs before the estimator, whose settings must be checked too.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, known=None):
        """Choose the value of each signal and find its distribution.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            Acquisition points.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Signals.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each acquisition point.
        known : float or array-like of shape (n_signals,) or None, default=None
            Values that are known from elsewhere, a map of the flip angle for
            example. Nothing is searched then.

        Returns
        -------
        KernelParameterSearch
            The fitted search.

        Raises
        ------
        ValueError
            If values are not increasing, shapes do not match, or the kernel has no
            such setting.
        TypeError
            If `estimator` does not end in a linear inversion.

        Warns
        -----
        UserWarning
            If nothing of a clear signal is explained: it has the wrong sign, or the
            penalty is too strong.
        """
        refuse_complex(X, "X")
        refuse_complex(y)
        with errors_name("X"):
            if np.ma.isMaskedArray(X):
                X = np.ma.filled(X.astype(np.float64), np.nan)
            points = validate_data(
                self, X, None if y is None else "no_validation", dtype=np.float64
            )
        labels = label_signals(y)
        y = validate_signals_of(points, y)
        self._single_signal, self._signal_labels = y.ndim == 1, labels(y)
        self._name = self._full_name()
        weight = validate_relative_weight(self._route(sample_weight), points)
        if weight is not None:
            # A point without weight must not draw the limits of the grid either.
            kept = np.flatnonzero(weight)
            X = X.iloc[kept] if hasattr(X, "iloc") else points[kept]
            y, weight = y[kept], weight[kept]
        # As it is, for names of columns must reach the KernelBuilder; and a copy, for
        # predictions must not follow the caller's table or settings.
        self._acquisition = copy.deepcopy(X)
        self._front = clone(self.estimator[:-1])
        self._inversion = _innermost(self.estimator[-1])
        Y = y.reshape(y.shape[0], -1)
        self.values_ = _check_values(self.values)
        if known is None:
            residual = self._residuals(X, Y, weight)
            floor = rounding_floor(len(Y) * mean_squares(Y, weight))
            values = np.array(
                [
                    _lowest(self.values_, np.maximum(column, least))
                    for column, least in zip(residual.T, floor, strict=True)
                ]
            )
        else:
            residual = None
            values = check_numbers(known, "known", finite=False)
            if values.shape not in ((), (Y.shape[1],)) or not np.isfinite(values).all():
                raise ValueError(
                    f"known must be a finite number or one per signal ({Y.shape[1]}), "
                    f"got {values} of shape {values.shape}."
                )
            values = np.full(Y.shape[1], values)
        self._invert(X, Y, weight, values)
        self.value_, self.residual_ = values, residual
        if self._single_signal:
            self.value_, self.coef_ = values[0], self.coef_[0]
            self.intercept_ = float(self.intercept_[0])
            self.residual_ = None if residual is None else residual[:, 0]
        return self

    def predict(self, X):
        """Return the signals of the distributions at other acquisition points.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            Acquisition points.

        Returns
        -------
        ndarray of shape (n_points,) or (n_points, n_signals)
            The signals.
        """
        check_is_fitted(self)
        refuse_complex(X, "X")
        with errors_name("X"):
            if np.ma.isMaskedArray(X):
                X = np.ma.filled(X.astype(np.float64), np.nan)
            validate_data(self, X, dtype=np.float64, reset=False)
        values, coef = np.atleast_1d(self.value_), np.atleast_2d(self.coef_)
        out = []
        for value, f in zip(values, coef, strict=True):
            out.append(self._builder(value).transform(X) @ f)
        signals = np.array(out).T + self.intercept_
        return signals[:, 0] if np.ndim(self.value_) == 0 else signals

    def _treats_alone(self):
        return True

    def _chosen(self):
        return {self.parameter: self.value_}

    def _baselines(self):
        # An inner search does not say whether it has one.
        has_one = getattr(final_step(self.estimator), "fit_intercept", True)
        return self.intercept_ if has_one else None

    def _count_free(self, rest):
        used = np.count_nonzero(np.atleast_2d(self.coef_), axis=1)
        final = final_step(self.estimator)
        used += bool(getattr(final, "fit_intercept", False))
        return np.count_nonzero(rest.weight) - used

    def _full_name(self):
        """Return the name of the setting in the transformers of the Pipeline."""
        pipeline = self.estimator
        if not isinstance(pipeline, Pipeline) or len(pipeline.steps) < 2:
            raise ValueError(
                "estimator must be a Pipeline of a KernelBuilder and a linear "
                f"inversion, got {pipeline!r}."
            )
        known = pipeline.get_params()
        for name, _ in pipeline.steps[:-1]:
            full = f"{name}__kernel__{self.parameter}"
            if full in known:
                self._place = [step for step, _ in pipeline.steps].index(name)
                return full
        raise ValueError(
            f"the kernel of {pipeline!r} has no setting {self.parameter!r}: parameter "
            "must be one of a signal model, and the kernel not a name."
        )

    def _builder(self, value):
        """Return the transformers, fitted with a value of the setting."""
        steps = clone(self._front).set_params(**{self._name: float(value)})
        return steps.fit(self._acquisition)

    def _residuals(self, X, Y, weight):
        """Return the sum of squares of each value and signal."""
        residual = np.empty((self.values_.size, Y.shape[1]))
        intercept = self._inversion.fit_intercept

        def fit(index):
            K = self._builder(self.values_[index]).transform(X)
            free = LassoFista(alpha=0.0, fit_intercept=intercept)
            with held_reports():
                misfit = Y - free.fit(K, Y, sample_weight=weight).predict(K)
            w = 1.0 if weight is None else weight[:, None]
            residual[index] = (w * misfit**2).sum(axis=0)

        tasks = [(index,) for index in range(self.values_.size)]
        with warnings.catch_warnings():
            # A gap has no meaning where a fit is exact to rounding. The filter is set
            # here: threads that set it would restore each other's.
            warnings.simplefilter("ignore", ConvergenceWarning)
            run_tasks(fit, tasks, self.n_jobs)
        return residual

    def _invert(self, X, Y, weight, values):
        """Find the distributions, signals of one value at a time."""
        groups, member = np.unique(values, return_inverse=True)
        alone = not treats_signals_alone(self.estimator[-1])
        first = self._builder(groups[0])
        builder = first[self._place]
        self.relaxation_times_ = builder.relaxation_times_
        self._grid = builder._known_grid()
        n_bins = first.transform(X).shape[1]
        self.coef_ = np.empty((Y.shape[1], n_bins))
        self.intercept_ = np.zeros(Y.shape[1])
        report = Unexplained(Y.shape[1])

        def fit(group):
            mine = np.flatnonzero(member == group)
            K = self._builder(groups[group]).transform(X)
            options = {} if weight is None else {"sample_weight": weight}
            # A search would choose one strength for all that it is given.
            for part in mine[:, None] if alone else [mine]:
                with held_reports() as reports:
                    model = clone(self.estimator[-1]).fit(K, Y[:, part], **options)
                for found in reports[-1:]:
                    report.extend(found, part)
                model = getattr(model, "best_estimator_", model)
                self.coef_[part] = np.atleast_2d(model.coef_)
                self.intercept_[part] = model.intercept_

        run_tasks(fit, [(group,) for group in range(groups.size)], self.n_jobs)
        # Past this function, fit, and the check of its parameters.
        report.warn(stacklevel=4)

    def get_metadata_routing(self):
        """Return who takes which metadata.

        Returns
        -------
        MetadataRouter
            Weights are for the inversion, known values for the search.
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                estimator=self.estimator,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
        )

    def _route(self, sample_weight):
        """Return the weights that the inversion gets."""
        if sample_weight is None or not routing_enabled():
            return sample_weight
        routed = process_routing(self, "fit", sample_weight=sample_weight)
        # The steps are fitted one by one, so the Pipeline is asked for its last one.
        steps = process_routing(self.estimator, "fit", **routed.estimator.fit)
        return steps[self.estimator.steps[-1][0]].fit.get("sample_weight")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.positive_only = True
        tags.regressor_tags.poor_score = True
        return tags


def _check_values(values):
    """Return the values to try, strictly increasing."""
    if values is None:
        return np.linspace(50.0, 180.0, 32)
    values = check_numbers(values, "values", finite=False)
    if (
        values.ndim != 1
        or values.size < 4
        or not (np.abs(values) <= STRENGTH.right).all()
        or not (np.diff(values) > 0).all()
    ):
        raise ValueError(
            "values must be at least 4 strictly increasing numbers, got shape "
            f"{values.shape}: {values}."
        )
    return values.copy()


def _innermost(inversion):
    """Return the linear inversion inside searches, or raise if it is none."""
    inner = inversion
    while not hasattr(inner, "fit_intercept") and hasattr(inner, "estimator"):
        inner = inner.estimator
    if not hasattr(inner, "fit_intercept"):
        raise TypeError(
            "estimator must end in a linear inversion, LassoFista, SmoothLasso, or a "
            f"search of their strengths, got {type(inner).__name__}."
        )
    return inner


def _lowest(values, residual):
    """Return where a cubic spline through the sums of squares is lowest."""
    if np.ptp(residual) <= _FLAT * residual.max():
        return values[0]
    spline = CubicSpline(values, residual)
    turns = spline.derivative().roots(extrapolate=False)
    candidates = np.append(values, turns[np.isfinite(turns)])
    return candidates[spline(candidates).argmin()]
