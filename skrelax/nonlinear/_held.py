"""Numbers of a fit that profiles hold: parameters, amplitudes, what is derived."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ._sums import Sums
from ._table import Coordinate

_COMPLEX_STEP = 1e-30
# Shares are 0 or 1 from this logarithm of the odds on: a billionth.
_MOST_ODDS = 20.7
# Longest step of a number: a factor of e^2, or this fraction of a range.
LONGEST_LOG, LONGEST_LINEAR = 2.0, 0.5


@dataclass(frozen=True)
class HeldCoordinate:
    """The coordinate u of a nonlinear parameter."""

    place: int
    """Its place among the coordinates."""
    axis: Coordinate
    """The axis."""
    has_limits: bool
    """Whether its limits are more than where a search ends."""
    open_ends: tuple
    """What is reported where they are not, on both sides."""

    ends_with_fits = False

    def values(self, sums: Sums, p):
        """Return the number of each fit, (m,)."""
        return p[sums.n_linear + self.place]

    def gradient(self, sums: Sums, p):
        """Return its derivatives (D, m)."""
        out = np.zeros_like(p)
        out[sums.n_linear + self.place] = 1.0
        return out

    def limits(self, x):
        """Return the least and the largest coordinate of each fit, both (m,)."""
        low, high = self.axis.ends
        return np.full_like(x, low), np.full_like(x, high)

    def to_x(self, values):
        """Return the coordinates in which an end is searched."""
        return values

    def from_x(self, x):
        """Return the numbers of coordinates, and their slopes."""
        return x, np.ones_like(x)

    def shown(self, x):
        """Return what is reported at coordinates."""
        return self.axis.from_u(x)

    @property
    def longest(self):
        """The longest first step."""
        low, high = self.axis.ends
        return LONGEST_LOG if self.axis.log else LONGEST_LINEAR * (high - low)


class OnScale:
    """A number whose ends are searched on a `scale`.

    The "number" itself, the logarithm of a "positive" one, or that of the odds of a
    "share".
    """

    has_limits = True
    # Whether there may be no fit beyond a value that no limit tells.
    ends_with_fits = False

    @property
    def open_ends(self):
        """What is reported where nothing limits it, on both sides."""
        high = 1.0 if self.scale == "share" else np.inf
        return (-np.inf if self.scale == "number" else 0.0), high

    @property
    def longest(self):
        """The longest first step, None for no such."""
        return None if self.scale == "number" else LONGEST_LOG

    def limits(self, x):
        """Return the least and the largest coordinate of each fit, both (m,)."""
        most = _MOST_ODDS if self.scale == "share" else np.inf
        return np.full_like(x, -most), np.full_like(x, most)

    def to_x(self, values):
        """Return the coordinates in which an end is searched."""
        if self.scale == "number":
            return values
        if self.scale == "positive":
            return np.log(values)
        return np.clip(np.log(values / (1.0 - values)), -_MOST_ODDS, _MOST_ODDS)

    def from_x(self, x):
        """Return the numbers of coordinates, and their slopes."""
        if self.scale == "number":
            return x, np.ones_like(x)
        if self.scale == "positive":
            return np.exp(x), np.exp(x)
        share = expit(x)
        return share, share * (1.0 - share)

    def shown(self, x):
        """Return what is reported at coordinates."""
        found = self.from_x(x)[0]
        if self.scale != "share":
            return found
        return np.where(np.abs(x) < _MOST_ODDS, found, np.where(x > 0.0, 1.0, 0.0))


@dataclass(frozen=True)
class HeldOutput(OnScale):
    """An amplitude, or what a model derives."""

    model: object
    """The model."""
    place: int
    """Place among its outputs."""
    is_plain: bool
    """Whether outputs are amplitudes and parameters as they are."""
    scale: str
    """What an end is searched in."""

    def values(self, sums: Sums, p):
        """Return the number of each fit, (m,)."""
        return self._derive(fitted_numbers(sums, p)[0])

    def gradient(self, sums: Sums, p):
        """Return its derivatives (D, m)."""
        numbers, slopes = fitted_numbers(sums, p)
        out = np.zeros_like(p)
        if self.is_plain:
            for i, factor in slopes[self.place]:
                out[i] += factor
            return out
        # All at once: each column of `shifted` has one number moved.
        n_numbers, m = numbers.shape
        size, n_amplitudes = np.abs(numbers), len(self.model.amplitudes)
        # An amplitude may be zero beside others.
        size[:n_amplitudes] = size[:n_amplitudes].max(axis=0)
        step = np.ldexp(_COMPLEX_STEP, np.frexp(size + 1e-250)[1])
        shifted = np.repeat(numbers[:, None], n_numbers, axis=1).astype(complex)
        index = np.arange(n_numbers)
        shifted[index, index] += 1j * step
        moved = self._derive(shifted.reshape(n_numbers, -1)).imag
        moved = moved.reshape(n_numbers, m) / step
        for one, slope in zip(moved, slopes, strict=True):
            for i, factor in slope:
                out[i] += one * factor
        return out

    def _derive(self, numbers):
        if self.is_plain:
            return numbers[self.place]
        return self.model.derive(numbers)[self.place]

    def limits(self, x):
        """Return the least and the largest coordinate of each fit, both (m,)."""
        if self.scale != "number":
            return super().limits(x)
        one = self.model.outputs[self.place]
        # An estimate beyond a limit shows that fits do not keep it.
        low = np.where(x >= one.lower, one.lower, -np.inf)
        return low, np.where(x <= one.upper, one.upper, np.inf)


def fitted_numbers(sums, p):
    """Return amplitudes and parameters (L + P, m), and their slopes.

    The slopes of each are pairs of a place in p and factors (m,).
    """
    coef, weighted = sums.amplitudes(p), sums.weighted
    u = p[sums.n_linear :]
    values = weighted.values(u.T, sums.own.known).T
    n_amplitudes = coef.shape[1]
    slopes = []
    if len(coef) == 1:
        amplitudes = coef[0]
        slopes += [[(k, sums.unit)] for k in range(n_amplitudes)]
    else:
        # Moduli, with a sign on the axis of the first one.
        turn = (coef[:, :1] * coef).sum(axis=0)
        sign = np.where(turn < 0.0, -1.0, 1.0)
        size = np.hypot(*coef)
        amplitudes = sign * size
        along = sign * coef / np.where(size > 0.0, size, 1.0) * sums.unit
        for k in range(n_amplitudes):
            places = k, n_amplitudes + k
            slopes.append(list(zip(places, along[:, k], strict=True)))
    free = {
        place: (sums.n_linear + k, axis.slope(u[k]))
        for k, (place, axis) in enumerate(
            zip(weighted.free, weighted.axes, strict=True)
        )
    }
    slopes += [[free[k]] if k in free else [] for k in range(len(values))]
    return np.vstack([amplitudes * sums.unit, values]), slopes


def held_number(model, name, axes, given, is_positive):
    """Return what is held for an output of a model, by name.

    `axes` are those of the parameters that are fitted, `given` names those whose
    bounds the caller gave; `is_positive` is whether no amplitude is negative.
    """
    names = [axis.name for axis in axes]
    if name in names:
        place = names.index(name)
        one = next(one for one in model.parameters if one.name == name)
        has_limits = bool(np.isfinite(one.upper)) or name in given
        return HeldCoordinate(place, axes[place], has_limits, (one.lower, one.upper))
    outputs = [one.name for one in model.outputs]
    plain = [one.name for one in (*model.amplitudes, *model.parameters)]
    place, is_plain = outputs.index(name), outputs == plain
    one = model.outputs[place]
    scale = "number"
    if is_positive and not is_plain and one.lower == 0.0:
        scale = {np.inf: "positive", 1.0: "share"}.get(one.upper, scale)
    return HeldOutput(model, place, is_plain, scale)
