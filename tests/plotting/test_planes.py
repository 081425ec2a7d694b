"""Pictures of maps, slices and residuals over two axes."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    ReferenceScheme,
    SmoothLasso,
    SmoothLassoCV,
)
from skrelax.kernels import acquisition_grid
from skrelax.metrics import Polygon, RatioBand, Rectangle
from skrelax.metrics import residual_autocorrelation as autocorrelation
from skrelax.model_selection import StrengthSearch
from skrelax.plotting import (
    DecayDisplay,
    DistributionDisplay,
    DistributionMapDisplay,
    DistributionSlicesDisplay,
    ResidualsDisplay,
    ResidualsMapDisplay,
)
from skrelax.signals import InversionRecovery

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

T1, T2 = np.geomspace(0.02, 8.0, 9), np.geomspace(4e-3, 1.0, 10)
FIRST, SECOND = np.geomspace(0.02, 5.0, 8), np.geomspace(2e-3, 0.6, 11)
X = acquisition_grid(FIRST, SECOND)
Y = (1 - np.exp(-X[:, 0] / 0.9)) * np.exp(-X[:, 1] / 0.1)


@pytest.fixture(autouse=True)
def _close():
    yield
    matplotlib.pyplot.close("all")


def on_plane(inversion, kernels=("T1-SR", "T2")):
    return make_pipeline(KernelBuilder(list(kernels), grid=[T1, T2]), inversion)


INVERSIONS = {
    "LassoFista": on_plane(LassoFista(1e-4)),
    "LassoFistaCV": on_plane(LassoFistaCV(3)),
    "SmoothLasso": on_plane(SmoothLasso(1e-5, 1e-4)),
    "SmoothLassoCV": on_plane(SmoothLassoCV([1e-4, 1e-3], [1e-5], cv=2)),
    "StrengthSearch": StrengthSearch(on_plane(SmoothLasso()), strengths=3),
    "GridSearchCV": GridSearchCV(
        on_plane(SmoothLasso(1e-5)), {"smoothlasso__smoothness": [1e-5, 1e-4]}, cv=2
    ),
    "signed": MultiDimRegularizedILT(
        ["T1-SR", "T2"], [T1, T2], noise_std=1e-2, scheme=ReferenceScheme(5)
    ),
    "of another package": on_plane(Ridge(1e-3)),
}


@pytest.mark.parametrize("name", INVERSIONS)
def test_every_inversion_has_a_picture(name):
    fitted = INVERSIONS[name].fit(X, Y)
    display = DistributionMapDisplay.from_estimator(
        fitted, regions=[RatioBand("water", 1, 20)]
    )
    plot, side, top = display.axes_
    assert plot.get_xlabel() == "$T_{2}$ (s)"
    assert plot.get_ylabel() == "$T_{1}$ (s)"
    assert plot.get_xscale() == plot.get_yscale() == "log"
    assert_allclose(plot.get_xlim(), T2[[0, -1]])
    assert_allclose(plot.get_ylim(), T1[[0, -1]])
    assert_allclose(side.lines[0].get_xdata(), display.distribution.sum(axis=1))
    assert_allclose(top.lines[0].get_ydata(), display.distribution.sum(axis=0))
    assert display.colorbar_.ax.get_ylabel() == "amplitude per square decade"
    peak = np.unravel_index(display.distribution.argmax(), (9, 10))
    assert 0.4 < T1[peak[0]] < 2.0
    assert 0.04 < T2[peak[1]] < 0.25
    slices = DistributionSlicesDisplay.from_estimator(fitted)
    assert_array_equal(slices.slices[0], display.distribution)
    residuals = ResidualsMapDisplay.from_estimator(fitted, X, Y)
    rest = Y - np.ravel(fitted.predict(X))
    assert_allclose(residuals.residuals, rest.reshape(8, 11))
    assert residuals.axes_[0].get_xlabel() == "TE (s)"
    assert "(s)" in residuals.axes_[0].get_ylabel()


def test_colours_are_amplitude_per_square_decade():
    # The same density on two grids: a plateau over one square decade.
    tops = []
    for n in (21, 41):
        grid = np.geomspace(0.01, 1.0, n)
        inside = (grid > 0.0999) & (grid < 1.001)
        f = np.multiply.outer(inside, inside).astype(float)
        f /= f.sum()
        display = DistributionMapDisplay((grid, grid), f).plot()
        tops.append(display.colorbar_.vmax)
    # Eleven of the bins of a tenth of a decade cover 1.1 decades.
    assert_allclose(tops, [1.1**-2, 1.05**-2], rtol=1e-9)


def lines_of_ratio(names, **options):
    display = DistributionMapDisplay(
        (T1, T2), np.ones((9, 10)), names=names, **options
    ).plot()
    found = []
    for line in display.axes_[0].lines:
        x, y = line.get_data()
        assert_allclose(y / x, y[0] / x[0])
        found.append(y[0] / x[0])
    texts = [text.get_text() for text in display.axes_[0].texts]
    return found, texts, display.axes_[0]


def test_lines_of_equal_ratio():
    found, texts, ax = lines_of_ratio(("T1", "T2"))
    assert_allclose(found, [1, 10, 100, 1000])
    assert texts == ["$T_{1}$/$T_{2}$ = 1", "10", "100", "1000"]
    # Nothing lies where T1 is below T2: that corner is shaded.
    (shade,) = ax.collections[-1].get_paths() if ax.collections else ()
    assert shade.contains_point((T2[-1] * 0.9, T1[0] * 1.2))
    assert not shade.contains_point((T2[0] * 2, T1[-1] / 2))
    found, texts, ax = lines_of_ratio(("T2", "T1"))
    assert_allclose(found, [1, 0.1])
    assert texts == ["$T_{1}$/$T_{2}$ = 1", "10"]
    assert ax.collections[-1].get_paths()[0].contains_point((T2[0] * 2, T1[-1] / 2))
    assert lines_of_ratio(("T2_0", "T2_1"))[:2] == ([1.0], [])
    assert lines_of_ratio(None)[0] == [1.0]
    assert lines_of_ratio(("D", "T2"))[0] == []
    assert_allclose(lines_of_ratio(("T1", "T2"), ratios=[2, 5])[0], [2, 5])
    assert lines_of_ratio(("T1", "T2"), ratios=())[0] == []
    assert lines_of_ratio(None, ratios=(1, 5))[1] == ["1", "5"]
    for bad in (0.0, [0.0], [np.nan], "1", [[1.0]]):
        with pytest.raises((ValueError, TypeError), match="ratios"):
            lines_of_ratio(None, ratios=bad)


def test_names_make_labels():
    display = DistributionMapDisplay((T1, T2), np.ones((9, 10)), names=("D", "T2"))
    assert display.labels == ("D (m²/s)", "$T_{2}$ (s)")
    both = DistributionMapDisplay((T2, T2), np.ones((10, 10)), names=("T2", "T2"))
    assert both.labels == ("first $T_{2}$ (s)", "second $T_{2}$ (s)")
    plain = DistributionMapDisplay((T1, T2), np.ones((9, 10)))
    assert plain.labels == ("first axis", "second axis")


def test_regions_are_drawn_where_they_are():
    fitted = INVERSIONS["SmoothLasso"].fit(X, Y)
    parts = [
        Rectangle("short", T2=(0, 0.033)),
        RatioBand("water", 1, 4),
        Polygon("oil", T1=[0.1, 1, 1], T2=[0.01, 0.01, 0.1]),
    ]
    display = DistributionMapDisplay.from_estimator(fitted, regions=parts, ratios=())
    short, water, oil = display.axes_[0].lines
    assert [line.get_label() for line in (short, water, oil)] == [
        "short", "water", "oil",
    ]  # fmt: skip
    # An unlimited side ends with the map.
    assert_allclose(sorted({*short.get_xdata()}), [T2[0], 0.033])
    assert_allclose(sorted({*short.get_ydata()}), [T1[0], T1[-1]])
    ratios = water.get_ydata() / water.get_xdata()
    assert_allclose(ratios, [1, 4, 4, 1, 1])
    assert_allclose(oil.get_xdata(), [0.01, 0.01, 0.1, 0.01])
    assert_allclose(oil.get_ydata(), [0.1, 1, 1, 0.1])
    legends = [ax.get_legend() for ax in display.figure_.axes]
    texts = [t.get_text() for one in legends if one for t in one.get_texts()]
    assert texts == ["short", "water", "oil"]
    with pytest.raises(ValueError, match="regions: Rectangle 'a' names the axis 'D'"):
        DistributionMapDisplay.from_estimator(
            fitted, regions=[Rectangle("a", D=(0, 1))]
        )
    with pytest.raises(TypeError, match="regions must be"):
        DistributionMapDisplay.from_estimator(fitted, regions="short")
    # Far beyond the map, and wholly outside.
    far = Polygon("far", T1=[1e-140, 1e140, 1e140], T2=[1e-140, 1e-140, 1e140])
    outside = Rectangle("outside", T2=(10, 20))
    display = DistributionMapDisplay.from_estimator(fitted, regions=[far, outside])
    display.figure_.canvas.draw()


# Slices ---------------------------------------------------------------------------


def test_slices_of_three_inverted_axes():
    b, D = np.linspace(0, 3e9, 5), np.geomspace(1e-10, 1e-8, 4)
    points = acquisition_grid(FIRST[::2], SECOND[::2], b)
    y = (1 - np.exp(-points[:, 0] / 0.9)) * np.exp(-points[:, 1] / 0.1)
    y = y * np.exp(-points[:, 2] * 2e-9)
    fitted = make_pipeline(
        KernelBuilder(["T1-SR", "T2", "diffusion"], grid=[T1, T2, D]),
        SmoothLasso(1e-5, 1e-4),
    ).fit(points, np.column_stack([y, 2 * y]))
    f = fitted[-1].distribution_
    display = DistributionSlicesDisplay.from_estimator(fitted, signal=1)
    assert_array_equal(display.slices, np.moveaxis(f[..., 1], 2, 0))
    assert display.titles[0] == "D = 1e-10 m²/s"
    assert display.labels == ("$T_{1}$ (s)", "$T_{2}$ (s)")
    assert [ax.get_title() for ax in display.axes_] == display.titles
    # One scale of colours for all, which ends at the largest of them.
    widths = [np.gradient(np.log10(grid)) for grid in (T1, T2)]
    density = f[..., 1] / np.multiply.outer(*widths)[..., None]
    assert_allclose(display.colorbar_.vmax, density.max())
    other = DistributionSlicesDisplay.from_estimator(
        fitted, axis=0, regions=[Rectangle("free", D=(1e-9, np.inf))]
    )
    assert_array_equal(other.slices, f[..., 0])
    assert other.labels == ("$T_{2}$ (s)", "D (m²/s)")
    # Slices where nothing would be seen are left out first.
    filled = other.slices.max(axis=(1, 2)) > 0.02 * other.slices.max()
    assert 0 < filled.sum() < 8
    shown = [ax.get_title() for ax in other.axes_]
    assert shown == list(np.compress(filled, other.titles))
    text = other.figure_._suptitle.get_text()
    assert text == f"{filled.sum()} of 9 slices, the others are blank"
    full = DistributionSlicesDisplay((T2, D), np.ones_like(other.slices)).plot()
    assert full.figure_._suptitle.get_text() == "8 of 9 slices"
    assert len(full.axes_) == 8
    blank = DistributionSlicesDisplay((T2, D), np.zeros_like(other.slices)).plot()
    assert len(blank.axes_) == 8
    with pytest.raises(ValueError, match="got 3: use DistributionSlicesDisplay"):
        DistributionMapDisplay.from_estimator(fitted)
    with pytest.raises(ValueError, match="axis must be from -3 to 2"):
        DistributionSlicesDisplay.from_estimator(fitted, axis=3)
    with pytest.raises(ValueError, match="signal must be from -2 to 1"):
        DistributionSlicesDisplay.from_estimator(fitted, signal=2)
    axes = matplotlib.pyplot.figure().subplots(1, 3)
    with pytest.raises(ValueError, match="axes must be one for each of 4 slices"):
        DistributionSlicesDisplay.from_estimator(fitted, axes=axes)


def test_slices_of_an_axis_that_is_not_inverted():
    kelvin = np.array([280.0, 300.0, 320.0])
    points = acquisition_grid(kelvin, FIRST, SECOND)
    y = np.tile(Y, 3) * np.repeat([1.0, 2.0, 3.0], Y.size)
    fitted = make_pipeline(
        KernelBuilder(["identity", "T1-SR", "T2"], grid=[None, T1, T2]),
        LassoFista(1e-4),
    ).fit(points, y)
    display = DistributionSlicesDisplay.from_estimator(fitted)
    assert_array_equal(display.slices, fitted[-1].distribution_)
    assert display.titles == ["channel = 280", "channel = 300", "channel = 320"]
    with pytest.raises(ValueError, match="axis must be 0, which is not inverted"):
        DistributionSlicesDisplay.from_estimator(fitted, axis=1)
    line = make_pipeline(KernelBuilder("T2", grid=T2), LassoFista(1e-4))
    line.fit(X[:11, 1:], Y[:11])
    with pytest.raises(ValueError, match="must have 3 axes, got 1: use Distribution"):
        DistributionSlicesDisplay.from_estimator(line)
    with pytest.raises(ValueError, match="use DistributionSlicesDisplay"):
        DistributionDisplay.from_estimator(fitted)


def test_slices_of_signals_and_coupled_channels():
    many = pd.DataFrame({"dry": Y, "wet": 2 * Y})
    fitted = INVERSIONS["SmoothLasso"].fit(X, many)
    display = DistributionSlicesDisplay.from_estimator(fitted)
    assert display.titles == ["dry", "wet"]
    assert_array_equal(display.slices, np.moveaxis(fitted[-1].distribution_, 2, 0))
    coupled = MultiDimRegularizedILT(
        ["T1-SR", "T2"], [T1, T2], channels=[0.5, 1.5], noise_std=1e-2,
        scheme=ReferenceScheme(3),
    ).fit(X, many.to_numpy())  # fmt: skip
    titles = DistributionSlicesDisplay.from_estimator(coupled).titles
    assert titles == ["channel 0.5", "channel 1.5"]
    assert DistributionSlicesDisplay((T1, T2), display.slices).titles == ["0", "1"]
    for bad in ("ab", ["a"], 3):
        with pytest.raises(ValueError, match="titles must be one for each of 2"):
            DistributionSlicesDisplay((T1, T2), display.slices, titles=bad)
    with pytest.raises(ValueError, match="distribution must have the shape"):
        DistributionSlicesDisplay((T2, T1), display.slices)


# Residuals ------------------------------------------------------------------------


def test_axes_of_residuals_are_told_apart_and_have_units():
    rest = np.zeros(len(X))
    display = ResidualsMapDisplay.from_predictions(X, rest, rest)
    assert display.labels == ("first time (s)", "second time (s)")
    frame = pd.DataFrame(X, columns=["b", "TE"])
    display = ResidualsMapDisplay.from_predictions(frame, rest, rest)
    assert display.labels == ("b (s/m²)", "TE (s)")
    both = ResidualsMapDisplay.from_predictions(frame, rest, rest, unit=("s/mm²", "ms"))
    assert both.labels == ("b (s/mm²)", "TE (ms)")
    fitted = on_plane(SmoothLasso(), ("T2", "T2")).fit(X, Y)
    two = ResidualsMapDisplay.from_estimator(fitted, X, Y)
    assert two.labels == ("first TE (s)", "second TE (s)")
    frame = pd.DataFrame(X, columns=["TE_1", "TE_2"])
    fitted = on_plane(SmoothLasso(), ("T2", "T2")).fit(frame, Y)
    named = ResidualsMapDisplay.from_estimator(fitted, frame, Y)
    assert named.labels == two.labels


def test_points_in_any_order_and_missing_points():
    rng = np.random.default_rng(0)
    rest = rng.standard_normal(len(X))
    order = rng.permutation(len(X))[:-5]
    display = ResidualsMapDisplay.from_predictions(
        X[order], rest[order], np.zeros(order.size), noise_std=2.0
    )
    expected = rest.copy()
    expected[np.setdiff1d(np.arange(rest.size), order)] = np.nan
    assert_array_equal(display.residuals, expected.reshape(8, 11))
    assert_array_equal(display.times[0], FIRST)
    assert_array_equal(display.times[1], SECOND)
    image = display.axes_[0].collections[0].get_array()
    assert_allclose(np.ma.filled(image, np.nan).ravel(), expected / 2.0)
    rms = np.sqrt(np.nanmean(expected**2))
    title = f"root mean square {rms / 2.0:.3g} times the noise"
    assert display.axes_[0].get_title() == title
    assert display.colorbar_.ax.get_ylabel() == "(data \N{MINUS SIGN} fit) / noise"


def test_weights_make_residuals_of_equal_noise():
    rng = np.random.default_rng(0)
    weight = np.tile(np.arange(11.0), 8)
    rest = rng.standard_normal(len(X))
    display = ResidualsMapDisplay.from_predictions(
        X, rest, np.zeros_like(rest), sample_weight=weight
    )
    expected = (rest * np.sqrt(weight)).reshape(8, 11)
    assert_allclose(display.residuals[:, 1:], expected[:, 1:])
    assert np.isnan(display.residuals[:, 0]).all()
    for bad in (weight[1:], -weight):
        with pytest.raises(ValueError, match="sample_weight must be 88 non-negative"):
            ResidualsMapDisplay.from_predictions(X, rest, rest, sample_weight=bad)


def test_residuals_that_are_no_grid():
    rng = np.random.default_rng(0)
    scattered = rng.random((60, 2))
    zeros = np.zeros(60)
    for points, match in (
        (scattered, "X must be the points of a grid, but its 60 rows"),
        (np.vstack([X[:59], X[:1]]), "X must have one row for each point"),
        (scattered[:, :1], "X must have two columns, got 1"),
        (np.column_stack([scattered[:, 0], zeros]), "residuals must have the shape"),
    ):
        with pytest.raises(ValueError, match=match):
            ResidualsMapDisplay.from_predictions(points, zeros, zeros)
    with pytest.raises(ValueError, match="times must increase"):
        ResidualsMapDisplay((SECOND[::-1], SECOND), np.zeros((11, 11)))
    with pytest.raises(ValueError, match="signal must be from -1 to 0"):
        ResidualsMapDisplay.from_predictions(X, Y, Y, signal=1)


def test_a_wrong_efficiency_is_seen_in_the_residuals():
    rng = np.random.default_rng(0)
    # Of one bin, which the grid has.
    y = (1 - 1.7 * np.exp(-X[:, 0] / T1[5])) * np.exp(-X[:, 1] / T2[5])
    y += 1e-3 * rng.standard_normal(y.size)
    beyond = {}
    for efficiency in (1.7, 2.0):
        kernels = InversionRecovery(efficiency=efficiency), "T2"
        fitted = on_plane(LassoFista(1e-6), kernels).fit(X, y)
        display = ResidualsMapDisplay.from_estimator(fitted, X, y, noise_std=1e-3)
        table = display.whiteness_
        beyond[efficiency] = (table["correlation"].abs() > table["limit"]).mean()
    assert beyond[2.0] >= 0.5
    assert beyond[1.7] <= 0.25


def test_planes_are_not_drawn_as_zigzag():
    fitted = INVERSIONS["SmoothLasso"].fit(X, Y)
    residuals = ResidualsDisplay.from_estimator(fitted, X, Y)
    assert residuals.ax_.lines[-1].get_linestyle() == "None"
    decay = DecayDisplay.from_estimator(fitted, X, Y)
    assert decay.ax_.lines[-1].get_linestyle() == "None"
    line = ResidualsDisplay(SECOND, np.zeros(11)).plot()
    assert line.ax_.lines[-1].get_linestyle() == "-"


# Whiteness ------------------------------------------------------------------------


def test_correlations_of_white_noise_keep_to_the_limit():
    rng = np.random.default_rng(0)
    beyond = []
    for _ in range(400):
        table = autocorrelation(rng.standard_normal((12, 30)), max_lag=3)
        beyond.append(table["correlation"].abs() > table["limit"])
    # 2400 lags: 5 % to 4 standard errors, as if they were independent.
    assert abs(np.mean(beyond) - 0.05) < 0.018


def test_correlation_along_one_axis_alone():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((60, 80))
    moving = noise[:, 1:] + noise[:, :-1]
    table = autocorrelation(moving, max_lag=2).set_index(["axis", "lag"])
    # Of a sum of two neighbours: half at lag one, nothing elsewhere.
    assert_allclose(table["correlation"], [0, 0, 0.5, 0], atol=0.06)
    assert table.loc[(1, 1), "n_pairs"] == 60 * 78
    assert_allclose(table.loc[(1, 1), "limit"], 1.959964 / np.sqrt(60 * 78))


def test_correlation_without_missing_points_or_scale():
    rng = np.random.default_rng(0)
    e = rng.standard_normal((9, 14))
    plain = autocorrelation(e)
    assert plain["lag"].max() == 3
    pd.testing.assert_frame_equal(autocorrelation(e * 1e200), plain)
    # Missing rows at the end are as if removed.
    padded = np.vstack([e, np.full((2, 14), np.nan)])
    pd.testing.assert_frame_equal(autocorrelation(padded), plain)
    assert autocorrelation(np.zeros((4, 5)))["correlation"].isna().all()
    assert autocorrelation(np.full((4, 5), np.nan))["correlation"].isna().all()
    x = e[:, 0]
    slow = [x[k:] @ x[:-k] / (9 - k) / (x @ x / 9) for k in (1, 2)]
    assert_allclose(autocorrelation(x, max_lag=2)["correlation"], slow)
    for options in ({"max_lag": 0}, {"level": 1.0}, {"level": np.nan}):
        with pytest.raises(ValueError, match=next(iter(options))):
            autocorrelation(e, **options)
    with pytest.raises(ValueError, match="residuals must"):
        autocorrelation([])
    with pytest.raises(ValueError, match="residuals must be finite or nan"):
        autocorrelation([1.0, np.inf])
