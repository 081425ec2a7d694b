"""A model on an acquisition, with the weights of its points and its derivatives."""

import numpy as np

from ._report import parameter_values

# Distance for differences: of log u, or of u as a fraction of its range.
_DIFFERENCE = 1e-5


class WeightedModel:
    """Signals of a model, multiplied by the roots of weights, and their derivatives.

    `axes` are those of the parameters that are free; the others are known.
    """

    def __init__(self, model, acquisition, axes, root_weight):
        self.axes = axes
        names = [parameter.name for parameter in model.parameters]
        self.free = [names.index(axis.name) for axis in axes]
        self._held = [k for k in range(len(names)) if k not in self.free]
        self.n_amplitudes = len(model.amplitudes)
        self._model, self._acquisition = model, acquisition
        self._root_weight = root_weight
        self._tells_slopes = _tells_slopes(type(model))
        self.restricted = np.array([one.lower >= 0.0 for one in model.amplitudes])
        ends = np.array([axis.ends for axis in axes])
        self.low, self.high = ends.T[:, :, None]
        log = np.array([axis.log for axis in axes])[:, None]
        self.unit = np.where(log, 1.0, self.high - self.low)

    def values(self, u, known):
        """Return all nonlinear parameters (m, n_parameters) of the model."""
        values = np.empty((len(u), len(self.free) + len(self._held)))
        values[:, self.free] = parameter_values(self.axes, u)
        values[:, self._held] = known
        return values

    def basis(self, u, own):
        """Return the weighted basis (L, N, m) at coordinates u (m, P)."""
        values = self.values(u, own.known)
        basis = self._model.basis(self._acquisition, values)
        return basis * own.weigh(self._root_weight)

    def slopes_told(self, u, own, basis):
        """Return the derivatives as the model tells them, those of `slopes` if not."""
        if not self._tells_slopes:
            return self.slopes(u, own, basis)
        values = self.values(u.T, own.known)
        slopes = self._model._basis_slopes(self._acquisition, values, basis)[self.free]
        scale = [axis.slope(row) for axis, row in zip(self.axes, u, strict=True)]
        return slopes * np.stack(scale)[:, None, None]

    def slopes(self, u, own, basis):
        """Return the derivatives (P, L, N, m) of the basis at u (P, m)."""
        if hasattr(self._model, "jacobian"):
            values = self.values(u.T, own.known)
            _, slopes = self._model.jacobian(self._acquisition, values)
            slopes = slopes[self.free] * own.weigh(self._root_weight)
            scale = [axis.slope(row) for axis, row in zip(self.axes, u, strict=True)]
            return slopes[:, None] * np.stack(scale)[:, None, None, :]
        h = _DIFFERENCE * self.unit
        # Differences must not leave the box, outside of which a model may not exist.
        center = np.clip(u, self.low + h, self.high - h)
        n_parameters, m = u.shape
        sides = np.repeat(center[None, None], 2, axis=0).repeat(n_parameters, axis=1)
        for k in range(n_parameters):
            sides[0, k] = sides[1, k] = u
            sides[0, k, k] = center[k] - h[k]
            sides[1, k, k] = center[k] + h[k]
        sets = np.moveaxis(sides, 2, 3).reshape(-1, n_parameters)
        both = self.basis(sets, own.take(np.tile(np.arange(m), 2 * n_parameters)))
        both = both.reshape(*basis.shape[:2], 2, n_parameters, m)
        below, above = np.moveaxis(both, (2, 3), (0, 1))
        slopes = (above - below) / (2.0 * h[:, None, None])
        moved = u - center
        for k in np.flatnonzero(moved.any(axis=1)):
            # Beside a bound, the slope of the parabola through three points.
            edge = np.flatnonzero(moved[k])
            middle = u[:, edge].copy()
            middle[k] = center[k, edge]
            bend = below[k][..., edge] + above[k][..., edge]
            bend -= 2.0 * self.basis(middle.T, own.take(edge))
            slopes[k][..., edge] += moved[k, edge] * bend / h[k] ** 2
        return slopes


def _tells_slopes(kind):
    """Return whether a class of models tells the derivatives of its own basis.

    A subclass with another basis has inherited those of the first.
    """
    for one in kind.__mro__:
        if "_basis_slopes" in vars(one):
            return True
        if {"basis", "evaluate"} & set(vars(one)):
            return False
    return False
