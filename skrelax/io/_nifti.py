"""NIfTI images with sidecars, and maps written with the geometry of the images."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from ._images import COLUMNS, make_image_table

_KEYS = {
    "TI": "InversionTime",
    "TE": "EchoTime",
    "TR": "RepetitionTime",
    "FA": "FlipAngle",
}
# Seconds that no such time exceeds; larger numbers are milliseconds.
_LONGEST = {"TI": 60.0, "TE": 10.0, "TR": 60.0}
_SUFFIXES = (".nii.gz", ".nii")


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
    nibabel = _import_nibabel()
    volumes, points, affine, first = [], [], None, None
    for path in _files(source):
        try:
            image = nibabel.load(path)
            values = np.asanyarray(image.dataobj)
        except Exception as error:  # nibabel's errors have no common class
            raise ValueError(f"{path}: cannot be read ({error}).") from error
        if values.ndim not in (3, 4):
            raise ValueError(f"{path}: expected 3 or 4 axes, got shape {values.shape}.")
        values = values[..., None] if values.ndim == 3 else values
        if affine is None:
            affine, first = image.affine, path
        elif values.shape[:3] != volumes[0].shape or not np.allclose(
            image.affine, affine, atol=1e-3
        ):
            raise ValueError(f"{path}: has another size or geometry than {first}.")
        volumes += list(np.moveaxis(values, -1, 0))
        if acquisition is None:
            points += _read_sidecar(path, values.shape[-1])
    images = np.stack(volumes)
    if acquisition is not None:
        acquisition = pd.DataFrame(acquisition)
        if len(acquisition) != len(images):
            raise ValueError(
                f"acquisition has {len(acquisition)} rows, the files have "
                f"{len(images)} volumes."
            )
        points = acquisition.to_dict("records")
        unknown = [name for name in acquisition.columns if name not in COLUMNS]
        if unknown:
            raise ValueError(
                f"acquisition has columns {unknown}, expected some of {list(COLUMNS)}."
            )
    kind = np.complex128 if np.iscomplexobj(images) else np.float64
    return make_image_table(images.astype(kind), points, affine, source)


def write_maps(folder, maps, affine):
    """Write maps as NIfTI files.

    Parameters
    ----------
    folder : str or path-like
        Folder; it is made if it is not there.
    maps : dict of str to ndarray
        Images by name. ``"T1 stderr"`` goes to ``T1_stderr.nii.gz``, ``"T2*"`` to
        ``T2star.nii.gz``.
    affine : array-like of shape (4, 4)
        Affine of the images, ``table.spatial["affine"]``.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ImportError
        If nibabel is not installed.
    """
    nibabel = _import_nibabel()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, values in maps.items():
        values = np.asarray(values)
        small = values.astype(np.int16 if values.dtype.kind in "iu" else np.float32)
        image = nibabel.Nifti1Image(small, np.asarray(affine, dtype=np.float64))
        image.header.set_xyzt_units("mm", "sec")
        # Both forms say scanner coordinates, so that every viewer agrees; but the
        # second one cannot hold an affine with shear.
        image.set_sform(affine, code=1)
        image.set_qform(affine, code=1)
        if not np.allclose(image.get_qform(), affine, atol=1e-3):
            image.set_qform(None, code=0)
        paths.append(folder / f"{map_file_name(name)}.nii.gz")
        nibabel.save(image, paths[-1])
    return paths


def map_file_name(name):
    """Return the stem of the file of a map."""
    return name.replace("*", "star").replace(" ", "_")


def _import_nibabel():
    try:
        import nibabel
    except ImportError as error:
        raise ImportError(
            'NIfTI files need nibabel: pip install "skrelax[nifti]".'
        ) from error
    return nibabel


def _files(source):
    """Return the image files of a source, sorted within a folder."""
    if not isinstance(source, str | Path):
        paths = [Path(one) for one in source]
    elif Path(source).is_dir():
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
            f"{', '.join(_KEYS.values())} (those that there are)."
        )
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{sidecar}: cannot be read ({error}).") from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{sidecar}: expected an object with {', '.join(_KEYS.values())}, got a "
            f"{type(content).__name__}."
        )
    rows = [{} for _ in range(n_volumes)]
    for name, key in _KEYS.items():
        if content.get(key) is None:
            continue
        try:
            values = np.asarray(content[key], dtype=np.float64).ravel()
        except (TypeError, ValueError) as error:
            raise ValueError(f"{sidecar}: {key} is {content[key]!r}.") from error
        if values.size not in (1, n_volumes):
            raise ValueError(
                f"{sidecar}: {key} has {values.size} values, the image has {n_volumes} "
                "volumes."
            )
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(f"{sidecar}: {key} must not be negative, got {values}.")
        if values.max(initial=0.0) > _LONGEST.get(name, np.inf):
            raise ValueError(
                f"{sidecar}: {key} is up to {values.max():g}, expected seconds."
            )
        for row, value in zip(rows, np.broadcast_to(values, n_volumes), strict=True):
            row[name] = float(value)
    return rows
