"""What rules of strengths ask of a penalty: its norm and the parameters it leaves."""

from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse

from ..utils._remember import recall
from ._numba_norms import influence_traces


class AbsoluteNorm(NamedTuple):
    """The L1 norm of distributions."""

    n_constants: int
    """Number of parameters of a signal that are not penalised, such as a baseline."""

    # The norm is of first power, where a mean square is of second.
    power = 0.5

    def norms(self, F, per_signal):
        """Return the penalty of F (n_signals, n_bins) without its strength, or each."""
        return np.abs(F).sum(axis=1 if per_signal else None)

    def count_parameters(self, K, weight, strength, f, is_linear):
        """Return the effective parameters of f (n_bins,), one for each active bin.

        Zou, Hastie & Tibshirani (2007) have it so.
        """
        return float(np.count_nonzero(f))

    def count_each(self, K, weight, strengths, F, is_linear):
        """Return the same for each of F (n_signals, n_bins), (n_signals,)."""
        return np.count_nonzero(F, axis=1).astype(np.float64)


class SquaredNorm(NamedTuple):
    """The squared norm f^T L f of distributions."""

    matrix: sparse.spmatrix
    """The matrix L, sparse (n_bins, n_bins)."""
    n_constants: int
    """Number of parameters of a signal that are not penalised, such as a baseline."""

    power = 1.0

    def norms(self, F, per_signal):
        """Return the penalty of F (n_signals, n_bins) without its strength, or each."""
        sums = "ij,ij->i" if per_signal else "ij,ij->"
        return np.einsum(sums, F, (self.matrix @ F.T).T)

    def count_parameters(self, K, weight, strength, f, is_linear):
        """Return the trace of the influence matrix of active bins, a float.

        K (m, n), weight (m,) with mean one; `is_linear` makes all bins active.
        """
        active = np.ones(f.size, dtype=bool) if is_linear else f != 0.0
        if not active.any():
            return 0.0
        A, G = recall(lambda: _few_rows(K, weight), "few_rows", K, [weight])
        if not is_linear:
            A, G = A[:, active], G[np.ix_(active, active)]
        L = self.matrix[active][:, active].toarray()
        try:
            # One triangle is enough: the trace is the square of what it makes of A.
            factor = linalg.cholesky(G + strength * L)
            half = linalg.solve_triangular(factor, A.T, trans="T")
            trace = float(np.einsum("ij,ij->", half, half))
        except linalg.LinAlgError:
            trace = float(np.linalg.matrix_rank(A))
        # Of nearly singular matrices rounding makes any number.
        return min(max(trace, 0.0), float(min(np.count_nonzero(weight), A.shape[1])))

    def count_each(self, K, weight, strengths, F, is_linear):
        """Return the same for each of F (n_signals, n_bins), (n_signals,)."""
        A, G = recall(lambda: _few_rows(K, weight), "few_rows", K, [weight])
        F, back = np.ascontiguousarray(F), slice(None)
        if is_linear:
            # All bins count, so signals of one strength have the same trace.
            strengths, first, back = np.unique(
                strengths, return_index=True, return_inverse=True
            )
            F = F[first]
        traces = np.empty(len(F))
        L = self.matrix.toarray()
        influence_traces(A, G, L, strengths, F, is_linear, traces)
        for k in np.flatnonzero(~np.isfinite(traces)):
            traces[k] = self.count_parameters(K, weight, strengths[k], F[k], is_linear)
        n_active = F.shape[1] if is_linear else np.count_nonzero(F, axis=1)
        most = np.minimum(np.count_nonzero(weight), n_active)
        return np.clip(traces[back], 0.0, most)


def _few_rows(K, weight):
    """Return rows (k, n) with the products A^T A of the weighted kernel, and these."""
    A = K * np.sqrt(weight / weight.sum())[:, None]
    G = A.T @ A
    if len(A) > A.shape[1]:
        A = linalg.qr(A, mode="r", overwrite_a=True)[0][: A.shape[1]]
    # One layout, so that loops are compiled for it alone.
    return np.ascontiguousarray(A), G
