"""Searches of a setting that run over tables of kernels, held to single fits."""

import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    SmoothLasso,
    SmoothLassoCV,
)
from skrelax.inversion import KernelParameterSearch
from skrelax.model_selection import StrengthSearch
from skrelax.nonlinear import FitStatus
from skrelax.signals import EPGEchoTrain, InversionRecovery, Parameter, SignalModel

N_ECHOES = 24
TIMES = 0.012 * np.arange(1, N_ECHOES + 1)[:, None]
T2 = np.geomspace(0.012, 2.0, 25)


def train(angle=180.0):
    return EPGEchoTrain(angle, echo_spacing=0.012, excitation="half", magnitude=True)


def with_train(inversion, angle=180.0):
    return make_pipeline(KernelBuilder(train(angle), grid=T2), inversion)


def simulate(n_signals, snr=150.0, seed=0):
    """Return signals (n_echoes, n) of two pools at their angles, with Rician noise."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(100.0, 175.0, n_signals)
    share = rng.uniform(0.05, 0.3, n_signals)
    peaks = [np.exp(-0.5 * (np.log(T2 / t) / 0.25) ** 2) for t in (0.025, 0.09)]
    peaks = np.array([peak / peak.sum() for peak in peaks])
    F = np.column_stack([share, 1.0 - share]) @ peaks
    clean = np.array(
        [
            train(angle).evaluate(TIMES, T2[:, None]) @ f
            for angle, f in zip(angles, F, strict=True)
        ]
    ).T
    noise = rng.standard_normal((2, *clean.shape)) / snr
    return np.hypot(clean + noise[0], noise[1]), angles


def strength_search(rule, order=0, **settings):
    return StrengthSearch(
        SmoothLasso(alpha=0.0, order=order), rule, degrees_of_freedom="linear",
        **settings,
    )  # fmt: skip


SERVED = {
    "LassoFista, none": LassoFista(0.0),
    "LassoFista": LassoFista(1e-3),
    "SmoothLasso 0": SmoothLasso(0.0, 1e-3, order=0),
    "SmoothLasso 1": SmoothLasso(1e-3, 1e-3, order=1),
    "SmoothLasso 2": SmoothLasso(0.0, 1e-3, order=2),
    "chi2 0": strength_search("chi2"),
    "chi2 1": strength_search("chi2", 1, chi2_factor=1.05),
    "chi2 2, range": strength_search("chi2", 2, strengths=np.geomspace(1e-5, 1, 30)),
    "gcv 0": strength_search("gcv"),
    "gcv 2": strength_search("gcv", 2),
    "gcv, active": StrengthSearch(
        SmoothLasso(alpha=0.0, order=0), degrees_of_freedom="active"
    ),
    "baseline": SmoothLasso(1e-4, 1e-3, fit_intercept=True),
    "baseline, none": LassoFista(1e-4, fit_intercept=True),
    "baseline, chi2": StrengthSearch(
        SmoothLasso(alpha=0.0, order=1, fit_intercept=True), "chi2"
    ),
    "lcurve 0": strength_search("lcurve"),
    "lcurve 1": strength_search("lcurve", 1),
    "discrepancy, estimated": strength_search("discrepancy"),
    "discrepancy 1": strength_search("discrepancy", 1, noise_std=0.008),
}


def check_single_fits(search, signals, weight=None):
    """Assert that results are those of single fits at the values that were found."""
    options = {} if weight is None else {"sample_weight": weight}
    builder, inversion = search.estimator
    for k, y in enumerate(signals.T):
        setting = {f"kernel__{search.parameter}": search.value_[k]}
        K = clone(builder).set_params(**setting).fit_transform(TIMES)
        inner = inversion
        if search.strength_ is not None:
            inner = inversion.estimator
            inner = clone(inner).set_params(smoothness=search.strength_[k])
            check_strength(inversion, K, y, search.strength_[k], options)
        single = clone(inner).fit(K, y, **options)
        coef, baseline = single.coef_, single.intercept_
        # Kernels of tables differ by 1e-10 from the model's.
        assert_allclose(search.coef_[k], coef, atol=1e-6 * coef.max())
        assert_allclose(search.intercept_[k], baseline, atol=1e-6 * coef.max())
        misfit = y - K @ search.coef_[k] - search.intercept_[k]
        rest = np.average(misfit**2, weights=weight)
        assert search.residual_[k] == pytest.approx(np.sqrt(rest), rel=1e-6)


def check_strength(inversion, K, y, strength, options):
    """Assert that a strength is the one that a search for this signal chooses."""
    single = clone(inversion).fit(K, y, **options)
    if inversion.rule != "gcv":
        # Rules are met, and corners found, to 1e-4 in log(strength).
        assert strength == pytest.approx(single.strength_, rel=1e-3)
        return
    # Of minima that are almost equal, and flat, either may be taken.
    both = clone(inversion).set_params(strengths=[strength, single.strength_])
    curve = both.fit(K, y, **options).curve_
    ours, theirs = curve["criterion"][np.argsort(-curve["strength"])]
    if strength < single.strength_:
        ours, theirs = theirs, ours
    assert ours <= theirs * (1.0 + 1e-4)


# Single fits say that the least strength is too strong; a search has a status for it.
@pytest.mark.filterwarnings("ignore:rule=")
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("name", SERVED)
def test_results_are_those_of_single_fits(name, known):
    signals, angles = simulate(3)
    search = KernelParameterSearch(with_train(SERVED[name]))
    search.fit(TIMES, signals, known=angles if known else None)
    assert search._tables is not None
    assert (search.status_ <= FitStatus.AT_BOUND).all()
    if known:
        assert_array_equal(search.value_, angles)
    check_single_fits(search, signals)
    has_baseline = "baseline" in name
    free = LassoFista(0.0, fit_intercept=has_baseline)
    free = KernelParameterSearch(with_train(free))
    free.fit(TIMES, signals, known=search.value_)
    used = np.count_nonzero(free.coef_, axis=1) + has_baseline + (not known)
    noise_std = free.residual_ * np.sqrt(N_ECHOES / (N_ECHOES - used))
    assert_allclose(search.noise_std_, noise_std, rtol=1e-9)


def test_noise_levels_are_unbiased():
    signals, angles = simulate(300)
    for known in (None, angles):
        search = KernelParameterSearch(with_train(LassoFista(0.0)))
        noise_std = search.fit(TIMES, signals, known=known).noise_std_
        ratio = 150.0 * np.sqrt(np.mean(noise_std**2))
        # 300 x 26 degrees of freedom tell a level to 0.8 %.
        assert_allclose(ratio, 1.0, atol=0.03)


@pytest.mark.filterwarnings("ignore:rule=")
@pytest.mark.parametrize("name", ["chi2 1", "gcv 0", "discrepancy, estimated"])
def test_weights(name):
    signals, _ = simulate(3)
    weight = np.linspace(0.2, 2.0, N_ECHOES)
    search = KernelParameterSearch(with_train(SERVED[name]))
    search.fit(TIMES, signals, sample_weight=weight)
    check_single_fits(search, signals, weight)
    # Points without weight are as if they were not there.
    weight[3] = 0.0
    kept = weight > 0
    one = clone(search).fit(TIMES, signals, sample_weight=weight)
    other = clone(search).fit(TIMES[kept], signals[kept], sample_weight=weight[kept])
    assert_array_equal(one.coef_, other.coef_)


@pytest.mark.parametrize("name", ["chi2 0", "lcurve 1", "discrepancy, estimated"])
@pytest.mark.parametrize("known", [False, True])
def test_a_signal_gets_the_same_bits_in_any_company(name, known):
    signals, angles = simulate(9)
    signals[2, 4], signals[:, 5], signals[:, 6] = np.nan, 0.0, 1e200
    # Beyond the range other tables serve.
    angles[7] = 195.0
    search = KernelParameterSearch(with_train(SERVED[name]))

    def fit(places, n_jobs=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            values = angles[places] if known else None
            made = clone(search).set_params(n_jobs=n_jobs)
            return made.fit(TIMES, signals[:, places], known=values)

    whole = fit(np.arange(9), n_jobs=3)
    assert_array_equal(whole.status_[[5, 6]], [3, 4])
    # The voxel with a missing point is among those.
    assert np.isfinite(whole.coef_[[0, 1, 4, 7]]).all()
    for places in ([0, 7, 3], [8], [4, 7, 2, 0]):
        part = fit(np.array(places))
        for column in ("coef_", "value_", "strength_", "residual_", "noise_std_"):
            assert_array_equal(getattr(part, column), getattr(whole, column)[places])
        assert_array_equal(part.status_, whole.status_[places])


def test_angles_beyond_180_degrees_mirror_those_below():
    signals, angles = simulate(4)
    search = KernelParameterSearch(with_train(SERVED["chi2 0"]))
    below = search.fit(TIMES, signals, known=angles).coef_
    above = search.fit(TIMES, signals, known=360.0 - angles)
    assert_allclose(above.coef_, below, atol=1e-5)
    assert_array_equal(above.value_, 360.0 - angles)


def test_what_has_no_number_has_a_status():
    signals, angles = simulate(6)
    mask = np.array([True, False, True, True, True, True])
    signals[:, 0] = 0.0
    signals[:, 2], signals[5, 3] = np.nan, -np.inf
    angles[4] = np.nan
    search = KernelParameterSearch(with_train(SERVED["gcv 0"]))
    with pytest.warns(ConvergenceWarning, match="4 of 5 fits .* 1 no .* 3 failed"):
        search.fit(TIMES, signals, known=angles, mask=mask)
    assert_array_equal(search.status_, [3, 5, 4, 4, 4, 0])
    for column in ("coef_", "value_", "strength_", "residual_", "noise_std_"):
        found = getattr(search, column)
        assert np.isnan(found[:5]).all()
        assert np.isfinite(found[5]).all()
    table = search.describe()
    assert table["status"].tolist()[:3] == ["no signal", "masked", "failed"]
    assert np.isnan(search.predict(TIMES)[:, :5]).all()
    nothing = clone(search).fit(TIMES, signals, mask=np.zeros(6, dtype=bool))
    assert np.isnan(nothing.coef_).all()
    assert nothing.coef_.shape == (6, 25)
    assert np.isnan(nothing.strength_).all()
    with pytest.raises(ValueError, match=r"mask must be boolean of shape \(6,\)"):
        search.fit(TIMES, signals, mask=mask[:3])
    with pytest.raises(ValueError, match="known must be finite, got nan"):
        search.fit(TIMES, signals, known=np.nan)


def test_an_angle_or_a_strength_at_its_end_says_so():
    signals, angles = simulate(4)
    least = angles.argmin()
    values = np.linspace(angles[least] + 20.0, 180.0, 4)
    signals = signals[:, [least, least]] * [1.0, 2.0]
    for inversion in (LassoFista(0.0), LassoFistaCV(4, cv=3)):
        search = KernelParameterSearch(with_train(inversion), values=values)
        search.fit(TIMES, signals)
        assert_array_equal(search.value_, values[0])
        assert_array_equal(search.status_, FitStatus.AT_BOUND)
        assert search.describe()["status"].tolist() == ["at bound"] * 2
    inversion = strength_search("discrepancy", noise_std=1e-9)
    search = KernelParameterSearch(with_train(inversion)).fit(TIMES, signals)
    assert_array_equal(search.status_, FitStatus.AT_BOUND)


@pytest.mark.parametrize(
    "inversion",
    [
        strength_search("chi2"), strength_search("discrepancy"), LassoFista(1e-3),
        SmoothLassoCV(2, 3, cv=3),
    ],
    ids=["chi2", "discrepancy", "LassoFista", "SmoothLassoCV"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:rule=")
def test_noise_has_no_distribution(inversion):
    signals, _ = simulate(2)
    rng = np.random.default_rng(1)
    noise = np.hypot(*rng.standard_normal((2, N_ECHOES, 3)))
    signals = np.column_stack([signals, noise])
    values = np.linspace(100.0, 180.0, 6)
    search = KernelParameterSearch(with_train(inversion), values=values)
    with pytest.warns(ConvergenceWarning, match="3 of 5 fits .* 3 no signal") as told:
        search.fit(TIMES, signals)
    assert len(told) == 1
    assert_array_equal(search.status_[2:], FitStatus.NO_SIGNAL)
    assert (search.status_[:2] <= FitStatus.AT_BOUND).all()
    assert np.isnan(search.coef_[2:]).all()
    search.set_params(least_snr=None).fit(TIMES, signals)
    assert (search.status_ <= FitStatus.AT_BOUND).all()


UNSERVED = {
    "both signs": with_train(SmoothLasso(smoothness=1e-3, positive=False)),
    "cross-validation": with_train(SmoothLassoCV(2, 3, cv=3)),
    "brd": with_train(StrengthSearch(SmoothLasso(), "brd", strengths=5)),
    "no refinement": with_train(
        StrengthSearch(SmoothLasso(), "chi2", strengths=6, refine=False)
    ),
    "LassoFista": with_train(StrengthSearch(LassoFista(), "chi2", strengths=5)),
    "one more step": make_pipeline(
        *with_train(SmoothLasso(0.0, 1e-3)).named_steps.values()
    ),
}
UNSERVED["one more step"].steps.insert(1, ("nothing", "passthrough"))


@pytest.mark.parametrize("name", UNSERVED)
def test_other_pipelines_choose_for_each_signal_too(name):
    signals, _ = simulate(3)
    signals = np.column_stack([signals, signals[:, 0] * 3.0, np.zeros(N_ECHOES)])
    search = KernelParameterSearch(UNSERVED[name], values=np.linspace(100, 175, 6))
    with pytest.warns(ConvergenceWarning, match="1 of 5"):
        search.fit(TIMES, signals)
    assert_array_equal(search.status_ == FitStatus.NO_SIGNAL, [0, 0, 0, 0, 1])
    # The number of signals in a product may move its last bits.
    alone = clone(search).fit(TIMES, signals[:, 1])
    assert_allclose(alone.coef_, search.coef_[1], rtol=1e-6, atol=1e-8)
    if search.strength_ is not None:
        assert alone.strength_ == pytest.approx(search.strength_[1], rel=1e-6)
    # The noise level is that beside a distribution that is not negative.
    free = KernelParameterSearch(with_train(LassoFista(0.0)))
    free.fit(TIMES, signals[:, :4], known=search.value_[:4])
    used = np.count_nonzero(free.coef_, axis=1) + 1
    noise_std = free.residual_ * np.sqrt(N_ECHOES / (N_ECHOES - used))
    assert_allclose(search.noise_std_[:4], noise_std, rtol=1e-6)
    rest = search.predict(TIMES) - signals
    assert_allclose(
        search.residual_[:4], np.sqrt(np.mean(rest**2, axis=0))[:4], rtol=1e-9
    )


class Kinked(SignalModel):
    """A decay that starts late."""

    def __init__(self, delay=0.0):
        self.delay = delay

    @property
    def parameters(self):
        return (Parameter("T2"),)

    @property
    def acquisition_columns(self):
        return ("TE",)

    def evaluate(self, acquisition, parameters):
        late = np.maximum(acquisition[:, :1] - self.delay, 0.0)
        return np.exp(-late / parameters[:, 0])


def test_kinks_are_fitted_one_by_one():
    signals = Kinked(0.1).evaluate(TIMES, np.array([[0.05], [0.2]]))
    builder = KernelBuilder(Kinked(), grid=T2)
    search = KernelParameterSearch(
        make_pipeline(builder, SmoothLasso(0.0, 1e-6)), "delay",
        np.linspace(0.0, 0.2, 41),
    ).fit(TIMES, signals)  # fmt: skip
    # Between echoes, 12 ms apart, a delay is not seen.
    assert_allclose(search.value_, 0.1, atol=0.012)
    check_single_fits(search, signals)


def test_an_efficiency_is_searched_and_known():
    times = np.geomspace(0.01, 5.0, 30)[:, None]
    truth = np.array([1.6, 1.75, 1.9])
    clean = [
        InversionRecovery(v).evaluate(times, np.array([[0.2], [1.0]])) @ [1.0, 2.0]
        for v in truth
    ]
    signals = np.array(clean).T
    signals += 1e-3 * np.random.default_rng(0).standard_normal(signals.shape)
    builder = KernelBuilder(InversionRecovery(), n_bins=30)
    search = KernelParameterSearch(
        make_pipeline(builder, strength_search("chi2", 1)), "efficiency",
        np.linspace(1.5, 2.0, 4),
    ).fit(times, signals)  # fmt: skip
    assert_allclose(search.value_, truth, atol=0.01)
    # Beyond the range is no recovery, which 2.0 + 0.5 would be: those are fitted alone.
    search.set_params(least_snr=None)
    wider = clone(search).fit(times, signals, known=[1.6, 1.2, 0.9])
    assert_array_equal(wider.value_, [1.6, 1.2, 0.9])
    with pytest.raises(ValueError, match="efficiency"):
        clone(search).fit(times, signals, known=[1.6, 1.2, -4.0])


def test_pickles_and_other_backends_give_the_same():
    signals, _ = simulate(8)
    search = KernelParameterSearch(with_train(SERVED["chi2 0"])).fit(TIMES, signals)
    with joblib.parallel_config("threading", n_jobs=2):
        again = clone(search).fit(TIMES, signals)
    assert_array_equal(again.coef_, search.coef_)
    assert_allclose(search.predict(TIMES[:5]), search.predict(TIMES)[:5], rtol=1e-12)
