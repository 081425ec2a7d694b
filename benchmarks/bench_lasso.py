"""LASSO inversion beside mrinversion, scikit-learn and skglm, on the same problems.

All contestants get the same kernel, signals, folds and penalties: alpha here and in
scikit-learn and skglm is lambda * scale / n_points of mrinversion, whose objective
has no 1/n and is that of signals divided by their root mean square, `scale`.
"""

import argparse
import contextlib
import io
import os
import tempfile
import warnings

import numpy as np
import skglm
from _timing import (
    interleave,
    make_row,
    make_workload,
    time_process,
    watch,
    write_results,
)
from mrinversion.linear_model import LassoFista as PeerLassoFista
from mrinversion.linear_model import LassoFistaCV as PeerLassoFistaCV
from mrinversion.linear_model import TSVDCompression
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LassoCV

from skrelax import KernelBuilder, LassoFista, LassoFistaCV
from skrelax.inversion import lasso_path
from skrelax.model_selection import InterleavedKFold

OURS_1 = "skrelax, 1 thread"
OURS_2 = "skrelax, 2 threads"
N_FOLDS = 5
# Signals that the slow contestants of the batch get; their time is scaled up.
N_PART = 16
# Interpreter start-up is common to all.
FIRST_FIT = """
import time
start = time.perf_counter()
import numpy as np
from skrelax import KernelBuilder, LassoFistaCV
imported = time.perf_counter()
times = np.geomspace(1e-2, 300, 25)[:, None]
kernel = KernelBuilder(minimum=1e-2, maximum=1e3, supersampling=20)
LassoFistaCV().fit(kernel.fit_transform(times), np.exp(-times[:, 0]))
print(time.perf_counter() - {start})
"""
IMPORT = """
import time
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
"""


def simulate(times, centres, widths, shares):
    """Return decays (n_times, n_signals) of log-Gaussian distributions.

    `centres` and `shares` are (n_signals, n_peaks) in decades and as fractions.
    """
    x = np.linspace(-3.0, 4.0, 4001)
    decays = np.exp(-np.outer(times, 10.0**-x))
    out = np.empty((times.size, len(centres)))
    for signal, (centre, share) in enumerate(zip(centres, shares, strict=True)):
        z = (x[:, None] - centre) / widths
        density = (np.exp(-0.5 * z**2) / widths) @ share
        out[:, signal] = decays @ (density / density.sum())
    return out


def single_problem():
    """Return kernel (25, 64) and signal (25,) of the headline."""
    times = np.geomspace(1e-2, 300.0, 25)
    kernel = KernelBuilder(
        "T2", n_bins=64, minimum=1e-2, maximum=1e3, supersampling=20
    ).fit_transform(times[:, None])
    widths = np.array([0.18, 0.25])
    signal = simulate(times, [[-0.3, 1.3]], widths, [[0.5, 0.5]])[:, 0]
    signal += 8e-4 * np.random.default_rng(0).standard_normal(times.size)
    return kernel, signal


def batch_problem(n_signals=1600):
    """Return kernel (25, 32) and signals (25, n_signals)."""
    times = np.geomspace(1e-2, 300.0, 25)
    kernel = KernelBuilder(
        "T2", n_bins=32, minimum=1e-3, maximum=1e4, supersampling=20
    ).fit_transform(times[:, None])
    drift = np.arange(n_signals) / n_signals
    signals = simulate(
        times,
        np.stack([-0.8 + 1.2 * drift, 1.6 - 0.5 * drift], axis=1),
        np.array([0.18, 0.25]),
        np.stack([1.0 - drift, drift], axis=1),
    )
    # Two lines of a spectrum, so that signals differ in their signal-to-noise ratio.
    signals *= np.exp(-0.5 * ((drift - 0.4) / 0.12) ** 2) + 0.7 * np.exp(
        -0.5 * ((drift - 0.65) / 0.08) ** 2
    )
    signals += 4e-3 * np.random.default_rng(0).standard_normal(signals.shape)
    return kernel, signals


def peer_scale(signals):
    """Return what mrinversion divides signals by."""
    return np.sqrt(np.mean(np.abs(signals) ** 2))


