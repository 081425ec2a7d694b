"""The command line: results, real data, and one line for every error."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from commands import fails
from numpy.testing import assert_allclose

from skrelax._cli import main

FILES = {"distribution.csv", "fit.csv", "peaks.csv", "cross_validation.csv"}


def decay_file(folder, text=None, name="decay.csv"):
    path = folder / name
    if text is None:
        times = np.geomspace(1e-3, 1.0, 30)
        signal = np.exp(-times / 0.05)
        text = "TE,signal\n" + "".join(
            f"{t:.6g},{s:.6g}\n" for t, s in zip(times, signal, strict=True)
        )
    path.write_text(text)
    return str(path)


def test_inverts_a_file_and_writes_all_results(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    assert main(["invert", decay_file(tmp_path), "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == FILES | {"inversion.png"}
    assert (out / "inversion.png").read_bytes().startswith(b"\x89PNG")
    peaks = pd.read_csv(out / "peaks.csv")
    assert_allclose(peaks["log_mean"][peaks["share"].idxmax()], 0.05, rtol=0.02)
    fit = pd.read_csv(out / "fit.csv")
    assert_allclose(fit["signal"] - fit["signal fit"], fit["signal residual"])
    # Six digits in the file: residuals cannot be smaller than that.
    assert fit["signal residual"].abs().max() < 1e-3
    printed = capsys.readouterr().out
    assert "T2 peak" in printed
    assert "share" in printed


def test_many_signals_unsorted_and_repeated_times(tmp_path):
    times = np.array([0.3, 0.1, 0.1, 0.02, 1.0, 0.05, 0.2, 0.5, 0.01, 0.03, 0.7])
    rows = [f"{t} {np.exp(-t / 0.1)} {2 * np.exp(-t / 0.3)}" for t in times]
    out = tmp_path / "out"
    path = decay_file(tmp_path, "\n".join(rows))
    assert main(["invert", path, "--out", str(out), "--no-plot"]) == 0
    fit = pd.read_csv(out / "fit.csv")
    assert fit["TE"].is_monotonic_increasing
    assert list(pd.read_csv(out / "distribution.csv").columns) == [
        "T2", "signal 1", "signal 2",
    ]  # fmt: skip


@pytest.mark.parametrize("kernel", ["T2", "T1-IR", "T1-SR", "diffusion", "gaussian"])
def test_simulates_without_a_file(tmp_path, kernel, capsys):
    out = str(tmp_path / "out")
    arguments = [
        "invert",
        "--kernel",
        kernel,
        "--out",
        out,
        "--no-plot",
        "--bins",
        "40",
    ]
    assert main(arguments) == 0
    peaks = pd.read_csv(tmp_path / "out" / "peaks.csv")
    truth = (3e-3, 0.1) if kernel != "diffusion" else (3e-10, 2e-9)
    for centre in truth:
        nearest = np.abs(np.log10(peaks["log_mean"] / centre)).min()
        # A quarter of a decade: the peaks are .1-.2 decades wide.
        assert nearest < 0.25


def test_lasso_with_fixed_settings(tmp_path, capsys):
    out = str(tmp_path / "out")
    path = decay_file(tmp_path)
    arguments = ["invert", path, "--out", out, "--no-plot", "--penalty", "lasso"]
    arguments += ["--baseline", "yes", "--rule", "1se", "--minimum", "0.001"]
    assert main([*arguments, "--maximum", "1", "--bins", "30"]) == 0
    assert "baseline" in capsys.readouterr().out
    times = pd.read_csv(tmp_path / "out" / "distribution.csv")["T2"]
    assert_allclose([times.min(), times.max(), times.size], [1e-3, 1.0, 30])


def test_never_overwrites_unless_asked(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["invert", decay_file(tmp_path), "--out", str(out), "--no-plot"]
    assert main(arguments) == 0
    before = (out / "peaks.csv").read_text()
    (out / "peaks.csv").write_text("mine")
    assert main(arguments) == 2
    assert (out / "peaks.csv").read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0
    assert (out / "peaks.csv").read_text() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("0.1,1\n0.2,abc\n", ":2: expected a number"),
        ("0.1,1\n0.2,nan\n", ":2: column 2 is not finite"),
        ("0.1,1\n-0.2,1\n", ":2: times must not be negative"),
        ("0.1\n0.2\n", ":1: one column only"),
        ("0.1,1\n0.2,2\n", "2 points are too few for 5 folds, expected at least 4"),
        ("0.1,1\n0.2,2\n" * 3, "6 points are too few for 5 folds, give --folds 3"),
        ("0,1\n" * 12, "all times are zero"),
    ],
)
def test_bad_files_give_one_line_and_code_two(tmp_path, capsys, text, message):
    path = decay_file(tmp_path, text)
    assert main(["invert", path, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"skrelax: error: {path}")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.csv"], "no such file"),
        (["."], "is a folder, expected a file"),
        (["--efficiency", "1.8"], "--efficiency is for --kernel T1-IR only"),
        (["--minimum", "2", "--maximum", "1"], "--minimum must be below"),
    ],
)
def test_bad_arguments(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["invert", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--efficiency", "3"], ["--bins", "1"], ["--minimum", "0"], ["--x"]]
)
def test_argparse_errors_exit_with_two(arguments):
    with pytest.raises(SystemExit) as stop:
        main(["invert", *arguments])
    assert stop.value.code == 2


def test_missing_matplotlib_is_said_before_any_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    out = tmp_path / "out"
    assert main(["invert", decay_file(tmp_path), "--out", str(out)]) == 2
    assert "skrelax[plotting]" in capsys.readouterr().err
    assert not out.exists()


def test_long_work_shows_progress(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("skrelax.utils._progress._PATIENCE", 0.0)
    out = str(tmp_path / "out")
    assert main(["invert", decay_file(tmp_path), "--out", out, "--no-plot"]) == 0
    assert "skrelax: 2 of 2 fits (fit_intercept True)" in capsys.readouterr().err


def test_output_that_is_a_file(tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert main(["invert", "--out", str(tmp_path / "out")]) == 2
    assert "is a file" in capsys.readouterr().err


def test_runs_as_a_module(tmp_path):
    path = decay_file(tmp_path, "0.1,x\n")
    done = subprocess.run(
        [sys.executable, "-m", "skrelax", "invert", path],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def run_real(shared_data, tmp_path, name, *arguments):
    out = tmp_path / "out"
    path = str(shared_data / "nmr" / name)
    assert main(["invert", path, "--no-plot", "--out", str(out), *arguments]) == 0
    return pd.read_csv(out / "peaks.csv"), pd.read_csv(out / "fit.csv")


def test_graphene_has_the_published_relaxation_time(shared_data, tmp_path, capsys):
    peaks, _ = run_real(shared_data, tmp_path, "CPMG_graphene.csv")
    main_peak = peaks.loc[peaks["share"].idxmax()]
    # That of the maximum: a flank reaches to the second peak, at 5 ms.
    assert 0.8e-3 < main_peak["position"] < 1.1e-3
    baseline = float(capsys.readouterr().out.split("baseline ")[1].split(",")[0])
    assert_allclose(baseline, 0.02, atol=0.003)


def test_sandstone_has_the_published_efficiency(shared_data, tmp_path, capsys):
    peaks, fit = run_real(
        shared_data, tmp_path, "IR_sandstone.csv", "--kernel", "T1-IR"
    )
    printed = capsys.readouterr().out
    efficiency = float(printed.split("inversion efficiency ")[1].split(",")[0])
    assert_allclose(efficiency, 1.67, atol=0.1)
    main_peak = peaks.loc[peaks["share"].idxmax()]
    # One exponential gives 16.1 ms; the distribution is broad around that.
    assert_allclose(main_peak["log_mean"], 16.1e-3, rtol=0.25)
    # Half a unit of 300 is the noise of this data set.
    assert fit["signal residual"].std() < 0.7


def test_water_has_the_published_diffusion_coefficient(shared_data, tmp_path, capsys):
    peaks, _ = run_real(shared_data, tmp_path, "PFG_water.csv", "--kernel", "diffusion")
    assert_allclose(peaks["log_mean"][peaks["share"].idxmax()], 2.9, rtol=0.03)


@pytest.mark.parametrize(
    ("arguments", "columns", "note"),
    [
        (["--kernel", "diffusion"], 1, "b reaches 1, which is small for s/m²"),
        (["--kernel", "T2"], 2, "column 'TR' is 2 throughout"),
        # A fit with and one without a baseline say the same.
        (["--minimum", "50", "--maximum", "500"], 1, "are both in one unit?"),
    ],
)
def test_what_looks_like_a_mistake_is_noted_once(
    tmp_path, capsys, arguments, columns, note
):
    times = np.geomspace(0.01, 1.0, 20)
    rows = ["x,TR,signal" if columns == 2 else "x,signal"]
    for time in times:
        words = [time, 2.0, np.exp(-time / 0.1)] if columns == 2 else [
            time, np.exp(-time / 0.1)
        ]  # fmt: skip
        rows.append(",".join(f"{word:.6g}" for word in words))
    path = decay_file(tmp_path, "\n".join(rows))
    out = str(tmp_path / "out")
    assert main(["invert", path, "--out", out, "--no-plot", *arguments]) == 0
    assert capsys.readouterr().err.count(note) == 1


def test_a_single_efficiency_is_named(tmp_path, capsys):
    times = np.geomspace(1e-3, 1.0, 30)
    signal = 1 - 1.7 * np.exp(-times / 0.05)
    noise = 1e-4 * np.random.default_rng(0).standard_normal(30)
    rows = "\n".join(f"{t} {s}" for t, s in zip(times, signal + noise, strict=True))
    path, out = decay_file(tmp_path, rows), str(tmp_path / "out")
    command = ["invert", path, "--kernel", "T1-IR", "--out", out, "--no-plot"]
    assert main([*command, "--bins", "30"]) == 0
    printed = capsys.readouterr().out
    assert "no efficiency but 1.70 is within one standard error" in printed


def test_units_of_csdm_tell_b_values_from_times(tmp_path, capsys):
    csdmpy = pytest.importorskip("csdmpy")
    for unit, kernel in (("s/m^2", "T2"), ("s", "diffusion")):
        data = csdmpy.CSDM(
            dimensions=[csdmpy.LinearDimension(count=20, increment=f"1 {unit}")],
            dependent_variables=[csdmpy.as_dependent_variable(np.geomspace(9, 1, 20))],
        )
        data.save(str(tmp_path / "decay.csdf"))
        command = ["invert", tmp_path / "decay.csdf", "--kernel", kernel]
        error = fails(capsys, *command, "--out", tmp_path / "out")
        assert f"but kernel {kernel} reads" in error


def test_recovery_with_the_wrong_sign(tmp_path, capsys):
    times = np.geomspace(1e-3, 3.0, 24)
    for sign in (1.0, -1.0):
        signal = sign * (1.0 - 1.9 * np.exp(-times / 0.2))
        rows = [f"{t:.6g},{s:.6g}" for t, s in zip(times, signal, strict=True)]
        path = decay_file(tmp_path, "\n".join(rows))
        options = ["--kernel", "T1-IR", "--efficiency", "1.9", "--bins", "12"]
        out = str(tmp_path / "out")
        main(["invert", path, *options, "--out", out, "--overwrite", "--no-plot"])
        assert ("along TI, but" in capsys.readouterr().err) == (sign < 0)
