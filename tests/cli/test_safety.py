"""Commands and bad input: one line, no traceback, and text that stays text."""

import builtins
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from commands import FAST, decay, fails, images, line, names, posix, run
from numpy.testing import assert_allclose

from skrelax._cli import main
from skrelax._cli._output import write_csv
from skrelax.io._bids import write_json

# Text of strangers


def test_names_in_files_stay_text(tmp_path, capsys):
    header = 'TE,"=cmd|/c calc",$\\frac$,../../x,T2,signal,signal fit,TE,<script>'
    path = decay(tmp_path, header=header, signals=8)
    out = tmp_path / "out"
    arguments = ["invert", str(path), "--out", str(out), *FAST[1:], "--unit", "$\\a$"]
    assert main(arguments) == 0
    assert names(tmp_path) == ["decay.csv", "out"]
    table = pd.read_csv(out / "distribution.csv")
    assert table.shape == (20, 9)
    # The times are those of the grid, whatever a signal is called.
    assert table["T2"].is_monotonic_increasing
    fit = pd.read_csv(out / "fit.csv")
    assert fit["TE"].is_monotonic_increasing
    assert fit.columns.is_unique
    assert fit.shape[1] == 1 + 3 * 8
    for name in names(out):
        if name.endswith(".csv"):
            for column in pd.read_csv(out / name).columns:
                assert not column.startswith(("=", "+", "-", "@"))


def test_cells_are_no_formulas(tmp_path):
    labels = ["=1+1", "@x", "+y", "-z", "good"]
    write_csv(tmp_path / "a.csv", [("=n", labels), ("=n", [-1.0, 2, 3, 4, 5])])
    table = pd.read_csv(tmp_path / "a.csv")
    assert table.columns.tolist() == ["'=n", "'=n (2)"]
    assert table.iloc[:, 0].tolist() == ["'=1+1", "'@x", "'+y", "'-z", "good"]
    # Numbers stay numbers.
    assert table.iloc[0, 1] == -1.0


def test_terminals_obey_no_file(tmp_path, capsys):
    path = decay(tmp_path, header="TE,\x1b[2Jred")
    assert main(["invert", str(path), "--out", str(tmp_path / "out"), *FAST]) == 0
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    line = fails(capsys, "invert", str(tmp_path / "\x1b[31m\nabsent.csv"))
    assert "\x1b" not in line
    assert "no such file" in line


# Data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, y: (t, -y), "is negative, from -"),
        (lambda t, y: (t, 0 * y), "zero throughout"),
        (lambda t, y: (t, y * np.nan), "is not finite"),
        (lambda t, y: (-t, y), "times must not be negative"),
        (lambda t, y: (0 * t + 0.1, y), "all times are 0.1"),
        (lambda t, y: (0 * t, y), "all times are zero"),
        (lambda t, y: (t, y + 1j), "is complex"),
        (lambda t, y: (t[:5], y[:5]), "5 points are too few"),
    ],
)
def test_data_that_cannot_be_inverted(tmp_path, capsys, change, message):
    times = np.geomspace(1e-3, 1.0, 24)
    times, values = change(times, np.exp(-times / 0.05))
    path = tmp_path / "decay.csv"
    rows = zip(times, values, strict=True)
    path.write_text("".join(f"{t},{str(y).strip('()')}\n" for t, y in rows))
    out = tmp_path / "out"
    line = fails(capsys, "invert", path, "--out", out, *FAST)
    assert str(path) in line
    assert message in line
    assert not out.exists()


def test_repeated_times_are_fine(tmp_path):
    times = np.repeat(np.geomspace(1e-3, 1.0, 12), 2)
    path = tmp_path / "decay.csv"
    path.write_text("".join(f"{t},{np.exp(-t / 0.05)}\n" for t in times))
    out = tmp_path / "out"
    assert main(["invert", str(path), "--out", str(out), *FAST]) == 0
    assert len(pd.read_csv(out / "fit.csv")) == 24


def test_milliseconds_are_noticed(tmp_path, capsys):
    times = np.geomspace(1.0, 1000.0, 24)
    path = tmp_path / "decay.csv"
    path.write_text("".join(f"{t},{np.exp(-t / 50)}\n" for t in times))
    out = ["--out", str(tmp_path / "out"), *FAST]
    line = fails(capsys, "invert", path, *out, "--maximum", "1e-4")
    assert "--maximum 0.0001 leaves no grid" in line
    line = fails(capsys, "invert", path, *out, "--minimum", "1e7")
    assert "--minimum 1e+07 leaves no grid" in line
    assert main(["invert", str(path), *out]) == 0
    assert "times reach 1000, which is long for seconds" in capsys.readouterr().err
    assert main(["invert", str(path), *out, "--overwrite", "--unit", "ms"]) == 0
    assert "long for seconds" not in capsys.readouterr().err


