"""``skrelax map`` on folders of several series, and options that say what to read."""

import numpy as np
import pandas as pd
import pytest
from commands import called, fails
from numpy.testing import assert_allclose
from scans import write_image, write_volume

nibabel = pytest.importorskip("nibabel")
QUIET = ["--no-plot", "--mask", "none", "--overwrite"]


def load(path):
    return np.asarray(nibabel.load(path).dataobj)


def write_train(folder, number, T2, times, scale=1000.0):
    folder.mkdir(exist_ok=True)
    for time in times:
        image = np.rint(scale * np.exp(-time / T2)) * np.ones((4, 4))
        write_image(folder / f"{number}-{time:g}.dcm", image.astype(int), EchoTime=time,
                    SeriesNumber=number, SeriesInstanceUID=f"1.2.{number}",
                    SeriesDescription=f"train {number}")  # fmt: skip


def test_two_series_are_a_choice(tmp_path, capsys):
    pytest.importorskip("pydicom")
    folder, out = tmp_path / "in", tmp_path / "out"
    write_train(folder, 8, 50.0, (10.0, 20.0, 40.0, 80.0))
    write_train(folder, 9, 80.0, (15.0, 30.0, 60.0), scale=300.0)
    write_train(folder, 2, 30.0, (5.0,))
    command = ["map", folder, "--model", "T2", "--out", out, *QUIET]
    line = fails(capsys, *command)
    assert "2 series vary in TE; choose with series=8 (--series 8): 8 'train 8'" in line
    assert not out.exists()
    for series, T2 in (("8", 0.05), ("9", 0.08), ("train 9", 0.08)):
        assert called(capsys, *command, "--series", series)[0] == 0
        assert_allclose(load(out / "T2.nii.gz"), T2, rtol=0.01)
    assert "expected series {7}, found series [2, 8, 9]" in fails(
        capsys, *command, "--series", "7"
    )
    assert "must be a range such as '8-17'" in fails(
        capsys, *command, "--series", "9-8"
    )


