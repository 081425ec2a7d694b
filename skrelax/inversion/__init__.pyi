"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    MultiOutputMixin,
    RegressorMixin,
)
from sklearn.model_selection import CallbackSupportMixin
from xarray import DataArray

from ..metrics import Polygon, RatioBand, Rectangle
from ..signals import SignalModel
from ..uncertainty import DistributionBands, UncertaintyResult

__all__ = [
    "AdaptivePenalty",
    "ConvergentScheme",
    "KernelParameterSearch",
    "LassoFista",
    "LassoFistaCV",
    "MultiDimRegularizedILT",
    "ReferenceScheme",
    "RicianInversion",
    "SmoothLasso",
    "SmoothLassoCV",
    "lasso_path",
]

class AdaptivePenalty(BaseEstimator):
    strength: float
    floor: float | Sequence[float]
    curvature: float | Sequence[float] | None
    slope: float | Sequence[float] | None
    crossing_limit: float
    boundary: float | Sequence[float]
    negative: float
    windows: tuple[int, ...]
    count: Literal["points", "singular-values"]
    def __init__(
        self,
        strength: float = 1.0,
        *,
        floor: float | Sequence[float] = 0.0001,
        curvature: float | Sequence[float] | None = None,
        slope: float | Sequence[float] | None = None,
        crossing_limit: float = 1.0,
        boundary: float | Sequence[float] = 50.0,
        negative: float = 0.0,
        windows: tuple[int, ...] = ...,
        count: Literal["points", "singular-values"] = "points",
    ) -> None: ...

class ConvergentScheme(BaseEstimator):
    max_iter: int
    tol: float
    def __init__(self, max_iter: int = 1000, tol: float = 1e-07) -> None: ...
    @property
    def crossing_scale(self) -> None: ...

