"""The parts of fitted Pipelines and searches."""

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
