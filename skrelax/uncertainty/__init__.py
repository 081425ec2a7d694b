"""Noise levels, and what noise does to distributions."""

from ..utils._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    _bands=["DistributionBands"],
    _bootstrap=["bootstrap_distribution"],
    _functionals=["Amplitude", "LogMean", "Share", "TimeRatio"],
    _noise=["estimate_noise_std"],
    _profile=["ProfileResult", "profile_parameters"],
    _resolution=["distribution_resolution"],
    _result=["UncertaintyResult"],
    _statistic_intervals=["statistic_intervals"],
)
