"""A function of parameters and amplitudes, as profiles hold it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ._held import OnScale, fitted_numbers
from ._sums import Sums

# Distance for differences: of what cannot be negative, as a factor, of others as a part
# of their range. The error of central differences is its square, and that of rounding
# the inverse of it.
_DIFFERENCE = 6e-6
# What ends of kinds of numbers are searched in.
_SCALES = {"number": "number", "time": "positive", "share": "share"}


@dataclass(frozen=True, eq=False)
class FunctionOfOutputs:
    """What is asked of fits besides the outputs of their model."""

    function: Callable
    """Takes all outputs (n_outputs, m) of fits, returns numbers (m,)."""
    scale: str
    """The kind of the number: "number", "time" or "share"."""


@dataclass(frozen=True)
class HeldFunction(OnScale):
    """A function of the outputs of a model."""

    function: Callable
    """Takes all outputs (n_outputs, m) of fits, returns numbers (m,)."""
    model: object
    """The model."""
    is_plain: bool
    """Whether outputs are amplitudes and parameters as they are."""
    scale: str
    """What an end is searched in."""

    # Parameters have bounds of their own.
    ends_with_fits = True

    @classmethod
    def of(cls, asked, model):
        """Return it for a FunctionOfOutputs."""
        plain = [one.name for one in (*model.amplitudes, *model.parameters)]
        is_plain = [one.name for one in model.outputs] == plain
        return cls(asked.function, model, is_plain, _SCALES[asked.scale])

    def values(self, sums: Sums, p):
        """Return the number of each fit, (m,)."""
        return self._of_numbers(fitted_numbers(sums, p)[0])

    def gradient(self, sums: Sums, p):
        """Return its derivatives (D, m)."""
        numbers, slopes = fitted_numbers(sums, p)
        n_amplitudes = len(self.model.amplitudes)
        # An amplitude may be zero beside others.
        size = np.abs(numbers[:n_amplitudes]).max(axis=0)
        out, steps = np.zeros_like(p), np.zeros_like(numbers)
        steps[:n_amplitudes] = _DIFFERENCE * np.where(size > 0.0, size, 1.0)
        for place, unit in zip(sums.weighted.free, sums.weighted.unit, strict=True):
            slope = slopes[n_amplitudes + place][0][1]
            steps[n_amplitudes + place] = _DIFFERENCE * unit * slope
        moved = [k for k, slope in enumerate(slopes) if slope]
        shifted = np.repeat(numbers[:, None], 2 * len(moved) + 1, axis=1)
        for column, k in enumerate(moved):
            shifted[k, 2 * column + 1] += steps[k]
            shifted[k, 2 * column + 2] -= steps[k]
        found = self._of_numbers(shifted.reshape(len(numbers), -1))
        here, *sides = found.reshape(-1, p.shape[1])
        for column, k in enumerate(moved):
            above, below = sides[2 * column : 2 * column + 2]
            # At the end of what is possible, one side tells.
            lost = ~np.isfinite(above), ~np.isfinite(below)
            length = (~lost[0]).astype(float) + (~lost[1])
            rise = np.where(lost[0], here, above) - np.where(lost[1], here, below)
            slope = rise / (np.maximum(length, 1.0) * steps[k])
            for i, factor in slopes[k]:
                out[i] += slope * factor
        return out

    def _of_numbers(self, numbers):
        if not self.is_plain:
            numbers = self.model.derive(numbers)
        return self.function(np.asarray(numbers))
