"""The measurements that come with the package are those that they are said to be."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrelax import NonlinearRelaxationFit
from skrelax.datasets import (
    load_berea,
    load_graphene,
    load_phantom,
    load_sandstone,
    load_water_diffusion,
)
from skrelax.io import compress_echoes, correct_phase, read_decay, read_spinsolve
from skrelax.io._steps import noise_of
from skrelax.signals import InversionRecovery

DECAYS = [
    (load_graphene, "CPMG_graphene.csv", 1.0),
    (load_sandstone, "IR_sandstone.csv", 1.0),
    (load_water_diffusion, "PFG_water.csv", 1e9),
]
PHANTOM = {
    "T1-Siemens": "T1_site1_20200218_plate5.csv",
    "T1-Philips": "T1_site5_philips_3T_plate5.csv",
    "T2-Philips": "T2_site5_philips_3T_plate5.csv",
}


@pytest.mark.parametrize(("load", "name", "unit"), DECAYS)
def test_decays_are_the_published_ones(shared_data, load, name, unit):
    data, published = load(), np.loadtxt(shared_data / "nmr" / name, delimiter=",")
    assert_allclose(data.X[:, 0], unit * published[:, 0], rtol=1e-12)
    assert_array_equal(data.y, published[:, 1])


def test_berea_is_the_published_one_compressed(shared_data):
    folder, data = shared_data / "nmr", load_berea()
    grid = read_spinsolve(folder / "T1IRT2.dat.gz", folder / "IRCPMG_acqu.par")
    real, imaginary, _ = correct_phase(grid.echoes)
    windows, signal, weights = compress_echoes(grid.echo_times, real, 48)
    assert_allclose(data.X[:, 0], np.repeat(grid.inversion_times, windows.size))
    assert_allclose(data.X[:, 1], np.tile(windows, 16), rtol=1e-8)
    assert_allclose(data.y, signal.ravel(), rtol=1e-7)
    assert_array_equal(data.sample_weight, np.tile(weights, 16))
    assert_allclose(data.noise_std, noise_of(imaginary), rtol=1e-5)
    # First echoes are out of phase, by more than noise.
    assert data.noise_std < 0.5 * imaginary.std()


@pytest.mark.parametrize("series", PHANTOM)
def test_phantom_is_the_published_one(shared_data, series):
    data = load_phantom(series)
    path = shared_data / "phantom_roi" / PHANTOM[series]
    published = pd.read_csv(path, comment="#").to_numpy()
    assert_allclose(data.X, 1e-3 * published[:, :2], rtol=1e-12)
    assert_array_equal(np.column_stack([data.y, data.water]), published[:, 2:])


@pytest.mark.parametrize(("load", "name", "unit"), DECAYS)
def test_files_are_read_like_those_of_users(load, name, unit):
    data = load()
    X, y = read_decay(data.filename).by_point()
    assert_array_equal(X, data.X)
    assert_array_equal(np.ravel(y), data.y)


# The longest T1 is out of reach of the inversion times.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_known_answers():
    water = load_water_diffusion()
    fit = NonlinearRelaxationFit(water.kernel).fit(water.X, water.y)
    assert_allclose(fit.params_[1], 2.9e-9, rtol=0.02)
    sandstone = load_sandstone()
    fit = NonlinearRelaxationFit(InversionRecovery("fit"), magnitude=False)
    fit.fit(sandstone.X, sandstone.y)
    values = dict(zip(fit.param_names_, fit.params_, strict=True))
    assert_allclose(values["T1"], 16.1e-3, rtol=0.01)
    phantom = load_phantom("T1-Siemens")
    model = InversionRecovery("fit", repetition_time="TR")
    fit = NonlinearRelaxationFit(model).fit(phantom.X, phantom.y)
    error = fit.params_[:, 1] / phantom.reference - 1
    assert np.median(np.abs(error)) < 0.03


@pytest.mark.parametrize("load", [case[0] for case in DECAYS] + [load_berea])
def test_each_call_gives_its_own_arrays(load):
    load().y[:] = 0.0
    assert (load().y != 0).all()
    assert "Aristarchos Mavridis" in load().DESCR


@pytest.mark.parametrize("series", ["T1", None, ["T1-Siemens"], 3])
def test_unknown_series(series):
    with pytest.raises(ValueError, match="series must be one of"):
        load_phantom(series)
