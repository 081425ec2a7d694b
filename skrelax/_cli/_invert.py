"""``python -m skrelax invert``: read, tune, invert, write."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from ..datasets import make_decay
from ..inversion import LassoFistaCV, SmoothLassoCV
from ..io import read_decay
from ..kernels import KernelBuilder
from ..metrics import distribution_peaks
from ..model_selection import BaselineSearch, EfficiencySearch
from ..signals import InversionRecovery, resolve_model
from ..utils._written import written_together
from ._invert_grid import RULES as GRID_RULES
from ._invert_grid import run_invert_grid
from ._output import LARGEST, SMALLEST, check_folder, write_csv
from ._picture import check_matplotlib, draw_inversion
from ._points import check_name, check_recovery, check_times, is_csdm, is_negative

# All files that the command writes.
_FILES = (
    "distribution.csv",
    "fit.csv",
    "peaks.csv",
    "cross_validation.csv",
    "inversion.png",
)
# What is not taken from the data.
_DEFAULTS = {"bins": 100}
# Simulated data of the kernels: times, peaks (centre, width in decades, share).
_SIMULATIONS = {
    "diffusion": (np.linspace(1e7, 1.5e9, 40), ((2e-9, 0.05, 0.7), (3e-10, 0.1, 0.3))),
    "default": (np.geomspace(1e-4, 3.0, 60), ((3e-3, 0.15, 0.4), (0.1, 0.2, 0.6))),
}


def run_invert(arguments):
    """Run the command with parsed arguments."""
    if arguments.order is not None and arguments.penalty != "smooth":
        raise ValueError("--order is for --penalty smooth only.")
    kernels = arguments.kernel.split(",")
    if len(kernels) > 1:
        return run_invert_grid(arguments, kernels)
    for name in ("bins", "minimum", "maximum"):
        given = getattr(arguments, name)
        if given is not None and len(given) > 1:
            raise ValueError(f"--{name} takes one number for one axis, got {given}.")
        setattr(arguments, name, _DEFAULTS.get(name) if given is None else given[0])
    if arguments.rule in GRID_RULES:
        raise ValueError(f"--rule {arguments.rule} is for two axes, got one kernel.")
    smooth = arguments.penalty == "smooth"
    if arguments.rule == "near" and not smooth:
        raise ValueError("--rule near is for --penalty smooth, got lasso.")
    arguments.rule = arguments.rule or ("near" if smooth else "min")
    stem = Path(arguments.file).name.partition(".")[0] if arguments.file else ""
    stem = stem or ("decay" if arguments.file else "simulated")
    folder = Path(arguments.out or f"{stem}-inversion")
    inputs = [arguments.file] if arguments.file else []
    check_folder(folder, _FILES, inputs, overwrite=arguments.overwrite, empty=False)
    if not arguments.no_plot:
        check_matplotlib()
    data = _load(arguments)
    with written_together(folder, stale=_FILES, overwrite=arguments.overwrite) as new:
        model, tried = _tune(arguments, data)
        _write(arguments, new, data, model)
    print(_report(arguments, folder, data, model, tried))
    return None


def _load(arguments):
    """Return a dict with X (sorted frame), y (frame), labels, truth."""
    if arguments.kernel != "T1-IR" and arguments.efficiency != "auto":
        raise ValueError("--efficiency is for --kernel T1-IR only.")
    limits = arguments.minimum, arguments.maximum
    if None not in limits and not limits[0] < limits[1]:
        raise ValueError(f"--minimum must be below --maximum, got {limits}.")
    column = resolve_model(arguments.kernel).acquisition_columns[0]
    if arguments.file is None:
        kind = arguments.kernel if arguments.kernel in _SIMULATIONS else "default"
        times, peaks = _SIMULATIONS[kind]
        kernel = arguments.kernel
        if kernel == "T1-IR":
            kernel = InversionRecovery(efficiency=1.8)
        data = make_decay(
            kernel, times, peaks=peaks, noise_std=2e-3, random_state=arguments.seed
        )
        X = pd.DataFrame({column: data.X[:, 0]})
        y = pd.DataFrame({"signal": data.y})
        return {"X": X, "y": y, "truth": (data.relaxation_times, data.distribution)}
    if Path(arguments.file).is_dir():
        raise ValueError(
            f"{arguments.file}: is a folder, expected a file with times and signals; "
            "folders of images are for python -m skrelax map."
        )
    table = read_decay(arguments.file, allow_external=arguments.allow_external)
    X, y = table.by_point()
    unit = check_name(
        f"{arguments.file}: the first column",
        str(X.columns[0]),
        arguments.kernel,
        column,
        by_unit=is_csdm(arguments.file),
        way_out="choose another --kernel, or rename the column if it is meant.",
    )
    _take_unit(arguments, unit)
    X = X.set_axis([column], axis=1)
    y = y.to_frame() if isinstance(y, pd.Series) else y
    if len(X) < 2 * arguments.folds:
        most = len(X) // 2
        way_out = f"give --folds {most}" if most > 1 else "expected at least 4"
        raise ValueError(
            f"{arguments.file}: {len(X)} points are too few for {arguments.folds} "
            f"folds, {way_out}."
        )
    order = np.argsort(X[column].to_numpy(), kind="stable")
    X = X.iloc[order].reset_index(drop=True)
    y = y.iloc[order].reset_index(drop=True)
    if not (X[column] > 0).any():
        raise ValueError(f"{arguments.file}: all times are zero.")
    if X[column].nunique() < 2:
        raise ValueError(
            f"{arguments.file}: all times are {X[column][0]:g}, expected several."
        )
    _check_sizes(arguments, X, y)
    check_times(
        arguments.file, arguments.kernel, X[column].to_numpy(), limits, arguments.unit
    )
    _check_signs(arguments, y)
    return {"X": X, "y": y, "truth": None}


def _take_unit(arguments, unit):
    """Label results with the unit that a file gives."""
    # Values of CSDM files come in seconds, whatever their label says.
    if arguments.unit is not None or unit is None or is_csdm(arguments.file):
        return
    # Units of b hold a length.
    if ("/" in unit) == (arguments.kernel == "diffusion"):
        arguments.unit = unit


def _check_sizes(arguments, X, y):
    """Refuse numbers that no instrument writes and no inversion can square."""
    times = X.to_numpy()
    tops = y.abs().max()
    for what, values in (("times", times[times > 0]), ("signals", tops[tops > 0])):
        if len(values) and not SMALLEST <= min(values) <= max(values) <= LARGEST:
            raise ValueError(
                f"{arguments.file}: {what} must be from {SMALLEST:g} to {LARGEST:g}, "
                f"got {min(values):g} to {max(values):g}."
            )


def _check_signs(arguments, y):
    """Refuse signals that no positive distribution explains, or name them."""
    zero = [name for name in y if not y[name].any()]
    constant = [name for name in y if name not in zero and y[name].nunique() == 1]
    if constant and y.shape[1] > 1:
        warnings.warn(
            f"column {constant[0]!r} is {y[constant[0]].iloc[0]:g} throughout: where "
            "it is no signal, remove it, since all signals share one strength",
            stacklevel=2,
        )
    negative = []
    if arguments.kernel != "T1-IR":
        negative = [name for name in y if is_negative(y[name])]
    else:
        for name in y:
            check_recovery(arguments.file, f"signal {name!r}", y[name].to_numpy())
    if not zero and not negative:
        return
    first = [*zero, *negative][0]
    if zero:
        text = f"signal {first!r} is zero throughout"
    else:
        text = (
            f"signal {first!r} is negative, from {y[first].min():g} to "
            f"{y[first].max():g}: {arguments.kernel} has positive amplitudes; turn its "
            "sign, or correct its phase"
        )
    if len(zero) + len(negative) == y.shape[1]:
        raise ValueError(f"{arguments.file}: {text}.")
    warnings.warn(
        f"{len(zero) + len(negative)} of {y.shape[1]} signals cannot be inverted: "
        f"{text}",
        stacklevel=2,
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
        return _pipeline(arguments, model, baseline).fit(X, signal)

    baseline = arguments.baseline == "yes"
    if arguments.kernel != "T1-IR":
        if arguments.baseline != "auto":
            return fit(arguments.kernel, baseline), ""
        search = BaselineSearch(_pipeline(arguments, arguments.kernel, False), 1)
        without, based = search.fit(X, signal).candidates_["error"]
        return search.best_estimator_, (
            f"error without baseline {without:.3g}, with it {based:.3g}"
        )
    if arguments.efficiency != "auto":
        return fit(InversionRecovery(efficiency=arguments.efficiency), baseline), ""
    search = EfficiencySearch(_pipeline(arguments, "T1-IR", baseline), verbose=1)
    table = search.fit(X, signal).candidates_
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
    write_csv(folder / "fit.csv", columns)
    data["peaks"] = distribution_peaks(F, times, labels=list(y.columns))
    write_csv(folder / "peaks.csv", data["peaks"].items())
    curve = [(name, np.ravel(values)) for name, values in final.cv_results_.items()]
    write_csv(folder / "cross_validation.csv", curve)
    if not arguments.no_plot:
        draw_inversion(folder / "inversion.png", arguments, data, pipeline)


def _report(arguments, folder, data, pipeline, tried):
    """Return what is printed."""
    final, model = pipeline[-1], pipeline[0].models_[0]
    settings = [f"alpha {final.alpha_:.3g}"]
    if arguments.penalty == "smooth":
        settings.insert(0, f"smoothness {final.smoothness_:.3g}")
    if isinstance(model, InversionRecovery):
        settings.append(f"inversion efficiency {model.efficiency:.3g}")
    if final.fit_intercept:
        settings.append(f"baseline {np.ravel(final.intercept_)[0]:.3g}")
    settings.append(f"relative duality gap {np.max(final.dual_gap_):.0e}")
    name = model.parameters[0].name
    lines = [
        f"{len(data['X'])} points, {data['y'].shape[1]} signal(s), kernel "
        f"{arguments.kernel}: " + ", ".join(settings)
    ]
    if tried:
        lines.append(f"({tried})")
    peaks = data["peaks"]
    lines.append(f"{'signal':>12} {name + ' peak':>12} {'log-mean':>12} {'share':>8}")
    for _, row in peaks.head(20).iterrows():
        note = "  at the edge of the grid" if row["at_edge"] else ""
        lines.append(
            f"{str(row['signal'])[:12]:>12} {row['position']:>12.4g} "
            f"{row['log_mean']:>12.4g} {100 * row['share']:>6.1f} %{note}"
        )
    if len(peaks) > 20:
        lines.append(f"... {len(peaks) - 20} more peaks in peaks.csv")
    lines.append(f"results in {folder}")
    return "\n".join(lines)
