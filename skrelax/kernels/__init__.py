"""Kernel matrices of signal models on grids of relaxation times."""

from ._builder import KernelBuilder
from ._grid import acquisition_grid
from ._windows import average_kernel

__all__ = ["KernelBuilder", "acquisition_grid", "average_kernel"]
