"""What names and sidecars of NIfTI files say, as BIDS and converters write them.

Entities, suffixes and the inheritance of sidecars are those of the Brain Imaging Data
Structure [1]_, the quantities those of its appendix on quantitative MRI.

.. [1] A. Karakuzu et al., "qMRI-BIDS: An extension to the brain imaging data structure
   for quantitative magnetic resonance imaging data", Sci. Data 9 (2022) 517.
   https://doi.org/10.1038/s41597-022-01571-4
"""

import json
import re
from typing import NamedTuple

import numpy as np

from ._files import clean_label, reason, shown
from ._images import COLUMNS
from ._series import judge_name

# Keys of each quantity, the first that is there counts.
KEYS = {
    "TI": ("InversionTime",),
    "TE": ("EchoTime",),
    "TR": ("RepetitionTime", "RepetitionTimeExcitation", "RepetitionTimePreparation"),
    "FA": ("FlipAngle",),
    "TS": ("SaturationTime", "SaturationRecoveryTime", "SaturationDelay"),
    "TSL": ("SpinLockTime", "SpinLockTimes", "SpinLockDuration"),
}
# What messages ask for.
MAIN_KEYS = ", ".join(keys[0] for keys in KEYS.values())
# Of inversion recoveries the repetition time is that of the inversions.
_INVERSIONS = ("IRT1", "MP2RAGE")
# Seconds that no such time exceeds; larger numbers are milliseconds.
_LONGEST = {"TI": 60.0, "TE": 10.0, "TR": 60.0, "TS": 60.0, "TSL": 10.0}
# Suffixes of image series, and of what is none.
_MEASURED = {"MEGRE", "MESE", "IRT1", "VFA", "MP2RAGE", "MPM", "MTS", "T2starw"}
_OTHER = {
    "T1w", "T2w", "PDw", "FLAIR", "FLASH", "PD", "PDT2", "T2star", "inplaneT1",
    "inplaneT2", "angio", "UNIT1", "dwi", "sbref", "bold", "cbv", "asl", "m0scan",
    "epi", "phasediff", "phase1", "phase2", "phase", "magnitude", "magnitude1",
    "magnitude2", "fieldmap", "defacemask", "mask", "dseg", "probseg", "TB1DAM",
    "TB1EPI", "TB1AFI", "TB1TFL", "TB1RFM", "TB1SRGE", "RB1COR", "MTR",
}  # fmt: skip
# Entities by which the images of one series differ.
_WITHIN = ("echo", "inv", "flip", "mt", "part")
_ENTITY = re.compile(r"([a-z]+)-([A-Za-z0-9+]+)")
_KNOWN = {
    "sub", "ses", "sample", "task", "tracksys", "acq", "nuc", "voi", "ce", "trc",
    "stain", "rec", "dir", "run", "mod", "echo", "flip", "inv", "mt", "part", "proc",
    "hemi", "space", "split", "recording", "chunk", "seg", "res", "den", "label",
    "desc",
}  # fmt: skip
_PARTS = {"mag": "M", "phase": "P", "real": "R", "imag": "I"}
# What converters add to names, and what image types say.
_ENDINGS = {"ph": "P", "phase": "P", "real": "R", "imaginary": "I", "imag": "I"}
_TYPES = {
    "M": "M", "MAGNITUDE": "M", "P": "P", "PHASE": "P", "R": "R", "REAL": "R",
    "I": "I", "IMAGINARY": "I",
}  # fmt: skip
SUFFIXES = (".nii.gz", ".nii")
# Folders of a dataset above an image: session, subject, root.
_LEVELS = 4
# Folders of kinds of images within a subject.
_KINDS = {"anat", "fmap", "func", "dwi", "perf"}


class Name(NamedTuple):
    """What the name of a file says."""

    stem: str
    entities: dict
    """Empty where the name is not one of BIDS."""
    suffix: str

    @property
    def series(self):
        """What the images of one series have in common."""
        entities = {k: v for k, v in self.entities.items() if k not in _WITHIN}
        return (*entities.items(), self.suffix)

    @property
    def label(self):
        """What the images of one series have in common, as it stands in names."""
        *entities, suffix = self.series
        return "_".join([*(f"{key}-{value}" for key, value in entities), suffix])


