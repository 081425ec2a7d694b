"""The object of intervals: names, functions, levels, bands, seeds and errors."""

import warnings
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    NonlinearRelaxationFit,
    SmoothLasso,
)
from skrelax.datasets import make_decay
from skrelax.kernels import acquisition_grid
from skrelax.metrics import (
    RatioBand,
    Rectangle,
    distribution_statistics,
    fraction_between,
    log_mean,
    peak_statistics,
)
from skrelax.uncertainty import (
    Amplitude,
    DistributionBands,
    LogMean,
    Share,
    TimeRatio,
    UncertaintyResult,
    _nonnegative,
    bootstrap_distribution,
    profile_parameters,
    statistic_intervals,
)

TIMES = np.geomspace(1e-2, 100.0, 40)
DATA = make_decay(
    times=TIMES, peaks=[(0.3, 0.1, 0.4), (10.0, 0.1, 0.6)], noise_std=5e-3,
    random_state=0,
)  # fmt: skip
MODEL = make_pipeline(
    KernelBuilder("T2", n_bins=30, minimum=1e-2, maximum=1e2), SmoothLasso(0.0, 1e-3)
)
METHODS = ("parametric", "residual", "unpenalised", "bounds", "simultaneous")
BINS = np.geomspace(1e-2, 1e2, 30)


def make_result(method="parametric", **settings):
    settings = {"n_bootstrap": 30, "random_state": 0} | settings
    return bootstrap_distribution(MODEL, DATA.X, DATA.y, method=method, **settings)


@pytest.mark.parametrize("method", METHODS)
def test_names_have_the_numbers_of_metrics(method):
    result = make_result(method)
    frame = result.to_frame(0.8)
    whole = distribution_statistics(result.distribution, BINS).iloc[0]
    peaks = peak_statistics(result.distribution[None], BINS).iloc[0]
    for name, value in (*whole.items(), *peaks.items()):
        assert_allclose(frame.loc[name, "estimate"], value, rtol=1e-10)
    assert list(frame.columns) == ["estimate", "lower", "upper", "std", "status"]
    for name, row in frame.iterrows():
        assert_allclose(result.std(name), row["std"])
        if name != "width" or method not in ("bounds", "simultaneous"):
            assert_array_equal(
                result.interval(name, 0.8), row[["lower", "upper"]].astype(float)
            )
            assert result.status(name, 0.8) == row["status"]


def test_functions_have_the_intervals_of_their_scale():
    result = make_result()
    share = partial(fraction_between, upper=2.0)
    asked = {
        "time": (log_mean, LogMean()),
        "share": (share, Share((0, 2.0))),
        "number": (lambda f, bins: f.sum(), "amplitude"),
    }
    for scale, (function, twin) in asked.items():
        found = result.interval(function, scale=scale)
        assert_allclose(found, result.interval(twin), rtol=1e-10)
        assert_allclose(result.std(function), result.std(twin), rtol=1e-10)
    refits = log_mean(result.samples, BINS)
    low, high = np.quantile(refits, [0.1, 0.9])
    estimate = log_mean(result.distribution, BINS)
    expected = estimate**2 / np.array([high, low])
    assert_allclose(result.interval(log_mean, 0.8, scale="time"), expected)
    expected = 2.0 * estimate - np.array([high, low])
    assert_allclose(result.interval(log_mean, 0.8), expected)


def test_unpenalised_intervals_are_those_of_many_signals():
    # Both draw around the fit without penalty; 400 refits know a width to 3.5 %.
    result = make_result("unpenalised", n_bootstrap=400)
    table = statistic_intervals(
        MODEL, DATA.X, DATA.y, n_refits=400, short=2.0, random_state=1
    ).iloc[0]
    asked = {"log_mean": LogMean(), "short_fraction": Share((0, 2.0))}
    for name, number in asked.items():
        width = table[f"{name} upper"] - table[f"{name} lower"]
        found = np.array(result.interval(number))
        expected = table[[f"{name} lower", f"{name} upper"]].to_numpy(dtype=float)
        assert (np.abs(found - expected) < 0.15 * width).all()
        assert_allclose(result.std(number), table[f"{name} stderr"], rtol=0.15)


