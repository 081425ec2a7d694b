"""Signed regularised inversion on any number of axes."""

import copy
import functools
import math
import numbers
import types
import warnings

import numpy as np
import pandas as pd
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from ..kernels import acquisition_grid
from ..kernels._builder import resolve_axes
from ..signals import SignalModel
from ..utils._columns import assign_columns
from ..utils._parallel import single_blas_thread
from ..utils._sklearn import (
    BaseEstimator,
    Interval,
    StrOptions,
    _fit_context,
)
from ..utils._validation import (
    N_JOBS,
    check_numbers,
    check_size,
    errors_name,
    refuse_complex,
    validate_points,
)
from ._ilt_checks import (
    check_channel_axes,
    check_channel_shape,
    check_scalars,
    validate_fit,
    validate_grid,
)
from ._ilt_result import IltResultMixin
from ._ilt_run import Task, run
from ._ilt_setup import gather, locate, make_layout
from ._ilt_solvers import SolverError

# Counts are machine words.
_POSITIVE = Interval(numbers.Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(numbers.Real, 0, None, closed="left")
_COUNT = Interval(numbers.Integral, 1, 2**31 - 1, closed="both")
# Iterations and tolerance of the schemes, where none are given.
_DEFAULTS = {"reference": (100, 1e-6), "convergent": (1000, 1e-7)}


class MultiDimRegularizedILT(
    IltResultMixin, MultiOutputMixin, RegressorMixin, BaseEstimator
):
    r"""Invert signals of any number of axes into signed distributions.

    Solves in every iteration, for data D in units of their noise,

    .. math:: (K^T \Sigma^{-2} K + \Gamma(g)) \, g = K^T \Sigma^{-2} D

    where :math:`\Gamma` follows the distribution g: it lowers the penalty of
    second differences where g has curvature or slope (so that peaks stay sharp
    where the data ask for it), raises that of slopes where g crosses zero, and
    keeps the ends of logarithmic axes at zero [1]_. Distributions may have both
    signs. Axes that are not inverted, such as a spectrum or a series of
    temperatures, can be regularised together with those that are.

    Parameters
    ----------
    kernels : str, SignalModel, callable or list of these, default="T2"
        The signal model of each axis of X, one for all or one per axis; names as
        in :class:`~skrelax.kernels.KernelBuilder`. ``"identity"`` is an axis that
        is regularised and not inverted.
    grids : int, array-like, list of these or None, default=None
        Bins per axis, or their number. None takes 100 logarithmic bins for one
        inverted axis, 40 for each of two, 20 for each of three (fewer below 200
        points) and 1000 at most in all for more, three times beyond the range that
        the acquisition can see.
    couple_channels : bool, default=False
        Whether the channels of y are axes of the distribution that are
        regularised together. Without, each channel is inverted on its own.
    channel_shape : tuple of int or None, default=None
        Shape of the channels for `couple_channels`, None for one axis.
    channel_axes : array-like, list of arrays or None, default=None
        Coordinates of the channels per axis; their last step scales the penalty.
        None counts them.
    noise_std : float or None, default=None
        Standard deviation of the noise, by which the data are divided inside.
        None estimates it, see Notes.
    spacing : {"log", "linear"} or list of these, default="log"
        Spacing of the bins of inverted axes.
    baseline : bool or list of bool, default=False
        Whether an inverted axis has a static baseline.
    positive : bool, default=False
        Whether negative bins are penalised (with `negative_penalty`).
    compression : int, float, None or list of these, default=None
        Number of singular values that each inverted axis keeps, or their level
        relative to the largest (a float below 1).
    compression_rule : {"points", "singular-values"}, default="points"
        Whether the default penalties count data points or, as ILTpy does, the
        singular values that are left.
    scheme : {"reference", "convergent"}, default="reference"
        ``"reference"`` is the iteration of [1]_, which reaches a plateau rather
        than a limit. ``"convergent"`` replaces its switches (moving maxima, signs)
        by smooth functions and damps the weights; its result is a fixed point.
    penalty_strength : float, default=1.0
        Common factor of all penalties.
    uniform_floor : float or list of float, default=1e-4
        Part of the uniform penalty's scale that does not depend on g.
    curvature_relief, slope_relief : float, list of float or None, default=None
        How much curvature and slope lower the uniform penalty. None takes
        ``2 * step / n_data * n_bins``, with the last step of the axis, and five
        times that.
    crossing_scale : float or list of float, default=1e-5
        Scale of the zero crossing penalty; not used by ``"convergent"``.
    crossing_limit : float, default=1.0
        Largest zero crossing penalty relative to the uniform one; 0 is none.
    boundary_penalty : float or list of float, default=50.0
        Penalty of the two outermost bins at both ends of logarithmic axes.
    negative_penalty : float, default=1000.0
        Penalty of negative bins, for `positive`.
    windows : tuple of int, default=(3, 3, 3)
        Odd numbers of bins in the moving maxima of curvature, slope and crossings.
    crossing_start : int, default=5
        First iteration with a zero crossing penalty; not for ``"convergent"``.
    damping, crossing_damping : tuple, default=(30, 0.05, 0.2), (60, 0.05, 0.2)
        First iteration, decay and smallest value of the rate at which the penalty
        matrix and the crossing weights follow g; not for ``"convergent"``.
    initial : array-like or None, default=None
        Distribution to start from, shaped as `distribution_`; not for
        ``"convergent"``, whose result does not depend on a start.
    max_iter : int or None, default=None
        Largest number of iterations: None for 100, or 1000 for ``"convergent"``.
    tol : float or None, default=None
        Relative change of g in one iteration at which they stop: None for 1e-6, or
        1e-7 for ``"convergent"``.
    solver : {"auto", "direct", "iterative"}, default="auto"
        How the system of an iteration is solved: ``"direct"`` by a factorisation
        with the kernel in it, ``"iterative"`` by conjugate gradients behind the
        factored penalty and the strongest modes of the kernel. Both are exact to
        rounding; ``"auto"`` takes the one with less work.
    callback : callable or None, default=None
        ``callback(iteration, step)`` after each iteration; a true value stops.
        Interrupting from the keyboard keeps the last iterate as well.
    max_bins : int, default=100000
        Largest number of bins of the product of all inverted axes.
    n_jobs : int or None, default=None
        Number of threads. None means 1 outside a :obj:`joblib.parallel_config`
        context.
    verbose : int, default=0
        Whether to report progress of long runs on standard error.

    Attributes
    ----------
    distribution_ : ndarray of shape (n_1, ..., n_d[, n_channels or channel_shape])
        The distribution, in units of the signal.
    baseline_ : float, ndarray, tuple of ndarray or None
        Baseline along each axis that has one, shaped as `distribution_` without
        that axis.
    grids_ : tuple of ndarray
        Bins of each axis of X.
    noise_std_ : float or ndarray of shape (n_channels,)
        Noise level by which the data were divided, of a point of weight 1.
    residuals_ : ndarray of the shape of y
        Data minus fit.
    convergence_ : ndarray of shape (n_iter_,) or list of these
        Relative change of g in each iteration.
    converged_ : bool or ndarray of shape (n_channels,)
        Whether the change fell below `tol`. The reference scheme hardly ever does.
    n_iter_ : int or ndarray of shape (n_channels,)
        Number of iterations.
    n_features_in_ : int
        Number of acquisition columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X was a frame with string names.

    See Also
    --------
    SmoothLasso : Distributions that cannot be negative.

    Notes
    -----
    Full grids of points are recognised and use the product structure of the
    kernel. Points that are missing or weighted are handled exactly; a weight is
    the number of times a point was measured.

    Without `noise_std` the noise is estimated from the part of the data outside
    the resolved singular vectors of the kernel; for points given by ``sigma`` in
    :meth:`fit_grid` it is 1, since sigma carries it.

    The reference scheme is sensitive to `noise_std`: its switches turn a noise level
    that is another by 0.03 % into bins that are others by up to 15 % of the largest,
    where ``"convergent"`` changes by 7e-5 of it. Compare distributions of one level.

    The penalty is not convex. ``"convergent"`` lowers its scale from the solution
    of a fixed quadratic penalty along a path that is set in advance; what it ends
    in is a fixed point that depends on the data alone.

    References
    ----------
    .. [1] J. Granwehr and P. J. Roberts, "Inverse Laplace transform of
       multidimensional relaxation data without non-negativity constraint",
       J. Chem. Theory Comput. 8 (2012) 3473. https://doi.org/10.1021/ct3001393

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax import MultiDimRegularizedILT
    >>> times = np.geomspace(1e-3, 10, 64)
    >>> rng = np.random.default_rng(0)
    >>> signal = 100 * np.exp(-times / 0.3) - 50 * np.exp(-times / 0.01)
    >>> ilt = MultiDimRegularizedILT("T2", np.geomspace(1e-4, 100, 100), noise_std=1.0)
    >>> ilt = ilt.fit(times[:, None], signal + rng.standard_normal(64))
    >>> g = ilt.distribution_
    >>> print(f"{g[g > 0].sum() / 10:.0f}0 {g[g < 0].sum() / 10:.0f}0")
    100 -50
    """

    _parameter_constraints: dict = {
        "kernels": [str, SignalModel, callable, "array-like"],
        "grids": [_COUNT, "array-like", None],
        "couple_channels": ["boolean"],
        "channel_shape": ["array-like", None],
        "channel_axes": ["array-like", None],
        "noise_std": [_POSITIVE, None],
        "spacing": [StrOptions({"log", "linear"}), "array-like"],
        "baseline": ["boolean", "array-like"],
        "positive": ["boolean"],
        "compression": [_POSITIVE, "array-like", None],
        "compression_rule": [StrOptions({"points", "singular-values"})],
        "scheme": [StrOptions({"reference", "convergent"})],
        "penalty_strength": [_POSITIVE],
        "uniform_floor": [_POSITIVE, "array-like"],
        "curvature_relief": [_NOT_NEGATIVE, "array-like", None],
        "slope_relief": [_NOT_NEGATIVE, "array-like", None],
        "crossing_scale": [_POSITIVE, "array-like"],
        "crossing_limit": [_NOT_NEGATIVE],
        "boundary_penalty": [_NOT_NEGATIVE, "array-like"],
        "negative_penalty": [_NOT_NEGATIVE],
        "windows": ["array-like"],
        "crossing_start": [Interval(numbers.Integral, 0, 2**31 - 1, closed="both")],
        "damping": ["array-like"],
        "crossing_damping": ["array-like"],
        "initial": ["array-like", None],
        "max_iter": [_COUNT, None],
        "tol": [_NOT_NEGATIVE, None],
        "solver": [StrOptions({"auto", "direct", "iterative"})],
        "callback": [callable, None],
        "max_bins": [_COUNT],
        "n_jobs": N_JOBS,
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        kernels="T2",
        grids=None,
        *,
        couple_channels=False,
        channel_shape=None,
        channel_axes=None,
        noise_std=None,
        spacing="log",
        baseline=False,
        positive=False,
        compression=None,
        compression_rule="points",
        scheme="reference",
        penalty_strength=1.0,
        uniform_floor=1e-4,
        curvature_relief=None,
        slope_relief=None,
        crossing_scale=1e-5,
        crossing_limit=1.0,
        boundary_penalty=50.0,
        negative_penalty=1000.0,
        windows=(3, 3, 3),
        crossing_start=5,
        damping=(30, 0.05, 0.2),
        crossing_damping=(60, 0.05, 0.2),
        initial=None,
        max_iter=None,
        tol=None,
        solver="auto",
        callback=None,
        max_bins=100_000,
        n_jobs=None,
        verbose=0,
    ):
        self.kernels = kernels
        self.grids = grids
        self.couple_channels = couple_channels
        self.channel_shape = channel_shape
        self.channel_axes = channel_axes
        self.noise_std = noise_std
        self.spacing = spacing
        self.baseline = baseline
        self.positive = positive
        self.compression = compression
        self.compression_rule = compression_rule
        self.scheme = scheme
        self.penalty_strength = penalty_strength
        self.uniform_floor = uniform_floor
        self.curvature_relief = curvature_relief
        self.slope_relief = slope_relief
        self.crossing_scale = crossing_scale
        self.crossing_limit = crossing_limit
        self.boundary_penalty = boundary_penalty
        self.negative_penalty = negative_penalty
        self.windows = windows
        self.crossing_start = crossing_start
        self.damping = damping
        self.crossing_damping = crossing_damping
        self.initial = initial
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.callback = callback
        self.max_bins = max_bins
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Find the distribution of a signal, or of several.

        Parameters
        ----------
        X : array-like of shape (n_points, n_axes)
            Acquisition points, a full grid or any part of one.
        y : array-like of shape (n_points,) or (n_points, n_channels)
            Signals.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each point: the number of times it was measured. Points of
            weight 0 count as removed; only `residuals_` has them.

        Returns
        -------
        MultiDimRegularizedILT
            The fitted estimator.

        Raises
        ------
        ValueError
            If shapes do not match, values are not finite, y is constant, or a grid
            is not increasing or, on a logarithmic axis, not positive.

        Warns
        -----
        UserWarning
            If a given grid misses most of what the acquisition can see.
        ConvergenceWarning
            If the convergent scheme does not reach `tol`, or after an interruption.
        """
        labels = y.columns if isinstance(y, pd.DataFrame) else None
        X, y, weight = validate_fit(self, X, y, sample_weight)
        if weight is None or weight.min() > 0.0:
            return self._fit(X, y, weight, labels)
        # Rows of weight 0 must be as if removed: for the grids, the noise, everything.
        kept = weight > 0.0
        if np.count_nonzero(kept) < 2:
            raise ValueError(
                "sample_weight must have at least two positive entries, got "
                f"{np.count_nonzero(kept)}."
            )
        self._fit(X[kept], y[kept], weight[kept], labels)
        self.residuals_ = y - self._signals_or_nan(X).reshape(y.shape)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_grid(self, axes, data, sigma=None):
        """Find the distribution of an array on a full grid.

        Parameters
        ----------
        axes : tuple of array-like of shape (N_k,) or (N_k, 1)
            Acquisition points of each axis. With one axis also its points alone.
        data : array-like of shape (N_1, ..., N_d[, channels])
            Signal. Axes behind those of the acquisition are channels.
        sigma : array-like of the shape of data or None, default=None
            Standard deviation of the noise of each data point; infinite where a
            point is missing.

        Returns
        -------
        MultiDimRegularizedILT
            The fitted estimator. `residuals_` is shaped as `data`.

        Raises
        ------
        ValueError
            If shapes do not match, or for the reasons of `fit`.
        """
        axes, data, sigma = validate_grid(axes, data, sigma)
        sizes = tuple(axis.size for axis in axes)
        self._check_discrete_sizes(sizes)
        y = data.reshape(math.prod(sizes), -1)
        single = data.ndim == len(axes)
        weight = None if sigma is None else 1.0 / sigma.reshape(y.shape) ** 2
        X, y = acquisition_grid(*axes), y[:, 0] if single else y
        # Columns without names, as `fit` has them of a plain array.
        self.n_features_in_ = X.shape[1]
        vars(self).pop("feature_names_in_", None)
        self._fit(X, y, weight, None, data.shape[len(axes) :], sigma is not None)
        self.residuals_ = self.residuals_.reshape(data.shape)
        return self

    def _check_discrete_sizes(self, sizes):
        """Raise ValueError if a grid is given for an identity axis of another size."""
        kernels, grids = self.kernels, self.grids
        if not isinstance(kernels, list | tuple) or not isinstance(grids, list | tuple):
            return
        for axis, (kernel, grid) in enumerate(zip(kernels, grids, strict=False)):
            discrete = kernel == "identity" or getattr(kernel, "is_discrete", False)
            if discrete and np.ndim(grid) == 1 and len(grid) != sizes[axis]:
                raise ValueError(
                    f"grids: axis {axis} is not inverted, so its {len(grid)} bins "
                    f"must be its {sizes[axis]} points."
                )

    def _fit(self, X, y, weight, labels, channel_shape=None, has_sigma=False):
        single = y.ndim == 1
        y = y.reshape(X.shape[0], -1)
        if np.ptp(y) == 0.0:
            raise ValueError(
                f"y is constant ({y.flat[0]}): there is nothing to invert."
            )
        check_scalars(self)
        self._settings = self._copy_settings()
        self._single_signal = single
        self._signal_labels = range(y.shape[1]) if labels is None else labels
        self._order = self._column_order(X.shape[1])
        X = X[:, self._order]
        self._layout = make_layout(
            X, self.kernels, self.grids, self.spacing, self.baseline,
            self.compression, self.max_bins,
        )  # fmt: skip
        self.grids_ = self._layout.grids
        places = locate(X, self._layout)
        n_positions = int(
            math.prod([self.grids_[axis].size for axis in self._layout.discrete])
        )
        data, weights = gather(y, weight, places, n_positions)
        self._channel_grids = []
        if self.couple_channels and not single:
            self._channel_grids = self._coupled_grids(y.shape[1], channel_shape)
        noise_std = 1.0 if has_sigma and self.noise_std is None else self.noise_std
        self._data, self._weights, self._places = data, weights, places
        task = self._task(data, noise_std, self.n_jobs, self.verbose, self.callback)
        # A second thread of BLAS waits longer than it works as soon as another program
        # is busy: factorisations were ten times slower.
        with single_blas_thread():
            outcome = self._run_soundly(task)
        self._full = outcome.full
        self.noise_std_ = outcome.noise_std
        self.convergence_ = outcome.steps
        self.n_iter_ = outcome.n_iter
        self.converged_ = outcome.converged
        self._separate()
        residuals = y - self._signals(places)
        self.residuals_ = residuals[:, 0] if single else residuals
        self._warn(task, outcome)
        return self

    def _treats_alone(self):
        return not self.couple_channels and self.callback is None

    def _copy_settings(self):
        """Return the parameters as they are now, which refits for bands use."""
        values = {}
        for name in self._get_param_names():
            value = getattr(self, name)
            if isinstance(value, np.ndarray | list):
                value = copy.deepcopy(value)
            values[name] = value
        # What a fit reports to is no part of it, and need not be pickled.
        del values["callback"]
        return types.SimpleNamespace(**values)

    def _task(self, data, noise_std, n_jobs, verbose=0, callback=None):
        """Return the task to invert data on the points of the fit."""
        settings = self._settings
        default = _DEFAULTS[settings.scheme]
        return Task(
            estimator=settings,
            layout=self._layout,
            places=self._places,
            data=data,
            weights=self._weights,
            max_iter=int(settings.max_iter or default[0]),
            tol=default[1] if settings.tol is None else settings.tol,
            noise_std=noise_std,
            n_jobs=n_jobs,
            verbose=verbose,
            callback=callback,
        )

    def _run_soundly(self, task):
        """Return the Outcome of a task, or raise ValueError if it is not finite."""
        try:
            with np.errstate(all="ignore"):
                outcome = self._run(task)
            full = outcome.full
            if np.ndim(outcome.noise_std):
                # Constant channels have no noise level, and are nan.
                full = full[..., np.isfinite(outcome.noise_std)]
            if np.isfinite(full).all():
                return outcome
        except SolverError:
            pass
        raise ValueError(
            "the equations have no solution in floating point: y, noise_std, "
            "sample_weight, grids or penalties are too large or too small beside each "
            "other."
        )

    def _run(self, task):
        """Return the Outcome of a task."""
        coupled = bool(self._channel_grids) or self._single_signal
        return run(task, self._channel_grids, len(self._signal_labels), coupled)

    def _column_order(self, n_columns):
        """Return the order in which the models read the columns of X."""
        names = list(getattr(self, "feature_names_in_", []))
        models = resolve_axes(self.kernels, names, n_columns, "kernels")
        columns = assign_columns(models, names, n_columns, "kernels read")
        return [place for part in columns for place in part]

    def _coupled_grids(self, n_channels, shape):
        """Return the coordinates of each axis of the channels."""
        if self.channel_shape is not None or not shape:
            given = n_channels if self.channel_shape is None else self.channel_shape
            shape = check_channel_shape(given, n_channels)
        if self.channel_axes is None:
            return [np.arange(1.0, n + 1.0) for n in shape]
        grids = check_channel_axes(self.channel_axes)
        sizes = tuple(grid.size for grid in grids)
        if sizes != shape:
            raise ValueError(
                f"channel_axes have sizes {sizes}, but the channels have shape {shape}."
            )
        return grids

    def _warn(self, task, outcome):
        if outcome.interrupted:
            warnings.warn(
                f"interrupted after {np.max(self.n_iter_)} of {task.max_iter} "
                "iterations; the last iterate is kept.",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif self.scheme == "convergent" and not np.all(self.converged_):
            n_open = int(np.sum(~np.atleast_1d(self.converged_)))
            warnings.warn(
                f"{n_open} of {np.size(self.converged_)} inversions did not reach "
                f"tol={task.tol:.3g} in {task.max_iter} iterations; increase max_iter "
                "or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def predict(self, X):
        """Return the signals of the distribution at other acquisition points.

        Parameters
        ----------
        X : array-like of shape (n_points, n_axes)
            Acquisition points. On an axis that is not inverted they must be bins.

        Returns
        -------
        ndarray of shape (n_points,) or (n_points, n_channels)
            The signals, with baselines.

        Raises
        ------
        ValueError
            If points are negative where they must not be, or no bins of an axis
            that is not inverted.
        """
        check_is_fitted(self)
        X = validate_points(self, X, reset=False)
        signals = self._signals(locate(X[:, self._order], self._layout))
        return signals[:, 0] if self._single_signal else signals

    def score(self, X, y, sample_weight=None):
        """Return the coefficient of determination of predictions.

        Parameters
        ----------
        X : array-like of shape (n_points, n_axes)
            Acquisition points.
        y : array-like of shape (n_points,) or (n_points, n_channels)
            Signals.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each point.

        Returns
        -------
        float
            R^2, the mean over channels.
        """
        refuse_complex(y)
        y = check_numbers(y, "y")
        check_size(y, "y")
        if y.ndim and np.ndim(X) and len(y) != np.shape(X)[0]:
            raise ValueError(f"X has {np.shape(X)[0]} points, y has {len(y)}.")
        with errors_name("y"):
            return super().score(X, y, sample_weight)

    @classmethod
    @functools.cache
    def _get_param_names(cls):
        """Return the names of the parameters, which every fit asks for.

        Reading them off the signature takes as long as ten iterations of one axis.
        """
        return super()._get_param_names()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        kernels = self.kernels
        if not isinstance(kernels, list | tuple):
            kernels = [kernels]
        tags.input_tags.positive_only = any(
            not (isinstance(kernel, str) and kernel == "identity")
            and getattr(kernel, "requires_positive", True)
            for kernel in kernels
        )
        tags.regressor_tags.poor_score = True
        return tags
