"""Distributions of many signals, from arrays to arrays, in threads over parts."""

from typing import NamedTuple

import numpy as np

from ...nonlinear._status import FitStatus
from ...utils._parallel import run_chunks, single_blas_thread
from ...utils._progress import SILENT
from .._lasso_solvers import active_set
from ._numba_corner import N_PLACES
from ._numba_signals import invert
from ._numba_types import Exact, Found, Given, Passive, Penalty, Rule, Work

RULES = ("none", "fixed", "chi2", "gcv", "discrepancy", "lcurve", "gcv-active")
# Of noise alone, signed or the magnitude of complex noise, below 1 % of 16 to 56
# echoes pass; of T2 distributions with a first echo of 8 times the noise below .1 %
# are lost.
LEAST_SNR = 5.1
# Multiplications per solve, for sharing signals out to threads.
_SOLVES = 20


class VoxelDistributions(NamedTuple):
    """Distributions of signals, and how they were found.

    Signals that are masked, failed, or of which nothing is explained have nan.
    """

    distributions: np.ndarray
    """Amplitudes, (n_signals, n_bins)."""
    settings: np.ndarray
    """Settings of the kernels, (n_signals,)."""
    strengths: np.ndarray
    """Strengths, in units of an objective |K x - y|^2 / 2 + strength x^T L x / 2 with
    weights of points that sum to one, (n_signals,)."""
    free_residuals: np.ndarray
    """Root mean squares of residuals without the penalty, (n_signals,)."""
    residuals: np.ndarray
    """Root mean squares of residuals, (n_signals,)."""
    intercepts: np.ndarray
    """Baselines, zero for a table without, (n_signals,)."""
    status: np.ndarray
    """FitStatus of each signal, (n_signals,)."""
    n_solves: np.ndarray
    """Fits for the setting and for the strength, (n_signals, 2)."""
    n_used: np.ndarray
    """Bins that the fit without the penalty uses, (n_signals,)."""


