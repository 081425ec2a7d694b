"""Profiles: the least sum of squares where a number of the fit is held at a value.

Levenberg and Marquardt's method in all other numbers, within their limits, of many fits
at once. Amplitudes are the best ones at each step.
"""

from typing import NamedTuple

import numpy as np

from ._general import add_secant
from ._held import LONGEST_LINEAR, LONGEST_LOG
from ._sums import State, Sums, total

# Predicted gains that mean nothing, as a fraction of the excess that is looked for.
_GAIN = 1e-5
_MOST_STEPS, _MOST_RESTORED, _MOST_PROJECTED = 40, 8, 5
_DAMPING, _NEARLY_NEWTON, _STUCK = 1e-3, 1e-2, 1e12
_RIDGE = 1e-14


class Held(NamedTuple):
    """A condition on the numbers of each fit, or none."""

    number: object
    """The number that is held, None for none."""
    x: np.ndarray | None
    """The value of each, (m,)."""
    close: np.ndarray | None
    """How close to it counts, (m,)."""
    pairs: tuple
    """Pairs of coordinates of which the first must not be above the second."""

    def take(self, chosen):
        """Return that of some of the fits."""
        if self.number is None:
            return self
        return self._replace(x=self.x[chosen], close=self.close[chosen])


class Condition(NamedTuple):
    """A linear condition on a step."""

    a: np.ndarray
    """Factors, (D, m), all zero for none."""
    missing: np.ndarray
    """What they must make of the step, (m,)."""


def least(sums: Sums, p, scale, pairs):
    """Return the State of the minimum near numbers p (D, m).

    `scale` (m,) are sums of squares of which _GAIN does not matter.
    """
    held = Held(None, None, None, pairs)
    state = sums.expand(p, _projection(sums, held))
    return _descend(sums, state, held, scale)[0]


def standard_error(sums, number, state):
    """Return the standard error (m,) of a number for noise of one."""
    a, exponent = _of_size_one(number.gradient(sums, state.p))
    scale, matrix = _scaled(state.hessian, np.ones(a.shape, dtype=bool), 0.0)
    solved = _solve(matrix, (a * scale)[None])[0] * scale
    return np.ldexp(np.sqrt(np.maximum(total(a * solved), 0.0)), exponent)


def _of_size_one(a):
    """Return derivatives (D, m) over powers of two, and the exponents (m,) of these.

    Amplitudes may be of a size that has no squares.
    """
    exponent = np.frexp(np.abs(a).max(axis=0))[1]
    return np.ldexp(a, -exponent), exponent


def move(sums, state, held, scale):
    """Return the State of the minimum where a number is held, from another value.

    Also the slope of half of the sum of squares along the number, and whether there is
    one, (m,) each.
    """
    missing = held.x - held.number.values(sums, state.p)
    # Along the tangent of the profile.
    step, _, way, possible = _step(sums, state, held, missing, np.zeros(missing.size))
    p, good = _restore(sums, held, state.p + step, way)
    # Where the way is too long for it, amplitudes may still keep the condition.
    p = np.where(np.isfinite(p).all(axis=0), p, state.p)
    new = sums.expand(p, _projection(sums, held))
    good |= np.abs(held.x - held.number.values(sums, new.p)) <= held.close
    good &= possible & np.isfinite(new.value) & _keeps_order(sums, held, new.p)
    out, slope = State(*(part.copy() for part in new)), np.full(good.size, np.nan)
    if good.any():
        few = np.flatnonzero(good)
        part = new.take(few)
        found, slopes = _descend(sums.take(few), part, held.take(few), scale[few])
        out.put(few, found)
        slope[few] = slopes
    return out, slope, good


