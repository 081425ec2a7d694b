"""What is said of intervals: limits, the same words everywhere, bounds of refits."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista, SmoothLasso, fit_batch
from skrelax.inversion import RicianInversion
from skrelax.uncertainty import LogMean, Share, _result, bootstrap_distribution

TIMES = np.geomspace(1e-3, 3.0, 48)[:, None]
BINS = np.geomspace(1e-3, 10.0, 40)
REFITS = ("unpenalised", "parametric", "residual")
METHODS = ("bounds", "simultaneous", *REFITS)


def signal(noise=2e-3, seed=0, late=0.3, share=0.5):
    rng = np.random.default_rng(seed)
    clean = np.exp(-TIMES / [0.05, late]) @ [1.0 - share, share]
    return clean + noise * rng.standard_normal(len(TIMES))


def measure(y, method="bounds", smoothness=1e-4, bins=BINS, **settings):
    model = make_pipeline(KernelBuilder("T2", grid=bins), SmoothLasso(0.0, smoothness))
    settings = {"n_bootstrap": 30, "random_state": 0} | settings
    return bootstrap_distribution(model, TIMES, y, method=method, **settings)


def test_penalties_that_shift_an_estimate_are_told():
    # A penalty that leaves nearly nothing but a flat distribution, and a signal that
    # refutes it: the interval holds the truth, which the estimate is far from.
    truth = np.sqrt(0.05 * 0.3)
    strong = measure(signal(), smoothness=1e3)
    lower, upper = strong.interval("log_mean")
    assert lower < truth < upper
    assert not lower <= strong.estimate("log_mean") <= upper
    assert strong.status("log_mean") == "estimate outside"
    weak = measure(signal())
    lower, upper = weak.interval("log_mean")
    assert lower < weak.estimate("log_mean") < upper
    assert weak.status("log_mean") == "ok"


def test_penalties_that_leave_nothing_there_are_told():
    # The LASSO of a strong penalty has no bin for a part of 5 %, which the signal has.
    model = make_pipeline(KernelBuilder("T2", grid=BINS), LassoFista(0.1))
    y = signal(1e-3, late=1.0, share=0.05)
    result = bootstrap_distribution(model, TIMES, y, n_bootstrap=2)
    late = LogMean((0.4, np.inf))
    assert np.isnan(result.estimate(late))
    lower, upper = result.interval(late)
    assert 0.9 < lower < upper < 1.5
    assert result.status(late) == "estimate outside"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("smoothness", [1e-5, 1e-2, 10.0])
def test_nothing_that_is_ok_has_its_estimate_outside(method, smoothness):
    for noise in (1e-3, 1e-2):
        frame = measure(signal(noise), method, smoothness).to_frame()
        there = frame[frame["status"].isin(["ok", "estimate outside"])]
        slack = 1e-6 * there[["estimate", "upper"]].max(axis=1).clip(lower=1.0)
        inside = there["estimate"].between(
            there["lower"] - slack, there["upper"] + slack
        )
        assert (inside == (there["status"] == "ok")).all()


def test_signed_estimates_may_be_outside_too():
    model = make_pipeline(
        KernelBuilder("T2", grid=BINS), SmoothLasso(0.0, 1e3, positive=False)
    )
    result = bootstrap_distribution(model, TIMES, signal(), n_bootstrap=2)
    late = LogMean((0.02, np.inf))
    assert result.method == "bias-aware"
    lower, upper = result.interval(late)
    assert not lower <= result.estimate(late) <= upper
    assert result.status(late) == "estimate outside"


@pytest.mark.parametrize("smoothness", [1e-4, 1e3])
def test_tables_say_the_same_as_single_results(smoothness):
    frame = pd.DataFrame({"TE": TIMES[:, 0], "signal": signal(), "sample": "a"})
    model = make_pipeline(KernelBuilder("T2", grid=BINS), SmoothLasso(0.0, smoothness))
    table = fit_batch(
        model, frame, acquisition=["TE"], signal="signal", by=["sample"],
        intervals="bounds", numbers=["log_mean", "amplitude"],
    )  # fmt: skip
    result = measure(signal(), smoothness=smoothness)
    for name in ("log_mean", "amplitude"):
        assert table[f"{name} status"][0] == result.status(name)
        assert result.to_frame().loc[name, "status"] == result.status(name)
    told = "ok" if smoothness < 1.0 else "estimate outside"
    assert table["log_mean status"][0] == told


# A border between peaks that are not resolved, and one far from all.
CLOSE = {"noise": 0.02, "late": 0.12}
HIDDEN, PLAIN = Share((0, 0.077)), Share((0, 0.01))


@pytest.mark.parametrize("method", REFITS)
def test_refits_know_what_bounds_know(method):
    bounds = measure(signal(**CLOSE))
    assert bounds.status(HIDDEN) == "not identifiable"
    assert bounds.status(PLAIN) == "ok"
    result = measure(signal(**CLOSE), method, smoothness=1.0)
    lower, upper = result.interval(HIDDEN)
    # By themselves refits are sure of it, a tenth as wide as what fits as well.
    assert 0.4 < lower < upper < lower + 0.07
    assert np.diff(bounds.interval(HIDDEN)) > 0.5
    assert result.status(HIDDEN) == "not identifiable"
    assert result.status(PLAIN) in ("ok", "estimate outside")
    assert result.status(lambda f, bins: f[3]) in ("ok", "estimate outside")


@pytest.mark.parametrize("method", REFITS)
def test_refits_are_never_surer_than_bounds(method):
    for noise, seed in ((1e-3, 1), (1e-2, 2), (0.1, 3)):
        y = signal(noise, seed)
        known = {} if method == "residual" else {"noise_std": noise}
        bounds = measure(y, noise_std=noise) if known else measure(y)
        result = measure(y, method, **known)
        for level in (0.5, 0.9):
            for number in (HIDDEN, PLAIN, LogMean(), LogMean((1.0, np.inf))):
                if bounds.status(number, level) in ("not identifiable", "does not fit"):
                    told = result.status(number, level)
                    assert told in (bounds.status(number, level), "no value")
        frame = result.to_frame()
        assert all(result.status(name) == frame.loc[name, "status"] for name in frame.T)


@pytest.mark.parametrize("method", REFITS)
def test_refits_know_that_nothing_fits(method):
    few = np.geomspace(1e-3, 10.0, 7)
    result = measure(signal(1e-3), method, bins=few)
    assert (result.to_frame()["status"] == "does not fit").all()
    # So does a number of any other kind, for the fit is what is wrong.
    assert result.status(lambda f, bins: f.max()) == "does not fit"
    copied = pickle.loads(pickle.dumps(measure(signal(1e-3), method, bins=few)))
    assert copied.status("log_mean") == "does not fit"


def test_bounds_are_computed_when_a_status_is_asked_for(monkeypatch):
    asked = []

    def count(*given):
        asked.append(given)
        return find(*given)

    find = _result.bound_values
    monkeypatch.setattr(_result, "bound_values", count)
    result = measure(signal(), "parametric")
    result.interval("log_mean")
    result.std("log_mean")
    assert not asked
    assert result.status("log_mean") == result.status("log_mean")
    assert len(asked) == 1
    # Tables of many samples do not pay for what nobody asked for.
    frame = pd.DataFrame({"TE": TIMES[:, 0], "signal": signal(**CLOSE), "sample": "a"})
    table = fit_batch(
        make_pipeline(KernelBuilder("T2", grid=BINS), SmoothLasso(0.0, 1.0)), frame,
        acquisition=["TE"], signal="signal", by=["sample"], intervals="parametric",
        numbers={"hidden": HIDDEN}, n_bootstrap=10, random_state=0,
    )  # fmt: skip
    assert len(asked) == 1
    assert table["hidden status"][0] != "not identifiable"


def test_what_has_no_bounds_is_judged_by_its_refits():
    y = np.abs(signal(1e-2))
    builder = KernelBuilder("T2", grid=BINS)
    settings = {"n_bootstrap": 10, "random_state": 0, "method": "parametric"}
    for inversion in (
        make_pipeline(builder, SmoothLasso(0.0, 1.0, positive=False)),
        RicianInversion(make_pipeline(builder, SmoothLasso(0.0, 1.0)), noise_std=0.01),
    ):
        result = bootstrap_distribution(inversion, TIMES, y, **settings)
        assert result._problem() is None
        assert result.status(PLAIN) in ("ok", "estimate outside")
    # Two points do not tell their noise, so that nobody asks their bounds.
    few = make_pipeline(KernelBuilder("T2", grid=[0.05, 0.3]), LassoFista(0.0))
    result = bootstrap_distribution(
        few, TIMES[[10, 40]], y[[10, 40]], noise_std=0.01, **settings
    )
    assert result.status("log_mean") in ("ok", "estimate outside")
