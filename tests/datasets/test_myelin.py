"""Simulated echo trains with known myelin water."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import lognorm

from skrelax.datasets import make_myelin_water_images
from skrelax.signals import EPGEchoTrain


def test_truth_gives_the_images():
    times = 0.012 * np.arange(1, 17)
    data = make_myelin_water_images(times, size=24, noise_std=0.0)
    inside = data.tissue != ""
    assert_allclose(data.y[:, ~inside.ravel()], 0.0)
    row = np.flatnonzero((data.tissue == "fluid").ravel())[0]
    truth = {name: image.ravel()[row] for name, image in data.truth.items()}
    # A pool of fluid, integrated here over quantiles of a lognormal distribution.
    T2 = lognorm(0.2, scale=truth["gmT2"]).ppf((np.arange(4000) + 0.5) / 4000)
    train = EPGEchoTrain(truth["flip_angle"], echo_spacing=0.012, excitation="half")
    expected = truth["M0"] * train.evaluate(times[:, None], T2[:, None]).mean(axis=1)
    assert_allclose(data.y[:, row], expected, rtol=1e-4)
    assert truth["short_fraction"] < 1e-6


def test_white_matter_has_myelin_water():
    data = make_myelin_water_images(size=32, random_state=0)
    white = data.truth["short_fraction"][data.tissue == "white"]
    assert white.min() > 0.07
    assert white.max() < 0.17
    assert_allclose(white.mean(), 0.12, atol=0.01)
    lowest = make_myelin_water_images(size=32, short=0.005)
    assert np.nanmax(lowest.truth["short_fraction"]) < 1e-6
    assert (data.y >= 0).all()
    signed = make_myelin_water_images(size=16, magnitude=False, random_state=0)
    assert signed.y.min() < 0


def test_times_in_single_precision():
    times = 0.01 * np.arange(1, 49)
    single = make_myelin_water_images(times.astype(np.float32), size=8, noise_std=0.0)
    double = make_myelin_water_images(times, size=8, noise_std=0.0)
    assert_allclose(single.y, double.y, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"echo_times": [0.01]}, "at least two evenly spaced"),
        ({"echo_times": [0.01, 0.02, 0.04]}, "at least two evenly spaced"),
        ({"echo_times": [0.02, 0.01]}, "at least two evenly spaced"),
        ({"echo_times": []}, "at least two evenly spaced"),
        ({"echo_times": [0.0, 0.01]}, "at least two evenly spaced"),
        ({"echo_times": [0.01, 0.01]}, "at least two evenly spaced"),
        ({"size": 0}, "size"),
        ({"noise_std": -1.0}, "noise_std"),
        ({"short": -1.0}, "short"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        make_myelin_water_images(**settings)
