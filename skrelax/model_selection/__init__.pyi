"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin
from sklearn.model_selection import BaseCrossValidator, CallbackSupportMixin
from xarray import DataArray

from ..metrics import Polygon, RatioBand, Rectangle
from ..signals import SignalModel
from ..uncertainty import DistributionBands, UncertaintyResult

__all__ = [
    "BaselineSearch",
    "EfficiencySearch",
    "InterleavedKFold",
    "ModelChoice",
    "StrengthSearch",
    "one_standard_error",
    "select_model",
]

class BaselineSearch(
    MetaEstimatorMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator
):
    estimator: Any
    verbose: int
    fit_intercept_: bool
    best_estimator_: Any
    best_index_: int
    candidates_: DataFrame
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(self, estimator: Any, verbose: int = 0) -> None: ...
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def get_metadata_routing(self) -> Any: ...
    @property
    def distribution_(self) -> NDArray[Any]: ...
    @property
    def baseline_(self) -> float | NDArray[Any]: ...
    @property
    def grids_(self) -> tuple[NDArray[Any], ...]: ...
    def predict(self, X: ArrayLike) -> NDArray[Any]: ...
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

class EfficiencySearch(
    MetaEstimatorMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator
):
    estimator: Any
    efficiencies: ArrayLike | None
    verbose: int
    efficiency_: float
    best_estimator_: Any
    best_index_: int
    candidates_: DataFrame
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self, estimator: Any, efficiencies: ArrayLike | None = None, verbose: int = 0
    ) -> None: ...
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def get_metadata_routing(self) -> Any: ...
    @property
    def distribution_(self) -> NDArray[Any]: ...
    @property
    def baseline_(self) -> float | NDArray[Any]: ...
    @property
    def grids_(self) -> tuple[NDArray[Any], ...]: ...
    def predict(self, X: ArrayLike) -> NDArray[Any]: ...
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

class InterleavedKFold(BaseCrossValidator):
    n_splits: int
    def __init__(self, n_splits: int = 5) -> None: ...
    def get_n_splits(
        self, X: object = None, y: object = None, groups: object = None
    ) -> int: ...
    def split(
        self, X: ArrayLike, y: object = None, groups: object = None
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]: ...

class ModelChoice:
    name: str
    model: SignalModel
    table: DataFrame
    n_signals: int
    fits: bool | None
    def __init__(
        self,
        name: str,
        model: SignalModel,
        table: DataFrame,
        n_signals: int,
        fits: bool | None,
    ) -> None: ...

class StrengthSearch(
    MetaEstimatorMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator
):
    estimator: Any
    rule: str
    parameter: str | None
    strengths: int | ArrayLike
    refine: bool
    noise_std: float | None
    chi2_factor: float
    degrees_of_freedom: Literal["linear", "active"]
    cv: Any
    per_signal: bool
    strength_: float | NDArray[Any]
    best_estimator_: Any
    curve_: dict[str, NDArray[Any]]
    target_: float | NDArray[Any] | None
    noise_std_: float | NDArray[Any] | None
    n_features_in_: int
    def __init__(
        self,
        estimator: Any,
        rule: str = "gcv",
        parameter: str | None = None,
        strengths: int | ArrayLike = 40,
        refine: bool = True,
        noise_std: float | None = None,
        chi2_factor: float = 1.02,
        degrees_of_freedom: Literal["linear", "active"] = "linear",
        cv: Any = None,
        per_signal: bool = False,
    ) -> None: ...
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self: ...
    def get_metadata_routing(self) -> Any: ...
    @property
    def distribution_(self) -> NDArray[Any]: ...
    @property
    def baseline_(self) -> float | NDArray[Any] | None: ...
    @property
    def grids_(self) -> tuple[NDArray[Any], ...]: ...
    def predict(self, X: ArrayLike) -> NDArray[Any]: ...
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

def one_standard_error(
    cv_results: Mapping[str, Any], parameter: str | None = None
) -> int: ...
def select_model(
    X: DataFrame,
    y: ArrayLike,
    models: Sequence[str | SignalModel] | Mapping[str, Any] | None = None,
    *,
    mask: ArrayLike | None = None,
    known: Mapping[str, Any] | None = None,
    bounds: Mapping[str, Any] | None = None,
    noise: Literal["gaussian", "rician"] = "gaussian",
    noise_std: float | None = None,
    max_signals: int = 1000,
) -> ModelChoice: ...
