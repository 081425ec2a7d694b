"""PAR and REC files of Philips scanners, whose headers nibabel reads."""

import numpy as np

from ..utils._warnings import silenced
from ._files import reason
from ._images import COLUMNS
from ._volumes import import_nibabel, is_affine

_COMPONENTS = {0: "M", 1: "R", 2: "I", 3: "P"}
# What images of one volume have in common, in the order in which volumes are sorted.
_VOLUME = (
    "image_type_mr", "scanning sequence", "label type", "gradient orientation number",
    "diffusion b value number", "dynamic scan number", "cardiac phase number",
    "Inversion delay", "image_flip_angle", "echo number", "echo_time",
)  # fmt: skip


class ParVolumes:
    """Volumes of one component of a PAR/REC pair."""

    # Images are scaled one by one, as the scale slope says.
    scaling = (np.nan, np.nan)
    dtype = np.dtype(np.float32)

    def __init__(self, path, header, rows, component):
        self.path = path
        self.component = component
        self.affine = np.asarray(header.get_affine(), dtype=np.float64)
        self.shape = tuple(int(size) for size in header.get_data_shape()[:3])
        self.protocol = str(header.general_info.get("protocol_name", ""))
        repetition = np.ravel(header.general_info.get("repetition_time", []))
        self.points = [
            _point(next(row for row in volume if row is not None), repetition)
            for volume in rows
        ]
        self.n_volumes = len(rows)
        self._rows, self._kind = rows, header.get_data_dtype()

    def volumes(self):
        """Yield (stored, values) of each volume."""
        path = _rec_of(self.path)
        count = int(np.prod(self.shape[:2]))
        try:
            with path.open("rb") as file:
                for volume in self._rows:
                    stored = np.zeros(self.shape, dtype=self._kind)
                    values = np.full(self.shape, np.nan)
                    for k, row in enumerate(volume):
                        if row is None:
                            continue
                        file.seek(
                            int(row["index in REC file"]) * count * self._kind.itemsize
                        )
                        one = np.frombuffer(
                            file.read(count * self._kind.itemsize), dtype=self._kind
                        )
                        if one.size < count:
                            raise EOFError("it ends before its last image")
                        stored[..., k] = one.reshape(self.shape[:2], order="F")
                        slope = float(row["rescale slope"])
                        scale = slope * float(row["scale slope"])
                        summand = float(row["rescale intercept"])
                        values[..., k] = (stored[..., k] * slope + summand) / scale
                    yield stored, values
        except (OSError, EOFError, ValueError) as error:
            raise ValueError(f"{path}: cannot be read ({reason(error)}).") from error


def _rec_of(path):
    """Return the path of the REC file beside a PAR file."""
    names = (".REC", ".rec") if path.suffix == ".PAR" else (".rec", ".REC")
    there = [path.with_suffix(name) for name in names]
    return next((one for one in there if one.is_file()), there[0])


def open_parrec(path):
    """Return the ParVolumes of each component of a PAR file.

    An image that a volume lacks, as in the last one of an interrupted scan, is nan.
    Values are what images have in common, (stored RS + RI) / (RS SS) with rescale slope
    RS and intercept RI and scale slope SS.
    """
    nibabel = import_nibabel()
    if not path.is_file():
        raise ValueError(f"{path}: no such file.")
    try:
        with silenced(), path.open(encoding="latin-1") as file:
            header = nibabel.parrec.PARRECHeader.from_fileobj(
                file, permit_truncated=True, strict_sort=True
            )
            # Not in the order of nibabel, which cuts images off where volumes are
            # incomplete, and the others into volumes wherever they begin.
            rows = header.image_defs
            found = _by_component(path, header, rows)
    except Exception as error:  # nibabel's errors have no common class
        raise ValueError(f"{path}: cannot be read ({reason(error)}).") from error
    for row in rows:
        scale = float(row["rescale slope"]) * float(row["scale slope"])
        if not 0 < scale < np.inf:
            raise ValueError(f"{path}: slopes must be positive, got {scale:g}.")
    if not found or not is_affine(found[0].affine):
        raise ValueError(f"{path}: holds no images of a place in space.")
    return found


def _by_component(path, header, rows):
    """Return the ParVolumes of the rows of a header."""
    n_slices = int(header.get_data_shape()[2])
    names = [name for name in _VOLUME if name in rows.dtype.names]
    volumes = {}
    for row in rows:
        own = tuple(np.ravel(row[name])[0] for name in names)
        place = int(row["slice number"])
        if not 1 <= place <= n_slices:
            raise ValueError(f"slice {place} is none of {n_slices}")
        repeats = volumes.setdefault(own, [])
        images = next((one for one in repeats if one[place - 1] is None), None)
        if images is None:
            images = [None] * n_slices
            repeats.append(images)
        images[place - 1] = row
    found = {}
    for own in sorted(volumes):
        letter = _COMPONENTS.get(int(own[0]))
        if letter:
            found.setdefault(letter, []).extend(volumes[own])
    return [ParVolumes(path, header, found[letter], letter) for letter in sorted(found)]


def _point(row, repetition):
    """Return the acquisition of a volume."""
    point = dict.fromkeys(COLUMNS)
    names = row.dtype.names
    point["TE"] = 1e-3 * float(row["echo_time"])
    if "Inversion delay" in names:
        point["TI"] = 1e-3 * float(row["Inversion delay"])
    if "image_flip_angle" in names:
        point["FA"] = float(row["image_flip_angle"])
    if repetition.size == 1 and float(repetition[0]) > 0:
        point["TR"] = 1e-3 * float(repetition[0])
    return point
