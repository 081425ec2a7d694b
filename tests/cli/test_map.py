"""The command that makes maps from images."""

import json
import re
import sys

import numpy as np
import pandas as pd
import pytest
from commands import called, images
from numpy.testing import assert_allclose

from skrelax._cli import main
from skrelax.signals import EPGEchoTrain, InversionRecovery, SpoiledGradientEcho

nibabel = pytest.importorskip("nibabel")
AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])


def write_series(folder, model, columns, amplitude=100.0):
    """Write images of two tissues in an empty background, one file per point."""
    folder.mkdir(exist_ok=True)
    T = np.array([0.4, 0.9]) if model == "IR" else np.array([0.05, 0.12])
    truth = np.full((12, 12, 1), np.nan)
    truth[3:6, 3:9, 0], truth[6:9, 3:9, 0] = T
    inside = np.isfinite(truth)
    rng = np.random.default_rng(0)
    X = pd.DataFrame(columns)
    if model == "IR":
        signal = InversionRecovery(repetition_time="TR").evaluate(
            X[["TI", "TR"]].to_numpy(), truth[inside][:, None]
        )
    else:
        sets = np.column_stack([truth[inside], np.full(inside.sum(), 0.8)])
        train = EPGEchoTrain(B1=None, echo_spacing=0.01)
        signal = train.evaluate(X[["TE"]].to_numpy(), sets)
    keys = {"TI": "InversionTime", "TR": "RepetitionTime", "TE": "EchoTime"}
    for k in range(len(X)):
        image = np.zeros(truth.shape)
        image[inside] = amplitude * signal[k]
        noise = 0.2 * rng.standard_normal((2, *image.shape))
        image = np.hypot(image + noise[0], noise[1]).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(image, AFFINE), folder / f"{k}.nii.gz")
        sidecar = {keys[name]: float(X[name][k]) for name in X}
        (folder / f"{k}.json").write_text(json.dumps(sidecar))
    return truth


def load(path):
    return nibabel.load(path).get_fdata()


