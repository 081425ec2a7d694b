"""Rows of voxels in, rows of parameters out."""

import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import (
    ConvergentScheme,
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    ReferenceScheme,
    SmoothLasso,
    SmoothLassoCV,
)
from skrelax.compose import VoxelMapper
from skrelax.inversion import KernelParameterSearch
from skrelax.kernels import acquisition_grid
from skrelax.model_selection import InterleavedKFold, StrengthSearch
from skrelax.nonlinear import FitStatus
from skrelax.signals import EPGEchoTrain, InversionRecovery, MonoExponential
from skrelax.uncertainty import profile_parameters
from skrelax.utils._inspect import find_builder

TE = pd.DataFrame({"TE": 0.01 * np.arange(1, 9)})


def voxels(n=50):
    rng = np.random.default_rng(0)
    T2 = rng.uniform(0.02, 0.1, n)
    clean = np.exp(-TE["TE"].to_numpy() / T2[:, None])
    return clean + 0.01 * rng.standard_normal(clean.shape)


def test_rows_are_those_of_the_estimator():
    X = voxels()
    fit = NonlinearRelaxationFit("T2").fit(TE, X.T)
    mapper = VoxelMapper(
        NonlinearRelaxationFit("T2"), TE, chunk_size=7,
        include=("params", "stderr", "r2", "relative_error", "status"),
    )  # fmt: skip
    rows = mapper.fit_transform(X)
    expected = np.column_stack(
        [fit.params_, fit.stderr_, fit.r2_, fit.relative_error_, fit.status_]
    )
    assert_allclose(rows, expected, rtol=0)
    names = "M0", "T2", "M0 stderr", "T2 stderr", "r2", "relative error", "status"
    assert list(mapper.get_feature_names_out()) == list(names)
    frame = pd.DataFrame(X, index=[f"v{k}" for k in range(len(X))])
    table = mapper.set_output(transform="pandas").fit_transform(frame)
    assert list(table.columns) == list(names)
    assert table.index[3] == "v3"


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_backends_agree(backend):
    X = voxels(20)
    mapper = VoxelMapper(NonlinearRelaxationFit("T2"), TE, chunk_size=5)
    one = mapper.fit_transform(X)
    with joblib.parallel_config(backend, n_jobs=2):
        # Arrays of another process may be aligned otherwise, which changes rounding.
        assert_allclose(mapper.fit_transform(X), one, rtol=1e-10)


def test_dask_backend():
    distributed = pytest.importorskip("distributed")
    mapper = VoxelMapper(NonlinearRelaxationFit("T2"), TE, chunk_size=5)
    X = voxels(20)
    one = mapper.fit_transform(X)
    with (
        distributed.Client(processes=False, dashboard_address=None, n_workers=1),
        joblib.parallel_config("dask"),
    ):
        assert_allclose(mapper.fit_transform(X), one, rtol=1e-10)


def test_bad_voxels_are_nan_and_counted_once():
    X = voxels(12)
    X[2], X[5, 0] = 0.0, np.inf
    X[7] = 1.0
    mapper = VoxelMapper(NonlinearRelaxationFit("T2"), TE, chunk_size=4).fit(X)
    with pytest.warns(ConvergenceWarning, match="3 of 12 fits") as caught:
        rows = mapper.transform(X)
    assert len(caught) == 1
    assert np.isnan(rows[[2, 5, 7], :4]).all()
    assert rows[[2, 5, 7], 4].tolist() == [3, 4, 1]
    assert np.isfinite(np.delete(rows, [2, 5, 7], axis=0)).all()
    mapper.set_params(only_converged=False).fit(X)
    with pytest.warns(ConvergenceWarning):
        assert np.isfinite(mapper.transform(X)[7, :2]).all()


