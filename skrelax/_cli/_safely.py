"""One of several inputs that fails must not cost the others."""

import traceback
from pathlib import Path

from ._choices import printable


def try_one(call, *given):
    """Return what a call gives, or None, and in words what stopped it, or nothing."""
    try:
        return call(*given), ""
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as stop:
        return None, printable(stop) or type(stop).__name__
    except Exception as stop:
        place = traceback.extract_tb(stop.__traceback__)[-1]
        return None, printable(
            f"a fault of skrelax, please report it: {type(stop).__name__}: {stop} "
            f"({Path(place.filename).name}:{place.lineno})"
        )
