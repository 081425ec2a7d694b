"""``skrelax read``: what a file was recognised as, and its signal in a picture."""

import os
from pathlib import Path

import numpy as np

from ..plotting._base import styled
from ..utils._written import written_together
from ._decay import read_table
from ._output import name_results, without_math
from ._picture import check_matplotlib

# Signals that are drawn and listed.
_SHOWN = 8


def run_read(arguments):
    """Run the command with parsed arguments."""
    arguments.file = str(Path(arguments.file))
    picture = None
    if not arguments.no_plot:
        check_matplotlib()
        picture = Path(arguments.out or f"{name_results(arguments.file)}-read.png")
        if os.path.lexists(picture) and not arguments.overwrite:
            raise ValueError(
                f"{picture} exists; give --overwrite to replace it, --out, or "
                "--no-plot."
            )
        if picture.suffix.lower() != ".png":
            raise ValueError(f"--out must be a file .png, got {picture}.")
    table = read_table(arguments)
    if picture is not None:
        with written_together(picture.parent, overwrite=arguments.overwrite) as new:
            _draw(new / picture.name, table)
    lines = describe(arguments.file, table)
    print("\n".join(lines + ([f"picture in {picture}"] if picture else [])))


def describe(file, table):
    """Return lines that say what a file holds."""
    measurement = table.measurement
    lines = [f"{file}: format {measurement.format}"]
    units = measurement.units or ("",) * table.acquisition.shape[1]
    for (name, column), unit in zip(table.acquisition.items(), units, strict=True):
        points = np.unique(column)
        unit = unit or "(unit not in the file)"
        lines.append(
            f"axis {name}: {points.size} points, {points[0]:.6g} to {points[-1]:.6g} "
            f"{unit}"
        )
    if "frequency" in table.samples:
        frequency = table.samples["frequency"]
        lines.append(
            f"spectrum: {len(frequency)} points, {frequency.min():.6g} to "
            f"{frequency.max():.6g}"
        )
    kernels = measurement.kernels
    told = ",".join(kernels) if kernels else "not in the file (--kernel chooses it)"
    lines.append(f"kernel: {told}")
    signals, samples = table.signals.to_numpy(), table.samples
    for row, label in enumerate(table.signals.index[:_SHOWN]):
        text = (
            f"{label}: {signals.shape[1]} values, {signals[row].min():.6g} to "
            f"{signals[row].max():.6g}"
        )
        if "noise_std" in samples:
            noise = samples["noise_std"].iloc[row]
            text += (
                f", phase {samples['phase'].iloc[row]:.1f} degrees, noise {noise:.3g}"
            )
            if noise > 0:
                text += f", signal to noise {np.abs(signals[row]).max() / noise:.3g}"
        lines.append(text)
    if len(signals) > _SHOWN:
        lines.append(f"... {len(signals) - _SHOWN} more signals")
    return lines + [f"- {note}" for note in measurement.notes]


@styled
def _draw(path, table):
    """Draw signals over one axis, or an image of them over two, into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    ax = figure.subplots()
    columns = list(table.acquisition)
    units = table.measurement.units or ("",) * len(columns)
    labels = [
        without_math(f"{name} ({unit})" if unit else f"{name}")
        for name, unit in zip(columns, units, strict=True)
    ]
    if len(columns) > 1 or "frequency" in table.samples:
        _draw_image(figure, ax, table, labels)
    else:
        x = table.acquisition[columns[0]].to_numpy()
        for label, signal in list(table.signals.iterrows())[:_SHOWN]:
            ax.plot(x, signal, ".", markersize=3, label=without_math(str(label)))
        if x.size > 2 and x[x > 0].size and x.max() > 30 * x[x > 0].min():
            ax.set_xscale("log")
        ax.set(xlabel=labels[0], ylabel="signal")
        if len(table.signals) > 1:
            ax.legend(frameon=False)
    ax.set_title(without_math(f"read as {table.measurement.format}"))
    figure.savefig(path, dpi=130)


def _draw_image(figure, ax, table, labels):
    """Draw signals over two axes, or over one and a spectrum."""
    first = np.unique(table.acquisition.iloc[:, 0])
    if "frequency" in table.samples:
        order = np.argsort(table.samples["frequency"].to_numpy(), kind="stable")
        second = table.samples["frequency"].to_numpy()[order]
        rows = np.argsort(table.acquisition.iloc[:, 0].to_numpy(), kind="stable")
        image = table.signals.to_numpy()[order][:, rows].T
        first = table.acquisition.iloc[rows, 0].to_numpy()
        labels = [labels[0], "spectrum"]
    else:
        second = np.unique(table.acquisition.iloc[:, 1])
        image = table.signals.to_numpy()[0].reshape(first.size, -1)
    mesh = ax.pcolormesh(
        np.arange(second.size), np.arange(first.size), image, shading="nearest"
    )
    for axis, points in ((ax.xaxis, second), (ax.yaxis, first)):
        ticks = np.unique(np.linspace(0, points.size - 1, 5).astype(int))
        axis.set_ticks(ticks, [f"{points[tick]:.3g}" for tick in ticks])
    ax.set(xlabel=labels[1], ylabel=labels[0])
    figure.colorbar(mesh, ax=ax, label="signal")
