"""Functions of fitted parameters, whose intervals profiles tell."""

import inspect
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..nonlinear._held_function import FunctionOfOutputs
from ..nonlinear._profile_ends import FOUND
from ..nonlinear._profiles import Intervals
from ..utils._validation import check_numbers, errors_name
from ._scales import SCALES, on_scale

# Values within an interval at which a function of one parameter is looked at, and steps
# to its extremes: each is .62 of the one before.
_N_VALUES, _MOST_STEPS = 65, 60
_GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)
# As near to an end without limit as doubles show, as a factor of the estimate.
_FAR = 1e6
# Numbers of a value among others differ by rounding at most.
_SAME = 1e-9
_LIMITS = {"number": (-np.inf, np.inf), "time": (0.0, np.inf), "share": (0.0, 1.0)}


@dataclass(frozen=True, eq=False)
class OwnNumber:
    """A function of the parameters of a fit, by their names."""

    function: object
    """Takes arrays (n,) by keyword, returns one (n,)."""
    names: tuple
    """The parameters that it takes."""
    scale: str
    """The kind of the number: "number", "time" or "share"."""

    def of(self, values):
        """Return the numbers (n,) of parameters (n,) by name, or raise ValueError."""
        # A function that changes its input must not change anything else.
        given = {name: np.array(values[name], dtype=np.float64) for name in self.names}
        n = len(next(iter(given.values())))
        expected = f"function must return a number for each of {n} values"
        try:
            with np.errstate(all="ignore"):
                found = self.function(**given)
        except Exception as error:
            raise ValueError(
                f"{expected} in arrays of {list(self.names)}, but raised "
                f"{type(error).__name__}: {error}"
            ) from error
        if found is None:
            raise ValueError(f"{expected}, got None.")
        try:
            found = check_numbers(found, "what function returns", finite=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{expected}: {error}") from error
        if found.shape != (n,):
            raise ValueError(f"{expected}, got shape {found.shape}.")
        return np.array(found)

    def estimates(self, values):
        """Return the numbers (n,) of fits, nan for those that are no times."""
        found = self.of(values)
        # Profiles ask for many values at once, each of which is to be alone.
        more = {name: np.append(row, 0.99 * row) for name, row in values.items()}
        if not np.allclose(self.of(more)[: found.size], found, _SAME, 0.0, True):
            raise ValueError(
                "function must return a number for each value that does not hang on "
                "the others: it has arrays of many values, as NumPy's functions have."
            )
        with errors_name("function"):
            return on_scale(found, np.empty((0, 0)), self.scale)

    def asked(self, outputs):
        """Return it as profiles hold it, of the names of all outputs."""
        return FunctionOfOutputs(partial(_of_outputs, self, tuple(outputs)), self.scale)


def _of_outputs(number, outputs, rows):
    return number.of(dict(zip(outputs, rows, strict=True)))


def own_number(function, fitted, known, scale):
    """Return the OwnNumber of a function of parameters that are fitted or known.

    Raises ValueError where it takes others, or none that is fitted.
    """
    possible = [*fitted, *known]
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"name must be a function whose arguments can be read, got {function!r}; "
            f"write lambda {possible[0]}: ..."
        ) from error
    names = []
    for one in parameters:
        if one.kind is one.VAR_KEYWORD:
            names += [name for name in possible if name not in names]
        elif one.kind is one.POSITIONAL_ONLY or (
            one.name not in possible and one.default is one.empty
        ):
            raise ValueError(
                f"name must be a function of parameters, named {possible}, got one "
                f"that takes {one.name!r}."
            )
        elif one.name in possible:
            names.append(one.name)
    if not any(name in fitted for name in names):
        raise ValueError(
            f"name must be a function of at least one of the parameters {fitted}, got "
            f"one of {names}."
        )
    return OwnNumber(function, tuple(names), "number" if scale is None else scale)


def check_scale(scale):
    """Raise ValueError unless a scale is one, or None."""
    if scale is not None and (not isinstance(scale, str) or scale not in SCALES):
        raise ValueError(f"scale must be one of {list(SCALES)}, got {scale!r}.")


