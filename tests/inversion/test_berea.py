"""The T1-T2 map of a measured sandstone, against what is known of it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso, SmoothLassoCV
from skrelax.io import compress_echoes, correct_phase, read_spinsolve
from skrelax.kernels import acquisition_grid
from skrelax.metrics import distribution_peaks_2d
from skrelax.signals import InversionRecovery
from skrelax.uncertainty import estimate_noise_std


@pytest.fixture(scope="module")
def berea(shared_data):
    """Return acquisition, signal, weights and noise level of the measurement."""
    folder = shared_data / "nmr"
    grid = read_spinsolve(folder / "T1IRT2.dat.gz", folder / "IRCPMG_acqu.par")
    assert grid.echoes.shape == (16, 1024)
    assert_allclose(grid.inversion_times[[0, -1]], [1e-3, 3.0])
    assert_allclose(grid.echo_times[0], 1e-4)
    real, imaginary, _ = correct_phase(grid.echoes)
    noise = estimate_noise_std(grid.echoes[-1])
    # A row and all rows know the same noise, but for a small drift of the phase.
    assert_allclose(noise, imaginary.std(), rtol=0.15)
    windows, signal, weights = compress_echoes(grid.echo_times, real, 40)
    X = acquisition_grid(grid.inversion_times, windows)
    return X, signal.ravel(), np.tile(weights, 16)


def invert(berea, efficiency, final):
    X, y, weight = berea
    builder = KernelBuilder(
        [InversionRecovery(efficiency=efficiency), "T2"],
        n_bins=25, minimum=[3e-3, 3e-4], maximum=[3.0, 0.3],
    )  # fmt: skip
    name = type(final).__name__.lower()
    model = make_pipeline(builder, final)
    return model.fit(X, y, **{f"{name}__sample_weight": weight})


def test_inversion_efficiency_comes_from_the_data(berea):
    efficiencies = [1.65, 1.7, 1.75, 1.8, 1.85]
    search = SmoothLassoCV([0.0], [1e-4], cv=3)
    errors = [
        invert(berea, efficiency, search)[-1].cv_results_["mean_test_mse"][0, 0]
        for efficiency in efficiencies
    ]
    assert efficiencies[int(np.argmin(errors))] == 1.75


def test_peak_and_ratio_of_the_map(berea):
    model = invert(berea, 1.75, SmoothLasso(0.0, 1e-3))
    assert model[-1].grid_shape_ == (25, 25)
    assert model[-1].dual_gap_ <= 1e-8
    coef = model[-1].coef_.reshape(25, 25)
    main = distribution_peaks_2d(
        coef, model[0].relaxation_times_, names=("T1", "T2")
    ).iloc[0]
    # Bins are .125 decades apart: positions are known to a factor of 1.15.
    assert_allclose(main["position_T1"], 0.16, rtol=0.2)
    assert_allclose(main["position_T2"], 13e-3, rtol=0.2)
    assert_allclose(main["position_T1"] / main["position_T2"], 12.0, rtol=0.25)
    # T1 cannot be shorter than T2.
    t1, t2 = model[0].relaxation_times_
    assert coef[np.less.outer(t1, 0.8 * t2)].sum() < 0.03 * coef.sum()
