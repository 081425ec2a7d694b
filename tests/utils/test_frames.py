"""Frames of other libraries give what those of pandas give."""

import datetime
import importlib.util
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    SmoothLasso,
    VoxelMapper,
    fit_batch,
)
from skrelax.decomposition import TSVDCompressor
from skrelax.dictionary import DictionaryMatcher, SignalSimulator, make_dictionary
from skrelax.inversion import KernelParameterSearch, RicianInversion
from skrelax.io import RelaxationTable
from skrelax.model_selection import StrengthSearch
from skrelax.signals import EPGEchoTrain, suggest_models
from skrelax.uncertainty import statistic_intervals
from skrelax.utils import _frames

TIMES = 0.01 * np.arange(1, 25)
SIGNALS = np.exp(-TIMES[:, None] / np.array([0.03, 0.1]))
SIGNALS = SIGNALS + 1e-3 * np.random.default_rng(0).standard_normal(SIGNALS.shape)
WEIGHTS = np.where(np.arange(24) == 3, 0.0, 1.0)
X = pd.DataFrame({"TE": TIMES})
Y = pd.DataFrame(SIGNALS, columns=["oil", "water"])

HAS_NARWHALS = importlib.util.find_spec("narwhals") is not None


def to_polars(frame):
    polars = pytest.importorskip("polars")
    return polars.DataFrame({str(name): frame[name].to_numpy() for name in frame})


def to_arrow(frame):
    table = pytest.importorskip("pyarrow").Table
    return table.from_pandas(frame, preserve_index=False)


KINDS = [
    pytest.param(
        make,
        marks=pytest.mark.skipif(
            not HAS_NARWHALS, reason="frames of other libraries need narwhals"
        ),
    )
    for make in (to_polars, to_arrow)
]


def builder(**settings):
    return KernelBuilder("T2", n_bins=12, **settings)


def estimators():
    echoes = EPGEchoTrain(echo_spacing=0.01)
    bins = np.geomspace(0.01, 0.5, 8)
    return [
        make_pipeline(builder(), SmoothLasso()),
        RicianInversion(make_pipeline(builder(), SmoothLasso()), 1e-3),
        StrengthSearch(make_pipeline(builder(), SmoothLasso()), "cv", strengths=3),
        NonlinearRelaxationFit("T2"),
        MultiDimRegularizedILT("T2", bins, noise_std=1e-3),
        KernelParameterSearch(
            make_pipeline(KernelBuilder(echoes, grid=bins), SmoothLasso(order=0)),
            values=[150.0, 160.0, 170.0, 180.0],
        ),
    ]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("place", range(len(estimators())))
def test_estimators(place, make):
    if make is to_arrow and not hasattr(KernelBuilder, "set_callbacks"):
        pytest.skip("scikit-learn reads names of Arrow tables from version 1.9 on")
    expected, found = estimators()[place], estimators()[place]
    name = "smoothlasso__sample_weight" if place == 0 else "sample_weight"
    options = {name: WEIGHTS}
    signals = Y.abs() if place == 1 else Y
    expected.fit(X, signals, **options)
    weight = to_polars(pd.DataFrame({"w": WEIGHTS}))["w"]
    found.fit(make(X), make(signals), **{name: weight})
    assert list(found.feature_names_in_) == ["TE"]
    assert_array_equal(found.predict(make(X)), expected.predict(X))
    last = (found[-1], expected[-1]) if place == 0 else (found, expected)
    pd.testing.assert_frame_equal(*(one.to_frame() for one in last), check_exact=True)
    with pytest.raises(ValueError, match="feature names"):
        found.predict(make(X.rename(columns={"TE": "TI"})))


@pytest.mark.parametrize("front", [[], [TSVDCompressor()]])
def test_kernels_in_polars_carry_their_grid(front):
    polars = pytest.importorskip("polars")
    plain = make_pipeline(builder(), *front, SmoothLasso())
    plain.set_output(transform="pandas").fit(X, Y)
    model = make_pipeline(builder(), *front, SmoothLasso())
    model.set_output(transform="polars").fit(to_polars(X), Y)
    assert isinstance(model[0].transform(to_polars(X)), polars.DataFrame)
    pd.testing.assert_frame_equal(
        model[-1].to_frame(), plain[-1].to_frame(), check_exact=True
    )


