"""Splitters over acquisition points and rules that choose a strength."""

from ._split import InterleavedKFold, one_standard_error
from ._strength import StrengthSearch

__all__ = ["InterleavedKFold", "StrengthSearch", "one_standard_error"]
