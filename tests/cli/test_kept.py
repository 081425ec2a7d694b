"""Reports and files that reopen, of the command."""

import numpy as np
import pytest
from commands import FAST, decay, fails, names

from skrelax._cli import main
from skrelax.io import read_result


def test_report_and_netcdf(tmp_path, capsys):
    pytest.importorskip("xarray")
    pytest.importorskip("matplotlib")
    path, out = decay(tmp_path), tmp_path / "out"
    command = ["invert", str(path), "--out", str(out), *FAST]
    assert main([*command, "--report", "--netcdf"]) == 0
    result = read_result(out / "result.nc")
    assert result.attrs["history"].startswith(f"skrelax invert {path}")
    table = np.loadtxt(out / "distribution.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(result["distribution"], table[:, 1])
    assert "--netcdf" in (out / "report.html").read_text(encoding="utf-8")
    # A later run without them leaves none of another run.
    assert main([*command, "--overwrite"]) == 0
    assert {"report.html", "result.nc"}.isdisjoint(names(out))


def test_report_of_several_signals_is_declined(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    times = np.geomspace(0.01, 1.0, 20)
    rows = [f"{t},{np.exp(-t / 0.1)},{np.exp(-t / 0.2)}" for t in times]
    path, out = tmp_path / "two.csv", tmp_path / "out"
    path.write_text("\n".join(["TE,a,b", *rows]))
    assert main(["invert", str(path), "--out", str(out), "--report", *FAST]) == 0
    assert "--report is of one signal, got 2" in capsys.readouterr().err
    assert "report.html" not in names(out)


@pytest.mark.parametrize("option", ["report", "netcdf"])
def test_missing_libraries_are_said_before_any_work(
    tmp_path, capsys, monkeypatch, option
):
    path, out = decay(tmp_path), tmp_path / "out"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    words = fails(capsys, "invert", path, "--out", out, f"--{option}", *FAST)
    assert f"--{option} needs" in words
    assert not out.exists()
