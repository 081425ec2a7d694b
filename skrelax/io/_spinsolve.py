"""Inversion-recovery CPMG data of Magritek Spinsolve spectrometers."""

import numbers
from dataclasses import dataclass

import numpy as np

from ._files import as_numbers, as_path, shown
from ._spinsolve_folder import read_experiment

# Windows of compressed echoes that are more than any data need.
_MOST_WINDOWS = 1_000_000
# Numbers whose sums stay in range.
_LARGEST_SUMMED = 1e290


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

    Raises
    ------
    ValueError
        If shapes do not match each other, or times are not finite.
    TypeError
        If a part is of another kind.
    """

    inversion_times: np.ndarray
    echo_times: np.ndarray
    echoes: np.ndarray
    parameters: dict

    def __post_init__(self):
        """Check that the parts fit each other."""
        for name in ("inversion_times", "echo_times"):
            times = as_numbers(getattr(self, name), name, finite=True)
            if times.ndim != 1:
                raise ValueError(f"{name} must have one axis, got {times.shape}.")
            object.__setattr__(self, name, times)
        echoes = as_numbers(self.echoes, "echoes", complex_allowed=True)
        expected = self.inversion_times.size, self.echo_times.size
        if echoes.shape != expected:
            raise ValueError(f"echoes must have shape {expected}, got {echoes.shape}.")
        object.__setattr__(self, "echoes", echoes)
        if not isinstance(self.parameters, dict):
            raise TypeError(f"parameters must be a dict, got {shown(self.parameters)}.")


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
    path = as_path(path)
    if parameters is not None:
        parameters = as_path(parameters, "parameters")
    found = read_experiment(path, parameters or path.with_name("acqu.par"))
    if found.kernels != ("T1-IR", "T2"):
        raise ValueError(
            f"{path}: expected an inversion recovery followed by echoes, got "
            f"{' and '.join(found.kernels)}; read_decay reads it."
        )
    inversion_times, echo_times = found.points
    return EchoGrid(inversion_times, echo_times, found.signals[0], found.settings)


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

    Raises
    ------
    ValueError
        If the signal is empty or not finite.
    TypeError
        If the signal has no numbers.

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
    signal = as_numbers(signal, "signal", complex_allowed=True, finite=True)
    signal = signal.astype(np.complex128)
    if signal.size == 0 or signal.ndim == 0:
        raise ValueError(f"signal must be an array with values, got {signal.shape}.")
    # Scaled by a power of two, which changes no digit, squares stay in range.
    size = max(np.abs(signal.real).max(), np.abs(signal.imag).max())
    exponent = np.frexp(size)[1]
    scaled = np.ldexp(signal.real, -exponent) + 1j * np.ldexp(signal.imag, -exponent)
    phase = 0.5 * np.angle((scaled**2).sum())
    rotated = signal * np.exp(-1j * phase)
    last = rotated[-1] if rotated.ndim > 1 else rotated
    if np.ldexp(last.real, -exponent).sum() < 0:
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
        If times do not increase, shapes do not match, or values are not finite.
    TypeError
        If arrays are no real numbers, or `n_windows` no integer.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.io import compress_echoes
    >>> times, means, weights = compress_echoes(np.arange(1, 9), np.ones(8), 4)
    >>> weights
    array([2., 2., 4.])
    """
    times = as_numbers(echo_times, "echo_times", finite=True)
    signals = as_numbers(signals, "signals", finite=True)
    if times.ndim != 1 or times.size == 0:
        raise ValueError(
            f"echo_times must have one axis and one echo at least, got {times.shape}."
        )
    if signals.ndim == 0 or signals.shape[-1] != times.size:
        raise ValueError(
            f"signals must end in {times.size} echoes to match echo_times, got shape "
            f"{signals.shape}."
        )
    for name, values in (("echo_times", times), ("signals", signals)):
        if np.abs(values).max(initial=0.0) > _LARGEST_SUMMED:
            raise ValueError(
                f"{name} must not exceed {_LARGEST_SUMMED:g}, so that they can be "
                "summed."
            )
    if (times[1:] <= times[:-1]).any():
        raise ValueError("echo_times must increase.")
    if not isinstance(n_windows, numbers.Integral) or isinstance(n_windows, bool):
        raise TypeError(f"n_windows must be an integer, got {shown(n_windows)}.")
    if n_windows < 1:
        raise ValueError(f"n_windows must be at least 1, got {shown(n_windows)}.")
    if n_windows > _MOST_WINDOWS:
        raise ValueError(
            f"n_windows must be at most {_MOST_WINDOWS}, got {shown(n_windows)}."
        )
    edges = np.geomspace(1.0, times.size + 1.0, n_windows + 1) - 1.0
    starts = np.unique(np.floor(edges[:-1] + 1e-9).astype(int))
    weights = np.diff(np.append(starts, times.size)).astype(np.float64)
    means = np.add.reduceat(signals, starts, axis=-1) / weights
    return np.add.reduceat(times, starts) / weights, means, weights
