"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame, Index

from ..metrics import Polygon, RatioBand, Rectangle
from ..nonlinear import NonlinearRelaxationFit
from ..plotting import DistributionDisplay, ProfileDisplay

__all__ = [
    "Amplitude",
    "DistributionBands",
    "LogMean",
    "OfEstimator",
    "ProfileResult",
    "Share",
    "TimeRatio",
    "UncertaintyResult",
    "bootstrap_distribution",
    "distribution_resolution",
    "estimate_noise_std",
    "profile_parameters",
    "statistic_intervals",
]

class Amplitude:
    region: tuple[float, float] | Rectangle | Polygon | RatioBand | None
    def __init__(
        self,
        region: tuple[float, float] | Rectangle | Polygon | RatioBand | None = None,
    ) -> None: ...
    @property
    def scale(self) -> str: ...
    def __call__(
        self, distribution: ArrayLike, bins: ArrayLike | tuple[ArrayLike, ...]
    ) -> float | NDArray[Any]: ...

class DistributionBands:
    distribution: NDArray[Any]
    samples: NDArray[Any]
    lower: NDArray[Any]
    upper: NDArray[Any]
    std: NDArray[Any]
    level: float
    def __init__(
        self,
        distribution: NDArray[Any],
        samples: NDArray[Any],
        lower: NDArray[Any],
        upper: NDArray[Any],
        std: NDArray[Any],
        level: float,
    ) -> None: ...
    @classmethod
    def from_samples(
        cls, distribution: NDArray[Any], samples: NDArray[Any], level: float
    ) -> Self: ...

class LogMean:
    region: tuple[float, float] | Rectangle | Polygon | RatioBand | None
    axis: str | int | None
    def __init__(
        self,
        region: tuple[float, float] | Rectangle | Polygon | RatioBand | None = None,
        axis: str | int | None = None,
    ) -> None: ...
    @property
    def scale(self) -> str: ...
    def __call__(
        self, distribution: ArrayLike, bins: ArrayLike | tuple[ArrayLike, ...]
    ) -> float | NDArray[Any]: ...

class OfEstimator:
    function: Callable[..., Any]
    scale: Literal["number", "share", "time"]
    def __init__(
        self,
        function: Callable[..., Any],
        scale: Literal["number", "share", "time"] = "number",
    ) -> None: ...
    def __call__(self, estimator: Any) -> float: ...

class ProfileResult:
    names: list[str]
    estimates: NDArray[Any]
    stderr: NDArray[Any]
    level: float
    profiles: object
    labels: Index[Any] | None
    n_jobs: int | None
    known: dict[str, NDArray[Any]]
    def __init__(
        self,
        names: Sequence[str],
        estimates: NDArray[Any],
        stderr: NDArray[Any],
        level: float,
        profiles: object,
        labels: Index[Any] | None = None,
        n_jobs: int | None = None,
        known: Mapping[str, NDArray[Any]] = ...,
    ) -> None: ...
    def interval(
        self,
        name: str | Callable[..., Any],
        level: float | None = None,
        *,
        scale: Literal["number", "share", "time"] | None = None,
    ) -> tuple[float | NDArray[Any], float | NDArray[Any]]: ...
    def estimate(
        self,
        name: str | Callable[..., Any],
        *,
        scale: Literal["number", "share", "time"] | None = None,
    ) -> float | NDArray[Any]: ...
    def status(
        self,
        name: str | Callable[..., Any],
        level: float | None = None,
        *,
        scale: Literal["number", "share", "time"] | None = None,
    ) -> str | NDArray[Any]: ...
    def std(
        self,
        name: str | Callable[..., Any],
        *,
        scale: Literal["number", "share", "time"] | None = None,
    ) -> float | NDArray[Any]: ...
    def to_frame(self, level: float | None = None) -> DataFrame: ...
    def plot(
        self,
        name: str,
        level: float | None = None,
        *,
        signal: int | None = None,
        unit: str | None = None,
        truth: float | None = None,
        ax: Axes | None = None,
    ) -> ProfileDisplay: ...

