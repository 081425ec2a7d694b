"""Elements of vendors, which anonymisers may leave without the names of their blocks.

A block of private elements has the name of its owner in (gggg,00bb), and its elements
are (gggg,bbee). Where the name is gone, elements are where they are by custom, in block
10, and in files that do not write kinds of values their kind is gone as well.
"""

import contextlib
import struct

import numpy as np

_FIRST_BLOCK = 0x10
# How a sequence begins whose kind is not known: with the tag of its first item.
_ITEM = b"\xfe\xff\x00\xe0"


def find_private(data, owner, group, element, by_custom=True):
    """Return the value of a private element of a data set, or None.

    by_custom says whether the element may lack the name of its owner.
    """
    with contextlib.suppress(KeyError):
        return data.private_block(group, owner)[element].value
    place = group, (_FIRST_BLOCK << 8) + element
    # Of another owner, the element is another one.
    if by_custom and (group, _FIRST_BLOCK) not in data and place in data:
        return data[place].value
    return None


def as_number(value, form):
    """Return the first number of a value, or None; `form` is that of bytes (struct)."""
    if isinstance(value, bytes):
        size = struct.calcsize(f"<{form}")
        if len(value) < size or len(value) % size:
            return None
        return struct.unpack_from(f"<{form}", value)[0]
    try:
        return float(np.ravel(value)[0])
    except (TypeError, ValueError, IndexError):
        return None


def first_items(data):
    """Return the first items of the private sequences of a data set."""
    found = []
    for tag in tuple(data.keys()):
        if not tag.is_private:
            continue
        element = data[tag]
        items = element.value
        if element.VR == "UN" and isinstance(items, bytes) and items[:4] == _ITEM:
            items = _parse(items)
        elif element.VR != "SQ":
            continue
        found += items[:1] if items else []
    return found


def _parse(content):
    """Return the items of a sequence that was read as bytes."""
    from pydicom.values import convert_SQ

    # What does not say of its own kind is implicit within, too.
    try:
        return list(convert_SQ(content, is_implicit_VR=True, is_little_endian=True))
    except Exception:  # damaged or no sequence: it says nothing
        return []
