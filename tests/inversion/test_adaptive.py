"""Smoothness that follows the solution: its objective, its fixed point."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import uniform_filter
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso, SmoothLassoCV
from skrelax.datasets import make_decay
from skrelax.inversion import KernelParameterSearch, _adaptive, _plane_system
from skrelax.inversion._penalty import difference_matrix, kronecker_penalty
from skrelax.io import compress_echoes
from skrelax.kernels import acquisition_grid
from skrelax.metrics import distribution_peaks, wasserstein_distance
from skrelax.model_selection import StrengthSearch
from skrelax.signals import InversionRecovery

TIMES = np.geomspace(1e-3, 3.0, 40)
PEAKS = ((8e-3, 0.03, 0.4), (0.2, 0.3, 0.6))


def problem(noise_std=1e-3, n_signals=None, n_bins=50, seed=0):
    """Return kernel, signals, bins, and a narrow peak beside a broad one."""
    data = make_decay(
        times=TIMES, peaks=PEAKS, noise_std=noise_std, random_state=seed,
        n_signals=n_signals,
    )  # fmt: skip
    builder = KernelBuilder("T2", n_bins=n_bins, minimum=1e-3, maximum=9.0)
    kernel = builder.fit_transform(data.X)
    return kernel, data.y, builder.relaxation_times_, data


def follower(smoothness=1e-3, **settings):
    return SmoothLasso(smoothness=smoothness, order=2, adaptive=True, **settings)


@pytest.mark.parametrize(
    "shape", [(9,), (2,), (5, 6), (1, 7), (4, 3, 5), (1,) * 30, (2,) * 10]
)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_weights_of_one_are_constant_smoothness(shape, order):
    scales = np.linspace(1.0, 0.3, len(shape)) if order else None
    found = _adaptive.following(shape, order, scales).matrix(np.ones(np.prod(shape)))
    expected = kronecker_penalty(shape, order, scales)
    assert_allclose(found.toarray(), expected.toarray(), rtol=1e-13)


def plain_penalty(f, shape, order, floor):
    """Return weights and penalty of f by whole arrays: a twin of the loops."""
    f, v = f.reshape(shape), np.zeros(shape)
    for axis in range(1 if order == 0 else len(shape)):
        J = difference_matrix(shape[axis], order).toarray()
        squares = np.moveaxis(np.tensordot(J, f, (1, axis)) ** 2, 0, axis)
        place = [slice(None)] * len(shape)
        place[axis] = slice(order // 2, order // 2 + squares.shape[axis])
        v[tuple(place)] += squares
    wide = np.pad(v, 2)
    share = uniform_filter(wide, 5, mode="constant") / floor
    weight = uniform_filter(1.0 / (1.0 + share), 5, mode="constant")
    inner = (slice(2, -2),) * len(shape)
    return weight[inner].ravel(), floor * np.log1p(share).sum(), v.ravel()


@pytest.mark.parametrize("shape", [(30,), (6, 7), (3, 4, 5)])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_penalty_and_weights_against_whole_arrays(shape, order):
    rng = np.random.default_rng(0)
    penalty = _adaptive.following(shape, order)
    f, floor = rng.random(int(np.prod(shape))), 0.3
    weight, total = penalty.relaxed(f, floor)
    expected, value, v = plain_penalty(f, shape, order, floor)
    assert_allclose(weight, expected, rtol=1e-12)
    assert_allclose(total, value, rtol=1e-12)
    assert_allclose(f @ (penalty.matrix(weight) @ f), weight @ v, rtol=1e-11)
    # The quadratic penalty with these weights, moved to touch, lies above everywhere.
    for _ in range(20):
        g = f + rng.normal(0.0, rng.choice([0.1, 1.0, 10.0]), f.size)
        _, other, squares = plain_penalty(g, shape, order, floor)
        assert other <= (total + weight @ (squares - v)) * (1.0 + 1e-12)


@pytest.mark.parametrize("order", [1, 2])
def test_solution_is_that_of_the_weights_which_it_gives(order):
    K, y, _, _ = problem()
    model = follower().set_params(order=order).fit(K, y)
    penalty, floors = model._follows
    weight, _ = penalty.relaxed(model.coef_, floors[0])
    J = difference_matrix(50, order).toarray() * np.sqrt(
        1e-3 * len(y) * weight[order // 2 :][: 50 - order, None]
    )
    rows = np.vstack([np.asarray(K), J])
    expected = nnls(rows, np.r_[y, np.zeros(len(J))])[0]
    # The last weights are those of the fit before the last: 1e-8 of the largest bin.
    assert_allclose(model.coef_, expected, atol=1e-6 * expected.max())
    assert model.n_iter_ > 3
    assert model.dual_gap_ < 1e-8


def test_small_changes_of_signals_stay_small():
    K, Y, _, _ = problem(n_signals=12)
    rng = np.random.default_rng(0)
    for smoothness in (1e-1, 1e-3, 1e-5):
        first = follower(smoothness).fit(K, Y).coef_
        other = follower(smoothness).fit(
            K, Y * (1.0 + 1e-9 * rng.standard_normal(Y.shape))
        )
        change = np.abs(other.coef_ - first).max(axis=1)
        assert (change < 1e-6 * first.max(axis=1)).all()


def test_units_of_the_signal_do_not_matter():
    K, y, _, _ = problem()
    first, other = follower().fit(K, y).coef_, follower().fit(K, 1e6 * y).coef_
    assert_allclose(1e-6 * other, first, atol=1e-7 * first.max())


def test_signals_of_a_batch_are_alone():
    K, Y, _, _ = problem(n_signals=5)
    each = np.array([1e-3, 1e-2, 1e-3, 0.0, 1e-4])
    batch = follower(each[:, None]).fit(K, Y)
    for k, smoothness in enumerate(each):
        alone = follower(smoothness).fit(K, Y[:, k])
        # Fits of a smoothness of 0 are not unique, and take the active set.
        assert_allclose(batch.coef_[k], alone.coef_, atol=1e-9)
        assert batch.n_iter_[k] == alone.n_iter_
    threads = follower(each[:, None], n_jobs=2).fit(K, Y)
    assert_array_equal(threads.coef_, batch.coef_)


def test_narrow_beside_broad_is_nearer_to_the_truth():
    distances = []
    for seed in range(5):
        K, y, times, data = problem(seed=seed)
        truth = data.distribution, data.relaxation_times
        constant = SmoothLasso(smoothness=1e-4, order=2)
        distances.append(
            [
                wasserstein_distance(model.fit(K, y).coef_, times, *truth)
                for model in (constant, follower(1e-3))
            ]
        )
    constant, adaptive = np.transpose(distances)
    assert (adaptive < constant).all()
    assert adaptive.mean() < 0.75 * constant.mean()


def test_what_does_not_settle_says_so():
    K, y, _, _ = problem()
    with pytest.warns(ConvergenceWarning, match="did not settle within 2 weighted"):
        model = follower(max_iter=2).fit(K, y)
    assert model.n_iter_ == 2
    zeros = follower().fit(K, np.zeros(len(y)))
    assert not zeros.coef_.any()


def test_baseline_weights_and_alpha():
    K, y, _, _ = problem()
    rng = np.random.default_rng(0)
    count = rng.integers(0, 3, len(y))
    settings = {"alpha": 1e-4, "fit_intercept": True}
    weighted = follower(**settings).fit(K, y + 0.3, sample_weight=count)
    rows = np.repeat(np.arange(len(y)), count)
    repeated = follower(**settings).fit(np.asarray(K)[rows], y[rows] + 0.3)
    # Both end where weights change by 1e-8.
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-6)
    assert weighted.intercept_ == pytest.approx(repeated.intercept_, abs=1e-6)
    assert 0.2 < weighted.intercept_ < 0.4


def test_signed_amplitudes():
    K, y, _, _ = problem()
    model = follower(1e-2, positive=False).fit(K, -y)
    penalty, floors = model._follows
    weight, _ = penalty.relaxed(model.coef_, floors[0])
    H = np.asarray(K).T @ K / len(y) + 1e-2 * penalty.matrix(weight).toarray()
    expected = np.linalg.solve(H, np.asarray(K).T @ -y / len(y))
    assert_allclose(model.coef_, expected, atol=1e-5 * np.abs(expected).max())


def plane(n_bins=12):
    """Return the kernel and a signal of two peaks on a plane."""
    acquisition = acquisition_grid(
        np.geomspace(0.02, 3, 8), np.geomspace(2e-3, 0.5, 12)
    )
    builder = KernelBuilder(
        ["T1-IR", "T2"], n_bins=n_bins, minimum=[0.01, 2e-3], maximum=[5.0, 1.0]
    )
    K = builder.fit_transform(acquisition)
    f = np.zeros((n_bins, n_bins))
    f[n_bins // 3, n_bins // 4], f[2 * n_bins // 3, n_bins // 2] = 1.0, 0.7
    rng = np.random.default_rng(0)
    return K, np.asarray(K) @ f.ravel() + 1e-3 * rng.standard_normal(len(K)), f


def test_planes_of_few_and_of_many_bins_are_one(monkeypatch):
    K, y, f = plane()
    few = follower(1e-4).fit(K, y)
    monkeypatch.setattr(_plane_system, "MANY_BINS", 0)
    many = follower(1e-4).fit(K, y)
    assert few.distribution_.shape == f.shape
    # Grids of many bins compress the kernel, to 1e-12 of its largest column.
    assert_allclose(many.coef_, few.coef_, atol=1e-5 * few.coef_.max())
    constant = SmoothLasso(smoothness=1e-4, order=2).fit(K, y)
    error = [np.abs(model.distribution_ - f).sum() for model in (few, constant)]
    assert error[0] < 0.8 * error[1]


def test_cross_validation_on_planes_of_many_bins(monkeypatch):
    K, y, _ = plane(10)
    search = SmoothLassoCV([1e-5, 0.0], [3e-2, 1e-4], cv=3, adaptive=True)
    few = search.fit(K, y).cv_results_["mean_test_mse"]
    chosen = search.smoothness_, search.alpha_
    monkeypatch.setattr(_plane_system, "MANY_BINS", 0)
    many = search.fit(K, y).cv_results_["mean_test_mse"]
    # Folds take the weights of all points there, so errors are nearly the same.
    assert_allclose(many, few, rtol=0.05)
    assert (search.smoothness_, search.alpha_) == chosen
    assert search.cv_dual_gap_ < 1e-8


def test_both_strengths_by_cross_validation():
    K, Y, _, _ = problem(n_signals=2)
    settings = {"order": 2, "adaptive": True, "smoothnesses": 5, "alphas": 2, "cv": 3}
    batch = SmoothLassoCV(**settings, per_signal=True).fit(K, Y)
    for k in range(2):
        alone = SmoothLassoCV(**settings).fit(K, Y[:, k])
        assert alone.smoothness_ == batch.smoothness_[k]
        assert alone.alpha_ == batch.alpha_[k]
        fixed = follower(alone.smoothness_, alpha=alone.alpha_).fit(K, Y[:, k])
        assert_array_equal(fixed.coef_, alone.coef_)
        assert_allclose(batch.coef_[k], alone.coef_, atol=1e-9)


# Searches narrow in on strengths where one solution turns into another, which is slow.
@pytest.mark.filterwarnings("ignore:the smoothness of .* did not settle")
@pytest.mark.parametrize("rule", ["gcv", "lcurve", "discrepancy", "chi2", "brd", "cv"])
def test_rules_choose_for_each_signal_as_alone(rule):
    K, Y, _, _ = problem(n_signals=2)
    settings = {"rule": rule, "strengths": 8, "noise_std": 1.2e-3}
    batch = StrengthSearch(follower(), per_signal=True, **settings).fit(K, Y)
    for k in range(2):
        alone = StrengthSearch(follower(), **settings).fit(K, Y[:, k])
        # Searches between strengths end at 1e-4 of a decade or better.
        assert alone.strength_ == pytest.approx(batch.strength_[k], rel=1e-3)
    assert np.isfinite(batch.curve_["norm"]).all()
    assert (np.diff(batch.curve_["residual"], axis=0) < 1e-9).all()


def test_setting_of_the_kernel_beside_it():
    times = np.geomspace(0.01, 5.0, 30)[:, None]
    y = 1.0 - 1.8 * np.exp(-times[:, 0] / 0.5)
    builder = KernelBuilder(InversionRecovery(), n_bins=30, minimum=0.02, maximum=5.0)
    search = KernelParameterSearch(
        make_pipeline(builder, follower(1e-4)), "efficiency", [1.5, 1.7, 1.9, 2.0]
    )
    found = search.fit(times, y)
    assert found.value_ == pytest.approx(1.8, abs=0.02)
    alone = builder.set_params(kernel__efficiency=found.value_).fit_transform(times)
    expected = follower(1e-4).fit(alone, y).coef_
    assert_allclose(found.coef_, expected, atol=1e-6)


def test_searches_keep_what_they_have_chosen():
    K, y, _, _ = problem()
    kept = SmoothLassoCV([0.0], [1e-2, 1e-3], cv=3).fit(K, y)._keep_choice(slice(None))
    assert (kept.adaptive, kept.order) == (True, 2)
    search = SmoothLassoCV([0.0], [1e-2, 1e-3], cv=3, positive=False).fit(K, y)
    assert search._keep_choice(slice(None)).adaptive is False


def test_grids_of_several_axes_are_constant_unless_asked():
    times = np.geomspace(1e-3, 1.0, 8)
    X = np.column_stack([np.repeat(times, 8), np.tile(times, 8)])
    K = KernelBuilder(["T2", "T2"], n_bins=5).fit_transform(X)
    settings = {"alphas": [0.0], "smoothnesses": [1e-3, 1e-4], "cv": 3}
    y = np.exp(-X.sum(axis=1) / 0.1) + 1e-3 * np.cos(np.arange(64.0))
    found = [
        SmoothLassoCV(**settings, adaptive=adaptive).fit(K, y).coef_
        for adaptive in (None, False, True)
    ]
    assert_allclose(found[0], found[1], rtol=0)
    assert np.abs(found[0] - found[2]).max() > 1e-6


def test_error_near_the_least_takes_the_stronger_penalty():
    K, y, _, _ = problem(5e-2)
    near = SmoothLassoCV(cv=3, smoothnesses=9, alphas=2, rule="near").fit(K, y)
    errors = near.cv_results_["mean_test_mse"]
    allowed = errors <= 1.03 * errors.min()
    row, column = np.unravel_index(allowed.argmax(), errors.shape)
    assert near.smoothness_ == near.smoothnesses_[row]
    assert near.alpha_ == near.alphas_[column]


def test_strengths_follow_the_noise():
    K, y, _, _ = problem()
    model = SmoothLassoCV(noise_std=1e-3).fit(K, y)
    squares = np.mean(np.asarray(K) ** 2)
    # Ten bins that share the signal, squared, and what smoothness gives way at.
    floor = 2e-4 * (10 / 50) ** 2 * np.mean(y**2) / squares
    assert model.smoothness_ == pytest.approx(0.12 * 1e-6 / (40 * floor), rel=1e-12)
    assert model.alpha_ == pytest.approx(0.25e-3 * np.sqrt(squares / 40), rel=1e-12)
    fixed = follower(model.smoothness_, alpha=model.alpha_).fit(K, y)
    assert_array_equal(fixed.coef_, model.coef_)
    # The least error stands for the variance where none is given.
    found = SmoothLassoCV().fit(K, y)
    noise = np.sqrt(found.cv_results_["mean_test_mse"].min())
    known = SmoothLassoCV(noise_std=noise).fit(K, y)
    assert known.smoothness_ == pytest.approx(found.smoothness_, rel=1e-12)
    constant = SmoothLassoCV(smoothnesses=found.smoothnesses_, adaptive=False)
    errors = constant.fit(K, y).cv_results_["mean_test_mse"]
    assert_array_equal(errors, found.cv_results_["mean_test_mse"])


def test_weights_are_inverse_variances():
    K, y, _, _ = problem()
    weight = np.linspace(0.5, 2.0, len(y))
    weight[7] = 0.0
    first = SmoothLassoCV(cv=3).fit(K, y, sample_weight=weight)
    rows = np.asarray(K) * np.sqrt(weight / weight.sum())[:, None]
    signal = y * np.sqrt(weight / weight.sum())
    floor = 2e-4 * (10 / 50) ** 2 * 50 * (signal @ signal) / (rows**2).sum()
    variance = first.cv_results_["mean_test_mse"].min()
    # One point of 40 has no weight.
    expected = 0.12 * variance / (39 * floor)
    assert first.smoothness_ == pytest.approx(expected, rel=1e-10)
    other = SmoothLassoCV(cv=3).fit(K, y, sample_weight=8.0 * weight)
    assert_allclose(other.coef_, first.coef_, atol=1e-7)


def test_noise_of_each_signal_or_of_all():
    K, Y, _, _ = problem(n_signals=3)
    Y = Y * [1.0, 30.0, 0.0]
    each = SmoothLassoCV(per_signal=True).fit(K, Y)
    for k in range(3):
        alone = SmoothLassoCV().fit(K, Y[:, k])
        assert each.smoothness_[k] == pytest.approx(alone.smoothness_, rel=1e-9)
        assert each.alpha_[k] == pytest.approx(alone.alpha_, rel=1e-9)
        assert_allclose(each.coef_[k], alone.coef_, atol=1e-6 * alone.coef_.max())
    shared = SmoothLassoCV().fit(K, Y[:, :1].repeat(2, axis=1))
    assert shared.smoothness_ == pytest.approx(each.smoothness_[0], rel=1e-9)


@pytest.mark.parametrize("noise_std", [5e-2, 1e-2, 1e-3, 0.0])
# Weak penalties of folds, without an alpha, are certified to 1e-7 where all is exact.
@pytest.mark.filterwarnings("ignore:.* fits of the folds did not reach")
def test_small_changes_move_no_choice(noise_std):
    K, Y, _, _ = problem(noise_std, n_signals=8)
    rng = np.random.default_rng(0)
    first = SmoothLassoCV(per_signal=True).fit(K, Y).coef_
    changed = Y * (1.0 + 1e-9 * rng.standard_normal(Y.shape))
    other = SmoothLassoCV(per_signal=True).fit(K, changed).coef_
    move = np.abs(other - first).max(axis=1)
    assert (move < 1e-6 * first.max(axis=1)).all()


def test_rule_that_follows_the_noise_is_for_adaptive_smoothness():
    K, y, _, _ = problem()
    with pytest.raises(ValueError, match="rule='noise' is for adaptive smoothness"):
        SmoothLassoCV(rule="noise", adaptive=False).fit(K, y)
    # Values that are given are chosen from.
    given = SmoothLassoCV([1e-4, 0.0], [1e-2, 1e-3, 1e-4]).fit(K, y)
    assert given.smoothness_ in given.smoothnesses_
    assert given.alpha_ in given.alphas_
    first = SmoothLassoCV(order=1).fit(K, y)
    assert first.smoothness_ in first.smoothnesses_


def test_what_few_points_see_is_kept():
    """Of evenly spaced echoes a few of thousands see the fast component."""
    times = 2e-4 * np.arange(1, 10_001)
    signal = 0.1 * np.exp(-times / 7e-4) + 0.9 * np.exp(-times / 0.018)
    signal += 5e-3 * np.random.default_rng(0).standard_normal(times.size)
    times, signal, weight = compress_echoes(times, signal, 200)
    kernel = KernelBuilder("T2", n_bins=60).fit_transform(times[:, None])
    for batch in (False, True):
        target = np.column_stack([signal, 2.0 * signal]) if batch else signal
        model = SmoothLassoCV(per_signal=batch).fit(kernel, target, weight)
        f = np.atleast_2d(model.coef_)[0]
        left = np.average((signal - kernel @ f) ** 2, weights=weight)
        error = np.asarray(model.cv_results_["mean_test_mse"])
        assert left < 0.95 * (error[..., 0] if batch else error).min()
        peaks = distribution_peaks(f, model.grids_[0])
        assert_allclose(peaks["share"], [0.1, 0.9], atol=0.02)
        assert_allclose(peaks["log_mean"][1], 0.018, rtol=0.01)
