"""Decays from the files of instruments and archives."""

import warnings

import numpy as np
import pandas as pd

from ._doubts import doubt_axes, doubt_shape
from ._files import DecayFileError, as_path, shown
from ._formats import check_format, read_recording
from ._options import (
    check_flags,
    check_phase,
    check_region,
    make_options,
    without_effect,
)
from ._recording import Measurement
from ._steps import (
    noise_of,
    phase_signal,
    reduce_points,
    settle_recovery,
    unsettled,
)
from ._table import RelaxationTable


def read_decay(
    path,
    format=None,
    *,
    column=None,
    pairs=None,
    echo_spacing=None,
    average=True,
    region=None,
    phase=True,
    allow_negative=False,
    allow_external=False,
):
    r"""Read acquisition points and one or more signals from a file or a folder.

    Parameters
    ----------
    path : str or path-like
        Recognised by its content, also where it is compressed by gzip:

        - ``"text"``: columns separated by commas, semicolons, tabs or blanks, the
          times (or b values) first, then one or more signals, in UTF-8, UTF-16 or
          Latin-1, with decimal points or commas. Lines of text may come before the
          numbers; lines that start with ``#``, ``%``, ``//`` or ``;`` are comments;
        - ``"matrix"``: text with the points of two axes along its edges, whose corner
          names both, ``TI/TE`` for example, or with a row for each pair of them, below
          a header such as ``TI (ms),TE (ms),signal``;
        - ``"csdm"``: one dimension, two of times or b values, or one of these and a
          spectrum, whose points are the signals then;
        - ``"minispec"`` (``.dps``), ``"geospec"`` text;
        - ``"spinsolve"``: a folder with ``acqu.par`` and a file of data;
        - ``"tecmag"`` (``.tnt``), ``"bruker"`` (a folder of TopSpin), ``"varian"`` (a
          folder), ``"jeol"`` (``.jdf``), through nmrglue.
    format : str or None, default=None
        One of these names; None recognises it.
    column : str or None, default=None
        Name of the acquisition column in the result, for example ``"TE"``, of files
        with one axis. None keeps the name of the file, or ``"time"``.
    pairs : bool or None, default=None
        Whether columns of text are real and imaginary channels in turn; None asks the
        header.
    echo_spacing : float or None, default=None
        Time between echoes, or of one loop of a ``vclist`` [s], also where text
        counts echoes. None takes that of the file.
    average : bool, default=True
        Whether the points that were acquired of each echo are averaged; if not, the
        middle one is taken.
    region : (float, float) or None, default=None
        Part of the spectrum of free decays that is integrated [Hz]. None takes all.
    phase : bool or float, default=True
        Whether complex signals are rotated onto the real axis, see
        :func:`correct_phase`, or the phase to remove [degrees]. Without it the real
        channel is taken as it is.
    allow_negative : bool, default=False
        Whether acquisition points may be negative.
    allow_external : bool, default=False
        Whether a CSDM file may point to values that are not in its own folder: at a
        URL, which is fetched, or in any file, which is read. Files in its own folder
        are read without it; a link in there that leads elsewhere is elsewhere.

    Returns
    -------
    RelaxationTable
        Signals and acquisition in the order of the file; of two axes a row of
        `acquisition` per point, the second axis fastest. ``measurement`` tells the
        format, the kernels that belong to the experiment, units, and what was done;
        of complex signals ``samples`` holds the phase [degrees] and the noise level
        of the imaginary channel, ``noise_std``.

    Raises
    ------
    DecayFileError
        If the file cannot be read, is cut short, empty, has a single column, text
        where a number should be, NaN, infinite values, rows of different length, or
        negative points, a first column that only counts, or points to values
        elsewhere.
    ValueError
        If `format` is unknown, or `region` does not fit the file.
    TypeError
        If an argument is of another kind.
    ImportError
        If a CSDM file is read without csdmpy, or a binary one without nmrglue.

    Warns
    -----
    UserWarning
        If times are implausible for the unit that the file gives, a unit or a header
        is not understood, a decay grows or is none, an inversion recovery falls, the
        phase does not settle, or an argument has no effect.

    Notes
    -----
    Times are in seconds and b values in s/m² where the file says a unit, by its format
    or in a header such as ``Time (ms)``; numbers without a unit are taken as they are,
    and distributions come out in the same unit.

    Binary files and CSDM files are checked before anything that they claim is
    allocated. Equal names of signals are numbered.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skrelax.io import read_decay
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "decay.csv"
    ...     _ = path.write_text("TE (ms);signal\n0,1;1,0\n0,2;0,5\n")
    ...     table = read_decay(path)
    >>> table.acquisition["TE"].tolist()
    [0.0001, 0.0002]
    >>> table.measurement.kernels
    ('T2',)
    """
    path = as_path(path)
    if not (column is None or isinstance(column, str)):
        raise TypeError(f"column must be a str or None, got {shown(column)}.")
    check_flags(average=average, allow_negative=allow_negative)
    check_format(format)
    options = make_options(pairs, echo_spacing, allow_external)
    phase, region = check_phase(phase), check_region(region)
    found = read_recording(path, format, options)
    found.marks.extend(without_effect(found, options, average, phase))
    found = reduce_points(found, average, region, phase)
    _check_points(path, found, allow_negative)
    if column is not None and len(found.points) > 1:
        raise DecayFileError(
            f"{path}: column is for files with one axis, got {len(found.points)}."
        )
    table = _as_table(found, phase, column)
    for text in found.marks:
        warnings.warn(f"{path}: {text}", stacklevel=2)
    return table


