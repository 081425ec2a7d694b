"""A search for each signal of a call: the strength of a search for it alone."""

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
    TSVDCompressor,
    fit_batch,
)
from skrelax.datasets import make_decay
from skrelax.model_selection import StrengthSearch
from skrelax.model_selection._curve import Curve
from skrelax.plotting import StrengthCurveDisplay
from skrelax.utils._inspect import treats_signals_alone

RULES = ["cv", "cv-1se", "gcv", "lcurve", "discrepancy", "chi2", "brd"]
DATA = make_decay(n_signals=5, drift=0.5, noise_std=1e-2, random_state=0)
# Decays of very different sizes, and one that is zero.
SIGNALS = DATA.y * 10.0 ** np.arange(5)
SIGNALS[:, 3] = 0.0
BUILDER = KernelBuilder("T2", n_bins=20)
INVERSIONS = {
    "smooth": SmoothLasso(),
    "smooth, order 0": SmoothLasso(order=0, alpha=1e-6),
    "baseline": SmoothLasso(fit_intercept=True, order=2),
    "lasso": LassoFista(),
}
# The searches stop at steps of 1e-6 in log(strength), of 1e-4 for a corner. Their last
# steps follow rounding, which is that of products of matrices of other sizes, and a
# flat minimum is known to the root of it.
STEPS = dict.fromkeys(RULES, 3e-6) | {"gcv": 1e-2, "lcurve": 1e-3}


def search(name, rule, **settings):
    inversion = make_pipeline(BUILDER, INVERSIONS[name])
    settings = {"strengths": 12, "cv": 3} | settings
    return StrengthSearch(inversion, rule, **settings)


