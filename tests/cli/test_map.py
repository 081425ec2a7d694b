"""The command that makes maps from images."""

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from skrelax._cli import main
from skrelax.signals import EPGEchoTrain, InversionRecovery

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
    assert "T1-IR needs TI of each image, the files give" in capsys.readouterr().err
    (tmp_path / "in" / "0.nii.gz").unlink()
    assert main([*command, "--model", "T2-EPG", "--overwrite"]) == 2
    assert "needs all echoes of a train" in capsys.readouterr().err
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
    # The values of spheres 2 to 10 are there, and none above what 0.8 s can see.
    assert np.nanpercentile(T1, 98) > 1.4
    assert np.nanmax(T1) < 2.5
