"""What the compiled loops of fits share: tuples of arrays.

Signals Y are (n, C, N): n voxels, C channels (2 for complex data) that share the
nonlinear parameters, N points. A fit has L amplitudes and P nonlinear parameters, whose
coordinates u (see ``_table.py``) are looked at on G nodes; K places of a voxel are kept
for a closer look.
"""

from typing import NamedTuple

import numpy as np

# Sums over points may use SIMD. NaN keeps its meaning.
FAST = {"contract", "reassoc", "nsz"}
# Nodes that are looked at together; a constant, since LLVM unrolls it.
WIDTH = 16


class Stop(NamedTuple):
    """When an iteration ends."""

    tol: float
    """Change of the coordinates."""
    max_iter: int
    """Largest number of iterations; fits that need more report one more."""


class Solution(NamedTuple):
    """What fits of n voxels find."""

    u: np.ndarray
    """Coordinates of the nonlinear parameters, (n, P)."""
    coef: np.ndarray
    """Amplitudes, (n, C, L)."""
    rss: np.ndarray
    """Sums of squared residuals, (n,)."""
    cov: np.ndarray
    """Inverse of J'J for amplitudes and coordinates, nan if none, (n, L + P, L + P)."""
    n_iter: np.ndarray
    """Iterations, (n,)."""

    @classmethod
    def empty(cls, n, n_channels, n_amplitudes, n_parameters):
        """Return arrays for a loop to fill."""
        size = n_amplitudes + n_parameters
        return cls(
            np.empty((n, n_parameters)),
            np.empty((n, n_channels, n_amplitudes)),
            np.empty(n),
            np.empty((n, size, size)),
            np.empty(n, dtype=np.int32),
        )


class Nodes(NamedTuple):
    """Evenly spaced nodes of one coordinate: node g is at origin + step g."""

    origin: float
    """Coordinate of the first node."""
    step: float
    """Distance of nodes."""
    count: int
    """Number of nodes."""


class Spline(NamedTuple):
    """A quintic spline in one coordinate."""

    powers: np.ndarray
    """Coefficients of the powers of x in [0, 1] between nodes, (G - 1, L, 6, N)."""
    nodes: Nodes
    """Where the cells are."""


class SingleSpline(NamedTuple):
    """A quintic spline of one signal in one coordinate, with its energy."""

    powers: np.ndarray
    """Coefficients of the powers of x in [0, 1] between nodes, (G - 1, 6, N)."""
    squares: np.ndarray
    """The same of the sum of squares over points, (G - 1, 11)."""
    nodes: Nodes
    """Where the cells are."""


class PlaneSpline(NamedTuple):
    """A product of quintic B-splines in two coordinates."""

    coefficients: np.ndarray
    """Coefficients, (G_1 + 4, (G_2 + 4) N)."""
    origin: np.ndarray
    """First node of both coordinates, (2,)."""
    step: np.ndarray
    """Distance of nodes of both, (2,)."""


class Brackets(NamedTuple):
    """Where to look for minima on a line, best first."""

    low: np.ndarray
    """Lower ends, (n, K)."""
    high: np.ndarray
    """Upper ends, (n, K)."""
    start: np.ndarray
    """Where to start, (n, K)."""
    node: np.ndarray
    """Best node, -1 where there is no bracket any more, (n, K)."""
    sign: np.ndarray
    """Polarities of the points of magnitudes, (n, K, N); else (n, 0, N)."""

    @classmethod
    def empty(cls, n, n_kept, n_points, magnitude):
        """Return arrays for a loop to fill, without brackets yet."""
        low, high, start = (np.empty((n, n_kept)) for _ in range(3))
        node = np.full((n, n_kept), -1, dtype=np.int64)
        sign = np.empty((n, n_kept if magnitude else 0, n_points), np.int8)
        return cls(low, high, start, node, sign)

    def take(self, part, n_kept):
        """Return views of the first brackets of a slice of the voxels."""
        low, high, start, node, sign = self
        first = part, slice(n_kept)
        return Brackets(low[first], high[first], start[first], node[first], sign[part])


class Starts(NamedTuple):
    """Where to start with two nonlinear parameters, best first."""

    place: np.ndarray
    """Coordinates, (n, K, 2)."""
    node: np.ndarray
    """Node, (n, K) or (n, K, 2); negative where there is no start."""


