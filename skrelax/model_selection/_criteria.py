"""What makes one strength of a penalty better than another, and when they are equal."""

from typing import NamedTuple

import numpy as np

# Criteria that differ by less than this fraction are equal: two processors, that round
# differently, must choose the same.
EQUAL = 1e-9
# Mean square of residuals, as a fraction of that of the signals, below which a fit is
# exact: the solvers promise a thousandth of this.
_EXACT = 1e-24
# Fraction of the points that a fit must leave over to be judged by its residuals.
_SATURATED = 1e-6
# Rounding of a curvature, as a fraction of it, from which it says nothing.
_RESOLVED = 0.1


class Fit(NamedTuple):
    """What a rule needs to know of one fit: of a signal, or summed over signals."""

    residual: float
    """Weighted mean square of the residuals."""
    norm: float
    """Penalty without its strength."""
    dof: float
    """Effective number of parameters of a signal."""
    seen: float
    """Mean square of the residuals in the directions that the kernel sees."""


def rounding_floor(squares):
    """Return the mean square of residuals below which they are rounding."""
    return _EXACT * squares


def first_minimum(values, sizes=None):
    """Return the first index, along axis 0, whose value is the smallest to rounding.

    `sizes` are the numbers whose rounding `values` hold, where values are differences.
    Of infinite values the first is taken.
    """
    values = np.asarray(values)
    sizes = values if sizes is None else sizes
    best = values.argmin(axis=0)
    least = np.take_along_axis(values, best[None], axis=0)
    size = np.take_along_axis(sizes, best[None], axis=0)
    return (values <= least + EQUAL * size).argmax(axis=0)


def within_one_standard_error(values, errors, sizes, best):
    """Return the first index, along axis 0, within an error of that at `best`."""
    best = np.asarray(best)[None]
    limit = np.take_along_axis(values + errors + EQUAL * sizes, best, axis=0)
    return (values <= limit).argmax(axis=0)


def generalised_error(residual, dof, n_points):
    """Return the criterion of generalised cross-validation.

    It is infinite where the fit leaves no degrees of freedom to judge it by.
    """
    left = 1.0 - dof / n_points
    return residual / left**2 if left > _SATURATED else np.inf


def menger_curvature(before, here, after):
    """Return the signed Menger curvature of three points of a plane, and its rounding.

    Each point is its coordinates (2,) and their rounding. A curvature that is little
    more than its rounding counts as none, -inf.
    """
    places, rounding = zip(before, here, after, strict=True)
    sides = np.diff(places, axis=0, append=places[:1])
    lengths = np.linalg.norm(sides, axis=1)
    scale = lengths.prod()
    if scale == 0.0:
        return -np.inf, 0.0
    first, second, _ = sides
    value = 2.0 * (first[0] * second[1] - first[1] * second[0]) / scale
    # A point that moves changes the area by the length of the side that it faces.
    error = 2.0 * float(np.dot(rounding, np.roll(lengths, -1))) / scale
    return (value, error) if error < _RESOLVED * abs(value) else (-np.inf, 0.0)


def largest_bend(curvature):
    """Return the largest x of {x: (curvature, rounding)} that bends most, or None."""
    best = max((c - error for c, error in curvature.values()), default=-np.inf)
    if not np.isfinite(best):
        return None
    return max(
        x
        for x, (c, error) in curvature.items()
        if c + error >= best - EQUAL * abs(best)
    )
