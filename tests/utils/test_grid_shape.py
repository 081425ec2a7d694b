"""The grid of a kernel is carried to the penalty, or its loss is an error."""

import copy
import itertools
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from skrelax import KernelBuilder, SmoothLasso, SmoothLassoCV, TSVDCompressor
from skrelax.kernels import acquisition_grid
from skrelax.model_selection import InterleavedKFold, StrengthSearch
from skrelax.signals import EPGEchoTrain
from skrelax.utils._grid_shape import KernelMatrix, find_grid, find_period

X = pd.DataFrame(
    acquisition_grid(np.geomspace(0.01, 5, 9), np.geomspace(0.005, 1, 10)),
    columns=["TI", "TE"],
)
Y = ((1 - 2 * np.exp(-X["TI"] / 0.7)) * np.exp(-X["TE"] / 0.08)).to_numpy()
SHAPE = (12, 11)


def builder():
    return KernelBuilder(["T1-IR", "T2"], n_bins=list(SHAPE))


def kernel():
    return builder().fit_transform(X)


CARRIED = {
    "nothing between": [builder()],
    "compression": [builder(), TSVDCompressor()],
    "compression twice": [builder(), TSVDCompressor(), TSVDCompressor(1e-6)],
    "an elementwise function": [builder(), FunctionTransformer(np.sinh)],
    "a function of rows": [builder(), FunctionTransformer(lambda K: K[:] * 2.0)],
    "passthrough": [builder(), "passthrough"],
    "pandas through a scaler": [
        builder().set_output(transform="pandas"),
        MaxAbsScaler().set_output(transform="pandas"),
    ],
    "pandas to compression": [
        builder().set_output(transform="pandas"),
        TSVDCompressor(),
    ],
    "names with a prefix": [
        ColumnTransformer([("K", builder(), ["TI", "TE"])]).set_output(
            transform="pandas"
        ),
        StandardScaler().set_output(transform="pandas"),
    ],
}
LOST = {
    "MaxAbsScaler": [builder(), MaxAbsScaler()],
    "StandardScaler": [builder(), StandardScaler()],
    "MinMaxScaler": [builder(), MinMaxScaler()],
    "RobustScaler": [builder(), RobustScaler()],
    "QuantileTransformer": [builder(), QuantileTransformer(n_quantiles=20)],
    "SelectKBest": [builder(), SelectKBest(f_regression, k=100)],
    "a column more": [
        builder(),
        FunctionTransformer(lambda K: np.column_stack([K, np.ones(len(K))])),
    ],
    "shuffled": [
        builder(),
        FunctionTransformer(
            lambda K: np.asarray(K)[:, np.random.default_rng(0).permutation(132)]
        ),
    ],
    "FeatureUnion, scaled": [FeatureUnion([("K", builder())]), RobustScaler()],
    "a function of arrays": [builder(), FunctionTransformer(np.array)],
    "compression of an array": [
        builder(),
        FunctionTransformer(np.array),
        TSVDCompressor(),
    ],
    "ColumnTransformer": [
        builder(),
        ColumnTransformer([("K", "passthrough", slice(0, None))]),
    ],
    "FeatureUnion": [FeatureUnion([("K", builder())])],
    "picked columns": [builder(), FunctionTransformer(lambda K: K[:, 5:])],
    "turned columns": [builder(), FunctionTransformer(lambda K: K[:, ::-1])],
    "picked columns of a frame": [
        builder().set_output(transform="pandas"),
        FunctionTransformer(lambda K: K.iloc[:, :-1]),
        TSVDCompressor(),
    ],
}


@pytest.mark.parametrize("steps", CARRIED.values(), ids=CARRIED)
@pytest.mark.parametrize("final", ["SmoothLasso", "SmoothLassoCV", "StrengthSearch"])
def test_steps_that_carry_the_grid(steps, final):
    last = {
        "SmoothLasso": SmoothLasso(),
        "SmoothLassoCV": SmoothLassoCV(alphas=[0.0], smoothnesses=2, cv=2),
        "StrengthSearch": SmoothLasso(),
    }[final]
    model = make_pipeline(*steps, last)
    if final == "StrengthSearch":
        model = StrengthSearch(model, strengths=[1e-3], rule="cv", cv=2)
    model.fit(X, Y)
    model = getattr(model, "best_estimator_", model)
    assert model[-1].grid_shape_ == SHAPE


@pytest.mark.parametrize("steps", LOST.values(), ids=LOST)
@pytest.mark.parametrize("final", [SmoothLasso(), SmoothLassoCV(cv=2)], ids=str)
def test_steps_that_lose_the_grid_are_refused(steps, final):
    model = make_pipeline(*steps, final)
    with pytest.raises(ValueError, match="grid_shape"):
        model.fit(X, Y)


