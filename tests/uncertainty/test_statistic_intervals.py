"""Intervals of numbers of many distributions: coverage, theory, independence, input."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls
from scipy.stats import binomtest, norm
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista, LassoFistaCV, SmoothLasso, SmoothLassoCV
from skrelax.inversion import KernelParameterSearch
from skrelax.metrics import fraction_between, log_mean
from skrelax.model_selection import StrengthSearch
from skrelax.signals import EPGEchoTrain
from skrelax.uncertainty import statistic_intervals
from skrelax.uncertainty._magnitudes import level_of_magnitudes, signals_below
from skrelax.uncertainty._scales import share_interval, time_interval
from skrelax.utils._answers import without_penalty
from skrelax.utils._rice import expected_magnitude

TIMES = 0.01 * np.arange(1, 33)[:, None]
BINS = np.geomspace(0.01, 2.0, 30)
KERNEL = np.exp(-TIMES / BINS)


def inversion(smoothness=1e-4):
    return make_pipeline(KernelBuilder(grid=BINS), SmoothLasso(0.0, smoothness, 0))


def search(rule="chi2", **settings):
    strengths = StrengthSearch(
        SmoothLasso(0.0, order=0), rule=rule, strengths=6, **settings
    )
    return make_pipeline(KernelBuilder(grid=BINS), strengths)


def simulate(n_signals, noise_std=0.01, seed=0):
    """Return signals (n_points, n_signals) of two pools, and true distributions."""
    rng = np.random.default_rng(seed)
    peaks = [
        np.exp(-0.5 * (np.log(BINS / place) / width) ** 2)
        for place, width in ((0.02, 0.2), (0.08, 0.25))
    ]
    peaks = np.array([peak / peak.sum() for peak in peaks])
    share = rng.uniform(0.05, 0.2, n_signals)
    F = np.column_stack([share, 1.0 - share]) @ peaks
    return KERNEL @ F.T + noise_std * rng.standard_normal((32, n_signals)), F


def test_intervals_cover_the_truth():
    Y, F = simulate(400)
    table = statistic_intervals(inversion(), TIMES, Y, n_refits=20, random_state=0)
    share = fraction_between(F, BINS, upper=0.04)
    for name, truth in (("short_fraction", share), ("log_mean", log_mean(F, BINS))):
        covered = (table[f"{name} lower"] <= truth) & (truth <= table[f"{name} upper"])
        # 400 intervals of 90 %: three standard errors of a share are 4.5 %.
        assert 0.855 <= covered.mean() <= 0.945, name
        # 400 errors know their spread to 3.5 %, and so do 20 refits of each.
        scatter = (table[name] - truth).std()
        assert_allclose(table[f"{name} stderr"].mean(), scatter, rtol=0.11)
    # 32 points less 4 bins know the noise to 14 %, and 400 signals to .7 %; bins that
    # are not 0 are not quite the parameters that a fit uses.
    assert_allclose(np.sqrt((table["noise"] ** 2).mean()), 0.01, rtol=0.03)


def test_other_levels_are_other_quantiles():
    Y, F = simulate(400)
    table = statistic_intervals(
        inversion(), TIMES, Y, n_refits=20, level=0.6, random_state=0
    )
    truth = log_mean(F, BINS)
    covered = (table["log_mean lower"] <= truth) & (truth <= table["log_mean upper"])
    # Three standard errors of a share of 60 % are 7.3 %.
    assert 0.527 <= covered.mean() <= 0.673


def test_errors_are_those_of_linear_theory():
    # Two bins far from zero, without penalty: the share of the first is a ratio of
    # normal numbers, and its error follows from the inverse of K'K.
    grid, f, noise_std = np.array([0.02, 0.2]), np.array([0.4, 0.6]), 1e-3
    builder = KernelBuilder(grid=grid)
    K = np.exp(-TIMES / grid)
    covariance = noise_std**2 * np.linalg.inv(K.T @ K)
    slope = np.array([f[1], -f[0]]) / f.sum() ** 2
    expected = np.sqrt(slope @ covariance @ slope)
    table = statistic_intervals(
        make_pipeline(builder, LassoFista(0.0)), TIMES, K @ f, n_refits=2000,
        noise_std=noise_std, random_state=0,
    ).iloc[0]  # fmt: skip
    # 2000 refits know a standard deviation to 1.6 %.
    assert_allclose(table["short_fraction stderr"], expected, rtol=0.05)
    half = norm.ppf(0.95) * expected
    low, high = table["short_fraction lower"], table["short_fraction upper"]
    assert_allclose([low, high], [0.4 - half, 0.4 + half], atol=0.1 * half)
    assert table["noise"] == noise_std


def test_without_noise_nothing_is_uncertain():
    Y, _ = simulate(3, noise_std=0.0)
    table = statistic_intervals(inversion(), TIMES, Y, noise_std=0.0, random_state=0)
    for name in ("short_fraction", "log_mean"):
        # Refits start from the fit without penalty, which is not quite the signal.
        assert_allclose(table[f"{name} stderr"], 0.0, atol=1e-6)
        assert_allclose(table[f"{name} lower"], table[name], rtol=1e-3)
        assert_allclose(table[f"{name} upper"], table[name], rtol=1e-3)


@pytest.mark.parametrize("model", [inversion(), search()], ids=["fixed", "chi2"])
def test_a_part_of_an_image_has_the_intervals_of_the_whole(model):
    Y, _ = simulate(6)
    options = {"n_refits": 4, "random_state": 3}
    whole = statistic_intervals(model, TIMES, Y, **options)
    part = statistic_intervals(
        model, TIMES, Y[:, [4, 1]], signal_numbers=[4, 1], **options
    )
    alone = statistic_intervals(model, TIMES, Y[:, 5], signal_numbers=[5], **options)
    # Products of other shapes round differently.
    assert_allclose(part, whole.iloc[[4, 1]], rtol=1e-6)
    assert_allclose(alone, whole.iloc[[5]], rtol=1e-6)


def test_workers_and_parts_change_nothing(monkeypatch):
    Y, _ = simulate(6)
    options = {"n_refits": 4, "random_state": 3}
    whole = statistic_intervals(inversion(), TIMES, Y, **options)
    again = statistic_intervals(inversion(), TIMES, Y, **options)
    assert_array_equal(whole, again)
    place = "skrelax.uncertainty._statistic_intervals._TOGETHER"
    monkeypatch.setattr(place, 8)
    with parallel_config("threading"):
        shared = statistic_intervals(inversion(), TIMES, Y, n_jobs=2, **options)
    assert_allclose(shared, whole, rtol=1e-6)
    other = statistic_intervals(inversion(), TIMES, Y, n_refits=4, random_state=4)
    assert (other["log_mean stderr"] != whole["log_mean stderr"]).all()


def test_voxels_without_a_fit_are_nan_and_disturb_no_other():
    Y, _ = simulate(6)
    options = {"n_refits": 4, "random_state": 0}
    good = statistic_intervals(inversion(), TIMES, Y, **options)
    bad = Y.copy()
    bad[3, 1], bad[:, 2], bad[0, 4] = np.nan, 0.0, np.inf
    mask = np.array([True, True, True, True, True, False])
    table = statistic_intervals(inversion(), TIMES, bad, mask=mask, **options)
    assert table.iloc[[1, 2, 4, 5]].isna().all(axis=None)
    assert_allclose(table.iloc[[0, 3]], good.iloc[[0, 3]], rtol=1e-6)
    none = statistic_intervals(inversion(), TIMES, bad, mask=np.zeros(6), **options)
    assert none.isna().all(axis=None)


def test_one_signal_and_names_of_signals():
    Y, _ = simulate(2)
    named = pd.DataFrame(Y, columns=["left", "right"])
    table = statistic_intervals(inversion(), TIMES, named, n_refits=3, random_state=0)
    assert list(table.index) == ["left", "right"]
    one = statistic_intervals(inversion(), TIMES, Y[:, 0], n_refits=3, random_state=0)
    assert_allclose(one, table.iloc[[0]], rtol=1e-6)


def test_statistics_of_the_user():
    Y, _ = simulate(3)
    statistics = {
        "myelin": (lambda f, t: fraction_between(f, t, upper=0.03), "share"),
        "mean": (log_mean, "time"),
        "amplitude": lambda f, t: f.sum(axis=1),
    }
    options = {"n_refits": 5, "random_state": 0}
    table = statistic_intervals(inversion(), TIMES, Y, statistics=statistics, **options)
    named = statistic_intervals(inversion(), TIMES, Y, short=0.03, **options)
    assert len(table.columns) == 3 * 4 + 1
    for part in ("", " stderr", " lower", " upper"):
        assert_array_equal(table[f"myelin{part}"], named[f"short_fraction{part}"])
        assert_array_equal(table[f"mean{part}"], named[f"log_mean{part}"])
    fitted = inversion().fit(TIMES, Y)
    assert_allclose(table["amplitude"], fitted[-1].coef_.sum(axis=1))
    middle = 0.5 * (table["amplitude lower"] + table["amplitude upper"])
    assert_allclose(middle, table["amplitude"])


def test_noise_belongs_to_points_of_weight_one():
    rng = np.random.default_rng(0)
    weight = np.where(np.arange(32) % 2, 0.5, 1.5)
    clean, _ = simulate(400, noise_std=0.0)
    Y = clean + 0.01 / np.sqrt(weight[:, None]) * rng.standard_normal(clean.shape)
    # Only ratios of weights count: weights have mean one.
    table = statistic_intervals(
        inversion(), TIMES, Y, sample_weight=7 * weight, n_refits=2, random_state=0
    )
    # As above.
    assert_allclose(np.sqrt((table["noise"] ** 2).mean()), 0.01, rtol=0.03)


def test_angles_that_are_known_leave_less_uncertain():
    train = EPGEchoTrain(echo_spacing=0.01)
    grid, angles = np.array([0.02, 0.08]), np.array([130.0, 150.0])
    Y = np.empty((32, 2))
    for column, angle in zip(Y.T, angles, strict=True):
        K = EPGEchoTrain(angle, echo_spacing=0.01).evaluate(TIMES, grid[:, None])
        column[:] = K @ [0.2, 0.8]
    model = KernelParameterSearch(
        make_pipeline(KernelBuilder(train, grid=grid), LassoFista(0.0)),
        values=np.linspace(110.0, 180.0, 8),
    )
    options = {"noise_std": 0.005, "n_refits": 30, "random_state": 0}
    searched = statistic_intervals(model, TIMES, Y, **options)
    known = statistic_intervals(model, TIMES, Y, known=angles, **options)
    assert_allclose(known["short_fraction"], 0.2, atol=1e-6)
    # The noise of both is the same, so that 30 refits tell.
    for name in ("short_fraction stderr", "log_mean stderr"):
        assert (known[name] < searched[name]).all()


def test_floors_of_magnitudes():
    signals = np.array([0.0, 0.3, 1.0, 3.0, 39.9, 40.1, 500.0, 1e9])
    means = expected_magnitude(signals, 2.0)
    # The table is linear between places .01 noise levels apart.
    assert_allclose(signals_below(means, 2.0), signals, rtol=1e-4, atol=1e-4)
    assert_array_equal(signals_below([[0.5, 1.0]], [[1.0]]), 0.0)
    assert_array_equal(signals_below([0.0, 3.0], 0.0), [0.0, 3.0])
    rng = np.random.default_rng(0)
    signals = 5.0 * np.exp(-0.4 * np.arange(20.0))
    noise = rng.standard_normal((2, 20_000, 20))
    drawn = np.hypot(signals + noise[0], noise[1])
    mean, variance = drawn.mean(axis=0), drawn.var(axis=0).mean()
    assert variance < 0.75
    # 4e5 numbers know a variance to .2 %.
    assert_allclose(level_of_magnitudes(mean[None], variance[None]), 1.0, rtol=0.01)


def test_magnitudes_are_drawn_with_the_mean_that_was_fitted():
    rng = np.random.default_rng(0)
    clean, _ = simulate(100, noise_std=0.0)
    noise = 0.05 * rng.standard_normal((2, *clean.shape))
    Y = np.hypot(clean + noise[0], noise[1])
    mean = {"mean signal": lambda f, t: (f @ np.exp(-TIMES / t).T).mean(axis=1)}
    options = {"statistics": mean, "n_refits": 40, "random_state": 0}
    model = inversion(1e-6)
    rician = statistic_intervals(model, TIMES, Y, noise="rician", **options)
    plain = statistic_intervals(model, TIMES, Y, **options)
    level = np.sqrt((rician["noise"] ** 2).mean())
    # The level is known to 1.4 %; bins in use are not quite the parameters.
    assert_allclose(level, 0.05, rtol=0.06)
    # Half of the echoes are at the floor, where magnitudes scatter less.
    assert np.sqrt((plain["noise"] ** 2).mean()) < 0.045
    # A second floor on top of the first would move the mean by more than its error.
    shift = rician["mean signal upper"] - rician["mean signal lower"]
    assert (shift < 2.6 * 1.685 * rician["mean signal stderr"]).mean() > 0.95


@pytest.mark.parametrize("count", [3, 20, 50])
def test_shares_have_the_score_interval_of_wilson(count):
    # Of a share of n trials the variance is s (1 - s) / n.
    refits = np.array([[0.2, 0.6]])
    n = 0.4 * 0.6 / np.var(refits, ddof=1)
    expected = binomtest(count, 100).proportion_ci(0.9, "wilson")
    quantile = norm.ppf(0.95)
    low, high = share_interval(
        np.array([count / 100]), refits, np.array([quantile * np.sqrt(n / 100)])
    )
    assert_allclose(high, expected.high)
    # The variance at the estimate decides about the ends.
    std = np.std(refits, ddof=1) * quantile * np.sqrt(n / 100)
    assert_allclose(low, 0.0 if count / 100 <= std else expected.low)
    same = share_interval(np.array([0.3]), np.full((1, 4), 0.3), np.array([2.0]))
    assert_allclose(np.ravel(same), 0.3)


def test_times_have_the_same_interval_in_any_unit_and_as_rates():
    rng = np.random.default_rng(0)
    refits = np.exp(rng.normal(0.1, 0.2, (5, 30)))
    estimate, quantile = np.ones(5), np.full(5, 1.7)
    low, high = time_interval(estimate, refits, quantile)
    rates = time_interval(1.0 / estimate, 1.0 / refits, quantile)
    assert_allclose(rates, [1.0 / high, 1.0 / low])
    scaled = time_interval(1e3 * estimate, 1e3 * refits, quantile)
    assert_allclose(scaled, [1e3 * low, 1e3 * high])


@pytest.mark.parametrize(
    "model",
    [
        inversion(1e-2),
        search("gcv"),
        StrengthSearch(inversion(), rule="lcurve"),
        make_pipeline(KernelBuilder(grid=BINS), LassoFista(1e-3)),
        make_pipeline(KernelBuilder(grid=BINS), LassoFistaCV(4, cv=3)),
        make_pipeline(KernelBuilder(grid=BINS), SmoothLassoCV(2, 2, cv=3)),
    ],
    ids=["fixed", "gcv", "outside", "LASSO", "LASSO CV", "smooth CV"],
)
def test_without_penalty_a_fit_is_that_of_nnls(model):
    Y, _ = simulate(2)
    fitted = without_penalty(model).fit(TIMES, Y)
    for k, y in enumerate(Y.T):
        left = np.linalg.norm(y - fitted.predict(TIMES)[:, k])
        # Duality gaps are 1e-8 of the objective.
        assert_allclose(left, nnls(KERNEL, y)[1], rtol=1e-5)


def call(estimator=None, X=TIMES, y=None, **settings):
    y = simulate(3)[0] if y is None else y
    settings = {"n_refits": 2, "random_state": 0} | settings
    return statistic_intervals(estimator or inversion(), X, y, **settings)


def test_only_signals_that_are_inverted_must_be_magnitudes():
    Y = np.abs(simulate(4)[0])
    before = call(y=Y, noise="rician")
    Y[3, 0], Y[4, 1], Y[5, 1], Y[:, 3] = -np.inf, np.nan, -1.0, -Y[:, 3]
    after = call(y=Y, noise="rician", mask=[1, 1, 1, 0])
    assert after.isna().all(axis=1).tolist() == [True, True, False, True]
    # Signals that are fitted together differ by rounding.
    assert_allclose(after.iloc[2], before.iloc[2], rtol=1e-9)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"y": np.ones(5)}, ValueError, r"y must have shape \(32,\)"),
        ({"known": np.ones(2)}, ValueError, "known must be a number or one per"),
        ({"noise_std": -1.0}, ValueError, "noise_std must not be negative nor above"),
        ({"mask": np.ones(2)}, ValueError, r"mask must have shape \(3,\)"),
        ({"signal_numbers": [0, 1]}, ValueError, "signal_numbers must have shape"),
        ({"signal_numbers": [0, 1, -2]}, ValueError, "signal_numbers must be int"),
        ({"statistics": "log_mean"}, TypeError, "statistics must be a sequence"),
        ({"statistics": ["width"]}, ValueError, "statistics must be among"),
        ({"statistics": []}, ValueError, "statistics must name at least one"),
        ({"statistics": {"a": 3}}, TypeError, "statistics must have names"),
        ({"statistics": {"a": (len, "size")}}, ValueError, "scales among"),
        ({"statistics": {"a": lambda f, t: f}}, ValueError, "one number per dist"),
        ({"statistics": {"a": lambda f, t: ["x"] * 3}}, TypeError, r"\['a'\] must ho"),
        ({"statistics": {"a": lambda f, t: 1j * f[:, 0]}}, TypeError, "real numbers"),
        ({"statistics": {"noise": len}}, ValueError, "'noise' would be there twice"),
        ({"statistics": {"a": len, "a lower": len}}, ValueError, "'a lower' would be"),
        ({"known": 3.0}, TypeError, "known values are for a KernelParameterSearch"),
        ({"noise": "rice"}, ValueError, "noise"),
        ({"noise": "rician", "y": -TIMES}, ValueError, "y must not be negative"),
        ({"level": 1.0}, ValueError, "level"),
        ({"n_refits": 1}, ValueError, "n_refits"),
        ({"short": 0.0}, ValueError, "short"),
        ({"sample_weight": -np.ones(32)}, ValueError, "weight"),
        ({"estimator": LinearRegression()}, ValueError, "as if it were alone"),
        (
            {"estimator": GridSearchCV(inversion(), {"smoothlasso__alpha": [0, 1]})},
            ValueError,
            "as if it were alone",
        ),
        ({"estimator": SmoothLasso(), "X": KERNEL}, ValueError, "must know its rel"),
    ],
)
def test_bad_input(settings, error, message):
    with pytest.raises(error, match=message):
        call(**settings)


def test_log_means_stay_on_the_grid():
    # A constant fits times beyond the last bin, which the grid does not have.
    y = 1.0 + 0.01 * np.random.default_rng(0).standard_normal(len(TIMES))
    found = statistic_intervals(inversion(), TIMES, y, n_refits=10, random_state=0)
    lower, upper = found.loc[0, ["log_mean lower", "log_mean upper"]]
    assert BINS[0] <= lower < upper == BINS[-1]


def test_pairs_and_times_of_functions():
    options = {"n_refits": 4, "random_state": 0}
    y = simulate(1)[0]
    with pytest.raises(TypeError, match="or pairs of a function and a scale"):
        statistic_intervals(inversion(), TIMES, y, statistics={"a": (log_mean,)})
    nothing = {"a": (lambda f, bins: 0.0 * f.sum(axis=1), "time")}
    found = statistic_intervals(inversion(), TIMES, y, statistics=nothing, **options)
    assert_array_equal(found.loc[0, ["a", "a lower", "a upper"]], [0.0, np.nan, np.nan])
