"""Fits of many signals over tables of kernels: which searches they serve, and how."""

from typing import NamedTuple

import numpy as np

from ..model_selection import StrengthSearch
from ..model_selection._target import strength_grid, take_apart
from ..nonlinear._status import FitStatus
from ..uncertainty import estimate_noise_std
from ..utils._linear_inputs import KERNEL_SIZES
from ..utils._missing import fill_missing
from ..utils._parallel import run_chunks, single_blas_thread
from ..utils._sklearn import validate_parameter_constraints
from ..utils._validation import check_size
from ..utils._warnings import held_reports
from ._explained import Unexplained, report_unexplained
from ._kernel_parameter_fits import SettingFits
from ._lasso import LassoFista
from ._penalty import kronecker_penalty
from ._smooth import SmoothLasso
from ._voxels import RULES, invert_signals, make_table
from ._weighted_rows import mean_squares, weigh_rows

# Known values beyond the range that is searched get tables of their own, each as wide
# as that range, up to this many on either side.
_MOST_BLOCKS = 4
# A fit that leaves this share of the mean square may have explained nothing.
_NOTHING = 0.98
# Multiplications that estimate the noise of a signal.
_ESTIMATE = 1e6


class Plan(NamedTuple):
    """What the loops over signals need to know of an inversion."""

    rule: str
    """How strengths are chosen."""
    order: int = 0
    """Order of the differences that are penalised."""
    alpha: float = 0.0
    """Weight of the sum of amplitudes."""
    strength: float = 0.0
    """Strength, where it is fixed."""
    intercept: bool = False
    """Whether there is a baseline."""
    limits: tuple = (np.nan, np.nan)
    """Weakest and strongest strength that a rule may choose."""
    noise_std: float | None = None
    """Noise level for the rule that needs one, None to estimate it."""
    chi2_factor: float = 1.02
    """Increase of the squared residual norm for the rule that needs one."""

    @property
    def chooses(self):
        """Whether strengths are chosen."""
        return self.rule not in ("none", "fixed")


def make_plan(inversion):
    """Return the Plan of an inversion, None where the loops do not serve it.

    A subclass may do anything, so classes are asked for by name.
    """
    try:
        _validate(inversion)
        if type(inversion) is StrengthSearch:
            return _plan_search(inversion)
        if type(inversion) is LassoFista and _is_plain(inversion):
            is_served = inversion.solver == "auto"
            settings = {"alpha": float(inversion.alpha)}
            settings["intercept"] = bool(inversion.fit_intercept)
            return Plan("none", **settings) if is_served else None
        if type(inversion) is SmoothLasso and _is_plain(inversion):
            return _plan_smooth(inversion, "fixed")
    except (TypeError, ValueError):
        # The fit itself will say what is wrong.
        return None
    return None


def _validate(inversion):
    """Raise what a fit would raise of parameters of the wrong kind."""
    validate_parameter_constraints(
        inversion._parameter_constraints,
        inversion.get_params(deep=False),
        caller_name=type(inversion).__name__,
    )


def _is_plain(inversion):
    """Return whether a linear inversion has the bound f >= 0 and one alpha."""
    return bool(inversion.positive and np.ndim(inversion.alpha) == 0)


def _plan_smooth(inversion, rule, **settings):
    """Return the Plan of a SmoothLasso, None where it has strengths for axes.

    Nor is there one where its smoothness follows the solution.
    """
    if (
        inversion.adaptive
        or inversion.grid_shape is not None
        or np.ndim(inversion.smoothness)
    ):
        return None
    return Plan(
        rule,
        int(inversion.order),
        float(inversion.alpha),
        float(inversion.smoothness),
        bool(inversion.fit_intercept),
        **settings,
    )


def _plan_search(search):
    """Return the Plan of a StrengthSearch, or None."""
    inner, rule = take_apart(search.estimator, search.parameter), search.rule
    if inner.front is not None or type(inner.last) is not SmoothLasso:
        return None
    if rule == "gcv" and search.degrees_of_freedom == "active":
        rule = "gcv-active"
    if rule not in RULES or inner.name != "smoothness" or not search.refine:
        return None
    _validate(inner.last)
    if not _is_plain(inner.last) or (rule == "discrepancy" and search.noise_std == 0):
        return None
    limits = np.nan, np.nan
    if np.ndim(search.strengths):
        strengths = strength_grid(search.strengths, None, inner.name, None, False)
        limits = float(strengths[-1, 0]), float(strengths[0, 0])
        if not limits[0] < limits[1]:
            return None
    return _plan_smooth(
        inner.last,
        rule,
        limits=limits,
        noise_std=search.noise_std,
        chi2_factor=float(search.chi2_factor),
    )