def test_a_given_shape_overrules():
    model = make_pipeline(builder(), MaxAbsScaler(), SmoothLasso(grid_shape=SHAPE))
    assert model.fit(X, Y)[-1].grid_shape_ == SHAPE
    one = make_pipeline(builder(), MaxAbsScaler(), SmoothLasso(grid_shape=(132,)))
    assert one.fit(X, Y)[-1].grid_shape_ == (132,)
    # What is scaled and named equals what is scaled and said.
    named = make_pipeline(builder(), MaxAbsScaler(), SmoothLasso())
    named.set_output(transform="pandas").fit(X, Y)
    assert_array_equal(named[-1].coef_, model[-1].coef_)


def test_the_message_says_how():
    message = r"every 11 bins.*12 x 11.*grid_shape=\(12, 11\)"
    with pytest.raises(ValueError, match=message):
        SmoothLasso().fit(np.asarray(kernel()), Y)
    with pytest.raises(ValueError, match="grid_shape must be positive integers"):
        SmoothLasso(grid_shape=(12.5, 11)).fit(kernel(), Y)


def test_search_folds_and_caches_carry_the_grid(tmp_path):
    steps = [("K", builder()), ("C", TSVDCompressor()), ("L", SmoothLasso())]
    model = Pipeline(steps, memory=joblib.Memory(tmp_path, verbose=0))
    plain = Pipeline(steps).fit(X, Y)
    for _ in range(2):
        # The second fit reads the kernel from the disk.
        assert model.fit(X, Y)[-1].grid_shape_ == SHAPE
        assert_array_equal(model[-1].coef_, plain[-1].coef_)
    search = GridSearchCV(
        SmoothLasso(), {"smoothness": [1e-2, 1e-3]}, cv=InterleavedKFold(3)
    )
    assert search.fit(kernel(), Y).best_estimator_.grid_shape_ == SHAPE
    again = pickle.loads(pickle.dumps(plain)).fit(X, Y)
    assert again[-1].grid_shape_ == SHAPE


def test_kernels_carry_bins_and_names():
    fitted = builder().fit(X)
    K = fitted.transform(X)
    for same in (
        K, K[:5], K[K[:, 0] > -9], K.copy(), 2.0 * K, np.abs(K), K.astype(np.float32),
        pickle.loads(pickle.dumps(K)), copy.deepcopy(K), K[np.arange(3), :], K[1:, ...],
    ):  # fmt: skip
        assert isinstance(same, KernelMatrix)
        assert same.grid_shape == SHAPE
        assert same.axis_names == ("T1", "T2")
        assert_array_equal(same.grids[0], fitted.relaxation_times_[0])
        assert_array_equal(same.grids[1], fitted.relaxation_times_[1])
        assert find_grid(same) is same.grid
    for lost in (K.T, K.transpose(), K @ np.eye(132), K.sum(axis=0), np.matmul(K, K.T)):
        assert not isinstance(lost, KernelMatrix)
    K += 1.0
    assert K.grid_shape == SHAPE
    assert repr(K) == repr(np.asarray(K))
    one = KernelBuilder("T2", n_bins=5).fit(X[["TE"]])
    K = one.transform(X[["TE"]])
    assert (K.grid_shape, K.axis_names) == ((5,), ("T2",))
    assert_array_equal(K.grids[0], one.relaxation_times_)
    assert find_grid(K[:, :3]) is None


def test_frames_carry_bins_and_names():
    made = builder().set_output(transform="pandas").fit(X)
    grid = find_grid(made.transform(X))
    assert (grid.shape, grid.axis_names) == (SHAPE, ("T1", "T2"))
    # Names have six digits.
    assert_allclose(grid.grids[0], made.relaxation_times_[0], rtol=1e-5)
    same = KernelBuilder(["T2", "T2"], n_bins=2).set_output(transform="pandas")
    assert find_grid(same.fit_transform(X.to_numpy())).axis_names == ("T2_0", "T2_1")
    assert find_grid(pd.DataFrame({"a=x": [1.0], "a=y": [2.0]})).grids is None
    assert find_grid(pd.DataFrame({"a": [1.0], "a=y": [2.0]})) is None
    assert find_grid([[1.0]]) is None


