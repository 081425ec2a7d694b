"""Every public name meets hostile input in one of the files beside this one."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import skrelax

# Data without a call of its own to make, or errors.
EXEMPT = {"__version__", "DecayFileError", "FitStatus"}


def public_names():
    names = set(skrelax.__all__)
    for info in pkgutil.iter_modules(skrelax.__path__):
        if info.ispkg and not info.name.startswith("_") and info.name != "utils":
            names |= set(importlib.import_module(f"skrelax.{info.name}").__all__)
    return sorted(names - EXEMPT)


@pytest.mark.parametrize("name", public_names())
def test_every_public_name_meets_hostile_input(name):
    folder = Path(__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("test_*.py")]
    assert any(name in text for text in texts)
