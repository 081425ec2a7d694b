"""One way to choose the strength of a penalty, for every inversion that has one."""

import numbers

import numpy as np
from sklearn.base import MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from ..utils._answers import answers, without_penalty
from ..utils._inspect import final_step, treats_signals_alone, weight_options
from ..utils._progress import open_work
from ..utils._remember import remembering
from ..utils._sklearn import (
    BaseEstimator,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
    process_routing,
    routing_enabled,
)
from ..utils._validation import RealInterval, refuse_complex
from ._best import BestResultsMixin
from ._criteria import (
    first_minimum,
    generalised_error,
    within_one_standard_error,
)
from ._curve import Curve, cross_validate, seen_directions
from ._folds import check_splitter, make_folds
from ._rules import WITHIN, choose
from ._target import LARGEST, make_target, strength_grid, take_apart

_RULES = {"cv", "cv-1se", "gcv", "lcurve", "discrepancy", "chi2", "brd"}
# Those whose criterion rises with the strength, so that few strengths bracket it.
_MONOTONE = {"chi2", "discrepancy"}
# Factors on a strength between which that of a similar signal mostly lies.
_NEAR = np.array([16.0, 4.0, 1.0, 0.25, 0.0625])
# What some rules need besides residuals.
_NEEDS = {
    "gcv": "the effective number of parameters",
    "lcurve": "a norm that the strength multiplies",
    "brd": "a kernel with fixed directions",
}


