"""Kernel matrices of signal models on grids of relaxation times."""

from ._builder import KernelBuilder
from ._grid import acquisition_grid

__all__ = ["KernelBuilder", "acquisition_grid"]
