"""Errors of folds over all pairs of strengths of a smooth LASSO."""

import numpy as np

from ..utils._parallel import single_blas_thread
from ._adaptive import Following, adaptive_held_out_errors
from ._adaptive_planes import adaptive_plane_errors
from ._cv import FoldedSignals, cross_validate_paths
from ._plane_solvers import plane_path_errors
from ._plane_system import Plane
from ._smooth_solvers import smooth_held_out_errors


def cross_validate_smooth(rows, data, strengths, penalty, settings, n_jobs, work):
    """Return errors, gaps and counts of folds, see `cross_validate_paths`.

    `data` are FoldedSignals, `strengths` smoothnesses (n_smoothnesses,) and alphas (q,
    n_alphas), `penalty` a matrix or a Following, and settings are positive, tol and
    max_iter. Of the `work` it is a part.
    """
    follows = isinstance(penalty, Following)
    held_out_errors = adaptive_held_out_errors if follows else smooth_held_out_errors
    smoothnesses, alphas = strengths
    shape = smoothnesses.size, alphas.shape[1]
    n_points, n = data.X.shape
    cost = float(np.prod(shape)) * n**2 * (min(n_points, n) + n / 10)
    with single_blas_thread():
        if not isinstance(rows, Plane):

            def solve(fold_rows, held_out, part, path):
                return held_out_errors(
                    fold_rows, held_out, alphas[part], float(smoothnesses[path]),
                    penalty, *settings,
                )  # fmt: skip

            return cross_validate_paths(solve, data, shape, cost, n_jobs, work)
        # One path leads through all pairs, so that fits go warm from one to the next.
        core = FoldedSignals(
            rows.core, data.y, data.weight, data.folds, data.fit_intercept
        )

        if follows:
            given = strengths, penalty, settings
            return adaptive_plane_errors(rows, core, *given, work)

        def solve_plane(fold_rows, held_out, part, path):
            plane = Plane(rows.basis, fold_rows)
            given = smoothnesses, alphas[part]
            return plane_path_errors(plane, held_out, given, penalty, *settings)

        shape = 1, smoothnesses.size * alphas.shape[1]
        return cross_validate_paths(solve_plane, core, shape, cost, n_jobs, work)
