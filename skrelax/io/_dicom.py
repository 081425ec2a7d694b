"""DICOM series of relaxation measurements."""

import warnings

import numpy as np

from ..utils._warnings import silenced
from ._choice import check_component, check_varying, check_wanted, choose_series
from ._clipped import find_clipped
from ._dicom_header import read_header
from ._dicom_pixels import iterate_pixels
from ._files import ImageFileError, as_path, reason
from ._image_times import name_delays
from ._images import check_acquisition_given, make_image_table, say_clipped
from ._series import Series, find_place
from ._siemens import tile
from ._stack import is_parallel, stack_images

# Files that say by their names that they are DICOM.
_SUFFIXES = {".dcm", ".ima", ".dicom"}
# What maps of parameters and folders of references have instead of pixels.
_OTHERS = ("FloatPixelData", "DoubleFloatPixelData", "DirectoryRecordSequence")
# Elements with more bytes are read when they are asked for.
_LARGE = 4_096


def read_dicom_series(
    folder, component="auto", series=None, varying=None, acquisition=None
):
    """Read the images of a relaxation measurement from a folder of DICOM files.

    Parameters
    ----------
    folder : str or path-like
        Folder; its subfolders are read too. Files that are not DICOM are skipped. Or
        one file, which holds all frames.
    component : {"auto", "magnitude", "real", "complex"}, default="auto"
        What to take where a folder holds several. ``"auto"`` is the magnitude if it is
        there, else complex signals from real and imaginary images, else signed real
        images.
    series : int, sequence of int, str or None, default=None
        Series to take: numbers, text such as ``"8"``, ``"8-17"`` or ``"8,10-12"``, or a
        description. Several are merged. None takes the series, or the series of single
        images, that varies in `varying`.
    varying : {"TI", "TE", "TR", "FA", "TS", "TSL"} or None, default=None
        The quantity in which the measurement varies; None takes any. TS, the delay of a
        saturation recovery, is what files call TI or TR.
    acquisition : DataFrame or None, default=None
        Acquisition with one row per image of a slice, in the order of series, image and
        frame numbers. None reads it from the files, which know no spin-lock times.

    Returns
    -------
    RelaxationTable
        One row of signals per voxel, in single precision where files hold 16 bits. The
        acquisition has those of the columns ``TI``, ``TE``, ``TR`` [s], ``FA``
        [degrees], ``TS`` and ``TSL`` [s] that the files give, one row per image;
        ``slices`` holds one for each slice where these have times of their own.
        ``spatial`` has the mask (all voxels) with axes column, row, slice and the
        affine to scanner coordinates (x to the right, y to the front, z up) [mm].
        ``measurement.notes`` says which series was taken, and why others were not.
        Signals are nan where an image of a slice is missing and where stored values
        are cut off at the largest that they can be; both are warned of, and so is a
        scale slope that is missing.

    Raises
    ------
    ValueError
        If there are no images, if several series or none could be meant, if files
        contradict themselves or each other, if a quantity is missing in some of them,
        or if slices and acquisitions do not form a grid.
    ImportError
        If pydicom is not installed.

    See Also
    --------
    list_series : The series in a folder.
    read_nifti : Images in NIfTI files.

    Notes
    -----
    Stored values are rescaled. Philips scanners scale each image for display; with
    slope RS, intercept RI and private scale slope SS, values of different images can
    be compared only as (stored RS + RI) / (RS SS) [1]_, which is returned. The
    inversion time is in (0018,0082) or (0018,9079), in classical or enhanced
    multi-frame files; the repetition time may differ from image to image. Images of
    one series may be magnitudes, phases, real and imaginary parts, told by the image
    type or by the private tag (0043,102F). Mosaics are cut into their slices.

    Localizers, derived maps, screen shots and images of other modalities are never
    taken unless `series` names them. Images of several series make one measurement if
    place, sequence and all times but the one that varies agree.

    References
    ----------
    .. [1] T. L. Chenevert et al., "Errors in quantitative image analysis due to
       platform-dependent image scaling", Transl. Oncol. 7 (2014) 65.
       https://doi.org/10.1593/tlo.13811
    """
    check_component(component)
    folder = as_path(folder, "folder")
    wanted, columns = check_wanted(series), check_varying(varying)
    acquisition = check_acquisition_given(acquisition)
    found = find_dicom_series(folder)
    choice = choose_series(
        found, folder, wanted=wanted, varying=columns, component=component,
        told=acquisition is not None,
    )  # fmt: skip
    images = [image for image in choice.items if image.component in choice.letters]
    stack = stack_images(images, choice.letters, folder, acquisition)
    points = _with_delays(stack.points, varying, images)
    if len({image.scale[0] for image in images if image.shown}) > 1:
        warnings.warn(
            f"{folder}: images of a Philips scanner have rescale slopes of their own, "
            "and their scale slopes (2005,100E) are missing, without which values of "
            "different images may not be comparable",
            stacklevel=2,
        )
    signals = _fill(stack, choice.letters, folder)
    return make_image_table(
        signals, points, stack.affine, folder, ("dicom", choice.notes + stack.notes)
    )


def _with_delays(points, varying, images):
    """Return acquisitions, or one for each slice, with the delays that are known."""
    saturated = all(image.saturated for image in images)
    if points and isinstance(points[0], list):
        return [name_delays(one, varying, saturated) for one in points]
    return name_delays(points, varying, saturated)


