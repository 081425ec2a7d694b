"""What the compiled loops of the signed inversion share: tuples and sizes.

Distributions live on a flat array with a layer of ghost cells after every line of an
axis, which hold 0: a step of the stencil is then one offset, whatever the number of
axes. The penalty matrix `Gamma` is stored by offsets: entry (k, q) couples cell q with
cell q + offsets[k], and is 0 where one of them is none: cells that are coupled are then
steps[k] apart in their own order, too. The diagonal of ghost cells is never read as a
value that counts, since vectors are 0 there.
"""

from typing import NamedTuple

import numpy as np

# Cells per block: the arrays of a block stay in the second level cache.
BLOCK = 2048
# Columns of a panel of a banded matrix: a vector of the widest registers.
PANEL = 8
# Contraction lets the compiler use fused multiply-adds; it removes no NaN.
CONTRACT = {"contract"}


class Stencils(NamedTuple):
    """Directions of differences: axes first, then both diagonals of their pairs."""

    offsets: np.ndarray
    """Distance of a step on the flat array, (n_directions,)."""
    insides: np.ndarray
    """1 where a cell has a stencil in a direction, (1 or n_directions, size)."""
    folds: np.ndarray
    """Baseline cells (n, 4): cell, direction of an axis, diagonal direction, count."""


class Couplings(NamedTuple):
    """Which cells the penalty couples, and by which products of weights."""

    cells: np.ndarray
    """Position of each cell on the flat array, in C order, (n_cells,)."""
    cell: np.ndarray
    """1 on cells, 0 on ghost cells, (size,)."""
    offsets: np.ndarray
    """Distance of coupled cells on the flat array, (n_offsets,)."""
    steps: np.ndarray
    """The same distance in the order of the cells, (n_offsets,)."""
    pairs: np.ndarray
    """Two rows of weights and a shift for each product, (n_products, 3)."""
    factors: np.ndarray
    """Factor of each product, (n_products,)."""
    starts: np.ndarray
    """First product of each offset, and the end, (n_offsets + 1,)."""


class Constants(NamedTuple):
    """Constants of the penalties of one distribution."""

    scales: np.ndarray
    """alpha_0 DQ^5, alpha_p DQ and alpha_c / DQ per direction, (n_directions, 3)."""
    halves: np.ndarray
    """Half windows of curvature, slope and crossings, (3,)."""
    crossing: np.ndarray
    """1 / (alpha_d DQ^2) of each axis, (n_axes,)."""
    limit: float
    """Largest crossing penalty, in units of the uniform one."""
    fixed: np.ndarray
    """Boundary penalty of each cell (alpha_bc), (size,)."""
    negative: float
    """Penalty of negative bins (alpha_nn)."""
    strength: float
    """Common factor of all penalties (alpha_00)."""


class Weights(NamedTuple):
    """What follows the distribution from iteration to iteration."""

    rows: np.ndarray
    """Roots of the weights, (n_directions + 1 + n_axes, size).

    Those of the uniform penalty, the centre of its stencil, then those of crossings.
    """
    crossings: np.ndarray
    """Recursion of the crossing weights C_i, (n_axes, size)."""
    logarithms: np.ndarray
    """Recursion of ln(gamma_i) of the convergent scheme, (n_directions, size)."""
    gamma: np.ndarray
    """The penalty matrix by offsets, (n_offsets, size)."""


class Schedule(NamedTuple):
    """How the reference scheme goes on."""

    rates: np.ndarray
    """Whether crossings count, their rate and that of Gamma, (n_iter, 3)."""
    tol: float
    """Relative change of the distribution at which the iteration stops."""


class Band(NamedTuple):
    """A banded system, or that half of it which is eliminated from one end."""

    W: np.ndarray
    """Data term, (1 or n_blocks, block, block): one for all blocks, or one for each."""
    Y: np.ndarray
    """Right-hand side, (n_cells,)."""
    A: np.ndarray
    """Panels of eight columns from their first row on, (n_panels, 8, height)."""
    x: np.ndarray
    """Unknowns, (8 n_panels,)."""
    n_own: int
    """Unknowns of this half, from the first one, or from the last if `backwards`."""
    n_rows: int
    """One past the last unknown that is shared with the other half."""
    backwards: bool
    """Whether unknowns are counted from the last one."""
    free: float
    """Diagonal of a cell that neither data nor penalty know."""
