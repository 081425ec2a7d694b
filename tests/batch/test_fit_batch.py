"""Long tables: one row per sample, as if each had been fitted alone."""

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    ReferenceScheme,
    SmoothLasso,
    SmoothLassoCV,
    TSVDCompressor,
    fit_batch,
)
from skrelax.batch._intervals import seeds_of_groups
from skrelax.datasets import make_decay
from skrelax.inversion import KernelParameterSearch
from skrelax.metrics import (
    distribution_peaks,
    distribution_statistics,
    log_mean,
)
from skrelax.model_selection import InterleavedKFold, StrengthSearch
from skrelax.signals import EPGEchoTrain, InversionRecovery
from skrelax.utils._inspect import final_step, find_builder, treats_signals_alone

TE = 0.01 * np.arange(1, 25)
ROLES = {"acquisition": "TE", "signal": "signal", "by": ["sample", "temperature"]}
BUILDER = KernelBuilder("T2", n_bins=25, minimum=0.005, maximum=1.0)
ILT_GRID = np.geomspace(0.003, 3.0, 30)


def long_table(n_samples=4, noise_std=0.005, scale=0.02):
    """Return decays of samples at two temperatures; the second train is shorter."""
    rng = np.random.default_rng(0)
    parts = []
    for sample in range(n_samples):
        for temperature in (290, 310):
            times = TE if temperature == 290 else TE[:20]
            T2 = scale * (1 + sample) * temperature / 290
            signal = (1 + sample) * np.exp(-times / T2)
            part = pd.DataFrame({"TE": times})
            part["signal"] = signal + noise_std * rng.standard_normal(times.size)
            part["sample"], part["temperature"] = f"s{sample}", temperature
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def groups_of(frame):
    by = frame.groupby(ROLES["by"], sort=False)
    return [(key, part[["TE"]], part["signal"].to_numpy()) for key, part in by]


SEARCH = {"smoothlasso__smoothness": [1e-4, 1e-2]}
EPG = make_pipeline(
    KernelBuilder(EPGEchoTrain(echo_spacing=0.01), n_bins=12), SmoothLasso()
)
ESTIMATORS = {
    "lasso": make_pipeline(BUILDER, LassoFista(1e-4)),
    "compressed": make_pipeline(BUILDER, TSVDCompressor(), LassoFista(1e-4)),
    "smooth": make_pipeline(BUILDER, SmoothLasso(1e-5, 1e-3, fit_intercept=True)),
    "lasso CV": make_pipeline(BUILDER, LassoFistaCV(8)),
    "smooth CV": make_pipeline(BUILDER, SmoothLassoCV(2, 4)),
    "grid search": GridSearchCV(
        make_pipeline(BUILDER, SmoothLasso()), SEARCH, cv=InterleavedKFold(3)
    ),
    "inner search": make_pipeline(
        BUILDER, GridSearchCV(LassoFista(), {"alpha": [1e-4, 1e-3]}, cv=3)
    ),
    "strength": StrengthSearch(make_pipeline(BUILDER, SmoothLasso()), strengths=8),
    "kernel parameter": KernelParameterSearch(
        EPG, values=np.linspace(120, 180, 5)
    ),
    "kernel parameter, CV": KernelParameterSearch(
        make_pipeline(EPG[0], SmoothLassoCV(2, 4, cv=3)), values=[120, 140, 160, 180]
    ),
    "signed": MultiDimRegularizedILT(
        "T2", ILT_GRID, noise_std=0.005, scheme=ReferenceScheme(30)
    ),
    "signed, convergent": MultiDimRegularizedILT("T2", ILT_GRID, scheme="convergent"),
    "nonlinear": NonlinearRelaxationFit("T2"),
    "nonlinear search": GridSearchCV(
        NonlinearRelaxationFit(), {"model": ["T2", "T2-offset"]}, cv=InterleavedKFold(3)
    ),
}  # fmt: skip
TOGETHER = {"lasso", "compressed", "smooth", "signed", "signed, convergent",
            "nonlinear", "kernel parameter", "kernel parameter, CV"}  # fmt: skip
# Those that share a call where each signal gets its own choice.
CHOOSING = {"lasso CV", "smooth CV"}


