"""Displays: what is drawn is what was asked, and errors name the way out."""

import builtins
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    ReferenceScheme,
    SmoothLasso,
    SmoothLassoCV,
)
from skrelax.datasets import make_decay, make_image_series
from skrelax.kernels import acquisition_grid
from skrelax.model_selection import InterleavedKFold, StrengthSearch
from skrelax.plotting import (
    CrossValidationCurveDisplay,
    DecayDisplay,
    DistributionDisplay,
    DistributionMapDisplay,
    ParameterMapDisplay,
    ResidualsDisplay,
    StrengthCurveDisplay,
)
from skrelax.uncertainty import bootstrap_distribution

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

_HELD_OUT = "held-out mean squared error"


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


def test_distribution_with_the_band_of_a_result():
    X = np.geomspace(0.01, 1.0, 20)[:, None]
    model = make_pipeline(KernelBuilder("T2", n_bins=12), SmoothLasso(0.0, 1e-3))
    result = bootstrap_distribution(
        model, X, np.exp(-X[:, 0] / 0.1), noise_std=0.01, n_bootstrap=5, random_state=0
    )
    display = DistributionDisplay.from_uncertainty(result, level=0.5)
    np.testing.assert_array_equal(result.plot(0.5).band, display.band)
    assert display.ax_.get_xlabel() == "$T_{2}$ (s)"
    np.testing.assert_array_equal(display.band, result.band(0.5))
    texts = display.ax_.get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["50 % band", "estimate"]
    with pytest.raises(TypeError, match="UncertaintyResult"):
        DistributionDisplay.from_uncertainty(model)
    with pytest.raises(ValueError, match="one axis"):
        DistributionDisplay.from_uncertainty(replace(result, axes=None))


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
    with pytest.raises(ValueError, match="must have 2 axes, got 1"):
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
    [(LassoFistaCV(10), 1), (SmoothLassoCV(3, 8, rule="near"), 3)],
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
    model = LassoFistaCV(10, per_signal=True).fit(kernel, batch.y)
    assert CrossValidationCurveDisplay.from_estimator(model).mean.shape == (3, 10)


@pytest.mark.parametrize(
    ("scoring", "label"),
    [(None, "minus the score"), ("neg_mean_squared_error", _HELD_OUT)],
)
def test_curve_of_a_grid_search(data, scoring, label):
    search = GridSearchCV(
        make_pipeline(KernelBuilder(n_bins=30), LassoFista()),
        {"lassofista__alpha": [1e-2, 1e-3, 1e-4]},
        cv=InterleavedKFold(), scoring=scoring,
    ).fit(data.X, data.y)  # fmt: skip
    display = CrossValidationCurveDisplay.from_estimator(search)
    assert display.strengths.tolist() == [1e-4, 1e-3, 1e-2]
    assert display.chosen == search.best_params_["lassofista__alpha"]
    assert display.ax_.get_ylabel() == label
    assert DistributionDisplay.from_estimator(search).distribution.shape == (30,)


@pytest.mark.parametrize("rule", ["gcv", "lcurve", "chi2"])
def test_curve_of_a_strength_search(data, rule):
    search = StrengthSearch(
        make_pipeline(KernelBuilder(n_bins=30), SmoothLasso()), rule=rule, strengths=10
    ).fit(data.X, data.y)
    display = StrengthCurveDisplay.from_estimator(search)
    assert display.ax_.get_title() == rule
    labels = display.ax_.get_xlabel(), display.ax_.get_ylabel()
    assert (
        labels
        == {
            "gcv": ("smoothness", "generalised cross-validation"),
            "lcurve": (
                r"$\log_{10}$ mean square residual",
                r"$\log_{10}$ penalty norm",
            ),
            "chi2": ("smoothness", "mean square residual"),
        }[rule]
    )
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


def plane(kernels, first, second):
    """Return a fitted inversion of a single component on two axes."""
    X = acquisition_grid(np.linspace(0.0, 3.0, 9) / first, np.geomspace(0.01, 3, 9))
    y = np.exp(-X[:, 0] * first - X[:, 1] / second)
    model = make_pipeline(KernelBuilder(kernels, n_bins=12), SmoothLasso())
    return model.fit(X, y), X, y


