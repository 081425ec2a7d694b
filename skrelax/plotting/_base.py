"""What the displays share: matplotlib on demand, parts of estimators, colours."""

import functools
import re
from pathlib import Path

import numpy as np

from ..metrics._moments import check_grid
from ..utils._answers import fitted_distributions
from ..utils._inspect import final_step
from ..utils._validation import check_numbers

# The style of the package, for matplotlib.style.use("skrelax.plotting.skrelax").
STYLE = Path(__file__).parent / "skrelax.mplstyle"
# Those of the style, so that displays look the same in any other.
DATA, MODEL, TRUTH, ACCENT = "#4d4d4d", "#0b5cad", "#e08214", "#b2182b"
# More signals than this are drawn as a sample of this many.
MAX_LINES = 8
# Axes side by side.
_COLUMNS = 4
# Letters of the name of a region.
_LONGEST = 30
# Ranges of larger numbers overflow inside matplotlib.
LARGEST_DRAWN = 1e100
# Units of what is no time; symbols that begin with T are times.
_UNITS = {
    "D": "m²/s", "b": "s/m²", "f": "Hz", "FA": "degrees", "tau": "s",
    "time": "s", "t": "s", "TE": "s", "TI": "s", "TR": "s", "TS": "s", "TSL": "s",
}  # fmt: skip
_ORDINALS = "first", "second", "third"
# What draws distributions over so many axes.
_DISPLAYS = {
    1: "DistributionDisplay", 2: "DistributionMapDisplay",
    3: "DistributionSlicesDisplay",
}  # fmt: skip
# Axes of this width have room for two columns of a legend [inches].
_WIDE = 3.3
# A logarithmic axis that begins within this factor of a power of ten shows it.
_NEAR = 1.6


