"""How often intervals of fitted parameters hold the truth.

Simulates signals of three models at three noise levels, fits them, and counts how often
intervals of four levels hold the true parameters: those of standard errors, the
estimate plus and minus quantiles of Student's distribution times the standard error,
and those of the profile likelihood. The same of functions of parameters, whose standard
errors are those of the linearised model. Also how long both take. Prints the tables of
the guide and writes them to results/coverage_fits.json.
"""

import argparse
import time
import warnings

import numpy as np
from _timing import write_tables
from scipy import stats

from skrelax.nonlinear import NonlinearRelaxationFit
from skrelax.uncertainty import profile_parameters

LEVELS = (0.5, 0.8, 0.9, 0.95)
SNRS = (10, 50, 200)
# Levels within so many points of the nominal one are called right.
CLOSE = 3.0
# Ratios above mean nothing.
MOST_SHOWN = 10.0
METHODS = ("standard errors", "profile")
LEVEL_WORDS = ", ".join(f"{100 * level:.0f}" for level in LEVELS)
COLUMNS = [
    "model", "SNR", "parameter", *METHODS, "width", "sides", "no standard error, %",
    "not identifiable, %",
]  # fmt: skip
MODELS = {
    "T2": (
        np.linspace(0.01, 0.32, 32),
        lambda t: np.exp(-t / 0.08),
        {"M0": 1.0, "T2": 0.08},
    ),
    "T1-IR-efficiency": (
        np.geomspace(0.05, 5.0, 12),
        lambda t: 1.0 - 1.9 * np.exp(-t / 0.9),
        {"M0": 1.0, "T1": 0.9, "efficiency": 1.9},
    ),
    "T2-biexponential": (
        np.linspace(0.005, 0.32, 64),
        lambda t: 0.3 * np.exp(-t / 0.02) + 0.7 * np.exp(-t / 0.1),
        {"M0": 1.0, "fraction_short": 0.3, "T2_short": 0.02, "T2_long": 0.1},
    ),
}  # fmt: skip

# Functions of parameters, with the kind of number and the truth.
FUNCTIONS = {
    "T2": {"1 / T2": (lambda T2: 1.0 / T2, "time", 12.5)},
    "T1-IR-efficiency": {
        "M0 (1 - efficiency)": (
            lambda M0, efficiency: M0 * (1.0 - efficiency), "number", -0.9,
        ),
    },
    "T2-biexponential": {
        "M0 fraction_short": (
            lambda M0, fraction_short: M0 * fraction_short, "time", 0.3,
        ),
        "T2_long / T2_short": (
            lambda T2_short, T2_long: T2_long / T2_short, "time", 5.0,
        ),
    },
}  # fmt: skip


def simulate(name, snr, n_signals, seed):
    """Return times (n_points, 1), signals and the true parameters."""
    times, clean, truth = MODELS[name]
    noise = np.random.default_rng(seed).standard_normal((times.size, n_signals)) / snr
    return times[:, None], clean(times)[:, None] + noise, truth


def measure(name, snr, options, functions=None):
    """Return a row for each parameter, or for each of some functions of them."""
    X, Y, truths = simulate(name, snr, options.n_signals, options.seed)
    fit = NonlinearRelaxationFit(name, magnitude=False).fit(X, Y)
    result = profile_parameters(fit, X, Y, n_jobs=options.n_jobs)
    asked = {label: (label, None, truth) for label, truth in truths.items()}
    assert list(asked) == list(fit.param_names_)
    rows = []
    for label, (number, scale, truth) in (functions or asked).items():
        kind = {"scale": scale}
        estimate, error = result.estimate(number, **kind), result.std(number, **kind)
        has_error = np.isfinite(error)
        cells = {"standard errors": [], "profile": []}
        for level in LEVELS:
            quantile = stats.t.ppf(0.5 + 0.5 * level, len(X) - len(truths))
            held = np.abs(estimate - truth)[has_error] <= quantile * error[has_error]
            cells["standard errors"].append(100.0 * held.mean())
            low, high = result.interval(number, level, **kind)
            there = ~np.isnan(low) & ~np.isnan(high)
            held = (low <= truth) & (truth <= high)
            cells["profile"].append(100.0 * held[there].mean())
            if level == 0.9:
                half = quantile * np.where(has_error, error, np.nan)
                ratio = np.nanmedian((high - low) / (2.0 * half))
                sides = np.nanmedian((high - estimate) / (estimate - low))
                status = result.status(number, level, **kind)
        lost = 100.0 * np.mean(status == "not identifiable")
        rows.append(
            (
                name,
                snr,
                label,
                cells,
                ratio,
                sides,
                100.0 * (1 - has_error.mean()),
                lost,
            )
        )
    return rows


