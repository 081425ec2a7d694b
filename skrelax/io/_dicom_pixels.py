"""Pixels of DICOM files, which may need a decoder that is not installed."""

import numpy as np

from ._files import ImageFileError, reason

# What decodes them, as packages are named.
_JPEG_2000, _OTHERS = "pylibjpeg pylibjpeg-openjpeg", "pylibjpeg pylibjpeg-libjpeg"


def read_pixels(data, name):
    """Return the stored pixels of a data set."""
    try:
        return np.asarray(data.pixel_array)
    except Exception as error:
        syntax = getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", None)
        if syntax is None or not getattr(syntax, "is_compressed", False):
            raise ImageFileError(
                f"{name}: pixels cannot be read ({reason(error)})."
            ) from error
        raise ImageFileError(_words(name, syntax, error)) from error


def _words(name, syntax, error):
    """Return what is said of compressed pixels that cannot be decoded."""
    if _can_decode(syntax):
        return f"{name}: pixels ({syntax.name}) cannot be decoded ({reason(error)})."
    packages = _JPEG_2000 if "2000" in syntax.name else _OTHERS
    return (
        f"{name}: pixels are compressed ({syntax.name}), and nothing that decodes them "
        f"is installed: pip install {packages} (or python-gdcm), or decompress the "
        "files with gdcmconv --raw (JPEG also with dcmdjpeg)."
    )


def _can_decode(syntax):
    """Return whether pydicom has a decoder whose packages are installed."""
    from pydicom.pixels import get_decoder

    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False
