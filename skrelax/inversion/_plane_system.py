"""Smooth LASSO on a grid of many bins: its Hessian on few of them, never on all."""

import copy
import dataclasses
import functools
import itertools

import numpy as np
from scipy import linalg, sparse
from scipy.linalg import lapack

from ..decomposition._grid_basis import GridBasis, compress_bins
from ..utils._parallel import single_blas_thread
from ..utils._remember import recall
from ._numba_planes import gather_block, rough_product
from ._plane_block import (
    _SOLVED,
    Block,
    conjugate_gradients,
    factor_penalty,
    roughness_of,
)
from ._weighted_rows import WeightedRows, weigh_rows

# Bins from which all of them in one Hessian cost more than looking for positive ones.
MANY_BINS = 1200
# Blocks of the Hessian on more bins than this are factored as a skyline and a few
# directions of the kernel.
_DENSE_BLOCK = 300
# Bins whose products are remembered.
_POOL = 500
# Directions that are written out for all bins at a time, a part.
_CHUNK = 16
# Directions of the kernel whose squared singular value is above this fraction of the
# smoothness stand in a factor; conjugate gradients do the rest.
_SEEN = 1e-2
# What is added to a block that is singular, as a fraction of its trace.
_SINGULAR = 1e-13


@dataclasses.dataclass
class Plane:
    """Weighted rows of a kernel in a basis of its grid."""

    basis: GridBasis
    """The basis."""
    rows: WeightedRows
    """Rows of the core and signals: transposed, (n_directions, n_rows)."""
    core: np.ndarray | None = None
    """The core at all points, neither weighted nor centred, (n_points, k)."""
    found: tuple = ()
    """What was found before, of `solve_planes`."""
    shift: tuple | None = None
    """What certifies solutions, see `row_shift`."""
    free: "PlaneSystem | None" = None
    """A system that was used before, and that nobody uses now."""

    @property
    def n_bins(self):
        """Number of bins."""
        return self.basis.n_bins

    @property
    def S(self):
        """Signals in the rows, (n_signals, n_rows)."""
        return self.rows.S

    @property
    def AT(self):
        """Transposed kernel of all bins, (n_bins, n_rows)."""
        return self.whole.AT

    @property
    def extra(self):
        """Part of ||s||^2 outside the rows, (n_signals,)."""
        return self.rows.extra

    @property
    def signal_mean(self):
        """Weighted mean of each signal (zero without intercept), (n_signals,)."""
        return self.rows.signal_mean

    @property
    def centred(self):
        """Whether a constant was taken off kernel and signals."""
        return self.rows.centred

    def residuals(self, signals, F):
        """Return s - A f of some of the signals with distributions F (q, n_bins)."""
        return self.rows.residuals(signals, self.basis.contract(F))

    def forward(self, f):
        """Return A f (n_rows,)."""
        return self.basis.contract(f) @ self.rows.AT

    def adjoint(self, r):
        """Return A^T r (n_bins,)."""
        return self.basis.expand(self.rows.AT @ r)

    def part(self, signals):
        """Return the plane with some of the signals."""
        rows = self.rows.part(signals)
        return dataclasses.replace(self, rows=rows, found=(), free=None)

    def system(self, penalty):
        """Return a PlaneSystem at smoothness 1, with what the free one remembers."""
        free, self.free = self.free, None
        if free is not None and _are_equal(free.penalty, penalty):
            free.plane = free.memory.plane = self
            return free
        return PlaneSystem(self, penalty, 1.0)

    def keep(self, system):
        """Keep a system of `system` that nobody uses any more."""
        # No circle of references, which would hold memory until it is looked for.
        system.plane = system.memory.plane = None
        self.free = system

    def intercepts(self, F):
        """Return the constant of each signal for distributions F (q, n_bins)."""
        return self.rows.intercepts(self.basis.contract(F))

    def gradients(self):
        """Return A^T s of each signal, (n_signals, n_bins)."""
        return self.basis.expand(self.rows.gradients())

    def mean_square(self):
        """Return the sum of squares of the rows over the number of bins."""
        return self.rows.mean_square() * len(self.rows.AT) / self.n_bins

    @functools.cached_property
    def whole(self):
        """The WeightedRows on all bins."""
        rows = self.rows
        return dataclasses.replace(
            rows,
            AT=np.ascontiguousarray(self.basis.expand(rows.AT.T).T),
            kernel_mean=self.basis.expand(rows.kernel_mean),
        )

    @functools.cached_property
    def strongest(self):
        """Squared singular values, decreasing, and their row vectors (n_rows, k)."""
        values, vectors = linalg.eigh(self.rows.AT.T @ self.rows.AT, driver="evd")
        return values[::-1], vectors[:, ::-1]

    @functools.cached_property
    def _strongest_products(self):
        """A V of the row vectors V, in the basis, (n_directions, k)."""
        return self.rows.AT @ self.strongest[1]

    def directions(self, count, bins=slice(None), skip=0):
        """Yield A^T u of the strongest row vectors u at bins, parts (n_chosen, k).

        There are `count` of them at least, or all; `skip` is a number of parts.
        """
        # Parts, as many at once would be there twice while they are made.
        for start in range(skip * _CHUNK, count, _CHUNK):
            vectors = self._strongest_products[:, start : start + _CHUNK]
            yield np.ascontiguousarray(self.basis.expand(vectors.T).T[bins])

    @functools.cached_property
    def near(self):
        """Neighbours of each bin, itself where there is none, (n_bins, 3^d - 1)."""
        shape = self.basis.shape
        bins = np.indices(shape).reshape(len(shape), -1)
        found = []
        for step in itertools.product((-1, 0, 1), repeat=len(shape)):
            if any(step):
                moved = bins + np.array(step)[:, None]
                inside = (moved >= 0) & (moved < np.array(shape)[:, None])
                flat = np.ravel_multi_index(moved, shape, mode="clip")
                found.append(np.where(inside.all(axis=0), flat, np.arange(flat.size)))
        return np.ascontiguousarray(np.transpose(found))


