"""Text with the points of two axes along its edges, or in its first two columns."""

import re

import numpy as np

from ._columns import find_layout, read_number
from ._files import DecayFileError
from ._plane_table import bare_axis, find_names, read_pairs
from ._recording import Recording
from ._units import experiment_of, split_unit

# A corner that may name both axes, with or without units: TI (ms) / TE (ms).
_NAME = r"([^\W\d_]+(?: [^\W\d_]+)?(?:\s*[(\[][^)\]]*[)\]])?)"
_CORNER = re.compile(rf"\s*{_NAME}\s*[/\\|]\s*{_NAME}\s*")


def recognise(source):
    """Return whether a source is a matrix or a table whose names are two axes."""
    if source.is_folder:
        return False
    text = source.text_or_nothing()
    if not text:
        return False
    lines = source.lines()
    layout = find_layout(lines)
    if find_names(source, layout) is not None:
        return True
    entries = layout.split(lines[0][1])
    if len(lines) < 3 or len(entries) < 3 or _axes_of(entries[0]) is None:
        return False
    return all(layout.number(entry) is not None for entry in entries[1:])


def read(source, options):
    """Return the Recording of a text matrix."""
    path, lines = source.path, source.lines()
    layout = find_layout(lines)
    names = find_names(source, layout)
    if names is not None:
        (first, second), signal = read_pairs(source, layout)
        return _named(names[:2], first, second, signal)
    rows = [(number, layout.split(line)) for number, line in lines]
    number, edge = rows[0]
    width = len(rows[-1][1])
    if len(rows) < 3 or width < 3:
        raise DecayFileError(
            f"{path}: expected a matrix of two points at least along each axis, with "
            f"the points along its edges, got {len(rows)} lines of {width} entries."
        )
    corner = edge[0] if len(edge) == width else ""
    # A corner that is blank is no entry where blanks separate.
    edge = edge[1:] if len(edge) == width else edge
    if len(edge) != width - 1:
        raise DecayFileError(
            f"{path}:{number}: expected the {width - 1} points of the second axis, got "
            f"{len(edge)} entries."
        )
    second = np.array(_numbers(path, number, edge, layout, width - len(edge)))
    matrix = []
    for number, entries in rows[1:]:
        if len(entries) != width:
            raise DecayFileError(
                f"{path}:{number}: expected {width} entries as below, got "
                f"{len(entries)}."
            )
        matrix.append(_numbers(path, number, entries, layout))
    matrix = np.array(matrix)
    first = matrix[:, 0]
    for where, points in (("first line", second), ("first column", first)):
        # Signals in their place turn somewhere, or are negative.
        wrong = np.append(points[0] < 0, np.diff(points) <= 0)
        if wrong.any():
            at = int(wrong.argmax())
            before = f" after {points[at - 1]:g}" if at else ""
            raise DecayFileError(
                f"{path}: the {where} must hold the points of an axis, increasing and "
                f"not negative, got {points[at]:g}{before}; is an edge missing? If "
                "not, sort the points."
            )
    texts = _axes_of(corner) or ("", "")
    return _named(texts, first, second, matrix[:, 1:])


def _axes_of(corner):
    """Return the two names of a corner, None where it names no two quantities."""
    match = _CORNER.fullmatch(corner[:100])
    if match is None or None in [experiment_of(one) for one in match.groups()]:
        return None
    return match.groups()


def _share_unit(texts):
    """Return names of axes of times with the one unit that is there: TI / TE (ms)."""
    units = [split_unit(text)[1] for text in texts]
    if sorted(units) != ["", "s"] or "b" in [experiment_of(text)[0] for text in texts]:
        return texts
    given = split_unit(texts[units.index("s")])[3]
    return [
        text if unit else f"{text} ({given})"
        for text, unit in zip(texts, units, strict=True)
    ]


def _named(texts, first, second, signal):
    """Return the Recording with what texts say of both axes."""
    texts = [bare_axis(text) for text in texts]
    texts = _share_unit(texts) if texts[0] else texts
    names, units, kernels, points, notes = [], [], [], [], []
    for text, one in zip(texts, (first, second), strict=True):
        name, unit, factor, given = split_unit(text)
        experiment = experiment_of(text) if text else None
        names.append(experiment[0] if experiment else "")
        kernels.append(experiment[1] if experiment else None)
        units.append(unit)
        points.append(one * factor)
        if factor != 1.0:
            notes.append(f"{name} in {given}, converted to {unit}")
    return Recording(
        format="matrix",
        names=tuple(names),
        points=tuple(points),
        signals=signal[None],
        kernels=None if None in kernels else tuple(kernels),
        units=tuple(units),
        notes=notes,
    )


def _numbers(path, line, entries, layout, before=0):
    """Return finite numbers of the entries of a line, after some that are none."""
    where = f"{path}:{line}"
    return [
        read_number(entry, layout, where, column)
        for column, entry in enumerate(entries, start=1 + before)
    ]
