"""Statuses of fits whose parameter the signal hardly depends on."""

import numpy as np
import pytest

from skrelax.nonlinear import FitStatus, NonlinearRelaxationFit
from skrelax.signals import (
    EPGEchoTrain,
    GeneralRecovery,
    InversionRecovery,
    StretchedExponential,
)

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


def test_a_long_time_that_is_well_measured_is_no_hole():
    # Beyond three times the last echo, with a standard error of 1.9 %.
    TE = np.linspace(0.0035, 0.0395, 12)[:, None]
    noise = np.random.default_rng(0).standard_normal((12, 500))
    fit = NonlinearRelaxationFit("T2*").fit(TE, np.exp(-TE / 0.13) + noise / 200)
    assert (fit.params_[:, 1] > 3 * TE.max()).mean() > 0.9
    assert (fit.status_ == FitStatus.CONVERGED).mean() > 0.99
    scatter = fit.params_[:, 1].std()
    np.testing.assert_allclose(np.median(fit.stderr_[:, 1]), scatter, rtol=0.1)
    # With a tenth of the signal it is not known, and three points say too little.
    fit = NonlinearRelaxationFit("T2*").fit(TE, np.exp(-TE / 0.13) + noise / 20)
    outside = fit.params_[:, 1] > 3 * TE.max()
    assert (fit.status_[outside] != FitStatus.CONVERGED).mean() > 0.9
    few = NonlinearRelaxationFit("T2*").fit(
        TE[::5], np.exp(-TE[::5] / 0.13) + noise[::5] / 200
    )
    outside = few.params_[:, 1] > 3 * TE.max()
    assert (few.status_[outside] == FitStatus.NOT_IDENTIFIABLE).mean() > 0.7


def test_a_constant_is_not_told_from_a_slow_decay():
    TE = 0.01 * np.arange(1, 9)[:, None]
    noise = np.random.default_rng(0).standard_normal((8, 500))
    y = np.abs(np.exp(-TE / 1.67) + 0.01 * noise)
    fit = NonlinearRelaxationFit("T2-offset").fit(TE, y)
    # Most end at a fraction of the time, and with small errors of a linear model.
    assert (fit.params_[:, fit.param_names_.index("T2")] < 0.2).mean() > 0.4
    good = fit.status_ == FitStatus.CONVERGED
    # As often as the level of the test says.
    assert good.mean() < 0.02
    # Where the train sees the decay end, nothing changes.
    TE = 0.01 * np.arange(1, 33)[:, None]
    y = np.exp(-TE / 0.08) + 0.01 * np.random.default_rng(1).standard_normal((32, 500))
    fit = NonlinearRelaxationFit("T2-offset").fit(TE, y)
    assert (fit.status_ == FitStatus.CONVERGED).all()


def test_noise_that_residuals_contradict():
    TE = 0.01 * np.arange(1, 33)[:, None]
    noise = 0.01 * np.random.default_rng(0).standard_normal((2, 32, 100))
    y = np.hypot(np.exp(-TE / 0.08) + noise[0], noise[1])
    right = NonlinearRelaxationFit("T2", noise="rician", noise_std=0.01).fit(TE, y)
    assert (right.status_ == FitStatus.CONVERGED).all()
    # T2 would be half of what it is, with a small standard error.
    with pytest.warns(UserWarning, match="noise_std=0.3 is far above the resid"):
        wrong = NonlinearRelaxationFit("T2", noise="rician", noise_std=0.3).fit(TE, y)
    assert np.median(wrong.params_[:, 1]) < 0.06
    assert (wrong.status_ == FitStatus.NOT_IDENTIFIABLE).all()


def test_recovery_with_a_repetition_time_of_each_point():
    TI = np.array([0.05, 0.1, 0.2, 0.4, 0.6, 0.8])
    X = np.column_stack([TI, np.maximum(1.0, 3.1 * TI)])
    T1 = np.array([[0.1], [0.4], [0.9], [1.4]])
    # Any preparation that multiplies the magnetisation, here by -0.9, and 90 degrees:
    # cycles of which each begins with what the last one has left.
    magnetisation = np.zeros((6, 4))
    for _ in range(2):
        rest = X[:, 1:] - X[:, :1]
        before = 1.0 - np.exp(-rest / T1[:, 0])
        magnetisation = 1.0 + (-0.9 * before - 1.0) * np.exp(-X[:, :1] / T1[:, 0])
    model = GeneralRecovery(repetition_time="TR")
    fit = NonlinearRelaxationFit(model).fit(X, 5.0 * magnetisation)
    np.testing.assert_allclose(fit.params_[:, 2], T1[:, 0], rtol=1e-6)
    np.testing.assert_allclose(fit.params_[:, 0], 5.0, rtol=1e-6)
    np.testing.assert_allclose(fit.params_[:, 1], -9.5, rtol=1e-6)
    # Without it, T1 of one second and more comes out far too short.
    plain = NonlinearRelaxationFit(GeneralRecovery()).fit(X, 5.0 * magnetisation)
    assert (plain.params_[2:, 2] < 0.8 * T1[2:, 0]).all()
    # A perfect inversion is that of the other model.
    basis = model.evaluate(X, T1)
    other = InversionRecovery(repetition_time="TR").evaluate(X, T1)
    np.testing.assert_allclose(basis, other, atol=1e-15)
    with pytest.raises(ValueError, match="repetition_time must be 'TR' or None, got 2"):
        GeneralRecovery(repetition_time=2.0).basis(X, T1)


def test_efficiencies_that_no_inversion_has():
    # Sphere 12 of a phantom, of which one image was cut off: the first point may be
    # before the zero crossing or behind it, with a T1 of almost half.
    TI = np.array([[0.05], [0.1], [0.4], [0.6], [0.8]])
    noise = np.random.default_rng(0).standard_normal((5, 400))
    clean = 1.0 - 1.93 * np.exp(-TI / 0.0445)
    fit = NonlinearRelaxationFit("T1-IR-efficiency", magnitude=True)
    fit.fit(TI, np.abs(clean + 0.008 * noise))
    T1, efficiency = fit.params_[:, 1], fit.params_[:, 2]
    wrong = T1 < 0.033
    assert 20 < wrong.sum() < 380
    assert (efficiency[wrong] > 5.0).all()
    assert (fit.status_[wrong] == FitStatus.NOT_IDENTIFIABLE).all()
    assert (fit.status_[~wrong] == FitStatus.CONVERGED).mean() > 0.9
    # Somewhat above 2 is noise, or a repetition time that is not quite right.
    good = 1.0 - 2.15 * np.exp(-TI / 0.15)
    fit = NonlinearRelaxationFit("T1-IR-efficiency", magnitude=False)
    fit.fit(TI, good + 1e-3 * noise)
    assert (fit.status_ == FitStatus.CONVERGED).all()
