"""From what loops find to parameters, standard errors and statuses of a chunk."""

import itertools
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from ._status import FitStatus
from ._table import Coordinate

# A coordinate this close to its limit, relative to the range, is at the bound; or this
# close relative to its standard error, up to a part of the range: where the signal does
# not depend on a parameter to first order, as on a flip angle at 180 degrees, it is
# chance how close to the limit a minimisation ends.
_AT_BOUND, _AT_BOUND_ERRORS, _MOST_AT_BOUND = 1e-7, 1e-3, 1e-2
_COMPLEX_STEP = 1e-30
# Estimates are beyond what has a meaning if they are so far from it: standard errors,
# and a part of the range that has one, for models are never exact.
_BEYOND_ERRORS, _BEYOND_RANGE = 3.0, 0.25
# Half of a 95 % interval, relative to the value, from which on a relaxation time beyond
# the range of the acquisition is not known: errors of the model grow with the distance.
_WELL_KNOWN = 0.1


def real_amplitudes(coef):
    """Return amplitudes (L, n) on the real axis of the signal, of coef (n, C, L)."""
    if coef.shape[1] == 1:
        return coef[:, 0].T
    whole = coef[:, 0] + 1j * coef[:, 1]
    turn = (np.conj(whole[:, :1]) * whole).real
    return (np.abs(whole) * np.where(turn < 0, -1.0, 1.0)).T


def parameter_values(axes, u):
    """Return nonlinear parameters (n, P) at coordinates u."""
    return np.stack([axis.from_u(u[:, k]) for k, axis in enumerate(axes)], axis=1)


def with_known(model, axes, solution, values):
    """Return axes and a solution that hold known parameters without uncertainty.

    `values` (n, P) are all nonlinear parameters of the model.
    """
    places = {axis.name: k for k, axis in enumerate(axes)}
    whole, n_amplitudes = [], solution.coef.shape[2]
    u, kept = values.copy(), list(range(n_amplitudes))
    for k, parameter in enumerate(model.parameters):
        if parameter.name in places:
            place = places[parameter.name]
            u[:, k] = solution.u[:, place]
            whole.append(axes[place])
            kept.append(n_amplitudes + k)
        else:
            whole.append(Coordinate(parameter.name, -np.inf, np.inf, log=False))
    size = n_amplitudes + len(whole)
    cov = np.zeros((len(u), size, size))
    cov[:, np.array(kept)[:, None], kept] = solution.cov
    return whole, solution._replace(u=u, cov=cov)


def outputs_and_errors(model, axes, solution, variance, unit):
    """Return outputs and standard errors, both (n, n_outputs).

    Errors of the fitted parameters propagate to first order; `variance` (n,) is that
    of the noise. Amplitudes and the noise are in multiples of `unit` (n,), powers of
    two; the errors lack those of the noise.
    """
    with np.errstate(over="ignore"):
        amplitudes = real_amplitudes(solution.coef) * unit
    values = np.vstack([amplitudes, parameter_values(axes, solution.u).T])
    n_amplitudes = solution.coef.shape[2]
    scale = np.ones_like(values)
    scale[:n_amplitudes] = unit
    for k, axis in enumerate(axes):
        scale[n_amplitudes + k] = axis.slope(solution.u[:, k])
    plain = (*model.amplitudes, *model.parameters)
    identity = [one.name for one in model.outputs] == [one.name for one in plain]
    outputs = values if identity else model.derive(values)
    # Powers of two are kept apart, since squares of the rest are within doubles.
    if identity:
        diagonal = np.arange(len(values))
        scale, exponent = np.frexp(scale)
        squared = solution.cov[:, diagonal, diagonal].T * scale**2
    else:
        jacobian = np.empty((len(outputs), *values.shape))
        for k in range(len(values)):
            step = np.ldexp(_COMPLEX_STEP, np.frexp(scale[k])[1])
            shifted = values.astype(complex)
            shifted[k] += 1j * step
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                jacobian[:, k] = model.derive(shifted).imag / step * scale[k]
        largest = np.abs(jacobian).max(axis=1)
        exponent = np.frexp(np.where(np.isfinite(largest), largest, 1.0))[1]
        jacobian = np.ldexp(jacobian, -exponent[:, None])
        squared = np.zeros(outputs.shape)
        for k, m in itertools.combinations_with_replacement(range(len(values)), 2):
            term = jacobian[:, k] * jacobian[:, m] * solution.cov[:, k, m]
            squared += term if k == m else 2.0 * term
    with np.errstate(over="ignore"):
        errors = np.ldexp(np.sqrt(np.maximum(squared, 0.0) * variance), exponent)
    return outputs.T, errors.T


