"""PAR and REC files of Philips scanners, through nibabel."""

import warnings

import numpy as np

from ._files import reason
from ._images import COLUMNS
from ._volumes import import_nibabel, is_affine

_COMPONENTS = {0: "M", 1: "R", 2: "I", 3: "P"}


class ParVolumes:
    """Volumes of one component of a PAR/REC pair."""

    # Values come scaled, and the limit of what is stored is not known.
    scaling = (np.nan, np.nan)

    def __init__(self, image, numbers, component, points, protocol):
        self._image, self._numbers = image, numbers
        self.component, self.points, self.protocol = component, points, protocol
        self.affine = np.asarray(image.affine, dtype=np.float64)
        self.shape = tuple(int(size) for size in image.shape[:3])
        self.n_volumes = len(numbers)
        self.dtype = np.dtype(np.float32)

    def volumes(self):
        """Yield (stored, values) of each volume."""
        proxy = self._image.dataobj
        for number in self._numbers:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    one = proxy[..., number] if len(proxy.shape) > 3 else proxy[...]
            except Exception as error:  # nibabel's errors have no common class
                raise ValueError(
                    f"{self._image.file_map['image'].filename}: cannot be read "
                    f"({reason(error)})."
                ) from error
            yield np.asarray(one), np.asarray(one)


def open_parrec(path):
    """Return the ParVolumes of each component of a PAR file.

    Values are what images have in common, (stored RS + RI) / (RS SS).
    """
    nibabel = import_nibabel()
    if not path.is_file():
        raise ValueError(f"{path}: no such file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = nibabel.parrec.load(
                path, permit_truncated=True, scaling="fp", strict_sort=True
            )
            header = image.header
            order = header.get_sorted_slice_indices()
            rows = header.image_defs[order]
            shape = tuple(int(size) for size in image.shape)
            sound = is_affine(np.asarray(image.affine, dtype=np.float64))
    except Exception as error:  # nibabel's errors have no common class
        raise ValueError(f"{path}: cannot be read ({reason(error)}).") from error
    if not sound or len(shape) not in (3, 4):
        raise ValueError(
            f"{path}: expected volumes in space, got shape {shape} and affine "
            f"{np.asarray(image.affine).tolist()}."
        )
    rows = rows[:: shape[2]]
    general = header.general_info
    repetition = np.ravel(general.get("repetition_time", []))
    protocol = str(general.get("protocol_name", ""))
    kinds = [_COMPONENTS.get(int(row["image_type_mr"]), "X") for row in rows]
    found = []
    for component in sorted(set(kinds) - {"X"}):
        numbers = [k for k, kind in enumerate(kinds) if kind == component]
        points = [_point(rows[k], repetition) for k in numbers]
        found.append(ParVolumes(image, numbers, component, points, protocol))
    return found


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
