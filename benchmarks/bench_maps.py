"""Maps of 128 x 128 voxels beside Adam in torch, curve_fit, and torchsim.

All contestants minimise the sum of squares of the same images; the columns of the
table tell how far above the minimum they stop. curve_fit runs on a part of the voxels,
and its time is scaled up. Adam is mrpro's example: amplitude and relaxation time of all
voxels as one tensor, 2000 iterations at a rate of 0.1.
"""

import argparse
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from _timing import (
    Timing,
    interleave,
    make_row,
    make_workload,
    watch,
    write_results,
)
from scipy.optimize import curve_fit
from sklearn.exceptions import ConvergenceWarning
from torchsim.estimators import NonlinearLeastSquares
from torchsim.simulators import MultiEchoSimulator

from skrelax.datasets import make_image_series
from skrelax.nonlinear import NonlinearRelaxationFit
from skrelax.signals import BiExponential, InversionRecovery, StretchedExponential

OURS_1, OURS_2 = "skrelax, 1 thread", "skrelax, 2 threads"
ADAM, TORCHSIM = "torch Adam, 2000 iterations", "torchsim NonlinearLeastSquares"
# Without bounds it is MINPACK's Levenberg-Marquardt; ours has bounds.
SCIPY, BOUNDED = "scipy curve_fit", "scipy curve_fit with bounds"
# Voxels that curve_fit gets.
N_PART = 400
TI = np.geomspace(0.05, 3.0, 10)
TE = 0.008 * np.arange(1, 17)
BIG = """
import resource, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
sys.path.insert(0, {folder!r})
from bench_maps import many_voxels, TI
from skrelax.compose import VoxelMapper
from skrelax.nonlinear import NonlinearRelaxationFit
mapper = VoxelMapper(
    NonlinearRelaxationFit("T1-IR", magnitude=True, n_jobs=2), TI[:, None],
    include=("params",),
)
mapper.fit(np.ones((1, 10))).transform(many_voxels(1000))
rows = many_voxels({n})
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
out = mapper.transform(rows)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(seconds, (peak - base) / 1024, out.nbytes / 2**20)
"""

VOLUME = """
import resource, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
from skrelax.nonlinear import NonlinearRelaxationFit
TE = 0.01 * np.arange(1, 33)[:, None]
fit = NonlinearRelaxationFit("T2", n_jobs=2)
fit.fit(TE, np.exp(-TE / 0.05) @ np.ones((1, 300)))
rng = np.random.default_rng(0)
T2 = rng.uniform(0.03, 0.2, {n}).astype(np.float32)
y = np.empty((32, {n}), np.float32)
for row, time_of_echo in zip(y, TE[:, 0]):
    row[:] = np.exp(-time_of_echo / T2)
    row += 0.005 * rng.standard_normal({n}, dtype=np.float32)
start = time.perf_counter()
fit.fit(TE, y)
seconds = time.perf_counter() - start
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def many_voxels(n):
    """Return rows of magnitudes, float32, (n, 10)."""
    rng = np.random.default_rng(0)
    rows = np.empty((n, TI.size), dtype=np.float32)
    for start in range(0, n, 100_000):
        part = rows[start : start + 100_000]
        T1 = rng.uniform(0.3, 3.0, (len(part), 1))
        part[:] = np.abs(
            1 - 2 * np.exp(-TI / T1) + 0.02 * rng.standard_normal(part.shape)
        )
    return rows


def series(model, times, name):
    """Return X (n_points, 1), all voxels y, and which are tissue."""
    import pandas as pd

    data = make_image_series(
        model, pd.DataFrame({name: times}), noise_std=0.02, random_state=0
    )
    return times[:, None], data.y, np.isfinite(data.truth["M0"]).ravel()


def dense_optimum(evaluate, X, y, limits, magnitude, n_grid=20_000):
    """Return the least sum of squares of each voxel on a dense grid."""
    grid = np.geomspace(*limits, n_grid)[:, None]
    phi = evaluate(X, grid)
    phi = np.abs(phi) if magnitude else phi
    phi = phi / np.linalg.norm(phi, axis=0)
    best = np.empty(y.shape[1])
    for start in range(0, best.size, 500):
        part = slice(start, start + 500)
        best[part] = ((y[:, part].T @ phi) ** 2).max(axis=1)
    return (y**2).sum(axis=0) - best


def excess(predicted, y, optimum):
    """Return how far sums of squares are above the optimum, relative to it."""
    return ((predicted - y) ** 2).sum(axis=0) / optimum - 1.0


def note(over):
    """Return shares of tissue voxels above the optimum, in words."""
    return (
        f"{100 * np.mean(~(over < 1e-6)):.2g} % of tissue more than 1e-6 above the "
        f"optimum, {100 * np.mean(~(over < 1e-3)):.2g} % more than 1e-3"
    )


def adam(y, function, start, iterations=2000, rate=0.1):
    """Return M0 and T of all voxels after Adam, as mrpro's example does it."""
    target = torch.tensor(y, dtype=torch.float32)
    M0 = torch.tensor(start[0], dtype=torch.float32, requires_grad=True)
    T = torch.tensor(start[1], dtype=torch.float32, requires_grad=True)
    optimizer = torch.optim.Adam([M0, T], lr=rate)
    for _ in range(iterations):
        optimizer.zero_grad()
        loss = ((function(M0, T) - target) ** 2).sum()
        loss.backward()
        optimizer.step()
    return M0.detach().numpy(), T.detach().numpy()


