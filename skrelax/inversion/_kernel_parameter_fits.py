"""Kernels over a setting, and fits of signals with their own, by any inversion."""

import copy
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ..kernels import KernelBuilder
from ..model_selection._criteria import rounding_floor
from ..nonlinear._status import FitStatus
from ..utils._answers import chosen_settings
from ..utils._inspect import choosing_for_each, final_step
from ..utils._parallel import run_tasks
from ..utils._progress import SILENT
from ..utils._warnings import collect_warnings, held_reports
from ._explained import Unexplained
from ._lasso import LassoFista
from ._voxels._numba_signals import _FLOOR as FLOOR
from ._weighted_rows import mean_squares

# Differences of kernels, relative to their largest number, that no signal tells.
_SAME_KERNEL = 1e-6
# Relative differences of sums of squares below which they are equal.
_FLAT = 1e-9


class SettingKernels(NamedTuple):
    """Transformers that make a kernel of an acquisition at each value of a setting."""

    front: Pipeline
    """The transformers."""
    step: str
    """The KernelBuilder among them."""
    parameter: str
    """The setting of its signal model."""
    acquisition: object
    """Acquisition points with a weight, as the transformers take them."""

    def fit(self, value=None):
        """Return the transformers, fitted with a value of the setting or their own."""
        steps = clone(self.front)
        if value is not None:
            name = f"{self.step}__kernel__{self.parameter}"
            steps.set_params(**{name: float(value)})
        return steps.fit(self.acquisition)

    def at(self, value, X):
        """Return the kernel (n_points, n_bins) of an acquisition at a value."""
        return self.fit(value).transform(X)

    def are_equal(self, values):
        """Return whether kernels at values are equal, so that none can be chosen."""
        ends = values[0], values[values.size // 2], values[-1]
        first, *others = (np.asarray(self.at(one, self.acquisition)) for one in ends)
        most = _SAME_KERNEL * np.abs(first).max(initial=0.0)
        return all(np.abs(one - first).max(initial=0.0) <= most for one in others)

    def line(self, value):
        """Return the KernelLine of a KernelBuilder of one inverted axis, or None."""
        if len(self.front) != 1 or type(self.front[0]) is not KernelBuilder:
            return None
        builder = self.fit(value)[0]
        if len(builder.models_) != 1 or builder.models_[0].is_discrete:
            return None
        points = np.asarray(self.acquisition, dtype=np.float64)
        return KernelLine(builder, self.parameter, points[:, builder._columns[0]])


class KernelLine(NamedTuple):
    """Kernels of one axis over a setting, without anything that is checked anew."""

    builder: KernelBuilder
    """The KernelBuilder, fitted at one value of the setting."""
    parameter: str
    """The setting of its signal model."""
    points: np.ndarray
    """Acquisition points, (n_points, n_columns of the model)."""

    def at(self, value, **settings):
        """Return the kernel (n_points, n_bins) at a value and further settings."""
        made, model = copy.copy(self.builder), self.builder.models_[0]
        if "__" in self.parameter:
            model = clone(model).set_params(**{self.parameter: float(value)})
        else:
            # A thousand kernels make a table, and a clone costs as much as one.
            model = copy.copy(model)
            setattr(model, self.parameter, float(value))
        for name, setting in settings.items():
            setattr(model, name, setting)
        made.models_ = (model,)
        return made._axis_kernel(0, self.points)

    def moved_to(self, X):
        """Return the same for validated acquisition points X."""
        return self._replace(points=X[:, self.builder._columns[0]])


class Measured(NamedTuple):
    """Signals at acquisition points that have a weight."""

    X: object
    """The points, as transformers take them."""
    Y: np.ndarray
    """Signals, (n_points, n_signals)."""
    weight: np.ndarray | None
    """Weights of the points, (n_points,)."""


class SettingFits(NamedTuple):
    """What is found of each signal; nan where nothing is."""

    values: np.ndarray
    """Values of the setting, (n_signals,)."""
    coef: np.ndarray
    """Distributions, (n_signals, n_bins)."""
    intercept: np.ndarray
    """Baselines, (n_signals,)."""
    residuals: np.ndarray
    """Root mean squares of residuals, (n_signals,)."""
    free_residuals: np.ndarray
    """The same of fits without a penalty, (n_signals,)."""
    used: np.ndarray
    """Bins that these use, (n_signals,)."""
    status: np.ndarray
    """FitStatus, (n_signals,)."""
    choices: dict
    """Strengths and the like that were chosen, {name: (n_signals,)}."""

    @classmethod
    def empty(cls, status, n_bins):
        """Return room for signals of a status (n_signals,)."""
        n = status.size
        nothing = (np.full(n, np.nan) for _ in range(5))
        values, intercept, residuals, free, used = nothing
        coef = np.full((n, n_bins), np.nan)
        return cls(values, coef, intercept, residuals, free, used, status, {})

    def put(self, places, found):
        """Store the fits of some of the signals."""
        for mine, theirs in zip(self[:-1], found[:-1], strict=True):
            mine[places] = theirs
        for name, values in found.choices.items():
            whole = self.choices.setdefault(name, np.full(self.status.size, np.nan))
            whole[places] = values

    def lose(self, places, status):
        """Give some of the signals a status without numbers."""
        for column in (*self[:-2], *self.choices.values()):
            column[places] = np.nan
        self.status[places] = status


def find_values(kernels, measured, tried, intercept, n_jobs, work):
    """Return the value (n_signals,) that explains each signal best without penalty.

    Of the work it is a part.
    """
    X, Y, weight = measured
    residual = np.empty((tried.size, Y.shape[1]))

    def fit(index):
        misfit, _ = _fit_freely(kernels.at(tried[index], X), Y, weight, intercept)
        w = 1.0 if weight is None else weight[:, None]
        residual[index] = (w * misfit**2).sum(axis=0)

    told = work.part("values", tried.size)
    _run_free(fit, [(index,) for index in range(tried.size)], n_jobs, told)
    floor = rounding_floor(len(Y) * mean_squares(Y, weight))
    residual = np.maximum(residual, floor)
    return np.array([_lowest(tried, column) for column in residual.T])


def invert_groups(kernels, inversion, measured, values, n_jobs, work):
    """Return SettingFits of signals at values (n_signals,), and what is unexplained.

    Signals of one value share a fit of the inversion where it treats them alone. Of the
    work these fits are a part.
    """
    X, Y, weight = measured
    groups, member = np.unique(values, return_inverse=True)
    intercept = innermost(inversion).fit_intercept
    shared = choosing_for_each(inversion)
    used = inversion if shared is None else shared
    options = {} if weight is None else {"sample_weight": weight}
    n_bins = kernels.at(groups[0], X).shape[1]
    found = SettingFits.empty(np.zeros(values.size, dtype=np.int64), n_bins)
    found.values[:] = values
    report = Unexplained(values.size)

    def fit(group):
        mine = np.flatnonzero(member == group)
        K = kernels.at(groups[group], X)
        # A search would choose one strength for all that it is given.
        for part in mine[:, None] if shared is None else [mine]:
            with held_reports() as reports:
                model = clone(used).fit(K, Y[:, part], **options)
            for told in reports[-1:]:
                report.extend(told, part)
            for name, chosen in chosen_settings(model, part.size).items():
                if chosen.dtype != object:
                    room = np.full(values.size, np.nan)
                    found.choices.setdefault(name, room)[part] = chosen
            inner = final_step(model)
            found.coef[part] = np.atleast_2d(inner.coef_)
            found.intercept[part] = inner.intercept_
        rest = Y[:, mine] - K @ found.coef[mine].T - found.intercept[mine]
        found.residuals[mine] = np.sqrt(mean_squares(rest, weight))

    def fit_freely(group):
        mine = np.flatnonzero(member == group)
        K = kernels.at(groups[group], X)
        rest, coef = _fit_freely(K, Y[:, mine], weight, intercept)
        found.free_residuals[mine] = np.sqrt(mean_squares(rest, weight))
        found.used[mine] = np.count_nonzero(coef, axis=1)

    tasks = [(group,) for group in range(groups.size)]
    run_tasks(fit, tasks, n_jobs, work.part("inversions", len(tasks)), "inversion")
    _run_free(fit_freely, tasks, n_jobs)
    found.lose(~found.coef.any(axis=1), FitStatus.NO_SIGNAL)
    found.lose(~np.isfinite(found.residuals) & (found.status == 0), FitStatus.FAILED)
    return found, report


def lose_noise(found, measured, least_snr, inversion):
    """Lose signals that do not rise above the noise, as the loops over tables do."""
    if least_snr is None:
        return
    _, Y, weight = measured
    means = np.average(Y, axis=0, weights=weight)
    if inversion.fit_intercept:
        Y, means = Y - means, np.zeros(means.size)
    free = found.free_residuals
    floor = np.minimum(np.maximum(means, 0.0), FLOOR * free)
    explained = mean_squares(Y, weight) - 2.0 * floor * means + floor**2 - free**2
    is_noise = len(Y) * explained < (least_snr * free) ** 2
    found.lose(is_noise & (found.status == FitStatus.CONVERGED), FitStatus.NO_SIGNAL)


def innermost(inversion):
    """Return the linear inversion inside searches, or raise if it is none."""
    inner = inversion
    while not hasattr(inner, "fit_intercept") and hasattr(inner, "estimator"):
        inner = inner.estimator
    if not hasattr(inner, "fit_intercept"):
        raise TypeError(
            "estimator must end in a linear inversion, LassoFista, SmoothLasso, or a "
            f"search of their strengths, got {type(inner).__name__}."
        )
    return inner


def _fit_freely(K, Y, weight, intercept):
    """Return what a fit without penalty leaves of signals Y, and its distributions."""
    free = LassoFista(alpha=0.0, fit_intercept=intercept)
    with held_reports():
        return Y - free.fit(K, Y, sample_weight=weight).predict(K), free.coef_


def _run_free(fit, tasks, n_jobs, work=SILENT):
    """Run fits without penalty, whose gap has no meaning where they are exact."""
    with collect_warnings():
        run_tasks(fit, tasks, n_jobs, work, "value")


def _lowest(values, residual):
    """Return where a cubic spline through the sums of squares is lowest."""
    if np.ptp(residual) <= _FLAT * residual.max():
        return values[0]
    spline = CubicSpline(values, residual)
    turns = spline.derivative().roots(extrapolate=False)
    candidates = np.append(values, turns[np.isfinite(turns)])
    return candidates[spline(candidates).argmin()]
