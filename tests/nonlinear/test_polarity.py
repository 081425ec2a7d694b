"""Polarities of magnitudes: every pattern that a model can have is compared."""

import numpy as np
import pytest

from skrelax.nonlinear import FitStatus, NonlinearRelaxationFit
from skrelax.nonlinear._line import LineProblem
from skrelax.nonlinear._table import Coordinate
from skrelax.signals import GeneralRecovery, InversionRecovery, LookLocker

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
MOLLI = np.array([0.1, 0.18, 0.26, 1.1, 1.18, 1.26, 2.1, 2.18, 3.1, 4.1, 5.1])[:, None]
GEOMETRIC = np.geomspace(0.03, 5.0, 16)[:, None]
EFFICIENCY = InversionRecovery(efficiency="fit")


def magnitudes(X, n, noise_std, seed):
    rng = np.random.default_rng(seed)
    T1 = np.exp(rng.uniform(np.log(0.1), np.log(2.5), n))
    clean = 1.0 - rng.uniform(1.5, 2.0, n) * np.exp(-X / T1)
    return np.abs(clean + noise_std * rng.standard_normal(clean.shape))


def kinked(model, X, n, noise_std, seed):
    """Magnitudes of relaxation times at which one of the points crosses zero."""
    rng = np.random.default_rng(seed)
    u = np.linspace(np.log(0.05), np.log(4.0), 20_001)
    signs = model.evaluate(X, np.exp(u)[:, None]) < 0.0
    crossings = u[1:][(signs[:, 1:] != signs[:, :-1]).any(axis=0)]
    T1 = np.exp(rng.choice(crossings, n) + 0.02 * rng.standard_normal(n))
    clean = model.evaluate(X, T1[:, None])
    return np.abs(clean + noise_std * rng.standard_normal(clean.shape))


def residual_squares(fit, X, y):
    return ((y - fit.predict(X)) ** 2).sum(axis=0)


def orthonormal(basis):
    """Orthonormal columns of a basis (L, N, m) of one or two signals."""
    columns = []
    for one in basis:
        # Twice is enough against rounding.
        for _ in range(2):
            for other in columns:
                one = one - (other * one).sum(axis=0) * other
        size = np.linalg.norm(one, axis=0)
        columns.append(one / np.where(size > 0.0, size, np.inf))
    return np.stack(columns)


def golden_section(value, low, high):
    """Least values between low and high, of functions with one minimum there."""
    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    ends = np.minimum(value(low), value(high))
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = value(left), value(right)
    for _ in range(45):
        lower = at_left < at_right
        low, high = np.where(lower, low, left), np.where(lower, right, high)
        new = np.where(lower, high - ratio * (high - low), low + ratio * (high - low))
        at_new = value(new)
        left, right = np.where(lower, new, right), np.where(lower, left, new)
        at_left, at_right = (
            np.where(lower, at_new, at_right),
            np.where(lower, at_left, at_new),
        )
    return np.minimum(np.minimum(at_left, at_right), ends)


def reference(model, X, y, n_nodes=801):
    """Least sums of squares, of ordinary signed fits of each pattern.

    By a dense scan and golden sections around its maxima.
    """
    u = np.linspace(*np.log(model.search_limits(X)[0]), n_nodes)
    Q = orthonormal(model.basis(X, np.exp(u)[:, None]))
    patterns, best = prefixes(X), np.empty(y.shape[1])
    for v, one in enumerate(y.T):
        energy = ((patterns * one @ Q) ** 2).sum(axis=0)
        beside = np.pad(energy, [(0, 0), (1, 1)], constant_values=-1.0)
        peak = (energy >= beside[:, :-2]) & (energy >= beside[:, 2:])
        k, g = np.nonzero(peak & (energy >= energy.max() - 5e-3 * (one**2).sum()))
        signed = (patterns[k] * one).T

        def least_squares(place, signed=signed):
            rest = signed
            for column in orthonormal(model.basis(X, np.exp(place)[:, None])):
                rest = rest - (column * rest).sum(axis=0) * column
            return (rest**2).sum(axis=0)

        ends = u[np.maximum(g - 1, 0)], u[np.minimum(g + 1, n_nodes - 1)]
        best[v] = golden_section(least_squares, *ends).min()
    return best


def hardest(model, X, y, count):
    """The signals y (N, m) whose best two patterns are most alike at nodes."""
    u = np.linspace(*np.log(model.search_limits(X)[0]), 201)
    Q = orthonormal(model.basis(X, np.exp(u)[:, None]))
    most = [
        np.einsum("nm,lng->lmg", pattern[:, None] * y, Q) ** 2
        for pattern in prefixes(X)
    ]
    most = np.sort([one.sum(axis=0).max(axis=1) for one in most], axis=0)
    return y[:, np.argsort((most[-1] - most[-2]) / (y**2).sum(axis=0))[:count]]


