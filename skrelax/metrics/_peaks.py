"""Peaks of distributions in one and two dimensions."""

import itertools

import numpy as np
import pandas as pd
from scipy import ndimage

from ..utils._validation import check_number
from ._moments import _axis_moments, _ratio, as_axis, check_distributions, check_names


def distribution_peaks(distribution, relaxation_times, min_share=0.01, labels=None):
    """Return the peaks of distributions.

    A peak reaches from the valley on its left to the valley on its right, so the
    shares of all peaks of a signal add up to one (before `min_share`).

    Parameters
    ----------
    distribution : array-like of shape (n_bins,) or (n_signals, n_bins)
        Distributions, rows are signals, as ``coef_``. Negative values count as 0.
    relaxation_times : array-like of shape (n_bins,)
        Bins.
    min_share : float, default=0.01
        Smallest share of the amplitude that a peak must have to be listed.
    labels : sequence or None, default=None
        Labels of the signals. None numbers them.

    Returns
    -------
    DataFrame
        One row per signal and peak: ``signal``, ``peak`` (from 0, by position),
        ``position`` (bin of the maximum), ``log_mean``, ``mean``, ``width``
        (standard deviation of log10, in decades), ``amplitude``, ``share``,
        ``first_bin`` and ``last_bin``, and ``at_edge``: whether the
        maximum is the first or last bin, so that the peak lies outside the grid. A
        signal that is empty or holds nan has no row.

    Raises
    ------
    ValueError
        If shapes do not match, bins are not positive and increasing, or numbers are
        beyond what doubles can sum.

    Notes
    -----
    Maxima are those of :func:`scipy.signal.find_peaks` on the distribution with a
    zero on either side. Neighbouring bins of a LASSO solution form one peak.

    Examples
    --------
    >>> from skrelax.metrics import distribution_peaks
    >>> table = distribution_peaks([0, 1, 0, 2, 1, 0], [1, 2, 4, 8, 16, 32])
    >>> table[["position", "share"]].to_dict("list")
    {'position': [2.0, 8.0], 'share': [0.25, 0.75]}
    """
    min_share = check_number(min_share, "min_share", 0, 1)
    f, exponents, (times,) = check_distributions(
        distribution, as_axis(relaxation_times)
    )
    labels = _check_labels(labels, len(f))
    rows = []
    for label, row, exponent in zip(labels, f, exponents, strict=True):
        if np.isnan(row).any():
            continue
        number = 0
        for top, region in _segments(row):
            share = row[region].sum() / row.sum()
            if share < min_share:
                continue
            center, mean, width = _axis_moments(row[None, region], times[region])
            rows.append(
                {
                    "signal": label,
                    "peak": number,
                    "position": times[top],
                    "log_mean": center[0],
                    "mean": mean[0],
                    "width": width[0],
                    "amplitude": np.ldexp(row[region].sum(), exponent),
                    "share": share,
                    "first_bin": times[region][0],
                    "last_bin": times[region][-1],
                    "at_edge": top in (0, times.size - 1),
                }
            )
            number += 1
    columns = (
        "signal peak position log_mean mean width amplitude share first_bin last_bin "
        "at_edge"
    )
    return pd.DataFrame(rows, columns=columns.split())


def _check_labels(labels, n_signals):
    """Return a label per signal: their numbers for None."""
    if labels is None:
        return range(n_signals)
    if isinstance(labels, str) or np.ndim(labels) != 1 or len(labels) != n_signals:
        raise ValueError(
            f"labels must be one for each of {n_signals} signals, got {labels!r}."
        )
    return labels


def _find_tops(f):
    """Return the bins of the maxima of f >= 0, middles of flat ones, as find_peaks.

    To load that function takes a tenth of a second, a twentieth of a whole command.
    """
    padded = np.concatenate([[0.0], f, [0.0]])
    last = np.append(np.flatnonzero(padded[1:] != padded[:-1]), padded.size - 1)
    first = np.append(0, last[:-1] + 1)
    level = padded[first]
    higher = level[1:-1] > np.maximum(level[:-2], level[2:])
    return (first[1:-1][higher] + last[1:-1][higher]) // 2 - 1


def _segments(f):
    """Return (index of the maximum, slice) of each peak of a 1-D distribution."""
    tops = _find_tops(f)
    segments = []
    start = 0
    for number, top in enumerate(tops):
        stop = f.size
        if number + 1 < tops.size:
            stop = top + 1 + int(np.argmin(f[top + 1 : tops[number + 1] + 1]))
        region = slice(start, stop)
        filled = np.flatnonzero(f[region])
        segments.append((top, slice(start + filled[0], start + filled[-1] + 1)))
        start = stop
    return segments


