"""Images that are damaged, or claim what they do not hold: one error each."""

import gzip
import json
import struct
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrelax._cli import main
from skrelax.io import read_dicom_series, read_nifti, write_maps

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])


# NIfTI


def nifti(path, values=None, affine=AFFINE, sidecar=None):
    nibabel = pytest.importorskip("nibabel")
    values = np.ones((4, 3, 2), np.float32) if values is None else values
    image = nibabel.Nifti1Image(values, affine)
    nibabel.save(image, path)
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    text = sidecar if isinstance(sidecar, str) else json.dumps(sidecar or {})
    path.with_name(f"{stem}.json").write_text(text)
    return path


def changed(path, offset, format, *values):
    """Change bytes of the header of a NIfTI file, which may be compressed."""
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "rb") as file:
        content = bytearray(file.read())
    struct.pack_into(format, content, offset, *values)
    with opened(path, "wb") as file:
        file.write(content)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii"])
def test_voxels_that_are_not_there(tmp_path, name):
    path = nifti(tmp_path / name, sidecar={"EchoTime": 0.01})
    changed(path, 40, "<8h", 3, 1000, 1000, 800, 1, 1, 1, 1)
    with pytest.raises(ValueError, match="claims 1000 x 1000 x 800 voxels") as caught:
        read_nifti(path)
    assert "3200000000 bytes" in str(caught.value)
    assert "the file holds 96" in str(caught.value)
    # Within what a compressed file could hold.
    changed(path, 40, "<8h", 3, 4, 3, 3, 1, 1, 1, 1)
    with pytest.raises(ValueError, match=r"claims 4 x 3 x 3 voxels.*holds 96"):
        read_nifti(path)


