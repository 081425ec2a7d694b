"""Long tables of many samples, one row per acquisition point."""

from ._fit import fit_batch

__all__ = ["fit_batch"]