def time_both(name, n_signals, seed):
    """Return CPU times of a fit and of all its profiles, microseconds per signal."""
    X, Y, _ = simulate(name, 50, n_signals, seed)
    fit, best = NonlinearRelaxationFit(name, magnitude=False), [np.inf, np.inf]
    for _ in range(3):
        start = time.process_time()
        fit.fit(X, Y)
        middle = time.process_time()
        profile_parameters(fit, X, Y).to_frame()
        end = time.process_time()
        best = np.minimum(best, [middle - start, end - middle])
    return 1e6 * best / n_signals


def show_cells(rows):
    """Return rows of words."""
    return [
        [f"``{name}``", str(snr), f"``{label}``",
         *(" ".join(f"{v:.0f}" for v in cells[m]) for m in METHODS),
         *(f"{v:.2f}" if v < MOST_SHOWN else "large" for v in (ratio, sides)),
         f"{lacking:.0f}", f"{lost:.0f}"]
        for name, snr, label, cells, ratio, sides, lacking, lost in rows
    ]  # fmt: skip


def make_functions_table(rows, options):
    """Return the table of functions of parameters."""
    return {
        "name": "functions",
        "description": f"Coverage in % of intervals of {LEVEL_WORDS} % of functions "
        f"of parameters, of {options.n_signals} signals each, and the columns of the "
        "table of parameters. Standard errors are those of the linearised model.",
        "columns": COLUMNS,
        "rows": show_cells(rows),
    }


def make_tables(rows, costs, options):
    """Return the tables of parameters."""
    tally = {m: dict.fromkeys(("right", "above", "below"), 0) for m in METHODS}
    worst = dict.fromkeys(METHODS, 0.0)
    for row in rows:
        for method in METHODS:
            for value, level in zip(row[3][method], LEVELS, strict=True):
                gap = value - 100.0 * level
                kind = "right" if abs(gap) <= CLOSE else "below"
                tally[method]["above" if gap > CLOSE else kind] += 1
                worst[method] = min(worst[method], gap)
    summary = [
        [m, *(str(tally[m][k]) for k in ("right", "above", "below")),
         f"{abs(worst[m]):.0f}"]
        for m in METHODS
    ]  # fmt: skip
    cost = [
        [f"``{name}``", f"{n_points}", f"{fit:.3g} µs", f"{profile:.3g} µs",
         f"{profile / fit:.0f}", f"{profile / fit / count:.0f}"]
        for name, n_points, count, (fit, profile) in costs
    ]  # fmt: skip
    return [
        {
            "name": "summary",
            "description": "Cells of model, SNR, parameter and level "
            f"({LEVEL_WORDS} %): coverage within {CLOSE:.0f} points of the level, "
            "above, and below, and the most points that one is below.",
            "columns": ["method", "right", "conservative", "missed", "worst, points"],
            "rows": summary,
        },
        {
            "name": "cells",
            "description": f"Coverage in % of intervals of {LEVEL_WORDS} %, of "
            f"{options.n_signals} signals each. *Width* and *sides* are those of 90 % "
            "intervals of the profile: the width relative to that of standard errors, "
            "and the upper half relative to the lower one (medians). Signals without a "
            "standard error, because they end at a bound, are left out of that column "
            "alone.",
            "columns": COLUMNS,
            "rows": show_cells(rows),
        },
        {
            "name": "cost",
            "description": "CPU time per signal of a fit and of the intervals of all "
            f"its parameters at one level, of {options.n_timed} signals of SNR 50 in "
            "one thread; multiples of the fit, and those for each parameter.",
            "columns": ["model", "points", "fit", "intervals", "times the fit",
                        "for each parameter"],
            "rows": cost,
        },
    ]  # fmt: skip


def main():
    """Print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n-signals", type=int, default=2000)
    parser.add_argument("--n-timed", type=int, default=10_000)
    parser.add_argument("--n-jobs", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--functions", action="store_true", help="these alone")
    options = parser.parse_args()
    rows, costs, of_functions = [], [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in MODELS:
            for snr in SNRS:
                of_functions += measure(name, snr, options, FUNCTIONS[name])
                if not options.functions:
                    rows += measure(name, snr, options)
                print(f"{name}, SNR {snr}", flush=True)
            if not options.functions:
                times, _, truths = MODELS[name]
                cost = time_both(name, options.n_timed, options.seed)
                costs.append((name, times.size, len(truths), cost))
    tables = [make_functions_table(of_functions, options)]
    if rows:
        tables = [*make_tables(rows, costs, options), *tables]
    write_tables(
        "coverage_fits", "Coverage of intervals of fits", tables,
        ["skrelax", "numpy", "scipy"],
    )  # fmt: skip


if __name__ == "__main__":
    main()
