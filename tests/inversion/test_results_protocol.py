"""What every inversion answers of its distributions, whatever its class."""

import sys
import types

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skrelax import (
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    SmoothLasso,
    SmoothLassoCV,
    fit_batch,
)
from skrelax.compose import VoxelMapper
from skrelax.inversion import KernelParameterSearch, RicianInversion
from skrelax.kernels import acquisition_grid
from skrelax.metrics import distribution_statistics
from skrelax.model_selection import BaselineSearch, StrengthSearch
from skrelax.plotting import DistributionDisplay
from skrelax.signals import EPGEchoTrain
from skrelax.utils._answers import answering
from skrelax.utils._inspect import best, final_step, treats_signals_alone

T2 = np.geomspace(0.003, 3.0, 16)
T1 = np.geomspace(0.01, 10.0, 9)
LINE = 0.03 * np.arange(1.0, 33.0)[:, None]
PLANE = acquisition_grid(np.geomspace(0.02, 4.0, 8), np.geomspace(0.002, 0.5, 10))
LABELS = ["oil", "water", "both"]


def on_line(inversion):
    return make_pipeline(KernelBuilder("T2", grid=T2), inversion)


def on_plane(inversion):
    return make_pipeline(KernelBuilder(["T1-SR", "T2"], grid=[T1, T2]), inversion)


SEARCH = KernelParameterSearch(
    on_line(SmoothLasso(1e-5)).set_params(
        kernelbuilder__kernel=EPGEchoTrain(echo_spacing=0.03)
    ),
    values=[150.0, 160.0, 170.0, 180.0],
)
INVERSIONS = {
    "LassoFista": on_line(LassoFista(1e-4)),
    "LassoFista, baseline": on_line(LassoFista(1e-4, fit_intercept=True)),
    "LassoFistaCV": on_line(LassoFistaCV(6)),
    "LassoFistaCV, each": on_line(LassoFistaCV(6, per_signal=True)),
    "SmoothLasso": on_line(SmoothLasso(smoothness=1e-4)),
    "SmoothLassoCV": on_line(SmoothLassoCV(2, 3)),
    "SmoothLassoCV, each": on_line(SmoothLassoCV(2, 3, per_signal=True)),
    "StrengthSearch, each": StrengthSearch(
        on_line(SmoothLasso()), strengths=6, per_signal=True
    ),
    "KernelParameterSearch": SEARCH,
    "KernelParameterSearch inside": make_pipeline("passthrough", SEARCH),
    "StrengthSearch": StrengthSearch(on_line(SmoothLasso()), strengths=6),
    "StrengthSearch inside": on_line(StrengthSearch(SmoothLasso(), strengths=6)),
    "BaselineSearch": BaselineSearch(on_line(SmoothLassoCV(2, 3))),
    "GridSearchCV": GridSearchCV(
        on_line(SmoothLasso()), {"smoothlasso__smoothness": [1e-4, 1e-3]}, cv=3
    ),
    "Rician": RicianInversion(on_line(SmoothLasso(smoothness=1e-4))),
    "Rician inside": on_line(RicianInversion(LassoFista(1e-4), 0.002)),
    "Rician search": RicianInversion(
        StrengthSearch(on_line(SmoothLasso()), strengths=6), 0.002
    ),
    "Rician, 2 axes": RicianInversion(on_plane(SmoothLasso(smoothness=1e-4))),
    "signed": MultiDimRegularizedILT("T2", T2),
    "signed, baseline": MultiDimRegularizedILT("T2", T2, baseline=True),
    "LassoFista, 2 axes": on_plane(LassoFista(1e-4)),
    "SmoothLasso, 2 axes": on_plane(SmoothLasso(smoothness=1e-4)),
    "StrengthSearch, 2 axes": StrengthSearch(on_plane(SmoothLasso()), strengths=4),
    "signed, 2 axes": MultiDimRegularizedILT(["T1-SR", "T2"], [T1, T2]),
}
NAMES = pytest.mark.parametrize("name", INVERSIONS)


