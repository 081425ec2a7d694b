"""What the displays share: matplotlib on demand, parts of estimators, colours."""

import numpy as np

from ..utils._inspect import find_builder

DATA, MODEL, TRUTH, ACCENT = "#4d4d4d", "#0b5cad", "#e08214", "#b2182b"
# More signals than this are drawn as a sample of this many.
MAX_LINES = 8


def import_pyplot():
    """Return matplotlib.pyplot, or raise an error that names the extra."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'plots need matplotlib: pip install "skrelax[plotting]".'
        ) from error
    return plt


def get_axes(ax):
    """Return figure and axes; new ones for None."""
    if ax is None:
        _, ax = import_pyplot().subplots(layout="constrained")
    return ax.figure, ax


def need_builder(estimator):
    """Return the KernelBuilder of a fitted Pipeline, or raise ValueError."""
    builder = find_builder(estimator)
    if builder is None:
        raise ValueError(
            "the estimator must be a fitted Pipeline with a KernelBuilder; build the "
            "display from arrays otherwise."
        )
    return builder


def axis_label(parameter, unit):
    """Return the name of a relaxation time with its unit, for an axis."""
    symbol = parameter.name
    if symbol[:1] in "TD" and len(symbol) > 1:
        symbol = f"${symbol[0]}_{{{symbol[1:]}}}$"
    unit = parameter.unit or unit
    return f"{symbol} ({unit})" if unit else symbol


def as_rows(values):
    """Return signals as rows, (n_signals, n)."""
    return np.atleast_2d(np.asarray(values, dtype=np.float64))


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


def note_sample(ax, drawn, total):
    """Say so where only some of the signals are drawn."""
    if drawn < total:
        ax.annotate(
            f"{drawn} of {total} signals", (0.02, 0.98), xycoords="axes fraction",
            va="top", fontsize="small", color=DATA,
        )  # fmt: skip
