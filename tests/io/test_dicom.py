"""DICOM series: units, scaling, geometry, contradictions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scans import PHILIPS, base, group, put_pixels, write_image

from skrelax.io import foreground_mask, list_series, read_dicom_series
from skrelax.io._source_images import read_images

pydicom = pytest.importorskip("pydicom")


def test_times_are_seconds_and_rows_follow_the_acquisition(tmp_path):
    for index, (TI, TR) in enumerate([(800, 2500), (50, 1000), (200, 1000)]):
        write_image(
            tmp_path / f"{index}.dcm", np.full((3, 4), TI), InversionTime=float(TI),
            RepetitionTime=float(TR),
        )  # fmt: skip
    (tmp_path / "notes.txt").write_text("not an image")
    table = read_dicom_series(tmp_path)
    assert list(table.acquisition.columns) == ["TI", "TE", "TR", "FA"]
    assert_allclose(table.acquisition["TI"], [0.05, 0.2, 0.8])
    assert_allclose(table.acquisition["TR"], [1.0, 1.0, 2.5])
    assert_allclose(table.acquisition["FA"], 90.0)
    assert table.signals.shape == (12, 3)
    assert_allclose(table.signals.iloc[0], [50, 200, 800])
    X, y = table.by_point()
    assert X.shape == (3, 4)
    assert y.shape == (3, 12)


def test_geometry_of_slices(tmp_path):
    ramp = np.arange(12).reshape(3, 4)
    for echo in (10.0, 20.0):
        for k, z in enumerate((16.0, 4.0, 10.0)):
            write_image(
                tmp_path / f"{echo}-{k}.dcm", ramp + int(z), (-3.0, -7.0, z),
                EchoTime=echo,
            )  # fmt: skip
    table = read_dicom_series(tmp_path)
    image = table.to_image(table.signals[0])
    # Columns first, then rows, then slices from the lowest.
    assert image.shape == (4, 3, 3)
    assert_allclose(image[:, :, 0], ramp.T + 4)
    assert_allclose(image[:, :, 2], ramp.T + 16)
    # From DICOM's left and back to NIfTI's right and front.
    expected = [[-1.5, 0, 0, 3], [0, -2, 0, 7], [0, 0, 6, 4], [0, 0, 0, 1]]
    assert_allclose(table.spatial["affine"], expected)


def test_scale_slopes_of_philips(tmp_path):
    # The same signal, stored on the scale of each image.
    for index, (echo, scale) in enumerate([(10.0, 0.5), (20.0, 2.0), (30.0, 0.25)]):
        write_image(
            tmp_path / f"{index}.dcm", np.full((3, 4), int(100 * scale)), scale=scale,
            EchoTime=echo, RescaleSlope=4.0, RescaleIntercept=8.0,
            Manufacturer="Philips",
        )  # fmt: skip
    table = read_dicom_series(tmp_path)
    stored = np.array([50, 200, 25])
    expected = (4.0 * stored + 8.0) / (4.0 * np.array([0.5, 2.0, 0.25]))
    assert_allclose(table.signals.iloc[0], expected)
    for path in tmp_path.glob("*.dcm"):
        data = pydicom.dcmread(path)
        # Anonymised: the owner of the private block is gone.
        del data[0x2005, 0x0010]
        data.save_as(path)
    assert_allclose(read_dicom_series(tmp_path).signals.iloc[0], expected)
    write_image(
        tmp_path / "0.dcm", scale=-1.0, RescaleSlope=1.0, Manufacturer="Philips"
    )
    with pytest.raises(ValueError, match="slopes must be positive"):
        read_dicom_series(tmp_path)


def test_inversion_times_of_either_tag(tmp_path):
    write_image(tmp_path / "0.dcm", InversionTimes=[100.0])
    write_image(tmp_path / "1.dcm", InversionTime=200.0)
    write_image(tmp_path / "2.dcm", InversionTime=400.0, InversionTimes=[400.2])
    write_image(tmp_path / "3.dcm", InversionTime=0.0, InversionTimes=[800.0])
    table = read_dicom_series(tmp_path)
    assert_allclose(table.acquisition["TI"], [0.1, 0.2, 0.4, 0.8])
    write_image(tmp_path / "4.dcm", InversionTime=50.0, InversionTimes=[60.0])
    with pytest.raises(ValueError, match=r"contradict each other: 50\.0 ms"):
        read_dicom_series(tmp_path)
    write_image(tmp_path / "4.dcm", InversionTimes=[50.0, 60.0])
    with pytest.raises(ValueError, match="expected one inversion time"):
        read_dicom_series(tmp_path)
    write_image(tmp_path / "4.dcm")
    with pytest.raises(ValueError, match="TI is missing in 1 of 5 images"):
        read_dicom_series(tmp_path)
    write_image(tmp_path / "4.dcm", InversionTimes=[7.23e75])
    with pytest.raises(ValueError, match=r"4\.dcm: a time is 7\.23e\+75 ms"):
        read_dicom_series(tmp_path)


def test_signed_and_complex_images(tmp_path):
    for index, TI in enumerate((50.0, 500.0)):
        for letter, sign in (("R", 1), ("I", -2)):
            write_image(
                tmp_path / f"{index}{letter}.dcm",
                np.full((3, 4), sign * (index * 40 - 20)), InversionTime=TI,
                ImageType=["ORIGINAL", "PRIMARY", letter],
            )  # fmt: skip
    table = read_dicom_series(tmp_path)
    assert_allclose(table.signals.iloc[0], [-20 + 40j, 20 - 40j])
    real = read_dicom_series(tmp_path, component="real")
    assert_allclose(real.signals.iloc[0], [-20, 20])
    with pytest.raises(ValueError, match=r"components \['M'\], found \['I', 'R'\]"):
        read_dicom_series(tmp_path, component="magnitude")
    with pytest.raises(ValueError, match="component must be"):
        read_dicom_series(tmp_path, component="M")
    # Signed by an intercept.
    for path in tmp_path.glob("*"):
        path.unlink()
    write_image(tmp_path / "0.dcm", RescaleSlope=2.0, RescaleIntercept=-4.0)
    values = read_dicom_series(tmp_path).signals[0]
    assert sorted(values) == [2 * k - 4 for k in range(12)]


def test_enhanced_multi_frame(tmp_path):
    from pydicom.uid import EnhancedMRImageStorage

    stored = np.arange(48).reshape(4, 3, 4)
    data = base(Manufacturer="Philips Medical Systems")
    data.SOPClassUID = EnhancedMRImageStorage
    put_pixels(data, stored)
    data.SharedFunctionalGroupsSequence = [
        group(
            PixelMeasuresSequence=[group(PixelSpacing=[1.0, 1.0], SliceThickness=3.0)],
            PlaneOrientationSequence=[
                group(ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
            ],
            MRTimingAndRelatedParametersSequence=[
                group(RepetitionTime=2000.0, FlipAngle=80.0)
            ],
        )
    ]
    frames = []
    for k in range(4):
        private = group()
        block = private.private_block(0x2005, PHILIPS, create=True)
        block.add_new(0x0E, "FL", 0.5 * (k + 1))
        frame = group(
            MREchoSequence=[group(EffectiveEchoTime=10.0 * (k // 2 + 1))],
            MRModifierSequence=[group(InversionTimes=[30.0 + 70.0 * (k // 2)])],
            PlanePositionSequence=[
                group(ImagePositionPatient=[0.0, 4.0 * (k % 2), 0.0])
            ],
            PixelValueTransformationSequence=[
                group(RescaleSlope=2.0, RescaleIntercept=0.0)
            ],
        )
        owner = frame.private_block(0x2005, "Philips MR Imaging DD 005", create=True)
        owner.add_new(0x0F, "SQ", [private])
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = frames
    data.save_as(tmp_path / "multi.dcm", enforce_file_format=True)
    table = read_dicom_series(tmp_path)
    assert table.spatial["mask"].shape == (4, 3, 2)
    # The file itself will do, too.
    alone = read_images(tmp_path / "multi.dcm")
    assert_allclose(alone.signals, table.signals)
    assert list_series(tmp_path / "multi.dcm")["images"].tolist() == [4]
    assert_allclose(
        table.acquisition.to_numpy(), [[0.03, 0.01, 2, 80], [0.1, 0.02, 2, 80]]
    )
    image = table.to_image(table.signals[1])
    # Slices are sorted along the normal of the plane, which points along +y.
    assert_allclose(np.cross([1, 0, 0], [0, 0, -1]), [0, 1, 0])
    expected = [stored[2].T / 1.5, stored[3].T / 2.0]
    assert_allclose(image, np.stack(expected, axis=2))
    assert_allclose(table.spatial["affine"][:3, 2], [0, -4, 0])


def test_files_that_do_not_fit_each_other(tmp_path):
    with pytest.raises(ValueError, match="found no DICOM images"):
        read_dicom_series(tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        read_dicom_series(tmp_path / "nothing")
    write_image(tmp_path / "0.dcm")
    write_image(tmp_path / "1.dcm", SeriesNumber=2)
    with pytest.raises(ValueError, match=r"vary in a time or an angle; choose with"):
        read_dicom_series(tmp_path)
    with pytest.raises(ValueError, match=r"0\.dcm and 1\.dcm show the same slice"):
        read_dicom_series(tmp_path, series="1-2")
    assert read_dicom_series(tmp_path, series=2).signals.shape == (12, 1)
    with pytest.raises(ValueError, match=r"found series \[1, 2\]"):
        read_dicom_series(tmp_path, series=3)
    write_image(tmp_path / "1.dcm", EchoTime=20.0, position=(0, 0, 5.0))
    with pytest.raises(
        ValueError, match=r"2 images are not 2 acquisitions of 2 slices"
    ):
        read_dicom_series(tmp_path)
    write_image(tmp_path / "1.dcm", np.ones((3, 5)), EchoTime=20.0)
    with pytest.raises(ValueError, match="different sizes"):
        read_dicom_series(tmp_path, series=1)
    write_image(tmp_path / "1.dcm", EchoTime=20.0, PixelSpacing=[1.0, 1.0])
    with pytest.raises(ValueError, match="another orientation or pixel spacing"):
        read_dicom_series(tmp_path, series=1)
    write_image(tmp_path / "1.dcm", EchoTime=20.0, PixelSpacing=None)
    with pytest.raises(ValueError, match="PixelSpacing is missing"):
        read_dicom_series(tmp_path)
    for k, z in enumerate((0.0, 5.0, 12.0)):
        write_image(tmp_path / f"{k}.dcm", position=(0, 0, z))
    with pytest.raises(ValueError, match="expected even distances"):
        read_dicom_series(tmp_path)


def test_foreground():
    rng = np.random.default_rng(0)
    noise = np.hypot(*rng.standard_normal((2, 700, 5)))
    tissue = 40 + 10 * rng.random((300, 5)) + rng.standard_normal((300, 5))
    mask = foreground_mask(np.vstack([noise, tissue]))
    assert not mask[:700].any()
    assert mask[700:].all()
    tissue[0] = np.nan
    assert not foreground_mask(np.vstack([noise, tissue]))[700]
    with pytest.raises(ValueError, match="no voxel with finite values"):
        foreground_mask(np.full((3, 2), np.nan))


def test_images_that_are_cut_off_are_named(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    for index in range(3):
        write_image(tmp_path / f"{index}.dcm", EchoTime=10.0 * (index + 1))
    data = pydicom.dcmread(tmp_path / "2.dcm")
    del data.PixelData
    data.save_as(tmp_path / "2.dcm")
    with pytest.warns(UserWarning, match=r"1 files describe an image.*: 2.dcm"):
        table = read_dicom_series(tmp_path)
    assert table.acquisition["TE"].tolist() == [0.01, 0.02]
