"""The one table of formats: how each is recognised, and who reads it."""

from . import (
    _bruker,
    _csdm,
    _geospec,
    _jeol,
    _matrix,
    _minispec,
    _spinsolve_folder,
    _tecmag,
    _text,
    _varian,
)
from ._files import DecayFileError, shown
from ._source import Source

# In the order in which they are asked. Text takes what is left.
FORMATS = {
    "csdm": _csdm,
    "bruker": _bruker,
    "varian": _varian,
    "spinsolve": _spinsolve_folder,
    "tecmag": _tecmag,
    "jeol": _jeol,
    "geospec": _geospec,
    "minispec": _minispec,
    "matrix": _matrix,
    "text": _text,
}
# Shown names in a folder that is none of these.
_MOST_SHOWN = 5
# Names in a folder that are looked into.
_MOST_FOLDERS = 1_000


def read_recording(path, format, options):
    """Return the Recording of a path in a format, or in the one it is found to be."""
    source = Source(path)
    check_there(path)
    if format is None:
        format = recognise(source)
    elif source.is_folder and not FORMATS[format].recognise(source):
        raise DecayFileError(f"{path}: is a folder, but no {format} experiment.")
    return FORMATS[format].read(source, options)


def check_format(format):
    """Raise an error unless `format` is None or the name of one."""
    if format is None or (isinstance(format, str) and format in FORMATS):
        return
    kind = ValueError if isinstance(format, str) else TypeError
    raise kind(
        f"format must be None or one of {', '.join(FORMATS)}, got {shown(format)}."
    )


def check_there(path):
    """Raise an error unless a path is a file or folder: a pipe would never end."""
    if not path.is_file() and not path.is_dir():
        there = "is not a regular file" if path.exists() else "no such file"
        raise DecayFileError(f"{path}: {there}.")


def recognise(source):
    """Return the name of the format that a source has."""
    for name, one in FORMATS.items():
        if one.recognise(source):
            return name
    found = _find_experiments(source)
    shown_names = ", ".join(found[:_MOST_SHOWN]) + (
        " ..." if len(found) > _MOST_SHOWN else ""
    )
    if found:
        raise DecayFileError(
            f"{source.path}: is a folder with {len(found)} "
            f"experiment{'s' if len(found) > 1 else ''}: {shown_names}; name the one "
            f"that is meant, {source.path / found[0]} for example, or "
            f"{source.path / '*'} for all."
        )
    files = [name for name in source.names() if (source.path / name).is_file()]
    words = "it is empty"
    if files:
        words = f"of files name one, or {source.path / '*'} for all {len(files)}"
    elif source.names():
        words = "it holds none, and no files"
    raise DecayFileError(
        f"{source.path}: is a folder, expected a file, or the folder of one experiment "
        f"(TopSpin, Agilent, Spinsolve); {words}."
    )


def _find_experiments(source):
    """Return the names of the folders in a folder that are experiments."""
    kinds = (_bruker, _varian, _spinsolve_folder)
    found = []
    for name in sorted(source.names())[:_MOST_FOLDERS]:
        inside = Source(source.path / name)
        if inside.is_folder and any(kind.recognise(inside) for kind in kinds):
            found.append(name)
    return found
