"""Lines of text split into numbers: separators, decimal commas, and their errors."""

import re
from typing import NamedTuple

import numpy as np

from ._files import DecayFileError, shown

_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+([eEdD][-+]?\d+)?")
# A blank before a unit in brackets or around a slash parts no columns.
_INSIDE_NAME = re.compile(r"\s+(?=[(\[])|\s*/\s*")


class Layout(NamedTuple):
    """How the lines of a file are split."""

    separator: str | None
    """Sign between columns; None stands for blanks."""
    comma: bool
    """Whether numbers have decimal commas."""

    def split(self, line):
        """Return the entries of a line."""
        if self.separator is None:
            return line.split()
        # An empty last entry comes from a separator at the end of the line.
        # No regular expression: it takes quadratic time for a line of blanks.
        parts = line.rstrip(self.separator + " \t").split(self.separator)
        return [entry.strip() for entry in parts]

    def number(self, entry):
        """Return the number of an entry, or None; 1_000 is Python's, not a file's."""
        if self.comma:
            # With both signs, which of them parts thousands is anybody's guess.
            if "." in entry or entry.count(",") > 1:
                return None
            entry = entry.replace(",", ".")
        try:
            return None if "_" in entry else float(entry)
        except ValueError:
            return None


def find_layout(line):
    """Return the layout that a line of numbers has."""
    for separator in (";", "\t"):
        if separator in line:
            parts = line.rstrip(separator + " ").split(separator)
            comma = any(_DECIMAL_COMMA.fullmatch(part.strip()) for part in parts)
            return Layout(separator, comma)
    if "," in line:
        parts = line.split()
        if len(parts) > 1 and all(_DECIMAL_COMMA.fullmatch(part) for part in parts):
            return Layout(None, True)
        return Layout(",", False)
    return Layout(None, False)


def split_header(line, layout, count):
    """Return the entries of a header line, as many as columns if it has them."""
    entries = layout.split(line)
    if len(entries) == count:
        return entries
    tries = [Layout(sign, False).split(line) for sign in ("\t", ";", ",")]
    tries.append(_INSIDE_NAME.sub(_keep_slash, line).split())
    tries.append([part.strip() for part in re.split(r"\s{2,}", line[:10_000])])
    return next((one for one in tries if len(one) == count), entries)


def _keep_slash(match):
    return "/" if "/" in match[0] else ""


def read_rows(path, lines, layout):
    """Return numbers (n_rows, n_columns) of lines of one length."""
    rows = []
    for number, line in lines:
        entries = layout.split(line)
        row = [
            read_number(entry, layout, f"{path}:{number}", column)
            for column, entry in enumerate(entries, start=1)
        ]
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
    return np.array(rows)


def read_number(entry, layout, where, column):
    """Return the number of an entry, or raise with file and line."""
    value = layout.number(entry)
    if value is None:
        if _is_complex(entry):
            raise DecayFileError(
                f"{where}: column {column} is complex, got {shown(entry)}; "
                "write its real and imaginary parts into two columns, or the real part "
                "after skrelax.io.correct_phase."
            )
        hint = ""
        if layout.comma and "." in entry:
            hint = "; other numbers have decimal commas"
        elif _DECIMAL_COMMA.fullmatch(entry):
            hint = "; write decimal points, not commas"
        raise DecayFileError(
            f"{where}: expected a number in column {column}, got {shown(entry)}{hint}."
        )
    if not np.isfinite(value):
        raise DecayFileError(
            f"{where}: column {column} is not finite, got {shown(entry)}."
        )
    return value


def _is_complex(entry):
    try:
        return "j" in entry and complex(entry) is not None
    except ValueError:
        return False
