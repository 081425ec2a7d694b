"""Which model ``python -m skrelax map`` fits: the one named, or that of the data."""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..model_selection import select_model
from ..signals import MP2RAGE, EPGEchoTrain, model_for, suggest_models
from ..signals._suggest import unread_columns
from ..uncertainty._image_noise import image_noise_std
from . import _distribution_map as distributions
from ._known import bounds_of, use_known, voxels_with_values

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
    "T2*-offset",
    "T2-biexponential",
    "T2-stretched",
    "T2-EPG",
)
AUTO = "auto"
# The table of the comparison.
FILE = "models.csv"
# What to look at where no model fits.
_OTHERS = {
    "T2": "T2-biexponential, T2-stretched and T2-distribution are for decays of "
    "several components",
    "T1": "T1-LL is for recoveries that are read out while they happen",
}


class Plan(NamedTuple):
    """What is fitted in every voxel."""

    name: str
    """Name of the model."""
    model: object
    """The signal model."""
    known: dict
    """Values of maps that were given, (n_voxels,) by name."""
    words: str
    """What is assumed, or nothing."""
    comparison: pd.DataFrame | None
    """One row per model that was compared, or None where it was named."""
    bounds: dict
    """Limits of parameters that were given, by name."""


def plan_fit(arguments, table, inside):
    """Return the Plan of a fit of parameters.

    `inside` (n_voxels,) are the voxels that count.
    """
    if arguments.model == AUTO:
        plan = _choose(arguments, table, inside)
    else:
        plan = _named(arguments, table, inside)
    name, model, known, words, *_ = plan
    ignored = unread_columns(model, _one_slice(table, inside)[0])
    if arguments.tr == "ignore":
        ignored = [column for column in ignored if column != "TR"]
    warn_ignored(ignored, name)
    if isinstance(model, EPGEchoTrain) and "T1" not in known:
        words = f"T1 of {model.T1:g} s in all voxels; --T1 takes another value or a map"
    if isinstance(model, MP2RAGE) and "B1" not in known:
        words = (
            f"efficiency {model.efficiency:g} of the inversion and B1 of {model.B1:g} "
            "in all voxels"
        )
    return plan._replace(words=words)


def warn_ignored(columns, name):
    """Warn of columns that differ from image to image and do not enter a model."""
    if columns:
        one = len(columns) == 1
        warnings.warn(
            f"{' and '.join(columns)} {'differs' if one else 'differ'} from image to "
            f"image, and {name} does not read {'it' if one else 'them'}",
            stacklevel=2,
        )


def _named(arguments, table, inside):
    """Return the Plan of the model that is named, or given."""
    if not isinstance(arguments.model, str):
        model = arguments.model
        known = use_known(arguments, model, table)
        bounds = bounds_of(arguments, {"": model})
        return Plan(type(model).__name__, model, known, "", None, bounds)
    if arguments.model not in MODELS:
        every = ", ".join((AUTO, *MODELS, distributions.NAME))
        raise ValueError(f"--model must be one of {every}, got {arguments.model!r}.")
    acquisition, _ = _one_slice(table, inside)
    try:
        model = _with_recovery(arguments, model_for(arguments.model, acquisition))
    except ValueError as error:
        others = ", ".join(suggest_models(acquisition))
        hint = f" These images suit --model {others}." if others else ""
        raise ValueError(f"{arguments.source}: {error}{hint}") from error
    bounds = bounds_of(arguments, {"": model})
    known = use_known(arguments, model, table)
    return Plan(arguments.model, model, known, "", None, bounds)


def _one_slice(table, inside):
    """Return an acquisition and the voxels (n_voxels,) that were measured with it.

    Where slices have times of their own, it is that of the slice with most voxels.
    """
    slices = getattr(table, "slices", None)
    if slices is None:
        return table.acquisition, np.ones(len(inside), dtype=bool)
    numbers = np.nonzero(table.spatial["mask"])[2]
    number = np.bincount(numbers[inside], minlength=len(slices)).argmax()
    return slices[number], numbers == number


