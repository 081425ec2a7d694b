"""Systems on large blocks of bins of a plane: the penalty, and few directions."""

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from ._numba_planes import (
    Skyline,
    backward,
    factorise,
    fill,
    forward,
    forward_one,
    outline,
)
from ._numba_smooth import Roughness

# What is added to the penalty in a skyline, as a fraction of its largest entry.
_RIDGE = 1e-9
# Steps of conjugate gradients and the residual, relative to the right-hand side,
# where they end.
_MOST_STEPS = 60
_SOLVED = 1e-13


def roughness_of(penalty, smoothness=1.0):
    """Return a sparse penalty as loops take it."""
    return Roughness(
        float(smoothness),
        penalty.indptr.astype(np.int64),
        penalty.indices.astype(np.int64),
        penalty.data.astype(np.float64),
    )


def factor_penalty(roughness, bins, place_of):
    """Return the factored penalty, without smoothness, on some bins, a Skyline.

    `place_of` has -1 for each bin of the grid, and has so again.
    """
    roughness = roughness._replace(smoothness=1.0)
    first = np.empty(bins.size, np.int64)
    place_of[bins] = np.arange(bins.size)
    outline(bins, place_of, roughness, first)
    start = np.append(0, np.cumsum(np.arange(1, bins.size + 1) - first))
    skyline = Skyline(first, start, np.empty(start[-1]))
    ridge = _RIDGE * (roughness.data.max(initial=0.0) or 1.0)
    while True:
        fill(bins, place_of, roughness, ridge, skyline)
        if factorise(skyline):
            break
        ridge *= 100.0
    place_of[bins] = -1
    return skyline


class Block:
    """The penalty on some bins, factored, and directions of the kernel behind it.

    With C C^T the penalty L and D the directions on the bins, W = C^-1 D gives

        (D D^T + s L)^-1 = C^-T (1 - W (s + W^T W)^-1 W^T) C^-1 / s

    for all smoothnesses s: a path of them factors the penalty once for the same bins.
    """

    def __init__(self, bins, skyline):
        self.bins, self.skyline = bins, skyline
        self.W, self.gram = np.empty((bins.size, 0)), np.empty((0, 0))
        self.n_parts = 0

    def see(self, directions):
        """Take directions of the kernel into account, parts (n_bins, k)."""
        fresh = directions[self.n_parts :]
        if fresh:
            more = np.hstack([part[self.bins] for part in fresh])
            forward(self.skyline, more)
            across = self.W.T @ more
            self.gram = np.block([[self.gram, across], [across.T, more.T @ more]])
            self.W = np.hstack([self.W, more]) if self.n_parts else more
            self.n_parts = len(directions)

    def inverse(self, smoothness):
        """Return a function that nearly solves the system, (n,) to (n,)."""
        small = self.gram.copy()
        small[np.diag_indices_from(small)] += smoothness
        # It is symmetric, so its transpose is in the order of LAPACK.
        inner, info = lapack.dpotrf(small.T, lower=1, clean=0, overwrite_a=1)
        if info:
            raise linalg.LinAlgError("directions of the kernel are not finite")

        def solve(b):
            y = b.copy()
            forward_one(self.skyline, y)
            y -= self.W @ lapack.dpotrs(inner, y @ self.W, lower=1)[0]
            backward(self.skyline, y)
            y /= smoothness
            return y

        return solve


def conjugate_gradients(product, precondition, b, limit=_SOLVED):
    """Return the solution of product(x) = b, to a residual relative to b."""
    x = precondition(b)
    r = b - product(x)
    limit = limit * np.abs(b).max(initial=0.0)
    best, found = np.abs(r).max(initial=0.0), x
    d, rz = 0.0, np.inf
    for _ in range(_MOST_STEPS):
        if best <= limit:
            break
        z = precondition(r)
        rz, old = r @ z, rz
        if not rz > 0.0:
            break
        d = z + (rz / old) * d
        q = product(d)
        step = rz / (d @ q)
        x = x + step * d
        r = r - step * q
        size = np.abs(r).max()
        if size < best:
            best, found = size, x
    return found
