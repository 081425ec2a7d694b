"""Accelerated proximal gradient for the LASSO (FISTA, Beck & Teboulle 2009)."""

from typing import NamedTuple

import numpy as np

from ..utils._compiled import compiled
from ._numba_certificate import certificate, floor_of
from ._numba_fit import gradient, residual

# Iterations between two looks at the duality gap, which costs as much as one.
_CHECK_EVERY = 10


class Momentum(NamedTuple):
    """Workspace of the solver."""

    y: np.ndarray
    """Point that the gradient is taken at, (n_bins,)."""
    grad: np.ndarray
    """Negative gradient there, (n_bins,)."""
    r: np.ndarray
    """Residual, (n_rows,)."""
    g: np.ndarray
    """A^T s, (n_bins,)."""


@compiled
def fista_batch(lasso, G, lipschitz, signals, lams, work, F, info):
    """Solve each row of S (q, m) with its own lams[q]; F (q, n), info (q, 3).

    G (n, n) is A^T A, and lipschitz its largest eigenvalue.
    """
    kernel, tol, max_iter = lasso
    AT, signed = kernel.AT, kernel.signed
    S, extra = signals
    y, grad, r, g = work
    n = AT.shape[0]
    for c in range(S.shape[0]):
        s, f, lam = S[c], F[c], lams[c]
        floor = floor_of(s, extra[c])
        momentum = 1.0
        gradient(AT, s, g)
        for j in range(n):
            f[j] = 0.0
            y[j] = 0.0
        it = 0
        while it < max_iter:
            it += 1
            for j in range(n):
                w = g[j]
                for i in range(n):
                    w -= G[j, i] * y[i]
                grad[j] = w
            after = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum * momentum))
            push = (momentum - 1.0) / after
            momentum = after
            for j in range(n):
                u = y[j] + grad[j] / lipschitz
                size = abs(u) if signed else u
                size -= lam / lipschitz
                u = (np.sign(u) * size) if size > 0.0 else 0.0
                y[j] = u + push * (u - f[j])
                f[j] = u
            if it % _CHECK_EVERY == 0 or it == max_iter:
                residual(AT, s, f, r)
                gradient(AT, r, grad)
                certificate(kernel, f, r, grad, extra[c], floor, lam, info[c])
                if info[c, 1] <= tol * info[c, 0]:
                    break
        info[c, 2] = it
