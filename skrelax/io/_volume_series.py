"""Volumes of NIfTI and PAR/REC files: what each is, and one array of all."""

import re
from dataclasses import dataclass

import numpy as np

from ._choice import find_letters
from ._clipped import find_clipped
from ._files import clean_label
from ._images import COLUMNS, given_points, say_clipped
from ._parrec import open_parrec
from ._series import Series, find_place, judge_name
from ._sidecar import (
    MAIN_KEYS,
    SUFFIXES,
    component_of,
    factor_of,
    judge,
    number_and_name,
    parse_name,
    points_of,
    read_sidecar,
    sequence_of,
)
from ._volumes import VolumeFile

# Affines that agree to this many mm are the same.
_SAME_PLACE = 1e-3
_PAR = (".par", ".PAR")


@dataclass(eq=False)
class ImageFile:
    """Volumes of a file that are one component, and what is known of them."""

    path: object
    volumes: object
    """Gives shape, affine, dtype, scaling and an iterator of volumes."""
    points: list
    """Acquisition of each volume, none where files do not tell."""
    component: str = "M"
    number: int | None = None
    name: str = ""
    series: tuple = ()
    """What the files of one series have in common."""
    kind: tuple = ()
    reason: str | None = None
    doubtful: str | None = None
    error: Exception | None = None
    factor: float = 1.0
    """Makes values of files comparable, where they are not."""

    @property
    def shape(self):
        """Size of a volume."""
        return self.volumes.shape[:3]

    @property
    def affine(self):
        """From voxels to scanner coordinates [mm]."""
        return self.volumes.affine

    @property
    def n_volumes(self):
        """Number of volumes."""
        return self.volumes.n_volumes


def find_image_files(folder):
    """Return the files of a folder, or of those in it if it has none itself."""
    endings = (*SUFFIXES, *_PAR)
    for found in (folder.iterdir(), folder.rglob("*")):
        # Some systems put hidden files beside those that they copy.
        paths = [
            path
            for path in found
            if path.name.endswith(endings) and not path.name.startswith("._")
        ]
        if paths:
            return sorted(paths, key=_natural)
    return []


