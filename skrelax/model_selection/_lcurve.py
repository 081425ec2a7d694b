"""The L-curve of a search where it is defined, and its bends on a grid."""

import numpy as np

from ._criteria import largest_bend, menger_curvature, rounding_floor
from ._searches import lcurve_corner

# Distance in log(strength) to which ends of the L-curve are found.
_EDGE = 1e-2
# Rounding of the logarithms of residuals as large as the signals: ten times what one
# unit in the last place of the data changes.
_ROUNDING = 10.0 * np.finfo(float).eps


def corner_of(fits, strengths, square, power, refine):
    """Search the corner of the L-curve: its log(strength), and how many are defined.

    `fits` are those of decreasing strengths, `square` is the mean square of what they
    are fitted to, and `power` that of the norm where a mean square is of first. The
    curve is cut off where norm or residual are zero to rounding: they have no
    logarithm. Returned are None for a corner that is not there, and a number.
    """
    floor = rounding_floor(square)
    norm_floor = rounding_floor(1.0) ** power * fits[-1].norm

    def defined(fit):
        return fit.norm > norm_floor and fit.residual > floor

    def point(fit):
        residual = max(fit.residual, floor)
        # Residuals are differences of numbers of the size of the signals.
        rounding = _ROUNDING * np.sqrt(square / residual)
        return np.log([residual, max(fit.norm, norm_floor)]), rounding

    def edge(inside, outside):
        """Return the last place that is defined on the way out of the curve."""
        while abs(outside - inside) > _EDGE:
            middle = 0.5 * (inside + outside)
            if defined((yield middle)):
                inside = middle
            else:
                outside = middle
        return inside

    grid = np.log(strengths)
    kept = np.flatnonzero([defined(fit) for fit in fits])
    if kept.size == 0:
        return None, 0
    first, last = kept[0], kept[-1]
    n_defined = int(last - first + 1)
    if not refine:
        within = range(last, first - 1, -1)
        return bend([point(fits[k]) for k in within], grid[within]), n_defined
    high, low = grid[first], grid[last]
    if first > 0:
        high = yield from edge(high, grid[first - 1])
    if last < grid.size - 1:
        low = yield from edge(low, grid[last + 1])
    return (yield from lcurve_corner(point, low, high)), n_defined


def bend(points, x):
    """Return the one of increasing x whose point bends most, or None."""
    return largest_bend(
        {
            x[i]: menger_curvature(points[i - 1], points[i], points[i + 1])
            for i in range(1, len(x) - 1)
        }
    )
