"""What the estimators with built-in cross-validation share."""

import numbers

import numpy as np
from joblib import effective_n_jobs
from sklearn.model_selection import check_cv

from ..model_selection import InterleavedKFold
from ..utils._parallel import THREAD_WORTH, run_tasks, split_slices
from ._problem import make_problem


def make_folds(cv, X, y):
    """Return (train, test) pairs; an int or None interleaves points."""
    if cv is None or isinstance(cv, numbers.Integral):
        cv = InterleavedKFold(5 if cv is None else cv)
    return list(check_cv(cv).split(X, y))


def check_path(name, values):
    """Return values as a decreasing array, or raise if one is negative."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not (values >= 0).all():
        raise ValueError(f"{name} must be numbers of at least 0, at least one.")
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
    counts = np.array([weight[test].sum() for _, test in folds])
    if not (counts > 0).all():
        raise ValueError("every fold must hold out a point of positive weight.")
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


def choose_candidate(errors, counts, rule, noise_std, per_signal=False):
    """Return (best index, mean, standard error, curves of the folds).

    Candidates are ordered from the strongest penalty to the weakest. Shapes are
    (n_candidates, 1 or q) and (n_folds, n_candidates, 1 or q).
    """
    mse = errors / counts[:, None, None]
    if not per_signal:
        mse = mse.mean(axis=1, keepdims=True)
    mse = mse.transpose(0, 2, 1)
    mean = np.average(mse, axis=0, weights=counts)
    error = np.zeros_like(mean)
    if len(mse) > 1:
        error = mse.std(axis=0, ddof=1) / np.sqrt(len(mse))
    curve = mean if noise_std is None else np.abs(mean - noise_std**2)
    best = curve.argmin(axis=0)
    if rule == "1se":
        columns = np.arange(best.size)
        best = (curve <= (curve + error)[best, columns]).argmax(axis=0)
    return best, mean, error, mse
