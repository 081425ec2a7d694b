"""Times and angles of images in a file of their own: text, CSV or JSON."""

import json
import re

import numpy as np
import pandas as pd

from ._files import as_path, reason, shown
from ._images import COLUMNS, UNITS
from ._sidecar import KEYS
from ._units import split_unit

# What columns are called, beside their own names.
_CALLED = {
    "TE": ("te", "echo time", "echo times", "echotime"),
    "TI": ("ti", "inversion time", "inversion times", "inversiontime"),
    "TR": ("tr", "repetition time", "repetition times", "repetitiontime"),
    "FA": ("fa", "flip angle", "flip angles", "flipangle", "alpha"),
    "TS": ("ts", "saturation time", "recovery time", "saturation delay", "delay"),
    "TSL": ("tsl", "spin lock time", "spin-lock time", "spinlocktime", "slt"),
}
_ANGLES = {"degrees", "degree", "deg", "°", ""}
# Seconds that no time of an image exceeds.
_LONGEST = 60.0
# Rows of a file, far beyond any series.
_MOST_ROWS = 100_000
_LARGEST_FILE = 10_000_000


def read_times(path, column=None):
    """Read the acquisition of images from a file.

    Parameters
    ----------
    path : str or path-like
        Text or CSV with a header that names columns with their units, such as
        ``TE (ms)`` or ``FA, TR (s)``, and one row per image; or JSON with
        ``{"EchoTime": [0.01, 0.02]}`` as in sidecars, or ``{"TE (ms)": [10, 20]}``.
    column : {"TI", "TE", "TR", "FA", "TS", "TSL"} or None, default=None
        What the numbers are where there is one column and no header; they are seconds
        or degrees then.

    Returns
    -------
    DataFrame of shape (n_images, n_columns)
        Times [s] and flip angles [degrees], for `acquisition` of the readers of images.

    Raises
    ------
    ValueError
        If the file cannot be read, names no column or an unknown one, or a time has no
        unit.

    See Also
    --------
    read_nifti : Takes it as `acquisition`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skrelax.io import read_times
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "times.txt")
    ...     _ = path.write_text("TE (ms)\\n10\\n20\\n40\\n")
    ...     times = read_times(path)
    >>> times["TE"].tolist()
    [0.01, 0.02, 0.04]
    """
    if column is not None and column not in COLUMNS:
        raise ValueError(
            f"column must be one of {', '.join(COLUMNS)} or None, got {shown(column)}."
        )
    path = as_path(path)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE)
        text = _decode(content)
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{path}: cannot be read ({reason(error)}).") from error
    if text.lstrip().startswith(("{", "[")):
        columns = _from_json(path, text, column)
    else:
        columns = _from_text(path, text, column)
    sizes = {len(values) for values in columns.values()}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(
            f"{path}: expected columns of one length, got {sorted(sizes)} numbers."
        )
    for name, values in columns.items():
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(f"{path}: {name} must not be negative or missing.")
        if UNITS[name] == "s" and values.max() > _LONGEST:
            raise ValueError(
                f"{path}: {name} is up to {values.max():g} s; give the unit in the "
                f"header, such as {name} (ms)."
            )
    return pd.DataFrame(columns)


