"""How often intervals of numbers of a distribution hold the truth, method by method.

Simulates signals of spectra whose truth is known, at three noise levels, and counts for
which of them intervals of four levels hold the log mean, the share of a peak, the
fraction below a cut-off, and the T1/T2 ratio of a peak of a map. Strengths are chosen
for each signal by StrengthSearch, rule chi2, or gcv of signed ones. Prints the tables
of the guide and writes them to results/coverage.json, with the width of 90 % intervals
beside each coverage.

Whether bounds hold the truth is told by the misfit of distributions that have it, which
is what their ends are roots of: one fit in place of two ends at four levels. Their
widths are those of the first signals.
"""

import argparse
import time
import warnings

import numpy as np
from _timing import write_tables
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso
from skrelax.kernels import acquisition_grid
from skrelax.metrics import Rectangle
from skrelax.model_selection import StrengthSearch
from skrelax.uncertainty import Amplitude, LogMean, Share, TimeRatio, UncertaintyResult
from skrelax.uncertainty._bias_aware import make_smoothness
from skrelax.uncertainty._bounds import _Excess, excess_allowed, make_problem
from skrelax.uncertainty._draw import draw_noise

LEVELS = (0.5, 0.8, 0.9, 0.95)
SHOWN = LEVELS.index(0.9)
SNRS = (50, 200, 1000)
# Levels within so many points of the nominal one are called right.
CLOSE = 3.0
TIMES = np.geomspace(1e-3, 3.0, 64)
LIMITS = {"minimum": 1e-3, "maximum": 10.0}
FINE = np.geomspace(LIMITS["minimum"], LIMITS["maximum"], 1201)
TI, TE = np.geomspace(1e-2, 5.0, 10), np.geomspace(1e-3, 1.0, 14)
PLANE = {"minimum": [1e-2, 1e-3], "maximum": [10.0, 3.0]}
# Signals of one call.
TOGETHER = 40_000
LOST = ("not identifiable", "does not fit", "no value")


def peak(centre, width):
    """Return a Gaussian peak on FINE, of area one; width in decades."""
    out = np.exp(-0.5 * (np.log10(FINE / centre) / width) ** 2)
    return out / out.sum()


# Distribution, border of the first peak, and a cut-off beside it.
SPECTRA = {
    "two broad peaks": (0.4 * peak(0.02, 0.2) + 0.6 * peak(0.3, 0.2), 0.08, 0.03),
    "close pair": (0.4 * peak(0.05, 0.05) + 0.6 * peak(0.15, 0.05), 0.087, 0.07),
    "narrow peaks": (0.5 * peak(0.02, 0.02) + 0.5 * peak(0.2, 0.02), 0.063, 0.1),
    "small fast part": (0.1 * peak(0.008, 0.1) + 0.9 * peak(0.1, 0.1), 0.03, 0.02),
    "broad, one piece": (peak(0.05, 0.5), 0.05, 0.02),
    "signed": (0.7 * peak(0.2, 0.15) - 0.3 * peak(0.02, 0.15), 0.063, 0.03),
}


class Case:
    """A spectrum, what is asked of it, and the inversion."""

    def __init__(self, name):
        if name == "map, peak at T1/T2 = 8":
            self._make_plane()
            return
        distribution, border, cut = SPECTRA[name]
        self.points = TIMES[:, None]
        self.clean = np.exp(-self.points / FINE) @ distribution
        self.builder = KernelBuilder("T2", n_bins=64, **LIMITS).fit(self.points)
        self.is_signed = name == "signed"
        if self.is_signed:
            # Shares of what has both signs mean nothing, amplitudes do.
            self.asked = {
                "log mean of a peak": LogMean((border, np.inf)),
                "amplitude of a peak": sum_below(border),
                "amplitude below cut-off": sum_below(cut),
            }
            self.sums = {
                "log mean of a peak": LogMean((border, np.inf)),
                "amplitude of a peak": Amplitude((0, border)),
                "amplitude below cut-off": Amplitude((0, cut)),
            }
        else:
            self.asked = {
                "log mean": LogMean(),
                "share of a peak": Share((0, border)),
                "fraction below cut-off": Share((0, cut)),
            }
        self.truths = {
            label: function(distribution, FINE)
            for label, function in self.asked.items()
        }

    def _make_plane(self):
        self.points, self.is_signed = acquisition_grid(TI, TE), False
        pools = [(0.8, 0.1, 0.6), (1.0, 0.01, 0.4)]
        self.clean = sum(
            share
            * (1.0 - 2.0 * np.exp(-self.points[:, 0] / T1))
            * np.exp(-self.points[:, 1] / T2)
            for T1, T2, share in pools
        )
        kinds = ["T1-IR", "T2"]
        self.builder = KernelBuilder(kinds, n_bins=[14, 16], **PLANE).fit(self.points)
        region = Rectangle("long T2", T2=(0.03, np.inf))
        self.asked = {"T1/T2 of a peak": TimeRatio(region)}
        self.truths = {"T1/T2 of a peak": 8.0}

    @property
    def axes(self):
        """The bins of each axis by name."""
        grids = self.builder.relaxation_times_
        grids = grids if isinstance(grids, tuple) else (grids,)
        names = ["T1", "T2"] if len(grids) == 2 else ["T2"]
        return dict(zip(names, grids, strict=True))


