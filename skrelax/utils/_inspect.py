"""The parts of fitted Pipelines and searches."""

from sklearn.base import clone
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
            if hasattr(step, "models_"):
                return step
    return None


def number_repeats(names):
    """Return names, with the number of the axis where two of them are the same."""
    names = list(names)
    if len(set(names)) == len(names):
        return names
    return [f"{name}_{axis}" for axis, name in enumerate(names)]


def step_inside(fitted):
    """Return what a fitted search or Pipeline ends in, None for other estimators."""
    if hasattr(fitted, "best_estimator_"):
        return fitted.best_estimator_
    return fitted[-1] if isinstance(fitted, Pipeline) else None


def treats_signals_alone(estimator):
    """Return whether signals that share a call get what they would get alone."""
    if isinstance(estimator, Pipeline):
        *front, last = [step for _, step in estimator.steps]
        return treats_signals_alone(last) and all(
            getattr(step, "_ignores_signals", False) or step in (None, "passthrough")
            for step in front
        )
    # A subclass may do anything, so it has to say so itself.
    return "_treats_alone" in vars(type(estimator)) and estimator._treats_alone()


def choosing_for_each(estimator):
    """Return an estimator whose signals of one call get what they would get alone.

    It is the estimator itself, or a clone that chooses `per_signal`; None where neither
    treats signals alone.
    """
    if treats_signals_alone(estimator):
        return estimator
    settings = {
        name: True
        for name in estimator.get_params()
        if name.rpartition("__")[2] == "per_signal"
    }
    if not settings:
        return None
    each = clone(estimator).set_params(**settings)
    return each if treats_signals_alone(each) else None