def measured(name):
    """Return acquisition, signals of three samples, bins and names of the axes."""
    rng = np.random.default_rng(0)
    amounts = np.array([[1.0, 0.0, 0.6], [0.0, 2.0, 0.7]])
    if "2 axes" in name:
        parts = (1 - np.exp(-PLANE[:, :1] / [0.3, 1.0])) * np.exp(
            -PLANE[:, 1:] / [0.02, 0.3]
        )
        X, grids, names = PLANE, (T1, T2), ["T1", "T2"]
    else:
        parts, X, grids, names = np.exp(-LINE / [0.05, 0.5]), LINE, (T2,), ["T2"]
    Y = parts @ amounts + 0.002 * rng.standard_normal((len(X), 3))
    if "Rician" in name:
        Y = np.abs(Y)
    return X, pd.DataFrame(Y, columns=LABELS), grids, names


def fitted_results(name, single=False):
    """Return what answers for a fitted inversion, and what it was fitted to."""
    X, Y, grids, names = measured(name)
    y = Y["both"].to_numpy() if single else Y
    fitted = clone(INVERSIONS[name]).fit(X, y)
    # A StrengthSearch answers itself, a Pipeline by its last step.
    results = fitted if hasattr(fitted, "describe") else final_step(fitted)
    return results, fitted, (X, y, grids, names)


# Whether folds without noise come below a gap of 1e-8 or end at 1.1e-8 is rounding.
@pytest.mark.filterwarnings("ignore:.*fits of the folds did not reach")
@NAMES
@pytest.mark.parametrize("single", [False, True])
def test_one_protocol_of_results(name, single, monkeypatch):
    results, fitted, (X, y, grids, names) = fitted_results(name, single)
    signals = () if single else (3,)
    shape = tuple(grid.size for grid in grids)

    assert isinstance(results.grids_, tuple)
    for found, grid in zip(results.grids_, grids, strict=True):
        assert_array_equal(found, grid)
    g = results.distribution_
    assert g.shape == shape + signals
    assert np.shape(results.baseline_) in ((), signals)
    assert_allclose(fitted.predict(X), np.asarray(y), atol=0.1)

    frame = results.to_frame()
    assert list(frame.index.names) == names
    assert list(frame.columns) == ([0] if single else LABELS)
    assert_array_equal(frame.to_numpy(), g.reshape(frame.shape))

    def data_array(values, dims, coords, name, attrs):
        return types.SimpleNamespace(values=values, dims=dims, coords=coords)

    stand_in = types.SimpleNamespace(DataArray=data_array)
    monkeypatch.setitem(sys.modules, "xarray", stand_in)
    array = results.to_xarray()
    assert_array_equal(array.values, g)
    assert array.dims[: len(names)] == names
    assert [len(array.coords[dim]) for dim in array.dims] == list(g.shape)

    for axis in range(len(grids)):
        others = tuple(a for a in range(len(grids)) if a != axis)
        projected = results.marginal(axis)
        assert projected.shape == shape[axis : axis + 1] + signals
        assert_allclose(projected, g.sum(axis=others), rtol=1e-12, atol=1e-15)
        assert_array_equal(results.marginal(axis - len(grids)), projected)
    with pytest.raises(ValueError, match="axis must"):
        results.marginal(len(grids))


@NAMES
def test_descriptions_are_the_columns_of_batches(name):
    results, _, (X, Y, grids, names) = fitted_results(name, single=True)
    frame = pd.DataFrame(X, columns=[f"x{k}" for k in range(X.shape[1])])
    columns = list(frame.columns)
    frame = frame.assign(y=Y, sample="both")
    row = fit_batch(INVERSIONS[name], frame, columns, "y", "sample")
    row = row.drop(columns=["sample", "n_points", "noise", "score"])
    table = results.describe()
    # A search around a Pipeline tells also what it has chosen itself.
    assert_frame_equal(row[list(table.columns)], table, rtol=1e-9)
    assert {*row.columns} - {*table.columns} <= {"smoothlasso__smoothness", "strength"}
    rows = table["amplitude"] - results.distribution_.clip(min=0).sum()
    assert_allclose(rows, 0.0, atol=1e-12)
    column = "log_mean" if len(names) == 1 else "log_mean_T2"
    statistics = distribution_statistics(results.distribution_, grids, names)
    assert_allclose(table[column], statistics[column], rtol=1e-12)