@pytest.mark.parametrize("make", KINDS)
def test_batches_come_back_as_they_went_in(make):
    day = np.repeat(np.array(["2020-01-01", "2021-02-03"], "M8[ms]"), 24)
    table = pd.DataFrame(
        {"run": np.repeat([7, 3], 24), "day": day, "TE": np.tile(TIMES, 2),
         "signal": SIGNALS.T.ravel()}
    )  # fmt: skip
    model = NonlinearRelaxationFit("T2")
    expected = fit_batch(model, table, "TE", "signal", ["run", "day"])
    given = make(table)
    found = fit_batch(model, given, "TE", "signal", ["run", "day"])
    assert type(found) is type(given)
    back = _frames.as_pandas(found)
    assert list(back.columns) == list(expected.columns)
    for name in expected:
        assert_array_equal(back[name].to_numpy(), expected[name].to_numpy())


@pytest.mark.skipif(not HAS_NARWHALS, reason="needs narwhals")
def test_keys_keep_their_types():
    polars = pytest.importorskip("polars")
    table = to_polars(pd.DataFrame({"TE": np.tile(TIMES, 2)})).with_columns(
        signal=polars.Series(SIGNALS.T.ravel()),
        oil=polars.Series(["b"] * 24 + ["a"] * 24, dtype=polars.Categorical),
        day=polars.Series([datetime.date(2020, 1, 1)] * 24 + [None] * 24),
        run=polars.Series([None] * 24 + [3] * 24, dtype=polars.Int16),
    )
    keys = ["oil", "day", "run"]
    found = fit_batch(NonlinearRelaxationFit("T2"), table, "TE", "signal", keys)
    assert found.select(keys).equals(table.select(keys)[[0, 24]])
    assert found.select(keys).schema == table.select(keys).schema
    with pytest.raises(TypeError, match=r"pass frame\.collect\(\)"):
        fit_batch(NonlinearRelaxationFit("T2"), table.lazy(), "TE", "signal", keys)
    lazy = to_polars(X).lazy()
    for estimator in (KernelBuilder("T2"), NonlinearRelaxationFit("T2")):
        with pytest.raises(TypeError, match=r"pass X\.collect\(\)"):
            estimator.fit(lazy, SIGNALS)


@pytest.mark.parametrize("make", KINDS)
def test_dictionaries(make):
    grid = pd.DataFrame({"T2": np.geomspace(0.01, 0.3, 9)})
    atoms, parameters = make_dictionary("T2", make(grid), X)
    assert type(parameters) is type(make(grid))
    names = [f"echo {number}" for number in range(24)]
    atoms, rows = (pd.DataFrame(one, columns=names) for one in (atoms, SIGNALS.T))
    expected = DictionaryMatcher().fit(atoms, grid).predict(rows)
    found = DictionaryMatcher().fit(make(atoms), parameters).predict(make(rows))
    assert type(found) is type(parameters)
    assert_array_equal(found["T2"].to_numpy(), expected["T2"])


@pytest.mark.parametrize("make", KINDS)
def test_other_inputs(make):
    model = make_pipeline(builder(), SmoothLasso())
    options = {"n_refits": 4, "random_state": 0}
    pd.testing.assert_frame_equal(
        statistic_intervals(model, X, make(Y), **options),
        statistic_intervals(model, X, Y, **options),
        check_exact=True,
    )
    assert list(suggest_models(make(X))) == list(suggest_models(X))
    table = RelaxationTable(make(Y.T.set_axis(range(24), axis=1)), make(X))
    assert_array_equal(table.by_point()[1], SIGNALS)
    voxels = Y.T.set_axis([f"p{number}" for number in range(24)], axis=1)
    mapper = VoxelMapper(NonlinearRelaxationFit("T2"), make(X), include=["params"])
    found = mapper.fit(make(voxels)).transform(make(voxels))
    assert_array_equal(found, mapper.fit(voxels).transform(voxels))
    mapper.set_output(transform="pandas")
    assert list(mapper.transform(make(voxels))) == ["M0", "T2"]


def test_without_narwhals_the_error_says_what_to_do(monkeypatch):
    polars = pytest.importorskip("polars")
    monkeypatch.setitem(sys.modules, "narwhals", None)
    frame = polars.DataFrame({"TE": TIMES, "signal": TIMES, "run": TIMES})
    with pytest.raises(ImportError, match=r"a frame of polars, which needs narwhals"):
        fit_batch(NonlinearRelaxationFit("T2"), frame, "TE", "signal", "run")