def test_noise_free_decays_give_their_parameters():
    frame = long_table(noise_std=0.0)
    table = fit_batch(NonlinearRelaxationFit("T2"), frame, **ROLES)
    assert list(table.columns) == [
        "sample", "temperature", "n_points", "M0", "T2", "M0 stderr", "T2 stderr",
        "noise", "score", "status", "message",
    ]  # fmt: skip
    assert table["sample"].tolist() == [f"s{k}" for k in range(4) for _ in range(2)]
    assert table["n_points"].tolist() == [24, 20] * 4
    number = table["sample"].str[1:].astype(int) + 1
    # The splines behind the fit are accurate to 1e-8.
    assert_allclose(table["M0"], number, rtol=1e-6)
    assert_allclose(table["T2"], 0.02 * number * table["temperature"] / 290, rtol=1e-6)
    assert set(table["status"]) == {"converged"}
    assert set(table["message"]) == {"ok"}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_rows_are_those_of_fits_one_by_one(name):
    estimator, frame = ESTIMATORS[name], long_table(3)
    assert treats_signals_alone(estimator) == (name in TOGETHER)
    table = fit_batch(estimator, frame, **ROLES)
    groups = groups_of(frame)
    assert [tuple(row) for row in table[ROLES["by"]].values] == [g[0] for g in groups]
    for (_, X, y), (_, row) in zip(groups, table.iterrows(), strict=True):
        alone = clone(estimator).fit(X, y)
        last = final_step(alone)
        residuals = y - alone.predict(X)
        # Sums of several signals are rounded in another order.
        score = 1 - (residuals**2).sum() / ((y - y.mean()) ** 2).sum()
        assert_allclose(row["score"], score, rtol=1e-9)
        if isinstance(last, NonlinearRelaxationFit):
            for k, parameter in enumerate(last.param_names_):
                assert_allclose(row[parameter], last.params_[k], rtol=1e-9)
                assert_allclose(row[f"{parameter} stderr"], last.stderr_[k], rtol=1e-6)
            assert row["status"] == last.to_frame()["status"][0]
            continue
        if isinstance(last, MultiDimRegularizedILT):
            f, times = last.distribution_, last.grids_[0]
            assert_allclose(row["negative_amplitude"], f[f < 0].sum(), rtol=1e-6)
            assert_allclose(row["noise"], last.noise_std_, rtol=1e-9)
        else:
            builder = find_builder(alone) or last
            f, times = last.coef_, builder.relaxation_times_
        assert_allclose(row["log_mean"], log_mean(f, times), rtol=1e-7)
        peaks = distribution_peaks(f, times)
        assert row["n_peaks"] == len(peaks)
        assert row["n_edge_peaks"] == peaks["at_edge"].sum()
        for k, peak in peaks.iterrows():
            for quantity in ("log_mean", "width", "amplitude", "share"):
                assert_allclose(row[f"{quantity}_{k}"], peak[quantity], rtol=1e-6)


@pytest.mark.parametrize("name", sorted(TOGETHER | CHOOSING))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_shared_calls_change_nothing(name):
    estimator, frame = ESTIMATORS[name], long_table(5)
    shared = fit_batch(estimator, frame, **ROLES)
    alone, estimators = fit_batch(estimator, frame, **ROLES, return_estimators=True)
    assert_frame_equal(shared, alone, rtol=1e-8)
    assert len(estimators) == len(alone)
    for (_, X, y), fitted in zip(groups_of(frame), estimators, strict=True):
        expected = clone(estimator).fit(X, y).predict(X)
        assert_allclose(fitted.predict(X), expected, rtol=1e-12, atol=1e-14)


def test_groups_with_one_acquisition_share_a_call(monkeypatch):
    calls = []
    fit = SmoothLasso.fit

    def counted(self, X, y, sample_weight=None):
        calls.append(np.shape(y))
        return fit(self, X, y, sample_weight)

    monkeypatch.setattr(SmoothLasso, "fit", counted)
    fit_batch(ESTIMATORS["smooth"], long_table(5), **ROLES)
    assert sorted(calls) == [(20, 5), (24, 5)]


def test_samples_that_choose_share_a_call(monkeypatch):
    calls = []
    fit = LassoFistaCV.fit

    def counted(self, X, y, sample_weight=None, groups=None):
        calls.append(np.shape(y))
        return fit(self, X, y, sample_weight, groups)

    monkeypatch.setattr(LassoFistaCV, "fit", counted)
    fit_batch(ESTIMATORS["lasso CV"], long_table(5), **ROLES)
    assert sorted(calls) == [(20, 5), (24, 5)]
    # The caller's estimator is as it was.
    assert not ESTIMATORS["lasso CV"][-1].per_signal


