"""``skrelax invert --intervals`` and ``--cutoff``: numbers with their intervals."""

import numpy as np
import pandas as pd
import pytest
from commands import fails
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso, SmoothLassoCV
from skrelax._cli import _numbers, main
from skrelax.kernels import acquisition_grid
from skrelax.metrics import RatioBand, Rectangle
from skrelax.model_selection import StrengthSearch
from skrelax.uncertainty import Share, bootstrap_distribution

TIMES = np.geomspace(1e-3, 1.5, 40)


def write(folder, shares, name="decay.csv"):
    """Write a file with a signal for each share of 10 ms beside 200 ms."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"TE (s)": TIMES})
    for number, share in enumerate(shares):
        signal = share * np.exp(-TIMES / 0.01) + (1 - share) * np.exp(-TIMES / 0.2)
        table[f"s{number}"] = signal + 2e-3 * rng.standard_normal(TIMES.size)
    table.to_csv(folder / name, index=False)
    return str(folder / name)


def test_numbers_are_those_of_the_library(tmp_path, capsys):
    path, out = write(tmp_path, [0.3]), tmp_path / "out"
    options = ["--bins", "40", "--baseline", "no", "--no-plot", "--out", str(out)]
    asked = ["--cutoff", "0.04,0.1", "--interval-level", "0.99"]
    assert main(["invert", path, *options, *asked]) == 0
    table = pd.read_csv(out / "numbers.csv").set_index("number")
    assert list(table.columns) == [
        "signal", "estimate", "lower", "upper", "std", "status",
    ]  # fmt: skip
    assert "width" not in table.index
    share = table.loc["share below 0.04"]
    assert share["lower"] < 0.3 < share["upper"]
    assert share["status"] == "ok"
    assert table.loc["log_mean_0", "lower"] < 0.01 < table.loc["log_mean_0", "upper"]

    data = pd.read_csv(path)
    X, y = data[["TE (s)"]].set_axis(["TE"], axis=1), data["s0"]
    builder = KernelBuilder("T2", n_bins=40, supersampling=5)
    model = make_pipeline(builder, SmoothLassoCV(rule="noise"))
    found = bootstrap_distribution(model, X, y, n_bootstrap=2, random_state=0)
    expected = found.interval(Share((0, 0.04)), 0.99)
    assert_allclose(share[["lower", "upper"]].astype(float), expected, rtol=1e-6)
    printed = capsys.readouterr().out
    assert "99 % intervals by bounds:" in printed
    assert "share below 0.1" in printed


def test_every_signal_has_its_numbers_and_the_level_counts(tmp_path):
    path = write(tmp_path, [0.3, 0.6])
    options = ["--bins", "30", "--no-plot", "--penalty", "lasso", "--intervals"]
    tables = []
    for level in ([], ["--interval-level", "0.5"]):
        out = tmp_path / f"out{len(level)}"
        assert main(["invert", path, *options, *level, "--out", str(out)]) == 0
        tables.append(pd.read_csv(out / "numbers.csv"))
    assert set(tables[0]["signal"]) == {"s0", "s1"}
    widths = [(table["upper"] - table["lower"]).sum() for table in tables]
    assert widths[1] < widths[0]


def write_plane(folder, noise=2e-3):
    """Write a saturation recovery of echo trains of T1 300 ms, T2 10 and 100 ms."""
    recovery, echoes = np.geomspace(0.01, 3.0, 10), np.geomspace(1e-3, 0.5, 24)
    decay = 0.3 * np.exp(-echoes / 0.01) + 0.7 * np.exp(-echoes / 0.1)
    signal = np.outer(1.0 - np.exp(-recovery / 0.3), decay)
    signal += noise * np.random.default_rng(0).standard_normal(signal.shape)
    rows = [",".join(["TS/TE", *(f"{one:.10g}" for one in echoes)])]
    for time, row in zip(recovery, signal, strict=True):
        rows.append(",".join(f"{one:.10g}" for one in (time, *row)))
    path = folder / "plane.csv"
    path.write_text("\n".join(rows))
    X = pd.DataFrame(acquisition_grid(recovery, echoes), columns=["TS", "TE"])
    return str(path), X, signal.ravel()


PLANE = ["--kernel", "T1-SR,T2", "--bins", "24", "--baseline", "no", "--no-plot"]


def test_planes_have_the_numbers_of_the_library(tmp_path, capsys):
    (path, X, y), out = write_plane(tmp_path), tmp_path / "out"
    asked = ["--cutoff", "T2=0.03,T1/T2=10", "--interval-level", "0.95"]
    asked += ["--rule", "chi2"]
    assert main(["invert", path, *PLANE, *asked, "--out", str(out)]) == 0
    table = pd.read_csv(out / "numbers.csv").set_index("number")
    columns = ["signal", "estimate", "lower", "upper", "status"]
    assert list(table.columns) == columns
    builder = KernelBuilder(["T1-SR", "T2"], n_bins=[24, 24], supersampling=5)
    rule = StrengthSearch(SmoothLasso(0.0, order=0), "chi2")
    model = make_pipeline(builder, rule)
    result = bootstrap_distribution(
        model, X, y, n_bootstrap=2, random_state=0, level=0.95
    )
    assert result.method == "bounds"
    expected = result.to_frame()
    names = [name for name in expected.index if not name.startswith("width")]
    cuts = {
        "share of T2 below 0.03": Share(Rectangle("fast", T2=(0, 0.03))),
        "share of T1/T2 below 10": Share(RatioBand("low", 0, 10)),
    }
    assert list(table.index) == [*names, *cuts]
    ends = ["estimate", "lower", "upper"]
    assert_allclose(table.loc[names, ends], expected.loc[names, ends], rtol=1e-5)
    assert (table.loc[names, "status"] == expected.loc[names, "status"]).all()
    for name, share in cuts.items():
        assert_allclose(table.loc[name, ends[1:]].astype(float), result.interval(share))
    # What made the signal, and each peak is that of the printed table.
    row = table.loc["share of T2 below 0.03"]
    assert row["lower"] < 0.3 < row["upper"]
    peaks = pd.read_csv(out / "peaks.csv")
    assert_allclose(table.loc["share_0", "estimate"], peaks["share"][0], rtol=1e-6)
    printed = capsys.readouterr().out
    assert "95 % intervals by bounds:" in printed
    assert "share of T1/T2 below 10" in printed


def test_planes_of_diffusion_have_no_ratio_and_all_intervals_a_reason(tmp_path, capsys):
    path, X, _ = write_plane(tmp_path)
    b = 1e9 * np.unique(X["TS"])
    echoes = np.unique(X["TE"])
    signal = np.exp(-1e-9 * b)[:, None] * np.exp(-echoes / 0.1)
    # Not white, so that nothing fits: the trains differ by a tenth.
    signal *= 1.0 + 0.1 * (-1.0) ** np.arange(b.size)[:, None]
    rows = [",".join(["b/TE", *map(str, echoes)])]
    rows += [
        ",".join(map(str, (one, *row))) for one, row in zip(b, signal, strict=True)
    ]
    (tmp_path / "plane.csv").write_text("\n".join(rows))
    out = tmp_path / "out"
    options = ["--kernel", "diffusion,T2", *PLANE[2:], "--rule", "chi2", "--intervals"]
    assert main(["invert", path, *options, "--out", str(out)]) == 0
    table = pd.read_csv(out / "numbers.csv").set_index("number")
    assert "log_mean_D" in table.index
    assert not table.index.str.startswith("ratio").any()
    assert (table["status"] == "does not fit").all()
    printed = capsys.readouterr().out
    assert "does not fit: no distribution of these bins fits" in printed
    # A run without them leaves none of an earlier one.
    options = [*options[:-1], "--overwrite"]
    assert main(["invert", path, *options, "--out", str(out)]) == 0
    assert not (out / "numbers.csv").exists()


def test_cutoffs_may_name_the_one_axis(tmp_path):
    path = write(tmp_path, [0.3])
    options = ["--bins", "20", "--no-plot", "--penalty", "lasso", "--cutoff"]
    rows = []
    for cutoff in ("0.04", "T2=0.04"):
        out = tmp_path / cutoff
        assert main(["invert", path, *options, cutoff, "--out", str(out)]) == 0
        rows.append(pd.read_csv(out / "numbers.csv").iloc[-1])
    assert rows[0]["number"] == "share below 0.04"
    pd.testing.assert_series_equal(*rows)


def test_cutoffs_in_another_unit_are_doubted(tmp_path, capsys):
    # Files in ms are read as seconds, of which all are below 40.
    data = pd.read_csv(write(tmp_path, [0.3]))
    data["TE (s)"] *= 1e3
    path = tmp_path / "ms.csv"
    data.rename(columns={"TE (s)": "TE (ms)"}).to_csv(path, index=False)
    options = ["--bins", "20", "--no-plot", "--penalty", "lasso", "--cutoff", "40,0.04"]
    assert main(["invert", str(path), *options, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert "--cutoff 40 is beyond the bins, 0.001 to 4.5, whose unit it has" in said
    assert "--cutoff 0.04" not in said


def test_of_several_files_each_has_its_table(tmp_path):
    paths = [write(tmp_path, [share], f"{share}.csv") for share in (0.3, 0.6)]
    out = tmp_path / "out"
    options = ["--bins", "30", "--no-plot", "--cutoff", "0.04", "--out", str(out)]
    assert main(["invert", *paths, *options, "--interval-level", "0.99"]) == 0
    for share in (0.3, 0.6):
        table = pd.read_csv(out / f"{share}" / "numbers.csv").set_index("number")
        row = table.loc["share below 0.04"]
        assert row["lower"] < share < row["upper"]


def test_a_signal_without_intervals_is_said_and_inverted(tmp_path, capsys, monkeypatch):
    def refuse(*args, **kwargs):
        raise ValueError("too few points")

    monkeypatch.setattr(_numbers, "bootstrap_distribution", refuse)
    path, out = write(tmp_path, [0.3]), tmp_path / "out"
    options = ["--bins", "20", "--no-plot", "--intervals", "--out", str(out)]
    assert main(["invert", path, *options]) == 0
    assert "s0: no intervals: too few points" in capsys.readouterr().err
    assert (out / "peaks.csv").exists()
    assert not (out / "numbers.csv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--interval-level", "0.5"], "--interval-level goes with --intervals"),
        (["--intervals", "--interval-level", "95"], "between 0 and 1"),
        (["--cutoff", "0.1,-1"], "--cutoff: must be positive"),
        (
            ["--cutoff", "T1=0.1"],
            "--cutoff takes the name of what is below it, one of T2",
        ),
        (
            ["--kernel", "T1-IR,T2", "--cutoff", "1"],
            "one of T1, T2, T1/T2, such as T2=1",
        ),
        (["--kernel", "T1-IR,T2", "--cutoff", "T2/T1=1"], "got T2/T1=1"),
        (["--kernel", "diffusion,T2", "--cutoff", "D/T2=1"], "one of D, T2, such"),
        (["--kernel", "T2,T2", "--cutoff", "T2=1"], "one of T2_0, T2_1, T2_0/T2_1"),
    ],
)
def test_options_that_cannot_be(tmp_path, capsys, options, message):
    assert message in fails(capsys, "invert", write(tmp_path, [0.3]), *options)
