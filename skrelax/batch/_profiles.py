"""How sure the parameters of each fit of a table are, by profile likelihood."""

import numpy as np

from ..uncertainty._profile import make_result
from ..utils._inspect import final_step, find_kernel
from ._intervals import PROFILE, WrongCallError

_PARTS = ("lower", "upper", "status")


def describe_profiles(fitted, X, Y, weight, asked):
    """Return columns (n_signals,) of intervals of a fit to signals Y.

    Keys are names; `asked` are Intervals.
    """
    last = final_step(fitted)
    known = list(last.param_names_)
    names = known if asked.numbers is None else list(asked.numbers)
    for name, (function, scale) in (asked.numbers or {}).items():
        if name not in known or function is not None or scale is not None:
            raise WrongCallError(
                f"numbers must be among the parameters {known} for "
                f"intervals={PROFILE!r}, got {name!r}."
            )
    K = find_kernel(fitted, X)
    result = make_result(last, K, Y, weight, None, asked.level)
    out = {}
    for name in names:
        columns = (*result.interval(name), result.status(name))
        for part, column in zip(_PARTS, columns, strict=True):
            out[f"{name} {part}"] = np.atleast_1d(column)
    return out