def test_warnings_of_a_shared_call_go_to_their_samples(monkeypatch):
    calls = []
    fit = SmoothLasso.fit

    def counted(self, X, y, sample_weight=None):
        calls.append(np.shape(y))
        return fit(self, X, y, sample_weight)

    frame = long_table(5)
    frame.loc[frame["sample"].isin(["s1", "s4"]), "signal"] *= -1
    estimator = make_pipeline(BUILDER, SmoothLasso(1e-5, 1e-3))
    alone, _ = fit_batch(estimator, frame, **ROLES, return_estimators=True)
    monkeypatch.setattr(SmoothLasso, "fit", counted)
    shared = fit_batch(estimator, frame, **ROLES)
    assert sorted(calls) == [(20, 5), (24, 5)]
    assert shared["message"].tolist() == alone["message"].tolist()
    assert (shared["message"] == "ok").tolist() == [True, True, False, False] + [
        True
    ] * 4 + [False] * 2


def test_one_failure_does_not_part_all_others(monkeypatch):
    calls = []
    fit = SmoothLasso.fit

    def counted(self, X, y, sample_weight=None):
        calls.append(np.shape(y)[1:])
        if np.min(y) < -0.5:
            raise ValueError("no negative signals here")
        return fit(self, X, y, sample_weight)

    frame = long_table(64)
    flipped = frame["sample"] == "s5"
    frame.loc[flipped, "signal"] *= -1
    estimator = ESTIMATORS["smooth"]
    monkeypatch.setattr(SmoothLasso, "fit", counted)
    with pytest.warns(ConvergenceWarning, match="2 of 128 groups"):
        table = fit_batch(estimator, frame, **ROLES)
    assert (table["status"] == "failed").sum() == 2
    # All of an acquisition in one call, its parts, and one part signal by signal, of
    # which that one is tried alone.
    assert calls.count((64,)) == 2
    assert calls.count((4,)) == 32
    assert calls.count((1,)) == 8
    assert calls.count(()) == 2


@pytest.mark.parametrize("name", ["smooth", "lasso CV", "nonlinear"])
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_backends_agree(name, backend):
    frame = long_table(5)
    one = fit_batch(ESTIMATORS[name], frame, **ROLES)
    with joblib.parallel_config(backend, n_jobs=2):
        assert_frame_equal(fit_batch(ESTIMATORS[name], frame, **ROLES), one, rtol=1e-8)


@settings(max_examples=10)
@given(order=st.permutations(range(8)))
def test_order_of_groups_orders_rows(order):
    frame = long_table(4)
    number = frame.groupby(ROLES["by"], sort=False).ngroup().to_numpy()
    shuffled = pd.concat([frame[number == k] for k in order])
    table = fit_batch(ESTIMATORS["nonlinear"], shuffled, **ROLES)
    whole = fit_batch(ESTIMATORS["nonlinear"], frame, **ROLES)
    expected = whole.iloc[list(order)].reset_index(drop=True)
    assert_frame_equal(table, expected, rtol=1e-9)


def test_rows_of_groups_may_alternate_and_keys_keep_their_kind():
    frame = long_table(2)
    frame["sample"] = frame["sample"].astype("category")
    frame["when"] = pd.to_datetime("2026-01-01") + pd.to_timedelta(
        frame["temperature"], unit="D"
    )
    frame["temperature"] = frame["temperature"].where(frame["temperature"] == 290)
    frame["signal"] = frame["signal"].astype("Float64")
    by = ["sample", "temperature", "when"]
    table = fit_batch(
        ESTIMATORS["nonlinear"], frame.sort_values("TE", kind="stable"),
        acquisition=["TE"], signal="signal", by=by,
    )  # fmt: skip
    plain = fit_batch(ESTIMATORS["nonlinear"], long_table(2), **ROLES)
    assert table[by].dtypes.equals(frame[by].dtypes)
    assert table["temperature"].isna().tolist() == [False, True] * 2
    # Equal times of all groups alternate: the order of appearance stays.
    assert_frame_equal(
        table[["T2", "T2 stderr", "noise"]], plain[["T2", "T2 stderr", "noise"]]
    )


