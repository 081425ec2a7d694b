"""Distances between distributions."""

import numpy as np
from scipy import stats

from ._moments import check_distributions


def wasserstein_distance(first, first_times, second, second_times):
    """Return the Wasserstein-1 distance of two distributions in decades.

    Parameters
    ----------
    first, second : array-like of shape (n_bins,)
        Distributions, on grids of their own. Amplitudes are normalised, negative
        values count as 0.
    first_times, second_times : array-like of shape (n_bins,)
        Bins of each.

    Returns
    -------
    float
        Mean distance, on the axis of log10 of the relaxation time, over which
        amplitude must move to turn one into the other.

    Raises
    ------
    ValueError
        If shapes do not match, or a distribution is empty.

    Examples
    --------
    >>> from skrelax.metrics import wasserstein_distance
    >>> wasserstein_distance([1.0, 0.0], [1.0, 10.0], [1.0], [100.0])
    2.0
    """
    parts = []
    for f, times in ((first, first_times), (second, second_times)):
        row, (grid,) = check_distributions(f, np.asarray(times))
        if not row.any():
            raise ValueError("a distribution without amplitude has no distance.")
        parts.append((np.log10(grid), row[0]))
    (x, f), (y, g) = parts
    return float(stats.wasserstein_distance(x, y, f, g))
