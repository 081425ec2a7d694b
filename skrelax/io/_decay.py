"""Decays from text and CSDM files."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from ._spinsolve import correct_phase
from ._table import RelaxationTable

_CSDM = {".csdf", ".csdfe"}
# Longest part of an offending entry that an error repeats.
_SHOWN = 30


class DecayFileError(ValueError):
    """A file that does not hold a decay; the text starts with ``file:line:``."""


def read_decay(path, *, column=None, allow_negative=False):
    """Read acquisition points and one or more signals from a file.

    Parameters
    ----------
    path : str or path-like
        Text with columns separated by commas, semicolons, tabs or blanks: first
        the times (or b values), then one or more signals. A header line, lines
        that start with ``#``, empty lines and a byte-order mark are fine. Or a
        CSDM file, ``.csdf`` or ``.csdfe``, with one dimension.
    column : str or None, default=None
        Name of the acquisition column in the result, for example ``"TE"``. None
        keeps the name of the file, or ``"time"``.
    allow_negative : bool, default=False
        Whether acquisition points may be negative.

    Returns
    -------
    RelaxationTable
        Signals and acquisition in the order of the file.

    Raises
    ------
    DecayFileError
        If the file cannot be read, is empty, has a single column, text where a
        number should be, NaN, infinite values, rows of different length, or
        negative points.
    ImportError
        If a CSDM file is read without csdmpy.

    Notes
    -----
    Times in text files are taken as they are: distributions come out in the same
    unit. Times of CSDM files are converted to seconds. Complex CSDM signals are
    rotated onto the real axis, see :func:`correct_phase`, and the imaginary
    channel is dropped.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skrelax.io import read_decay
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "decay.csv"
    ...     _ = path.write_text("TE,signal\\n0.1,1.0\\n0.2,0.5\\n")
    ...     table = read_decay(path)
    >>> table.acquisition["TE"].tolist()
    [0.1, 0.2]
    """
    path = Path(path)
    if not path.is_file():
        reason = "is a folder" if path.is_dir() else "no such file"
        raise DecayFileError(f"{path}: {reason}.")
    if path.suffix.lower() in _CSDM:
        name, points, labels, signals = _read_csdm(path)
        lines = None
    else:
        name, points, labels, signals, lines = _read_text(path)
    if not allow_negative and (points < 0).any():
        row = int(np.argmax(points < 0))
        raise DecayFileError(
            f"{path}{_line(lines, row)}: times must not be negative, got "
            f"{points[row]:g}."
        )
    acquisition = pd.DataFrame({column or name: points})
    frame = pd.DataFrame(signals, index=pd.Index(labels, name="signal"))
    return RelaxationTable(frame, acquisition)


def _line(lines, row):
    return "" if lines is None else f":{lines[row]}"


def _read_text(path):
    """Return name of the points, points, labels, signals (q, n), line numbers."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DecayFileError(f"{path}: not a text file ({error.reason}).") from None
    except OSError as error:
        raise DecayFileError(f"{path}: cannot be read ({error.strerror}).") from None
    if "\0" in text:
        raise DecayFileError(f"{path}: not a text file (it has null bytes).")
    content = [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not content:
        raise DecayFileError(f"{path}: the file is empty.")
    split = _splitter(content[-1][1])
    header = None
    first = split(content[0][1])
    if not any(_is_number(entry) for entry in first):
        header, content = first, content[1:]
    if not content:
        raise DecayFileError(f"{path}: a header, but no rows of numbers.")
    rows, lines = [], []
    for number, line in content:
        entries = split(line)
        row = [_number(entry, path, number, i) for i, entry in enumerate(entries)]
        if len(row) < 2:
            raise DecayFileError(
                f"{path}:{number}: one column only, expected times and a signal."
            )
        if rows and len(row) != len(rows[0]):
            raise DecayFileError(
                f"{path}:{number}: expected {len(rows[0])} columns as above, got "
                f"{len(row)}."
            )
        rows.append(row)
        lines.append(number)
    values = np.array(rows)
    if header is None or len(header) != values.shape[1]:
        header = ["time", *(f"signal {i}" for i in range(1, values.shape[1]))]
        if values.shape[1] == 2:
            header[1] = "signal"
    return header[0], values[:, 0], header[1:], values[:, 1:].T, lines


def _splitter(line):
    """Return a function that splits a line as the separator of this one asks."""
    for separator in (";", "\t", ","):
        if separator in line:
            # An empty last entry comes from a separator at the end of the line.
            pattern = re.compile(rf"\s*{separator}\s*")
            return lambda text: pattern.split(text.rstrip(separator + " \t"))
    return str.split


def _is_number(entry):
    try:
        float(entry)
    except ValueError:
        return False
    return True


def _number(entry, path, line, column):
    """Return the number of an entry, or raise with file and line."""
    shown = entry if len(entry) <= _SHOWN else entry[:_SHOWN] + "..."
    try:
        value = float(entry)
    except ValueError:
        raise DecayFileError(
            f"{path}:{line}: expected a number in column {column + 1}, got {shown!r}."
        ) from None
    if not np.isfinite(value):
        raise DecayFileError(
            f"{path}:{line}: column {column + 1} is not finite, got {shown!r}."
        )
    return value


def _read_csdm(path):
    """Return name of the points, points [s], labels and signals of a CSDM file."""
    try:
        import csdmpy
    except ImportError as error:
        raise ImportError(
            'reading CSDM files needs csdmpy: pip install "skrelax[io]".'
        ) from error
    try:
        data = csdmpy.load(str(path))
    except Exception as error:  # csdmpy raises whatever its parser meets
        raise DecayFileError(f"{path}: not a CSDM file ({error}).") from None
    if len(data.x) != 1:
        raise DecayFileError(f"{path}: expected one dimension, got {len(data.x)}.")
    dimension = data.x[0]
    try:
        points = np.asarray(dimension.coordinates.to("s").value, dtype=np.float64)
    except Exception:  # astropy's unit errors: the axis is not a time
        points = np.asarray(dimension.coordinates.value, dtype=np.float64)
    signals, labels = [], []
    for number, variable in enumerate(data.y):
        for component in variable.components:
            values = np.asarray(component)
            if np.iscomplexobj(values):
                values = correct_phase(values)[0]
            if not np.isfinite(values).all():
                raise DecayFileError(f"{path}: NaN or infinite values in the signal.")
            signals.append(values.astype(np.float64))
            labels.append(variable.name or f"signal {number + 1}")
    if not signals or points.size == 0:
        raise DecayFileError(f"{path}: the file is empty.")
    if len(set(labels)) < len(labels):
        labels = [f"{label} {i + 1}" for i, label in enumerate(labels)]
    return dimension.label or "time", points, labels, np.array(signals)
