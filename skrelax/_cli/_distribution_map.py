"""``python -m skrelax map --model T2-distribution``: a distribution in every voxel."""

import functools
import json
import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from ..compose import VoxelMapper
from ..inversion import (
    KernelParameterSearch,
    LassoFista,
    RicianInversion,
    SmoothLasso,
)
from ..io import write_maps
from ..io._nifti import map_file_name
from ..kernels import KernelBuilder
from ..metrics import fraction_between, log_mean
from ..model_selection import StrengthSearch
from ..nonlinear import FitStatus
from ..nonlinear._status import status_words
from ..plotting import ParameterMapDisplay
from ..plotting._base import styled
from ..signals import EPGEchoTrain
from ..signals._suggest import echo_timing
from ..uncertainty import statistic_intervals
from ._choices import ECHOES, interval_level
from ._choices import VOXEL_RULES as RULES
from ._known import use_known
from ._output import write_csv

NAME = "T2-distribution"
# Options of this model, and what they are where they are not given.
DEFAULTS = {
    "rule": RULES[0],
    "short": 0.04,
    "bins": 40,
    "minimum": 0.01,
    "maximum": 2.0,
    "echoes": ECHOES[0],
}
MAPS = ("short_fraction", "gmT2", "M0", "flip_angle", "strength", "noise_std")
_UNITS = {"gmT2": "s", "flip_angle": "degrees"}
# Refits of --intervals where no number follows.
N_REFITS = 40
# What --intervals adds, by names of statistics, and their names here.
_STATISTICS = {"short_fraction": "short_fraction", "log_mean": "gmT2"}
_ENDS = ("stderr", "lower", "upper")
# Shares of the first bin and the last.
_ENDS_OF_GRID = "first_share", "last_share"
_INTERVALS = tuple(f"{name} {end}" for name in _STATISTICS.values() for end in _ENDS)
FILES = (
    *(
        f"{map_file_name(name)}.nii.gz"
        for name in (*MAPS, *_INTERVALS, "status", "distribution")
    ),
    "distribution.json",
    "distribution.csv",
    "summary.csv",
)
# Refocusing angles that are searched [degrees]; above 180 echoes are the same again.
_LOWEST, _HIGHEST = 50.0, 180.0
# Echoes that distributions must have, and those below which they are warned of. One
# decay takes two, and the angle of the pulses one more.
_FEWEST_ECHOES, _FEW_ECHOES = 4, 8
# The first echo sees nothing of a T2 that is shorter by this factor.
_UNSEEN = 20.0
# Voxels whose distributions are summed up at a time.
_AT_A_TIME = 65_536


class Plan(NamedTuple):
    """What is done in every voxel."""

    estimator: object
    """The inversion."""
    grid: np.ndarray
    """Bins of T2 [s], (n_bins,)."""
    short: float
    """T2 below which water counts as short [s]."""
    angles: np.ndarray | None
    """Refocusing angles [degrees] where they are known, (n_voxels,), or None."""
    known: dict
    """Values of maps that were given, (n_voxels,) by name."""
    is_magnitude: bool
    """Whether signals are those of magnitude images."""
    jobs: int | None
    """Processes over voxels, of an inversion without threads of its own."""
    words: str
    """What is assumed."""