def test_one_bad_signal_of_many_is_named(tmp_path, capsys):
    times = np.geomspace(1e-3, 1.0, 24)
    y = np.exp(-times / 0.05)
    path = tmp_path / "decay.csv"
    rows = [f"{t},{a},{-a},0" for t, a in zip(times, y, strict=True)]
    path.write_text("TE,good,negative,nothing\n" + "\n".join(rows))
    out = tmp_path / "out"
    assert main(["invert", str(path), "--out", str(out), *FAST]) == 0
    assert "2 of 3 signals cannot be inverted" in capsys.readouterr().err
    peaks = pd.read_csv(out / "peaks.csv")
    good = peaks[peaks["signal"] == "good"]
    assert_allclose(good["log_mean"][good["share"].idxmax()], 0.05, rtol=0.1)


def test_one_absurd_voxel_costs_only_itself(tmp_path, capsys):
    nibabel = pytest.importorskip("nibabel")
    times = 0.01 * np.arange(1, 9)
    values = np.zeros((6, 6, 1, 8))
    values[1:5, 1:5] = 100.0 * np.exp(-times / 0.05)
    values[2, 2], values[3, 3] = 1e300, 1e-300
    source, out = images(tmp_path / "in", values=values), tmp_path / "out"
    command = ["map", str(source), "--model", "T2", "--no-plot", "--out", str(out)]
    assert main(command) == 0
    assert "2 voxels with signals beyond" in capsys.readouterr().err
    T2 = nibabel.load(out / "T2.nii.gz").get_fdata()
    assert np.isfinite(T2).sum() == 14
    assert_allclose(T2[np.isfinite(T2)], 0.05, rtol=1e-4)
    values[:] = 1e300
    images(tmp_path / "in", values=values)
    assert "signals must be from" in fails(capsys, *command, "--overwrite")


@pytest.mark.parametrize(
    ("arguments", "given", "found"),
    [
        ([], "(s)", "(s)"),
        (["--unit", "ms"], "(ms)", "(ms)"),
        (["--kernel", "diffusion"], "(s/m²)", "(m²/s)"),
        (["--kernel", "diffusion", "--unit", "ms/µm²"], "(ms/µm²)", "(1/(ms/µm²))"),
    ],
)
def test_units_of_the_picture(tmp_path, monkeypatch, arguments, given, found):
    figure = pytest.importorskip("matplotlib.figure")
    labels, save = [], figure.Figure.savefig

    def keep(self, *rest, **options):
        labels.extend(ax.get_xlabel() for ax in self.axes)
        save(self, *rest, **options)

    monkeypatch.setattr(figure.Figure, "savefig", keep)
    command = ["invert", *FAST[1:], "--out", str(tmp_path / "out"), *arguments]
    assert main(command) == 0
    decay, distribution, residuals, _ = labels
    assert decay.endswith(given)
    assert residuals.endswith(given)
    assert distribution.endswith(found)


@pytest.mark.parametrize(
    ("header", "kernel", "message"),
    [
        ("TI (s),signal", "T2", "is 'TI', but kernel T2 reads TE"),
        ("te,signal", "T1-IR", "is 'te', but kernel T1-IR reads TI"),
        ("TE,signal", "diffusion", "is 'TE', but kernel diffusion reads b"),
    ],
)
def test_another_quantity_is_not_taken_for_times(
    tmp_path, capsys, header, kernel, message
):
    path = decay(tmp_path, header=header)
    line = fails(capsys, "invert", path, "--kernel", kernel, "--out", tmp_path / "out")
    assert message in line


@pytest.mark.parametrize(
    ("header", "arguments", "label"),
    [
        # What a header gives a unit is converted.
        ("TE (ms),signal", [], "(s)"),
        ("time_us,signal", [], "(s)"),
        ("TE (s),signal", [], "(s)"),
        ("time,signal", ["--unit", "min"], "(min)"),
        ("b (s/mm2),signal", ["--kernel", "diffusion"], "(s/m²)"),
        ("b (ms),signal", ["--kernel", "diffusion"], "(s/m²)"),
    ],
)
def test_units_of_headers_label_the_picture(
    tmp_path, monkeypatch, header, arguments, label
):
    figure = pytest.importorskip("matplotlib.figure")
    labels = []
    monkeypatch.setattr(
        figure.Figure,
        "savefig",
        lambda self, *_, **__: labels.append(self.axes[0].get_xlabel()),
    )
    path = decay(tmp_path, header=header)
    command = ["invert", str(path), *FAST[1:], "--out", str(tmp_path / "out")]
    assert main([*command, *arguments]) == 0
    assert labels[0].endswith(label)