def sum_below(border):
    """Return a function that sums a distribution below a relaxation time."""
    return lambda f, bins: f[bins < border].sum()


def fit(K, Y, smoothness, shape, positive):
    """Return distributions (n_signals, n_bins), each with its own smoothness."""
    rows = []
    for start in range(0, Y.shape[1], TOGETHER):
        part = slice(start, start + TOGETHER)
        inversion = SmoothLasso(
            0.0, smoothness[part, None], positive=positive, grid_shape=shape
        )
        rows.append(inversion.fit(K, Y[:, part]).coef_)
    return np.concatenate(rows)


def search(positive):
    """Return the search that chooses the smoothness of each signal."""
    # Of signed distributions chi2 takes far too weak ones.
    rule = "chi2" if positive else "gcv"
    return StrengthSearch(
        SmoothLasso(0.0, positive=positive), rule, parameter="smoothness",
        per_signal=True,
    )  # fmt: skip


def resample(method, K, Y, F, rank, options):
    """Return signals (n_points, n_signals * n_refits) of a method, and their noise."""
    rng = np.random.default_rng(options.seed + 1)
    weight, drawn, levels = np.ones(len(Y)), [], []
    for y, f in zip(Y.T, F, strict=True):
        expected = K @ f
        used = min(rank, np.count_nonzero(f))
        kind = "residual" if method == "residual" else "parametric"
        noise, level = draw_noise(
            kind, None, y - expected, weight, used, options.n_refits, rng
        )
        drawn.append(expected[:, None] + noise)
        levels.append(level)
    return np.concatenate(drawn, axis=1), levels


def measure(case, snr, options):
    """Return {(method, number): (coverages, width, status of most signals)}."""
    rng = np.random.default_rng(options.seed)
    Y = (
        case.clean[:, None]
        + rng.standard_normal((len(case.clean), options.n_signals)) / snr
    )
    K = np.asarray(case.builder.transform(case.points), dtype=np.float64)
    positive = not case.is_signed
    chosen = make_pipeline(case.builder, search(positive)).fit(case.points, Y)
    smoothness = np.ravel(chosen[-1].strength_)
    F = chosen[-1].best_estimator_.coef_
    out, sources = {}, {"parametric": F, "residual": F}
    rank = np.linalg.matrix_rank(K, tol=1e-4 * np.linalg.norm(K, 2))
    if positive:
        problems = [make_problem(K, y, np.ones(len(y)), None, False) for y in Y.T]
        sources["unpenalised"] = np.array([p.best * p.unit for p in problems])
        out |= measure_bounds(case, F, problems, options)
    else:
        out |= measure_bias_aware(case, K, Y)
    shape = tuple(grid.size for grid in case.axes.values())
    repeated = np.repeat(smoothness, options.n_refits)
    for method, source in sources.items():
        drawn, levels = resample(method, K, Y, source, rank, options)
        refits = fit(K, drawn, repeated, shape, positive)
        out |= count(method, case, F, refits, levels)
    return out


def count(method, case, F, refits, levels):
    """Return coverages and widths of intervals of refits."""
    results = [
        UncertaintyResult(f, samples, case.axes, method, level, 0.9)
        for f, samples, level in zip(
            F, refits.reshape(len(F), -1, F.shape[1]), levels, strict=True
        )
    ]
    out = {}
    for label, function in case.asked.items():
        truth = case.truths[label]
        ends = np.array(
            [[r.interval(function, level) for level in LEVELS] for r in results]
        )
        held = (ends[..., 0] <= truth) & (truth <= ends[..., 1])
        out[method, label] = (
            100.0 * held.mean(axis=0), width_of(label, ends[:, SHOWN]), None
        )  # fmt: skip
    return out


def told(status):
    """Return a status of an interval, wherever the estimate is."""
    return "ok" if status == "estimate outside" else status


def measure_bounds(case, F, problems, options):
    """Return coverages and widths of bounds."""
    out = {}
    few = options.n_widths
    for label, function in case.asked.items():
        truth = case.truths[label]
        weights = function._weights(case.axes)
        value = np.log(truth) if weights.is_log else truth
        row = weights.numerator - value * weights.denominator
        excesses = [_Excess(p, None).at(row, 0.0) for p in problems]
        for method in ("bounds", "simultaneous"):
            allowed = np.array(
                [[excess_allowed(p, v, method) for v in LEVELS] for p in problems]
            )
            held = np.array(excesses)[:, None] <= allowed
            results = [
                UncertaintyResult(f, f[None], case.axes, method, 0.0, 0.9, problem)
                for f, problem in zip(F[:few], problems, strict=False)
            ]
            ends = np.array([r.interval(function) for r in results])
            statuses = [told(r.status(function)) for r in results]
            status = max(sorted(set(statuses)), key=statuses.count)
            coverage = 100.0 * held.mean(axis=0)
            out[method, label] = coverage, width_of(label, ends), status
    return out


