"""Grids of parameters, dictionaries, the simulator as a step of a Pipeline."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline

from skrelax import TSVDCompressor
from skrelax.dictionary import SignalSimulator, make_dictionary, parameter_grid
from skrelax.signals import EPGEchoTrain, FingerprintingTrain, SpoiledGradientEcho


def test_grid_leaves_out_unphysical_pairs():
    grid = parameter_grid(T1=[0.1, 1.0], T2=[0.05, 0.5, 2.0], B1=[0.9, 1.1])
    assert list(grid) == ["T1", "T2", "B1"]
    assert (grid["T2"] <= grid["T1"]).all()
    pairs = set(zip(grid["T1"], grid["T2"], strict=True))
    assert pairs == {(0.1, 0.05), (1.0, 0.05), (1.0, 0.5)}
    assert_array_equal(grid["B1"], [0.9, 1.1] * 3)
    assert len(parameter_grid(False, T1=[0.1, 1.0], T2=[0.05, 0.5, 2.0])) == 6
    stars = parameter_grid(**{"T2": [0.1], "T2*": [0.05, 0.2]})
    assert_array_equal(stars["T2*"], [0.05])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "needs values"),
        ({"T1": [0.0, 1.0]}, "T1 must hold positive"),
        ({"T1": [1.0, np.nan]}, "T1 must hold positive"),
        ({"T1": [[1.0]]}, "in one dimension"),
        ({"T1": [1.0, 1.0]}, "must not repeat"),
        ({"T1": 0.1, "T2": 1.0}, "no combination"),
        ({"T1": []}, "no combination"),
    ],
)
def test_bad_grids(values, message):
    with pytest.raises(ValueError, match=message):
        parameter_grid(**values)


def test_dictionary_is_the_model_on_the_grid():
    model = EPGEchoTrain(150.0, T1=None, B1=None, echo_spacing=0.01, n_echoes=12)
    grid = parameter_grid(T1=[0.5, 1.0], T2=[0.05, 0.1], B1=[0.8, 1.0])
    atoms, parameters = make_dictionary(model, grid, n_jobs=2)
    assert list(parameters) == ["T2", "T1", "B1"]
    expected = model.evaluate(model.own_acquisition(), parameters.to_numpy()).T
    assert_array_equal(atoms, expected)
    # The columns of an array have the order of the model.
    again, table = make_dictionary(model, parameters.to_numpy())
    assert_array_equal(again, atoms)
    assert list(table) == ["T2", "T1", "B1"]


def test_blocks_and_threads_do_not_change_the_numbers():
    model = FingerprintingTrain(np.linspace(10, 60, 30), inversion_time=0.01)
    rng = np.random.default_rng(0)
    sets = np.column_stack([rng.uniform(0.5, 2, 9000), rng.uniform(0.02, 0.4, 9000)])
    atoms, _ = make_dictionary(model, sets, dtype=np.float32, n_jobs=2)
    assert atoms.dtype == np.float32
    one, _ = make_dictionary(model, sets[[5000]], dtype=np.float32)
    assert_array_equal(one[0], atoms[5000])


def test_complex_signals():
    model = EPGEchoTrain(120.0, echo_spacing=0.01, n_echoes=4, phase=45.0)
    atoms, _ = make_dictionary(model, [[0.1], [0.2]], dtype=np.float32)
    assert atoms.dtype == np.complex64
    assert np.abs(atoms.imag).max() > 0.01


def test_acquisition_comes_with_data_where_the_model_does_not_know_it():
    times = [0.0, 0.1]
    atoms, _ = make_dictionary("T2", [[0.1]], times)
    assert_allclose(atoms, [[1.0, np.exp(-1)]])
    points = pd.DataFrame({"TR": [0.01, 0.02], "note": [1, 2], "FA": [5.0, 20.0]})
    flash, _ = make_dictionary(SpoiledGradientEcho(), [[1.0]], points)
    swapped = SpoiledGradientEcho().evaluate(
        points[["FA", "TR"]].to_numpy(), np.array([[1.0]])
    )
    assert_allclose(flash, swapped.T)


def test_pipeline_of_a_compressed_dictionary():
    model = EPGEchoTrain(160.0, T1=None, echo_spacing=0.01, n_echoes=32)
    grid = parameter_grid(T1=[0.5, 1.0], T2=np.geomspace(0.02, 0.4, 50))
    compressed = make_pipeline(
        SignalSimulator(model), TSVDCompressor(1e-6, output="components")
    )
    atoms = compressed.fit_transform(grid)
    assert atoms.shape[1] < 16
    whole, _ = make_dictionary(model, grid)
    assert_allclose(compressed[-1].inverse_transform(atoms), whole, atol=1e-5)
    names = compressed[0].get_feature_names_out()
    assert names[0] == "TE=0.01"
    assert len(names) == 32
    frame = compressed[0].set_output(transform="pandas").transform(grid)
    assert list(frame.columns) == list(names)


@pytest.mark.parametrize(
    ("model", "table", "acquisition", "message"),
    [
        (EPGEchoTrain(echo_spacing=0.01, n_echoes=2), {"T2": [1], "B1": [1]}, None,
         r"parameters \['T2'\].*set B1=None in the model"),
        ("T2", {"T1": [1.0]}, [0.1], r"must be the parameters \['T2'\]"),
        ("T2", {"T2": [-1.0]}, [0.1], "Negative values in data"),
        ("T2", {"T2": [1.0]}, None, "acquisition must be given"),
        ("T2", {"T2": [1.0]}, [[0.1, 0.2]], "finite points with the columns"),
        ("T2", {"T2": [1.0]}, [np.nan], "finite points"),
        ("T2", {"T2": [1.0]}, [-0.1], "Negative values in data passed to acquisition"),
        (EPGEchoTrain(echo_spacing=0.01), {"T2": [1.0]}, None, "length of the train"),
    ],
)  # fmt: skip
def test_bad_tables(model, table, acquisition, message):
    with pytest.raises(ValueError, match=message):
        make_dictionary(model, pd.DataFrame(table, dtype=float), acquisition)


def test_arrays_need_a_column_per_parameter():
    with pytest.raises(ValueError, match="X has 2 features"):
        make_dictionary("T2", [[1.0, 2.0]], [0.1])


def test_later_changes_of_settings_do_not_reach_the_fit():
    model = EPGEchoTrain(180.0, T1=None, echo_spacing=0.01, n_echoes=8)
    acquisition = np.array([0.01, 0.02])
    simulator = SignalSimulator(model).fit([[0.1, 1.0]])
    named = SignalSimulator("T2", acquisition).fit([[0.1]])
    expected = simulator.transform([[0.1, 1.0]]), named.transform([[0.1]])
    simulator.set_params(model__flip_angle=90.0)
    acquisition[:] = 5.0
    assert_array_equal(simulator.transform([[0.1, 1.0]]), expected[0])
    assert_array_equal(named.transform([[0.1]]), expected[1])


def test_huge_grids_are_refused_before_they_are_made():
    values = np.arange(1.0, 1e4)
    with pytest.raises(ValueError, match=r"T1, T2, B1 have .* combinations, above"):
        parameter_grid(T1=values, T2=values, B1=values)
