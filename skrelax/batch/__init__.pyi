"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Mapping, Sequence
from typing import Any

from pandas import DataFrame

__all__ = [
    "fit_batch",
]

def fit_batch(
    estimator: Any,
    frame: DataFrame,
    acquisition: str | Sequence[str],
    signal: str,
    by: str | Sequence[str],
    *,
    sample_weight: str | None = None,
    min_share: float = 0.01,
    n_bootstrap: int = 0,
    intervals: str | None = None,
    numbers: Sequence[str] | Mapping[str, Any] | None = None,
    level: float = 0.9,
    random_state: int | None = None,
    n_jobs: int | None = None,
    return_estimators: bool = False,
    callbacks: Any = None,
) -> tuple[DataFrame, list[Any] | None]: ...
