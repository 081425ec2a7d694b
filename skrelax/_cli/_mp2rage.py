"""MP2RAGE images of BIDS datasets: two readouts of an inversion, with their sign."""

import warnings

import numpy as np

from ..io import RelaxationTable, read_nifti
from ..io._sidecar import read_sidecar
from ..io._volumes import load_volumes
from ..signals import MP2RAGE

# Intensities of uniform images, from -0.5 to 0.5, are stored as 0 to this number.
_UNIFORM = 4095.0
# Phases in radians do not pass this; others are stored as integers.
_RADIANS = 1.001 * np.pi


def read_mp2rage(files, uniform):
    """Return the table of signed readouts and the model of their sequence.

    The sign of the first readout relative to the second comes from their phases, or
    from the uniform image of the scanner, whose path is `uniform` or None.
    """
    by_part = {"mag": {}, "phase": {}}
    for file in files:
        part = file.entities.get("part", "mag")
        if part in by_part:
            by_part[part][file.entities.get("inv")] = file.path
    magnitudes, phases = by_part["mag"], by_part["phase"]
    if set(magnitudes) != {"1", "2"}:
        raise ValueError(
            "MP2RAGE needs magnitudes of inv-1 and inv-2, found "
            f"{', '.join(f'inv-{number}' for number in sorted(magnitudes)) or 'none'}."
        )
    table = read_nifti([magnitudes["1"], magnitudes["2"]], varying="TI")
    model = _sequence([magnitudes["1"], magnitudes["2"]], table)
    mask = table.spatial["mask"]
    if set(phases) == {"1", "2"}:
        first, second = (_phase(phases[number], mask) for number in ("1", "2"))
        is_negative = np.cos(first - second) < 0.0
    elif uniform is not None:
        values, _ = load_volumes(uniform)
        _check_shape(uniform, values, mask)
        is_negative = values[mask] < 0.5 * _UNIFORM
    else:
        raise ValueError(
            "MP2RAGE needs the sign of its first image: phases (part-phase) or the "
            "uniform image (UNIT1)."
        )
    signals = table.signals.copy()
    signals.iloc[:, 0] *= np.where(is_negative, -1.0, 1.0)
    signed = RelaxationTable(
        signals,
        table.acquisition[["TI"]],
        table.samples,
        table.spatial,
        table.measurement,
    )
    return signed, model


def _sequence(paths, table):
    """Return the MP2RAGE of the sidecars of both images."""
    contents = [read_sidecar(path)[0] for path in paths]
    needed = "RepetitionTimePreparation", "RepetitionTimeExcitation", "NumberShots"
    for key in (*needed, "FlipAngle"):
        if any(content.get(key) is None for content in contents):
            raise ValueError(f"{paths[0]}: MP2RAGE needs {key} in its sidecar.")
    # Shots before and after the middle of k-space, or all of them.
    parts = np.atleast_1d(contents[0]["NumberShots"])
    shots = np.sum(parts)
    if parts.size == 2 and abs(parts[0] - parts[1]) > 1:
        warnings.warn(
            f"{paths[0]}: NumberShots {parts.tolist()}: the middle of k-space is not "
            "that of the train, where the model has it; T1 may be off",
            stacklevel=2,
        )
    return MP2RAGE(
        inversion_times=tuple(table.acquisition["TI"].astype(float)),
        flip_angle=tuple(float(content["FlipAngle"]) for content in contents),
        cycle_time=float(contents[0]["RepetitionTimePreparation"]),
        readout_spacing=float(contents[0]["RepetitionTimeExcitation"]),
        n_readouts=int(shots),
    )


def _phase(path, mask):
    """Return the phase of each voxel of a mask in radians."""
    values, _ = load_volumes(path)
    _check_shape(path, values, mask)
    values = values[mask].astype(np.float64)
    if np.abs(values).max(initial=0.0) <= _RADIANS:
        return values
    # Converters leave the integers of the scanner, whose range is a full turn.
    low, high = values.min(), values.max()
    return (values - low) / max(high - low, 1.0) * 2.0 * np.pi


def _check_shape(path, values, mask):
    if values.shape != mask.shape:
        raise ValueError(
            f"{path}: has shape {values.shape}, the magnitudes have {mask.shape}."
        )
