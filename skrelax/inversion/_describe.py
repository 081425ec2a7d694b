"""Distributions described in numbers."""

import numpy as np

from ..metrics import (
    distribution_peaks,
    distribution_peaks_2d,
    distribution_statistics,
)

# What is told of each peak, without the names of axes.
_OF_PEAKS = ("log_mean", "width", "ratio", "amplitude", "share")


def describe_rows(found, is_signed, baselines, min_share):
    """Return columns (n_signals,) of amplitudes, statistics and peaks.

    `found` are Distributions; `baselines` is a number, one per signal, or None. Keys
    are names, or (number of the peak, name).
    """
    # Rows of memory, each of which is summed alone.
    f = np.ascontiguousarray(found.rows)
    if found.has_times:
        table = distribution_statistics(f, found.grids, found.axis_names)
        columns = {name: table[name].to_numpy() for name in table}
    else:
        columns = {"amplitude": f.clip(min=0.0).sum(axis=1)}
    if is_signed or (f < 0).any():
        columns["negative_amplitude"] = f.clip(max=0.0).sum(axis=1)
    if baselines is not None:
        columns["baseline"] = np.full(len(f), baselines, dtype=np.float64)
    if found.has_times and len(found.grids) < 3:
        columns |= _peaks(f, found.grids, found.axis_names, min_share)
    return columns


def _peaks(f, times, names, min_share):
    """Return numbers of peaks, and what is told of each."""
    if len(times) == 1:
        table = distribution_peaks(f, times[0], min_share)
    else:
        table = distribution_peaks_2d(f, times, min_share, tuple(names))
    signal = table["signal"].to_numpy(dtype=np.int64)
    at_edge = table["at_edge"].to_numpy(dtype=bool)
    columns = {
        "n_peaks": np.bincount(signal, minlength=len(f)),
        "n_edge_peaks": np.bincount(signal[at_edge], minlength=len(f)),
    }
    told = [name for name in table if name.startswith(_OF_PEAKS)]
    for number in range(columns["n_peaks"].max(initial=0)):
        part = (table["peak"] == number).to_numpy()
        for name in told:
            values = np.full(len(f), np.nan)
            values[signal[part]] = table[name].to_numpy(dtype=np.float64)[part]
            columns[number, name] = values
    return columns
