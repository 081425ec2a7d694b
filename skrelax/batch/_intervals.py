"""How sure the numbers of each distribution of a table are."""

import hashlib
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ..metrics._peaks import peak_parts_of_each
from ..uncertainty import OfEstimator
from ..uncertainty._bootstrap import resample
from ..uncertainty._functionals import Custom, named_functionals
from ..uncertainty._methods import METHODS as _METHODS
from ..uncertainty._methods import choose_method
from ..uncertainty._resampling import Draws, Resampling
from ..uncertainty._result import BIAS_AWARE, BOUNDS, std_of
from ..uncertainty._scales import SCALES, split_scale
from ..utils._answers import answering, fitted_distributions
from ..utils._inspect import find_builder
from ..utils._remember import remembering
from ..utils._warnings import collect_warnings

# That of nonlinear fits, whose parameters have no other.
PROFILE = "profile"
METHODS = ("auto", PROFILE, *_METHODS)
_WITHOUT_REFITS = (BIAS_AWARE, *BOUNDS)
# Columns of a number besides its own.
_PARTS = ("lower", "upper", "stderr", "status")
# Numbers that peaks have, and others may have as well; names of axes may follow.
_OF_PEAKS = ("amplitude", "share", "log_mean", "ratio")


class WrongCallError(ValueError):
    """An error that all groups have, so that it is one of the call."""


class Intervals(NamedTuple):
    """What is asked of each group besides its fit."""

    n_bootstrap: int
    """Refits of each group, 0 for none."""
    method: str | None
    """Method of the intervals, None where none are asked for."""
    level: float
    """Level of the intervals."""
    numbers: dict | None
    """Functions and scales by name, None for all that have a name."""
    min_share: float
    """Smallest share of a peak that is listed."""

    @property
    def parts(self):
        """Columns that each number gets."""
        parts = _PARTS if self.method else ("stderr",)
        return [part for part in parts if self.n_bootstrap or part != "stderr"]


def check_numbers(given):
    """Return {name: (function or None, scale)} of the numbers asked for, or None.

    A function is None for a number that goes by its name.
    """
    if given is None:
        return None
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise TypeError(
            f"numbers must be names, or a dict of names and functions, got {given!r}."
        )
    pairs = given if isinstance(given, dict) else dict.fromkeys(map(_as_text, given))
    if not pairs:
        raise ValueError("numbers must name at least one number, got none.")
    found = {}
    for name, value in pairs.items():
        function, scale = split_scale(value)
        if isinstance(given, dict) and not callable(function):
            raise TypeError(
                "numbers must have a Share, LogMean, TimeRatio, Amplitude or function, "
                f"or a pair of a function and a scale, got {name!r}: {value!r}."
            )
        if scale is not None and (not isinstance(scale, str) or scale not in SCALES):
            raise ValueError(
                f"numbers must have scales among {list(SCALES)}, got {scale!r} for "
                f"{name!r}."
            )
        found[_as_text(name)] = function, scale
    for name in found:
        owner, _, part = name.rpartition(" ")
        if owner in found and part in _PARTS:
            raise ValueError(
                f"numbers must have names that are not those of columns, got {name!r}, "
                f"a column of {owner!r}."
            )
    return found


def _as_text(name):
    """Return the name of a number, or raise."""
    if not isinstance(name, str):
        raise TypeError(f"numbers must have text for names, got {name!r}.")
    if not name:
        raise ValueError("numbers must have names, got an empty one.")
    return name


def seeds_of_groups(keys, random_state):
    """Return a seed (n_groups,) for each group, which its labels decide.

    So neither other groups of the table matter nor their order, nor who fits which.
    """
    if random_state is None:
        return np.random.default_rng().integers(2**32, size=len(keys))
    seeds = np.empty(len(keys), dtype=np.int64)
    for k, labels in enumerate(keys.itertuples(index=False, name=None)):
        text = repr([int(random_state), *map(_text_of, labels)])
        digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
        seeds[k] = int.from_bytes(digest, "little")
    return seeds


def _text_of(label):
    """Return a label as text, the same in every container and for every kind of nan."""
    if pd.api.types.is_scalar(label) and pd.isna(label):
        return "nan"
    return str(label.item() if isinstance(label, np.generic) else label)


