"""Experiments of Magritek Spinsolve spectrometers: a data file beside acqu.par."""

import re

import numpy as np

from ._files import DecayFileError, shown
from ._nmrglue import finite_signals, read_with_nmrglue
from ._recording import Inner, Recording
from ._source import Source
from ._spinsolve_text import read_parameters, read_rows

_PARAMETERS = "acqu.par"
# More points of an axis than a file holds.
_MOST = 1 << 26
# Endings of data files; those that come first are preferred.
_ENDINGS = ((".dat", ".dat.gz"), (".csv",), (".1d",))
# Pictures and spectra that the software writes beside the data.
_OTHERS = re.compile(r"(spectrum|nmr_fid|fid_)", re.IGNORECASE)
# Gyromagnetic ratios [rad/s/T], CODATA 2018 and the IUPAC table of 2001.
_GAMMA = {
    "1H": 267.52218744e6, "19F": 251.815e6, "31P": 108.394e6, "13C": 67.2828e6,
    "7LI": 103.977e6, "23NA": 70.808e6, "2H": 41.0663e6, "11B": 85.847e6,
}  # fmt: skip
# How far the first column may be from the axis that the parameters make.
_NEAR, _ROUNDED = 0.02, 1e-4


def recognise(source):
    """Return whether a source is a Spinsolve experiment, or its file of data."""
    if source.is_folder:
        return any(name.endswith(_PARAMETERS) for name in source.names()) and any(
            _candidates(source, endings) for endings in _ENDINGS
        )
    if source.name.endswith(".dat"):
        return (
            source.path.with_name(_PARAMETERS).is_file()
            or len(_named_so(source.path.parent)) > 0
        )
    folder = Source(source.path.parent)
    there = [_candidates(folder, endings) for endings in _ENDINGS]
    # One table among others that happen to lie there is not that of the spectrometer.
    return (
        source.name.endswith((".csv", ".1d"))
        and [source.path.name] in there
        and not there[0]
        and _PARAMETERS in folder.names()
    )


def _named_so(folder):
    return sorted(one for one in folder.iterdir() if one.name.endswith(_PARAMETERS))


def _candidates(source, endings):
    return sorted(
        name
        for name in source.names()
        if name.lower().endswith(endings) and not _OTHERS.match(name)
    )


def read(source, options):
    """Return the Recording of a Spinsolve experiment."""
    path = find_data(source)
    parameters = path.with_name(_PARAMETERS)
    return read_experiment(
        path, parameters if parameters.is_file() else _only(path.parent)
    )


def find_data(source):
    """Return the file of data of an experiment."""
    if not source.is_folder:
        return source.path
    found = next((one for end in _ENDINGS if (one := _candidates(source, end))), [])
    if len(found) != 1:
        raise DecayFileError(
            f"{source.path}: expected one file with the echoes of a Spinsolve, found "
            f"{', '.join(found) or 'none'}."
        )
    return source.path / found[0]


