"""DICOM series of relaxation measurements."""

import contextlib
import warnings
from dataclasses import dataclass

import numpy as np

from ._dicom_pixels import read_pixels
from ._files import ImageFileError, as_path, reason, shown
from ._images import COLUMNS, make_image_table

_PHILIPS = "Philips MR Imaging DD 001"
# Element of the scale slope in that private block, and where it is by custom.
_SCALE_SLOPE, _SCALE_SLOPE_TAG = 0x0E, (0x2005, 0x100E)
# Positions and directions that agree to this many mm, or cosines, are the same.
_SAME_PLACE, _SAME_DIRECTION = 1e-2, 1e-4
# Beyond all scanners [mm].
_LARGEST_PLACE = 1e6
_COMPONENTS = {"MAGNITUDE": "M", "PHASE": "P", "REAL": "R", "IMAGINARY": "I"}
# Files that say by their names that they are DICOM.
_SUFFIXES = {".dcm", ".ima", ".dicom"}
# What maps of parameters and folders of references have instead of pixels.
_OTHERS = ("FloatPixelData", "DoubleFloatPixelData", "DirectoryRecordSequence")
# Largest difference from 1 of the length of a direction, and from 0 of cosines.
_SKEW = 0.05
# Some files fill numbers in that are not known.
_LARGEST_TIME = 1e9


def read_dicom_series(folder, component="auto", series=None):
    """Read the images of a relaxation measurement from a folder of DICOM files.

    Parameters
    ----------
    folder : str or path-like
        Folder; its subfolders are read too. Files that are not DICOM are skipped.
    component : {"auto", "magnitude", "real", "complex"}, default="auto"
        What to take where a folder holds several. ``"auto"`` is the magnitude if it is
        there, else complex signals from real and imaginary images, else signed real
        images.
    series : int, sequence of int or None, default=None
        Series numbers to take; None takes all files.

    Returns
    -------
    RelaxationTable
        One row of signals per voxel. The acquisition has those of the columns ``TI``,
        ``TE``, ``TR`` [s] and ``FA`` [degrees] that the files give, one row per image.
        ``spatial`` has the mask (all voxels) with axes column, row, slice and the
        affine to scanner coordinates (x to the right, y to the front, z up) [mm].

    Raises
    ------
    ValueError
        If there are no images, if files contradict themselves or each other, if a
        quantity is missing in some of them, or if slices and acquisitions do not form
        a complete grid.
    ImportError
        If pydicom is not installed.

    See Also
    --------
    read_nifti : Images in NIfTI files.

    Notes
    -----
    Stored values are rescaled. Philips scanners scale each image for display; with
    slope RS, intercept RI and private scale slope SS, values of different images can
    be compared only as (stored RS + RI) / (RS SS) [1]_, which is returned. The
    inversion time is in (0018,0082) or (0018,9079), in classical or enhanced
    multi-frame files; the repetition time may differ from image to image.

    References
    ----------
    .. [1] T. L. Chenevert et al., "Errors in quantitative image analysis due to
       platform-dependent image scaling", Transl. Oncol. 7 (2014) 65.
       https://doi.org/10.1593/tlo.13811
    """
    if not isinstance(component, str) or component not in (
        "auto", "magnitude", "real", "complex",
    ):  # fmt: skip
        raise ValueError(
            "component must be 'auto', 'magnitude', 'real' or 'complex', got "
            f"{shown(component)}."
        )
    folder = as_path(folder, "folder")
    frames = _read_frames(folder, _wanted(series))
    frames, kind = _choose_component(frames, component, folder)
    _check_geometry(frames, folder)
    images, acquisition, affine = _stack(frames, kind, folder)
    return make_image_table(images, acquisition, affine, folder)


@dataclass
class _Frame:
    """One image: pixels (rows, columns) and what is known of it."""

    file: str
    pixels: np.ndarray
    component: str
    acquisition: dict
    position: np.ndarray
    orientation: np.ndarray
    spacing: np.ndarray
    thickness: float


def _wanted(series):
    """Return a set of series numbers, or None for all."""
    if series is None:
        return None
    numbers = [series] if np.ndim(series) == 0 else list(series)
    for number in numbers:
        if not isinstance(number, int | np.integer) or isinstance(number, bool):
            raise TypeError(
                f"series must be an integer, several of them or None, got "
                f"{shown(series)}."
            )
    return {int(number) for number in numbers}


