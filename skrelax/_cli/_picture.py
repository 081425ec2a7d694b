"""The picture of an inversion: decay, distribution, residuals, curve."""

import importlib.util

import numpy as np

from ..plotting import (
    CrossValidationCurveDisplay,
    DecayDisplay,
    DistributionDisplay,
    DistributionMapDisplay,
    ResidualsDisplay,
    ResidualsMapDisplay,
)
from ..plotting._base import styled
from ._output import units_of, without_math


def check_matplotlib():
    """Raise an error that names the way out where pictures cannot be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError(
            'the picture needs matplotlib: pip install "skrelax[plotting]", or give '
            "--no-plot."
        )


@styled
def draw_inversion(path, arguments, data, pipeline):
    """Draw four panels into a PNG file."""
    from matplotlib.figure import Figure

    X = data["X"]
    y = data["y"].rename(columns=without_math)
    y = y if y.shape[1] > 1 else y.iloc[:, 0]
    given, found = map(without_math, units_of(arguments))
    figure = Figure(figsize=(10, 7), layout="constrained")
    (decay, distribution), (residuals, curve) = figure.subplots(2, 2)
    DecayDisplay.from_estimator(pipeline, X, y, unit=given, ax=decay)
    decay.set_title("Signal and fit")
    DistributionDisplay.from_estimator(
        pipeline,
        unit=found,
        truth=data["truth"],
        ax=distribution,
    )
    distribution.set_title("Distribution")
    difference = np.asarray(y) - pipeline.predict(X)
    noise = None
    if difference.ndim == 1:
        noise = float(np.sqrt(np.mean(difference**2)))
    ResidualsDisplay.from_estimator(
        pipeline, X, y, noise_std=noise, unit=given, ax=residuals
    )
    if noise is not None:
        residuals.legend(["root mean square"], frameon=False)
    residuals.set_title("Residuals")
    CrossValidationCurveDisplay.from_estimator(pipeline, ax=curve)
    curve.set_title("Cross-validation over acquisition points")
    figure.savefig(path, dpi=130)


@styled
def draw_plane(path, arguments, plane, pipeline):
    """Draw the map with its marginals, and the residuals, into a PNG file."""
    from matplotlib.figure import Figure

    unit = None if arguments.unit is None else without_math(arguments.unit)
    figure = Figure(figsize=(15.5, 5.6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.3))
    DistributionMapDisplay.from_estimator(pipeline, unit=unit, figure=left)
    ResidualsMapDisplay.from_estimator(
        pipeline,
        plane.acquisition,
        plane.signal,
        sample_weight=plane.weight,
        noise_std=plane.noise_std if plane.noise_std > 0 else None,
        unit=unit,
        figure=right,
    )
    left.suptitle("Distribution")
    right.suptitle("Residuals")
    figure.savefig(path, dpi=130)
