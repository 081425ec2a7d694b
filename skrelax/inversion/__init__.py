"""Regularised inversion of signals into distributions."""

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    # Editors find code and docstrings by these.
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

__getattr__, __dir__, __all__ = lazily(
    __name__,
    _kernel_parameter=["KernelParameterSearch"],
    _lasso=["LassoFista", "LassoFistaCV"],
    _lasso_path=["lasso_path"],
    _rician=["RicianInversion"],
    _signed=[
        "AdaptivePenalty",
        "ConvergentScheme",
        "MultiDimRegularizedILT",
        "ReferenceScheme",
    ],
    _smooth=["SmoothLasso"],
    _smooth_cv=["SmoothLassoCV"],
)
