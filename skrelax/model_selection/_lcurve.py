"""The L-curve of a search where it is defined, and its bends on a grid."""

import numpy as np

from ._criteria import largest_bend, menger_curvature, rounding_floor

# Distance in log(strength) to which ends of the L-curve are found.
_EDGE = 1e-2
# Rounding of the logarithms of residuals as large as the signals: ten times what one
# unit in the last place of the data changes.
_ROUNDING = 10.0 * np.finfo(float).eps


def lcurve(curve, strengths, refine):
    """Return (point, strengths, ends): the L-curve where it is defined.

    `point` takes log(strength), of which `ends` are the smallest and the largest
    (None where nothing is defined), and returns coordinates and their rounding. The
    curve is cut off where the penalty norm or the residual is zero to rounding: they
    have no logarithm.
    """
    floor, power = curve.target.floor, curve.penalty.power
    norm_floor = rounding_floor(1.0) ** power * curve(np.log(strengths[-1])).norm

    def defined(x):
        return curve(x).norm > norm_floor and curve(x).residual > floor

    def point(x):
        fit = curve(x)
        residual = max(fit.residual, floor)
        # Residuals are differences of numbers of the size of the signals.
        rounding = _ROUNDING * np.sqrt(curve.target.square / residual)
        return np.log([residual, max(fit.norm, norm_floor)]), rounding

    def edge(inside, outside):
        """Return the last place that is defined on the way out of the curve."""
        while abs(outside - inside) > _EDGE:
            middle = 0.5 * (inside + outside)
            if defined(middle):
                inside = middle
            else:
                outside = middle
        return inside

    grid = np.log(strengths)
    kept = np.flatnonzero([defined(x) for x in grid])
    if kept.size == 0:
        return point, strengths[:0], None
    first, last = kept[0], kept[-1]
    high, low = grid[first], grid[last]
    if refine and first > 0:
        high = edge(high, grid[first - 1])
    if refine and last < grid.size - 1:
        low = edge(low, grid[last + 1])
    return point, strengths[first : last + 1], (low, high)


def bend(point, strengths):
    """Return log(strength) of the grid point that bends most, or None."""
    x = np.log(strengths)[::-1]
    points = [point(value) for value in x]
    return largest_bend(
        {
            x[i]: menger_curvature(points[i - 1], points[i], points[i + 1])
            for i in range(1, len(x) - 1)
        }
    )
