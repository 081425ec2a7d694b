"""Whether intervals mean anything."""

import numpy as np

# Wider intervals than these say next to nothing: half of all shares, a decade of times
# or amplitudes.
MOST_SHARE = 0.5
MOST_FACTOR = 10.0
# Or this part of the grid, on its logarithm, where the grid itself is short.
_MOST_OF_GRID = 0.8
# The interval means something, and does not hold the estimate.
OUTSIDE = "estimate outside"
# An estimate so near to an end, as a part of the largest number there, is within: that
# is how well solvers know it.
_WITHIN = 1e-6


def is_wide(ends, limits, most=None):
    """Return whether an interval says next to nothing.

    Parameters
    ----------
    ends : tuple of float
        The interval.
    limits : tuple of float
        The least and the largest value that the number can have.
    most : float or None, default=None
        Its largest width; None for a number that is known to a factor.
    """
    (lower, upper), (low, high) = ends, limits
    if np.isinf(lower) or np.isinf(upper):
        return True
    if most is not None:
        return bool(upper - lower > most)
    # Products do not overflow as ratios may.
    wide = upper > MOST_FACTOR * lower
    if low > 0.0 and np.isfinite(high) and high > low:
        wide |= np.log(upper / lower) / np.log(high / low) > _MOST_OF_GRID
    return bool(wide)


def is_outside(estimate, ends, scale):
    """Return whether an interval leaves out its estimate, or there is no estimate."""
    lower, upper = ends
    largest = 1.0 if scale == "share" else max(abs(lower), abs(upper), abs(estimate))
    slack = _WITHIN * largest
    return not lower - slack <= estimate <= upper + slack