class LineGrid(NamedTuple):
    """What energies of signals on a line are computed with."""

    basis: np.ndarray
    """Orthonormal signals per node, padded with zeros, (L, N, G + WIDTH)."""
    squares: np.ndarray
    """Their products at each point, (1 or 3, N, G + WIDTH)."""
    stride: int
    """Nodes from one coarse node to the next."""
    near: np.ndarray
    """How much of |y|^2 below the best a coarse node is looked at in any case, of all
    voxels or of each, (1 or n, G)."""
    nodes: Nodes
    """Where the nodes are."""


class LineMargins(NamedTuple):
    """How far below the best energies may hide the minimum, as fractions of |y|^2."""

    coarse: float
    """Local maxima at coarse nodes."""
    fine: float
    """Local maxima at all nodes."""


class Polarities(NamedTuple):
    """Polarities of magnitudes of one amplitude, which follow from the node."""

    units: np.ndarray
    """Unit signals per node, with their signs, (G, N)."""
    gaps: np.ndarray
    """How much of |y|^2 a maximum between two nodes may be above both, (G - 1,)."""


class LineWork(NamedTuple):
    """Workspaces of `scan_line`."""

    energies: np.ndarray
    """Energies at all nodes, padded, (G + WIDTH,)."""
    peak: np.ndarray
    """Which coarse nodes to look at, their number padded to a multiple of 8."""


class Patterns(NamedTuple):
    """Polarities that magnitudes of two amplitudes can have.

    Whatever the amplitudes, points change their sign one after the other in an order,
    from a pattern, that hold for all nodes of a run.
    """

    runs: np.ndarray
    """First node of each run, and the number of nodes, (R + 1,)."""
    order: np.ndarray
    """Order of the points, (R, N)."""
    base: np.ndarray
    """Signs before the first change, points in that order, (R, N)."""
    basis: np.ndarray
    """Orthonormal signals per node, points in that order, (2, N, G)."""


class SignMargins(NamedTuple):
    """The same for energies of patterns of signs."""

    node: float
    """At nodes."""
    between: float
    """Of the parabola through three nodes."""


class SignWork(NamedTuple):
    """Workspaces of `scan_signs`."""

    energies: np.ndarray
    """Energies of all patterns at all nodes, (N, G)."""
    peak: np.ndarray
    """Which nodes to look at, their number padded to a multiple of 8."""


class PairGrid(NamedTuple):
    """What energies of pairs of signals are computed with."""

    gram: np.ndarray
    """Products r of the unit signals of the nodes, (G, G)."""
    inverse: np.ndarray
    """1 / (1 - r^2), (G, G)."""
    allowed: np.ndarray
    """First node and the stop of both parameters, (2, 2)."""


class PairMargins(NamedTuple):
    """The same for energies of pairs."""

    row: float
    """Of rows of pairs that share the first node."""
    depth: float
    """Of the valley between two of them."""


class PairWork(NamedTuple):
    """Workspaces of `scan_pair`, (G,) each."""

    energies: np.ndarray
    """Energies of the pairs of a row."""
    rows: np.ndarray
    """The largest energy of each row."""
    partner: np.ndarray
    """Place of the second parameter where it is, in nodes."""
    size: np.ndarray
    """One over the norms of the unit signals at the points of a voxel."""


class PairLine(NamedTuple):
    """The sum of two signals of one model."""

    spline: Spline
    """The model."""
    basis: np.ndarray
    """Unit signals of coarse nodes, (N, G)."""
    coarse: np.ndarray
    """Coordinates of coarse nodes, (G,)."""
    box: np.ndarray
    """Limits of both parameters, (2, 2)."""


class PairState(NamedTuple):
    """The sum of squares at a pair of parameters."""

    signals: np.ndarray
    """Signals and two derivatives with respect to their coordinates, (3, 2, N)."""
    coef: np.ndarray
    """Amplitudes, (C, 2)."""
    slopes: np.ndarray
    """Gradient of the sum of squares, with the amplitudes at their best, and its
    Hessian below, (3, 2)."""
    w: np.ndarray
    """Which points are there, (N,), or none where all are."""


class PlaneGrid(NamedTuple):
    """What energies of signals on a plane are computed with."""

    basis: np.ndarray
    """Unit signals of the nodes, their moduli for magnitudes, (G_1, G_2, N)."""
    n_second: int
    """Number of coarse nodes, which are every other one, of the second parameter."""


class PlaneWork(NamedTuple):
    """Workspaces of `scan_plane`."""

    peak: np.ndarray
    """Which coarse nodes to look at, their number padded to a multiple of 8."""
    value: np.ndarray
    """Energies of the nodes found, (K,)."""
    w: np.ndarray
    """Which points are there, (N,), or none where all are."""
