"""Fits of many nonlinear parameters and amplitudes, against independent solvers."""

import itertools

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose
from scipy.optimize import least_squares

from skrelax.nonlinear import FitStatus, NonlinearRelaxationFit
from skrelax.nonlinear._choice import choose_problem
from skrelax.nonlinear._general import GeneralProblem
from skrelax.nonlinear._inputs import find_limits
from skrelax.nonlinear._numba_types import Stop
from skrelax.signals import (
    BiExponential,
    EPGEchoTrain,
    GeneralRecovery,
    InversionRecovery,
    MonoExponential,
    Parameter,
    StretchedExponential,
    UserSignal,
)

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
TE = 0.008 * np.arange(1, 33)[:, None]
TI = np.geomspace(0.05, 3.0, 12)[:, None]
LONG = np.geomspace(0.002, 0.8, 40)[:, None]
B = np.array([0, 10, 20, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1e3])[:, None]
TI_TE = np.array(list(itertools.product([0.05, 0.3, 0.8, 2], [0.005, 0.015, 0.03])))


def three_decays(t, Ta, Tb, Tc):
    return np.exp(-t / Ta), np.exp(-t / Tb), np.exp(-t / Tc)


@njit
def stretched_and_offset(t, T, beta):
    decay = np.exp(-((t / T) ** beta))
    return decay, np.ones_like(decay)


def two_decays_and_offset(t, Ta, Tb):
    return np.exp(-t / Ta), np.exp(-t / Tb), 1.0


def perfusion(b, f, D, Dp):
    return f * np.exp(-b * Dp) + (1 - f) * np.exp(-b * D)


def recovery_and_decay(TI, TE, T1, T2s):
    decay = np.exp(-TE / T2s)
    return decay, -decay * np.exp(-TI / T1)


BETA = Parameter("beta", lower=0.2, upper=1.5)
POSITIVE = [Parameter("a"), Parameter("b"), Parameter("c")]
TRI = UserSignal(three_decays, ["Ta", "Tb", "Tc"], "TE", amplitude=POSITIVE)
STRETCHED = UserSignal(stretched_and_offset, ["T", BETA], amplitude=["M0", "offset"])
BI_OFFSET = UserSignal(
    two_decays_and_offset, ["Ta", "Tb"], amplitude=[*POSITIVE[:2], "offset"]
)
IVIM = UserSignal(perfusion, [Parameter("f", upper=0.5), "D", "Dp"], "b")
COMBINED = UserSignal(recovery_and_decay, ["T1", "T2*"], ["TI", "TE"], True, ["a", "b"])
EPG = EPGEchoTrain(130.0, T1=None, B1=None, echo_spacing=0.008)
IVIM_BOUNDS = {"D": (1e-4, 4e-3), "Dp": (4e-3, 0.2)}

# Model, acquisition, nonlinear parameters, amplitudes, noise level, bounds.
CASES = {
    "tri": (TRI, LONG, [0.008, 0.05, 0.3], [0.3, 0.4, 0.3], 1e-3, None),
    "stretched": (STRETCHED, TE, [0.05, 0.7], [1.0, 0.2], 5e-3, None),
    "bi-offset": (BI_OFFSET, TE, [0.01, 0.06], [0.5, 0.5, 0.1], 2e-3, None),
    "ivim": (IVIM, B, [0.15, 1e-3, 0.02], [1.0], 5e-3, IVIM_BOUNDS),
    "combined": (COMBINED, TI_TE, [0.7, 0.02], [1.0, 1.8], 0.01, None),
    "epg": (EPG, TE, [0.06, 0.5, 0.8], [1.0], 4e-4, None),
}


def simulate(case, n, seed=0):
    """Return X, y and the true parameters; magnitudes if the model changes its sign."""
    model, X, parameters, amplitudes, noise_std, _ = CASES[case]
    clean = np.array(amplitudes) @ model.basis(X, np.array([parameters]))[:, :, 0]
    noise = np.random.default_rng(seed).standard_normal((len(X), n))
    y = clean[:, None] + noise_std * noise
    return X, np.abs(y) if model.changes_sign else y, np.r_[amplitudes, parameters]


def fit_case(case, X, y, **settings):
    model, *_, bounds = CASES[case]
    return NonlinearRelaxationFit(model, bounds=bounds, **settings).fit(X, y)


