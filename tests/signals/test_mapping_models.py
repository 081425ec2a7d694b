"""Models of parameter maps: limits, amplitudes, derived parameters, ranges."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrelax.signals import (
    BiExponential,
    EPGEchoTrain,
    GeneralRecovery,
    InversionRecovery,
    LookLocker,
    MonoExponential,
    Parameter,
    SpoiledGradientEcho,
    StretchedExponential,
    UserSignal,
    resolve_model,
)

T = np.array([[0.1], [1.0]])
TIMES = np.array([[0.0], [0.2], [1e3]])


def test_limits_a_physicist_knows():
    # At time zero the general recovery is a + b, long after it is a.
    a, b = GeneralRecovery().basis(TIMES, T)
    assert_allclose((3 * a - 5 * b)[[0, 2]], [[-2, -2], [3, 3]])
    # Perfect inversion and no read-out: T1 is T1*.
    assert_allclose(LookLocker().derive(np.array([[1.0], [2.0], [0.7]]))[3], 0.7)
    assert_allclose(LookLocker().evaluate(TIMES, T)[[0, 2]], [[-1, -1], [1, 1]])
    # Equal relaxation times make one decay of two.
    same = BiExponential().evaluate(TIMES, np.array([[0.3, 0.3]]))
    assert_allclose(same, MonoExponential().evaluate(TIMES, np.array([[0.3]])))
    # An exponent of one makes a plain exponential.
    plain = StretchedExponential().evaluate(TIMES, np.array([[0.3, 1.0]]))
    assert_allclose(plain, same)
    # The offset is there when the decay is over.
    decay, constant = MonoExponential(offset=True).basis(TIMES, T)
    assert_allclose(decay[2], 0.0)
    assert_allclose(constant, 1.0)


def test_fitted_efficiency_is_the_fixed_one():
    points = np.array([[0.1, 0.9], [0.4, 2.0]])
    for repetition_time in (None, 1.5, "TR"):
        X = points if repetition_time == "TR" else points[:, :1]
        free = InversionRecovery("fit", repetition_time)
        fixed = InversionRecovery(1.7, repetition_time)
        recovered, inverted = free.basis(X, T)
        assert_allclose(recovered + 1.7 * inverted, fixed.evaluate(X, T), rtol=1e-14)
        assert free.acquisition_columns == fixed.acquisition_columns
    M0, T1, efficiency = free.derive(np.array([[2.0], [3.4], [0.5]]))
    assert_allclose([M0, T1, efficiency], [[2.0], [0.5], [1.7]])
    with pytest.raises(ValueError, match="efficiency must be above 0"):
        free.evaluate(points, T)


def test_efficiency_of_one_is_a_saturation_recovery():
    written = InversionRecovery(efficiency=1.0).evaluate(TIMES, T)
    assert_allclose(written, -np.expm1(-TIMES / T.T))


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("T2", ["M0", "T2"]),
        ("T2*", ["M0", "T2*"]),
        ("T1rho", ["M0", "T1rho"]),
        ("T2-offset", ["M0", "offset", "T2"]),
        ("T2-biexponential", ["M0", "fraction_short", "T2_short", "T2_long"]),
        ("T2-stretched", ["M0", "T2", "beta"]),
        ("T1-IR-efficiency", ["M0", "T1", "efficiency"]),
        ("T1-general", ["a", "b", "T1"]),
        ("T1-LL", ["a", "b", "T1*", "T1"]),
        ("T1-VFA", ["M0", "T1"]),
        ("T2-EPG", ["M0", "T2", "B1"]),
    ],
)
def test_names_tell_what_a_fit_reports(model, names):
    model = resolve_model(model)
    assert [parameter.name for parameter in model.outputs] == names
    n_free = len(model.amplitudes) + len(model.parameters)
    values = np.full((n_free, 3), 0.5)
    assert model.derive(values).shape == (len(names), 3)
    assert model.formula


def test_search_ranges():
    # Ten times beyond a third of the first and three times the last time.
    X = np.array([[0.03], [0.5]])
    assert_allclose(MonoExponential().search_limits(X), [[1e-3, 15.0]])
    limits = StretchedExponential().search_limits(X)
    assert_allclose(limits[1], [0.2, 1.5])
    # A train beyond 180 degrees is the same again.
    train = EPGEchoTrain(flip_angle=150.0, B1=None, echo_spacing=0.01)
    assert_allclose(train.search_limits(X)[1], [0.3, 1.2])
    gradient = SpoiledGradientEcho(B1=None)
    X = np.array([[5.0, 0.01], [20.0, 0.01]])
    assert_allclose(gradient.search_limits(X)[1], [0.3, 1.7])


def test_user_functions_of_several_columns_and_parameters():
    def signal(TE, TR, T2, T1):
        return np.exp(-TE / T2) * (1 - np.exp(-TR / T1))

    model = UserSignal(signal, ["T2", Parameter("T1", "s")], ["TE", "TR"])
    assert model.acquisition_columns == ("TE", "TR")
    assert model.formula == "M0 signal(TE, TR, T2, T1)"
    X = np.array([[0.01, 1.0], [0.05, 2.0], [0.1, 1.0]])
    sets = np.array([[0.05, 0.8], [0.1, 1.2]])
    expected = np.array([signal(*X.T, *one) for one in sets]).T
    assert_allclose(model.evaluate(X, sets), expected, rtol=1e-14)


def test_user_functions_of_several_amplitudes():
    def signals(TI, TE, T1, T2):
        decay = np.exp(-TE / T2)
        return decay, decay * np.exp(-TI / T1), 0.5

    amplitude = ["a", Parameter("b"), "offset"]
    model = UserSignal(signals, ["T1", "T2"], ["TI", "TE"], amplitude=amplitude)
    # A name is any number, a Parameter is not negative unless it says so.
    assert [one.lower for one in model.amplitudes] == [-np.inf, 0.0, -np.inf]
    assert model.formula == "(a, b, offset) . signals(TI, TE, T1, T2)"
    X, sets = np.array([[0.1, 0.01], [0.5, 0.03]]), np.array([[0.8, 0.05]])
    basis = model.basis(X, sets)
    assert basis.shape == (3, 2, 1)
    assert_allclose(basis[1] / basis[0], np.exp(-X[:, :1] / 0.8))
    assert_allclose(model.evaluate(X, sets), basis.sum(axis=0))
    # It is not known which column a parameter belongs to.
    assert_allclose(model.search_limits(X), [[0.1 * 0.01 / 3, 15.0]] * 2)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda t: t, r"\(t\) must take the columns \['TE'\], then the parameters"),
        (lambda t, T: np.exp(-t / T), "tuple of 2 signals, one for each of .*, got 1"),
        (lambda t, T: (t / T,) * 3, "got 3"),
        (lambda t, T: (t / T, np.ones(5)), r"signal of c must have shape \(2, 1\)"),
        (lambda t, T: (t / T, 1j * t), "signal of c must be real"),
        (lambda t, T: (t / T, np.inf), "NaN or infinite values, first for T=0.5"),
    ],
)
def test_errors_of_user_functions_say_what_to_do(function, message):
    model = UserSignal(function, "T", "TE", amplitude=["M0", "c"])
    with pytest.raises(ValueError, match=message):
        model.basis(np.array([[1.0], [2.0]]), np.array([[0.5]]))
    with pytest.raises(ValueError, match="a distribution has one parameter"):
        model.basis(np.array([[1.0], [2.0]]), np.array([[0.5, 0.5]]))
