"""What the commands say of acquisition points and signals that no kernel has."""

import warnings

import numpy as np

from ..utils._columns import read_name

# Seconds that are long for these kernels; larger numbers may be milliseconds.
_LONG = {"T2": 10.0, "gaussian": 10.0, "T1-IR": 100.0, "T1-SR": 100.0, "T1rho": 10.0}
# s/m² that are few for diffusion; smaller numbers may be s/mm², or in 1e9 s/m².
_FEW = 1e4
# A grid that lies farther from the times than this factor cannot explain them.
_FAR = 1e3


def check_name(what, name, unit, kernel, column, *, way_out):
    """Refuse points that a file calls another quantity, or whose unit does."""
    quantity, _ = read_name(name)
    other = quantity not in (None, column) or (name == "b" and column != "b")
    by_unit = bool(unit) and (unit == "s/m²") != (column == "b")
    if other or by_unit:
        shown = f"{name!r} in {unit}" if by_unit else f"{name!r}"
        raise ValueError(
            f"{what} is {shown}, but kernel {kernel} reads {column}; {way_out}"
        )


def take_unit(arguments, units):
    """Take the unit that a file gives for labels; refuse another.

    `units` has one for each axis, empty where the file gives none.
    """
    given = list(dict.fromkeys(unit for unit in units if unit))
    if not given:
        return
    if arguments.unit is not None and given != [arguments.unit]:
        raise ValueError(
            f"{arguments.file}: --unit labels numbers without a unit, got "
            f"{arguments.unit!r}; the file gives one, and they are in "
            f"{' and '.join(given)}."
        )
    if {*units} == {given[0]}:
        arguments.unit = given[0]


def check_times(source, kernel, times, limits, unit, name="times"):
    """Say where the unit of points is not what it seems to be.

    `limits` are the first and last relaxation time, None where they are not given.
    """
    longest = _LONG.get(kernel, np.inf)
    if not unit and times.max() > longest:
        warnings.warn(
            f"{name} reach {times.max():g}, which is long for seconds; results are in "
            "the unit of the file, and --unit labels it",
            stacklevel=2,
        )
    if kernel == "diffusion" and not unit and times.max() < _FEW:
        warnings.warn(
            f"b reaches {times.max():g}, which is small for s/m²; D comes out in one "
            "over the unit of the file, and --unit labels both",
            stacklevel=2,
        )
    seen = times[times > 0]
    seen = 1.0 / seen if kernel == "diffusion" else seen
    low, high = limits
    below = high is not None and high < seen.min() / _FAR
    above = low is not None and low > seen.max() * _FAR
    if below or above:
        option, value = ("--maximum", high) if below else ("--minimum", low)
        raise ValueError(
            f"{source}: {option} {value:g} leaves no grid that the {name}, from "
            f"{times.min():g} to {times.max():g}, can see; are both in one unit?"
        )


def is_negative(values):
    """Return whether a signal has the wrong sign for positive amplitudes."""
    # Means, which cannot overflow; noise around zero has no sign.
    return -values.min() > values.max() and (values / values.size).sum() < 0
