"""Parameters, standard errors, statuses and errors of NonlinearRelaxationFit."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from numpy.testing import assert_allclose
from scipy.optimize import curve_fit
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, LeaveOneOut

from skrelax.nonlinear import FitStatus, NonlinearRelaxationFit
from skrelax.nonlinear._numba_line_two import look_up
from skrelax.nonlinear._numba_types import Nodes
from skrelax.nonlinear._table import Coordinate, build_table, cell_powers
from skrelax.signals import (
    BiExponential,
    EPGEchoTrain,
    GeneralRecovery,
    InversionRecovery,
    LookLocker,
    MonoExponential,
    Parameter,
    SaturationRecovery,
    SpoiledGradientEcho,
    StretchedExponential,
    UserSignal,
)

TI = np.geomspace(0.05, 3.0, 12)[:, None]
TE = 0.008 * np.arange(1, 25)[:, None]
FA = np.array([[2.0, 0.015], [4, 0.015], [6, 0.015], [10, 0.015], [20, 0.015]])
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Model, acquisition, nonlinear parameters, amplitudes, noise level, magnitude.
CASES = {
    "T2": (MonoExponential(), TE, [0.06], [1.0], 0.02, False),
    "T2-offset": (MonoExponential(offset=True), TE, [0.04], [1.0, 0.2], 0.02, False),
    "T2-bi": (BiExponential(), TE, [0.01, 0.1], [0.4, 0.6], 0.002, False),
    "T2-stretched": (StretchedExponential(), TE, [0.05, 0.7], [1.0], 0.005, False),
    "IR": (InversionRecovery(), TI, [0.8], [1.0], 0.02, True),
    "IR-signed": (InversionRecovery(), TI, [0.8], [1.0], 0.02, False),
    "IR-TR": (InversionRecovery(repetition_time=3.5), TI, [0.8], [1.0], 0.02, True),
    "IR-written": (InversionRecovery(1.0), TI, [0.8], [1.0], 0.02, True),
    "IR-efficiency": (InversionRecovery("fit"), TI, [0.8], [1.0, 1.7], 0.02, True),
    "general": (GeneralRecovery(), TI, [0.8], [1.0, -1.7], 0.02, False),
    "MOLLI": (LookLocker(), TI, [0.6], [1.0, 1.9], 0.02, True),
    "SR": (SaturationRecovery(), TI, [0.8], [1.0], 0.02, False),
    "EPG": (
        EPGEchoTrain(160.0, T1=0.8, B1=None, echo_spacing=0.008),
        TE,
        [0.06, 0.8],
        [1.0],
        0.01,
        True,
    ),
    "VFA": (SpoiledGradientEcho(), np.tile(FA, (3, 1)), [0.9], [1.0], 5e-4, False),
}


def simulate(case, n, seed=0):
    """Return X, y and the true outputs."""
    model, X, parameters, amplitudes, noise_std, magnitude = CASES[case]
    basis = model.basis(X, np.array([parameters]))[:, :, 0]
    clean = np.array(amplitudes) @ basis
    noise = np.random.default_rng(seed).standard_normal((len(X), n))
    y = clean[:, None] + noise_std * noise
    truth = model.derive(np.array([[*amplitudes, *parameters]]).T)[:, 0]
    return X, np.abs(y) if magnitude else y, truth


@pytest.mark.parametrize("case", CASES)
def test_exact_signals_give_exact_parameters(case):
    model, X, parameters, amplitudes, _, magnitude = CASES[case]
    clean = np.array(amplitudes) @ model.basis(X, np.array([parameters]))[:, :, 0]
    y = np.abs(clean) if magnitude else clean
    fit = NonlinearRelaxationFit(model).fit(X, y)
    truth = model.derive(np.array([[*amplitudes, *parameters]]).T)[:, 0]
    # Splines are accurate to 1e-8; the two decays amplify that.
    assert_allclose(fit.params_, truth, rtol=2e-5 if case == "T2-bi" else 1e-6)
    assert fit.magnitude_ == (magnitude and model.changes_sign)
    assert fit.status_ == FitStatus.CONVERGED
    assert_allclose(fit.r2_, 1.0, atol=1e-10)
    assert fit.relative_error_ < 1e-6
    assert_allclose(fit.predict(X), y, atol=1e-6)
    assert fit.score(X, y) == pytest.approx(1.0)


@pytest.mark.parametrize("case", CASES)
def test_standard_errors_are_calibrated(case):
    n = 4000
    X, y, truth = simulate(case, n)
    fit = NonlinearRelaxationFit(CASES[case][0]).fit(X, y)
    assert (fit.status_ == FitStatus.CONVERGED).mean() > 0.99
    z = (fit.params_ - truth) / fit.stderr_
    z = z[fit.status_ == FitStatus.CONVERGED]
    center = np.median(z, axis=0)
    spread = 1.4826 * np.median(np.abs(z - center), axis=0)
    # 4000 draws know the spread to 2 %; residuals of 10 degrees of freedom add 4 %.
    assert (spread > 0.9).all()
    assert (spread < 1.1).all()
    # Bias of nonlinear estimates is second order in the noise.
    assert (np.abs(center) < 0.15).all()


def test_standard_errors_are_those_of_curve_fit():
    X, y, _ = simulate("T2-offset", 1)
    fit = NonlinearRelaxationFit("T2-offset").fit(X, y[:, 0])

    def decay(t, M0, offset, T2):
        return M0 * np.exp(-t / T2) + offset

    p, cov = curve_fit(decay, X[:, 0], y[:, 0], p0=(1, 0, 0.05), xtol=1e-12, ftol=1e-12)
    assert fit.param_names_ == ["M0", "offset", "T2"]
    assert_allclose(fit.params_, p, rtol=1e-6)
    assert_allclose(fit.stderr_, np.sqrt(np.diag(cov)), rtol=1e-4)
    known = NonlinearRelaxationFit("T2-offset", noise_std=0.02).fit(X, y[:, 0])
    ratio = known.stderr_ / fit.stderr_
    assert_allclose(ratio, ratio[0])


@given(T=st.floats(0.1, 3.0), M0=st.floats(1e-6, 1e6))
def test_scaling_and_magnitude_do_not_matter(T, M0):
    clean = InversionRecovery().evaluate(TI, np.array([[T]]))[:, 0]
    signed = NonlinearRelaxationFit("T1-IR", magnitude=False).fit(TI, M0 * clean)
    magnitude = NonlinearRelaxationFit("T1-IR").fit(TI, M0 * np.abs(clean))
    assert_allclose(signed.params_, [M0, T], rtol=1e-6)
    assert_allclose(magnitude.params_, [M0, T], rtol=1e-6)


def test_complex_signals():
    rng = np.random.default_rng(0)
    X, n = TI, 2000
    clean = InversionRecovery().evaluate(X, np.full((n, 1), 0.8))
    phase = np.exp(1j * rng.uniform(0, 2 * np.pi, n))
    noise = rng.standard_normal((2, *clean.shape))
    y = 2.0 * clean * phase + 0.04 * (noise[0] + 1j * noise[1])
    fit = NonlinearRelaxationFit("T1-IR").fit(X, y)
    assert not fit.magnitude_
    assert_allclose(np.median(fit.params_, axis=0), [2.0, 0.8], rtol=5e-3)
    z = (fit.params_ - [2.0, 0.8]) / fit.stderr_
    assert_allclose(1.4826 * np.median(np.abs(z), axis=0), 1.0, atol=0.08)
    assert np.abs(fit.predict(X) - y).std() < 0.06
    assert fit.score(X, y) > 0.99
    with pytest.raises(ValueError, match="needs real signals"):
        NonlinearRelaxationFit("T1-IR", magnitude=True).fit(X, y)
    for model in (GeneralRecovery(), BiExponential()):
        start = model.basis(TE, np.array([[0.01, 0.1][: len(model.parameters)]]))
        values = (np.array([0.4, 0.6]) @ start[:, :, 0])[:, None] * phase[:3]
        fit = NonlinearRelaxationFit(model).fit(TE, values)
        assert_allclose(fit.predict(TE), values, atol=1e-5)


@quiet
def test_rician_noise():
    rng = np.random.default_rng(1)
    n, T2, noise_std = 1500, 0.04, 0.1
    clean = np.exp(-TE / T2)
    parts = rng.standard_normal((2, len(TE), n))
    y = np.hypot(clean + noise_std * parts[0], noise_std * parts[1])
    plain = NonlinearRelaxationFit("T2").fit(TE, y)
    assert np.median(plain.params_[:, 1]) > 1.2 * T2
    fit = NonlinearRelaxationFit("T2", noise="rician", noise_std=noise_std).fit(TE, y)
    good = fit.status_ == FitStatus.CONVERGED
    assert good.mean() > 0.99
    # Twice the standard error of a median of 1500, and second-order bias.
    assert_allclose(np.median(fit.params_[good, 1]), T2, rtol=0.02)
    z = ((fit.params_ - [1.0, T2]) / fit.stderr_)[good]
    spread = 1.4826 * np.median(np.abs(z - np.median(z, axis=0)), axis=0)
    assert_allclose(spread, 1.0, atol=0.1)
    unknown = NonlinearRelaxationFit("T2", noise="rician").fit(TE, y[:, :300])
    assert abs(np.median(unknown.params_[:, 1]) / T2 - 1) < 0.05
    # Far above the noise both agree.
    y = np.hypot(clean + 1e-4 * parts[0], 1e-4 * parts[1])[:12, :5]
    both = [
        NonlinearRelaxationFit("T2", noise=noise).fit(TE[:12], y).params_
        for noise in ("gaussian", "rician")
    ]
    assert_allclose(*both, rtol=1e-4)


def test_statuses_and_the_rest_of_the_map():
    X, y, truth = simulate("T2", 9)
    y[:, 1] = 0.0
    y[3, 2] = np.nan
    y[3, 3] = np.inf
    y[:, 4] = 1.0  # no decay
    # Beyond three times the last echo, and not better known than to a tenth.
    y[:, 5] = np.exp(-X[:, 0] / 2.0) + 0.02 * np.cos(5.0 * np.arange(len(X)))
    mask = np.ones(9, dtype=bool)
    mask[6] = False
    words = "4 of 8 fits are not converged: 1 at bound, 1 not identifiable, 1 no signal"
    with pytest.warns(ConvergenceWarning, match=words):
        fit = NonlinearRelaxationFit("T2").fit(X, y, mask=mask)
    status = FitStatus
    assert fit.status_.tolist() == [
        status.CONVERGED, status.NO_SIGNAL, status.CONVERGED, status.FAILED,
        status.AT_BOUND, status.NOT_IDENTIFIABLE, status.MASKED, 0, 0,
    ]  # fmt: skip
    assert np.isnan(fit.params_[[1, 3, 6]]).all()
    assert fit.n_points_.tolist() == [
        len(X) - (k == 2) if k in (0, 2, 4, 5, 7, 8) else 0 for k in range(9)
    ]
    assert np.isnan(fit.stderr_[4]).all()
    # What is flagged keeps its values.
    assert_allclose(fit.params_[5], [1.0, 2.0], rtol=0.3)
    assert_allclose(fit.params_[[0, 2, 7, 8]], [truth] * 4, rtol=0.1)
    assert np.isnan(fit.predict(X)[:, 1]).all()
    # Six fits have a score, and a constant signal one of zero.
    assert 0.75 < fit.score(X, y) < 0.85
    table = fit.to_frame()
    assert table["status"].iloc[1] == "no signal"
    assert list(table.columns[:4]) == ["M0", "T2", "M0 stderr", "T2 stderr"]
    with pytest.warns(ConvergenceWarning):
        nothing = NonlinearRelaxationFit("T2").fit(X, np.zeros((len(X), 2)))
    assert np.isnan(nothing.score(X, np.zeros((len(X), 2))))
    wide = NonlinearRelaxationFit("T2", bounds={"T2": (1e-3, 10.0)})
    assert wide.fit(X, y[:, [5]]).status_.tolist() == [status.CONVERGED]
    impatient = NonlinearRelaxationFit("T2-biexponential", max_iter=1)
    with pytest.warns(ConvergenceWarning, match="1 failed"):
        impatient.fit(X, y[:, 0] + 0.3 * np.exp(-X[:, 0] / 0.02))


def test_frames_weights_and_labels():
    X, y, _ = simulate("IR-TR", 2)
    frame = pd.DataFrame({"TR": np.full(len(X), 3.5), "TI": X[:, 0]})
    named = pd.DataFrame(y, columns=["grey", "white"])
    model = InversionRecovery(repetition_time="TR")
    fit = NonlinearRelaxationFit(model).fit(frame, named)
    assert list(fit.to_frame().index) == ["grey", "white"]
    plain = NonlinearRelaxationFit(CASES["IR-TR"][0]).fit(X, y)
    assert_allclose(fit.params_, plain.params_, rtol=1e-12)
    weight = np.ones(len(X))
    weight[[2, 5]] = 0.0, 2.0
    repeated = np.repeat(np.arange(len(X)), weight.astype(int))
    assert_allclose(
        NonlinearRelaxationFit(model).fit(frame, y, sample_weight=weight).params_,
        NonlinearRelaxationFit(model).fit(frame.iloc[repeated], y[repeated]).params_,
        rtol=1e-7,
    )
    threads = NonlinearRelaxationFit("T2", n_jobs=2)
    X, y, _ = simulate("T2", 9000)
    one = NonlinearRelaxationFit("T2").fit(X, y)
    assert_allclose(threads.fit(X, y).params_, one.params_, rtol=0)
    alone = NonlinearRelaxationFit("T2").fit(X, y[:, 8999])
    assert_allclose(alone.params_, one.params_[8999], rtol=0)
    assert_allclose(
        NonlinearRelaxationFit("T2").fit(X, y[:, :3].astype(np.float32)).params_,
        one.params_[:3],
        rtol=1e-5,
    )


def linear_start(t, T):
    return np.exp(-t / T)


@njit
def compiled(t, T, beta):
    return np.exp(-((t / T) ** beta))


def test_user_models():
    X, y, _ = simulate("T2", 20)
    fit = NonlinearRelaxationFit(linear_start).fit(X, y)
    assert fit.param_names_ == ["M0", "T"]
    built_in = NonlinearRelaxationFit("T2").fit(X, y)
    assert_allclose(fit.params_, built_in.params_, rtol=1e-10)
    X, y, _ = simulate("T2-stretched", 20)
    model = UserSignal(compiled, ["T2", Parameter("beta", lower=0.2, upper=1.5)])
    ours = NonlinearRelaxationFit(StretchedExponential()).fit(X, y).params_
    assert_allclose(NonlinearRelaxationFit(model).fit(X, y).params_, ours, rtol=1e-8)
    # A function of three arguments names its own parameters.
    bare = NonlinearRelaxationFit(compiled, bounds={"beta": (0.2, 1.5)}).fit(X, y)
    assert bare.param_names_ == ["M0", "T", "beta"]
    assert_allclose(bare.params_, ours, rtol=1e-5)
    rough = UserSignal(lambda t, T: np.where(t > T, 1.0, 0.5), "T", "TE")
    with pytest.raises(ValueError, match="not a smooth function"):
        NonlinearRelaxationFit(rough).fit(X, y)
    # Two nonlinear parameters with a change of sign.
    model = UserSignal(
        lambda t, T1, b: 1 - b * np.exp(-t / T1),
        ["T1", Parameter("b", lower=1.0, upper=2.0)],
        "TI",
        changes_sign=True,
    )
    y = np.abs(model.evaluate(TI, np.array([[0.7, 1.8], [0.3, 1.9]])))
    fit = NonlinearRelaxationFit(model).fit(TI, y)
    assert fit.magnitude_
    assert_allclose(fit.params_, [[1, 0.7, 1.8], [1, 0.3, 1.9]], rtol=1e-5)


@quiet
def test_starts_and_bounds():
    X, y, _ = simulate("IR", 30)
    fit = NonlinearRelaxationFit("T1-IR").fit(X, y)
    started = NonlinearRelaxationFit("T1-IR", init={"T1": 0.7}).fit(X, y)
    assert_allclose(started.params_, fit.params_, rtol=1e-7)
    for case, init in (
        ("MOLLI", {"T1*": np.full(30, 0.5)}),
        ("T2-bi", {"T2_short": 0.012, "T2_long": 0.09}),
        ("T2-stretched", {"T2": 0.04, "beta": 0.8}),
    ):
        X, y, _ = simulate(case, 30)
        model = CASES[case][0]
        best = NonlinearRelaxationFit(model).fit(X, y)
        near = NonlinearRelaxationFit(model, init=init).fit(X, y)
        assert_allclose(near.params_, best.params_, rtol=1e-4)
    bounds = {"T2_short": (5e-3, 3e-2), "T2_long": (0.12, 1.0)}
    X, y, _ = simulate("T2-bi", 30)
    bound = NonlinearRelaxationFit("T2-biexponential", bounds=bounds).fit(X, y)
    held = bound.status_ == FitStatus.AT_BOUND
    assert held.sum() > 20
    assert_allclose(bound.params_[held, 3], 0.12)


def test_models_are_compared_by_cross_validation():
    X, y, _ = simulate("T2-offset", 40)
    search = GridSearchCV(
        NonlinearRelaxationFit(),
        {"model": ["T2", "T2-offset"]},
        cv=LeaveOneOut(),
        scoring="neg_mean_squared_error",
    ).fit(X, y)
    assert search.best_params_ == {"model": "T2-offset"}
    X, y, _ = simulate("IR-efficiency", 40)
    search = GridSearchCV(
        NonlinearRelaxationFit(InversionRecovery()),
        {"model__efficiency": [2.0, "fit", 1.7]},
        cv=LeaveOneOut(),
        scoring="neg_mean_squared_error",
    ).fit(X, y)
    assert search.best_params_ == {"model__efficiency": 1.7}


@pytest.mark.parametrize(
    ("settings", "X", "message"),
    [
        ({}, TE[:1], "n_samples=1"),
        ({"model": "T1-IR-efficiency"}, TI[:2], "has 3 parameters"),
        ({}, -TE, "Negative values in data passed to X"),
        (
            {"model": "T1-IR"},
            pd.DataFrame({"TE": TE[:, 0]}),
            r"reads the columns \['TI",
        ),
        ({}, pd.DataFrame({"te_ms": TE[:, 0]}), "rename the column"),
        ({"model": "T1-VFA"}, TE, r"reads 2 acquisition columns \['FA', 'TR'\]"),
        ({"model": "T3"}, TE, "model must be one of"),
        ({"bounds": {"T1": (1, 2)}}, TE, r"bounds may name \['T2'\]"),
        ({"bounds": {"T2": (2, 1)}}, TE, "low < high"),
        ({"bounds": {"T2": (0, 1)}}, TE, "positive"),
        ({"init": {"T2": 50.0}}, TE, "init of T2 must be within the bounds"),
        ({"init": {"T1": 1.0}}, TE, r"init must have the keys \['T2'\]"),
        ({"init": {"T2": np.ones(3)}}, TE, "one per signal"),
        ({"magnitude": True, "model": "T1-IR"}, TI, "must not be negative"),
    ],
)
def test_wrong_input_is_one_clear_error(settings, X, message):
    y = np.linspace(-1.0, 1.0, len(X))
    with pytest.raises(ValueError, match=message):
        NonlinearRelaxationFit(**settings).fit(X, y)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (UserSignal(compiled, ["T", "T"]), r"different names, got \['M0', 'T', 'T'\]"),
        (UserSignal(lambda t: t, []), "no nonlinear parameter to find"),
        ("identity", "needs a finite upper bound too"),
        (
            EPGEchoTrain(150.0, echo_spacing=8e-3, phase=30.0),
            "EPGEchoTrain are complex",
        ),
        (UserSignal(lambda t, T: 1 / (T - T) / t), "returned NaN or infinite"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_models_that_cannot_be_fitted(model, message):
    with pytest.raises(ValueError, match=message):
        NonlinearRelaxationFit(model).fit(TE, np.ones(len(TE)))


def test_rician_noise_is_that_of_magnitudes():
    for y in (np.linspace(-1, 1, len(TE)), np.ones(len(TE)) + 0j):
        with pytest.raises(ValueError, match="noise='rician' is that of magnitudes"):
            NonlinearRelaxationFit(noise="rician").fit(TE, y)


def test_wrong_kinds():
    for model, message in (
        (MonoExponential, r"got the class MonoExponential; write MonoExponential\(\)"),
        (lambda t, T: [math.exp(-t / T)], "must broadcast"),
    ):
        with pytest.raises(TypeError, match=message):
            NonlinearRelaxationFit(model).fit(TE, np.ones(len(TE)))
    with pytest.raises(TypeError, match="known must be a dict"):
        NonlinearRelaxationFit("T2-stretched").fit(TE, np.ones(len(TE)), known=[1.0])


def test_wrong_signals_and_masks():
    with pytest.raises(ValueError, match=r"columns the signals: pass y.T"):
        NonlinearRelaxationFit().fit(TE, np.ones((3, len(TE))))
    with pytest.raises(ValueError, match=r"images.reshape\(n_points, -1\)"):
        NonlinearRelaxationFit().fit(TE, np.ones((24, 4, 4)))
    for y in (np.full(24, np.nan), np.full(24, np.nan + 0j), np.ones((24, 2, 2)), None):
        with pytest.raises(ValueError, match="y"):
            NonlinearRelaxationFit().fit(TE, y)
    with pytest.raises(ValueError, match="mask must be boolean"):
        NonlinearRelaxationFit().fit(TE, np.ones((24, 2)), mask=[1, 0])


def test_table_interpolates_and_its_derivatives_agree():
    axis = Coordinate("T1", 0.01, 10.0, log=True)
    model = InversionRecovery()
    table = build_table(lambda sets: model.basis(TI, sets), [axis], [0.05])
    u = table.nodes[0]
    nodes = Nodes(u[0], u[1] - u[0], u.size)
    powers = cell_powers(table.coefficients)
    signals = np.empty((3, 1, len(TI)))
    for T1 in (0.01, 0.0123, 0.5, 9.99, 10.0):
        look_up(powers, nodes, 0, np.log(T1), signals, 0)
        x = TI[:, 0] / T1
        e = np.exp(-x)
        assert_allclose(signals[0, 0], 1 - 2 * e, atol=1e-8)
        assert_allclose(signals[1, 0], -2 * e * x, atol=1e-6)
        assert_allclose(signals[2, 0], -2 * e * x * (x - 1), atol=1e-4)
