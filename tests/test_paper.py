"""Numbers and references of the paper are those of the results and of its list."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAPER = (ROOT / "paper" / "paper.md").read_text(encoding="utf-8")
TABLE = re.findall(
    r"^\| (\w+): (.+?) \| (.+?) \| (.+?) s \| (.+?) s \| (.+?) \|$", PAPER, re.M
)


def read(topic):
    """Return the results of a topic."""
    path = ROOT / "benchmarks" / "results" / f"{topic}.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[1])
def test_times_are_those_of_the_results(row):
    topic, title, contestant, theirs, ours, ratio = row
    (workload,) = [work for work in read(topic)["workloads"] if work["title"] == title]
    seconds = {line["contestant"]: line["median_s"] for line in workload["rows"]}
    # Three digits, of which the last may be rounded.
    assert seconds[contestant] == pytest.approx(float(theirs), rel=5e-3)
    assert any(
        value == pytest.approx(float(ours), rel=5e-3) for value in seconds.values()
    )
    assert float(theirs) / float(ours) == pytest.approx(float(ratio), rel=2e-2)


def test_the_table_is_there():
    assert len(TABLE) >= 8


def test_all_references_are_listed_and_cited():
    listed = (ROOT / "paper" / "paper.bib").read_text(encoding="utf-8")
    keys = re.findall(r"^@\w+\{([\w-]+),", listed, re.MULTILINE)
    assert len(keys) == len(set(keys))
    assert set(re.findall(r"@([\w-]+)", PAPER)) == set(keys)
    # A journal that gives none.
    assert listed.count("doi = {10.") == len(keys) - 1


def test_distances_are_those_of_the_results():
    rows = read("recovery")["recovery"]
    medians = {
        (row["contestant"], row["family"], row["snr"]): row["median"] for row in rows
    }
    default, plane = "SmoothLassoCV (default)", "plane of four peaks"
    families = {row["family"] for row in rows} - {plane}
    assert len(families) == 5
    for contestant in (default, "mrinversion LassoFistaCV"):
        found = [medians[contestant, family, 100] for family in families]
        assert f"{min(found):.3f} to {max(found):.3f}" in PAPER
    strengths = {row["contestant"] for row in rows if "flint" in row["contestant"]}
    assert len(strengths) == 3
    for snr in (100, 1000):
        theirs = min(medians[contestant, plane, snr] for contestant in strengths)
        assert f"{theirs:.3f} against {medians[default, plane, snr]:.3f}" in PAPER


def test_coverage_is_that_of_the_results():
    (summary,) = [
        table for table in read("coverage")["tables"] if table["name"] == "summary"
    ]
    counts = {name: list(map(int, row[:3])) for name, *row in summary["rows"]}
    assert f"Of {sum(counts['bounds'])} combinations" in PAPER
    assert f"three points, in {['none', 'one', 'two'][counts['bounds'][2]]}" in PAPER
    assert f"{counts['residual'][2]} of {sum(counts['residual'])}" in PAPER
