"""The only door to scikit-learn names that are private or have moved."""

import functools
import sys

from sklearn import base
from sklearn.base import _fit_context
from sklearn.pipeline import Pipeline
from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import _check_feature_names_in, _check_sample_weight

__all__ = [
    "BaseEstimator",
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "_check_feature_names_in",
    "_check_sample_weight",
    "_fit_context",
    "fits_a_fold",
    "process_routing",
    "routing_enabled",
    "running_pipelines",
    "validate_parameter_constraints",
    "validate_params",
]


class BaseEstimator(base.BaseEstimator):
    """scikit-learn's base of estimators, with the names of parameters read once.

    Each fit asks for them several times, and reading them off a signature takes as
    long as the inversion of a signal.
    """

    @classmethod
    @functools.cache
    def _get_param_names(cls):
        return super()._get_param_names()


def _frames_of(module):
    """Yield the frames of a module that have called, the innermost first."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == module:
            yield frame
        frame = frame.f_back


def fits_a_fold():
    """Return whether this thread is in a fit of scikit-learn's cross-validation.

    There is no public sign of it. Where the module has moved the answer is no.
    """
    return any(True for _ in _frames_of("sklearn.model_selection._validation"))


def running_pipelines():
    """Yield the Pipelines whose fits have called, the innermost first.

    There is no public sign of them. Where the module has moved there are none.
    """
    for frame in _frames_of("sklearn.pipeline"):
        found = frame.f_locals.get("self")
        if isinstance(found, Pipeline):
            yield found
