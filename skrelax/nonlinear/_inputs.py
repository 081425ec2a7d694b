"""Checks of what a fit is given."""

import contextlib

import numpy as np
import pandas as pd
from sklearn.utils import check_array, check_consistent_length

from ..signals._checks import check_numbers
from ..utils import _columns
from ..utils._frames import frame_columns
from ..utils._sklearn import _check_sample_weight
from ..utils._validation import check_convertible, refuse_complex, unmasked

# Relaxation times beyond these have no tables, nor have wider ranges of them.
_LEAST, _MOST, _WIDEST = 1e-250, 1e250, 1e60
# Narrower ranges, as a fraction of their values, are a known parameter.
_NARROWEST = 1e-6


def check_model(model):
    """Raise ValueError if a model cannot be fitted as it is."""
    if not model.amplitudes:
        raise ValueError(
            f"{type(model).__name__} has no amplitude; fits need one or more that "
            "multiply its signals."
        )
    for name in model.acquisition_columns:
        if not isinstance(name, str):
            raise TypeError(
                f"column names of {type(model).__name__} must be text, got {name!r}."
            )
    names = [parameter.name for parameter in (*model.amplitudes, *model.parameters)]
    if len(set(names)) < len(names):
        raise ValueError(
            f"amplitudes and parameters need different names, got {names}."
        )
    if not model.parameters:
        raise ValueError(
            f"{type(model).__name__} has no nonlinear parameter to find; amplitudes "
            "alone are a linear regression."
        )
    for parameter in model.parameters:
        if parameter.lower < 0 and np.isinf(parameter.upper):
            raise ValueError(
                f"{parameter.name} may be negative (lower={parameter.lower:g}) and is "
                "searched on a linear scale: it needs a finite upper bound too."
            )


def assign_columns(model, names, X):
    """Return the indices of the columns of X that a model reads, by name if it can."""
    (columns,) = _columns.assign_columns(
        [model], names, X.shape[1], f"{type(model).__name__} reads", may_have_more=True
    )
    named = _columns.any_tells(names, model.acquisition_columns)
    if not named and model.requires_positive and (X < 0).any():
        # Nothing says which columns are meant, so none may be negative.
        raise ValueError(
            f"Negative values in data passed to X: got {X.min()} at row "
            f"{int(X.min(axis=1).argmin())}."
        )
    return columns


