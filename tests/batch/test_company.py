"""Each row of a table is the same bits, whoever else is in it; gaps are left out."""

import joblib
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
    LassoFistaCV,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    SmoothLasso,
    SmoothLassoCV,
    TSVDCompressor,
    fit_batch,
)
from skrelax.batch import _fit
from skrelax.inversion import KernelParameterSearch
from skrelax.model_selection import StrengthSearch
from skrelax.signals import EPGEchoTrain
from skrelax.utils._row_products import row_products

TE = 0.01 * np.arange(1, 25)
ROLES = {"acquisition": "TE", "signal": "signal", "by": "sample"}
BUILDER = KernelBuilder("T2", n_bins=25, minimum=0.005, maximum=1.0)
# More points than bins are compressed.
FEW = KernelBuilder("T2", n_bins=12, minimum=0.005, maximum=1.0)


def search(rule, inversion):
    return StrengthSearch(make_pipeline(BUILDER, inversion), rule, strengths=8)


ESTIMATORS = {
    "lasso": make_pipeline(BUILDER, LassoFista(1e-4)),
    "lasso by gradients": make_pipeline(BUILDER, LassoFista(1e-4, solver="fista")),
    "compressed": make_pipeline(BUILDER, TSVDCompressor(), LassoFista(1e-4)),
    "smooth": make_pipeline(BUILDER, SmoothLasso(1e-5, 1e-3, fit_intercept=True)),
    "few bins": make_pipeline(FEW, SmoothLasso(0.0, 1e-3)),
    "any sign": make_pipeline(BUILDER, SmoothLasso(1e-5, 1e-3, positive=False)),
    "adaptive": make_pipeline(BUILDER, SmoothLasso(1e-4, 1e-3, adaptive=True)),
    "lasso CV": make_pipeline(BUILDER, LassoFistaCV(8)),
    "smooth CV": make_pipeline(BUILDER, SmoothLassoCV(2, 4)),
    "gcv": search("gcv", SmoothLasso()),
    "chi2": search("chi2", SmoothLasso()),
    "discrepancy": search("discrepancy", SmoothLasso()),
    "lcurve": search("lcurve", SmoothLasso()),
    "alpha": search("brd", LassoFista()),
    "angle": KernelParameterSearch(
        make_pipeline(
            KernelBuilder(
                EPGEchoTrain(echo_spacing=0.01), n_bins=12, minimum=0.005, maximum=1.0
            ),
            SmoothLasso(),
        ),
        values=np.linspace(120, 180, 5),
    ),
    "signed": MultiDimRegularizedILT(
        "T2", np.geomspace(0.003, 3.0, 30), scheme="convergent"
    ),
    "nonlinear": NonlinearRelaxationFit("T2"),
}


def table_of(n_samples, gaps=()):
    """Return decays of samples, of which some points are nan, (sample, point)."""
    rng = np.random.default_rng(0)
    T2 = np.geomspace(0.02, 0.3, n_samples)
    Y = np.exp(-TE / T2[:, None]) + 0.005 * rng.standard_normal((n_samples, TE.size))
    for sample, point in gaps:
        Y[sample, point] = np.nan
    return pd.DataFrame(
        {
            "sample": np.repeat(np.arange(n_samples), TE.size),
            "TE": np.tile(TE, n_samples),
            "signal": Y.ravel(),
        }
    )


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_rows_are_the_same_bits_in_any_company(name, monkeypatch):
    estimator, frame = ESTIMATORS[name], table_of(7)
    whole = fit_batch(estimator, frame, **ROLES)
    for size in (1, 2, 3):
        monkeypatch.setattr(_fit, "_CHUNK", size)
        parts = fit_batch(estimator, frame, **ROLES)
        assert_frame_equal(parts, whole, check_exact=True)
    backwards = frame.iloc[::-1].sort_values("TE", kind="stable")
    turned = fit_batch(estimator, backwards, **ROLES).iloc[::-1]
    assert_frame_equal(turned.reset_index(drop=True), whole, check_exact=True)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_rows_are_the_same_bits_for_any_number_of_workers(backend):
    frame = table_of(9)
    one = fit_batch(ESTIMATORS["chi2"], frame, **ROLES)
    with joblib.parallel_config(backend, n_jobs=2):
        two = fit_batch(ESTIMATORS["chi2"], frame, **ROLES)
    assert_frame_equal(two, one, check_exact=True)


@pytest.mark.parametrize("shape", [(1,), (7,), (64,), (5, 7), (1, 3), (16, 1)])
def test_products_of_rows_hang_on_nothing_else(shape):
    rng = np.random.default_rng(0)
    rows, others = rng.standard_normal((41, shape[-1])), rng.standard_normal(shape)
    whole = row_products(rows, others)
    assert_allclose(whole, rows @ others.T, rtol=1e-12, atol=1e-13)
    turned = row_products(np.asfortranarray(rows), np.asfortranarray(others))
    assert np.array_equal(turned, whole)
    for part in (slice(3, 4), slice(0, 2), slice(5, None, 3), [7, 1, 40]):
        assert np.array_equal(row_products(rows[part], others), whole[part])


GAPS = [(1, 3), (1, 20), (3, 0), (4, 3), (4, 20)]


