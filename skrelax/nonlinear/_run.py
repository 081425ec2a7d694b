"""One call of fit: chunks of voxels, from signals to results."""

from dataclasses import dataclass

import numpy as np

from ._report import find_status, outputs_and_errors, parameter_values, with_known
from ._rician import fit_rician, rician_covariance
from ._status import FitStatus

# Voxels per chunk: small enough for workspaces to stay in the cache of a core.
CHUNK = 4096
# Variances below this fraction of the power are rounding.
_CONSTANT = 1e-13


def signals_of(model, points, values, coef):
    """Return signals (n, n_points) of parameters (n, P) and amplitudes (n, C, L)."""
    basis = model.basis(points, values)
    whole = coef[:, 0] if coef.shape[1] == 1 else coef[:, 0] + 1j * coef[:, 1]
    return np.einsum("lin,nl->ni", basis, whole)


@dataclass
class Run:
    """One call of fit: its input, and outputs that threads fill part by part."""

    estimator: object
    y: np.ndarray
    keep: object
    points: np.ndarray
    root_weight: np.ndarray
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
        for c, channel in enumerate(channels):
            np.multiply(channel, self.root_weight, out=signals[:, c])
        starts = None if self.starts is None else self.starts[where]
        self._solve(signals, starts, where)

    def _solve(self, Y, starts, where):
        """Fit weighted signals (n, C, N) and write the results at `where`."""
        own, model = self.estimator, self.estimator.model_
        axes = self.problem.axes
        known = () if self.known is None else (self.known[where],)
        solution = self.problem.solve(Y, starts, own.tol, own.max_iter, *known)
        variance = self._variance(Y, solution, *known)
        values = self._values(solution.u, *known)
        whole = axes, solution
        if known:
            whole = with_known(model, axes, solution, values)
        outputs, errors = outputs_and_errors(model, *whole, variance)
        status = find_status(
            model, whole[0], whole[1], outputs, variance, self.reach,
            own.bounds or (), own.max_iter,
        )  # fmt: skip
        lost = status == FitStatus.FAILED
        errors[lost | (status == FitStatus.AT_BOUND)] = np.nan
        outputs[lost] = np.nan
        self.params[where], self.stderr[where] = outputs, errors
        self.values[where] = values
        self.coef[where] = np.where(lost[:, None, None], np.nan, solution.coef)
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

    def _variance(self, Y, solution, known=None):
        """Return the variance of the noise (n,), after the likelihood is maximal."""
        own = self.estimator
        if own.noise == "rician":

            def signals(u, coef, voxels=slice(None)):
                values = self._values(u, None if known is None else known[voxels])
                found = signals_of(own.model_, self.points, values, coef)
                return found * self.root_weight

            variance = fit_rician(
                self.signed, Y, solution, signals, own.noise_std, own.tol, own.max_iter,
                known,
            )  # fmt: skip
            rician_covariance(solution, signals, variance)
            return variance
        if own.noise_std is not None:
            return np.full(len(Y), own.noise_std**2)
        n_channels, n_points = Y.shape[1:]
        n_amplitudes = solution.coef.shape[2]
        free = n_channels * (n_points - n_amplitudes) - solution.u.shape[1]
        with np.errstate(invalid="ignore"):
            return solution.rss / free if free > 0 else np.full(len(Y), np.nan)
