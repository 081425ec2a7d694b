"""``skrelax map BIDS_ROOT OUT participant``: the maps of all subjects of a dataset."""

import argparse
import json
import re
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np

from .._version import __version__
from ..io import read_nifti, write_bids_maps
from ..io._bids import find_collections
from ..io._sidecar import KEYS, parse_name
from ..nonlinear import FitStatus
from ..signals import resolve_model
from ..signals._names import NAMED
from . import _distribution_map as distributions
from ._choices import PROFILE, interval_level
from ._images import quantity_of, skip_points
from ._known import as_number
from ._map import check_options, make_maps
from ._mp2rage import read_mp2rage
from ._picture import check_matplotlib
from ._safely import try_one

# What the images of a suffix vary in, the relaxation time that they tell, and the
# model where the suffix decides it.
_SUFFIXES = {
    "IRT1": ("TI", "T1", None),
    "VFA": ("FA", "T1", None),
    "MP2RAGE": ("TI", "T1", None),
    "MESE": ("TE", "T2", None),
    "MEGRE": ("TE", "T2*", "T2*"),
}
# Options for one series of images.
_ALONE = ("out", "series", "times", "labels", "report")
# Delays after a saturation are in the tags of other times.
_DELAYS = {"TS": ("TI", "TR")}
# Models of echoes between refocusing pulses, which gradient echoes have not.
_REFOCUSED = ("T2-EPG", distributions.NAME)
# Options that only some of the models have, by the suffixes whose models do.
_OPTIONS = {"T1": ("MESE",), "B1": ("MESE", "VFA", "MP2RAGE")}
# Entities of images that their maps keep.
_KEPT = ("sub", "ses", "task", "acq", "ce", "rec", "run")


def run_bids(arguments, source):
    """Make the maps of all subjects; one that fails is reported and stops no other."""
    if arguments.level is None:
        raise ValueError(
            f"two folders, {source} and {arguments.derivatives}, are those of a BIDS "
            "dataset, which needs the level: skrelax map BIDS_ROOT OUT participant."
        )
    for name in _ALONE:
        if getattr(arguments, name):
            raise ValueError(f"--{name} does not go with a BIDS dataset.")
    if arguments.mask not in ("auto", "none"):
        raise ValueError("--mask of a BIDS dataset must be auto or none, not a file.")
    check_options(arguments)
    if not arguments.no_plot:
        check_matplotlib()
    out = Path(arguments.derivatives)
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out}: is a file, expected a folder for the derivatives.")
    if out.exists() and out.resolve() == source.resolve():
        raise ValueError(f"{out}: derivatives would lie among the images.")
    found = find_collections(source, _SUFFIXES, arguments.participant_label)
    subjects = {f"sub-{files[0].entities['sub']}" for _, files in found}
    there = sorted(name for name in subjects if (out / name).exists())
    if there and not arguments.overwrite:
        raise ValueError(
            f"{out / there[0]} exists; give --overwrite to replace maps there."
        )
    found = _suited(arguments, found)
    _check_taken(arguments, {files[0].suffix for _, files in found})
    names = _name_apart([files for _, files in found], arguments.model)
    outcomes = [
        try_one(_fit, arguments, source, out, label, files, desc)
        for (label, files), desc in zip(found, names, strict=True)
    ]
    failed = [error for _, error in outcomes if error]
    # The error that ends a run without any map tells of the first.
    told = failed[:1] if len(failed) == len(found) else []
    for (label, _), (lines, error) in zip(found, outcomes, strict=True):
        for line in lines or ():
            print(line)
        if error and error not in told:
            warnings.warn(f"{label} failed: {error}", stacklevel=2)
    if len(failed) == len(found):
        raise ValueError(
            f"{source}: none of {len(found)} collections of images could be fitted; "
            f"the first: {failed[0]}"
        )
    print(
        f"{len(found) - len(failed)} of {len(found)} collections of images fitted, "
        f"maps in {out}"
    )


