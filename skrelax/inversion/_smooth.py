"""LASSO with smoothness along the axes of the grid, constant or following."""

import numbers

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..utils._grid_shape import check_grid_shape
from ..utils._linear_inputs import ITERATIONS, STRENGTH
from ..utils._parallel import calm_fit
from ..utils._progress import tell_fit
from ..utils._sklearn import BaseEstimator, Options, _fit_context
from ..utils._validation import N_JOBS
from ._adaptive import following, solve_adaptive, warn_unsettled
from ._explained import report_hidden, report_unexplained
from ._lasso_solvers import warn_gaps
from ._linear import LinearInversionMixin, validate_linear
from ._penalty import kronecker_penalty
from ._plane_folds import errors_along
from ._plane_system import MANY_BINS
from ._smooth_solvers import smooth_rows, solve_smooth
from ._strengths import check_alpha, check_smoothness


class SmoothLasso(
    LinearInversionMixin, MultiOutputMixin, RegressorMixin, BaseEstimator
):
    r"""Invert signals with an L1 and a smoothness penalty: broad distributions.

    Minimises for each signal s, with weights w of the acquisition points,

    .. math:: \frac{1}{2 \sum_i w_i} \sum_i w_i (K f + c - s)_i^2
              + \alpha \|f\|_1 + \frac{1}{2} \sum_a \mu_a \|J_a f\|^2,
              \quad f \ge 0,

    where :math:`\mu` is `smoothness` and :math:`J_a` takes differences of
    neighbouring bins along axis a of the grid. The constant c is there for
    ``fit_intercept=True`` and the bound f >= 0 for ``positive=True``.

    Parameters
    ----------
    alpha : float or array-like of shape (n_signals,), default=0.0
        Weight of the L1 term, in units of the signal.
    smoothness : float, array-like of shape (n_axes,) or (n_signals, 1), default=1e-3
        Weight of the squared differences, without unit; 0 gives the LASSO. A column
        has one for each signal.
    order : {0, 1, 2}, default=1
        Order of the differences. 0 penalises the distribution itself: Tikhonov
        regularisation with the identity, where ``smoothness = mu**2 / n_points``
        for the objective ``||K f - s||^2 + mu^2 ||f||^2``.
    positive : bool, default=True
        Whether distributions must not be negative.
    fit_intercept : bool, default=False
        Whether to fit an unpenalised constant: a static baseline.
    grid_shape : tuple of int or None, default=None
        Number of bins per axis, in C order. None takes it from the kernel of a
        :class:`~skrelax.kernels.KernelBuilder` or from the names of a frame; a
        plain array is one axis. A step that gives a plain array of several axes
        (scalers do) is refused where its columns show it, so pass the shape then.
    adaptive : bool, default=False
        Whether the smoothness follows the solution: in full where the distribution is
        flat, and less where it bends, so that peaks stay narrow beside empty ranges
        without wiggles.
    tol : float, default=1e-8
        Relative duality gap to reach.
    max_iter : int, default=10000
        Largest number of active-set iterations per signal, for signals that block
        pivoting does not solve, and of the weighted fits for ``adaptive=True``.
    n_jobs : int or None, default=None
        Number of threads over chunks of signals. None means 1 outside a
        :obj:`joblib.parallel_config` context.

    Attributes
    ----------
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
        Duality gap relative to the objective: the objective of `coef_` is at
        most this fraction above the minimum; for ``adaptive=True`` that with the
        weights of the last fit.
    n_iter_ : int or ndarray of shape (n_signals,)
        Number of iterations; of weighted fits for ``adaptive=True``.
    n_features_in_ : int
        Number of bins.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the bins, if X was a frame with string names.

    See Also
    --------
    SmoothLassoCV : Choose both strengths by cross-validation.
    LassoFista : Discrete components.

    Notes
    -----
    The objective is strictly convex for nearly all kernels, so the solution is
    unique. It is found by block principal pivoting [1]_ with the sparse Kronecker
    sum of the differences; differences stop at the edges of the grid, and
    nothing is altered after the fit, so ``K @ coef_`` equals `predict`. Signals
    are solved independently of each other. Of more than 1200 bins the kernel is
    compressed, to 1e-12 of its largest column, and only positive bins are solved for.

    With ``adaptive=True`` the penalty on the differences, whose squares at bin i and
    all axes sum to :math:`v_i` (with factors :math:`\mu_a / \mu`, the largest one is
    :math:`\mu`), is

    .. math:: \frac{\mu}{2} \sum_j \delta \log(1 + \bar v_j / \delta),

    where :math:`\bar v_j` is the mean over the five bins around j, on each axis,
    and beyond the edges as well (of more than three axes, the bin alone). It equals
    the constant smoothness where differences are small against :math:`\delta`, 2e-4
    of the squared amplitude of a bin where ten bins of each axis share the signal.
    The idea is that of the uniform penalty [2]_, in two dimensions [3]_; its
    coefficients :math:`c / (c_0 + v)` are those of the quadratic majoriser of the
    logarithm, which is minimised again and again, from constant weights on. So no
    step raises the objective, steps in between are extrapolated as long as that is
    so, too, and all ends at a stationary point, which need not be the lowest one.

    References
    ----------
    .. [1] J. Kim and H. Park, "Fast nonnegative matrix factorization: an
       active-set-like method and comparisons", SIAM J. Sci. Comput. 33 (2011)
       3261. https://doi.org/10.1137/110821172
    .. [2] G. C. Borgia, R. J. S. Brown and P. Fantazzini, "Uniform-penalty inversion
       of multiexponential decay data", J. Magn. Reson. 132 (1998) 65.
       https://doi.org/10.1006/jmre.1998.1387
    .. [3] V. Bortolotti et al., "Uniform penalty inversion of two-dimensional NMR
       relaxation data", Inverse Probl. 33 (2017) 015003.
       https://doi.org/10.1088/1361-6420/33/1/015003

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, SmoothLasso
    >>> times = np.linspace(0.01, 1.0, 50)[:, None]
    >>> signal = 2.0 * np.exp(-times[:, 0] / 0.1)
    >>> kernel = KernelBuilder("T2", n_bins=5, minimum=0.01, maximum=1.0)
    >>> model = make_pipeline(kernel, SmoothLasso(smoothness=1e-4)).fit(times, signal)
    >>> model[-1].coef_.round(2)
    array([0.  , 0.17, 1.84, 0.05, 0.  ])
    """

    # What a search of strengths may vary, the default first.
    _strengths = ("smoothness", "alpha")
    # Of a fit without parts callbacks need not hear more than that it is done.
    _fits_at_once = True
    _parameter_constraints: dict = {
        "alpha": [STRENGTH, "array-like"],
        "smoothness": [STRENGTH, "array-like"],
        "order": [Options(numbers.Integral, {0, 1, 2})],
        "positive": ["boolean"],
        "fit_intercept": ["boolean"],
        "grid_shape": ["array-like", None],
        "adaptive": ["boolean"],
        "tol": [STRENGTH],
        "max_iter": [ITERATIONS],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        alpha=0.0,
        smoothness=1e-3,
        order=1,
        positive=True,
        fit_intercept=False,
        grid_shape=None,
        adaptive=False,
        tol=1e-8,
        max_iter=10_000,
        n_jobs=None,
    ):
        self.alpha = alpha
        self.smoothness = smoothness
        self.order = order
        self.positive = positive
        self.fit_intercept = fit_intercept
        self.grid_shape = grid_shape
        self.adaptive = adaptive
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
        SmoothLasso
            The fitted estimator.

        Raises
        ------
        ValueError
            If shapes do not match (the grid and the columns of X among them),
            values are not finite, or a weight or strength is negative.

        Warns
        -----
        ConvergenceWarning
            If a signal does not reach `tol`, or an adaptive smoothness does not settle.
        UserWarning
            If nothing of a clear signal is explained: it has the wrong sign, or the
            penalties are too strong; if a tenth of the amplitude lies in bins that all
            points hardly see, below the first time for example.
        """
        source = X
        X, y, weight = validate_linear(self, X, y, sample_weight)
        self.grid_shape_ = check_grid_shape(self.grid_shape, X, source)
        smoothness, scales = check_smoothness(
            self.smoothness, self.order, self.grid_shape_, y.shape[1]
        )
        rows = smooth_rows(X, y, weight, self.fit_intercept, self.grid_shape_)
        alphas = check_alpha(self.alpha, y.shape[1])
        grid, limits = (self.grid_shape_, self.order, scales), (self.tol, self.max_iter)
        given = alphas, smoothness
        if self.adaptive:
            penalty = following(*grid)
            found = solve_adaptive(
                rows, *given, penalty, self.positive, *limits, self.n_jobs
            )
        else:
            penalty = kronecker_penalty(*grid)
            found = solve_smooth(
                rows, *given, penalty, self.positive, *limits, self.n_jobs
            )
        F, gaps, n_iter = found[:3]
        warn_gaps(gaps, *limits)
        self._store(rows, F, gaps, n_iter)
        self._order, self._follows = self.order, None
        if self.adaptive:
            warn_unsettled(found[3], self.max_iter)
            self._follows = penalty, penalty.floors(rows)
        report_unexplained(rows, F, alphas, self.positive)
        report_hidden(X, weight, F)
        tell_fit(self, X, y)
        return self

    def _treats_alone(self):
        return np.ndim(self.alpha) == 0 and np.ndim(self.smoothness) < 2

    def _errors_along(self, name, strengths, target, folds):
        """Return errors of folds along strengths, None on grids of few bins."""
        if target.matrix.shape[1] <= MANY_BINS or self.adaptive:
            return None
        return errors_along(name, strengths, target, folds, self.get_params())

    @property
    def penalty_(self):
        """Sum of J^T J over the axes, without strength, sparse (n_bins, n_bins)."""
        check_is_fitted(self)
        return kronecker_penalty(self.grid_shape_, self._order)
