"""What the file says, what the command does on the way, and what it never hides."""

import instruments
import numpy as np
import pandas as pd
import pytest
from commands import FAST, fails
from numpy.testing import assert_allclose

from skrelax._cli import main


def table(folder, header, points, signal, name="decay.csv"):
    path = folder / name
    rows = [f"{t:.9g},{y:.9g}" for t, y in zip(points, signal, strict=True)]
    path.write_text("\n".join([header, *rows]))
    return path


def invert(capsys, path, *arguments):
    out = path.parent / "out"
    command = ["invert", str(path), "--out", str(out), "--overwrite", *FAST]
    assert main([*command, *map(str, arguments)]) == 0
    return out, capsys.readouterr()


@pytest.mark.parametrize(
    ("header", "kernel", "parameter"),
    [
        ("TE (ms)", "T2", "T2"),
        ("TI (ms)", "T1-IR", "T1"),
        ("b (s/mm2)", "diffusion", "D"),
    ],
)
def test_the_file_chooses_the_kernel(tmp_path, capsys, header, kernel, parameter):
    points = np.linspace(10.0, 1000.0, 24)
    decay = np.exp(-points / 200)
    signal = 1 - 1.8 * decay if kernel == "T1-IR" else decay
    options = ["--efficiency", "1.8"] if kernel == "T1-IR" else []
    path = table(tmp_path, f"{header},signal", points, signal)
    out, said = invert(capsys, path, *options)
    assert f"kernel {kernel} (by the file)" in said.out
    assert "converted to s" in said.out
    peaks = pd.read_csv(out / "peaks.csv")
    # 200 ms are .2 s; 1 / (200 s/mm2) are 5e-9 m2/s.
    expected = 5e-9 if kernel == "diffusion" else 0.2
    assert_allclose(peaks["log_mean"][peaks["share"].idxmax()], expected, rtol=0.05)
    assert pd.read_csv(out / "distribution.csv").columns[0] == parameter


@pytest.mark.parametrize(
    ("header", "kernel"), [("b (s/mm2)", "T2"), ("x (s)", "diffusion")]
)
def test_units_tell_b_values_from_times(tmp_path, capsys, header, kernel):
    points = np.linspace(10.0, 1000.0, 24)
    path = table(tmp_path, f"{header},signal", points, np.exp(-points / 200))
    line = fails(capsys, "invert", path, "--kernel", kernel, "--out", tmp_path / "out")
    assert f"but kernel {kernel} reads" in line


def test_an_option_overrides_the_file(tmp_path, capsys):
    times = 0.1 * np.arange(1, 41)
    path = instruments.minispec(tmp_path, times, np.exp(-((times / 2.0) ** 2)))
    _, said = invert(capsys, path, "--kernel", "gaussian")
    assert "kernel gaussian (by --kernel)" in said.out
    path = table(tmp_path, "time,signal", times, np.exp(-times))
    _, said = invert(capsys, path)
    assert "kernel T2 (the file does not say which experiment it holds" in said.out


def test_units_that_contradict(tmp_path, capsys):
    times = np.linspace(10.0, 1000.0, 24)
    path = table(tmp_path, "TE (ms),signal", times, np.exp(-times / 200))
    line = fails(
        capsys, "invert", path, "--unit", "min", "--out", tmp_path / "out", *FAST
    )
    assert "--unit labels numbers without a unit, got 'min'" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("windows", ["auto", "none", "100"])
def test_long_trains_are_compressed(tmp_path, capsys, windows):
    times = 1e-3 * np.arange(1, 1501)
    noise = 0.01 * np.random.default_rng(0).standard_normal(1500)
    path = table(tmp_path, "TE,signal", times, np.exp(-times / 0.1) + noise)
    # Bins that are too coarse would show in windows of many points.
    out, said = invert(capsys, path, "--windows", windows, "--bins", "100")
    fit = pd.read_csv(out / "fit.csv")
    if windows == "none":
        assert len(fit) == 1500
        assert "averaged" not in said.out
        return
    assert f"1500 points averaged in {len(fit)} windows, which bends" in said.out
    assert len(fit) <= (256 if windows == "auto" else 100)
    assert fit["weight"].sum() == 1500
    # Residuals in units of a point are the noise, within that of 100 numbers.
    rest = np.sqrt(np.mean(fit["weight"] * fit["signal residual"] ** 2))
    assert_allclose(rest, 0.01, rtol=0.25)
    assert f"residuals {rest:.3g} per point" in said.out


def test_short_trains_are_not(tmp_path, capsys):
    times = 1e-3 * np.arange(1, 1001)
    path = table(tmp_path, "TE,signal", times, np.exp(-times / 0.1))
    out, said = invert(capsys, path)
    assert len(pd.read_csv(out / "fit.csv")) == 1000
    assert "averaged" not in said.out


