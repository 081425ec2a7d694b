"""Signals that have equal points, by tables where these serve, and else one by one."""

from typing import NamedTuple

import numpy as np

from ..nonlinear._status import FitStatus
from ..utils._frames import take_rows
from ..utils._missing import split_by_points
from ..utils._progress import Work
from ._explained import Unexplained
from ._kernel_parameter_fits import (
    Measured,
    SettingFits,
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
    work: Work
    """What it is a part of."""


def solve_signals(how, Y, values):
    """Return SettingFits and what is unexplained, of signals Y (n_points, n_signals).

    Either no signal lacks a point, or all of them do, which are nan there. `values`
    (n_signals,) are known, or None.
    """
    n_signals = Y.shape[1]
    report, found = Unexplained(n_signals), None
    slow = np.arange(n_signals)
    if how.tables is not None:
        found, told = invert_with_tables(
            how.tables, Y, values, how.least_snr, how.n_jobs, how.work
        )
        report.extend(told, slow)
        slow = slow if found is None else np.flatnonzero(found.status < 0)
    for there, members in split_by_points(np.isnan(Y[:, slow]).T):
        places = slow[members]
        X, weight, here = how.kernels.acquisition, how.weight, Y[:, places]
        if not there.all():
            X, here = take_rows(X, there), here[there]
            weight = None if weight is None else weight[there]
        part, told = _solve_slowly(
            how, Measured(X, here, weight), None if values is None else values[places]
        )
        report.extend(told, places)
        if found is None:
            found = SettingFits.empty(np.full(n_signals, -1), part.coef.shape[1])
        found.put(places, part)
    return found, report


def _solve_slowly(how, measured, values):
    """Return SettingFits and what is unexplained, of any inversion."""
    inner = innermost(how.inversion)
    if values is None:
        values = find_values(
            how.kernels, measured, how.tried, inner.fit_intercept, how.n_jobs, how.work
        )
        ends = (values == how.tried[0]) | (values == how.tried[-1])
    else:
        ends = np.zeros(values.size, dtype=bool)
    found, report = invert_groups(
        how.kernels, how.inversion, measured, values, how.n_jobs, how.work
    )
    lose_noise(found, measured, how.least_snr, inner)
    found.status[ends & (found.status == FitStatus.CONVERGED)] = FitStatus.AT_BOUND
    return found, report
