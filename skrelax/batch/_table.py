"""From a long table to groups, and to groups with the same acquisition."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_complex_dtype, is_numeric_dtype, is_timedelta64_dtype

from ..utils._frames import as_pandas, frame_columns, refuse_lazy
from ..utils._validation import errors_name


@dataclass
class LongTable:
    """Hold a long table, sorted by groups; rows of a group keep their order."""

    keys: pd.DataFrame
    """Values of the columns that tell groups apart, one row per group."""
    points: np.ndarray
    """Acquisition, (n_rows, n_columns)."""
    names: list
    """Names of the acquisition columns."""
    signal: np.ndarray
    """Signal, (n_rows,), real or complex."""
    weight: np.ndarray | None
    """Weights, (n_rows,)."""
    edges: np.ndarray
    """Group g has the rows from edges[g] to edges[g + 1]."""
    first: np.ndarray
    """Number of the first row of each group in the frame, (n_groups,)."""

    @property
    def n_groups(self):
        """Number of groups."""
        return len(self.keys)


@dataclass
class Unit:
    """Hold signals of one acquisition that go to one call, or one by one."""

    members: np.ndarray
    """Numbers of the groups, (n_signals,)."""
    points: np.ndarray
    """Acquisition, (n_points, n_columns)."""
    signals: np.ndarray
    """Signals, (n_points, n_signals)."""
    weight: np.ndarray | None
    """Weights of the points, (n_points,)."""
    together: bool
    """Whether the signals may share a call."""
    seeds: np.ndarray
    """Seeds of what is drawn of each, (n_signals,)."""

    def parts(self, size):
        """Return units of at most `size` signals."""
        return [
            Unit(
                self.members[start : start + size], self.points,
                self.signals[:, start : start + size], self.weight, self.together,
                self.seeds[start : start + size],
            )
            for start in range(0, self.members.size, size)
        ]  # fmt: skip


def read_table(frame, acquisition, signal, by, sample_weight):
    """Return the LongTable of a frame, or raise if columns do not fit."""
    refuse_lazy(frame, "frame")
    names = frame_columns(frame)
    if names is None:
        raise TypeError(
            "frame must be a pandas DataFrame, or one of another library, got "
            f"{type(frame).__name__}."
        )
    if names.nlevels > 1:
        raise ValueError(
            f"frame must have one level of columns, got {names.nlevels}: join "
            "them, for example by frame.columns.map('_'.join)."
        )
    acquisition, by = _as_list(acquisition, "acquisition"), _as_list(by, "by")
    for what, name in (("signal", signal), ("sample_weight", sample_weight)):
        if not isinstance(name, Hashable):
            raise TypeError(f"{what} must be the name of a column, got {name!r}.")
    weights = [] if sample_weight is None else [sample_weight]
    if not acquisition or not by:
        raise ValueError("acquisition and by must name at least one column each.")
    wanted = [*by, *acquisition, signal, *weights]
    missing = [name for name in wanted if name not in names]
    if missing:
        rows = frame.index.names if isinstance(frame, pd.DataFrame) else []
        levels = [name for name in missing if name in rows]
        hint = " Levels of the index become columns by reset_index()." if levels else ""
        raise ValueError(
            f"frame has no column {missing[0]!r}, only {list(names)}.{hint}"
        )
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"each column may have one role, got {wanted}.")
    for name in wanted:
        count = int((names == name).sum())
        if count > 1:
            raise ValueError(f"frame has {count} columns named {name!r}.")
    is_own = isinstance(frame, pd.DataFrame)
    frame = as_pandas(frame, columns=wanted)
    if frame.empty:
        raise ValueError("frame has no rows.")
    for name in wanted[len(by) :]:
        if not is_numeric_dtype(frame[name].dtype):
            hint = ""
            if is_timedelta64_dtype(frame[name].dtype):
                hint = "; .dt.total_seconds() makes them"
            elif frame[name].dtype.kind == "O":
                hint = "; pandas.to_numeric makes them"
                hint = hint if is_own else "; cast it to floating-point numbers"
            raise TypeError(
                f"column {name!r} must hold numbers, got dtype {frame[name].dtype}"
                f"{hint}."
            )
        if name != signal and is_complex_dtype(frame[name].dtype):
            raise TypeError(
                f"column {name!r} must hold real numbers, got {frame[name].dtype}."
            )
    with errors_name("by"):
        codes = frame.groupby(by, sort=False, dropna=False, observed=True).ngroup()
    codes = codes.to_numpy()
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    # The first row of each group; values that are missing in several ways are one.
    first = np.unique(codes, return_index=True)[1]
    keys = frame[by].iloc[first].reset_index(drop=True)
    points = np.column_stack([_numbers(frame[name]) for name in acquisition])
    weight = None if sample_weight is None else _numbers(frame[sample_weight])[order]
    return LongTable(
        keys,
        points[order],
        acquisition,
        _numbers(frame[signal])[order],
        weight,
        np.concatenate([[0], np.cumsum(counts)]),
        first,
    )


def make_units(table, together, by_sign, seeds):
    """Return the units of a table: groups with the same points and weights.

    Signals whose fit alone would be refused must not share a call with others, nor,
    `by_sign`, those with and without negative values.
    """
    found = {}
    for group in range(table.n_groups):
        rows = slice(table.edges[group], table.edges[group + 1])
        points, y = table.points[rows], table.signal[rows]
        weight = None if table.weight is None else table.weight[rows]
        kind = "alone"
        if together and np.isfinite(y).all() and (y != y[0]).any():
            kind = "together"
            if by_sign and not np.iscomplexobj(y):
                kind = "negative" if y.min() < 0 else "positive"
        code = b"" if weight is None else weight.tobytes()
        found.setdefault((kind, points.tobytes(), code), []).append(group)
    units = []
    for (kind, *_), members in found.items():
        rows = slice(table.edges[members[0]], table.edges[members[0] + 1])
        starts = table.edges[members]
        size = rows.stop - rows.start
        signals = table.signal[starts + np.arange(size)[:, None]]
        weight = None if table.weight is None else table.weight[rows]
        units.append(
            Unit(
                np.asarray(members), table.points[rows], signals, weight,
                kind != "alone", seeds[members],
            )
        )  # fmt: skip
    return units


def _as_list(names, what):
    """Return the names of columns as a list; a tuple is one too."""
    if isinstance(names, list | tuple | pd.Index | np.ndarray):
        names = list(names)
    elif names is None or not isinstance(names, Hashable):
        raise TypeError(f"{what} must be names of columns, got {names!r}.")
    else:
        names = [names]
    if not all(isinstance(name, Hashable) for name in names):
        raise TypeError(f"{what} must be names of columns, got {names!r}.")
    return names


def _numbers(column):
    """Return a column as float64 or complex128; missing values are nan."""
    if is_complex_dtype(column.dtype):
        return column.to_numpy(np.complex128)
    with np.errstate(over="ignore"):
        return column.to_numpy(np.float64, na_value=np.nan)
