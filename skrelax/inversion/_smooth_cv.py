"""Smooth LASSO whose two strengths are chosen by cross-validation."""

import numbers

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from ..utils._grid_shape import check_grid_shape
from ..utils._linear_inputs import COUNT, ITERATIONS, STRENGTH
from ..utils._sklearn import BaseEstimator, Options, StrOptions, _fit_context
from ..utils._validation import N_JOBS
from ._adaptive import following, solve_adaptive, warn_unsettled
from ._cv import (
    FoldedSignals,
    FoldsMixin,
    choose_candidate,
    curve_table,
    largest_gap,
    pair_table,
    paths_of,
)
from ._explained import report_hidden, report_unexplained
from ._lasso_solvers import warn_gaps
from ._linear import LinearInversionMixin, validate_linear
from ._penalty import kronecker_penalty
from ._smooth import SmoothLasso
from ._smooth_folds import cross_validate_smooth
from ._smooth_solvers import smooth_rows, solve_smooth
from ._strengths import check_path, smooth_alpha_grid, smoothness_grid
from ._weighted_rows import mean_squares


class SmoothLassoCV(
    FoldsMixin, LinearInversionMixin, MultiOutputMixin, RegressorMixin, BaseEstimator
):
    r"""Invert signals with L1 and smoothness penalties chosen by cross-validation.

    The objective is that of :class:`SmoothLasso`. Acquisition points are held
    out, the mean squared error of their prediction is compared over all pairs
    of strengths, and the distributions are fitted again to all points.

    Parameters
    ----------
    alphas : int or array-like of shape (n_alphas,), default=5
        Number of alphas, from a hundredth of the smallest that gives zero to 1e-6
        of it, with 0 as the last, or the alphas themselves.
    smoothnesses : int or array-like of shape (n_smoothnesses,), default=17
        Number of smoothnesses, from the mean square of the kernel down to 1e-8
        of it (where it is adaptive, both are 3.2 times as large), or the values
        themselves.
    order : {0, 1, 2} or None, default=None
        Order of the differences, see :class:`SmoothLasso`. None takes 2 on one axis and
        0 on several, whose maps are as good with any order and fastest with 0.
    cv : int, splitter, iterable or None, default=None
        Folds. An int or None (5) interleaves them, see
        :class:`~skrelax.model_selection.InterleavedKFold`.
    rule : {"near", "min", "1se"}, default="near"
        Take the pair of the smallest error, or, among the pairs whose error is
        at most 3 % or one standard error above it, the largest smoothness and for it
        the largest alpha. The same holds for pairs whose errors are equal to rounding.
        The smallest error alone is often that of a weaker penalty which invents peaks.
    noise_std : float or None, default=None
        Noise standard deviation of the signals. Where given, the curve that is
        minimised is the distance of the error from the noise variance.
    per_signal : bool, default=False
        Whether each signal gets its own pair, the one that a fit to it alone would
        choose, or all share one.
    positive : bool, default=True
        Whether distributions must not be negative.
    fit_intercept : bool, default=False
        Whether to fit an unpenalised constant: a static baseline.
    grid_shape : tuple of int or None, default=None
        Number of bins per axis, in C order, see :class:`SmoothLasso`.
    adaptive : bool or None, default=None
        Whether the smoothness follows the solution, see :class:`SmoothLasso`. None
        takes it for ``positive=True`` on one axis: on several it takes several times as
        long, and where amplitudes have any sign, a smoothness that gives way lets
        wiggles grow.
    tol : float, default=1e-8
        Relative duality gap to reach, in every fold too.
    max_iter : int, default=10000
        Largest number of active-set iterations per signal and pair.
    n_jobs : int or None, default=None
        Number of threads over folds and smoothnesses. None means 1 outside a
        :obj:`joblib.parallel_config` context.
    verbose : int, default=0
        Whether progress is reported on standard error.

    Attributes
    ----------
    alpha_ : float or ndarray of shape (n_signals,)
        Chosen weight of the L1 term; an array for ``per_signal=True``.
    smoothness_ : float or ndarray of shape (n_signals,)
        Chosen weight of the squared differences; an array for ``per_signal=True``.
    alphas_ : ndarray of shape (n_alphas,) or (n_alphas, n_signals)
        Alphas compared, decreasing; those of each signal for ``per_signal=True``.
    smoothnesses_ : ndarray of shape (n_smoothnesses,)
        Smoothnesses compared, decreasing.
    cv_results_ : dict of ndarray
        The curve: ``"alpha"``, ``"smoothness"``, ``"mean_test_mse"``,
        ``"se_test_mse"`` (standard error over the folds), and
        ``"split0_test_mse"``, ..., each of shape (n_smoothnesses, n_alphas), and a
        last axis of the signals for ``per_signal=True``.
    cv_dual_gap_ : float or ndarray of shape (n_signals,)
        Largest relative duality gap of all folds, signals and pairs; that of each
        signal for ``per_signal=True``.
    coef_ : ndarray of shape (n_bins,) or (n_signals, n_bins)
        Distributions as scikit-learn has coefficients, bins of several axes in C
        order.
    distribution_ : ndarray of shape (n_1, ..., n_d[, n_signals])
        The same with an axis for each axis of the grid, and signals last.
    intercept_ : float or ndarray of shape (n_signals,)
        Baseline, 0 without `fit_intercept`.
    baseline_ : float or ndarray of shape (n_signals,)
        The same as `intercept_`.
    grids_ : tuple of ndarray
        Bins of each axis; their numbers where X does not know them.
    grid_shape_ : tuple of int
        Number of bins per axis.
    dual_gap_ : float or ndarray of shape (n_signals,)
        Duality gap of the final fit relative to the objective.
    n_iter_ : int or ndarray of shape (n_signals,)
        Number of iterations of the final fit.
    n_features_in_ : int
        Number of bins.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the bins, if X was a frame with string names.

    See Also
    --------
    SmoothLasso : Fixed strengths.
    LassoFistaCV : Discrete components.

    Notes
    -----
    The defaults are those that recover known distributions best: of close pairs, narrow
    peaks beside broad ones, one peak, three, and continua, at signal-to-noise ratios of
    20, 100 and 1000, see ``benchmarks/bench_recovery.py``. Where smoothness follows the
    solution, weights settle to 1e-3 in folds; of more than 1200 bins folds take the
    weights that all points lead to, one after another from strong to weak penalties.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, SmoothLassoCV
    >>> times = np.geomspace(0.001, 1.0, 40)[:, None]
    >>> noise = 0.001 * np.random.default_rng(0).standard_normal(40)
    >>> signal = np.exp(-times[:, 0] / 0.1) + noise
    >>> model = make_pipeline(KernelBuilder("T2"), SmoothLassoCV())
    >>> distribution = model.fit(times, signal)[-1].coef_
    >>> round(float(distribution.sum()), 2)
    1.0
    """

    _fixed = SmoothLasso
    _parameter_constraints: dict = {
        "alphas": [COUNT, "array-like"],
        "smoothnesses": [COUNT, "array-like"],
        "order": [Options(numbers.Integral, {0, 1, 2}), None],
        "cv": ["cv_object"],
        "rule": [StrOptions({"near", "min", "1se"})],
        "noise_std": [STRENGTH, None],
        "per_signal": ["boolean"],
        "positive": ["boolean"],
        "fit_intercept": ["boolean"],
        "grid_shape": ["array-like", None],
        "adaptive": ["boolean", None],
        "tol": [STRENGTH],
        "max_iter": [ITERATIONS],
        "n_jobs": N_JOBS,
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        alphas=5,
        smoothnesses=17,
        order=None,
        cv=None,
        rule="near",
        noise_std=None,
        per_signal=False,
        positive=True,
        fit_intercept=False,
        grid_shape=None,
        adaptive=None,
        tol=1e-8,
        max_iter=10_000,
        n_jobs=None,
        verbose=0,
    ):
        self.alphas = alphas
        self.smoothnesses = smoothnesses
        self.order = order
        self.cv = cv
        self.rule = rule
        self.noise_std = noise_std
        self.per_signal = per_signal
        self.positive = positive
        self.fit_intercept = fit_intercept
        self.grid_shape = grid_shape
        self.adaptive = adaptive
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Choose both strengths and find the distribution of each signal.

        Parameters
        ----------
        X : array-like of shape (n_points, n_bins)
            Kernel.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Signals.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each acquisition point, in the fits and in the errors.
        groups : array-like of shape (n_points,) or None, default=None
            Groups of the points, for a `cv` that keeps them together, such as
            :class:`~sklearn.model_selection.GroupKFold`.

        Returns
        -------
        SmoothLassoCV
            The fitted estimator.

        Raises
        ------
        ValueError
            If shapes do not match, values are not finite, a weight or strength is
            negative, or there are fewer points than folds.

        Warns
        -----
        ConvergenceWarning
            If a fit, in a fold or the final one, does not reach `tol`.
        UserWarning
            If the final fit explains nothing of a clear signal, of the wrong sign for
            example, or much of it by bins that all points hardly see.
        """
        source = X
        X, y, weight = validate_linear(self, X, y, sample_weight)
        self.grid_shape_ = check_grid_shape(self.grid_shape, X, source)
        folds = self._folds(X, y, sample_weight, groups)
        rows = smooth_rows(X, y, weight, self.fit_intercept, self.grid_shape_)
        if isinstance(self.alphas, numbers.Integral):
            self.alphas_ = smooth_alpha_grid(
                rows, self.positive, self.alphas, self.per_signal
            )
        else:
            self.alphas_ = check_path("alphas", self.alphas)
        if isinstance(self.smoothnesses, numbers.Integral):
            self.smoothnesses_ = smoothness_grid(
                rows, self.smoothnesses, self._is_adaptive
            )
        else:
            self.smoothnesses_ = check_path("smoothnesses", self.smoothnesses)
        adaptive, one_axis = self._is_adaptive, len(self.grid_shape_) == 1
        self._order = (2 if one_axis else 0) if self.order is None else self.order
        make = following if adaptive else kronecker_penalty
        penalty = make(self.grid_shape_, self._order)
        settings = penalty, self.positive, self.tol, self.max_iter
        paths = paths_of(self.alphas_, y.shape[1])

        errors, gaps, counts = cross_validate_smooth(
            rows,
            FoldedSignals(X, y, weight, folds, self.fit_intercept),
            (self.smoothnesses_, paths),
            penalty,
            settings[1:],
            self.n_jobs,
            self.verbose,
        )
        self.cv_dual_gap_ = largest_gap(gaps, self.per_signal)
        warn_gaps(gaps, self.tol, self.max_iter, "fits of the folds")
        best, *curve = choose_candidate(
            errors,
            counts,
            self.rule,
            self.noise_std,
            mean_squares(y, weight),
            self.per_signal,
        )
        if self.per_signal:
            self.alphas_ = paths.T.copy()
        pairs = pair_table(self.alphas_, self.smoothnesses_)
        self.cv_results_ = curve_table(pairs, *curve)
        row, step = np.divmod(best, paths.shape[1])
        alphas = paths[np.arange(y.shape[1]), step]
        smoothness = self.smoothnesses_[row]
        self.alpha_ = alphas if self.per_signal else float(alphas[0])
        self.smoothness_ = smoothness if self.per_signal else float(smoothness[0])

        solve = solve_adaptive if adaptive else solve_smooth
        found = solve(rows, alphas, self.smoothness_, *settings, self.n_jobs)
        F, gaps, n_iter = found[:3]
        warn_gaps(gaps, self.tol, self.max_iter)
        self._store(rows, F, gaps, n_iter)
        self._follows = None
        if adaptive:
            warn_unsettled(found[3], self.max_iter)
            self._follows = penalty, penalty.floors(rows)
        report_unexplained(rows, F, alphas, self.positive)
        report_hidden(X, weight, F)
        return self

    @property
    def _is_adaptive(self):
        if self.adaptive is None:
            return self.positive and len(self.grid_shape_) == 1
        return self.adaptive

    def _keep_choice(self, part):
        kept = super()._keep_choice(part)
        return kept.set_params(order=self._order, adaptive=self._is_adaptive)

    def _treats_alone(self):
        return self.per_signal
