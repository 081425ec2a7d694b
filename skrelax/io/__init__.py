"""Readers of measured signals, which return seconds, and of results."""

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    # Editors find code and docstrings by these.
    from ._bids import write_bids_maps
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

__getattr__, __dir__, __all__ = lazily(
    __name__,
    _bids=["write_bids_maps"],
    _decay=["read_decay"],
    _dicom=["read_dicom_series"],
    _files=["DecayFileError"],
    _grid=["SignalGrid", "read_signal_grid"],
    _images=["foreground_mask"],
    _nifti=["read_nifti", "write_maps"],
    _recording=["Measurement"],
    _result=["read_result", "write_result"],
    _source_images=["list_series"],
    _spinsolve=["EchoGrid", "compress_echoes", "correct_phase", "read_spinsolve"],
    _table=["RelaxationTable"],
    _times=["read_times"],
)
