"""``python -m skrelax invert``: read, tune, invert, write."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from ..datasets import make_decay
from ..inversion import LassoFistaCV, SmoothLassoCV
from ..io import read_decay
from ..kernels import KernelBuilder
from ..metrics import distribution_peaks
from ..signals import InversionRecovery, resolve_model
from ..utils._progress import Progress
from ._picture import check_matplotlib, draw_inversion

_FILES = (
    "distribution.csv",
    "fit.csv",
    "peaks.csv",
    "cross_validation.csv",
    "inversion.png",
)
_EFFICIENCIES = np.round(np.arange(1.0, 2.0001, 0.05), 3)
# Simulated data of the kernels: times, peaks (centre, width in decades, share).
_SIMULATIONS = {
    "diffusion": (np.linspace(1e7, 1.5e9, 40), ((2e-9, 0.05, 0.7), (3e-10, 0.1, 0.3))),
    "default": (np.geomspace(1e-4, 3.0, 60), ((3e-3, 0.15, 0.4), (0.1, 0.2, 0.6))),
}


def run_invert(arguments):
    """Run the command with parsed arguments."""
    folder = _output_folder(arguments)
    if not arguments.no_plot:
        check_matplotlib()
    data = _load(arguments)
    model, tried = _tune(arguments, data)
    _write(arguments, folder, data, model)
    print(_report(arguments, folder, data, model, tried))


def _output_folder(arguments):
    """Return the folder of the results; refuse to write over existing ones."""
    stem = (
        Path(arguments.file).name.partition(".")[0] if arguments.file else "simulated"
    )
    folder = Path(arguments.out or f"{stem}-inversion")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: is a file, expected a folder for the results.")
    there = [name for name in _FILES if (folder / name).exists()]
    if there and not arguments.overwrite:
        raise ValueError(
            f"{folder / there[0]} exists; give --overwrite to replace it, or --out."
        )
    return folder


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
    table = read_decay(arguments.file, column=column)
    X, y = table.by_point()
    if len(X) < 2 * arguments.folds:
        raise ValueError(
            f"{arguments.file}: {len(X)} points are too few for {arguments.folds} "
            "folds."
        )
    order = np.argsort(X[column].to_numpy(), kind="stable")
    X = X.iloc[order].reset_index(drop=True)
    y = y.iloc[order].reset_index(drop=True)
    if not (X[column] > 0).any():
        raise ValueError(f"{arguments.file}: all times are zero.")
    return {"X": X, "y": y, "truth": None}


def _pipeline(arguments, model, baseline):
    builder = KernelBuilder(
        model,
        n_bins=arguments.bins,
        minimum=arguments.minimum,
        maximum=arguments.maximum,
        supersampling=arguments.supersampling,
    )
    final = SmoothLassoCV if arguments.penalty == "smooth" else LassoFistaCV
    return make_pipeline(
        builder,
        final(
            cv=arguments.folds,
            rule=arguments.rule,
            fit_intercept=baseline,
            n_jobs=arguments.jobs,
            verbose=1,
        ),
    )


def _tune(arguments, data):
    """Return the chosen fitted pipeline and what else was tried, in words."""
    X, y = data["X"], data["y"]
    signal = y if y.shape[1] > 1 else y.iloc[:, 0]

    def fit(model, baseline):
        return _pipeline(arguments, model, baseline).fit(X, signal)

    if arguments.kernel == "T1-IR":
        return _tune_efficiency(arguments, fit)
    if arguments.baseline != "auto":
        return fit(arguments.kernel, arguments.baseline == "yes"), ""
    progress = Progress(2)
    plain = fit(arguments.kernel, False)
    progress("without baseline")
    based = fit(arguments.kernel, True)
    progress("with baseline")
    (error, _), (better, spread) = _lowest(plain), _lowest(based)
    words = f"error without baseline {error:.3g}, with it {better:.3g}"
    # A constant that only just helps would eat slow components; but what lies on
    # the last bin is no more than a constant either.
    at_end = _edge_share(plain, -1) > 0.01 and better <= error + spread
    if better + spread < error or at_end:
        return based, words
    return plain, words


def _edge_share(pipeline, *edges):
    """Return the share of the amplitude in peaks whose maximum is an edge bin."""
    times = pipeline[0].relaxation_times_
    peaks = distribution_peaks(pipeline[-1].coef_, times, min_share=0.0)
    on_edge = peaks["position"].isin(times[list(edges)])
    return peaks.loc[on_edge, "amplitude"].sum() / peaks["amplitude"].sum()


def _lowest(pipeline):
    """Return the lowest cross-validated error and its standard error."""
    results = pipeline[-1].cv_results_
    best = np.unravel_index(
        results["mean_test_mse"].argmin(), results["mean_test_mse"].shape
    )
    return results["mean_test_mse"][best], results["se_test_mse"][best]


def _tune_efficiency(arguments, fit):
    """Return the fit with the inversion efficiency that the data support.

    A wrong efficiency is made up for by amplitude on the edges of the grid, at
    hardly any cost in error. So, of all within one standard error of the lowest
    error, the one with the least amplitude there is taken.
    """
    baseline = arguments.baseline == "yes"
    if arguments.efficiency != "auto":
        return fit(InversionRecovery(efficiency=arguments.efficiency), baseline), ""
    progress = Progress(_EFFICIENCIES.size, "inversion efficiencies:")
    fits = []
    for efficiency in _EFFICIENCIES:
        fits.append(fit(InversionRecovery(efficiency=float(efficiency)), baseline))
        progress(f"{efficiency:.2f}")
    errors, spreads = np.transpose([_lowest(one) for one in fits])
    allowed = errors <= errors.min() + spreads[errors.argmin()]
    edges = np.array([_edge_share(one, 0, -1) for one in fits])
    best = min(np.flatnonzero(allowed), key=lambda i: (round(edges[i], 3), errors[i]))
    span = _EFFICIENCIES[allowed]
    return fits[best], (
        f"efficiencies {span.min():.2f} to {span.max():.2f} are within one standard "
        "error"
    )


def _write(arguments, folder, data, pipeline):
    """Write the tables and the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    X, y = data["X"], data["y"]
    column = X.columns[0]
    builder, final = pipeline[0], pipeline[-1]
    times = builder.relaxation_times_
    parameter = builder.models_[0].parameters[0].name
    F = np.atleast_2d(final.coef_)
    distribution = pd.DataFrame(F.T, columns=y.columns)
    distribution.insert(0, parameter, times)
    distribution.to_csv(folder / "distribution.csv", index=False)
    predicted = pipeline.predict(X).reshape(y.shape)
    fit = pd.DataFrame({column: X[column]})
    for index, name in enumerate(y.columns):
        fit[f"{name}"] = y[name]
        fit[f"{name} fit"] = predicted[:, index]
        fit[f"{name} residual"] = y[name] - predicted[:, index]
    fit.to_csv(folder / "fit.csv", index=False)
    data["peaks"] = distribution_peaks(F, times, labels=list(y.columns))
    data["peaks"].to_csv(folder / "peaks.csv", index=False)
    curve = pd.DataFrame(
        {name: np.ravel(values) for name, values in final.cv_results_.items()}
    )
    curve.to_csv(folder / "cross_validation.csv", index=False)
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
