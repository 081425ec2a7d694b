"""Results of commands: whole, or not there; of one run, or none."""

import errno
import os
import signal
import threading

import numpy as np
import pandas as pd
import pytest
from commands import AFFINE, FAST, decay, fails, images, names, posix, run

from skrelax._cli import main
from skrelax._cli._map import MODELS, result_files


def test_results_that_fail_midway_are_not_there(tmp_path, capsys, monkeypatch):
    path, out = decay(tmp_path), tmp_path / "out"
    to_csv, calls = pd.DataFrame.to_csv, []
    failure = OSError(errno.ENOSPC, "No space left on device")

    def fail(frame, path, **options):
        calls.append(path)
        to_csv(frame, path, **options)
        if len(calls) == 3:
            with open(path, "r+") as file:
                file.truncate(10)
            raise failure

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    assert "No space" in fails(capsys, "invert", path, "--out", out, *FAST)
    assert names(tmp_path) == ["decay.csv"]
    failure = KeyboardInterrupt()
    calls.clear()
    assert main(["invert", str(path), "--out", str(out), *FAST]) == 130
    assert "skrelax: interrupted" in capsys.readouterr().err
    assert names(tmp_path) == ["decay.csv"]
    monkeypatch.undo()
    assert main(["invert", str(path), "--out", str(out), *FAST]) == 0
    before = {name: (out / name).read_bytes() for name in names(out)}
    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    calls.clear()
    assert main(["invert", str(path), "--out", str(out), "--overwrite", *FAST]) == 130
    assert {name: (out / name).read_bytes() for name in names(out)} == before


@posix
def test_a_full_disk(tmp_path):
    rng = np.random.default_rng(0)
    values = np.abs(rng.standard_normal((30, 30, 4, 8))).astype(np.float32)
    source = images(tmp_path / "in", values=values)
    done = run(
        "map", source, "--model", "T2", "--mask", "none", "--no-plot", "--out", "out",
        cwd=tmp_path,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        # Files of at most 2 kB, as a disk that is full then.
        first="import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))",
    )  # fmt: skip
    errors = done.stderr.decode().splitlines()
    assert done.returncode == 2, errors
    assert errors[-1].startswith("skrelax: error: ")
    assert "out: File too large" in errors[-1]
    assert names(tmp_path) == ["in"]


def test_maps_of_another_model_do_not_stay(tmp_path, capsys):
    source, out = images(tmp_path / "in"), tmp_path / "out"
    command = ["map", str(source), "--out", str(out), "--no-plot"]
    assert main([*command, "--model", "T2-offset"]) == 0
    first = names(out)
    (out / "mine.txt").write_text("mine")
    assert main([*command, "--model", "T2", "--overwrite"]) == 0
    note = capsys.readouterr().err
    assert f"{len(first)} files of an earlier run will be replaced" in note
    assert names(out) == sorted({
        "M0.nii.gz", "M0_stderr.nii.gz", "T2.nii.gz", "T2_stderr.nii.gz",
        "acquisition.csv", "mine.txt", "r2.nii.gz", "relative_error.nii.gz",
        "status.nii.gz",
    })  # fmt: skip
    assert set(first) - set(names(out))
    assert set(first) <= set(result_files())


def test_all_models_of_the_command_have_known_files():
    assert len(set(MODELS)) == 14
    assert {"T1.nii.gz", "T2star_stderr.nii.gz", "B1.nii.gz", "maps.png"} <= set(
        result_files()
    )


def test_a_picture_of_an_earlier_run_does_not_stay(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "inversion.png").write_text("old")
    path = decay(tmp_path)
    assert "exists" in fails(capsys, "invert", path, "--out", out, *FAST)
    assert main(["invert", str(path), "--out", str(out), "--overwrite", *FAST]) == 0
    assert "inversion.png" not in names(out)


def test_a_folder_in_the_place_of_a_file_is_found_first(tmp_path, capsys):
    # Before anything is read, not when the work is done.
    out = tmp_path / "out"
    (out / "fit.csv").mkdir(parents=True)
    arguments = [tmp_path / "nothing.csv", "--out", out, "--overwrite"]
    assert "fit.csv is a folder, expected" in fails(capsys, "invert", *arguments)


def test_what_is_read_is_not_replaced(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    path = decay(out, "fit.csv")
    line = fails(capsys, "invert", path, "--out", out, "--overwrite", *FAST)
    assert "is read, and would be replaced" in line
    source = images(tmp_path / "in")
    assert "among the images" in fails(capsys, "map", source, "--out", source)
    nibabel = pytest.importorskip("nibabel")
    T1 = nibabel.Nifti1Image(np.ones((6, 6, 1)), AFFINE)
    nibabel.save(T1, out / "T1.nii.gz")
    arguments = ["map", source, "--out", out, "--overwrite", "--model", "T2-EPG"]
    line = fails(capsys, *arguments, "--T1", out / "T1.nii.gz")
    assert "is read, and would be replaced" in line
    assert (out / "T1.nii.gz").exists()


@pytest.mark.parametrize("overwrite", [True, False])
def test_two_runs_into_one_folder(tmp_path, overwrite, capsys):
    out = tmp_path / "out"
    paths = [decay(tmp_path, f"{k}.csv", f"TE,run {k}") for k in (1, 2)]
    codes = {}

    def start(path):
        arguments = ["invert", path, "--out", out, *FAST]
        arguments += ["--overwrite"] if overwrite else []
        codes[path] = run(*arguments)

    threads = [threading.Thread(target=start, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(tmp_path) == ["1.csv", "2.csv", "out"]
    assert names(out) == [
        "cross_validation.csv", "distribution.csv", "fit.csv", "peaks.csv",
    ]  # fmt: skip
    (winner,) = set(pd.read_csv(out / "peaks.csv")["signal"])
    assert winner in pd.read_csv(out / "fit.csv").columns
    assert winner in pd.read_csv(out / "distribution.csv").columns
    good = [done.returncode for done in codes.values()]
    assert sorted(good) == ([0, 0] if overwrite else [0, 2])
    for done in codes.values():
        assert b"Traceback" not in done.stderr


@posix
def test_links_to_nothing(tmp_path, capsys):
    path, out = decay(tmp_path), tmp_path / "out"
    out.symlink_to("there")
    assert main(["invert", str(path), "--out", str(out), *FAST]) == 0
    assert "fit.csv" in names(tmp_path / "there")
    again = tmp_path / "again"
    again.mkdir()
    (again / "fit.csv").symlink_to("gone")
    line = fails(capsys, "invert", path, "--out", again, *FAST)
    assert "fit.csv exists; give --overwrite" in line


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_run_that_is_ended_leaves_nothing(tmp_path, capsys, monkeypatch, name):
    number = getattr(signal, name)
    # A run under nohup is not to be ended.
    before = signal.signal(number, signal.SIG_DFL)

    def end(*_, **__):
        os.kill(os.getpid(), number)

    path = decay(tmp_path)
    monkeypatch.setattr(pd.DataFrame, "to_csv", end)
    out = ["--out", str(tmp_path / "out")]
    assert main(["invert", str(path), *out, *FAST]) == 128 + number
    assert capsys.readouterr().err.endswith("skrelax: stopped\n")
    assert names(tmp_path) == ["decay.csv"]
    assert signal.signal(number, before) is signal.SIG_DFL
