"""Voxels of NIfTI files, whose headers may claim anything."""

import contextlib
import gzip
import os
import re
import warnings
import zlib

import numpy as np

from ..utils._warnings import silenced
from ._files import reason
from ._images import is_single

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


class VolumeFile:
    """A NIfTI file whose header was read; voxels are read when they are asked for."""

    def __init__(self, path):
        self.path = path
        self.image, self.affine = _open(path)
        claimed = tuple(int(size) for size in self.image.shape)
        if not claimed or min(claimed) < 1:
            raise ValueError(f"{path}: the header claims voxels of shape {claimed}.")
        self.shape = _without_single(claimed)
        if self.image.get_data_dtype().kind not in "iufc":
            raise ValueError(f"{path}: holds colours, expected one number per voxel.")
        file = str(self.image.file_map["image"].filename)
        if not os.path.isfile(file):
            raise ValueError(
                f"{file}: no such file, expected the voxels beside a header."
            )

    @property
    def n_volumes(self):
        """Number of images in it."""
        return self.shape[3] if len(self.shape) == 4 else 1

    @property
    def scaling(self):
        """Factor and summand that make the signal of what is stored."""
        proxy = self.image.dataobj
        return float(proxy.slope), float(proxy.inter)

    @property
    def dtype(self):
        """The type that holds the signal: single precision where that loses nothing."""
        kind = self.image.get_data_dtype()
        if kind.kind == "c":
            return np.dtype(np.complex64 if kind.itemsize == 8 else np.complex128)
        if kind.kind == "f":
            single = kind.itemsize <= 4 and self.scaling == (1.0, 0.0)
        else:
            single = kind.itemsize <= 2 and is_single(*self.scaling)
        return np.dtype(np.float32 if single else np.float64)

    def volumes(self):
        """Yield (stored, values) of each volume, of shape (n_x, n_y, n_z).

        One after the other, so that a file need not lie in memory as a whole.
        """
        file = str(self.image.file_map["image"].filename)
        start, claimed = _check_claim(self.image, self.shape, file)
        volumes = _read_volumes(self, file, start)
        for _ in range(self.n_volumes):
            # Not around the yield: whoever asks for voxels may warn.
            with silenced(), np.errstate(all="ignore"):
                try:
                    one = next(volumes)
                except Exception as error:
                    raise _missing(self.shape, file, start, claimed, error) from error
            yield one


def _without_single(shape):
    """Return the shape of three axes or more, the others of more than one voxel.

    A slice may have two, and some programs keep volumes on the fifth.
    """
    if len(shape) == 2:
        return (*shape, 1)
    return (*shape[:3], *(size for size in shape[3:] if size > 1))


def load_volumes(path):
    """Return the values and the affine of a NIfTI file.

    Only NIfTI: other formats that nibabel knows find further files by what one says.
    """
    file = VolumeFile(path)
    values = np.empty(file.shape, dtype=np.result_type(file.dtype, np.float32))
    flat = values.reshape(*file.shape[:3], -1) if len(file.shape) > 2 else None
    if flat is None or len(file.shape) > 4:
        # Whoever asked will not take it.
        return _values(file.image, file.shape), file.affine
    for k, (_, volume) in enumerate(file.volumes()):
        flat[..., k] = volume
    return values, file.affine


def _open(path):
    """Return an image, whose voxels are not read yet, and its affine."""
    nibabel = import_nibabel()
    if not path.is_file():
        there = "is not a regular file" if path.exists() else "no such file"
        raise ValueError(f"{path}: {'is a folder' if path.is_dir() else there}.")
    if not _NAME.fullmatch(path.name):
        raise ValueError(f"{path}: expected a NIfTI file, .nii or .nii.gz.")
    try:
        with silenced(), _repairs(nibabel) as repairs:
            image = nibabel.load(path)
            affine = np.asarray(image.affine, dtype=np.float64)
    except Exception as error:  # nibabel's errors have no common class
        raise ValueError(f"{path}: cannot be read ({reason(error)}).") from error
    if repairs:
        warnings.warn(f"{path}: {'; '.join(repairs)}.", stacklevel=5)
    if not isinstance(image, nibabel.Nifti1Pair):
        raise ValueError(
            f"{path}: expected a NIfTI image, got a {type(image).__name__}."
        )
    if not is_affine(affine):
        raise ValueError(f"{path}: its affine is no map of space, {affine.tolist()}.")
    return image, affine


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


def _check_claim(image, shape, file):
    """Return where voxels start and their bytes, if a file can have them."""
    claimed = image.get_data_dtype().itemsize
    for size in shape:
        claimed *= size
    start = int(image.dataobj.offset)
    there = _least_upper_bound(file)
    if there is not None and there < start + claimed:
        raise _missing(shape, file, start, claimed, None)
    return start, claimed


def _missing(shape, file, start, claimed, error):
    """Return the error that says what a file lacks."""
    why = "" if error is None else f" ({reason(error)})"
    sizes = " x ".join(map(str, shape))
    return ValueError(
        f"{file}: cannot be read: the header claims {sizes} voxels, "
        f"{claimed} bytes, and the file holds {_count(file, start)}{why}."
    )


def _values(image, shape):
    """Return the voxels of an image, if its file has what the header claims."""
    file = str(image.file_map["image"].filename)
    start, claimed = _check_claim(image, shape, file)
    try:
        with silenced(), np.errstate(all="ignore"):
            return _read(image, file)
    except Exception as error:
        raise _missing(shape, file, start, claimed, error) from error


def _read_volumes(file, name, start):
    """Yield (stored, values) of the volumes of a file, read from its start to its end.

    A compressed file is read to its end, where its check sum is.
    """
    low = name.lower()
    if low.endswith((".bz2", ".zst")):
        whole = _read(file.image, name)
        whole = whole.reshape(*file.shape[:3], -1)
        for k in range(file.n_volumes):
            yield whole[..., k], whole[..., k]
        return
    kind, shape = file.image.get_data_dtype(), file.shape[:3]
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    slope, inter = file.scaling
    with (gzip.open if low.endswith(".gz") else open)(name, "rb") as stream:
        stream.seek(start)
        for number in range(file.n_volumes):
            content = stream.read(size)
            if len(content) < size:
                raise EOFError("it ends before its last voxel")
            stored = np.frombuffer(content, dtype=kind).reshape(shape, order="F")
            values = stored
            if (slope, inter) != (1.0, 0.0):
                values = stored * slope + inter
            while number == file.n_volumes - 1 and stream.read(_CHUNK):
                pass
            yield stored, values


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
