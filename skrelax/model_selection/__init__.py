"""Splitters over acquisition points, and searches for strengths and settings."""

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    # Editors find code and docstrings by these.
    from ._experiment import BaselineSearch, EfficiencySearch
    from ._models import ModelChoice, select_model
    from ._split import InterleavedKFold, one_standard_error
    from ._strength import StrengthSearch

__getattr__, __dir__, __all__ = lazily(
    __name__,
    _experiment=["BaselineSearch", "EfficiencySearch"],
    _models=["ModelChoice", "select_model"],
    _split=["InterleavedKFold", "one_standard_error"],
    _strength=["StrengthSearch"],
)
