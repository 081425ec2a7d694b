"""Searches for the baseline and the inversion efficiency of a decay."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFistaCV,
    SmoothLasso,
    SmoothLassoCV,
    fit_batch,
)
from skrelax.kernels import acquisition_grid
from skrelax.model_selection import BaselineSearch, EfficiencySearch
from skrelax.signals import InversionRecovery

TIMES = np.geomspace(1e-3, 3.0, 48)[:, None]
NOISE = 0.003 * np.random.default_rng(0).standard_normal(48)
DECAY = 0.6 * np.exp(-TIMES[:, 0] / 0.03) + 0.4 * np.exp(-TIMES[:, 0] / 0.2)
CV = SmoothLassoCV(smoothnesses=4, alphas=3, cv=4)


@pytest.mark.parametrize("baseline", [0.0, 0.15])
def test_baseline_is_taken_where_there_is_one(baseline):
    search = BaselineSearch(make_pipeline(KernelBuilder("T2", n_bins=32), CV))
    search.fit(TIMES, DECAY + baseline + NOISE)
    assert search.fit_intercept_ == (baseline > 0.0)
    found = search.best_estimator_[-1].intercept_
    assert found == pytest.approx(baseline, abs=0.005)
    table = search.candidates_
    assert table["fit_intercept"].tolist() == [False, True]
    assert search.best_index_ == int(search.fit_intercept_)
    # The fit that is kept is that of the pipeline with the chosen setting.
    alone = clone(search.estimator).set_params(
        smoothlassocv__fit_intercept=search.fit_intercept_
    )
    alone.fit(TIMES, DECAY + baseline + NOISE)
    np.testing.assert_array_equal(search.predict(TIMES), alone.predict(TIMES))


def recovery(times, efficiency):
    return 1.0 - efficiency * np.exp(-times / 0.3)


@pytest.mark.parametrize("kernel", ["T1-IR", InversionRecovery(repetition_time=50.0)])
def test_efficiency_of_a_recovery(kernel):
    search = EfficiencySearch(
        make_pipeline(KernelBuilder(kernel, n_bins=32), CV), [1.6, 1.7, 1.8, 1.9, 2.0]
    )
    y = recovery(TIMES[:, 0], 1.8) + NOISE
    assert search.fit(TIMES, y).efficiency_ == pytest.approx(1.8, abs=0.051)
    assert search.candidates_["within_one_se"][search.best_index_]
    assert search.describe()["efficiency"].tolist() == [search.efficiency_]
    model = search.best_estimator_[0].models_[0]
    assert model.efficiency == search.efficiency_
    assert model.repetition_time == getattr(kernel, "repetition_time", None)


def test_efficiency_of_one_of_two_axes():
    axes = np.geomspace(0.01, 3.0, 12), np.geomspace(0.005, 1.0, 10)
    X = acquisition_grid(*axes)
    y = recovery(X[:, 0], 1.7) * np.exp(-X[:, 1] / 0.1)
    y = y + 0.002 * np.random.default_rng(1).standard_normal(y.size)
    builder = KernelBuilder(["T1-IR", "T2"], n_bins=[12, 11])
    search = EfficiencySearch(make_pipeline(builder, CV), [1.5, 1.7, 1.9])
    assert search.fit(X, y).efficiency_ == 1.7
    assert search.candidates_["edge_share"].between(0, 1).all()


def test_weights_names_and_tables():
    frame = pd.DataFrame({"TE (s)": TIMES[:, 0]})
    weight = np.where(np.arange(48) < 40, 1.0, 0.0)
    wrong = DECAY + NOISE + np.where(np.arange(48) < 40, 0.0, 0.5)
    search = BaselineSearch(make_pipeline(KernelBuilder("T2", n_bins=24), CV))
    search.fit(frame, wrong, sample_weight=weight)
    assert not search.fit_intercept_
    assert list(search.feature_names_in_) == ["TE (s)"]
    table = pd.DataFrame({"TE": np.tile(TIMES[:, 0], 2), "sample": [0] * 48 + [1] * 48})
    table["y"] = np.concatenate([DECAY + NOISE, DECAY + 0.2 + NOISE])
    result = fit_batch(search, table, acquisition="TE", signal="y", by="sample")
    assert (result["status"] == "converged").all()
    assert result["baseline"].fillna(0.0).tolist() == pytest.approx([0, 0.2], abs=0.01)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (BaselineSearch(SmoothLassoCV()), "estimator must be a Pipeline"),
        (
            BaselineSearch(make_pipeline(KernelBuilder(), SmoothLasso())),
            "estimator must be a Pipeline",
        ),
        (
            EfficiencySearch(make_pipeline(KernelBuilder("T2"), LassoFistaCV())),
            "one kernel with an efficiency",
        ),
        (
            EfficiencySearch(make_pipeline(KernelBuilder("T1-IR"), CV), [0.0, 1.0]),
            "efficiencies must be above 0",
        ),
        (
            EfficiencySearch(make_pipeline(KernelBuilder("T1-IR"), CV), [[1.0]]),
            "efficiencies",
        ),
    ],
)
def test_what_cannot_be_searched(search, message):
    with pytest.raises(ValueError, match=message):
        search.fit(TIMES, DECAY)


def test_one_error_judges_all_signals():
    model = make_pipeline(KernelBuilder("T2"), SmoothLassoCV(2, 3, per_signal=True))
    with pytest.raises(ValueError, match="set per_signal=False"):
        BaselineSearch(model).fit(np.ones((9, 1)), np.ones(9))
