"""Where commands write, and how: nothing that a file says becomes more than text."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from ._choices import LARGEST, SMALLEST, printable

__all__ = [
    "LARGEST",
    "SMALLEST",
    "check_folder",
    "name_results",
    "printable",
    "without_math",
    "write_csv",
]

# What makes a formula of a cell in a spreadsheet.
_FORMULA = ("=", "+", "-", "@")


def name_results(file, default="decay"):
    """Return the name of a file or folder without what only says how it is written.

    That of a link is its own; a folder that is called . has a name, too.
    """
    path = Path(os.path.abspath(file))
    name = path.name
    if not path.is_dir():
        name = Path(name.removesuffix(".gz")).stem
    return name.removesuffix(".fid").lstrip(".") or default


def check_folder(folder, names, inputs, *, overwrite, empty):
    """Raise ValueError where results must not be written; warn of what will go.

    `names` are all files that the command can write, `inputs` those that it reads.
    With `empty`, a folder with anything in it needs `overwrite`.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: is a file, expected a folder for the results.")
    if not folder.exists():
        return
    # Links that lead nowhere are there, too.
    there = [name for name in names if os.path.lexists(folder / name)]
    # Hidden folders of runs that were killed hold nothing of value.
    others = any(
        not path.name.startswith(".skrelax-") and path.name not in there
        for path in folder.iterdir()
    )
    if empty and (there or others) and not overwrite:
        raise ValueError(
            f"{folder} is not empty; give --overwrite to write there, or --out."
        )
    if there and not overwrite:
        raise ValueError(
            f"{folder / there[0]} exists; give --overwrite to replace it, or --out."
        )
    for name in there:
        # Found before hours of work, not after them.
        if (folder / name).is_dir():
            raise ValueError(
                f"{folder / name} is a folder, expected a file of results; choose "
                "another --out."
            )
    for path in inputs:
        path = Path(path)
        if path.name in there and path.resolve() == (folder / path.name).resolve():
            raise ValueError(
                f"{path} is read, and would be replaced with the results in {folder}; "
                "choose another --out."
            )
    if there:
        warnings.warn(
            f"{folder}: {len(there)} files of an earlier run will be replaced: "
            f"{', '.join(there[:5])}{' ...' if len(there) > 5 else ''}",
            stacklevel=2,
        )


def write_csv(path, columns):
    """Write pairs of a name and values; equal names are numbered."""
    columns = list(columns)
    names, taken = [], set()
    for name, _ in columns:
        new, number = _as_text(f"{name}"), 2
        while new in taken:
            new, number = f"{_as_text(str(name))} ({number})", number + 1
        names.append(new)
        taken.add(new)
    frame = pd.DataFrame(
        {
            name: pd.Series(np.asarray(values)).map(_cell)
            for name, (_, values) in zip(names, columns, strict=True)
        }
    )
    frame.to_csv(path, index=False, encoding="utf-8")


def _cell(value):
    return _as_text(value) if isinstance(value, str) else value


def _as_text(text):
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def units_of(arguments):
    """Return the units of points and of bins of one axis."""
    diffusion = arguments.kernel == "diffusion"
    given = arguments.unit or ("s/m²" if diffusion else "s")
    if not diffusion:
        return given, given
    # A diffusion coefficient times b has no unit.
    return given, "m²/s" if given == "s/m²" else f"1/({given})"


def without_math(text):
    """Return text that Matplotlib draws as it is."""
    return text.replace("$", r"\$")