def _natural(path):
    """Return what sorts te2 before te10."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(one), "") if one.isdigit() else (-1, one) for one in parts], str(path)


def open_files(paths, is_folder, told):
    """Return an ImageFile for each component of each file.

    In a folder, files that are no measurement by their names or sidecars have a
    reason; elsewhere all are taken as they are. With `told`, the caller gives the
    acquisition, and sidecars are not asked for it.
    """
    files = []
    for path in paths:
        if path.name.endswith(_PAR):
            for volumes in open_parrec(path):
                name = clean_label(volumes.protocol or path.stem, path.stem)
                why, doubtful = judge_name(name, original=True)
                files.append(
                    ImageFile(
                        path, volumes, volumes.points, volumes.component, None, name,
                        ("par", str(path)), reason=why, doubtful=doubtful,
                    )
                )  # fmt: skip
            continue
        files.append(_open_nifti(path, is_folder, told))
    return files


def _open_nifti(path, is_folder, told):
    """Return the ImageFile of a NIfTI file."""
    name = parse_name(path)
    volumes = VolumeFile(path)
    found = ImageFile(path, volumes, [{}] * volumes.n_volumes, name=name.stem)
    if len(volumes.shape) not in (3, 4):
        found.error = ValueError(
            f"{path}: expected 3 or 4 axes, got shape {volumes.shape}."
        )
        if not is_folder:
            raise found.error
        found.reason = f"{len(volumes.shape)} axes"
        return found
    sidecar = None if told else read_sidecar(path)
    if sidecar is None:
        found.component = component_of(name, {})
        if is_folder:
            found.reason, found.doubtful = judge(name, {})
        if not told:
            found.error = _no_sidecar(path, name)
            found.reason = found.reason or "no sidecar"
            if not is_folder:
                raise found.error
        return found
    content, origin, file = sidecar
    found.number, found.name = number_and_name(name, content)
    found.component = component_of(name, content)
    found.kind = sequence_of(name, content)
    found.factor = factor_of(content)
    if name.entities:
        found.series = ("bids", *name.series)
    elif found.number is not None:
        found.series = ("number", found.number)
    if is_folder:
        found.reason, found.doubtful = judge(name, content)
        if found.reason:
            return found
    found.points = points_of(content, origin, file, name, volumes.n_volumes)
    if is_folder and not any(v is not None for v in found.points[0].values()):
        found.error = ValueError(
            f"{file}: expected some of {MAIN_KEYS}, found none of them."
        )
        found.reason = "no times or angles in its sidecar"
    return found


def _no_sidecar(path, name):
    return ValueError(
        f"{path} has no sidecar: expected {name.stem}.json beside it, with "
        f"{MAIN_KEYS} (those that there are, in seconds and degrees; of a series "
        "a list of one number per volume), or the acquisition (--times FILE)."
    )


def sort_files(files, told):
    """Return the Series of files."""
    units, places = {}, []
    for file in files:
        where = find_place(file, places, _is_same_place)
        series = file.series or ("told" if told else str(file.path),)
        key = series, where, file.reason, file.doubtful
        units.setdefault(key, []).append(file)
    found = []
    for (_, where, why, doubtful), parts in units.items():
        first = parts[0]
        found.append(
            Series(
                number=first.number,
                name=first.name,
                points=[(0, one) for file in parts for one in file.points],
                components=tuple(sorted({file.component for file in parts})),
                place=(*first.shape, where),
                kind=first.kind,
                reason=why,
                doubtful=doubtful,
                items=parts,
                error=next((file.error for file in parts if file.error), None),
            )
        )
    return found


def _is_same_place(file, other):
    return file.shape == other.shape and np.allclose(
        file.affine, other.affine, atol=_SAME_PLACE
    )


def check_geometry(files):
    """Raise ValueError unless files have one size and affine."""
    for file in files[1:]:
        if not _is_same_place(file, files[0]):
            raise ValueError(
                f"{file.path}: has another size or geometry than {files[0].path}."
            )


def letters_of(files, component, source):
    """Return the components of given files that are to be read."""
    there = {file.component for file in files}
    # Whoever names phases, or imaginary parts alone, wants them.
    more = ("P" if there == {"P"} else "I",) if component == "auto" else ()
    return find_letters(there, component, source, more)


def place_volumes(files, letters, source, acquisition):
    """Return the acquisition of each point, and (file, points of its volumes).

    Real and imaginary parts of one acquisition share a point.
    """
    points, places = [], []
    for file in files:
        if file.component == letters[0]:
            numbers = range(len(points), len(points) + file.n_volumes)
            points += file.points
            places.append((file, list(numbers)))
    free = list(range(len(points)))
    for file in files:
        if file.component == letters[0]:
            continue
        numbers = []
        for one in file.points:
            number = next((k for k in free if points[k] == one), None)
            if number is None:
                raise ValueError(
                    f"{file.path}: has no counterpart among the real images with the "
                    "same times and angles."
                )
            free.remove(number)
            numbers.append(number)
        places.append((file, numbers))
    if letters == "RI" and free:
        raise ValueError(
            f"{source}: {len(free)} of {len(points)} real images have no imaginary "
            "part."
        )
    if acquisition is not None:
        given = given_points(acquisition, len(points))
        points = [dict.fromkeys(COLUMNS) | one for one in given]
    return points, places


def fill_volumes(files, places, n_points, letters, source):
    """Return the signals (n_points, n_x, n_y, n_z)."""
    dtype = np.result_type(*(file.volumes.dtype for file in files))
    if letters == "RI":
        dtype = np.result_type(dtype, np.complex64)
    signals, clipped = None, np.zeros(2, dtype=int)
    is_uneven = len({file.factor for file in files}) > 1
    for file, numbers in places:
        scaled = file.volumes.scaling != (1.0, 0.0)
        volumes = file.volumes.volumes()
        for number, (stored, values) in zip(numbers, volumes, strict=True):
            if signals is None:
                # Not before voxels have been seen: headers may claim any size.
                signals = np.zeros((n_points, *files[0].shape), dtype=dtype)
            target = signals[number]
            if letters == "RI":
                target = target.imag if file.component == "I" else target.real
            target[...] = values * file.factor if is_uneven else values
            lost = find_clipped(stored, scaled=scaled)
            if lost is not None:
                target[lost] = np.nan
                clipped += np.count_nonzero(lost), 1
    say_clipped(source, *clipped)
    return signals