def find_dicom_series(folder):
    """Return the Series of all DICOM files in a folder."""
    units, broken, places = {}, {}, []
    for header in _read_headers(folder):
        common = header.uid, header.number, header.doubtful
        if header.error is not None:
            broken.setdefault((*common, header.reason), header)
        for image in header.images:
            where = find_place(image, places, _is_same_place)
            key = (*common, header.reason or image.reason)
            units.setdefault((key, where), (header, []))[1].append(image)
    found = []
    for (key, where), (header, images) in units.items():
        series = _as_series(header, images, places[where])
        series.reason = key[-1]
        series.error = broken[key].error if key in broken else None
        found.append(series)
    there = {key for key, _ in units}
    for key, header in broken.items():
        if key not in there:
            series = _as_series(header, [], None)
            series.reason = series.reason or str(header.error)
            series.error = header.error
            found.append(series)
    return sorted(found, key=lambda series: (series.number is None, series.number or 0))


def _as_series(header, images, place):
    """Return the Series of images that share a header and a place."""
    number = header.number
    return Series(
        number=number,
        name=header.name or (images[0].file if images else header.uid[-12:]),
        points=[(_depth(image), image.acquisition) for image in images],
        components=tuple(sorted({image.component for image in images})),
        place=() if place is None else (place.shape, id(place)),
        kind=header.kind,
        reason=header.reason,
        doubtful=header.doubtful,
        items=images,
    )


def _is_same_place(image, other):
    return image.shape == other.shape and is_parallel(image, other)


def _depth(image):
    """Return which slice an image shows [0.1 mm]."""
    normal = np.cross(image.orientation[:3], image.orientation[3:])
    return round(float(image.position @ normal), 1)


def _read_headers(folder):
    """Return the Headers of all DICOM files in a folder."""
    try:
        import pydicom
    except ImportError as error:
        raise ImportError(
            'DICOM files need pydicom: pip install "skrelax[dicom]".'
        ) from error
    # All frames of a measurement may be in one file.
    files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    if not files and not folder.is_dir():
        raise ValueError(f"{folder}: is not a folder.")
    headers, foreign, empty = [], [], []
    for path in [path for path in files if path.is_file()]:
        name = path.name if path == folder else str(path.relative_to(folder))
        # pydicom warns of every small breach of the standard.
        with silenced():
            try:
                # Pixels are read when it is known of which images.
                data = pydicom.dcmread(path, defer_size=_LARGE)
                if "PixelData" in data:
                    headers.append(read_header(data, path, name))
                # Reports have no rows.
                elif "Rows" in data and not any(key in data for key in _OTHERS):
                    empty.append(name)
            except pydicom.errors.InvalidDicomError:
                if path.suffix.lower() in _SUFFIXES:
                    foreign.append(name)
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
                stacklevel=4,
            )
    if not headers:
        raise ValueError(
            f"{folder}: expected DICOM images, found no DICOM images.{_hint(folder)}"
        )
    return headers


def _hint(folder):
    """Return which files in a folder are images that are not read from folders."""
    endings = (
        ".img", ".nii.bz2", ".nii.zst", ".mgh", ".mgz", ".mnc", ".nrrd",
        # Letters of another case.
        ".nii", ".nii.gz", ".par",
    )  # fmt: skip
    there = [
        path.name for path in folder.rglob("*") if path.name.lower().endswith(endings)
    ]
    if not there:
        return ""
    return (
        f" Of a folder, files that end in .nii, .nii.gz or .par are read, {there[0]} "
        "is none of them."
    )


def _fill(stack, letters, folder):
    """Return the signals (n_points, n_x, n_y, n_z) of images in their places."""
    there = {}
    for image, *place in stack.places:
        there.setdefault(image.path, []).append((image, place))
    signals, clipped = None, np.zeros(2, dtype=int)
    scaled = len({image.scale for image, *_ in stack.places}) > 1 or any(
        image.scale[0] != 1.0 for image, *_ in stack.places
    )
    for path, images in there.items():
        frames = [image.frame for image, _ in images]
        # Those of a mosaic share the pixels of the file.
        frames = None if frames[0] is None else frames
        name = images[0][0].file
        pixels = iterate_pixels(path, name, frames)
        stored = next(pixels) if frames is None else None
        for image, (point, k) in images:
            one = stored if frames is None else next(pixels)
            one = tile(one, *image.tile) if image.tile else one
            if one.shape != image.shape:
                raise ImageFileError(
                    f"{image.file}: expected a grey image of {image.shape}, got shape "
                    f"{one.shape}."
                )
            if signals is None:
                # Not before pixels have been seen: headers may claim any size.
                signals = stack.allocate(letters)
            values = _rescaled(image, one)
            lost = find_clipped(one, image.bits, scaled=scaled)
            if lost is not None:
                values[lost] = np.nan
                clipped += np.count_nonzero(lost), 1
            if image.component == "I":
                signals.imag[point, :, :, k] = values.T
            elif letters == "RI":
                signals.real[point, :, :, k] = values.T
            else:
                signals[point, :, :, k] = values.T
    say_clipped(folder, *clipped)
    return signals


def _rescaled(image, stored):
    """Return the signal (rows, columns) of stored pixels."""
    factor, summand = image.scale
    with np.errstate(over="ignore", invalid="ignore"):
        values = stored.astype(np.float64) * factor + summand
    if not np.isfinite(values).all():
        raise ImageFileError(
            f"{image.file}: slope {factor:g} and intercept {summand:g} give values "
            "that are not finite."
        )
    return values
