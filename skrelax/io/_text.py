"""Tables of text: first the times, then one or more signals."""

import re

import numpy as np

from ._columns import find_layout, header_tries, read_rows, split_header
from ._files import DecayFileError, clean_label, distinct, shown
from ._recording import Recording
from ._units import (
    channel_of,
    counts,
    experiment_of,
    is_surely_time,
    is_time_name,
    is_unit,
    split_unit,
    unit_factor,
    unknown_unit,
)

# Lines of text that may come before the numbers.
_MOST_HEADERS = 200
# Rows from which a column that counts is no coincidence.
_COUNTED = 4
# How far a column of times may be from a multiple of a counter, of its range.
_ROUNDED = 1e-4
_WORD = re.compile(r"\W*[^\W\d_]{2,}")


def recognise(source):
    """Return whether a source is a file; text is what all others are not."""
    return not source.is_folder


def read(source, options):
    """Return the Recording of a table of text."""
    path, lines = source.path, source.lines()
    layout = find_layout(lines)
    headers, lines = _part_headers(path, lines, layout)
    values = read_rows(path, lines, layout)
    count = values.shape[1]
    headers = headers or _in_comments(source, layout, count)
    header, named, notes, marks = _header(headers, layout, values)
    _check_commas(path, headers, layout, values)
    if layout.comma:
        notes.append("numbers have decimal commas")
    if values.shape[1] > 2 and _numbers_times(values):
        header = _without_counter(path, values, header, named, notes)
        values = values[:, -len(header) :]
    values, header = _times_first(values, header, notes)
    values, header = _without_numbers_of_rows(values, header, notes)
    name = header[0] if named else None
    first = _numbered(path, values, name, options.echo_spacing, (notes, marks))
    if first is not None:
        values = np.column_stack([first, values[:, 1:]])
        header = ["TE (s)", *header[1:]]
    points, name, unit, kernels = _times(values[:, 0], header, notes, marks)
    labels = [clean_label(text, f"signal {i}") for i, text in enumerate(header[1:], 1)]
    columns = values[:, 1:].T
    signals, labels = _channels(path, columns, labels, options.pairs, (notes, marks))
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
        spaced=first is not None,
    )


def _part_headers(path, lines, layout):
    """Return the lines of text before the numbers, and the others."""
    width = len(layout.split(lines[-1][1]))
    for count, (number, line) in enumerate(lines):
        if _is_row(layout.split(line), layout, width, len(lines) - count - 1):
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


def _is_row(entries, layout, width, n_after):
    """Return whether entries are a row of numbers, one of which may be spoilt."""
    numbers = [layout.number(entry) for entry in entries]
    missing = sum(one is None for one in numbers)
    if not numbers or missing == len(numbers):
        return False
    if len(numbers) == 1:
        # The number of lines that follow is no row.
        return numbers[0] != n_after
    if numbers[0] is not None:
        # "25 C in the lab" begins with a number, too.
        return missing <= len(numbers) / 2 or len(numbers) == width
    return missing == 1 and not _WORD.match(entries[0])


def _in_comments(source, layout, count):
    """Return the header that a comment before the numbers is, as programs write it."""
    for text in source.comments()[-2:][::-1]:
        entries = split_header(text, layout, count)
        if len(entries) == count and is_time_name(entries[0]):
            return [(0, text)]
    return []


def _header(headers, layout, values):
    """Return names of the columns, whether they are given, notes and marks."""
    notes, marks, units = [], [], None
    names, count = None, values.shape[1]
    for _, line in reversed(headers):
        entries = split_header(line, layout, count)
        if len(entries) == count - 1 > 1 and _counts_rows(values):
            # R does not name the column of its row numbers.
            entries = ["row", *entries]
        if len(entries) != count:
            continue
        if units is None and all(is_unit(entry) for entry in entries):
            units = entries
            continue
        if not is_time_name(entries[0]) and any(
            layout.number(entry) is not None for entry in entries
        ):
            # Such as "Sample,3".
            continue
        names = entries
        break
    named = names is not None
    if not named:
        marks += _not_understood(headers, layout, count)
        names = ["time", *(f"signal {i}" for i in range(1, count))]
        if count == 2:
            names[1] = "signal"
    if units is not None and unit_factor(units[0])[0]:
        names = [f"{names[0]} ({units[0].strip('()[] ')})", *names[1:]]
    if len(headers) > 1:
        notes.append(f"{len(headers)} lines of text before the numbers")
    return names, named, notes, marks


def _not_understood(headers, layout, count):
    """Return a mark in a list where a header says something that is not taken."""
    for _, line in reversed(headers):
        # Blanks part the words of any text.
        entries = max(header_tries(line, layout)[1:4] or [[]], key=len)
        if len(entries) > 1 and is_time_name(entries[0]):
            told = ", ".join(clean_label(one, "unnamed") for one in entries[:4])
            return [
                f"the header has {len(entries)} names ({told}), but there are {count} "
                "columns: names are left out, and numbers are taken as they are"
            ]
    # A unit in a line that is not understood is still a unit.
    for _, line in headers:
        found = split_unit(line.replace("\t", " ").split(",")[0].split(")")[0])
        if found[1]:
            return [
                f"the header names a unit, {found[3]!r}, but has no name for each "
                f"of {count} columns: numbers are taken as they are"
            ]
    return []


