"""Displays of distributions over two axes, and of slices of three."""

import numbers

import numpy as np

from ..metrics._moments import check_names
from ..metrics._shapes import check_regions
from ..utils._answers import answering, fitted_distributions
from ..utils._validation import check_number, check_numbers
from ._base import (
    MODEL,
    axis_labels,
    check_bins,
    check_drawn,
    check_pair,
    fitted_axes,
    get_figure,
    import_pyplot,
    known_unit,
    rows_and_columns,
    sample_rows,
    tell_apart,
    with_unit,
)
from ._draw_plane import (
    LOWEST,
    bare_symbol,
    choose_ratios,
    color_levels,
    draw_plane,
    draw_ratios,
    draw_regions,
    square_density,
)


class _Map:
    """What is known of the axes of a map."""

    def _set_axes(self, relaxation_times, labels, names, ratios, regions):
        """Store bins, labels, names, ratios and regions, checked."""
        times = check_pair(relaxation_times, "relaxation_times")
        self.relaxation_times = tuple(check_bins(axis) for axis in times)
        self.names = None if names is None else tuple(check_names(names, 2))
        if labels is None:
            labels = "first axis", "second axis"
            if names is not None:
                bare = [bare_symbol(name) for name in self.names]
                labels = tuple(
                    with_unit(word, known_unit(symbol))
                    for word, symbol in zip(tell_apart(bare), bare, strict=True)
                )
        self.labels = tuple(str(label) for label in check_pair(labels, "labels"))
        if ratios is None:
            ratios = choose_ratios(self.names)
        ratios = check_numbers(ratios, "ratios", ndim=1)
        if ratios.size and not (ratios.min() >= 1e-100 and ratios.max() <= 1e100):
            raise ValueError(f"ratios must be from 1e-100 to 1e100, got {ratios}.")
        self.ratios = tuple(ratios.tolist())
        self._shown_names = self.names or ("0", "1")
        self.regions = check_regions(regions, self._shown_names)

    def _draw(self, ax, density, levels, cmap):
        """Draw a density with its lines of ratios and regions; return artists."""
        drawn = draw_plane(ax, self.relaxation_times, density, levels, cmap)
        draw_ratios(ax, self.relaxation_times, self.names, self.ratios)
        lines = draw_regions(ax, self.relaxation_times, self._shown_names, self.regions)
        return drawn, lines

    def _check_shape(self, shape):
        """Raise ValueError where a distribution does not match the grid."""
        grid = tuple(axis.size for axis in self.relaxation_times)
        if shape != grid or min(grid) < 2:
            raise ValueError(
                "distribution must have the shape of the grid, at least 2 bins along "
                f"both axes, got {shape} and a grid of {grid}."
            )


