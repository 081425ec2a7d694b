"""Smooth LASSO whose two strengths are chosen by cross-validation."""

import numbers

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from ..utils._grid_shape import check_grid_shape
from ..utils._linear_inputs import COUNT, ITERATIONS, STRENGTH
from ..utils._parallel import calm_fit
from ..utils._progress import open_work
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
from ._strengths import (
    ADAPTIVE_DECADES,
    NOISE_DECADES,
    SMOOTHNESS_DECADES,
    check_path,
    noise_strengths,
    smooth_alpha_grid,
    smoothness_grid,
)
from ._weighted_rows import mean_squares

# Least noise variance that is taken from errors, of the mean square of a signal: below
# it solutions would magnify changes of 1e-9 to more than 1e-6.
_EXACT = 1e-6
# Where residuals are above the noise, alpha keeps out what few points see: it is cut
# until they are below by what a fit usually takes of the noise, if that helps.
_EASIER, _EASED, _EASES = 0.25, 0.9, 0.99
# Of nearly exact signals nothing is kept out that matters, down to this variance.
_TOLD = 1e-8


class SmoothLassoCV(
    FoldsMixin, LinearInversionMixin, MultiOutputMixin, RegressorMixin, BaseEstimator
):
    r"""Invert signals with L1 and smoothness penalties chosen by cross-validation.

    The objective is that of :class:`SmoothLasso`. Acquisition points are held
    out, the mean squared error of their prediction is compared over all pairs
    of strengths, and the distributions are fitted again to all points, with one of the
    pairs, or with the strengths that belong to noise of the smallest error.

    Parameters
    ----------
    alphas : int or array-like of shape (n_alphas,), default=5
        Number of alphas, from a hundredth of the smallest that gives zero to 1e-6
        of it, with 0 as the last, or the alphas themselves.
    smoothnesses : int or array-like of shape (n_smoothnesses,), default=17
        Number of smoothnesses, from the mean square of the kernel down to 1e-8 of it
        (1e-6 for ``rule="noise"``; for other rules of an adaptive smoothness both are
        32 times as large), or the values themselves.
    order : {0, 1, 2} or None, default=None
        Order of the differences, see :class:`SmoothLasso`. None takes 2 on one axis and
        0 on several, whose maps are as good with any order and fastest with 0.
    cv : int, splitter, iterable or None, default=None
        Folds. An int or None (5) interleaves them, see
        :class:`~skrelax.model_selection.InterleavedKFold`.
    rule : {"noise", "near", "min", "1se"} or None, default=None
        How strengths follow from the errors:

        - ``"noise"``: by the noise level alone, see Notes. The smallest error of
          constant smoothness is its variance. For adaptive smoothness.
        - ``"near"``: of the pairs whose error is at most 3 % above the smallest, the
          largest smoothness and for it the largest alpha.
        - ``"1se"``: the same within one standard error of the smallest.
        - ``"min"``: the pair of the smallest error, which is often that of a weaker
          penalty which invents peaks.

        Pairs whose errors are equal to rounding count as one, with the strongest
        penalty. None takes ``"noise"`` where smoothness is adaptive, of order 2, and
        neither `alphas` nor `smoothnesses` are given as values, else ``"near"``.
    noise_std : float or None, default=None
        Noise standard deviation of the signals. Where given, ``rule="noise"`` takes it,
        and of the other rules the curve that is minimised is the distance of the error
        from the noise variance.
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
        takes it for ``positive=True`` on one axis: on several, fits take several times
        as long, and where amplitudes have any sign, a smoothness that gives way lets
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
    For ``rule="noise"`` an adaptive penalty is taken for what it is, the logarithm of a
    density with heavy tails, whose weight beside the misfit is known with the noise.
    With the noise variance :math:`\sigma^2`, n points, :math:`\delta` of
    :class:`SmoothLasso` and the mean of the squared kernel :math:`\overline{k^2}`,

    .. math:: \mu = \frac{0.12 \, \sigma^2}{n \delta}, \qquad
              \alpha = \frac{\sigma}{4} \sqrt{\overline{k^2} / n},

    so that in units of :math:`\sigma^2 / (2 n)` bin j costs
    :math:`0.12 \log(1 + \bar v_j / \delta)`, and a bin stays empty whose correlation
    with the residuals is below a quarter of its standard error. Where the mean square
    of the residuals exceeds the least error, as for components that few of many points
    see, alpha is quartered until it is below nine tenths of it. Weighted points count
    as points of a variance that is the inverse of their weight, and a variance that is
    not given is 1e-6 of the mean square of the signal at least. The least error is a
    good measure of the noise, with a standard error of about a tenth, while the pair
    where it lies is left to chance; strengths that follow the noise recover known
    distributions better than any pair that errors choose.

    The defaults are those that recover known distributions best: of close pairs, narrow
    peaks beside broad ones, one peak, three, and continua, at signal-to-noise ratios of
    20, 100 and 1000, see ``benchmarks/bench_recovery.py``. For the other rules an
    adaptive smoothness takes part in the folds, with weights that settle to 1e-3; of
    more than 1200 bins folds take the weights that all points lead to, one after
    another from strong to weak penalties.

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
        "rule": [StrOptions({"noise", "near", "min", "1se"}), None],
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
        rule=None,
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
    @calm_fit
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
        one_axis = len(self.grid_shape_) == 1
        self._order = (2 if one_axis else 0) if self.order is None else self.order
        rule, adaptive = self._resolve_rule(), self._is_adaptive
        # The noise level alone is told by constant smoothness as well, and sooner.
        folds_follow = adaptive and rule != "noise"
        if isinstance(self.smoothnesses, numbers.Integral):
            decades = ADAPTIVE_DECADES if folds_follow else SMOOTHNESS_DECADES
            decades = NOISE_DECADES if rule == "noise" else decades
            self.smoothnesses_ = smoothness_grid(rows, self.smoothnesses, decades)
        else:
            self.smoothnesses_ = check_path("smoothnesses", self.smoothnesses)
        grid = self.grid_shape_, self._order
        settings = self.positive, self.tol, self.max_iter
        paths = paths_of(self.alphas_, y.shape[1])

        work = open_work(self, X, y, 2, verbose=self.verbose)
        errors, gaps, counts = cross_validate_smooth(
            rows,
            FoldedSignals(X, y, weight, folds, self.fit_intercept),
            (self.smoothnesses_, paths),
            following(*grid) if folds_follow else kronecker_penalty(*grid),
            settings,
            self.n_jobs,
            work,
        )
        self.cv_dual_gap_ = largest_gap(gaps, self.per_signal)
        warn_gaps(gaps, self.tol, self.max_iter, "fits of the folds")
        squares = mean_squares(y, weight)
        best, *curve = choose_candidate(
            errors, counts, rule, self.noise_std, squares, self.per_signal
        )
        if self.per_signal:
            self.alphas_ = paths.T.copy()
        pairs = pair_table(self.alphas_, self.smoothnesses_)
        self.cv_results_ = curve_table(pairs, *curve)
        penalty = following(*grid) if adaptive else kronecker_penalty(*grid)
        if rule == "noise":
            variance = self._noise_variance(curve[0], squares)
            floors = penalty.floors(rows)
            floors = floors if self.per_signal else floors.mean(keepdims=True)
            n_points = len(y) if weight is None else np.count_nonzero(weight)
            alphas, smoothness = noise_strengths(variance, floors, rows, n_points)
            alphas = np.array(np.broadcast_to(alphas, y.shape[1]))
        else:
            row, step = np.divmod(best, paths.shape[1])
            alphas = paths[np.arange(y.shape[1]), step]
            smoothness = self.smoothnesses_[row]
        self.smoothness_ = smoothness if self.per_signal else float(smoothness[0])

        def solve(alphas):
            method = solve_adaptive if adaptive else solve_smooth
            given = alphas, self.smoothness_, penalty
            found = method(rows, *given, *settings, self.n_jobs)
            self._store(rows, *found[:3])
            return found

        def left():
            found = mean_squares(y - self._synthesise(X, None), weight)
            return found if self.per_signal else found.mean(keepdims=True)

        final = work.part("final fit")
        final.begin()
        if rule == "noise":
            told = self._noise_variance(curve[0], squares, _TOLD)
            alphas, found = _ease(solve, left, alphas, told)
        else:
            found = solve(alphas)
        final.end()
        F, gaps = found[:2]
        self.alpha_ = alphas if self.per_signal else float(alphas[0])
        warn_gaps(gaps, self.tol, self.max_iter)
        self._follows = None
        if adaptive:
            warn_unsettled(found[3], self.max_iter)
            self._follows = penalty, penalty.floors(rows)
        report_unexplained(rows, F, alphas, self.positive)
        report_hidden(X, weight, F)
        work.end()
        return self

    @property
    def _is_adaptive(self):
        if self.adaptive is None:
            return self.positive and len(self.grid_shape_) == 1
        return self.adaptive

    def _resolve_rule(self):
        """Return the rule that None stands for, or raise where it does not fit."""
        adaptive, rule = self._is_adaptive, self.rule
        if rule == "noise" and not adaptive:
            raise ValueError(
                "rule='noise' is for adaptive smoothness, got adaptive="
                f"{self.adaptive}, positive={self.positive} and a grid of "
                f"{len(self.grid_shape_)} axes. Pass adaptive=True or another rule."
            )
        counts = (self.alphas, self.smoothnesses)
        free = all(isinstance(each, numbers.Integral) for each in counts)
        known = adaptive and self._order == 2 and free
        return rule or ("noise" if known else "near")

    def _noise_variance(self, mean, squares, least=_EXACT):
        """Return the noise variance, of all signals (1,) or each, for mean errors.

        It is at least a fraction of the mean squares of signals (q,).
        """
        if self.noise_std is not None:
            return np.full(mean.shape[1], float(self.noise_std) ** 2)
        squares = squares if self.per_signal else squares.mean(keepdims=True)
        return np.maximum(mean.min(axis=0), least * squares)

    def _keep_choice(self, part):
        kept = super()._keep_choice(part)
        return kept.set_params(order=self._order, adaptive=self._is_adaptive)

    def _treats_alone(self):
        return self.per_signal


def _ease(solve, left, alphas, told):
    """Return alphas that keep out no more than noise, and what `solve` finds with them.

    `left()` are the mean squares of the residuals of the last solution, and `told` the
    variances of the noise, of all signals (1,) or of each.
    """
    eased, before = np.zeros(len(alphas), dtype=bool), np.inf
    while True:
        found = solve(alphas)
        here = left()
        over = here > np.where(eased, _EASED, 1.0) * told
        # Where less of alpha changes nothing, it is not what keeps them.
        over &= here < _EASES * before
        if not over.any():
            return alphas, found
        eased, before = eased | over, here
        alphas = np.where(over, _EASIER * alphas, alphas)
