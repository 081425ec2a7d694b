"""Parameters that the command line is told: a number, or a map measured before."""

import warnings

import numpy as np

from ..io._files import as_path
from ..io._volumes import load_volumes

# Values above these are in another unit: milliseconds, or per cent.
_LARGEST = {"T1": (60.0, "seconds"), "B1": (2.0, "a factor, 1 where angles are right")}
# Largest difference of affines [mm] that rounding in files explains.
_SAME_PLACE = 1e-2


def use_known(arguments, model, table):
    """Set what --T1 and --B1 say in a model; return maps (n_voxels,) by name."""
    maps = {}
    for name in ("T1", "B1"):
        given = getattr(arguments, name)
        if given is None:
            continue
        if name not in model.get_params():
            raise ValueError(
                f"--{name} does not go with --model {arguments.model}: its signal has "
                f"no {name} to be given."
            )
        value = as_number(given)
        if value is None:
            maps[name] = read_map(name, as_path(given, f"--{name}"), table)
        elif not 0 < value < np.inf:
            raise ValueError(f"--{name} must be positive, got {given}.")
        _check_unit(name, given, maps.get(name, value))
        model.set_params(**{name: value})
    return maps


def bounds_of(arguments, models):
    """Return what --bounds says by name of the parameter, which a model must have."""
    found = {}
    names = {
        parameter.name: None
        for model in models.values()
        for parameter in model.parameters
    }
    for name, limits in arguments.bounds or ():
        if name in found:
            raise ValueError(f"--bounds {name} is given twice.")
        if name in _LARGEST and getattr(arguments, name) is not None:
            raise ValueError(f"--bounds {name} and --{name} exclude each other.")
        if name not in names:
            raise ValueError(
                f"--bounds {name} does not go with --model {arguments.model}, whose "
                f"parameters with bounds are {', '.join(names)}."
            )
        found[name] = limits
    return found


def as_number(text):
    """Return the number that an option gives, None if it is something else."""
    try:
        return float(text)
    except ValueError:
        return None


def _check_unit(name, given, values):
    """Raise ValueError if values are too large for the unit that is expected."""
    largest, unit = _LARGEST[name]
    values = np.atleast_1d(values)
    values = values[np.isfinite(values)]
    if values.size and np.median(values) > largest:
        raise ValueError(
            f"--{name} {given}: the median is {np.median(values):.4g}, expected {unit}."
        )


def read_map(name, path, table):
    """Return the values of a map at the voxels of a table, nan where it has none.

    What is not positive is no value.
    """
    if not path.is_file():
        if name == "labels":
            raise ValueError(f"--labels {path}: no such file.")
        other = "'auto', 'none'" if name == "mask" else "a number"
        raise ValueError(f"--{name} {path}: is neither {other} nor a file.")
    try:
        values, affine = load_volumes(path)
    except ValueError as error:
        raise ValueError(f"--{name} {error}") from error
    if np.iscomplexobj(values):
        raise ValueError(f"--{name} {path}: holds complex values, expected real ones.")
    values = values.astype(np.float64)
    mask = table.spatial["mask"]
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    same = values.shape == mask.shape and np.allclose(
        affine, table.spatial["affine"], atol=_SAME_PLACE
    )
    if same:
        values = values[mask]
    elif name in _LARGEST and values.ndim == 3:
        values = _at_voxels(values, affine, table, f"--{name} {path}")
    elif values.shape != mask.shape:
        raise ValueError(
            f"--{name} {path}: has shape {values.shape}, the images have {mask.shape}; "
            "it is not resampled."
        )
    else:
        raise ValueError(
            f"--{name} {path}: lies elsewhere than the images (their affines differ); "
            "it is not resampled."
        )
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _at_voxels(values, affine, table, source):
    """Return the values of a map where voxels of the images lie in it, nan elsewhere.

    Each is that of the voxel of the map that the middle of a voxel is in: between
    tissues or spheres, means of both would be of neither.
    """
    mask = table.spatial["mask"]
    if not np.isfinite(np.linalg.cond(affine)):
        raise ValueError(f"{source}: its affine has no inverse.")
    middle = np.argwhere(mask).T
    to_map = np.linalg.solve(affine, table.spatial["affine"])
    places = np.rint(to_map[:3, :3] @ middle + to_map[:3, 3:])
    inside = (places >= 0) & (places < np.reshape(values.shape, (3, 1)))
    inside = inside.all(axis=0)
    if 2 * np.count_nonzero(inside) < inside.size:
        raise ValueError(
            f"{source}: lies elsewhere than the images, {np.count_nonzero(inside)} of "
            f"whose {inside.size} voxels are in it."
        )
    found = np.full(inside.size, np.nan)
    found[inside] = values[tuple(places[:, inside].astype(np.int64))]
    warnings.warn(
        f"{source}: lies elsewhere than the images; each voxel takes the value at its "
        f"place, {np.count_nonzero(~inside)} of {inside.size} are outside the map",
        stacklevel=2,
    )
    return found


def voxels_with_values(maps, mask):
    """Return the voxels of a mask (n_voxels,) that all maps have a value for."""
    kept = mask.copy()
    for values in maps.values():
        kept &= np.isfinite(values)
    if not kept.any():
        raise ValueError(
            f"the maps of {' and '.join(maps)} have no value in any of the "
            f"{int(mask.sum())} voxels inside the mask."
        )
    return kept
