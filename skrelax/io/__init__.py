"""Readers of measured signals, which return seconds, and of results."""

from ._decay import read_decay
from ._dicom import read_dicom_series
from ._files import DecayFileError
from ._grid import SignalGrid, read_signal_grid
from ._images import foreground_mask
from ._nifti import read_nifti, write_maps
from ._recording import Measurement
from ._result import read_result, write_result
from ._source_images import list_series
from ._spinsolve import EchoGrid, compress_echoes, correct_phase, read_spinsolve
from ._table import RelaxationTable
from ._times import read_times

__all__ = [
    "DecayFileError",
    "EchoGrid",
    "Measurement",
    "RelaxationTable",
    "SignalGrid",
    "compress_echoes",
    "correct_phase",
    "foreground_mask",
    "list_series",
    "read_decay",
    "read_dicom_series",
    "read_nifti",
    "read_result",
    "read_signal_grid",
    "read_spinsolve",
    "read_times",
    "write_maps",
    "write_result",
]
