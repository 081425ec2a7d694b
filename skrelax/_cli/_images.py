"""How ``skrelax map`` reads images: series, times, echoes that are left out."""

import copy

import numpy as np
import pandas as pd
from sklearn.base import clone

from ..io import RelaxationTable, list_series, read_times
from ..io._files import as_path
from ..io._images import COLUMNS
from ..io._source_images import read_images
from ..nonlinear import FitStatus
from ..signals import resolve_model
from ..signals._names import NAMED
from ._output import printable

# What --series takes to print the series and do nothing else.
LIST = "list"


def read_for(arguments, source):
    """Return the table of images that the model of the arguments asks for."""
    varying = quantity_of(arguments.model)
    acquisition = None
    if arguments.times is not None:
        acquisition = read_times(as_path(arguments.times, "--times"), varying)
    try:
        return read_images(
            source,
            series=arguments.series,
            varying=varying,
            component=arguments.component,
            acquisition=acquisition,
        )
    except ValueError as error:
        if not str(error).startswith("acquisition "):
            raise
        # It came from this file.
        raise ValueError(f"--times {arguments.times}: {error}") from error


def quantity_of(model):
    """Return the column that a model varies in, None where its name does not tell."""
    if model not in NAMED:
        return "TE" if model == "T2-distribution" else None
    columns = resolve_model(model).acquisition_columns
    if not columns:
        return "TE" if model == "T2-EPG" else None
    return columns[0] if columns[0] in COLUMNS else None


def print_series(source):
    """Print the series in a folder, a line each."""
    for _, row in list_series(source).iterrows():
        number = "-" if row["series"] is None else row["series"]
        count = row["images"]
        facts = [f"{count} image{'' if count == 1 else 's'} {row['components']}"]
        for name in COLUMNS:
            values = row[name]
            if values.size and values.any():
                factor, unit = (1, "degrees") if name == "FA" else (1e3, "ms")
                ends = {f"{factor * values[0]:.6g}": None}
                ends[f"{factor * values[-1]:.6g}"] = None
                many = f" ({values.size})" if values.size > 2 else ""
                facts.append(f"{name} {'-'.join(ends)} {unit}{many}")
        why = f": {row['left_out']}" if row["left_out"] else ""
        print(printable(f"{number} {row['description']} ({', '.join(facts)}){why}"))


def say_series(table):
    """Return lines that say which series was taken and which were left out."""
    return [printable(note) for note in table.measurement.notes]


def check_described(table, source):
    """Raise ValueError for images that no model of the command describes."""
    taken = [one for one in say_series(table) if not one.startswith("left out")]
    if f"{source}".endswith((".nii", ".nii.gz")):
        taken.append(f"'{source.name.partition('.')[0]}'")
    if any("_MP2RAGE'" in one for one in taken):
        raise ValueError(
            f"{source}: the readouts of MP2RAGE are fitted as those of a dataset, with "
            "phases or the uniform image: skrelax map BIDS_ROOT OUT participant."
        )


def skip_points(table, count, source):
    """Return a table without the first points of the quantity that varies."""
    if not count:
        return table
    frames = [table.acquisition] if table.slices is None else table.slices
    varying = [
        name
        for name in ("TE", "TSL", "TI", "TS", "FA", "TR")
        if name in frames[0] and frames[0][name].nunique() > 1
    ]
    if not varying:
        raise ValueError(f"{source}: --skip {count}: nothing varies in the images.")
    kept = None
    for frame in frames:
        values = frame[varying[0]].to_numpy()
        distinct = np.unique(values)
        if count >= distinct.size:
            raise ValueError(
                f"{source}: --skip {count} leaves none of {distinct.size} {varying[0]}."
            )
        keep = values >= distinct[count]
        if kept is not None and (kept != keep).any():
            raise ValueError(
                f"{source}: --skip {count}: the times of slices are in another order."
            )
        kept = keep
    rows = np.flatnonzero(kept)
    # A slice of the first ones is no copy of the images.
    if (np.diff(rows) == 1).all():
        rows = slice(int(rows[0]), int(rows[-1]) + 1)
    signals = table.signals.iloc[:, rows]
    acquisition = table.acquisition.iloc[rows].reset_index(drop=True)
    signals.columns = acquisition.index
    slices = table.slices
    if slices is not None:
        slices = [frame.iloc[rows].reset_index(drop=True) for frame in slices]
    return RelaxationTable(
        signals, acquisition, table.samples, table.spatial, table.measurement, slices
    )


# What fits store with a row per voxel, and what masked voxels have there.
_PER_VOXEL = {
    "params_": np.nan, "stderr_": np.nan, "r2_": np.nan, "relative_error_": np.nan,
    "status_": FitStatus.MASKED, "n_iter_": 0, "n_points_": 0,
}  # fmt: skip


def fit_table(fit, table, mask, known, intervals=None):
    """Fit the voxels of a mask, slice by slice where slices have their own times.

    Returns the fitted estimator, whose results have a row per voxel of the table, and
    ends of intervals (n_voxels,) by name. `intervals` are None for none, or a level and
    whether they are those of converged fits only.
    """
    if table.slices is None:
        X, y = table.by_point()
        fit.fit(X, y.to_numpy(), mask=mask, known=known)
        return fit, _ends(fit, X, y.to_numpy(), known, intervals)
    ends, n_voxels = {}, len(table.signals)
    inside = np.asarray(table.spatial["mask"], dtype=bool)
    where = np.nonzero(inside)[2]
    whole = None
    for k, part in enumerate(table.by_slice()):
        rows = np.flatnonzero(where == k)
        X, y = part.by_point()
        some = None if mask is None else mask[rows]
        if some is not None and not some.any():
            continue
        here = {name: values[rows] for name, values in (known or {}).items()}
        one = clone(fit).fit(X, y.to_numpy(), mask=some, known=here or None)
        for name, values in _ends(one, X, y.to_numpy(), here, intervals).items():
            ends.setdefault(name, np.full(n_voxels, np.nan))[rows] = values
        there = [name for name in _PER_VOXEL if hasattr(one, name)]
        if whole is None:
            whole = copy.copy(one)
            for name in there:
                values = getattr(one, name)
                shape = (len(where), *values.shape[1:])
                full = np.full(shape, _PER_VOXEL[name], dtype=values.dtype)
                setattr(whole, name, full)
            whole._signal_labels = table.signals.index
        for name in there:
            getattr(whole, name)[rows] = getattr(one, name)
    return whole, ends


def _ends(fit, X, y, known, intervals):
    """Return ends of intervals (n_signals,) by name."""
    if intervals is None:
        return {}
    level, only_converged = intervals
    names, columns = fit._interval_columns(
        (X, y, known or None), only_converged, level, fit.verbose
    )
    # An end that nothing limits is no number of a map.
    columns = np.where(np.isfinite(columns), columns, np.nan)
    return dict(zip(names, columns.T, strict=True))


def acquisition_of(table):
    """Return the acquisition as it is written, with the slice where it matters."""
    if table.slices is None:
        return table.acquisition
    numbered = [
        frame.assign(slice=number).set_index("slice").reset_index()
        for number, frame in enumerate(table.slices)
    ]
    return pd.concat(numbered, ignore_index=True)
