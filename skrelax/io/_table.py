"""What all readers return: signals, acquisition and what is known of samples."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass
class RelaxationTable:
    """Hold signals of samples or voxels with their acquisition.

    Parameters
    ----------
    signals : DataFrame of shape (n_samples, n_points)
        One row per sample, spectrum point or voxel.
    acquisition : DataFrame of shape (n_points, n_axes)
        One row per acquisition point; columns are named ``TE``, ``TI``, ... where
        the file says what they are.
    samples : DataFrame of shape (n_samples, n_properties)
        What is known of the samples, same index as `signals`.
    spatial : dict or None, default=None
        ``"mask"`` (boolean image; its true voxels are the samples, in C order)
        and, for images, ``"affine"``.

    Raises
    ------
    ValueError
        If sizes do not match each other.
    """

    signals: pd.DataFrame
    acquisition: pd.DataFrame
    samples: pd.DataFrame = field(default=None)
    spatial: dict | None = None

    def __post_init__(self):
        """Check that the parts fit each other."""
        if self.signals.shape[1] != self.acquisition.shape[0]:
            raise ValueError(
                f"signals have {self.signals.shape[1]} points, acquisition has "
                f"{self.acquisition.shape[0]}."
            )
        if self.samples is None:
            self.samples = pd.DataFrame(index=self.signals.index)
        if len(self.samples) != len(self.signals):
            raise ValueError(
                f"samples have {len(self.samples)} rows, signals {len(self.signals)}."
            )
        if self.spatial is not None:
            n_voxels = int(np.count_nonzero(self.spatial["mask"]))
            if n_voxels != len(self.signals):
                raise ValueError(
                    f"the mask has {n_voxels} voxels, signals {len(self.signals)} rows."
                )

    def by_point(self):
        """Return acquisition and signals for a regressor.

        Returns
        -------
        acquisition : DataFrame of shape (n_points, n_axes)
            X of the regressor.
        signals : DataFrame of shape (n_points, n_samples)
            y of the regressor.
        """
        signals = self.signals.T
        signals.index = self.acquisition.index
        return self.acquisition, signals

    def by_sample(self):
        """Return signals with one row per sample, for mappers and matchers.

        Returns
        -------
        DataFrame of shape (n_samples, n_points)
            The signals.
        """
        return self.signals

    def to_image(self, values, fill=np.nan):
        """Return values of the samples as an image.

        Parameters
        ----------
        values : str or array-like of shape (n_samples,)
            A column of `samples`, or one value per sample.
        fill : float, default=nan
            Value outside the mask.

        Returns
        -------
        ndarray
            Image of the shape of the mask.

        Raises
        ------
        ValueError
            If the table has no mask, or the number of values is another one.
        """
        if self.spatial is None:
            raise ValueError("the table has no mask: its samples are not an image.")
        values = self.samples[values] if isinstance(values, str) else values
        values = np.asarray(values, dtype=np.float64)
        mask = np.asarray(self.spatial["mask"], dtype=bool)
        if values.shape != (len(self.signals),):
            raise ValueError(
                f"values must have shape ({len(self.signals)},), got {values.shape}."
            )
        image = np.full(mask.shape, fill)
        image[mask] = values
        return image
