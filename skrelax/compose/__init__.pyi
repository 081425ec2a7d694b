"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import CallbackSupportMixin

__all__ = [
    "VoxelMapper",
]

class VoxelMapper(TransformerMixin, CallbackSupportMixin, BaseEstimator):
    estimator: Any
    acquisition: ArrayLike | None
    include: tuple[str, ...] | None
    only_converged: bool
    level: float
    statistics: Sequence[str] | Mapping[str, Any]
    short: float
    chunk_size: int
    n_jobs: int | None
    verbose: int
    estimator_: Any
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        estimator: Any,
        acquisition: ArrayLike | None = None,
        include: tuple[str, ...] | None = None,
        only_converged: bool = True,
        level: float = 0.9,
        statistics: Sequence[str] | Mapping[str, Any] = ...,
        short: float = 0.04,
        chunk_size: int = 20000,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None: ...
    def fit(self, X: ArrayLike, y: None = None) -> Self: ...
    def transform(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        known: float | ArrayLike | Mapping[str, Any] | None = None,
    ) -> Any: ...
    def fit_transform(
        self,
        X: ArrayLike,
        y: None = None,
        mask: ArrayLike | None = None,
        known: float | ArrayLike | Mapping[str, Any] | None = None,
    ) -> Any: ...
    def get_feature_names_out(self, input_features: None = None) -> NDArray[Any]: ...
