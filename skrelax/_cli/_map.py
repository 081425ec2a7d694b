"""``python -m skrelax map``: read images, fit every voxel, write maps."""

import warnings
from pathlib import Path

import numpy as np

from ..io import write_maps
from ..io._files import as_path
from ..io._images import is_bright, largest_moduli
from ..io._nifti import map_file_name
from ..io._volumes import import_nibabel
from ..nonlinear import NonlinearRelaxationFit
from ..signals import resolve_model
from ..signals._suggest import unread_columns
from ..utils._written import written_together
from . import _distribution_map as distributions
from ._choices import LARGEST, PROFILE, SMALLEST, interval_level
from ._fit_maps import FitMaps, draw_fit, report_fit
from ._images import (
    LIST,
    acquisition_of,
    check_described,
    fit_table,
    print_series,
    read_for,
    say_series,
    skip_points,
)
from ._kept import REPORT, check_kept
from ._known import read_map, voxels_with_values
from ._map_report import write_maps_report
from ._model import FILE, MODELS, plan_fit, warn_ignored
from ._output import check_folder, write_csv
from ._picture import check_matplotlib
from ._regions import FILES as REGION_FILES
from ._regions import read_labels, write_regions

# Voxels above this fraction of the signal inside a mask are no background.
_BRIGHT = 0.5
# What --mask takes besides files.
MASKS = ("auto", "none")


def result_files():
    """Return the names of all files that the command writes, of whatever model."""
    names = {"relative error", "r2", "n_points", "status"}
    for model in MODELS:
        for parameter in resolve_model(model).outputs:
            kinds = ("", " stderr", " lower", " upper")
            names |= {f"{parameter.name}{kind}" for kind in kinds}
    stems = sorted(map_file_name(name) for name in names)
    files = {f"{stem}.nii.gz": None for stem in stems} | dict.fromkeys(
        [
            *distributions.FILES,
            *REGION_FILES,
            "acquisition.csv",
            FILE,
            REPORT,
            "maps.png",
        ]
    )
    return list(files)


def run_map(arguments):
    """Run the command with parsed arguments."""
    source = as_path(arguments.source, "FOLDER")
    if not source.exists():
        raise ValueError(f"{source}: does not exist.")
    if arguments.derivatives is not None:
        from ._bids_app import run_bids

        run_bids(arguments, source)
        return
    if arguments.participant_label is not None:
        raise ValueError(
            "--participant-label goes with a BIDS dataset: skrelax map BIDS_ROOT OUT "
            "participant."
        )
    if arguments.series == LIST:
        print_series(source)
        return
    import_nibabel()
    if not arguments.no_plot:
        check_matplotlib()
    check_kept(arguments)
    check_options(arguments)
    folder = Path(arguments.out or f"{source.resolve().name or 'root'}-maps")
    if folder.exists() and folder.resolve() == source.resolve():
        raise ValueError(
            f"{folder}: maps would lie among the images; give another --out."
        )
    files = result_files()
    given = {name: getattr(arguments, name) for name in ("T1", "B1", "labels")}
    given["mask"] = None if arguments.mask in MASKS else arguments.mask
    given["times"] = arguments.times
    inputs = [as_path(text, f"--{name}") for name, text in given.items() if text]
    check_folder(
        folder, files, [source, *inputs], overwrite=arguments.overwrite, empty=True
    )
    table = skip_points(read_for(arguments, source), arguments.skip, source)
    check_described(table, source)
    with written_together(folder, stale=files, overwrite=arguments.overwrite) as new:
        maps, lines, assumed, _ = make_maps(arguments, table, new)
        # One at a time: of a volume all of them would be as large as the images.
        for name, image in maps.items():
            write_maps(new, {name: image}, table.spatial["affine"])
        stems = sorted(path.name.removesuffix(".nii.gz") for path in new.glob("*.nii*"))
    for line in (*lines, f"maps in {folder}: {', '.join(stems)}", *assumed):
        print(line)


def make_maps(arguments, table, folder):
    """Fit a table of images and write all files but the maps into an empty folder.

    Returns the images by name, lines to be printed, lines on what was assumed, and the
    model in words.
    """
    distributes = arguments.model == distributions.NAME
    inside = _inside(arguments, table)
    labels = read_labels(arguments, table)
    if distributes:
        plan = distributions.plan_distributions(arguments, table, inside)
        write = distributions.write_distributions
        ignored = unread_columns(resolve_model("T2"), table.acquisition)
        warn_ignored(ignored, distributions.NAME)
    else:
        plan, write = plan_fit(arguments, table, inside), _write_parameters
    mask = voxels_with_values(plan.known, inside) if plan.known else inside
    text, maps = write(folder, arguments, table, mask, plan)
    lines = [*say_series(table), text]
    if labels is not None:
        lines.append(write_regions(folder, arguments, maps, labels))
    assumed = [
        f"{name} of each voxel from {getattr(arguments, name)}" for name in plan.known
    ]
    if (inside & ~mask).any():
        count = int((inside & ~mask).sum())
        assumed.append(f"{count} voxels without it are left out")
    assumed += [plan.words] if plan.words else []
    said = _say_model(plan)
    if arguments.report:
        notes = [*say_series(table), said, *assumed]
        comparison = getattr(plan, "comparison", None)
        write_maps_report(folder, arguments, table, maps, labels, comparison, notes)
    return maps, lines, assumed, said


def _say_model(plan):
    """Return the model and its limits in words."""
    if isinstance(plan, distributions.Plan):
        return "regularised inversion in each voxel"
    limits = [
        f", {name} from {low:g} to {high:g}"
        for name, (low, high) in plan.bounds.items()
    ]
    return f"fit in each voxel, {plan.name}: {plan.model.formula}{''.join(limits)}"


