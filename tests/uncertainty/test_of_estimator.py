"""Numbers of fitted estimators: limits, refits as references, workers, errors."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    MultiDimRegularizedILT,
    SmoothLasso,
    fit_batch,
)
from skrelax.datasets import make_decay
from skrelax.inversion import KernelParameterSearch, RicianInversion
from skrelax.model_selection import StrengthSearch
from skrelax.signals import EPGEchoTrain
from skrelax.uncertainty import (
    OfEstimator,
    UncertaintyResult,
    bootstrap_distribution,
    statistic_intervals,
)

TIMES = np.geomspace(1e-2, 100.0, 40)
DATA = make_decay(
    times=TIMES, peaks=[(0.3, 0.1, 0.4), (10.0, 0.1, 0.6)], noise_std=5e-3,
    random_state=0,
)  # fmt: skip
BUILDER = KernelBuilder("T2", n_bins=30, minimum=1e-2, maximum=1e2)
MODEL = make_pipeline(BUILDER, SmoothLasso(0.0, 1e-3))
METHODS = ("unpenalised", "parametric", "residual")
START = [[0.0]]


def first(fitted):
    return fitted.predict(START)[0]


def make_result(method="unpenalised", model=MODEL, **settings):
    settings = {"n_bootstrap": 20, "random_state": 0} | settings
    return bootstrap_distribution(model, DATA.X, DATA.y, method=method, **settings)


@pytest.mark.parametrize("method", METHODS)
def test_decays_begin_with_their_amplitude(method):
    # At time zero a signal of decays is the sum of the distribution.
    result = make_result(method)
    number, twin = OfEstimator(first), lambda f, bins: f.sum()
    assert_allclose(result.estimate(number), result.estimate(twin), rtol=1e-12)
    assert_allclose(result.interval(number), result.interval(twin), rtol=1e-10)
    assert_allclose(result.std(number), result.std(twin), rtol=1e-8)
    assert result.status(number) == "ok"
    lower, upper = result.interval(OfEstimator(first, "time"), 0.99)
    assert lower < 1.0 < upper


def test_what_is_never_wrong_has_no_width():
    # The first bin of a kernel is where it is, whatever the noise.
    number = OfEstimator(lambda fitted: fitted[0].relaxation_times_[0], "time")
    result = make_result("parametric")
    assert_allclose(result.interval(number), [1e-2, 1e-2], rtol=1e-12)
    assert result.std(number) <= 1e-15


INVERSIONS = {
    "fixed": MODEL,
    "weak": make_pipeline(BUILDER, LassoFista(1e-4, fit_intercept=True)),
    "search": make_pipeline(
        BUILDER, StrengthSearch(SmoothLasso(0.0), "chi2", parameter="smoothness")
    ),
    "grid": make_pipeline(
        BUILDER, StrengthSearch(SmoothLasso(0.0), "gcv", parameter="smoothness")
    ),
    "rician": RicianInversion(MODEL),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", INVERSIONS)
def test_refits_are_those_of_the_samples(name, weighted):
    weight = np.linspace(0.5, 1.5, 40) if weighted else None
    y = np.abs(DATA.y)
    result = bootstrap_distribution(
        INVERSIONS[name], DATA.X, y, method="parametric", n_bootstrap=6,
        sample_weight=weight, random_state=0,
    )  # fmt: skip
    for k in (3, 12, 25):
        number = OfEstimator(lambda fitted, k=k: fitted_row(fitted)[k])
        # Signals of one call and one by one differ by the tolerance of the solvers.
        atol = 1e-5 * result.distribution.max()
        assert_allclose(result.estimate(number), result.distribution[k], atol=atol)
        found = result._values(number)
        assert_allclose(found[1:], result.samples[:, k], atol=atol)


def fitted_row(fitted):
    """Return the distribution of a fitted inversion, (n_bins,)."""
    return getattr(fitted, "distribution_", getattr(fitted, "coef_", None)) if not (
        hasattr(fitted, "steps")
    ) else fitted_row(fitted[-1])  # fmt: skip


def test_strengths_are_chosen_as_in_the_fit():
    result = make_result(model=INVERSIONS["search"], n_bootstrap=5)
    strength = OfEstimator(lambda fitted: np.ravel(fitted[-1].strength_)[0], "time")
    searched = clone(INVERSIONS["search"]).fit(DATA.X, DATA.y)
    assert_allclose(result.estimate(strength), np.ravel(searched[-1].strength_)[0])
    signals = result.refits.draw()
    expected = [
        np.ravel(clone(INVERSIONS["search"]).fit(DATA.X, y)[-1].strength_)[0]
        for y in signals.T
    ]
    # Refits look near the strength of the fit, between other strengths.
    assert_allclose(result._values(strength)[1:], expected, rtol=0.1)
    lower, upper = result.interval(strength)
    assert 0.0 < lower < result.estimate(strength) < upper


@pytest.mark.parametrize("weight", [None, np.r_[0.0, 0.0, np.ones(36), 2.0, 2.0]])
def test_signed_inversions_are_fitted_again_with_the_noise_of_the_first_fit(weight):
    bins = np.geomspace(1e-2, 1e2, 20)
    X = DATA.X.copy()
    # One point is measured twice, so that both share the noise of their mean.
    X[21] = X[20]
    for model in (
        MultiDimRegularizedILT("T2", bins),
        make_pipeline(MultiDimRegularizedILT("T2", bins)),
    ):
        result = bootstrap_distribution(
            model, X, DATA.y, method="parametric", n_bootstrap=4, random_state=0,
            sample_weight=weight,
        )  # fmt: skip
        number = OfEstimator(lambda fitted: fitted_row(fitted)[12])
        scale = np.abs(result.distribution).max()
        assert_allclose(result.estimate(number), result.distribution[12])
        found = result._values(number)[1:]
        assert_allclose(found, result.samples[:, 12], atol=1e-6 * scale)
        assert np.ptp(found) > 1e-4 * scale


def test_angles_that_are_searched_have_intervals():
    times = 0.01 * np.arange(1, 33)[:, None]
    grid, truth = np.array([0.02, 0.08]), 150.0
    train = EPGEchoTrain(echo_spacing=0.01)
    K = EPGEchoTrain(truth, echo_spacing=0.01).evaluate(times, grid[:, None])
    y = K @ [0.2, 0.8] + 2e-3 * np.random.default_rng(0).standard_normal(32)
    search = KernelParameterSearch(
        make_pipeline(KernelBuilder(train, grid=grid), LassoFista(0.0)),
        values=np.linspace(110.0, 180.0, 8),
    )
    result = bootstrap_distribution(search, times, y, random_state=0, n_bootstrap=30)
    # No bounds go with a kernel that is searched.
    assert result.method == "residual"
    # Three numbers were fitted to 32 points: both shares and the angle.
    rest = y - result.refits.fitted.predict(times)
    assert_allclose(result.noise_std, np.sqrt((rest**2).sum() / 29), rtol=1e-9)
    lower, upper = result.interval(OfEstimator(lambda fitted: fitted.value_, "time"))
    assert lower < truth < upper < 1.1 * truth
    with pytest.raises(ValueError, match="kernel has a setting that is searched"):
        bootstrap_distribution(search, times, y, method="bounds")


@pytest.mark.parametrize("method", METHODS)
def test_workers_and_copies_give_the_same(method):
    number = OfEstimator(first)
    result = make_result(method, n_bootstrap=6)
    expected = result.interval(number)
    threads = make_result(method, n_bootstrap=6, n_jobs=2)
    assert threads.interval(number) == expected
    # What is remembered, a lambda, does not go along.
    result.interval(OfEstimator(lambda fitted: 1.0))
    copied = pickle.loads(pickle.dumps(result))
    assert copied.interval(number) == expected
    assert len(pickle.dumps(result)) < 1e5


def test_results_of_kernels_that_are_lambdas_can_be_copied():
    builder = KernelBuilder(
        lambda t, T: np.exp(-t / T), grid=np.geomspace(0.01, 99, 30)
    )
    model = make_pipeline(builder, SmoothLasso(0.0, 1e-3))
    result = make_result(model=model, n_bootstrap=4)
    copied = pickle.loads(pickle.dumps(result))
    # Numbers and statuses stay, numbers of estimators do not.
    pd.testing.assert_frame_equal(copied.to_frame(), result.to_frame())
    with pytest.raises(ValueError, match="copy without its estimator"):
        copied.estimate(OfEstimator(first))
    assert 0.9 < result.estimate(OfEstimator(first)) < 1.1


def test_each_function_is_asked_once_of_each_fit():
    asked = []

    def count(fitted):
        asked.append(fitted)
        return first(fitted)

    result = make_result(n_bootstrap=5)
    expected = result.interval(OfEstimator(count))
    assert result.interval(OfEstimator(count, "time"))[0] > 0.0
    result.status(OfEstimator(count))
    assert len(asked) == 6
    assert len({id(fitted) for fitted in asked}) == 6
    assert expected == result.interval(OfEstimator(first))


def test_what_the_caller_changes_later_changes_nothing():
    X, y, weight = DATA.X.copy(), DATA.y.copy(), np.linspace(0.5, 1.5, 40)
    model = clone(MODEL)
    result = bootstrap_distribution(
        model, X, y, method="residual", n_bootstrap=5, random_state=0,
        sample_weight=weight,
    )  # fmt: skip
    expected = result.interval(OfEstimator(first))
    again = bootstrap_distribution(
        model, X, y, method="residual", n_bootstrap=5, random_state=0,
        sample_weight=weight,
    )  # fmt: skip
    X *= 2.0
    y[:] = 0.0
    weight[:] = 1.0
    model.set_params(smoothlasso__smoothness=1.0)
    assert again.interval(OfEstimator(first)) == expected

    def spoil(fitted):
        fitted[-1].coef_[:] = 0.0
        fitted.set_params(smoothlasso__smoothness=1.0)
        return first(fitted)

    assert again.interval(OfEstimator(spoil)) == (0.0, 0.0)
    assert again.interval(OfEstimator(lambda fitted: first(fitted))) == expected


def test_random_states_of_callers_are_not_drawn_from_again():
    state = np.random.RandomState(0)
    result = make_result("parametric", n_bootstrap=5, random_state=state)
    before = state.get_state()[1].copy()
    assert result.interval(OfEstimator(first)) == make_result(
        "parametric", n_bootstrap=5
    ).interval(OfEstimator(first))
    assert_array_equal(state.get_state()[1], before)


@pytest.mark.parametrize("method", ["bounds", "simultaneous", "bias-aware"])
def test_bounds_of_estimators_are_refused(method):
    model = make_pipeline(
        BUILDER, SmoothLasso(0.0, 1e-3, positive=method != "bias-aware")
    )
    result = make_result(method, model, n_bootstrap=4)
    for ask in (result.interval, result.status):
        with pytest.raises(ValueError, match="anew, with method='unpenalised'"):
            ask(OfEstimator(first))
    # Refits are there, and scatter as repeated measurements do.
    assert 1e-3 < result.std(OfEstimator(first)) < 2e-2


class FailsLater:
    def __init__(self):
        self.count = 0

    def __call__(self, fitted):
        self.count += 1
        if self.count == 4:
            raise KeyError("no")
        return 1.0


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (FailsLater(), "a fitted estimator, but raised KeyError: 'no'"),
        (lambda fitted: fitted, "must return one number"),
        (lambda fitted: fitted[-1].coef_, r"got shape \(30,\)"),
        (lambda fitted: None, "got None"),
        (lambda fitted: 1j, "real numbers"),
        (lambda fitted, bins: 1.0, "raised TypeError"),
    ],
)
def test_functions_that_give_no_number(function, message, n_jobs):
    if isinstance(function, FailsLater):
        function = FailsLater()
    result = make_result(n_bootstrap=6, n_jobs=n_jobs)
    with pytest.raises(ValueError, match=message):
        result.interval(OfEstimator(function))


def test_functions_that_are_not_of_their_scale():
    result = make_result(n_bootstrap=4)
    with pytest.raises(ValueError, match="scale='share' is for numbers from 0 to 1"):
        result.interval(OfEstimator(lambda fitted: 60.0, "share"))
    for value in (np.nan, -1.0, 0.0):
        number = OfEstimator(lambda fitted, v=value: v, "time")
        assert np.isnan(result.interval(number)).all()
        assert result.status(number) == "no value"
    with pytest.raises(TypeError, match="function must be callable"):
        OfEstimator("coef_")
    with pytest.raises(ValueError, match="scale must be one of"):
        OfEstimator(first, "log")
    # A scale that is named where it is asked for is that of the answer.
    assert result.interval(OfEstimator(first), scale="time") == result.interval(
        OfEstimator(first, "time")
    )


def test_kernels_without_times_have_numbers_of_estimators():
    K = np.asarray(BUILDER.fit_transform(DATA.X))
    result = bootstrap_distribution(
        SmoothLasso(0.0, 1e-3, grid_shape=(30,)), K, DATA.y, method="parametric",
        n_bootstrap=20, random_state=0,
    )  # fmt: skip
    assert result.axes is None
    total = OfEstimator(lambda fitted: fitted.coef_.sum())
    expected = make_result("parametric").interval("amplitude")
    assert_allclose(result.interval(total), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="needs relaxation times"):
        result.interval(lambda f, bins: 1.0)


def test_results_made_by_hand_have_no_estimators():
    row = np.ones(4)
    result = UncertaintyResult(row, np.ones((3, 4)), None, "parametric", 1.0, 0.9)
    with pytest.raises(ValueError, match="not made by bootstrap_distribution"):
        result.interval(OfEstimator(first))


def test_tables_have_numbers_of_estimators():
    frame = pd.DataFrame({
        "sample": np.repeat(["a", "b"], 40), "TE": np.tile(TIMES, 2),
        "signal": np.r_[DATA.y, 0.5 * DATA.y],
    })  # fmt: skip
    start = pd.DataFrame({"TE": [0.0]})
    numbers = {
        "start": OfEstimator(lambda fitted: fitted.predict(start)[0]),
        "rough": (OfEstimator(lambda fitted: fitted[-1].smoothness), "time"),
    }
    options = {
        "acquisition": ["TE"], "signal": "signal", "by": ["sample"], "n_bootstrap": 6,
        "numbers": numbers, "random_state": 0,
    }  # fmt: skip
    tables = [
        fit_batch(MODEL, frame, intervals="unpenalised", n_jobs=n, **options)
        for n in (1, 2)
    ]
    pd.testing.assert_frame_equal(*tables)
    table = tables[0]
    assert_allclose(table["start"] / table["amplitude"], 1.0, rtol=1e-9)
    assert (table["start lower"] < table["start"]).all()
    assert (table["start status"] == "ok").all()
    assert_allclose(table[["rough lower", "rough upper"]], 1e-3)
    with pytest.raises(ValueError, match=r"numbers\['start'\].*take 'unpenalised'"):
        fit_batch(MODEL, frame, intervals="bounds", **options)


def test_many_signals_have_no_estimator_each():
    with pytest.raises(TypeError, match="statistics must be of distributions"):
        statistic_intervals(
            MODEL, DATA.X, DATA.y, statistics={"start": OfEstimator(first)}
        )
