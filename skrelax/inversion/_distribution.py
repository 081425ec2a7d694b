"""What every inversion answers of its distributions: one protocol of results."""

import numbers

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ..metrics._regions import fitted_regions
from ..uncertainty._bootstrap import bootstrap_bands
from ..utils._answers import Answers, Distributions, describe_fitted
from ..utils._validation import check_number
from ._describe import describe_rows


class DistributionMixin(Answers):
    """Tables, projections and descriptions of an inversion's distributions.

    An inversion has ``distribution_`` with the axes of the grid first and signals last,
    ``baseline_`` and ``grids_``, a tuple of arrays; all else follows from these and
    from what it overrides here.
    """

    _takes_complex = False
    _tells_distributions = True
    # Whether negative bins are told of even where there are none.
    _is_signed = False

    def to_frame(self):
        """Return the distributions as a table.

        Returns
        -------
        DataFrame of shape (n_bins, n_signals)
            Rows are bins, indexed by their values on the axes of the grid (the last
            varies fastest); columns are signals with the labels of y. Where the kernel
            did not come from a :class:`~skrelax.kernels.KernelBuilder`, the index has
            the names of the features or the numbers of bins.
        """
        check_is_fitted(self)
        axes = self._frame_axes()
        if not axes:
            index = pd.RangeIndex(self._distributions().rows.shape[1], name="bin")
        elif len(axes) == 1:
            ((name, grid),) = axes.items()
            index = pd.Index(grid, name=name)
        else:
            index = pd.MultiIndex.from_product(axes.values(), names=list(axes))
        rows = self._distributions().rows
        return pd.DataFrame(rows.T, index=index, columns=self._signal_index())

    def to_xarray(self):
        """Return the distributions as an array with named axes.

        Returns
        -------
        xarray.DataArray
            `distribution_` with one dimension per axis of the grid, which has the bins
            as coordinates, and one for the signals where y had several.

        Raises
        ------
        ImportError
            If xarray is not installed.
        """
        check_is_fitted(self)
        try:
            import xarray
        except ImportError as error:
            raise ImportError(
                "to_xarray needs xarray: pip install skrelax[xarray]"
            ) from error
        coordinates = self._named_axes() | self._signal_axes()
        return xarray.DataArray(
            self.distribution_,
            dims=list(coordinates),
            coords=coordinates,
            name="distribution",
            attrs=self._attributes(),
        )

    def bands(
        self,
        n_refits=50,
        *,
        X=None,
        y=None,
        sample_weight=None,
        level=0.9,
        random_state=None,
        n_jobs=None,
    ):
        """Return bands of the distribution from refits with new noise.

        The residuals are drawn anew, with replacement, see
        :func:`~skrelax.uncertainty.bootstrap_distribution`.

        Parameters
        ----------
        n_refits : int, default=50
            Number of refits.
        X : array-like or None, default=None
            What was inverted, as in `fit`. It is not kept.
        y : array-like of shape (n_points,) or None, default=None
            The signal. It is not kept.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each point.
        level : float, default=0.9
            Share of the refits between the lower and the upper band, bin by bin.
        random_state : int, RandomState instance or None, default=None
            Seed of the noise; the result does not depend on `n_jobs`.
        n_jobs : int or None, default=None
            Number of workers, where refits choose their penalty anew.

        Returns
        -------
        DistributionBands
            Bands, standard deviations and all refits.

        Raises
        ------
        ValueError
            If `n_refits` is below 2, `level` is not between 0 and 1, or X or y is not
            given, or y has several signals.
        """
        check_is_fitted(self)
        options = {
            "level": level,
            "sample_weight": sample_weight,
            "random_state": random_state,
            "n_jobs": n_jobs,
        }
        return bootstrap_bands(self, self.grids_, X, y, n_refits, options)

    def marginal(self, axis):
        """Return the distribution summed over all axes but one.

        Parameters
        ----------
        axis : int
            Axis of the grid that is kept; signals are kept as well.

        Returns
        -------
        ndarray of shape (n_bins of the axis[, n_signals])
            The projection.

        Raises
        ------
        ValueError
            If there is no such axis.
        """
        check_is_fitted(self)
        n_axes = len(self.grids_)
        axis = check_number(axis, "axis", -n_axes, n_axes - 1, numbers.Integral)
        kept, found = axis % n_axes, self.distribution_
        for other in reversed(range(n_axes)):
            if other != kept:
                found = found.sum(axis=other)
        return found

    def regions(self, regions, *, bands=None):
        """Return what lies in regions of a map over two axes.

        Parameters
        ----------
        regions : list of Rectangle, Polygon and RatioBand
            Regions of :mod:`skrelax.metrics`, which go by the names of the axes.
        bands : DistributionBands, UncertaintyResult or None, default=None
            Refits, as `bands` returns them, for intervals; for one signal.

        Returns
        -------
        DataFrame
            One row per signal and region, see
            :func:`~skrelax.metrics.region_statistics`.

        Raises
        ------
        ValueError
            If there are not two inverted axes, regions name others, or `bands` are of
            other bins or several signals.
        TypeError
            If `regions` or `bands` are of another kind.
        """
        check_is_fitted(self)
        return fitted_regions(self, regions, bands)

    def describe(self, *, min_share=0.01):
        """Return a description of each signal in numbers.

        Parameters
        ----------
        min_share : float, default=0.01
            Smallest share of a distribution that a peak must have to be listed.

        Returns
        -------
        DataFrame of shape (n_signals, n_columns)
            Rows have the labels of y. Columns are

            - what the fit has chosen, such as ``alpha``;
            - ``amplitude``, means and width, see
              :func:`~skrelax.metrics.distribution_statistics`;
            - ``negative_amplitude`` where bins may be negative, and ``baseline`` where
              there is one number of it;
            - ``n_peaks`` and ``n_edge_peaks`` (with their maximum at the edge of the
              grid), and ``log_mean_0``, ``width_0``, ``amplitude_0``, ``share_0``,
              ``log_mean_1``, ... of each peak, for one and two axes;
            - ``status`` and ``message``: whether the fit converged, and how far it is
              where it did not.

            Of a distribution without relaxation times, with numbers for bins or with
            an axis that is not inverted, only the amplitudes are told.

        See Also
        --------
        skrelax.fit_batch : The same columns, with noise and score, for a long table.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.pipeline import make_pipeline
        >>> from skrelax import KernelBuilder, SmoothLasso
        >>> times = np.geomspace(0.001, 1.0, 40)[:, None]
        >>> signals = np.exp(-times / [0.03, 0.1]) * [1.0, 2.0]
        >>> inversion = make_pipeline(KernelBuilder("T2"), SmoothLasso(smoothness=1e-5))
        >>> table = inversion.fit(times, signals)[-1].describe()
        >>> table[["amplitude", "log_mean", "status"]].round(2).values.tolist()
        [[1.0, 0.03, 'converged'], [2.0, 0.1, 'converged']]
        """
        check_is_fitted(self)
        return describe_fitted(self, check_number(min_share, "min_share", 0, 1))

    def _distributions(self):
        """Return the Distributions."""
        if not hasattr(self, "distribution_"):
            return Distributions(None)
        n_bins = int(np.prod([grid.size for grid in self.grids_]))
        rows = self.distribution_.reshape(n_bins, -1).T
        return Distributions(rows, self.grids_, tuple(self._named_axes()))

    def _named_axes(self):
        """Return the bins of each axis of the grid by name."""
        raise NotImplementedError

    def _frame_axes(self):
        """Return the bins of each axis of `to_frame` by name, {} if numbers."""
        return self._named_axes()

    def _signal_axes(self):
        """Return the labels of the signals by the name of their axis, {} for one."""
        return {} if self._single_signal else {"signal": list(self._signal_labels)}

    def _signal_index(self):
        """Return a label for each signal."""
        return self._signal_labels

    def _attributes(self):
        """Return what is told of a distribution as a whole, or None."""
        return None

    def _describe_signals(self, found, n_signals, min_share):
        """Return amplitudes, statistics, peaks and convergence of distributions."""
        columns = describe_rows(found, self._is_signed, self._baselines(), min_share)
        status, message = self._convergence(n_signals)
        lost = ~np.isfinite(columns["amplitude"])
        status[lost], message[lost] = "failed", "the distribution is not finite"
        return columns | {"status": status, "message": message}
