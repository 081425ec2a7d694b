"""Readers of measured signals; they return seconds."""

from ._decay import DecayFileError, read_decay
from ._spinsolve import EchoGrid, compress_echoes, correct_phase, read_spinsolve
from ._table import RelaxationTable

__all__ = [
    "DecayFileError",
    "EchoGrid",
    "RelaxationTable",
    "compress_echoes",
    "correct_phase",
    "read_decay",
    "read_spinsolve",
]
