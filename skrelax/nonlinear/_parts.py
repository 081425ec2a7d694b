"""One call of fit: chunks of voxels, from signals to results."""

from dataclasses import dataclass

import numpy as np

from ._report import (
    coordinate_errors,
    find_status,
    outputs_and_errors,
    parameter_values,
    with_known,
)
from ._rician import fit_rician, rician_covariance
from ._status import FitStatus

# Voxels per chunk: small enough for workspaces to stay in the cache of a core.
CHUNK = 4096
# Variances below this fraction of the power are rounding.
_CONSTANT = 1e-13
# Exponents of two of signals whose powers are far from the ends of doubles.
_PLAIN_EXPONENTS = -150, 150
# What weights leave of a signal has no square below this, which no signal reaches if
# all roots of weights are above the other number.
_NOTHING, _PLAIN_WEIGHT = 1e-120, 1e-60
# Levels of noise relative to the signal whose squares a likelihood can use.
_LEAST_NOISE, _MOST_NOISE = 1e-50, 1e50
# Smaller steps of coordinates are rounding, whatever tolerance is asked for.
_FINEST = 1e-14


def exponents(*channels):
    """Return powers of two (n,) that signals, each (n, N), are to be divided by.

    They are 0 but for signals whose squares may be beyond doubles. Divisions by powers
    of two are exact, so that signals and results scale together.
    """
    ends = [end.astype(float) for one in channels for end in (one.max(1), one.min(1))]
    exponent = np.frexp(np.abs(ends).max(axis=0))[1] - 1
    low, high = _PLAIN_EXPONENTS
    return np.where((exponent < low) | (exponent > high), exponent, 0)


def signals_of(model, points, values, coef):
    """Return signals (n, n_points) of parameters (n, P) and amplitudes (n, C, L)."""
    whole = coef[:, 0] if coef.shape[1] == 1 else coef[:, 0] + 1j * coef[:, 1]
    there = np.isfinite(values).all(axis=1)
    if there.all():
        return np.einsum("lin,nl->ni", model.basis(points, values), whole)
    out = np.full((len(values), len(points)), np.nan, dtype=whole.dtype)
    if there.any():
        basis = model.basis(points, values[there])
        out[there] = np.einsum("lin,nl->ni", basis, whole[there])
    return out


