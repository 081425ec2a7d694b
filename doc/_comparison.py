"""The table against other tools, from measurements: of the front page and of README.md.

``python doc/_comparison.py`` renews the one in README.md.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
# What stands between these lines in README.md is written here.
MARKS = "<!-- measured: python doc/_comparison.py -->", "<!-- end of measured -->"
# Tool, what both do, results file, start of the workload's title, ours and theirs.
COMPARISONS = [
    (
        *("mrinversion", "LASSO with cross-validation, one decay", "lasso"),
        *("One signal, cross", "skrelax, 2 threads", "mrinversion LassoFistaCV"),
    ),
    (
        *("mrinversion", "smooth LASSO with cross-validation, a T1-T2 plane", "smooth"),
        *("Two axes, cross", "skrelax, 2 threads", "mrinversion"),
    ),
    (
        *("flintpy", "T1-T2 map on 100 x 100 bins, one strength", "planes"),
        *("FLINT on 100", "SmoothLasso, alpha 1e-03", "flintpy, alpha 1e-03"),
    ),
    (
        *("ILTpy", "signed distribution on two axes, 40 x 40 bins", "ilt"),
        *("Two inverted axes", "skrelax, 2 threads", "ILTpy"),
    ),
    (
        *("ILTpy", "relaxation along a spectrum of 8192 points", "ilt"),
        *("Spectrum of 8192", "skrelax, 2 threads", "ILTpy"),
    ),
    (
        *("torchsim", "T2 map by a dictionary, 256 x 256 voxels", "dictionary"),
        *("From a sequence", "skrelax, 2 threads", "torchsim"),
    ),
    (
        *("torchsim", "matching of fingerprints, 121 212 atoms", "dictionary"),
        *("Matching of fingerprints, complex", "skrelax, 2 threads"),
        "torchsim, 300 groups",
    ),
    (
        *("mrpro's recipe in torch (Adam)", "T1 map of 128 x 128 magnitudes", "maps"),
        *("T1 from", "skrelax, 2 threads", "torch Adam, 2000 iterations"),
    ),
    (
        *("SciPy's curve_fit", "T1 map of 128 x 128 magnitudes", "maps"),
        *("T1 from", "skrelax, 2 threads", "scipy curve_fit"),
    ),
    (
        *("SciPy's nnls", "T2 distributions with angles, 16 000 voxels", "volumes"),
        *("16000 voxels, angle searched", "chi2, 1 thread"),
        "chi2 on scipy.optimize.nnls",
    ),
    (
        *("scikit-learn's LassoCV", "1600 decays with cross-validation", "lasso"),
        *("1600 signals, cross-validation, full", "skrelax, 2 threads"),
        "scikit-learn LassoCV, default tol, one by one",
    ),
]
# Packages whose versions matter to the comparison.
PEERS = {
    "mrinversion", "flintpy-nmr", "ilt-py-lib", "torchsim", "torch", "scikit-learn",
    "scipy",
}  # fmt: skip
UNITS = (1.0, "s"), (1e-3, "ms"), (1e-6, "µs")


def read_topic(results, stem):
    """Return the results of a topic as its benchmark wrote them."""
    return json.loads((results / f"{stem}.json").read_text(encoding="utf-8"))


def compare(results=RESULTS):
    """Return a dict for each comparison: tool, task, topic, times [s] and their ratio.

    ValueError where the results do not have it, so that no row outlives its benchmark.
    """
    rows = []
    for tool, task, topic, title, ours, theirs in COMPARISONS:
        workloads = read_topic(results, topic).get("workloads", ())
        found = [item for item in workloads if item["title"].startswith(title)]
        entries = {row["contestant"]: row for item in found for row in item["rows"]}
        if len(found) != 1 or not {ours, theirs} <= set(entries):
            raise ValueError(
                f"{topic}.json must have one workload {title!r} with {ours!r} and "
                f"{theirs!r}, got {len(found)} with {sorted(entries)}."
            )
        times = [entries[name]["median_s"] for name in (ours, theirs)]
        rows.append(
            {
                "tool": tool,
                "task": task,
                "topic": topic,
                "ours": times[0],
                "theirs": times[1],
                "scaled": "scaled" in entries[theirs]["note"],
                "ratio": times[1] / times[0],
            }
        )
    return rows


def describe_machines(results=RESULTS):
    """Return sentences of where and when what was measured."""
    topics = [read_topic(results, stem) for stem in sorted({c[2] for c in COMPARISONS})]
    machines = {
        f"{m['processor']}, {m['cores']} cores, {m['system']}, Python {m['python']}"
        for m in (topic["machine"] for topic in topics)
    }
    dates = sorted(topic["date"] for topic in topics)
    when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    versions = {
        f"{name} {topic['machine']['versions'][name]}"
        for topic in topics
        for name in PEERS & set(topic["machine"]["versions"])
    }
    return (
        f"Measured {when} on {'; '.join(sorted(machines))}, with "
        f"{', '.join(sorted(versions))}. Where only a part was timed, its time is "
        "scaled up."
    )


def two_digits(value):
    """Return a number with two digits, without an exponent."""
    return f"{float(f'{value:.2g}'):,.15g}".replace(",", " ")


def with_unit(seconds):
    """Return a time with two digits and its unit."""
    factor, unit = next((u for u in UNITS if seconds >= u[0]), UNITS[-1])
    return f"{two_digits(seconds / factor)} {unit}"


def cells(row):
    """Return what the columns of a row hold."""
    return (
        row["tool"],
        row["task"],
        with_unit(row["theirs"]) + (" (scaled up)" if row["scaled"] else ""),
        with_unit(row["ours"]),
        two_digits(row["ratio"]),
    )


COLUMNS = "tool", "task", "its time", "skrelax", "times as fast"


def as_markdown(results=RESULTS):
    """Return the table of README.md."""
    rows = [COLUMNS, ("---", "---", "---:", "---:", "---:")]
    rows += [cells(row) for row in compare(results)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", describe_machines(results)])


def as_rst(results=RESULTS):
    """Return the table of the front page, with links to the benchmarks."""
    lines = [
        ".. list-table::", "   :header-rows: 1", "   :align: left",
        "   :class: measured", "",
    ]  # fmt: skip
    rows = [COLUMNS]
    for row in compare(results):
        tool, task, *times = cells(row)
        rows.append((tool, f":ref:`{task} <bench-{row['topic']}>`", *times))
    for first, *rest in rows:
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in rest)]
    return "\n".join([*lines, "", describe_machines(results), ""])


def renew(text, results=RESULTS):
    """Return README.md's text with the table as it is now."""
    start, end = map(re.escape, MARKS)
    pattern = re.compile(f"({start}\n).*?({end})", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"README.md must have the lines {MARKS} once.")
    table = as_markdown(results)
    return pattern.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(renew(readme.read_text(encoding="utf-8")), encoding="utf-8")
