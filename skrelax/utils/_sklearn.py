"""The only door to scikit-learn names that are private or have moved."""

import functools
import sys
from importlib.metadata import PackageNotFoundError, metadata

import sklearn
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

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:
    # Before scikit-learn 1.9 there are no callbacks, and no estimator has any.
    class CallbackSupportMixin:
        """Nothing."""

    def with_callbacks(method):
        """Return a method as it is."""
        return method


__all__ = [
    "BaseEstimator",
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "Options",
    "ParameterHolder",
    "StrOptions",
    "_check_feature_names_in",
    "_check_sample_weight",
    "_fit_context",
    "fits_a_fold",
    "has_callbacks",
    "open_context",
    "process_routing",
    "r2_score",
    "routing_enabled",
    "running_pipelines",
    "set_callbacks",
    "validate_parameter_constraints",
    "validate_params",
    "with_callbacks",
]


class ParameterHolder(base.BaseEstimator):
    """scikit-learn's base of estimators, with the names of parameters read once.

    Each fit asks for them several times, and reading them off a signature takes as
    long as the inversion of a signal.
    """

    @classmethod
    @functools.cache
    def _get_param_names(cls):
        return super()._get_param_names()

    # Where the HTML of an estimator has its question mark lead to.
    _doc_link_module = "skrelax"

    @property
    def _doc_link_template(self):
        site = _find_site()
        return f"{site}/{_PAGES}" if site else ""


# The pages of classes on the site, as doc/_pages.py names them.
_PAGES = "generated/api/{estimator_module}.{estimator_name}.html"


@functools.cache
def _find_site():
    """Return the address of the documentation, as the installed package has it, or "".

    A name of RFC 2606 stands for an address that is not known yet.
    """
    try:
        lines = metadata("skrelax").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    known = dict(line.split(", ", 1) for line in lines)
    site = known.get("Documentation", "").rstrip("/")
    return "" if "//example." in site else site


def r2_score(*arguments, **options):
    """Return what :func:`sklearn.metrics.r2_score` does, whose package comes late."""
    from sklearn.metrics import r2_score as score

    return score(*arguments, **options)


class BaseEstimator(CallbackSupportMixin, ParameterHolder):
    """What has a fit, of which callbacks of scikit-learn may hear."""


def has_callbacks(estimator):
    """Return whether an estimator has callbacks."""
    return bool(vars(estimator).get("_skl_callbacks"))


def set_callbacks(estimator, callbacks):
    """Give callbacks, one or a list or None, to an estimator, or raise."""
    if callbacks is None:
        return
    if not hasattr(estimator, "set_callbacks"):
        raise ImportError(
            f"callbacks need scikit-learn 1.9, got {sklearn.__version__}: update it, "
            "or pass callbacks=None."
        )
    several = isinstance(callbacks, list | tuple)
    estimator.set_callbacks(*(callbacks if several else [callbacks]))


def open_context(estimator, name, n_parts):
    """Return the context of a task for the callbacks of an estimator, None without any.

    `n_parts` is the number of its subtasks, None where it is not known. Who calls this
    is a fit in a `_fit_context`, or has `with_callbacks` around it.
    """
    if not has_callbacks(estimator):
        return None
    return estimator._init_callback_context(task_name=name, max_subtasks=n_parts)


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
