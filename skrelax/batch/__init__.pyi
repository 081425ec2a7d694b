"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Sequence
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
    random_state: int | None = None,
    n_jobs: int | None = None,
    return_estimators: bool = False,
) -> tuple[DataFrame, list[Any] | None]: ...
