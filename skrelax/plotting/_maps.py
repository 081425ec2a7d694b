"""Displays of parameter maps."""

import numpy as np

from ._base import import_pyplot

# Values outside these percentiles share the colours at the ends of the scale.
_PERCENTILES = 2.0, 98.0


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
        self.images = images
        self.units = units
        self.limits = limits

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
        """
        frame = fit.to_frame()
        if names is None:
            time = fit.model_.parameters[0].name
            names = [*fit.param_names_, f"{time} stderr", "relative error"]
        images, units = {}, {}
        bad = (frame["status"] != "converged").to_numpy()
        for name in names:
            values = np.asarray(frame[name], dtype=np.float64).copy()
            if name in fit.param_names_ or name.endswith("stderr"):
                values[bad] = np.nan
            images[name] = table.to_image(values)
            units[name] = "s" if name.startswith("T") else ""
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
            columns = min(4, count)
            rows = -(-count // columns)
            _, axes = import_pyplot().subplots(
                rows,
                columns,
                figsize=(3.1 * columns, 3.0 * rows),
                layout="constrained",
                squeeze=False,
            )
        self.axes_ = np.atleast_1d(axes).ravel()
        self.figure_ = self.axes_[0].figure
        for ax in self.axes_[len(self.images) :]:
            ax.set_visible(False)
        for ax, (name, image) in zip(self.axes_, self.images.items(), strict=False):
            image = np.asarray(image, dtype=np.float64)
            image = image[..., image.shape[2] // 2] if image.ndim == 3 else image
            low, high = self._range(name, image)
            drawn = ax.imshow(image.T, vmin=low, vmax=high, interpolation="nearest")
            unit = (self.units or {}).get(name, "")
            ax.set_title(f"{name} ({unit})" if unit else name, fontsize="medium")
            ax.set(xticks=[], yticks=[])
            ax.set_facecolor("0.9")
            self.figure_.colorbar(drawn, ax=ax, shrink=0.85)
        return self

    def _range(self, name, image):
        """Return the ends of a colour scale."""
        if self.limits is not None and name in self.limits:
            return self.limits[name]
        finite = image[np.isfinite(image)]
        if finite.size == 0:
            return 0.0, 1.0
        low, high = np.percentile(finite, _PERCENTILES)
        return (low, high) if high > low else (low, low + 1.0)
