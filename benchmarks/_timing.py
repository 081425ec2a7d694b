"""What all benchmarks share: interleaved timing, results as JSON, a printed table."""

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from _history import append_run

RESULTS = Path(__file__).parent / "results"

# A sample shorter than this is repeated within one timing, above timer noise.
_SHORTEST_SAMPLE = 0.02
# A first call that is slower by less than this has not compiled, nor loaded code.
_SHORTEST_COMPILATION = 0.1


@dataclass
class Timing:
    """Seconds of one contestant."""

    samples: list = field(default_factory=list)
    """Seconds per call, one per round."""
    first: float = float("nan")
    """Seconds of the first call, which may compile; nan where unknown."""

    @property
    def median(self):
        """Return the median of the rounds [s]."""
        return statistics.median(self.samples)

    @property
    def compile(self):
        """Return what a first call took beyond the slowest round, or None [s]."""
        beyond = self.first - max(self.samples)
        return beyond if beyond > _SHORTEST_COMPILATION else None


def interleave(calls, repeats=7, once=(), clock=time.perf_counter):
    """Time functions in turn, so that a busy moment hits all of them alike.

    Parameters
    ----------
    calls : dict of str to callable
        Contestants. Each is called once to warm up before any timing.
    repeats : int, default=7
        Number of rounds.
    once : collection of str, default=()
        Contestants that are timed by a single call without warm-up, because
        it takes minutes. Their code must have been compiled before.
    clock : callable, default=time.perf_counter
        What seconds are of: :func:`time.process_time` for contestants of one thread
        whose ratios must not hang on what else the machine does.

    Returns
    -------
    dict of str to Timing
        One timing per contestant.
    """
    timings = {name: Timing() for name in calls}
    numbers = {}
    for name, call in calls.items():
        timings[name].first = _seconds(call, clock)
        if name in once:
            timings[name].samples.append(timings[name].first)
        else:
            numbers[name] = max(1, round(_SHORTEST_SAMPLE / _seconds(call, clock)))
    for _ in range(repeats):
        for name, number in numbers.items():
            timings[name].samples.append(_seconds(calls[name], clock, number))
    return timings


def _seconds(call, clock, number=1):
    """Return seconds per call."""
    start = clock()
    for _ in range(number):
        call()
    return (clock() - start) / number


def make_row(contestant, timing, *, gap=None, note="", scale=1.0):
    """Return one row of a workload.

    Parameters
    ----------
    contestant : str
        Tool and setting.
    timing : Timing
        Its seconds.
    gap : float or None, default=None
        Relative duality gap that it reached.
    note : str, default=""
        What a reader must know to compare.
    scale : float, default=1.0
        Factor on the seconds where only a part of the work was timed; say so
        in `note`.

    Returns
    -------
    dict
        The row, ready for JSON.
    """
    return {
        "contestant": contestant,
        "median_s": timing.median * scale,
        "fastest_s": min(timing.samples) * scale,
        "compile_s": timing.compile,
        "rounds": len(timing.samples),
        "gap": None if gap is None else float(gap),
        "note": note,
    }


def make_workload(title, description, rows, reference=None, gap_label=None):
    """Return a workload: its rows, with their ratio to the row `reference`."""
    if reference is not None:
        (base,) = [row for row in rows if row["contestant"] == reference]
        for row in rows:
            row["ratio"] = row["median_s"] / base["median_s"]
    return {
        "title": title,
        "description": description,
        "reference": reference,
        "gap_label": gap_label,
        "rows": rows,
    }


def watch(bench, *args, **kwargs):
    """Return the workload that bench makes, with the cores that others used meanwhile.

    Parameters
    ----------
    bench : callable
        Function that returns a workload.
    *args, **kwargs : object
        Its arguments.

    Returns
    -------
    dict
        The workload with ``"foreign_cores"``: the mean number of cores that other
        programs kept busy, or None where the system does not tell.
    """
    before, start = _busy_seconds(), time.perf_counter()
    workload = bench(*args, **kwargs)
    after, elapsed = _busy_seconds(), time.perf_counter() - start
    foreign = None
    if before is not None:
        foreign = max(0.0, round((after - before) / elapsed, 2))
    workload["foreign_cores"] = foreign
    return workload


