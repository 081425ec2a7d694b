"""Dependencies between the packages run one way; files and calls stay small."""

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
    "reporting",
    "_cli",
]
PACKAGE = Path(skrelax.__file__).parent
# Methods that users look for on a result, {file: {method: room above}}. The import is
# within the method, so that the file does not need the room.
UPWARDS = {
    "uncertainty/_profile_result.py": {"plot": "plotting"},
    "uncertainty/_result.py": {"plot": "plotting"},
}


def imported_rooms(tree, path):
    """Return the packages of the suite that a syntax tree of a file imports from."""
    nodes = ast.walk(tree)
    # As many dots as lead from the file to the package.
    level = len(path.relative_to(PACKAGE).parts)
    found = [n for n in nodes if isinstance(n, ast.ImportFrom) and n.level == level]
    named = {(n.module or "").partition(".")[0] for n in found}
    named |= {a.name for n in found if not n.module for a in n.names}
    return named & set(ROOMS)


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def test_all_rooms_are_listed():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_downwards(room):
    below = set(ROOMS[: ROOMS.index(room) + 1])
    for path in (PACKAGE / room).rglob("*.py"):
        name, tree = path.relative_to(PACKAGE).as_posix(), parse(path)
        allowed = UPWARDS.get(name, {})
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name in allowed:
                assert imported_rooms(node, path) - below == {allowed[node.name]}
                node.body = []
        assert imported_rooms(tree, path) <= below, path.name


SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_is_one_subject(path):
    # One that is longer is asking to be cut.
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def is_loop(node):
    """Return whether a node of a syntax tree is a compiled loop."""
    if not isinstance(node, ast.FunctionDef):
        return False
    marks = [getattr(mark, "func", mark) for mark in node.decorator_list]
    return any(getattr(mark, "id", "") == "compiled" for mark in marks)


def test_loops_take_few_arguments():
    found = []
    for path in SOURCES:
        tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        found += [(len(node.args.args), node.name) for node in tree if is_loop(node)]
    # What is more is told in a NamedTuple.
    assert len(found) > 50
    assert [name for count, name in found if count > 8] == []
