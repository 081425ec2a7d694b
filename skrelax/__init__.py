"""Relaxation inversion and mapping for NMR and MRI, as scikit-learn estimators.

Public names are loaded when they are first used, so importing the package is
cheap.
"""

from ._lazy import lazily
from ._version import __version__ as __version__

_HOMES = {
    "batch": ["fit_batch"],
    "compose": ["VoxelMapper"],
    "decomposition": ["TSVDCompressor"],
    "dictionary": ["DictionaryMatcher"],
    "inversion": [
        "AdaptivePenalty",
        "ConvergentScheme",
        "LassoFista",
        "LassoFistaCV",
        "MultiDimRegularizedILT",
        "ReferenceScheme",
        "SmoothLasso",
        "SmoothLassoCV",
    ],
    "kernels": ["KernelBuilder"],
    "nonlinear": ["NonlinearRelaxationFit"],
}
_PACKAGES = [
    *_HOMES,
    "datasets",
    "io",
    "metrics",
    "model_selection",
    "plotting",
    "reporting",
    "signals",
    "uncertainty",
]

__getattr__, __dir__, _names = lazily(__name__, _PACKAGES, **_HOMES)
__all__ = sorted([*_names, "__version__"])