def coordinate_errors(solution, variance):
    """Return the standard errors (n, P) of the coordinates u."""
    n_amplitudes = solution.coef.shape[2]
    squared = np.einsum("nkk->nk", solution.cov)[:, n_amplitudes:]
    return np.sqrt(np.maximum(squared, 0.0) * variance[:, None])


class Ranges(NamedTuple):
    """Where parameters are to be believed.

    `reach` (low, high) is what the acquisition can see of relaxation times, or None;
    `given` names the parameters whose range the caller knows better.
    """

    reach: tuple | None
    given: frozenset


def of_freedom(quantile, free, otherwise):
    """Return a quantile at degrees of freedom, of all fits or of each, (n,).

    Where there are none it is `otherwise`. Each number is looked up once.
    """
    counts, places = np.unique(free, return_inverse=True)
    found = np.full(counts.shape, otherwise)
    found[counts > 0] = quantile(counts[counts > 0])
    return found[places].reshape(np.shape(free))


def half_interval(free):
    """Return half of a 95 % interval in standard errors.

    `free` are the degrees of freedom of the noise, of all fits or of each, (n,); None
    if it is known.
    """
    if free is None:
        return ndtri(0.975)
    return of_freedom(lambda count: stdtrit(count, 0.975), free, np.inf)


def find_status(model, axes, solution, outputs, errors, free, ranges, max_iter):
    """Return the status of each fit, (n,).

    `errors` (n, P) are those of the coordinates, `free` is that of `half_interval`.
    """
    reach, given = ranges
    quantile = half_interval(free)
    vague = np.isnan(solution.cov).any(axis=(1, 2))
    at_bound = np.zeros(len(vague), dtype=bool)
    widths = {one.name: one.upper - one.lower for one in model.parameters}
    for k, axis in enumerate(axes):
        low, high = axis.ends
        # The error of a logarithm is the relative one.
        u, error = solution.u[:, k], errors[:, k]
        with np.errstate(invalid="ignore"):
            near = np.minimum(_AT_BOUND_ERRORS * error, _MOST_AT_BOUND * (high - low))
            near = np.fmax(near, _AT_BOUND * (high - low))
            at_bound |= (u < low + near) | (u > high - near)
            if not axis.log:
                # Bounds alone say as much as a uniform distribution between them.
                width = widths[axis.name] if axis.name in given else high - low
                vague |= error >= width / np.sqrt(12.0)
                continue
            vague |= error >= 1.0
            if axis.name not in given:
                value = axis.from_u(u)
                outside = (value < reach[0]) | (value > reach[1])
                vague |= outside & ~(quantile * error < _WELL_KNOWN)
    vague |= ~np.isfinite(outputs).all(axis=1)
    status = np.full(len(vague), FitStatus.CONVERGED, dtype=np.int8)
    status[vague] = FitStatus.NOT_IDENTIFIABLE
    status[at_bound] = FitStatus.AT_BOUND
    lost = np.isnan(solution.u).any(axis=1) | (solution.n_iter > max_iter)
    status[lost] = FitStatus.FAILED
    return status


def is_without_meaning(model, outputs, errors):
    """Return which fits (n,) have an output far beyond the limits of its meaning.

    Such an efficiency of an inversion, above 2, comes of polarities that are wrong.
    """
    beyond = np.zeros(len(outputs), dtype=bool)
    for k, one in enumerate(model.outputs):
        room = _BEYOND_RANGE * (one.upper - one.lower)
        if not np.isfinite(room):
            continue
        values, error = outputs[:, k], _BEYOND_ERRORS * errors[:, k]
        with np.errstate(invalid="ignore", over="ignore"):
            beyond |= values - error > one.upper + room
            beyond |= values + error < one.lower - room
    return beyond
