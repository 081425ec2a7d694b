"""Intervals of functions of fitted parameters: limits, references, errors."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.optimize import minimize

from skrelax import NonlinearRelaxationFit, fit_batch
from skrelax.nonlinear import _profiles
from skrelax.uncertainty import Share, profile_parameters

TE = np.linspace(0.005, 0.32, 40)
# Ends are found to 1e-5 of the width of an interval; derivatives by differences are as
# good.
CLOSE = 1e-4


def decays(n_signals, noise=0.01, seed=0):
    """Return acquisition, signals of two decays, their fit and its profiles."""
    rng = np.random.default_rng(seed)
    clean = 0.4 * np.exp(-TE / 0.02) + 0.6 * np.exp(-TE / 0.1)
    Y = clean[:, None] + noise * rng.standard_normal((TE.size, n_signals))
    fit = NonlinearRelaxationFit("T2-biexponential", magnitude=False)
    fit.fit(TE[:, None], Y)
    return Y, fit, profile_parameters(fit, TE[:, None], Y)


Y, _, RESULT = decays(3)


def ratio(T2_short, T2_long):
    return T2_long / T2_short


def short(M0, fraction_short):
    return M0 * fraction_short


def test_a_rate_has_the_ends_of_its_time():
    for level in (0.5, 0.9, 0.99):
        lower, upper = RESULT.interval("T2_short", level)
        found = RESULT.interval(lambda T2_short: 1.0 / T2_short, level)
        # Exactly: the function at the ends, the other way round.
        assert_array_equal(found, [1.0 / upper, 1.0 / lower])
        found = RESULT.interval(lambda T2_short: np.log10(T2_short), level)
        assert_array_equal(found, [np.log10(lower), np.log10(upper)])
        found = RESULT.interval(lambda M0: 3.0 * M0, level)
        assert_array_equal(found, 3.0 * np.array(RESULT.interval("M0", level)))
    rate = lambda T2_short: 1.0 / T2_short  # noqa: E731
    T2 = RESULT.estimate("T2_short")
    assert_array_equal(RESULT.estimate(rate), 1.0 / T2)
    assert_array_equal(RESULT.status(rate), RESULT.status("T2_short"))
    # The linearised model: d(1 / T2) = dT2 / T2^2.
    assert_allclose(RESULT.std(rate), RESULT.std("T2_short") / T2**2, rtol=1e-6)


def test_a_function_of_several_that_is_one_of_them_has_its_interval():
    for name in RESULT.names:
        other = "T2_long" if name != "T2_long" else "M0"
        function = eval(f"lambda {name}, {other}: {name} + 0.0 * {other}")
        lower, upper = RESULT.interval(name, 0.8)
        found = RESULT.interval(function, 0.8)
        atol = CLOSE * (upper - lower).max()
        assert_allclose(found, [lower, upper], rtol=0, atol=atol)
        assert_allclose(RESULT.std(function), RESULT.std(name), rtol=1e-6)


def reference(y, function, level):
    """Return the extremes of a function where the misfit is small enough."""
    own = NonlinearRelaxationFit("T2-biexponential", magnitude=False)
    own.fit(TE[:, None], y)
    center = own.params_

    def misfit(x):
        M0, f, T2_short, T2_long = center * np.exp(x)
        signal = M0 * (f * np.exp(-TE / T2_short) + (1 - f) * np.exp(-TE / T2_long))
        return ((y - signal) ** 2).sum()

    least, free = misfit(np.zeros(4)), TE.size - 4
    allowed = least * (1.0 + stats.t.ppf(0.5 + 0.5 * level, free) ** 2 / free)
    ends = []
    for sign in (1.0, -1.0):
        found = minimize(
            lambda x, s=sign: s * np.log(function(center * np.exp(x))), np.zeros(4),
            method="SLSQP", options={"maxiter": 500, "ftol": 1e-10},
            bounds=[(-1.0, 1.0)] * 4,
            constraints={
                "type": "ineq", "fun": lambda x: 100.0 * (1.0 - misfit(x) / allowed)
            },
        )  # fmt: skip
        assert_allclose(misfit(found.x), allowed, rtol=1e-4)
        ends.append(function(center * np.exp(found.x)))
    return ends


@pytest.mark.parametrize("level", [0.5, 0.9])
@pytest.mark.parametrize(
    ("function", "plain"),
    [
        (ratio, lambda p: p[3] / p[2]),
        (short, lambda p: p[0] * p[1]),
        (
            lambda fraction_short, T2_short, T2_long: (
                fraction_short * T2_short + (1.0 - fraction_short) * T2_long
            ),
            lambda p: p[1] * p[2] + (1.0 - p[1]) * p[3],
        ),
    ],
    ids=["ratio", "amplitude", "mean"],
)
def test_ends_are_the_extremes_within_the_region_that_fits(function, plain, level):
    found = np.array(RESULT.interval(function, level))
    on_scale = np.array(RESULT.interval(function, level, scale="time"))
    for k, y in enumerate(Y.T):
        expected = reference(y, plain, level)
        # SLSQP ends at some 1e-5 of the misfit.
        atol = 1e-3 * np.ptp(expected)
        assert_allclose(found[:, k], expected, rtol=0, atol=atol)
        # The scale of the search does not matter.
        assert_allclose(on_scale[:, k], found[:, k], rtol=0, atol=CLOSE * np.ptp(found))
    assert (RESULT.status(function, level) == "ok").all()


def test_what_was_known_may_be_taken():
    known = {"T2_long": 0.1}
    fit = NonlinearRelaxationFit("T2-biexponential", magnitude=False)
    fit.fit(TE[:, None], Y[:, 0], known=known)
    result = profile_parameters(fit, TE[:, None], Y[:, 0], known=known)
    # It is as sure as it was.
    lower, upper = result.interval("T2_short")
    assert_array_equal(result.interval(ratio), [0.1 / upper, 0.1 / lower])
    assert result.estimate(ratio) == 0.1 / result.estimate("T2_short")
    expected = 0.1 * np.array(result.interval(lambda M0, T2_short: M0 * T2_short))
    found = result.interval(lambda M0, T2_short, T2_long: M0 * T2_short * T2_long)
    assert_allclose(found, expected, rtol=1e-6)
    with pytest.raises(ValueError, match="at least one of the parameters"):
        result.interval(lambda T2_long: T2_long)


def test_functions_that_turn_have_their_extremes():
    lower, upper = RESULT.interval("T2_short")
    values = np.linspace(lower, upper, 200_001)
    for function in (
        lambda T2_short: (T2_short - 0.0201) ** 2,
        lambda T2_short: np.sin(400.0 * T2_short),
        lambda T2_short: np.abs(T2_short - 0.0195),
    ):
        found = RESULT.interval(function)
        expected = function(values).min(axis=0), function(values).max(axis=0)
        assert_allclose(found, expected, rtol=0, atol=1e-7)


def test_signals_workers_and_chunks_do_not_change_a_bit(monkeypatch):
    _, fit, result = decays(5)
    both = result.interval(ratio), result.interval(lambda T2_long: T2_long**2)
    for k in range(5):
        y = decays(5)[0][:, k]
        own = NonlinearRelaxationFit("T2-biexponential", magnitude=False)
        own.fit(TE[:, None], y)
        alone = profile_parameters(own, TE[:, None], y)
        assert_array_equal(alone.interval(ratio), np.array(both[0])[:, k])
    monkeypatch.setattr(_profiles, "_TOGETHER", 2)
    parts = profile_parameters(fit, TE[:, None], decays(5)[0], n_jobs=2)
    assert_array_equal(parts.interval(ratio), both[0])
    assert_array_equal(parts.std(ratio), result.std(ratio))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scales_decide_what_is_not_identifiable():
    _, _, noisy = decays(40, noise=0.1, seed=1)
    wide = noisy.interval(ratio, scale="time")
    told = noisy.status(ratio, scale="time")
    there = told != "no value"
    with np.errstate(invalid="ignore"):
        too_wide = np.isinf(wide[1]) | (wide[1] > 10.0 * wide[0])
    assert_array_equal(too_wide[there], (told == "not identifiable")[there])
    assert "not identifiable" in told
    # The same profile as of the share by its name, on its scale.
    alone = lambda fraction_short: fraction_short  # noqa: E731
    assert_array_equal(
        noisy.status(alone, scale="share"), noisy.status("fraction_short")
    )
    assert_array_equal(
        noisy.interval(alone, scale="share"), noisy.interval("fraction_short")
    )
    # A ratio that bounds keep above one has no fits below.
    lower, _ = noisy.interval(ratio)
    assert (lower[~np.isnan(lower)] >= 1.0 - 1e-6).all()


def test_numbers_without_a_value():
    empty = np.zeros((40, 2))
    empty[:, 0] = Y[:, 0]
    with pytest.warns(UserWarning, match="no signal"):
        fit = NonlinearRelaxationFit("T2-biexponential", magnitude=False).fit(
            TE[:, None], empty
        )
    result = profile_parameters(fit, TE[:, None], empty)
    for function in (ratio, lambda M0: M0**2):
        assert result.status(function)[1] == "no value"
        assert np.isnan(result.interval(function)[0][1])
        assert np.isfinite(result.interval(function)[0][0])
    # No logarithm of what is negative.
    never = lambda M0, T2_long: np.log(-M0) * T2_long  # noqa: E731
    assert (RESULT.status(never) == "no value").all()
    minus = lambda M0: -M0  # noqa: E731
    assert (RESULT.status(minus, scale="time") == "no value").all()
    assert np.isnan(RESULT.estimate(minus, scale="time")).all()


def test_results_keep_nothing_that_cannot_go_along():
    result = decays(1)[2]
    expected = result.interval(ratio)
    result.interval(lambda M0: M0)
    copied = pickle.loads(pickle.dumps(result))
    assert_array_equal(copied.interval(ratio), expected)
    assert copied.interval("M0")[0] == result.interval("M0")[0]


def spoil(T2_short, T2_long):
    T2_short *= 2.0
    return T2_long / T2_short


def test_functions_that_change_their_input_change_nothing_else():
    before = RESULT.estimates.copy()
    expected = RESULT.interval(lambda T2_short, T2_long: T2_long / (2.0 * T2_short))
    assert_array_equal(RESULT.interval(spoil), expected)
    assert_array_equal(RESULT.estimates, before)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda T3: T3, r"named \['M0', .* got one that takes 'T3'"),
        (lambda: 1.0, "at least one of the parameters"),
        (lambda *values: values[0], "takes 'values'"),
        (np.exp, "name must be a function"),
        (Share((0, 1)), "takes 'distribution'"),
        (lambda M0, T2_long: None, "got None"),
        (lambda M0, T2_long: 1.0, r"got shape \(\)"),
        (lambda M0, T2_long: np.ones(2), r"got shape \(2,\)"),
        (lambda M0, T2_long: M0 + 1j, "real numbers"),
        (lambda M0, T2_long: "x", "hold numbers"),
        (lambda M0, T2_long: 1 / 0, "raised ZeroDivisionError"),
        (lambda M0: 1 / 0, "raised ZeroDivisionError"),
        (lambda M0: M0 if M0 > 0.0 else -M0, "raised ValueError: The truth value"),
        (lambda M0, T2_long: M0 / T2_long.sum(), "does not hang on the others"),
    ],
)
def test_functions_that_are_none_of_parameters(function, message):
    for ask in (RESULT.interval, RESULT.status, RESULT.std, RESULT.estimate):
        if ask == RESULT.std and "others" in message:
            continue
        with pytest.raises(ValueError, match=message):
            ask(function)
    with pytest.raises(ValueError, match="name must be one of"):
        RESULT.plot(function, signal=0)


def test_scales_and_levels_that_are_none():
    with pytest.raises(ValueError, match="scale must be one of"):
        RESULT.interval(ratio, scale="log")
    with pytest.raises(ValueError, match="scale='share' is for numbers from 0 to 1"):
        RESULT.interval(ratio, scale="share")
    with pytest.raises(ValueError, match="level must be"):
        RESULT.interval(ratio, 1.0)


def test_tables_have_functions_of_parameters():
    parts = [
        pd.DataFrame({"sample": f"s{k}", "TE": TE, "signal": Y[:, k]}) for k in range(3)
    ]
    numbers = {"R2": lambda T2_long: 1.0 / T2_long, "ratio": (ratio, "time")}
    table = fit_batch(
        NonlinearRelaxationFit("T2-biexponential", magnitude=False),
        pd.concat(parts), acquisition="TE", signal="signal", by="sample",
        intervals="profile", numbers=numbers,
    )  # fmt: skip
    assert_array_equal(table["R2"], 1.0 / table["T2_long"])
    lower, upper = RESULT.interval(ratio, scale="time")
    assert_array_equal(table["ratio lower"], lower)
    assert_array_equal(table["ratio upper"], upper)
    assert (table["ratio status"] == "ok").all()
    assert "T2_long lower" not in table
