"""Reports of maps hold what they say, and their slider has every slice."""

import re

import numpy as np
import pandas as pd
import pytest

from skrelax.reporting import write_map_report

pytest.importorskip("matplotlib", reason="reports have pictures")
T1 = np.linspace(0.5, 1.5, 48).reshape(4, 4, 3)


def test_what_a_report_holds(tmp_path):
    labels = np.zeros(T1.shape, dtype=int)
    labels[:2], labels[2:] = 1, 2
    status = np.where(T1 > 1.4, 2, 0)
    path = write_map_report(
        tmp_path / "T1.html",
        {"T1": T1, "T1 stderr": 0.1 * T1, "status": status},
        affine=np.diag([2.0, 2.0, 5.0, 1.0]),
        units={"T1": "s"},
        statuses={0: "converged", 2: "not identifiable"},
        labels=labels,
        names={1: r"a $\b$", 2: "grey <matter>"},
        acquisition=pd.DataFrame({"TI": [0.1, 0.7]}),
        comparison=pd.DataFrame({"verdict": ["chosen"]}, ["T1-IR"]),
        notes=["series 8 & 9"],
        command="skrelax map in",
    )
    text = path.read_text(encoding="utf-8")
    # A frame for each slice, and the histograms.
    assert text.count("<figure") == 3
    assert text.count("<img") == 4
    assert "slice 2 of 3" in text
    numbers = re.sub(r"<[^>]*>", " ", text)
    assert f"{np.median(T1[:2]):.4g}" in numbers
    assert re.search(rf"not identifiable\s+{np.count_nonzero(T1 > 1.4)}\s", numbers)
    assert r"a $\b$" in text
    for word in ("grey &lt;matter&gt;", "series 8 &amp; 9", "T1-IR", "skrelax map in"):
        assert word in text
    # Nothing is asked of a network.
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    with pytest.raises(ValueError, match="exists; give overwrite=True"):
        write_map_report(path, {"T1": T1})
    write_map_report(path, {"T1": T1[..., 0]}, overwrite=True)
    again = path.read_text(encoding="utf-8")
    assert "<figure" not in again
    assert "all voxels" in again


def test_bad_input(tmp_path):
    good = {"maps": {"T1": T1}}
    for name, value, words in (
        ("maps", {}, "maps must be a dict"),
        ("maps", {"status": T1}, "main must be one of the maps"),
        ("maps", {"T1": "a"}, "images"),
        ("main", "T2", "main must be one of the maps"),
        ("labels", np.ones((2, 2)), "shape of the labels"),
        ("labels", 0 * T1, "all are 0"),
        ("acquisition", [1], "acquisition must be a DataFrame"),
        ("comparison", 3, "comparison must be a DataFrame"),
        ("affine", np.zeros((4, 4)), "affine"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            write_map_report(tmp_path / "a.html", **good | {name: value})
    with pytest.raises(ValueError, match=r"must end in \.html"):
        write_map_report(tmp_path / "a.txt", **good)
    assert not list(tmp_path.iterdir())
