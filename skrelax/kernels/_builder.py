"""From acquisition points to a kernel matrix."""

import numbers

import numpy as np
from sklearn.base import TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from ..signals import SignalModel, resolve_model
from ..utils._columns import assign_columns, count_axes
from ..utils._grid_shape import Grid, with_grid
from ..utils._inspect import number_repeats
from ..utils._progress import tell_fit
from ..utils._sklearn import BaseEstimator, Interval, StrOptions, _fit_context
from ..utils._validation import (
    check_acquisition,
    check_number,
    check_numbers,
    check_range,
    errors_name,
    validate_points,
)
from ._grid import spaced_grid, supersampled_grid, warn_uncovered

# Rows of a supersampled kernel are evaluated in blocks of about this many values.
_BLOCK_VALUES = 2_000_000
# How far beyond the first point models see, of which nothing is left there.
_REACH = 3.0

# Bins of an axis when none are given; of all axes together at most the square.
_DEFAULT_BINS = 64

# A machine word, beyond which no count has a meaning.
_MOST = 2**31 - 1
_COUNT = Interval(numbers.Integral, 1, _MOST, closed="both")
_NUMBER = Interval(numbers.Real, None, None, closed="neither")


class KernelBuilder(TransformerMixin, BaseEstimator):
    r"""Build the kernel matrix of an acquisition on a grid of relaxation times.

    Entry (i, j) of the kernel is the signal of unit amplitude that relaxation
    time :math:`T_j` gives at acquisition point :math:`x_i`,

    .. math:: K_{ij} = \frac{1}{p} \sum_{k=1}^{p} s(x_i; T_{jk}),

    the mean over :math:`p` = `supersampling` points of the cell of the bin. A
    distribution :math:`f` then gives the signal :math:`K f`. For several axes
    the kernel is the row-wise Kronecker product of one kernel per axis: bins
    are in C order, the last axis varies fastest.

    Parameters
    ----------
    kernel : str, SignalModel, callable or list of these, default="T2"
        The signal model, one for all axes or one per axis. Names are
        ``"T2"``, ``"T1-IR"``, ``"T1-SR"``, ``"diffusion"``, ``"gaussian"``,
        ``"impedance-real"``, ``"impedance-imaginary"`` and ``"identity"``;
        see :mod:`skrelax.signals`.
    n_bins : int, list of int or None, default=None
        Number of bins per axis. None takes 64 for one axis or two, and for more as
        many on each as make 4096 at most in all.
    minimum, maximum : float, list of float or None, default=None
        First and last bin, in the unit of the acquisition (for diffusion and
        impedance: see the model). None takes the range that the acquisition
        can see: for decays the smallest time to three times the largest, and a
        third of the smallest positive time where one is zero.
    spacing : {"log", "linear"} or list of these, default="log"
        Spacing of the bins and shape of the cells.
    grid : array-like of shape (n_bins,), list of arrays or None, default=None
        Explicit bins, strictly increasing; replaces `n_bins`, `minimum` and
        `maximum`. For several axes one array, or None, per axis.
    supersampling : int or list of int, default=1
        Number of points per cell over which the kernel is averaged.
    max_bins : int, default=100000
        Largest number of bins of the product of all axes.

    Attributes
    ----------
    relaxation_times_ : ndarray of shape (n_bins,) or tuple of ndarray
        The bins; a tuple with one array per axis where there are several.
    grid_shape_ : tuple of int
        Number of bins per axis.
    models_ : tuple of SignalModel
        The signal model of each axis.
    n_features_in_ : int
        Number of acquisition columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X was a frame with string names.

    See Also
    --------
    skrelax.decomposition.TSVDCompressor : Compress the kernel.
    skrelax.inversion.LassoFista : Invert a signal with the kernel.

    Notes
    -----
    Columns of a frame are found by name: ``"TE"``, ``"te"``, ``"TE (s)"``, ``"TE_s"``,
    or ``"TE_1"`` and ``"TE_2"`` for two axes of one model; others are not read. A
    quantity in the place of another, or in another unit, is an error. Names without
    such a meaning leave the order of the columns.

    Cells tile the axis: each ends half way (on the axis of `spacing`) to the
    next bin. `mrinversion` averages over points around each bin in the same
    way, with cells that leave gaps.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.kernels import KernelBuilder
    >>> builder = KernelBuilder("T2", n_bins=3, minimum=0.01, maximum=1.0)
    >>> builder.fit_transform(np.array([[0.0], [0.1]])).round(3)
    array([[1.   , 1.   , 1.   ],
           [0.   , 0.368, 0.905]])
    >>> builder.get_feature_names_out()
    array(['T2=0.01', 'T2=0.1', 'T2=1'], dtype=object)
    """

    # What it learns does not depend on y.
    _ignores_signals = True
    _parameter_constraints: dict = {
        "kernel": [str, SignalModel, callable, "array-like"],
        "n_bins": [_COUNT, "array-like", None],
        "minimum": [_NUMBER, "array-like", None],
        "maximum": [_NUMBER, "array-like", None],
        "spacing": [StrOptions({"log", "linear"}), "array-like"],
        "grid": ["array-like", None],
        "supersampling": [_COUNT, "array-like"],
        "max_bins": [_COUNT],
    }

    def __init__(
        self,
        kernel="T2",
        n_bins=None,
        minimum=None,
        maximum=None,
        spacing="log",
        grid=None,
        supersampling=1,
        max_bins=100_000,
    ):
        self.kernel = kernel
        self.n_bins = n_bins
        self.minimum = minimum
        self.maximum = maximum
        self.spacing = spacing
        self.grid = grid
        self.supersampling = supersampling
        self.max_bins = max_bins

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Choose the grid of relaxation times.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            Acquisition points. Each axis reads as many columns as its model
            needs, usually one: by name, where they have names that say so.
        y : None
            Ignored.

        Returns
        -------
        KernelBuilder
            The fitted builder.

        Raises
        ------
        ValueError
            If acquisition points are negative where they must not be, or if
            limits, grid and numbers do not fit each other.

        Warns
        -----
        UserWarning
            If a given grid, or given limits, miss most of what the acquisition can see.
        """
        X = validate_points(self, X, reset=True)
        names = list(getattr(self, "feature_names_in_", ()))
        self.models_ = resolve_axes(self.kernel, names, X.shape[1])
        self._columns = assign_columns(
            self.models_, names, X.shape[1], "the kernel reads"
        )
        n_axes = len(self.models_)
        grids = _explicit_grids(self.grid, n_axes)
        default = min(_DEFAULT_BINS, most_bins(_DEFAULT_BINS**2, n_axes))
        n_bins = default if self.n_bins is None else self.n_bins
        n_bins = per_axis("n_bins", n_bins, n_axes, _check_count)
        limits = zip(
            per_axis("minimum", self.minimum, n_axes, _check_limit),
            per_axis("maximum", self.maximum, n_axes, _check_limit),
            strict=True,
        )
        self._spacings = per_axis("spacing", self.spacing, n_axes, check_spacing)
        self._supersamplings = per_axis(
            "supersampling", self.supersampling, n_axes, _check_count
        )
        check_total(
            [n for n, g in zip(n_bins, grids, strict=True) if g is None], self.max_bins
        )
        axes = []
        for axis, (model, (low, high)) in enumerate(
            zip(self.models_, limits, strict=True)
        ):
            points = X[:, self._columns[axis]]
            check_acquisition(points, model)
            check_range(points, "X")
            if grids[axis] is not None:
                values = check_grid(grids[axis], axis, self._spacings[axis])
            elif model.is_discrete:
                values = np.unique(points[:, 0])
            else:
                values = _grid_from_limits(
                    model, points, low, high, n_bins[axis], self._spacings[axis], axis
                )
            if grids[axis] is not None or low is not None or high is not None:
                where = axis if n_axes > 1 else None
                warn_uncovered(model, points, values, where)
            axes.append(values)
        check_total([values.size for values in axes], self.max_bins)
        self.grid_shape_ = tuple(values.size for values in axes)
        self.relaxation_times_ = axes[0] if n_axes == 1 else tuple(axes)
        tell_fit(self, X, y)
        return self

    def transform(self, X):
        """Return the kernel matrix of acquisition points.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            Acquisition points, columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_points, n_bins)
            The kernel; bins of several axes in C order.

        Raises
        ------
        ValueError
            If acquisition points are negative where they must not be.
        """
        check_is_fitted(self)
        X = validate_points(self, X, reset=False)
        factors = []
        for axis, model in enumerate(self.models_):
            points = X[:, self._columns[axis]]
            check_acquisition(points, model)
            check_range(points, "X")
            # Grids repeat their times, so each different point is computed once.
            unique, inverse = np.unique(points, axis=0, return_inverse=True)
            factors.append((self._axis_kernel(axis, unique), inverse.ravel()))
        kernel, inverse = factors[0]
        grid = self._known_grid()
        if len(factors) == 1:
            return with_grid(kernel[inverse], grid)
        out = np.empty((X.shape[0], int(np.prod(self.grid_shape_))))
        step = max(1, _BLOCK_VALUES // out.shape[1])
        for start in range(0, X.shape[0], step):
            rows = slice(start, start + step)
            block = kernel[inverse[rows]]
            for factor, index in factors[1:]:
                block = block[:, :, None] * factor[index[rows], None, :]
                block = block.reshape(block.shape[0], -1)
            out[rows] = block
        return with_grid(out, grid)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the bins, for example ``"T2=0.1"``.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of str objects of shape (n_bins,)
            One name per bin; axes are separated by commas.
        """
        check_is_fitted(self)
        symbols = [model.parameters[0].name for model in self.models_]
        return bin_names(symbols, self._grids)

    def _known_grid(self):
        """Return the Grid of the bins."""
        names = number_repeats(model.parameters[0].name for model in self.models_)
        discrete = [k for k, model in enumerate(self.models_) if model.is_discrete]
        return Grid(self.grid_shape_, tuple(self._grids), tuple(names), tuple(discrete))

    @property
    def _grids(self):
        times = self.relaxation_times_
        return times if isinstance(times, tuple) else (times,)

    def _axis_kernel(self, axis, points):
        """Return the kernel of one axis, (n_points, n_bins of the axis)."""
        model, grid = self.models_[axis], self._grids[axis]
        n_samples = 1 if model.is_discrete else self._supersamplings[axis]
        fine = supersampled_grid(grid, self._spacings[axis], n_samples)[:, None]
        if n_samples == 1:
            return model.evaluate(points, fine)
        kernel = np.empty((points.shape[0], grid.size))
        step = max(1, _BLOCK_VALUES // fine.size)
        for start in range(0, points.shape[0], step):
            block = model.evaluate(points[start : start + step], fine)
            kernel[start : start + step] = block.reshape(
                block.shape[0], grid.size, n_samples
            ).mean(axis=2)
        return kernel

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        kernels = (
            self.kernel if isinstance(self.kernel, list | tuple) else [self.kernel]
        )
        tags.input_tags.positive_only = any(
            not (isinstance(kernel, str) and kernel == "identity")
            and getattr(kernel, "requires_positive", True)
            for kernel in kernels
        )
        return tags


def resolve_axes(kernel, names, n_columns, argument="kernel"):
    """Return one model of its own per axis; a single kernel serves all its columns."""
    if isinstance(kernel, list | tuple):
        if not kernel:
            raise ValueError(f"{argument} must have a model for each axis, got none.")
        return tuple(_own_model(part, argument) for part in kernel)
    model = _own_model(kernel, argument)
    return (model,) * count_axes(model, names, n_columns)


def _own_model(kernel, argument):
    """Return a model that no later change of parameters reaches."""
    model = resolve_model(kernel, argument)
    return clone(model) if model is kernel else model


def bin_names(symbols, grids):
    """Return the names of the bins of a product of axes, in C order."""
    names = [""]
    for symbol, values in zip(symbols, grids, strict=True):
        labels = [f"{value:.10g}" for value in values]
        if len(set(labels)) < len(labels):
            labels = [repr(float(value)) for value in values]
        names = [
            f"{name},{symbol}={label}" if name else f"{symbol}={label}"
            for name in names
            for label in labels
        ]
    return np.asarray(names, dtype=object)


def most_bins(total, n_axes):
    """Return the most bins per axis, at least 1, whose product is not above total."""
    n_bins = max(1, round(total ** (1.0 / n_axes)))
    return n_bins if n_bins**n_axes <= total else n_bins - 1


def per_axis(name, value, n_axes, check=None):
    """Return a list with one value per axis, each as check(value, name) gives it."""
    values = value
    if not isinstance(value, list | tuple):
        # What has no axes, such as a dict, is one value, which the check refuses.
        array = np.asarray(value)
        values = list(array) if array.ndim else [value] * n_axes
    if len(values) != n_axes:
        raise ValueError(
            f"{name} must be one value or one per axis ({n_axes}), got {len(values)}."
        )
    return list(values) if check is None else [check(part, name) for part in values]


def _check_count(value, name):
    """Return a count; floats are those of an array that holds other numbers too."""
    if isinstance(value, numbers.Real) and value == np.floor(value):
        value = int(value) if abs(value) < np.inf else value
    return check_number(value, name, 1, _MOST, numbers.Integral)


def _check_limit(value, name):
    """Return an end of a grid, or None."""
    if value is None:
        return None
    value = check_number(value, name)
    check_range(value, name)
    return value


def check_spacing(value, name):
    """Return the spacing of an axis."""
    if not (isinstance(value, str) and value in ("log", "linear")):
        raise ValueError(f"{name} must be 'log' or 'linear' per axis, got {value!r}.")
    return str(value)


def check_total(sizes, max_bins):
    """Raise ValueError for too many bins, before they are made."""
    total = np.prod([float(size) for size in sizes])
    if total > max_bins:
        raise ValueError(
            f"the product grid has {total:.6g} bins on {len(sizes)} axes, above "
            f"max_bins={max_bins}; take fewer bins per axis (n_bins) or a larger "
            "max_bins."
        )


def _explicit_grids(grid, n_axes):
    """Return one array or None per axis."""
    if grid is None:
        return [None] * n_axes
    with errors_name("grid"):
        nested = any(part is None or np.ndim(part) > 0 for part in grid)
    if not nested or getattr(grid, "ndim", 0) == 2:
        if n_axes > 1 and not nested:
            raise ValueError(
                f"grid must hold one array or None for each of {n_axes} axes."
            )
        return [grid]
    return per_axis("grid", list(grid), n_axes)


def check_grid(grid, axis, spacing, name="grid"):
    """Return an explicit grid as an array, or raise ValueError."""
    # A copy: later changes of the caller's array must not reach what was fitted.
    values = np.array(check_numbers(grid, name, finite=False))
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(
            f"{name} of axis {axis} must be a 1-D array of finite numbers, got shape "
            f"{values.shape}."
        )
    check_range(values, name)
    if (np.diff(values) <= 0).any():
        raise ValueError(f"{name} of axis {axis} must be strictly increasing.")
    if spacing == "log" and values[0] <= 0:
        raise ValueError(
            f"{name} of axis {axis} must be positive on a log axis, got {values[0]}."
        )
    return values


def _held_limits(model, points):
    """Return the range that the data can see and hold the amplitude of.

    Where nothing was measured at zero, the bins of a third of the first time explain
    its noise by amplitudes of twenty times its size.
    """
    low, high = model.grid_limits(points)
    if model.fades is not None and (points[:, 0] > 0.0).all():
        if model.fades == "low":
            return _REACH * low, high
        return low, high / _REACH
    return low, high


def _grid_from_limits(model, points, low, high, n_bins, spacing, axis):
    """Return the grid between given limits, or those that the data can see."""
    if low is None or high is None:
        with errors_name("X"):
            seen = _held_limits(model, points)
        low = seen[0] if low is None else low
        high = seen[1] if high is None else high
    if n_bins > 1 and not low < high:
        raise ValueError(
            f"minimum must be below maximum on axis {axis}, got {low} and {high}."
        )
    if low <= 0:
        raise ValueError(f"minimum must be positive on axis {axis}, got {low}.")
    return spaced_grid(low, high, n_bins, spacing)
