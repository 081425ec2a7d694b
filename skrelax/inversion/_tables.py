"""Tables and labelled arrays of distributions."""

import numpy as np
import pandas as pd

from ..utils._inspect import number_repeats


def find_axes(X):
    """Return the bins of each axis by name, as a kernel carries them; else {}."""
    grids = getattr(X, "grids", None)
    if grids is None or getattr(X, "ndim", 0) != 2:
        return {}
    grids = tuple(np.array(grid, dtype=np.float64) for grid in grids)
    names = getattr(X, "axis_names", None) or [f"axis_{k}" for k in range(len(grids))]
    # Columns may have been taken away since.
    if len(names) != len(grids) or int(np.prod([g.size for g in grids])) != X.shape[1]:
        return {}
    return dict(zip(number_repeats(names), grids, strict=True))


def bins_index(axes, n_bins):
    """Return the index of a table with a row for each bin of axes {name: bins}."""
    if not axes:
        return pd.RangeIndex(n_bins, name="bin")
    if len(axes) == 1:
        ((name, grid),) = axes.items()
        return pd.Index(grid, name=name)
    return pd.MultiIndex.from_product(axes.values(), names=list(axes))


def to_data_array(values, coordinates, attributes=None):
    """Return an xarray.DataArray of a distribution with coordinates {name: bins}."""
    try:
        import xarray
    except ImportError as error:
        raise ImportError(
            "to_xarray needs xarray: pip install skrelax[xarray]"
        ) from error
    return xarray.DataArray(
        values,
        dims=list(coordinates),
        coords=coordinates,
        name="distribution",
        attrs=attributes,
    )
