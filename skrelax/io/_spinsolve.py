"""Inversion-recovery CPMG data of Magritek Spinsolve spectrometers."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class EchoGrid:
    """Hold complex echoes on a grid of inversion and echo times.

    Parameters
    ----------
    inversion_times : ndarray of shape (n_inversions,)
        Inversion times [s].
    echo_times : ndarray of shape (n_echoes,)
        Echo times [s].
    echoes : ndarray of shape (n_inversions, n_echoes)
        Complex signal.
    parameters : dict
        All entries of the parameter file, numbers as float.
    """

    inversion_times: np.ndarray
    echo_times: np.ndarray
    echoes: np.ndarray
    parameters: dict


def read_spinsolve(path, parameters=None):
    """Read an inversion-recovery CPMG experiment of a Spinsolve.

    Parameters
    ----------
    path : str or path-like
        Text file, also gzipped: one row per inversion time, comma-separated,
        real and imaginary parts in turn.
    parameters : str, path-like or None, default=None
        The ``acqu.par`` of the experiment. None takes the file of this name in
        the same folder.

    Returns
    -------
    EchoGrid
        Times in seconds and complex echoes.

    Raises
    ------
    ValueError
        If a file is unreadable or its numbers do not fit each other; the text
        starts with the file (and line).

    Notes
    -----
    The parameter file gives delays in milliseconds (``minTau``, ``maxTau``,
    ``tauSteps``, ``logspace``) and the echo time in microseconds.
    """
    path = Path(path)
    parameters = path.with_name("acqu.par") if parameters is None else Path(parameters)
    settings = _read_parameters(parameters)
    rows = _read_rows(path)
    values = [settings.get(name) for name in ("minTau", "maxTau", "tauSteps")]
    if any(
        not isinstance(value, float) for value in (*values, settings.get("echoTime"))
    ):
        raise ValueError(
            f"{parameters}: minTau, maxTau, tauSteps and echoTime must be numbers."
        )
    low, high, steps = values
    space = np.geomspace if settings.get("logspace") == "yes" else np.linspace
    inversion_times = 1e-3 * space(low, high, int(steps))
    if rows.shape[0] != inversion_times.size or rows.shape[1] % 2:
        raise ValueError(
            f"{path}: expected {inversion_times.size} rows of pairs of numbers, got "
            f"{rows.shape[0]} rows of {rows.shape[1]}."
        )
    echoes = rows[:, 0::2] + 1j * rows[:, 1::2]
    echo_times = 1e-6 * settings["echoTime"] * np.arange(1, echoes.shape[1] + 1)
    return EchoGrid(inversion_times, echo_times, echoes, settings)


def _open_text(path):
    return gzip.open(path, "rt") if path.suffix == ".gz" else path.open()


def _read_parameters(path):
    """Return the ``name = value`` lines of a parameter file."""
    settings = {}
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read ({error}).") from error
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals:
            continue
        value = value.strip()
        try:
            settings[name.strip()] = float(value)
        except ValueError:
            settings[name.strip()] = value.strip('"')
    return settings


def _read_rows(path):
    """Return comma-separated rows of one length."""
    rows = []
    try:
        with _open_text(path) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    row = [float(part) for part in line.strip().strip(",").split(",")]
                except ValueError as error:
                    raise ValueError(f"{path}:{number}: {error}.") from None
                if not np.isfinite(row).all():
                    raise ValueError(f"{path}:{number}: NaN or infinite value.")
                if rows and len(row) != len(rows[0]):
                    raise ValueError(
                        f"{path}:{number}: expected {len(rows[0])} numbers, got "
                        f"{len(row)}."
                    )
                rows.append(row)
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise ValueError(f"{path}: cannot be read ({error}).") from error
    if not rows:
        raise ValueError(f"{path}: no data.")
    return np.array(rows)


def correct_phase(signal):
    """Rotate a complex signal onto the real axis.

    Parameters
    ----------
    signal : array-like of complex
        Any shape; one phase is removed from all.

    Returns
    -------
    real : ndarray
        The real channel after the rotation, positive where the signal with the
        largest magnitude sum is.
    imaginary : ndarray
        The other channel: noise, and what a constant phase cannot remove.
    phase : float
        The phase that was removed [degrees].

    Notes
    -----
    The phase is half the angle of the sum of squares, which a change of sign along
    an inversion recovery does not disturb. The half turn that is left open is
    chosen so that the last row (all of a 1-D signal) has a positive sum: it is the
    most recovered one.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.io import correct_phase
    >>> real, imaginary, phase = correct_phase(np.array([2.0, 1.0]) * 1j)
    >>> real.round(6), round(phase)
    (array([2., 1.]), 90)
    """
    signal = np.asarray(signal, dtype=np.complex128)
    phase = 0.5 * np.angle((signal**2).sum())
    rotated = signal * np.exp(-1j * phase)
    last = rotated[-1] if rotated.ndim > 1 else rotated
    if last.real.sum() < 0:
        phase += np.pi
        rotated = -rotated
    degrees = (np.rad2deg(phase) + 180.0) % 360.0 - 180.0
    return rotated.real, rotated.imag, float(degrees)


def compress_echoes(echo_times, signals, n_windows=64):
    """Average echoes in windows of growing width.

    Parameters
    ----------
    echo_times : array-like of shape (n_echoes,)
        Times of the echoes, increasing.
    signals : array-like of shape (..., n_echoes)
        Real signals, one train per row.
    n_windows : int, default=64
        Largest number of windows; they are spaced evenly on a log axis, and
        never narrower than an echo.

    Returns
    -------
    times : ndarray of shape (n_kept,)
        Mean time of each window.
    means : ndarray of shape (..., n_kept)
        Mean signal of each window.
    weights : ndarray of shape (n_kept,)
        Number of echoes in each window: the variance of a mean is that of an echo
        divided by it, so it is the ``sample_weight`` of the inversion.

    Raises
    ------
    ValueError
        If times do not increase or shapes do not match.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.io import compress_echoes
    >>> times, means, weights = compress_echoes(np.arange(1, 9), np.ones(8), 4)
    >>> weights
    array([2., 2., 4.])
    """
    times = np.asarray(echo_times, dtype=np.float64)
    signals = np.asarray(signals, dtype=np.float64)
    if times.ndim != 1 or signals.shape[-1] != times.size:
        raise ValueError(
            f"signals must end in {times.size} echoes to match echo_times, got shape "
            f"{signals.shape}."
        )
    if (np.diff(times) <= 0).any():
        raise ValueError("echo_times must increase.")
    if n_windows < 1:
        raise ValueError(f"n_windows must be at least 1, got {n_windows}.")
    edges = np.geomspace(1.0, times.size + 1.0, n_windows + 1) - 1.0
    starts = np.unique(np.floor(edges[:-1] + 1e-9).astype(int))
    weights = np.diff(np.append(starts, times.size)).astype(np.float64)
    means = np.add.reduceat(signals, starts, axis=-1) / weights
    return np.add.reduceat(times, starts) / weights, means, weights