def test_t1_map(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    TI = np.array([0.05, 0.2, 0.4, 0.8, 1.5, 2.5])
    columns = {"TI": TI, "TR": np.maximum(1.0, TI + 0.5)}
    truth = write_series(tmp_path / "in", "IR", columns)
    out = tmp_path / "maps"
    command = ["map", str(tmp_path / "in"), "--model", "T1-IR", "--out", str(out)]
    assert main(command) == 0
    T1 = load(out / "T1.nii.gz")
    inside = np.isfinite(truth)
    # The background is masked, tissue is right.
    assert (np.isnan(T1) == ~inside).all()
    assert_allclose(T1[inside], truth[inside], rtol=0.03)
    assert np.nanmax(load(out / "T1_stderr.nii.gz")) < 0.03
    assert (load(out / "status.nii.gz") == np.where(inside, 0, 5)).all()
    assert_allclose(nibabel.load(out / "M0.nii.gz").affine, AFFINE)
    assert np.nanmax(load(out / "relative_error.nii.gz")) < 0.02
    assert (out / "maps.png").read_bytes().startswith(b"\x89PNG")
    assert_allclose(pd.read_csv(out / "acquisition.csv")["TI"], TI)
    printed = capsys.readouterr().out
    assert "36 voxels inside the mask of 144, magnitude signals" in printed
    assert "36 converged" in printed
    # Nothing is overwritten unasked.
    assert main(command) == 2
    assert "--overwrite" in capsys.readouterr().err
    ignored = [*command, "--tr", "ignore", "--overwrite", "--no-plot", "--mask", "none"]
    assert main(ignored) == 0
    wrong = load(out / "T1.nii.gz")[inside] / truth[inside]
    assert np.nanmedian(wrong) < 0.95


def test_t2_map_with_stimulated_echoes(tmp_path, capsys):
    TE = 0.01 * np.arange(1, 25)
    truth = write_series(tmp_path / "in", "EPG", {"TE": TE})
    out = tmp_path / "out"
    command = ["map", str(tmp_path / "in"), "--out", str(out), "--no-plot"]
    assert main([*command, "--model", "T2-EPG"]) == 0
    inside = np.isfinite(truth)
    assert_allclose(load(out / "T2.nii.gz")[inside], truth[inside], rtol=0.03)
    assert_allclose(load(out / "B1.nii.gz")[inside], 0.8, atol=0.03)
    assert main([*command, "--model", "T1-IR", "--overwrite"]) == 2
    assert "no images tell TI" in capsys.readouterr().err
    # The first echo may be missing, as its place in the train is known.
    (tmp_path / "in" / "0.nii.gz").unlink()
    assert main([*command, "--model", "T2-EPG", "--overwrite"]) == 0
    assert_allclose(load(out / "T2.nii.gz")[inside], truth[inside], rtol=0.03)
    (tmp_path / "in" / "1.json").write_text('{"EchoTime": 0.013}')
    capsys.readouterr()
    assert main([*command, "--model", "T2-EPG", "--overwrite"]) == 2
    assert "needs a train of echoes" in capsys.readouterr().err
    assert main([*command, "--model", "T9", "--overwrite"]) == 2
    assert "--model must be one of" in capsys.readouterr().err


def test_errors_are_one_line(tmp_path, capsys):
    assert main(["map", str(tmp_path / "nothing")]) == 2
    assert "does not exist" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["map", str(tmp_path), "--out", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    pytest.importorskip("pydicom")
    source = str(tmp_path / "empty")
    assert main(["map", source, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "expected DICOM images" in error
    assert error.count("\n") == 1


def test_phantom_in_one_command(shared_data, tmp_path, capsys):
    pytest.importorskip("pydicom")
    source = shared_data / "dicom" / "T1" / "site1_20200218" / "plate5"
    out = tmp_path / "maps"
    assert main(["map", str(source), "--out", str(out), "--no-plot"]) == 0
    T1 = load(out / "T1.nii.gz")
    assert T1.shape == (192, 192, 1)
    # The values of spheres 2 to 10 are there, and above three times 0.8 s those alone
    # that are known to a tenth: the water around the spheres.
    assert np.nanpercentile(T1, 5) < 1.4
    assert np.nanmax(T1) < 3.5
    beyond = T1 > 2.4
    assert beyond.sum() > 1000
    assert (load(out / "T1_stderr.nii.gz")[beyond] < 0.05 * T1[beyond]).all()
    printed = capsys.readouterr().out
    assert "rejected by T1-IR-efficiency" in printed


def write_trains(folder):
    """Write spin echo trains at half the angle, of T2 80 ms; return their T1."""
    folder.mkdir()
    T1 = np.full((12, 12, 1), np.nan)
    T1[3:6, 3:9, 0], T1[6:9, 3:9, 0] = 0.3, 2.0
    inside = np.isfinite(T1)
    TE = 0.01 * np.arange(1, 25)
    sets = np.column_stack([np.full((36, 1), 0.08), T1[inside], np.full(36, 0.55)])
    train = EPGEchoTrain(T1=None, B1=None, echo_spacing=0.01)
    images = np.zeros((*T1.shape, len(TE)), dtype=np.float32)
    images[inside] = 100.0 * train.evaluate(TE[:, None], sets).T
    nibabel.save(nibabel.Nifti1Image(images, AFFINE), folder / "train.nii.gz")
    (folder / "train.json").write_text(json.dumps({"EchoTime": TE.tolist()}))
    return T1


def test_t1_of_spin_echo_trains(tmp_path, capsys):
    T1 = write_trains(tmp_path / "in")
    inside = np.isfinite(T1)
    T1[4, 4, 0] = np.nan
    nibabel.save(nibabel.Nifti1Image(T1, AFFINE), tmp_path / "T1.nii.gz")
    out = tmp_path / "out"
    command = ["map", str(tmp_path / "in"), "--out", str(out), "--model", "T2-EPG"]
    command += ["--no-plot", "--overwrite"]

    def fitted(*options):
        assert main([*command, *options]) == 0
        return load(out / "T2.nii.gz")[inside], capsys.readouterr().out

    T2, printed = fitted()
    # One second is too long for the first tissue, and too short for the second one.
    assert "T1 of 1 s in all voxels; --T1 takes another value or a map" in printed
    assert np.median(T2[:18]) < 0.95 * 0.08
    assert np.median(T2[18:]) > 1.01 * 0.08
    T2, printed = fitted("--T1", "0.3")
    assert "T1 of 0.3 s in all voxels" in printed
    # Images are float32, and three parameters of 24 echoes amplify its rounding.
    assert_allclose(T2[:18], 0.08, rtol=1e-4)
    T2, printed = fitted("--T1", str(tmp_path / "T1.nii.gz"))
    assert f"T1 of each voxel from {tmp_path / 'T1.nii.gz'}" in printed
    assert "1 voxels without it are left out" in printed
    assert np.isnan(T2).sum() == 1
    assert_allclose(T2[np.isfinite(T2)], 0.08, rtol=1e-4)
    assert not (out / "T1.nii.gz").exists()
    assert (load(out / "status.nii.gz")[4, 4, 0]) == 5
    T2, printed = fitted("--T1", str(tmp_path / "T1.nii.gz"), "--B1", "0.55")
    assert "B1" not in printed.split("maps in")[0].split("standard error")[1]
    assert_allclose(T2[np.isfinite(T2)], 0.08, rtol=1e-4)


def test_b1_map_of_variable_flip_angles(tmp_path, capsys):
    rng = np.random.default_rng(0)
    T1, B1 = rng.uniform(0.5, 1.5, (4, 4, 1)), rng.uniform(0.7, 1.2, (4, 4, 1))
    angles = np.array([3.0, 6.0, 12.0, 20.0])
    X = np.column_stack([angles, np.full(4, 0.015)])
    sets = np.column_stack([T1.ravel(), B1.ravel()])
    signals = SpoiledGradientEcho(B1=None).evaluate(X, sets)
    images = signals.T.reshape(4, 4, 1, 4)
    (tmp_path / "in").mkdir()
    image = nibabel.Nifti1Image(images, AFFINE)
    nibabel.save(image, tmp_path / "in" / "angles.nii.gz")
    sidecar = {"FlipAngle": angles.tolist(), "RepetitionTime": 0.015}
    (tmp_path / "in" / "angles.json").write_text(json.dumps(sidecar))
    nibabel.save(nibabel.Nifti1Image(B1, AFFINE), tmp_path / "B1.nii.gz")
    out = tmp_path / "out"
    command = ["map", str(tmp_path / "in"), "--out", str(out), "--model", "T1-VFA"]
    command += ["--mask", "none", "--no-plot", "--B1", str(tmp_path / "B1.nii.gz")]
    assert main(command) == 0
    # Maps are written as float32.
    assert_allclose(load(out / "T1.nii.gz"), T1, rtol=1e-6)
    assert "B1 of each voxel from" in capsys.readouterr().out


# One metre away.
FAR = AFFINE.copy()
FAR[:3, 3] += 1000.0


def test_a_known_map_of_other_voxels(tmp_path, capsys):
    # Of coarser voxels that lie elsewhere, and end before the images do.
    T1 = write_trains(tmp_path / "in")
    coarse = np.full((4, 12, 1), 0.6)
    coarse[:2] = 1.2
    affine = AFFINE.copy()
    affine[:3, 0] *= 2.0
    affine[:3, 3] += 0.5 * AFFINE[:3, 0] + 0.3 * AFFINE[:3, 1]
    nibabel.save(nibabel.Nifti1Image(coarse, affine), tmp_path / "coarse.nii.gz")
    same = np.full(T1.shape, np.nan)
    same[:4], same[4:8] = 1.2, 0.6
    nibabel.save(nibabel.Nifti1Image(same, AFFINE), tmp_path / "same.nii.gz")
    found = []
    for name in ("coarse", "same"):
        out = tmp_path / name
        command = ["map", str(tmp_path / "in"), "--out", str(out), "--model", "T2-EPG"]
        command += ["--mask", "none", "--no-plot", "--T1"]
        assert main([*command, str(tmp_path / f"{name}.nii.gz")]) == 0
        found.append(load(out / "T2.nii.gz"))
        told = capsys.readouterr().err
        assert ("48 of 144 are outside the map" in told) == (name == "coarse")
    assert_allclose(found[0], found[1])
    assert np.isfinite(found[0][:8]).any()
    assert np.isnan(found[0][8:]).all()


def test_wrong_t1_is_one_clear_error(tmp_path, capsys):
    T1 = write_trains(tmp_path / "in")

    def save(name, values, affine=AFFINE):
        nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / name)
        return str(tmp_path / name)

    (tmp_path / "text.nii.gz").write_text("no image")
    cases = [
        ("0", "--T1 must be positive, got 0"),
        ("850", "the median is 850, expected seconds"),
        ("nothing.nii.gz", "is neither a number nor a file"),
        (str(tmp_path / "text.nii.gz"), "cannot be read"),
        (save("far.nii.gz", T1, FAR), "lies elsewhere than the images, 0 of"),
        (save("four.nii.gz", np.stack([T1, T1], axis=3)), "the images have"),
        (save("ms.nii.gz", 1e3 * T1), "expected seconds"),
        (save("empty.nii.gz", 0 * T1), "no value in any of the 36 voxels"),
        (save("complex.nii.gz", T1 + 1j), "holds complex values"),
    ]
    out = ["--out", str(tmp_path / "out")]
    command = ["map", str(tmp_path / "in"), *out, "--no-plot", "--model"]
    for given, message in cases:
        assert main([*command, "T2-EPG", "--T1", given]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert main([*command, "T2", "--T1", "1.0"]) == 2
    assert "--T1 does not go with --model T2" in capsys.readouterr().err


def test_series_that_cannot_be_fitted(tmp_path, capsys):
    TE = 0.01 * np.arange(1, 9)
    images = np.zeros((6, 6, 1, 8), dtype=np.float32)
    images[1:5, 1:5] = 100.0 * np.exp(-TE / 0.05)
    folder = tmp_path / "in"
    folder.mkdir()

    def run(images, sidecar, *options):
        image = nibabel.Nifti1Image(images, AFFINE)
        nibabel.save(image, folder / "train.nii.gz")
        (folder / "train.json").unlink(missing_ok=True)
        if sidecar is not None:
            (folder / "train.json").write_text(json.dumps(sidecar))
        command = ["map", str(folder), "--out", str(tmp_path / "out"), "--model", "T2"]
        code = main([*command, "--no-plot", "--overwrite", *options])
        return code, capsys.readouterr()

    seconds = {"EchoTime": TE.tolist()}
    for stack, sidecar, message in (
        (images, None, "has no sidecar: expected train.json beside it"),
        (images, [1, 2], "got a list"),
        (images, {"EchoTime": (1e3 * TE).tolist()}, "up to 80, expected seconds"),
        (0 * images, seconds, "no voxel stands out of the background; --mask none"),
    ):
        code, printed = run(stack, sidecar)
        assert code == 2
        assert message in printed.err
        assert printed.err.count("\n") == 1
    code, printed = run(images - 50.0, seconds, "--noise", "rician")
    assert code == 2
    assert "magnitudes, which are not negative" in printed.err
    # Two points determine two parameters, but no standard error.
    code, printed = run(images[..., :2], {"EchoTime": TE[:2].tolist()})
    assert code == 0
    # Slow machines report progress.
    assert not re.sub(r"skrelax: \d+ of \d+ .*\n", "", printed.err)
    assert "nan" in printed.out.splitlines()[-2]
    with pytest.raises(SystemExit):
        run(images, seconds, "--jobs", "0")
    assert "must be a number of threads" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_named_first(tmp_path, monkeypatch, capsys):
    # Whether nibabel is installed matters only where there are images.
    monkeypatch.setitem(sys.modules, "nibabel", None)
    assert main(["map", str(tmp_path / "absent")]) == 2
    assert "absent: does not exist." in capsys.readouterr().err


def test_models_that_make_no_maps_are_refused(tmp_path, capsys):
    write_series(tmp_path / "in", "EPG", {"TE": [0.01, 0.02, 0.03]})
    command = ["map", str(tmp_path / "in"), "--no-plot", "--out", str(tmp_path / "o")]
    for name in ("T5", "impedance-real"):
        assert main([*command, "--model", name]) == 2
        error = capsys.readouterr().err
        assert "--model must be one of auto, T1-IR, T1-IR-efficiency" in error
        assert "impedance-imaginary" not in error


def test_images_without_background(tmp_path, capsys):
    rng = np.random.default_rng(0)
    times = 0.01 * np.arange(1, 9)
    values = 100.0 * np.exp(-times / 0.05) * rng.uniform(0.9, 1.1, (6, 6, 1, 1))
    source = images(tmp_path / "in", values=values.astype(np.float32))
    command = ["map", source, "--model", "T2", "--no-plot", "--out"]
    _, _, printed = called(capsys, *command, tmp_path / "out")
    assert "voxels that are hardly darker than those inside" in printed
    values[:2] *= 0.02
    images(tmp_path / "in", values=values.astype(np.float32))
    _, _, printed = called(capsys, *command, tmp_path / "dark")
    assert "hardly darker" not in printed
