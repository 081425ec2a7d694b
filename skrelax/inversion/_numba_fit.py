"""What the compiled solvers take, and what all of them do with it.

Loops that are compiled take NamedTuples: what all signals of a fit share, the signals,
and the workspaces, made once by the caller.
"""

from typing import NamedTuple

import numpy as np

from ..utils._compiled import compiled

# Sums may be reordered, so that dot products run on vector registers (the batch fit
# takes 30 % less time). NaN and infinity keep their meaning.
REORDER = {"contract", "reassoc", "nsz"}


class CertifiedKernel(NamedTuple):
    """Kernel of a fit, and what certifies a solution."""

    AT: np.ndarray
    """Transposed kernel, weighted and centred, (n_bins, n_rows), C order."""
    signed: bool
    """Whether amplitudes may be negative."""
    vv: float
    """v^T v of a vector v (n_rows,) whose products with all columns are positive."""
    Atv: np.ndarray
    """A^T v, (n_bins,), or empty where no such vector is known."""


class Signals(NamedTuple):
    """Signals in the rows of the kernel."""

    S: np.ndarray
    """Signals, (n_signals, n_rows), C order."""
    extra: np.ndarray
    """Part of ||s||^2 outside the rows, (n_signals,)."""


class HeldOut(NamedTuple):
    """Points that a fold holds out."""

    A: np.ndarray
    """Kernel at these points, (n_points, n_bins)."""
    S: np.ndarray
    """Signals, (n_signals, n_points)."""
    weight: np.ndarray
    """Weight of each point, (n_points,)."""


@compiled
def residual(AT, s, f, r):
    """Write s - A f into r."""
    n, m = AT.shape
    for i in range(m):
        r[i] = s[i]
    for j in range(n):
        fj = f[j]
        if fj != 0.0:
            for i in range(m):
                r[i] -= fj * AT[j, i]


@compiled(fastmath=REORDER)
def gradient(AT, r, g):
    """Write A^T r into g."""
    n, m = AT.shape
    for j in range(n):
        v = 0.0
        for i in range(m):
            v += AT[j, i] * r[i]
        g[j] = v
