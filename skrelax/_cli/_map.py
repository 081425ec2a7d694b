"""``python -m skrelax map``: read images, fit every voxel, write maps."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..io import read_dicom_series, write_maps
from ..io._files import as_path
from ..io._images import is_bright, largest_moduli
from ..io._nifti import map_file_name, read_images
from ..io._volumes import import_nibabel
from ..nonlinear import FitStatus, NonlinearRelaxationFit
from ..nonlinear._status import status_words
from ..plotting import ParameterMapDisplay
from ..plotting._base import known_unit
from ..signals import EPGEchoTrain, InversionRecovery, resolve_model
from ..utils._written import written_together
from . import _distribution_map as distributions
from ._choices import LARGEST, SMALLEST
from ._known import read_map, use_known, voxels_with_values
from ._output import check_folder, write_csv
from ._picture import check_matplotlib, turn_upright

# Names of the models of the command.
MODELS = (
    "T1-IR",
    "T1-IR-efficiency",
    "T1-general",
    "T1-SR",
    "T1-LL",
    "T1-VFA",
    "T2",
    "T2*",
    "T1rho",
    "T2-offset",
    "T2-biexponential",
    "T2-stretched",
    "T2-EPG",
)
# Voxels above this fraction of the signal inside a mask are no background.
_BRIGHT = 0.5
# What --mask takes besides files.
MASKS = ("auto", "none")


def result_files():
    """Return the names of all files that the command writes, of whatever model."""
    names = {"relative error", "r2", "n_points", "status"}
    for model in MODELS:
        for parameter in resolve_model(model).outputs:
            names |= {parameter.name, f"{parameter.name} stderr"}
    stems = sorted(map_file_name(name) for name in names)
    files = {f"{stem}.nii.gz": None for stem in stems} | dict.fromkeys(
        [*distributions.FILES, "acquisition.csv", "maps.png"]
    )
    return list(files)


def run_map(arguments):
    """Run the command with parsed arguments."""
    source = as_path(arguments.source, "FOLDER")
    if not source.exists():
        raise ValueError(f"{source}: does not exist.")
    import_nibabel()
    if not arguments.no_plot:
        check_matplotlib()
    distributes = arguments.model == distributions.NAME
    _check_options(arguments, distributes)
    folder = Path(arguments.out or f"{source.resolve().name or 'root'}-maps")
    if folder.exists() and folder.resolve() == source.resolve():
        raise ValueError(
            f"{folder}: maps would lie among the images; give another --out."
        )
    files = result_files()
    given = {name: getattr(arguments, name) for name in ("T1", "B1")}
    given["mask"] = None if arguments.mask in MASKS else arguments.mask
    inputs = [as_path(text, f"--{name}") for name, text in given.items() if text]
    check_folder(
        folder, files, [source, *inputs], overwrite=arguments.overwrite, empty=True
    )
    table = _read(source)
    inside = _inside(arguments, table)
    if distributes:
        plan = distributions.plan_distributions(arguments, table, inside)
        write = distributions.write_distributions
    else:
        plan, write = _plan_fit(arguments, table), _write_parameters
    mask = voxels_with_values(plan.known, inside) if plan.known else inside
    with written_together(folder, stale=files, overwrite=arguments.overwrite) as new:
        text = write(new, arguments, table, mask, plan)
        stems = sorted(path.name.removesuffix(".nii.gz") for path in new.glob("*.nii*"))
    print(text)
    print(f"maps in {folder}: {', '.join(stems)}")
    for name in plan.known:
        print(f"{name} of each voxel from {getattr(arguments, name)}")
    if (inside & ~mask).any():
        print(f"{int((inside & ~mask).sum())} voxels without it are left out")
    if plan.words:
        print(plan.words)


def _check_options(arguments, distributes):
    """Raise ValueError for options that do not go with the model."""
    if distributes and arguments.tr != "file":
        raise ValueError(
            f"--tr does not go with --model {arguments.model}, which has no repetition "
            "times."
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


class _Plan(NamedTuple):
    """What is fitted in every voxel."""

    model: object
    """The signal model."""
    known: dict
    """Values of maps that were given, (n_voxels,) by name."""
    words: str
    """What is assumed, or nothing."""


def _plan_fit(arguments, table):
    """Return the plan of a fit of parameters."""
    model = _choose_model(arguments, table)
    known = use_known(arguments, model, table)
    words = ""
    if isinstance(model, EPGEchoTrain) and "T1" not in known:
        words = f"T1 of {model.T1:g} s in all voxels; --T1 takes another value or a map"
    return _Plan(model, known, words)


def _write_parameters(folder, arguments, table, mask, plan):
    """Fit the voxels of a mask, write all files; return lines to be printed."""
    X, y = table.by_point()
    fit = NonlinearRelaxationFit(
        plan.model,
        noise=arguments.noise,
        noise_std=arguments.noise_std,
        n_jobs=arguments.jobs,
        verbose=1,
    ).fit(X, y.to_numpy(), mask=mask, known=plan.known or None)
    slices = {}
    # One map at a time: of a volume all of them would be as large as the images.
    for name, image in _maps(fit, table, plan.known, len(X)):
        write_maps(folder, {name: image}, table.spatial["affine"])
        middle = image.shape[2] // 2
        slices[name] = image[:, :, middle : middle + 1].astype(np.float64)
    write_csv(folder / "acquisition.csv", X.items())
    if not arguments.no_plot:
        affine = table.spatial["affine"]
        _draw(folder / "maps.png", fit, slices, affine, plan.known)
    return _report(fit, X, mask, plan.known)


def _beyond(arguments, y):
    """Return which voxels have numbers that no fit can square, and say how many."""
    parts = [y.real, y.imag] if np.iscomplexobj(y) else [y]
    tops = [np.maximum(part.max(axis=0), -part.min(axis=0)) for part in parts]
    # Limits are beyond single precision.
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


def _read(source):
    """Return the table of a DICOM folder, a NIfTI folder or a NIfTI file."""
    if source.is_file() or any(source.glob("*.nii*")):
        return read_images(source, compact=True)
    return read_dicom_series(source)


def _choose_model(arguments, table):
    """Return the model, with the repetition times that the images have."""
    if arguments.model not in MODELS:
        raise ValueError(
            f"--model must be one of {', '.join((*MODELS, distributions.NAME))}, got "
            f"{arguments.model!r}."
        )
    model = resolve_model(arguments.model, "--model")
    columns = list(table.acquisition.columns)
    finite = "TR" in columns and arguments.tr != "ignore"
    if isinstance(model, InversionRecovery) and finite:
        model.set_params(repetition_time="TR")
    if isinstance(model, EPGEchoTrain) and "TE" in columns:
        model.set_params(echo_spacing=_echo_spacing(arguments, table))
    missing = [name for name in model.acquisition_columns if name not in columns]
    if missing:
        raise ValueError(
            f"{arguments.source}: {arguments.model} needs {missing[0]} of each image, "
            f"the files give {columns}."
        )
    return model


def _echo_spacing(arguments, table):
    """Return the spacing of a train whose echoes were all kept."""
    times = np.unique(table.acquisition["TE"])
    spacing = times[0]
    if np.abs(times - spacing * np.arange(1, times.size + 1)).max() > 1e-3 * spacing:
        raise ValueError(
            f"{arguments.source}: T2-EPG needs all echoes of a train, evenly spaced "
            f"from its start, got TE = {times.round(6).tolist()} s."
        )
    return float(spacing)


def _maps(fit, table, known, n_points):
    """Yield names and images; voxels that are not converged are nan."""
    lost = fit.status_ != FitStatus.CONVERGED
    for index, name in enumerate(fit.param_names_):
        if name in known:
            continue
        yield name, table.to_image(np.where(lost, np.nan, fit.params_[:, index]))
        errors = np.where(lost, np.nan, fit.stderr_[:, index])
        yield f"{name} stderr", table.to_image(errors)
    yield "relative error", table.to_image(fit.relative_error_)
    yield "r2", table.to_image(fit.r2_)
    if _count_holed(fit, n_points):
        yield "n_points", table.to_image(fit.n_points_, fill=0).astype(int)
    status = table.to_image(fit.status_, fill=FitStatus.MASKED)
    yield "status", status.astype(int)


def _count_holed(fit, n_points):
    """Return the number of voxels that were fitted without some of their points."""
    return int(((fit.n_points_ > 0) & (fit.n_points_ < n_points)).sum())


def _draw(path, fit, slices, affine, known):
    """Draw relaxation time, amplitude, standard error and relative error.

    `slices` are those in the middle, (n_x, n_y, 1) by name.
    """
    from matplotlib.figure import Figure

    time = fit.model_.parameters[0].name
    fitted = [name for name in fit.param_names_ if name not in known]
    names = list(dict.fromkeys([time, *fitted, f"{time} stderr", "relative error"]))
    rows = -(-len(names) // 4)
    columns = -(-len(names) // rows)
    figure = Figure(figsize=(3.1 * columns, 3.0 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    units = {
        label: parameter.unit or known_unit(parameter.name)
        for parameter in fit.model_.outputs
        for label in (parameter.name, f"{parameter.name} stderr")
    }
    ParameterMapDisplay({name: slices[name] for name in names}, units=units).plot(axes)
    turn_upright(axes, affine)
    figure.savefig(path, dpi=150)


def _report(fit, X, mask, known):
    """Return what is printed."""
    n_voxels = int(mask.sum())
    good = fit.status_ == FitStatus.CONVERGED
    kind = "magnitude" if fit.magnitude_ else "signed"
    lines = [
        f"{len(X)} images, {n_voxels} voxels inside the mask of {mask.size}, {kind} "
        f"signals: {fit.model_.formula}",
        f"fits: {status_words(fit.status_[mask])}",
        f"{'parameter':>16} {'median':>12} {'quartiles':>25} {'standard error':>15}",
    ]
    if good.any():
        for k, name in enumerate(fit.param_names_):
            if name in known:
                continue
            low, middle, high = np.quantile(fit.params_[good, k], [0.25, 0.5, 0.75])
            # With as many points as parameters no voxel has a standard error.
            error = pd.Series(fit.stderr_[good, k]).median()
            lines.append(
                f"{name:>16} {middle:>12.4g} {low:>12.4g} {high:>12.4g} {error:>15.2g}"
            )
    holed = _count_holed(fit, len(X))
    if holed:
        lines.append(
            f"{holed} voxels without some of their points: n_points counts them"
        )
    return "\n".join(lines)