@pytest.mark.parametrize(
    ("offset", "format", "values", "message"),
    [
        (40, "<4h", (3, 4, 0, 2), "claims voxels of shape"),
        (40, "<4h", (3, 4, -3, 2), "(claims voxels of shape|cannot be read)"),
        (40, "<8h", (4, 4, 3, 2, 0, 1, 1, 1), "claims voxels of shape"),
        (40, "<8h", (7, *[32767] * 7), "expected 3 or 4 axes"),
        (40, "<8h", (5, 4, 4, 3, 2, 2, 1, 1), "expected 3 or 4 axes"),
        (40, "<h", (9,), "cannot be read"),
        (40, "<h", (0,), "claims voxels of shape"),
        (40, "<h", (-1,), "cannot be read"),
        (344, "4s", (b"nope",), "cannot be read"),
        (70, "<h", (128,), "holds colours"),
        (70, "<h", (2304,), "holds colours"),
        (70, "<h", (1,), "(cannot be read|holds colours)"),
        (70, "<h", (999,), "cannot be read"),
        (108, "<f", (1e9,), "cannot be read"),
        (108, "<f", (-5.0,), "cannot be read"),
        (108, "<f", (np.nan,), "cannot be read"),
        (116, "<f", (np.nan,), "cannot be read"),
        (280, "<f", (np.nan,), "its affine is no map of space"),
        (280, "<4f", (0.0, 0.0, 0.0, 0.0), "its affine is no map of space"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*(pixdim|vox offset|code)")
def test_headers_that_lie(tmp_path, offset, format, values, message):
    path = nifti(tmp_path / "a.nii", sidecar={"EchoTime": 0.01})
    changed(path, offset, format, *values)
    with pytest.raises(ValueError, match=message) as caught:
        read_nifti(path)
    assert str(path) in str(caught.value)
    assert "()" not in str(caught.value).replace("shape ()", "")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_repairs_of_headers_are_said_once(tmp_path, name, capfd):
    path = nifti(tmp_path / name, sidecar={"EchoTime": 0.01})
    changed(path, 80, "<f", -2.0)
    with pytest.warns(UserWarning, match=rf"{name}: pixdim.* should be pos") as caught:
        read_nifti(path)
    assert len(caught) == 1
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("slope", [0.0, np.nan])
def test_slopes_that_say_nothing_scale_nothing(tmp_path, slope):
    # The standard: a slope of zero is none.
    path = nifti(tmp_path / "a.nii", sidecar={"EchoTime": 0.01})
    changed(path, 112, "<2f", slope, 0.0)
    assert_allclose(read_nifti(path).signals, 1.0)


def test_files_that_break_off(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.random((20, 20, 5)).astype(np.float32)
    for name in ("a.nii.gz", "b.nii"):
        path = nifti(tmp_path / name, values, sidecar={"EchoTime": 0.01})
        whole = path.read_bytes()
        for size in (0, 5, 100, 400, len(whole) // 2, len(whole) - 10):
            path.write_bytes(whole[:size])
            with pytest.raises(ValueError, match=r"cannot be read.*\w") as caught:
                read_nifti(path)
            assert "()" not in str(caught.value)
        broken = bytearray(whole)
        broken[len(whole) // 2 : len(whole) // 2 + 50] = b"\xff" * 50
        path.write_bytes(broken)
        if name.endswith(".gz"):
            with pytest.raises(ValueError, match="cannot be read"):
                read_nifti(path)


def test_other_files_are_not_images(tmp_path):
    pytest.importorskip("nibabel")
    (tmp_path / "a.mgz").write_bytes(b"x")
    (tmp_path / "a.nii").mkdir()
    for name, message in (
        ("a.mgz", "expected a NIfTI file"),
        ("a.nii", "is a folder"),
        ("absent.nii", "no such file"),
    ):
        with pytest.raises(ValueError, match=message):
            read_nifti([tmp_path / name])
    # A header whose voxels are in another file, which is not there.
    import nibabel

    nibabel.save(nibabel.Nifti1Pair(np.ones((2, 2, 2)), AFFINE), tmp_path / "p.img")
    (tmp_path / "p.img").unlink()
    with pytest.raises(ValueError, match="expected the voxels beside a header"):
        read_nifti(tmp_path / "p.hdr")


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        ('{"EchoTime": NaN}', "must not be negative"),
        ('{"EchoTime": 1e999}', "must not be negative"),
        ('{"EchoTime": true}', "EchoTime is True"),
        ('{"EchoTime": {"a": 1}}', "expected a number"),
        ('{"EchoTime": [[0.1]]}', "expected a number"),
        ('{"EchoTime": []}', "EchoTime has 0 values"),
        ('{"EchoTime": [null]}', "expected a number"),
        ('{"EchoTime": %s}' % ("1" * 400), "EchoTime is 1111"),
        ('{"EchoTime": %s}' % ("1" * 9000), "cannot be read"),
        ("[" * 100_000, "nested too deeply"),
        ("", "cannot be read"),
        ("7", "got a int"),
        ('{"EchoTime": "%s"}' % ("x" * 10_000), "EchoTime is 'xxx"),
    ],
)  # fmt: skip
def test_sidecars_of_strangers(tmp_path, sidecar, message):
    path = nifti(tmp_path / "a.nii", sidecar=sidecar)
    with pytest.raises(ValueError, match=message) as caught:
        read_nifti(path)
    assert len(str(caught.value)) < 400 + len(str(path))


def test_names_of_maps_stay_in_the_folder(tmp_path):
    pytest.importorskip("nibabel")
    image = np.ones((2, 2, 2))
    for name in (
        "../T1",
        "/T1",
        "a/b",
        "a\\b",
        "..",
        ".hidden",
        "",
        "C:x",
        "a\0b",
        "a\nb",
        7,
    ):
        with pytest.raises(ValueError, match="names become names of files"):
            write_maps(tmp_path / "out", {name: image}, AFFINE)
    with pytest.raises(ValueError, match=r"another map both go to T2star\.nii\.gz"):
        write_maps(tmp_path / "out", {"T2*": image, "T2star": image}, AFFINE)
    with pytest.raises(ValueError, match=r"another map both go to t2\.nii\.gz"):
        write_maps(tmp_path / "out", {"T2": image, "t2": image}, AFFINE)
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_full_disk_leaves_no_map(tmp_path, monkeypatch):
    nibabel = pytest.importorskip("nibabel")
    maps = {"T1": np.ones((4, 4, 4)), "M0": np.ones((4, 4, 4))}
    write_maps(tmp_path / "out", maps, AFFINE)
    before = (tmp_path / "out" / "M0.nii.gz").read_bytes()
    save, calls = nibabel.save, []

    def fail(image, path):
        calls.append(path)
        if len(calls) == 2:
            with open(path, "wb") as file:
                file.write(before[:40])
            raise OSError(28, "No space left on device")
        save(image, path)

    monkeypatch.setattr(nibabel, "save", fail)
    with pytest.raises(OSError, match="No space"):
        write_maps(tmp_path / "out", {name: 2 * maps[name] for name in maps}, AFFINE)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "M0.nii.gz", "T1.nii.gz",
    ]  # fmt: skip
    assert_allclose(nibabel.load(tmp_path / "out" / "T1.nii.gz").get_fdata(), 1.0)
    calls.clear()
    with pytest.raises(OSError, match="No space"):
        write_maps(tmp_path / "new", maps, AFFINE)
    assert not (tmp_path / "new").exists()


def test_maps_keep_numbers_of_all_sizes(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    for value in (1e-300, 1e300, 1e-160, 3, 40_000, 3_000_000_000, -7, 0.1):
        image = np.full((2, 2, 2), value)
        (path,) = write_maps(tmp_path, {"x": image}, AFFINE)
        assert_allclose(nibabel.load(path).get_fdata(), image, rtol=1e-7)


# DICOM


def dicom(path, pixels=None, syntax=None, **values):
    """Write an MR image; entries that are None are left out."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax or ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, generate_uid()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    defaults = {
        "Modality": "MR", "SeriesNumber": 1, "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "Rows": 3, "Columns": 4,
        "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 0,
        "ImagePositionPatient": [0, 0, 0], "PixelSpacing": [2.0, 2.0],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "SliceThickness": 5.0,
        "RepetitionTime": 3000.0, "EchoTime": 10.0,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in {**defaults, **values}.items():
            if value is not None:
                setattr(data, name, value)
        data.PixelData = np.arange(12, dtype="<u2").tobytes()
        if pixels is not None:
            data.PixelData = pixels
        data.save_as(path, enforce_file_format=True)
    return pydicom


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ImagePositionPatient": None}, "ImagePositionPatient is missing"),
        ({"PixelSpacing": None}, "PixelSpacing is missing"),
        ({"Rows": None}, "pixels cannot be read"),
        ({"PixelRepresentation": None}, "pixels cannot be read"),
        ({"Rows": 65535, "Columns": 65535}, "pixels cannot be read"),
        ({"Rows": 4}, "pixels cannot be read"),
        ({"Rows": 0}, "pixels cannot be read"),
        ({"NumberOfFrames": 1_000_000}, "expected a grey image"),
        ({"BitsAllocated": 7}, "pixels cannot be read"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "Rows": 2,
          "Columns": 2, "PlanarConfiguration": 0}, "expected a grey image"),
        ({"RescaleSlope": 0.0, "RescaleIntercept": 0.0}, "RescaleSlope is 0"),
        ({"RescaleSlope": "nan", "RescaleIntercept": 0.0}, "RescaleSlope must be"),
        ({"RescaleSlope": "1e308", "RescaleIntercept": 0.0}, "not finite"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "at right angles"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "at right angles"),
        ({"ImageOrientationPatient": [1, 0, 0]}, "must be 6 numbers"),
        ({"ImagePositionPatient": [0, 0]}, "must be 3 numbers"),
        ({"ImagePositionPatient": ["nan", 0, 0]}, "(must be 3 numbers|cannot be read)"),
        ({"ImagePositionPatient": [0, 0, 1e300]}, "must be 3 numbers"),
        ({"PixelSpacing": [0, 1]}, "PixelSpacing must be positive"),
        ({"PixelSpacing": [-1, 1]}, "PixelSpacing must be positive"),
        ({"EchoTime": -3.0}, "a time is -3"),
        ({"EchoTime": "nan"}, "a time is nan"),
        ({"FlipAngle": "inf"}, "FlipAngle must be a finite number"),
        ({"SeriesNumber": [1, 2]}, "cannot be read"),
    ],
)  # fmt: skip
def test_dicom_files_that_contradict_themselves(tmp_path, values, message):
    dicom(tmp_path / "a.dcm", **values)
    with pytest.raises(ValueError, match=message) as caught:
        read_dicom_series(tmp_path)
    assert "a.dcm" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_slices_and_mixed_sizes(tmp_path):
    for echo in (10.0, 20.0):
        for z in (0.0, 5.0, 10.0):
            dicom(tmp_path / f"{echo}-{z}.dcm", EchoTime=echo,
                  ImagePositionPatient=[0, 0, z])  # fmt: skip
    (tmp_path / "20.0-5.0.dcm").unlink()
    with pytest.warns(UserWarning, match=r"1 images are missing \(slice 1 at TE 0.02"):
        read_dicom_series(tmp_path)
    (tmp_path / "20.0-0.0.dcm").unlink()
    with pytest.raises(ValueError, match="4 images are not 2 acquisitions of 3 slices"):
        read_dicom_series(tmp_path)
    dicom(tmp_path / "20.0-5.0.dcm", np.zeros(8, "<u2").tobytes(), EchoTime=20.0,
          Rows=2, ImagePositionPatient=[0, 0, 5.0])  # fmt: skip
    with pytest.raises(ValueError, match="different sizes"):
        read_dicom_series(tmp_path, series=1)


def test_many_images_that_belong_nowhere_are_not_allocated(tmp_path):
    # A square of 300 times 300 places.
    for k in range(30):
        dicom(tmp_path / f"{k}.dcm", EchoTime=1.0 + k,
              ImagePositionPatient=[0, 0, 5.0 * k])  # fmt: skip
    with pytest.raises(ValueError, match=r"30 images are not 30 acquisitions of 30"):
        read_dicom_series(tmp_path)


def test_files_that_are_not_dicom(tmp_path):
    pytest.importorskip("pydicom")
    dicom(tmp_path / "good.dcm")
    (tmp_path / "readme.txt").write_text("text")
    (tmp_path / "note.dcm").write_text("text")
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "junk.ima").write_bytes(bytes(range(256)) * 4)
    with pytest.warns(UserWarning, match="3 files are not DICOM") as caught:
        assert len(read_dicom_series(tmp_path).signals) == 12
    assert len(caught) == 1
    whole = (tmp_path / "good.dcm").read_bytes()
    for path in tmp_path.iterdir():
        path.unlink()
    for size in (140, 200, 300, len(whole) - 5):
        (tmp_path / "cut.dcm").write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"(cut\.dcm|no DICOM images)"):
            read_dicom_series(tmp_path)


def test_folders_of_references_lead_nowhere(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import Dataset
    from pydicom.uid import MediaStorageDirectoryStorage

    (tmp_path / "elsewhere").mkdir()
    dicom(tmp_path / "elsewhere" / "a.dcm")
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "DICOMDIR"
    dicom(path)
    data = pydicom.dcmread(path)
    del data.PixelData
    data.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    data.SOPClassUID = MediaStorageDirectoryStorage
    record = Dataset()
    record.DirectoryRecordType = "IMAGE"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        record.ReferencedFileID = ["..", "elsewhere", "a.dcm"]
        data.DirectoryRecordSequence = [record]
        data.save_as(path, enforce_file_format=True)
    with pytest.raises(ValueError, match="found no DICOM images"):
        read_dicom_series(tmp_path / "in")


@pytest.mark.parametrize(
    ("syntax", "package"),
    [
        ("1.2.840.10008.1.2.4.90", "pylibjpeg-openjpeg"),
        ("1.2.840.10008.1.2.4.91", "pylibjpeg-openjpeg"),
        ("1.2.840.10008.1.2.4.80", "pyjpegls"),
        ("1.2.840.10008.1.2.4.70", "python-gdcm"),
        ("1.2.840.10008.1.2.4.50", "python-gdcm"),
    ],
)
def test_compressed_pixels_without_a_decoder(
    tmp_path, syntax, package, monkeypatch, capsys
):
    pytest.importorskip("pydicom")
    from pydicom import pixels
    from pydicom.encaps import encapsulate

    folder = tmp_path / "in"
    folder.mkdir()
    dicom(folder / "a.dcm", encapsulate([b"junk" * 20]), syntax=syntax)

    class Missing:
        is_available = False

    get_decoder = pixels.get_decoder
    monkeypatch.setattr(
        pixels, "get_decoder", lambda uid: get_decoder(uid) and Missing()
    )
    extra = rf"pip install .skrelax\[compressed\].*{package}"
    with pytest.raises(ValueError, match=extra) as caught:
        read_dicom_series(folder)
    assert "gdcmconv --raw" in str(caught.value)
    pytest.importorskip("nibabel")
    out = tmp_path / "out"
    assert main(["map", str(folder), "--out", str(out), "--no-plot"]) == 2
    error = capsys.readouterr().err
    assert package in error
    assert error.count("\n") == 1
    assert "Traceback" not in error


def test_a_film_has_no_decoder(tmp_path):
    pytest.importorskip("pydicom")
    from pydicom.encaps import encapsulate

    junk = encapsulate([b"junk" * 20])
    dicom(tmp_path / "a.dcm", junk, syntax="1.2.840.10008.1.2.4.100")
    with pytest.raises(ValueError, match=r"MPEG2.*gdcmconv --raw") as caught:
        read_dicom_series(tmp_path)
    assert "pip" not in str(caught.value)


def test_compressed_pixels_are_read(tmp_path):
    pydicom = dicom(tmp_path / "a.dcm")
    data = pydicom.dcmread(tmp_path / "a.dcm")
    # Run lengths, for which pydicom needs nothing else.
    data.compress(pydicom.uid.RLELossless)
    data.save_as(tmp_path / "a.dcm")
    values = read_dicom_series(tmp_path).signals[0].to_numpy().reshape(4, 3)
    assert_allclose(values.T, np.arange(12).reshape(3, 4))


def test_compressed_pixels_that_are_junk(tmp_path):
    pytest.importorskip("pydicom")
    from pydicom.encaps import encapsulate

    # Run lengths, which pydicom itself decodes.
    dicom(tmp_path / "a.dcm", encapsulate([b"junk" * 20]), "1.2.840.10008.1.2.5")
    with pytest.raises(ValueError, match=r"a\.dcm: pixels .*cannot be decoded"):
        read_dicom_series(tmp_path)


def test_series_are_whole_numbers(tmp_path):
    dicom(tmp_path / "a.dcm")
    for series in (1.0, [1.5], True, [None], {"a": 1}):
        with pytest.raises(TypeError, match="series must be an integer"):
            read_dicom_series(tmp_path, series=series)
    for series in ([1], "1", "1-3", " 1, 4-5"):
        assert len(read_dicom_series(tmp_path, series=series).signals) == 12
    for series in ("", "2-1", "1-999999999"):
        with pytest.raises(ValueError, match="series must be"):
            read_dicom_series(tmp_path, series=series)
    for series in ("2", "t2", [1, 2]):
        with pytest.raises(ValueError, match=r"found series \[1\]"):
            read_dicom_series(tmp_path, series=series)
