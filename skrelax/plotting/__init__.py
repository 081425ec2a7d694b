"""Pictures of signals, distributions and choices, as scikit-learn's displays.

Displays draw in the style that is set, and change no setting.
``matplotlib.style.use("skrelax.plotting.skrelax")`` sets the style of the documentation
and of the commands.
"""

from ._curves import CrossValidationCurveDisplay, StrengthCurveDisplay
from ._distribution import DistributionDisplay
from ._maps import ParameterMapDisplay
from ._planes import DistributionMapDisplay, DistributionSlicesDisplay
from ._profile import ProfileDisplay
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
    "ProfileDisplay",
    "RegionHistogramDisplay",
    "ResidualsDisplay",
    "ResidualsMapDisplay",
    "ResolutionDisplay",
    "StrengthCurveDisplay",
]