def plan_distributions(arguments, table, inside):
    """Return the Plan of a command, or raise an error that names the option.

    `inside` (n_voxels,) are the voxels that count.
    """
    if table.slices is not None:
        raise ValueError(
            f"{arguments.source}: {NAME} needs the same times in all slices."
        )
    if "TE" not in table.acquisition.columns:
        raise ValueError(
            f"{arguments.source}: {NAME} needs TE of each image, the files give "
            f"{list(table.acquisition.columns)}."
        )
    signals = table.signals.to_numpy()
    if np.iscomplexobj(signals):
        raise ValueError(
            f"{arguments.source}: {NAME} needs magnitudes or real images, got complex "
            "ones."
        )
    option = {name: _given(arguments, name) for name in DEFAULTS}
    needed = option["rule"] == "discrepancy" or arguments.noise == "rician"
    if arguments.noise_std is not None and not needed:
        raise ValueError(
            f"--noise-std goes with --noise rician or --rule discrepancy for {NAME}, "
            f"got --rule {option['rule']}."
        )
    lowest = _lowest(signals, inside)
    is_magnitude = lowest >= 0.0
    if arguments.noise == "rician" and not is_magnitude:
        raise ValueError(
            f"{arguments.source}: --noise rician is that of magnitudes, which are not "
            f"negative, got {lowest:g} inside the mask."
        )
    times = table.acquisition["TE"].to_numpy()
    n_times = np.unique(times).size
    if n_times < _FEWEST_ECHOES:
        raise ValueError(
            f"{arguments.source}: {NAME} needs {_FEWEST_ECHOES} different echo times "
            f"or more, got {np.unique(times).round(6).tolist()} s; --model auto fits "
            "one T2."
        )
    if n_times < _FEW_ECHOES:
        warnings.warn(
            f"{n_times} echo times tell little of a distribution: its shape follows "
            "from the penalty",
            stacklevel=2,
        )
    grid = _grid(option, times)
    inversion = _inversion(option["rule"], arguments)
    words = (
        f"T2 from {grid[0]:g} to {grid[-1]:g} s in {grid.size} bins, short below "
        f"{option['short']:g} s; "
    )
    words += (
        "no penalty"
        if option["rule"] == "none"
        else f"strength of each voxel by {option['rule']}"
    )
    if option["echoes"] == "exponential":
        for name in ("T1", "B1"):
            if getattr(arguments, name) is not None:
                raise ValueError(
                    f"--{name} does not go with --echoes exponential: decays without "
                    "stimulated echoes do not depend on it."
                )
        words += "; exponential decays, without stimulated echoes"
        pipeline = make_pipeline(KernelBuilder("T2", grid=grid), inversion)
        estimator = _with_noise(arguments, pipeline)
        jobs = arguments.jobs
        return Plan(
            estimator, grid, option["short"], None, {}, is_magnitude, jobs, words
        )
    train = EPGEchoTrain()
    known = use_known(arguments, train, table)
    if "T1" in known:
        raise ValueError(
            f"--T1 must be a number for {NAME}, got the file {arguments.T1}: one table "
            "of kernels serves all voxels."
        )
    angles = None
    if arguments.B1 is not None:
        # 180 - x, 180 + x, and whole turns more give the same echoes.
        angles = _HIGHEST * np.full(len(signals), known.get("B1", train.B1))
        angles = _HIGHEST - np.abs(_HIGHEST - angles % (2.0 * _HIGHEST))
    try:
        spacing, first = echo_timing(times)
    except ValueError as error:
        raise ValueError(
            f"{arguments.source}: {error}; --echoes exponential fits decays without "
            "stimulated echoes."
        ) from error
    train.set_params(
        B1=1.0,
        echo_spacing=spacing,
        first_echo=first,
        excitation="half",
        magnitude=is_magnitude,
    )
    least = _LOWEST if angles is None else np.nanmin(angles, initial=_LOWEST)
    search = KernelParameterSearch(
        make_pipeline(KernelBuilder(train, grid=grid), inversion),
        values=np.linspace(least, _HIGHEST, 32),
        n_jobs=arguments.jobs,
    )
    words += f"; T1 of {train.T1:g} s in all voxels; "
    words += (
        "refocusing angle of each voxel from its echoes"
        if angles is None
        else f"refocusing angles of 180 degrees times B1 of {arguments.B1}"
    )
    estimator = _with_noise(arguments, search)
    return Plan(
        estimator, grid, option["short"], angles, known, is_magnitude, None, words
    )


