"""Compiled loops of the solvers that keep the kernel beside the penalty.

Gamma and the panels of its factor are those of `_ilt_numba`.
"""

import numpy as np

from ..utils._compiled import compiled

# Cells per block: the arrays of a block stay in the second level cache.
_BLOCK = 2048
# Columns of a panel, as in `_ilt_numba`.
_PANEL = 8
# Contraction lets the compiler use fused multiply-adds; it removes no NaN.
_CONTRACT = {"contract"}


@compiled(fastmath=_CONTRACT)
def multiply(gamma, offsets, cell, x, first, last, out):
    """Write Gamma x of cells first..last into out; x must be 0 on ghost cells."""
    for start in range(first, last, _BLOCK):
        count = min(_BLOCK, last - start)
        y = out[start : start + count]
        y[:] = gamma[0, start : start + count] * x[start : start + count]
        for k in range(1, offsets.size):
            o = offsets[k]
            right = gamma[k, start : start + count]
            left = gamma[k, start - o : start - o + count]
            up = x[start + o : start + o + count]
            down = x[start - o : start - o + count]
            for i in range(count):
                y[i] += right[i] * up[i] + left[i] * down[i]
        y *= cell[start : start + count]


@compiled(fastmath=_CONTRACT)
def solve_forward_many(A, X):
    """Solve L X = X for all columns of X (n, k), eight earlier rows at a time."""
    n, reach = X.shape[0], A.shape[2] // _PANEL
    for i in range(n):
        j, c = i // _PANEL, i % _PANEL
        target = X[i]
        for k in range(max(0, j + 1 - reach), j):
            base, a = _PANEL * k, A[k, :, _PANEL * (j - k) + c]
            a0, a1, a2, a3 = a[0], a[1], a[2], a[3]
            a4, a5, a6, a7 = a[4], a[5], a[6], a[7]
            x0, x1, x2, x3 = X[base], X[base + 1], X[base + 2], X[base + 3]
            x4, x5, x6, x7 = X[base + 4], X[base + 5], X[base + 6], X[base + 7]
            for col in range(target.size):
                r = np.uint64(col)
                target[r] -= (
                    a0 * x0[r] + a1 * x1[r] + a2 * x2[r] + a3 * x3[r]
                    + a4 * x4[r] + a5 * x5[r] + a6 * x6[r] + a7 * x7[r]
                )  # fmt: skip
        for p in range(c):
            value, source = A[j, p, c], X[i - c + p]
            for r in range(target.size):
                target[r] -= value * source[r]
        target *= A[j, c, c]


@compiled
def fill_panel(gamma, steps, cells, W, start, panel):
    """Write columns of Gamma + W into a panel (rows from `start` on, columns).

    W (1 or n_blocks, block, block) is added to the diagonal blocks; a single zero
    stands for none.
    """
    block = W.shape[1]
    for j in range(panel.shape[1]):
        c = start + j
        q = cells[c]
        for k in range(steps.size):
            if j + steps[k] < panel.shape[0]:
                panel[j + steps[k], j] += gamma[k, q]
        if block > 1 or W[0, 0, 0] != 0.0:
            of_block = W[(c // block) % W.shape[0]]
            a = c % block
            for i in range(block - a):
                if j + i < panel.shape[0]:
                    panel[j + i, j] += of_block[a, a + i]
