"""Decays that are damaged, huge or strange: one error each, in no time."""

import gzip
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from skrelax import NonlinearRelaxationFit
from skrelax.io import (
    DecayFileError,
    EchoGrid,
    RelaxationTable,
    compress_echoes,
    correct_phase,
    foreground_mask,
    read_decay,
    read_spinsolve,
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0.1," + "1" * 1_000_000 + "\n", ":1: column 2 is not finite"),
        ("x" * 1_000_000, "header, but no rows"),
        ("0.1," + "y" * 1_000_000 + "\n", ":1: expected a number"),
        ("0.1, 1\n0.2," + " " * 1_000_000 + "z\n", ":2: expected a number"),
        ("0.1;" + " " * 1_000_000 + "\n0.2;1\n", ":1: one column"),
        ("," * 1_000_000, "header, but no rows"),
        ("0.1,1_000\n0.2,2\n", ":1: expected a number in column 2, got '1_000'"),
        ("0.1,=1+1\n0.2,2\n", ":1: expected a number"),
        ("0.1,__import__('os')\n0.2,1\n", ":1: expected a number"),
        ("0.1,1\n0.2,1e999\n", ":2: column 2 is not finite"),
        ("0.1,1\n0.2,1+2j\n", ":2: column 2 is complex.*correct_phase"),
        ("TE,signal\nms,V\n0.1,V\n", ":3: expected a number"),
        ("\x1b[31m0.1,\x1b[0m\n\x1b,\x1b\n", "header, but no rows"),
        ("-1,2\n", ":1: times must not be negative"),
        (b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00", "not a text file"),
        (b"PK\x03\x04" + bytes(100), "not a text file"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '|O', }", "not a text file"),
        (os.urandom(10_000), "not a text file"),
        (b"\xef\xbb\xbf", "the file is empty"),
        ("\n" * 100_000, "the file is empty"),
    ],
)
def test_text_of_strangers(tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    start = time.monotonic()
    with pytest.raises(DecayFileError, match=message) as caught:
        read_decay(path)
    assert time.monotonic() - start < 5.0
    text = str(caught.value)
    assert text.startswith(str(path))
    assert len(text) < 200 + len(str(path))
    assert text.isprintable()


def test_a_long_line_is_a_wide_table(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text("0.1" + ",1" * 50_000 + "\n0.2" + ",2" * 50_000 + "\n")
    assert read_decay(path).signals.shape == (50_000, 2)


def test_what_is_no_readable_file(tmp_path, monkeypatch):
    path = tmp_path / "decay.csv"
    path.write_text("0.1,1\n")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(DecayFileError, match="is not a regular file"):
            read_decay(tmp_path / "pipe")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DecayFileError, match=r"cannot be read \(Permission denied\)"):
        read_decay(path)
    with pytest.raises(ValueError, match=r"cannot be read \(Permission denied\)"):
        read_spinsolve(path, path)


def test_names_of_columns(tmp_path):
    path = tmp_path / "decay.csv"
    path.write_text("TE,a,a,\x1b[2J\n0.1,1,2,3\n0.2,5,6,7\n")
    assert read_decay(path).signals.index.tolist() == ["a 1", "a 2", "[2J 3"]


def test_one_signal_gives_one_distribution(tmp_path):
    path = tmp_path / "decay.csv"
    times = np.linspace(0.01, 0.3, 20)
    path.write_text("".join(f"{t},{np.exp(-t / 0.1)}\n" for t in times))
    table = read_decay(path)
    X, y = table.by_point()
    assert isinstance(y, pd.Series)
    assert y.name == "signal"
    assert_allclose(NonlinearRelaxationFit("T2").fit(X.to_numpy(), y).params_, [1, 0.1])
    # Images give a row per voxel, be it one.
    mask = np.array([[True, False]])
    one = RelaxationTable(table.signals, table.acquisition, spatial={"mask": mask})
    assert one.by_point()[1].shape == (20, 1)
    assert one.by_sample().shape == (1, 20)


def spinsolve(folder, text="1,0,1,0\n2,0,2,0\n3,0,3,0\n", **settings):
    settings = {
        "minTau": 1, "maxTau": 100, "tauSteps": 3, "logspace": '"yes"', "echoTime": 100,
    } | settings  # fmt: skip
    lines = [f"{name} = {value}" for name, value in settings.items()]
    (folder / "acqu.par").write_text("\n".join(lines))
    path = folder / "data.dat"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "settings",
    [
        {"tauSteps": "1e12"},
        {"tauSteps": "inf"},
        {"tauSteps": "nan"},
        {"tauSteps": "-3"},
        {"tauSteps": "0"},
        {"tauSteps": "3.5"},
        {"minTau": "0"},
        {"minTau": "-1"},
        {"minTau": "nan"},
        {"maxTau": "inf"},
        {"maxTau": '"__import__(os)"'},
        {"echoTime": "0"},
        {"echoTime": "-100"},
        {"echoTime": "1e300"},
        {"echoTime": "../../data"},
    ],
)
def test_parameters_of_strangers(tmp_path, settings):
    with pytest.raises(ValueError, match=r"(acqu\.par: \w+ must|expected .* rows)"):
        read_spinsolve(spinsolve(tmp_path, **settings))


