"""Refits of inversions that draw their own signals: signed ones."""

from functools import partial

import numpy as np
from sklearn.base import clone

from ..kernels import KernelBuilder
from ..utils._answers import answering, fitted_distributions
from ..utils._inspect import find_kernel
from ._bias_aware import make_smoothness
from ._draw import Drawing
from ._methods import choose_method
from ._of_estimator import Refits
from ._result import BIAS_AWARE, UncertaintyResult


def resample_signed(estimator, fitted, X, signal, weight, draws, rng, n_jobs):
    """Return the UncertaintyResult of an inversion that refits its own signal."""
    method, _ = choose_method(fitted, draws.method, signal, draws.noise_std)
    last, found = answering(fitted), fitted_distributions(fitted)
    if not found.has_times or len(found.rows) != 1:
        raise ValueError(
            "estimator must have found one distribution of relaxation times, got "
            f"{len(found.rows)} over {len(found.grids)} axes, not all inverted."
        )
    if draws.noise_std is not None:
        raise ValueError(
            f"noise_std must be None: a {type(last).__name__} has its own."
        )
    problem, shape = None, tuple(grid.size for grid in found.grids)
    noise_std = float(np.mean(last.noise_std_))
    if method == BIAS_AWARE:
        builder = KernelBuilder(list(found.models), grid=list(found.grids))
        K = np.asarray(builder.fit_transform(X), dtype=np.float64)
        has_baseline = last.baseline_ is not None
        problem = make_smoothness(K, signal, weight, None, has_baseline, shape)
    points = find_kernel(fitted, X)
    draw = partial(last._draw_signals, points, weight, draws.n_bootstrap)
    again = Drawing.before(draw, rng)
    samples = np.empty((0, found.rows.shape[1]))
    if draws.n_bootstrap:
        refits = last.bands(draws.n_bootstrap, random_state=rng, n_jobs=n_jobs).samples
        samples = refits.reshape(len(refits), -1)
    axes = dict(zip(found.axis_names, found.grids, strict=True))
    return UncertaintyResult(
        found.rows[0], samples, axes, method, noise_std, draws.level, problem,
        Refits(_with_noise(estimator, noise_std), fitted, X, weight, again, n_jobs),
    )  # fmt: skip


def _with_noise(estimator, noise_std):
    """Return a clone whose last step inside has this level of noise."""
    names = [n for n in estimator.get_params() if n.rpartition("__")[2] == "noise_std"]
    name = max(names, key=lambda name: name.count("__"))
    return clone(estimator).set_params(**{name: noise_std})
