"""Sums of squares of many fits, with their slopes in amplitudes and coordinates.

Fits are the last axis. A fit has D = C L + P numbers p: the amplitudes of its C
channels, one channel after another, and the coordinates u of the parameters.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import i0e

from ..utils._rice import expected_signal
from ._own import Own
from ._rician import information
from ._weighted import WeightedModel


def total(values):
    """Return sums over the first axis of values (k, ..., m), one after another.

    Of one fit alone NumPy would add pairs, and its last bits hang on who else is there.
    """
    if values.shape[-1] == 1:
        return np.add.accumulate(values, axis=0)[-1]
    return np.ascontiguousarray(values).sum(axis=0)


def take_fits(values, chosen):
    """Return those of some fits, the last axis, by numbers or a mask, in C order."""
    if chosen.dtype == bool:
        return np.compress(chosen, values, axis=-1)
    return np.take(values, chosen, axis=-1)


class State(NamedTuple):
    """A sum of squares at numbers p, expanded to second order."""

    p: np.ndarray
    """Amplitudes and coordinates, (D, m)."""
    value: np.ndarray
    """Sum of squares, (m,)."""
    gradient: np.ndarray
    """Half of its gradient, (D, m)."""
    hessian: np.ndarray
    """Half of its Hessian without second derivatives of the model, (D, D, m)."""

    def take(self, chosen):
        """Return that of some of the fits."""
        return State(*(take_fits(part, chosen) for part in self))

    def put(self, chosen, new):
        """Write the states of some of the fits."""
        for part, values in zip(self, new, strict=True):
            part[..., chosen] = values


class Sums(NamedTuple):
    """Signals of many fits, and what their sums of squares are made of."""

    weighted: WeightedModel
    """The model on the acquisition."""
    y: np.ndarray
    """Weighted signals over `unit`, zero where points are missing, (C, N, m)."""
    own: Own
    """What is known of each fit."""
    unit: np.ndarray
    """Powers of two, (m,)."""
    is_magnitude: bool
    """Whether signals have lost their sign."""
    rician: np.ndarray | None
    """Variances of Rician noise, (m,); None if the noise is Gaussian."""

    def take(self, chosen):
        """Return those of some of the fits."""
        rician = None if self.rician is None else self.rician[chosen]
        return self._replace(
            y=take_fits(self.y, chosen),
            own=self.own.take(chosen),
            unit=self.unit[chosen],
            rician=rician,
        )

    @property
    def n_linear(self):
        """Number of amplitudes of all channels."""
        return len(self.y) * self.weighted.n_amplitudes

    def amplitudes(self, p):
        """Return the amplitudes (C, L, m) among numbers p."""
        return p[: self.n_linear].reshape(len(self.y), -1, p.shape[1])

    def signals(self, p):
        """Return the signals (C, N, m) of numbers p."""
        basis = self.weighted.basis(p[self.n_linear :].T, self.own)
        return (self.amplitudes(p)[:, :, None] * basis).sum(axis=1)

    def misfits(self, p):
        """Return the sums of squares (m,) of numbers p."""
        pairs = zip(self.y, self.signals(p), strict=True)
        return sum(self._compare(y, signal)[0] for y, signal in pairs)

    def limits(self):
        """Return the least and the largest numbers, both (D, 1)."""
        low = np.full((self.n_linear, 1), -np.inf)
        if len(self.y) == 1 and not self.is_magnitude:
            low[self.weighted.restricted] = 0.0
        high = np.full_like(low, np.inf)
        return (
            np.concatenate([low, self.weighted.low]),
            np.concatenate([high, self.weighted.high]),
        )

    def expand(self, p, project):
        """Return the State at numbers p (D, m).

        ``project(p, hessian, gradient)`` improves amplitudes at these coordinates, of
        half of the sum of squares with these derivatives in the amplitudes.
        """
        u = p[self.n_linear :]
        basis = self.weighted.basis(u.T, self.own)
        if self.rician is None:
            p = self._project(p, basis, project)
        coef = self.amplitudes(p)
        slopes = self.weighted.slopes_told(u, self.own, basis)
        n_amplitudes = len(basis)
        value = np.zeros(p.shape[1])
        gradient = np.zeros_like(p)
        hessian = np.zeros((len(p), *p.shape))
        for c, y in enumerate(self.y):
            signal = (coef[c][:, None] * basis).sum(axis=0)
            misfit, rest, weight = self._compare(y, signal)
            value += misfit
            moved = (coef[c][:, None] * slopes).sum(axis=1)
            columns = [*basis, *moved]
            first = c * n_amplitudes
            places = [first + k for k in range(n_amplitudes)]
            places += range(self.n_linear, len(p))
            for k, (i, column) in enumerate(zip(places, columns, strict=True)):
                gradient[i] -= total(column * rest)
                scaled = column if weight is None else weight * column
                for j, other in zip(places[: k + 1], columns, strict=False):
                    both = total(scaled * other)
                    hessian[i, j] += both
                    if i != j:
                        hessian[j, i] += both
        return State(p, value, gradient, hessian)

    def _project(self, p, basis, project):
        """Return numbers with better amplitudes, where there are any."""
        n_amplitudes = len(basis)
        gram = np.empty((n_amplitudes, n_amplitudes, p.shape[1]))
        for i, one in enumerate(basis):
            for j, other in enumerate(basis[: i + 1]):
                gram[i, j] = gram[j, i] = total(one * other)
        hessian = np.zeros((self.n_linear, self.n_linear, p.shape[1]))
        gradient, value = np.empty((self.n_linear, p.shape[1])), 0.0
        for c, (y, coef) in enumerate(zip(self.y, self.amplitudes(p), strict=True)):
            signal = (coef[:, None] * basis).sum(axis=0)
            misfit, rest, _ = self._compare(y, signal)
            value = value + misfit
            block = slice(c * n_amplitudes, (c + 1) * n_amplitudes)
            hessian[block, block] = gram
            gradient[block] = [-total(one * rest) for one in basis]
        new, good = project(p, hessian, gradient)
        if self.is_magnitude:
            # Other amplitudes may have other polarities.
            signal = (self.amplitudes(new)[0][:, None] * basis).sum(axis=0)
            good &= self._compare(self.y[0], signal)[0] <= value
        return np.where(good, new, p)

    def _compare(self, y, signal):
        """Return misfit (m,), residuals (N, m) and weights of the curvature or None."""
        if self.rician is None:
            if self.is_magnitude:
                y = np.where(signal < 0.0, -y, y)
            rest = y - signal
            return total(rest**2), rest, None
        size = np.abs(signal)
        misfit = (y - size) ** 2
        misfit -= 2.0 * self.rician * np.log(i0e(y * size / self.rician))
        rest = expected_signal(y, signal, self.rician) - signal
        weight = information(signal / np.sqrt(self.rician))
        if self.own.there is not None:
            # Of a point that is missing, nothing is a function of the signal.
            there = self.own.there.T
            misfit, rest = misfit * there, rest * there
        return total(misfit), rest, weight
