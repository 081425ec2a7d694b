"""Checks that several packages share."""

import contextlib
import numbers

import numpy as np
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import validate_data

from ._frames import refuse_lazy
from ._sklearn import Interval, _check_sample_weight

# What n_jobs may be: 0 has no meaning to joblib, nor have numbers beyond machine words.
N_JOBS = [
    Interval(numbers.Integral, 1, 2**31 - 1, closed="both"),
    Interval(numbers.Integral, -(2**31), -1, closed="both"),
    None,
]


def check_n_jobs(n_jobs, n_tasks):
    """Return n_jobs, not more than there are tasks, or raise an error that names it."""
    if n_jobs is None:
        return None
    if not isinstance(n_jobs, numbers.Integral) or n_jobs == 0:
        raise ValueError(f"n_jobs must be None or an integer but 0, got {n_jobs!r}.")
    return max(min(int(n_jobs), n_tasks), -(2**31))


class RealInterval(Interval):
    """An interval of real numbers that compares them as doubles.

    Limits overflow in comparisons with single precision, as integers do with doubles.
    """

    def __init__(self, left, right, *, closed):
        super().__init__(numbers.Real, left, right, closed=closed)

    def __contains__(self, value):
        """Return whether the interval holds a number."""
        try:
            value = float(value)
        except OverflowError:
            return False
        return super().__contains__(value)


def stable_std(values, axis=None):
    """Return the standard deviation (ddof=1) of numbers that squares may not hold."""
    scale = np.abs(values).max() or 1.0
    if 1e-100 < scale < 1e100:
        return values.std(axis=axis, ddof=1)
    return scale * (values / scale).std(axis=axis, ddof=1)


@contextlib.contextmanager
def errors_name(name):
    """Put a name before errors of wrong values and kinds that do not have it."""
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        # That an estimator is not fitted is no fault of what it is given.
        if name in str(error) or isinstance(error, NotFittedError):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def check_convertible(values, name):
    """Return values, arrays of other libraries than NumPy as its own.

    As in scikit-learn, what NumPy does read (tensors on the CPU) is converted; other
    arrays, lazy frames, and times that have a unit of their own, are a TypeError.
    """
    if isinstance(values, np.ndarray):
        _refuse_dates([values.dtype], name)
        return values
    refuse_lazy(values, name)
    _refuse_dates(_types_of(values), name)
    if not hasattr(values, "__dlpack__"):
        return values
    try:
        return np.asarray(values)
    except Exception as error:  # each library raises another one
        library = type(values).__module__.partition(".")[0]
        raise TypeError(
            f"{name} must be an array of NumPy, got one of {library} that NumPy cannot "
            f"read: pass numpy.asarray({name}), of a copy on the CPU where it is on "
            f"another device ({name}.detach().cpu().numpy() for PyTorch, {name}.get() "
            "for CuPy)."
        ) from error


def _types_of(values):
    """Return the types of an array or of the columns of a frame of any library."""
    if hasattr(values, "dtype"):
        return [values.dtype]
    types = getattr(getattr(values, "schema", None), "types", None)
    types = getattr(values, "dtypes", ()) if types is None else types
    return list(types) if hasattr(types, "__iter__") else []


def _refuse_dates(types, name):
    """Raise TypeError for times whose numbers would be those of any unit."""
    for one in types:
        # Each library has types of its own for them.
        if str(one).lower().startswith(("date", "time", "duration", "period")):
            raise TypeError(
                f"{name} must hold numbers, got {one}: make them times in seconds, as "
                ".dt.total_seconds() does of differences."
            )


def unmasked(values):
    """Return an array with nan where it is masked, and all else as it is."""
    if not np.ma.isMaskedArray(values):
        return values
    return np.ma.filled(values.astype(np.result_type(values.dtype, np.float32)), np.nan)


def check_numbers(values, name, *, ndim=None, finite=True):
    """Return real numbers as an array of float64, not a copy if they are one.

    Parameters
    ----------
    values : array-like, Series or DataFrame
        What is masked or missing counts as nan.
    name : str
        What errors call it.
    ndim : int or None, default=None
        The number of axes it must have.
    finite : bool, default=True
        Whether nan and infinite numbers are refused.

    Returns
    -------
    ndarray
        The numbers.
    """
    check_convertible(values, name)
    if sparse.issparse(values):
        raise TypeError(f"{name} must be dense, got a sparse matrix; use toarray().")
    with errors_name(name):
        values = unmasked(values)
        if hasattr(values, "to_numpy"):
            # Missing values of nullable dtypes would make an array of objects.
            array = values.to_numpy()
            if array.dtype.kind == "O" and hasattr(values, "isna"):
                array = np.where(values.isna(), np.nan, array)
        else:
            array = np.asarray(values)
        if array.dtype.kind == "c":
            raise TypeError(f"{name} must hold real numbers, got {array.dtype}.")
        if array.dtype.kind not in "biufO":
            raise TypeError(f"{name} must hold numbers, got dtype {array.dtype}.")
        with np.errstate(over="ignore"):
            array = array.astype(np.float64, copy=False)
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} must be {ndim}-D, got shape {array.shape}.")
    if finite and not np.isfinite(array).all():
        at = np.unravel_index(np.isfinite(array).argmin(), array.shape)
        where = ", ".join(map(str, at))
        raise ValueError(f"{name} must be finite, got {array[at]} at index {where}.")
    return array


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


