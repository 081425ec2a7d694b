"""Regions of a map over two logarithmic axes."""

from dataclasses import dataclass

import numpy as np

from ..utils._validation import check_number, check_numbers
from ._moments import _TIMES

# More vertices than anybody draws, and few enough to compare all pairs of edges.
_MOST_VERTICES = 1000


def _check_name(name, kind):
    """Return the name of a region, or raise an error that names it."""
    if not isinstance(name, str):
        raise TypeError(f"name of a {kind} must be text, got {name!r}.")
    if not name:
        raise ValueError(f"name of a {kind} must not be empty.")
    return name


def _check_limits(limits, name):
    """Return two increasing numbers from 0 to inf as floats."""
    if not isinstance(limits, tuple | list) or len(limits) != 2:
        raise ValueError(f"{name} must be a pair (low, high), got {limits!r}.")
    low, high = (check_number(one, name, 0.0, np.inf) for one in limits)
    if not low < high:
        raise ValueError(f"{name} must increase, got {low} and {high}.")
    return low, high


def _log10(values):
    """Return logarithms, -inf of 0."""
    with np.errstate(divide="ignore"):
        return np.log10(values)


@dataclass(frozen=True, init=False, repr=False)
class Rectangle:
    """Hold a part of a map between two values on each axis.

    Parameters
    ----------
    name : str
        Name of the region in tables and pictures.
    **limits : (float, float)
        Lowest and highest value by the name of the axis, as in ``T2=(0.0, 0.033)``.
        An axis that is not named has no limits; neither have 0 and inf.

    Attributes
    ----------
    limits : tuple of (str, (float, float))
        The limits of each axis that has some.

    Raises
    ------
    ValueError
        If there is no axis, or limits are negative, NaN or do not increase.
    TypeError
        If the name is no text, or limits are no numbers.

    See Also
    --------
    region_statistics : What lies in a region.

    Examples
    --------
    >>> from skrelax.metrics import Rectangle
    >>> Rectangle("clay-bound water", T1=(0, 0.1), T2=(0, 0.003))
    Rectangle('clay-bound water', T1=(0.0, 0.1), T2=(0.0, 0.003))
    """

    name: str
    limits: tuple

    def __init__(self, name, /, **limits):
        name = _check_name(name, "Rectangle")
        if not limits:
            raise ValueError(
                f"limits of Rectangle {name!r} must be given for one axis or two, as "
                "in T2=(0.001, 0.01)."
            )
        found = tuple(
            (axis, _check_limits(pair, f"limits {axis} of Rectangle {name!r}"))
            for axis, pair in sorted(limits.items())
        )
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "limits", found)

    def __repr__(self):
        """Show how the region is made."""
        limits = ", ".join(f"{axis}={pair}" for axis, pair in self.limits)
        return f"Rectangle({self.name!r}, {limits})"

    def _axes(self):
        """Return the names of the axes that must be there."""
        return [axis for axis, _ in self.limits]

    def _outline(self, names, box):
        """Return the corners (4, 2) in log10, cut at the box ((low, high), ...)."""
        limits = dict(self.limits)
        (a, b), (c, d) = (
            np.clip(_log10(limits.get(name, (0.0, np.inf))), *ends)
            for name, ends in zip(names, box, strict=True)
        )
        return np.array([[a, c], [b, c], [b, d], [a, d]])


@dataclass(frozen=True, init=False, repr=False)
class Polygon:
    """Hold a part of a map within straight lines on its logarithmic axes.

    Parameters
    ----------
    name : str
        Name of the region in tables and pictures.
    **vertices : array-like of shape (n_vertices,)
        Values of the vertices by the names of the two axes, as in ``T1=[0.1, 1, 1],
        T2=[0.01, 0.01, 0.1]``. The last one is joined to the first.

    Attributes
    ----------
    vertices : tuple of (str, tuple of float)
        The values of each axis.

    Raises
    ------
    ValueError
        If there are not two axes, fewer than three vertices, values that are not
        positive and finite, no area, or edges that cross or touch each other: what
        would lie inside is not defined there.
    TypeError
        If the name is no text, or vertices are no numbers.

    See Also
    --------
    region_statistics : What lies in a region.

    Examples
    --------
    >>> from skrelax.metrics import Polygon
    >>> Polygon("oil", T1=[0.1, 1, 1], T2=[0.01, 0.01, 0.1])
    Polygon('oil', T1=(0.1, 1.0, 1.0), T2=(0.01, 0.01, 0.1))
    """

    name: str
    vertices: tuple

    def __init__(self, name, /, **vertices):
        name = _check_name(name, "Polygon")
        what = f"vertices of Polygon {name!r}"
        if len(vertices) != 2:
            raise ValueError(
                f"{what} must be given for two axes, as in T1=[...], T2=[...], got "
                f"{len(vertices)}."
            )
        columns = []
        for axis, values in sorted(vertices.items()):
            values = check_numbers(values, f"vertices {axis} of Polygon {name!r}")
            low, high = _TIMES
            if values.ndim != 1 or not values.size:
                raise ValueError(
                    f"vertices {axis} of Polygon {name!r} must be a list of numbers, "
                    f"got shape {values.shape}."
                )
            outside = ~((values >= low) & (values <= high))
            if outside.any():
                at = int(outside.argmax())
                raise ValueError(
                    f"vertices {axis} of Polygon {name!r} must be positive, from "
                    f"{low:g} to {high:g}, got {values[at]} at index {at}."
                )
            columns.append(values)
        if columns[0].size != columns[1].size:
            raise ValueError(
                f"{what} must have as many values on both axes, got "
                f"{columns[0].size} and {columns[1].size}."
            )
        points = np.column_stack(columns)
        # A vertex that stands twice, as the first one does where the line is closed.
        points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
        if not 3 <= len(points) <= _MOST_VERTICES:
            raise ValueError(
                f"{what} must be from 3 to {_MOST_VERTICES} different points in a row, "
                f"got {len(points)}."
            )
        _check_simple(np.log10(points), what, points)
        found = tuple(
            (axis, tuple(column.tolist()))
            for axis, column in zip(sorted(vertices), points.T, strict=True)
        )
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "vertices", found)

    def __repr__(self):
        """Show how the region is made."""
        vertices = ", ".join(f"{axis}={values}" for axis, values in self.vertices)
        return f"Polygon({self.name!r}, {vertices})"

    def _axes(self):
        """Return the names of the axes that must be there."""
        return [axis for axis, _ in self.vertices]

    def _outline(self, names, box):
        """Return the vertices (n_vertices, 2) in log10."""
        vertices = dict(self.vertices)
        return np.log10([vertices[name] for name in names]).T