class DistributionMapDisplay(_Map):
    """Draw a distribution over two axes, with its marginals.

    Amplitudes are drawn per square decade, so that grids of different bins have the
    same scale. Lines of equal ratio of the axes help to read a map over T1 and T2, in
    which nothing lies where T1 is below T2.

    Parameters
    ----------
    relaxation_times : tuple of ndarray
        Bins of the two axes.
    distribution : ndarray of shape (n_1, n_2)
        The distribution.
    labels : tuple of str or None, default=None
        Labels of the axes. None makes them from `names`.
    names : tuple of str or None, default=None
        Names of the axes, such as ``("T1", "T2")``, by which regions go.
    ratios : sequence of float or None, default=None
        Ratios of the first to the second axis whose lines are drawn. None draws the
        decades from T1/T2 = 1 in a map over T1 and T2, the diagonal where both axes
        have one unit or none is known, and nothing else.
    regions : list of Rectangle, Polygon and RatioBand, default=()
        Regions of :mod:`skrelax.metrics` whose outlines are drawn.

    See Also
    --------
    DistributionDisplay : One axis.
    DistributionSlicesDisplay : Three axes.
    skrelax.metrics.region_statistics : What regions hold.
    """

    def __init__(
        self,
        relaxation_times,
        distribution,
        *,
        labels=None,
        names=None,
        ratios=None,
        regions=(),
    ):
        self._set_axes(relaxation_times, labels, names, ratios, regions)
        self.distribution = check_drawn(distribution, "distribution", 2)
        self._check_shape(self.distribution.shape)

    @classmethod
    def from_estimator(
        cls, estimator, *, unit=None, signal=0, ratios=None, regions=(), figure=None
    ):
        """Draw the distribution of a fitted inversion.

        Parameters
        ----------
        estimator : Pipeline, MultiDimRegularizedILT, or a search over one
            Fitted, with two axes: a KernelBuilder and a linear inversion, or a signed
            one. Negative bins have a colour of their own.
        unit : str, tuple of str or None, default=None
            Unit of the axes that are times, or one unit per axis. None takes s for
            times and m²/s for diffusion.
        signal : int, default=0
            Which signal, if there are several.
        ratios : sequence of float or None, default=None
            Ratios of the first to the second axis whose lines are drawn. None chooses
            by what the axes are.
        regions : list of Rectangle, Polygon and RatioBand, default=()
            Regions whose outlines are drawn.
        figure : Figure or None, default=None
            Where to draw; None makes one.

        Returns
        -------
        DistributionMapDisplay
            With ``figure_``, ``axes_`` (map, first marginal, second marginal) and
            ``colorbar_``.

        Raises
        ------
        ValueError
            If the estimator has no distribution over two axes, or no such signal, or
            regions name other axes.
        """
        found = fitted_axes(estimator, 2)
        f, times = found.rows, found.grids
        signal = check_number(signal, "signal", -len(f), len(f) - 1, numbers.Integral)
        plane = f[signal].reshape([axis.size for axis in times])
        display = cls(
            times,
            plane,
            labels=axis_labels(found, unit),
            names=tuple(found.axis_names),
            ratios=ratios,
            regions=regions,
        )
        return display.plot(figure)

    def plot(self, figure=None):
        """Draw.

        Parameters
        ----------
        figure : Figure or None, default=None
            Where to draw; None makes one.

        Returns
        -------
        DistributionMapDisplay
            Itself.
        """
        figure = get_figure(figure, (6.8, 5.6))
        first, second = self.relaxation_times
        axes = figure.subplot_mosaic(
            [["top", "corner", "corner"], ["map", "side", "bar"]],
            width_ratios=(4, 0.9, 0.15),
            height_ratios=(0.9, 4),
        )
        density = square_density(self.distribution, self.relaxation_times)
        levels, cmap = color_levels(density)
        drawn, lines = self._draw(axes["map"], density, levels, cmap)
        axes["map"].set(xlabel=self.labels[1], ylabel=self.labels[0])
        axes["top"].plot(second, self.distribution.sum(axis=0), color=MODEL)
        axes["top"].set(xscale="log", xlim=(second[0], second[-1]), yticks=[])
        axes["top"].tick_params(labelbottom=False)
        axes["side"].plot(self.distribution.sum(axis=1), first, color=MODEL)
        axes["side"].set(yscale="log", ylim=(first[0], first[-1]), xticks=[])
        axes["side"].tick_params(labelleft=False)
        for name in ("top", "side"):
            axes[name].spines[["top", "right"]].set_visible(False)
        axes["corner"].axis("off")
        if lines:
            legend = axes["corner"].legend(
                handles=lines, loc="upper left", fontsize="small", frameon=False,
                handlelength=1.2, borderaxespad=0.0,
            )  # fmt: skip
            # A long name must not take room from the map.
            legend.set_in_layout(False)
        self.colorbar_ = draw_color_bar(figure, drawn, axes["bar"])
        self.figure_ = figure
        self.axes_ = np.array([axes["map"], axes["side"], axes["top"]])
        return self


