"""What a map holds of each voxel: kinds of columns, their names and numbers."""

from typing import NamedTuple

import numpy as np

from ..nonlinear import FitStatus
from ..uncertainty._refits import take_statistics
from ..utils._answers import answering, chosen_settings
from ..utils._inspect import find_builder


class Column(NamedTuple):
    """Columns of one kind."""

    names: list
    """A name for each."""
    values: np.ndarray
    """Their numbers, (n_signals, n_names)."""


class Options(NamedTuple):
    """How columns are made."""

    only_converged: bool
    """Whether parameters of other fits are nan."""
    level: float
    """Level of intervals."""
    statistics: dict
    """Functions of distributions and their scales, {name: (function, scale)}."""


def check_include(include, fitted):
    """Return the kinds of columns to map, in their order, or raise ValueError."""
    last = answering(fitted)
    if include is None:
        return last._default_columns
    known = last._map_columns
    unknown = [name for name in include if name not in known]
    if unknown or not include:
        raise ValueError(
            f"include must name some of {list(known)}, got {list(include)}."
        )
    return tuple(name for name in known if name in include)


def map_columns(fitted, include, options, acquisition, signals, known=None):
    """Return {kind: Column} of a fit to signals (n_points, n_signals).

    `known` are the values that were known in it.
    """
    last = answering(fitted)
    found = last._own_columns(options.only_converged)
    if found is not None:
        if "intervals" in include:
            measured = acquisition, signals, known
            found["intervals"] = last._interval_columns(measured, *options[:2])
        return {kind: Column(*found[kind]) for kind in include}
    make = {
        "distribution": lambda: _distribution(fitted),
        "statistics": lambda: _statistics(fitted, options.statistics),
        "settings": lambda: _settings(fitted, signals.shape[1]),
        "baseline": lambda: _baseline(last, signals.shape[1]),
        "residual": lambda: _residual(fitted, acquisition, signals),
        "noise": lambda: _noise(last, signals.shape[1]),
        "status": lambda: Column(["status"], status_codes(fitted)[:, None]),
    }
    return {kind: make[kind]() for kind in include}


def status_codes(fitted):
    """Return a FitStatus for each signal, (n_signals,)."""
    last = answering(fitted)
    codes = last._codes()
    if codes is not None:
        return np.asarray(codes)
    rows = last._distributions().rows
    words, _ = last._convergence(len(rows))
    good = np.isin(words.astype(str), ("converged", "completed"))
    good &= np.isfinite(rows).all(axis=1)
    return np.where(good, FitStatus.CONVERGED, FitStatus.FAILED)


def _distribution(fitted):
    """Return the distributions, one bin after another."""
    builder, last = find_builder(fitted), answering(fitted)
    names = last._bin_names()
    if builder is not None:
        names = builder.get_feature_names_out()
    return Column(list(names), last._distributions().rows)


def _statistics(fitted, statistics):
    """Return numbers of each distribution."""
    values = take_statistics(statistics, fitted)
    return Column(list(statistics), np.where(np.isfinite(values), values, np.nan).T)


def _settings(fitted, n_signals):
    """Return what was chosen in the fit: strengths, settings of the kernel."""
    chosen = {
        name: values
        for name, values in chosen_settings(fitted, n_signals).items()
        if values.dtype != object
    }
    values = np.array(list(chosen.values())).reshape(len(chosen), n_signals)
    return Column(list(chosen), values.T)


def _baseline(last, n_signals):
    """Return the baselines, if there are any."""
    baseline = last._baselines()
    if baseline is None:
        return Column([], np.empty((n_signals, 0)))
    return Column(["baseline"], np.full(n_signals, baseline)[:, None])


def _residual(fitted, acquisition, signals):
    """Return the root mean square of residuals."""
    found = answering(fitted)._root_residuals()
    if found is None:
        is_rician = answering(fitted)._is_rician
        predict = fitted.predict_magnitude if is_rician else fitted.predict
        rest = np.reshape(predict(acquisition), signals.shape) - signals
        found = np.sqrt(np.mean(rest**2, axis=0))
    return Column(["residual"], found[:, None])


def _noise(last, n_signals):
    """Return the noise that fits found, if they did."""
    noise = last._noise_found()
    if noise is None:
        return Column([], np.empty((n_signals, 0)))
    return Column(["noise_std"], noise[:, None])