def lower_bound(K, s, alpha):
    """Return the best certified lower bound of the objective.

    The larger of two dual values: that of skrelax, from its certificate, and the
    scaled residual of its solution, computed here without skrelax.
    """
    n_points = s.size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours = LassoFista(alpha=alpha).fit(K, s)
    certified = objective(K, s, ours.coef_, alpha) * (1.0 - ours.dual_gap_)
    residual = s - K @ ours.coef_
    steepest = (K.T @ residual).max() / n_points
    u = residual * min(1.0, alpha / steepest) if steepest > 0 else residual
    return max(certified, (s @ u - 0.5 * (u @ u)) / n_points)


def objective(K, s, f, alpha):
    """Return the objective of scikit-learn's Lasso."""
    residual = s - K @ f
    return 0.5 * (residual @ residual) / s.size + alpha * np.abs(f).sum()


def relative_gap(K, s, f, alpha):
    """Return (objective - lower bound) / objective of a distribution f >= 0."""
    value = objective(K, s, f, alpha)
    return (value - lower_bound(K, s, alpha)) / value


def worst_gap(K, S, F, alpha, step=50):
    """Return the largest gap of every `step`-th signal; F is (n_signals, n_bins)."""
    return max(
        relative_gap(K, S[:, c], F[c], alpha) for c in range(0, S.shape[1], step)
    )


def worst_gap_of_path(K, s, alphas, path):
    """Return the largest gap over all folds and alphas of a path function."""
    worst = 0.0
    for train, _ in InterleavedKFold(N_FOLDS).split(K):
        coefs = path(K[train], s[train], alphas)
        for coef, alpha in zip(coefs.T, alphas, strict=True):
            worst = max(worst, relative_gap(K[train], s[train], coef, alpha))
    return worst


def skglm_lasso(**settings):
    """Return skglm's Lasso as a non-negative one without intercept."""
    return skglm.Lasso(positive=True, fit_intercept=False, **settings)


def skglm_path(K, s, alphas, **settings):
    """Return the coefficients (n_bins, n_alphas) of skglm's warm-started path."""
    return skglm_lasso(**settings).path(np.asfortranarray(K), s, alphas)[1]


def skglm_cv(K, s, alphas, **settings):
    """Return the distribution at the alpha of the smallest error.

    skglm has no cross-validation of its own; a path per fold is the fastest way.
    """
    errors = np.zeros(len(alphas))
    for train, test in InterleavedKFold(N_FOLDS).split(K):
        coefs = skglm_path(K[train], s[train], alphas, **settings)
        errors += ((K[test] @ coefs - s[test, None]) ** 2).sum(axis=0)
    best = alphas[errors.argmin()]
    return skglm_lasso(alpha=best, **settings).fit(K, s)


def peer_path(K, s, alphas):
    """Return the coefficients (n_bins, n_alphas) of mrinversion."""
    coefs = np.empty((K.shape[1], alphas.size))
    for i, alpha in enumerate(alphas):
        model = PeerLassoFista(lambda1=alpha * s.size / peer_scale(s))
        model.fit(K, s)
        coefs[:, i] = model.f[:, 0]
    return coefs