class KernelParameterSearch(
    MetaEstimatorMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator
):
    estimator: Any
    parameter: str
    values: ArrayLike | None
    least_snr: float | None
    n_jobs: int | None
    value_: float | NDArray[Any]
    strength_: float | NDArray[Any] | None
    status_: int | NDArray[Any]
    coef_: NDArray[Any]
    intercept_: float | NDArray[Any]
    relaxation_times_: NDArray[Any] | tuple[NDArray[Any], ...]
    values_: NDArray[Any]
    residual_: float | NDArray[Any]
    noise_std_: float | NDArray[Any]
    n_points_: int | NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        estimator: Any,
        parameter: str = "flip_angle",
        values: ArrayLike | None = None,
        least_snr: float | None = 5.1,
        n_jobs: int | None = None,
    ) -> None: ...
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        known: float | ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> Self: ...
    def predict(self, X: ArrayLike) -> NDArray[Any]: ...
    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float: ...
    def get_metadata_routing(self) -> Any: ...
    @property
    def distribution_(self) -> NDArray[Any]: ...
    @property
    def baseline_(self) -> float | NDArray[Any]: ...
    @property
    def grids_(self) -> tuple[NDArray[Any], ...]: ...
    def to_frame(self) -> DataFrame: ...
    def to_xarray(self) -> DataArray: ...
    def bands(
        self,
        n_refits: int = 50,
        *,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        level: float = 0.9,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> DistributionBands: ...
    def marginal(self, axis: int) -> NDArray[Any]: ...
    def regions(
        self,
        regions: Sequence[Rectangle | Polygon | RatioBand],
        *,
        bands: DistributionBands | UncertaintyResult | None = None,
    ) -> DataFrame: ...
    def describe(self, *, min_share: float = 0.01) -> DataFrame: ...

class LassoFista(MultiOutputMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator):
    alpha: float | ArrayLike
    positive: bool
    fit_intercept: bool
    solver: Literal["auto", "fista"]
    tol: float
    max_iter: int
    n_jobs: int | None
    coef_: NDArray[Any]
    intercept_: float | NDArray[Any]
    dual_gap_: float | NDArray[Any]
    n_iter_: int | NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        alpha: float | ArrayLike = 0.001,
        positive: bool = True,
        fit_intercept: bool = False,
        solver: Literal["auto", "fista"] = "auto",
        tol: float = 1e-08,
        max_iter: int = 10000,
        n_jobs: int | None = None,
    ) -> None: ...
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def predict(self, X: ArrayLike) -> NDArray[Any]: ...
    @property
    def distribution_(self) -> NDArray[Any]: ...
    @property
    def baseline_(self) -> float | NDArray[Any]: ...
    @property
    def grids_(self) -> tuple[NDArray[Any], ...]: ...
    def to_frame(self) -> DataFrame: ...
    def to_xarray(self) -> DataArray: ...
    def bands(
        self,
        n_refits: int = 50,
        *,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        level: float = 0.9,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> DistributionBands: ...
    def marginal(self, axis: int) -> NDArray[Any]: ...
    def regions(
        self,
        regions: Sequence[Rectangle | Polygon | RatioBand],
        *,
        bands: DistributionBands | UncertaintyResult | None = None,
    ) -> DataFrame: ...
    def describe(self, *, min_share: float = 0.01) -> DataFrame: ...

class LassoFistaCV(
    MultiOutputMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator
):
    alphas: int | ArrayLike
    cv: Any
    rule: Literal["min", "1se"]
    noise_std: float | None
    per_signal: bool
    positive: bool
    fit_intercept: bool
    tol: float
    max_iter: int
    n_jobs: int | None
    verbose: int
    alpha_: float | NDArray[Any]
    alphas_: NDArray[Any]
    cv_results_: dict[str, NDArray[Any]]
    cv_dual_gap_: float | NDArray[Any]
    coef_: NDArray[Any]
    intercept_: float | NDArray[Any]
    dual_gap_: float | NDArray[Any]
    n_iter_: int | NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        alphas: int | ArrayLike = 64,
        cv: Any = None,
        rule: Literal["min", "1se"] = "min",
        noise_std: float | None = None,
        per_signal: bool = False,
        positive: bool = True,
        fit_intercept: bool = False,
        tol: float = 1e-08,
        max_iter: int = 10000,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None: ...
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self: ...
    def get_metadata_routing(self) -> Any: ...
    def predict(self, X: ArrayLike) -> NDArray[Any]: ...
    @property
    def distribution_(self) -> NDArray[Any]: ...
    @property
    def baseline_(self) -> float | NDArray[Any]: ...
    @property
    def grids_(self) -> tuple[NDArray[Any], ...]: ...
    def to_frame(self) -> DataFrame: ...
    def to_xarray(self) -> DataArray: ...
    def bands(
        self,
        n_refits: int = 50,
        *,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        level: float = 0.9,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> DistributionBands: ...
    def marginal(self, axis: int) -> NDArray[Any]: ...
    def regions(
        self,
        regions: Sequence[Rectangle | Polygon | RatioBand],
        *,
        bands: DistributionBands | UncertaintyResult | None = None,
    ) -> DataFrame: ...
    def describe(self, *, min_share: float = 0.01) -> DataFrame: ...

class MultiDimRegularizedILT(
    MultiOutputMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator
):
    kernels: (
        str
        | SignalModel
        | Callable[..., Any]
        | Sequence[str | SignalModel | Callable[..., Any]]
    )
    grids: int | ArrayLike | Sequence[int | ArrayLike] | None
    spacing: Literal["log", "linear"] | Sequence[Literal["log", "linear"]]
    penalty: AdaptivePenalty | None
    scheme: str | ReferenceScheme | ConvergentScheme
    channels: Literal["coupled"] | ArrayLike | Sequence[ArrayLike] | None
    baseline: bool | Sequence[bool]
    noise_std: float | None
    compression: int | float | Sequence[int | float | None] | None
    solver: Literal["auto", "direct", "iterative"]
    callback: Callable[..., Any] | None
    max_bins: int
    n_jobs: int | None
    verbose: int
    distribution_: NDArray[Any]
    baseline_: float | NDArray[Any] | tuple[NDArray[Any], ...] | None
    grids_: tuple[NDArray[Any], ...]
    noise_std_: float | NDArray[Any]
    residuals_: NDArray[Any]
    convergence_: NDArray[Any] | list[NDArray[Any]]
    converged_: bool | NDArray[Any]
    n_iter_: int | NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        kernels: str
        | SignalModel
        | Callable[..., Any]
        | Sequence[str | SignalModel | Callable[..., Any]] = "T2",
        grids: int | ArrayLike | Sequence[int | ArrayLike] | None = None,
        *,
        spacing: Literal["log", "linear"] | Sequence[Literal["log", "linear"]] = "log",
        penalty: AdaptivePenalty | None = None,
        scheme: str | ReferenceScheme | ConvergentScheme = "reference",
        channels: Literal["coupled"] | ArrayLike | Sequence[ArrayLike] | None = None,
        baseline: bool | Sequence[bool] = False,
        noise_std: float | None = None,
        compression: int | float | Sequence[int | float | None] | None = None,
        solver: Literal["auto", "direct", "iterative"] = "auto",
        callback: Callable[..., Any] | None = None,
        max_bins: int = 100000,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None: ...
    def set_params(self, **params: Mapping[str, Any]) -> Self: ...
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        initial: ArrayLike | tuple[Any, ...] | None = None,
    ) -> Self: ...
    def fit_grid(
        self,
        axes: tuple[ArrayLike, ...],
        data: ArrayLike,
        sigma: ArrayLike | None = None,
        initial: ArrayLike | tuple[Any, ...] | None = None,
    ) -> Self: ...
    def predict(self, X: ArrayLike) -> NDArray[Any]: ...
    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float: ...
    def bands(
        self,
        n_refits: int = 50,
        *,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        level: float = 0.9,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> DistributionBands: ...
    def to_frame(self) -> DataFrame: ...
    def to_xarray(self) -> DataArray: ...
    def marginal(self, axis: int) -> NDArray[Any]: ...
    def regions(
        self,
        regions: Sequence[Rectangle | Polygon | RatioBand],
        *,
        bands: DistributionBands | UncertaintyResult | None = None,
    ) -> DataFrame: ...
    def describe(self, *, min_share: float = 0.01) -> DataFrame: ...

class ReferenceScheme(BaseEstimator):
    max_iter: int
    tol: float
    crossing_scale: float | Sequence[float]
    crossing_start: int
    damping: tuple[Any, ...]
    crossing_damping: tuple[Any, ...]
    def __init__(
        self,
        max_iter: int = 100,
        tol: float = 1e-06,
        *,
        crossing_scale: float | Sequence[float] = 1e-05,
        crossing_start: int = 5,
        damping: tuple[Any, ...] = ...,
        crossing_damping: tuple[Any, ...] = ...,
    ) -> None: ...

class RicianInversion(
    MetaEstimatorMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator
):
    estimator: Any
    noise_std: float | ArrayLike | None
    max_iter: int
    tol: float
    estimator_: Any
    completed_: NDArray[Any]
    noise_std_: float | NDArray[Any]
    converged_: bool | NDArray[Any]
    n_iter_: int | NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        estimator: Any,
        noise_std: float | ArrayLike | None = None,
        max_iter: int = 200,
        tol: float = 0.001,
    ) -> None: ...
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        known: float | ArrayLike | None = None,
    ) -> Self: ...
    def predict(self, X: ArrayLike) -> NDArray[Any]: ...
    def predict_magnitude(self, X: ArrayLike) -> NDArray[Any]: ...
    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float: ...
    @property
    def distribution_(self) -> NDArray[Any]: ...
    @property
    def baseline_(self) -> float | NDArray[Any]: ...
    @property
    def grids_(self) -> tuple[NDArray[Any], ...]: ...
    @property
    def coef_(self) -> NDArray[Any]: ...
    @property
    def intercept_(self) -> float | NDArray[Any]: ...
    def get_metadata_routing(self) -> Any: ...
    def to_frame(self) -> DataFrame: ...
    def to_xarray(self) -> DataArray: ...
    def bands(
        self,
        n_refits: int = 50,
        *,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        level: float = 0.9,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> DistributionBands: ...
    def marginal(self, axis: int) -> NDArray[Any]: ...
    def regions(
        self,
        regions: Sequence[Rectangle | Polygon | RatioBand],
        *,
        bands: DistributionBands | UncertaintyResult | None = None,
    ) -> DataFrame: ...
    def describe(self, *, min_share: float = 0.01) -> DataFrame: ...

class SmoothLasso(
    MultiOutputMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator
):
    alpha: float | ArrayLike
    smoothness: float | ArrayLike
    order: Literal[0, 1, 2]
    positive: bool
    fit_intercept: bool
    grid_shape: tuple[int, ...] | None
    adaptive: bool
    tol: float
    max_iter: int
    n_jobs: int | None
    coef_: NDArray[Any]
    intercept_: float | NDArray[Any]
    grid_shape_: tuple[int, ...]
    dual_gap_: float | NDArray[Any]
    n_iter_: int | NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        alpha: float | ArrayLike = 0.0,
        smoothness: float | ArrayLike = 0.001,
        order: Literal[0, 1, 2] = 1,
        positive: bool = True,
        fit_intercept: bool = False,
        grid_shape: tuple[int, ...] | None = None,
        adaptive: bool = False,
        tol: float = 1e-08,
        max_iter: int = 10000,
        n_jobs: int | None = None,
    ) -> None: ...
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    @property
    def penalty_(self) -> Any: ...
    def predict(self, X: ArrayLike) -> NDArray[Any]: ...
    @property
    def distribution_(self) -> NDArray[Any]: ...
    @property
    def baseline_(self) -> float | NDArray[Any]: ...
    @property
    def grids_(self) -> tuple[NDArray[Any], ...]: ...
    def to_frame(self) -> DataFrame: ...
    def to_xarray(self) -> DataArray: ...
    def bands(
        self,
        n_refits: int = 50,
        *,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        level: float = 0.9,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> DistributionBands: ...
    def marginal(self, axis: int) -> NDArray[Any]: ...
    def regions(
        self,
        regions: Sequence[Rectangle | Polygon | RatioBand],
        *,
        bands: DistributionBands | UncertaintyResult | None = None,
    ) -> DataFrame: ...
    def describe(self, *, min_share: float = 0.01) -> DataFrame: ...

class SmoothLassoCV(
    MultiOutputMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator
):
    alphas: int | ArrayLike
    smoothnesses: int | ArrayLike
    order: Literal[0, 1, 2] | None
    cv: Any
    rule: Literal["noise", "near", "min", "1se"] | None
    noise_std: float | None
    per_signal: bool
    positive: bool
    fit_intercept: bool
    grid_shape: tuple[int, ...] | None
    adaptive: bool | None
    tol: float
    max_iter: int
    n_jobs: int | None
    verbose: int
    alpha_: float | NDArray[Any]
    smoothness_: float | NDArray[Any]
    alphas_: NDArray[Any]
    smoothnesses_: NDArray[Any]
    cv_results_: dict[str, NDArray[Any]]
    cv_dual_gap_: float | NDArray[Any]
    coef_: NDArray[Any]
    intercept_: float | NDArray[Any]
    grid_shape_: tuple[int, ...]
    dual_gap_: float | NDArray[Any]
    n_iter_: int | NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        alphas: int | ArrayLike = 5,
        smoothnesses: int | ArrayLike = 17,
        order: Literal[0, 1, 2] | None = None,
        cv: Any = None,
        rule: Literal["noise", "near", "min", "1se"] | None = None,
        noise_std: float | None = None,
        per_signal: bool = False,
        positive: bool = True,
        fit_intercept: bool = False,
        grid_shape: tuple[int, ...] | None = None,
        adaptive: bool | None = None,
        tol: float = 1e-08,
        max_iter: int = 10000,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None: ...
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self: ...
    def get_metadata_routing(self) -> Any: ...
    def predict(self, X: ArrayLike) -> NDArray[Any]: ...
    @property
    def distribution_(self) -> NDArray[Any]: ...
    @property
    def baseline_(self) -> float | NDArray[Any]: ...
    @property
    def grids_(self) -> tuple[NDArray[Any], ...]: ...
    def to_frame(self) -> DataFrame: ...
    def to_xarray(self) -> DataArray: ...
    def bands(
        self,
        n_refits: int = 50,
        *,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        level: float = 0.9,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> DistributionBands: ...
    def marginal(self, axis: int) -> NDArray[Any]: ...
    def regions(
        self,
        regions: Sequence[Rectangle | Polygon | RatioBand],
        *,
        bands: DistributionBands | UncertaintyResult | None = None,
    ) -> DataFrame: ...
    def describe(self, *, min_share: float = 0.01) -> DataFrame: ...

def lasso_path(
    K: ArrayLike,
    y: ArrayLike,
    *,
    alphas: int | ArrayLike = 64,
    eps: float = 1e-06,
    positive: bool = True,
    sample_weight: ArrayLike | None = None,
    tol: float = 1e-08,
    max_iter: int = 10000,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
