"""From a long table to groups, and to groups with the same acquisition."""

from collections.abc import Hashable
from dataclasses import dataclass, replace

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

    @property
    def n_missing(self):
        """Points of each group that have no signal, (n_groups,)."""
        return np.add.reduceat(np.isnan(self.signal), self.edges[:-1], dtype=int)


@dataclass
class Unit:
    """Hold signals of one acquisition that go to one call, or one by one."""

    members: np.ndarray
    """Numbers of the groups, (n_signals,)."""
    points: np.ndarray
    """Acquisition, (n_points, n_columns)."""
    signals: np.ndarray
    """Signals, (n_points, n_signals); nan where a point is missing."""
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

    def alone(self):
        """Return the unit of one signal without the points that it lacks."""
        there = ~np.isnan(self.signals[:, 0])
        if there.all():
            return self
        weight = None if self.weight is None else self.weight[there]
        return replace(
            self, points=self.points[there], signals=self.signals[there], weight=weight
        )


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


def make_units(table, together, last, seeds):
    """Return the units of a table: groups with the same points and weights.

    Signals whose fit alone would be refused must not share a call with others, nor, if
    the estimator `last` sees the signs of all, those with and without negative values.
    Points without a signal are left out unless this estimator does so itself.
    """
    found = {}
    for group in range(table.n_groups):
        rows = np.arange(table.edges[group], table.edges[group + 1])
        y = table.signal[rows]
        there = ~np.isnan(y)
        known, kind = y[there], "alone"
        if together and np.isfinite(known).all() and (known != known[:1]).any():
            kind = "together"
            if last._sees_all_signs and not np.iscomplexobj(y):
                kind = "negative" if known.min() < 0 else "positive"
        if not (there.all() or (kind != "alone" and last._takes_missing)):
            rows = rows[there]
        weight = None if table.weight is None else table.weight[rows]
        code = b"" if weight is None else weight.tobytes()
        key = kind, table.points[rows].tobytes(), code
        found.setdefault(key, []).append((group, rows))
    units = []
    for (kind, *_), members in found.items():
        groups, rows = zip(*members, strict=True)
        groups, first = np.array(groups), rows[0]
        weight = None if table.weight is None else table.weight[first]
        units.append(
            Unit(
                groups, table.points[first], table.signal[np.stack(rows, axis=1)],
                weight, kind != "alone", seeds[groups],
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
