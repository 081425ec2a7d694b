"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame

from ..io import RelaxationTable
from ..metrics import Polygon, RatioBand, Rectangle
from ..model_selection import StrengthSearch
from ..nonlinear import NonlinearRelaxationFit
from ..uncertainty import ProfileResult, UncertaintyResult

__all__ = [
    "CrossValidationCurveDisplay",
    "DecayDisplay",
    "DistributionDisplay",
    "DistributionMapDisplay",
    "DistributionSlicesDisplay",
    "ParameterMapDisplay",
    "ProfileDisplay",
    "RegionHistogramDisplay",
    "ResidualsDisplay",
    "ResidualsMapDisplay",
    "ResolutionDisplay",
    "StrengthCurveDisplay",
]

class CrossValidationCurveDisplay:
    strengths: NDArray[Any]
    mean: NDArray[Any]
    error: NDArray[Any] | None
    chosen: float | None
    curves: Sequence[float] | None
    names: tuple[str, ...]
    chosen_curve: float | None
    ax_: Axes
    figure_: Figure
    def __init__(
        self,
        strengths: NDArray[Any],
        mean: NDArray[Any],
        error: NDArray[Any] | None = None,
        chosen: float | None = None,
        curves: Sequence[float] | None = None,
        names: tuple[str, ...] = ...,
        chosen_curve: float | None = None,
    ) -> None: ...
    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None) -> Self: ...
    @property
    def ylabel(self) -> str: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class DecayDisplay:
    times: NDArray[Any]
    fit: NDArray[Any]
    label: str
    ax_: Axes
    figure_: Figure
    def __init__(
        self,
        times: NDArray[Any],
        signals: NDArray[Any],
        fit: NDArray[Any],
        *,
        label: str = "time (s)",
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        unit: str | tuple[str, ...] | None = None,
        ax: Axes | None = None,
    ) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class DistributionDisplay:
    relaxation_times: NDArray[Any]
    distribution: NDArray[Any]
    label: str
    truth: tuple[NDArray[Any], ...] | None
    band: tuple[NDArray[Any], ...] | None
    ax_: Axes
    figure_: Figure
    lines_: list[Line2D]
    def __init__(
        self,
        relaxation_times: NDArray[Any],
        distribution: NDArray[Any],
        *,
        label: str = "relaxation time",
        truth: tuple[NDArray[Any], ...] | None = None,
        band: tuple[NDArray[Any], ...] | None = None,
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        unit: str | None = None,
        truth: tuple[NDArray[Any], ...] | None = None,
        band: tuple[NDArray[Any], ...] | None = None,
        ax: Axes | None = None,
    ) -> Self: ...
    @classmethod
    def from_uncertainty(
        cls,
        result: UncertaintyResult,
        *,
        level: float | None = None,
        unit: str | None = None,
        truth: tuple[NDArray[Any], ...] | None = None,
        ax: Axes | None = None,
    ) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class DistributionMapDisplay:
    distribution: NDArray[Any]
    axes_: NDArray[Any]
    colorbar_: Colorbar
    figure_: Figure
    def __init__(
        self,
        relaxation_times: tuple[NDArray[Any], ...],
        distribution: NDArray[Any],
        *,
        labels: tuple[str, ...] | None = None,
        names: tuple[str, ...] | None = None,
        ratios: Sequence[float] | None = None,
        regions: Sequence[Rectangle | Polygon | RatioBand] = ...,
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        unit: str | tuple[str, ...] | None = None,
        signal: int = 0,
        ratios: Sequence[float] | None = None,
        regions: Sequence[Rectangle | Polygon | RatioBand] = ...,
        figure: Figure | None = None,
    ) -> Self: ...
    def plot(self, figure: Figure | None = None) -> Self: ...

class DistributionSlicesDisplay:
    slices: NDArray[Any]
    titles: Sequence[str] | None
    axes_: NDArray[Any]
    colorbar_: Colorbar
    figure_: Figure
    def __init__(
        self,
        relaxation_times: tuple[NDArray[Any], ...],
        slices: NDArray[Any],
        *,
        titles: Sequence[str] | None = None,
        labels: tuple[str, ...] | None = None,
        names: tuple[str, ...] | None = None,
        ratios: Sequence[float] | None = None,
        regions: Sequence[Rectangle | Polygon | RatioBand] = ...,
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        axis: int | None = None,
        unit: str | tuple[str, ...] | None = None,
        signal: int = 0,
        ratios: Sequence[float] | None = None,
        regions: Sequence[Rectangle | Polygon | RatioBand] = ...,
        axes: NDArray[Any] | None = None,
    ) -> Self: ...
    def plot(self, axes: NDArray[Any] | None = None) -> Self: ...