def image(number, name, values, found, is_log):
    """Return the Intervals of a function of one fitted parameter, from its Intervals.

    They are all numbers that it gives within the interval of the parameter: from one of
    its ends to the other, if it rises or falls all along. `values` (n,) by name are the
    estimates.
    """
    out = Intervals.empty(len(found.low))
    estimates = number.estimates(values)
    there = ~np.isnan(found.low) & ~np.isnan(found.high) & np.isfinite(estimates)
    if number.scale == "time":
        there &= estimates > 0.0
    if not there.any():
        return out
    values = {key: row[there] for key, row in values.items()}
    within = _Within(
        number, name, values, (found.low[there], found.high[there]), is_log
    )
    rows = within.at(np.linspace(0.0, 1.0, _N_VALUES) + np.zeros((there.sum(), 1)))
    rows[:, [0, -1]] = within.ends()
    of_ends = np.stack([found.low_kind[there], found.high_kind[there]])
    for sign, place, kinds in (
        (-1.0, out.low, out.low_kind),
        (1.0, out.high, out.high_kind),
    ):
        place[there], kinds[there] = _largest(sign * rows, sign, within, of_ends)
        place[there] = np.clip(sign * place[there], *_LIMITS[number.scale])
    return out


class _Within:
    """A function of one parameter within its interval, of some fits."""

    def __init__(self, number, name, values, ends, is_log):
        self.number, self.name, self.values = number, name, values
        self.low, self.high = ends
        here = values[name]
        self.is_log = is_log & (here > 0.0) & (self.low >= 0.0)
        away = _FAR * np.maximum(np.abs(here), 1.0)
        # Of what has no end, pieces that count are near.
        first = np.where(self.is_log, here / _FAR, here - away)
        has_first = np.isfinite(self.low) & ~(self.is_log & (self.low <= 0.0))
        self.first = np.where(has_first, self.low, first)
        last = np.where(self.is_log, here * _FAR, here + away)
        self.last = np.where(np.isfinite(self.high), self.high, last)

    def at(self, t, chosen=slice(None)):
        """Return numbers (m, k) at places t (m, k) from 0 to 1 of some fits."""
        first, last = self.first[chosen, None], self.last[chosen, None]
        with np.errstate(all="ignore"):
            logarithmic = first * (last / first) ** t
        x = np.where(self.is_log[chosen, None], logarithmic, first + t * (last - first))
        return self._give(x, chosen)

    def ends(self):
        """Return numbers (m, 2) at both ends."""
        largest = np.finfo(np.float64).max
        given = np.stack([self.low, self.high], axis=1)
        found = self._give(given)
        # Beyond all doubles a function may have no value, and still have a limit.
        near = np.clip(given, -largest, largest)
        near[near == 0.0] = np.finfo(np.float64).tiny
        return np.where(np.isnan(found), self._give(near), found)

    def _give(self, x, chosen=slice(None)):
        values = {
            key: np.repeat(row[chosen], x.shape[1]) for key, row in self.values.items()
        }
        return self.number.of({**values, self.name: x.ravel()}).reshape(x.shape)


def _largest(rows, sign, within, of_ends):
    """Return the largest numbers (m,) of rows (m, k), and what they are as ends."""
    rows = np.where(np.isnan(rows), -np.inf, rows)
    best = rows.argmax(axis=1)
    value = rows.max(axis=1)
    kind = np.where(rows[:, 0] >= rows[:, -1], *of_ends)
    # Where nothing changes, an end is as good.
    inner = np.flatnonzero(value > np.maximum(rows[:, 0], rows[:, -1]))
    if inner.size:
        kind[inner] = FOUND
        middle = best[inner] / (_N_VALUES - 1.0)
        low, high = (middle + side / (_N_VALUES - 1.0) for side in (-1.0, 1.0))
        for _ in range(_MOST_STEPS):
            inside = low + (1.0 - _GOLDEN) * (high - low), low + _GOLDEN * (high - low)
            left, right = (
                sign * within.at(np.clip(np.stack(inside, axis=1), 0.0, 1.0), inner)
            ).T
            is_right = right > left
            low = np.where(is_right, inside[0], low)
            high = np.where(is_right, high, inside[1])
            value[inner] = np.fmax(value[inner], np.fmax(left, right))
    value[np.isneginf(value)] = np.nan
    return value, kind
