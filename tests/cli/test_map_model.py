"""The model that images ask for, and what a map keeps."""

import json

import numpy as np
import pandas as pd
import pytest
from commands import AFFINE, called, fails
from numpy.testing import assert_allclose

from skrelax._cli import main
from skrelax.signals import (
    EPGEchoTrain,
    InversionRecovery,
    MonoExponential,
    SaturationRecovery,
    SpoiledGradientEcho,
)

nibabel = pytest.importorskip("nibabel")
KEYS = {
    "TI": "InversionTime",
    "TR": "RepetitionTime",
    "TE": "EchoTime",
    "FA": "FlipAngle",
}
SIZE = 20
INSIDE = np.zeros((SIZE, SIZE, 1), dtype=bool)
INSIDE[3:17, 3:17] = True
TI = np.array([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0])
TE = 0.01 * np.arange(1, 25)


def write(folder, model, columns, times, noise_std=0.005, scale=100.0):
    """Write magnitudes of a model with two times, an image per point; return truth."""
    folder.mkdir(exist_ok=True)
    truth = np.full((SIZE, SIZE, 1), np.nan)
    truth[INSIDE] = times[0]
    truth[10:17, 3:17] = times[1]
    X = pd.DataFrame(columns)
    points = X[list(model.acquisition_columns)].to_numpy()
    signals = model.evaluate(points, truth[INSIDE][:, None])
    rng = np.random.default_rng(0)
    for k in range(len(X)):
        image = np.zeros(truth.shape)
        image[INSIDE] = signals[k]
        noise = noise_std * rng.standard_normal((2, *image.shape))
        image = scale * np.hypot(image + noise[0], noise[1])
        image = nibabel.Nifti1Image(image.astype(np.float32), AFFINE)
        nibabel.save(image, folder / f"{k:02}.nii.gz")
        # One series, whatever else varies.
        sidecar = {KEYS[name]: float(X[name][k]) for name in X} | {"SeriesNumber": 1}
        (folder / f"{k:02}.json").write_text(json.dumps(sidecar))
    return truth[INSIDE]


def load(path):
    return nibabel.load(path).get_fdata()[INSIDE]


def chosen(out):
    """Return the model that was chosen."""
    table = pd.read_csv(out / "models.csv", index_col="model")
    return table.index[table["verdict"] == "chosen"].item()


def fit(folder, *options):
    out = folder.parent / "out"
    command = ["map", str(folder), "--out", str(out), "--no-plot", "--overwrite"]
    assert main([*command, *options]) == 0
    return out


@pytest.mark.parametrize(
    ("name", "model", "columns", "times"),
    [
        ("T1-IR", InversionRecovery(), {"TI": TI}, (0.4, 0.9)),
        (
            "T1-IR",
            InversionRecovery(repetition_time="TR"),
            {"TI": TI, "TR": np.maximum(1.5, TI + 0.5)},
            (0.4, 0.9),
        ),
        ("T1-IR-efficiency", InversionRecovery(1.8), {"TI": TI}, (0.4, 0.9)),
        ("T1-SR", SaturationRecovery("TI"), {"TI": TI}, (0.4, 0.9)),
        ("T1-SR", SaturationRecovery("TR"), {"TR": TI, "FA": 90.0}, (0.4, 0.9)),
        (
            "T1-VFA",
            SpoiledGradientEcho(),
            {"FA": [2.0, 5.0, 10.0, 15.0, 20.0], "TR": 0.015},
            (0.4, 0.9),
        ),
        ("T2", MonoExponential(), {"TE": TE, "TR": 2.0}, (0.05, 0.08)),
        ("T2-EPG", EPGEchoTrain(B1=0.8, echo_spacing=0.01), {"TE": TE}, (0.05, 0.08)),
        ("T2*", MonoExponential("T2*"), {"TE": TE[:12], "FA": 20.0}, (0.03, 0.05)),
    ],
)
def test_images_choose_their_model(tmp_path, capsys, name, model, columns, times):
    noise_std = 2e-4 if name == "T1-VFA" else 0.005
    truth = write(tmp_path / "in", model, columns, times, noise_std)
    out = fit(tmp_path / "in")
    printed = capsys.readouterr()
    assert chosen(out) == name
    assert f"{name} " in next(
        line for line in printed.out.splitlines() if line.endswith("chosen")
    )
    assert "no model fits" not in printed.err
    time = name[:2] if name != "T2*" else "T2star"
    found = load(out / f"{time}.nii.gz")
    assert_allclose(np.nanmedian(found / truth), 1.0, atol=0.02)
    assert (np.isfinite(found)).mean() > 0.95
    # Named, it is the same map; and no comparison is left of the run before.
    named = fit(tmp_path / "in", "--model", name)
    assert_allclose(load(named / f"{time}.nii.gz"), found)
    assert not (named / "models.csv").exists()


