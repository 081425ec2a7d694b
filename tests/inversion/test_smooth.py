"""Smooth LASSO against independent solvers, limits and properties."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls
from scipy.stats import wasserstein_distance
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    SmoothLasso,
    SmoothLassoCV,
    TSVDCompressor,
)
from skrelax.inversion._penalty import kronecker_penalty
from skrelax.kernels import acquisition_grid
from skrelax.model_selection import InterleavedKFold
from skrelax.signals import InversionRecovery


def broad_problem(n_signals=1, noise_std=1e-3, n_bins=40, seed=0):
    """Return kernel (30, n_bins) and signals of log-Gaussian distributions."""
    times = np.geomspace(1e-2, 30.0, 30)
    builder = KernelBuilder(n_bins=n_bins, minimum=1e-2, maximum=1e2)
    kernel = builder.fit_transform(times[:, None])
    rng = np.random.default_rng(seed)
    x = np.log10(builder.relaxation_times_)[:, None]
    distributions = np.exp(-0.5 * ((x - rng.uniform(-1, 1, n_signals)) / 0.3) ** 2)
    distributions /= distributions.sum(axis=0)
    signals = kernel @ distributions
    signals += noise_std * rng.standard_normal(signals.shape)
    return kernel, signals


def objective(K, s, f, alpha, smoothness, penalty, weight=None):
    """Evaluate the documented objective."""
    weight = np.ones(s.size) if weight is None else weight
    misfit = 0.5 * np.average((K @ f - s) ** 2, weights=weight)
    return misfit + alpha * np.abs(f).sum() + 0.5 * smoothness * (f @ (penalty @ f))


def stacked_nnls(K, s, alpha, smoothness, penalty):
    """Solve the problem by NNLS on a square root of its Hessian, independently.

    1/2 f'Hf - c'f has the rows R of H = R'R and the data R^-T c.
    """
    H = K.T @ K / s.size + smoothness * penalty.toarray()
    values, vectors = np.linalg.eigh(H)
    keep = values > 1e-15 * values[-1]
    root = np.sqrt(values[keep])
    c = K.T @ s / s.size - alpha
    return nnls(root[:, None] * vectors[:, keep].T, vectors[:, keep].T @ c / root)[0]


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("smoothness", [1e-1, 1e-3, 1e-5])
@pytest.mark.parametrize("alpha", [0.0, 1e-4, 1e-2])
def test_reaches_the_minimum_of_an_independent_solver(order, smoothness, alpha):
    kernel, signals = broad_problem()
    penalty = kronecker_penalty((40,), order)
    model = SmoothLasso(alpha, smoothness, order=order).fit(kernel, signals[:, 0])
    reference = stacked_nnls(kernel, signals[:, 0], alpha, smoothness, penalty)
    ours = objective(kernel, signals[:, 0], model.coef_, alpha, smoothness, penalty)
    theirs = objective(kernel, signals[:, 0], reference, alpha, smoothness, penalty)
    # The certificate bounds the distance to the minimum; NNLS cannot be below it.
    assert ours <= theirs * (1 + 1e-10)
    assert model.dual_gap_ <= 1e-8
    assert (model.coef_ >= 0).all()


def test_two_axes_use_the_kronecker_sum_of_differences():
    shape = (3, 4, 2)
    f = np.random.default_rng(0).standard_normal(shape)
    for order in (1, 2):
        expected = sum((np.diff(f, n=order, axis=axis) ** 2).sum() for axis in range(3))
        penalty = kronecker_penalty(shape, order)
        assert_allclose(f.ravel() @ (penalty @ f.ravel()), expected, rtol=1e-12)
    assert_allclose(kronecker_penalty(shape, 0).toarray(), np.eye(24))


def test_penalty_of_an_axis_that_is_too_short_is_zero():
    assert kronecker_penalty((1,), 1).count_nonzero() == 0
    assert kronecker_penalty((2,), 2).count_nonzero() == 0


def test_smoothness_zero_is_the_lasso():
    kernel, signals = broad_problem(3)
    lasso = LassoFista(1e-3).fit(kernel, signals)
    assert_array_equal(SmoothLasso(1e-3, 0.0).fit(kernel, signals).coef_, lasso.coef_)


def test_large_smoothness_gives_a_flat_distribution():
    kernel, signals = broad_problem()
    spread = [
        np.ptp(SmoothLasso(0.0, strength).fit(kernel, signals[:, 0]).coef_)
        for strength in (1e4, 1e6)
    ]
    # What is left of the differences falls with one over the smoothness, to a
    # second-order term that is about 1 % at 1e4.
    assert_allclose(spread[0] / spread[1], 100.0, rtol=0.05)


def test_without_penalty_on_the_sign_the_solution_is_ridge():
    kernel, signals = broad_problem()
    penalty = kronecker_penalty((40,), 1).toarray()
    model = SmoothLasso(0.0, 1e-3, positive=False).fit(kernel, signals[:, 0])
    expected = np.linalg.solve(
        kernel.T @ kernel / 30 + 1e-3 * penalty, kernel.T @ signals[:, 0] / 30
    )
    # The condition number of the system is about 1e6.
    assert_allclose(model.coef_, expected, atol=1e-8)


def test_signed_solution_with_l1_term_is_stationary():
    kernel, signals = broad_problem()
    s = signals[:, 0] - 0.7 * signals[::-1, 0]
    model = SmoothLasso(1e-4, 1e-3, positive=False).fit(kernel, s)
    penalty = kronecker_penalty((40,), 1)
    gradient = kernel.T @ (s - kernel @ model.coef_) / 30
    gradient -= 1e-3 * (penalty @ model.coef_)
    active = model.coef_ != 0
    assert (model.coef_ < 0).any()
    # The gap of 1e-8 leaves deviations far below the alpha of 1e-4.
    assert_allclose(gradient[active], 1e-4 * np.sign(model.coef_[active]), atol=1e-8)
    assert (np.abs(gradient) <= 1e-4 + 1e-8).all()


@pytest.mark.parametrize("positive", [True, False])
def test_signals_together_equal_one_by_one(positive):
    kernel, signals = broad_problem(7)
    together = SmoothLasso(1e-5, 1e-3, positive=positive).fit(kernel, signals)
    for index in range(7):
        alone = SmoothLasso(1e-5, 1e-3, positive=positive)
        alone.fit(kernel, signals[:, index])
        if positive:
            assert_array_equal(together.coef_[index], alone.coef_)
        else:
            # A triangular solve for many right-hand sides rounds differently.
            assert_allclose(together.coef_[index], alone.coef_, atol=1e-9)


def test_threads_do_not_change_the_result():
    kernel, signals = broad_problem(600)
    serial = SmoothLasso(1e-5, 1e-3, n_jobs=1).fit(kernel, signals)
    threads = SmoothLasso(1e-5, 1e-3, n_jobs=2).fit(kernel, signals)
    assert_array_equal(serial.coef_, threads.coef_)


def test_predict_is_kernel_times_coefficients_plus_baseline():
    kernel, signals = broad_problem(2)
    model = SmoothLasso(1e-4, 1e-3, fit_intercept=True).fit(kernel, signals + 0.3)
    assert_allclose(
        model.predict(kernel), kernel @ model.coef_.T + model.intercept_, rtol=1e-14
    )


def test_baseline_is_found_beside_a_decay_that_ends():
    times = np.linspace(0.0, 5.0, 80)[:, None]
    kernel = KernelBuilder(n_bins=30, minimum=0.05, maximum=0.5).fit_transform(times)
    model = SmoothLasso(0.0, 1e-6, fit_intercept=True)
    model.fit(kernel, kernel[:, 15] + 0.25)
    # All bins have decayed at the end, so the constant is determined to the
    # bias of the penalty.
    assert_allclose(model.intercept_, 0.25, atol=1e-3)


def test_weight_zero_equals_a_removed_row_and_two_a_repeated_one():
    kernel, signals = broad_problem()
    s = signals[:, 0]
    weight = np.ones(30)
    weight[[3, 17]] = 0.0
    weight[5] = 2.0
    rows = np.r_[np.setdiff1d(np.arange(30), [3, 17]), 5]
    weighted = SmoothLasso(1e-5, 1e-3).fit(kernel, s, sample_weight=weight)
    repeated = SmoothLasso(1e-5, 1e-3).fit(kernel[rows], s[rows])
    # Equal minimisers of objectives that differ by rounding; condition about 1e5.
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-9)


@given(scale=st.floats(1e-3, 1e3))
def test_scales_with_the_signal(scale):
    kernel, signals = broad_problem()
    base = SmoothLasso(1e-4, 1e-3).fit(kernel, signals[:, 0])
    scaled = SmoothLasso(1e-4 * scale, 1e-3).fit(kernel, scale * signals[:, 0])
    assert_allclose(scaled.coef_, scale * base.coef_, atol=1e-9 * scale)


def test_grid_shape_travels_through_a_pipeline():
    X = acquisition_grid(np.geomspace(1e-2, 5, 6), np.geomspace(1e-3, 1, 7))
    builder = KernelBuilder(["T1-IR", "T2"], n_bins=[5, 6])
    y = np.random.default_rng(0).random(42)
    plain = make_pipeline(builder, SmoothLasso()).fit(X, y)
    assert plain[-1].grid_shape_ == (5, 6)
    compressed = make_pipeline(builder, TSVDCompressor(20), SmoothLasso()).fit(X, y)
    assert compressed[-1].grid_shape_ == (5, 6)
    named = make_pipeline(clone(builder), SmoothLasso())
    named.set_output(transform="pandas").fit(X, y)
    assert named[-1].grid_shape_ == (5, 6)
    assert_allclose(named[-1].coef_, plain[-1].coef_, rtol=1e-12)
    kernel = builder.fit_transform(X)
    assert pickle.loads(pickle.dumps(kernel)).grid_shape == (5, 6)


def test_cross_validation_curve_equals_a_plain_loop():
    kernel, signals = broad_problem(2, noise_std=1e-2)
    alphas, smoothnesses = [1e-3, 1e-5], [1e-2, 1e-4, 0.0]
    search = SmoothLassoCV(
        alphas, smoothnesses, 1, cv=3, rule="min", adaptive=False
    ).fit(kernel, signals)
    for i, smoothness in enumerate(search.smoothnesses_):
        for j, alpha in enumerate(search.alphas_):
            errors = []
            for train, test in InterleavedKFold(3).split(kernel):
                model = SmoothLasso(alpha, smoothness)
                model.fit(kernel[train], signals[train])
                errors.append(
                    np.mean((model.predict(kernel[test]) - signals[test]) ** 2)
                )
            # Solutions agree to the gap of 1e-8.
            assert_allclose(
                search.cv_results_["mean_test_mse"][i, j], np.mean(errors), rtol=1e-5
            )
    best = np.unravel_index(search.cv_results_["mean_test_mse"].argmin(), (3, 2))
    assert search.smoothness_ == search.smoothnesses_[best[0]]
    assert search.alpha_ == search.alphas_[best[1]]
    assert search.cv_dual_gap_ <= 1e-8


def test_one_standard_error_is_never_weaker_than_the_minimum():
    kernel, signals = broad_problem(noise_std=1e-2)
    lowest = SmoothLassoCV().fit(kernel, signals[:, 0])
    careful = SmoothLassoCV(rule="1se").fit(kernel, signals[:, 0])
    assert careful.smoothness_ >= lowest.smoothness_


def test_signed_cross_validation_finds_both_signs():
    kernel, signals = broad_problem(noise_std=1e-3)
    s = signals[:, 0] - 0.5 * np.exp(-np.geomspace(1e-2, 30, 30) / 10)
    model = SmoothLassoCV([0.0], positive=False).fit(kernel, s)
    assert model.coef_.min() < 0 < model.coef_.max()
    assert model.dual_gap_ <= 1e-8


def test_all_zero_signal_gives_the_zero_distribution():
    kernel, _ = broad_problem()
    for model in (SmoothLasso(), SmoothLassoCV(), SmoothLasso(positive=False)):
        model.fit(kernel, np.zeros(30))
        assert_array_equal(model.coef_, np.zeros(40))
        assert model.dual_gap_ == 0.0


def test_missed_certificate_warns():
    kernel, signals = broad_problem()
    with pytest.warns(ConvergenceWarning, match="did not reach"):
        SmoothLasso(tol=0.0).fit(kernel, signals[:, 0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"grid_shape": (5, 5)}, r"grid_shape \(5, 5\) has 25 bins, but X has 40"),
        ({"smoothness": [1e-3, 1e-3]}, "one per axis"),
        ({"smoothness": [-1.0]}, "must not be negative"),
        ({"alpha": [1e-3, 1e-3]}, "one per signal"),
    ],
)
def test_bad_settings_name_the_argument(settings, message):
    kernel, signals = broad_problem()
    with pytest.raises(ValueError, match=message):
        SmoothLasso(**settings).fit(kernel, signals[:, 0])


def test_negative_weights_are_refused():
    kernel, signals = broad_problem()
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        SmoothLasso().fit(kernel, signals[:, 0], sample_weight=-np.ones(30))


def test_smoothness_per_axis_is_anisotropic():
    X = acquisition_grid(np.geomspace(1e-2, 5, 8), np.geomspace(1e-3, 1, 9))
    kernel = KernelBuilder([InversionRecovery(), "T2"], n_bins=8).fit_transform(X)
    y = np.asarray(kernel[:, 27])

    def roughness(smoothness):
        f = SmoothLasso(0.0, smoothness).fit(kernel, y).coef_.reshape(8, 8)
        return [(np.diff(f, axis=axis) ** 2).sum() for axis in (0, 1)]

    smooth_first, smooth_last = roughness([1e-1, 1e-6]), roughness([1e-6, 1e-1])
    assert smooth_first[0] < smooth_last[0]
    assert smooth_last[1] < smooth_first[1]


def test_tall_kernel_in_blocks_equals_one_piece(monkeypatch):
    times = np.linspace(1e-3, 5, 700)[:, None]
    kernel = KernelBuilder(n_bins=20, minimum=1e-2, maximum=10).fit_transform(times)
    y = np.exp(-times[:, 0]) + 1e-3 * np.random.default_rng(0).standard_normal(700)
    whole = SmoothLasso(0.0, 1e-3, fit_intercept=True).fit(kernel, y)
    monkeypatch.setattr("skrelax.inversion._weighted_rows._BLOCK_VALUES", 1)
    blocks = SmoothLasso(0.0, 1e-3, fit_intercept=True).fit(kernel, y)
    assert_allclose(blocks.coef_, whole.coef_, atol=1e-10)
    assert_allclose(blocks.intercept_, whole.intercept_, atol=1e-10)


def test_recovers_a_broad_distribution_better_than_the_lasso():
    times = np.geomspace(1e-2, 300, 25)
    builder = KernelBuilder(minimum=1e-2, maximum=1e3, supersampling=5)
    kernel = builder.fit_transform(times[:, None])
    x = np.linspace(-3, 4, 2001)
    truth = sum(np.exp(-0.5 * ((x - c) / 0.2) ** 2) for c in (-0.3, 1.3))
    truth /= truth.sum()
    signal = np.exp(-np.outer(times, 10.0**-x)) @ truth
    grid = np.log10(builder.relaxation_times_)
    distances = {"smooth": [], "lasso": []}
    for seed in range(6):
        y = signal + 1e-3 * np.random.default_rng(seed).standard_normal(25)
        for name, model in (
            ("smooth", SmoothLasso(0.0, 1e-4)),
            ("lasso", LassoFista(1e-5)),
        ):
            f = model.fit(kernel, y).coef_
            distances[name].append(wasserstein_distance(x, grid, truth, f))
    # Wasserstein distances in decades: .02-.03 against .08-.1 when measured.
    assert np.median(distances["smooth"]) < 0.04
    assert np.median(distances["smooth"]) < 0.6 * np.median(distances["lasso"])


def test_default_order_follows_the_number_of_axes():
    times = np.geomspace(1e-3, 1.0, 24)[:, None]
    decay = KernelBuilder("T2", n_bins=20).fit_transform(times)
    points = acquisition_grid(times[::3, 0], times[::4, 0])
    plane = KernelBuilder(["T1-SR", "T2"], n_bins=6).fit_transform(points)
    noise = np.random.default_rng(0)
    for kernel, order in ((decay, 2), (plane, 0)):
        s = np.asarray(kernel) @ np.linspace(0.0, 1.0, kernel.shape[1])
        s += 0.01 * noise.standard_normal(s.size)
        found, other = SmoothLassoCV(cv=3).fit(kernel, s), SmoothLassoCV(1, cv=3)
        told = SmoothLassoCV(order=order, cv=3).fit(kernel, s)
        assert_array_equal(found.coef_, told.coef_)
        other.set_params(order=2 - order).fit(kernel, s)
        assert np.abs(found.coef_ - other.coef_).max() > 1e-6
        # Refits of uncertainty and reports take the same differences.
        assert found._keep_choice(np.array([0])).order == order
