"""What the headers of DICOM images say: one entry per image."""

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ._files import ImageFileError, clean_label, shown
from ._images import COLUMNS
from ._private import as_number, find_private, first_items
from ._series import judge_name
from ._siemens import is_mosaic, places_in_mosaic, split_mosaic

_PHILIPS = "Philips MR Imaging DD 001"
# Element of the scale slope in that private block.
_SCALE_SLOPE = 0x0E
# Element of the component in a block of GE, and its numbers.
_GE, _GE_COMPONENT = "GEMS_PARM_01", 0x2F
_GE_LETTERS = dict(enumerate("MPRI"))
_COMPONENTS = {"MAGNITUDE": "M", "PHASE": "P", "REAL": "R", "IMAGINARY": "I"}
# Beyond all scanners [mm].
_LARGEST_PLACE = 1e6
# Largest difference from 1 of the length of a direction, and from 0 of cosines.
_SKEW = 0.05
# Some files fill numbers in that are not known.
_LARGEST_TIME = 1e9
# Entries of the image type that say what an image is, beside names of maps.
_LOCALIZERS = {"LOCALIZER", "SCOUT"}
_NO_IMAGES = {"SCREEN SAVE", "SCREENSAVE", "REPORT", "CSAPARALLEL", "CSA REPORT"}
_MAPS = re.compile(
    r"(?:[RT][12](?:[ _]?STAR|[ _]?RHO|\*)?|R2\*|ADC|FA|B0|B1|PD|M0|MWF|"
    r"PROTON_?DENSITY|FIELD|ERROR|FIT|R2_?FIT|CHI2)(?:[ _]?MAPS?)?|.*[ _]MAPS?",
    re.IGNORECASE,
)
# What is looked up in data sets and in their functional groups.
_ASKED = {
    "RescaleSlope", "RescaleIntercept", "SpacingBetweenSlices", "SliceThickness",
    "AcquisitionNumber", "TemporalPositionIndex", "InstanceNumber", "FrameType",
    "SaturationRecovery", "ImagePositionPatient", "ImageOrientationPatient",
    "PixelSpacing", "ComplexImageComponent", "ImageType", "InversionTimes",
    "InversionTime", "EffectiveEchoTime", "EchoTime", "FlipAngle", "RepetitionTime",
}  # fmt: skip
_GROUPS = {"PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"}
# Tags that tell sequences apart.
_SEQUENCE = (
    "ScanningSequence", "SequenceVariant", "SequenceName", "MRAcquisitionType",
    "PulseSequenceName", "EchoPulseSequence", "EchoTrainLength",
)  # fmt: skip


@dataclass(eq=False)
class Image:
    """One image: where its pixels are and what is known of it."""

    file: str
    """Name of the file, and of the frame in it."""
    path: object
    """Path of the file."""
    frame: int | None
    """Number of the frame in a multi-frame file."""
    tile: tuple | None
    """Tiles along an edge and number of the tile in a mosaic."""
    shape: tuple
    """Rows and columns."""
    scale: tuple
    """Factor and summand that make the signal of what is stored."""
    shown: bool
    """Whether that is what a scanner of Philips shows, whose scale slope is missing."""
    bits: int
    """Bits of what is stored."""
    component: str
    acquisition: dict
    position: np.ndarray
    orientation: np.ndarray
    spacing: np.ndarray
    thickness: float
    order: tuple
    """Numbers that sort images as they were measured."""
    saturated: bool
    """Whether the file says that a saturation came first."""
    reason: str | None
    """Why it is no measurement, where images of one file differ."""


@dataclass(eq=False)
class Header:
    """What is common to the images of a file."""

    number: int | None
    uid: str
    name: str
    kind: tuple
    reason: str | None
    doubtful: str | None
    images: list
    error: Exception | None = None


