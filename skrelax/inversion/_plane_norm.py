"""Effective parameters of distributions on grids of many bins."""

from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse

from ..model_selection._penalty_norms import SquaredNorm
from ..utils._parallel import single_blas_thread
from ..utils._remember import recall
from ._numba_planes import forward
from ._plane_system import PlaneSystem, plane_of

# Bins from which a trace is taken in the space of the rows of the kernel.
_MANY = 600
# Sum of eigenvalues up to which those of one are exact to 1e-6.
_PRECISE = 1e9
# Directions of the kernel whose squared singular value is below this fraction of the
# strength count for nothing: for less than the fraction over the smallest eigenvalue of
# the penalty, which is above 1e-4 for differences on 100 bins.
_COUNTS = 1e-13
# Singular values below this fraction of the largest are none.
_RANK = 1e-10


class PlaneNorm(NamedTuple):
    """The squared norm f^T L f of distributions, see `SquaredNorm`."""

    matrix: sparse.csr_array
    """The matrix L, sparse (n_bins, n_bins)."""
    grid_shape: tuple
    """Number of bins per axis."""
    order: int
    """Order of the differences that L is made of."""
    n_constants: int
    """Number of parameters of a signal that are not penalised, such as a baseline."""

    power = 1.0

    norms = SquaredNorm.norms

    def count_parameters(self, K, weight, strength, f, is_linear):
        """Return the trace of the influence matrix of active bins, a float."""
        nothing = np.zeros((len(K), 1))
        plane = plane_of(K, nothing, weight, False, self.grid_shape)
        n_active = f.size if is_linear else np.count_nonzero(f)
        if n_active == 0:
            return 0.0
        with single_blas_thread():
            if is_linear:
                # Of all bins the matrix is known at any strength from one at 1.
                free, t = recall(lambda: self._spectrum(plane), "traces", K, [weight])
                trace = free + float((t / (t + strength)).sum())
            else:
                trace = self._trace(plane, strength, np.flatnonzero(f))
        return min(max(trace, 0.0), float(min(np.count_nonzero(weight), n_active)))

    def count_weighted(self, K, weight, strengths, F, is_linear):
        """Return the count of the one row of F for a matrix L of weighted differences.

        Of all bins constant weights know it from one decomposition, these do not.
        """
        plane = plane_of(K, np.zeros((len(K), 1)), weight, False, self.grid_shape)
        bins = np.arange(F.shape[1]) if is_linear else np.flatnonzero(F[0])
        if bins.size == 0:
            return 0.0
        trace = self._trace(plane, float(strengths[0]), bins)
        return min(max(trace, 0.0), float(min(np.count_nonzero(weight), bins.size)))

    def count_each(self, K, weight, strengths, F, is_linear):
        """Return the same for each of F (n_signals, n_bins), (n_signals,)."""
        given = zip(strengths, F, strict=True)
        return np.array(
            [self.count_parameters(K, weight, s, f, is_linear) for s, f in given]
        )

    def _trace(self, plane, strength, bins):
        """Return tr((A^T A + strength L)^-1 A^T A) on some bins."""
        if bins.size > _MANY:
            values, _ = plane.strongest
            count = max(1, np.count_nonzero(values > _COUNTS * strength))
            A = np.hstack([*plane.directions(count, bins)])
            skyline = PlaneSystem(plane, self.matrix, 1.0).skyline(bins)
            t = _squared_values(A, skyline)
            return float((t / (t + strength)).sum())
        A = plane.basis.rows(bins) @ plane.rows.AT
        L = self.matrix[bins][:, bins].toarray()
        try:
            factor = linalg.cholesky(A @ A.T + strength * L, check_finite=False)
            # The trace is the square of what a triangle leaves of the fewer columns.
            half = linalg.solve_triangular(factor, A, trans="T", check_finite=False)
            return float(np.einsum("ij,ij->", half, half))
        except linalg.LinAlgError:
            return float(np.linalg.matrix_rank(A))

    def _spectrum(self, plane):
        """Return the number of bins that are free, and the eigenvalues of the rest.

        Those of A L^+ A^T, where polynomials that L does not see are taken off A.
        """
        Z = np.ones((1, 1))
        for n in self.grid_shape:
            x = np.linspace(-1.0, 1.0, n)[:, None]
            Z = np.kron(Z, x ** np.arange(min(self.order, n)))
        free = linalg.svd(plane.forward(Z.T).T, full_matrices=False)
        known = free[1] > _RANK * free[1].max(initial=1.0)
        Q = free[0][:, known]
        A = plane.basis.expand(plane.rows.AT.T).T
        A = np.ascontiguousarray(A - (A @ Q) @ Q.T)
        skyline = PlaneSystem(plane, self.matrix, 1.0).skyline(np.arange(len(A)))
        return np.count_nonzero(known), _squared_values(A, skyline)


def _squared_values(A, skyline):
    """Return the squared singular values of factor^-1 A; A is overwritten."""
    forward(skyline, A)
    gram = A.T @ A
    if gram.trace() < _PRECISE:
        return np.maximum(linalg.eigvalsh(gram, check_finite=False), 0.0)
    R = linalg.qr(A, mode="r", overwrite_a=True, check_finite=False)[0]
    return linalg.svdvals(R[: A.shape[1]], check_finite=False) ** 2
