"""Numbers of distributions, such as peaks, regions and distances, and of residuals."""

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    # Editors find code and docstrings by these.
    from ._distance import wasserstein_distance
    from ._labels import label_statistics
    from ._moments import distribution_statistics, fraction_between, log_mean
    from ._peaks import distribution_peaks, distribution_peaks_2d, peak_statistics
    from ._regions import region_statistics
    from ._residuals import residual_autocorrelation
    from ._shapes import Polygon, RatioBand, Rectangle

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
