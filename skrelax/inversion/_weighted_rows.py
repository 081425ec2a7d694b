"""Rows of kernel and signals for the solvers: weighted, centred, compressed."""

import dataclasses
import functools

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from ..utils._parallel import single_blas_thread
from ..utils._row_products import row_products

# Rows of a tall kernel are compressed in blocks of about this many values.
_BLOCK_VALUES = 2_000_000


@dataclasses.dataclass
class WeightedRows:
    """Weighted, centred and compressed rows of kernel and signals.

    They carry the square root of weight / sum(weight), so that a solver
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

    @functools.cached_property
    def gram(self):
        """A^T A, (n_bins, n_bins)."""
        return self.AT @ self.AT.T

    def residuals(self, signals, F):
        """Return s - A f of some of the signals with distributions F (q, n_bins)."""
        return self.S[signals] - F @ self.AT

    def gradients(self):
        """Return A^T s of each signal, (n_signals, n_bins)."""
        return row_products(self.S, self.AT)

    def mean_square(self):
        """Return the sum of squares of the rows over the number of bins."""
        return np.einsum("ij,ij->", self.AT, self.AT) / self.AT.shape[0]

    @property
    def centred(self):
        """Whether a constant was taken off kernel and signals."""
        return bool(self.kernel_mean.any() or self.signal_mean.any())

    def part(self, signals):
        """Return the rows of some of the signals."""
        return dataclasses.replace(
            self,
            S=self.S[signals],
            extra=self.extra[signals],
            signal_mean=self.signal_mean[signals],
        )

    def intercepts(self, F):
        """Return the constant of each signal for distributions F (q, n_bins)."""
        return self.signal_mean - row_products(F, self.kernel_mean)


def mean_squares(Y, weight=None):
    """Return the weighted mean square of each signal of Y (m, q), (q,)."""
    weight = np.full(len(Y), 1.0) if weight is None else weight
    return np.einsum("i,ij,ij->j", weight / weight.sum(), Y, Y)


def weigh_rows(K, Y, weight=None, fit_intercept=False):
    """Return the WeightedRows of kernel K (m, n) and signals Y (m, q)."""
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
        # Column by column, so that a signal alone gives the same bits as in a batch. Of
        # a constant nothing must be left: rounding would become a distribution.
        signal_mean = np.array([y[0] if (y == y[0]).all() else share @ y for y in Y.T])
    root = np.sqrt(share)
    if m <= n:
        A = K * root[:, None]
        S = Y.T * root
        if fit_intercept:
            A -= np.outer(root, kernel_mean)
            S -= np.outer(signal_mean, root)
        extra = np.zeros(S.shape[0])
    else:
        A, S, extra = _compress_rows(K, Y, root, kernel_mean, signal_mean)
    return WeightedRows(
        np.ascontiguousarray(A.T),
        np.ascontiguousarray(S),
        extra,
        kernel_mean,
        signal_mean,
    )


def _compress_rows(K, Y, root, kernel_mean, signal_mean):
    """Return R (n, n), Q^T s (q, n) and what Q misses of ||s||^2, with A = Q R.

    Blocks of rows are weighted, centred and merged into R one after another, so
    that no second copy of a tall kernel is made.
    """
    m, n = K.shape
    step = max(2 * n, _BLOCK_VALUES // n)
    R = np.empty((0, n))
    S = np.empty((Y.shape[1], 0))
    extra = np.zeros(Y.shape[1])
    for start in range(0, m, step):
        rows = slice(start, start + step)
        block = K[rows] - kernel_mean
        block *= root[rows, None]
        signals = (Y[rows] - signal_mean).T * root[rows]
        stacked = np.hstack([S, signals])
        # LAPACK's QR on several threads collapses when another process is busy.
        with single_blas_thread():
            (reflectors, tau), R = linalg.qr(
                np.vstack([R, block]), mode="raw", check_finite=False
            )
            n_rows = R.shape[0]
            S = np.empty((Y.shape[1], n_rows))
            # Signal by signal for the same reason as above.
            for c, s in enumerate(stacked):
                rotated, _, _ = lapack.dormqr(
                    "L", "T", reflectors, tau, s[:, None], max(1, 32 * n)
                )
                S[c] = rotated[:n_rows, 0]
                extra[c] += rotated[n_rows:, 0] @ rotated[n_rows:, 0]
    return R, S, extra
