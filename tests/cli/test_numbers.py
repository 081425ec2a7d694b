"""``skrelax invert --intervals`` and ``--cutoff``: numbers with their intervals."""

import numpy as np
import pandas as pd
import pytest
from commands import fails
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLassoCV
from skrelax._cli import _numbers, main
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
    assert "99 % from" in printed
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
        (["--kernel", "T1-IR,T2", "--intervals"], "--intervals is for"),
        (["--kernel", "T1-IR,T2", "--cutoff", "1"], "--cutoff is for"),
    ],
)
def test_options_that_cannot_be(tmp_path, capsys, options, message):
    assert message in fails(capsys, "invert", write(tmp_path, [0.3]), *options)
