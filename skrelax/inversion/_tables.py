"""Tables and labelled arrays of distributions."""

import pandas as pd


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
