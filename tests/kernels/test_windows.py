"""Windows of long trains, and their kernel, beside all points."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrelax import KernelBuilder, SmoothLasso, SmoothLassoCV
from skrelax.inversion import _plane_system
from skrelax.kernels import acquisition_grid, average_kernel

TI, TE = np.geomspace(1e-3, 3.0, 6), 1e-3 * np.arange(1, 301)
PLANE = acquisition_grid(TI, TE)


def builder(n_bins=12):
    settings = {"minimum": [1e-2, 1e-3], "maximum": [3.0, 1.0]}
    return KernelBuilder(["T1-IR", "T2"], n_bins=n_bins, **settings).fit(PLANE)


def test_rows_are_means_of_rows():
    made = builder()
    K = np.asarray(made.transform(PLANE))
    kernel, _, weights, points = average_kernel(made, PLANE, np.zeros(len(PLANE)))
    window = np.repeat(np.arange(len(kernel)), weights.astype(int))
    assert window.size == len(PLANE)
    assert weights.max() > 10
    assert weights.min() == 1
    for k in range(len(kernel)):
        assert_allclose(points[k], PLANE[window == k].mean(axis=0))
        assert_allclose(kernel[k], K[window == k].mean(axis=0), atol=1e-14)
        # No bin changes by more than was asked for.
        assert np.abs(K[window == k] - K[window == k][0]).max() <= 0.02


def test_weights_and_signals_are_carried():
    made = builder()
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.0, 2.0, len(PLANE))
    weight[TE.size - 80 : TE.size] = 0.0
    K = np.asarray(made.transform(PLANE))
    F = rng.uniform(size=(144, 3))
    found = average_kernel(made, PLANE, K @ F, sample_weight=weight)
    kernel, means, weights, _ = found
    # Nothing is bent, whatever the weights.
    assert_allclose(np.asarray(kernel) @ F, means, rtol=1e-12)
    assert_allclose(weights.sum(), weight.sum())
    assert (weights == 0.0).any()
    alone = average_kernel(made, PLANE, (K @ F)[:, 1], sample_weight=weight)
    assert_array_equal(alone[1], means[:, 1])


def test_without_change_nothing_is_averaged():
    made = builder()
    y = np.random.default_rng(0).standard_normal(len(PLANE))
    kernel, means, weights, points = average_kernel(made, PLANE, y, change=0.0)
    assert_array_equal(points, PLANE)
    assert_array_equal(means, y)
    assert_array_equal(weights, np.ones(len(PLANE)))
    assert_array_equal(np.asarray(kernel), np.asarray(made.transform(PLANE)))


@pytest.mark.parametrize("change", [0.02, 0.1])
def test_inversions_of_windows_and_of_all_points_agree(change, monkeypatch):
    monkeypatch.setattr(_plane_system, "MANY_BINS", 0)
    made = builder(20)
    noise_std = 1e-3
    y = (1 - 2 * np.exp(-PLANE[:, 0] / 0.3)) * np.exp(-PLANE[:, 1] / 0.05)
    y += noise_std * np.random.default_rng(0).standard_normal(y.size)
    kernel, means, weights, _ = average_kernel(made, PLANE, y, change=change)
    assert len(kernel) < len(PLANE) / 2
    K = made.transform(PLANE)
    whole = SmoothLasso(smoothness=1e-5).fit(K, y)
    model = SmoothLasso(smoothness=1e-5).fit(kernel, means, sample_weight=weights)
    K = np.asarray(K)
    difference = K @ model.coef_ - K @ whole.coef_
    # Noise that windows do not tell apart moves the signal by far less than itself:
    # of the noise of a point the fit keeps a part, and of this the windows lose one.
    assert np.sqrt(np.mean(difference**2)) < 0.5 * change * noise_std
    # The bound of the notes: within windows a signal changes by as much at most.
    assert model.distribution_.sum() < 1.5


def test_one_axis_baseline_and_cross_validation():
    times = 1e-3 * np.arange(1, 2001)[:, None]
    made = KernelBuilder("T2", n_bins=30, minimum=1e-2, maximum=3.0).fit(times)
    y = np.exp(-times[:, 0] / 0.1) + 0.2
    y += 1e-3 * np.random.default_rng(0).standard_normal(y.size)
    kernel, means, weights, _ = average_kernel(made, times, y)
    assert len(kernel) < 120
    model = SmoothLassoCV(fit_intercept=True, alphas=[0.0], smoothnesses=5)
    model.fit(kernel, means, sample_weight=weights)
    # Windows of noise of 1e-3 from 2000 points; the longest bins are like a baseline.
    assert_allclose(model.predict(np.asarray(kernel)), means, atol=4e-3)
    peak = model.grids_[0][model.coef_.argmax()]
    assert_allclose(peak, 0.1, rtol=0.25)


def test_points_out_of_order_stay_alone():
    made = builder()
    X = PLANE[np.random.default_rng(0).permutation(len(PLANE))]
    kernel, _, weights, _ = average_kernel(made, X, np.zeros(len(X)))
    assert len(kernel) > 0.9 * len(X)
    assert weights.sum() == len(X)


def test_wrong_arguments_are_named():
    made, y = builder(), np.zeros(len(PLANE))
    with pytest.raises(TypeError, match="builder must be a KernelBuilder, got str"):
        average_kernel("T2", PLANE, y)
    with pytest.raises(ValueError, match=r"y must hold numbers of shape \(1800,\)"):
        average_kernel(made, PLANE, y[:-1])
    with pytest.raises(ValueError, match="change must be from 0 to 1, got 2"):
        average_kernel(made, PLANE, y, change=2)
    with pytest.raises(ValueError, match="X has 1 features"):
        average_kernel(made, PLANE[:, :1], y)
