"""Splitters over acquisition points, and searches for strengths and settings."""

from ..utils._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    _experiment=["BaselineSearch", "EfficiencySearch"],
    _models=["ModelChoice", "select_model"],
    _split=["InterleavedKFold", "one_standard_error"],
    _strength=["StrengthSearch"],
)
