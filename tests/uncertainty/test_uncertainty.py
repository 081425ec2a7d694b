"""Noise levels and bootstrap: calibration on simulations, weights, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFistaCV, SmoothLasso
from skrelax.datasets import make_decay
from skrelax.metrics import log_mean
from skrelax.metrics._intervals import basic_interval
from skrelax.model_selection import StrengthSearch
from skrelax.uncertainty import (
    _resampling,
    _result,
    bootstrap_distribution,
    estimate_noise_std,
)

TIMES = np.geomspace(1e-2, 100.0, 60)


def inversion(smoothness=1e-3):
    builder = KernelBuilder(n_bins=50, minimum=1e-2, maximum=1e2)
    return make_pipeline(builder, SmoothLasso(0.0, smoothness))


@pytest.mark.parametrize("method", ["tail", "residual", "imaginary"])
def test_noise_level_is_unbiased(method):
    rng = np.random.default_rng(0)
    times = np.linspace(0.01, 5, 400)
    clean = np.exp(-times / 0.5)[:, None]
    noise = 0.02 * rng.standard_normal((2, 400, 50))
    y = clean + noise[0]
    kernel = KernelBuilder().fit_transform(times[:, None])
    if method == "imaginary":
        y = (y + 1j * noise[1]) * np.exp(1.1j)
    estimates = estimate_noise_std(
        y, kernel if method == "residual" else None, method=method
    )
    assert estimates.shape == (50,)
    # 50 signals: the mean of estimates that scatter by 4-9 % is known to 1-1.3 %.
    assert_allclose(estimates.mean(), 0.02, rtol=0.04)


def test_noise_level_of_weighted_points_belongs_to_weight_one():
    rng = np.random.default_rng(0)
    times = np.linspace(0.01, 5, 4000)
    weight = np.where(np.arange(4000) % 2, 0.5, 1.5)
    y = np.exp(-times) + 0.01 / np.sqrt(weight) * rng.standard_normal(4000)
    kernel = KernelBuilder().fit_transform(times[:, None])
    estimate = estimate_noise_std(y, kernel, sample_weight=weight)
    # 4000 points: 1.1 % standard error, three of them.
    assert_allclose(estimate, 0.01, rtol=0.035)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((2, 2, 2)),), "1-D or 2-D"),
        ((np.array([1.0, np.nan]),), "NaN"),
        ((np.ones(4),), "at least 8 points"),
        ((np.ones(9), np.ones((3, 2))), "K must have 9 rows"),
        ((np.ones(2), np.eye(2)), "no degrees of freedom"),
    ],
)
def test_bad_input_of_the_noise_level(arguments, message):
    with pytest.raises(ValueError, match=message):
        estimate_noise_std(*arguments)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("imaginary", "complex"),
        ("residual", "kernel"),
        ("best", "method must be"),
    ],
)
def test_methods_that_the_input_does_not_allow(method, message):
    with pytest.raises(ValueError, match=message):
        estimate_noise_std(np.ones(20), method=method)


METHODS = ("residual", "parametric", "unpenalised", "bounds", "simultaneous")


@pytest.mark.parametrize("method", METHODS)
def test_intervals_of_the_log_mean_cover_the_truth(method):
    covered = []
    for seed in range(100):
        data = make_decay(
            times=TIMES, peaks=[(1.0, 0.25, 1.0)], noise_std=0.01, random_state=seed
        )
        result = bootstrap_distribution(
            inversion(1e-2), data.X, data.y, method=method, random_state=seed,
            n_bootstrap=200,
        )  # fmt: skip
        truth = log_mean(data.distribution, data.relaxation_times)
        lower, upper = result.interval("log_mean")
        covered.append(lower <= truth <= upper)
    # 100 intervals of 90 %: three standard errors of a share are 9 %.
    assert 0.81 <= np.mean(covered) <= (1.0 if method == "simultaneous" else 0.99)


def test_shares_of_two_peaks_are_covered():
    covered = []
    for seed in range(60):
        data = make_decay(
            times=TIMES, peaks=[(0.1, 0.1, 0.4), (10.0, 0.1, 0.6)], noise_std=0.01,
            random_state=seed,
        )  # fmt: skip
        result = bootstrap_distribution(
            inversion(1e-3), data.X, data.y, method="parametric", noise_std=0.01,
            random_state=seed,
        )  # fmt: skip
        lower, upper = result.interval("share_0")
        covered.append(lower <= 0.4 <= upper)
    # 60 intervals: three standard errors are 12 %.
    assert np.mean(covered) >= 0.78


def test_noise_carries_the_weights():
    data = make_decay(times=TIMES, noise_std=0.0)
    weight = np.where(TIMES < 1, 4.0, 0.25)
    options = {"method": "parametric", "sample_weight": weight, "random_state": 0}
    result = bootstrap_distribution(
        inversion(), data.X, data.y, noise_std=0.01, **options
    )
    loud = bootstrap_distribution(
        inversion(), data.X, data.y, noise_std=0.02, **options
    )
    # With the same draws twice the noise doubles the scatter where nothing is bound.
    narrow, wide = np.ptp(result.samples, axis=0), np.ptp(loud.samples, axis=0)
    assert 1.5 < np.median(wide[narrow > 0] / narrow[narrow > 0]) < 2.5
    assert result.noise_std == 0.01


def test_same_seed_same_result_and_band_holds_the_level():
    data = make_decay(times=TIMES, noise_std=0.01, random_state=0)
    options = {"method": "residual", "random_state": 3}
    first = bootstrap_distribution(inversion(), data.X, data.y, **options)
    second = bootstrap_distribution(inversion(), data.X, data.y, **options)
    assert_array_equal(first.samples, second.samples)
    lower, upper = first.band()
    inside = (first.samples >= lower) & (first.samples <= upper)
    assert (inside.mean(axis=0) >= 0.9).all()
    # Residuals estimate the noise: 60 points know it to 9 %.
    assert_allclose(first.noise_std, 0.01, rtol=0.35)


def test_searches_choose_their_strength_anew():
    data = make_decay(times=TIMES, noise_std=0.01, random_state=0)
    builder = KernelBuilder(n_bins=30)
    for model in (
        make_pipeline(builder, LassoFistaCV(8)),
        StrengthSearch(make_pipeline(builder, SmoothLasso()), strengths=8),
    ):
        result = bootstrap_distribution(
            model, data.X, data.y, n_bootstrap=4, random_state=0
        )
        assert result.samples.shape == (4, 30)
        assert result.to_frame().loc["log_mean", "estimate"] > 0


def test_a_search_at_the_end_of_a_pipeline_chooses_for_each_refit():
    data = make_decay(times=TIMES, noise_std=0.01, random_state=0)
    options = {"n_bootstrap": 6, "random_state": 0, "method": "unpenalised"}
    builder = KernelBuilder(n_bins=30)
    search = StrengthSearch(SmoothLasso(0.0), "chi2", strengths=8)
    around = StrengthSearch(
        make_pipeline(builder, SmoothLasso(0.0)), "chi2", strengths=8
    )
    inside = make_pipeline(builder, search)
    found = [
        bootstrap_distribution(model, data.X, data.y, **options).samples
        for model in (inside, around)
    ]
    assert_allclose(*found, atol=1e-10)


def test_refits_that_share_a_call_choose_as_alone(monkeypatch):
    data = make_decay(times=TIMES, noise_std=0.01, random_state=0)
    model = make_pipeline(KernelBuilder(n_bins=30), LassoFistaCV(8))
    options = {"n_bootstrap": 4, "random_state": 0}
    together = bootstrap_distribution(model, data.X, data.y, **options)
    monkeypatch.setattr(_resampling, "choosing_for_each", lambda estimator: None)
    alone = bootstrap_distribution(model, data.X, data.y, **options)
    # Products of matrices round by their size.
    assert_allclose(together.samples, alone.samples, atol=1e-10)


@pytest.mark.parametrize("rule", ["chi2", "discrepancy"])
def test_refits_look_only_near_and_find_the_same(rule, monkeypatch):
    data = make_decay(noise_std=0.01, times=TIMES, random_state=1)
    builder = KernelBuilder(n_bins=30, minimum=1e-2, maximum=1e2)
    search = make_pipeline(builder, StrengthSearch(SmoothLasso(0.0), rule))
    settings = {"n_bootstrap": 12, "random_state": 0, "method": "unpenalised"}
    near = bootstrap_distribution(search, data.X, data.y, **settings)
    fitted = search.fit(data.X, data.y)[-1]
    # Five strengths around the chosen one, and the ends of the whole curve.
    assert fitted._strengths_near().size == 7
    monkeypatch.setattr(_resampling, "strengths_near", lambda fitted: None)
    whole = bootstrap_distribution(search, data.X, data.y, **settings)
    # Both find the logarithm of the strength to 1e-6.
    scale = whole.samples.max()
    assert_allclose(near.samples, whole.samples, atol=1e-5 * scale, rtol=0)
    assert np.ptp(near.samples, axis=0).max() > 0.01 * scale


@pytest.mark.parametrize(
    "search",
    [
        StrengthSearch(SmoothLasso(0.0), "gcv"),
        StrengthSearch(SmoothLasso(0.0), "chi2", refine=False, strengths=8),
        StrengthSearch(SmoothLasso(0.0, adaptive=True), "chi2", strengths=[1e-4, 1e-3]),
    ],
)
def test_only_criteria_that_rise_with_the_strength_are_looked_at_nearby(search):
    data = make_decay(noise_std=0.01, times=TIMES, random_state=1)
    K = KernelBuilder(n_bins=20, minimum=1e-2, maximum=1e2).fit_transform(data.X)
    assert search.fit(K, data.y)._strengths_near() is None


def test_two_axes_report_their_ratio():
    from skrelax.kernels import acquisition_grid

    X = acquisition_grid(np.geomspace(1e-2, 5, 8), np.geomspace(1e-3, 1, 9))
    builder = KernelBuilder(["T1-IR", "T2"], n_bins=8)
    y = np.asarray(builder.fit_transform(X)[:, 27])
    result = bootstrap_distribution(
        make_pipeline(builder, SmoothLasso(smoothness=1e-4)), X, y, noise_std=1e-3,
        n_bootstrap=20, random_state=0,
    )  # fmt: skip
    assert {"log_mean_T1", "log_mean_T2", "ratio"} <= set(result.to_frame().index)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"y": np.ones((60, 2))}, "one signal"),
        ({"n_bootstrap": 1}, "n_bootstrap"),
        ({"level": 1.0}, "level"),
        ({"method": "tail"}, "method"),
        ({"noise_std": -1.0}, "not be negative"),
        ({"noise_std": 1.0, "method": "residual"}, "noise_std must be None"),
    ],
)
def test_bad_input_of_the_bootstrap(settings, message):
    arguments = {"X": TIMES[:, None], "y": np.exp(-TIMES)} | settings
    X, y = arguments.pop("X"), arguments.pop("y")
    with pytest.raises(ValueError, match=message):
        bootstrap_distribution(inversion(), X, y, **arguments)


@pytest.mark.parametrize("n_bootstrap", [2, 3, 40])
@pytest.mark.parametrize("noise", [0.05, 0.5, 50.0])
@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("method", METHODS[1:])
def test_intervals_stay_in_the_possible_range(n_bootstrap, noise, axes, method):
    from skrelax.kernels import acquisition_grid

    X, kernels = TIMES[:, None], "T2"
    if axes == 2:
        X = acquisition_grid(np.geomspace(1e-2, 5, 6), np.geomspace(1e-3, 1, 7))
        kernels = ["T1-IR", "T2"]
    builder = KernelBuilder(kernels, n_bins=6).fit(X)
    grids = builder.relaxation_times_ if axes == 2 else (builder.relaxation_times_,)
    y = np.asarray(builder.transform(X)) @ np.eye(6**axes)[[1, 4]].sum(axis=0)
    for seed in range(6):
        table = bootstrap_distribution(
            make_pipeline(builder, SmoothLasso(smoothness=1e-4)), X, y, noise_std=noise,
            n_bootstrap=n_bootstrap, random_state=seed, method=method,
        ).to_frame().dropna()  # fmt: skip
        assert (table["lower"] <= table["upper"]).all()
        assert (table["std"] >= 0).all()
        limits = table[["lower", "upper"]].to_numpy(dtype=float)
        assert (limits >= 0).all()
        for name, (lower, upper) in zip(table.index, limits, strict=True):
            if name.startswith("share"):
                assert upper <= 1
            elif name.startswith(("log_mean", "mean")):
                grid = grids[-1 if "T2" in name else 0]
                assert grid[0] <= lower <= upper <= grid[-1]
            elif name.startswith("width"):
                assert upper <= 0.5 * np.log10(max(g[-1] / g[0] for g in grids))


def test_one_finite_refit_has_no_standard_deviation():
    refits = np.array([np.nan, 0.4, np.nan])
    kind = [0.05, 0.95], "share", (0.0, 1.0)
    assert np.isnan(_result.std_of(refits))
    assert np.isfinite(basic_interval(0.5, refits, *kind)).all()
    assert np.isnan(_result.std_of(refits[:1]))
    assert np.isnan(basic_interval(0.5, refits[:1], *kind)).all()


def test_intervals_of_times_do_not_change_their_unit():
    # On the logarithmic scale an interval of rates is that of times, turned over.
    times = np.array([0.2, 0.15, 0.3, 0.22, 0.18])
    kind = [0.1, 0.9], "time", (1e-3, 1e3)
    lower, upper = basic_interval(times[0], times[1:], *kind)
    low, high = basic_interval(1 / times[0], 1 / times[1:], *kind)
    # Quantiles interpolate linearly, which is not the same in times and rates.
    assert_allclose([1 / high, 1 / low], [lower, upper], rtol=0.03)


# Positive values of what is not inverted are no relaxation times either.
@pytest.mark.parametrize("channels", [[-1.0, 2.0], [1.0, 2.0]])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_axes_that_are_not_inverted_have_no_statistics(channels):
    X = np.column_stack([np.tile(TIMES, 2), np.repeat(channels, 60)])
    builder = KernelBuilder(["T2", "identity"], n_bins=5)
    y = np.asarray(builder.fit_transform(X)).sum(axis=1)
    result = bootstrap_distribution(
        make_pipeline(builder, SmoothLasso()), X, y, n_bootstrap=3, noise_std=0.1
    )
    assert result.to_frame().empty
