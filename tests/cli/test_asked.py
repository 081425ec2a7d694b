"""What is asked for and cannot be, names of results, and folders of files."""

import argparse
import os
import sys
import types

import instruments
import numpy as np
import pytest
from commands import FAST, called, decay, fails, names, run

from skrelax._cli import main
from skrelax._cli._batch import sample_names
from skrelax.io import read_decay, read_result


def series(folder):
    """Write a CSDM file of decays beside a spectrum."""
    csdmpy = pytest.importorskip("csdmpy")
    times, lines = np.geomspace(1e-3, 1, 9), np.array([0.0, 3.0, 10.0])
    data = np.outer(np.exp(-times / 0.1), lines)
    data += 0.02 * np.random.default_rng(0).standard_normal(data.shape)
    path = folder / "series.csdf"
    csdmpy.CSDM(
        dimensions=[
            csdmpy.as_dimension(times, unit="s", label="TE"),
            csdmpy.LinearDimension(count=3, increment="10 Hz", label="shift"),
        ],
        dependent_variables=[csdmpy.as_dependent_variable(data.T.copy())],
    ).save(str(path))
    return path


def test_options_without_effect_are_said(tmp_path, capsys):
    path, out = decay(tmp_path), tmp_path / "out"
    asked = ["--echo-spacing", "1e-3", "--no-average", "--phase", "20"]
    assert main(["invert", str(path), "--out", str(out), *asked, *FAST]) == 0
    notes = capsys.readouterr().err
    for name in ("--echo-spacing", "--no-average", "--phase"):
        assert f"({name}) has no effect" in notes
    times = 0.1 * np.arange(1, 25)
    path = instruments.minispec(tmp_path, times, np.exp(-times))
    with pytest.warns(UserWarning, match=r"pairs \(--complex\) has no effect"):
        read_decay(path, pairs=True)


@pytest.mark.parametrize(
    "asked",
    [
        ["--rule", "min"], ["--penalty", "lasso"], ["--order", "1"], ["--folds", "3"],
        ["--report"], ["--efficiency", "1.8"],
    ],
)  # fmt: skip
def test_what_a_spectrum_does_not_take(tmp_path, capsys, asked):
    out = tmp_path / "out"
    kernel = ["--kernel", "T1-IR"] if "--efficiency" in asked else []
    path = series(tmp_path)
    line = fails(capsys, "invert", path, "--out", out, "--no-plot", *asked, *kernel)
    assert asked[0] in line or "reads" in line
    assert not out.exists()


def test_a_spectrum_reopens(tmp_path, capsys):
    pytest.importorskip("xarray")
    path, out = series(tmp_path), tmp_path / "out"
    out.mkdir()
    (out / "peaks.csv").write_text("of another run")
    command = ["invert", str(path), "--out", str(out), "--bins", "12", "--no-plot"]
    assert main([*command, "--netcdf", "--overwrite"]) == 0
    assert names(out) == ["distribution.csv", "fit.csv", "result.nc"]
    result = read_result(out / "result.nc")
    assert result["distribution"].sizes == {"channel": 3, "T2": 12}
    assert set(result["status"].values) <= {"converged", "completed", "not converged"}
    # Cut anywhere, it is refused.
    content = (out / "result.nc").read_bytes()
    for size in (0, 3, 200, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.nc").write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"cut\.nc: not read as netCDF"):
            read_result(tmp_path / "cut.nc")


def test_names_with_points_are_told_apart(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("rock v1.5 ü.csv", "rock v1.6 ü.csv"):
        decay(tmp_path, name)
        assert main(["invert", name, *FAST]) == 0
    (tmp_path / "link.csv").symlink_to("rock v1.5 ü.csv")
    assert main(["invert", "link.csv", *FAST]) == 0
    assert names(tmp_path)[:2] == ["link-inversion", "link.csv"]
    assert {"rock v1.5 ü-inversion", "rock v1.6 ü-inversion"} < set(names(tmp_path))
    files = ["a.1.csv", "a.2.csv.gz", "b/a.1.txt", ".a.dat", "x/inversion.fid"]
    assert sample_names(files) == ["a.1", "a.2", "a.1-2", "a", "inversion"]
    assert sample_names(["Rock.csv", "b/rock.csv", "SAMPLES.CSV.fid"]) == [
        "Rock", "rock-2", "SAMPLES.CSV-2",
    ]  # fmt: skip


def test_folders_say_what_can_be_named(tmp_path, capsys):
    folder = tmp_path / "data"
    folder.mkdir()
    assert "Spinsolve); it is empty." in fails(capsys, "invert", folder)
    decay(folder, "a.csv")
    line = fails(capsys, "read", folder)
    assert f"of files name one, or {folder}/* for all 1" in line
    rows = np.exp(-np.arange(8))[:, None] * np.full((8, 16), 1000.0 + 0j)
    for name in ("1", "2"):
        instruments.bruker(folder, rows, {"vdlist": np.arange(1, 9)}, name=name)
    line = fails(capsys, "invert", folder)
    assert f"2 experiments: 1, 2; name the one that is meant, {folder}/1 for" in line
    assert f"or {folder}/* for all" in line
    assert not (tmp_path / "data-inversion").exists()


def test_a_list_that_is_longer_than_the_rows_is_said(tmp_path):
    pytest.importorskip("nmrglue")
    rows = np.exp(-np.arange(8))[:, None] * np.full((8, 16), 1000.0 + 0j)
    path = instruments.bruker(tmp_path, rows, {"vdlist": np.arange(1, 12)})
    with pytest.warns(UserWarning, match="11 entries, the first 8 of which are taken"):
        assert len(read_decay(path).acquisition) == 8
    (path / "vdlist").write_text("-1\n" * 8)
    with pytest.raises(ValueError, match=r"must not be negative, got -1\.$"):
        read_decay(path)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_shell_may_ask_for_completion(monkeypatch, capsys, is_there):
    asked = []
    library = types.SimpleNamespace(autocomplete=asked.append) if is_there else None
    monkeypatch.setitem(sys.modules, "argcomplete", library)
    for mark in (False, True):
        if mark:
            monkeypatch.setenv("_ARGCOMPLETE", "1")
        with pytest.raises(SystemExit):
            main(["--version"])
        assert len(asked) == (mark and is_there)
    assert all(isinstance(parser, argparse.ArgumentParser) for parser in asked)


def test_the_real_library_completes(tmp_path):
    pytest.importorskip("argcomplete")
    line, answer = "skrelax invert --pen", tmp_path / "answer"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line))}
    asked |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(answer)}
    assert run(env=os.environ | asked).returncode == 0
    assert "--penalty" in answer.read_text()


def test_options_are_refused_once_for_all_files(tmp_path, capsys):
    files = [decay(tmp_path, name) for name in ("a.csv", "b.csv")]
    asked = ["--penalty", "lasso", "--order", "1"]
    code, lines, _ = called(capsys, "invert", *files, *asked, "--no-plot")
    assert (code, len(lines)) == (2, 1)
    assert "--order is for --penalty smooth only" in lines[0]
    assert names(tmp_path) == ["a.csv", "b.csv"]