def write_distributions(folder, arguments, table, mask, plan):
    """Invert the voxels of a mask, write tables; return lines to print and maps."""
    # Derivatives of a dataset have no name for it, and it is the largest file by far.
    keeps = getattr(arguments, "keeps_distributions", True)
    kinds = ("statistics", "settings", "noise", "status")
    mapper = VoxelMapper(
        plan.estimator,
        table.acquisition[["TE"]],
        include=("distribution", *kinds) if keeps else kinds,
        statistics=_statistics(plan),
        n_jobs=plan.jobs,
        verbose=1,
    )
    values = mapper.fit(table.by_sample()).transform(
        table.by_sample(), mask=mask, known=plan.angles
    )
    names = list(mapper.get_feature_names_out())
    columns = dict(zip(names, values.T, strict=True))
    status = columns["status"].astype(int)
    good = status <= FitStatus.AT_BOUND
    found = {name: columns[name] for name in MAPS if name in columns}
    if arguments.intervals is not None:
        found |= _intervals(arguments, table, mask, plan)
    order = [name for name in (*MAPS, *_INTERVALS) if name in found]
    maps = {name: table.to_image(found[name]) for name in order}
    maps["status"] = table.to_image(status, fill=FitStatus.MASKED).astype(int)
    if keeps:
        _write_distributions(folder, table, values[:, : plan.grid.size], good, plan)
    write_csv(folder / "acquisition.csv", table.acquisition.items())
    summary = _summary({name: values[good] for name, values in found.items()})
    write_csv(folder / "summary.csv", summary.items())
    if not arguments.no_plot:
        _draw(folder / "maps.png", maps, table.spatial["affine"])
    ends = [np.count_nonzero(columns[name][good] > 0.5) for name in _ENDS_OF_GRID]
    lines = [_report(mask, status, summary), *_edges(ends, plan.grid)]
    if arguments.intervals is not None:
        lines.append(
            f"{100 * interval_level(arguments):g} % intervals by {arguments.intervals} "
            "refits with new noise: maps with stderr, lower and upper"
        )
    return "\n".join(lines), maps


def _statistics(plan):
    """Return what is told of each distribution, {name: function}."""
    low, high = _ENDS_OF_GRID
    return {
        "short_fraction": functools.partial(fraction_between, upper=plan.short),
        "gmT2": log_mean,
        "M0": _amplitude,
        low: functools.partial(_share_of_bin, place=0),
        high: functools.partial(_share_of_bin, place=-1),
    }


def _amplitude(rows, grid):
    return rows.sum(axis=1)


def _share_of_bin(rows, grid, place):
    total = rows.sum(axis=1)
    return np.divide(rows[:, place], total, out=np.zeros(len(rows)), where=total > 0.0)


def _write_distributions(folder, table, rows, good, plan):
    """Write the distributions (n_voxels, n_bins), and the mean of the good ones."""
    image = {"distribution": table.to_image(rows.astype(np.float32))}
    write_maps(folder, image, table.spatial["affine"])
    axis = {"T2": plan.grid.tolist(), "unit": "s", "axis": 3}
    (folder / "distribution.json").write_text(json.dumps(axis), encoding="utf-8")
    columns = [("T2", plan.grid)]
    if good.any():
        columns += zip(
            ("mean", "standard_deviation"), _moments(rows, good), strict=True
        )
    write_csv(folder / "distribution.csv", columns)


def _given(arguments, name):
    value = getattr(arguments, name)
    return DEFAULTS[name] if value is None else value


def _lowest(signals, inside):
    """Return the lowest number of finite signals inside a mask, at most 0."""
    lows, tops = np.fmin.reduce(signals, axis=1), np.fmax.reduce(signals, axis=1)
    return float(lows[inside & np.isfinite(lows) & np.isfinite(tops)].min(initial=0.0))


def _grid(option, times):
    """Return the bins of T2, or raise an error where echoes see none of them."""
    low, high, short = option["minimum"], option["maximum"], option["short"]
    if not low < high:
        raise ValueError(
            f"--minimum must be below --maximum, got {low:g} and {high:g} s."
        )
    if not low < short <= high:
        raise ValueError(
            f"--short must be above --minimum and at most --maximum, got {short:g} s "
            f"and a grid from {low:g} to {high:g} s."
        )
    if times.min() > _UNSEEN * low:
        raise ValueError(
            f"--minimum {low:g} s: the first echo, at {times.min():g} s, sees nothing "
            f"of a T2 below {times.min() / _UNSEEN:.2g} s."
        )
    return np.geomspace(low, high, option["bins"])


def _inversion(rule, arguments):
    """Return the inversion of one kernel."""
    if rule == "none":
        return LassoFista(alpha=0.0)
    return StrengthSearch(
        SmoothLasso(alpha=0.0, order=0),
        rule=rule,
        noise_std=arguments.noise_std if rule == "discrepancy" else None,
        degrees_of_freedom="linear",
        per_signal=True,
    )


