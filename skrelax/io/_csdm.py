"""Decays in CSDM files, which are checked before csdmpy sees them.

csdmpy opens whatever a file points to, evaluates the numbers of quantities as
expressions, and allocates what a file claims. So it is given the entries that a decay
needs, checked, with the values of signals already decoded.
"""

import base64
import contextlib
import errno
import json
import math
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import numpy as np

from ..utils._warnings import silenced
from ._files import DecayFileError, clean_label, distinct, reason, shown
from ._recording import Recording
from ._units import experiment_of

CSDM_SUFFIXES = (".csdf", ".csdfe")
# Bytes in which a CSDM file names itself.
_LOOKED_AT = 1000
_NUMERIC_TYPES = {
    "uint8": "<u1", "uint16": "<u2", "uint32": "<u4", "uint64": "<u8",
    "int8": "<i1", "int16": "<i2", "int32": "<i4", "int64": "<i8",
    "float32": "<f4", "float64": "<f8", "complex64": "<c8", "complex128": "<c16",
}  # fmt: skip
# A number and a unit of names, short powers, products and quotients.
_QUANTITY = re.compile(
    r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?"
    r"(\s*\(?([^\W\d_]|[°%*/^() ]|[-^(/]\d{1,2}|(?<=[^\W\d])\d){0,40})?\s*"
)
_QUANTITY_TYPE = re.compile(
    r"scalar|(vector|pixel|symmetric_matrix)_[0-9]{1,4}|matrix_[0-9]{1,4}_[0-9]{1,4}"
)
_LONGEST_QUANTITY = 100
# Seconds that a server has for its answer.
_PATIENCE = 30.0


def recognise(source):
    """Return whether a source is a CSDM file, by its ending or its first object."""
    if source.is_folder:
        return False
    if source.name.endswith(CSDM_SUFFIXES):
        return True
    start = source.content()[:_LOOKED_AT].lstrip()
    return start.startswith(b"{") and b'"csdm"' in start


def read(source, options):
    """Return the Recording of a CSDM file with one or two dimensions."""
    path = source.path
    axes, labels, signals = read_csdm_axes(source, options.allow_external)
    relaxing = [i for i, axis in enumerate(axes) if axis.unit]
    if len(axes) > 2 or (len(axes) == 2 and not relaxing):
        raise DecayFileError(
            f"{path}: expected one or two dimensions of times or b values, or one and "
            f"a spectrum, got {len(axes)}: {', '.join(axis.name for axis in axes)}."
        )
    if len(axes) == 1 or len(relaxing) == 2:
        return _recording(axes, labels, np.array(signals))
    if len(signals) != 1:
        raise DecayFileError(
            f"{path}: expected one series of spectra, got {len(signals)}."
        )
    # Points of the spectrum are signals over the other axis.
    (place,) = relaxing
    spectrum = axes[1 - place]
    rows = np.moveaxis(signals[0], place, 1)
    names = [f"{spectrum.name} {point:.6g}" for point in spectrum.points]
    found = _recording([axes[place]], names, rows)
    found.frequencies = spectrum.points
    found.notes.append(f"{len(rows)} points of a spectrum, {spectrum.name}")
    return found


def _recording(axes, labels, signals):
    experiments = [experiment_of(axis.name) for axis in axes]
    kernels = None
    if None not in experiments:
        kernels = tuple(kernel for _, kernel in experiments)
    elif len(axes) == 1 and axes[0].unit == "s/m²":
        kernels = ("diffusion",)
    return Recording(
        format="csdm",
        names=tuple(axis.name for axis in axes),
        points=tuple(axis.points for axis in axes),
        signals=signals,
        kernels=kernels,
        units=tuple(axis.unit for axis in axes),
        labels=labels,
        notes=[
            f"{axis.name} in {axis.unit}, whatever the unit in the file"
            for axis in axes
            if axis.unit
        ],
    )


class Axis(NamedTuple):
    """An axis of a CSDM file."""

    name: str
    """Its label, or what its unit tells."""
    points: np.ndarray
    """Coordinates, in `unit` where there is one."""
    unit: str
    """s, s/m², or empty where it is neither a time nor a b value."""


def import_csdmpy():
    """Return csdmpy, or raise an error that names the extra."""
    try:
        import csdmpy
    except ImportError as error:
        raise ImportError(
            'reading CSDM files needs csdmpy: pip install "skrelax[io]".'
        ) from error
    return csdmpy


