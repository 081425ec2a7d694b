"""Compiled refinement of a match between the atoms of a grid."""

from typing import NamedTuple

import numpy as np

from ..utils._compiled import compiled


class AtomGrid(NamedTuple):
    """Atoms whose parameters lie on a grid."""

    atoms: np.ndarray
    """Atoms, (n_atoms, K)."""
    neighbours: np.ndarray
    """Atoms one step down and up each axis, or -1, (n_atoms, n_parameters, 2)."""
    parameters: np.ndarray
    """Parameters, (n_atoms, n_parameters)."""
    squared_rows: np.ndarray
    """Squares of atoms at all points, (n_atoms, n_points), or none."""


class Paraboloid(NamedTuple):
    """Workspace: a paraboloid in steps of the grid, of n_parameters axes at most."""

    H: np.ndarray
    """Hessian, (n_parameters, n_parameters)."""
    g: np.ndarray
    """Gradient, (n_parameters,)."""
    curve: np.ndarray
    """Second differences, (n_parameters,)."""
    u: np.ndarray
    """Place of the top, (n_parameters,)."""
    axes: np.ndarray
    """Axes with both neighbours, (n_parameters,)."""


@compiled
def correlation(S, i, atoms, a, there, squared_rows):
    """Return the size of the product of signal i with atom a, summed in float64.

    It is divided by the norm of the atom where points of the signal are missing.
    """
    total = 0.0
    for p in range(S.shape[0]):
        value = 0.0
        for k in range(S.shape[2]):
            value += float(S[p, i, k]) * float(atoms[a, k])
        total += value * value
    if there.shape[0] > 0:
        square, n_missing = 0.0, 0
        for k in range(there.shape[1]):
            if there[i, k]:
                square += squared_rows[a, k]
            else:
                n_missing += 1
        if n_missing > 0:
            total = total / square if square > 0.0 else 0.0
    return np.sqrt(total)


@compiled
def descend(H, g, axes, count, u):
    """Write the solution of -H u = g over axes[:count] into u; False if not a top.

    H is overwritten by the Cholesky factor of -H.
    """
    for a in range(count):
        for b in range(a + 1):
            total = -H[axes[a], axes[b]]
            for c in range(b):
                total -= H[axes[a], axes[c]] * H[axes[b], axes[c]]
            if a > b:
                H[axes[a], axes[b]] = total / H[axes[b], axes[b]]
            elif total > 0.0:
                H[axes[a], axes[a]] = np.sqrt(total)
            else:
                return False
    for a in range(count):
        total = g[axes[a]]
        for c in range(a):
            total -= H[axes[a], axes[c]] * u[axes[c]]
        u[axes[a]] = total / H[axes[a], axes[a]]
    for a in range(count - 1, -1, -1):
        total = u[axes[a]]
        for c in range(a + 1, count):
            total -= H[axes[c], axes[a]] * u[axes[c]]
        u[axes[a]] = total / H[axes[a], axes[a]]
    return True


@compiled
def refine_parabola(signals, grid, found, work, out):
    """Move each match to the top of a paraboloid through its neighbours on the grid.

    Signals as the search has them; found (n,) is corrected where a neighbour is better
    by less than the rounding of the search; out (n, n_parameters) gets the parameters.
    """
    S, _, there = signals
    atoms, neighbours, parameters, squared = grid
    H, g, curve, u, axes = work
    n_parameters = parameters.shape[1]
    for i in range(found.size):
        a = found[i]
        if a < 0:
            out[i] = np.nan
            continue
        centre = correlation(S, i, atoms, a, there, squared)
        # A few steps: the search is wrong by rounding only.
        for _ in range(8):
            moved = False
            for j in range(n_parameters):
                for side in range(2):
                    other = neighbours[a, j, side]
                    if other >= 0:
                        value = correlation(S, i, atoms, other, there, squared)
                        if value > centre:
                            a, centre, moved = other, value, True
                            break
            if not moved:
                break
        found[i] = a
        # Axes with both neighbours, in steps of the grid whatever its spacing.
        count = 0
        for j in range(n_parameters):
            u[j] = 0.0
            low, high = neighbours[a, j, 0], neighbours[a, j, 1]
            if low < 0 or high < 0:
                continue
            below = correlation(S, i, atoms, low, there, squared)
            above = correlation(S, i, atoms, high, there, squared)
            curve[j] = below - 2.0 * centre + above
            if curve[j] < 0.0:
                g[j] = 0.5 * (above - below)
                axes[count] = j
                count += 1
        for p in range(count):
            j = axes[p]
            H[j, j] = curve[j]
            for q in range(p):
                k = axes[q]
                H[j, k] = 0.0
                total, corners = 0.0, 0
                for side in range(2):
                    for end in range(2):
                        corner = neighbours[neighbours[a, j, side], k, end]
                        if corner >= 0:
                            value = correlation(S, i, atoms, corner, there, squared)
                            total += value if side == end else -value
                            corners += 1
                if corners == 4:
                    H[j, k] = 0.25 * total
        if not descend(H, g, axes, count, u):
            # No top: each axis on its own.
            for p in range(count):
                u[axes[p]] = -g[axes[p]] / curve[axes[p]]
        longest = 1.0
        for p in range(count):
            longest = max(longest, abs(u[axes[p]]))
        for j in range(n_parameters):
            here = parameters[a, j]
            out[i, j] = here
            if u[j] != 0.0:
                # Beyond the neighbours the paraboloid says nothing.
                step = u[j] / longest
                down = parameters[neighbours[a, j, 0], j]
                up = parameters[neighbours[a, j, 1], j]
                bend = 0.5 * step * step * (up - 2.0 * here + down)
                out[i, j] += 0.5 * step * (up - down) + bend
