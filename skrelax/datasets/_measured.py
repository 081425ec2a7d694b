"""Small measurements that come with the package."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

_FOLDER = Path(__file__).parent / "measured"
# Certified values of plate 5 (NiCl2) at 20 degrees C [ms], spheres 1 to 14.
_T1_3T = (1989, 1454, 984.1, 706, 496.7, 351.5, 247.13, 175.3, 125.9, 89.0, 62.7,
          44.53, 30.84, 21.719)  # fmt: skip
_T1_15T = (2033, 1489, 1012, 730.8, 514.1, 367.9, 260.1, 184.6, 132.7, 92.7, 65.4,
           46.32, 32.45, 22.859)  # fmt: skip
_T2_3T = (1465, 1076, 717.9, 510.1, 359.6, 255.5, 180.8, 127.3, 90.3, 64.3, 45.7,
          31.86, 22.38, 15.83)  # fmt: skip
# File, field strength [T] and certified values of each series.
_PHANTOM = {
    "T1-Siemens": ("phantom_t1_siemens.csv", 1.5, _T1_15T),
    "T1-Philips": ("phantom_t1_philips.csv", 3.0, _T1_3T),
    "T2-Philips": ("phantom_t2_philips.csv", 3.0, _T2_3T),
}


def load_graphene():
    """Load an echo train of water in graphene oxide.

    32 echoes, 0.7 ms apart; T2 of 0.8 to 1.1 ms above a constant baseline.

    Returns
    -------
    Bunch
        ``X`` (32, 1), echo times [s]; ``y`` (32,), signal; ``kernel``, the name of
        the signal model; ``filename``, the table that is read; ``DESCR``, what it is,
        its source and its licence.

    Examples
    --------
    >>> from skrelax.datasets import load_graphene
    >>> graphene = load_graphene()
    >>> graphene.X.shape, graphene.kernel
    ((32, 1), 'T2')
    """
    return _load_decay("graphene_cpmg.csv", "T2")


def load_sandstone():
    """Load an inversion recovery of Cheshire sandstone.

    32 inversion times from 0.1 ms to 0.5 s, signed. One exponential gives a T1 of 16
    ms and an inversion efficiency of 1.67; the distribution is broad.

    Returns
    -------
    Bunch
        ``X`` (32, 1), inversion times [s]; ``y`` (32,), signal; ``kernel``, the name
        of the signal model; ``filename``, the table that is read; ``DESCR``, what it
        is, its source and its licence.

    Examples
    --------
    >>> from skrelax.datasets import load_sandstone
    >>> sandstone = load_sandstone()
    >>> sandstone.X.shape, sandstone.kernel
    ((32, 1), 'T1-IR')
    """
    return _load_decay("sandstone_ir.csv", "T1-IR")


def load_water_diffusion():
    """Load an attenuation of water by pulsed field gradients.

    16 weightings; the diffusion coefficient is 2.9e-9 m²/s.

    Returns
    -------
    Bunch
        ``X`` (16, 1), diffusion weightings b [s/m²]; ``y`` (16,), signal; ``kernel``,
        the name of the signal model; ``filename``, the table that is read; ``DESCR``,
        what it is, its source and its licence.

    Examples
    --------
    >>> from skrelax.datasets import load_water_diffusion
    >>> water = load_water_diffusion()
    >>> water.X.shape, water.kernel
    ((16, 1), 'diffusion')
    """
    return _load_decay("water_diffusion.csv", "diffusion")


def load_berea():
    """Load a T1-T2 measurement of Berea sandstone.

    Inversion recovery (16 inversion times from 1 ms to 3 s), then an echo train of 0.1
    s. The phase is removed, and 1024 echoes are averaged in windows
    (:func:`~skrelax.io.compress_echoes`): a window of n echoes has weight n. T1 is
    about 0.16 s, T2 about 13 ms.

    Returns
    -------
    Bunch
        ``X`` (n_points, 2), inversion and echo times [s], the echo times running
        fastest; ``y`` (n_points,), signal; ``sample_weight`` (n_points,);
        ``noise_std``, the noise of a single echo, by the imaginary channel
        (the median of its steps: the first echoes are out of phase);
        ``kernel``, the names of the signal models; ``filename``, the table that is
        read; ``DESCR``, what it is, its source and its licence.

    Examples
    --------
    >>> from skrelax.datasets import load_berea
    >>> berea = load_berea()
    >>> berea.X.shape, berea.kernel
    ((640, 2), ('T1-IR', 'T2'))
    """
    table, about = _read("berea_t1_t2.csv")
    TI, TE, y, noise_std, weight = np.array(table).T
    return Bunch(
        X=np.column_stack([TI, TE]),
        y=y.copy(),
        sample_weight=weight.copy(),
        noise_std=float(np.median(noise_std * np.sqrt(weight))),
        kernel=("T1-IR", "T2"),
        **about,
    )


def load_phantom(series="T1-Siemens"):
    """Load mean signals of the spheres of the ISMRM/NIST system phantom.

    Fourteen spheres of NiCl2 solution whose T1 and T2 are certified [1]_, in the water
    of the phantom. Magnitudes.

    Parameters
    ----------
    series : {"T1-Siemens", "T1-Philips", "T2-Philips"}, default="T1-Siemens"
        Inversion recovery at 1.5 T, whose repetition time differs from image to image;
        inversion recovery at 3 T; 32 spin echoes at 3 T.

    Returns
    -------
    Bunch
        ``X``, a frame (n_points, 2) of TI or TE and TR [s]; ``y`` (n_points, 14), mean
        signals of the spheres; ``water`` (n_points,), that of the water around them;
        ``reference`` (14,), certified T1 or T2 at this field [s];
        ``field_strength`` [T]; ``filename``, the table that is read; ``DESCR``, what
        it is, its source and its licence.

    Raises
    ------
    ValueError
        If there is no such series.

    References
    ----------
    .. [1] K. F. Stupic et al., "A standard system phantom for magnetic resonance
       imaging", Magn. Reson. Med. 86, 1194 (2021),
       https://doi.org/10.1002/mrm.28779.

    Examples
    --------
    >>> from skrelax.datasets import load_phantom
    >>> phantom = load_phantom("T2-Philips")
    >>> list(phantom.X), phantom.y.shape
    (['TE', 'TR'], (32, 14))
    """
    if not isinstance(series, str) or series not in _PHANTOM:
        raise ValueError(f"series must be one of {list(_PHANTOM)}, got {series!r}.")
    name, field_strength, certified = _PHANTOM[series]
    table, about = _read(name)
    spheres = [f"s{number}" for number in range(1, 15)]
    return Bunch(
        X=table.iloc[:, :2],
        y=np.array(table[spheres]),
        water=np.array(table["water"]),
        reference=1e-3 * np.array(certified),
        field_strength=field_strength,
        **about,
    )


def _load_decay(name, kernel):
    """Return the Bunch of one signal over one quantity."""
    table, about = _read(name)
    points, signal = np.array(table).T
    return Bunch(X=points[:, None].copy(), y=signal.copy(), kernel=kernel, **about)


def _read(name):
    """Return the frame of a table, and where it is and what its head says."""
    path = _FOLDER / name
    with path.open(encoding="utf-8") as lines:
        head = [line[1:].strip() for line in lines if line.startswith("#")]
    table = pd.read_csv(path, comment="#", dtype=np.float64, encoding="utf-8")
    return table, {"filename": str(path), "DESCR": "\n".join(head)}
