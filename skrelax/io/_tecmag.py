"""Tecmag files (.tnt): echo trains, and rows of them over a table of delays."""

import re

import numpy as np

from ._files import DecayFileError
from ._nmrglue import finite_signals, read_with_nmrglue
from ._recording import Inner, Recording

_MAGIC = re.compile(rb"TNT1\.\d\d\d")
# How sequences call their echo spacing. The value of a variable is a text behind its
# name, each with its length before it, and an empty text between them.
_ECHO_NAMES = (b"Echo_Time", b"echo_time", b"EchoTime", b"TE", b"te", b"tE")
_PREFIXES = {b"": 1.0, b"s": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
# Delays may be of this many seconds.
_LONGEST = 1e4


def recognise(source):
    """Return whether a source is a Tecmag file."""
    return not source.is_folder and bool(_MAGIC.match(source.content()[:8]))


def read(source, options):
    """Return the Recording of a Tecmag file."""
    path = source.path

    def load(nmrglue):
        with source.as_file() as file:
            header, signals = nmrglue.tecmag.read(str(file))
            tables = getattr(nmrglue.tecmag, "guess_tables", lambda _: {})(str(file))
            # A map of the file would be gone with it.
            return header, np.array(signals), tables

    header, signals, tables = read_with_nmrglue(path, "a Tecmag file", load)
    signals = finite_signals(path, signals).squeeze(axis=(2, 3))
    wide, acquired = signals.shape[0], int(header["acq_points"])
    if acquired < 1 or wide % acquired:
        raise DecayFileError(
            f"{path}: expected echoes of acq_points = {acquired} points each, got "
            f"{wide} points."
        )
    dwell = float(np.ravel(header["dwell"])[0])
    # Rows first, then echoes, then the points of an echo.
    rows = signals.T.reshape(signals.shape[1], wide // acquired, acquired)
    n_rows, n_echoes, _ = rows.shape
    names, points, kernels, notes = [], [], [], []
    if n_rows > 1:
        names.append("TI")
        points.append(_delays(path, tables, n_rows))
        kernels.append("T1")
    if n_echoes > 1:
        spacing = options.echo_spacing or _find_spacing(source.content())
        if spacing is None:
            raise DecayFileError(
                f"{path}: {n_echoes} echoes, but no echo spacing (Echo_Time) in the "
                "sequence; give it in seconds (echo_spacing, --echo-spacing)."
            )
        names.append("TE")
        points.append(spacing * np.arange(1, n_echoes + 1))
        kernels.append("T2")
        notes.append(f"{n_echoes} echoes every {1e6 * spacing:g} us")
    if not names:
        raise DecayFileError(
            f"{path}: a single free decay of {acquired} points, expected an echo train "
            "or a series of delays."
        )
    rows = rows.reshape(1, *(one.size for one in points), acquired)
    return Recording(
        format="tecmag",
        names=tuple(names),
        points=tuple(points),
        signals=rows,
        kernels=tuple(kernels),
        units=("s",) * len(names),
        inner=Inner("echo" if n_echoes > 1 else "fid", dwell),
        notes=notes,
        spaced=n_echoes > 1,
    )


def _find_spacing(content):
    """Return the echo spacing [s] that the variables of the sequence hold, or None."""
    for name in _ECHO_NAMES:
        start = len(name).to_bytes(4, "little") + name + bytes(4)
        place = content.find(start)
        if place < 0:
            continue
        place += len(start)
        length = int.from_bytes(content[place : place + 4], "little")
        text = content[place + 4 : place + 4 + min(length, 30)].strip(b"\0 ")
        match = re.fullmatch(rb"(\d*\.?\d+(?:[eE][-+]?\d+)?)\s*([munms]?)s?", text)
        if match and 0 < float(match[1]) * _PREFIXES[match[2]] < _LONGEST:
            return float(match[1]) * _PREFIXES[match[2]]
    return None


def _delays(path, tables, count):
    """Return the one table of the sequence that can be the delays of the rows."""
    found = {}
    for name, values in tables.items():
        try:
            values = np.asarray(values, dtype=np.float64)
        except (ValueError, TypeError):
            continue
        sound = np.isfinite(values).all() and (values >= 0).all()
        # Phases count in quarters; delays that are all equal are none.
        phase = set(values.tolist()) <= {0.0, 1.0, 2.0, 3.0}
        if values.shape == (count,) and sound and np.ptp(values) > 0 and not phase:
            found[name] = values
    if len(found) != 1:
        raise DecayFileError(
            f"{path}: {count} rows, but {len(found) or 'no'} tables of as many delays "
            f"in the sequence{': ' + ', '.join(found) if found else ''}."
        )
    return next(iter(found.values()))