def _check_points(path, found, allow_negative):
    """Raise an error where points are not finite, or negative and must not be."""
    for name, points in zip(found.names, found.points, strict=True):
        if not np.isfinite(points).all():
            raise DecayFileError(f"{path}: {name or 'an axis'} is not finite.")
        if not allow_negative and (points < 0).any():
            row = int(np.argmax(points < 0))
            where, words = path, ""
            if found.lines is not None:
                where = f"{path}:{found.lines[row]}"
                words = "; they are the first column"
            raise DecayFileError(
                f"{where}: times must not be negative, got {points[row]:g}{words}."
            )


def _as_table(found, phase, column):
    """Return the table of a Recording, with what was done in its measurement."""
    notes, marks = list(found.notes), found.marks
    signals, samples = _real_signals(found, phase, notes, marks)
    kernels, names, note = settle_recovery(found.kernels, found.names, signals[0])
    notes += [note] if note else []
    if column is not None:
        names = (column,)
    grid = np.meshgrid(*found.points, indexing="ij")
    acquisition = pd.DataFrame(
        {
            name or f"axis {axis}": values.ravel()
            for axis, (name, values) in enumerate(zip(names, grid, strict=True))
        }
    )
    _doubt(found, kernels, names, signals, samples)
    index = pd.Index(found.labels, name="signal")
    samples = pd.DataFrame(samples, index=index)
    if found.frequencies is not None:
        samples["frequency"] = found.frequencies
    return RelaxationTable(
        pd.DataFrame(signals.reshape(len(signals), -1), index=index),
        acquisition,
        samples,
        measurement=Measurement(
            found.format, kernels, found.units or ("",) * len(names), tuple(notes)
        ),
    )


def _real_signals(found, phase, notes, marks):
    """Return real signals and a dict of their phases and noise levels."""
    if not np.iscomplexobj(found.signals):
        return found.signals, {}
    whole = found.signals
    if found.frequencies is not None:
        # One phase for all points of a spectrum: its lines have one sign.
        whole = whole.reshape(1, -1)
    real, phases, noise = [], [], []
    for signal in whole:
        one, imaginary, degrees = phase_signal(
            signal,
            found.points,
            found.kernels,
            phase if found.phase is None else None,
        )
        degrees = degrees if found.phase is None else found.phase
        real.append(one)
        phases.append(degrees)
        noise.append(found.noise_std or noise_of(imaginary))
        asked = phase is not None and found.phase is None
        text = unsettled(signal, one, imaginary) if asked else None
        if text:
            marks.append(text)
    if phase is None:
        notes.append("real channel as it is, no phase removed")
    else:
        notes.append(f"phase of {phases[0]:.1f} degrees removed")
    where = "end of the free decays" if found.noise_std else "imaginary channel"
    notes.append(f"noise {noise[0]:.3g} by the {where}")
    count = len(found.signals) // len(real)
    return np.array(real).reshape(found.signals.shape), {
        "phase": np.repeat(phases, count),
        "noise_std": np.repeat(noise, count),
    }


def _doubt(found, kernels, names, signals, samples):
    """Add what looks wrong to the marks of a Recording."""
    marks = found.marks
    marks += doubt_axes(names, found.points, found.units, kernels)
    if len(names) > 1 or found.frequencies is not None:
        return
    kernel = None if kernels is None else kernels[0]
    noise = samples.get("noise_std", np.full(len(signals), np.nan))
    for signal, level in zip(signals, noise, strict=True):
        text = doubt_shape(found.points[0], signal, kernel, level)
        if text:
            marks.append(text)
            break
