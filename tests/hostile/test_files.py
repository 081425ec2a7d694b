"""Readers, writers and commands meet hostile input.

DecayFileError, EchoGrid, RelaxationTable, compress_echoes, correct_phase,
foreground_mask, read_decay, read_dicom_series, read_nifti, read_spinsolve, write_maps,
and the commands invert and map.
"""

import json
import os
import re
import warnings
from pathlib import Path

import hostile
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from skrelax._cli import main
from skrelax.io import (
    EchoGrid,
    RelaxationTable,
    compress_echoes,
    correct_phase,
    foreground_mask,
    read_decay,
    read_dicom_series,
    read_nifti,
    read_spinsolve,
    write_maps,
)

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])
# Variants that hold the same numbers.
SAME = [
    "object", "read-only", "strided", "backwards in memory", "fortran", "big-endian",
    "list", "nullable", "longdouble",
]  # fmt: skip


def flat(value):
    """Return a column of a data frame as what it is for an array with one axis."""
    return value.iloc[:, 0] if isinstance(value, pd.DataFrame) else value


def paths(good):
    """Return absurd paths, by name."""
    return hostile.numbers(sound=1.0) | {
        "null": "a\0b",
        "long": "x" * 5000,
        "long folder": "x" * 5000 + "/y",
        "bytes": b"decay.csv",
        "folder": str(Path(good).parent),
        "absent": f"{good}.absent",
        "below a file": f"{good}/x",
        "array": np.ones(3),
        "newline": "a\nb",
        "surrogate": "a\udcff",
        "device": "/dev/null",
        "list of it": [good],
    }


# Arrays


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones(4))))
def test_correct_phase(name):
    good = np.exp(-np.arange(1, 7) / 3.0) - 0.4
    for base in (good, good[:, None] * [1.0, 0.5]):
        value = hostile.arrays(base).get(name)
        found = hostile.ends_well(lambda v=value: correct_phase(v), ["signal"])
        if found is not None:
            assert hostile.all_finite(*found)
            assert np.shape(found[0]) == np.shape(value)
        if name in SAME and not isinstance(value, pd.DataFrame):
            assert_allclose(found[0], correct_phase(base)[0])
        if name in ("nan", "inf", "text", "no rows", "nullable with NA", "masked"):
            assert found is None


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones((4, 2)))))
def test_compress_echoes(name):
    times, signals = 0.01 * np.arange(1, 13), np.ones((2, 12)) * np.arange(12)
    expected = compress_echoes(times, signals, 5)
    for variants, call, argument in (
        (hostile.arrays(times), lambda v: compress_echoes(v, signals, 5), "echo_times"),
        (hostile.arrays(signals), lambda v: compress_echoes(times, v, 5), "signals"),
    ):
        if name not in variants:
            continue
        value = variants[name]
        if argument == "echo_times":
            value = flat(value)
        found = hostile.ends_well(
            lambda c=call, v=value: c(v), ["echo_times", "signals"]
        )
        if found is not None:
            assert hostile.all_finite(*found)
        if name in SAME:
            for one, other in zip(found, expected, strict=True):
                assert_allclose(one, other)
        if name in ("1e-300", "1e-160", "1e160") and argument == "signals":
            assert_allclose(found[1], float(name) * expected[1])


def test_compress_echoes_windows():
    for value in hostile.numbers(5.0).values():
        found = hostile.ends_well(
            lambda v=value: compress_echoes(np.arange(1, 13), np.ones(12), v),
            ["n_windows"],
        )
        assert found is None or found[2].sum() == 12


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones((4, 2)))))
def test_foreground_mask(name):
    rng = np.random.default_rng(0)
    good = np.abs(rng.standard_normal((60, 4))) + 30.0 * (np.arange(60) % 2)[:, None]
    mask = foreground_mask(good)
    assert mask.sum() == 30
    value = hostile.arrays(good)[name]
    found = hostile.ends_well(lambda: foreground_mask(value), ["signals"])
    if found is not None:
        assert found.dtype == bool
        assert found.shape == (len(value),)
    if name in [*SAME, "1e-300", "1e-160", "1e160", "1e300", "negative", "float32"]:
        assert (found == mask).all()
    if name in ("text", "no rows", "no columns", "None", "scalar", "all nan", "sparse"):
        assert found is None


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones((4, 2)))))
@pytest.mark.parametrize("part", ["inversion_times", "echo_times", "echoes"])
def test_echo_grid(part, name):
    good = {
        "inversion_times": np.array([0.1, 0.2, 0.3]),
        "echo_times": np.array([0.01, 0.02]),
        "echoes": np.ones((3, 2), complex),
    }
    variants = hostile.arrays(good[part].real)
    if name not in variants:
        return
    value = variants[name] if part == "echoes" else flat(variants[name])
    grid = hostile.ends_well(
        lambda: EchoGrid(**good | {part: value}, parameters={}), list(good)
    )
    if grid is not None:
        assert grid.echoes.shape == (grid.inversion_times.size, grid.echo_times.size)
        assert hostile.all_finite(grid.inversion_times, grid.echo_times)
    if name in SAME:
        assert_allclose(getattr(grid, part), good[part])


