"""Two inverted axes at full size: fits, choices of the strength, and many planes.

16 x 60 points of T1-T2 on up to 100 x 100 bins. Peers are FLINT as flintpy-nmr has it,
on its own objective, and the way of few bins, which forms the Hessian of all of them;
it takes minutes on more than 64 x 64.
"""

import argparse
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
from _timing import interleave, make_row, make_workload, watch, write_results

from skrelax import KernelBuilder, SmoothLasso, SmoothLassoCV
from skrelax.inversion import _plane_system
from skrelax.kernels import acquisition_grid, average_kernel
from skrelax.model_selection import StrengthSearch

TI, TE = np.geomspace(1e-3, 3, 16), np.geomspace(1e-4, 0.1, 60)
NOISE = 1.5e-3
RULES = ("gcv", "lcurve", "discrepancy", "chi2", "brd", "cv", "cv-1se")
MEMORY = """
import sys
sys.path.insert(0, {folder!r})
from bench_planes import peak, plane_problem
from skrelax import SmoothLasso, SmoothLassoCV
import numpy as np
SmoothLasso().fit(np.eye(4), np.ones(4))
K, s = plane_problem({n_bins}, broad={broad})
base = peak()
{model}.fit(K, s)
print(peak() - base, peak())
"""


def plane_problem(n_bins, n_signals=None, broad=False):
    """Return the kernel (960, n_bins^2) of an IR-CPMG and signals of two peaks."""
    builder = KernelBuilder(
        ["T1-IR", "T2"], n_bins=n_bins, minimum=[1e-3, 1e-4], maximum=[10, 1]
    )
    K = builder.fit_transform(acquisition_grid(TI, TE))
    if broad:
        x, y = np.meshgrid(*(np.linspace(0, 1, n_bins),) * 2, indexing="ij")
        f = np.exp(-0.5 * ((x + y - 1.2) / 0.3) ** 2 - 0.5 * ((x - y) / 0.08) ** 2)
        s = np.asarray(K) @ (f / f.sum()).ravel()
    else:
        first = 1 - 2 * np.exp(-TI[:, None] / [0.16, 0.02])
        s = ((first * [0.7, 0.3]) @ np.exp(-TE / np.array([[0.013], [0.002]]))).ravel()
    rng = np.random.default_rng(0)
    if n_signals is None:
        return K, s + NOISE * rng.standard_normal(s.size)
    scales = np.linspace(0.5, 1.0, n_signals)
    return K, s[:, None] * scales + NOISE * rng.standard_normal((s.size, n_signals))


def peak():
    """Return the largest memory of this process so far [MiB], where Linux tells."""
    # What getrusage tells begins with the memory of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM")]
    return float(line.split()[1]) / 1024


def on_all_bins(model, K, s):
    """Fit with the Hessian of all bins."""
    limit, _plane_system.MANY_BINS = _plane_system.MANY_BINS, 100_000
    try:
        return model.fit(K, s)
    finally:
        _plane_system.MANY_BINS = limit


def bench_fit(n_bins, broad, repeats, peer):
    """Time one fit at three strengths."""
    K, s = plane_problem(n_bins, broad=broad)
    models, calls = {}, {}
    for smoothness in (1e-2, 1e-4, 1e-6):
        name = f"smoothness {smoothness:.0e}"
        models[name] = SmoothLasso(smoothness=smoothness)
        calls[name] = lambda model=models[name]: model.fit(K, s)
    whole = "smoothness 1e-04, Hessian of all bins"
    if peer:
        models[whole] = SmoothLasso(smoothness=1e-4)
        calls[whole] = lambda: on_all_bins(models[whole], K, s)
    timings = interleave(calls, repeats)
    rows = [
        make_row(
            name,
            timing,
            gap=models[name].dual_gap_,
            note=f"{np.count_nonzero(models[name].coef_)} positive bins",
        )
        for name, timing in timings.items()
    ]
    kind = "a broad distribution" if broad else "two narrow peaks"
    return make_workload(
        f"One fit on {n_bins} x {n_bins} bins, {kind}",
        "16 x 60 points of T1-T2.",
        rows,
        "smoothness 1e-04",
        "relative duality gap",
    )


