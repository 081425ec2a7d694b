"""Fits that explain nothing say so, once; noise, zeros and folds do not."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista, LassoFistaCV, SmoothLasso, SmoothLassoCV
from skrelax.inversion import KernelParameterSearch
from skrelax.model_selection import StrengthSearch
from skrelax.signals import EPGEchoTrain
from skrelax.utils._warnings import collect_warnings

TIMES = np.geomspace(0.01, 1.0, 30)[:, None]
KERNEL = KernelBuilder(n_bins=20).fit_transform(TIMES)
DECAY = np.exp(-TIMES[:, 0] / 0.2)
RNG = np.random.default_rng(0)
INVERSIONS = [
    LassoFista(),
    SmoothLasso(),
    LassoFistaCV(8),
    SmoothLassoCV(3, 4),
    StrengthSearch(SmoothLasso(), strengths=6),
    StrengthSearch(LassoFista(), rule="cv", strengths=6),
]


def told(estimator, y, X=KERNEL, **settings):
    """Return the warnings of a fit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(X, y, **settings)
    return [str(w.message) for w in caught]


@pytest.mark.parametrize("estimator", INVERSIONS, ids=lambda e: type(e).__name__)
def test_a_decay_of_the_wrong_sign_is_told_once_with_the_numbers(estimator):
    (text,) = told(estimator, -DECAY)
    assert "less than 1% of 1 of 1 signals" in text
    assert "sign is opposite" in text
    assert "correlations with the bins from -1.00" in text
    (text,) = told(estimator, np.column_stack([DECAY, -DECAY, DECAY, -DECAY]))
    assert "2 of 4 signals; of signal 1, the first: its sign" in text
    assert told(estimator, DECAY) == []


@pytest.mark.parametrize("estimator", INVERSIONS, ids=lambda e: type(e).__name__)
def test_noise_zeros_and_signed_inversions_are_not_told_of(estimator):
    noise = RNG.standard_normal((30, 20))
    assert told(estimator, noise) == []
    assert told(estimator, np.zeros(30)) == []
    inner = getattr(estimator, "estimator", estimator)
    if estimator is inner:
        signed = type(estimator)(**estimator.get_params() | {"positive": False})
        assert told(signed, -DECAY) == []


def test_a_penalty_above_its_largest_value_is_told_with_that():
    top = (KERNEL.T @ DECAY).max() / 30
    (text,) = told(LassoFista(1.1 * top), DECAY)
    assert f"alpha={1.1 * top:.3g} is not below {top:.3g}" in text
    assert told(LassoFista(0.5 * top), DECAY) == []
    (text,) = told(SmoothLasso(2.0, order=0, smoothness=1e9), DECAY)
    assert "alpha=2" in text
    (text,) = told(SmoothLasso(0.0, order=0, smoothness=1e9), DECAY)
    assert "penalties are too strong" in text


def test_a_kernel_of_zeros_is_told():
    (text,) = told(LassoFista(), DECAY, np.zeros_like(KERNEL))
    assert "the kernel is zero at all points" in text


def test_a_constant_beside_a_baseline_is_explained_by_it():
    assert told(LassoFista(fit_intercept=True), np.full(30, 3.0)) == []
    (text,) = told(LassoFista(fit_intercept=True), 3.0 - DECAY)
    assert "sign is opposite" in text


def test_weights_of_zero_hide_points():
    weight = np.where(np.arange(30) < 15, 1.0, 0.0)
    mixed = np.where(np.arange(30) < 15, DECAY, -5.0)
    assert told(LassoFista(1e-6), mixed, sample_weight=weight) == []


def test_a_kernel_search_tells_once_for_all_its_fits():
    train = EPGEchoTrain(echo_spacing=0.01)
    times = 0.01 * np.arange(1, 25)[:, None]
    signal = EPGEchoTrain(150.0, echo_spacing=0.01).evaluate(times, np.array([[0.08]]))
    builder = KernelBuilder(train, n_bins=10, minimum=0.01, maximum=1.0)
    search = KernelParameterSearch(
        make_pipeline(builder, LassoFista(1e-4)), values=np.linspace(120, 180, 5)
    )
    (text,) = told(search, np.hstack([signal, -signal, -2 * signal]), times)
    assert "2 of 3 signals; of signal 1, the first" in text
    assert told(search, signal[:, 0], times) == []


def test_collected_where_threads_collect_their_warnings():
    with collect_warnings() as found:
        LassoFista().fit(KERNEL, -DECAY)
    assert len(found) == 1
    assert "sign is opposite" in str(found[0])


def test_folds_of_a_grid_search_are_not_told_of_but_its_last_fit_is():
    search = GridSearchCV(LassoFista(), {"alpha": [100.0, 1e-4]}, cv=3)
    assert told(search, DECAY) == []
    (text,) = told(search.set_params(param_grid={"alpha": [100.0]}), DECAY)
    assert "alpha=100 is not below" in text


def test_amplitude_that_no_point_sees_is_told_of():
    times = np.geomspace(1e-3, 1.0, 30)[:, None]
    late = np.exp(-times[:, 0] / 0.1)
    Y = np.column_stack([late, late + 30.0 * np.exp(-times[:, 0] / 2e-4)])
    early = KernelBuilder("T2", minimum=1e-4).fit_transform(times)
    with pytest.warns(UserWarning, match="of 1 of 2 distributions .* noise, amplified"):
        SmoothLasso(smoothness=1e-8).fit(early, Y)
    with pytest.warns(UserWarning, match="of 1 of 1 distributions .* measure earlier"):
        SmoothLassoCV([0.0], [1e-5], 1, cv=3, adaptive=False).fit(early, Y[:, 1])
    # The grid that is drawn from the times does not hold it.
    SmoothLasso().fit(KernelBuilder("T2").fit_transform(times), Y[:, 1])
