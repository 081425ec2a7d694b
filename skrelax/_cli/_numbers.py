"""Numbers of distributions with intervals: ``--intervals`` and ``--cutoff``."""

import warnings

import pandas as pd

from ..uncertainty import Share, bootstrap_distribution
from ._choices import interval_level

NUMBERS = "numbers.csv"
# Refits that standard deviations are known from to a tenth; bounds need none.
_N_REFITS = 50


def find_numbers(arguments, data, pipeline):
    """Return numbers of each signal with intervals, or None where none are asked for.

    Columns are signal, number, estimate, lower, upper, std and status.
    """
    if not arguments.intervals and arguments.cutoff is None:
        return None
    parts = []
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
        for cutoff in arguments.cutoff or ():
            share = Share((0.0, cutoff))
            frame.loc[f"share below {cutoff:g}"] = [
                result.estimate(share),
                *result.interval(share),
                result.std(share),
                result.status(share),
            ]
        frame.insert(0, "signal", name)
        parts.append(frame.reset_index())
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    return table[["signal", *[column for column in table if column != "signal"]]]


def number_lines(arguments, table, most):
    """Return the table as lines, of the first signals."""
    if table is None:
        return []
    level = 100 * interval_level(arguments)
    lines = [
        f"{'signal':>12} {'number':>18} {'estimate':>12} {f'{level:g} % from':>12} "
        f"{'to':>12}"
    ]
    shown = table[table["signal"].isin(table["signal"].unique()[:most])]
    for row in shown.itertuples():
        # The interval of what is not known ends anywhere.
        note = "" if row.status == "ok" else f"  {row.status}"
        lines.append(
            f"{str(row.signal)[:12]:>12} {row.number:>18} {row.estimate:>12.4g} "
            f"{row.lower:>12.4g} {row.upper:>12.4g}{note}"
        )
    if len(shown) < len(table):
        lines.append(f"... {len(table) - len(shown)} more numbers in {NUMBERS}")
    return lines
