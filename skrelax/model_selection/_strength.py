"""One way to choose the strength of a penalty, for every linear inversion."""

import numbers
import warnings

import numpy as np
from scipy import linalg
from sklearn.base import MetaEstimatorMixin, RegressorMixin, clone
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..uncertainty import estimate_noise_std
from ..utils._grid_shape import carry_grid
from ..utils._sklearn import (
    BaseEstimator,
    HasMethods,
    Interval,
    StrOptions,
    _check_sample_weight,
    _fit_context,
)
from ._criteria import (
    Fit,
    effective_parameters,
    largest_below,
    lcurve_corner,
    menger_curvature,
    minimise,
)
from ._split import InterleavedKFold

_RULES = {"cv", "cv-1se", "gcv", "lcurve", "discrepancy", "chi2", "brd"}
# Decades of the default grid of strengths below the largest one.
_DECADES = 10.0
# BRD counts the noise of the directions with singular values above this fraction of
# the largest, the usual cut of two-dimensional inversion (Song et al. 2002).
_BRD_CUT = 1e-3


class StrengthSearch(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    r"""Choose the strength of a linear inversion by a rule, and fit with it.

    Parameters
    ----------
    estimator : LassoFista, SmoothLasso or Pipeline that ends in one
        The inversion. It is cloned. Transformers before it are fitted once.
    rule : str, default="gcv"
        - ``"cv"``: smallest cross-validated error over acquisition points.
        - ``"cv-1se"``: largest strength within one standard error of it.
        - ``"gcv"``: minimum of generalised cross-validation [1]_,
          :math:`\|r\|^2 / (m - d)^2` with the effective number of parameters d.
        - ``"lcurve"``: largest curvature of log residual norm against log penalty
          norm [1]_, found as in [2]_.
        - ``"discrepancy"``: Morozov's principle, the largest strength whose mean
          square residual is at most the noise variance.
        - ``"chi2"``: the largest strength whose residual norm is at most
          `chi2_factor` times that without the penalty.
        - ``"brd"``: the condition of Butler, Reeds and Dawson [3]_ as [4]_ applies
          it, the discrepancy principle over the directions that the kernel
          resolves (singular values above 1e-3 of the largest).
    parameter : str or None, default=None
        Name of the strength in `estimator`. None: ``smoothness`` for a
        SmoothLasso, ``alpha`` for a LassoFista.
    strengths : int or array-like of shape (n_strengths,), default=40
        Number of strengths of the curve, on a log axis over ten decades, or the
        strengths themselves, positive.
    refine : bool, default=True
        Whether to look between the strengths of the curve (all rules but
        cross-validation).
    noise_std : float or None, default=None
        Noise standard deviation of the signals, for points of weight one (weights
        with mean one). None estimates it from the residuals of what the kernel can
        make, see :func:`~skrelax.uncertainty.estimate_noise_std`.
    chi2_factor : float, default=1.02
        Increase of the squared residual norm that ``"chi2"`` allows, above 1.
    degrees_of_freedom : {"active", "linear"}, default="active"
        Whether the effective parameters of ``"gcv"`` count only the bins that are
        not zero, or all, as if there were no bound f >= 0 (as DECAES does).
    cv : int, splitter, iterable or None, default=None
        Folds for cross-validation. An int or None (5) interleaves them.

    Attributes
    ----------
    strength_ : float
        The chosen strength.
    best_estimator_ : estimator
        The estimator, fitted with it.
    curve_ : dict of ndarray
        Over the grid, decreasing: ``"strength"``, ``"residual"`` (mean square),
        ``"norm"`` (penalty without its strength), ``"dof"``, ``"criterion"``, and
        ``"se"`` for cross-validation.
    target_ : float or None
        Value that the criterion must reach (discrepancy, chi2, brd).
    noise_std_ : float or None
        The noise level used, where the rule needs one.
    n_features_in_ : int
        Number of columns of X.

    Notes
    -----
    The penalty norm of the L-curve is :math:`f^T L f` for a smoothness and the L1
    norm for alpha. Several signals share one strength; sums run over all.
    For ``rule="brd"`` the fixed point :math:`\alpha = \sigma \sqrt{N} / \|c\|`
    with :math:`c = (s - K f) / \alpha` is solved as the equation
    :math:`\|s - K f\| = \sigma \sqrt{N}` that it stands for.

    References
    ----------
    .. [1] P. C. Hansen, "Analysis of discrete ill-posed problems by means of the
       L-curve", SIAM Rev. 34 (1992) 561. https://doi.org/10.1137/1034115
    .. [2] A. Cultrera and L. Callegaro, "A simple algorithm to find the L-curve
       corner in the regularization of ill-posed inverse problems", IOP SciNotes 1
       (2020) 025004. https://doi.org/10.1088/2633-1357/abad0d
    .. [3] J. P. Butler, J. A. Reeds and S. V. Dawson, "Estimating solutions of
       first kind integral equations with nonnegative constraints and optimal
       smoothing", SIAM J. Numer. Anal. 18 (1981) 381.
       https://doi.org/10.1137/0718025
    .. [4] Y.-Q. Song et al., "T1-T2 correlation spectra obtained using a fast
       two-dimensional Laplace inversion", J. Magn. Reson. 154 (2002) 261.
       https://doi.org/10.1006/jmre.2001.2474

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, SmoothLasso
    >>> from skrelax.model_selection import StrengthSearch
    >>> times = np.geomspace(0.001, 1.0, 40)[:, None]
    >>> noise = 0.001 * np.random.default_rng(0).standard_normal(40)
    >>> signal = np.exp(-times[:, 0] / 0.1) + noise
    >>> inversion = make_pipeline(KernelBuilder("T2"), SmoothLasso())
    >>> search = StrengthSearch(inversion, rule="discrepancy", noise_std=0.001)
    >>> round(float(search.fit(times, signal).score(times, signal)), 4)
    1.0
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "rule": [StrOptions(_RULES)],
        "parameter": [str, None],
        "strengths": [Interval(numbers.Integral, 2, None, closed="left"), "array-like"],
        "refine": ["boolean"],
        "noise_std": [Interval(numbers.Real, 0, None, closed="left"), None],
        "chi2_factor": [Interval(numbers.Real, 1, None, closed="neither")],
        "degrees_of_freedom": [StrOptions({"active", "linear"})],
        "cv": ["cv_object"],
    }

    def __init__(
        self,
        estimator,
        rule="gcv",
        parameter=None,
        strengths=40,
        refine=True,
        noise_std=None,
        chi2_factor=1.02,
        degrees_of_freedom="active",
        cv=None,
    ):
        self.estimator = estimator
        self.rule = rule
        self.parameter = parameter
        self.strengths = strengths
        self.refine = refine
        self.noise_std = noise_std
        self.chi2_factor = chi2_factor
        self.degrees_of_freedom = degrees_of_freedom
        self.cv = cv

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Choose the strength and fit.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            What `estimator` takes: acquisition points or a kernel.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Signals.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each acquisition point.

        Returns
        -------
        StrengthSearch
            The fitted search.

        Raises
        ------
        ValueError
            If the parameter is unknown, a strength is not positive, or the noise level
            is 0 where a rule needs it.

        Warns
        -----
        UserWarning
            If no strength reaches the target; the weakest is taken.
        """
        curve = _Curve(self, X, y, sample_weight)
        self.n_features_in_ = curve.n_columns
        if hasattr(curve, "feature_names"):
            self.feature_names_in_ = curve.feature_names
        strengths = curve.strengths
        self.target_ = self.noise_std_ = None
        error = None
        if self.rule.startswith("cv"):
            criterion, error = curve.cross_validate(strengths, self.cv)
            best = int(np.argmin(criterion))
            if self.rule == "cv-1se":
                best = int(np.argmax(criterion <= criterion[best] + error[best]))
            chosen = np.log(strengths[best])
        else:
            measure = self._measure(curve)
            criterion = np.array([measure(x) for x in np.log(strengths)])
            chosen = self._search(curve, measure, strengths, criterion)
        fits = [curve(x) for x in np.log(strengths)]
        self.curve_ = {
            "strength": strengths,
            "residual": np.array([fit.residual for fit in fits]),
            "norm": np.array([fit.norm for fit in fits]),
            "dof": np.array([fit.dof for fit in fits]),
            "criterion": criterion,
        }
        if error is not None:
            self.curve_["se"] = error
        # A choice on the grid is that very number, not exp(log(it)).
        on_grid = np.flatnonzero(np.log(strengths) == chosen)
        self.strength_ = float(
            strengths[on_grid[0]] if on_grid.size else np.exp(chosen)
        )
        self.best_estimator_ = curve.fitted(self.strength_)
        return self

    def _measure(self, curve):
        """Return the criterion of a rule as a function of log(strength)."""
        n_points = curve.n_points
        if self.rule == "gcv":
            return lambda x: curve(x).residual / (1.0 - curve(x).dof / n_points) ** 2
        if self.rule in ("discrepancy", "brd"):
            self.noise_std_ = self.noise_std
            if self.noise_std is None:
                self.noise_std_ = curve.noise_std()
            if not self.noise_std_ > 0:
                raise ValueError(
                    f"rule={self.rule!r} needs a positive noise level, got "
                    f"noise_std={self.noise_std_}."
                )
            self.target_ = float(self.noise_std_) ** 2
            if self.rule == "brd":
                return lambda x: curve(x).seen
        elif self.rule == "chi2":
            self.target_ = self.chi2_factor * curve.unpenalised_residual()
        return lambda x: curve(x).residual

    def _search(self, curve, measure, strengths, criterion):
        """Return log(strength) of the choice."""
        if self.rule == "lcurve":

            def point(x):
                fit = curve(x)
                tiny = np.finfo(float).tiny
                return np.log([max(fit.residual, tiny), max(fit.norm, tiny)])

            low, high = np.log([strengths[-1], strengths[0]])
            if self.refine:
                return lcurve_corner(point, low, high)
            return curve.bend(point, strengths)
        if self.rule == "gcv":
            if self.refine:
                return minimise(measure, strengths, criterion)
            return np.log(strengths[int(np.argmin(criterion))])
        found = largest_below(measure, self.target_, strengths, criterion)
        if found is None:
            warnings.warn(
                f"rule={self.rule!r}: no strength down to {strengths[-1]:.3g} reaches "
                f"the target {self.target_:.3g}, the best is {criterion.min():.3g}; "
                "the weakest is taken. The noise level may be too low, or the model "
                "wrong.",
                UserWarning,
                stacklevel=3,
            )
            return np.log(strengths[-1])
        if not self.refine:
            return np.log(strengths[int(np.argmax(criterion <= self.target_))])
        return found

    def predict(self, X):
        """Return the signals of the fitted distributions.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_points,) or (n_points, n_signals)
            The signals.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags


class _Curve:
    """Fits of one inversion at any strength, remembered."""

    def __init__(self, search, X, y, sample_weight):
        self.search = search
        self.pipeline = clone(search.estimator)
        if isinstance(self.pipeline, Pipeline):
            front, self.prefix = self.pipeline[:-1], f"{self.pipeline.steps[-1][0]}__"
        else:
            front, self.prefix = None, ""
        self.name = self._parameter_name()
        K = X if front is None or len(front) == 0 else front.fit_transform(X, y)
        self.X, self.y = X, y
        # One fit checks the input and tells shapes, before anything is computed.
        first = self._final(1.0).fit(K, y, sample_weight=sample_weight)
        entry = first if front is None or len(front) == 0 else front[0]
        self.n_columns = entry.n_features_in_
        if hasattr(entry, "feature_names_in_"):
            self.feature_names = entry.feature_names_in_
        self.matrix = np.asarray(K, dtype=np.float64)
        self.K = carry_grid(self.matrix, K)
        self.n_points = self.matrix.shape[0]
        self.signals = np.asarray(y, dtype=np.float64).reshape(self.n_points, -1)
        self.sample_weight = sample_weight
        self.weight = np.ones(self.n_points)
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, self.matrix, dtype=np.float64)
            self.n_points = np.count_nonzero(weight)
            self.weight = weight * (self.n_points / weight.sum())
        self.penalty = self._penalty(first)
        self.strengths = self._grid()
        self.fits = {}
        self._basis = None

    def _parameter_name(self):
        final = self.pipeline[-1] if self.prefix else self.pipeline
        parameters = final.get_params(deep=False)
        name = self.search.parameter
        if name is not None:
            name = name.removeprefix(self.prefix)
        else:
            name = "smoothness" if "smoothness" in parameters else "alpha"
        if name not in ("alpha", "smoothness") or name not in parameters:
            raise ValueError(
                f"parameter must be the alpha or smoothness of {type(final).__name__}, "
                f"got {self.search.parameter!r}."
            )
        return name

    def _penalty(self, fitted):
        if self.name == "alpha":
            return None
        return fitted.penalty_

    def _grid(self):
        given = self.search.strengths
        if np.ndim(given) > 0:
            values = np.sort(np.asarray(given, dtype=np.float64))[::-1]
            if values.ndim != 1 or not (np.isfinite(values) & (values > 0)).all():
                raise ValueError("strengths must be positive, finite numbers.")
            return values
        share = self.weight / self.weight.sum()
        if self.name == "alpha":
            top = np.abs((self.signals.T * share) @ self.matrix).max()
        else:
            top = 10.0 * float(share @ (self.matrix**2).mean(axis=1))
        top = top or 1.0
        return np.geomspace(top, top * 10.0**-_DECADES, given)

    def _final(self, strength):
        final = self.pipeline[-1] if self.prefix else self.pipeline
        return clone(final).set_params(**{self.name: strength})

    def fitted(self, strength):
        """Return the whole estimator, fitted with a strength."""
        estimator = clone(self.pipeline).set_params(
            **{f"{self.prefix}{self.name}": strength}
        )
        weight = {}
        if self.sample_weight is not None:
            weight = {f"{self.prefix}sample_weight": self.sample_weight}
        return estimator.fit(self.X, self.y, **weight)

    def __call__(self, x):
        """Return the `Fit` at log(strength)."""
        x = float(x)
        if x not in self.fits:
            self.fits[x] = self._evaluate(np.exp(x))
        return self.fits[x]

    def _evaluate(self, strength):
        model = self._final(strength).fit(
            self.K, self.y, sample_weight=self.sample_weight
        )
        F = np.atleast_2d(model.coef_)
        residuals = self.signals - (self.matrix @ F.T + model.intercept_)
        square = float((self.weight @ residuals**2).mean() / self.n_points)
        if self.penalty is None:
            norm = float(np.abs(F).sum())
        else:
            norm = float(np.einsum("ij,ij->", F, (self.penalty @ F.T).T))
        linear = self.search.degrees_of_freedom == "linear" and self.penalty is not None
        dof = np.mean(
            [
                effective_parameters(
                    self.matrix, self.weight, self.penalty, strength,
                    np.ones(f.size, dtype=bool) if linear else f != 0.0,
                )
                for f in F
            ]
        )  # fmt: skip
        dof += bool(model.fit_intercept)
        return Fit(strength, square, norm, float(dof), self._seen(residuals))

    def _seen(self, residuals):
        """Return the mean square of residuals along resolved singular vectors."""
        root = np.sqrt(self.weight)
        if self._basis is None:
            U, s, _ = linalg.svd(self.matrix * root[:, None], full_matrices=False)
            self._basis = U[:, s > _BRD_CUT * s[0]]
        projected = self._basis.T @ (residuals * root[:, None])
        return float((projected**2).mean())

    def unpenalised_residual(self):
        """Return the mean square residual without the penalty."""
        return self._evaluate(0.0).residual

    def noise_std(self):
        """Return the noise level of all signals together, from residuals."""
        each = estimate_noise_std(
            self.signals, self.matrix, method="residual", sample_weight=self.weight
        )
        return float(np.sqrt(np.mean(each**2)))

    def bend(self, point, strengths):
        """Return log(strength) of the grid point with the largest curvature."""
        x = np.log(strengths)[::-1]
        points = [point(value) for value in x]
        bends = [
            menger_curvature(points[i - 1], points[i], points[i + 1])
            for i in range(1, len(x) - 1)
        ]
        return x[1 + int(np.argmax(bends))] if bends else x[0]

    def cross_validate(self, strengths, cv):
        """Return mean squared errors over folds and their standard errors."""
        if cv is None or isinstance(cv, numbers.Integral):
            cv = InterleavedKFold(5 if cv is None else cv)
        folds = list(check_cv(cv).split(self.matrix, self.signals))
        errors = np.empty((len(folds), strengths.size))
        for fold, (train, test) in enumerate(folds):
            weight = None if self.sample_weight is None else self.weight[train]
            for index, strength in enumerate(strengths):
                model = self._final(strength).fit(
                    self.K[train], self.signals[train], sample_weight=weight
                )
                square = (self.signals[test] - model.predict(self.matrix[test])) ** 2
                errors[fold, index] = np.average(
                    square.mean(axis=1), weights=self.weight[test]
                )
        counts = [self.weight[test].sum() for _, test in folds]
        mean = np.average(errors, axis=0, weights=counts)
        return mean, errors.std(axis=0, ddof=1) / np.sqrt(len(folds))
