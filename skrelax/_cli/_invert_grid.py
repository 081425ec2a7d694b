"""``python -m skrelax invert --kernel A,B``: from a signal on a grid to a map."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from ..inversion import LassoFista, LassoFistaCV, SmoothLasso, SmoothLassoCV
from ..io import compress_echoes, read_signal_grid
from ..io._doubts import doubt_shape
from ..io._steps import noise_of, unsettled
from ..kernels import KernelBuilder, acquisition_grid
from ..metrics import distribution_peaks_2d, residual_autocorrelation
from ..model_selection import BaselineSearch, EfficiencySearch, StrengthSearch
from ..signals import InversionRecovery, resolve_model
from ..utils._inspect import final_step, weight_options
from ..utils._written import written_together
from ._choices import GRID_RULES as RULES
from ._choices import LARGEST, SMALLEST
from ._decay import phase_plane, window_error
from ._kept import REPORT, RESULT, write_kept
from ._numbers import NUMBERS, check_cutoffs, find_plane_numbers, number_lines
from ._output import check_folder, name_results, write_csv
from ._picture import check_matplotlib, draw_plane
from ._points import check_name, check_times, is_negative, take_unit

# All files that the command writes.
FILES = (
    "map.csv",
    "marginal_1.csv",
    "marginal_2.csv",
    "peaks.csv",
    "residuals.csv",
    "strengths.csv",
    NUMBERS,
    "inversion.png",
    REPORT,
    RESULT,
)
# Bins of each axis where nothing else is asked for, of few points and of many: the
# kernel of these is the largest array.
_BINS, _FEW_BINS, _MANY_POINTS = 100, 64, 5000
# Order of differences: the amplitudes themselves, as in FLINT (Teal & Eccles 2015, doi
# 10.1088/0266-5611/31/4/045010), so that maps compare with those of other programs.
_ORDER = 0
# Echoes of a train above which it is averaged in windows, and their number.
_MANY, _WINDOWS = 128, 128
# The grid and the folds by which efficiency and baseline are chosen: they hardly depend
# on them.
_COARSE, _FOLDS = 20, 3
_SMOOTHNESSES = np.geomspace(1e-6, 1e-2, 5)
# Efficiencies that are tried first, and the step around the best of them.
_EFFICIENCIES, _FINE = np.linspace(1.0, 2.0, 11).round(3), 0.05


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
    """Run the command with parsed arguments and the names of two kernels.

    Returns lines that say what was done, and a row of numbers.
    """
    if arguments.file is None:
        raise ValueError(
            f"--kernel {arguments.kernel} needs a FILE with a signal over two axes."
        )
    if "T1-IR" not in kernels and arguments.efficiency != "auto":
        raise ValueError("--efficiency is for --kernel T1-IR only.")
    check_cutoffs(arguments, _axis_names(kernels))
    source = Path(arguments.file)
    folder = Path(arguments.out or f"{name_results(source)}-inversion")
    if folder.exists() and source.is_dir() and folder.resolve() == source.resolve():
        raise ValueError(
            f"{folder}: results would lie among the data; give another --out."
        )
    check_folder(folder, FILES, [source], overwrite=arguments.overwrite, empty=False)
    if not arguments.no_plot:
        check_matplotlib()
    limits = _limits(arguments)
    plane = _load(arguments, kernels, limits)
    if limits["n_bins"] is None:
        bins = _BINS if len(plane.signal) <= _MANY_POINTS else _FEW_BINS
        limits["n_bins"] = [bins, bins]
    with written_together(folder, stale=FILES, overwrite=arguments.overwrite) as new:
        pipeline, tried = _tune(arguments, kernels, plane, limits)
        predicted = pipeline.predict(plane.acquisition)
        peaks = _write(arguments, new, plane, pipeline, predicted)
        numbers = find_plane_numbers(arguments, plane, pipeline)
        if numbers is not None:
            write_csv(new / NUMBERS, numbers.items())
        measured = plane.acquisition, plane.signal, plane.weight
        write_kept(new, arguments, pipeline, measured)
    lines = [*plane.words, *tried, _settings(pipeline), _misfit(plane, predicted)]
    lines += [*_peak_lines(pipeline, peaks), *number_lines(arguments, numbers)]
    lines.append(f"results in {folder}")
    return lines, pipeline[-1].describe()


def _axis_names(kernels):
    """Return the names that the axes of a map have."""
    names = [resolve_model(one).parameters[0].name for one in kernels]
    if names[0] == names[1]:
        names = [f"{name}_{axis}" for axis, name in enumerate(names)]
    return names


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
        "n_bins": found["bins"],
        "minimum": found["minimum"],
        "maximum": found["maximum"],
    }


def _load(arguments, kernels, limits):
    """Return the Plane of a file."""
    grid = read_signal_grid(
        arguments.file,
        format=arguments.format,
        echo_spacing=arguments.echo_spacing,
        average=not arguments.no_average,
        region=arguments.region,
        allow_external=arguments.allow_external,
    )
    columns = [resolve_model(one).acquisition_columns[0] for one in kernels]
    axes = list(zip(grid.names, grid.units, kernels, columns, strict=True))
    for axis in axes:
        check_name(
            f"{arguments.file}: an axis",
            *axis,
            way_out="give the kernels in the order of the axes.",
        )
    take_unit(arguments, grid.units)
    signals, words, noise_std = grid.signals, [], np.nan
    shape = " x ".join(str(one.size) for one in grid.points)
    words.append(f"{shape} points, kernels {arguments.kernel}")
    if np.iscomplexobj(signals):
        given = signals
        signals, imaginary, phase = phase_plane(signals, arguments.phase)
        text = unsettled(given, signals, imaginary) if arguments.phase else None
        if text:
            warnings.warn(f"{arguments.file}: {text}", stacklevel=2)
        noise_std = noise_of(imaginary)
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
    for axis, (_, unit, kernel, column) in enumerate(axes):
        ends = [limits[end] and limits[end][axis] for end in ("minimum", "maximum")]
        check_times(
            arguments.file,
            kernel,
            points[axis],
            ends,
            unit or arguments.unit,
            name=f"points of {column}",
        )
    _check_sign(arguments, kernels, points, signals)
    windows, most = arguments.windows, arguments.windows
    if windows is None:
        windows, most = _WINDOWS, _MANY
    weights = [np.ones(one.size) for one in points]
    for axis, kernel in enumerate(kernels):
        given = points[axis]
        if kernel != "T2" or not windows or given.size <= most:
            continue
        points[axis], trains, weights[axis] = compress_echoes(
            given, np.moveaxis(signals, axis, -1), windows
        )
        signals = np.moveaxis(trains, -1, axis)
        words.append(
            f"{given.size} echoes averaged in {points[axis].size} windows, which bends "
            f"decays by at most {window_error(given, windows):.0e} of their amplitude"
        )
    names = columns
    if columns[0] == columns[1]:
        names = [f"{columns[0]}_1", f"{columns[1]}_2"]
    X = pd.DataFrame(acquisition_grid(*points), columns=names)
    weights = np.outer(*weights).ravel()
    return Plane(X, signals.ravel(), weights, tuple(points), noise_std, words)


def _check_sign(arguments, kernels, points, signals):
    """Refuse a signal (n_1, n_2) of the wrong sign, or say so of a recovery."""
    if "T1-IR" not in kernels and is_negative(signals):
        raise ValueError(
            f"{arguments.file}: the signal is negative, from {signals.min():g} to "
            f"{signals.max():g}: {arguments.kernel} has positive amplitudes; turn its "
            "sign, or correct its phase."
        )
    for axis, kernel in enumerate(kernels):
        if kernel == "T1-IR":
            text = doubt_shape(points[axis], signals.mean(axis=1 - axis), kernel)
            if text:
                warnings.warn(f"{arguments.file}: {text}", stacklevel=2)


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
        order=1,
        rule="min",
        n_jobs=arguments.jobs,
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
    is_smooth = arguments.penalty == "smooth"
    if is_smooth:
        options["order"] = _ORDER if arguments.order is None else arguments.order
    rule = arguments.rule or RULES[0]
    if rule not in RULES:
        final = SmoothLassoCV if is_smooth else LassoFistaCV
        return final(cv=arguments.folds, rule=rule, verbose=1, **options)
    if is_smooth:
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
    if hasattr(final, "order"):
        settings.append(f"order {final.order}")
    settings.append(f"chosen by {by}")
    if final.fit_intercept:
        settings.append(f"baseline {final.intercept_:.3g}")
    settings.append(f"relative duality gap {np.max(final.dual_gap_):.0e}")
    sizes = " x ".join(str(grid.size) for grid in final.grids_)
    return f"{sizes} bins: {', '.join(settings)}"


def _peak_lines(pipeline, peaks):
    """Return a table of the peaks, a line each."""
    names = list(pipeline[-1].to_frame().index.names)
    # In peaks.csv stands the ratio of the log means. That of D to a time says nothing.
    has_ratio = "D" not in names
    header = [f"{name} peak" for name in names] + ["peak ratio"] * has_ratio
    header += [f"{name} log-mean" for name in names] + ["share"]
    lines = [" ".join(f"{one:>14}" for one in ["", *header])[9:]]
    for number, row in peaks.head(20).iterrows():
        peak = [row[f"position_{name}"] for name in names]
        means = [row[f"log_mean_{name}"] for name in names]
        numbers = [*peak, *[peak[0] / peak[1]] * has_ratio, *means]
        text = " ".join(f"{one:>14.4g}" for one in numbers)
        note = "  at the edge of the grid" if row["at_edge"] else ""
        lines.append(f"{number:>5} {text} {100 * row['share']:>12.1f} %{note}")
    if len(peaks) > 20:
        lines.append(f"... {len(peaks) - 20} more peaks in peaks.csv")
    return lines