def test_descriptions_of_several_signals():
    results, *_ = fitted_results("LassoFista, baseline")
    table = results.describe()
    assert list(table.index) == LABELS
    assert_allclose(table["amplitude"], results.distribution_.sum(axis=0))
    assert_allclose(table["baseline"], results.baseline_)
    assert table["status"].tolist() == ["converged"] * 3
    # Two components: both are listed, or only those above the least share.
    assert table["n_peaks"]["both"] >= 2
    assert (results.describe(min_share=0.9)["n_peaks"] <= 1).all()
    with pytest.raises(ValueError, match="min_share"):
        results.describe(min_share=2.0)
    chosen = fitted_results("LassoFistaCV, each")[0]
    assert_array_equal(chosen.describe()["alpha"], chosen.alpha_)


def test_descriptions_tell_what_did_not_converge():
    X, Y, _, _ = measured("line")
    with pytest.warns(Warning, match="gap"):
        lazy = on_line(LassoFista(1e-4, solver="fista", max_iter=3)).fit(X, Y)
    table = lazy[-1].describe()
    assert table["status"].tolist() == ["not converged"] * 3
    assert table["message"].str.startswith("relative duality gap").all()
    plateau = MultiDimRegularizedILT("T2", T2).fit(X, Y)
    table = plateau.describe()
    expected = np.where(plateau.converged_, "converged", "completed")
    assert table["status"].tolist() == expected.tolist()
    assert ((table["message"] == "ok") == plateau.converged_).all()
    assert (table["negative_amplitude"] <= 0).all()


def test_views_of_coefficients():
    results, *_ = fitted_results("SmoothLasso, 2 axes")
    for k, f in enumerate(results.coef_):
        assert_array_equal(results.distribution_[..., k], f.reshape(9, 16))
    assert_array_equal(results.baseline_, results.intercept_)
    for name in ("distribution_", "baseline_", "grids_"):
        with pytest.raises(AttributeError):
            setattr(results, name, None)
        for unfitted in (SmoothLasso(), StrengthSearch(SmoothLasso())):
            assert not hasattr(unfitted, name)


def test_kernels_without_bins_have_their_numbers():
    rng = np.random.default_rng(0)
    K, y = rng.random((20, 6)), rng.random((20, 2))
    plain = LassoFista().fit(K, y)
    assert len(plain.grids_) == 1
    assert_array_equal(plain.grids_[0], np.arange(6))
    assert plain.distribution_.shape == (6, 2)
    assert plain.describe().columns.tolist() == ["amplitude", "status", "message"]
    shaped = SmoothLasso(grid_shape=(2, 3)).fit(K, y[:, 0])
    assert shaped.distribution_.shape == (2, 3)
    assert [grid.tolist() for grid in shaped.grids_] == [[0, 1], [0, 1, 2]]
    named = LassoFista().fit(pd.DataFrame(K, columns=list("abcdef")), y)
    assert_array_equal(named.grids_[0], np.arange(6))
    assert named.to_frame().index.tolist() == list("abcdef")


def test_bins_in_names_of_columns_are_grids():
    X, Y, grids, _ = measured("2 axes")
    framed = on_plane(SmoothLasso(1e-5)).set_output(transform="pandas").fit(X, Y)
    last = framed[-1]
    # Names have four digits.
    assert_allclose(last.grids_[0], grids[0], rtol=1e-3)
    assert last.distribution_.shape == (9, 16, 3)
    assert last.to_frame().index[0].startswith("T1=")


def test_a_lost_grid_is_that_of_the_builder():
    X, Y, _, _ = measured("line")
    steps = KernelBuilder("T2", grid=T2), StandardScaler(with_mean=False)
    search = StrengthSearch(make_pipeline(*steps, SmoothLasso()), strengths=4)
    table = search.fit(X, Y).describe()
    assert {"strength", "log_mean", "n_peaks"} <= {*table.columns}
    inner = final_step(search).describe()
    assert "log_mean" not in inner


def test_displays_take_an_inversion_of_a_kernel():
    pytest.importorskip("matplotlib")
    X, Y, _, _ = measured("line")
    K = KernelBuilder("T2", grid=T2).fit_transform(X)
    display = DistributionDisplay.from_estimator(LassoFista(1e-4).fit(K, Y))
    assert display.label == "$T_{2}$ (s)"
    assert_array_equal(display.relaxation_times, T2)


