"""Checks of what a multi-dimensional inversion is given."""

import math

import numpy as np
from sklearn.utils.validation import assert_all_finite

from ..utils._sklearn import _check_sample_weight
from ..utils._validation import (
    check_numbers,
    check_size,
    errors_name,
    refuse_complex,
    validate_points,
)


def validate_fit(estimator, X, y, sample_weight):
    """Return X (m, d), y (m,) or (m, q) and weights (m,) or None, all float64."""
    refuse_complex(y)
    none = None if y is None else "no_validation"
    X = validate_points(estimator, X, reset=True, y=none, ensure_min_samples=2)
    y = check_numbers(y, "y", finite=False)
    if y.ndim not in (1, 2) or 0 in y.shape:
        raise ValueError(
            "y must hold numbers of shape (n_points,) or (n_points, n_channels), got "
            f"shape {y.shape}."
        )
    if y.shape[0] != X.shape[0]:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: X has "
            f"{X.shape[0]}, y has {y.shape[0]}."
        )
    assert_all_finite(y, input_name="y")
    check_size(y, "y")
    if sample_weight is None:
        return X, y, None
    refuse_complex(sample_weight, "sample_weight")
    with errors_name("sample_weight"):
        if np.ma.isMaskedArray(sample_weight):
            sample_weight = np.ma.filled(sample_weight.astype(np.float64), np.nan)
        weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
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
    check_size(data.reshape(math.prod(sizes), -1), "data")
    return axes, data, sigma
