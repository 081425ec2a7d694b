"""How many bins, which compression and rule a plane takes, and what resolves two peaks.

Prints the tables of the guide, and writes them to results/plane_choices.json, from
which the guide takes them. Signals are simulated, so the truth is known: two pools of
single relaxation times, or one broad ridge, both at T1/T2 = 10, seen at 16 recovery
times and 40 echo times.
"""

import argparse
import time
import warnings

import numpy as np
from _timing import write_tables
from scipy.stats import wasserstein_distance

from skrelax import KernelBuilder, SmoothLasso, SmoothLassoCV
from skrelax.io import compress_echoes
from skrelax.kernels import acquisition_grid
from skrelax.metrics import distribution_peaks_2d
from skrelax.model_selection import StrengthSearch
from skrelax.signals import InversionRecovery

TI, TE = np.geomspace(2e-3, 5.0, 16), np.geomspace(2e-4, 0.5, 40)
LIMITS = {"minimum": [5e-3, 5e-4], "maximum": [10.0, 1.0]}
CENTRE, RATIO = 0.03, 10.0
RULES = ("gcv", "chi2", "discrepancy", "brd", "lcurve", "cv", "cv-1se")
# A maximum with less of the amplitude is not called a peak.
LEAST_SHARE = 0.05
# Log means of a resolved peak are within this factor of the truth.
CLOSE = 1.2
N_BINS = 40
SEPARATIONS = (1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
# Of signals in which two peaks must be right for a separation to be resolved.
MOST = 0.9


def two_pools(factors):
    """Return T1, T2 and shares of two pools that are apart by factors in T1 and T2."""
    t1, t2 = (np.sqrt(factor) ** np.array([-1.0, 1.0]) for factor in factors)
    return RATIO * CENTRE * t1, CENTRE * t2, np.array([0.5, 0.5])


def ridge():
    """Return T1, T2 and shares of a ridge: .35 decades along T1/T2 = 10, .1 across."""
    along, across = np.linspace(-1.0, 1.0, 81), np.linspace(-0.3, 0.3, 25)
    x, y = (part.ravel() for part in np.meshgrid(along, across, indexing="ij"))
    weight = np.exp(-0.5 * (x / 0.35) ** 2 - 0.5 * (y / 0.1) ** 2)
    T2 = CENTRE * 10.0 ** (x - 0.5 * y)
    return RATIO * CENTRE * 10.0 ** (x + 0.5 * y), T2, weight / weight.sum()


def make_signals(sample, snr, n_signals, times=(TI, TE), efficiency=2.0):
    """Return points (n, 2) and signals (n, n_signals) with noise of 1 / snr."""
    T1, T2, shares = sample
    recovery = 1.0 - efficiency * np.exp(-times[0][:, None] / T1)
    clean = (recovery * shares) @ np.exp(-times[1] / T2[:, None])
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((clean.size, n_signals)) / snr
    return acquisition_grid(*times), clean.reshape(-1, 1) + noise


def make_kernel(X, n_bins):
    """Return the kernel of points and the bins of its axes."""
    builder = KernelBuilder([InversionRecovery(), "T2"], n_bins=n_bins, **LIMITS)
    return builder.fit_transform(X), builder.relaxation_times_


def make_search(rule, snr):
    """Return an inversion that chooses a strength for each signal."""
    if rule == "SmoothLassoCV":
        return SmoothLassoCV(per_signal=True)
    noise_std = 1.0 / snr if rule in ("discrepancy", "brd") else None
    return StrengthSearch(
        SmoothLasso(), rule=rule, noise_std=noise_std, per_signal=True
    )


def describe(f, grids, sample):
    """Return the mean number of peaks, and what is wrong, of maps (n_1, n_2, n)."""
    T1, T2, shares = sample
    peaks = distribution_peaks_2d(
        np.moveaxis(f, -1, 0), grids, LEAST_SHARE, names=("T1", "T2")
    )
    counts, right, distance = [], [], []
    for number in range(f.shape[2]):
        mine = peaks[peaks["signal"] == number].sort_values("log_mean_T2")
        if T1.size == 2 and T2[0] == T2[1]:
            mine = mine.sort_values("log_mean_T1")
        counts.append(len(mine))
        right.append(len(mine) == 1)
        if T1.size == 2:
            right[-1] = len(mine) == 2 and all(
                (np.abs(np.log(mine[f"log_mean_{name}"] / truth)) < np.log(CLOSE)).all()
                for name, truth in (("T1", T1), ("T2", T2))
            )
        distance += [
            wasserstein_distance(
                np.log10(grid),
                np.log10(truth),
                f[..., number].sum(axis=1 - axis),
                shares,
            )
            for axis, (grid, truth) in enumerate(zip(grids, (T1, T2), strict=True))
        ]
    return np.mean(counts), np.mean(right), np.mean(distance)


def invert(rule, snr, n_bins, points, signals):
    """Return maps (n_1, n_2, n_signals), the bins, and CPU seconds of each map."""
    K, grids = make_kernel(points, n_bins)
    start = time.process_time()
    f = make_search(rule, snr).fit(K, signals).distribution_
    return f, grids, (time.process_time() - start) / signals.shape[1]


def table_of_rules(n_signals):
    """Return what each rule makes of samples with one and two peaks."""
    cases = (
        ("two pools, SNR 100", two_pools((4.0, 4.0)), 100.0, 2.0),
        ("ridge, SNR 100", ridge(), 100.0, 2.0),
        ("ridge, SNR 1000", ridge(), 1000.0, 2.0),
        ("ridge, SNR 1000, wrong efficiency", ridge(), 1000.0, 1.95),
    )
    rows = {rule: [f"`{rule}`"] for rule in (*RULES, "SmoothLassoCV")}
    for _, sample, snr, efficiency in cases:
        points, signals = make_signals(sample, snr, n_signals, efficiency=efficiency)
        for rule, row in rows.items():
            f, grids, _ = invert(rule, snr, N_BINS, points, signals)
            counts, right, distance = describe(f, grids, sample)
            row.append(f"{counts:.1f}, {100 * right:.0f} %, {distance:.3f}")
    return {
        "name": "rules",
        "description": (
            f"Mean number of peaks that hold {100 * LEAST_SHARE:.0f} % or more, maps "
            "whose peaks are right in number and place, and mean distance of the "
            f"marginals from the truth in decades, of {n_signals} maps each on "
            f"{N_BINS} x {N_BINS} bins. Two pools are apart by 4 in T1 and T2. The "
            "wrong efficiency is 2 in the kernel where the signal has 1.95."
        ),
        "columns": ["", *(name for name, *_ in cases)],
        "rows": list(rows.values()),
    }


def table_of_resolution(n_signals):
    """Return the smallest separation that is resolved at each signal-to-noise ratio."""
    ways = {"T2 alone": (0, 1), "T1 alone": (1, 0), "both": (1, 1)}
    rows = []
    for snr in (30.0, 100.0, 300.0, 1000.0):
        row = [f"{snr:.0f}"]
        for powers in ways.values():
            found = f"above {SEPARATIONS[-1]:g}"
            for separation in SEPARATIONS:
                sample = two_pools([separation**power for power in powers])
                points, signals = make_signals(sample, snr, n_signals)
                f, grids, _ = invert("chi2", snr, N_BINS, points, signals)
                _, right, _ = describe(f, grids, sample)
                if right >= MOST:
                    found = f"{separation:g}"
                    break
            row.append(found)
        rows.append(row)
    tried = ", ".join(f"{one:g}" for one in SEPARATIONS)
    return {
        "name": "resolution",
        "description": (
            f"Smallest factor, of {tried}, by which two pools of equal share may be "
            f"apart so that {100 * MOST:.0f} % or more of {n_signals} maps by `chi2` "
            f"have two peaks, each within a factor of {CLOSE:g} of its T1 and T2. SNR "
            "is the largest signal over the noise of one point."
        ),
        "columns": ["SNR", *(f"apart in {way}" for way in ways)],
        "rows": rows,
    }


def table_of_bins(n_signals):
    """Return what the number of bins changes."""
    snr = 300.0
    samples = {"two pools": two_pools((4.0, 4.0)), "ridge": ridge()}
    rows = []
    for n_bins in (12, 16, 24, 40, 64, 100):
        row = [f"{n_bins} x {n_bins}"]
        for sample in samples.values():
            points, signals = make_signals(sample, snr, n_signals)
            f, grids, seconds = invert("chi2", snr, n_bins, points, signals)
            counts, right, distance = describe(f, grids, sample)
            row.append(f"{counts:.1f}, {100 * right:.0f} %, {distance:.3f}")
            row.append(f"{seconds:.2g}")
        rows.append(row)
    step = np.log10(LIMITS["maximum"][1] / LIMITS["minimum"][1])
    return {
        "name": "bins",
        "description": (
            f"As above, by `chi2` at an SNR of {snr:.0f}, {n_signals} maps each, on "
            f"grids of {step:.1f} decades, and CPU seconds of one map with the choice "
            "of its strength."
        ),
        "columns": ["bins", *(c for name in samples for c in (name, "seconds"))],
        "rows": rows,
    }


def table_of_windows():
    """Return what averaging a long train in windows changes."""
    snr, smoothness, n_bins = 30.0, 1e-5, N_BINS
    echo_times = 5e-4 * np.arange(1, 1001)
    sample = two_pools((4.0, 4.0))
    _, signals = make_signals(sample, snr, 1, (TI, echo_times))
    train = signals.reshape(TI.size, -1)
    decays = np.exp(-echo_times / np.geomspace(LIMITS["minimum"][1], 1.0, 200)[:, None])
    rows, reference = [], None
    for count in (None, 256, 128, 64, 32, 16):
        times, means, weights = echo_times, train, np.ones(echo_times.size)
        bent = 0.0
        if count is not None:
            times, means, weights = compress_echoes(echo_times, train, count)
            centres, averages, _ = compress_echoes(echo_times, decays, count)
            rates = np.log(decays[:, :1]) / echo_times[0]
            bent = np.abs(averages - np.exp(rates * centres)).max()
        K, grids = make_kernel(acquisition_grid(TI, times), n_bins)
        model = SmoothLasso(smoothness=smoothness)
        start = time.process_time()
        model.fit(K, means.ravel(), sample_weight=np.tile(weights, TI.size))
        seconds = time.process_time() - start
        f = model.distribution_
        reference = f if reference is None else reference
        moved = np.abs(f - reference).sum() / reference.sum() / 2
        counts, _, distance = describe(f[..., None], grids, sample)
        rows.append(
            [
                "all echoes" if count is None else f"{times.size}",
                f"{bent:.0e}" if bent else "",
                f"{100 * moved:.1f} %" if bent else "",
                f"{counts:.0f}, {distance:.3f}",
                f"{seconds:.2g}",
            ]
        )
    return {
        "name": "windows",
        "description": (
            f"{TI.size} trains of {echo_times.size} echoes every "
            f"{1e3 * echo_times[0]:g} ms at an SNR of {snr:.0f} per echo, on "
            f"{n_bins} x {n_bins} bins at a smoothness of {smoothness:.0e}: the "
            "largest change of a decay of unit amplitude, the amplitude that moves on "
            "the map of two pools, number of peaks and distance of that map, CPU "
            "seconds of a fit."
        ),
        "columns": ["windows", "decays bent by", "moved", "map", "seconds"],
        "rows": rows,
    }


def main():
    """Print the tables and write results/plane_choices.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n-signals", type=int, default=10)
    parser.add_argument("--only", choices=["rules", "resolution", "bins", "windows"])
    options = parser.parse_args()
    n_signals = options.n_signals
    tables = {
        "windows": table_of_windows,
        "resolution": lambda: table_of_resolution(n_signals),
        "rules": lambda: table_of_rules(n_signals),
        "bins": lambda: table_of_bins(min(n_signals, 10)),
    }
    chosen = tables if options.only is None else {options.only: tables[options.only]}
    with warnings.catch_warnings():
        # Rules that find no strength, or none within their range, say so each time.
        warnings.simplefilter("ignore", UserWarning)
        found = [make() for make in chosen.values()]
    write_tables(
        "plane_choices",
        "Choices for planes",
        found,
        ("skrelax", "numpy", "numba", "scikit-learn"),
    )


if __name__ == "__main__":
    main()
