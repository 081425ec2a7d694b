"""Signed regularised inversion on any number of axes."""

from ._estimator import MultiDimRegularizedILT
from ._penalty import AdaptivePenalty
from ._schemes import ConvergentScheme, ReferenceScheme

__all__ = [
    "AdaptivePenalty",
    "ConvergentScheme",
    "MultiDimRegularizedILT",
    "ReferenceScheme",
]
