"""Noise levels, and what noise does to distributions."""

from ._bands import DistributionBands
from ._bootstrap import bootstrap_distribution
from ._functionals import LogMean, Share, TimeRatio
from ._noise import estimate_noise_std
from ._profile import ProfileResult, profile_parameters
from ._resolution import distribution_resolution
from ._result import UncertaintyResult
from ._statistic_intervals import statistic_intervals

__all__ = [
    "DistributionBands",
    "LogMean",
    "ProfileResult",
    "Share",
    "TimeRatio",
    "UncertaintyResult",
    "bootstrap_distribution",
    "distribution_resolution",
    "estimate_noise_std",
    "profile_parameters",
    "statistic_intervals",
]
