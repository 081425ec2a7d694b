"""Statuses of fits whose parameter the signal hardly depends on."""

import numpy as np
import pytest

from skrelax.nonlinear import FitStatus, NonlinearRelaxationFit
from skrelax.signals import EPGEchoTrain, StretchedExponential

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
TE = 0.01 * np.arange(1, 25)[:, None]


def echo_trains(n, B1, noise_std):
    rng = np.random.default_rng(0)
    model = EPGEchoTrain(180.0, B1=None, echo_spacing=0.01)
    T2 = np.exp(rng.uniform(np.log(0.03), np.log(0.15), n))
    parameters = np.stack([T2, rng.uniform(*B1, n)], axis=1)
    y = model.evaluate(TE, parameters)
    return model, y + noise_std * rng.standard_normal(y.shape)


@pytest.mark.parametrize("noise_std", [0.01, 0.05])
def test_flip_angles_at_180_degrees_have_one_status(noise_std):
    # The train is symmetric about 180 degrees, where B1 has no effect to first order.
    model, y = echo_trains(2000, (0.9, 1.0), noise_std)
    fit = NonlinearRelaxationFit(model).fit(TE, y)
    at_180 = np.abs(fit.params_[:, 2] - 1.0) < 1e-3
    assert at_180.sum() > 100
    assert (fit.status_[at_180] == FitStatus.AT_BOUND).all()
    assert np.isnan(fit.stderr_[at_180]).all()
    good = fit.status_ == FitStatus.CONVERGED
    assert good.sum() > 1000
    # The range of 0.3 to 1 alone says as much.
    assert fit.stderr_[good, 2].max() < 0.7 / np.sqrt(12.0)


def test_flip_angles_at_180_degrees_within_the_range():
    model, y = echo_trains(500, (0.97, 1.0), 0.01)
    fit = NonlinearRelaxationFit(model, bounds={"B1": (0.5, 1.5)}).fit(TE, y)
    at_180 = np.abs(fit.params_[:, 2] - 1.0) < 1e-4
    assert at_180.sum() > 50
    assert (fit.status_[at_180] == FitStatus.NOT_IDENTIFIABLE).all()


def test_both_solvers_give_the_same_statuses():
    # The general one, which known values need, ends at 180 degrees by other steps.
    model, y = echo_trains(60, (0.95, 1.0), 0.02)
    fit = NonlinearRelaxationFit(model).fit(TE, y)
    both = EPGEchoTrain(180.0, T1=None, B1=None, echo_spacing=0.01)
    known = NonlinearRelaxationFit(both).fit(TE, y, known={"T1": 1.0})
    same = np.isclose(fit.relative_error_, known.relative_error_, rtol=1e-6)
    assert same.mean() > 0.9
    assert (fit.status_[same] == FitStatus.AT_BOUND).sum() > 10
    assert (known.status_[same] == fit.status_[same]).all()


def test_a_large_noise_level_puts_nothing_at_a_bound():
    y = StretchedExponential().evaluate(TE, np.array([[0.05, 0.8]]))
    fit = NonlinearRelaxationFit("T2-stretched", noise_std=1e6).fit(TE, y)
    assert fit.status_ == FitStatus.NOT_IDENTIFIABLE
