"""Decays of Bruker minispec instruments: index, time in milliseconds, amplitude."""

import re

import numpy as np

from ._columns import Layout, read_rows
from ._files import DecayFileError, shown
from ._recording import Recording

# The instrument writes ten decimals.
_ROW = re.compile(r"\d+\t\d+\.\d{10}\t-?\d+\.\d{10}")
_LOOKED_AT = 3


def recognise(source):
    """Return whether a source is a minispec decay."""
    if source.is_folder:
        return False
    if source.name.endswith(".dps"):
        return True
    lines = [line.strip() for line in source.text_or_nothing()[:1000].splitlines()]
    lines = [line for line in lines if line][:_LOOKED_AT]
    return len(lines) == _LOOKED_AT and all(_ROW.fullmatch(one) for one in lines)


def read(source, options):
    """Return the Recording of a minispec decay."""
    path = source.path
    lines = source.lines()
    layout = Layout("\t" if "\t" in lines[0][1] else None, False)
    if _ROW.fullmatch(lines[0][1]) and not _ROW.fullmatch(lines[-1][1]):
        number, line = lines[-1]
        raise DecayFileError(
            f"{path}:{number}: expected ten decimals as in the lines before, got "
            f"{shown(line)}; was the file cut short?"
        )
    values = read_rows(path, lines, layout)
    if values.shape[1] != 3 or (np.diff(values[:, 0]) != 1).any():
        raise DecayFileError(
            f"{path}: expected the three columns of a minispec, index (0, 1, 2, ...), "
            f"time and amplitude, got {values.shape[1]} columns that start with "
            f"{values[0].tolist()}."
        )
    return Recording(
        format="minispec",
        names=("TE",),
        points=(1e-3 * values[:, 1],),
        signals=values[:, 2:].T,
        kernels=("T2",),
        units=("s",),
        notes=["times in ms, converted to s; the first column counts the echoes"],
        lines=[number for number, _ in lines],
    )
