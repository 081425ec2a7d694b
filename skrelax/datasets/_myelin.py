"""Simulated echo trains of a head-like slice with known myelin water."""

import numpy as np
import pandas as pd
from scipy.special import ndtr
from sklearn.utils import Bunch

from ..signals import EPGEchoTrain
from ..utils._validation import check_number, check_numbers
from ._checks import check_counts, check_generator, check_noise
from ._images import draw_tissues, make_slice

# Share of myelin water, T2 of the other water [s] and M0, about the values at 3 T.
_TISSUES = {
    "scalp": (0.0, 0.060, 0.9),
    "fluid": (0.0, 0.900, 1.0),
    "grey": (0.04, 0.090, 0.8),
    "white": (0.12, 0.075, 0.7),
    "lesion": (0.03, 0.130, 0.9),
}
_MYELIN_T2 = 0.018
# Widths of both pools in ln T2: T2 is lognormal.
_WIDTH = 0.2
# Steps of half a width or less integrate such pools to rounding.
_FINE = np.geomspace(0.006, 2.5, 64)
# Refocusing angles in the middle and one half width away [degrees].
_ANGLES = 178.0, 120.0
_PIXELS = 1000
# Echo times may be off by this fraction of their spacing, as single precision has them.
_ROUNDING = 1e-3


def make_myelin_water_images(
    echo_times=None,
    *,
    size=64,
    noise_std=0.005,
    magnitude=True,
    variation=0.3,
    short=0.04,
    random_state=None,
):
    """Simulate images of spin echo trains with known myelin water.

    A head-like slice whose white matter has 8 to 16 % of myelin water; refocusing
    angles fall from the middle to the rim as a field of 3 T has them, so that
    stimulated echoes mix in (:class:`~skrelax.signals.EPGEchoTrain`, T1 of 1 s, and an
    excitation of half the refocusing angle).

    Parameters
    ----------
    echo_times : array-like of shape (n_echoes,) or None, default=None
        Times of all echoes of the train [s], evenly spaced. None takes 48 echoes, 10
        ms apart.
    size : int, default=64
        Pixels along both axes.
    noise_std : float, default=0.005
        Standard deviation of the noise of real and imaginary parts; M0 is between 0.7
        and 1.
    magnitude : bool, default=True
        Whether to return magnitudes, also of the background, rather than signed real
        images.
    variation : float, default=0.3
        Largest relative change of the share of myelin water across a tissue.
    short : float, default=0.04
        T2 below which water counts in ``truth["short_fraction"]`` [s].
    random_state : int, RandomState instance or None, default=None
        Seed of the noise.

    Returns
    -------
    Bunch
        ``X`` (acquisition with the column TE), ``y`` (n_echoes, n_voxels), ``table``
        (the same as a :class:`~skrelax.io.RelaxationTable` of all voxels), ``truth``
        (images ``"M0"``, ``"short_fraction"``, ``"gmT2"`` [s] and ``"flip_angle"``
        [degrees], nan outside) and ``tissue`` (image of names, "" outside).

    Raises
    ------
    ValueError
        If echoes are not evenly spaced, or a number is outside its range.

    Examples
    --------
    >>> from skrelax.datasets import make_myelin_water_images
    >>> data = make_myelin_water_images(size=32, random_state=0)
    >>> data.y.shape
    (48, 1024)
    >>> data.truth["short_fraction"][data.tissue == "white"].mean().round(2)
    np.float64(0.12)
    """
    times = 0.01 * np.arange(1, 49) if echo_times is None else echo_times
    times = check_numbers(times, "echo_times", ndim=1)
    spacing = times[1] - times[0] if times.size > 1 else 0.0
    off = np.abs(times - times[:1] - spacing * np.arange(times.size))
    if not spacing > 0.0 or times[0] <= 0.0 or off.max() > _ROUNDING * spacing:
        raise ValueError(
            "echo_times must be at least two evenly spaced times, increasing from "
            f"above 0, got {times}."
        )
    (size,) = check_counts(size=size)
    check_counts(times.size * size, size=size)
    noise_std, rng = check_noise(noise_std), check_generator(random_state)
    variation = check_number(variation, "variation", 0.0, 1.0)
    short = check_number(short, "short", 0.0, np.inf)
    if not isinstance(magnitude, bool | np.bool_):
        raise TypeError(f"magnitude must be True or False, got {magnitude!r}.")
    (x, y), tissue = draw_tissues(size)
    inside = tissue != ""
    myelin, T2, M0 = (np.full((size, size), np.nan) for _ in range(3))
    for kind, (share, other, amplitude) in _TISSUES.items():
        here = tissue == kind
        myelin[here], T2[here], M0[here] = share, other, amplitude
    # Slow waves, so that no two voxels of a tissue are the same.
    waves = np.sin(3.1 * x) * np.cos(2.3 * y)
    myelin *= 1.0 + variation * waves
    T2 *= 1.0 + 0.05 * np.sin(3.1 * x + 1.0) * np.cos(2.3 * y - 1.0)
    M0 *= 1.0 + 0.05 * waves
    angles = _ANGLES[0] - (_ANGLES[0] - _ANGLES[1]) * (x**2 + y**2)
    pools = (myelin, _MYELIN_T2), (1.0 - myelin, T2)
    with np.errstate(divide="ignore"):
        below = [share * ndtr(np.log(short / t) / _WIDTH) for share, t in pools]
    truth = {
        "M0": M0,
        "short_fraction": sum(below),
        "gmT2": np.exp(sum(share * np.log(t) for share, t in pools)),
        "flip_angle": np.where(inside, angles, np.nan),
    }
    train = EPGEchoTrain(
        B1=None,
        echo_spacing=float(spacing),
        first_echo=float(times[0]),
    )
    signals = _echoes(train, times, [column[inside] for column in (angles, myelin, T2)])
    acquisition = pd.DataFrame({"TE": times})
    noise = noise_std, magnitude, rng
    table = make_slice(M0[inside] * signals, inside, acquisition, noise)
    y = table.signals.to_numpy().T
    return Bunch(X=acquisition, y=y, table=table, truth=truth, tissue=tissue)


def _echoes(train, times, columns):
    """Return echoes (n_echoes, n_pixels) of unit amplitude.

    Columns are angles, shares of myelin water and T2 of the other water.
    """
    angles, myelin, T2 = columns
    out = np.empty((times.size, angles.size))
    for start in range(0, angles.size, _PIXELS):
        part = slice(start, start + _PIXELS)
        sets = np.empty((angles[part].size, _FINE.size, 2))
        sets[:, :, 0], sets[:, :, 1] = _FINE, angles[part, None] / 180.0
        echoes = train.evaluate(times[:, None], sets.reshape(-1, 2))
        echoes = echoes.reshape(times.size, -1, _FINE.size)
        f = myelin[part, None] * _pool(np.array([_MYELIN_T2]))
        f += (1.0 - myelin[part, None]) * _pool(T2[part])
        out[:, part] = np.einsum("epj,pj->ep", echoes, f)
    return out


def _pool(T2):
    """Return lognormal pools around T2 (n_pixels,) on the fine grid, of sum one."""
    f = np.exp(-0.5 * (np.log(_FINE / T2[:, None]) / _WIDTH) ** 2)
    return f / f.sum(axis=1, keepdims=True)
