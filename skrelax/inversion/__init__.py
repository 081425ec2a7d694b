"""Regularised inversion of signals into distributions."""

from ._kernel_parameter import KernelParameterSearch
from ._lasso import LassoFista, LassoFistaCV
from ._lasso_path import lasso_path
from ._rician import RicianInversion
from ._signed import (
    AdaptivePenalty,
    ConvergentScheme,
    MultiDimRegularizedILT,
    ReferenceScheme,
)
from ._smooth import SmoothLasso
from ._smooth_cv import SmoothLassoCV

__all__ = [
    "AdaptivePenalty",
    "ConvergentScheme",
    "KernelParameterSearch",
    "LassoFista",
    "LassoFistaCV",
    "MultiDimRegularizedILT",
    "ReferenceScheme",
    "RicianInversion",
    "SmoothLasso",
    "SmoothLassoCV",
    "lasso_path",
]