def describe_intervals(fitted, estimator, X, Y, weight, asked, seeds, columns):
    """Return columns (n_signals,) of errors and intervals of a fit to signals Y.

    Keys are names, or (number of the peak, name); `columns` are those of the fit.
    """
    out = {}
    if not _is_possible(fitted, asked):
        return out
    for name, (function, _) in (asked.numbers or {}).items():
        if function is not None:
            check_free(name, columns)
            _column(out, name, "", Y.shape[1])
        for part in asked.parts:
            _column(out, _key_of(name, part, columns), part, Y.shape[1])
    found = fitted_distributions(fitted)
    peaks = peak_parts_of_each(found.rows, found.grids, asked.min_share)
    given = fitted, estimator, X, Y, weight
    noise = columns["noise"]
    functions = [function for function, _ in (asked.numbers or {}).values()]
    alone = any(isinstance(function, OfEstimator) for function in functions)
    # Numbers of estimators are those of what the caller gave, fitted to one signal.
    alone |= answering(fitted)._has_refits
    make = _refitting if alone else _resampling
    with remembering({}):
        for k, result in make(*given, asked, noise, seeds):
            for name, row in _rows_of(result, asked, columns, peaks[k]).items():
                _fill(out, name, row, k, (asked, columns, Y.shape[1]))
    return out


def _refitting(fitted, estimator, X, Y, weight, asked, noise, seeds):
    """Yield number and UncertaintyResult of signals of which each is fitted again."""
    for k, y in enumerate(Y.T):
        for draws in _tries(fitted, y, asked, noise[k]):
            try:
                result = resample(estimator, X, y, draws, weight, int(seeds[k]))
            except ValueError:
                # Its errors are not known, but the fit is sound.
                continue
            yield k, result
            break


def _resampling(fitted, estimator, X, Y, weight, asked, noise, seeds):
    """Yield number and UncertaintyResult of signals whose refits share calls."""
    inner, K = _behind_kernel(fitted, estimator, X)
    w = np.ones(len(Y)) if weight is None else weight
    fits = Resampling(fitted, X, inner, K, Y, weight, w)
    for part in fits.parts(asked.n_bootstrap):
        drawn = []
        for k in range(part.start, part.stop):
            for draws in _tries(fitted, Y[:, k], asked, noise[k]):
                try:
                    drawn.append(fits.draw(k, draws, int(seeds[k])))
                except ValueError:
                    # Too few points for residuals: the fit is sound, its errors are
                    # not known.
                    continue
                break
        # What these calls warn of is of signals that nobody measured.
        with collect_warnings():
            samples = _refit(fits, drawn)
        for one, rows in zip(drawn, samples, strict=True):
            if rows is not None:
                yield one.place, fits.result(one, rows, asked.level)


def _refit(fits, drawn):
    """Return the refits of each Drawn of a Resampling, None where they fail."""
    if not drawn:
        return []
    try:
        return list(fits.refit(drawn))
    except ValueError:
        # One of them must not take those of the others with it.
        if len(drawn) == 1:
            return [None]
        return [_refit(fits, [one])[0] for one in drawn]


def _behind_kernel(fitted, estimator, X):
    """Return an estimator and its input, past steps that all signals share."""
    front = fitted.steps[:-1] if isinstance(fitted, Pipeline) else []
    shared = [getattr(step, "_ignores_signals", False) for _, step in front]
    if not front or not all(shared):
        return estimator, X
    return estimator[-1], fitted[:-1].transform(X)


def _fill(out, name, row, k, given):
    """Write a row of a number of signal k into columns."""
    (asked, columns, n_signals), (estimate, *values) = given, row
    if name in out:
        out[name][k] = estimate
    for part, value in zip(_PARTS, values, strict=True):
        if part in asked.parts and value is not None:
            key = _key_of(name, part, columns)
            _column(out, key, part, n_signals)[k] = value


def _is_possible(fitted, asked):
    """Return whether there are numbers; raise if intervals of none are asked for."""
    last = answering(fitted)
    why = None
    if asked.method == PROFILE:
        why = f"a {type(last).__name__} has no profile likelihood; take 'auto'"
    elif not last._tells_distributions:
        why = f"a {type(last).__name__} fits no distributions"
        why += "; take 'profile'" if "intervals" in last._map_columns else ""
    elif not last._has_refits and find_builder(fitted) is None:
        why = "the estimator has no fixed KernelBuilder, so its bins are no times"
    elif not fitted_distributions(fitted).has_times:
        why = "an axis of the grid has no relaxation times"
    if asked.method is None:
        return why is None
    if why is not None:
        raise WrongCallError(f"intervals={asked.method!r} cannot be made: {why}.")
    method = None if asked.method == "auto" else asked.method
    try:
        method, _ = choose_method(fitted, method, np.ones(1), None)
    except ValueError as error:
        raise WrongCallError(f"intervals: {error}") from error
    if asked.n_bootstrap == 0 and method not in _WITHOUT_REFITS:
        raise WrongCallError(
            f"n_bootstrap must be at least 2 for intervals={asked.method!r}, which are "
            f"made of refits here (method {method!r}), got 0."
        )
    return True


