"""The least-squares problem behind all linear inversions: weights and baseline."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg


@dataclass
class LinearProblem:
    """A weighted, centred and row-compressed problem, ready for a solver.

    Rows carry the square root of weight / sum(weight), so that a solver
    minimises 1/2 ||A f - s||^2 + 1/2 extra + ... for the objective
    1/(2 sum w) sum w (K f - y)^2 + ...
    """

    AT: np.ndarray
    """Transposed kernel, (n_bins, n_rows), C order."""
    S: np.ndarray
    """Signals, (n_signals, n_rows), C order."""
    extra: np.ndarray
    """Part of ||s||^2 outside the rows, (n_signals,)."""
    kernel_mean: np.ndarray
    """Weighted mean row of the kernel (zero without intercept), (n_bins,)."""
    signal_mean: np.ndarray
    """Weighted mean of each signal (zero without intercept), (n_signals,)."""

    def intercepts(self, F):
        """Return the constant of each signal for distributions F (q, n_bins)."""
        return self.signal_mean - F @ self.kernel_mean


def make_problem(K, Y, weight=None, fit_intercept=False):
    """Return the LinearProblem of kernel K (m, n) and signals Y (m, q)."""
    m, n = K.shape
    if weight is not None:
        used = weight > 0
        if not used.any():
            raise ValueError("sample_weight must have a positive entry, got none.")
        if not used.all():
            K, Y, weight = K[used], Y[used], weight[used]
            m = K.shape[0]
        share = weight / weight.sum()
    else:
        share = np.full(m, 1.0 / m)
    kernel_mean = np.zeros(n)
    signal_mean = np.zeros(Y.shape[1])
    if fit_intercept:
        kernel_mean = share @ K
        signal_mean = share @ Y
        K = K - kernel_mean
        Y = Y - signal_mean
    root = np.sqrt(share)
    A = K * root[:, None]
    S = Y.T * root
    extra = np.zeros(S.shape[0])
    if m > n:
        Q, A = linalg.qr(A, mode="economic", check_finite=False)
        # Column by column, so that a signal alone gives the same bits as in a batch.
        compressed = np.empty((S.shape[0], n))
        for c in range(S.shape[0]):
            compressed[c] = S[c] @ Q
            outside = S[c] - Q @ compressed[c]
            extra[c] = outside @ outside
        S = compressed
    return LinearProblem(
        np.ascontiguousarray(A.T),
        np.ascontiguousarray(S),
        extra,
        kernel_mean,
        signal_mean,
    )