def test_spinsolve_reads_only_what_it_is_given(tmp_path):
    path = spinsolve(tmp_path, dataFile='"/etc/passwd"', minTau=0, logspace='"no"')
    grid = read_spinsolve(path)
    assert grid.parameters["dataFile"] == "/etc/passwd"
    assert_allclose(grid.inversion_times, [0, 0.05, 0.1])
    (tmp_path / "acqu.par").write_bytes(b"Sample = \xe4\xff\n" + b"x = 1\n")
    with pytest.raises(ValueError, match="expected an experiment such as T1"):
        read_spinsolve(path)


def test_compressed_text_that_is_damaged(tmp_path):
    spinsolve(tmp_path)
    whole = gzip.compress(b"1,0,1,0\n" * 3 + os.urandom(2000).hex().encode())
    path = tmp_path / "data.dat.gz"
    broken = bytearray(whole)
    broken[30:60] = b"\xff" * 30
    for content in (b"", b"text", whole[:20], whole[:-5], bytes(broken)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"data\.dat\.gz"):
            read_spinsolve(path)


def test_a_line_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr("skrelax.io._spinsolve_text._LONGEST_LINE", 1000)
    path = spinsolve(tmp_path, "1," * 5000)
    with pytest.raises(ValueError, match=r"data\.dat:1: a line without an end"):
        read_spinsolve(path)


def test_parts_of_tables_and_grids():
    frame = pd.DataFrame(np.ones((3, 2)))
    points = pd.DataFrame({"TE": [0.1, 0.2]})
    with pytest.raises(TypeError, match="signals must be a DataFrame"):
        RelaxationTable(frame.to_numpy(), points)
    with pytest.raises(TypeError, match="acquisition must be a DataFrame"):
        RelaxationTable(frame, [0.1, 0.2])
    with pytest.raises(TypeError, match="samples must be a DataFrame"):
        RelaxationTable(frame, points, [1, 2, 3])
    for spatial in ({}, [1], {"mask": np.full(3, 2)}, {"mask": True}):
        with pytest.raises(TypeError, match="spatial"):
            RelaxationTable(frame, points, spatial=spatial)
    table = RelaxationTable(frame, points, spatial={"mask": np.ones(3, bool)})
    with pytest.raises(ValueError, match="values must name a column of samples"):
        table.to_image("T2")
    with pytest.raises(TypeError, match="fill must be a number"):
        table.to_image([1, 2, 3], fill="x")
    assert_allclose(table.to_image([1j, 2, 3]), [1j, 2, 3])
    with pytest.raises(ValueError, match=r"echoes must have shape \(1, 2\)"):
        EchoGrid([0.1], [0.1, 0.2], [[1.0]], {})
    with pytest.raises(TypeError, match="parameters must be a dict"):
        EchoGrid([0.1], [0.1, 0.2], [[1.0, 1.0]], None)


def test_size_changes_no_answer():
    rng = np.random.default_rng(0)
    signal = np.exp(0.7j) * (1.0 + rng.random(20))
    _, _, phase = correct_phase(signal)
    voxels = (
        np.abs(rng.standard_normal((200, 3))) + 20 * (np.arange(200) > 120)[:, None]
    )
    mask = foreground_mask(voxels)
    assert mask.sum() == 79
    for size in (2.0**-600, 2.0**500, 1e-160, 1e160, 1e-300, 1e300):
        assert_allclose(correct_phase(size * signal)[2], phase, rtol=1e-12)
        assert (foreground_mask(size * voxels) == mask).all()
    with pytest.raises(ValueError, match="signals must not exceed"):
        compress_echoes(np.arange(1, 4), [1e300, 1, 1])
