"""What scanners do to images: mosaics, clipped values, frames, memory."""

import struct
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scans import base, group, put_pixels, write_echoes, write_image

from skrelax.io import read_dicom_series
from skrelax.io._siemens import read_csa

pydicom = pytest.importorskip("pydicom")
SIEMENS = "SIEMENS MR HEADER"


def csa_header(second=True, **entries):
    """Return the bytes of a CSA header, of the second form or the first."""
    content = b"SV10\4\3\2\1" if second else b""
    content += struct.pack("<II", len(entries), 77)
    first = None
    for name, texts in entries.items():
        n_items = max(6, len(texts))
        first = n_items if first is None else first
        content += struct.pack(
            "<64si4siii", name.encode(), len(texts), b"IS", 6, n_items, 77
        )
        for index in range(n_items):
            text = texts[index].encode() + b"\0" if index < len(texts) else b""
            length = len(text)
            shown = length + first if not second else length
            content += struct.pack("<4i", shown, length, 77, length)
            content += text + b"\0" * (-length % 4)
    return content


def write_mosaic(path, slices, orientation, echo, header):
    """Write slices (n, rows, columns) side by side, as Siemens does."""
    count, rows, columns = slices.shape
    edge = int(np.ceil(np.sqrt(count)))
    whole = np.zeros((edge * rows, edge * columns), dtype=int)
    for k in range(count):
        i, j = divmod(k, edge)
        whole[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns] = slices[k]
    # The place of a whole image around the middle of the first slice at (3, 5, 7).
    right, down = np.array(orientation[:3]), np.array(orientation[3:])
    spacing = np.array([2.0, 1.5])
    corner = np.array([3.0, 5.0, 7.0])
    corner = corner - 0.5 * right * spacing[1] * (edge - 1) * columns
    corner = corner - 0.5 * down * spacing[0] * (edge - 1) * rows
    write_image(
        path, whole, tuple(corner), EchoTime=echo, SpacingBetweenSlices=6.0,
        ImageOrientationPatient=list(orientation),
        ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"],
    )  # fmt: skip
    data = pydicom.dcmread(path)
    if "tag" in header:
        block = data.private_block(0x0019, SIEMENS, create=True)
        block.add_new(0x0A, "US", count)
    elif header != "none":
        normal = np.cross(right, down) * (-1 if "reversed" in header else 1)
        block = data.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        content = csa_header(
            "first" not in header,
            NumberOfImagesInMosaic=[str(count)],
            SliceNormalVector=[f"{value:.8f}" for value in normal],
        )
        block.add_new(0x10, "OB", content + b"\0" * (len(content) % 2))
    if "nameless" in header:
        # As anonymisers leave it, in a file that does not write kinds of values.
        for element in list(data):
            if element.tag.is_private_creator:
                del data[element.tag]
        data.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    pydicom.dcmwrite(path, data)


@pytest.mark.parametrize(
    "header",
    ["tag", "tag nameless", "csa", "csa first", "csa reversed", "csa nameless"],
)
def test_mosaics_are_slices_at_their_places(tmp_path, header):
    rng = np.random.default_rng(0)
    # Tilted by 30 degrees around x.
    orientation = [1.0, 0.0, 0.0, 0.0, np.cos(np.pi / 6), np.sin(np.pi / 6)]
    normal = np.cross(orientation[:3], orientation[3:])
    normal *= -1 if "reversed" in header else 1
    (tmp_path / "mosaic").mkdir()
    (tmp_path / "plain").mkdir()
    for echo in (10.0, 20.0):
        slices = rng.integers(1, 1000, (3, 6, 8))
        write_mosaic(
            tmp_path / "mosaic" / f"{echo}.dcm", slices, orientation, echo, header
        )
        for k in range(3):
            place = np.array([3.0, 5.0, 7.0]) + 6.0 * k * normal
            write_image(
                tmp_path / "plain" / f"{echo}-{k}.dcm", slices[k], tuple(place),
                EchoTime=echo, SpacingBetweenSlices=6.0,
                ImageOrientationPatient=orientation,
            )  # fmt: skip
    table = read_dicom_series(tmp_path / "mosaic")
    plain = read_dicom_series(tmp_path / "plain")
    assert table.spatial["mask"].shape == (8, 6, 3)
    assert_allclose(table.signals, plain.signals)
    assert_allclose(table.spatial["affine"], plain.spatial["affine"], atol=1e-4)


