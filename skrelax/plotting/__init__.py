"""Pictures of signals, distributions and choices, as scikit-learn's displays."""

from ._curves import CrossValidationCurveDisplay, StrengthCurveDisplay
from ._distribution import DistributionDisplay
from ._maps import ParameterMapDisplay
from ._planes import DistributionMapDisplay, DistributionSlicesDisplay
from ._regions import RegionHistogramDisplay
from ._residual_map import ResidualsMapDisplay
from ._resolution import ResolutionDisplay
from ._signals import DecayDisplay, ResidualsDisplay

__all__ = [
    "CrossValidationCurveDisplay",
    "DecayDisplay",
    "DistributionDisplay",
    "DistributionMapDisplay",
    "DistributionSlicesDisplay",
    "ParameterMapDisplay",
    "RegionHistogramDisplay",
    "ResidualsDisplay",
    "ResidualsMapDisplay",
    "ResolutionDisplay",
    "StrengthCurveDisplay",
]
