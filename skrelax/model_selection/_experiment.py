"""Settings of the experiment, baseline and inversion efficiency, that data support."""

import numpy as np
import pandas as pd
from sklearn.base import MetaEstimatorMixin, RegressorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from ..metrics import distribution_peaks
from ..signals import resolve_model
from ..utils._frames import take_rows
from ..utils._inspect import weight_options
from ..utils._linear_inputs import validate_relative_weight
from ..utils._progress import open_work
from ..utils._sklearn import (
    BaseEstimator,
    HasMethods,
    _fit_context,
    process_routing,
    routing_enabled,
)
from ..utils._validation import check_numbers
from ._best import BestResultsMixin

_EFFICIENCIES = np.round(np.arange(1.0, 2.0001, 0.05), 3)
# A share of the amplitude on the last bin above which it acts as a baseline.
_SHARE_AT_END = 0.01


class _CandidateSearch(
    BestResultsMixin, MetaEstimatorMixin, RegressorMixin, BaseEstimator
):
    """Fit a cross-validated inversion with each candidate, and keep one of the fits."""

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "verbose": ["verbose"],
    }

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Fit with each candidate, and choose.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            Acquisition points.
        y : array-like of shape (n_points,) or (n_points, n_signals)
            Signals. All share one setting.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each acquisition point. With scikit-learn's metadata routing the
            inversion must request it.

        Returns
        -------
        self
            The fitted search.

        Raises
        ------
        ValueError
            If `estimator` is no Pipeline of a KernelBuilder and a cross-validated
            inversion.
        """
        self._check_pipeline()
        weight = validate_relative_weight(sample_weight, X)
        if weight is not None and not weight.all():
            # A point without weight must not draw the limits of the grid either.
            kept = np.flatnonzero(weight)
            X, y = take_rows(X, kept), take_rows(y, kept)
            sample_weight = weight[kept]
        options = self._route(sample_weight)
        name, settings = self._candidates()
        work = open_work(self, X, y, len(settings), verbose=self.verbose)
        work.report(len(settings), tells_time=False)
        fits = []
        for value, parameters in settings.items():
            part = work.part(f"{name} {value}")
            one = clone(self.estimator).set_params(**parameters)
            with part.lent(one, f"({name} {value})"):
                fits.append(one.fit(X, y, **options))
        errors, spreads = np.transpose([_lowest_error(one) for one in fits])
        self.candidates_ = pd.DataFrame(
            {
                name: list(settings),
                "error": errors,
                "standard_error": spreads,
                "within_one_se": errors <= errors.min() + spreads[errors.argmin()],
                "edge_share": [edge_share(one, 0, -1) for one in fits],
            }
        )
        self.best_index_ = int(self._choose(fits))
        self.best_estimator_ = fits[self.best_index_]
        self.n_features_in_ = self.best_estimator_.n_features_in_
        vars(self).pop("feature_names_in_", None)
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
        setattr(self, f"{name}_", list(settings)[self.best_index_])
        work.end()
        return self

    def get_metadata_routing(self):
        """Return who takes which metadata.

        Returns
        -------
        MetadataRouter
            Weights are for the inversion.
        """
        return MetadataRouter(owner=self).add(
            estimator=self.estimator,
            method_mapping=MethodMapping().add(caller="fit", callee="fit"),
        )

    def _route(self, sample_weight):
        """Return the parameters of the fit of the Pipeline."""
        if sample_weight is not None and routing_enabled():
            routed = process_routing(self, "fit", sample_weight=sample_weight)
            return routed.estimator.fit
        return weight_options(self.estimator, sample_weight)

    def _check_pipeline(self):
        """Raise ValueError unless the estimator is what can be searched."""
        pipeline = self.estimator
        if (
            not isinstance(pipeline, Pipeline)
            or not hasattr(pipeline.steps[0][1], "kernel")
            or not {"cv", "fit_intercept"} <= set(pipeline[-1].get_params())
        ):
            raise ValueError(
                "estimator must be a Pipeline of a KernelBuilder and a SmoothLassoCV "
                f"or LassoFistaCV, got {pipeline!r}."
            )
        if pipeline[-1].get_params().get("per_signal", False):
            raise ValueError(
                "estimator must choose one strength for all signals, as one error "
                "judges it: set per_signal=False."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


class BaselineSearch(_CandidateSearch):
    """Decide by cross-validation whether signals have a constant baseline.

    A baseline is taken where it lowers the cross-validated error by more than its
    standard error. A constant that only just helps would eat slow components; but what
    lies on the last bin is no more than a constant either. So it is taken, too, where
    the fit without one puts more than 1 % of the amplitude into peaks on the last bin
    and the fit with one is no worse.

    Parameters
    ----------
    estimator : Pipeline of a KernelBuilder and a SmoothLassoCV or LassoFistaCV
        The inversion. It is cloned; its ``fit_intercept`` is what is chosen.
    verbose : int, default=0
        Whether to report progress of long runs on standard error.

    Attributes
    ----------
    fit_intercept_ : bool
        Whether there is a baseline.
    best_estimator_ : Pipeline
        The fitted inversion.
    best_index_ : int
        Row of `candidates_` that was chosen.
    candidates_ : DataFrame
        ``fit_intercept``, the lowest cross-validated mean squared ``error`` and its
        ``standard_error``, whether it is ``within_one_se`` of the lowest of all, and
        ``edge_share``, the share of the amplitude in peaks on the first or last bin.
    n_features_in_ : int
        Number of acquisition columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X was a frame with string names.

    See Also
    --------
    EfficiencySearch : The inversion efficiency.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, SmoothLassoCV
    >>> from skrelax.model_selection import BaselineSearch
    >>> times = np.geomspace(0.001, 3.0, 60)[:, None]
    >>> noise = 0.01 * np.random.default_rng(0).standard_normal(60)
    >>> signal = np.exp(-times[:, 0] / 0.1) + 0.2 + noise
    >>> search = BaselineSearch(make_pipeline(KernelBuilder("T2"), SmoothLassoCV()))
    >>> search.fit(times, signal).fit_intercept_
    True
    """

    def __init__(self, estimator, verbose=0):
        self.estimator = estimator
        self.verbose = verbose

    def _candidates(self):
        """Return the name of the setting, and parameters for each of its values."""
        last = self.estimator.steps[-1][0]
        values = {value: {f"{last}__fit_intercept": value} for value in (False, True)}
        return "fit_intercept", values

    def _choose(self, fits):
        """Return the index of the fit to keep."""
        table = self.candidates_
        plain, based = table["error"]
        spread = table["standard_error"][1]
        no_worse = based <= plain + spread
        at_end = edge_share(fits[0], -1) > _SHARE_AT_END and no_worse
        return based + spread < plain or at_end


class EfficiencySearch(_CandidateSearch):
    """Choose the inversion efficiency that the data of an inversion recovery support.

    A wrong efficiency is made up for by amplitude on the edges of the grid, at hardly
    any cost in error. So, of all within one standard error of the lowest
    cross-validated error, the one with the least amplitude there is taken.

    Parameters
    ----------
    estimator : Pipeline of a KernelBuilder and a SmoothLassoCV or LassoFistaCV
        The inversion. It is cloned; its kernel is, or has among its axes,
        ``"T1-IR"`` or another signal model with an ``efficiency``.
    efficiencies : array-like of shape (n_values,) or None, default=None
        Efficiencies to try, above 0 and at most 2. None takes 1 to 2 in steps of 0.05.
    verbose : int, default=0
        Whether to report progress of long runs on standard error.

    Attributes
    ----------
    efficiency_ : float
        The chosen efficiency.
    best_estimator_ : Pipeline
        The fitted inversion.
    best_index_ : int
        Row of `candidates_` that was chosen.
    candidates_ : DataFrame
        ``efficiency``, the lowest cross-validated mean squared ``error`` and its
        ``standard_error``, whether it is ``within_one_se`` of the lowest of all, and
        ``edge_share``, the share of the amplitude in peaks on the first or last bin.
    n_features_in_ : int
        Number of acquisition columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X was a frame with string names.

    See Also
    --------
    BaselineSearch : Whether there is a baseline.
    skrelax.inversion.KernelParameterSearch : A setting that differs between signals.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, SmoothLassoCV
    >>> from skrelax.model_selection import EfficiencySearch
    >>> times = np.geomspace(0.001, 3.0, 40)[:, None]
    >>> noise = 0.002 * np.random.default_rng(0).standard_normal(40)
    >>> signal = 1 - 1.8 * np.exp(-times[:, 0] / 0.1) + noise
    >>> inversion = make_pipeline(KernelBuilder("T1-IR"), SmoothLassoCV())
    >>> search = EfficiencySearch(inversion, [1.6, 1.7, 1.8, 1.9, 2.0])
    >>> search.fit(times, signal).efficiency_
    1.8
    """

    _parameter_constraints: dict = {
        **_CandidateSearch._parameter_constraints,
        "efficiencies": ["array-like", None],
    }

    def __init__(self, estimator, efficiencies=None, verbose=0):
        self.estimator = estimator
        self.efficiencies = efficiencies
        self.verbose = verbose

    def _candidates(self):
        """Return the name of the setting, and parameters for each of its values."""
        name, builder = self.estimator.steps[0]
        given = builder.kernel
        several = isinstance(given, list | tuple)
        models = [resolve_model(one) for one in (given if several else [given])]
        axes = [axis for axis, one in enumerate(models) if hasattr(one, "efficiency")]
        if len(axes) != 1:
            raise ValueError(
                "estimator must have one kernel with an efficiency, such as 'T1-IR', "
                f"got {given!r}."
            )
        values = {}
        for efficiency in _check_efficiencies(self.efficiencies):
            model = clone(models[axes[0]]).set_params(efficiency=efficiency)
            kernel = [*models[: axes[0]], model, *models[axes[0] + 1 :]]
            values[efficiency] = {f"{name}__kernel": kernel if several else model}
        return "efficiency", values

    def _choose(self, fits):
        """Return the index of the fit to keep."""
        table = self.candidates_[self.candidates_["within_one_se"]]
        table = table.assign(edge_share=table["edge_share"].round(3))
        return table.sort_values(["edge_share", "error"], kind="stable").index[0]

    def _chosen(self):
        return {"efficiency": self.efficiency_}


def _check_efficiencies(given):
    """Return the efficiencies to try, as floats."""
    if given is None:
        return _EFFICIENCIES.tolist()
    values = check_numbers(given, "efficiencies", ndim=1)
    if not values.size or not ((values > 0) & (values <= 2)).all():
        raise ValueError(
            f"efficiencies must be above 0 and at most 2, at least one, got {given}."
        )
    return list(dict.fromkeys(values.tolist()))


def edge_share(pipeline, *edges):
    """Return the share of the amplitude in peaks whose maximum is an edge bin.

    Of several axes the share is the largest of those of their projections.
    """
    times = pipeline[0].relaxation_times_
    axes = times if isinstance(times, tuple) else (times,)
    f = np.atleast_2d(pipeline[-1].coef_)
    f = f.reshape(-1, *(bins.size for bins in axes))
    return max(
        _share_on_axis(f, axis, bins, edges) for axis, bins in enumerate(axes, start=1)
    )


def _share_on_axis(f, axis, bins, edges):
    others = tuple(other for other in range(1, f.ndim) if other != axis)
    peaks = distribution_peaks(f.sum(axis=others), bins, min_share=0.0)
    on_edge = peaks["position"].isin(bins[list(edges)])
    total = peaks["amplitude"].sum()
    return peaks.loc[on_edge, "amplitude"].sum() / total if total > 0 else 0.0


def _lowest_error(pipeline):
    """Return the lowest cross-validated error and its standard error."""
    results = pipeline[-1].cv_results_
    errors = results["mean_test_mse"]
    best = np.unravel_index(errors.argmin(), errors.shape)
    return errors[best], results["se_test_mse"][best]
