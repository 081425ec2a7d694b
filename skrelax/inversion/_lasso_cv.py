"""LASSO with the penalty chosen by cross-validation over acquisition points."""

import numbers

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from ..utils._linear_inputs import COUNT, ITERATIONS, STRENGTH
from ..utils._sklearn import BaseEstimator, StrOptions, _fit_context
from ..utils._validation import N_JOBS
from . import _numba
from ._cv import FoldsMixin, check_path, choose_candidate, cross_validate_path
from ._explained import report_unexplained
from ._linear import LinearInversionMixin, validate_linear
from ._problem import make_problem, mean_squares
from ._solvers import alpha_grid, dual_shift, solve_batch, warn_gaps, workspace


class LassoFistaCV(
    FoldsMixin, LinearInversionMixin, MultiOutputMixin, RegressorMixin, BaseEstimator
):
    r"""Invert signals with an L1 penalty chosen by cross-validation.

    The objective is that of :class:`LassoFista`. Acquisition points are held
    out, the mean squared error of their prediction is compared over a path of
    alphas, and the distributions are fitted again to all points.

    Parameters
    ----------
    alphas : int or array-like of shape (n_alphas,), default=64
        Number of alphas, spaced evenly on a log axis from the smallest that
        gives zero down to 1e-6 of it, or the alphas themselves, positive.
    cv : int, splitter, iterable or None, default=None
        Folds. An int or None (5) interleaves them, see
        :class:`~skrelax.model_selection.InterleavedKFold`.
    rule : {"min", "1se"}, default="min"
        Take the alpha of the smallest error, or the largest alpha whose error
        is within one standard error of it. Of errors that are equal to rounding
        that of the largest alpha counts: all are for a signal of zeros.
    noise_std : float or None, default=None
        Noise standard deviation of the signals. Where given, the curve that is
        minimised is the distance of the error from the noise variance, as
        mrinversion has it: errors below the noise are no better than errors
        above.
    alpha_per_signal : bool, default=False
        Whether each signal gets its own alpha, or all share one.
    positive : bool, default=True
        Whether distributions must not be negative.
    fit_intercept : bool, default=False
        Whether to fit an unpenalised constant: a static baseline.
    tol : float, default=1e-8
        Relative duality gap to reach, in every fold too.
    max_iter : int, default=10000
        Largest number of iterations per signal and alpha.
    n_jobs : int or None, default=None
        Number of threads over folds and chunks of signals. None means 1
        outside a :obj:`joblib.parallel_config` context.
    verbose : int, default=0
        Whether progress is reported on standard error.

    Attributes
    ----------
    alpha_ : float or ndarray of shape (n_signals,)
        Chosen alpha; an array for ``alpha_per_signal=True``.
    alphas_ : ndarray of shape (n_alphas,)
        Alphas compared, decreasing.
    cv_results_ : dict of ndarray
        The curve: ``"alpha"``, ``"mean_test_mse"``, ``"se_test_mse"`` (standard
        error over the folds), and ``"split0_test_mse"``, ..., each of shape
        (n_alphas,), or (n_alphas, n_signals) for ``alpha_per_signal=True``.
    cv_dual_gap_ : float
        Largest relative duality gap of all folds, signals and alphas.
    coef_ : ndarray of shape (n_bins,) or (n_signals, n_bins)
        Distributions as scikit-learn has coefficients.
    distribution_ : ndarray of shape (n_1, ..., n_d[, n_signals])
        The same with an axis for each axis of the grid, and signals last.
    intercept_ : float or ndarray of shape (n_signals,)
        Baseline, 0 without `fit_intercept`.
    baseline_ : float or ndarray of shape (n_signals,)
        The same as `intercept_`.
    grids_ : tuple of ndarray
        Bins of each axis; their numbers where X does not know them.
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
    LassoFista : A fixed alpha.
    skrelax.plotting.CrossValidationCurveDisplay : Plot the curve.

    Notes
    -----
    The minimum is often flat over decades of alpha: ``rule="1se"`` is the more
    reproducible choice, ``"min"`` the less biased one.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax import KernelBuilder, LassoFistaCV
    >>> times = np.geomspace(0.001, 1.0, 40)[:, None]
    >>> noise = 0.01 * np.random.default_rng(0).standard_normal(40)
    >>> signal = np.exp(-times[:, 0] / 0.1) + noise
    >>> kernel = KernelBuilder("T2", n_bins=3, minimum=0.01, maximum=1.0)
    >>> model = LassoFistaCV().fit(kernel.fit_transform(times), signal)
    >>> model.coef_.round(1)
    array([0., 1., 0.])
    """

    _parameter_constraints: dict = {
        "alphas": [COUNT, "array-like"],
        "cv": ["cv_object"],
        "rule": [StrOptions({"min", "1se"})],
        "noise_std": [STRENGTH, None],
        "alpha_per_signal": ["boolean"],
        "positive": ["boolean"],
        "fit_intercept": ["boolean"],
        "tol": [STRENGTH],
        "max_iter": [ITERATIONS],
        "n_jobs": N_JOBS,
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        alphas=64,
        cv=None,
        rule="min",
        noise_std=None,
        alpha_per_signal=False,
        positive=True,
        fit_intercept=False,
        tol=1e-8,
        max_iter=10_000,
        n_jobs=None,
        verbose=0,
    ):
        self.alphas = alphas
        self.cv = cv
        self.rule = rule
        self.noise_std = noise_std
        self.alpha_per_signal = alpha_per_signal
        self.positive = positive
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Choose alpha and find the distribution of each signal.

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
        LassoFistaCV
            The fitted estimator.

        Raises
        ------
        ValueError
            If shapes do not match, values are not finite, a weight is negative,
            an alpha is not positive, or there are fewer points than folds.

        Warns
        -----
        ConvergenceWarning
            If a fit, in a fold or the final one, does not reach `tol`.
        UserWarning
            If the final fit explains nothing of a clear signal, of the wrong sign for
            example.
        """
        X, y, weight = validate_linear(self, X, y, sample_weight)
        folds = self._folds(X, y, sample_weight, groups)
        problem = make_problem(X, y, weight, self.fit_intercept)
        if isinstance(self.alphas, numbers.Integral):
            self.alphas_ = alpha_grid(problem, self.positive, self.alphas)
        else:
            self.alphas_ = check_path("alphas", self.alphas)

        errors, gaps, counts = cross_validate_path(
            self._solve_fold, X, y, weight, folds, self.alphas_.size, 1,
            2.0 * self.alphas_.size * X.shape[1] * min(X.shape), self.fit_intercept,
            self.n_jobs, self.verbose,
        )  # fmt: skip
        self.cv_dual_gap_ = float(gaps.max())
        warn_gaps(gaps, self.tol, self.max_iter, "fits of the folds")
        best, *curve = choose_candidate(
            errors, counts, self.rule, self.noise_std, mean_squares(y, weight),
            self.alpha_per_signal,
        )  # fmt: skip
        alpha = self.alphas_[best]
        self.alpha_ = alpha if self.alpha_per_signal else float(alpha[0])
        self._store_curve(*curve)

        F, gaps, n_iter = solve_batch(
            problem, np.full(y.shape[1], alpha), self.positive, "auto", self.tol,
            self.max_iter, self.n_jobs,
        )  # fmt: skip
        warn_gaps(gaps, self.tol, self.max_iter)
        self._store(problem, F, gaps, n_iter)
        report_unexplained(problem, F, np.full(y.shape[1], alpha), self.positive)
        return self

    def _solve_fold(self, problem, index, test_K, test_S, test_weight, errors, gaps):
        """Fill errors and gaps (q, n_alphas) of one fold."""
        n, m = problem.AT.shape
        _numba.lasso_path_errors(
            problem.AT, problem.S, problem.extra, self.alphas_, not self.positive,
            *dual_shift(problem.AT), self.tol, self.max_iter, workspace(n, m),
            np.empty(n), np.empty(3), test_K, test_S, test_weight, errors, gaps,
            np.empty(errors.shape[0], np.int64),
        )  # fmt: skip

    def _store_curve(self, mean, error, mse):
        def shape(values):
            return values if self.alpha_per_signal else values[:, 0]

        self.cv_results_ = {
            "alpha": self.alphas_,
            "mean_test_mse": shape(mean),
            "se_test_mse": shape(error),
        }
        for index, fold in enumerate(mse):
            self.cv_results_[f"split{index}_test_mse"] = shape(fold)
