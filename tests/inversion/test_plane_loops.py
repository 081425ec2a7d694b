"""Loops of planes beside NumPy and SciPy, and blocks beside dense solutions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg

from skrelax.inversion._numba_planes import (
    backward,
    forward,
    forward_one,
    gather_block,
    peaks,
    rough_product,
)
from skrelax.inversion._penalty import kronecker_penalty
from skrelax.inversion._plane_block import Block, factor_penalty, roughness_of

SHAPE = (6, 7)


def problem(order, n_bins=25, seed=0):
    """Return penalty, bins and the dense penalty on the bins with its ridge."""
    penalty = kronecker_penalty(SHAPE, order)
    rng = np.random.default_rng(seed)
    bins = np.sort(rng.permutation(penalty.shape[0])[:n_bins])
    L = penalty.toarray()[np.ix_(bins, bins)]
    return penalty, bins, L + 1e-9 * penalty.data.max() * np.eye(bins.size)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("n_columns", [1, 3, 8])
def test_skyline_is_the_cholesky_factor(order, n_columns):
    penalty, bins, L = problem(order)
    place_of = np.full(penalty.shape[0], -1)
    skyline = factor_penalty(roughness_of(penalty, 3.0), bins, place_of)
    assert (place_of == -1).all()
    expected = linalg.cholesky(L, lower=True)
    C = np.zeros_like(L)
    for i in range(bins.size):
        row = skyline.values[skyline.start[i] : skyline.start[i + 1]]
        C[i, skyline.first[i] : i + 1] = row
    assert_allclose(C, expected, atol=1e-12)
    B = np.random.default_rng(1).standard_normal((bins.size, n_columns))
    out = B.copy()
    forward(skyline, out)
    assert_allclose(out, linalg.solve_triangular(C, B, lower=True), rtol=1e-10)
    x, y = B[:, 0].copy(), B[:, 0].copy()
    forward_one(skyline, x)
    assert_allclose(x, out[:, 0], rtol=1e-10)
    backward(skyline, y)
    assert_allclose(y, linalg.solve_triangular(C.T, B[:, 0]), rtol=1e-10)


def test_a_singular_penalty_gets_a_larger_ridge():
    # On all bins a constant costs nothing, and the smallest ridge is rounding.
    penalty = kronecker_penalty((40,), 2)
    bins, place_of = np.arange(40), np.full(40, -1)
    skyline = factor_penalty(roughness_of(penalty), bins, place_of)
    assert np.isfinite(skyline.values).all()
    assert skyline.values[skyline.start[1:] - 1].min() > 0.0


def test_products_with_the_penalty():
    penalty = kronecker_penalty(SHAPE, 1)
    f, out = np.random.default_rng(0).standard_normal(42), np.empty(42)
    square = rough_product(roughness_of(penalty, 0.3), f, out)
    assert_allclose(out, 0.3 * (penalty @ f), atol=1e-14)
    assert_allclose(square, 0.3 * (f @ (penalty @ f)))


def test_blocks_of_the_hessian():
    penalty, bins, _ = problem(1)
    A = np.random.default_rng(2).standard_normal((10, 42))
    gram, place_of = A.T @ A, np.full(42, -1)
    place_of[bins] = np.arange(bins.size)
    H = np.empty((bins.size, bins.size))
    gather_block(gram, bins, bins, place_of, roughness_of(penalty, 0.3), H)
    expected = gram + 0.3 * penalty.toarray()
    assert_allclose(H, expected[np.ix_(bins, bins)], atol=1e-12)


@pytest.mark.parametrize("smoothness", [1e-3, 0.5])
def test_a_block_solves_for_all_smoothnesses(smoothness):
    penalty, bins, L = problem(1)
    place_of = np.full(42, -1)
    block = Block(bins, factor_penalty(roughness_of(penalty), bins, place_of))
    rng = np.random.default_rng(3)
    parts = [rng.standard_normal((42, k)) for k in (4, 4, 2)]
    block.see(parts[:1])
    block.see(parts)
    D = np.hstack(parts)[bins]
    b = rng.standard_normal(bins.size)
    expected = linalg.solve(D @ D.T + smoothness * L, b)
    assert_allclose(block.inverse(smoothness)(b), expected, rtol=1e-8)


def test_peaks_of_a_grid():
    rng = np.random.default_rng(0)
    w = rng.integers(0, 4, (5, 6)).astype(float)
    near = []
    for place in np.ndindex(*w.shape):
        own = []
        for step in np.ndindex(3, 3):
            other = tuple(p + s - 1 for p, s in zip(place, step, strict=True))
            if all(0 <= o < n for o, n in zip(other, w.shape, strict=True)):
                own.append(np.ravel_multi_index(other, w.shape))
        bin = np.ravel_multi_index(place, w.shape)
        near.append(own + [bin] * (9 - len(own)))
    found = np.empty(30, bool)
    peaks(w.ravel(), 1.5, np.array(near), found)
    flat, expected = w.ravel(), []
    for j, neighbours in enumerate(near):
        # Of equal neighbours the first one counts.
        others = [i for i in neighbours if i != j]
        above = all((flat[j], -j) > (flat[i], -i) for i in others)
        expected.append(flat[j] > 1.5 and above)
    assert_array_equal(found, expected)
