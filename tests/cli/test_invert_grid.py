"""The command that inverts signals over two axes."""

import numpy as np
import pandas as pd
import pytest
from commands import fails, names
from numpy.testing import assert_allclose

from skrelax._cli import main
from skrelax.metrics import residual_autocorrelation

TI = np.geomspace(1e-3, 3.0, 12)
TE = 1e-3 * np.arange(1, 41)
FAST = ["--bins", "24", "--no-plot"]


def kernels(kind, points):
    if kind == "T1-IR":
        return lambda T: 1.0 - 1.8 * np.exp(-points / T)
    if kind == "T1-SR":
        return lambda T: 1.0 - np.exp(-points / T)
    if kind == "diffusion":
        return lambda D: np.exp(-points * D)
    return lambda T: np.exp(-points / T)


def signal(first, second, peaks, noise=2e-3):
    """Return the signal of peaks (place, place, amplitude) with noise."""
    clean = sum(a * np.outer(first(p), second(q)) for p, q, a in peaks)
    rng = np.random.default_rng(0)
    return clean + noise * rng.standard_normal(clean.shape)


def write(path, first, second, values, corner="TI/TE"):
    rows = [",".join([corner, *(f"{one:.8g}" for one in second)])]
    for point, row in zip(first, values, strict=True):
        rows.append(",".join([f"{point:.8g}", *(f"{one:.8g}" for one in row)]))
    path.write_text("\n".join(rows))
    return path


def run(path, kernel, *options):
    out = path.parent / "out"
    command = ["invert", str(path), "--kernel", kernel, "--out", str(out), *options]
    assert main([*command, "--overwrite"]) == 0
    return out, pd.read_csv(out / "peaks.csv")


