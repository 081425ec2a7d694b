"""Numbers of a fit that profiles hold: parameters, amplitudes, what is derived."""

from dataclasses import dataclass

import numpy as np

from ._sums import Sums
from ._table import Coordinate

_COMPLEX_STEP = 1e-30


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

    def values(self, sums: Sums, p):
        """Return the number of each fit, (m,)."""
        return p[sums.n_linear + self.place]

    def gradient(self, sums: Sums, p):
        """Return its derivatives (D, m)."""
        out = np.zeros_like(p)
        out[sums.n_linear + self.place] = 1.0
        return out

    def limits(self, x):
        """Return the least and the largest number of each fit, both (m,)."""
        low, high = self.axis.ends
        return np.full_like(x, low), np.full_like(x, high)

    def shown(self, x):
        """Return what is reported of numbers x."""
        return self.axis.from_u(x)


@dataclass(frozen=True)
class HeldOutput:
    """An amplitude, or what a model derives."""

    model: object
    """The model."""
    place: int
    """Place among its outputs."""
    is_plain: bool
    """Whether outputs are amplitudes and parameters as they are."""

    has_limits, open_ends = True, (-np.inf, np.inf)

    def values(self, sums: Sums, p):
        """Return the number of each fit, (m,)."""
        return self._derive(_numbers(sums, p)[0])

    def gradient(self, sums: Sums, p):
        """Return its derivatives (D, m)."""
        numbers, slopes = _numbers(sums, p)
        out = np.zeros_like(p)
        if self.is_plain:
            for i, factor in slopes[self.place]:
                out[i] += factor
            return out
        # All at once: each column of `shifted` has one number moved.
        n_numbers, m = numbers.shape
        step = np.ldexp(_COMPLEX_STEP, np.frexp(np.abs(numbers) + 1e-300)[1])
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
        """Return the least and the largest number of each fit, both (m,)."""
        one = self.model.outputs[self.place]
        # An estimate beyond a limit shows that fits do not keep it.
        low = np.where(x >= one.lower, one.lower, -np.inf)
        return low, np.where(x <= one.upper, one.upper, np.inf)

    def shown(self, x):
        """Return what is reported of numbers x."""
        return x


def _numbers(sums, p):
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


def held_number(model, name, axes, given):
    """Return what is held for an output of a model, by name.

    `axes` are those of the parameters that are fitted, `given` names those whose
    bounds the caller gave.
    """
    names = [axis.name for axis in axes]
    if name in names:
        place = names.index(name)
        one = next(one for one in model.parameters if one.name == name)
        has_limits = bool(np.isfinite(one.upper)) or name in given
        return HeldCoordinate(place, axes[place], has_limits, (one.lower, one.upper))
    outputs = [one.name for one in model.outputs]
    plain = [one.name for one in (*model.amplitudes, *model.parameters)]
    return HeldOutput(model, outputs.index(name), outputs == plain)
