"""The table against other tools says what was measured, here and in README.md."""

import json
import re
import shutil

import pytest
from checkout import ROOT, load

comparison = load("doc/_comparison.py")
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def results(tmp_path):
    """Return a copy of the results."""
    return shutil.copytree(comparison.RESULTS, tmp_path / "results")


def change(results, stem, edit):
    """Change the results of a topic."""
    path = results / f"{stem}.json"
    topic = json.loads(path.read_text(encoding="utf-8"))
    edit(topic)
    path.write_text(json.dumps(topic), encoding="utf-8")


def test_ratios_follow_the_files(results):
    def slow_down(topic):
        for workload in topic["workloads"]:
            for row in workload["rows"]:
                if row["contestant"] == "ILTpy":
                    row["median_s"] *= 3.0

    before = comparison.compare(results)
    change(results, "ilt", slow_down)
    for old, new in zip(before, comparison.compare(results), strict=True):
        factor = 3.0 if old["tool"] == "ILTpy" else 1.0
        assert new["ratio"] == pytest.approx(factor * old["ratio"])


def test_a_row_without_a_measurement_is_an_error(results):
    def forget(topic):
        topic["workloads"] = [w for w in topic["workloads"] if "8192" not in w["title"]]

    change(results, "ilt", forget)
    with pytest.raises(ValueError, match=r"ilt\.json must have one workload"):
        comparison.compare(results)


def test_scaled_times_say_so(results):
    rows = [comparison.cells(row) for row in comparison.compare(results)]
    scaled = {row[0] for row in rows if "scaled" in row[2]}
    # Of 16 signals of 1600, 402 voxels of 8424 and 20 voxels of 16 000.
    assert {"scikit-learn's LassoCV", "SciPy's curve_fit", "SciPy's nnls"} == scaled


def test_machine_and_dates_are_those_of_the_files(results):
    def move(topic):
        topic["date"] = "2031-01-02"
        topic["machine"]["processor"] = "another"

    change(results, "maps", move)
    text = comparison.describe_machines(results)
    assert "to 2031-01-02" in text
    assert "another, 2 cores" in text
    for package in ("mrinversion", "flintpy-nmr", "ilt-py-lib", "torchsim"):
        assert re.search(rf"\b{package} \d", text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(298.7, "300 s"), (1.04, "1 s"), (0.0263, "26 ms"), (2.5e-7, "0.25 µs")],
)
def test_times_have_two_digits(seconds, text):
    assert comparison.with_unit(seconds) == text


def test_readme_has_the_table_of_the_results():
    # Otherwise: python doc/_comparison.py
    assert comparison.renew(README) == README


def test_both_tables_have_the_same_cells():
    for row in comparison.compare():
        for cell in comparison.cells(row):
            assert cell in comparison.as_markdown()
            assert cell in comparison.as_rst()


def test_renewing_needs_its_marks():
    with pytest.raises(ValueError, match="must have the lines"):
        comparison.renew("# skrelax\n")
