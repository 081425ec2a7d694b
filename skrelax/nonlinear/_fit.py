"""Nonlinear least squares of signal models, voxel by voxel."""

import numbers

import numpy as np
import pandas as pd
from sklearn.base import MultiOutputMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from ..signals import SignalModel, resolve_model
from ..signals._checks import check_positive
from ..utils._parallel import (
    THREAD_WORTH,
    run_tasks,
    single_blas_thread,
    split_slices,
)
from ..utils._progress import open_work
from ..utils._sklearn import BaseEstimator, Interval, StrOptions, _fit_context
from ..utils._validation import check_acquisition, check_convertible, unmasked
from ._answers import FitAnswers
from ._choice import choose_problem
from ._inputs import (
    assign_columns,
    check_known,
    check_mask,
    check_model,
    check_signals,
    check_starts,
    check_weights,
    errors_name_points,
    find_limits,
    find_magnitude,
    find_reach,
    find_there,
)
from ._numba_types import Stop
from ._parts import (
    CHUNK,
    Fits,
    RootWeights,
    Setup,
    Voxels,
    fit_part,
    signals_of,
)
from ._report import Ranges
from ._score import mean_score
from ._simpler import Simpler
from ._status import FitStatus, warn_noise, warn_status

# Smaller steps of coordinates are rounding, whatever tolerance is asked for.
_FINEST = 1e-14


