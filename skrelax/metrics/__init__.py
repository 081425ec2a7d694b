"""Numbers of distributions, such as peaks, regions and distances, and of residuals."""

from ..utils._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    _distance=["wasserstein_distance"],
    _labels=["label_statistics"],
    _moments=["distribution_statistics", "fraction_between", "log_mean"],
    _peaks=["distribution_peaks", "distribution_peaks_2d", "peak_statistics"],
    _regions=["region_statistics"],
    _residuals=["residual_autocorrelation"],
    _shapes=["Polygon", "RatioBand", "Rectangle"],
)