@pytest.mark.parametrize("name", ["smooth", "chi2", "nonlinear", "angle", "signed"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_points_without_a_signal_are_as_if_they_were_not_there(name):
    frame, estimator = table_of(6, GAPS), ESTIMATORS[name]
    table = fit_batch(estimator, frame, **ROLES)
    fewer = fit_batch(estimator, frame.dropna(), **ROLES)
    assert table["n_points"].tolist() == [24, 22, 24, 23, 22, 24]
    assert table["message"][1] == "2 of 24 points have no signal"
    told = table["message"].str.contains("points have no signal")
    assert told.tolist() == [False, True, False, True, True, False]
    # Fits that take gaps themselves find the same from the same points.
    rtol = 1e-7 if name in ("nonlinear", "angle") else 0
    assert_frame_equal(
        table.drop(columns="message"), fewer.drop(columns="message"), rtol=rtol, atol=0
    )


def test_fits_that_take_gaps_share_a_call(monkeypatch):
    calls = []
    fit = NonlinearRelaxationFit.fit

    def counted(self, X, y, sample_weight=None):
        calls.append(np.shape(y))
        return fit(self, X, y, sample_weight)

    monkeypatch.setattr(NonlinearRelaxationFit, "fit", counted)
    frame = table_of(6, GAPS)
    table = fit_batch(ESTIMATORS["nonlinear"], frame, **ROLES, intervals="profile")
    # One sample has negative values, and signs of a call matter to all in it.
    assert sorted(calls) == [(24, 1), (24, 5)]
    weighted = frame.assign(weight=1.0)
    again = fit_batch(
        ESTIMATORS["nonlinear"], weighted, **ROLES, sample_weight="weight",
        intervals="profile",
    )  # fmt: skip
    assert_frame_equal(again, table, rtol=1e-9)
    fewer = fit_batch(
        ESTIMATORS["nonlinear"], frame.dropna(), **ROLES, intervals="profile"
    )
    names = ["T2 lower", "T2 upper", "noise", "score"]
    assert_allclose(table[names], fewer[names], rtol=1e-6)


def test_nullable_columns_and_samples_without_points():
    frame = table_of(3, [(1, 5)])
    nullable = frame.assign(signal=frame["signal"].convert_dtypes())
    assert nullable["signal"].isna().sum() == 1
    table = fit_batch(ESTIMATORS["smooth"], frame, **ROLES)
    again = fit_batch(ESTIMATORS["smooth"], nullable, **ROLES)
    assert_frame_equal(again, table, check_exact=True)
    frame.loc[frame["sample"] == 1, "signal"] = np.nan
    for name in ("smooth", "nonlinear", "lasso CV"):
        with pytest.warns(ConvergenceWarning, match="1 of 3 groups .* 1 failed"):
            table = fit_batch(ESTIMATORS[name], frame, **ROLES)
        assert table["n_points"].tolist() == [24, 0, 24]
        assert table["message"][1] == (
            "no point has a signal; 24 of 24 points have no signal"
        )
        assert table["score"].isna().tolist() == [False, True, False]


def test_gaps_of_a_kept_estimator_are_left_out():
    frame = table_of(2, [(1, 5)])
    for name in ("nonlinear", "smooth"):
        table, fitted = fit_batch(
            ESTIMATORS[name], frame, **ROLES, return_estimators=True
        )
        own = frame[frame["sample"] == 1].dropna()
        expected = fitted[1].predict(own[["TE"]])
        score = 1 - np.var(own["signal"] - expected) / np.var(own["signal"])
        assert_allclose(table["score"][1], score, rtol=1e-3)


def test_frames_of_polars_have_gaps_of_two_kinds():
    polars = pytest.importorskip("polars")
    frame = table_of(3, [(1, 5), (2, 7)])
    expected = fit_batch(ESTIMATORS["smooth"], frame, **ROLES)
    for gap in (None, float("nan")):
        values = [gap if np.isnan(v) else v for v in frame["signal"].tolist()]
        columns = {name: frame[name].to_numpy() for name in ("sample", "TE")}
        other = polars.DataFrame({**columns, "signal": values})
        table = fit_batch(ESTIMATORS["smooth"], other, **ROLES)
        assert isinstance(table, polars.DataFrame)
        assert table["message"].to_list() == expected["message"].tolist()
        assert table["log_mean"].to_list() == expected["log_mean"].tolist()


def test_signals_of_many_points_are_cut_into_more_tasks(monkeypatch):
    calls = []
    fit = SmoothLasso.fit

    def counted(self, X, y, sample_weight=None):
        calls.append(np.shape(y))
        return fit(self, X, y, sample_weight)

    frame = table_of(7)
    whole = fit_batch(ESTIMATORS["smooth"], frame, **ROLES)
    monkeypatch.setattr(SmoothLasso, "fit", counted)
    monkeypatch.setattr(_fit, "_MOST_POINTS", 3 * TE.size)
    parts = fit_batch(ESTIMATORS["smooth"], frame, **ROLES)
    assert calls == [(24, 3), (24, 3), (24, 1)]
    assert_frame_equal(parts, whole, check_exact=True)
