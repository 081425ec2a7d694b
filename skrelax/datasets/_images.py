"""Simulated series of images with known parameter maps."""

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ..io import RelaxationTable
from ..signals import resolve_model
from ..utils._frames import as_pandas
from ..utils._validation import check_acquisition, check_number, check_numbers
from ._checks import check_counts, check_generator, check_noise

# Ellipses from the outside in: centre, half axes (of the half width), angle
# [degrees], tissue. Later ones cover earlier ones.
_ELLIPSES = (
    (0.0, 0.0, 0.90, 0.74, 0.0, "scalp"),
    (0.0, 0.0, 0.82, 0.66, 0.0, "fluid"),
    (0.0, 0.0, 0.78, 0.62, 0.0, "grey"),
    (-0.05, 0.30, 0.60, 0.24, 8.0, "white"),
    (-0.05, -0.30, 0.60, 0.24, -8.0, "white"),
    (0.05, 0.13, 0.24, 0.07, 14.0, "fluid"),
    (0.05, -0.13, 0.24, 0.07, -14.0, "fluid"),
    (0.18, 0.30, 0.12, 0.09, 0.0, "grey"),
    (0.18, -0.30, 0.12, 0.09, 0.0, "grey"),
    (-0.38, 0.32, 0.06, 0.05, 0.0, "lesion"),
    (-0.25, -0.34, 0.08, 0.06, 30.0, "lesion"),
)
# About the values at 3 T [s].
_TISSUES = {
    "scalp": {"M0": 0.9, "T1": 0.40, "T2": 0.060, "T2*": 0.030, "T1rho": 0.050},
    "fluid": {"M0": 1.0, "T1": 3.80, "T2": 0.500, "T2*": 0.200, "T1rho": 0.450},
    "grey": {"M0": 0.8, "T1": 1.40, "T2": 0.095, "T2*": 0.055, "T1rho": 0.090},
    "white": {"M0": 0.7, "T1": 0.85, "T2": 0.070, "T2*": 0.045, "T1rho": 0.075},
    "lesion": {"M0": 0.9, "T1": 1.10, "T2": 0.130, "T2*": 0.080, "T1rho": 0.120},
}
_TIMES = {
    "TI": np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.8, 1.2, 1.8, 2.5, 4.0]),
    "TE": 0.005 * np.arange(1, 13),
    "TSL": np.array([0.001, 0.01, 0.02, 0.04, 0.06, 0.08]),
    "TS": np.array([0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 5.0]),
}


