"""Compiled loop of systems in blocks, for wide bands."""

from ...utils._compiled import compiled


@compiled
def fill_panel(gamma, couplings, W, start, panel):
    """Write columns of Gamma + W into a panel (rows from `start` on, columns).

    W (1 or n_blocks, block, block) is added to the diagonal blocks; a single zero
    stands for none.
    """
    steps, cells, block = couplings.steps, couplings.cells, W.shape[1]
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