@dataclass
class Run:
    """One call of fit: its input, and outputs that threads fill part by part.

    `root_weight` (N,) are the roots of the weights over two to the power of
    `weight_exponent`.
    """

    estimator: object
    y: np.ndarray
    keep: object
    points: np.ndarray
    root_weight: np.ndarray
    weight_exponent: int
    mask: np.ndarray | None
    problem: object
    signed: object
    reach: tuple | None
    starts: np.ndarray | None
    known: np.ndarray | None

    def allocate(self):
        """Make the outputs."""
        model = self.estimator.model_
        n = self.y.shape[1]
        n_channels = 2 if np.iscomplexobj(self.y) else 1
        self.params = np.full((n, len(model.outputs)), np.nan)
        self.stderr = np.full_like(self.params, np.nan)
        self.values = np.full((n, len(model.parameters)), np.nan)
        self.coef = np.full((n, n_channels, len(model.amplitudes)), np.nan)
        self.r2, self.relative_error = np.full(n, np.nan), np.full(n, np.nan)
        self.status = np.full(n, FitStatus.FAILED, dtype=np.int8)
        self.n_iter = np.zeros(n, dtype=np.int32)

    def fit_part(self, part):
        """Fit a slice of the signals."""
        Y = self.y[self.keep, part].T
        finite = np.isfinite(Y).all(axis=1)
        empty = finite & ~Y.any(axis=1)
        self.status[part][empty] = FitStatus.NO_SIGNAL
        wanted = finite & ~empty
        if self.known is not None:
            wanted &= np.isfinite(self.known[part]).all(axis=1)
        if self.mask is not None:
            wanted &= self.mask[part]
            self.status[part][~self.mask[part]] = FitStatus.MASKED
        if not wanted.any():
            return
        where = part
        if not wanted.all():
            where = np.flatnonzero(wanted) + part.start
            Y = Y[wanted]
        channels = (Y.real, Y.imag) if np.iscomplexobj(Y) else (Y,)
        signals = np.empty((len(Y), len(channels), Y.shape[1]))
        exponent = exponents(*channels)
        for c, channel in enumerate(channels):
            if exponent.any():
                channel = np.ldexp(channel.astype(float), -exponent[:, None])
            np.multiply(channel, self.root_weight, out=signals[:, c])
        lost = np.zeros(len(signals), dtype=bool)
        if self.root_weight.min() < _PLAIN_WEIGHT:
            lost = (np.abs(signals) < _NOTHING).all(axis=(1, 2))
        if lost.any():
            # All of the signal is where weights are next to nothing.
            if where is part:
                where = np.arange(part.start, part.stop)
            self.status[where[lost]] = FitStatus.NO_SIGNAL
            where, signals, exponent = where[~lost], signals[~lost], exponent[~lost]
            if where.size == 0:
                return
        starts = None if self.starts is None else self.starts[where]
        self._solve(signals, starts, where, exponent)

    def _solve(self, Y, starts, where, exponent):
        """Fit weighted signals (n, C, N) and write the results at `where`.

        Signals were divided by two to the power of `exponent` (n,).
        """
        own, model = self.estimator, self.estimator.model_
        axes = self.problem.axes
        known = () if self.known is None else (self.known[where],)
        tol = max(own.tol, _FINEST)
        solution = self.problem.solve(Y, starts, tol, own.max_iter, *known)
        variance, noise_exponent = self._variance(Y, solution, tol, exponent, *known)
        values = self._values(solution.u, *known)
        whole = axes, solution
        if known:
            whole = with_known(model, axes, solution, values)
        unit = np.ldexp(1.0, exponent)
        outputs, errors = outputs_and_errors(model, *whole, variance, unit)
        u_errors = coordinate_errors(whole[1], variance)
        if noise_exponent.any():
            with np.errstate(over="ignore"):
                errors = np.ldexp(errors, noise_exponent[:, None])
                u_errors = np.ldexp(u_errors, noise_exponent[:, None])
        status = find_status(
            model, *whole, outputs, u_errors, self.reach, own.bounds or (), own.max_iter
        )
        lost = status == FitStatus.FAILED
        errors[lost | (status == FitStatus.AT_BOUND)] = np.nan
        outputs[lost] = np.nan
        self.params[where], self.stderr[where] = outputs, errors
        self.values[where] = values
        with np.errstate(over="ignore"):
            coef = solution.coef * unit[:, None, None]
        self.coef[where] = np.where(lost[:, None, None], np.nan, coef)
        power = np.einsum("nci,nci->n", Y, Y)
        means = Y @ self.root_weight
        total = power - (means**2).sum(axis=1) / (self.root_weight**2).sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            # A constant signal has nothing to explain.
            total[total < _CONSTANT * power] = np.nan
            self.r2[where] = 1.0 - solution.rss / total
            self.relative_error[where] = np.sqrt(solution.rss / power)
        self.status[where] = status
        self.n_iter[where] = np.minimum(solution.n_iter, own.max_iter)

    def _values(self, u, known=None):
        """Return all nonlinear parameters (n, P) of the model."""
        if known is None:
            return parameter_values(self.problem.axes, u)
        return self.problem.values(u, known)

    def _variance(self, Y, solution, tol, exponent, known=None):
        """Return the variance of the noise and a power of two for its root, (n,).

        They are those of signals over two to the power of `exponent`, of points of
        weight one. With Rician noise the likelihood is maximised first.
        """
        own = self.estimator
        plain = np.zeros(len(Y), dtype=int)
        mantissa, power = None, plain
        if own.noise_std is not None:
            mantissa, power = np.frexp(float(own.noise_std))
            power = power - exponent - self.weight_exponent
        if own.noise == "rician":

            def signals(u, coef, voxels=slice(None)):
                values = self._values(u, None if known is None else known[voxels])
                found = signals_of(own.model_, self.points, values, coef)
                return found * self.root_weight

            noise_std = None
            if mantissa is not None:
                with np.errstate(over="ignore"):
                    noise_std = np.ldexp(mantissa, power)
                size = np.abs(Y).max(axis=(1, 2))
                noise_std = noise_std.clip(_LEAST_NOISE * size, _MOST_NOISE * size)
            variance = fit_rician(
                self.signed, Y, solution, signals, noise_std, tol, own.max_iter, known
            )
            rician_covariance(solution, signals, variance, self.problem.axes)
            return variance, plain
        if mantissa is not None:
            return np.full(len(Y), mantissa**2), power
        n_channels, n_points = Y.shape[1:]
        n_amplitudes = solution.coef.shape[2]
        free = n_channels * (n_points - n_amplitudes) - solution.u.shape[1]
        with np.errstate(invalid="ignore"):
            variance = solution.rss / free if free > 0 else np.full(len(Y), np.nan)
        return variance, plain