def bench_flint(n_bins, repeats):
    """Time flintpy beside SmoothLasso on the objective of flintpy.

    It minimises ||K f - s||^2 + alpha ||f||^2 with f >= 0, which is that of order 0
    with a smoothness of alpha / n_points.
    """
    from flintpy.flintpy import Flint, FlintSignal

    K, s = plane_problem(n_bins)
    points = FlintSignal(s.reshape(TI.size, TE.size), TI, TE)
    rows = []
    for alpha in (1e-2, 1e-3, 1e-4):
        model = SmoothLasso(smoothness=alpha / s.size, order=0)
        found = {}

        def peer(alpha=alpha, found=found):
            flint = Flint(
                points, (n_bins, n_bins), "T1IRT2", alpha, (1e-3, 10), (1e-4, 1)
            )
            flint.solve_flint()
            found["f"] = flint.ss.ravel()

        def objective(f, alpha=alpha):
            return np.sum((K @ f - s) ** 2) + alpha * (f @ f)

        ours, theirs = f"SmoothLasso, alpha {alpha:.0e}", f"flintpy, alpha {alpha:.0e}"
        calls = {ours: lambda model=model: model.fit(K, s), theirs: peer}
        timings = interleave(calls, repeats, once=() if repeats > 1 else {theirs})
        least = objective(model.coef_) * (1.0 - model.dual_gap_)
        gaps = {ours: model.dual_gap_, theirs: objective(found["f"]) / least - 1.0}
        times = timings[theirs].median / timings[ours].median
        notes = {ours: f"{times:.0f} times as fast", theirs: "tol=1e-5, its default"}
        rows += [
            make_row(name, timings[name], gap=gaps[name], note=notes[name])
            for name in calls
        ]
    return make_workload(
        f"FLINT on {n_bins} x {n_bins} bins, two narrow peaks",
        "16 x 60 points of T1-T2, the objective of flintpy.",
        rows,
        "SmoothLasso, alpha 1e-03",
        "relative duality gap",
    )


def bench_choice(n_bins, broad, repeats):
    """Time every way to choose the strength."""
    K, s = plane_problem(n_bins, broad=broad)
    calls = {"SmoothLassoCV()": lambda: SmoothLassoCV().fit(K, s)}
    for rule in RULES:
        search = StrengthSearch(SmoothLasso(), rule=rule)
        calls[f"StrengthSearch, {rule}"] = lambda search=search: search.fit(K, s)
    rows = [
        make_row(name, timing) for name, timing in interleave(calls, repeats).items()
    ]
    kind = "broad" if broad else "narrow"
    return make_workload(
        f"Choice of the strength on {n_bins} x {n_bins} bins, {kind}",
        "17 smoothnesses x 5 alphas in 5 folds, and 40 smoothnesses of each rule.",
        rows,
    )


def bench_many(n_bins, n_signals, repeats):
    """Time many planes of one kernel in one call."""
    K, S = plane_problem(n_bins, n_signals)
    model = SmoothLasso(smoothness=1e-4)
    calls = {
        "one plane": lambda: model.fit(K, S[:, 0]),
        f"{n_signals} planes, each": lambda: model.fit(K, S),
    }
    timings = interleave(calls, repeats)
    scales = dict(zip(calls, (1.0, 1.0 / n_signals), strict=True))
    rows = [make_row(name, timings[name], scale=scales[name]) for name in calls]
    return make_workload(
        f"Many planes on {n_bins} x {n_bins} bins", "One thread.", rows, "one plane"
    )