def test_intervals_are_those_of_the_profile():
    T2 = np.array([[0.03], [0.06], [0.09]])
    rng, times = np.random.default_rng(0), TE.to_numpy()
    X = np.exp(-times.T / T2) + 0.02 * rng.standard_normal((3, len(TE)))
    X[1, 2] = np.nan
    fit = NonlinearRelaxationFit("T2")
    mapper = VoxelMapper(
        fit, TE, include=("intervals", "params"), level=0.8, chunk_size=2
    )
    found = dict(
        zip(
            mapper.fit(X).get_feature_names_out(),
            mapper.transform(X).T,
            strict=True,
        )
    )
    assert list(found) == ["M0", "T2", "M0 lower", "M0 upper", "T2 lower", "T2 upper"]
    fit = clone(fit).fit(TE, X.T)
    result = profile_parameters(fit, TE, X.T)
    for name in ("M0", "T2"):
        low, high = result.interval(name, 0.8)
        assert_allclose(found[f"{name} lower"], low, rtol=1e-9)
        assert_allclose(found[f"{name} upper"], high, rtol=1e-9)
    # Known values have no uncertainty, and stay in their columns.
    train = EPGEchoTrain(echo_spacing=0.01, B1=None)
    signals = train.evaluate(times, np.column_stack([T2, np.full(3, 0.8)])).T
    signals += 0.01 * rng.standard_normal(signals.shape)
    mapper = VoxelMapper(
        NonlinearRelaxationFit(train), TE, include=("params", "intervals")
    )
    values = mapper.fit(signals).transform(signals, known={"B1": np.full(3, 0.8)})
    names = list(mapper.get_feature_names_out())
    assert_allclose(values[:, names.index("B1 lower")], 0.8)
    assert_allclose(values[:, names.index("B1 upper")], 0.8)
    low, value, high = (
        values[:, names.index(f"T2{end}")] for end in (" lower", "", " upper")
    )
    assert ((low < value) & (value < high)).all()


def test_distributions_of_a_linear_inversion():
    X = voxels(6)
    pipeline = make_pipeline(KernelBuilder("T2", n_bins=12), SmoothLasso(1e-3, 1e-3))
    mapper = VoxelMapper(pipeline, TE, chunk_size=4)
    rows = mapper.fit_transform(X)
    coef = pipeline.fit(TE, X.T)[-1].coef_
    assert_allclose(rows[:, :12], coef, rtol=1e-6, atol=1e-10)
    rest = pipeline.predict(TE) - X.T
    assert_allclose(rows[:, 12], np.sqrt(np.mean(rest**2, axis=0)), rtol=1e-9)
    assert_array_equal(rows[:, 13], FitStatus.CONVERGED)
    names = mapper.get_feature_names_out().tolist()
    assert names[0].startswith("T2=")
    assert names[12:] == ["residual", "status"]
    X[1, 1], X[2] = np.inf, 0.0
    rows = mapper.transform(X)
    assert np.isnan(rows[1:3, :13]).all()
    assert rows[:3, 13].tolist() == [0, FitStatus.FAILED, FitStatus.NO_SIGNAL]
    alone = VoxelMapper(SmoothLasso(1e-3), np.eye(8), include=["distribution"])
    assert alone.fit_transform(voxels(2)).shape == (2, 8)
    assert alone.get_feature_names_out()[7] == "bin 7"


def inversion():
    return make_pipeline(KernelBuilder("T2", n_bins=8), SmoothLasso(1e-3, 1e-3))


