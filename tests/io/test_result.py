"""Results that were written reopen with the same numbers and their story."""

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    SmoothLasso,
    SmoothLassoCV,
)
from skrelax.inversion import KernelParameterSearch, RicianInversion
from skrelax.io import read_result, write_result
from skrelax.model_selection import StrengthSearch
from skrelax.signals import InversionRecovery

pytest.importorskip("xarray", reason="results in netCDF need xarray")
TIMES = np.geomspace(1e-3, 1.0, 24)
X = pd.DataFrame({"TE": TIMES})
y = np.exp(-TIMES / 0.05) + 0.01 * np.cos(np.arange(24.0))
BUILDER = KernelBuilder("T2", n_bins=12)


@pytest.fixture(scope="module")
def fitted():
    return make_pipeline(BUILDER, SmoothLasso(fit_intercept=True)).fit(X, y)


def test_numbers_and_provenance_come_back(fitted, tmp_path):
    units = {"T2": "s", "TE": "s"}
    path = write_result(
        tmp_path / "a.nc", fitted, X, y, units=units, command="skrelax invert a"
    )
    result = read_result(path)
    last = fitted[-1]
    assert_array_equal(result["distribution"], last.distribution_)
    assert_array_equal(result["T2"], last.grids_[0])
    assert_array_equal(result["TE"], TIMES)
    assert_array_equal(result["measured"], y)
    assert_array_equal(result["fit"], fitted.predict(X))
    assert_array_equal(result["baseline"], last.baseline_)
    assert result["status"].item() == "converged"
    assert {name: result[name].attrs["units"] for name in units} == units
    assert result.attrs["history"] == "skrelax invert a"
    settings = json.loads(result.attrs["settings"])
    assert settings["smoothlasso__fit_intercept"] == "True"
    assert set(json.loads(result.attrs["versions"])) >= {"python", "numpy", "numba"}
    # The file is closed, and the result needs it no more.
    path.unlink()
    assert_array_equal(result["measured"], y)


def test_weights_stand_beside_the_points(fitted, tmp_path):
    # Who fits the file again without them would fit another signal.
    weight = np.linspace(0.0, 2.0, 24)
    path = write_result(tmp_path / "a.nc", fitted, X, y, sample_weight=weight)
    assert_array_equal(read_result(path)["weight"], weight)
    points = X.rename(columns={"TE": "weight"})
    other = make_pipeline(KernelBuilder("T2", n_bins=12), SmoothLasso())
    other.fit(points, y)
    path = write_result(tmp_path / "b.nc", other, points, y, sample_weight=weight)
    result = read_result(path)
    assert_array_equal(result["weight of points"], TIMES)
    assert_array_equal(result["weight"], weight)


def models():
    times = TIMES[:, None]
    two = np.column_stack([y, 2 * y])
    plane = np.column_stack([np.repeat(TIMES[::4], 6), np.tile(TIMES[::4], 6)])
    y_plane = np.exp(-plane.sum(axis=1) / 0.05)
    chooser = make_pipeline(
        BUILDER, SmoothLassoCV(alphas=[0.0], smoothnesses=[1e-4, 1e-2], cv=3)
    )
    return {
        "labels": (make_pipeline(BUILDER, LassoFista(1e-3)), X,
                   pd.DataFrame(two, columns=["a", "b"])),
        "search": (StrengthSearch(make_pipeline(BUILDER, SmoothLasso()), "chi2",
                                  strengths=3), times, y),
        "cv": (chooser, times, two),
        "plane": (make_pipeline(KernelBuilder(["T1-IR", "T2"], n_bins=5),
                                SmoothLasso()), plane, y_plane),
        "same names": (make_pipeline(KernelBuilder(["T2", "T2"], n_bins=5),
                                     SmoothLasso()), plane, y_plane),
        "named like the axis": (make_pipeline(BUILDER, SmoothLasso()),
                                pd.DataFrame({"T2": TIMES}), y),
        "kernel alone": (SmoothLasso(), np.exp(-TIMES[:, None] / TIMES[::4]), y),
        "signed": (MultiDimRegularizedILT(), times, two),
        "setting": (KernelParameterSearch(
            make_pipeline(KernelBuilder(InversionRecovery(), n_bins=8), SmoothLasso()),
            "efficiency", [1.7, 1.8, 1.9, 2.0]), times, 1 - 1.9 * two),
        "rician": (make_pipeline(BUILDER, RicianInversion(SmoothLasso(),
                                                          noise_std=0.01)),
                   times, np.abs(two)),
    }  # fmt: skip