def measure_bias_aware(case, K, Y):
    """Return coverages and widths of bias-aware intervals of signed distributions."""
    out, shape = {}, (K.shape[1],)
    weight = np.ones(len(Y))
    results = [
        UncertaintyResult(
            np.zeros(shape), np.zeros((0, *shape)), case.axes, "bias-aware", 0.0, 0.9,
            make_smoothness(K, y, weight, None, False, shape),
        )
        for y in Y.T
    ]  # fmt: skip
    for label, function in case.sums.items():
        truth = case.truths[label]
        ends = np.array([[r.interval(function, v) for v in LEVELS] for r in results])
        held = (ends[..., 0] <= truth) & (truth <= ends[..., 1])
        coverage = 100.0 * held.mean(axis=0)
        out["bias-aware", label] = coverage, width_of(label, ends[:, SHOWN]), None
    return out


def width_of(label, ends):
    """Return the median width of intervals (n_signals, 2): a factor for times."""
    is_time = label.startswith(("log mean", "T1/T2"))
    widths = ends[:, 1] / ends[:, 0] if is_time else ends[:, 1] - ends[:, 0]
    return float(np.nanmedian(widths)) if np.isfinite(widths).any() else np.inf


METHODS = (
    "bounds", "bias-aware", "unpenalised", "parametric", "residual", "simultaneous"
)  # fmt: skip


def make_tables(found, options):
    """Return the tables of all cells {(case, snr): measured}."""
    shown = METHODS[:-1]
    rows, tally = (
        [],
        {m: dict.fromkeys(("right", "above", "below"), 0) for m in METHODS},
    )
    worst, lost_cells = dict.fromkeys(METHODS, 0.0), 0
    for (name, snr), cell in found.items():
        for label in dict.fromkeys(label for _, label in cell):
            status = cell.get(("bounds", label), (0, 0, "ok"))[2]
            is_lost = status in LOST
            lost_cells += is_lost
            row = [name, str(snr), label]
            for method in shown:
                if (method, label) not in cell:
                    row += [""]
                    continue
                coverage, width, _ = cell[method, label]
                numbers = " ".join(f"{value:.0f}" for value in coverage)
                row += [f"{numbers} ({width:.3g})"]
            row += [status if is_lost else ""]
            rows.append(row)
            for method in METHODS:
                if (method, label) not in cell or is_lost:
                    continue
                for value, level in zip(cell[method, label][0], LEVELS, strict=True):
                    gap = value - 100.0 * level
                    kind = "right" if abs(gap) <= CLOSE else "below"
                    tally[method]["above" if gap > CLOSE else kind] += 1
                    worst[method] = min(worst[method], gap)
    levels = ", ".join(f"{100 * level:.0f}" for level in LEVELS)
    summary = [
        [method, *(str(tally[method][k]) for k in ("right", "above", "below")),
         f"{abs(worst[method]):.0f}"]
        for method in METHODS
        if any(tally[method].values())
    ]  # fmt: skip
    return [
        {
            "name": "summary",
            "description": f"Cells of spectrum, SNR, number and level ({levels} %): "
            f"coverage within {CLOSE:.0f} points of the level, above, and below, and "
            f"the most points that one is below. {lost_cells} of {len(rows)} rows are "
            "left out: by bounds they are not identifiable, or nothing fits.",
            "columns": ["method", "right", "conservative", "missed", "worst, points"],
            "rows": summary,
        },
        {
            "name": "cells",
            "description": f"Coverage in % of intervals of {levels} %, and in brackets "
            "the median width of 90 % intervals: the difference of shares and "
            "amplitudes, the factor between the ends of times and ratios. "
            f"{options.n_signals} signals a cell, {options.n_refits} refits each; "
            f"widths of bounds of {options.n_widths}.",
            "columns": ["spectrum", "SNR", "number", *shown, "status"],
            "rows": rows,
        },
    ]


def main():
    """Print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n-signals", type=int, default=400)
    parser.add_argument("--n-refits", type=int, default=100)
    parser.add_argument("--n-widths", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="part of the name of a spectrum")
    options = parser.parse_args()
    found, start = {}, time.perf_counter()
    for name in (*SPECTRA, "map, peak at T1/T2 = 8"):
        if options.only and options.only not in name:
            continue
        case = Case(name)
        for snr in SNRS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[name, snr] = measure(case, snr, options)
            print(f"{name}, SNR {snr}: {time.perf_counter() - start:.0f} s", flush=True)
        # What is there so far, should the rest be cut off.
        write_tables(
            "coverage", "Coverage of intervals", make_tables(found, options),
            ["skrelax", "numpy", "scipy", "scikit-learn"],
        )  # fmt: skip


if __name__ == "__main__":
    main()
