"""Results of a search: those of the estimator that it has chosen."""

from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..utils._answers import Answers, describe_fitted
from ..utils._inspect import final_step
from ..utils._validation import check_number


def _has_bands(search):
    return hasattr(final_step(search.best_estimator_), "bands")


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

    @available_if(_has_bands)
    def bands(self, n_refits=50, *, level=0.9, random_state=None, n_jobs=None):
        """Return bands of the distribution from refits with the chosen strength.

        Only where the inversion inside has them.

        Parameters
        ----------
        n_refits : int, default=50
            Number of refits.
        level : float, default=0.9
            Share of the refits between the lower and the upper band, bin by bin.
        random_state : int, RandomState instance or None, default=None
            Seed of the noise.
        n_jobs : int or None, default=None
            Number of threads over refits.

        Returns
        -------
        DistributionBands
            Bands, standard deviations and all refits.
        """
        check_is_fitted(self)
        return final_step(self).bands(
            n_refits, level=level, random_state=random_state, n_jobs=n_jobs
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags
