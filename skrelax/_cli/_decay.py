"""A decay on its way from a file to the inversion, each step said."""

import warnings

import numpy as np
import pandas as pd

from ..datasets import make_decay
from ..io import compress_echoes, read_decay
from ..io._doubts import doubt_shape
from ..io._options import check_phase
from ..io._steps import phase_signal
from ..signals import InversionRecovery, resolve_model
from ._choices import LARGEST, SMALLEST
from ._points import check_name, check_times, is_negative, take_unit

# Points above which a decay is averaged in windows, and their number.
_MANY, _WINDOWS = 1_000, 256
# Folds where nothing else is asked for, and the fewest points that lower them.
_FOLDS, _FEWEST = 5, 8
# Simulated data of the kernels: times, peaks (centre, width in decades, share).
_SIMULATIONS = {
    "diffusion": (np.linspace(1e7, 1.5e9, 40), ((2e-9, 0.05, 0.7), (3e-10, 0.1, 0.3))),
    "default": (np.geomspace(1e-4, 3.0, 60), ((3e-3, 0.15, 0.4), (0.1, 0.2, 0.6))),
}


def read_table(arguments):
    """Return the RelaxationTable of a file, read as the options say."""
    return read_decay(
        arguments.file,
        arguments.format,
        pairs=arguments.complex,
        echo_spacing=arguments.echo_spacing,
        average=not arguments.no_average,
        region=arguments.region,
        phase=arguments.phase,
        allow_external=arguments.allow_external,
    )


def simulate(arguments):
    """Return what `load` returns, of simulated data with their truth."""
    kind = arguments.kernel if arguments.kernel in _SIMULATIONS else "default"
    times, peaks = _SIMULATIONS[kind]
    kernel = arguments.kernel
    if kernel == "T1-IR":
        kernel = InversionRecovery(efficiency=1.8)
    data = make_decay(
        kernel, times, peaks=peaks, noise_std=2e-3, random_state=arguments.seed
    )
    column = resolve_model(arguments.kernel).acquisition_columns[0]
    truth = data.relaxation_times, data.distribution
    return _data(
        pd.DataFrame({column: data.X[:, 0]}), pd.DataFrame({"signal": data.y}), truth
    )


def load(arguments, table, signed=False):
    """Return a dict of what is inverted, sorted and checked.

    X and y are frames, ``weight`` holds the points of each window or None, ``truth``
    is None, ``noise_std`` has a level for each signal, nan where none is known, and
    ``words`` says what was done. With `signed`, signals may have any sign and shape.
    """
    X, y = table.by_point()
    column = resolve_model(arguments.kernel).acquisition_columns[0]
    (unit,) = table.measurement.units
    check_name(
        f"{arguments.file}: the first column",
        str(X.columns[0]),
        unit,
        arguments.kernel,
        column,
        way_out="choose another --kernel, or rename the column if it is meant.",
    )
    take_unit(arguments, [unit])
    X = X.set_axis([column], axis=1)
    y = y.to_frame() if isinstance(y, pd.Series) else y
    if not signed:
        arguments.folds = _folds(arguments, len(X))
    order = np.argsort(X[column].to_numpy(), kind="stable")
    X = X.iloc[order].reset_index(drop=True)
    y = y.iloc[order].reset_index(drop=True)
    if not (X[column] > 0).any():
        raise ValueError(f"{arguments.file}: all times are zero.")
    if X[column].nunique() < 2:
        raise ValueError(
            f"{arguments.file}: all times are {X[column][0]:g}, expected several."
        )
    _check_sizes(arguments, X, y)
    limits = arguments.minimum, arguments.maximum
    check_times(
        arguments.file, arguments.kernel, X[column].to_numpy(), limits, arguments.unit
    )
    if not signed:
        _check_signs(arguments, y)
    if not signed and table.measurement.kernels != (arguments.kernel,):
        _check_shapes(arguments, X[column].to_numpy(), y, table)
    data = _data(X, y)
    if "noise_std" in table.samples:
        data["noise_std"] = table.samples["noise_std"].to_numpy()
    data["words"] = [reading_words(table)]
    return _compress(arguments, data, column)


def reading_words(table, without=()):
    """Return in one line how a file was read, but for notes that start so."""
    measurement = table.measurement
    notes = [one for one in measurement.notes if not one.startswith(tuple(without))]
    start = f"read as {measurement.format}"
    return f"{start}: {'; '.join(notes)}" if notes else start


