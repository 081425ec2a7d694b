"""Noise levels, and what noise does to distributions."""

from ._bands import DistributionBands
from ._bootstrap import BootstrapResult, bootstrap_distribution
from ._noise import estimate_noise_std
from ._statistic_intervals import statistic_intervals

__all__ = [
    "BootstrapResult",
    "DistributionBands",
    "bootstrap_distribution",
    "estimate_noise_std",
    "statistic_intervals",
]
