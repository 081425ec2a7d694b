"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, Literal, Self

from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.model_selection import CallbackSupportMixin

from ..signals import SignalModel

__all__ = [
    "FitStatus",
    "NonlinearRelaxationFit",
]

class FitStatus(IntEnum):
    CONVERGED = 0
    AT_BOUND = 1
    NOT_IDENTIFIABLE = 2
    NO_SIGNAL = 3
    FAILED = 4
    MASKED = 5
    @property
    def label(self) -> str: ...
    @property
    def message(self) -> str: ...

class NonlinearRelaxationFit(
    MultiOutputMixin, RegressorMixin, CallbackSupportMixin, BaseEstimator
):
    model: str | SignalModel | Callable[..., Any]
    magnitude: bool | Literal["auto"]
    init: Literal["dictionary"] | Mapping[str, Any]
    noise: Literal["gaussian", "rician"]
    noise_std: float | None
    bounds: Mapping[str, Any] | None
    max_iter: int
    tol: float
    n_jobs: int | None
    verbose: int
    params_: NDArray[Any]
    stderr_: NDArray[Any]
    param_names_: list[str]
    r2_: float | NDArray[Any]
    relative_error_: float | NDArray[Any]
    status_: int | NDArray[Any]
    n_iter_: int | NDArray[Any]
    n_points_: int | NDArray[Any]
    model_: SignalModel
    magnitude_: bool
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        model: str | SignalModel | Callable[..., Any] = "T2",
        magnitude: bool | Literal["auto"] = "auto",
        init: Literal["dictionary"] | Mapping[str, Any] = "dictionary",
        noise: Literal["gaussian", "rician"] = "gaussian",
        noise_std: float | None = None,
        bounds: Mapping[str, Any] | None = None,
        max_iter: int = 100,
        tol: float = 1e-08,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None: ...
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        known: Mapping[str, Any] | None = None,
    ) -> Self: ...
    def predict(self, X: ArrayLike) -> NDArray[Any]: ...
    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float: ...
    def to_frame(self) -> DataFrame: ...