def test_functionals_of_many_signals_and_of_maps():
    f = np.random.default_rng(0).random((3, 30))
    assert_allclose(Share((0, 2.0))(f, BINS), fraction_between(f, BINS, upper=2.0))
    assert_allclose(LogMean()(f[0], BINS), log_mean(f[0], BINS))
    part = (BINS >= 2.0) & (BINS < 50.0)
    assert_allclose(LogMean((2.0, 50.0))(f, BINS), log_mean(f[:, part], BINS[part]))
    grids = np.geomspace(0.1, 10, 5), np.geomspace(0.01, 1, 6)
    plane = np.zeros((5, 6))
    plane[3, 1] = plane[4, 1] = 1.0
    ratio = np.sqrt(grids[0][3] * grids[0][4]) / grids[1][1]
    assert_allclose(TimeRatio()(plane, grids), ratio)
    assert_allclose(TimeRatio()(plane[None].repeat(2, axis=0), grids), [ratio, ratio])
    assert_allclose(LogMean(axis=1)(plane, grids), grids[1][1])
    assert Share(RatioBand("near", 0.01, 2.0))(plane, grids) == 0.0
    assert np.isnan(LogMean((2.0, 50.0))(np.zeros(30), BINS))
    table = statistic_intervals(
        MODEL, DATA.X, DATA.y, n_refits=2, statistics={"a": (Share((0, 2.0)), "share")}
    )
    assert_allclose(
        table["a"], Share((0, 2.0))(MODEL.fit(DATA.X, DATA.y)[-1].coef_, BINS)
    )


def test_peaks_of_maps_have_names():
    X = acquisition_grid(np.geomspace(1e-2, 5, 7), np.geomspace(1e-3, 1, 8))
    builder = KernelBuilder(["T1-IR", "T2"], n_bins=8)
    y = np.asarray(builder.fit_transform(X)) @ np.eye(64)[[11, 44]].sum(axis=0)
    result = bootstrap_distribution(
        make_pipeline(builder, SmoothLasso(0.0, 1e-6)), X, y, n_bootstrap=4,
        random_state=0, method="parametric", noise_std=1e-4,
    )  # fmt: skip
    names = ["ratio", "share_0", "log_mean_T1_1", "log_mean_T2_1", "ratio_1"]
    assert set(names) <= set(result.to_frame().index)
    grids = builder.relaxation_times_
    found = sorted(result.to_frame().loc[["ratio_0", "ratio_1"], "estimate"])
    expected = sorted(grids[0][[1, 5]] / grids[1][[3, 4]])
    assert_allclose(found, expected, rtol=0.3)


@pytest.mark.parametrize("method", METHODS)
def test_bands_widen_with_their_level(method):
    result = make_result(method)
    lower, upper = result.band(0.5)
    wide_lower, wide_upper = result.band(0.95)
    assert (wide_lower <= lower).all()
    assert (wide_upper >= upper).all()
    assert (wide_lower >= 0.0).all()
    assert_array_equal(result.band()[0], result.band(0.9)[0])
    if method in ("unpenalised", "bounds", "simultaneous"):
        assert (wide_lower <= result.distribution).all()
        assert (wide_upper >= result.distribution).all()


@pytest.mark.parametrize("method", METHODS)
def test_seeds_give_the_same_for_any_number_of_workers(method):
    first = make_result(method, n_bootstrap=6, n_jobs=1)
    second = make_result(method, n_bootstrap=6, n_jobs=2)
    assert_array_equal(first.samples, second.samples)
    assert first.to_frame().equals(second.to_frame())
    if method not in ("bounds", "simultaneous"):
        other = make_result(method, n_bootstrap=6, random_state=1)
        assert (other.samples != first.samples).any()


def test_bounds_are_the_default_where_they_can_be():
    assert make_result(None).method == "bounds"
    signed = make_pipeline(MODEL[0], SmoothLasso(0.0, 1e-3, positive=False))
    found = bootstrap_distribution(signed, DATA.X, DATA.y, n_bootstrap=3)
    assert found.method == "bias-aware"
    settings = {"noise_std": 0.02, "n_bootstrap": 3, "random_state": 0}
    found = bootstrap_distribution(signed, DATA.X, DATA.y, **settings)
    assert (found.method, found.noise_std) == ("bias-aware", 0.02)
    again = bootstrap_distribution(
        signed, DATA.X, DATA.y, method="parametric", **settings
    )
    assert_array_equal(found.samples, again.samples)


def test_refits_start_from_the_fit_without_penalty():
    result = make_result("unpenalised", noise_std=1e-3)
    K = np.asarray(MODEL[0].fit_transform(DATA.X))
    f, _ = nnls(K, DATA.y)
    noise = 1e-3 * np.random.RandomState(0).standard_normal((len(K), 30))
    expected = clone(MODEL).fit(DATA.X, (K @ f)[:, None] + noise)[-1].coef_
    assert_allclose(result.samples, expected, atol=1e-6)


