"""Which estimator and rule recover the truth: distances, peaks and amplitudes.

Signals of known distributions of five families, at three levels of noise, are inverted
by every estimator and rule of the suite, with --slow by signed inversions, too (their
reference scheme is that of ILTpy), and by mrinversion where it is installed. Nothing is
timed but the default beside constant smoothness.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import time
import warnings

import numpy as np
from _timing import RESULTS, describe_machine

from skrelax import (
    KernelBuilder,
    LassoFistaCV,
    MultiDimRegularizedILT,
    SmoothLasso,
    SmoothLassoCV,
)
from skrelax.datasets import make_distribution
from skrelax.metrics import distribution_peaks
from skrelax.model_selection import StrengthSearch

TIMES = np.geomspace(1e-3, 3.0, 60)
FINE = np.geomspace(1e-4, 30.0, 2200)
SNRS = (20, 100, 1000)
DEFAULT = "SmoothLassoCV (default)"
HAS_MRINVERSION = importlib.util.find_spec("mrinversion") is not None


def draw_pair(rng):
    """Return two lognormal peaks, half a decade to 1.2 decades apart."""
    gap, share = rng.uniform(0.5, 1.2), rng.uniform(0.3, 0.7)
    low, widths = rng.uniform(-2.2, -0.2 - gap), rng.uniform(0.05, 0.25, 2)
    return [(10**low, widths[0], share), (10 ** (low + gap), widths[1], 1 - share)]


def draw_narrow_beside_broad(rng):
    """Return a narrow peak on either side of a broad one."""
    low, gap, share = (
        rng.uniform(-2.1, -1.5),
        rng.uniform(1, 1.4),
        rng.uniform(0.3, 0.7),
    )
    widths = [rng.uniform(0.02, 0.05), rng.uniform(0.25, 0.35)]
    widths = widths[:: rng.choice([-1, 1])]
    return [(10**low, widths[0], share), (10 ** (low + gap), widths[1], 1 - share)]


def draw_narrow(rng):
    """Return one narrow peak."""
    return [(10 ** rng.uniform(-2, -0.3), rng.uniform(0.02, 0.06), 1.0)]


def draw_three(rng):
    """Return three peaks, .7 to .9 decades apart."""
    steps = np.cumsum([rng.uniform(-2.2, -2.0), *rng.uniform(0.7, 0.9, 2)])
    widths, shares = rng.uniform(0.04, 0.12, 3), rng.dirichlet([6, 6, 6])
    return list(zip(10**steps, widths, shares, strict=True))


def draw_continuum(rng):
    """Return one peak of a decade."""
    return [(10 ** rng.uniform(-1.4, -0.8), rng.uniform(0.35, 0.5), 1.0)]


FAMILIES = {
    "pair": draw_pair,
    "narrow beside broad": draw_narrow_beside_broad,
    "one narrow peak": draw_narrow,
    "three peaks": draw_three,
    "broad continuum": draw_continuum,
}


def make_signals(family, seeds):
    """Return truths (n, n_fine), clean signals and unit noise (n_points, n)."""
    truths, noise = [], []
    number = list(FAMILIES).index(family)
    for seed in seeds:
        rng = np.random.default_rng([number, seed])
        truths.append(make_distribution(FINE, FAMILIES[family](rng)))
        noise.append(rng.standard_normal(TIMES.size))
    truths = np.array(truths)
    clean = np.exp(-TIMES[:, None] / FINE) @ truths.T
    return truths, clean, np.transpose(noise)


def distances(F, bins, truths):
    """Return Wasserstein distances of rows in decades, all at once."""
    x, fine = np.log10(bins), np.log10(FINE)
    places = np.union1d(x, fine)

    def cumulated(values, grid):
        values = np.maximum(values, 0.0)
        total = np.maximum(values.sum(axis=1, keepdims=True), 1e-300)
        sums = np.cumsum(values / total, axis=1)
        index = np.searchsorted(grid, places, side="right")
        return np.where(index > 0, sums[:, np.maximum(index - 1, 0)], 0.0)

    apart = np.abs(cumulated(F, x) - cumulated(truths, fine))
    return apart[:, :-1] @ np.diff(places)


def count_peaks(F, bins):
    """Return the number of peaks of each row that have a share of .01."""
    table = distribution_peaks(F, bins)
    return np.bincount(table["signal"].to_numpy(dtype=int), minlength=len(F))


def judge(F, bins, truths):
    """Return what is told of distributions (n, n_bins)."""
    apart, wanted = distances(F, bins, truths), count_peaks(truths, FINE)
    peaks, off = count_peaks(F, bins), np.abs(F.sum(axis=1) - 1.0)
    return {
        "median": float(np.median(apart)),
        "mean": float(apart.mean()),
        "worst": float(apart.max()),
        "exact": float(100 * np.mean(peaks == wanted)),
        "false": int(np.maximum(peaks - wanted, 0).sum()),
        "missed": int(np.maximum(wanted - peaks, 0).sum()),
        "amplitude": float(100 * np.median(off)),
        "amplitude_worst": float(100 * off.max()),
    }


def contestants():
    """Return {name: (estimator, whether its grid begins at a third of the time)}."""
    each = {"per_signal": True}
    before = {"order": 1, "adaptive": False, "rule": "min"} | each
    found = {
        DEFAULT: (SmoothLassoCV(**each), False),
        "default, from a third of the first time": (SmoothLassoCV(**each), True),
        "constant": (SmoothLassoCV(adaptive=False, **each), False),
        "constant, order 1, rule min": (SmoothLassoCV(**before), False),
        "the same from a third of the first time": (SmoothLassoCV(**before), True),
        "LassoFistaCV": (LassoFistaCV(32, **each), False),
    }
    for adaptive in (True, False):
        inner = SmoothLasso(order=2, adaptive=adaptive)
        kind = "adaptive" if adaptive else "constant"
        for rule in ("gcv", "chi2", "discrepancy", "brd", "lcurve"):
            search = StrengthSearch(inner, rule, strengths=24, **each)
            found[f"StrengthSearch, {kind}, {rule}"] = search, False
        search = StrengthSearch(
            inner, "gcv", strengths=24, degrees_of_freedom="active", **each
        )
        found[f"StrengthSearch, {kind}, gcv, active bins"] = search, False
    return found


def other_rules(model, kernel, Y):
    """Return what the other rules choose on the curve of a fitted SmoothLassoCV."""
    curve = {
        name: model.cv_results_[name].reshape(-1, Y.shape[1])
        for name in ("alpha", "smoothness", "mean_test_mse", "se_test_mse")
    }
    error, every = curve["mean_test_mse"], np.arange(Y.shape[1])
    least = error.argmin(axis=0)
    limit = error[least, every] + curve["se_test_mse"][least, every]
    found = {}
    for rule, chosen in (("min", least), ("1se", (error <= limit).argmax(axis=0))):
        fixed = SmoothLasso(
            curve["alpha"][chosen, every],
            curve["smoothness"][chosen, every][:, None],
            order=2,
            adaptive=True,
        )
        found[f"default, rule {rule}"] = fixed.fit(kernel, Y).coef_
    return found


def invert_signed(scheme):
    """Return a function of signals for a MultiDimRegularizedILT."""

    def invert(Y, bins, sigma):
        model = MultiDimRegularizedILT("T2", bins, scheme=scheme, noise_std=sigma)
        return np.array([model.fit(TIMES[:, None], y).distribution_ for y in Y.T])

    return invert


def invert_mrinversion(kernel, Y):
    """Return what mrinversion's LassoFistaCV makes of signals, one by one."""
    from mrinversion.linear_model import LassoFistaCV as Peer
    from mrinversion.linear_model import TSVDCompression

    found = []
    for y in Y.T:
        with contextlib.redirect_stdout(io.StringIO()):
            rows = TSVDCompression(np.asarray(kernel), y[:, None])
            peer = Peer(np.logspace(-1, -7, 64), folds=10)
            peer.fit(rows.compressed_K, rows.compressed_s)
        found.append(np.ravel(peer.f))
    return np.array(found)


