"""``python -m skrelax invert``: read, tune, invert, write."""

import glob
import warnings
from pathlib import Path

import numpy as np
from sklearn.pipeline import make_pipeline

from ..inversion import LassoFistaCV, SmoothLassoCV
from ..kernels import KernelBuilder
from ..metrics import distribution_peaks, log_mean
from ..model_selection import BaselineSearch, EfficiencySearch
from ..signals import InversionRecovery, resolve_model
from ..utils._inspect import weight_options
from ..utils._written import written_together
from ._choices import GRID_RULES
from ._decay import load, read_table, reading_words, simulate
from ._kept import REPORT, RESULT, check_kept, write_kept
from ._numbers import (
    NUMBERS,
    are_asked,
    check_cutoffs,
    find_numbers,
    number_lines,
)
from ._output import check_folder, name_results, units_of, write_csv
from ._picture import check_matplotlib, draw_inversion

# All files that the command writes.
FILES = (
    "distribution.csv",
    "fit.csv",
    "peaks.csv",
    "cross_validation.csv",
    NUMBERS,
    "inversion.png",
    REPORT,
    RESULT,
)
# What is not taken from the data.
_DEFAULTS = {"bins": 100}
# Below this share of the variance a fit explains too little to be passed over.
_EXPLAINED = 0.9
# Signals whose log means are printed.
_SHOWN = 10


def run_invert(arguments):
    """Run the command with parsed arguments."""
    if arguments.penalty != "smooth":
        if arguments.order is not None:
            raise ValueError("--order is for --penalty smooth only.")
        if arguments.rule in ("noise", "near"):
            raise ValueError(
                f"--rule {arguments.rule} is for --penalty smooth, got lasso."
            )
    if not arguments.no_plot:
        check_matplotlib()
    check_kept(arguments)
    if arguments.interval_level is not None and not are_asked(arguments):
        raise ValueError("--interval-level goes with --intervals, which is not given.")
    files = find_files(arguments.files)
    if len(files) > 1:
        from ._batch import run_batch

        return run_batch(arguments, files)
    arguments.file = files[0] if files else None
    lines, _ = invert_file(arguments)
    print("\n".join(lines))
    return None


def find_files(names):
    """Return the files that names stand for, which a shell has not expanded."""
    found = []
    for name in names:
        matches = []
        if not Path(name).exists() and glob.has_magic(name):
            matches = sorted(glob.glob(name))
        found += matches or [name]
    return found


def invert_file(arguments):
    """Invert what a file holds; return lines that say it, and a row per signal."""
    given, table = arguments.kernel, None
    if given is not None and "," in given:
        return _run_grid(arguments, given.split(","))
    if given is not None or arguments.file is None:
        # Options that cannot be are an error before any file is read.
        _check_options(arguments, given or "T2")
    folder = results_folder(arguments)
    inputs = [arguments.file] if arguments.file else []
    # Before anything is read; planes have other files, and look themselves.
    check_folder(folder, FILES, inputs, overwrite=arguments.overwrite, empty=False)
    if arguments.file is not None:
        table = read_table(arguments)
        known = table.measurement.kernels
        if table.acquisition.shape[1] > 1:
            return _invert_plane(arguments, table)
        kernel = given or (known[0] if known else "T2")
        _check_options(arguments, kernel)
        arguments.kernel = kernel
        if "frequency" in table.samples:
            _refuse_intervals(arguments)
            from ._spectrum import run_spectrum

            return run_spectrum(arguments, table)
    arguments.kernel = arguments.kernel or "T2"
    for name in ("bins", "minimum", "maximum"):
        value = getattr(arguments, name)
        setattr(arguments, name, _DEFAULTS.get(name) if value is None else value[0])
    smooth = arguments.penalty == "smooth"
    default = "noise" if arguments.order in (None, 2) else "near"
    arguments.rule = arguments.rule or (default if smooth else "min")
    data = simulate(arguments) if table is None else load(arguments, table)
    data["words"] += [_kernel_words(arguments, given, table)] if table else []
    with written_together(folder, stale=FILES, overwrite=arguments.overwrite) as new:
        model, tried = _tune(arguments, data)
        _write(arguments, new, data, model)
    rows = model[-1].describe().set_axis(data["y"].columns, axis=0)
    return _report(arguments, folder, data, model, tried), rows


def _run_grid(arguments, kernels):
    """Invert a grid of two axes, with what is loaded for it alone."""
    from ._invert_grid import run_invert_grid

    return run_invert_grid(arguments, kernels)


def _refuse_intervals(arguments):
    """Refuse options that are for distributions without sign."""
    given = {"intervals": arguments.intervals, "cutoff": arguments.cutoff}
    for name, value in given.items():
        if value:
            raise ValueError(
                f"--{name} is for distributions without sign, leave it out; "
                "skrelax.uncertainty has intervals of others."
            )


