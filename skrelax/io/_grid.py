"""Signals over two acquisition axes from the files that hold them."""

import re
from dataclasses import dataclass

import numpy as np

from ..utils._columns import read_name
from ._csdm import read_csdm_axes
from ._decay import (
    CSDM_SUFFIXES,
    check_decay_file,
    content_lines,
    read_number,
    splitter,
)
from ._files import DecayFileError, as_numbers, as_path, shown
from ._spinsolve import read_spinsolve

# A corner that names both axes, with or without units: "TI (ms) / TE (ms)".
_NAME = r"([^\W\d_]+(?:\s*[(\[][^)\]]*[)\]])?)"
_CORNER = re.compile(rf"{_NAME}\s*[/\\|]\s*{_NAME}")
# Endings of the files of a Spinsolve with echoes.
_SPINSOLVE = (".dat", ".dat.gz")


@dataclass(frozen=True)
class SignalGrid:
    """Hold a signal on a grid of two acquisition axes.

    Parameters
    ----------
    names : tuple of (str, str)
        Names of the axes, ``"TI"`` and ``"TE"`` for example; ``""`` where the file
        does not tell.
    points : tuple of (ndarray of shape (n_1,), ndarray of shape (n_2,))
        Points of the axes [s, or s/m² for b values].
    signals : ndarray of shape (n_1, n_2)
        The signal, real or complex.

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

    def __post_init__(self):
        """Check that the parts fit each other."""
        names, points = self.names, self.points
        if (
            not isinstance(names, tuple | list)
            or len(names) != 2
            or not all(isinstance(name, str) for name in names)
        ):
            raise TypeError(f"names must be two strings, got {shown(names)}.")
        if not isinstance(points, tuple | list) or len(points) != 2:
            raise ValueError(f"points must be those of two axes, got {shown(points)}.")
        points = tuple(as_numbers(one, "points", finite=True) for one in points)
        signals = as_numbers(self.signals, "signals", complex_allowed=True, finite=True)
        shape = tuple(one.size for one in points)
        if any(one.ndim != 1 for one in points) or signals.shape != shape:
            raise ValueError(
                f"signals must have shape {shape} to match points, got {signals.shape}."
            )
        object.__setattr__(self, "names", tuple(names))
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "signals", signals)


def read_signal_grid(path, *, parameters=None, allow_external=False):
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
          ``TI (ms) / TE (ms)``, is taken for their names; others are passed over, and
          lines that start with ``#`` and empty ones as well.
    parameters : str, path-like or None, default=None
        The parameter file of a Spinsolve experiment. None takes ``acqu.par`` in the
        same folder, or the only file whose name ends so.
    allow_external : bool, default=False
        Whether a CSDM file may point to values outside of its folder, see
        :func:`read_decay`.

    Returns
    -------
    SignalGrid
        Names, points and signals. Text is taken in the unit of the file; other files
        give seconds, or s/m² for b values.

    Raises
    ------
    ValueError
        If a file is unreadable, has other axes, or no points along its edges.
    ImportError
        If a CSDM file is read without csdmpy.

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
    if not isinstance(allow_external, bool | np.bool_):
        raise TypeError(
            f"allow_external must be True or False, got {shown(allow_external)}."
        )
    if path.is_dir():
        path = _only(path, _SPINSOLVE, "echoes of a Spinsolve")
    if path.name.endswith(_SPINSOLVE):
        if parameters is None:
            there = path.with_name("acqu.par")
            if not there.is_file():
                there = _only(path.parent, ("acqu.par",), "parameters of a Spinsolve")
            parameters = there
        found = read_spinsolve(path, parameters)
        return SignalGrid(
            ("TI", "TE"), (found.inversion_times, found.echo_times), found.echoes
        )
    if parameters is not None:
        raise ValueError(
            f"parameters are those of a Spinsolve experiment, got {shown(parameters)} "
            f"beside {path}."
        )
    check_decay_file(path)
    if path.suffix.lower() in CSDM_SUFFIXES:
        axes, _, signals = read_csdm_axes(path, allow_external)
        if len(axes) != 2 or len(signals) != 1:
            raise DecayFileError(
                f"{path}: expected one signal over two dimensions, got {len(signals)} "
                f"over {len(axes)}."
            )
        names, points = zip(*axes, strict=True)
        return SignalGrid(names, points, signals[0])
    return _read_matrix(path)


def _only(folder, endings, what):
    """Return the one file of a folder with one of some endings."""
    found = sorted(one for one in folder.iterdir() if one.name.endswith(endings))
    if len(found) != 1:
        raise ValueError(
            f"{folder}: expected one file with the {what} (*{' or *'.join(endings)}), "
            f"found {', '.join(one.name for one in found) or 'none'}."
        )
    return found[0]


def _read_matrix(path):
    """Return the SignalGrid of a text matrix with points along its edges."""
    lines = content_lines(path)
    split = splitter(lines[-1][1])
    rows = [(number, split(line)) for number, line in lines]
    number, edge = rows[0]
    width = len(rows[-1][1])
    if len(rows) < 3 or width < 3:
        raise DecayFileError(
            f"{path}: expected a matrix of two points at least along each axis, with "
            f"the points along its edges, got {len(rows)} lines of {width} entries."
        )
    # A corner that is blank is no entry where blanks separate.
    has_corner = len(edge) == width
    names = _read_corner(edge[0]) if has_corner else ("", "")
    edge = edge[1:] if has_corner else edge
    if len(edge) != width - 1:
        raise DecayFileError(
            f"{path}:{number}: expected the {width - 1} points of the second axis, got "
            f"{len(edge)} entries."
        )
    second = np.array(_numbers(path, number, edge, int(has_corner)))
    matrix = []
    for number, entries in rows[1:]:
        if len(entries) != width:
            raise DecayFileError(
                f"{path}:{number}: expected {width} entries as below, got "
                f"{len(entries)}."
            )
        matrix.append(_numbers(path, number, entries))
    matrix = np.array(matrix)
    first = matrix[:, 0]
    for where, points in (("first line", second), ("first column", first)):
        # Signals in their place turn somewhere, or are negative.
        wrong = np.append(points[0] < 0, np.diff(points) <= 0)
        if wrong.any():
            at = int(wrong.argmax())
            before = f" after {points[at - 1]:g}" if at else ""
            raise DecayFileError(
                f"{path}: the {where} must hold the points of an axis, increasing and "
                f"not negative, got {points[at]:g}{before}; is an edge missing? If "
                "not, sort the points."
            )
    return SignalGrid(names, (first, second), matrix[:, 1:])


def _read_corner(text):
    """Return the names of both axes in a corner, or empty ones."""
    match = _CORNER.fullmatch(text.strip())
    names = match.groups() if match else ()
    # What a single b stands for is told by the other axis.
    known = [read_name(name)[0] or re.match("b\\W|b$", name) for name in names]
    return names if names and all(known) else ("", "")


def _numbers(path, line, entries, start=0):
    """Return finite numbers of the entries of a line, from a column on."""
    return [read_number(one, path, line, at) for at, one in enumerate(entries, start)]
