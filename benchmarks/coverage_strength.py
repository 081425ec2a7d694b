"""How often intervals hold the truth when each refit chooses its strength anew.

The signals are the first ones of coverage_intervals.py, whose spectra, numbers and
levels they share. Each is given to `bootstrap_distribution` with a StrengthSearch (rule
chi2), which chooses in every refit as it did in the fit. Beside them stand intervals of
refits that keep the strength of the fit. Prints the table of the guide and writes it to
results/coverage_strength.json, cell after cell; `--cells` takes the first ones only.
"""

import argparse
import time
import warnings

import numpy as np
from _timing import write_tables
from coverage_intervals import LEVELS, SNRS, SPECTRA, Case, count, search

from skrelax import SmoothLasso
from skrelax.uncertainty import bootstrap_distribution

# One noise level of every spectrum first, for whoever stops early.
CELLS = [
    (name, snr)
    for snr in (SNRS[1], SNRS[2], SNRS[0])
    for name in SPECTRA
    if name != "signed"
]
METHODS = ("unpenalised", "parametric")


def measure(case, snr, options):
    """Return {(method, kind, number): (coverages, width)}."""
    rng = np.random.default_rng(options.seed)
    noise = rng.standard_normal((len(case.clean), 400))[:, : options.n_signals]
    Y = case.clean[:, None] + noise / snr
    # The values of a fixed kernel: what comes out is that of the Pipeline.
    K = case.builder.transform(case.points)
    out = {}
    for method in METHODS:
        found = {"anew": [], "kept": []}
        for number, y in enumerate(Y.T):
            anew = search(True).set_params(per_signal=False)
            anew.fit(K, y)
            kept = SmoothLasso(0.0, anew.strength_)
            for kind, inversion in (("anew", anew), ("kept", kept)):
                result = bootstrap_distribution(
                    inversion, K, y, n_bootstrap=options.n_refits, method=method,
                    random_state=number,
                )  # fmt: skip
                found[kind].append(result)
        for kind, results in found.items():
            F = np.array([result.distribution for result in results])
            refits = np.concatenate([result.samples for result in results])
            levels = [result.noise_std for result in results]
            counted = count(method, case, F, refits, levels)
            for (_, label), (coverage, width, _) in counted.items():
                out[method, kind, label] = coverage, width
    return out


def make_table(found, options):
    """Return the table of all cells {(case, snr): measured}."""
    kinds = [(method, kind) for method in METHODS for kind in ("anew", "kept")]
    rows = []
    for (name, snr), cell in found.items():
        for label in dict.fromkeys(key[2] for key in cell):
            row = [name, str(snr), label]
            for kind in kinds:
                coverage, width = cell[*kind, label]
                numbers = " ".join(f"{value:.0f}" for value in coverage)
                row.append(f"{numbers} ({width:.3g})")
            rows.append(row)
    levels = ", ".join(f"{100 * level:.0f}" for level in LEVELS)
    return {
        "name": "cells",
        "description": f"Coverage in % of intervals of {levels} %, and in brackets the "
        "median width of 90 % intervals: the difference of shares, the factor between "
        f"the ends of times. {options.n_signals} signals a cell, {options.n_refits} "
        "refits each, with the strength chosen anew or kept.",
        "columns": ["spectrum", "SNR", "number"]
        + [f"{method}, {kind}" for method, kind in kinds],
        "rows": rows,
    }


def main():
    """Print and write the table, cell after cell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n-signals", type=int, default=400)
    parser.add_argument("--n-refits", type=int, default=100)
    parser.add_argument("--cells", type=int, default=len(CELLS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found, start = {}, time.perf_counter()
    for name, snr in CELLS[: options.cells]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[name, snr] = measure(Case(name), snr, options)
        write_tables(
            "coverage_strength", "Coverage with strengths chosen anew",
            [make_table(found, options)],
            ["skrelax", "numpy", "scipy", "scikit-learn"],
        )  # fmt: skip
        print(f"{name}, SNR {snr}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
