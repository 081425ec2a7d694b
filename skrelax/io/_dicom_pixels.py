"""Pixels of DICOM files, which may need a decoder that is not installed."""

import contextlib

import numpy as np

from ..utils._warnings import silenced
from ._files import ImageFileError, reason

# What decodes them, by words in the name of a syntax: the packages of the extra.
_DECODERS = {
    "2000": "pylibjpeg pylibjpeg-openjpeg",
    "JPEG-LS": "pyjpegls",
    "JPEG": "python-gdcm",
}


def iterate_pixels(path, name, frames):
    """Yield the stored pixels of frames of a file, or of all of it for None.

    Frames are read one by one: a file of thousands never lies in memory as a whole.
    """
    import pydicom
    from pydicom.pixels import iter_pixels

    if frames is None:
        with _silence():
            try:
                data = pydicom.dcmread(path)
            except Exception as error:
                raise ImageFileError(
                    f"{name}: cannot be read ({reason(error)})."
                ) from error
            pixels = read_pixels(data, name)
        yield pixels
        return
    iterator = iter_pixels(path, indices=frames, raw=True)
    for _ in frames:
        # Not around the yield: whoever asks for pixels may warn.
        with _silence():
            try:
                pixels = next(iterator)
            except Exception as error:
                header = pydicom.dcmread(path, stop_before_pixels=True)
                raise _unreadable(header, name, error) from error
        yield pixels


@contextlib.contextmanager
def _silence():
    """Keep pydicom from warning of every small breach of the standard."""
    with silenced():
        yield


def read_pixels(data, name):
    """Return the stored pixels of a data set."""
    try:
        return np.asarray(data.pixel_array)
    except Exception as error:
        raise _unreadable(data, name, error) from error


def _unreadable(data, name, error):
    """Return the error that says why pixels cannot be read."""
    syntax = getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", None)
    try:
        compressed = syntax is not None and syntax.is_compressed
    except (AttributeError, ValueError):  # what a damaged file names is none
        compressed = False
    if not compressed:
        return ImageFileError(f"{name}: pixels cannot be read ({reason(error)}).")
    return ImageFileError(_words(name, syntax, error))


def _words(name, syntax, error):
    """Return what is said of compressed pixels that cannot be decoded."""
    if _can_decode(syntax):
        return f"{name}: pixels ({syntax.name}) cannot be decoded ({reason(error)})."
    for word, packages in _DECODERS.items():
        if word in syntax.name:
            return (
                f"{name}: pixels are compressed ({syntax.name}), and nothing that "
                'decodes them is installed: pip install "skrelax[compressed]" (or '
                f"{packages}), or decompress the files with gdcmconv --raw (JPEG also "
                "with dcmdjpeg)."
            )
    return (
        f"{name}: pixels are compressed ({syntax.name}), which nothing here decodes: "
        "decompress the files with gdcmconv --raw."
    )


def _can_decode(syntax):
    """Return whether pydicom has a decoder whose packages are installed."""
    from pydicom.pixels import get_decoder

    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False
