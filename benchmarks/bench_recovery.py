"""Which estimator and rule recover the truth: distances, peaks and amplitudes.

Signals of known distributions of five families, and of planes with four peaks, at
three levels of noise, are inverted by every estimator and rule of the suite, by signed
inversions (their reference scheme is that of ILTpy), and by mrinversion and flintpy
where these are installed. Each group of contestants can be run alone: rows of the
others, and of other families, stay in the results. Nothing is timed but the default
beside constant smoothness.
"""

import argparse
import contextlib
import importlib.metadata
import importlib.util
import io
import json
import time
import warnings

import numpy as np
from _recovery import (
    FAMILIES,
    FINE,
    LIMITS,
    N_PLANE,
    PLANE,
    SNRS,
    TE,
    TI,
    TIMES,
    count_peaks,
    judge,
    judge_planes,
    make_kernel,
    make_plane_kernel,
    make_planes,
    make_signals,
)
from _timing import RESULTS, describe_machine

from skrelax import LassoFistaCV, MultiDimRegularizedILT, SmoothLasso, SmoothLassoCV
from skrelax.kernels import acquisition_grid
from skrelax.model_selection import StrengthSearch

DEFAULT = "SmoothLassoCV (default)"
ADAPTIVE = "adaptive, rule near"
PEERS = {"mrinversion": "mrinversion", "flintpy": "flintpy-nmr"}
INSTALLED = [name for name in PEERS if importlib.util.find_spec(name) is not None]
GROUPS = ("default", "adaptive rules", "rules", "signed", *INSTALLED)
PACKAGES = ("skrelax", "numpy", "scipy", "scikit-learn")
RULES = ("gcv", "chi2", "discrepancy", "brd", "lcurve")
EACH = {"per_signal": True}
# flintpy has no rule: its penalty for each noise, as alpha over the noise variance.
FLINT_ALPHAS = (1.0, 100.0, 10_000.0)


def followers():
    """Return {name: (estimator, whether its grid begins at a third of the time)}."""
    return {
        DEFAULT: (SmoothLassoCV(**EACH), False),
        "default, from a third of the first time": (SmoothLassoCV(**EACH), True),
        ADAPTIVE: (SmoothLassoCV(rule="near", **EACH), False),
        "constant, rule near": (SmoothLassoCV(adaptive=False, **EACH), False),
    }


def before():
    """Return the same of what the default is compared with."""
    old = {"order": 1, "adaptive": False, "rule": "min"} | EACH
    return {
        "constant, order 1, rule min": (SmoothLassoCV(**old), False),
        "the same from a third of the first time": (SmoothLassoCV(**old), True),
        "LassoFistaCV": (LassoFistaCV(32, **EACH), False),
    }


def searches(adaptive):
    """Return the same of all rules of StrengthSearch."""
    inner, found = SmoothLasso(order=2, adaptive=adaptive), {}
    kind = "adaptive" if adaptive else "constant"
    for rule in RULES:
        search = StrengthSearch(inner, rule, strengths=24, **EACH)
        found[f"StrengthSearch, {kind}, {rule}"] = search, False
    search = StrengthSearch(
        inner, "gcv", strengths=24, degrees_of_freedom="active", **EACH
    )
    return found | {f"StrengthSearch, {kind}, gcv, active bins": (search, False)}


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
        found[f"adaptive, rule {rule}"] = fixed.fit(kernel, Y).coef_
    return found


def invert_signed(scheme, kernel, X, Y, bins, sigma):
    """Return what a MultiDimRegularizedILT makes of signals, one by one."""
    model = MultiDimRegularizedILT(kernel, bins, scheme=scheme, noise_std=sigma)
    return np.array([model.fit(X, y).distribution_ for y in Y.T])


def invert_mrinversion(kernel, Y):
    """Return what mrinversion's LassoFistaCV makes of signals, one by one."""
    from mrinversion.linear_model import LassoFistaCV as Peer
    from mrinversion.linear_model import TSVDCompression

    found = []
    for y in Y.T:
        with contextlib.redirect_stdout(io.StringIO()):
            rows = TSVDCompression(np.asarray(kernel), y[:, None])
            peer = Peer(np.logspace(-1, -7, 64), folds=10, n_jobs=1)
            peer.fit(rows.compressed_K, rows.compressed_s)
        found.append(np.ravel(peer.f))
    return np.array(found)


def invert_flint(Y, alpha):
    """Return what flintpy makes of planes, one by one, and its bins."""
    from flintpy.flintpy import Flint, FlintSignal

    limits = list(zip(LIMITS["minimum"], LIMITS["maximum"], strict=True))
    found = []
    for y in Y.T:
        points = FlintSignal(y.reshape(TI.size, TE.size), TI, TE)
        with contextlib.redirect_stdout(io.StringIO()):
            peer = Flint(points, (N_PLANE, N_PLANE), "T1IRT2", alpha, *limits)
            peer.solve_flint()
        found.append(np.asarray(peer.ss))
    return np.array(found)


def invert_decays(groups, Y, sigma, few):
    """Return {contestant: (distributions (n, n_bins), bins)} of decays.

    Of the peer that takes seconds for each the first ones alone.
    """
    kernels = {third: make_kernel(TIMES[0] / 3 if third else None) for third in (0, 1)}
    kernel, bins = kernels[0]
    found, fitted = {}, {}
    if "default" in groups:
        fitted |= followers()
    if "adaptive rules" in groups:
        fitted |= searches(adaptive=True)
    if "rules" in groups:
        fitted |= before() | searches(adaptive=False)
    for name, (model, third) in fitted.items():
        model.fit(kernels[third][0], Y)
        found[name] = np.moveaxis(model.distribution_, -1, 0), kernels[third][1]
        if name == ADAPTIVE:
            others = other_rules(model, kernel, Y)
            found |= {rule: (F, bins) for rule, F in others.items()}
    if "signed" in groups:
        for scheme in ("reference", "convergent"):
            F = invert_signed(scheme, "T2", TIMES[:, None], Y, bins, sigma)
            found[f"MultiDimRegularizedILT, {scheme}"] = F, bins
    if "mrinversion" in groups:
        found["mrinversion LassoFistaCV"] = invert_mrinversion(kernel, Y[:, :few]), bins
    return found


