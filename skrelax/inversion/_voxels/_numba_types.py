"""What the loops over signals share, and where they work."""

from typing import NamedTuple

import numpy as np

from .._numba_active_set import ActiveSet


class Table(NamedTuple):
    """Kernels over a setting: polynomials between edges, and the kernels of a scan.

    Rows of kernels carry the square roots of the weights of points, with sum one.
    """

    edges: np.ndarray
    """Where polynomials meet, increasing, (n_pieces + 1,)."""
    coefficients: np.ndarray
    """Of powers of the place in a piece, from -1 to 1, lowest power first, (n_pieces,
    n_bins, n_powers, n_points)."""
    magnitude: bool
    """Whether kernels are the magnitudes of these polynomials."""
    nodes: np.ndarray
    """Settings of the scan, increasing and equally far apart, (n_nodes,)."""
    kernels: np.ndarray
    """Kernels of the scan, (n_nodes, n_bins, n_points)."""
    slopes: np.ndarray
    """Derivatives of these by the setting, (n_nodes, n_bins, n_points)."""
    grams: np.ndarray
    """Products of columns of these kernels, (n_nodes, n_bins, n_bins)."""
    ratios: np.ndarray
    """Logarithms of the eigenvalues of products of columns in units of the penalty, at
    settings equally far apart, (n_settings, n_bins): a strength s leaves q / (q + s)
    of a direction."""
    step: int
    """Nodes from one kernel of the coarse scan to the next."""
    fine: int
    """Nodes from one to the next where several minima may be near."""
    root: np.ndarray
    """Square roots of weights of points where a baseline is taken off kernels and
    signals, (n_points,), else empty."""


class Penalty(NamedTuple):
    """Penalties of distributions: strength x^T L x / 2 + alpha sum(x)."""

    matrix: np.ndarray
    """The matrix L, (n_bins, n_bins)."""
    width: int
    """Number of diagonals of L on each side that are not zero."""
    alpha: float
    """Weight of the sum of amplitudes."""


class Rule(NamedTuple):
    """How the strength of the quadratic penalty is chosen."""

    code: int
    """NONE, FIXED, CHI2, GCV, DISCREPANCY, LCURVE or GCV_ACTIVE."""
    factor: float
    """Increase of the squared residual norm that CHI2 allows."""
    low: float
    """Logarithm of the weakest strength, nan for ten decades below the strongest."""
    high: float
    """Logarithm of the strongest strength, nan for ten times the mean square of the
    kernel."""
    least: float
    """Multiple of the mean square of its residual, over the number of its points, that
    a signal must explain."""


class Passive(NamedTuple):
    """Bins with an amplitude, and the Cholesky factor of their equations."""

    P: np.ndarray
    """The bins, (n_bins + 1,)."""
    inside: np.ndarray
    """Whether a bin is among them, (n_bins,)."""
    waiting: np.ndarray
    """Whether a bin has to wait for another to enter, (n_bins,)."""
    R: np.ndarray
    """Lower triangle, (n_bins + 1, n_bins + 1)."""
    inverse: np.ndarray
    """Reciprocals of its diagonal, (n_bins + 1,)."""
    z: np.ndarray
    """Solution of R z = c, (n_bins + 1,)."""
    s: np.ndarray
    """Amplitudes without the bound, (n_bins + 1,)."""


class Work(NamedTuple):
    """Workspace of one signal."""

    passive: Passive
    """The bins with an amplitude."""
    x: np.ndarray
    """Amplitudes, (n_bins,)."""
    c: np.ndarray
    """Products of the columns of the kernel with the signal, (n_bins,)."""
    w: np.ndarray
    """Descent of each bin, (n_bins,)."""
    r: np.ndarray
    """Residual, (n_points,)."""
    K: np.ndarray
    """Kernel of the signal, (n_bins, n_points)."""
    G: np.ndarray
    """Products of its columns, (n_bins, n_bins)."""
    H: np.ndarray
    """The same with a penalty, (n_bins, n_bins)."""
    columns: np.ndarray
    """Columns of the bins with an amplitude, (n_bins, n_points)."""
    changes: np.ndarray
    """Derivatives of these by the setting, (n_bins, n_points)."""
    t: np.ndarray
    """Room for vectors of bins, (4, n_bins + 1)."""
    scan: np.ndarray
    """Sum of squares and slope at each kernel of the scan, whether it was fitted, and
    whether the minimum below it was looked for, (n_nodes, 4)."""
    found: np.ndarray
    """Bins with an amplitude at each kernel of the scan, (n_nodes, n_bins)."""
    q: np.ndarray
    """Eigenvalues in units of the penalty, and that of a baseline, (n_bins + 1,)."""
    curve: np.ndarray
    """Points of the L-curve: log(strength), two coordinates and their rounding,
    curvature and its rounding, and brackets, (n_places, 10)."""
    sets: np.ndarray
    """Bins with an amplitude at strengths, (n_places, n_bins)."""
    room: np.ndarray
    """Room for a matrix of bins, (n_bins, n_bins)."""
    state: np.ndarray
    """Bracket of the corner, as indices of points, (4,)."""
    places: np.ndarray
    """Places of bins among columns, (n_bins,)."""
    own: np.ndarray
    """Factors of the points of the signal, zero where they are missing, and roots of
    weights with them, for a baseline: (2, n_points), or (2, 0) where no signal lacks a
    point."""


class Exact(NamedTuple):
    """Workspace of fits from columns instead of their products."""

    columns: ActiveSet
    """The columns."""
    nothing: np.ndarray
    """No vector that certifies, (0,)."""


class Given(NamedTuple):
    """The signals."""

    signals: np.ndarray
    """Signals, weighted as the kernels, (n_signals, n_points)."""
    settings: np.ndarray
    """Their settings, nan where it is searched, (n_signals,)."""
    strengths: np.ndarray
    """Their strengths for FIXED, (n_signals,)."""
    variances: np.ndarray
    """Their noise variances for DISCREPANCY, (n_signals,)."""
    alphas: np.ndarray
    """The weight of the sum of amplitudes of each, (n_signals,)."""
    means: np.ndarray
    """Weighted mean of each, (n_signals,)."""
    n_points: np.ndarray
    """How many points of each have a weight and are there, (n_signals,)."""
    factors: np.ndarray
    """What makes squares of roots of weights sum to one over the points of each, zero
    where they are missing, (n_signals, n_points), or (n_signals, 0) where none is."""


class Found(NamedTuple):
    """What is found of each signal."""

    distributions: np.ndarray
    """Amplitudes, (n_signals, n_bins)."""
    settings: np.ndarray
    """Settings, (n_signals,)."""
    strengths: np.ndarray
    """Strengths, (n_signals,)."""
    intercepts: np.ndarray
    """What the distribution explains of the mean of a signal, to be taken off it for
    the baseline, (n_signals,)."""
    squares: np.ndarray
    """Mean squares of residuals, without penalty and with it, (n_signals, 2)."""
    status: np.ndarray
    """FitStatus, (n_signals,)."""
    solves: np.ndarray
    """Fits for the setting and for the strength, (n_signals, 2)."""
    used: np.ndarray
    """Bins that the fit without the penalty uses, (n_signals,)."""
