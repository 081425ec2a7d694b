"""Smoothness that follows the solution, on arrays: threads and fallbacks around loops.

What is minimised, and by which weights, see `_numba_adaptive`.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from ..utils._parallel import run_chunks, single_blas_thread
from ..utils._warnings import give_warning
from ._lasso_solvers import relative_gap
from ._numba_adaptive import (
    MEMORY,
    Adaptive,
    AdaptiveWork,
    Stencil,
    Task,
    adaptive_path_errors,
    adaptive_solve,
    extrapolate,
    relax,
    variation,
)
from ._numba_fit import CertifiedKernel, Signals
from ._penalty import difference_matrix
from ._plane_system import Plane
from ._smooth_solvers import own_shift, smooth_of, smooth_work, solve_smooth

# Differences that are large are those above this fraction of an amplitude, squared.
_FLOOR = 2e-4
# That amplitude is the one of bins that share the signal: this many on each axis of
# this many peaks' width.
_PEAK = 10
# Bins that a window reaches to each side, on as many axes as this.
_REACH, _MOST_AXES = 2, 3
# Change of an amplitude, of the largest one, at which weights have settled, and the
# one that fits which cannot come so near may end with.
_SETTLED, _UNSETTLED = 1e-8, 1e-6
# Largest number of weighted fits.
_MAX_ROUNDS = 1000
# The same two for the fits of folds.
FOLD_LIMITS = 1e-3, 40


@dataclass
class Following:
    """A penalty on differences of a grid whose weights follow the solution."""

    stencil: Stencil
    """The differences."""
    indptr: np.ndarray
    """Where the rows of the matrix begin, (n_bins + 1,)."""
    indices: np.ndarray
    """Columns of its values."""

    def matrix(self, weight):
        """Return sum_i w_i d_i^T d_i for weights of the bins (n_bins,), sparse."""
        stencil, c = self.stencil, self.stencil.coefficients
        # In the order of the compiled sum, which is compiled for loops alone.
        w = np.asarray(weight, dtype=np.float64)[stencil.centres] * stencil.scales
        values = w[:, None, None] * c[:, None] * c
        size = self.indices.size
        data = np.bincount(stencil.places.ravel(), values.ravel(), minlength=size)
        n = self.stencil.inside.size
        return sparse.csr_array((data, self.indices, self.indptr), shape=(n, n))

    def relaxed(self, f, floor):
        """Return the weights of the bins that f (n_bins,) gives, and its penalty."""
        v, weight = np.empty((2, f.size))
        padded = np.empty((2, int(np.prod(self.stencil.shape))))
        f = np.ascontiguousarray(f, dtype=np.float64)
        variation(self.stencil, f, v)
        penalty = relax(self.stencil, v, float(floor), padded, weight)
        return weight, penalty

    def floors(self, rows):
        """Return the squared difference above which smoothness gives way, (q,)."""
        n = self.stencil.shape - 2 * self.stencil.reach
        share = float(np.prod(_PEAK / np.maximum(n, _PEAK)))
        squares = np.einsum("ij,ij->i", rows.S, rows.S) + rows.extra
        floors = _FLOOR * share**2 * squares / (rows.mean_square() or 1.0)
        # Of signals of zeros all is zero, whatever the floor.
        return np.where(floors > 0.0, floors, 1.0)


def following(grid_shape, order, scales=None):
    """Return the Following of a grid in C order, with a factor for each axis."""
    shape = np.array(grid_shape, dtype=np.int64)
    n = int(shape.prod())
    numbers = np.arange(n).reshape(shape)
    scales = np.ones(shape.size) if scales is None else scales
    bins, centres, factors = [], [], []
    # The identity has no direction: one axis stands for all.
    for axis in range(1 if order == 0 else shape.size):
        count = max(int(shape[axis]) - order, 0)
        parts = [
            np.take(numbers, np.arange(k, k + count), axis=axis).ravel()
            for k in range(order + 1)
        ]
        bins.append(np.stack(parts, axis=1))
        centres.append(parts[order // 2])
        factors.append(np.full(parts[0].size, float(scales[axis])))
    bins = np.concatenate(bins)
    coefficients = difference_matrix(order + 1, order).toarray()[0]
    size = order + 1
    keys = (bins[:, :, None] * n + bins[:, None, :]).reshape(-1, size**2)
    known, places = np.unique(keys, return_inverse=True)
    rows, columns = np.divmod(known, n)
    indptr = np.searchsorted(rows, np.arange(n + 1))
    # Axes of one bin have no neighbours, and windows on many axes no end of margins.
    windowed = shape[shape > 1] if (shape > 1).any() else shape[:1]
    reach = _REACH if windowed.size <= _MOST_AXES else 0
    margin = windowed + 2 * reach
    places_of_bins = np.ravel_multi_index(
        [index.ravel() + reach for index in np.indices(windowed)], tuple(margin)
    )
    stencil = Stencil(
        bins.astype(np.int64),
        coefficients.astype(np.float64),
        np.concatenate(factors),
        np.concatenate(centres).astype(np.int64),
        np.ascontiguousarray(places.reshape(keys.shape).astype(np.int64)),
        margin,
        places_of_bins.astype(np.int64),
        reach,
    )
    return Following(stencil, indptr.astype(np.int64), columns.astype(np.int64))


def adaptive_work(n, m, n_padded):
    """Return the workspace of the loops for n bins and m rows."""
    logs, history = np.zeros((3, n)), np.zeros((2, MEMORY + 1, n))
    weight, v, kept = np.zeros((3, n))
    padded = np.empty((2, n_padded))
    return AdaptiveWork(smooth_work(n, m), weight, v, padded, logs, history, kept)


def _adaptive_of(rows, penalty, smoothness, settings):
    """Return the Adaptive of a fit, with matrices of its own; settings end its fits."""
    n = rows.AT.shape[0]
    kernel = CertifiedKernel(rows.AT, False, *own_shift(rows))
    matrix = penalty.matrix(np.ones(n))
    smooth = smooth_of(kernel, np.empty((n, n)), smoothness, matrix)
    return Adaptive(smooth, rows.gram, penalty.stencil, *settings)


def _with_smoothness(adaptive, smoothness):
    """Return the Adaptive of another smoothness, with the same matrices."""
    smooth = adaptive.smooth
    roughness = smooth.roughness._replace(smoothness=smoothness)
    return adaptive._replace(smooth=smooth._replace(roughness=roughness))


def solve_adaptive(
    rows, alphas, smoothness, penalty, positive, tol, max_iter, n_jobs=None
):
    """Return F (q, n), relative gaps, fits and last changes (q,) of all signals.

    Arguments as of `solve_smooth`, but for `penalty`, a Following.
    """
    q = rows.S.shape[0]
    each = np.array(np.broadcast_to(np.asarray(smoothness, dtype=np.float64), (q,)))
    floors = penalty.floors(rows)
    n = penalty.stencil.inside.size
    F, gaps, changes = np.zeros((q, n)), np.full(q, np.inf), np.full(q, np.inf)
    rounds = np.zeros(q, dtype=int)
    todo = np.flatnonzero(each > 0.0)
    if positive and not isinstance(rows, Plane) and todo.size:
        m = rows.AT.shape[1]
        limits = _SETTLED, min(max_iter, _MAX_ROUNDS)

        def chunk(part):
            own = todo[part]
            adaptive = _adaptive_of(rows, penalty, 0.0, limits)
            work = adaptive_work(n, m, int(penalty.stencil.shape.prod()))
            info = np.zeros((own.size, 4))
            for out, k in zip(info, own, strict=True):
                numbers = float(rows.extra[k]), float(alphas[k]), float(floors[k])
                problem = _with_smoothness(adaptive, float(each[k]))
                adaptive_solve(
                    problem, Task(rows.S[k], *numbers, True), F[k], work, out
                )
            gaps[own] = relative_gap(info)
            rounds[own], changes[own] = info[:, 2], info[:, 3]

        with single_blas_thread():
            # The Gram matrix is made once, before threads ask for it.
            _ = rows.gram
            run_chunks(chunk, todo.size, 20.0 * n**2 * (m + n / 4), n_jobs)
    settings = positive, tol, max_iter
    for k in np.flatnonzero(~(gaps <= tol)):
        part = rows.part([k])
        given = part, alphas[[k]], float(each[k]), penalty, floors[k]
        f, *info = solve_alone(*given, settings, (_SETTLED, _MAX_ROUNDS))
        if not info[0] >= gaps[k]:
            F[k] = f
            gaps[k], rounds[k], changes[k] = info
    return F, gaps, rounds, changes


def solve_alone(rows, alpha, smoothness, penalty, floor, settings, limits, begin=None):
    """Return f (n,), gap, fits and last change of one signal, by any solver.

    Settings are positive, tol and max_iter; limits the change at which weights have
    settled, and the largest number of fits. `begin` are logarithms of weights (n,).
    """
    positive, tol, max_iter = settings
    n = penalty.stencil.inside.size
    if smoothness == 0.0:
        matrix = penalty.matrix(np.ones(n))
        F, gaps, n_iter = solve_smooth(
            rows, alpha, 0.0, matrix, positive, tol, max_iter
        )
        return F[0], gaps[0], n_iter[0], 0.0
    settled, max_rounds = limits
    logs, history = np.zeros((3, n)), np.zeros((2, MEMORY + 1, n))
    logs[0] = 0.0 if begin is None else begin
    best, count, kept, change = np.inf, 0, np.zeros(n), np.inf
    gap = np.inf
    for it in range(1, min(max_iter, max_rounds) + 1):
        weight = np.exp(logs[0])
        matrix = penalty.matrix(weight)
        F, gaps, _ = solve_smooth(
            rows, alpha, smoothness, matrix, positive, tol, max_iter
        )
        f = F[0]
        relaxed, total = penalty.relaxed(f, floor)
        objective = _misfit(rows, f) + alpha[0] * np.abs(f).sum()
        objective += 0.5 * smoothness * total
        if objective > best * (1.0 + _UNSETTLED * tol) and count > 0:
            count = 0
            logs[0] = np.log(penalty.relaxed(kept, floor)[0])
            continue
        best, gap = min(best, objective), gaps[0]
        if it > 1:
            largest = np.abs(f).max()
            change = np.abs(f - kept).max() / largest if largest > 0.0 else 0.0
        kept = f.copy()
        if change <= settled:
            break
        logs[1] = np.log(relaxed)
        if it == 1:
            logs[2] = logs[1]
        else:
            extrapolate(logs, history, count)
            count += 1
        logs[0] = logs[2]
    return kept, gap, it, change


def _misfit(rows, f):
    """Return half the squared residuals of one signal."""
    r = rows.residuals([0], f[None])[0]
    return 0.5 * float(r @ r + rows.extra[0])


def adaptive_held_out_errors(
    rows, held_out, alphas, smoothness, penalty, positive, tol, max_iter
):
    """Return sums of squares on held-out points and gaps for decreasing alphas.

    All are (q, n_alphas). Weights go on from one alpha to the next, and settle less
    than those of a fit: errors do not need more.
    """
    errors, gaps = np.full((2, *alphas.shape), np.inf)
    floors = penalty.floors(rows)
    if positive and smoothness > 0.0:
        n, m = rows.AT.shape
        limits = FOLD_LIMITS[0], min(max_iter, FOLD_LIMITS[1])
        adaptive_path_errors(
            _adaptive_of(rows, penalty, float(smoothness), limits),
            Signals(rows.S, rows.extra),
            alphas,
            floors,
            adaptive_work(n, m, int(penalty.stencil.shape.prod())),
            held_out,
            errors,
            gaps,
        )
    settings = positive, tol, max_iter
    for k, column in np.argwhere(~(gaps <= tol)):
        given = rows.part([k]), alphas[[k], column], smoothness, penalty, floors[k]
        f, gap, *_ = solve_alone(*given, settings, FOLD_LIMITS)
        if not gap >= gaps[k, column]:
            gaps[k, column] = gap
            rest = held_out.A @ f - held_out.S[k]
            errors[k, column] = rest**2 @ held_out.weight
    return errors, gaps


def warn_unsettled(changes, max_iter):
    """Warn about signals whose weights have not come to rest."""
    missed = ~(changes <= _UNSETTLED)
    if missed.any():
        give_warning(
            f"the smoothness of {np.count_nonzero(missed)} of {changes.size} signals "
            f"did not settle within {min(max_iter, _MAX_ROUNDS)} weighted fits "
            f"(largest last change {np.max(changes[missed]):.3g} of the largest "
            "amplitude). Another smoothness, or more iterations, help.",
            ConvergenceWarning,
        )
