"""``skrelax invert`` of relaxation beside a spectrum: the signed inversion."""

import numpy as np
import pandas as pd

from ..inversion import MultiDimRegularizedILT
from ..plotting._base import styled
from ..signals import resolve_model
from ..utils._written import written_together
from ._decay import load
from ._kept import write_kept
from ._output import without_math, write_csv


def run_spectrum(arguments, table):
    """Invert all points of a spectrum together; return lines and a row per point."""
    from ._invert import FILES, results_folder

    for name in ("bins", "minimum", "maximum"):
        value = getattr(arguments, name)
        setattr(arguments, name, None if value is None else value[0])
    _check_options(arguments)
    folder = results_folder(arguments)
    frequencies = table.samples["frequency"].to_numpy()
    order = np.argsort(frequencies, kind="stable")
    table.signals = table.signals.iloc[order]
    table.samples = table.samples.iloc[order]
    data = load(arguments, table, signed=True)
    inversion = _inversion(arguments, frequencies[order])
    with written_together(folder, stale=FILES, overwrite=arguments.overwrite) as new:
        inversion.fit(data["X"], data["y"].to_numpy(), sample_weight=data["weight"])
        _write(arguments, new, data, inversion, frequencies[order])
        write_kept(new, arguments, inversion, (data["X"], data["y"], data["weight"]))
    words = [
        *data["words"],
        f"kernel {arguments.kernel} beside {len(frequencies)} points of a spectrum: "
        "signed inversion with coupled channels, noise "
        f"{np.ravel(inversion.noise_std_)[0]:.3g}",
        f"residuals {np.sqrt(np.mean(inversion.residuals_**2)):.3g}",
        f"results in {folder}",
    ]
    rows = pd.DataFrame(
        {
            "amplitude": inversion.distribution_.sum(axis=0),
            "noise_std": float(np.ravel(inversion.noise_std_)[0]),
            "status": "inverted",
            "message": "ok",
        },
        index=data["y"].columns,
    )
    return words, rows


def _check_options(arguments):
    """Refuse options that do nothing to the signed inversion of a spectrum."""
    given = {
        "report": arguments.report,
        "penalty": arguments.penalty != "smooth",
        "order": arguments.order is not None,
        "rule": arguments.rule is not None,
        "folds": arguments.folds is not None,
        "efficiency": arguments.efficiency != "auto",
    }
    for name, is_given in given.items():
        if is_given:
            raise ValueError(
                f"{arguments.file}: --{name} is not for relaxation beside a spectrum, "
                "leave it out."
            )


def _inversion(arguments, frequencies):
    """Return the inversion of all points of a spectrum."""
    grid = arguments.bins
    limits = arguments.minimum, arguments.maximum
    if None not in limits:
        grid = np.geomspace(*limits, arguments.bins or 100)
    elif limits != (None, None):
        raise ValueError("a spectrum takes both of --minimum and --maximum, or none.")
    return MultiDimRegularizedILT(
        arguments.kernel,
        grid,
        channels=frequencies,
        baseline=arguments.baseline == "yes",
        n_jobs=arguments.jobs,
        verbose=1,
    )


def _write(arguments, folder, data, inversion, frequencies):
    """Write the tables and the picture."""
    parameter = resolve_model(arguments.kernel).parameters[0].name
    (grid,) = inversion.grids_
    F = inversion.distribution_
    names = list(data["y"].columns)
    columns = [(parameter, grid), *zip(names, F.T, strict=True)]
    write_csv(folder / "distribution.csv", columns)
    fit = data["y"].to_numpy() - inversion.residuals_
    columns = [*data["X"].items()]
    for index, name in enumerate(names):
        columns += [(name, data["y"][name]), (f"{name} fit", fit[:, index])]
    if data["weight"] is not None:
        columns.append(("weight", data["weight"]))
    write_csv(folder / "fit.csv", columns)
    if not arguments.no_plot:
        _draw(folder / "inversion.png", arguments, parameter, (grid, frequencies, F))


@styled
def _draw(path, arguments, parameter, map_):
    """Draw the distribution of each point of the spectrum into a PNG file."""
    from matplotlib.figure import Figure

    grid, frequencies, F = map_
    figure = Figure(figsize=(8, 5), layout="constrained")
    ax = figure.subplots()
    size = np.abs(F).max() or 1.0
    mesh = ax.pcolormesh(
        frequencies, grid, F, cmap="RdBu_r", vmin=-size, vmax=size, shading="nearest"
    )
    ax.set(
        yscale="log",
        xlabel="spectrum",
        ylabel=without_math(f"{parameter} ({arguments.unit or 's'})"),
        title="Distribution",
    )
    figure.colorbar(mesh, ax=ax, label="amplitude")
    figure.savefig(path, dpi=130)
