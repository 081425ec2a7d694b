"""Checks of settings, and of what methods of signal models are given and return."""

import functools
import numbers

import numpy as np


def check_numbers(name, value, finite=False):
    """Return a number or an array of real numbers as float64, or raise."""
    try:
        given = np.asarray(value)
        if given.dtype.kind not in "biufO":
            raise TypeError(f"their type is {given.dtype}")
        array = given.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(
            f"{name} must be a number or an array of numbers, got {_short(value)}."
        ) from error
    if finite and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {_short(value)}.")
    return array


def check_positive(name, value, infinite=False):
    """Return a positive number, finite unless allowed otherwise, or raise."""
    try:
        good = isinstance(value, numbers.Real) and float(value) > 0
        good = good and (infinite or float(value) < np.inf)
    except OverflowError:
        good = False
    if not good:
        raise ValueError(f"{name} must be a positive number, got {_short(value)}.")
    return float(value)


def check_efficiency(value):
    """Return an inversion efficiency, or raise ValueError."""
    if not (isinstance(value, numbers.Real) and 0 < value <= 2):
        raise ValueError(
            f"efficiency must be above 0 and at most 2, got {_short(value)}."
        )
    return float(value)


def check_count(name, value, most):
    """Return an integer from 1 to `most`, or raise ValueError."""
    if not (isinstance(value, numbers.Integral) and 1 <= value <= most):
        raise ValueError(
            f"{name} must be an integer above 0 and at most {most}, got "
            f"{_short(value)}."
        )
    return int(value)


def check_flag(name, value):
    """Return a bool, or raise TypeError."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {_short(value)}.")
    return bool(value)


def per_pulse(name, value, n_pulses):
    """Return a setting as one finite float64 per pulse, (n_pulses,)."""
    values = check_numbers(name, value, finite=True)
    if values.ndim > 1 or (values.ndim == 1 and values.size != n_pulses):
        raise ValueError(
            f"{name} must be a number or one per pulse ({n_pulses}), got shape "
            f"{values.shape}."
        )
    return np.full(n_pulses, values)


def _short(value):
    """Return a value in words that fit into a message."""
    try:
        text = repr(value)
    except ValueError:  # Python does not print integers of thousands of digits
        text = f"an integer of {value.bit_length()} bits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def checked_signal(method):
    """Check what evaluate, basis or jacobian of a model is given, and returns.

    Signals must be finite where their parameters are; nan parameters give nan.
    """

    @functools.wraps(method)
    def call(self, acquisition, parameters):
        acquisition = _check_points(self, acquisition)
        parameters = _check_sets(self, parameters)
        given = _lent(self, acquisition), _lent(self, parameters)
        with np.errstate(all="ignore"):
            found = method(self, *given)
        signal = found[0] if isinstance(found, tuple) else found
        _check_found(self, method.__name__, signal, acquisition, parameters)
        return found

    return call


def checked_limits(method):
    """Check the acquisition that limits are drawn from, and that they are sound."""

    @functools.wraps(method)
    def call(self, acquisition):
        acquisition = _check_points(self, acquisition)
        with np.errstate(all="ignore"):
            limits = method(self, _lent(self, acquisition))
        name = f"limits of {type(self).__name__}"
        pairs = check_numbers(name, limits)
        expected = (2,)
        if method.__name__ == "search_limits":
            expected = (len(self.parameters), 2)
        if pairs.shape != expected:
            raise ValueError(
                f"{name} must have shape {expected}, got shape {pairs.shape}."
            )
        low, high = pairs.reshape(-1, 2).T
        if not (np.isfinite(low) & np.isfinite(high) & (low < high)).all():
            raise ValueError(
                f"{name} cannot be drawn from acquisition "
                f"points from {acquisition.min():.6g} to {acquisition.max():.6g}, as "
                f"they would be {pairs.tolist()}; choose another unit."
            )
        return limits

    return call


def checked_values(method):
    """Check the values that a model derives what it reports from."""

    @functools.wraps(method)
    def call(self, values):
        # Standard errors come from complex values.
        is_complex = isinstance(values, np.ndarray) and values.dtype.kind == "c"
        values = values if is_complex else check_numbers("values", values)
        expected = len(self.amplitudes) + len(self.parameters)
        if len(np.atleast_1d(values)) != expected:
            raise ValueError(
                f"values must have shape ({expected}, n_sets), got {values.shape}."
            )
        with np.errstate(all="ignore"):
            return method(self, _lent(self, values))

    return call


CHECKED = {
    "evaluate": checked_signal,
    "basis": checked_signal,
    "jacobian": checked_signal,
    "grid_limits": checked_limits,
    "search_limits": checked_limits,
    "derive": checked_values,
}


def _lent(model, array):
    """Return an array that a model may change; those of the suite do not."""
    if type(model).__module__.partition(".")[0] == "skrelax":
        return array
    return array.copy(order="K")


def _check_points(model, acquisition):
    """Return acquisition points (n_points, n_columns) that have a meaning."""
    points = check_numbers("acquisition", acquisition, finite=True)
    columns = model.acquisition_columns
    least = 1 if model.counts_arguments else len(columns)
    if points.ndim != 2 or len(points) == 0 or points.shape[1] < least:
        raise ValueError(
            f"acquisition must have shape (n_points, {len(columns)}), columns "
            f"{list(columns)}, got shape {points.shape}."
        )
    if model.requires_positive and (points < 0).any():
        row, column = np.argwhere(points < 0)[0]
        raise ValueError(
            f"acquisition must not be negative, got {points[row, column]:.6g} at row "
            f"{row}."
        )
    return points


def _check_sets(model, parameters):
    """Return sets of parameters (n_sets, n_parameters), float32 or float64."""
    sets = parameters
    if not (isinstance(sets, np.ndarray) and sets.dtype in (np.float32, np.float64)):
        sets = check_numbers("parameters", parameters)
    names = [parameter.name for parameter in model.parameters]
    good = sets.ndim == 2 and (model.counts_arguments or sets.shape[1] == len(names))
    if not good:
        raise ValueError(
            f"parameters must have shape (n_sets, {len(names)}), columns {names}, got "
            f"shape {sets.shape}."
        )
    for column, parameter in zip(sets.T, model.parameters, strict=False):
        if parameter.lower == 0.0 and (column < 0.0).any():
            raise ValueError(
                f"parameters: {parameter.name} must not be negative, got "
                f"{column.min():.6g}."
            )
    return sets


def _check_found(model, method, signal, acquisition, parameters):
    """Raise ValueError for a signal of the wrong shape, or one that is not finite."""
    expected = len(acquisition), len(parameters)
    if method == "basis":
        expected = len(model.amplitudes), *expected
    good = isinstance(signal, np.ndarray) and signal.dtype.kind in "biufc"
    if not good or signal.shape != expected:
        shape = f"shape {signal.shape}" if good else _short(signal)
        raise ValueError(
            f"{method} of the model {type(model).__name__} must return an array of "
            f"shape {expected}, got {shape}."
        )
    if np.isfinite(signal).all():
        return
    wrong = ~np.isfinite(signal).all(axis=tuple(range(signal.ndim - 1)))
    wrong &= ~np.isnan(parameters).any(axis=1)
    if wrong.any():
        values = ", ".join(
            f"{parameter.name}={value:.3g}"
            for parameter, value in zip(
                model.parameters, parameters[wrong.argmax()], strict=False
            )
        )
        raise ValueError(
            f"parameters give signals of {type(model).__name__} that are not finite, "
            f"first for {values}; bounds of a fit can leave such values out."
        )
