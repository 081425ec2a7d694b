"""Many samples of a long table: one call beside loops over groups.

The loops fit group after group with the same estimator, or with curve_fit, as one
writes them with pandas' groupby.
"""

import argparse
import warnings

import numpy as np
import pandas as pd
from _timing import interleave, make_row, make_workload, watch, write_results
from scipy.optimize import curve_fit
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFistaCV,
    NonlinearRelaxationFit,
    SmoothLasso,
    fit_batch,
)
from skrelax.metrics import distribution_peaks

ONE, TWO = "fit_batch, 1 worker", "fit_batch, 2 workers"
LOOP = "the same estimator, group by group"
ROLES = {"acquisition": "TE", "signal": "signal", "by": ["sample"]}


def long_table(n_samples, n_points=40):
    """Return decays of many samples on the same times."""
    rng = np.random.default_rng(0)
    times = np.geomspace(2e-3, 1.0, n_points)
    T2 = rng.uniform(0.02, 0.2, n_samples)
    y = np.exp(-times / T2[:, None])
    y += 0.005 * rng.standard_normal(y.shape)
    return pd.DataFrame(
        {
            "sample": np.repeat(np.arange(n_samples), n_points),
            "TE": np.tile(times, n_samples),
            "signal": y.ravel(),
        }
    )


def bench(title, estimator, frame, read, repeats, peer=None):
    """Time fit_batch and loops on one table; the gap compares what they return."""
    fitted = {}

    def batch(name, n_jobs):
        def call():
            fitted[name] = fit_batch(estimator, frame, **ROLES, n_jobs=n_jobs)

        return call

    def loop():
        rows = []
        for key, part in frame.groupby("sample", sort=False):
            alone = clone(estimator).fit(part[["TE"]], part["signal"])
            score = alone.score(part[["TE"]], part["signal"])
            rows.append({"sample": key, **read(alone), "score": score})
        fitted[LOOP] = pd.DataFrame(rows)

    calls = {ONE: batch(ONE, 1), TWO: batch(TWO, 2), LOOP: loop}
    if peer is not None:
        calls["scipy curve_fit, group by group"] = lambda: peer(frame, fitted)
    timings = interleave(calls, repeats, once={LOOP, *list(calls)[3:]})
    rows = []
    for name, timing in timings.items():
        numbers = fitted[name].select_dtypes("number").columns.drop("sample")
        same = numbers.intersection(fitted[ONE].columns)
        gap = np.nanmax(np.abs(fitted[name][same] / fitted[ONE][same] - 1))
        rows.append(make_row(name, timing, gap=None if name == ONE else gap))
    n_samples = frame["sample"].nunique()
    return make_workload(
        title,
        f"{n_samples} samples of {len(frame) // n_samples} echoes on the same times.",
        rows,
        ONE,
        "largest relative difference of a result",
    )


def read_parameters(fit):
    """Return what the loop reads of a nonlinear fit."""
    return dict(zip(fit.param_names_, fit.params_, strict=True))


def read_distribution(model):
    """Return what the loop reads of an inversion."""
    peaks = distribution_peaks(model[-1].coef_, model[0].relaxation_times_)
    return {"n_peaks": len(peaks), "log_mean_0": peaks["log_mean"][0]}


def fit_curves(frame, fitted):
    """Fit every group by SciPy from one start."""
    rows = []
    for _, part in frame.groupby("sample", sort=False):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values, _ = curve_fit(
                lambda t, M0, T2: M0 * np.exp(-t / T2),
                part["TE"], part["signal"], [1.0, 0.1],
            )  # fmt: skip
        rows.append(values)
    fitted["scipy curve_fit, group by group"] = (
        pd.DataFrame(rows, columns=["M0", "T2"]).rename_axis("sample").reset_index()
    )


def main():
    """Run all workloads and write results/batch.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--samples", type=int, default=1000)
    arguments = parser.parse_args()
    frame = long_table(arguments.samples)
    kernel = KernelBuilder("T2", n_bins=64, minimum=2e-3, maximum=2.0)
    workloads = [
        watch(
            bench, "Nonlinear fits", NonlinearRelaxationFit("T2"), frame,
            read_parameters, arguments.repeats, fit_curves,
        ),
        watch(
            bench, "Smooth inversion", make_pipeline(kernel, SmoothLasso(1e-5, 1e-3)),
            frame, read_distribution, arguments.repeats,
        ),
        watch(
            bench, "LASSO with cross-validation of each sample",
            make_pipeline(kernel, LassoFistaCV(32)), frame, read_distribution,
            arguments.repeats,
        ),
    ]  # fmt: skip
    write_results(
        "batch",
        "Batches of samples",
        workloads,
        ("skrelax", "numpy", "numba", "scikit-learn", "scipy", "pandas", "joblib"),
    )


if __name__ == "__main__":
    main()
