"""Files of instruments, measured, to answers without options."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from skrelax._cli import main


@pytest.fixture
def invert(shared_data, tmp_path, capsys):
    """Return a function that inverts a measured file: peaks, fit, output, notes."""

    def run(name, *arguments):
        out = tmp_path / "out"
        command = ["invert", str(shared_data / "nmr" / name), "--no-plot"]
        assert main([*command, "--out", str(out), *arguments]) == 0
        said = capsys.readouterr()
        table = pd.read_csv(out / "distribution.csv")
        return table, pd.read_csv(out / "peaks.csv"), said.out, said.err

    return run


def log_mean(table):
    T2, f = table["T2"], table.iloc[:, 1]
    return np.exp((f * np.log(T2)).sum() / f.sum())


def test_bunter_sandstone(invert):
    table, _, said, notes = invert("CPMG_bunter.txt.gz")
    assert 12e-3 < log_mean(table) < 14e-3
    assert "read as geospec: times in ms" in said
    phase = float(said.split("phase of ")[1].split()[0])
    assert_allclose(phase, -167.5, atol=0.5)
    # The instrument's software states a noise of 82.9.
    noise = float(said.split("noise ")[1].split()[0])
    assert_allclose(noise, 83, rtol=0.25)
    assert "23148 points averaged in " in said
    assert "kernel T2 (by the file)" in said
    assert "does not settle" not in notes


def test_minispec(invert):
    _, peaks, said, notes = invert("cpmg.dps.gz")
    assert len(peaks) == 3
    assert_allclose(peaks["log_mean"], [0.87e-3, 4.3e-3, 75e-3], rtol=0.1)
    assert_allclose(peaks["share"], [0.07, 0.08, 0.85], atol=0.02)
    assert "read as minispec" in said
    assert "note:" not in notes


def test_silicone_oil(invert):
    pytest.importorskip("nmrglue")
    table, _, said, _ = invert("CPMG_silicon_oil.tnt.gz")
    assert 0.109 < log_mean(table) < 0.130
    assert "5000 echoes every 200 us; 8 points of each echo averaged" in said


def test_lithium_is_no_simple_decay(invert):
    pytest.importorskip("nmrglue")
    _, _, said, notes = invert("bruker_t2_cpmg/38")
    assert "loops of vclist, 15.92 us each" in said
    assert "2 d6 + p2 = 15.92 us" in notes
    assert "no simple decay: the signal rises from" in notes
    assert "the phase does not settle" in notes


def test_steps_can_be_switched_off(invert):
    table, _, said, _ = invert(
        "CPMG_bunter.txt.gz",
        "--phase",
        "-167.65",
        "--windows",
        "64",
        "--baseline",
        "no",
    )
    assert "phase of -167.7 degrees removed" in said
    windows = int(said.split("23148 points averaged in ")[1].split()[0])
    assert 30 < windows <= 64
    assert 12e-3 < log_mean(table) < 14e-3


def test_berea_needs_no_kernel(shared_data, tmp_path, capsys, monkeypatch):
    # The inversion of two axes has its own tests; here that the file chooses it.
    asked = []

    def keep(arguments, kernels):
        asked.append(kernels)
        return ["inverted"], pd.DataFrame()

    monkeypatch.setattr("skrelax._cli._invert_grid.run_invert_grid", keep)
    path = str(shared_data / "nmr" / "T1IRT2.dat.gz")
    assert main(["invert", path, "--no-plot", "--out", str(tmp_path / "out")]) == 0
    assert asked == [["T1-IR", "T2"]]
    assert "kernels T1-IR,T2 (by the file)" in capsys.readouterr().out
