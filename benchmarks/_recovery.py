"""Known distributions, their signals, and how far an answer is from them."""

import numpy as np
from scipy.stats import wasserstein_distance

from skrelax import KernelBuilder
from skrelax.datasets import make_distribution
from skrelax.kernels import acquisition_grid
from skrelax.metrics import distribution_peaks, distribution_peaks_2d

TIMES = np.geomspace(1e-3, 3.0, 60)
FINE = np.geomspace(1e-4, 30.0, 2200)
SNRS = (20, 100, 1000)
# Planes: recovery and echo times, limits of both axes, and bins of each.
TI, TE = np.geomspace(5e-3, 5.0, 16), np.geomspace(5e-4, 0.8, 40)
LIMITS = {"minimum": [1e-2, 1e-3], "maximum": [5.0, 1.0]}
N_PLANE = 40
PLANE = "plane of four peaks"
# A peak on a plane has at least this share.
_LEAST_SHARE = 0.02


def draw_pair(rng):
    """Return two lognormal peaks, half a decade to 1.2 decades apart."""
    gap, share = rng.uniform(0.5, 1.2), rng.uniform(0.3, 0.7)
    low, widths = rng.uniform(-2.2, -0.2 - gap), rng.uniform(0.05, 0.25, 2)
    return [(10**low, widths[0], share), (10 ** (low + gap), widths[1], 1 - share)]


def draw_narrow_beside_broad(rng):
    """Return a narrow peak on either side of a broad one."""
    low, gap, share = (
        rng.uniform(-2.1, -1.5),
        rng.uniform(1, 1.4),
        rng.uniform(0.3, 0.7),
    )
    widths = [rng.uniform(0.02, 0.05), rng.uniform(0.25, 0.35)]
    widths = widths[:: rng.choice([-1, 1])]
    return [(10**low, widths[0], share), (10 ** (low + gap), widths[1], 1 - share)]


def draw_narrow(rng):
    """Return one narrow peak."""
    return [(10 ** rng.uniform(-2, -0.3), rng.uniform(0.02, 0.06), 1.0)]


def draw_three(rng):
    """Return three peaks, .7 to .9 decades apart."""
    steps = np.cumsum([rng.uniform(-2.2, -2.0), *rng.uniform(0.7, 0.9, 2)])
    widths, shares = rng.uniform(0.04, 0.12, 3), rng.dirichlet([6, 6, 6])
    return list(zip(10**steps, widths, shares, strict=True))


def draw_continuum(rng):
    """Return one peak of a decade."""
    return [(10 ** rng.uniform(-1.4, -0.8), rng.uniform(0.35, 0.5), 1.0)]


FAMILIES = {
    "pair": draw_pair,
    "narrow beside broad": draw_narrow_beside_broad,
    "one narrow peak": draw_narrow,
    "three peaks": draw_three,
    "broad continuum": draw_continuum,
}


def make_signals(family, seeds):
    """Return truths (n, n_fine), clean signals and unit noise (n_points, n)."""
    truths, noise = [], []
    number = list(FAMILIES).index(family)
    for seed in seeds:
        rng = np.random.default_rng([number, seed])
        truths.append(make_distribution(FINE, FAMILIES[family](rng)))
        noise.append(rng.standard_normal(TIMES.size))
    truths = np.array(truths)
    clean = np.exp(-TIMES[:, None] / FINE) @ truths.T
    return truths, clean, np.transpose(noise)


