"""Images on a grid of acquisition points and slices."""

import warnings
from dataclasses import dataclass, field

import numpy as np

from ._images import COLUMNS, given_points, is_single

# Positions and directions that agree to this many mm, or cosines, are the same.
_SAME_PLACE, _SAME_DIRECTION = 1e-2, 1e-4
# Share of the images of a grid that may be missing; with more, images do not belong
# together.
_MOST_MISSING = 0.25


@dataclass
class Stack:
    """Images in their places."""

    points: list
    """Acquisition of each point, or a list of these for each slice."""
    places: list
    """(image, point, slice) of each image."""
    shape: tuple
    """Points, columns, rows, slices."""
    affine: np.ndarray
    """From voxels to scanner coordinates [mm]."""
    notes: list = field(default_factory=list)
    """What was done, a sentence each."""

    def allocate(self, letters):
        """Return an array for the signals, nan where there is no image."""
        single = all(
            image.bits <= 16 and is_single(*image.scale) for image, *_ in self.places
        )
        if letters == "RI":
            dtype = np.complex64 if single else np.complex128
        else:
            dtype = np.float32 if single else np.float64
        if len(self.places) == len(letters) * self.shape[0] * self.shape[3]:
            return np.empty(self.shape, dtype=dtype)
        missing = complex(np.nan, np.nan) if letters == "RI" else np.nan
        return np.full(self.shape, missing, dtype=dtype)


def is_parallel(image, other):
    """Return whether two images have the same directions and spacing of pixels."""
    turned = np.abs(image.orientation - other.orientation).max() > _SAME_DIRECTION
    return not turned and np.allclose(image.spacing, other.spacing, rtol=1e-4)


def stack_images(images, letters, source, acquisition=None):
    """Return the Stack of images of one series, or raise ValueError.

    acquisition is a frame with a row per point where the caller gives it.
    """
    _check_geometry(images, source)
    first = images[0]
    right, down = first.orientation[:3], first.orientation[3:]
    normal = np.cross(right, down)
    depth = np.array([image.position @ normal for image in images])
    slices = _find_slices(depth)
    step = _find_step(slices, first.thickness, source)
    where = np.abs(depth[:, None] - slices).argmin(axis=1)
    if acquisition is None:
        points, number, notes = _number_points(images, where, letters, source)
    else:
        points, number = _number_given(images, where, letters, source, acquisition)
        notes = []
    n_points = len(points[0]) if isinstance(points[0], list) else len(points)
    affine = np.eye(4)
    lowest = first.position + (slices[0] - first.position @ normal) * normal
    affine[:3] = np.column_stack(
        [right * first.spacing[1], down * first.spacing[0], normal * step, lowest]
    )
    # DICOM points to the left and back, NIfTI to the right and front.
    affine[:2] *= -1.0
    rows, columns = first.shape
    return Stack(
        points=points,
        places=list(zip(images, number, where.tolist(), strict=True)),
        shape=(n_points, columns, rows, len(slices)),
        affine=affine,
        notes=notes,
    )


def _check_geometry(images, source):
    """Raise ValueError if images do not lie on one grid."""
    first = images[0]
    for image in images[1:]:
        if image.shape != first.shape:
            raise ValueError(
                f"{source}: images have different sizes: {first.shape} in "
                f"{first.file}, {image.shape} in {image.file}; choose one series."
            )
        if not is_parallel(image, first):
            raise ValueError(
                f"{source}: {image.file} has another orientation or pixel spacing than "
                f"{first.file}; choose one series."
            )


def _find_slices(depth):
    """Return the distinct depths, ascending."""
    slices = []
    for value in np.sort(depth):
        if not slices or value - slices[-1] > _SAME_PLACE:
            slices.append(value)
    return np.array(slices)


def _find_step(slices, thickness, source):
    """Return the distance of slices, which must be even."""
    if slices.size < 2:
        return thickness
    gaps = np.diff(slices)
    if gaps.max() - gaps.min() > 0.01 * gaps.mean():
        raise ValueError(
            f"{source}: slices are {gaps.min():.3g} to {gaps.max():.3g} mm apart, "
            "expected even distances."
        )
    return gaps.mean()


