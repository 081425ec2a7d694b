"""Loops over hostile variants of one argument, for tests/hostile."""

import dataclasses
from pathlib import Path

import hostile
import numpy as np
import pandas as pd
from numpy.testing import assert_allclose, assert_array_equal

# The same numbers in another container: the result must be the same.
SAME = (
    "read-only", "strided", "backwards in memory", "fortran", "big-endian", "list",
    "nullable", "object", "longdouble",
)  # fmt: skip


def check_arrays(call, good, names, sound=None, same=SAME):
    """Try all hostile variants of an array, and what results of them."""
    plain = call(good)
    for kind, bad in hostile.arrays(good).items():
        if isinstance(bad, pd.DataFrame) and good.ndim == 1:
            bad = bad.iloc[:, 0]
        result = hostile.ends_well(lambda bad=bad: call(bad), names)
        if kind in same:
            equal(result, plain, kind)
        if result is not None and sound is not None:
            sound(kind, result)


def check_numbers(call, names, sound=None, good=1.0):
    """Try all absurd values of a parameter, and what results of them."""
    for kind, bad in hostile.numbers(good).items():
        result = hostile.ends_well(lambda bad=bad: call(bad), names)
        if result is not None and sound is not None:
            sound(kind, result)


def equal(result, plain, kind):
    """Compare results, arrays or frames, one by one where they hold several."""
    if dataclasses.is_dataclass(plain):
        result, plain = list(vars(result).values()), list(vars(plain).values())
    if not isinstance(plain, tuple | list):
        plain, result = [plain], [result]
    for one, other in zip(result, plain, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        # Other strides may sum in another order.
        if other.dtype.kind in "fc":
            assert_allclose(one, other, rtol=1e-12, err_msg=kind)
        else:
            assert_array_equal(one, other, err_msg=kind)


def finite(kind, result):
    """Fail where a number of the result is none."""
    for part in result if isinstance(result, tuple) else (result,):
        if isinstance(part, pd.DataFrame):
            part = part.select_dtypes("number")
        assert hostile.all_finite(part), kind


def flat(value):
    """Return a column of a data frame as what it is for an array with one axis."""
    return value.iloc[:, 0] if isinstance(value, pd.DataFrame) else value


def absurd_paths(good):
    """Return absurd paths, by name."""
    return hostile.numbers(sound=1.0) | {
        "null": "a\0b",
        "long": "x" * 5000,
        "long folder": "x" * 5000 + "/y",
        "bytes": b"decay.csv",
        "folder": str(Path(good).parent),
        "absent": f"{good}.absent",
        "below a file": f"{good}/x",
        "array": np.ones(3),
        "newline": "a\nb",
        "surrogate": "a\udcff",
        "device": "/dev/null",
        "list of it": [good],
    }
