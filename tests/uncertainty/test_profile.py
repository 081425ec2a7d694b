"""Intervals of the profile likelihood of nonlinear fits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.optimize import brentq, least_squares, minimize
from scipy.special import i0e

from skrelax.nonlinear import NonlinearRelaxationFit
from skrelax.plotting import ProfileDisplay
from skrelax.signals import EPGEchoTrain, LookLocker
from skrelax.uncertainty import ProfileResult, profile_parameters

# Ends are found to some 1e-5 of the width of an interval.
CLOSE = 1e-4


def decay(t, T):
    return np.exp(-t / T)


# Model, times, the true signal, what is held, the signal of a value and of the others,
# where these start, and the noise.
CASES = {
    "T2": (
        "T2", np.linspace(0.01, 0.3, 16), lambda t: decay(t, 0.08), "T2",
        lambda t, v, x: x[0] * decay(t, v), [1.0], 0.1,
    ),
    "amplitude": (
        "T2", np.linspace(0.01, 0.3, 16), lambda t: decay(t, 0.08), "M0",
        lambda t, v, x: v * decay(t, np.exp(x[0])), [np.log(0.08)], 0.1,
    ),
    "offset": (
        "T2-offset", np.linspace(0.01, 0.3, 20), lambda t: decay(t, 0.08) + 0.1,
        "offset", lambda t, v, x: v + x[0] * decay(t, np.exp(x[1])),
        [1.0, np.log(0.08)], 0.03,
    ),
    "efficiency": (
        "T1-IR-efficiency", np.geomspace(0.05, 5, 14),
        lambda t: 1 - 1.8 * decay(t, 0.9), "efficiency",
        lambda t, v, x: x[0] * (1 - v * decay(t, np.exp(x[1]))),
        [1.0, np.log(0.9)], 0.05,
    ),
    "efficiency, its T1": (
        "T1-IR-efficiency", np.geomspace(0.05, 5, 14),
        lambda t: 1 - 1.8 * decay(t, 0.9), "T1",
        lambda t, v, x: x[0] * (1 - x[1] * decay(t, v)), [1.0, 1.8], 0.05,
    ),
    "Look-Locker": (
        LookLocker(), np.geomspace(0.05, 5, 14), lambda t: 1 - 1.9 * decay(t, 0.7),
        "T1", lambda t, v, x: x[0] - x[1] * decay(t, v / (x[1] / x[0] - 1)),
        [1.0, 1.9], 0.03,
    ),
    "share": (
        "T2-biexponential", np.linspace(0.005, 0.4, 48),
        lambda t: 0.3 * decay(t, 0.02) + 0.7 * decay(t, 0.1), "fraction_short",
        lambda t, v, x: x[0] * (v * decay(t, np.exp(x[1]))
                                + (1 - v) * decay(t, np.exp(x[2]))),
        [1.0, np.log(0.02), np.log(0.1)], 0.01,
    ),
    "long T2": (
        "T2-biexponential", np.linspace(0.005, 0.4, 48),
        lambda t: 0.3 * decay(t, 0.02) + 0.7 * decay(t, 0.1), "T2_long",
        lambda t, v, x: x[0] * decay(t, np.exp(x[1])) + x[2] * decay(t, v),
        [0.3, np.log(0.02), 0.7], 0.01,
    ),
    "stretched": (
        "T2-stretched", np.linspace(0.005, 0.4, 30),
        lambda t: np.exp(-((t / 0.06) ** 0.8)), "beta",
        lambda t, v, x: x[0] * np.exp(-((t / np.exp(x[1])) ** v)),
        [1.0, np.log(0.06)], 0.02,
    ),
}  # fmt: skip


def reference(y, signal, start, center, weight, sigma, quantile):
    """Return both ends: minimise at each value, and look for where the excess is."""

    def least(v):
        found = least_squares(
            lambda x: np.sqrt(weight) * (y - signal(v, x)), start, x_scale="jac",
            xtol=1e-14, ftol=1e-14, gtol=1e-14,
        )  # fmt: skip
        return 2.0 * found.cost

    def excess(v):
        return least(v) - least(center) - (quantile * sigma) ** 2

    ends, width = [], 0.0
    for side in (-1.0, 1.0):
        step = 0.02 * abs(center)
        while excess(center + side * step) < 0.0:
            step *= 1.3
        ends.append(brentq(excess, center, center + side * step, xtol=1e-12))
        width = max(width, step)
    return ends


@pytest.mark.parametrize("case", CASES)
def test_ends_are_those_of_a_minimum_at_each_value(case):
    model, t, truth, name, signal, start, noise = CASES[case]
    rng = np.random.default_rng(0)
    Y = truth(t)[:, None] + noise * rng.standard_normal((t.size, 2))
    fit = NonlinearRelaxationFit(model, magnitude=False).fit(t[:, None], Y)
    result = profile_parameters(fit, t[:, None], Y)
    low, high = result.interval(name, 0.8)
    place = fit.param_names_.index(name)
    free = t.size - len(fit.param_names_)
    if case == "Look-Locker":
        # One output follows from the others.
        free += 1
    for k, y in enumerate(Y.T):
        center = fit.params_[k, place]
        rss = (fit.relative_error_[k] * np.linalg.norm(y)) ** 2
        quantile = stats.t.ppf(0.9, free)
        sigma = np.sqrt(rss / free)
        expected = reference(
            y, lambda v, x: signal(t, v, x), start, center, 1.0, sigma, quantile
        )  # fmt: skip
        width = expected[1] - expected[0]
        assert_allclose([low[k], high[k]], expected, atol=CLOSE * width, rtol=0)
    assert (result.status(name) == "ok").all()


def test_magnitudes_keep_their_polarities():
    t, rng = np.geomspace(0.05, 5, 14), np.random.default_rng(1)
    y = np.abs(1 - 1.8 * decay(t, 0.9) + 0.02 * rng.standard_normal(t.size))
    fit = NonlinearRelaxationFit("T1-IR-efficiency").fit(t[:, None], y)
    assert fit.magnitude_
    found = profile_parameters(fit, t[:, None], y).interval("T1", 0.9)
    rss = (fit.relative_error_ * np.linalg.norm(y)) ** 2
    expected = reference(
        y, lambda v, x: np.abs(x[0] * (1 - x[1] * decay(t, v))), [1.0, 1.8],
        fit.params_[1], 1.0, np.sqrt(rss / 11), stats.t.ppf(0.95, 11),
    )  # fmt: skip
    assert_allclose(found, expected, atol=CLOSE * np.ptp(expected))


def test_weights_missing_points_and_a_known_noise():
    t, rng = np.linspace(0.01, 0.3, 16), np.random.default_rng(2)
    weight = np.where(t < 0.1, 1.0, 4.0)
    noise = 0.05 / np.sqrt(weight)
    Y = decay(t, 0.08)[:, None] + noise[:, None] * rng.standard_normal((16, 3))
    Y[[3, 7], 1] = np.nan
    fit = NonlinearRelaxationFit("T2", noise_std=0.05)
    fit.fit(t[:, None], Y, sample_weight=weight)
    result = profile_parameters(fit, t[:, None], Y, sample_weight=weight)
    low, high = result.interval("T2", 0.95)
    for k, y in enumerate(Y.T):
        there = ~np.isnan(y)
        expected = reference(
            y[there], lambda v, x, there=there: x[0] * decay(t[there], v), [1.0],
            fit.params_[k, 1], weight[there], 0.05, stats.norm.ppf(0.975),
        )  # fmt: skip
        assert_allclose([low[k], high[k]], expected, atol=CLOSE * np.ptp(expected))


def test_complex_signals_have_twice_the_points():
    t, rng = np.linspace(0.01, 0.3, 12), np.random.default_rng(3)
    noise = 0.05 * rng.standard_normal((2, 12))
    y = decay(t, 0.08) * np.exp(0.7j) + noise[0] + 1j * noise[1]
    fit = NonlinearRelaxationFit("T2").fit(t[:, None], y)
    result = profile_parameters(fit, t[:, None], y)
    both = np.concatenate([y.real, y.imag])
    rss = (fit.relative_error_ * np.linalg.norm(y)) ** 2
    # Two parts of an amplitude, and T2.
    sigma, quantile = np.sqrt(rss / 21), stats.t.ppf(0.95, 21)

    def of_time(v, x):
        return np.concatenate([x[0] * decay(t, v), x[1] * decay(t, v)])

    def of_size(v, x):
        s = v * np.exp(1j * x[0]) * decay(t, np.exp(x[1]))
        return np.concatenate([s.real, s.imag])

    for name, signal, start, place in (
        ("T2", of_time, [0.7, 0.7], 1),
        ("M0", of_size, [0.7, np.log(0.08)], 0),
    ):
        center = fit.params_[place]
        expected = reference(both, signal, start, center, 1.0, sigma, quantile)
        assert_allclose(result.interval(name), expected, atol=CLOSE * np.ptp(expected))


def test_rician_noise_has_its_own_likelihood():
    t, rng = np.linspace(0.01, 0.4, 24), np.random.default_rng(4)
    noise = 0.1 * rng.standard_normal((2, 24))
    y = np.abs(decay(t, 0.08) + noise[0] + 1j * noise[1])
    fit = NonlinearRelaxationFit("T2", noise="rician", noise_std=0.1)
    fit.fit(t[:, None], y)
    low, high = profile_parameters(fit, t[:, None], y).interval("T2", 0.9)

    def least(T):
        def negative(x):
            s = x[0] * decay(t, T)
            z = y * s / 0.01
            # Less what does not depend on the signal.
            return ((y - s) ** 2 / 0.02 - np.log(i0e(z))).sum()

        return 2.0 * minimize(negative, [1.0], tol=1e-12).fun

    best, limit = least(fit.params_[1]), stats.chi2.ppf(0.9, 1)
    # The fit stops where parameters are within 1e-4 of their errors.
    assert_allclose([least(low) - best, least(high) - best], limit, rtol=1e-3)
    assert low < fit.params_[1] < high


def test_without_curvature_they_are_those_of_standard_errors():
    t, rng = np.geomspace(0.05, 5, 14), np.random.default_rng(5)
    Y = 1 - 1.9 * decay(t, 0.9)[:, None] + 1e-4 * rng.standard_normal((14, 20))
    fit = NonlinearRelaxationFit("T1-IR-efficiency", magnitude=False)
    fit.fit(t[:, None], Y)
    result = profile_parameters(fit, t[:, None], Y)
    quantile = stats.t.ppf(0.95, 11)
    for k, name in enumerate(fit.param_names_):
        low, high = result.interval(name)
        half = quantile * fit.stderr_[:, k]
        # Curvature is of the size of relative errors.
        assert_allclose(high - fit.params_[:, k], half, rtol=2e-3)
        assert_allclose(fit.params_[:, k] - low, half, rtol=2e-3)
        assert_array_equal(result.std(name), fit.stderr_[:, k])


def test_an_end_at_a_bound_is_said():
    t, rng = np.linspace(0.01, 0.3, 16), np.random.default_rng(6)
    y = decay(t, 0.08) + 0.1 * rng.standard_normal(16)
    fit = NonlinearRelaxationFit("T2", bounds={"T2": (0.05, 0.085)})
    fit.fit(t[:, None], y)
    result = profile_parameters(fit, t[:, None], y)
    low, high = result.interval("T2", 0.95)
    assert high == pytest.approx(0.085)
    assert 0.05 <= low < fit.params_[1] <= high
    assert result.status("T2", 0.95) == "at bound"
    # The bound of T2 decides the lower end of the amplitude, too.
    free = NonlinearRelaxationFit("T2").fit(t[:, None], y)
    wide = profile_parameters(free, t[:, None], y).interval("M0", 0.95)
    assert result.interval("M0", 0.95)[0] > wide[0]


def test_what_the_signal_does_not_tell_has_an_open_end():
    # A decay that has hardly begun tells no upper limit of T2.
    t, rng = np.linspace(0.001, 0.01, 12), np.random.default_rng(7)
    Y = decay(t, 1.0)[:, None] + 0.02 * rng.standard_normal((12, 6))
    with pytest.warns(match="not converged"):
        fit = NonlinearRelaxationFit("T2").fit(t[:, None], Y)
    result = profile_parameters(fit, t[:, None], Y)
    assert (result.status("T2") == "not identifiable").all()
    low, high = result.interval("T2")
    there = np.isfinite(fit.params_[:, 1])
    assert (low[there] <= fit.params_[there, 1] * (1 + 1e-9)).all()
    assert (high[there] == np.inf).all()


def test_swapped_decays_do_not_open_the_profile():
    t, rng = np.linspace(0.005, 0.4, 48), np.random.default_rng(8)
    clean = 0.5 * decay(t, 0.02) + 0.5 * decay(t, 0.1)
    Y = clean[:, None] + 0.01 * rng.standard_normal((48, 8))
    fit = NonlinearRelaxationFit("T2-biexponential").fit(t[:, None], Y)
    result = profile_parameters(fit, t[:, None], Y)
    short, long = (result.interval(f"T2_{name}", 0.99) for name in ("short", "long"))
    assert (short[1] < long[0]).all()
    low, high = result.interval("fraction_short", 0.99)
    assert ((low > 0.3) & (high < 0.7)).all()


def test_known_values_are_held():
    t, rng = np.arange(1, 17) * 0.01, np.random.default_rng(9)
    train = EPGEchoTrain(echo_spacing=0.01, B1=None)
    parameters = np.array([[0.08, 0.8]])
    y = train.evaluate(t[:, None], parameters) + 0.01 * rng.standard_normal((16, 2))
    known = {"B1": np.array([0.8, 0.85])}
    fit = NonlinearRelaxationFit(train).fit(t[:, None], y, known=known)
    result = profile_parameters(fit, t[:, None], y, known=known)
    assert result.names == ["M0", "T2"]
    low, high = result.interval("T2", 0.99)
    assert low[0] < 0.08 < high[0]
    assert ((low < fit.params_[:, 1]) & (fit.params_[:, 1] < high)).all()
    with pytest.raises(ValueError, match="known must name"):
        profile_parameters(fit, t[:, None], y)


def test_signals_do_not_depend_on_each_other():
    t, rng = np.linspace(0.005, 0.4, 32), np.random.default_rng(10)
    clean = 0.3 * decay(t, 0.02) + 0.7 * decay(t, 0.1)
    Y = clean[:, None] + 0.02 * rng.standard_normal((32, 40))
    fit = NonlinearRelaxationFit("T2-biexponential").fit(t[:, None], Y)
    whole = profile_parameters(fit, t[:, None], Y, n_jobs=2).to_frame()
    few = NonlinearRelaxationFit("T2-biexponential").fit(t[:, None], Y[:, 5:8])
    part = profile_parameters(few, t[:, None], Y[:, 5:8]).to_frame()
    names = ["lower", "upper"]
    assert_allclose(
        part[names].to_numpy(), whole.loc[5:7, names].to_numpy(), rtol=1e-12
    )


def test_units_scale_the_amplitude_alone():
    t, rng = np.linspace(0.01, 0.3, 16), np.random.default_rng(11)
    y = decay(t, 0.08) + 0.05 * rng.standard_normal(16)
    results = []
    for unit in (1.0, 2.0**400, 2.0**-400):
        fit = NonlinearRelaxationFit("T2").fit(t[:, None], unit * y)
        result = profile_parameters(fit, t[:, None], unit * y)
        M0, T2 = (np.array(result.interval(name)) for name in ("M0", "T2"))
        results.append([M0 / unit, T2])
    assert_allclose(results[1], results[0], rtol=1e-9)
    assert_allclose(results[2], results[0], rtol=1e-9)


def test_voxels_without_a_fit_have_no_interval():
    t, rng = np.linspace(0.01, 0.3, 16), np.random.default_rng(12)
    Y = decay(t, 0.08)[:, None] + 0.05 * rng.standard_normal((16, 5))
    Y[:, 1], Y[4, 2], Y[2:, 4] = 0.0, np.inf, np.nan
    mask = np.array([True, True, True, False, True])
    with pytest.warns(match="not converged"):
        fit = NonlinearRelaxationFit("T2").fit(t[:, None], Y, mask=mask)
    result = profile_parameters(fit, t[:, None], Y)
    expected = ["ok", "no value", "no value", "no value", "no value"]
    assert result.status("T2").tolist() == expected
    assert np.isnan(result.interval("T2")[0][1:]).all()


def test_tables_have_the_columns_of_all_results():
    t, rng = np.linspace(0.01, 0.3, 16), np.random.default_rng(13)
    Y = decay(t, 0.08)[:, None] + 0.05 * rng.standard_normal((16, 2))
    fit = NonlinearRelaxationFit("T2").fit(t[:, None], Y)
    result = profile_parameters(fit, t[:, None], Y)
    assert isinstance(result, ProfileResult)
    frame = result.to_frame(0.5)
    assert list(frame.columns) == ["estimate", "lower", "upper", "std", "status"]
    assert frame.index.names == ["signal", "number"]
    low, _ = result.interval("T2", 0.5)
    assert_array_equal(frame.xs("T2", level="number")["lower"], low)
    one = NonlinearRelaxationFit("T2").fit(t[:, None], Y[:, 0])
    single = profile_parameters(one, t[:, None], Y[:, 0])
    assert single.to_frame().index.to_list() == ["M0", "T2"]
    assert isinstance(single.status("T2"), str)
    assert single.interval("T2", 0.5)[0] == pytest.approx(low[0], rel=1e-12)


def test_results_do_not_follow_the_arrays_they_were_asked_of():
    # Intervals are computed when they are asked for.
    times = np.linspace(0.01, 0.3, 16)[:, None]
    noise = 0.02 * np.random.default_rng(0).standard_normal((16, 2))
    signals = decay(times, np.array([0.05, 0.08])) + noise
    weight = np.linspace(1.0, 2.0, 16)
    fit = NonlinearRelaxationFit("T2").fit(times, signals, weight)
    expected = profile_parameters(fit, times, signals, sample_weight=weight).to_frame()
    result = profile_parameters(fit, times, signals, sample_weight=weight)
    times *= 1e3
    signals[:] = 0.0
    weight[:] = 1.0
    others = decay(times, 50.0) + noise
    fit.set_params(bounds={"T2": (10.0, 200.0)}).fit(times, others)
    assert result.to_frame().equals(expected)


def test_curves_are_drawn_through_fits_with_the_parameter_held():
    t, rng = np.linspace(0.01, 0.3, 16), np.random.default_rng(13)
    Y = decay(t, 0.08)[:, None] + 0.05 * rng.standard_normal((16, 2))
    fit = NonlinearRelaxationFit("T2").fit(t[:, None], Y)
    result = profile_parameters(fit, t[:, None], Y)
    display = result.plot("T2", 0.8, signal=1, truth=0.08)
    assert isinstance(display, ProfileDisplay)
    assert display.ax_.get_xlabel() == "$T_{2}$ (s)"
    assert (np.diff(display.values) > 0.0).all()
    # The reference fits the amplitude alone, which is linear.
    basis = np.exp(-t / display.values[:, None])
    amplitude = basis @ Y[:, 1] / (basis**2).sum(axis=1)
    sums = ((Y[:, 1] - amplitude[:, None] * basis) ** 2).sum(axis=1)
    assert_allclose(
        display.rise, (sums - sums.min()) * 14 / sums.min(), rtol=1e-3, atol=2e-4
    )
    # Where it passes the line, the interval ends.
    low, high = result.interval("T2", 0.8)
    ends = np.interp([low[1], high[1]], display.values, display.rise)
    assert_allclose(ends, display.levels[0.8], rtol=5e-3)
    assert display.interval == (low[1], high[1])
    assert list(display.levels) == [0.5, 0.95, 0.8]
    assert display.stderr == fit.stderr_[1, 1]
    parabola = display.parabola_.get_ydata()
    near = np.abs(display.values - display.estimate) < display.stderr
    assert_allclose(parabola[near], display.rise[near], atol=0.15)


def test_what_has_no_curve_says_so():
    t, rng = np.linspace(0.01, 0.3, 16), np.random.default_rng(14)
    Y = decay(t, 0.08)[:, None] + 0.05 * rng.standard_normal((16, 3))
    Y[:, 1] = 0.0
    with pytest.warns(match="not converged"):
        fit = NonlinearRelaxationFit("T2").fit(t[:, None], Y)
    result = profile_parameters(fit, t[:, None], Y)
    with pytest.raises(ValueError, match="signal must be the number of one of 3"):
        result.plot("T2")
    with pytest.raises(ValueError, match="signal must be from 0 to 2"):
        result.plot("T2", signal=3)
    with pytest.raises(ValueError, match="signal 1 has no profile"):
        result.plot("T2", signal=1)
    with pytest.raises(ValueError, match="name must be one of"):
        result.plot("T1", signal=0)
    with pytest.raises(TypeError, match="must be a ProfileResult"):
        ProfileDisplay.from_result(fit, "T2")


def test_curves_without_an_end_are_drawn_as_far_as_they_go():
    # A decay that has hardly begun tells no upper limit of T2.
    t, rng = np.linspace(0.001, 0.01, 12), np.random.default_rng(7)
    y = decay(t, 1.0) + 0.02 * rng.standard_normal(12)
    with pytest.warns(match="not converged"):
        fit = NonlinearRelaxationFit("T2").fit(t[:, None], y)
    display = profile_parameters(fit, t[:, None], y).plot("T2")
    assert display.parabola_ is None
    assert display.interval[1] == np.inf
    assert display.rise[-1] < display.levels[0.5]
    assert (display.rise[np.isfinite(display.rise)] >= 0.0).all()