def bench_single(repeats):
    """Time the cross-validation of a single signal."""
    K, s = single_problem()
    # The range of mrinversion's tutorial.
    lambdas = np.logspace(-1, -7, 64)
    alphas = lambdas * peer_scale(s) / s.size
    fitted = {}

    def run(name, model, X=K, y=s):
        def call():
            result = model.fit(X, y)
            fitted[name] = model if result is None else result

        return call

    with contextlib.redirect_stdout(io.StringIO()):
        compressed = TSVDCompression(K, s[:, None])
    peer = "mrinversion LassoFistaCV"
    peer_tsvd = f"{peer}, TSVD rows (its tutorial)"
    sk_default = "scikit-learn LassoCV, default tol"
    sk_tight = "scikit-learn LassoCV, tol=1e-8, max_iter=10000"
    glm = "skglm Lasso.path per fold, default tol"
    glm_tight = "skglm Lasso.path per fold, tol=1e-8, max_epochs=300"
    glm_settings = {"tol": 1e-8, "max_epochs": 300}
    fold = InterleavedKFold(N_FOLDS)
    sk = {"alphas": alphas, "cv": fold, "positive": True, "fit_intercept": False}
    calls = {
        OURS_1: run(OURS_1, LassoFistaCV(alphas=alphas, n_jobs=1)),
        OURS_2: run(OURS_2, LassoFistaCV(alphas=alphas, n_jobs=2)),
        peer: run(peer, PeerLassoFistaCV(lambdas, folds=N_FOLDS)),
        peer_tsvd: run(
            peer_tsvd,
            PeerLassoFistaCV(lambdas, folds=N_FOLDS),
            compressed.compressed_K,
            compressed.compressed_s,
        ),
        sk_default: run(sk_default, LassoCV(**sk)),
        sk_tight: run(sk_tight, LassoCV(**sk, tol=1e-8, max_iter=10_000)),
        glm: lambda: fitted.__setitem__(glm, skglm_cv(K, s, alphas)),
        glm_tight: lambda: fitted.__setitem__(
            glm_tight, skglm_cv(K, s, alphas, **glm_settings)
        ),
    }
    # With tight tolerances the peers take seconds, and compile nothing new.
    timings = interleave(calls, repeats, once={sk_tight, glm_tight})

    def sk_path(**settings):
        return lambda K, s, alphas: Lasso.path(
            K, s, alphas=alphas, positive=True, **settings
        )[1]

    paths = {
        OURS_1: lambda K, s, alphas: lasso_path(K, s, alphas=alphas)[1],
        peer: peer_path,
        sk_default: sk_path(tol=1e-4, max_iter=1000),
        sk_tight: sk_path(tol=1e-8, max_iter=10_000),
        glm: skglm_path,
        glm_tight: lambda K, s, alphas: skglm_path(K, s, alphas, **glm_settings),
    }
    gaps = {name: worst_gap_of_path(K, s, alphas, path) for name, path in paths.items()}
    gaps[OURS_2] = fitted[OURS_2].cv_dual_gap_
    rows = [
        make_row(name, timing, gap=gaps.get(name)) for name, timing in timings.items()
    ]
    return make_workload(
        "One signal, cross-validation",
        "25 times, log-spaced from 0.01 to 300 s; T2 grid of 64 bins from 0.01 to "
        "1000 s, supersampling 20; 64 penalties (lambda from 0.1 to 1e-7), 5 "
        "interleaved folds.",
        rows,
        OURS_2,
        "largest relative duality gap of all folds and penalties",
    )


def bench_batch_fit(repeats):
    """Time fits of 1600 signals at one penalty."""
    K, S = batch_problem()
    lam = 1e-3
    alpha = lam * peer_scale(S) / S.shape[0]
    fitted = {}

    def ours(n_jobs):
        def call():
            fitted[n_jobs] = LassoFista(alpha=alpha, n_jobs=n_jobs).fit(K, S).coef_

        return call

    def peer():
        model = PeerLassoFista(lambda1=lam)
        model.fit(K, S)
        fitted["peer"] = model.f.T

    def sklearn():
        model = Lasso(alpha=alpha, positive=True, fit_intercept=False)
        fitted["sklearn"] = model.fit(K, S).coef_

    def glm():
        model = skglm_lasso(alpha=alpha)
        fitted["glm"] = np.array([model.fit(K, s).coef_ for s in S.T])

    keys = {
        OURS_1: 1,
        OURS_2: 2,
        "mrinversion LassoFista": "peer",
        "scikit-learn Lasso, default tol": "sklearn",
        "skglm Lasso, default tol, one by one": "glm",
    }
    calls = dict(zip(keys, (ours(1), ours(2), peer, sklearn, glm), strict=True))
    timings = interleave(calls, repeats)
    rows = [
        make_row(name, timings[name], gap=worst_gap(K, S, fitted[key], alpha))
        for name, key in keys.items()
    ]
    return make_workload(
        "1600 signals, one penalty",
        "25 times, 32 bins from 0.001 to 10000 s, supersampling 20; lambda = 0.001.",
        rows,
        OURS_2,
        "largest relative duality gap of every 50th signal",
    )


