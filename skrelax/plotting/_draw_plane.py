"""What pictures of maps over two axes are made of."""

import re

import numpy as np

from ..metrics._shapes import outline
from ._base import in_mathtext, known_unit

# Amplitudes below this share of the largest are left white.
LOWEST = 0.02
_N_LEVELS = 15
# Decades beyond which numbers overflow inside matplotlib.
_FARTHEST = 100.0
# What relaxes no slower than T1.
_BOUND_BY_T1 = ("T2", "T2*", "T1rho")
_DECADES = 10.0 ** np.arange(0, 4)
_OUTLINES = "#1b7837", "#0b5cad", "#b2182b", "#762a83", "#01665e", "#8c510a"


def square_density(distribution, times):
    """Return amplitude per square decade, comparable between grids."""
    widths = [np.abs(np.gradient(np.log10(grid))) for grid in times]
    return distribution / np.multiply.outer(*widths)


def color_levels(density):
    """Return levels and the colour map of a density, or of several together."""
    size = np.nanmax(np.abs(density), initial=0.0) or 1.0
    if (density < 0).any():
        return np.linspace(-size, size, 2 * _N_LEVELS), "RdBu_r"
    return np.linspace(LOWEST * size, size, _N_LEVELS), "magma_r"


def draw_plane(ax, times, density, levels, cmap):
    """Draw a density on logarithmic axes; return what a colour bar needs."""
    first, second = times
    drawn = ax.contourf(second, first, density, levels=levels, cmap=cmap, zorder=1)
    # A picture has four sides, whatever curves have in the style that is set.
    ax.spines[:].set_visible(True)
    ax.set(
        xscale="log", yscale="log", xlim=(second[0], second[-1]),
        ylim=(first[0], first[-1]),
    )  # fmt: skip
    return drawn


def bare_symbol(name):
    """Return "T2" for "T2_0", the name of an axis that is there twice."""
    return re.sub(r"_\d+$", "", name)


def choose_ratios(names):
    """Return the ratios of both axes whose lines tell something."""
    if names is None:
        return (1.0,)
    first, second = map(bare_symbol, names)
    if first == "T1" and second in _BOUND_BY_T1:
        return tuple(_DECADES)
    if second == "T1" and first in _BOUND_BY_T1:
        return tuple(1.0 / _DECADES)
    unit = known_unit(first)
    return (1.0,) if unit == known_unit(second) and unit else ()


def draw_ratios(ax, times, names, ratios):
    """Draw lines of equal ratio, and shade where T1 would be below the other time."""
    first, second = times
    bare = [] if names is None else [bare_symbol(name) for name in names]
    # A bit inside, so that a label does not touch the frame.
    inside = [(grid[-1] / grid[0]) ** 0.03 for grid in times]
    for ratio in ratios:
        low, high = max(second[0], first[0] / ratio), min(second[-1], first[-1] / ratio)
        if not low < high:
            continue
        ax.plot(
            [low, high], [ratio * low, ratio * high], color="0.55", lw=0.8, ls="--",
            zorder=2,
        )  # fmt: skip
        if len(ratios) < 2:
            continue
        style = {"fontsize": "x-small", "color": "0.35", "zorder": 4, "clip_on": True}
        if ratio == 1.0 and bare[:1] == ["T1"]:
            # In the corner where nothing lies.
            ax.text(
                low * inside[1] ** 3, max(low, first[0]) * inside[0],
                _ratio_label(ratio, bare), ha="left", va="bottom", **style,
            )  # fmt: skip
            continue
        top = min(second[-1] / inside[1], first[-1] / inside[0] / ratio)
        # A label beside the left end would be cut by the frame.
        if top > max(low, second[0] * inside[1] ** 3):
            ax.text(
                top, ratio * top, _ratio_label(ratio, bare), ha="right", va="top",
                bbox={"fc": "white", "ec": "none", "pad": 0.5, "alpha": 0.6}, **style,
            )  # fmt: skip
    if "T1" in bare and {*bare} & {*_BOUND_BY_T1}:
        x = np.array([second[0], second[-1]])
        side = first[0] if bare[0] == "T1" else first[-1]
        ax.fill_between(x, x, side, color="0.92", lw=0, zorder=0)


def _ratio_label(ratio, bare):
    """Return the ratio of a line, T1 over the other time, with its name at one."""
    if "T1" not in bare:
        return f"{ratio:.4g}"
    other = bare[1] if bare[0] == "T1" else bare[0]
    if ratio == 1.0:
        return f"{in_mathtext('T1')}/{in_mathtext(other)} = 1"
    return f"{ratio if bare[0] == 'T1' else 1.0 / ratio:.4g}"


def draw_regions(ax, times, names, regions):
    """Draw outlines of regions; return their lines, which have their names."""
    lines = []
    for number, region in enumerate(regions):
        # What is further away has no picture.
        corners = 10.0 ** np.clip(outline(region, names, times), -_FARTHEST, _FARTHEST)
        closed = np.concatenate([corners, corners[:1]])
        color = _OUTLINES[number % len(_OUTLINES)]
        ax.fill(closed[:, 1], closed[:, 0], color=color, alpha=0.08, lw=0, zorder=0.5)
        lines += ax.plot(
            closed[:, 1], closed[:, 0], lw=1.4, zorder=3, label=region.name,
            color=color,
        )  # fmt: skip
    return lines
