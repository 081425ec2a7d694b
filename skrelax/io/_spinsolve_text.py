"""Text files of Magritek Spinsolve spectrometers: parameters, and rows of numbers."""

import gzip
import zlib

import numpy as np

from ._files import DecayFileError, reason

# Characters of a line, beyond any experiment: a small gzip file may hold endless ones.
_LONGEST_LINE = 1 << 26
# Longest part of an error about a number that is repeated.
_SHOWN_ERROR = 80


def _check_file(path):
    if not path.is_file():
        raise DecayFileError(
            f"{path}: cannot be read ("
            f"{'not a regular file' if path.exists() else 'no such file'})."
        )


def read_parameters(path):
    """Return the ``name = value`` lines of a parameter file."""
    _check_file(path)
    settings = {}
    try:
        # Names of samples may be in any encoding; the numbers are in ASCII.
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except (OSError, MemoryError) as error:
        raise DecayFileError(f"{path}: cannot be read ({reason(error)}).") from error
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals:
            continue
        value = value.strip()
        try:
            settings[name.strip()] = float(value)
        except ValueError:
            settings[name.strip()] = value.strip('"')
    return settings


def read_rows(path):
    """Return rows of one length, with commas or blanks between their numbers."""
    _check_file(path)
    rows = []
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig") as file:
            lines = iter(lambda: file.readline(_LONGEST_LINE), "")
            for number, line in enumerate(lines, start=1):
                if len(line) == _LONGEST_LINE:
                    raise DecayFileError(f"{path}:{number}: a line without an end.")
                if line.strip():
                    rows.append(_row(path, number, line, rows))
    except (OSError, UnicodeDecodeError, EOFError, zlib.error, MemoryError) as error:
        raise DecayFileError(f"{path}: cannot be read ({reason(error)}).") from error
    if not rows:
        raise DecayFileError(f"{path}: no data.")
    return np.array(rows)


def _row(path, number, line, rows):
    """Return the numbers of a line, as many as in the rows before."""
    line = line.strip().strip(",")
    parts = line.split("," if "," in line else None)
    try:
        row = np.array([float(part) for part in parts])
    except ValueError as error:
        raise DecayFileError(
            f"{path}:{number}: {reason(error)[:_SHOWN_ERROR]}."
        ) from None
    if not np.isfinite(row).all():
        raise DecayFileError(f"{path}:{number}: NaN or infinite value.")
    if rows and len(row) != len(rows[0]):
        raise DecayFileError(
            f"{path}:{number}: expected {len(rows[0])} numbers, got {len(row)}."
        )
    return row
