"""The style of the package: one place, and no trace in what a user has set."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from skrelax.plotting import (
    DistributionDisplay,
    DistributionMapDisplay,
    ParameterMapDisplay,
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
