"""How the grid of bins travels with a kernel through a Pipeline."""

import itertools
import math
from typing import NamedTuple

import numpy as np

from ._frames import frame_columns
from ._inspect import number_repeats
from ._sklearn import running_pipelines
from ._validation import check_numbers

# Rows of a plain kernel that are looked at: a few hundred show every bin.
_ROWS_SEEN = 512
# The end of a row of bins jumps further than this many steps within rows.
_JUMP = 2.0
# A row starts nearer to the start of the last one than this share of the jump. For
# kernels of one axis, which rise or fall from bin to bin, the share is 1 or more.
_RETURN = 0.8


class Grid(NamedTuple):
    """What is known of the bins behind the columns of a kernel."""

    shape: tuple
    """Number of bins per axis, in C order."""
    grids: tuple | None = None
    """The bins of each axis, or None where only their number is known."""
    axis_names: tuple | None = None
    """A name per axis, such as ("T1", "T2"), or None."""
    discrete: tuple = ()
    """Numbers of the axes that are not inverted, as far as is known."""


class KernelMatrix(np.ndarray):
    """A kernel that remembers the bins of its columns; otherwise an ndarray.

    Copies, rows and elementwise functions keep them. Of whatever else is made from it
    nobody knows the order of the columns: there `grid` is kept as a sign that there was
    one, and `is_whole` is False.
    """

    def __array_finalize__(self, source):
        """Inherit the grid, not its order: numpy does not say what was done."""
        self.grid = getattr(source, "grid", None)
        self.is_whole = self.grid is None

    def __getitem__(self, key):
        """Keep the grid for rows."""
        out = super().__getitem__(key)
        if isinstance(out, KernelMatrix) and _takes_rows(key):
            out.is_whole = self.is_whole
        return out

    def copy(self, order="C"):
        """Return a copy with the grid."""
        return carry_grid(super().copy(order), self)

    __copy__ = copy

    def __deepcopy__(self, memo):
        """Return a copy with the grid."""
        return self.copy("K")

    def astype(self, *args, **kwargs):
        """Return numbers of another type with the grid."""
        return carry_grid(super().astype(*args, **kwargs), self)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        """Keep the grid in elementwise functions, drop it in products and sums."""
        if out is not None:
            options["out"] = tuple(_plain(part) for part in out)
        found = getattr(ufunc, method)(*map(_plain, inputs), **options)
        if out is not None:
            return out[0] if len(out) == 1 else out
        if method != "__call__" or ufunc.signature or not isinstance(found, np.ndarray):
            return found
        source = next(part for part in inputs if isinstance(part, KernelMatrix))
        return carry_grid(found, source) if found.shape == source.shape else found

    @property
    def T(self):
        """The transpose, whose columns are no bins."""
        return np.asarray(self).T

    def transpose(self, *axes):
        """Return the transpose, whose columns are no bins."""
        return np.asarray(self).transpose(*axes)

    def __repr__(self):
        """Show the numbers as an ndarray does."""
        return repr(np.asarray(self))

    def __reduce__(self):
        """Add the grid to the pickled state."""
        function, arguments, state = super().__reduce__()
        return function, arguments, (state, self.grid, self.is_whole)

    def __setstate__(self, state):
        """Take the grid from the pickled state."""
        state, self.grid, self.is_whole = state
        super().__setstate__(state)

    @property
    def grid_shape(self):
        """Number of bins per axis, or None."""
        return None if self.grid is None else self.grid.shape

    @property
    def grids(self):
        """The bins of each axis, or None."""
        return None if self.grid is None else self.grid.grids

    @property
    def axis_names(self):
        """A name per axis, or None."""
        return None if self.grid is None else self.grid.axis_names


def _plain(value):
    return np.asarray(value) if isinstance(value, KernelMatrix) else value


def _takes_rows(key):
    """Return whether an index leaves the columns of a matrix as they are."""
    if not isinstance(key, tuple):
        # A mask of two axes picks single numbers.
        return getattr(key, "ndim", 1) < 2
    return all(
        part is Ellipsis or (isinstance(part, slice) and part == slice(None))
        for part in key[1:]
    )


def with_grid(K, grid):
    """Return K (a view) with a Grid, or K itself where there is none."""
    if grid is None:
        return K
    out = np.asarray(K).view(KernelMatrix)
    out.grid, out.is_whole = grid, True
    return out


def carry_grid(values, source):
    """Return a kernel (a view) with the grid that source, its origin, carries."""
    grid, is_whole = _read_grid(source)
    out = with_grid(values, grid)
    if grid is not None:
        out.is_whole = is_whole
    return out


def find_grid(X):
    """Return the Grid that X carries, in itself or in its names, or None.

    Names are those of ``KernelBuilder.get_feature_names_out``, which survive in
    data frames: ``"T1=0.1,T2=0.01"``.

    Raises
    ------
    ValueError
        If X has columns of a grid of several axes, but not all of them in order.
    """
    grid, is_whole = _read_grid(X)
    if is_whole:
        return grid
    if len(grid.shape) > 1:
        raise ValueError(
            f"X has {X.shape[1]} columns that were picked from a grid of bins "
            f"{grid.shape}, or put in another order, so their neighbours are unknown: "
            "keep all columns in their order, or pass grid_shape."
        )
    return None


