"""Simulated measurements with known truth."""

from ._signed import make_signed_slices, make_spectrum_series
from ._simulate import make_decay, make_distribution

__all__ = [
    "make_decay",
    "make_distribution",
    "make_signed_slices",
    "make_spectrum_series",
]