def run(families, seeds, only, slow):
    """Return a row for each family, level of noise and contestant."""
    builders = {
        False: KernelBuilder("T2"),
        True: KernelBuilder("T2", minimum=TIMES[0] / 3),
    }
    kernels = {
        third: (builder.fit_transform(TIMES[:, None]), builder.relaxation_times_)
        for third, builder in builders.items()
    }
    rows = []
    for family in families:
        truths, clean, noise = make_signals(family, seeds)
        for snr in SNRS:
            Y = clean + noise / snr
            found = {}
            for name, (model, third) in contestants().items():
                if only in name:
                    kernel, bins = kernels[third]
                    F = np.moveaxis(model.fit(kernel, Y).distribution_, -1, 0)
                    found[name] = F, bins
                    if name == DEFAULT:
                        others = other_rules(model, kernel, Y)
                        found |= {rule: (F, bins) for rule, F in others.items()}
            kernel, bins = kernels[False]
            if slow:
                for scheme in ("reference", "convergent"):
                    F = invert_signed(scheme)(Y, bins, 1.0 / snr)
                    found[f"MultiDimRegularizedILT, {scheme}"] = F, bins
            if slow and HAS_MRINVERSION:
                found["mrinversion LassoFistaCV"] = invert_mrinversion(kernel, Y), bins
            for name, (F, grid) in found.items():
                told = judge(F, grid, truths)
                rows.append({"family": family, "snr": snr, "contestant": name} | told)
                numbers = " ".join(f"{value:8.3f}" for value in told.values())
                print(f"{family:20}{snr:6} {name:46}{numbers}", flush=True)
    return rows


