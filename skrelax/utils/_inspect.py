"""The parts of fitted Pipelines and searches."""

from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from ._sklearn import routing_enabled


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


def find_kernel(fitted, X):
    """Return what the last step of a fitted Pipeline or search was given."""
    fitted = best(fitted)
    if not isinstance(fitted, Pipeline):
        return X
    given = fitted[:-1].transform(X) if len(fitted) > 1 else X
    return find_kernel(fitted[-1], given)


def find_builder(estimator):
    """Return the fitted KernelBuilder of a Pipeline, or None."""
    estimator = best(estimator)
    if hasattr(estimator, "estimator_"):
        return find_builder(estimator.estimator_)
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


def has_search(fitted):
    """Return whether a fitted search is what a Pipeline is, or ends in."""
    while fitted is not None:
        if hasattr(fitted, "best_estimator_"):
            return True
        fitted = step_inside(fitted)
    return False


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


def looking_at(estimator, strengths):
    """Return a clone whose searches look at these strengths, or itself for None."""
    if strengths is None:
        return estimator
    settings = {
        name: strengths
        for name in estimator.get_params()
        if name.rpartition("__")[2] == "strengths"
    }
    return clone(estimator).set_params(**settings)


def weight_options(estimator, weight):
    """Return the options of fit that bring weights to the inversion inside.

    With scikit-learn's routing of metadata, requests say where weights go.
    """
    if weight is None:
        return {}
    return argument_options(estimator, "sample_weight", weight)


def argument_options(estimator, argument, value):
    """Return the options of fit that bring an argument to the last step inside."""
    prefix = "" if routing_enabled() else _argument_prefix(estimator, argument)
    return {f"{prefix}{argument}": value}


def fit_weighted(estimator, X, y, weight):
    """Return a fitted clone; weights go to the inversion inside."""
    return clone(estimator).fit(X, y, **weight_options(estimator, weight))


def _argument_prefix(estimator, argument):
    """Return what precedes an argument of the last step in the arguments of fit."""
    if has_fit_parameter(estimator, argument):
        return ""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__{_argument_prefix(last, argument)}"
    inner = getattr(estimator, "estimator", None)
    return "" if inner is None else _argument_prefix(inner, argument)