class ParameterMapDisplay:
    images: Mapping[str, NDArray[Any]]
    units: Mapping[str, str] | None
    limits: Mapping[str, tuple[float, float]] | None
    affine: NDArray[Any] | None
    slices: int | ArrayLike
    colours: Mapping[str, Any] | None
    axes_: NDArray[Any]
    figure_: Figure
    def __init__(
        self,
        images: Mapping[str, NDArray[Any]],
        *,
        units: Mapping[str, str] | None = None,
        limits: Mapping[str, tuple[float, float]] | None = None,
        affine: NDArray[Any] | None = None,
        slices: int | ArrayLike = 9,
        colours: Mapping[str, Any] | None = None,
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        fit: NonlinearRelaxationFit,
        table: RelaxationTable,
        names: Sequence[str] | None = None,
        *,
        limits: Mapping[str, tuple[float, float]] | None = None,
        slices: int | ArrayLike = 9,
        axes: NDArray[Any] | None = None,
    ) -> Self: ...
    def plot(self, axes: NDArray[Any] | None = None) -> Self: ...

class ProfileDisplay:
    values: NDArray[Any]
    rise: NDArray[Any]
    levels: Mapping[float, float]
    estimate: float
    stderr: float | None
    interval: tuple[float, ...] | None
    label: str
    truth: float | None
    ax_: Axes
    figure_: Figure
    line_: Line2D
    parabola_: Line2D | None
    def __init__(
        self,
        values: NDArray[Any],
        rise: NDArray[Any],
        levels: Mapping[float, float],
        estimate: float,
        stderr: float | None = None,
        *,
        interval: tuple[float, ...] | None = None,
        label: str = "parameter",
        truth: float | None = None,
    ) -> None: ...
    @classmethod
    def from_result(
        cls,
        result: ProfileResult,
        name: str,
        level: float | None = None,
        *,
        signal: int | None = None,
        unit: str | None = None,
        truth: float | None = None,
        ax: Axes | None = None,
    ) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class RegionHistogramDisplay:
    image: NDArray[Any]
    labels: NDArray[Any]
    names: Mapping[int, str] | None
    label: str
    unit: str
    references: Mapping[int, float] | None
    ax_: Axes
    figure_: Figure
    def __init__(
        self,
        image: NDArray[Any],
        labels: NDArray[Any],
        *,
        names: Mapping[int, str] | None = None,
        label: str = "",
        unit: str = "",
        references: Mapping[int, float] | None = None,
    ) -> None: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class ResidualsDisplay:
    times: NDArray[Any]
    noise_std: float | None
    label: str
    ax_: Axes
    figure_: Figure
    def __init__(
        self,
        times: NDArray[Any],
        residuals: NDArray[Any],
        *,
        noise_std: float | None = None,
        label: str = "time (s)",
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        noise_std: float | None = None,
        unit: str | tuple[str, ...] | None = None,
        ax: Axes | None = None,
    ) -> Self: ...
    @classmethod
    def from_predictions(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        y_pred: ArrayLike,
        *,
        noise_std: float | None = None,
        unit: str | tuple[str, ...] | None = None,
        ax: Axes | None = None,
    ) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class ResidualsMapDisplay:
    times: tuple[NDArray[Any], ...]
    residuals: NDArray[Any]
    noise_std: float | None
    labels: tuple[str, ...]
    axes_: NDArray[Any]
    colorbar_: Colorbar
    figure_: Figure
    whiteness_: DataFrame
    def __init__(
        self,
        times: tuple[NDArray[Any], ...],
        residuals: NDArray[Any],
        *,
        noise_std: float | None = None,
        labels: tuple[str, ...] = ...,
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        noise_std: float | None = None,
        signal: int = 0,
        unit: str | tuple[str, ...] | None = None,
        figure: Figure | None = None,
    ) -> Self: ...
    @classmethod
    def from_predictions(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        y_pred: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        noise_std: float | None = None,
        signal: int = 0,
        unit: str | tuple[str, ...] | None = None,
        figure: Figure | None = None,
    ) -> Self: ...
    def plot(self, figure: Figure | None = None) -> Self: ...

class ResolutionDisplay:
    relaxation_times: NDArray[Any]
    length: NDArray[Any]
    seen: NDArray[Any]
    label: str
    ax_: Axes
    figure_: Figure
    line_: Line2D
    def __init__(
        self,
        relaxation_times: NDArray[Any],
        length: NDArray[Any],
        seen: NDArray[Any],
        *,
        label: str = "relaxation time",
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        noise_std: float | None = None,
        sample_weight: ArrayLike | None = None,
        unit: str | None = None,
        ax: Axes | None = None,
    ) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class StrengthCurveDisplay:
    search: StrengthSearch
    ax_: Axes
    figure_: Figure
    def __init__(self, search: StrengthSearch) -> None: ...
    @classmethod
    def from_estimator(
        cls, estimator: StrengthSearch, *, ax: Axes | None = None
    ) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...
