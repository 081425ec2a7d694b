"""Parameter files of TopSpin that end too early, which nmrglue reads without end."""

import re

from ._files import DecayFileError
from ._source import Source

_FILES = ("acqus", "acqu2s", "acqu3s", "acqu4s")
_ARRAY = re.compile(r"\(\s*\d+\s*\.\.\s*(\d+)\s*\)(.*)")


def check_parameters(folder):
    """Raise an error where an entry of a parameter file has no end."""
    for name in _FILES:
        path = folder / name
        if path.is_file():
            # Names of people and samples may be in any encoding.
            text = Source(path).content().decode("latin-1")
            _check(path, iter(text.splitlines()))


def _check(path, lines):
    for line in lines:
        entry, equals, text = line.partition("=")
        if not line.startswith("##$") or not equals:
            continue
        array = _ARRAY.match(text.strip())
        if "<" in text:
            whole = ">" in text or any(">" in more for more in lines)
        elif "(" in text:
            # Whatever else stands in brackets, nmrglue takes for the size of an array.
            whole = array is not None and _holds(array, lines)
        else:
            whole = True
        if not whole:
            raise DecayFileError(
                f"{path}: the entry {entry[3:33]!r} has no end; was the file cut short?"
            )


def _holds(array, lines):
    """Return whether as many values follow as an array says; read them."""
    missing = int(array[1][:9]) + 1 - len(array[2].split())
    while missing > 0:
        line = next(lines, None)
        if line is None:
            return False
        missing -= len(line.split())
    return True
