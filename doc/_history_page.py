"""The page of the history of benchmarks: a line through the runs of each row."""

import json
import math

from _history import read_rows
from _pages import HYPHEN, _row, _seconds, _title, _write

# Size of a picture, and the room around its line [pixels].
WIDTH, HEIGHT, MARGIN = 160, 28, 4
# Smallest range of a picture: a change of a tenth must look small.
LEAST_RANGE = math.log(2.0)


def write_history(folder, target):
    """Write history.rst: rows of this package that ran at least twice.

    Parameters
    ----------
    folder : Path
        Where the histories are, a file per topic, beside the newest results.
    target : Path
        Where the page goes.
    """
    text = _title("History of the benchmarks")
    text += (
        "Each run of a benchmark adds a point to its rows, with commit, machine and "
        "date; ``benchmarks/README.md`` says how, and how a slowdown is found. Points "
        "are medians, on a logarithmic scale of a factor of two or more, the oldest "
        "on the left; hollow ones were taken while other programs used the processor. "
        "*Change* is the last time divided by the first.\n\n"
    )
    rows = [row for row in read_rows(folder) if row.is_ours and len(row.points) >= 2]
    for topic in dict.fromkeys(row.topic for row in rows):
        results = (folder.parent / f"{topic}.json").read_text(encoding="utf-8")
        text += _title(json.loads(results)["title"], "-")
        for machine in dict.fromkeys(row.machine for row in rows if row.topic == topic):
            text += f"{machine}.\n\n"
            text += _table(
                [row for row in rows if (row.topic, row.machine) == (topic, machine)]
            )
    _write(target / "history.rst", text)


def _table(rows):
    """Return a table with a picture per row."""
    text = ".. list-table::\n   :header-rows: 1\n   :align: left\n\n"
    text += _row(["", "", "Runs", "First", "Last", "Change", ""])
    for row in rows:
        first, last = row.points[0], row.points[-1]
        text += _row(
            [
                row.workload,
                row.contestant.replace("-", HYPHEN),
                len(row.points),
                _seconds(first.seconds),
                _seconds(last.seconds),
                f"{last.seconds / first.seconds:.2f}",
                f".. raw:: html\n\n          {_draw(row)}\n",
            ]
        )
    return text + "\n"


def _draw(row):
    """Return a picture in the colour of the text, which fits light and dark pages."""
    heights = [math.log(point.seconds) for point in row.points]
    middle = 0.5 * (min(heights) + max(heights))
    span = max(max(heights) - min(heights), LEAST_RANGE)
    step = (WIDTH - 2 * MARGIN) / (len(heights) - 1)
    places = [
        (
            MARGIN + step * number,
            HEIGHT / 2 - (height - middle) / span * (HEIGHT - 2 * MARGIN),
        )
        for number, height in enumerate(heights)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" stroke="currentColor" '
        f'fill="{"none" if point.disturbed else "currentColor"}"><title>'
        f"{_seconds(point.seconds)}, {point.date}, {point.commit}</title></circle>"
        for point, (x, y) in zip(row.points, places, strict=True)
    )
    label = ", ".join(_seconds(point.seconds) for point in row.points)
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{label}"><polyline points="{line}" fill="none" '
        f'stroke="currentColor" stroke-opacity="0.5"/>{dots}</svg>'
    )
