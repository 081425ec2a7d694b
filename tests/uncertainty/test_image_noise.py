"""The noise of images from neighbouring voxels."""

import numpy as np
from numpy.testing import assert_allclose

from skrelax.uncertainty._image_noise import image_noise_std


def test_images_that_are_missing_hide_no_noise():
    signals = 100.0 + 2.0 * np.random.default_rng(0).standard_normal((3600, 5))
    places = np.arange(3600).reshape(60, 60, 1)
    signals[:, 1] = np.nan
    signals[::2, 3] = np.nan
    assert_allclose(image_noise_std(signals, places), 2.0, rtol=0.05)
    signals[:] = np.nan
    assert image_noise_std(signals, places) is None
    assert image_noise_std(np.ones((3600, 5)), places) is None
