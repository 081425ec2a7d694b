"""``python -m skrelax invert --kernel A,B``: from a signal on a grid to a map."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from ..inversion import LassoFistaCV, SmoothLassoCV
from ..io import compress_echoes, correct_phase, read_signal_grid
from ..kernels import KernelBuilder, acquisition_grid
from ..metrics import distribution_peaks_2d, residual_autocorrelation
from ..model_selection import BaselineSearch, EfficiencySearch
from ..signals import InversionRecovery, resolve_model
from ..utils._columns import read_name
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
    "cross_validation.csv",
    "inversion.png",
)
# Bins of each axis where nothing else is asked for.
_BINS = 64
# Echoes of a train above which it is averaged in windows, and their number.
_MANY, _WINDOWS = 128, 128
# The grid on which efficiency and baseline are chosen: they hardly depend on it.
_COARSE = 24
_SMOOTHNESSES = np.geomspace(1e-6, 1e-2, 9)


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
        peaks = _write(arguments, new, plane, pipeline)
    print(_report(arguments, folder, plane, pipeline, peaks, tried))


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
        off = _window_error(grid.points[1], weight)
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


def _window_error(times, weight):
    """Return how far means of exponentials in windows are from those at mean times."""
    starts = np.r_[0, np.cumsum(weight)[:-1]].astype(int)
    rates = 1.0 / np.geomspace(times[1] - times[0], times[-1], 200)
    decays = np.exp(-np.outer(rates, times))
    means = np.add.reduceat(decays, starts, axis=1) / weight
    centres = np.add.reduceat(times, starts) / weight
    # What decays within the first echoes is no longer there in wide windows.
    return np.abs(means - np.exp(-np.outer(rates, centres))).max()


def _tune(arguments, kernels, plane, limits):
    """Return the fitted pipeline, and in words what was chosen."""
    models = [resolve_model(one) for one in kernels]
    weight, tried = plane.weight, []

    def pipeline(models, limits, baseline, **settings):
        final = SmoothLassoCV if arguments.penalty == "smooth" else LassoFistaCV
        return make_pipeline(
            KernelBuilder(models, supersampling=arguments.supersampling, **limits),
            final(
                cv=arguments.folds,
                fit_intercept=baseline,
                n_jobs=arguments.jobs,
                **settings,
            ),
        )

    coarse = limits | {"n_bins": [min(n, _COARSE) for n in limits["n_bins"]]}
    few = {}
    if arguments.penalty == "smooth":
        few = {"alphas": [0.0], "smoothnesses": _SMOOTHNESSES}
    axes = [axis for axis, one in enumerate(kernels) if one == "T1-IR"]
    baseline = arguments.baseline == "yes"
    for axis in axes:
        efficiency = arguments.efficiency
        if efficiency == "auto":
            search = EfficiencySearch(pipeline(models, coarse, False, **few), verbose=1)
            table = search.fit(
                plane.acquisition, plane.signal, sample_weight=weight
            ).candidates_
            efficiency = search.efficiency_
            span = table["efficiency"][table["within_one_se"]]
            tried.append(
                f"inversion efficiency {efficiency:.2f}; {span.min():.2f} to "
                f"{span.max():.2f} are within one standard error of the lowest error"
            )
        models[axis] = InversionRecovery(efficiency=efficiency)
    if arguments.baseline == "auto":
        search = BaselineSearch(pipeline(models, coarse, False, **few), verbose=1)
        search.fit(plane.acquisition, plane.signal, sample_weight=weight)
        baseline = bool(search.fit_intercept_)
        without, based = search.candidates_["error"]
        tried.append(
            f"{'a' if baseline else 'no'} baseline: error without {without:.3g}, with "
            f"it {based:.3g}"
        )
    fitted = pipeline(models, limits, baseline, rule=arguments.rule, verbose=1)
    last = fitted.steps[-1][0]
    fitted.fit(plane.acquisition, plane.signal, **{f"{last}__sample_weight": weight})
    return fitted, tried


def _write(arguments, folder, plane, pipeline):
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
    predicted = pipeline.predict(plane.acquisition)
    columns = [*plane.acquisition.items(), ("signal", plane.signal)]
    columns += [
        ("fit", predicted),
        ("residual", plane.signal - predicted),
        ("weight", plane.weight),
    ]
    write_csv(folder / "residuals.csv", columns)
    curve = [(name, np.ravel(values)) for name, values in final.cv_results_.items()]
    write_csv(folder / "cross_validation.csv", curve)
    if not arguments.no_plot:
        draw_plane(folder / "inversion.png", arguments, plane, pipeline)
    return peaks


def _misfit(plane, pipeline):
    """Return in words how large residuals are."""
    residual = plane.signal - pipeline.predict(plane.acquisition)
    root = np.sqrt(plane.weight)
    size = np.sqrt(np.mean((root * residual) ** 2))
    text = f"residuals {size:.3g} per echo"
    if plane.noise_std > 0:
        text += f", {size / plane.noise_std:.2f} times the noise"
    shape = [points.size for points in plane.points]
    lags = residual_autocorrelation(np.reshape(root * residual, shape))
    beyond = int((lags["correlation"].abs() > lags["limit"]).sum())
    return f"{text}; {beyond} of {len(lags)} lags beyond the limits of white noise"


def _report(arguments, folder, plane, pipeline, peaks, tried):
    """Return what is printed."""
    final = pipeline[-1]
    settings = [f"alpha {final.alpha_:.3g}"]
    if arguments.penalty == "smooth":
        settings.insert(0, f"smoothness {final.smoothness_:.3g}")
    if final.fit_intercept:
        settings.append(f"baseline {final.intercept_:.3g}")
    settings.append(f"relative duality gap {np.max(final.dual_gap_):.0e}")
    sizes = " x ".join(str(grid.size) for grid in final.grids_)
    lines = [*plane.words, *tried, f"{sizes} bins: {', '.join(settings)}"]
    lines.append(_misfit(plane, pipeline))
    names = list(final.to_frame().index.names)
    header = " ".join(f"{name + ' log-mean':>14}" for name in names)
    lines.append(f"{'peak':>6} {header} {'ratio':>8} {'share':>8}")
    for number, row in peaks.head(20).iterrows():
        means = " ".join(f"{row[f'log_mean_{name}']:>14.4g}" for name in names)
        note = "  at the edge of the grid" if row["at_edge"] else ""
        lines.append(
            f"{number:>6} {means} {row['ratio']:>8.3g} {100 * row['share']:>6.1f} %"
            f"{note}"
        )
    if len(peaks) > 20:
        lines.append(f"... {len(peaks) - 20} more peaks in peaks.csv")
    lines.append(f"results in {folder}")
    return "\n".join(lines)
