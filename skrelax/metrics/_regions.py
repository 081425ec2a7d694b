"""Integrals of maps over regions."""

import numbers

import numpy as np
import pandas as pd

from ..utils._answers import answering, fitted_distributions
from ..utils._validation import check_numbers
from ._intervals import basic_interval
from ._moments import _axis_moments, _ratio, check_distributions, check_names
from ._peaks import _check_labels
from ._shapes import check_regions, outline

# Shares of a cell nearer than this to 0 or 1 differ from them by rounding.
_ROUNDING = 1e-10


def region_statistics(
    distribution,
    relaxation_times,
    regions,
    *,
    names=None,
    labels=None,
    bands=None,
):
    r"""Return what lies in regions of two-dimensional distributions.

    The amplitude of a bin is spread evenly over its cell on the logarithmic axes, so
    that a bin which the border of a region cuts counts with the share of its area.

    Parameters
    ----------
    distribution : array-like of shape (n_1, n_2), (n_1 * n_2,) or with n_signals first
        Distributions. Negative values count as 0.
    relaxation_times : tuple of array-like
        Bins of the two axes, at least two each, as ``KernelBuilder.relaxation_times_``.
    regions : list of Rectangle, Polygon and RatioBand
        Regions, with different names. They may overlap.
    names : sequence of str or None, default=None
        Names of the axes, such as ``("T1", "T2")``, numbered where they repeat
        (``T2_0``, ``T2_1``): rectangles and polygons go by them. None takes numbers.
    labels : sequence or None, default=None
        Labels of the signals. None numbers them.
    bands : DistributionBands, UncertaintyResult or None, default=None
        Refits of the signal, of one alone, for intervals.

    Returns
    -------
    DataFrame
        One row per signal and region: ``signal``, ``region``, ``amplitude``, ``share``
        of the whole, ``log_mean_T1``, ``log_mean_T2`` (for these names) and their
        ``ratio``, ``position_T1`` and ``position_T2`` of the bin that holds most, and
        ``negative_amplitude`` where bins are negative. A region without amplitude has
        no means and no position (nan), and a distribution without amplitude no shares.
        With `bands`, amplitude, share, means and ratio are followed by columns
        ``... lower`` and ``... upper`` of their level.

    Raises
    ------
    ValueError
        If there are not two axes, shapes do not match, regions name other axes or
        share a name, or `bands` are of other bins or several signals.
    TypeError
        If `regions` or `bands` are of another kind.

    See Also
    --------
    distribution_peaks_2d : Regions that the map itself defines.
    fraction_between : Shares on one axis, with whole bins.

    Notes
    -----
    Cells meet half way between bins on the logarithmic axes, and the first and the last
    end at their bins, so that the limits of the grid hold all of it. With whole bins
    an amplitude would jump by a bin as a border moves. Log means are those of the
    bins, as everywhere, and may lie outside of a narrow region by half a bin.

    Intervals are basic bootstrap intervals, as those of
    :func:`~skrelax.uncertainty.bootstrap_distribution`. They tell of noise, not of the
    bias of the penalty, which broadens peaks and so moves amplitude over a border
    that is near to one.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.metrics import RatioBand, Rectangle, region_statistics
    >>> grids = np.array([0.01, 0.1, 1.0]), np.array([0.01, 0.1, 1.0])
    >>> f = np.array([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> parts = [Rectangle("short", T2=(0, 0.05)), RatioBand("far off", 3, np.inf)]
    >>> table = region_statistics(f, grids, parts, names=("T1", "T2"))
    >>> table[["region", "share", "position_T1"]].round(2).values.tolist()
    [['short', 0.75, 0.1], ['far off', 0.39, 0.1]]
    """
    if not isinstance(relaxation_times, tuple) or len(relaxation_times) != 2:
        raise ValueError(
            "relaxation_times must be a tuple of two arrays: regions are parts of a "
            "map over two axes; sum over the others first."
        )
    names = check_names(names, 2)
    f, exponents, times = check_distributions(distribution, relaxation_times)
    for grid in times:
        if grid.size < 2:
            raise ValueError(
                "relaxation_times must have at least 2 bins on both axes: a single one "
                "has no cell that a region could cut."
            )
    regions = check_regions(regions, names)
    labels = _check_labels(labels, len(f))
    lost = _negative_amplitudes(distribution, f.shape)
    tails = None
    if bands is not None:
        refits, level = _check_bands(bands, f)
        tails = np.array([0.5 * (1.0 - level), 0.5 * (1.0 + level)])
        more, shifts, _ = check_distributions(refits, times, ("bands", "bands"))
        f, exponents = np.concatenate([f, more]), np.concatenate([exponents, shifts])
    axes = dict(zip(names, times, strict=True))
    tables = []
    for region in regions:
        cut = cut_shares(outline(region, names, times), times)
        columns = _integrals(f, exponents, cut, axes)
        if tails is not None:
            columns = _with_intervals(columns, tails, axes)
        if (lost < 0).any():
            columns["negative_amplitude"] = np.einsum("kij,ij->k", lost, cut)
        tables.append(
            pd.DataFrame({"signal": list(labels), "region": region.name} | columns)
        )
    if not tables:
        raise ValueError("regions must hold at least one region.")
    # Signals first, and the regions of each in their order.
    return pd.concat(tables).sort_index(kind="stable").reset_index(drop=True)


def _negative_amplitudes(distribution, shape):
    """Return the negative parts (n_signals, n_1, n_2); nan counts as 0."""
    values = check_numbers(distribution, "distribution", finite=False).reshape(shape)
    return np.where(values < 0, values, 0.0)