def test_axes_have_the_units_of_what_they_are():
    model, X, y = plane(["diffusion", "T2"], 2e-9, 0.1)
    axes = DistributionMapDisplay.from_estimator(model).axes_
    assert axes[0].get_ylabel() == "D (m²/s)"
    assert axes[0].get_xlabel() == "$T_{2}$ (s)"
    axes = DistributionMapDisplay.from_estimator(model, unit="ms").axes_
    assert axes[0].get_ylabel() == "D (m²/s)"
    assert axes[0].get_xlabel() == "$T_{2}$ (ms)"
    both = DistributionMapDisplay.from_estimator(model, unit=("mm²/s", "ms")).axes_
    assert both[0].get_ylabel() == "D (mm²/s)"
    assert both[0].get_xlabel() == "$T_{2}$ (ms)"
    for display in (DecayDisplay, ResidualsDisplay):
        assert display.from_estimator(model, X, y).ax_.get_xlabel() == "b (s/m²)"
        drawn = display.from_estimator(model, X, y, unit=("s/mm²", "ms"))
        assert drawn.ax_.get_xlabel() == "b (s/mm²)"
    for unit in (("s",), ("s", "s", "s"), 3, ("s", None)):
        with pytest.raises(ValueError, match="unit must be a string, one string for"):
            DistributionMapDisplay.from_estimator(model, unit=unit)


def test_one_axis_of_diffusion():
    b = np.linspace(0.0, 4e9, 12)[:, None]
    y = np.exp(-b[:, 0] * 1e-9)
    model = make_pipeline(KernelBuilder("diffusion", n_bins=20), SmoothLasso())
    model.fit(b, y)
    assert DistributionDisplay.from_estimator(model).ax_.get_xlabel() == "D (m²/s)"
    named = DistributionDisplay.from_estimator(model, unit="mm²/s")
    assert named.ax_.get_xlabel() == "D (mm²/s)"
    fit = NonlinearRelaxationFit("diffusion").fit(b, y)
    assert DecayDisplay.from_estimator(fit, b, y).ax_.get_xlabel() == "b (s/m²)"


def test_columns_that_tell_their_unit_keep_it():
    X = pd.DataFrame({"TE (ms)": np.linspace(1.0, 9.0, 5)})
    y = np.exp(-X["TE (ms)"])
    display = DecayDisplay(X.iloc[:, 0], y, y)
    assert display.label == "time (s)"
    named = ResidualsDisplay.from_predictions(X, y, y)
    assert named.ax_.get_xlabel() == "TE (ms)"
    plain = ResidualsDisplay.from_predictions(X.set_axis(["TE"], axis=1), y, y)
    assert plain.ax_.get_xlabel() == "TE (s)"


def test_two_axes_of_one_kind_are_told_apart():
    model, _, _ = plane(["T2", "T2"], 10.0, 0.1)
    axes = DistributionMapDisplay.from_estimator(model).axes_
    assert axes[0].get_ylabel() == "first $T_{2}$ (s)"
    assert axes[0].get_xlabel() == "second $T_{2}$ (s)"


def test_signed_inversions_are_drawn():
    times = np.geomspace(1e-3, 1, 16)
    signals = np.stack([np.exp(-times / 0.1), -np.exp(-times / 0.1)], axis=1)
    one = MultiDimRegularizedILT("T2", 20, noise_std=1e-2, scheme=ReferenceScheme(5))
    one.fit(times[:, None], signals)
    display = DistributionDisplay.from_estimator(one)
    assert_allclose(display.distribution, one.distribution_.T)
    assert (display.distribution < 0).any()
    assert display.ax_.get_xlabel() == "$T_{2}$ (s)"
    two = MultiDimRegularizedILT(
        ["T1-SR", "T2"], [9, 11], noise_std=1e-2, scheme=ReferenceScheme(5)
    )
    data = np.multiply.outer(1 - np.exp(-times / 0.5), signals)
    two.fit_grid((times, times), data)
    for signal in (0, 1):
        plotted = DistributionMapDisplay.from_estimator(two, signal=signal)
        assert_allclose(plotted.distribution, two.distribution_[..., signal])
        assert plotted.axes_[0].get_ylabel() == "$T_{1}$ (s)"
    with pytest.raises(ValueError, match="signal must be from -2 to 1"):
        DistributionMapDisplay.from_estimator(two, signal=2)
    with pytest.raises(ValueError, match="must have 1 axes, got 2: use Distribution"):
        DistributionDisplay.from_estimator(two)
    discrete = MultiDimRegularizedILT(
        ["T2", "identity"], [9, None], noise_std=1e-2, scheme=ReferenceScheme(2)
    ).fit_grid((times, np.arange(16.0)), data[..., 0])
    with pytest.raises(ValueError, match="axis 1 of the estimator is not inverted"):
        DistributionMapDisplay.from_estimator(discrete)