class KernelTables:
    """Tables of kernels over a setting, made when they are needed.

    The first one spans the range that is searched, [low, high]. For known values
    beyond, there are others beside it, so that what a signal gets depends on no other
    signal's value.
    """

    def __init__(self, kernels, plan, weight, limits):
        self.kernels, self.plan, self.limits = kernels, plan, limits
        self.weight = weight
        self._made = {}

    def block_of(self, values):
        """Return the number of the table of each value, nan where there is none."""
        low, high = self.limits
        width = high - low
        with np.errstate(over="ignore"):
            above = np.ceil(np.maximum(values - high, 0.0) / width)
            below = np.ceil(np.maximum(low - values, 0.0) / width)
        blocks = above - below
        return np.where(np.abs(blocks) <= _MOST_BLOCKS, blocks, np.nan)

    def get(self, block):
        """Return table, kernels, penalty and roots of weights, or None."""
        if block not in self._made:
            self._made[block] = self._make(block)
        return self._made[block]

    def _make(self, block):
        """Return what `get` returns, new."""
        low, high = (limit + block * np.ptp(self.limits) for limit in self.limits)
        try:
            line = self.kernels.line(low)
            if line is None or not _has_one_grid(line, self.kernels.line(high)):
                return None
            check_size(
                np.abs(line.at(low)).max(keepdims=True).ravel(), "K", *KERNEL_SIZES
            )
            m, n = line.at(low).shape
            share = np.full(m, 1.0 / m)
            if self.weight is not None:
                share = self.weight / self.weight.sum()
            root = np.sqrt(share)
            L = kronecker_penalty((n,), self.plan.order).toarray()
            signed = _signs_of(line, (low, 0.5 * (low + high), high))

            def kernel(value):
                return line.at(value, **signed) * root[:, None]

            table = make_table(
                kernel, low, high, L, bool(signed),
                fit_intercept=self.plan.intercept, root_weight=root,
            )  # fmt: skip
        except (TypeError, ValueError):
            # A kink, or values that the model does not have.
            return None
        return table, line, L, root


def _has_one_grid(line, other):
    """Return whether two lines of kernels, at different values, have the same bins."""
    bins = (one.builder.relaxation_times_ for one in (line, other))
    return np.array_equal(*bins)


def _signs_of(line, values):
    """Return settings of the model that leave a magnitude its sign, or {}."""
    model = line.builder.models_[0]
    if model.get_params(deep=False).get("magnitude") is not True:
        return {}
    signed = {"magnitude": False}
    for value in values:
        K = line.at(value, **signed)
        if np.iscomplexobj(K) or not np.array_equal(np.abs(K), line.at(value)):
            return {}
    return signed


def invert_with_tables(tables, Y, known, least_snr, n_jobs, work):
    """Return SettingFits of signals Y (n_points, n_signals), and what is unexplained.

    Either no signal lacks a point, or all of them do, which are nan there.
    `known` are values (n_signals,), or None to search them. The status of signals that
    no table serves is -1. Parts of the work are chunks.
    """
    n_signals, there = Y.shape[1], None
    missing = np.isnan(Y)
    if missing.any():
        there, Y = ~missing, fill_missing(Y.T, missing.T).T
    blocks = np.zeros(n_signals) if known is None else tables.block_of(known)
    found, report = None, Unexplained(n_signals)
    for block in np.unique(blocks[np.isfinite(blocks)]):
        made = tables.get(block)
        if made is None:
            continue
        places = np.flatnonzero(blocks == block)
        values = None if known is None else known[places]
        if found is None:
            n_bins = made[0].kernels.shape[1]
            found = SettingFits.empty(np.full(n_signals, -1), n_bins)
        here = None if there is None else there[:, places]
        options = {"least_snr": least_snr, "n_jobs": n_jobs, "work": work}
        options["there"] = None if here is None else here.T
        part = _invert(tables.plan, made, Y[:, places].T, values, options)
        told = _unexplained(tables, made, Y[:, places], here, part)
        found.put(places, part)
        report.extend(told, places)
    return found, report


