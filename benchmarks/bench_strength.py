"""A strength for each of many signals: beside one for all, and one fit per signal."""

import argparse
import warnings

import numpy as np
from _timing import interleave, make_row, make_workload, watch, write_results
from sklearn.base import clone

from skrelax import KernelBuilder, LassoFista, LassoFistaCV, SmoothLasso, SmoothLassoCV
from skrelax.model_selection import StrengthSearch

EACH, COMMON, ALONE = "a strength per signal", "one for all", "signal by signal"
# Of the loop over signals only as many are timed.
FEW = 20
ESTIMATORS = {
    "LassoFistaCV": LassoFistaCV(32),
    "SmoothLassoCV": SmoothLassoCV(),
} | {
    f"{type(model).__name__}, {rule}": StrengthSearch(model, rule)
    for model in (SmoothLasso(), LassoFista())
    for rule in ("cv", "gcv", "lcurve", "discrepancy", "chi2", "brd")
}


def decays(n_signals, n_points=40):
    """Return a kernel and noisy decays of different relaxation times."""
    rng = np.random.default_rng(0)
    times = np.geomspace(2e-3, 1.0, n_points)
    y = np.exp(-times[:, None] / rng.uniform(0.02, 0.2, n_signals))
    y += 0.005 * rng.standard_normal(y.shape)
    kernel = KernelBuilder("T2", n_bins=64, minimum=2e-3, maximum=2.0)
    return kernel.fit_transform(times[:, None]), y


def bench(title, estimator, K, Y, repeats):
    """Time three ways; the gap compares the strengths of the first and the last."""
    each = clone(estimator).set_params(per_signal=True)
    alone = []

    def loop():
        alone[:] = [clone(estimator).fit(K, y) for y in Y[:, :FEW].T]

    calls = {
        EACH: lambda: each.fit(K, Y),
        COMMON: lambda: clone(estimator).fit(K, Y),
        ALONE: loop,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        timings = interleave(calls, repeats, once=(ALONE,))
    name = next(n for n in ("strength_", "smoothness_", "alpha_") if hasattr(each, n))
    found = getattr(each, name)[:FEW]
    gap = np.abs(found / [getattr(one, name) for one in alone] - 1.0).max()
    return make_workload(
        title,
        f"{Y.shape[1]} signals of {len(Y)} points, {K.shape[1]} bins.",
        [
            make_row(EACH, timings[EACH]),
            make_row(COMMON, timings[COMMON]),
            make_row(
                ALONE, timings[ALONE], gap=gap, scale=Y.shape[1] / FEW,
                note=f"{FEW} signals timed, scaled to all",
            ),
        ],
        COMMON,
        "largest relative difference of a strength",
    )  # fmt: skip


def main():
    """Run all workloads and write results/strength.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--signals", type=int, default=1000)
    parser.add_argument("--only", default="", help="part of a title")
    arguments = parser.parse_args()
    K, Y = decays(arguments.signals)
    workloads = [
        watch(bench, title, estimator, K, Y, arguments.repeats)
        for title, estimator in ESTIMATORS.items()
        if arguments.only in title
    ]
    write_results(
        "strength",
        "A strength for each signal",
        workloads,
        ("skrelax", "numpy", "numba", "scikit-learn", "scipy"),
    )


if __name__ == "__main__":
    main()
