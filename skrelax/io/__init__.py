"""Readers of measured signals; they return seconds."""

from ._spinsolve import EchoGrid, compress_echoes, correct_phase, read_spinsolve

__all__ = ["EchoGrid", "compress_echoes", "correct_phase", "read_spinsolve"]