def check_options(arguments):
    """Raise ValueError for options that do not go with the model."""
    distributes = arguments.model == distributions.NAME
    if distributes and arguments.tr != "file":
        raise ValueError(
            f"--tr does not go with --model {arguments.model}, which has no repetition "
            "times."
        )
    if distributes and arguments.bounds:
        raise ValueError(
            f"--bounds does not go with --model {arguments.model}; --minimum and "
            "--maximum are the limits of T2."
        )
    if arguments.interval_level is not None and arguments.intervals is None:
        raise ValueError("--interval-level goes with --intervals, which is not given.")
    if arguments.intervals is True:
        arguments.intervals = distributions.N_REFITS if distributes else PROFILE
    if arguments.intervals is not None:
        by_profile = arguments.intervals == PROFILE
        if distributes and by_profile:
            raise ValueError(
                f"--intervals of --model {arguments.model} takes the number of refits, "
                f"40 for example; {PROFILE} is for the other models."
            )
        if not distributes and not by_profile:
            raise ValueError(
                f"--intervals takes a number of refits with --model "
                f"{distributions.NAME} only; --model {arguments.model} takes "
                f"{PROFILE}, got {arguments.intervals}."
            )
    for name in distributions.DEFAULTS:
        if not distributes and getattr(arguments, name) is not None:
            raise ValueError(
                f"--{name} goes with --model {distributions.NAME} only, got --model "
                f"{arguments.model}."
            )


def _inside(arguments, table):
    """Return the voxels (n_voxels,) that are fitted, wherever all is known of them."""
    rows = table.signals.to_numpy()
    mask = ~_beyond(arguments, rows.T)
    if arguments.mask == "auto":
        tops = largest_moduli(rows)
        try:
            mask[mask] = is_bright(tops[mask])
        except ValueError as error:
            raise ValueError(f"{arguments.source}: {error}") from error
        if not mask.any():
            raise ValueError(
                f"{arguments.source}: no voxel stands out of the background; --mask "
                "none fits all of them."
            )
        _check_background(tops, mask)
    elif arguments.mask != "none":
        given = read_map("mask", as_path(arguments.mask, "--mask"), table)
        mask &= np.nan_to_num(given) != 0
        if not mask.any():
            raise ValueError(
                f"--mask {arguments.mask}: leaves no voxel of {mask.size}; voxels that "
                "are not 0 are fitted."
            )
    return mask


def _check_background(tops, mask):
    """Say where what is left out of a mask is no background, by moduli (n_voxels,)."""
    left_out = ~mask & (tops > 0) & (tops < np.inf)
    if not left_out.any():
        return
    inside, outside = np.median(tops[mask]), np.median(tops[left_out])
    if outside > _BRIGHT * inside:
        warnings.warn(
            f"--mask auto leaves out {int(left_out.sum())} voxels that are hardly "
            f"darker than those inside, {outside:.3g} against {inside:.3g} (medians): "
            "where images have no background, --mask none fits all",
            stacklevel=2,
        )


def _write_parameters(folder, arguments, table, mask, plan):
    """Fit the voxels of a mask, write tables; return lines to print and maps."""
    fit = NonlinearRelaxationFit(
        plan.model,
        bounds=plan.bounds or None,
        noise=arguments.noise,
        noise_std=arguments.noise_std,
        n_jobs=arguments.jobs,
        verbose=1,
    )
    level, intervals = interval_level(arguments), None
    if arguments.intervals is not None:
        _check_residuals(arguments, table, plan)
        intervals = level, not arguments.keep
    fit, ends = fit_table(fit, table, mask, plan.known or None, intervals)
    maps = FitMaps(fit, table, plan.known, arguments.keep, ends)
    write_csv(folder / "acquisition.csv", acquisition_of(table).items())
    if plan.comparison is not None:
        write_csv(folder / FILE, plan.comparison.reset_index().items())
    if not arguments.no_plot:
        draw_fit(folder / "maps.png", fit, maps, table.spatial["affine"])
    said = report_fit(fit, table, mask, plan, (ends, level), arguments.keep)
    return said, maps


def _check_residuals(arguments, table, plan):
    """Raise ValueError if images leave no residuals that tell their noise."""
    names = [one.name for one in (*plan.model.amplitudes, *plan.model.parameters)]
    n_fitted, n_points = len(names) - len(plan.known), table.signals.shape[1]
    if arguments.noise_std is None and n_points <= n_fitted:
        raise ValueError(
            f"{arguments.source}: --intervals {PROFILE}: {n_points} images are too few "
            f"for residuals beside {n_fitted} parameters; give --noise-std."
        )


def _beyond(arguments, y):
    """Return which voxels have numbers that no fit can square, and say how many."""
    parts = [y.real, y.imag] if np.iscomplexobj(y) else [y]
    # What is missing in a voxel says nothing of its other points.
    tops = [
        np.maximum(np.fmax.reduce(part, axis=0), -np.fmin.reduce(part, axis=0))
        for part in parts
    ]
    # Single precision does not know numbers that large.
    tops = np.max(tops, axis=0).astype(np.float64)
    beyond = ((tops > 0) & (tops < SMALLEST)) | ((tops > LARGEST) & (tops < np.inf))
    if beyond.all():
        raise ValueError(
            f"{arguments.source}: signals must be from {SMALLEST:g} to {LARGEST:g}, "
            f"got {tops.min():g} to {tops.max():g}."
        )
    if beyond.any():
        warnings.warn(
            f"{int(beyond.sum())} voxels with signals beyond {SMALLEST:g} to "
            f"{LARGEST:g} are left out",
            stacklevel=2,
        )
    return beyond
