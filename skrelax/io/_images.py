"""What readers of images share: stacks of slices as a table of voxels."""

import warnings

import numpy as np
import pandas as pd

from ..utils._frames import as_pandas
from ._files import as_numbers, shown
from ._recording import Measurement
from ._table import RelaxationTable

# Columns of an acquisition, in the order of tables, and their units.
COLUMNS = ("TI", "TE", "TR", "FA", "TS", "TSL")
UNITS = {name: "degrees" if name == "FA" else "s" for name in COLUMNS}
# Voxels that are looked at together.
_CHUNK = 2**16


def make_image_table(images, acquisition, affine, source, measurement=("", ())):
    """Return a RelaxationTable of all voxels.

    images (n_points, n_x, n_y, n_z), acquisition a list of dicts with numbers or None
    for COLUMNS, or one such list per slice; measurement is the format and notes. A
    quantity that only some images have is an error.
    """
    slices = None
    if acquisition and isinstance(acquisition[0], list):
        slices = [_as_frame(one, source) for one in acquisition]
        frame = slices[0].copy()
        for name in frame:
            if any((one[name] != frame[name]).any() for one in slices[1:]):
                frame[name] = np.nan
    else:
        frame = _as_frame(acquisition, source)
    shape = images.shape[1:]
    signals = images.reshape(len(images), -1).T
    return RelaxationTable(
        # Without a copy: it may fill the memory.
        signals=pd.DataFrame(signals, columns=frame.index, copy=False),
        acquisition=frame,
        spatial={"mask": np.ones(shape, dtype=bool), "affine": affine},
        measurement=Measurement(
            format=measurement[0],
            units=tuple(UNITS[name] for name in frame),
            notes=tuple(measurement[1]),
        ),
        slices=slices,
    )


def _as_frame(acquisition, source):
    """Return an acquisition as a frame with the columns that there are."""
    frame = {}
    for name in COLUMNS:
        values = [one.get(name) for one in acquisition]
        absent = [index for index, value in enumerate(values) if value is None]
        if len(absent) == len(values):
            continue
        if absent:
            raise ValueError(
                f"{source}: {name} is missing in {len(absent)} of {len(values)} "
                f"images, first in image {absent[0]}."
            )
        frame[name] = np.asarray(values, dtype=np.float64)
    # Files say TI = 0 where there is no inversion at all.
    if "TI" in frame and not frame["TI"].any():
        del frame["TI"]
    if not frame:
        raise ValueError(
            f"{source}: the images have no acquisition, expected some of "
            f"{', '.join(COLUMNS)}."
        )
    return pd.DataFrame(frame)


def check_acquisition_given(acquisition):
    """Return an acquisition that a caller gives as a frame, or raise an error.

    Its columns must be known.
    """
    acquisition = as_pandas(acquisition, "acquisition")
    if acquisition is None:
        return None
    if not isinstance(acquisition, pd.DataFrame):
        raise TypeError(
            f"acquisition must be a DataFrame or None, got {shown(acquisition)}."
        )
    unknown = [name for name in acquisition.columns if name not in COLUMNS]
    if unknown or acquisition.columns.has_duplicates or not len(acquisition.columns):
        raise ValueError(
            f"acquisition has columns {list(acquisition.columns)}, expected some of "
            f"{list(COLUMNS)}, once each."
        )
    return acquisition


def given_points(acquisition, n_volumes):
    """Return one dict per volume from an acquisition that was checked."""
    if len(acquisition) != n_volumes:
        raise ValueError(
            f"acquisition has {len(acquisition)} rows, the files have {n_volumes} "
            "volumes."
        )
    columns = {
        name: as_numbers(acquisition[name], f"acquisition[{name!r}]", finite=True)
        for name in acquisition
    }
    for name, values in columns.items():
        if (values < 0).any():
            raise ValueError(f"acquisition[{name!r}] must not be negative.")
    return [{name: columns[name][i] for name in columns} for i in range(n_volumes)]


def is_single(factor, summand):
    """Return whether single precision holds 16 bits times a factor, and a summand."""
    # A summand far beyond the range would cost digits of what is stored.
    return 1e-30 < abs(factor) < 1e30 and abs(summand) <= 2.0**17 * abs(factor)


def say_clipped(source, n_values, n_images):
    """Warn of stored values that were left out because they are cut off."""
    if n_values:
        warnings.warn(
            f"{source}: {n_values} values in {n_images} images are cut off at the "
            "largest number that is stored; they are nan, and fits leave them out",
            stacklevel=4,
        )


def foreground_mask(signals):
    """Return which voxels hold signal, by Otsu's threshold.

    Parameters
    ----------
    signals : RelaxationTable or array-like of shape (n_voxels, n_points)
        Signals with one row per voxel.

    Returns
    -------
    ndarray of bool of shape (n_voxels,)
        Voxels whose largest modulus is above the threshold, of the points that are not
        nan. Voxels with infinite values, or without any point, are outside.

    Raises
    ------
    ValueError
        If no voxel is finite, or signals have another shape.
    TypeError
        If signals are no numbers.

    References
    ----------
    .. [1] N. Otsu, "A threshold selection method from gray-level histograms", IEEE
       Trans. Syst. Man Cybern. 9 (1979) 62. https://doi.org/10.1109/TSMC.1979.4310076

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.io import foreground_mask
    >>> foreground_mask(np.array([[0.1, 0.2], [0.2, 0.1], [5.0, 1.0], [6.0, 2.0]]))
    array([False, False,  True,  True])
    """
    if isinstance(signals, RelaxationTable):
        signals = signals.signals
    if isinstance(signals, pd.DataFrame) and signals.to_numpy().dtype.kind in "fc":
        # A volume in single precision is not copied to be looked at.
        values = signals.to_numpy()
    else:
        values = as_numbers(signals, "signals", complex_allowed=True)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            "signals must have shape (n_voxels, n_points), with one of each at least, "
            f"got {values.shape}."
        )
    return is_bright(largest_moduli(values))


def largest_moduli(rows):
    """Return the largest modulus of each voxel (n_voxels, n_points), nan if all are."""
    top = np.empty(len(rows))
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        top[part] = np.fmax.reduce(np.abs(rows[part]), axis=1)
    return top


def is_bright(top):
    """Return which voxels hold signal, by their largest moduli (n_voxels,)."""
    finite = np.isfinite(top)
    if not finite.any():
        raise ValueError("signals have no voxel with finite values.")
    # By an even power of two, which changes no digit: a histogram has no bins between
    # numbers that are next to each other.
    exponent = np.frexp(top[finite].max())[1]
    top = np.ldexp(top, -2 * (exponent // 2))
    counts, edges = np.histogram(np.sqrt(top[finite]), bins=256)
    centres = 0.5 * (edges[:-1] + edges[1:])
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    total = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = total[:-1] / below - (total[-1] - total[:-1]) / above
        between = np.nan_to_num(below * above * means**2, nan=0.0, posinf=0.0)
    # Empty bins between the classes tie: the middle of them is the fairest.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    threshold = edges[1 + round(best.mean())]
    mask = np.zeros(len(top), dtype=bool)
    mask[finite] = np.sqrt(top[finite]) > threshold
    return mask
