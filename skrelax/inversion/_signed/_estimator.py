"""The estimator of the signed inversion."""

import math
import numbers

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from ...kernels import acquisition_grid
from ...signals import SignalModel
from ...utils._frames import frame_columns
from ...utils._parallel import single_blas_thread
from ...utils._progress import open_work
from ...utils._sklearn import BaseEstimator, Interval, StrOptions, _fit_context
from ...utils._validation import (
    N_JOBS,
    check_number,
    check_numbers,
    check_range,
    check_size,
    errors_name,
    refuse_complex,
    validate_points,
)
from ...utils._warnings import give_warning
from ._axes import check_discrete_sizes, make_axes
from ._checks import COUNT, check_start, validate_fit, validate_grid
from ._data import count_data, gather
from ._penalty import AdaptivePenalty, make_penalty
from ._problem import Problem, solve_soundly
from ._result import IltResultMixin
from ._schemes import ConvergentScheme, ReferenceScheme, make_scheme


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
    spacing : {"log", "linear"} or list of these, default="log"
        Spacing of the bins of inverted axes.
    penalty : AdaptivePenalty or None, default=None
        The penalties and their constants; None takes those of
        :class:`AdaptivePenalty` as they are. ``set_params(penalty__strength=...)``
        and searches reach its parameters.
    scheme : str, ReferenceScheme or ConvergentScheme, default="reference"
        ``"reference"`` is the iteration of [1]_, which reaches a plateau rather
        than a limit. ``"convergent"`` replaces its switches (moving maxima, signs)
        by smooth functions and adapts its damping; its result is a fixed point. The
        objects :class:`ReferenceScheme` and :class:`ConvergentScheme` have the number
        of iterations and the tolerance, as ``scheme__max_iter`` and ``scheme__tol``.
    channels : None, "coupled", array-like or list of array-like, default=None
        None inverts each channel of y on its own. ``"coupled"`` makes the channels an
        axis of the distribution that is regularised with the others; for
        :meth:`fit_grid` as many axes as data have. Coordinates do the same, an array
        for one axis or a list with one for each; their last step scales the penalty.
    baseline : bool or list of bool, default=False
        Whether an inverted axis has a static baseline.
    noise_std : float or None, default=None
        Standard deviation of the noise, by which the data are divided inside.
        None estimates it, see Notes.
    compression : int, float, None or list of these, default=None
        Number of singular values that each inverted axis keeps, or their level
        relative to the largest (a float below 1).
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
    distribution_ : ndarray of shape (n_1, ..., n_d[, n_channels or shape of channels])
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
        Whether the change fell below the tolerance. The reference scheme hardly ever
        gets there.
    n_iter_ : int or ndarray of shape (n_channels,)
        Number of iterations.
    n_features_in_ : int
        Number of acquisition columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X was a frame with string names.

    See Also
    --------
    AdaptivePenalty : The constants of the penalties.
    ReferenceScheme, ConvergentScheme : The two iterations.
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
        "grids": [COUNT, "array-like", None],
        "spacing": [StrOptions({"log", "linear"}), "array-like"],
        "penalty": [AdaptivePenalty, None],
        "scheme": [
            StrOptions({"reference", "convergent"}),
            ReferenceScheme,
            ConvergentScheme,
        ],
        "channels": [StrOptions({"coupled"}), "array-like", None],
        "baseline": ["boolean", "array-like"],
        "noise_std": [Interval(numbers.Real, 0, None, closed="neither"), None],
        "compression": [
            Interval(numbers.Real, 0, None, closed="neither"),
            "array-like",
            None,
        ],
        "solver": [StrOptions({"auto", "direct", "iterative"})],
        "callback": [callable, None],
        "max_bins": [COUNT],
        "n_jobs": N_JOBS,
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        kernels="T2",
        grids=None,
        *,
        spacing="log",
        penalty=None,
        scheme="reference",
        channels=None,
        baseline=False,
        noise_std=None,
        compression=None,
        solver="auto",
        callback=None,
        max_bins=100_000,
        n_jobs=None,
        verbose=0,
    ):
        self.kernels = kernels
        self.grids = grids
        self.spacing = spacing
        self.penalty = penalty
        self.scheme = scheme
        self.channels = channels
        self.baseline = baseline
        self.noise_std = noise_std
        self.compression = compression
        self.solver = solver
        self.callback = callback
        self.max_bins = max_bins
        self.n_jobs = n_jobs
        self.verbose = verbose

    def set_params(self, **params):
        """Set parameters, also those of the penalty and the scheme.

        Parameters
        ----------
        **params : dict
            Values by name; ``penalty__strength`` and its like reach what is inside,
            where a shorthand (None, ``"reference"``) becomes an object first.

        Returns
        -------
        MultiDimRegularizedILT
            The estimator.
        """
        for name, make in (("penalty", make_penalty), ("scheme", make_scheme)):
            if any(key.startswith(f"{name}__") for key in params):
                params[name] = make(params.get(name, getattr(self, name)))
        return super().set_params(**params)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, initial=None):
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
        initial : array-like, tuple or None, default=None
            Distribution to start from, shaped as `distribution_`, or as that of one
            channel for channels on their own; or a tuple of it and baselines, shaped
            as `baseline_`, which are 0 otherwise. Near its result the convergent scheme
            takes a tenth of its iterations from there, to the same result.

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
        labels = frame_columns(y)
        X, y, weight = validate_fit(self, X, y, sample_weight)
        if weight is None or weight.min() > 0.0:
            return self._fit(X, y, weight, initial, labels)
        # Rows of weight 0 must be as if removed: for the grids, the noise, everything.
        kept = weight > 0.0
        if np.count_nonzero(kept) < 2:
            raise ValueError(
                "sample_weight must have at least two positive entries, got "
                f"{np.count_nonzero(kept)}."
            )
        self._fit(X[kept], y[kept], weight[kept], initial, labels)
        self.residuals_ = y - self._signals_or_nan(X).reshape(y.shape)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_grid(self, axes, data, sigma=None, initial=None):
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
        initial : array-like, tuple or None, default=None
            Distribution to start from, as in :meth:`fit`.

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
        check_discrete_sizes(self.kernels, self.grids, sizes)
        y = data.reshape(math.prod(sizes), -1)
        single = data.ndim == len(axes)
        weight = None if sigma is None else 1.0 / sigma.reshape(y.shape) ** 2
        X, y = acquisition_grid(*axes), y[:, 0] if single else y
        # Columns without names, as `fit` has them of a plain array.
        self.n_features_in_ = X.shape[1]
        vars(self).pop("feature_names_in_", None)
        shape = data.shape[len(axes) :]
        self._fit(X, y, weight, initial, None, shape, sigma is not None)
        self.residuals_ = self.residuals_.reshape(data.shape)
        return self

    def _fit(
        self, X, y, weight, initial, labels=None, channel_shape=(), has_sigma=False
    ):
        """Fit points, all of them measured.

        channel_shape is that of the channels in the data, has_sigma tells whether
        weights are in units of the noise.
        """
        single = y.ndim == 1
        y = y.reshape(X.shape[0], -1)
        if np.ptp(y) == 0.0:
            raise ValueError(
                f"y is constant ({y.flat[0]}): there is nothing to invert."
            )
        if self.noise_std is not None:
            noise_std = check_number(self.noise_std, "noise_std")
            check_range(noise_std, "noise_std", 1e-100, 1e100)
        penalty, scheme = make_penalty(self.penalty), make_scheme(self.scheme)
        penalty._check()
        scheme._check()
        axes = make_axes(
            X,
            getattr(self, "feature_names_in_", ()),
            self.kernels,
            self.grids,
            self.spacing,
            self.baseline,
            self.compression,
            self.max_bins,
        )
        self._single_signal = single
        self._signal_labels = range(y.shape[1]) if labels is None else labels
        self.grids_ = axes.grids
        places = axes.locate(X)
        data, weights = gather(y, weight, places, axes.n_positions)
        coupled = self.channels is not None and not single
        if coupled:
            axes = axes.with_channels(self.channels, channel_shape, y.shape[1])
        n_alone = 0 if coupled or single else y.shape[1]
        n_data = count_data(penalty.count, axes, places.factors, len(data), weights)
        self._axes = axes
        self._problem = problem = Problem(
            axes=axes,
            factors=places.factors,
            data=data,
            weights=weights,
            noise_std=1.0 if has_sigma and self.noise_std is None else self.noise_std,
            penalty=penalty._fixed(axes, n_data),
            scheme=scheme._fixed(axes),
            solver=self.solver,
            start=check_start(initial, axes, n_alone),
            n_alone=n_alone,
        )
        # A second thread of BLAS waits longer than it works as soon as another program
        # is busy: factorisations were ten times slower.
        n_parts = n_alone or problem.scheme.max_iter
        work = open_work(self, X, y, n_parts, verbose=self.verbose)
        with single_blas_thread():
            answer = solve_soundly(problem, self.n_jobs, work, self.callback)
        self._full = answer.full
        self.noise_std_ = answer.noise_std
        self.convergence_ = answer.steps
        self.n_iter_ = answer.n_iter
        self.converged_ = answer.converged
        self._separate()
        residuals = y - self._signals(places)
        self.residuals_ = residuals[:, 0] if single else residuals
        _warn(answer, problem.scheme)
        work.end()
        return self

    def _treats_alone(self):
        return self.channels is None and self.callback is None

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
        signals = self._signals(self._axes.locate(X))
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


def _warn(answer, scheme):
    """Warn of an iteration that did not end as it should."""
    if answer.interrupted:
        text = (
            f"interrupted after {np.max(answer.n_iter)} of {scheme.max_iter} "
            "iterations; the last iterate is kept."
        )
    elif scheme._settles and not np.all(answer.converged):
        n_open = int(np.sum(~np.atleast_1d(answer.converged)))
        text = (
            f"{n_open} of {np.size(answer.converged)} inversions did not reach "
            f"tol={scheme.tol:.3g} in {np.max(answer.n_iter)} iterations; increase "
            "max_iter or tol."
        )
    else:
        return
    give_warning(text, ConvergenceWarning)
