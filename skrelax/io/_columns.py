"""Lines of text split into numbers: separators, decimal commas, and their errors."""

import csv
import re
from typing import NamedTuple

import numpy as np

from ._files import DecayFileError, shown

_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+([eEdD][-+]?\d+)?")
_WHOLE = re.compile(r"[-+]?\d+")
# Double precision as Fortran writes it.
_FORTRAN = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))(?:[dDeE]([-+]?\d+))?")
_LONGEST_NUMBER = 40
# What lines of numbers begin with.
_NUMERIC_START = re.compile(r"""["';,\s]*[-+−.]?\d""")
_LONGEST_HEADER = 10_000
# Lines after the numbers that are looked at for the last of them.
_MOST_AFTER = 200
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
        if '"' in line:
            found = _split_quoted(line, self.separator)
            if found is not None:
                return found
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
        if "_" in entry:
            return None
        try:
            return float(entry)
        except ValueError:
            return _number_of_others(entry)


def _number_of_others(entry):
    """Return the number that Fortran or a typesetter has written, or None."""
    # Typesetting has a minus of its own.
    match = _FORTRAN.fullmatch(entry[:_LONGEST_NUMBER].replace("−", "-"))
    return None if match is None else float(f"{match[1]}e{match[2] or 0}")


def _split_quoted(line, separator):
    """Return entries of which some stand in quotes, None if they make no sense."""
    line = " ".join(line.split()) if separator is None else line
    sign = separator or " "
    try:
        (row,) = csv.reader(
            [line.rstrip(sign + " \t")], delimiter=sign, skipinitialspace=True
        )
    except (csv.Error, ValueError):  # entries without an end
        return None
    return [entry.strip() for entry in row]


def find_layout(lines):
    """Return the layout of numbered lines of text and, at their end, of numbers.

    Any of them may show that commas are decimal: others may have whole numbers alone.
    """
    last = _last_numbers(lines)
    for separator in (";", "\t"):
        if separator in last:
            return _with_commas(Layout(separator, False), lines)
    if "," not in last:
        return Layout(None, any(_is_row_of_commas(line) for _, line in lines))
    if _is_row_of_commas(last):
        return Layout(None, True)
    # Quotes alone tell decimal commas from those between columns.
    return _with_commas(
        Layout(",", False), [(0, line) for _, line in lines if '"' in line]
    )


def _last_numbers(lines):
    """Return the last line that begins with a number, or the last of all."""
    for _, line in lines[: -_MOST_AFTER - 1 : -1]:
        if _NUMERIC_START.match(line):
            return line
    return lines[-1][1]


def _with_commas(layout, lines):
    return layout._replace(
        comma=any(
            _DECIMAL_COMMA.fullmatch(part)
            for _, line in lines
            if "," in line
            for part in layout.split(line)
        )
    )


def _is_row_of_commas(line):
    """Return whether blanks part numbers, some of which have decimal commas."""
    if "," not in line:
        return False
    parts = line.split()
    commas = [bool(_DECIMAL_COMMA.fullmatch(part)) for part in parts]
    return (
        len(parts) > 1
        and any(commas)
        and all(
            comma or _WHOLE.fullmatch(part)
            for comma, part in zip(commas, parts, strict=True)
        )
    )


def split_header(line, layout, count):
    """Return the entries of a header line, as many as columns if it has them."""
    tries = header_tries(line, layout)
    return next((one for one in tries if len(one) == count), tries[0])


def header_tries(line, layout):
    """Return entries of a header line by all signs that may part them."""
    tries = [layout.split(line)]
    # Longer lines are no header; blanks in them take quadratic time.
    if len(line) <= _LONGEST_HEADER:
        tries += [Layout(sign, False).split(line) for sign in ("\t", ";", ",")]
        tries.append(_INSIDE_NAME.sub(_keep_slash, line).split())
        tries.append([part.strip() for part in re.split(r"\s{2,}", line)])
    return [[entry.strip("'\"") for entry in one] for one in tries]


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
        return entry[-1:] in "ij)" and complex(entry.replace("i", "j")) is not None
    except ValueError:
        return False
