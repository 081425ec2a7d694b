"""Numbers of distributions of which intervals are asked."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..metrics import Polygon, RatioBand, Rectangle
from ..metrics._moments import check_distributions
from ..metrics._regions import cut_shares
from ..metrics._shapes import _check_limits, outline
from ..utils._validation import check_numbers, errors_name
from ._scales import on_scale

_SHAPES = Polygon, RatioBand, Rectangle


class Weights(NamedTuple):
    """A number as a ratio of two weighted sums of bins, or one sum."""

    numerator: np.ndarray
    """Weights of the bins, (n_bins,)."""
    denominator: np.ndarray | None
    """Weights of the bins, (n_bins,); None for the sum itself."""
    is_log: bool
    """Whether the ratio is the logarithm of the number."""


class Functional:
    """A number of a distribution that has intervals.

    A subclass has a `scale`: ``"time"``, ``"share"`` or ``"number"``, and gives its
    `_weights`, or `_values` where it is no ratio of sums.
    """

    scale = "number"

    def __call__(self, distribution, bins):
        """Return the number of distributions.

        Parameters
        ----------
        distribution : array-like of shape (n_bins,), (n_1, n_2) or with n_signals first
            Distributions. Negative values count as 0.
        bins : array-like of shape (n_bins,) or tuple of these
            Relaxation times, one array per axis.

        Returns
        -------
        float or ndarray of shape (n_signals,)
            The number, nan where a distribution has nothing that it is of.

        Raises
        ------
        ValueError
            If shapes do not match, or bins are not positive and increasing.
        """
        f, exponents, grids = check_distributions(
            distribution, bins, ("distribution", "bins")
        )
        shape = np.shape(distribution)
        whole = tuple(grid.size for grid in grids)
        names = [str(axis) for axis in range(len(grids))]
        rows = np.ldexp(f.reshape(len(f), -1), exponents[:, None])
        values = self._values(rows, dict(zip(names, grids, strict=True)))
        is_one = shape in (whole, (int(np.prod(whole)),))
        return float(values[0]) if is_one else values

    def _weights(self, axes):
        """Return the Weights on bins of axes by name, or None if it has none."""
        return None

    def _values(self, rows, axes):
        """Return the numbers (n_signals,) of non-negative rows (n_signals, n_bins)."""
        weights = self._weights(axes)
        top = rows @ weights.numerator
        if weights.denominator is None:
            return top
        below = rows @ weights.denominator
        out = np.full(len(rows), np.nan)
        np.divide(top, below, out=out, where=below > 0.0)
        # Of amplitudes of both signs the mean may be anywhere.
        with np.errstate(over="ignore"):
            return np.exp(out) if weights.is_log else out

    def _limits(self, axes):
        """Return the least and the largest value that the number can have."""
        weights = self._weights(axes)
        if weights.denominator is None or not (weights.denominator > 0.0).any():
            return 0.0, np.inf
        there = weights.denominator > 0.0
        ratios = weights.numerator[there] / weights.denominator[there]
        ends = ratios.min(), ratios.max()
        return tuple(float(v) for v in (np.exp(ends) if weights.is_log else ends))


@dataclass(frozen=True)
class Share(Functional):
    """Share of a distribution that lies in a region.

    Parameters
    ----------
    region : (float, float), Rectangle, Polygon or RatioBand
        First relaxation time that counts and first that does not any more, for one
        axis: ``(0, 0.04)`` is what is below 40 ms [s]. A shape of
        :mod:`skrelax.metrics` for two axes, which goes by their names; a bin that its
        border cuts counts with its part.

    Raises
    ------
    ValueError
        If limits do not increase, or a region is not for these axes.
    TypeError
        If `region` is of another kind.

    Examples
    --------
    >>> from skrelax.uncertainty import Share
    >>> Share((0, 0.04))([1.0, 1.0, 2.0], [0.01, 0.1, 1.0])
    0.25
    """

    region: object
    scale = "share"

    def __post_init__(self):
        """Check the region."""
        _check_region(self.region)

    def _weights(self, axes):
        """Return the Weights on bins of axes by name."""
        inside = _inside(self.region, axes)
        return Weights(inside, np.ones(inside.size), False)


@dataclass(frozen=True)
class LogMean(Functional):
    """Log-mean relaxation time of a distribution or a part of it.

    Parameters
    ----------
    region : (float, float), Rectangle, Polygon, RatioBand or None, default=None
        The part, as for :class:`Share`. None is all.
    axis : str, int or None, default=None
        Name or number of the axis. None is the only one.

    Raises
    ------
    ValueError
        If limits do not increase, a region is not for these axes, or there is no such
        axis.
    TypeError
        If `region` or `axis` is of another kind.

    Examples
    --------
    >>> from skrelax.uncertainty import LogMean
    >>> round(LogMean((0.05, 2))([3.0, 1.0, 1.0], [0.01, 0.1, 1.0]), 3)
    0.316
    """

    region: object = None
    axis: object = None
    scale = "time"

    def __post_init__(self):
        """Check the region and the axis."""
        if self.region is not None:
            _check_region(self.region)
        is_number = isinstance(self.axis, int) and not isinstance(self.axis, bool)
        if self.axis is not None and not isinstance(self.axis, str) and not is_number:
            raise TypeError(f"axis must be a name or a number, got {self.axis!r}.")

    def _weights(self, axes):
        """Return the Weights on bins of axes by name."""
        inside = _inside(self.region, axes)
        times = _spread(axes, _number(self.axis, axes))
        return Weights(inside * np.log(times), inside, True)

    def _limits(self, axes):
        """Return the least and the largest value that the number can have."""
        times = _spread(axes, _number(self.axis, axes))
        times = times[_inside(self.region, axes) > 0.0]
        return (times.min(), times.max()) if times.size else (0.0, np.inf)


@dataclass(frozen=True)
class TimeRatio(Functional):
    """Ratio of the log means of two axes, such as T1/T2, of a map or a part of it.

    Parameters
    ----------
    region : Rectangle, Polygon, RatioBand or None, default=None
        The part, such as a peak. None is all.

    Raises
    ------
    ValueError
        If there are not two axes, or a region is not for these axes.
    TypeError
        If `region` is of another kind.

    Examples
    --------
    >>> from skrelax.uncertainty import TimeRatio
    >>> grids = [0.1, 1.0], [0.1, 1.0]
    >>> round(TimeRatio()([[0.0, 0.0], [2.0, 0.0]], grids), 6)
    10.0
    """

    region: object = None
    scale = "time"

    def __post_init__(self):
        """Check the region."""
        if self.region is not None:
            _check_region(self.region)

    def _weights(self, axes):
        """Return the Weights on bins of axes by name."""
        if len(axes) != 2:
            raise ValueError(f"a TimeRatio needs two axes, but there are {len(axes)}.")
        inside = _inside(self.region, axes)
        ratios = np.log(_spread(axes, 0)) - np.log(_spread(axes, 1))
        return Weights(inside * ratios, inside, True)


@dataclass(frozen=True)
class Amplitude(Functional):
    """Sum of a distribution or a part of it.

    Parameters
    ----------
    region : (float, float), Rectangle, Polygon, RatioBand or None, default=None
        The part, as for :class:`Share`. None is all.

    Raises
    ------
    ValueError
        If limits do not increase, or a region is not for these axes.
    TypeError
        If `region` is of another kind.

    Examples
    --------
    >>> from skrelax.uncertainty import Amplitude
    >>> Amplitude((0.05, 2))([3.0, 1.0, 1.0], [0.01, 0.1, 1.0])
    2.0
    """

    region: object = None

    def __post_init__(self):
        """Check the region."""
        if self.region is not None:
            _check_region(self.region)

    def _weights(self, axes):
        """Return the Weights on bins of axes by name."""
        return Weights(_inside(self.region, axes), None, False)


@dataclass(frozen=True)
class Mean(Functional):
    """Arithmetic mean of the relaxation times of an axis."""

    axis: int
    scale = "time"

    def _weights(self, axes):
        """Return the Weights on bins of axes by name."""
        times = _spread(axes, self.axis)
        return Weights(times, np.ones(times.size), False)


@dataclass(frozen=True)
class Width(Functional):
    """Standard deviation of log10 of the relaxation times of an axis [decades]."""

    axis: int

    def _values(self, rows, axes):
        """Return the numbers (n_signals,) of non-negative rows (n_signals, n_bins)."""
        x = np.log10(_spread(axes, self.axis))
        total = rows.sum(axis=1)
        out = np.full(len(rows), np.nan)
        mean = np.divide(rows @ x, total, out=out.copy(), where=total > 0.0)
        square = np.einsum("ij,ij->i", rows, (x - mean[:, None]) ** 2)
        return np.sqrt(np.divide(square, total, out=out, where=total > 0.0))

    def _limits(self, axes):
        """Return the least and the largest value that the number can have."""
        grid = list(axes.values())[self.axis]
        # Half of a number's range is its largest standard deviation.
        return 0.0, 0.5 * float(np.log10(grid[-1] / grid[0]))


class Custom(Functional):
    """A number that a function of one distribution and its bins gives."""

    def __init__(self, function, scale):
        self.function, self.scale = function, scale

    def _limits(self, axes):
        """Return the least and the largest value that the number can have."""
        if self.scale == "share":
            return 0.0, 1.0
        return (0.0 if self.scale == "time" else -np.inf), np.inf

    def _values(self, rows, axes):
        """Return the numbers (n_signals,) of rows (n_signals, n_bins)."""
        shape = tuple(grid.size for grid in axes.values())
        out, described = np.empty(len(rows)), f"a distribution of shape {shape}"
        for k, row in enumerate(rows):
            # A function that changes its input must not change the next one.
            grids = tuple(grid.copy() for grid in axes.values())
            bins = grids[0] if len(grids) == 1 else grids
            out[k] = number_of(
                self.function, (row.reshape(shape).copy(), bins), described
            )
        return self._on_scale(out, rows)

    def _on_scale(self, values, rows):
        """Return numbers (n_rows,), nan for those that are no times."""
        with errors_name("function"):
            return on_scale(values, rows, self.scale)


def number_of(function, given, described):
    """Return the number that a function returns for what it is given, or raise."""
    try:
        value = function(*given)
    except Exception as error:
        raise ValueError(
            f"function must return one number for {described}, but raised "
            f"{type(error).__name__}: {error}"
        ) from error
    if value is None:
        raise ValueError("function must return one number, got None.")
    try:
        value = check_numbers(value, "what function returns", finite=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"function must return one number: {error}") from error
    if value.size != 1:
        raise ValueError(
            f"function must return one number for {described}, got shape {value.shape}."
        )
    return value.item()


def named_functionals(axes, peaks):
    """Return the numbers that every distribution has, by name.

    Peaks are masks (n_bins,) of those of the distribution.
    """
    found = {"amplitude": Amplitude()}
    ends = [f"_{name}" for name in axes] if len(axes) > 1 else [""]
    for axis, end in enumerate(ends):
        found[f"log_mean{end}"] = LogMean(axis=axis)
        found[f"mean{end}"] = Mean(axis)
        found[f"width{end}"] = Width(axis)
    if len(axes) == 2:
        found["ratio"] = TimeRatio()
    for number, inside in enumerate(peaks):
        part = _Part(inside)
        found[f"share_{number}"] = Share(part)
        for axis, end in enumerate(ends):
            found[f"log_mean{end}_{number}"] = LogMean(part, axis)
        if len(axes) == 2:
            found[f"ratio_{number}"] = TimeRatio(part)
    return found


def of_peaks(axes, peaks):
    """Return the numbers of each peak that need no other, by name."""
    found = named_functionals(axes, peaks)
    heads = ("log_mean", "ratio")
    kept = {
        f"amplitude_{number}": Amplitude(_Part(inside))
        for number, inside in enumerate(peaks)
    }
    for name, functional in found.items():
        if name.startswith(heads) and isinstance(functional.region, _Part):
            kept[name] = functional
    return kept


class _Part:
    """A region that is told bin by bin."""

    def __init__(self, inside):
        self.inside = np.asarray(inside, dtype=np.float64)


def _check_region(region):
    """Raise an error that names `region` unless it is one."""
    if isinstance(region, (_Part, *_SHAPES)):
        return
    if not isinstance(region, tuple | list):
        raise TypeError(
            "region must be a pair of relaxation times or a Rectangle, Polygon or "
            f"RatioBand, got {region!r}."
        )
    _check_limits(region, "region")


def _inside(region, axes):
    """Return the part of each bin (n_bins,) that belongs to a region."""
    grids = tuple(axes.values())
    if region is None:
        return np.ones(_spread(axes, 0).size)
    if isinstance(region, _Part):
        return region.inside
    if isinstance(region, _SHAPES):
        if len(grids) != 2 or min(grid.size for grid in grids) < 2:
            raise ValueError(
                f"region {region.name!r} is a part of a map over two axes with at "
                "least 2 bins each, but the grid has the shape "
                f"{tuple(grid.size for grid in grids)}."
            )
        missing = [name for name in region._axes() if name not in axes]
        if missing:
            raise ValueError(
                f"region {region.name!r} has limits on {missing[0]}, which is none of "
                f"the axes {list(axes)}; UncertaintyResult.estimate knows their names."
            )
        return cut_shares(outline(region, list(axes), grids), grids).ravel()
    if len(grids) != 1:
        raise ValueError(
            f"region must be a Rectangle, Polygon or RatioBand for {len(grids)} axes, "
            f"got {region!r}."
        )
    lower, upper = _check_limits(region, "region")
    return ((grids[0] >= lower) & (grids[0] < upper)).astype(np.float64)


def _number(axis, axes):
    """Return the number of an axis."""
    names = list(axes)
    if axis is None and len(names) == 1:
        return 0
    if isinstance(axis, str) and axis in names:
        return names.index(axis)
    if isinstance(axis, int) and 0 <= axis < len(names):
        return axis
    raise ValueError(f"axis must be one of {names} or its number, got {axis!r}.")


def _spread(axes, axis):
    """Return the relaxation times of an axis for each bin of the grid, (n_bins,)."""
    if len(axes) == 1:
        return next(iter(axes.values()))
    return np.meshgrid(*axes.values(), indexing="ij")[axis].ravel()
