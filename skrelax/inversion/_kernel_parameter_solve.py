"""Signals that have equal points, by tables where these serve, and else one by one."""

from typing import NamedTuple

import numpy as np

from ..nonlinear._status import FitStatus
from ._explained import Unexplained
from ._kernel_parameter_fits import (
    Measured,
    SettingKernels,
    find_values,
    innermost,
    invert_groups,
    lose_noise,
)
from ._kernel_parameter_table import KernelTables, invert_with_tables


class Search(NamedTuple):
    """How settings and distributions are found."""

    kernels: SettingKernels
    """Kernels over the setting."""
    inversion: object
    """The inversion of one kernel."""
    tables: KernelTables | None
    """Tables of kernels, where they serve the inversion."""
    weight: np.ndarray | None
    """Weights of the points, (n_points,)."""
    tried: np.ndarray
    """Values of the setting to try, (n_values,)."""
    least_snr: float | None
    """What a signal must rise above the noise."""
    n_jobs: int | None
    """Number of threads."""


def solve_points(how, Y, values, rows):
    """Return SettingFits and what is unexplained, of signals with equal points.

    Y (n_rows, n_signals) holds the points `rows`, all of them where that is None.
    `values` (n_signals,) are known, or None.
    """
    report, found = Unexplained(Y.shape[1]), None
    slow, tables = np.arange(Y.shape[1]), how.tables
    if tables is not None:
        tables = tables if rows is None else tables.of_points(rows)
        found, told = invert_with_tables(tables, Y, values, how.least_snr, how.n_jobs)
        report.extend(told, slow)
        slow = slow if found is None else np.flatnonzero(found.status < 0)
    if slow.size:
        X, weight = how.kernels.acquisition, how.weight
        if rows is not None:
            X = X.iloc[rows] if hasattr(X, "iloc") else np.asarray(X)[rows]
            weight = None if weight is None else weight[rows]
        measured = Measured(X, Y[:, slow], weight)
        part, told = _solve_slowly(
            how, measured, None if values is None else values[slow]
        )
        report.extend(told, slow)
        if slow.size < Y.shape[1]:
            found.put(slow, part)
        else:
            found = part
    return found, report


def _solve_slowly(how, measured, values):
    """Return SettingFits and what is unexplained, of any inversion."""
    inner = innermost(how.inversion)
    if values is None:
        values = find_values(
            how.kernels, measured, how.tried, inner.fit_intercept, how.n_jobs
        )
        ends = (values == how.tried[0]) | (values == how.tried[-1])
    else:
        ends = np.zeros(values.size, dtype=bool)
    found, report = invert_groups(
        how.kernels, how.inversion, measured, values, how.n_jobs
    )
    lose_noise(found, measured, how.least_snr, inner)
    found.status[ends & (found.status == FitStatus.CONVERGED)] = FitStatus.AT_BOUND
    return found, report
