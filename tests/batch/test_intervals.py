"""Intervals of each sample of a table are those of the sample alone."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    SmoothLasso,
    fit_batch,
)
from skrelax.batch import _fit
from skrelax.batch._intervals import seeds_of_groups
from skrelax.datasets import make_decay
from skrelax.model_selection import StrengthSearch
from skrelax.uncertainty import LogMean, Share, _resampling, bootstrap_distribution

TE = np.geomspace(2e-3, 1.0, 24)
ROLES = {"acquisition": "TE", "signal": "signal", "by": "sample"}
BUILDER = KernelBuilder("T2", n_bins=24, minimum=2e-3, maximum=2.0)
MODEL = make_pipeline(BUILDER, SmoothLasso(0.0, 1e-4))
SEARCH = make_pipeline(BUILDER, StrengthSearch(SmoothLasso(0.0), "chi2"))
SIGNED = make_pipeline(BUILDER, SmoothLasso(0.0, 1e-3, positive=False))


def table_of(n_samples=4, noise_std=0.01):
    """Return decays of two peaks, the first of which loses its share."""
    rng = np.random.default_rng(3)
    parts = []
    for k in range(n_samples):
        share = 0.6 * (1.0 - k / n_samples)
        signal = share * np.exp(-TE / 0.01) + (1.0 - share) * np.exp(-TE / 0.2)
        signal += noise_std * rng.standard_normal(TE.size)
        parts.append(pd.DataFrame({"sample": f"s{k}", "TE": TE, "signal": signal}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(
    ("model", "method"),
    [
        (MODEL, "bounds"),
        (MODEL, "simultaneous"),
        (MODEL, "unpenalised"),
        (SEARCH, "parametric"),
        (SIGNED, "residual"),
    ],
)
def test_intervals_are_those_of_the_sample_alone(model, method):
    frame = table_of(2)
    options = {"intervals": method, "n_bootstrap": 12, "random_state": 5, "level": 0.8}
    table = fit_batch(model, frame, **ROLES, **options)
    seeds = seeds_of_groups(table[["sample"]], 5)
    for (_, row), seed in zip(table.iterrows(), seeds, strict=True):
        own = frame[frame["sample"] == row["sample"]]
        alone = bootstrap_distribution(
            model, own[["TE"]], own["signal"], method=method, n_bootstrap=12,
            random_state=int(seed), level=0.8,
        ).to_frame()  # fmt: skip
        for name, expected in alone.iterrows():
            if name in ("amplitude", "log_mean"):
                assert_allclose(row[name], expected["estimate"], rtol=1e-6)
            if np.isfinite(expected["lower"]):
                found = row[[f"{name} lower", f"{name} upper"]].to_numpy(float)
                assert_allclose(found, expected[["lower", "upper"]].to_numpy(float))
                assert row[f"{name} status"] == expected["status"]
            assert_allclose(row[f"{name} stderr"], expected["std"])
    columns = list(table)
    at = columns.index("log_mean_0 lower")
    ends = ["log_mean_0 lower", "log_mean_0 upper", "log_mean_0 stderr"]
    assert columns[at : at + 4] == [*ends, "log_mean_0 status"]


@pytest.mark.parametrize("method", ["auto", "unpenalised", "residual"])
@pytest.mark.parametrize("model", [MODEL, SEARCH, SIGNED], ids=["few", "search", "any"])
def test_neither_workers_nor_other_samples_change_a_bit(model, method, monkeypatch):
    frame = table_of(5)
    options = {"intervals": method, "n_bootstrap": 8, "random_state": 1}
    whole = fit_batch(model, frame, **ROLES, **options)
    backwards = frame.iloc[::-1].sort_values("TE", kind="stable")
    part = fit_batch(model, backwards[backwards["sample"] > "s1"], **ROLES, **options)
    part = part.set_index("sample").sort_index()
    kept = whole.set_index("sample").loc["s2":]
    assert_frame_equal(part, kept[list(part)], check_exact=True)
    parallel = fit_batch(model, frame, **ROLES, **options, n_jobs=2)
    assert_frame_equal(parallel, whole, check_exact=True)
    monkeypatch.setattr(_fit, "_CHUNK", 2)
    chunked = fit_batch(model, frame, **ROLES, **options)
    assert_frame_equal(chunked, whole, check_exact=True)
    # Nor does it matter how many refits share a call.
    monkeypatch.setattr(_resampling, "_MOST_VALUES", 1)
    alone = fit_batch(model, frame, **ROLES, **options)
    assert_frame_equal(alone, whole, check_exact=True)


def test_only_refits_hang_on_the_seed():
    frame = table_of(5)
    options = {"intervals": "auto", "n_bootstrap": 8, "random_state": 1}
    options |= {"numbers": {"short": Share((0, 0.05)), "T2": LogMean()}}
    whole = fit_batch(SEARCH, frame, **ROLES, **options)
    names = [n for n in whole if n.startswith(("short ", "T2 "))]
    assert len(names) == 8
    other = fit_batch(SEARCH, frame, **ROLES, **options | {"random_state": 2})
    assert (other["short stderr"] != whole["short stderr"]).all()
    # Bounds are of the signal, and no noise is drawn for them.
    assert_frame_equal(other[names[:2]], whole[names[:2]])


@pytest.mark.parametrize("model", [MODEL, SEARCH], ids=["fixed", "search"])
def test_refits_of_samples_share_calls(model, monkeypatch):
    calls = []
    fit = SmoothLasso.fit

    def counted(self, X, y, sample_weight=None):
        calls.append(np.shape(y)[1:])
        return fit(self, X, y, sample_weight)

    monkeypatch.setattr(SmoothLasso, "fit", counted)
    options = {"n_bootstrap": 6, "random_state": 0}
    fit_batch(model, table_of(4), **ROLES, **options)
    # Nobody is alone, neither in the fit nor in the refits.
    assert {(4,), (24,)} <= set(calls)
    if model is MODEL:
        assert calls == [(4,), (24,)]


def test_a_sample_whose_refits_fail_costs_only_its_errors(monkeypatch):
    fit = SmoothLasso.fit

    def picky(self, X, y, sample_weight=None):
        # Signals that are drawn around a large one.
        if np.ndim(y) == 2 and y.shape[1] % 6 == 0 and np.max(y) > 1e3:
            raise ValueError("too large")
        return fit(self, X, y, sample_weight)

    frame = table_of(5)
    options = {"n_bootstrap": 6, "random_state": 0}
    expected = fit_batch(MODEL, frame, **ROLES, **options)
    frame.loc[frame["sample"] == "s2", "signal"] *= 1e4
    monkeypatch.setattr(SmoothLasso, "fit", picky)
    table = fit_batch(MODEL, frame, **ROLES, **options)
    assert (table["status"] == "converged").all()
    errors = table.filter(like="stderr")
    assert errors.loc[2].isna().all()
    kept = [0, 1, 3, 4]
    assert_frame_equal(table.loc[kept], expected.loc[kept], check_exact=True)


def test_seeds_are_those_of_labels():
    keys = pd.DataFrame({"sample": ["a", "b", None], "n": [1, 2, 2]})
    seeds = seeds_of_groups(keys, 0)
    assert len(set(seeds)) == 3
    assert (seeds_of_groups(keys[::-1], 0) == seeds[::-1]).all()
    others = keys.astype({"sample": "category", "n": "Int64"})
    assert (seeds_of_groups(others, 0) == seeds).all()
    assert (seeds_of_groups(keys, 1) != seeds).all()
    assert (seeds_of_groups(keys, None) != seeds).any()


def test_bounds_need_no_refits_and_numbers_may_be_named():
    numbers = ["share_0", "share_7", "log_mean"]
    table = fit_batch(MODEL, table_of(2), **ROLES, intervals="bounds", numbers=numbers)
    assert not [name for name in table if name.endswith("stderr")]
    named = [name for name in table if name.endswith(" lower")]
    assert set(named) == {"share_0 lower", "log_mean lower", "share_7 lower"}
    # 60 and 30 % are below the gap between the peaks.
    assert (table["share_0 lower"] < [0.6, 0.3]).all()
    assert (table["share_0 upper"] > [0.6, 0.3]).all()
    assert (table["share_0 status"] == "ok").all()
    assert table[["share_7 lower", "share_7 status"]].isna().all(axis=None)


def test_functions_of_the_user():
    numbers = {
        "total": lambda f, bins: f.sum(),
        "below": (lambda f, bins: f[bins < 0.05].sum() / f.sum(), "share"),
    }
    table = fit_batch(
        MODEL, table_of(2), **ROLES, intervals="unpenalised", numbers=numbers,
        n_bootstrap=20, random_state=0,
    )  # fmt: skip
    assert_allclose(table["total"], table["amplitude"], rtol=1e-6)
    assert table["below lower"].between(0.2, table["below"]).all()
    assert table["below upper"].between(table["below"], 0.8).all()


@pytest.mark.parametrize(("width", "smoothness"), [(0.01, 1e-3), (0.01, 1e-5)])
def test_errors_of_narrow_peaks_are_those_of_repeated_measurements(width, smoothness):
    # Signals drawn around the fit would scatter up to three times as much here.
    times = np.geomspace(1e-3, 3.0, 64)
    data = make_decay(
        times=times, peaks=[(0.1, width, 1.0)], noise_std=2e-3, n_signals=40,
        random_state=0,
    )  # fmt: skip
    frame = pd.DataFrame(data.y, index=times).rename_axis("TE").reset_index()
    frame = frame.melt("TE", var_name="sample", value_name="signal")
    builder = KernelBuilder("T2", n_bins=64, minimum=1e-3, maximum=10.0)
    model = make_pipeline(builder, SmoothLasso(0.0, smoothness))
    table = fit_batch(model, frame, **ROLES, n_bootstrap=30, random_state=0)
    for name in ("log_mean", "amplitude", "width"):
        claimed = np.sqrt((table[f"{name} stderr"] ** 2).mean())
        # The scatter of 40 values is known to 11 %, and 30 % are measured at most.
        assert 0.75 < claimed / table[name].std() < 1.6, name


def test_signed_distributions_with_refits_of_their_own():
    grid = np.geomspace(2e-3, 2.0, 12)
    model = MultiDimRegularizedILT("T2", grid, noise_std=0.01)
    options = {"intervals": "auto", "n_bootstrap": 4, "random_state": 0}
    row = fit_batch(model, table_of(1), **ROLES, **options).iloc[0]
    assert row["log_mean_0 lower"] < row["log_mean_0"] < row["log_mean_0 upper"]
    own = fit_batch(
        model, table_of(1), **ROLES, **options | {"intervals": "parametric"}
    )
    assert own["log_mean lower"][0] < own["log_mean upper"][0]
    with pytest.raises(ValueError, match="'bias-aware' or 'parametric'"):
        fit_batch(model, table_of(1), **ROLES, **options | {"intervals": "bounds"})


def test_noise_that_is_not_known_leaves_the_fit():
    frame = pd.DataFrame({"TE": [0.1, 2.0], "sample": 0})
    frame["signal"] = np.exp(-frame["TE"]) + np.exp(-frame["TE"] / 2.0)
    model = make_pipeline(KernelBuilder("T2", grid=[1.0, 2.0]), LassoFista(0.0))
    row = fit_batch(model, frame, **ROLES, intervals="bounds", numbers=["mean"]).iloc[0]
    assert row["status"] == "converged"
    assert pd.isna(row[["mean lower", "mean upper", "mean status"]]).all()


def test_a_sample_without_signal_costs_only_itself():
    frame = table_of(3)
    frame.loc[frame["sample"] == "s1", "signal"] = 0.0
    options = {"intervals": "auto", "numbers": ["log_mean"]}
    with pytest.warns(ConvergenceWarning, match="1 no signal"):
        table = fit_batch(MODEL, frame, **ROLES, **options)
    assert table["log_mean status"].isna().tolist() == [False, True, False]
    assert table["log_mean lower"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        (MODEL, {"intervals": "yes"}, ValueError, "intervals must be one of"),
        (MODEL, {"intervals": ["bounds"]}, ValueError, "intervals must be one of"),
        (MODEL, {"level": 1.0}, ValueError, "level must be between 0 and 1"),
        (MODEL, {"level": "x"}, ValueError, "level must be between 0 and 1"),
        (MODEL, {"intervals": None}, ValueError, "got intervals=None"),
        (MODEL, {"numbers": "share_0"}, TypeError, "numbers must be names"),
        (MODEL, {"numbers": []}, ValueError, "at least one number"),
        (MODEL, {"numbers": [3]}, TypeError, "text for names"),
        (MODEL, {"numbers": {"a": 3}}, TypeError, "Share, LogMean, TimeRatio"),
        (MODEL, {"numbers": {"a": (len, "x")}}, ValueError, "scales among"),
        (MODEL, {"numbers": ["shares"]}, ValueError, r"numbers\['shares'\]: it must"),
        (MODEL, {"numbers": {"a": len}}, ValueError, "take 'unpenalised' for other"),
        (MODEL, {"numbers": {"log_mean": Share((0, 1))}}, ValueError, "not those of"),
        (MODEL, {"numbers": {"score": Share((0, 1))}}, ValueError, "not those of"),
        (
            MODEL,
            {"numbers": {"a": Share((0, 1)), "a lower": Share((0, 1))}},
            ValueError,
            "a column of 'a'",
        ),
        (MODEL, {"numbers": {"": Share((0, 1))}}, ValueError, "must have names, got"),
        (MODEL, {"numbers": {"a": (len,)}}, TypeError, "a pair of a function and"),
        (MODEL, {"numbers": {"a": LogMean(axis=1)}}, ValueError, r"numbers\['a'\]: ax"),
        (MODEL, {"intervals": "residual"}, ValueError, "n_bootstrap must be at least"),
        (SIGNED, {"intervals": "bounds"}, ValueError, "may be negative"),
        (NonlinearRelaxationFit(), {}, ValueError, "among the parameters"),
        (LassoFista(0.1), {}, ValueError, "no fixed KernelBuilder"),
    ],
)
def test_a_wrong_call_is_one_error(model, options, error, message):
    options = {"intervals": "auto", "numbers": ["log_mean"]} | options
    with pytest.raises(error, match=message):
        fit_batch(model, table_of(2), **ROLES, **options)


@pytest.mark.parametrize(
    ("function", "message"),
    [(lambda f, bins: f, "got shape"), (lambda f, bins: 1 / 0, "ZeroDivisionError")],
)
def test_functions_that_fail_are_one_error(function, message):
    options = {"intervals": "unpenalised", "n_bootstrap": 2, "random_state": 0}
    with pytest.raises(ValueError, match=message):
        fit_batch(MODEL, table_of(2), **ROLES, **options, numbers={"a": function})