def _read_grid(X):
    """Return the Grid of X or None, and whether X has all its bins in order."""
    if isinstance(X, KernelMatrix):
        if X.ndim != 2 or X.grid is None:
            return None, True
        return X.grid, X.is_whole and np.prod(X.grid.shape) == X.shape[1]
    # Compositions of transformers put their name in front.
    columns = frame_columns(X)
    columns = () if columns is None else columns
    parts = [str(name).rpartition("__")[2].split(",") for name in columns]
    if len({len(part) for part in parts}) != 1 or not all(
        "=" in label for part in parts for label in part
    ):
        return None, True
    axes = [list(dict.fromkeys(axis)) for axis in zip(*parts, strict=True)]
    symbols = [axis[0].partition("=")[0] for axis in axes]
    shape = tuple(len(axis) for axis in axes)
    grid = Grid(shape, _read_bins(axes), tuple(number_repeats(symbols)))
    return grid, [tuple(part) for part in parts] == list(itertools.product(*axes))


def _read_bins(axes):
    """Return the bins in labels such as "T2=0.1", or None if they are no numbers."""
    try:
        return tuple(
            np.array([float(label.partition("=")[2]) for label in axis])
            for axis in axes
        )
    except ValueError:
        return None


def find_known_grid(X):
    """Return the Grid of X, with copies of its bins, or None where they are unknown."""
    grid, is_whole = _read_grid(X)
    if grid is None or grid.grids is None or not is_whole:
        return None
    return grid._replace(grids=tuple(map(np.copy, grid.grids)))


def find_grid_shape(X):
    """Return the number of bins per axis that X carries, or None; see `find_grid`."""
    grid = find_grid(X)
    return None if grid is None else grid.shape


def check_grid_shape(given, X, source):
    """Return the shape of the grid of kernel X (m, n), or raise ValueError.

    Parameters
    ----------
    given : tuple of int or None
        The parameter `grid_shape`.
    X : ndarray of shape (m, n)
        The kernel, validated.
    source : array-like
        The kernel as it came, which may carry its grid.

    Raises
    ------
    ValueError
        If the shape does not match the columns, or if the columns are those of
        several axes and nothing says so.
    """
    n_bins = X.shape[1]
    if given is None:
        shape = find_grid_shape(source)
        if shape is None:
            _refuse_lost_grid(X)
            shape = (n_bins,)
        return shape
    sizes = check_numbers(given, "grid_shape", ndim=1)
    if not sizes.size or not ((sizes >= 1) & (sizes == np.rint(sizes))).all():
        raise ValueError(f"grid_shape must be positive integers, got {given!r}.")
    # In floats: a product of huge sizes must not wrap around.
    if math.prod(sizes) != n_bins:
        raise ValueError(
            f"grid_shape {given} has {math.prod(sizes):.6g} bins, but X has {n_bins} "
            "columns."
        )
    return tuple(int(n) for n in sizes)


def _refuse_lost_grid(X):
    """Raise ValueError if columns are those of several axes, one after another.

    In a Pipeline its steps know; elsewhere the numbers must show it.
    """
    for pipeline in running_pipelines():
        for shape in _shapes_made(pipeline):
            if len(shape) > 1:
                raise ValueError(
                    f"X has {X.shape[1]} columns that no longer tell which bins they "
                    f"are of the grid {shape} that the KernelBuilder made: pass "
                    "grid_shape, keep names with set_output(transform='pandas'), or "
                    "drop the step between KernelBuilder and inversion."
                )
    period = find_period(X)
    if period:
        n_rows = X.shape[1] // period
        raise ValueError(
            f"the columns of X start anew every {period} bins, as those of a grid of "
            f"{n_rows} x {period} bins do, but its shape was lost on the way: pass "
            f"grid_shape (for two axes grid_shape=({n_rows}, {period}), for one "
            f"grid_shape=({X.shape[1]},)), keep names with "
            "set_output(transform='pandas'), or drop the step between KernelBuilder "
            "and inversion."
        )


def _shapes_made(step):
    """Yield the shapes of the grids of the fitted KernelBuilders in a transformer."""
    if hasattr(step, "_known_grid") and hasattr(step, "grid_shape_"):
        yield step.grid_shape_
    for name in ("steps", "transformer_list", "transformers_"):
        for _, inner, *_ in getattr(step, name, ()):
            yield from _shapes_made(inner)


def find_period(X):
    """Return after how many columns a kernel starts anew, or None if it does not.

    From bin to bin of one axis a kernel changes little. Bins of several axes, one row
    after another, jump at the end of a row, back to where this row began.

    Parameters
    ----------
    X : ndarray of shape (m, n)
        Kernel, with columns on any scale.

    Returns
    -------
    int or None
        The number of bins of the last axis, where it can be seen.
    """
    n_bins = X.shape[1]
    if n_bins < 8:
        return None
    if X.shape[0] > _ROWS_SEEN:
        # Not evenly spaced: those of an acquisition grid repeat themselves.
        X = X[np.random.default_rng(0).permutation(X.shape[0])[:_ROWS_SEEN]]
    largest = np.abs(X).max()
    if not largest > 0.0:
        return None
    X = X / largest
    steps = np.linalg.norm(np.diff(X, axis=1), axis=0)
    for period in range(2, n_bins // 2 + 1):
        n_rows = n_bins // period
        # Few bins return by chance.
        if n_bins % period or n_rows < (4 if period == 2 else 2 if period > 5 else 3):
            continue
        ends = np.arange(period - 1, n_bins - 1, period)
        jump = steps[ends]
        back = np.linalg.norm(X[:, ends + 1] - X[:, ends + 1 - period], axis=0)
        if period == 2:
            found = (back < 0.5 * jump).mean() >= 0.9
        else:
            limit = 0.5 if n_rows == 2 else _RETURN
            side = np.maximum(steps[ends - 1], steps[ends + 1])
            inner = np.append(steps, 0.0).reshape(n_rows, period)[:, :-1]
            found = (np.maximum(back, side) < limit * jump).mean() >= 0.6
            found = found and _JUMP * np.median(inner) < np.median(jump)
        if found:
            return period
    return None
