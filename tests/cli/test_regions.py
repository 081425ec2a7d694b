"""Labelled regions of maps, from the command line."""

import numpy as np
import pandas as pd
import pytest
from commands import AFFINE, called, fails
from numpy.testing import assert_allclose

from skrelax._cli import main
from skrelax.metrics import label_statistics

nibabel = pytest.importorskip("nibabel")


@pytest.fixture
def series(tmp_path):
    """Write echoes of two tissues and labels of both; return the folder."""
    folder = tmp_path / "in"
    folder.mkdir()
    T2 = np.full((8, 6, 2), 0.05)
    T2[4:] = 0.1
    TE = 0.01 * np.arange(1, 11)
    noise = np.random.default_rng(0).standard_normal((*T2.shape, 10))
    image = 100.0 * np.exp(-TE / T2[..., None]) + 0.1 * noise
    nibabel.save(nibabel.Nifti1Image(image.astype(np.float32), AFFINE),
                 folder / "a.nii.gz")  # fmt: skip
    (folder / "a.json").write_text(f'{{"EchoTime": {TE.tolist()}}}')
    labels = np.zeros(T2.shape, dtype=np.int16)
    labels[1:4], labels[4:7] = 3, 1
    nibabel.save(nibabel.Nifti1Image(labels, AFFINE), tmp_path / "labels.nii.gz")
    return folder


def arguments(series, *more):
    out = series.parent / "out"
    command = ["map", str(series), "--model", "T2", "--mask", "none", "--out", str(out)]
    return [*command, "--labels", str(series.parent / "labels.nii.gz"), *more]


def test_regions_of_a_series(series, capsys):
    pytest.importorskip("matplotlib")
    # Names of other labels may be there.
    lines = ["index\tname\tcolor", "1\tgrey\tred", "2\tother\tblue", "3\twhite\tgreen"]
    (series.parent / "labels.tsv").write_text("\n".join(lines) + "\n")
    assert main(arguments(series)) == 0
    out = series.parent / "out"
    table = pd.read_csv(out / "regions.csv")
    T2 = table[table["map"] == "T2"].set_index("region")
    assert_allclose(T2.loc["white", "median"], 0.05, rtol=2e-3)
    assert_allclose(T2.loc["grey", "median"], 0.1, rtol=2e-3)
    assert (T2["n_voxels"] == 36).all()
    assert set(table["map"]) == {"M0", "T2", "M0 stderr", "T2 stderr",
                                 "relative error", "r2"}  # fmt: skip
    # The same numbers as from Python.
    image = nibabel.load(out / "T2.nii.gz").get_fdata()
    labels = nibabel.load(series.parent / "labels.nii.gz").get_fdata()
    mine = label_statistics({"T2": image}, labels)
    assert_allclose(mine["mean"], T2["mean"], rtol=1e-6)
    assert (out / "regions.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "white       36" in printed
    # A run without labels leaves none of an earlier one.
    again = [word for word in arguments(series, "--overwrite") if "labels" not in word]
    assert main(again) == 0
    assert not (out / "regions.csv").exists()
    assert not (out / "regions.png").exists()


def test_labels_that_are_none(series, capsys):
    path = series.parent / "labels.nii.gz"
    cases = {
        "holds fractions": np.full((8, 6, 2), 0.5),
        "all labels are 0": np.zeros((8, 6, 2)),
        "has shape": np.ones((8, 6, 3)),
    }
    for words, values in cases.items():
        nibabel.save(nibabel.Nifti1Image(values, AFFINE), path)
        code, _, error = called(capsys, *arguments(series))
        assert code == 2
        assert words in error
    nibabel.save(nibabel.Nifti1Image(np.ones((8, 6, 2)), AFFINE), path)
    (series.parent / "labels.tsv").write_text("1\tgrey\n")
    code, _, error = called(capsys, *arguments(series))
    assert code == 2
    assert "columns index and name" in error
    (series.parent / "labels.tsv").write_text("index\tname\n1.5\tgrey\n")
    assert "index must be whole numbers" in fails(capsys, *arguments(series))
    path.unlink()
    code, _, error = called(capsys, *arguments(series))
    assert code == 2
    assert "no such file" in error
    assert not (series.parent / "out").exists()


def test_odd_names_of_regions(series, capsys):
    pytest.importorskip("matplotlib")
    names = series.parent / "labels.tsv"
    out = series.parent / "out"
    long = "putamen " * 40
    for rows, found in (
        ("1\ta\n3\ta\n", {"a (1)", "a (3)"}),
        (f"1\t\n3\t{long}\n", {"1", long.strip()}),
    ):
        names.write_text("index\tname\n" + rows)
        code, _, printed = called(capsys, *arguments(series, "--report", "--overwrite"))
        assert code == 0
        assert "layout" not in printed
        assert set(pd.read_csv(out / "regions.csv", dtype=str)["region"]) == found
    # Tables of spreadsheets.
    for encoding in ("utf-16", "latin-1", "utf-8-sig"):
        names.write_bytes("index\tname\n1\tgröße\n".encode(encoding))
        assert main(arguments(series, "--overwrite")) == 0
        assert "größe" in set(pd.read_csv(out / "regions.csv", dtype=str)["region"])
    names.write_text("index\tname\n1\ta\n1\tb\n")
    error = fails(capsys, *arguments(series, "--overwrite"))
    assert "labels.tsv: has more than one name of 1." in error


def test_known_values_of_regions(series, capsys):
    pytest.importorskip("matplotlib")
    names = series.parent / "labels.tsv"
    names.write_text("index\tname\tT2\tT1\n1\tgrey\t0.11\t0.8\n3\twhite\tn/a\t\n")
    assert main(arguments(series, "--report")) == 0
    printed = capsys.readouterr().out
    table = pd.read_csv(series.parent / "out" / "regions.csv")
    known = table[table["reference"].notna()]
    assert known[["region", "map"]].values.tolist() == [["grey", "T2"]]
    assert known["reference"].tolist() == [0.11]
    assert_allclose(known["error"], known["median"] / 0.11 - 1.0)
    assert_allclose(known["error"], -1 / 11, atol=2e-3)
    assert "errors of T2: median 9." in printed
    assert "1 of 1 regions with a reference have values" in printed
    for text, words in (("110", "T2 must be in seconds"), ("x", "got 'x'")):
        names.write_text(f"index\tname\tT2\n1\tgrey\t{text}\n")
        error = fails(capsys, *arguments(series, "--overwrite"))
        assert words in error
