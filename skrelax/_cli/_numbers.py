"""Numbers of distributions with intervals: ``--intervals`` and ``--cutoff``."""

import warnings

import pandas as pd

from ..metrics import RatioBand, Rectangle
from ..uncertainty import Share, bootstrap_distribution
from ..uncertainty._bootstrap import bounds_of_fit
from ..utils._progress import open_report
from ._choices import interval_level

NUMBERS = "numbers.csv"
# Refits that standard deviations are known from to a tenth; bounds need none.
_N_REFITS = 50
# What makes an interval say less than it seems to.
_REASONS = {
    "does not fit": "no distribution of these bins fits the signal as its noise asks: "
    "bins are too few, or kernel, baseline or phase are not those of the signal",
    "not identifiable": "the measurement hardly tells this number",
}


def are_asked(arguments):
    """Return whether intervals of numbers are asked for."""
    return arguments.intervals or arguments.cutoff is not None


def check_cutoffs(arguments, names):
    """Raise ValueError unless cut-offs are on the axes of a distribution, by name."""
    known = [*names, *_ratios(names)]
    for name, value in arguments.cutoff or ():
        if name in known or (name is None and len(names) == 1):
            continue
        got = f"{value:g}" if name is None else f"{name}={value:g}"
        raise ValueError(
            f"--cutoff takes the name of what is below it, one of {', '.join(known)}, "
            f"such as {names[-1]}={value:g}; got {got}."
        )


def _doubt_cutoffs(arguments, axes):
    """Say which cut-offs no bin is on one side of, by bins of axes by name."""
    for name, value in arguments.cutoff or ():
        grid = axes.get(name) if name else next(iter(axes.values()))
        if grid is not None and not grid[0] < value < grid[-1]:
            warnings.warn(
                f"--cutoff {value:g} is beyond the bins, {grid[0]:.3g} to "
                f"{grid[-1]:.3g}, whose unit it has",
                stacklevel=2,
            )


def _ratios(names):
    """Return the ratio of the axes, where it says something: not of D and a time."""
    return ["/".join(names)] if len(names) == 2 and "D" not in names else []


def find_numbers(arguments, data, pipeline):
    """Return numbers of each signal with intervals, or None where none are asked for.

    Columns are signal, number, estimate, lower, upper, std and status.
    """
    if not are_asked(arguments):
        return None
    parts, methods, model = [], [], pipeline[0]
    times = {model.models_[0].parameters[0].name: model.relaxation_times_}
    _doubt_cutoffs(arguments, times)
    for name in data["y"]:
        try:
            result = bootstrap_distribution(
                pipeline,
                data["X"],
                data["y"][name],
                n_bootstrap=_N_REFITS,
                level=interval_level(arguments),
                sample_weight=data["weight"],
                random_state=0,
            )
        except ValueError as error:
            warnings.warn(f"{name}: no intervals: {error}", stacklevel=2)
            continue
        frame = result.to_frame()
        # Bounds have none of it, and a row without an interval only asks why.
        frame = frame.drop("width", errors="ignore")
        for _, cutoff in arguments.cutoff or ():
            share = Share((0.0, cutoff))
            frame.loc[f"share below {cutoff:.12g}"] = result._row(share, result.level)
        frame.insert(0, "signal", name)
        methods.append(result.method)
        parts.append(frame.reset_index())
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    table = table[["signal", *[column for column in table if column != "signal"]]]
    table.attrs["methods"] = list(dict.fromkeys(methods))
    return table


def find_plane_numbers(arguments, plane, pipeline):
    """Return the same of a signal over two axes, without std, which needs refits."""
    if not are_asked(arguments):
        return None
    level, X = interval_level(arguments), plane.acquisition
    try:
        result = bounds_of_fit(pipeline, X, plane.signal, plane.weight, level)
    except ValueError as error:
        warnings.warn(f"no intervals: {error}", stacklevel=2)
        return None
    names = list(result.axes)
    _doubt_cutoffs(arguments, result.axes)
    asked = {
        name: functional
        for name, functional in result._named().items()
        # Of widths there are no bounds.
        if functional._weights(result.axes) is not None
        and (_ratios(names) or not name.startswith("ratio"))
    }
    for name, value in arguments.cutoff or ():
        region = RatioBand("below", 0.0, value)
        if name in names:
            region = Rectangle("below", **{name: (0.0, value)})
        asked[f"share of {name} below {value:.12g}"] = Share(region)
    rows, work = [], open_report(verbose=1)
    work.report(len(asked), "intervals")
    for name, functional in asked.items():
        estimate, lower, upper, _, status = result._row(functional, level)
        rows.append((0, name, estimate, lower, upper, status))
        work.step(name, name)
    columns = ["signal", "number", "estimate", "lower", "upper", "status"]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs["methods"] = [result.method]
    return table


def number_lines(arguments, table, most=None):
    """Return the table as lines, of the first signals, or of the one of a plane."""
    if table is None:
        return []
    level, methods = 100 * interval_level(arguments), table.attrs["methods"]
    width = max(18, table["number"].str.len().max())
    head = f"{'signal':>12} " if most else ""
    lines = [
        f"{level:g} % intervals by {' and '.join(methods)}:",
        f"{head}{'number':>{width}} {'estimate':>12} {'lower':>12} {'upper':>12}",
    ]
    shown = table
    if most:
        shown = table[table["signal"].isin(table["signal"].unique()[:most])]
    for row in shown.itertuples():
        # The interval of what is not known ends anywhere.
        note = "" if row.status == "ok" else f"  {row.status}"
        # Comparisons with nan are false.
        outside = row.estimate < row.lower or row.estimate > row.upper
        note += "  shifted by the penalty" if outside else ""
        head = f"{str(row.signal)[:12]:>12} " if most else ""
        lines.append(
            f"{head}{row.number:>{width}} {row.estimate:>12.4g} "
            f"{row.lower:>12.4g} {row.upper:>12.4g}{note}"
        )
    if len(shown) < len(table):
        lines.append(f"... {len(table) - len(shown)} more numbers in {NUMBERS}")
    said = set(shown["status"])
    lines += [f"{one}: {text}" for one, text in _REASONS.items() if one in said]
    return lines