def test_mosaics_that_do_not_say_of_what(tmp_path):
    slices = np.ones((3, 6, 8), dtype=int)
    plane = [1.0, 0, 0, 0, 1, 0]
    write_mosaic(tmp_path / "a.dcm", slices, plane, 10.0, "none")
    with pytest.raises(ValueError, match=r"a\.dcm: is a mosaic, but does not say"):
        read_dicom_series(tmp_path)
    write_mosaic(tmp_path / "a.dcm", np.ones((1, 7, 7), int), plane, 10.0, "none")
    data = pydicom.dcmread(tmp_path / "a.dcm")
    data.private_block(0x0019, SIEMENS, create=True).add_new(0x0A, "US", 5)
    data.save_as(tmp_path / "a.dcm")
    with pytest.raises(ValueError, match="3 x 3 tiles, which 7 x 7 pixels cannot"):
        read_dicom_series(tmp_path)


def test_headers_of_siemens_that_are_damaged():
    whole = csa_header(Number=["12", "7"], Name=["text"])
    assert read_csa(whole) == {"Number": ["12", "7"], "Name": ["text"]}
    assert read_csa(csa_header(False, Number=["12"])) == {"Number": ["12"]}
    for length in range(0, len(whole), 7):
        found = read_csa(whole[:length])
        assert set(found) <= {"Number", "Name"}
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert isinstance(read_csa(b"SV10" + rng.bytes(300)), dict)


