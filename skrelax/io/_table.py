"""What all readers return: signals, acquisition and what is known of samples."""

import numbers
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..utils._frames import as_pandas
from ._files import as_numbers, shown
from ._recording import Measurement


@dataclass(repr=False)
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
    measurement : Measurement or None, default=None
        What the file says about the experiment, and what its reader did.
    slices : list of DataFrame of shape (n_points, n_columns) or None, default=None
        The acquisition of each slice (third axis of the mask), where slices were
        measured at times of their own. `acquisition` then has nan where they differ;
        `by_slice` gives a table for each.

    Raises
    ------
    ValueError
        If sizes do not match each other.
    TypeError
        If a part is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skrelax.io import RelaxationTable
    >>> table = RelaxationTable(
    ...     signals=pd.DataFrame([[0.9, 0.8, 0.5], [0.7, 0.5, 0.1]], ["oil", "water"]),
    ...     acquisition=pd.DataFrame({"TE": [0.01, 0.02, 0.07]}),
    ... )
    >>> X, y = table.by_point()
    >>> y.shape, table.by_sample().shape
    ((3, 2), (2, 3))
    >>> table
    RelaxationTable(2 signals, 3 points of TE)
    """

    signals: pd.DataFrame
    acquisition: pd.DataFrame
    samples: pd.DataFrame = field(default=None)
    spatial: dict | None = None
    measurement: Measurement | None = None
    slices: list | None = None

    def __post_init__(self):
        """Check that the parts fit each other."""
        for name in ("signals", "acquisition", "samples"):
            value = as_pandas(getattr(self, name), name)
            setattr(self, name, value)
            if value is None and name == "samples":
                continue
            if not isinstance(value, pd.DataFrame):
                raise TypeError(f"{name} must be a DataFrame, got {shown(value)}.")
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
        if not isinstance(self.measurement, Measurement | None):
            raise TypeError(
                f"measurement must be a Measurement, got {shown(self.measurement)}."
            )
        if self.spatial is not None:
            n_voxels = int(np.count_nonzero(self._mask()))
            if n_voxels != len(self.signals):
                raise ValueError(
                    f"the mask has {n_voxels} voxels, signals {len(self.signals)} rows."
                )

        if self.slices is not None:
            self._check_slices()

    def _check_slices(self):
        """Raise an error unless every slice has an acquisition."""
        if not isinstance(self.slices, list | tuple) or not all(
            isinstance(one, pd.DataFrame) and len(one) == len(self.acquisition)
            for one in self.slices
        ):
            raise TypeError(
                "slices must be a list of DataFrames, with a row per point, got "
                f"{shown(self.slices)}."
            )
        n_slices = None if self.spatial is None else self._mask().shape[-1]
        if len(self.slices) != n_slices or self._mask().ndim != 3:
            raise ValueError(
                f"slices have {len(self.slices)} acquisitions, the mask must be an "
                "image of as many slices."
            )

    def __repr__(self):
        """Return sizes and names: the parts are frames of any length."""
        names = ", ".join(map(str, self.acquisition.columns))
        n_samples, n_points = self.signals.shape
        text = f"{n_samples} signals, {n_points} points of {names or 'no axis'}"
        if self.spatial is not None:
            shape = " x ".join(map(str, self._mask().shape))
            text += f", image of {shape}"
        return f"RelaxationTable({text})"

    def _mask(self):
        """Return the boolean image of `spatial`."""
        if not isinstance(self.spatial, dict) or "mask" not in self.spatial:
            raise TypeError(
                f'spatial must be a dict with a "mask", got {shown(self.spatial)}.'
            )
        mask = np.asarray(self.spatial["mask"])
        # Masks in files are zeros and ones.
        sound = mask.dtype.kind == "b" or (
            mask.dtype.kind in "iuf" and np.isin(mask, (0, 1)).all()
        )
        if not sound or mask.ndim == 0:
            raise TypeError(
                'spatial["mask"] must be a boolean image, got '
                f"{shown(self.spatial['mask'])}."
            )
        return mask.astype(bool, copy=False)

    def by_point(self):
        """Return acquisition and signals for a regressor.

        Returns
        -------
        acquisition : DataFrame of shape (n_points, n_axes)
            What a regressor takes as X.
        signals : DataFrame of shape (n_points, n_samples) or Series
            What it takes as y. A table of one signal without a mask, such as a file
            with one decay, gives a Series: regressors make one distribution of it,
            ``coef_`` of shape (n_bins,). Tables of images always give a DataFrame, so
            that results have a row per voxel, however many there are.

        Raises
        ------
        ValueError
            If slices were measured at times of their own, see `by_slice`.

        Examples
        --------
        >>> import pandas as pd
        >>> from skrelax.io import RelaxationTable
        >>> table = RelaxationTable(
        ...     pd.DataFrame([[0.9, 0.5]], ["oil"]), pd.DataFrame({"TE": [0.01, 0.07]})
        ... )
        >>> X, y = table.by_point()
        >>> y
        0    0.9
        1    0.5
        Name: oil, dtype: float64
        """
        if self.slices is not None:
            raise ValueError(
                "slices were measured at times of their own, so there is no "
                "acquisition of all voxels; fit the tables of by_slice() one by one."
            )
        signals = self.signals.T
        signals.index = self.acquisition.index
        if self.spatial is None and signals.shape[1] == 1:
            signals = signals.iloc[:, 0]
        return self.acquisition, signals

    def by_slice(self):
        """Return a table for each acquisition that samples were measured with.

        Returns
        -------
        list of RelaxationTable
            The table itself, or one for each slice where slices were measured at times
            of their own. Masks have the shape of the whole image, so that `to_image`
            puts results of a slice into their place.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from skrelax.io import RelaxationTable
        >>> times = [[0.1, 0.5], [0.2, 0.6]]
        >>> table = RelaxationTable(
        ...     signals=pd.DataFrame([[-0.5, 0.3], [-0.4, 0.4]]),
        ...     acquisition=pd.DataFrame({"TI": [np.nan, np.nan]}),
        ...     spatial={"mask": np.ones((1, 1, 2), dtype=bool)},
        ...     slices=[pd.DataFrame({"TI": one}) for one in times],
        ... )
        >>> [part.acquisition["TI"].tolist() for part in table.by_slice()]
        [[0.1, 0.5], [0.2, 0.6]]
        """
        if self.slices is None:
            return [self]
        whole = self._mask()
        _, _, where = np.nonzero(whole)
        tables = []
        for k, acquisition in enumerate(self.slices):
            mask = np.zeros_like(whole)
            mask[..., k] = whole[..., k]
            rows = np.flatnonzero(where == k)
            tables.append(
                RelaxationTable(
                    signals=self.signals.iloc[rows],
                    acquisition=acquisition,
                    samples=self.samples.iloc[rows],
                    spatial={**self.spatial, "mask": mask},
                    measurement=self.measurement,
                )
            )
        return tables

    def by_sample(self):
        """Return signals with one row per sample, for mappers and matchers.

        Returns
        -------
        DataFrame of shape (n_samples, n_points)
            The signals.

        Examples
        --------
        >>> import pandas as pd
        >>> from skrelax import NonlinearRelaxationFit, VoxelMapper
        >>> from skrelax.io import RelaxationTable
        >>> table = RelaxationTable(
        ...     signals=pd.DataFrame([[0.8, 0.4, 0.2], [0.5, 0.25, 0.125]]),
        ...     acquisition=pd.DataFrame({"TE": [0.01, 0.02, 0.03]}),
        ... )
        >>> mapper = VoxelMapper(NonlinearRelaxationFit("T2"), table.acquisition)
        >>> M0 = mapper.fit_transform(table.by_sample())[:, 0]
        >>> M0.round(3)
        array([1.6, 1. ])
        """
        return self.signals

    def to_image(self, values, fill=np.nan):
        """Return values of the samples as an image.

        Parameters
        ----------
        values : str or array-like of shape (n_samples,) or (n_samples, n_values)
            A column of `samples`, one value per sample, or several, such as the bins of
            a distribution.
        fill : float, default=nan
            Value outside the mask.

        Returns
        -------
        ndarray
            Image of the shape of the mask; several values are its last axis.

        Raises
        ------
        ValueError
            If the table has no mask, or the number of values is another one.
        TypeError
            If values are no numbers.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from skrelax.io import RelaxationTable
        >>> table = RelaxationTable(
        ...     signals=pd.DataFrame([[0.9, 0.5], [0.7, 0.1]]),
        ...     acquisition=pd.DataFrame({"TE": [0.01, 0.07]}),
        ...     spatial={"mask": np.array([[True, False, True]])},
        ... )
        >>> table.to_image([0.10, 0.03])
        array([[0.1 ,  nan, 0.03]])
        """
        if self.spatial is None:
            raise ValueError("the table has no mask: its samples are not an image.")
        if isinstance(values, str):
            if values not in self.samples:
                raise ValueError(
                    f"values must name a column of samples, got {shown(values)}, there "
                    f"are {shown(list(self.samples.columns))}."
                )
            values = self.samples[values]
        values = as_numbers(values, "values", complex_allowed=True)
        if not isinstance(fill, numbers.Real):
            raise TypeError(f"fill must be a number, got {shown(fill)}.")
        mask = self._mask()
        n_samples = len(self.signals)
        if values.ndim not in (1, 2) or len(values) != n_samples:
            raise ValueError(
                f"values must have shape ({n_samples},) or ({n_samples}, n_values), "
                f"got {values.shape}."
            )
        try:
            image = np.full(mask.shape + values.shape[1:], fill, dtype=values.dtype)
        except OverflowError:
            raise ValueError(f"fill must be a number, got {shown(fill)}.") from None
        image[mask] = values
        return image
