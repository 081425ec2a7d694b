"""Distributions of many signals, each with its own kernel and strength.

Functions on arrays, compiled: a table of kernels over a setting, the setting of each
signal, the strength of its penalty by a rule, and its distribution. What becomes of one
signal depends on no other.
"""

from ._invert import RULES, VoxelDistributions, invert_signals
from ._table import NotSmoothError, make_table

__all__ = [
    "RULES",
    "NotSmoothError",
    "VoxelDistributions",
    "invert_signals",
    "make_table",
]
