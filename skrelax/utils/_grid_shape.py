"""How the shape of a grid of bins travels with a kernel through a Pipeline."""

import numpy as np


class KernelMatrix(np.ndarray):
    """A kernel that remembers the number of bins per axis; otherwise an ndarray."""

    def __array_finalize__(self, source):
        """Inherit the shape of the grid in views and slices."""
        self.grid_shape = getattr(source, "grid_shape", None)

    def __reduce__(self):
        """Add the shape of the grid to the pickled state."""
        function, arguments, state = super().__reduce__()
        return function, arguments, (state, self.grid_shape)

    def __setstate__(self, state):
        """Take the shape of the grid from the pickled state."""
        state, self.grid_shape = state
        super().__setstate__(state)


def with_grid_shape(K, grid_shape):
    """Return K (a view) with a grid shape, or K itself where there is none."""
    if grid_shape is None or len(grid_shape) < 2:
        return K
    out = np.asarray(K).view(KernelMatrix)
    out.grid_shape = tuple(grid_shape)
    return out


def find_grid_shape(X):
    """Return the grid shape that X carries, in itself or in its names, or None.

    Names are those of ``KernelBuilder.get_feature_names_out``, which survive in
    data frames: ``"T1=0.1,T2=0.01"``.
    """
    n_bins = X.shape[1] if getattr(X, "ndim", 0) == 2 else 0
    shape = getattr(X, "grid_shape", None)
    if shape is None and hasattr(X, "columns"):
        parts = [str(name).split(",") for name in X.columns]
        if len({len(part) for part in parts}) == 1 and all(
            "=" in value for part in parts for value in part
        ):
            shape = tuple(len(dict.fromkeys(axis)) for axis in zip(*parts, strict=True))
    if shape is not None and int(np.prod(shape)) == n_bins:
        return tuple(shape)
    return None
