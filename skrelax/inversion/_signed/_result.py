"""What is read from a fitted multi-dimensional inversion."""

import functools
import math
import numbers
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ...uncertainty import DistributionBands
from ...utils._inspect import number_repeats
from ...utils._parallel import run_tasks, single_blas_thread
from ...utils._validation import check_number, errors_name
from .._tables import bins_index, to_data_array
from ._checks import check_axis
from ._operator import DataOperator
from ._problem import solve


class IltResultMixin:
    """Distributions, signals and tables of a fitted inversion."""

    def _separate(self):
        """Set `distribution_` and `baseline_`."""
        self.distribution_ = np.ascontiguousarray(self._axes.bins(self._full))
        found = self._axes.baselines(self._full)
        self.baseline_ = None
        if len(found) == 1:
            self.baseline_ = found[0] if found[0].ndim else float(found[0])
        elif found:
            self.baseline_ = tuple(found)

    @property
    def _channel_grids(self):
        """Coordinates of the channels that are axes."""
        return self._axes.channel_grids

    def _signals(self, places):
        """Return signals (n_points, n_channels) at places."""
        cells = self._axes.to_solver(self._full)
        operator = DataOperator(places.factors, None, cells.shape[1])
        signals = operator.forward(cells)
        signals = signals.reshape(signals.shape[0], self._axes.n_positions, -1)
        return signals[places.row, places.position]

    def _signals_or_nan(self, X):
        """Return signals at points, nan where a discrete axis has no bin."""
        known = self._axes.knows(X)
        signals = np.full((X.shape[0], len(self._signal_labels)), np.nan)
        signals[known] = self._signals(self._axes.locate(X[known]))
        return signals

    def _axis_names(self):
        """Return a name for each axis of X, numbered where they repeat."""
        return number_repeats(model.parameters[0].name for model in self._axes.models)

    def to_frame(self):
        """Return the distribution as a table.

        Returns
        -------
        DataFrame of shape (n_bins, n_channels)
            Rows are bins, indexed by their values on the axes of X (the last varies
            fastest); columns are channels with the labels of y.
        """
        check_is_fitted(self)
        axes = dict(zip(self._axis_names(), self.grids_, strict=True))
        index = bins_index(axes, math.prod(grid.size for grid in self.grids_))
        columns = self._signal_labels
        if len(self._channel_grids) > 1:
            columns = pd.MultiIndex.from_product(
                self._channel_grids, names=self._channel_names()
            )
        values = self.distribution_.reshape(len(index), -1)
        return pd.DataFrame(values, index=index, columns=columns)

    def to_xarray(self):
        """Return the distribution as an array with named axes.

        Returns
        -------
        xarray.DataArray
            One dimension per axis of `distribution_`, with the bins as coordinates
            and the noise level as an attribute.

        Raises
        ------
        ImportError
            If xarray is not installed.
        """
        check_is_fitted(self)
        coordinates = dict(zip(self._axis_names(), self.grids_, strict=True))
        if self._channel_grids:
            coordinates |= dict(
                zip(self._channel_names(), self._channel_grids, strict=True)
            )
        elif not self._single_signal:
            coordinates["channel"] = list(self._signal_labels)
        return to_data_array(
            self.distribution_, coordinates, {"noise_std": self.noise_std_}
        )

    def _channel_names(self):
        n = len(self._channel_grids)
        return ["channel"] if n == 1 else [f"channel_{axis}" for axis in range(n)]

    def bands(self, n_refits=50, *, level=0.9, random_state=None, n_jobs=None):
        """Return bands of the distribution from refits with new noise.

        The fitted signal gets Gaussian noise of the level of each point, which is
        ``noise_std_`` over the root of its weight, and is inverted again.

        Parameters
        ----------
        n_refits : int, default=50
            Number of refits.
        level : float, default=0.9
            Share of the refits between the lower and the upper band, bin by bin.
        random_state : int, RandomState instance or None, default=None
            Seed of the noise; the result does not depend on `n_jobs`.
        n_jobs : int or None, default=None
            Number of threads over refits.

        Returns
        -------
        DistributionBands
            Bands, standard deviations and all refits.

        Raises
        ------
        ValueError
            If `n_refits` is below 2 or `level` not between 0 and 1.
        """
        check_is_fitted(self)
        n_refits = check_number(n_refits, "n_refits", 2, 1_000_000, numbers.Integral)
        if not 0 < check_number(level, "level") < 1:
            raise ValueError(f"level must be between 0 and 1, got {level}.")
        if (
            n_jobs is not None
            and check_number(n_jobs, "n_jobs", -(2**31), 2**31 - 1, numbers.Integral)
            == 0
        ):
            raise ValueError("n_jobs must not be 0.")
        problem = replace(self._problem, noise_std=self.noise_std_)
        cells = self._axes.to_solver(self._full)
        fitted = DataOperator(problem.factors, None, cells.shape[1]).forward(cells)
        std, weights = np.resize(self.noise_std_, fitted.shape), problem.weights
        if weights is not None:
            std = np.divide(
                std, np.sqrt(weights), where=weights > 0,
                out=np.zeros(fitted.shape),
            )  # fmt: skip
        with errors_name("random_state"):
            source = check_random_state(random_state)
        seeds = source.randint(2**31, size=n_refits)
        samples = np.empty((n_refits, *self.distribution_.shape))

        def refit(i):
            noise = std * np.random.default_rng(seeds[i]).standard_normal(fitted.shape)
            answer = solve(replace(problem, data=fitted + noise))
            samples[i] = self._axes.bins(answer.full)

        # Limited once for all threads: each would restore what it found.
        with single_blas_thread():
            run_tasks(refit, [(i,) for i in range(n_refits)], n_jobs, self.verbose)
        return DistributionBands.from_samples(self.distribution_, samples, level)

    def marginal(self, axis):
        """Return the distribution summed over all axes but one.

        Parameters
        ----------
        axis : int
            Axis of X that is kept; channels are kept as well.

        Returns
        -------
        ndarray of shape (n_bins of the axis[, channels])
            The projection.
        """
        check_is_fitted(self)
        axis = check_axis(axis, len(self.grids_))
        others = [a for a in range(len(self.grids_)) if a != axis]
        return functools.reduce(
            lambda g, a: g.sum(axis=a), sorted(others, reverse=True), self.distribution_
        )