def test_t1_t2_of_a_matrix(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    peaks = [(0.3, 0.03, 1.0)]
    y = signal(kernels("T1-IR", TI), kernels("T2", TE), peaks)
    path = write(tmp_path / "map.csv", TI, TE, y)
    out, found = run(path, "T1-IR,T2", "--bins", "30")
    assert names(out) == [
        "inversion.png", "map.csv", "marginal_1.csv", "marginal_2.csv", "peaks.csv",
        "residuals.csv", "strengths.csv",
    ]  # fmt: skip
    assert_allclose(found["position_T1"][0], 0.3, rtol=0.2)
    assert_allclose(found["position_T2"][0], 0.03, rtol=0.2)
    assert found["share"][0] > 0.9
    printed = capsys.readouterr().out
    assert "12 x 40 points, kernels T1-IR,T2" in printed
    assert "inversion efficiency 1.8" in printed
    assert "chosen by rule lcurve" in printed
    table = pd.read_csv(out / "map.csv", index_col=0)
    assert table.shape == (30, 30)
    marginal = pd.read_csv(out / "marginal_1.csv")
    assert_allclose(table.sum(axis=1), marginal["signal"], atol=1e-6)
    assert_allclose(table.index, marginal["T1"], rtol=1e-9)
    rest = pd.read_csv(out / "residuals.csv")
    assert_allclose(rest["signal"], y.ravel(), rtol=1e-6)
    assert_allclose(rest["signal"] - rest["fit"], rest["residual"], atol=1e-9)
    # The corner of the L-curve is beyond the noise.
    assert 2e-3 < np.sqrt(np.mean(rest["residual"] ** 2)) < 4e-3
    lags = residual_autocorrelation(rest["residual"].to_numpy().reshape(12, 40))
    beyond = (lags["correlation"].abs() > lags["limit"]).sum()
    assert f"; {beyond} of {len(lags)} lags beyond" in printed


@pytest.mark.parametrize("rule", ["min", "1se", "gcv", "chi2", "discrepancy"])
def test_every_rule(tmp_path, rule):
    y = signal(kernels("T1-SR", TI), kernels("T2", TE), [(0.3, 0.03, 1.0)])
    path = write(tmp_path / "map.csv", TI, TE, y, corner="TS/TE")
    options = ["--rule", rule, "--baseline", "no", "--folds", "3"]
    _, found = run(path, "T1-SR,T2", *options, *FAST)
    largest = found.loc[found["amplitude"].idxmax()]
    assert_allclose(largest["position_T2"], 0.03, rtol=0.4)


def test_diffusion_and_exchange(tmp_path):
    b = np.linspace(0.0, 5e9, 14)
    # Two fluids of one T2, which diffusion tells apart.
    peaks = [(2e-9, 0.03, 0.6), (1e-10, 0.03, 0.4)]
    y = signal(kernels("diffusion", b), kernels("T2", TE), peaks)
    path = write(tmp_path / "map.csv", b, TE, y, corner="b/TE")
    _, found = run(path, "diffusion,T2", "--baseline", "no", *FAST)
    assert len(found) >= 2
    two = found.nlargest(2, "amplitude").sort_values("position_D")
    assert_allclose(two["log_mean_D"], [1e-10, 2e-9], rtol=0.4)
    peaks = [(0.005, 0.005, 0.5), (0.05, 0.05, 0.5)]
    y = signal(kernels("T2", TE), kernels("T2", TE), peaks)
    path = write(tmp_path / "map.csv", TE, TE, y, corner="")
    options = ["--minimum", "1e-3", "--maximum", "0.3,0.3", "--baseline", "no"]
    out, found = run(path, "T2,T2", *options, *FAST)
    two = found.nlargest(2, "amplitude").sort_values("position_T2_0")
    assert_allclose(two["position_T2_0"], two["position_T2_1"], rtol=0.3)
    table = pd.read_csv(out / "map.csv", index_col=0)
    assert_allclose(table.index[[0, -1]], [1e-3, 0.3])


def test_complex_csdm(tmp_path, capsys):
    csdmpy = pytest.importorskip("csdmpy")
    times = 1e-3 * np.arange(1, 301)
    y = signal(kernels("T1-SR", TI), kernels("T2", times), [(0.3, 0.03, 1.0)])
    noise = 2e-3j * np.random.default_rng(1).standard_normal(y.shape)
    data = csdmpy.CSDM(
        dimensions=[
            csdmpy.MonotonicDimension([f"{1e3 * one} ms" for one in TI]),
            csdmpy.LinearDimension(
                count=300, increment="1 ms", coordinates_offset="1 ms"
            ),
        ],
        dependent_variables=[csdmpy.as_dependent_variable(
            np.ascontiguousarray(((y + noise) * np.exp(0.5j)).T))],
    )  # fmt: skip
    data.save(str(tmp_path / "map.csdf"))
    options = ["--baseline", "no", "--rule", "discrepancy", "--bins", "48"]
    options.append("--no-plot")
    out, found = run(tmp_path / "map.csdf", "T1-SR,T2", *options)
    printed = capsys.readouterr().out
    assert "12 x 300 points" in printed
    assert "phase of 28." in printed
    assert "noise 0.00" in printed
    assert "300 echoes averaged in" in printed
    largest = found.loc[found["amplitude"].idxmax()]
    assert_allclose(largest["position_T1"], 0.3, rtol=0.3)
    assert_allclose(largest["position_T2"], 0.03, rtol=0.3)
    # Windows are means, and their weights the numbers of echoes.
    rest = pd.read_csv(out / "residuals.csv")
    assert rest["weight"].sum() == 12 * 300
    size = np.sqrt(np.average(rest["residual"] ** 2 * rest["weight"]))
    assert_allclose(size, 2e-3, rtol=0.15)


def test_berea_in_one_command(shared_data, tmp_path, capsys):
    source = shared_data / "nmr" / "T1IRT2.dat.gz"
    out = tmp_path / "out"
    command = ["invert", str(source), "--kernel", "T1-IR,T2", "--out", str(out)]
    assert main([*command, "--no-plot", "--jobs", "2"]) == 0
    found = pd.read_csv(out / "peaks.csv")
    largest = found.loc[found["amplitude"].idxmax()]
    # What the file is known to hold (T1 .16 s, T2 13 ms, ratio 12); bins are a tenth
    # apart. Fast decays make a second peak.
    assert 0.15 < largest["position_T1"] < 0.18
    assert 0.012 < largest["position_T2"] < 0.0145
    assert 11.0 < largest["position_T1"] / largest["position_T2"] < 13.5
    assert largest["share"] > 0.5
    printed = capsys.readouterr().out
    assert "100 x 100 bins" in printed
    assert "order 0, chosen by rule lcurve" in printed
    assert "1024 echoes averaged in" in printed
    # That of all trains and of late echoes of both channels; the first four echoes of
    # the imaginary one are at a thousand.
    assert "noise 25.1 by the imaginary channel" in printed
    assert "times the noise" in printed


def test_what_cannot_be_inverted(tmp_path, capsys):
    y = signal(kernels("T1-SR", TI), kernels("T2", TE), [(0.3, 0.03, 1.0)])
    path = write(tmp_path / "map.csv", TI, TE, y)

    def matrix(name, text):
        file = tmp_path / name
        file.write_text(text)
        return file

    no_edge = matrix("edge.csv", "\n".join(",".join(map(str, row)) for row in y))
    ragged = matrix("ragged.csv", "x,1,2\n1,2\n2,1,3\n")
    negative = matrix("negative.csv", "x,1,2\n-1,2,3\n2,1,3\n")
    words = matrix("words.csv", "x,1,2\n1,a,3\n2,1,3\n")
    small = matrix("small.csv", "x,1\n1,2\n")
    commas = matrix("commas.csv", "x 1 2\n1 1,5 3.5\n2 1 3\n")
    unsorted = matrix("unsorted.csv", "x,1,2\n2,2,3\n1,2,3\n")
    parts = matrix("complex.csv", "x,1,2\n1,2+1j,3\n2,1,3\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    cases = [
        ([path, "--kernel", "T1-IR,T2,T2"], "or two of T2, T1-IR"),
        ([path, "--kernel", "T1-IR,gaussian"], "or two of T2, T1-IR"),
        ([path, "--kernel", "T2"], "expected"),
        (["--kernel", "T1-IR,T2"], "needs a FILE"),
        ([path, "--kernel", "T2,T2", "--efficiency", "1.8"], "--efficiency is for"),
        ([path, "--kernel", "T2,T2", "--bins", "4,5,6"], "one number per axis"),
        ([path, "--kernel", "T2,T2", "--minimum", "1", "--maximum", "1,2"], "below"),
        ([no_edge, "--kernel", "T1-SR,T2"], "is an edge missing?"),
        ([ragged, "--kernel", "T1-SR,T2"], "ragged.csv:2: expected 3 entries"),
        ([negative, "--kernel", "T1-SR,T2"], "increasing and not negative"),
        ([words, "--kernel", "T1-SR,T2"], "words.csv:2: expected a number in column 2"),
        ([commas, "--kernel", "T1-SR,T2"], "commas.csv:2: expected a number in column"),
        ([commas, "--kernel", "T1-SR,T2"], "2, got '1,5'; write decimal points"),
        ([unsorted, "--kernel", "T1-SR,T2"], "got 1 after 2; is an edge missing? If"),
        ([parts, "--kernel", "T1-SR,T2"], "column 2 is complex"),
        ([small, "--kernel", "T1-SR,T2"], "two points at least along each axis"),
        ([empty, "--kernel", "T1-SR,T2"], "is a folder, expected a file"),
        ([tmp_path / "nothing", "--kernel", "T1-SR,T2"], "no such file"),
        ([path, "--kernel", "T2", "--bins", "4,5"], "one number for one axis"),
        ([path, "--kernel", "T2", "--rule", "gcv"], "is for two axes"),
        ([path, "--kernel", "T2,T2", "--penalty", "lasso", "--order", "1"], "--order"),
    ]
    for arguments, message in cases:
        error = fails(capsys, "invert", *arguments, "--out", tmp_path / "out")
        assert message in error, arguments
    assert not (tmp_path / "out").exists()


def test_axes_that_the_file_names(tmp_path, capsys):
    y = signal(kernels("T1-IR", TI), kernels("T2", TE), [(0.3, 0.03, 1.0)])
    b = np.linspace(0.0, 5e9, TI.size)

    def error(kernel, corner, first=TI, second=TE, values=y):
        path = write(tmp_path / "map.csv", first, second, values, corner)
        command = ["invert", path, "--kernel", kernel, "--out", tmp_path / "out"]
        return fails(capsys, *command)

    swapped = error("T1-IR,T2", "TE/TI", TE, TI, y.T)
    assert "an axis is 'TE', but kernel T1-IR reads TI; give the kernels" in swapped
    assert "an axis is 'TI'" in error("diffusion,T2", "TI (s) / TE (s)")
    assert "an axis is 'b', but kernel T1-SR reads TS" in error("T1-SR,T2", "b/TE", b)
    assert "an axis is 'b'" in error("T1-SR,T2", "b (s/m2) | TE", b)


def test_unit_of_the_points(tmp_path, capsys):
    y = signal(kernels("T1-SR", TI), kernels("T2", TE), [(0.3, 0.03, 1.0)])
    options = ["--rule", "chi2", "--bins", "8", "--baseline", "no", "--no-plot"]
    path = write(tmp_path / "map.csv", 1e3 * TI, 1e3 * TE, y, corner="")
    run(path, "T1-SR,T2", *options)
    printed = capsys.readouterr().err
    assert "points of TS reach 3000, which is long for seconds" in printed
    assert "points of TE reach 40, which is long for seconds" in printed
    for corner, more in (("TS (ms)/TE (ms)", []), ("TS/TE", ["--unit", "ms"])):
        write(path, 1e3 * TI, 1e3 * TE, y, corner)
        run(path, "T1-SR,T2", *options, *more)
        assert "long for seconds" not in capsys.readouterr().err
    write(path, TI, TE, y, corner="")
    command = ["invert", path, "--kernel", "T1-SR,T2", "--out", tmp_path / "other"]
    line = fails(capsys, *command, "--maximum", "3,1e-7")
    assert "--maximum 1e-07 leaves no grid that the points of TE" in line


def test_sign_of_the_signal(tmp_path, capsys):
    y = signal(kernels("T1-SR", TI), kernels("T2", TE), [(0.3, 0.03, 1.0)])
    path = write(tmp_path / "map.csv", TI, TE, -y, corner="")
    command = ["invert", path, "--kernel", "T1-SR,T2", "--out", tmp_path / "out"]
    line = fails(capsys, *command)
    assert "the signal is negative" in line
    assert "turn its sign" in line
    # An inversion recovery has both signs, but rises.
    y = signal(kernels("T1-IR", TI), kernels("T2", TE), [(0.3, 0.03, 1.0)])
    options = ["--rule", "chi2", "--bins", "6", "--baseline", "no", "--efficiency"]
    for sign in (1.0, -1.0):
        write(path, TI, TE, sign * y)
        run(path, "T1-IR,T2", *options, "1.8", "--no-plot")
        assert ("along TI, but" in capsys.readouterr().err) == (sign < 0)


def test_long_trains_on_either_axis(tmp_path, capsys):
    times = 1e-3 * np.arange(1, 301)
    y = signal(kernels("T1-SR", TI), kernels("T2", times), [(0.3, 0.03, 1.0)])
    options = ["--rule", "chi2", "--bins", "12", "--baseline", "no", "--no-plot"]
    path = write(tmp_path / "map.csv", TI, times, y, corner="")
    out, _ = run(path, "T1-SR,T2", *options)
    before = pd.read_csv(out / "map.csv", index_col=0).to_numpy()
    write(path, times, TI, y.T, corner="")
    out, _ = run(path, "T2,T1-SR", *options)
    after = pd.read_csv(out / "map.csv", index_col=0).to_numpy()
    assert "300 echoes averaged in" in capsys.readouterr().out
    # Both have the tolerance of the solver, and the search of the strength.
    assert_allclose(after, before.T, atol=1e-3 * before.max())
    rest = pd.read_csv(out / "residuals.csv")
    assert rest["weight"].sum() == 12 * 300
