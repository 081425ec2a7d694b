"""Exact solves of (W + Gamma) g = Y by the structure of the problem."""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import linalg
from scipy.linalg import blas, lapack

from ._numba_band import (
    eliminate_half,
    join_halves,
    solve_backward,
    solve_forward,
    solve_forward_many,
    solve_whole,
)
from ._numba_blocks import fill_panel
from ._numba_penalty import multiply
from ._numba_types import PANEL, Band

# A banded system is shared between two threads above this many multiplications.
_TWISTED_WORTH = 1e7
# Half bandwidth up to which the compiled factorisation beats blocks in BLAS.
WIDEST_BAND = 256
# Rows of a block: below, calls cost more than work.
_BLOCK_ROWS = 64
# Modes of the kernel below this fraction of the largest singular value are left to
# the conjugate gradients: above, their steps grow, below, the modes do.
_MODE_LEVEL = 5e-4
# Relative size of a step at which conjugate gradients stop. The iteration of the
# penalties amplifies errors, so this stays near rounding.
_CG_TOL = 1e-12
_CG_MAX_ITER = 500
# Stand-in, per data point, for the penalty of a cell that has none.
_FREE_CELL = 1e-3
_NO_DATA = np.zeros((1, 1, 1))


class SolverError(np.linalg.LinAlgError):
    """The system of an iteration is not positive definite in floating point."""


