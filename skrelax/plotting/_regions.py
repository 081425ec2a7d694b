"""Displays of values in labelled regions."""

import numpy as np

from ..metrics._labels import check_labels, name_labels
from ..utils._validation import check_numbers
from ._base import MODEL, TRUTH, check_drawn, get_axes, with_unit

_BINS = 60
# Values beyond these percentiles of all regions are not drawn.
_PERCENTILES = 0.5, 99.5
# Positive values that span a larger factor have a logarithmic axis.
_WIDE = 20.0
# Rows reach so far into the next, which tells their heights apart.
_OVERLAP = 0.9


class RegionHistogramDisplay:
    """Draw how the values of a map are spread in each labelled region.

    One row per region, each as high as its most frequent value; a line marks the
    median, a triangle what the value should be, where that is known.

    Parameters
    ----------
    image : ndarray
        Map; nan is no value.
    labels : ndarray of int
        Region of each voxel, of the same shape; 0 is none.
    names : dict of int to str or None, default=None
        Names of regions by label. The others are called by their number.
    label : str, default=""
        What the map shows, for the axis.
    unit : str, default=""
        Unit of the map.
    references : dict of int to float or None, default=None
        Known values by label, such as certified ones of a phantom.

    See Also
    --------
    ParameterMapDisplay : The maps themselves.
    skrelax.metrics.label_statistics : Numbers of regions.
    """

    def __init__(
        self, image, labels, *, names=None, label="", unit="", references=None
    ):
        self.labels = check_labels(labels)
        self.image = check_drawn(image, "image", self.labels.ndim)
        if self.image.shape != self.labels.shape:
            raise ValueError(
                f"image must have the shape of the labels, {self.labels.shape}, got "
                f"{self.image.shape}."
            )
        self.names = name_labels(self.labels, names)
        self.label = str(label)
        self.unit = str(unit)
        self.references = _check_references(references, self.names)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        RegionHistogramDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        self.figure_, self.ax_ = get_axes(ax)
        values = [self.image[self.labels == number] for number in self.names]
        values = [one[np.isfinite(one)] for one in values]
        edges, is_log = _edges(np.concatenate(values), list(self.references.values()))
        n_rows = len(values)
        for row, (number, one) in enumerate(zip(self.names, values, strict=True)):
            # The first region is above.
            base = n_rows - 1 - row
            heights = np.histogram(one, edges)[0].astype(np.float64)
            heights *= _OVERLAP / max(heights.max(), 1.0)
            self.ax_.stairs(
                base + heights,
                edges,
                baseline=base,
                fill=True,
                color=MODEL,
                alpha=0.6,
            )
            if one.size:
                middle = np.median(one)
                self.ax_.plot([middle, middle], [base, base + _OVERLAP], color="k")
            if number in self.references:
                known = self.references[number]
                self.ax_.plot(known, base, "^", color=TRUTH, ms=5, clip_on=False)
        self.ax_.set_yticks(range(n_rows - 1, -1, -1), self.names.values())
        self.ax_.set(
            xlabel=with_unit(self.label, self.unit),
            xscale="log" if is_log else "linear",
            xlim=(edges[0], edges[-1]),
            ylim=(-0.1, n_rows),
        )
        return self


def _check_references(references, names):
    """Return known values of regions {label: float}, or raise an error."""
    if references is None:
        return {}
    if not isinstance(references, dict):
        raise TypeError(
            "references must be a dict of labels and values, got "
            f"{type(references).__name__}."
        )
    values = check_numbers(list(references.values()), "references")
    if values.ndim > 1:
        raise ValueError(
            f"references must be one number per region, got shape {values.shape[1:]}."
        )
    found = dict(zip(references, values.tolist(), strict=True))
    # As with names, other labels may be there.
    return {number: found[number] for number in names if number in found}


def _edges(values, references):
    """Return edges of bins that hold nearly all values, and whether they are log."""
    ends = np.percentile(values, _PERCENTILES) if values.size else ()
    ends = np.concatenate([ends, references])
    if not ends.size:
        return np.linspace(0.0, 1.0, _BINS + 1), False
    low, high = ends.min(), ends.max()
    if high <= low:
        low, high = low - 0.5 * abs(low) - 0.5, high + 0.5 * abs(high) + 0.5
    if low > 0 and high > _WIDE * low:
        return np.geomspace(low, high, _BINS + 1), True
    return np.linspace(low, high, _BINS + 1), False