def bench_batch_cv(repeats, skip_slow, full_path):
    """Time the cross-validation of 1600 signals.

    The full path starts at the smallest penalty that gives zero, as that of
    LassoFistaCV does by default; the other one has weak penalties only.
    """
    K, S = batch_problem()
    top = (K.T @ S).max() / peer_scale(S)
    lambdas = (
        np.geomspace(top, 1e-6 * top, 32) if full_path else np.logspace(-1, -6, 32)
    )
    alphas = lambdas * peer_scale(S) / S.shape[0]
    fold = InterleavedKFold(N_FOLDS)
    part = S[:, :: S.shape[1] // N_PART]
    fitted = {}

    def ours(name, n_jobs):
        def call():
            fitted[name] = LassoFistaCV(alphas=alphas, n_jobs=n_jobs).fit(K, S)

        return call

    def peer():
        PeerLassoFistaCV(lambdas, folds=N_FOLDS).fit(K, S)

    def sklearn():
        model = LassoCV(alphas=alphas, cv=fold, positive=True, fit_intercept=False)
        for s in part.T:
            model.fit(K, s)

    def glm():
        for s in part.T:
            skglm_cv(K, s, alphas)

    peer_name = "mrinversion LassoFistaCV"
    sk_name = "scikit-learn LassoCV, default tol, one by one"
    glm_name = "skglm Lasso.path per fold, default tol, one by one"
    calls = {OURS_1: ours(OURS_1, 1), OURS_2: ours(OURS_2, 2)}
    if not skip_slow:
        # A small batch compiles; the whole one takes minutes and is timed once.
        PeerLassoFistaCV(lambdas, folds=N_FOLDS).fit(K, S[:, :4])
        calls |= {peer_name: peer, sk_name: sklearn, glm_name: glm}
    once = {sk_name, glm_name}
    # On the full path one call takes minutes, with weak penalties seconds.
    timings = interleave(calls, repeats, once | {peer_name} if full_path else once)
    scale = S.shape[1] / part.shape[1]
    note = f"{part.shape[1]} signals timed, scaled to {S.shape[1]}"
    rows = []
    for name, timing in timings.items():
        is_part = name in (sk_name, glm_name)
        rows.append(
            make_row(
                name,
                timing,
                gap=fitted[name].cv_dual_gap_ if name in fitted else None,
                note=note if is_part else "",
                scale=scale if is_part else 1.0,
            )
        )
    extent = (
        "from the smallest that gives zero to 1e-6 of it"
        if full_path
        else "lambda from 0.1 to 1e-6"
    )
    return make_workload(
        "1600 signals, cross-validation, "
        + ("full path" if full_path else "weak penalties"),
        "25 times, 32 bins from 0.001 to 10000 s, supersampling 20; 32 penalties "
        f"({extent}), 5 interleaved folds. Tools without batches choose a penalty "
        "per signal.",
        rows,
        OURS_2,
        "largest relative duality gap of all signals, folds and penalties",
    )


def bench_startup():
    """Time imports and the first fit of a session."""
    first = FIRST_FIT.format(start="start")
    with tempfile.TemporaryDirectory() as empty:
        ever = time_process(first, repeats=1, environment={"NUMBA_CACHE_DIR": empty})
    time_process(first, repeats=1)
    entries = {
        "import skrelax": time_process(IMPORT.format(statement="import skrelax")),
        "from skrelax import LassoFistaCV": time_process(
            IMPORT.format(statement="from skrelax import LassoFistaCV")
        ),
        "import mrinversion.linear_model": time_process(
            IMPORT.format(statement="import mrinversion.linear_model")
        ),
        "first fit of a session, after the imports": time_process(
            FIRST_FIT.format(start="imported")
        ),
        "first fit of a session, with imports": time_process(first),
        "first fit ever (compiles), with imports": ever,
    }
    rows = [make_row(name, timing) for name, timing in entries.items()]
    return make_workload(
        "Start-up",
        "Fresh interpreters; the fit is the cross-validation of one signal. "
        "Compiled code is cached on disk, except in the last row.",
        rows,
    )


def main():
    """Run all workloads and write results/lasso.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--skip-slow",
        action="store_true",
        help="leave out what takes minutes, and write the history alone",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=["single", "fit", "cv", "cv-weak", "startup"],
        help="run these; the others stay as they are in the results",
    )
    arguments = parser.parse_args()
    # Loose tolerances are part of the comparison: the gap column tells.
    warnings.simplefilter("ignore")
    repeats, skip_slow = arguments.repeats, arguments.skip_slow
    runs = {
        "single": (bench_single, repeats),
        "fit": (bench_batch_fit, repeats),
        "cv": (bench_batch_cv, repeats, skip_slow, True),
        "cv-weak": (bench_batch_cv, repeats, skip_slow, False),
        "startup": (bench_startup,),
    }
    workloads = [
        watch(*run) for name, run in runs.items() if name in (arguments.only or runs)
    ]
    packages = ["skrelax", "numpy", "numba", "scikit-learn", "mrinversion", "skglm"]
    if arguments.skip_slow:
        os.environ["SKRELAX_BENCHMARKS"] = "history"
    write_results("lasso", "LASSO inversion", workloads, packages)


if __name__ == "__main__":
    main()
