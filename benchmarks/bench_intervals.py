"""What intervals cost beside the fit: one signal, a table of a hundred, maps.

All is timed in one run, with 100 refits, so that the column ratio is how many fits the
intervals cost. Prints tables and writes results/intervals.json.
"""

import argparse

import numpy as np
import pandas as pd
from _timing import interleave, make_row, make_workload, watch, write_results
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso, fit_batch
from skrelax.inversion import KernelParameterSearch
from skrelax.kernels import acquisition_grid
from skrelax.model_selection import StrengthSearch
from skrelax.signals import EPGEchoTrain
from skrelax.uncertainty import Share, bootstrap_distribution, statistic_intervals

N_REFITS = 100
TIMES = np.geomspace(1e-3, 3.0, 64)[:, None]
ROUNDS = 3


def make_signals(n_signals):
    """Return signals (n_points, n_signals) of two peaks at SNR 200."""
    rng = np.random.default_rng(0)
    share = rng.uniform(0.2, 0.8, n_signals)
    clean = share * np.exp(-TIMES / 0.02) + (1.0 - share) * np.exp(-TIMES / 0.2)
    return clean + 0.005 * rng.standard_normal(clean.shape)


def inversions():
    """Return inversions by name."""
    builder = KernelBuilder("T2", n_bins=64, minimum=1e-3, maximum=10.0)
    return {
        "fixed strength": make_pipeline(builder, SmoothLasso(0.0, 1e-4)),
        "StrengthSearch, chi2": make_pipeline(
            builder, StrengthSearch(SmoothLasso(0.0), "chi2")
        ),
    }


def rows_of(calls, rounds=ROUNDS):
    """Return rows of contestants that are timed in turn."""
    timings = interleave(calls, rounds)
    return [make_row(name, timing) for name, timing in timings.items()]


def bench_one(name, model):
    """Return the workload of one signal."""
    y = make_signals(1)[:, 0]
    options = {"n_bootstrap": N_REFITS, "random_state": 0}
    calls = {"fit": lambda: model.fit(TIMES, y)}
    for method in ("parametric", "unpenalised"):
        calls[f"{method}, {N_REFITS} refits"] = lambda method=method: (
            bootstrap_distribution(model, TIMES, y, method=method, **options)
        )
    calls[f"bounds of a share, and {N_REFITS} refits"] = lambda: bootstrap_distribution(
        model, TIMES, y, **options
    ).interval(Share((0, 0.06)))
    return make_workload(
        f"One signal, {name}",
        "64 points, 64 bins; bootstrap_distribution beside the fit of the estimator.",
        rows_of(calls), "fit",
    )  # fmt: skip


def bench_table(name, model, n_signals):
    """Return the workload of a long table."""
    Y = make_signals(n_signals)
    frame = pd.DataFrame(
        {
            "sample": np.repeat(np.arange(n_signals), len(TIMES)),
            "TE": np.tile(TIMES[:, 0], n_signals),
            "signal": Y.T.ravel(),
        }
    )
    numbers = {"short": Share((0, 0.06))}

    def call(**options):
        return fit_batch(model, frame, "TE", "signal", "sample", **options)

    refits = {"n_bootstrap": N_REFITS, "random_state": 0}
    calls = {
        "fit": call,
        "bounds of a share": lambda: call(intervals="bounds", numbers=numbers),
        "bounds of all numbers": lambda: call(intervals="bounds"),
        f"unpenalised, {N_REFITS} refits": lambda: call(
            intervals="unpenalised", **refits
        ),
        f"bounds of all numbers, {N_REFITS} refits": lambda: call(
            intervals="bounds", **refits
        ),
        f"standard errors, {N_REFITS} refits": lambda: call(**refits),
    }
    return make_workload(
        f"A table of {n_signals} signals, {name}",
        "64 points, 64 bins; fit_batch with and without intervals, one worker.",
        rows_of(calls, 1), "fit",
    )  # fmt: skip


def bench_maps(n_voxels):
    """Return the workload of voxels with an angle of their own."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(130.0, 180.0, n_voxels)
    model = EPGEchoTrain(echo_spacing=0.01)
    points = np.column_stack([0.01 * np.arange(1, 33)])
    builder = KernelBuilder(model, n_bins=40, minimum=0.01, maximum=2.0)
    inversion = StrengthSearch(SmoothLasso(0.0), "chi2", per_signal=True)
    search = KernelParameterSearch(
        make_pipeline(builder, inversion), values=np.linspace(120.0, 180.0, 13)
    )
    clean = 0.15 * np.exp(-points / 0.02) + 0.85 * np.exp(-points / 0.08)
    Y = clean + 0.005 * rng.standard_normal((len(points), n_voxels))
    known = np.round(angles)
    options = {"n_refits": N_REFITS, "random_state": 0}
    calls = {
        "fit": lambda: search.fit(points, Y),
        f"statistic_intervals, {N_REFITS} refits": lambda: statistic_intervals(
            search, points, Y, **options
        ),
        f"statistic_intervals, {N_REFITS} refits, angles known": lambda: (
            statistic_intervals(search, points, Y, known=known, **options)
        ),
    }
    return make_workload(
        f"Maps of {n_voxels} voxels",
        "32 echoes, 40 bins, 13 angles; strength by chi2 and angle of each voxel.",
        rows_of(calls, 1), "fit",
    )  # fmt: skip


def bench_plane(n_bins):
    """Return the workload of a plane of n_bins along each axis."""
    X = acquisition_grid(np.geomspace(0.01, 5, 20), np.geomspace(1e-3, 2, 200))
    y = (1.0 - 2.0 * np.exp(-X[:, 0] / 0.8)) * np.exp(-X[:, 1] / 0.1)
    y += 0.005 * np.random.default_rng(0).standard_normal(y.size)
    builder = KernelBuilder(
        ["T1-IR", "T2"],
        n_bins=[n_bins, n_bins],
        minimum=[0.01, 1e-3],
        maximum=[10.0, 3.0],
    )
    model = make_pipeline(builder, SmoothLasso(0.0, 1e-4))
    result = bootstrap_distribution(model, X, y, n_bootstrap=2, random_state=0)

    def bounds(call):
        # Each is computed once, so that a second call would time nothing.
        result._found.clear()
        return call()

    calls = {
        "fit": lambda: model.fit(X, y),
        "bounds of the ratio T1/T2": lambda: bounds(lambda: result.interval("ratio")),
        "bounds of all numbers": lambda: bounds(result.to_frame),
    }
    return make_workload(
        f"A plane of {n_bins} x {n_bins} bins",
        f"4000 points; {len(result.to_frame())} numbers in all.",
        rows_of(calls, 1), "fit",
    )  # fmt: skip


def main():
    """Print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help="part of the title of a workload")
    parser.add_argument("--n-voxels", type=int, default=50)
    options = parser.parse_args()
    tasks = {}
    for name, model in inversions().items():
        tasks[f"One signal, {name}"] = lambda n=name, m=model: bench_one(n, m)
        tasks[f"Table, {name}"] = lambda n=name, m=model: bench_table(n, m, 100)
    tasks["Maps"] = lambda: bench_maps(options.n_voxels)
    for n_bins in (40, 100):
        tasks[f"Plane, {n_bins}"] = lambda n=n_bins: bench_plane(n)
    workloads = [
        watch(task)
        for title, task in tasks.items()
        if options.only is None or options.only in title
    ]
    write_results(
        "intervals", "Cost of intervals", workloads,
        ["skrelax", "numpy", "scipy", "scikit-learn"],
    )  # fmt: skip


if __name__ == "__main__":
    main()
