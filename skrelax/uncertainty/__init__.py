"""Noise levels, and what noise does to distributions."""

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    # Editors find code and docstrings by these.
    from ._bands import DistributionBands
    from ._bootstrap import bootstrap_distribution
    from ._functionals import Amplitude, LogMean, Share, TimeRatio
    from ._noise import estimate_noise_std
    from ._of_estimator import OfEstimator
    from ._profile import profile_parameters
    from ._profile_result import ProfileResult
    from ._resolution import distribution_resolution
    from ._result import UncertaintyResult
    from ._statistic_intervals import statistic_intervals

__getattr__, __dir__, __all__ = lazily(
    __name__,
    _bands=["DistributionBands"],
    _bootstrap=["bootstrap_distribution"],
    _functionals=["Amplitude", "LogMean", "Share", "TimeRatio"],
    _noise=["estimate_noise_std"],
    _of_estimator=["OfEstimator"],
    _profile=["profile_parameters"],
    _profile_result=["ProfileResult"],
    _resolution=["distribution_resolution"],
    _result=["UncertaintyResult"],
    _statistic_intervals=["statistic_intervals"],
)
