"""Weights and groups in scikit-learn's metadata routing, and without it."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import Pipeline, make_pipeline

from skrelax import KernelBuilder, LassoFistaCV, SmoothLasso, SmoothLassoCV
from skrelax.inversion import KernelParameterSearch
from skrelax.model_selection import InterleavedKFold, StrengthSearch
from skrelax.signals import InversionRecovery
from skrelax.uncertainty import bootstrap_distribution

X = np.geomspace(0.01, 1.0, 24)[:, None]
Y = np.exp(-X[:, 0] / 0.2) + 0.01 * np.random.default_rng(0).standard_normal(24)
WEIGHT = np.linspace(0.2, 1.8, 24)
GROUPS = np.arange(24) % 3
KERNEL = KernelBuilder(n_bins=10).fit_transform(X)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def inversion(**requests):
    final = SmoothLasso()
    if requests:
        final.set_fit_request(**requests)
    return make_pipeline(KernelBuilder(n_bins=10), final)


def test_weights_reach_the_inversion_in_a_search_with_routing():
    plain = StrengthSearch(inversion(), strengths=6).fit(X, Y, sample_weight=WEIGHT)
    with sklearn.config_context(enable_metadata_routing=True):
        search = StrengthSearch(inversion(sample_weight=True), strengths=6)
        routed = search.fit(X, Y, sample_weight=WEIGHT)
        outer = Pipeline([("search", search)]).fit(X, Y, sample_weight=WEIGHT)
    assert routed.strength_ == plain.strength_ == outer[-1].strength_
    assert_array_equal(routed.predict(X), plain.predict(X))
    assert_array_equal(outer.predict(X), plain.predict(X))


@pytest.mark.usefixtures("routing")
def test_weights_that_nobody_asked_for_are_refused():
    with pytest.raises(ValueError, match="sample_weight"):
        StrengthSearch(inversion(), strengths=6).fit(X, Y, sample_weight=WEIGHT)
    refusing = StrengthSearch(inversion(sample_weight=False), strengths=6)
    with pytest.raises(TypeError, match="sample_weight"):
        refusing.fit(X, Y, sample_weight=WEIGHT)


@pytest.mark.usefixtures("routing")
def test_a_search_inside_a_grid_search():
    search = StrengthSearch(inversion(sample_weight=True), strengths=4)
    search.set_score_request(sample_weight=False)
    grid = GridSearchCV(search, {"rule": ["gcv", "cv"]}, cv=InterleavedKFold(3))
    grid.fit(X, Y, sample_weight=WEIGHT)
    assert grid.best_estimator_.best_estimator_[-1].coef_.shape == (10,)


def recovery(**requests):
    final = SmoothLasso().set_fit_request(**requests) if requests else SmoothLasso()
    kernel = KernelBuilder(InversionRecovery(), n_bins=8)
    values = [1.7, 1.8, 1.9, 2.0]
    return KernelParameterSearch(make_pipeline(kernel, final), "efficiency", values)


def test_weights_of_a_kernel_search():
    plain = recovery().fit(X, 1 - 1.85 * Y, sample_weight=WEIGHT)
    with sklearn.config_context(enable_metadata_routing=True):
        search = recovery(sample_weight=True).set_fit_request(known=True)
        routed = search.fit(X, 1 - 1.85 * Y, sample_weight=WEIGHT)
        outer = Pipeline([("search", sklearn.clone(search))])
        outer.fit(X, 1 - 1.85 * Y, sample_weight=WEIGHT, known=1.75)
        with pytest.raises(ValueError, match="sample_weight"):
            recovery().fit(X, Y, sample_weight=WEIGHT)
    assert routed.value_ == plain.value_
    assert_array_equal(routed.coef_, plain.coef_)
    assert outer[-1].value_ == 1.75


def test_bootstrap_with_routing():
    arguments = {"n_bootstrap": 3, "sample_weight": WEIGHT, "random_state": 0}
    plain = bootstrap_distribution(inversion(), X, Y, **arguments)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = bootstrap_distribution(
            inversion(sample_weight=True), X, Y, **arguments
        )
    assert_array_equal(plain.samples, routed.samples)


@pytest.mark.parametrize(
    "estimator",
    [
        LassoFistaCV(6, cv=GroupKFold(3)),
        SmoothLassoCV(2, 4, cv=GroupKFold(3)),
        StrengthSearch(SmoothLasso(), rule="cv", strengths=6, cv=GroupKFold(3)),
    ],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.parametrize("enabled", [False, True])
def test_groups_reach_the_folds(estimator, enabled):
    folds = list(GroupKFold(3).split(KERNEL, groups=GROUPS))
    by_hand = sklearn.clone(estimator).set_params(cv=folds).fit(KERNEL, Y)
    with sklearn.config_context(enable_metadata_routing=enabled):
        fit = sklearn.clone(estimator).fit(KERNEL, Y, groups=GROUPS)
        assert_array_equal(fit.predict(KERNEL), by_hand.predict(KERNEL))
        if enabled:
            outer = Pipeline([("cv", estimator)]).fit(KERNEL, Y, groups=GROUPS)
            assert_array_equal(outer.predict(KERNEL), by_hand.predict(KERNEL))
    with pytest.raises(ValueError, match="groups"):
        sklearn.clone(estimator).fit(KERNEL, Y)
    with pytest.raises(ValueError, match=r"groups must be one per point \(24\)"):
        sklearn.clone(estimator).fit(KERNEL, Y, groups=GROUPS[:5])


def test_weights_of_built_in_cross_validation_in_a_routed_pipeline():
    plain = LassoFistaCV(6).fit(KERNEL, Y, sample_weight=WEIGHT)
    with sklearn.config_context(enable_metadata_routing=True):
        final = LassoFistaCV(6, cv=GroupKFold(3)).set_fit_request(sample_weight=True)
        outer = Pipeline([("cv", final)])
        outer.fit(KERNEL, Y, sample_weight=WEIGHT, groups=np.arange(24) % 5)
        final.set_params(cv=None)
        again = Pipeline([("cv", final)]).fit(KERNEL, Y, sample_weight=WEIGHT)
    assert_array_equal(again[-1].coef_, plain.coef_)
    assert_allclose(outer[-1].predict(KERNEL), plain.predict(KERNEL), atol=0.1)


@pytest.mark.parametrize("splitter", [InterleavedKFold(3), KFold(3)])
def test_folds_without_groups_ignore_them_with_a_warning(splitter):
    with pytest.warns(UserWarning, match="ignored by"):
        fit = LassoFistaCV(4, cv=splitter).fit(KERNEL, Y, groups=GROUPS)
    assert fit.alpha_ == LassoFistaCV(4, cv=splitter).fit(KERNEL, Y).alpha_


def test_one_pass_iterables_of_folds_are_read_once():
    folds = InterleavedKFold(3).split(KERNEL)
    with sklearn.config_context(enable_metadata_routing=True):
        fit = LassoFistaCV(4, cv=list(folds)).fit(KERNEL, Y)
    assert fit.alpha_ == LassoFistaCV(4, cv=3).fit(KERNEL, Y).alpha_
