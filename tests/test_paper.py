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


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[1])
def test_times_are_those_of_the_results(row):
    topic, title, contestant, theirs, ours, ratio = row
    path = ROOT / "benchmarks" / "results" / f"{topic}.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    (workload,) = [work for work in results["workloads"] if work["title"] == title]
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
