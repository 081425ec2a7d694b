"""Pictures of signals, distributions and choices, as scikit-learn's displays."""

from ._curves import CrossValidationCurveDisplay, StrengthCurveDisplay
from ._distribution import DistributionDisplay, DistributionMapDisplay
from ._maps import ParameterMapDisplay
from ._signals import DecayDisplay, ResidualsDisplay

__all__ = [
    "CrossValidationCurveDisplay",
    "DecayDisplay",
    "DistributionDisplay",
    "DistributionMapDisplay",
    "ParameterMapDisplay",
    "ResidualsDisplay",
    "StrengthCurveDisplay",
]
