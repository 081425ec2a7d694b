"""Hostile input, and what every call must make of it: a sound result or one error."""

import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

import skrelax

# Who may raise: this package, and the validation of scikit-learn that it calls.
_OURS = (Path(skrelax.__file__).parent.as_posix(), "sklearn/utils", "sklearn/base.py")


def arrays(good):
    """Return hostile variants of a sound array (n,) or (n, m), by name.

    None of them changes what the numbers stand for by accident: where a variant has
    another shape, its name says so.
    """
    good = np.asarray(good, dtype=np.float64)
    one = np.array(good)
    at = (good.shape[0] // 2,) + (0,) * (good.ndim - 1)

    def with_value(value):
        changed = one.copy()
        changed[at] = value
        return changed

    read_only = one.copy()
    read_only.setflags(write=False)
    strided = np.repeat(one, 2, axis=0)[::2]
    table = pd.DataFrame(one if good.ndim == 2 else one[:, None])
    missing = table.astype("Float64")
    missing.iloc[at[0], 0] = pd.NA
    found = {
        "nan": with_value(np.nan),
        "inf": with_value(np.inf),
        "minus inf": with_value(-np.inf),
        "all nan": np.full_like(one, np.nan),
        "one denormal": with_value(5e-324),
        "denormals": np.full_like(one, 5e-324)
        * np.arange(1, one.size + 1).reshape(one.shape),
        "1e-300": one * 1e-300,
        "1e-160": one * 1e-160,
        "1e160": one * 1e160,
        "1e300": one * 1e300,
        "one 1e300": with_value(1e300),
        "constant": np.full_like(one, one.flat[0]),
        "zeros": np.zeros_like(one),
        "ones": np.ones_like(one),
        "negative": -one,
        "no rows": one[:0],
        "one row": one[:1],
        "two rows": one[:2],
        "duplicated rows": np.repeat(one, 2, axis=0)[: len(one)],
        "reversed rows": one[::-1],
        "int64": np.rint(one * 1000).astype(np.int64),
        "int8": np.clip(np.rint(one * 100), -100, 100).astype(np.int8),
        "uint8": np.clip(np.rint(np.abs(one) * 100), 0, 200).astype(np.uint8),
        "bool": one > np.median(one),
        "float16": one.astype(np.float16),
        "float32": one.astype(np.float32),
        "longdouble": one.astype(np.longdouble),
        "object": one.astype(object),
        "numbers as text": one.astype(str),
        "text": np.full(one.shape, "long"),
        "complex": one * (1.0 + 0.5j),
        "read-only": read_only,
        "strided": strided,
        "backwards in memory": one[::-1].copy()[::-1],
        "fortran": np.asfortranarray(one),
        "big-endian": one.astype(">f8"),
        "list": one.tolist(),
        "nullable": table.astype("Float64"),
        "nullable with NA": missing,
        "nullable integers": (table * 1000).round().astype("Int64"),
        "frame with NaN": table.where(table != table.iloc[at[0], 0]),
        "three axes": one.reshape(*one.shape, 1, *(1,) * (2 - one.ndim)),
        "scalar": 1.0,
        "None": None,
        "masked": np.ma.masked_array(one, mask=one > np.median(one)),
        "sparse": sparse.csr_matrix(one if good.ndim == 2 else one[:, None]),
    }
    if good.ndim == 2:
        found |= {
            "no columns": one[:, :0],
            "one column": one[:, :1],
            "repeated columns": np.repeat(one[:, :1], one.shape[1], axis=1),
        }
    return found


def numbers(sound=1.0):
    """Return absurd values of a scalar parameter, by name."""
    return {
        "nan": np.nan,
        "inf": np.inf,
        "minus inf": -np.inf,
        "zero": 0,
        "minus one": -1,
        "denormal": 5e-324,
        "1e-300": 1e-300,
        "1e300": 1e300,
        "numpy float32": np.float32(sound),
        "numpy integer": np.int64(3),
        "text": "absurd",
        "empty text": "",
        "None": None,
        "list": [sound],
        "empty list": [],
        "nested": [[sound]],
        "bool": True,
        "complex": 1j,
        "dict": {},
        "object": object(),
        "huge integer": 10**400,
    }


def ends_well(call, names=()):
    """Return what call() gives, or None where it raises as it should.

    Fails where another exception than ValueError or TypeError gets out, where it
    was not raised by this package or by scikit-learn's validation, where its text
    names none of `names`, or where any warning but those of this package (UserWarning
    and ConvergenceWarning) is given.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        for bad in (RuntimeWarning, DeprecationWarning, FutureWarning):
            warnings.filterwarnings("error", category=bad)
        # Of what old versions of Matplotlib ask of their own dependencies.
        for library in ("matplotlib", "pyparsing"):
            warnings.filterwarnings(
                "ignore", category=DeprecationWarning, module=library
            )
        try:
            return call()
        except (ValueError, TypeError) as error:
            text = "".join(traceback.format_exception(error))
            raised = traceback.extract_tb(error.__traceback__)[-1].filename
            where = Path(raised).as_posix()
            assert any(part in where for part in _OURS), f"raised elsewhere:\n{text}"
            message = str(error)
            assert message, f"without a word:\n{text}"
            assert not names or any(name in message for name in names), (
                f"names none of {names}:\n{text}"
            )
            return None


def all_finite(*values):
    """Return whether all numbers of arrays, frames and scalars are finite."""
    return all(np.isfinite(np.asarray(value, dtype=float)).all() for value in values)
