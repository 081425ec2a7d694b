"""Compiled loops of fits against plain NumPy and SciPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from skrelax.nonlinear import _numba_pair as pair
from skrelax.nonlinear import _numba_plane as plane
from skrelax.nonlinear._energies import coarse_energies
from skrelax.nonlinear._line import LineProblem
from skrelax.nonlinear._numba_types import PairState, Signals, Spline, Stop
from skrelax.nonlinear._plane import PlaneProblem
from skrelax.nonlinear._table import Axis
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
    problem = LineProblem(decay, [Axis("T2", 1e-3, 3.0, log=True)], False)
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
    problem = LineProblem(recovery, [Axis("T1", 0.02, 10.0, log=True)], True)
    T1 = np.geomspace(0.1, 2.5, 60)[:, None]
    Y = np.abs(signals(recovery, T1, 0.05))
    found = problem.solve(Y, None, Stop(1e-10, 100))
    grid = np.abs(recovery(np.geomspace(0.02, 10.0, 50_000)[:, None])[0])
    grid /= np.linalg.norm(grid, axis=0)
    best = ((Y[:, 0] @ grid) ** 2).max(axis=1)
    dense = (Y**2).sum(axis=(1, 2)) - best
    assert (found.rss <= dense * (1 + 1e-12)).all()
    assert_allclose(found.rss, dense, rtol=1e-5)


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
    axes = [Axis("T2", 0.01, 1.0, log=True), Axis("B1", 0.5, 1.2, log=False)]
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
    problem = LineProblem(decay, [Axis("T2", 1e-3, 3.0, log=True)], False)
    spline = Spline(problem.spline.powers[:, None], problem.spline.nodes)
    times = np.array([[0.02, 0.15]])
    Y = BiExponential().basis(TE, times).sum(axis=0).T[:, None, :]
    Y = Y + 0.05 * np.random.default_rng(0).standard_normal((1, n_channels, 13))
    coef, gradient, H = np.empty((n_channels, 2)), np.empty(2), np.empty((2, 2))
    state = PairState(Signals(*np.empty((3, 2, 13))), coef, gradient, H)

    def value(u):
        return pair.evaluate(Y, 0, spline, u, state)

    u = np.log([0.03, 0.2])
    basis = decay(np.exp(u)[:, None])[0]
    a, rest = np.linalg.lstsq(basis, Y[0].T, rcond=None)[:2]
    assert value(u) == pytest.approx(rest.sum())
    assert_allclose(coef, a.T, rtol=1e-6)
    slopes, bends = differences(value, u, 1e-4)
    value(u)
    assert_allclose(gradient, slopes, rtol=1e-5)
    assert_allclose(H, bends, rtol=1e-4)
