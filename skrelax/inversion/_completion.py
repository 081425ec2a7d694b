"""Signals that magnitudes stand for: expectation maximisation around any inversion."""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from ..utils._answers import Rest, answers
from ..utils._inspect import step_inside, treats_signals_alone
from ..utils._rice import expected_signal
from ..utils._warnings import collect_warnings, held_reports

# Smallest and largest noise as a fraction of the largest magnitude: beyond them all
# signals are as without noise, or nothing but noise.
_LEAST, _MOST = 1e-6, 1e6
# Ratio of two updates of an unknown variance, about half, that is trusted.
_SLOWEST = 0.8
# Rules choose strengths from completed signals, which change with them. Each choice
# moves a signal by a twentieth of what the one before did; but rules that count
# parameters may take turns between two strengths, which differ by up to a fifth of the
# noise. So the last choice may move a signal by as much as that.
_ROUNDS, _TURNS = 5, 0.25
# What inversions refuse because they cannot square it counts as zero.
_SMALLEST = 1e-100


class Magnitudes(NamedTuple):
    """Magnitudes of signals with complex Gaussian noise."""

    y: np.ndarray
    """Magnitudes, (n_points, n_signals)."""
    weight: np.ndarray
    """Weights with mean one over the points that have any, (n_points,)."""
    noise_std: np.ndarray | None
    """Noise of a point of weight one, (n_signals,), or None where it is not known."""

    def start(self, s, used):
        """Return variances (n_signals,) for least-squares signals s and parameters."""
        if self.noise_std is not None:
            return self.limit(self.noise_std**2)
        free = np.maximum(np.count_nonzero(self.weight) - used, 1.0)
        return self.limit(self.weight @ (self.y - s) ** 2 / free)

    def part(self, signals):
        """Return the Magnitudes of some of the signals."""
        std = None if self.noise_std is None else self.noise_std[signals]
        return Magnitudes(self.y[:, signals], self.weight, std)

    def limit(self, variance):
        """Return variances within the range in which they matter."""
        square = self.y.max(axis=0) ** 2
        return np.clip(variance, _LEAST**2 * square, _MOST**2 * square)

    def complete(self, s, variance):
        """Return the expected real parts (n_points, n_signals) of the magnitudes."""
        target = self.y.copy()
        kept = np.ix_(self.weight > 0.0, variance > 0.0)
        # Points of next to no weight hold nothing but noise.
        own = variance[kept[1]] / np.maximum(self.weight[kept[0]], _LEAST**8)
        found = expected_signal(self.y[kept], s[kept], own)
        found[:, np.abs(found).max(axis=0, initial=0.0) < _SMALLEST] = 0.0
        target[kept] = found
        return target

    def vary(self, s, variance, used):
        """Return the likeliest variances (n_signals,) of signals s, or those known.

        `used` are the parameters of the fit: half of the freedom is that of the channel
        which holds no signal.
        """
        if self.noise_std is not None:
            return variance
        free = np.maximum(2.0 * np.count_nonzero(self.weight) - used, 1.0)
        squares = self.weight @ (self.y**2 + s**2)

        def update(variance):
            cross = self.weight @ (self.complete(s, variance) * s)
            return self.limit((squares - 2.0 * cross) / free)

        once = update(variance)
        twice = update(once)
        # What the rest of a geometric series adds.
        step, last = once - variance, twice - once
        ratio = np.divide(last, step, out=np.zeros_like(step), where=step != 0.0)
        ratio = np.clip(ratio, 0.0, _SLOWEST)
        return self.limit(twice + last * ratio / (1.0 - ratio))


class State(NamedTuple):
    """Where the iteration of some signals is."""

    s: np.ndarray
    """Signals that the distributions predict, (n_points, n_signals)."""
    variance: np.ndarray
    """Variances of the noise, (n_signals,)."""

    def part(self, signals):
        """Return the State of some of the signals."""
        return State(self.s[:, signals], self.variance[signals])

    def store(self, signals, other):
        """Take over the State of some of the signals."""
        self.s[:, signals], self.variance[signals] = other

    def moved(self, other, weight):
        """Return how far the signals and the noise moved, in units of the noise."""
        std = np.sqrt(other.variance)
        step = np.abs(other.s - self.s)[weight > 0.0].max(axis=0)
        step = np.maximum(step, np.abs(std - np.sqrt(self.variance)))
        # Signals of zeros have no noise, and do not move.
        return np.divide(step, std, out=np.zeros_like(std), where=std > 0.0)


class Choice:
    """What an inversion has chosen for signals, and refits that keep to it.

    `fitted` was fitted to X and signals (n_points, n_signals); `options` are those of
    the last step of it. Transformers before that step are not fitted again.
    """

    def __init__(self, fitted, X, options, n_signals):
        while (inner := step_inside(fitted)) is not None:
            if not hasattr(fitted, "best_estimator_") and len(fitted) > 1:
                X = fitted[:-1].transform(X)
            fitted = inner
        last = answers(fitted)
        self.inputs, self.options, self.last = X, options, last
        self.kept = last._keep_choice(np.arange(n_signals))
        # Signals that matter to each other are always fitted together.
        self.parted = last._takes_strengths or treats_signals_alone(fitted)
        self.together = None

    def count(self, target, weight):
        """Return the effective parameters of each signal, (n_signals,)."""
        zeros = np.zeros(target.shape[1])
        rest = Rest(self.inputs, target, weight, zeros, zeros.astype(int))
        return np.count_nonzero(weight) - np.broadcast_to(
            self.last._count_free(rest), zeros.shape
        )

    def refit(self, target, part):
        """Return the signals (n_points, n_part) of inversions of a part of them."""
        if not self.parted:
            if self.together is None:
                self.together = target.copy()
            self.together[:, part] = target
            everyone = np.arange(self.together.shape[1])
            return self._fit(self.together, everyone)[:, part]
        return self._fit(target, part)

    def _fit(self, target, part):
        model = answers(self.kept)._keep_choice(part)
        return fit_part(model, self.inputs, target, self.options, part)[1]

    def drop(self, part):
        """Keep to the choices for a part of the signals."""
        self.kept = answers(self.kept)._keep_choice(part)
        self.options = part_of_options(self.options, part)


