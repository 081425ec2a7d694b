"""Nonlinear parameters that are known for each signal."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrelax.nonlinear import FitStatus, NonlinearRelaxationFit
from skrelax.signals import EPGEchoTrain, LookLocker, SpoiledGradientEcho

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
TE = 0.01 * np.arange(1, 33)[:, None]
TRAIN = EPGEchoTrain(180.0, T1=None, B1=None, echo_spacing=0.01)


def simulate(n, noise_std=3e-3):
    """Return magnitudes of spin echo trains and their T2, T1 and B1."""
    rng = np.random.default_rng(0)
    T1 = np.exp(rng.uniform(np.log(0.2), np.log(3.0), n))
    T2 = np.minimum(np.exp(rng.uniform(np.log(0.02), np.log(0.2), n)), 0.8 * T1)
    sets = np.stack([T2, T1, rng.uniform(0.5, 0.95, n)], axis=1)
    y = TRAIN.evaluate(TE, sets) + noise_std * rng.standard_normal((len(TE), n))
    return np.abs(y), sets


@quiet
def test_t1_of_each_signal_removes_the_bias_of_a_wrong_one():
    y, sets = simulate(1000)
    fit = NonlinearRelaxationFit(TRAIN).fit(TE, y, known={"T1": sets[:, 1]})
    assert fit.param_names_ == ["M0", "T2", "T1", "B1"]
    assert_allclose(fit.params_[:, 2], sets[:, 1])
    assert (fit.stderr_[fit.status_ == 0, 2] == 0).all()
    good = fit.status_ == FitStatus.CONVERGED
    assert good.mean() > 0.99
    free = [0, 1, 3]
    truth = np.column_stack([np.ones(len(sets)), sets])[:, free]
    z = (fit.params_[:, free] - truth)[good] / fit.stderr_[good][:, free]
    spread = 1.4826 * np.median(np.abs(z - np.median(z, axis=0)), axis=0)
    # 1000 draws know the spread to 4 %; 29 degrees of freedom add 2 %.
    assert_allclose(spread, 1.0, atol=0.1)
    assert (np.abs(np.median(z, axis=0)) < 0.15).all()
    # Short T1 at a small flip angle are what one T1 for all gets wrong.
    wrong = NonlinearRelaxationFit(TRAIN).fit(TE, y, known={"T1": 1.0})
    worst = (sets[:, 1] < 0.4) & (sets[:, 2] < 0.7) & (wrong.status_ == 0) & good
    bias = [np.median(one.params_[worst, 1] / sets[worst, 0]) for one in (fit, wrong)]
    assert abs(bias[0] - 1) < 0.01
    assert abs(bias[1] - 1) > 0.03
    assert_allclose(fit.predict(TE), y, atol=0.02)


def test_one_value_is_that_of_the_model():
    y, _ = simulate(30, 1e-3)
    fixed = EPGEchoTrain(180.0, T1=0.7, B1=None, echo_spacing=0.01)
    one = NonlinearRelaxationFit(fixed).fit(TE, y)
    two = NonlinearRelaxationFit(TRAIN).fit(TE, y, known={"T1": 0.7})
    # Splines and differences are accurate to 1e-8.
    assert_allclose(two.params_[:, [0, 1, 3]], one.params_, rtol=2e-5)
    assert_allclose(two.stderr_[:, [0, 1, 3]], one.stderr_, rtol=1e-4)
    both = {"T1": np.full(30, 0.7), "B1": one.params_[:, 2]}
    three = NonlinearRelaxationFit(TRAIN).fit(TE, y, known=both)
    assert_allclose(three.params_[:, 1], one.params_[:, 1], rtol=2e-5)
    assert (three.stderr_[:, 1] <= two.stderr_[:, 1] * (1 + 1e-6)).all()


def test_b1_map_of_variable_flip_angles():
    X = np.array([[2.0, 0.015], [4, 0.015], [8, 0.015], [15, 0.015], [25, 0.015]])
    model = SpoiledGradientEcho(B1=None)
    rng = np.random.default_rng(1)
    sets = np.stack([rng.uniform(0.3, 2.0, 50), rng.uniform(0.7, 1.3, 50)], axis=1)
    y = 2.0 * model.evaluate(X, sets)
    y[:, 3] = np.nan
    B1 = sets[:, 1].copy()
    B1[7] = np.nan
    mask = np.ones(50, dtype=bool)
    mask[9] = False
    with pytest.warns(match="2 failed"):
        fit = NonlinearRelaxationFit(model).fit(X, y, known={"B1": B1}, mask=mask)
    expected = np.column_stack([np.full(50, 2.0), sets])
    expected[[3, 7, 9]] = np.nan
    assert_allclose(fit.params_, expected, rtol=1e-6)
    assert fit.status_[9] == FitStatus.MASKED
    assert len(fit.to_frame()) == 50


def test_rician_noise_and_starts():
    y, sets = simulate(40)
    known = {"T1": sets[:, 1]}
    best = NonlinearRelaxationFit(TRAIN).fit(TE, y, known=known)
    rician = NonlinearRelaxationFit(TRAIN, noise="rician", noise_std=1e-4)
    # Far above the noise both are the same estimate, to second order in the noise.
    found = rician.fit(TE, y, known=known).params_
    assert_allclose(found, best.params_, rtol=1e-3)
    init = {"T2": best.params_[:, 1] * 1.1, "B1": best.params_[:, 3]}
    started = NonlinearRelaxationFit(TRAIN, init=init).fit(TE, y, known=known)
    assert_allclose(started.params_, best.params_, rtol=1e-4)


@pytest.mark.parametrize(
    ("model", "known", "message"),
    [
        (TRAIN, {"T3": 1.0}, r"known may name \['T2', 'T1', 'B1'\], got 'T3'"),
        (
            EPGEchoTrain(echo_spacing=0.01, B1=None),
            {"T1": 1.0},
            "make it a parameter of the model with T1=None",
        ),
        (TRAIN, {"T1": np.ones(3)}, r"one per signal \(2\), got shape \(3,\)"),
        (TRAIN, {"T1": -1.0}, "known T1 must be finite, positive"),
        (TRAIN, {"T1": 1, "T2": 1, "B1": 1}, "needs a nonlinear parameter to find"),
        (LookLocker("TE"), {"T1": 1.0}, r"known may name \['T1\*'\]"),
    ],
)
def test_wrong_values_are_one_clear_error(model, known, message):
    with pytest.raises(ValueError, match=message):
        NonlinearRelaxationFit(model).fit(TE, np.ones((len(TE), 2)), known=known)


def test_known_parameters_have_no_bounds():
    fit = NonlinearRelaxationFit(TRAIN, bounds={"T1": (0.1, 1.0)})
    with pytest.raises(ValueError, match="cannot have bounds as well"):
        fit.fit(TE, np.ones((len(TE), 2)), known={"T1": 0.5})
