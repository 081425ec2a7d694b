"""A strength for each signal: that of a fit to it alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrelax import KernelBuilder, LassoFistaCV, SmoothLasso, SmoothLassoCV
from skrelax.datasets import make_decay
from skrelax.plotting import CrossValidationCurveDisplay

# Products of matrices round by their size: the grids of alpha to a few units in the
# last place, and errors with them.
ROUNDING = 1e-12


def decays(n_signals=6):
    """Return a kernel and noisy decays of very different sizes, the last one zero."""
    data = make_decay(n_signals=n_signals, drift=0.5, noise_std=1e-2, random_state=0)
    signals = data.y * 10.0 ** np.arange(n_signals)
    signals[:, -1] = 0.0
    return KernelBuilder("T2", n_bins=24).fit_transform(data.X), signals


MODELS = {
    "lasso": LassoFistaCV(12),
    "lasso, 1se": LassoFistaCV(np.geomspace(1e-1, 1e-5, 12), rule="1se"),
    "lasso, baseline": LassoFistaCV(8, fit_intercept=True, noise_std=0.02),
    "lasso, signed": LassoFistaCV(8, positive=False),
    "smooth": SmoothLassoCV(4, 9),
    "smooth, 1se": SmoothLassoCV(3, 9, rule="1se", order=2),
    "smooth, given": SmoothLassoCV([1e-2, 0.0], [1e-1, 1e-3, 0.0], fit_intercept=True),
    "smooth, signed": SmoothLassoCV(3, 4, positive=False, order=0),
    "smooth, no alpha": SmoothLassoCV([0.0], 9, noise_std=0.02, cv=3),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_each_signal_gets_what_a_fit_to_it_alone_chooses(name, weighted):
    K, Y = decays()
    weight = np.linspace(0.5, 2.0, len(K)) if weighted else None
    model = MODELS[name]
    each = type(model)(**{**model.get_params(), "per_signal": True})
    each.fit(K, Y, sample_weight=weight)
    n_signals = Y.shape[1]
    strengths = ["alpha"] + ["smoothness"] * isinstance(model, SmoothLassoCV)
    for index, y in enumerate(Y.T):
        alone = type(model)(**model.get_params()).fit(K, y, sample_weight=weight)
        for strength in strengths:
            chosen = getattr(each, f"{strength}_")
            assert chosen.shape == (n_signals,)
            assert_allclose(chosen[index], getattr(alone, f"{strength}_"), ROUNDING)
        size = np.abs(y).max()
        # Without the bound, kernels of decays multiply rounding by their condition.
        loose = 1.0 if model.positive else 1e4
        assert_allclose(each.coef_[index], alone.coef_, ROUNDING, 1e-9 * loose * size)
        for column, values in alone.cv_results_.items():
            table = each.cv_results_[column]
            assert table.shape == (*values.shape, n_signals)
            assert_allclose(table[..., index], values, 1e-10 * loose, 1e-13 * size**2)
        assert_allclose(each.alphas_[:, index], alone.alphas_, ROUNDING)
    assert each.cv_dual_gap_.shape == each.intercept_.shape == (n_signals,)
    assert len(np.unique(chosen)) > 1


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 1e-3])
def test_smoothness_of_each_signal(positive, alpha):
    K, Y = decays()
    smoothness = np.array([1e-3, 0.0, 1e-1, 1e-3, 1e-6, 1e-2])
    settings = {"alpha": alpha, "positive": positive}
    each = SmoothLasso(smoothness=smoothness[:, None], **settings).fit(K, Y)
    for index, strength in enumerate(smoothness):
        alone = SmoothLasso(smoothness=strength, **settings).fit(K, Y[:, index])
        # Signals are solved one by one, so nothing but the last bits of the products
        # with the kernel may differ.
        size = np.abs(Y[:, index]).max()
        assert_allclose(each.coef_[index], alone.coef_, ROUNDING, 1e-9 * size)
        assert each.dual_gap_[index] <= 1e-8


def test_smoothness_of_each_signal_of_a_kernel_that_does_not_see_all_bins():
    # Row sums certify nothing here, so that each smoothness needs its own vector.
    K, Y = decays()
    K = np.array(K)
    K[:, :3] *= 1e-12
    K[:, -4:] *= -1.0
    smoothness = np.geomspace(1e-5, 1e-1, 6)
    each = SmoothLasso(smoothness=smoothness[:, None], alpha=1e-3).fit(K, Y)
    for index, strength in enumerate(smoothness):
        alone = SmoothLasso(smoothness=strength, alpha=1e-3).fit(K, Y[:, index])
        size = np.abs(Y[:, index]).max()
        assert_allclose(each.coef_[index], alone.coef_, ROUNDING, 1e-9 * size)
        assert_allclose(each.dual_gap_[index], alone.dual_gap_, atol=1e-12)


def test_one_smoothness_for_all_signals_is_the_number():
    K, Y = decays()
    each = SmoothLasso(smoothness=np.full((6, 1), 1e-3)).fit(K, Y)
    assert_array_equal(each.coef_, SmoothLasso(smoothness=1e-3).fit(K, Y).coef_)
    # It is a column: a row would be one for each axis.
    with pytest.raises(ValueError, match=r"per signal \(6, 1\), got shape \(5, 1\)"):
        SmoothLasso(smoothness=np.full((5, 1), 1e-3)).fit(K, Y)


def test_one_signal_has_an_array_of_one():
    K, Y = decays()
    for model in (
        LassoFistaCV(6, per_signal=True),
        SmoothLassoCV(2, 3, per_signal=True),
    ):
        model.fit(K, Y[:, 0])
        assert model.alpha_.shape == (1,)
        assert model.coef_.shape == (24,)


def test_threads_change_nothing():
    K, Y = decays(60)
    Y = Y / np.maximum(np.abs(Y).max(axis=0), 1e-300)
    one = SmoothLassoCV(3, 5, per_signal=True).fit(K, Y)
    two = SmoothLassoCV(3, 5, per_signal=True, n_jobs=2).fit(K, Y)
    assert_array_equal(one.coef_, two.coef_)
    assert_array_equal(one.smoothness_, two.smoothness_)


def test_description_tells_of_the_folds_of_each_signal():
    K, Y = decays()
    model = SmoothLassoCV(2, 3, per_signal=True).fit(K, Y)
    model.cv_dual_gap_ = np.array([0.0, 0.5, 0.0, np.nan, 0.0, 0.0])
    table = model.describe()
    assert (
        table["status"].tolist()
        == ["converged"] * 3 + ["not converged"] + ["converged"] * 2
    )
    assert table["message"][1] == "relative duality gap 0.5 in a fold"
    assert_array_equal(table["smoothness"], model.smoothness_)


def test_curves_are_drawn_against_the_strengths_of_each_signal():
    K, Y = decays()
    display = CrossValidationCurveDisplay.from_estimator(
        LassoFistaCV(6, per_signal=True).fit(K, Y[:, :2])
    )
    first, second = (line.get_xdata() for line in display.ax_.lines[:2])
    assert_allclose(second / first, np.full(6, second[0] / first[0]))
    assert second[0] > 2 * first[0]
    with pytest.raises(ValueError, match="for each of 2 signals: draw that of a fit"):
        CrossValidationCurveDisplay.from_estimator(
            SmoothLassoCV(2, 3, per_signal=True).fit(K, Y[:, :2])
        )
