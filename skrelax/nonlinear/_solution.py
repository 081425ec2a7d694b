"""What the solution of a problem consists of."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Solution:
    """Result for a chunk: u (n, P), coef (n, C, L), rss, cov (n, L+P, L+P), n_iter."""

    u: np.ndarray
    coef: np.ndarray
    rss: np.ndarray
    cov: np.ndarray
    n_iter: np.ndarray

    @classmethod
    def empty(cls, n, n_channels, n_amplitudes, n_parameters):
        """Return arrays for a kernel to fill."""
        size = n_amplitudes + n_parameters
        return cls(
            np.empty((n, n_parameters)),
            np.empty((n, n_channels, n_amplitudes)),
            np.empty(n),
            np.empty((n, size, size)),
            np.empty(n, dtype=np.int32),
        )