def parse_name(path):
    """Return the Name of a file."""
    stem = path.name
    for ending in (*SUFFIXES, ".json", ".hdr", ".img"):
        stem = stem.removesuffix(ending)
    entities, suffix = _split_name(stem)
    known = entities and entities.keys() <= _KNOWN
    # Other names use hyphens and underscores, too.
    if not known or not (next(iter(entities)) == "sub" or suffix in _MEASURED | _OTHER):
        return Name(stem, {}, "")
    return Name(stem, entities, suffix)


def _split_name(stem):
    """Return entities and suffix of a name, none and "" where it has other parts."""
    *parts, suffix = stem.split("_")
    matches = [_ENTITY.fullmatch(part) for part in parts]
    if not all(matches):
        return {}, ""
    return {match[1]: match[2] for match in matches}, suffix


def read_sidecar(path):
    """Return the content of the sidecars of an image, and the file of each key.

    Those of BIDS are inherited: one in a folder above holds for all files whose names
    have its entities and suffix, and what is nearer counts. None if there is none.
    """
    name = parse_name(path)
    own = path.with_name(f"{name.stem}.json")
    files = _inherited(path, name) if name.entities else []
    files += [own] if own.is_file() and own not in files else []
    if not files:
        return None
    content, origin = {}, {}
    for file in files:
        for key, value in _load(file).items():
            content[key], origin[key] = value, file
    return content, origin, files[-1]


def _inherited(path, name):
    """Return the sidecars that hold for a file, those that count most last."""
    found, folder = [], path.resolve().parent
    for _ in range(_LEVELS):
        there = []
        for file in folder.glob(f"*{name.suffix}.json"):
            # It may have a suffix alone.
            entities, suffix = _split_name(file.name.removesuffix(".json"))
            if suffix == name.suffix and entities.items() <= name.entities.items():
                there.append((len(entities), file))
        found = [file for _, file in sorted(there)] + found
        if (folder / "dataset_description.json").exists():
            break
        # Above a folder that is none of a subject, session or kind there is no dataset.
        if not (folder.name.startswith(("sub-", "ses-")) or folder.name in _KINDS):
            break
        folder = folder.parent
    return found


def _load(file):
    """Return the content of a JSON file, in Unicode or Latin-1, or raise ValueError."""
    try:
        raw = file.read_bytes()
        try:
            # JSON finds out which form of Unicode it is, with a mark or without.
            content = json.loads(raw)
        except UnicodeDecodeError:
            content = json.loads(raw.decode("latin-1"))
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{file}: cannot be read ({reason(error)}).") from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{file}: expected an object with {MAIN_KEYS}, got a "
            f"{type(content).__name__}."
        )
    return content


def points_of(content, origin, file, name, n_volumes):
    """Return one dict per volume from the content of sidecars."""
    rows = [dict.fromkeys(COLUMNS) for _ in range(n_volumes)]
    for column, keys in KEYS.items():
        if column == "TR" and name.suffix in _INVERSIONS:
            keys = (keys[0], keys[2], keys[1])
        key = next((key for key in keys if content.get(key) is not None), None)
        if key is None:
            continue
        given, where = content[key], origin.get(key, file)
        values = _as_times(given)
        if values is None:
            raise ValueError(
                f"{where}: {key} is {shown(given)}, expected a number or a list of "
                "numbers."
            )
        if values.size not in (1, n_volumes):
            raise ValueError(
                f"{where}: {key} has {values.size} values, the image has {n_volumes} "
                "volumes."
            )
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(
                f"{where}: {key} must be finite and must not be negative, got "
                f"{shown(given)}."
            )
        if values.max(initial=0.0) > _LONGEST.get(column, np.inf):
            raise ValueError(
                f"{where}: {key} is up to {values.max():g}, expected seconds."
            )
        for row, value in zip(rows, np.broadcast_to(values, n_volumes), strict=True):
            row[column] = float(value)
    return rows


