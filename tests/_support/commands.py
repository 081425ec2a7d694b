"""Inputs of the command line, and what its errors must look like."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from scans import AFFINE

from skrelax._cli import main

FAST = ["--no-plot", "--bins", "20", "--baseline", "no", "--folds", "3"]
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


def decay(folder, name="decay.csv", header="TE,signal", scale=1.0, signals=1):
    times = np.geomspace(1e-3, 1.0, 24)
    rows = [
        ",".join([f"{t:.6g}", *[f"{scale * np.exp(-t / 0.05):.6g}"] * signals])
        for t in times
    ]
    path = folder / name
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return path


def images(folder, name="train.nii.gz", values=None):
    nibabel = pytest.importorskip("nibabel")
    folder.mkdir(exist_ok=True)
    times = 0.01 * np.arange(1, 9)
    if values is None:
        values = np.zeros((6, 6, 1, 8), np.float32)
        values[1:5, 1:5] = 100.0 * np.exp(-times / 0.05)
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), folder / name)
    sidecar = folder / f"{name.partition('.')[0]}.json"
    sidecar.write_text(json.dumps({"EchoTime": times.tolist()}))
    return folder


def called(capsys, *arguments):
    """Run a command here; return its code, lines of errors, and all it said of them."""
    try:
        code = main([str(one) for one in arguments])
    except SystemExit as stop:
        code = stop.code
    printed = capsys.readouterr().err
    # Slow machines report progress, too.
    lines = [
        line
        for line in printed.splitlines()
        if not re.match(r"skrelax: (note: |\d+ of \d+ )", line)
    ]
    return code, lines, printed


def fails(capsys, *arguments, code=2):
    """Return the one line of an error."""
    found, lines, printed = called(capsys, *arguments)
    assert found == code, printed
    assert len(lines) == 1, printed
    assert lines[0].startswith("skrelax: error: ")
    assert "fault of skrelax" not in lines[0]
    assert lines[0].isprintable()
    return lines[0]


def line(*arguments, first=None):
    """Return a line that runs the command in a process, after a piece of Python.

    A function for the process to run would be called between its fork and its start,
    of which packages with threads warn.
    """
    start = ["-m", "skrelax"]
    if first is not None:
        code = "import runpy\nrunpy.run_module('skrelax', None, '__main__', True)"
        start = ["-c", f"{first}\n{code}"]
    return [sys.executable, *start, *map(str, arguments)]


def run(*arguments, first=None, **options):
    """Run the command in a process of its own, after a piece of Python."""
    return subprocess.run(
        line(*arguments, first=first), capture_output=True, check=False, **options
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())
