"""Polarities of magnitudes: every pattern that a model can have is compared."""

import numpy as np
import pytest

from skrelax.nonlinear import FitStatus, NonlinearRelaxationFit
from skrelax.nonlinear._line import LineProblem
from skrelax.nonlinear._table import Axis
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


def residual_squares(fit, X, y):
    return ((y - fit.predict(X)) ** 2).sum(axis=0)


def best_of_all_patterns(model, X, y):
    """Least sums of squares of ordinary signed fits, one for each pattern.

    Whatever a and b, a + b exp(-t / T1) changes its sign once, so a pattern is a
    number of first times whose points are turned.
    """
    sign, best = np.ones((len(X), 1)), np.full(y.shape[1], np.inf)
    for k in np.argsort(X[:, 0]):
        fit = NonlinearRelaxationFit(model, magnitude=False).fit(X, sign * y)
        best = np.fmin(best, residual_squares(fit, X, sign * y))
        sign[k] = -1.0
    return best


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
    y = magnitudes(X, 3000, noise_std, seed=1)
    fit = NonlinearRelaxationFit(model).fit(X, y)
    assert fit.magnitude_
    excess = residual_squares(fit, X, y) / best_of_all_patterns(model, X, y) - 1.0
    # The fits are the same: the rest is rounding of sums of squares of about 1e-5.
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
    axis = Axis("T1", *model.search_limits(X)[0], log=True)
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
