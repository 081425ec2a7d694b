"""Regularised inversion of signals into distributions."""

from ._kernel_parameter import KernelParameterSearch
from ._lasso import LassoFista
from ._lasso_cv import LassoFistaCV
from ._signed import (
    AdaptivePenalty,
    ConvergentScheme,
    MultiDimRegularizedILT,
    ReferenceScheme,
)
from ._smooth import SmoothLasso
from ._smooth_cv import SmoothLassoCV
from ._solvers import lasso_path

__all__ = [
    "AdaptivePenalty",
    "ConvergentScheme",
    "KernelParameterSearch",
    "LassoFista",
    "LassoFistaCV",
    "MultiDimRegularizedILT",
    "ReferenceScheme",
    "SmoothLasso",
    "SmoothLassoCV",
    "lasso_path",
]
