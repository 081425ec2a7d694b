"""Voxels in Dask arrays."""

import numpy as np

from ._rows import map_rows


def is_dask(X):
    # Arrays of xarray have a graph, too, and are not always lazy.
    return hasattr(X, "__dask_graph__") and hasattr(X, "rechunk")


def check_two_axes(X):
    if X.ndim != 2:
        raise ValueError(f"voxels must be rows of a 2-D array, got shape {X.shape}.")


def as_lazy(table, rows):
    """Return a Dask array of a table, in chunks of rows."""
    # Who has a Dask array has Dask, which the suite does not need.
    import dask.array

    return dask.array.from_array(table, chunks=(rows, -1))


def map_block(block, table=None, *, job, names, chunk_size):
    """Return the outputs (n_voxels, n_outputs) of a block of a Dask array.

    The columns of `table` are mask and known values of these names.
    """
    out = []
    for start in range(0, len(block), chunk_size):
        rows, mask, known = slice(start, start + chunk_size), None, None
        if table is not None:
            mask = table[rows, 0] != 0
            columns = table[rows, 1:].T
            known = dict(zip(names, columns, strict=True)) if names else None
        out.append(map_rows(job, block[rows], mask, known).values)
    if not out:
        return np.empty((0, sum(map(len, job.names.values()))))
    return np.concatenate(out)
