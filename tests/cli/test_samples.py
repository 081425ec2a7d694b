"""``skrelax read``, several files at once, and the installed command."""

import configparser
from pathlib import Path

import instruments
import numpy as np
import pandas as pd
import pytest
from commands import FAST, decay, fails, run
from numpy.testing import assert_allclose

from skrelax._cli import main
from skrelax._cli._invert import find_files

MORE = [*FAST, "--penalty", "smooth"]


def test_read_says_what_is_there(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    times = 0.1 * np.arange(1, 201)
    signal = 1000 * np.exp(-times / 5.0) * np.exp(1.0j)
    path = instruments.geospec(tmp_path, 3, times, 0 * times, signal)
    picture = tmp_path / "rock.png"
    assert main(["read", str(path), "--out", str(picture)]) == 0
    said = capsys.readouterr().out
    assert f"{path}: format geospec" in said
    assert "axis TE: 200 points, 0.0001 to 0.02 s" in said
    assert "kernel: T2" in said
    assert "phase 57.3 degrees, noise" in said
    assert picture.read_bytes().startswith(b"\x89PNG")
    picture.write_text("mine")
    assert "give --overwrite" in fails(capsys, "read", path, "--out", picture)
    assert picture.read_text() == "mine"
    assert "must be a file .png" in fails(capsys, "read", path, "--out", tmp_path / "x")


def test_read_of_planes_and_spectra(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / "map.csv"
    path.write_text("TI/TE (ms),1,2,3\n10,-1,-2,-3\n20,1,2,3\n")
    assert main(["read", str(path), "--out", str(tmp_path / "a.png")]) == 0
    said = capsys.readouterr().out
    assert "axis TI: 2 points, 0.01 to 0.02 s" in said
    assert "axis TE: 3 points, 0.001 to 0.003 s" in said
    assert "kernel: T1-IR,T2" in said
    path.write_text("1,2,3\n4,5,6\n")
    assert main(["read", str(path), "--no-plot"]) == 0
    said = capsys.readouterr().out
    assert "axis time: 2 points, 1 to 4 (unit not in the file)" in said
    assert "kernel: not in the file (--kernel chooses it)" in said


@pytest.mark.parametrize("jobs", [1, 2])
def test_several_files_make_one_table(tmp_path, capsys, jobs):
    for number, name in enumerate(["a.csv", "b.csv"], start=1):
        decay(tmp_path, name, scale=float(number))
    (tmp_path / "bad.csv").write_text("0.1,x\n")
    out = tmp_path / "out"
    command = ["invert", str(tmp_path / "*.csv"), "--out", str(out), *MORE]
    assert main([*command, "--jobs", str(jobs)]) == 0
    said = capsys.readouterr()
    table = pd.read_csv(out / "samples.csv").set_index("sample")
    assert list(table.index) == ["a", "b", "bad"]
    assert_allclose(table["log_mean"][:2], 0.05, rtol=0.05)
    assert_allclose(table["amplitude"]["b"], 2 * table["amplitude"]["a"], rtol=1e-3)
    assert table["status"].tolist() == ["converged", "converged", "failed"]
    assert "bad.csv:1: expected a number" in table["message"]["bad"]
    assert "bad failed: " in said.err
    assert "2 of 3 files inverted" in said.out
    assert sorted(one.name for one in out.iterdir()) == ["a", "b", "samples.csv"]
    alone = tmp_path / "alone"
    path = str(tmp_path / "a.csv")
    assert main(["invert", path, "--out", str(alone), *FAST]) == 0
    for name in ("distribution.csv", "peaks.csv"):
        assert (alone / name).read_bytes() == (out / "a" / name).read_bytes()


def test_results_of_samples_are_not_replaced(tmp_path, capsys):
    files = [decay(tmp_path, name) for name in ("a.csv", "b.csv")]
    out = tmp_path / "out"
    command = ["invert", *map(str, files), "--out", str(out), *FAST]
    assert main(command) == 0
    before = (out / "samples.csv").read_bytes()
    (out / "a" / "peaks.csv").write_text("mine")
    assert "samples.csv exists" in fails(capsys, *command)
    (out / "samples.csv").unlink()
    assert "none of 2 files" in fails(capsys, *command)
    assert (out / "a" / "peaks.csv").read_text() == "mine"
    assert not (out / "samples.csv").exists()
    assert main([*command, "--overwrite"]) == 0
    assert (out / "samples.csv").read_bytes() == before


def test_names_of_samples(tmp_path, capsys):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        decay(tmp_path / folder, "same.csv", header="TE,one,two", signals=2)
    out = tmp_path / "out"
    files = [str(tmp_path / folder / "same.csv") for folder in ("x", "y")]
    assert main(["invert", *files, "--out", str(out), *FAST]) == 0
    table = pd.read_csv(out / "samples.csv")
    assert table["sample"].tolist() == ["same", "same", "same-2", "same-2"]
    assert table["signal"].tolist() == ["one", "two", "one", "two"]


def test_globs_that_no_shell_expands(tmp_path):
    for name in ("b.tnt", "a.tnt", "c.csv"):
        (tmp_path / name).write_text("")
    found = find_files([str(tmp_path / "*.tnt"), str(tmp_path / "absent.csv")])
    assert [Path(one).name for one in found] == ["a.tnt", "b.tnt", "absent.csv"]
    # A name that is there is no pattern, and one that matches nothing stays.
    (tmp_path / "x[1].csv").write_text("")
    assert find_files([str(tmp_path / "x[1].csv")]) == [str(tmp_path / "x[1].csv")]
    assert find_files([str(tmp_path / "*.zip")]) == [str(tmp_path / "*.zip")]


def test_all_files_bad(tmp_path, capsys):
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    line = fails(capsys, "invert", *files, "--out", tmp_path / "out", *FAST)
    assert "none of 2 files could be inverted; the first" in line
    assert "no such file" in line
    assert not (tmp_path / "out").exists()


def test_the_command_is_installed():
    path = Path(__file__).parents[2] / "setup.cfg"
    if not path.is_file():
        pytest.skip("no checkout")
    config = configparser.ConfigParser()
    config.read(path)
    scripts = config["options.entry_points"]["console_scripts"].split()
    assert scripts == ["skrelax", "=", "skrelax._cli:main"]


def test_all_formats_can_be_asked_for():
    from skrelax._cli._choices import FORMATS as NAMES
    from skrelax.io._formats import FORMATS

    assert list(FORMATS) == list(NAMES)


def test_help_loads_nothing_heavy(tmp_path):
    code = (
        "import sys\n"
        "from skrelax._cli import main\n"
        "try:\n    main(['invert', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'scipy', 'sklearn', 'numba', 'pandas', 'matplotlib'}\n"
        "sys.exit(len(heavy & set(sys.modules)))\n"
    )
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0
    assert b"usage: " in done.stdout
    help = run("--help").stdout
    assert b"usage: python -m skrelax" in help
    assert run().stdout == help