class DistributionSlicesDisplay(_Map):
    """Draw slices of a distribution over three axes, or the maps of several signals.

    All slices have one scale of colours.

    Parameters
    ----------
    relaxation_times : tuple of ndarray
        Bins of the two axes of each slice.
    slices : ndarray of shape (n_slices, n_1, n_2)
        The slices. Of more than eight, at most eight that are not blank are drawn.
    titles : sequence of str or None, default=None
        A title for each slice.
    labels : tuple of str or None, default=None
        Labels of the axes. None makes them from `names`.
    names : tuple of str or None, default=None
        Names of the axes, such as ``("T1", "T2")``, by which regions go.
    ratios : sequence of float or None, default=None
        Ratios of the first to the second axis whose lines are drawn, see
        :class:`DistributionMapDisplay`.
    regions : list of Rectangle, Polygon and RatioBand, default=()
        Regions of :mod:`skrelax.metrics` whose outlines are drawn.

    See Also
    --------
    DistributionMapDisplay : Two axes.
    """

    def __init__(
        self,
        relaxation_times,
        slices,
        *,
        titles=None,
        labels=None,
        names=None,
        ratios=None,
        regions=(),
    ):
        self._set_axes(relaxation_times, labels, names, ratios, regions)
        self.slices = check_drawn(slices, "slices", 3)
        self._check_shape(self.slices.shape[1:])
        if titles is None:
            titles = [f"{number}" for number in range(len(self.slices))]
        is_list = hasattr(titles, "__len__") and not isinstance(titles, str | dict)
        if not is_list or len(titles) != len(self.slices):
            raise ValueError(
                f"titles must be one for each of {len(self.slices)} slices, got "
                f"{titles!r}."
            )
        self.titles = [str(title) for title in titles]

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        axis=None,
        unit=None,
        signal=0,
        ratios=None,
        regions=(),
        axes=None,
    ):
        """Draw the slices of a fitted inversion.

        Parameters
        ----------
        estimator : Pipeline, MultiDimRegularizedILT, or a search over one
            Fitted, with three axes, or with two and several signals, each of which is
            a slice then.
        axis : int or None, default=None
            Axis of the grid that the slices cut. None takes the one that is not
            inverted, or the last.
        unit : str, tuple of str or None, default=None
            Unit of the axes that are times, or one unit per axis. None takes s for
            times and m²/s for diffusion.
        signal : int, default=0
            Which signal, if there are several and three axes.
        ratios : sequence of float or None, default=None
            Ratios of the first to the second axis of the slices whose lines are drawn.
            None chooses by what the axes are.
        regions : list of Rectangle, Polygon and RatioBand, default=()
            Regions whose outlines are drawn.
        axes : array of Axes or None, default=None
            One per slice; None makes a figure.

        Returns
        -------
        DistributionSlicesDisplay
            With ``axes_``, ``figure_`` and ``colorbar_``.

        Raises
        ------
        ValueError
            If the estimator has no distribution over two or three axes, no such axis
            or signal, or two axes that are not inverted.
        """
        found = fitted_distributions(estimator)
        n_axes = 0 if found.rows is None or found.grids is None else len(found.grids)
        if n_axes == 2:
            found = fitted_axes(estimator, 2)
            kept, labels = (0, 1), axis_labels(found, unit)
            slices = found.rows.reshape(len(found.rows), *map(len, found.grids))
            titles = _signal_titles(answering(estimator), len(slices))
        else:
            found = fitted_axes(estimator, 3, discrete_axes=1)
            axis = _cut_axis(axis, found.discrete)
            kept, labels = [i for i in range(3) if i != axis], axis_labels(found, unit)
            count = len(found.rows)
            signal = check_number(signal, "signal", -count, count - 1, numbers.Integral)
            f = found.rows[signal].reshape([grid.size for grid in found.grids])
            slices = np.moveaxis(f, axis, 0)
            name, _, one = labels[axis].removesuffix(")").partition(" (")
            titles = [f"{name} = {at:.3g} {one}".rstrip() for at in found.grids[axis]]
        display = cls(
            tuple(found.grids[i] for i in kept),
            slices,
            titles=titles,
            labels=tuple(labels[i] for i in kept),
            names=tuple(found.axis_names[i] for i in kept),
            ratios=ratios,
            regions=regions,
        )
        return display.plot(axes)

    def plot(self, axes=None):
        """Draw.

        Parameters
        ----------
        axes : array of Axes or None, default=None
            One per slice; None makes a figure.

        Returns
        -------
        DistributionSlicesDisplay
            Itself.
        """
        density = np.stack(
            [square_density(plane, self.relaxation_times) for plane in self.slices]
        )
        drawn, left_out = _choose_slices(density)
        rows, columns = rows_and_columns(len(drawn))
        if axes is None:
            _, axes = import_pyplot().subplots(
                rows, columns, figsize=(2.5 * columns + 1.0, 2.5 * rows + 0.3),
                layout="constrained", squeeze=False, sharex=True, sharey=True,
            )  # fmt: skip
        self.axes_ = np.atleast_1d(axes).ravel()
        if self.axes_.size < len(drawn):
            raise ValueError(
                f"axes must be one for each of {len(drawn)} slices, got "
                f"{self.axes_.size}."
            )
        if not all(hasattr(ax, "contourf") for ax in self.axes_):
            raise TypeError(f"axes must be Axes of matplotlib or None, got {axes!r}.")
        self.figure_ = self.axes_[0].figure
        for ax in self.axes_[len(drawn) :]:
            ax.set_visible(False)
        self.axes_ = self.axes_[: len(drawn)]
        levels, cmap = color_levels(density)
        for place, (ax, k) in enumerate(zip(self.axes_, drawn, strict=True)):
            image, lines = self._draw(ax, density[k], levels, cmap)
            ax.set_title(self.titles[k], fontsize="medium")
            if place % columns == 0:
                ax.set_ylabel(self.labels[0])
            if place + columns >= len(drawn):
                ax.set_xlabel(self.labels[1])
                ax.tick_params(labelbottom=True)
        if lines:
            self.axes_[0].legend(handles=lines, fontsize="x-small", framealpha=0.8)
        if left_out:
            self.figure_.suptitle(left_out, fontsize="small")
        self.colorbar_ = draw_color_bar(self.figure_, image, ax=list(self.axes_))
        return self


