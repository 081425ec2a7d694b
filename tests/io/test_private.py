"""Private elements that anonymisers and copies through PACS leave behind."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scans import PHILIPS, base, group, put_pixels, write_image

from skrelax.io import list_series, read_dicom_series
from skrelax.io._private import as_number

pydicom = pytest.importorskip("pydicom")
GE = "GEMS_PARM_01"
# Names of blocks dropped; kinds of values not written; both.
LOSSES = ["none", "names", "kinds", "names and kinds"]


def lose(path, losses):
    """Write a file again without names of private blocks or kinds of values."""
    from pydicom.uid import ImplicitVRLittleEndian

    data = pydicom.dcmread(path)
    if "names" in losses:
        _drop_names(data)
    if "kinds" in losses:
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    pydicom.dcmwrite(path, data, enforce_file_format=True)


def _drop_names(data):
    for element in list(data):
        if element.tag.is_private_creator:
            del data[element.tag]
        elif element.VR == "SQ":
            for item in element.value:
                _drop_names(item)


def write_frames(path, stored, frames, **values):
    """Write an enhanced file; frames are dicts of functional groups."""
    from pydicom.uid import EnhancedMRImageStorage

    data = base(**values)
    data.SOPClassUID = EnhancedMRImageStorage
    put_pixels(data, stored)
    data.SharedFunctionalGroupsSequence = [
        group(
            PixelMeasuresSequence=[group(PixelSpacing=[2.0, 2.0], SliceThickness=4.0)],
            PlaneOrientationSequence=[
                group(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
            ],
            MRTimingAndRelatedParametersSequence=[
                group(RepetitionTime=2000.0, FlipAngle=90.0)
            ],
        )
    ]
    data.PerFrameFunctionalGroupsSequence = frames
    data.save_as(path, enforce_file_format=True)


def frame(place=(0.0, 0.0, 0.0), TE=10.0, TI=None, **values):
    """Return the functional groups of a frame."""
    made = group(
        PlanePositionSequence=[group(ImagePositionPatient=list(place))],
        MREchoSequence=[group(EffectiveEchoTime=TE)], **values,
    )  # fmt: skip
    if TI is not None:
        made.MRModifierSequence = [group(InversionRecovery="YES", InversionTimes=[TI])]
    return made


@pytest.mark.parametrize("losses", LOSSES)
def test_scale_slopes_without_names(tmp_path, losses):
    # The same signal each time, shown at a gain of its own.
    stored = np.arange(1, 13).reshape(3, 4)
    for k, echo in enumerate((10.0, 20.0, 40.0)):
        path = tmp_path / f"{k}.dcm"
        write_image(path, stored * 2**k, EchoTime=echo, Manufacturer="Philips",
                    scale=2.0**k, RescaleSlope=3.0)  # fmt: skip
        lose(path, losses)
    signals = read_dicom_series(tmp_path).signals.to_numpy()
    assert_allclose(signals, np.repeat(stored.T.reshape(-1, 1), 3, axis=1))


@pytest.mark.parametrize("losses", LOSSES)
def test_scale_slopes_of_frames_without_names(tmp_path, losses):
    stored = np.arange(1, 13).reshape(3, 4)
    frames = []
    for k in range(3):
        inner = group()
        inner.private_block(0x2005, PHILIPS, create=True).add_new(0x0E, "FL", 2.0**k)
        one = frame(TE=10.0 * (k + 1), PixelValueTransformationSequence=[
            group(RescaleSlope=3.0, RescaleIntercept=0.0, RescaleType="US")
        ])  # fmt: skip
        owner = one.private_block(0x2005, "Philips MR Imaging DD 005", create=True)
        owner.add_new(0x0F, "SQ", [inner])
        frames.append(one)
    pixels = np.stack([stored * 2**k for k in range(3)])
    write_frames(tmp_path / "a.dcm", pixels, frames, Manufacturer="Philips")
    lose(tmp_path / "a.dcm", losses)
    signals = read_dicom_series(tmp_path).signals.to_numpy()
    assert_allclose(signals, np.repeat(stored.T.reshape(-1, 1), 3, axis=1))


def test_slopes_that_are_taken_out_are_warned_of(tmp_path):
    for k in range(3):
        write_image(tmp_path / f"{k}.dcm", EchoTime=10.0 * (k + 1),
                    Manufacturer="Philips", RescaleSlope=1.0 + k)  # fmt: skip
    with pytest.warns(UserWarning, match=r"scale slopes \(2005,100E\) are missing"):
        read_dicom_series(tmp_path)


@pytest.mark.parametrize("losses", LOSSES)
def test_components_of_ge_without_names(tmp_path, losses):
    real = np.arange(12).reshape(3, 4) - 5
    for k, time in enumerate((50.0, 400.0, 2000.0)):
        for code in (0, 2):
            path = tmp_path / f"{k}{code}.dcm"
            pixels = real + k if code else np.abs(real + k)
            write_image(path, pixels, InversionTime=time,
                        Manufacturer="GE MEDICAL SYSTEMS")  # fmt: skip
            data = pydicom.dcmread(path)
            data.private_block(0x43, GE, create=True).add_new(0x2F, "SS", code)
            data.save_as(path)
            lose(path, losses)
    signals = read_dicom_series(tmp_path, component="real").signals.to_numpy()
    expected = real.T.reshape(-1, 1) + np.arange(3)
    assert_allclose(signals, expected)
    assert_allclose(read_dicom_series(tmp_path).signals, np.abs(expected))


def test_components_of_frames_of_ge(tmp_path):
    real = np.arange(12).reshape(3, 4) - 5
    frames, pixels = [], []
    for code in (0, 2):
        for k, time in enumerate((50.0, 400.0, 2000.0)):
            one = frame(TI=time)
            one.private_block(0x43, GE, create=True).add_new(0x2F, "SS", code)
            frames.append(one)
            pixels.append(real + k if code else np.abs(real + k))
    write_frames(tmp_path / "a.dcm", np.stack(pixels), frames,
                 Manufacturer="GE MEDICAL SYSTEMS")  # fmt: skip
    signals = read_dicom_series(tmp_path, component="real").signals
    assert_allclose(signals, real.T.reshape(-1, 1) + np.arange(3))
    assert read_dicom_series(tmp_path).signals.to_numpy().min() == 0.0


def test_elements_of_another_owner_say_nothing(tmp_path):
    # The block by custom belongs to somebody else.
    for k in range(3):
        path = tmp_path / f"{k}.dcm"
        write_image(path, np.full((3, 4), 6), EchoTime=10.0 * (k + 1),
                    Manufacturer="Philips", RescaleSlope=2.0)  # fmt: skip
        data = pydicom.dcmread(path)
        block = data.private_block(0x2005, "ANOTHER", create=True)
        block.add_new(0x0E, "FL", 0.5 + k)
        data.save_as(path)
    assert (read_dicom_series(tmp_path).signals.to_numpy() == 12.0).all()


def test_maps_among_the_frames_of_a_file_are_left_out(tmp_path):
    kinds = [["ORIGINAL", "PRIMARY", "M_SE", "M"]] * 6
    kinds += [["DERIVED", "PRIMARY", "T2 MAP", "T2"]] * 2
    frames = [
        frame((0.0, 0.0, 5.0 * (k % 2)), TE=10.0 * (k // 2 + 1) * (k < 6),
              MRImageFrameTypeSequence=[group(FrameType=kind)])
        for k, kind in enumerate(kinds)
    ]  # fmt: skip
    stored = np.arange(96).reshape(8, 3, 4)
    write_frames(tmp_path / "a.dcm", stored, frames, Manufacturer="Philips",
                 ImageType=["MIXED", "PRIMARY", "M_SE", "MIXED"])  # fmt: skip
    table = read_dicom_series(tmp_path)
    assert_allclose(table.acquisition["TE"], [0.01, 0.02, 0.03])
    assert any("derived: T2 MAP" in note for note in table.measurement.notes)
    listed = list_series(tmp_path)
    assert listed["images"].tolist() == [6, 2]
    # Whoever asks for them gets them.
    alone = stored[6:].transpose(0, 2, 1)
    frames = frames[6:]
    write_frames(tmp_path / "a.dcm", stored[6:], frames, Manufacturer="Philips",
                 SeriesNumber=7)  # fmt: skip
    taken = read_dicom_series(tmp_path, series=7)
    assert_allclose(taken.to_image(taken.signals.iloc[:, 0]), alone.transpose(1, 2, 0))


def test_inversion_times_of_slices_in_one_file(tmp_path):
    frames = [
        frame((0.0, 0.0, 5.0 * k), TI=time + 30.0 * k)
        for time in (50.0, 400.0, 2000.0)
        for k in range(2)
    ]
    stored = np.arange(72).reshape(6, 3, 4)
    write_frames(tmp_path / "a.dcm", stored, frames, Manufacturer="Siemens")
    table = read_dicom_series(tmp_path)
    found = [one["TI"].tolist() for one in table.slices]
    assert_allclose(found, [[0.05, 0.4, 2.0], [0.08, 0.43, 2.03]])


def test_numbers_whose_kind_is_lost():
    assert as_number(b"\x00\x00\x00\x40", "f") == 2.0
    assert as_number(b"\xfe\xff", "h") == -2
    assert as_number(b"\x01", "h") is None
    assert as_number(b"", "f") is None
    assert as_number("1.5", "f") == 1.5
    assert as_number([3, 4], "h") == 3.0
    assert as_number(None, "h") is None
    assert as_number("text", "h") is None
