"""Binary files of spectrometers through nmrglue, with one error for what it says."""

import traceback

import numpy as np

from ..utils._warnings import silenced
from ._files import DecayFileError, reason

# More points than any file of a decay holds.
_MOST_POINTS = 1 << 28


def read_with_nmrglue(path, what, read):
    """Return read(nmrglue), or raise with the file and what is wrong with it."""
    try:
        import nmrglue
    except ImportError as error:
        raise ImportError(
            f'{path}: reading {what} needs nmrglue: pip install "skrelax[nmr]".'
        ) from error
    # That a pulse program is not there, and how NumPy is called, are no news.
    with silenced():
        try:
            return read(nmrglue)
        except (DecayFileError, ImportError):
            raise
        except Exception as error:  # of any kind where bytes are missing
            text = reason(error) if str(error) else "its parts do not fit each other"
            # Files that are still open there are closed, which warns.
            traceback.clear_frames(error.__traceback__)
        raise DecayFileError(f"{path}: not {what}, or cut short ({text}).")


def finite_signals(path, signals):
    """Return a complex array, or raise where it is empty or not finite."""
    signals = np.asarray(signals)
    if signals.size == 0 or signals.size > _MOST_POINTS:
        raise DecayFileError(f"{path}: expected a signal, got {signals.size} points.")
    signals = signals.astype(np.complex128)
    if not np.isfinite(signals).all():
        raise DecayFileError(f"{path}: NaN or infinite values in the signal.")
    return signals
