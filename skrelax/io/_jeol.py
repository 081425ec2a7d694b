"""JEOL Delta files (.jdf): free decays over a linear array of delays."""

import numpy as np

from ._files import DecayFileError
from ._nmrglue import finite_signals, read_with_nmrglue
from ._recording import Inner, Recording

_MAGICS = (b"JEOL.NMR", b"RMN.LOEJ")
# What experiments are called, as column and kernel. The first that fits decides.
_EXPERIMENTS = (
    (("cpmg", "t2", "hahn"), ("TE", "T2")),
    (("saturation", "satrec"), ("TS", "T1-SR")),
    (("t1rho", "t1_rho"), ("TSL", "T1rho")),
    (("double_pulse", "inversion", "t1", "recovery"), ("TI", "T1")),
)


def recognise(source):
    """Return whether a source is a JEOL file."""
    return not source.is_folder and source.content()[:8] in _MAGICS


def read(source, options):
    """Return the Recording of a JEOL file with an array of delays."""
    path = source.path

    def load(nmrglue):
        if not hasattr(nmrglue, "jeol"):
            raise ImportError(
                f"{path}: reading JEOL files needs nmrglue 0.12: pip install "
                '"nmrglue>=0.12".'
            )
        with source.as_file() as file:
            return nmrglue.jeol.read(str(file))

    header, signals = read_with_nmrglue(path, "a JEOL file", load)
    if not isinstance(signals, np.ndarray) or signals.ndim != 2 or len(signals) < 2:
        raise DecayFileError(
            f"{path}: expected free decays over an array of delays, got "
            f"{np.shape(signals)} points."
        )
    signals = finite_signals(path, signals)
    head, settings = header["header"], header["parameters"]
    if head["data_axis_ranged"][1] != "ranged":
        raise DecayFileError(
            f"{path}: the delays are a list, which nmrglue does not read; save them "
            "with the integrals as text."
        )
    low, high = head["data_axis_start"][1], head["data_axis_stop"][1]
    width = settings.get("x_sweep", 0.0)
    if not (np.isfinite([low, high]).all() and 0 <= low < high and 0 < width < 1e12):
        raise DecayFileError(
            f"{path}: delays from {low:g} to {high:g} s and a spectral width of "
            f"{width:g} Hz make no sense."
        )
    name = str(settings.get("experiment", "unknown")).lower()
    column, kernel = next(
        (found for parts, found in _EXPERIMENTS if any(one in name for one in parts)),
        ("time", None),
    )
    return Recording(
        format="jeol",
        names=(column,),
        points=(np.linspace(low, high, len(signals)),),
        signals=signals[None],
        kernels=None if kernel is None else (kernel,),
        units=("s",),
        inner=Inner("fid", 1.0 / width),
        notes=[f"experiment {name}"],
    )