def _descend(sums, state, held, scale):
    """Return the State of the minimum near another one, by Levenberg and Marquardt.

    Also the slope of half of the sum of squares along the number that is held.
    """
    m = state.value.size
    damping, slope = np.full(m, _DAMPING), np.zeros(m)
    active = np.arange(m)
    part, rest, chosen = state, sums, held
    for _ in range(_MOST_STEPS):
        d = damping[active]
        step, multiplier, way, _ = _step(rest, part, chosen, np.zeros(d.size), d)
        slope[active] = multiplier
        gain = -2.0 * total(part.gradient * step)
        gain -= total(step * total(part.hessian * step[:, None]))
        rounding = 1e-14 * part.value
        done = np.abs(gain) <= _GAIN * scale[active] + rounding
        # Long steps that are damped are not there yet.
        done &= d <= _NEARLY_NEWTON
        left = ~done & (d < _STUCK)
        if not left.any():
            break
        if not left.all():
            active, rest, chosen = active[left], rest.take(left), chosen.take(left)
            part, step, way = part.take(left), step[:, left], way[:, left]
            d = d[left]
        p, good = _restore(rest, chosen, part.p + step, way)
        new = rest.expand(np.where(good, p, part.p), _projection(rest, chosen))
        better = good & (new.value < part.value)
        damping[active] = np.where(
            better, np.maximum(0.1 * d, 1e-15), np.maximum(8.0 * d, 1e-6)
        )
        if better.any():
            new = new.take(better)
            bend(
                rest.take(better),
                part.take(better),
                new,
                chosen.take(better),
                slope[active[better]],
            )
            state.put(active[better], new)
        part = state.take(active)
    return state, slope


def bend(sums, old, new, held, multiplier):
    """Give the Hessian of a state the change of the gradient from another one.

    Of the sum of squares less the multiplier times the number that is held: without
    its second derivatives, the condition makes convergence slow.
    """
    change = new.gradient - old.gradient
    if held.number is not None:
        change = change - multiplier * (
            held.number.gradient(sums, new.p) - held.number.gradient(sums, old.p)
        )
    step = new.p - old.p
    add_secant(new.hessian, step, total(new.hessian * step[:, None]), change)


def _scaled(hessian, free, damping):
    """Return scales (D, m) and Hessians (D, D, m) with a unit diagonal.

    What is not free is alone with itself.
    """
    diagonal = np.einsum("iim->im", hessian)
    # Amplitudes of signals that have hardly begun are of another size than all others.
    size = np.sqrt(np.maximum(diagonal, 0.0) + 1e-300)
    scale = np.where(free, 1.0 / size, 0.0)
    matrix = hessian * scale[:, None] * scale[None]
    index = np.arange(len(hessian))
    matrix[index, index] = np.where(free, 1.0 + damping + _RIDGE, 1.0)
    return scale, matrix


def _solve(matrix, right):
    """Return solutions (k, D, m) of positive matrices (D, D, m), by Cholesky."""
    D = len(matrix)
    L = np.zeros_like(matrix)
    for j in range(D):
        pivot = matrix[j, j]
        for k in range(j):
            pivot = pivot - L[j, k] ** 2
        L[j, j] = np.sqrt(np.maximum(pivot, _RIDGE))
        for i in range(j + 1, D):
            left = matrix[i, j]
            for k in range(j):
                left = left - L[i, k] * L[j, k]
            L[i, j] = left / L[j, j]
    x = np.array(right)
    for i in range(D):
        for k in range(i):
            x[:, i] -= L[i, k] * x[:, k]
        x[:, i] /= L[i, i]
    for i in range(D - 1, -1, -1):
        for k in range(i + 1, D):
            x[:, i] -= L[k, i] * x[:, k]
        x[:, i] /= L[i, i]
    return x


def _step(sums, state, held, missing, damping):
    """Return the step (D, m) to the minimum of the expansion within the limits.

    `missing` is what the number that is held must change by. The rest is that of
    `_constrained`.
    """
    a = np.zeros_like(state.p)
    if held.number is not None:
        a = held.number.gradient(sums, state.p)
    box = _box(sums, state.p, held)
    condition = Condition(a, missing)
    return _constrained(state.hessian, state.gradient, condition, damping, box)


