"""The style of the package: one place, and no trace in what a user has set."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from skrelax.plotting import (
    CrossValidationCurveDisplay,
    DecayDisplay,
    DistributionDisplay,
    DistributionMapDisplay,
    ParameterMapDisplay,
    ProfileDisplay,
)
from skrelax.plotting import _base as base


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_matplotlib_finds_the_style_by_its_name():
    with mpl.style.context("skrelax.plotting.skrelax"):
        assert not mpl.rcParams["axes.spines.top"]
        assert mpl.rcParams["figure.constrained_layout.use"]


def test_colours_of_the_displays_are_those_of_the_style():
    # A user's own lines beside those of a display have the same first colours.
    with mpl.style.context("skrelax.plotting.skrelax"):
        cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    found = [mpl.colors.to_hex(color) for color in cycle]
    assert found[:2] == [base.MODEL, base.TRUTH]
    assert {base.ACCENT, base.DATA} <= set(found)


def test_displays_leave_the_settings_of_the_user():
    with mpl.rc_context({"axes.spines.top": True, "font.size": 7.0}):
        before = mpl.rcParams.copy()
        display = DistributionDisplay(np.geomspace(1e-3, 1, 8), np.ones(8)).plot()
        assert mpl.rcParams == before
        # What the user has set counts.
        assert display.ax_.spines["top"].get_visible()


def test_styled_functions_have_the_style_for_as_long_as_they_run():
    @base.styled
    def draw(fail):
        """Draw."""
        if fail:
            raise ValueError("no")
        return mpl.rcParams["axes.spines.top"], mpl.rcParams["font.size"]

    with mpl.rc_context({"font.size": 7.0}):
        before = mpl.rcParams.copy()
        assert draw(False) == (False, 10.5)
        with pytest.raises(ValueError, match="no"):
            draw(True)
        assert mpl.rcParams == before
    assert draw.__name__ == "draw"


@pytest.mark.parametrize("style", ["default", "skrelax.plotting.skrelax"])
def test_pictures_have_frames_whatever_the_style(style):
    # Planes on all four sides; maps of voxels on none, for they have a ground.
    with mpl.style.context(style):
        plane = DistributionMapDisplay((np.geomspace(1e-3, 1, 8),) * 2, np.eye(8))
        map_ = ParameterMapDisplay({"T1": np.eye(4)})
        drawn = plane.plot().axes_[0], map_.plot().axes_[0]
    sides = [[spine.get_visible() for spine in ax.spines.values()] for ax in drawn]
    assert sides == [[True] * 4, [False] * 4]


@pytest.mark.parametrize("style", ["default", "skrelax.plotting.skrelax"])
def test_lines_pass_behind_legends_whatever_the_style(style):
    strengths = np.geomspace(1e-4, 1.0, 5)
    with mpl.style.context(style):
        ax = CrossValidationCurveDisplay(strengths, strengths, chosen=1e-4).plot().ax_
    assert ax.get_legend().get_frame_on()
    assert ax.get_legend().get_frame().get_alpha() == 1.0


def test_profiles_have_their_legend_above_the_curves():
    values = np.linspace(1.0, 3.0, 9)
    rise = (values - 2.0) ** 2
    display = ProfileDisplay(values, rise, {0.9: 2.7}, 2.0, 1.0, truth=2.1).plot()
    display.figure_.draw_without_rendering()
    ax = display.ax_
    assert ax.get_legend().get_window_extent().y0 >= ax.bbox.y1
    assert ax.get_legend().get_window_extent().y1 <= display.figure_.bbox.y1


def test_a_fit_is_seen_among_many_points():
    times = np.linspace(0.01, 1.0, 200)
    sizes = [
        DecayDisplay(times[::step], times[::step], times[::step])
        .plot()
        .ax_.lines[0]
        .get_markersize()
        for step in (10, 1)
    ]
    assert sizes[1] < sizes[0]


def test_parts_of_relaxation_times_are_written_as_subscripts():
    names = ["T2_short", "T1", "T2*", "T1rho", "fraction_short", "D_fast"]
    assert [base.in_mathtext(name) for name in names] == [
        r"$T_{2,\,\mathrm{short}}$", "$T_{1}$", "$T_{2*}$", r"$T_{1\rho}$",
        "fraction_short", "D_fast",
    ]  # fmt: skip


@pytest.mark.parametrize(("low", "shown"), [(1.2e-5, True), (4e-5, False)])
def test_a_power_of_ten_that_is_just_missed_is_shown(low, shown):
    _, ax = plt.subplots()
    ax.set(yscale="log", ylim=(low, 1e-3))
    base.show_decade(ax)
    assert (ax.get_ylim()[0] < 1e-5) == shown