def test_what_was_taken_and_left_out_is_printed(tmp_path, capsys):
    pytest.importorskip("pydicom")
    from skrelax._cli import main

    folder = tmp_path / "in"
    write_train(folder, 8, 50.0, (10.0, 20.0, 40.0, 80.0))
    write_train(folder, 2, 30.0, (5.0,))
    command = ["map", str(folder), "--model", "T2", "--out", str(tmp_path / "out")]
    assert main([*command, *QUIET]) == 0
    printed = capsys.readouterr().out
    assert "series 8 'train 8' (4 images, TE 10-80 ms (4))\n" in printed
    assert "left out: series 2 'train 2' (1 image, TE 5 ms): another" in printed
    assert main([*command, "--series", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 train 2 (1 image M, TE 5 ms, TR 3000 ms, FA 90 degrees)",
        "8 train 8 (4 images M, TE 10-80 ms (4), TR 3000 ms, FA 90 degrees)",
    ]


def test_times_in_a_file_of_their_own(tmp_path, capsys):
    times = np.array([1.0, 10.0, 30.0, 60.0])
    values = 500.0 * np.exp(-times / 40.0) * np.ones((4, 4, 2, 1))
    folder, out = tmp_path / "in", tmp_path / "out"
    write_volume(folder / "sl.nii.gz", values)
    write_volume(folder / "mask.nii.gz", np.ones((4, 4, 2)))
    path = tmp_path / "times.csv"
    path.write_text("TSL (ms)\n" + "\n".join(f"{time:g}" for time in times))
    command = ["map", folder, "--out", out, *QUIET]
    assert called(capsys, *command, "--model", "T1rho", "--times", path)[0] == 0
    assert_allclose(load(out / "T1rho.nii.gz"), 0.04, rtol=1e-3)
    assert_allclose(pd.read_csv(out / "acquisition.csv")["TSL"], 1e-3 * times)
    # Without a header, what the model reads, in seconds.
    path.write_text("\n".join(f"{1e-3 * time:g}" for time in times))
    assert called(capsys, *command, "--model", "T2", "--times", path)[0] == 0
    assert_allclose(load(out / "T2.nii.gz"), 0.04, rtol=1e-3)
    path.write_text("TSL\n1\n")
    line = fails(capsys, *command, "--model", "T1rho", "--times", path)
    assert "times.csv: 'TSL' has no unit of a time" in line
    line = fails(capsys, *command, "--model", "T2", "--times", tmp_path / "absent")
    assert "absent: cannot be read (No such file" in line
    assert "has no sidecar" in fails(capsys, *command, "--model", "T2")


def test_first_echoes_are_left_out(tmp_path, capsys):
    times = 0.01 * np.arange(1, 9)
    values = 500.0 * np.exp(-times / 0.06) * np.ones((4, 4, 1, 1))
    values[..., 0] *= 0.8
    folder, out = tmp_path / "in", tmp_path / "out"
    write_volume(folder / "train.nii.gz", values, EchoTime=times.tolist())
    command = ["map", folder, "--out", out, *QUIET]
    for model in ("T2", "T2-EPG"):
        assert called(capsys, *command, "--model", model)[0] == 0
        assert load(out / "relative_error.nii.gz").min() > 1e-3
        code, _, printed = called(capsys, *command, "--model", model, "--skip", "1")
        assert code == 0, printed
        assert_allclose(load(out / "T2.nii.gz"), 0.06, rtol=1e-3)
        assert load(out / "relative_error.nii.gz").max() < 1e-5
        assert_allclose(pd.read_csv(out / "acquisition.csv")["TE"], times[1:])
    short = ["--model", "T2-distribution", "--skip", "2", "--bins", "10"]
    assert called(capsys, *command, *short)[0] == 0
    assert len(pd.read_csv(out / "acquisition.csv")) == 6
    assert "--skip 8 leaves none of 8 TE" in fails(
        capsys, *command, "--model", "T2", "--skip", "8"
    )


def test_inversion_times_of_each_slice(tmp_path, capsys):
    pytest.importorskip("pydicom")
    T1 = (400.0, 900.0, 1300.0)
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for k in range(3):
        for TI in np.array([50.0, 300.0, 800.0, 2000.0]) + 70.0 * k:
            signal = 2000.0 * abs(1 - 2 * np.exp(-TI / T1[k]))
            write_image(folder / f"{k}-{TI:g}.dcm", np.full((4, 4), round(signal)),
                        (0.0, 0.0, 5.0 * k), InversionTime=TI,
                        RepetitionTime=20_000.0)  # fmt: skip
    command = ["map", folder, "--out", out, "--model", "T1-IR"]
    assert called(capsys, *command, "--mask", "none")[0] == 0
    expected = np.broadcast_to(1e-3 * np.array(T1), (4, 4, 3))
    assert_allclose(load(out / "T1.nii.gz"), expected, rtol=2e-3)
    assert (load(out / "status.nii.gz") == 0).all()
    assert (out / "maps.png").exists()
    table = pd.read_csv(out / "acquisition.csv")
    assert table["slice"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert_allclose(table["TI"][4:8], [0.12, 0.37, 0.87, 2.07])
    # A mask that leaves a slice out.
    inside = np.ones((4, 4, 3))
    inside[..., 1] = 0
    affine = nibabel.load(out / "T1.nii.gz").affine
    write_volume(tmp_path / "mask.nii.gz", inside, affine)
    masked = [*command, "--mask", tmp_path / "mask.nii.gz", "--overwrite", "--no-plot"]
    assert called(capsys, *masked)[0] == 0
    expected = np.where(inside, expected, np.nan)
    assert_allclose(load(out / "T1.nii.gz"), expected, rtol=2e-3)
    assert (load(out / "status.nii.gz")[..., 1] == 5).all()


@pytest.mark.parametrize("column", ["InversionTime", "RepetitionTime"])
def test_saturation_recovery(tmp_path, capsys, column):
    pytest.importorskip("pydicom")
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for delay in (100.0, 300.0, 900.0, 2500.0):
        signal = round(2000.0 * (1 - np.exp(-delay / 700.0)))
        write_image(
            folder / f"{delay:g}.dcm", np.full((4, 4), signal), **{column: delay}
        )
    command = ["map", folder, "--out", out, "--model", "T1-SR", *QUIET]
    assert called(capsys, *command)[0] == 0
    assert_allclose(load(out / "T1.nii.gz"), 0.7, rtol=2e-3)


def test_flip_angles_of_bids(tmp_path, capsys):
    folder, out = tmp_path / "sub-01", tmp_path / "out"
    E1 = np.exp(-0.015 / 0.9)
    for number, angle in enumerate((3, 8, 15, 25), start=1):
        a = np.deg2rad(angle)
        signal = 1000.0 * np.sin(a) * (1 - E1) / (1 - np.cos(a) * E1)
        path = folder / "anat" / f"sub-01_flip-{number}_VFA.nii.gz"
        write_volume(path, np.full((4, 4, 2), signal), FlipAngle=angle, EchoTime=0.003,
                     RepetitionTimeExcitation=0.015)  # fmt: skip
    path = folder / "anat" / "sub-01_T1w.nii.gz"
    write_volume(path, np.ones((4, 4, 2)), FlipAngle=9, EchoTime=0.003)
    command = ["map", folder, "--out", out, "--model", "T1-VFA", *QUIET]
    assert called(capsys, *command)[0] == 0
    assert_allclose(load(out / "T1.nii.gz"), 0.9, rtol=1e-3)
