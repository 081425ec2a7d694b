"""What a row of the result says of a fitted estimator."""

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ..inversion import KernelParameterSearch, MultiDimRegularizedILT
from ..inversion._linear import DistributionMixin
from ..metrics import (
    distribution_peaks,
    distribution_peaks_2d,
    distribution_statistics,
)
from ..nonlinear import FitStatus, NonlinearRelaxationFit
from ..uncertainty import bootstrap_distribution, estimate_noise_std
from ..utils._inspect import (
    best,
    final_step,
    find_builder,
    fitted_distributions,
    number_repeats,
)
from ..utils._scaling import centre_rows

_INVERSIONS = DistributionMixin, MultiDimRegularizedILT, KernelParameterSearch
_LAST = ("noise", "score", "status", "message")
# What is told of each peak, without the names of axes.
_OF_PEAKS = ("log_mean", "width", "ratio", "amplitude", "share")
_MESSAGES = {
    FitStatus.CONVERGED: "ok",
    FitStatus.AT_BOUND: "the minimum is at a limit of the search",
    FitStatus.NOT_IDENTIFIABLE: "the acquisition does not determine a parameter",
    FitStatus.NO_SIGNAL: "all points are zero",
    FitStatus.FAILED: "no minimum was found",
    FitStatus.MASKED: "masked",
}


class Columns:
    """Columns of the result that are filled group by group."""

    def __init__(self, n_groups):
        self.n_groups = n_groups
        self.found = {}
        self.status = self._column("status", np.dtype(object))
        self._column("message", np.dtype(object))

    def _column(self, name, dtype):
        """Return a column; what no fit fills in is nan, 0 (counts) or None."""
        if name not in self.found:
            empty = {"f": np.nan, "i": 0}.get(dtype.kind)
            kind = dtype if dtype.kind in "fi" else object
            self.found[name] = np.full(self.n_groups, empty, dtype=kind)
        return self.found[name]

    def store(self, members, columns):
        """Store values (n_members,) of several columns."""
        for name, values in columns.items():
            self._column(name, values.dtype)[members] = values

    def to_frame(self, lead):
        """Return the result, with the columns of `lead` first."""
        for name in ("noise", "score"):
            self._column(name, np.dtype(np.float64))
        # Columns of peaks are (number, name): the first peak comes first.
        peaks = sorted({key[0] for key in self.found if isinstance(key, tuple)})
        order = [key for key in self.found if isinstance(key, str) and key not in _LAST]
        for peak in peaks:
            order += [key for key in self.found if key[0] == peak]
        out = dict(lead)
        for key in (*order, *_LAST):
            name = key if isinstance(key, str) else f"{key[1]}_{key[0]}"
            name = _with_error(name)
            values = self.found[key]
            # Text gets the dtype of text, whatever pandas' version calls it.
            values = pd.Series(values).infer_objects()
            out[free_name(name, lead)] = values
        return pd.DataFrame(out)


def free_name(name, taken):
    """Return a name that is not taken, with the suffix ``_fit`` if need be."""
    while name in taken:
        name += "_fit"
    return name


def _with_error(name):
    """Return 'log_mean_0 stderr' for 'log_mean stderr_0'."""
    head, mark, tail = name.partition(" stderr_")
    return f"{head}_{tail} stderr" if mark else name


def knows_convergence(last):
    """Return whether an estimator tells for each signal whether it converged."""
    kinds = DistributionMixin, MultiDimRegularizedILT, NonlinearRelaxationFit
    return isinstance(last, kinds)


def describe(fitted, estimator, X, Y, weight, settings):
    """Return columns (n_signals,) that describe a fit to signals (n_points, n_signals).

    Keys are names, or (number of the peak, name).
    """
    last = final_step(fitted)
    w = np.ones(len(Y)) if weight is None else weight
    inner, K = best(fitted), X
    if isinstance(inner, Pipeline) and len(inner) > 1:
        # The kernel serves the signal and the noise level.
        K, inner = inner[:-1].transform(X), inner[-1]
    residuals = Y - np.asarray(inner.predict(K)).reshape(Y.shape)
    # Squares times 4**exponents: their own may be no doubles.
    residuals, exponents = centre_rows(residuals.T, np.float64)
    squares = np.abs(residuals) ** 2 @ w
    columns = _chosen(fitted, Y.shape[1])
    if isinstance(last, NonlinearRelaxationFit):
        columns |= _nonlinear(last, squares, np.iscomplexobj(Y), np.count_nonzero(w))
        columns["noise"] = np.ldexp(columns["noise"], exponents)
        return columns
    noise = {"noise": _noise(last, K, Y, w, squares, exponents)}
    if isinstance(last, _INVERSIONS):
        columns |= _distribution(fitted, last, settings.min_share) | noise
        if settings.n_bootstrap:
            columns |= _errors(fitted, estimator, X, Y, weight, settings, columns)
    centred, shift = centre_rows(Y.T, np.float64)
    means = centred @ w / w.sum()
    total = np.abs(centred - means[:, None]) ** 2 @ w
    columns |= noise
    with np.errstate(divide="ignore", invalid="ignore"):
        # A constant signal has nothing to explain.
        unexplained = np.ldexp(squares / total, 2 * (exponents - shift))
        columns["score"] = np.where(total > 0, 1.0 - unexplained, np.nan)
    status, message = _convergence(last, Y.shape[1])
    if "amplitude" in columns:
        lost = ~np.isfinite(columns["amplitude"])
        status[lost], message[lost] = "failed", "the distribution is not finite"
    zero = ~Y.any(axis=0)
    status[zero], message[zero] = "no signal", _MESSAGES[FitStatus.NO_SIGNAL]
    return columns | {"status": status, "message": message}


