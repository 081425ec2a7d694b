"""``skrelax invert`` of several files: each in its folder, and one table of all."""

import argparse
import warnings
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from joblib import Parallel, delayed

from ..utils._written import encodable, written_together
from ._choices import printable
from ._output import check_folder, name_results, write_csv
from ._safely import try_one

TABLE = "samples.csv"
# Where results go if nothing else is asked for.
_FOLDER = "samples-inversion"
# Columns that are printed of the table.
_PRINTED = ("amplitude", "log_mean", "n_peaks", "status")
_MOST_PRINTED = 50


class Outcome(NamedTuple):
    """What became of one file."""

    rows: pd.DataFrame | None
    """A row per signal, None where the file could not be inverted."""
    kernel: str
    """The kernel that was taken."""
    notes: list
    """Warnings, in words."""
    error: str
    """What stopped it, empty if nothing did."""


def run_batch(arguments, files):
    """Invert several files; one that cannot be is reported, and stops no other."""
    folder = Path(arguments.out or _FOLDER)
    check_folder(folder, [TABLE], files, overwrite=arguments.overwrite, empty=False)
    names = sample_names(files)
    work = [
        _own(arguments, file, folder / name)
        for file, name in zip(files, names, strict=True)
    ]
    # Processes, since each file tells its warnings and its progress alone.
    outcomes = Parallel(n_jobs=arguments.jobs or 1)(
        delayed(invert_safely)(one) for one in work
    )
    failed = [one for one in outcomes if one.error]
    for name, one in zip(names, outcomes, strict=True):
        for note in dict.fromkeys(one.notes):
            warnings.warn(f"{name}: {note}", stacklevel=2)
        if one.error:
            warnings.warn(f"{name} failed: {one.error}", stacklevel=2)
    if len(failed) == len(files):
        raise ValueError(
            f"none of {len(files)} files could be inverted; the first: "
            f"{failed[0].error}"
        )
    table = make_table(files, names, outcomes)
    with written_together(folder, stale=[TABLE], overwrite=arguments.overwrite) as new:
        write_csv(new / TABLE, table.items())
    print(_shown(table))
    print(
        f"{len(files) - len(failed)} of {len(files)} files inverted, "
        f"table in {folder / TABLE}"
    )


def sample_names(files):
    """Return a name for each file, numbered where two are equal but for case.

    Disks of macOS and Windows take names that differ in case for one.
    """
    names, taken = [], set()
    for file in files:
        stem = name_results(file, "sample")
        name, number = stem, 2
        while name.casefold() in taken or name.casefold() == TABLE:
            name, number = f"{stem}-{number}", number + 1
        names.append(name)
        taken.add(name.casefold())
    return names


def _own(arguments, file, folder):
    """Return the arguments of one file."""
    parallel = arguments.jobs not in (None, 1)
    changed = {"file": file, "out": str(folder)} | ({"jobs": 1} if parallel else {})
    return argparse.Namespace(**vars(arguments) | changed)


def invert_safely(arguments):
    """Return the Outcome of one file, whatever becomes of it."""
    from ._invert import invert_file

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found, error = try_one(invert_file, arguments)
    notes = [f"{one.category.__name__}: {printable(one.message)}" for one in caught]
    rows = None if found is None else found[1]
    return Outcome(rows, arguments.kernel or "", notes, error)


def make_table(files, names, outcomes):
    """Return a row per signal of all files, and one for each file that failed."""
    parts = []
    for file, name, one in zip(files, names, outcomes, strict=True):
        head = {"sample": encodable(name), "file": encodable(str(file))}
        head["kernel"] = one.kernel
        if one.error:
            head |= {"status": "failed", "message": encodable(one.error)}
            parts.append(pd.DataFrame([head]))
            continue
        rows = one.rows.reset_index(drop=True)
        signals = [str(label) for label in one.rows.index]
        parts.append(pd.DataFrame(head | {"signal": signals}).join(rows))
    table = pd.concat(parts, ignore_index=True)
    last = [name for name in ("status", "message") if name in table]
    return table[[name for name in table if name not in last] + last]


def _shown(table):
    """Return the first rows of the table as text."""
    columns = ["sample", "signal", *[name for name in _PRINTED if name in table]]
    head = table[columns].head(_MOST_PRINTED).copy()
    for name in ("sample", "signal"):
        head[name] = [printable(value)[:30] for value in head[name].fillna("")]
    text = head.to_string(index=False, float_format=lambda value: f"{value:.4g}")
    more = len(table) - len(head)
    return text + (f"\n... {more} more rows in {TABLE}" if more > 0 else "")
