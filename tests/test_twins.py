"""Which tests hold which compiled loops to what stands in twins.csv.

A twin is a few lines of plain NumPy or SciPy in the named test, or a solver that knows
nothing of the loop. For the lines that a test runs through, switch compilation off:
NUMBA_DISABLE_JIT=1 and coverage of the file with the loops.
"""

import ast
import csv
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "skrelax"

LINES = (HERE / "twins.csv").read_text(encoding="utf-8").splitlines()
TWINS = list(csv.DictReader(LINES))


def has_loops(path):
    """Return whether a file has a compiled loop."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            marks = [getattr(mark, "func", mark) for mark in node.decorator_list]
            if any(getattr(mark, "id", "") == "compiled" for mark in marks):
                return True
    return False


def test_all_files_with_loops_have_twins():
    found = [path for path in PACKAGE.rglob("*numba*.py") if has_loops(path)]
    names = {path.relative_to(PACKAGE).as_posix() for path in found}
    assert names == {row["loops"] for row in TWINS}


@pytest.mark.parametrize("name", sorted({row["test"] for row in TWINS}))
def test_twins_are_there(name):
    path, _, function = name.partition("::")
    tree = ast.parse((HERE / path).read_text(encoding="utf-8"))
    found = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert function in found
