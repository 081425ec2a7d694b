"""Regularised inversion of signals into distributions."""

from ..utils._lazy import lazily

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
