"""Signals with missing points, those that are nan."""

import numpy as np


def split_by_points(missing):
    """Return (points, signals) of signals that lack the same points, complete first.

    `missing` is (n_signals, n_points). Of each part the points that are there are a
    mask (n_points,), and the signals indices.
    """
    lacks = missing.any(axis=1)
    parts = []
    if not lacks.all():
        parts.append((np.ones(missing.shape[1], dtype=bool), np.flatnonzero(~lacks)))
    if lacks.any():
        places = np.flatnonzero(lacks)
        patterns, member = np.unique(missing[places], axis=0, return_inverse=True)
        order = np.argsort(member.reshape(-1), kind="stable")
        stops = np.cumsum(np.bincount(member.reshape(-1)))[:-1]
        parts += zip(~patterns, np.split(places[order], stops), strict=True)
    return parts


def fill_missing(Y, missing):
    """Return signals (n, n_points) with their first number in place of missing points.

    So what is constant stays so. Signals without any number keep nan.
    """
    first = Y[np.arange(len(Y)), (~missing).argmax(axis=1)]
    return np.where(missing, first[:, None], Y)