def test_a_key_named_like_a_parameter():
    frame = long_table(2).rename(columns={"sample": "T2", "temperature": "status"})
    table = fit_batch(
        ESTIMATORS["nonlinear"], frame, acquisition="TE", signal="signal",
        by=["T2", "status"],
    )  # fmt: skip
    assert table["T2"].tolist() == ["s0", "s0", "s1", "s1"]
    assert_allclose(table["T2_fit"], [0.02, 0.0214, 0.04, 0.0428], rtol=0.05)
    assert set(table["status_fit"]) == {"converged"}


def test_keys_named_like_what_would_be_renamed():
    frame = long_table(2).rename(columns={"sample": "T2", "temperature": "T2_fit"})
    frame = frame.assign(n_points=7, n_points_fit=8)
    keys = ["T2", "T2_fit", "n_points", "n_points_fit"]
    table = fit_batch(
        ESTIMATORS["nonlinear"], frame, acquisition="TE", signal="signal", by=keys
    )
    assert_frame_equal(
        table[keys], frame[keys].drop_duplicates().reset_index(drop=True)
    )
    assert_allclose(table["T2_fit_fit"], [0.02, 0.0214, 0.04, 0.0428], rtol=0.05)
    assert (table["n_points_fit_fit"] > 8).all()


@pytest.mark.parametrize("name", ["smooth", "nonlinear"])
def test_a_weight_of_zero_is_a_removed_row(name):
    frame = long_table(2)
    frame["weight"] = np.where(frame.index % 5 == 2, 0.0, 1.0)
    bad = frame.assign(signal=frame["signal"].where(frame["weight"] > 0, 9.0))
    table = fit_batch(ESTIMATORS[name], bad, **ROLES, sample_weight="weight")
    kept = fit_batch(ESTIMATORS[name], frame[frame["weight"] > 0], **ROLES)
    results = [c for c in kept.columns[3:] if c not in ("status", "message")]
    assert_allclose(table[results], kept[results], rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("smooth", "smoothlasso__sample_weight"),
        ("grid search", "smoothlasso__sample_weight"),
        ("inner search", "gridsearchcv__sample_weight"),
        ("strength", "sample_weight"),
    ],
)
def test_weights_reach_the_fit(name, option):
    frame = long_table(1)
    frame["weight"] = np.where(frame["TE"] < 0.05, 0.01, 1.0)
    table = fit_batch(ESTIMATORS[name], frame, **ROLES, sample_weight="weight")
    unweighted = fit_batch(ESTIMATORS[name], frame, **ROLES)
    part = frame[frame["temperature"] == 290]
    alone = clone(ESTIMATORS[name]).fit(
        part[["TE"]], part["signal"], **{option: part["weight"].to_numpy()}
    )
    expected = log_mean(final_step(alone).coef_, find_builder(alone).relaxation_times_)
    assert_allclose(table["log_mean"][0], expected, rtol=1e-9)
    assert abs(table["log_mean"][0] / unweighted["log_mean"][0] - 1) > 1e-4


def test_weights_are_routed_where_they_are_requested():
    frame = long_table(1)
    frame["weight"] = np.where(frame["TE"] < 0.05, 0.01, 1.0)
    expected = fit_batch(ESTIMATORS["smooth"], frame, **ROLES, sample_weight="weight")
    with config_context(enable_metadata_routing=True):
        model = clone(ESTIMATORS["smooth"])
        model[-1].set_fit_request(sample_weight=True)
        table = fit_batch(model, frame, **ROLES, sample_weight="weight")
    assert_frame_equal(table, expected)


def test_signs_are_looked_at_group_by_group():
    TI = np.array([0.05, 0.2, 0.5, 1.0, 3.0])
    signed = 1 - 2 * np.exp(-TI / 0.8)
    parts = [
        pd.DataFrame({"TI": TI, "signal": y, "sample": name})
        for name, y in (("signed", signed), ("magnitude", np.abs(signed)))
    ]
    table = fit_batch(
        NonlinearRelaxationFit("T1-IR"), pd.concat(parts), acquisition="TI",
        signal="signal", by="sample",
    )  # fmt: skip
    assert_allclose(table["T1"], 0.8, rtol=1e-6)


