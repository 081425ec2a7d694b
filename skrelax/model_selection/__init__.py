"""Splitters over acquisition points and rules that choose a strength."""

from ._split import InterleavedKFold, one_standard_error

__all__ = ["InterleavedKFold", "one_standard_error"]
