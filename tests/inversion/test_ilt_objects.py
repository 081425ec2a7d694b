"""Penalties and schemes as objects: how they are reached, checked and kept."""

import inspect
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from skrelax import (
    AdaptivePenalty,
    ConvergentScheme,
    MultiDimRegularizedILT,
    ReferenceScheme,
)

X = np.geomspace(1e-3, 3, 24)[:, None]
NOISE = 0.005 * np.random.default_rng(0).standard_normal(24)
Y = np.exp(-X[:, 0] / 0.1) - 0.4 * np.exp(-X[:, 0] / 0.01) + NOISE


def short(**settings):
    settings = {"scheme": ReferenceScheme(5), "noise_std": 0.005, **settings}
    return MultiDimRegularizedILT("T2", 20, **settings)


def test_what_has_no_effect_cannot_be_passed():
    assert len(inspect.signature(MultiDimRegularizedILT).parameters) == 14
    assert list(inspect.signature(ConvergentScheme).parameters) == ["max_iter", "tol"]
    with pytest.raises(TypeError, match="crossing_start"):
        ConvergentScheme(crossing_start=3)
    with pytest.raises(ValueError, match="Invalid parameter 'damping'"):
        short(scheme="convergent").set_params(scheme__damping=(1, 0.1, 0.1))


def test_shorthand_becomes_an_object_where_its_parameters_are_set():
    ilt = MultiDimRegularizedILT("T2")
    assert "penalty__strength" not in ilt.get_params()
    ilt.set_params(penalty__strength=3.0, penalty__floor=2e-4, scheme__max_iter=7)
    assert repr(ilt.penalty) == "AdaptivePenalty(floor=0.0002, strength=3.0)"
    assert repr(ilt.scheme) == "ReferenceScheme(max_iter=7)"
    assert ilt.get_params()["penalty__strength"] == 3.0
    ilt.set_params(scheme__tol=1e-3, scheme="convergent")
    assert repr(ilt.scheme) == "ConvergentScheme(tol=0.001)"
    ilt.set_params(penalty=None, penalty__count="singular-values")
    assert repr(ilt.penalty) == "AdaptivePenalty(count='singular-values')"
    # A pipeline hands the rest of the name on.
    pipeline = make_pipeline("passthrough", MultiDimRegularizedILT("T2"))
    pipeline.set_params(multidimregularizedilt__penalty__strength=2.0)
    assert pipeline[-1].penalty.strength == 2.0


def test_objects_are_those_of_scikit_learn():
    for made in (
        AdaptivePenalty(2.0, floor=[1e-4], windows=(3, 5, 3)),
        ReferenceScheme(9, crossing_scale=[1e-5]),
        ConvergentScheme(9),
    ):
        for again in (clone(made), pickle.loads(pickle.dumps(made))):
            assert again is not made
            assert again.get_params() == made.get_params()
            assert repr(again) == repr(made)
    with pytest.raises(ValueError, match="Invalid parameter 'foo'"):
        AdaptivePenalty().set_params(foo=1)


def test_a_number_that_is_equal_to_the_default_changes_nothing():
    plain = MultiDimRegularizedILT("T2", 20, noise_std=0.005).fit(X, Y)
    given = MultiDimRegularizedILT(
        "T2", 20, noise_std=0.005, penalty=AdaptivePenalty(1.0, floor=[1e-4]),
        scheme=ReferenceScheme(crossing_scale=[1e-5]),
    ).fit(X, Y)  # fmt: skip
    assert_array_equal(given.distribution_, plain.distribution_)
    n = 20 / 24 * 2 * np.log(plain.grids_[0][-1] / plain.grids_[0][-2])
    slopes = AdaptivePenalty(curvature=n, slope=5 * n)
    slopes = MultiDimRegularizedILT("T2", 20, noise_std=0.005, penalty=slopes).fit(X, Y)
    # The default of curvature and slope, but for rounding that the iteration amplifies.
    assert np.abs(slopes.distribution_ - plain.distribution_).max() < 1e-3