def test_a_given_map_names_the_model(tmp_path, capsys):
    train = EPGEchoTrain(B1=0.7, T1=0.4, echo_spacing=0.01)
    truth = write(tmp_path / "in", train, {"TE": TE}, (0.05, 0.08), 0.002)
    out = fit(tmp_path / "in", "--T1", "0.4")
    assert chosen(out) == "T2-EPG"
    assert "T1 of 0.4 s in all voxels" in capsys.readouterr().out
    assert_allclose(np.nanmedian(load(out / "T2.nii.gz") / truth), 1, atol=0.01)
    write(tmp_path / "ti", InversionRecovery(), {"TI": TI}, (0.4, 0.9))
    error = fails(capsys, "map", tmp_path / "ti", "--out", tmp_path / "o", "--B1", "1")
    assert "--B1 does not go with the models of these images, T1-IR, T1-SR" in error


def test_none_fits_and_nothing_varies(tmp_path, capsys):
    beats = {"TE": TE}
    write(tmp_path / "in", MonoExponential(), beats, (0.05, 0.08))
    for k, time in enumerate(TE):
        path = tmp_path / "in" / f"{k:02}.nii.gz"
        image = nibabel.load(path)
        values = image.get_fdata() * (1.3 + np.cos(300.0 * time))
        nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), AFFINE), path)
    code, _, printed = called(
        capsys, "map", tmp_path / "in", "--out", tmp_path / "out", "--no-plot"
    )
    assert code == 0
    assert "no model fits: the residuals of " in printed
    assert "T2-biexponential, T2-stretched and T2-distribution" in printed
    write(tmp_path / "same", MonoExponential(), {"TE": [0.01]}, (0.05, 0.08))
    error = fails(capsys, "map", tmp_path / "same", "--out", tmp_path / "out2")
    assert "one image is left of each slice" in error


def test_what_a_model_does_not_read(tmp_path, capsys):
    columns = {"TE": TE, "TR": np.linspace(1.0, 2.0, TE.size)}
    write(tmp_path / "in", MonoExponential(), columns, (0.05, 0.08))
    words = "TR differs from image to image, and T2 does not read it"
    for options in ((), ("--model", "T2")):
        fit(tmp_path / "in", *options)
        assert words in capsys.readouterr().err
    fit(tmp_path / "in", "--model", "T2-distribution")
    assert "and T2-distribution does not read it" in capsys.readouterr().err
    fit(tmp_path / "in", "--model", "T2", "--tr", "ignore")
    assert words not in capsys.readouterr().err
    recovery = InversionRecovery(repetition_time="TR")
    columns = {"TI": TI, "TR": np.maximum(1.0, 1.2 * TI)}
    truth = write(tmp_path / "ir", recovery, columns, (0.4, 0.9), 0.002)
    for name in ("T1-IR-efficiency", "T1-general"):
        out = fit(tmp_path / "ir", "--model", name)
        assert "does not read" not in capsys.readouterr().err
        assert_allclose(np.nanmedian(load(out / "T1.nii.gz") / truth), 1, atol=0.03)
    fit(tmp_path / "ir", "--model", "T1-LL")
    assert "TR differs from image to image, and T1-LL" in capsys.readouterr().err


def test_flagged_values_can_be_kept(tmp_path, capsys):
    truth = write(tmp_path / "in", MonoExponential(), {"TE": TE}, (0.05, 4.0), 0.02)
    out = fit(tmp_path / "in", "--model", "T2")
    long = truth > 1.0
    status = load(out / "status.nii.gz")
    flagged = status == 2
    assert flagged[long].mean() > 0.7
    assert np.isnan(load(out / "T2.nii.gz")[flagged]).all()
    plain = load(out / "T2.nii.gz")[status == 0]
    out = fit(tmp_path / "in", "--model", "T2", "--keep")
    assert (load(out / "status.nii.gz")[flagged] == 2).all()
    assert (load(out / "T2.nii.gz")[flagged] > 0.72).all()
    assert np.isfinite(load(out / "T2_stderr.nii.gz")[flagged]).all()
    assert_allclose(load(out / "T2.nii.gz")[status == 0], plain)


def test_few_echoes_make_no_distribution(tmp_path, capsys):
    write(tmp_path / "in", MonoExponential(), {"TE": TE[:3]}, (0.05, 0.08))
    command = ["map", tmp_path / "in", "--out", tmp_path / "out", "--no-plot"]
    error = fails(capsys, *command, "--model", "T2-distribution")
    assert "needs 4 different echo times or more, got [0.01, 0.02, 0.03] s" in error
    write(tmp_path / "in", MonoExponential(), {"TE": TE[:6]}, (0.05, 0.08))
    _, _, printed = called(capsys, *command, "--model", "T2-distribution")
    assert "6 echo times tell little of a distribution" in printed