def table(**changes):
    parts = {
        "signals": pd.DataFrame(np.arange(6.0).reshape(3, 2)),
        "acquisition": pd.DataFrame({"TE": [0.1, 0.2]}),
        "samples": pd.DataFrame({"T2": [1.0, 2.0, 3.0]}),
        "spatial": {"mask": np.array([True, False, True, True])},
    }
    return RelaxationTable(**parts | changes)


@pytest.mark.parametrize("part", ["signals", "acquisition", "samples", "spatial"])
def test_relaxation_table(part):
    shape = {"signals": (3, 2), "acquisition": (2, 1), "samples": (3, 1)}
    good = np.ones(shape.get(part, (4, 1)))
    names = ["signals", "acquisition", "samples", "spatial", "mask"]
    given = hostile.arrays(good) | hostile.numbers()
    given |= {f"mask of {key}": {"mask": value} for key, value in given.items()}
    for value in given.values():
        found = hostile.ends_well(lambda v=value: table(**{part: v}), names)
        if found is not None:
            X, y = found.by_point()
            assert len(X) == len(y)
            assert len(found.by_sample()) == 3


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones(3))))
def test_to_image(name):
    one = table()
    value = hostile.arrays(np.array([1.0, 2.0, 3.0]))[name]
    value = flat(value)
    image = hostile.ends_well(lambda: one.to_image(value), ["values"])
    if image is not None:
        assert image.shape == (4,)
        assert np.isnan(image[1])
    if name in SAME:
        assert_allclose(image, [1, np.nan, 2, 3])


def test_to_image_of_absurd_arguments():
    one = table()
    for value in hostile.numbers().values():
        hostile.ends_well(lambda v=value: one.to_image(v), ["values"])
        image = hostile.ends_well(lambda v=value: one.to_image("T2", fill=v), ["fill"])
        assert image is None or image.shape == (4,)


# Writing


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones((4, 2)))))
def test_write_maps(tmp_path, name):
    nibabel = pytest.importorskip("nibabel")
    good = np.linspace(1.0, 2.0, 8).reshape(4, 2)
    value = hostile.arrays(good)[name]
    written = hostile.ends_well(
        lambda: write_maps(tmp_path / "out", {"T1": value}, AFFINE), ["maps"]
    )
    assert (written is None) != (tmp_path / "out").exists()
    if written is not None:
        back = nibabel.load(written[0]).get_fdata()
        if isinstance(value, pd.DataFrame):
            value = value.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        expected = np.ma.filled(np.ma.asarray(value, dtype=float), np.nan)
        assert_allclose(back, expected, rtol=1e-6)
    if name in ("complex", "text", "None", "sparse", "no rows"):
        assert written is None
    value = hostile.arrays(AFFINE)[name]
    written = hostile.ends_well(
        lambda: write_maps(tmp_path / "other", {"T1": good}, value), ["affine"]
    )
    assert (written is None) != (tmp_path / "other").exists()


def test_write_maps_of_absurd_arguments(tmp_path, monkeypatch):
    pytest.importorskip("nibabel")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    image = np.ones((2, 2, 2))
    for key, value in paths(str(tmp_path / "file")).items():
        try:
            hostile.ends_well(lambda v=value: write_maps(v, {"a": image}, AFFINE),
                              ["folder", str(value)])  # fmt: skip
        except OSError:
            # A path that is sound, where the system allows no folder.
            assert key in ("below a file", "device")
    for value in hostile.numbers().values():
        hostile.ends_well(lambda v=value: write_maps("out", v, AFFINE), ["maps"])
        hostile.ends_well(lambda v=value: write_maps("out", {"a": v}, AFFINE), ["maps"])
        if value.__hash__:
            hostile.ends_well(
                lambda v=value: write_maps("out", {v: image}, AFFINE), ["maps"]
            )
        hostile.ends_well(
            lambda v=value: write_maps("out", {"a": image}, v), ["affine"]
        )
    assert (tmp_path / "file").read_text() == "mine"


# Reading


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


