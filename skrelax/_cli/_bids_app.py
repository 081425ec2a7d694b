"""``skrelax map BIDS_ROOT OUT participant``: the maps of all subjects of a dataset."""

import argparse
import shutil
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._version import __version__
from ..io import read_nifti, write_bids_maps
from ..io._bids import find_collections
from ..nonlinear import FitStatus
from ._choices import printable
from ._images import skip_points
from ._map import check_options, make_maps
from ._mp2rage import read_mp2rage
from ._picture import check_matplotlib

# What the images of a suffix vary in, the relaxation time that they tell, and the
# model where the suffix decides it.
_SUFFIXES = {
    "IRT1": ("TI", "T1", None),
    "VFA": ("FA", "T1", None),
    "MP2RAGE": ("TI", "T1", None),
    "MESE": ("TE", "T2", None),
    "MEGRE": ("TE", "T2*", "T2*"),
}
# Entities that tell measurements apart, and that maps do not have.
_TOLD = ("dir", "mod", "proc", "chunk", "sample")
# Options for one series of images.
_ALONE = ("out", "series", "times", "labels", "report")
_KEYS = {
    "TI": "InversionTime", "TE": "EchoTime", "TR": "RepetitionTime",
    "FA": "FlipAngle",
}  # fmt: skip
# Entities of images that their maps keep.
_KEPT = ("sub", "ses", "task", "acq", "ce", "rec", "run")


class _Outcome(NamedTuple):
    """What became of one collection of images."""

    lines: list
    error: str


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
    names = _name_apart([files for _, files in found])
    outcomes = [
        _try(arguments, source, out, label, files, desc)
        for (label, files), desc in zip(found, names, strict=True)
    ]
    failed = [one for one in outcomes if one.error]
    # The error that ends a run without any map tells of the first.
    told = failed[:1] if len(failed) == len(found) else []
    for (label, _), one in zip(found, outcomes, strict=True):
        for line in one.lines:
            print(line)
        if one.error and one not in told:
            warnings.warn(f"{label} failed: {one.error}", stacklevel=2)
    if len(failed) == len(found):
        raise ValueError(
            f"{source}: none of {len(found)} collections of images could be fitted; "
            f"the first: {failed[0].error}"
        )
    print(
        f"{len(found) - len(failed)} of {len(found)} collections of images fitted, "
        f"maps in {out}"
    )


def _name_apart(collections):
    """Return what tells the maps of each collection from those of others, or None."""
    shared = [
        (tuple(_kept(files[0]).items()), _SUFFIXES[files[0].suffix][1])
        for files in collections
    ]
    names = []
    for files, place in zip(collections, shared, strict=True):
        if shared.count(place) == 1:
            names.append(None)
            continue
        # Entities that maps cannot have.
        others = {k: v for k, v in files[0].entities.items() if k in _TOLD}
        words = [f"{key}{value}" for key, value in others.items()]
        names.append(files[0].suffix + "".join(word.capitalize() for word in words))
    return names


def _kept(file):
    """Return the entities of an image that its maps keep."""
    return {key: file.entities[key] for key in _KEPT if key in file.entities}


def _try(arguments, source, out, label, files, desc):
    """Return the _Outcome of one collection, whatever becomes of it."""
    try:
        return _Outcome(_fit(arguments, source, out, label, files, desc), "")
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as stop:
        return _Outcome([], printable(stop) or type(stop).__name__)
    except Exception as stop:
        # A fault of the suite must not cost the other subjects.
        place = traceback.extract_tb(stop.__traceback__)[-1]
        return _Outcome(
            [],
            f"a fault of skrelax, please report it: {type(stop).__name__}: "
            f"{printable(stop)} ({Path(place.filename).name}:{place.lineno})",
        )


def _fit(arguments, source, out, label, files, desc):
    """Fit one collection and write its maps; return lines to be printed."""
    suffix = files[0].suffix
    varying, _, model = _SUFFIXES[suffix]
    if suffix == "MP2RAGE":
        if arguments.model != "auto":
            raise ValueError(f"--model {arguments.model} is none of MP2RAGE images.")
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
    changed = {"source": label}
    if arguments.model == "auto" and model is not None:
        changed["model"] = model
    own = argparse.Namespace(**vars(arguments) | changed)
    kept = _kept(files[0])
    with tempfile.TemporaryDirectory(prefix="skrelax-") as scratch:
        maps, lines, assumed = make_maps(own, table, Path(scratch))
        stem = "_".join(f"{key}-{value}" for key, value in kept.items())
        written = write_bids_maps(
            out,
            maps,
            table.spatial["affine"],
            entities=kept,
            desc=desc,
            sources=[f"bids::{path.relative_to(source).as_posix()}" for path in paths],
            metadata=_metadata(own, table, suffix),
            statuses={int(one): one.label for one in FitStatus},
        )
        if not arguments.no_plot:
            # Beside what the specification knows, as reports of other apps are.
            figures = out / f"sub-{kept['sub']}" / "figures"
            figures.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(
                Path(scratch) / "maps.png", figures / f"{stem}_{suffix}_maps.png"
            )
    names = ", ".join(path.name.removesuffix(".nii.gz") for path in written)
    return [f"{label}:", *lines, *assumed, f"maps: {names}"]


def _is_magnitude(file):
    return file.entities.get("part", "mag") == "mag"


def _metadata(arguments, table, suffix):
    """Return what the sidecars of maps say besides."""
    found = {}
    for column, values in table.acquisition.items():
        key = _KEYS.get(column, column)
        if column == "TR" and suffix == "VFA":
            key = "RepetitionTimeExcitation"
        values = np.asarray(values, dtype=np.float64)
        if np.isfinite(values).all():
            # What varies is told image by image.
            found[key] = values[0] if np.ptp(values) == 0 else values.tolist()
    command = arguments.command_line
    return found | {
        "EstimationAlgorithm": f"skrelax {__version__}, least squares in each voxel",
        "CommandLine": command,
    }
