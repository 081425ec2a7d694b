"""The linear algebra of fits with many parameters, against that of SciPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import nnls

from skrelax.nonlinear._general import GeneralProblem
from skrelax.nonlinear._own import Own
from skrelax.nonlinear._projection import (
    covariance,
    curvature,
    orthonormalize,
    project,
)
from skrelax.nonlinear._starts import CoarseScan, find_exchanges
from skrelax.nonlinear._table import Coordinate
from skrelax.signals import Parameter, UserSignal

TIMES = np.geomspace(0.01, 1.0, 15)[:, None]
FREE = np.array([False, False, False])


def random_problem(seed=0, n_channels=1, m=20):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((3, 15, m)), rng.standard_normal((n_channels, 15, m))


@pytest.mark.parametrize("n_channels", [1, 2])
def test_amplitudes_are_those_of_least_squares(n_channels):
    basis, y = random_problem(0, n_channels)
    # A column twice as in a pair of equal decays, and one of zeros.
    basis[1, :, 3], basis[2, :, 4] = basis[0, :, 3], 0.0
    found = project(basis, y, FREE)
    Q, R = orthonormalize(basis)
    assert_allclose(np.einsum("knm,klm->lnm", Q, R), basis, atol=1e-14)
    for i in range(basis.shape[2]):
        coef = np.linalg.lstsq(basis[:, :, i].T, y[:, :, i].T, rcond=None)[0]
        residual = y[:, :, i] - (basis[:, :, i].T @ coef).T
        assert_allclose(found.residual[:, :, i], residual, atol=1e-13)
        assert_allclose(found.value[i], (residual**2).sum())
        if i not in (3, 4):
            assert_allclose(found.coef[:, :, i], coef, rtol=1e-10)


def test_positive_amplitudes_are_those_of_nnls():
    basis, y = random_problem(1, m=60)
    found = project(basis, y, ~FREE)
    part = project(basis, y, np.array([True, False, False]))
    for i in range(basis.shape[2]):
        coef, norm = nnls(basis[:, :, i].T, y[0, :, i])
        assert_allclose(found.coef[:, 0, i], coef, atol=1e-12)
        assert_allclose(found.value[i], norm**2)
        # One amplitude of a sign is a difference of two for the others.
        signed = np.concatenate([basis[:, :, i], -basis[1:, :, i]])
        assert_allclose(part.value[i], nnls(signed.T, y[0, :, i])[1] ** 2)


def test_signs_of_magnitudes_lower_the_sum_of_squares():
    basis, y = random_problem(2)
    y, ones = np.abs(y), np.ones(y.shape[1:])
    found = project(basis, y, FREE, ones)
    model = np.einsum("lnm,lm->nm", basis, found.coef[:, 0])
    assert_allclose(found.value, ((y[0] - np.abs(model)) ** 2).sum(axis=0))
    assert (found.value <= project(basis, y, FREE).value).all()
    assert (found.signs * model >= 0).all()


@pytest.fixture
def problem():
    def signals(t, T, beta):
        return np.exp(-((t / T) ** beta)), np.exp(-t), 1.0

    beta = Parameter("beta", lower=0.5, upper=1.5)
    model = UserSignal(signals, ["T", beta], amplitude=["a", "b", "c"])
    axes = [
        Coordinate("T", 0.01, 10.0, log=True),
        Coordinate("beta", 0.5, 1.5, log=False),
    ]
    weight = np.linspace(1.0, 2.0, len(TIMES))
    return GeneralProblem(model, TIMES, axes, weight, False)


def slopes_at(problem, u):
    known = Own(np.zeros((u.shape[1], 0)))
    basis = problem.basis(u.T, known)
    return basis, problem.slopes(u, known, basis)


def test_slopes_are_right_at_the_bounds_too(problem):
    T, beta = np.array([[0.01, 0.01, 10.0, 0.3], [0.5, 1.5, 1.5, 0.8]])
    _, slopes = slopes_at(problem, np.stack([np.log(T), beta]))
    x = TIMES / T
    weight = np.linspace(1.0, 2.0, len(TIMES))[:, None]
    decay = weight * np.exp(-(x**beta)) * x**beta
    # Differences over 1e-5 are good to 1e-10 of the signal, and 1e-5 cubed more.
    assert_allclose(slopes[0, 0], decay * beta, atol=1e-9)
    assert_allclose(slopes[1, 0], -decay * np.log(x), atol=1e-9)
    assert_allclose(slopes[:, 1:], 0.0, atol=1e-9)


@pytest.mark.parametrize("n_channels", [1, 2])
def test_gradient_and_hessian_of_the_projected_sum_of_squares(problem, n_channels):
    u = np.array([[np.log(0.2)], [0.9]])
    y = np.random.default_rng(3).standard_normal((n_channels, len(TIMES), 1))
    basis, slopes = slopes_at(problem, u)
    found = project(basis, y, FREE)
    gradient, hessian = curvature(found, slopes)
    known, step = Own(np.zeros((1, 0))), 1e-5
    J = []
    for k in range(2):
        shift = np.zeros((2, 1))
        shift[k] = step
        high, low = (
            project(problem.basis(v.T, known), y, FREE) for v in (u + shift, u - shift)
        )
        slope = (high.value - low.value) / (2 * step)
        assert_allclose(gradient[k], slope, rtol=1e-5, atol=1e-8)
        J.append(((high.residual - low.residual) / (2 * step)).ravel())
    # The Jacobian is that of the residuals with the amplitudes at their best.
    J = np.array(J)
    assert_allclose(hessian[:, :, 0], 2.0 * J @ J.T, rtol=1e-5, atol=1e-7)


def test_covariance_is_the_inverse_of_the_gram_matrix(problem):
    u = np.array([[np.log(0.2), np.log(0.2)], [0.9, 0.9]])
    basis, slopes = slopes_at(problem, u)
    y = np.tensordot([1.0, 0.5, 0.2], basis, 1)[None]
    # A decay that is not there has no relaxation time.
    y[0, :, 1] = basis[1, :, 1]
    found = project(basis, y, FREE)
    cov = covariance(found, slopes)
    J = np.stack([*basis[:, :, 0], *slopes[:, 0, :, 0]])
    assert_allclose(cov[0], np.linalg.inv(J @ J.T), rtol=1e-6)
    assert not np.nanmax(np.diag(cov[1])) < 1e6 * np.diag(cov[0]).max()


def test_starts_are_near_the_truth_and_in_order():
    def function(u):
        return np.exp(-TIMES[None] / np.exp(u.T)[:, None, :])

    for n_axes in (2, 3, 5):
        axes = [Coordinate(f"T{k}", 0.01, 10.0, log=True) for k in range(n_axes)]
        free = np.zeros(n_axes, dtype=bool)
        exchanges = find_exchanges(function, axes, free)
        assert len(exchanges) == n_axes * (n_axes - 1) // 2
        starts = CoarseScan(function, axes, free, exchanges, False, 10**6)
        assert (np.diff(starts.nodes, axis=1) > 0).all()
        chosen = starts.nodes[[5, 70]]
        y = np.moveaxis(function(chosen).sum(axis=0)[None], 2, 0)
        signal, node, _ = starts.find_starts(y)
        # The node that a signal was made of has all of its energy.
        for i in range(2):
            assert np.isclose(starts.nodes[node[signal == i]], chosen[i]).all(1).any()
    other = [*axes[:4], Coordinate("T4", 0.01, 20.0, log=True)]
    assert len(find_exchanges(function, other, free)) == 6