def _suited(arguments, found):
    """Return the collections that the model reads, and say which it does not."""
    kept = [
        (label, files) for label, files in found if _suits(arguments, files[0].suffix)
    ]
    left = [label for label, files in found if (label, files) not in kept]
    if not kept:
        raise ValueError(
            f"--model {arguments.model} does not go with any of {', '.join(left)}."
        )
    if left:
        warnings.warn(
            f"left out, as --model {arguments.model} does not go with them: "
            f"{', '.join(left)}",
            stacklevel=2,
        )
    return kept


def _check_taken(arguments, suffixes):
    """Raise ValueError for options that no collection of images takes."""
    for name, takers in _OPTIONS.items():
        value = getattr(arguments, name)
        if value is None:
            continue
        if as_number(value) is None:
            raise ValueError(
                f"--{name} of a BIDS dataset must be a number, got {value!r}: subjects "
                "have maps of their own."
            )
        if not suffixes & set(takers):
            raise ValueError(
                f"--{name} goes with {' and '.join(takers)} only, got "
                f"{', '.join(sorted(suffixes))}."
            )
    taken = [one for suffix in suffixes for one in _bounds_for(arguments, suffix)]
    for name, ends in arguments.bounds or ():
        if (name, ends) not in taken:
            raise ValueError(
                f"--bounds {name} does not go with {', '.join(sorted(suffixes))}."
            )


def _suits(arguments, suffix):
    """Return whether a model can be that of images of a suffix."""
    model = arguments.model
    if model == "auto":
        return True
    if suffix == "MP2RAGE":
        return False
    if suffix == "MEGRE" and model in _REFOCUSED:
        return arguments.echoes == "exponential"
    quantity = quantity_of(model)
    return quantity is None or _SUFFIXES[suffix][0] in (
        quantity,
        *_DELAYS.get(quantity, ()),
    )


def _name_apart(collections, model):
    """Return what tells the maps of each collection from those of others, or None.

    What cannot be told apart by its entities is numbered.
    """
    shared = [_place(files, model) for files in collections]
    names = []
    for k, (files, place) in enumerate(zip(collections, shared, strict=True)):
        if shared.count(place) == 1:
            names.append(None)
            continue
        # Entities that maps cannot have.
        words = [
            re.sub("[^0-9a-zA-Z]", "", f"{key}{label}")
            for key, label in parse_name(files[0].path).series[:-1]
            if key not in _KEPT
        ]
        name = files[0].suffix + "".join(word[0].upper() + word[1:] for word in words)
        taken = {
            one.lower()
            for one, at in zip(names, shared[:k], strict=True)
            if at == place
        }
        plain, number = name, 2
        while name.lower() in taken:
            name, number = f"{plain}{number}", number + 1
        names.append(name)
    return names


def _place(files, model):
    """Return the entities of the maps of a collection, and their relaxation time."""
    time = _SUFFIXES[files[0].suffix][1]
    if model == distributions.NAME:
        time = "T2"
    elif model in NAMED:
        time = resolve_model(model).parameters[0].name
    return tuple(_kept(files[0]).items()), time


def _kept(file):
    """Return the entities of an image that its maps keep."""
    return {key: file.entities[key] for key in _KEPT if key in file.entities}