def prefixes(X):
    """All patterns (N, N) of recoveries a + b exp(-t / T1), but for a common sign.

    Whatever a and b, they change their sign once, so that a number of first times turn.
    """
    rank = np.argsort(np.argsort(X[:, 0]))
    return np.where(rank < np.arange(len(X))[:, None], -1.0, 1.0)


@pytest.mark.parametrize("noise_std", [0.002, 0.01, 0.02, 0.05])
@pytest.mark.parametrize(
    ("model", "X"),
    [
        (LookLocker(), MOLLI),
        (GeneralRecovery(), GEOMETRIC[::-1]),
        (EFFICIENCY, GEOMETRIC),
    ],
    ids=["T1-LL", "T1-general", "T1-IR-efficiency"],
)
def test_no_pattern_of_polarities_is_better(model, X, noise_std):
    y = magnitudes(X, 6000, noise_std, seed=1)
    # Those of equally good patterns are the ones that a scan may miss.
    y = np.hstack([y[:, :100], hardest(model, X, y, 150)])
    fit = NonlinearRelaxationFit(model).fit(X, y)
    assert fit.magnitude_
    excess = residual_squares(fit, X, y) / reference(model, X, y) - 1.0
    # The fits are the same: the rest is rounding of sums of squares of about 1e-5.
    assert np.abs(excess).max() < 1e-9


LINEAR = np.linspace(0.05, 3.0, 9)[:, None]
FEW = np.array([0.1, 0.5, 1.0, 2.5])[:, None]


@pytest.mark.parametrize(
    ("model", "X", "noise_std", "seed"),
    [
        (InversionRecovery(), MOLLI, 0.01, 0),
        (InversionRecovery(efficiency=1.8), MOLLI, 0.03, 0),
        (InversionRecovery(repetition_time=3.0), LINEAR, 0.002, 0),
        (InversionRecovery(), LINEAR, 0.1, 0),
        (InversionRecovery(efficiency=1.8), FEW, 0.1, 1),
    ],
)
def test_no_polarities_of_one_amplitude_are_better(model, X, noise_std, seed):
    # Where a point crosses zero the sum of squares has a kink, which may hide the
    # minimum beside it from the nodes of a grid.
    y = kinked(model, X, 400, noise_std, seed)
    fit = NonlinearRelaxationFit(model).fit(X, y)
    assert fit.magnitude_
    excess = residual_squares(fit, X, y) / reference(model, X, y) - 1.0
    assert np.abs(excess).max() < 1e-9


def test_a_pattern_that_is_best_between_two_nodes_only():
    y = [
        0.6508, 0.6166, 0.5325, 0.4666, 0.3054, 0.1903, 0.0353, 0.2092,
        0.4367, 0.6248, 0.8146, 0.92, 0.9752, 1.018, 0.9967, 0.9927,
    ]  # fmt: skip
    fits = [
        NonlinearRelaxationFit("T1-LL", **settings).fit(GEOMETRIC, y)
        for settings in ({}, {"init": {"T1*": 0.4091}})
    ]
    np.testing.assert_allclose(*(fit.params_ for fit in fits), rtol=1e-8)


def test_orders_of_points_that_change_along_the_grid():
    # With a repetition time for each point its ratio to the inversion time decides
    # which amplitudes turn its sign. Few points allow all subsets as the reference.
    rng = np.random.default_rng(2)
    TI = np.array([0.1, 0.3, 0.5, 0.9, 1.6, 2.5])
    X = np.stack([TI, np.add(TI, [1.5, 0.2, 1.0, 0.1, 0.9, 0.3])], axis=1)
    model = InversionRecovery(efficiency="fit", repetition_time="TR")
    T1 = np.exp(rng.uniform(np.log(0.2), np.log(2.0), 1000))[:, None]
    clean = np.einsum("lin,l->in", model.basis(X, T1), [1.0, 1.8])
    y = np.abs(clean + 0.02 * rng.standard_normal(clean.shape))
    fit = NonlinearRelaxationFit(model).fit(X, y)
    axis = Coordinate("T1", *model.search_limits(X)[0], log=True)
    problem = LineProblem(lambda sets: model.basis(X, sets), [axis], True)
    assert len(problem.patterns.runs) > 3
    best = np.full(1000, np.inf)
    for pattern in range(2**5):
        sign = 1.0 - 2.0 * ((pattern >> np.arange(6)) & 1)[:, None]
        signed = NonlinearRelaxationFit(model, magnitude=False).fit(X, sign * y)
        best = np.fmin(best, residual_squares(signed, X, sign * y))
    good = fit.status_ == FitStatus.CONVERGED
    assert good.mean() > 0.95
    excess = residual_squares(fit, X, y)[good] / best[good] - 1.0
    assert np.abs(excess).max() < 1e-9
