"""Stored values that are cut off at the largest number that they can hold."""

import numpy as np

# What files with more bits hold at most where the receiver had 12, and other widths.
_CEILINGS = (4095, 32767, 65535)
# An image that was scaled to its largest value has one voxel there, hardly three.
_PILED = 3
# Share of the range below the ceiling that tells how many are there by chance, and by
# how much a pile exceeds that.
_WINDOW, _EXCESS = 0.02, 5.0


def find_clipped(stored, bits=None, *, scaled=False):
    """Return which integers are cut off, a boolean array, or None where none is.

    Parameters
    ----------
    stored : ndarray of int
        Values as a file holds them.
    bits : int or None
        Bits in use, where a file tells.
    scaled : bool
        Whether images were scaled before they were stored, each to its largest value
        perhaps: then one voxel at the ceiling says nothing, a pile of them does.

    Notes
    -----
    Values without a limit thin out towards their largest. A limit piles all that lies
    beyond on one number, so there are many more of it than of its neighbours.
    """
    if stored.dtype.kind not in "iu" or not stored.size:
        return None
    signed = bool(stored.min() < 0)
    ceilings = set(_CEILINGS)
    full = None
    if bits is not None and 1 < bits <= 32:
        full = 2 ** (bits - signed) - 1
        ceilings.add(full)
    found = None
    for sign in (1, -1) if signed else (1,):
        top = int(stored.max()) if sign > 0 else -int(stored.min())
        ends = ceilings if sign > 0 else {one + 1 for one in ceilings}
        if top not in ends or top < 255:
            continue
        at = stored == sign * top
        count = int(np.count_nonzero(at))
        sure = not scaled and full is not None and top == full + (sign < 0)
        if not sure:
            width = max(1, int(_WINDOW * top))
            size = stored if sign > 0 else -stored.astype(np.int64)
            near = np.count_nonzero((size < top) & (size >= top - width))
            if count < _PILED or count < _EXCESS * near / width:
                continue
        found = at if found is None else found | at
    return found