def test_complex_columns_are_phased_and_tell_noise(tmp_path, capsys):
    times = np.linspace(0.01, 1, 100)
    rng = np.random.default_rng(0)
    noise = 0.01 * (rng.standard_normal(100) + 1j * rng.standard_normal(100))
    signal = np.exp(-times / 0.2) * np.exp(3.0j) + noise
    rows = zip(times, signal, strict=True)
    text = "\n".join(f"{t:.6g},{y.real:.6g},{y.imag:.6g}" for t, y in rows)
    path = tmp_path / "decay.csv"
    path.write_text(text)
    # Two signals, one of which is negative, or one that is phased.
    _, said = invert(capsys, path)
    assert "cannot be inverted: signal 'signal 1' is negative" in said.err
    out, said = invert(capsys, path, "--complex")
    assert "columns are real and imaginary channels; phase of 17" in said.out
    ratio = float(said.out.split(" times the noise")[0].split()[-1])
    assert_allclose(ratio, 1.0, rtol=0.25)
    assert list(pd.read_csv(out / "fit.csv"))[1] == "signal"
    path.write_text("TE,real,imag\n" + text)
    line = fails(
        capsys, "invert", path, "--phase", "none", "--out", tmp_path / "o", *FAST
    )
    assert "is negative, from -0.9" in line


@pytest.mark.parametrize(
    ("points", "signal", "arguments", "message"),
    [
        # Growing: a recovery that is taken for a decay.
        (np.linspace(0.01, 1, 24), lambda t: 1 - np.exp(-t / 0.2), [],
         "the signal grows from 0."),
        # Milliseconds, and a grid in seconds.
        (np.linspace(1, 1000, 24), lambda t: np.exp(-t / 50),
         ["--minimum", "1e-3", "--maximum", "1", "--unit", "ms"],
         "are both in one unit?"),
        # What no grid explains.
        (np.linspace(0.01, 1, 24), lambda t: np.cos(9 * t) + 1.0, [],
         "of the variance; it is noise, or the kernel"),
    ],
)  # fmt: skip
def test_never_silent(tmp_path, capsys, points, signal, arguments, message):
    path = table(tmp_path, "time,signal", points, signal(points))
    _, said = invert(capsys, path, *arguments)
    assert message in said.err


def test_few_rows_take_fewer_folds(tmp_path, capsys):
    times = np.geomspace(0.01, 1, 9)
    path = table(tmp_path, "TE,signal", times, np.exp(-times / 0.2))
    out = tmp_path / "out"
    fast = ["--no-plot", "--bins", "20", "--baseline", "no", "--out", str(out)]
    assert main(["invert", str(path), *fast]) == 0
    line = fails(capsys, "invert", path, *fast, "--overwrite", "--folds", "5")
    assert "9 points are too few for 5 folds, give --folds 4" in line


def test_a_spectrum_goes_to_the_signed_inversion(tmp_path, capsys):
    csdmpy = pytest.importorskip("csdmpy")
    times = np.geomspace(1e-3, 1, 20)
    lines = np.array([0.0, 3.0, 10.0, 3.0, 0.0])
    data = np.outer(np.exp(-times / 0.1), lines)
    data += 0.02 * np.random.default_rng(0).standard_normal(data.shape)
    path = tmp_path / "series.csdf"
    csdmpy.CSDM(
        dimensions=[
            csdmpy.as_dimension(times, unit="s", label="TE"),
            csdmpy.LinearDimension(count=5, increment="10 Hz", label="shift"),
        ],
        dependent_variables=[csdmpy.as_dependent_variable(data.T.copy())],
    ).save(str(path))
    out = tmp_path / "out"
    pytest.importorskip("matplotlib")
    assert main(["invert", str(path), "--out", str(out), "--bins", "30"]) == 0
    said = capsys.readouterr()
    assert "kernel T2 beside 5 points of a spectrum: signed inversion" in said.out
    assert {one.name for one in out.iterdir()} == {
        "distribution.csv", "fit.csv", "inversion.png",
    }  # fmt: skip
    found = pd.read_csv(out / "distribution.csv")
    assert list(found)[1:] == [f"shift {10 * k}" for k in range(5)]
    # The lines keep their sizes, and the middle one its T2.
    assert_allclose(found.iloc[:, 1:].sum(), lines, atol=0.5)
    middle = found["shift 20"].clip(lower=0)
    mean = np.exp((middle * np.log(found["T2"])).sum() / middle.sum())
    assert_allclose(mean, 0.1, rtol=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: (p / "x.tnt").write_bytes(b"TNT1.008" + bytes(40)), "cut short"),
        (lambda p: (p / "x.jdf").write_bytes(b"JEOL.NMR" + bytes(40)), "cut short"),
        (lambda p: (p / "x.bin").write_bytes(bytes(range(256)) * 9), "not a text file"),
        (lambda p: (p / "x.csdf").write_text("{"), "not a CSDM file"),
        (lambda p: (p / "x.txt").write_text("[Data]\nTestType=3\n"), "expected"),
    ],
)
@pytest.mark.parametrize("command", ["read", "invert"])
def test_bad_files_are_one_line(tmp_path, capsys, make, message, command):
    nmrglue = pytest.importorskip("nmrglue")
    make(tmp_path)
    (path,) = tmp_path.iterdir()
    if path.suffix == ".jdf" and not hasattr(nmrglue, "jeol"):
        message = "reading JEOL files needs nmrglue 0.12"
    out = tmp_path / ("out" if command == "invert" else "out.png")
    line = fails(capsys, command, path, "--out", out)
    assert line.startswith(f"skrelax: error: {path}")
    assert message in line
    assert list(tmp_path.iterdir()) == [path]
