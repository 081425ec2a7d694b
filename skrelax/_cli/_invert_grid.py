"""``python -m skrelax invert --kernel A,B``: from a signal on a grid to a map."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from ..inversion import LassoFista, LassoFistaCV, SmoothLasso, SmoothLassoCV
from ..io import compress_echoes, correct_phase, read_signal_grid
from ..kernels import KernelBuilder, acquisition_grid
from ..metrics import distribution_peaks_2d, residual_autocorrelation
from ..model_selection import BaselineSearch, EfficiencySearch, StrengthSearch
from ..signals import InversionRecovery, resolve_model
from ..utils._columns import read_name
from ..utils._inspect import final_step, weight_options
from ..utils._written import written_together
from ._output import LARGEST, SMALLEST, check_folder, write_csv
from ._picture import check_matplotlib, draw_plane

# All files that the command writes.
FILES = (
    "map.csv",
    "marginal_1.csv",
    "marginal_2.csv",
    "peaks.csv",
    "residuals.csv",
    "strengths.csv",
    "inversion.png",
)
# Bins of each axis where nothing else is asked for.
_BINS = 64
# Echoes of a train above which it is averaged in windows, and their number.
_MANY, _WINDOWS = 128, 128
# The grid and the folds by which efficiency and baseline are chosen: they hardly depend
# on them.
_COARSE, _FOLDS = 20, 3
_SMOOTHNESSES = np.geomspace(1e-6, 1e-2, 5)
# Efficiencies that are tried first, and the step around the best of them.
_EFFICIENCIES, _FINE = np.linspace(1.0, 2.0, 11).round(3), 0.05
# Smoothness that follows the solution would take minutes on a plane.
_CONSTANT = {"order": 1, "adaptive": False}
# Rules of strength that are no cross-validation.
RULES = ("lcurve", "gcv", "chi2", "discrepancy")


class Plane(NamedTuple):
    """A signal on a grid, ready to be inverted, and what was done to it."""

    acquisition: pd.DataFrame
    """Points of both axes, (n_points, 2)."""
    signal: np.ndarray
    """The signal, (n_points,)."""
    weight: np.ndarray
    """Echoes that a point is the mean of, (n_points,)."""
    points: tuple
    """Points of each axis."""
    noise_std: float
    """Noise of one echo by the imaginary channel, nan where there is none."""
    words: list
    """What was done, a line each."""


def run_invert_grid(arguments, kernels):
    """Run the command with parsed arguments and the names of two kernels."""
    if arguments.file is None:
        raise ValueError(
            f"--kernel {arguments.kernel} needs a FILE with a signal over two axes."
        )
    if "T1-IR" not in kernels and arguments.efficiency != "auto":
        raise ValueError("--efficiency is for --kernel T1-IR only.")
    source = Path(arguments.file)
    stem = source.resolve().name.partition(".")[0] or "root"
    folder = Path(arguments.out or f"{stem}-inversion")
    if folder.exists() and source.is_dir() and folder.resolve() == source.resolve():
        raise ValueError(
            f"{folder}: results would lie among the data; give another --out."
        )
    check_folder(folder, FILES, [source], overwrite=arguments.overwrite, empty=False)
    if not arguments.no_plot:
        check_matplotlib()
    limits = _limits(arguments)
    plane = _load(arguments, kernels)
    with written_together(folder, stale=FILES, overwrite=arguments.overwrite) as new:
        pipeline, tried = _tune(arguments, kernels, plane, limits)
        predicted = pipeline.predict(plane.acquisition)
        peaks = _write(arguments, new, plane, pipeline, predicted)
    lines = [*plane.words, *tried, _settings(pipeline), _misfit(plane, predicted)]
    lines += [*_peak_lines(pipeline, peaks), f"results in {folder}"]
    print("\n".join(lines))


def _limits(arguments):
    """Return limits of the grid as KernelBuilder takes them, and numbers of bins."""
    found = {}
    for name in ("minimum", "maximum", "bins"):
        given = getattr(arguments, name)
        if given is not None and len(given) not in (1, 2):
            raise ValueError(f"--{name} takes one number per axis, got {given}.")
        found[name] = None if given is None else list(given) * (2 // len(given))
    for low, high in zip(found["minimum"] or (), found["maximum"] or (), strict=False):
        if not low < high:
            raise ValueError(f"--minimum must be below --maximum, got {low}, {high}.")
    return {
        "n_bins": found["bins"] or [_BINS, _BINS],
        "minimum": found["minimum"],
        "maximum": found["maximum"],
    }


def _load(arguments, kernels):
    """Return the Plane of a file."""
    grid = read_signal_grid(arguments.file, allow_external=arguments.allow_external)
    columns = [resolve_model(one).acquisition_columns[0] for one in kernels]
    for name, column, kernel in zip(grid.names, columns, kernels, strict=True):
        quantity, _ = read_name(name) if name else (None, None)
        if quantity not in (None, column):
            raise ValueError(
                f"{arguments.file}: an axis is {name!r}, but kernel {kernel} reads "
                f"{column}; give the kernels in the order of the axes."
            )
    signals, words, noise_std = grid.signals, [], np.nan
    shape = " x ".join(str(one.size) for one in grid.points)
    words.append(f"{shape} points, kernels {arguments.kernel}")
    if np.iscomplexobj(signals):
        signals, imaginary, phase = correct_phase(signals)
        noise_std = float(imaginary.std())
        words.append(
            f"phase of {phase:.1f} degrees removed, noise {noise_std:.3g} by the "
            "imaginary channel"
        )
    size = np.abs(signals).max()
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(
            f"{arguments.file}: signals must be from {SMALLEST:g} to {LARGEST:g}, got "
            f"{size:g} at most."
        )
    points = list(grid.points)
    for name, column, one in zip(("first", "second"), columns, points, strict=True):
        if one.size < 2 or not (np.diff(one) > 0).all() or one[0] < 0 or one[-1] <= 0:
            raise ValueError(
                f"{arguments.file}: the {name} axis must have at least two points of "
                f"{column}, increasing and not negative, got {one[:4].tolist()} ..."
            )
    weight = np.ones(points[1].size)
    if kernels[1] == "T2" and points[1].size > _MANY:
        count = points[1].size
        points[1], signals, weight = compress_echoes(points[1], signals, _WINDOWS)
        off = _window_error(grid.points[1])
        words.append(
            f"{count} echoes averaged in {weight.size} windows, which bends decays by "
            f"at most {off:.0e} of their amplitude"
        )
    names = columns
    if columns[0] == columns[1]:
        names = [f"{columns[0]}_1", f"{columns[1]}_2"]
    X = pd.DataFrame(acquisition_grid(*points), columns=names)
    weights = np.tile(weight, points[0].size)
    return Plane(X, signals.ravel(), weights, tuple(points), noise_std, words)


def _window_error(times):
    """Return how far means of exponentials in windows are from those at mean times."""
    # What decays within the first echoes is no longer there in wide windows.
    rates = 1.0 / np.geomspace(times[1] - times[0], times[-1], 200)
    decays = np.exp(-np.outer(rates, times))
    centres, means, _ = compress_echoes(times, decays, _WINDOWS)
    return np.abs(means - np.exp(-np.outer(rates, centres))).max()


def _tune(arguments, kernels, plane, limits):
    """Return the fitted pipeline, and in words what was chosen."""
    models, tried = [resolve_model(one) for one in kernels], []
    coarse = limits | {"n_bins": [min(n, _COARSE) for n in limits["n_bins"]]}
    fit = {"sample_weight": plane.weight}

    def pipeline(final, limits):
        builder = KernelBuilder(models, supersampling=arguments.supersampling, **limits)
        return make_pipeline(builder, final)

    quick = SmoothLassoCV(
        alphas=[0.0],
        smoothnesses=_SMOOTHNESSES,
        cv=_FOLDS,
        rule="min",
        n_jobs=arguments.jobs,
        **_CONSTANT,
    )
    for axis in [axis for axis, one in enumerate(kernels) if one == "T1-IR"]:
        efficiency = arguments.efficiency
        if efficiency == "auto":
            efficiency, text = _find_efficiency(pipeline(quick, coarse), plane, fit)
            tried.append(text)
        models[axis] = InversionRecovery(efficiency=efficiency)
    baseline = arguments.baseline == "yes"
    if arguments.baseline == "auto":
        search = BaselineSearch(pipeline(quick, coarse))
        search.fit(plane.acquisition, plane.signal, **fit)
        baseline = bool(search.fit_intercept_)
        without, based = search.candidates_["error"]
        tried.append(
            f"{'a' if baseline else 'no'} baseline: error without {without:.3g}, with "
            f"it {based:.3g}"
        )
    fitted = pipeline(_final(arguments, plane, baseline), limits)
    fitted.fit(plane.acquisition, plane.signal, **weight_options(fitted, plane.weight))
    return fitted, tried


def _find_efficiency(pipeline, plane, options):
    """Return the inversion efficiency that the data support, and how it was found."""
    values = _EFFICIENCIES
    for _ in range(2):
        search = EfficiencySearch(pipeline, values, verbose=1)
        search.fit(plane.acquisition, plane.signal, **options)
        best = search.efficiency_
        values = np.unique(np.clip([best - _FINE, best, best + _FINE], None, 2.0))
    span = search.candidates_["efficiency"][search.candidates_["within_one_se"]]
    return best, (
        f"inversion efficiency {best:.2f}; {span.min():.2f} to {span.max():.2f} are "
        "within one standard error of the lowest error"
    )


def _final(arguments, plane, baseline):
    """Return the inversion of the whole grid."""
    options = {"fit_intercept": baseline, "n_jobs": arguments.jobs}
    rule = arguments.rule or RULES[0]
    if rule == "near" and arguments.penalty != "smooth":
        raise ValueError("--rule near is for --penalty smooth, got lasso.")
    if rule not in RULES:
        options |= {"cv": arguments.folds, "rule": rule, "verbose": 1}
        if arguments.penalty == "smooth":
            return SmoothLassoCV(**options, **_CONSTANT)
        return LassoFistaCV(**options)
    if arguments.penalty == "smooth":
        inversion = SmoothLasso(alpha=0.0, **options)
    else:
        inversion = LassoFista(**options)
    noise_std = None
    if rule == "discrepancy" and plane.noise_std > 0:
        # That of a point whose weight is the mean one.
        noise_std = float(plane.noise_std / np.sqrt(plane.weight.mean()))
    return StrengthSearch(inversion, rule=rule, noise_std=noise_std)


def _write(arguments, folder, plane, pipeline, predicted):
    """Write tables and picture; return the peaks."""
    final = pipeline[-1]
    names = list(final.to_frame().index.names)
    grids, f = final.grids_, final.distribution_
    labels = [f"{bin:.6g}" for bin in grids[1]]
    write_csv(
        folder / "map.csv",
        [(f"{names[0]} / {names[1]}", grids[0]), *zip(labels, f.T, strict=True)],
    )
    for axis, (name, grid) in enumerate(zip(names, grids, strict=True)):
        write_csv(
            folder / f"marginal_{axis + 1}.csv",
            [(name, grid), ("signal", final.marginal(axis))],
        )
    peaks = distribution_peaks_2d(f, grids, names=tuple(names))
    write_csv(folder / "peaks.csv", peaks.items())
    columns = [
        *plane.acquisition.items(),
        ("signal", plane.signal),
        ("fit", predicted),
        ("residual", plane.signal - predicted),
        ("weight", plane.weight),
    ]
    write_csv(folder / "residuals.csv", columns)
    curve = final.curve_ if hasattr(final, "curve_") else final.cv_results_
    columns = [(name, np.ravel(values)) for name, values in curve.items()]
    write_csv(folder / "strengths.csv", columns)
    if not arguments.no_plot:
        draw_plane(folder / "inversion.png", arguments, plane, pipeline)
    return peaks


def _misfit(plane, predicted):
    """Return in words how large residuals are."""
    residual = plane.signal - predicted
    root = np.sqrt(plane.weight)
    size = np.sqrt(np.mean((root * residual) ** 2))
    text = f"residuals {size:.3g} per echo"
    if plane.noise_std > 0:
        text += f", {size / plane.noise_std:.2f} times the noise"
    shape = [points.size for points in plane.points]
    lags = residual_autocorrelation(np.reshape(root * residual, shape))
    beyond = int((lags["correlation"].abs() > lags["limit"]).sum())
    return f"{text}; {beyond} of {len(lags)} lags beyond the limits of white noise"


def _settings(pipeline):
    """Return in words what the inversion was."""
    final = final_step(pipeline)
    by = "cross-validation"
    if hasattr(pipeline[-1], "strength_"):
        by = f"rule {pipeline[-1].rule}"
    chosen = {
        name: getattr(final, f"{name}_", getattr(final, name, None))
        for name in ("smoothness", "alpha")
    }
    settings = [f"{name} {one:.3g}" for name, one in chosen.items() if one is not None]
    settings.append(f"chosen by {by}")
    if final.fit_intercept:
        settings.append(f"baseline {final.intercept_:.3g}")
    settings.append(f"relative duality gap {np.max(final.dual_gap_):.0e}")
    sizes = " x ".join(str(grid.size) for grid in final.grids_)
    return f"{sizes} bins: {', '.join(settings)}"


def _peak_lines(pipeline, peaks):
    """Return a table of the peaks, a line each."""
    names = list(pipeline[-1].to_frame().index.names)
    header = [f"{name} peak" for name in names] + ["ratio"]
    header += [f"{name} log-mean" for name in names] + ["share"]
    lines = [" ".join(f"{one:>14}" for one in ["", *header])[9:]]
    for number, row in peaks.head(20).iterrows():
        peak = [row[f"position_{name}"] for name in names]
        means = [row[f"log_mean_{name}"] for name in names]
        numbers = [*peak, peak[0] / peak[1], *means]
        text = " ".join(f"{one:>14.4g}" for one in numbers)
        note = "  at the edge of the grid" if row["at_edge"] else ""
        lines.append(f"{number:>5} {text} {100 * row['share']:>12.1f} %{note}")
    if len(peaks) > 20:
        lines.append(f"... {len(peaks) - 20} more peaks in peaks.csv")
    return lines
