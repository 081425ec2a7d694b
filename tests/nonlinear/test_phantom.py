"""T1 and T2 of the NIST phantom from two vendors, from DICOM files to parameters."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import uniform_filter

from skrelax.io import read_dicom_series
from skrelax.nonlinear import FitStatus, NonlinearRelaxationFit
from skrelax.signals import EPGEchoTrain, InversionRecovery

pytest.importorskip("pydicom")
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # Spheres 11 and 12 of one image, which tests of the reader look at.
    pytest.mark.filterwarnings("ignore:.*210 values in 1 images are cut off"),
]

# Reference values of plate 5 (NiCl2) at 20 degrees C [ms], spheres 1 to 14, from the
# certificate of the phantom as the README of the data quotes it.
T1_3T = [
    1989, 1454, 984.1, 706, 496.7, 351.5, 247.13, 175.3, 125.9, 89.0, 62.7, 44.53,
    30.84, 21.719,
]  # fmt: skip
T1_15T = [
    2033, 1489, 1012, 730.8, 514.1, 367.9, 260.1, 184.6, 132.7, 92.7, 65.4, 46.32,
    32.45, 22.859,
]  # fmt: skip
T2_3T = [
    1465, 1076, 717.9, 510.1, 359.6, 255.5, 180.8, 127.3, 90.3, 64.3, 45.7, 31.86,
    22.38, 15.83,
]  # fmt: skip


def read_spheres(shared_data, series):
    """Return the acquisition and signals of 25 pixels in each sphere, (N, 14, 25).

    Where the spheres are is found by their mean signals, which a table gives up to a
    common factor: that checks the scaling of every image, too.
    """
    table = read_dicom_series(shared_data / "dicom" / series)
    X, y = table.by_point()
    shape = table.spatial["mask"].shape
    images = y.to_numpy().astype(np.float64).reshape(len(X), *shape)[..., 0]
    name = series.replace("/", "_")
    rows = pd.read_csv(shared_data / "phantom_roi" / f"{name}.csv", comment="#")
    time = "ti_ms" if "ti_ms" in rows else "te_ms"
    assert_allclose(X["TI" if time == "ti_ms" else "TE"], 1e-3 * rows[time])
    assert_allclose(X["TR"], 1e-3 * rows["tr_ms"])
    # An image in which values were cut off does not help to find the spheres.
    whole = np.isfinite(images).all(axis=(1, 2))
    means = uniform_filter(images[whole], (0, 5, 5), mode="constant")
    flat = means.reshape(len(means), -1)
    size = np.linalg.norm(flat, axis=0)
    flat = flat / np.where(size > 0, size, 1)
    signals = []
    for sphere in range(1, 15):
        wanted = rows[f"s{sphere}"].to_numpy()
        best = (wanted[whole] @ flat).argmax()
        i, j = np.unravel_index(best, images.shape[1:])
        block = images[:, i - 2 : i + 3, j - 2 : j + 3]
        ratio = block.mean(axis=(1, 2)) / wanted
        # The table has six digits.
        assert_allclose(ratio[np.isfinite(ratio)], ratio[0], rtol=1e-4)
        assert np.isfinite(ratio[whole]).all()
        signals.append(block.reshape(len(X), -1))
    return X, np.stack(signals, axis=1)


def sphere_medians(model, X, signals, name):
    """Return the median parameter [ms] and the share of flagged pixels per sphere."""
    fit = NonlinearRelaxationFit(model).fit(X, signals.reshape(len(X), -1))
    values = 1e3 * fit.params_[:, fit.param_names_.index(name)].reshape(14, -1)
    flagged = (fit.status_ != FitStatus.CONVERGED).reshape(14, -1).mean(axis=1)
    return np.median(values, axis=1), flagged


def error(values, reference):
    """Return the median relative error over spheres 1 to 10 in percent."""
    return 100 * np.median(np.abs(values[:10] / np.array(reference[:10]) - 1))


@pytest.mark.parametrize(
    ("series", "reference"),
    [
        ("T1/site1_20200218/plate5", T1_15T),
        ("T1/site5_philips_3T/plate5", T1_3T),
    ],
)
def test_t1_within_four_percent(shared_data, series, reference):
    X, signals = read_spheres(shared_data, series)
    per_image = InversionRecovery(efficiency="fit", repetition_time="TR")
    values, _ = sphere_medians(per_image, X, signals, "T1")
    assert error(values, reference) < 4.0
    # Full recovery between inversions is far from the truth for long T1.
    values, _ = sphere_medians(InversionRecovery(), X, signals, "T1")
    assert (values[:4] / reference[:4] < 0.8).all()


def test_t2_with_stimulated_echoes(shared_data):
    X, signals = read_spheres(shared_data, "T1/site5_philips_3T/plate5")
    inversion = InversionRecovery(efficiency="fit", repetition_time="TR")
    T1, _ = sphere_medians(inversion, X, signals, "T1")
    X, signals = read_spheres(shared_data, "T2/site5_philips_3T/plate5")
    plain, flagged = sphere_medians("T2", X, signals, "T2")
    # The train does not see T2 above three times its length: spheres 1 and 2.
    assert (flagged[:2] > 0.9).all()
    assert (flagged[3:10] < 0.1).all()
    assert error(plain, T2_3T) > 5.0
    assert (plain[:10] > T2_3T[:10]).all()
    values, angles = np.empty(10), np.empty(10)
    for sphere in range(10):
        model = EPGEchoTrain(B1=None, T1=1e-3 * T1[sphere], echo_spacing=8e-3)
        fit = NonlinearRelaxationFit(model).fit(X, signals[:, sphere])
        values[sphere] = 1e3 * np.median(fit.params_[:, 1])
        angles[sphere] = 180 * np.median(fit.params_[:, 2])
        if sphere < 2:
            assert (fit.status_ == FitStatus.NOT_IDENTIFIABLE).mean() > 0.9
    assert error(values, T2_3T) < 4.0
    # One refocusing angle, which stands for the slice profile, fits all spheres.
    assert np.ptp(angles) < 6.0
