"""DICOM series whose pixels are compressed: the same values, bit for bit."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scans import group, put_pixels, write_image

from skrelax._cli import main
from skrelax.io import read_dicom_series

pytest.importorskip("pydicom")

TIMES = (10.0, 20.0, 40.0)


def pixels(echo, low, high, dtype):
    """Return an image with smooth parts and noise, of all values that are stored."""
    rng = np.random.default_rng(int(echo))
    image = np.linspace(low, high, 64 * 64).reshape(64, 64)
    image[6:12] = rng.integers(low, high, (6, 64), endpoint=True)
    return np.rint(image * np.exp(-echo / 200.0)).astype(dtype)


def encode_by_gdcm(path):
    """Compress a file in place to JPEG lossless, for which pydicom has no encoder."""
    gdcm = pytest.importorskip("gdcm", reason="needs python-gdcm, an encoder")
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(
        gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    )
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


def compress(path, syntax):
    """Compress a file in place; skip where nothing does it."""
    import pydicom

    if syntax == "JPEGLosslessSV1":
        encode_by_gdcm(path)
        return
    uid = getattr(pydicom.uid, syntax)
    data = pydicom.dcmread(path)
    if syntax == "DeflatedExplicitVRLittleEndian":
        data.file_meta.TransferSyntaxUID = uid
    else:
        encoder = pydicom.pixels.get_encoder(uid)
        if not encoder.is_available:
            pytest.skip(f"needs {encoder.missing_dependencies[0]}")
        data.compress(uid, generate_instance_uid=False)
    data.save_as(path, enforce_file_format=True)


SYNTAXES = [
    "RLELossless",
    "DeflatedExplicitVRLittleEndian",
    "JPEG2000Lossless",
    "JPEGLSLossless",
    "JPEGLosslessSV1",
]


@pytest.mark.parametrize("kind", ["12 of 16 bits", "16 bits", "signed"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_values_are_those_of_the_plain_files(tmp_path, syntax, kind):
    import pydicom

    if syntax == "JPEGLosslessSV1" and kind == "signed":
        pytest.skip("gdcm encodes no signed pixels in JPEG lossless")
    low, high = {"12 of 16 bits": (0, 4095), "16 bits": (0, 65535)}.get(
        kind, (-2000, 2000)
    )
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    for folder in (plain, packed):
        folder.mkdir()
        for echo in TIMES:
            path = folder / f"{echo:g}.dcm"
            write_image(
                path, pixels(echo, low, high, np.int32), EchoTime=echo,
                RescaleSlope=0.5, RescaleIntercept=-3.0 if kind == "signed" else 0.0,
                SeriesInstanceUID="1.2.3",
            )  # fmt: skip
            if kind == "12 of 16 bits":
                data = pydicom.dcmread(path)
                data.BitsStored, data.HighBit = 12, 11
                data.save_as(path)
            if folder == packed:
                compress(path, syntax)
                stored = pydicom.dcmread(path).file_meta.TransferSyntaxUID
                assert stored == getattr(pydicom.uid, syntax)
    expected, found = read_dicom_series(plain), read_dicom_series(packed)
    assert_array_equal(found.signals, expected.signals)
    assert_array_equal(found.acquisition, expected.acquisition)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_maps_are_those_of_the_plain_files(tmp_path, syntax, capsys):
    nibabel = pytest.importorskip("nibabel")
    maps = []
    for name in ("plain", "packed"):
        folder = tmp_path / name
        folder.mkdir()
        for echo in TIMES:
            image = pixels(echo, 0, 4095, np.int32)
            path = folder / f"{echo:g}.dcm"
            write_image(path, image, EchoTime=echo, SeriesInstanceUID="1.2.3")
            if name == "packed":
                compress(path, syntax)
        out = tmp_path / f"{name}-maps"
        words = ["map", str(folder), "--out", str(out), "--no-plot", "--model", "T2"]
        assert main(words) == 0
        maps.append(nibabel.load(out / "T2.nii.gz").get_fdata())
    capsys.readouterr()
    assert np.isfinite(maps[0]).any()
    assert_array_equal(maps[1], maps[0])


@pytest.mark.parametrize("syntax", ["RLELossless", "JPEG2000Lossless"])
def test_frames_of_one_file_are_decoded_one_by_one(tmp_path, syntax):
    from scans import base

    values = {}
    for name in ("plain", "packed"):
        data = base(SeriesInstanceUID="1.2.3", RepetitionTime=3000.0)
        data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
        put_pixels(data, np.stack([pixels(t, 0, 4095, np.int32) for t in TIMES]))
        shared = group(
            PixelMeasuresSequence=[group(PixelSpacing=[2.0, 2.0], SliceThickness=5.0)],
            PlaneOrientationSequence=[
                group(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
            ],
        )
        data.SharedFunctionalGroupsSequence = [shared]
        data.PerFrameFunctionalGroupsSequence = [
            group(
                MREchoSequence=[group(EffectiveEchoTime=time)],
                PlanePositionSequence=[group(ImagePositionPatient=[0, 0, 0])],
            )
            for time in TIMES
        ]
        path = tmp_path / name / "a.dcm"
        path.parent.mkdir()
        data.save_as(path, enforce_file_format=True)
        if name == "packed":
            compress(path, syntax)
        values[name] = read_dicom_series(path.parent).signals.to_numpy()
    assert values["plain"].shape[1] == len(TIMES)
    assert_array_equal(values["packed"], values["plain"])
