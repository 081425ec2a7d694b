"""Pictures of signals, distributions and choices, as scikit-learn's displays.

Displays draw in the style that is set, and change no setting.
``matplotlib.style.use("skrelax.plotting.skrelax")`` sets the style of the documentation
and of the commands.
"""

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    # Editors find code and docstrings by these.
    from ._curves import CrossValidationCurveDisplay, StrengthCurveDisplay
    from ._distribution import DistributionDisplay
    from ._maps import ParameterMapDisplay
    from ._planes import DistributionMapDisplay, DistributionSlicesDisplay
    from ._profile import ProfileDisplay
    from ._regions import RegionHistogramDisplay
    from ._residual_map import ResidualsMapDisplay
    from ._resolution import ResolutionDisplay
    from ._signals import DecayDisplay, ResidualsDisplay

__getattr__, __dir__, __all__ = lazily(
    __name__,
    _curves=["CrossValidationCurveDisplay", "StrengthCurveDisplay"],
    _distribution=["DistributionDisplay"],
    _maps=["ParameterMapDisplay"],
    _planes=["DistributionMapDisplay", "DistributionSlicesDisplay"],
    _profile=["ProfileDisplay"],
    _regions=["RegionHistogramDisplay"],
    _residual_map=["ResidualsMapDisplay"],
    _resolution=["ResolutionDisplay"],
    _signals=["DecayDisplay", "ResidualsDisplay"],
)