def test_complex_signals():
    frame = long_table(2)
    frame["signal"] = frame["signal"] * np.exp(0.3j)
    table = fit_batch(ESTIMATORS["nonlinear"], frame, **ROLES)
    plain = fit_batch(ESTIMATORS["nonlinear"], long_table(2), **ROLES)
    assert_allclose(table[["M0", "T2"]], plain[["M0", "T2"]], rtol=1e-6)
    n = plain["n_points"]
    # The same residuals, shared among twice as many channels.
    ratio = np.sqrt((n - 2) / (2 * (n - 1) - 1))
    assert_allclose(table["noise"] / plain["noise"], ratio, rtol=1e-5)


def simulated(n_samples, noise_std, width=0.25, n_points=40):
    """Return repeated measurements of one distribution."""
    times = np.geomspace(0.005, 1.0, n_points)
    y = make_decay(
        times=times, peaks=[(0.1, width, 1.0)], noise_std=noise_std,
        n_signals=n_samples, random_state=1,
    ).y.T  # fmt: skip
    return pd.DataFrame(
        {
            "sample": np.repeat(np.arange(n_samples), n_points),
            "TE": np.tile(times, n_samples),
            "signal": y.ravel(),
        }
    )


@pytest.mark.parametrize("name", ["smooth", "signed", "nonlinear"])
def test_noise_and_errors_are_those_of_repeated_measurements(name):
    frame = simulated(60, 0.01, 0.0 if name == "nonlinear" else 0.25)
    estimator = clone(ESTIMATORS[name])
    if name == "signed":
        estimator.set_params(noise_std=None)
    table = fit_batch(
        estimator, frame, acquisition="TE", signal="signal", by="sample",
        n_bootstrap=40, random_state=0,
    )  # fmt: skip
    # 60 noise levels of about 35 degrees of freedom each are known to 1.5 %, and the
    # number of these degrees is a little vague for a kernel.
    assert_allclose(np.sqrt((table["noise"] ** 2).mean()), 0.01, rtol=0.06)
    if name == "signed":
        first = frame[frame["sample"] == 0]
        alone = clone(estimator).fit(first[["TE"]], first["signal"])
        seed = seeds_of_groups(table[["sample"]], 0)[0]
        refits = alone.bands(40, random_state=int(seed)).samples
        expected = distribution_statistics(refits, ILT_GRID).std()
        errors = table.loc[0, [f"{quantity} stderr" for quantity in expected.index]]
        assert_allclose(errors.to_numpy(float), expected, rtol=1e-9)
        return
    for quantity in {"nonlinear": ["T2", "M0"]}.get(name, ["log_mean", "amplitude"]):
        scatter = table[quantity].std()
        claimed = np.sqrt((table[f"{quantity} stderr"] ** 2).mean())
        # The scatter of 60 values is known to 9 %.
        assert_allclose(claimed, scatter, rtol=0.3)


def test_errors_of_peaks_and_without_a_grid():
    frame = simulated(3, 0.01)
    roles = ROLES | {"by": "sample"}
    table = fit_batch(ESTIMATORS["lasso"], frame, **roles, n_bootstrap=10)
    named = [name for name in table if name.endswith("_0 stderr")]
    assert sorted(named) == ["log_mean_0 stderr", "share_0 stderr"]
    assert (table["log_mean_0 stderr"] > 0).all()
    free = fit_batch(ESTIMATORS["kernel parameter"], long_table(1), **ROLES,
                     n_bootstrap=10)  # fmt: skip
    assert not [name for name in free if name.endswith("stderr")]


def test_too_few_points_for_residuals_leave_the_fit():
    # As many bins as points, none of them empty: no refit knows the noise.
    frame = pd.DataFrame({"TE": [0.1, 2.0, 0.1, 2.0], "sample": [0, 0, 1, 1]})
    frame["signal"] = np.exp(-frame["TE"]) + np.exp(-frame["TE"] / 2.0)
    model = make_pipeline(KernelBuilder("T2", grid=[1.0, 2.0]), LassoFista(0.0))
    roles = {"acquisition": "TE", "signal": "signal", "by": "sample"}
    table = fit_batch(model, frame, **roles, n_bootstrap=3)
    assert table["status"].tolist() == ["converged", "converged"]
    assert_allclose(table["amplitude"], 2.0, rtol=1e-6)
    assert not table.filter(like="stderr").notna().any(axis=None)


