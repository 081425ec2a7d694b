"""Splitters over acquisition points, and searches for strengths and settings."""

from ._experiment import BaselineSearch, EfficiencySearch
from ._models import ModelChoice, select_model
from ._split import InterleavedKFold, one_standard_error
from ._strength import StrengthSearch

__all__ = [
    "BaselineSearch",
    "EfficiencySearch",
    "InterleavedKFold",
    "ModelChoice",
    "StrengthSearch",
    "one_standard_error",
    "select_model",
]
