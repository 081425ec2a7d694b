"""One of several signals of a fitted inversion, as if it had been inverted alone."""

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ..utils._answers import answering
from ..utils._inspect import best, final_step, weight_options

# How far the distribution of a signal alone may be from that among others, of its
# size: both are solved to a gap.
_SAME = 1e-3


def fit_alone(model, number, X, y, weight):
    """Return a model of one signal (n_points,) with what was chosen for all.

    Raises ValueError where that makes another distribution: signals are coupled then.
    """
    one = _of_one(model, number)
    one.fit(X, y, **weight_options(one, weight))
    among = np.take(final_step(model).distribution_, number, axis=-1)
    alone = np.reshape(final_step(one).distribution_, among.shape)
    if np.abs(alone - among).max() > _SAME * np.abs(among).max():
        raise ValueError(
            "model must be of one signal, or of several that are inverted each for "
            "itself; its signals hang together."
        )
    return one


def _of_one(model, number):
    """Return an unfitted model for one of the signals, with the strengths chosen."""
    inner = best(model)
    if isinstance(inner, Pipeline):
        *front, (name, last) = inner.steps
        steps = [(label, clone(step)) for label, step in front]
        return Pipeline([*steps, (name, _of_one(last, number))])
    return answering(inner)._keep_choice(np.array([number]))
