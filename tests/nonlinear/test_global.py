"""The global minimum, voxel by voxel, against grids dense enough to trust."""

import itertools

import numpy as np
import pytest

from skrelax.nonlinear import FitStatus, NonlinearRelaxationFit
from skrelax.signals import (
    BiExponential,
    EPGEchoTrain,
    GeneralRecovery,
    InversionRecovery,
    MonoExponential,
    StretchedExponential,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
TI = np.geomspace(0.05, 3.0, 10)[:, None]
TE = 0.008 * np.arange(1, 17)[:, None]


def test_image(rng, model, X, parameters, amplitudes, noise_std, magnitude):
    """Signals of tissue and of pure noise, (n_points, n_voxels)."""
    clean = np.einsum("lin,ln->in", model.basis(X, parameters), amplitudes)
    y = clean + noise_std * rng.standard_normal(clean.shape)
    noise = rng.standard_normal((len(X), 100))
    y = np.hstack([y, noise])
    return np.abs(y) if magnitude else y


test_image.__test__ = False


def residual_squares(fit, X, y):
    return ((y - fit.predict(X)) ** 2).sum(axis=0)


def assert_global(fit, X, y, dense, noise_misses=0, noise_failures=0):
    """No voxel is above the dense grid by more than 1e-6 of it.

    With two nonlinear parameters some of the last hundred voxels, which hold noise
    only, have no minimum to converge to, or a local one near the best.
    """
    excess = residual_squares(fit, X, y) / dense - 1.0
    assert (fit.status_[:-100] != FitStatus.FAILED).all()
    assert excess[:-100].max() < 1e-6
    assert np.isnan(excess[-100:]).sum() <= noise_failures
    assert (excess[-100:] > 1e-6).sum() <= noise_misses
    # And the grid is dense enough for the comparison to mean something.
    assert np.median(excess[:-100]) > -3e-3


def bounds_of(fit, X):
    return fit.model_.search_limits(X)


@pytest.mark.parametrize("magnitude", [False, True])
@pytest.mark.parametrize("repetition_time", [None, 2.0])
def test_inversion_recovery(magnitude, repetition_time):
    rng = np.random.default_rng(0)
    n = 400
    model = InversionRecovery(repetition_time=repetition_time)
    T1 = np.exp(rng.uniform(np.log(0.1), np.log(4.0), n))[:, None]
    M0 = rng.uniform(0.2, 2.0, (1, n))
    y = test_image(rng, model, TI, T1, M0, 0.05, magnitude)
    fit = NonlinearRelaxationFit(model, magnitude=magnitude).fit(TI, y)
    grid = np.geomspace(*bounds_of(fit, TI)[0], 40_000)[:, None]
    phi = model.evaluate(TI, grid)
    phi = np.abs(phi) if magnitude else phi
    phi = phi / np.linalg.norm(phi, axis=0)
    best = np.concatenate(
        [((part.T @ phi) ** 2).max(axis=1) for part in np.split(y, 10, axis=1)]
    )
    assert_global(fit, TI, y, (y**2).sum(axis=0) - best)


@pytest.mark.parametrize(
    ("model", "per_image"),
    [
        (GeneralRecovery(), False),
        (InversionRecovery(efficiency="fit", repetition_time="TR"), True),
    ],
)
def test_all_polarities_of_three_parameters(model, per_image):
    rng = np.random.default_rng(1)
    n = 100
    X = TI[::2]
    if per_image:
        X = np.hstack([X, X + np.array([[0.3], [1.0], [0.2], [2.0], [0.5]])])
    T1 = np.exp(rng.uniform(np.log(0.2), np.log(2.0), n))[:, None]
    second = 1.8 if per_image else -1.8
    y = test_image(rng, model, X, T1, np.outer([1.0, second], np.ones(n)), 0.03, True)
    fit = NonlinearRelaxationFit(model).fit(X, y)
    assert fit.magnitude_
    grid = np.geomspace(*bounds_of(fit, X)[0], 1000)[:, None]
    Q = np.linalg.qr(np.moveaxis(model.basis(X, grid), (0, 1, 2), (2, 1, 0)))[0]
    best = np.zeros(y.shape[1])
    # All polarities, whatever the order of the points.
    for signs in itertools.product([1.0, -1.0], repeat=len(X) - 1):
        signed = y * np.array([1.0, *signs])[:, None]
        projected = np.einsum("gil,iv->gvl", Q, signed)
        best = np.maximum(best, (projected**2).sum(axis=2).max(axis=0))
    assert_global(fit, X, y, (y**2).sum(axis=0) - best)


def test_decay_with_offset():
    rng = np.random.default_rng(2)
    n = 300
    model = MonoExponential(offset=True)
    T2 = np.exp(rng.uniform(np.log(0.01), np.log(0.2), n))[:, None]
    y = test_image(rng, model, TE, T2, np.outer([1.0, 0.2], np.ones(n)), 0.02, False)
    fit = NonlinearRelaxationFit(model).fit(TE, y)
    grid = np.geomspace(*bounds_of(fit, TE)[0], 5000)[:, None]
    Q = np.linalg.qr(np.moveaxis(model.basis(TE, grid), (0, 1, 2), (2, 1, 0)))[0]
    best = (np.einsum("gil,iv->gvl", Q, y) ** 2).sum(axis=2).max(axis=0)
    assert_global(fit, TE, y, (y**2).sum(axis=0) - best)


def best_pairs(model, X, y, limits):
    """Least sums of squares of two decays with positive amplitudes on a grid."""
    grid = np.geomspace(*limits, 500)[:, None]
    decays = model.component.evaluate(X, grid)
    decays = decays / np.linalg.norm(decays, axis=0)
    G = np.minimum(decays.T @ decays, 1 - 1e-12)
    b = decays.T @ y
    best = (np.maximum(b, 0.0) ** 2).max(axis=0)
    for i in range(len(grid) - 1):
        r = G[i, i + 1 :, None]
        p, q = b[i] - r * b[i + 1 :], b[i + 1 :] - r * b[i]
        value = np.where(
            (p > 0) & (q > 0), (b[i] * p + b[i + 1 :] * q) / (1 - r**2), 0.0
        )
        best = np.maximum(best, value.max(axis=0))
    return (y**2).sum(axis=0) - best


def test_two_decays_with_positive_amplitudes():
    rng = np.random.default_rng(3)
    n = 200
    model = BiExponential()
    T2 = np.exp(rng.uniform(np.log(0.01), np.log(0.03), n))
    parameters = np.stack([T2, 5 * T2], axis=1)
    y = test_image(
        rng, model, TE, parameters, np.outer([0.5, 0.5], np.ones(n)), 0.005, False
    )
    fit = NonlinearRelaxationFit(model).fit(TE, y)
    assert (fit.params_[fit.status_ == 0, 1] >= 0).all()
    dense = best_pairs(model, TE, y, bounds_of(fit, TE)[0])
    assert_global(fit, TE, y, dense, noise_misses=4, noise_failures=30)


def test_two_decays_that_can_hardly_be_told_apart():
    rng = np.random.default_rng(5)
    n = 500
    model = BiExponential()
    # Anything: alike, lost before the first echo, or constant over all of them.
    T2 = np.sort(np.exp(rng.uniform(np.log(0.001), np.log(1.0), (n, 2))), axis=1)
    share = rng.uniform(0.05, 0.95, n)
    y = test_image(rng, model, TE, T2, np.stack([share, 1 - share]), 0.02, False)[:, :n]
    fit = NonlinearRelaxationFit(model).fit(TE, y)
    excess = residual_squares(fit, TE, y) / best_pairs(
        model, TE, y, bounds_of(fit, TE)[0]
    )
    assert (fit.status_ != FitStatus.FAILED).all()
    # One of a thousand ends in another local minimum. Decays that are over before the
    # first echo are tabulated less accurately in proportion to what is left of them.
    assert (excess > 1 + 1e-4).sum() <= 1


def test_stretched_decay():
    rng = np.random.default_rng(4)
    n = 100
    model = StretchedExponential()
    T2 = np.exp(rng.uniform(np.log(0.02), np.log(0.1), n))
    parameters = np.stack([T2, rng.uniform(0.5, 1.0, n)], axis=1)
    y = test_image(rng, model, TE, parameters, np.ones((1, n)), 0.01, False)
    fit = NonlinearRelaxationFit(model).fit(TE, y)
    limits = bounds_of(fit, TE)
    first, second = np.geomspace(*limits[0], 600), np.linspace(*limits[1], 200)
    best = np.zeros(y.shape[1])
    for beta in second:
        phi = model.evaluate(TE, np.stack([first, np.full(600, beta)], axis=1))
        size = np.linalg.norm(phi, axis=0)
        phi = phi / np.where(size > 0, size, 1)
        best = np.maximum(best, ((y.T @ phi) ** 2).max(axis=1))
    assert_global(
        fit, TE, y, (y**2).sum(axis=0) - best, noise_misses=10, noise_failures=30
    )


@pytest.mark.parametrize(("noise_std", "misses"), [(0.002, 0), (0.05, 6)])
def test_echo_trains_of_unknown_flip_angles(noise_std, misses):
    # The sum of squares has a saddle at 180 degrees, and a narrow ridge elsewhere.
    rng = np.random.default_rng(6)
    n = 200
    model = EPGEchoTrain(160.0, B1=None, echo_spacing=0.01)
    X = 0.01 * np.arange(1, 25)[:, None]
    T2 = np.exp(rng.uniform(np.log(0.02), np.log(0.2), n))
    tissue = np.stack([T2, rng.uniform(0.7, 1.12, n)], axis=1)
    y = test_image(rng, model, X, tissue, np.ones((1, n)), noise_std, False)[:, :n]
    fit = NonlinearRelaxationFit(model).fit(X, y)
    assert (fit.status_ != FitStatus.FAILED).all()
    (low, high), (weak, strong) = bounds_of(fit, X)
    grid = [np.geomspace(low, high, 400), np.linspace(weak, strong, 150)]
    sets = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 2)
    phi = model.evaluate(X, sets)
    phi = phi / np.linalg.norm(phi, axis=0)
    best = ((y.T @ phi) ** 2).max(axis=1)
    excess = residual_squares(fit, X, y) / ((y**2).sum(axis=0) - best) - 1
    assert (excess > 1e-6).sum() <= misses
    # What is missed is another minimum along the ridge, as good by the noise.
    assert excess.max() < 0.05
