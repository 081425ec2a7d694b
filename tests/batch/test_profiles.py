"""Intervals by profile likelihood of each sample of a table."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, NonlinearRelaxationFit, SmoothLasso, fit_batch
from skrelax.batch import _fit
from skrelax.nonlinear import _profiles
from skrelax.uncertainty import profile_parameters

TE = np.linspace(0.005, 0.32, 40)
ROLES = {"acquisition": "TE", "signal": "signal", "by": "sample"}
MODEL = NonlinearRelaxationFit("T2-biexponential", magnitude=False)
NAMES = ["M0", "fraction_short", "T2_short", "T2_long"]


def table_of(n_samples, noise_std=0.008):
    """Return decays with a short part that gets smaller, of two acquisitions."""
    rng, parts = np.random.default_rng(4), []
    for k in range(n_samples):
        share, times = 0.4 * (1.0 - 0.5 * k / n_samples), TE if k % 3 else TE[::2]
        signal = share * np.exp(-times / 0.02) + (1.0 - share) * np.exp(-times / 0.1)
        signal = signal + noise_std * rng.standard_normal(times.size)
        parts.append(pd.DataFrame({"sample": f"s{k}", "TE": times, "signal": signal}))
    return pd.concat(parts, ignore_index=True)


def test_intervals_are_those_of_the_sample_alone():
    frame = table_of(6)
    table = fit_batch(MODEL, frame, **ROLES, intervals="profile", level=0.8)
    for _, row in table.iterrows():
        own = frame[frame["sample"] == row["sample"]]
        fit = NonlinearRelaxationFit(**MODEL.get_params()).fit(
            own[["TE"]], own["signal"]
        )
        alone = profile_parameters(fit, own[["TE"]], own["signal"], level=0.8)
        for name, expected in alone.to_frame().iterrows():
            assert row[name] == expected["estimate"]
            # To the last bit, whoever is fitted with it.
            ends = row[[f"{name} lower", f"{name} upper"]].to_list()
            assert_array_equal(ends, expected[["lower", "upper"]].to_list())
            assert row[f"{name} status"] == expected["status"]
    assert (table["fraction_short lower"] <= table["fraction_short"]).all()
    assert (table["fraction_short"] <= table["fraction_short upper"]).all()


def test_neither_workers_nor_other_samples_change_a_bit(monkeypatch):
    frame = table_of(14)
    options = {"intervals": "auto", "numbers": ["fraction_short", "T2_long"]}
    whole = fit_batch(MODEL, frame, **ROLES, **options)
    names = [n for n in whole if n.startswith(("fraction_short ", "T2_long "))]
    assert len(names) == 8
    backwards = frame.iloc[::-1].sort_values("TE", kind="stable")
    part = fit_batch(MODEL, backwards[backwards["sample"] > "s4"], **ROLES, **options)
    part = part.set_index("sample").sort_index()
    expected = whole.set_index("sample").sort_index().loc[part.index]
    assert_frame_equal(part[names], expected[names], check_exact=True)
    parallel = fit_batch(MODEL, frame, **ROLES, **options, n_jobs=2)
    assert_frame_equal(parallel[names], whole[names], check_exact=True)
    monkeypatch.setattr(_fit, "_CHUNK", 3)
    monkeypatch.setattr(_profiles, "_TOGETHER", 2)
    chunked = fit_batch(MODEL, frame, **ROLES, **options)
    assert_frame_equal(chunked[names], whole[names], check_exact=True)


@pytest.mark.parametrize(
    "settings",
    [{"model": "T1-IR-efficiency"}, {"noise": "rician"}, {"noise_std": 0.03}],
    ids=["polarity", "rician", "known noise"],
)
def test_bits_of_other_fits_do_not_hang_on_each_other(settings):
    settings = {"model": "T2", "magnitude": True} | settings
    is_recovery = settings["model"] != "T2"
    rng, parts = np.random.default_rng(6), []
    column = "TI" if is_recovery else "TE"
    for k in range(9):
        noise = 0.03 * rng.standard_normal((2, TE.size))
        clean = np.exp(-TE / (0.02 + 0.01 * k))
        clean = 1.0 - 1.8 * clean if is_recovery else clean
        signal = np.hypot(clean + noise[0], noise[1])
        parts.append(pd.DataFrame({"sample": k, column: TE, "signal": signal}))
    frame = pd.concat(parts, ignore_index=True)
    roles = ROLES | {"acquisition": column}
    model = NonlinearRelaxationFit(**settings)
    whole = fit_batch(model, frame, **roles, intervals="profile")
    assert np.isfinite(whole.filter(like="lower")).all(axis=None)
    for k in (0, 4):
        own = frame[frame["sample"] == k]
        alone = fit_batch(model, own, **roles, intervals="profile")
        found = whole[whole["sample"] == k].reset_index(drop=True)
        names = alone.filter(regex="lower|upper|stderr").columns
        assert_frame_equal(found[names], alone[names], check_exact=True)


def test_fits_without_an_interval_keep_their_row():
    frame = table_of(3)
    frame.loc[frame["sample"] == "s1", "signal"] = 0.0
    with pytest.warns(ConvergenceWarning, match="1 no signal"):
        table = fit_batch(MODEL, frame, **ROLES, intervals="profile")
    assert table["M0 status"].tolist() == ["ok", "no value", "ok"]
    assert np.isnan(table["M0 lower"][1])
    # As many points as parameters leave nothing that tells the noise.
    pair = pd.DataFrame({"sample": 0, "TE": [0.01, 0.05], "signal": [0.9, 0.5]})
    row = fit_batch(NonlinearRelaxationFit("T2"), pair, **ROLES, intervals="profile")
    assert row["T2 status"].to_list() == ["no value"]
    assert np.isfinite(row["T2"][0])


def test_searches_and_weights():
    frame = table_of(2).assign(weight=1.0)
    frame.loc[frame.index[5::7], "weight"] = 0.25
    search = GridSearchCV(
        NonlinearRelaxationFit(magnitude=False), {"model": ["T2-biexponential"]}, cv=4
    )
    options = {"intervals": "profile", "numbers": ["T2_long"]}
    table = fit_batch(search, frame, **ROLES, **options, sample_weight="weight")
    plain = fit_batch(MODEL, frame, **ROLES, **options, sample_weight="weight")
    columns = ["T2_long lower", "T2_long upper", "T2_long status"]
    assert_frame_equal(table[columns], plain[columns])
    without = fit_batch(MODEL, frame, **ROLES, **options)
    assert (without[columns[0]] != plain[columns[0]]).all()


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (MODEL, {"numbers": ["T3"]}, r"among the parameters \['M0', .* got 'T3'"),
        (MODEL, {"numbers": {"M0": len}}, "not those of columns, got 'M0'"),
        (MODEL, {"numbers": {"a": len}}, r"numbers\['a'\]: name must be a function of"),
        (MODEL, {"numbers": {"a": lambda T2_long: 1.0}}, "a number for each of"),
        (MODEL, {"intervals": "bounds"}, "take 'profile'"),
        (
            make_pipeline(KernelBuilder("T2"), SmoothLasso()), {},
            "a SmoothLasso has no profile likelihood; take 'auto'",
        ),
    ],
)  # fmt: skip
def test_a_wrong_call_is_one_error(model, options, message):
    options = {"intervals": "profile"} | options
    with pytest.raises(ValueError, match=message):
        fit_batch(model, table_of(2), **ROLES, **options)
