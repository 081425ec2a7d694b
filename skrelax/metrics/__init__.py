"""Numbers of distributions, such as peaks, regions and distances, and of residuals."""

from ._distance import wasserstein_distance
from ._labels import label_statistics
from ._moments import distribution_statistics, fraction_between, log_mean
from ._peaks import distribution_peaks, distribution_peaks_2d, peak_statistics
from ._regions import region_statistics
from ._residuals import residual_autocorrelation
from ._shapes import Polygon, RatioBand, Rectangle

__all__ = [
    "Polygon",
    "RatioBand",
    "Rectangle",
    "distribution_peaks",
    "distribution_peaks_2d",
    "distribution_statistics",
    "fraction_between",
    "label_statistics",
    "log_mean",
    "peak_statistics",
    "region_statistics",
    "residual_autocorrelation",
    "wasserstein_distance",
]