CHOICES = {
    "LassoFistaCV": lambda: make_pipeline(
        KernelBuilder("T2", n_bins=8), LassoFistaCV(alphas=3, cv=2)
    ),
    "SmoothLassoCV": lambda: make_pipeline(
        KernelBuilder("T2", n_bins=8), SmoothLassoCV(alphas=2, smoothnesses=2, cv=2)
    ),
    "StrengthSearch": lambda: StrengthSearch(inversion(), strengths=3, rule="cv", cv=2),
    "GridSearchCV": lambda: GridSearchCV(
        inversion(), {"smoothlasso__smoothness": [1e-2, 1e-4]}, cv=InterleavedKFold(2)
    ),
    "KernelParameterSearch": lambda: KernelParameterSearch(
        make_pipeline(KernelBuilder(MonoExponential(), n_bins=8), SmoothLasso(1e-4)),
        "offset",
        [0.0, 0.5, 1.0, 2.0],
    ),
    "fits": lambda: GridSearchCV(
        NonlinearRelaxationFit(InversionRecovery(), magnitude=True),
        {"model__efficiency": [1.5, 2.0]},
        cv=InterleavedKFold(2),
    ),
    "MultiDimRegularizedILT": lambda: MultiDimRegularizedILT(
        "T2", 12, scheme=ReferenceScheme(5)
    ),
    "convergent": lambda: MultiDimRegularizedILT(
        "T2", 12, noise_std=0.01, scheme=ConvergentScheme(30)
    ),
    "ILT in a Pipeline": lambda: make_pipeline(
        "passthrough", MultiDimRegularizedILT("T2", 12, scheme=ReferenceScheme(5))
    ),
    "GridSearchCV of ILT": lambda: GridSearchCV(
        MultiDimRegularizedILT("T2", 12, scheme=ReferenceScheme(5)),
        {"penalty__strength": [0.1, 10.0]},
        cv=InterleavedKFold(2),
    ),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", CHOICES)
def test_voxels_are_independent_of_each_other(name):
    X = voxels(7)
    X[2] *= 0.3
    X[4, 1] = np.inf
    mapper = VoxelMapper(CHOICES[name](), TE.to_numpy())
    if name == "fits":
        mapper.set_params(include=("params", "status"))
    rows = mapper.fit(X).transform(X)
    assert rows.shape == (7, len(mapper.get_feature_names_out()))
    assert np.isnan(rows[4, :-1]).all()
    assert rows[4, -1] == FitStatus.FAILED
    assert np.isfinite(np.delete(rows, 4, axis=0)).all()
    # The number of signals in a product may move its last bits.
    for chunk_size in (1, 3):
        mapper.set_params(chunk_size=chunk_size)
        assert_allclose(mapper.transform(X), rows, rtol=1e-6, atol=1e-9)
    assert_allclose(mapper.transform(X[[5, 2]]), rows[[5, 2]], rtol=1e-6, atol=1e-9)


def test_signed_distributions():
    X = voxels(3)
    ilt = MultiDimRegularizedILT("T2", 12, noise_std=0.01, scheme=ReferenceScheme(5))
    mapper = VoxelMapper(ilt, TE, include=("distribution",)).fit(X)
    assert_allclose(mapper.transform(X), ilt.fit(TE, X.T).distribution_.T, rtol=1e-12)
    assert mapper.get_feature_names_out()[0].startswith("T2=")
    X[1] = 1.0
    assert np.isnan(mapper.transform(X)[1]).all()
    assert np.isnan(mapper.transform(X[[1, 1]])).all()
    points = pd.DataFrame(acquisition_grid([0.1, 1.0], [0.01, 0.02, 0.04]))
    plane = MultiDimRegularizedILT(
        ["T1-IR", "T2"], [4, 5], noise_std=0.1, scheme=ReferenceScheme(3)
    )
    rows = np.exp(-points.to_numpy() @ [[1.0, 2.0], [30.0, 9.0]]).T
    mapper = VoxelMapper(plane, points, include=("distribution",)).fit(rows)
    expected = plane.fit(points, rows.T).distribution_
    assert_allclose(mapper.transform(rows)[1], expected[..., 1].ravel(), rtol=1e-12)
    assert mapper.get_feature_names_out()[5].startswith("T1=")
    assert ",T2=" in mapper.get_feature_names_out()[5]
    with pytest.raises(ValueError, match="channels that are coupled, which would"):
        VoxelMapper(plane.set_params(channels="coupled"), points).fit(rows)
    search = GridSearchCV(
        NonlinearRelaxationFit(MonoExponential()),
        {"model__offset": [False, True]},
        cv=InterleavedKFold(2),
    )
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(ValueError, match="search settings that keep them"),
    ):
        VoxelMapper(search, TE).fit_transform(voxels(20))
    with pytest.raises(TypeError, match="in an inversion with distributions"):
        VoxelMapper(DummyRegressor(), points).fit(rows)


