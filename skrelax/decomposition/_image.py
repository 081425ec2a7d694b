"""Checks of the image that rows of signals are the voxels of."""

import math
import numbers

import numpy as np

from ..utils._validation import check_numbers, errors_name
from ._patches import default_size


def check_shape(image_shape):
    """Return the shape of an image as a tuple of int."""
    if not 1 <= len(image_shape) <= 3:
        raise ValueError(
            f"image_shape must have one to three numbers, got {image_shape!r}."
        )
    return _check_counts(image_shape, "image_shape")


def check_mask(mask, image_shape):
    """Return a mask in the shape of the image; `image_shape` may be None."""
    with errors_name("mask"):
        mask = check_numbers(mask, "mask")
    if not np.isin(mask, (0, 1)).all():
        raise ValueError("mask must hold True and False alone.")
    if image_shape is None:
        if mask.ndim not in (2, 3):
            raise ValueError(
                f"mask must be a 2-D or 3-D image, got shape {mask.shape}; give "
                "image_shape beside a mask with one value per voxel."
            )
    elif mask.shape not in (image_shape, (math.prod(image_shape),)):
        raise ValueError(
            f"mask must have the shape of the image, {image_shape}, or one value for "
            f"each of its voxels, got shape {mask.shape}."
        )
    else:
        mask = mask.reshape(image_shape)
    if not mask.any():
        raise ValueError("mask must have a True voxel, got none.")
    return mask.astype(bool)


def check_extents(patch_size, image_shape, n_points):
    """Return the voxels of a patch along each axis of the image."""
    if patch_size is None:
        return default_size(image_shape, n_points)
    if isinstance(patch_size, numbers.Integral):
        patch_size = [patch_size if length > 1 else 1 for length in image_shape]
    patch_size = _check_axes(patch_size, "patch_size", image_shape)
    for axis, (extent, length) in enumerate(zip(patch_size, image_shape, strict=True)):
        if extent > length:
            fits = tuple(map(min, patch_size, image_shape))
            raise ValueError(
                f"patch_size must fit into the image, got {extent} for the {length} "
                f"voxels along axis {axis}; {fits} would."
            )
    return patch_size


def check_stride(stride, patch_size):
    """Return the voxels from patch to patch along each axis of the image."""
    if stride is None:
        return tuple(max(1, extent // 2) for extent in patch_size)
    if isinstance(stride, numbers.Integral):
        stride = [stride if extent > 1 else 1 for extent in patch_size]
    stride = _check_axes(stride, "stride", patch_size)
    if any(step > extent for step, extent in zip(stride, patch_size, strict=True)):
        raise ValueError(
            f"stride must be at most the patch, {patch_size}, or voxels would be in "
            f"none, got {stride}."
        )
    return stride


def check_noise(noise_std):
    """Return a noise level, a copy of a map of them, or None."""
    if noise_std is None or isinstance(noise_std, numbers.Real):
        return noise_std
    noise_std = check_numbers(noise_std, "noise_std", finite=False, ndim=1)
    bad = (noise_std < 1e-100) | (noise_std > 1e100)
    if bad.any():
        raise ValueError(
            "noise_std must be from 1e-100 to 1e100, or nan where there is no signal, "
            f"got {noise_std[bad][0]} at index {bad.argmax()}."
        )
    return noise_std.copy()


def place_rows(n_rows, image_shape, mask):
    """Return the row of each voxel of an image, -1 for those outside of the mask."""
    if image_shape is None:
        return np.arange(n_rows)
    n_voxels = math.prod(image_shape)
    if mask is None:
        mask = np.ones(image_shape, dtype=bool)
    n_inside = np.count_nonzero(mask)
    places = np.full(image_shape, -1)
    if n_rows == n_voxels:
        places[mask] = np.flatnonzero(mask)
    elif n_rows == n_inside:
        places[mask] = np.arange(n_rows)
    else:
        inside = "" if n_inside == n_voxels else f", or the {n_inside} of the mask"
        raise ValueError(
            f"X must have a row for each of the {n_voxels} voxels of an image of shape "
            f"{image_shape}{inside}, got {n_rows}."
        )
    return places


def _check_axes(values, name, axes):
    """Return one number per axis as a tuple of int."""
    if len(values) != len(axes):
        raise ValueError(
            f"{name} must have one number for each axis of the image, {len(axes)}, got "
            f"{values!r}."
        )
    return _check_counts(values, name)


def _check_counts(values, name):
    """Return a sequence of positive integers as a tuple of int."""
    for value in values:
        if not isinstance(value, numbers.Integral) or isinstance(value, bool):
            raise TypeError(f"{name} must hold integers, got {values!r:.60}.")
        if not 1 <= value < 2**31:
            raise ValueError(f"{name} must hold positive integers, got {values!r:.60}.")
    return tuple(int(value) for value in values)
