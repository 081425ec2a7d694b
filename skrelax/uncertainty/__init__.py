"""Noise levels, and what noise does to distributions."""

from ._bands import DistributionBands
from ._bootstrap import bootstrap_distribution
from ._functionals import Amplitude, LogMean, Share, TimeRatio
from ._noise import estimate_noise_std
from ._resolution import distribution_resolution
from ._result import UncertaintyResult
from ._statistic_intervals import statistic_intervals

__all__ = [
    "Amplitude",
    "DistributionBands",
    "LogMean",
    "Share",
    "TimeRatio",
    "UncertaintyResult",
    "bootstrap_distribution",
    "distribution_resolution",
    "estimate_noise_std",
    "statistic_intervals",
]
