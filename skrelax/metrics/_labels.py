"""Numbers of parameter maps in labelled regions of an image."""

import numpy as np
import pandas as pd

from ..utils._validation import check_numbers, check_size

# Of normal numbers: standard deviation over median absolute deviation.
_PER_DEVIATION = 1.4826022185056018
# Of a median of normal numbers: standard error over that of the mean.
_OF_MEDIAN = np.sqrt(np.pi / 2.0)


def label_statistics(maps, labels, *, names=None):
    r"""Return means, medians and robust errors of maps in labelled regions.

    The robust standard deviation is 1.4826 times the median absolute deviation from
    the median, and the standard error of the median is :math:`\sqrt{\pi / 2}` times it
    over the root of the number of values [1]_: both are those of normal numbers, and
    hardly move with a few voxels that are far off, at borders for example.

    Parameters
    ----------
    maps : dict of str to ndarray
        Maps by name, of the shape of the labels; nan is no value.
    labels : array-like of int
        Region of each voxel; 0 is none. Whole numbers of another type will do.
    names : dict of int to str or None, default=None
        Names of regions by label. The others are called by their number.

    Returns
    -------
    DataFrame
        One row per label and map: ``label``, ``region`` (its name), ``map``,
        ``n_voxels`` of the label, ``n_values`` that are finite, ``median``,
        ``median_stderr``, ``robust_std``, ``mean``, ``std`` (nan of a single value),
        ``quartile_1`` and ``quartile_3``, in the unit of the map.

    Raises
    ------
    ValueError
        If shapes differ, labels are no integers, negative or all 0, or a name belongs
        to no label.
    TypeError
        If `maps` or `names` is no dict, or something holds no real numbers.

    See Also
    --------
    region_statistics : Regions of a two-dimensional distribution.
    skrelax.plotting.RegionHistogramDisplay : The values themselves.

    References
    ----------
    .. [1] Huber and Ronchetti, Robust Statistics, 2nd edition (2009), chapters 1 and 5,
       https://doi.org/10.1002/9780470434697.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.metrics import label_statistics
    >>> T1 = np.array([[0.80, 0.82, 1.30], [0.78, np.nan, 1.34]])
    >>> labels = np.array([[1, 1, 2], [1, 1, 2]])
    >>> frame = label_statistics({"T1": T1}, labels, names={1: "white", 2: "grey"})
    >>> frame[["region", "n_voxels", "n_values", "median"]]
      region  n_voxels  n_values  median
    0  white         4         3    0.80
    1   grey         2         2    1.32
    """
    labels = check_labels(labels)
    if not isinstance(maps, dict) or not maps:
        raise TypeError(f"maps must be a dict of arrays by name, got {maps!r:.60}.")
    columns = {}
    for name, values in maps.items():
        columns[name] = check_numbers(values, f"maps[{name!r}]", finite=False)
        there = columns[name][np.isfinite(columns[name])]
        check_size(there, f"maps[{name!r}]")
        if columns[name].shape != labels.shape:
            raise ValueError(
                f"maps[{name!r}] must have the shape of the labels, {labels.shape}, "
                f"got {columns[name].shape}."
            )
    rows = []
    for number, word in name_labels(labels, names).items():
        inside = labels == number
        for name, values in columns.items():
            here = values[inside]
            key = {"label": number, "region": word, "map": name}
            rows.append(key | {"n_voxels": here.size} | _describe(here))
    return pd.DataFrame(rows)


def check_labels(labels):
    """Return labels as integers, or raise an error that names them."""
    values = check_numbers(labels, "labels")
    if (values != np.round(values)).any() or values.min(initial=0.0) < 0:
        raise ValueError("labels must be integers from 0, which is no region.")
    if values.max(initial=0.0) > np.iinfo(np.int32).max:
        raise ValueError(f"labels must be integers of 32 bits, got {values.max():g}.")
    if not values.any():
        raise ValueError("labels must have a region: all are 0.")
    return values.astype(np.int32)


def name_labels(labels, names):
    """Return the names of the regions of an image by their number."""
    if not isinstance(names, dict | None):
        raise TypeError(f"names must be a dict or None, got {names!r:.60}.")
    numbers = np.unique(labels[labels > 0])
    unknown = [key for key in names or {} if key not in numbers]
    if unknown:
        raise ValueError(
            f"names: {unknown[0]!r} is none of the labels {numbers.tolist()}."
        )
    return {number: str((names or {}).get(number, number)) for number in numbers}


def _describe(values):
    """Return numbers of the finite values of one region."""
    values = values[np.isfinite(values)]
    found = dict.fromkeys(
        ("median", "median_stderr", "robust_std", "mean", "std"), np.nan
    )
    found |= {"quartile_1": np.nan, "quartile_3": np.nan}
    if values.size:
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        spread = _PER_DEVIATION * np.median(np.abs(values - middle))
        found |= {"median": middle, "robust_std": spread, "mean": values.mean()}
        found |= {"quartile_1": low, "quartile_3": high}
    if values.size > 1:
        found["std"] = values.std(ddof=1)
        found["median_stderr"] = _OF_MEDIAN * spread / np.sqrt(values.size)
    return {"n_values": values.size} | found
