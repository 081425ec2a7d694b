"""Smooth LASSO with both strengths chosen by cross-validation."""

import numbers

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from ..utils._grid_shape import check_grid_shape
from ..utils._linear_inputs import COUNT, ITERATIONS, STRENGTH
from ..utils._parallel import single_blas_thread
from ..utils._sklearn import BaseEstimator, Options, StrOptions, _fit_context
from ..utils._validation import N_JOBS
from . import _numba
from ._cv import FoldsMixin, check_path, choose_candidate, cross_validate_path
from ._explained import report_unexplained
from ._linear import LinearInversionMixin, validate_linear
from ._penalty import kronecker_penalty
from ._problem import make_problem, mean_squares
from ._smooth_solvers import (
    MAX_PIVOTS,
    csr_arrays,
    hessian,
    smooth_shift,
    smooth_workspace,
    solve_smooth_batch,
)
from ._solvers import alpha_max, dual_shift, warn_gaps, workspace

# Default grids, as decades below the largest useful strength: between them lie
# all choices of the examples and benchmarks.
_ALPHA_DECADES = (2.0, 6.0)
_SMOOTHNESS_DECADES = (0.0, 8.0)


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
        of it, or the values themselves.
    order : {0, 1, 2}, default=1
        Order of the differences, see :class:`SmoothLasso`.
    cv : int, splitter, iterable or None, default=None
        Folds. An int or None (5) interleaves them, see
        :class:`~skrelax.model_selection.InterleavedKFold`.
    rule : {"min", "1se"}, default="min"
        Take the pair of the smallest error, or, among the pairs whose error is
        within one standard error of it, the largest smoothness and for it the
        largest alpha. The same holds for pairs whose errors are equal to rounding.
    noise_std : float or None, default=None
        Noise standard deviation of the signals. Where given, the curve that is
        minimised is the distance of the error from the noise variance.
    positive : bool, default=True
        Whether distributions must not be negative.
    fit_intercept : bool, default=False
        Whether to fit an unpenalised constant: a static baseline.
    grid_shape : tuple of int or None, default=None
        Number of bins per axis, in C order, see :class:`SmoothLasso`.
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
    alpha_ : float
        Chosen weight of the L1 term.
    smoothness_ : float
        Chosen weight of the squared differences.
    alphas_ : ndarray of shape (n_alphas,)
        Alphas compared, decreasing.
    smoothnesses_ : ndarray of shape (n_smoothnesses,)
        Smoothnesses compared, decreasing.
    cv_results_ : dict of ndarray
        The curve: ``"alpha"``, ``"smoothness"``, ``"mean_test_mse"``,
        ``"se_test_mse"`` (standard error over the folds), and
        ``"split0_test_mse"``, ..., each of shape (n_smoothnesses, n_alphas).
    cv_dual_gap_ : float
        Largest relative duality gap of all folds, signals and pairs.
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

    _parameter_constraints: dict = {
        "alphas": [COUNT, "array-like"],
        "smoothnesses": [COUNT, "array-like"],
        "order": [Options(numbers.Integral, {0, 1, 2})],
        "cv": ["cv_object"],
        "rule": [StrOptions({"min", "1se"})],
        "noise_std": [STRENGTH, None],
        "positive": ["boolean"],
        "fit_intercept": ["boolean"],
        "grid_shape": ["array-like", None],
        "tol": [STRENGTH],
        "max_iter": [ITERATIONS],
        "n_jobs": N_JOBS,
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        alphas=5,
        smoothnesses=17,
        order=1,
        cv=None,
        rule="min",
        noise_std=None,
        positive=True,
        fit_intercept=False,
        grid_shape=None,
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
        self.positive = positive
        self.fit_intercept = fit_intercept
        self.grid_shape = grid_shape
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
            example.
        """
        source = X
        X, y, weight = validate_linear(self, X, y, sample_weight)
        self.grid_shape_ = check_grid_shape(self.grid_shape, X, source)
        folds = self._folds(X, y, sample_weight, groups)
        problem = make_problem(X, y, weight, self.fit_intercept)
        self.alphas_ = self._alpha_path(problem)
        self.smoothnesses_ = self._smoothness_path(problem)
        penalty = kronecker_penalty(self.grid_shape_, self.order)

        def solve(*fold):
            self._solve_fold(penalty, *fold)

        shape = (self.smoothnesses_.size, self.alphas_.size)
        n = X.shape[1]
        cost = float(np.prod(shape)) * n**2 * (min(X.shape) + n / 10)
        with single_blas_thread():
            errors, gaps, counts = cross_validate_path(
                solve, X, y, weight, folds, shape[0] * shape[1], shape[0], cost,
                self.fit_intercept, self.n_jobs, self.verbose,
            )  # fmt: skip
        self.cv_dual_gap_ = float(gaps.max())
        warn_gaps(gaps, self.tol, self.max_iter, "fits of the folds")
        (best,), *curve = choose_candidate(
            errors, counts, self.rule, self.noise_std, mean_squares(y, weight)
        )
        self._store_curve(shape, *curve)
        self.smoothness_ = float(self.smoothnesses_[best // shape[1]])
        self.alpha_ = float(self.alphas_[best % shape[1]])

        alphas = np.full(y.shape[1], self.alpha_)
        F, gaps, n_iter = solve_smooth_batch(
            problem, alphas, self.smoothness_, penalty, self.positive, self.tol,
            self.max_iter, self.n_jobs,
        )  # fmt: skip
        warn_gaps(gaps, self.tol, self.max_iter)
        self._store(problem, F, gaps, n_iter)
        report_unexplained(problem, F, alphas, self.positive)
        return self

    def _alpha_path(self, problem):
        if not isinstance(self.alphas, numbers.Integral):
            return check_path("alphas", self.alphas)
        top = alpha_max(problem, self.positive) or 1.0
        start, stop = _ALPHA_DECADES
        decades = np.linspace(start, stop, self.alphas - 1)
        return np.append(top * 10.0**-decades, 0.0)

    def _smoothness_path(self, problem):
        if not isinstance(self.smoothnesses, numbers.Integral):
            return check_path("smoothnesses", self.smoothnesses)
        top = np.einsum("ij,ij->", problem.AT, problem.AT) / problem.AT.shape[0] or 1.0
        start, stop = _SMOOTHNESS_DECADES
        return top * 10.0 ** -np.linspace(start, stop, self.smoothnesses)

    def _solve_fold(
        self, penalty, problem, index, test_K, test_S, test_weight, errors, gaps
    ):
        """Fill errors and gaps (q, n_alphas) of one fold and smoothness."""
        smoothness = float(self.smoothnesses_[index])
        gaps[...] = np.inf
        if self.positive:
            self._solve_path(
                smoothness, penalty, problem, test_K, test_S, test_weight, errors, gaps
            )
        for column in np.flatnonzero(~(gaps <= self.tol).all(axis=0)):
            alphas = np.full(len(errors), self.alphas_[column])
            F, again, _ = solve_smooth_batch(
                problem, alphas, smoothness, penalty, self.positive, self.tol,
                self.max_iter,
            )  # fmt: skip
            better = again < gaps[:, column]
            squares = (F @ test_K.T - test_S) ** 2 @ test_weight
            errors[better, column] = squares[better]
            gaps[better, column] = again[better]

    def _solve_path(
        self, smoothness, penalty, problem, test_K, test_S, test_weight, errors, gaps
    ):
        """Fill errors and gaps along the alphas, warm from one to the next."""
        n, m = problem.AT.shape
        if smoothness == 0.0:
            _numba.lasso_path_errors(
                problem.AT, problem.S, problem.extra, self.alphas_, False,
                *dual_shift(problem.AT), self.tol, self.max_iter, workspace(n, m),
                np.empty(n), np.empty(3), test_K, test_S, test_weight, errors, gaps,
                np.empty(len(errors), np.int64),
            )  # fmt: skip
            return
        H = hessian(problem, penalty, smoothness)
        _numba.smooth_path_errors(
            H, problem.AT, problem.S, problem.extra, self.alphas_, smoothness,
            *csr_arrays(penalty), *smooth_shift(problem, H), MAX_PIVOTS,
            np.empty(n, np.bool_), smooth_workspace(n, m), np.empty(n), np.empty(3),
            test_K, test_S, test_weight, errors, gaps,
        )  # fmt: skip

    def _store_curve(self, shape, mean, error, mse):
        alpha, smoothness = np.meshgrid(self.alphas_, self.smoothnesses_)
        self.cv_results_ = {
            "alpha": alpha,
            "smoothness": smoothness,
            "mean_test_mse": mean.reshape(shape),
            "se_test_mse": error.reshape(shape),
        }
        for index, fold in enumerate(mse):
            self.cv_results_[f"split{index}_test_mse"] = fold.reshape(shape)
