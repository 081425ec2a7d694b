"""``--labels``: numbers and histograms of maps in labelled regions."""

import io
from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..io._files import as_path, shown
from ..io._source import Source
from ..metrics import label_statistics
from ..plotting import RegionHistogramDisplay
from ..plotting._base import known_unit, shortened, styled
from ._known import read_map
from ._output import without_math, write_csv

FILES = ("regions.csv", "regions.png")
# Regions that are printed.
_MOST_PRINTED = 20
# Known relaxation times above this are in milliseconds [s].
_LONGEST = 30.0


class Regions(NamedTuple):
    """What --labels says."""

    image: np.ndarray
    """Label of each voxel, 0 for none, (n_x, n_y, n_z)."""
    names: dict
    """Names by label."""
    references: dict
    """Known values {name of a map: {label: value}}."""


def read_labels(arguments, table):
    """Return the Regions of a command, None without."""
    if arguments.labels is None:
        return None
    path = as_path(arguments.labels, "--labels")
    values = np.nan_to_num(read_map("labels", path, table))
    if (values != np.round(values)).any() or values.max() > np.iinfo(np.int32).max:
        raise ValueError(f"--labels {path}: holds fractions, expected whole numbers.")
    if not values.any():
        raise ValueError(f"--labels {path}: has no region, all labels are 0.")
    image = table.to_image(values.astype(np.int32), fill=0)
    numbers = np.unique(values[values > 0])
    return Regions(image.astype(np.int32), *_read_names(path, numbers))


def _read_names(path, numbers):
    """Return names by label from the table beside an image, and known values.

    Names are in the columns that BIDS has; other columns are called as maps.
    """
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    beside = path.with_name(f"{stem}.tsv")
    if not beside.is_file():
        return {}, {}
    try:
        # In whatever encoding other programs write text.
        text = io.StringIO(Source(beside).text())
        table = pd.read_csv(text, sep="\t", dtype=str, keep_default_na=False)
        given, called = table["index"], table["name"]
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{beside}: expected columns index and name, with tabs between them."
        ) from error
    try:
        index = given.astype(int)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{beside}: index must be whole numbers.") from error
    rows = list(zip(index, called, strict=True))
    twice = index[index.duplicated()]
    if twice.size:
        raise ValueError(f"{beside}: has more than one name of {twice.iloc[0]}.")
    # A region without a name is called by its number.
    names = {
        number: name.strip()
        for number, name in rows
        if name.strip() and number in numbers
    }
    count = Counter(names.values())
    names = {
        number: name if count[name] == 1 else f"{name} ({number})"
        for number, name in names.items()
    }
    return names, _read_references(beside, index, table)


def _read_references(path, index, table):
    """Return known relaxation times, {name of a map: {label: value}}."""
    found = {}
    for name in table:
        if map_unit(name) != "s":
            continue
        given = table[name].str.strip()
        given = given[~given.str.lower().isin(("", "n/a"))]
        values = pd.to_numeric(given, errors="coerce")
        wrong = ~((values > 0) & (values < _LONGEST))
        if wrong.any():
            raise ValueError(
                f"{path}: {name} must be in seconds, positive and below "
                f"{_LONGEST:g}, got {shown(given[wrong].iloc[0])}."
            )
        found[name] = dict(zip(index[values.index], values, strict=True))
    return found


def main_map(names):
    """Return the map of the relaxation time, or the first."""
    times = [name for name in names if map_unit(name) == "s"]
    return [*times, *names][0]


def map_unit(name):
    """Return the unit of a map, or nothing."""
    base, _, kind = name.removeprefix("gm").partition(" ")
    return known_unit(base) if kind in ("", "stderr", "lower", "upper") else ""


def write_regions(folder, arguments, maps, labels):
    """Write what maps hold in each region; return lines to be printed."""
    quantities = {name: values for name, values in maps.items() if name != "status"}
    table = label_statistics(quantities, labels.image, names=labels.names)
    known = [
        labels.references.get(row.map, {}).get(row.label, np.nan)
        for row in table.itertuples()
    ]
    if np.isfinite(known).any():
        table["reference"] = known
        table["error"] = table["median"] / table["reference"] - 1.0
    write_csv(folder / "regions.csv", table.items())
    main = main_map(quantities)
    if not arguments.no_plot:
        _draw(folder / "regions.png", quantities[main], labels, main)
    return "\n".join(_say_regions(table[table["map"] == main], main))


def _say_regions(table, name):
    """Return lines on the regions of one map."""
    lines = [f"{name:>16} {'voxels':>8} {'median':>12} {'robust SD':>12} {'mean':>12}"]
    known = "reference" in table and np.isfinite(table["reference"]).any()
    lines[0] += f" {'reference':>12} {'error':>8}" if known else ""
    for row in table[:_MOST_PRINTED].itertuples():
        lines.append(
            f"{row.region[:16]:>16} {row.n_values:>8} {row.median:>12.4g} "
            f"{row.robust_std:>12.2g} {row.mean:>12.4g}"
        )
        if known and np.isfinite(row.reference):
            lines[-1] += f" {row.reference:>12.4g}"
            lines[-1] += f" {row.error:>+8.1%}" if np.isfinite(row.error) else ""
    if len(table) > _MOST_PRINTED:
        lines.append(f"and {len(table) - _MOST_PRINTED} more in regions.csv")
    if known:
        errors = np.abs(table["error"].dropna())
        middle = f"median {errors.median():.1%}, " if len(errors) else ""
        lines.append(
            f"errors of {name}: {middle}{len(errors)} of "
            f"{int(np.isfinite(table['reference']).sum())} regions with a reference "
            "have values"
        )
    return lines


@styled
def _draw(path, image, regions, label):
    """Draw histograms of one map, region by region."""
    from matplotlib.figure import Figure

    labels, names, references = regions
    count = np.unique(labels[labels > 0]).size
    figure = Figure(figsize=(6.0, 1.5 + 0.5 * min(count, 60)), layout="constrained")
    names = {number: without_math(shortened(name)) for number, name in names.items()}
    RegionHistogramDisplay(
        image,
        labels,
        names=names,
        label=label,
        unit=map_unit(label),
        references=references.get(label),
    ).plot(figure.subplots())
    figure.savefig(path, dpi=150)
