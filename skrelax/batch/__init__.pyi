"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, overload

_Frame = TypeVar("_Frame")

__all__ = [
    "fit_batch",
]

@overload
def fit_batch(
    estimator: Any,
    frame: _Frame,
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
    return_estimators: Literal[False] = False,
    callbacks: Any = None,
) -> _Frame: ...
@overload
def fit_batch(
    estimator: Any,
    frame: _Frame,
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
    return_estimators: Literal[True],
    callbacks: Any = None,
) -> tuple[_Frame, list[Any]]: ...
@overload
def fit_batch(
    estimator: Any,
    frame: _Frame,
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
    return_estimators: bool,
    callbacks: Any = None,
) -> _Frame | tuple[_Frame, list[Any]]: ...
