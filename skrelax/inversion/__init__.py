"""Regularised inversion of signals into distributions."""

from ._ilt import MultiDimRegularizedILT
from ._kernel_parameter import KernelParameterSearch
from ._lasso import LassoFista, LassoFistaCV
from ._lasso_path import lasso_path
from ._smooth import SmoothLasso, SmoothLassoCV

__all__ = [
    "KernelParameterSearch",
    "LassoFista",
    "LassoFistaCV",
    "MultiDimRegularizedILT",
    "SmoothLasso",
    "SmoothLassoCV",
    "lasso_path",
]