def peak_statistics(distributions, relaxation_times, min_share=0.01):
    """Return share and log mean within the limits of the first signal's peaks.

    The limits stay the same for all signals, so the numbers of resampled
    distributions can be compared.

    Parameters
    ----------
    distributions : array-like of shape (n_signals, n_bins)
        Distributions; the first one sets the limits.
    relaxation_times : array-like of shape (n_bins,)
        Bins.
    min_share : float, default=0.01
        Smallest share of a peak of the first signal.

    Returns
    -------
    DataFrame
        One row per signal, columns ``share_0``, ``log_mean_0``, ``share_1``, ...

    Raises
    ------
    ValueError
        If shapes do not match.

    Examples
    --------
    >>> from skrelax.metrics import peak_statistics
    >>> table = peak_statistics([[0, 1, 0, 1], [0, 3, 0, 1]], [1, 2, 4, 8])
    >>> table["share_0"].tolist()
    [0.5, 0.75]
    """
    f, _, (times,) = check_distributions(
        distributions, as_axis(relaxation_times), ("distributions", "relaxation_times")
    )
    if len(f) == 0:
        raise ValueError("distributions must hold at least one signal.")
    peaks = distribution_peaks(f[0], times, min_share)
    total = f.sum(axis=1)
    columns = {}
    ends = peaks["first_bin"].to_numpy(float), peaks["last_bin"].to_numpy(float)
    for number, inside in enumerate(_parts_of_peaks(*ends, times)):
        columns[f"share_{number}"] = _ratio(f[:, inside].sum(axis=1), total)
        columns[f"log_mean_{number}"] = _axis_moments(f[:, inside], times[inside])[0]
    return pd.DataFrame(columns, index=pd.RangeIndex(len(f), name="signal"))


def _parts_of_peaks(lowers, uppers, times):
    """Return which bins (n_bins,) belong to each of the peaks of one signal.

    Their ends are (n_peaks,).
    """
    # Regions meet half way between peaks, so that resampled mass is not lost.
    edges = np.sqrt(uppers[:-1] * lowers[1:])
    edges = np.concatenate([[0.0], edges, [np.inf]])
    return [
        (times > edges[number]) & (times <= edges[number + 1])
        for number in range(lowers.size)
    ]


def peak_parts(distribution, axes, min_share=0.01, min_depth=0.05):
    """Return which bins (n_bins,) belong to each peak of one distribution.

    By position on one axis, the largest first on two; none on more.
    """
    return peak_parts_of_each(distribution, axes, min_share, min_depth)[0]


def peak_parts_of_each(distributions, axes, min_share=0.01, min_depth=0.05):
    """Return the same for each distribution, a list of lists."""
    f, _, times = check_distributions(distributions, tuple(axes))
    if len(times) > 2:
        return [[] for _ in f]
    if len(times) == 2:
        found = [_peaks_of_plane(plane, min_share, min_depth) for plane in f]
        return [[inside.ravel() for _, inside, _ in peaks] for peaks in found]
    table = distribution_peaks(f, times[0], min_share)
    signal = table["signal"].to_numpy(dtype=np.int64)
    ends = table[["first_bin", "last_bin"]].to_numpy(dtype=np.float64)
    first = np.searchsorted(signal, np.arange(len(f) + 1))
    return [
        _parts_of_peaks(*ends[start:stop].T, times[0])
        for start, stop in itertools.pairwise(first)
    ]


