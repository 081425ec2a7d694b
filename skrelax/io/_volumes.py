"""Voxels of NIfTI files, whose headers may claim anything."""

import contextlib
import gzip
import os
import re
import warnings
import zlib

import numpy as np

from ._files import reason

_NAME = re.compile(r".*\.(nii|hdr|img)(\.(gz|bz2|zst))?", re.IGNORECASE | re.DOTALL)
# Deflate makes at most so many bytes of one.
_LARGEST_RATIO = 1032
_CHUNK = 1 << 20
# Beyond all scanners [mm].
_LARGEST_PLACE = 1e9


def import_nibabel():
    """Return nibabel, or raise an error that names the way out."""
    try:
        import nibabel
    except ImportError as error:
        raise ImportError(
            'NIfTI files need nibabel: pip install "skrelax[nifti]".'
        ) from error
    return nibabel


def load_volumes(path):
    """Return the values and the affine of a NIfTI file.

    Only NIfTI: other formats that nibabel knows find further files by what one says.
    """
    nibabel = import_nibabel()
    if not path.is_file():
        there = "is not a regular file" if path.exists() else "no such file"
        raise ValueError(f"{path}: {'is a folder' if path.is_dir() else there}.")
    if not _NAME.fullmatch(path.name):
        raise ValueError(f"{path}: expected a NIfTI file, .nii or .nii.gz.")
    try:
        with warnings.catch_warnings(), _repairs(nibabel) as repairs:
            warnings.simplefilter("ignore")
            image = nibabel.load(path)
            affine = np.asarray(image.affine, dtype=np.float64)
    except Exception as error:  # nibabel's errors have no common class
        raise ValueError(f"{path}: cannot be read ({reason(error)}).") from error
    if repairs:
        warnings.warn(f"{path}: {'; '.join(repairs)}.", stacklevel=3)
    if not isinstance(image, nibabel.Nifti1Pair):
        raise ValueError(
            f"{path}: expected a NIfTI image, got a {type(image).__name__}."
        )
    if not is_affine(affine):
        raise ValueError(f"{path}: its affine is no map of space, {affine.tolist()}.")
    shape = tuple(int(size) for size in image.shape)
    if not shape or min(shape) < 1:
        raise ValueError(f"{path}: the header claims voxels of shape {shape}.")
    if image.get_data_dtype().kind not in "iufc":
        raise ValueError(f"{path}: holds colours, expected one number per voxel.")
    return _values(image, shape), affine


@contextlib.contextmanager
def _repairs(nibabel):
    """Give a list of what nibabel mends in headers, which it would print."""
    found = []

    def keep(record):
        found.append(record.getMessage())
        return False

    logger = nibabel.imageglobals.logger
    logger.addFilter(keep)
    try:
        yield found
    finally:
        logger.removeFilter(keep)


def is_affine(affine):
    """Return whether a matrix maps voxels to places in mm."""
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        return False
    sizes = np.abs(affine[:3, :3]).max(axis=0)
    sound = ((sizes > 1.0 / _LARGEST_PLACE) & (sizes < _LARGEST_PLACE)).all()
    sound &= np.abs(affine).max() < _LARGEST_PLACE
    return bool(
        sound
        and (affine[3] == [0, 0, 0, 1]).all()
        and np.linalg.matrix_rank(affine[:3, :3]) == 3
    )


def _values(image, shape):
    """Return the voxels of an image, if its file has what the header claims."""
    file = str(image.file_map["image"].filename)
    if not os.path.isfile(file):
        raise ValueError(f"{file}: no such file, expected the voxels beside a header.")
    item = image.get_data_dtype().itemsize
    claimed = item
    for size in shape:
        claimed *= size
    start = int(image.dataobj.offset)
    there = _least_upper_bound(file)
    if there is None or there >= start + claimed:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                return _read(image, file)
        except Exception as error:
            why = f" ({reason(error)})"
    else:
        why = ""
    sizes = " x ".join(map(str, shape))
    raise ValueError(
        f"{file}: cannot be read: the header claims {sizes} voxels, "
        f"{claimed} bytes, and the file holds {_count(file, start)}{why}."
    )


def _read(image, file):
    """Return the voxels, after the check sum of a compressed file has been read."""
    nibabel = import_nibabel()
    if not isinstance(image, nibabel.Nifti1Image) or not file.lower().endswith(".gz"):
        return np.asanyarray(image.dataobj)
    with gzip.open(file) as stream, _repairs(nibabel):
        values = np.asanyarray(type(image).from_stream(stream).dataobj)
        while stream.read(_CHUNK):
            pass
    return values


def _least_upper_bound(file):
    """Return how many bytes a file can hold at most, None if that is not known."""
    size = _size(file)
    name = file.lower()
    if name.endswith(".gz"):
        return _LARGEST_RATIO * size
    return None if name.endswith((".bz2", ".zst")) else size


def _size(file):
    with open(file, "rb") as content:
        return content.seek(0, 2)


def _count(file, start):
    """Return in words how many bytes of voxels a file holds, without keeping them."""
    if not file.lower().endswith(".gz"):
        return f"{max(0, _size(file) - start)}"
    count = 0
    try:
        with gzip.open(file) as content:
            while chunk := content.read(_CHUNK):
                count += len(chunk)
    except (OSError, EOFError, zlib.error):
        return f"{max(0, count - start)} or a few more before it breaks off"
    return f"{max(0, count - start)}"
