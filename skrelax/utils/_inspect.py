"""The parts of fitted Pipelines and searches."""

import numpy as np
from sklearn.pipeline import Pipeline


def best(estimator):
    """Return the fitted estimator inside searches."""
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    return estimator


def final_step(estimator):
    """Return the last step of a Pipeline, also where one of both is a search."""
    estimator = best(estimator)
    if isinstance(estimator, Pipeline):
        return final_step(estimator[-1])
    return estimator


def find_builder(estimator):
    """Return the fitted KernelBuilder of a Pipeline, or None."""
    estimator = best(estimator)
    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps:
            if hasattr(step, "relaxation_times_"):
                return step
    return None


def number_repeats(names):
    """Return names, with the number of the axis where two of them are the same."""
    names = list(names)
    if len(set(names)) == len(names):
        return names
    return [f"{name}_{axis}" for axis, name in enumerate(names)]


def fitted_distributions(estimator):
    """Return distributions (n_signals, n_bins), bins per axis or None, and models.

    Bins of several axes are in C order. Models are empty where the estimator does not
    know them.
    """
    last = final_step(estimator)
    if hasattr(last, "distribution_") and hasattr(last, "grids_"):
        grids = tuple(last.grids_)
        n_bins = int(np.prod([grid.size for grid in grids]))
        f = last.distribution_.reshape(n_bins, -1).T
        return f, grids, tuple(last._axes.models)
    builder = find_builder(estimator)
    source = last if builder is None else builder
    times = getattr(source, "relaxation_times_", None)
    if times is not None and not isinstance(times, tuple):
        times = (times,)
    models = () if builder is None else tuple(builder.models_)
    return np.atleast_2d(last.coef_), times, models