def distribution_peaks_2d(
    distribution, relaxation_times, min_share=0.01, names=None, *, min_depth=0.05
):
    """Return the peaks of two-dimensional distributions.

    Each bin belongs to the maximum that steepest ascent over its eight neighbours
    reaches, so the shares of all peaks add up to one (before `min_share`). Maxima with
    hardly a saddle between them are one peak, at the higher one: a ridge that runs
    slantwise over the bins has many.

    Parameters
    ----------
    distribution : array-like of shape (n_1, n_2), (n_1 * n_2,) or with n_signals first
        Distributions. Negative values count as 0.
    relaxation_times : tuple of array-like
        Bins of the two axes, as ``KernelBuilder.relaxation_times_``.
    min_share : float, default=0.01
        Smallest share of the amplitude that a peak must have to be listed.
    names : sequence of str or None, default=None
        Names of the axes, such as ``("T1", "T2")``, numbered where they repeat. None
        takes numbers.
    min_depth : float, default=0.05
        Smallest depth of the saddle between two peaks, as a share of the height of the
        lower one. 0 tells all maxima apart.

    Returns
    -------
    DataFrame
        One row per signal and peak, largest first: ``signal``, ``peak``,
        ``position_T1``, ``position_T2``, ``log_mean_T1``, ``log_mean_T2`` (for these
        names), ``ratio`` of the log means, ``amplitude``, ``share`` and ``at_edge``.

    Raises
    ------
    ValueError
        If there are not two axes, or shapes do not match.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.metrics import distribution_peaks_2d
    >>> f = np.zeros((3, 3))
    >>> f[2, 0] = 1.0
    >>> distribution_peaks_2d(f, ([1, 10, 100], [1, 10, 100]))["ratio"].tolist()
    [100.0]
    """
    if not isinstance(relaxation_times, tuple) or len(relaxation_times) != 2:
        raise ValueError("relaxation_times must be a tuple of two arrays.")
    min_share = check_number(min_share, "min_share", 0, 1)
    min_depth = check_number(min_depth, "min_depth", 0, 1)
    names = check_names(names, 2)
    f, exponents, times = check_distributions(distribution, relaxation_times)
    rows = []
    for label, (grid, exponent) in enumerate(zip(f, exponents, strict=True)):
        found = _peaks_of_plane(grid, min_share, min_depth)
        for number, (share, inside, top) in enumerate(found):
            part = np.where(inside, grid, 0.0)
            first = _axis_moments(part.sum(axis=1)[None], times[0])[0][0]
            second = _axis_moments(part.sum(axis=0)[None], times[1])[0][0]
            rows.append(
                {
                    "signal": label,
                    "peak": number,
                    f"position_{names[0]}": times[0][top[0]],
                    f"position_{names[1]}": times[1][top[1]],
                    f"log_mean_{names[0]}": first,
                    f"log_mean_{names[1]}": second,
                    "ratio": first / second,
                    "amplitude": np.ldexp(part.sum(), exponent),
                    "share": share,
                    "at_edge": any(
                        i in (0, n - 1) for i, n in zip(top, grid.shape, strict=True)
                    ),
                }
            )
    columns = [
        "signal", "peak", *(f"position_{name}" for name in names),
        *(f"log_mean_{name}" for name in names), "ratio", "amplitude", "share",
        "at_edge",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _peaks_of_plane(grid, min_share, min_depth):
    """Return share, bins (n_1, n_2) and top of each peak, the largest first."""
    total = grid.sum()
    # Nothing, or nan.
    if not total > 0:
        return []
    basins, tops = _join_basins(grid, *_basins(grid), min_depth)
    found = []
    for number, top in enumerate(tops):
        inside = basins == number
        share = np.where(inside, grid, 0.0).sum() / total
        if share >= min_share:
            found.append((share, inside, top))
    return sorted(found, key=lambda peak: -peak[0])


# Each bin with its neighbours to the right, below, and on both diagonals.
_NEIGHBOURS = (
    (np.s_[:, :-1], np.s_[:, 1:]),
    (np.s_[:-1, :], np.s_[1:, :]),
    (np.s_[:-1, :-1], np.s_[1:, 1:]),
    (np.s_[:-1, 1:], np.s_[1:, :-1]),
)


def _basins(grid):
    """Return the number of the maximum that each bin climbs to, and the maxima."""
    n_rows, n_columns = grid.shape
    padded = np.pad(grid, 1, constant_values=-1.0)
    index = np.arange(grid.size).reshape(grid.shape)
    padded_index = np.pad(index, 1, constant_values=-1)
    best, target = grid.copy(), index.copy()
    for row in range(3):
        for column in range(3):
            window = (slice(row, row + n_rows), slice(column, column + n_columns))
            higher = padded[window] > best
            best = np.where(higher, padded[window], best)
            target = np.where(higher, padded_index[window], target)
    # Neighbours of equal height form one plateau and share its first bin.
    flat = target == index
    plateaus, count = ndimage.label(flat & (grid > 0), structure=np.ones((3, 3)))
    if count:
        first = ndimage.minimum(index, plateaus, np.arange(1, count + 1)).astype(int)
        inside = plateaus > 0
        target[inside] = first[plateaus[inside] - 1]
    target = target.ravel()
    while True:
        further = target[target]
        if (further == target).all():
            break
        target = further
    tops = np.unique(target[grid.ravel() > 0])
    number = np.full(grid.size, -1)
    number[tops] = np.arange(tops.size)
    return (
        number[target].reshape(grid.shape),
        [divmod(int(top), n_columns) for top in tops],
    )


def _join_basins(grid, basins, tops, min_depth):
    """Return basins and maxima without saddles that are less deep than a share."""
    heights = np.array([grid[top] for top in tops])
    pairs, saddles = [], []
    # The saddle of two basins is the highest lower one of two neighbours.
    for here, there in _NEIGHBOURS:
        a, b = basins[here], basins[there]
        border = (a != b) & (a >= 0) & (b >= 0)
        pairs.append(np.stack([a[border], b[border]], axis=1))
        saddles.append(np.minimum(grid[here], grid[there])[border])
    pairs, saddles = np.concatenate(pairs), np.concatenate(saddles)
    root = np.arange(len(tops))

    def find(number):
        while root[number] != number:
            number = root[number]
        return number

    for k in np.argsort(-saddles, kind="stable"):
        low, high = sorted(map(find, pairs[k]), key=lambda number: heights[number])
        if low != high and saddles[k] > (1.0 - min_depth) * heights[low]:
            root[low] = high
    kept = np.flatnonzero(root == np.arange(root.size))
    number = np.array([np.searchsorted(kept, find(k)) for k in root], dtype=int)
    joined = np.where(basins >= 0, number[basins], -1)
    return joined, [tops[k] for k in kept]