def _read_frames(folder, wanted):
    """Return the frames of all DICOM files in a folder."""
    try:
        import pydicom
    except ImportError as error:
        raise ImportError(
            'DICOM files need pydicom: pip install "skrelax[dicom]".'
        ) from error
    if not folder.is_dir():
        raise ValueError(f"{folder}: is not a folder.")
    frames, seen, foreign, empty = [], set(), [], []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with warnings.catch_warnings():
            # pydicom warns of every small breach of the standard.
            warnings.simplefilter("ignore")
            try:
                data = pydicom.dcmread(path)
                number = data.get("SeriesNumber")
                number = None if number is None else int(number)
                if "PixelData" not in data:
                    # Reports have no rows.
                    if "Rows" in data and not any(key in data for key in _OTHERS):
                        empty.append(path.name)
                    continue
                seen.add(number)
                if wanted is None or number in wanted:
                    frames += _frames_of(data, path.name)
            except pydicom.errors.InvalidDicomError:
                if path.suffix.lower() in _SUFFIXES:
                    foreign.append(path.name)
            except ImageFileError:
                raise
            # Values are parsed when they are asked for, and any may be damaged.
            except Exception as error:
                raise ValueError(
                    f"{path}: cannot be read ({reason(error)})."
                ) from error
    for names, what in (
        (foreign, "are not DICOM, though they are named so"),
        (empty, "describe an image without pixels, as if they were cut off"),
    ):
        if names:
            warnings.warn(
                f"{folder}: {len(names)} files {what}: {', '.join(names[:3])}"
                f"{' ...' if len(names) > 3 else ''}.",
                stacklevel=3,
            )
    if not frames:
        found = f"series {sorted(seen, key=str)}" if seen else "no DICOM images"
        raise ValueError(f"{folder}: expected DICOM images, found {found}.")
    return frames


def _frames_of(data, name):
    """Return the frames of a classical or an enhanced file."""
    pixels = read_pixels(data, name)
    if "PerFrameFunctionalGroupsSequence" not in data:
        if pixels.ndim != 2:
            raise ImageFileError(
                f"{name}: expected a grey image, got shape {pixels.shape}."
            )
        return [_frame(name, pixels, [data])]
    shared = [*data.get("SharedFunctionalGroupsSequence", [])]
    groups = data.PerFrameFunctionalGroupsSequence
    if pixels.ndim < 2 or pixels.size != len(groups) * np.prod(pixels.shape[-2:]):
        raise ImageFileError(
            f"{name}: describes {len(groups)} frames, its pixels have shape "
            f"{pixels.shape}."
        )
    pixels = pixels.reshape(len(groups), *pixels.shape[-2:])
    return [
        _frame(f"{name} frame {index}", image, [group, *shared, data])
        for index, (group, image) in enumerate(zip(groups, pixels, strict=True))
    ]


def _lookup(sources, keyword):
    """Return the first value of a keyword in data sets or their functional groups."""
    for source in sources:
        if source.get(keyword) not in (None, ""):
            return source.get(keyword)
        for element in source:
            # Only standard groups: a private copy may describe another image.
            if element.VR != "SQ" or element.tag.is_private or not element.value:
                continue
            if not element.keyword.endswith("Sequence"):
                continue
            if element.keyword in (
                "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence",
            ):  # fmt: skip
                continue
            value = element.value[0].get(keyword)
            if value not in (None, ""):
                return value
    return None


