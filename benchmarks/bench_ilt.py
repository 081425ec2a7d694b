"""Signed multi-dimensional inversion beside ILTpy: time and memory.

Every run is a process of its own, so that its peak memory is its own; contestants
take turns. Times include what a user waits for: set-up and iterations, on data in
memory. Both packages run the same number of iterations to the same distribution,
which is checked. Long runs of ILTpy do fewer iterations and are extended.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _timing import Timing, make_row, make_workload, watch, write_results

OURS, OURS_1, PEER = "skrelax, 2 threads", "skrelax, 1 thread", "ILTpy"
N_ITER = 100
# Lines that ILTpy gets of a batch; its time is extended to all of them.
N_LINES = 20
# Calls per process of what takes milliseconds, of which the median counts.
N_SHORT = 9
CHILD = """
import json, resource, sys, warnings
sys.path.insert(0, {folder!r})
warnings.simplefilter("ignore")
from bench_ilt import run
print(json.dumps(run(*{arguments!r})))
"""


def problem(name):
    """Return data, axes, grids and kernels of a workload."""
    from skrelax.datasets import make_signed_slices, make_spectrum_series

    kind, _, size = name.partition(" ")
    if kind == "spectrum":
        made = make_spectrum_series(int(size))
        x = np.arange(1.0, int(size) + 1)
        axes, grids = [made.delays, x], [made.relaxation_times, x]
        return made.data, axes, grids, ["T2", "identity"]
    if kind in ("line", "lines"):
        times = np.logspace(-3, 1, 64)
        data = 200 * np.exp(-times / 0.05) + 300 * np.exp(-times)
        shape = (64, int(size)) if size else (64,)
        data = data.reshape(64, *[1] * (len(shape) - 1))
        data = data + np.random.default_rng(0).standard_normal(shape)
        return data, [times], [np.logspace(-4, 2, 100)], ["T2"]
    made = make_signed_slices()
    tau = np.logspace(-1.5, 2.5, 40)
    axes, grids = [made.times, made.times], [tau, tau]
    if kind == "plane":
        return made.data[:, :, 3], axes, grids, ["T2", "T2"]
    z = made.positions
    return made.data, [*axes, z], [*grids, z], ["T2", "T2", "identity"]


def run(name, contestant, n_iter, path):
    """Run one contestant in this process; return seconds, memory and first call."""
    import resource
    import time

    data, axes, grids, kernels = problem(name)
    peak = ours = None
    if contestant == PEER:
        import iltpy

    def lines_of_peer(n):
        """Invert a part of the lines one by one, and extend the time to all."""
        found, start = [], time.perf_counter()
        for line in data.T[:N_LINES]:
            peer = iltpy.iltload(data=line.copy(), t=[axes[0].copy()])
            peer.init(
                tau=[grids[0].copy()],
                kernel=[iltpy.Exponential()],
                parameters={"maxloop": n, "conv_limit": 0},
            )
            peer.invert(verbose=0)
            found.append(np.asarray(peer.g))
        seconds = time.perf_counter() - start
        return np.array(found).T, seconds * data.shape[1] / N_LINES, 0.0

    def fit(n):
        if contestant == PEER and name.startswith("lines"):
            return lines_of_peer(n)
        if contestant == PEER:
            names = {"T2": iltpy.Exponential, "identity": iltpy.Identity}
            peer = iltpy.iltload(data=data.copy(), t=[axis.copy() for axis in axes])
            start = time.perf_counter()
            peer.init(
                tau=[grid.copy() for grid in grids],
                kernel=[names[kernel]() for kernel in kernels],
                parameters={"maxloop": n, "conv_limit": 0},
            )
            between = time.perf_counter()
            peer.invert(verbose=0)
            return np.asarray(peer.g), time.perf_counter() - between, between - start
        from skrelax import MultiDimRegularizedILT, ReferenceScheme

        start = time.perf_counter()
        ilt = MultiDimRegularizedILT(
            kernels, grids, noise_std=1.0, scheme=ReferenceScheme(n, 0.0),
            n_jobs=1 if contestant == OURS_1 else 2,
        ).fit_grid(axes, data)  # fmt: skip
        g = ilt.distribution_
        return (
            g[:, :N_LINES] if name.startswith("lines") else g,
            (time.perf_counter() - start),
            0.0,
        )

    short = name == "line"
    if contestant != PEER or short:
        start = time.perf_counter()
        fit(1)
        ours = time.perf_counter() - start
    # Milliseconds: what both do the first time is not what they do.
    calls = [fit(n_iter) for _ in range(N_SHORT if short else 1)]
    g = calls[0][0]
    seconds, setup = (
        float(np.median(part)) for part in list(zip(*calls, strict=True))[1:]
    )
    if path:
        np.save(path, g)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"run": seconds, "setup": setup, "peak_mb": peak, "first": ours}


def start(name, contestant, n_iter, path=""):
    """Run one contestant in a fresh process."""
    folder = str(Path(__file__).parent)
    code = CHILD.format(folder=folder, arguments=(name, contestant, n_iter, str(path)))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def compare(name, title, description, *, rounds=3, peer_iter=N_ITER, n_iter=N_ITER):
    """Return a workload of both packages, in turn.

    peer_iter : iterations that ILTpy runs, extended to n_iter; 0 leaves it out.
    """
    agreement, first, n_check = None, None, 0
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{side}.npy" for side in "ab"]
        if peer_iter:
            # One iteration of each for the memory of a short run, and agreement.
            n_check = min(peer_iter, 10)
            start(name, OURS, n_check, files[0])
            first = start(name, PEER, n_check, files[1])
            ours, theirs = (np.load(file) for file in files)
            agreement = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    samples = {OURS: [], OURS_1: [], PEER: []}
    memory = {}
    heavy = peer_iter < N_ITER
    for turn in range(rounds):
        for contestant in (OURS, OURS_1, PEER):
            if contestant == PEER and (not peer_iter or (heavy and turn)):
                continue
            count = peer_iter if contestant == PEER else n_iter
            if contestant == PEER and count == n_check:
                # Minutes: the run that was compared counts.
                found = first
            else:
                found = start(name, contestant, count)
            samples[contestant].append(found["setup"] + found["run"] * (n_iter / count))
            memory.setdefault(contestant, found["peak_mb"])
    rows = []
    for contestant, seconds in samples.items():
        if seconds:
            note = f"{memory[contestant]:.0f} MB at the peak"
            if contestant == PEER and peer_iter < n_iter:
                note += f"; {peer_iter} iterations, extended to {n_iter}"
            gap = agreement if contestant == PEER else None
            rows.append(make_row(contestant, Timing(seconds), gap=gap, note=note))
    return make_workload(
        title, description, rows, OURS,
        gap_label="relative difference of the two distributions after "
        f"{min(peer_iter, 10)} iterations" if peer_iter else None,
    )  # fmt: skip


def main():
    """Run the workloads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="part of a workload's name")
    only = parser.parse_args().only
    plans = [
        ("line", "One axis", f"64 points on 100 bins, 100 iterations; medians of "
         f"{N_SHORT} calls in a process.", {"rounds": 15}),
        ("lines 400", "400 lines", "400 signals of 64 points on 100 bins, 100 "
         "iterations each; ILTpy inverts 20 of them, extended.", {}),
        ("plane", "Two inverted axes", "32 x 32 points on 40 x 40 bins, 100 "
         "iterations.", {}),
        ("cube", "Pseudo three-dimensional", "32 x 32 x 10 points on 40 x 40 x 10 "
         "bins, two iterations: 16 000 unknowns.",
         {"n_iter": 2, "peer_iter": 2, "rounds": 3}),
    ]  # fmt: skip
    for n, peer_iter in ((512, 100), (2048, 20), (8192, 4), (32768, 0), (65536, 0)):
        plans.append((
            f"spectrum {n}",
            f"Spectrum of {n} points",
            f"8 delays x {n} points on 35 x {n} bins, 100 iterations.",
            {"peer_iter": peer_iter, "rounds": 3 if n < 8192 else 1},
        ))  # fmt: skip
    packages = ["skrelax", "ilt-py-lib", "numpy", "scipy", "numba"]
    for name, title, description, rest in plans:
        if only is None or only in name:
            # Minutes each: what is done is kept.
            workload = watch(compare, name, title, description, **rest)
            write_results(
                "ilt", "Signed inversion on several axes", [workload], packages
            )


if __name__ == "__main__":
    main()