def _check_commas(path, headers, layout, values):
    """Refuse decimal commas beside commas between columns, which double the columns."""
    count = values.shape[1]
    if layout.separator != "," or count < 4 or count % 2 or (values % 1 != 0).any():
        return
    half = any(
        len(split_header(line, layout, count)) == count // 2 for _, line in headers
    )
    repeated = len(values) > 2 and (np.diff(np.sort(values[:, 0])) == 0).any()
    if half or (repeated and not headers):
        raise DecayFileError(
            f"{path}: {count} columns of whole numbers between commas"
            + (f", but {count // 2} names: " if half else ": ")
            + "are these decimal commas? Write decimal points, or semicolons between "
            "columns."
        )


def _counts_rows(values):
    """Return whether the first column only counts, up or down."""
    steps = np.diff(values[:, 0])
    whole = (values[:, 0] % 1 == 0).all() and len(values) >= _COUNTED
    return bool(whole and abs(steps[0]) == 1.0 and (steps == steps[0]).all())


def _numbers_times(values):
    """Return whether the first column is the number of the times in the second.

    Numbers of which some are missing are told by times that are a multiple of them.
    """
    first, second = values[:, 0], values[:, 1]
    if len(values) < _COUNTED or (np.diff(second) <= 0).any():
        return False
    if _counts_rows(values):
        return True
    if (first % 1 != 0).any() or (np.diff(first) <= 0).any():
        return False
    line = np.polynomial.Polynomial.fit(first, second, 1)
    # Two multiples of each other, such as times in two units, are no counter.
    return bool(np.abs(line(first) - second).max() <= _ROUNDED * np.ptp(second))


def _without_counter(path, values, header, named, notes):
    """Return the names without that of a first column that only counts rows."""
    first, second = values[:, 0], values[:, 1]
    if named and is_time_name(header[0]) and not is_time_name(header[1]):
        return header
    if named and is_time_name(header[1]):
        name = clean_label(header[0], "unnamed")
        notes.append(f"column 1, {name!r}, counts the rows")
        return header[1:]
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


def _without_numbers_of_rows(values, header, notes):
    """Return columns and names without further columns that are called a counter."""
    kept = [0]
    for place in range(1, len(header)):
        if counts(header[place]) and _counts_rows(values[:, place:]):
            name = clean_label(header[place], "unnamed")
            notes.append(f"column {place + 1}, {name!r}, counts the rows")
        else:
            kept.append(place)
    if len(kept) < 2:
        return values, header
    return values[:, kept], [header[place] for place in kept]


def _numbered(path, values, name, spacing, said):
    """Return times where the first column counts echoes whose spacing is given.

    None where it holds times itself; without a spacing, a counter by its name is an
    error, and one by its numbers alone a mark.
    """
    (notes, marks), first = said, values[:, 0]
    named = name is not None and counts(name)
    if not _counts_rows(values) or not (named or name is None):
        return None
    if spacing is not None:
        notes.append(f"column 1 counts echoes, {1e6 * spacing:g} us each")
        return spacing * (first - first.min() + 1.0)
    words = (
        f"column 1 counts {first[0]:g}, {first[1]:g}, {first[2]:g}, ...; "
        "the time between echoes makes times of it (echo_spacing, --echo-spacing, in "
        "seconds)"
    )
    if named:
        raise DecayFileError(f"{path}: {words}.")
    if first[0] in (0.0, 1.0):
        marks.append(words)
    return None


def _times(points, header, notes, marks):
    """Return points in seconds or s/m², their name and unit, and the kernels."""
    name, unit, factor, given = split_unit(header[0])
    experiment = experiment_of(header[0])
    kernels = None if experiment is None else (experiment[1],)
    name = clean_label(name, "time")
    strange = "" if unit else unknown_unit(header[0])
    if strange:
        marks.append(
            f"the unit of the first column, {clean_label(strange, '?')!r}, is not "
            "known: numbers are taken as they are"
        )
    elif unit and split_unit(name)[1]:
        marks.append(
            f"the first column, {clean_label(header[0], '?')!r}, has two units: "
            f"{given} is taken"
        )
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


def _channels(path, signals, labels, pairs, said):
    """Return signals and labels, with real and imaginary columns made one.

    `said` are the lists of notes and of marks.
    """
    notes, marks = said
    channels = [channel_of(label) for label in labels]
    real, imaginary = (
        [place for place, one in enumerate(channels) if one == kind]
        for kind in ("real", "imaginary")
    )
    others = [one for one in channels if one not in ("real", "imaginary")]
    # Magnitudes and phases say nothing that the channels do not.
    sound = len(real) == len(imaginary) > 0 and None not in others
    if pairs is None:
        pairs = sound
        if not pairs and (real or imaginary):
            named = ", ".join(labels[place] for place in sorted(real + imaginary)[:4])
            marks.append(
                f"columns {named} are named as channels, but each column is taken for "
                "a signal; pairs=True (--complex) takes pairs of columns for one"
            )
    if not pairs:
        return signals, labels
    if not sound:
        if len(signals) % 2:
            raise DecayFileError(
                f"{path}: expected pairs of columns, real and imaginary, after the "
                f"times, got {len(signals)} columns."
            )
        real, imaginary = range(0, len(signals), 2), range(1, len(signals), 2)
    elif others:
        named = zip(labels, channels, strict=True)
        left = [repr(label) for label, one in named if one in others]
        notes.append(f"column {', '.join(left)} is left out")
    notes.append("columns are real and imaginary channels")
    channel = channels[real[0]] == "real" or labels[real[0]] == "signal 1"
    signals = signals[list(real)] + 1j * signals[list(imaginary)]
    if channel:
        labels = [f"signal {i}" for i in range(1, 1 + len(signals))]
        return signals, ["signal"] if len(signals) == 1 else labels
    return signals, [labels[place] for place in real]