@pytest.mark.parametrize("make", KINDS)
def test_large_numbers_of_samples_stay_apart(make):
    # Beside missing values they would become doubles, of which two are equal.
    runs = pd.array([2**53] * 8 + [2**53 + 1] * 8 + [None] * 8, dtype="Int64")
    table = pd.DataFrame({"TE": np.tile(TIMES[:8], 3)})
    table["signal"] = np.exp(-table["TE"] / 0.05)
    if make is to_arrow:
        given = make(table.assign(run=runs))
    else:
        polars = pytest.importorskip("polars")
        labels = [None if one is pd.NA else int(one) for one in runs]
        given = make(table).with_columns(run=polars.Series(labels))
    found = fit_batch(NonlinearRelaxationFit("T2"), given, "TE", "signal", "run")
    assert _frames.as_pandas(found)["n_points"].to_list() == [8, 8, 8]
    keys = found["run"].to_pylist() if make is to_arrow else found["run"].to_list()
    assert keys == [2**53, 2**53 + 1, None]


@pytest.mark.skipif(not HAS_NARWHALS, reason="needs narwhals")
def test_columns_that_are_not_asked_for_may_hold_anything():
    polars = pytest.importorskip("polars")
    table = to_polars(pd.DataFrame({"run": [1] * 24, "TE": TIMES}))
    table = table.with_columns(signal=polars.Series(SIGNALS[:, 0]))
    expected = fit_batch(NonlinearRelaxationFit("T2"), table, "TE", "signal", "run")
    table = table.with_columns(other=polars.struct("run"))
    found = fit_batch(NonlinearRelaxationFit("T2"), table, "TE", "signal", "run")
    assert found.equals(expected)
    with pytest.raises(TypeError, match=r"frame has a column 'other' of Struct"):
        fit_batch(NonlinearRelaxationFit("T2"), table, "TE", "signal", "other")
    table = table.with_columns(signal=table["signal"].cast(polars.Decimal(20, 9)))
    with pytest.raises(TypeError, match=r"'signal' must hold numbers.*; cast it to fl"):
        fit_batch(NonlinearRelaxationFit("T2"), table, "TE", "signal", "run")


@pytest.mark.skipif(not HAS_NARWHALS, reason="needs narwhals")
def test_frames_that_cannot_be_read_are_named():
    arrow = pytest.importorskip("pyarrow")
    values = arrow.array(TIMES)
    twice = arrow.table([values] * 4, names=["run", "TE", "signal", "TE"])
    model = NonlinearRelaxationFit("T2")
    with pytest.raises(ValueError, match="frame has 2 columns named 'TE'"):
        fit_batch(model, twice, "TE", "signal", "run")
    batch = twice.select([0, 1, 2]).to_batches()[0]
    with pytest.raises(TypeError, match=r"frame must be a frame with.*RecordB"):
        fit_batch(model, batch, "TE", "signal", "run")


def durations():
    """Yield 24 times with units of their own, as arrays and frames."""
    step = (1e9 * TIMES).astype("m8[ns]")
    yield step[:, None]
    yield pd.DataFrame({"TE": step})
    yield pd.DataFrame({"TE": pd.Timestamp("2020-01-01") + pd.Series(step)})
    if HAS_NARWHALS:
        polars = pytest.importorskip("polars")
        yield polars.DataFrame({"TE": step})
        frame = pd.DataFrame({"TE": step})
        yield pytest.importorskip("pyarrow").Table.from_pandas(frame)


def test_times_with_units_are_not_taken_for_numbers():
    # They would count nanoseconds or microseconds, as their resolution says.
    for times in durations():
        calls = [
            lambda X: NonlinearRelaxationFit("T2").fit(X, SIGNALS),
            lambda X: make_pipeline(builder(), SmoothLasso()).fit(X, SIGNALS),
            lambda X: MultiDimRegularizedILT("T2", 8, noise_std=0.1).fit(X, SIGNALS),
            lambda X: VoxelMapper(NonlinearRelaxationFit("T2"), X).fit(SIGNALS.T),
            lambda X: SignalSimulator("T2", TIMES).fit(X),
        ]
        for call in calls:
            with pytest.raises(TypeError, match=r"got \w+.*: make them times in"):
                call(times)