def _with_recovery(arguments, model):
    """Return a model, without repetition times where these are to be ignored."""
    if arguments.tr == "ignore" and "TR" in model.acquisition_columns:
        names = model.get_params()
        if names.get("repetition_time") == "TR" and "TI" in model.acquisition_columns:
            model.set_params(repetition_time=None)
    return model


def _choose(arguments, table, inside):
    """Return the Plan of the simplest model that the voxels do not reject."""
    acquisition, in_slice = _one_slice(table, inside)
    found = suggest_models(acquisition)
    if not found:
        if len(table.acquisition) == 1:
            raise ValueError(
                f"{arguments.source}: one image is left of each slice; a relaxation "
                "time takes several, at different times or angles."
            )
        raise ValueError(
            f"{arguments.source}: nothing that a model reads differs from image to "
            f"image, the files give {list(table.acquisition.columns)}; --model names "
            "one."
        )
    wanted = [name for name in ("T1", "B1") if getattr(arguments, name) is not None]
    models = {
        name: _with_recovery(arguments, model)
        for name, model in found.items()
        if all(one in model.get_params() for one in wanted)
    }
    if not models:
        raise ValueError(
            f"--{wanted[0]} does not go with the models of these images, "
            f"{', '.join(found)}, whose signals have no {wanted[0]} to be given."
        )
    known = {}
    bounds = bounds_of(arguments, models)
    models = {
        name: model
        for name, model in models.items()
        if all(one in _parameters(model) for one in bounds)
    }
    if not models:
        raise ValueError(
            f"--bounds of {' and '.join(bounds)}: no model of these images has them "
            "all."
        )
    for model in models.values():
        known |= use_known(arguments, model, table)
    mask = voxels_with_values(known, inside) if known else inside
    mask = mask & in_slice
    signals = table.signals.to_numpy()
    noise_std = arguments.noise_std
    if noise_std is None:
        places = table.to_image(np.arange(len(signals), dtype=np.float64), fill=-1)
        fitted = table.to_image(mask.astype(np.float64), fill=0) > 0
        noise_std = image_noise_std(signals, np.where(fitted, places, -1).astype(int))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            choice = select_model(
                acquisition,
                signals.T,
                models,
                mask=mask,
                known=known or None,
                bounds=bounds or None,
                noise=arguments.noise,
                noise_std=noise_std,
            )
        except ValueError as error:
            raise ValueError(f"{arguments.source}: {error}") from error
    own = {name: known[name] for name in _parameters(choice.model) if name in known}
    for warning in caught:
        text = str(warning.message)
        if choice.fits is False and "no model fits" in text:
            hint = _OTHERS.get(choice.model.parameters[0].name, "")
            text = f"{text.rstrip('.')}; {hint}" if hint else text
        warnings.warn(text, warning.category, stacklevel=2)
    return Plan(choice.name, choice.model, own, "", choice.table, bounds)


def _parameters(model):
    return [parameter.name for parameter in model.parameters]


def comparison_lines(plan):
    """Return the lines of a Plan that say which models were compared, and how."""
    if plan.comparison is None:
        return []
    rows = plan.comparison
    width = max(len("model"), *(len(name) for name in rows.index))
    lines = [
        f"{'model':>{width}} {'parameters':>11} {'residual':>9} {'over noise':>11} "
        f"{'gain':>8}"
    ]
    for name, row in rows.iterrows():
        over, gain = ("" if np.isnan(row[one]) else row[one] for one in _NUMBERS)
        over = over if over == "" else f"{over:.2f}"
        gain = gain if gain == "" else f"{gain:.1f}"
        lines.append(
            f"{name:>{width}} {row['parameters']:>11} {row['residual']:>9.2%} "
            f"{over:>11} {gain:>8}  {row['verdict']}"
        )
    return lines


_NUMBERS = "over noise", "gain"
