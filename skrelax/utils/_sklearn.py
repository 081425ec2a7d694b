"""The only door to scikit-learn names that are private or have moved."""

from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
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
    "process_routing",
    "routing_enabled",
    "validate_params",
]
