"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame, Series
from xarray import Dataset

__all__ = [
    "DecayFileError",
    "EchoGrid",
    "Measurement",
    "RelaxationTable",
    "SignalGrid",
    "compress_echoes",
    "correct_phase",
    "foreground_mask",
    "list_series",
    "read_decay",
    "read_dicom_series",
    "read_nifti",
    "read_result",
    "read_signal_grid",
    "read_spinsolve",
    "read_times",
    "write_bids_maps",
    "write_maps",
    "write_result",
]

class DecayFileError(ValueError):
    pass

class EchoGrid:
    inversion_times: NDArray[Any]
    echo_times: NDArray[Any]
    echoes: NDArray[Any]
    parameters: dict[str, Any]
    def __init__(
        self,
        inversion_times: NDArray[Any],
        echo_times: NDArray[Any],
        echoes: NDArray[Any],
        parameters: Mapping[str, Any],
    ) -> None: ...

class Measurement:
    format: str
    kernels: tuple[str, ...] | None
    units: tuple[str, ...]
    notes: tuple[str, ...]
    def __init__(
        self,
        format: str,
        kernels: tuple[str, ...] | None = None,
        units: tuple[str, ...] = ...,
        notes: tuple[str, ...] = ...,
    ) -> None: ...

class RelaxationTable:
    signals: DataFrame
    acquisition: DataFrame
    samples: DataFrame
    spatial: dict[str, Any] | None
    measurement: Measurement | None
    slices: list[DataFrame] | None
    def __init__(
        self,
        signals: DataFrame,
        acquisition: DataFrame,
        samples: DataFrame = None,
        spatial: Mapping[str, Any] | None = None,
        measurement: Measurement | None = None,
        slices: Sequence[DataFrame] | None = None,
    ) -> None: ...
    def by_point(self) -> tuple[DataFrame, DataFrame | Series]: ...
    def by_slice(self) -> list[RelaxationTable]: ...
    def by_sample(self) -> DataFrame: ...
    def to_image(self, values: str | ArrayLike, fill: float = ...) -> NDArray[Any]: ...

class SignalGrid:
    names: tuple[str, str]
    points: tuple[NDArray[Any], NDArray[Any]]
    signals: NDArray[Any]
    units: tuple[str, str]
    def __init__(
        self,
        names: tuple[str, str],
        points: tuple[NDArray[Any], NDArray[Any]],
        signals: NDArray[Any],
        units: tuple[str, str] = ...,
    ) -> None: ...

def compress_echoes(
    echo_times: ArrayLike, signals: ArrayLike, n_windows: int = 64
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
def correct_phase(signal: ArrayLike) -> tuple[NDArray[Any], NDArray[Any], float]: ...
def foreground_mask(signals: RelaxationTable | ArrayLike) -> NDArray[Any]: ...
def list_series(path: str | os.PathLike[str]) -> DataFrame: ...
def read_decay(
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    column: str | None = None,
    pairs: bool | None = None,
    echo_spacing: float | None = None,
    average: bool = True,
    region: tuple[float, float] | None = None,
    phase: bool | float = True,
    allow_negative: bool = False,
    allow_external: bool = False,
) -> RelaxationTable: ...
def read_dicom_series(
    folder: str | os.PathLike[str],
    component: Literal["auto", "magnitude", "real", "complex"] = "auto",
    series: int | Sequence[int] | str | None = None,
    varying: Literal["TI", "TE", "TR", "FA", "TS", "TSL"] | None = None,
    acquisition: DataFrame | None = None,
) -> RelaxationTable: ...
def read_nifti(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    acquisition: DataFrame | None = None,
    series: int | Sequence[int] | str | None = None,
    varying: Literal["TI", "TE", "TR", "FA", "TS", "TSL"] | None = None,
    component: Literal["auto", "magnitude", "real", "complex"] = "auto",
) -> RelaxationTable: ...
def read_result(path: str | os.PathLike[str]) -> Dataset: ...
def read_signal_grid(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    parameters: str | os.PathLike[str] | None = None,
    echo_spacing: float | None = None,
    average: bool = True,
    region: tuple[float, float] | None = None,
    allow_external: bool = False,
) -> SignalGrid: ...
def read_spinsolve(
    path: str | os.PathLike[str], parameters: str | os.PathLike[str] | None = None
) -> EchoGrid: ...
def read_times(
    path: str | os.PathLike[str],
    column: Literal["TI", "TE", "TR", "FA", "TS", "TSL"] | None = None,
) -> DataFrame: ...
def write_bids_maps(
    folder: str | os.PathLike[str],
    maps: Mapping[str, NDArray[Any]],
    affine: ArrayLike,
    *,
    entities: Mapping[str, str],
    desc: str | None = None,
    sources: Sequence[str] = ...,
    metadata: Mapping[str, Any] | None = None,
    statuses: Mapping[int, str] | None = None,
) -> list[Path]: ...
def write_maps(
    folder: str | os.PathLike[str], maps: Mapping[str, NDArray[Any]], affine: ArrayLike
) -> list[Path]: ...
def write_result(
    path: str | os.PathLike[str],
    model: Any,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    units: Mapping[str, str] | None = None,
    command: str | None = None,
    overwrite: bool = False,
) -> Path: ...