def _check_options(arguments, kernel):
    """Refuse options that are not for one axis, or not for a kernel."""
    for name in ("bins", "minimum", "maximum"):
        value = getattr(arguments, name)
        if value is not None and len(value) > 1:
            raise ValueError(f"--{name} takes one number for one axis, got {value}.")
    if kernel != "T1-IR" and arguments.efficiency != "auto":
        raise ValueError("--efficiency is for --kernel T1-IR only.")
    limits = arguments.minimum, arguments.maximum
    if None not in limits and not limits[0] < limits[1]:
        low, high = limits[0][0], limits[1][0]
        raise ValueError(f"--minimum must be below --maximum, got {low}, {high}.")
    check_cutoffs(arguments, [resolve_model(kernel).parameters[0].name])
    if arguments.rule in GRID_RULES:
        raise ValueError(f"--rule {arguments.rule} is for two axes, got one kernel.")


def results_folder(arguments):
    """Return the folder of the results of one file."""
    stem = name_results(arguments.file) if arguments.file else "simulated"
    return Path(arguments.out or f"{stem}-inversion")


def _invert_plane(arguments, table):
    """Invert a signal over two axes by the kernels that its file tells."""
    known = table.measurement.kernels
    axes = " and ".join(table.acquisition)
    if arguments.kernel is not None:
        raise ValueError(
            f"{arguments.file}: expected two kernels for a signal over two axes, "
            f"{axes}, got --kernel {arguments.kernel}."
        )
    if known is None:
        raise ValueError(
            f"{arguments.file}: expected two kernels for a signal over two axes, "
            f"{axes}; give them, --kernel T1-IR,T2 for example."
        )
    arguments.kernel = ",".join(known)
    lines, rows = _run_grid(arguments, list(known))
    return [
        reading_words(table, ("phase", "noise")),
        f"kernels {arguments.kernel} (by the file)",
        *lines,
    ], rows


def _kernel_words(arguments, given, table):
    """Return in words which kernel was taken, and why."""
    if given is not None:
        return f"kernel {given} (by --kernel)"
    if table.measurement.kernels is not None:
        return f"kernel {arguments.kernel} (by the file)"
    return (
        f"kernel {arguments.kernel} (the file does not say which experiment it holds; "
        "--kernel chooses)"
    )


def _pipeline(arguments, model, baseline):
    builder = KernelBuilder(
        model,
        n_bins=arguments.bins,
        minimum=arguments.minimum,
        maximum=arguments.maximum,
        supersampling=arguments.supersampling,
    )
    final, options = LassoFistaCV, {}
    if arguments.penalty == "smooth":
        final = SmoothLassoCV
        if arguments.order is not None:
            options["order"] = arguments.order
    return make_pipeline(
        builder,
        final(
            cv=arguments.folds,
            rule=arguments.rule,
            fit_intercept=baseline,
            n_jobs=arguments.jobs,
            verbose=1,
            **options,
        ),
    )


def _tune(arguments, data):
    """Return the chosen fitted pipeline and what else was tried, in words."""
    X, y = data["X"], data["y"]
    signal = y if y.shape[1] > 1 else y.iloc[:, 0]

    def fit(model, baseline):
        pipeline = _pipeline(arguments, model, baseline)
        return pipeline.fit(X, signal, **weight_options(pipeline, data["weight"]))

    baseline = arguments.baseline == "yes"
    if arguments.kernel != "T1-IR":
        if arguments.baseline != "auto":
            return fit(arguments.kernel, baseline), ""
        search = BaselineSearch(_pipeline(arguments, arguments.kernel, False), 1)
        without, based = search.fit(X, signal, data["weight"]).candidates_["error"]
        return search.best_estimator_, (
            f"cross-validated error without baseline {without:.3g}, with it {based:.3g}"
        )
    if arguments.efficiency != "auto":
        return fit(InversionRecovery(efficiency=arguments.efficiency), baseline), ""
    search = EfficiencySearch(_pipeline(arguments, "T1-IR", baseline), verbose=1)
    table = search.fit(X, signal, data["weight"]).candidates_
    span = table["efficiency"][table["within_one_se"]]
    which = f"efficiencies {span.min():.2f} to {span.max():.2f} are"
    if span.size == 1:
        which = f"no efficiency but {search.efficiency_:.2f} is"
    return search.best_estimator_, (
        f"{which} within one standard error of the lowest error"
    )


