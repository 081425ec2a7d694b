"""Where the patches of an image lie, and what of them the noise alone explains."""

import itertools
import math
from typing import NamedTuple

import numpy as np


class Patches(NamedTuple):
    """Boxes of an image, its axes sorted so that layers are many and small."""

    places: np.ndarray
    """Row of each voxel, -1 where there is none, (n_layers, n_lines, n_in_line)."""
    size: tuple
    """Voxels of a patch along each axis."""
    starts: tuple
    """First voxels of the patches along each axis."""
    step: int
    """Voxels from patch to patch along a line."""


def lay_patches(places, size, stride):
    """Return the Patches of an image of row numbers, which has up to three axes."""
    lead = (1,) * (3 - places.ndim)
    places = places.reshape(lead + places.shape)
    size, stride = lead + tuple(size), lead + tuple(stride)
    # The longest axis has the layers, the shortest the lines: least memory.
    shortest, middle, longest = np.argsort(places.shape, kind="stable")
    order = [longest, shortest, middle]
    places = np.ascontiguousarray(places.transpose(order))
    size = tuple(int(size[axis]) for axis in order)
    stride = tuple(int(stride[axis]) for axis in order)
    starts = tuple(map(first_voxels, places.shape, size, stride))
    return Patches(places, size, starts, stride[2])


def first_voxels(length, extent, step):
    """Return the first voxels of patches along an axis, the last one moved inside."""
    starts = np.arange(0, max(length - extent, 0) + 1, step)
    if starts[-1] < length - extent:
        starts = np.append(starts, length - extent)
    return starts


def default_size(image_shape, n_points):
    """Return the least odd size of patches that hold as many voxels as points."""
    for extent in itertools.count(3, 2):
        size = tuple(min(extent, length) for length in image_shape)
        if math.prod(size) >= n_points or size == tuple(image_shape):
            return size


def runs_of(positions, step, longest):
    """Cut increasing positions into runs with one step and at most a length."""
    runs = np.split(positions, np.flatnonzero(np.diff(positions) != step) + 1)
    return [
        run[first : first + longest]
        for run in runs
        for first in range(0, run.size, longest)
    ]


def cut_spectra(spectra, n_rows, n_columns, known=False):
    r"""Return the rank of the signal in noisy matrices, and the variance of the noise.

    Where p components are taken off, noise leaves the eigenvalues of a matrix of m - p
    by n - p independent numbers: their sum is (m - p) (n - p) variances, and none is
    above :math:`(\sqrt{m - p} + \sqrt{n - p})^2` variances. The rank is the least p of
    which both hold.

    Parameters
    ----------
    spectra : ndarray of shape (n_matrices, n_values)
        Eigenvalues of X'X or XX', decreasing, at least min(m, n) of them.
    n_rows : ndarray of shape (n_matrices,)
        Number m of rows that are not zero.
    n_columns : int
        Number n of columns.
    known : bool, default=False
        Whether the variance is one, instead of what the sum says.

    Returns
    -------
    rank : ndarray of int of shape (n_matrices,)
        Number of components to keep; all of them where nothing tells of noise.
    variances : ndarray of shape (n_matrices,)
        Variance of the noise, nan where nothing tells of it.
    """
    m = np.asarray(n_rows, dtype=np.float64)[:, None]
    p = np.arange(spectra.shape[1])
    possible = p < np.minimum(m, n_columns)
    # What is below rounding is zero: signals without noise keep their rank.
    rounding = np.finfo(np.float64).eps * max(spectra.shape[1], n_columns)
    sound = possible & (spectra > rounding * spectra[:, :1])
    values = np.where(sound, spectra, 0.0)
    rows, columns = np.maximum(m - p, 1.0), np.maximum(n_columns - p, 1.0)
    edge = (np.sqrt(rows) + np.sqrt(columns)) ** 2
    if known:
        variances = np.ones_like(values)
    else:
        variances = np.cumsum(values[:, ::-1], axis=1)[:, ::-1] / (rows * columns)
        # So few numbers that a component with half of their squares would pass for
        # noise tell nothing.
        possible &= 2.0 * edge < rows * columns
    noise = possible & (values <= edge * variances)
    found = noise.any(axis=1)
    first = noise.argmax(axis=1)
    rank = np.where(found, first, np.minimum(m[:, 0], n_columns)).astype(np.intp)
    return rank, np.where(found, variances[np.arange(len(first)), first], np.nan)
