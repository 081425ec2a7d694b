"""``--labels``: numbers and histograms of maps in labelled regions."""

from collections import Counter

import numpy as np
import pandas as pd

from ..io._files import as_path
from ..metrics import label_statistics
from ..plotting import RegionHistogramDisplay
from ..plotting._base import known_unit, shortened, styled
from ._known import read_map
from ._output import without_math, write_csv

FILES = ("regions.csv", "regions.png")
# Regions that are printed.
_MOST_PRINTED = 20


def read_labels(arguments, table):
    """Return labels as an image (n_x, n_y, n_z) and names by label, None without."""
    if arguments.labels is None:
        return None
    path = as_path(arguments.labels, "--labels")
    values = np.nan_to_num(read_map("labels", path, table))
    if (values != np.round(values)).any() or values.max() > np.iinfo(np.int32).max:
        raise ValueError(f"--labels {path}: holds fractions, expected whole numbers.")
    if not values.any():
        raise ValueError(f"--labels {path}: has no region, all labels are 0.")
    image = table.to_image(values.astype(np.int32), fill=0)
    return image.astype(np.int32), _read_names(path, np.unique(values[values > 0]))


def _read_names(path, numbers):
    """Return names by label from the table beside an image, as BIDS has them."""
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    beside = path.with_name(f"{stem}.tsv")
    if not beside.is_file():
        return {}
    try:
        table = pd.read_csv(beside, sep="\t", dtype=str, keep_default_na=False)
        index = table["index"].astype(int)
        rows = list(zip(index, table["name"], strict=True))
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{beside}: expected a table with columns index and name."
        ) from error
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
    return {
        number: name if count[name] == 1 else f"{name} ({number})"
        for number, name in names.items()
    }


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
    labels, names = labels
    quantities = {name: values for name, values in maps.items() if name != "status"}
    table = label_statistics(quantities, labels, names=names)
    write_csv(folder / "regions.csv", table.items())
    main = main_map(quantities)
    if not arguments.no_plot:
        _draw(folder / "regions.png", quantities[main], labels, names, main)
    mine = table[table["map"] == main]
    lines = [f"{main:>16} {'voxels':>8} {'median':>12} {'robust SD':>12} {'mean':>12}"]
    lines += [
        f"{row.region[:16]:>16} {row.n_values:>8} {row.median:>12.4g} "
        f"{row.robust_std:>12.2g} {row.mean:>12.4g}"
        for row in mine[:_MOST_PRINTED].itertuples()
    ]
    if len(mine) > _MOST_PRINTED:
        lines.append(f"and {len(mine) - _MOST_PRINTED} more in regions.csv")
    return "\n".join(lines)


@styled
def _draw(path, image, labels, names, label):
    """Draw histograms of one map, region by region."""
    from matplotlib.figure import Figure

    count = np.unique(labels[labels > 0]).size
    figure = Figure(figsize=(6.0, 1.5 + 0.5 * min(count, 60)), layout="constrained")
    names = {number: without_math(shortened(name)) for number, name in names.items()}
    RegionHistogramDisplay(
        image, labels, names=names, label=label, unit=map_unit(label)
    ).plot(figure.subplots())
    figure.savefig(path, dpi=150)