class Share:
    region: tuple[float, float] | Rectangle | Polygon | RatioBand
    def __init__(
        self, region: tuple[float, float] | Rectangle | Polygon | RatioBand
    ) -> None: ...
    @property
    def scale(self) -> str: ...
    def __call__(
        self, distribution: ArrayLike, bins: ArrayLike | tuple[ArrayLike, ...]
    ) -> float | NDArray[Any]: ...

class TimeRatio:
    region: Rectangle | Polygon | RatioBand | None
    def __init__(
        self, region: Rectangle | Polygon | RatioBand | None = None
    ) -> None: ...
    @property
    def scale(self) -> str: ...
    def __call__(
        self, distribution: ArrayLike, bins: ArrayLike | tuple[ArrayLike, ...]
    ) -> float | NDArray[Any]: ...

class UncertaintyResult:
    distribution: NDArray[Any]
    samples: NDArray[Any]
    axes: dict[str, NDArray[Any]] | None
    method: str
    noise_std: float
    level: float
    problem: object | None
    refits: object | None
    def __init__(
        self,
        distribution: NDArray[Any],
        samples: NDArray[Any],
        axes: Mapping[str, NDArray[Any]] | None,
        method: str,
        noise_std: float,
        level: float,
        problem: object | None = None,
        refits: object | None = None,
    ) -> None: ...
    def interval(
        self,
        function: str
        | Share
        | LogMean
        | TimeRatio
        | Amplitude
        | OfEstimator
        | Callable[..., Any],
        level: float | None = None,
        *,
        scale: Literal["number", "share", "time"] | None = None,
    ) -> tuple[float, float]: ...
    def estimate(
        self,
        function: str
        | Share
        | LogMean
        | TimeRatio
        | Amplitude
        | OfEstimator
        | Callable[..., Any],
        *,
        scale: Literal["number", "share", "time"] | None = None,
    ) -> float: ...
    def status(
        self,
        function: str
        | Share
        | LogMean
        | TimeRatio
        | Amplitude
        | OfEstimator
        | Callable[..., Any],
        level: float | None = None,
        *,
        scale: Literal["number", "share", "time"] | None = None,
    ) -> str: ...
    def std(
        self,
        function: str
        | Share
        | LogMean
        | TimeRatio
        | Amplitude
        | OfEstimator
        | Callable[..., Any],
        *,
        scale: Literal["number", "share", "time"] | None = None,
    ) -> float: ...
    def band(self, level: float | None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    def to_frame(self, level: float | None = None) -> DataFrame: ...
    def plot(
        self,
        level: float | None = None,
        *,
        unit: str | None = None,
        truth: tuple[NDArray[Any], ...] | None = None,
        ax: Axes | None = None,
    ) -> DistributionDisplay: ...

def bootstrap_distribution(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_bootstrap: int = 200,
    method: str | None = None,
    noise_std: float | None = None,
    level: float = 0.9,
    sample_weight: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> UncertaintyResult: ...
def distribution_resolution(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    noise_std: float | None = None,
    sample_weight: ArrayLike | None = None,
) -> DataFrame: ...
def estimate_noise_std(
    y: ArrayLike,
    K: ArrayLike | None = None,
    *,
    method: Literal["auto", "imaginary", "residual", "tail"] = "auto",
    tail: float = 0.25,
    sample_weight: ArrayLike | None = None,
) -> float | NDArray[Any]: ...
def profile_parameters(
    estimator: NonlinearRelaxationFit,
    X: ArrayLike,
    y: ArrayLike,
    *,
    level: float = 0.9,
    sample_weight: ArrayLike | None = None,
    known: Mapping[str, Any] | None = None,
    n_jobs: int | None = None,
) -> ProfileResult: ...
def statistic_intervals(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    statistics: Sequence[str] | Mapping[str, Any] = ...,
    short: float = 0.04,
    level: float = 0.9,
    n_refits: int = 40,
    noise: Literal["gaussian", "rician"] | None = None,
    noise_std: float | ArrayLike | None = None,
    known: float | ArrayLike | None = None,
    mask: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    signal_numbers: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> DataFrame: ...
