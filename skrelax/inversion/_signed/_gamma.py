"""The penalty matrix of one distribution."""

import math

import numpy as np

from ._lattice import make_lattice
from ._numba_penalty import assemble, centre_weights, fold_baseline
from ._numba_types import Constants, Weights


class Gamma:
    """The penalty matrix by offsets, with the weights that it is made of.

    Parameters
    ----------
    lattice : Lattice
        Cells of the distribution.
    constants : Constants
        Constants of the penalties.
    start : float
        Diagonal of the matrix before the first iteration.

    Attributes
    ----------
    weights : Weights
        What follows the distribution; its `gamma` is the matrix.
    floor : ndarray of shape (n_directions,)
        The first column of the scales, which a scheme may raise for some time.
    """

    def __init__(self, lattice, constants, start):
        self.lattice, self.constants, self.start = lattice, constants, start
        self.floor = constants.scales[:, 0].copy()
        n, n_axes, size = lattice.steps.shape[0], len(lattice.axes), lattice.size
        self.weights = Weights(
            rows=np.zeros((n + 1 + n_axes, size)),
            crossings=np.zeros((n_axes, size)),
            logarithms=np.zeros((0, size)),
            gamma=np.zeros((lattice.couplings.offsets.size, size)),
        )
        self.reset()

    @property
    def matrix(self):
        """The matrix, (n_offsets, size)."""
        return self.weights.gamma

    def reset(self):
        """Go back to the start: a multiple of the identity."""
        self.constants.scales[:, 0] = self.floor
        self.weights.rows[:], self.weights.crossings[:] = 0.0, 0.0
        self.matrix[:] = 0.0
        self.matrix[0] = self.start * self.lattice.couplings.cell

    def keep_logarithms(self):
        """Make room for logarithms of the weights, which not all schemes keep."""
        shape = (self.lattice.steps.shape[0], self.lattice.size)
        self.weights = self.weights._replace(logarithms=np.zeros(shape))

    def follow(self, loop, g, *settings):
        """Follow a distribution g on the flat array by one call of a compiled loop."""
        stencils, couplings = self.lattice.stencils, self.lattice.couplings
        loop(g, stencils, couplings, self.constants, self.weights, *settings)

    def weigh(self, loop, g, share, *settings):
        """Let a compiled loop write weights, the first part of following g in threads.

        share(function) calls function(first, last) on parts of the cells.
        """
        stencils = self.lattice.stencils
        constants, weights = self.constants, self.weights
        share(
            lambda first, last: loop(
                g, first, last, stencils, constants, *settings, weights
            )
        )

    def assemble(self, g, share, rate):
        """Set the matrix from the weights; it follows them at a rate."""
        stencils, couplings = self.lattice.stencils, self.lattice.couplings
        constants, weights = self.constants, self.weights
        n = stencils.offsets.size
        fold_baseline(g, stencils, constants, weights)
        share(lambda first, last: centre_weights(first, last, n, weights.rows))
        share(
            lambda first, last: assemble(
                g, first, last, couplings, constants, rate, weights
            )
        )


def make_gamma(axes, order, penalty, crossing_scale=None):
    """Return the Gamma of a distribution.

    Parameters
    ----------
    axes : Axes
        Axes of the distribution.
    order : tuple of int
        Axes of the lattice, the slowest first.
    penalty : AdaptivePenalty
        Constants, one per axis where they may be.
    crossing_scale : tuple of float or None, default=None
        Scale of the crossing penalty per axis, of a scheme that has one.
    """
    halves = tuple(window // 2 for window in penalty.windows)
    lattice = make_lattice(
        tuple(axes.shape[axis] for axis in order),
        tuple(axes.baseline[axis] for axis in order),
        halves,
    )
    order = list(order)
    steps = axes.last_steps[order]
    lengths = np.where(np.array(axes.is_log)[order], steps, np.log(10.0) * steps)

    def of(step, values):
        """Return the root mean square of the values of the axes of a direction."""
        values, on = np.asarray(values, dtype=np.float64)[order], np.flatnonzero(step)
        return math.sqrt(sum(values[axis] ** 2 for axis in on) / on.size)

    # A single bin has no direction, but the start needs a scale.
    floors = [of(step, penalty.floor) for step in lattice.steps]
    start = penalty.strength / np.mean(floors or [penalty.floor[order[0]]])
    scales, crossing = np.empty((len(floors), 3)), []
    for i, step in enumerate(lattice.steps):
        dq = math.sqrt(sum(lengths[axis] ** 2 for axis in np.flatnonzero(step)))
        ap, ac = of(step, penalty.slope), of(step, penalty.curvature)
        scales[i] = floors[i] * dq**5, ap * dq, ac / dq
        if crossing_scale is not None and i < len(lattice.axes):
            crossing.append(dq / (of(step, crossing_scale) * dq**3))
    constants = Constants(
        scales=scales,
        halves=np.array(halves),
        crossing=np.array(crossing),
        limit=penalty.crossing_limit,
        fixed=lattice.spread(_boundary(lattice, [penalty.boundary[a] for a in order])),
        negative=penalty.negative,
        strength=penalty.strength,
    )
    return Gamma(lattice, constants, start)


def _boundary(lattice, boundary):
    """Return the boundary penalty of each cell; ends of several axes add up."""
    out = np.zeros(lattice.full_shape)
    for axis, penalty in enumerate(boundary):
        bins = np.moveaxis(out, axis, 0)[: lattice.shape[axis]]
        bins[:2] += penalty
        bins[-2:] += penalty
    return out