@pytest.mark.parametrize(
    ("reader", "write"),
    [
        (read_decay, write_decay), (read_spinsolve, write_spinsolve),
        (read_nifti, write_nifti), (read_dicom_series, write_decay),
    ],
)  # fmt: skip
def test_paths(tmp_path, reader, write, monkeypatch):
    pytest.importorskip("pydicom")
    monkeypatch.chdir(tmp_path)
    good = str(write(tmp_path))
    for key, value in paths(good).items():
        if reader is read_nifti and key in ("folder", "list of it"):
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
        hostile.ends_well(lambda v=value: read_nifti(nifti, v), ["acquisition"])
        hostile.ends_well(
            lambda v=value: read_dicom_series(tmp_path, component=v),
            ["component", "no DICOM images"],
        )
        hostile.ends_well(
            lambda v=value: read_dicom_series(tmp_path, series=v),
            ["series", "no DICOM images"],
        )
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


# Commands


def command(capsys, *arguments):
    """Run a command; return its code, and check that it says one line at most."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            code = main([str(one) for one in arguments])
        except SystemExit as stop:
            code = stop.code
    printed = capsys.readouterr()
    # Slow machines report progress, too.
    errors = [
        line
        for line in printed.err.splitlines()
        if not re.match(r"skrelax: (note: |\d+ of \d+ )", line)
    ]
    assert code in (0, 2), printed.err
    assert len(errors) == (1 if code else 0), printed.err
    assert "RuntimeWarning" not in printed.err
    assert "DeprecationWarning" not in printed.err
    return code


@pytest.mark.parametrize("kernel", ["T2", "T1-IR", "diffusion"])
@pytest.mark.parametrize("column", ["time", "signal"])
def test_invert_of_hostile_columns(tmp_path, capsys, kernel, column):
    times = np.geomspace(1e-3, 1.0, 12)
    signal = np.exp(-times / 0.05) if kernel == "T2" else 1 - 2 * np.exp(-times / 0.05)
    if kernel == "diffusion":
        signal = np.exp(-2.0 * times)
    good = times if column == "time" else signal
    path, out = tmp_path / "decay.csv", tmp_path / "out"
    fixed = ["--no-plot", "--bins", "12", "--folds", "3", "--overwrite", "--out", out]
    fixed += ["--kernel", kernel, "--baseline", "no"]
    fixed += ["--efficiency", "1.9"] if kernel == "T1-IR" else []
    for name, value in hostile.arrays(good).items():
        value = np.ravel(flat(value)) if name not in ("sparse", "None") else None
        if value is None or name in ("object", "list", "read-only", "fortran"):
            continue
        other = signal if column == "time" else times
        pair = (value, other) if column == "time" else (other, value)
        rows = [f"{t},{str(y).strip('()')}" for t, y in zip(*pair, strict=False)]
        path.write_text("\n".join(rows))
        code = command(capsys, "invert", path, *fixed)
        if code == 0:
            table = pd.read_csv(out / "distribution.csv")
            assert hostile.all_finite(table), name
            assert hostile.all_finite(pd.read_csv(out / "fit.csv")), name


def test_invert_with_hostile_limits(tmp_path, capsys):
    path, out = write_decay(tmp_path), tmp_path / "out"
    fixed = ["--no-plot", "--bins", "12", "--folds", "3", "--overwrite", "--out", out]
    fixed += ["--baseline", "no"]
    for low in ("5e-324", "1e-300", "1e-3", "0.0999999999999", "1", "1e300"):
        for high in ("1e-320", "1e-3", "0.1", "1e300", "1.7e308"):
            code = command(
                capsys, "invert", path, *fixed, "--minimum", low, "--maximum", high
            )
            if code == 0:
                assert hostile.all_finite(pd.read_csv(out / "distribution.csv"))


def test_map_of_hostile_images(tmp_path, capsys):
    nibabel = pytest.importorskip("nibabel")
    times = 0.01 * np.arange(1, 7)
    good = 100.0 * np.exp(-times / [[0.03], [0.05], [0.08], [0.1]])
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name, value in hostile.arrays(good).items():
        try:
            values = np.asarray(value)
        except ValueError:
            continue
        if values.dtype.kind not in "iufc" or values.ndim != 2 or not values.size:
            continue
        values = values.astype(np.complex128 if values.dtype.kind == "c" else float)
        values = values.reshape(len(values), 1, 1, -1)
        nibabel.save(nibabel.Nifti1Image(values, AFFINE), folder / "a.nii")
        sidecar = {"EchoTime": times[: values.shape[3]].tolist()}
        (folder / "a.json").write_text(json.dumps(sidecar))
        for model in ("T2", "T2-offset"):
            code = command(
                capsys, "map", folder, "--model", model, "--mask", "none", "--no-plot",
                "--out", out, "--overwrite",
            )  # fmt: skip
            if code == 0:
                T2 = nibabel.load(out / "T2.nii.gz").get_fdata()
                status = nibabel.load(out / "status.nii.gz").get_fdata()
                # A value where the fit converged, and nothing elsewhere.
                assert (np.isfinite(T2) == (status == 0)).all(), (name, model)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert os.listdir(folder) == ["a.nii", "a.json"] or len(os.listdir(folder)) == 2
