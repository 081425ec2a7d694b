"""How sure the parameters of each fit of a table are, by profile likelihood."""

import numpy as np

from ..uncertainty._profile import make_result
from ..utils._inspect import final_step, find_kernel
from ._intervals import PROFILE, WrongCallError, check_free

_PARTS = ("lower", "upper", "status")


def describe_profiles(fitted, X, Y, weight, asked, columns):
    """Return columns (n_signals,) of intervals of a fit to signals Y.

    Keys are names; `asked` are Intervals, and `columns` those of the fit.
    """
    last = final_step(fitted)
    known = list(last.param_names_)
    names = known if asked.numbers is None else list(asked.numbers)
    for name, (function, scale) in (asked.numbers or {}).items():
        if function is None and (name not in known or scale is not None):
            raise WrongCallError(
                f"numbers must be among the parameters {known} for "
                f"intervals={PROFILE!r}, or functions of them, got {name!r}."
            )
        if function is not None:
            check_free(name, columns)
    K = find_kernel(fitted, X)
    result = make_result(last, K, Y, weight, None, asked.level)
    out = {}
    for name in names:
        function, scale = (asked.numbers or {}).get(name, (None, None))
        wanted, kind = name if function is None else function, {"scale": scale}
        try:
            if function is not None:
                out[name] = np.atleast_1d(result.estimate(wanted, **kind))
            found = *result.interval(wanted, **kind), result.status(wanted, **kind)
        except ValueError as error:
            raise WrongCallError(f"numbers[{name!r}]: {error}") from error
        for part, column in zip(_PARTS, found, strict=True):
            out[f"{name} {part}"] = np.atleast_1d(column)
    return out