def decays(shape=(24, 24), gain=5000.0):
    """Return 12-bit echoes of T2 50 and 80 ms, and which of them are clipped."""
    times = 10.0 * np.arange(1, 9)
    T2 = np.full(shape, 50.0)
    T2[:, shape[1] // 2 :] = 80.0
    # A coil that is brighter on one side.
    bright = gain * np.linspace(0.2, 1.2, shape[0])[:, None]
    signals = np.rint(bright * np.exp(-times[:, None, None] / T2)).astype(int)
    return times, np.minimum(signals, 4095), signals >= 4095


def write_clipped(folder, scale=None, **values):
    times, stored, clipped = decays()
    for time, image in zip(times, stored, strict=True):
        path = folder / f"{time:g}.dcm"
        write_image(path, image, EchoTime=time, scale=scale, **values)
        data = pydicom.dcmread(path)
        data.BitsStored, data.HighBit = 12, 11
        data.save_as(path)
    return clipped.transpose(0, 2, 1).reshape(len(times), -1)


@pytest.mark.parametrize(
    "values", [{}, {"RescaleSlope": 2.0, "RescaleIntercept": 0.0, "scale": 0.5}]
)
def test_clipped_values_are_no_signal(tmp_path, values):
    clipped = write_clipped(tmp_path, **values)
    assert 0 < clipped.sum() < clipped.size / 4
    with pytest.warns(UserWarning, match=f"{clipped.sum()} values in .* are cut off"):
        table = read_dicom_series(tmp_path)
    assert (np.isnan(table.signals.to_numpy().T) == clipped).all()


def test_images_that_are_scaled_to_their_largest_value_are_not_clipped(tmp_path):
    rng = np.random.default_rng(0)
    for time in (10.0, 20.0, 40.0):
        image = rng.exponential(400.0, (32, 32)) * np.exp(-time / 50.0)
        scale = 4095 / image.max()
        write_image(tmp_path / f"{time:g}.dcm", np.rint(scale * image).astype(int),
                    EchoTime=time, scale=scale, RescaleSlope=1.0,
                    Manufacturer="Philips")  # fmt: skip
    assert np.isfinite(read_dicom_series(tmp_path).signals.to_numpy()).all()


def write_frames(path, stored, frames, **values):
    """Write an enhanced file of the other big vendor: all in standard groups."""
    from pydicom.uid import EnhancedMRImageStorage

    data = base(Manufacturer="Siemens Healthineers", **values)
    data.SOPClassUID = EnhancedMRImageStorage
    put_pixels(data, stored)
    data.SharedFunctionalGroupsSequence = [
        group(
            PixelMeasuresSequence=[group(PixelSpacing=[1.5, 1.5], SliceThickness=4.0)],
            PixelValueTransformationSequence=[
                group(RescaleSlope=1.0, RescaleIntercept=0.0, RescaleType="US")
            ],
            MRTimingAndRelatedParametersSequence=[
                group(RepetitionTime=2500.0, FlipAngle=150.0, EchoTrainLength=4)
            ],
        )
    ]
    data.PerFrameFunctionalGroupsSequence = [
        group(
            MREchoSequence=[group(EffectiveEchoTime=frame["TE"])],
            MRImageFrameTypeSequence=[
                group(
                    FrameType=["ORIGINAL", "PRIMARY", frame.get("letter", "M"), "NONE"],
                    ComplexImageComponent=frame.get("component", "MAGNITUDE"),
                )
            ],
            PlanePositionSequence=[group(ImagePositionPatient=frame["place"])],
            PlaneOrientationSequence=[
                group(ImageOrientationPatient=frame.get("axes", [1, 0, 0, 0, 1, 0]))
            ],
        )
        for frame in frames
    ]
    data.save_as(path, enforce_file_format=True)


def test_frames_of_the_other_vendor(tmp_path):
    frames = [
        {"TE": echo, "place": [0.0, 0.0, 5.0 * k]}
        for echo in (10.0, 20.0, 40.0)
        for k in range(2)
    ]
    stored = np.arange(72).reshape(6, 3, 4)
    write_frames(tmp_path / "echoes.dcm", stored, frames, SeriesNumber=5)
    # Phases, in a file of the same series, and a localizer of three planes.
    phases = [frame | {"component": "PHASE", "letter": "P"} for frame in frames]
    write_frames(tmp_path / "phases.dcm", stored + 2000, phases, SeriesNumber=5)
    axes = ([1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1])
    planes = [{"TE": 3.0, "place": [0.0, 0, 0], "axes": list(one)} for one in axes]
    write_frames(tmp_path / "planes.dcm", stored[:3], planes, SeriesNumber=1,
                 ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])  # fmt: skip
    table = read_dicom_series(tmp_path)
    assert_allclose(table.acquisition["TE"], [0.01, 0.02, 0.04])
    assert_allclose(table.acquisition[["TR", "FA"]], [[2.5, 150.0]] * 3)
    images = table.signals.to_numpy().T.reshape(3, 4, 3, 2)
    assert_allclose(images, stored.reshape(3, 2, 3, 4).transpose(0, 3, 2, 1))
    assert_allclose(table.spatial["affine"], [
        [-1.5, 0, 0, 0], [0, -1.5, 0, 0], [0, 0, 5, 0], [0, 0, 0, 1],
    ])  # fmt: skip


def peak_of_reading(folder):
    """Return the largest memory of a read over that of its signals."""
    # Libraries are loaded with the first.
    read_dicom_series(folder)
    tracemalloc.start()
    try:
        table = read_dicom_series(folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    signals = table.signals.to_numpy()
    assert signals.dtype == np.float32
    assert signals.T.flags.c_contiguous
    return peak / signals.nbytes


def test_memory_is_that_of_the_signals(tmp_path):
    (tmp_path / "files").mkdir()
    write_echoes(tmp_path / "files", (10.0, 20.0, 40.0), slices=8, shape=(256, 256))
    # The largest image in double precision, its copy, and headers come on top.
    assert peak_of_reading(tmp_path / "files") < 1.5
    (tmp_path / "frames").mkdir()
    frames = [
        {"TE": echo, "place": [0.0, 0.0, 5.0 * k]}
        for echo in (10.0, 20.0, 40.0)
        for k in range(8)
    ]
    stored = np.random.default_rng(0).integers(0, 4000, (24, 256, 256))
    write_frames(tmp_path / "frames" / "a.dcm", stored, frames)
    assert peak_of_reading(tmp_path / "frames") < 1.5
