"""KernelBuilder: cells, grids, axes, names, bad input."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista
from skrelax.kernels import acquisition_grid
from skrelax.model_selection import InterleavedKFold
from skrelax.signals import Identity, InversionRecovery

TIMES = np.array([[0.0], [0.01], [0.1], [1.0]])


def test_kernel_is_the_signal_of_each_bin():
    builder = KernelBuilder(grid=[0.1, 0.5]).fit(TIMES)
    assert_allclose(builder.transform(TIMES), np.exp(-TIMES / [0.1, 0.5]))


@pytest.mark.parametrize("spacing", ["log", "linear"])
def test_supersampling_is_the_mean_over_cells_that_tile(spacing):
    grid = np.array([0.1, 0.2, 0.4, 0.8]) if spacing == "log" else np.arange(1, 5) / 5
    builder = KernelBuilder(grid=grid, spacing=spacing, supersampling=200)
    kernel = builder.fit_transform(TIMES)
    x = np.log(grid) if spacing == "log" else grid
    step = x[1] - x[0]
    back = np.exp if spacing == "log" else (lambda value: value)
    for i, time in enumerate(TIMES[:, 0]):
        for j in range(4):
            low, high = x[j] - step / 2, x[j] + step / 2
            mean = quad(lambda u, t=time: np.exp(-t / back(u)), low, high)[0] / step
            # The midpoint rule with 200 points is exact to about 1e-8 here.
            assert_allclose(kernel[i, j], mean, atol=1e-6)


def test_uneven_cells_tile_the_axis():
    grid = np.array([0.1, 0.15, 1.0])
    identity = KernelBuilder(lambda t, tau: 0 * t + np.log(tau), grid=grid)
    edges = np.log([np.sqrt(0.1 * 0.15), np.sqrt(0.15 * 1.0)])
    kernel = identity.set_params(supersampling=50).fit_transform(TIMES)
    # The mean of the log over a cell is the middle between its edges.
    assert_allclose(kernel[0, 1], edges.mean(), rtol=1e-12)


def test_limits_come_from_the_data():
    builder = KernelBuilder(n_bins=5).fit(TIMES)
    assert_allclose(builder.relaxation_times_[[0, -1]], [0.01 / 3, 3.0])
    builder = KernelBuilder("diffusion").fit(np.array([[0.0], [1e8], [1e9]]))
    assert_allclose(builder.relaxation_times_[[0, -1]], [1 / 3e9, 3e-8])
    builder = KernelBuilder("impedance-real").fit(np.array([[1.0], [100.0]]))
    assert_allclose(builder.relaxation_times_[[0, -1]] * 2 * np.pi, [1 / 300, 3.0])
    builder = KernelBuilder(n_bins=5, minimum=0.1).fit(TIMES)
    assert_allclose(builder.relaxation_times_[[0, -1]], [0.1, 3.0])
    assert_allclose(KernelBuilder(n_bins=1).fit(TIMES).relaxation_times_, 0.1)
    linear = KernelBuilder(n_bins=3, minimum=1, maximum=3, spacing="linear").fit(TIMES)
    assert_allclose(linear.relaxation_times_, [1, 2, 3])


@pytest.mark.parametrize(
    ("n_axes", "n_bins"), [(1, 64), (2, 64), (3, 16), (4, 8), (5, 5), (10, 2), (27, 1)]
)
def test_default_grids_do_not_explode(n_axes, n_bins):
    X = np.random.default_rng(0).uniform(0.1, 1.0, (5, n_axes))
    assert KernelBuilder().fit(X).grid_shape_ == (n_bins,) * n_axes


def test_two_axes_are_the_kronecker_product_on_a_grid():
    t1, t2 = np.array([0.1, 1.0]), np.array([0.01, 0.1, 0.3])
    X = acquisition_grid(t1, t2)
    builder = KernelBuilder(
        [InversionRecovery(1.8), "T2"], n_bins=[3, 4], supersampling=[2, 3]
    ).fit(X)
    first = KernelBuilder(
        InversionRecovery(1.8), grid=builder.relaxation_times_[0], supersampling=2
    ).fit_transform(t1[:, None])
    second = KernelBuilder(
        "T2", grid=builder.relaxation_times_[1], supersampling=3
    ).fit_transform(t2[:, None])
    assert_allclose(builder.transform(X), np.kron(first, second), rtol=1e-14)
    assert builder.grid_shape_ == (3, 4)
    rows = np.random.default_rng(0).permutation(6)[:4]
    assert_allclose(builder.transform(X[rows]), np.kron(first, second)[rows])


def test_large_products_are_made_in_blocks(monkeypatch):
    X = acquisition_grid(np.linspace(0.1, 1, 7), np.linspace(0.1, 1, 5))
    builder = KernelBuilder(n_bins=6, supersampling=2)
    whole = builder.fit_transform(X)
    monkeypatch.setattr("skrelax.kernels._builder._BLOCK_VALUES", 50)
    assert_array_equal(builder.fit_transform(X), whole)


def test_names_of_bins():
    X = acquisition_grid([0.1, 1.0], [0.01, 0.1])
    builder = KernelBuilder(["T1-IR", "T2"], grid=[[0.5, 1], [0.01, 0.1]]).fit(X)
    assert builder.get_feature_names_out().tolist() == [
        "T1=0.5,T2=0.01", "T1=0.5,T2=0.1", "T1=1,T2=0.01", "T1=1,T2=0.1",
    ]  # fmt: skip
    close = KernelBuilder(grid=[1.0, 1.0 + 1e-9]).fit(TIMES)
    assert len(set(close.get_feature_names_out())) == 2


def test_columns_are_taken_by_name():
    frame = pd.DataFrame({"TE": [0.01, 0.1], "TI": [0.5, 1.0]})
    builder = KernelBuilder(["T1-IR", "T2"], grid=[[0.5], [0.1]])
    by_name = builder.fit_transform(frame)
    in_order = builder.fit_transform(frame[["TI", "TE"]].to_numpy())
    assert_allclose(by_name, in_order)


def test_repetition_time_per_point():
    frame = pd.DataFrame({"TR": [2.0, 3.0], "TI": [0.5, 1.0]})
    builder = KernelBuilder(InversionRecovery(repetition_time="TR"), grid=[0.7])
    expected = (
        1 - 2 * np.exp(-frame["TI"] / 0.7) + np.exp(-frame["TR"] / 0.7)
    ).to_numpy()[:, None]
    assert_allclose(builder.fit_transform(frame), expected)


def test_identity_axis_keeps_its_points():
    X = acquisition_grid([0.1, 1.0], [-3.0, 5.0, 7.0])
    builder = KernelBuilder(["T2", Identity("shift")], n_bins=2, supersampling=3)
    kernel = builder.fit_transform(X)
    assert_array_equal(builder.relaxation_times_[1], [-3, 5, 7])
    assert_array_equal(kernel[0].reshape(2, 3)[:, 1:], 0)


def test_grid_search_reaches_the_inversion_efficiency():
    times = np.geomspace(1e-3, 5, 30)[:, None]
    y = 1 - 1.7 * np.exp(-times[:, 0] / 0.3)
    search = GridSearchCV(
        make_pipeline(KernelBuilder(InversionRecovery(), n_bins=40), LassoFista(1e-6)),
        {"kernelbuilder__kernel__efficiency": [1.5, 1.6, 1.7, 1.8, 1.9]},
        cv=InterleavedKFold(),
    ).fit(times, y)
    assert search.best_params_ == {"kernelbuilder__kernel__efficiency": 1.7}


@given(order=st.permutations(range(4)), repeat=st.integers(1, 3))
def test_rows_are_independent(order, repeat):
    builder = KernelBuilder(n_bins=4, supersampling=2).fit(TIMES)
    rows = np.repeat(list(order), repeat)
    assert_array_equal(builder.transform(TIMES[rows]), builder.transform(TIMES)[rows])


@pytest.mark.parametrize("dtype", [np.float32, np.int64, object])
def test_other_types_of_numbers(dtype):
    X = np.array([[0], [1], [2]], dtype=dtype)
    kernel = KernelBuilder(n_bins=4).fit_transform(X)
    assert kernel.dtype == np.float64
    assert kernel.shape == (3, 4)


@pytest.mark.parametrize(
    ("settings", "X", "message"),
    [
        ({}, [[-0.1], [1.0]], "TE must not be negative, got -0.1 at row 0"),
        ({}, [[0.0], [0.0]], "all zero"),
        ({"minimum": 2, "maximum": 1}, TIMES, "minimum must be below maximum"),
        ({"minimum": -1}, TIMES, "minimum must be positive"),
        ({"grid": [2.0, 1.0]}, TIMES, "strictly increasing"),
        ({"grid": [0.0, 1.0]}, TIMES, "must be positive on a log axis"),
        ({"grid": [np.nan]}, TIMES, "finite"),
        ({"n_bins": [3, 4]}, TIMES, "n_bins must be one value or one per axis"),
        ({"kernel": ["T2", "T2"]}, TIMES, "reads 2 acquisition columns"),
        ({"n_bins": 100, "max_bins": 1000}, np.ones((3, 2)), "10000 bins on 2 axes"),
        ({"grid": [1.0, 2.0]}, np.ones((3, 2)), "one array or None for each"),
        ({"kernel": "T3"}, TIMES, "kernel must be one of"),
        ({"n_bins": 0}, TIMES, "n_bins"),
        ({"spacing": "sqrt"}, TIMES, "spacing"),
    ],
)
def test_bad_input_names_the_argument(settings, X, message):
    with pytest.raises(ValueError, match=message):
        KernelBuilder(**settings).fit(np.asarray(X, dtype=float))


def test_transform_refuses_negative_times():
    builder = KernelBuilder().fit(TIMES)
    with pytest.raises(ValueError, match="Negative values"):
        builder.transform(-TIMES)


def test_grids_of_decays_begin_where_something_is_left():
    times = np.geomspace(2e-3, 1.0, 20)[:, None]
    found = KernelBuilder("T2").fit(times).relaxation_times_
    assert_allclose(found[[0, -1]], [2e-3, 3.0])
    # Nothing is lost where time zero was measured.
    found = KernelBuilder("T2").fit(np.vstack([[[0.0]], times])).relaxation_times_
    assert_allclose(found[[0, -1]], [2e-3 / 3, 3.0])
    # A recovery of a third of the first time is there in full.
    found = KernelBuilder("T1-IR").fit(times).relaxation_times_
    assert_allclose(found[[0, -1]], [2e-3 / 3, 3.0])
    found = KernelBuilder("diffusion").fit(1e8 * times).relaxation_times_
    assert_allclose(found[[0, -1]], [1 / 3e8, 1 / 2e5])