def make_image_series(
    model="T1-IR",
    acquisition=None,
    *,
    size=128,
    noise_std=0.01,
    magnitude=True,
    variation=0.05,
    random_state=None,
):
    """Simulate images of a head-like slice with known parameters.

    Parameters
    ----------
    model : str or SignalModel, default="T1-IR"
        Signal model with one nonlinear parameter ``T1``, ``T2``, ``T2*`` or
        ``T1rho`` and one amplitude.
    acquisition : DataFrame, array-like or None, default=None
        Acquisition with the columns of the model. None takes ten inversion times from
        50 ms to 4 s, twelve echo times from 5 to 60 ms, or the like.
    size : int, default=128
        Pixels along both axes.
    noise_std : float, default=0.01
        Standard deviation of the noise of real and imaginary parts; M0 is between 0.7
        and 1.
    magnitude : bool, default=True
        Whether to return magnitudes, also of the background, rather than signed real
        images.
    variation : float, default=0.05
        Largest relative change of parameters across a tissue.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise.

    Returns
    -------
    Bunch
        ``X`` (acquisition), ``y`` (n_points, n_voxels), ``table`` (the same as a
        :class:`~skrelax.io.RelaxationTable` of all voxels), ``truth`` (dict of images,
        nan outside) and ``tissue`` (image of names, "" outside).

    Raises
    ------
    ValueError
        If the model has other parameters, or times are not known for it, or a number
        is outside its range.

    Examples
    --------
    >>> from skrelax.datasets import make_image_series
    >>> data = make_image_series("T2*", size=32, random_state=0)
    >>> data.y.shape, sorted(data.truth)
    ((12, 1024), ['M0', 'T2*'])
    """
    model = resolve_model(model, "model")
    names = [parameter.name for parameter in model.parameters]
    if len(names) != 1 or names[0] not in _TISSUES["grey"] or len(model.amplitudes) > 1:
        raise ValueError(
            "model must have one amplitude and one of the parameters T1, T2, T2* and "
            f"T1rho, got {names}."
        )
    columns = list(model.acquisition_columns)
    if acquisition is None:
        if columns[0] not in _TIMES or len(columns) > 1:
            raise ValueError(f"acquisition must be given for the columns {columns}.")
        acquisition = pd.DataFrame({columns[0]: _TIMES[columns[0]]})
    acquisition, points = _check_points(acquisition, columns, model)
    (size,) = check_counts(size=size)
    check_counts(len(points) * size, size=size)
    noise_std, rng = check_noise(noise_std), check_generator(random_state)
    variation = check_number(variation, "variation", -1.0, 1.0)
    if not isinstance(magnitude, bool | np.bool_):
        raise TypeError(f"magnitude must be True or False, got {magnitude!r}.")
    (x, y), tissue = draw_tissues(size)
    inside = tissue != ""
    truth = {}
    for k, name in enumerate(("M0", names[0])):
        image = np.full((size, size), np.nan)
        for kind, values in _TISSUES.items():
            image[tissue == kind] = values[name]
        # Slow waves, so that no two voxels of a tissue are the same.
        image *= 1.0 + variation * np.sin(3.1 * x + k) * np.cos(2.3 * y - k)
        truth[name] = image
    with np.errstate(all="ignore"):
        signals = truth["M0"][inside] * model.evaluate(
            points, truth[names[0]][inside][:, None]
        )
    if not np.isfinite(signals).all():
        raise ValueError("acquisition gives signals of the model that are no numbers.")
    table = make_slice(signals, inside, acquisition, (noise_std, magnitude, rng))
    y = table.signals.to_numpy().T
    return Bunch(X=acquisition, y=y, table=table, truth=truth, tissue=tissue)


def draw_tissues(size):
    """Return places (2, size, size) from -1 to 1, and the tissue of each pixel."""
    x, y = np.meshgrid(*(np.linspace(-1.0, 1.0, size),) * 2, indexing="ij")
    tissue = np.full((size, size), "", dtype="<U6")
    for cx, cy, a, b, angle, name in _ELLIPSES:
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        u, v = c * (y - cx) + s * (x - cy), c * (x - cy) - s * (y - cx)
        tissue[(u / a) ** 2 + (v / b) ** 2 <= 1.0] = name
    return np.array([x, y]), tissue


def make_slice(signals, inside, acquisition, noise):
    """Return magnitudes or signed signals of a square slice with noise as a table.

    Signals (n_points, n_inside) are those of the pixels `inside` (size, size); `noise`
    are its standard deviation, whether to return magnitudes, and a generator.
    """
    noise_std, magnitude, rng = noise
    size = len(inside)
    images = np.zeros((len(signals), size, size))
    images[:, inside] = signals
    images += noise_std * rng.standard_normal(images.shape)
    if magnitude:
        images = np.hypot(images, noise_std * rng.standard_normal(images.shape))
    affine = np.diag([220.0 / size, 220.0 / size, 5.0, 1.0])
    return RelaxationTable(
        signals=pd.DataFrame(images.reshape(len(signals), -1).T),
        acquisition=acquisition,
        spatial={"mask": np.ones((size, size), dtype=bool), "affine": affine},
    )


def _check_points(acquisition, columns, model):
    """Return the acquisition as a frame, and its points (n_points, n_columns)."""
    acquisition = as_pandas(acquisition, "acquisition")
    if not isinstance(acquisition, pd.DataFrame):
        array = check_numbers(acquisition, "acquisition")
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2 or array.shape[1] != len(columns):
            raise ValueError(
                f"acquisition must have the columns {columns}, got shape {array.shape}."
            )
        acquisition = pd.DataFrame(array, columns=columns)
    missing = [name for name in columns if (acquisition.columns == name).sum() != 1]
    if missing:
        raise ValueError(
            f"acquisition must have each of the columns {columns} once, got "
            f"{list(acquisition.columns)}."
        )
    points = check_numbers(acquisition[columns], "acquisition", ndim=2)
    if len(points) == 0:
        raise ValueError("acquisition has no points.")
    check_acquisition(points, model, "acquisition")
    return acquisition, points
