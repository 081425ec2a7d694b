"""Readers meet absurd paths and arguments, and files that were damaged on the way.

DecayFileError, list_series, read_decay, read_dicom_series, read_nifti, read_spinsolve,
read_times.
"""

import json

import hostile
import numpy as np
import pandas as pd
import pytest
from commands import AFFINE
from numpy.testing import assert_allclose
from variants import SAME, absurd_paths

from skrelax.io import (
    RelaxationTable,
    list_series,
    read_decay,
    read_dicom_series,
    read_nifti,
    read_signal_grid,
    read_spinsolve,
    read_times,
)


def write_decay(folder):
    times = np.geomspace(1e-3, 1.0, 16)
    path = folder / "decay.csv"
    path.write_text("".join(f"{t},{np.exp(-t / 0.05)}\n" for t in times))
    return path


def write_nifti(folder):
    nibabel = pytest.importorskip("nibabel")
    path = folder / "a.nii"
    nibabel.save(nibabel.Nifti1Image(np.ones((3, 2, 2, 4)), AFFINE), path)
    (folder / "a.json").write_text(json.dumps({"EchoTime": [0.1, 0.2, 0.3, 0.4]}))
    return path


def write_spinsolve(folder):
    path = folder / "data.dat"
    path.write_text("1,0,1,0\n2,0,2,0\n")
    text = "minTau = 1\nmaxTau = 2\ntauSteps = 2\nechoTime = 100\n"
    (folder / "acqu.par").write_text(text)
    return path


def write_csdm(folder):
    path = folder / "decay.csdf"
    axis = {"type": "linear", "count": 4, "increment": "1 ms"}
    variable = {"type": "internal", "numeric_type": "float64", "encoding": "none",
                "quantity_type": "scalar", "components": [[4, 3, 2, 1]]}  # fmt: skip
    content = {
        "version": "1.0", "dimensions": [axis], "dependent_variables": [variable]
    }  # fmt: skip
    path.write_text(json.dumps({"csdm": content}))
    return path


def write_times(folder):
    path = folder / "times.csv"
    path.write_text("TE (ms),FA\n10,90\n20,90\n")
    return path


def write_matrix(folder):
    path = folder / "map.csv"
    path.write_text("TI/TE,0.1,0.2\n1,2,3\n2,3,4\n")
    return path


@pytest.mark.parametrize(
    ("reader", "write"),
    [
        (read_decay, write_decay), (read_spinsolve, write_spinsolve),
        (read_signal_grid, write_matrix),
        (read_nifti, write_nifti), (read_dicom_series, write_decay),
        (list_series, write_nifti), (read_times, write_times),
    ],
)  # fmt: skip
def test_paths(tmp_path, reader, write, monkeypatch):
    pytest.importorskip("pydicom")
    monkeypatch.chdir(tmp_path)
    good = str(write(tmp_path))
    for key, value in absurd_paths(good).items():
        if reader in (read_nifti, list_series) and key in ("folder", "list of it"):
            continue
        words = ["path", "source", "folder", str(value)]
        if value is None and reader is read_nifti:
            words = ["source"]
        assert hostile.ends_well(lambda v=value: reader(v), words) is None, key