@pytest.mark.parametrize("name", INVERSIONS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("settings", [{}, {"refine": False, "noise_std": 0.011}])
@pytest.mark.filterwarnings("ignore:rule=")
def test_each_signal_gets_what_a_search_for_it_alone_chooses(name, rule, settings):
    weight = np.linspace(0.5, 2.0, len(SIGNALS))
    each = search(name, rule, per_signal=True, **settings)
    each.fit(DATA.X, SIGNALS, sample_weight=weight)
    n_signals = SIGNALS.shape[1]
    assert each.strength_.shape == (n_signals,)
    coef = each.best_estimator_[-1].coef_
    for index, y in enumerate(SIGNALS.T):
        alone = search(name, rule, **settings).fit(DATA.X, y, sample_weight=weight)
        assert_allclose(each.strength_[index], alone.strength_, rtol=STEPS[rule])
        size = np.abs(y).max()
        # Amplitudes change by less than the strength does, relative to the signal.
        expected = alone.best_estimator_[-1].coef_
        assert_allclose(coef[index], expected, rtol=0, atol=STEPS[rule] * size)
        for column, values in alone.curve_.items():
            assert each.curve_[column].shape == (12, n_signals)
            atol = 1e-12 * size**2 if column != "dof" else 1e-6
            assert_allclose(each.curve_[column][:, index], values, rtol=1e-7, atol=atol)
        for column in ("target_", "noise_std_"):
            value = getattr(alone, column)
            if value is None:
                assert getattr(each, column) is None
            else:
                assert_allclose(getattr(each, column)[index], value, rtol=1e-9)
    assert len(np.unique(each.strength_)) > 1
    assert_allclose(each.predict(DATA.X)[:, 3], 0.0, atol=0.0)


@pytest.mark.parametrize("rule", ["gcv", "lcurve", "chi2"])
def test_all_signals_are_fitted_in_one_call(monkeypatch, rule):
    calls = []
    evaluate = Curve.evaluate

    def counted(self, strengths, choices, counts=False):
        calls.append(len(choices))
        return evaluate(self, strengths, choices, counts)

    monkeypatch.setattr(Curve, "evaluate", counted)
    signals = np.tile(DATA.y[:, :4], 10)
    search("smooth", rule, per_signal=True).fit(DATA.X, signals)
    together = len(calls)
    calls.clear()
    for y in DATA.y[:, :4].T:
        search("smooth", rule).fit(DATA.X, y)
    # As many calls as the longest of the searches alone, not as their sum.
    assert together < 0.5 * len(calls)


def test_strengths_that_are_given_for_each_signal():
    given = np.geomspace([1e-9] * 5, [1e-1, 1e-2, 1.0, 1e-2, 1e-1], 8)
    each = search("smooth", "chi2", per_signal=True, strengths=given)
    each.fit(DATA.X, SIGNALS)
    assert_array_equal(each.curve_["strength"], given[::-1])
    for index, y in enumerate(SIGNALS.T):
        alone = search("smooth", "chi2", strengths=given[:, index]).fit(DATA.X, y)
        assert_allclose(each.strength_[index], alone.strength_, rtol=3e-6)
    for settings in ({}, {"per_signal": True, "strengths": given[:, :4]}):
        model = search("smooth", "chi2", **{"strengths": given} | settings)
        with pytest.raises(ValueError, match="strengths must be numbers, 1-D, or"):
            model.fit(DATA.X, SIGNALS)


def test_what_is_near_is_near_the_choice_of_each():
    each = search("smooth", "chi2", per_signal=True, strengths=30)
    each.fit(DATA.X, SIGNALS[:, :3])
    near = each._strengths_near()
    assert near.shape == (7, 3)
    assert (np.diff(near, axis=0) <= 0.0).all()
    for index, y in enumerate(SIGNALS[:, :3].T):
        alone = search("smooth", "chi2", strengths=30).fit(DATA.X, y)
        found = np.unique(near[:, index])[::-1]
        assert_allclose(found, alone._strengths_near(), rtol=3e-6)


def test_other_parameters_and_strengths_that_are_given():
    settings = {"parameter": "smoothlasso__alpha", "strengths": [1e-2, 1e-3, 1e-4]}
    each = search("smooth", "gcv", refine=False, per_signal=True, **settings)
    each.fit(DATA.X, DATA.y)
    assert_array_equal(each.best_estimator_[-1].alpha, each.strength_)
    assert_array_equal(each.curve_["strength"][:, 4], [1e-2, 1e-3, 1e-4])
    assert set(each.strength_) <= {1e-2, 1e-3, 1e-4}


def test_one_signal_has_an_array_of_one():
    each = search("smooth", "gcv", per_signal=True).fit(DATA.X, DATA.y[:, 0])
    assert each.strength_.shape == (1,)
    assert each.distribution_.shape == (20,)
    assert_allclose(
        each.strength_[0],
        search("smooth", "gcv").fit(DATA.X, DATA.y[:, 0]).strength_,
        rtol=STEPS["gcv"],
    )


def test_warnings_count_signals():
    each = search("smooth", "discrepancy", noise_std=0.012, per_signal=True)
    with pytest.warns(
        UserWarning, match="signal 1, the first of 3: no strength down"
    ) as caught:
        each.fit(DATA.X, SIGNALS)
    assert caught[0].filename == __file__
    reached = each.curve_["residual"].min(axis=0) <= each.target_
    assert_array_equal(reached, [True, False, False, True, False])


def test_description_has_the_strength_of_each():
    each = search("smooth", "chi2", per_signal=True).fit(DATA.X, DATA.y)
    assert_array_equal(each.describe()["strength"], each.strength_)


@pytest.mark.parametrize("rule", RULES)
def test_samples_of_a_batch_share_a_call(rule, monkeypatch):
    calls = []
    fit = StrengthSearch.fit

    def counted(self, X, y, sample_weight=None, groups=None):
        calls.append(np.shape(y))
        return fit(self, X, y, sample_weight, groups)

    monkeypatch.setattr(StrengthSearch, "fit", counted)
    n_points, n_signals = DATA.y.shape
    frame = pd.DataFrame(
        {
            "sample": np.repeat(np.arange(n_signals), n_points),
            "TE": np.tile(np.ravel(DATA.X), n_signals),
            "signal": DATA.y.T.ravel(),
        }
    )
    roles = {"acquisition": "TE", "signal": "signal", "by": "sample"}
    shared = fit_batch(search("smooth", rule), frame, **roles)
    assert calls == [(n_points, n_signals)]
    alone, _ = fit_batch(search("smooth", rule), frame, **roles, return_estimators=True)
    assert_allclose(shared["strength"], alone["strength"], rtol=STEPS[rule])
    assert_allclose(shared["log_mean"], alone["log_mean"], rtol=STEPS[rule])
    assert shared["message"].tolist() == alone["message"].tolist()


def test_who_treats_signals_alone():
    each = search("smooth", "gcv", per_signal=True)
    assert treats_signals_alone(each)
    assert not treats_signals_alone(clone(each).set_params(per_signal=False))
    compressed = make_pipeline(BUILDER, TSVDCompressor(), SmoothLasso())
    assert treats_signals_alone(StrengthSearch(compressed, per_signal=True))
    signed = MultiDimRegularizedILT("T2", 20)
    assert not treats_signals_alone(StrengthSearch(signed, "cv", per_signal=True))


def test_a_signed_inversion_has_one_strength_for_all():
    signed = MultiDimRegularizedILT("T2", 20, scheme="convergent")
    model = StrengthSearch(signed, "discrepancy", per_signal=True)
    with pytest.raises(ValueError, match="which a MultiDimRegularizedILT does not"):
        model.fit(DATA.X, DATA.y)


def test_the_display_takes_one_curve():
    each = search("smooth", "gcv", per_signal=True).fit(DATA.X, DATA.y)
    with pytest.raises(ValueError, match="a curve for each of 5 signals: draw that of"):
        StrengthCurveDisplay.from_estimator(each)


@pytest.mark.parametrize("is_linear", [True, False])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_parameters_of_each_are_those_of_one(is_linear, order):
    rng = np.random.default_rng(0)
    K, weight = rng.random((9, 12)), rng.uniform(0.5, 1.5, 9)
    weight[2] = 0.0
    fit = SmoothLasso(order=order).fit(K, rng.random(9))
    F = rng.random((8, 12)) * (rng.random((8, 12)) < 0.5)
    F[0], F[1] = 0.0, 1.0
    # With the negative one the sum is certainly not positive definite, which stands for
    # sums that are singular to rounding.
    strengths = np.append(np.geomspace(1e-4, 1e2, 6), [-1e3, 1e6])
    for penalty in (fit._penalty_norm("smoothness"), fit._penalty_norm("alpha")):
        each = penalty.count_each(K, weight, strengths, F, is_linear)
        expected = [
            penalty.count_parameters(K, weight, strength, f, is_linear)
            for strength, f in zip(strengths, F, strict=True)
        ]
        # The condition of the sums, up to 1e8, multiplies rounding.
        assert_allclose(each, expected, rtol=1e-7, atol=1e-8)
