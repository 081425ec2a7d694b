"""Tables of text with a row for each pair of points of two axes: TI, TE, signal."""

import re

import numpy as np

from ._columns import header_tries, read_rows
from ._files import DecayFileError
from ._units import channel_of, experiment_of

# Names of two axes of one kind: TE_1 (ms), TE 2.
_NUMBERED = re.compile(r"[ _]?[12](?=\s*[(\[]|$)")
# Two axes and a signal, or its real and imaginary part.
_COUNTS = 3, 4


def find_names(source, layout):
    """Return the entries of a header that names two axes and a signal, or None."""
    lines = source.lines()
    numbers = [layout.number(layout.split(line)[0]) for _, line in lines[:2]]
    # The header is the first line, or the last comment before the numbers.
    if numbers[0] is None and numbers[-1] is not None:
        text = lines[0][1]
    elif numbers[0] is not None:
        text = (source.comments() or [""])[-1]
    else:
        return None
    width = len(layout.split(lines[-1][1]))
    for entries in header_tries(text, layout):
        if len(entries) == width and width in _COUNTS and _names_axes(entries):
            return entries
    return None


def _names_axes(entries):
    """Return whether two axes come first, and a signal or its channels after them."""
    rest = [channel_of(text) for text in entries[2:]]
    return (
        None not in [experiment_of(bare_axis(text)) for text in entries[:2]]
        and experiment_of(entries[2]) is None
        and (len(rest) == 1 or rest == ["real", "imaginary"])
    )


def bare_axis(text):
    """Return the name of an axis without its number: TE (ms) of TE_1 (ms)."""
    return _NUMBERED.sub("", text, count=1)


def read_pairs(source, layout):
    """Return points of both axes and the signal (n_1, n_2) on their grid.

    Rows come in any order, one for each pair.
    """
    path, lines = source.path, source.lines()
    start = layout.number(layout.split(lines[0][1])[0]) is None
    values = read_rows(path, lines[start:], layout)
    axes, places = zip(
        *(np.unique(column, return_inverse=True) for column in values[:, :2].T),
        strict=True,
    )
    for place, axis in enumerate(axes, start=1):
        if axis[0] < 0 or axis.size < 2:
            raise DecayFileError(
                f"{path}: column {place} must hold two points of an axis at least, "
                f"none of them negative, got {axis.size} from {axis[0]:g} on."
            )
    shape = tuple(axis.size for axis in axes)
    if len(values) != shape[0] * shape[1]:
        raise DecayFileError(
            f"{path}: expected a row for each pair of {shape[0]} and {shape[1]} "
            f"points, got {len(values)} rows; in Python, a KernelBuilder takes any."
        )
    flat = np.ravel_multi_index(places, shape)
    counts = np.bincount(flat)
    if counts.max() > 1:
        row = values[int((flat == counts.argmax()).argmax())]
        raise DecayFileError(
            f"{path}: {counts.max()} rows of {row[0]:g} and {row[1]:g}: average them."
        )
    signal = values[:, 2] if values.shape[1] == 3 else values[:, 2] + 1j * values[:, 3]
    grid = np.empty(len(values), dtype=signal.dtype)
    grid[flat] = signal
    return axes, grid.reshape(shape)