@pytest.mark.parametrize("method", ["bounds", "residual"])
def test_a_pipeline_of_the_inversion_alone_takes_its_kernel(method):
    K = MODEL[0].fit_transform(DATA.X)
    settings = {"method": method, "n_bootstrap": 3, "random_state": 0}
    alone = bootstrap_distribution(MODEL[1], K, DATA.y, **settings)
    found = bootstrap_distribution(make_pipeline(MODEL[1]), K, DATA.y, **settings)
    assert_array_equal(found.samples, alone.samples)


def array_of(f, bins):
    return f


def broken(f, bins):
    raise RuntimeError("no")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("log_median",), ValueError, "function must be one of"),
        ((array_of,), ValueError, "function must return one number"),
        ((broken,), ValueError, "raised RuntimeError: no"),
        ((lambda f, bins: "x",), ValueError, "function must return one number"),
        ((3,), TypeError, "function must be a name or callable"),
        (("log_mean", 0.0), ValueError, "level must be between 0 and 1"),
        (("log_mean", 1.0), ValueError, "level must be between 0 and 1"),
        (("log_mean", np.nan), ValueError, "level must be between 0 and 1"),
        (("log_mean", "a"), ValueError, "level must be between 0 and 1"),
        ((TimeRatio(),), ValueError, "two axes"),
        ((Share(Rectangle("a", T2=(0, 1))),), ValueError, "over two axes"),
        ((LogMean(axis="T1"),), ValueError, "axis must be one of"),
    ],
)
def test_bad_questions(arguments, error, message):
    with pytest.raises(error, match=message):
        make_result(n_bootstrap=3).interval(*arguments)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Share((2, 1)), ValueError),
        (lambda: Share("T2"), TypeError),
        (lambda: Share(None), TypeError),
        (lambda: LogMean((0, np.nan)), ValueError),
        (lambda: LogMean(axis=1.5), TypeError),
        (lambda: TimeRatio(3), TypeError),
    ],
)
def test_bad_regions(make, error):
    with pytest.raises(error, match=r"region|axis"):
        make()


def test_levels_and_scales_that_are_none():
    result = make_result(n_bootstrap=3)
    for ask in (result.band, result.to_frame):
        with pytest.raises(ValueError, match="level must be"):
            ask(1.5)
    with pytest.raises(ValueError, match="scale must be"):
        result.interval("log_mean", scale="log")


def test_too_few_points_have_no_residuals():
    model = make_pipeline(KernelBuilder("T2", grid=[1.0, 2.0]), LassoFista(0.0))
    X = np.array([[0.1], [2.0]])
    y = np.exp(-X[:, 0]) + np.exp(-X[:, 0] / 2)
    for method in (None, "parametric", "residual", "unpenalised"):
        with pytest.raises(ValueError, match="too few for residuals"):
            bootstrap_distribution(model, X, y, method=method, n_bootstrap=2)


def test_functions_that_have_no_value():
    result = make_result()
    nothing = LogMean((200.0, 300.0))
    assert np.isnan(result.interval(nothing)).all()
    assert result.status(nothing) == "no value"
    assert np.isnan(result.std(nothing))
    assert isinstance(result, UncertaintyResult)


def in_milliseconds(f, bins):
    """Return a log mean of bins that are changed in place."""
    bins *= 1e3
    f /= f.sum(axis=-1, keepdims=True)
    return f @ np.log(bins)


def test_functions_that_change_their_input_change_nothing_else():
    result = make_result()
    expected = result.interval(lambda f, bins: f @ np.log(1e3 * bins) / f.sum())
    found = result.interval(in_milliseconds)
    assert_allclose(found, expected, rtol=1e-10)
    assert_array_equal(result.axes["T2"], make_result().axes["T2"])
    assert_array_equal(result.samples, make_result().samples)
    expected = np.log(1e3 * log_mean(result.distribution, BINS))
    table = statistic_intervals(
        MODEL, DATA.X, np.column_stack([DATA.y, DATA.y]), n_refits=4, random_state=0,
        statistics={"first": in_milliseconds, "again": in_milliseconds},
    )  # fmt: skip
    assert_allclose(table[["first", "again"]], expected, rtol=1e-10)
    assert_array_equal(table["first lower"], table["again lower"])


