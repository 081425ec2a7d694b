"""Fits of signal models, and the models themselves, under hostile input."""

from functools import partial

import hostile
import numpy as np
import pandas as pd
import pytest
import variants

from skrelax import signals
from skrelax.nonlinear import FitStatus, NonlinearRelaxationFit
from skrelax.signals import (
    MP2RAGE,
    BalancedSteadyState,
    BiExponential,
    Diffusion,
    EPGEchoTrain,
    FingerprintingTrain,
    GaussianDecay,
    GeneralRecovery,
    Identity,
    Impedance,
    InversionRecovery,
    LookLocker,
    MonoExponential,
    Parameter,
    SaturationRecovery,
    SequenceModel,
    SignalModel,
    SpoiledGradientEcho,
    StretchedExponential,
    UserSignal,
    model_for,
    resolve_model,
    suggest_models,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
TE = 0.01 * np.arange(1, 13)[:, None]
TI = np.geomspace(0.05, 3.0, 10)[:, None]
FA = np.array([2.0, 4.0, 8.0, 12.0, 20.0, 30.0])[:, None]
SAME = set(variants.SAME)


def decay(t, T):
    return np.exp(-t / T)


def two_decays(t, Ta, Tb):
    return np.exp(-t / Ta), np.exp(-t / Tb)


# Each model with a sound acquisition and sound parameters.
MODELS = {
    "BalancedSteadyState": (BalancedSteadyState(0.005), FA, [[1.0, 0.08], [0.5, 0.1]]),
    "BiExponential": (BiExponential(), TE, [[0.02, 0.1], [0.03, 0.2]]),
    "Diffusion": (Diffusion(), 1e3 * TE, [[0.02], [0.1]]),
    "EPGEchoTrain": (
        EPGEchoTrain(150.0, B1=None, echo_spacing=0.01, n_echoes=12),
        TE,
        [[0.05, 1.0], [0.1, 0.9]],
    ),
    "FingerprintingTrain": (
        FingerprintingTrain(np.linspace(5.0, 60.0, 12), inversion_time=0.01),
        np.arange(12.0)[:, None],
        [[1.0, 0.1], [0.8, 0.05]],
    ),
    "GaussianDecay": (GaussianDecay(), TE, [[0.05], [0.1]]),
    "GeneralRecovery": (GeneralRecovery(), TI, [[0.5], [1.0]]),
    "Identity": (Identity(), TE, TE[:2].tolist()),
    "Impedance": (Impedance("imaginary"), TI, [[0.5], [1.0]]),
    "InversionRecovery": (InversionRecovery(1.9, 4.0), TI, [[0.5], [1.0]]),
    "InversionRecovery, fit": (
        InversionRecovery("fit", "TR"),
        np.hstack([TI, TI + 1.0]),
        [[0.5], [1.0]],
    ),
    "LookLocker": (LookLocker(), TI, [[0.5], [1.0]]),
    "MP2RAGE": (MP2RAGE(B1=None), np.array([[0.7], [2.5]]), [[1.0, 1.0], [0.5, 0.9]]),
    "MonoExponential": (MonoExponential(offset=True), TE, [[0.05], [0.1]]),
    "SaturationRecovery": (SaturationRecovery(), TI, [[0.5], [1.0]]),
    "SpoiledGradientEcho": (SpoiledGradientEcho(0.015), FA, [[1.0], [0.5]]),
    "StretchedExponential": (StretchedExponential(), TE, [[0.05, 0.8], [0.1, 1.0]]),
    "UserSignal": (UserSignal(decay, "T", "t"), TE, [[0.05], [0.1]]),
    "UserSignal, two": (
        UserSignal(two_decays, ["Ta", "Tb"], "t", amplitude=["a", "b"]),
        TE,
        [[0.05, 0.1], [0.1, 0.3]],
    ),
}
SIGNALS = " y ", "in y", "y must", "signals", "samples"
METHODS = ("evaluate", "basis", "jacobian")


def test_every_model_is_here():
    classes = {type(model).__name__ for model, _, _ in MODELS.values()}
    others = {Parameter, SequenceModel, SignalModel, resolve_model}
    others |= {model_for, suggest_models}
    assert classes | {one.__name__ for one in others} == set(signals.__all__)


def same(found, expected, exact=True):
    if isinstance(expected, tuple):
        return all(same(a, b) for a, b in zip(found, expected, strict=True))
    if exact:
        return np.array_equal(found, expected, equal_nan=True)
    return np.allclose(found, expected, rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("name", MODELS)
def test_arrays_given_to_models(name):
    model, X, sets = MODELS[name]
    sets = np.array(sets)
    for method in METHODS:
        call = getattr(model, method, None)
        # A fitted efficiency has two signals, and no single one.
        if call is None or (method == "evaluate" and "fit" in name):
            continue
        plain = call(X, sets)
        names = [one.name for one in model.parameters]
        given = [
            (
                "acquisition",
                X,
                model.acquisition_columns,
                partial(call, parameters=sets),
            ),
            ("parameters", sets, names, partial(call, X)),
        ]
        for argument, good, words, one in given:
            for variant, values in hostile.arrays(good).items():
                found = hostile.ends_well(
                    partial(one, values), (argument, *words, name)
                )
                if variant in SAME:
                    assert same(found, plain), (method, variant)
                elif found is not None:
                    signal = found[0] if isinstance(found, tuple) else found
                    if argument == "parameters":
                        known = ~np.isnan(np.asarray(values, dtype=float)).any(axis=1)
                        signal = signal[..., known]
                    assert hostile.all_finite(signal), (method, variant)
    for method in ("grid_limits", "search_limits"):
        for variant, points in hostile.arrays(X).items():
            limits = hostile.ends_well(
                partial(getattr(model, method), points),
                ("acquisition", "limits", "flip angle"),
            )
            assert limits is None or hostile.all_finite(limits), (method, variant)
            assert variant not in SAME or limits is not None
    rows = len(model.amplitudes) + len(model.parameters)
    values = np.linspace(0.5, 1.0, 2 * rows).reshape(rows, 2)
    plain = model.derive(values)
    for variant, given in hostile.arrays(values).items():
        found = hostile.ends_well(partial(model.derive, given), ("values",))
        assert variant not in SAME - {"object", "nullable"} or same(found, plain)


def use(model, X, sets):
    """Call all that a model offers, with as many columns as it has parameters."""
    sets = np.array(sets)[:, :1].repeat(len(model.parameters), axis=1)
    found = [model.basis(X, sets)]
    if len(model.amplitudes) == 1:
        found.append(model.evaluate(X, sets))
    found += [model.grid_limits(X), model.search_limits(X)]
    assert isinstance(model.formula, str)
    assert all(isinstance(one, Parameter) for one in model.outputs)
    if hasattr(model, "own_acquisition"):
        found.append(hostile.ends_well(model.own_acquisition))
    return [one for one in found if one is not None]


@pytest.mark.parametrize("name", MODELS)
def test_settings_of_models(name):
    model, X, sets = MODELS[name]
    for setting in model.get_params(deep=False):
        sizes = {"no angles": np.zeros(0), "nan angles": np.full(12, np.nan)}
        sizes |= {"angles": np.full(12, 90.0), "many": np.ones(7), "table": np.eye(12)}
        for variant, value in (hostile.numbers() | sizes).items():
            changed = type(model)(**(model.get_params(deep=False) | {setting: value}))
            # Settings that contradict each other are named together.
            others = ("TE", "TI", "pulse", "name", "user function", "acquisition")
            found = hostile.ends_well(
                partial(use, changed, X, sets), (setting, *others, name)
            )
            assert found is None or hostile.all_finite(
                *(part for one in found for part in (np.real(one), np.imag(one)))
            ), (setting, variant)


def test_parameters_and_names_of_models():
    for argument in ("name", "unit", "lower", "upper"):
        for value in hostile.numbers().values():
            settings = {"name": "T", argument: value}
            hostile.ends_well(partial(Parameter, **settings), ("name", "unit", "lower"))
    for value in hostile.numbers().values():
        hostile.ends_well(partial(resolve_model, value, "model"), ("model",))
    for base in (SignalModel, SequenceModel):
        with pytest.raises(TypeError, match="abstract"):
            base()


def returns(value):
    return lambda t, T: value


USER_FUNCTIONS = {
    "None": returns(None),
    "nan": returns(np.nan),
    "text": returns("long"),
    "list of lists": returns([[1.0], [1.0, 2.0]]),
    "scalar": returns(1.0),
    "dict": returns({}),
    "huge integer": returns(10**400),
    "wrong shape": lambda t, T: np.ones((3, 3, 3)),
    "transposed": lambda t, T: np.exp(-t / T).T,
    "flat": lambda t, T: np.exp(-t[:, 0] / T[0]),
    "complex": lambda t, T: np.exp(-1j * t / T),
    "all nan": lambda t, T: np.full((t.size, T.size), np.nan),
    "some inf": lambda t, T: np.where(T > 0.1, np.inf, np.exp(-t / T)),
    "zeros": lambda t, T: np.zeros((t.size, T.size)),
    "constant": lambda t, T: np.ones((t.size, T.size)),
    "1e300": lambda t, T: 1e300 * np.exp(-t / T),
    "1e-300": lambda t, T: 1e-300 * np.exp(-t / T),
    "integers": lambda t, T: np.ones((t.size, T.size), dtype=int),
    "read-only": lambda t, T: np.broadcast_to(np.exp(-t / 0.05), (t.size, T.size)),
    "divides by zero": lambda t, T: 1.0 / (T - T),
    "no arguments": lambda: 1.0,
    "many arguments": lambda t, a, b, c, d, e, f: np.exp(-t / a) + 0 * (b + c + d + e),
    "rough": lambda t, T: np.where(t > T, 1.0, 0.0),
    "tuple": lambda t, T: (np.exp(-t / T), np.exp(-t / T)),
}


@pytest.mark.parametrize("name", USER_FUNCTIONS)
def test_user_functions(name):
    y = np.exp(-TE[:, 0] / 0.05)
    for settings in ({}, {"noise": "rician"}, {"init": {"T": 0.05}}):
        fit = NonlinearRelaxationFit(USER_FUNCTIONS[name], **settings)
        words = ("function", "signal", "model", "lambda", "init", "amplitude")
        found = hostile.ends_well(partial(fit.fit, TE, y), words)
        if found is not None:
            assert_sound(found)


class Broken(SignalModel):
    """A model of which one method returns what it must not."""

    def __init__(self, method="evaluate", value=None):
        self.method = method
        self.value = value

    parameters = (Parameter("T2"),)
    acquisition_columns = ("TE",)

    def evaluate(self, acquisition, parameters):
        if self.method == "evaluate":
            return self.value
        return np.exp(-acquisition / parameters[:, 0])

    def search_limits(self, acquisition):
        if self.method == "search_limits":
            return self.value
        return super().search_limits(acquisition)


@pytest.mark.parametrize("method", ["evaluate", "search_limits"])
def test_methods_of_user_models(method):
    y = np.exp(-TE[:, 0] / 0.05)
    several = hostile.numbers() | hostile.arrays(np.ones((12, 1)))
    for value in several.values():
        fit = NonlinearRelaxationFit(Broken(method, value))
        found = hostile.ends_well(
            partial(fit.fit, TE, y), ("Broken", "model", "bounds")
        )
        if found is not None:
            assert_sound(found)


def assert_sound(fit):
    """Converged fits have finite results, those that failed have none."""
    status = np.atleast_1d(fit.status_)
    assert set(status) <= set(FitStatus)
    values, errors = np.atleast_2d(fit.params_), np.atleast_2d(fit.stderr_)
    good = status == FitStatus.CONVERGED
    assert np.isfinite(values[good]).all()
    # As many points as parameters leave none for the noise.
    assert not np.isinf(errors[good]).any()
    nothing = np.isin(status, [FitStatus.FAILED, FitStatus.NO_SIGNAL, FitStatus.MASKED])
    assert np.isnan(values[nothing]).all()
    assert np.isnan(errors[nothing | (status == FitStatus.AT_BOUND)]).all()
    frame = fit.to_frame()
    assert len(frame) == len(status)


def clean(model, X, sets):
    """Sound signals (n_points, n_sets) with some noise."""
    rng = np.random.default_rng(0)
    basis = model.basis(X, np.array(sets))
    amplitudes = [1.0, 0.6 if len(basis) > 1 else 0.0][: len(basis)]
    signal = np.tensordot(amplitudes, basis, 1)
    return signal + 0.01 * rng.standard_normal(signal.shape)


FITS = {
    "line": (MonoExponential(), TE, [[0.03], [0.06], [0.1]], {}),
    "offset": (MonoExponential(offset=True), TE, [[0.03], [0.06]], {}),
    "magnitude": (InversionRecovery(1.9), TI, [[0.4], [0.8]], {"magnitude": True}),
    "polarity": (LookLocker(), TI, [[0.4], [0.8]], {"magnitude": True}),
    "pair": (BiExponential(), TE, [[0.02, 0.1], [0.01, 0.05]], {}),
    "plane": (
        EPGEchoTrain(160.0, B1=None, echo_spacing=0.01, n_echoes=12),
        TE,
        [[0.05, 0.9]],
        {},
    ),
    "general": (
        UserSignal(two_decays, ["Ta", "Tb"], "TE", amplitude=["a", "b"]),
        TE,
        [[0.02, 0.1]],
        {},
    ),
    "rician": (MonoExponential(), TE, [[0.03], [0.06]], {"noise": "rician"}),
    "started": (MonoExponential(), TE, [[0.03]], {"init": {"T2": 0.05}}),
    "noise": (MonoExponential(), TE, [[0.03]], {"noise_std": 0.01}),
}


def make_fit(name, **settings):
    model, X, sets, own = FITS[name]
    y = clean(model, X, sets)
    if own.get("magnitude") or "noise" in own:
        y = np.abs(y)
    return NonlinearRelaxationFit(model, **(own | settings)), X, y


@pytest.mark.parametrize("name", FITS)
def test_acquisitions_and_signals_of_fits(name):
    fit, X, y = make_fit(name)
    plain = fit.fit(X, y).params_
    words = ("X", "feature", "sample", "bounds", "points", "limits", "TE", "T", "init")
    for variant, points in hostile.arrays(X).items():
        found = hostile.ends_well(partial(fit.fit, points, y), words)
        if variant in SAME:
            assert same(found.params_, plain), variant
        elif found is not None:
            assert_sound(found)
    for signal in (y, y[:, 0]):
        expected = fit.fit(X, signal).params_
        for variant, values in hostile.arrays(signal).items():
            found = hostile.ends_well(partial(fit.fit, X, values), SIGNALS)
            if variant in SAME:
                found = fit.fit(X, values)
                assert same(np.ravel(found.params_), np.ravel(expected)), variant
            elif found is not None:
                assert_sound(found)


@pytest.mark.parametrize("name", FITS)
def test_signals_of_any_size(name):
    fit, X, y = make_fit(name)
    if fit.noise_std is not None:
        # The noise has the unit of the signals.
        fit.set_params(noise_std=2.0**-7)
    plain = fit.fit(X, y)
    values, errors, status = plain.params_, plain.stderr_, plain.status_
    amplitudes = [one.name for one in plain.model_.amplitudes]
    scaled = np.array([one in (*amplitudes, "M0") for one in plain.param_names_])
    for exponent in (-960, -532, -200, -3, 0, 7, 300, 532, 996):
        factor = np.where(scaled, 2.0**exponent, 1.0)
        if fit.noise_std is not None:
            fit.set_params(noise_std=2.0 ** (exponent - 7))
        found = fit.fit(X, y * 2.0**exponent)
        if abs(exponent) > 150:
            # Powers of two far from 1 are taken out; those near it round alike.
            assert (found.status_ == status).all()
        np.testing.assert_allclose(found.params_, values * factor, rtol=1e-7)
        np.testing.assert_allclose(found.stderr_, errors * factor, rtol=1e-5)
        assert np.isfinite(found.score(X, y * 2.0**exponent))
    for factor in (1e-300, 1e-160, 1e160, 1e300):
        if fit.noise_std is not None:
            fit.set_params(noise_std=factor / 128)
        found = fit.fit(X, y * factor)
        np.testing.assert_allclose(
            found.params_, values * np.where(scaled, factor, 1.0), rtol=1e-7
        )
    together = np.hstack([y * 1e-300, y, y * 1e300])
    fit.set_params(noise_std=None).fit(X, together)
    assert_sound(fit)


@pytest.mark.parametrize("name", FITS)
def test_settings_of_fits(name):
    fit, X, y = make_fit(name)
    settings = ["noise_std", "tol", "max_iter", "noise", "magnitude"]
    if name == "line":
        settings = list(fit.get_params(deep=False))
    for setting in settings:
        for variant, value in hostile.numbers().items():
            changed = NonlinearRelaxationFit(
                **(fit.get_params(deep=False) | {setting: value})
            )
            found = hostile.ends_well(partial(changed.fit, X, y), (setting, "model"))
            if found is not None:
                assert_sound(found)
                frame = found.to_frame()
                assert hostile.all_finite(
                    found.predict(X)[:, (frame["status"] == "converged").to_numpy()]
                ), (setting, variant)


@pytest.mark.parametrize("name", FITS)
def test_weights_masks_starts_bounds_and_known_values(name):
    fit, X, y = make_fit(name)
    model = fit.model
    weights = np.linspace(0.5, 2.0, len(X))
    plain = fit.fit(X, y, sample_weight=weights).params_
    for variant, values in hostile.arrays(weights).items():
        found = hostile.ends_well(
            partial(fit.fit, X, y, sample_weight=values),
            ("sample_weight", "ample weight", "acquisition points"),
        )
        if variant in SAME - {"nullable"}:
            assert same(found.params_, plain), variant
        elif found is not None:
            assert_sound(found)
    for factor in (2.0**-900, 2.0**900):
        found = fit.fit(X, y, sample_weight=weights * factor).params_
        np.testing.assert_allclose(found, plain, rtol=1e-7)
    masks = hostile.numbers() | hostile.arrays(np.ones(y.shape[1])) | {"no": False}
    for value in masks.values():
        if value is not None:
            found = hostile.ends_well(partial(fit.fit, X, y, mask=value), ("mask",))
            assert found is None or same(np.shape(found.params_)[0], y.shape[1])
    first = model.parameters[0].name
    several = [one.name for one in model.parameters]
    pairs = {
        "equal": (0.1, 0.1), "nearly equal": (0.1, 0.1 * (1 + 1e-15)),
        "wrong order": (1.0, 0.1), "negative": (-1.0, 1.0), "wide": (1e-300, 1e300),
        "inf": (0.1, np.inf), "nan": (np.nan, 1.0), "text": ("a", "b"),
        "complex": (0.1, 1j), "three": (0.1, 0.2, 0.3), "huge": (1, 10**400),
        "denormal": (5e-324, 1.0), "wide enough": (1e-9, 1e3),
    }  # fmt: skip
    for value in (hostile.numbers() | pairs).values():
        for bounds in ({first: value}, {3: value}):
            changed = NonlinearRelaxationFit(
                **(fit.get_params(deep=False) | {"bounds": bounds})
            )
            found = hostile.ends_well(partial(changed.fit, X, y), ("bounds", "init"))
            if found is not None:
                assert_sound(found)
    maps = hostile.arrays(np.full(y.shape[1], 0.05))
    for value in (hostile.numbers() | maps).values():
        for init in (dict.fromkeys(several, value), {3: value}):
            changed = NonlinearRelaxationFit(
                **(fit.get_params(deep=False) | {"init": init})
            )
            found = hostile.ends_well(partial(changed.fit, X, y), ("init",))
            if found is not None:
                assert_sound(found)
        if len(several) > 1:
            known = {several[-1]: value}
            found = hostile.ends_well(
                partial(fit.fit, X, y, known=known), ("known", "init")
            )
            if found is not None:
                assert_sound(found)
    for value in hostile.numbers().values():
        if value is not None and value != {}:
            hostile.ends_well(partial(fit.fit, X, y, known=value), ("known",))


@pytest.mark.parametrize("name", FITS)
def test_predictions_and_scores(name):
    fit, X, y = make_fit(name)
    fit.fit(X, y)
    plain, score = fit.predict(X), fit.score(X, y)
    words = ("X", "feature", "sample", "acquisition", "TE", "TI")
    for variant, points in hostile.arrays(X).items():
        found = hostile.ends_well(partial(fit.predict, points), words)
        if variant in SAME:
            assert same(found, plain), variant
        elif found is not None:
            assert hostile.all_finite(found), variant
    for variant, values in hostile.arrays(y).items():
        found = hostile.ends_well(partial(fit.score, X, values), SIGNALS)
        assert variant not in SAME or found == score, variant
    for values in hostile.arrays(np.linspace(0.5, 2.0, len(X))).values():
        hostile.ends_well(
            partial(fit.score, X, y, sample_weight=values),
            ("sample_weight", "ample weight"),
        )
    unfitted = NonlinearRelaxationFit()
    for call in (lambda: unfitted.predict(X), unfitted.to_frame):
        hostile.ends_well(call, ("not fitted",))


def test_models_that_cannot_be_fitted_say_why():
    y = np.exp(-TE[:, 0] / 0.05)
    for model, words in (
        (UserSignal(decay, "T", "TE", amplitude=[]), "no amplitude"),
        (UserSignal(decay, "T", 3), "column"),
        (UserSignal(decay, 3, "TE"), "parameter must be"),
        (UserSignal(decay, "T", "TE", amplitude=3.0), "amplitude must be"),
        (MonoExponential(column=3), "column"),
        (MonoExponential(parameter=None), "name"),
    ):
        with pytest.raises((ValueError, TypeError), match=words):
            NonlinearRelaxationFit(model).fit(TE, y)


def test_fitted_state_does_not_follow_its_arguments():
    angles = np.full(12, 150.0)
    model = EPGEchoTrain(angles, B1=None, echo_spacing=0.01)
    y = model.evaluate(TE, np.array([[0.05, 0.9]]))
    known, bounds = np.array([0.9]), {"T2": [0.01, 1.0]}
    fit = NonlinearRelaxationFit(model, bounds=bounds, noise="gaussian")
    fit.fit(TE, y, known={"B1": known})
    before = fit.predict(TE), fit.params_.copy(), fit.to_frame()
    assert fit.model_ is not model
    angles[:], known[:], y[:], bounds["T2"] = 90.0, 0.5, 0.0, [3.0, 4.0]
    fit.set_params(model__echo_spacing=0.02, noise="rician", magnitude=True)
    np.testing.assert_array_equal(fit.predict(TE), before[0])
    np.testing.assert_array_equal(fit.params_, before[1])
    pd.testing.assert_frame_equal(fit.to_frame(), before[2])
    trains = MP2RAGE(np.array([0.7, 2.5]))
    trains.own_acquisition()[:] = 0.0
    np.testing.assert_array_equal(trains.inversion_times, [0.7, 2.5])


def test_models_of_an_acquisition():
    def suggest(values):
        acquisition = pd.DataFrame({"TE": np.ravel(values), "TR": 1.0})
        return suggest_models(acquisition)

    for bad in hostile.arrays(TE[:, 0]).values():
        hostile.ends_well(lambda bad=bad: suggest(bad), ("TE",))
        hostile.ends_well(lambda bad=bad: suggest_models(bad), ("acquisition",))
    frame = pd.DataFrame({"TE": TE[:, 0]})
    for value in hostile.numbers().values():
        hostile.ends_well(lambda v=value: model_for(v, frame), ("name",))
        hostile.ends_well(lambda v=value: model_for("T2", v), ("acquisition",))
        hostile.ends_well(
            lambda v=value: suggest_models(frame, echo_spacing=v), ("echo_spacing",)
        )
