"""What goes wrong in a batch, and tables on their way through files."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from skrelax import (
    ConvergentScheme,
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    SmoothLasso,
    fit_batch,
)
from skrelax.model_selection import StrengthSearch

# Later versions of pandas read every digit in any case.
OLD_PANDAS = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
EXACT = {"float_precision": "round_trip"} if OLD_PANDAS else {}
ROLES = {"acquisition": "TE", "signal": "signal", "by": ["sample", "temperature"]}
BUILDER = KernelBuilder("T2", n_bins=25, minimum=0.005, maximum=1.0)
ILT_GRID = np.geomspace(0.003, 3.0, 30)
ESTIMATORS = {
    "smooth": make_pipeline(BUILDER, SmoothLasso(1e-5, 1e-3)),
    "lasso CV": make_pipeline(BUILDER, LassoFistaCV(8)),
    "signed, convergent": MultiDimRegularizedILT(
        "T2", ILT_GRID, scheme=ConvergentScheme(tol=1e-3)
    ),
    "nonlinear": NonlinearRelaxationFit("T2"),
}


def long_table(n_samples):
    """Return noisy decays of samples at two temperatures, 24 points each."""
    rng = np.random.default_rng(0)
    times = 0.01 * np.arange(1, 25)
    parts = []
    for sample in range(n_samples):
        for temperature in (290, 310):
            signal = np.exp(-times / (0.02 * (1 + sample) * temperature / 290))
            part = pd.DataFrame({"TE": times})
            part["signal"] = signal + 0.005 * rng.standard_normal(times.size)
            part["sample"], part["temperature"] = f"s{sample}", temperature
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def broken_table():
    """Return eight groups of which five go wrong, each in its own way."""
    frame = long_table(4)
    number = frame.groupby(ROLES["by"], sort=False).ngroup()
    frame.loc[number.index[number == 1][3], "signal"] = np.inf
    frame.loc[number == 2, "TE"] *= -1
    frame.loc[number == 3, "signal"] = 0.0
    frame.loc[number == 5, "signal"] = 2.0
    short = number.index[number == 6][1:]
    return frame.drop(index=short)


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("nonlinear", {3: "no signal", 5: "at bound", 6: "failed"}),
        ("smooth", {3: "no signal"}),
        ("signed, convergent", {3: "failed", 5: "failed", 6: "failed"}),
        ("lasso CV", {3: "no signal", 6: "failed"}),
    ],
)
def test_failures_stay_in_their_rows(name, statuses):
    expected = {1: "failed", 2: "failed"} | statuses
    frame = broken_table()
    with pytest.warns(ConvergenceWarning, match="of 8 groups have no") as caught:
        table = fit_batch(ESTIMATORS[name], frame, **ROLES)
    assert len(caught) == 1
    bad = {k: s for k, s in table["status"].items() if s != "converged"}
    assert bad == expected
    assert str(caught[0].message).startswith(f"{len(expected)} of 8 groups")
    assert "infinity" in table["message"][1] or "infinite" in table["message"][1]
    assert "Negative values" in table["message"][2]
    for k, status in expected.items():
        assert table["message"][k] != "ok"
        if status == "failed":
            assert table.loc[k, ["noise", "score"]].isna().all()
    whole = fit_batch(ESTIMATORS[name], long_table(4), **ROLES)
    kept = [0, 4, 7]
    columns = [c for c in whole if c in table]
    assert_frame_equal(table.loc[kept, columns], whole.loc[kept, columns], rtol=1e-8)


def test_failures_have_no_estimator():
    with pytest.warns(ConvergenceWarning):
        _, estimators = fit_batch(
            ESTIMATORS["nonlinear"], broken_table(), **ROLES, return_estimators=True
        )
    assert [k for k, one in enumerate(estimators) if one is None] == [1, 2, 6]


def test_nothing_but_failures():
    with pytest.warns(ConvergenceWarning, match="8 of 8 groups .* 8 failed"):
        table = fit_batch(NonlinearRelaxationFit("nonsense"), long_table(4), **ROLES)
    assert set(table["status"]) == {"failed"}
    assert "nonsense" in table["message"][0]
    assert list(table.columns[-4:]) == ["noise", "score", "status", "message"]


def test_unconverged_inversions_tell_their_gap():
    model = make_pipeline(BUILDER, LassoFista(1e-6, solver="fista", max_iter=3))
    with pytest.warns(ConvergenceWarning, match="4 of 4 groups .* 4 not converged"):
        table = fit_batch(model, long_table(2), **ROLES)
    assert table["message"].str.contains("relative duality gap").all()
    cv = make_pipeline(BUILDER, LassoFistaCV(8, tol=1e-30, max_iter=2))
    with pytest.warns(ConvergenceWarning, match="not converged"):
        fit_batch(cv, long_table(1), **ROLES)
    ilt = MultiDimRegularizedILT("T2", ILT_GRID, scheme=ConvergentScheme(2))
    with pytest.warns(ConvergenceWarning, match="4 not converged"):
        table = fit_batch(ilt, long_table(2), **ROLES)
    assert table["message"].str.startswith("the last relative change").all()


def test_warnings_of_a_search_are_messages():
    search = StrengthSearch(
        make_pipeline(BUILDER, SmoothLasso()), "discrepancy", noise_std=1e-9
    )
    table = fit_batch(search, long_table(1), **ROLES)
    assert table["message"].str.contains("no strength down to").all()


def test_round_trip_of_tables(tmp_path):
    frame = broken_table()
    with pytest.warns(ConvergenceWarning):
        table = fit_batch(ESTIMATORS["smooth"], frame, **ROLES)
    for one in (frame.reset_index(drop=True), table):
        one.to_csv(tmp_path / "table.csv", index=False)
        again = pd.read_csv(tmp_path / "table.csv", **EXACT)
        assert_frame_equal(again, one, rtol=0, atol=0)
    with pytest.warns(ConvergenceWarning):
        result = fit_batch(ESTIMATORS["smooth"], frame.reset_index(drop=True), **ROLES)
    assert_frame_equal(result, table)


def test_round_trip_through_parquet(tmp_path):
    pytest.importorskip("pyarrow", reason="Parquet files need pyarrow")
    frame = broken_table().reset_index(drop=True)
    frame["sample"] = frame["sample"].astype("category")
    frame.to_parquet(tmp_path / "long.parquet")
    again = pd.read_parquet(tmp_path / "long.parquet")
    assert_frame_equal(again, frame)
    with pytest.warns(ConvergenceWarning):
        table = fit_batch(ESTIMATORS["nonlinear"], again, **ROLES)
    table.to_parquet(tmp_path / "table.parquet")
    assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), table)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"frame": [1, 2]}, TypeError, "pandas DataFrame"),
        ({"acquisition": "TI"}, ValueError, "no column 'TI'"),
        ({"acquisition": []}, ValueError, "at least one column"),
        ({"by": ["sample", "signal"]}, ValueError, "one role"),
        ({"signal": "sample", "by": "temperature"}, TypeError, "must hold numbers"),
        ({"frame": long_table(1).iloc[:0]}, ValueError, "no rows"),
        ({"frame": long_table(1).set_index("TE")}, ValueError, "reset_index"),
        ({"n_bootstrap": 1}, ValueError, "n_bootstrap must be 0 or at least 2"),
        ({"n_bootstrap": -2}, ValueError, "n_bootstrap must be 0 or at least 2"),
        ({"min_share": 2.0}, ValueError, "min_share must be from 0 to 1"),
        ({"random_state": "x"}, ValueError, "random_state must be an int or None"),
    ],
)
def test_bad_input_is_one_error(change, error, message):
    arguments = {"frame": long_table(1)} | ROLES | change
    with pytest.raises(error, match=message):
        fit_batch(ESTIMATORS["nonlinear"], **arguments)