def check_number(value, name, low=-np.inf, high=np.inf, kind=numbers.Real):
    """Return a number of a kind from low to high, or raise an error that names it."""
    if not isinstance(value, kind):
        word = "an integer" if kind is numbers.Integral else "a number"
        raise TypeError(f"{name} must be {word}, got {value!r}.")
    with errors_name(name):
        value = int(value) if kind is numbers.Integral else float(value)
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low:g} to {high:g}, got {value!r}.")
    return value


def is_complex(X):
    """Return whether an array-like of any kind holds complex numbers."""
    if hasattr(X, "dtypes") and hasattr(X, "columns"):
        return any(getattr(dtype, "kind", "") == "c" for dtype in X.dtypes)
    if hasattr(X, "dtype"):
        return getattr(X.dtype, "kind", "") == "c"
    try:
        return np.iscomplexobj(np.asarray(X))
    except ValueError:
        # Rows of different length: for the validation of shapes to refuse.
        return False


def check_size(values, name, low=1e-100, high=1e100):
    """Raise ValueError where doubles cannot square the largest number of a column."""
    if not values.size:
        return
    largest = np.atleast_1d(np.maximum(values.max(axis=0), -values.min(axis=0)))
    odd = (largest > high) | ((largest < low) & (largest > 0.0))
    if odd.any():
        column = int(odd.argmax())
        raise ValueError(
            f"{name} must have its largest number between {low:.0e} and {high:.0e} to "
            f"be squared, got {largest[column]:.3g}"
            + (f" in column {column}" if largest.size > 1 else "")
            + "; scale it."
        )


def check_range(values, name, low=1e-70, high=1e70):
    """Raise ValueError for finite numbers whose ratios doubles cannot square."""
    if isinstance(values, float):
        if values == 0.0 or low <= abs(values) <= high:
            return
        values = np.array(values)
    size = np.abs(values)
    # A few comparisons of numbers for what nearly all arrays are.
    if not size.size or (low <= size.min() and size.max() <= high):
        return
    odd = ((size < low) & (size > 0.0)) | (size > high)
    if odd.any():
        raise ValueError(
            f"{name} must hold zeros and numbers of a size between {low:.0e} and "
            f"{high:.0e}, got {values[odd].flat[0]:.3g}; choose another "
            "unit."
        )


def refuse_complex(y, name="y"):
    """Raise ValueError if y, of any kind, holds complex numbers.

    Arrays that NumPy cannot read are refused as well, for nobody can look.
    """
    check_convertible(y, name)
    if is_complex(y):
        # The first words are those that scikit-learn has for it.
        raise ValueError(
            f"Complex data not supported: {name} is complex; phase it "
            "(skrelax.io.correct_phase) and pass the real part."
        )


def validate_points(estimator, X, *, reset, **checks):
    """Return acquisition points, or a kernel, as real, finite float64 (m, n)."""
    refuse_complex(X, "X")
    with errors_name("X"):
        return validate_data(
            estimator, unmasked(X), reset=reset, dtype=np.float64, **checks
        )


def validate_weight(sample_weight, X):
    """Return weights of the rows of X (m,), or None where none are given."""
    if sample_weight is None:
        return None
    refuse_complex(sample_weight, "sample_weight")
    with errors_name("sample_weight"):
        weight = _check_sample_weight(
            unmasked(sample_weight), X, dtype=np.float64, ensure_non_negative=True
        )
    if not weight.any():
        raise ValueError("sample_weight must have a positive entry, got none.")
    return weight


def validate_signals(estimator, X, *, reset, allow_nan=False, min_points=1):
    """Return signals (n_signals, n_points), real or complex, double or single.

    scikit-learn's validation, which on its own refuses complex numbers. What is masked
    counts as nan.
    """
    check_convertible(X, "X")
    with errors_name("X"):
        return _validate_signals(estimator, unmasked(X), reset, allow_nan, min_points)


def _validate_signals(estimator, X, reset, allow_nan, min_points):
    """Do what `validate_signals` says but for names in errors."""
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
