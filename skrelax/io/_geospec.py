"""Text that GeoSpec rock-core analysers write: sections in brackets."""

import numpy as np

from ._columns import find_layout, read_rows
from ._files import DecayFileError
from ._recording import Recording

# Names and kernels of the axes by the number of the test type; those of a T1 test wait
# for the signs of the signal.
_TESTS = {
    3: (("TE", "T2"),),
    7: (("TI", "T1"),),
    105: (("b", "diffusion"),),
    106: (("TI", "T1"), ("TE", "T2")),
    108: (("b", "diffusion"), ("TE", "T2")),
    110: (("TE_1", "T2"), ("TE_2", "T2")),
}
_MARK = "testtype"


def recognise(source):
    """Return whether a source is GeoSpec text."""
    text = source.text_or_nothing()
    return "[Data]" in text and _MARK in text[:20_000].lower()


def read(source, options):
    """Return the Recording of GeoSpec text."""
    path, lines = source.path, source.lines()
    place = next(
        (i for i, (_, line) in enumerate(lines) if line.strip() == "[Data]"), None
    )
    if place is None:
        raise DecayFileError(f"{path}: expected a section [Data], found none.")
    settings = _settings(lines[:place])
    kind = _whole(settings.get(_MARK, ""))
    if kind not in _TESTS:
        raise DecayFileError(
            f"{path}: expected a TestType of {', '.join(map(str, _TESTS))}, got "
            f"{settings.get(_MARK)!r}."
        )
    rows = lines[place + 1 :]
    # A line with the names of the columns comes first.
    if rows and find_layout(rows[:1]).number(rows[0][1].split()[0]) is None:
        rows = rows[1:]
    if not rows:
        raise DecayFileError(f"{path}: the section [Data] is empty.")
    values = read_rows(path, rows, find_layout(rows))
    if values.shape[1] != 4:
        raise DecayFileError(
            f"{path}:{rows[0][0]}: expected four columns (two axes, real, imaginary), "
            f"got {values.shape[1]}."
        )
    return _recording(path, settings, _TESTS[kind], values)


def _settings(lines):
    found = {}
    for _, line in lines:
        name, equals, value = line.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _whole(text):
    try:
        return int(text)
    except ValueError:
        return None


def _recording(path, settings, axes, values):
    """Return the Recording of rows of two axes, real and imaginary channels."""
    signal = values[:, 2] + 1j * values[:, 3]
    sizes = [_whole(part) for part in settings.get("dimensions", "").split(",")]
    if None in sizes or len(sizes) != 2:
        sizes = [len(values), 1]
    if sizes[0] * sizes[1] != len(values):
        raise DecayFileError(
            f"{path}: Dimensions are {sizes[0]} x {sizes[1]}, but [Data] has "
            f"{len(values)} rows; was the file cut short?"
        )
    notes = []
    if len(axes) == 1:
        points, signals = [values[:, 0]], signal[None]
    else:
        # The train varies fastest.
        points = [values[:: sizes[0], 1], values[: sizes[0], 0]]
        signals = signal.reshape(1, sizes[1], sizes[0])
    units = []
    for axis, (name, _) in enumerate(axes):
        if name == "b":
            units.append("")
            notes.append("b values are taken as they are")
        else:
            points[axis] = 1e-3 * points[axis]
            units.append("s")
    if "s" in units:
        notes.append("times in ms, converted to s")
    return Recording(
        format="geospec",
        names=tuple(name for name, _ in axes),
        points=tuple(np.array(one) for one in points),
        signals=signals,
        kernels=tuple(kernel for _, kernel in axes),
        units=tuple(units),
        notes=notes,
    )
