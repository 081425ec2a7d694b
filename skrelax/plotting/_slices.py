"""Slices of volumes as a viewer expects them."""

import numpy as np

# Between slices side by side, in voxels.
_GAP = 1


def upright(image, affine):
    """Return an image (n_x, n_y, ...) with its first axes turned for a picture.

    The first axis becomes the rows, from the head or the front downwards, the second
    the columns, from the right or the front to the left or the back: radiological
    orientation. The third axis stays.

    Parameters
    ----------
    image : ndarray of shape (n_x, n_y, ...)
        Voxels.
    affine : ndarray of shape (4, 4)
        From voxels to places, which grow to the right, the front and the head.

    Returns
    -------
    image : ndarray of shape (n_rows, n_columns, ...)
        A view.
    aspect : float
        Height of a voxel over its width.
    side : {"R", "A", "S"}
        Where the left edge lies: right, anterior or superior.
    """
    directions = np.asarray(affine)[:3, :2]
    # The place that a step along each axis changes most.
    sides = np.abs(directions).argmax(axis=0)
    rows, columns = (0, 1) if sides[0] > sides[1] else (1, 0)
    image = np.moveaxis(image, (rows, columns), (0, 1))
    turned = [directions[sides[axis], axis] > 0.0 for axis in (rows, columns)]
    steps = tuple(slice(None, None, -1 if turn else 1) for turn in turned)
    sizes = np.linalg.norm(directions, axis=0)
    side = "RAS"[sides[columns]]
    return image[steps], float(sizes[rows] / sizes[columns]), side


def choose_slices(image, given):
    """Return indices of slices of a volume: those that are given, or at most so many.

    These are spread evenly over the slices that have values.
    """
    if not isinstance(given, int | np.integer):
        return np.asarray(given)
    there = np.flatnonzero(np.isfinite(image).any(axis=(0, 1)))
    there = there if there.size else np.arange(image.shape[2])
    count = min(int(given), there.size)
    # In the middle of parts of equal size.
    return there[((np.arange(count) + 0.5) * there.size / count).astype(int)]


def tile(image, slices):
    """Return slices of a volume (n_rows, n_columns, n_slices) side by side."""
    n_rows, n_columns = image.shape[:2]
    across = int(np.ceil(np.sqrt(len(slices))))
    down = -(-len(slices) // across)
    height, width = n_rows + _GAP, n_columns + _GAP
    tiled = np.full((down * height - _GAP, across * width - _GAP), np.nan)
    for k, number in enumerate(slices):
        row, column = divmod(k, across)
        top, left = row * height, column * width
        tiled[top : top + n_rows, left : left + n_columns] = image[..., number]
    return tiled
