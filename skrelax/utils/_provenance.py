"""How a result came about, in text and numbers."""

import platform
from importlib.metadata import version

import numpy as np

from .._version import __version__
from ._inspect import best, step_inside

# What a search or a rule has chosen, where it has.
_CHOSEN = ("alpha_", "smoothness_", "strength_", "efficiency_", "noise_std_")
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "numba")


def describe_settings(model):
    """Return the settings of a fitted estimator and its parts as text by name."""
    return {name: repr(value) for name, value in best(model).get_params().items()}


def describe_estimator(model):
    """Return a fitted estimator as one line of text."""
    return " ".join(repr(best(model)).split())


def find_chosen(model):
    """Return numbers that searches and their last step have chosen, by name."""
    found = {}
    while model is not None:
        for name in _CHOSEN:
            value = getattr(model, name, None)
            if isinstance(value, float | int | np.ndarray):
                found.setdefault(name.rstrip("_"), np.asarray(value).tolist())
        model = step_inside(model)
    return found


def find_versions():
    """Return versions by the name of the library."""
    own = {"skrelax": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in _LIBRARIES}
