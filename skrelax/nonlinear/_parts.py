"""Parts of the voxels, from their signals to what is found of them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..signals import SignalModel
from ._numba_types import Stop
from ._own import Own
from ._report import (
    Ranges,
    coordinate_errors,
    find_status,
    is_without_meaning,
    outputs_and_errors,
    parameter_values,
    with_known,
)
from ._rician import contradicts_noise, fit_rician, rician_covariance
from ._simpler import Simpler
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
LEAST_NOISE, MOST_NOISE = 1e-50, 1e50


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


class RootWeights(NamedTuple):
    """Roots (N,) of the weights of points over two to the power of an exponent."""

    roots: np.ndarray
    exponent: int

    @classmethod
    def of(cls, weight):
        """Return the roots of weights, of which the largest is near one."""
        roots = np.sqrt(weight)
        # Exact, and it keeps the squares of weighted signals within doubles.
        exponent = int(np.frexp(roots.max())[1]) - 1
        return cls(np.ldexp(roots, -exponent), exponent)


@dataclass(frozen=True)
class Setup:
    """What a fit knows beside its voxels.

    `points` are the acquisition, of which a fit needs a number. `problem` finds least
    squares, `rician` those of signed signals if the noise is Rician.
    """

    model: SignalModel
    points: np.ndarray
    needed: int
    weights: RootWeights
    problem: object
    rician: object
    noise_std: float | None
    stop: Stop
    ranges: Ranges
    simpler: Simpler | None


@dataclass(frozen=True)
class Voxels:
    """Signals of all voxels, with what is known of each.

    `y` (n_points, n) holds more points than are fitted, those that `keep` selects.
    """

    y: np.ndarray
    keep: object
    mask: np.ndarray | None
    starts: np.ndarray | None
    known: np.ndarray | None


@dataclass(frozen=True)
class Fits:
    """What is found of all voxels: arrays that threads fill part by part."""

    params: np.ndarray
    stderr: np.ndarray
    values: np.ndarray
    coef: np.ndarray
    r2: np.ndarray
    relative_error: np.ndarray
    status: np.ndarray
    n_iter: np.ndarray
    quiet: np.ndarray
    n_points: np.ndarray

    @classmethod
    def empty(cls, model, y):
        """Return fits of signals y (n_points, n) that nothing is found of."""
        n, n_channels = y.shape[1], 2 if np.iscomplexobj(y) else 1
        params = np.full((n, len(model.outputs)), np.nan)
        return cls(
            params=params,
            stderr=params.copy(),
            values=np.full((n, len(model.parameters)), np.nan),
            coef=np.full((n, n_channels, len(model.amplitudes)), np.nan),
            r2=np.full(n, np.nan),
            relative_error=np.full(n, np.nan),
            status=np.full(n, FitStatus.FAILED, dtype=np.int8),
            n_iter=np.zeros(n, dtype=np.int32),
            quiet=np.zeros(n, dtype=bool),
            n_points=np.zeros(n, dtype=np.int32),
        )


def fit_part(setup, voxels, fits, part):
    """Fit a slice of the voxels."""
    Y = voxels.y[voxels.keep, part].T
    missing = np.isnan(Y)
    lacks = missing.any(axis=1)
    counts = np.full(len(Y), Y.shape[1])
    if lacks.any():
        counts -= missing.sum(axis=1)
        Y = np.where(missing, 0, Y)
    finite = np.isfinite(Y).all(axis=1) & (counts > 0)
    empty = finite & ~Y.any(axis=1)
    few = finite & ~empty & (counts < setup.needed)
    fits.status[part][empty] = FitStatus.NO_SIGNAL
    fits.status[part][few] = FitStatus.NOT_IDENTIFIABLE
    wanted = finite & ~empty & ~few
    if voxels.known is not None:
        wanted &= np.isfinite(voxels.known[part]).all(axis=1)
    if voxels.mask is not None:
        wanted &= voxels.mask[part]
        fits.status[part][~voxels.mask[part]] = FitStatus.MASKED
    if not wanted.any():
        return
    fits.n_points[part] = np.where(wanted, counts, 0)
    if not wanted.all() or lacks.any():
        # Signals in columns are slow to choose from.
        Y, missing = np.ascontiguousarray(Y), np.ascontiguousarray(missing)
    for chosen in (wanted & ~lacks, wanted & lacks):
        if not chosen.any():
            continue
        where, here = part, Y
        if not chosen.all():
            where, here = np.flatnonzero(chosen) + part.start, Y[chosen]
        there = ~missing[chosen] if lacks[chosen].any() else None
        _fit_voxels(setup, voxels, fits, where, here, there)


def _fit_voxels(setup, voxels, fits, where, Y, there):
    """Fit voxels at places `where`, a slice or indices, with signals Y (n, N).

    `there` (n, N) says which points are there; None says that all are.
    """
    root_weight = setup.weights.roots
    channels = (Y.real, Y.imag) if np.iscomplexobj(Y) else (Y,)
    signals = np.empty((len(Y), len(channels), Y.shape[1]))
    exponent = exponents(*channels)
    for c, channel in enumerate(channels):
        if exponent.any():
            channel = np.ldexp(channel.astype(float), -exponent[:, None])
        np.multiply(channel, root_weight, out=signals[:, c])
    lost = np.zeros(len(signals), dtype=bool)
    if root_weight.min() < _PLAIN_WEIGHT:
        lost = (np.abs(signals) < _NOTHING).all(axis=(1, 2))
    if lost.any():
        # All of the signal is where weights are next to nothing.
        if isinstance(where, slice):
            where = np.arange(where.start, where.stop)
        fits.status[where[lost]] = FitStatus.NO_SIGNAL
        fits.n_points[where[lost]] = 0
        where, signals, exponent = where[~lost], signals[~lost], exponent[~lost]
        there = None if there is None else there[~lost]
        if where.size == 0:
            return
    starts = None if voxels.starts is None else voxels.starts[where]
    known = None if voxels.known is None else voxels.known[where]
    own = Own(known, None if there is None else there.astype(np.float64))
    solution = setup.problem.solve(signals, starts, setup.stop, **own.options())
    squares = solution.rss.copy()
    noise = _variance(setup, signals, solution, exponent, own)
    free = _count_free(setup, signals, own)
    # Of a noise that is known, quantiles are those of the normal distribution.
    unknown = free if setup.noise_std is None else None
    _write_fits(setup, solution, own, noise, unknown, exponent, fits, where)
    doubtful = np.zeros(len(signals), dtype=bool)
    if setup.simpler is not None:
        doubtful |= _find_doubtful(setup, signals, solution, noise, unknown, own)
    if setup.rician is not None and setup.noise_std is not None:
        quiet = contradicts_noise(squares, noise[0], free)
        fits.quiet[where] = quiet
        doubtful |= quiet
    status = fits.status[where]
    status[doubtful & (status == FitStatus.CONVERGED)] = FitStatus.NOT_IDENTIFIABLE
    fits.status[where] = status
    _write_quality(signals, root_weight, own.there, solution, fits, where)


def _write_fits(setup, solution, own, noise, free, exponent, fits, where):
    """Write parameters, their errors and the statuses of fits.

    Signals were divided by two to the power of `exponent` (n,); `noise` are its
    variance and an exponent of two of its standard deviation, (n,) each, with `free`
    degrees of freedom, or None if it is known.
    """
    model, axes, known = setup.model, setup.problem.axes, own.known
    variance, noise_exponent = noise
    values = _values(setup, solution.u, known)
    whole = axes, solution
    if known is not None:
        whole = with_known(model, axes, solution, values)
    unit = np.ldexp(1.0, exponent)
    outputs, errors = outputs_and_errors(model, *whole, variance, unit)
    u_errors = coordinate_errors(whole[1], variance)
    if noise_exponent.any():
        with np.errstate(over="ignore"):
            errors = np.ldexp(errors, noise_exponent[:, None])
            u_errors = np.ldexp(u_errors, noise_exponent[:, None])
    max_iter = setup.stop.max_iter
    status = find_status(model, *whole, outputs, u_errors, free, setup.ranges, max_iter)
    wrong = is_without_meaning(model, outputs, errors)
    status[wrong & (status == FitStatus.CONVERGED)] = FitStatus.NOT_IDENTIFIABLE
    lost = status == FitStatus.FAILED
    errors[lost | (status == FitStatus.AT_BOUND)] = np.nan
    outputs[lost] = np.nan
    fits.params[where], fits.stderr[where] = outputs, errors
    fits.values[where] = values
    with np.errstate(over="ignore"):
        coef = solution.coef * unit[:, None, None]
    fits.coef[where] = np.where(lost[:, None, None], np.nan, coef)
    fits.status[where] = status
    fits.n_iter[where] = np.minimum(solution.n_iter, max_iter)


def _find_doubtful(setup, Y, solution, noise, free, own):
    """Return which fits (n,) of Y (n, C, N) a simpler model contradicts."""
    variance, exponent = noise
    with np.errstate(over="ignore"):
        errors = np.ldexp(coordinate_errors(solution, variance), exponent[:, None])
        variance = np.ldexp(variance, 2 * exponent)
    noise = variance, free
    return setup.simpler.contradicts(Y, solution, errors, noise, setup.stop, own)


def _count_free(setup, Y, own):
    """Return the degrees of freedom that fits of Y (n, C, N) leave, of all or each."""
    n_channels, n_points = Y.shape[1:]
    free = n_channels * (own.count_points(n_points) - len(setup.model.amplitudes))
    return free - len(setup.problem.axes)


def _write_quality(Y, root_weight, there, solution, fits, where):
    """Write how well weighted signals (n, C, N) are explained."""
    power = np.einsum("nci,nci->n", Y, Y)
    means = Y @ root_weight
    weight = (root_weight**2).sum() if there is None else there @ root_weight**2
    total = power - (means**2).sum(axis=1) / weight
    with np.errstate(divide="ignore", invalid="ignore"):
        # A constant signal has nothing to explain.
        total[total < _CONSTANT * power] = np.nan
        fits.r2[where] = 1.0 - solution.rss / total
        fits.relative_error[where] = np.sqrt(solution.rss / power)


def _values(setup, u, known):
    """Return all nonlinear parameters (n, P) of the model at coordinates u."""
    if known is None:
        return parameter_values(setup.problem.axes, u)
    return setup.problem.values(u, known)


def _variance(setup, Y, solution, exponent, own):
    """Return the variance (n,) of the noise of Y, and exponents of its deviation.

    Rician noise changes the solution, to that of maximum likelihood.
    """
    plain = np.zeros(len(Y), dtype=int)
    mantissa, power = None, plain
    if setup.noise_std is not None:
        mantissa, power = np.frexp(float(setup.noise_std))
        power = power - exponent - setup.weights.exponent
    if setup.rician is not None:
        noise_std = None
        if mantissa is not None:
            with np.errstate(over="ignore"):
                noise_std = np.ldexp(mantissa, power)
            size = np.abs(Y).max(axis=(1, 2))
            noise_std = noise_std.clip(LEAST_NOISE * size, MOST_NOISE * size)
        return _fit_rician(setup, Y, solution, noise_std, own), plain
    if mantissa is not None:
        return np.full(len(Y), mantissa**2), power
    free = _count_free(setup, Y, own)
    variance = np.full(len(Y), np.nan)
    with np.errstate(invalid="ignore"):
        np.divide(solution.rss, free, out=variance, where=np.asarray(free > 0))
    return variance, plain


def _fit_rician(setup, Y, solution, noise_std, own):
    """Replace the solution by that of Rician noise; return the variances (n,)."""

    def signals(u, coef, voxels=slice(None)):
        known, there = own.take(voxels)
        values = _values(setup, u, known)
        found = signals_of(setup.model, setup.points, values, coef)
        found = found * setup.weights.roots
        return found if there is None else found * there

    variance = fit_rician(
        setup.rician, Y, solution, signals, noise_std, setup.stop, own
    )
    rician_covariance(solution, signals, variance, setup.problem.axes)
    return variance
