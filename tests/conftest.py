"""Settings and fixtures of the whole suite."""

import functools
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Asks scikit-learn's common checks to test array-API input too; SciPy reads it once,
# when it is imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

# The first example of a property pays for the compilation of its kernel.
settings.register_profile("skrelax", deadline=None)
settings.load_profile("skrelax")


@pytest.fixture(scope="session", autouse=True)
def untraced_compiler():
    """Keep coverage from following Numba, which takes half as long again by that."""
    from numba.core.dispatcher import Dispatcher

    compile_loop = Dispatcher.compile

    @functools.wraps(compile_loop)
    def untraced(*args):
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return compile_loop(*args)
        finally:
            sys.settrace(tracer)

    Dispatcher.compile = untraced
    yield
    Dispatcher.compile = compile_loop


@pytest.fixture(scope="session")
def shared_data():
    """Return the folder of real measurements, or skip."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SKRELAX_DATA", default))
    if not folder.is_dir():
        pytest.skip("real data are absent: set SKRELAX_DATA to their folder")
    return folder
