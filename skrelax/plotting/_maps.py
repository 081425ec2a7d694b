"""Displays of parameter maps."""

import numpy as np
import pandas as pd

from ._base import check_drawn, import_pyplot, known_unit, with_unit

# Values outside these percentiles share the colours at the ends of the scale.
_PERCENTILES = 2.0, 98.0
# Maps side by side.
_COLUMNS = 4


def _check_limits(pair, name):
    """Return the ends of a colour scale, or raise an error that names limits."""
    ends = check_drawn(pair, f"limits[{name!r}]", 1)
    if ends.size != 2 or not ends[0] < ends[1]:
        raise ValueError(
            f"limits[{name!r}] must be two increasing numbers, got {pair}."
        )
    return tuple(ends)


class ParameterMapDisplay:
    """Draw maps of parameters side by side.

    Parameters
    ----------
    images : dict of str to ndarray of shape (n_x, n_y) or (n_x, n_y, n_z)
        Images by title; nan is left blank. Of a volume the middle slice is drawn.
    units : dict of str to str or None, default=None
        Units by title.
    limits : dict of str to (float, float) or None, default=None
        Ends of colour scales by title. The others span the central 96 % of values.

    See Also
    --------
    skrelax.nonlinear.NonlinearRelaxationFit : Where maps come from.
    """

    def __init__(self, images, *, units=None, limits=None):
        if not isinstance(images, dict) or not images:
            raise ValueError(f"images must be a dict of arrays, got {images!r}.")
        self.images = {
            name: check_drawn(image, f"images[{name!r}]", (2, 3))
            for name, image in images.items()
        }
        for name, value in (("units", units), ("limits", limits)):
            if not isinstance(value, dict | None):
                raise TypeError(f"{name} must be a dict or None, got {value!r}.")
        self.units = units
        self.limits = {
            name: _check_limits(pair, name) for name, pair in (limits or {}).items()
        }

    @classmethod
    def from_estimator(cls, fit, table, names=None, *, limits=None, axes=None):
        """Draw the parameters of a fit to all voxels of a table.

        Parameters
        ----------
        fit : NonlinearRelaxationFit
            Fitted to ``table.by_point()``.
        table : RelaxationTable
            With the mask of its voxels.
        names : sequence of str or None, default=None
            Columns of ``fit.to_frame()``. None takes all parameters, the standard
            error of the first relaxation time, and the relative error.
        limits : dict of str to (float, float) or None, default=None
            Ends of colour scales by name.
        axes : array of Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ParameterMapDisplay
            With ``axes_`` and ``figure_``.

        Raises
        ------
        ValueError
            If the fit is none, or has no such columns.
        """
        if not (hasattr(fit, "param_names_") and hasattr(fit, "to_frame")):
            raise ValueError(f"fit must be a fitted NonlinearRelaxationFit, got {fit}.")
        if not hasattr(table, "to_image"):
            raise TypeError(f"table must be a RelaxationTable, got {table!r:.60}.")
        frame = fit.to_frame()
        if names is None:
            time = fit.model_.parameters[0].name
            names = [*fit.param_names_, f"{time} stderr", "relative error"]
        if not isinstance(names, list | tuple | pd.Index):
            raise TypeError(f"names must be a list of columns, got {names!r}.")
        for name in names:
            if not isinstance(name, str) or name not in frame:
                raise ValueError(
                    f"names must be columns of the fit, {list(frame)}, got {name!r}."
                )
        demanded = {parameter.name: parameter.unit for parameter in fit.model_.outputs}
        images, units = {}, {}
        bad = (frame["status"] != "converged").to_numpy()
        for name in names:
            values = np.asarray(frame[name], dtype=np.float64).copy()
            if name in fit.param_names_ or name.endswith("stderr"):
                values[bad] = np.nan
            images[name] = table.to_image(values)
            symbol = name.removesuffix(" stderr")
            if symbol in demanded:
                units[name] = demanded[symbol] or known_unit(symbol)
        return cls(images, units=units, limits=limits).plot(axes)

    def plot(self, axes=None):
        """Draw.

        Parameters
        ----------
        axes : array of Axes or None, default=None
            One per image; None makes a figure.

        Returns
        -------
        ParameterMapDisplay
            Itself.
        """
        if axes is None:
            count = len(self.images)
            rows = -(-count // _COLUMNS)
            # Five maps are three and two, not four and one.
            columns = -(-count // rows)
            _, axes = import_pyplot().subplots(
                rows,
                columns,
                figsize=(3.1 * columns, 3.0 * rows),
                layout="constrained",
                squeeze=False,
            )
        self.axes_ = np.atleast_1d(axes).ravel()
        if self.axes_.size < len(self.images):
            raise ValueError(
                f"axes must be one for each of {len(self.images)} images, got "
                f"{self.axes_.size}."
            )
        self.figure_ = self.axes_[0].figure
        for ax in self.axes_[len(self.images) :]:
            ax.set_visible(False)
        for ax, (name, image) in zip(self.axes_, self.images.items(), strict=False):
            image = image[..., image.shape[2] // 2] if image.ndim == 3 else image
            low, high = self._range(name, image)
            drawn = ax.imshow(image.T, vmin=low, vmax=high, interpolation="nearest")
            unit = (self.units or {}).get(name, "")
            ax.set_title(with_unit(str(name), unit), fontsize="medium")
            ax.set(xticks=[], yticks=[])
            ax.set_facecolor("0.9")
            self.figure_.colorbar(drawn, ax=ax, shrink=0.85)
        return self

    def _range(self, name, image):
        """Return the ends of a colour scale."""
        if name in self.limits:
            return self.limits[name]
        finite = image[np.isfinite(image)]
        if finite.size == 0:
            return 0.0, 1.0
        low, high = np.percentile(finite, _PERCENTILES)
        return (low, high) if high > low else (low, low + 1.0)
