"""Validate the docstrings of all public names by numpydoc, as pyproject.toml says."""

import enum
import importlib
import inspect
import pkgutil
import sys
import tomllib
from pathlib import Path

from numpydoc.validate import validate

import skrelax

settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
# "all" and what it does not include.
left_out = set(settings["tool"]["numpydoc_validation"]["checks"]) - {"all"}


def public_names():
    """Yield the full names of public functions and classes, and of their members."""
    for info in pkgutil.iter_modules(skrelax.__path__, "skrelax."):
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", ()):
            item = getattr(module, name)
            full = f"{info.name}.{name}"
            if info.name.startswith("skrelax._"):
                continue
            if inspect.isfunction(item):
                yield full
            elif inspect.isclass(item) and not issubclass(item, enum.Enum):
                yield full
                yield from (f"{full}.{member}" for member in own_members(item))


def own_members(item):
    """Yield the names of public methods and properties that a class defines.

    Those that override without a docstring have that of their base.
    """
    for name, member in vars(item).items():
        function = getattr(member, "__func__", member)
        is_one = inspect.isfunction(function) or isinstance(member, property)
        inherits = not function.__doc__ and inspect.getdoc(getattr(item, name))
        if is_one and not name.startswith("_") and not inherits:
            yield name


names = list(public_names())
errors = [
    f"{name}: {code} {text}"
    for name in names
    for code, text in validate(name)["errors"]
    if code not in left_out
]
print("\n".join([*errors, f"{len(names)} docstrings, {len(errors)} errors"]))
sys.exit(bool(errors))
