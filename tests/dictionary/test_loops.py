"""Compiled loops of the dictionary against plain NumPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrelax.dictionary._numba_parabola import correlation, descend
from skrelax.dictionary._numba_search import (
    bounds_of,
    divide,
    largest,
    squares_of,
    squares_there,
    widen,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("n_planes", [1, 2])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("K", [4, 8, 20])
def test_squares_of_a_block_equal_numpy(rng, n_planes, signed, K):
    count, low = 16, 32
    A = rng.standard_normal((low + count) * K)
    s = rng.standard_normal((n_planes, K))
    block = A[low * K :].reshape(K, count)
    products = s @ block
    expected = (products**2).sum(axis=0)
    if signed and n_planes == 1:
        expected *= np.sign(products[0])
    out, work = np.empty(count), np.empty(count)
    squares_of(s, signed, A, low, count, work, out)
    # Some twenty products of size one.
    assert_allclose(out, expected, rtol=1e-12, atol=1e-13)
    for size in (1, 3, 4, count):
        assert largest(out, size) == out[:size].argmax()


@pytest.mark.parametrize("signed", [True, False])
def test_no_atom_within_the_radius_beats_the_bound(rng, signed):
    n, K = 300, 5
    centre = rng.standard_normal((n, K))
    atom = centre + rng.uniform(0, 2, (n, 1)) * rng.standard_normal((n, K))
    signal = centre + rng.uniform(0, 2, (n, 1)) * rng.standard_normal((n, K))
    centre, atom, signal = (
        a / np.linalg.norm(a, axis=1)[:, None] for a in (centre, atom, signal)
    )
    cosines = (centre * atom).sum(axis=1)
    near = (centre * signal).sum(axis=1)
    reached = (atom * signal).sum(axis=1)
    if not signed:
        cosines, near, reached = np.abs(cosines), np.abs(near), np.abs(reached)
    sines, bound = np.sqrt(1 - cosines**2), np.empty(n)
    bounds_of(near * np.abs(near), cosines, sines, 0, n, 1.0, bound)
    assert (reached * np.abs(reached) <= bound + 1e-14).all()
    angle = np.maximum(0, np.arccos(near) - np.arccos(cosines))
    # arccos loses half of the digits near zero.
    assert_allclose(bound, np.cos(angle) * np.abs(np.cos(angle)), atol=1e-7)


@pytest.mark.parametrize("n_missing", [1, 2, 3, 4, 9, 15])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squares_at_the_points_there_equal_numpy(rng, n_missing, dtype):
    n_points, count, low = 16, 32, 48
    vectors = rng.standard_normal((count, n_points))
    points = rng.permutation(n_points)
    # One that is nearly all missing keeps its digits.
    vectors[3, points[n_missing:]] *= 1e-4
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    B = np.full((low + count) * n_points, np.nan, dtype=dtype)
    B[low * n_points :] = (vectors**2).T.ravel()
    lists = np.zeros((2, n_points + 3), np.int64)
    lists[0, :n_missing], lists[1, : n_points - n_missing] = np.split(
        points, [n_missing]
    )
    out, one = np.empty(count, dtype), dtype(1)
    squares_there(*lists, n_missing, B, low, count, one, out)
    expected = (vectors[:, points[n_missing:]] ** 2).sum(axis=1)
    # Rounding of some sixteen squares, four times that of what is left of them.
    assert_allclose(out, expected, rtol=64 * np.finfo(dtype).eps)
    ones = np.ones(count, dtype)
    divide(ones, out, count, dtype(1e-6))
    assert_allclose(ones[expected > 1e-6], 1 / out[expected > 1e-6], rtol=1e-6)
    assert (ones[expected <= 1e-6] == 0).all()


@pytest.mark.parametrize("signed", [True, False])
def test_no_atom_within_the_radius_beats_the_bound_where_points_are_missing(
    rng, signed
):
    n, K = 2000, 6
    centre = rng.standard_normal((n, K))
    atom = centre + rng.uniform(0, 1, (n, 1)) * rng.standard_normal((n, K))
    there = rng.random((n, K)) < 0.7
    there[:, 0] = True
    signal = (atom + rng.uniform(0, 1, (n, 1)) * rng.standard_normal((n, K))) * there
    centre, atom, signal = (
        a / np.linalg.norm(a, axis=1)[:, None] for a in (centre, atom, signal)
    )
    cosines = (centre * atom).sum(axis=1)
    sines = np.sqrt(1 - cosines**2)
    cosines = cosines if signed else np.abs(cosines)
    left = (centre**2 * there).sum(axis=1)
    near = (centre * signal).sum(axis=1) / np.sqrt(left)
    reached = (atom * signal).sum(axis=1) / np.linalg.norm(atom * there, axis=1)
    if not signed:
        near, reached = np.abs(near), np.abs(reached)
    wide, bound = np.empty((2, n)), np.empty(n)
    widen((cosines, sines), 0, left, n, 1.0, *wide)
    assert_allclose((wide**2).sum(axis=0), 1.0, rtol=1e-12)
    bounds_of(near * np.abs(near), *wide, 0, n, 1.0, bound)
    assert (reached * np.abs(reached) <= bound + 1e-14).all()
    # And many of them are bounds that tell something.
    assert (bound < 0.99).mean() > 0.2


@pytest.mark.parametrize("axes", [[0], [2, 0], [0, 1, 2]])
def test_top_of_a_paraboloid_equals_a_solve(rng, axes):
    A = rng.standard_normal((3, 3))
    H, g = -A @ A.T - np.eye(3), rng.standard_normal(3)
    u = np.zeros(3)
    expected = np.linalg.solve(-H[np.ix_(axes, axes)], g[axes])
    assert descend(H.copy(), g, np.array(axes), len(axes), u)
    assert_allclose(u[axes], expected, rtol=1e-12)
    H[axes[-1], axes[-1]] = 1.0
    assert not descend(H, g, np.array(axes), len(axes), u)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_correlation_is_summed_over_planes(rng, dtype):
    S = rng.standard_normal((2, 3, 8)).astype(dtype)
    atoms = rng.standard_normal((4, 8)).astype(dtype)
    expected = np.hypot(*(S[:, 1].astype(float) @ atoms[2].astype(float)))
    # Sixteen products, rounded to the dtype.
    tolerance = 16 * np.finfo(dtype).eps
    there, squares = np.empty((0, 8), dtype=bool), np.empty((0, 8), dtype)
    found = correlation(S, 1, atoms, 2, there, squares)
    assert_allclose(found, expected, rtol=tolerance)
    # Where points are missing, the norm of the atom at the others divides it.
    there, squares = rng.random((3, 8)) < 0.6, atoms**2
    found = correlation(S, 1, atoms, 2, there, squares)
    norm = np.sqrt(squares[2, there[1]].astype(float).sum())
    assert_allclose(found, expected / norm, rtol=tolerance)
    everything = np.ones((3, 8), dtype=bool)
    assert correlation(S, 1, atoms, 2, everything, squares) == correlation(
        S, 1, atoms, 2, there[:0], squares
    )
