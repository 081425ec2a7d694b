"""Signal models: limits a physicist knows, formulas, errors."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad

from skrelax import signals
from skrelax.signals import (
    Diffusion,
    GaussianDecay,
    Identity,
    Impedance,
    InversionRecovery,
    MonoExponential,
    SaturationRecovery,
    SignalModel,
    UserSignal,
    resolve_model,
)


def evaluate(model, points, times):
    points = np.atleast_1d(np.asarray(points, dtype=float))
    points = points[:, None] if points.ndim == 1 else points
    return model.evaluate(points, np.atleast_1d(times).astype(float)[:, None])


def test_limits_at_time_zero_and_at_infinity():
    assert evaluate(MonoExponential(), 0, 1) == 1
    assert evaluate(InversionRecovery(), 0, 1) == -1
    assert evaluate(InversionRecovery(efficiency=1.7), 0, 1) == pytest.approx(-0.7)
    assert evaluate(InversionRecovery(), 1e3, 1) == 1
    assert evaluate(SaturationRecovery(), 0, 1) == 0
    assert evaluate(SaturationRecovery(), 1e3, 1) == 1
    assert evaluate(GaussianDecay(), 0, 1) == 1
    assert evaluate(Diffusion(), 0, 2e-9) == 1
    assert evaluate(Impedance(), 0, 1) == 1
    assert evaluate(Impedance("imaginary"), 0, 1) == 0


def test_values_after_one_relaxation_time():
    assert evaluate(MonoExponential(), 2, 2) == pytest.approx(np.exp(-1))
    assert evaluate(InversionRecovery(), 3 * np.log(2), 3) == pytest.approx(
        0, abs=1e-15
    )
    assert evaluate(GaussianDecay(), 2, 2) == pytest.approx(np.exp(-0.5))
    assert evaluate(Diffusion(), 1e9, 2e-9) == pytest.approx(np.exp(-2))


def test_impedance_is_the_complex_formula():
    f, tau = np.geomspace(1e-2, 1e3, 7), np.geomspace(1e-4, 1, 5)
    z = 1 / (1 + 2j * np.pi * np.outer(f, tau))
    assert_allclose(evaluate(Impedance("real"), f, tau), z.real, rtol=1e-14)
    assert_allclose(evaluate(Impedance("imaginary"), f, tau), z.imag, rtol=1e-14)


def test_finite_repetition_time():
    long = evaluate(InversionRecovery(repetition_time=100.0), 0.3, 1)
    assert_allclose(long, evaluate(InversionRecovery(), 0.3, 1), rtol=1e-12)
    fixed = evaluate(InversionRecovery(1.8, repetition_time=2.0), 0.3, 1)
    assert_allclose(fixed, 1 - 1.8 * np.exp(-0.3) + np.exp(-2.0), rtol=1e-14)
    model = InversionRecovery(repetition_time="TR")
    assert model.acquisition_columns == ("TI", "TR")
    both = evaluate(model, [[0.3, 2.0], [0.3, 4.0]], 1)[:, 0]
    expected = 1 - 2 * np.exp(-0.3) + np.exp(-np.array([2.0, 4.0]))
    assert_allclose(both, expected, rtol=1e-14)


@given(t=st.floats(0, 10), s=st.floats(0, 10), T=st.floats(1e-2, 1e2))
def test_decay_is_multiplicative_in_time(t, s, T):
    decay = MonoExponential()
    assert_allclose(
        evaluate(decay, t + s, T),
        evaluate(decay, t, T) * evaluate(decay, s, T),
        rtol=1e-11,
        atol=1e-300,
    )


@given(t=st.floats(0, 10), T=st.floats(1e-2, 1e2))
def test_recovery_and_decay_add_up(t, T):
    total = evaluate(SaturationRecovery(), t, T) + evaluate(MonoExponential(), t, T)
    assert_allclose(total, 1.0, rtol=1e-14)


def test_laplace_transforms_known_in_closed_form():
    times = np.array([1e-3, 1e-2, 0.1, 0.3, 1, 3])
    nodes, weights = np.polynomial.legendre.leggauss(400)
    # Rates spread evenly from 2 to 20.
    rates = 11 + 9 * nodes
    signal = evaluate(MonoExponential(), times, 1 / rates) @ (weights / 2)
    expected = (np.exp(-2 * times) - np.exp(-20 * times)) / (18 * times)
    assert_allclose(signal, expected, rtol=1e-12)
    # Gamma distribution of rates with shape 3 and scale 4.
    for time in times:

        def integrand(rate, t=time):
            density = rate**2 * np.exp(-rate / 4) / 128
            return density * evaluate(MonoExponential(), t, 1 / rate)[0, 0]

        # quad's tolerance is 1.5e-8.
        value = quad(integrand, 0, np.inf)[0]
        assert_allclose(value, (1 + 4 * time) ** -3, atol=1e-7)


def test_identity_picks_points():
    assert_allclose(evaluate(Identity(), [3, 1], [1, 3]), [[0, 1], [1, 0]])


def stretched(t, tau):
    return np.exp(-np.sqrt(t / tau))


def test_user_functions_are_checked():
    model = resolve_model(stretched)
    assert isinstance(model, UserSignal)
    assert evaluate(model, 1, 1) == pytest.approx(np.exp(-1))
    with pytest.raises(ValueError, match=r"must return shape \(2, 1\)"):
        evaluate(UserSignal(lambda t, tau: np.ones(3)), [1, 2], 1)
    with pytest.raises(ValueError, match="NaN or infinite"):
        evaluate(UserSignal(lambda t, tau: np.nan * t * tau), 1, 1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "model",
    [
        InversionRecovery(efficiency=0),
        InversionRecovery(efficiency=2.1),
        InversionRecovery(repetition_time=-1),
        InversionRecovery(repetition_time="TE"),
        Impedance("phase"),
    ],
)
def test_settings_outside_their_range(model):
    with pytest.raises(ValueError, match="must be"):
        evaluate(model, 1, 1)


def test_names_of_kernels():
    for name in ("T2", "T1-IR", "T1-SR", "diffusion", "gaussian", "identity"):
        assert isinstance(resolve_model(name), SignalModel)
    assert resolve_model("impedance-imaginary").part == "imaginary"
    with pytest.raises(ValueError, match="kernel must be one of"):
        resolve_model("T3")
    with pytest.raises(TypeError, match="a name, a SignalModel or a function"):
        resolve_model(3)


def test_settings_are_parameters():
    model = InversionRecovery().set_params(efficiency=1.5)
    assert model.get_params() == {"efficiency": 1.5, "repetition_time": None}


def test_methods_without_docstring_have_that_of_the_base():
    models = [one for one in vars(signals).values() if inspect.isclass(one)]
    assert len(models) > 15
    for model in models:
        for name in dir(model):
            member = inspect.getattr_static(model, name)
            if not name.startswith("_") and (
                callable(member) or type(member) is property
            ):
                assert inspect.getdoc(member), f"{model.__name__}.{name}"
    summary = "Return the signal of unit amplitude."
    assert inspect.getdoc(SaturationRecovery.evaluate).startswith(summary)