def compare_times(n_signals=50):
    """Return how many times constant smoothness the default takes, fit and choice."""
    builder = KernelBuilder("T2")
    kernel = builder.fit_transform(TIMES[:, None])
    _, clean, noise = make_signals("pair", range(n_signals))
    Y, ratios = clean + noise / 100, {}
    pairs = {
        "fit": [SmoothLasso(order=2, adaptive=adaptive) for adaptive in (False, True)],
        "choice": [
            SmoothLassoCV(adaptive=adaptive, per_signal=True)
            for adaptive in (False, True)
        ],
    }
    for name, models in pairs.items():
        spent = []
        for model in models:
            model.fit(kernel, Y[:, :2])
            start = time.process_time()
            model.fit(kernel, Y)
            spent.append(time.process_time() - start)
        ratios[name] = spent[1] / spent[0]
        print(f"{name}: {ratios[name]:.2f} times constant smoothness")
    return ratios


def main():
    """Run all families and write results/recovery.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="ten seeds, not written")
    parser.add_argument("--only", default="", help="part of a name, not written")
    parser.add_argument(
        "--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES)
    )
    parser.add_argument("--slow", action="store_true", help="signed inversions, peers")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    seeds = range(10 if arguments.quick else arguments.seeds)
    rows = run(arguments.families, seeds, arguments.only, arguments.slow)
    ratios = compare_times()
    if arguments.quick or arguments.only:
        return
    packages = ["skrelax", "numpy", "scipy", "scikit-learn"]
    results = {
        "title": "Recovery of known distributions",
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe_machine(packages),
        "seeds": len(seeds),
        "times": ratios,
        "recovery": rows,
    }
    path = RESULTS / "recovery.json"
    if path.exists():
        # Families that were not run now stay.
        old = json.loads(path.read_text(encoding="utf-8"))
        if old["machine"] == results["machine"] and old["seeds"] == len(seeds):
            new = {row["family"] for row in rows}
            kept = [row for row in old["recovery"] if row["family"] not in new]
            results["recovery"] = sorted(
                kept + rows, key=lambda row: list(FAMILIES).index(row["family"])
            )
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"written: {path.name}")


if __name__ == "__main__":
    main()
