"""Signals over two acquisition axes from the files that hold them."""

import warnings
from dataclasses import dataclass

import numpy as np

from . import _spinsolve_folder
from ._doubts import doubt_axes
from ._files import DecayFileError, as_numbers, as_path, shown
from ._formats import check_format, check_there, read_recording, recognise
from ._options import check_flags, check_region, make_options, without_effect
from ._source import Source
from ._spinsolve import correct_phase
from ._steps import reduce_points, settle_recovery


@dataclass(frozen=True)
class SignalGrid:
    """Hold a signal on a grid of two acquisition axes.

    Parameters
    ----------
    names : (str, str)
        Names of the axes, ``"TI"`` and ``"TE"`` for example; ``""`` where the file
        does not tell.
    points : (ndarray of shape (n_1,), ndarray of shape (n_2,))
        Points of the axes [s, or s/m² for b values].
    signals : ndarray of shape (n_1, n_2)
        The signal, real or complex.
    units : (str, str), default=("", "")
        Units of the points, ``"s"`` or ``"s/m²"``; ``""`` where the file does not tell.

    Raises
    ------
    ValueError
        If shapes do not match each other, or numbers are not finite.
    TypeError
        If a part is of another kind.
    """

    names: tuple
    points: tuple
    signals: np.ndarray
    units: tuple = ("", "")

    def __post_init__(self):
        """Check that the parts fit each other."""
        points = self.points
        for what in ("names", "units"):
            texts = getattr(self, what)
            if (
                not isinstance(texts, tuple | list)
                or len(texts) != 2
                or not all(isinstance(text, str) for text in texts)
            ):
                raise TypeError(f"{what} must be two strings, got {shown(texts)}.")
            object.__setattr__(self, what, tuple(texts))
        if not isinstance(points, tuple | list) or len(points) != 2:
            raise ValueError(f"points must be those of two axes, got {shown(points)}.")
        points = tuple(as_numbers(one, "points", finite=True) for one in points)
        signals = as_numbers(self.signals, "signals", complex_allowed=True, finite=True)
        shape = tuple(one.size for one in points)
        if any(one.ndim != 1 for one in points) or signals.shape != shape:
            raise ValueError(
                f"signals must have shape {shape} to match points, got {signals.shape}."
            )
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "signals", signals)


def read_signal_grid(
    path,
    *,
    format=None,
    parameters=None,
    echo_spacing=None,
    average=True,
    region=None,
    allow_external=False,
):
    """Read a signal over two acquisition axes.

    Parameters
    ----------
    path : str or path-like
        One of

        - the folder of a Spinsolve experiment, or its file with echoes (``.dat``,
          ``.dat.gz``), see :func:`read_spinsolve`;
        - a CSDM file (``.csdf``, ``.csdfe``) with two dimensions and one signal;
        - text with the points of the second axis in the first line, and in each further
          line a point of the first axis and the signals there, separated by commas,
          semicolons, tabs or blanks. A corner that names both axes, as ``TI/TE`` or
          ``TI (ms) / TE (ms)``, is taken for their names and units; others are passed
          over, and lines that start with ``#`` and empty ones as well;
        - text with a row for each pair of points: two columns that a header names as
          axes, as ``TI (ms),TE (ms),signal``, in any order, and the signal, or its real
          and imaginary parts;
        - another file over two axes that :func:`read_decay` knows.
    format : str or None, default=None
        Name of the format, see :func:`read_decay`; None recognises it.
    parameters : str, path-like or None, default=None
        The parameter file of a Spinsolve experiment. None takes ``acqu.par`` in the
        same folder, or the only file whose name ends so.
    echo_spacing : float or None, default=None
        Time between echoes [s]. None takes that of the file.
    average : bool, default=True
        Whether the points of each echo are averaged; if not, the middle one is taken.
    region : (float, float) or None, default=None
        Part of the spectrum of free decays that is integrated [Hz]. None takes all.
    allow_external : bool, default=False
        Whether a CSDM file may point to values outside of its folder, see
        :func:`read_decay`.

    Returns
    -------
    SignalGrid
        Names, points and signals. Text without a unit is taken as it is; other files
        give seconds, or s/m² for b values.

    Raises
    ------
    ValueError
        If a file is unreadable, has other axes, or no points along its edges.
    ImportError
        If a CSDM file is read without csdmpy.

    Warns
    -----
    UserWarning
        If points are implausible for the unit that the file gives, or an argument has
        no effect.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skrelax.io import read_signal_grid
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "T1T2.csv"
    ...     _ = path.write_text("TI/TE,0.01,0.02\\n0.1,-0.5,-0.4\\n1.0,0.9,0.7\\n")
    ...     grid = read_signal_grid(path)
    >>> grid.points[1].tolist(), grid.signals.shape
    ([0.01, 0.02], (2, 2))
    """
    path = as_path(path)
    check_flags(average=average)
    check_format(format)
    options = make_options(None, echo_spacing, allow_external)
    region = check_region(region)
    check_there(path)
    source = Source(path)
    if parameters is not None:
        if not source.is_folder and not source.name.endswith(".dat"):
            raise ValueError(
                f"parameters are those of a Spinsolve experiment, got "
                f"{shown(parameters)} beside {path}."
            )
        parameters = as_path(parameters, "parameters")
        data = _spinsolve_folder.find_data(source)
        found = _spinsolve_folder.read_experiment(data, parameters)
    else:
        format = format or recognise(source)
        # A table of text is the matrix whose corner says nothing.
        format = "matrix" if format == "text" else format
        found = read_recording(path, format, options)
    found.marks.extend(without_effect(found, options, average))
    found = reduce_points(found, average, region)
    if len(found.points) != 2 or len(found.signals) != 1:
        raise DecayFileError(
            f"{path}: expected one signal over two dimensions, got "
            f"{len(found.signals)} over {len(found.points)}."
        )
    (signal,) = found.signals
    real = correct_phase(signal)[0] if np.iscomplexobj(signal) else signal
    kernels, names, _ = settle_recovery(found.kernels, found.names, real)
    doubts = doubt_axes(names, found.points, found.units, kernels)
    for text in [*found.marks, *doubts]:
        warnings.warn(f"{path}: {text}", stacklevel=2)
    return SignalGrid(names, found.points, signal, found.units or ("", ""))