def invert_planes(groups, Y, sigma):
    """Return {contestant: distributions (n, n_1, n_2)} of planes, and the bins."""
    kernel, grids = make_plane_kernel()
    found, fitted = {}, {}
    if "default" in groups:
        fitted[DEFAULT] = SmoothLassoCV(**EACH)
    if "rules" in groups:
        fitted["constant, order 1, rule min"] = SmoothLassoCV(
            order=1, rule="min", **EACH
        )
        for rule in RULES:
            search = StrengthSearch(SmoothLasso(order=2), rule, strengths=24, **EACH)
            fitted[f"StrengthSearch, constant, {rule}"] = search
    for name, model in fitted.items():
        found[name] = np.moveaxis(model.fit(kernel, Y).distribution_, -1, 0)
    if "signed" in groups:
        X = acquisition_grid(TI, TE)
        for scheme in ("reference", "convergent"):
            F = invert_signed(scheme, ["T1-IR", "T2"], X, Y, grids, sigma)
            found[f"MultiDimRegularizedILT, {scheme}"] = F
    if "flintpy" in groups:
        for factor in FLINT_ALPHAS:
            name = f"flintpy, alpha {factor:g} noise variances"
            found[name] = invert_flint(Y, factor * sigma**2)
    return found, grids


def run(families, groups, seeds, few):
    """Return a row for each family, level of noise and contestant."""
    rows = []
    for family in families:
        if family == PLANE:
            truths, clean, noise = make_planes(seeds[:few])
        else:
            truths, clean, noise = make_signals(family, seeds)
            wanted = count_peaks(truths, FINE)
        for snr in SNRS:
            Y = clean + noise / snr
            if family == PLANE:
                found, grids = invert_planes(groups, Y, 1.0 / snr)
                told = {
                    name: judge_planes(F, grids, truths) for name, F in found.items()
                }
                n_used = dict.fromkeys(told, len(truths))
            else:
                found = invert_decays(groups, Y, 1.0 / snr, few)
                told = {
                    name: judge(F, bins, truths[: len(F)], wanted[: len(F)])
                    for name, (F, bins) in found.items()
                }
                n_used = {name: len(F) for name, (F, _) in found.items()}
            for name, values in told.items():
                first = {"family": family, "snr": snr, "contestant": name}
                rows.append(first | {"seeds": n_used[name]} | values)
                numbers = " ".join(f"{value:8.3f}" for value in values.values())
                print(f"{family:20}{snr:6} {name:46}{numbers}", flush=True)
    return rows


def compare_times(n_signals=50):
    """Return how many times constant smoothness the default takes, fit and choice."""
    kernel, _ = make_kernel()
    _, clean, noise = make_signals("pair", range(n_signals))
    Y, ratios = clean + noise / 100, {}
    pairs = {
        "fit": [SmoothLasso(order=2, adaptive=adaptive) for adaptive in (False, True)],
        "choice": [
            SmoothLassoCV(adaptive=adaptive, **EACH) for adaptive in (False, None)
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


def merge(old, rows):
    """Return old rows without those that were found anew, and these, in order."""

    def key(row):
        return row["family"], row["snr"], row["contestant"]

    kept = {key(row): row for row in old} | {key(row): row for row in rows}
    families = [*FAMILIES, PLANE]
    ours = [*followers(), "adaptive, rule min", "adaptive, rule 1se", *before()]
    ours += [*searches(adaptive=True), *searches(adaptive=False)]

    def place(row):
        name = row["contestant"]
        known = ours.index(name) if name in ours else len(ours)
        return families.index(row["family"]), row["snr"], known, name

    return sorted(kept.values(), key=place)


def write(rows, ratios, n_seeds):
    """Write results/recovery.json, with the rows that are there of as many seeds."""
    names = {one.name for one in importlib.metadata.distributions()}
    packages = [name for name in PACKAGES if name in names]
    path = RESULTS / "recovery.json"
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if old.get("seeds") != n_seeds:
        old = {}
    results = {
        "title": "Recovery of known distributions",
        "date": time.strftime("%Y-%m-%d"),
        "machine": old.get("machine") or describe_machine(packages),
        "peers": old.get("peers", {})
        | {name: importlib.metadata.version(PEERS[name]) for name in INSTALLED},
        "seeds": n_seeds,
        "times": ratios or old.get("times", {}),
        "recovery": merge(old.get("recovery", []), rows),
    }
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"written: {path.name}")


def main():
    """Run all families and write results/recovery.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--few", type=int, default=20, help="of planes, mrinversion")
    parser.add_argument("--quick", action="store_true", help="ten seeds, not written")
    families = [*FAMILIES, PLANE]
    parser.add_argument("--families", nargs="+", default=families, choices=families)
    parser.add_argument("--groups", nargs="+", default=GROUPS, choices=GROUPS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    n_seeds = 10 if arguments.quick else arguments.seeds
    few = 2 if arguments.quick else arguments.few
    rows = run(arguments.families, arguments.groups, range(n_seeds), few)
    ratios = compare_times() if "default" in arguments.groups else None
    if not arguments.quick:
        write(rows, ratios, n_seeds)


if __name__ == "__main__":
    main()