def test_other_arguments_of_readers(tmp_path):
    pytest.importorskip("csdmpy")
    pytest.importorskip("pydicom")
    decay, csdm = write_decay(tmp_path), write_csdm(tmp_path)
    nifti, data = write_nifti(tmp_path), write_spinsolve(tmp_path)
    times = write_times(tmp_path)
    matrix = write_matrix(tmp_path)
    points = pd.DataFrame({"TE": [0.1, 0.2, 0.3, 0.4]})
    for value in hostile.numbers().values():
        for path in (decay, csdm):
            found = hostile.ends_well(
                lambda v=value, p=path: read_decay(p, column=v), ["column"]
            )
            assert found is None or found.acquisition.shape[1] == 1
            for name in ("allow_negative", "allow_external"):
                hostile.ends_well(
                    lambda v=value, p=path, n=name: read_decay(p, **{n: v}), [name]
                )
        hostile.ends_well(
            lambda v=value: read_spinsolve(data, v), ["parameters", str(value)]
        )
        hostile.ends_well(
            lambda v=value: read_signal_grid(data, parameters=v),
            ["parameters", str(value)],
        )
        hostile.ends_well(
            lambda v=value: read_signal_grid(matrix, allow_external=v),
            ["allow_external"],
        )
        hostile.ends_well(lambda v=value: read_nifti(nifti, v), ["acquisition"])
        hostile.ends_well(
            lambda v=value: read_dicom_series(tmp_path, component=v),
            ["component", "no DICOM images"],
        )
        hostile.ends_well(
            lambda v=value: read_dicom_series(tmp_path, series=v),
            ["series", "no DICOM images"],
        )
        for name in ("series", "varying", "component"):
            hostile.ends_well(
                lambda v=value, n=name: read_nifti(nifti, **{n: v}), [name]
            )
        hostile.ends_well(
            lambda v=value: read_dicom_series(tmp_path, varying=v),
            ["varying", "no DICOM images"],
        )
        hostile.ends_well(lambda v=value: read_times(times, v), ["column"])
    for name, value in hostile.arrays(points.to_numpy()).items():
        frame = value if isinstance(value, pd.DataFrame) else None
        if frame is None and np.ndim(value) == 2 and name != "sparse":
            frame = pd.DataFrame(value)
        given = (
            value
            if frame is None
            else frame.set_axis((["TE"] * frame.shape[1]), axis=1)
        )
        found = hostile.ends_well(lambda v=given: read_nifti(nifti, v), ["acquisition"])
        if found is not None:
            assert hostile.all_finite(found.acquisition)
        if name in SAME and name != "list":
            assert_allclose(found.acquisition, points)


def damaged(whole):
    """Return bytes of a file that were damaged on the way, by name."""
    rng = np.random.default_rng(0)
    found = {
        "empty": b"", "junk": rng.bytes(len(whole)), "twice": whole * 2,
        "zeros": bytes(len(whole)), "half": whole[: len(whole) // 2],
        "reversed": whole[::-1], "upper": whole.upper(),
    }  # fmt: skip
    for k in range(25):
        changed = bytearray(whole)
        for place in rng.integers(0, len(whole), 1 + k // 5):
            changed[place] = rng.integers(256)
        found[f"changed {k}"] = bytes(changed)
        found[f"cut {k}"] = whole[: rng.integers(len(whole))]
    return found


def dicom_bytes(folder):
    pytest.importorskip("pydicom")
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = MRImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, "1.2.3"
    values = {
        "SeriesNumber": 1, "SamplesPerPixel": 1, "Rows": 3, "Columns": 4,
        "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16,
        "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 0,
        "ImagePositionPatient": [0, 0, 0], "PixelSpacing": [2.0, 2.0],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "RescaleSlope": 2.0,
        "RescaleIntercept": 1.0, "RepetitionTime": 3000.0, "EchoTime": 10.0,
        "FlipAngle": 90.0, "InversionTime": 100.0,
    }  # fmt: skip
    for name, value in values.items():
        setattr(data, name, value)
    data.PixelData = np.arange(12, dtype="<u2").tobytes()
    data.save_as(folder / "a.dcm", enforce_file_format=True)
    return folder / "a.dcm"


@pytest.mark.parametrize(
    ("reader", "write"),
    [
        (read_decay, write_decay), (read_decay, write_csdm),
        (read_spinsolve, write_spinsolve), (read_nifti, write_nifti),
        (lambda path: read_dicom_series(path.parent), dicom_bytes),
        (read_times, write_times),
    ],
)  # fmt: skip
def test_damaged_files(tmp_path, reader, write):
    if write is write_csdm:
        pytest.importorskip("csdmpy")
    path = write(tmp_path)
    whole = path.read_bytes()
    for name, content in damaged(whole).items():
        path.write_bytes(content)
        found = hostile.ends_well(lambda: reader(path), [path.name, str(path.parent)])
        if isinstance(found, RelaxationTable):
            assert hostile.all_finite(found.acquisition), name
        elif reader is read_times and found is not None:
            assert hostile.all_finite(found), name
        elif found is not None:
            assert hostile.all_finite(found.inversion_times, found.echoes.real), name


@pytest.mark.parametrize("write", [write_nifti, write_spinsolve])
def test_damaged_companions(tmp_path, write):
    path = write(tmp_path)
    reader = read_nifti if write is write_nifti else read_spinsolve
    beside = tmp_path / ("a.json" if write is write_nifti else "acqu.par")
    for content in damaged(beside.read_bytes()).values():
        beside.write_bytes(content)
        hostile.ends_well(lambda: reader(path), [path.name, beside.name])
