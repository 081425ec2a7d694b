"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import CallbackSupportMixin

from ..signals import SignalModel

__all__ = [
    "KernelBuilder",
    "acquisition_grid",
    "average_kernel",
]

class KernelBuilder(TransformerMixin, CallbackSupportMixin, BaseEstimator):
    kernel: (
        str
        | SignalModel
        | Callable[..., Any]
        | Sequence[str | SignalModel | Callable[..., Any]]
    )
    n_bins: int | Sequence[int] | None
    minimum: float | Sequence[float] | None
    maximum: float | Sequence[float] | None
    spacing: Literal["log", "linear"] | Sequence[Literal["log", "linear"]]
    grid: ArrayLike | Sequence[ArrayLike] | None
    supersampling: int | Sequence[int]
    max_bins: int
    relaxation_times_: NDArray[Any] | tuple[NDArray[Any], ...]
    grid_shape_: tuple[int, ...]
    models_: tuple[SignalModel, ...]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        kernel: str
        | SignalModel
        | Callable[..., Any]
        | Sequence[str | SignalModel | Callable[..., Any]] = "T2",
        n_bins: int | Sequence[int] | None = None,
        minimum: float | Sequence[float] | None = None,
        maximum: float | Sequence[float] | None = None,
        spacing: Literal["log", "linear"] | Sequence[Literal["log", "linear"]] = "log",
        grid: ArrayLike | Sequence[ArrayLike] | None = None,
        supersampling: int | Sequence[int] = 1,
        max_bins: int = 100000,
    ) -> None: ...
    def fit(self, X: ArrayLike, y: None = None) -> Self: ...
    def transform(self, X: ArrayLike) -> NDArray[Any]: ...
    def get_feature_names_out(self, input_features: None = None) -> NDArray[Any]: ...

def acquisition_grid(*axes: ArrayLike) -> NDArray[Any]: ...
def average_kernel(
    builder: KernelBuilder,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    change: float = 0.02,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]: ...