class StrengthSearch(
    BestResultsMixin, MetaEstimatorMixin, RegressorMixin, BaseEstimator
):
    r"""Choose the strength of an inversion's penalty by a rule, and fit with it.

    Parameters
    ----------
    estimator : LassoFista, SmoothLasso, MultiDimRegularizedILT or Pipeline of one
        The inversion. It is cloned. Transformers before it are fitted once. A
        MultiDimRegularizedILT, whose penalty follows the distribution, has no fixed
        norm and no count of parameters: its rules are ``"cv"``, ``"cv-1se"``,
        ``"discrepancy"`` and ``"chi2"``.
    rule : str, default="gcv"
        - ``"cv"``: smallest cross-validated error over acquisition points.
        - ``"cv-1se"``: largest strength within one standard error of it.
        - ``"gcv"``: minimum of generalised cross-validation [1]_,
          :math:`\|r\|^2 / (m - d)^2` with the effective number of parameters d.
        - ``"lcurve"``: largest curvature of log residual norm against log penalty
          norm [1]_, found as in [2]_.
        - ``"discrepancy"``: Morozov's principle, the largest strength whose mean
          square residual is at most the noise variance. Where none is, as noise may be
          low by chance, the largest within 5 % of the least residual, and a warning.
          An estimate of the noise is raised to these 5 %, since it knows no bound
          f >= 0. Both holds for ``"brd"``, too.
        - ``"chi2"``: the largest strength whose residual norm is at most
          `chi2_factor` times that without the penalty (for a
          MultiDimRegularizedILT, with the weakest of `strengths`).
        - ``"brd"``: the condition of Butler, Reeds and Dawson [3]_ as [4]_ applies
          it, the discrepancy principle over the directions that the kernel
          resolves (singular values above 1e-3 of the largest).
    parameter : str or None, default=None
        Name of the strength in `estimator`. None: ``smoothness`` for a
        SmoothLasso, ``alpha`` for a LassoFista, ``penalty__strength`` for a
        MultiDimRegularizedILT.
    strengths : int or array-like of shape (n_strengths,), default=40
        Number of strengths of the curve, on a log axis over ten decades (four, from
        1000 to 0.1, for a MultiDimRegularizedILT), or the strengths themselves,
        positive; with `per_signal` also (n_strengths, n_signals).
    refine : bool, default=True
        Whether to look between the strengths of the curve (all rules but
        cross-validation).
    noise_std : float or None, default=None
        Noise standard deviation of the signals, for points of weight one (weights
        with mean one). None estimates it from the residuals of what the kernel can
        make, see :func:`~skrelax.uncertainty.estimate_noise_std`; a
        MultiDimRegularizedILT says it itself.
    chi2_factor : float, default=1.02
        Increase of the squared residual norm that ``"chi2"`` allows, above 1.
    degrees_of_freedom : {"linear", "active"}, default="linear"
        Whether the effective parameters of ``"gcv"`` count all bins, as if there were
        no bound f >= 0 (as DECAES does), or only those that are not zero. The latter
        are too few, as they were chosen by the noise, and invent peaks. Bins of a
        LassoFista are always counted so.
    cv : int, splitter, iterable or None, default=None
        Folds for cross-validation. An int or None (5) interleaves them.
    per_signal : bool, default=False
        Whether each signal gets its own strength, the one that a search for it alone
        would choose, or all share one. A MultiDimRegularizedILT takes one for all.

    Attributes
    ----------
    strength_ : float or ndarray of shape (n_signals,)
        The chosen strength; an array for ``per_signal=True``.
    best_estimator_ : estimator
        The estimator, fitted with it.
    distribution_ : ndarray of shape (n_1, ..., n_d[, n_signals])
        The distributions, axes of the grid first.
    baseline_ : float, ndarray or None
        The baselines.
    grids_ : tuple of ndarray
        Bins of each axis.
    curve_ : dict of ndarray
        Over the grid, decreasing: ``"strength"``, ``"residual"`` (mean square),
        ``"norm"`` (penalty without its strength), ``"dof"``, ``"criterion"``, and
        ``"se"`` for cross-validation. Norm and parameters of a
        MultiDimRegularizedILT are nan. Columns are (n_strengths,), or
        (n_strengths, n_signals) for ``per_signal=True``.
    target_ : float, ndarray of shape (n_signals,) or None
        Value that the criterion must reach (discrepancy, chi2, brd).
    noise_std_ : float, ndarray of shape (n_signals,) or None
        The noise level used, where the rule needs one.
    n_features_in_ : int
        Number of columns of X.

    Notes
    -----
    The penalty norm of the L-curve is :math:`f^T L f` for a smoothness and the L1
    norm for alpha. Several signals share one strength, and sums run over all, unless
    each has its own: then all are fitted in one call per strength, off the grid every
    signal with the strength that its own search asks for.

    Where a rule leaves a choice, between criteria that are equal to nine digits, the
    largest strength is taken: by every rule for signals of zeros, by GCV where all fits
    use up all points, by the L-curve where it has no corner and among curvatures that
    rounding does not tell apart. GCV does not choose a fit that leaves no degrees of
    freedom while there are others. Residuals below 1e-12 of the signal are rounding and
    count as that much.

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
        "strengths": [
            Interval(numbers.Integral, 2, 100_000, closed="both"),
            "array-like",
        ],
        "refine": ["boolean"],
        "noise_std": [RealInterval(0, LARGEST, closed="both"), None],
        "chi2_factor": [RealInterval(1, LARGEST, closed="right")],
        "degrees_of_freedom": [StrOptions({"active", "linear"})],
        "cv": ["cv_object"],
        "per_signal": ["boolean"],
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
        degrees_of_freedom="linear",
        cv=None,
        per_signal=False,
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
        self.per_signal = per_signal

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Choose the strength and fit.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            What `estimator` takes: acquisition points or a kernel.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Signals.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each acquisition point. With scikit-learn's metadata routing the
            inversion must request it, ``set_fit_request(sample_weight=True)``.
        groups : array-like of shape (n_points,) or None, default=None
            Groups of the points, for a `cv` that keeps them together, such as
            :class:`~sklearn.model_selection.GroupKFold`.

        Returns
        -------
        StrengthSearch
            The fitted search.

        Raises
        ------
        ValueError
            If the parameter is unknown, a strength is not positive, the noise level
            is 0 or cannot be estimated where a rule needs it, or a rule needs what the
            inversion does not have.
        TypeError
            If `estimator` is not, or does not end in, an inversion with a strength.

        Warns
        -----
        UserWarning
            If no strength reaches the target, and a near one is met; if GCV has no
            degrees of freedom or the L-curve no corner, and the largest is.
        """
        fit_params, groups = self._route(sample_weight, groups)
        weight = next(iter(fit_params.values()), None)
        inversion = take_apart(self.estimator, self.parameter)
        if y is None:
            raise ValueError(
                "StrengthSearch requires y to be passed, but the target y is None."
            )
        refuse_complex(y)
        refuse_complex(X, "X")
        front = inversion.front
        inputs = X if front is None else front.fit_transform(X, y)
        # One fit checks the input and tells shapes, before anything is computed.
        memory = {}
        with remembering(memory):
            first = inversion.fit(1.0, inputs, y, weight)
        self._take_columns(first if front is None else front[0])
        if self.per_signal and not first._takes_strengths:
            raise ValueError(
                f"per_signal=True needs an inversion that takes a strength for each "
                f"signal, which a {type(first).__name__} does not: search for one "
                "signal at a time."
            )
        penalty = first._penalty_norm(inversion.name)
        if penalty is None and self.rule in _NEEDS:
            raise ValueError(
                f"rule={self.rule!r} needs {_NEEDS[self.rule]}, which a "
                f"{type(first).__name__} does not give: choose by 'cv', 'cv-1se', "
                "'discrepancy' or 'chi2'."
            )
        target = make_target(inputs, y, weight, first._reads_names, memory)
        each = self.per_signal
        strengths = strength_grid(self.strengths, first, inversion.name, target, each)
        curve = Curve(
            inversion,
            target,
            penalty,
            each,
            is_linear=self.degrees_of_freedom == "linear",
            counts=self.rule == "gcv",
            directions=seen_directions(target) if self.rule == "brd" else None,
        )
        self.target_ = self.noise_std_ = error = None
        work = open_work(self, X, y, 3)
        if self.rule.startswith("cv"):
            folds = make_folds(self.cv, target.matrix, target.signals, groups)
            criterion, error = cross_validate(
                inversion, target, strengths, folds, each,
                work.part("cross-validation", len(folds)),
            )  # fmt: skip
            floored = np.maximum(criterion, curve.floors)
            best = first_minimum(floored)
            if self.rule == "cv-1se":
                best = within_one_standard_error(floored, error, floored, best)
            chosen = np.log(np.take_along_axis(strengths, best[None], axis=0)[0])
            curve.work = work.part("curve", len(strengths))
            curve.evaluate_grid(strengths)
        else:
            # The target of chi2 is told by a fit of its own.
            n_fits = len(strengths) + (self.rule == "chi2")
            curve.work = work.part("curve", n_fits)
            measure = self._measure(curve, first, strengths)
            curve.evaluate_grid(strengths)
            curve.work.end()
            curve.work = work.part("search", None)
            criterion = curve.on_grid(strengths, measure)
            chosen = choose(
                self.rule, curve, strengths, criterion, measure, self.target_,
                self.refine,
            )  # fmt: skip
        curve.work.end()
        columns = {"strength": strengths}
        for name in ("residual", "norm", "dof"):
            columns[name] = curve.on_grid(
                strengths, lambda fit, choice, name=name: getattr(fit, name)
            )
        columns["criterion"] = criterion
        if error is not None:
            columns["se"] = error
        # A choice on the grid is that very number, not exp(log(it)).
        found = np.exp(chosen)
        rows, choices = np.nonzero(np.log(strengths) == chosen)
        found[choices[::-1]] = strengths[rows[::-1], choices[::-1]]
        if each:
            self.curve_, self.strength_ = columns, found
        else:
            self.curve_ = {name: values[:, 0] for name, values in columns.items()}
            self.strength_ = float(found[0])
            for name in ("target_", "noise_std_"):
                value = getattr(self, name)
                setattr(self, name, None if value is None else float(value[0]))
        # A signal alone needs no strengths per signal, nor do its refits.
        strength = float(found[0]) if first._single_signal else self.strength_
        best = {
            f"{inversion.prefix}{name}": value
            for name, value in inversion.setting(strength).items()
        }
        self.best_estimator_ = clone(self.estimator).set_params(**best)
        with work.part("final fit").lent(self.best_estimator_):
            self.best_estimator_.fit(X, y, **fit_params)
        work.end()
        return self

    def _take_columns(self, entry):
        """Take number and names of the columns from who saw them first."""
        self.n_features_in_ = entry.n_features_in_
        if hasattr(entry, "feature_names_in_"):
            self.feature_names_in_ = entry.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def get_metadata_routing(self):
        """Return who takes which metadata.

        Returns
        -------
        MetadataRouter
            Weights are for the inversion, groups for the folds.
        """
        return (
            MetadataRouter(owner=self)
            .add(
                estimator=self.estimator,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
            .add(
                splitter=check_splitter(self.cv),
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
        )

    def _route(self, sample_weight, groups):
        """Return parameters of the fit of the estimator, and groups for the folds."""
        if routing_enabled():
            given = {"sample_weight": sample_weight, "groups": groups}
            given = {name: value for name, value in given.items() if value is not None}
            routed = process_routing(self, "fit", **given)
            return routed.estimator.fit, routed.splitter.split.get("groups")
        return weight_options(self.estimator, sample_weight), groups

    def _measure(self, curve, first, strengths):
        """Return the criterion of a rule as a function of a Fit and its choice."""
        floors, n_points = curve.floors.tolist(), curve.target.n_points

        def residual(fit, choice):
            return max(fit.residual, floors[choice])

        if self.rule == "gcv":
            return lambda fit, choice: generalised_error(
                residual(fit, choice), fit.dof, n_points
            )
        if self.rule in ("discrepancy", "brd"):
            self.noise_std_ = self._noise_level(curve.target, first)
            # Signals without noise are to be met to rounding.
            self.target_ = np.maximum(self.noise_std_**2, curve.floors)
            measure = residual
            if self.rule == "brd":

                def measure(fit, choice):
                    return max(fit.seen, floors[choice])

            if self.noise_std is None and getattr(first, "positive", False):
                # The estimate knows no bound f >= 0, so it may be out of reach.
                weakest = np.log(strengths[-1]).tolist()
                curve.evaluate_all(dict(enumerate(weakest)), counts=True)
                least = [measure(curve(x, c), c) for c, x in enumerate(weakest)]
                self.target_ = np.maximum(self.target_, WITHIN * np.array(least))
            return measure
        elif self.rule == "chi2":
            weakest = strengths[-1]
            if first._weakest is not None:
                weakest = np.full(len(floors), first._weakest)
            free = curve.evaluate(weakest, list(range(len(floors))))
            free = np.array([fit.residual for fit in free])
            self.target_ = self.chi2_factor * np.maximum(free, curve.floors)
        return residual

    def _noise_level(self, target, first):
        """Return the noise level that the residuals of each choice have to reach."""
        noise_std = self.noise_std
        if noise_std is None:
            try:
                each = first._noise_levels(target)
            except ValueError as error:
                raise ValueError(
                    f"rule={self.rule!r} needs noise_std, which cannot be estimated "
                    f"from n_samples={target.n_points}: {error}"
                ) from error
            noise_std = each if self.per_signal else np.sqrt(np.mean(each**2))
        elif not noise_std > 0:
            raise ValueError(
                f"rule={self.rule!r} needs a positive noise level, got "
                f"noise_std={noise_std}."
            )
        n_choices = target.signals.shape[1] if self.per_signal else 1
        return np.full(n_choices, noise_std, dtype=np.float64)

    def _without_penalty(self):
        return without_penalty(self.estimator)

    def _strengths_near(self):
        last = answers(final_step(self.best_estimator_))
        name = last._strengths[0] if self.parameter is None else self.parameter
        is_fixed = last._penalty_norm(name.rpartition("__")[2]) is not None
        is_fixed &= getattr(last, "_follows", None) is None
        if not (is_fixed and self.rule in _MONOTONE and self.refine):
            return None
        # The ends of the curve are there for signals that are less similar.
        strengths = self.curve_["strength"]
        top, bottom = strengths.max(axis=0), strengths.min(axis=0)
        near = np.clip(np.multiply.outer(_NEAR, self.strength_), bottom, top)
        near = np.sort([top, *near, bottom], axis=0)[::-1]
        return near if near.ndim == 2 else np.unique(near)[::-1]

    def _treats_alone(self):
        takes = answers(final_step(self.estimator))._takes_strengths
        return self.per_signal and takes and treats_signals_alone(self.estimator)