def _nonlinear(last, squares, is_complex, n_points):
    """Return the columns of a nonlinear fit."""
    names, codes = last.param_names_, np.atleast_1d(last.status_)
    columns = dict(zip(names, np.atleast_2d(last.params_).T, strict=True))
    errors = np.atleast_2d(last.stderr_).T
    for name, values in zip(names, errors, strict=True):
        columns[f"{name} stderr"] = values
    n_channels = 2 if is_complex else 1
    free = n_channels * (n_points - len(last.model_.amplitudes))
    free -= len(last.model_.parameters)
    columns["noise"] = np.sqrt(squares / free) if free > 0 else np.nan * squares
    columns["score"] = np.atleast_1d(last.r2_)
    codes = [FitStatus(code) for code in codes]
    columns["status"] = np.array([code.label for code in codes], dtype=object)
    columns["message"] = np.array([_MESSAGES[code] for code in codes], dtype=object)
    return columns


def _chosen(fitted, n_signals):
    """Return what searches have chosen: strengths, settings of the kernel."""
    chosen = {}
    while fitted is not None:
        values = {
            name: getattr(fitted, f"{name}_")
            for name in ("alpha", "smoothness", "strength")
            if hasattr(fitted, f"{name}_")
        }
        if hasattr(fitted, "value_"):
            values[fitted.parameter] = fitted.value_
        values |= getattr(fitted, "best_params_", {})
        for name, value in values.items():
            is_number = np.issubdtype(np.asarray(value).dtype, np.number)
            if is_number and np.shape(value) in ((), (n_signals,)):
                chosen[name] = np.full(n_signals, value, dtype=np.float64)
            elif np.ndim(value) == 0:
                chosen[name] = np.full(n_signals, str(value), dtype=object)
        if hasattr(fitted, "best_estimator_"):
            fitted = fitted.best_estimator_
        else:
            fitted = fitted[-1] if isinstance(fitted, Pipeline) else None
    return chosen


def _grid(fitted):
    """Return distributions (n_signals, n_bins), bins per axis or None, and names."""
    f, times, models = fitted_distributions(fitted)
    if times is None:
        return f, None, None
    names = number_repeats([model.parameters[0].name for model in models])
    names = names or [f"{axis}" for axis in range(len(times))]
    if any(model.is_discrete for model in models) or min(map(np.min, times)) <= 0:
        # Bins of an axis that is not inverted are no relaxation times.
        return f, None, None
    return f, times, names


def _distribution(fitted, last, min_share):
    """Return amplitudes, statistics and peaks of distributions."""
    f, times, names = _grid(fitted)
    if times is None:
        columns = {"amplitude": f.clip(min=0.0).sum(axis=1)}
    else:
        table = distribution_statistics(f, times, names)
        columns = {name: table[name].to_numpy() for name in table}
    if isinstance(last, MultiDimRegularizedILT) or (f < 0).any():
        columns["negative_amplitude"] = f.clip(max=0.0).sum(axis=1)
    baseline = getattr(last, "baseline_", getattr(last, "intercept_", None))
    inner = final_step(getattr(last, "estimator", last))
    has_one = getattr(inner, "fit_intercept", np.shape(baseline) in ((), (len(f),)))
    if baseline is not None and has_one and not isinstance(baseline, tuple):
        columns["baseline"] = np.full(len(f), baseline, dtype=np.float64)
    if times is not None and len(times) < 3:
        columns |= _peaks(f, times, names, min_share)
    return columns