def test_two_axes():
    TI, times = np.meshgrid(np.geomspace(0.02, 5, 8), np.geomspace(0.005, 1, 10))
    signal = (1 - 1.8 * np.exp(-TI / 0.8)) * np.exp(-times / 0.1)
    frame = pd.DataFrame({"TI": TI.ravel(), "TE": times.ravel()})
    frame["signal"], frame["sample"] = signal.ravel(), 0
    kernels = [InversionRecovery(efficiency=1.8), "T2"]
    limits = {"minimum": [0.08, 0.01], "maximum": [8.0, 1.0]}
    builder = KernelBuilder(kernels, n_bins=[11, 11], **limits)
    roles = {"acquisition": ["TI", "TE"], "signal": "signal", "by": "sample"}
    table = fit_batch(make_pipeline(builder, LassoFista(1e-6)), frame, **roles)
    row = table.iloc[0]
    # Bins are a fifth of a decade apart and hold both times.
    assert row["n_peaks"] == 1
    for suffix in ("", "_0"):
        assert_allclose(row[f"log_mean_T1{suffix}"], 0.8, rtol=1e-2)
        assert_allclose(row[f"log_mean_T2{suffix}"], 0.1, rtol=1e-2)
        assert_allclose(row[f"ratio{suffix}"], 8.0, rtol=1e-2)
    grids = [np.geomspace(*pair, 12) for pair in ((0.05, 12.0), (0.005, 2.0))]
    ilt = MultiDimRegularizedILT(
        kernels, grids, noise_std=1e-3, scheme=ReferenceScheme(20)
    )
    signed = fit_batch(ilt, frame, **roles, n_bootstrap=3, random_state=0).iloc[0]
    assert_allclose(signed["log_mean_T1_0"], 0.8, rtol=0.2)
    assert signed["log_mean_T1 stderr"] > 0
    assert signed["status"] == "completed"


@pytest.mark.parametrize(("kernel", "name"), [("diffusion", "D"), ("T2", "T2_0")])
def test_planes_of_other_axes_keep_their_names_and_errors(kernel, name):
    first, second = np.meshgrid(np.linspace(0.1, 3, 8), np.geomspace(0.05, 3, 8))
    frame = pd.DataFrame({"first": first.ravel(), "second": second.ravel()})
    frame["signal"] = np.exp(-frame["first"] - frame["second"])
    noise = np.random.default_rng(0).standard_normal(len(frame))
    frame["signal"] += 0.01 * noise
    frame["sample"] = 0
    builder = KernelBuilder([kernel, "T2"], n_bins=9, minimum=0.1, maximum=10.0)
    roles = {"acquisition": ["first", "second"], "signal": "signal", "by": "sample"}
    model = make_pipeline(builder, SmoothLasso(1e-4, 1e-4))
    row = fit_batch(model, frame, **roles, n_bootstrap=3, random_state=0).iloc[0]
    other = "T2" if name == "D" else "T2_1"
    for one in (name, other):
        assert_allclose(row[f"log_mean_{one}"], 1.0, rtol=0.1)
        assert row[f"log_mean_{one} stderr"] > 0
        assert f"log_mean_{one}_0" in row


def test_axes_that_are_no_relaxation_times():
    frame = pd.DataFrame({"ppm": np.tile(np.linspace(0, 1, 5), 2)})
    frame["signal"] = np.tile([0.0, 1.0, 3.0, 1.0, 0.0], 2)
    frame["sample"] = np.repeat(["a", "b"], 5)
    roles = {"acquisition": "ppm", "signal": "signal", "by": "sample"}
    model = make_pipeline(KernelBuilder("identity"), SmoothLasso(0.0, 1e-6))
    table = fit_batch(model, frame, **roles)
    assert_allclose(table["amplitude"], 5.0, rtol=1e-3)
    assert "n_peaks" not in table
    assert fit_batch(Ridge(), frame, **roles)["status"].tolist() == ["converged"] * 2


@pytest.mark.parametrize("name", ["signed", "nonlinear"])
def test_a_pipeline_of_one_step_is_that_step(name):
    frame, estimator = long_table(1), ESTIMATORS[name]
    table = fit_batch(make_pipeline(estimator), frame, **ROLES)
    assert_frame_equal(table, fit_batch(estimator, frame, **ROLES), rtol=1e-8)