def _write(arguments, folder, data, pipeline):
    """Write the tables and the picture."""
    X, y = data["X"], data["y"]
    column = X.columns[0]
    builder, final = pipeline[0], pipeline[-1]
    times = builder.relaxation_times_
    parameter = builder.models_[0].parameters[0].name
    F = np.atleast_2d(final.coef_)
    columns = [(parameter, times), *zip(y.columns, F, strict=True)]
    write_csv(folder / "distribution.csv", columns)
    predicted = pipeline.predict(X).reshape(y.shape)
    columns = [(column, X[column])]
    for index, name in enumerate(y.columns):
        columns += [
            (name, y[name]),
            (f"{name} fit", predicted[:, index]),
            (f"{name} residual", y[name] - predicted[:, index]),
        ]
    if data["weight"] is not None:
        columns.append(("weight", data["weight"]))
    write_csv(folder / "fit.csv", columns)
    data["residuals"] = y.to_numpy() - predicted
    _doubt_fit(data)
    data["peaks"] = distribution_peaks(F, times, labels=list(y.columns))
    write_csv(folder / "peaks.csv", data["peaks"].items())
    data["numbers"] = find_numbers(arguments, data, pipeline)
    if data["numbers"] is not None:
        write_csv(folder / NUMBERS, data["numbers"].items())
    curve = [(name, np.ravel(values)) for name, values in final.cv_results_.items()]
    write_csv(folder / "cross_validation.csv", curve)
    if not arguments.no_plot:
        draw_inversion(folder / "inversion.png", arguments, data, pipeline)
    signals = y if y.shape[1] > 1 else y.iloc[:, 0]
    write_kept(folder, arguments, pipeline, (X, signals, data["weight"]))


def _doubt_fit(data):
    """Say where the fit explains little of a signal."""
    weight = data["weight"]
    for index, name in enumerate(data["y"]):
        y = data["y"][name].to_numpy()
        off = y - np.average(y, weights=weight)
        size = np.abs(y).max()
        if not size > 0:
            continue
        rest = np.average((data["residuals"][:, index] / size) ** 2, weights=weight)
        whole = np.average((off / size) ** 2, weights=weight)
        if rest > (1.0 - _EXPLAINED) * whole > 0:
            warnings.warn(
                f"{name}: the fit explains {max(0.0, 1 - rest / whole):.0%} of the "
                "variance; it is noise, or the kernel, the grid or its unit is another",
                stacklevel=2,
            )
            return


def _misfit(data):
    """Return in words how large residuals are, beside the noise where it is known."""
    weight = data["weight"]
    root = 1.0 if weight is None else np.sqrt(weight)[:, None]
    sizes = np.sqrt(np.mean((root * data["residuals"]) ** 2, axis=0))
    text = f"residuals {sizes[0]:.3g}" + (" per point" if weight is not None else "")
    if data["noise_std"][0] > 0:
        text += f", {sizes[0] / data['noise_std'][0]:.2f} times the noise"
    return text


def _report(arguments, folder, data, pipeline, tried):
    """Return what is printed, a list of lines."""
    final, model = pipeline[-1], pipeline[0].models_[0]
    settings = [f"alpha {final.alpha_:.3g}"]
    if arguments.penalty == "smooth":
        settings.insert(0, f"smoothness {final.smoothness_:.3g}")
    if isinstance(model, InversionRecovery):
        settings.append(f"inversion efficiency {model.efficiency:.3g}")
    if final.fit_intercept:
        settings.append(f"baseline {np.ravel(final.intercept_)[0]:.3g}")
    settings.append(f"relative duality gap {np.max(final.dual_gap_):.0e}")
    name, unit = model.parameters[0].name, units_of(arguments)[1]
    lines = [
        *data["words"],
        f"{len(data['X'])} points, {data['y'].shape[1]} signal"
        f"{'s' if data['y'].shape[1] > 1 else ''}, kernel {arguments.kernel}: "
        + ", ".join(settings),
    ]
    if tried:
        lines.append(f"({tried})")
    lines.append(_misfit(data))
    means = np.atleast_1d(
        log_mean(np.atleast_2d(final.coef_), pipeline[0].relaxation_times_)
    )
    for label, mean in list(zip(data["y"], means, strict=True))[:_SHOWN]:
        said = "no amplitude" if np.isnan(mean) else f"{mean:.4g} {unit}"
        lines.append(f"{label}: log-mean {name} of the whole distribution: {said}")
    peaks = data["peaks"]
    if len(peaks):
        head = f"{name} peak", "log-mean", "share"
        lines.append("{:>12} {:>12} {:>12} {:>8}".format("signal", *head))
    for _, row in peaks.head(20).iterrows():
        note = "  at the edge of the grid" if row["at_edge"] else ""
        lines.append(
            f"{str(row['signal'])[:12]:>12} {row['position']:>12.4g} "
            f"{row['log_mean']:>12.4g} {100 * row['share']:>6.1f} %{note}"
        )
    if len(peaks) > 20:
        lines.append(f"... {len(peaks) - 20} more peaks in peaks.csv")
    lines += number_lines(arguments, data["numbers"], _SHOWN)
    lines.append(f"results in {folder}")
    return lines