def _check_simple(points, what, values):
    """Raise ValueError if a polygon has no area, or edges that meet."""
    edges = np.roll(points, -1, axis=0) - points
    ends = points + edges

    def side(p):
        """Return on which side of edge j point p of edge i lies, (i, j)."""
        apart = p[:, None] - points[None]
        return np.sign(edges[:, 0] * apart[..., 1] - edges[:, 1] * apart[..., 0])

    split = side(points) * side(ends) <= 0
    low, high = np.minimum(points, ends), np.maximum(points, ends)
    near = ((low[:, None] <= high[None]) & (low[None] <= high[:, None])).all(axis=2)
    meet = split & split.T & near
    n = len(points)
    # Neighbours share a vertex.
    for step in (-1, 0, 1):
        at = np.arange(n)
        meet[at, (at + step) % n] = False
    if meet.any():
        i, j = np.argwhere(meet)[0]
        raise ValueError(
            f"{what} must not have edges that cross or touch, as those from "
            f"{tuple(values[i].tolist())} and {tuple(values[j].tolist())} do; cut it "
            "into several polygons."
        )
    size = np.ptp(points, axis=0).prod()
    # Relative to the middle, as far vertices would leave rounding.
    x, y = (points - points.mean(axis=0)).T
    area = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    if not area > 1e-9 * size:
        raise ValueError(f"{what} must enclose an area, but lie on one line.")


@dataclass(frozen=True)
class RatioBand:
    """Hold a part of a map between two ratios of its axes.

    Parameters
    ----------
    name : str
        Name of the region in tables and pictures.
    low, high : float
        Lowest and highest ratio of the first to the second axis, T1/T2 in a map over
        T1 and T2; 0 and inf are no limits.

    Raises
    ------
    ValueError
        If ratios are negative, NaN or do not increase.
    TypeError
        If the name is no text, or ratios are no numbers.

    See Also
    --------
    region_statistics : What lies in a region.

    Examples
    --------
    >>> from skrelax.metrics import RatioBand
    >>> RatioBand("water", 1, 3)
    RatioBand(name='water', low=1.0, high=3.0)
    """

    name: str
    low: float = 0.0
    high: float = np.inf

    def __post_init__(self):
        name = _check_name(self.name, "RatioBand")
        pair = self.low, self.high
        low, high = _check_limits(pair, f"low and high of RatioBand {name!r}")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def _axes(self):
        """Return the names of the axes that must be there."""
        return []

    def _outline(self, names, box):
        """Return the corners (4, 2) in log10 of the part as long as the box."""
        first, (c, d) = box
        low, high = np.clip(_log10((self.low, self.high)), first[0] - d, first[1] - c)
        return np.array([[low + c, c], [high + c, c], [high + d, d], [low + d, d]])


REGIONS = Rectangle, Polygon, RatioBand


def check_regions(regions, names):
    """Return regions as a list, or raise an error that names them.

    `names` are those of the two axes of the map.
    """
    if not isinstance(regions, tuple | list):
        raise TypeError(
            "regions must be a list of Rectangle, Polygon and RatioBand, got "
            f"{regions!r}."
        )
    for region in regions:
        if not isinstance(region, REGIONS):
            raise TypeError(
                f"regions must be Rectangle, Polygon or RatioBand, got {region!r}."
            )
        absent = [axis for axis in region._axes() if axis not in names]
        if absent:
            raise ValueError(
                f"regions: {type(region).__name__} {region.name!r} names the axis "
                f"{absent[0]!r}, but those of the map are {', '.join(names)}."
            )
    labels = [region.name for region in regions]
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ValueError(f"regions must have different names, {twice!r} stands twice.")
    return list(regions)


def outline(region, names, times):
    """Return vertices (n_vertices, 2) in log10 of a region of a map on bins `times`."""
    box = [(np.log10(grid[0]), np.log10(grid[-1])) for grid in times]
    return region._outline(names, box)
