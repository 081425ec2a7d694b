"""Pages made at build time: the API reference and the benchmark tables."""

import importlib
import json
import pkgutil
from pathlib import Path

import _comparison

import skrelax

# Sections of the gallery and their examples, from the first to read to the last.
GALLERY = {
    "decays": [
        "getting_started_t2", "penalties", "broad_and_narrow", "strength_rules",
        "uncertainty", "profile_likelihood", "grid_search_pipeline", "kernels",
    ],
    "planes": ["berea_t1_t2", "diffusion_t2", "exchange_t2_t2", "three_axes"],
    "signed": ["signed_spectrum", "pseudo_3d", "signed_schemes", "number_of_points"],
    "maps": [
        "t1_map", "t2star_map", "phantom", "which_model", "myelin_water",
        "rician_floor", "denoising",
    ],
    "dictionaries": [
        "dictionary_matching", "fingerprinting", "stimulated_echoes", "matching_cost",
    ],
    "batches": ["batches", "reaction"],
}  # fmt: skip
# Cells of a table must not break inside a number.
SPACE, HYPHEN = "\N{NO-BREAK SPACE}", "\N{NON-BREAKING HYPHEN}"


# Packages by what they are for.
PACKAGES = {
    "From signals to distributions": [
        "signals", "kernels", "inversion", "model_selection", "decomposition",
    ],
    "What a distribution says": ["metrics", "uncertainty"],
    "Parameters, voxel by voxel": ["nonlinear", "dictionary", "compose"],
    "Many samples": ["batch"],
    "Data, pictures and reports": ["io", "datasets", "plotting", "reporting"],
}  # fmt: skip


class GalleryOrder:
    """Sort the examples of a section as GALLERY does, and others behind them."""

    def __init__(self, src_dir):
        self.names = GALLERY.get(Path(src_dir).name, [])

    def __call__(self, filename):
        """Return the sort key of a file."""
        name = filename.removeprefix("plot_").removesuffix(".py")
        there = name in self.names
        return self.names.index(name) if there else len(self.names), filename


def _title(text, line="="):
    return f"{text}\n{line * len(text)}\n\n"


def public_packages():
    """Return the packages whose names are public, by their own name."""
    found = {}
    for info in pkgutil.iter_modules(skrelax.__path__):
        if info.ispkg and not info.name.startswith("_"):
            package = importlib.import_module(f"skrelax.{info.name}")
            if getattr(package, "__all__", []):
                found[info.name] = package
    return found


def write_api(folder):
    """Write api.rst, all public names by task, and a page for each package."""
    text = _title("API reference")
    text += (
        "The main classes can be imported from ``skrelax`` itself: "
        + ", ".join(f"``{name}``" for name in skrelax.__all__ if name[0] != "_")
        + ".\n\n"
    )
    text += ".. toctree::\n   :hidden:\n\n"
    text += "".join(
        f"   packages/{name}\n" for names in PACKAGES.values() for name in names
    )
    packages = public_packages()
    for task, names in PACKAGES.items():
        text += "\n" + _title(task, "-")
        for name in names:
            package = packages.pop(name)
            title = package.__name__
            text += f".. rubric:: :doc:`{title} <packages/{name}>`\n\n"
            text += _summary(package, "")
            page = _title(title) + package.__doc__.strip() + "\n\n"
            page += _summary(package, "   :toctree: ../api\n")
            _write(folder / "packages" / f"{name}.rst", page)
    if packages:
        raise ValueError(f"PACKAGES must have every public one, got no {[*packages]}.")
    _write(folder / "api.rst", text)


def _summary(package, options):
    """Return a table of the public names of a package."""
    text = f".. currentmodule:: {package.__name__}\n\n.. autosummary::\n{options}\n"
    return text + "".join(f"   {name}\n" for name in package.__all__) + "\n"


def write_changelog(source, folder):
    """Write changelog.rst from CHANGELOG.md, which has headings and lists only."""
    text = ""
    for line in source.read_text(encoding="utf-8").splitlines():
        marks, _, title = line.partition(" ")
        if marks in ("#", "##", "###"):
            text += _title(title, {1: "=", 2: "-", 3: "~"}[len(marks)])
        else:
            text += line + "\n"
    _write(folder / "changelog.rst", text)


def write_benchmarks(results, folder):
    """Write benchmarks.rst: one table per workload of each results file."""
    text = _title("Benchmarks")
    text += (
        "All numbers come from the files in ``benchmarks/results``, which the "
        "scripts in ``benchmarks`` write. Contestants of a table ran in turn in one "
        "process; times are medians, after one call to warm up. *Compilation* is "
        "what the first call took beyond that. *Ratio* is the time divided by that "
        "of the row in bold.\n\n"
    )
    for path in sorted(results.glob("*.json")):
        topic = json.loads(path.read_text(encoding="utf-8"))
        if not {"workloads", "recovery"} & set(topic):
            continue
        machine = topic["machine"]
        versions = ", ".join(
            f"{name} {number}" for name, number in machine["versions"].items()
        )
        text += f".. _bench-{path.stem}:\n\n" + _title(topic["title"], "-")
        text += (
            f"Measured on {topic['date']}: {machine['processor']}, "
            f"{machine['cores']} cores, {machine['system']}, Python "
            f"{machine['python']}, {versions}.\n\n"
        )
        for workload in topic.get("workloads", ()):
            text += _workload(workload)
        if "recovery" in topic:
            text += _recovery(topic)
    _write(folder / "benchmarks.rst", text)


