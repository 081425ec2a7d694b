"""Distributions of many signals, each with its own kernel and strength."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls
from voxels import HIGH, LOW, N_BINS, N_ECHOES, kernel, signed_train, simulate, table_of

from skrelax import SmoothLasso
from skrelax.inversion._penalty import kronecker_penalty
from skrelax.inversion._voxels import (
    NotSmoothError,
    invert_signals,
    make_table,
)
from skrelax.inversion._voxels import _numba_kernel as kernel_loops
from skrelax.inversion._voxels import _numba_nnls as nnls_loops
from skrelax.inversion._voxels import _numba_rules as rule_loops
from skrelax.inversion._voxels import _numba_setting as setting_loops
from skrelax.inversion._voxels._invert import make_work
from skrelax.inversion._voxels._numba_types import Penalty
from skrelax.model_selection import StrengthSearch
from skrelax.nonlinear import FitStatus
from skrelax.signals import EPGEchoTrain


@pytest.fixture(scope="module")
def table():
    return table_of()


# Loops against plain NumPy and SciPy.


@pytest.mark.parametrize("n", [1, 3, 4, 7, 30])
def test_loops_are_their_twins(n):
    rng = np.random.default_rng(n)
    K, y = rng.standard_normal((n, 9)), rng.standard_normal(9)
    G, H, c = np.empty((n, n)), np.empty((n, n)), np.empty(n)
    nnls_loops.products(K, G)
    nnls_loops.project(K, y, c)
    # Sums of nine products of numbers near one: some roundings.
    assert_allclose(G, K @ K.T, atol=1e-14)
    assert_allclose(c, K @ y, atol=1e-14)
    for order in range(min(n, 3)):
        L = kronecker_penalty((n,), order).toarray()
        nnls_loops.penalise(G, Penalty(L, order, 0.0), 0.3, H)
        assert_allclose(H, G + 0.3 * L, atol=1e-14)


def solve_nnls(K, y, start=()):
    """Return the answer of the loop for kernel K (n_points, n_bins)."""
    m, n = K.shape
    work = make_work(n, m, 2)
    work.passive.P[: len(start)] = start
    p = nnls_loops.nnls(K.T @ K, K.T @ y, len(start), work.passive, work.x, work.w)
    assert p >= 0
    assert set(work.passive.P[:p]) == set(np.flatnonzero(work.x))
    return work.x


@pytest.mark.parametrize("seed", range(5))
def test_nnls_from_any_start_is_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    K = rng.standard_normal((20, 12)) + 0.5
    for _ in range(20):
        y = rng.standard_normal(20)
        expected = nnls(K, y)[0]
        start = rng.permutation(12)[: rng.integers(0, 13)]
        # Columns far from dependent: products of them lose few digits.
        assert_allclose(solve_nnls(K, y, start), expected, atol=1e-12)


def test_nnls_of_copies_and_zeros():
    rng = np.random.default_rng(0)
    K = rng.uniform(size=(10, 6))
    K[:, 3], K[:, 4], K[:, 5] = K[:, 0], 2.0 * K[:, 1], 0.0
    for y in (K @ np.arange(6.0), rng.standard_normal(10), np.zeros(10), -K[:, 0]):
        x = solve_nnls(K, y)
        residual = np.linalg.norm(K @ x - y)
        assert residual == pytest.approx(nnls(K, y)[1], abs=1e-9)
        assert (x >= 0).all()


@pytest.mark.parametrize("order", [0, 2])
def test_rise_of_the_residual_with_the_strength(table, order):
    signals, _ = simulate(1, 100.0)
    L = kronecker_penalty((N_BINS,), order).toarray()
    penalty, y = Penalty(L, order, 1e-4), signals[0] / np.sqrt(N_ECHOES)
    work = make_work(N_BINS, N_ECHOES, table.nodes.size)
    kernel_loops.kernel_at(table, 150.0, work.K)
    nnls_loops.products(work.K, work.G)
    nnls_loops.project(work.K, y, work.c)
    squares = []
    for z in (-9.0 - 1e-4, -9.0 + 1e-4, -9.0):
        p, square = rule_loops.fit_strength(np.exp(z), y, penalty, 0, work)
        squares.append(square)
    slope, norm = rule_loops.rise(np.exp(-9.0), penalty, p, work)
    assert slope == pytest.approx((squares[1] - squares[0]) / 2e-4, rel=1e-5)
    assert norm == pytest.approx(work.x @ L @ work.x, rel=1e-12)


def test_minimum_of_a_cubic():
    rng = np.random.default_rng(0)
    for coefficients in rng.standard_normal((50, 4)):
        f = np.polynomial.Polynomial(coefficients)
        a, b = np.sort(rng.uniform(-2, 2, 2))
        place, value = setting_loops.cubic_minimum(
            a, f(a), f.deriv()(a), b, f(b), f.deriv()(b)
        )
        dense = f(np.linspace(a, b, 10_001)).min()
        assert a <= place <= b
        assert value == pytest.approx(f(place), abs=1e-9)
        # A parabola of curvature ten is missed by that much between the places.
        assert value == pytest.approx(dense, abs=1e-6)


# The table.


def test_kernels_between_the_nodes(table):
    K, D = np.empty((2, N_BINS, N_ECHOES))
    columns, bins = np.empty((N_BINS, N_ECHOES)), np.arange(N_BINS)
    largest = table.kernels.max()
    angles = np.random.default_rng(0).uniform(LOW, HIGH, 100)
    for angle in [LOW, *angles, *table.edges, HIGH]:
        expected = kernel(angle).T / np.sqrt(N_ECHOES)
        kernel_loops.kernel_at(table, angle, K)
        assert_allclose(K, expected, atol=1e-9 * largest)
        kernel_loops.columns_at(table, angle, N_BINS, bins, columns, D)
        assert_allclose(columns, K, atol=1e-15)
    for angle in angles[:20]:
        kernel_loops.columns_at(table, angle, N_BINS, bins, columns, D)
        before, after = signed_train(angle - 1e-3), signed_train(angle + 1e-3)
        slope = (after - before) / 2e-3 * np.sign(signed_train(angle))
        # Central differences: h^2 / 6 of a third derivative of some (32 / 57)^3.
        assert_allclose(D, slope.T / np.sqrt(N_ECHOES), atol=1e-8)


def test_slopes_and_products_of_the_scan(table):
    K, D = np.empty((2, N_BINS, N_ECHOES))
    bins = np.arange(N_BINS)
    for index in (0, 20, 65):
        kernel_loops.columns_at(table, table.nodes[index], N_BINS, bins, K, D)
        assert_allclose(table.kernels[index], K, atol=1e-9)
        assert_allclose(table.slopes[index], D, atol=1e-12)
        assert_allclose(table.grams[index], K @ K.T, atol=1e-9)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_effective_parameters_at_any_setting(order):
    L = kronecker_penalty((N_BINS,), order).toarray()
    logs = np.empty(N_BINS)
    for angle in (52.3, 111.1, 178.9):
        kernel_loops.ratios_at(table_of(L), angle, logs)
        G = kernel(angle).T @ kernel(angle) / N_ECHOES
        for strength in (1e-6, 1e-3, 1.0):
            expected = np.trace(np.linalg.solve(G + strength * L, G))
            found = np.sum(1.0 / (1.0 + strength * np.exp(-logs)))
            # Cubics over half a degree, across kinks of magnitudes.
            assert found == pytest.approx(expected, abs=1e-3)


def test_kinks_have_no_table():
    with pytest.raises(NotSmoothError, match="must follow their setting smoothly"):
        make_table(lambda v: np.abs(np.linspace(-0.9, 0.77, 5)[:, None] - v), -1.0, 1.0)
    with pytest.raises(NotSmoothError, match="finite"):
        make_table(lambda v: np.full((3, 2), v / 0.0 if v else np.nan), 0.0, np.nan)


# The setting.


@pytest.mark.parametrize("snr", [3.0, 8.0, 30.0, 150.0, 1000.0])
def test_angle_is_never_worse_than_a_dense_scan(table, snr):
    signals, _ = simulate(60, snr, seed=int(snr))
    found = invert_signals(table, signals, least_snr=None)
    assert (found.status <= FitStatus.AT_BOUND).all()
    scan = [
        rows(table, signals, "none", np.full(60, v), least_snr=None).residuals
        for v in np.linspace(LOW, HIGH, 66)
    ]
    assert (found.residuals <= np.min(scan, axis=0) * (1 + 1e-9)).all()
    for residual, angle, y in zip(
        found.residuals, found.settings, signals, strict=True
    ):
        expected = nnls(kernel(angle), y, maxiter=1000)[1] / np.sqrt(N_ECHOES)
        size = np.sqrt(np.mean(y**2))
        assert residual == pytest.approx(expected, abs=1e-9 * size)


@pytest.mark.parametrize("snr", [1e4, 1e6, 1e8, 1e30])
def test_free_fits_of_signals_with_little_noise(table, snr):
    signals, angles = simulate(40, snr)
    found = rows(table, signals, "none", angles)
    K = np.empty((N_BINS, N_ECHOES))
    for k, (angle, y) in enumerate(zip(angles, signals, strict=True)):
        kernel_loops.kernel_at(table, angle, K)
        A, size = K.T * np.sqrt(N_ECHOES), np.linalg.norm(y)
        residual = np.linalg.norm(A @ found.distributions[k] - y)
        told = found.residuals[k] * np.sqrt(N_ECHOES)
        assert told == pytest.approx(residual, abs=1e-12 * size)
        # Products of columns alone miss this by a hundred times. SciPy 1.14 does, too,
        # or gives up.
        try:
            expected = nnls(A, y, maxiter=1000)[1]
        except RuntimeError:
            continue
        assert residual <= expected + 1e-9 * size


@pytest.mark.parametrize("strength", [1e-3, 1e-8, 1e-10])
@pytest.mark.parametrize("snr", [100.0, 1e30])
def test_weak_penalties_of_signals_with_little_noise(table, snr, strength):
    signals, angles = simulate(20, snr)
    found = rows(table, signals, "fixed", angles, strengths=strength)
    K, zeros = np.empty((N_BINS, N_ECHOES)), np.zeros(N_BINS)
    for f, angle, y in zip(found.distributions, angles, signals, strict=True):
        kernel_loops.kernel_at(table, angle, K)
        stacked = np.vstack([K.T, np.sqrt(strength) * np.eye(N_BINS)])
        target = np.append(y / np.sqrt(N_ECHOES), zeros)
        expected = nnls(stacked, target, maxiter=1000)[1]
        size = np.linalg.norm(target)
        assert np.linalg.norm(stacked @ f - target) <= expected + 1e-12 * size


def test_angles_of_clean_signals(table):
    signals, angles = simulate(40, 2000.0)
    found = invert_signals(table, signals)
    far = angles < 170.0
    # Noise of a two-thousandth, and a grid of T2, leave some tenths of a degree.
    assert_allclose(found.settings[far], angles[far], atol=1.0)
    # 180 degrees is where the range ends.
    assert found.status[-1] in (FitStatus.CONVERGED, FitStatus.AT_BOUND)
    known = invert_signals(table, signals, settings=angles)
    assert_array_equal(known.settings, angles)
    sizes = np.sqrt(np.mean(signals**2, axis=1))
    assert (found.residuals <= known.residuals + 1e-9 * sizes).all()


def test_noise_alone_is_scanned(table):
    rng = np.random.default_rng(0)
    signals = np.hypot(*rng.standard_normal((2, 30, N_ECHOES)))
    found = invert_signals(table, signals, least_snr=None)
    scan = [
        rows(table, signals, "none", np.full(30, v), least_snr=None).residuals
        for v in np.linspace(LOW, HIGH, 66)
    ]
    assert (found.residuals <= np.min(scan, axis=0) * (1 + 1e-9)).all()


# The strength.


def rows(table, signals, rule, angles, **options):
    return invert_signals(table, signals, rule, settings=angles, **options)


@pytest.mark.parametrize(("order", "alpha"), [(0, 0.0), (1, 0.0), (2, 0.0), (1, 1e-3)])
def test_fixed_strength_is_a_single_fit(order, alpha):
    L = kronecker_penalty((N_BINS,), order).toarray()
    signals, angles = simulate(6, 150.0)
    strengths = np.geomspace(1e-5, 1e-1, 6)
    found = rows(
        table_of(L), signals, "fixed", angles,
        strengths=strengths, penalty=L, alpha=alpha,
    )  # fmt: skip
    for f, angle, strength, y in zip(
        found.distributions, angles, strengths, signals, strict=True
    ):
        single = SmoothLasso(alpha, strength, order).fit(kernel(angle), y)
        # Kernels differ by 1e-10, weak penalties multiply that.
        assert_allclose(f, single.coef_, atol=1e-6)


def single_search(rule, angle, y, order=0, **options):
    return StrengthSearch(
        SmoothLasso(alpha=0.0, order=order),
        rule=rule,
        degrees_of_freedom="linear",
        **options,
    ).fit(kernel(angle), y)


def generalised(K, y, strength, L):
    """Return the logarithm of the criterion of GCV, counting all bins."""
    m, n = K.shape
    root = np.linalg.cholesky(L + 1e-14 * np.eye(n)).T
    stacked = np.vstack([K, np.sqrt(m * strength) * root])
    f = nnls(stacked, np.append(y, np.zeros(n)), maxiter=1000)[0]
    G = K.T @ K / m
    left = 1.0 - np.trace(np.linalg.solve(G + strength * L, G)) / m
    return np.log(np.mean((K @ f - y) ** 2)) - 2.0 * np.log(left)


@pytest.mark.parametrize("order", [0, 2])
@pytest.mark.parametrize("rule", ["chi2", "discrepancy", "lcurve", "gcv"])
def test_strength_is_that_of_a_search_alone(rule, order):
    L = kronecker_penalty((N_BINS,), order).toarray()
    signals, angles = simulate(4, 100.0, seed=3)
    found = rows(table_of(L), signals, rule, angles, noise_std=0.012, penalty=L)
    options = {"noise_std": 0.012} if rule == "discrepancy" else {}
    for index, (angle, y) in enumerate(zip(angles, signals, strict=True)):
        single = single_search(rule, angle, y, order, **options)
        if rule == "gcv":
            # Of minima that are almost equal, and flat, either may be taken.
            K = kernel(angle)
            ours, theirs = (
                generalised(K, y, s, L)
                for s in (found.strengths[index], single.strength_)
            )
            assert ours <= theirs + 1e-4
            continue
        # Corners of an L-curve are found to 1e-4 in log(strength).
        assert found.strengths[index] == pytest.approx(single.strength_, rel=1e-3)
        assert_allclose(
            found.distributions[index], single.best_estimator_.coef_, atol=2e-4
        )


@pytest.mark.parametrize("snr", [30.0, 300.0])
def test_rules_against_dense_scans(table, snr):
    signals, angles = simulate(40, snr)
    grid = np.geomspace(1e-8, 1.0, 321)
    squares = np.array(
        [rows(table, signals, "fixed", angles, strengths=s).residuals for s in grid]
    )
    squares **= 2
    free = rows(table, signals, "none", angles).residuals ** 2
    for rule, target in (("chi2", 1.02 * free), ("discrepancy", np.full(40, snr**-2))):
        found = rows(table, signals, rule, angles, noise_std=1.0 / snr)
        inside = found.status == FitStatus.CONVERGED
        assert inside.sum() > 20
        assert_allclose(found.residuals[inside] ** 2, target[inside], rtol=1e-7)
        # No strength of the scan above the chosen one may reach the target.
        above = grid[:, None] > found.strengths * (1 + 1e-3)
        assert (squares[above & inside] > np.broadcast_to(target, above.shape)[
            above & inside]).all()  # fmt: skip
        # Where none does, the weakest strength is taken and said to be at the end.
        assert (squares[0][~inside] > target[~inside] * (1 - 1e-6)).all()
    s2 = np.array([np.linalg.svd(kernel(a), compute_uv=False) ** 2 for a in angles])
    s2 /= N_ECHOES

    def criterion(squares, strengths):
        share = s2 / (s2 + np.broadcast_to(strengths, 40)[:, None])
        return np.log(squares) - 2.0 * np.log(1.0 - share.sum(axis=1) / N_ECHOES)

    scan = np.array([criterion(q, s) for q, s in zip(squares, grid, strict=True)])
    found = rows(table, signals, "gcv", angles)
    # Between near equals, minima of two sets of bins, either may be taken.
    assert (
        criterion(found.residuals**2, found.strengths) < scan.min(axis=0) + 1e-3
    ).all()


@pytest.fixture(scope="module")
def decaes(shared_data):
    def read(name):
        return np.loadtxt(shared_data / "decaes" / f"decaes_{name}.csv")

    times, bins = 0.01 * np.arange(1, 17)[:, None], read("ref_t2times")

    def train(angle):
        model = EPGEchoTrain(angle, T1=1.0, echo_spacing=0.01, excitation="half")
        return model.evaluate(times, bins[:, None]) / 4.0

    return read, make_table(train, LOW, HIGH, magnitude=True)


@pytest.mark.parametrize(("tag", "rule"), [("ref2", "gcv"), ("ref_lcurve", "lcurve")])
def test_reference_of_decaes(decaes, tag, rule):
    read, table = decaes
    signal = read("ref_signal")[None]
    # DECAES searches ln(mu) from -8 to 2.
    limits = tuple(np.exp([-16.0, 4.0]) / 16.0)
    searched = invert_signals(table, signal, rule, limits=limits)
    # DECAES interpolates the curve of residuals over angles.
    assert searched.settings[0] == pytest.approx(float(read(f"{tag}_alpha")), abs=0.02)
    known = np.array([float(read(f"{tag}_alpha"))])
    found = invert_signals(table, signal, rule, settings=known, limits=limits)
    mu = float(read(f"{tag}_mu"))
    assert np.sqrt(16 * found.strengths[0]) == pytest.approx(mu, abs=2e-6)
    assert_allclose(found.distributions[0], read(f"{tag}_dist"), atol=1e-4)
    if rule == "lcurve":
        factor = (found.residuals / found.free_residuals) ** 2
        assert factor[0] == pytest.approx(float(read(f"{tag}_chi2factor")), rel=1e-3)
    fixed = invert_signals(
        table, signal, "fixed", settings=known, strengths=mu**2 / 16
    ).distributions[0]
    assert_allclose(fixed, read(f"{tag}_dist"), atol=1e-7)


def test_unpenalised_reference_of_decaes(decaes):
    read, table = decaes
    found = invert_signals(
        table, read("ref_signal")[None], settings=np.array([180.0])
    ).distributions[0]
    assert_allclose(found, read("ref_dist"), atol=1e-7)
