"""Pointwise bands of distributions."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DistributionBands:
    """Hold refits of a distribution and their pointwise bands.

    Parameters
    ----------
    distribution : ndarray
        The distribution of the measured signal.
    samples : ndarray of shape (n_refits, ...)
        The distributions of the refits.
    lower, upper : ndarray of the shape of distribution
        Band that holds the level's share of the refits, bin by bin.
    std : ndarray of the shape of distribution
        Standard deviation of the refits, bin by bin.
    level : float
        Share of the refits within the band.

    See Also
    --------
    bootstrap_distribution : Bands of estimators without sign.
    """

    distribution: np.ndarray
    samples: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    std: np.ndarray
    level: float

    @classmethod
    def from_samples(cls, distribution, samples, level):
        """Return the bands of refits.

        Parameters
        ----------
        distribution : ndarray
            The distribution of the measured signal.
        samples : ndarray of shape (n_refits, ...)
            The refits.
        level : float
            Share of the refits within the band.

        Returns
        -------
        DistributionBands
            The bands.
        """
        tail = 0.5 * (1.0 - level)
        lower, upper = np.quantile(samples, [tail, 1.0 - tail], axis=0)
        std = samples.std(axis=0, ddof=1)
        return cls(distribution, samples, lower, upper, std, level)
