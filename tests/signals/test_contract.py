"""What holds for the signal model of every name, present and future."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from skrelax import NonlinearRelaxationFit
from skrelax.dictionary import make_dictionary
from skrelax.signals import EPGEchoTrain, MonoExponential, SignalModel, resolve_model
from skrelax.signals._names import NAMED

# What the acquisition columns of the models hold, by name.
POINTS = {
    "b": np.linspace(0.0, 2e9, 24),
    "f": np.geomspace(1e-2, 1e2, 24),
    "FA": np.linspace(2.0, 25.0, 24),
    "TR": np.full(24, 0.02),
    "time": 0.01 * np.arange(1, 25),
}
# The delta function of bins has nothing to be fitted.
FITTED = [name for name in NAMED if name != "identity"]


def make(name):
    """Return the model, an acquisition and sets of parameters inside its limits."""
    model = resolve_model(name)
    if isinstance(model, EPGEchoTrain):
        model.set_params(echo_spacing=0.01)
    columns = [
        POINTS.get(column, POINTS["time"]) for column in model.acquisition_columns
    ]
    acquisition = np.stack(columns, axis=1)
    if model.is_discrete:
        return model, acquisition, acquisition[:4, :1]
    low, high = model.search_limits(acquisition).T
    low = np.maximum(low, 1e-6 * high)
    # Off the ends, and of several parameters off one another.
    share = np.linspace(0.4, 0.6, 4)[:, None] + 0.05 * np.arange(low.size)
    return model, acquisition, low * (high / low) ** share


@pytest.mark.parametrize("name", NAMED)
def test_signals_have_shape_and_sets_are_alone(name):
    model, points, sets = make(name)
    basis = model.basis(points, sets)
    assert basis.shape == (len(model.amplitudes), 24, 4)
    assert np.isfinite(basis).all()
    for index, values in enumerate(sets):
        alone = model.basis(points, values[None])[..., 0]
        # Vectors and single numbers may take other code.
        assert_allclose(alone, basis[..., index], rtol=1e-13, atol=1e-15)
    if len(basis) == 1:
        assert_allclose(model.evaluate(points, sets), basis[0], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", NAMED)
def test_settings_and_names(name):
    model, points, _ = make(name)
    assert isinstance(model, SignalModel)
    again = clone(model)
    assert repr(again) == repr(model)
    assert again.get_params() == model.get_params()
    for names in (model.parameters, model.outputs, model.amplitudes):
        found = [parameter.name for parameter in names]
        assert found
        assert len(set(found)) == len(found)
    assert len(set(model.acquisition_columns)) == len(model.acquisition_columns)
    if not model.is_discrete:
        low, high = model.grid_limits(points)
        assert 0 < low < high
        limits = model.search_limits(points)
        for (low, high), parameter in zip(limits, model.parameters, strict=True):
            assert parameter.lower <= low < high <= parameter.upper


@pytest.mark.parametrize("name", NAMED)
def test_errors_are_propagated_with_complex_steps(name):
    model, _, sets = make(name)
    n_amplitudes = len(model.amplitudes)
    amplitudes = np.linspace(1.0, 0.7, n_amplitudes)[:, None] * np.ones(4)
    values = np.vstack([amplitudes, sets.T])
    assert model.derive(values).shape == (len(model.outputs), 4)
    for row in range(len(values)):
        step = np.zeros_like(values)
        step[row] = 1e-6 * values[row]
        exact = model.derive(values + 1e-14j * step).imag / 1e-14
        central = (model.derive(values + step) - model.derive(values - step)) / 2
        scale = np.abs(model.derive(values)).max()
        # Second order in a relative step of 1e-6.
        assert_allclose(exact, central, rtol=1e-6, atol=1e-12 * scale)


@pytest.mark.parametrize("name", FITTED)
def test_a_fit_finds_what_made_the_signal(name):
    model, points, sets = make(name)
    amplitudes = np.linspace(1.0, 0.7, len(model.amplitudes))
    basis = model.basis(points, sets[:1])[..., 0]
    signal = amplitudes @ basis
    fit = NonlinearRelaxationFit(clone(model)).fit(points, signal)
    residual = signal - fit.predict(points)
    assert np.abs(residual).max() < 1e-6 * np.abs(signal).max()


class InMilliseconds(MonoExponential):
    """A decay that turns what it is given into milliseconds, in place."""

    def evaluate(self, acquisition, parameters):
        acquisition *= 1e3
        parameters *= 1e3
        return np.exp(-acquisition / parameters[:, 0])

    def grid_limits(self, acquisition):
        acquisition *= 1e3
        return 1e-4 * acquisition.min(), 1e-2 * acquisition.max()


def test_models_may_change_what_they_are_given():
    model, times = InMilliseconds(), POINTS["time"][:, None]
    before = times.copy()
    expected = np.exp(-times / [0.03, 0.1])
    sets = np.array([[0.03], [0.1]])
    assert_allclose(model.evaluate(times, sets), expected, rtol=1e-12)
    assert_allclose(make_dictionary(model, sets, times)[0], expected.T, rtol=1e-12)
    fit = NonlinearRelaxationFit(model).fit(times, expected)
    assert_allclose(fit.params_, [[1.0, 0.03], [1.0, 0.1]], rtol=1e-6)
    assert_allclose(fit.predict(times), expected, rtol=1e-6)
    assert (times == before).all()
    assert (sets == [[0.03], [0.1]]).all()


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("t2", "'T2'"),
        ("T1", "'T1-IR' or 'T1-LL' or 'T1-SR'?"),
        ("T2star", "'T2*'"),
        ("t1_ir", "'T1-IR'"),
        ("diffusoin", "'diffusion'"),
    ],
)
def test_names_that_are_meant(wrong, meant):
    with pytest.raises(ValueError, match=r"got .*Did you mean") as caught:
        resolve_model(wrong)
    assert f"Did you mean {meant}" in str(caught.value)


@pytest.mark.parametrize("wrong", ["", "-", "CPMG"])
def test_names_that_mean_nothing(wrong):
    with pytest.raises(ValueError, match=r"got '.*'\.$"):
        resolve_model(wrong)
