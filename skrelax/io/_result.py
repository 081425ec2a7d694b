"""Results that reopen: fitted inversions as files without pickles."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._version import __version__
from ..utils._frames import frame_columns
from ..utils._inspect import final_step, find_builder
from ..utils._provenance import (
    describe_estimator,
    describe_settings,
    find_chosen,
    find_versions,
)
from ..utils._written import encodable, written_together
from ._csdm import import_csdmpy
from ._files import as_numbers, as_path, reason, shown

_NETCDF, _CSDM = (".nc",), (".csdf", ".csdfe")
_VARIABLES = ("distribution", "baseline", "status", "measured", "fit", "weight")


def write_result(
    path,
    model,
    X=None,
    y=None,
    *,
    sample_weight=None,
    units=None,
    command=None,
    overwrite=False,
):
    """Write a fitted inversion to one file that other programs and years can read.

    Parameters
    ----------
    path : str or path-like
        ``.nc`` for netCDF, with all that follows, or ``.csdf`` for the distribution
        alone as CSDM, which csdmpy and mrinversion read.
    model : estimator
        A fitted inversion, or a Pipeline or search that ends in one.
    X : array-like of shape (n_points, n_columns) or None, default=None
        Acquisition, as in ``model.fit``.
    y : array-like of shape (n_points,) or (n_points, n_signals) or None, default=None
        Signals. X and y are written beside the fit where both are given.
    sample_weight : array-like of shape (n_points,) or None, default=None
        Weight of each point, as in ``model.fit``, written beside it.
    units : dict of str to str or None, default=None
        Units by the name of an axis or of a column of X, such as
        ``{"T2": "s", "TE": "s"}``.
    command : str or None, default=None
        What made the result, to be kept with it.
    overwrite : bool, default=False
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the file is there, its suffix is none of these, X, y and weights do not
        belong together, or a unit is of no axis or column.
    TypeError
        If `model` is no inversion, or `units` no dict of text.
    ImportError
        If xarray, or for CSDM csdmpy, is not installed.

    See Also
    --------
    read_result : Reads it again.

    Notes
    -----
    The netCDF file is of version 3 and has ``distribution`` over the axes of the grid,
    ``baseline``, ``status`` and, over ``point``, the columns of X, ``measured``,
    ``fit`` and ``weight``. Its attributes hold settings of the model, what was chosen,
    versions of the libraries, and the time in UTC. Complex signals have an axis
    ``part``.

    Examples
    --------
    >>> import tempfile
    >>> from skrelax.datasets import load_graphene
    >>> from skrelax import KernelBuilder, SmoothLasso
    >>> from skrelax.io import read_result, write_result
    >>> from sklearn.pipeline import make_pipeline
    >>> data = load_graphene()
    >>> model = make_pipeline(KernelBuilder("T2", n_bins=30), SmoothLasso())
    >>> model = model.fit(data.X, data.y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_result(f"{folder}/graphene.nc", model, data.X, data.y)
    ...     result = read_result(path)
    >>> result.sizes["T2"], result.sizes["point"]
    (30, 32)
    """
    path = as_path(path)
    if path.suffix not in (*_NETCDF, *_CSDM):
        raise ValueError(
            f"path must end in .nc (netCDF) or .csdf (CSDM), got {path.name!r}."
        )
    if path.exists() and not overwrite:
        raise ValueError(f"{path} exists; give overwrite=True to replace it.")
    last = final_step(model)
    if not getattr(last, "_tells_distributions", False):
        raise TypeError(
            "model must be an inversion, or end in one, got "
            f"{type(last).__name__}; write its to_frame() with pandas."
        )
    check_is_fitted(last)
    distribution = last.to_xarray()
    columns, measured = _acquisition(model, X, y)
    weight = _check_weight(sample_weight, measured)
    units = _check_units(units, {*distribution.dims, *columns})
    axes = last._named_axes()
    signals = [name for name in distribution.dims if name not in axes]
    if path.suffix in _CSDM:
        content = _as_csdm(import_csdmpy(), distribution, signals, units)
        with written_together(path.parent, overwrite=overwrite) as new:
            content.save(str(new / path.name))
        return path
    content = _as_dataset(model, last, distribution, signals)
    if columns:
        fit = model.predict(X)
        content = content.assign(_points(columns, measured, fit, distribution, signals))
        if weight is not None:
            content["weight"] = ("point", weight)
    for name, unit in units.items():
        content[name].attrs["units"] = unit
    if command is not None:
        content.attrs["history"] = encodable(f"{command}")
    with written_together(path.parent, overwrite=overwrite) as new:
        content.to_netcdf(new / path.name, engine="scipy", format="NETCDF3_64BIT")
    return path


def read_result(path):
    """Read what :func:`write_result` wrote as netCDF.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    xarray.Dataset
        Variables and attributes as they were written, in memory.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or not a result.
    ImportError
        If xarray is not installed.

    See Also
    --------
    write_result : Writes it, and says what it holds.
    """
    path = as_path(path)
    xarray = _import_xarray()
    try:
        with xarray.open_dataset(path, engine="scipy") as opened:
            content = opened.load()
    except Exception as error:  # whatever damage makes of a parser
        raise ValueError(f"{path}: not read as netCDF: {reason(error)}.") from error
    if "distribution" not in content or "skrelax_version" not in content.attrs:
        raise ValueError(f"{path}: has no distribution that skrelax wrote.")
    return content


def _import_xarray():
    try:
        import xarray
    except ImportError as error:
        raise ImportError(
            "results in netCDF need xarray: pip install skrelax[xarray]"
        ) from error
    return xarray


def _acquisition(model, X, y):
    """Return the columns of X (n_points,) by name and y, {} and None without both."""
    if X is None and y is None:
        return {}, None
    if X is None or y is None:
        raise ValueError("X and y must be given together, or neither.")
    values = as_numbers(X, "X", finite=True)
    signal = as_numbers(y, "y", complex_allowed=True)
    if values.ndim != 2 or signal.ndim == 0 or len(values) != len(signal):
        raise ValueError(
            "X and y must have one row per point, X with the columns that were "
            f"fitted, got shapes {values.shape} and {signal.shape}."
        )
    names = [f"x{number}" for number in range(values.shape[1])]
    if frame_columns(X) is not None:
        names = [str(name) for name in frame_columns(X)]
    elif (builder := find_builder(model)) is not None:
        known = [
            name for model in builder.models_ for name in model.acquisition_columns
        ]
        names = known if len(known) == len(names) == len({*known}) else names
    return dict(zip(names, values.T, strict=True)), signal


def _check_weight(sample_weight, measured):
    """Return weights (n_points,) of what was measured, or None."""
    if sample_weight is None:
        return None
    weight = as_numbers(sample_weight, "sample_weight", finite=True)
    n_points = None if measured is None else len(measured)
    if weight.shape != (n_points,) or (weight < 0).any():
        raise ValueError(
            "sample_weight must be a number that is not negative for each point of X "
            f"and y, {n_points or 'which are not given'}, got shape {weight.shape}."
        )
    return weight


def _check_units(units, known):
    """Return units by name."""
    if units is None:
        return {}
    if not isinstance(units, Mapping):
        raise TypeError(f"units must be a dict of text by name, got {shown(units)}.")
    for name, unit in units.items():
        if name not in known:
            raise ValueError(
                f"units has {shown(name)}, which is none of {sorted(known)}."
            )
        if not isinstance(unit, str):
            raise TypeError(f"units[{name!r}] must be text, got {shown(unit)}.")
    return dict(units)


def _as_dataset(model, last, distribution, signals):
    """Return the distribution with baseline, status and provenance."""
    xarray = _import_xarray()
    status = last.describe()["status"].to_numpy(dtype=str)
    content = xarray.Dataset({"distribution": distribution})
    # Labels of any kind: netCDF has texts and numbers of one kind each.
    for name in signals:
        labels = [str(label) for label in distribution.indexes[name]]
        content = content.assign_coords({name: labels})
    shape = [distribution.sizes[name] for name in signals]
    baseline = last.baseline_
    # A baseline on several axes is a distribution itself.
    baseline = np.nan if isinstance(baseline, tuple) else np.asarray(baseline)
    for name, values in (("baseline", baseline), ("status", status)):
        if np.size(values) == np.prod(shape):
            content[name] = (signals, np.reshape(values, shape))
    content.attrs = {
        "source": f"skrelax {__version__}",
        "skrelax_version": __version__,
        "estimator": describe_estimator(model),
        "settings": json.dumps(describe_settings(model)),
        "chosen": json.dumps(find_chosen(model)),
        "versions": json.dumps(find_versions()),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return content


def _points(columns, signal, fit, distribution, signals):
    """Return acquisition, signals and fit as variables over the points."""
    fit = np.asarray(fit)
    if fit.size != signal.size:
        raise ValueError(
            f"y must have as many signals as were fitted, got shape {signal.shape}, "
            f"and {fit.shape} of the fit."
        )
    fit = fit.reshape(signal.shape)
    dims = ["point", *signals]
    if signal.shape[1:] != tuple(distribution.sizes[name] for name in signals):
        dims = ["point", *(f"column {axis}" for axis in range(1, signal.ndim))]
    if np.iscomplexobj(signal) or np.iscomplexobj(fit):
        dims.append("part")
        signal, fit = (np.stack([v.real, v.imag], axis=-1) for v in (signal, fit))
    # A column may have the name of an axis or of what is beside it.
    taken = {*distribution.dims, *_VARIABLES}
    found = {
        f"{name} of points" if name in taken else name: (["point"], values)
        for name, values in columns.items()
    }
    return found | {"measured": (dims, signal), "fit": (dims, fit)}


def _as_csdm(csdmpy, distribution, signals, units):
    """Return the distribution as CSDM: axes as dimensions, signals as variables."""
    dimensions = []
    for name in distribution.dims:
        if name in signals:
            continue
        grid, unit = distribution[name].to_numpy(), units.get(name, "")
        try:
            if grid.size == 1:
                one = csdmpy.LinearDimension(count=1, increment=f"1 {unit}")
                one.coordinates_offset = f"{float(grid[0])!r} {unit}"
            else:
                one = csdmpy.as_dimension(grid.astype(np.float64), unit=unit)
        except BaseException as error:
            # csdmpy raises BaseException itself where a unit is unknown.
            if not isinstance(error, Exception) and type(error) is not BaseException:
                raise
            raise ValueError(f"units[{name!r}], {unit!r}: {reason(error)}.") from None
        one.label = name
        dimensions.append(one)
    rows = distribution.stack({"signal of all": signals}) if signals else distribution
    values = rows.to_numpy().reshape(*(one.count for one in dimensions), -1)
    labels = rows.indexes["signal of all"] if signals else ["distribution"]
    variables = [
        csdmpy.DependentVariable(
            type="internal",
            name=str(label),
            quantity_type="scalar",
            numeric_type="float64",
            components=[np.ascontiguousarray(one, dtype=np.float64).ravel()],
        )
        for label, one in zip(labels, np.moveaxis(values, -1, 0), strict=True)
    ]
    # The first dimension varies fastest.
    content = csdmpy.CSDM(dimensions=dimensions[::-1], dependent_variables=variables)
    content.description = f"Distribution by skrelax {__version__}"
    return content