def _decode(content):
    """Return the text of a file."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _column_of(path, header):
    """Return the column that a header names, and its factor to seconds."""
    for name, keys in KEYS.items():
        if header in keys:
            return name, 1.0
    text, unit, factor, _ = split_unit(header)
    bare = re.split(r"[(\[/]", text)[0].strip().lower().replace("_", " ")
    for name, called in _CALLED.items():
        if bare not in called:
            continue
        if UNITS[name] == "s" and unit != "s":
            raise ValueError(
                f"{path}: {shown(header)} has no unit of a time; write {name} (ms) or "
                f"{name} (s)."
            )
        if UNITS[name] != "s":
            written = re.search(r"[(\[/]([^)\]]*)", text)
            angle = written[1].strip().lower() if written else ""
            if angle not in _ANGLES:
                raise ValueError(
                    f"{path}: {shown(header)} must be in degrees: {name} (degrees)."
                )
            return name, 1.0
        return name, factor
    raise ValueError(
        f"{path}: expected columns named {', '.join(COLUMNS)} with their unit, such as "
        f"TE (ms), got {shown(header)}."
    )


def _from_json(path, text, column):
    """Return columns of a JSON file."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{path}: cannot be read ({reason(error)}).") from error
    if isinstance(content, list):
        content = {_sidecar_key(path, column): content}
    columns = {}
    for header, values in content.items():
        values = values if isinstance(values, list) else [values]
        known = any(header in keys for keys in KEYS.values())
        if not known and any(isinstance(v, str | dict | list) for v in values):
            # Sidecars hold more than times.
            continue
        try:
            name, factor = _column_of(path, header)
        except ValueError:
            if known or len(content) == 1:
                raise
            continue
        try:
            columns[name] = factor * np.array([float(value) for value in values])
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"{path}: {header} must be numbers, got {shown(values)}."
            ) from None
    if not columns:
        raise ValueError(f"{path}: expected an object with EchoTime or the like.")
    longest = max(len(values) for values in columns.values())
    # One number holds for all.
    return {
        name: np.full(longest, values[0]) if len(values) == 1 else values
        for name, values in columns.items()
    }


def _sidecar_key(path, column):
    """Return the key of numbers without a name."""
    if column is None:
        raise ValueError(
            f"{path}: does not say what its numbers are; write a header such as "
            'TE (ms), or {"EchoTime": [...]} in seconds.'
        )
    return KEYS[column][0]


def _from_text(path, text, column):
    """Return columns of a text file."""
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    lines = [line for line in lines if line][: _MOST_ROWS + 1]
    if not lines:
        raise ValueError(f"{path}: is empty, expected times or angles.")
    mark = _separator(lines)
    rows = [_split(line, mark) for line in lines]
    header = None
    if any(_as_number(cell) is None for cell in rows[0]):
        # Names of columns may hold blanks, numbers do not.
        header = rows.pop(0)
        if mark is None and len(rows) and len(rows[0]) == 1:
            header = [lines[0]]
        elif mark is None:
            header = _split_header(lines[0])
    if not rows:
        raise ValueError(f"{path}: has a header and no numbers.")
    if header is None:
        # All in one line.
        rows = [[cell] for cell in rows[0]] if len(rows) == 1 else rows
        header = [_sidecar_key(path, column)]
    table = []
    for number, row in enumerate(rows, start=len(lines) - len(rows) + 1):
        values = [_as_number(cell) for cell in row]
        if len(row) != len(header) or None in values:
            raise ValueError(
                f"{path}: row {number} has {shown(row)}, expected "
                f"{len(header)} number{'s' if len(header) > 1 else ''}."
            )
        table.append(values)
    columns = {}
    for header_cell, values in zip(header, zip(*table, strict=True), strict=True):
        name, factor = _column_of(path, header_cell.strip().strip('"'))
        if name in columns:
            raise ValueError(f"{path}: has two columns of {name}.")
        columns[name] = factor * np.array(values, dtype=np.float64)
    return columns


def _separator(lines):
    """Return what stands between columns, None for blanks."""
    for mark in (";", "\t"):
        if any(mark in line for line in lines):
            return mark
    # Elsewhere a comma may be that of decimals.
    has_header = any(letter.isalpha() for letter in lines[0].replace("e", ""))
    return "," if "," in lines[0] and (has_header or len(lines) == 1) else None


def _split(line, mark):
    cells = line.split() if mark is None else line.split(mark)
    return [cell.strip() for cell in cells]


def _split_header(line):
    """Return names with units, where blanks are all that is between: TE (ms) TR (s)."""
    return re.findall(r"[^\s(\[]+(?:\s*[(\[][^)\]]*[)\]])?", line)


def _as_number(text):
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
