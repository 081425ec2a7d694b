"""What all readers share: paths, the words of errors, labels from files."""

import numbers
import os
from pathlib import Path

import numpy as np
import pandas as pd

# Longest part of an offending entry that an error repeats.
_SHOWN = 30
# Longest name of a signal that a file can give.
_LONGEST_LABEL = 100


class DecayFileError(ValueError):
    """A file that does not hold a decay; the text starts with ``file:line:``."""


class ImageFileError(ValueError):
    """A file with images that contradicts itself; the text starts with its name."""


def as_path(path, name="path"):
    """Return a Path, or raise an error that names the argument."""
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"{name} must be a str or path-like, got {shown(path)}.")
    text = os.fspath(path)
    if not text or "\0" in text:
        raise ValueError(f"{name} must be the path of a file or folder, got {text!r}.")
    path = Path(path)
    try:
        path.exists()
    except OSError as error:  # a name that is too long, a folder that is closed
        raise ValueError(f"{name} {shown(text)}: {reason(error)}.") from error
    return path


def shown(value):
    """Return the start of the repr of anything that a file or a caller gives."""
    try:
        text = repr(value)
    except Exception:  # numbers of thousands of digits, and foreign classes
        text = type(value).__name__
    return text if len(text) <= _SHOWN + 2 else f"{text[:_SHOWN]}..."


def reason(error):
    """Return one line that says what an exception of a library says."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    text = error.strerror if isinstance(error, OSError) and error.strerror else error
    return " ".join(str(text).split()) or type(error).__name__


def clean_label(text, default):
    """Return a label without control characters, which terminals would obey."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.split())[:_LONGEST_LABEL].strip() or default


def distinct(labels):
    """Return labels, numbered if two of them are equal."""
    if len(set(labels)) == len(labels):
        return list(labels)
    return [f"{label} {number}" for number, label in enumerate(labels, start=1)]


def as_numbers(values, name, *, complex_allowed=False, finite=False):
    """Return an array of double precision, or raise an error that names the argument.

    Missing values of data frames become nan; text and objects are refused.
    """
    try:
        array = np.ma.asanyarray(values) if np.ma.isMA(values) else np.asarray(values)
        if array.dtype == object:
            # Nullable columns with missing values come so.
            plain = [_as_plain(value) for value in np.ma.getdata(array).ravel()]
            array = np.reshape(plain, array.shape)
    except (ValueError, TypeError, OverflowError):
        array = np.array("")
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{name} must be an array of numbers, got {shown(values)}.")
    if np.iscomplexobj(array):
        if not complex_allowed:
            raise TypeError(
                f"{name} must be real, got complex values; take their real part after "
                "skrelax.io.correct_phase, or their modulus."
            )
        array = array.astype(np.complex128, copy=False)
    else:
        array = array.astype(np.float64, copy=False)
    array = np.ma.filled(array, np.nan)
    if finite and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinite values.")
    return array


def _as_plain(value):
    """Return a number of an array of objects, nan for a missing one."""
    if isinstance(value, numbers.Complex):
        return complex(value) if np.iscomplexobj(value) else float(value)
    if value is None or value is pd.NA:
        return np.nan
    raise TypeError
