"""What the commands say of acquisition points and signals that no kernel has."""

import warnings
from pathlib import Path

import numpy as np

from ..io._decay import CSDM_SUFFIXES
from ..utils._columns import read_name

# Seconds that are long for these kernels; larger numbers may be milliseconds.
_LONG = {"T2": 10.0, "gaussian": 10.0, "T1-IR": 100.0, "T1-SR": 100.0}
# s/m² that are few for diffusion; smaller numbers may be s/mm², or in 1e9 s/m².
_FEW = 1e4
# Ends of a recovery that are at least this fraction of its largest number have a sign.
_CLEAR = 0.2
# A grid that lies farther from the times than this factor cannot explain them.
_FAR = 1e3


def is_csdm(file):
    """Return whether a file is CSDM, whose points come in seconds or s/m²."""
    return Path(file).suffix.lower() in CSDM_SUFFIXES


def check_name(what, name, kernel, column, *, by_unit, way_out):
    """Refuse points that a file calls another quantity; return the unit it gives.

    With `by_unit`, "b" and "time" are names that follow from units.
    """
    quantity, unit = read_name(name)
    other = quantity not in (None, column)
    # Units of b hold a length.
    other |= "/" in (unit or "") and column != "b"
    if by_unit and name in ("b", "time"):
        other |= (name == "b") != (column == "b")
    if other:
        raise ValueError(
            f"{what} is {name!r}, but kernel {kernel} reads {column}; {way_out}"
        )
    return unit


def check_times(source, kernel, times, limits, unit, name="times"):
    """Say where the unit of points is not what it seems to be.

    `limits` are the first and last relaxation time, None where they are not given.
    """
    longest = _LONG.get(kernel, np.inf)
    if unit is None and times.max() > longest:
        warnings.warn(
            f"{name} reach {times.max():g}, which is long for seconds; results are in "
            "the unit of the file, and --unit labels it",
            stacklevel=2,
        )
    if kernel == "diffusion" and unit is None and times.max() < _FEW:
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


def check_recovery(source, name, signal):
    """Say that a signal (n_points,) falls where an inversion recovery rises."""
    first, last = signal[0], signal[-1]
    if min(first, -last) > _CLEAR * np.abs(signal).max():
        warnings.warn(
            f"{source}: {name} falls from {first:.3g} to {last:.3g} along TI, but an "
            "inversion recovery rises; turn its sign",
            stacklevel=2,
        )
