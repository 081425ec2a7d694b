"""Checks of what a fit is given."""

import numpy as np
import pandas as pd
from sklearn.utils import check_array, check_consistent_length

from ..utils import _columns


def check_model(model):
    """Raise ValueError if a model cannot be fitted as it is."""
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


def assign_columns(estimator, X):
    """Return the indices of the columns of X that the model reads."""
    model = estimator.model_
    names = getattr(estimator, "feature_names_in_", ())
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


def check_signals(estimator, X, y):
    """Return y as (n_points,) or (n_points, n_signals), and the labels of signals."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )
    labels = y.columns if isinstance(y, pd.DataFrame) else None
    array = y if hasattr(y, "toarray") else np.asarray(y)
    if np.iscomplexobj(array):
        if array.ndim == 1 and not np.isfinite(array).all():
            raise ValueError("Input y contains NaN or infinity.")
    else:
        # In a table of voxels, single ones may be bad.
        array = check_array(
            array,
            dtype="numeric",
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=array.ndim == 1,
            input_name="y",
        )
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
        limits = model.search_limits(points)
    for row, parameter in zip(limits, model.parameters, strict=True):
        if parameter.name in bounds:
            given = np.asarray(bounds[parameter.name], dtype=np.float64)
            lowest = max(parameter.lower, 0.0 if np.isinf(parameter.upper) else -np.inf)
            positive = np.isfinite(parameter.upper) or given.min() > 0
            inside = lowest <= given.min() and given.max() <= parameter.upper
            if given.shape != (2,) or not (given[0] < given[1]):
                raise ValueError(
                    f"bounds of {parameter.name} must be (low, high) with low < high, "
                    f"got {bounds[parameter.name]}."
                )
            if not (np.isfinite(given).all() and positive and inside):
                raise ValueError(
                    f"bounds of {parameter.name} must be finite, positive for a "
                    f"relaxation time, and within {parameter.lower} and "
                    f"{parameter.upper}, got {bounds[parameter.name]}."
                )
            row[:] = given
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
        values = np.asarray(known[parameter.name], dtype=np.float64)
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
    """Return starting coordinates (n_signals, P), or None for the dictionary."""
    if isinstance(init, str):
        return None
    names = [axis.name for axis in axes]
    if set(init) != set(names):
        raise ValueError(f"init must have the keys {names}, got {sorted(init)}.")
    starts = np.empty((n_signals, len(axes)))
    for k, axis in enumerate(axes):
        value = np.asarray(init[axis.name], dtype=np.float64)
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
