"""Smooth LASSO beside mrinversion and scikit-learn on the augmented matrix.

mrinversion minimises, on signals divided by their root mean square `scale`,
1/2 ||K f - s||^2 + 1/2 a m ||J f||^2 + 1/2 l n_rows |f|_1 with the n_rows of kernel and
differences together. So smoothness = a and alpha = l * n_rows * scale / (2 m) here; in
its folds it keeps m of all points before a but counts the rows of the fold after l.
"""

import argparse
import contextlib
import io
import subprocess
import sys
import warnings
from pathlib import Path

import csdmpy
import numpy as np
from _timing import Timing, interleave, make_row, make_workload, write_results
from mrinversion.linear_model import SmoothLasso as PeerSmoothLasso
from mrinversion.linear_model import SmoothLassoCV as PeerSmoothLassoCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from skrelax import KernelBuilder, SmoothLasso, SmoothLassoCV
from skrelax.datasets import make_decay
from skrelax.kernels import acquisition_grid

OURS_1, OURS_2, PEER = "skrelax, 1 thread", "skrelax, 2 threads", "mrinversion"
SHAPE = (25, 25)
# Signals that scikit-learn gets of the batch; its time is scaled up.
N_PART = 10
LARGE = """
import resource, sys, time
import numpy as np
sys.path.insert(0, {folder!r})
from bench_smooth import large_problem
from skrelax import SmoothLasso
K, s = large_problem()
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
SmoothLasso(smoothness=1e-4).fit(np.eye(4), np.ones(4))
start = time.perf_counter()
model = SmoothLasso(smoothness=1e-4).fit(K, s)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(seconds, (peak - base) / 1024, K.nbytes / 2**20, model.dual_gap_)
"""


def grid_problem(n_first, n_second, noise_std):
    """Return a T1-T2 kernel (n_first * n_second, 625), a signal and its scale."""
    X = acquisition_grid(
        np.geomspace(1e-2, 10, n_first), np.geomspace(1e-3, 1, n_second)
    )
    builder = KernelBuilder(
        ["T1-SR", "T2"], n_bins=SHAPE, minimum=[1e-2, 1e-3], maximum=[10, 1]
    )
    K = np.asarray(builder.fit_transform(X))
    x, y = np.meshgrid(*(np.linspace(0, 1, n) for n in SHAPE), indexing="ij")
    f = np.exp(-((x - 0.7) ** 2 + (y - 0.7) ** 2) / 0.01)
    f += 0.5 * np.exp(-((x - 0.4) ** 2 + (y - 0.35) ** 2) / 0.01)
    s = K @ (f / f.sum()).ravel()
    s += noise_std * np.random.default_rng(0).standard_normal(s.size)
    return K, s, np.sqrt(np.mean(s**2))


def large_problem():
    """Return the kernel of 32 x 1000 points on 40 x 40 bins and a signal."""
    X = acquisition_grid(np.geomspace(1e-3, 3, 32), np.arange(1, 1001) * 1e-3)
    builder = KernelBuilder(["T1-IR", "T2"], n_bins=40, minimum=1e-3, maximum=10)
    K = builder.fit_transform(X)
    s = np.asarray(K[:, 800:810].sum(axis=1))
    return K, s + 0.01 * np.random.default_rng(0).standard_normal(s.size)


