"""How well the schemes of the signed inversion recover known maps.

Signals of one to three peaks of random place, width, sign and amplitude, on one axis
and on two, inverted by both schemes at their default strength and at strengths that
rules choose. Writes results/signed.json, which the documentation shows.
"""

import argparse
import time
import warnings

import numpy as np
from _timing import Timing, make_row, make_workload, watch, write_results

from skrelax import MultiDimRegularizedILT
from skrelax.datasets import make_distribution
from skrelax.kernels import acquisition_grid
from skrelax.metrics import distribution_peaks, distribution_peaks_2d
from skrelax.model_selection import StrengthSearch

N_SIGNALS = 50
SCHEMES = "reference", "convergent"
RULES = {
    "default strength": None,
    "cross-validation": "cv",
    "discrepancy principle": "discrepancy",
}
# Two per decade around the strength of the paper.
STRENGTHS = np.geomspace(10.0, 0.1, 5)
N_FOLDS = 3
# Peaks below this share of the absolute sum are not counted.
SHARE = 0.03
LINE = (np.geomspace(1e-3, 10.0, 64),), (np.geomspace(1e-4, 100.0, 100),)
PLANE = (
    (np.geomspace(1e-3, 10.0, 16), np.geomspace(1e-3, 10.0, 20)),
    (np.geomspace(1e-4, 100.0, 30),) * 2,
)
# Searches fit many times, on a smaller plane.
SMALL_PLANE = (
    (np.geomspace(1e-3, 10.0, 10), np.geomspace(1e-3, 10.0, 12)),
    (np.geomspace(1e-3, 10.0, 16),) * 2,
)


def draw(seed, times, grids):
    """Return a random map, and its signal with noise of standard deviation 1."""
    rng = np.random.default_rng(seed)
    places, widths = (-2.5, 0.8), (0.03, 0.1, 0.3)
    if len(grids) == 2:
        places, widths = (-2.3, 0.6), (0.1, 0.2, 0.35)
    truth = np.zeros([grid.size for grid in grids])
    for _ in range(rng.integers(1, 4)):
        peak = np.array(rng.choice([-1, 1]) * rng.uniform(100, 500))
        for grid in grids:
            place, width = 10 ** rng.uniform(*places), rng.choice(widths)
            peak = np.multiply.outer(peak, make_distribution(grid, [(place, width, 1)]))
        truth += peak
    signal = truth
    for t, grid in zip(times, grids, strict=True):
        # The axis in front goes, that of the signal comes behind.
        signal = np.tensordot(signal, np.exp(-t[:, None] / grid), axes=(0, 1))
    return truth, signal + rng.standard_normal(signal.shape)


def distance(g, truth, grids):
    """Return the Wasserstein distance of signed maps [decades].

    Between cumulative sums on a line; of maps the mean over the projections on both
    axes and both diagonals.
    """
    logs = list(np.meshgrid(*[np.log10(grid) for grid in grids], indexing="ij"))
    if len(logs) == 2:
        first, second = logs
        logs += [(first + second) / np.sqrt(2), (first - second) / np.sqrt(2)]
    areas = []
    for x in logs:
        order = np.argsort(x.ravel(), kind="stable")
        steps = np.diff(x.ravel()[order])
        apart = np.cumsum((g - truth).ravel()[order])[:-1]
        # Bins of one projected place have no step between them, but for rounding.
        areas.append(np.abs(apart) @ np.where(steps > 1e-9, steps, 0.0))
    return np.mean(areas) / np.abs(truth).sum()


def amplitude_error(g, truth):
    """Return by how much the positive and the negative sum are wrong, in total."""
    wrong = sum(abs((s * g).clip(0).sum() - (s * truth).clip(0).sum()) for s in (1, -1))
    return wrong / np.abs(truth).sum()


def count_peaks(f, grids):
    """Return the number of peaks of both signs."""
    found, total = 0, np.abs(f).sum()
    for part in (f.clip(0), (-f).clip(0)):
        share = SHARE * total / max(part.sum(), 1e-300)
        if share < 1.0 and len(grids) == 1:
            found += len(distribution_peaks(part, grids[0], min_share=share))
        elif share < 1.0:
            found += len(distribution_peaks_2d(part, tuple(grids), min_share=share))
    return found


def recover(scheme, rule, times, grids):
    """Return (n_signals, 5): distance, amplitude error, peaks, settled, iterations."""
    X, found, seconds = acquisition_grid(*times), [], []
    for seed in range(N_SIGNALS):
        truth, signal = draw(seed, times, grids)
        ilt = MultiDimRegularizedILT("T2", list(grids), noise_std=1.0, scheme=scheme)
        if rule is not None:
            # Held-out points are interleaved with the others.
            ilt = StrengthSearch(
                ilt, rule, strengths=STRENGTHS, refine=False, cv=N_FOLDS
            )
        start = time.perf_counter()
        with warnings.catch_warnings():
            # What does not settle or reach its target is counted with the rest.
            warnings.simplefilter("ignore")
            ilt.fit(X, signal.ravel())
        seconds.append(time.perf_counter() - start)
        best = ilt if rule is None else ilt.best_estimator_
        g = best.distribution_
        right = count_peaks(g, grids) == count_peaks(truth, grids)
        found.append(
            (distance(g, truth, grids), amplitude_error(g, truth), right,
             best.converged_, best.n_iter_)
        )  # fmt: skip
    return np.array(found, float), seconds


def compare(title, label, rule, times, grids):
    """Return the workload of both schemes by one rule."""
    rows, all_found = [], []
    for scheme in SCHEMES:
        found, seconds = recover(scheme, rule, times, grids)
        all_found.append(found)
        far, wrong, right, settled, n_iter = found.T
        note = (
            f"distance {far.mean():.4f} decades (median {np.median(far):.4f}), "
            f"amplitude error {100 * wrong.mean():.1f} % "
            f"(median {100 * np.median(wrong):.1f} %), right number of peaks "
            f"{right.sum():.0f}, settled {settled.sum():.0f}, "
            f"{np.median(n_iter):.0f} iterations (median)"
        )
        if scheme == "convergent":
            for name, column in (("distance", 0), ("amplitude error", 1)):
                apart = found[:, column] - all_found[0][:, column]
                error = apart.std(ddof=1) / np.sqrt(N_SIGNALS)
                note += f"; {name} differs by {apart.mean():+.4f} ± {error:.4f}"
        rows.append(make_row(scheme, Timing(seconds), note=note))
    sizes = " x ".join(str(grid.size) for grid in grids)
    points = " x ".join(str(t.size) for t in times)
    return make_workload(
        f"{title}, {label}",
        f"{N_SIGNALS} signals of {points} points on {sizes} bins. Differences are of "
        "the means, convergent minus reference, with their standard errors.",
        rows,
    )


def main():
    """Run the workloads."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="part of a workload's title")
    only = parser.parse_args().only
    for title, plane in (("One axis", LINE), ("Two axes", PLANE)):
        for label, rule in RULES.items():
            problem = SMALL_PLANE if plane is PLANE and rule else plane
            if only in f"{title}, {label}":
                workload = watch(compare, title, label, rule, *problem)
                write_results(
                    "signed",
                    "Recovery of signed maps",
                    [workload],
                    ("skrelax", "numpy", "scipy", "numba"),
                )


if __name__ == "__main__":
    main()
