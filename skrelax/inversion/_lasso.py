"""LASSO with a certificate, its penalty given or chosen by cross-validation."""

import numbers

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from ..utils._linear_inputs import COUNT, ITERATIONS, STRENGTH
from ..utils._parallel import calm_fit
from ..utils._progress import open_work, tell_fit
from ..utils._sklearn import BaseEstimator, StrOptions, _fit_context
from ..utils._validation import N_JOBS
from ._cv import (
    FoldedSignals,
    FoldsMixin,
    choose_candidate,
    cross_validate_paths,
    curve_table,
    largest_gap,
    paths_of,
)
from ._explained import report_unexplained
from ._lasso_solvers import held_out_errors, solve_lasso, warn_gaps
from ._linear import LinearInversionMixin, validate_linear
from ._strengths import alpha_grid, check_alpha, check_path
from ._weighted_rows import mean_squares, weigh_rows


class LassoFista(LinearInversionMixin, MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Invert signals with an L1 penalty: distributions with few components.

    Minimises for each signal s, with weights w of the acquisition points,

    .. math:: \frac{1}{2 \sum_i w_i} \sum_i w_i (K f + c - s)_i^2
              + \alpha \|f\|_1, \quad f \ge 0,

    which is the objective of :class:`sklearn.linear_model.Lasso`. The constant
    c is there for ``fit_intercept=True`` and the bound f >= 0 for
    ``positive=True``.

    Parameters
    ----------
    alpha : float or array-like of shape (n_signals,), default=1e-3
        Weight of the L1 term, in units of the signal. 0 gives non-negative (or
        ordinary) least squares.
    positive : bool, default=True
        Whether distributions must not be negative.
    fit_intercept : bool, default=False
        Whether to fit an unpenalised constant: a static baseline.
    solver : {"auto", "fista"}, default="auto"
        ``"auto"`` is an active-set method that reaches the minimiser,
        ``"fista"`` the accelerated proximal gradient [1]_, which does not
        converge on relaxation kernels in practice: with `max_iter` or `tol` it
        is early-stopped regularisation, on purpose.
    tol : float, default=1e-8
        Relative duality gap at which to stop.
    max_iter : int, default=10000
        Largest number of iterations per signal.
    n_jobs : int or None, default=None
        Number of threads over chunks of signals. None means 1 outside a
        :obj:`joblib.parallel_config` context.

    Attributes
    ----------
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
        Duality gap relative to the objective (or to the rounding of
        ``||s||^2 / 2``, where a fit is exact): the objective of `coef_` is at
        most this fraction above the minimum.
    n_iter_ : int or ndarray of shape (n_signals,)
        Number of iterations.
    n_features_in_ : int
        Number of bins.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the bins, if X was a frame with string names.

    See Also
    --------
    LassoFistaCV : Choose alpha by cross-validation.
    lasso_path : All alphas of a path.

    Notes
    -----
    The default solver is not FISTA but an active-set method (Lawson and Hanson's,
    with the L1 term); FISTA is there as ``solver="fista"``. The name stays all the
    same: it is that of mrinversion's estimator for this objective, by which people
    of the field look for it.

    The L1 penalty suits discrete components. A broad distribution becomes a
    picket fence of spikes, at any alpha. The solution is that of mrinversion's
    objective with ``lambda = alpha * n_points / scale``, but converged, where
    mrinversion stops early. Signals are solved independently: a batch gives
    the same numbers as one signal at a time.

    References
    ----------
    .. [1] A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding
       algorithm for linear inverse problems", SIAM J. Imaging Sci. 2 (2009) 183.
       https://doi.org/10.1137/080716542

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, LassoFista
    >>> times = np.linspace(0.01, 1.0, 50)[:, None]
    >>> signal = 2.0 * np.exp(-times[:, 0] / 0.1)
    >>> kernel = KernelBuilder("T2", grid=[0.01, 0.1, 1.0])
    >>> model = make_pipeline(kernel, LassoFista(alpha=1e-6)).fit(times, signal)
    >>> model[-1].coef_.round(4)
    array([0., 2., 0.])
    """

    # What a search of strengths may vary, the default first.
    _strengths = ("alpha",)
    # Of a fit without parts callbacks need not hear more than that it is done.
    _fits_at_once = True
    _parameter_constraints: dict = {
        "alpha": [STRENGTH, "array-like"],
        "positive": ["boolean"],
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"auto", "fista"})],
        "tol": [STRENGTH],
        "max_iter": [ITERATIONS],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        alpha=1e-3,
        positive=True,
        fit_intercept=False,
        solver="auto",
        tol=1e-8,
        max_iter=10_000,
        n_jobs=None,
    ):
        self.alpha = alpha
        self.positive = positive
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    @calm_fit
    def fit(self, X, y, sample_weight=None):
        """Find the distribution of each signal.

        Parameters
        ----------
        X : array-like of shape (n_points, n_bins)
            Kernel.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Signals.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each acquisition point, for example the inverse of its
            noise variance.

        Returns
        -------
        LassoFista
            The fitted estimator.

        Raises
        ------
        ValueError
            If shapes do not match, values are not finite, or a weight or alpha
            is negative.

        Warns
        -----
        ConvergenceWarning
            If a signal does not reach `tol`.
        UserWarning
            If nothing of a clear signal is explained: it has the wrong sign, or
            `alpha` is too large.
        """
        X, y, weight = validate_linear(self, X, y, sample_weight)
        rows = weigh_rows(X, y, weight, self.fit_intercept)
        alphas = check_alpha(self.alpha, y.shape[1])
        F, gaps, n_iter = solve_lasso(
            rows,
            alphas,
            self.positive,
            self.solver,
            self.tol,
            self.max_iter,
            self.n_jobs,
        )
        warn_gaps(gaps, self.tol, self.max_iter)
        self._store(rows, F, gaps, n_iter)
        report_unexplained(rows, F, alphas, self.positive)
        tell_fit(self, X, y)
        return self

    def _treats_alone(self):
        return np.ndim(self.alpha) == 0


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
    per_signal : bool, default=False
        Whether each signal gets its own alpha, the one that a fit to it alone would
        choose, or all share one.
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
        Chosen alpha; an array for ``per_signal=True``.
    alphas_ : ndarray of shape (n_alphas,) or (n_alphas, n_signals)
        Alphas compared, decreasing; those of each signal for ``per_signal=True``.
    cv_results_ : dict of ndarray
        The curve: ``"alpha"``, ``"mean_test_mse"``, ``"se_test_mse"`` (standard
        error over the folds), and ``"split0_test_mse"``, ..., each of shape
        (n_alphas,), or (n_alphas, n_signals) for ``per_signal=True``.
    cv_dual_gap_ : float or ndarray of shape (n_signals,)
        Largest relative duality gap of all folds, signals and alphas; that of each
        signal for ``per_signal=True``.
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

    # What it becomes once the strength is chosen.
    _fixed = LassoFista
    _parameter_constraints: dict = {
        "alphas": [COUNT, "array-like"],
        "cv": ["cv_object"],
        "rule": [StrOptions({"min", "1se"})],
        "noise_std": [STRENGTH, None],
        "per_signal": ["boolean"],
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
        per_signal=False,
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
        self.per_signal = per_signal
        self.positive = positive
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    @calm_fit
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
        rows = weigh_rows(X, y, weight, self.fit_intercept)
        if isinstance(self.alphas, numbers.Integral):
            self.alphas_ = alpha_grid(
                rows, self.positive, self.alphas, per_signal=self.per_signal
            )
        else:
            self.alphas_ = check_path("alphas", self.alphas)
        paths = paths_of(self.alphas_, y.shape[1])
        settings = self.positive, self.tol, self.max_iter

        def solve(rows, held_out, part, path):
            return held_out_errors(rows, held_out, paths[part], *settings)

        work = open_work(self, X, y, 2, verbose=self.verbose)
        errors, gaps, counts = cross_validate_paths(
            solve,
            FoldedSignals(X, y, weight, folds, self.fit_intercept),
            shape=(1, paths.shape[1]),
            cost=2.0 * paths.shape[1] * X.shape[1] * min(X.shape),
            n_jobs=self.n_jobs,
            work=work,
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
        alphas = paths[np.arange(y.shape[1]), best]
        self.alpha_ = alphas if self.per_signal else float(alphas[0])
        if self.per_signal:
            self.alphas_ = paths.T.copy()
        self.cv_results_ = curve_table({"alpha": self.alphas_}, *curve)
        final = work.part("final fit")
        final.begin()
        F, gaps, n_iter = solve_lasso(
            rows, alphas, self.positive, "auto", self.tol, self.max_iter, self.n_jobs
        )
        final.end()
        warn_gaps(gaps, self.tol, self.max_iter)
        self._store(rows, F, gaps, n_iter)
        report_unexplained(rows, F, alphas, self.positive)
        work.end()
        return self

    def _treats_alone(self):
        return self.per_signal
