"""Displays of parameter maps."""

import numbers

import numpy as np
import pandas as pd

from ..utils._validation import check_number, check_numbers, check_size
from ._base import check_drawn, import_pyplot, known_unit, rows_and_columns, with_unit
from ._colours import relaxation_colours
from ._slices import choose_slices, tile, upright

# Values outside these percentiles share the colours at the ends of the scale.
_PERCENTILES = 2.0, 98.0


def _check_limits(pair, name):
    """Return the ends of a colour scale, or raise an error that names limits."""
    ends = check_drawn(pair, f"limits[{name!r}]", 1)
    if ends.size != 2 or not ends[0] < ends[1]:
        raise ValueError(
            f"limits[{name!r}] must be two increasing numbers, got {pair}."
        )
    return tuple(ends)


def _check_affine(given):
    """Return an affine (4, 4) that maps voxels to places, or None."""
    if given is None:
        return None
    affine = check_numbers(given, "affine", ndim=2)
    check_size(affine, "affine", 1e-9, 1e9)
    if affine.shape != (4, 4) or np.linalg.matrix_rank(affine[:3, :3]) < 3:
        raise ValueError(f"affine must be an invertible (4, 4) matrix, got {given!r}.")
    return affine


class ParameterMapDisplay:
    """Draw maps of parameters side by side.

    Parameters
    ----------
    images : dict of str to ndarray of shape (n_x, n_y) or (n_x, n_y, n_z)
        Images by title; nan is left blank.
    units : dict of str to str or None, default=None
        Units by title.
    limits : dict of str to (float, float) or None, default=None
        Ends of colour scales by title. The others span the central 96 % of values.
    affine : ndarray of shape (4, 4) or None, default=None
        From voxels to places that grow to the right, the front and the head, as in
        NIfTI. With it the head or the front is above, and the right side or the front
        is at the left edge, which a letter says: radiological orientation. None draws
        the first axis to the right and the second downwards.
    slices : int or array-like of shape (n_slices,), default=9
        Slices of a volume to draw side by side: the largest number of them, evenly
        spread, or their indices.
    colours : dict of str to colour map or None, default=None
        Matplotlib's colour maps, or their names, by title. The others are lipari for
        maps of T1 and navia for T2, T2* and T1rho [1]_, with or without a comma and
        more in the title, and Matplotlib's own.

    See Also
    --------
    skrelax.nonlinear.NonlinearRelaxationFit : Where maps come from.
    RegionHistogramDisplay : How values are spread in regions.

    References
    ----------
    .. [1] Fuderer et al., Color-map recommendation for MR relaxometry maps, Magn.
       Reson. Med. 93, 490 (2025), https://doi.org/10.1002/mrm.30290.
    """

    def __init__(
        self, images, *, units=None, limits=None, affine=None, slices=9, colours=None
    ):
        if not isinstance(images, dict) or not images:
            raise ValueError(f"images must be a dict of arrays, got {images!r}.")
        self.images = {
            name: check_drawn(image, f"images[{name!r}]", (2, 3))
            for name, image in images.items()
        }
        dicts = {"units": units, "limits": limits, "colours": colours}
        for name, value in dicts.items():
            if not isinstance(value, dict | None):
                raise TypeError(f"{name} must be a dict or None, got {value!r}.")
        self.units = units
        self.limits = {
            name: _check_limits(pair, name) for name, pair in (limits or {}).items()
        }
        self.affine = _check_affine(affine)
        self.slices = self._check_slices(slices)
        self.colours = colours

    def _check_slices(self, given):
        depth = max(
            (image.shape[2] for image in self.images.values() if image.ndim == 3),
            default=1,
        )
        if isinstance(given, numbers.Integral):
            return int(check_number(given, "slices", 1, np.inf, numbers.Integral))
        indices = check_numbers(given, "slices", ndim=1)
        if not indices.size or (indices != np.floor(indices)).any():
            raise ValueError(
                f"slices must be a number of slices, or their indices, got {given!r}."
            )
        if indices.min() < 0 or indices.max() >= depth:
            raise ValueError(
                f"slices must be from 0 to {depth - 1}, got {indices.min():g} to "
                f"{indices.max():g}."
            )
        return indices.astype(int)

    @classmethod
    def from_estimator(
        cls, fit, table, names=None, *, limits=None, slices=9, axes=None
    ):
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
        slices : int or array-like of shape (n_slices,), default=9
            Slices of a volume to draw: at most so many, or their indices.
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
        drawn = cls(
            images,
            units=units,
            limits=limits,
            affine=table.spatial.get("affine"),
            slices=slices,
        )
        return drawn.plot(axes)

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
            rows, columns = rows_and_columns(len(self.images))
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
            low, high = self._range(name, image)
            picture, aspect = self._arrange(image, ax)
            drawn = ax.imshow(
                picture,
                vmin=low,
                vmax=high,
                interpolation="nearest",
                aspect=aspect,
                cmap=self._colours(name),
            )
            unit = (self.units or {}).get(name, "")
            ax.set_title(with_unit(str(name), unit), fontsize="medium")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            ax.set_facecolor("0.9")
            self.figure_.colorbar(drawn, ax=ax, shrink=0.85)
        return self

    def _arrange(self, image, ax):
        """Return an image as rows and columns of a picture, and its aspect."""
        aspect = 1.0
        if self.affine is None:
            image = np.swapaxes(image, 0, 1)
        else:
            image, aspect, side = upright(image, self.affine)
            ax.text(
                *(0.02, 0.5),
                side,
                transform=ax.transAxes,
                fontsize="small",
                color="white",
                va="center",
                # On dark and on bright voxels.
                path_effects=_outlined(),
            )
        if image.ndim == 3:
            image = tile(image, choose_slices(image, self.slices))
        return image, aspect

    def _colours(self, name):
        """Return the colour map of a title, None for Matplotlib's own."""
        given = (self.colours or {}).get(name)
        return relaxation_colours(str(name)) if given is None else given

    def _range(self, name, image):
        """Return the ends of a colour scale."""
        if name in self.limits:
            return self.limits[name]
        finite = image[np.isfinite(image)]
        if finite.size == 0:
            return 0.0, 1.0
        low, high = np.percentile(finite, _PERCENTILES)
        return (low, high) if high > low else (low, low + 1.0)


def _outlined():
    """Return what draws letters with a dark edge."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=1.5, foreground="0.25")]
