"""What the reader of a format hands on, before anything is done to the signal."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ._files import shown


class ReadOptions(NamedTuple):
    """What a caller knows of a file that the file may not say."""

    pairs: bool | None = None
    """Whether columns are real and imaginary channels in turn; None asks the file."""
    echo_spacing: float | None = None
    """Time between echoes, or of one loop [s]."""
    allow_external: bool = False
    """Whether a CSDM file may point elsewhere."""


class Inner(NamedTuple):
    """What the last axis of signals is, where more was acquired than one point."""

    kind: str
    """``"echo"``: points around the middle of an echo; ``"fid"``: a free decay."""
    dwell: float
    """Time between points [s]."""


@dataclass
class Recording:
    """Signals as a file has them."""

    format: str
    """Name of the format."""
    names: tuple
    """Name of each acquisition axis."""
    points: tuple
    """Points of each axis, in `units`."""
    signals: np.ndarray
    """Signals (n_signals, n_1, ...), and inner points last; real or complex."""
    kernels: tuple | None = None
    """What the file says about the experiment: a kernel per axis."""
    units: tuple = ()
    """Unit of each axis: s, s/m², or empty where the file does not tell."""
    labels: tuple = ("signal",)
    """Name of each signal."""
    inner: Inner | None = None
    """What the inner points are."""
    notes: list = field(default_factory=list)
    """What was found and done, a sentence each."""
    lines: list | None = None
    """Number of the line of each point, in text."""
    phase: float | None = None
    """Phase that was removed already [degrees]."""
    noise_std: float | None = None
    """Noise of a point, where more than its imaginary part tells."""
    frequencies: np.ndarray | None = None
    """Coordinates of the signals where they are points of a spectrum."""
    settings: dict = field(default_factory=dict)
    """Entries of the parameter file, where a reader keeps them."""
    marks: list = field(default_factory=list)
    """What looks wrong, a sentence each."""
    spaced: bool = False
    """Whether an echo spacing that is asked for has an effect."""


@dataclass(frozen=True)
class Measurement:
    """Hold what a file says about an experiment, and what its reader did.

    Parameters
    ----------
    format : str
        Name of the format, as ``read_decay(format=...)`` takes it.
    kernels : tuple of str or None, default=None
        The signal model of each axis, where the file says which experiment it was.
    units : tuple of str, default=()
        Unit of each axis, ``"s"`` or ``"s/m²"``; empty text where the file does not
        tell.
    notes : tuple of str, default=()
        What was found and done, a sentence each.

    Raises
    ------
    TypeError
        If a part is of another kind.
    """

    format: str
    kernels: tuple | None = None
    units: tuple = ()
    notes: tuple = ()

    def __post_init__(self):
        """Check the kinds of the parts."""
        if not isinstance(self.format, str):
            raise TypeError(f"format must be a str, got {shown(self.format)}.")
        for name in ("kernels", "units", "notes"):
            value = getattr(self, name)
            if value is None and name == "kernels":
                continue
            if not isinstance(value, tuple | list) or not all(
                isinstance(one, str) for one in value
            ):
                raise TypeError(f"{name} must be strings, got {shown(value)}.")
            object.__setattr__(self, name, tuple(value))
