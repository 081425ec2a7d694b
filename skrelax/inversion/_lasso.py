"""LASSO with a certificate."""

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from ..utils._linear_inputs import ITERATIONS, STRENGTH
from ..utils._sklearn import BaseEstimator, StrOptions, _fit_context
from ..utils._validation import N_JOBS, check_numbers
from ._explained import report_unexplained
from ._linear import LinearInversionMixin, validate_linear
from ._problem import make_problem
from ._solvers import solve_batch, warn_gaps


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
        problem = make_problem(X, y, weight, self.fit_intercept)
        alphas = check_alpha(self.alpha, y.shape[1])
        F, gaps, n_iter = solve_batch(
            problem, alphas, self.positive, self.solver, self.tol, self.max_iter,
            self.n_jobs,
        )  # fmt: skip
        warn_gaps(gaps, self.tol, self.max_iter)
        self._store(problem, F, gaps, n_iter)
        report_unexplained(problem, F, alphas, self.positive)
        return self

    def _treats_alone(self):
        return np.ndim(self.alpha) == 0


def check_alpha(alpha, n_signals):
    """Return the alpha of each signal, (n_signals,)."""
    alpha = check_strengths(alpha, "alpha")
    if alpha.ndim > 1 or (alpha.ndim == 1 and alpha.size != n_signals):
        raise ValueError(
            f"alpha must be a number or one per signal ({n_signals}), got shape "
            f"{alpha.shape}."
        )
    return np.full(n_signals, alpha)


def check_strengths(values, name):
    """Return strengths of penalties as an array of numbers that can be squared."""
    values = check_numbers(values, name, finite=False)
    if values.size == 0:
        raise ValueError(f"{name} must hold at least one number, got none.")
    if not ((values >= STRENGTH.left) & (values <= STRENGTH.right)).all():
        odd = values[~((values >= STRENGTH.left) & (values <= STRENGTH.right))][0]
        raise ValueError(
            f"{name} must not be negative, nor above {STRENGTH.right:.0e}, got {odd}."
        )
    return values
