"""The voxels of one chunk: fitted together, and alone where that fails."""

import re
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from ..nonlinear import FitStatus
from ..utils._answers import answering, answers
from ..utils._frames import take_rows
from ..utils._inspect import (
    argument_options,
    choosing_for_each,
    final_step,
    find_builder,
)
from ..utils._missing import fill_missing, split_by_points
from ..utils._warnings import collect_warnings, texts_of_signals
from ._outputs import Options, map_columns, status_codes

# What a fit raises for the sake of its numbers.
_FAILURES = ValueError, ArithmeticError, np.linalg.LinAlgError


class Job(NamedTuple):
    """What is done to all voxels."""

    estimator: object
    """The estimator, fitted to one voxel."""
    acquisition: object
    """Its acquisition."""
    names: dict
    """Names of the columns of each kind that is mapped, {kind: list}."""
    options: Options
    """How columns are made."""


class Rows(NamedTuple):
    """What became of the voxels of a chunk."""

    values: np.ndarray
    """Columns of the map, (n_voxels, n_outputs)."""
    status: np.ndarray | None
    """Statuses of which a warning counts those that are wrong, or None."""
    told: dict
    """Texts and numbers of warnings, {kind: (text, number)}."""
    n_tried: int
    """Number of voxels that were fitted."""
    errors: list
    """What fits of voxels alone have raised."""


def map_rows(job, X, mask=None, known=None):
    """Return Rows of voxels X (n_voxels, n_points).

    `mask` (n_voxels,) says which are fitted, `known` are values {name: (n_voxels,)},
    the name being None where there is one value alone.
    """
    last, X = answering(job.estimator), np.asarray(X)
    status = np.full(len(X), FitStatus.FAILED, dtype=np.int8)
    tried = np.ones(len(X), dtype=bool)
    if mask is not None:
        tried &= mask
        status[~mask] = FitStatus.MASKED
    if not last._takes_missing:
        missing = np.isnan(X)
        filled = fill_missing(X, missing) if missing.any() else X
        empty = ~filled.any(axis=1)
        status[tried & empty] = FitStatus.NO_SIGNAL
        tried &= ~empty
        tried[tried] = _usable(filled[tried], last._takes_constant)
    places = np.flatnonzero(tried)
    shared = choosing_for_each(job.estimator)
    # A choice of strengths would be one for all voxels of a fit.
    chooses = shared is None and any(
        name.split("__")[-1] == "cv" for name in job.estimator.get_params()
    )
    fresh = job.estimator if shared is None else shared
    out = np.full((len(X), sum(map(len, job.names.values()))), np.nan)
    tell, errors = status.copy(), []
    if chooses:
        waiting = list(places[:, None])
    elif last._takes_missing:
        waiting = [places] if places.size else []
    else:
        parts = split_by_points(missing[places])
        waiting = [places[members] for _, members in parts]
    with collect_warnings() as caught:
        while waiting:
            part = waiting.pop(0)
            signals, acquisition, one = X[part].T, job.acquisition, fresh
            rows = ~np.isnan(signals[:, 0])
            if not (rows.all() or last._takes_missing):
                signals, acquisition = signals[rows], take_rows(acquisition, rows)
                one = _with_grid(fresh, job.estimator)
            try:
                here = _known_of(known, part)
                fitted = _fit(job, one, acquisition, signals, here)
                columns = map_columns(
                    fitted, job.names, job.options, acquisition, signals, here
                )
            except _FAILURES as error:
                # One voxel must not take the others with it.
                if part.size == 1:
                    errors.append(error)
                else:
                    middle = part.size // 2
                    waiting[:0] = [part[:middle], part[middle:]]
                continue
            out[part] = _aligned(columns, job.names)
            status[part] = status_codes(fitted)
            codes = answering(fitted)._codes_to_tell()
            tell[part] = status[part] if codes is None else codes
    if "status" in job.names:
        # It is the last kind of all.
        out[:, -1] = status
    has_codes = last._codes() is not None
    told = _texts(caught, has_codes, places.size)
    for error in errors:
        text = f"a voxel cannot be fitted: {error}"
        merge(told, {_kind(UserWarning, text): (text, 1)})
    return Rows(out, tell if has_codes else None, told, places.size, errors)


def merge(told, more):
    """Add texts and counts of warnings by kind to those of a dict."""
    for kind, (text, count) in more.items():
        first, before = told.get(kind, (text, 0))
        told[kind] = first, before + count


def _with_grid(estimator, fitted):
    """Return an estimator with the bins that were drawn from all points."""
    last, builder = final_step(fitted), find_builder(fitted)
    if "grids" in last.get_params() and hasattr(last, "grids_"):
        grids, ending = list(last.grids_), "grids"
    elif builder is not None and builder.get_params().get("grid", 0) is None:
        grids, ending = builder.relaxation_times_, "grid"
    else:
        return estimator
    names = [name for name in estimator.get_params() if name.split("__")[-1] == ending]
    if len(names) != 1:
        return estimator
    return clone(estimator).set_params(**{names[0]: grids})


def _known_of(known, part):
    """Return what is known of some of the voxels, as fits take it."""
    if known is None:
        return None
    here = {name: values[part] for name, values in known.items()}
    return here.get(None, here)


def _fit(job, fresh, acquisition, signals, known):
    """Return the estimator, fitted to signals (n_points, n_signals) of voxels."""
    again = answers(job.estimator)._fit_others(signals, known)
    if again is not None:
        return again
    options = {} if known is None else argument_options(fresh, "known", known)
    return clone(fresh).fit(acquisition, signals, **options)


def _aligned(columns, names):
    """Return the numbers of columns in the order of names {kind: list}."""
    parts = []
    for kind, wanted in names.items():
        column = columns[kind]
        if kind == "settings":
            # What was chosen for one voxel may not have been for another.
            found = dict(zip(column.names, column.values.T, strict=True))
            nothing = np.full(len(column.values), np.nan)
            parts += [found.get(name, nothing)[:, None] for name in wanted]
        elif column.names == wanted:
            parts.append(column.values)
        else:
            raise ValueError(
                f"estimator gives {kind} with columns {wanted} for one voxel and "
                f"{column.names} for another; search settings that keep them."
            )
    return np.concatenate(parts, axis=1)


def _texts(caught, has_codes, n_signals):
    """Return texts and numbers of warnings by kind; of voxels they differ by digits."""
    told = {}
    for warning in caught:
        # Statuses are counted once for all chunks.
        if has_codes and isinstance(warning, ConvergenceWarning):
            continue
        texts = texts_of_signals(warning, n_signals) or {0: str(warning)}
        for text in texts.values():
            merge(told, {_kind(type(warning), text): (text, 1)})
    return told


def _kind(category, text):
    """Return what warnings have in common that differ by their numbers."""
    return category, re.sub(r"\d[\d.e+-]*", "#", text)


def _usable(X, takes_constant):
    """Return which voxels (n_voxels, n_points) an inversion can take."""
    with np.errstate(invalid="ignore", over="ignore"):
        largest = np.abs(X).max(axis=1)
        usable = (largest <= 1e100) & (largest >= 1e-100)
        if not takes_constant:
            usable &= (X[:, :1] != X).any(axis=1)
    return usable
