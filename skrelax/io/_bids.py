"""Maps as derivatives of a BIDS dataset."""

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .._version import __version__
from ..utils._written import encodable, written_together
from ._files import as_numbers, as_path, shown
from ._nifti import as_affine, check_maps, write_maps
from ._sidecar import SUFFIXES, parse_name

_BIDS_VERSION = "1.10.0"
_URL = "https://pypi.org/project/skrelax/"
# Entities of maps, in the order of names.
_ENTITIES = ("sub", "ses", "task", "acq", "ce", "rec", "run", "space", "res", "desc")
_LABEL = re.compile(r"[0-9a-zA-Z]+")
# Folder, suffix, unit and factor of maps that the specification knows.
_KNOWN = {
    "T1": ("anat", "T1map", "s", 1.0),
    "T2": ("anat", "T2map", "s", 1.0),
    "T2*": ("anat", "T2starmap", "s", 1.0),
    "T1rho": ("anat", "T1rho", "s", 1.0),
    # The geometric mean of a distribution, and its short part in per cent.
    "gmT2": ("anat", "T2map", "s", 1.0),
    "short_fraction": ("anat", "MWFmap", "%", 100.0),
    "M0": ("anat", "M0map", "arbitrary", 1.0),
    "B1": ("fmap", "TB1map", "arbitrary", 1.0),
}


def write_bids_maps(
    folder,
    maps,
    affine,
    *,
    entities,
    desc=None,
    sources=(),
    metadata=None,
    statuses=None,
):
    """Write maps as one subject's derivatives of a BIDS dataset.

    Files are named as the appendix on quantitative MRI of the specification has them
    [1]_: ``sub-01/anat/sub-01_T1map.nii.gz`` with a sidecar of the same name. The
    others say in ``desc`` what they are, or of which fit: ``"T1 stderr"`` becomes
    ``sub-01_desc-stderr_T1map.nii.gz``, ``"M0"`` beside T2
    ``sub-01_desc-T2_S0map.nii.gz`` (beside T1 ``sub-01_M0map.nii.gz``), and
    ``"status"`` the segmentation ``sub-01_desc-T2status_dseg.nii.gz``.
    ``dataset_description.json`` is written where there is none.

    Parameters
    ----------
    folder : str or path-like
        Root of the derivatives; it is made if it is not there. All files of this call
        appear at once, and replace those of the same names.
    maps : dict of str to ndarray
        Images by name, as in :func:`write_maps`. Times are in seconds;
        ``"short_fraction"``, between 0 and 1, is written in per cent as ``MWFmap``.
    affine : array-like of shape (4, 4)
        Affine of the images.
    entities : dict of str to str
        Entities of the images that all maps keep: ``"sub"``, and any of ``"ses"``,
        ``"task"``, ``"acq"``, ``"ce"``, ``"rec"``, ``"run"``, ``"space"``, ``"res"``.
    desc : str or None, default=None
        How ``desc`` of all maps begins, to tell fits of one subject apart.
    sources : sequence of str, default=()
        Images that were fitted, as BIDS URIs (``"bids::sub-01/anat/..."``).
    metadata : dict or None, default=None
        More entries of all sidecars, such as the acquisition.
    statuses : dict of int to str or None, default=None
        What the numbers of the map ``"status"`` mean, for the table beside it.

    Returns
    -------
    list of Path
        The images.

    Raises
    ------
    ValueError
        If entities are no BIDS labels, no map has a suffix, two maps have one name, or
        :func:`write_maps` refuses an image.
    TypeError
        If entities or metadata are no dicts, or sources are one text.
    ImportError
        If nibabel is not installed.

    See Also
    --------
    write_maps : The same without names of a standard.

    References
    ----------
    .. [1] Karakuzu et al., Scientific Data 9, 517 (2022),
       https://doi.org/10.1038/s41597-022-01571-4.
    """
    folder = as_path(folder, "folder")
    entities = _check_entities(entities)
    if isinstance(sources, str):
        raise TypeError(f"sources must be a list of URIs, got {shown(sources)}.")
    if not isinstance(metadata, Mapping | None):
        raise TypeError(f"metadata must be a dict or None, got {shown(metadata)}.")
    if desc is not None and not (isinstance(desc, str) and _LABEL.fullmatch(desc)):
        raise ValueError(f"desc must be of letters and digits, got {shown(desc)}.")
    affine = as_affine(affine)
    # Whatever is wrong with an image is found before a folder is made.
    check_maps(maps)
    main = next((name for name in _KNOWN if name in maps), None)
    if main is None:
        raise ValueError(
            f"maps must have one of {', '.join(_KNOWN)}, got "
            f"{', '.join(map(str, maps))}."
        )
    files = {}
    for name in maps:
        place, stem, unit, factor = _name(name, main, entities, desc)
        if (place, stem) in files:
            raise ValueError(f"maps: {name!r} and another map both go to {stem}.")
        files[place, stem] = name, unit, factor
    common = {"Sources": list(map(str, sources))} | dict(metadata or {})
    with contextlib.ExitStack() as stack:
        places = {
            place: stack.enter_context(written_together(folder / place))
            for place in sorted({place for place, _ in files})
        }
        for (place, stem), (name, unit, factor) in files.items():
            image = maps[name]
            if factor != 1.0:
                image = factor * as_numbers(image, f"maps[{name!r}]")
            write_maps(places[place], {stem: image}, affine)
            sidecar = {"Description": name} | common | ({"Units": unit} if unit else {})
            write_json(places[place] / f"{stem}.json", sidecar)
            if name == "status" and statuses:
                lines = ["index\tname", *(f"{i}\t{w}" for i, w in statuses.items())]
                table = places[place] / f"{stem}.tsv"
                table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if not (folder / "dataset_description.json").exists():
        write_json(folder / "dataset_description.json", describe_dataset())
    return [folder / place / f"{stem}.nii.gz" for place, stem in files]