def part_of_options(options, part):
    """Return options of fit for a part of the signals, where they have one for each."""
    return {
        name: np.asarray(value)[part] if name == "known" and np.ndim(value) else value
        for name, value in options.items()
    }


def fit_part(model, X, target, options, part):
    """Return an estimator fitted to some signals without a word, and its signals."""
    with held_reports(), collect_warnings():
        model.fit(X, target, **part_of_options(options, part))
    return model, predict_all(model, X, target)


def predict_all(model, X, target):
    """Return the signals of a fit in the shape of its target, (n_points, n_signals)."""
    found = np.asarray(model.predict(X)).reshape(target.shape)
    # Where an inversion finds nothing but noise there is no signal.
    return np.where(np.isnan(found), 0.0, found)


def complete_signals(estimator, first, X, magnitudes, options, tol, max_iter):
    """Return completed signals, State, numbers of inversions, and who is at rest.

    Inversions choose their strengths in rounds, and keep them within each. `first` is
    the estimator fitted to the magnitudes; `options` are those of the fit of the
    estimator and of its last step.
    """
    unknown, weight = magnitudes.noise_std is None, magnitudes.weight
    n_signals = magnitudes.y.shape[1]
    active, rest = np.arange(n_signals), np.zeros(n_signals, dtype=bool)
    target, n_iter = magnitudes.y.copy(), np.ones(n_signals, dtype=int)
    outer, inner = options
    s = predict_all(first, X, target)
    choice = Choice(first, X, inner, n_signals)
    used = choice.count(target, weight) if unknown else np.zeros(n_signals)
    state = State(s.copy(), magnitudes.start(s, used))
    alone = treats_signals_alone(estimator)
    for number in range(_ROUNDS):
        some, own = magnitudes.part(active), state.part(active)
        steps, settled = settle(choice.refit, some, own, used, tol, max_iter)
        n_iter[active] += 1 + steps
        found = some.complete(*own)
        fitted, s = fit_part(clone(estimator), X, found, outer, active)
        choice = Choice(fitted, X, part_of_options(inner, active), active.size)
        if unknown and number == 0:
            # Least squares counts what the floor uses up, too. After that the count
            # stays: one that follows each change of the fit may go round in circles.
            used = choice.count(found, weight)
        now = State(s, some.vary(s, own.variance, used))
        moved = own.moved(now, weight)
        target[:, active] = found
        state.store(active, now)
        enough = _TURNS if number == _ROUNDS - 1 else tol
        rest[active] = settled & (moved < max(enough, tol))
        moving = np.flatnonzero(~rest[active])
        if not moving.size:
            break
        if alone:
            active, used = active[moving], used[moving]
            choice.drop(moving)
    return target, state, n_iter, rest


def settle(refit, magnitudes, state, used, tol, max_iter):
    """Iterate signals to their fixed point, in place.

    ``refit(target, part)`` returns the signals (n_points, n_part) of inversions of
    completed signals. Two steps of expectation maximisation are followed by an
    extrapolation along both [1]_, taken back where the next step is longer for it.
    Returns the number of refits of each signal and whether it settled, (n_signals,).

    .. [1] R. Varadhan and C. Roland, "Simple and globally convergent methods for
       accelerating the convergence of any EM algorithm", Scand. J. Statist. 35 (2008)
       335. https://doi.org/10.1111/j.1467-9469.2007.00585.x
    """
    n_iter = np.zeros(used.size, dtype=int)
    active = np.flatnonzero(magnitudes.y.any(axis=0))
    # Where the signals were before they were extrapolated, and how far they had moved.
    safe, last = State(*(values.copy() for values in state)), np.full(used.size, np.inf)

    def step(before, part):
        some = magnitudes.part(part)
        s = refit(some.complete(*before), part)
        n_iter[part] += 1
        return State(s, some.vary(s, before.variance, used[part]))

    while active.size and n_iter[active[0]] < max_iter:
        start = state.part(active)
        once = step(start, active)
        moved = start.moved(once, magnitudes.weight)
        worse = moved > last[active]
        state.store(active, once)
        state.store(active[worse], safe.part(active[worse]))
        moving = moved >= tol
        active, worse, moved = active[moving], worse[moving], moved[moving]
        if not active.size:
            break
        start, once = start.part(moving), once.part(moving)
        once.store(worse, safe.part(active[worse]))
        twice = step(once, active)
        safe.store(active, twice)
        first = once.s - start.s
        second = twice.s - once.s - first
        sizes = np.sqrt([(first**2).sum(axis=0), (second**2).sum(axis=0)])
        ratio = np.divide(*sizes, out=np.ones_like(sizes[0]), where=sizes[1] > 0.0)
        # One is the plain iteration, which always gains likelihood.
        ratio = np.where(worse, 1.0, np.maximum(ratio, 1.0))
        s = start.s + 2.0 * ratio * first + ratio**2 * second
        # What has no sign to lose must not get another one.
        s = np.sign(twice.s) * np.maximum(np.sign(twice.s) * s, 0.0)
        last[active] = np.where(worse, np.inf, moved)
        some = magnitudes.part(active)
        state.store(active, State(s, some.vary(s, twice.variance, used[active])))
    settled = np.ones(used.size, dtype=bool)
    settled[active] = False
    return n_iter, settled
