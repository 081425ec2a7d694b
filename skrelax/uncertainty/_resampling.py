"""Signals drawn around the fits of one call, and the refits of all of them together."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from ..utils._answers import (
    answering,
    fitted_distributions,
    strengths_near,
    without_penalty,
)
from ..utils._inspect import (
    choosing_for_each,
    final_step,
    find_kernel,
    fit_weighted,
    has_search,
    looking_at,
)
from ..utils._remember import recall
from ..utils._warnings import collect_warnings, held_reports
from ._bias_aware import make_smoothness
from ._bounds import check_bounds, fewest_bins, make_problem, noise_of, signal_of
from ._draw import Drawing, draw_magnitudes, draw_signals
from ._methods import choose_method
from ._noise import resolved_directions
from ._of_estimator import Refits
from ._result import BIAS_AWARE, BOUNDS, UncertaintyResult

# Numbers of signals and distributions that are refitted at a time; more cost memory and
# win nothing.
_MOST_VALUES = 2_000_000


class Draws(NamedTuple):
    """What is drawn, as arguments of :func:`bootstrap_distribution`."""

    n_bootstrap: int
    """Number of refits; none are made of 0, which bounds do not need."""
    method: str | None
    """Where refits start from, and what intervals hold."""
    noise_std: float | None
    """Noise of a point of weight one."""
    level: float
    """Level of intervals where none is asked for."""


class Drawn(NamedTuple):
    """Signals that were drawn around one of the fits."""

    place: int
    """Number of the signal in the call."""
    method: str
    """Where they start from, and what intervals hold."""
    noise_std: float
    """Noise of a point of weight one."""
    problem: object
    """What bounds are made of, or None."""
    signals: np.ndarray
    """The signals, (n_points, n_bootstrap)."""
    again: Drawing | None = None
    """What draws them again, None where there are none."""
    bounds: Callable | None = None
    """What returns what bounds are made of, None for a fit that has none."""


class _Source(NamedTuple):
    """Fits around which signals are drawn."""

    rows: np.ndarray
    """Distributions, (n_signals, n_bins)."""
    signals: np.ndarray
    """Fitted signals, (n_signals, n_points)."""
    noise_std: np.ndarray | None
    """Noise of magnitudes, (n_signals,)."""


class Resampling:
    """A linear inversion that is fitted to signals, each of which is drawn anew alone.

    Nothing of what a signal gets hangs on the others. Refits are those of `estimator`
    with `X`, whose signals are `Y` (n_points, n_signals); where a Pipeline was fitted
    that may be its last step, and `points` what the Pipeline was given. `weight` are
    the weights (n_points,) in numbers, also where none are given.
    """

    def __init__(self, fitted, points, estimator, X, Y, sample_weight, weight):
        self.fitted, self.points = fitted, points
        self.estimator, self.X, self.Y = estimator, X, Y
        self.sample_weight, self.weight = sample_weight, weight
        self.found = fitted_distributions(fitted)
        self.is_rician = answering(fitted)._is_rician
        # Each refit chooses anew, as the fit did; magnitudes may have a search inside.
        searches = has_search(fitted) or hasattr(answering(fitted), "cv_results_")
        each = choosing_for_each(estimator)
        self.shared = each if searches or self.is_rician else estimator
        self.near = strengths_near(fitted)
        # Where signals of a call are not alone, each has a call of its own.
        n_values = len(Y) + self.found.rows.shape[1]
        self.most_columns = 1 if each is None else _MOST_VALUES // n_values

    def parts(self, n_bootstrap):
        """Return slices of signals whose refits share a call."""
        size = max(1, self.most_columns // max(n_bootstrap, 1))
        q = self.Y.shape[1]
        return [slice(start, min(start + size, q)) for start in range(0, q, size)]

    def draw(self, place, draws, random_state):
        """Return the Drawn of a signal, see `bootstrap_distribution`, or raise."""
        n_bootstrap, method, noise_std, _ = draws
        signal, weight, fitted = self.Y[:, place], self.weight, self.fitted
        method, is_free = choose_method(fitted, method, signal, noise_std)
        problem, from_bounds = None, method in ("unpenalised", *BOUNDS) and is_free
        if method == BIAS_AWARE or from_bounds:
            problem = self._problem(signal, noise_std, method)
        kept = problem if method in (BIAS_AWARE, *BOUNDS) else None
        if n_bootstrap == 0 and kept is not None:
            # Nothing is refitted, so nothing has to be drawn.
            noise = kept.noise_std if method == BIAS_AWARE else noise_of(kept)
            nothing = np.empty((len(signal), 0))
            return Drawn(place, method, float(noise * kept.size), kept, nothing)
        bounds = None
        if is_free:
            given = fitted, self.points, signal.copy(), weight, noise_std
            bounds = functools.partial(_make_bounds, *given)
        if from_bounds:
            columns = fewest_bins(problem) if method in BOUNDS else problem.best
            expected = signal_of(problem, self.kernel, columns)
            noise_std = noise_of(problem) * problem.size
        else:
            source = self._free if method == "unpenalised" else self._fits
            expected = source.signals[place]
        if self.is_rician:
            noise_std = source.noise_std[place] if noise_std is None else noise_std
            given = expected, float(noise_std), weight, n_bootstrap
            draw = functools.partial(draw_magnitudes, *given)
        else:
            used = 0
            if noise_std is None:
                used = used_parameters(fitted, self.kernel, weight, source.rows[place])
            given = expected, method, noise_std, signal - expected, weight, used
            draw = functools.partial(draw_signals, *given, n_bootstrap)
        rng = check_random_state(random_state)
        again = Drawing.before(draw, rng)
        drawn, noise_std = draw(rng)
        return Drawn(place, method, float(noise_std), kept, drawn, again, bounds)

    def refit(self, drawn, n_jobs=None):
        """Return the distributions (n_bootstrap, n_bins) of refits of each Drawn."""
        signals = np.hstack([one.signals for one in drawn])
        n_bins, sample_weight = self.found.rows.shape[1], self.sample_weight
        if signals.shape[1] == 0:
            found = np.empty((0, n_bins))
        elif self.shared is None:
            rows = Parallel(n_jobs=n_jobs)(
                delayed(_refit)(self.estimator, self.X, column, sample_weight)
                for column in signals.T
            )
            found = np.asarray(rows)
        else:
            near = self.near
            if np.ndim(near) == 2:
                places = [one.place for one in drawn]
                near = np.repeat(near[:, places], drawn[0].signals.shape[1], axis=1)
            model = looking_at(self.shared, near)
            found = _refit(model, self.X, signals, sample_weight)
        return found.reshape(len(drawn), -1, n_bins)

    def result(self, drawn, samples, level, refits=None):
        """Return the UncertaintyResult of a Drawn and its refits."""
        return UncertaintyResult(
            self.found.rows[drawn.place], samples, self.axes, drawn.method,
            drawn.noise_std, level, drawn.problem, refits,
        )  # fmt: skip

    def refits_of(self, drawn, n_jobs):
        """Return the Refits of the only signal, to be fitted again for its numbers."""
        near = None if self.shared is None else self.near
        return Refits(
            self.estimator, self.fitted, self.points, self.sample_weight, drawn.again,
            n_jobs, near, drawn.bounds,
        )  # fmt: skip

    @functools.cached_property
    def axes(self):
        """The bins of each axis by name, None where they are no times."""
        if not self.found.has_times:
            return None
        return dict(zip(self.found.axis_names, self.found.grids, strict=True))

    @functools.cached_property
    def kernel(self):
        """The kernel of the fit, (n_points, n_bins)."""
        return _kernel(self.fitted, self.points)

    def _problem(self, signal, noise_std, method):
        """Return what intervals of a signal are made of without refits."""
        given = self.kernel, signal, self.weight, noise_std, method
        return _make_problem(self.fitted, *given)

    @functools.cached_property
    def _fits(self):
        """The Source of the fits themselves."""
        return self._source(self.fitted, self.points)

    @functools.cached_property
    def _free(self):
        """The Source of fits without a penalty."""
        free, signals = without_penalty(self.estimator), [*self.Y.T]
        if len(signals) > 1 and choosing_for_each(free) is not None:
            signals = [self.Y]
        with collect_warnings():
            fits = [fit_weighted(free, self.X, y, self.sample_weight) for y in signals]
        rows, fitted, noise = zip(
            *(self._source(fit, self.X) for fit in fits), strict=True
        )
        noise = np.concatenate(noise) if self.is_rician else None
        return _Source(np.concatenate(rows), np.concatenate(fitted), noise)

    def _source(self, fitted, X):
        """Return the Source of a fit."""
        signals = np.reshape(fitted.predict(X), (len(self.Y), -1)).T
        noise = np.atleast_1d(answering(fitted).noise_std_) if self.is_rician else None
        return _Source(np.atleast_2d(final_step(fitted).coef_), signals, noise)


def bounds_of_fit(fitted, X, signal, weight, level):
    """Return the UncertaintyResult of the signal of a fit by the method without refits.

    None if its intervals are made of refits, or its bins are no relaxation times.
    """
    if answering(fitted)._has_refits or not fitted_distributions(fitted).has_times:
        return None
    method, _ = choose_method(fitted, None, signal, None)
    if method not in (BIAS_AWARE, *BOUNDS):
        return None
    fits = Resampling(fitted, X, fitted, X, signal[:, None], weight, weight)
    drawn = fits.draw(0, Draws(0, method, None, level), None)
    return fits.result(drawn, *fits.refit([drawn]), level)


def _refit(estimator, X, y, sample_weight):
    # Of refits it says nothing what the fit itself does not tell.
    with held_reports():
        return final_step(fit_weighted(estimator, X, y, sample_weight)).coef_


def _make_bounds(fitted, X, signal, weight, noise_std):
    """Return the Problem of bounds of a signal whose intervals are made of refits."""
    K = _kernel(fitted, X)
    return _make_problem(fitted, K, signal, weight, noise_std, "bounds")


def _make_problem(fitted, K, signal, weight, noise_std, method):
    """Return what intervals of a linear inversion are made of without refits.

    K (n_points, n_bins) is the kernel of the fit.
    """
    has_baseline = bool(getattr(final_step(fitted), "fit_intercept", False))
    grids = fitted_distributions(fitted).grids
    shape = (K.shape[1],) if grids is None else tuple(one.size for one in grids)
    if method == BIAS_AWARE:
        return make_smoothness(K, signal, weight, noise_std, has_baseline, shape)
    problem = make_problem(K, signal, weight, noise_std, has_baseline, shape)
    check_bounds(problem, method)
    return problem


def _kernel(fitted, X):
    """Return the kernel (n_points, n_bins) of a fitted inversion."""
    K = answering(fitted)._own_kernel(find_kernel(fitted, X))
    return np.asarray(K, dtype=np.float64)


def used_parameters(fitted, K, weight, row):
    """Return how many parameters the fit of a distribution (n_bins,) used at most.

    These are its bins that are not zero, or the directions that the kernel
    resolves: a smooth distribution has many bins, but not so many parameters.
    """

    def count():
        return resolved_directions(K * np.sqrt(weight)[:, None]).shape[1]

    rank = recall(count, "rank", K, (weight,))
    used = min(rank, int(np.count_nonzero(row)))
    # A setting of the kernel that is searched is one more.
    return used + bool(answering(fitted)._takes_known)