def n_augmented(n_points):
    """Return the rows of kernel and differences together."""
    return n_points + sum(625 // n * (n - 1) for n in SHAPE)


def peer_dimensions():
    """Return the inverse dimensions that mrinversion wants."""
    return [csdmpy.LinearDimension(count=n, increment="1 s") for n in SHAPE]


def bench_cv(repeats):
    """Time the cross-validation over 10 x 10 pairs in 10 folds."""
    K, s, scale = grid_problem(9, 10, 5e-3)
    m, train, folds = 90, 81, 10
    their_alphas = np.geomspace(1e1, 1e-8, 10)
    their_lambdas = np.geomspace(1e-1, 1e-10, 10)
    smoothnesses = their_alphas * m / train
    alphas = their_lambdas * n_augmented(train) * scale / (2 * train)
    fitted = {}

    def ours(name, n_jobs):
        def call():
            model = SmoothLassoCV(
                alphas, smoothnesses, cv=folds, grid_shape=SHAPE, n_jobs=n_jobs
            )
            fitted[name] = model.fit(K, s)

        return call

    def peer():
        model = PeerSmoothLassoCV(
            alphas=their_alphas,
            lambdas=their_lambdas,
            inverse_dimension=peer_dimensions(),
            folds=folds,
            n_jobs=2,
        )
        with contextlib.redirect_stdout(io.StringIO()):
            model.fit(K, s)
        fitted[PEER] = model

    timings = interleave(
        {OURS_1: ours(OURS_1, 1), OURS_2: ours(OURS_2, 2), PEER: peer},
        repeats,
        once={PEER},
    )
    best = fitted[PEER].hyperparameters
    theirs = (
        int(np.argmin(np.abs(their_alphas - best["alpha"]))),
        int(np.argmin(np.abs(their_lambdas - best["lambda"]))),
    )
    model = fitted[OURS_2]
    mine = (
        int(np.flatnonzero(model.smoothnesses_ == model.smoothness_)[0]),
        int(np.flatnonzero(model.alphas_ == model.alpha_)[0]),
    )
    notes = {PEER: f"pair {theirs}", OURS_1: f"pair {mine}", OURS_2: f"pair {mine}"}
    rows = [
        make_row(
            name,
            timing,
            gap=None if name == PEER else fitted[name].cv_dual_gap_,
            note=notes[name],
        )
        for name, timing in timings.items()
    ]
    return make_workload(
        "Two axes, cross-validation of both strengths",
        "T1-T2 kernel of 90 points on 25 x 25 bins; 10 smoothnesses x 10 alphas, a "
        "decade apart, 10 interleaved folds. The note names the selected pair "
        "(smoothness, alpha).",
        rows,
        OURS_2,
        "largest relative duality gap of all folds and pairs",
    )


def objective(K, s, f, alpha, smoothness):
    """Return the objective of SmoothLasso on the 25 x 25 grid."""
    grid = f.reshape(SHAPE)
    rough = sum((np.diff(grid, axis=axis) ** 2).sum() for axis in (0, 1))
    misfit = 0.5 * np.mean((K @ f - s) ** 2)
    return misfit + alpha * np.abs(f).sum() + 0.5 * smoothness * rough


def bench_single(repeats):
    """Time one fit on two axes."""
    K, s, scale = grid_problem(6, 10, 5e-4)
    K, s = np.vstack([K, K[:1]]), np.append(s, s[:1])
    a, lam = 1e-4, 1e-6
    alpha = lam * n_augmented(61) * scale / (2 * 61)
    fitted = {}

    def ours():
        fitted["ours"] = SmoothLasso(alpha, a, grid_shape=SHAPE).fit(K, s)

    def peer():
        model = PeerSmoothLasso(
            alpha=a, lambda1=lam, inverse_dimension=peer_dimensions()
        )
        model.fit(K, s)
        fitted["peer"] = np.asarray(model.f).ravel()

    timings = interleave({OURS_1: ours, PEER: peer}, repeats)
    model = fitted["ours"]
    reference = objective(K, s, model.coef_, alpha, a)
    theirs = min(
        objective(K, s, f, alpha, a)
        for f in (fitted["peer"], fitted["peer"].reshape(SHAPE).T.ravel())
    )
    rows = [
        make_row(OURS_1, timings[OURS_1], gap=model.dual_gap_),
        make_row(PEER, timings[PEER], gap=(theirs - reference) / theirs),
    ]
    return make_workload(
        "Two axes, one fit",
        "61 points on 25 x 25 bins. The gap of mrinversion is the excess of its "
        "objective, edge rows halved as it returns them.",
        rows,
        OURS_1,
        "relative duality gap",
    )


def bench_batch(repeats):
    """Time 1000 signals on 100 bins beside scikit-learn."""
    times = np.geomspace(1e-3, 10, 60)
    data = make_decay(
        times=times, peaks=[(0.05, 0.2, 1.0)], n_signals=1000, drift=1.5, random_state=0
    )
    K = KernelBuilder(n_bins=100, minimum=1e-3, maximum=10).fit_transform(data.X)
    alpha, smoothness, m = 1e-5, 1e-3, 60
    fitted = {}

    def ours(n_jobs):
        def call():
            fitted[n_jobs] = SmoothLasso(alpha, smoothness, n_jobs=n_jobs).fit(
                K, data.y
            )

        return call

    rows_of_J = np.sqrt(m * smoothness) * np.diff(np.eye(100), axis=0)
    augmented = np.vstack([K, rows_of_J])
    part = data.y[:, :: 1000 // N_PART]
    signals = np.vstack([part, np.zeros((99, part.shape[1]))])

    def sklearn():
        model = Lasso(
            alpha * m / (m + 99),
            positive=True,
            fit_intercept=False,
            tol=1e-6,
            max_iter=20_000,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted["sklearn"] = model.fit(augmented, signals).coef_

    name = "scikit-learn Lasso, augmented matrix, tol=1e-6"
    timings = interleave(
        {OURS_1: ours(1), OURS_2: ours(2), name: sklearn}, repeats, once={name}
    )
    scale = 1000 / part.shape[1]
    rows = [
        make_row(OURS_1, timings[OURS_1], gap=fitted[1].dual_gap_.max()),
        make_row(OURS_2, timings[OURS_2], gap=fitted[2].dual_gap_.max()),
        make_row(
            name,
            timings[name],
            note=f"{part.shape[1]} signals timed, scaled to 1000",
            scale=scale,
        ),
    ]
    return make_workload(
        "1000 signals, one fit",
        "60 times on 100 bins, alpha 1e-5, smoothness 1e-3.",
        rows,
        OURS_2,
        "largest relative duality gap of all signals",
    )


def bench_large(folder):
    """Time the large two-dimensional fit in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", LARGE.format(folder=folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, extra, kernel, gap = (float(part) for part in done.stdout.split())
    note = f"kernel {kernel:.0f} MiB, {extra:.0f} MiB in addition at the peak"
    return make_workload(
        "40 x 40 bins, 32 x 1000 points",
        "One fit without compression of the echoes.",
        [make_row("skrelax", Timing([seconds]), gap=gap, note=note)],
        None,
        "relative duality gap",
    )


def main():
    """Run all workloads and write results/smooth.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    workloads = [
        bench_single(arguments.repeats),
        bench_batch(arguments.repeats),
        bench_large(str(Path(__file__).parent)),
        bench_cv(arguments.repeats),
    ]
    write_results(
        "smooth",
        "Smooth LASSO",
        workloads,
        ("skrelax", "numpy", "numba", "scikit-learn", "mrinversion"),
    )


if __name__ == "__main__":
    main()
