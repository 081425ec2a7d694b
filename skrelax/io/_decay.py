"""Decays from text and CSDM files."""

import numpy as np
import pandas as pd

from ._csdm import read_csdm
from ._files import DecayFileError, as_path, clean_label, distinct, reason, shown
from ._table import RelaxationTable

CSDM_SUFFIXES = {".csdf", ".csdfe"}
_GZIP = b"\x1f\x8b"


def read_decay(path, *, column=None, allow_negative=False, allow_external=False):
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
    allow_external : bool, default=False
        Whether a CSDM file may point to values that are not in its own folder: at a
        URL, which is fetched, or in any file, which is read. Files in its own folder
        are read without it; a link in there that leads elsewhere is elsewhere.

    Returns
    -------
    RelaxationTable
        Signals and acquisition in the order of the file.

    Raises
    ------
    DecayFileError
        If the file cannot be read, is empty, has a single column, text where a
        number should be, NaN, infinite values, rows of different length, or
        negative points, or points to values elsewhere.
    TypeError
        If `path` or `column` is of another kind.
    ImportError
        If a CSDM file is read without csdmpy.

    Notes
    -----
    Times in text files are taken as they are: distributions come out in the same
    unit. Times of CSDM files are converted to seconds, b values to s/m². Complex CSDM
    signals are rotated onto the real axis, see :func:`correct_phase`, and the imaginary
    channel is dropped. Equal names of signals are numbered.

    A CSDM file is checked before anything that it claims is allocated, and only the
    entries that a decay needs are taken from it.

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
    path = as_path(path)
    if not (column is None or isinstance(column, str)):
        raise TypeError(f"column must be a str or None, got {shown(column)}.")
    for name, value in (
        ("allow_negative", allow_negative),
        ("allow_external", allow_external),
    ):
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name} must be True or False, got {shown(value)}.")
    check_decay_file(path)
    if path.suffix.lower() in CSDM_SUFFIXES:
        name, points, labels, signals = read_csdm(path, allow_external)
        lines = None
    else:
        name, points, labels, signals, lines = _read_text(path)
    if not allow_negative and (points < 0).any():
        row = int(np.argmax(points < 0))
        raise DecayFileError(
            f"{path}{_line(lines, row)}: times must not be negative, got "
            f"{points[row]:g}; they are the first column."
        )
    acquisition = pd.DataFrame({column or name: points})
    frame = pd.DataFrame(signals, index=pd.Index(labels, name="signal"))
    return RelaxationTable(frame, acquisition)


def check_decay_file(path):
    """Raise an error unless a path is a file: a pipe or a device would never end."""
    if not path.is_file():
        there = "is not a regular file" if path.exists() else "no such file"
        raise DecayFileError(f"{path}: {'is a folder' if path.is_dir() else there}.")


def _line(lines, row):
    return "" if lines is None else f":{lines[row]}"


def content_lines(path):
    """Return numbers and texts of the lines of a text file that hold something."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        if error.object.startswith(_GZIP):
            raise DecayFileError(
                f"{path}: is compressed (gzip); unpack it first."
            ) from None
        raise DecayFileError(
            f"{path}: not a text file ({error.reason}); expected columns of times and "
            "signals as text, or a .csdf file."
        ) from None
    except (OSError, MemoryError) as error:
        raise DecayFileError(f"{path}: cannot be read ({reason(error)}).") from None
    if "\0" in text:
        raise DecayFileError(f"{path}: not a text file (it has null bytes).")
    content = [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not content:
        raise DecayFileError(f"{path}: the file is empty.")
    return content


def _read_text(path):
    """Return name of the points, points, labels, signals (q, n), line numbers."""
    content = content_lines(path)
    split = splitter(content[-1][1])
    header = None
    first = split(content[0][1])
    if all(as_number(entry) is None for entry in first):
        header, content = first, content[1:]
    if not content:
        raise DecayFileError(f"{path}: a header, but no rows of numbers.")
    rows, lines = [], []
    for number, line in content:
        entries = split(line)
        try:
            row = [
                read_number(entry, path, number, i) for i, entry in enumerate(entries)
            ]
        except DecayFileError as error:
            if rows or as_number(entries[0]) is not None:
                raise
            raise DecayFileError(
                f"{error} One header line may come before the numbers; further lines "
                "of text start with #."
            ) from None
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
    labels = [clean_label(text, f"signal {i}") for i, text in enumerate(header[1:], 1)]
    name = clean_label(header[0], "time")
    return name, values[:, 0], distinct(labels), values[:, 1:].T, lines


def splitter(line):
    """Return a function that splits a line as the separator of this one asks."""
    for separator in (";", "\t", ","):
        if separator in line:
            # An empty last entry comes from a separator at the end of the line.
            # No regular expression: it takes quadratic time for a line of blanks.
            return lambda text: [
                entry.strip()
                for entry in text.rstrip(separator + " \t").split(separator)
            ]
    return str.split


def as_number(entry):
    """Return the number of an entry, or None; 1_000 is Python's, not a file's."""
    try:
        return None if "_" in entry else float(entry)
    except ValueError:
        return None


def read_number(entry, path, line, column):
    """Return the number of an entry, or raise with file and line."""
    value = as_number(entry)
    if value is None:
        if _is_complex(entry):
            raise DecayFileError(
                f"{path}:{line}: column {column + 1} is complex, got {shown(entry)}; "
                "write the real part after skrelax.io.correct_phase."
            )
        hint = ""
        if as_number(entry.replace(",", ".")) is not None:
            hint = "; write decimal points, not commas"
        raise DecayFileError(
            f"{path}:{line}: expected a number in column {column + 1}, got "
            f"{shown(entry)}{hint}."
        )
    if not np.isfinite(value):
        raise DecayFileError(
            f"{path}:{line}: column {column + 1} is not finite, got {shown(entry)}."
        )
    return value


def _is_complex(entry):
    try:
        return "j" in entry and complex(entry) is not None
    except ValueError:
        return False
