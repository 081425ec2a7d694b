"""Runs of benchmarks, one line each, appended and never overwritten."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

HISTORY = Path(__file__).parent / "results" / "history"

# Rows of other programs, which are measured beside ours and do not make history.
_PEERS = re.compile(
    "ILTpy|NumPy|Numba|faiss|flintpy|mrinversion|scikit-learn|scipy|skglm|torch"
)
# Where others used more of the processor than this, times say nothing.
_MOST_FOREIGN = 0.25


@dataclass(frozen=True)
class Point:
    """What a run measured of one row."""

    date: str
    """Day of the run."""
    commit: str
    """Commit, with a plus where files had changed."""
    versions: dict
    """Versions of packages."""
    seconds: float
    """Median of the rounds [s]."""
    foreign: float | None
    """Cores that other programs used meanwhile, or None where that is not known."""

    @property
    def disturbed(self):
        """Return whether other programs took part of the processor."""
        return self.foreign is not None and self.foreign > _MOST_FOREIGN


@dataclass(frozen=True)
class Row:
    """One row of a table on one machine, through all runs."""

    topic: str
    """Name of the file."""
    workload: str
    """What was done."""
    contestant: str
    """By what."""
    machine: str
    """Processor, cores and system."""
    points: list
    """The Points, the oldest first."""

    @property
    def is_ours(self):
        """Return whether the row is of this package."""
        return _PEERS.search(self.contestant) is None


def append_run(topic, date, machine, workloads):
    """Append a run to the history of a topic.

    Parameters
    ----------
    topic : str
        Name of the file.
    date : str
        Day of the run.
    machine : dict
        What `describe_machine` of `_timing.py` returns.
    workloads : list of dict
        The workloads that were run now.
    """
    kept = ("contestant", "median_s", "fastest_s", "rounds")
    run = {
        "date": date,
        "commit": _find_commit(),
        "machine": machine,
        "workloads": [
            {
                "title": workload["title"],
                "foreign_cores": workload.get("foreign_cores"),
                "rows": [
                    {name: row[name] for name in kept} for row in workload["rows"]
                ],
            }
            for workload in workloads
        ],
    }
    HISTORY.mkdir(parents=True, exist_ok=True)
    with (HISTORY / f"{topic}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(run) + "\n")


def read_rows(folder=HISTORY):
    """Return the Rows of all topics in a folder, in the order of their first runs."""
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            run = json.loads(line)
            for workload in run["workloads"]:
                for row in workload["rows"]:
                    _take(found, path.stem, run, workload, row)
    return list(found.values())


def _take(found, topic, run, workload, row):
    """Add what a run says of a row to the Rows by their keys."""
    told = run["machine"]
    machine = f"{told['processor']}, {told['cores']} cores, {told['system']}"
    key = (topic, workload["title"], row["contestant"], machine)
    versions = {"python": told["python"], **told["versions"]}
    found.setdefault(key, Row(*key, [])).points.append(
        Point(
            run["date"],
            run["commit"],
            versions,
            row["median_s"],
            workload["foreign_cores"],
        )
    )


def _find_commit():
    """Return the commit of this checkout, with a plus for changed files, or ``"?"``."""
    here = Path(__file__).parent
    told = []
    for command in (
        ["git", "rev-parse", "--short", "HEAD"],
        ["git", "status", "--porcelain", "--untracked-files=no", "--", "../skrelax"],
    ):
        try:
            done = subprocess.run(
                command, cwd=here, capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return "?"
        told.append(done.stdout.strip())
    return told[0] + ("+" if told[1] else "")
