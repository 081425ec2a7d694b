"""The only door to scikit-learn names that are private or have moved."""

import sys

from sklearn.base import BaseEstimator, _fit_context
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
    "validate_parameter_constraints",
    "validate_params",
]


def fits_a_fold():
    """Return whether this thread is in a fit of scikit-learn's cross-validation.

    There is no public sign of it. Where the module has moved the answer is no.
    """
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "sklearn.model_selection._validation":
            return True
        frame = frame.f_back
    return False
