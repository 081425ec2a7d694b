"""NIfTI images with sidecars, and maps written with the geometry of the images."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ..utils._written import written_together
from ._files import as_numbers, as_path, reason, shown
from ._images import COLUMNS, make_image_table
from ._volumes import import_nibabel, is_affine, load_volumes

_KEYS = {
    "TI": "InversionTime",
    "TE": "EchoTime",
    "TR": "RepetitionTime",
    "FA": "FlipAngle",
}
# Seconds that no such time exceeds; larger numbers are milliseconds.
_LONGEST = {"TI": 60.0, "TE": 10.0, "TR": 60.0}
_SUFFIXES = (".nii.gz", ".nii")
# What becomes a file on every system, and in this folder.
_MAP_NAME = re.compile(r"[^\W_][^/\\:?\"<>|\x00-\x1f\x7f]{0,99}")
# The header of NIfTI holds sizes in 16 bits.
_LONGEST_AXIS = 2**15 - 1


def read_nifti(source, acquisition=None):
    """Read the images of a relaxation measurement from NIfTI files.

    Parameters
    ----------
    source : str, path-like or sequence of these
        A folder, a file or several files. Each holds one volume (3-D) or a series
        (4-D).
    acquisition : DataFrame or None, default=None
        Acquisition with one row per volume, in the order of the files. None reads the
        sidecar of each file: a JSON file of the same name with ``InversionTime``,
        ``EchoTime``, ``RepetitionTime`` [s] and ``FlipAngle`` [degrees], where there
        are such. A series has lists there, or one number for all volumes.

    Returns
    -------
    RelaxationTable
        One row of signals per voxel; see :func:`read_dicom_series`.

    Raises
    ------
    ValueError
        If there are no images, if their geometries differ, or if sidecars are missing,
        unreadable or contradict the images.
    ImportError
        If nibabel is not installed.

    See Also
    --------
    read_dicom_series : Images in DICOM files.
    write_maps : Write maps with the same geometry.
    """
    return read_images(source, acquisition)


def read_images(source, acquisition=None, *, compact=False):
    """Return what `read_nifti` does; `compact` keeps single precision where exact."""
    import_nibabel()
    volumes, points, affine, first = [], [], None, None
    for path in _files(source):
        values, here = load_volumes(path)
        if values.ndim not in (3, 4):
            raise ValueError(f"{path}: expected 3 or 4 axes, got shape {values.shape}.")
        values = values[..., None] if values.ndim == 3 else values
        if affine is None:
            affine, first = here, path
        elif values.shape[:3] != volumes[0].shape or not np.allclose(
            here, affine, atol=1e-3
        ):
            raise ValueError(f"{path}: has another size or geometry than {first}.")
        volumes += list(np.moveaxis(values, -1, 0))
        if acquisition is None:
            points += _read_sidecar(path, values.shape[-1])
    if acquisition is not None:
        points = _given_points(acquisition, len(volumes))
    stored = np.result_type(*{volume.dtype for volume in volumes})
    kind = np.complex128 if stored.kind == "c" else np.float64
    if compact and np.can_cast(stored, np.float32):
        kind = np.float32
    # In C order, or the table of voxels would be another copy.
    images = np.empty((len(volumes), *volumes[0].shape), dtype=kind)
    np.stack(volumes, out=images, casting="unsafe")
    return make_image_table(images, points, affine, source)


def _given_points(acquisition, n_volumes):
    """Return one dict per volume from an acquisition that the caller gives."""
    if not isinstance(acquisition, pd.DataFrame):
        raise TypeError(
            f"acquisition must be a DataFrame or None, got {shown(acquisition)}."
        )
    if len(acquisition) != n_volumes:
        raise ValueError(
            f"acquisition has {len(acquisition)} rows, the files have {n_volumes} "
            "volumes."
        )
    unknown = [name for name in acquisition.columns if name not in COLUMNS]
    if unknown or acquisition.columns.has_duplicates:
        raise ValueError(
            f"acquisition has columns {list(acquisition.columns)}, expected some of "
            f"{list(COLUMNS)}, once each."
        )
    columns = {
        name: as_numbers(acquisition[name], f"acquisition[{name!r}]", finite=True)
        for name in acquisition
    }
    for name, values in columns.items():
        if (values < 0).any():
            raise ValueError(f"acquisition[{name!r}] must not be negative.")
    return [{name: columns[name][i] for name in columns} for i in range(n_volumes)]


def write_maps(folder, maps, affine):
    """Write maps as NIfTI files.

    Parameters
    ----------
    folder : str or path-like
        Folder; it is made if it is not there. All maps go there at once when all are
        written, and replace those of the same names; if that fails, none does.
    maps : dict of str to ndarray
        Real images by name, all of one shape; a fourth axis, such as the bins of a
        distribution, may be there or not. ``"T1 stderr"`` goes to
        ``T1_stderr.nii.gz``, ``"T2*"`` to ``T2star.nii.gz``. Integers are written as
        such, other numbers in single precision, or double where that cannot hold them.
    affine : array-like of shape (4, 4)
        Affine of the images, ``table.spatial["affine"]``.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ValueError
        If names cannot be names of files or shapes differ.
    TypeError
        If maps are no real numbers.
    ImportError
        If nibabel is not installed.
    """
    nibabel = import_nibabel()
    folder = as_path(folder, "folder")
    affine = as_numbers(affine, "affine", finite=True)
    if not is_affine(affine):
        raise ValueError(
            "affine must be an invertible (4, 4) matrix that ends in (0, 0, 0, 1), got "
            f"{affine.tolist()}."
        )
    images = _check_maps(maps)
    with written_together(folder) as new:
        for file, values in images.items():
            image = nibabel.Nifti1Image(values, affine)
            image.header.set_xyzt_units("mm", "sec")
            # Both forms say scanner coordinates, so that every viewer agrees; but the
            # second one cannot hold an affine with shear.
            image.set_sform(affine, code=1)
            image.set_qform(affine, code=1)
            if not np.allclose(image.get_qform(), affine, atol=1e-3):
                image.set_qform(None, code=0)
            nibabel.save(image, new / file)
    return [folder / file for file in images]


def _check_maps(maps):
    """Return images as they are stored by the names of their files."""
    if not isinstance(maps, Mapping):
        raise TypeError(f"maps must be a dict of images by name, got {shown(maps)}.")
    images, shape = {}, None
    for name, given in maps.items():
        if not isinstance(name, str) or not _MAP_NAME.fullmatch(name):
            raise ValueError(
                "maps: names become names of files, so they start with a letter or "
                "digit and have no slashes, colons or the like, got "
                f"{shown(name)}."
            )
        values = _as_stored(given, f"maps[{name!r}]")
        if not 1 <= values.ndim <= 7 or not 0 < max(values.shape) <= _LONGEST_AXIS:
            raise ValueError(
                f"maps[{name!r}] must be an image with up to {_LONGEST_AXIS} voxels on "
                f"an axis, got shape {values.shape}."
            )
        shape = values.shape if shape is None else shape
        if values.shape[:3] != shape[:3] or not values.size:
            raise ValueError(
                "maps must have one shape, but for axes after the third, got "
                f"{shape} and, for {name!r}, {values.shape}."
            )
        file = f"{map_file_name(name)}.nii.gz"
        if file in images:
            raise ValueError(f"maps: {name!r} and another map both go to {file}.")
        images[file] = values
    return images


def _as_stored(given, name):
    """Return an image in a type of NIfTI that holds its values."""
    values = as_numbers(given, name)
    kind = np.asarray(given).dtype.kind
    if kind in "iu":
        for dtype in (np.int16, np.int32):
            limits = np.iinfo(dtype)
            if (values >= limits.min).all() and (values <= limits.max).all():
                return values.astype(dtype)
    size = np.abs(values[np.isfinite(values) & (values != 0)])
    limits = np.finfo(np.float32)
    single = kind not in "iu" and (
        size.size == 0 or (size.min() >= limits.tiny and size.max() <= limits.max)
    )
    return values.astype(np.float32) if single else values


def map_file_name(name):
    """Return the stem of the file of a map."""
    return name.replace("*", "star").replace(" ", "_")


def _files(source):
    """Return the image files of a source, sorted within a folder."""
    if not isinstance(source, str | os.PathLike):
        if not isinstance(source, Iterable):
            raise TypeError(
                "source must be a str, path-like or a sequence of these, got "
                f"{shown(source)}."
            )
        paths = [as_path(one, "source") for one in source]
        if not paths:
            raise ValueError("source has no files.")
    elif as_path(source, "source").is_dir():
        paths = sorted(
            path for path in Path(source).iterdir() if path.name.endswith(_SUFFIXES)
        )
    else:
        paths = [Path(source)]
    if not paths:
        raise ValueError(f"{source}: no files that end in {' or '.join(_SUFFIXES)}.")
    return paths


def _read_sidecar(path, n_volumes):
    """Return one dict per volume from the JSON file beside an image."""
    stem = path.name
    for suffix in _SUFFIXES:
        stem = stem.removesuffix(suffix)
    sidecar = path.with_name(f"{stem}.json")
    if not sidecar.is_file():
        raise ValueError(
            f"{path} has no sidecar: expected {sidecar.name} beside it, with "
            f"{', '.join(_KEYS.values())} (those that there are, in seconds and "
            "degrees; of a series a list of one number per volume)."
        )
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{sidecar}: cannot be read ({reason(error)}).") from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{sidecar}: expected an object with {', '.join(_KEYS.values())}, got a "
            f"{type(content).__name__}."
        )
    rows = [{} for _ in range(n_volumes)]
    for name, key in _KEYS.items():
        if content.get(key) is None:
            continue
        values = _as_times(content[key])
        if values is None:
            raise ValueError(
                f"{sidecar}: {key} is {shown(content[key])}, expected a number or a "
                "list of numbers."
            )
        if values.size not in (1, n_volumes):
            raise ValueError(
                f"{sidecar}: {key} has {values.size} values, the image has {n_volumes} "
                "volumes."
            )
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(
                f"{sidecar}: {key} must not be negative, got {shown(content[key])}."
            )
        if values.max(initial=0.0) > _LONGEST.get(name, np.inf):
            raise ValueError(
                f"{sidecar}: {key} is up to {values.max():g}, expected seconds."
            )
        for row, value in zip(rows, np.broadcast_to(values, n_volumes), strict=True):
            row[name] = float(value)
    return rows


def _as_times(given):
    """Return the numbers (n,) of an entry of a sidecar, None if it has others."""
    entries = given if isinstance(given, list) else [given]
    if any(isinstance(entry, bool | list | dict | None) for entry in entries):
        return None
    try:
        return np.array([float(entry) for entry in entries])
    except (TypeError, ValueError, OverflowError):
        return None