def _constrained(hessian, gradient, condition, damping, box):
    """Return the step (D, m) that minimises a quadratic form under a condition.

    Also the multiplier of the condition, (m,), the way (D, m) along which it is kept at
    the least cost, and whether it can be kept, (m,).
    """
    (a, missing), (low, high) = condition, box
    a, exponent = _of_size_one(a)
    missing = np.ldexp(missing, -exponent)
    D, m = gradient.shape
    step, fixed = np.zeros((D, m)), np.zeros((D, m), dtype=bool)
    for _ in range(D):
        free = ~fixed
        kept = np.where(fixed, step, 0.0)
        pull = -gradient - total(hessian * kept[:, None])
        scale, matrix = _scaled(hessian, free, damping)
        plain, way = _solve(matrix, np.stack([pull, a]) * scale) * scale
        along = total(a * way)
        wanted = missing - total(a * (plain + kept))
        possible = along > 0.0
        multiplier = np.divide(wanted, along, out=np.zeros(m), where=possible)
        step = np.where(free, plain + multiplier * way, step)
        outside = free & ((step < low) | (step > high))
        if not outside.any():
            break
        step = np.clip(step, low, high)
        fixed |= outside
    step = np.clip(step, low, high)
    possible = possible & np.isfinite(step).all(axis=0)
    return step, np.ldexp(multiplier, -exponent), way, possible


def _projection(sums, held):
    """Return the function that improves amplitudes where a number is held."""
    first = sums.n_linear
    low, high = (limit[:first] for limit in sums.limits())
    is_free = held.number is None or _is_coordinate(held)

    def project(p, hessian, gradient):
        missing, good = np.zeros(p.shape[1]), True
        for k in range(_MOST_PROJECTED):
            c, a = p[:first], np.zeros_like(gradient)
            if not is_free:
                missing = held.x - held.number.values(sums, p)
                good = np.abs(missing) <= held.close
            if k and np.all(good):
                break
            if not is_free:
                a = held.number.gradient(sums, p)[:first]
            box = low - c, high - c
            here = hessian, gradient, Condition(a, missing), 0.0, box
            step = _constrained(*here)[0]
            if k:
                # What is there stays, whatever other fits still need.
                step = np.where(good, 0.0, step)
            gradient = gradient + total(hessian * step[:, None])
            p = np.concatenate([c + step, p[first:]])
        return p, good & np.isfinite(p).all(axis=0)

    return project


def _box(sums, p, held):
    """Return the least and the largest step (D, m)."""
    weighted, first = sums.weighted, sums.n_linear
    low, high = sums.limits()
    low, high = low - p, high - p
    log = np.array([axis.log for axis in weighted.axes])[:, None]
    width = weighted.high - weighted.low
    longest = np.where(log, LONGEST_LOG, LONGEST_LINEAR * width)
    kept = getattr(held.number, "place", None) if _is_coordinate(held) else None
    for k in range(len(weighted.axes)):
        if k == kept:
            # The condition alone decides.
            low[first + k], high[first + k] = -np.inf, np.inf
            continue
        low[first + k] = np.maximum(low[first + k], -longest[k])
        high[first + k] = np.minimum(high[first + k], longest[k])
    for a, b in held.pairs:
        middle = 0.5 * (p[first + a] + p[first + b])
        if a == kept or b == kept:
            middle = held.x
        if b != kept:
            low[first + b] = np.maximum(low[first + b], middle - p[first + b])
        if a != kept:
            high[first + a] = np.minimum(high[first + a], middle - p[first + a])
    return np.minimum(low, high), high


def _is_coordinate(held):
    return hasattr(held.number, "axis")


def _restore(sums, held, p, way):
    """Return numbers p (D, m) that keep the condition, and whether they do, (m,)."""
    if held.number is None:
        return p, np.ones(p.shape[1], dtype=bool)
    if _is_coordinate(held):
        p = p.copy()
        p[sums.n_linear + held.number.place] = held.x
        return p, np.isfinite(p).all(axis=0)
    low, high = sums.limits()
    for _ in range(_MOST_RESTORED):
        missing = held.x - held.number.values(sums, p)
        good = np.abs(missing) <= held.close
        if good.all():
            break
        slope = total(held.number.gradient(sums, p) * way)
        moved = np.clip(p + missing / slope * way, low, high)
        # What is there stays, whatever other fits still need.
        p = np.where(good, p, moved)
    missing = held.x - held.number.values(sums, p)
    good = (np.abs(missing) <= held.close) & np.isfinite(p).all(axis=0)
    return p, good & _keeps_order(sums, held, p)


def _keeps_order(sums, held, p):
    """Return whether (m,) a function is not kept by exchanging what it is of."""
    good = np.ones(p.shape[1], dtype=bool)
    if held.number.ends_with_fits:
        for a, b in held.pairs:
            good &= p[sums.n_linear + a] <= p[sums.n_linear + b]
    return good
