"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame

__all__ = [
    "write_map_report",
    "write_report",
]

def write_map_report(
    path: str | os.PathLike[str],
    maps: Mapping[str, NDArray[Any]],
    *,
    affine: ArrayLike | None = None,
    units: Mapping[str, str] | None = None,
    main: str | None = None,
    statuses: Mapping[int, str] | None = None,
    labels: NDArray[Any] | None = None,
    names: Mapping[int, str] | None = None,
    acquisition: DataFrame | None = None,
    comparison: DataFrame | None = None,
    notes: Sequence[str] = ...,
    title: str | None = None,
    command: str | None = None,
    overwrite: bool = False,
) -> Path: ...
def write_report(
    path: str | os.PathLike[str],
    model: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    n_bootstrap: int = 100,
    unit: str | None = None,
    title: str | None = None,
    command: str | None = None,
    random_state: int | np.random.RandomState | None = 0,
    overwrite: bool = False,
) -> Path: ...