def test_wrong_input():
    X = voxels(3)
    with pytest.raises(ValueError, match="acquisition has 8 points, the voxels have 7"):
        VoxelMapper(NonlinearRelaxationFit("T2"), TE).fit(X[:, :7])
    for estimator, name in [(NonlinearRelaxationFit("T2"), "T2"), (inversion(), "r2")]:
        for include in ((name,), ()):
            with pytest.raises(ValueError, match="include must name some of"):
                VoxelMapper(estimator, TE, include=include).fit(X)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_warnings_of_voxels_are_one_for_each_kind(backend):
    # No strength reaches so low a noise level, as each voxel says with its numbers.
    search = StrengthSearch(
        make_pipeline(KernelBuilder("T2", n_bins=8), SmoothLasso()),
        rule="discrepancy", strengths=4, noise_std=1e-9,
    )  # fmt: skip
    mapper = VoxelMapper(search, TE, chunk_size=2, n_jobs=2).fit(voxels(6))
    with joblib.parallel_config(backend=backend), warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        with pytest.warns(UserWarning, match=r"and 5 more of this kind") as caught:
            mapper.transform(voxels(6))
    assert len(caught) == 1


def test_inversions_that_do_not_converge_are_told():
    lasso = LassoFista(1e-6, solver="fista", max_iter=2)
    inversion = make_pipeline(KernelBuilder("T2", n_bins=8), lasso)
    mapper = VoxelMapper(inversion, TE, chunk_size=2).fit(voxels(6))
    with pytest.warns(ConvergenceWarning, match="2 more of this kind") as caught:
        mapper.transform(voxels(6))
    assert len(caught) == 1


def test_arrays_that_could_be_lazy_but_are_not():
    class Labelled(np.ndarray):
        """As an array of xarray is, which holds a Dask array or not."""

        def __dask_graph__(self):
            return None

        def map_blocks(self):
            raise NotImplementedError

    mapper = VoxelMapper(NonlinearRelaxationFit("T2"), TE, include=("params",))
    X = voxels(4)
    found = mapper.fit(X.view(Labelled)).transform(X.view(Labelled))
    assert_array_equal(found, mapper.fit(X).transform(X))


@pytest.mark.parametrize("name", ["fit", "inversion", "cross-validation"])
def test_missing_points_are_left_out(name):
    X = voxels(6)
    X[1, [0, 3]] = X[2, 5] = X[4, 5] = np.nan
    estimator = {
        "fit": lambda: NonlinearRelaxationFit("T2", bounds={"T2": (1e-3, 5.0)}),
        "inversion": inversion,
        "cross-validation": CHOICES["StrengthSearch"],
    }[name]()
    mapper = VoxelMapper(estimator, TE.to_numpy(), chunk_size=4).fit(X)
    if name == "fit":
        mapper.set_params(include=("params", "n_points", "status")).fit(X)
    rows = mapper.transform(X)
    complete = np.isfinite(X).all(axis=1)
    assert_allclose(rows[complete], mapper.transform(X[complete]), rtol=1e-6, atol=1e-9)
    assert np.isfinite(rows).all()
    names = mapper.get_feature_names_out()
    if name == "fit":
        counts = np.isfinite(X).sum(axis=1)
        assert_array_equal(rows[:, names == "n_points"][:, 0], counts)
    for k in (1, 2, 4):
        there = np.isfinite(X[k])
        if name != "fit":
            # The bins are those of all points.
            keys = [key for key in estimator.get_params() if key.endswith("__grid")]
            builder = find_builder(mapper.estimator_)
            estimator.set_params(**dict.fromkeys(keys, builder.relaxation_times_))
        alone = VoxelMapper(estimator, TE.to_numpy()[there], include=mapper.include)
        one = alone.fit_transform(X[k : k + 1, there])
        assert_allclose(rows[k], one[0], rtol=1e-5, atol=1e-7)
