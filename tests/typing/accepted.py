"""What a user with a type checker writes; all of it is right."""

from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import skrelax
from skrelax import (
    KernelBuilder,
    NonlinearRelaxationFit,
    SmoothLassoCV,
    VoxelMapper,
    fit_batch,
)
from skrelax.datasets import make_decay
from skrelax.inversion import LassoFista
from skrelax.io import DecayFileError, read_decay
from skrelax.metrics import Rectangle, distribution_peaks
from skrelax.nonlinear import FitStatus
from skrelax.plotting import DistributionDisplay
from skrelax.signals import MonoExponential, SignalModel
from skrelax.uncertainty import (
    Share,
    bootstrap_distribution,
    profile_parameters,
)


def invert(path: Path) -> float:
    """Return the largest share of a decay in a file."""
    try:
        table = read_decay(path)
    except DecayFileError:
        return 0.0
    acquisition, signals = table.by_point()
    builder = KernelBuilder("T2", n_bins=64, minimum=1e-3, maximum=10.0)
    kernel = builder.fit_transform(acquisition)
    model = SmoothLassoCV(order=2, rule="noise").fit(kernel, signals)
    assert_type(model, SmoothLassoCV)
    times = np.logspace(-3, 1, 64)
    peaks = distribution_peaks(model.coef_, times)
    inside = Share((0.0, 0.033))
    print(inside(model.coef_, times), Share(Rectangle("bound", T2=(0, 0.033))))
    DistributionDisplay.from_estimator(model, unit="s").plot()
    return float(peaks["share"].max())


def map_images(images: NDArray[np.float64], echo_times: list[float]) -> None:
    """Print how many voxels converged."""
    model: SignalModel = MonoExponential()
    mapper = VoxelMapper(NonlinearRelaxationFit(model), acquisition=echo_times)
    maps = mapper.fit(images).transform(images)
    print((maps[:, -1] == FitStatus.CONVERGED).sum(), FitStatus.CONVERGED.message)


data = make_decay(noise_std=1e-2, random_state=0)
fit = skrelax.SmoothLasso(smoothness=[1e-3], grid_shape=(8, 8))
assert_type(fit.fit([[1.0]], [1.0]).grids_, tuple[NDArray[Any], ...])
print(LassoFista(alpha=1e-3).fit(data.X, data.y).predict(data.X).shape)
print(skrelax.__version__.upper(), skrelax.metrics.log_mean([1.0], [1.0]))
print(bootstrap_distribution(fit, data.X, data.y, n_bootstrap=20).interval("log_mean"))
result = bootstrap_distribution(fit, data.X, data.y, n_bootstrap=20)
print(result.plot().ax_.get_xlabel(), result.plot().figure_.axes, len(result.band()))
print(profile_parameters(NonlinearRelaxationFit("T2"), data.X, data.y).to_frame())


class OtherFrame:
    """A frame of another library, whose results are of that library, too."""


found = fit_batch(fit, OtherFrame(), "TE", "signal", ["run"], intervals="auto")
assert_type(found, OtherFrame)
table, fitted = fit_batch(
    fit, OtherFrame(), ["TE"], "signal", "run", return_estimators=True
)
assert_type(table, OtherFrame)
print(fitted[0])