@contextlib.contextmanager
def errors_name_points():
    """Let errors of scikit-learn's validation of X name it."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if "X" in str(error) or "feature" in str(error) or "sample" in str(error):
            raise
        raise type(error)(f"X must hold the acquisition in numbers: {error}") from error


def check_weights(sample_weight, X):
    """Return weights (n_points,) that are not all zero, as float64."""
    refuse_complex(sample_weight, "sample_weight")
    try:
        weight = _check_sample_weight(
            unmasked(sample_weight), X, dtype=np.float64, ensure_non_negative=True
        )
    except (TypeError, ValueError, OverflowError) as error:
        if "sample_weight" in str(error):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"sample_weight must hold numbers: {error}") from error
    if not weight.any():
        raise ValueError("sample_weight must be positive somewhere, got 0.")
    return weight


def check_signals(X, y, reader):
    """Return y as (n_points,) or (n_points, n_signals), and the labels of signals.

    `reader` names who wants them.
    """
    if y is None:
        raise ValueError(f"{reader} requires y to be passed, but the target y is None.")
    check_convertible(y, "y")
    labels = frame_columns(y)
    try:
        array = _as_signals(y)
    except (TypeError, ValueError) as error:
        if " y " in f" {error} ":
            raise
        raise type(error)(f"y must hold signals in numbers: {error}") from error
    if array.ndim not in (1, 2):
        raise ValueError(
            "y must have shape (n_points,) or (n_points, n_signals), got "
            f"{array.shape}; images go in as images.reshape(n_points, -1)."
        )
    if array.ndim == 2 and array.shape[0] != len(X) == array.shape[1]:
        raise ValueError(
            f"y has shape {array.shape}, but its rows are the {len(X)} acquisition "
            "points of X and its columns the signals: pass y.T."
        )
    check_consistent_length(X, array)
    if labels is None:
        labels = pd.RangeIndex(1 if array.ndim == 1 else array.shape[1])
    return array, labels


def _as_signals(y):
    """Return an array of real or complex numbers; nan where values are missing."""
    if isinstance(y, pd.DataFrame | pd.Series):
        types = y.dtypes if isinstance(y, pd.DataFrame) else [y.dtype]
        if any(pd.api.types.is_extension_array_dtype(one) for one in types):
            y = y.to_numpy(dtype=np.float64, na_value=np.nan)
    elif np.ma.isMaskedArray(y) and y.dtype.kind in "biufc":
        y = unmasked(y)
    array = y if hasattr(y, "toarray") else np.asarray(y)
    if not np.iscomplexobj(array):
        # In a table of voxels, single ones may be bad.
        array = check_array(
            array,
            dtype="numeric",
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=array.ndim == 1,
            input_name="y",
        )
    elif array.ndim == 1 and not np.isfinite(array).all():
        raise ValueError("Input y contains NaN or infinity.")
    if array.dtype.kind not in "biufc":
        raise ValueError(f"y must hold numbers, got {array.dtype}.")
    if array.ndim == 2 and array.shape[1] == 0:
        raise ValueError(f"y must have at least one signal, got shape {array.shape}.")
    if array.dtype.itemsize > (16 if array.dtype.kind == "c" else 8):
        array = array.astype(np.result_type(array.dtype.kind + "8", np.float64))
    return array


def find_limits(model, points, bounds):
    """Return the limits of the nonlinear parameters, (P, 2)."""
    names = [parameter.name for parameter in model.parameters]
    bounds = bounds or {}
    for name in bounds:
        if name not in names:
            raise ValueError(f"bounds may name {names}, got {name!r}.")
    if set(names) <= set(bounds):
        limits = np.empty((len(names), 2))
    else:
        limits = np.array(model.search_limits(points), dtype=np.float64)
    for row, parameter in zip(limits, model.parameters, strict=True):
        if parameter.name in bounds:
            row[:] = _check_bounds(parameter, bounds[parameter.name])
        low, high = row
        if np.isinf(parameter.upper) and not (
            low >= _LEAST and high <= _MOST and high <= _WIDEST * low
        ):
            raise ValueError(
                f"bounds of {parameter.name} would be {low:.6g} and {high:.6g}, which "
                "is no range to search; give bounds, or drop points of X that are "
                "almost 0 or choose another unit for X."
            )
    return limits


def _check_bounds(parameter, given):
    """Return the bounds of a parameter (2,), or raise."""
    name = f"bounds of {parameter.name}"
    limits = check_numbers(name, given)
    if limits.shape != (2,) or not (limits[0] < limits[1]):
        raise ValueError(f"{name} must be (low, high) with low < high, got {given}.")
    lowest = max(parameter.lower, 0.0 if np.isinf(parameter.upper) else -np.inf)
    positive = np.isfinite(parameter.upper) or limits[0] > 0
    inside = lowest <= limits[0] and limits[1] <= parameter.upper
    if not (np.isfinite(limits).all() and positive and inside):
        raise ValueError(
            f"{name} must be finite, positive for a relaxation time, and within "
            f"{parameter.lower} and {parameter.upper}, got {given}."
        )
    if limits[1] - limits[0] < _NARROWEST * np.abs(limits).max():
        raise ValueError(
            f"{name} must be farther apart than {_NARROWEST:g} of them, got {given}; "
            f"hold the parameter in fit(known={{{parameter.name!r}: value}}) instead."
        )
    return limits


def find_magnitude(magnitude, model, y, noise):
    """Return whether polarities are to be found."""
    if noise == "rician" and np.iscomplexobj(y):
        raise ValueError(
            "noise='rician' is that of magnitudes, got complex signals, whose noise is "
            "Gaussian."
        )
    if np.iscomplexobj(y):
        if magnitude is True:
            raise ValueError(
                "magnitude=True needs real signals, got complex ones; pass np.abs(y)."
            )
        return False
    lowest = np.fmin.reduce(y, axis=None)
    if np.isinf(lowest):
        # Fits of these signals fail; the others tell what they are.
        lowest = np.min(y, axis=None, where=np.isfinite(y), initial=np.inf)
    if noise == "rician" and lowest < 0:
        raise ValueError(
            f"noise='rician' is that of magnitudes, which are not negative, got "
            f"{lowest} in y."
        )
    if magnitude is True and lowest < 0:
        raise ValueError(f"magnitudes must not be negative, got {lowest} in y.")
    if magnitude == "auto":
        return bool(model.changes_sign and lowest >= 0)
    return bool(magnitude and model.changes_sign)


def check_known(known, model, bounds, n_signals):
    """Return {name: values (n_signals,)} in the order of the model, nan if missing."""
    if known is None:
        return {}
    if not isinstance(known, dict):
        raise TypeError(f"known must be a dict of names and values, got {known!r}.")
    names = [parameter.name for parameter in model.parameters]
    for name in known:
        if name not in names:
            hint = ""
            if name in model.get_params():
                hint = f"; make it a parameter of the model with {name}=None"
            raise ValueError(f"known may name {names}, got {name!r}{hint}.")
        if name in (bounds or {}):
            raise ValueError(f"{name} is known; it cannot have bounds as well.")
    if len(known) == len(names):
        raise ValueError(
            f"known names all of {names}; a fit needs a nonlinear parameter to find."
        )
    found = {}
    for parameter in model.parameters:
        if parameter.name not in known:
            continue
        values = check_numbers(f"known {parameter.name}", known[parameter.name])
        if values.shape not in ((), (n_signals,)):
            raise ValueError(
                f"known {parameter.name} must be a number or one per signal "
                f"({n_signals}), got shape {values.shape}."
            )
        inside = np.isfinite(values) & (values <= parameter.upper)
        if np.isinf(parameter.upper):
            # A relaxation time of zero is what maps have outside of the object.
            inside &= values > max(parameter.lower, 0.0)
        else:
            inside &= values >= parameter.lower
        if not inside.any():
            raise ValueError(
                f"known {parameter.name} must be finite, positive for a relaxation "
                f"time, and within {parameter.lower} and {parameter.upper}, got "
                f"{values.min():.6g} to {values.max():.6g}."
            )
        found[parameter.name] = np.where(inside, values, np.nan) + np.zeros(n_signals)
    return found


def check_starts(init, axes, n_signals):
    """Return starting coordinates (n_signals, P), or None for the scan."""
    if isinstance(init, str):
        return None
    names = [axis.name for axis in axes]
    if set(init) != set(names):
        raise ValueError(f"init must have the keys {names}, got {list(init)}.")
    starts = np.empty((n_signals, len(axes)))
    for k, axis in enumerate(axes):
        value = check_numbers(f"init of {axis.name}", init[axis.name])
        if value.shape not in ((), (n_signals,)):
            raise ValueError(
                f"init of {axis.name} must be a number or one per signal "
                f"({n_signals}), got shape {value.shape}."
            )
        if not ((value >= axis.low) & (value <= axis.high)).all():
            raise ValueError(
                f"init of {axis.name} must be within the bounds {axis.low:.6g} and "
                f"{axis.high:.6g}, got {value.min():.6g} to {value.max():.6g}."
            )
        starts[:, k] = axis.to_u(value)
    return starts


def find_reach(model, points, bounds):
    """Return what the acquisition can see of relaxation times, or None."""
    if all(parameter.name in (bounds or ()) for parameter in model.parameters):
        return None
    return model.grid_limits(points)


def find_there(held, mask):
    """Return the signals (n,) to fit of which all known values (n, K) are there."""
    if held is None:
        return None
    there = np.isfinite(held).all(axis=1)
    if mask is not None and (there & mask).any():
        return there & mask
    return there


def check_mask(mask, n_signals):
    """Return a boolean mask of signals, or None."""
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != (n_signals,):
        raise ValueError(
            f"mask must be boolean of shape ({n_signals},), got {mask.dtype} of shape "
            f"{mask.shape}."
        )
    return mask
