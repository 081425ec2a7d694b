"""Results of a search: those of the estimator that it has chosen."""

from sklearn.utils.validation import check_is_fitted

from ..metrics._regions import fitted_regions
from ..uncertainty._bootstrap import bootstrap_bands
from ..utils._answers import Answers, describe_fitted
from ..utils._inspect import final_step
from ..utils._validation import check_number


class BestResultsMixin(Answers):
    """Distributions of the inversion inside a search with `best_estimator_`."""

    _takes_complex = False

    @property
    def distribution_(self):
        """The distributions, (n_1, ..., n_d[, n_signals])."""
        return final_step(self.best_estimator_).distribution_

    @property
    def baseline_(self):
        """The baselines of the inversion."""
        return final_step(self.best_estimator_).baseline_

    @property
    def grids_(self):
        """The bins of each axis, a tuple of arrays."""
        return final_step(self.best_estimator_).grids_

    def predict(self, X):
        """Return the signals of the fitted distributions.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_points,) or (n_points, n_signals)
            The signals.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    def to_frame(self):
        """Return the distributions as a table.

        Returns
        -------
        DataFrame of shape (n_bins, n_signals)
            As of the inversion inside.
        """
        check_is_fitted(self)
        return final_step(self).to_frame()

    def to_xarray(self):
        """Return the distributions as an array with named axes.

        Returns
        -------
        xarray.DataArray
            As of the inversion inside.
        """
        check_is_fitted(self)
        return final_step(self).to_xarray()

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
        """
        check_is_fitted(self)
        return final_step(self).marginal(axis)

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
            What the search has chosen, and the columns of the inversion inside, see
            :meth:`skrelax.SmoothLasso.describe`.
        """
        check_is_fitted(self)
        return describe_fitted(self, check_number(min_share, "min_share", 0, 1))

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

        As of the inversion inside, which keeps its strength if it does not choose one.

        Parameters
        ----------
        n_refits : int, default=50
            Number of refits.
        X : array-like or None, default=None
            What was inverted, as in `fit`; a signed inversion keeps it.
        y : array-like of shape (n_points,) or None, default=None
            The signal; a signed inversion keeps it.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each point.
        level : float, default=0.9
            Share of the refits between the lower and the upper band, bin by bin.
        random_state : int, RandomState instance or None, default=None
            Seed of the noise; the result does not depend on `n_jobs`.
        n_jobs : int or None, default=None
            Number of workers.

        Returns
        -------
        DistributionBands
            Bands, standard deviations and all refits.

        Raises
        ------
        ValueError
            If `n_refits` is below 2, `level` is not between 0 and 1, or X or y is not
            given where it is not kept.
        """
        check_is_fitted(self)
        options = {
            "level": level,
            "sample_weight": sample_weight,
            "random_state": random_state,
            "n_jobs": n_jobs,
        }
        if final_step(self)._has_refits:
            return final_step(self).bands(n_refits, X=X, y=y, **options)
        return bootstrap_bands(
            self.best_estimator_, self.grids_, X, y, n_refits, options
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags
