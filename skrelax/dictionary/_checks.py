"""Checks of atoms and signals, and the neighbourhood of a grid of parameters."""

import numpy as np

from ..utils._scaling import centre_rows, real_parts


def check_atoms(X, y):
    """Return unit atoms (n_atoms, n_points) and their norms as m * 2**e: (m, e).

    ValueError for atoms of zeros.
    """
    real = X.real.dtype
    X, exponents = centre_rows(X, real)
    norms = row_norms(X)
    if not (norms > 0).all():
        raise ValueError(
            f"X: atom {int((norms > 0).argmin())} is zero, and has no correlation: "
            f"atoms of shape {X.shape}, parameters of shape {y.shape}."
        )
    unit = X / norms.astype(real)[:, None]
    mantissas, further = np.frexp(norms.astype(real))
    return unit, mantissas, further + exponents


def row_norms(X):
    """Return the norms of rows in float64: squares of float32 may overflow."""
    parts = real_parts(X)
    return np.sqrt(np.einsum("ij,ij->i", parts, parts, dtype=np.float64))


def check_distinct(C, tolerance, n_points, parameters_shape):
    """Raise ValueError if two unit rows of C (n_atoms, K), turned alike, are equal."""
    K = C.shape[1]
    # Equal rows have equal keys; other rows with equal keys are unlikely to stand
    # between them.
    key = C @ np.random.default_rng(0).standard_normal(K)
    order = np.argsort(key.real)
    for apart in (1, 2):
        first, second = order[:-apart], order[apart:]
        close = np.abs(key[first] - key[second]) <= tolerance * np.sqrt(K)
        first, second = first[close], second[close]
        equal = np.linalg.norm(C[first] - C[second], axis=1) <= tolerance
        if equal.any():
            pair = sorted((int(first[equal][0]), int(second[equal][0])))
            raise ValueError(
                f"atoms {pair[0]} and {pair[1]} are equal up to a factor, so their "
                "parameters cannot be told apart: atoms of shape "
                f"{(C.shape[0], n_points)}, parameters of shape {parameters_shape}."
            )


def grid_neighbours(parameters):
    """Return the atoms one step down and up each axis, (n_atoms, n_parameters, 2).

    -1 where there is none: at an edge, or where the grid has a hole.
    """
    n_atoms, n_parameters = parameters.shape
    neighbours = np.full((n_atoms, n_parameters, 2), -1, np.int64)
    codes = np.empty((n_parameters, n_atoms), np.int64)
    for j in range(n_parameters):
        codes[j] = np.unique(parameters[:, j], return_inverse=True)[1].ravel()
    for j in range(n_parameters):
        others = [codes[k] for k in range(n_parameters) if k != j]
        # Along the axis fastest, so that neighbours stand side by side.
        order = np.lexsort([codes[j], *others])
        low, high = order[:-1], order[1:]
        same = codes[j][high] == codes[j][low] + 1
        for other in others:
            same &= other[low] == other[high]
        neighbours[high[same], j, 0] = low[same]
        neighbours[low[same], j, 1] = high[same]
    return neighbours


def thin_grid(parameters, step):
    """Return the rows of parameters that take every step-th value of each column."""
    kept = np.ones(parameters.shape[0], dtype=bool)
    if step > 1:
        # Beyond the number of rows a step keeps the first value, however long it is.
        step = min(step, parameters.shape[0])
        for column in parameters.T:
            kept &= np.unique(column, return_inverse=True)[1].ravel() % step == 0
    return np.flatnonzero(kept)
