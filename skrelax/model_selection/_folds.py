"""Folds of acquisition points, by any splitter."""

import numbers

import numpy as np

from ..utils._validation import errors_name


def check_splitter(cv):
    """Return a splitter; an int or None interleaves points."""
    # All of scikit-learn's searches and scores come with them.
    from sklearn.model_selection import check_cv

    from ._split import InterleavedKFold

    if cv is None or isinstance(cv, numbers.Integral):
        return InterleavedKFold(5 if cv is None else cv)
    return check_cv(cv)


def make_folds(cv, X, y, groups=None):
    """Return (train, test) pairs of a splitter as arrays of indices of rows of X."""
    splitter = check_splitter(cv)
    n_points = X.shape[0]
    with errors_name("groups"):
        groups = None if groups is None else _check_groups(groups, n_points)
    with errors_name("cv"):
        pairs = list(splitter.split(X, y, groups))
        if not pairs:
            raise ValueError("cv must give at least one fold, got none.")
        return [_check_fold(pair, n_points) for pair in pairs]


def _check_groups(groups, n_points):
    """Return a group for each point."""
    groups = np.asarray(groups)
    if groups.shape != (n_points,):
        raise ValueError(
            f"groups must be one per point ({n_points}), got shape {groups.shape}."
        )
    return groups


def _check_fold(pair, n_points):
    """Return the indices of the points of one fold."""
    parts = []
    for name, part in zip(("train", "test"), pair, strict=True):
        indices = np.asarray(part)
        if indices.dtype == bool and indices.shape == (n_points,):
            indices = np.flatnonzero(indices)
        if name == "test" and indices.size == 0:
            raise ValueError("every fold of cv must hold out a point.")
        if indices.ndim != 1 or indices.size == 0 or indices.dtype.kind not in "iu":
            raise ValueError(
                f"each fold of cv must be two arrays of indices, got {part!r} to "
                f"{name}."
            )
        if indices.max() >= n_points or indices.min() < -n_points:
            raise ValueError(
                f"folds of cv must be indices of {n_points} points, got "
                f"{indices.max()} to {name}."
            )
        parts.append(indices)
    return tuple(parts)


def fold_weights(folds, weight):
    """Return the weight of what each fold holds out, or raise where it is zero."""
    counts = np.array([weight[test].sum() for _, test in folds])
    if not (counts > 0).all():
        raise ValueError(
            "every fold of cv must hold out a point of positive sample_weight, but "
            f"fold {np.argmin(counts > 0)} does not."
        )
    return counts
