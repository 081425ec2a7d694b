"""Pointwise bands of distributions."""

import numbers
from dataclasses import dataclass

import numpy as np

from ..utils._validation import check_numbers, check_size, refuse_complex


@dataclass(frozen=True, repr=False)
class DistributionBands:
    """Hold refits of a distribution and their pointwise bands.

    Parameters
    ----------
    distribution : ndarray of shape (n_1, ..., n_d)
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

    def __repr__(self):
        """Return what it holds in one line: arrays of thousands tell nothing."""
        return (
            f"{type(self).__name__}(shape {self.distribution.shape}, "
            f"{len(self.samples)} refits, level={self.level:g})"
        )

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

        Raises
        ------
        ValueError
            If there are fewer than 2 refits, shapes do not match, or `level` is not
            between 0 and 1.
        """
        refuse_complex(samples, "samples")
        refuse_complex(distribution, "distribution")
        samples = check_numbers(samples, "samples")
        distribution = check_numbers(distribution, "distribution")
        if samples.ndim == 0 or len(samples) < 2 or samples.size == 0:
            raise ValueError(
                f"samples must have at least 2 refits, got shape {samples.shape}."
            )
        if samples.shape[1:] != distribution.shape:
            raise ValueError(
                f"samples must have shape (n_refits, *{distribution.shape}) to match "
                f"distribution, got {samples.shape}."
            )
        check_size(samples.reshape(len(samples), -1), "samples", low=0.0)
        if not isinstance(level, numbers.Real) or not 0 < level < 1:
            raise ValueError(f"level must be between 0 and 1, got {level}.")
        tail = 0.5 * (1.0 - level)
        lower, upper = np.quantile(samples, [tail, 1.0 - tail], axis=0)
        std = samples.std(axis=0, ddof=1)
        return cls(distribution, samples, lower, upper, std, level)
