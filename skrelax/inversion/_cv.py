"""What the estimators with built-in cross-validation share."""

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
from ..model_selection._split import check_splitter, fold_weights, make_folds
from ..utils._linear_inputs import STRENGTH
from ..utils._parallel import THREAD_WORTH, run_tasks, split_slices
from ..utils._sklearn import process_routing, routing_enabled
from ..utils._validation import check_numbers, stable_std
from ._problem import make_problem


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


def check_path(name, values):
    """Return values as a decreasing array, or raise if one is negative."""
    values = check_numbers(values, name, ndim=1, finite=False)
    if not values.size or not ((values >= 0) & (values <= STRENGTH.right)).all():
        raise ValueError(
            f"{name} must be numbers of at least 0, none above "
            f"{STRENGTH.right:.0e}, at least one, got {values}."
        )
    return np.sort(values)[::-1].copy()


def cross_validate_path(
    solve, X, y, weight, folds, n_candidates, n_outer, cost, fit_intercept, n_jobs,
    verbose,
):  # fmt: skip
    """Return errors, gaps (n_folds, q, n_candidates) and weights of the folds.

    ``solve(problem, index, test_K, test_S, test_weight, errors, gaps)`` fills in
    the candidates of outer index `index` (a block of n_candidates / n_outer) for
    the signals of the problem; `cost` is an estimate per signal and fold.
    """
    q = y.shape[1]
    weight = np.ones(X.shape[0]) if weight is None else weight
    counts = fold_weights(folds, weight)
    errors = np.empty((len(folds), q, n_candidates))
    gaps = np.empty_like(errors)
    block = n_candidates // n_outer

    def prepare(fold, part):
        train, test = folds[fold]
        problem = make_problem(
            X[train], y[train][:, part], weight[train], fit_intercept
        )
        # With a baseline the test points are predicted relative to the means.
        test_K = np.ascontiguousarray(X[test] - problem.kernel_mean)
        test_S = np.ascontiguousarray((y[test][:, part] - problem.signal_mean).T)
        return problem, test_K, test_S, weight[test]

    def run(fold, part, outer):
        problem, *held_out = prepare(fold, part)
        for index in outer:
            candidates = slice(index * block, (index + 1) * block)
            solve(
                problem, index, *held_out, errors[fold, part, candidates],
                gaps[fold, part, candidates],
            )  # fmt: skip

    # Work is shared out by folds, then by outer candidates and chunks of signals.
    total = q * cost * len(folds)
    n_jobs = n_jobs if total > THREAD_WORTH else 1
    n_parts = int(np.ceil(4 * effective_n_jobs(n_jobs) / len(folds)))
    if effective_n_jobs(n_jobs) == 1:
        n_parts = 1
    parts = split_slices(q, n_parts) if n_outer == 1 else [slice(0, q)]
    outers = np.array_split(np.arange(n_outer), min(n_parts, n_outer))
    tasks = [
        (fold, part, outer)
        for fold in range(len(folds))
        for part in parts
        for outer in outers
    ]
    run_tasks(run, tasks, n_jobs, verbose)
    return errors, gaps, counts


def choose_candidate(errors, counts, rule, noise_std, squares, per_signal=False):
    """Return (best index, mean, standard error, curves of the folds).

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
    if rule == "1se":
        best = within_one_standard_error(curve, error, floored, best)
    return best, mean, error, mse