def make_band(n, b):
    """Return panels for n unknowns of half bandwidth b, (n_panels, 8, height).

    Rows begin on lines of the cache: vectors that cross two of them cost twice.
    """
    shape = (-(-n // PANEL), PANEL, PANEL + -(-b // PANEL) * PANEL)
    buffer = np.zeros(math.prod(shape) + PANEL)
    start = -buffer.ctypes.data // buffer.itemsize % PANEL
    return buffer[start : start + buffer.size - PANEL].reshape(shape)


class BandSolver:
    """Cholesky of a banded system whose data term is one block per channel.

    Cells are in C order with the inverted axes last, so that W is block diagonal.
    Like the other solvers it solves for the right-hand side (n_cells,) that was loaded.

    Parameters
    ----------
    lattice : Lattice
        Cells of the distribution.
    W : ndarray of shape (1 or n_channels, n_inverted, n_inverted)
        Data term, shared by the channels or one for each.
    n_threads : int
        At most 2 are used: elimination goes on from both ends.
    """

    def __init__(self, lattice, W, n_threads):
        self.couplings = lattice.couplings
        n, W = lattice.cells.size, np.ascontiguousarray(W)
        self.b = max(lattice.bandwidth, W.shape[1] - 1)
        shared = -(-self.b // PANEL) * PANEL
        twisted = n_threads > 1 and n * self.b**2 > _TWISTED_WORTH and n > 6 * shared
        n_own, n_back = n, 0
        if twisted:
            # Both own whole panels; the rest of the last one is shared as well.
            n_back = (n - shared) // (2 * PANEL) * PANEL
            n_own = (n - shared - n_back) // PANEL * PANEL
        A, Y = make_band(n - n_back, self.b), np.empty(n)
        x = np.empty(PANEL * A.shape[0])
        self.front = Band(W, Y, A, x, n_own, n - n_back, False, 1.0)
        self.pool = None
        if twisted:
            B = make_band(n - n_own, self.b)
            z = np.empty(PANEL * B.shape[0])
            self.back = Band(W, Y, B, z, n_back, n - n_own, True, 1.0)
            self.out = np.empty(n)
            self.pool = ThreadPoolExecutor(1)

    def solve(self, gamma):
        """Return the solution, in the order of the cells."""
        front, couplings = self.front, self.couplings
        A, x = front.A, front.x
        if self.pool is None:
            self.check(solve_whole(gamma, couplings, front))
            return x[: front.Y.size]
        back, z = self.back, self.back.x
        waiting = self.pool.submit(eliminate_half, gamma, couplings, back)
        self.check(eliminate_half(gamma, couplings, front))
        self.check(waiting.result())
        self.check(join_halves(front, back))
        own = front.n_own // PANEL
        solve_backward(A, own, A.shape[0], x)
        z[back.n_own : back.n_rows] = x[front.n_own : front.n_rows][::-1]
        z[back.n_rows :] = 0.0
        waiting = self.pool.submit(solve_backward, back.A, 0, back.n_own // PANEL, z)
        solve_backward(A, 0, own, x)
        waiting.result()
        self.out[: front.n_rows] = x[: front.n_rows]
        self.out[front.n_rows :] = z[: back.n_own][::-1]
        return self.out

    def load(self, Y):
        """Take another right-hand side."""
        self.front.Y[:] = Y

    def check(self, failed):
        """Raise SolverError if a factorisation failed."""
        if failed:
            raise SolverError(f"pivot {failed - 1} is not positive.")

    def close(self):
        """Release the thread."""
        if self.pool is not None:
            self.pool.shutdown()


class BandFactor:
    """Cholesky factor L of Gamma in one piece, for narrow bands.

    Parameters
    ----------
    lattice : Lattice
        Cells of the distribution.
    free : float
        Stand-in for the diagonal of cells without any penalty.
    """

    def __init__(self, lattice, free):
        self.couplings = lattice.couplings
        n = lattice.cells.size
        self.A = make_band(n, lattice.bandwidth)
        self.spare = np.empty(PANEL * self.A.shape[0])
        self.band = Band(_NO_DATA, np.zeros(n), self.A, self.spare, n, n, False, free)

    def factor(self, gamma):
        """Factor Gamma."""
        failed = eliminate_half(gamma, self.couplings, self.band)
        if failed:
            raise SolverError(f"pivot {failed - 1} of the penalty is not positive.")

    def forward(self, x):
        """Solve L x = x in place, x (n,) or C-ordered (n, k)."""
        if x.ndim == 2:
            solve_forward_many(self.A, x)
            return x
        n = x.size
        self.spare[:n], self.spare[n:] = x, 0.0
        solve_forward(self.A, 0, self.A.shape[0], self.spare)
        x[:] = self.spare[:n]
        return x

    def backward(self, x):
        """Solve L^T x = x in place."""
        n = x.size
        self.spare[:n], self.spare[n:] = x, 0.0
        solve_backward(self.A, 0, self.A.shape[0], self.spare)
        x[:] = self.spare[:n]
        return x


class BlockFactor:
    """Cholesky factor L of Gamma (+ W) in blocks, for wide bands.

    Parameters
    ----------
    lattice : Lattice
        Cells of the distribution.
    free : float
        Stand-in for the diagonal of cells without any penalty.
    W : ndarray or None
        Data term of each channel as in :class:`BandSolver`, for cells with the
        inverted axes last.
    """

    def __init__(self, lattice, free, W=None):
        self.lattice, self.free = lattice, free
        self.W = _NO_DATA if W is None else W
        n = lattice.cells.size
        unit = n // lattice.full_shape[0]
        self.rows = min(n, -(-_BLOCK_ROWS // unit) * unit)
        # The stencil of squared differences ends two steps away.
        self.reach = -(-2 * unit // self.rows)
        self.edges = [*range(0, n, self.rows), n]

    def factor(self, gamma):
        """Factor Gamma + W into columns of blocks."""
        lattice, n = self.lattice, self.lattice.cells.size
        self.blocks, self.below = [], []
        for i, (start, stop) in enumerate(itertools.pairwise(self.edges)):
            height = min(n, start + (self.reach + 1) * self.rows) - start
            width = stop - start
            panel = np.zeros((height, width), order="F")
            fill_panel(gamma, lattice.couplings, self.W, start, panel)
            free = np.flatnonzero(np.diagonal(panel) == 0.0)
            panel[free, free] = self.free
            for m in range(1, min(self.reach, i) + 1):
                part = self.below[i - m][start - self.edges[i - m + 1] :]
                panel[: part.shape[0]] -= part @ part[:width].T
            block, failed = lapack.dpotrf(panel[:width], lower=1, clean=1)
            if failed:
                raise SolverError(f"block {i} is not positive definite.")
            self.blocks.append(block)
            self.below.append(
                blas.dtrsm(1.0, block, panel[width:], side=1, lower=1, trans_a=1)
                if height > width
                else np.zeros((0, width), order="F")
            )

    def forward(self, x):
        """Solve L x = x in place, x (n,) or C-ordered (n, k)."""
        for block, below, start in zip(
            self.blocks, self.below, self.edges, strict=False
        ):
            stop = start + block.shape[0]
            own = x[start:stop]
            if x.ndim == 1:
                own[:] = blas.dtrsv(block, own, lower=1)
            else:
                # The transpose of C-ordered rows is in the order of BLAS: no copy.
                own.T[:] = blas.dtrsm(
                    1.0, block, own.T, side=1, lower=1, trans_a=1, overwrite_b=1
                )
            x[stop : stop + below.shape[0]] -= below @ own
        return x

    def backward(self, x):
        """Solve L^T x = x in place."""
        for block, below, start in zip(
            self.blocks[::-1], self.below[::-1], self.edges[-2::-1], strict=True
        ):
            stop = start + block.shape[0]
            own = x[start:stop] - below.T @ x[stop : stop + below.shape[0]]
            x[start:stop] = blas.dtrsv(block, own, lower=1, trans=1)
        return x


class BlockSolver:
    """Direct solve where the data term is part of a wide band.

    Parameters
    ----------
    lattice : Lattice
        Cells of the distribution, inverted axes last.
    W : ndarray
        As in :class:`BandSolver`.
    """

    def __init__(self, lattice, W):
        self.Y = None
        self.parts = BlockFactor(lattice, 1.0, np.ascontiguousarray(W))

    def load(self, Y):
        """Take another right-hand side."""
        self.Y = Y

    def solve(self, gamma):
        """Return the solution, in the order of the cells."""
        self.parts.factor(gamma)
        return self.parts.backward(self.parts.forward(self.Y.copy()))

    def close(self):
        """Release nothing; there for the sake of :class:`BandSolver`."""


class ModeSolver:
    """Conjugate gradients on the exact operator of several inverted axes.

    They are preconditioned by the Cholesky factor of the current Gamma and, by
    Woodbury's formula, the strongest modes of the kernel.

    Parameters
    ----------
    lattice : Lattice
        Cells of the distribution, inverted axes first.
    operator : DataOperator
        Data term.
    """

    def __init__(self, lattice, operator):
        self.lattice, self.operator, self.Y = lattice, operator, None
        kind = BandFactor if lattice.bandwidth <= WIDEST_BAND else BlockFactor
        # The baseline of all axes has no penalty. The steps take this out again.
        self.parts = kind(lattice, _FREE_CELL * operator.n_points)
        self.modes = operator.modes(_MODE_LEVEL)
        self.flat, self.image = np.zeros(lattice.size), np.empty(lattice.size)
        self.n_steps = []

    def load(self, Y):
        """Take another right-hand side."""
        self.Y = Y

    def solve(self, gamma):
        """Return the solution, in the order of the cells."""
        self.parts.factor(gamma)
        # W of rank r and Z = L^-1 V S give the inverse L^-T (1 - Z M^-1 Z^T) L^-1
        # with M = 1 + Z^T Z.
        self.Z = self.parts.forward(self.operator.spread(self.modes))
        M = blas.dsyrk(1.0, self.Z.T, lower=1)
        M[np.diag_indices_from(M)] += 1.0
        self.M = linalg.cho_factor(M, lower=True, overwrite_a=True, check_finite=False)
        return self._conjugate_gradients(gamma)

    def close(self):
        """Release nothing; there for the sake of :class:`BandSolver`."""

    def _precondition(self, r):
        u = self.parts.forward(r.copy())
        u -= self.Z @ linalg.cho_solve(self.M, self.Z.T @ u, check_finite=False)
        return self.parts.backward(u)

    def _apply(self, gamma, v):
        lattice = self.lattice
        self.flat[lattice.cells] = v
        multiply(
            gamma,
            lattice.couplings,
            self.flat,
            lattice.first,
            lattice.last,
            self.image,
        )
        return self.image[lattice.cells] + self.operator.normal(v)

    def _conjugate_gradients(self, gamma):
        x = self._precondition(self.Y)
        r = self.Y - self._apply(gamma, x)
        z = self._precondition(r)
        p = z.copy()
        rz = r @ z
        n_steps = 0
        while rz > 0.0 and n_steps < _CG_MAX_ITER:
            n_steps += 1
            Ap = self._apply(gamma, p)
            a = rz / (p @ Ap)
            x += a * p
            r -= a * Ap
            if a * np.linalg.norm(p) <= _CG_TOL * np.linalg.norm(x):
                break
            z = self._precondition(r)
            rz, before = r @ z, rz
            p = z + (rz / before) * p
        self.n_steps.append(n_steps)
        return x