def _with_noise(arguments, estimator):
    """Return an estimator for the noise that the images have."""
    if arguments.noise == "rician":
        return RicianInversion(estimator, noise_std=arguments.noise_std)
    return estimator


def _intervals(arguments, table, mask, plan):
    """Return standard errors and ends of intervals, (n_voxels,) by name."""
    rows = np.flatnonzero(mask)
    signals = table.signals.to_numpy()[rows]
    frame = statistic_intervals(
        plan.estimator,
        table.acquisition[["TE"]],
        signals.T,
        statistics=tuple(_STATISTICS),
        short=plan.short,
        level=interval_level(arguments),
        n_refits=arguments.intervals,
        noise="rician" if plan.is_magnitude else "gaussian",
        known=None if plan.angles is None else plan.angles[rows],
        signal_numbers=rows,
        random_state=0,
        n_jobs=plan.jobs,
    )
    found = {}
    for name, shown in _STATISTICS.items():
        for end in _ENDS:
            values = np.full(mask.size, np.nan)
            values[rows] = frame[f"{name} {end}"]
            found[f"{shown} {end}"] = values
    return found


def _summary(found):
    """Return quartiles of maps as a table."""
    quartiles = {
        name: np.nanquantile(values, [0.25, 0.5, 0.75])
        if np.isfinite(values).any()
        else np.full(3, np.nan)
        for name, values in found.items()
    }
    low, middle, high = np.transpose(list(quartiles.values()))
    return pd.DataFrame(
        {
            "map": list(quartiles),
            "unit": [_UNITS.get(name.split()[0], "") for name in quartiles],
            "median": middle,
            "quartile_1": low,
            "quartile_3": high,
        }
    )


@styled
def _draw(path, maps, affine):
    """Draw the maps."""
    from matplotlib.figure import Figure

    images = {name.replace("_", " "): maps[name] for name in MAPS if name in maps}
    units = {name.replace("_", " "): unit for name, unit in _UNITS.items()}
    limits = {}
    if "strength" in images:
        # It spans decades.
        images["log10 strength"] = np.log10(images.pop("strength"))
    finite = images["gmT2"][np.isfinite(images["gmT2"])]
    if finite.size:
        # Fluid would take all colours from tissue.
        limits["gmT2"] = 0.0, min(2.0 * float(np.median(finite)), float(finite.max()))
    figure = Figure(figsize=(9.3, 6.0), layout="constrained")
    axes = figure.subplots(2, 3)
    ParameterMapDisplay(images, units=units, limits=limits, affine=affine).plot(axes)
    figure.savefig(path, dpi=150)


def _moments(rows, good):
    """Return mean and standard deviation (n_bins,) of the good distributions.

    Some at a time: distributions of a volume are too large for copies.
    """
    place = rows[good.argmax()]
    sums = np.zeros((2, rows.shape[1]))
    for start in range(0, len(rows), _AT_A_TIME):
        part = slice(start, start + _AT_A_TIME)
        F = rows[part][good[part]]
        sums[0] += F.sum(axis=0)
        sums[1] += ((F - place) ** 2).sum(axis=0)
    mean, squares = sums / good.sum()
    return mean, np.sqrt((squares - (mean - place) ** 2).clip(min=0.0))


def _edges(counts, grid):
    """Return lines on voxels whose T2 lies at an end of the grid, or beyond it."""
    lines = []
    for count, place, option in zip(
        counts, (0, -1), ("--minimum", "--maximum"), strict=True
    ):
        if count > 0:
            lines.append(
                f"{count} voxels have more than half of their amplitude at the end of "
                f"the grid, {grid[place]:g} s, or beyond it: {option} moves it"
            )
    return lines


def _report(mask, status, summary):
    """Return what is printed."""
    width = max(16, summary["map"].str.len().max())
    lines = [
        f"{int(mask.sum())} voxels inside the mask of {mask.size}",
        f"distributions: {status_words(status[mask])}",
        f"{'map':>{width}} {'median':>12} {'quartiles':>25}",
    ]
    for row in summary.itertuples():
        lines.append(
            f"{row.map:>{width}} {row.median:>12.4g} {row.quartile_1:>12.4g} "
            f"{row.quartile_3:>12.4g} {row.unit}".rstrip()
        )
    return "\n".join(lines)
