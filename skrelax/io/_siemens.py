"""Mosaics: slices side by side in one image, as Siemens scanners write them."""

import contextlib
import struct

import numpy as np

from ._files import ImageFileError
from ._private import as_number, find_private

_MR_HEADER, _CSA_HEADER = "SIEMENS MR HEADER", "SIEMENS CSA HEADER"
# More than any header has.
_MOST_TAGS, _MOST_ITEMS = 512, 4_096
_MOST_SLICES = 4_096


def is_mosaic(data):
    """Return whether a data set is a mosaic of slices."""
    return "MOSAIC" in [str(kind) for kind in data.get("ImageType") or []]


def split_mosaic(name, data):
    """Return the number of slices, tiles along an edge, and the normal or None."""
    header = {}
    content = find_private(data, _CSA_HEADER, 0x0029, 0x10)
    if isinstance(content, bytes):
        header = read_csa(content)
    count = as_number(find_private(data, _MR_HEADER, 0x0019, 0x0A), "H")
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        count = int(count)
    if count is None:
        with contextlib.suppress(KeyError, IndexError, ValueError):
            count = int(header["NumberOfImagesInMosaic"][0])
    if count is None:
        raise ImageFileError(
            f"{name}: is a mosaic, but does not say of how many slices in (0019,100A) "
            "or its CSA header."
        )
    if not 1 <= count <= _MOST_SLICES:
        raise ImageFileError(f"{name}: is a mosaic of {count} slices.")
    edge = int(np.ceil(np.sqrt(count)))
    if int(data.Rows) % edge or int(data.Columns) % edge:
        raise ImageFileError(
            f"{name}: a mosaic of {count} slices has {edge} x {edge} tiles, which "
            f"{data.Rows} x {data.Columns} pixels cannot hold."
        )
    normal = None
    with contextlib.suppress(KeyError, ValueError):
        values = np.array([float(text) for text in header["SliceNormalVector"][:3]])
        if values.size == 3 and abs(np.linalg.norm(values) - 1.0) < 0.05:
            normal = values
    return count, edge, normal


def read_csa(content):
    """Return the entries of a CSA header, lists of text by name; empty if it is none.

    The layout: "SV10" and four bytes, or nothing; number of tags; a tag has 64 bytes
    of name, 4 of multiplicity, 4 of representation, 4 of type, 4 of number of items, 4
    unused; an item has 16 bytes, of which one number is its length, and its text,
    padded to four bytes.
    """
    second = content[:4] == b"SV10"
    start = 8 if second else 0
    entries = {}
    try:
        (n_tags,) = struct.unpack_from("<I", content, start)
        if not 1 <= n_tags <= _MOST_TAGS:
            return {}
        start += 8
        first = None
        for _ in range(n_tags):
            raw, n_items = struct.unpack_from("<64s12xI4x", content, start)
            start += 84
            first = n_items if first is None else first
            if n_items > _MOST_ITEMS:
                return entries
            texts = []
            for item in range(n_items):
                lengths = struct.unpack_from("<4i", content, start)
                start += 16
                if second:
                    length = lengths[1]
                else:
                    # The older form adds the number of items of the first tag.
                    length = lengths[0] - first
                if length < 0 or start + length > len(content):
                    return entries
                text = content[start : start + length].split(b"\0")[0]
                if item < 6 and text.strip():
                    texts.append(text.decode("latin-1").strip())
                start += -(-length // 4) * 4
            entries[raw.split(b"\0")[0].decode("latin-1")] = texts
    except struct.error:
        return entries
    return entries


def places_in_mosaic(geometry, shape, edge, count, normal, step):
    """Return the position (count, 3) of the first pixel of each slice.

    geometry is position, orientation and spacing of the whole mosaic, of shape pixels.
    The position in the file belongs to an image of the mosaic's size around the middle
    of the first slice.
    """
    position, orientation, spacing = geometry
    right, down = orientation[:3], orientation[3:]
    rows, columns = shape[0] / edge, shape[1] / edge
    first = position + 0.5 * right * spacing[1] * (shape[1] - columns)
    first = first + 0.5 * down * spacing[0] * (shape[0] - rows)
    if normal is None:
        normal = np.cross(right, down)
    return first + step * np.arange(count)[:, None] * normal


def tile(pixels, edge, index):
    """Return a slice of a mosaic."""
    rows, columns = pixels.shape[0] // edge, pixels.shape[1] // edge
    i, j = divmod(index, edge)
    return pixels[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns]
