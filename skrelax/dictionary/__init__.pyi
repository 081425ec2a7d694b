"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Callable
from typing import Any, Literal, Self

from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame, Series
from sklearn.base import (
    BaseEstimator,
    MultiOutputMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.model_selection import CallbackSupportMixin

from ..signals import SignalModel

__all__ = [
    "DictionaryMatch",
    "DictionaryMatcher",
    "SignalSimulator",
    "make_dictionary",
    "parameter_grid",
]

class DictionaryMatch:
    parameters: NDArray[Any]
    scale: NDArray[Any]
    correlation: NDArray[Any]
    indices: NDArray[Any]
    mask: NDArray[Any]
    at_edge: NDArray[Any]
    def __init__(
        self,
        parameters: NDArray[Any],
        scale: NDArray[Any],
        correlation: NDArray[Any],
        indices: NDArray[Any],
        mask: NDArray[Any],
        at_edge: NDArray[Any],
    ) -> None: ...
    @property
    def status(self) -> NDArray[Any]: ...

class DictionaryMatcher(
    MultiOutputMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator
):
    n_neighbors: int
    refine: Literal["parabola"] | None
    signed: bool
    thin: int
    chunk_size: int
    n_jobs: int | None
    verbose: int
    parameters_: NDArray[Any]
    kept_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        n_neighbors: int = 1,
        refine: Literal["parabola"] | None = None,
        signed: bool = False,
        thin: int = 1,
        chunk_size: int = 4096,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None: ...
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self: ...
    def match(self, X: ArrayLike) -> DictionaryMatch: ...
    def predict(self, X: ArrayLike) -> NDArray[Any] | DataFrame | Series: ...
    def predict_scale(self, X: ArrayLike) -> NDArray[Any]: ...
    def kneighbors(
        self, X: ArrayLike, n_neighbors: int | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]]: ...
    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float: ...

class SignalSimulator(TransformerMixin, CallbackSupportMixin, BaseEstimator):
    model: str | SignalModel | Callable[..., Any]
    acquisition: ArrayLike | None
    dtype: Literal["float64", "float32"]
    n_jobs: int | None
    model_: SignalModel
    acquisition_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        model: str | SignalModel | Callable[..., Any] = "T2",
        acquisition: ArrayLike | None = None,
        dtype: Literal["float64", "float32"] = "float64",
        n_jobs: int | None = None,
    ) -> None: ...
    def fit(self, X: ArrayLike, y: None = None) -> Self: ...
    def transform(self, X: ArrayLike) -> NDArray[Any]: ...
    def get_feature_names_out(self, input_features: None = None) -> NDArray[Any]: ...

def make_dictionary(
    model: str | SignalModel | Callable[..., Any],
    grid: DataFrame | ArrayLike,
    acquisition: ArrayLike | None = None,
    *,
    dtype: Literal["float64", "float32"] = ...,
    n_jobs: int | None = None,
) -> tuple[NDArray[Any], DataFrame]: ...
def parameter_grid(physical: bool = True, **values: float | ArrayLike) -> DataFrame: ...