def test_chosen_alpha_is_marked_beside_the_smoothness(data):
    search = SmoothLassoCV(3, 8, rule="near")
    model = make_pipeline(KernelBuilder(n_bins=30), search)
    display = CrossValidationCurveDisplay.from_estimator(model.fit(data.X, data.y))
    final = model[-1]
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert f"chosen smoothness {final.smoothness_:.2g},\nalpha {final.alpha_:.2g}" in (
        labels
    )
    x, y = display.ax_.lines[-1].get_data()
    row = np.flatnonzero(final.smoothnesses_ == final.smoothness_)[0]
    column = np.flatnonzero(final.alphas_ == final.alpha_)[0]
    assert_allclose(x, final.smoothness_)
    assert_allclose(y, final.cv_results_["mean_test_mse"][row, column])


def test_strengths_that_follow_the_noise_are_on_no_curve(data):
    model = make_pipeline(KernelBuilder(n_bins=30), SmoothLassoCV(3, 8))
    display = CrossValidationCurveDisplay.from_estimator(model.fit(data.X, data.y))
    smoothness = model[-1].smoothness_
    assert display.chosen_curve is None
    assert_allclose(display.ax_.lines[-1].get_xdata(), smoothness)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert f"chosen smoothness {smoothness:.2g}" in labels


def test_a_chosen_zero_is_left_of_the_axis():
    display = CrossValidationCurveDisplay([0.0, 1.0, 2.0], [1.0, 2.0, 3.0], chosen=0.0)
    legend = display.plot().ax_.get_legend().get_texts()
    assert legend[-1].get_text() == "chosen 0 (left of the axis)"


def test_maps_have_the_units_of_their_parameters():
    images = make_image_series("T2*", size=8, random_state=0)
    # Voxels of the background have no decay.
    with pytest.warns(ConvergenceWarning):
        fit = NonlinearRelaxationFit("T2*").fit(images.X, images.y)
    titles = [
        ax.get_title()
        for ax in ParameterMapDisplay.from_estimator(fit, images.table).axes_
    ]
    assert titles == ["M0", "T2* (s)", "T2* stderr (s)", "relative error"]
    b = pd.DataFrame({"b": np.linspace(0.0, 3e9, 5)})
    signal = np.exp(-b.to_numpy() * np.full(64, 1e-9))
    fit = NonlinearRelaxationFit("diffusion").fit(b, signal)
    display = ParameterMapDisplay.from_estimator(fit, images.table, ["D", "D stderr"])
    assert display.axes_[0].get_title() == "D (m²/s)"
    assert display.axes_[1].get_title() == "D stderr (m²/s)"
    # Rows of one figure are as full as they can be.
    image = np.zeros((3, 3))
    for count, width in ((3, 3), (5, 3), (6, 3), (7, 4)):
        drawn = ParameterMapDisplay({str(n): image for n in range(count)}).plot()
        assert drawn.axes_[0].get_gridspec().ncols == width


@pytest.mark.parametrize("size", [(3.5, 2.8), (4.0, 3.0), (6.4, 4.8)])
@pytest.mark.parametrize("shared", [False, True])
def test_no_curve_runs_through_the_legend(size, shared):
    strengths = np.geomspace(1e-8, 1.0, 20)
    # Curves that fill the axes, so that no corner is free.
    mean = np.array([1e-3, 1e-4, 1e-5])[:, None] * (1.0 + np.cos(strengths * 9.0) / 2)
    plt = pytest.importorskip("matplotlib.pyplot")
    figure, axes = plt.subplots(
        1, 1 + shared, figsize=(size[0] * (1 + shared), size[1]), sharey=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for ax in axes.flat:
        CrossValidationCurveDisplay(
            strengths, mean, chosen=1e-5, curves=[1.0, 2.0, 3.0], chosen_curve=2.0
        ).plot(ax)
    figure.draw_without_rendering()
    for ax in axes.flat:
        box = ax.get_legend().get_window_extent()
        assert box.y1 <= ax.bbox.y1 + 1.0
        assert box.x1 <= ax.bbox.x1 + 1.0
        assert ax.get_legend().get_frame().get_alpha() == 1.0
        drawn = ax.transData.transform(np.column_stack([strengths, mean.max(axis=0)]))
        assert (drawn[:, 1] < box.y0).all()
