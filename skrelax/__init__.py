"""Relaxation inversion and mapping for NMR and MRI, as scikit-learn estimators.

Public names are loaded when they are first used, so importing the package is
cheap.
"""

import importlib

from ._version import __version__

_HOMES = {
    "AdaptivePenalty": "inversion",
    "ConvergentScheme": "inversion",
    "DictionaryMatcher": "dictionary",
    "KernelBuilder": "kernels",
    "LassoFista": "inversion",
    "LassoFistaCV": "inversion",
    "MultiDimRegularizedILT": "inversion",
    "NonlinearRelaxationFit": "nonlinear",
    "ReferenceScheme": "inversion",
    "SmoothLasso": "inversion",
    "SmoothLassoCV": "inversion",
    "TSVDCompressor": "decomposition",
    "VoxelMapper": "compose",
    "fit_batch": "batch",
}
_PACKAGES = (
    "batch",
    "compose",
    "datasets",
    "decomposition",
    "dictionary",
    "inversion",
    "io",
    "kernels",
    "metrics",
    "model_selection",
    "nonlinear",
    "plotting",
    "reporting",
    "signals",
    "uncertainty",
)

__all__ = [
    "AdaptivePenalty",
    "ConvergentScheme",
    "DictionaryMatcher",
    "KernelBuilder",
    "LassoFista",
    "LassoFistaCV",
    "MultiDimRegularizedILT",
    "NonlinearRelaxationFit",
    "ReferenceScheme",
    "SmoothLasso",
    "SmoothLassoCV",
    "TSVDCompressor",
    "VoxelMapper",
    "__version__",
    "fit_batch",
]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    if name in _PACKAGES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_HOMES, *_PACKAGES})