def dictionary_start(evaluate, X, y, grid, magnitude):
    """Return M0 and T of the best of a few atoms."""
    phi = evaluate(X, grid[:, None])
    phi = np.abs(phi) if magnitude else phi
    size = np.linalg.norm(phi, axis=0)
    products = (phi / size).T @ y
    best = products.argmax(axis=0)
    return products.max(axis=0) / size[best], grid[best]


def fit_loop(function, X, y, start, upper=None):
    """Return parameters (n_voxels, n_parameters) of curve_fit, nan where it gives up.

    With `upper` the parameters are held between 0 and these.
    """
    out = np.full((y.shape[1], len(start)), np.nan)
    settings = {} if upper is None else {"bounds": (0.0, upper)}
    for voxel in range(y.shape[1]):
        try:
            out[voxel] = curve_fit(
                function, X[:, 0], y[:, voxel], p0=start, **settings
            )[0]
        except RuntimeError:
            continue
    return out


def fit_loops(function, X, y, start, upper, fitted):
    """Return the calls of curve_fit without and with bounds."""

    def call(name, upper):
        def run():
            fitted[name] = fit_loop(function, X, y, start, upper)

        return run

    return {SCIPY: call(SCIPY, None), BOUNDED: call(BOUNDED, upper)}


def loop_rows(function, X, y, part, optimum, fitted, timings):
    """Return the rows of curve_fit, whose time is scaled up to all voxels."""
    rows = []
    for name in (SCIPY, BOUNDED):
        with np.errstate(all="ignore"):
            over = excess(function(X, *fitted[name].T), y[:, part], optimum[part])
        rows.append(
            make_row(
                name, timings[name], gap=np.nanmax(over), scale=y.shape[1] / part.size,
                note=f"{part.size} tissue voxels, scaled up; {note(over)}",
            )
        )  # fmt: skip
    return rows


def fitting(model, X, y, fitted, bounds=None):
    """Return the calls of one and two threads."""

    def call(name, n_jobs):
        def run():
            fit = NonlinearRelaxationFit(model, n_jobs=n_jobs, bounds=bounds)
            fitted[name] = fit.fit(X, y)

        return run

    return {OURS_1: call(OURS_1, 1), OURS_2: call(OURS_2, 2)}