def _data(X, y, truth=None):
    noise_std = np.full(y.shape[1], np.nan)
    return {
        "X": X, "y": y, "truth": truth, "weight": None, "noise_std": noise_std,
        "words": [],
    }  # fmt: skip


def _folds(arguments, n_points):
    """Return the number of folds, or raise where points are too few for them."""
    folds = arguments.folds or _FOLDS
    if arguments.folds is None and _FEWEST <= n_points < 2 * folds:
        return n_points // 2
    if n_points < 2 * folds:
        most = n_points // 2
        way_out = f"give --folds {most}" if most > 1 else "expected at least 4"
        raise ValueError(
            f"{arguments.file}: {n_points} points are too few for {folds} folds, "
            f"{way_out}."
        )
    return folds


def _check_sizes(arguments, X, y):
    """Refuse numbers that no instrument writes and no inversion can square."""
    times = X.to_numpy()
    tops = y.abs().max()
    for what, values in (("times", times[times > 0]), ("signals", tops[tops > 0])):
        if len(values) and not SMALLEST <= min(values) <= max(values) <= LARGEST:
            raise ValueError(
                f"{arguments.file}: {what} must be from {SMALLEST:g} to {LARGEST:g}, "
                f"got {min(values):g} to {max(values):g}."
            )


def _check_signs(arguments, y):
    """Refuse signals that no positive distribution explains, or name them."""
    zero = [name for name in y if not y[name].any()]
    constant = [name for name in y if name not in zero and y[name].nunique() == 1]
    if constant and y.shape[1] > 1:
        warnings.warn(
            f"column {constant[0]!r} is {y[constant[0]].iloc[0]:g} throughout: where "
            "it is no signal, remove it, since all signals share one strength",
            stacklevel=2,
        )
    negative = []
    if arguments.kernel != "T1-IR":
        negative = [name for name in y if is_negative(y[name])]
    if not zero and not negative:
        return
    first = [*zero, *negative][0]
    if zero:
        text = f"signal {first!r} is zero throughout"
    else:
        text = (
            f"signal {first!r} is negative, from {y[first].min():g} to "
            f"{y[first].max():g}: {arguments.kernel} has positive amplitudes; turn its "
            "sign, or correct its phase"
        )
    if len(zero) + len(negative) == y.shape[1]:
        raise ValueError(f"{arguments.file}: {text}.")
    warnings.warn(
        f"{len(zero) + len(negative)} of {y.shape[1]} signals cannot be inverted: "
        f"{text}",
        stacklevel=2,
    )


def _check_shapes(arguments, times, y, table):
    """Say where a signal is none of its kernel, which the file did not know."""
    noise = table.samples.get("noise_std", pd.Series(np.nan, y.columns)).to_numpy()
    for (name, signal), level in zip(y.items(), noise, strict=True):
        text = doubt_shape(times, signal.to_numpy(), arguments.kernel, level)
        if text:
            warnings.warn(f"{arguments.file}: {name}: {text}", stacklevel=2)
            return


def _compress(arguments, data, column):
    """Average a long decay in windows, with their number of points as weights."""
    times, count = data["X"][column].to_numpy(), len(data["X"])
    windows = arguments.windows
    if windows is None:
        windows = _WINDOWS if count > _MANY else 0
    if not windows or count <= windows:
        return data
    if (np.diff(times) <= 0).any():
        data["words"].append(f"{count} points, some of them repeated: none averaged")
        return data
    signals = data["y"].to_numpy().T
    centres, means, weight = compress_echoes(times, signals, windows)
    off = window_error(times, windows)
    data["words"].append(
        f"{count} points averaged in {weight.size} windows, which bends decays by at "
        f"most {off:.0e} of their amplitude"
    )
    data["X"] = pd.DataFrame({column: centres})
    data["y"] = pd.DataFrame(means.T, columns=data["y"].columns)
    data["weight"] = weight
    return data


def phase_plane(signals, phase):
    """Return both channels of signals over two axes, and the phase [degrees]."""
    return phase_signal(signals, None, None, check_phase(phase))


def window_error(times, n_windows):
    """Return how far means of exponentials in windows are from those at mean times."""
    # What decays within the first echoes is no longer there in wide windows.
    rates = 1.0 / np.geomspace(times[1] - times[0], times[-1], 200)
    decays = np.exp(-np.outer(rates, times))
    centres, means, _ = compress_echoes(times, decays, n_windows)
    return np.abs(means - np.exp(-np.outer(rates, centres))).max()