@pytest.mark.parametrize("name", models())
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_inversion(name, tmp_path):
    model, points, signals = models()[name]
    model = model.fit(points, signals)
    result = read_result(write_result(tmp_path / "a.nc", model, points, signals))
    last = getattr(model, "best_estimator_", model)
    last = last[-1] if hasattr(last, "steps") else last
    assert_array_equal(result["distribution"], last.distribution_)
    assert_array_equal(result["measured"], np.asarray(signals))
    assert_array_equal(
        result["fit"], np.asarray(model.predict(points)).reshape(signals.shape)
    )
    if name == "labels":
        assert result["signal"].to_numpy().tolist() == ["a", "b"]
    if name in ("cv", "search"):
        chosen = json.loads(result.attrs["chosen"])
        key = "smoothness" if name == "cv" else "strength"
        owner = model[-1] if name == "cv" else model
        assert_array_equal(chosen[key], getattr(owner, f"{key}_"))
    if name == "plane":
        assert_array_equal(result["TI"], points[:, 0])


@pytest.mark.parametrize("name", ["labels", "plane", "same names", "signed"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_distributions_as_csdm(name, tmp_path):
    csdmpy = pytest.importorskip("csdmpy")
    model, points, signals = models()[name]
    last = model.fit(points, signals)
    last = last[-1] if hasattr(last, "steps") else last
    axis = next(iter(last.to_xarray().dims))
    path = write_result(tmp_path / "a.csdf", model, units={axis: "ms"})
    content = csdmpy.load(str(path))
    values = np.stack([one.components[0] for one in content.y], axis=-1)
    assert_array_equal(values.reshape(last.distribution_.shape), last.distribution_)
    # The first dimension of CSDM varies fastest: it is the last axis.
    assert [one.label for one in content.x][::-1] == list(last._named_axes())
    for one, grid in zip(content.x[::-1], last.grids_, strict=True):
        assert_allclose(one.coordinates.value, grid, rtol=1e-14)
    assert str(content.x[-1].coordinates.unit) == "ms"
    assert len(content.y) == (1 if np.ndim(signals) == 1 else 2)


def test_nothing_is_replaced_unasked(fitted, tmp_path):
    path = tmp_path / "a.nc"
    path.write_text("mine")
    with pytest.raises(ValueError, match="overwrite=True"):
        write_result(path, fitted)
    assert path.read_text() == "mine"
    write_result(path, fitted, overwrite=True)
    assert "measured" not in read_result(path)
    assert [one.name for one in tmp_path.iterdir()] == ["a.nc"]


@pytest.mark.parametrize(
    ("name", "settings", "error", "match"),
    [
        ("a.txt", {}, ValueError, r"must end in \.nc"),
        ("a.nc", {"X": X}, ValueError, "given together"),
        ("a.nc", {"X": X, "y": y[:5]}, ValueError, "one row per point"),
        ("a.nc", {"sample_weight": np.ones(24)}, ValueError, "are not given"),
        ("a.nc", {"X": X, "y": y, "sample_weight": [1.0]}, ValueError, "point of X"),
        ("a.nc", {"X": X, "y": y, "sample_weight": -y}, ValueError, "not negative"),
        ("a.nc", {"X": X, "y": y, "sample_weight": "a"}, TypeError, "sample_weight"),
        ("a.nc", {"units": {"T1": "s"}}, ValueError, "none of"),
        ("a.nc", {"units": {"T2": 1}}, TypeError, "must be text"),
        ("a.nc", {"units": "s"}, TypeError, "dict of text"),
        ("a.csdf", {"units": {"T2": "parsec per"}}, ValueError, "units"),
    ],
)
def test_bad_arguments(fitted, tmp_path, name, settings, error, match):
    if name == "a.csdf":
        pytest.importorskip("csdmpy")
    with pytest.raises(error, match=match):
        write_result(tmp_path / name, fitted, **settings)
    assert not list(tmp_path.iterdir())


def test_what_is_no_inversion_is_named(tmp_path):
    with pytest.raises(TypeError, match="to_frame"):
        write_result(
            tmp_path / "a.nc", NonlinearRelaxationFit("T2").fit(X.to_numpy(), y)
        )


@pytest.mark.parametrize("content", [b"", b"CDF\x01", b"no netCDF at all", None])
def test_damaged_files_are_named(fitted, tmp_path, content):
    path = tmp_path / "a.nc"
    if content is None:
        content = write_result(tmp_path / "whole.nc", fitted).read_bytes()[:-100]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.nc: "):
        read_result(path)


def test_other_netcdf_is_no_result(tmp_path):
    import xarray

    xarray.Dataset({"a": 1.0}).to_netcdf(tmp_path / "a.nc", engine="scipy")
    with pytest.raises(ValueError, match="no distribution that skrelax wrote"):
        read_result(tmp_path / "a.nc")
    with pytest.raises(ValueError, match="No such file"):
        read_result(tmp_path / "b.nc")
