"""Compare the last run of each row with the one before on the same machine.

Ends with 1 if a row of this package takes over a tenth longer than before. Runs during
which other programs used the processor count neither as the last nor as the one before.
"""

import argparse
import statistics
import sys
from pathlib import Path

from _history import HISTORY, read_rows
from _timing import format_seconds


def find_pairs(rows):
    """Return (row, the point before, the last point) of rows with two good runs."""
    pairs = []
    for row in rows:
        good = [point for point in row.points if not point.disturbed]
        if len(good) >= 2:
            pairs.append((row, *good[-2:]))
    return pairs


def describe(row, before, last):
    """Return what changed in a row in a line or two."""
    ratio = last.seconds / before.seconds
    text = (
        f"{ratio:5.2f}  {row.topic}: {row.workload}: {row.contestant}\n"
        f"       {format_seconds(before.seconds)} ({before.commit}, {before.date}) to "
        f"{format_seconds(last.seconds)} ({last.commit}, {last.date})"
    )
    changed = [
        f"{name} {before.versions[name]} to {number}"
        for name, number in last.versions.items()
        if name != "skrelax" and before.versions.get(name, number) != number
    ]
    return text + (f"; {', '.join(changed)}" if changed else "")


def main(arguments=None):
    """Print what became slower and faster, and return the number for the shell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--limit", type=float, default=0.1, help="allowed slowdown")
    parser.add_argument("--topic", default="", help="part of a topic's name")
    parser.add_argument("--folder", type=Path, default=HISTORY, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    rows = [row for row in read_rows(options.folder) if options.topic in row.topic]
    pairs = find_pairs(rows)
    ours = [pair for pair in pairs if pair[0].is_ours]
    factor = 1.0 + options.limit
    slower = [pair for pair in ours if pair[2].seconds > factor * pair[1].seconds]
    faster = [pair for pair in ours if factor * pair[2].seconds < pair[1].seconds]
    disturbed = [row for row in rows if row.is_ours and row.points[-1].disturbed]
    for title, found in (("Slower", slower), ("Faster", faster)):
        if found:
            print(f"{title} by over {100 * options.limit:g} %:")
            print("\n".join(describe(*pair) for pair in found) + "\n")
    others = [
        last.seconds / before.seconds for row, before, last in pairs if not row.is_ours
    ]
    if others:
        # A machine that has become slower slows all down.
        print(f"Other programs: {statistics.median(others):.2f} in the median.")
    if disturbed:
        print(f"{len(disturbed)} rows were disturbed in their last run: repeat it.")
    print(f"{len(ours)} rows compared, {len(slower)} slower, {len(faster)} faster.")
    return int(bool(slower))


if __name__ == "__main__":
    sys.exit(main())