def both_problems(model, X, magnitude):
    """Return the general problem of a model, and the one that it has otherwise."""
    limits, weight = find_limits(model, X, None), np.linspace(0.5, 2.0, len(X))
    special = choose_problem(model, X, limits, weight, magnitude)
    return GeneralProblem(model, X, special.axes, weight, magnitude), special, weight


@pytest.mark.parametrize("case", CASES)
def test_exact_signals_give_exact_parameters(case):
    _, X, parameters, amplitudes, _, _ = CASES[case]
    clean = (
        np.array(amplitudes) @ CASES[case][0].basis(X, np.array([parameters]))[..., 0]
    )
    y = np.abs(clean) if CASES[case][0].changes_sign else clean
    fit = fit_case(case, X, y)
    assert fit.status_ == FitStatus.CONVERGED
    # Differences know slopes to 1e-10; the three decays amplify that most.
    assert_allclose(fit.params_, [*amplitudes, *parameters], rtol=1e-7)
    assert_allclose(fit.predict(X), y, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_standard_errors_are_calibrated(case):
    X, y, truth = simulate(case, 1000)
    fit = fit_case(case, X, y)
    good = fit.status_ == FitStatus.CONVERGED
    assert good.mean() > 0.98
    z = ((fit.params_ - truth) / fit.stderr_)[good]
    center = np.median(z, axis=0)
    spread = 1.4826 * np.median(np.abs(z - center), axis=0)
    # 1000 draws know the spread to 4 %. Twelve points and four parameters leave eight
    # degrees of freedom, which widens the distribution by 5 %.
    assert (spread > 0.9).all()
    assert (spread < (1.15 if case == "combined" else 1.1)).all()
    assert (np.abs(center) < 0.15).all()


@pytest.mark.parametrize("case", ["tri", "stretched", "ivim", "combined"])
def test_no_start_of_another_solver_leads_lower(case):
    model = CASES[case][0]
    X, y, truth = simulate(case, 3, seed=1)
    fit = fit_case(case, X, y)
    limits = find_limits(model, X, CASES[case][-1])
    log = np.isinf([parameter.upper for parameter in model.parameters])
    box = np.where(log[:, None], np.log(np.where(log[:, None], limits, 1.0)), limits)
    n_amplitudes = len(model.amplitudes)
    least = [one.lower for one in model.amplitudes]
    low, high = np.r_[least, box[:, 0]], np.r_[[np.inf] * n_amplitudes, box[:, 1]]
    rng = np.random.default_rng(2)

    def residual(p, signal):
        u = p[n_amplitudes:]
        values = np.where(log, np.exp(np.where(log, u, 0.0)), u)
        found = p[:n_amplitudes] @ model.basis(X, values[None])[:, :, 0]
        return (np.abs(found) if fit.magnitude_ else found) - signal

    ours = ((fit.predict(X) - y) ** 2).sum(axis=0)
    values = truth[n_amplitudes:]
    true_u = np.where(log, np.log(values), values)
    for signal, value in zip(y.T, ours, strict=True):
        best = np.inf
        for k in range(12):
            # Some starts near the truth, others anywhere.
            u = true_u if k < 4 else rng.uniform(*box.T)
            u = np.clip(u + 0.05 * rng.standard_normal(u.size), *box.T)
            start = np.r_[truth[:n_amplitudes] * rng.uniform(0.5, 2, n_amplitudes), u]
            found = least_squares(
                residual, start, bounds=(low, high), x_scale="jac", args=(signal,),
                xtol=1e-12, ftol=1e-12, gtol=1e-12, max_nfev=200,
            )  # fmt: skip
            best = min(best, 2.0 * found.cost)
        # The stopping rule leaves 1e-12 of the sum of squares.
        assert value <= best * (1 + 1e-10)


@pytest.mark.parametrize(
    ("model", "X", "parameters", "amplitudes", "noise_std", "magnitude"),
    [
        (MonoExponential(offset=True), TE, [0.05], [1.0, 0.2], 0.01, False),
        (InversionRecovery(), TI, [0.8], [1.0], 0.03, True),
        (GeneralRecovery(), TI, [0.8], [1.0, -1.7], 0.03, True),
        (StretchedExponential(), TE, [0.05, 0.7], [1.0], 0.01, False),
        (BiExponential(), TE, [0.015, 0.1], [0.4, 0.6], 3e-3, False),
        (EPGEchoTrain(160.0, T1=0.8, B1=None, echo_spacing=0.008), TE, [0.06, 0.8],
         [1.0], 1e-3, True),
    ],
)  # fmt: skip
def test_agrees_with_the_problems_of_few_parameters(
    model, X, parameters, amplitudes, noise_std, magnitude
):
    general, special, weight = both_problems(model, X, magnitude)
    assert not isinstance(special, GeneralProblem)
    clean = np.array(amplitudes) @ model.basis(X, np.array([parameters]))[:, :, 0]
    noise = np.random.default_rng(0).standard_normal((200, 1, len(X)))
    y = clean + noise_std * noise
    y = (np.abs(y) if magnitude else y) * weight
    ours, other = (one.solve(y, None, Stop(1e-8, 100)) for one in (general, special))
    assert (ours.rss <= other.rss * (1 + 1e-6)).all()
    # With two parameters the other one may end in a minimum beside the lowest.
    same = ours.rss >= other.rss * (1 - 1e-6)
    assert same.mean() > 0.95
    # Splines are accurate to 1e-8, which ill-conditioned covariances amplify.
    assert_allclose(ours.u[same], other.u[same], atol=2e-6)
    assert_allclose(ours.coef[same], other.coef[same], rtol=2e-5)
    tolerance = 1e-9 * np.abs(other.cov).max()
    assert_allclose(ours.cov[same], other.cov[same], rtol=1e-3, atol=tolerance)
    near = general.solve(y, other.u + 0.01, Stop(1e-8, 100))
    assert_allclose(near.u, other.u, atol=2e-6)


@quiet
def test_polarities_of_magnitudes_are_found():
    def recovery(t, T, beta):
        return 1.0, np.exp(-((t / T) ** beta))

    X = TI[::2]
    beta = Parameter("beta", lower=0.5, upper=1.5)
    model = UserSignal(recovery, ["T1", beta], "TI", True, ["a", "b"])
    rng = np.random.default_rng(3)
    n = 150
    sets = np.exp(rng.uniform(np.log([0.2, 0.7]), np.log([1.5, 1.2]), (n, 2)))
    clean = np.einsum("lin,l->in", model.basis(X, sets), [1.0, -1.8])
    y = clean + 0.03 * rng.standard_normal(clean.shape)
    y = np.abs(np.hstack([y, rng.standard_normal((len(X), 50))]))
    fit = NonlinearRelaxationFit(model).fit(X, y)
    assert fit.magnitude_
    assert (fit.status_[:n] != FitStatus.FAILED).all()
    times = np.geomspace(*model.search_limits(X)[0], 200)
    grid = np.array(list(itertools.product(times, np.linspace(0.5, 1.5, 40))))
    Q = np.linalg.qr(np.moveaxis(model.basis(X, grid), (0, 1, 2), (2, 1, 0)))[0]
    Q = np.moveaxis(Q, 2, 1).reshape(-1, len(X))
    best = np.zeros(y.shape[1])
    for signs in itertools.product([1.0, -1.0], repeat=len(X) - 1):
        projected = (Q @ (y * np.array([1.0, *signs])[:, None])).reshape(
            -1, 2, len(best)
        )
        best = np.maximum(best, (projected**2).sum(axis=1).max(axis=0))
    dense = (y**2).sum(axis=0) - best
    found = ((y - fit.predict(X)) ** 2).sum(axis=0)
    # Noise has minima at the ends of the box that are hardly lower than others.
    missed = found > dense * (1 + 1e-6)
    assert not missed[:n].any()
    assert missed[n:].sum() <= 2
    # And the grid is dense enough for the comparison to mean something.
    assert np.median(found / dense) > 0.98


def test_complex_signals():
    X, _, truth = simulate("bi-offset", 1)
    rng = np.random.default_rng(4)
    n, noise_std = 500, 2e-3
    clean = truth[:3] @ BI_OFFSET.basis(X, truth[None, 3:])[:, :, 0]
    phase = np.exp(2j * np.pi * rng.random(n))
    noise = rng.standard_normal((2, len(X), n))
    y = clean[:, None] * phase + noise_std * (noise[0] + 1j * noise[1])
    fit = NonlinearRelaxationFit(BI_OFFSET).fit(X, y)
    assert (fit.status_ == FitStatus.CONVERGED).all()
    z = (fit.params_ - truth) / fit.stderr_
    spread = 1.4826 * np.median(np.abs(z - np.median(z, axis=0)), axis=0)
    assert_allclose(spread, 1.0, atol=0.1)
    residual = fit.predict(X) - y
    # Five parameters of 64 numbers, of which the amplitudes count twice.
    expected = noise_std * np.sqrt(2 * (64 - 8) / 64)
    assert_allclose(np.abs(residual).std(), 0.0, atol=expected)
    assert_allclose(np.sqrt((np.abs(residual) ** 2).mean()), expected, rtol=0.02)


def test_weights_of_zero_and_two_are_removed_and_repeated_rows():
    X, y, _ = simulate("stretched", 5)
    weight = np.ones(len(X))
    weight[[3, 8, 20]] = 0.0, 2.0, 2.0
    rows = np.repeat(np.arange(len(X)), weight.astype(int))
    weighted = NonlinearRelaxationFit(STRETCHED).fit(X, y, sample_weight=weight)
    repeated = NonlinearRelaxationFit(STRETCHED).fit(X[rows], y[rows])
    assert_allclose(weighted.params_, repeated.params_, rtol=1e-6)


@quiet
def test_times_of_interchangeable_decays_ascend():
    X, y, _ = simulate("tri", 20)
    fit = fit_case("tri", X, y)
    assert (np.diff(fit.params_[:, 3:], axis=1) > 0).all()
    start = {"Ta": 0.3, "Tb": 0.008, "Tc": 0.05}
    turned = fit_case("tri", X, y, init=start)
    assert_allclose(turned.params_, fit.params_, rtol=1e-4)
    # Bounds of their own name the decays; then nothing is exchanged.
    bounds = {"Ta": (0.1, 1.0), "Tb": (1e-3, 0.02), "Tc": (0.02, 0.1)}
    named = NonlinearRelaxationFit(TRI, bounds=bounds).fit(X, y)
    assert_allclose(named.params_[:, [1, 2, 0, 4, 5, 3]], fit.params_, rtol=1e-4)


@quiet
def test_amplitudes_are_not_negative_where_the_model_says_so():
    rng = np.random.default_rng(5)
    decay = np.exp(-LONG / 0.05) + 0.02 * rng.standard_normal((len(LONG), 40))
    fit = NonlinearRelaxationFit(TRI).fit(LONG, decay)
    amplitudes = fit.params_[:, :3]
    assert (amplitudes[np.isfinite(amplitudes)] >= 0).all()
    # One decay does not hold three.
    assert (fit.status_ != FitStatus.CONVERGED).mean() > 0.9
    free = UserSignal(three_decays, ["Ta", "Tb", "Tc"], "TE", amplitude=["a", "b", "c"])
    fit = NonlinearRelaxationFit(free).fit(LONG, decay)
    assert (fit.params_[:, :3] < 0).any()


@quiet
def test_many_parameters_starts_iterations_and_noise():
    def beats(t, Ta, Tb, w, beta, p):
        a = np.exp(-((t / Ta) ** beta))
        return a, np.exp(-t / Tb) * np.cos(w * t) * (1 + p * t)

    bounded = [Parameter("w", lower=20.0, upper=60.0), Parameter("beta", "", 0.5, 1.2)]
    names = ["Ta", "Tb", *bounded, Parameter("p", upper=1.0)]
    model = UserSignal(beats, names, amplitude=["a", "b"])
    t, truth = np.linspace(2e-3, 0.6, 60)[:, None], [0.02, 0.15, 40.0, 0.9, 0.4]
    y = model.basis(t, np.array([truth])).sum(axis=0)
    fit = NonlinearRelaxationFit(model).fit(t, y)
    assert_allclose(fit.params_, [[1.0, 1.0, *truth]], rtol=1e-6)
    X, y, _ = simulate("tri", 8)
    assert (fit_case("tri", X, y, max_iter=2).status_ == FitStatus.FAILED).all()
    # Threads and the company of other signals change no more than rounding does.
    X, y, _ = simulate("stretched", 4100)
    fits = NonlinearRelaxationFit(STRETCHED, n_jobs=2).fit(X, y)
    alone = NonlinearRelaxationFit(STRETCHED).fit(X, y[:, 4097])
    assert_allclose(fits.params_[4097], alone.params_, rtol=1e-6)
    noise = np.abs(np.random.default_rng(6).standard_normal((len(X), 100)))
    rician = NonlinearRelaxationFit(STRETCHED, noise="rician", noise_std=5e-3)
    assert_allclose(rician.fit(X, y[:, :3]).params_, fits.params_[:3], rtol=1e-3)
    status = NonlinearRelaxationFit(STRETCHED).fit(X, noise).status_
    assert (status == FitStatus.CONVERGED).mean() < 0.2
