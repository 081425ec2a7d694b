"""Checks that several packages share."""

import numpy as np
from sklearn.utils.validation import validate_data


def check_acquisition(points, model, name="X"):
    """Raise ValueError if acquisition points have no meaning for a model.

    `points` is the (n_points, n_columns) part of X that `model` reads.
    """
    if model.requires_positive and (points < 0).any():
        row, column = np.argwhere(points < 0)[0]
        raise ValueError(
            f"Negative values in data passed to {name}: "
            f"{model.acquisition_columns[column]} must not be negative, got "
            f"{points[row, column]} at row {row}."
        )


def is_complex(X):
    """Return whether an array-like of any kind holds complex numbers."""
    return np.iscomplexobj(X if isinstance(X, np.ndarray) else np.asarray(X))


def refuse_complex(y, name="y"):
    """Raise ValueError if y, of any kind, holds complex numbers."""
    if hasattr(y, "dtypes") and hasattr(y, "columns"):
        found = any(getattr(dtype, "kind", "") == "c" for dtype in y.dtypes)
    elif hasattr(y, "dtype"):
        found = getattr(y.dtype, "kind", "") == "c"
    else:
        try:
            found = np.iscomplexobj(np.asarray(y))
        except ValueError:
            # Rows of different length: for the validation of shapes to refuse.
            found = False
    if found:
        # The first words are those that scikit-learn has for it.
        raise ValueError(
            f"Complex data not supported: {name} is complex; phase it "
            "(skrelax.io.correct_phase) and pass the real part."
        )


def validate_signals(estimator, X, *, reset, allow_nan=False, min_points=1):
    """Return signals (n_signals, n_points), real or complex, double or single.

    scikit-learn's validation, which on its own refuses complex numbers.
    """
    if not is_complex(X):
        return validate_data(
            estimator,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite=not allow_nan,
            ensure_min_features=min_points,
        )
    array = np.asarray(X)
    if array.ndim != 2 or array.shape[0] == 0 or array.shape[1] < min_points:
        raise ValueError(
            f"X must have at least one row and {min_points} columns, got shape "
            f"{array.shape}."
        )
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if array.dtype not in (np.complex64, np.complex128):
        array = array.astype(np.complex128)
    if not (allow_nan or np.isfinite(array).all()):
        raise ValueError("X must not contain NaN or infinity.")
    return array
