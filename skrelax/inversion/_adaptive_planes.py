"""Errors of folds where smoothness follows the solution on a grid of many bins."""

import itertools

import numpy as np

from ..model_selection._folds import fold_weights
from ._adaptive import FOLD_LIMITS, solve_alone
from ._plane_solvers import Found, solve_planes
from ._plane_system import Plane


def adaptive_plane_errors(plane, data, strengths, penalty, settings, work):
    """Return errors, gaps and counts of folds, see `cross_validate_paths`.

    `data` are FoldedSignals of the core of the kernel. Weights are found from all
    points, once for each pair of strengths, and serve in all folds. Of the `work`
    it is a part.
    """
    smoothnesses, alphas = strengths
    (q, n_alphas), n_folds = alphas.shape, len(data.folds)
    weight = np.ones(len(data.X)) if data.weight is None else data.weight
    errors, gaps = np.empty((2, n_folds, q, smoothnesses.size, n_alphas))
    floors = penalty.floors(plane)
    n_pairs = smoothnesses.size * n_alphas
    work = work.part("cross-validation", q)
    work.report(q * n_pairs)
    for k in range(q):
        told = work.part("signal", n_pairs)
        whole, logs = plane.part([k]), None
        folds = [data.held_out(fold, slice(k, k + 1)) for fold in range(n_folds)]
        folds = [(Plane(plane.basis, rows), held_out) for rows, held_out in folds]
        for row, column in itertools.product(range(smoothnesses.size), range(n_alphas)):
            smoothness, alpha = float(smoothnesses[row]), alphas[[k], column]
            given = whole, alpha, smoothness, penalty, floors[k]
            f, *_ = solve_alone(*given, settings, FOLD_LIMITS, logs)
            weights, _ = penalty.relaxed(f, floors[k])
            logs, matrix = np.log(weights), penalty.matrix(weights)
            for fold, (rows, held_out) in enumerate(folds):
                rows.found = (Found(np.array([smoothness]), alpha, f[None].copy()),)
                F, gap, _ = solve_planes(
                    rows, alpha, smoothness, matrix, settings[0], (*settings[1:], 1)
                )
                predicted = plane.basis.contract(F) @ held_out.A.T
                rest = predicted[0] - held_out.S[0]
                place = fold, k, row, column
                errors[place], gaps[place] = rest**2 @ held_out.weight, gap[0]
            told.step("strengths")
    shape = n_folds, q, -1
    return errors.reshape(shape), gaps.reshape(shape), fold_weights(data.folds, weight)
