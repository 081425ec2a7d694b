"""T2 distributions of voxels: rules of the strength, angle searched or known.

The peer is the same algorithm on scipy.optimize.nnls with kernels ready: an angle by
Brent's method between the neighbours of the best of every sixth kernel of the scan,
then the strength of chi2 by Brent's method on stacked rows. The cost of many voxels
is timed for chi2, in parts as a volume is mapped; 1e6 take minutes (--most 1000000).
"""

import argparse

import numpy as np
from _timing import interleave, make_row, make_workload, watch, write_results
from scipy.optimize import brentq, minimize_scalar, nnls

from skrelax.inversion._voxels import RULES, invert_signals, make_table
from skrelax.inversion._voxels._numba_kernel import kernel_at
from skrelax.signals import EPGEchoTrain

N_ECHOES, N_BINS, SNR = 48, 40, 150.0
TIMES = 0.01 * np.arange(1, N_ECHOES + 1)[:, None]
T2 = np.geomspace(0.01, 2.0, N_BINS)
OPTIONS = {"strengths": 1e-3 / N_ECHOES, "noise_std": 1.0 / SNR}
PEER_SIGNALS = 20
PEER = "chi2 on scipy.optimize.nnls"
# Signals simulated once for runs of many.
PART = 10_000
# Published by DECAES.jl, in its README; background below a threshold is skipped, so
# voxels a second are upper figures.
DECAES = (
    ("56 echoes, 240 x 240 x 113", 240 * 240 * 113, 12, "Xeon E5-2640", 67.0),
    ("56 echoes, 240 x 240 x 113", 240 * 240 * 113, 16, "Ryzen 3950X", 15.6),
    ("56 echoes, 240 x 240 x 113", 240 * 240 * 113, 32, "Ryzen 3970X", 7.7),
    ("48 echoes, 240 x 240 x 48", 240 * 240 * 48, 2, "i5-4200U", 402.0),
)


def signed_train(angle):
    """Return echoes (n_echoes, n_bins) at a refocusing angle, weighted."""
    train = EPGEchoTrain(angle, echo_spacing=0.01, excitation="half")
    return train.evaluate(TIMES, T2[:, None]) / np.sqrt(N_ECHOES)


