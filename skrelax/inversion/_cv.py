"""What the estimators with built-in cross-validation share."""

from dataclasses import dataclass

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
)

from ..model_selection._criteria import (
    first_minimum,
    rounding_floor,
    within_one_standard_error,
)
from ..model_selection._folds import check_splitter, fold_weights, make_folds
from ..utils._parallel import THREAD_WORTH, run_tasks, split_slices
from ..utils._sklearn import process_routing, routing_enabled
from ..utils._validation import stable_std
from ._numba_fit import HeldOut
from ._weighted_rows import weigh_rows

# Share of the lowest error that the error of rule="near" may lie above it.
_NEAR = 0.03


class FoldsMixin:
    """Routing of weights to fits, and of groups to the folds, of `cv`."""

    # Groups are for the folds alone, so nobody has to request them of the fit.
    __metadata_request__fit = {"groups": UNUSED}

    def get_metadata_routing(self):
        """Return who takes which metadata.

        Returns
        -------
        MetadataRouter
            Weights are for the estimator, groups for the folds.
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                splitter=check_splitter(self.cv),
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
        )

    def _folds(self, X, y, sample_weight, groups):
        """Return the folds of the points."""
        splitter = check_splitter(self.cv)
        if routing_enabled():
            given = {"sample_weight": sample_weight, "groups": groups}
            given = {name: value for name, value in given.items() if value is not None}
            routed = process_routing(self, "fit", **given)
            groups = routed.splitter.split.get("groups")
        return make_folds(splitter, X, y, groups)


@dataclass
class FoldedSignals:
    """Kernel, signals and weights of all points, and the folds that hold some out."""

    X: np.ndarray
    """Kernel, (n_points, n_bins)."""
    y: np.ndarray
    """Signals, (n_points, n_signals)."""
    weight: np.ndarray | None
    """Weight of each point, (n_points,), or None for ones."""
    folds: list
    """Indices of points to fit and to hold out, a pair per fold."""
    fit_intercept: bool
    """Whether signals have a baseline."""

    def held_out(self, fold, signals):
        """Return the WeightedRows of a fold and the points that it holds out."""
        train, test = self.folds[fold]
        weight, tested = None, np.ones(len(test))
        if self.weight is not None:
            weight, tested = self.weight[train], self.weight[test]
        Y = self.y[train][:, signals]
        rows = weigh_rows(self.X[train], Y, weight, self.fit_intercept)
        # With a baseline the held-out points are predicted relative to the means.
        K = np.ascontiguousarray(self.X[test] - rows.kernel_mean)
        S = np.ascontiguousarray((self.y[test][:, signals] - rows.signal_mean).T)
        return rows, HeldOut(K, S, tested)


def cross_validate_paths(solve, data, shape, cost, n_jobs, work):
    """Return errors, gaps (n_folds, q, n_paths * n_steps) and weights of the folds.

    `data` are FoldedSignals, `shape` is (n_paths, n_steps), `cost` an estimate per
    signal and fold. ``solve(rows, held_out, part, path)`` returns sums of squares on
    the held-out points and relative gaps along a path, (q, n_steps) each, of a part of
    the signals. Of the `work` it is a part.
    """
    q = data.y.shape[1]
    n_folds, (n_paths, n_steps) = len(data.folds), shape
    weight = np.ones(data.X.shape[0]) if data.weight is None else data.weight
    counts = fold_weights(data.folds, weight)
    errors = np.empty((n_folds, q, n_paths * n_steps))
    gaps = np.empty_like(errors)

    def run(fold, part, paths):
        told[fold].begin()
        rows, held_out = data.held_out(fold, part)
        for path in paths:
            steps = slice(path * n_steps, (path + 1) * n_steps)
            place = fold, part, steps
            errors[place], gaps[place] = solve(rows, held_out, part, path)
            told[fold].step("path")

    # Work is shared out by folds, then by paths, or for one path by chunks of signals.
    total = q * cost * n_folds
    n_jobs = n_jobs if total > THREAD_WORTH else 1
    n_threads = effective_n_jobs(n_jobs)
    n_parts = int(np.ceil(4 * n_threads / n_folds)) if n_threads > 1 else 1
    parts = split_slices(q, n_parts) if n_paths == 1 else [slice(0, q)]
    chunks = np.array_split(np.arange(n_paths), min(n_parts, n_paths))
    tasks = [
        (fold, part, paths)
        for fold in range(n_folds)
        for part in parts
        for paths in chunks
    ]
    work = work.part("cross-validation", n_folds)
    work.report(n_folds * len(parts) * n_paths, n_jobs=n_jobs)
    told = [work.part("fold", len(parts) * n_paths) for _ in range(n_folds)]
    run_tasks(run, tasks, n_jobs)
    return errors, gaps, counts


def paths_of(alphas, n_signals):
    """Return the decreasing alphas (n_alphas[, q]) of each signal, (q, n_alphas)."""
    shape = alphas.shape[0], n_signals
    alphas = alphas if alphas.ndim == 2 else alphas[:, None]
    return np.ascontiguousarray(np.broadcast_to(alphas, shape).T)


def largest_gap(gaps, per_signal):
    """Return the largest of gaps (n_folds, q, n_candidates), or that of each, (q,)."""
    return gaps.max(axis=(0, 2)) if per_signal else float(gaps.max())


def choose_candidate(errors, counts, rule, noise_std, squares, per_signal=False):
    """Return (best index, mean, standard error, curves of the folds).

    A rule that chooses otherwise gets the index of the smallest error.
    Candidates are ordered from the strongest penalty to the weakest; of those that
    are equal to rounding the strongest is taken. Shapes are (n_candidates, 1 or q) and
    (n_folds, n_candidates, 1 or q). `squares` is the mean square of each signal, (q,).
    """
    mse = errors / counts[:, None, None]
    if not per_signal:
        mse = mse.mean(axis=1, keepdims=True)
        squares = squares.mean(keepdims=True)
    mse = mse.transpose(0, 2, 1)
    mean = np.average(mse, axis=0, weights=counts)
    error = np.zeros_like(mean)
    if len(mse) > 1:
        error = stable_std(mse, axis=0) / np.sqrt(len(mse))
    floored = np.maximum(mean, rounding_floor(squares))
    curve = floored if noise_std is None else np.abs(floored - float(noise_std) ** 2)
    best = first_minimum(curve, floored)
    if rule in ("near", "1se"):
        allowed = error if rule == "1se" else _NEAR * floored
        best = within_one_standard_error(curve, allowed, floored, best)
    return best, mean, error, mse


def pair_table(alphas, smoothnesses):
    """Return the pairs of alphas (n_alphas[, q]) and smoothnesses, two columns."""
    shape = (smoothnesses.size, *alphas.shape)
    rows = smoothnesses.reshape(-1, *[1] * alphas.ndim)
    pairs = {"alpha": alphas, "smoothness": rows}
    return {name: np.broadcast_to(each, shape).copy() for name, each in pairs.items()}


def curve_table(strengths, mean, error, mse):
    """Return the columns of `cv_results_`, those of the errors in their shape."""
    shape = strengths["alpha"].shape
    table = strengths | {
        "mean_test_mse": mean.reshape(shape),
        "se_test_mse": error.reshape(shape),
    }
    for index, fold in enumerate(mse):
        table[f"split{index}_test_mse"] = fold.reshape(shape)
    return table