def read_csdm_axes(source, allow_external=False):
    """Return the axes, labels and signals of a CSDM file.

    Signals (n_1, ..., n_d) have the dimensions in the order of the file.
    """
    path, csdmpy = source.path, import_csdmpy()
    content = _read_json(path, source.content())
    version = content.get("version")
    if not isinstance(version, str):
        raise _error(path, f"version must be text, got {shown(version)}")
    checked = [
        _check_dimension(path, one) for one in _list(path, content, "dimensions")
    ]
    dimensions = [dimension for dimension, _ in checked]
    # The first dimension varies fastest.
    shape = [count for _, count in checked][::-1]
    count = math.prod(shape)
    variables = [
        _decode(path, f"dependent_variables[{number}]", one, count, allow_external)
        for number, one in enumerate(_list(path, content, "dependent_variables"))
    ]
    if not variables or not dimensions or count == 0:
        raise DecayFileError(f"{path}: the file is empty.")
    clean = {
        "csdm": {
            "version": version,
            "dimensions": dimensions,
            "dependent_variables": variables,
        }
    }
    try:
        # Unusual names of quantities and units are none of our business.
        with silenced():
            data = csdmpy.parse_dict(clean)
            axes = [
                Axis(clean_label(one.label, default), points, unit)
                for one in data.x
                for default, points, unit in [_points(one)]
            ]
    except BaseException as error:
        # csdmpy raises BaseException itself where a unit is unknown.
        if not isinstance(error, Exception) and type(error) is not BaseException:
            raise
        raise _error(path, reason(error)) from None
    if not all(np.isfinite(points).all() for _, points, _ in axes):
        raise DecayFileError(f"{path}: NaN or infinite coordinates.")
    signals, labels = [], []
    for number, variable in enumerate(data.y, start=1):
        for component in variable.components:
            values = np.asarray(component)
            if not np.isfinite(values).all():
                raise DecayFileError(f"{path}: NaN or infinite values in the signal.")
            signals.append(values.reshape(shape).T)
            labels.append(clean_label(variable.name, f"signal {number}"))
    return axes, distinct(labels), signals


def _error(path, text):
    return DecayFileError(f"{path}: not a CSDM file ({text}).")


def _read_json(path, content):
    """Return the CSDM object of a file."""
    try:
        content = json.loads(content)
    except (ValueError, RecursionError, MemoryError) as error:
        raise _error(path, reason(error)) from None
    content = content.get("csdm") if isinstance(content, dict) else None
    if not isinstance(content, dict):
        raise _error(path, "it has no csdm object")
    return content


def _list(path, content, key):
    """Return the list of objects of a key."""
    found = content.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _error(path, f"{key} must be a list of objects, got {shown(found)}")
    return found


def _check_dimension(path, given):
    """Return a dimension with the entries that are used, and its count."""
    kind = given.get("type")
    used = {"type": kind, "label": _text(path, given, "label")}
    if kind == "linear":
        count = given.get("count")
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise _error(path, f"count must be a whole number, got {shown(count)}")
        used |= {"count": count, "increment": _quantity(path, given, "increment")}
        if given.get("coordinates_offset") is not None:
            used["coordinates_offset"] = _quantity(path, given, "coordinates_offset")
        if given.get("complex_fft") is not None:
            used["complex_fft"] = given["complex_fft"]
        return used, count
    if kind == "monotonic":
        coordinates = given.get("coordinates")
        if not isinstance(coordinates, list):
            raise _error(path, f"coordinates must be a list, got {shown(coordinates)}")
        for one in coordinates:
            _check_quantity(path, "coordinates", one)
        return used | {"coordinates": coordinates}, len(coordinates)
    raise DecayFileError(
        f"{path}: expected a linear or monotonic dimension, got {shown(kind)}."
    )


def _text(path, given, key):
    """Return the text of a key, empty if there is none."""
    text = given.get(key)
    if text is not None and not isinstance(text, str):
        raise _error(path, f"{key} must be text, got {shown(text)}")
    return text or ""


def _quantity(path, given, key):
    """Return the number with unit of a key."""
    _check_quantity(path, key, given.get(key))
    return given[key]


def _check_quantity(path, key, text):
    sound = isinstance(text, str) and len(text) <= _LONGEST_QUANTITY
    if not sound or not _QUANTITY.fullmatch(text):
        raise _error(path, f"{key} must be a number with a unit, got {shown(text)}")


def _points(dimension):
    """Return a name, coordinates and their unit: s of times, s/m² of b values."""
    for name, unit, shown_unit in (("time", "s", "s"), ("b", "s/m2", "s/m²")):
        # astropy's unit errors: the axis is something else.
        with contextlib.suppress(Exception):
            values = np.asarray(dimension.coordinates.to(unit).value, np.float64)
            return name, values, shown_unit
    return "coordinate", np.asarray(dimension.coordinates.value, np.float64), ""


def _decode(path, name, given, count, allow_external):
    """Return a variable for csdmpy whose components are arrays of `count` values."""
    if given.get("sparse_sampling"):
        raise DecayFileError(
            f"{path}: {name} is sampled sparsely; give the points that were measured."
        )
    numeric = given.get("numeric_type")
    if not isinstance(numeric, str) or numeric not in _NUMERIC_TYPES:
        raise _error(
            path,
            f"numeric_type of {name} must be one of {', '.join(_NUMERIC_TYPES)}, got "
            f"{shown(numeric)}",
        )
    dtype = np.dtype(_NUMERIC_TYPES[numeric])
    quantity = given.get("quantity_type")
    if not isinstance(quantity, str) or not _QUANTITY_TYPE.fullmatch(quantity):
        raise _error(path, f"quantity_type of {name} is {shown(quantity)}")
    kind = given.get("type")
    if kind == "internal":
        components = _internal(path, name, given, dtype)
    elif kind == "external":
        components = _external(path, name, given, dtype, quantity, allow_external)
    else:
        raise _error(path, f"type of {name} is {shown(kind)}")
    sizes = sorted({len(one) for one in components})
    if not components or sizes != [count]:
        found = " and ".join(f"{size}" for size in sizes) or "no"
        raise DecayFileError(
            f"{path}: the dimension has {shown(count)} points, {name} holds {found} "
            "values."
        )
    return {
        "type": "internal",
        "numeric_type": numeric,
        "quantity_type": quantity,
        "name": _text(path, given, "name"),
        "components": components,
    }


