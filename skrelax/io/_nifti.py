"""NIfTI images with sidecars, and maps written with the geometry of the images."""

import os
import re
from collections.abc import Iterable, Mapping

import numpy as np

from ..utils._written import written_together
from ._choice import check_component, check_varying, check_wanted, choose_series
from ._files import as_numbers, as_path, shown
from ._image_times import doubt_times, name_delays
from ._images import check_acquisition_given, make_image_table
from ._sidecar import SUFFIXES
from ._volume_series import (
    check_geometry,
    fill_volumes,
    find_image_files,
    letters_of,
    open_files,
    place_volumes,
    sort_files,
)
from ._volumes import import_nibabel, is_affine

# What becomes a file on every system, and in this folder.
_MAP_NAME = re.compile(r"[^\W_][^/\\:?\"<>|\x00-\x1f\x7f]{0,99}")
# The header of NIfTI holds sizes in 16 bits.
_LONGEST_AXIS = 2**15 - 1


def read_nifti(source, acquisition=None, series=None, varying=None, component="auto"):
    """Read the images of a relaxation measurement from NIfTI files.

    Parameters
    ----------
    source : str, path-like or sequence of these
        A folder, a file or several files. Each holds one volume (3-D) or a series
        (4-D). Of a folder, the images that belong together are taken; given files are
        taken as they are. A PAR file with its REC beside it is read as well.
    acquisition : DataFrame or None, default=None
        Acquisition with one row per volume, in the order of the files (``te2`` before
        ``te10``). None reads the sidecar of each file: a JSON file of the same name
        with ``InversionTime``, ``EchoTime``, ``RepetitionTime``,
        ``RepetitionTimeExcitation`` or ``RepetitionTimePreparation``,
        ``SaturationTime``, ``SpinLockTime`` [s] and ``FlipAngle`` [degrees], where
        there are such. A series has lists there, or one number for all volumes. Files
        named as BIDS has it inherit sidecars of the folders above.
    series : int, sequence of int, str or None, default=None
        Series to take, by ``SeriesNumber`` of the sidecars or by name; see
        :func:`read_dicom_series`.
    varying : {"TI", "TE", "TR", "FA", "TS", "TSL"} or None, default=None
        The quantity in which the measurement varies; None takes any.
    component : {"auto", "magnitude", "real", "complex"}, default="auto"
        What to take where a folder holds several, told by the entity ``part``, the
        ending of the name (``_ph``, ``_real``, ``_imaginary``) or the image type.

    Returns
    -------
    RelaxationTable
        One row of signals per voxel; see :func:`read_dicom_series`.

    Raises
    ------
    ValueError
        If there are no images, if several series or none could be meant, if geometries
        of given files differ, or if sidecars are missing, unreadable or contradict the
        images.
    ImportError
        If nibabel is not installed.

    See Also
    --------
    list_series : The series in a folder.
    read_dicom_series : Images in DICOM files.
    read_times : An acquisition from a file.
    write_maps : Write maps with the same geometry.
    """
    import_nibabel()
    check_component(component)
    wanted, columns = check_wanted(series), check_varying(varying)
    acquisition = check_acquisition_given(acquisition)
    paths, is_folder = _files(source)
    told = acquisition is not None
    files = open_files(paths, is_folder, told)
    if told:
        files = _match(files, len(acquisition), is_folder)
    notes, letters = [], None
    if is_folder:
        found = sort_files(files, told)
        choice = choose_series(
            found, source, wanted=wanted, varying=columns, component=component,
            told=told,
        )  # fmt: skip
        files, letters, notes = choice.items, choice.letters, choice.notes
    letters = letters or letters_of(files, component, source)
    files = [file for file in files if file.component in letters]
    check_geometry(files)
    points, places = place_volumes(files, letters, source, acquisition)
    points = name_delays(points, varying)
    if not told:
        doubt_times(source if is_folder else files[0].path, points)
    signals = fill_volumes(files, places, len(points), letters, source)
    return make_image_table(signals, points, files[0].affine, source, ("nifti", notes))


def _match(files, n_volumes, is_folder):
    """Return the files that an acquisition of so many rows belongs to."""
    if is_folder:
        several = [file for file in files if file.n_volumes == n_volumes > 1]
        if len(several) == 1:
            for file in files:
                if file is not several[0]:
                    file.reason = f"{file.n_volumes} volumes, not {n_volumes}"
    return files


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
    affine = as_affine(affine)
    images = check_maps(maps)
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


def as_affine(given):
    """Return an affine of images, or raise an error that names it."""
    affine = as_numbers(given, "affine", finite=True)
    if not is_affine(affine):
        raise ValueError(
            "affine must be an invertible (4, 4) matrix that ends in (0, 0, 0, 1), got "
            f"{affine.tolist()}."
        )
    return affine


def check_maps(maps):
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
        # Disks of macOS and Windows take names that differ in case for one.
        if file.casefold() in map(str.casefold, images):
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
    """Return the image files of a source, and whether it is a folder."""
    if not isinstance(source, str | os.PathLike):
        if not isinstance(source, Iterable):
            raise TypeError(
                "source must be a str, path-like or a sequence of these, got "
                f"{shown(source)}."
            )
        paths = [as_path(one, "source") for one in source]
        if not paths:
            raise ValueError("source has no files.")
        return paths, False
    path = as_path(source, "source")
    if not path.is_dir():
        return [path], False
    paths = find_image_files(path)
    if not paths:
        raise ValueError(f"{source}: no files that end in {' or '.join(SUFFIXES)}.")
    return paths, True