def _frame(name, stored, sources):
    """Return the _Frame of an image, with rescaled pixels."""
    slope = _number(name, sources, "RescaleSlope", 1.0)
    intercept = _number(name, sources, "RescaleIntercept", 0.0)
    if slope == 0:
        raise ImageFileError(f"{name}: RescaleSlope is 0, which leaves no image.")
    pixels = stored.astype(np.float64) * slope + intercept
    scale = _scale_slope(sources)
    if scale is not None:
        if not 0 < scale < np.inf or not slope > 0:
            raise ImageFileError(
                f"{name}: slopes must be positive, got RescaleSlope {slope} and scale "
                f"slope {scale}."
            )
        pixels /= slope * scale
    if not np.isfinite(pixels).all():
        raise ImageFileError(
            f"{name}: RescaleSlope {slope:g} and RescaleIntercept {intercept:g} give "
            "values that are not finite."
        )
    position, orientation, spacing = _geometry(name, sources)
    thickness = _number(name, sources, "SpacingBetweenSlices", 0.0)
    thickness = thickness or _number(name, sources, "SliceThickness", 0.0)
    return _Frame(
        file=name,
        pixels=pixels,
        component=_component(sources),
        acquisition=_acquisition(name, sources),
        position=position,
        orientation=orientation,
        spacing=spacing,
        thickness=abs(thickness) or 1.0,
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
    maker = str(sources[-1].get("Manufacturer", "")).lower()
    for source in sources:
        nested = [
            item
            for element in source
            if element.tag.is_private and element.VR == "SQ" and element.value
            for item in element.value[:1]
        ]
        for data in (source, *nested):
            with contextlib.suppress(KeyError):
                return float(data.private_block(0x2005, _PHILIPS)[_SCALE_SLOPE].value)
            # Anonymisers drop the name of the private block.
            if maker.startswith("philips") and _SCALE_SLOPE_TAG in data:
                with contextlib.suppress(TypeError, ValueError):
                    return float(data[_SCALE_SLOPE_TAG].value)
    return None


def _component(sources):
    """Return M, P, R or I."""
    named = _lookup(sources, "ComplexImageComponent")
    if named in _COMPONENTS:
        return _COMPONENTS[named]
    kinds = [str(kind) for kind in (_lookup(sources, "ImageType") or [])[2:]]
    for kind in kinds:
        if kind in _COMPONENTS:
            return _COMPONENTS[kind]
        if kind in _COMPONENTS.values():
            return kind
    return "M"


def _acquisition(name, sources):
    """Return a dict with TI, TE, TR [s] and FA [degrees], None where missing."""

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
    angle = None
    if _lookup(sources, "FlipAngle") is not None:
        angle = _number(name, sources, "FlipAngle", None)
    return {
        "TI": TI,
        "TE": seconds(echo),
        "TR": seconds(_lookup(sources, "RepetitionTime")),
        "FA": angle,
    }


def _choose_component(frames, component, folder):
    """Return the frames of a component, and its letter or ``"RI"``."""
    there = {frame.component for frame in frames}
    if component == "auto":
        kind = "M" if "M" in there else "RI" if {"R", "I"} <= there else "R"
    else:
        kind = {"magnitude": "M", "real": "R", "complex": "RI"}[component]
    if not set(kind) <= there:
        raise ValueError(
            f"{folder}: expected images of the components {sorted(kind)}, found "
            f"{sorted(there)} (M magnitude, P phase, R real, I imaginary)."
        )
    return [frame for frame in frames if frame.component in kind], kind


def _check_geometry(frames, folder):
    """Raise ValueError if images do not lie on one grid."""
    first = frames[0]
    for frame in frames[1:]:
        if frame.pixels.shape != first.pixels.shape:
            raise ValueError(
                f"{folder}: images have different sizes: {first.pixels.shape} in "
                f"{first.file}, {frame.pixels.shape} in {frame.file}; choose a series."
            )
        turned = np.abs(frame.orientation - first.orientation).max() > _SAME_DIRECTION
        scaled = not np.allclose(frame.spacing, first.spacing, rtol=1e-4)
        if turned or scaled:
            raise ValueError(
                f"{folder}: {frame.file} has another orientation or pixel spacing than "
                f"{first.file}; choose a series."
            )


def _stack(frames, kind, folder):
    """Return images (n_points, n_x, n_y, n_z), their acquisition and the affine."""
    first = frames[0]
    right, down = first.orientation[:3], first.orientation[3:]
    normal = np.cross(right, down)
    depth = np.array([frame.position @ normal for frame in frames])
    slices = []
    for value in np.sort(depth):
        if not slices or value - slices[-1] > _SAME_PLACE:
            slices.append(value)
    slices = np.array(slices)
    step = first.thickness
    if slices.size > 1:
        gaps = np.diff(slices)
        if gaps.max() - gaps.min() > 0.01 * gaps.mean():
            raise ValueError(
                f"{folder}: slices are {gaps.min():.3g} to {gaps.max():.3g} mm apart, "
                "expected even distances."
            )
        step = gaps.mean()
    keys = [
        tuple(
            None if (value := frame.acquisition[name]) is None else round(value, 7)
            for name in COLUMNS
        )
        for frame in frames
    ]
    points = sorted(set(keys), key=lambda key: [-1.0 if k is None else k for k in key])
    places, found = [], {}
    for frame, key, value in zip(frames, keys, depth, strict=True):
        places.append((points.index(key), int(np.abs(slices - value).argmin())))
        slot = (*places[-1], frame.component)
        if slot in found:
            raise ValueError(
                f"{folder}: {found[slot]} and {frame.file} show the same slice with "
                "the same TI, TE, TR and FA; choose a series."
            )
        found[slot] = frame.file
    # Before they are allocated: images that belong nowhere would be a square of them.
    expected = len(points) * len(slices) * len(kind)
    if len(found) != expected:
        raise ValueError(
            f"{folder}: {len(found)} images are not {len(points)} acquisitions of "
            f"{len(slices)} slices ({expected} images); some are missing or belong to "
            "another series."
        )
    shape = (len(points), len(slices), *first.pixels.shape)
    images = np.zeros(shape, dtype=np.complex128 if kind == "RI" else np.float64)
    for frame, place in zip(frames, places, strict=True):
        images[place] += frame.pixels * (1j if frame.component == "I" else 1)
    affine = np.eye(4)
    lowest = first.position + (slices[0] - first.position @ normal) * normal
    affine[:3] = np.column_stack(
        [right * first.spacing[1], down * first.spacing[0], normal * step, lowest]
    )
    # DICOM points to the left and back, NIfTI to the right and front.
    affine[:2] *= -1.0
    acquisition = [dict(zip(COLUMNS, key, strict=True)) for key in points]
    images = np.ascontiguousarray(images.transpose(0, 3, 2, 1))
    return images, acquisition, affine
