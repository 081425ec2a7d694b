"""Signals of a model on a grid of its parameters, and splines between its nodes."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import make_interp_spline

# Largest error of a spline between nodes, relative to the largest signal. The sum of
# squares at the minimum changes by the square of it.
_ACCURACY = 1e-8
# Doublings of a grid before a model counts as not smooth.
_MOST_DOUBLINGS = 5
# Nodes of the other axes that tell what an axis needs, at least.
_N_SAMPLE = 8


# Values of the quintic B-splines of a uniform grid at a node and half way to the next.
_AT_NODES = np.array([1.0, 26.0, 66.0, 26.0, 1.0]) / 120.0
_HALF_WAY = np.array([1.0, 237.0, 1682.0, 1682.0, 237.0, 1.0]) / 3840.0


@dataclass(frozen=True)
class Coordinate:
    """The coordinate u of a nonlinear parameter: log(value) or value."""

    name: str
    low: float
    high: float
    log: bool

    @property
    def ends(self):
        """Limits of u."""
        return (
            (np.log(self.low), np.log(self.high)) if self.log else (self.low, self.high)
        )

    def to_u(self, value):
        """Return the coordinate of a value."""
        return np.log(value) if self.log else np.asarray(value, dtype=np.float64)

    def from_u(self, u):
        """Return the value at a coordinate."""
        if not self.log:
            return u
        # Rounding must not leave the bounds.
        return np.clip(np.exp(u), self.low, self.high)

    def slope(self, u):
        """Return d value / d u."""
        return np.exp(u) if self.log else np.ones_like(u)

    def nodes(self, step):
        """Return evenly spaced u about `step` apart (in units of the range: linear)."""
        low, high = self.ends
        cells = (high - low) / step if self.log else 1.0 / step
        return np.linspace(low, high, max(8, int(np.ceil(cells))) + 1)


@dataclass
class Table:
    """Splines of a model on the product grid of its axes.

    ``signals`` are (L, N, G_1, ...) at the nodes, ``coefficients`` of uniform quintic
    B-splines (G_1 + 4, ..., L, N).
    """

    axes: tuple
    nodes: tuple
    signals: np.ndarray
    coefficients: np.ndarray


# Signals beyond these have no squares, or none beside each other.
_SMALLEST, _LARGEST = 1e-120, 1e120


def check_size(signals):
    """Raise ValueError if all signals of a model are too small or one is too large."""
    largest = np.abs(signals).max(initial=0.0)
    if 0.0 < largest < _SMALLEST or largest > _LARGEST:
        raise ValueError(
            f"signals of the model reach {largest:.3g}: write it in units in which "
            "they are of order one, for amplitudes to carry the size."
        )


def build_table(function, axes, steps):
    """Return the Table of function(values (n_sets, P)) -> (L, N, n_sets).

    Axes are doubled until splines are as accurate between nodes as fits need.
    """
    steps = np.array(steps, dtype=np.float64)
    if len(axes) > 1:
        # One axis at a time is much less to compute.
        for k in range(len(axes)):
            steps[k] = _sufficient_step(function, axes, steps, k)
    for _ in range(_MOST_DOUBLINGS + 1):
        nodes = tuple(axis.nodes(step) for axis, step in zip(axes, steps, strict=True))
        sites = [_sites(u) for u in nodes]
        samples = _evaluate(function, axes, sites)
        coefficients = samples
        for axis, (u, x) in enumerate(zip(nodes, sites, strict=True)):
            coefficients = _fit_splines(u, x, coefficients, axis)
        errors = [
            _error_between(function, axes, nodes, coefficients, axis)
            for axis in range(len(axes))
        ]
        rough = np.array(errors) > _ACCURACY
        if not rough.any():
            on_node = [np.isin(x, u) for u, x in zip(nodes, sites, strict=True)]
            signals = np.moveaxis(samples[np.ix_(*on_node)], (-2, -1), (0, 1))
            return Table(
                tuple(axes),
                nodes,
                np.ascontiguousarray(signals),
                np.ascontiguousarray(coefficients),
            )
        steps[rough] *= 0.5
    raise ValueError(
        "the model is not a smooth function of its parameters between "
        + ", ".join(f"{axis.name}={axis.low:.3g} and {axis.high:.3g}" for axis in axes)
        + f": it differs by {max(errors):.1g} from its interpolation."
    )


def _sufficient_step(function, axes, steps, axis):
    """Return a step of an axis that suffices on a sample of the others."""
    step = steps[axis]
    sample = [one.nodes(1.0 / _N_SAMPLE if not one.log else 1.0) for one in axes]
    for _ in range(_MOST_DOUBLINGS):
        nodes = list(sample)
        nodes[axis] = axes[axis].nodes(step)
        sites = _sites(nodes[axis])
        middle = 0.5 * (nodes[axis][:-1] + nodes[axis][1:])
        coordinates = list(nodes)
        coordinates[axis] = np.concatenate([sites, middle])
        signals = np.moveaxis(_evaluate(function, axes, coordinates), axis, 0)
        known, expected = np.split(signals, [sites.size])
        found = _sum_near(_fit_splines(nodes[axis], sites, known, 0), 0, _HALF_WAY)
        if np.abs(found - expected).max() <= _ACCURACY * np.abs(expected).max():
            break
        step *= 0.5
    return step


def _error_between(function, axes, nodes, coefficients, axis):
    """Return the relative error half way between the nodes of an axis."""
    # A sample of the other axes tells enough.
    sample = [u[:: max(1, u.size // 16)] for u in nodes]
    sample[axis] = 0.5 * (nodes[axis][:-1] + nodes[axis][1:])
    expected = _evaluate(function, axes, sample)
    found = coefficients
    for k, u in enumerate(nodes):
        if k == axis:
            found = _sum_near(found, k, _HALF_WAY)
        else:
            sampled = np.arange(0, u.size, max(1, u.size // 16))
            found = _sum_near(found, k, _AT_NODES).take(sampled, axis=k)
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-300)


def _sum_near(coefficients, axis, weights):
    """Return the weighted sums of coefficients next to each other along an axis."""
    lines = np.moveaxis(coefficients, axis, 0)
    stop = len(lines) + 1 - len(weights)
    lines = sum(w * lines[j : j + stop] for j, w in enumerate(weights))
    return np.moveaxis(lines, 0, axis)


def _sites(u):
    """Return where the spline is fixed: nodes and four points between them."""
    extra = 0.5 * (u[[0, 1, -3, -2]] + u[[1, 2, -2, -1]])
    return np.sort(np.concatenate([u, extra]))


def _knots(u):
    """Return uniform knots that reach five cells beyond the nodes."""
    h = (u[-1] - u[0]) / (u.size - 1)
    reach = np.arange(1, 6) * h
    return np.concatenate([u[0] - reach[::-1], u, u[-1] + reach])


def _fit_splines(u, x, values, axis):
    return np.moveaxis(
        make_interp_spline(x, np.moveaxis(values, axis, 0), k=5, t=_knots(u)).c, 0, axis
    )


def _evaluate(function, axes, coordinates):
    """Return signals (len(u_1), ..., L, N) on a product of coordinates."""
    values = [axis.from_u(u) for axis, u in zip(axes, coordinates, strict=True)]
    mesh = np.meshgrid(*values, indexing="ij")
    sets = np.stack([part.ravel() for part in mesh], axis=1)
    signals = function(sets)
    check_size(signals)
    shape = tuple(len(u) for u in coordinates)
    return np.moveaxis(signals, -1, 0).reshape(*shape, *signals.shape[:2])


# Row m: six times twenty times the coefficients of the m-th power of x in the six
# quintic B-splines of a uniform grid that are not zero in a cell.
_POWERS = np.array(
    [
        [1, 26, 66, 26, 1, 0],
        [-5, -50, 0, 50, 5, 0],
        [10, 20, -60, 20, 10, 0],
        [-10, 20, 0, -20, 10, 0],
        [5, -20, 30, -20, 5, 0],
        [-1, 5, -10, 10, -5, 1],
    ]
)


def cell_powers(coefficients):
    """Return powers of x in [0, 1] in the cells of a line, (n_cells, L, 6, N)."""
    n_cells = len(coefficients) - 5
    near = np.stack([coefficients[k : k + n_cells].ravel() for k in range(6)])
    powers = (_POWERS / 120.0 @ near).reshape(6, n_cells, *coefficients.shape[1:])
    return np.ascontiguousarray(np.moveaxis(powers, 0, 2))


def squared_powers(powers):
    """Return powers of x (n_cells, 11) of the sum of squares over points."""
    gram = powers @ np.swapaxes(powers, 1, 2)
    out = np.zeros((len(powers), 11))
    for k in range(6):
        out[:, k : k + 6] += gram[:, k]
    return out
