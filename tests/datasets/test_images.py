"""Simulated images and their pictures."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from skrelax.datasets import make_image_series
from skrelax.io import foreground_mask
from skrelax.nonlinear import NonlinearRelaxationFit


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_truth_gives_the_images():
    data = make_image_series("T2*", size=40, noise_std=0.0)
    inside = np.isfinite(data.truth["M0"]).ravel()
    assert 0.3 < inside.mean() < 0.7
    assert_allclose(data.y[:, ~inside], 0.0)
    fit = NonlinearRelaxationFit("T2*").fit(data.X, data.y[:, inside])
    assert_allclose(fit.params_[:, 0], data.truth["M0"].ravel()[inside], rtol=1e-6)
    assert_allclose(fit.params_[:, 1], data.truth["T2*"].ravel()[inside], rtol=1e-6)
    assert set(np.unique(data.tissue)) == {
        "", "scalp", "fluid", "grey", "white", "lesion",
    }  # fmt: skip


def test_noise_and_magnitude():
    data = make_image_series(size=64, noise_std=0.05, random_state=0)
    outside = ~np.isfinite(data.truth["T1"]).ravel()
    assert (data.y >= 0).all()
    # The mean square of the magnitude of noise is twice its variance; its standard
    # error is that of 23 000 exponential numbers, 0.7 %.
    assert_allclose(np.mean(data.y[:, outside] ** 2), 2 * 0.05**2, rtol=0.03)
    assert (foreground_mask(data.table) != outside).mean() > 0.98
    signed = make_image_series(size=64, magnitude=False, random_state=0)
    assert signed.y.min() < -0.5
    given = make_image_series("T1-IR", pd.DataFrame({"TI": [0.1, 0.9]}), size=8)
    assert given.y.shape == (2, 64)


def test_models_that_have_no_phantom():
    with pytest.raises(ValueError, match="model must have one amplitude"):
        make_image_series("T2-stretched")
    with pytest.raises(ValueError, match="acquisition must be given"):
        make_image_series("T1-VFA")


def test_display_of_maps():
    pytest.importorskip("matplotlib")
    from matplotlib import pyplot as plt

    from skrelax.plotting import ParameterMapDisplay

    data = make_image_series(size=24, random_state=0)
    mask = foreground_mask(data.table)
    fit = NonlinearRelaxationFit("T1-IR").fit(data.X, data.y, mask=mask)
    display = ParameterMapDisplay.from_estimator(
        fit, data.table, limits={"T1": (0.0, 4.0)}
    )
    assert list(display.images) == ["M0", "T1", "T1 stderr", "relative error"]
    T1 = display.axes_[1].get_images()[0]
    assert T1.get_clim() == (0.0, 4.0)
    # The front is above, the right side at the left edge.
    expected = display.images["T1"].T[::-1, ::-1]
    assert_allclose(np.asarray(T1.get_array().filled(np.nan)), expected)
    assert display.axes_[1].get_title() == "T1 (s)"
    volume = np.dstack([np.zeros((3, 4)), np.ones((3, 4)), np.zeros((3, 4))])
    empty = np.full((3, 4), np.nan)
    other = ParameterMapDisplay({"a": volume, "b": empty}).plot()
    # Without an affine the first axis runs to the right, the second down.
    plain = ParameterMapDisplay({"a": np.arange(12.0).reshape(3, 4)}).plot()
    picture = plain.axes_[0].get_images()[0].get_array()
    assert_allclose(picture, np.arange(12.0).reshape(3, 4).T)
    assert other.axes_[0].get_images()[0].get_array().shape == (9, 7)
    plt.close("all")
