"""Tables of text: first the times, then one or more signals."""

import numpy as np

from ._columns import find_layout, read_rows, split_header
from ._files import DecayFileError, clean_label, distinct, shown
from ._recording import Recording
from ._units import (
    channel_of,
    experiment_of,
    is_surely_time,
    is_time_name,
    is_unit,
    split_unit,
    unit_factor,
)

# Lines of text that may come before the numbers.
_MOST_HEADERS = 200
# Rows from which a column that counts is no coincidence.
_COUNTED = 4


def recognise(source):
    """Return whether a source is a file; text is what all others are not."""
    return not source.is_folder


def read(source, options):
    """Return the Recording of a table of text."""
    path, lines = source.path, source.lines()
    layout = find_layout(lines[-1][1])
    headers, lines = _part_headers(path, lines, layout)
    values = read_rows(path, lines, layout)
    count = values.shape[1]
    header, notes, marks = _header(
        headers or _in_comments(source, layout, count), layout, count
    )
    if layout.comma:
        notes.append("numbers have decimal commas")
    values, header = _without_counter(path, values, header, notes)
    values, header = _times_first(values, header, notes)
    points, name, unit, kernels = _times(values[:, 0], header, notes, marks)
    labels = [clean_label(text, f"signal {i}") for i, text in enumerate(header[1:], 1)]
    signals, labels = _channels(path, values[:, 1:].T, labels, options.pairs, notes)
    return Recording(
        format="text",
        names=(name,),
        points=(points,),
        signals=signals,
        kernels=kernels,
        units=(unit,),
        labels=distinct(labels),
        notes=notes,
        lines=[number for number, _ in lines],
        marks=marks,
    )


def _part_headers(path, lines, layout):
    """Return the lines of text before the numbers, and the others."""
    for count, (number, line) in enumerate(lines):
        numbers = [layout.number(entry) for entry in layout.split(line)]
        if numbers and (numbers[0] is not None or _mostly(numbers)):
            return lines[:count], lines[count:]
        if count == _MOST_HEADERS:
            raise DecayFileError(
                f"{path}:{number}: expected a number in column 1 after "
                f"{_MOST_HEADERS} lines of text, got {shown(line)}."
            )
    entry = layout.split(lines[-1][1])[0]
    raise DecayFileError(
        f"{path}: a header, but no rows of numbers"
        + (f", got {shown(entry)} in the last line." if entry.strip() else ".")
    )


def _in_comments(source, layout, count):
    """Return the header that a comment before the numbers is, as programs write it."""
    for text in source.comments()[-2:][::-1]:
        entries = split_header(text, layout, count)
        if len(entries) == count and is_time_name(entries[0]):
            return [(0, text)]
    return []


def _mostly(numbers):
    """Return whether entries are a row of numbers, one of which is spoilt."""
    return len(numbers) > 1 and sum(one is None for one in numbers) == 1


def _header(headers, layout, count):
    """Return names of the columns, notes and marks from the lines before them."""
    notes, marks, units = [], [], None
    names = None
    for _, line in reversed(headers):
        entries = split_header(line, layout, count)
        if len(entries) != count:
            continue
        if units is None and all(is_unit(entry) for entry in entries):
            units = entries
            continue
        names = entries
        break
    if names is None:
        # A unit in a line that is not understood is still a unit.
        for _, line in headers:
            found = split_unit(line.replace("\t", " ").split(",")[0].split(")")[0])
            if found[1]:
                marks.append(
                    f"the header names a unit, {found[3]!r}, but has no name for each "
                    f"of {count} columns: numbers are taken as they are"
                )
                break
        names = ["time", *(f"signal {i}" for i in range(1, count))]
        if count == 2:
            names[1] = "signal"
    if units is not None and unit_factor(units[0])[0]:
        names = [f"{names[0]} ({units[0].strip('()[] ')})", *names[1:]]
    if len(headers) > 1:
        notes.append(f"{len(headers)} lines of text before the numbers")
    return names, notes, marks


def _without_counter(path, values, header, notes):
    """Return columns and names without a first column that only counts rows."""
    first, second = values[:, 0], values[:, 1]
    if (
        len(values) < _COUNTED
        or values.shape[1] < 3
        or first[0] not in (0.0, 1.0)
        or (np.diff(first) != 1.0).any()
        or (np.diff(second) <= 0).any()
    ):
        return values, header
    named = header[0] != "time" or header[1] != "signal 1"
    if named and is_time_name(header[0]) and not is_time_name(header[1]):
        return values, header
    if named and is_time_name(header[1]):
        notes.append(
            f"column 1, {clean_label(header[0], 'unnamed')!r}, counts the rows"
        )
        return values[:, 1:], header[1:]
    raise DecayFileError(
        f"{path}: column 1 counts {first[0]:g}, {first[1]:g}, {first[2]:g}, ... and "
        f"column 2 increases from {second[0]:g} to {second[-1]:g}: which are the "
        "times? Take the counter out, or name the columns in a header."
    )


def _times_first(values, header, notes):
    """Return columns and names, with the one that is named as times moved to front."""
    if is_time_name(header[0]):
        return values, header
    places = [i for i, text in enumerate(header) if is_surely_time(text)]
    if len(places) != 1:
        return values, header
    (place,) = places
    name = clean_label(header[place], "unnamed")
    notes.append(f"column {place + 1}, {name!r}, holds the times")
    order = [place, *(i for i in range(len(header)) if i != place)]
    return values[:, order], [header[i] for i in order]


def _times(points, header, notes, marks):
    """Return points in seconds or s/m², their name and unit, and the kernels."""
    name, unit, factor, given = split_unit(header[0])
    experiment = experiment_of(header[0])
    kernels = None if experiment is None else (experiment[1],)
    name = clean_label(name, "time")
    if unit and experiment and (unit == "s/m²") != (experiment[1] == "diffusion"):
        marks.append(
            f"the header calls the first column {name}, but its unit is {given}: "
            "numbers are taken as they are"
        )
        return points, name, "", kernels
    if factor != 1.0:
        notes.append(f"{name} in {given}, converted to {unit}")
        # No infinite numbers from such as 1e308 minutes.
        with np.errstate(over="ignore"):
            points = np.clip(points * factor, -np.finfo(float).max, np.finfo(float).max)
    return points, name, unit, kernels


def _channels(path, signals, labels, pairs, notes):
    """Return signals and labels, with real and imaginary columns made one."""
    channels = [channel_of(label) for label in labels]
    if pairs is None:
        pairs = channels[:2] == ["real", "imaginary"]
        if pairs:
            extra = len(channels) % 2 == 1 and channels[-1] == "magnitude"
            if extra:
                notes.append(f"column {labels[-1]!r} is left out")
                signals, labels, channels = signals[:-1], labels[:-1], channels[:-1]
            pairs = channels == ["real", "imaginary"] * (len(channels) // 2)
    if not pairs:
        return signals, labels
    if len(signals) % 2:
        raise DecayFileError(
            f"{path}: expected pairs of columns, real and imaginary, after the times, "
            f"got {len(signals)} columns."
        )
    notes.append("columns are real and imaginary channels")
    signals = signals[0::2] + 1j * signals[1::2]
    if channels[0] == "real" or labels[0] == "signal 1":
        labels = [f"signal {i}" for i in range(1, 1 + len(signals))]
        return signals, ["signal"] if len(signals) == 1 else labels
    return signals, labels[::2]