def _busy_seconds():
    """Return CPU seconds of all programs but this one and its children, or None."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    except OSError:
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, fields)
    busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return busy - sum(os.times()[:4])


def time_process(code, *, repeats=5, environment=None):
    """Return the Timing of code that prints its seconds in a fresh interpreter.

    Parameters
    ----------
    code : str
        Python source that prints one number.
    repeats : int, default=5
        Number of interpreters.
    environment : dict or None, default=None
        Variables set on top of those of this process.

    Returns
    -------
    Timing
        The printed seconds; nothing is known about compilation.
    """
    samples = []
    for _ in range(repeats):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            check=True,
        )
        samples.append(float(done.stdout))
    return Timing(samples)


def describe_machine(packages):
    """Return the processor, the number of cores, and versions of packages."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }


def _processor():
    """Return the model name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"


def write_tables(topic, title, tables, packages):
    """Write results/<topic>.json with tables that pages of the guide quote; print them.

    Parameters
    ----------
    topic : str
        Name of the file.
    title : str
        What it is about.
    tables : list of dict
        Each with ``"name"``, ``"description"``, ``"columns"`` (words) and ``"rows"``
        (lists of words). The documentation makes
        ``generated/tables/<topic>_<name>.inc`` of each. Tables of the file that were
        not made now stay, if machine and versions are the same.
    packages : sequence of str
        Packages whose versions are noted.
    """
    results = {
        "title": title,
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe_machine(packages),
        "tables": tables,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{topic}.json"
    if path.exists():
        old = json.loads(path.read_text(encoding="utf-8"))
        if old["machine"] == results["machine"]:
            kept = {table["name"]: table for table in old["tables"]}
            results["tables"] = list(
                (kept | {table["name"]: table for table in tables}).values()
            )
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for table in tables:
        print(f"\n{table['name']}\n{table['description']}")
        lines = [table["columns"], *table["rows"]]
        widths = [max(map(len, column)) + 2 for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (
                cell.ljust(width) for cell, width in zip(line, widths, strict=True)
            )
            print("".join(cells).rstrip())
    print(f"\nwritten: {path.name}")


def write_results(topic, title, workloads, packages):
    """Write results/<topic>.json, which the documentation reads, and print it.

    Workloads that are in the file and were not run now stay, if machine and
    versions are the same. The run is appended to results/history/<topic>.jsonl; with
    SKRELAX_BENCHMARKS=history that is all, as a part of a benchmark makes no table.
    """
    results = {
        "title": title,
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe_machine(packages),
        "workloads": workloads,
    }
    append_run(topic, results["date"], results["machine"], workloads)
    if os.environ.get("SKRELAX_BENCHMARKS") == "history":
        for workload in workloads:
            print_workload(workload)
        return
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{topic}.json"
    if path.exists():
        old = json.loads(path.read_text(encoding="utf-8"))
        if old["machine"] == results["machine"]:
            new = {workload["title"]: workload for workload in workloads}
            kept = {workload["title"]: workload for workload in old["workloads"]}
            results["workloads"] = list((kept | new).values())
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for workload in workloads:
        print_workload(workload)
    print(f"\nwritten: {path.name}")


def print_workload(workload):
    """Print the table of one workload."""
    print(f"\n{workload['title']}\n{workload['description']}")
    if workload.get("foreign_cores") is not None:
        print(f"Other programs used {workload['foreign_cores']} cores.")
    print(f"{'':<52}{'median':>10}{'compile':>10}{'ratio':>8}{'gap':>10}")
    for row in workload["rows"]:
        ratio = f"{row['ratio']:.3g}" if "ratio" in row else ""
        gap = "" if row["gap"] is None else f"{row['gap']:.0e}"
        compiled = row["compile_s"]
        first = "" if compiled is None else format_seconds(compiled)
        print(
            f"{row['contestant']:<52}{format_seconds(row['median_s']):>10}"
            f"{first:>10}{ratio:>8}{gap:>10}"
        )


def format_seconds(seconds):
    """Return seconds with three digits and a unit."""
    if seconds >= 1.0:
        return f"{seconds:.3g} s"
    if seconds >= 1e-3:
        return f"{1e3 * seconds:.3g} ms"
    return f"{1e6 * seconds:.3g} µs"