# Options


@pytest.mark.parametrize(
    "option",
    [
        "--bins", "--minimum", "--maximum", "--supersampling", "--folds", "--rule",
        "--baseline", "--efficiency", "--jobs", "--kernel", "--penalty", "--order",
        "--seed", "--unit", "--out",
    ],
)  # fmt: skip
def test_absurd_options_of_invert(tmp_path, capsys, option, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = decay(tmp_path)
    absurd = ["", "x" * 50, "nan", "inf", "-inf", "1e400", "9" * 5000, "--", "\x1b[2J"]
    if option not in ("--out", "--unit", "--seed", "--order"):
        absurd += ["0"]
    for value in absurd:
        if option == "--out" and value not in ("", "--"):
            continue
        if option == "--unit" and value in ("", "nan", "inf", "-inf", "1e400"):
            continue
        line = fails(capsys, "invert", path, *FAST, f"{option}={value}")
        assert option in line or "expected one argument" in line
        assert len(line) < 6000
        assert names(tmp_path) == ["decay.csv"]


@pytest.mark.parametrize("option", ["--bins", "--supersampling", "--folds", "--jobs"])
def test_huge_options(tmp_path, capsys, option):
    path = decay(tmp_path)
    assert option in fails(capsys, "invert", path, option, "1000000000000")
    assert "number" in fails(capsys, "invert", path, option, "2.5")


@pytest.mark.parametrize(
    "option", ["--model", "--mask", "--tr", "--T1", "--B1", "--noise", "--noise-std",
               "--jobs", "--out"],
)  # fmt: skip
def test_absurd_options_of_map(tmp_path, capsys, option):
    source = images(tmp_path / "in")
    fixed = ["--no-plot", "--model", "T2-EPG", "--out", tmp_path / "out"]
    fixed = fixed[:3] if option == "--out" else fixed
    for value in ("", "x" * 300, "nan", "-inf", "0", "9" * 5000, "\x1b[2J", "a\nb"):
        if option == "--out" and value:
            continue
        line = fails(capsys, "map", source, *fixed, f"{option}={value}")
        assert option in line
        assert names(tmp_path) == ["in"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"], ["invert", "--nothing"], ["map"], ["map", ""], ["invert", ""],
        ["invert", "a", "b"], ["invert", "--bins"], ["map", "absent"],
        ["invert", "absent"], ["invert", "."], ["invert", "-decay.csv"],
        ["invert", "a\0b"], ["map", "a\0b"], ["invert", "x" * 5000],
        ["map", "x" * 5000],
    ],
)  # fmt: skip
def test_wrong_command_lines(tmp_path, capsys, arguments, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fails(capsys, *arguments)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["with blanks.csv", "Ölprobe µ².csv", "a\nb.csv", ".hidden.csv", "-x.csv"]
)
@posix
def test_names_of_files_of_all_kinds(tmp_path, capsys, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    decay(tmp_path, name)
    assert main(["invert", f"./{name}", *FAST]) == 0
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert folder.name.endswith("-inversion")
    assert len(folder.name) > len("-inversion")
    if name.startswith("-"):
        assert "./-name" in fails(capsys, "invert", name)
        assert main(["invert", *FAST, "--overwrite", "--", name]) == 0


@posix
def test_names_of_files_that_are_no_text(tmp_path, capsys):
    # Bytes of another encoding than that of the system, as of old archives.
    name = os.fsdecode(b"tub\xe9.csv")
    try:
        file = decay(tmp_path, name)
    except OSError:
        pytest.skip("the disk takes no such names")
    out = tmp_path / "one"
    pytest.importorskip("xarray")
    options = [*FAST, "--report", "--netcdf"]
    assert main(["invert", str(file), *options, "--out", str(out)]) == 0
    assert "tub\\udce9.csv" in (out / "report.html").read_text(encoding="utf-8")
    (tmp_path / name.replace("tub", "bad")).write_text("no numbers")
    files = sorted(map(str, tmp_path.glob("*.csv")))
    out = tmp_path / "several"
    assert main(["invert", *files, *FAST, "--out", str(out)]) == 0
    table = pd.read_csv(out / "samples.csv")
    assert table["sample"].tolist() == ["bad\\udce9", "tub\\udce9"]
    assert table["file"].str.endswith("\\udce9.csv").all()
    assert "bad\\udce9" in capsys.readouterr().err
    write_json(tmp_path / "x.json", {"Sources": [name]})
    assert json.loads((tmp_path / "x.json").read_text()) == {"Sources": [name]}


@posix
def test_folders_that_cannot_be_written(tmp_path, capsys):
    path = decay(tmp_path)
    out = tmp_path / "decay.csv" / "out"
    assert "decay.csv" in fails(capsys, "invert", path, "--out", out, *FAST)
    if os.path.isdir("/proc/self"):
        line = fails(capsys, "invert", path, "--out", "/proc/skrelax", *FAST)
        assert "/proc/skrelax" in line
    assert names(tmp_path) == ["decay.csv"]


@pytest.mark.parametrize(
    ("package", "extra", "arguments"),
    [
        ("csdmpy", "skrelax[io]", ["invert", "a.csdf"]),
        ("nibabel", "skrelax[nifti]", ["map", "in"]),
        ("pydicom", "skrelax[dicom]", ["map", "empty"]),
    ],
)
def test_missing_packages_name_their_extra(
    tmp_path, capsys, package, extra, arguments, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    images(tmp_path / "in")
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.csdf").write_text("{}")
    there = builtins.__import__

    def absent(name, *rest):
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return there(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    assert extra in fails(capsys, *arguments, "--no-plot")


def test_faults_of_our_own_are_one_line_too(tmp_path, capsys, monkeypatch):
    def fail(_):
        raise KeyError("x")

    monkeypatch.setattr("skrelax._cli._invert.run_invert", fail)
    assert main(["invert"]) == 1
    error = capsys.readouterr().err
    assert "a fault of skrelax, please report it: KeyError" in error
    assert error.count("\n") == 1

    def exhaust(_):
        raise MemoryError

    monkeypatch.setattr("skrelax._cli._invert.run_invert", exhaust)
    assert main(["invert"]) == 2
    assert capsys.readouterr().err == "skrelax: error: not enough memory\n"


# Surroundings


@posix
@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "cp437:strict"},
    ],
)
def test_terminals_without_greek(tmp_path, surroundings):
    decay(tmp_path, "µ² Ω.csv", "TE,Größe µ")
    options = {"cwd": tmp_path, "env": os.environ | surroundings}
    done = run("invert", "µ² Ω.csv", *FAST, "--out", "out µ", **options)
    assert done.returncode == 0, done.stderr
    assert b"error" not in done.stderr
    help = run("invert", "--help", **options)
    assert help.returncode == 0, help.stderr
    assert b"Traceback" not in run("invert", "µ", **options).stderr
    # Non-ASCII names in files come out in UTF-8, whatever the locale.
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    table = pd.read_csv(folder / "distribution.csv", encoding="utf-8")
    assert table.columns[1] == "Größe µ"


