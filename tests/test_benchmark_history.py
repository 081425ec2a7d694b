"""The history of benchmarks: runs are added, and what became slower is found."""

import importlib
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "system": "Linux",
    "python": "3.11.7",
    "versions": {"numpy": "2.0.2"},
}


@pytest.fixture
def history(monkeypatch, tmp_path):
    """Return the module, with a folder of its own."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("_history")
    monkeypatch.setattr(module, "HISTORY", tmp_path)
    return module


@pytest.fixture
def compare(history):
    return importlib.import_module("compare")


def append(history, seconds, *, contestant="skrelax", foreign=0.0, **machine):
    """Append a run of one row."""
    row = {
        "contestant": contestant,
        "median_s": seconds,
        "fastest_s": seconds,
        "rounds": 3,
        "gap": 1e-9,
    }
    workload = {"title": "work", "foreign_cores": foreign, "rows": [row]}
    history.append_run("topic", "2026-01-01", MACHINE | machine, [workload])


def test_runs_are_appended(history, tmp_path):
    for seconds in (1.0, 2.0):
        append(history, seconds)
    (row,) = history.read_rows(tmp_path)
    assert [point.seconds for point in row.points] == [1.0, 2.0]
    assert row.machine == "a processor, 2 cores, Linux"
    run = json.loads((tmp_path / "topic.jsonl").read_text().splitlines()[0])
    assert set(run) == {"date", "commit", "machine", "workloads"}


@pytest.mark.parametrize(("last", "code"), [(1.09, 0), (1.11, 1), (0.5, 0)])
def test_a_slowdown_of_a_tenth_is_found(history, compare, tmp_path, capsys, last, code):
    for seconds in (3.0, 1.0, last):
        append(history, seconds)
    assert compare.main(["--folder", str(tmp_path)]) == code
    assert ("Slower" in capsys.readouterr().out) == bool(code)


def test_what_cannot_be_compared_is_not(history, compare, tmp_path):
    append(history, 1.0)
    append(history, 2.0, cores=8)
    append(history, 2.0, contestant="scipy curve_fit")
    append(history, 4.0, contestant="scipy curve_fit")
    append(history, 2.0, foreign=1.5)
    assert compare.main(["--folder", str(tmp_path)]) == 0
    append(history, 2.0)
    assert compare.main(["--folder", str(tmp_path)]) == 1


def test_versions_that_changed_are_named(history, compare, tmp_path, capsys):
    append(history, 1.0)
    append(history, 2.0, versions={"numpy": "2.4.0"})
    compare.main(["--folder", str(tmp_path)])
    assert "numpy 2.0.2 to 2.4.0" in capsys.readouterr().out


def test_the_history_of_the_project_can_be_read(history):
    rows = history.read_rows(BENCHMARKS / "results" / "history")
    assert len(rows) > 100
    assert all(point.seconds > 0.0 for row in rows for point in row.points)


def test_parts_of_the_quick_half_exist(history):
    quick = importlib.import_module("quick")
    for part in quick.PARTS:
        assert (BENCHMARKS / part.split()[0]).exists()