class NonlinearRelaxationFit(
    FitAnswers, MultiOutputMixin, RegressorMixin, BaseEstimator
):
    r"""Fit a signal model to every voxel: parameters with standard errors.

    Minimises for each signal y, with weights w of the acquisition points,

    .. math:: \sum_i w_i \left( y_i - \sum_l c_l \phi_l(x_i; \theta) \right)^2

    over the amplitudes c and the nonlinear parameters :math:`\theta` within their
    bounds. Magnitudes of a model that changes its sign enter as
    :math:`(y_i - |\sum_l c_l \phi_l|)^2`.

    Parameters
    ----------
    model : str, SignalModel or callable, default="T2"
        The signal model: a name (see :func:`~skrelax.signals.resolve_model`), a model
        of :mod:`skrelax.signals`, or a function of times and relaxation times. It has
        any number of nonlinear parameters and amplitudes, see
        :class:`~skrelax.signals.UserSignal`.
    magnitude : bool or "auto", default="auto"
        Whether signals are magnitudes, without their sign. Then the polarity of each
        point is found together with the parameters. ``"auto"`` says so if the model
        changes its sign and no signal is negative.
    init : {"dictionary"} or dict, default="dictionary"
        Where to start. ``"dictionary"`` compares each signal with the model on a grid
        and leads to the global minimum. A dict gives a number or one per signal for
        each nonlinear parameter, and leads to the minimum near by.
    noise : {"gaussian", "rician"}, default="gaussian"
        Noise of the signals. ``"rician"`` is the maximum of the likelihood of
        magnitudes, which are biased where the signal is of the size of the noise.
    noise_std : float or None, default=None
        Noise standard deviation of a point of weight one. None takes it from the
        residuals of each signal.
    bounds : dict or None, default=None
        ``{name: (low, high)}`` for nonlinear parameters. By default ten times beyond
        what the acquisition can see, or the bounds of the model.
    max_iter : int, default=100
        Largest number of iterations per start.
    tol : float, default=1e-8
        Change of the nonlinear parameters at which to stop, relative for relaxation
        times; at most 1, and not below rounding (1e-14).
    n_jobs : int or None, default=None
        Number of threads over chunks of signals. None means 1 outside a
        :obj:`joblib.parallel_config` context.
    verbose : int, default=0
        Whether progress is reported on standard error, with the time that is left.

    Attributes
    ----------
    params_ : ndarray of shape (n_outputs,) or (n_signals, n_outputs)
        Parameters of each signal, in the order of `param_names_`.
    stderr_ : ndarray of the same shape
        Standard errors: Cramér-Rao bounds at the estimate, nan at a bound. They belong
        to the model linearised there, see Notes.
    param_names_ : list of str
        Names of the parameters.
    r2_ : float or ndarray of shape (n_signals,)
        Coefficient of determination.
    relative_error_ : float or ndarray of shape (n_signals,)
        Norm of the residuals over the norm of the signal.
    status_ : int or ndarray of shape (n_signals,)
        :class:`FitStatus` of each signal.
    n_iter_ : int or ndarray of shape (n_signals,)
        Number of iterations.
    n_points_ : int or ndarray of shape (n_signals,)
        Number of points that were fitted: those with a weight that are not missing; 0
        of signals that were not fitted.
    model_ : SignalModel
        The model as it was fitted, a copy.
    magnitude_ : bool
        Whether polarities were found.
    n_features_in_ : int
        Number of acquisition columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X was a frame with string names. The model then takes
        its columns by name.

    Warns
    -----
    ConvergenceWarning
        With the number of signals whose status is not ``CONVERGED``.
    UserWarning
        If `noise_std` is far above the residuals that Rician noise would leave.

    See Also
    --------
    skrelax.compose.VoxelMapper : Rows of voxels in, rows of parameters out.

    Notes
    -----
    Amplitudes are eliminated (variable projection [1]_). The model is tabulated once
    on a grid of its nonlinear parameters, with quintic splines between the nodes that
    are accurate to 1e-8. Each signal is compared with all nodes; from the best ones,
    Newton's method finds the minimum. With one nonlinear parameter that is the global
    one. With two it is so but for about one of a thousand signals, in which another
    minimum is as good by the noise; of echo trains with a free flip angle at a signal
    to noise ratio of 20 it is a few in a hundred. For magnitudes each pattern of
    polarities has a smooth sum of squares of its own, of which the smallest counts: of
    models with two amplitudes, every pattern that the model can have is compared.
    Magnitudes of two nonlinear parameters that change their sign, such as beats of a
    decay, end in another minimum more often, up to some in a hundred.

    Splines serve one nonlinear parameter with up to two amplitudes, two with one, and
    sums of two equal decays. Models beyond that are evaluated again and again, which
    takes about a millisecond per signal: energies at up to 20 000 nodes (a product of
    grids, or Sobol points above four parameters) give up to twelve starts, from which
    Levenberg-Marquardt with the Jacobian of [1]_ leads to minima of which the lowest
    counts. That is the global one unless a minimum lies between the nodes. Parameters
    that may be swapped, as the times of equal decays with the same bounds, come in
    ascending order.

    A relaxation time is ``NOT_IDENTIFIABLE`` if its standard error exceeds its value,
    or if half of its 95 % interval exceeds a tenth of it where it lies outside the
    range that the acquisition can see (a third of the first time to three times the
    last one for a decay), unless `bounds` names it; a parameter on a linear scale if
    its standard error exceeds that of a uniform distribution over its range. So is a
    fit whose model contains a simpler one (``model.simpler``), such as a decay without
    its constant, that explains the signal as well, at the level of 1 %, with a
    relaxation time more than three standard errors away, and twice as far as could be
    if the model were linear: the signal does not tell the two apart. And so is one of
    Rician noise whose residuals are far smaller than `noise_std` allows. An estimate
    is ``AT_BOUND`` if it is closer to a limit than 1e-3 of its standard error (and 1e-2
    of the range), or than 1e-7 of the range.
    Signals do not depend to first order on a flip angle at 180 degrees, so fits of B1
    that end there have no standard error.

    Standard errors are those of the linearised model. With the noise taken from the
    residuals of m points and p parameters, an interval of 95 % reaches as many of them
    to both sides as the quantile .975 of the t distribution with m - p degrees of
    freedom says; 1.96 of them cover 92 to 95 % for 12 to 24 points. Where the model is
    curved over the size of the error they are too small: for B1 near 180 degrees at a
    signal to noise ratio of 20 by 10 to 35 %.

    Complex signals have complex amplitudes; their moduli are reported.

    A signal with missing points gets what a fit of its other points gives within the
    same bounds, which are drawn from all points. Its energies at the nodes of the grid
    are those of these points, so the minimum is the global one, as of other signals.

    References
    ----------
    .. [1] G. Golub and V. Pereyra, "Separable nonlinear least squares: the variable
       projection method and its applications", Inverse Problems 19 (2003) R1.
       https://doi.org/10.1088/0266-5611/19/2/201

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.nonlinear import NonlinearRelaxationFit
    >>> times = np.array([[0.05], [0.2], [0.5], [1.0], [3.0]])
    >>> signal = np.abs(2.0 * (1 - 2 * np.exp(-times[:, 0] / 0.8)))
    >>> fit = NonlinearRelaxationFit("T1-IR").fit(times, signal)
    >>> fit.param_names_, fit.params_.round(6)
    (['M0', 'T1'], array([2. , 0.8]))
    """

    _parameter_constraints: dict = {
        "model": [str, SignalModel, callable],
        "magnitude": ["boolean", StrOptions({"auto"})],
        "init": [StrOptions({"dictionary"}), dict],
        "noise": [StrOptions({"gaussian", "rician"})],
        "noise_std": [Interval(numbers.Real, 0, None, closed="neither"), None],
        "bounds": [dict, None],
        "max_iter": [Interval(numbers.Integral, 1, 2**31 - 2, closed="both")],
        "tol": [Interval(numbers.Real, 0, 1, closed="right")],
        "n_jobs": [
            Interval(numbers.Integral, 1, 2**31 - 1, closed="both"),
            Interval(numbers.Integral, -(2**31), -1, closed="both"),
            None,
        ],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model="T2",
        magnitude="auto",
        init="dictionary",
        noise="gaussian",
        noise_std=None,
        bounds=None,
        max_iter=100,
        tol=1e-8,
        n_jobs=None,
        verbose=0,
    ):
        self.model = model
        self.magnitude = magnitude
        self.init = init
        self.noise = noise
        self.noise_std = noise_std
        self.bounds = bounds
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, mask=None, known=None):
        """Find the parameters of each signal.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            Acquisition. A frame is read by the names of the columns that the model
            wants; of an array the first columns are taken in order.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Signals, real or complex. Points of a table that are nan are missing, and
            left out of that signal. Signals with fewer points than parameters get the
            status ``NOT_IDENTIFIABLE``, those with infinite values or without any point
            ``FAILED``.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each acquisition point: the inverse of its noise variance.
        mask : array-like of bool of shape (n_signals,) or None, default=None
            Signals to fit. The others are nan.
        known : dict or None, default=None
            Values of nonlinear parameters that are known for each signal, such as a
            map of B1 or T1: ``{name: number or array-like of shape (n_signals,)}``.
            They are not fitted; `params_` repeats them, with a standard error of 0.
            Signals whose value is missing (nan, or a relaxation time that is not
            positive) get the status ``FAILED``.

        Returns
        -------
        NonlinearRelaxationFit
            The fitted estimator.

        Raises
        ------
        ValueError
            If columns are missing or negative, points are fewer than parameters,
            bounds contradict the start, or shapes do not match.
        """
        X = self._check_points(X, reset=True)
        # A copy, so that set_params of the model does not reach what was fitted.
        self.model_ = clone(resolve_model(self.model, "model"))
        check_model(self.model_)
        names = getattr(self, "feature_names_in_", ())
        self._columns = assign_columns(self.model_, names, X)
        points = X[:, self._columns]
        check_acquisition(points, self.model_)
        y, self._signal_labels = check_signals(X, y, type(self).__name__)
        self._single_signal = y.ndim == 1
        y = y.reshape(y.shape[0], -1)
        keep, weight = slice(None), np.ones(len(points))
        if sample_weight is not None:
            weight = check_weights(sample_weight, X)
            # A weight of zero is a removed row, also for the ranges drawn from rows.
            keep = np.flatnonzero(weight > 0)
            points, weight = points[keep], weight[keep]
        weights = RootWeights.of(weight)
        mask = check_mask(mask, y.shape[1])
        known = check_known(known, self.model_, self.bounds, y.shape[1])
        self._check_number(len(points), len(known))
        limits = find_limits(self.model_, points, self.bounds)
        if self.noise_std is not None:
            check_positive("noise_std", self.noise_std)
        self.magnitude_ = find_magnitude(self.magnitude, self.model_, y, self.noise)
        held = np.stack(list(known.values()), axis=1) if known else None
        self._known_names = tuple(known)
        reach = find_reach(self.model_, points, self.bounds)
        # The matrices here are small: threads of BLAS would only wait for each other.
        with single_blas_thread():
            tables = self.model_, points, limits, weights.roots
            there = find_there(held, mask)
            seen = {name: values[there] for name, values in known.items()}
            problem = choose_problem(*tables, self.magnitude_, seen)
            rician = None
            if self.noise == "rician":
                rician = choose_problem(*tables, False, seen)
            starts = check_starts(self.init, problem.axes, y.shape[1])
            simpler = None
            if not known and rician is None:
                simpler = Simpler.of(
                    self.model_, points, self.bounds, weights.roots, self.magnitude_
                )
            setup = Setup(
                model=self.model_,
                points=points,
                needed=self._needed(len(known)),
                weights=weights,
                problem=problem,
                rician=rician,
                noise_std=self.noise_std,
                stop=Stop(float(max(self.tol, _FINEST)), int(self.max_iter)),
                ranges=Ranges(reach, frozenset(self.bounds or ())),
                simpler=simpler,
            )
            voxels = Voxels(y, keep, mask, starts, held)
            fits = Fits.empty(self.model_, y)
            parts = split_slices(y.shape[1], -(-y.shape[1] // CHUNK))
            worth = problem.cost * y.shape[1] > THREAD_WORTH
            n_jobs = self.n_jobs if worth else 1
            tasks = [(setup, voxels, fits, part) for part in parts]
            work = open_work(self, X, y, len(tasks), verbose=self.verbose)
            work.report(len(tasks), "parts of the signals", n_jobs=n_jobs)
            run_tasks(fit_part, tasks, n_jobs, work, "part")
        self._store(fits)
        work.end()
        warn_noise(self.noise_std, fits.quiet)
        warn_status(fits.status)
        return self

    def _treats_alone(self):
        init = self.init
        return isinstance(init, str) or all(np.ndim(v) == 0 for v in init.values())

    def _check_points(self, X, reset):
        """Return X as float64."""
        check_convertible(X, "X")
        with errors_name_points():
            return validate_data(self, unmasked(X), dtype=np.float64, reset=reset)

    def _check_number(self, n_points, n_known):
        needed = self._needed(n_known)
        if n_points < needed:
            raise ValueError(
                f"{type(self.model_).__name__} has {needed} parameters, which "
                f"n_samples={n_points} acquisition points cannot determine."
            )

    def _needed(self, n_known):
        """Return the number of points that the parameters ask for."""
        return len(self.model_.amplitudes) + len(self.model_.parameters) - n_known

    def _store(self, fits):
        """Store the results in the shape of y."""
        self.param_names_ = [parameter.name for parameter in self.model_.outputs]
        self._values, self._coef = fits.values, fits.coef
        self._is_magnitude = self.magnitude_ or self.noise == "rician"
        named = {
            "params_": fits.params,
            "stderr_": fits.stderr,
            "r2_": fits.r2,
            "relative_error_": fits.relative_error,
            "status_": fits.status,
            "n_iter_": fits.n_iter,
            "n_points_": fits.n_points,
        }
        for name, values in named.items():
            if self._single_signal:
                values = values[0] if values.ndim == 2 else values[0].item()
            setattr(self, name, values)

    def predict(self, X):
        """Return the fitted signals at other acquisition points.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            Acquisition, columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_points,) or (n_points, n_signals)
            Signals, magnitudes if the fit was one of magnitudes; nan for signals
            without parameters.
        """
        check_is_fitted(self)
        X = self._check_points(X, reset=False)
        points = X[:, self._columns]
        check_acquisition(points, self.model_)
        n_signals = len(self._values)
        kind = np.complex128 if self._coef.shape[1] == 2 else np.float64
        out = np.empty((len(points), n_signals), dtype=kind)
        for part in split_slices(n_signals, -(-n_signals // CHUNK)):
            out[:, part] = signals_of(
                self.model_, points, self._values[part], self._coef[part]
            ).T
        if self._is_magnitude:
            out = np.abs(out)
        return out[:, 0] if self._single_signal else out

    def score(self, X, y, sample_weight=None):
        """Return the mean coefficient of determination of the fitted signals.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            Acquisition.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Signals there.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each point.

        Returns
        -------
        float
            Mean over the signals that have parameters; nan if there are none.
        """
        predicted = self.predict(X)
        y, _ = check_signals(predicted, y, type(self).__name__)
        if y.shape != predicted.shape:
            raise ValueError(
                f"y must have the shape of the fitted signals, {predicted.shape}, got "
                f"{y.shape}."
            )
        if np.iscomplexobj(y) and not np.iscomplexobj(predicted):
            raise ValueError(
                "y must be real as the signals that were fitted, got complex values; "
                "phase them, or pass np.abs(y) to a fit of magnitudes."
            )
        if sample_weight is not None:
            sample_weight = check_weights(sample_weight, predicted)
            sample_weight = np.ldexp(sample_weight, -np.frexp(sample_weight.max())[1])
        return mean_score(y, predicted, sample_weight)

    def to_frame(self):
        """Return the results as a table.

        Returns
        -------
        DataFrame of shape (n_signals, n_columns)
            Rows have the labels of y. Columns are parameters, their standard errors
            (``"T1 stderr"``), ``"r2"``, ``"relative error"`` and ``"status"``.
        """
        check_is_fitted(self)
        columns = dict(
            zip(self.param_names_, np.atleast_2d(self.params_).T, strict=True)
        )
        errors = np.atleast_2d(self.stderr_).T
        for name, values in zip(self.param_names_, errors, strict=True):
            columns[f"{name} stderr"] = values
        columns["r2"] = np.atleast_1d(self.r2_)
        columns["relative error"] = np.atleast_1d(self.relative_error_)
        labels = [FitStatus(code).label for code in FitStatus]
        codes = np.atleast_1d(self.status_)
        columns["status"] = pd.Categorical.from_codes(codes, categories=labels)
        return pd.DataFrame(columns, index=self._signal_labels)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = getattr(self.model, "requires_positive", True)
        tags.regressor_tags.poor_score = True
        return tags
