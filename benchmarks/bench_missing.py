"""Points that are missing, other ones in every voxel, beside complete voxels.

Each contestant runs on one thread with and without a tenth of its points, by CPU time
and in turn, so that ratios do not hang on what else the machine does.
"""

import argparse
import functools
import time
import warnings

import numpy as np
from _timing import interleave, make_row, make_workload, watch, write_results
from bench_volumes import N_BINS, N_ECHOES, OPTIONS, signed_train, simulate

from skrelax.dictionary import DictionaryMatcher, make_dictionary, parameter_grid
from skrelax.inversion._voxels import RULES, invert_signals, make_table
from skrelax.nonlinear import NonlinearRelaxationFit
from skrelax.signals import EPGEchoTrain, FingerprintingTrain
from skrelax.utils._missing import fill_missing

SHARE = 0.1


def drop(shape, seed=1):
    """Return which points are there (n, n_points): at least one of each signal."""
    there = np.random.default_rng(seed).random(shape) >= SHARE
    there[:, 1] |= ~there.any(axis=1)
    return there


def compare(title, description, pairs, repeats):
    """Return a workload of pairs {name: (call, call with missing points)}."""
    calls = {}
    for name, (complete, holed) in pairs.items():
        calls[f"{name}, complete"] = complete
        calls[f"{name}, random dropouts"] = holed
    timings = interleave(calls, repeats, clock=time.process_time)
    rows = []
    for name, timing in timings.items():
        complete = timings[name.rpartition(", ")[0] + ", complete"]
        note = f"{timing.median / complete.median:.2f} times complete voxels"
        rows.append(make_row(name, timing, note=note))
        print(f"{name:48s} {note}", flush=True)
    share = f"{SHARE:.0%} of all points are missing, other ones in every voxel"
    words = f"{description}; {share}. One thread, CPU time."
    return make_workload(title, words, rows, next(iter(calls)))


def bench_rules(n_signals, repeats):
    """Time T2 distributions by all rules, the angle searched."""
    table = make_table(signed_train, 50.0, 180.0, magnitude=True)
    signals, _, _ = simulate(table, n_signals)
    there = drop(signals.shape)
    invert = functools.partial(invert_signals, table, n_jobs=1, **OPTIONS)
    filled = fill_missing(signals, ~there)
    pairs = {
        rule: (
            functools.partial(invert, signals, rule),
            functools.partial(invert, filled, rule, there=there),
        )
        for rule in RULES
    }
    words = f"{n_signals} voxels, {N_ECHOES} echoes, {N_BINS} bins, angle searched"
    return compare("T2 distributions", words, pairs, repeats)


def bench_fits(n_signals, repeats):
    """Time nonlinear fits of one and two components."""
    rng = np.random.default_rng(0)
    TE, TI = 0.01 * np.arange(1, 33)[:, None], np.geomspace(0.03, 3.0, 12)[:, None]

    def between(low, high):
        return rng.uniform(low, high, (n_signals, 1))

    slow = np.exp(-TE.T / between(0.06, 0.12))
    share, fast = between(0.1, 0.4), np.exp(-TE.T / between(0.015, 0.03))
    recovery = 1.0 - 1.9 * np.exp(-TI.T / between(0.3, 1.5))
    pairs = {}
    for model, points, Y, noise in (
        ("T2", TE, slow, 0.005),
        ("T2-biexponential", TE, (1.0 - share) * slow + share * fast, 0.005),
        ("T1-IR", TI, recovery, 0.01),
    ):
        Y = Y + noise * rng.standard_normal(Y.shape)
        holed = np.where(drop(Y.shape), Y, np.nan)
        fit = NonlinearRelaxationFit(model, n_jobs=1).fit
        name = f"{model}, {len(points)} points"
        pairs[name] = tuple(functools.partial(fit, points, y.T) for y in (Y, holed))
    return compare("Nonlinear fits", f"{n_signals} voxels", pairs, repeats)


def bench_dictionaries(n_signals, repeats):
    """Time matching to atoms of one, two and three parameters."""
    rng = np.random.default_rng(0)
    flips = 10.0 + 35.0 * np.abs(np.sin(np.arange(100) / 20.0))
    T2 = rng.uniform(0.02, 0.3, n_signals)
    T1 = (10.0 * T2).clip(0.2, 3.0)
    B1 = rng.uniform(0.85, 1.0, n_signals)
    train = {"echo_spacing": 0.01, "n_echoes": 32}
    cases = {
        "T2": (
            EPGEchoTrain(180.0, **train),
            parameter_grid(T2=np.geomspace(0.01, 0.5, 1000)),
            T2[:, None],
        ),
        "T2 and B1": (
            EPGEchoTrain(180.0, B1=None, **train),
            parameter_grid(
                T2=np.geomspace(0.01, 0.5, 150), B1=np.linspace(0.5, 1.0, 46)
            ),
            np.column_stack([T2, B1]),
        ),
        "fingerprints of T1, T2 and B1": (
            FingerprintingTrain(
                flips, 0.012, 0.003, inversion_time=0.02, B1=None, n_states=12
            ),
            parameter_grid(
                T1=np.geomspace(0.1, 4.0, 50),
                T2=np.geomspace(0.01, 1.0, 40),
                B1=np.linspace(0.8, 1.2, 9),
            ),
            np.column_stack([T1, T2, B1]),
        ),
    }
    pairs = {}
    for what, (model, grid, truth) in cases.items():
        atoms, parameters = make_dictionary(model, grid, dtype=np.float32)
        Y = make_dictionary(model, truth, dtype=np.float32)[0]
        Y = Y + 0.02 * np.abs(Y).max() * rng.standard_normal(Y.shape, np.float32)
        holed = np.where(drop(Y.shape), Y, np.float32(np.nan))
        for dtype in (np.float32, np.float64):
            match = DictionaryMatcher(n_jobs=1).fit(atoms.astype(dtype), parameters)
            n_atoms, n_points = atoms.shape
            name = f"{what}, {n_atoms} atoms of {n_points}, {np.dtype(dtype)}"
            pairs[name] = tuple(
                functools.partial(match.match, y.astype(dtype)) for y in (Y, holed)
            )
    return compare("Dictionaries", f"{n_signals} voxels", pairs, repeats)


def main():
    """Time all estimators and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-signals", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    # Fits of noise that do not converge are no matter here.
    warnings.simplefilter("ignore")
    counts = options.n_signals, options.repeats
    workloads = [
        watch(bench, *counts) for bench in (bench_fits, bench_dictionaries, bench_rules)
    ]
    packages = ["numpy", "scipy", "numba"]
    write_results("missing", "Points that are missing", workloads, packages)


if __name__ == "__main__":
    main()
