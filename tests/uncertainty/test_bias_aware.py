"""Intervals of signed distributions: limits, their coverage, and what they refuse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import ndtri
from scipy.stats import norm
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista, MultiDimRegularizedILT, SmoothLasso
from skrelax.kernels import acquisition_grid
from skrelax.metrics import Rectangle
from skrelax.uncertainty import (
    Amplitude,
    LogMean,
    Share,
    TimeRatio,
    bootstrap_distribution,
)
from skrelax.uncertainty._bias_aware import (
    _interval,
    _quantile,
    make_smoothness,
    smooth_values,
)
from skrelax.uncertainty._functionals import Weights

TIMES = np.geomspace(1e-3, 3.0, 40)
GRID = np.geomspace(1e-3, 10.0, 40)
BUILDER = KernelBuilder("T2", grid=GRID)
SIGNED = make_pipeline(BUILDER, SmoothLasso(0.0, 1e-3, positive=False))


def peaks(bins=GRID):
    """Return a distribution of two peaks, the first of which is negative."""
    x = np.log10(bins)
    f = 0.7 * np.exp(-0.5 * ((x + 0.7) / 0.15) ** 2)
    f -= 0.3 * np.exp(-0.5 * ((x + 1.7) / 0.15) ** 2)
    return f / f.sum()


def signal(noise_std=0.01, seed=0):
    K = np.exp(-TIMES[:, None] / GRID)
    noise = noise_std * np.random.default_rng(seed).standard_normal(TIMES.size)
    return K @ peaks() + noise


def test_without_smoothness_it_is_least_squares():
    # An orthogonal kernel tells all bins, so that no roughness is too large.
    rng = np.random.default_rng(0)
    K = np.linalg.qr(rng.standard_normal((30, 8)))[0]
    y = K @ np.arange(8.0) + 0.1 * rng.standard_normal(30)
    problem = make_smoothness(K, y, np.ones(30), 0.1, False, (8,))
    problem = problem._replace(limit=1e9)
    a = np.array([1.0, 1, 1, 0, 0, 0, 0, 2])
    low, high = smooth_values(problem, Weights(a, None, False), 0.9)
    middle, half = a @ K.T @ y, ndtri(0.95) * 0.1 * np.linalg.norm(a)
    assert_allclose([low, high], [middle - half, middle + half], rtol=1e-6)


def test_without_roughness_it_is_a_constant():
    K, y = np.exp(-TIMES[:, None] / GRID), signal()
    problem = make_smoothness(K, y, np.ones(40), 0.01, False, (40,))
    low, high = smooth_values(
        problem._replace(limit=0.0), Weights(np.ones(40), None, False), 0.8
    )
    flat = K.sum(axis=1)
    middle, half = 40 * flat @ y / (flat @ flat), 40 * ndtri(0.9) * 0.01
    half /= np.linalg.norm(flat)
    # The strongest penalty is not infinite.
    assert_allclose([low, high], [middle - half, middle + half], rtol=1e-3)


def test_the_worst_distribution_is_held_as_often_as_the_level_says():
    K, level = np.exp(-TIMES[:, None] / GRID), 0.8
    a = (GRID < 0.06).astype(float)
    problem = make_smoothness(K, signal(), np.ones(40), 0.01, False, (40,))
    _, half = _interval(problem, problem.V.T @ a, level)
    # The estimate is linear in the signal: it is that of each point alone.
    h = np.array(
        [
            _interval(
                problem._replace(along=problem.V.T @ K.T @ point / K.max()),
                problem.V.T @ a, level,
            )[0]
            for point in np.eye(40)
        ]
    )  # fmt: skip
    # Bias is the sum of (a - K^T h) f: largest for f along J^+ J^+T of it.
    J = np.diff(np.eye(40), axis=0)
    rest = a - K.T @ h / K.max()
    assert_allclose(rest.sum(), 0.0, atol=1e-6 * np.abs(a).sum())
    bias = problem.limit * np.linalg.norm(np.linalg.pinv(J.T) @ rest)
    noise = problem.noise_std * np.linalg.norm(h)
    held = norm.cdf(half - bias, scale=noise) - norm.cdf(-half - bias, scale=noise)
    assert_allclose(held, level, atol=1e-4)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 3.0, 5.9, 6.1, 40.0])
def test_quantiles_are_those_of_a_shifted_normal_variable(ratio):
    found = _quantile(np.array([ratio]), np.ones(1), 0.9, np.inf)[0]
    held = norm.cdf(found - ratio) - norm.cdf(-found - ratio)
    assert_allclose(held, 0.9, rtol=1e-8)
    few = _quantile(np.array([ratio]), np.ones(1), 0.9, 5.0)[0]
    assert few > found


def test_intervals_hold_the_truth():
    # The plain bootstrap holds the same in a quarter to two thirds.
    f = peaks()
    numbers = {Amplitude((0, 0.06)): f[GRID < 0.06].sum()}
    numbers[Amplitude((0, 0.03))] = f[GRID < 0.03].sum()
    late = np.where(GRID > 0.06, f, 0.0)
    numbers[LogMean((0.06, np.inf))] = np.exp(late @ np.log(GRID) / late.sum())
    held = dict.fromkeys(numbers, 0)
    for seed in range(25):
        result = bootstrap_distribution(
            SIGNED, TIMES[:, None], signal(0.005, seed), n_bootstrap=2, random_state=0
        )
        for number, truth in numbers.items():
            lower, upper = result.interval(number, 0.9)
            held[number] += lower <= truth <= upper
            assert result.status(number) == "ok"
    # 22.5 are expected at least, less three standard deviations.
    assert min(held.values()) >= 18


@pytest.mark.parametrize("noise_std", [0.5, 1.0])
def test_signals_near_the_noise_are_not_known_for_sure(noise_std):
    # The likelihood is largest for flat distributions then, which have no roughness.
    K = np.exp(-TIMES[:, None] / GRID)
    a = ((GRID > 0.03) & (GRID < 1.0)).astype(float)
    broad = np.exp(-0.5 * ((np.log10(GRID) + 1.3) / 0.5) ** 2)
    broad /= broad.sum()
    noise = noise_std * np.random.default_rng(0).standard_normal((60, TIMES.size))
    held = np.zeros(60, dtype=bool)
    for k, y in enumerate(K @ broad + noise):
        problem = make_smoothness(K, y, np.ones(y.size), None, False, (40,))
        low, high = smooth_values(problem, Weights(a, None, False), 0.9)
        held[k] = low <= a @ broad <= high
    # 60 intervals of 90 %: three standard errors of a share are 12 %.
    assert held.mean() >= 0.78


def test_ends_of_ratios_are_where_they_are_refuted():
    K = np.exp(-TIMES[:, None] / GRID)
    problem = make_smoothness(K, signal(), np.ones(40), None, False, (40,))
    weights = Share((0.06, np.inf))._weights({"T2": GRID})
    ends = smooth_values(problem, weights, 0.9)
    assert ends[0] < peaks()[GRID > 0.06].sum() < ends[1]
    for end in ends:
        a = problem.V.T @ (weights.numerator - end * weights.denominator)
        estimate, half = _interval(problem, a, 0.9)
        assert_allclose(abs(estimate), half, rtol=1e-5)


def test_levels_nest_and_units_do_not_matter():
    asked = Amplitude((0, 0.06)), LogMean((0.06, np.inf))
    options = {"n_bootstrap": 2, "random_state": 0, "method": "bias-aware"}
    plain = bootstrap_distribution(SIGNED, TIMES[:, None], signal(), **options)
    large = bootstrap_distribution(SIGNED, TIMES[:, None], 1e9 * signal(), **options)
    for number, scale in zip(asked, (1e9, 1.0), strict=True):
        ends = [plain.interval(number, level) for level in (0.5, 0.8, 0.95)]
        assert ends[2][0] < ends[1][0] < ends[0][0] < ends[0][1] < ends[1][1]
        assert_allclose(
            large.interval(number), np.array(plain.interval(number)) * scale, rtol=1e-6
        )
    # A weight of four is four times the point.
    weight = np.where(np.arange(40) < 20, 4.0, 1.0)
    rows = np.repeat(np.arange(40), weight.astype(int))
    K = np.exp(-TIMES[:, None] / GRID)
    once = make_smoothness(K, signal(), weight, 0.01, False, (40,))
    many = make_smoothness(K[rows], signal()[rows], np.ones(100), 0.01, False, (40,))
    numbers = asked[0]._weights({"T2": GRID})
    assert_allclose(
        smooth_values(once, numbers, 0.9), smooth_values(many, numbers, 0.9), rtol=1e-6
    )


def test_a_baseline_of_any_sign_takes_its_part():
    model = make_pipeline(BUILDER, SmoothLasso(0.0, positive=False, fit_intercept=True))
    options = {"n_bootstrap": 2, "random_state": 0}
    number = Amplitude((0, 0.06))
    without = bootstrap_distribution(SIGNED, TIMES[:, None], signal(), **options)
    found = [
        bootstrap_distribution(model, TIMES[:, None], signal() + shift, **options)
        for shift in (0.0, -0.5)
    ]
    ends = [result.interval(number) for result in found]
    assert_allclose(*ends, atol=0.02)
    assert np.ptp(ends[0]) > np.ptp(without.interval(number))


def test_both_signed_inversions_have_the_same():
    options = {"n_bootstrap": 3, "random_state": 0}
    ilt = MultiDimRegularizedILT("T2", GRID, noise_std=0.01)
    found = bootstrap_distribution(ilt, TIMES[:, None], signal(), **options)
    other = bootstrap_distribution(SIGNED, TIMES[:, None], signal(), **options)
    assert found.method == other.method == "bias-aware"
    for number in (Amplitude((0, 0.06)), LogMean((0.06, np.inf))):
        assert_allclose(found.interval(number), other.interval(number), rtol=1e-9)
    assert found.samples.shape == (3, 40)
    table = found.to_frame()
    assert {"amplitude_0", "log_mean_0"} <= set(table.index)
    assert "share_0" not in table.index
    own = bootstrap_distribution(
        ilt, TIMES[:, None], signal(), method="parametric", **options
    )
    bands = ilt.fit(TIMES[:, None], signal()).bands(3, random_state=0)
    assert_allclose(own.samples, bands.samples)


def test_planes_of_both_signs():
    X = acquisition_grid(np.geomspace(0.01, 5, 8), np.geomspace(1e-3, 1, 10))
    clean = 1.0 * (1 - 2 * np.exp(-X[:, 0] / 0.8)) * np.exp(-X[:, 1] / 0.1)
    y = clean + 0.01 * np.random.default_rng(0).standard_normal(len(X))
    builder = KernelBuilder(["T1-IR", "T2"], n_bins=[10, 12], minimum=[0.01, 1e-3],
                            maximum=[10.0, 3.0])  # fmt: skip
    model = make_pipeline(builder, SmoothLasso(0.0, 1e-3, positive=False))
    result = bootstrap_distribution(model, X, y, n_bootstrap=2, random_state=0)
    lower, upper = result.interval(Amplitude(Rectangle("long", T2=(0.02, np.inf))))
    assert lower < 1.0 < upper
    lower, upper = result.interval(TimeRatio())
    assert lower < 8.0 < upper


def test_nothing_there_may_be_like_anything():
    late = LogMean((5.0, np.inf))
    result = bootstrap_distribution(SIGNED, TIMES[:, None], signal(0.05), n_bootstrap=2)
    assert result.status(late) == "not identifiable"
    lower, upper = result.interval(late)
    assert_allclose([lower, upper], [GRID[GRID >= 5.0][0], GRID[-1]])


@pytest.mark.parametrize(
    ("model", "y", "options", "message"),
    [
        (SIGNED, np.zeros(40), {}, "but y is 0"),
        (SIGNED, signal(), {"noise_std": -1.0}, "noise_std must not be"),
        (SIGNED, signal(), {"method": "bounds"}, "take 'bias-aware'"),
        (MultiDimRegularizedILT("T2", GRID), signal(), {"method": "residual"}, "'bias"),
        (MultiDimRegularizedILT("T2", GRID), signal(), {"noise_std": 1.0}, "its own"),
    ],
)
def test_bad_input(model, y, options, message):
    options = {"method": "bias-aware", "n_bootstrap": 2} | options
    with pytest.raises(ValueError, match=message):
        bootstrap_distribution(model, TIMES[:, None], y, **options)


def test_what_is_no_sum_is_refused():
    result = bootstrap_distribution(SIGNED, TIMES[:, None], signal(), n_bootstrap=2)
    with pytest.raises(ValueError, match="ratio of sums"):
        result.interval(lambda f, bins: f.max())


def test_too_few_points_tell_no_noise():
    model = make_pipeline(
        KernelBuilder("T2", grid=[0.01, 0.1, 1.0]), LassoFista(0.0, positive=False)
    )
    times = np.array([[0.01], [0.1], [1.0]])
    y = np.exp(-times[:, 0] / 0.01) - 3.0 * np.exp(-times[:, 0])
    with pytest.raises(ValueError, match="too few for residuals"):
        bootstrap_distribution(model, times, y, n_bootstrap=2, method="bias-aware")
    result = bootstrap_distribution(
        model, times, y, n_bootstrap=2, method="bias-aware", noise_std=1e-3
    )
    assert np.isfinite(result.interval(Amplitude((0, 0.05)))).all()


def test_times_beyond_the_grid_are_not_its_end():
    # All values that are not refuted are longer than the longest time.
    times, bins = np.geomspace(1e-3, 1.0, 40), np.geomspace(1e-3, 2.0, 30)
    y = np.exp(-times / 50.0) + 1e-3 * np.random.default_rng(0).standard_normal(40)
    model = make_pipeline(KernelBuilder("T2", grid=bins), SmoothLasso(0.0, 1e-3))
    result = bootstrap_distribution(
        model, times[:, None], y, n_bootstrap=2, method="bias-aware", random_state=0
    )
    assert np.isnan(result.interval("log_mean_0")).all()
    assert result.status("log_mean_0") == "no value"