def bench_inversion(repeats):
    """Time |M0 (1 - 2 exp(-TI / T1))| of an image."""
    model = InversionRecovery()
    X, y, tissue = series(model, TI, "TI")
    optimum = dense_optimum(model.evaluate, X, y, model.search_limits(X)[0], True)
    start = dictionary_start(model.evaluate, X, y, np.linspace(0.1, 5.0, 50), True)
    times = torch.tensor(TI, dtype=torch.float32)[:, None]
    part = np.flatnonzero(tissue)[:: tissue.sum() // N_PART]
    fitted = {}

    def run_adam():
        fitted[ADAM] = adam(
            y, lambda M0, T: torch.abs(M0 * (1 - 2 * torch.exp(-times / T))), start
        )

    def function(t, M0, T1):
        return np.abs(M0 * (1 - 2 * np.exp(-t / T1)))

    loops = fit_loops(function, X, y[:, part], (1.0, 1.0), (10.0, 90.0), fitted)
    calls = fitting(model, X, y, fitted)
    timings = interleave(
        {**calls, ADAM: run_adam, **loops}, repeats, once={ADAM, *loops}
    )
    ours = excess(fitted[OURS_2].predict(X), y, optimum)[tissue]
    M0, T1 = fitted[ADAM]
    with np.errstate(all="ignore"):
        theirs = excess(function(X, M0, T1), y, optimum)[tissue]
    rows = [
        make_row(OURS_1, timings[OURS_1], gap=ours.max(), note=note(ours)),
        make_row(OURS_2, timings[OURS_2], gap=ours.max(), note=note(ours)),
        make_row(ADAM, timings[ADAM], gap=np.nanmax(theirs), note=note(theirs)),
        *loop_rows(function, X, y, part, optimum, fitted, timings),
    ]  # fmt: skip
    return make_workload(
        "T1 from magnitudes of an inversion recovery",
        "10 inversion times, 128 x 128 voxels of which "
        f"{tissue.sum()} are tissue, Rician noise of 2 %.",
        rows,
        OURS_2,
        "largest relative excess of the sum of squares over a grid of 20 000 T1",
    )


def bench_mono(repeats):
    """Time a mono-exponential decay."""
    X, y, tissue = series("T2*", TE, "TE")
    model = NonlinearRelaxationFit("T2*").fit(X, y[:, tissue][:, :9]).model_
    optimum = dense_optimum(model.evaluate, X, y, model.search_limits(X)[0], False)
    part = np.flatnonzero(tissue)[:: tissue.sum() // N_PART]
    fitted = {}
    peer = NonlinearLeastSquares(
        MultiEchoSimulator(TE=torch.tensor(1e3 * TE, dtype=torch.float32)),
        bounds={"T2": (1.0, 1000.0), "M0": (0.0, 10.0)},
    ).fit(T2=(10.0, 300.0), M0=(0.1, 2.0))
    signals = torch.tensor(y.T, dtype=torch.float32)

    def run_torchsim():
        fitted[TORCHSIM] = peer.map(signals)

    def function(t, M0, T2):
        return M0 * np.exp(-t / T2)

    loops = fit_loops(function, X, y[:, part], (1.0, 0.05), (10.0, 4.0), fitted)
    calls = fitting("T2*", X, y, fitted)
    timings = interleave(
        {**calls, TORCHSIM: run_torchsim, **loops}, repeats, once=set(loops)
    )
    ours = excess(fitted[OURS_2].predict(X), y, optimum)[tissue]
    found = fitted[TORCHSIM]
    T2 = np.asarray(found["T2"], dtype=np.float64).ravel() * 1e-3
    M0 = np.asarray(found["M0"], dtype=np.float64).ravel()
    with np.errstate(all="ignore"):
        theirs = excess(function(X, M0, T2), y, optimum)[tissue]
    rows = [
        make_row(OURS_1, timings[OURS_1], gap=ours.max(), note=note(ours)),
        make_row(OURS_2, timings[OURS_2], gap=ours.max(), note=note(ours)),
        make_row(
            TORCHSIM, timings[TORCHSIM], gap=np.nanmax(theirs),
            note=f"float32; {note(theirs)}",
        ),
        *loop_rows(function, X, y, part, optimum, fitted, timings),
    ]  # fmt: skip
    return make_workload(
        "T2* from a mono-exponential decay",
        f"16 echoes, 128 x 128 voxels of which {tissue.sum()} are tissue, Rician noise "
        "of 2 %.",
        rows,
        OURS_2,
        "largest relative excess of the sum of squares over a grid of 20 000 T2*",
    )


def bench_two(repeats):
    """Time bi-exponential and stretched decays."""
    workloads = []
    rng = np.random.default_rng(0)
    X, n = TE[:, None] / 2, 128 * 128
    T2 = rng.uniform(0.01, 0.02, n)
    cases = {
        "Bi-exponential decays": (
            BiExponential(),
            np.stack([T2 / 3, 3 * T2], axis=1),
            np.stack([np.full(n, 0.4), np.full(n, 0.6)]),
            lambda t, a, b, s, f: a * np.exp(-t / s) + b * np.exp(-t / f),
            (0.5, 0.5, 0.005, 0.05),
            (10.0, 10.0, 2.0, 2.0),
        ),
        "Stretched decays": (
            StretchedExponential(),
            np.stack([T2, rng.uniform(0.5, 1.0, n)], axis=1),
            np.ones((1, n)),
            lambda t, a, T, beta: a * np.exp(-((t / np.abs(T)) ** beta)),
            (1.0, 0.015, 0.8),
            (10.0, 2.0, 1.5),
        ),
    }
    for title, case in cases.items():
        model, parameters, amplitudes, function, start, upper = case
        y = np.einsum("lin,ln->in", model.basis(X, parameters), amplitudes)
        y += 2e-3 * rng.standard_normal(y.shape)
        part, fitted = np.arange(0, n, n // N_PART), {}

        loops = fit_loops(function, X, y[:, part], start, upper, fitted)
        calls = fitting(model, X, y, fitted)
        timings = interleave({**calls, **loops}, repeats, once=set(loops))
        ours = ((fitted[OURS_2].predict(X) - y) ** 2).sum(axis=0)[part]
        rows = [make_row(OURS_1, timings[OURS_1]), make_row(OURS_2, timings[OURS_2])]
        for name in loops:
            with np.errstate(all="ignore"):
                peer = ((function(X, *fitted[name].T) - y[:, part]) ** 2).sum(axis=0)
            worse = np.mean(~(peer < ours * (1 + 1e-3)))
            our_worse = np.mean(ours > peer * (1 + 1e-6))
            text = (
                f"{part.size} voxels, scaled up; {100 * worse:.2g} % fail or are more "
                f"than 1e-3 above ours, {100 * our_worse:.2g} % more than 1e-6 below"
            )
            rows.append(make_row(name, timings[name], scale=n / part.size, note=text))
        workloads.append(
            make_workload(
                title, "16 echoes, 128 x 128 voxels, noise of 0.2 %.", rows, OURS_2
            )
        )
    return workloads


def bench_size(largest):
    """Time growing numbers of voxels, each in a fresh interpreter."""
    rows = []
    for n in (100_000, 1_000_000, 10_000_000):
        if n > largest:
            continue
        code = BIG.format(folder=str(Path(__file__).parent), n=n)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        seconds, extra, size = map(float, done.stdout.split())
        rows.append(
            make_row(
                f"{n:,} voxels", Timing([seconds]),
                note=f"{extra:.0f} MB more at the peak, of which {size:.0f} MB are the "
                f"result; {1e6 * seconds / n:.2f} µs a voxel",
            )
        )  # fmt: skip
    n = min(256 * 256 * 60, 4 * largest)
    code = VOLUME.format(n=n)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    seconds, peak = map(float, done.stdout.split())
    rows.append(
        make_row(
            f"{n:,} voxels, T2 of 32 echoes at once", Timing([seconds]),
            note=f"{peak:.0f} MB at the peak in all, of which {n * 128 / 2**20:.0f} MB "
            "are the images",
        )
    )  # fmt: skip
    return make_workload(
        "T1 maps of any size",
        "VoxelMapper, 10 inversion times, magnitudes, two threads; rows of float32.",
        rows,
        rows[0]["contestant"],
    )


def main():
    """Run the workloads and write their results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--largest", type=int, default=10_000_000)
    parser.add_argument(
        "--only", choices=["inversion", "mono", "two", "size"], default=None
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    # curve_fit says so where it finds no covariance.
    warnings.simplefilter("ignore", category=Warning)
    torch.set_num_threads(2)
    workloads = []
    if arguments.only in (None, "inversion"):
        workloads.append(watch(bench_inversion, arguments.repeats))
    if arguments.only in (None, "mono"):
        workloads.append(watch(bench_mono, arguments.repeats))
    if arguments.only in (None, "two"):
        workloads += bench_two(arguments.repeats)
    if arguments.only in (None, "size"):
        workloads.append(bench_size(arguments.largest))
    write_results(
        "maps",
        "Parameter maps",
        workloads,
        ["numpy", "scipy", "numba", "torch", "torchsim"],
    )


if __name__ == "__main__":
    main()