def _fit(arguments, source, out, label, files, desc):
    """Fit one collection and write its maps; return lines to be printed."""
    suffix = files[0].suffix
    varying, _, model = _SUFFIXES[suffix]
    if suffix == "MP2RAGE":
        if arguments.skip:
            raise ValueError("--skip leaves too little of MP2RAGE: it has two times.")
        name = files[0].path.name.partition("_inv-")[0]
        uniform = next(files[0].path.parent.glob(f"{name}_UNIT1.nii*"), None)
        table, model = read_mp2rage(files, uniform)
    else:
        if arguments.component == "auto" and any(map(_is_magnitude, files)):
            files = [file for file in files if _is_magnitude(file)]
        table = read_nifti(
            [file.path for file in files],
            varying=varying,
            component=arguments.component,
        )
        table = skip_points(table, arguments.skip, label)
    paths = [file.path for file in files]
    changed = {"source": label, "bounds": _bounds_for(arguments, suffix)}
    changed["keeps_distributions"] = False
    changed |= {name: None for name in _OPTIONS if suffix not in _OPTIONS[name]}
    if arguments.model == "auto" and model is not None:
        changed["model"] = model
    own = argparse.Namespace(**vars(arguments) | changed)
    kept = _kept(files[0])
    with tempfile.TemporaryDirectory(prefix="skrelax-") as scratch:
        maps, lines, assumed, model_words = make_maps(own, table, Path(scratch))
        sources = [f"bids::{path.relative_to(source).as_posix()}" for path in paths]
        written = write_bids_maps(
            out,
            maps,
            table.spatial["affine"],
            entities=kept,
            desc=desc,
            sources=sources,
            metadata=_metadata(own, table, suffix, model_words),
            statuses={int(one): one.label for one in FitStatus},
        )
        _drop_stale({path.parent for path in written}, written, sources)
        # Beside what the specification knows, as reports of other apps are.
        figure = out / f"sub-{kept['sub']}" / "figures" / f"{label}_maps.png"
        figure.unlink(missing_ok=True)
        if not arguments.no_plot:
            figure.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(scratch) / "maps.png", figure)
    names = ", ".join(path.name.removesuffix(".nii.gz") for path in written)
    return [f"{label}:", *lines, *assumed, f"maps: {names}"]


def _bounds_for(arguments, suffix):
    """Return the bounds that are of parameters which models of a suffix have."""
    given = arguments.bounds or []
    if arguments.model != "auto":
        return given
    varying, time, _ = _SUFFIXES[suffix]
    names = {time, "B1"} if varying == "TE" and suffix != "MEGRE" else {time}
    # What belongs to no suffix is an error wherever it comes first.
    known = {"B1", *(one for _, one, _ in _SUFFIXES.values())}
    return [(name, ends) for name, ends in given if name in names or name not in known]


def _drop_stale(folders, written, sources):
    """Delete maps that an earlier run made of the same images under other names."""
    kept = {path.name for path in written}
    # Maps of B1, which the model of this run may not have.
    places = {folder.parent / name for folder in folders for name in ("anat", "fmap")}
    for sidecar in [path for place in places for path in place.glob("*.json")]:
        if f"{sidecar.stem}.nii.gz" in kept:
            continue
        try:
            content = json.loads(sidecar.read_text(encoding="utf-8"))
            algorithm, own = content["EstimationAlgorithm"], set(content["Sources"])
        except (OSError, ValueError, KeyError, TypeError):
            # Not written by this command.
            continue
        if str(algorithm).startswith("skrelax ") and own & set(sources):
            for ending in (".nii.gz", ".tsv", ".json"):
                sidecar.with_name(f"{sidecar.stem}{ending}").unlink(missing_ok=True)


def _is_magnitude(file):
    return file.entities.get("part", "mag") == "mag"


def _say_intervals(arguments):
    """Return what maps of lower and upper hold."""
    how = f"{arguments.intervals} refits with new noise"
    if arguments.intervals == PROFILE:
        how = "profile likelihood"
    percent = 100 * interval_level(arguments)
    return f"lower and upper are the ends of {percent:g} % intervals from {how}"


def _metadata(arguments, table, suffix, model_words):
    """Return what the sidecars of maps say besides."""
    found = {}
    for column, values in table.acquisition.items():
        key = KEYS[column][0]
        if column == "TR" and suffix == "VFA":
            key = "RepetitionTimeExcitation"
        values = np.asarray(values, dtype=np.float64)
        if np.isfinite(values).all():
            # What varies is told image by image.
            found[key] = values[0] if np.ptp(values) == 0 else values.tolist()
    if arguments.intervals is not None:
        found["Intervals"] = _say_intervals(arguments)
    command = arguments.command_line
    return found | {
        "EstimationAlgorithm": f"skrelax {__version__}, {model_words}",
        "CommandLine": command,
    }