def read_header(data, path, name):
    """Return the Header of a data set with pixels; its images may be none."""
    number = data.get("SeriesNumber")
    number = None if number is None else int(number)
    description = data.get("SeriesDescription") or data.get("ProtocolName") or ""
    header = Header(
        number=number,
        uid=str(data.get("SeriesInstanceUID", "")),
        name=clean_label(str(description), ""),
        kind=tuple(_plain_value(data.get(key)) for key in _SEQUENCE),
        reason=None,
        doubtful=None,
        images=[],
    )
    header.reason, header.doubtful = _judge(data, header.name)
    try:
        header.images = _images_of(data, path, name)
    except ImageFileError as error:
        # What is left out anyway may lack what only images of the body have.
        header.error = error
    return header


def _plain_value(value):
    """Return what names a sequence, without the numbers that vary within it."""
    if value in (None, ""):
        return None
    parts = [value] if isinstance(value, str | int | float) else list(value)
    texts = [str(part) for part in parts]
    if len(texts) == 1 and not texts[0].isdigit():
        texts = [re.sub(r"\d+", "", texts[0])]
    return tuple(sorted(texts))


def _judge(data, name):
    """Return why an image is no measurement, and why others are taken first."""
    modality = str(data.get("Modality") or "MR")
    if modality != "MR":
        return f"modality {clean_label(modality, '?')}", None
    kinds = [str(kind).strip().upper() for kind in data.get("ImageType") or []]
    if _LOCALIZERS & set(kinds):
        return "localizer", None
    if _NO_IMAGES & set(kinds):
        return "no image of the scanner", None
    if kinds[:1] == ["DERIVED"]:
        derived = _map_of(kinds)
        if derived:
            return derived, None
        why, doubtful = judge_name(name)
        # Both the scanner and whoever named it say so.
        return why or doubtful, "derived images"
    return judge_name(name, original=kinds[:1] == ["ORIGINAL"])


def _map_of(kinds):
    """Return which map entries of an image type or frame type name, or None."""
    kinds = [str(kind).strip().upper() for kind in kinds]
    is_map = any(_MAPS.fullmatch(kind) for kind in kinds[2:])
    if kinds[:1] != ["DERIVED"] or not is_map:
        return None
    return "derived: " + clean_label(" ".join(kinds[2:]), "map")


def _images_of(data, path, name):
    """Return the images of a classical file, a mosaic or an enhanced file."""
    samples = int(data.get("SamplesPerPixel") or 1)
    n_frames = int(data.get("NumberOfFrames") or 1)
    groups = data.get("PerFrameFunctionalGroupsSequence")
    if samples != 1 or (n_frames > 1 and groups is None):
        what = f"{samples} samples per pixel" if samples != 1 else f"{n_frames} frames"
        raise ImageFileError(f"{name}: expected a grey image, got {what}.")
    if groups is None:
        if is_mosaic(data):
            return _tiles(data, path, name)
        return [_image(name, path, None, [_source_of(data)])]
    if len(groups) != n_frames:
        raise ImageFileError(
            f"{name}: describes {len(groups)} frames, its pixels have {n_frames}."
        )
    shared = [*data.get("SharedFunctionalGroupsSequence", []), data]
    shared = [_source_of(one) for one in shared]
    return [
        _image(f"{name} frame {index}", path, index, [_source_of(group), *shared])
        for index, group in enumerate(groups)
    ]


def _tiles(data, path, name):
    """Return the images of a mosaic."""
    whole = _image(name, path, None, [_source_of(data)])
    count, edge, normal = split_mosaic(name, data)
    geometry = whole.position, whole.orientation, whole.spacing
    places = places_in_mosaic(
        geometry, whole.shape, edge, count, normal, whole.thickness
    )
    shape = whole.shape[0] // edge, whole.shape[1] // edge
    return [
        Image(**{
            **vars(whole), "file": f"{name} slice {index}", "tile": (edge, index),
            "shape": shape, "position": places[index],
        })
        for index in range(count)
    ]  # fmt: skip