def test_bounds(tmp_path, capsys):
    truth = write(tmp_path / "in", InversionRecovery(1.8), {"TI": TI}, (0.4, 0.9))
    for options in ((), ("--model", "T1-IR-efficiency")):
        out = fit(tmp_path / "in", "--bounds", "T1=0.1,0.6", *options)
        status, T1 = load(out / "status.nii.gz"), load(out / "T1.nii.gz")
        short = truth < 0.6
        # Times beyond are searched nowhere.
        assert (status[~short] == 1).mean() > 0.95
        assert_allclose(np.nanmedian(T1[short]), 0.4, atol=0.01)
    train = EPGEchoTrain(B1=0.8, echo_spacing=0.01)
    write(tmp_path / "te", train, {"TE": TE}, (0.05, 0.08))
    bounds = ["--bounds", "B1=0.85,1", "--bounds", "T2=0.01,1"]
    out = fit(tmp_path / "te", "--keep", *bounds)
    assert pd.read_csv(out / "models.csv")["model"].tolist() == ["T2-EPG"]
    assert_allclose(load(out / "B1.nii.gz"), 0.85)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["T1=3,1"], "must be NAME=LOW,HIGH with low < high, T1=0.1,3 for example"),
        (["T1"], "must be NAME=LOW,HIGH"),
        (["T1=1,2,3"], "must be NAME=LOW,HIGH"),
        (["T1=a,2"], "must be a number, got 'a'"),
        (["T1=0,2"], "bounds of T1 must be finite, positive"),
        (["T2=1,2"], "does not go with --model auto, whose parameters with bounds are"),
        (["T1=1,2", "--bounds", "T1=1,3"], "--bounds T1 is given twice"),
        (["T1=1,2", "--model", "T2-distribution"], "--minimum and --maximum are"),
        (["T1=1,2", "--model", "T1-IR", "--T1", "1"], "exclude each other"),
        (["efficiency=1,2", "--model", "T1-IR-efficiency"], "with bounds are T1."),
    ],
)
def test_wrong_bounds(tmp_path, capsys, options, message):
    write(tmp_path / "in", InversionRecovery(), {"TI": TI}, (0.4, 0.9))
    out = tmp_path / "out"
    command = ["map", tmp_path / "in", "--out", out, "--no-plot", "--bounds"]
    assert message in fails(capsys, *command, *options)
    assert not out.exists()


def test_what_the_report_says(tmp_path):
    pytest.importorskip("matplotlib")
    train = EPGEchoTrain(B1=0.8, echo_spacing=0.01)
    write(tmp_path / "in", train, {"TE": TE, "TR": 2.0}, (0.05, 0.08))
    out = tmp_path / "out"
    command = ["map", str(tmp_path / "in"), "--out", str(out), "--report", "--no-plot"]
    assert main([*command, "--bounds", "T2=0.01,0.5"]) == 0
    text = (out / "report.html").read_text(encoding="utf-8")
    assert "T2-EPG: M0 EPG(TE; T2, T1, B1), T2 from 0.01 to 0.5" in text
    assert "T1 of 1 s in all voxels" in text
    assert "TE (s)" in text


def test_what_signals_are_called(tmp_path, capsys):
    write(tmp_path / "in", MonoExponential(), {"TE": TE}, (0.05, 0.08))
    fit(tmp_path / "in", "--model", "T2")
    assert "magnitude signals: M0" in capsys.readouterr().out
    path = tmp_path / "in" / "03.nii.gz"
    image = nibabel.load(path).get_fdata()
    image[0, 0] = -1.0
    nibabel.save(nibabel.Nifti1Image(image.astype(np.float32), AFFINE), path)
    fit(tmp_path / "in", "--model", "T2")
    assert ", signed signals: M0" in capsys.readouterr().out


def test_errors_name_the_file(tmp_path, capsys):
    write(tmp_path / "in", MonoExponential(), {"TE": TE}, (0.05, 0.08))
    times = tmp_path / "times.csv"
    times.write_text("TE (ms)\n1\n2\n")
    command = ["map", tmp_path / "in", "--out", tmp_path / "o", "--mask", "none"]
    error = fails(capsys, *command, "--times", times)
    assert "times.csv: acquisition has 2 rows, the files have 24 " in error
    for path in (tmp_path / "in").glob("*.nii.gz"):
        image = np.full((SIZE, SIZE, 1), np.nan, dtype=np.float32)
        nibabel.save(nibabel.Nifti1Image(image, AFFINE), path)
    assert "in: y has no signal to compare" in fails(capsys, *command)


def test_absurd_voxels_that_lack_points(tmp_path, capsys):
    write(tmp_path / "in", MonoExponential(), {"TE": TE}, (0.05, 0.08))
    for k, value in ((2, np.nan), (3, 1e300)):
        path = tmp_path / "in" / f"{k:02}.nii.gz"
        image = nibabel.load(path).get_fdata()
        image[5, 5] = value
        nibabel.save(nibabel.Nifti1Image(image, AFFINE), path)
    command = ["map", tmp_path / "in", "--out", tmp_path / "o", "--no-plot"]
    code, _, printed = called(capsys, *command)
    assert code == 0
    assert "1 voxels with signals beyond" in printed
