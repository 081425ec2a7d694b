"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame

from ..uncertainty import DistributionBands, UncertaintyResult

__all__ = [
    "Polygon",
    "RatioBand",
    "Rectangle",
    "distribution_peaks",
    "distribution_peaks_2d",
    "distribution_statistics",
    "fraction_between",
    "label_statistics",
    "log_mean",
    "peak_statistics",
    "region_statistics",
    "residual_autocorrelation",
    "wasserstein_distance",
]

class Polygon:
    vertices: tuple[tuple[str, tuple[float, ...]], ...]
    name: str
    def __init__(self, name: str, **vertices: ArrayLike) -> None: ...

class RatioBand:
    name: str
    low: float
    high: float
    def __init__(self, name: str, low: float = 0.0, high: float = ...) -> None: ...

class Rectangle:
    limits: tuple[tuple[str, tuple[float, float]], ...]
    name: str
    def __init__(self, name: str, **limits: tuple[float, float]) -> None: ...

def distribution_peaks(
    distribution: ArrayLike,
    relaxation_times: ArrayLike,
    min_share: float = 0.01,
    labels: Sequence[Any] | None = None,
) -> DataFrame: ...
def distribution_peaks_2d(
    distribution: ArrayLike,
    relaxation_times: tuple[ArrayLike, ...],
    min_share: float = 0.01,
    names: Sequence[str] | None = None,
    *,
    min_depth: float = 0.05,
) -> DataFrame: ...
def distribution_statistics(
    distribution: ArrayLike,
    relaxation_times: ArrayLike | tuple[ArrayLike, ...],
    names: Sequence[str] | None = None,
) -> DataFrame: ...
def fraction_between(
    distribution: ArrayLike,
    relaxation_times: ArrayLike,
    lower: float = 0.0,
    upper: float = ...,
) -> float | NDArray[Any]: ...
def label_statistics(
    maps: Mapping[str, NDArray[Any]],
    labels: ArrayLike,
    *,
    names: Mapping[int, str] | None = None,
) -> DataFrame: ...
def log_mean(
    distribution: ArrayLike, relaxation_times: ArrayLike
) -> float | NDArray[Any]: ...
def peak_statistics(
    distributions: ArrayLike, relaxation_times: ArrayLike, min_share: float = 0.01
) -> DataFrame: ...
def region_statistics(
    distribution: ArrayLike,
    relaxation_times: tuple[ArrayLike, ...],
    regions: Sequence[Rectangle | Polygon | RatioBand],
    *,
    names: Sequence[str] | None = None,
    labels: Sequence[Any] | None = None,
    bands: DistributionBands | UncertaintyResult | None = None,
) -> DataFrame: ...
def residual_autocorrelation(
    residuals: ArrayLike, *, max_lag: int | None = None, level: float = 0.95
) -> DataFrame: ...
def wasserstein_distance(
    first: ArrayLike, first_times: ArrayLike, second: ArrayLike, second_times: ArrayLike
) -> float: ...
