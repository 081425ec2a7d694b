"""Reports and files that reopen, of the command."""

import numpy as np
import pytest
from commands import FAST, decay, fails, names

import skrelax.reporting
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


def test_report_of_several_signals(tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("skrelax.reporting._report._show_strengths", lambda *_: [])
    write = skrelax.reporting.write_report
    monkeypatch.setattr(
        "skrelax.reporting.write_report",
        lambda *given, **options: write(*given, **options, n_bootstrap=3),
    )
    times = np.geomspace(0.01, 1.0, 20)
    rows = [f"{t},{np.exp(-t / 0.1)},{np.exp(-t / 0.2)}" for t in times]
    path, out = tmp_path / "two.csv", tmp_path / "out"
    path.write_text("\n".join(["TE,a,b", *rows]))
    assert main(["invert", str(path), "--out", str(out), "--report", *FAST]) == 0
    assert "--report" not in capsys.readouterr().err
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<h1>") == 3
    assert "<h1>b</h1>" in page


@pytest.mark.parametrize("option", ["report", "netcdf"])
def test_missing_libraries_are_said_before_any_work(
    tmp_path, capsys, monkeypatch, option
):
    path, out = decay(tmp_path), tmp_path / "out"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    words = fails(capsys, "invert", path, "--out", out, f"--{option}", *FAST)
    assert f"--{option} needs" in words
    assert not out.exists()