def _internal(path, name, given, dtype):
    """Return the arrays of a variable whose values are in the file itself."""
    components = given.get("components")
    encoding = given.get("encoding", "none")
    if not isinstance(components, list):
        raise _error(path, f"components of {name} must be a list")
    try:
        if encoding == "base64":
            return [
                np.frombuffer(base64.b64decode(one, validate=True), dtype=dtype)
                for one in components
            ]
        if encoding == "none":
            return [_numbers(one, dtype) for one in components]
    except (ValueError, TypeError, OverflowError) as error:
        text = f"components of {name} cannot be decoded: {reason(error)}"
        raise _error(path, text) from None
    raise _error(path, f"encoding of {name} is {shown(encoding)}")


def _numbers(values, dtype):
    """Return an array of a list of numbers; pairs of them are complex."""
    if not isinstance(values, list) or not all(
        isinstance(value, int | float) and not isinstance(value, bool)
        for value in values
    ):
        raise ValueError(f"expected a list of numbers, got {shown(values)}")
    if dtype.kind in "iu" and not all(float(value).is_integer() for value in values):
        raise ValueError("expected whole numbers")
    # What overflows is infinite, and refused as such.
    with np.errstate(over="ignore"):
        if dtype.kind != "c":
            return np.array(values, dtype=dtype)
        if len(values) % 2:
            raise ValueError("expected pairs of numbers")
        pairs = np.array(values, dtype=np.float64).reshape(-1, 2)
        return (pairs[:, 0] + 1j * pairs[:, 1]).astype(dtype)


def _external(path, name, given, dtype, quantity, allow_external):
    """Return the arrays of a variable whose values are in another file."""
    source = given.get("components_url")
    if not isinstance(source, str) or not source:
        raise _error(path, f"components_url of {name} is {shown(source)}")
    inside = _find_inside(path, source)
    if inside is None and not allow_external:
        raise DecayFileError(
            f"{path}: {name} is in {shown(source)}, which is no file in the folder of "
            "the CSDM file; allow_external=True (--allow-external) reads it, from "
            "anywhere."
        )
    try:
        buffer = _read_regular(inside) if inside else _read_anywhere(path, source)
    except Exception as error:  # that of a file, of a server, or of what lies between
        raise DecayFileError(
            f"{path}: {name} is in {shown(source)}, which cannot be read "
            f"({reason(error)})."
        ) from None
    n_components = _count_components(quantity)
    if not n_components or len(buffer) % (n_components * dtype.itemsize):
        raise DecayFileError(
            f"{path}: {name} is in {shown(source)} with {len(buffer)} bytes, which are "
            f"not {n_components} components of {given['numeric_type']}."
        )
    return list(np.frombuffer(buffer, dtype=dtype).reshape(n_components, -1))


def _count_components(quantity):
    """Return the number of components of a quantity type such as matrix_2_3."""
    sizes = [int(part) for part in quantity.split("_") if part.isdigit()]
    if quantity.startswith("symmetric"):
        return sizes[0] * (sizes[0] + 1) // 2
    return math.prod(sizes)


def _read_regular(path):
    """Return the bytes of a file; a pipe or a device would never end."""
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "no such file")
    return path.read_bytes()


def _read_anywhere(path, source):
    """Return the bytes of a file or a URL."""
    parts = urlsplit(source)
    if parts.scheme in ("", "file"):
        return _read_regular(path.parent / unquote(parts.path))
    with urlopen(source, timeout=_PATIENCE) as answer:
        return answer.read()


def _find_inside(path, source):
    """Return the path in the folder of `path` that a reference names, else None.

    Links are followed first, so that a link to another folder is not inside.
    """
    try:
        parts = urlsplit(source)
    except ValueError:
        return None
    plain = parts.scheme in ("", "file") and not (parts.netloc or parts.query)
    if not plain or "\\" in unquote(source) or "\0" in unquote(source):
        return None
    folder = path.parent.resolve()
    # Names as they are, and as URLs spell blanks.
    for name in dict.fromkeys((parts.path, unquote(parts.path))):
        if not name or Path(name).is_absolute() or ".." in Path(name).parts:
            return None
        try:
            found = (folder / name).resolve()
        except (OSError, RuntimeError):  # links in a circle
            return None
        if not found.is_relative_to(folder):
            return None
        if found.is_file():
            break
    return found
