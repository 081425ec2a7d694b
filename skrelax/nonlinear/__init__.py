"""Fits of signal models to many voxels: parameter maps with their uncertainty."""

from ._fit import NonlinearRelaxationFit
from ._status import FitStatus

__all__ = ["FitStatus", "NonlinearRelaxationFit"]