class _Source(NamedTuple):
    """A data set or functional groups of one."""

    data: object
    values: dict
    """What is asked for, by keyword, from it and from the standard groups in it."""


def _source_of(data):
    """Return the _Source of a data set, each of whose elements is looked at once."""
    from pydicom.datadict import keyword_for_tag

    values, groups = {}, []
    # Over a data set itself, all of it would be read.
    for tag in tuple(data.keys()):
        # Only standard groups: a private copy may describe another image.
        if tag.is_private:
            continue
        keyword = keyword_for_tag(tag)
        if keyword in _ASKED:
            if data[tag].value not in (None, ""):
                values[keyword] = data[tag].value
        elif keyword.endswith("Sequence") and keyword not in _GROUPS:
            items = data[tag].value
            if data[tag].VR == "SQ" and items:
                groups.append(items[0])
    for item in groups:
        for tag in tuple(item.keys()):
            keyword = keyword_for_tag(tag)
            if keyword in _ASKED and item[tag].value not in (None, ""):
                values.setdefault(keyword, item[tag].value)
    return _Source(data, values)


def _lookup(sources, keyword):
    """Return the first value of a keyword in data sets or their functional groups."""
    for source in sources:
        if keyword in source.values:
            return source.values[keyword]
    return None


def _image(name, path, frame, sources):
    """Return the Image of a frame, whose data sets are given from the nearest on."""
    data = sources[-1].data
    slope = _number(name, sources, "RescaleSlope", 1.0)
    intercept = _number(name, sources, "RescaleIntercept", 0.0)
    if slope == 0:
        raise ImageFileError(f"{name}: RescaleSlope is 0, which leaves no image.")
    factor, summand = slope, intercept
    private = _scale_slope(sources)
    if private is not None:
        if not 0 < private < np.inf or not slope > 0:
            raise ImageFileError(
                f"{name}: slopes must be positive, got RescaleSlope {slope} and scale "
                f"slope {private}."
            )
        factor, summand = 1.0 / private, intercept / (slope * private)
    position, orientation, spacing = _geometry(name, sources)
    thickness = _number(name, sources, "SpacingBetweenSlices", 0.0)
    thickness = thickness or _number(name, sources, "SliceThickness", 0.0)
    numbers = ("AcquisitionNumber", "TemporalPositionIndex", "InstanceNumber")
    return Image(
        file=name,
        path=path,
        frame=frame,
        tile=None,
        shape=(int(data.get("Rows") or 0), int(data.get("Columns") or 0)),
        scale=(factor, summand),
        shown=private is None and _is_made_by(sources, "PHILIPS"),
        bits=int(data.get("BitsStored") or 16),
        component=_component(sources),
        acquisition=_acquisition(name, sources),
        position=position,
        orientation=orientation,
        spacing=spacing,
        thickness=abs(thickness) or 1.0,
        order=(
            int(data.get("SeriesNumber") or 0),
            *(_number(name, sources, key, 0.0) for key in numbers),
            frame or 0,
        ),
        saturated=str(_lookup(sources, "SaturationRecovery") or "") == "YES",
        reason=_map_of(_lookup(sources, "FrameType") or []),
    )


def _number(name, sources, keyword, default):
    """Return a finite number, the default where it is missing."""
    value = _lookup(sources, keyword)
    if value is None:
        return default
    try:
        value = float(value)
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise ImageFileError(
            f"{name}: {keyword} must be a finite number, got "
            f"{shown(_lookup(sources, keyword))}."
        )
    return value


