"""Compiled loops of fits against plain NumPy and SciPy."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from skrelax.nonlinear import _numba_pair as pair
from skrelax.nonlinear import _numba_plane as plane
from skrelax.nonlinear._energies import coarse_energies
from skrelax.nonlinear._line import LineProblem
from skrelax.nonlinear._numba_pair_scan import norms_there, row_there
from skrelax.nonlinear._numba_types import PairState, Spline, Stop
from skrelax.nonlinear._plane import PlaneProblem
from skrelax.nonlinear._table import Coordinate
from skrelax.signals import (
    BiExponential,
    EPGEchoTrain,
    InversionRecovery,
    MonoExponential,
)

TE = 0.01 * np.arange(1, 14)[:, None]
TI = np.geomspace(0.05, 3.0, 11)[:, None]


def decay(sets):
    return MonoExponential().basis(TE, sets)


def recovery(sets):
    return InversionRecovery().basis(TI, sets)


def echo_train(sets):
    return EPGEchoTrain(150.0, B1=None, echo_spacing=0.01).basis(TE, sets)


def signals(function, sets, noise_std, n_channels=1):
    rng = np.random.default_rng(0)
    clean = function(sets)[0].T[:, None, :]
    return clean + noise_std * rng.standard_normal(
        (len(sets), n_channels, clean.shape[2])
    )


def test_coarse_energies_are_those_of_unit_signals():
    rng = np.random.default_rng(1)
    # More than one slice, and a last one that is shorter.
    Y = 1e6 * rng.standard_normal((1100, 2, 5))
    basis = np.linalg.qr(rng.standard_normal((7, 5, 2)))[0].transpose(2, 1, 0)
    parts = [
        (part, found.copy()) for part, found in coarse_energies(Y, np.float32(basis))
    ]
    assert [part.stop - part.start for part, _ in parts] == [512, 512, 76]
    projected = np.einsum("nci,lig->nclg", Y, basis)
    expected = (projected**2).sum(axis=(1, 2)) / (Y**2).sum(axis=(1, 2))[:, None]
    assert_allclose(np.concatenate([found for _, found in parts]), expected, atol=1e-6)


@pytest.mark.parametrize("n_channels", [1, 2])
def test_one_amplitude_equals_a_scalar_search_on_the_model(n_channels):
    problem = LineProblem(decay, [Coordinate("T2", 1e-3, 3.0, log=True)], False)
    T2 = np.geomspace(0.02, 0.2, 20)[:, None]
    Y = signals(decay, T2, 0.01, n_channels)
    found = problem.solve(Y, None, Stop(1e-10, 100))

    def rest(u, y):
        phi = decay(np.exp([[u]]))[0, :, 0]
        return (y**2).sum() - ((y @ phi) ** 2).sum() / (phi @ phi)

    for v, y in enumerate(Y):
        around = np.log(T2[v, 0]) + np.array([-0.5, 0.5])
        least = minimize_scalar(
            rest, bounds=around, args=(y,), method="bounded", options={"xatol": 1e-12}
        )
        assert found.u[v, 0] == pytest.approx(least.x, abs=1e-6)
        assert found.rss[v] == pytest.approx(least.fun, rel=1e-9)
    phi = decay(np.exp(found.u))[0].T
    a = np.einsum("nci,ni->nc", Y, phi) / (phi**2).sum(axis=1)[:, None]
    assert_allclose(found.coef[:, :, 0], a, rtol=1e-6)
    size = a[:, 0] if n_channels == 1 else np.linalg.norm(a, axis=1)
    slope = (decay(np.exp(found.u + 1e-6)) - decay(np.exp(found.u - 1e-6)))[0].T / 2e-6
    J = np.stack([phi, size[:, None] * slope], axis=1)
    assert_allclose(found.cov, np.linalg.inv(J @ J.transpose(0, 2, 1)), rtol=1e-4)


def test_polarities_between_close_zero_crossings():
    problem = LineProblem(recovery, [Coordinate("T1", 0.02, 10.0, log=True)], True)
    T1 = np.geomspace(0.1, 2.5, 60)[:, None]
    Y = np.abs(signals(recovery, T1, 0.05))
    found = problem.solve(Y, None, Stop(1e-10, 100))
    grid = np.abs(recovery(np.geomspace(0.02, 10.0, 50_000)[:, None])[0])
    grid /= np.linalg.norm(grid, axis=0)
    best = ((Y[:, 0] @ grid) ** 2).max(axis=1)
    dense = (Y**2).sum(axis=(1, 2)) - best
    assert (found.rss <= dense * (1 + 1e-12)).all()
    assert_allclose(found.rss, dense, rtol=1e-5)


def test_all_polarities_near_the_best_node_have_a_bracket():
    # A point crosses zero in nearly each cell, and several do in some.
    times = np.linspace(0.05, 5.0, 100)[:, None]
    function = functools.partial(InversionRecovery().basis, times)
    problem = LineProblem(function, [Coordinate("T1", 0.02, 10.0, log=True)], True)
    T1 = np.exp(np.random.default_rng(1).uniform(np.log(0.3), np.log(4.0), 100))
    rng = np.random.default_rng(0)
    clean = function(T1[:, None])[0].T
    Y = np.abs(clean + 0.05 * rng.standard_normal(clean.shape))
    lo, hi, _, node, sign = problem.find_brackets(Y[:, None])
    u = np.linspace(problem.u[0], problem.u[-1], 20 * problem.u.size - 19)
    phi = function(np.exp(u)[:, None])[0]
    energy = (Y @ (np.abs(phi) / np.linalg.norm(phi, axis=0))) ** 2
    n_other = 0
    for v in range(len(Y)):
        used = np.flatnonzero(node[v] >= 0)
        for g in np.flatnonzero(energy[v] > energy[v, ::20].max() * (1 + 1e-9)):
            around = used[(lo[v, used] <= u[g] + 1e-9) & (u[g] <= hi[v, used] + 1e-9)]
            same = (sign[v, around] * phi[:, g] >= -1e-7).all(axis=1)
            assert same.any()
            n_other += not (sign[v, 0] * phi[:, g] >= -1e-7).all()
    assert n_other > 10


@pytest.mark.parametrize("per_point", [False, True])
def test_patterns_of_two_amplitudes_equal_a_loop_over_all_of_them(per_point):
    # With a repetition time per point the order of the points changes on the grid.
    X = TI
    if per_point:
        X = np.hstack([TI, TI + np.random.default_rng(2).uniform(0.1, 2.0, TI.shape)])
    model = InversionRecovery("fit", repetition_time="TR" if per_point else None)
    axis = Coordinate("T1", 0.02, 10.0, log=True)
    problem = LineProblem(lambda sets: model.basis(X, sets), [axis], True)
    T1 = np.geomspace(0.2, 2.0, 60)[:, None]
    clean = np.tensordot([1.0, 1.8], model.basis(X, T1), 1).T
    rng = np.random.default_rng(0)
    Y = np.abs(clean + 0.05 * rng.standard_normal(clean.shape))
    lo, hi, start, node, sign = problem.find_brackets(Y[:, None])
    phi = model.basis(X, np.exp(problem.u)[:, None])
    h = problem.u[1] - problem.u[0]
    Q = np.linalg.qr(phi.transpose(2, 1, 0))[0]
    angle = np.arctan2(phi[1], phi[0])
    for v, y in enumerate(Y):
        best = np.zeros(len(Q))
        for g in range(len(Q)):
            # Amplitudes (cos, sin) normal to a point turn its sign.
            turns = np.sort((angle[:, g] + np.pi / 2) % np.pi)
            between = 0.5 * (turns + np.append(turns[1:], turns[0] + np.pi))
            signal = np.outer(np.cos(between), phi[0, :, g])
            signal += np.outer(np.sin(between), phi[1, :, g])
            best[g] = ((np.sign(signal) * y @ Q[g]) ** 2).sum(axis=1).max()
        used = node[v] >= 0
        assert best.argmax() in node[v]
        assert (np.abs(start[v, used] - problem.u[node[v, used]]) <= h).all()
        inner = node[v, used]
        assert_allclose(lo[v, used], problem.u[np.maximum(inner - 1, 0)])
        assert_allclose(hi[v, used], problem.u[np.minimum(inner + 1, len(Q) - 1)])
        # The brackets hold the energies of their patterns, the best one among them.
        energies = [
            ((s * y @ Q[g]) ** 2).sum()
            for s, g in zip(sign[v, used], inner, strict=True)
        ]
        assert max(energies) == pytest.approx(best.max(), rel=1e-12)
        assert min(energies) >= best.max() - 2e-2 * (y**2).sum()


def differences(value, u, step):
    """Gradient and Hessian of value(u) by central differences."""
    n = len(u)
    E = step * np.eye(n)
    gradient = np.array([(value(u + e) - value(u - e)) / (2 * step) for e in E])
    H = np.array(
        [
            [
                value(u + e + f)
                - value(u + e - f)
                - value(u - e + f)
                + value(u - e - f)
                for f in E
            ]
            for e in E
        ]
    ) / (4 * step**2)
    return gradient, H


@pytest.mark.parametrize("magnitude", [False, True])
def test_derivatives_of_two_parameters(magnitude):
    axes = [
        Coordinate("T2", 0.01, 1.0, log=True),
        Coordinate("B1", 0.5, 1.2, log=False),
    ]
    problem = PlaneProblem(echo_train, axes, magnitude)
    Y = signals(echo_train, np.array([[0.08, 0.9]]), 0.05, 1 if magnitude else 2)
    Y = np.abs(Y) if magnitude else Y
    F, w, T = np.empty((6, 13)), np.empty((6, 6)), np.empty((3, 6 * 13))
    coef, gradient = np.empty(Y.shape[1]), np.empty(2)
    H, G = np.empty((2, 2)), np.empty((2, 2))

    def look_up(u):
        plane.look_up(problem.spline, u, F, w, T)
        return F.copy()

    def value(u):
        look_up(u)
        return plane.project(Y, 0, F, magnitude, coef, gradient, H, G)

    u = np.array([np.log(0.06), 0.83])
    expected = echo_train(np.array([[0.06, 0.83]]))[0, :, 0]
    assert_allclose(look_up(u)[0], expected, atol=1e-8)
    slopes, bends = differences(lambda u: look_up(u)[0], u, 1e-4)
    found = look_up(u)
    assert_allclose(found[1:3], slopes, atol=1e-6)
    assert_allclose(found[3:], [bends[0, 0], bends[0, 1], bends[1, 1]], atol=1e-5)
    slopes, bends = differences(value, u, 1e-4)
    value(u)
    assert_allclose(gradient, slopes, rtol=1e-5)
    assert_allclose([H[0, 0], H[0, 1], H[1, 1]], bends[[0, 0, 1], [0, 1, 1]], rtol=1e-4)
    # Without residuals Gauss-Newton is exact.
    Y[0] = np.abs(expected) if magnitude else expected
    value(u)
    assert_allclose(G[[0, 0, 1], [0, 1, 1]], H[[0, 0, 1], [0, 1, 1]], rtol=1e-5)


@pytest.mark.parametrize("n_channels", [1, 2])
def test_derivatives_of_pairs(n_channels):
    problem = LineProblem(decay, [Coordinate("T2", 1e-3, 3.0, log=True)], False)
    spline = Spline(problem.spline.powers[:, None], problem.spline.nodes)
    times = np.array([[0.02, 0.15]])
    Y = BiExponential().basis(TE, times).sum(axis=0).T[:, None, :]
    Y = Y + 0.05 * np.random.default_rng(0).standard_normal((1, n_channels, 13))
    coef, found = np.empty((n_channels, 2)), np.empty((3, 2))
    state = PairState(np.empty((3, 2, 13)), coef, found, np.empty(0))

    def value(u):
        return pair.evaluate(Y, 0, spline, u, state)

    u = np.log([0.03, 0.2])
    basis = decay(np.exp(u)[:, None])[0]
    a, rest = np.linalg.lstsq(basis, Y[0].T, rcond=None)[:2]
    assert value(u) == pytest.approx(rest.sum())
    assert_allclose(coef, a.T, rtol=1e-6)
    slopes, bends = differences(value, u, 1e-4)
    value(u)
    assert_allclose(found[0], slopes, rtol=1e-5)
    assert_allclose(found[1:], bends, rtol=1e-4)


@pytest.mark.parametrize("n_missing", [0, 1, 4, 9, 19])
def test_products_of_pairs_at_the_points_there_equal_numpy(n_missing):
    rng = np.random.default_rng(n_missing)
    N, G = 20, 11
    units = rng.standard_normal((N, G))
    units[:, 3] = units[:, 7]
    there = np.ones(N)
    there[rng.permutation(N)[:n_missing]] = 0.0
    # One signal of which next to nothing is left, as after a loss of its first echoes.
    units[:, 5] *= np.where(there > 0, 1e-5, 1.0)
    units /= np.linalg.norm(units, axis=0)
    first, second = np.triu_indices(G)
    pairs = np.zeros((2, first.size))
    pairs[1] = there @ (units[:, first] * units[:, second])
    size = np.empty(G)
    norms_there(pairs, 1, size)
    norms = np.linalg.norm(there[:, None] * units, axis=0)
    assert_allclose(size, 1.0 / norms, rtol=1e-12)
    row, inverse = np.empty((2, 1, G))
    expected = (units / norms).T @ (there[:, None] * units / norms)
    expected = expected.clip(1e-9 - 1.0, 1.0 - 1e-9)
    for g in range(G - 1):
        row_there(pairs, 1, g, size, row, inverse)
        own = expected[g, g + 1 :]
        assert_allclose(row[0, g + 1 :], own, rtol=0, atol=1e-12)
        assert_allclose(inverse[0, g + 1 :], 1.0 / (1.0 - row[0, g + 1 :] ** 2))


def test_signals_of_which_nothing_is_there_have_no_norm():
    pairs = np.array([[0.0, 0.0, 4.0]])
    size = np.empty(2)
    norms_there(pairs, 0, size)
    assert size.tolist() == [0.0, 0.5]