class ImageFile(NamedTuple):
    """An image of a dataset."""

    path: Path
    """Where it is."""
    entities: dict
    """Labels by entity."""
    suffix: str
    """What it is."""


def find_collections(root, suffixes, subjects=None):
    """Return the images of a dataset that are one measurement each.

    Parameters
    ----------
    root : Path
        Root of the dataset.
    suffixes : collection of str
        Suffixes of the measurements.
    subjects : sequence of str or None, default=None
        Labels of subjects; None takes all.

    Returns
    -------
    list of (str, list of ImageFile)
        Name of each measurement, and its images.
    """
    folders = sorted(path for path in root.glob("sub-*") if path.is_dir())
    if not folders:
        raise ValueError(f"{root}: expected a BIDS dataset, found no folder sub-*.")
    if subjects is not None:
        wanted = [label.removeprefix("sub-") for label in subjects]
        there = {path.name.removeprefix("sub-"): path for path in folders}
        missing = [label for label in wanted if label not in there]
        if missing:
            raise ValueError(
                f"{root}: has no subject {missing[0]}, only {', '.join(there)}."
            )
        folders = [there[label] for label in dict.fromkeys(wanted)]
    found = {}
    for folder in folders:
        for path in sorted([*folder.glob("anat/*"), *folder.glob("ses-*/anat/*")]):
            if not path.name.endswith(SUFFIXES):
                continue
            name = parse_name(path)
            if name.suffix in suffixes and "sub" in name.entities:
                file = ImageFile(path, name.entities, name.suffix)
                found.setdefault((path.parent, name.label), []).append(file)
    if not found:
        raise ValueError(
            f"{root}: no images of {', '.join(suffixes)} in anat of "
            f"{', '.join(path.name for path in folders)}."
        )
    return [(label, files) for (_, label), files in found.items()]


def describe_dataset(sources=()):
    """Return the description of a derived dataset."""
    content = {
        "Name": "skrelax: relaxation maps",
        "BIDSVersion": _BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "skrelax", "Version": __version__, "CodeURL": _URL}],
    }
    return content | ({"SourceDatasets": list(sources)} if sources else {})


def write_json(path, content):
    """Write a JSON file as BIDS has them."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    Path(path).write_text(encodable(text) + "\n", encoding="utf-8")


def _check_entities(entities):
    """Return entities in their order, or raise an error that names them."""
    if not isinstance(entities, Mapping):
        raise TypeError(f"entities must be a dict, got {shown(entities)}.")
    known = _ENTITIES[:-1]
    for key, label in entities.items():
        if key not in known:
            raise ValueError(
                f"entities: {shown(key)} is none of {', '.join(known)} of a map."
            )
        if not isinstance(label, str) or not _LABEL.fullmatch(label):
            raise ValueError(
                f"entities: the label of {key} must be of letters and digits, got "
                f"{shown(label)}."
            )
    if "sub" not in entities:
        raise ValueError("entities must have sub, the label of the subject.")
    return {key: entities[key] for key in known if key in entities}


def _name(name, main, entities, desc):
    """Return the folder, the stem, the unit and the factor of a map."""
    _, suffix, unit, factor = _KNOWN[main]
    place, words, fit = "anat", [], main.replace("*", "star")
    base = str(name).partition(" ")[0]
    if base in _KNOWN:
        # A standard error has the unit of what it belongs to.
        place, suffix, unit, factor = _KNOWN[base]
        words = _LABEL.findall(str(name).removeprefix(base))
        if base == "M0" and main != "T1":
            suffix = "S0map"
        if base in ("M0", "B1") and base != main and (base, main) != ("M0", "T1"):
            words.insert(0, fit)
    elif name == "status":
        suffix, unit, factor, words = "dseg", "", 1.0, [f"{fit}status"]
    else:
        unit, factor = "", 1.0
        words = _LABEL.findall(str(name))
    labels, words = entities, [*([desc] if desc else []), *words]
    if words:
        joined = words[0] + "".join(word[0].upper() + word[1:] for word in words[1:])
        labels = entities | {"desc": joined}
    stem = "_".join(f"{key}-{label}" for key, label in labels.items())
    session = f"/ses-{entities['ses']}" if "ses" in entities else ""
    return f"sub-{entities['sub']}{session}/{place}", f"{stem}_{suffix}", unit, factor
