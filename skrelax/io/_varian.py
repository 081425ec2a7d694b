"""Varian and Agilent experiments: free decays over one arrayed parameter."""

import numpy as np

from ._files import DecayFileError
from ._nmrglue import finite_signals, read_with_nmrglue
from ._recording import Inner, Recording

# What is arrayed in relaxation experiments, as column and kernel.
_ARRAYED = {
    "d2": ("TI", "T1"),
    "tau": ("TE", "T2"),
    "bt": ("TE", "T2"),
    "bigtau": ("TE", "T2"),
    "bigtau_us": ("TE", "T2"),
    "d1": ("TS", "T1-SR"),
    "te": ("TE", "T2"),
    "ti": ("TI", "T1"),
    "tsl": ("TSL", "T1rho"),
}


def recognise(source):
    """Return whether a source is a folder of Varian or Agilent, or a file of one."""
    if source.is_folder:
        return {"fid", "procpar"} <= set(source.names())
    there = (source.path.parent / "procpar").is_file()
    return source.path.name in ("fid", "procpar") and there


def read(source, options):
    """Return the Recording of an arrayed experiment."""
    path = source.path if source.is_folder else source.path.parent

    def load(nmrglue):
        header, signals = nmrglue.varian.read(str(path), as_2d=True)
        if header["nblocks"] * header["ntraces"] != len(np.atleast_2d(signals)):
            raise ValueError("fewer rows than the header says")
        return header["procpar"], signals

    settings, signals = read_with_nmrglue(path, "an Agilent experiment", load)
    signals = np.atleast_2d(finite_signals(path, signals))
    names = [name for name in _values(settings, "array") if name]
    if len(names) != 1 or "," in names[0] or names[0] not in settings:
        raise DecayFileError(
            f"{path}: expected one arrayed parameter in procpar, got "
            f"{', '.join(names) or 'none'}."
        )
    name = names[0]
    try:
        points = np.array([float(value) for value in _values(settings, name)])
        width = float(_values(settings, "sw")[0])
    except (ValueError, IndexError):
        raise DecayFileError(
            f"{path}: procpar must hold numbers in {name} and sw."
        ) from None
    if len(points) != len(signals):
        raise DecayFileError(
            f"{path}: {len(points)} values of {name}, but {len(signals)} rows in fid."
        )
    if not np.isfinite(points).all() or not 0 < width < 1e12:
        raise DecayFileError(f"{path}: {name} and sw must be finite, sw positive.")
    column, kernel = _ARRAYED.get(name, ("time", None))
    sequence = (_values(settings, "seqfil") or ["unknown"])[0]
    return Recording(
        format="varian",
        names=(column,),
        points=(points,),
        signals=signals[None],
        kernels=None if kernel is None else (kernel,),
        units=("s",),
        inner=Inner("fid", 1.0 / width),
        notes=[f"sequence {sequence}", f"arrayed {name}"],
    )


def _values(settings, name):
    return list(settings.get(name, {}).get("values", []))
