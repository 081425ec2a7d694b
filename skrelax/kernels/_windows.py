"""Windows of an acquisition: few rows of a kernel for many points, none bent."""

import numbers

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..utils._grid_shape import with_grid
from ..utils._validation import (
    check_acquisition,
    check_number,
    check_numbers,
    check_range,
    check_size,
    validate_points,
    validate_weight,
)

# Rows that are looked at for the end of a window, first and at most.
_LOOK, _MOST_LOOK = 16, 4096
# Points whose rows are averaged at a time.
_BLOCK_POINTS = 8192


def average_kernel(builder, X, y, sample_weight=None, *, change=0.02):
    r"""Average neighbouring points of long trains, and their rows of the kernel.

    For data of so many points that their kernel does not fit into memory: an
    inversion recovery of 8000 echoes each, for example. A window holds points that
    follow each other along one axis, as long as no bin's signal changes by more than
    `change`. What is returned goes to any inversion.

    Parameters
    ----------
    builder : KernelBuilder
        A fitted builder.
    X : array-like of shape (n_points, n_columns)
        Acquisition points, those of a train one after another, as
        :func:`acquisition_grid` has them.
    y : array-like of shape (n_points,) or (n_points, n_signals)
        Signals, real.
    sample_weight : array-like of shape (n_points,) or None, default=None
        Weight of each point.
    change : float, default=0.02
        The most by which the signal of a bin, of unit amplitude, may change within a
        window.

    Returns
    -------
    kernel : ndarray of shape (n_windows, n_bins)
        Weighted means of the rows of the kernel, which knows its grid.
    means : ndarray of shape (n_windows,) or (n_windows, n_signals)
        Weighted means of the signals.
    weights : ndarray of shape (n_windows,)
        Sums of the weights; without any, numbers of points.
    points : ndarray of shape (n_windows, n_columns)
        Mean acquisition points, for pictures: the kernel is not that of these.

    Raises
    ------
    ValueError
        If shapes do not match, values are not finite, or a weight is negative.

    See Also
    --------
    skrelax.io.compress_echoes : Windows without a kernel, whose decays are bent.

    Notes
    -----
    With weights w, windows W and means over them,

    .. math:: \sum_i w_i (K f - y)_i^2 = \sum_W w_W (\bar K f - \bar y)_W^2
              + \sum_W \sum_{i \in W} w_i ((K - \bar K) f - (y - \bar y))_i^2 .

    An inversion of the windows minimises the first sum. It has no bias, for the means
    of a signal K f are :math:`\bar K f`. Of the second sum it misses what hangs on f,
    whose root mean square is at most `change` times :math:`\|f\|_1`.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax import KernelBuilder, SmoothLasso
    >>> from skrelax.kernels import acquisition_grid, average_kernel
    >>> X = acquisition_grid(np.geomspace(0.01, 3, 8), 1e-3 * np.arange(1, 1001))
    >>> y = (1 - np.exp(-X[:, 0] / 0.3)) * np.exp(-X[:, 1] / 0.1)
    >>> builder = KernelBuilder(["T1-SR", "T2"], n_bins=20).fit(X)
    >>> kernel, means, weights, points = average_kernel(builder, X, y)
    >>> len(X), int(weights.sum()), len(kernel) < 1200
    (8000, 8000, True)
    >>> SmoothLasso().fit(kernel, means, sample_weight=weights).distribution_.shape
    (20, 20)
    """
    if not hasattr(builder, "_axis_kernel"):
        raise TypeError(
            f"builder must be a KernelBuilder, got {type(builder).__name__}."
        )
    check_is_fitted(builder)
    change = check_number(change, "change", 0.0, 1.0, numbers.Real)
    X = validate_points(builder, X, reset=False)
    y = check_numbers(y, "y")
    if y.ndim not in (1, 2) or len(y) != len(X) or 0 in y.shape:
        raise ValueError(
            f"y must hold numbers of shape ({len(X)},) or ({len(X)}, n_signals) to "
            f"match X, got shape {y.shape}."
        )
    check_size(y.ravel(), "y")
    weight = validate_weight(sample_weight, X)
    weight = np.ones(len(X)) if weight is None else weight
    check_size(weight, "sample_weight")
    factors = []
    for axis, model in enumerate(builder.models_):
        points = X[:, builder._columns[axis]]
        check_acquisition(points, model)
        check_range(points, "X")
        unique, index = np.unique(points, axis=0, return_inverse=True)
        factors.append((builder._axis_kernel(axis, unique), index.ravel()))
    starts = _find_windows(factors, change)
    counts = np.diff(np.append(starts, len(X)))
    total = np.add.reduceat(weight, starts)
    # A window without weight has plain means, which count for nothing.
    own = np.where(np.repeat(total > 0, counts), weight, 1.0)
    share = own / np.repeat(np.add.reduceat(own, starts), counts)
    shape = builder.grid_shape_
    kernel = np.empty((starts.size, int(np.prod(shape))))
    for block in _blocks(starts, len(X)):
        first, last = starts[block][0], np.append(starts, len(X))[block.stop]
        rows, begins = slice(first, last), starts[block] - first
        part = np.ones((begins.size, 1))
        for factor, index in factors:
            # Along one axis at most a window moves: means multiply.
            means = factor[index[rows]] * share[rows, None]
            means = np.add.reduceat(means, begins, axis=0)
            part = (part[:, :, None] * means[:, None, :]).reshape(begins.size, -1)
        kernel[block] = part
    shares = share if y.ndim == 1 else share[:, None]
    return (
        with_grid(kernel, builder._known_grid()),
        np.add.reduceat(y * shares, starts, axis=0),
        total,
        np.add.reduceat(X * share[:, None], starts, axis=0),
    )


def _find_windows(factors, change):
    """Return the first point of each window, (n_windows,)."""
    n = len(factors[0][1])
    starts, begin = [], 0
    while begin < n:
        starts.append(begin)
        begin = _end_of_window(factors, change, begin, n)
    return np.array(starts)


def _end_of_window(factors, change, begin, n):
    """Return the point behind the window that begins at a point."""
    end = begin + 1
    if end == n:
        return end
    moving = [k for k, (_, i) in enumerate(factors) if i[end] != i[begin]]
    if len(moving) > 1:
        return end
    look = _LOOK
    while end < n:
        rows = slice(end, min(n, end + look))
        inside = np.ones(rows.stop - rows.start, bool)
        for axis, (factor, index) in enumerate(factors):
            if axis in moving:
                span = np.abs(factor[index[rows]] - factor[index[begin]]).max(axis=1)
                inside &= span <= change
            else:
                inside &= index[rows] == index[begin]
        if not inside.all():
            return end + int(np.argmin(inside))
        end, look = rows.stop, min(2 * look, _MOST_LOOK)
    return end


def _blocks(starts, n):
    """Yield slices of windows that hold so many points together, one at least."""
    begin = 0
    while begin < starts.size:
        end = int(np.searchsorted(starts, starts[begin] + _BLOCK_POINTS))
        yield slice(begin, max(end, begin + 1))
        begin = max(end, begin + 1)