def bench_axes(n_bins, repeats):
    """Time three axes, T1-T2-D, of n_bins each."""
    axes = (
        np.geomspace(1e-2, 3, 8),
        np.geomspace(1e-3, 1, 12),
        np.geomspace(1e8, 1e10, 8),
    )
    kernels = ["T1-SR", "T2", "diffusion"]
    X = acquisition_grid(*axes)
    K = KernelBuilder(kernels, n_bins=n_bins).fit_transform(X)
    s = (1 - np.exp(-X[:, 0] / 0.5)) * np.exp(-X[:, 1] / 0.1 - X[:, 2] * 1e-9)
    s += NOISE * np.random.default_rng(0).standard_normal(s.size)
    model = SmoothLasso(smoothness=1e-4)
    calls = {
        "SmoothLasso, one fit": lambda: model.fit(K, s),
        "StrengthSearch, gcv": lambda: StrengthSearch(SmoothLasso(), rule="gcv").fit(
            K, s
        ),
        "SmoothLassoCV()": lambda: SmoothLassoCV().fit(K, s),
    }
    timings = interleave(calls, repeats)
    gaps = {"SmoothLasso, one fit": model.dual_gap_}
    rows = [make_row(name, timings[name], gap=gaps.get(name)) for name in calls]
    return make_workload(
        f"Three axes, {n_bins} x {n_bins} x {n_bins} bins",
        "8 x 12 x 8 points of T1-T2-D.",
        rows,
        gap_label="relative duality gap",
    )


def bench_trains(n_bins, n_echoes, repeats):
    """Time raw trains, averaged in windows whose kernel is the mean of their rows."""
    echoes = 1e-4 * np.arange(1, n_echoes + 1)
    X = acquisition_grid(TI, echoes)
    s = (1 - 2 * np.exp(-X[:, 0] / 0.16)) * np.exp(-X[:, 1] / 0.013)
    s += NOISE * np.random.default_rng(0).standard_normal(s.size)
    builder = KernelBuilder(["T1-IR", "T2"], n_bins=n_bins).fit(X)
    K, means, weights, _ = average_kernel(builder, X, s)
    model = SmoothLasso(smoothness=1e-4)
    calls = {
        "average_kernel": lambda: average_kernel(builder, X, s),
        "SmoothLasso of the windows": lambda: model.fit(K, means, weights),
    }
    rows = [
        make_row(name, timing) for name, timing in interleave(calls, repeats).items()
    ]
    return make_workload(
        f"Raw trains of {n_echoes} echoes on {n_bins} x {n_bins} bins",
        f"{TI.size} x {n_echoes} points in {len(K)} windows.",
        rows,
    )


def bench_memory(n_bins):
    """Measure memory in processes of their own, and print it."""
    folder = str(Path(__file__).parent)
    cases = itertools.product(
        ("SmoothLasso(smoothness=1e-4)", "SmoothLassoCV()"), (False, True)
    )
    for model, broad in cases:
        code = MEMORY.format(folder=folder, n_bins=n_bins, model=model, broad=broad)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        extra, total = map(float, done.stdout.split())
        kind = "broad" if broad else "narrow"
        print(
            f"{model} on {n_bins} x {n_bins} bins, {kind}: {extra:.0f} MiB beside "
            f"kernel and libraries, {total:.0f} MiB in all"
        )


def main():
    """Run all workloads and write results/planes.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="narrow peaks, no peers")
    parser.add_argument("--only", default="", help="functions whose name has this")
    arguments = parser.parse_args()
    repeats, quick = arguments.repeats, arguments.quick
    few = max(1, repeats // 3)
    runs = []
    for broad in (False, True)[: 1 if quick else 2]:
        for n_bins in (50, 64, 100):
            peer = n_bins == 50 and not quick
            runs.append((bench_fit, n_bins, broad, repeats, peer))
        runs += [(bench_choice, n_bins, broad, few) for n_bins in (64, 100)]
    runs += [
        (bench_many, 64, 32, repeats),
        (bench_axes, 24, few),
        (bench_trains, 100, 1024, repeats),
        (bench_trains, 100, 8000, repeats),
    ]
    if not quick:
        runs.append((bench_flint, 100, min(3, repeats)))
    runs = [run for run in runs if arguments.only in run[0].__name__]
    workloads = [watch(*run) for run in runs]
    if arguments.only in bench_memory.__name__:
        bench_memory(100)
    write_results(
        "planes",
        "Two inverted axes",
        workloads,
        ("skrelax", "numpy", "numba", "scikit-learn", "flintpy-nmr")[
            : 4 if quick else 5
        ],
    )


if __name__ == "__main__":
    main()
