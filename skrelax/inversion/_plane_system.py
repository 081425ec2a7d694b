"""Smooth LASSO on a grid of many bins: its Hessian on few of them, never on all."""

import dataclasses
import functools
import itertools

import numpy as np
from scipy import linalg, sparse
from scipy.linalg import lapack

from ..decomposition._grid_basis import GridBasis, compress_bins
from ..utils._parallel import single_blas_thread
from ..utils._remember import recall
from ._numba_planes import (
    Skyline,
    backward,
    factorise,
    fill,
    forward,
    forward_one,
    gather_block,
    outline,
)
from ._numba_smooth import Roughness
from ._weighted_rows import WeightedRows, weigh_rows

# Bins from which all of them in one Hessian cost more than looking for positive ones.
MANY_BINS = 1200
# Blocks of the Hessian on more bins than this are factored as a skyline and a few
# directions of the kernel.
_DENSE_BLOCK = 600
# Bins whose products are remembered.
_POOL = 900
# Directions that are written out for all bins at a time.
_CHUNK = 32
# Directions of the kernel whose squared singular value is above this fraction of the
# smoothness stand in a factor; conjugate gradients do the rest.
_SEEN = 1e-3
# What is added to the penalty in a skyline, and to a block that is singular, as
# fractions of the largest entries.
_RIDGE = 1e-9
_SINGULAR = 1e-13
# Steps of conjugate gradients and the residual, relative to the right-hand side,
# where they end.
_MOST_STEPS = 60
_SOLVED = 1e-13


@dataclasses.dataclass
class Plane:
    """Weighted rows of a kernel in a basis of its grid."""

    basis: GridBasis
    """The basis."""
    rows: WeightedRows
    """Rows of the core and signals: transposed, (n_directions, n_rows)."""
    core: np.ndarray | None = None
    """The core at all points, neither weighted nor centred, (n_points, k)."""
    found: np.ndarray | None = None
    """Distributions that were found last, (n_signals, n_bins)."""
    shift: tuple | None = None
    """What certifies solutions at any strength, once it is known."""

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
        return dataclasses.replace(self, rows=self.rows.part(signals))

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
        self.strongest = np.empty((0, 0))
        self.coarse = None

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
        """Return A^T u of the strongest row vectors u, (n_bins, count)."""
        if self.strongest.shape[1] < count:
            vectors = self.plane.rows.AT @ self.plane.strongest[1][:, :count]
            self.strongest = np.empty((self.plane.n_bins, count))
            for start in range(0, count, _CHUNK):
                part = slice(start, start + _CHUNK)
                self.strongest[:, part] = self.plane.basis.expand(vectors[:, part].T).T
        return self.strongest[:, :count]


class PlaneSystem:
    """A^T A + smoothness L of a Plane, on any bins."""

    def __init__(self, plane, penalty, smoothness, memory=None):
        self.plane, self.penalty, self.smoothness = plane, penalty, float(smoothness)
        self.memory = Memory(plane) if memory is None else memory
        self.roughness = Roughness(
            self.smoothness,
            penalty.indptr.astype(np.int64),
            penalty.indices.astype(np.int64),
            penalty.data.astype(np.float64),
        )

    def at(self, smoothness):
        """Return the system at another smoothness, with what is remembered."""
        return PlaneSystem(self.plane, self.penalty, smoothness, self.memory)

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
        plane = self.plane
        return plane.adjoint(plane.forward(f)) + self.smoothness * (self.penalty @ f)

    def square(self, f):
        """Return f' (A^T A + smoothness L) f."""
        fit = self.plane.forward(f)
        return float(fit @ fit + self.smoothness * (f @ (self.penalty @ f)))

    def gradient(self, s, f):
        """Return r = s - A f, g = A^T r - smoothness L f, f' smoothness L f."""
        r = s - self.plane.forward(f)
        rough = self.smoothness * (self.penalty @ f)
        return r, self.plane.adjoint(r) - rough, float(f @ rough)

    def factor(self, bins):
        """Return a function that solves on some bins, (p,) to (p,).

        Where it iterates, to a residual that it may be given.
        """
        if bins.size <= _DENSE_BLOCK:
            return self._dense_factor(bins)
        return self._skyline_factor(bins)

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
        """Return the factored penalty on some bins, a Skyline."""
        first, place_of = np.empty(bins.size, np.int64), self.memory.place_of
        place_of[bins] = np.arange(bins.size)
        outline(bins, place_of, self.roughness, first)
        lengths = np.arange(1, bins.size + 1) - first
        start = np.append(0, np.cumsum(lengths))
        skyline = Skyline(first, start, np.empty(start[-1]))
        ridge = _RIDGE * self.smoothness * (self.penalty.data.max(initial=0.0) or 1.0)
        while True:
            fill(bins, place_of, self.roughness, ridge, skyline)
            if factorise(skyline):
                break
            ridge *= 100.0
        place_of[bins] = -1
        return skyline

    def _skyline_factor(self, bins):
        """Solve by conjugate gradients behind the penalty and a few directions."""
        skyline = self.skyline(bins)
        values, _ = self.plane.strongest
        seen = max(1, np.count_nonzero(values > _SEEN * self.smoothness))
        W = self.memory.directions(seen)[bins]
        forward(skyline, W)
        small = W.T @ W
        small[np.diag_indices_from(small)] += 1.0
        inner = linalg.cho_factor(small, lower=True, check_finite=False)
        whole = np.zeros(self.plane.n_bins)

        def precondition(b):
            y = b.copy()
            forward_one(skyline, y)
            y -= W @ linalg.cho_solve(inner, W.T @ y, check_finite=False)
            backward(skyline, y)
            return y

        def product(x):
            whole[bins] = x
            return self.product(whole)[bins]

        return lambda b, limit=_SOLVED: conjugate_gradients(
            product, precondition, b, limit
        )


def conjugate_gradients(product, precondition, b, limit=_SOLVED):
    """Return the solution of product(x) = b, to a residual relative to b."""
    x = precondition(b)
    r = b - product(x)
    limit = limit * np.abs(b).max(initial=0.0)
    best, found = np.abs(r).max(initial=0.0), x
    z = precondition(r)
    d, rz = z, r @ z
    for _ in range(_MOST_STEPS):
        if best <= limit or not rz > 0.0:
            break
        q = product(d)
        step = rz / (d @ q)
        x = x + step * d
        r = r - step * q
        size = np.abs(r).max()
        if size < best:
            best, found = size, x
        z = precondition(r)
        rz, old = r @ z, rz
        d = z + (rz / old) * d
    return found
