"""Fits of any number of nonlinear parameters and amplitudes."""

import numpy as np

from ._numba_types import Solution
from ._own import Own
from ._projection import covariance, curvature, orthonormalize, project
from ._starts import CoarseScan, best_pattern, find_exchanges
from ._weighted import WeightedModel

# Longest step: a factor of e, or this fraction of a range.
_LONGEST = 0.25
# Numbers in the derivatives of a block of fits, so that they stay in a cache.
_BLOCK = 1_000_000
# Numbers in all scans for starts.
_MOST_NUMBERS = 20_000_000
# Predicted gains of a step that mean nothing, as a fraction of the sum of squares: the
# parameters are then within 1e-6 standard errors of the minimum.
_GAIN = 1e-12
# The same for the rounding of sums of squares, and for signals without noise.
_EPS, _NOTHING = 1e-15, 1e-30
# Known values that differ by less than this (in the logarithm, or as a fraction of
# their range) share a scan for starts, if that does not make too many.
_STEP_KNOWN, _MOST_SCANS = 0.15, 12
_DAMPING, _NEARLY_NEWTON, _STUCK = 1e-3, 1e-2, 1e12


class GeneralProblem(WeightedModel):
    """Any number of nonlinear parameters and amplitudes, without splines.

    `axes` are those of the parameters to find. The others are known, with the columns
    of `known` (n, K) in their order.
    """

    def __init__(self, model, acquisition, axes, root_weight, magnitude, known=None):
        super().__init__(model, acquisition, axes, root_weight)
        self.magnitude = magnitude
        self._centers = np.zeros((1, 0)) if known is None else _centers(known)
        self._exchanges = find_exchanges(self._at(0), axes, self.restricted)
        self._scans = [
            CoarseScan(
                self._at(k),
                axes,
                self.restricted,
                self._exchanges,
                magnitude,
                _MOST_NUMBERS // (len(acquisition) * len(self._centers)),
            )
            for k in range(len(self._centers))
        ]

    @property
    def cost(self):
        """Multiplications per voxel, about."""
        return self._scans[0].atoms.size

    def _at(self, k):
        """Return the basis as a function of u, for the known values of a scan."""
        center = self._centers[k]

        def basis(u):
            return self.basis(u, Own(np.broadcast_to(center, (len(u), center.size))))

        return basis

    def solve(self, Y, starts, stop, there=None, known=None):
        """Fit Y (n, C, N), globally or from starts (n, P) in u; known is (n, K).

        `there` (n, N) holds zeros where points are missing; None says that none is.
        """
        if known is None:
            known = np.zeros((len(Y), 0))
        n, n_channels, n_points = Y.shape
        out = Solution.empty(n, n_channels, self.n_amplitudes, len(self.axes))
        size = n_points * self.n_amplitudes * (2 * len(self.axes) + 1)
        if starts is None:
            size *= self._scans[0].n_kept
        length = max(16, _BLOCK // size)
        for first in range(0, n, length):
            part = slice(first, first + length)
            block = None if starts is None else starts[part]
            own = Own(known, there).take(part)
            self._solve_block(Y[part], block, own, stop, part, out)
        return out

    def _solve_block(self, Y, starts, own, stop, part, out):
        """Write the fits of Y to a slice of the solution."""
        if starts is None:
            signal, u, signs = self._find_starts(Y, own)
        else:
            signal, u, signs = np.arange(len(Y)), starts.T, None
            if self.magnitude:
                basis = self.basis(starts, own)
                signs = best_pattern(basis, orthonormalize(basis)[0], Y[:, 0].T)
        y = np.ascontiguousarray(np.moveaxis(Y, 0, 2))
        u, signs, value, n_iter = self._minimise(y, signal, u, signs, own, stop)
        # Of equal minima one that converged counts.
        rounded = value * np.where(n_iter > stop.max_iter, 1.0 + 1e-9, 1.0)
        order = np.lexsort((rounded, signal))
        best = order[np.searchsorted(signal[order], np.arange(len(Y)))]
        u, signs = u[:, best], None if signs is None else signs[:, best]
        self._sort(u)
        found = project(self.basis(u.T, own), y, self.restricted, signs)
        if self.magnitude:
            # All signs of a magnitude can be turned together.
            found.coef *= np.where(found.coef[:1] < 0.0, -1.0, 1.0)
        out.u[part], out.rss[part] = u.T, found.value
        out.coef[part] = found.coef.T
        out.cov[part] = covariance(found, self.slopes(u, own, found.basis))
        out.n_iter[part] = n_iter[best]

    def _find_starts(self, Y, own):
        """Return signals (m,), coordinates (P, m) and signs (N, m) of starts."""
        known = own.known
        nearest = np.zeros(len(Y), dtype=int)
        if len(self._centers) > 1:
            scale = np.ptp(self._centers, axis=0) + 1e-300
            distance = (known[:, None] - self._centers) / scale
            nearest = (distance**2).sum(axis=2).argmin(axis=1)
        found = []
        for k in np.unique(nearest):
            scan, chosen = self._scans[k], np.flatnonzero(nearest == k)
            signal, node, pattern = scan.find_starts(Y[chosen], own.take(chosen).there)
            signs = np.zeros((0, len(node)))
            if self.magnitude:
                signs = scan.signs[pattern, :, node].T
            found.append((chosen[signal], scan.nodes[node].T, signs))
        signal, u, signs = (
            np.concatenate(part, axis=-1) for part in zip(*found, strict=True)
        )
        return signal, u, signs if self.magnitude else None

    def _minimise(self, y, signal, u, signs, own, stop):
        """Return u (P, m), signs, sum of squares and iterations (m,) from all starts.

        Levenberg-Marquardt within the box; fits leave as they converge. The number of
        iterations of those that do not is max_iter + 1.
        """
        tol, max_iter = stop
        u = np.array(u)
        n_iter = np.full(u.shape[1], max_iter + 1, dtype=np.int32)
        power = (y**2).sum(axis=(0, 1))[signal]
        basis = self.basis(u.T, own.take(signal))
        found = project(basis, y[:, :, signal], self.restricted, signs)
        value, final = found.value.copy(), found.signs
        active = np.arange(u.shape[1])
        slopes = self.slopes(u, own.take(signal), basis)
        gradient, hessian = curvature(found, slopes)
        damping = np.full(active.size, _DAMPING)
        for iteration in range(max_iter):
            here, squares = u[:, active], value[active]
            step = self._step(gradient, hessian, damping, here)
            gain = -(gradient * step).sum(axis=0)
            gain -= 0.5 * np.einsum("pm,pqm,qm->m", step, hessian, step)
            small = (np.abs(step) < tol).all(axis=0)
            rounding = _EPS * np.sqrt(squares * power[active])
            negligible = np.abs(gain) <= _GAIN * squares + rounding
            done = (small | negligible) & (damping <= _NEARLY_NEWTON)
            done |= np.abs(gain) <= _NOTHING * power[active]
            n_iter[active[done]] = iteration + 1
            left = ~done & (damping < _STUCK)
            if not left.any():
                break
            active, damping, gain = active[left], damping[left], gain[left]
            gradient, hessian = gradient[:, left], hessian[:, :, left]
            step = step[:, left]
            new = here[:, left] + step
            signs = None if final is None else final[:, active]
            here = signal[active]
            basis = self.basis(new.T, own.take(here))
            found = project(basis, y[:, :, here], self.restricted, signs)
            gained = value[active] - found.value
            better = gained > 0.0
            chosen = active[better]
            u[:, chosen], value[chosen] = new[:, better], found.value[better]
            found = found.take(better)
            if final is not None:
                final[:, chosen] = found.signs
            if chosen.size:
                theirs = own.take(here[better])
                slopes = self.slopes(new[:, better], theirs, found.basis)
                slope, bend = curvature(found, slopes)
                moved = step[:, better]
                along = np.einsum("pqm,qm->pm", bend, moved)
                add_secant(bend, moved, along, slope - gradient[:, better])
                gradient[:, better], hessian[:, :, better] = slope, bend
            # A step that keeps its promise asks for a longer one.
            good = better & (gained > 0.5 * gain)
            damping = np.where(good, np.maximum(0.1 * damping, 1e-15), damping)
            damping = np.where(better, damping, np.maximum(8.0 * damping, 1e-6))
        return u, final, value, n_iter

    def _step(self, gradient, hessian, damping, u):
        """Return the damped step (P, m) that minimises the quadratic in the box."""
        n_parameters, m = u.shape
        longest = np.where(self.unit == 1.0, 1.0, _LONGEST * self.unit)
        low = np.maximum(self.low - u, -longest)
        high = np.minimum(self.high - u, longest)
        fixed = (u <= self.low) & (gradient > 0.0)
        fixed |= (u >= self.high) & (gradient < 0.0)
        diagonal = np.einsum("ppm->pm", hessian)
        size = diagonal + 1e-12 * diagonal.max(axis=0) + 1e-300
        step = np.zeros((n_parameters, m))
        for _ in range(n_parameters):
            free = ~fixed
            rest = -gradient - np.einsum(
                "pqm,qm->pm", hessian, np.where(fixed, step, 0)
            )
            # In units of the diagonal, a fixed parameter being alone with itself.
            scale = np.where(free, 1.0 / np.sqrt(size), 0.0)
            matrix = np.moveaxis(hessian * scale[:, None] * scale[None], 2, 0)
            index = np.arange(n_parameters)
            matrix[:, index, index] = np.where(free, 1.0 + damping + 1e-14, 1.0).T
            solved = np.linalg.solve(matrix, (rest * scale).T[:, :, None])[:, :, 0].T
            step = np.where(free, solved * scale, step)
            outside = free & ((step < low) | (step > high))
            if not outside.any():
                break
            step = np.clip(step, low, high)
            fixed |= outside
        return np.clip(step, low, high)

    def _sort(self, u):
        """Put values of exchangeable parameters (P, n) into ascending order."""
        for _ in range(len(self.axes)):
            for a, b in self._exchanges:
                lower, upper = np.minimum(u[a], u[b]), np.maximum(u[a], u[b])
                u[a], u[b] = lower, upper


def _centers(known):
    """Return known values (k, K) that all of known (n, K) are near to."""
    log = (known > 0.0).all(axis=0)
    scaled = np.where(log, np.log(np.where(log, known, 1.0)), known)
    scaled = scaled / np.where(log, 1.0, np.ptp(known, axis=0) + 1e-300)
    origin, step = scaled.min(axis=0), _STEP_KNOWN
    while True:
        code = np.round((scaled - origin) / step)
        _, label = np.unique(code, axis=0, return_inverse=True)
        label = label.reshape(-1)
        if label.max() < _MOST_SCANS:
            break
        step *= 1.25
    # Medians, so that equal values are met exactly.
    return np.stack(
        [np.median(known[label == k], axis=0) for k in range(label.max() + 1)]
    )


def add_secant(hessian, step, along, change):
    """Give a Hessian (P, P, m) the change of the gradient (P, m) along a step.

    `along` (P, m) is the change that it has.

    The formula of Broyden, Fletcher, Goldfarb and Shanno: the approximation by J'J
    alone converges slowly where residuals are large.
    """
    expected, seen = (step * along).sum(axis=0), (step * change).sum(axis=0)
    # What rounding or another pattern of polarities may have made is left out.
    good = (expected > 0.0) & (seen > 1e-3 * expected) & (seen < 1e3 * expected)
    along, change = along[:, good], change[:, good]
    hessian[:, :, good] += change[:, None] * change / seen[good]
    hessian[:, :, good] -= along[:, None] * along / expected[good]
