"""Types of the public names, as a checker of a user sees them."""

import ast
import importlib
import os
import pkgutil
import re
from pathlib import Path

import pytest

import skrelax

HERE = Path(__file__).parent
PACKAGES = [
    info.name
    for info in pkgutil.iter_modules(skrelax.__path__)
    if info.ispkg and not info.name.startswith("_") and info.name != "utils"
]


@pytest.fixture
def check(tmp_path_factory, monkeypatch):
    """Return a function that gives the errors of mypy, as (line, code), in a script."""
    api = pytest.importorskip("mypy.api", reason="mypy is in the extra lint")
    if "MYPY_CACHE_DIR" not in os.environ:
        cache = tmp_path_factory.getbasetemp() / "mypy"
        monkeypatch.setenv("MYPY_CACHE_DIR", str(cache))

    def run(name):
        settings = HERE.parent / "pyproject.toml"
        script = str(HERE / "typing" / name)
        report, problem, _ = api.run([f"--config-file={settings}", script])
        assert not problem
        found = re.findall(rf"{name}:(\d+): error: .*\[([\w-]+)\]", report)
        return {(int(line), code) for line, code in found}

    return run


def test_a_checker_accepts_what_is_right(check):
    assert check("accepted.py") == set()


def test_a_checker_finds_each_mistake(check):
    lines = (HERE / "typing" / "rejected.py").read_text(encoding="utf-8").splitlines()
    marks = [
        (number, line.partition("# error: ")[2])
        for number, line in enumerate(lines, start=1)
        if "# error: " in line
    ]
    assert check("rejected.py") == set(marks)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_has_types_of_its_names(name):
    package = importlib.import_module(f"skrelax.{name}")
    stub = Path(package.__file__).with_name("__init__.pyi").read_text(encoding="utf-8")
    for public in package.__all__:
        assert re.search(rf"^(def|class) {public}\b", stub, re.MULTILINE), public


def test_editors_find_the_code_of_names_that_are_loaded_later():
    found = 0
    for path in Path(skrelax.__file__).parent.glob("*/__init__.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        for call in [call for call in calls if call.func.id == "lazily"]:
            later = {
                word.arg: set(ast.literal_eval(word.value)) for word in call.keywords
            }
            shown = {
                node.module: {name.name for name in node.names}
                for node in nodes
                if isinstance(node, ast.ImportFrom) and node.level == 1
            }
            assert shown == later
            found += 1
    assert found >= 5


def test_types_are_announced():
    assert Path(skrelax.__file__).with_name("py.typed").exists()