def make_planes(seeds):
    """Return peaks (n, 4, 3), clean signals and unit noise (n_points, n).

    The peaks are single relaxation times at the corners of a rectangle that is .8 to
    1.1 decades wide, each moved by up to a tenth; columns are log10 of T1 and T2, and
    shares.
    """
    peaks, clean, noise = [], [], []
    for seed in seeds:
        rng = np.random.default_rng([len(FAMILIES), seed])
        corner = rng.uniform([-1.4, -2.3], [-1.0, -1.9])
        sides = rng.uniform(0.8, 1.1, 2)
        at = corner + sides * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        at += rng.uniform(-0.1, 0.1, at.shape)
        shares = rng.dirichlet([10] * 4)
        T1, T2 = 10.0**at.T
        curves = 1.0 - 2.0 * np.exp(-TI[:, None] / T1)
        clean.append(((curves * shares) @ np.exp(-TE / T2[:, None])).ravel())
        noise.append(rng.standard_normal(TI.size * TE.size))
        peaks.append(np.column_stack([at, shares]))
    return np.array(peaks), np.transpose(clean), np.transpose(noise)


def make_kernel(minimum=None):
    """Return the kernel of the decays and its bins."""
    builder = KernelBuilder("T2", minimum=minimum)
    return builder.fit_transform(TIMES[:, None]), builder.relaxation_times_


def make_plane_kernel():
    """Return the kernel of the planes and the bins of both axes."""
    builder = KernelBuilder(["T1-IR", "T2"], n_bins=N_PLANE, **LIMITS)
    return builder.fit_transform(acquisition_grid(TI, TE)), builder.relaxation_times_


def distances(F, bins, truths):
    """Return Wasserstein distances of rows in decades, all at once."""
    x, fine = np.log10(bins), np.log10(FINE)
    places = np.union1d(x, fine)

    def cumulated(values, grid):
        values = np.maximum(values, 0.0)
        total = np.maximum(values.sum(axis=1, keepdims=True), 1e-300)
        sums = np.cumsum(values / total, axis=1)
        index = np.searchsorted(grid, places, side="right")
        return np.where(index > 0, sums[:, np.maximum(index - 1, 0)], 0.0)

    apart = np.abs(cumulated(F, x) - cumulated(truths, fine))
    return apart[:, :-1] @ np.diff(places)


def count_peaks(F, bins):
    """Return the number of peaks of each row that have a share of .01."""
    table = distribution_peaks(F, bins)
    return np.bincount(table["signal"].to_numpy(dtype=int), minlength=len(F))


def judge(F, bins, truths, wanted):
    """Return what is told of distributions (n, n_bins)."""
    return summarise(distances(F, bins, truths), count_peaks(F, bins), wanted, F)


def judge_planes(F, grids, peaks):
    """Return what is told of distributions (n, n_1, n_2).

    Distances are means of those of the projections on lines every 45 degrees.
    """
    places = np.stack(np.meshgrid(*map(np.log10, grids), indexing="ij"), axis=-1)
    apart = np.zeros(len(F))
    for k, (f, truth) in enumerate(zip(F, peaks, strict=True)):
        weight = np.maximum(f, 0.0)
        if not weight.any():
            apart[k] = np.inf
            continue
        for angle in np.deg2rad([0, 45, 90, 135]):
            line = np.array([np.cos(angle), np.sin(angle)])
            apart[k] += 0.25 * wasserstein_distance(
                (places @ line).ravel(),
                truth[:, :2] @ line,
                weight.ravel(),
                truth[:, 2],
            )
    table = distribution_peaks_2d(F, tuple(grids), _LEAST_SHARE)
    found = np.bincount(table["signal"].to_numpy(dtype=int), minlength=len(F))
    return summarise(apart, found, np.full(len(F), 4), F.reshape(len(F), -1))


def summarise(apart, peaks, wanted, F):
    """Return medians, means and worst cases of distances, peaks and amplitudes."""
    off = np.abs(F.sum(axis=1) - 1.0)
    return {
        "median": float(np.median(apart)),
        "mean": float(apart.mean()),
        "worst": float(apart.max()),
        "exact": float(100 * np.mean(peaks == wanted)),
        "false": int(np.maximum(peaks - wanted, 0).sum()),
        "missed": int(np.maximum(wanted - peaks, 0).sum()),
        "amplitude": float(100 * np.median(off)),
        "amplitude_worst": float(100 * off.max()),
    }
