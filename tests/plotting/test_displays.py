"""Displays: what is drawn is what was asked, and errors name the way out."""

import builtins

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista, LassoFistaCV, SmoothLasso, SmoothLassoCV
from skrelax.datasets import make_decay
from skrelax.kernels import acquisition_grid
from skrelax.model_selection import InterleavedKFold, StrengthSearch
from skrelax.plotting import (
    CrossValidationCurveDisplay,
    DecayDisplay,
    DistributionDisplay,
    DistributionMapDisplay,
    ResidualsDisplay,
    StrengthCurveDisplay,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close():
    yield
    matplotlib.pyplot.close("all")


@pytest.fixture(scope="module")
def data():
    return make_decay(random_state=0)


@pytest.fixture(scope="module")
def fitted(data):
    return make_pipeline(KernelBuilder(n_bins=40), LassoFistaCV(20)).fit(data.X, data.y)


def test_distribution_is_drawn_per_decade_beside_the_truth(data, fitted):
    display = DistributionDisplay.from_estimator(
        fitted, truth=(data.relaxation_times, data.distribution)
    )
    truth, estimate = display.lines_
    for line in (truth, estimate):
        x, density = line.get_data()
        # Both integrate to the amplitude of one over decades.
        area = np.trapezoid(density, np.log10(x))
        assert_allclose(area, 1.0, rtol=0.02)
    assert display.ax_.get_xscale() == "log"
    assert "T" in display.ax_.get_xlabel()
    assert "(s)" in display.ax_.get_xlabel()


def test_many_signals_are_sampled_and_said_so(data):
    batch = make_decay(n_signals=30, random_state=0)
    model = make_pipeline(KernelBuilder(n_bins=30), LassoFista()).fit(batch.X, batch.y)
    for display in (
        DistributionDisplay.from_estimator(model),
        DecayDisplay.from_estimator(model, batch.X, batch.y),
        ResidualsDisplay.from_estimator(model, batch.X, batch.y),
    ):
        assert display.ax_.texts[0].get_text() == "8 of 30 signals"


def test_band_is_drawn(fitted):
    coef = fitted[-1].coef_
    display = DistributionDisplay.from_estimator(fitted, band=(0.9 * coef, 1.1 * coef))
    assert len(display.ax_.collections) == 1


def test_map_has_marginals():
    X = acquisition_grid(np.geomspace(1e-2, 5, 8), np.geomspace(1e-3, 1, 9))
    builder = KernelBuilder(["T1-IR", "T2"], n_bins=10)
    y = np.asarray(builder.fit_transform(X)[:, 44])
    model = make_pipeline(builder, SmoothLasso(smoothness=1e-4)).fit(X, y)
    display = DistributionMapDisplay.from_estimator(model)
    coef = model[-1].coef_.reshape(10, 10)
    assert_allclose(display.axes_[1].lines[0].get_xdata(), coef.sum(axis=1))
    assert_allclose(display.axes_[2].lines[0].get_ydata(), coef.sum(axis=0))
    with pytest.raises(ValueError, match="DistributionMapDisplay"):
        DistributionDisplay.from_estimator(model)
    signed = DistributionMapDisplay(builder.relaxation_times_, coef - coef.T).plot()
    assert signed.figure_ is not None


def test_map_needs_two_axes(fitted):
    with pytest.raises(ValueError, match="expected two axes, got 1"):
        DistributionMapDisplay.from_estimator(fitted)


def test_residuals_are_data_minus_fit(data, fitted):
    display = ResidualsDisplay.from_estimator(fitted, data.X, data.y, noise_std=1e-3)
    _, drawn = display.ax_.lines[-1].get_data()
    assert_allclose(drawn, data.y - fitted.predict(data.X))
    named = ResidualsDisplay.from_predictions(data.X[:, 0], data.y, data.y)
    assert_allclose(named.residuals, 0.0)


def test_decay_with_linear_times_has_a_linear_axis():
    times = np.linspace(0.1, 1.0, 10)
    display = DecayDisplay(times, np.exp(-times), np.exp(-times)).plot()
    assert display.ax_.get_xscale() == "linear"


@pytest.mark.parametrize(
    ("final", "n_curves"),
    [(LassoFistaCV(10), 1), (SmoothLassoCV(3, 8), 3)],
)
def test_curves_of_built_in_cross_validation(data, final, n_curves):
    model = make_pipeline(KernelBuilder(n_bins=30), final).fit(data.X, data.y)
    display = CrossValidationCurveDisplay.from_estimator(model)
    assert len(display.mean) == n_curves
    chosen = display.ax_.lines[-1].get_xdata()[0]
    expected = final.alpha_ if n_curves == 1 else final.smoothness_
    assert chosen == expected


def test_curve_per_signal():
    batch = make_decay(n_signals=3, random_state=0)
    kernel = KernelBuilder(n_bins=30).fit_transform(batch.X)
    model = LassoFistaCV(10, alpha_per_signal=True).fit(kernel, batch.y)
    assert CrossValidationCurveDisplay.from_estimator(model).mean.shape == (3, 10)


def test_curve_of_a_grid_search(data):
    search = GridSearchCV(
        make_pipeline(KernelBuilder(n_bins=30), LassoFista()),
        {"lassofista__alpha": [1e-2, 1e-3, 1e-4]},
        cv=InterleavedKFold(),
    ).fit(data.X, data.y)
    display = CrossValidationCurveDisplay.from_estimator(search)
    assert display.strengths.tolist() == [1e-4, 1e-3, 1e-2]
    assert display.chosen == search.best_params_["lassofista__alpha"]
    assert DistributionDisplay.from_estimator(search).distribution.shape == (30,)


@pytest.mark.parametrize("rule", ["gcv", "lcurve", "chi2"])
def test_curve_of_a_strength_search(data, rule):
    search = StrengthSearch(
        make_pipeline(KernelBuilder(n_bins=30), SmoothLasso()), rule=rule, strengths=10
    ).fit(data.X, data.y)
    display = StrengthCurveDisplay.from_estimator(search)
    assert display.ax_.get_title() == rule
    assert DistributionDisplay.from_estimator(search).distribution.shape == (30,)


def test_estimators_without_the_parts_are_named(data):
    model = LassoFista().fit(np.eye(3), np.ones(3))
    with pytest.raises(ValueError, match="KernelBuilder"):
        DistributionDisplay.from_estimator(model)
    with pytest.raises(ValueError, match="LassoFista has no cross-validation curve"):
        CrossValidationCurveDisplay.from_estimator(model)


def test_missing_matplotlib_names_the_extra(monkeypatch):
    original = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    display = DistributionDisplay(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    with pytest.raises(ImportError, match=r"skrelax\[plotting\]"):
        display.plot()