def import_pyplot():
    """Return matplotlib.pyplot, or raise an error that names the extra."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'plots need matplotlib: pip install "skrelax[plotting]".'
        ) from error
    return plt


def styled(draw):
    """Return a function that draws in the style of the package, and leaves no trace."""

    @functools.wraps(draw)
    def draw_styled(*args, **kwargs):
        from matplotlib import rc_context

        with rc_context(fname=STYLE):
            return draw(*args, **kwargs)

    return draw_styled


def get_axes(ax):
    """Return figure and axes; new ones for None."""
    if ax is None:
        _, ax = import_pyplot().subplots(layout="constrained")
    return ax.figure, ax


def get_figure(figure, size):
    """Return the figure, or a new one of a size in inches for None."""
    if figure is None:
        return import_pyplot().figure(figsize=size, layout="constrained")
    if not hasattr(figure, "subplot_mosaic"):
        raise TypeError(f"figure must be a Figure or None, got {figure!r}.")
    return figure


def rows_and_columns(count):
    """Return the numbers of rows and columns of as many axes."""
    rows = -(-count // _COLUMNS)
    # Five are three and two, not four and one.
    return rows, -(-count // rows)


def fitted_axes(estimator, n_axes, discrete_axes=0):
    """Return the Distributions of axes, of which few are not inverted.

    ValueError where the estimator has none, or another number of axes.
    """
    found = fitted_distributions(estimator)
    if found.rows is None or found.grids is None:
        kind = type(final_step(estimator)).__name__
        raise ValueError(
            "the estimator must be a fitted Pipeline with a KernelBuilder, or a "
            f"MultiDimRegularizedILT, got {kind}; build the display from arrays "
            "otherwise."
        )
    n_found = len(found.grids)
    if n_found != n_axes:
        other = _DISPLAYS.get(n_found)
        hint = f": use {other}" if other else ""
        raise ValueError(f"the estimator must have {n_axes} axes, got {n_found}{hint}.")
    for axis in found.discrete[discrete_axes:]:
        what = found.models[axis] if found.models else found.axis_names[axis]
        raise ValueError(
            f"axis {axis} of the estimator is not inverted ({what!r}), so it has "
            "no logarithmic axis of relaxation times to draw."
        )
    return found


def known_unit(symbol):
    """Return the unit of a parameter or an acquisition column, "" if not known."""
    if symbol in _UNITS:
        return _UNITS[symbol]
    return "s" if re.fullmatch(r"T(\d\*?|1rho)?(_\w+)?", symbol) else ""


def choose_unit(unit, axis, symbol, n_axes=1):
    """Return the unit of an axis, given what the caller says of units.

    None leaves it to the symbol. A string is the unit of all times, and that of a
    single axis whatever it is; a sequence holds one per axis.
    """
    if unit is None:
        return known_unit(symbol)
    if isinstance(unit, str):
        known = known_unit(symbol)
        return unit if n_axes == 1 or known in ("s", "") else known
    units = list(unit) if isinstance(unit, tuple | list) else []
    if len(units) != n_axes or not all(isinstance(one, str) for one in units):
        raise ValueError(
            f"unit must be a string, one string for each of {n_axes} axes, or None, "
            f"got {unit!r}."
        )
    return units[axis]


def axis_labels(found, unit):
    """Return labels of axes of relaxation times: their names and units.

    Axes of one name are numbered in words.
    """
    n_axes = len(found.grids)
    # A model that demands a unit knows better than the caller.
    demanded = [""] * n_axes
    if found.models:
        parameters = [model.parameters[0] for model in found.models]
        symbols = [parameter.name for parameter in parameters]
        demanded = [parameter.unit for parameter in parameters]
    else:
        symbols = found.axis_names
    units = [
        demanded[axis] or choose_unit(unit, axis, symbol, n_axes)
        for axis, symbol in enumerate(symbols)
    ]
    return tuple(
        with_unit(name, one)
        for name, one in zip(tell_apart(symbols), units, strict=True)
    )


def tell_apart(symbols):
    """Return symbols for axes, with "first" and so on where one is there twice."""
    counts = [symbols.count(symbol) for symbol in symbols]
    seen = [symbols[:axis].count(symbol) for axis, symbol in enumerate(symbols)]
    return [
        (f"{_ordinal(number)} " if count > 1 else "") + in_mathtext(symbol)
        for symbol, count, number in zip(symbols, counts, seen, strict=True)
    ]


def _ordinal(number):
    """Return "first" for 0."""
    return _ORDINALS[number] if number < len(_ORDINALS) else f"{number + 1}th"


def in_mathtext(symbol):
    """Return T2* or T2_short with its subscript, other symbols as they are."""
    time = re.fullmatch(r"T(\d\*?|1rho)(?:_([a-z]+))?", symbol)
    if time is None:
        return symbol
    kind, part = time[1].replace("rho", r"\rho"), time[2]
    word = rf",\,\mathrm{{{part}}}" if part else ""
    return f"$T_{{{kind}{word}}}$"


def with_unit(name, unit):
    """Return a name with its unit, for an axis."""
    return f"{name} ({unit})" if unit else name


def as_rows(values):
    """Return signals as rows, (n_signals, n)."""
    return np.atleast_2d(values)


def check_drawn(values, name, ndim):
    """Return numbers that matplotlib can draw, or raise an error that names them.

    NaN leaves a gap. ndim is one number of axes or a tuple of those that may be.
    """
    array = check_numbers(values, name, finite=False)
    allowed = ndim if isinstance(ndim, tuple) else (ndim,)
    if array.ndim not in allowed or array.size == 0:
        words = " or ".join(f"{n}-D" for n in allowed)
        raise ValueError(f"{name} must be {words} and not empty, got {array.shape}.")
    largest = np.nanmax(np.abs(array)) if not np.isnan(array).all() else 0.0
    if largest > LARGEST_DRAWN:
        raise ValueError(
            f"{name} must be at most {LARGEST_DRAWN:g} in size to be drawn, got "
            f"{largest:g}; take another unit."
        )
    # Matplotlib cannot tell such numbers from zero, and divides by their range.
    return np.where(np.abs(array) < 1.0 / LARGEST_DRAWN, 0.0, array)


def check_bins(values, name="relaxation_times"):
    """Return bins of a logarithmic axis that matplotlib can draw."""
    times = check_grid(values, name)
    if times[0] < 1.0 / LARGEST_DRAWN or times[-1] > LARGEST_DRAWN:
        raise ValueError(
            f"{name} must be from {1.0 / LARGEST_DRAWN:g} to {LARGEST_DRAWN:g} to be "
            f"drawn, got {times[0]:g} to {times[-1]:g}."
        )
    return times


def check_pair(values, name):
    """Return the two parts of a tuple, or raise an error that names it."""
    if not isinstance(values, tuple | list) or len(values) != 2:
        raise ValueError(f"{name} must be a tuple of two arrays, got {values!r}.")
    return values


def sample_rows(n_rows):
    """Return indices of the rows to draw."""
    if n_rows <= MAX_LINES:
        return np.arange(n_rows)
    return np.unique(np.linspace(0, n_rows - 1, MAX_LINES).round().astype(int))


def row_colors(count):
    """Return one colour for a single row, else a sequence from a colour map."""
    if count == 1:
        return [MODEL]
    from matplotlib import colormaps

    return colormaps["viridis"](np.linspace(0.05, 0.85, count))


def legend_on_top(ax):
    """Draw a legend in room of its own above what is drawn; lines pass behind it."""
    handles, labels = ax.get_legend_handles_labels()
    if not handles:
        return
    wide = ax.bbox.width / ax.figure.dpi > _WIDE
    columns = 2 if len(handles) > 3 and wide else 1
    legend = ax.legend(
        loc="upper left", ncols=columns, fontsize="small", frameon=True,
        framealpha=1.0, edgecolor="none", columnspacing=1.0,
        # Up to the top, so that no end of a line looks out, and beside the axis.
        borderaxespad=0.0, bbox_to_anchor=(0.01, 1.0),
    )  # fmt: skip
    lines = sum(1 + label.count("\n") for label in labels)
    font = legend.prop.get_size_in_points()
    # A line and its spacing, and one for the border, in inches.
    height = (-(-lines // columns) + 1) * (1.0 + legend.labelspacing) * font / 72.0
    share = min(0.7, height / (ax.bbox.height / ax.figure.dpi))
    low, top, highest = *ax.get_ylim(), ax.dataLim.y1
    if ax.get_yscale() == "log":
        decades = np.log10(highest) - np.log10(low)
        power = np.log10(highest) + decades * share / (1.0 - share)
        needed = 10.0 ** min(power, np.log10(LARGEST_DRAWN))
    else:
        needed = highest + (highest - low) * share / (1.0 - share)
    # Axes that share their scale may have more room already.
    ax.set_ylim(low, max(top, needed))


def show_decade(ax):
    """Lower a logarithmic axis to a power of ten that it just misses.

    With fewer than two of them in view, matplotlib labels the ticks between.
    """
    low = ax.get_ylim()[0]
    power = 10.0 ** np.floor(np.log10(low))
    if low < _NEAR * power:
        ax.set_ylim(bottom=power / 1.05)


def note_sample(ax, drawn, total):
    """Say so where only some of the signals are drawn."""
    if drawn < total:
        ax.annotate(
            f"{drawn} of {total} signals", (1.0, 1.01), xycoords="axes fraction",
            ha="right", va="bottom", fontsize="small", color=DATA,
        )  # fmt: skip


def shortened(name):
    """Return the name of a region as pictures have room for it."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."
