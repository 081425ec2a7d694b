"""Bounds: against least squares and another solver, and how often they hold."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize, nnls
from scipy.stats import chi2, norm
from scipy.stats import t as student
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso
from skrelax.kernels import acquisition_grid
from skrelax.metrics import Rectangle
from skrelax.uncertainty import LogMean, Share, TimeRatio, bootstrap_distribution
from skrelax.uncertainty._bounds import is_met, make_problem

TIMES = np.geomspace(1e-3, 3.0, 48)[:, None]
BINS = np.geomspace(1e-3, 10.0, 30)
NOISE = 0.01


def measure(y, method="bounds", bins=BINS, inversion=None, **settings):
    inversion = SmoothLasso(0.0, 1e-3) if inversion is None else inversion
    settings = {"n_bootstrap": 2, "random_state": 0} | settings
    model = make_pipeline(KernelBuilder("T2", grid=bins), inversion)
    return bootstrap_distribution(model, TIMES, y, method=method, **settings)


def signal(seed=0, noise=NOISE):
    clean = np.exp(-TIMES / [0.02, 0.3]) @ [0.4, 0.6]
    return clean + noise * np.random.default_rng(seed).standard_normal(len(clean))


def test_two_bins_have_the_interval_of_least_squares():
    # Nothing is at its bound, so amplitudes are those of a line with two parameters.
    bins = np.array([0.02, 0.3])
    y, K = signal(), np.exp(-TIMES / bins)
    f = np.linalg.lstsq(K, y)[0]
    sums = np.ones(2)
    variance = sums @ np.linalg.inv(K.T @ K) @ sums
    for noise_std in (None, 0.02):
        std = noise_std or np.sqrt(((K @ f - y) ** 2).sum() / (len(y) - 2))
        quantile = norm.ppf(0.95) if noise_std else student.ppf(0.95, len(y) - 2)
        half = quantile * std * np.sqrt(variance)
        found = measure(y, bins=bins, noise_std=noise_std).interval("amplitude")
        assert_allclose(found, [f.sum() - half, f.sum() + half], rtol=1e-5)


@pytest.mark.parametrize(
    "number", [Share((0, 0.05)), LogMean(), LogMean((0.05, np.inf)), "amplitude"]
)
@pytest.mark.parametrize("method", ["bounds", "simultaneous"])
def test_ends_are_the_extremes_of_all_that_fit(number, method):
    y, K = signal(), np.exp(-TIMES / BINS)
    ends = measure(y, method, noise_std=NOISE).interval(number, 0.95)
    f, misfit = nnls(K, y)
    limit = misfit**2 + (NOISE * norm.ppf(0.975)) ** 2
    if method == "simultaneous":
        s = np.linalg.svd(K, compute_uv=False)
        U = np.linalg.svd(K)[0][:, : (s > 1e-7 * s[0]).sum()]
        across = y @ y - (U.T @ y) @ (U.T @ y)
        limit = across + chi2.ppf(0.95, U.shape[1]) * NOISE**2
    total, log_t = np.ones(BINS.size), np.log(BINS)
    far = (BINS >= 0.05).astype(float)
    top, below = {
        "Share": ((BINS < 0.05).astype(float), total),
        "LogMean": (log_t, total),
        "amplitude": (total, None),
    }.get(number if isinstance(number, str) else type(number).__name__)
    if number == LogMean((0.05, np.inf)):
        top, below = far * log_t, far

    def value(x):
        return top @ x / (1.0 if below is None else below @ x)

    for end, sign in zip(ends, (1.0, -1.0), strict=True):
        # An independent solver, from the best fit: it may stop early, never beyond.
        found = minimize(
            lambda x, sign=sign: sign * value(x),
            f + 1e-3,
            bounds=[(0.0, None)] * f.size,
            constraints={
                "type": "ineq",
                "fun": lambda x: 1e4 * (limit - ((K @ x - y) ** 2).sum()),
                "jac": lambda x: -2e4 * K.T @ (K @ x - y),
            },
            method="SLSQP",
            options={"maxiter": 500, "ftol": 1e-10},
        )
        extreme = value(found.x)
        if isinstance(number, LogMean):
            end = np.log(end)
        width = abs(np.diff(np.log(ends) if isinstance(number, LogMean) else ends)[0])
        assert sign * (end - extreme) < 1e-4 * width
        assert sign * (extreme - end) < 0.05 * width


def test_intervals_hold_the_truth_as_often_as_they_say():
    numbers = {
        "log mean": (LogMean(), np.exp(np.log([0.02, 0.3]) @ [0.4, 0.6])),
        "share": (Share((0, 0.08)), 0.4),
    }
    held = {name: [] for name in numbers}
    for seed in range(150):
        result = measure(signal(seed))
        for name, (number, truth) in numbers.items():
            lower, upper = result.interval(number, 0.8)
            held[name].append(lower <= truth <= upper)
    # 150 intervals of 80 %: three standard errors of a share are 10 %.
    assert np.mean(held["log mean"]) >= 0.7
    assert np.mean(held["share"]) >= 0.7


def test_intervals_are_nested_and_what_is_allowed_widens_them():
    result = measure(signal())
    wide = measure(signal(), "simultaneous")
    before = None
    for level in (0.5, 0.8, 0.9, 0.99):
        ends = np.array(result.interval("log_mean", level))
        if before is not None:
            assert ends[0] < before[0] < before[1] < ends[1]
        before = ends
        lower, upper = wide.interval("log_mean", level)
        if np.isfinite(lower):
            assert lower <= ends[0] < ends[1] <= upper


def test_a_baseline_of_any_sign_takes_its_part():
    y = signal() - 0.3
    with_baseline = measure(y, inversion=SmoothLasso(0.0, 1e-3, fit_intercept=True))
    assert_allclose(with_baseline.interval("share_0")[1], 0.4, atol=0.1)
    # A constant is much like the slowest decays, so it costs width.
    width = np.diff(with_baseline.interval(LogMean()))
    assert width > np.diff(measure(signal()).interval(LogMean()))


def test_units_and_weights_do_not_matter():
    y = signal()
    ends = measure(y).interval("log_mean")
    assert_allclose(measure(1e6 * y).interval("log_mean"), ends, rtol=1e-5)
    twice = np.array(measure(2.0 * y).interval("amplitude"))
    assert_allclose(twice, 2.0 * np.array(measure(y).interval("amplitude")), rtol=1e-5)
    weight = np.where(np.arange(len(y)) % 2, 1.5, 0.5)
    shown = measure(y, sample_weight=weight).interval("log_mean")
    same = measure(y, sample_weight=np.ones(len(y))).interval("log_mean")
    assert_allclose(same, ends, rtol=1e-6)
    assert np.abs(np.log(shown[0] / ends[0])) > 1e-4


def test_the_ratio_of_a_peak_of_a_map():
    X = acquisition_grid(np.geomspace(1e-2, 5.0, 7), np.geomspace(1e-3, 1.0, 9))
    builder = KernelBuilder(["T1-IR", "T2"], n_bins=[9, 10]).fit(X)
    clean = (1 - 2 * np.exp(-X[:, 0] / 0.8)) * np.exp(-X[:, 1] / 0.1)
    y = clean + 0.002 * np.random.default_rng(0).standard_normal(len(clean))
    result = bootstrap_distribution(
        make_pipeline(builder, SmoothLasso(0.0, 1e-4)), X, y, n_bootstrap=3
    )
    long = Rectangle("long", T2=(0.02, np.inf))
    lower, upper = result.interval(TimeRatio(long))
    assert 4.0 < lower < 8.0 < upper < 16.0
    assert_allclose(result.interval("ratio_0"), (lower, upper), rtol=0.3)
    assert result.interval(Share(long))[1] == pytest.approx(1.0, abs=1e-6)


def test_what_the_measurement_does_not_see_is_not_identifiable():
    result = measure(signal())
    # Nothing is there, so that what is there may be anywhere.
    nowhere = LogMean((3.0, np.inf))
    assert result.status(nowhere) == "not identifiable"
    assert result.status("log_mean") == "ok"
    noisy = measure(signal(noise=0.5))
    assert noisy.status(Share((0.05, 0.2))) == "not identifiable"


def test_bins_that_are_too_few_for_the_noise_say_so():
    # The peaks lie between bins that are five to ten times as far apart as before.
    few = np.geomspace(1e-3, 10.0, 7)
    coarse = measure(signal(noise=1e-3), bins=few)
    assert coarse.status("log_mean") == "does not fit"
    frame = coarse.to_frame()
    assert (frame.drop("width")["status"] == "does not fit").all()
    # With bins enough the penalty is what has shifted the estimate.
    fine = measure(signal(noise=1e-3))
    assert (fine.to_frame().drop("width")["status"] != "does not fit").all()
    assert fine.status("log_mean") == "estimate outside"
    # More noise hides it, and so does a level that is said to be larger.
    assert measure(signal(noise=0.1), bins=few).status("log_mean") == "ok"
    told = measure(signal(noise=1e-3), bins=few, noise_std=0.05)
    assert told.status("log_mean") == "ok"


def test_signals_of_some_distribution_fit():
    rng, K = np.random.default_rng(2), np.exp(-TIMES / BINS)
    f = rng.exponential(size=(100, 30)) * (rng.random((100, 30)) < 0.2)
    Y = f @ K.T + NOISE * rng.standard_normal((100, 48))
    weight = np.ones(48)
    met = [is_met(make_problem(K, y, weight, None, False)) for y in Y]
    # One in a hundred does not; five have a probability of 0.3 % at most.
    assert np.count_nonzero(met) >= 96


def test_without_noise_the_interval_is_the_number():
    y = np.exp(-TIMES / BINS[[10, 20]]) @ [0.4, 0.6]
    lower, upper = measure(y).interval(LogMean())
    truth = np.exp(np.log(BINS[[10, 20]]) @ [0.4, 0.6])
    assert_allclose([lower, upper], truth, rtol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inversion": SmoothLasso(positive=False)}, "may be negative"),
        ({"y": np.zeros(48)}, "y is 0"),
        ({"sample_weight": np.arange(48) < 2}, "too few for residuals"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_has_no_bounds(settings, message):
    settings = {"y": signal()} | settings
    with pytest.raises(ValueError, match=message):
        measure(settings.pop("y"), **settings)


def test_only_simultaneous_bounds_need_more_points_than_directions():
    # The kernel has all 8 directions, and the best fit uses few bins.
    few = slice(None, None, 6)
    model = make_pipeline(KernelBuilder("T2", grid=BINS), SmoothLasso(0.0, 1e-3))
    X, y, settings = TIMES[few], signal()[few], {"n_bootstrap": 2, "random_state": 0}
    levels = [
        bootstrap_distribution(model, X, y, method=method, **settings).noise_std
        for method in ("bounds", "unpenalised")
    ]
    assert levels[0] == levels[1]
    with pytest.raises(ValueError, match="uses 8 of them"):
        bootstrap_distribution(model, X, y, method="simultaneous", **settings)


def test_numbers_that_are_no_ratio_of_sums_have_no_bounds():
    result = measure(signal())
    with pytest.raises(ValueError, match="ratio of sums"):
        result.interval(lambda f, bins: f.max())
    with pytest.raises(ValueError, match="ratio of sums"):
        result.interval("width")
    assert result.to_frame().loc["width", "status"] == "no value"