def _peaks(f, times, names, min_share):
    """Return numbers of peaks, and what is told of each."""
    if len(times) == 1:
        table = distribution_peaks(f, times[0], min_share)
    else:
        table = distribution_peaks_2d(f, times, min_share, tuple(names))
    signal = table["signal"].to_numpy(dtype=np.int64)
    at_edge = table["at_edge"].to_numpy(dtype=bool)
    columns = {
        "n_peaks": np.bincount(signal, minlength=len(f)),
        "n_edge_peaks": np.bincount(signal[at_edge], minlength=len(f)),
    }
    told = [name for name in table if name.startswith(_OF_PEAKS)]
    for number in range(columns["n_peaks"].max(initial=0)):
        part = (table["peak"] == number).to_numpy()
        for name in told:
            values = np.full(len(f), np.nan)
            values[signal[part]] = table[name].to_numpy(dtype=np.float64)[part]
            columns[number, name] = values
    return columns


def _errors(fitted, estimator, X, Y, weight, settings, columns):
    """Return standard errors of statistics and peaks from refits with new noise."""
    last = final_step(fitted)
    if isinstance(last, MultiDimRegularizedILT):
        return _errors_of_bands(fitted, last, settings)
    if find_builder(fitted) is None:
        return {}
    errors = {}
    for k, y in enumerate(Y.T):
        noise = columns["noise"][k]
        result = bootstrap_distribution(
            estimator, X, y, n_bootstrap=settings.n_bootstrap, sample_weight=weight,
            noise=noise if np.isfinite(noise) else "residual",
            random_state=settings.random_state,
        )  # fmt: skip
        for name, value in result.statistics["std"].items():
            head, _, tail = name.rpartition("_")
            key, owner = f"{name} stderr", name
            # Numbers at the end may also be those of axes: "log_mean_T2_0".
            if tail.isdigit() and name not in columns:
                key, owner = (int(tail), f"{head} stderr"), (int(tail), head)
            if owner in columns:
                errors.setdefault(key, np.full(Y.shape[1], np.nan))[k] = value
    return errors


def _errors_of_bands(fitted, last, settings):
    """Return standard errors of the statistics of signed distributions."""
    f, times, names = _grid(fitted)
    if times is None:
        return {}
    # Signals with refits are fitted alone, so there is one.
    bands = last.bands(settings.n_bootstrap, random_state=settings.random_state)
    samples = bands.samples.reshape(settings.n_bootstrap, f.shape[1])
    table = distribution_statistics(samples, times, names)
    return {f"{name} stderr": np.array([table[name].std(ddof=1)]) for name in table}


def _noise(last, K, Y, w, squares, exponents):
    """Return the noise of a point of weight one, nan where nothing is left over.

    Squares times 4**exponents are the weighted sums of squared residuals.
    """
    if isinstance(last, MultiDimRegularizedILT):
        return np.full(squares.size, last.noise_std_)
    final = final_step(getattr(last, "estimator", last))
    has_constant = bool(getattr(final, "fit_intercept", False))
    used = 0
    if isinstance(last, DistributionMixin):
        # Residuals of a strong penalty would hold its bias as well.
        K = np.asarray(K)
        if has_constant:
            K = np.column_stack([K, np.ones(len(K))])
        Y, shift = centre_rows(Y.T, np.float64)
        try:
            std = estimate_noise_std(Y.T, K, method="residual", sample_weight=w)
        except ValueError:
            # There are not more points than the kernel can make.
            return np.full(squares.shape, np.nan)
        return np.ldexp(std * np.sqrt(w[w > 0].mean()), shift)
    if isinstance(last, _INVERSIONS):
        used = np.count_nonzero(np.atleast_2d(last.coef_), axis=1) + has_constant
    free = np.broadcast_to(np.count_nonzero(w) - used, squares.shape)
    out = np.full(squares.shape, np.nan)
    root = np.sqrt(np.divide(squares, free, out=out, where=free > 0))
    return np.ldexp(root, exponents)


def _convergence(last, n_signals):
    """Return statuses and messages (n_signals,)."""
    status = np.full(n_signals, "converged", dtype=object)
    message = np.full(n_signals, "ok", dtype=object)
    if isinstance(last, MultiDimRegularizedILT):
        missed = ~np.atleast_1d(last.converged_)
        status[missed] = "completed"
        if last.scheme == "convergent":
            status[missed] = "not converged"
        for k in np.flatnonzero(missed):
            steps = last.convergence_ if n_signals == 1 else last.convergence_[k]
            change = np.ravel(steps)[-1] if np.size(steps) else np.nan
            message[k] = f"the last relative change is {change:.1g}"
    elif isinstance(last, DistributionMixin):
        gaps = np.atleast_1d(last.dual_gap_)
        missed = ~(gaps <= last.tol)
        status[missed] = "not converged"
        for k in np.flatnonzero(missed):
            message[k] = f"relative duality gap {gaps[k]:.1g}, tol={last.tol:.1g}"
        folds = getattr(last, "cv_dual_gap_", 0.0)
        if np.isnan(folds):
            status[:] = "not converged"
        if not folds <= last.tol:
            message[~missed] = f"relative duality gap {folds:.1g} in a fold"
    return status, message