def _are_equal(A, B):
    """Return whether sparse matrices have the same entries in the same places."""
    pairs = (A.indptr, B.indptr), (A.indices, B.indices), (A.data, B.data)
    return all(np.array_equal(*pair) for pair in pairs)


def plane_of(K, Y, weight, fit_intercept, grid_shape):
    """Return the Plane of kernel K (m, n) and signals Y (m, q)."""

    def compress():
        return compress_bins(K, grid_shape, weight)

    def make():
        known = [weight, tuple(grid_shape)]
        basis, core = recall(compress, "compress_bins", K, known)
        return Plane(basis, weigh_rows(core, Y, weight, fit_intercept), core)

    with single_blas_thread():
        known = [Y, weight, fit_intercept, tuple(grid_shape)]
        return recall(make, "plane_of", K, known)


def halved(plane, penalty):
    """Return the plane and the penalty on every other bin of each axis, and back.

    What comes back is a function that interpolates distributions linearly.
    """
    basis = plane.basis
    steps = [_interpolation(n) for n in basis.shape]
    factors = tuple(
        np.ascontiguousarray(P.T @ V) for P, V in zip(steps, basis.factors, strict=True)
    )
    whole = steps[0]
    for P in steps[1:]:
        whole = sparse.kron(whole, P)
    whole = sparse.csr_array(whole)
    coarse = sparse.csr_array(whole.T @ penalty @ whole)
    coarse.sort_indices()
    return Plane(GridBasis(factors, basis.kept), plane.rows), coarse, whole


def _interpolation(n):
    """Return the linear interpolation from every other of n bins, sparse."""
    if n < 4:
        return sparse.identity(n, format="csr")
    m = (n + 1) // 2
    x = np.linspace(0.0, m - 1.0, n)
    low = np.minimum(x.astype(int), m - 2)
    share = x - low
    rows = np.arange(n)
    return sparse.csr_array(
        (
            np.r_[1.0 - share, share],
            (np.r_[rows, rows], np.r_[low, low + 1]),
        ),
        shape=(n, m),
    )


