"""Tables and labelled arrays of distributions."""

import sys
import types

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrelax import KernelBuilder, LassoFista, LassoFistaCV, SmoothLasso, SmoothLassoCV
from skrelax.utils._grid_shape import Grid, with_grid

RNG = np.random.default_rng(0)
INVERSIONS = [LassoFista(), SmoothLasso(), LassoFistaCV(4), SmoothLassoCV(2, 3)]


def carrying(n_points, grids, names):
    """Return a kernel that carries its grids."""
    shape = tuple(len(grid) for grid in grids)
    kernel = RNG.random((n_points, int(np.prod(shape))))
    grids = tuple(np.asarray(grid, dtype=float) for grid in grids)
    return with_grid(kernel, Grid(shape, grids, tuple(names)))


@pytest.mark.parametrize("inversion", INVERSIONS, ids=lambda e: type(e).__name__)
def test_rows_are_relaxation_times(inversion):
    kernel = carrying(12, [[0.01, 0.1, 1.0]], ["T2"])
    y = pd.DataFrame(RNG.random((12, 2)), columns=["oil", "water"])
    table = inversion.fit(kernel, y).to_frame()
    pd.testing.assert_index_equal(table.index, pd.Index([0.01, 0.1, 1.0], name="T2"))
    assert list(table.columns) == ["oil", "water"]
    assert_array_equal(table["water"], inversion.coef_[1])


@pytest.mark.parametrize("inversion", INVERSIONS, ids=lambda e: type(e).__name__)
def test_several_axes_are_levels(inversion):
    kernel = carrying(12, [[0.1, 1.0], [1.0, 2.0, 3.0]], ["T1", "T2"])
    table = inversion.fit(kernel, RNG.random(12)).to_frame()
    assert table.index.names == ["T1", "T2"]
    assert table.loc[(1.0, 2.0), 0] == inversion.coef_[4]


def test_grids_that_do_not_fit_the_columns_are_not_used():
    kernel = carrying(12, [[0.01, 0.1, 1.0]], ["T2"])
    cut = make_pipeline(FunctionTransformer(lambda K: K[:, :2]), LassoFista())
    index = cut.fit(kernel, RNG.random(12))[-1].to_frame().index
    assert_array_equal(index, [0, 1])
    assert index.name == "bin"
    plain = LassoFista().fit(np.asarray(kernel), RNG.random(12))
    assert_array_equal(plain.to_frame().index, [0, 1, 2])


def test_names_of_columns_stay_where_there_are_names():
    builder = KernelBuilder(n_bins=2).set_output(transform="pandas")
    times = pd.DataFrame({"TE": np.geomspace(0.01, 1, 9)})
    model = make_pipeline(builder, LassoFista()).fit(times, RNG.random(9))
    assert list(model[-1].to_frame().index) == list(builder.get_feature_names_out())


def test_arrays_have_named_axes(monkeypatch):
    # A stand-in: what is passed to it is what matters here.
    def data_array(values, dims, coords, name, attrs):
        return types.SimpleNamespace(values=values, dims=dims, coords=coords, name=name)

    monkeypatch.setitem(
        sys.modules, "xarray", types.SimpleNamespace(DataArray=data_array)
    )
    kernel = carrying(12, [[0.1, 1.0], [1.0, 2.0, 3.0]], ["T1", "T2"])
    several = LassoFista().fit(kernel, RNG.random((12, 4)))
    array = several.to_xarray()
    assert array.dims == ["T1", "T2", "signal"]
    assert_array_equal(array.values[1, 2], several.coef_[:, 5])
    assert_array_equal(array.coords["T2"], [1.0, 2.0, 3.0])
    one = LassoFista().fit(np.asarray(kernel), RNG.random(12)).to_xarray()
    assert one.dims == ["bin"]
    assert one.values.shape == (6,)


def test_without_xarray_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    model = LassoFista().fit(np.eye(3), np.ones(3))
    with pytest.raises(ImportError, match=r"skrelax\[xarray\]"):
        model.to_xarray()


def test_a_fit_does_not_follow_later_settings():
    model = SmoothLasso(order=1).fit(np.eye(4), np.ones(4))
    before = model.penalty_.toarray()
    assert_array_equal(model.set_params(order=2).penalty_.toarray(), before)