def _geometry(name, sources):
    """Return position (3,), orientation (6,) and spacing (2,) of an image."""
    sizes = {
        "ImagePositionPatient": 3,
        "ImageOrientationPatient": 6,
        "PixelSpacing": 2,
    }
    missing = [keyword for keyword in sizes if _lookup(sources, keyword) is None]
    if missing:
        raise ImageFileError(f"{name}: {', '.join(missing)} is missing.")
    found = []
    for keyword, size in sizes.items():
        values = np.atleast_1d(np.array(_lookup(sources, keyword), dtype=np.float64))
        if values.shape != (size,) or not (np.abs(values) < _LARGEST_PLACE).all():
            raise ImageFileError(
                f"{name}: {keyword} must be {size} numbers of a place in mm, got "
                f"{shown(values.tolist())}."
            )
        found.append(values)
    position, orientation, spacing = found
    right, down = orientation[:3], orientation[3:]
    cosines = np.array([right @ right - 1.0, down @ down - 1.0, right @ down])
    if np.abs(cosines).max() > _SKEW:
        raise ImageFileError(
            f"{name}: ImageOrientationPatient must be two directions at right angles, "
            f"got {shown(orientation.tolist())}."
        )
    if not (spacing > 1.0 / _LARGEST_PLACE).all():
        raise ImageFileError(
            f"{name}: PixelSpacing must be positive, got {spacing.tolist()}."
        )
    return position, orientation, spacing


def _scale_slope(sources):
    """Return Philips' private scale slope, or None."""
    by_custom = _is_made_by(sources, "PHILIPS")
    for source in sources:
        for data in (source.data, *first_items(source.data)):
            value = find_private(data, _PHILIPS, 0x2005, _SCALE_SLOPE, by_custom)
            found = as_number(value, "f")
            if found is not None:
                return found
    return None


def _is_made_by(sources, start):
    """Return whether the name of the maker starts so."""
    return str(sources[-1].data.get("Manufacturer", "")).upper().startswith(start)


def _component(sources):
    """Return M, P, R or I."""
    named = _lookup(sources, "ComplexImageComponent")
    if named in _COMPONENTS:
        return _COMPONENTS[named]
    kinds = _lookup(sources, "FrameType") or _lookup(sources, "ImageType") or []
    for kind in [str(kind) for kind in kinds][2:]:
        # "M_FFE", "PHASE MAP"
        start = re.split(r"[_ ]", kind)[0]
        letter = _COMPONENTS.get(start, start)
        if letter in _COMPONENTS.values():
            return letter
    by_custom = _is_made_by(sources, "GE ")
    for source in sources:
        value = find_private(source.data, _GE, 0x0043, _GE_COMPONENT, by_custom)
        letter = _GE_LETTERS.get(as_number(value, "h"))
        if letter:
            return letter
    return "M"


def _acquisition(name, sources):
    """Return a dict of COLUMNS [s, degrees], None where missing."""

    def seconds(value):
        if value is None:
            return None
        value = float(value)
        if not 0 <= value < _LARGEST_TIME:
            raise ImageFileError(f"{name}: a time is {value} ms.")
        return 1e-3 * value

    several = _lookup(sources, "InversionTimes")
    first, second = _lookup(sources, "InversionTime"), None
    if several is not None:
        values = np.atleast_1d(np.asarray(several, dtype=np.float64))
        if values.size > 1:
            raise ImageFileError(
                f"{name}: expected one inversion time in (0018,9079), got {values}."
            )
        second = values[0] if values.size else None
    TI = seconds(first if first is not None else second)
    # A zero in one of the tags says that it is not in use.
    if first is not None and second and not np.isclose(float(first), second, atol=0.5):
        if float(first) != 0.0:
            raise ImageFileError(
                f"{name}: inversion times contradict each other: {float(first)} ms in "
                f"(0018,0082), {second} ms in (0018,9079)."
            )
        TI = seconds(second)
    echo = _lookup(sources, "EffectiveEchoTime")
    echo = _lookup(sources, "EchoTime") if echo is None else echo
    return dict.fromkeys(COLUMNS) | {
        "TI": TI,
        "TE": seconds(echo),
        "TR": seconds(_lookup(sources, "RepetitionTime")),
        "FA": _number(name, sources, "FlipAngle", None),
    }