def _invert(plan, made, signals, known, options):
    """Return SettingFits of signals (n_signals, n_points) over one table."""
    table, line, L, root = made
    shared = {"root_weight": root, "penalty": L, "settings": known} | options
    noise_std, free = plan.noise_std, None
    estimates = plan.rule == "discrepancy" and noise_std is None
    if estimates or plan.alpha > 0.0:
        # What is noise is told from fits without any penalty, as the setting is.
        free = invert_signals(table, signals, **shared)
        shared |= {"settings": free.settings, "least_snr": None}
        shared["mask"] = free.status <= FitStatus.AT_BOUND
    if estimates:
        n_jobs = options["n_jobs"]
        there = options["there"]
        noise_std = _estimate_noise(line, root, signals, there, free.settings, n_jobs)
    fits = invert_signals(
        table, signals, plan.rule,
        strengths=plan.strength, chi2_factor=plan.chi2_factor, limits=plan.limits,
        noise_std=np.nan if noise_std is None else noise_std, alpha=plan.alpha,
        **shared,
    )  # fmt: skip
    status, free_residuals = np.array(fits.status), fits.free_residuals
    used = fits.n_used.astype(np.float64)
    if free is not None:
        replaced = status == FitStatus.MASKED
        replaced |= (status == FitStatus.CONVERGED) & (free.status > 0)
        status[replaced] = free.status[replaced]
        there = status <= FitStatus.AT_BOUND
        free_residuals = np.where(there, free.free_residuals, np.nan)
        used = free.n_used.astype(np.float64)
    baseline = np.where(status <= FitStatus.AT_BOUND, fits.intercepts, np.nan)
    choices = {"strength": fits.strengths} if plan.chooses else {}
    return SettingFits(
        fits.settings, fits.distributions, baseline, fits.residuals, free_residuals,
        used, status, choices,
    )  # fmt: skip


def _estimate_noise(line, root, signals, there, settings, n_jobs):
    """Return the noise level of each signal, nan where its setting is."""
    levels, weight = np.full(len(signals), np.nan), root**2

    def estimate(rows):
        for k in range(rows.start, rows.stop):
            if np.isfinite(settings[k]):
                # One by one: products of many signals would round by their number.
                seen = slice(None) if there is None else there[k]
                levels[k] = estimate_noise_std(
                    signals[k, seen],
                    line.at(settings[k])[seen],
                    method="residual",
                    sample_weight=weight[seen],
                )

    try:
        with single_blas_thread():
            run_chunks(estimate, len(signals), _ESTIMATE, n_jobs)
    except ValueError as error:
        raise ValueError(
            "rule='discrepancy' needs noise_std, which cannot be estimated from "
            f"n_samples={signals.shape[1]}: {error}"
        ) from error
    return levels


def _unexplained(tables, made, Y, there, fits):
    """Return the Unexplained signals among Y (n_points, n_signals)."""
    table, line, _, root = made
    report = Unexplained(Y.shape[1])
    if there is None:
        squares = mean_squares(Y, root**2)
        if tables.plan.intercept:
            squares -= (root**2 @ Y) ** 2
    else:
        shares = root**2 @ there
        squares = root**2 @ (there * Y**2) / shares
        if tables.plan.intercept:
            squares -= (root**2 @ (there * Y) / shares) ** 2
    left = fits.residuals**2 > _NOTHING * squares
    # Noise has no distribution either, but would have one.
    lost = np.flatnonzero(fits.status == FitStatus.NO_SIGNAL)
    weighted = Y[:, lost] * root[:, None]
    if there is not None:
        if tables.plan.intercept:
            means = root**2 @ (there * Y) / shares
            weighted -= means[lost] * root[:, None]
        weighted *= there[:, lost] / shares[lost]
    slopes = table.kernels[0] @ weighted
    left[lost] = slopes.max(axis=0, initial=-np.inf) <= tables.plan.alpha
    for k in np.flatnonzero(left):
        value, f = fits.values[k], np.nan_to_num(fits.coef[k])
        K = line.at(table.nodes[0] if np.isnan(value) else value)
        seen = slice(None) if there is None else there[:, k]
        weight, y = root[seen] ** 2, Y[seen, k : k + 1]
        rows = weigh_rows(K[seen], y, weight, tables.plan.intercept)
        with held_reports() as reports:
            report_unexplained(rows, f[None], np.array([tables.plan.alpha]), True)
        for told in reports:
            report.extend(told, np.array([k]))
    return report
