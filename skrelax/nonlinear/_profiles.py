"""Intervals of the profile likelihood of fitted signals, many at a time."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from ..signals import SignalModel
from ..utils._parallel import run_tasks, single_blas_thread, split_slices
from ..utils._progress import open_report
from ..utils._rice import expected_signal
from ._held import held_number
from ._held_function import FunctionOfOutputs, HeldFunction
from ._own import Own
from ._parts import LEAST_NOISE, MOST_NOISE, RootWeights, exponents
from ._profile import least, standard_error
from ._profile_ends import NONE, OPEN, find_ends, touches
from ._report import of_freedom
from ._starts import find_exchanges
from ._sums import State, Sums, total
from ._weighted import WeightedModel

# Signals of one call, so that their sums stay in a cache.
_TOGETHER = 2048
# Noise that is smaller than this part of the signal is rounding.
_ROUNDING = 1e-8
# Signals that show whether they were fitted, and how far relative errors may be apart.
_LOOKED_AT, _MOST_APART = 20, 1e-5
# Iterations for the variance of Rician noise, and the change at which they end.
_MOST_VARIANCES, _SETTLED = 500, 1e-6


class Intervals(NamedTuple):
    """Intervals of one number of many signals, all (n,)."""

    low: np.ndarray
    """Lower ends."""
    high: np.ndarray
    """Upper ends."""
    low_kind: np.ndarray
    """What the lower ends are, see `_profile_ends.py`."""
    high_kind: np.ndarray
    """What the upper ends are."""

    @classmethod
    def empty(cls, n):
        """Return intervals that are not there."""
        nothing = np.full(n, NONE, dtype=np.int8)
        return cls(np.full(n, np.nan), np.full(n, np.nan), nothing, nothing.copy())


@dataclass(frozen=True)
class Profiles:
    """What profiles of fitted signals are made of.

    `y` (n_points, n) are the signals, `values` (n, P) all nonlinear parameters and
    `coef` (n, C, L) the amplitudes of their fits; `given` names parameters whose bounds
    the caller gave, `known` (n, K) holds those that are not fitted.
    """

    model: SignalModel
    points: np.ndarray
    axes: list
    weights: RootWeights
    y: np.ndarray
    values: np.ndarray
    coef: np.ndarray
    known: np.ndarray
    given: frozenset
    is_magnitude: bool
    is_rician: bool
    noise_std: float | None

    @property
    def names(self):
        """Names of the numbers that have profiles."""
        fitted = {axis.name for axis in self.axes}
        held = {one.name for one in self.model.parameters} - fitted
        return [one.name for one in self.model.outputs if one.name not in held]

    @property
    def times(self):
        """Names of the parameters on a logarithmic scale."""
        return [axis.name for axis in self.axes if axis.log]

    def parameter(self, name):
        """Return the Parameter of a name."""
        return next(one for one in self.model.outputs if one.name == name)

    @property
    def n_fitted(self):
        """Number of parameters of a fit."""
        return self.coef.shape[1] * self.coef.shape[2] + len(self.axes)

    def count_free(self, part):
        """Return the degrees of freedom that fits of some signals leave."""
        counts = (~np.isnan(self.y[:, part])).sum(axis=0)
        return self.coef.shape[1] * counts - self.n_fitted

    def only(self, chosen):
        """Return the same with profiles of some signals, by a mask (n,), alone."""
        return replace(self, values=np.where(chosen[:, None], self.values, np.nan))

    def check_free(self):
        """Raise ValueError if no signal tells its own noise."""
        if self.noise_std is not None:
            return
        n = self.y.shape[1]
        parts = split_slices(n, -(-n // _TOGETHER))
        most = max(int(self.count_free(part).max()) for part in parts)
        if most < 1:
            most = (most + self.n_fitted) // self.coef.shape[1]
            raise ValueError(
                f"y has {most} points with a weight, too few for residuals: the fit "
                f"uses {self.n_fitted} numbers of them. Give noise_std to the fit."
            )

    def check_fitted(self, expected):
        """Raise ValueError unless signals leave the relative errors (n,) of the fits.

        A few signals tell.
        """
        first = int(np.isfinite(expected).argmax())
        with np.errstate(all="ignore"):
            where, sums, p = _start(self, slice(first, first + _LOOKED_AT))
            if not where.size:
                return
            expected = expected[where]
            if self.is_rician:
                # They are those of the moduli of signals.
                sums = sums._replace(is_magnitude=True)
            power = (sums.y**2).sum(axis=(0, 1))
            found = np.sqrt(sums.misfits(p) / power)
            wrong = ~(np.abs(found - expected) <= _MOST_APART * (1.0 + expected))
        wrong &= np.isfinite(expected)
        if wrong.any():
            k = int(wrong.argmax())
            raise ValueError(
                "X, y and sample_weight must be those that were fitted: signal "
                f"{where[k]} is off by {found[k]:.3g} of its size, in the fit by "
                f"{expected[k]:.3g}."
            )

    def intervals(self, asked, level, n_jobs=None, verbose=0):
        """Return the Intervals of names, or of FunctionsOfOutputs, by what is asked."""
        out = {one: Intervals.empty(len(self.values)) for one in asked}
        self._run(_write_intervals, (level, out), n_jobs, open_report(verbose))
        return out

    def errors(self, asked, n_jobs=None):
        """Return standard errors (n,) of what is asked, of the linearised model."""
        out = np.full(len(self.values), np.nan)
        self._run(_write_errors, (asked, out), n_jobs, open_report(0))
        return out

    def _run(self, function, given, n_jobs, work):
        """Call function(self, part, *given) for parts of the signals."""
        n = len(self.values)
        parts = split_slices(n, -(-n // _TOGETHER))
        work.report(len(parts), "parts of the profiles", n_jobs=n_jobs)
        with single_blas_thread():
            run_tasks(function, [(self, part, *given) for part in parts], n_jobs, work)


def _write_intervals(profiles, part, level, out):
    """Write the intervals of a slice of the signals."""
    # What gets beyond doubles on the way is no fit, and ends as such.
    with np.errstate(all="ignore"):
        _find_intervals(profiles, part, level, out)


def _write_errors(profiles, part, asked, out):
    """Write the standard errors of a slice of the signals."""
    with np.errstate(all="ignore"):
        minima = find_minima(profiles, part)
        if minima is None:
            return
        sums, start = minima.sums, minima.start
        error = standard_error(sums, minima.number(profiles, asked), start)
        # At a bound it is no minimum that the curvature is of.
        error[touches(sums, start.p)] = np.nan
        out[minima.where] = error * np.sqrt(minima.variance)


class Minima(NamedTuple):
    """Fits of signals at their minimum, and what profiles rise to."""

    where: np.ndarray
    """Numbers of the signals, (m,)."""
    sums: Sums
    """Their sums of squares."""
    start: State
    """Where these are least."""
    pairs: tuple
    """Pairs of coordinates of which the first must not be above the second."""
    variance: np.ndarray
    """Variances of the noise, (m,)."""
    free: np.ndarray | None
    """Degrees of freedom that tell it, (m,), None where it is known."""

    def number(self, profiles, asked):
        """Return what is held for a name, or a FunctionOfOutputs."""
        if isinstance(asked, FunctionOfOutputs):
            return HeldFunction.of(asked, profiles.model)
        is_positive = np.isfinite(self.sums.limits()[0][: self.sums.n_linear]).all()
        return held_number(
            profiles.model, asked, profiles.axes, profiles.given, is_positive
        )

    def quantile(self, level):
        """Return how many standard deviations an interval allows, or (m,) of these."""
        if self.free is None:
            return ndtri(0.5 + 0.5 * level)
        return of_freedom(
            lambda count: stdtrit(count, 0.5 + 0.5 * level), self.free, np.nan
        )


def _find_intervals(profiles, part, level, out):
    minima = find_minima(profiles, part)
    if minima is None:
        return
    where, sums, start, pairs, variance, _ = minima
    allowed = minima.quantile(level) ** 2 * variance
    for name, intervals in out.items():
        number = minima.number(profiles, name)
        for side, nothing, ends, kinds in (
            (-1, number.open_ends[0], intervals.low, intervals.low_kind),
            (1, number.open_ends[1], intervals.high, intervals.high_kind),
        ):
            found = find_ends(sums, number, start, allowed, side, pairs)
            is_open = found.kind == OPEN
            ends[where] = np.where(is_open, nothing, number.shown(found.x))
            kinds[where] = found.kind


def find_minima(profiles, part):
    """Return the Minima of a slice of the signals, None if none has profiles."""
    where, sums, p = _start(profiles, part)
    if not where.size:
        return None
    weighted, own = sums.weighted, sums.own
    free = profiles.count_free(where)
    held = own.known[:1]
    pairs = find_exchanges(
        lambda u: weighted.basis(u, Own(np.repeat(held, len(u), axis=0))),
        weighted.axes,
        weighted.restricted,
    )
    pairs = tuple(pairs)
    sums, variance = _with_noise(profiles, sums, p, free, where)
    start = least(sums, p, variance, pairs)
    if profiles.noise_std is not None:
        return Minima(where, sums, start, pairs, variance, None)
    if not profiles.is_rician:
        variance = _at_least(sums, start.value / np.maximum(free, 1))
    return Minima(where, sums, start, pairs, variance, free)


def _start(profiles, part):
    """Return signals (m,) of a slice that have profiles, their Sums and their fits."""
    Y = profiles.y[:, part].T
    missing = np.isnan(Y)
    there = np.where(missing, 0.0, 1.0) if missing.any() else None
    Y = np.where(missing, 0.0, Y)
    coef, values = profiles.coef[part], profiles.values[part]
    good = np.isfinite(Y).all(axis=1) & np.isfinite(values).all(axis=1)
    good &= np.isfinite(coef).all(axis=(1, 2))
    if profiles.noise_std is None:
        good &= profiles.count_free(part) > 0
    chosen = np.flatnonzero(good)
    where = chosen + part.start
    Y, coef, values = Y[chosen], coef[chosen], values[chosen]
    channels = (Y.real, Y.imag) if np.iscomplexobj(Y) else (Y,)
    if not chosen.size:
        return where, None, None
    exponent = exponents(*channels)
    y = np.stack([np.ldexp(c.astype(float), -exponent[:, None]) for c in channels])
    y = np.ascontiguousarray(np.moveaxis(y * profiles.weights.roots, 1, 2))
    weighted = WeightedModel(
        profiles.model, profiles.points, profiles.axes, profiles.weights.roots
    )
    own = Own(profiles.known[where], None if there is None else there[chosen])
    unit = np.ldexp(1.0, exponent)
    sums = Sums(weighted, y, own, unit, profiles.is_magnitude, None)
    u = np.stack(
        [axis.to_u(values[:, k]) for k, axis in zip(weighted.free, weighted.axes,
         strict=True)]
    )  # fmt: skip
    u = np.clip(u, weighted.low, weighted.high)
    amplitudes = (coef / unit[:, None, None]).reshape(len(coef), -1).T
    return where, sums, np.concatenate([amplitudes, u])


def _with_noise(profiles, sums, p, free, where):
    """Return Sums that know Rician noise, and the variance (m,) of the noise."""
    sizes = np.abs(sums.y).max(axis=(0, 1))
    variance = None
    if profiles.noise_std is not None:
        shift = -np.log2(sums.unit).astype(int) - profiles.weights.exponent
        noise = np.ldexp(float(profiles.noise_std), shift)
        variance = noise.clip(LEAST_NOISE * sizes, MOST_NOISE * sizes) ** 2
    if not profiles.is_rician:
        if variance is None:
            variance = _at_least(sums, sums.misfits(p) / np.maximum(free, 1))
        return sums, variance
    if variance is None:
        variance = _rician_variance(sums, p)
    return sums._replace(rician=variance), variance


def _at_least(sums, variance):
    """Return variances (m,) that are no rounding."""
    power = sum(total(y**2) for y in sums.y) / sums.y.shape[1]
    return np.maximum(variance, _ROUNDING**2 * power)


def _rician_variance(sums, p):
    """Return variances (m,) of Rician noise, given the parameters of its signals."""
    (y,), (s,) = sums.y, sums.signals(p)
    n_points = sums.own.count_points(len(y))
    # Half of the freedom is that of the channel which holds no signal.
    free = np.maximum(1.0, 2.0 * n_points - len(p))
    variance = _at_least(sums, total((y - np.abs(s)) ** 2) / n_points)
    settled = np.zeros(variance.size, dtype=bool)
    for _ in range(_MOST_VARIANCES):
        target = expected_signal(y, s, variance)
        rest = total(y**2 - 2.0 * target * s + s**2)
        new = np.where(settled, variance, _at_least(sums, rest / free))
        settled |= np.abs(new - variance) <= _SETTLED * variance
        variance = new
        if settled.all():
            break
    return variance