def write_tables(results, folder):
    """Write <topic>_<table>.inc of each results file with tables, for the guide."""
    for path in sorted(results.glob("*.json")):
        topic = json.loads(path.read_text(encoding="utf-8"))
        for table in topic.get("tables", ()):
            text = table["description"] + "\n\n"
            text += ".. list-table::\n   :header-rows: 1\n   :align: left\n\n"
            for line in (table["columns"], *table["rows"]):
                # Names in code are copied from there.
                text += _row(
                    [
                        cell if "`" in cell else cell.replace("-", HYPHEN)
                        for cell in line
                    ]
                )
            _write(folder / f"{path.stem}_{table['name']}.inc", text)


def write_comparison(results, folder):
    """Write comparison.inc, the table against other tools."""
    _write(folder / "comparison.inc", _comparison.as_rst(results))


def _workload(workload):
    """Return heading, description and table of one workload."""
    rows = workload["rows"]
    columns = {"": _contestant, "Time": lambda row, _: _seconds(row["median_s"])}
    if any(row["compile_s"] is not None for row in rows):
        columns["Compilation"] = lambda row, _: _seconds(row["compile_s"])
    if workload["reference"] is not None:
        columns["Ratio"] = lambda row, _: _ratio(row["ratio"])
    if any(row["gap"] is not None for row in rows):
        columns["Gap"] = lambda row, _: (
            "" if row["gap"] is None else f"{row['gap']:.0e}".replace("-", HYPHEN)
        )
    if any(row["note"] for row in rows):
        columns["Remark"] = lambda row, _: row["note"]
    text = _title(workload["title"], "~") + workload["description"]
    if workload["gap_label"]:
        text += f" *Gap* is the {workload['gap_label']}."
    if workload.get("foreign_cores") is not None:
        text += f" Other programs used {workload['foreign_cores']} cores meanwhile."
    text += "\n\n.. list-table::\n   :header-rows: 1\n   :align: left\n\n"
    text += _row(columns)
    for row in rows:
        text += _row([cell(row, workload) for cell in columns.values()])
    return text + "\n"


def _recovery(topic):
    """Return a table for each family of distributions."""
    text = (
        f"Of {topic['seeds']} signals each (60 echoes from 1 ms to 3 s, amplitude 1), "
        "of fewer where a name says so, and of planes of 16 x 40 points: "
        "median (mean; largest) distance to the truth in decades, signals with the "
        "right number of peaks, and median (largest) error of the amplitude. Fits with "
        f"the default take {topic['times']['fit']:.1f} times as long as those with "
        f"constant smoothness, choices {topic['times']['choice']:.1f} times.\n\n"
    )
    rows = topic["recovery"]
    snrs = sorted({row["snr"] for row in rows})
    text += _best_recovered(rows, snrs)
    for family in dict.fromkeys(row["family"] for row in rows):
        found = {
            (row["contestant"], row["snr"]): row
            for row in rows
            if row["family"] == family
        }
        text += _title(family.capitalize(), "~")
        text += ".. list-table::\n   :header-rows: 1\n   :align: left\n\n"
        text += _row(["", *(f"SNR {snr}" for snr in snrs)])
        for name in dict.fromkeys(name for name, _ in found):
            cells = [_recovered(found[name, snr]) for snr in snrs]
            label = f"**{name}**" if "(default)" in name else name
            n_seeds = found[name, snrs[0]]["seeds"]
            if n_seeds < topic["seeds"]:
                label += f" ({n_seeds} signals)"
            text += _row([label, *cells])
        text += "\n"
    return text


def _best_recovered(rows, snrs):
    """Return a table of the default beside what is best in each cell."""
    text = _title("The default and the best of each cell", "~")
    text += ".. list-table::\n   :header-rows: 1\n   :align: left\n\n"
    text += _row(["", "SNR", "median", "best", "", "mean", "best", ""])
    for family in dict.fromkeys(row["family"] for row in rows):
        for snr in snrs:
            cell = [r for r in rows if (r["family"], r["snr"]) == (family, snr)]
            (default,) = [row for row in cell if "(default)" in row["contestant"]]
            cells = [family, f"{snr}"]
            rivals = [row for row in cell if row["seeds"] == default["seeds"]]
            for what in ("median", "mean"):
                best = min(rivals, key=lambda row: row[what])
                values = f"{default[what]:.3f}", f"{best[what]:.3f}"
                cells += [*values, best["contestant"]]
            text += _row(cells)
    return text + "\n"


def _recovered(row):
    """Return a cell of a table of recovery."""
    return (
        f"{row['median']:.3f} ({row['mean']:.3f}; {row['worst']:.2f}), "
        f"{row['exact']:.0f}{SPACE}%, "
        f"{row['amplitude']:.1f}{SPACE}% ({row['amplitude_worst']:.0f}{SPACE}%)"
    )


def _contestant(row, workload):
    name = row["contestant"]
    return f"**{name}**" if name == workload["reference"] else name


def _ratio(ratio):
    """Return a ratio with three digits, without an exponent."""
    return f"{ratio:.3g}" if ratio < 1000 else f"{float(f'{ratio:.3g}'):,.0f}"


def _seconds(seconds):
    """Return seconds with three digits and a unit."""
    if seconds is None:
        return ""
    if seconds >= 1.0:
        return f"{seconds:.3g}{SPACE}s"
    if seconds >= 1e-3:
        return f"{1e3 * seconds:.3g}{SPACE}ms"
    return f"{1e6 * seconds:.3g}{SPACE}µs"


def _row(cells):
    first, *rest = cells
    return f"   * - {first}\n" + "".join(f"     - {cell}\n" for cell in rest)


def _write(path, text):
    """Write text, if it is new: an old time stamp saves a rebuild."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