def simulate(table, n_signals, seed=0):
    """Return signals of myelin and tissue, a tenth with fluid; angles and fractions."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(120.0, 180.0, n_signals)
    fluid = np.where(rng.random(n_signals) < 0.1, rng.uniform(0, 0.6, n_signals), 0.0)
    share = rng.uniform(0.05, 0.2, n_signals) * (1.0 - fluid)
    peaks = [
        np.exp(-0.5 * (np.log(T2 / place) / width) ** 2)
        for place, width in ((0.02, 0.2), (0.08, 0.25), (1.0, 0.15))
    ]
    peaks = np.array([peak / peak.sum() for peak in peaks])
    F = np.column_stack([share, 1.0 - fluid - share, fluid]) @ peaks
    K, Y = np.empty((N_BINS, N_ECHOES)), np.empty((n_signals, N_ECHOES))
    for row, angle, f in zip(Y, angles, F, strict=True):
        kernel_at(table, angle, K)
        row[:] = f @ K * np.sqrt(N_ECHOES)
    noise = rng.standard_normal((2, *Y.shape)) / SNR
    return np.hypot(Y + noise[0], noise[1]), angles, share


def peer(table, y, angle=None):
    """Return the distribution of a signal by chi2 on scipy.optimize.nnls."""
    y = y / np.sqrt(N_ECHOES)
    K = np.empty((N_BINS, N_ECHOES))

    def free(v):
        kernel_at(table, v, K)
        return nnls(K.T, y, maxiter=1000)[1] ** 2

    if angle is None:
        nodes, kernels = table.nodes[::-6][::-1], table.kernels[::-6][::-1]
        best = int(np.argmin([nnls(A.T, y, maxiter=1000)[1] for A in kernels]))
        bounds = nodes[max(best - 1, 0)], nodes[min(best + 1, nodes.size - 1)]
        found = minimize_scalar(
            free, bounds=bounds, method="bounded", options={"xatol": 1e-2}
        )
        angle = found.x
    target = 1.02 * free(angle)
    zeros = np.zeros(N_BINS)
    answer = []

    def excess(z):
        stacked = np.vstack([K.T, np.exp(0.5 * z) * np.eye(N_BINS)])
        x = nnls(stacked, np.append(y, zeros), maxiter=1000)[0]
        answer[:] = [x]
        return np.sum((x @ K - y) ** 2) - target

    high = np.log(10.0 * np.mean(K**2) * N_ECHOES)
    brentq(excess, high - 23.0, high, xtol=1e-4)
    return answer[0]


def bench_rules(table, n_signals, repeats, threads, known):
    """Return the workload of all rules, with angles known or searched."""
    signals, angles, share = simulate(table, n_signals)
    known = angles if known else None
    few = [None] * PEER_SIGNALS if known is None else angles[:PEER_SIGNALS]
    part = list(zip(signals, few, strict=False))
    calls = {PEER: lambda: [peer(table, y, v) for y, v in part]}
    notes = {}
    for rule in RULES:
        for n_jobs in threads:
            name = f"{rule}, {n_jobs} thread{'s' * (n_jobs > 1)}"

            def call(rule=rule, n_jobs=n_jobs):
                return invert_signals(
                    table, signals, rule, settings=known, n_jobs=n_jobs, **OPTIONS
                )

            F = call().distributions
            error = F[:, T2 < 0.04].sum(axis=1) / F.sum(axis=1) - share
            notes[name] = (
                f"short fraction off by {np.nanmean(error):+.3f}, "
                f"standard deviation {np.nanstd(error):.3f}"
            )
            calls[name] = call
    timings = interleave(calls, repeats)
    scale = n_signals / PEER_SIGNALS
    notes[PEER] = f"{PEER_SIGNALS} voxels timed, scaled up"
    rows = []
    for name, timing in timings.items():
        factor = scale if name == PEER else 1.0
        rate = n_signals / (timing.median * factor)
        note = f"{rate:.0f} voxels a second; {notes[name]}"
        rows.append(make_row(name, timing, note=note, scale=factor))
        print(f"{name:36s} {note}", flush=True)
    what = "searched" if known is None else "known"
    return make_workload(
        f"{n_signals} voxels, angle {what}",
        f"{N_ECHOES} echoes, {N_BINS} bins, SNR {SNR:.0f}, angles from 120 to 180 deg.",
        rows,
        PEER,
    )


def published():
    """Return what DECAES.jl states, as a text."""
    rows = [
        f"{what} in {seconds:g} s on {n_cores} cores of {processor} (up to "
        f"{n / seconds / n_cores:.0f} voxels a second and core)"
        for what, n, n_cores, processor, seconds in DECAES
    ]
    return "DECAES.jl publishes: " + "; ".join(rows) + "."


def bench_sizes(table, most):
    """Return the workload of more and more voxels, angle searched by chi2."""
    signals, _, _ = simulate(table, PART)
    sizes = [PART * 10**k for k in range(7) if PART * 10**k < most] + [most]
    calls = {}
    for n in sizes:

        def call(n=n):
            for start in range(0, n, PART):
                part = signals[: min(PART, n - start)]
                invert_signals(table, part, "chi2", n_jobs=1, **OPTIONS)

        calls[f"{n} voxels"] = call
    calls[f"{sizes[0]} voxels"]()
    rows = []
    for (name, timing), n in zip(
        interleave(calls, 1, once=list(calls)).items(), sizes, strict=True
    ):
        note = f"{n / timing.median:.0f} voxels a second"
        rows.append(make_row(name, timing, note=note))
        print(f"{name:36s} {note}", flush=True)
    return make_workload(
        "cost of many voxels",
        f"chi2, angle searched, one thread, parts of {PART}. {published()}",
        rows,
        f"{sizes[0]} voxels",
    )


def main():
    """Time all rules and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-signals", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--most", type=int, default=50_000)
    options = parser.parse_args()
    table = make_table(signed_train, 50.0, 180.0, magnitude=True)
    workloads = [
        watch(
            bench_rules,
            table,
            options.n_signals,
            options.repeats,
            options.threads,
            known,
        )
        for known in (False, True)
    ]
    workloads.append(watch(bench_sizes, table, options.most))
    write_results(
        "volumes", "T2 distributions of volumes", workloads, ["numpy", "scipy", "numba"]
    )


if __name__ == "__main__":
    main()
