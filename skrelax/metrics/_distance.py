"""Distances between distributions."""

import numpy as np
from scipy import stats

from ._moments import as_axis, check_distributions


def wasserstein_distance(first, first_times, second, second_times):
    """Return the Wasserstein-1 distance of two distributions in decades.

    Parameters
    ----------
    first : array-like of shape (n_bins,)
        A distribution. Amplitudes are normalised, negative values count as 0.
    first_times : array-like of shape (n_bins,)
        Its bins.
    second : array-like of shape (n_bins,)
        Another distribution, on a grid of its own.
    second_times : array-like of shape (n_bins,)
        Its bins.

    Returns
    -------
    float
        Mean distance, on the axis of log10 of the relaxation time, over which
        amplitude must move to turn one into the other.

    Raises
    ------
    ValueError
        If shapes do not match, a distribution is empty or not finite, or there are
        several.

    Examples
    --------
    >>> from skrelax.metrics import wasserstein_distance
    >>> wasserstein_distance([1.0, 0.0], [1.0, 10.0], [1.0], [100.0])
    2.0
    """
    parts = []
    for name, f, times in (
        ("first", first, first_times),
        ("second", second, second_times),
    ):
        names = name, f"{name}_times"
        row, _, (grid,) = check_distributions(f, as_axis(times), names)
        if row.shape[0] != 1 or np.isnan(row).any():
            raise ValueError(
                f"{name} must be one distribution without nan, got {row.shape[0]}."
            )
        if not row.any():
            raise ValueError(
                f"{name} is a distribution without amplitude, which has no distance."
            )
        parts.append((np.log10(grid), row[0]))
    (x, f), (y, g) = parts
    return float(stats.wasserstein_distance(x, y, f, g))