def test_axes_that_are_not_inverted_have_no_statistics():
    X = acquisition_grid([280.0, 300.0, 320.0], LINE[:, 0])
    y = np.exp(-X[:, 1] / 0.1)
    series = make_pipeline(
        KernelBuilder(["identity", "T2"], grid=[None, T2]), LassoFista(1e-4)
    )
    signed = MultiDimRegularizedILT(["identity", "T2"], [None, T2])
    for fitted in (series.fit(X, y)[-1], signed.fit(X, y)):
        table = fitted.describe()
        assert "amplitude" in table
        assert not table.filter(regex="log_mean|peak").columns.size


def test_subclasses_must_say_that_signals_do_not_matter_to_each_other():
    class Odd(LassoFista):
        pass

    assert treats_signals_alone(on_line(LassoFista()))
    assert not treats_signals_alone(on_line(Odd()))
    assert not treats_signals_alone(make_pipeline(StandardScaler(), LassoFista()))
    assert not treats_signals_alone(Ridge())
    assert treats_signals_alone(NonlinearRelaxationFit("T2"))
    assert not treats_signals_alone(NonlinearRelaxationFit("T2", init={"T2": [1.0]}))


def test_strangers_get_the_answers_that_all_have():
    X, Y, _, _ = measured("line")
    stranger = answering(on_line(Ridge(1e-3)).fit(X, Y))
    assert stranger._distributions().rows.shape == (3, 16)
    assert stranger._takes_complex
    assert stranger._codes() is None
    frame = pd.DataFrame({"x": X[:, 0], "y": Y["oil"], "s": 0})
    table = fit_batch(on_line(Ridge(1e-3)), frame, "x", "y", "s")
    assert table.columns.tolist() == [
        "s", "n_points", "noise", "score", "status", "message",
    ]  # fmt: skip
    rows = VoxelMapper(on_line(Ridge(1e-3)), X).fit_transform(Y.T)
    assert_allclose(rows[:, :16], stranger.coef_)
    assert_allclose(
        rows[:, 16],
        np.sqrt(
            np.mean(
                (
                    stranger.predict(on_line(Ridge()).fit(X, Y)[0].transform(X))
                    - Y.to_numpy()
                )
                ** 2,
                axis=0,
            )
        ),
    )


def test_two_baselines_are_no_failure():
    X, Y, _, _ = measured("2 axes")
    both = MultiDimRegularizedILT(["T1-SR", "T2"], [T1, T2], baseline=[True, True])
    frame = pd.DataFrame(X, columns=["a", "b"]).assign(y=Y["both"], s=0)
    table = fit_batch(both, frame, ["a", "b"], "y", "s")
    assert table["status"][0] in ("converged", "completed")
    assert "baseline" not in table


def test_coupled_channels_inside_a_pipeline_are_refused_by_maps():
    coupled = MultiDimRegularizedILT("T2", T2, channels="coupled")
    for estimator in (coupled, make_pipeline("passthrough", coupled)):
        with pytest.raises(ValueError, match="channels that are coupled, which would"):
            VoxelMapper(estimator, LINE).fit(np.ones((2, 32)))


@NAMES
def test_bands_of_a_signal(name):
    results, fitted, (X, y, _, _) = fitted_results(name, single=True)
    given = X
    if results is not fitted and isinstance(best(fitted), Pipeline):
        given = best(fitted)[:-1].transform(X)
    bands = results.bands(4, X=given, y=y, random_state=0)
    assert_array_equal(bands.distribution, results.distribution_)
    assert bands.samples.shape == (4, *results.distribution_.shape)
    assert (bands.lower <= bands.upper).all()
    assert bands.std.max() > 0.0
    again = results.bands(4, X=given, y=y, random_state=0)
    assert_array_equal(again.samples, bands.samples)
    with pytest.raises(ValueError, match="n_refits must be from 2"):
        results.bands(1, X=given, y=y)
    if not final_step(fitted)._has_refits:
        with pytest.raises(ValueError, match="need X and y, the measurement"):
            results.bands(4)
        with pytest.raises(ValueError, match="X must be what was inverted, of"):
            results.bands(4, X=np.column_stack([given, given]), y=y)