AXES = {
    "T1-IR": np.geomspace(0.01, 5, 10),
    "T1-SR": np.geomspace(0.01, 5, 10),
    "T2": np.linspace(0.01, 1, 15),
    "diffusion": np.linspace(0, 3e9, 9),
}
SCALERS = {
    "none": None,
    "MaxAbsScaler": MaxAbsScaler(),
    "StandardScaler": StandardScaler(),
    "centred": StandardScaler(with_std=False),
    "TSVDCompressor": TSVDCompressor(1e-3),
}


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("kernels", list(itertools.product(AXES, AXES)), ids="x".join)
def test_grids_of_two_axes_are_seen_in_plain_arrays(kernels, scaler):
    points = acquisition_grid(*(AXES[name] for name in kernels))
    for bins in ((12, 12), (20, 20), (8, 20)):
        K = np.array(
            KernelBuilder(list(kernels), n_bins=list(bins)).fit_transform(points)
        )
        if SCALERS[scaler] is not None:
            K = SCALERS[scaler].fit_transform(K)
        for scale in (1.0, 1e-200, 1e200):
            assert find_period(K * scale) == bins[1]


SINGLE = [
    ("T2", AXES["T2"]), ("T1-IR", AXES["T1-IR"]), ("T1-SR", AXES["T1-SR"]),
    ("diffusion", AXES["diffusion"]), ("gaussian", AXES["T2"]),
    ("impedance-real", np.geomspace(1, 1e4, 30)),
    ("impedance-imaginary", np.geomspace(1, 1e4, 30)),
    (EPGEchoTrain(140.0, echo_spacing=0.01), 0.01 * np.arange(1, 33)),
]  # fmt: skip


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize(("name", "points"), SINGLE, ids=lambda v: str(v)[:12])
def test_one_axis_is_never_taken_for_several(name, points, scaler):
    for n_bins, spacing in itertools.product((8, 12, 16, 36, 64), ("log", "linear")):
        made = KernelBuilder(name, n_bins=n_bins, spacing=spacing)
        K = np.array(made.fit_transform(points[:, None]))
        if SCALERS[scaler] is not None:
            K = SCALERS[scaler].fit_transform(K)
        assert find_period(K) is None


def test_other_tables_are_one_axis():
    rng = np.random.default_rng(0)
    for n in (8, 9, 12, 24, 60):
        for _ in range(20):
            assert find_period(rng.standard_normal((40, n))) is None
            assert find_period(rng.uniform(size=(40, n)).cumsum(axis=1)) is None
    assert find_period(np.eye(64)) is None
    assert find_period(np.zeros((5, 12))) is None
    assert find_period(np.ones((5, 12))) is None
    frequency = np.outer(np.arange(40), np.arange(60))
    assert find_period(np.cos(2 * np.pi * frequency / 30)) is None
    K = PCA(20).fit_transform(np.asarray(kernel()))
    assert find_period(K) is None


def test_tall_kernels_are_sampled():
    points = acquisition_grid(np.geomspace(0.01, 5, 64), np.geomspace(0.01, 1, 64))
    K = KernelBuilder(["T1-IR", "T2"], n_bins=[10, 9]).fit_transform(points)
    assert find_period(np.asarray(K)) == 9


@pytest.mark.parametrize(
    "change",
    [
        lambda K: np.take(K, np.arange(K.shape[1])[::-1], axis=1),
        lambda K: np.roll(K, 1, axis=1),
        lambda K: np.compress(np.ones(K.shape[1], bool), K, axis=1),
        lambda K: K.dot(np.eye(K.shape[1])[::-1]),
        lambda K: np.repeat(K, 2, axis=1)[:, ::2],
        lambda K: np.apply_along_axis(lambda row: row[::-1], 1, K),
        lambda K: K[:, :].reshape(K.shape, order="F"),
        lambda K: np.linalg.svd(K, full_matrices=True)[2],
    ],
    ids=["take", "roll", "compress", "dot", "repeat", "rows", "reshape", "svd"],
)
def test_columns_of_unknown_order_are_no_grid(change):
    model = make_pipeline(builder(), FunctionTransformer(change), SmoothLasso())
    y = Y if change(kernel()).shape[0] == Y.size else np.resize(Y, kernel().shape[1])
    K = make_pipeline(*model[:-1]).fit_transform(X)
    with pytest.raises(ValueError, match=r"picked from a grid of bins \(12, 11\)"):
        SmoothLasso().fit(K, y)


@pytest.mark.parametrize(
    "change",
    [
        lambda K: K.astype(np.float32),
        lambda K: K.astype("f8", copy=False),
        lambda K: K.copy(order="F"),
        lambda K: np.clip(K, 0, 1),
        lambda K: K - K.mean(axis=0),
        copy.copy,
        copy.deepcopy,
    ],
)
def test_copies_are_the_same_grid(change):
    changed = change(kernel())
    assert find_grid(changed).shape == SHAPE
    # What became of a copy does not come back in another.
    assert not change(kernel()[:, ::-1]).is_whole
