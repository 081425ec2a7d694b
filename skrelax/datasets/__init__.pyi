"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame
from sklearn.utils import Bunch

from ..signals import SignalModel

__all__ = [
    "load_berea",
    "load_graphene",
    "load_phantom",
    "load_sandstone",
    "load_water_diffusion",
    "make_decay",
    "make_distribution",
    "make_image_series",
    "make_myelin_water_images",
    "make_signed_slices",
    "make_spectrum_series",
]

def load_berea() -> Bunch: ...
def load_graphene() -> Bunch: ...
def load_phantom(
    series: Literal["T1-Siemens", "T1-Philips", "T2-Philips"] = "T1-Siemens",
) -> Bunch: ...
def load_sandstone() -> Bunch: ...
def load_water_diffusion() -> Bunch: ...
def make_decay(
    kernel: str | SignalModel | Callable[..., Any] = "T2",
    times: ArrayLike | None = None,
    *,
    peaks: Sequence[tuple[float, float, float]] = ...,
    amplitude: float = 1.0,
    baseline: float = 0.0,
    noise_std: float = 0.001,
    n_signals: int | None = None,
    drift: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch: ...
def make_distribution(
    relaxation_times: ArrayLike, peaks: Sequence[tuple[float, float, float]] = ...
) -> NDArray[Any]: ...
def make_image_series(
    model: str | SignalModel = "T1-IR",
    acquisition: DataFrame | ArrayLike | None = None,
    *,
    size: int = 128,
    noise_std: float = 0.01,
    magnitude: bool = True,
    variation: float = 0.05,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch: ...
def make_myelin_water_images(
    echo_times: ArrayLike | None = None,
    *,
    size: int = 64,
    noise_std: float = 0.005,
    magnitude: bool = True,
    variation: float = 0.3,
    short: float = 0.04,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch: ...
def make_signed_slices(
    n_slices: int = 10,
    n_times: int = 32,
    *,
    noise_std: float = 1.0,
    random_state: int | np.random.RandomState | None = 0,
) -> Bunch: ...
def make_spectrum_series(
    n_spectrum: int = 512,
    n_delays: int = 8,
    *,
    noise_std: float = 1.0,
    random_state: int | np.random.RandomState | None = 0,
) -> Bunch: ...