def _tries(fitted, y, asked, noise):
    """Yield the Draws of a signal, the next ones where the first are not possible."""
    tries = [(asked.method, None)]
    if asked.method in (None, "auto"):
        method, _ = choose_method(fitted, None, y, None)
        known = ("parametric", noise) if np.isfinite(noise) else ("residual", None)
        if answering(fitted)._has_refits:
            # It draws its own noise.
            known = ("parametric", None)
        # Of bias-aware refits only peaks have numbers, and all have errors.
        fits = BOUNDS if asked.method is None else _WITHOUT_REFITS
        tries = [(method, None), known] if method in fits else [known]
    for method, noise_std in tries:
        if asked.n_bootstrap or method in _WITHOUT_REFITS:
            noise_std = None if noise_std is None else float(noise_std)
            yield Draws(asked.n_bootstrap, method, noise_std, asked.level)


def _rows_of(result, asked, columns, peaks):
    """Return {name: [estimate, lower, upper, standard error, status]} of a result."""
    named = result._named(peaks)
    rows = {}
    if asked.numbers is None:
        for name, functional in named.items():
            # Bins of several axes may have numbers that the fit does not tell.
            if _owner_of(name, columns) in columns:
                rows[name] = _row_of(result, functional, asked)
        return rows
    for name, (function, scale) in asked.numbers.items():
        try:
            if function is not None:
                functional = result._find(function, scale)
            elif name in named:
                functional = named[name]
            else:
                _check_name(name, result.axes)
                continue
            if isinstance(functional, Custom) and result.method in _WITHOUT_REFITS:
                raise ValueError(
                    f"it must be a name, Share, LogMean, TimeRatio or Amplitude for "
                    f"{result.method!r}; take 'unpenalised' for other functions."
                )
            rows[name] = _row_of(result, functional, asked)
        except (TypeError, ValueError) as error:
            raise WrongCallError(f"numbers[{name!r}]: {error}") from error
    return rows


def _row_of(result, functional, asked):
    """Return the row of a number, with None for what it cannot have."""
    if asked.method is None:
        # Bounds take time, and nobody asks for them.
        values = result._values(functional)
        return [values[0], None, None, std_of(values[1:]), None]
    # What bounds say of refits costs as much as bounds, which nobody asked for.
    row = result._row(functional, asked.level, by_bounds=False)
    if result.method in _WITHOUT_REFITS and functional._weights(result.axes) is None:
        return [row[0], None, None, row[3], None]
    return row


def _check_name(name, axes):
    """Raise unless some distribution on these axes may have a number of this name."""
    known = list(named_functionals(axes, []))
    head, _, tail = name.rpartition("_")
    of_peak = head in {*_OF_PEAKS, *(n for n in known if n.startswith(_OF_PEAKS))}
    if name not in known and not (of_peak and tail.isdigit()):
        raise ValueError(
            f"it must be one of {known}, or of a peak, such as 'share_0'; a dict has "
            "functions for others."
        )


def check_free(name, columns):
    """Raise if a number has the name of a column."""
    # How well signals are fitted is told last.
    if name in (*columns, "score") or _owner_of(name, columns) in columns:
        raise WrongCallError(
            f"numbers must have names that are not those of columns, got {name!r}."
        )


def _owner_of(name, columns):
    """Return the key of a number among the columns of a fit."""
    head, _, tail = name.rpartition("_")
    # Numbers at the end may also be those of axes: "log_mean_T2_0".
    if tail.isdigit() and name not in columns and (int(tail), head) in columns:
        return int(tail), head
    return name


def _key_of(name, part, columns):
    """Return the key of a part of a number."""
    owner = _owner_of(name, columns)
    return (owner[0], f"{owner[1]} {part}") if owner != name else f"{name} {part}"


def _column(out, key, part, n_signals):
    """Return a column, with nothing in it where it is new."""
    if key not in out:
        out[key] = np.full(n_signals, np.nan)
        if part == "status":
            out[key] = np.full(n_signals, None, dtype=object)
    return out[key]