def _choose_slices(density):
    """Return indices of the slices to draw, and words on those left out."""
    count = len(density)
    drawn, words = sample_rows(count), ""
    if drawn.size < count:
        size = np.nanmax(np.abs(density), axis=(1, 2), initial=0.0)
        filled = np.flatnonzero(size > LOWEST * size.max())
        if filled.size:
            drawn = filled[sample_rows(filled.size)]
        words = f"{drawn.size} of {count} slices"
        if drawn.size == filled.size:
            words += ", the others are blank"
    return drawn, words


def _signal_titles(last, count):
    """Return a title for each signal: its label, or its place among channels."""
    axes = last._signal_axes()
    if len(axes) != 1:
        return [f"signal {number}" for number in range(count)]
    ((kind, labels),) = axes.items()
    return [
        label if isinstance(label, str) else f"{kind} {label:.4g}" for label in labels
    ]


def _cut_axis(axis, discrete):
    """Return the number of the axis that slices of three axes cut."""
    if axis is None:
        return discrete[0] if discrete else 2
    axis = check_number(axis, "axis", -3, 2, numbers.Integral) % 3
    if discrete and axis != discrete[0]:
        raise ValueError(
            f"axis must be {discrete[0]}, which is not inverted and so has no "
            f"logarithmic axis to draw, got {axis}."
        )
    return axis


def draw_color_bar(figure, drawn, cax=None, ax=None):
    """Draw the colour bar of a density with round numbers, and return it."""
    from matplotlib.ticker import MaxNLocator

    bar = figure.colorbar(drawn, cax=cax, ax=ax, label="amplitude per square decade")
    bar.locator = MaxNLocator(5)
    bar.update_ticks()
    return bar