@posix
def test_nobody_reads_the_output(tmp_path):
    path = decay(tmp_path)
    command = line("invert", path, *FAST)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        stdout=writing, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writing)
    assert done.returncode == 141
    assert b"error" not in done.stderr.lower()
    assert "fit.csv" in names(tmp_path / "out")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*command, "--help"], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    # argparse itself may swallow the broken pipe.
    assert done.returncode in (0, 141)
    assert not done.stderr
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [*command, "--out", str(tmp_path / "full")],
                stdout=full, stderr=subprocess.PIPE, check=False,
            )  # fmt: skip
        assert b"Traceback" not in done.stderr
        # Slow machines report progress before.
        assert done.stderr.splitlines()[-1].startswith(b"skrelax: error: No space")
        assert done.returncode != 0


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_hears_of_compilation(tmp_path, monkeypatch, is_terminal):
    class Stream(io.StringIO):
        def isatty(self):
            return is_terminal

    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("skrelax.utils._compiled.on_compilation", lambda tell: tell())
    assert main(["invert", str(tmp_path / "absent.csv")]) == 2
    assert stream.getvalue().count("compiles its loops") == is_terminal
    assert stream.getvalue().count("\n") == 1 + is_terminal


@posix
def test_ctrl_c(tmp_path):
    path = decay(tmp_path, signals=200, header="")
    # So many efficiencies take a while, and say so.
    with subprocess.Popen(
        line(
            "invert", path, "--kernel", "T1-IR", "--out", tmp_path / "out", "--no-plot",
            "--bins", "300",
            # Where these tests run in the background, it is ignored.
            first="import signal\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)",
        ),
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 60
        while not any(path.name.startswith(".skrelax") for path in tmp_path.iterdir()):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        # Python drops an interrupt that comes in a callback, as of a compilation; a
        # user presses again.
        for _ in range(5):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=3)
                break
        error = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130
    assert error.endswith("skrelax: interrupted\n")
    assert names(tmp_path) == ["decay.csv"]