def _number_points(images, where, letters, source):
    """Return acquisitions, the number of the point of each image, and notes."""
    keys = [
        tuple(
            None if (value := image.acquisition[name]) is None else round(value, 7)
            for name in COLUMNS
        )
        for image in images
    ]
    points = sorted(set(keys), key=_ascending)
    found = {}
    for image, key, k in zip(images, keys, where, strict=True):
        slot = key, int(k), image.component
        if slot in found:
            raise ValueError(
                f"{source}: {found[slot]} and {image.file} show the same slice with "
                "the same TI, TE, TR and FA; choose one series or repetition."
            )
        found[slot] = image.file
    n_slices = int(where.max()) + 1
    # Before they are allocated: images that belong nowhere would be a square of them.
    expected = len(points) * n_slices * len(letters)
    missing = expected - len(found)
    if missing <= _MOST_MISSING * expected:
        number = {key: index for index, key in enumerate(points)}
        numbers = [number[key] for key in keys]
        notes = _say_missing(points, n_slices, letters, found, source)
        return [_as_dict(key) for key in points], numbers, notes
    slices = _points_of_slices(keys, where, n_slices, len(letters))
    if slices is None:
        raise ValueError(
            f"{source}: {len(found)} images are not {len(points)} acquisitions of "
            f"{n_slices} slices ({expected} images); some are missing or belong to "
            "another series."
        )
    numbers = [slices[k].index(key) for key, k in zip(keys, where, strict=True)]
    notes = [f"{n_slices} slices were measured at times of their own"]
    return [[_as_dict(key) for key in one] for one in slices], numbers, notes


def _ascending(key):
    return [-1.0 if value is None else value for value in key]


def _as_dict(key):
    return dict(zip(COLUMNS, key, strict=True))


def _points_of_slices(keys, where, n_slices, n_letters):
    """Return the sorted acquisitions of each slice if all have as many, else None."""
    slices = [
        sorted({key for key, k in zip(keys, where, strict=True) if k == one},
               key=_ascending)
        for one in range(n_slices)
    ]  # fmt: skip
    counts = {len(one) for one in slices}
    if counts == {1} or len(counts) > 1:
        return None
    if len(keys) != n_slices * counts.pop() * n_letters:
        return None
    # Only times differ from slice to slice; other angles are another measurement.
    angles = {tuple(key[COLUMNS.index("FA")] for key in one) for one in slices}
    return slices if len(angles) == 1 else None


def _say_missing(points, n_slices, letters, found, source):
    """Warn of images of slices that are not there; return notes."""
    places = sorted(
        {
            (k, index)
            for index, key in enumerate(points)
            for k in range(n_slices)
            for letter in letters
            if (key, k, letter) not in found
        }
    )
    if not places:
        return []
    varying = [
        name
        for position, name in enumerate(COLUMNS)
        if len({key[position] for key in points}) > 1
    ]
    told = [
        f"slice {k} at "
        + ", ".join(
            f"{name} {_as_dict(points[index])[name]:g}" for name in varying
        )
        for k, index in places[:4]
    ]  # fmt: skip
    text = (
        f"{source}: {len(places)} images are missing ({'; '.join(told)}"
        f"{' ...' if len(places) > 4 else ''}); their slices are fitted without them"
    )
    warnings.warn(text, stacklevel=4)
    return [text]


def _number_given(images, where, letters, source, acquisition):
    """Return acquisitions and points of images in the order that they were measured."""
    numbers = [None] * len(images)
    for k in range(int(where.max()) + 1):
        for letter in letters:
            there = [
                index
                for index, image in enumerate(images)
                if where[index] == k and image.component == letter
            ]
            there.sort(key=lambda index: images[index].order)
            if len(there) != len(acquisition):
                raise ValueError(
                    f"{source}: the acquisition has {len(acquisition)} rows, slice {k} "
                    f"has {len(there)} images."
                )
            for point, index in enumerate(there):
                numbers[index] = point
    told = [
        {name: _common(images, numbers, point, name) for name in COLUMNS}
        for point in range(len(acquisition))
    ]
    given = given_points(acquisition, len(acquisition))
    return [one | two for one, two in zip(told, given, strict=True)], numbers


def _common(images, numbers, point, name):
    """Return a quantity that all images of a point agree on, or None."""
    found = {
        image.acquisition[name]
        for image, number in zip(images, numbers, strict=True)
        if number == point
    }
    return found.pop() if len(found) == 1 else None
