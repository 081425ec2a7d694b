"""Dependencies between the packages run one way."""

import ast
from pathlib import Path

import pytest

import skrelax

# Each package may import from those before it.
ROOMS = [
    "utils",
    "signals",
    "kernels",
    "decomposition",
    "dictionary",
    "nonlinear",
    "metrics",
    "uncertainty",
    "model_selection",
    "inversion",
    "compose",
    "batch",
    "io",
    "datasets",
    "plotting",
    "_cli",
]
PACKAGE = Path(skrelax.__file__).parent


def imported_rooms(path):
    """Return the packages of the suite that a file imports from, wherever in it."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = [n for n in nodes if isinstance(n, ast.ImportFrom) and n.level == 2]
    named = {(n.module or "").partition(".")[0] for n in found}
    named |= {a.name for n in found if not n.module for a in n.names}
    return named & set(ROOMS)


def test_all_rooms_are_listed():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_downwards(room):
    below = set(ROOMS[: ROOMS.index(room) + 1])
    for path in (PACKAGE / room).glob("*.py"):
        assert imported_rooms(path) <= below, path.name