def read_experiment(path, parameters):
    """Return the Recording of a file of data with its file of parameters."""
    if path.name.lower().endswith(".1d"):
        values = _binary(path)
    else:
        values = read_rows(path)
    settings = read_parameters(parameters)
    axes = _axes(parameters, settings, values.shape[1] // 2)
    points, signals, inner = _arrange(path, axes, values, settings)
    notes = [f"experiment {shown(settings.get('experiment', 'unknown'))}"]
    notes += [note for axis in axes for note in axis.get("notes", ())]
    return Recording(
        format="spinsolve",
        names=tuple(axis["name"] for axis in axes),
        points=tuple(points),
        signals=signals[None],
        kernels=tuple(axis["kernel"] for axis in axes),
        units=tuple("s/m²" if axis["name"] == "b" else "s" for axis in axes),
        inner=inner,
        notes=notes,
        settings=settings,
    )


def _only(folder):
    found = _named_so(folder)
    if len(found) != 1:
        raise DecayFileError(
            f"{folder}: expected one file with the parameters of a Spinsolve "
            f"(*{_PARAMETERS}), found {', '.join(one.name for one in found) or 'none'}."
        )
    return found[0]


def _binary(path):
    """Return one row of real and imaginary numbers in turn."""
    _, values = read_with_nmrglue(
        path,
        "a Spinsolve file",
        lambda nmrglue: nmrglue.spinsolve.read(str(path.parent), specfile=path.name),
    )
    return finite_signals(path, values).ravel().view(np.float64)[None]


def _axes(path, settings, n_echoes):
    """Return the axes of an experiment, a dict with name, kernel and points each.

    `n_echoes` are those of a row, where the parameters do not tell.
    """
    given = str(settings.get("experiment", ""))
    if not given and "minTau" in settings and "echoTime" in settings:
        given = "T1IRT2"
    name = re.sub(r"[^A-Z0-9]", "", given.upper())
    axes = []
    if name.startswith(("PG", "DT2", "DIFF", "D")) and not name.startswith("DEPT"):
        axes.append(_gradients(path, settings))
    elif "SR" in name or "SATREC" in name:
        axes.append(_delays(path, settings, "TS", "T1-SR"))
    elif "IR" in name:
        axes.append(_delays(path, settings, "TI", "T1-IR"))
    elif "T1" in name:
        axes.append(_delays(path, settings, "TI", "T1"))
    if name.endswith(("T2", "CPMG", "T2BULK")):
        spacing = 1e-6 * _positive(path, settings, "echoTime")
        count = n_echoes
        if "nrEchoes" in settings:
            count = _count(path, settings, "nrEchoes")
        axes.append({
            "name": "TE",
            "kernel": "T2",
            "points": spacing * np.arange(1, count + 1),
            "notes": [f"echoes every {1e6 * spacing:g} us"],
        })  # fmt: skip
    if not axes:
        raise DecayFileError(
            f"{path}: expected an experiment such as T1, T2, PGSTE, T1IRT2 or DT2, got "
            f"experiment = {shown(given)}."
        )
    return axes


def _count(path, settings, name):
    """Return a whole number of the parameter file that memory has room for."""
    value = settings.get(name)
    if not isinstance(value, float) or not 1 <= value <= _MOST or value % 1:
        raise DecayFileError(
            f"{path}: {name} must be a whole number from 1 to {_MOST}, got "
            f"{shown(value)}."
        )
    return int(value)


def _delays(path, settings, name, kernel):
    """Return the axis of delays, given in milliseconds."""
    low, high = (_positive(path, settings, key) for key in ("minTau", "maxTau"))
    space = np.geomspace if settings.get("logspace") == "yes" else np.linspace
    points = 1e-3 * space(low, high, _count(path, settings, "tauSteps"))
    return {"name": name, "kernel": kernel, "points": points}


def _gradients(path, settings):
    """Return the axis of b values [s/m²] of gradients that grow from zero.

    b = (gamma g delta)^2 (Delta - delta / 3), Stejskal and Tanner,
    doi:10.1063/1.1695690, with a gradient ramp counted into delta.
    """
    strength = 1e-3 * _positive(path, settings, "gradMax")
    share = settings.get("gradAmpPC", 100.0)
    if not isinstance(share, float) or not 0 < share <= 100:
        raise DecayFileError(
            f"{path}: gradAmpPC must be in (0, 100] per cent, got {shown(share)}."
        )
    strength *= share / 100.0
    steps = _count(path, settings, "nrSteps")
    big = 1e-3 * _positive(path, settings, "bDelta")
    little = 1e-3 * _positive(path, settings, "lDelta")
    ramp = settings.get("gradRamp", 0.0)
    little += 1e-3 * ramp if isinstance(ramp, float) and 0 < ramp < 1e3 else 0.0
    if not big > little / 3:
        raise DecayFileError(
            f"{path}: bDelta must be above a third of lDelta, got {1e3 * big:g} and "
            f"{1e3 * little:g} ms."
        )
    nucleus = str(settings.get("nucleus", "1H")).upper().split("-")[0]
    if nucleus not in _GAMMA:
        raise DecayFileError(
            f"{path}: the gyromagnetic ratio of {shown(nucleus)} is not known; there "
            f"are {', '.join(_GAMMA)}."
        )
    gradients = np.linspace(0.0, strength, steps)
    points = (_GAMMA[nucleus] * gradients * little) ** 2 * (big - little / 3.0)
    note = (
        f"{steps} gradients from 0 to {strength:g} T/m, delta {1e3 * little:g} ms, "
        f"Delta {1e3 * big:g} ms, {nucleus}"
    )
    return {
        "name": "b", "kernel": "diffusion", "points": points, "notes": [note],
        "gradients": gradients,
    }  # fmt: skip


def _positive(path, settings, name):
    """Return a number of the parameter file that makes sense."""
    value = settings.get(name)
    # A linear grid of delays may begin at zero.
    least = 0.0 if name == "minTau" and settings.get("logspace") != "yes" else 1e-12
    if not isinstance(value, float) or not least <= value < 1e12:
        raise DecayFileError(
            f"{path}: {name} must be a positive number, got {shown(value)}."
        )
    return value


def _arrange(path, axes, values, settings):
    """Return points, complex signals (n_1, ..., n_inner) and what inner points are."""
    points = [axis["points"] for axis in axes]
    shape = tuple(one.size for one in points)
    n_rows, n_columns = values.shape
    if len(axes) == 2 or (n_rows == 1 and n_columns > 3):
        rows = shape[0] if len(axes) == 2 else 1
        if n_rows != rows or n_columns != 2 * shape[-1]:
            raise DecayFileError(
                f"{path}: expected {rows} rows of pairs of numbers for {shape[-1]} "
                f"points, got {n_rows} rows of {n_columns}."
            )
        return points, _pairs(values).reshape(shape), None
    if n_rows != shape[0]:
        raise DecayFileError(
            f"{path}: expected {shape[0]} rows, one per point of {axes[0]['name']}, "
            f"got {n_rows}; was the file cut short?"
        )
    if n_columns in (2, 3):
        if _is_axis(values[:, 0], axes[0]):
            rest = values[:, 1:]
            signals = rest[:, 0] if n_columns == 2 else _pairs(rest)[:, 0]
            return points, signals, None
        if n_columns == 2:
            return points, _pairs(values)[:, 0], None
        raise DecayFileError(
            f"{path}: the first column, {values[0, 0]:g} to {values[-1, 0]:g}, is not "
            f"the {axes[0]['name']} of the parameters, {points[0][0]:g} to "
            f"{points[0][-1]:g}, in any unit."
        )
    if n_columns % 2:
        raise DecayFileError(
            f"{path}: expected pairs of numbers, real and imaginary, got {n_columns}."
        )
    dwell = 1e-6 * _positive(path, settings, "dwellTime")
    return points, _pairs(values), Inner("fid", dwell)


def _pairs(values):
    return values[:, 0::2] + 1j * values[:, 1::2]


def _is_axis(column, axis):
    """Return whether a column is the axis of the parameters, in any unit."""
    for expected in (axis["points"], axis.get("gradients")):
        if expected is None or not expected.max() > 0:
            continue
        scale = np.abs(column).max() / expected.max()
        tiny = _ROUNDED * np.abs(column).max()
        if scale > 0 and np.allclose(column, scale * expected, _NEAR, tiny):
            return True
    return False
