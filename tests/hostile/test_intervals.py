"""Hostile input to intervals of numbers of many distributions."""

import hostile
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from variants import flat

from skrelax import KernelBuilder, SmoothLasso
from skrelax.uncertainty import (
    Amplitude,
    LogMean,
    OfEstimator,
    Share,
    TimeRatio,
    UncertaintyResult,
    bootstrap_distribution,
    distribution_resolution,
    statistic_intervals,
)

TIMES = np.linspace(0.01, 0.3, 12)[:, None]
SIGNALS = np.exp(-TIMES / np.array([0.03, 0.05, 0.1]))
GOOD = {
    "X": TIMES,
    "y": SIGNALS,
    "known": None,
    "noise_std": np.full(3, 0.01),
    "mask": np.ones(3),
    "sample_weight": np.linspace(0.5, 1.5, 12),
    "signal_numbers": np.arange(3),
}


def intervals(**settings):
    model = make_pipeline(KernelBuilder(n_bins=5), SmoothLasso())
    settings = GOOD | {"n_refits": 3, "random_state": 0, "estimator": model} | settings
    estimator, X, y = (settings.pop(name) for name in ("estimator", "X", "y"))
    return statistic_intervals(estimator, X, y, **settings)


@pytest.mark.parametrize("part", sorted(GOOD.keys() - {"known"}))
def test_arrays(part):
    plain = intervals().to_numpy()
    for variant, value in hostile.arrays(GOOD[part]).items():
        if GOOD[part].ndim == 1:
            value = flat(value)
        names = (part, "points", "minimum", "bins", "y must have shape", "weight")
        given = {part: value}
        if part == "y":
            # There may be fewer signals than before.
            given |= {"noise_std": 0.01, "mask": None, "signal_numbers": None}
        table = hostile.ends_well(lambda g=given: intervals(**g), names)
        if table is not None:
            assert table.shape[1] == plain.shape[1]
            numbers = table.to_numpy()
            assert (np.isfinite(numbers) | np.isnan(numbers)).all(), variant


@pytest.mark.parametrize(
    "name",
    [
        "estimator", "statistics", "short", "level", "n_refits", "noise", "noise_std",
        "mask", "sample_weight", "signal_numbers", "random_state", "n_jobs",
    ],
)  # fmt: skip
def test_settings(name):
    for variant, value in hostile.numbers().items():
        table = hostile.ends_well(
            lambda v=value: intervals(**{name: v}), (name, "weight")
        )
        if table is not None:
            numbers = table.to_numpy()
            assert (np.isfinite(numbers) | np.isnan(numbers)).all(), variant


@pytest.mark.parametrize("scale", [1e-80, 1e-40, 1e40, 1e80])
def test_signals_of_any_size(scale):
    scaled = intervals(y=SIGNALS * scale, noise_std=GOOD["noise_std"] * scale)
    plain = intervals()
    columns = [name for name in plain if name != "noise"]
    np.testing.assert_allclose(scaled[columns], plain[columns], rtol=1e-5)


RESULT = bootstrap_distribution(
    make_pipeline(KernelBuilder(n_bins=6), SmoothLasso(0.0, 1e-3)), TIMES,
    np.exp(-TIMES[:, 0] / 0.05), noise_std=0.01, n_bootstrap=3, random_state=0,
)  # fmt: skip


def test_results():
    assert isinstance(RESULT, UncertaintyResult)
    asks = (RESULT.interval, RESULT.status, RESULT.std)
    for value in hostile.numbers().values():
        for ask in asks:
            hostile.ends_well(lambda v=value, a=ask: a(v), ("function",))
            hostile.ends_well(lambda v=value, a=ask: a("log_mean", scale=v), ("scale",))
        for ask in (RESULT.band, RESULT.to_frame):
            hostile.ends_well(lambda v=value, a=ask: a(v), ("level",))
        found = hostile.ends_well(
            lambda v=value: RESULT.interval("log_mean", v), ("level",)
        )
        assert found is None or hostile.all_finite(np.array(found))
        # What a function returns is a number or an error.
        hostile.ends_well(lambda v=value: RESULT.std(lambda f, bins: v), ("function",))


REFITS = bootstrap_distribution(
    make_pipeline(KernelBuilder(n_bins=6), SmoothLasso(0.0, 1e-3)), TIMES,
    np.exp(-TIMES[:, 0] / 0.05), noise_std=0.01, n_bootstrap=3, random_state=0,
    method="parametric",
)  # fmt: skip


def test_numbers_of_estimators():
    for value in hostile.numbers().values():
        hostile.ends_well(lambda v=value: OfEstimator(v), ("function",))
        hostile.ends_well(lambda v=value: OfEstimator(np.sum, v), ("scale",))
        # What a function returns is a number or an error, and what it is given too.
        number = OfEstimator(lambda fitted, v=value: v)
        hostile.ends_well(lambda v=value: OfEstimator(np.sum)(v), ("function",))
        for ask in (REFITS.interval, REFITS.estimate, REFITS.std, REFITS.status):
            hostile.ends_well(lambda a=ask, n=number: a(n), ("function",))
            hostile.ends_well(
                lambda a=ask, v=value: a(OfEstimator(lambda f: 0.5), scale=v),
                ("scale",),
            )
    for value in hostile.arrays(np.array([0.5, 1.0])).values():
        number = OfEstimator(lambda fitted, v=value: v)
        hostile.ends_well(lambda n=number: REFITS.interval(n), ("function",))


def test_numbers_of_distributions():
    f, bins = np.array([1.0, 2.0, 0.5]), np.array([0.01, 0.1, 1.0])
    for make in (lambda: Share((0, 0.5)), LogMean, lambda: Amplitude((0, 0.5))):
        for value in hostile.arrays(f).values():
            found = hostile.ends_well(
                lambda v=value, m=make: m()(v, bins), ("distribution", "bins")
            )
            assert found is None or not np.isinf(found).any()
        for value in hostile.arrays(bins).values():
            hostile.ends_well(
                lambda v=value, m=make: m()(f, v), ("bins", "distribution")
            )
    plane = np.outer(f, f)
    for value in hostile.arrays(plane).values():
        hostile.ends_well(
            lambda v=value: TimeRatio()(v, (bins, bins)), ("distribution",)
        )
    for value in hostile.numbers().values():
        hostile.ends_well(lambda v=value: Share(v), ("region",))
        hostile.ends_well(lambda v=value: Share((0.0, v)), ("region",))
        hostile.ends_well(lambda v=value: TimeRatio(v), ("region",))
        hostile.ends_well(lambda v=value: Amplitude(v), ("region",))
        hostile.ends_well(lambda v=value: LogMean(axis=v), ("axis",))


def test_resolutions():
    model = make_pipeline(KernelBuilder(n_bins=6), SmoothLasso(0.0, 1e-3))
    good = {"X": TIMES, "y": SIGNALS[:, 0], "sample_weight": GOOD["sample_weight"]}
    for part, right in good.items():
        for value in hostile.arrays(right).values():
            given = good | {part: value, "noise_std": 0.01}
            found = hostile.ends_well(
                lambda g=given: distribution_resolution(model, **g),
                (part, "points", "minimum", "bins", "y must", "sample_weight"),
            )
            assert found is None or not np.isinf(found["length"]).any()
    for value in hostile.numbers().values():
        for name in ("noise_std", "estimator"):
            settings = {"estimator": model, "noise_std": 0.01} | {name: value}
            hostile.ends_well(
                lambda s=settings: distribution_resolution(
                    X=TIMES, y=SIGNALS[:, 0], **s
                ),
                (name,),
            )
