"""MP2RAGE images of BIDS datasets: two readouts of an inversion, with their sign."""

import warnings

import numpy as np

from ..io import RelaxationTable, read_nifti
from ..io._sidecar import read_sidecar
from ..io._volumes import load_volumes
from ..signals import MP2RAGE

# Ranges of uniform images, as programs and scanners store them.
_UNIFORM = (-0.5, 0.5), (0.0, 1.0), (0.0, 4095.0)
# Half turns of stored phases: radians, thousandths, and 12 bits with a sign.
_HALF_TURNS = np.pi, 1e3 * np.pi, 4096.0
# Whole turns of those that are not negative: radians, 12 bits, thousandths.
_TURNS = 2.0 * np.pi, 4096.0, 2e3 * np.pi
# Rounding may pass the ends of a range by this factor.
_PASSED = 1.001


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
        first, second = (_load(phases[number], mask) for number in ("1", "2"))
        sign = np.cos((first - second) * _radians(first, second))
    elif uniform is not None:
        values = _load(uniform, mask)
        sign = values - _middle(uniform, values)
    else:
        raise ValueError(
            "MP2RAGE needs the sign of its first image: phases (part-phase) or the "
            "uniform image (UNIT1)."
        )
    signals = table.signals.copy()
    sign = np.where(np.isnan(sign), np.nan, np.where(sign < 0.0, -1.0, 1.0))
    signals.iloc[:, 0] *= sign.astype(signals.iloc[:, 0].dtype)
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


def _load(path, mask):
    """Return the values of an image in a mask."""
    values, _ = load_volumes(path)
    if values.shape != mask.shape:
        raise ValueError(
            f"{path}: has shape {values.shape}, the magnitudes have {mask.shape}."
        )
    return values[mask].astype(np.float64)


def _ends(values):
    """Return the least and the largest finite value."""
    there = values[np.isfinite(values)]
    return there.min(initial=np.inf), there.max(initial=-np.inf)


def _radians(first, second):
    """Return the factor that makes radians of phases, which few voxels may span."""
    low, high = _ends(np.concatenate([first, second]))
    if low < 0.0:
        reach = max(-low, high)
        half = next((one for one in _HALF_TURNS if reach <= _PASSED * one), reach)
        return np.pi / half
    turn = next((one for one in _TURNS if high <= _PASSED * one), high)
    return 2.0 * np.pi / turn


def _middle(path, values):
    """Return the value of a uniform image where its sign changes."""
    low, high = _ends(values)
    for least, most in _UNIFORM:
        if least * _PASSED <= low and high <= most * _PASSED:
            return 0.5 * (least + most)
    raise ValueError(
        f"{path}: holds {low:g} to {high:g}, expected a uniform image from 0 to 4095, "
        "0 to 1 or -0.5 to 0.5."
    )
