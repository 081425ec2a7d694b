"""Checks of what a signed inversion is given."""

import math
import numbers

import numpy as np
from sklearn.utils.validation import assert_all_finite

from ...utils._linear_inputs import validate_signals_of
from ...utils._sklearn import (
    Interval,
    ParameterHolder,
    validate_parameter_constraints,
)
from ...utils._validation import (
    check_number,
    check_numbers,
    check_range,
    check_size,
    errors_name,
    refuse_complex,
    validate_points,
    validate_weight,
)

# Counts are machine words.
COUNT = Interval(numbers.Integral, 1, 2**31 - 1, closed="both")


class Settings(ParameterHolder):
    """Base of objects that hold constants: parameters, and nothing that is learned."""

    def _check(self):
        """Raise an error that names a parameter which nothing could be done with."""
        validate_parameter_constraints(
            self._parameter_constraints,
            self.get_params(deep=False),
            caller_name=type(self).__name__,
        )


def validate_fit(estimator, X, y, sample_weight):
    """Return X (m, d), y (m,) or (m, q) and weights (m,) or None, all float64."""
    refuse_complex(y)
    none = None if y is None else "no_validation"
    X = validate_points(estimator, X, reset=True, y=none, ensure_min_samples=2)
    y = validate_signals_of(X, y)
    weight = validate_weight(sample_weight, X)
    if weight is not None:
        # Numbers of measurements, not only their ratios.
        check_size(weight, "sample_weight")
    return X, y, weight


def validate_grid(axes, data, sigma):
    """Return axes (lists of points), data and sigma (or None) of a full grid.

    Points may stand in columns, (N, 1). Data whose sigma is infinite may be anything.
    """
    single = isinstance(axes, np.ndarray) and axes.ndim == 2 and axes.shape[1] == 1
    if single or not isinstance(axes, list | tuple) or all(map(np.isscalar, axes)):
        axes = [axes] if single or np.ndim(axes) == 1 else list(axes)
    axes = [
        check_numbers(axis, f"axes[{number}]", finite=False)
        for number, axis in enumerate(axes)
    ]
    for number, axis in enumerate(axes):
        if not (axis.ndim == 1 or (axis.ndim == 2 and axis.shape[1] == 1)):
            raise ValueError(
                f"axes[{number}] must be a list of points or a column of them, got "
                f"shape {axis.shape}."
            )
    axes = [axis.ravel() for axis in axes]
    refuse_complex(data, "data")
    data = check_numbers(data, "data", finite=False)
    sizes = tuple(axis.size for axis in axes)
    if not sizes or data.shape[: len(axes)] != sizes:
        raise ValueError(f"axes have sizes {sizes}, but data has shape {data.shape}.")
    if data.size == 0:
        raise ValueError(f"data is empty, got shape {data.shape}.")
    if sigma is not None:
        sigma = check_numbers(sigma, "sigma", finite=False)
        if sigma.shape != data.shape or not (sigma > 0).all():
            raise ValueError(
                "sigma must be positive and shaped as data, got shape "
                f"{sigma.shape} for {data.shape}."
            )
        known = sigma[np.isfinite(sigma)]
        if not known.size or known.min() < 1e-100 or known.max() > 1e100:
            raise ValueError(
                "sigma must be finite at some points, and there between 1e-100 and "
                f"1e+100, got {sigma.min():.3g} to {sigma.max():.3g}."
            )
        data = np.where(np.isfinite(sigma), data, 0.0)
    for name, values in (("axes", np.concatenate(axes)), ("data", data)):
        if not np.isfinite(values).all():
            assert_all_finite(values, input_name=name)
    check_range(np.concatenate(axes), "axes")
    check_size(data.reshape(math.prod(sizes), -1), "data")
    return axes, data, sigma


def check_penalty(value, name):
    """Return a constant of a penalty."""
    number = check_number(value, name, 0.0)
    check_range(number, name, 1e-30, 1e30)
    return number


def check_positive(value, name):
    """Return a constant that a penalty is divided by."""
    number = check_penalty(value, name)
    if number == 0.0:
        raise ValueError(f"{name} must be positive, got 0.")
    return number


def check_flag(value, name):
    """Return whether an axis has something."""
    if isinstance(value, bool | np.bool_) or (
        isinstance(value, numbers.Real) and value in (0, 1)
    ):
        return bool(value)
    raise TypeError(f"{name} must be True or False per axis, got {value!r}.")


def check_rank(value, name):
    """Return what a compression keeps: a number of values, a level or None."""
    if value is None:
        return None
    number = check_number(value, name, 0.0, 1e9)
    if not (0.0 < number < 1.0 or number == np.floor(number) >= 1.0):
        raise ValueError(
            f"{name} must be a number of singular values or a level between 0 and 1, "
            f"got {value!r}."
        )
    return number if number < 1.0 else int(number)


def check_coordinates(channels, shape, n_channels):
    """Return the coordinates of the channels, an array of its own for each axis.

    shape is that of the channels where data have one, n_channels their number.
    """
    with errors_name("channels"):
        first = next(iter(channels), None)
        if first is None or np.ndim(first) == 0:
            channels = [channels]
        grids = [np.array(check_numbers(one, "channels", ndim=1)) for one in channels]
    for grid in grids:
        check_range(grid, "channels")
        if grid.size > 1 and grid[-1] == grid[-2]:
            raise ValueError(f"channels must have a last step, got {grid[-2]} twice.")
    sizes = tuple(grid.size for grid in grids)
    if math.prod(sizes) != n_channels or (len(shape) > 1 and shape != sizes):
        raise ValueError(
            f"channels must have a coordinate for each channel: got {sizes} of them "
            f"for channels of shape {shape or (n_channels,)}."
        )
    return grids


def check_start(initial, axes, n_alone):
    """Return a distribution with baselines to start from, or None.

    initial is a distribution, whose baselines are 0 then, or a tuple of one and its
    baselines, as a fit has them. n_alone is the number of channels on their own, which
    may have a start each.
    """
    if initial is None:
        return None
    baselines = None
    if isinstance(initial, tuple):
        if len(initial) != 2:
            raise ValueError(
                "initial must be a distribution or (distribution, baseline), got a "
                f"tuple of {len(initial)}."
            )
        initial, baselines = initial
    values = check_numbers(initial, "initial")
    own = (*axes.shape, n_alone) if n_alone else axes.shape
    if values.shape not in (axes.shape, own):
        raise ValueError(
            f"initial must have the shape of the distribution, {axes.shape}, got "
            f"{values.shape}."
        )
    full = axes.with_bins(values)
    if baselines is None:
        return full
    places = axes.baselines(full)
    if not isinstance(baselines, tuple):
        baselines = (baselines,)
    if len(baselines) != len(places):
        raise ValueError(
            f"initial must have {len(places)} baselines, as baseline=... asks for, got "
            f"{len(baselines)}."
        )
    for place, baseline in zip(places, baselines, strict=True):
        found = check_numbers(baseline, "initial: baseline")
        if found.shape != place.shape:
            raise ValueError(
                f"initial: baseline must have shape {place.shape}, got {found.shape}."
            )
        place[...] = found
    return full