class Memory:
    """Products of columns of a plane's kernel that were asked for."""

    def __init__(self, plane):
        self.plane = plane
        self.row_of = np.full(plane.n_bins, -1)
        self.place_of = np.full(plane.n_bins, -1)
        self.bins = np.empty(0, np.int64)
        self.columns, self.gram = np.empty((0, 0)), np.empty((0, 0))
        self.strongest = []
        self.block, self.coarse = None, None

    def products(self, bins):
        """Return A_U^T A_U of remembered bins U, and where `bins` are among them."""
        missing = bins[self.row_of[bins] < 0]
        if missing.size and self.bins.size + missing.size > _POOL:
            self.row_of[self.bins] = -1
            self.bins = self.bins[:0]
            missing = bins
        if missing.size:
            n, total = self.bins.size, self.bins.size + missing.size
            if total > len(self.gram):
                self._grow(min(_POOL, max(256, 2 * total)))
            C, gram = self.columns, self.gram
            C[n:total] = self.plane.basis.rows(missing) @ self.plane.rows.AT
            gram[n:total, :total] = C[n:total] @ C[:total].T
            gram[:n, n:total] = gram[n:total, :n].T
            self.row_of[missing] = np.arange(n, total)
            self.bins = np.append(self.bins, missing)
        return self.gram, self.row_of[bins]

    def _grow(self, size):
        n = self.bins.size
        gram, columns = self.gram, self.columns
        self.gram = np.empty((size, size))
        self.columns = np.empty((size, self.plane.rows.AT.shape[1]))
        self.gram[:n, :n] = gram[:n, :n]
        if n:
            self.columns[:n] = columns[:n]

    def directions(self, count):
        """Return those of `Plane.directions` at all bins, a list."""
        n_known = len(self.strongest)
        if n_known * _CHUNK < count:
            more = self.plane.directions(count, skip=n_known)
            self.strongest.extend(more)
        return self.strongest[: -(-count // _CHUNK)]


class PlaneSystem:
    """A^T A + smoothness L of a Plane, on any bins."""

    def __init__(self, plane, penalty, smoothness):
        self.plane, self.penalty, self.smoothness = plane, penalty, float(smoothness)
        self.memory = Memory(plane)
        self.roughness = roughness_of(penalty, smoothness)

    def at(self, smoothness):
        """Return the system at another smoothness, with what is remembered."""
        other = copy.copy(self)
        other.smoothness = float(smoothness)
        other.roughness = self.roughness._replace(smoothness=other.smoothness)
        return other

    def halved(self):
        """Return the system on every other bin of each axis, and the way back.

        The way back interpolates, sparse (n_bins, n_coarse).
        """
        if self.memory.coarse is None:
            plane, penalty, back = halved(self.plane, self.penalty)
            self.memory.coarse = PlaneSystem(plane, penalty, 1.0), back
        coarse, back = self.memory.coarse
        return coarse.at(self.smoothness), back

    def product(self, f):
        """Return (A^T A + smoothness L) f, (n_bins,)."""
        rough = np.empty(f.size)
        rough_product(self.roughness, f, rough)
        rough += self.plane.adjoint(self.plane.forward(f))
        return rough

    def square(self, f):
        """Return f' (A^T A + smoothness L) f."""
        fit = self.plane.forward(f)
        return float(fit @ fit + rough_product(self.roughness, f, np.empty(f.size)))

    def gradient(self, s, f):
        """Return r = s - A f, g = A^T r - smoothness L f, f' smoothness L f."""
        r, rough = s - self.plane.forward(f), np.empty(f.size)
        square = rough_product(self.roughness, f, rough)
        return r, self.plane.adjoint(r) - rough, square

    def factor(self, bins):
        """Return a function that solves on some bins, (p,) to (p,).

        Where it iterates, to a residual that it may be given.
        """
        if bins.size <= _DENSE_BLOCK:
            return self._dense_factor(bins)
        return self._block_factor(bins)

    def _dense_factor(self, bins):
        gram, places = self.memory.products(bins)
        place_of = self.memory.place_of
        H = np.empty((bins.size, bins.size))
        place_of[bins] = np.arange(bins.size)
        gather_block(gram, places, bins, place_of, self.roughness, H)
        place_of[bins] = -1
        # H is symmetric, so its transpose is in the order of LAPACK.
        factor, info = lapack.dpotrf(H.T, lower=1, clean=0)
        ridge = _SINGULAR * H.trace() or 1.0
        while info:
            H[np.diag_indices_from(H)] += ridge
            factor, info = lapack.dpotrf(H.T, lower=1, clean=0)
            ridge *= 100.0
        return lambda b, limit=None: lapack.dpotrs(factor, b, lower=1)[0]

    def skyline(self, bins):
        """Return the factored penalty, without smoothness, on some bins."""
        return factor_penalty(self.roughness, bins, self.memory.place_of)

    def _block_factor(self, bins):
        """Solve by conjugate gradients behind the penalty and a few directions."""
        block = self.memory.block
        if block is None or not np.array_equal(block.bins, bins):
            block = self.memory.block = Block(bins, self.skyline(bins))
        values, _ = self.plane.strongest
        seen = max(1, np.count_nonzero(values > _SEEN * self.smoothness))
        block.see(self.memory.directions(seen))
        precondition = block.inverse(self.smoothness)
        whole = np.zeros(self.plane.n_bins)

        def product(x):
            whole[bins] = x
            return self.product(whole)[bins]

        return lambda b, limit=_SOLVED: conjugate_gradients(
            product, precondition, b, limit
        )
