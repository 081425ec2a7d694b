"""Errors of folds along strengths of a smooth LASSO on a grid of many bins."""

import numpy as np

from ..utils._grid_shape import check_grid_shape
from ..utils._parallel import single_blas_thread
from ._cv import FoldedSignals
from ._lasso_solvers import warn_gaps
from ._numba_fit import HeldOut
from ._penalty import kronecker_penalty
from ._plane_solvers import plane_path_errors
from ._plane_system import Plane, plane_of
from ._strengths import check_alpha, check_smoothness


def errors_along(name, strengths, target, folds, settings):
    """Return mean squared errors of folds, (n_folds, n_strengths, n_signals).

    Of the strength with a name decreasing values are given, (n_strengths, 1 or
    n_signals); `target` are the signals of a search, and settings are parameters of a
    smooth LASSO.
    """
    X, Y, weight = target.matrix, target.signals, target.sample_weight
    (n_strengths, _), q = strengths.shape, Y.shape[1]
    grid_shape = check_grid_shape(settings["grid_shape"], X, target.inputs)
    given = settings["smoothness"] if name == "alpha" else 1.0
    smoothness, scales = check_smoothness(given, settings["order"], grid_shape, q)
    penalty = kronecker_penalty(grid_shape, settings["order"], scales)
    each = {"smoothness": smoothness, "alpha": check_alpha(settings["alpha"], q)}
    each[name] = strengths
    each = {key: np.broadcast_to(each[key], (n_strengths, q)) for key in each}
    fit_intercept = settings["fit_intercept"]
    plane = plane_of(X, Y, weight, fit_intercept, grid_shape)
    data = FoldedSignals(plane.core, Y, weight, folds, fit_intercept)
    limits = settings["tol"], settings["max_iter"]
    # Signals of one path of smoothnesses go together.
    paths, path_of = np.unique(each["smoothness"], axis=1, return_inverse=True)
    errors, gaps = np.empty((2, len(folds), n_strengths, q))
    with single_blas_thread():
        for fold in range(len(folds)):
            rows, held_out = data.held_out(fold, slice(None))
            for path in range(paths.shape[1]):
                own = np.flatnonzero(path_of.ravel() == path)
                part = HeldOut(held_out.A, held_out.S[own], held_out.weight)
                smoothnesses, alphas = paths[:, path], each["alpha"][:, own].T
                if name == "alpha":
                    smoothnesses = smoothnesses[:1]
                else:
                    alphas = alphas[:, :1]
                found = plane_path_errors(
                    Plane(plane.basis, rows.part(own)), part, (smoothnesses, alphas),
                    penalty, settings["positive"], *limits,
                )  # fmt: skip
                errors[fold][:, own], gaps[fold][:, own] = (each.T for each in found)
            errors[fold] /= held_out.weight.sum()
    warn_gaps(gaps, *limits, "fits of the folds")
    return errors