def test_a_fit_changes_none_of_them():
    penalty = AdaptivePenalty(floor=[1e-4], boundary=np.array([40.0]))
    scheme = ReferenceScheme(5, crossing_scale=[2e-5])
    before = repr((vars(penalty), vars(scheme)))
    ilt = short(penalty=penalty, scheme=scheme).fit(X, Y)
    assert ilt.penalty is penalty
    assert ilt.scheme is scheme
    assert repr((vars(penalty), vars(scheme))) == before
    bands = ilt.bands(2, random_state=0).samples
    penalty.boundary[0] = 1.0
    scheme.max_iter = 1
    assert_array_equal(ilt.bands(2, random_state=0).samples, bands)


def test_one_object_serves_several_inversions():
    penalty, scheme = AdaptivePenalty(2.0), ReferenceScheme(5)
    line = short(penalty=penalty, scheme=scheme).fit(X, Y).distribution_
    plane = MultiDimRegularizedILT(
        ["T2", "identity"], [9, None], penalty=penalty, scheme=scheme
    ).fit_grid((X, [1.0, 2.0]), np.column_stack([Y, Y]))
    assert plane.distribution_.shape == (9, 2)
    again = short(penalty=penalty, scheme=scheme).fit(X, Y).distribution_
    assert_array_equal(again, line)


@pytest.mark.parametrize("wrap", [False, True])
def test_a_grid_search_reaches_them(wrap):
    ilt = short(scheme="reference")
    name = "multidimregularizedilt__" if wrap else ""
    estimator = make_pipeline("passthrough", ilt) if wrap else ilt
    search = GridSearchCV(
        estimator,
        {f"{name}penalty__strength": [1.0, 1e6], f"{name}scheme__max_iter": [4]},
        cv=KFold(4, shuffle=True, random_state=0),
    ).fit(X, Y)
    assert search.best_params_ == {
        f"{name}penalty__strength": 1.0,
        f"{name}scheme__max_iter": 4,
    }
    # What was searched from stays as it was given.
    assert (ilt.penalty, ilt.scheme) == (None, "reference")


BAD = [
    ({"penalty": 3.0}, "The 'penalty' parameter of MultiDim"),
    ({"scheme": "fast"}, "The 'scheme' parameter of MultiDim"),
    ({"penalty__strength": 0.0}, "The 'strength' parameter of AdaptivePenalty"),
    ({"penalty__floor": [0.0]}, "floor must be positive, got 0"),
    ({"penalty__floor": [1.0, 2.0]}, "floor must be one value or one per axis"),
    ({"penalty__count": "bins"}, "The 'count' parameter of AdaptivePenalty"),
    ({"penalty__negative": 1e200}, "negative must hold zeros and numbers of a size"),
    ({"scheme__max_iter": 0}, "The 'max_iter' parameter of ReferenceScheme"),
    ({"scheme__damping": (1, 2)}, "damping must be .first iteration"),
    ({"scheme": "convergent", "scheme__tol": -1.0}, "The 'tol' parameter of Conv"),
    ({"penalty": 3.0, "penalty__strength": 1.0}, "penalty must be an AdaptivePenalty"),
    ({"scheme": "fast", "scheme__tol": 1.0}, "scheme must be 'reference', 'conv"),
    ({"channels": "all"}, "The 'channels' parameter of MultiDim"),
]


@pytest.mark.parametrize(("settings", "message"), BAD)
def test_errors_name_the_argument_and_its_owner(settings, message):
    with pytest.raises(ValueError, match=message):
        (short().set_params(**settings)).fit(X, Y)


def test_coordinates_that_count_are_coupled_channels():
    y = np.column_stack([Y, 0.5 * Y, -Y])
    coupled = short(channels="coupled").fit(X, y).distribution_
    for channels in ([1.0, 2.0, 3.0], [np.arange(1.0, 4.0)], np.arange(3.0)):
        again = short(channels=channels).fit(X, y)
        assert_array_equal(again.distribution_, coupled)
    own = short().fit(X, y).distribution_
    assert np.abs(own - coupled).max() > 1e-3
    single = short(channels="coupled").fit(X, Y).distribution_
    assert_array_equal(single, own[:, 0])
