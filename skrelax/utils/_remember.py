"""What fits of one kernel share, remembered while somebody makes many of them."""

import contextlib
import hashlib
import threading

import numpy as np

_own = threading.local()


# More than a search needs: of kernels that are copied at every fit nothing is gained.
_MOST = 12


@contextlib.contextmanager
def remembering(found):
    """Let this thread keep in a dict what `recall` makes, until the end of the block.

    Arrays that it is made of must not change while the dict is in use.
    """
    previous = getattr(_own, "found", None)
    _own.found = found
    try:
        yield
    finally:
        _own.found = previous


def recall(make, name, place, values):
    """Return make(), or what it has returned before for the same arguments.

    `place` is an array that is known by where it lies, and kept there; `values` are
    small arrays, None and numbers that are known by what they hold. Where nobody
    remembers, it is made.
    """
    found = getattr(_own, "found", None)
    if found is None:
        return make()
    where = place.__array_interface__["data"][0], place.shape, place.strides
    key = name, where, *(_digest(value) for value in values)
    if key not in found:
        made = make()
        if len(found) >= _MOST:
            found.clear()
        found[key] = place, made
    return found[key][1]


def _digest(value):
    if not isinstance(value, np.ndarray):
        return value
    return value.shape, hashlib.sha256(np.ascontiguousarray(value)).digest()