def invert_signals(
    table,
    signals,
    rule="none",
    *,
    root_weight=None,
    settings=None,
    strengths=0.0,
    noise_std=np.nan,
    chi2_factor=1.02,
    limits=(np.nan, np.nan),
    penalty=None,
    alpha=0.0,
    mask=None,
    there=None,
    least_snr=LEAST_SNR,
    n_jobs=None,
    work=SILENT,
):
    """Find the distribution of each signal with its own setting and strength.

    Parameters
    ----------
    table : Table
        Kernels over the setting, from `make_table` with the same `penalty`.
    signals : ndarray of shape (n_signals, n_points)
        The signals.
    rule : {"none", "fixed", "chi2", "gcv", "discrepancy", "lcurve", "gcv-active"}, \
            default="none"
        How strengths are chosen. GCV counts all bins as parameters, ``"gcv-active"``
        those in use: the trace of (G + strength L)^-1 G over these.
    root_weight : ndarray of shape (n_points,) or None, default=None
        Square roots of weights that sum to one, as the table has them. None weighs
        all points alike.
    settings : ndarray of shape (n_signals,) or None, default=None
        Settings that are known. Where None or nan, they are searched.
    strengths : float or ndarray of shape (n_signals,), default=0.0
        Strengths for ``"fixed"``.
    noise_std : float or ndarray of shape (n_signals,), default=nan
        Noise levels for ``"discrepancy"``.
    chi2_factor : float, default=1.02
        Increase of the squared residual norm that ``"chi2"`` allows.
    limits : tuple of float, default=(nan, nan)
        The weakest and the strongest strength. nan takes ten decades up to ten times
        the mean square of the kernel.
    penalty : ndarray of shape (n_bins, n_bins) or None, default=None
        Matrix L of the penalty, the identity if None.
    alpha : float or ndarray of shape (n_signals,), default=0.0
        Weight of the sum of amplitudes.
    mask : ndarray of shape (n_signals,) or None, default=None
        Signals to invert.
    there : ndarray of bool of shape (n_signals, n_points) or None, default=None
        Points that are not missing, at least one of each signal, None for all. Missing
        ones have the number of another point.
    least_snr : float or None, default=5.1
        What a signal must rise above the noise: the root of the sum of squares that
        the best fit explains, over the root mean square of its residual. A constant of
        up to 2.8 times the latter, as magnitudes of noise have it, is not counted as
        explained. Signals below have NO_SIGNAL as status. None takes all. With the
        default, 40 bins and an angle to be searched, of 25000 simulated signals each
        .87 % of Rayleigh noise passed with 16 echoes, .11 % with 32, and .02 % with 56
        (of Gaussian noise .02, .00, .00 %), and .03, .00, .00 % of T2 distributions
        with a first echo of 8 times the noise were lost.
    n_jobs : int or None, default=None
        Number of threads over parts of the signals.
    work : Work, default=SILENT
        What parts of the signals are parts of.

    Returns
    -------
    VoxelDistributions
        What was found; it does not depend on `n_jobs`, nor on other signals.
    """
    n_signals, m = signals.shape
    n = table.kernels.shape[1]
    if root_weight is None:
        root_weight = np.full(m, 1.0 / np.sqrt(m))
    Y = np.array(signals, dtype=np.float64, order="C")
    status = np.zeros(n_signals, np.int64)
    peaks = np.abs(Y).max(axis=1, initial=0.0)
    known = np.full(n_signals, np.nan) if settings is None else np.array(settings)
    known = known.astype(np.float64)
    outside = (known < table.nodes[0]) | (known > table.nodes[-1])
    status[peaks == 0.0] = FitStatus.NO_SIGNAL
    status[~np.isfinite(peaks) | outside] = FitStatus.FAILED
    variance = np.full(n_signals, noise_std, dtype=np.float64)
    if rule == "discrepancy":
        status[~(variance >= 0.0)] = FitStatus.FAILED
    if mask is not None:
        status[~np.asarray(mask, dtype=bool)] = FitStatus.MASKED
    skipped = status != 0
    Y[skipped] = 0.0
    # Powers of two round nothing, and leave strengths as they are.
    exponents = np.where(skipped, 0, np.frexp(np.where(skipped, 1.0, peaks))[1])
    # Of a constant nothing must be left: rounding would become a distribution.
    constant = (Y[:, :1] == Y).all(axis=1)
    Y = np.ldexp(Y, -exponents[:, None]) * root_weight
    factors, roots = np.empty((n_signals, 0)), root_weight
    n_points = np.full(n_signals, np.count_nonzero(root_weight))
    if there is not None:
        n_points = np.count_nonzero(there & (root_weight > 0.0), axis=1)
        shares = np.einsum("ij,j->i", there * 1.0, root_weight**2)
        factors = there / np.sqrt(shares)[:, None]
        Y *= factors
        roots = root_weight * factors
        means = np.einsum("ij,ij->i", Y, roots)
    else:
        # Each row alone: a product of matrices would round by the number of rows.
        means = np.einsum("ij,j->i", Y, root_weight)
    baselines = np.zeros(n_signals)
    if table.root.size:
        Y -= means[:, None] * roots
        Y[constant] = 0.0
        baselines, means = means, baselines
    alphas = np.full(n_signals, alpha, dtype=np.float64)
    with np.errstate(over="ignore"):
        variance = np.ldexp(variance, -exponents) ** 2
        alphas = np.ldexp(alphas, -exponents)
    L = np.eye(n) if penalty is None else np.asarray(penalty, dtype=np.float64)
    rows, columns = np.nonzero(L)
    width = int(np.abs(rows - columns).max(initial=0))
    strengths = np.full(n_signals, strengths, dtype=np.float64)
    given = Given(Y, known, strengths, variance, alphas, means, n_points, factors)
    low, high = np.log(limits)
    plan = Rule(
        RULES.index(rule),
        float(chi2_factor),
        float(low),
        float(high),
        0.0 if least_snr is None else float(least_snr) ** 2,
    )
    found = Found(
        np.full((n_signals, n), np.nan),
        np.full(n_signals, np.nan),
        np.full(n_signals, np.nan),
        np.zeros(n_signals),
        np.full((n_signals, 2), np.nan),
        status,
        np.zeros((n_signals, 2), np.int64),
        np.zeros(n_signals, np.int64),
    )

    def part(rows):
        invert(
            table,
            Given(*(column[rows] for column in given)),
            plan,
            Penalty(L, width, 0.0),
            make_work(n, m, table.nodes.size, factors.shape[1]),
            Exact(active_set(n, m), np.empty(0)),
            Found(*(column[rows] for column in found)),
        )

    with single_blas_thread():
        run_chunks(part, n_signals, _SOLVES * n * m, n_jobs, work)
    lost = status > FitStatus.AT_BOUND
    found.squares[lost] = np.nan
    with np.errstate(over="ignore"):
        F = np.ldexp(found.distributions, exponents[:, None], out=found.distributions)
        residuals = np.ldexp(np.sqrt(found.squares), exponents[:, None])
        baselines = np.ldexp(baselines - found.intercepts, exponents)
    # Amplitudes may be larger than any number where the signal hardly is not.
    finite = np.isfinite(F).all(axis=1) & np.isfinite(residuals).all(axis=1)
    beyond = ~lost & ~finite
    status[beyond] = FitStatus.FAILED
    for column in (F, residuals, found.settings, found.strengths, baselines):
        column[lost | beyond] = np.nan
    return VoxelDistributions(
        F,
        found.settings,
        found.strengths,
        residuals[:, 0],
        residuals[:, 1],
        baselines,
        status,
        found.solves,
        found.used,
    )


def make_work(n, m, n_nodes, n_factors=0):
    """Return the workspace for n bins, m points and a scan of n_nodes kernels.

    `n_factors` is m where points of signals are missing.
    """
    passive = Passive(
        np.zeros(n + 1, np.int64),
        np.zeros(n, np.bool_),
        np.zeros(n, np.bool_),
        np.zeros((n + 1, n + 1)),
        *np.zeros((3, n + 1)),
    )
    return Work(
        passive,
        *np.zeros((3, n)),
        np.zeros(m),
        np.zeros((n, m)),
        *np.zeros((2, n, n)),
        *np.zeros((2, n, m)),
        np.zeros((4, n + 1)),
        np.zeros((n_nodes, 4)),
        np.zeros((n_nodes, n), np.bool_),
        np.zeros(n + 1),
        np.zeros((N_PLACES, 10)),
        np.zeros((N_PLACES, n), np.bool_),
        np.zeros((n, n)),
        np.zeros(4, np.int64),
        np.zeros(n, np.int64),
        np.zeros((2, n_factors)),
    )