def _as_times(given):
    """Return the numbers (n,) of an entry of a sidecar, None if it has others."""
    entries = given if isinstance(given, list) else [given]
    if any(isinstance(entry, bool | list | dict | None) for entry in entries):
        return None
    try:
        return np.array([float(entry) for entry in entries])
    except (TypeError, ValueError, OverflowError):
        return None


def _types_of(content):
    """Return the entries of the image type."""
    kinds = content.get("ImageType")
    kinds = kinds if isinstance(kinds, list) else str(kinds or "").split("\\")
    return [str(kind).strip().upper() for kind in kinds]


def component_of(name, content):
    """Return M, P, R or I of an image."""
    if name.entities:
        part = _PARTS.get(name.entities.get("part"))
        if part:
            return part
    else:
        *_, ending = words = name.stem.lower().split("_")
        # Names that are not of BIDS may have its entity all the same.
        parts = [_PARTS.get(one.removeprefix("part-")) for one in words if "-" in one]
        letter = next(filter(None, parts), None) or _ENDINGS.get(ending)
        if letter:
            return letter
    for kind in _types_of(content)[2:]:
        if kind in _TYPES:
            return _TYPES[kind]
    return "M"


def factor_of(content):
    """Return what makes numbers of images comparable that a converter left as shown.

    Of what a Philips scanner stores, R, it shows R RS + RI with slopes of each image;
    on a common scale are (R RS + RI) / (RS SS) with the scale slope SS. dcm2niix writes
    these unless it is told otherwise, and R times the slope of real-world values
    wherever there is one [1]_.

    .. [1] https://github.com/rordenlab/dcm2niix/blob/master/Philips/README.md
    """
    keys = "PhilipsRWVSlope", "PhilipsRescaleSlope", "PhilipsScaleSlope"
    real, shown_by, scale = (_slope(content.get(key)) for key in keys)
    applied = real
    if real is None and content.get("UsePhilipsFloatNotDisplayScaling") in (0, False):
        applied = shown_by
    if applied is None or scale is None:
        return 1.0
    product = applied * scale
    return 1.0 / product if 0.0 < product < np.inf else 1.0


def _slope(given):
    """Return a slope of a sidecar, None where it is none."""
    values = None if given is None else _as_times(given)
    if values is None or values.size != 1 or not 0.0 < values[0] < np.inf:
        return None
    return float(values[0])


def judge(name, content):
    """Return why an image is no measurement, and why others are taken first."""
    if name.entities:
        if name.suffix.endswith("map") or name.suffix in _OTHER:
            return f"suffix {name.suffix}", None
        if name.suffix not in _MEASURED:
            return None, f"suffix {name.suffix} is not one of a relaxation series"
        # Two readouts of one shot, whose sign is lost: a model of their own.
        return None, "readouts of MP2RAGE" if name.suffix == "MP2RAGE" else None
    kinds = _types_of(content)
    texts = [name.stem.replace("_", " "), content.get("SeriesDescription")]
    for text in texts:
        if not isinstance(text, str):
            continue
        why, doubtful = judge_name(text, original=kinds[:1] == ["ORIGINAL"])
        if why or doubtful:
            derived = kinds[:1] == ["DERIVED"]
            return why or (doubtful if derived else None), doubtful
    return None, "derived images" if kinds[:1] == ["DERIVED"] else None


def sequence_of(name, content):
    """Return what tells sequences apart."""
    keys = ("ScanningSequence", "SequenceVariant", "MRAcquisitionType",
            "PulseSequenceType", "EchoTrainLength")  # fmt: skip
    return (name.suffix, *(shown(content.get(key)) for key in keys))


def number_and_name(name, content):
    """Return the number of the series, or None, and what it is called."""
    number = content.get("SeriesNumber")
    sound = isinstance(number, int) and not isinstance(number, bool)
    if name.entities:
        return number if sound else None, name.label
    described = content.get("SeriesDescription")
    if sound and isinstance(described, str):
        return number, clean_label(described, name.stem)
    return number if sound else None, clean_label(name.stem, name.stem)