def test_functions_that_are_not_of_their_scale():
    result = make_result("unpenalised")
    parts = make_result("parametric")
    for one in (result, parts):
        # Cut to 1, a share of 60 % would be known for sure.
        with pytest.raises(ValueError, match="scale='share' is for numbers from 0 to"):
            one.interval(lambda f, bins: 60.0, scale="share")
        with pytest.raises(ValueError, match="must return one number, got None"):
            one.interval(lambda f, bins: None)
        for value in (-1.0, 0.0):
            found = one.interval(lambda f, bins, v=value: v, scale="time")
            assert_array_equal(found, [np.nan, np.nan])
    options = {"n_refits": 4, "random_state": 0}
    for function, message in (
        (lambda f, bins: np.full(len(f), 60.0), r"statistics\['s'\]: scale='share'"),
        (lambda f, bins: 1 / 0, r"statistics\['s'\] must.* raised ZeroDivisionError"),
        (lambda f, bins: None, r"statistics\['s'\] must"),
    ):
        with pytest.raises(ValueError, match=message):
            statistic_intervals(
                MODEL, DATA.X, DATA.y, statistics={"s": (function, "share")}, **options
            )
    # Refits may have no such time, of which the others say enough.
    signs = iter([1.0, 1.0, -1.0, *[1.0] * 98])
    lower, upper = parts.interval(lambda f, bins: next(signs), scale="time")
    assert lower == upper == 1.0


def test_bands_of_levels_next_to_one():
    level = float(np.nextafter(1.0, 0.0))
    # Without a warning of infinite quantiles where all refits agree.
    lower, upper = make_result("unpenalised").band(level)
    assert not (lower > upper).any()


@pytest.mark.skipif(_nonnegative._WARNS, reason="this version of NNLS warns")
def test_bounds_leave_settings_of_warnings_alone(monkeypatch):
    # They are those of all threads, which would restore each other's.
    def change(self):
        raise AssertionError

    result = make_result("bounds")
    expected = result.interval(LogMean())
    with monkeypatch.context() as patched:
        patched.setattr(warnings.catch_warnings, "__enter__", change)
        found = result.interval(LogMean())
    assert found == expected


@pytest.mark.parametrize("method", METHODS)
def test_regions_without_bins_are_not_known(method):
    # Between two bins, and beyond the grid: a wrong unit is no share of 0, for sure.
    result = make_result(method)
    for region in ((BINS[3] * 1.01, BINS[4] * 0.99), (1e3, 1e4)):
        for function in (Share(region), Amplitude(region), LogMean(region)):
            assert np.isnan(result.interval(function)).all()
            assert result.status(function) == "no value"


def test_objects_print_in_a_line():
    result = bootstrap_distribution(
        MODEL, DATA.X, DATA.y, method="parametric", n_bootstrap=3, random_state=0
    )
    assert repr(result).startswith(
        "UncertaintyResult(T2 in 30 bins, 3 refits, method='parametric', noise_std=0.00"
    )
    fit = NonlinearRelaxationFit("T2").fit(DATA.X, DATA.y)
    profiles = profile_parameters(fit, DATA.X, DATA.y)
    assert repr(profiles) == "ProfileResult(M0, T2 of 1 signals, level=0.9)"
    bands = DistributionBands.from_samples(np.zeros(4), np.zeros((3, 4)), 0.8)
    assert repr(bands) == "DistributionBands(shape (4,), 3 refits, level=0.8)"


def test_numbers_that_bounds_have_not_name_the_way_out():
    result = bootstrap_distribution(MODEL, DATA.X, DATA.y, n_bootstrap=2)
    with pytest.raises(ValueError, match="method='unpenalised'"):
        result.interval(lambda f, bins: f[:5].sum() / f.sum())
    with pytest.raises(TypeError, match=r"class LogMean; write LogMean\(\.\.\.\)"):
        result.interval(LogMean)


def test_estimates_are_those_of_the_table_and_of_the_axes():
    result = bootstrap_distribution(MODEL, DATA.X, DATA.y, n_bootstrap=2)
    frame = result.to_frame()
    for name in ("log_mean", "share_0", "width"):
        assert result.estimate(name) == frame.loc[name, "estimate"]
    assert_allclose(
        result.estimate(Share((0, 2.0))),
        fraction_between(result.distribution, result.axes["T2"], upper=2.0),
    )
    assert result.estimate(lambda f, bins: f.sum()) == result.distribution.sum()


@pytest.mark.parametrize("axes", [("T1", "T2"), ("T1", "D")])
def test_regions_on_axes_that_are_not_there_are_refused(axes):
    # A limit that is passed over would give the share of all.
    f = np.ones((4, 5))
    bins = dict(
        zip(axes, (np.geomspace(0.1, 1, 4), np.geomspace(0.1, 1, 5)), strict=True)
    )
    result = UncertaintyResult(
        f.ravel(), np.ones((2, 20)), bins, "parametric", 1.0, 0.9
    )
    part = Share(Rectangle("short", T2=(0, 0.3)))
    if "T2" in axes:
        assert 0.2 < result.estimate(part) < 0.8
    else:
        with pytest.raises(ValueError, match=r"limits on T2, .* \['T1', 'D'\]"):
            result.estimate(part)
    # Called with bins alone, nobody knows which is which.
    with pytest.raises(ValueError, match="limits on T2"):
        part(f, tuple(bins.values()))