def _check_bands(bands, f):
    """Return refits and level of bands of one signal, or raise an error."""
    if not hasattr(bands, "samples") or not hasattr(bands, "level"):
        raise TypeError(
            "bands must be DistributionBands or an UncertaintyResult, got "
            f"{type(bands).__name__}."
        )
    if len(f) != 1:
        raise ValueError(f"bands are refits of one signal, but there are {len(f)}.")
    refits, level = np.asarray(bands.samples), bands.level
    if refits.ndim < 2 or len(refits) < 2 or refits[0].size != f[0].size:
        raise ValueError(
            f"bands must have at least 2 refits with {f[0].size} bins, got shape "
            f"{refits.shape}."
        )
    if not isinstance(level, numbers.Real) or not 0 < level < 1:
        raise ValueError(f"bands must have a level between 0 and 1, got {level!r}.")
    return refits.reshape(len(refits), -1), level


def _integrals(f, exponents, cut, axes):
    """Return columns (n_signals,) of what lies in one region."""
    part = f * cut
    (first, times_1), (second, times_2) = axes.items()
    amplitude = part.sum(axis=(1, 2))
    share = np.minimum(_ratio(amplitude, f.sum(axis=(1, 2))), 1.0)
    columns = {"amplitude": np.ldexp(amplitude, exponents), "share": share}
    columns[f"log_mean_{first}"] = _axis_moments(part.sum(axis=2), times_1)[0]
    columns[f"log_mean_{second}"] = _axis_moments(part.sum(axis=1), times_2)[0]
    columns["ratio"] = columns[f"log_mean_{first}"] / columns[f"log_mean_{second}"]
    top = part.reshape(len(f), -1).argmax(axis=1) if len(f) else np.zeros(0, dtype=int)
    row, column = np.divmod(top, times_2.size)
    filled = amplitude > 0
    columns[f"position_{first}"] = np.where(filled, times_1[row], np.nan)
    columns[f"position_{second}"] = np.where(filled, times_2[column], np.nan)
    return columns


def _with_intervals(columns, tails, axes):
    """Return columns (1,) of the first row, with intervals from the others."""
    (first, times_1), (second, times_2) = axes.items()
    ratios = times_1[0] / times_2[-1], times_1[-1] / times_2[0]
    # Scale and limits of what has an interval.
    kinds = {
        "amplitude": ("number", (0.0, np.inf)),
        "share": ("share", (0.0, 1.0)),
        f"log_mean_{first}": ("time", (times_1[0], times_1[-1])),
        f"log_mean_{second}": ("time", (times_2[0], times_2[-1])),
        "ratio": ("time", ratios),
    }
    out = {}
    for name, values in columns.items():
        out[name] = values[:1]
        if name in kinds:
            lower, upper = basic_interval(values[0], values[1:], tails, *kinds[name])
            out |= {f"{name} lower": [lower], f"{name} upper": [upper]}
    return out


def cut_shares(vertices, times):
    """Return the share (n_1, n_2) of the area of each cell within a polygon.

    Its edges, cut where they leave a cell, are moved onto the border of the cell where
    they are outside of it. What then lies within them is the common area.
    """
    edges = []
    for grid in times:
        x = np.log10(grid)
        edges.append(np.concatenate([x[:1], 0.5 * (x[1:] + x[:-1]), x[-1:]]))
    out = np.zeros((times[0].size, times[1].size))
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    rows, columns = (
        np.flatnonzero((x[:-1] < high[axis]) & (x[1:] > low[axis]))
        for axis, x in enumerate(edges)
    )
    if not columns.size:
        return out
    width = np.diff(edges[1])[columns, None]
    y = (vertices[:, 1] - edges[1][columns, None]) / width
    for row in rows:
        x = (vertices[:, 0] - edges[0][row]) / (edges[0][row + 1] - edges[0][row])
        out[row, columns] = _common_areas(np.broadcast_to(x, y.shape), y)
    out = np.clip(out, 0.0, 1.0)
    out[out < _ROUNDING] = 0.0
    out[out > 1.0 - _ROUNDING] = 1.0
    return out


def _common_areas(x, y):
    """Return the areas (n,) of polygons (n, n_vertices) within the unit square."""
    cuts = [np.zeros_like(y), np.ones_like(y)]
    steps = []
    for start in (x, y):
        step = np.roll(start, -1, axis=1) - start
        # An edge along a border is not cut by it.
        still = step == 0.0
        slope = np.where(still, 1.0, step)
        for border in (0.0, 1.0):
            at = np.clip((border - start) / slope, 0.0, 1.0)
            cuts.append(np.where(still, 0.0, at))
        steps.append(step)
    at = np.sort(np.stack(cuts, axis=-1), axis=-1)
    x, y = (
        np.clip(start[..., None] + at * step[..., None], 0.0, 1.0)
        for start, step in zip((x, y), steps, strict=True)
    )
    pieces = 0.5 * (x[..., 1:] + x[..., :-1]) * np.diff(y, axis=-1)
    return np.abs(pieces.sum(axis=(1, 2)))


def fitted_regions(fitted, regions, bands=None):
    """Return the table of `region_statistics` for a fitted inversion or search."""
    found = fitted_distributions(fitted)
    if not found.has_times or len(found.grids) != 2:
        n_axes = 0 if found.grids is None else len(found.grids)
        raise ValueError(
            "regions are parts of a map over two inverted axes with their relaxation "
            f"times, but the inversion has {n_axes} axes"
            + (", of which some are not inverted." if found.discrete else ".")
            + " Take region_statistics for sums over the others."
        )
    return region_statistics(
        found.rows,
        found.grids,
        regions,
        names=tuple(found.axis_names),
        labels=answering(fitted)._signal_index(),
        bands=bands,
    )
