"""Pictures of parameter maps and of regions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrelax.plotting import ParameterMapDisplay, RegionHistogramDisplay

plt = pytest.importorskip("matplotlib.pyplot")


def drawn(ax):
    """Return what a picture holds."""
    return np.ma.filled(ax.get_images()[0].get_array(), np.nan)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def place_of(affine, index):
    return (np.asarray(affine) @ [*index, 1.0])[:3]


@pytest.mark.parametrize("seed", range(6))
def test_any_affine_is_drawn_upright(seed):
    """The voxel that is farthest to a side of the body lies at that side."""
    rng = np.random.default_rng(seed)
    axes, signs = rng.permutation(3), rng.choice([-1.0, 1.0], 3)
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, axes] * signs * [1.0, 2.0, 5.0]
    affine[:3, :3] += 0.05 * rng.standard_normal((3, 3))
    image = np.arange(12.0).reshape(4, 3)
    (ax,) = ParameterMapDisplay({"x": image}, affine=affine).plot().axes_
    picture = drawn(ax)
    in_plane = set(axes[:2])
    across = min(in_plane)
    down = max(in_plane)
    index = {v: (i, j) for (i, j), v in np.ndenumerate(image)}
    first = place_of(affine, (*index[picture[0, 0]], 0))
    right = place_of(affine, (*index[picture[0, -1]], 0))
    below = place_of(affine, (*index[picture[-1, 0]], 0))
    # Left in the picture is right, or the front; above is the front, or the head.
    assert first[across] > right[across]
    assert first[down] > below[down]
    assert ax.texts[0].get_text() == "RAS"[across]
    sizes = np.linalg.norm(affine[:3, :2], axis=0)
    height, width = sizes if axes[0] == down else sizes[::-1]
    assert_allclose(ax.get_aspect(), height / width)


def test_slices_side_by_side():
    volume = np.full((3, 2, 12), np.nan)
    volume[..., 2:11] = np.arange(2, 11)
    (ax,) = ParameterMapDisplay({"x": volume}, slices=4).plot().axes_
    # Evenly spread over those that have values.
    shown = drawn(ax)
    assert shown.shape == (2 * 2 + 1, 2 * 3 + 1)
    assert_array_equal(np.unique(shown[np.isfinite(shown)]), [3, 5, 7, 9])
    assert_array_equal(shown[0, :3], 3.0)
    assert np.isnan(shown[2]).all()
    assert np.isnan(shown[:, 3]).all()
    (ax,) = ParameterMapDisplay({"x": volume}, slices=[10, 2]).plot().axes_
    assert drawn(ax)[0, 0] == 10
    assert drawn(ax)[0, -1] == 2
    (ax,) = ParameterMapDisplay({"x": volume[..., 3]}).plot().axes_
    assert_array_equal(drawn(ax), 3.0)
    empty = np.full((3, 2, 2), np.nan)
    assert np.isnan(drawn(ParameterMapDisplay({"x": empty}).plot().axes_[0])).all()
    with pytest.raises(ValueError, match="slices must be from 0 to 11"):
        ParameterMapDisplay({"x": volume}, slices=[12])


def test_colours_of_relaxation_times():
    image = np.arange(4.0).reshape(2, 2)
    names = {"T1": "lipari", "R1": "lipari", "T2*": "navia", "T1rho": "navia",
             "gmT2": "navia", "T2_slow": "navia", "T1, left": "lipari"}  # fmt: skip
    plain = ("M0", "T1 stderr", "T1rho stderr", "r2")
    display = ParameterMapDisplay(
        dict.fromkeys([*names, *plain], image), colours={"M0": "gray"}
    )
    found = {
        name: ax.get_images()[0].get_cmap()
        for name, ax in zip(display.images, display.plot().axes_, strict=False)
    }
    assert {name: found[name].name for name in names} == names
    assert found["M0"].name == "gray"
    assert found["r2"].name == found["T1 stderr"].name == plt.rcParams["image.cmap"]
    # Both run from dark to bright.
    for name in ("T1", "T2*"):
        light = found[name](np.linspace(0, 1, 9))[:, :3] @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(light) > 0).all()
        assert light[0] < 0.1 < 0.9 < light[-1]


def test_histograms_of_regions():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, 3], 500).reshape(40, 50)
    centres = np.array([9.0, 1.0, 2.0, 2.0])
    image = centres[labels] * (1 + 0.05 * rng.standard_normal(labels.shape))
    image[labels == 3] = np.nan
    display = RegionHistogramDisplay(
        image, labels, names={2: "oil"}, label="T1", unit="s"
    ).plot()
    ax = display.ax_
    assert ax.get_xlabel() == "T1 (s)"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["1", "oil", "3"]
    medians = [line.get_xdata()[0] for line in ax.lines]
    assert_allclose(medians, [1.0, 2.0], rtol=0.01)
    # The background is in no region, so it takes no room on the axis.
    assert ax.get_xlim()[1] < 3.0
    assert ax.get_xscale() == "linear"
    wide = RegionHistogramDisplay(50.0**labels, labels).plot().ax_
    assert wide.get_xscale() == "log"
    nothing = RegionHistogramDisplay(np.full((2, 2), np.nan), np.ones((2, 2))).plot()
    assert nothing.ax_.get_xlim() == (0.0, 1.0)
    # Other labels may have known values, too, and the axis shows those it marks.
    known = RegionHistogramDisplay(image, labels, references={1: 9.0, 7: 90.0}).plot()
    assert known.references == {1: 9.0}
    assert [line.get_xdata()[0] for line in known.ax_.lines if line.get_marker() == "^"]
    assert known.ax_.get_xlim()[1] == 9.0
    with pytest.raises(TypeError, match="references must be a dict"):
        RegionHistogramDisplay(image, labels, references=[1.0])
    with pytest.raises(ValueError, match="shape of the labels"):
        RegionHistogramDisplay(image[:2], labels)
