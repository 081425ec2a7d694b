"""A setting of the kernel that differs from signal to signal."""

import copy

import numpy as np
import pandas as pd
from sklearn.base import MetaEstimatorMixin, RegressorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted, validate_data

from ..nonlinear._inputs import check_mask
from ..nonlinear._status import FitStatus, warn_status
from ..utils._frames import frame_columns, take_rows
from ..utils._linear_inputs import (
    STRENGTH,
    validate_relative_weight,
    validate_signals_of,
)
from ..utils._parallel import calm_fit
from ..utils._progress import SILENT, open_work
from ..utils._sklearn import (
    BaseEstimator,
    HasMethods,
    _fit_context,
    process_routing,
    r2_score,
    routing_enabled,
)
from ..utils._validation import N_JOBS, errors_name, refuse_complex, unmasked
from ._explained import Unexplained
from ._kernel_parameter_answers import SettingAnswers
from ._kernel_parameter_checks import (
    check_known,
    check_values,
    first_status,
)
from ._kernel_parameter_fits import SettingFits, SettingKernels, innermost
from ._kernel_parameter_solve import Search, solve_signals
from ._kernel_parameter_table import KernelTables, make_plan
from ._linear import label_signals
from ._voxels._invert import LEAST_SNR


class KernelParameterSearch(
    SettingAnswers, MetaEstimatorMixin, RegressorMixin, BaseEstimator
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
    values : array-like of shape (n_values,) or None, default=None
        The range of the search, from the first value to the last, strictly increasing,
        at least 4. Kernels without a table (see Notes) are tried at these values; the
        minimum of a cubic spline through the sums of squares is taken, and the first
        value where all sums are equal to rounding. None takes 32 angles from 50 to 180
        degrees.
    least_snr : float or None, default=5.1
        What a signal must rise above the noise to get a distribution: the root of the
        sum of squares that the best fit explains, over the root mean square of what it
        leaves. A constant of up to 2.8 times the latter, as magnitudes of noise have
        it, does not count as explained. None takes all signals.
    n_jobs : int or None, default=None
        Number of threads over signals, or over values.

    Attributes
    ----------
    value_ : float or ndarray of shape (n_signals,)
        The chosen values.
    strength_ : float, ndarray of shape (n_signals,) or None
        The strength that a StrengthSearch in `estimator` chose for each signal, in the
        units of its parameter; None for other inversions.
    status_ : int or ndarray of shape (n_signals,)
        A :class:`~skrelax.nonlinear.FitStatus` for each signal. ``AT_BOUND`` says that
        the value or the strength is at an end of its range, ``NOT_IDENTIFIABLE`` that
        no kernel depends on the setting, whose value then has no meaning, or that
        there is hardly a point. Signals that are zero or noise, or of which nothing is
        explained (``NO_SIGNAL``), that hold infinite values or have no known value
        (``FAILED``), and ``MASKED`` ones have nan.
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
    residual_ : float or ndarray of shape (n_signals,)
        Root mean square of what each fit leaves of its signal, weighted.
    noise_std_ : float or ndarray of shape (n_signals,)
        Noise level of each signal, from what a fit without penalty leaves of it:
        sqrt(``|K f - s|^2 / (n_points - p)``), for p bins that are used, and a setting
        and a baseline that were found; nan where no points are left.
    n_points_ : int or ndarray of shape (n_signals,)
        Number of points that a distribution was fitted to, 0 where there is none.
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
    each, and what becomes of a signal depends on no other. Angles below and above 180
    degrees give the same echoes, so search on one side.

    Pipelines of a KernelBuilder with one axis and a LassoFista, a SmoothLasso (of any
    order), or a :class:`~skrelax.model_selection.StrengthSearch` around a SmoothLasso
    run in compiled code over a table of kernels, thousands of signals a second. The
    table holds polynomials in the setting that are accurate to 1e-10 of the largest
    entry of the kernels; the least of all minima of the residual is found, to 1e-6 of
    the range. The rules are ``"chi2"``, ``"gcv"``, ``"lcurve"`` and ``"discrepancy"``
    with ``refine=True``. Cross-validation, further transformers, several axes and
    kernels with a kink in the setting are fitted one by one.

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
        "least_snr": [STRENGTH, None],
        "n_jobs": N_JOBS,
    }

    # Weights are for the inversion, which has to request them.
    __metadata_request__fit = {"sample_weight": UNUSED}

    def __init__(
        self,
        estimator,
        parameter="flip_angle",
        values=None,
        least_snr=LEAST_SNR,
        n_jobs=None,
    ):
        self.estimator = estimator
        self.parameter = parameter
        self.values = values
        self.least_snr = least_snr
        self.n_jobs = n_jobs

    # The search runs before the estimator, whose settings must be checked too.
    @_fit_context(prefer_skip_nested_validation=False)
    @calm_fit
    def fit(self, X, y, sample_weight=None, known=None, mask=None):
        """Choose the value of each signal and find its distribution.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            Acquisition points.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Signals. Points of a table that are nan are missing, and left out of that
            signal; those with infinite values get the status ``FAILED``.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each acquisition point.
        known : float or array-like of shape (n_signals,) or None, default=None
            Values that are known from elsewhere, a map of the flip angle for
            example. Nothing is searched then. Signals whose value is nan get the
            status ``FAILED``.
        mask : array-like of bool of shape (n_signals,) or None, default=None
            Signals to invert. The others are nan.

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
        ConvergenceWarning
            If signals get no distribution, with their number.
        """
        refuse_complex(X, "X")
        refuse_complex(y)
        with errors_name("X"):
            X = unmasked(X)
            points = validate_data(
                self, X, None if y is None else "no_validation", dtype=np.float64
            )
        labels = label_signals(y)
        y = validate_signals_of(points, y, in_table=True)
        self._single_signal, self._signal_labels = y.ndim == 1, labels(y)
        step = self._step()
        weight = validate_relative_weight(self._route(sample_weight), points)
        if weight is not None:
            # A point without weight must not draw the limits of the grid either.
            kept = np.flatnonzero(weight)
            points = points[kept]
            X = points if frame_columns(X) is None else take_rows(X, kept)
            y, weight = y[kept], weight[kept]
        # A frame as it is, for names of columns must reach the KernelBuilder; and a
        # copy, for predictions must not follow the caller's table or settings.
        X = points.copy() if frame_columns(X) is None else copy.deepcopy(X)
        self._acquisition, self._weight = X, weight
        self._kernels = SettingKernels(
            clone(self.estimator[:-1]), step, self.parameter, self._acquisition
        )
        self._inversion = clone(self.estimator[-1])
        innermost(self._inversion)
        self._least_snr = self.least_snr
        self.values_ = check_values(self.values)
        limits = float(self.values_[0]), float(self.values_[-1])
        plan = make_plan(self._inversion)
        self._tables = None
        if plan is not None:
            self._tables = KernelTables(self._kernels, plan, weight, limits)
        Y = y.reshape(y.shape[0], -1)
        known = check_known(known, Y.shape[1])
        work = open_work(self, X, y, None)
        report = self._solve(Y, known, check_mask(mask, Y.shape[1]), work)
        self._tell(report)
        work.end()
        return self

    def _solve(self, Y, known, mask, work=SILENT):
        """Invert signals Y (n_points, n_signals); return what is unexplained.

        All else is known from the fit, of other signals perhaps.
        """
        extra = self._extra(known)
        status = first_status(Y, known, mask, extra + 1)
        good = np.flatnonzero(status == FitStatus.CONVERGED)
        values = None if known is None else known[good]
        report, found = Unexplained(Y.shape[1]), None
        how = Search(
            self._kernels, self._inversion, self._tables, self._weight, self.values_,
            self._least_snr, self.n_jobs, work,
        )  # fmt: skip
        lacks = np.isnan(Y[:, good]).any(axis=0)
        # Apart, so that complete signals are fitted as they are without the others.
        for members in (np.flatnonzero(~lacks), np.flatnonzero(lacks)):
            if not members.size:
                continue
            own = None if values is None else values[members]
            part, told = solve_signals(how, Y[:, good[members]], own)
            report.extend(told, good[members])
            if found is None:
                found = SettingFits.empty(np.full(good.size, -1), part.coef.shape[1])
            found.put(members, part)
        value = self.values_[0] if known is None else next(iter(values), None)
        front = self._kernels.fit(value)
        builder = front[self._kernels.step]
        self.relaxation_times_ = builder.relaxation_times_
        self._grid = builder._known_grid()
        if found is None:
            n_bins = front.transform(self._acquisition).shape[1]
        else:
            n_bins = found.coef.shape[1]
        if (
            found is not None
            and known is None
            and self._kernels.are_equal(self.values_)
        ):
            # The distributions are right, whatever the setting.
            found.status[found.status <= FitStatus.AT_BOUND] = (
                FitStatus.NOT_IDENTIFIABLE
            )
        fits = SettingFits.empty(status, n_bins)
        if self._tables is not None and self._tables.plan.chooses:
            fits.choices["strength"] = np.full(status.size, np.nan)
        if found is not None:
            fits.put(good, found)
        n_points = np.count_nonzero(~np.isnan(Y), axis=0)
        noise_std = _noise_levels(fits, n_points, extra)
        there = np.isfinite(fits.coef).all(axis=1)
        self._store(fits, noise_std, np.where(there, n_points, 0))
        return report

    def _extra(self, known):
        """Return how many numbers of a signal are found besides its bins."""
        return (known is None) + bool(innermost(self._inversion).fit_intercept)

    def _store(self, fits, noise_std, n_points):
        """Store the results in the shape of y."""
        self._choices = fits.choices
        named = {
            "value_": fits.values,
            "coef_": fits.coef,
            "intercept_": fits.intercept,
            "residual_": fits.residuals,
            "noise_std_": noise_std,
            "n_points_": n_points,
            "strength_": fits.choices.get("strength"),
            "status_": fits.status,
        }
        for name, found in named.items():
            if self._single_signal and found is not None:
                found = found[0]
            setattr(self, name, found)
        if self._single_signal:
            self.status_ = int(self.status_)

    def _tell(self, report):
        """Warn of signals that have no numbers, and of those of which nothing fits."""
        report.warn()
        codes = self._codes_to_tell()
        codes[[number for number, _ in report.found]] = FitStatus.CONVERGED
        warn_status(codes)

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
            X = unmasked(X)
            points = validate_data(self, X, dtype=np.float64, reset=False)
        values, coef = np.atleast_1d(self.value_), np.atleast_2d(self.coef_)
        signals = np.full((len(points), values.size), np.nan)
        groups, member = np.unique(values, return_inverse=True)
        line = None
        for group in np.flatnonzero(np.isfinite(groups)):
            value = groups[group]
            if line is None:
                # Checks the points, which lines of kernels take as they are.
                K = self._kernels.at(value, X)
                if self._tables is not None:
                    line = self._kernels.line(value)
                    line = None if line is None else line.moved_to(points)
            if line is not None:
                K = line.at(value)
            for k in np.flatnonzero(member == group):
                signals[:, k] = K @ coef[k]
        signals += self.intercept_
        return signals[:, 0] if self._single_signal else signals

    def score(self, X, y, sample_weight=None):
        """Return the mean coefficient of determination of the fitted signals.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            Acquisition points.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Signals there.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each point.

        Returns
        -------
        float
            Mean over the signals that have a distribution; nan if there are none.
        """
        predicted = self.predict(X)
        refuse_complex(y)
        y = validate_signals_of(predicted, y, in_table=True)
        if y.shape != predicted.shape:
            raise ValueError(
                f"y must have the shape of the fitted signals, {predicted.shape}, got "
                f"{y.shape}."
            )
        y, predicted = (part.reshape(len(part), -1) for part in (y, predicted))
        there = np.isfinite(predicted).all(axis=0) & np.isfinite(y).all(axis=0)
        if not there.any():
            return float("nan")
        return r2_score(y[:, there], predicted[:, there], sample_weight=sample_weight)

    def _treats_alone(self):
        return True

    def _fit_others(self, signals, known):
        if type(self) is not KernelParameterSearch:
            # The fit of another class may be another one.
            return None
        other, Y = copy.copy(self), np.asarray(signals, dtype=np.float64)
        other._single_signal, other._signal_labels = False, pd.RangeIndex(Y.shape[1])
        other._tell(other._solve(Y, check_known(known, Y.shape[1]), None))
        return other

    def _step(self):
        """Return the name of the transformer whose kernel has the setting."""
        pipeline = self.estimator
        if not isinstance(pipeline, Pipeline) or len(pipeline.steps) < 2:
            raise ValueError(
                "estimator must be a Pipeline of a KernelBuilder and a linear "
                f"inversion, got {pipeline!r}."
            )
        known = pipeline.get_params()
        for name, _ in pipeline.steps[:-1]:
            if f"{name}__kernel__{self.parameter}" in known:
                return name
        raise ValueError(
            f"the kernel of {pipeline!r} has no setting {self.parameter!r}: parameter "
            "must be one of a signal model, and the kernel not a name."
        )

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


def _noise_levels(fits, n_points, extra):
    """Return the noise (n_signals,) by residuals and the degrees of freedom left."""
    free = n_points - extra - fits.used
    share = np.divide(n_points, free, out=np.full(free.shape, np.nan), where=free > 0)
    return fits.free_residuals * np.sqrt(share)
