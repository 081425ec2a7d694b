"""What is read from a fitted multi-dimensional inversion."""

import math
import numbers
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ...kernels._builder import bin_names
from ...uncertainty import DistributionBands
from ...utils._inspect import number_repeats
from ...utils._parallel import run_tasks, single_blas_thread
from ...utils._progress import open_report
from ...utils._validation import check_number, check_numbers, errors_name
from .._distribution import DistributionMixin
from ._operator import DataOperator
from ._problem import solve

# The largest strength of a grid and its decades, around 1, which the paper has: much
# weaker ones leave equations that have no solution in floating point.
_STRENGTHS = 1e3, 4.0


class IltResultMixin(DistributionMixin):
    """Results of a fitted signed inversion."""

    _is_signed = True
    # What a search of strengths may vary; no penalty at all has no solution.
    _strengths = ("penalty__strength",)
    _weakest = None
    _takes_constant = False
    _tells_convergence = True
    _has_refits = True

    def _separate(self):
        """Set `distribution_` and `baseline_`."""
        self.distribution_ = np.ascontiguousarray(self._axes.bins(self._full))
        found = [part.copy() for part in self._axes.baselines(self._full)]
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
        # One by one, since BLAS would round each by how many others there are.
        with single_blas_thread():
            found = [operator.forward(one[:, None]) for one in cells.T]
        signals = np.hstack(found)
        signals = signals.reshape(signals.shape[0], self._axes.n_positions, -1)
        return signals[places.row, places.position]

    def _signals_or_nan(self, X):
        """Return signals at points, nan where a discrete axis has no bin."""
        known = self._axes.knows(X)
        signals = np.full((X.shape[0], len(self._signal_labels)), np.nan)
        signals[known] = self._signals(self._axes.locate(X[known]))
        return signals

    def _named_axes(self):
        names = number_repeats(
            model.parameters[0].name for model in self._read_models()
        )
        return dict(zip(names, self.grids_, strict=True))

    def _read_models(self):
        return tuple(self._axes.models) if hasattr(self, "_axes") else ()

    def _distributions(self):
        found, models = super()._distributions(), self._read_models()
        discrete = tuple(k for k, model in enumerate(models) if model.is_discrete)
        return found._replace(models=models, discrete=discrete)

    def _signal_axes(self):
        if self._channel_grids:
            return dict(zip(self._channel_names(), self._channel_grids, strict=True))
        return {} if self._single_signal else {"channel": list(self._signal_labels)}

    def _signal_index(self):
        if len(self._channel_grids) > 1:
            return pd.MultiIndex.from_product(
                self._channel_grids, names=self._channel_names()
            )
        return self._signal_labels

    def _channel_names(self):
        n = len(self._channel_grids)
        return ["channel"] if n == 1 else [f"channel_{axis}" for axis in range(n)]

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

        The fitted signal gets Gaussian noise of the level of each point, which is
        ``noise_std_`` over the root of its weight, and is inverted again.

        Parameters
        ----------
        n_refits : int, default=50
            Number of refits.
        X : array-like or None, default=None
            What was inverted, as in `fit`, None for that of the fit.
        y : array-like of shape (n_points,) or None, default=None
            The signal, None for that of the fit.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each point.
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
        if X is not None and y is not None:
            fitted = clone(self).fit(X, y, sample_weight)
            return fitted.bands(
                n_refits, level=level, random_state=random_state, n_jobs=n_jobs
            )
        n_refits = check_number(n_refits, "n_refits", 2, 1_000_000, numbers.Integral)
        if not 0 < check_number(level, "level") < 1:
            raise ValueError(f"level must be between 0 and 1, got {level}.")
        if (
            n_jobs is not None
            and check_number(n_jobs, "n_jobs", -(2**31), 2**31 - 1, numbers.Integral)
            == 0
        ):
            raise ValueError("n_jobs must not be 0.")
        with errors_name("random_state"):
            source = check_random_state(random_state)
        problem = replace(self._problem, noise_std=self.noise_std_)
        data = self._draws(n_refits, source)
        samples = np.empty((n_refits, *self.distribution_.shape))

        def refit(i):
            answer = solve(replace(problem, data=data(i)))
            samples[i] = self._axes.bins(answer.full)

        work = open_report(self.verbose)
        work.report(n_refits, n_jobs=n_jobs)
        # Limited once for all threads: each would restore what it found.
        with single_blas_thread():
            run_tasks(refit, [(i,) for i in range(n_refits)], n_jobs, work)
        return DistributionBands.from_samples(self.distribution_, samples, level)

    def _draws(self, n_refits, source):
        """Return a function that gives the data of a refit by its number."""
        problem, cells = self._problem, self._axes.to_solver(self._full)
        fitted = DataOperator(problem.factors, None, cells.shape[1]).forward(cells)
        std, weights = np.resize(self.noise_std_, fitted.shape), problem.weights
        if weights is not None:
            std = np.divide(
                std, np.sqrt(weights), where=weights > 0,
                out=np.zeros(fitted.shape),
            )  # fmt: skip
        seeds = source.randint(2**31, size=n_refits)

        def draw(i):
            rng = np.random.default_rng(seeds[i])
            return fitted + std * rng.standard_normal(fitted.shape)

        return draw

    def _draw_signals(self, X, weight, n_refits, source):
        """Return signals (n_points, n_refits) of points whose fit has these data.

        Points that were measured several times have the mean of their noise.
        """
        X = check_numbers(X, "X", ndim=2)
        kept, out = weight > 0.0, np.zeros((len(X), n_refits))
        places, draw = self._axes.locate(X[kept]), self._draws(n_refits, source)
        for i, column in enumerate(out.T):
            column[kept] = draw(i)[places.row, places.position]
        return out

    def _bin_names(self):
        return bin_names(self._named_axes(), self.grids_)

    def _attributes(self):
        return {"noise_std": self.noise_std_}

    def _coupling(self):
        return None if self.channels is None else "channels that are coupled"

    def _baselines(self):
        baseline, n_signals = self.baseline_, len(self._signal_labels)
        # Those of several axes are distributions themselves.
        if isinstance(baseline, tuple) or np.shape(baseline) not in ((), (n_signals,)):
            return None
        return baseline

    def _noise(self, rest):
        return np.full(rest.squares.size, self.noise_std_)

    def _noise_levels(self, target):
        return np.atleast_1d(self.noise_std_) / math.sqrt(target.scale)

    def _synthesise(self, matrix, inputs):
        return self.predict(inputs).reshape(len(matrix), -1)

    def _penalty_norm(self, name):
        # It follows the distribution, so no norm is fixed.
        return None

    def _strength_range(self, name, matrix, signals, share):
        return _STRENGTHS

    def _convergence(self, n_signals):
        status, message = super()._convergence(n_signals)
        # Coupled channels converge together.
        together = np.size(self.converged_) == 1
        missed = np.broadcast_to(~np.ravel(self.converged_), n_signals)
        settles = self._problem.scheme._settles
        status[missed] = "not converged" if settles else "completed"
        for k in np.flatnonzero(missed):
            steps = self.convergence_ if together else self.convergence_[k]
            change = np.ravel(steps)[-1] if np.size(steps) else np.nan
            message[k] = f"the last relative change is {change:.1g}"
        return status, message
